"""The bibliography's entries under the author and year that the chapters cite, in alphabetical order.

sphinxcontrib-bibtex would label them by initials ("[SHK+14]", or a key's first letters where no author is known) and
sort accents behind z.
"""

import unicodedata
import zlib
from pathlib import Path

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as Unsrt
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle
from sphinxcontrib.bibtex.style.template import year

CITED = AuthorYearReferenceStyle()


def label(entry):
    """What stands in the text: "Gal and Ghahramani, 2016a". The letter is a part of the year in references.bib."""
    data = {"entry": entry, "style": CITED}
    names = CITED.person.author_or_editor_or_title(full=False).format_data(data)
    return f"{names.render_as('text')}, {year.format_data(data)}"


def place(entry):
    return "".join(char for char in unicodedata.normalize("NFD", label(entry)) if char.isalnum() or char == " ").lower()


class Style(Unsrt):
    def __init__(self, **options):
        super().__init__(**options)
        self.sort = lambda entries: sorted(entries, key=place)
        self.format_labels = lambda entries: map(label, entries)


def mend_list(app, pagename, templatename, context, doctree):
    """For screen readers: a list holds items; docutils gives the entries a role that ARIA has withdrawn."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    register_plugin("pybtex.style.formatting", "book", Style)
    app.connect("html-page-context", mend_list)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
