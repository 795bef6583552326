"""The plain copies of the notebooks: nothing in them that only MyST reads, and what they say is what the pages show."""

import functools
import html
import importlib
import os
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from conftest import HTML, ROOT, cells, markdown, sources
from nbclient import NotebookClient
from project import CELL_TIMEOUT, chapters, kernel_environment
from sphinx.errors import ExtensionError

PLAIN = ROOT / "_build" / "notebooks"
CHAPTERS = [path.relative_to(ROOT).with_suffix("").as_posix() for path in chapters()]
CHEAP = "chapters/penalties/ridge"  # to run
ROLE = re.compile(r"\{(eq|numref|prf:ref)\}`([^`]+)`([^\[\](){}$`*\n]{0,20})")
MYST = re.compile(r"\{[a-zA-Z:]+\}`|^ *:::|^ *```\{|^\([^)]+\)=$|\$\$ \(|\]\([^)]*\.(?:md|ipynb)[)#]", re.M)


@pytest.fixture(autouse=True)
def built(book):
    """All of these read the built book."""


@pytest.fixture
def plain(monkeypatch):
    """The extension that writes the copies."""
    monkeypatch.syspath_prepend(ROOT / "_ext")
    return importlib.import_module("plain")


@functools.cache
def page(name):
    return (HTML / f"{name}.html").read_text(encoding="utf-8")


@functools.cache
def numbered():
    """{label: (page, id, text)} of all equations, figures and theorems, as the pages show them."""
    tag = re.compile(r'<(?:div|figure) class="(math|align-|proof theorem)[^>]* id="(?:equation-)?([^"]+)">'
                     r'.*?<span class="(?:eqno|caption-number)">([^<]+)<', re.S)
    return {label: (name, f"equation-{label}" if kind == "math" else label, text.strip())
            for name in CHAPTERS for kind, label, text in tag.findall(page(name))}


def test_as_the_chapters_are_written_there_is_much_that_only_myst_reads():
    """So the next test would see it."""
    found = [text for name in CHAPTERS for text in MYST.findall(markdown(ROOT / f"{name}.ipynb"))]
    assert len(found) > 1000


@pytest.mark.parametrize("folder", [PLAIN, HTML / "_sources"], ids=["notebooks", "download"])
def test_nothing_is_left_that_only_myst_reads(folder):
    found = [path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("chapters/*/*.ipynb")]
    assert sorted(found) == sorted(CHAPTERS)
    for name in CHAPTERS:
        for number, text in sources(folder / f"{name}.ipynb", "markdown"):
            assert MYST.findall(text) == [], f"{name}, cell {number}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_and_outputs_are_those_of_the_chapter(name):
    was, now = ([cell for cell in cells(folder / f"{name}.ipynb") if cell["cell_type"] == "code"]
                for folder in (ROOT, PLAIN))
    assert [cell["id"] for cell in was] == [cell["id"] for cell in now]
    for a, b in zip(was, now, strict=True):
        folds = b["metadata"].get("jupyter", {})
        b = b | {"metadata": {key: value for key, value in b["metadata"].items() if key != "jupyter"}}
        assert a == b and set(folds) <= {"source_hidden", "outputs_hidden"}
    nbformat.validate(nbformat.read(PLAIN / f"{name}.ipynb", as_version=4))


@pytest.mark.parametrize("name", CHAPTERS)
def test_equations_figures_and_theorems_have_the_numbers_of_the_page(name):
    source, copy = markdown(ROOT / f"{name}.ipynb"), markdown(PLAIN / f"{name}.ipynb")
    labels = re.findall(r"\$\$ \(([\w-]+)\)", source)
    assert [numbered()[label][2] for label in labels] == [f"({n})" for n in re.findall(r"\\tag\{(\d+)\}", copy)]
    shown = [text.strip() for text in re.findall(r'<span class="caption-number">([^<]+)<', page(name))]
    assert re.findall(r"^(?:> )?\*\*((?:Fig\.|Theorem) \d+)(?:\.\*\*| \()", copy, flags=re.M) == shown


def test_every_reference_says_what_the_page_says():
    count = 0
    for name in CHAPTERS:
        copy = markdown(PLAIN / f"{name}.ipynb")
        for _, label, after in ROLE.findall(markdown(ROOT / f"{name}.ipynb")):
            where, place, text = numbered()[label]
            shown = re.escape(text)
            if where != name:
                shown = rf"\[{shown}\]\([^()\s]*{re.escape(where)}\.html#{re.escape(place)}\)"
            assert re.search(shown + re.escape(after), copy), f"{name}: {label} should be {text}"
            count += 1
    assert count > 300


@pytest.mark.parametrize("name", CHAPTERS)
def test_citations_are_those_of_the_page(name):
    on_page = re.findall(r'<a [^>]*href="[^"]*bibliography\.html#([^"]+)"[^>]*>(.*?)</a>', page(name))
    copy = markdown(PLAIN / f"{name}.ipynb")
    links = re.findall(r"\[([^\[\]]+)\]\([^()\s]*/bibliography\.html#([^()\s]+)\)", copy)
    assert sorted((place, text.replace("*", "")) for text, place in links) == sorted(
        (place, re.sub("<.*?>", "", html.unescape(text))) for place, text in on_page)


@pytest.mark.parametrize("folder", [PLAIN, HTML / "_sources"], ids=["notebooks", "download"])
def test_every_link_to_the_book_leads_to_a_place_on_a_page(folder, plain):
    places = {}
    for name in CHAPTERS:
        path = folder / f"{name}.ipynb"
        for target in re.findall(r"\]\(([^()\s]+)\)", markdown(path)):
            if address := plain_site(plain):
                target = target.replace(address, Path(os.path.relpath(HTML, path.parent)).as_posix() + "/")
            if target.startswith("https://"):
                continue
            file, _, place = target.partition("#")
            file = (path.parent / file).resolve()
            if file not in places:
                places[file] = set(re.findall(r'\bid="([^"]+)"', file.read_text(encoding="utf-8")))
            assert not place or place in places[file], f"{name}: {target}"
    assert len(places) > 20


def plain_site(plain):
    import repository

    url = repository.read_url()
    return url and plain.site(SimpleNamespace(config=SimpleNamespace(html_theme_options={
        "use_repository_button": True, "repository_url": url})))


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_page_offers_the_plain_copy_for_download(name):
    [link] = re.findall(r'<a [^>]*href="([^"]*_sources/[^"]*)"', page(name))
    path = (HTML / f"{name}.html").parent / link
    assert path.resolve() == HTML / "_sources" / f"{name}.ipynb"


def test_a_plain_copy_runs(tmp_path):
    notebook = nbformat.read(PLAIN / f"{CHEAP}.ipynb", as_version=4)
    with kernel_environment() as environment:
        client = NotebookClient(notebook, timeout=CELL_TIMEOUT, resources={"metadata": {"path": str(tmp_path)}})
        client.execute(env=environment)

    def printed(those):
        return ["".join("".join(out["text"]) for out in cell.get("outputs", []) if out["output_type"] == "stream")
                for cell in those]

    assert printed(notebook.cells) == printed(cells(PLAIN / f"{CHEAP}.ipynb"))


@pytest.mark.parametrize("text", [
    "See {term}`ridge`.", "> See {glue:text}`x`.", ":::{note}\nNo.\n:::", "::::{margin}\nNo.\n::::",
    "```{figure} a.png\n```", "{{ version }}", "As said.[^1]", "[here](other.ipynb#place)",
    "(a-label)=", "$$\nx\n$$ (eq-x)", "[](#place)", "% a comment", "[word]{.class}", "Term\n: what it is",
    r"$$x \label{eq}$$"])
def test_what_cannot_be_written_plainly_is_found(plain, text):
    assert list(plain.left_raw(f"Text.\n\n{text}\n")) != []
    assert list(plain.left_raw(f"Text.\n\n```python\nx = 1\n```\n\n{text}\n")) != []


@pytest.mark.parametrize("text", [
    "A set {a} `b`, f(x)= 2 and (x)=y.", "$$\nx\n$$", "```python\nx = {a}`\n% no comment\n```", "[a](https://b.org/c#d)",
    "- one: two\n- three", r"$\mathbf{x}$ (as above) `{x}`", "| a | b |\n|:--|--:|"])
def test_plain_markdown_is_left_alone(plain, text):
    assert list(plain.left_raw(text)) == []
    assert plain.Page(None, "page").text(text) == text


def test_an_unknown_construct_stops_the_build_and_is_named(plain, tmp_path):
    path = tmp_path / "a.ipynb"
    cell = nbformat.v4.new_markdown_cell("# Title\n\nSee {term}`ridge`.")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda name: str(path)), chapters={})
    with pytest.raises(ExtensionError, match=r"chapters/a: .*See \{term\}`ridge`"):
        plain.plain(app, "chapters/a")


@pytest.mark.parametrize("text, copy", [
    (":::{admonition} Predict\n:class: predict\nHow *far*?\n\nAnd now?\n:::\nNext.",
     "> **Predict.** How *far*?\n>\n> And now?\n\nNext."),
    (":::{dropdown} Solution\n$$\nx\n$$\n:::", "<details><summary>Solution</summary>\n\n$$\nx\n$$\n\n</details>"),
    (":::{prf:proof}\nBecause\n\n$$\n\\begin{aligned}\na&=b\\\\\n&=c\n\\end{aligned}\n$$\n:::",
     "> **Proof.** Because\n>\n> $$ \\begin{aligned} a&=b\\\\ &=c \\end{aligned} $$"),
    ("Above.\n\n(label)=\n## Title", "Above.\n\n## Title"),
])
def test_boxes_become_quotes_and_folds(plain, text, copy):
    assert plain.Page(None, "page").text(text) == copy


@pytest.mark.parametrize("url, address", [
    ("https://github.com/Ada-L/penalties.book", "https://ada-l.github.io/penalties.book/"),
    ("https://github.com/ada/Ada.github.io", "https://ada.github.io/")])
def test_the_address_of_the_site_follows_from_that_of_the_repository(plain, url, address):
    options = {"use_repository_button": True, "repository_url": url}
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=options))
    assert plain.site(app) == address
    options["use_repository_button"] = False
    assert plain.site(app) is None
