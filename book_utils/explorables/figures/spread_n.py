"""The spread of dropout beside that of the exact posterior, for a line: the numbers behind `spread_n.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.style import COLORS

SLOPE, NOISE = 1.5, 1  # the truth
START = {"log_n": 7, "p": 0.2}


def slope(x, y, p):
    """The slope that minimizes the squared error averaged over the masks of inverted dropout on x (n,)."""
    x, y = np.asarray(x), np.asarray(y)[:len(x)]
    return (1 - p) * (x @ y) / (x @ x)


def mc_std(w, p):
    """The standard deviation over masks of the answer at x = 1."""
    return np.sqrt(p / (1 - p)) * abs(w)


def posterior(x, y, noise):
    """Mean and standard deviation of the slope given the data, under the prior N(0, 1): (2,)."""
    x, y = np.asarray(x), np.asarray(y)[:len(x)]
    precision = x @ x / noise**2 + 1
    return np.array([x @ y / noise**2 / precision, 1 / np.sqrt(precision)])


def sentence(n, noise, p, w, mean, std):
    """`w` is dropout's slope; `mean` and `std` are those of the posterior."""
    rows = f"{n} rows, noise {noise:g}: at x = 1 the posterior's spread is {number(std)}"
    if p == 0:
        return (f"{rows}. Nothing is dropped, so dropout's is 0, and its slope is that of least squares, "
                f"{number(w)}.")
    spread = mc_std(w, p)
    ratio = spread / std
    times, word = (ratio, "large") if ratio >= 1 else (1 / ratio, "small")
    return (f"{rows}, dropout's is {number(spread)}, {number(times, 1)} times as {word}. "
            f"Slope: posterior {number(mean)}, dropout {number(w)}.")


def spread_n():
    """Rows, noise and p move the band of dropout and the band of the exact posterior, side by side."""
    import matplotlib.pyplot as plt

    log_n, p = START.values()
    x, e = np.random.default_rng(3).standard_normal((2, 1024)).round(2)
    y, n, ends = SLOPE * x + NOISE * e, 2**log_n, np.array([-3, 3])
    sizes = 2 ** np.arange(3, 11)
    slopes = np.array([slope(x[:k], y, p) for k in sizes])
    exact = np.array([posterior(x[:k], y, NOISE) for k in sizes])
    w, (mean, std) = slopes[log_n - 3], exact[log_n - 3]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
    left.plot(x[:n], y[:n], "o", color=COLORS["data"], ms=3, alpha=0.6, mew=0)
    spread = mc_std(w, p)
    left.fill_between(ends, ends * (w - 2 * spread), ends * (w + 2 * spread), color=COLORS["dropout"], alpha=0.3, lw=0)
    left.plot(ends, w * ends, color=COLORS["dropout"])
    for sign in (-2, 2):
        left.plot(ends, ends * (mean + sign * std), "k--", lw=1.2)
    left.set(xlim=(-3, 3), ylim=(-9, 9), xlabel="input x", yticks=range(-8, 9, 4))
    right.plot(np.log10(sizes), mc_std(slopes, p), color=COLORS["dropout"])
    right.plot(np.log10(sizes), exact[:, 1], "k--", lw=1.2)
    right.plot(np.log10(n), spread, "o", color=COLORS["dropout"])
    right.plot(np.log10(n), std, "ko")
    right.set(xlabel="log₁₀ of the number of rows", ylim=(0, 1), xlim=(0.8, 3.1))
    for ax in (left, right):
        ax.text(0.03, 0.93, "dropout", color=COLORS["dropout"], transform=ax.transAxes)
        ax.text(0.03, 0.86, "╌ posterior", transform=ax.transAxes)
    head(left, "A", "y, and bands of ± 2 std")
    head(right, "B", "std at x = 1")
    return Explorable(
        "spread_n", {"start": START, "noise": NOISE, "x": x, "e": e, "slope": SLOPE}, fallback=figure,
        alt=f"A: {n} points along a line; a wide green band of dropout, flatter than the points, and the narrow "
            "dashed band of the exact posterior. B: against the number of rows, the spread of dropout is level and "
            "that of the posterior falls to almost nothing.")
