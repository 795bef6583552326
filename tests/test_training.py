"""The training loop: what it minimizes, what it reports, and what it leaves alone."""

import contextlib
import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from book_utils.data import Split, circles
from book_utils.linear import lstsq, ridge
from book_utils.normalization import BatchNorm1d
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
    model.insert(1, nn.BatchNorm1d(8).double())
    few = dataclasses.replace(split, X_train=split.X_train[:12], y_train=1 - split.y_train[:12])
    history = run(model, few, num_epochs=60, optimizer=torch.optim.Adam(model.parameters(), lr=0.1), patience=4,
                  after_step=lambda m: seen.append(weights(m)))
    best = int(np.argmin(history.test_loss))
    assert history.best_epoch == best + 1
    assert len(history.test_loss) == history.best_epoch + 4 < 60
    assert torch.equal(weights(model), seen[best])  # one batch an epoch
    z = model.eval()(torch.tensor(few.X_test))  # with the running statistics of that epoch
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




def test_lbfgs_reaches_least_squares_in_a_few_steps():
    split, model = regression(), nn.Linear(3, 1, bias=False).double()
    fit(model, split, loss_fn=nn.MSELoss(), num_epochs=3, batch_size=40,
        optimizer=torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe"))
    assert np.allclose(model.weight.detach().numpy()[0], lstsq(split.X_train, split.y_train), atol=1e-6)


def test_frozen_parameters_stay_and_the_others_learn(split):
    model = network()
    model[0].requires_grad_(False)
    before = copy.deepcopy(model)
    run(model, split)
    assert torch.equal(model[0].weight, before[0].weight) and not torch.equal(model[2].weight, before[2].weight)


def test_truth_values_and_a_rate_that_is_a_tensor_are_ordinary(split):
    model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(torch.tensor(0.5)), nn.Linear(4, 1)).double()
    binary = Split(split.X_train > 0, split.y_train > 0, split.X_test > 0, split.y_test > 0)
    numeric = Split(*(part.astype(float) for part in (binary.X_train, binary.y_train, binary.X_test, binary.y_test)))
    histories = []
    for data in (binary, numeric):
        torch.manual_seed(0)
        histories.append(run(copy.deepcopy(model), data))
    assert histories[0] == histories[1]


def normalized():
    """A model with every kind of memory: weights, running statistics, flags."""
    model = network()
    model.insert(1, nn.BatchNorm1d(8).double())
    model[1](torch.randn(9, 8).double())
    model[1].eval()
    return model


@contextlib.contextmanager
def unchanged(model):
    """Weights, buffers, flags and the global random state are in the end what they were."""
    before, flags = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    state = torch.get_rng_state()
    yield
    after = model.state_dict()
    assert after.keys() == before.keys() and flags == [m.training for m in model.modules()]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("lr", [1e3, 1e30])
@pytest.mark.parametrize("patience", [None, 3])
def test_a_lost_loss_is_said_and_the_model_is_as_before(lr, patience):
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1))
    model[0](torch.randn(9, 3))
    with unchanged(model), pytest.raises(ValueError, match=r"After epoch \d+ the training loss is (nan|inf) .*lower"):
        fit(model, regression(), loss_fn=nn.MSELoss(), optimizer=sgd(model, lr), num_epochs=99, patience=patience)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(8), BatchNorm1d(8)])
@pytest.mark.parametrize("rows, batch_size", [(33, 32), (33, 1), (1, 32), (5, 2)])
def test_a_batch_of_one_row_is_seen_before_training(split, layer, rows, batch_size):
    model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), layer, nn.Linear(8, 1)).double()
    few = dataclasses.replace(split, X_train=split.X_train[:rows], y_train=split.y_train[:rows])
    with unchanged(model), pytest.raises(ValueError, match=f"={batch_size} makes a batch of one of {rows} rows"):
        run(model, few, batch_size=batch_size)


def test_a_batch_of_one_row_is_no_trouble_without_batch_statistics(split):
    few = dataclasses.replace(split, X_train=split.X_train[:33], y_train=split.y_train[:33])
    run(network(), few)
    run(normalized(), few, batch_size=11)


class Counting(nn.Module):
    """Counts its calls in buffers, also in evaluation: in place, anew, and in one that grows."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        for name in ("in_place", "anew", "grows"):
            self.register_buffer(name, torch.zeros(1))

    def forward(self, x):
        self.in_place += 1
        self.anew = self.anew + torch.rand(1)
        self.grows = torch.cat([self.grows, torch.ones(1)])
        return self.layer(x)


class Last(nn.Module):
    """The last step of a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(2, 1, batch_first=True)

    def forward(self, x):
        return self.layer(x[:, None])[0][:, -1]


def test_a_look_at_the_model_leaves_its_buffers_alone(split):
    model = Counting().eval()
    with unchanged(model), pytest.raises(ValueError, match=r"output has shape \(74, 1\)"):
        run(model, dataclasses.replace(split, y_train=np.zeros((74, 2))))
    run(model, split, num_epochs=2)
    assert model.in_place == 2 * (3 + 2)  # steps, and measurements


def test_an_output_that_is_no_tensor_is_named(split):
    run(Last(), split)
    model = nn.LSTM(2, 1)
    with unchanged(model), pytest.raises(ValueError, match="puts out a tuple .*last step of a recurrent layer"):
        run(model, split)


@pytest.mark.parametrize("lazy", [lambda: nn.LazyLinear(3), lambda: nn.LazyBatchNorm1d(affine=False)])
def test_layers_without_a_size_stay_without(split, lazy):
    model = nn.Sequential(nn.Linear(2, 3), lazy())
    with pytest.raises(ValueError, match="1..* of Sequential has no size yet: call the model once"):
        run(model, split, optimizer=sgd(model[0]))
    assert model[1].has_uninitialized_params()


def test_a_penalty_may_hold_a_gradient(split):
    x = torch.ones(1, 2, dtype=torch.float64, requires_grad=True)
    run(network(), split, penalty=lambda m: torch.autograd.grad(m(x).sum(), x, create_graph=True)[0].square().sum())


@pytest.mark.parametrize("model, loss_fn, message", [
    (nn.Bilinear(2, 2, 1), BCE, r"cannot take rows of shape \(2,\) \(TypeError: .*missing"),
    (nn.Linear(3, 1), BCE, r"cannot take rows of shape \(2,\) \(RuntimeError: mat1"),
    (nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), nn.CrossEntropyLoss(), r"shape \(74,\).* it must be \(n, C\)"),
    (nn.Linear(2, 1), lambda out, y: (out - y) ** 2, "into a mean loss, one number"),
    (nn.Linear(2, 1), lambda out: out.mean(), "loss_fn cannot compare .*TypeError"),
])
def test_what_cannot_be_computed_is_said_in_one_line(split, model, loss_fn, message):
    with unchanged(model), pytest.raises(ValueError, match=message) as refused:
        run(model, split, loss_fn=loss_fn)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("options, message", [
    ({"num_epochs": 0}, "num_epochs must be a whole number that is at least 1, not 0"),
    ({"num_epochs": 2.5}, "not 2.5"),
    ({"batch_size": 0}, "batch_size must be"),
    ({"patience": -1}, "patience must be.*not -1"),
    ({"loss_fn": nn.BCEWithLogitsLoss(reduction="sum")}, 'not reduction="sum"'),
    ({"progress": "yes"}, "progress must be True or False, not 'yes'"),
    ({"penalty": 0.1}, "penalty must be a function of the model, or None, not 0.1"),
    ({"penalty": abs}, "penalty.model. cannot be computed .TypeError: .*gives one number"),
    ({"penalty": lambda m: m[0].weight}, "penalty.model. cannot be computed"),
    ({"penalty": lambda m: None}, "penalty.model. cannot be computed"),
    ({"after_step": "prune"}, "after_step must be a function of the model, or None, not 'prune'"),
    ({"optimizer": sgd(network())}, "optimizer holds no parameter of model"),
])
def test_bad_options_are_refused_before_anything_changes(split, options, message):
    model = normalized()
    with unchanged(model), pytest.raises(ValueError, match=message):
        run(model, split, **options)


def test_a_model_without_anything_to_train_is_refused(split):
    model = network().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter of model that can be trained"):
        run(model, split)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("label, message", [
    (0.5, "y_{} holds 0.5: number the classes 0, 1"),
    (-1, "y_{} holds -1: number the classes"),
    (2, "The targets name class 2, and the model puts out 2 numbers a row"),
])
def test_targets_that_are_no_class_are_refused_before_anything_changes(split, part, label, message):
    model = nn.Linear(2, 2)
    y = np.array(getattr(split, f"y_{part}"))
    y[3] = label
    with unchanged(model), pytest.raises(ValueError, match=message.format(part)):
        run(model, dataclasses.replace(split, **{f"y_{part}": y}), loss_fn=nn.CrossEntropyLoss())


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
    model = normalized()
    with unchanged(model), pytest.raises(ValueError, match=message):
        run(model, dataclasses.replace(split, **change))
