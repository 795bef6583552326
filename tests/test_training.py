"""The training loop: what it minimizes, what it reports, and what it leaves alone."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from book_utils.data import Split, circles
from book_utils.linear import lstsq, ridge
from book_utils.penalties import l2_penalty, soft_threshold_
from book_utils.training import fit

BCE = nn.BCEWithLogitsLoss()


def network(seed=0, hidden=8):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, hidden), nn.GELU(), nn.Linear(hidden, 1)).double()


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def run(model, split, num_epochs=3, **options):
    options = {"loss_fn": BCE, "optimizer": sgd(model), **options}
    return fit(model, split, num_epochs=num_epochs, **options)


@pytest.fixture(scope="module")
def split():
    return circles(107, test_size=0.3)  # 74 training rows: the last of three batches holds 10


def regression(n=40, d=3):
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((2 * n, d)), rng.standard_normal(2 * n)
    return Split(X[:n], y[:n], X[n:], y[n:])


def weights(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_a_linear_model_converges_to_least_squares_and_ridge(lam):
    split, model = regression(), nn.Linear(3, 1, bias=False).double()
    fit(model, split, loss_fn=lambda out, y: F.mse_loss(out, y) / 2, optimizer=sgd(model, 0.5),
        num_epochs=100, batch_size=40, penalty=lambda m: lam / 2 * l2_penalty(m))
    assert np.allclose(model.weight.detach().numpy()[0], ridge(split.X_train, split.y_train, lam), atol=1e-9)
    assert lam or np.allclose(model.weight.detach().numpy()[0], lstsq(split.X_train, split.y_train), atol=1e-9)


def test_the_reported_losses_are_full_means_without_the_penalty(split):
    model = network()
    history = run(model, split, penalty=lambda m: 100 + 1e-3 * l2_penalty(m),
                  optimizer=torch.optim.Adam(model.parameters(), lr=0.1))
    for X, y, loss, accuracy in ((split.X_train, split.y_train, history.train_loss, history.train_accuracy),
                                 (split.X_test, split.y_test, history.test_loss, history.test_accuracy)):
        z = model(torch.tensor(X)).detach().numpy()[:, 0]
        assert np.isclose(loss[-1], np.mean(np.logaddexp(0, z) - y * z), rtol=1e-12)
        assert np.isclose(accuracy[-1], np.mean((z > 0) == y)) and ((0 < z) & (z < 0.5)).any()
        assert len(loss) == len(accuracy) == 3


def test_a_loss_and_its_function_are_one(split):
    histories = [run(network(), split, loss_fn=loss_fn) for loss_fn in (BCE, F.binary_cross_entropy_with_logits)]
    assert histories[0] == histories[1] and histories[0].train_accuracy


def test_one_epoch_is_the_steps_written_out(split):
    """Every row once, the shuffle of a Generator with the seed, the last batch as small as it is."""
    model, twin = network(), network()
    run(model, split, num_epochs=2, batch_size=32, seed=7, penalty=lambda m: 0.01 * l2_penalty(m))
    X, y = torch.tensor(split.X_train), torch.tensor(split.y_train)[:, None]
    optimizer, generator = sgd(twin), torch.Generator().manual_seed(7)
    for _ in range(2):
        order = torch.randperm(74, generator=generator)
        assert sorted(order.tolist()) == list(range(74))
        for rows in (order[:32], order[32:64], order[64:]):
            optimizer.zero_grad()
            z = twin(X[rows])
            (torch.mean(F.softplus(z) - y[rows] * z) + 0.01 * (twin[0].weight**2).sum()
             + 0.01 * (twin[2].weight**2).sum()).backward()
            optimizer.step()
    assert torch.allclose(weights(model), weights(twin), atol=1e-12)


def test_the_seed_decides_the_batches_and_nothing_else_does(split):
    runs = []
    for seed, outside in ((1, 10), (1, 11), (2, 10)):
        model = network()
        torch.manual_seed(outside)
        np.random.seed(outside)  # noqa: NPY002
        run(model, split, seed=seed)
        runs.append(weights(model))
    assert torch.equal(runs[0], runs[1]) and not torch.allclose(runs[0], runs[2])


def test_global_random_state_is_untouched(split):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    model = network()
    torch_state = torch.get_rng_state()
    run(model, split, patience=1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_losses_are_measured_in_eval_mode_and_every_flag_comes_back(split):
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.9), nn.Linear(8, 1)).double()
    model[1].eval()
    flags = [m.training for m in model.modules()]
    history = run(model, split)
    assert [m.training for m in model.modules()] == flags
    model.eval()
    with torch.no_grad():
        expected = BCE(model(torch.tensor(split.X_test)), torch.tensor(split.y_test)[:, None]).item()
    assert np.isclose(history.test_loss[-1], expected, rtol=1e-12)


def test_steps_are_taken_in_training_mode(split):
    model, modes = network().eval(), []
    run(model, split, num_epochs=2, after_step=lambda m: modes.append({part.training for part in m.modules()}))
    assert modes == [{True}] * 6  # three batches an epoch; after each the losses are measured in eval mode


def test_flags_come_back_after_an_exception(split):
    model = network().eval()

    def broken(model):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        run(model, split, after_step=broken)
    assert not any(m.training for m in model.modules())


def test_patience_restores_the_best_weights_and_stops(split):
    model, seen = network(), []
    few = dataclasses.replace(split, X_train=split.X_train[:12], y_train=1 - split.y_train[:12])
    history = run(model, few, num_epochs=60, optimizer=torch.optim.Adam(model.parameters(), lr=0.1), patience=4,
                  after_step=lambda m: seen.append(weights(m)))
    best = int(np.argmin(history.test_loss))
    assert history.best_epoch == best + 1
    assert len(history.test_loss) == history.best_epoch + 4 < 60
    assert torch.equal(weights(model), seen[best])  # one batch an epoch
    z = model(torch.tensor(few.X_test))
    assert np.isclose(BCE(z, torch.tensor(few.y_test)[:, None]).item(), min(history.test_loss))


def test_an_equal_test_loss_is_no_improvement(split):
    model = network()
    history = run(model, split, num_epochs=9, optimizer=sgd(model, 0.0), patience=2)
    assert (history.best_epoch, len(history.test_loss)) == (1, 3)


def test_without_patience_the_last_epoch_counts(split):
    assert run(network(), split).best_epoch == 3


def test_after_step_makes_a_proximal_step(split):
    model = network(hidden=16)
    run(model, split, num_epochs=20, after_step=lambda m: soft_threshold_(m, 0.1 * 0.05))
    assert (model[0].weight == 0).any() and (model[0].bias != 0).all()


@pytest.mark.parametrize("loss_fn", [nn.CrossEntropyLoss(), F.cross_entropy, nn.NLLLoss(), F.nll_loss])
def test_classes_are_counted_by_the_largest_output(loss_fn):
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    split = Split(X[:100], y[:100], X[100:], y[100:])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(dim=1))  # its own softmax changes nothing
    history = fit(model, split, loss_fn=loss_fn, optimizer=torch.optim.Adam(model.parameters(), lr=0.1), num_epochs=30)
    guess = model(torch.tensor(split.X_test, dtype=torch.float32)).argmax(dim=1).numpy()
    assert history.test_accuracy[-1] == np.mean(guess == split.y_test) > 0.9


def test_a_regression_has_no_accuracy_and_no_broadcasting():
    split, model = regression(), nn.Linear(3, 1).double()
    history = fit(model, split, loss_fn=nn.MSELoss(), optimizer=sgd(model, 0.01), num_epochs=2)
    predicted = model(torch.tensor(split.X_train)).detach().numpy()[:, 0]
    # (n,) minus (n, 1) would be (n, n)
    assert np.isclose(history.train_loss[-1], np.mean((predicted - split.y_train) ** 2))
    assert history.train_accuracy == history.test_accuracy == []


def test_float32_models_take_float64_data(split):
    model = network().float()
    run(model, split)
    assert model[0].weight.dtype == torch.float32


def test_arguments_are_not_changed(split):
    before = copy.deepcopy(split)
    run(network(), split)
    for name in ("X_train", "y_train", "X_test", "y_test"):
        assert np.array_equal(getattr(split, name), getattr(before, name))


def test_progress_is_shown_when_asked_and_only_then(split, capsys):
    run(network(), split)
    assert capsys.readouterr().err == ""
    run(network(), split, progress=True)
    assert "3/3" in capsys.readouterr().err




@pytest.mark.parametrize("options, message", [
    ({"num_epochs": 0}, "num_epochs must be a whole number that is at least 1, not 0"),
    ({"num_epochs": 2.5}, "not 2.5"),
    ({"batch_size": 0}, "batch_size must be"),
    ({"patience": -1}, "patience must be.*not -1"),
    ({"loss_fn": nn.BCEWithLogitsLoss(reduction="sum")}, 'not reduction="sum"'),
    ({"optimizer": sgd(network())}, "optimizer holds no parameter of model"),
])
def test_bad_options_are_refused_before_anything_changes(split, options, message):
    model = network()
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        run(model, split, **options)
    assert torch.equal(weights(model), before)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("label, message", [
    (0.5, "y_{} holds 0.5: number the classes 0, 1"),
    (-1, "y_{} holds -1: number the classes"),
    (2, "The targets name class 2, and the model puts out 2 numbers a row"),
])
def test_targets_that_are_no_class_are_refused_before_anything_changes(split, part, label, message):
    model = nn.Linear(2, 2)
    before, y = weights(model), np.array(getattr(split, f"y_{part}"))
    y[3] = label
    with pytest.raises(ValueError, match=message.format(part)):
        run(model, dataclasses.replace(split, **{f"y_{part}": y}), loss_fn=nn.CrossEntropyLoss())
    assert torch.equal(weights(model), before)


@pytest.mark.parametrize("change, message", [
    ({"X_train": np.zeros((0, 2)), "y_train": np.zeros(0)}, r"X_train has shape \(0, 2\).*at least one row"),
    ({"y_train": np.zeros(3)}, r"X_train has shape \(74, 2\) and y_train \(3,\)"),
    ({"y_train": np.array(1.0)}, r"y_train \(\): give one target a row"),
    ({"X_test": np.full((33, 2), np.nan)}, r"X_test\[0, 0\] is nan"),
    ({"y_train": np.full(74, np.inf)}, r"y_train\[0\] is inf"),
    ({"y_test": np.array(["yes"] * 33)}, "y_test must hold real numbers"),
    ({"y_train": np.zeros((74, 2))}, r"output has shape \(74, 1\).*\(74, 2\)"),
    ({"X_train": np.zeros((74, 3))}, r"X_train has shape \(3,\) and one of X_test \(2,\)"),
])
def test_bad_splits_are_refused_before_anything_changes(split, change, message):
    model = network()
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        run(model, dataclasses.replace(split, **change))
    assert torch.equal(weights(model), before)
