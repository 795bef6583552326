"""The book's type: Source Serif and Source Sans out of their packages, cut to the signs that the book needs.

Both are SIL OFL 1.1 with the reserved name "Source", which a cut font may not bear: here they are Book Serif and Book
Sans. Their copyright and license stay in them. `_static/book.css` says where each is used.
"""

from importlib.metadata import files
from pathlib import Path

from fontTools import subset

FONTS = {  # what a reader loads is in _static/fonts, named as here
    "serif": ["Regular", "It", "Bold"],
    "sans": ["Regular", "Semibold"],
}
# Latin, accents that stand on a letter, Greek, punctuation, sub- and superscripts, currency, ℓ, arrows, mathematics.
RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x308), (0x391, 0x3D6), (0x2010, 0x203A), (0x2070, 0x208E),
          (0x20AC, 0x20AC), (0x2113, 0x2113), (0x2190, 0x2193), (0x2200, 0x22FF), (0x25A0, 0x25CF)]


def cut_fonts(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    target = Path(app.outdir) / "_static" / "fonts"
    target.mkdir(parents=True, exist_ok=True)
    for kind, faces in FONTS.items():
        for face in faces:
            path = target / f"{kind}-{face}.woff2"
            if not path.exists() or path.stat().st_mtime < Path(__file__).stat().st_mtime:
                name = f"Source{kind.title()}Pro-{face}.ttf"
                cut(next(one for one in files(f"font-source-{kind}-pro") if one.name == name).locate(), path)


def cut(source, target):
    options = subset.Options(flavor="woff2", recalc_timestamp=False, hinting=False, name_IDs=["*"])
    options.layout_features = ["kern", "liga", "tnum", "lnum", "ccmp", "mark"]
    font = subset.load_font(source, options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[code for first, last in RANGES for code in range(first, last + 1)])
    cutter.subset(font)
    for name in font["name"].names:
        if name.nameID in (1, 3, 4, 6, 16):
            name.string = name.toUnicode().replace("Source", "Book").replace(" Pro", "").replace("Pro", "")
    subset.save_font(font, target, options)


def setup(app):
    app.connect("build-finished", cut_fonts)
    return {"parallel_read_safe": True}
