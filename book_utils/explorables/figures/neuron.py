"""One affine neuron whose inputs are dropped: the numbers behind `neuron.mjs`."""

import numpy as np

from book_utils.dropout import enumerate_masks
from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number, significant
from book_utils.style import COLORS

LOW, HIGH = -9, 15  # of the chart
START = {"p": 0.5, "mask": np.array([0, 1, 0, 1, 1, 0, 1, 1])}


def preactivation(mask, x, w, b, p, inverted):
    """z = wᵀ(m ∘ x) + b for one mask (1 = kept), with what is kept divided by 1 - p if inverted."""
    kept = np.asarray(mask) * x
    return kept @ np.asarray(w) / (1 - p if inverted else 1) + b


def preactivations(x, w, b, p, inverted):
    """z (2^d,) for each mask, in the order of `enumerate_masks`."""
    return np.array([preactivation(mask, x, w, b, p, inverted) for mask in enumerate_masks(len(x), p)[0]])


def probability(mask, p):
    """The probability of one mask."""
    return float(np.prod(np.where(mask, 1 - p, p)))


def probabilities(d, p):
    """The probability of each of the 2^d masks."""
    return enumerate_masks(d, p)[1]


def moments(x, w, b, p, inverted):
    """[mean, variance] of z over the masks, by adding up all of them."""
    z, weights = preactivations(x, w, b, p, inverted), probabilities(len(x), p)
    mean = weights @ z
    return [mean, weights @ (z - mean) ** 2]


def sentence(mask, x, w, b, p, inverted):
    """For the mask at hand, beside all masks."""
    d, z, all_z = len(x), preactivation(mask, x, w, b, p, inverted), preactivations(x, w, b, p, inverted)
    first = f"This mask keeps {sum(mask)} of the {d} inputs: z = {number(z)}"
    clean = number(np.dot(x, w) + b)
    if p == 0:
        return f"{first}. At p = 0 only the mask that keeps all can occur: z = {clean}, without spread."
    mean, variance = moments(x, w, b, p, inverted)
    away, std = (z - mean) / np.sqrt(variance), number(np.sqrt(variance))
    where = "on the mean" if abs(away) < 0.05 else (
        f"{number(abs(away), 1)} standard deviations {'above' if away > 0 else 'below'} the mean")
    spread = (f", as without a mask, and the standard deviation {std}." if inverted else
              f" and the standard deviation {std}; without a mask z is {clean}.")
    outside = probabilities(d, p)[(all_z < LOW) | (all_z > HIGH)].sum()
    off = f" {number(100 * outside, 0)} % of the probability lies outside of B." if outside >= 0.005 else ""
    return (f"{first}, {where}; its probability is {significant(probability(mask, p), 2)}. "
            f"Over all {2**d} masks the mean is {number(mean)}{spread}{off}")


def neuron():
    """A neuron with inputs to click off, beside the distribution of its z over all 256 masks."""
    import matplotlib.pyplot as plt

    p = START["p"]
    x = np.array([1.3, 0.71, 1.9, 1.1, 0.83, 1.7, 0.59, 1.17])
    w = np.array([1.21, -1.13, 0.93, 0.67, -0.61, 0.57, 0.87, -0.47])
    b, mask = 0.4, START["mask"]
    z, weights = preactivations(x, w, b, p, True), probabilities(8, p)
    mean, variance = moments(x, w, b, p, True)

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    for j in range(8):
        color = COLORS["dropout"] if mask[j] else COLORS["data"]
        left.plot([j, 3.5], [0, 1], color=color, lw=2 if mask[j] else 1, ls="-" if mask[j] else ":")
        left.plot(j, 0, "o", color=color, ms=15, mfc="white")
        left.text(j, 0, str(j + 1), ha="center", va="center", fontsize=9)
        left.text(j, -0.17, number(w[j] * x[j] * mask[j] / (1 - p)) if mask[j] else "0", color=color, ha="center",
                  fontsize=8)
    left.plot(3.5, 1, "o", color="black", ms=38, mfc="white")
    left.text(3.5, 1, number(preactivation(mask, x, w, b, p, True)), ha="center", va="center")
    left.set(xlim=(-0.5, 7.5), ylim=(-0.25, 1.25))
    left.axis("off")
    head(left, "A", "this mask")
    std = np.sqrt(variance)
    right.axvspan(mean - std, mean + std, color=COLORS["dropout"], alpha=0.18, lw=0)
    right.hist(z, bins=np.linspace(LOW, HIGH, 49), weights=weights, color=COLORS["dropout"])
    right.axvline(mean, color=COLORS["none"])
    right.axvline(mean, color="black", ls="--", lw=1.2)
    right.plot(preactivation(mask, x, w, b, p, True), 0, "^", color="black", ms=9, clip_on=False)
    right.set(xlabel=r"$z=w^\top(m\circ x)+b$", ylim=(0, 0.15))
    head(right, "B", "probability over all masks")
    return Explorable(
        "neuron", {"x": x, "w": w, "b": b, "start": START}, fallback=figure,
        alt="A: a neuron with eight inputs, three of them dropped, and the value z that it computes. B: the "
            "distribution of z over all 256 masks, its mean (where z lies without a mask) and one standard deviation "
            "to each side, and a mark where this mask falls.")
