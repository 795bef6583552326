"""Only the icons in use, instead of all that the theme loads (542 KB of script, or 157 KB of font, gzipped).

Font Awesome Free's icons are CC BY 4.0, its fonts SIL OFL 1.1 (fontawesome.com/license/free).
"""

import base64
import re
import shutil
from io import BytesIO
from pathlib import Path

from fontTools import subset


def shrink_icons(app, exception):
    """Keep the icons that stand in a page.

    The theme's style sheet names the glyph of every icon: keep the rules of those that stand in a page, then cut each
    font down to the glyphs that the style sheet still names (admonitions name theirs there) and put it into the style
    sheet.
    """
    pages = Path(app.outdir)
    static = pages / "_static"
    # Without the folder no page has changed, so Sphinx has not laid the theme's files anew.
    if exception is not None or app.builder.name != "html" or not (static / "vendor").exists():
        return
    used = set()
    for page in pages.rglob("*.html"):
        used.update(re.findall(r"\bfa-[\w-]+", page.read_text(encoding="utf-8")))

    def keep_used(rule):
        names = [name for name in rule[1].split(",") if name.split(":")[0].removeprefix(".") in used]
        return ",".join(names) + rule[2] if names else ""

    sheet = static / "styles" / "pydata-sphinx-theme.css"
    css = re.sub(r"((?:\.fa-[\w-]+:before,?)+)(\{content:[^}]*\})", keep_used, sheet.read_text(encoding="utf-8"))
    everything = css + "".join(other.read_text(encoding="utf-8") for other in static.rglob("*.css") if other != sheet)
    glyphs = {int(code, 16) for code in re.findall(r"\\([ef][0-9a-f]{3})\b", everything)}
    glyphs |= {ord(char) for char in everything if "\ue000" <= char <= "\uf8ff"}

    def embed(rule):
        font = static / "styles" / re.search(r"url\((\S+?\.ttf)\)", rule[0])[1]
        return re.sub(r"src:[^;}]*", f'src:url({cut_font(font, glyphs)}) format("woff")', rule[0])

    sheet.write_text(re.sub(r"@font-face\{[^}]*\.ttf\)[^}]*\}", embed, css), encoding="utf-8")
    shutil.rmtree(static / "vendor")
    for path in (static / "scripts").glob("fontawesome*"):
        path.unlink()


def cut_font(path, glyphs):
    """The font at `path` with only these glyphs, as a data: address."""
    options = subset.Options(flavor="woff", recalc_timestamp=False, layout_features=[], glyph_names=False)
    font = subset.load_font(path, options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=glyphs)
    cutter.subset(font)
    data = BytesIO()
    subset.save_font(font, data, options)
    return "data:font/woff;base64," + base64.b64encode(data.getvalue()).decode()


def setup(app):
    app.connect("build-finished", shrink_icons)
    return {"parallel_read_safe": True}
