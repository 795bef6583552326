"""How figures look: one color, one meaning, with the same values as `_static/book.css`.

Only what every figure shares; what several chapters draw is in `book_utils.plots`.
"""

COLORS = {
    "data": "#6b6b6b",
    "truth": "#000000",
    "none": "#D55E00",
    "l2": "#0072B2",
    "l1": "#882E72",
    "dropout": "#009E73",
    "norm": "#7A5C00",
}
"""The color of each meaning, as in `COLORS["l2"]`."""


def _book_font():
    """Family and size of the text in figures: the sans of the pages where it is installed, else matplotlib's own."""
    from matplotlib.font_manager import fontManager

    try:
        from font_source_sans_pro import font_files_ttf
    except ImportError:
        return "DejaVu Sans", 10
    for face in ("", "It", "Bold", "BoldIt"):
        fontManager.addfont(font_files_ttf[f"SourceSansPro{face}"])
    return "Source Sans Pro", 11


def use_book_style():
    """Draw every later figure in the book's style (matplotlib's settings; twice the density in a notebook).

    Examples
    --------
    >>> import matplotlib
    >>> with matplotlib.rc_context():  # in a chapter, the call alone
    ...     use_book_style()
    ...     matplotlib.rcParams["figure.figsize"]
    [7.0, 3.2]
    """
    import matplotlib as mpl

    family, size = _book_font()
    mpl.rcParams.update({
        "figure.figsize": (7, 3.2),
        "figure.dpi": 100,
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "white",
        "font.family": "sans-serif",
        "font.sans-serif": [family, "DejaVu Sans"],  # the second for the signs that the first lacks
        "font.size": size,
        "axes.labelsize": size,
        "legend.fontsize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "mathtext.fontset": "custom",
        "mathtext.rm": family,
        "mathtext.it": f"{family}:italic",
        "mathtext.bf": f"{family}:bold",
        "mathtext.bfit": f"{family}:italic:bold",
        "mathtext.cal": family,
        "mathtext.sf": family,
        "mathtext.tt": "DejaVu Sans Mono",
        "mathtext.fallback": "stixsans",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#555555",
        "axes.prop_cycle": mpl.cycler(color=[COLORS[k] for k in ("none", "l2", "l1", "dropout", "norm", "data")]),
        "axes.grid": True,
        "grid.color": "#e8e8e8",
        "grid.linewidth": 0.8,
        "axes.axisbelow": True,
        "xtick.color": "#333333",
        "ytick.color": "#333333",
        "lines.linewidth": 2,
        "legend.frameon": False,
    })
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("retina")
