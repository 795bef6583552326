"""The formula sheet and the list of mistakes: complete, and of one mind with the chapters and the package.

That their links lead somewhere is for the build (`-W -n`) and for test_pages.
"""

import ast
import importlib
import inspect
import pkgutil
import re

import pytest
from conftest import markdown
from mdit_py_plugins.anchors.index import slugify
from project import ROOT, chapter_name, chapters

import book_utils

REFERENCE = ROOT / "chapters" / "reference"
FORMULAS, MISTAKES = ((REFERENCE / f"{name}.md").read_text(encoding="utf-8") for name in ("formulas", "mistakes"))

# Modules whose functions compute what a chapter derives.
COMPUTE = ("linear", "penalties", "dropout", "normalization", "mc_dropout", "uncertainty")
MODULES = [m.name for m in pkgutil.iter_modules(book_utils.__path__) if not m.name.startswith("_")]

# Labels that need no entry of their own: equations of a theorem that has one, and set-ups that state no result.
IN_A_THEOREM = {
    "eq-loo": "thm-loo",
    "eq-kkt": "thm-lasso-optimality",
    "eq-gap": "thm-gap",
    "eq-jensen-passes": "thm-jensen-passes",
    "eq-layernorm-jacobian": "thm-layernorm-jacobian",
}
SET_UPS = {"eq-layernorm-recurrence"}


CHAPTERS = list(map(chapter_name, chapters()))  # as "part/name"
TEXTS = {chapter_name(path): markdown(path) for path in chapters()}


def labels(chapter):
    """The labels of a chapter's equations and theorems."""
    return re.findall(r"\$\$ \((eq-[\w-]+)\)|^:label: (thm-[\w-]+)", TEXTS[chapter], re.MULTILINE)


LABELS = {chapter: {a or b for a, b in labels(chapter)} for chapter in CHAPTERS}
CITED = set(re.findall(r"\{(?:eq|prf:ref)\}`([\w-]+)`", FORMULAS))


def entries():
    """(name, text) of each definition under a chapter's heading of the sheet."""
    return re.findall(r"^([^\n]+)\n: (.*?)(?=\n\n\S|\Z)", FORMULAS, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_numbered_result_is_on_the_sheet(chapter):
    assert len(LABELS[chapter]) >= 5, "fewer than five numbered equations and theorems"
    missing = LABELS[chapter] - CITED - set(IN_A_THEOREM) - SET_UPS
    assert missing == set(), "chapters/reference/formulas.md lacks them"


def test_the_sheet_and_the_exceptions_name_labels_that_exist():
    known = set().union(*LABELS.values())
    assert (CITED | set(IN_A_THEOREM) | SET_UPS) - known == set()
    assert set(IN_A_THEOREM.values()) <= CITED
    assert (set(IN_A_THEOREM) | SET_UPS) & CITED == set(), "these are on the sheet: no exceptions any more"


def test_each_formula_says_when_it_holds_and_what_computes_it():
    found = entries()
    assert len(found) > 60
    for name, text in found:
        if not name.startswith("Also in this chapter"):
            assert "$$" in text and "**Holds** " in text and "**Code** " in text, name


def named_functions(text):
    """(module, name, arguments or None) of each function named in the text's code."""
    for code in re.findall(r"```python\n(.*?)```|`([^`\n]+)`", text, re.DOTALL):
        yield from re.findall(rf"\b({'|'.join(MODULES)})\.(\w+)(\([^()]*\))?", "".join(code))


@pytest.mark.parametrize("page", ["formulas", "mistakes"])
def test_the_functions_named_exist_and_take_these_arguments(page):
    found = list(named_functions({"formulas": FORMULAS, "mistakes": MISTAKES}[page]))
    assert len(found) > 15
    for module, name, call in found:
        function = getattr(importlib.import_module(f"book_utils.{module}"), name)
        if call:
            arguments = ast.parse(f"f{call}", mode="eval").body
            parameters = list(inspect.signature(function).parameters)
            assert [a.id for a in arguments.args] == parameters[:len(arguments.args)], f"{module}.{name}{call}"
            assert {k.arg for k in arguments.keywords} <= set(parameters), f"{module}.{name}{call}"


@pytest.mark.parametrize("module", COMPUTE)
def test_every_public_function_that_computes_is_on_the_sheet(module):
    found = importlib.import_module(f"book_utils.{module}")
    public = {name for name, value in inspect.getmembers(found, inspect.isfunction)
              if value.__module__ == found.__name__ and not name.startswith("_")}
    assert public
    assert public - {name for where, name, _ in named_functions(FORMULAS) if where == module} == set()


def mistakes():
    """{symptom: text}, and the text of the list by chapter."""
    text, by_chapter = MISTAKES.split("\n## By chapter\n")
    return dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)), by_chapter


def test_each_mistake_is_shown_in_a_chapter_and_has_a_cure():
    found, _ = mistakes()
    assert 20 <= len(found) <= 50
    for symptom, text in found.items():
        shown = text.partition("*Shown in* ")[2].partition("**Cure** ")[0]
        assert re.search(r"\.ipynb#[\w-]+|\{numref\}`fig-", shown), symptom
        assert len(text.partition("**Cure** ")[2]) > 20, symptom


def test_the_list_by_chapter_is_the_list_of_mistakes():
    """Each chapter's list names exactly the mistakes that link to the chapter or to a figure of it."""
    found, by_chapter = mistakes()
    lists = {chapter: listed for chapter, listed in
             re.findall(r"\{doc\}`\.\./([\w/-]+)`\n\n((?:- [^\n]+\n?)+)", by_chapter)}
    assert list(lists) == CHAPTERS, "*By chapter* in mistakes.md has a list for each chapter, in the order of _toc.yml"
    for chapter, listed in lists.items():
        figures = re.findall(r'"name": "(fig-[\w-]+)"',
                             (ROOT / "chapters" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
        expected = [f"- [{symptom}](#{slugify(symptom)})" for symptom, text in found.items()
                    if f"../{chapter}.ipynb#" in text or any(f"`{figure}`" in text for figure in figures)]
        assert listed.strip().split("\n") == expected, f"not the mistakes above that link to {chapter} or its figures"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_and_pages_link_to_each_other(chapter):
    """At the end of the summary, to the chapter's own headings on both pages."""
    summary = TEXTS[chapter].partition("\n## Summary\n")[2].partition("\n## ")[0]
    for name, page in (("formulas", FORMULAS), ("mistakes", MISTAKES)):
        heading = re.search(rf"^### ([^\n]+)\n\n\{{doc\}}`\.\./{chapter}`", page, re.MULTILINE)
        assert heading, f"{name}.md has no heading for this chapter"
        assert f"[{name}](../reference/{name}.md#{slugify(heading[1])})" in summary
