"""What the cover shows of the chapters: a start, a card for each, and routes through them with the time that they take.

Names and times are the chapters' own (`chapters.py`), and each card has a picture (`vignettes.py`).
"""

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective


def link(page, text):
    """A link to a page of the book, checked like any other."""
    return addnodes.pending_xref("", nodes.inline("", text), refdomain="std", reftype="doc", reftarget=f"/{page}",
                                 refexplicit=True, refwarn=True)


def duration(minutes):
    """In quarters of an hour from an hour on: nobody reads by the minute."""
    hours, quarters = divmod(round(minutes / 15), 4)
    return f"{hours}{('', '¼', '½', '¾')[quarters]} hours" if hours else f"{minutes} minutes"


class Cover(SphinxDirective):
    """A part of the cover, which is made again when a chapter has changed."""

    has_content = True

    def run(self):
        for page in self.env.app.chapters:
            self.env.note_dependency(str(self.env.doc2path(page)))
        return [self.show(self.env.app.chapters)] if self.env.app.chapters else []  # none: somebody builds one page


class Start(Cover):
    """```` ```{start} ````: the way to the first chapter."""

    def show(self, chapters):
        page, chapter = next(iter(chapters.items()))
        return nodes.paragraph("", "", link(page, f"Start: {chapter.label}"), classes=["start"])


class Cards(Cover):
    """```` ```{cards} ````: a card for each chapter."""

    def show(self, chapters):
        import vignettes

        self.env.note_dependency(vignettes.__file__)
        cards = nodes.bullet_list(classes=["cards"])
        for page, chapter in chapters.items():
            name = page.split("/")[-1].replace("-", "_")
            if not hasattr(vignettes, name):
                raise self.error(f"{page} has no card: write a function {name} in _ext/vignettes.py, which draws it.")
            drawn = getattr(vignettes, name)()
            picture = f'<svg viewBox="0 0 {vignettes.WIDTH} {vignettes.HEIGHT}" aria-hidden="true">{drawn}</svg>'
            cards += nodes.list_item(
                "", nodes.raw("", picture, format="html"), nodes.paragraph("", "", link(page, chapter.label)),
                nodes.paragraph("", chapter.question),
                nodes.paragraph("", f"{chapter.part}, {chapter.minutes} minutes", classes=["time"]))
        return cards


class Routes(Cover):
    """```` ```{routes} ````: chapters to read one after another, with their times: `title: {for: ..., read: [...]}`."""

    def show(self, chapters):
        routes = nodes.container(classes=["routes"])
        for title, route in yaml.safe_load("\n".join(self.content)).items():
            pages = [f"chapters/{name}" for name in route["read"]]
            if unknown := set(pages) - set(chapters):
                raise self.error(f"_toc.yml gives no topic to {', '.join(unknown)}.")
            steps = nodes.bullet_list()
            for page in pages:
                time = nodes.inline("", f" {chapters[page].minutes} min", classes=["time"])
                steps += nodes.list_item("", nodes.paragraph("", "", link(page, chapters[page].label), time))
            total = duration(sum(chapters[page].minutes for page in pages))
            routes += nodes.container(
                "", nodes.paragraph("", "", nodes.strong("", title), nodes.inline("", f" {total}", classes=["time"])),
                nodes.paragraph("", route["for"], classes=["for"]), steps)
        return routes


def setup(app):
    for name, directive in (("start", Start), ("cards", Cards), ("routes", Routes)):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
