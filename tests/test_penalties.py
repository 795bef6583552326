"""Penalties on weights: what they count, what they leave alone, and the proximal step as the minimum it promises."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from book_utils.linear import ridge
from book_utils.penalties import l1_penalty, l2_penalty, soft_threshold_


class Tied(nn.Module):
    """Two layers that share one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight


class Unbiased(nn.Module):
    """One weight with an unlucky name."""

    def __init__(self):
        super().__init__()
        self.unbiased = nn.Parameter(torch.ones(5))


class BatchNormNet(Unbiased):
    """A network with a weight of its own, named after one of its layers."""


class LlamaRMSNorm(nn.Module):
    """A normalization that is not torch's."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))


def old(tool):
    """An older tool, which works by a hook and warns of its age."""
    def silent(layer):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return tool(layer)
    return silent


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
    "a weight called unbiased": (Unbiased, 5),
    "a network called after batch norm": (BatchNormNet, 5),
    "somebody's RMS norm": (lambda: nn.Sequential(nn.Linear(2, 4), LlamaRMSNorm()), 8),
    "recurrent cells": (lambda: nn.Sequential(nn.GRUCell(3, 2), nn.RNN(3, 2, bidirectional=True)), 30 + 20),
    "attention with biases for key and value": (lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True), 4 * 4 * 4),
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


TOOLS = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "the older weight norm": old(nn.utils.weight_norm),
    "the older spectral norm": old(nn.utils.spectral_norm),
    "pruning": lambda layer: prune.l1_unstructured(layer, "weight", amount=5),
    "pruning twice": lambda layer: prune.random_unstructured(TOOLS["pruning"](layer), "weight", amount=2),
    "a parametrized bias": lambda layer: parametrizations.weight_norm(layer, "bias", dim=None),
    "a pruned bias": lambda layer: prune.l1_unstructured(layer, "bias", amount=1),
}


@pytest.mark.parametrize("name", TOOLS)
def test_the_weights_are_those_that_the_layer_computes_with(name):
    """Read off its answers: W is what it makes of the unit vectors, less what it makes of zero."""
    torch.manual_seed(0)
    layer = TOOLS[name](nn.Linear(4, 3).double())
    layer(torch.ones(2, 4, dtype=torch.float64))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(1.5)  # a step: what was computed for the last forward is old
    before = copy.deepcopy(layer.state_dict())
    penalties = l1_penalty(layer), l2_penalty(layer)
    assert layer.training and all(torch.equal(layer.state_dict()[k], v) for k, v in before.items())
    layer.eval()
    W = layer(torch.eye(4, dtype=torch.float64)) - layer(torch.zeros(1, 4, dtype=torch.float64))
    parameters = list(layer.parameters())
    for ours, theirs in zip(penalties, (W.abs().sum(), W.square().sum()), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12)
        gradients = [torch.autograd.grad(p, parameters, retain_graph=True, allow_unused=True) for p in (ours, theirs)]
        for a, b in zip(*gradients, strict=True):
            assert torch.allclose(*(torch.zeros(1) if g is None else g.float() for g in (a, b)), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.complex32, torch.complex64])
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_half_precision_does_not_overflow_and_complex_weights_have_a_size(dtype):
    layer = nn.Linear(200, 2, bias=False, dtype=torch.complex64)
    nn.init.constant_(layer.weight, 768 + 1024j if dtype.is_complex else 1280)  # the size is 1280 either way
    layer.weight = nn.Parameter((layer.weight.detach() if dtype.is_complex else layer.weight.detach().real).to(dtype))
    assert l1_penalty(layer).item() == 400 * 1280 and l2_penalty(layer).item() == 400 * 1280**2


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


def test_a_complex_weight_is_shortened_and_keeps_its_direction():
    layer = nn.Linear(2, 1, bias=False, dtype=torch.complex128)
    layer.weight.data[:] = torch.tensor([[3 + 4j, 0.3 - 0.4j]])
    soft_threshold_(layer, 1.0)
    assert torch.allclose(layer.weight.data, torch.tensor([[2.4 + 3.2j, 0]], dtype=torch.complex128), atol=1e-15)


def test_frozen_weights_stay_and_lost_ones_are_not_hidden():
    model = full(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), 2.0)
    model[0].weight.requires_grad_(False)
    model[1].weight.data[0, 0] = torch.nan
    soft_threshold_(model, 0.5)
    assert (model[0].weight == 2).all() and (model[1].weight == 1.5).sum() == 8 and model[1].weight[0, 0].isnan()


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("make", [*(TOOLS[name] for name in list(TOOLS)[:7]), lambda _: nn.LazyLinear(3)])
def test_a_weight_that_cannot_be_set_is_refused_before_anything_changes(make, grad):
    model = nn.Sequential(nn.Linear(3, 4), make(nn.Linear(4, 3)))
    before = model[0].weight.clone()
    with torch.set_grad_enabled(grad), pytest.raises(ValueError, match="^1.weight .*(plain weight|no size yet)"):
        soft_threshold_(model, 0.1)
    assert torch.equal(model[0].weight, before)


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
