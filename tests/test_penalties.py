"""Penalties on weights: what they count, what they leave alone, and the proximal step as the minimum it promises."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from book_utils.linear import ridge
from book_utils.penalties import l1_penalty, l2_penalty, soft_threshold_


class Tied(nn.Module):
    """Two layers that share one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight


def full(model, value):
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(value)
    return model


MODELS = {
    "a linear layer": (lambda: nn.Linear(5, 3), 15),
    "the circles classifier": (lambda: nn.Sequential(nn.Linear(2, 16), nn.GELU(), nn.Linear(16, 1)), 48),
    "batch norm": (lambda: nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), 12),
    "layer and group norm": (lambda: nn.Sequential(nn.Linear(2, 4), nn.LayerNorm((4,)), nn.GroupNorm(2, 4)), 8),
    "a layer norm of two axes": (lambda: nn.Sequential(nn.Conv1d(2, 3, 1), nn.LayerNorm((3, 7))), 6),
    "instance norm": (lambda: nn.Sequential(nn.Conv1d(2, 3, 1), nn.InstanceNorm1d(3, affine=True)), 6),
    "RMS norm": (lambda: nn.Sequential(nn.Linear(2, 4), nn.RMSNorm(4)), 8),
    "a convolution": (lambda: nn.Conv2d(3, 8, 5), 600),
    "an LSTM": (lambda: nn.LSTM(3, 2), 4 * 2 * (3 + 2)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), 4 * 4 * 4),
    "tied weights": (Tied, 9),
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_count_once_and_biases_and_normalizations_never(name):
    make, count = MODELS[name]
    model = full(make(), -2.0)
    assert l1_penalty(model).item() == 2 * count
    assert l2_penalty(model).item() == 4 * count
    soft_threshold_(model, 3.0)
    assert sum(int((p == 0).sum()) for p in model.parameters()) == count
    assert all(bool(((p == 0) | (p == -2)).all()) for p in model.parameters())


def test_the_gradients_are_those_of_the_formulas():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).double()
    with torch.no_grad():
        model[0].weight[0, 0] = 0.0
    for penalty, slope in ((l2_penalty, lambda w: 2 * w), (l1_penalty, torch.sign)):
        model.zero_grad()
        penalty(model).backward()
        for layer in (model[0], model[2]):
            assert torch.equal(layer.weight.grad, slope(layer.weight.detach())) and layer.bias.grad is None
        assert model[1].weight.grad is None and model[1].bias.grad is None


def test_lam_half_times_l2_makes_a_linear_layer_ridge():
    rng = np.random.default_rng(0)
    X, y, lam = rng.standard_normal((30, 4)), rng.standard_normal(30), 0.3
    model = nn.Linear(4, 1, bias=False).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=1e-12, tolerance_change=0,
                                  line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = ((model(torch.tensor(X))[:, 0] - torch.tensor(y)) ** 2).mean() / 2 + lam / 2 * l2_penalty(model)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert np.allclose(model.weight.detach().numpy()[0], ridge(X, y, lam), atol=1e-8)


def test_the_threshold_minimizes_half_the_squared_distance_plus_t_times_l1():
    rng, t = np.random.default_rng(1), 0.4
    layer = nn.Linear(50, 1).double()
    before = layer.weight.data.copy_(torch.tensor(rng.standard_normal((1, 50)))).clone()
    soft_threshold_(layer, t)
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)[:, None]
    brute = grid[(0.5 * (grid - before) ** 2 + t * grid.abs()).argmin(dim=0), 0]
    assert (layer.weight - brute).abs().max() <= 1e-4  # the grid's step
    assert (layer.weight == 0).sum() == (before.abs() <= t).sum() > 0


def test_a_threshold_of_zero_changes_nothing_and_shrinking_twice_adds_up():
    layer = nn.Linear(9, 9).double()
    before, twice = copy.deepcopy(layer.state_dict()), copy.deepcopy(layer)
    soft_threshold_(layer, 0.0)
    assert all(torch.equal(layer.state_dict()[k], v) for k, v in before.items())
    soft_threshold_(layer, 0.2)
    for _ in range(2):
        soft_threshold_(twice, 0.1)
    assert torch.allclose(layer.weight, twice.weight, atol=1e-15)


@pytest.mark.parametrize("call", [l1_penalty, l2_penalty, lambda m: soft_threshold_(m, 0.1)])
def test_what_has_no_weights_is_refused(call):
    with pytest.raises(ValueError, match="GELU has no weights"):
        call(nn.GELU())
    with pytest.raises(ValueError, match="torch.nn.Module, not list"):
        call([nn.Linear(1, 1)])


@pytest.mark.parametrize("t", [-0.1, float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused_before_anything_changes(t):
    layer = nn.Linear(3, 1)
    before = layer.weight.clone()
    with pytest.raises(ValueError, match=f"at least 0, not {t}"):
        soft_threshold_(layer, t)
    assert torch.equal(layer.weight, before)
