"""Plots: they draw the numbers they are given, on the Axes they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from book_utils.plots import plot_band


def test_a_band_is_the_median_and_the_middle_eighty_percent():
    x, runs = np.arange(3), np.arange(33.0).reshape(11, 3)
    fig, (ax, _) = plt.subplots(1, 2)  # the current Axes are the other ones
    assert plot_band(x, runs, color="black", label="runs", linestyle="--", ax=ax) is ax
    (line,) = ax.lines
    assert np.array_equal(line.get_ydata(), [15, 16, 17])
    assert (line.get_label(), line.get_linestyle()) == ("runs", "--")
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == 3 and heights.max() == 29
    plt.close(fig)


def test_runs_must_fit_the_positions():
    with pytest.raises(ValueError, match=r"\(seeds, k\).*not \(3,\) and \(4, 2\)"):
        plot_band(np.arange(3), np.zeros((4, 2)), color="black")
    with pytest.raises(ValueError, match=r"not \(3,\) and \(0, 3\)"):
        plot_band(np.arange(3), np.zeros((0, 3)), color="black")


@pytest.mark.parametrize("options, error", [({"ax": "left"}, ValueError), ({"ax": plt}, ValueError),
                                            ({"color": "blau"}, ValueError), ({"widht": 2}, AttributeError)])
def test_nothing_is_drawn_when_something_is_refused(options, error):
    fig, ax = plt.subplots()
    figures = plt.get_fignums()
    with pytest.raises(error, match=str(next(iter(options)))):
        plot_band(np.arange(3), np.zeros((4, 3)), **{"color": "black", "ax": ax} | options)
    assert not ax.lines and not ax.collections and plt.get_fignums() == figures
    plt.close(fig)
