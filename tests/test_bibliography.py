"""The bibliography as it is built: under the author and year that the chapters cite, without raw TeX, with links."""

import re
import unicodedata

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from pybtex.database import parse_file

ENTRIES = parse_file(ROOT / "chapters/references.bib", "bibtex").entries
NO_LINK = """golub2013 breiman1983 breiman1984 osborne2000 zhao2006 tibshirani2013 krogh1991 krogh1995 srivastava2014
wan2013 wang2013 baldi2014 osband2016 kuncheva2003 bishop2006 cho2009 tipping2001 tipping2003 elyaniv2010 ke2017
platt1999 source000 source001 source002 source003 source004 keras_dropout tf_rate_issue""".split()


@pytest.fixture(scope="module")
def cited(book):
    """{id: (label, text, addresses)} of the page's entries, in their order."""
    page = BeautifulSoup((book / "chapters/reference/bibliography.html").read_text(encoding="utf-8"), "html.parser")
    found = {}
    for one in page.select("div.citation"):
        label = one.select_one(".label").get_text().strip("[]")
        found[one["id"]] = label, one.p.get_text(), [link["href"] for link in one.p.select("a")]
    assert len(found) == len(ENTRIES), "An entry of references.bib is cited nowhere."
    return found


def test_an_entry_has_author_and_year_as_they_are_cited(book, cited):
    labels = [label for label, *_ in cited.values()]
    assert [one for one in labels if not re.fullmatch(r".+, (\d{4}[a-z]?|n\.d\.)", one)] == []
    assert [one for one in labels if labels.count(one) > 1] == [], "Tell them apart by year = {2016a}, {2016b}."
    links = 0
    for path in (book / "chapters").rglob("*.html"):
        for link in BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select("article a"):
            if (address := link.get("href", "")).partition("#")[0].endswith("bibliography.html") and "#" in address:
                label = cited[address.partition("#")[2]][0]
                assert link.get_text().replace("\xa0", " ") in (label, label.rpartition(", ")[2]), path.name
                links += 1
    assert links > 400


def test_a_letter_tells_entries_of_one_year_apart_and_nothing_else(cited):
    lettered = sorted(label for label, *_ in cited.values() if re.search(r"\d[a-z]$", label))
    for label in lettered:
        others = [one for one in lettered if one[:-1] == label[:-1]]
        assert len(others) > 1 and [one[-1] for one in others] == list("abcdef"[:len(others)])


def test_entries_are_in_alphabetical_order(cited):
    def plain(label):
        return re.sub(r"[^\w ]", "", unicodedata.normalize("NFD", label).encode("ascii", "ignore").decode()).lower()

    labels = [label for label, *_ in cited.values()]
    assert labels == sorted(labels, key=plain)


def test_no_raw_tex_and_no_keys(cited):
    for label, text, _ in cited.values():
        for shown in (label, text):
            assert not re.search(r"[\\{}$~]|<nbsp>|--|``|''", shown), shown
            assert not [key for key in ENTRIES if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", shown)], shown


def test_numbers_are_links(cited):
    given = {f"https://doi.org/{one.fields['doi']}" for one in ENTRIES.values() if "doi" in one.fields}
    given |= {f"https://arxiv.org/abs/{one.fields['eprint']}" for one in ENTRIES.values() if "eprint" in one.fields}
    shown = [address for *_, addresses in cited.values() for address in addresses]
    assert sorted(shown) == sorted(given)
    for one in ENTRIES.values():
        assert re.fullmatch(r"10\.\d{4,5}/[^\s{}\\]+", one.fields.get("doi", "10.0000/x")), one.key
        assert re.fullmatch(r"\d{4}\.\d{4,5}", one.fields.get("eprint", "0000.00000")), one.key
        assert not re.search(r"arxiv|doi", f"{one.fields.get('note')} {one.fields.get('journal')}", re.I), one.key


def test_an_entry_without_a_link_is_known():
    """Where no number was certain there is none; a new entry has one, or stands in this list."""
    assert sorted(key for key, one in ENTRIES.items() if not {"doi", "eprint"} & set(one.fields)) == sorted(NO_LINK)
