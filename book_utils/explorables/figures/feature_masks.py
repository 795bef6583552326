"""Masks of elements, blocks and channels on feature maps: the numbers behind `feature_masks.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.style import COLORS

CHANNELS, SIDE, BLOCK = 8, 14, 3
START = {"kind": "elements", "p": 0.25}
KINDS = {"elements": "single values", "blocks": f"blocks of {BLOCK} × {BLOCK}", "channels": "whole channels"}


def dropped(kind, draws, p, shape):
    """1 where a value of the maps (C, s, s) is dropped, at an expected share p; `draws` are uniform numbers.

    Elements compare C s² of them with p, channels the first C. For blocks of b × b each of C (s + b - 1)² places, some
    of them beyond the edge, begins a block with a probability that leaves every value the chance 1 - p to be kept.
    """
    C, s, b = shape
    u = np.asarray(draws)
    if kind == "elements":
        return (u[:C * s * s] < p).astype(float)
    if kind == "channels":
        return np.repeat(u[:C] < p, s * s).astype(float)
    n = s + b - 1
    seeds = (u[:C * n * n] < 1 - (1 - p) ** (1 / b**2)).reshape(C, n, n)
    return np.lib.stride_tricks.sliding_window_view(seeds, (b, b), (1, 2)).any((3, 4)).ravel().astype(float)


def guesses(h, gone, shape):
    """For each value the mean of those of its up to eight neighbors in the map that are kept; if none is, the mean."""
    C, s, _ = shape
    h = np.asarray(h, float)
    keep = np.pad(1 - np.asarray(gone, float).reshape(C, s, s), ((0, 0), (1, 1), (1, 1)))
    values = keep * np.pad(h.reshape(C, s, s), ((0, 0), (1, 1), (1, 1)))
    at = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    total, count = (sum(a[:, i:i + s, j:j + s] for i, j in at).ravel() for a in (values, keep))
    return np.where(count > 0, total / np.maximum(count, 1), h.mean())


def explained(h, gone, shape):
    """How much of the dropped values' squared distance from the mean the guesses explain; 0 if nothing is dropped."""
    h, out = np.asarray(h, float), np.asarray(gone) > 0
    away = np.sum((h[out] - h.mean()) ** 2)
    return 1 - np.sum((h[out] - guesses(h, gone, shape)[out]) ** 2) / away if away > 0 else 0.0


def sentence(kind, gone, share):
    """What is dropped, and how much of it can be guessed."""
    out = int(np.sum(gone))
    said = f"{KINDS[kind][0].upper()}{KINDS[kind][1:]}: {out} of {len(gone)} values are dropped."
    if kind == "channels":
        return f"{said} None of their neighbors in the map is left to guess them from."
    if out == 0:
        return said
    return f"{said} The neighbors that are left explain {number(100 * share, 0)} % of them."


def maps():
    """Eight rectified directional slopes of a drawn digit: (8 · 14 · 14,)."""
    turn = np.linspace(-1.5, 2.4, 80)
    strokes = np.vstack([np.column_stack([0.26 * np.cos(turn) - 0.02, y + 0.27 * np.sin(turn)]) for y in (-0.27, 0.27)])
    grid = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    x, y = np.meshgrid(grid, grid)
    apart = (x[..., None] - strokes[:, 0]) ** 2 + (y[..., None] - strokes[:, 1]) ** 2
    ink = np.exp(-apart.min(-1) / (2 * 0.13**2))
    dy, dx = np.gradient(ink)
    angles = np.arange(CHANNELS) * 2 * np.pi / CHANNELS
    return np.maximum(0, np.cos(angles)[:, None, None] * dx + np.sin(angles)[:, None, None] * dy).ravel()


def feature_masks():
    """Eight feature maps, three kinds of masks at the same rate, and what the neighbors tell of what is dropped."""
    import matplotlib.pyplot as plt

    shape, (kind, p) = [CHANNELS, SIDE, BLOCK], START.values()
    h = maps()
    h = (h / h.max()).round(3)
    draws = np.random.default_rng(2).random(CHANNELS * (SIDE + BLOCK - 1) ** 2).round(4)
    draws[:CHANNELS] = [0.55, 0.2, 0.7, 0.35, 0.1, 0.8, 0.45, 0.9]  # one channel more at every step of p
    rates = np.arange(1, 13) / 20
    gone = dropped(kind, draws, p, shape)

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained")
    for c in range(CHANNELS):
        corner = c % 4 * (SIDE + 1), c // 4 * (SIDE + 1)
        box = (corner[0], corner[0] + SIDE, corner[1] + SIDE, corner[1])
        one, out = (a.reshape(CHANNELS, SIDE, SIDE)[c] for a in (h, gone))
        left.imshow(one, cmap="Greys", vmin=0, vmax=1, extent=box)
        for i, j in zip(*np.nonzero(out), strict=True):
            left.add_patch(plt.Rectangle((corner[0] + j, corner[1] + i), 1, 1, fc=COLORS["dropout"], lw=0))
    left.set(xlim=(-1, 4 * (SIDE + 1)), ylim=(2 * (SIDE + 1), -1), xticks=[], yticks=[])
    left.grid(False)
    left.spines[:].set_visible(False)
    for name, style in (("elements", "-"), ("blocks", "--"), ("channels", ":")):
        right.plot(rates, [100 * explained(h, dropped(name, draws, q, shape), shape) for q in rates], style,
                   color=COLORS["dropout"], label=name)
    right.plot(p, 100 * explained(h, gone, shape), "ko", ms=7)
    right.set(xlabel="drop probability p", ylim=(-10, 100), xlim=(0, 0.62))
    right.legend(loc="upper right", frameon=False, ncols=3, fontsize=9)
    head(left, "A", "eight feature maps")
    head(right, "B", "explained by neighbors, %")
    return Explorable(
        "feature_masks",
        {"start": START, "h": h, "draws": draws, "shape": shape, "rates": rates}, fallback=figure,
        alt="A: eight feature maps of a drawn digit, with a quarter of their values painted over one by one. B: how "
            "much of the dropped values their neighbors explain, against the drop probability: most for single "
            "values, much less for blocks of three by three, nothing for whole channels.")
