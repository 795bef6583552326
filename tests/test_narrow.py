"""Stored pictures: the narrow version has every text within it and panels below each other; colors stay."""

import base64
import io
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT
from IPython.core.pylabtools import retina_figure
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from PIL import Image

from book_utils.style import COLORS

sys.path.insert(0, str(ROOT / "tools"))
import execute  # noqa: E402
import narrow  # noqa: E402


def lines(ax):
    for k in range(3):
        ax.plot([1, 2, 3], [k, k + 1, 0], label=f"a line called {k}")


@pytest.fixture
def style():
    with plt.rc_context({"figure.constrained_layout.use": True, "figure.dpi": 100, "font.size": 10}):
        yield
    plt.close("all")


def leaving(fig):
    """Labels of axes of which a part lies outside of the figure."""
    fig.draw_without_rendering()
    labels = [label for ax in fig.axes for label in (ax.xaxis.label, ax.yaxis.label) if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    return [label.get_text() for label, box in zip(labels, boxes, strict=True)
            if box.x0 < 0 or box.y0 < 0 or box.x1 > fig.bbox.x1 or box.y1 > fig.bbox.y1]


def test_one_panel_keeps_its_height_and_its_labels_are_broken(style):
    fig, ax = plt.subplots(figsize=(7, 3))
    lines(ax)
    ax.set(xlabel="a long label about what is measured here, in units that have a long name too, to be broken",
           ylabel="what a second long label says about the height")
    narrow.narrow(fig)
    assert tuple(fig.get_size_inches()) == (narrow.WIDTH, 3)
    assert "\n" in ax.get_xlabel() and leaving(fig) == []


def test_a_label_that_is_not_in_the_middle_stays_within_the_figure(style):
    fig, ax = plt.subplots(figsize=(5.6, 3))
    ax.barh(["best for prediction", "cross-validation"], [1, 2])
    ax.set_xlabel("features with weights (full: of the five right ones)")
    narrow.narrow(fig)
    assert leaving(fig) == []


def test_panels_side_by_side_go_below_each_other_and_each_has_its_labels(style):
    fig, axes = plt.subplots(1, 3, figsize=(7, 2.6), sharey=True)
    for ax in axes:
        lines(ax)
        ax.set(xlabel="time")
    axes[0].set_ylabel("loss")
    narrow.narrow(fig)
    fig.draw_without_rendering()
    tops = [ax.get_position().y0 for ax in axes]
    assert tops == sorted(tops, reverse=True) and len(set(tops)) == 3
    assert [ax.get_ylabel() for ax in axes] == ["loss"] * 3
    assert all(tick.label1.get_visible() for ax in axes for tick in ax.yaxis.get_major_ticks())
    assert fig.get_size_inches()[1] >= 3 * narrow.PANEL and leaving(fig) == []


def test_a_place_without_a_panel_takes_no_room(style):
    fig, axes = plt.subplots(2, 2, figsize=(6, 4))
    for ax in axes.flat[:3]:
        lines(ax)
    axes[1, 1].axis("off")
    narrow.narrow(fig)
    assert fig.get_size_inches()[1] == pytest.approx(3 * narrow.PANEL)


def test_a_legend_that_is_too_wide_gets_more_rows(style):
    fig, ax = plt.subplots(figsize=(7, 3))
    lines(ax)
    ax.errorbar([1, 2], [0, 1], [0.1, 0.1], fmt="s--", label="with bars")
    ax.legend(ncols=4, loc="upper right")
    narrow.narrow(fig)
    fig.draw_without_rendering()
    legend = ax.get_legend()
    box, room = legend.get_window_extent(), ax.bbox
    assert room.x0 < box.x0 and box.x1 <= room.x1 and box.y1 <= room.y1
    assert [one.get_text() for one in legend.texts] == ["a line called 0", "a line called 1", "a line called 2",
                                                        "with bars"]
    assert any(one.get_marker() == "s" for one in legend.findobj(Line2D))


def test_a_legend_outside_of_the_panels_stays_there(style):
    fig, axes = plt.subplots(1, 2, figsize=(7, 3))
    lines(axes[0])
    fig.legend(loc="outside upper center", ncols=3)
    narrow.narrow(fig)
    fig.draw_without_rendering()
    assert fig.legends[0].get_window_extent().y0 > axes[0].bbox.y1


def test_labels_of_ticks_do_not_stand_on_each_other(style):
    fig, ax = plt.subplots(figsize=(7, 3))
    ax.plot([1, 2, 3, 4, 5])
    ax.set_xticks(range(5), ["standard\ndeviation", "mutual\ninformation", "entropy\nof the mean", "maximum\nof it",
                             "one pass\nwithout"])
    narrow.narrow(fig)
    fig.draw_without_rendering()
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {40} and leaving(fig) == []


def test_six_panels_keep_their_columns(style):
    fig, axes = plt.subplots(3, 2, figsize=(6, 4))
    narrow.narrow(fig)
    fig.draw_without_rendering()
    assert fig.get_size_inches()[1] == 4 and axes[0, 0].get_position().x1 < axes[0, 1].get_position().x0


def test_grids_within_a_figure_stay_as_they_are(style):
    fig = plt.figure(figsize=(7, 5))
    upper, lower = fig.subfigures(2, 1)
    above, below = upper.subplots(1, 3), lower.subplots(1, 1)
    narrow.narrow(fig)
    fig.draw_without_rendering()
    assert len({round(ax.get_position().x0, 2) for ax in above}) == 3 and below is not None


def test_the_smallest_text_that_is_seen(style):
    fig, ax = plt.subplots(figsize=(7, 3))
    ax.text(0, 0, "small", fontsize=9)
    ax.text(0, 0, " ", fontsize=2)
    ax.text(0, 0, "hidden", fontsize=3, visible=False)
    assert narrow.smallest_text(fig) == 12.5


@pytest.mark.parametrize("width", [3.5, 7])
def test_only_what_is_wider_than_a_phone_is_drawn_twice(style, width):
    fig, ax = plt.subplots(figsize=(width, 3))
    lines(ax)
    plain, size = retina_figure(fig, base64=True)
    data, about = narrow.with_narrow(retina_figure)(fig, base64=True)
    assert data == plain and size.items() <= about.items()
    assert ("narrow" in about) == (width > narrow.WIDTH)
    if "narrow" in about:
        picture = Image.open(io.BytesIO(base64.b64decode(about["narrow"]["png"])))
        assert picture.width < 2 * 100 * narrow.WIDTH + 40


def test_few_colors_are_left_and_a_thin_line_has_its_own(style):
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.imshow([[0, 1], [2, 3]], cmap="Greens", interpolation="bilinear", extent=(0, 1, 0, 1))
    for k, color in enumerate(COLORS.values()):
        ax.plot([0, 1], [k / 10 + 0.1] * 2, color=color, lw=1.5)
    out = io.BytesIO()
    fig.savefig(out, dpi=200)
    small = execute.few_colors(base64.b64encode(out.getvalue()))
    left = np.array([color for _, color in small.convert("RGB").getcolors()])
    assert len(left) <= 24
    for color in COLORS.values():
        exact = 255 * np.array(to_rgb(color))
        assert np.sqrt(((left - exact) ** 2).sum(axis=1)).min() < 30, color
