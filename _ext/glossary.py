"""The glossary: links to its terms from anywhere, and its entries from A to Z.

A chapter links a term by `[term](../reference/glossary.md#term-NAME)`, checked like any other link. The role {term}
would do in the pages, but a notebook shows it raw; a Markdown link reads well in both.
"""

import itertools
import zlib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes


def offer_terms(app, doctree):
    """Add the page's terms to the anchors that MyST knows of it."""
    anchors = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for term in doctree.findall(nodes.term):
        for name in term["ids"]:
            anchors[name] = (term.line or 0, name, term.astext())


def group_by_letter(app, doctree):
    """Put a letter before the terms that begin with it, and a line of all letters before the first."""
    for glossary in doctree.findall(addnodes.glossary):
        terms = glossary[0]
        line, groups = nodes.paragraph(classes=["letters"]), []
        for letter, items in itertools.groupby(terms.children, key=lambda item: item[0].astext()[0].upper()):
            name = f"letter-{letter}"
            line += [nodes.reference("", letter, internal=True, refid=name), nodes.Text(" ")]
            groups += [nodes.rubric("", letter, ids=[name], classes=["letter"]),
                       nodes.definition_list("", *items, classes=terms["classes"])]
        glossary.children = []
        glossary += [line, *groups]


def setup(app):
    app.connect("doctree-read", offer_terms)
    app.connect("doctree-read", group_by_letter)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
