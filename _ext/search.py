"""The search: what `search.js` looks through, `_static/search-text.js`, which also works from a plain folder.

Sphinx ranks whole pages, finds headings only if the query is half of them, and fetches every result's page to cut a
summary out of it, which a browser refuses on file://. Here each section, each term of the glossary and each entry of
the bibliography is one entry. A section is also known by the terms whose explanation in the glossary leads to it.
"""

import json
import posixpath
import re
import zlib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

UNREAD = (nodes.raw, nodes.comment, nodes.literal_block, nodes.image, nodes.section, nodes.citation, addnodes.glossary)


def text_of(node):
    """The text inside a node, without what is an entry of its own; a formula is a gap: nobody looks for TeX."""
    if isinstance(node, UNREAD):
        return ""
    if isinstance(node, (nodes.math, nodes.math_block)):
        return " … "
    if isinstance(node, nodes.Text):
        return node.astext()
    inner = "".join(text_of(child) for child in node.children)
    return inner if isinstance(node, nodes.Inline) else f"{inner} "


def clean(*found):
    text = " ".join("".join(map(text_of, found)).split())
    return re.sub(r"…( …)+", "…", re.sub(r"… (?=[.,;:)])", "…", text))


def targets(docname, node):
    """Where the links inside a node lead in the book, as "page#anchor"."""
    for link in node.findall(nodes.reference):
        page, _, anchor = link.get("refuri", f"#{link.get('refid')}").partition("#")
        page = posixpath.normpath(posixpath.join(posixpath.dirname(docname), page)) if page else docname
        yield f"{page.removesuffix('.html')}#{anchor}"


def read_entries(docname, doctree):
    """(ids, heading, text, links) of each entry of a page; links matter only in the glossary, elsewhere are none."""
    kinds = nodes.section, nodes.definition_list_item, nodes.citation
    for node in doctree.findall(lambda one: isinstance(one, kinds)):
        if isinstance(node, nodes.section):
            yield node["ids"], clean(*node[0]), clean(*node[1:]), []
        elif isinstance(node, nodes.citation):
            yield node["ids"], clean(*node[0]), clean(*node[1:]), []
        elif node[0]["ids"]:
            yield node[0]["ids"], clean(*node[0]), clean(*node[-1]), list(targets(docname, node[-1]))


def explained(pages):
    """{"page#anchor": the terms explained there}; a term that says "See …" is explained where that one is."""
    terms = {f"{page}#{name}": rest for page, entries in pages.items() for ids, *rest in entries if rest[-1]
             for name in ids}
    found = {}
    for term, text, links in terms.values():
        if text.startswith("See ") and links[0] in terms:
            links = terms[links[0]][-1]
        for place in links:
            if place not in terms:
                found.setdefault(place, []).append(term)
    return found


def write_search_text(app, exception):
    """Renew the pages that this build wrote, keep the others, forget those that are gone."""
    if exception is not None or app.builder.name != "html":
        return
    kept = Path(app.doctreedir) / "search-entries.json"
    old = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    pages = {name: found for name, found in sorted((old | app.search_entries).items()) if name in app.env.found_docs}
    kept.write_text(json.dumps(pages, ensure_ascii=False), encoding="utf-8")
    terms, book = explained(pages), []
    for page, entries in pages.items():
        chapter = app.chapters.get(page)
        place = chapter.label if chapter else clean(*app.env.titles[page])
        for k, (ids, heading, text, _) in enumerate(entries):
            entry = {"page": page, "anchor": ids[0] if k else "", "place": place, "heading": heading, "text": text,
                     "terms": [term for name in ids for term in terms.get(f"{page}#{name}", [])]}
            if not k and chapter:
                entry["topic"] = chapter.topic
            book.append(entry)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in book)
    (Path(app.outdir) / "_static" / "search-text.js").write_text(f"const book = [\n{lines}\n];\n", encoding="utf-8")


def keep_entries(app, doctree, docname):
    app.search_entries[docname] = list(read_entries(docname, doctree))


def setup(app):
    app.search_entries = {}  # of the pages that this build writes
    app.connect("doctree-resolved", keep_entries)
    app.connect("build-finished", write_search_text)
    # Changing this file rebuilds every page.
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"parallel_read_safe": True, "parallel_write_safe": False, "env_version": version}
