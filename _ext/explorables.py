"""The directive ```` ```{explorable} NAME ````: the figure that moves, `book_utils.explorables.NAME()`, in a page."""

import sys
import zlib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


def note_sources(env):
    """A change of any source of the explorables rebuilds the page."""
    from book_utils import explorables

    for kind in ("py", "mjs", "json"):
        for path in Path(explorables.__file__).parent.rglob(f"*.{kind}"):
            env.note_dependency(str(path))


class ExplorableDirective(SphinxDirective):
    required_arguments = 1

    def run(self):
        from book_utils import explorables

        note_sources(self.env)
        name = self.arguments[0]
        if name.startswith("_") or not callable(getattr(explorables, name, None)):
            logger.warning("There is no explorable %r in book_utils.explorables.", name, location=self.get_location())
            return []
        bundle = getattr(explorables, name)()._repr_mimebundle_()
        moving = nodes.raw("", bundle["text/html"], format="html")
        still = nodes.image(uri="data:image/png;base64," + bundle["image/png"], alt=bundle["text/plain"])
        return [moving, addnodes.only("", still, expr="not html")]


def mark_explorables(app, doctree, docname):
    """Give the box around an explorable a class, which CSS cannot derive from a tag name that only starts with pnd-."""
    for node in doctree.findall(nodes.raw):
        if node["format"] == "html" and node.astext().lstrip().startswith("<pnd-"):
            node["classes"].append("explorable")


def setup(app):
    sys.path.insert(0, str(app.confdir))  # the book's own book_utils, whether or not one is installed
    app.add_directive("explorable", ExplorableDirective)
    app.connect("doctree-resolved", mark_explorables)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
