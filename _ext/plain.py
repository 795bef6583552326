"""Plain copies of the chapters, which read well where MyST is not rendered: Colab, GitHub, a JupyterLab as it comes.

They have the code cells and outputs of the chapters. In their text every role and directive is replaced by what the
book shows for it: numbers and names are asked of Sphinx, which wrote the pages. The pages' download button gives them,
they lie in `_build/notebooks`, and the workflow puts that folder on a branch, from which the Colab button opens them.
"""

import functools
import json
import os
import posixpath
import re
from pathlib import Path

import pybtex.plugin
from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError

BRANCH = "notebooks"
BASE = "book:"  # stands for the address of the book, which differs with the place of a copy
ROLES = {"cite": ("cite", "p"), "cite:t": ("cite", "t"), "doc": ("std", "doc"), "eq": ("math", "eq"),
         "numref": ("std", "numref"), "prf:ref": ("prf", "ref")}
BOXES = ("admonition", "dropdown", "prf:theorem", "prf:proof")
SPAN = re.compile(
    r"\{(?P<role>[\w:.+-]+)\}`(?P<target>[^`]+)`"
    r"|(?P<code>(?P<ticks>`+).+?(?<!`)(?P=ticks)(?!`)|\\.)"
    r"|\$\$(?P<display>.+?)\$\$(?:[ ]*\((?P<label>[^()\s]+)\))?"
    r"|(?P<inline>\$[^$]+\$)"
    r"|\]\((?P<link>[^()\s]+)\)", re.S)
# What only MyST reads. `left_raw` looks for it in lines that are no code.
RAW = re.compile(r"\{[a-zA-Z][\w:.+-]*\}`|^\s*(:{3,}|[`~]{3,}\{)|^\s*\([\w-]+\)=|\$\$[ ]*\([\w-]+\)|\{\{|\[\]\("
                 r"|^%|^\+\+\+|[)\]`]\{[.#\w]|\]\([^()\s]+\.(md|ipynb)\b|^:[ ]|\[\^|\\(label|ref|eqref)\b")
# What the pages fold or hide is folded in JupyterLab, too: the code, or also what it gives.
FOLDS = {"hide-input": ("source_hidden",), "remove-input": ("source_hidden",),
         "hide-cell": ("source_hidden", "outputs_hidden")}


def left_raw(text):
    """The lines of a Markdown cell that hold something only MyST reads."""
    code = False
    for line in text.splitlines():
        if re.match(r"[> ]*```", line) and not re.match(r"[> ]*```+\{", line):
            code = not code
        elif not code:
            bare = re.sub(r"^(> ?)+", "", line)
            bare = re.sub(r"(\{[\w:.+-]+\}`)|(?<!`)(`+)(?!`).+?\2", lambda part: part[1] or "``", bare)  # no code
            if RAW.search(bare):
                yield line


def markdown(node):
    """What a resolved reference shows, as Markdown."""
    text = str(node) if isinstance(node, nodes.Text) else "".join(map(markdown, node.children))
    if isinstance(node, nodes.emphasis):
        return f"*{text}*"
    return f"[{text}]({node['refuri']})" if isinstance(node, nodes.reference) and "refuri" in node else text


class Page:
    """Translates the text of one page; a link to a page of the book begins with BASE."""

    def __init__(self, app, name):
        self.app, self.name = app, name

    def address(self, path):
        """Of a page of the book, given as seen from this one."""
        return BASE + posixpath.normpath(posixpath.join(posixpath.dirname(self.name), path))

    def role(self, role, target):
        """What the page shows for a role. What is numbered here needs no link: the number stands in this notebook."""
        if role not in ROLES:
            return f"{{{role}}}`{target}`"  # which `left_raw` will find
        if role == "numref":
            return self.figure(target)
        domain, kind = ROLES[role]
        title, target = (re.fullmatch(r"(.+?)\s*<(.+)>", target, re.S) or re.match("((.+))", target, re.S)).groups()
        shown = nodes.inline("", title)
        wanted = addnodes.pending_xref("", shown.deepcopy(), refdomain=domain, reftype=kind, reftarget=target,
                                       refdoc=self.name, refexplicit=title != target, refwarn=False)
        env = self.app.env
        found = env.domains[domain].resolve_xref(env, self.name, self.app.builder, kind, target, wanted, shown)
        if found is None:  # only where a part of the book is built: a whole one has stopped at the same reference
            return title
        for link in found.findall(nodes.reference):
            if "refuri" in link:
                link["refuri"] = self.address(link["refuri"])
        return markdown(found)

    def figure(self, name):
        """Its number, as Sphinx gave it: `resolve_xref` would read all of a page again for each."""
        env = self.app.env
        page, place, _ = env.domains["std"].labels.get(name, (None, None, None))
        if page not in env.toc_fignumbers:
            return name
        number = ".".join(map(str, env.toc_fignumbers[page]["figure"][place]))
        text = self.app.config.numfig_format["figure"] % number
        return text if page == self.name else f"[{text}]({BASE}{page}.html#{place})"

    def link(self, target):
        """The address that the page has for a Markdown link."""
        if re.match(r"[a-z]+:", target):
            return target
        path, _, anchor = target.partition("#")
        page = posixpath.normpath(posixpath.join(posixpath.dirname(self.name), path)) if path else self.name
        page = re.sub(r"\.(md|ipynb)$", "", page)
        if anchor:
            labels = self.app.env.domains["std"].anonlabels
            slugs = self.app.env.metadata[page].get("myst_slugs", {})
            place = (page, slugs[anchor][1]) if anchor in slugs else labels.get(anchor, (page, anchor))[:2]
            page, anchor = place[0], f"#{place[1]}"
        return f"{BASE}{page}.html{anchor}"

    def span(self, match):
        if match["role"]:
            return self.role(match["role"], match["target"])
        if match["label"]:
            formula = match["display"].rstrip()
            number = self.role("eq", match["label"]).strip("()")
            return f"$${formula} \\tag{{{number}}}{match['display'][len(formula):]}$$"
        return f"]({self.link(match['link'])})" if match["link"] else match[0]

    def box(self, kind, title, lines):
        """A box as a block quote with a bold lead, or, where the page folds it, as a fold."""
        label = next((line.split(":", 2)[2].strip() for line in lines if line.startswith(":label:")), None)
        text = self.text("\n".join(line for line in lines if not re.match(r":[a-z]+:", line))).strip()
        if kind == "dropdown":
            return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
        # In a quote JupyterLab takes the > before each line of a formula for a part of it.
        text = re.sub(r"\$\$.+?\$\$", lambda formula: " ".join(formula[0].split()), text, flags=re.S)
        if kind == "prf:theorem":
            if not label:
                raise ExtensionError(f"{self.name}: a theorem needs a :label: to be numbered here as on its page")
            lead = self.role("prf:ref", label) + (f" ({title})" if title else "")
        else:
            lead = "Proof" if kind == "prf:proof" else title
        end = "" if lead.endswith(("?", "!", ".")) else "."
        return "\n".join(f"> {line}".rstrip() for line in f"**{lead}{end}** {text}".splitlines())

    def text(self, text):
        """MyST as plain Markdown."""
        done, plain, lines = [], [], iter(text.split("\n"))  # parts, and the lines of the one that is no box or code

        def flush():
            done.append(SPAN.sub(self.span, "\n".join(plain)).strip("\n"))
            plain.clear()

        for line in lines:
            box = re.fullmatch(r":::\{([\w:]+)\}\s*(.*)", line)
            if fence := re.match(r"(`{3,})(?!\{)", line):
                flush()
                code = [line]
                while not code[1:] or not code[-1].startswith(fence[1]):
                    code.append(next(lines))
                done.append("\n".join(code))
            elif box and box[1] in BOXES:
                flush()
                inside = list(iter(lambda: next(lines), ":::"))
                done.append(self.box(box[1], SPAN.sub(self.span, box[2]), inside))
            elif not re.fullmatch(r"\([\w-]+\)=", line):
                plain.append(line)
        flush()
        return "\n\n".join(filter(None, done))


def plain(app, name):
    """The plain copy of the notebook of a page, as JSON."""
    page = Page(app, name)
    notebook = json.loads(Path(app.env.doc2path(name)).read_text(encoding="utf-8"))
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        if cell["cell_type"] == "markdown":
            cell["source"] = page.text("".join(cell["source"]))
            continue
        folds = [fold for tag in cell["metadata"].get("tags", ()) for fold in FOLDS.get(tag, ())]
        if folds:
            cell["metadata"]["jupyter"] = dict.fromkeys(folds, True)
        if figure := cell["metadata"].get("mystnb", {}).get("figure"):
            lead = page.role("numref", figure["name"])
            cells.append({"cell_type": "markdown", "id": figure["name"][:64], "metadata": {},
                          "source": f"**{lead}.** {page.text(figure['caption'].strip())}"})
    if chapter := app.chapters.get(name):
        first = next(cell for cell in cells if cell["cell_type"] == "markdown")
        title, rest = first["source"].split("\n", 1)
        origin = f"*Chapter {chapter.number} of [{app.config.html_title}]({BASE}{name}.html).*"
        first["source"] = f"{title}\n\n{origin}\n{rest}"
    for cell in cells:
        if cell["cell_type"] == "markdown":
            if raw := list(left_raw(cell["source"])):
                raise ExtensionError(f"{name}: _ext/plain.py cannot write this as plain Markdown: {raw[0]!r}")
            cell["source"] = cell["source"].splitlines(keepends=True)
    return json.dumps(notebook | {"cells": cells}, indent=1, ensure_ascii=False) + "\n"


def site(app):
    """Where GitHub Pages serves the book, or None while the repository has no address."""
    options = app.config.html_theme_options
    if not options.get("use_repository_button"):
        return None
    owner, name = options["repository_url"].rstrip("/").split("/")[-2:]
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def write(app, error):
    """The copies into `_build/notebooks`, and into the site in place of the sources that can be downloaded there."""
    if error or app.builder.name != "html":
        return
    html = Path(app.outdir)
    folder, written = html.parent / "notebooks", []
    for name in sorted(app.env.found_docs):
        if app.env.doc2path(name).endswith(".ipynb"):
            copy = plain(app, name)
            for root in (folder, html / "_sources"):
                path = root / f"{name}.ipynb"
                path.parent.mkdir(parents=True, exist_ok=True)
                base = site(app) or f"{Path(os.path.relpath(html, path.parent)).as_posix()}/"
                path.write_text(copy.replace(f"]({BASE}", f"]({base}"), encoding="utf-8")
                written.append(path)
    for path in set(folder.rglob("*.ipynb")) - set(written):
        path.unlink()


def open_plain(app, pagename, templatename, context, doctree):
    """Colab opens the plain copy; the theme's button opens the source."""
    for group in context.get("header_buttons", ()):
        for button in group.get("buttons", ()):
            if button.get("url", "").startswith("https://colab."):
                button["url"] = button["url"].replace("/blob/main/", f"/blob/{BRANCH}/")


def setup(app):
    # Else each citation, here and on its page, reads anew what every installed package declares.
    pybtex.plugin.find_plugin = functools.cache(pybtex.plugin.find_plugin)
    app.connect("build-finished", write)
    app.connect("html-page-context", open_plain, priority=900)  # after the theme has made the buttons
    return {"parallel_read_safe": True}
