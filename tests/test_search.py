"""The search page: what it finds first, how it shows and announces it; from a folder, with the network cut."""

import gzip
import importlib
import re
from types import SimpleNamespace
from urllib.parse import quote_plus, unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT

# The first result of each query, as its address ends.
FIRST = {
    "ridge": "penalties/ridge.html",
    "lasso": "penalties/lasso.html",
    "batch normalization": "scale/batchnorm.html",
    "layer norm": "scale/layernorm.html",
    "double descent": "penalties/pseudoinverse.html#how-many-features-are-too-many",
    "MC dropout": "doubt/mc-dropout.html",
    "calibration": "doubt/calibration.html",
    "weight decay": "penalties/networks.html#is-l2-the-same-as-weight-decay",
    "early stopping": "penalties/data-and-time.html#when-does-stopping-a-network-help",
    "Thompson sampling": "doubt/decisions.html#which-arm-should-be-tried",
    "condition numbers": "penalties/pseudoinverse.html#the-condition-number-and-three-algorithms",
    "Srivastava 2014": "reference/bibliography.html",
    "C++": "doubt/variational-linear-regression.html#the-guide-s-program",
    "Läuchli": "reference/bibliography.html",
    "lauchli": "reference/bibliography.html",
}


@pytest.fixture(scope="module")
def search(book, browser):
    """A function that searches, waits for what is announced, and notes what is asked for and said meanwhile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    here = SimpleNamespace(page=page, asked=[], said=[])
    page.on("request", lambda request: here.asked.append(request.url))
    page.on("console", lambda message: message.type in ("error", "warning") and here.said.append(message.text))
    page.on("pageerror", lambda error: here.said.append(str(error)))

    def search(query):
        here.asked.clear()
        page.goto(f"{(book / 'search.html').as_uri()}?q={quote_plus(query)}")
        page.wait_for_function("document.querySelector('#search-results [role=status]').textContent")
        here.results = page.locator("#search-results li")
        here.links = [link.get_attribute("href") for link in here.results.locator("a").all()]
        return here

    yield search
    assert here.said == []
    context.close()


@pytest.mark.parametrize("query", FIRST)
def test_titles_and_headings_come_first(search, query):
    first = search(query).links[0]
    if "#" in FIRST[query]:
        assert first.endswith(FIRST[query])
    else:
        assert first.partition("#")[0].endswith(FIRST[query])


@pytest.mark.parametrize("query", ["ridge", "batch normalization", "standard errors", "mc_predict"])
def test_a_result_says_where_it_is_and_shows_the_words(search, book, query):
    here = search(query)
    asked = [word[:5] for word in query.lower().split()]
    marked = 0
    for result, link in zip(here.results.all(), here.links, strict=True):
        target = urlsplit(link)
        page = (book / target.path).read_text(encoding="utf-8")
        assert not target.fragment or f'id="{unquote(target.fragment)}"' in page
        where = result.locator(".where")
        if target.fragment:
            number = re.search(r'<p class="place">[^<]* · (\d+)</p>', page)
            assert where.inner_text().startswith(f"{number[1]} · " if number else tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            assert len(result.locator("a").inner_text()) > len(where.inner_text()) + 1
        else:
            assert re.match(r"\d+ · .+: .+|[A-Z]", result.locator("a").inner_text())
        words = result.locator("mark").all_inner_texts()
        assert [word for word in words if not any(one in word.lower() for one in asked)] == []
        marked += bool(words)
        assert len(result.locator(".context").inner_text()) <= 240
    assert marked >= 0.8 * here.results.count()


def test_the_number_of_results_is_announced(search, book):
    here = search("double descent")
    status = here.page.get_by_role("status")
    pages = {link.partition("#")[0] for link in here.links}
    assert status.inner_text() == f"“double descent”: {len(here.links)} sections on {len(pages)} pages."
    assert here.page.title().startswith("double descent — Search")
    assert here.page.get_by_role("main").get_by_role("searchbox").input_value() == "double descent"
    # Empty when the page comes, so that a screen reader notices the change.
    assert '<p role="status"></p>' in (book / "search.html").read_text(encoding="utf-8")


def test_many_results_come_in_two_steps(search):
    here = search("dropout")
    assert here.results.count() == 20
    more = here.page.get_by_role("button", name=re.compile("Show all"))
    total = int(re.search(r"\d+", more.inner_text())[0])
    more.press("Enter")
    assert here.results.count() == total > 100
    assert here.results.nth(20).locator("a").evaluate("one => one === document.activeElement")
    assert not more.is_visible()


@pytest.mark.parametrize("query, says", [
    ("xyzzy", "Nothing in the book matches “xyzzy”."),
    ("ridge xyzzy", "No section has all the words of “ridge xyzzy”. Some of them: "),
    ("<img src=x onerror=alert(1)>", "No section has all the words of “<img src=x onerror=alert(1)>”."),
    ("%", "Nothing in the book matches “%”."),
    ("the", "“the”: "),
])
def test_odd_queries_are_answered(search, query, says):
    here = search(query)
    assert here.page.get_by_role("status").inner_text().startswith(says)
    assert here.page.locator("main img").count() == 0


def test_without_a_query_the_field_waits(search, book):
    page = search("ridge").page
    page.goto((book / "search.html").as_uri())
    field = page.get_by_role("main").get_by_role("searchbox")
    assert field.evaluate("one => one === document.activeElement")
    field.fill("lasso")
    field.press("Enter")
    page.wait_for_url("**/search.html?q=lasso*")
    page.locator("#search-results li a").first.click()
    page.wait_for_url("**/lasso.html")
    page.locator("span.highlighted").first.wait_for(state="attached")  # the words are marked there, too


def test_it_is_light_and_asks_nobody(search):
    here = search("ridge")
    files = {url.partition("?")[0] for url in here.asked if not url.startswith("data:")}
    assert [url for url in files if not url.startswith("file://")] == []
    assert not any("searchindex" in url or "searchtools" in url for url in files)
    size = sum(len(gzip.compress(open(unquote(urlsplit(url).path), "rb").read())) for url in files)
    assert size <= 1_000_000


def test_it_is_accessible_and_fits_a_phone(search):
    here = search("batch normalization")
    page, said = here.page, list(here.said)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, context={"include": [["article.bd-article"]]}).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == [], scheme
    here.said[:] = said  # axe itself fetches style sheets, which file:// refuses
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert here.results.first.evaluate("one => getComputedStyle(one).backgroundImage") == "none"
    low = page.locator("article.bd-article :is(button, input)").evaluate_all(
        "all => all.filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44).length")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert low == 0


def test_a_term_is_found_where_it_is_explained(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    explained = importlib.import_module("search").explained
    pages = {
        "glossary": [(["glossary"], "Glossary", "", []),
                     (["term-SVD"], "SVD", "See singular value decomposition.", ["glossary#term-singular"]),
                     (["term-singular"], "singular value decomposition", "A = USV.", ["one#id8", "glossary#term-SVD"]),
                     (["term-Cp"], "Cp", "Of the SVD.", ["glossary#term-SVD"])],
        "one": [(["circles", "id8"], "Circles", "", [])],
    }
    assert explained(pages) == {"one#id8": ["SVD", "singular value decomposition"]}
