"""Which technique, when: what the page says leads to a section, and its numbers stand in the chapters it leads to."""

import re
import sys

import pytest
from conftest import cells, headings
from docutils import nodes
from project import ROOT, chapters

FOLDER = ROOT / "chapters" / "reference"
TEXT = (FOLDER / "practice.md").read_text(encoding="utf-8")
PLACE = re.compile(r"\]\((\.\./[^)#]+\.ipynb)#([^)]+)\)")
# A whole number without ± may be a size or a place; these are measurements, rates and prices.
MEASURED = re.compile(r"\d+(?:\.\d+)? ± \d+(?:\.\d+)?|\d+\.\d+")
LINES = [(number, line) for number, line in enumerate(TEXT.splitlines(), 1) if PLACE.search(line)]
QUESTIONS = re.findall(r"^:::\{dropdown\} (.+)\n((?:(?!:::).*\n)+):::$", TEXT, re.M)


def said(path):
    """All that a chapter shows: its text, code, captions and printed outputs."""
    parts = []
    for cell in cells(path):
        parts += ["".join(cell["source"]), cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", "")]
        for output in cell.get("outputs", ()):
            parts.append("".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", "")))
    return "\n".join(parts).replace("−", "-")


SAID = {path: said(path) for path in chapters()}
HEADINGS = {path: headings(path) for path in SAID}


def missing(line, shown):
    """The numbers of a line that stand in none of the texts."""
    numbers = MEASURED.findall(line.replace("−", "-"))
    return [one for one in numbers if not any(re.search(rf"(?<![\d.]){re.escape(one)}(?!\d)", text) for text in shown)]


@pytest.mark.parametrize("number, line", LINES, ids=[f"line {number}" for number, _ in LINES])
def test_a_line_leads_to_sections_and_its_numbers_stand_there(number, line):
    places = [((FOLDER / file).resolve(), anchor) for file, anchor in PLACE.findall(line)]
    for path, anchor in places:
        assert anchor in HEADINGS.get(path, ()), f"line {number}: no section #{anchor} in {path.name}"
    assert missing(line, [SAID[path] for path, _ in places]) == []


def test_a_number_that_no_chapter_printed_is_found():
    assert missing("gained 2.2 ± 0.6 and −0.13 points", ["+2.2 ± 0.6", "nll -0.13"]) == []
    shown = ["2.2 ± 0.6, 2.3", "10.13", "1.55"]
    assert missing("gained 2.3 ± 0.6, 0.13 and 1.5", shown) == ["2.3 ± 0.6", "0.13", "1.5"]


def test_a_number_without_a_link_is_a_sources():
    lines = [line for line in TEXT.splitlines() if MEASURED.search(line) and not PLACE.search(line)]
    assert lines == [line for line in lines if "{cite}" in line or "loss stay at 0.693" in line]


def test_every_question_has_an_answer_and_the_question_after_it():
    assert len(QUESTIONS) >= 12
    assert len(QUESTIONS) == TEXT.count(":::{dropdown}")
    for title, answer in QUESTIONS:
        first, after = answer.split("\n\n**", 1)
        assert "?" in title and re.match(r".+\?\*\* .+", after), title
        assert PLACE.search(first) and PLACE.search(after), f"{title}: an answer without its section"


def test_every_chapter_is_linked():
    linked = {(FOLDER / file).resolve() for file, _ in PLACE.findall(TEXT)}
    assert linked == set(chapters()), "practice.md must link to each chapter"


def test_the_chart_says_yes_and_no_in_words(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "_ext"), *sys.path])
    from chart import step

    def item(term, answer):
        return nodes.definition_list_item("", nodes.term("", term), nodes.definition("", nodes.paragraph("", answer)))

    assert step(item("Is it?", "Do."), last=False).astext().split("\n\n") == ["Is it?", "yes: Do.", "no"]
    assert step(item("Else", "Do not."), last=True).astext().split("\n\n") == ["Else", "Do not."]


def test_every_chain_of_the_chart_ends_without_a_question():
    chart = re.search(r"```\{chart\}\n(.*?)```", TEXT, re.S)[1]
    terms = re.findall(r"^(.+)\n: ", chart, re.M)
    starts = re.findall(r"^(?!: )(.+)\n\n", chart, re.M)
    assert len(starts) == 4 and sum(not term.endswith("?") for term in terms) == 4
    assert not terms[-1].endswith("?")
