"""Small repairs of the text: proofs, punctuation that must not leave its formula, % that must not leave its number."""

import re
import zlib
from pathlib import Path

from docutils import nodes


def mend_proofs(app, doctree):
    """sphinx-proof gives the inside of every theorem and every proof the same id, and no lead its markup."""
    for inside in list(doctree.findall(nodes.section)):
        if "proof-content" in inside["ids"]:
            place = inside.parent.index(inside)
            inside.parent[place:place + 1] = inside.children
    for proof in doctree.findall(nodes.admonition):
        if proof["ids"] != ["proof"]:
            continue
        proof["ids"] = []
        first = next(proof.findall(nodes.Text))
        rest = nodes.Text(first.removeprefix("Proof."))
        first.parent.replace(first, [nodes.inline("", "Proof.", classes=["lead"]), rest])


def glue_punctuation(app, doctree, docname):
    """A line may break before and after a formula, but never between it and the comma that follows."""
    if app.builder.format != "html":
        return
    for formula in list(doctree.findall(nodes.math)):
        line = formula.parent
        place = line.index(formula)
        before = line[place - 1] if place and isinstance(line[place - 1], nodes.Text) else ""
        after = line[place + 1] if place + 1 < len(line) and isinstance(line[place + 1], nodes.Text) else ""
        head, tail = re.search(r"[(\[“‘]*$", before)[0], re.match(r"[^\s\w(\[“‘]*", after)[0]
        if not head and not tail:
            continue
        unit = nodes.inline("", nodes.Text(head), formula.deepcopy(), nodes.Text(tail), classes=["unit"])
        first, last = place - bool(before), place + 1 + bool(after)
        line[first:last] = [nodes.Text(before[:len(before) - len(head)]), unit, nodes.Text(after[len(tail):])]


def glue_percent(app, doctree, docname):
    """No line begins with the sign of "95 %"."""
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw)):
            glued = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
            if glued != text:
                text.parent.replace(text, nodes.Text(glued))


def setup(app):
    app.connect("doctree-read", mend_proofs)
    app.connect("doctree-resolved", glue_punctuation)
    app.connect("doctree-resolved", glue_percent)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
