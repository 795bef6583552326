"""The repository's address: one place, and everything that needs it says the same."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import repository
import yaml
from conftest import ROOT
from PIL import Image
from project import chapters

URL = "https://github.com/ada-l/penalties.book"
OTHER = "https://github.com/grace/fork"
BUTTONS = ("use_repository_button", "use_edit_page_button", "use_issues_button")


def state(root):
    """The bytes of everything that the address goes into."""
    paths = [root / "pyproject.toml", root / "_config.yml", *chapters(root)]
    return {path: path.read_bytes() for path in paths}


@pytest.fixture
def copy(tmp_path):
    """The book's configuration and its first two notebooks, as they are on disk."""

    def left_out(folder, names):
        return [name for name in names if name.endswith(".ipynb") and Path(folder) / name not in chapters()[:2]]

    for name in ("pyproject.toml", "_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("chapters", "_static", "_ext"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    return tmp_path


def assert_all_say(root, url):
    assert repository.read_url(root) == url
    config = yaml.safe_load((root / "_config.yml").read_text())
    assert config.get("repository", {}).get("url") == url
    assert [config["html"].get(button, False) for button in BUTTONS] == [url is not None] * 3
    assert ("colab_url" in config.get("launch_buttons", {})) == (url is not None)
    assert ("baseurl" in config["html"]) == (url is not None)
    for path in chapters(root):
        first = nbformat.read(path, as_version=4).cells[0]
        assert first.source == repository.colab_cell(url), f"{path}: run `make repository URL={url}`"


def test_pyproject_configuration_and_notebooks_say_the_same():
    assert_all_say(ROOT, repository.read_url())


def test_an_address_reaches_every_place_once_and_moves_as_a_whole(copy):
    repository.main(URL, copy)
    assert_all_say(copy, URL)
    once = state(copy)
    repository.main(URL + ".git/", copy)
    assert state(copy) == once
    repository.main(OTHER, copy)
    assert_all_say(copy, OTHER)
    assert not [path for path, text in state(copy).items() if URL.encode() in text]
    repository.main(URL, copy)
    assert state(copy) == once


def test_only_lines_about_the_address_change(copy):
    before = (copy / "_config.yml").read_text(), (copy / "pyproject.toml").read_text()
    repository.main(URL, copy)
    after = (copy / "_config.yml").read_text(), (copy / "pyproject.toml").read_text()
    about = re.compile("repository|branch|path_to_book|launch_buttons|notebook_interface|colab_url|button|url", re.I)
    for old, new in zip(before, after, strict=True):
        rest = [line for line in old.splitlines() if line and not about.search(line)]
        assert rest == [line for line in new.splitlines() if line and not about.search(line)]


@pytest.mark.parametrize("url, pages", [
    ("https://github.com/Ada-L/Penalties.book", "https://ada-l.github.io/Penalties.book/"),
    ("https://github.com/ada/ada.github.io", "https://ada.github.io/"),
    ("https://github.com/Ada/Ada.github.io", "https://ada.github.io/"),
])
def test_the_pages_of_a_repository_have_an_address(url, pages):
    assert repository.pages_url(url) == pages


def test_yaml_edit_keeps_comments_and_other_sections():
    text = "# top\na:\n  x: 1  # one\n\n  # about y\n  y: two words\n\nhtml:\n  x: 1\nc: 3\n"
    assert repository.set_yaml(text, "html", "x", "2") == text.replace("html:\n  x: 1", "html:\n  x: 2")
    assert repository.set_yaml(text, "a", "x", "2") == text.replace("x: 1  # one", "x: 2  # one")
    assert repository.set_yaml(text, "a", "y", "2") == text.replace("two words", "2")
    assert repository.set_yaml(text, "html", "z", "2") == text.replace("html:\n  x: 1\n", "html:\n  x: 1\n  z: 2\n")
    assert repository.set_yaml(text, "new", "z", "2") == text + "\nnew:\n  z: 2\n"


@pytest.mark.parametrize("table", ["", '[project.urls]\nHomepage = "https://example.org"\n\n'])
def test_pyproject_edit_adds_to_a_table_that_exists_or_makes_one(table):
    text = f'[project]\nname = "a"\n\n{table}[project.optional-dependencies]\nb = []\n'
    urls = tomllib.loads(repository.set_pyproject(text, URL))["project"]["urls"]
    assert urls == ({"Homepage": "https://example.org"} if table else {}) | {"Repository": URL}


@pytest.mark.parametrize("url", ["https://gitlab.com/ada/book", "github.com/ada/book", "https://github.com/ada",
                                 'https://github.com/ada/book"; import os', "https://github.com/ada/b c", "git@github"])
def test_what_is_no_address_is_refused_before_anything_changes(copy, url):
    before = state(copy)
    with pytest.raises(SystemExit, match="write `make repository URL=https://github.com/OWNER/NAME`"):
        repository.main(url, copy)
    assert state(copy) == before


def test_without_an_address_the_command_says_what_to_give():
    done = subprocess.run([sys.executable, ROOT / "tools" / "repository.py", ""], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "No address given: write `make repository URL=https://github.com/OWNER/NAME`.\n"


@pytest.mark.parametrize("url", [None, URL])
def test_the_colab_cell_is_short_and_does_nothing_elsewhere(url, capsys):
    source = repository.colab_cell(url)
    assert len(source.splitlines()) <= 8
    assert ("git+" in source) == (url is not None)
    python = source.replace("!{sys.executable} -m pip", "raise AssertionError #")
    exec(compile(python, "cell", "exec"), {})
    assert capsys.readouterr().out == ""


def test_in_colab_without_an_address_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError) as stopped:
        exec(compile(repository.colab_cell(None), "cell", "exec"), {})
    assert str(stopped.value) == "Set this book's address: run `make repository URL=https://github.com/YOU/FORK`."


# The theme's menus of buttons: where the page's source is, and where it can be run.
MENUS = re.compile(r"dropdown-(source|launch)-buttons")


def links(html):
    return [link for link in re.findall(r'<a\b[^>]*href="([^"]+)"', html) if re.search("github|colab", link)]


def test_the_built_page_has_no_button_until_an_address_is_set(book):
    if repository.read_url() is not None:
        pytest.skip("This copy of the book has an address; the next test reads its buttons.")
    for path in chapters():
        html = (book / path.relative_to(ROOT).with_suffix(".html")).read_text()
        assert MENUS.findall(html) == []
        assert [link for link in links(html) if re.search("/edit/|/issues/new|colab", link)] == []


def test_a_built_page_with_an_address_links_its_own_source(copy):
    """A scratch build of the cover and the first chapter."""
    repository.main(URL, copy)
    chapter = chapters(copy)[0].relative_to(copy).with_suffix("")
    (copy / "_toc.yml").write_text(f"format: jb-book\nroot: chapters/index\nchapters:\n  - file: {chapter}\n")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "--quiet", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout + done.stderr
    html = (copy / "_build" / "html" / chapter.with_suffix(".html")).read_text()
    assert sorted(MENUS.findall(html)) == ["launch", "source"]
    owner = URL.removeprefix("https://github.com/")
    assert f"https://colab.research.google.com/github/{owner}/blob/notebooks/{chapter}.ipynb" in links(html)
    assert f"{URL}/edit/main/{chapter}.ipynb" in links(html)
    assert URL in links(html)
    assert any(link.startswith(f"{URL}/issues/new") for link in links(html))
    plain = (copy / "_build" / "notebooks" / chapter.with_suffix(".ipynb")).read_text()
    assert "](https://ada-l.github.io/penalties.book/chapters/" in plain and "_build/html" not in plain
    image = re.search(r'<img[^>]*src="([^"]*logo_colab[^"]*)"', html)[1]
    assert (copy / "_build" / "html" / chapter.parent / image).resolve().exists()
    assert "google.colab" not in re.sub(r"<script.*?</script>", "", html, flags=re.S), "the Colab cell is shown"
    assert not re.findall(r'<(?:script|img|iframe|source)\b[^>]*src="(?:https?:)?//', html)
    for page, kind in ((chapter, "article"), ("chapters/index", "website")):
        html = (copy / "_build" / "html" / f"{page}.html").read_text()
        pages = repository.pages_url(URL)
        said = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', html))
        assert re.findall(r'<link rel="canonical" href="([^"]*)"', html) == [said["og:url"]] == [f"{pages}{page}.html"]
        assert (said["og:type"], said["twitter:card"]) == (kind, "summary_large_image")
        picture = copy / "_build" / "html" / said["og:image"].removeprefix(pages)
        assert Image.open(picture).size == (int(said["og:image:width"]), int(said["og:image:height"]))
        assert len(said["og:image:alt"]) > 25
