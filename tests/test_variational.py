"""Learned noise: the divergence against quadrature, the moments against the weights drawn one by one, the limits."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn

from book_utils.variational import ConcreteDropout, VariationalDropoutLinear


def with_noise(weight, log_alpha):
    """A layer (1, d) with such weights and noise, in float64."""
    layer = VariationalDropoutLinear(len(weight), 1).double()
    with torch.no_grad():
        layer.weight[:] = torch.tensor(weight)
        layer.log_var[:] = torch.tensor(log_alpha) + torch.log(layer.weight**2)
    return layer


@pytest.mark.parametrize("log_alpha", [-8.0, -4.0, -1.0, 0.0, 1.0, 3.0, 6.0])
def test_the_divergence_is_that_of_quadrature(log_alpha):
    std = np.exp(log_alpha / 2)
    # E log |e| over e ~ N(1, α); the singularity at 0 is integrable.
    parts = [quad(lambda e: np.log(abs(e)) * norm.pdf(e, 1, std), *limits, limit=400)[0]
             for limits in ((1 - 12 * std, min(0.0, 1 + 12 * std)), (max(0.0, 1 - 12 * std), 1 + 12 * std))
             if limits[0] < limits[1]]
    exact = -0.5 * log_alpha + sum(parts) + 0.5 * (np.euler_gamma + np.log(2))  # 0 in the limit of much noise
    assert abs(with_noise([0.7], [log_alpha]).kl().item() - exact) < 0.01


def test_the_divergence_falls_with_the_noise_and_is_a_sum():
    values = [with_noise([0.5], [a]).kl().item() for a in np.linspace(-10, 10, 41)]
    assert (np.diff(values) < 0).all() and values[-1] > 0
    assert np.isclose(with_noise([0.5, -2.0], [0.0, 1.0]).kl().item(),
                      with_noise([0.5], [0.0]).kl().item() + with_noise([-2.0], [1.0]).kl().item())


def test_outputs_have_the_moments_of_drawn_weights():
    torch.manual_seed(0)
    layer, x = with_noise([0.5, -1.0, 2.0], [-1.0, 0.0, 1.0]), torch.tensor([[1.0, 2.0, -0.5]]).double()
    out = layer(x.expand(200_000, -1)).detach().numpy()[:, 0]
    mean = 0.5 - 2.0 - 1.0
    var = np.sum(np.exp([-1.0, 0.0, 1.0]) * np.array([0.5, -1.0, 2.0]) ** 2 * np.array([1.0, 2.0, -0.5]) ** 2)
    assert abs(out.mean() - mean) < 4 * np.sqrt(var / 2e5)
    assert abs(out.var() - var) < 4 * var * np.sqrt(2 / 2e5)


def test_evaluation_uses_the_means_of_the_weights_that_are_kept():
    layer, x = with_noise([0.5, -1.0, 2.0], [-1.0, 3.5, 2.9]).eval(), torch.ones(4, 3).double()
    assert layer.kept().tolist() == [[True, False, True]]
    assert torch.allclose(layer(x), torch.full((4, 1), 2.5).double())
    assert torch.equal(layer(x), layer(x))


def test_gradients_are_those_of_finite_differences():
    layer, x = with_noise([0.5, -1.0, 2.0], [-1.0, 0.5, 1.0]), torch.tensor([[1.0, 2.0, -0.5]]).double()

    def loss(weight, log_var):
        torch.manual_seed(3)
        out = torch.func.functional_call(layer, {"weight": weight, "log_var": log_var}, (x,))
        return out.sum()

    assert torch.autograd.gradcheck(loss, (layer.weight, layer.log_var))
    noise = ConcreteDropout(0.3).double()

    def dropped(logit_p, inputs):
        torch.manual_seed(3)
        return torch.func.functional_call(noise, {"logit_p": logit_p}, (inputs,))

    assert torch.autograd.gradcheck(dropped, (noise.logit_p, x.requires_grad_()), atol=1e-4)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.7])
def test_the_relaxed_mask_drops_that_share_and_becomes_a_mask(p):
    torch.manual_seed(1)
    layer = ConcreteDropout(p, temperature=0.01)
    out = layer(torch.ones(100_000))
    error = np.sqrt(p * (1 - p) / 1e5)
    assert abs((out < 0.5 / (1 - p)).double().mean().item() - p) < 4 * error
    assert abs(out.mean().item() - 1) < 4 * error / (1 - p) + 1e-3
    middle = (out > 0.01) & (out < 0.99 / (1 - p))
    assert middle.double().mean() < 0.05
    assert torch.equal(layer.eval()(torch.ones(3)), torch.ones(3))


def test_the_divergence_of_the_rate_is_written_out():
    layer, linear = ConcreteDropout(0.25), nn.Linear(4, 2)
    entropy = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    expected = (linear.weight**2).sum().item() / (2 * 9 * 0.75) - 4 * entropy
    assert np.isclose(layer.kl(linear, 3.0).item(), expected, rtol=1e-5)


def test_without_data_the_rate_goes_to_a_half():
    layer, linear = ConcreteDropout(0.1), nn.Linear(5, 1, bias=False)
    nn.init.zeros_(linear.weight)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        layer.kl(linear).backward()
        optimizer.step()
    assert abs(layer.p.item() - 0.5) < 0.01


@pytest.mark.parametrize("call, message", [
    (lambda: VariationalDropoutLinear(0, 1), "in_features must be.*not 0"),
    (lambda: VariationalDropoutLinear(1, 1, threshold=np.nan), "threshold must be a finite number"),
    (lambda: VariationalDropoutLinear(1, 1, bias=1), "bias must be True or False"),
    (lambda: ConcreteDropout(0), "p must be a probability of dropping.*not 0"),
    (lambda: ConcreteDropout(temperature=0), "temperature must be"),
    (lambda: ConcreteDropout().kl(nn.ReLU()), "not ReLU"),
    (lambda: ConcreteDropout().kl(nn.Linear(2, 1), 0), "prior_std must be"),
])
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
