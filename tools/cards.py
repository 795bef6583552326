"""Make a deck of Anki cards, `_build/penalties-noise-and-doubt.apkg`: the chapters' questions and the glossary's terms.

Both are read from the built pages, where formulas stand as Anki wants them: \\(...\\). A card is known by its question
or its term, so whoever imports a newer deck keeps what they have learned and gets what was reworded behind it.
"""

import html
import json
import re
from string import ascii_uppercase
from urllib.parse import urljoin

import genanki
from bs4 import BeautifulSoup
from project import BUILD, HTML, NAME, pages
from repository import pages_url, read_url

TARGET = BUILD / f"{NAME}.apkg"
TITLE = "Penalties, Noise, and Doubt"
GLOSSARY = "chapters/reference/glossary"
# Anki knows the kind of card and the decks by these numbers, which never change.
CARD = genanki.Model(
    1406208501, TITLE, fields=[{"name": "Front"}, {"name": "Back"}],
    templates=[{"name": "Card", "qfmt": "{{Front}}", "afmt": "{{FrontSide}}<hr id=answer>{{Back}}"}],
    css=".card { font: 20px/1.5 sans-serif; max-width: 34em; margin: auto; } .where { font-size: 75%; opacity: 0.7; }")
DECKS = {"questions": (1406208502, f"{TITLE}::Questions"), "terms": (1406208503, f"{TITLE}::Glossary")}


def note(name, front, back, tags):
    return genanki.Note(CARD, [front, back], guid=genanki.guid_for(TITLE, *name), tags=sorted(set(tags)))


def tag(page):
    """Of the cards of a chapter: `penalties::ridge`."""
    return page.removeprefix("chapters/").replace("/", "::")


def questions(page, text):
    """A note for each question of a page; on its back the right choice comes first."""
    where = html.unescape(re.search(r"<title>([^:<]*)", text)[1])
    for state in re.findall(r'<pnd-quiz-\w+ state="([^"]*)"', text):
        for question in json.loads(html.unescape(state))["questions"]:
            choices = [(f"{letter}. {choice['text']}", choice)
                       for letter, choice in zip(ascii_uppercase, question["choices"], strict=False)]
            right = [f"<p><b>{words}</b><br>{one['because']}</p>" for words, one in choices if one["right"]]
            wrong = [f"<p>{words}<br>{one['because']}</p>" for words, one in choices if not one["right"]]
            yield note((page, question["ask"]),
                       "".join(f"<p>{words}</p>" for words in (question["ask"], *(words for words, _ in choices))),
                       "".join([*right, *wrong, f"<p class=where>{where}</p>"]), [tag(page)])


def terms(text, site):
    """A note for each term of the glossary; behind one that only names another stands what that one means."""
    soup, entries = BeautifulSoup(text, "html.parser"), []
    for entry in soup.select("dl.glossary dt"):
        entry.a.decompose()  # the sign that links to it
        entries.append((entry["id"], entry.get_text(), entry.find_next_sibling("dd")))
    named = {name: meaning for name, _, meaning in entries}
    found = []
    for _, term, meaning in entries:
        links = [urljoin(f"{GLOSSARY}.html", link["href"]) for link in meaning.select("a[href^='../']")]
        same = re.fullmatch(r"See .+\.", meaning.get_text().strip()) and named[meaning.a["href"][1:]]
        found.append((term, [meaning, same] if same else [meaning], [tag(link.partition(".")[0]) for link in links]))
    for link in soup.select("dl.glossary a"):
        if site and not link["href"].startswith("#"):
            link.attrs = {"href": urljoin(f"{site}{GLOSSARY}.html", link["href"])}
        else:
            link.unwrap()
    for span in soup.select("dl.glossary span"):
        span.unwrap()
    for code in soup.select("dl.glossary code"):
        del code["class"]
    for term, meanings, tags in found:
        yield note((GLOSSARY, term), f"<p>{html.escape(term)}</p>",
                   "".join(one.decode_contents().strip() for one in meanings), tags)


def make(target=TARGET):
    """Write the deck; return how many cards it has."""
    decks = {name: genanki.Deck(*deck) for name, deck in DECKS.items()}
    for page in pages():
        text = (HTML / f"{page}.html").read_text(encoding="utf-8")
        for one in questions(page, text):
            decks["questions"].add_note(one)
        if page == GLOSSARY:
            url = read_url()
            for one in terms(text, url and pages_url(url)):
                decks["terms"].add_note(one)
    genanki.Package(list(decks.values())).write_to_file(target)
    return sum(len(deck.notes) for deck in decks.values())


if __name__ == "__main__":
    count = make()
    print(f"Open {TARGET} in Anki ({count} cards)")
