"""Plots: they draw the numbers they are given, on the Axes they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from book_utils.plots import panel_letters, plot_band


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


def test_panels_are_lettered_in_reading_order_outside_of_their_axes():
    fig, axes = plt.subplots(2, 2)
    panel_letters(axes, ["one", "two", "three", "four"])
    fig.draw_without_rendering()
    for ax, letter, name in zip(axes.flat, "ABCD", ("one", "two", "three", "four"), strict=True):
        (text,) = ax.texts
        title = next(one for one in ax.findobj(plt.Text) if one.get_text() == letter)
        assert text.get_text() == name
        assert ax.bbox.y1 < min(title.get_window_extent().y0, text.get_window_extent().y0)
        assert title.get_window_extent().x1 < text.get_window_extent().x0
    plt.close(fig)


def test_a_panel_alone_and_a_list_of_panels():
    fig, axes = plt.subplots(1, 3)
    panel_letters(axes[0])
    panel_letters([axes[2], axes[1]])
    assert [ax.get_title(loc="left") for ax in axes] == ["A", "B", "A"] and not any(ax.texts for ax in axes)
    plt.close(fig)


@pytest.mark.parametrize("axes, names, error", [("left", (), "not 'left'"), (None, (), "not None"),
                                                 (2, ["one"], "one text for each of the 2 panels"),
                                                 (2, 3, "not 3"), (2, [1, 2], "one text for each"),
                                                 (27, (), "up to 26")])
def test_no_letter_is_written_when_something_is_refused(axes, names, error):
    fig, panels = plt.subplots(1, axes if isinstance(axes, int) else 1, squeeze=False)
    with pytest.raises(ValueError, match=error):
        panel_letters(panels if isinstance(axes, int) else axes, names)
    assert not any(ax.get_title(loc="left") for ax in panels.flat)
    plt.close(fig)
