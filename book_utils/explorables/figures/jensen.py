"""A distribution goes through a curve: the numbers behind `jensen.mjs`."""

import numpy as np
from scipy.special import expit, ndtr

from book_utils.dropout import enumerate_masks
from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number, signed
from book_utils.style import COLORS

# w_j x_j of eight inputs; the sum of squares is 1.85 in both, so that z has the same variance
EVEN = np.array([0.7, 0.6, -0.5, 0.5, 0.4, 0.4, -0.3, 0.3])
DOMINANT = np.array([1.3, 0.2, -0.2, 0.2, 0.1, -0.1, 0.1, 0.1])
LABELS = {"square": "z²", "relu": "ReLU", "gelu": "GELU", "sigmoid": "sigmoid", "tanh": "tanh"}
START = {"p": 0.5, "mean": 0.0}


def activation(name, z):
    """φ(z) for one of the five names, shape of z."""
    z = np.asarray(z, dtype=float)
    return {"square": lambda: z**2, "relu": lambda: np.maximum(z, 0), "gelu": lambda: z * ndtr(z),
            "sigmoid": lambda: expit(z), "tanh": lambda: np.tanh(z)}[name]()


def curvature(name, z):
    """φ''(z), shape of z; 0 for ReLU, which has none at its kink."""
    z = np.asarray(z, dtype=float)
    s, t = expit(z), np.tanh(z)
    return {"square": 2 + 0 * z, "relu": 0 * z, "gelu": (2 - z**2) * np.exp(-z**2 / 2) / np.sqrt(2 * np.pi),
            "sigmoid": s * (1 - s) * (1 - 2 * s), "tanh": -2 * t * (1 - t**2)}[name]


def deviations(a, p):
    """z - E z and its probability for each of the 2^d masks of inverted dropout; a (d,) holds w_j x_j: (2^d, 2)."""
    a = np.asarray(a, dtype=float)
    masks, probabilities = enumerate_masks(len(a), p)
    return np.column_stack([masks @ a / (1 - p) - a.sum(), probabilities])


def average(name, atoms, mean):
    """E φ(z) for z = mean + deviation; atoms (k, 2) holds deviations and probabilities."""
    dev, probabilities = np.asarray(atoms).T
    return float(probabilities @ activation(name, mean + dev))


def sentence(name, a, p, mean):
    """`a` (d,) holds w_j x_j of the inputs; `mean` is E z."""
    atoms = deviations(a, p)
    z, weights = mean + atoms[:, 0], atoms[:, 1]
    out, plain = average(name, atoms, mean), float(activation(name, mean))
    said = (f"{LABELS[name]}: the average of z gives {number(plain)}, the average over "
            f"{f'{2 ** len(a)} masks' if p else 'the one mask'} is {number(out)}.")
    if p == 0:
        return f"{said} Nothing is dropped, so there is no gap."
    outside, why = weights[abs(z) > 5].sum(), _why(name, z, out, plain)
    off = f" {number(100 * outside, 0)} % of the masks' probability is outside of A." if outside > 0.015 else ""
    return f"{said} {why}.{off}"


def _why(name, z, out, plain):
    """What explains the gap out - plain."""
    size, center = f"Gap {signed(out - plain)}", activation(name, 0)
    if name == "square":
        return f"{size}: the variance of z, wherever the mean is"
    if name == "relu":
        return (f"{size}: a convex curve lifts the average, and only masks across the kink from the mean count"
                if z.min() < 0 < z.max() else "No mask takes z across the kink, so the gap is exactly 0")
    if abs(out - plain) < 0.005:
        return "The gap is below 0.005 here"
    if name == "gelu":
        return (f"{size}: GELU bends up between −1.4 and 1.4 and down outside; here the part that bends "
                f"{'up' if out > plain else 'down'} wins")
    nearer, at = abs(out - center) < abs(plain - center), "½" if name == "sigmoid" else "0"
    return f"{size}: the average lies " + (f"nearer to {at}, as it always does for a symmetric z" if nearer else
                                           f"farther from {at}, which only a skewed z can do")


def jensen():
    """Send the pre-activation of a unit with eight dropped inputs through a curve, and compare two averages."""
    import matplotlib.pyplot as plt

    name, (p, mean) = "relu", START.values()
    atoms = deviations(EVEN, p)
    z, probabilities = mean + atoms[:, 0], atoms[:, 1]
    high, plain = average(name, atoms, mean), float(activation(name, mean))
    grid, means = np.linspace(-5, 5, 241), np.linspace(-3, 3, 121)
    gaps = np.array([average(name, atoms, m) for m in means]) - activation(name, means)

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained", width_ratios=(6, 5))
    y = activation(name, grid)
    span = np.ptp(y)
    base = y.min() - 0.35 * span
    heights, edges = np.histogram(z, bins=50, range=(-5, 5), weights=probabilities)
    left.bar(edges[:-1], 0.3 * span * heights / heights.max(), 0.18, base, align="edge", color=COLORS["dropout"])
    left.plot(grid, y, color=COLORS["data"])
    left.plot([mean, mean], [plain, high], color="black", lw=4)
    for text, level, side, color in (("E φ(z)", high, -1, "dropout"), ("φ(E z)", plain, 1, "none")):
        left.plot(mean, level, "o", color=COLORS[color], ms=7)
        left.annotate(text, (mean, level), xytext=(8 * side, 0), textcoords="offset points", va="center",
                      ha="left" if side > 0 else "right", color=COLORS[color])
    left.set(xlim=(-5, 5), ylim=(base, 4), xlabel="pre-activation z", xticks=[-4, -2, 0, 2, 4], yticks=range(5))
    head(left, "A", "output of ReLU")
    right.plot(means, gaps, color=COLORS["dropout"])
    right.plot(mean, high - plain, "o", color=COLORS["dropout"])
    right.axhline(0, color="black", lw=0.8)
    right.set(xlabel="mean E z", xlim=(-3, 3), ylim=(-0.2, 1), yticks=[0, 0.5, 1])
    head(right, "B", "gap E φ(z) − φ(E z)")
    return Explorable(
        "jensen", {"start": START, "name": name, "even": EVEN, "dominant": DOMINANT}, fallback=figure,
        alt=f"A: the distribution of a pre-activation over 256 masks, around {mean:g}, under the curve of the ReLU; "
            f"the average output, {high:.2f}, lies above the output of the average, {plain:.2f}. B: the gap between "
            "the two against the mean.")
