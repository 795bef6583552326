"""The narrow version of a figure: what a phone shows, so that its text keeps its size.

`tools/execute.py` installs this in the kernel that runs a chapter. Each figure is then drawn twice, as its cell says
and once more at the width of a phone's column, panels below each other; the second picture is stored in the metadata
of the first, with the size of the smallest text of both, and `_ext/pictures.py` puts the two on the page.
"""

import textwrap

from IPython.core import pylabtools
from matplotlib.legend import Legend
from matplotlib.text import Text

WIDTH = 3.54  # inches: the 354 px that a page of 390 px leaves, at 100 px an inch
PANEL = 2.3  # inches: no panel is made lower than this for being beside another


def smallest_text(fig):
    """Height in px of the smallest text that is seen, at 100 px an inch."""
    sizes = [one.get_fontsize() for one in fig.findobj(Text) if one.get_visible() and one.get_text().strip()]
    return round(min(sizes) * 100 / 72, 1) if sizes else None


def panels_of(fig):
    """The axes that stand in the figure's grid, row by row, without their twins and color bars."""
    panels = {}
    for ax in fig.axes:
        spec = ax.get_subplotspec()
        if spec is not None and ax.get_label() != "<colorbar>" and (ax.axison or ax.has_data()):
            panels.setdefault((spec.rowspan.start, spec.colspan.start), []).append(ax)
    return [panels[place] for place in sorted(panels)]


def stack(fig):
    """Panels that stand side by side, below each other, each hardly lower than before; the figure's new height."""
    panels, height = panels_of(fig), fig.get_size_inches()[1]
    rows, columns = ({getattr(group[0].get_subplotspec(), span).start for group in panels}
                     for span in ("rowspan", "colspan"))
    grids = {ax.get_gridspec() for group in panels for ax in group}
    if len(columns) < 2 or len(grids) > 1 or len(panels) > 4:  # more would be taller than two screens
        return height
    grid = fig.add_gridspec(len(panels), 1)
    label = ""
    for row, group in enumerate(panels):
        first = group[0]
        if first.get_subplotspec().colspan.start == 0:
            label = first.get_ylabel()
        for ax in group:
            ax.set_subplotspec(grid[row, 0])
        if not first.get_ylabel():
            first.set_ylabel(label)
        first.yaxis.label.set_visible(True)
        first.tick_params(labelleft=True)
    return len(panels) * max(0.8 * height / len(rows), PANEL)


def wrap(text, pixels, renderer, vertical=False):
    """Break a label that is longer than its place into lines."""
    box = text.get_window_extent(renderer)
    length = box.height if vertical else box.width
    if length > pixels and "\n" not in text.get_text():
        lines = -(-length // pixels)
        text.set_text(textwrap.fill(text.get_text(), -(-len(text.get_text()) // lines) + 4, break_long_words=False))


def turn(ax, renderer):
    """Turn the labels of the horizontal ticks where they stand on each other."""
    labels = [one for one in ax.get_xticklabels() if one.get_text() and one.get_visible()]
    boxes = [one.get_window_extent(renderer) for one in labels]
    crowded = any(left.x1 + 4 > right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
    if crowded and len(labels) == len(ax.get_xticks()):
        words = [one.get_text().replace("\n", " ") for one in labels]
        ax.set_xticks(ax.get_xticks(), words, rotation=40, ha="right", rotation_mode="anchor")


def fewer_columns(legend, renderer):
    """Give a legend that would be wider than its place more rows."""
    columns = int(legend._ncols * WIDTH * 100 * 0.75 / legend.get_window_extent(renderer).width)
    if columns < legend._ncols:
        legend.set_ncols(max(columns, 1))
        labels, outside = [text.get_text() for text in legend.texts], legend._outside_loc
        drawn = [pair for ax in legend.get_figure().axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
        meant = {label: handle for handle, label in reversed(drawn)}
        handles = [meant.get(label, old) for label, old in zip(labels, legend.legend_handles, strict=True)]
        legend._init_legend_box(handles, labels)  # a legend is laid out only when it is made
        legend.set_loc(legend._loc)
        legend._outside_loc = outside


def narrow(fig):
    """Lay a figure out anew for a phone."""
    renderer = fig.canvas.get_renderer()
    for legend in fig.findobj(Legend):
        fewer_columns(legend, renderer)
    fig.set_size_inches(WIDTH, stack(fig))
    fig.draw_without_rendering()
    for ax in fig.axes:
        middle = (ax.bbox.x0 + ax.bbox.x1) / 2
        wrap(ax.xaxis.label, 1.95 * min(middle, fig.bbox.width - middle), renderer)
        wrap(ax.yaxis.label, ax.bbox.height * 1.05, renderer, vertical=True)
    fig.draw_without_rendering()  # a label of two lines leaves the panel less room
    for ax in fig.axes:
        turn(ax, renderer)


def with_narrow(draw):
    """`retina_figure` that adds the narrow picture."""

    def both(fig, base64=False, **kwargs):
        drawn = draw(fig, base64=base64, **kwargs)
        if drawn is None or not base64:
            return drawn
        data, metadata = drawn
        metadata["text"] = smallest_text(fig)
        if fig.get_size_inches()[0] > WIDTH:
            narrow(fig)
            small, size = draw(fig, base64=True, **kwargs)
            metadata["narrow"] = {"png": small, **size, "text": smallest_text(fig)}
        return data, metadata

    return both


def install():
    """From now on, IPython's figures at twice the density come with their narrow version."""
    pylabtools.retina_figure = with_narrow(pylabtools.retina_figure)
