"""MathJax from the book's own folder, only on pages with mathematics.

Sphinx asks another host for it, on every page above one with a formula.
"""

import shutil
import zlib
from importlib.metadata import files
from pathlib import Path

# MathJax in parts rather than in one piece: its one piece carries a contextual menu (108 of 262 KB gzipped) that makes
# every formula a stop of the Tab key and fetches speech files. `assistive-mml` gives MathML to screen readers.
PARTS = ["core", "input/tex", "output/chtml", "a11y/assistive-mml"]
# What MathJax loads by itself when a formula uses it.
AUTOLOAD = ["action", "amscd", "bbox", "boldsymbol", "braket", "bussproofs", "cancel", "color", "enclose", "extpfeil",
            "html", "mhchem", "unicode", "verb"]


def configure(app, config):
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = (config.mathjax3_config or {}) | {"loader": {"load": PARTS}}


def load_on_demand(app, pagename, templatename, context, doctree):
    if 'class="math' not in context.get("body", ""):
        context["script_files"] = [one for one in context["script_files"]
                                   if not str(one.filename).endswith(("mathjax/startup.js", "mathematics.js"))]


def mathjax_folder():
    """Where the package that carries MathJax 3 has it."""
    startup = next(f for f in files("sphinx-mathjax-offline") if f.match("static/mathjax/startup.js"))
    return Path(startup.locate()).parent


def copy_mathjax(app, exception):
    """Copy what `tex-chtml` needs."""
    if exception is not None or app.builder.name != "html":
        return
    source, target = mathjax_folder(), Path(app.outdir) / "_static" / "mathjax"
    parts = ["startup", *PARTS, "output/chtml/fonts/tex", *(f"input/tex/extensions/{name}" for name in AUTOLOAD)]
    fonts = (source / "output/chtml/fonts/woff-v2").glob("*.woff")
    for path in [*(source / f"{part}.js" for part in parts), *fonts]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def setup(app):
    app.connect("config-inited", configure)
    app.connect("html-page-context", load_on_demand, priority=900)
    app.connect("build-finished", copy_mathjax)
    app.add_js_file("mathematics.js", loading_method="defer")
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
