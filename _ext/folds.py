"""What a folded cell says before it is opened: what is in it, and how many lines.

The cell's metadata may name it (`mystnb: {code_prompt_show: Training loop}`); the lines are counted here, so that no
number grows old. Open, it says the same, unless the metadata has a `code_prompt_hide`.
"""

import re
import zlib
from pathlib import Path

from docutils import nodes


def name_folds(app, doctree):
    cells = [one for one in doctree.findall(nodes.container) if one.get("nb_element") == "cell_code"]
    cells = [one for one in cells if one.children and one[0].get("nb_element") == "cell_code_source"]
    for k, cell in enumerate(cells):
        if not cell.get("hide_mode"):
            continue
        given = cell["cell_metadata"].get("mystnb", {})
        picture = any(one.get("mime_type", "").startswith("image/") for one in cell.findall(nodes.container))
        lead = given.get("code_prompt_show") or ("Figure" if picture else "Code" if k else "Setup")
        count = len(cell[0].astext().rstrip().splitlines())
        words = re.sub(r", \d+ lines?$", "", lead) + f", {count} line{'s' if count > 1 else ''}"
        cell["prompt_show"], cell["prompt_hide"] = words, given.get("code_prompt_hide") or words


def let_folds_be_heard(app, pagename, templatename, context, doctree):
    """MyST-NB gives every fold one name for screen readers, which hides the words from them."""
    context["body"] = context.get("body", "").replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app):
    app.connect("doctree-read", name_folds)
    app.connect("html-page-context", let_folds_be_heard)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
