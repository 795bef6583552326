"""What more than one test module needs: the built book, a real browser, hypothesis without a clock.

And how tests read a chapter. Helpers of one module stand in that module.
"""

import functools
import json
import os
import re

import project
import pytest
from hypothesis import settings
from mdit_py_plugins.anchors.index import slugify

# How long an example takes says more about the machine than about the code.
settings.register_profile("book", settings(), deadline=None)
settings.load_profile("book")

ROOT, HTML = project.ROOT, project.HTML


@functools.cache
def cells(path):
    """A notebook's cells, as they are stored."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def sources(path, kind):
    """[(number, text)] of a notebook's cells of one kind, code or markdown; numbers count from 1, over all cells."""
    return [(k, "".join(cell["source"])) for k, cell in enumerate(cells(path), 1) if cell["cell_type"] == kind]


def markdown(path):
    """All text of a notebook."""
    return "\n\n".join(text for _, text in sources(path, "markdown"))


def headings(path):
    """The anchors of a chapter's sections."""
    return {slugify(heading) for heading in re.findall(r"^##+ (.+)$", markdown(path), re.M)}


def had(load):
    """What a loader gives; where the file can be neither found nor fetched, the test is skipped, in CI it fails."""
    try:
        return load()
    except OSError as error:
        if "BOOK_UTILS_DATA" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium: the system's. In CI its absence is a failure, elsewhere a skip that says the cure."""
    from playwright.sync_api import sync_playwright

    path = project.chromium()
    if path is None:
        message = "No Chromium found: install it (or set BROWSER_PATH) to run the tests of the built pages."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=project.CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def book():
    """The folder of the built book."""
    if not (HTML / "index.html").exists():
        pytest.fail("The book is not built: run `make book` first.")
    return HTML


@pytest.fixture(scope="session")
def searched(book):
    """The entries that the book's search looks through."""
    text = (book / "_static" / "search-text.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("const book = ").removesuffix(";\n"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `-n`: the tests that share an opened page go to one process, and so do the others of a file.

    In the order of the files, in which the long ones come before the many short ones of the pages.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByPageOrFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            page = re.search(r"chapters/[^\]]*\.html-(file|http)\]$", nodeid)
            return page[0] if page else nodeid.split("::")[0]

    config.option.loadscopereorder = False
    return ByPageOrFile(config, log)


@pytest.fixture
def measured(record_property):
    """A function that takes a line to print at the end of the run, passing or not."""
    return functools.partial(record_property, "measured")


def pytest_terminal_summary(terminalreporter):
    reports = [one for status in ("passed", "failed") for one in terminalreporter.stats.get(status, ())]
    lines = [line for one in reports for name, line in getattr(one, "user_properties", ()) if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in sorted(lines):
            terminalreporter.write_line(line)
