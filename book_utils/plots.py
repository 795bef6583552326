"""Plots that several chapters draw.

Each takes numbers that are already computed, draws on `ax` and returns it: no computation, no title, no `show`. A
plot that one chapter alone draws stands in that chapter; colors and sizes are in `book_utils.style`.
"""

from collections.abc import Iterable

import numpy as np

from book_utils._checks import checked_finite, shown


def plot_band(x, runs, *, color, label=None, ax=None, **line):
    """The median of many runs as a line and their 10 % to 90 % range as a band.

    Parameters
    ----------
    x : (k,) array
        Horizontal positions.
    runs : (seeds, k) array
        One row for each run.
    color, label : str
        Of the line; the band has the same color at 20 %.
    ax : matplotlib Axes, optional
        Where to draw; the current Axes if not given.
    **line
        Passed to `Axes.plot`: line style, marker, width.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, `ax` is no Axes, or matplotlib does not know the color;
        nothing is drawn then.

    Examples
    --------
    >>> ax = plot_band([0, 1], [[1, 5], [2, 6], [9, 7]], color="black")
    >>> ax.lines[-1].get_ydata()
    array([2., 6.])
    """
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.colors import is_color_like

    x, runs = checked_finite(x=x, runs=runs)
    if x.ndim != 1 or runs.ndim != 2 or runs.shape[1] != len(x) or 0 in runs.shape:
        raise ValueError(f"x must have shape (k,) and runs (seeds, k), one row for each run, not {x.shape} and "
                         f"{runs.shape}.")
    if not is_color_like(color):
        raise ValueError(f"color must be one that matplotlib knows, not {shown(color)}.")
    if not (ax is None or isinstance(ax, Axes)):
        raise ValueError(f"ax must be an Axes of matplotlib, such as plt.gca(), or None, not {shown(ax)}.")
    ax = plt.gca() if ax is None else ax
    low, middle, high = np.quantile(runs, [0.1, 0.5, 0.9], axis=0)
    ax.plot(x, middle, color=color, label=label, **line)  # first: it may refuse what is in `line`
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    return ax


def panel_letters(axes, names=()):
    """Write A, B, ... above the left corner of each panel, and its name beside the letter.

    Parameters
    ----------
    axes : Axes or array of Axes
        The panels in reading order.
    names : sequence of str, optional
        A few words for each panel; none if not given.

    Raises
    ------
    ValueError
        If something is no Axes of matplotlib, there are more than 26, or names for some panels only; nothing is written
        then.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> figure, axes = plt.subplots(2, 1)
    >>> panel_letters(axes, ["training", "test"])
    >>> axes[1].get_title(loc="left"), axes[1].texts[0].get_text()
    ('B', 'test')
    """
    from matplotlib.axes import Axes

    panels, words = list(np.ravel(axes)), list(names) if isinstance(names, Iterable) else [names]
    if not all(isinstance(ax, Axes) for ax in panels) or len(panels) > 26:
        raise ValueError(f"axes must be up to 26 Axes of matplotlib, such as plt.subplots gives, not {shown(axes)}.")
    if words and (len(words) != len(panels) or not all(isinstance(word, str) for word in words)):
        raise ValueError(f"names must be one text for each of the {len(panels)} panels, or none, not {shown(names)}.")
    for k, ax in enumerate(panels):
        ax.set_title("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k], loc="left", fontweight="bold", fontsize=11)
        if words:
            ax.annotate(words[k], (0, 1), xytext=(16, 6), xycoords="axes fraction", textcoords="offset points")
