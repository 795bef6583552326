"""The deck of cards, opened as Anki does: every question and every term, nothing raw, known again when it is new."""

import ast
import json
import re
import sqlite3
import zipfile

import cards
import pytest
from conftest import ROOT, sources
from project import chapters

RAW = re.compile(r"\{[\w:]+\}`|\$|\]\(|<(?!/?(p|b|br|em|code|sub|sup)>|p class=where>|a href)|[^\\]\\[ntu]\b")


def opened(path):
    """{guid: (front, back, tags)} of a deck."""
    with zipfile.ZipFile(path) as package:
        path.with_suffix(".db").write_bytes(package.read("collection.anki2"))
    with sqlite3.connect(path.with_suffix(".db")) as base:
        rows = base.execute("SELECT guid, flds, tags FROM notes").fetchall()
        assert base.execute("SELECT count(*) FROM cards").fetchone() == (len(rows),)
        [(models, decks)] = base.execute("SELECT models, decks FROM col")
    assert str(cards.CARD.model_id) in json.loads(models)
    assert {name for _, name in cards.DECKS.values()} < {one["name"] for one in json.loads(decks).values()}
    return {guid: (*fields.split("\x1f"), tags.split()) for guid, fields, tags in rows}


@pytest.fixture(scope="module")
def deck(book, tmp_path_factory):
    path = tmp_path_factory.mktemp("cards") / "deck.apkg"
    assert cards.make(path) == len(opened(path))
    return opened(path)


def asked():
    """What the chapters ask, as their code says it: (chapter, question, right choice, why)."""
    for path in chapters():
        for _, source in sources(path, "code"):
            if re.search(r"\bquiz\(", source):
                for node in ast.walk(ast.parse(source)):
                    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "question":
                        ask, *choices = map(ast.literal_eval, node.args)
                        yield f"{path.parent.name}::{path.stem}", ask, choices


def test_every_question_is_a_card_with_its_answer(deck):
    found = {front: (back, tags) for front, back, tags in deck.values()}
    questions = list(asked())
    assert len(questions) > 60
    for chapter, ask, choices in questions:
        [front] = [front for front, (_, tags) in found.items() if front.startswith(f"<p>{ask}</p>") and chapter in tags]
        back, _ = found.pop(front)
        for letter, (text, right, because) in zip("ABCDEF", choices, strict=False):
            assert f"<p>{letter}. {text}</p>" in front and because not in front
            shown = f"<b>{letter}. {text}</b><br>{because}" if right else f"<p>{letter}. {text}<br>{because}"
            assert shown in back and (back.startswith(f"<p>{shown}") == right)
    terms = re.findall(r"^(?![ :`\n])(.+)\n  ", (ROOT / f"{cards.GLOSSARY}.md").read_text(encoding="utf-8"), re.M)
    assert sorted(front.replace("’", "'") for front in found) == sorted(f"<p>{term}</p>" for term in terms)
    assert len(terms) > 100


def test_cards_have_anki_s_formulas_and_nothing_raw(deck):
    texts = [text for front, back, _ in deck.values() for text in (front, back)]
    assert [text for text in texts if RAW.search(text)] == []
    assert sum(text.count("\\(") for text in texts) > 100
    assert [text for text in texts if text.count("\\(") != text.count("\\)")] == []
    assert RAW.search("See {term}`ridge`.") and RAW.search("$x$") and RAW.search('<span class="math">')


def test_a_term_says_where_it_is_explained(deck):
    [(_, back, tags)] = [one for one in deck.values() if one[0] == "<p>hat matrix</p>"]
    assert back.endswith("Chapter: ridge.</p>") and tags == ["penalties::ridge"]
    [(_, back, tags)] = [one for one in deck.values() if one[0] == "<p>KL divergence</p>"]
    assert back.startswith("<p>See Kullback-Leibler divergence.</p><p>\\(\\mathrm{KL}")


def test_with_an_address_a_card_links_to_the_book(book):
    text = (book / f"{cards.GLOSSARY}.html").read_text(encoding="utf-8")
    [one] = [one for one in cards.terms(text, "https://ada.github.io/penalties/") if "hat matrix" in one.fields[0]]
    assert re.search(r'Chapter: <a href="https://ada\.github\.io/penalties/chapters/penalties/ridge\.html#[\w-]+">ridge'
                     "</a>", one.fields[1])


def test_a_reworded_answer_is_the_same_card(deck, book):
    page = "chapters/penalties/ridge"
    text = (book / f"{page}.html").read_text(encoding="utf-8")
    before = list(cards.questions(page, text))
    after = list(cards.questions(page, text.replace("smallest where s is", "smallest for the smallest s")))
    assert [one.guid for one in before] == [one.guid for one in after] and {one.guid for one in before} < set(deck)
    assert before[0].fields[1] != after[0].fields[1]
    other = list(cards.questions(page, text.replace("shrink most?", "shrink least?")))
    assert [a.guid == b.guid for a, b in zip(before, other, strict=True)] == [False] + [True] * (len(before) - 1)
