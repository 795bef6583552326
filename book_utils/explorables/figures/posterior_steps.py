"""A posterior of two weights and stochastic ascent to it: the numbers behind `posterior_steps.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._maths import contour
from book_utils.explorables._text import number
from book_utils.style import COLORS

N, W_HAT, SIGMA = 20, [1.4, 0.6], 0.6  # rows, least-squares weights, where both standard deviations start
START = {"log_share": -0.3, "r": 0.8}


def gram(n, r):
    """X'X / noise² of n standardized rows with correlation r between their two columns, at noise 1."""
    return np.array([[n, n * r], [n * r, n]])


def limit(G):
    """The learning rate from which on ascent in mu diverges: 2 / (largest eigenvalue of G + I)."""
    return 2 / (np.linalg.eigvalsh(G)[-1] + 1)


def posterior_mean(G, w_hat):
    """Mean of the exact posterior under the prior N(0, I), with w_hat (2,) the least-squares weights."""
    G = np.asarray(G)
    return np.linalg.solve(G + np.eye(2), G @ w_hat)


def widths(G):
    """Standard deviation of the first weight: exact, and of the best factorized Gaussian."""
    precision = G + np.eye(2)
    return np.array([np.linalg.inv(precision)[0, 0] ** 0.5, precision[0, 0] ** -0.5])


def ascend(G, w_hat, lr, eps, sigma):
    """Ascent of the ELBO by one draw a step, eps (T, 2), in mu and in log sigma: rows (mu1, mu2, sigma1, sigma2).

    The start is the first row; ends where a value passes 10⁶ or a sigma falls below 10⁻⁶.
    """
    (a, b), (_, c) = np.asarray(G)
    mu, rho = np.zeros(2), np.log([sigma, sigma])
    rows = [np.array([0, 0, sigma, sigma])]
    for e in np.asarray(eps):
        s = np.exp(rho)
        off = w_hat - mu - s * e
        g = np.array([a * off[0] + b * off[1], b * off[0] + c * off[1]])
        rho = rho + lr * (g * e * s - s * s + 1)
        mu = mu + lr * (g - mu)
        with np.errstate(over="ignore"):
            row = np.concatenate([mu, np.exp(rho)])
        if not (abs(row) <= 1e6).all() or row[2:].min() < 1e-6:
            break
        rows.append(row)
    return np.array(rows)


def shortfall(G, mean, row):
    """Log evidence minus ELBO, in nats: all of it, and what is left for the best factorized Gaussian."""
    precision, e = G + np.eye(2), np.subtract(row[:2], mean)
    u = precision.diagonal() * np.square(row[2:])
    price = 0.5 * np.log(precision.diagonal().prod() / np.linalg.det(precision))
    return np.array([0.5 * e @ precision @ e + 0.5 * np.sum(u - 1 - np.log(u)) + price, price])


def sentence(n, r, share, w_hat, eps, sigma):
    """`share` is the step divided by its limit."""
    G = gram(n, r)
    lr = share * limit(G)
    rows = ascend(G, w_hat, lr, eps, sigma)
    steps = len(rows) - 1
    said = f"η = {number(lr, 3)}, {number(share)} of the limit."
    factor = f"a step multiplies the error in the stiffest direction by {number(1 - 2 * share)}"
    if steps < len(eps):
        return f"{said} It diverges: {factor}, and at step {steps + 1} the values leave every chart."
    mean, (exact, factorized) = posterior_mean(G, w_hat), widths(G)
    if share >= 1:
        away = number(np.hypot(*(rows[-1, :2] - mean)), 1)
        return f"{said} It diverges: {factor}. After {steps} steps μ is {away} from the exact mean."
    everything, price = shortfall(G, mean, rows[-1])
    return (f"{said} After {steps} steps σ₁ is {number(rows[-1, 2] / factorized)} times the factorized optimum, "
            f"itself {number(factorized / exact)} of the exact width. The ELBO is {number(everything)} nats below the "
            f"evidence; {number(price)} of them are the price of independence.")


def posterior_steps():
    """Climb to the posterior of two correlated weights with steps of a chosen size, and over the edge."""
    import matplotlib.pyplot as plt

    log_share, r = START.values()
    eps = np.random.default_rng(2).standard_normal((100, 2)).round(3)
    G = gram(N, r)
    mean, stds, rows = posterior_mean(G, W_HAT), widths(G), ascend(G, W_HAT, 10**log_share * limit(G), eps, SIGMA)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained")

    def ellipse(precision, center, **look):
        left.fill(*contour(precision, center, 2).T, **look)

    ellipse(np.diag(rows[-1, 2:] ** -2), rows[-1, :2], color=COLORS["dropout"], alpha=0.18, lw=0)
    ellipse(G + np.eye(2), mean, fill=False, ec="black", ls="--", lw=1.4)
    ellipse((N + 1) * np.eye(2), mean, fill=False, ec="black", lw=1)
    left.plot(*rows[:, :2].T, color=COLORS["dropout"], lw=1)
    left.plot(*rows[-1, :2], "o", color=COLORS["dropout"], ms=6)
    left.set(xlim=(-0.4, 2.6), ylim=(-0.6, 1.9), xlabel="weight $w_1$")
    key = {"╌ exact posterior": "truth", "─ best factorized": "truth", "● learned by steps": "dropout"}
    for k, (text, color) in enumerate(key.items()):
        left.annotate(text, (1, 1), xytext=(-2, -8 - 13 * k), xycoords="axes fraction", textcoords="offset points",
                      ha="right", va="top", color=COLORS[color])
    head(left, "A", "weight $w_2$")
    for level, text, style, above in zip(stds, ("exact", "best factorized"), ("--", "-"), (5, -14), strict=True):
        right.axhline(level, color="black", ls=style, lw=1.3)
        right.annotate(text, (len(eps), level), xytext=(-4, above), textcoords="offset points", ha="right")
    for column, style in ((2, "-"), (3, "--")):
        right.plot(rows[:, column], style, color=COLORS["dropout"])
    right.set(ylim=(0, 0.7), xlim=(0, len(eps)), xlabel="step")
    head(right, "B", r"standard deviation $\sigma_1$, $\sigma_2$")
    return Explorable(
        "posterior_steps", {"start": START, "n": N, "w_hat": W_HAT, "eps": eps, "sigma": SIGMA}, fallback=figure,
        alt="A: the slanting ellipse of the exact posterior of two weights, the much smaller circle of the best "
            "factorized Gaussian inside, and a path of means that ends near the center with a shaded ellipse like the "
            "circle. B: the two learned standard deviations fall within a few steps, and then scatter around the "
            "factorized level, below the exact one.")
