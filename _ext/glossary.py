"""Lets a chapter link a term by `[term](../reference/glossary.md#term-NAME)`, checked like any other link.

The role {term} would do in the pages, but a notebook shows it raw; a Markdown link reads well in both.
"""

from docutils import nodes


def offer_terms(app, doctree):
    """Add the page's terms to the anchors that MyST knows of it."""
    anchors = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for term in doctree.findall(nodes.term):
        for name in term["ids"]:
            anchors[name] = (term.line or 0, name, term.astext())


def setup(app):
    app.connect("doctree-read", offer_terms)
    return {"parallel_read_safe": True}
