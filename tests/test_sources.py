"""The documents' claims: every entry has a verdict and a place that exists, and the page counts them right."""

import re
from collections import Counter

import pytest
from conftest import headings
from mdit_py_plugins.anchors.index import slugify
from project import ROOT, chapters

VERDICTS = {"right": "right", "needs an assumption": "assumption", "wrong": "wrong"}
FOLDER = ROOT / "chapters" / "reference"
TEXT = (FOLDER / "sources.md").read_text(encoding="utf-8")
# An entry is two lines: the claim with its verdict, and ": " with the reason and the places.
SECTIONS = {
    title: re.findall(r"^(.+) \[(.+)\]\{\.verdict \.(\w+)\}\n: (.+)$", body, re.M)
    for title, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", TEXT, re.M)
}
ENTRIES = [entry for entries in SECTIONS.values() for entry in entries]
LINKS = [re.findall(r"\]\(([^)#]+\.ipynb)#([^)]+)\)", reason) for _, _, _, reason in ENTRIES]


def test_every_definition_on_the_page_is_an_entry():
    assert len(ENTRIES) == len(re.findall(r"^: ", TEXT, re.M)) > 90


@pytest.mark.parametrize("claim, verdict, style, reason", ENTRIES, ids=[entry[0][:40] for entry in ENTRIES])
def test_an_entry_has_a_verdict_a_reason_and_a_place(claim, verdict, style, reason):
    assert VERDICTS[verdict] == style
    assert re.match(r"[A-Z].+[.)] \[", reason), "a sentence, and then its places"


def test_every_place_exists():
    found = {path: headings(path) for path in chapters()}
    for (claim, *_), links in zip(ENTRIES, LINKS, strict=True):
        assert links, f"{claim}: no link to a chapter's section"
        for file, anchor in links:
            path = (FOLDER / file).resolve()
            assert anchor in found.get(path, ()), f"{claim}: no section #{anchor} in {file}"


def test_every_chapter_is_linked():
    linked = {(FOLDER / file).resolve() for links in LINKS for file, _ in links}
    assert linked == set(chapters()), "sources.md must link to each chapter"


def test_no_claim_is_listed_twice_for_one_document():
    for title, entries in SECTIONS.items():
        twice = [claim for claim, count in Counter(entry[0] for entry in entries).items() if count > 1]
        assert not twice, f"{title}: {twice}"


def test_the_lead_counts_right():
    counts = {title: Counter(entry[1] for entry in entries) for title, entries in SECTIONS.items() if entries}
    expected = {slugify(title): [count[verdict] for verdict in VERDICTS] for title, count in counts.items()}
    rows = re.findall(r"^\| \[.+\]\(#(.+)\) \|([\d |]+)\|$", TEXT, re.M)
    assert {slug: list(map(int, numbers.split("|"))) for slug, numbers in rows} == expected
    columns = zip(*expected.values(), strict=True)
    assert f"| all | {' | '.join(str(sum(column)) for column in columns)} |" in TEXT
    assert f"Here are {len(ENTRIES)} of their claims" in TEXT
    assert "| | " + " | ".join(VERDICTS) + " |" in TEXT
