"""Repairs that let the built book be read from a plain folder with the network cut.

Jupyter Book's theme asks other hosts for MathJax and thebe, loads half a megabyte of icons, writes errors to the
console and searches only over http. Each repair below says what it mends; `tests/test_pages.py` holds them.
"""

import base64
import json
import re
import shutil
import zlib
from importlib.metadata import files
from io import BytesIO
from pathlib import Path

from docutils import nodes
from fontTools import subset

HERE = Path(__file__).parent

# MathJax in parts rather than in one piece: its one piece carries a contextual menu (108 of 262 KB gzipped) that makes
# every formula a stop of the Tab key and fetches speech files. `assistive-mml` gives MathML to screen readers.
MATHJAX_PARTS = ["core", "input/tex", "output/chtml", "a11y/assistive-mml"]
# What MathJax loads by itself when a formula uses it.
MATHJAX_AUTOLOAD = ["action", "amscd", "bbox", "boldsymbol", "braket", "bussproofs", "cancel", "color", "enclose",
                    "extpfeil", "html", "mhchem", "unicode", "verb"]


def configure(app, config):
    """Point Sphinx at the book's own MathJax, templates and repairs."""
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = (config.mathjax3_config or {}) | {"loader": {"load": MATHJAX_PARTS}}
    config.templates_path.insert(0, str(HERE / "templates"))
    config.html_static_path.append(str(HERE / "static"))


def drop_thebe(app, config):
    """Jupyter Book always adds thebe (live kernels through another host); it declares one constant twice: an error."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")]
    app.registry.css_files[:] = [one for one in app.registry.css_files if one[0] != "sphinx-thebe.css"]


# Scripts that Sphinx loads where they have nothing to do (MathJax on every page above one with mathematics), and the
# sign in a page that needs them.
SCRIPTS_ON_DEMAND = {"mathjax/startup.js": 'class="math', "design-tabs.js": "sd-tab-set"}


def mend_page(app, pagename, templatename, context, doctree):
    """Repair what is only seen in a page's finished HTML."""
    body = context.get("body", "")
    idle = {name for name, sign in SCRIPTS_ON_DEMAND.items() if sign not in body}
    scripts = context["script_files"]
    context["script_files"] = [one for one in scripts if str(one.filename).removeprefix("_static/") not in idle]
    # For screen readers: a list holds items (docutils gives a bibliography's entries a role that ARIA withdrew), and an
    # empty corner of a table is no heading.
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    context["body"] = re.sub(r"<th([^>]*)>(<p></p>)?</th>", r"<td\1></td>", body)


def mark_explorables(app, doctree, docname):
    """Give the box around an explorable a class, which CSS cannot derive from a tag name that only starts with pnd-."""
    for node in doctree.findall(nodes.raw):
        if node["format"] == "html" and node.astext().lstrip().startswith("<pnd-"):
            node["classes"].append("explorable")


def section_texts(doctree):
    """The text of each section, {anchor: text}, out of which the search page cuts its summaries."""
    skip = (nodes.raw, nodes.comment, nodes.literal_block, nodes.image)

    def text(node):
        if isinstance(node, skip):
            return ""
        if isinstance(node, (nodes.math, nodes.math_block)):
            return " … "  # nobody looks for TeX
        if isinstance(node, nodes.Text):
            return node.astext()
        inner = "".join(text(child) for child in node.children if not isinstance(child, nodes.section))
        return inner if isinstance(node, nodes.Inline) else f"{inner} "

    sections = [one for one in doctree.findall(nodes.section) if one["ids"]]
    return {section["ids"][0]: " ".join(text(section).split()) for section in sections}


def write_search_text(app, path):
    """Renew the pages that this build wrote, keep the others, forget those that are gone."""
    kept = Path(app.doctreedir) / "search-text.json"
    old = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    pages = {name: text for name, text in sorted((old | app.search_text).items()) if name in app.env.found_docs}
    text = json.dumps(pages, ensure_ascii=False)
    kept.write_text(text, encoding="utf-8")
    path.write_text(f"const bookText = {text};\n", encoding="utf-8")


def finish(app, exception):
    if exception is None and app.builder.name == "html":
        static = Path(app.outdir) / "_static"
        copy_mathjax(static / "mathjax")
        shrink_icons(static, Path(app.outdir))
        write_search_text(app, static / "search-text.js")


def mathjax_folder():
    """Where the package that carries MathJax 3 has it."""
    startup = next(f for f in files("sphinx-mathjax-offline") if f.match("static/mathjax/startup.js"))
    return Path(startup.locate()).parent


def copy_mathjax(target):
    """Copy what `tex-chtml` needs."""
    source = mathjax_folder()
    parts = ["startup", *MATHJAX_PARTS, "output/chtml/fonts/tex"]
    parts += [f"input/tex/extensions/{name}" for name in MATHJAX_AUTOLOAD]
    fonts = (source / "output/chtml/fonts/woff-v2").glob("*.woff")
    for path in [*(source / f"{part}.js" for part in parts), *fonts]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def shrink_icons(static, pages):
    """Ship the icons in use instead of all (542 KB of script, or 157 KB of font, gzipped).

    Font Awesome Free's icons are CC BY 4.0, its fonts SIL OFL 1.1 (fontawesome.com/license/free). The theme's style
    sheet names the glyph of every icon: keep the rules of those that stand in a page, then cut each font down to the
    glyphs that the style sheet still names (admonitions name theirs there) and put it into the style sheet.
    """
    if not (static / "vendor").exists():  # no page has changed, so Sphinx has not laid the theme's files anew
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
    app.search_text = {}  # of the pages that this build writes
    app.connect("config-inited", configure)
    app.connect("config-inited", drop_thebe)
    app.connect("html-page-context", mend_page, priority=900)
    app.connect("doctree-resolved", mark_explorables)
    app.connect("doctree-resolved", lambda app, doctree, name: app.search_text.update({name: section_texts(doctree)}))
    app.connect("build-finished", finish)
    app.add_css_file("repairs.css")
    app.add_js_file("repairs.js", loading_method="defer")
    app.add_js_file("paper.js", loading_method="defer")
    # Changing this file rebuilds every page.
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"parallel_read_safe": True, "parallel_write_safe": False, "env_version": version}
