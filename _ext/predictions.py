"""The directive ```` ```{predictions} ````: what the reader has predicted, drawn from the reader's own browser.

Which predictions there are, is read from the stored outputs of the chapters.
"""

import html
import json
import re
import zlib
from pathlib import Path

from docutils import nodes
from explorables import note_sources
from sphinx.util.docutils import SphinxDirective

BOX = re.compile(r'<pnd-quiz-\w+ id="predict-[\w-]+" state="([^"]*)"')


def collected(path):
    """The predictions of one notebook in their order, as {name: question}."""
    found = {}
    for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            for state in BOX.findall("".join(output.get("data", {}).get("text/html", ""))):
                one = json.loads(html.unescape(state))
                found[one["name"]] = one["ask"]
    return found


class Predictions(SphinxDirective):
    def run(self):
        from book_utils.explorables import Explorable

        note_sources(self.env)
        chapters = []
        for page, chapter in self.env.app.chapters.items():
            path = self.env.doc2path(page)
            self.env.note_dependency(path)
            if asks := collected(path):
                link = self.env.app.builder.get_relative_uri(self.env.docname, page)
                chapters.append({"title": chapter.label, "page": link, "asks": list(asks.items())})
        count = sum(len(one["asks"]) for one in chapters)
        fallback = (f"<p>The chapters ask for {count} predictions. Where a script may run, it draws here what became "
                    "of yours; on paper there is nothing to see.</p>")
        box = Explorable("predictions", {"chapters": chapters}, fallback=fallback, alt="Your predictions")
        return [nodes.raw("", box.html, format="html")]


def setup(app):
    app.add_directive("predictions", Predictions)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
