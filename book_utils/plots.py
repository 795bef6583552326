"""Plots that several chapters draw. Each takes numbers that are already computed and returns its Axes."""

import numpy as np


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
    """
    import matplotlib.pyplot as plt

    runs = np.asarray(runs)
    if runs.ndim != 2 or runs.shape[1] != len(x):
        raise ValueError(f"runs must have shape (seeds, {len(x)}), one row for each run, not {runs.shape}.")
    ax = plt.gca() if ax is None else ax
    low, middle, high = np.quantile(runs, [0.1, 0.5, 0.9], axis=0)
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    ax.plot(x, middle, color=color, label=label, **line)
    return ax
