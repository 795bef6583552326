"""Figures that need a live kernel: controls where one runs, the default picture where none does."""

import base64

from book_utils.explorables._element import png_bytes


class Lab:
    """What `lab` returns: the default picture, with live controls beside it where a kernel can show them."""

    def __init__(self, fn, controls):
        self.fn, self.controls = fn, controls
        self.start = {name: c[3] if isinstance(c, tuple) else c[0] for name, c in controls.items()}

    def _widget(self, png):
        import ipywidgets as widgets

        def control(name, c):
            if isinstance(c, list):
                return widgets.Dropdown(options=c, value=c[0], description=name)
            low, high, step, value = c
            kind = widgets.IntSlider if all(isinstance(v, int) for v in c) else widgets.FloatSlider
            return kind(value, min=low, max=high, step=step, description=name, continuous_update=False)

        # An Image, not an Output: where no front end listens, an Output would print into the cell.
        parts = {name: control(name, c) for name, c in self.controls.items()}
        picture = widgets.Image(value=png, format="png", layout=widgets.Layout(max_width="700px"))

        def redraw(change):
            picture.value = png_bytes(self.fn(**{name: part.value for name, part in parts.items()}))

        for part in parts.values():
            part.observe(redraw, names="value")
        return widgets.VBox([*parts.values(), picture])

    def _repr_mimebundle_(self, include=None, exclude=None):
        shown = ", ".join(f"{name} = {value}" for name, value in self.start.items())
        png = png_bytes(self.fn(**self.start))
        bundle = {"image/png": base64.b64encode(png).decode(), "text/plain": f"[lab] {self.fn.__name__}: {shown}"}
        try:
            model_id = self._widget(png).model_id
        except ImportError:  # no ipywidgets: the picture alone
            return bundle
        return bundle | {"application/vnd.jupyter.widget-view+json":
                         {"version_major": 2, "version_minor": 0, "model_id": model_id}}


def lab(fn, **controls):
    """A figure with controls that a kernel recomputes; elsewhere its default picture.

    Parameters
    ----------
    fn : callable
        Takes the controls by name and returns a matplotlib figure.
    **controls : (low, high, step, start) or list
        A slider, or a choice whose first item is the start.

    Returns
    -------
    Lab
        To be the last line of a cell.

    Raises
    ------
    ValueError
        If a control is neither, or starts outside its range.

    Examples
    --------
    >>> lab(lambda n: None, n=(0, 10, 1, 3)).start
    {'n': 3}
    """
    for name, c in controls.items():
        ok = len(c) > 0 if isinstance(c, list) else isinstance(c, tuple) and len(c) == 4 and c[0] <= c[3] <= c[1]
        if not ok:
            raise ValueError(f"{name}={c!r} is no control: give (low, high, step, start) or a list of choices.")
    return Lab(fn, controls)
