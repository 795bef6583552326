"""The page *API*: an entry for all that the package offers, from docstrings that are read without importing them."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT

import book_utils

MODULES = [m.name for m in pkgutil.iter_modules(book_utils.__path__) if not m.name.startswith("_")]


@pytest.fixture
def api(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    return importlib.import_module("api")


def soup(book, page):
    return BeautifulSoup((book / "chapters" / f"{page}.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def entries(book):
    """{full name: its signature, as shown} of the page's entries."""
    found = soup(book, "reference/api").select("dt.sig[id]")
    return {one["id"]: one.get_text().replace("#", "").strip() for one in found}


def public(module):
    """{name: object} of what Python itself finds in a module."""
    found = importlib.import_module(f"book_utils.{module}")
    if hasattr(found, "__all__"):
        return {name: getattr(found, name) for name in found.__all__}
    return {name: value for name, value in vars(found).items() if not name.startswith("_")
            and (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == found.__name__}


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_offers_has_an_entry(entries, api, module):
    offered = public(module)
    assert offered and set(offered) <= set(api.public(f"book_utils.{module}"))
    shown = {name.split(".")[2] for name in entries if name.startswith(f"book_utils.{module}.")}
    assert shown == set(api.public(f"book_utils.{module}"))


def test_nothing_private_is_shown(entries):
    assert [name for name in entries if "._" in name] == []
    assert {name.split(".")[1] for name in entries} == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_an_entry_names_the_arguments_that_the_thing_takes(entries, module):
    for name, value in public(module).items():
        shown = " ".join(entries[f"book_utils.{module}.{name}"].split())
        assert shown.removeprefix("class ").startswith(f"{module}.{name}"), shown
        if inspect.isfunction(value):
            signature = shown.partition("(")[2].removesuffix(")")
            given = [one.partition("=")[0].strip("*") for one in re.split(r", (?![^(]*\))", signature)]
            assert [one for one in given if one] == list(inspect.signature(value).parameters), shown


def test_an_entry_has_the_parts_of_its_docstring(book):
    entry = soup(book, "reference/api").find(id="book_utils.linear.ridge_path").find_parent("dl")
    parts = [one.get_text().removesuffix(":") for one in entry.select("dl.field-list > dt, p.rubric")]
    assert parts == ["Parameters", "Returns", "Raises", "Notes", "Examples", "Used in"]
    assert ">>> path = ridge_path" in entry.select_one("pre").get_text()
    assert entry.select_one('a[href="#book_utils.linear.ridge"]')
    assert entry.find(string=re.compile("`")) is None
    constant = soup(book, "reference/api").find(id="book_utils.style.COLORS").find_parent("dl")
    assert constant.select_one("code").get_text() == 'COLORS["l2"]'


def test_used_in_names_the_chapters_whose_code_uses_it(book, api):
    pages = ["penalties/ridge", "penalties/lasso", "doubt/calibration", "noise/ensemble"]
    found = api.uses(ROOT / "chapters", pages)
    assert list(found["linear", "ridge_path"]) == ["penalties/ridge"]
    assert list(found["uncertainty", "disagreement"]) == ["noise/ensemble"]  # by `from book_utils import uncertainty`
    entry = soup(book, "reference/api").find(id="book_utils.linear.lasso").find_parent("dl")
    links = [a["href"] for a in entry.select("dl.field-list a.reference")]
    assert "../penalties/lasso.html" in links


@pytest.mark.parametrize("page", ["reference/formulas", "reference/mistakes", "doubt/dropout-as-inference"])
def test_code_that_names_an_entry_leads_to_it(book, entries, page):
    found = 0
    for code in soup(book, page).select("article p code.literal"):
        words = re.match(rf"(?:book_utils\.)?({'|'.join(MODULES)})\.(\w+)", code.get_text())
        if words and (target := f"book_utils.{words[1]}.{words[2]}") in entries:
            found += 1
            assert code.parent.name == "a" and code.parent["href"].endswith(f"api.html#{target}"), code
    assert found >= {"reference/formulas": 60, "reference/mistakes": 10}.get(page, 1)


def test_no_module_is_imported_for_the_page(tmp_path):
    """Where torch is missing, and where importing a module would fail, all entries can still be made."""
    code = (f"import sys; sys.path[:0] = [{str(ROOT / '_ext')!r}, {str(ROOT)!r}]; sys.modules['torch'] = None\n"
            "import api\n"
            "print(sum(len(api.described(name, node, f'book_utils.{module}')) > 3 for module in api.modules()\n"
            "          for name, node in api.public(f'book_utils.{module}').items()))\n"
            "print([one for one in sys.modules if one.startswith('book_utils.')])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    count, loaded = done.stdout.splitlines()
    assert int(count) >= 80 and loaded == "[]", done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_the_search_knows_the_entries(searched, module):
    texts = {entry["heading"]: entry["text"] for entry in searched if entry["page"] == "chapters/reference/api"}
    assert [name for name in public(module) if name not in texts[module]] == []
