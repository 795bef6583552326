"""Normalization: equal to torch in values, gradients and buffers; the variance shift against simulation."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from book_utils.dropout import dropout
from book_utils.normalization import BatchNorm1d, batch_norm, layer_norm, rms_norm, variance_shift

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)
kinds = st.sampled_from([torch.float32, torch.float64])
seeds = st.integers(0, 10**6)


def tensor(shape, seed, dtype, constant=False):
    """Random activations of random size and offset; their first feature can be constant."""
    rng = np.random.default_rng(seed)
    x = 10 ** rng.uniform(-1, 1) * rng.standard_normal(shape) + rng.standard_normal()
    if constant:
        x[..., 0] = 1.5
    return torch.tensor(x, dtype=dtype)


def parameters(d, seed, dtype, on):
    """γ and β, or None and None."""
    rng = np.random.default_rng(seed + 1)
    return [nn.Parameter(torch.tensor(rng.standard_normal(d), dtype=dtype)) if on else None for _ in range(2)]


def rounding(x, axis):
    """How far rounding moves x / std: 1e-6 in float64, in float32 more where the spread is small beside the values."""
    spread = torch.sqrt(x.detach().var(dim=axis, correction=0) + 1e-5).min().item()
    return 1e-6 * (1 + x.detach().abs().max().item() / spread if x.dtype == torch.float32 else 1)


def agree(ours, theirs, inputs, atol):
    """Values and gradients of a weighted sum agree."""
    assert ours.dtype == theirs.dtype and torch.allclose(ours, theirs, rtol=1e-6, atol=atol)
    inputs = [t for t in inputs if t is not None]
    weights = torch.linspace(-1, 2, ours.numel(), dtype=ours.dtype).reshape(ours.shape)
    for a, b in zip(*(torch.autograd.grad((weights * out).sum(), inputs) for out in (ours, theirs)), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e3 * atol * (1 + b.abs().max().item()))


@given(shapes, seeds, kinds, st.booleans(), st.booleans(), st.sampled_from([1e-5, 1e-3]))
@settings(max_examples=60)
def test_layer_and_rms_norm_equal_torch(shape, seed, dtype, on, constant, eps):
    x = tensor(shape, seed, dtype, constant).requires_grad_()
    gamma, beta = parameters(shape[-1], seed, dtype, on)
    agree(layer_norm(x, gamma, beta, eps), F.layer_norm(x, shape[-1:], gamma, beta, eps), [x, gamma, beta],
          rounding(x, -1))
    agree(rms_norm(x, gamma, eps), F.rms_norm(x, shape[-1:], gamma, eps), [x, gamma], rounding(x, -1))


@given(st.integers(2, 9), st.integers(1, 6), seeds, kinds, st.booleans(), st.booleans())
@settings(max_examples=60)
def test_batch_norm_equals_torch(n, d, seed, dtype, on, constant):
    x = tensor((n, d), seed, dtype, constant).requires_grad_()
    gamma, beta = parameters(d, seed, dtype, on)
    agree(batch_norm(x, gamma, beta), F.batch_norm(x, None, None, gamma, beta, training=True), [x, gamma, beta],
          rounding(x, 0))


@given(st.integers(1, 6), seeds, st.booleans(), st.sampled_from([0.1, 0, 1, 0.5, None]))
@settings(max_examples=40)
def test_the_layer_equals_torchs_through_training_and_evaluation(d, seed, affine, momentum):
    ours = BatchNorm1d(d, momentum=momentum, affine=affine).double()
    theirs = nn.BatchNorm1d(d, momentum=momentum, affine=affine).double()
    if affine:
        state = ours.state_dict() | dict(zip(("weight", "bias"), parameters(d, seed, torch.float64, True), strict=True))
        ours.load_state_dict(state)
        theirs.load_state_dict(state)
    for step in range(5):
        ours.train(step != 3)
        theirs.train(step != 3)
        x = tensor((step + 2, d), seed + step, torch.float64, constant=step == 2).requires_grad_()
        agree(ours(x), theirs(x), [x], rounding(x, 0))
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        for name, value in theirs.state_dict().items():
            assert torch.allclose(ours.state_dict()[name], value, rtol=1e-6, atol=1e-6), name
    nn.BatchNorm1d(d, affine=affine).double().load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    ours.eval()
    theirs.eval()
    one = tensor((1, d), seed, torch.float64)
    assert torch.allclose(ours(one), theirs(one), rtol=1e-6, atol=1e-6)


HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
SIZES = pytest.mark.parametrize("size", [1e-4, 1.0, 100.0, 1.2e4])  # squares of the first and last are no float16


def half_close(ours, theirs, half):
    """To four roundings of the largest value in half precision: torch rounds in between, too."""
    atol = 4 * torch.finfo(half).eps * theirs.abs().double().max().item()
    return ours.dtype == theirs.dtype and torch.allclose(ours.double(), theirs.double(), rtol=0, atol=atol)


@HALF
@SIZES
@pytest.mark.parametrize("kind", ["half", "float32"])
@pytest.mark.filterwarnings("ignore:Mismatch dtype")
def test_half_precision_equals_torch(dtype, size, kind):
    generator = torch.Generator().manual_seed(0)
    x = (size * torch.randn(16, 6, generator=generator)).to(dtype).requires_grad_()
    gamma, beta = (torch.randn(6, generator=generator).to(dtype if kind == "half" else torch.float32).requires_grad_()
                   for _ in range(2))
    for ours, theirs in (
            (batch_norm(x, gamma, beta), F.batch_norm(x, None, None, gamma, beta, training=True)),
            (layer_norm(x, gamma, beta), F.layer_norm(x, (6,), gamma, beta)),
            (rms_norm(x, gamma) + beta.to(dtype), F.rms_norm(x, (6,), gamma, 1e-5).to(dtype) + beta.to(dtype))):
        assert half_close(ours, theirs, dtype) and theirs.abs().max() > 0.01
        weights = torch.linspace(-1, 2, 96).reshape(16, 6)
        for a, b in zip(*(torch.autograd.grad((weights * out).sum(), [x, gamma, beta]) for out in (ours, theirs)),
                        strict=True):
            assert half_close(a, b, dtype)


@HALF
@SIZES
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_layer_made_half_equals_torchs_and_interchanges(dtype, size, momentum):
    torch.manual_seed(0)
    ours, theirs = BatchNorm1d(4, momentum=momentum).to(dtype), nn.BatchNorm1d(4, momentum=momentum).to(dtype)
    for step in range(4):
        x = (size * torch.randn(9, 4) + step).to(dtype)
        assert half_close(ours(x), theirs(x), dtype)
        state = theirs.state_dict()
        for name, value in ours.state_dict().items():  # inf where float16 holds no such variance
            assert torch.equal(value, state[name]) or half_close(value, state[name], dtype), name
    ours.load_state_dict(state)
    nn.BatchNorm1d(4).load_state_dict(ours.float().state_dict())
    for kind in (dtype, torch.float32):
        assert half_close(ours.to(kind).eval()(x.to(kind)), theirs.to(kind).eval()(x.to(kind)), dtype)


@pytest.mark.parametrize("norm", [batch_norm, layer_norm, lambda x, gamma, beta, eps: rms_norm(x, gamma, eps)])
@HALF
def test_zeros_stay_zeros_at_every_eps_that_is_accepted(norm, dtype):
    x = torch.zeros(4, 4, dtype=dtype)
    for eps in (1e-8, 2e-38, 1e38):
        assert (norm(x, None, None, eps) == 0).all()
    for eps in (1e-50, 1e39):
        with pytest.raises(ValueError, match=re.escape(f"not {eps}.")):
            norm(x, None, None, eps)


def test_a_small_eps_counts_in_evaluation_too():
    ours, theirs = (layer(1, eps=1e-8).half().eval() for layer in (BatchNorm1d, nn.BatchNorm1d))
    for layer in (ours, theirs):
        layer.running_var.zero_()
    x = torch.tensor([[1e-4]]).half()
    assert half_close(ours(x), theirs(x), torch.float16) and theirs(x).isfinite().all()


def test_small_running_variances_are_kept_to_full_precision():
    ours, theirs = (layer(2, momentum=None) for layer in (BatchNorm1d, nn.BatchNorm1d))
    x = 1e-5 * torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    ours(x), theirs(x)
    assert torch.allclose(ours.running_var, theirs.running_var, rtol=1e-5, atol=0)


def test_running_statistics_hold_no_graph():
    layer = BatchNorm1d(3)
    layer(torch.rand(4, 3, requires_grad=True))
    assert not layer.running_mean.requires_grad and not layer.running_var.requires_grad


def test_parameters_get_torchs_gradients():
    x = tensor((7, 3), 0, torch.float64)
    gradients = []
    for layer in (BatchNorm1d(3).double(), nn.BatchNorm1d(3).double()):
        (layer(x) ** 3).sum().backward()
        gradients.append([layer.weight.grad, layer.bias.grad])
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs)


@given(st.integers(1, 5), st.integers(1, 6), seeds)
@settings(max_examples=30)
def test_layer_norm_does_not_depend_on_the_batch(n, d, seed):
    x = tensor((n, d), seed, torch.float64)
    assert torch.allclose(layer_norm(x, None, None)[:1], layer_norm(x[:1], None, None), rtol=0, atol=1e-9)
    assert torch.allclose(layer_norm(x.flip(0), None, None), layer_norm(x, None, None).flip(0), rtol=0, atol=1e-9)


@given(st.integers(2, 6), st.integers(2, 6), seeds, st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=30)
def test_scale_and_shift_of_the_input_are_forgotten(n, d, seed, scale, shift):
    x = torch.tensor(np.random.default_rng(seed).standard_normal((n, d)))
    for norm in (batch_norm, layer_norm):
        assert torch.allclose(norm(scale * x + shift, None, None, 1e-12), norm(x, None, None, 1e-12), atol=1e-6)
    assert torch.allclose(rms_norm(scale * x, None, 1e-12), rms_norm(x, None, 1e-12), atol=1e-6)


@pytest.mark.parametrize("p", [0, 0.1, 0.5, 0.8])
@pytest.mark.parametrize("activation", [lambda z: z, lambda z: np.maximum(z, 0), lambda z: z + 3])
def test_variance_shift_against_simulation(p, activation):
    rng, n = np.random.default_rng(0), 400_000
    x = activation(rng.standard_normal(n))
    train = dropout(x, p, rng=rng)
    ratio = x.var() / train.var()
    # The standard error of the ratio of two sample variances, taken as independent: an upper bound here.
    error = ratio * np.sqrt(sum(((v - v.mean()) ** 2).var() / v.var() ** 2 for v in (x, train)) / n)
    assert abs(variance_shift(p, x.mean(), x.var()) - ratio) <= 4 * error + 1e-12


def test_variance_shift_in_its_limits():
    assert variance_shift(0, 2.0, 3.0) == 1
    assert np.allclose(variance_shift(0.3, 0.0, [1.0, 5.0]), 0.7)
    assert np.isclose(variance_shift(0.3, 1e6, 1.0), 0, atol=1e-9)


rows = torch.ones(4, 3)


@pytest.mark.parametrize("call, message", [
    (lambda: batch_norm(rows[:1], None, None), "at least two rows"),
    (lambda: batch_norm(torch.ones(2, 3, 4), None, None), r"\(n, d\), not \(2, 3, 4\)"),
    (lambda: batch_norm(rows, torch.ones(4), None), r"gamma must be .*\(3,\).*not an array of shape \(4,\)"),
    (lambda: layer_norm(rows, None, torch.ones(4)), r"beta must be a tensor of shape \(3,\)"),
    (lambda: layer_norm(rows, [1.0, 1.0, 1.0], None), r"gamma must be a tensor .*not \[1.0, 1.0, 1.0\]"),
    (lambda: layer_norm(rows, rows[0] * torch.nan, None), "one finite value a feature"),
    (lambda: layer_norm(rows, None, None, 0), "small positive number .*, not 0"),
    (lambda: layer_norm(rows.long(), None, None), "not torch.int64"),
    (lambda: layer_norm(rows.numpy(), None, None), "not ndarray"),
    (lambda: layer_norm(torch.ones(()), None, None), r"not shape \(\)"),
    (lambda: rms_norm(rows[:, :0], None), r"not shape \(4, 0\)"),
    (lambda: rms_norm(rows / 0, None), "nan or inf"),
    (lambda: BatchNorm1d(0), "num_features must be a whole number.*not 0"),
    (lambda: BatchNorm1d(3, eps=-1), "not -1"),
    (lambda: BatchNorm1d(3, momentum=2), "from 0 to 1, or None, not 2"),
    (lambda: variance_shift(1.0), "not 1.0"),
    (lambda: variance_shift(0.5, 0.0, 0.0), "var must be positive, not 0"),
    (lambda: variance_shift(0.5, np.nan), "mean is nan"),
])
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("x, message", [(rows[:1], "at least two rows"), (rows[:, :2], r"\(n, 3\), not \(4, 2\)"),
                                        (rows * torch.nan, "nan or inf")])
def test_a_refused_batch_leaves_the_layer_as_it_was(x, message):
    layer = BatchNorm1d(3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        layer(x)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
