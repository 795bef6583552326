"""What a page says of itself to search engines and where somebody posts its address: title, description, picture.

The description is made of the page's first sentences, without those that need a formula. The picture of a chapter is
that of its first figure, of any other page the cover's. Pictures must be named by their whole address, so they wait
until one is set (`html: baseurl`, by `make repository`); so do the canonical links, which Sphinx writes by itself.
"""

import base64
import functools
import hashlib
import html
import json
import re
import struct
import zlib
from html.entities import html5
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

LITTLE, ENOUGH = 80, 200  # characters of a description


def plain(node):
    """The text of a paragraph, and NUL where a sentence cannot be said in plain text."""
    if isinstance(node, nodes.math):
        text = re.sub(r"\\([a-zA-Z]+)", lambda name: html5.get(f"{name[1]};", name[0]), node.astext())
        return "\0" if re.search(r"[\\{}]", text) else text
    if isinstance(node, nodes.image | nodes.raw | nodes.problematic):
        return "\0"
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, addnodes.pending_xref):
        if node["refdomain"] == "cite":
            return ""
        if not node["refexplicit"] and node["reftype"] != "term":
            return "\0"  # a number or a title that is not known yet
    return "".join(map(plain, node.children))


def describe(doctree):
    """The first sentences of a page's first paragraph that has any: LITTLE characters or more, and about ENOUGH."""
    section, said = next(doctree.findall(nodes.section)), ""
    for paragraph in section.findall(nodes.paragraph):
        if paragraph.parent is not section or said:
            continue
        text = re.sub(r"\s+([.,:;])", r"\1", " ".join(plain(paragraph).split()))
        for sentence in re.split(r"(?<=[.?!])\s+", text):
            if len(said) >= LITTLE and len(said) + len(sentence) >= ENOUGH:
                break
            if "\0" not in sentence:
                said = f"{said} {re.sub(':$', '.', sentence)}".strip()
    return said


def keep_description(app, doctree):
    app.env.metadata[app.env.docname].setdefault("description", describe(doctree))


def first_picture(notebook):
    """(PNG, what it shows) of the first output that is a picture; that of a figure that moves says it in its text."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                given = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
                alt = given or re.sub(r"^\[\w+\] ", "", "".join(data["text/plain"]))
                return base64.b64decode("".join(data["image/png"])), alt
    return None


@functools.cache
def cover_picture():
    from book_utils.explorables import cover

    figure = cover()
    return figure.png, figure.alt


def picture(app, page):
    """{property: value} of a page's picture, which is written to `_images`."""
    source = Path(app.env.doc2path(page))
    found = first_picture(json.loads(source.read_text(encoding="utf-8"))) if source.suffix == ".ipynb" else None
    png, alt = found or cover_picture()
    name = f"{hashlib.sha256(png).hexdigest()}.png"  # as MyST-NB calls it, if the page shows it
    images = Path(app.outdir) / "_images"
    images.mkdir(exist_ok=True)
    (images / name).write_bytes(png)
    width, height = struct.unpack(">II", png[16:24])
    return {"og:image": f"{app.config.html_baseurl.rstrip('/')}/_images/{name}", "og:image:alt": alt,
            "og:image:width": width, "og:image:height": height}


def add_tags(app, page, template, context, doctree):
    if doctree is None:
        return
    description = app.env.metadata[page]["description"]
    properties = {
        "og:title": app.env.longtitles[page].astext(),
        "og:description": description,
        "og:type": "website" if page == app.config.root_doc else "article",
        "og:site_name": app.config.html_title,
    }
    names = {"description": description}
    if app.config.html_baseurl:
        properties |= {"og:url": context["pageurl"]} | picture(app, page)
        names["twitter:card"] = "summary_large_image"
    for kind, tags in (("property", properties), ("name", names)):
        for key, value in tags.items():
            context["metatags"] += f'<meta {kind}="{key}" content="{html.escape(str(value))}" />\n'


def setup(app):
    app.connect("doctree-read", keep_description)
    app.connect("html-page-context", add_tags)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
