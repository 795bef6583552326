"""What the book calls its chapters: "2 · Ridge: How much should we believe the data?"

A chapter's heading is a question. Its part, its number and its topic (`title`) come from `_toc.yml`. The whole name
stands in the sidebar, under previous and next, in the search and in the browser's tab; above the heading stands
"Penalties · 2".
"""

import html
import json
import re
from pathlib import Path
from typing import NamedTuple

import yaml
from docutils import nodes


class Chapter(NamedTuple):
    part: str
    number: int
    topic: str
    question: str
    minutes: int  # to read it with its code

    @property
    def label(self):
        return f"{self.number} · {self.topic}"

    @property
    def name(self):
        return f"{self.label}: {self.question}"


def read_chapters(root):
    """The book's chapters in order, {page: Chapter}: the pages to which `_toc.yml` gives a topic."""
    found = {}
    for part in yaml.safe_load((Path(root) / "_toc.yml").read_text(encoding="utf-8")).get("parts", ()):
        for entry in part["chapters"]:
            if "title" in entry:
                cells = json.loads((Path(root) / f"{entry['file']}.ipynb").read_text(encoding="utf-8"))["cells"]
                text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
                question = re.search(r"^# (.+)$", text, flags=re.M)[1]
                minutes = re.search(r"\*\*Reads in\*\*\D*(\d+) minutes", text)[1]
                found[entry["file"]] = Chapter(part["caption"], len(found) + 1, entry["title"], question, int(minutes))
    return found


def configure(app, config):
    """Read the chapters, after `_toc.yml` has been read and before the sidebar is made of it."""
    app.chapters = read_chapters(app.srcdir)
    for page, chapter in app.chapters.items():
        config.external_site_map[page].title = chapter.name


def renamed(app, env, added, changed, removed):
    """Every page, if a chapter has got another name: all of them show it."""
    old, env.chapters = getattr(env, "chapters", None), app.chapters
    return set() if old in (None, env.chapters) else env.found_docs


def name_page(app, doctree):
    """The name as the page's title."""
    page = app.env.docname
    if chapter := app.chapters.get(page):
        app.env.longtitles[page] = nodes.title("", chapter.name)


def show_name(app, page, template, context, doctree):
    """Name the neighbors, and say above a chapter's heading where in the book it stands."""
    for key, neighbor in zip(("prev", "next"), app.builder.relations.get(page, [None] * 3)[1:], strict=True):
        if neighbor in app.chapters:
            context[key]["title"] = html.escape(app.chapters[neighbor].name, quote=False)
    if chapter := app.chapters.get(page):
        place = f'<p class="place">{html.escape(chapter.part)} · {chapter.number}</p>'
        context["body"] = context["body"].replace("<h1>", f"{place}<h1>", 1)


def setup(app):
    app.connect("config-inited", configure, priority=950)
    app.connect("env-get-outdated", renamed)
    app.connect("doctree-read", name_page)
    app.connect("html-page-context", show_name)
    return {"parallel_read_safe": True}
