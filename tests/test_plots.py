"""Plots: they draw the numbers they are given, on the Axes they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from book_utils.plots import plot_band


def test_a_band_is_the_median_and_the_middle_eighty_percent():
    x, runs = np.arange(3), np.arange(33.0).reshape(11, 3)
    fig, ax = plt.subplots()
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
