"""What the cover shows of the chapters: a start, a card for each, and routes through them with the time that they take.

Names and times are the chapters' own (`chapters.py`), and each card has a picture (`vignettes.py`).
"""

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective


def link(page, text, **options):
    """A link to a page of the book, checked like any other."""
    to = addnodes.pending_xref("", refdomain="std", reftype="doc", reftarget=f"/{page}", refexplicit=True, refwarn=True)
    return to + nodes.inline("", text, **options)


def duration(minutes):
    """In quarters of an hour from an hour on: nobody reads by the minute."""
    hours = round(minutes / 15) / 4
    return f"{minutes} minutes" if hours < 1 else f"{hours:g} hours".replace(".25", "¼").replace(".5", "½").replace(".75", "¾")


class Cover(SphinxDirective):
    """Content: YAML with the short names of chapters, `part/page`."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def find(self, name):
        page = f"chapters/{name}"
        self.env.note_dependency(str(self.env.doc2path(page)))
        if page not in self.env.app.chapters:
            raise self.error(f"_toc.yml gives no topic to {page!r}.")
        return page, self.env.app.chapters[page]


class Start(Cover):
    """```` ```{start} ````: the way to the first chapter."""

    def run(self):
        page, chapter = next(iter(self.env.app.chapters.items()))
        return [nodes.paragraph("", "", link(page, f"Start: {chapter.label}"), classes=["start"])]


class Cards(Cover):
    """```` ```{cards} ````: a card for each chapter, from its name to the sentence that says what it does."""

    def run(self):
        import vignettes

        self.env.note_dependency(vignettes.__file__)
        cards = nodes.bullet_list(classes=["cards"])
        for name, sentence in yaml.safe_load("\n".join(self.content)).items():
            page, chapter = self.find(name)
            drawn = getattr(vignettes, page.split("/")[-1].replace("-", "_"))()
            picture = f'<svg viewBox="0 0 {vignettes.WIDTH} {vignettes.HEIGHT}" aria-hidden="true">{drawn}</svg>'
            cards += nodes.list_item(
                "", nodes.raw("", picture, format="html"), nodes.paragraph("", "", link(page, chapter.label)),
                nodes.paragraph("", sentence),
                nodes.paragraph("", f"{chapter.part}, {chapter.minutes} minutes", classes=["time"]))
        return [cards]


class Route(Cover):
    """```` ```{route} TITLE ````: chapters to read one after another, with the time of each and of all."""

    def run(self):
        found = [self.find(name) for name in yaml.safe_load("\n".join(self.content))]
        steps = nodes.enumerated_list(classes=["route"])
        for page, chapter in found:
            steps += nodes.list_item("", nodes.paragraph("", "", link(page, chapter.label),
                                                         nodes.inline("", f" {chapter.minutes} min", classes=["time"])))
        total = f" · {duration(sum(chapter.minutes for _, chapter in found))}"
        title = nodes.paragraph("", "", nodes.strong("", self.arguments[0]), nodes.inline("", total, classes=["time"]))
        return [nodes.container("", title, steps, classes=["route"])]


def setup(app):
    for name, directive in (("start", Start), ("cards", Cards), ("route", Route)):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
