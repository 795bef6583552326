"""A figure whose curves Python computed for each setting of its controls; `recorded.mjs` looks them up."""

import gzip
import itertools
from numbers import Integral

import numpy as np

from book_utils.explorables._element import Explorable
from book_utils.explorables._text import significant
from book_utils.style import COLORS

KINDS = ("line", "dashed", "thin", "dots", "bars", "band")
MAX_KILOBYTES = 60


def _outline(mark, setting):
    """A mark as (kind, color, x, y, label, height at its right end), a band and bars as the outline of their area."""
    kind, color, x, y, label = mark if len(mark) == 5 else (*mark, "")
    if kind not in KINDS or color not in COLORS:
        raise ValueError(f"{kind!r} in {color!r} at {setting}: a mark is one of {', '.join(KINDS)}, in one of "
                         f"{', '.join(COLORS)}.")
    x, y = np.asarray(x, float), np.asarray(y, float)
    shape = {"bars": (x.size - 1,), "band": (2, x.size)}.get(kind, (x.size,))
    if x.ndim != 1 or y.shape != shape or y.size == 0:
        raise ValueError(f"The {kind} at {setting} has x {x.shape} and y {y.shape}: give a list of x, and y {shape}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"The {kind} at {setting} is not finite everywhere: leave out what cannot be drawn.")
    end = y.ravel()[-1]
    if kind == "bars":
        x, y = np.repeat(x, 2), np.concatenate([[0], np.repeat(y, 2), [0]])
    if kind == "band":
        x, y = np.concatenate([x, x[::-1]]), np.concatenate([y[0], y[1, ::-1]])
    return kind, color, x, y, label, end


def _label_heights(marks, low, high):
    """Where each mark's label stands: at its right end, within the panel, and not on another label."""
    gap, heights = 0.085 * (high - low), [0.0] * len(marks)
    order = sorted((end, i) for i, (*_, label, end) in enumerate(marks) if label)
    floor, ceiling = low + gap / 2, high - gap / 2
    for end, i in order:
        heights[i] = max(end, floor)
        floor = heights[i] + gap
    for _, i in reversed(order):
        heights[i] = round(float(min(heights[i], ceiling)), 6)
        ceiling = heights[i] - gap
    return heights


def _with_room(panel, shown):
    """The panel with its ticks, and with x as wide as the labels of its marks need on a phone."""
    (low, high), letters = panel["x"], max([len(label) for marks in shown for *_, label, _ in marks], default=0)
    share = 0.026 * letters + 0.02 if letters else 0
    return panel | {"x": (low, high + (high - low) * share / (1 - share)),
                    "xticks": _ticks(low, high), "yticks": _ticks(*panel["y"])}


def _ticks(low, high):
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [int(t) if t == int(t) else t for t in ticks.round(10).tolist() if low <= t <= high]


def _static(panels, shown):
    """The panels at one setting, drawn by matplotlib."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.2), layout="constrained", squeeze=False)
    for ax, panel, marks, letter in zip(axes[0], panels, shown, "AB", strict=False):
        for (kind, color, x, y, label, _), height in zip(marks, _label_heights(marks, *panel["y"]), strict=True):
            if kind in ("band", "bars"):
                ax.fill(x, y, color=COLORS[color], alpha=0.2, lw=0)
            if kind == "dots":
                ax.plot(x, y, "o", color=COLORS[color], ms=5)
            elif kind != "band":
                width = {"thin": 0.6, "dashed": 1.4}.get(kind, 2)
                dashed = kind == "dashed" or color == "truth"
                ax.plot(x, y, color=COLORS[color], lw=width, ls="--" if dashed else "-")
            if label:
                ax.annotate(label, (x.max(), height), (5, 0), textcoords="offset points", va="center",
                            color=COLORS[color])
        ax.set(**{f"{axis}{what}": value for axis in "xy" for what, value in
                (("lim", panel[axis]), ("label", panel[f"{axis}label"]), ("ticks", panel[f"{axis}ticks"]))})
        if len(panels) > 1:
            ax.set_title(letter, loc="left", fontsize=11, fontweight="bold")
    return figure


def recorded(frame, controls, *, start, panels, alt):
    """A figure that moves through what was computed before, for instance by training.

    Parameters
    ----------
    frame : callable
        Takes one value of each control and returns a sentence and, for each panel, a list of marks. A mark is
        `(kind, color, x, y)` or `(kind, color, x, y, label)`: kind is "line", "dashed", "thin", "dots", "bars"
        (x holds the n + 1 edges) or "band" (y holds its lower and its upper edge); color is a name in `COLORS`; the
        label is written at the right end.
    controls : dict
        One or two sliders, `{label: values}`; the values are numbers or strings.
    start : dict
        The value of each control that shows first: the setting that makes the point.
    panels : list of dict
        One or two, `{"x": (low, high), "y": (low, high), "xlabel": ..., "ylabel": ...}`.
    alt : str
        One or two sentences that say what the picture shows at the start.

    Returns
    -------
    Explorable
        To be the last line of a cell.

    Raises
    ------
    ValueError
        If something does not fit, is not finite, or the figure has more than 60 KB gzipped.

    Examples
    --------
    >>> x = np.linspace(0, 1, 20)
    >>> recorded(lambda q: (f"A power of {q}.", [("line", "truth", x, x**q)]), {"q": [1, 2, 3]}, start={"q": 2},
    ...          panels=[{"x": (0, 1), "y": (0, 1), "xlabel": "x", "ylabel": "power"}], alt="A parabola.").alt
    'A parabola.'
    """
    if len(controls) not in (1, 2) or len(panels) not in (1, 2):
        raise ValueError(f"{len(controls)} controls, {len(panels)} panels: a screen has room for one or two of each.")
    if set(start) != set(controls):
        raise ValueError(f"start names {list(start)}, the controls are {list(controls)}: give each of them its start.")
    for label, values in controls.items():
        if len(values) < 2 or len(set(values)) < len(values) or start[label] not in values:
            raise ValueError(f"{label!r} starts at {start[label]!r} and has the values {values!r}: give two or more, "
                             "all different, and start at one of them.")
    for panel in panels:
        if set(panel) != {"x", "y", "xlabel", "ylabel"} or not all(
                np.isfinite(panel[axis]).all() and panel[axis][0] < panel[axis][1] for axis in "xy"):
            raise ValueError(f"{panel!r} is no panel: give x and y as (low, high), xlabel and ylabel.")

    said, shown = {}, {}
    for setting in itertools.product(*controls.values()):
        said[setting], *lists = frame(*setting)
        if not isinstance(said[setting], str) or not said[setting] or len(lists) != len(panels):
            raise ValueError(f"At {setting} there are {said[setting]!r} and marks for {len(lists)} panels: return a "
                             f"sentence, and then a list of marks for each of the {len(panels)} panels.")
        shown[setting] = [[_outline(mark, setting) for mark in marks] for marks in lists]
    panels = [_with_room(panel, marks) for panel, marks in zip(panels, zip(*shown.values(), strict=True), strict=True)]

    arrays = {}  # an array that several marks share is stored once

    def stored(values, low, high):
        short = tuple((values.round(int(np.ceil(4 - np.log10(high - low)))) + 0.0).tolist())
        return arrays.setdefault(short, len(arrays))

    frames = [[said[setting], *(
        [[kind, color, stored(x, *panel["x"]), stored(y, *panel["y"]), label, height]
         for (kind, color, x, y, label, _), height in zip(marks, _label_heights(marks, *panel["y"]), strict=True)]
        for marks, panel in zip(lists, panels, strict=True))] for setting, lists in shown.items()]
    texts = {label: [str(v) if isinstance(v, (str, Integral)) else significant(v, 3) for v in values]
             for label, values in controls.items()}
    figure = Explorable(
        "recorded",
        {"panels": panels, "controls": [{"label": label, "texts": texts[label]} for label in controls],
         "start": {label: list(values).index(start[label]) for label, values in controls.items()},
         "arrays": list(arrays), "frames": frames},
        fallback=_static(panels, shown[tuple(start[label] for label in controls)]), alt=alt)
    size = len(gzip.compress(figure.html.encode())) / 1000
    if size > MAX_KILOBYTES:
        raise ValueError(f"{size:.0f} KB gzipped are more than {MAX_KILOBYTES}: record fewer settings or fewer points.")
    return figure
