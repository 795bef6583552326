"""Layers whose noise is learned, in torch: a variance for each weight, and a dropout rate by gradient.

Both draw from torch's global generator in training mode and are deterministic in evaluation mode.
"""

import math

from book_utils._checks import checked_count, checked_flag, checked_number
from book_utils._torch import F, nn, torch

# -KL ≈ k1 sigmoid(k2 + k3 log α) - ½ log(1 + 1/α) - k1; Molchanov et al. (2017), equation 14.
K1, K2, K3 = 0.63576, 1.87320, 1.48695


class VariationalDropoutLinear(nn.Module):
    """A linear layer whose weights are Gaussian, w ~ N(weight, α weight²), with an α learned for each.

    In training the outputs are drawn from their own Gaussians (local reparameterization); in evaluation the means
    are used, and weights whose noise exceeds `threshold` count as zero.

    Parameters
    ----------
    in_features, out_features : int
        As in `nn.Linear`.
    bias : bool
        Whether there is a bias, which has no noise.
    threshold : float
        Weights with log α above it are zero in evaluation; 3 is a dropout rate α / (1 + α) of 0.95.

    Attributes
    ----------
    weight, log_var : (out_features, in_features) parameters
        The mean of each weight and the logarithm of its variance, which starts at -8.
    log_alpha : (out_features, in_features) tensor
        log_var - log weight².

    Raises
    ------
    ValueError
        If a size is no whole number that is at least 1, or `threshold` is not finite.

    Notes
    -----
    Kingma, Salimans & Welling (2015), *Variational dropout and the local reparameterization trick*, NeurIPS;
    Molchanov, Ashukha & Vetrov (2017), *Variational dropout sparsifies deep neural networks*, ICML. The loss is
    N times the mean negative log-likelihood of a batch, plus the `kl()` of all layers; N is the number of training
    rows. Let the second term grow from 0 over the first epochs.

    Examples
    --------
    >>> layer = VariationalDropoutLinear(3, 2)
    >>> layer.log_alpha.shape, layer.kl().item() > 0
    (torch.Size([2, 3]), True)
    """

    def __init__(self, in_features, out_features, *, bias=True, threshold=3.0):
        super().__init__()
        sizes = [checked_count(name, size, 1, 10**6) for name, size in
                 (("out_features", out_features), ("in_features", in_features))]
        self.threshold = checked_number("threshold", threshold, "a finite number", math.isfinite)
        bound = 1 / math.sqrt(sizes[1])
        self.weight = nn.Parameter(torch.empty(sizes).uniform_(-bound, bound))
        self.log_var = nn.Parameter(torch.full(sizes, -8.0))
        self.bias = nn.Parameter(torch.zeros(sizes[0])) if checked_flag("bias", bias) else None

    @property
    def log_alpha(self):
        return self.log_var - torch.log(self.weight**2 + 1e-16)

    def kept(self):
        """Which weights evaluation mode keeps, (out_features, in_features) bool."""
        return self.log_alpha.detach() <= self.threshold

    def forward(self, x):
        if not self.training:
            return F.linear(x, self.weight * self.kept(), self.bias)
        mean = F.linear(x, self.weight, self.bias)
        var = F.linear(x**2, self.log_var.exp())
        return mean + torch.sqrt(var + 1e-16) * torch.randn_like(mean)

    def kl(self):
        """KL divergence from the log-uniform prior, summed over the weights, in nats; 0 where α is infinite.

        The prior is improper, so that this is a divergence up to a constant only. An approximation to 0.01 nats a
        weight.
        """
        log_alpha = self.log_alpha
        return (K1 * torch.sigmoid(-K2 - K3 * log_alpha) + 0.5 * F.softplus(-log_alpha)).sum()


class ConcreteDropout(nn.Module):
    """Inverted dropout whose rate p is learned by gradient, through masks that are nearly 0 or 1.

    In training, x times a relaxed mask over 1 - p; in evaluation, x. For Monte Carlo passes after training, put
    `nn.Dropout(layer.p.item())` in its place.

    Parameters
    ----------
    p : float
        The rate to begin at, between 0 and 1.
    temperature : float
        Of the relaxation, positive; the masks become 0 or 1 as it falls.

    Attributes
    ----------
    logit_p : () parameter
        log p - log(1 - p).
    p : () tensor
        The rate of dropping.

    Raises
    ------
    ValueError
        If `p` or `temperature` lies outside its range.

    Notes
    -----
    Gal, Hron & Kendall (2017), *Concrete dropout*, NeurIPS. The loss is N times the mean negative log-likelihood of
    a batch, plus the `kl` of all layers.

    Examples
    --------
    >>> layer = ConcreteDropout(0.2)
    >>> round(layer.p.item(), 3)
    0.2
    """

    def __init__(self, p=0.1, *, temperature=0.1):
        super().__init__()
        p = checked_number("p", p, "a probability of dropping between 0 and 1 to begin at", lambda v: 0 < v < 1)
        self.temperature = checked_number("temperature", temperature, "a positive number of at most 10",
                                          lambda v: 1e-3 <= v <= 10)
        self.logit_p = nn.Parameter(torch.tensor(math.log(p) - math.log1p(-p)))

    @property
    def p(self):
        return torch.sigmoid(self.logit_p)

    def forward(self, x):
        if not self.training:
            return x
        u = torch.rand_like(x).clamp(1e-7, 1 - 1e-7)
        dropped = torch.sigmoid((self.logit_p + torch.log(u) - torch.log1p(-u)) / self.temperature)
        return x * (1 - dropped) / (1 - self.p)

    def kl(self, linear, prior_std=1.0):
        """KL divergence of the masked weights of the layer that follows from a Gaussian prior, in nats.

        Parameters
        ----------
        linear : nn.Linear
            The layer that takes this one's output.
        prior_std : float
            Standard deviation of the prior of the weights, positive.

        Returns
        -------
        () tensor
            ‖weight‖² / (2 prior_std² (1 - p)) minus in_features times the entropy of a mask; up to a constant, and
            an approximation (the mixture of Gaussians that dropout stands for has no divergence at width 0). Biases
            are left out.
        """
        if not isinstance(linear, nn.Linear):
            raise ValueError(f"linear must be the nn.Linear that follows, not {type(linear).__name__}.")
        prior_std = checked_number("prior_std", prior_std, "a standard deviation between 1e-10 and 1e10",
                                   lambda v: 1e-10 <= v <= 1e10)
        entropy = F.softplus(self.logit_p) - self.p * self.logit_p
        return (linear.weight**2).sum() / (2 * prior_std**2 * (1 - self.p)) - linear.in_features * entropy
