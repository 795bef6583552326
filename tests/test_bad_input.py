"""What every public function does with what it should not be given.

Each public name of the package has valid arguments below. One of them at a time is replaced by something wrong, or
merely odd. The call must then return finite numbers, or refuse with a ValueError of one line; it must never change
what it was given.
"""

import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pytest
import torch
from conftest import had
from matplotlib.figure import Figure
from torch import nn

import book_utils
from book_utils.data import Split
from book_utils.penalties import l2_penalty

RNG = np.random.default_rng(0)
X, y, w = RNG.standard_normal((6, 3)), RNG.standard_normal(6), RNG.standard_normal(3)
ROWS = torch.tensor(X)
VOTES = RNG.integers(0, 2, (4, 6))
PROBS, CLASSES = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True), np.array([0, 0, 0, 1, 2, 1])
BINS = "uncertainty.reliability"  # which says nan where a bin is empty
SPLIT = Split(X, y, X[:4], y[:4])


def fit_arguments():
    model = nn.Linear(3, 1)
    return {"model": model, "split": SPLIT, "loss_fn": nn.MSELoss(), "num_epochs": 2, "batch_size": 4, "seed": 0,
            "patience": 1, "optimizer": torch.optim.SGD(model.parameters(), lr=0.01), "progress": False,
            "penalty": lambda model: 0.1 * l2_penalty(model), "after_step": lambda model: None}


# Valid arguments of every public function, made anew for each call.
ARGUMENTS = {
    "bayes.gaussian_kl": lambda: {"mu": w, "sigma": abs(w), "prior_std": 1.0},
    "bayes.linear_elbo": lambda: {"X": X, "y": y, "mu": w, "sigma": abs(w), "noise_std": 0.5, "prior_std": 1.0},
    "bayes.linear_posterior": lambda: {"X": X, "y": y, "noise_std": 0.5, "prior_std": 1.0},
    "bayes.max_stable_lr": lambda: {"X": X, "noise_std": 0.5, "prior_std": 1.0},
    "bayes.mean_field": lambda: {"X": X, "y": y, "noise_std": 0.5, "prior_std": 1.0},
    "data.california": lambda: {"split": "spatial", "test_size": 0.3, "seed": 1},
    "data.circles": lambda: {"n": 40, "noise": 0.1, "test_size": 0.3, "flip": 0.1, "seed": 1},
    "data.co2": lambda: {},
    "data.diabetes": lambda: {"n_train": 300, "seed": 1},
    "data.mnist5k": lambda: {"n_train": 300, "seed": 1},
    "data.uci": lambda: {"name": "yacht", "split": 3},
    "exercises.check": lambda: {"function": lambda mu, s: mu, "name": "mean_relu"},
    "experiments.pm": lambda: {"values": y, "digits": 1},
    "experiments.run": lambda: {"task": lambda **setting: {"a": 1.0}, "settings": [{"x": 1}, {"x": 2}],
                                "store": "store", "n_jobs": 1, "progress": False},
    "linear.lasso": lambda: {"X": X, "y": y, "lam": 0.1},
    "linear.lasso_path": lambda: {"X": X, "y": y, "lams": [0.1, 0.2]},
    "linear.lstsq": lambda: {"X": X, "y": y},
    "linear.ridge": lambda: {"X": X, "y": y, "lam": 0.1},
    "linear.ridge_path": lambda: {"X": X, "y": y, "lams": [0.1, 0.2], "centered": False},
    "linear.soft_threshold": lambda: {"z": w, "t": 0.1},
    "penalties.l1_penalty": lambda: {"model": nn.Linear(3, 1)},
    "penalties.l2_penalty": lambda: {"model": nn.Linear(3, 1)},
    "penalties.soft_threshold_": lambda: {"model": nn.Linear(3, 1), "t": 0.1},
    "dropout.dropout": lambda: {"x": X, "p": 0.3, "rng": np.random.default_rng(0), "inverted": True},
    "dropout.dropout_ridge": lambda: {"X": X, "y": y, "p": 0.3},
    "dropout.enumerate_masks": lambda: {"d": 3, "p": 0.3},
    "dropout.expected_squared_loss": lambda: {"X": X, "y": y, "w": w, "p": 0.3},
    "dropout.jensen_gap": lambda: {"phi": np.tanh, "x": X[0], "w": w, "p": 0.3, "b": 0.1},
    "dropout.preactivation_moments": lambda: {"x": X, "w": w, "p": 0.3, "b": 0.1, "inverted": True},
    "dropout.tikhonov_penalty": lambda: {"X": X, "w": w, "p": 0.3},
    "dropout.variance_shift": lambda: {"p": 0.3, "mean": 0.4, "var": 1.0},
    "normalization.BatchNorm1d": lambda: {"num_features": 3, "eps": 1e-5, "momentum": 0.1, "affine": True},
    "normalization.batch_norm": lambda: {"x": ROWS, "gamma": ROWS[0], "beta": ROWS[1], "eps": 1e-5},
    "normalization.layer_norm": lambda: {"x": ROWS, "gamma": ROWS[0], "beta": ROWS[1], "eps": 1e-5},
    "normalization.rms_norm": lambda: {"x": ROWS, "gamma": ROWS[0], "eps": 1e-5},
    "mc_dropout.dropout_active": lambda: {"model": nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))},
    "mc_dropout.mc_predict": lambda: {
        "model": nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).double(), "x": ROWS, "n_passes": 5, "masks": "shared",
        "seed": 0, "keep_samples": True, "output": lambda out: 2 * out, "batch_size": 4,
        "progress": False},
    "training.fit": fit_arguments,
    "uncertainty.coverage": lambda: {"mean": y, "std": abs(y), "y": y, "level": 0.9},
    "uncertainty.decompose": lambda: {"probs": np.full((4, 6, 2), 0.5)},
    "uncertainty.disagreement": lambda: {"votes": VOTES},
    "uncertainty.ensemble_gain": lambda: {"votes": VOTES, "y": VOTES[0]},
    "uncertainty.expected_calibration_error": lambda: {"probs": PROBS, "y": CLASSES, "n_bins": 4},
    "uncertainty.fit_temperature": lambda: {"logits": X, "y": CLASSES},
    "uncertainty.log_likelihood": lambda: {"samples": X.T, "y": y, "tau": 4.0},
    "uncertainty.reliability": lambda: {"probs": PROBS, "y": CLASSES, "n_bins": 1},
    "uncertainty.risk_coverage": lambda: {"score": y, "correct": CLASSES > 0},
    "variational.ConcreteDropout": lambda: {"p": 0.3, "temperature": 0.1},
    "variational.VariationalDropoutLinear": lambda: {
        "in_features": 3, "out_features": 2, "bias": True, "threshold": 3.0},
    "plots.panel_letters": lambda: {"axes": list(Figure().subplots(1, 2)), "names": ["left", "right"]},
    "plots.plot_band": lambda: {
        "x": np.arange(3.0), "runs": X, "color": "black", "label": "label", "ax": Figure().subplots()},
    "records.read": lambda: {"name": "california"},
    "style.use_book_style": lambda: {},
}
# What functions return.
RESULTS = {"bayes.LinearPosterior", "bayes.MeanField", "data.HousingSplit", "data.Split", "mc_dropout.MCPrediction",
           "linear.RidgePath", "training.History", "uncertainty.Decomposition", "uncertainty.Reliability",
           "uncertainty.RiskCoverage"}

ODD = {
    "nothing": None, "a word": "high", "nan": np.nan, "infinity": np.inf, "minus one": -1, "zero": 0, "one": 1,
    "two": 2, "a half": 0.5, "huge": 1e300, "a complex number": 1 + 2j, "empty": np.zeros(0),
    "no rows": np.zeros((0, 3)),
    "a vector": np.ones(4), "a column": np.ones((6, 1)), "a matrix": np.ones((6, 3)), "zeros": np.zeros((6, 3)),
    "a cube": np.ones((2, 3, 4)), "with nan": np.where(X > 1, np.nan, X), "a ragged list": [[1.0], [1.0, 2.0]],
    "words": ["a", "b"], "a dictionary": {"a": 1}, "a function": len, "huge numbers": X * 1e200,
    "tiny numbers": X * 1e-200,
    "a float32 tensor": torch.ones(6, 3), "a long tensor": torch.ones(6, 3).long(),
    "a tensor with nan": ROWS * torch.nan, "a tensor that is a cube": torch.ones(2, 3, 4),
    "an empty tensor": torch.zeros(0, 3), "a model": nn.Linear(2, 1),
    "a model without weights": nn.ReLU(), "a split": SPLIT,
}


def public_names():
    """module.name of every public function and class that a module of the package defines, explorables apart."""
    for info in pkgutil.iter_modules(book_utils.__path__):
        if info.name.startswith("_") or info.name == "explorables":
            continue
        module = importlib.import_module(f"book_utils.{info.name}")
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and callable(value):
                yield f"{info.name}.{name}"


def test_every_public_name_has_such_a_test():
    assert set(ARGUMENTS) | RESULTS == set(public_names())


def numbers(value):
    """All numbers in a result."""
    if torch.is_tensor(value):
        yield value.detach().double().numpy()
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from numbers(part)
    elif isinstance(value, nn.Module):
        yield from numbers(list(value.state_dict().values()))
    elif hasattr(value, "__dataclass_fields__"):
        yield from numbers([getattr(value, name) for name in value.__dataclass_fields__])
    elif isinstance(value, (np.ndarray, np.number, float, int)):
        yield np.asarray(value)


def frozen(arguments, kinds=(np.ndarray, torch.Tensor, list)):
    """The numbers in the arguments of these kinds, for comparison before and after."""
    return [np.array(part, copy=True) for value in arguments.values() if isinstance(value, kinds)
            for part in numbers(value)]


def changed(before, after):
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("function", sorted(ARGUMENTS))
def test_a_wrong_argument_gives_a_right_result_or_a_value_error(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what is written
    module, name = function.split(".")
    call = getattr(importlib.import_module(f"book_utils.{module}"), name)
    options = {p.name for p in inspect.signature(call).parameters.values() if p.kind is not p.VAR_KEYWORD}
    assert set(ARGUMENTS[function]()) == options
    if module == "data":
        had(lambda: call(**ARGUMENTS[function]()))
    wrong = []
    for argument in ARGUMENTS[function]():
        for odd, value in ODD.items():
            if argument in ("after_step", "task") and callable(value):
                continue  # the caller's own function, which cannot be tried before: its error is the caller's
            arguments = ARGUMENTS[function]() | {argument: value}
            before, model = frozen(arguments), frozen(arguments, nn.Module)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", RuntimeWarning)
                    result = call(**arguments)
                if not all(np.isfinite(part).all() for part in numbers(result)) and function != BINS:
                    wrong.append(f"{argument} = {odd}: returns numbers that are not finite")
            except ValueError as error:
                if changed(model, frozen(arguments, nn.Module)):
                    wrong.append(f"{argument} = {odd}: refused, but the model was changed")
                if "\n" in str(error):
                    wrong.append(f"{argument} = {odd}: more than one line: {error}")
            except Exception as error:
                wrong.append(f"{argument} = {odd}: {type(error).__name__}: {error}")
            if changed(before, frozen(arguments)):
                wrong.append(f"{argument} = {odd}: an argument was changed")
    assert not wrong, "\n" + "\n".join(wrong)
