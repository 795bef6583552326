"""A tensor of examples, channels and positions, and what shares a mean: the numbers behind `norm_axes.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import counted, number, signed
from book_utils.style import COLORS

SHAPE, GROUPS, EPS = (4, 4, 4), 2, 1e-5
SHARED = {"batch": "The values of a channel, in all examples, share one mean",
          "layer": "All values of an example share one mean",
          "token": "The channels at one position of one example share one mean",
          "instance": "Each channel of each example has its own mean",
          "group": "The channels of a group share one mean, in each example",
          "rms": "The channels at one position share one mean square, and no mean is subtracted"}


def set_ids(kind, N, C, P, G):
    """For each value of an (N, C, P) tensor, row by row, the number of the set that it is normalized with."""
    n, c, t = np.indices((N, C, P))
    return {"batch": c, "layer": n, "token": n * P + t, "rms": n * P + t, "group": n * G + c * G // C,
            "instance": n * C + c}[kind].ravel()


def normalize(x, ids, center, eps):
    """Each value less the mean of its set (unless center is 0), over the root of the set's mean square plus eps."""
    x, ids = np.asarray(x, dtype=float), np.asarray(ids)
    sets = ids == ids[:, None]  # (n, n): who shares a set with whom
    if center:
        x = x - (sets @ x) / sets.sum(axis=1)
    return x / np.sqrt(sets @ x**2 / sets.sum(axis=1) + eps)


def changes(kind, x, i, value, shape, G, eps):
    """How far each normalized value moves when value i of x (N, C, P) becomes `value`: (N C P,)."""
    ids, center = set_ids(kind, *shape, G), kind != "rms"
    now = np.where(np.arange(len(x)) == i, value, x)
    return normalize(now, ids, center, eps) - normalize(x, ids, center, eps)


def sentence(kind, x, i, value, shape, G, eps):
    """For value i of x (N, C, P), which becomes `value`."""
    if value == x[i]:
        return f"{SHARED[kind]}. This value is where it was, so nothing moves."
    change, example = changes(kind, x, i, value, shape, G, eps), np.arange(len(x)) // (shape[1] * shape[2])
    moved = (abs(change) > 1e-9) & (np.arange(len(x)) != i)
    mates, reach = np.sum(moved & (example != example[i])), abs(change[moved]).max(initial=0)
    return (f"{SHARED[kind]}. Taking this one from {number(x[i], 1)} to {number(value, 1)} moves its output by "
            f"{signed(change[i])} and {counted(moved.sum(), 'other output')} by up to "
            f"{number(reach)}, {f'{mates} of them' if mates else 'none'} in other examples.")


def norm_axes():
    """One value of a small tensor moves; which normalized values move with it depends on the norm."""
    import matplotlib.pyplot as plt

    (N, C, P), kind, cell, value = SHAPE, "layer", 22, 3.0
    x = np.random.default_rng(5).standard_normal(N * C * P).round(1) + 0.0
    ids, now = set_ids(kind, N, C, P, GROUPS), np.where(np.arange(x.size) == cell, value, x)
    change = changes(kind, x, cell, value, SHAPE, GROUPS, EPS)

    figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
    views = ((now, 0.3 * (ids == ids[cell]), "input x"),
             (change, 0.4 * abs(change) / abs(change).max(), "change of the output"))
    for ax, letter, (numbers, shade, title) in zip(axes, "AB", views, strict=True):
        for i, (n, c, t) in enumerate(np.ndindex(*SHAPE)):
            corner = n % 2 * (P + 0.5) + t, n // 2 * (C + 0.9) + c
            for face, alpha, edge in ((COLORS["norm"], shade[i], "none"),
                                      ("none", 1, "black" if i == cell else "0.85")):
                ax.add_patch(plt.Rectangle(corner, 0.95, 0.95, fc=face, alpha=alpha, ec=edge, zorder=2 + (i == cell)))
            quiet = ax is axes[1] and not shade[i]
            ax.text(corner[0] + 0.47, corner[1] + 0.5, "·" if quiet else number(numbers[i], 1),
                    ha="center", va="center", fontsize=7)
            if c == t == 0:
                ax.text(*corner, f"example {n + 1}", va="bottom", fontsize=8)
        ax.set(xlim=(0, 2 * P + 0.6), ylim=(2 * C + 1, -0.9), xticks=[], yticks=[])
        head(ax, letter, title)
        ax.grid(False)
        ax.spines[["left", "bottom"]].set_visible(False)
    return Explorable(
        "norm_axes",
        {"x": x, "shape": SHAPE, "G": GROUPS, "eps": EPS, "start": value, "cell": cell, "kind": kind}, fallback=figure,
        alt="Two drawings of the same sixty-four numbers: four examples, each a grid of four channels and four "
            "positions. In A one number of the second example is outlined and all of that example is shaded. "
            "In B only the outputs of that example have changed.")
