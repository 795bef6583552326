"""What pages say of themselves where they are shared, and how a description is made of a page."""

import html
import importlib
import json
import re

import pytest
import repository
from conftest import ROOT
from docutils import nodes
from project import chapters
from sphinx import addnodes
from test_pages import PAGES


@pytest.fixture
def sharing(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    return importlib.import_module("sharing")


def tags(text):
    return {key: html.unescape(value) for key, value in
            re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', text)}


@pytest.fixture(scope="module")
def said(book):
    return {address: tags((book / address).read_text(encoding="utf-8")) for address in PAGES}


@pytest.mark.parametrize("address", PAGES)
def test_a_page_says_what_it_is(said, address):
    page = said[address]
    assert page["description"] == page["og:description"]
    assert 20 <= len(page["description"]) <= 300
    assert page["description"][0].isupper() and page["description"][-1] in ".?!"
    assert re.findall(r"[\\${}`<>\0]|\s\s|\s[.,;]|\(\)", page["description"]) == []
    assert page["og:title"] and page["og:site_name"] == "Penalties, Noise, and Doubt"
    assert page["og:type"] == ("website" if address == PAGES[0] else "article")


def test_no_two_pages_say_the_same(said):
    for key in ("description", "og:title"):
        assert len({page[key] for page in said.values()}) == len(said)


def test_without_an_address_nothing_is_said_that_needs_one(book, said):
    if repository.read_url() is not None:
        pytest.skip("This copy of the book has an address; test_repository looks at a page with one.")
    for address, page in said.items():
        assert [key for key in page if key in ("og:url", "og:image", "twitter:card")] == []
        assert 'rel="canonical"' not in (book / address).read_text(encoding="utf-8")


def page(*paragraphs):
    return nodes.section("", nodes.title("", "Title"), nodes.container("", nodes.paragraph("", "Not this.")),
                         *(nodes.paragraph("", "", *parts) for parts in paragraphs))


@pytest.mark.parametrize("paragraphs, expected", [
    ([[nodes.Text("One.  Two\nlines.")], [nodes.Text("Not this.")]], "One. Two lines."),
    ([[nodes.Text("One, "), nodes.math("", r"\hat{w}"), nodes.Text(". Two.")]], "Two."),
    ([[nodes.math("", r"\frac12"), nodes.Text(" only.")], [nodes.Text("Next.")]], "Next."),
    ([[nodes.Text("Train "), nodes.math("", "2^N"), nodes.Text(" at "), nodes.math("", r"\lambda"),
       nodes.Text(" or something else:")]], "Train 2^N at λ or something else."),
    ([[nodes.Text("As they say "), addnodes.pending_xref("", nodes.inline("", "key"), refdomain="cite"),
       nodes.Text(". More.")]], "As they say. More."),
    ([[nodes.Text("See "), addnodes.pending_xref("", nodes.inline("", "../a/b"), refdomain="std", reftype="doc",
                                                 refexplicit=False), nodes.Text(". More.")]], "More."),
    ([[nodes.Text("It is a "), addnodes.pending_xref("", nodes.inline("", "word"), refdomain="doc", reftype="myst",
                                                     refexplicit=True), nodes.Text(".")]], "It is a word."),
    ([[nodes.Text(f"{'a' * 150}. {'b' * 60}. c.")]], "a" * 150 + "."),
    ([[nodes.Text(f"{'a' * 50}. {'b' * 190}. c.")]], "a" * 50 + ". " + "b" * 190 + "."),
    ([[nodes.Text(f"{'a' * 250}. b.")]], "a" * 250 + "."),
])
def test_a_description_is_whole_sentences_without_formulas(sharing, paragraphs, expected):
    assert sharing.describe(page(*paragraphs)) == expected


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_a_chapter_has_a_picture_that_says_what_it_shows(sharing, path):
    png, alt = sharing.first_picture(json.loads(path.read_text(encoding="utf-8")))
    assert png.startswith(b"\x89PNG") and len(png) <= 100_000
    assert len(alt) > 25 and not alt.startswith("[")
