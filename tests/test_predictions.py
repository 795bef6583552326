"""Predict, then see: the box that takes an answer first, what the browser keeps of it, and the page that draws it."""

import ast
import importlib
import json
import re
from fractions import Fraction

import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from conftest import ROOT
from project import chapter_name, chapters
from scipy.stats import binom
from sklearn.metrics import brier_score_loss

from book_utils.explorables import Explorable, _element, _quiz, estimate, predict, question, quiz
from book_utils.explorables._text import number

ASKED = question("Which is <em>odd</em>?", ("two", False, "Twice one."), ("<em>three</em>", True, "One is left."),
                 ("four", False, "Twice two."))
CHOICE = predict("odd-one", ASKED)
NUMBER = predict("high-peak", estimate("How high?", 62, within=0.25, unit="points", because="It was measured."))
KEY = "pnd-predictions"
REFUSED = {
    "no store": "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException() } })",
    "a full store": "Storage.prototype.setItem = () => { throw new DOMException() }",
}


@pytest.fixture
def show(browser):
    """A function that opens boxes on a page which has a store of its own; whatever goes wrong there is an error."""
    contexts, errors = [], []

    def show(*boxes, stored=None, first=None, style="", **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        body = f'<!doctype html><html lang="en"><title>t</title><style>{style}</style><main><h1>t</h1>' \
            + "".join(box.html for box in boxes) + "</main>"
        contexts[-1].route("http://book.test/**", lambda route: route.fulfill(body=body, content_type="text/html"))
        page.on("pageerror", lambda error: errors.append(str(error)))
        if stored is not None:
            plant = f"localStorage.getItem('{KEY}') ?? localStorage.setItem('{KEY}', {json.dumps(stored)})"
            contexts[-1].add_init_script(f"if (!sessionStorage.planted) {{ {plant}; sessionStorage.planted = 1 }}")
        if first:
            contexts[-1].add_init_script(first)
        page.goto("http://book.test/")
        return page

    yield show
    for context in contexts:
        context.close()
    assert errors == []


def kept(page):
    return json.loads(page.evaluate(f"localStorage.getItem('{KEY}')") or "{}")


def answer(page, choice, sure):
    page.get_by_label(choice, exact=True).check()
    page.get_by_label(f"{sure} %").check()
    page.get_by_role("button", name="See").click()


def test_by_mouse_the_result_comes_after_the_answer_and_stays(show):
    page = show(CHOICE)
    see, verdict = page.get_by_role("button", name="See"), page.locator(".verdict")
    assert see.is_disabled() and verdict.inner_text() == "" and not page.get_by_text("One is left.").is_visible()
    page.get_by_label("two").check()
    assert see.is_disabled()
    page.get_by_label("90 %").check()
    see.click()
    told = " ".join(verdict.inner_text().split())
    assert told == "You, 90 % sure two Result three Not right. Twice one. three: One is left."
    assert verdict.get_attribute("aria-live") == "polite" and not see.is_visible()
    assert kept(page) == {"odd-one": {"answer": "two", "sure": 90, "right": False}}
    page.reload()
    assert " ".join(page.locator(".verdict").inner_text().split()) == told
    page.get_by_role("button", name="Predict again").click()
    assert kept(page) == {} and page.locator(".verdict").inner_text() == "" and see.is_disabled()
    answer(page, "three", 70)
    assert " ".join(page.locator(".verdict").inner_text().split()) == \
        "You, 70 % sure three Result three Right. One is left."
    assert kept(page)["odd-one"]["right"] is True


def focus(page):
    return page.evaluate("document.activeElement.shadowRoot.activeElement.className || "
                         "document.activeElement.shadowRoot.activeElement.type")


def test_by_keyboard_alone(show):
    page = show(CHOICE, NUMBER)
    for key in ("Tab", "Space", "ArrowDown", "Tab", "Space", "ArrowRight", "ArrowRight", "Tab", "Enter"):
        page.keyboard.press(key)
    assert kept(page) == {"odd-one": {"answer": "<em>three</em>", "sure": 70, "right": True}}
    assert focus(page) == "verdict"
    page.keyboard.press("Tab")
    assert focus(page) == "again"
    for key in ("Tab", "7", "0", "Tab", "Space", "Shift+Tab", "Enter"):  # Enter in the field is the button
        page.keyboard.press(key)
    assert kept(page)["high-peak"] == {"answer": 70, "sure": 30, "right": True}
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "high-peak" not in kept(page) and focus(page) == "number"


@pytest.mark.parametrize("how", REFUSED)
def test_a_refused_store_hides_no_result(show, how):
    """It works until the page is left, and says so in one line."""
    page = show(CHOICE, NUMBER, first=REFUSED[how])
    box = page.locator("#predict-odd-one")
    answer(box, "two", 50)
    assert box.locator(".verdict").inner_text().count("keeps nothing here") == 1
    assert "Not right. Twice one." in box.locator(".verdict").inner_text()
    box.get_by_role("button", name="Predict again").click()
    answer(box, "three", 50)
    assert "Right. One is left." in box.locator(".verdict").inner_text()
    page.reload()
    assert box.locator(".verdict").inner_text() == ""


ODD = {"answer": "two", "sure": 70, "right": False}


@pytest.mark.parametrize("junk", [
    "{", "null", "7", '"text"', "[1, 2]", *(json.dumps({"odd-one": one}) for one in (
        None, "two", ODD | {"sure": 71}, ODD | {"answer": {}}, ODD | {"answer": "five"}, ODD | {"answer": 3},
        ODD | {"answer": "<img src=x onerror=boom()>"}, {"answer": "two", "sure": 70}))])
def test_junk_in_the_store_is_passed_over(show, junk):
    page = show(CHOICE, NUMBER, listed(CHOICE, NUMBER), stored=junk)
    box = page.locator("#predict-odd-one")
    assert box.locator(".verdict").inner_text() == ""
    answer(box, "three", 99)
    assert kept(page)["odd-one"] == {"answer": "<em>three</em>", "sure": 99, "right": True}


def test_the_right_answers_are_those_within_the_share(browser):
    """At the limit, a little inside and a little outside, in exact arithmetic; then through the box."""
    cases = [(m * f, m, w) for m in (62.0, 0.3, 1e-4, 1234567.0, -62.0, -0.3) for w in (0.1, 0.25, 0.5, 1)
             for f in (1 - w, 1 + w, 1 - w - 1e-6, 1 + w + 1e-6, 1 - w + 1e-6, 1 + w - 1e-6, -1)]
    found = modules(browser, "quiz", "(m, cases) => cases.map((one) => m.near(...one))", cases)
    expected = [abs(Fraction(a) - Fraction(m)) <= Fraction(w) * abs(Fraction(m)) * (1 + Fraction(1, 10**9))
                for a, m, w in cases]
    assert found == expected and 0 < sum(found) < len(found)


@pytest.mark.parametrize("typed, right", [
    ("46.5", True), ("46.4", False), ("77.5", True), ("77.6", False), ("-62", False), ("6.2e1", True)])
def test_a_number_is_judged_by_its_distance(show, typed, right):
    page = show(NUMBER)
    field, see = page.get_by_label("your number, in points"), page.get_by_role("button", name="See")
    page.get_by_label("50 %").check()
    assert see.is_disabled() and "right within 25 % of the result" in page.locator(".number").inner_text()
    field.fill(typed)
    see.click()
    assert page.locator(".because").inner_text() == f"{'Right.' if right else 'Not right.'} It was measured."
    assert "62 points" in page.locator(".verdict").inner_text() and kept(page)["high-peak"]["right"] is right


def test_two_boxes_keep_what_the_other_kept(show):
    page = show(CHOICE, NUMBER, quiz(ASKED))
    answer(page.locator("#predict-odd-one"), "four", 30)
    page.get_by_label("your number").fill("1")
    page.locator("#predict-high-peak").get_by_label("99 %").check()
    page.locator("#predict-high-peak").get_by_role("button", name="See").click()
    assert set(kept(page)) == {"odd-one", "high-peak"}


STYLES = {"light": "body { background: #fffefb; color: #1b1b1b; --pnd-accent: #3b4f66; --pnd-none: #d55e00 }",
          "dark": "body { background: #16171a; color: #e6e3dc; --pnd-accent: #a9bdd4; --pnd-none: #ff8a3d }"}


@pytest.mark.parametrize("scheme", STYLES)
def test_accessibility(show, scheme):
    page = show(CHOICE, NUMBER, listed(CHOICE, NUMBER), style=STYLES[scheme], color_scheme=scheme)
    for answered in (False, True):
        if answered:
            answer(page.locator("#predict-odd-one"), "two", 50)
            page.reload()
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_on_a_phone_fingers_hit_what_they_aim_at(show):
    page = show(CHOICE, NUMBER, viewport={"width": 390, "height": 844})
    low = page.evaluate("""[...document.querySelectorAll('[state]')].flatMap((one) =>
      [...one.shadowRoot.querySelectorAll('label, button, input[type=number]')])
      .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)""")
    assert low == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_result_is_folded():
    for box, told in ((CHOICE, "<em>three</em> <em>Yes. One is left.</em>"), (NUMBER, "62 points. It was measured.")):
        soup = BeautifulSoup(box.html[:box.html.index("<script>")], "html.parser")
        fold = soup.details.extract()
        assert told in str(fold) and "measured" not in soup.get_text() and "Yes" not in soup.get_text()
    assert CHOICE.html.startswith("<pnd-quiz-") and ' id="predict-odd-one" ' in CHOICE.html


def test_one_script_for_all_questions_of_a_kernel(monkeypatch):
    """The first that is shown brings it, and brings it again; in Colab, where each has its frame, all do."""
    monkeypatch.setattr(_quiz.Questions, "carrier", None)
    shown = [box._repr_mimebundle_()["text/html"] for box in (CHOICE, NUMBER, quiz(ASKED), CHOICE)]
    assert ["<script>" in one for one in shown] == [True, False, False, True]
    assert shown[0] == CHOICE.html and shown[1] == NUMBER.html.partition("\n<script>")[0]
    monkeypatch.setitem(_quiz.sys.modules, "google.colab", _quiz)
    assert NUMBER._repr_mimebundle_()["text/html"] == NUMBER.html


@pytest.mark.parametrize("make, message", [
    (lambda: predict("Odd One", ASKED), "'Odd One' names no prediction"),
    (lambda: predict("odd_one", ASKED), "names no prediction"),
    (lambda: question("Which?", ("a", True, "b"), ("a", False, "c")), "two are the same"),
    (lambda: estimate("How?", 0, within=0.1, because="So."), "must not be 0"),
    (lambda: estimate("How?", np.nan, within=0.1, because="So."), "measured = nan"),
    (lambda: estimate("How?", np.inf, within=0.1, because="So."), "measured = inf"),
    (lambda: estimate("How?", 3, within=0, because="So."), "within = 0 is no share"),
    (lambda: estimate("How?", 3, within=25, because="So."), "within = 25 is no share"),
    (lambda: estimate("How?", 3, within=np.nan, because="So."), "within = nan is no share"),
    (lambda: estimate("How?", 3, within=0.1, because=" "), "explains itself"),
])
def test_what_cannot_be_asked_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def modules(browser, name, function, *arguments):
    """What a function (module, arguments...) gives in a page that can import the explorables' modules."""
    page = browser.new_page()
    page.route("http://explorables.test/**", lambda route: route.fulfill(
        body=_element.MODULES[route.request.url.rsplit("/", 1)[1].removesuffix(".mjs")].read_text(encoding="utf-8"),
        content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}))
    found = page.evaluate(f"""async (given) => {{
      const module = await import("http://explorables.test/{name}.mjs");
      return ({function})(module, ...given);
    }}""", list(arguments))
    page.close()
    return found


def test_the_gray_bars_hold_what_chance_gives(browser):
    cases = [(n, p) for n in (1, 2, 5, 9, 40, 150) for p in (0.3, 0.5, 0.7, 0.9, 0.99)]
    found = modules(browser, "predictions", "(m, cases) => cases.map(([n, p]) => m.by_chance(n, p))", cases)
    assert np.allclose(found, [[binom.ppf(level, n, p) / n for level in (0.025, 0.975)] for n, p in cases])


RANDOM = np.random.default_rng(0)
MADE = [{"answer": "two", "sure": s, "right": bool(RANDOM.random() < s / 100)}
        for s in RANDOM.choice([30, 50, 70, 90, 99], 40).tolist()]
FORTY = [predict(f"box-{k}", ASKED) for k in range(45)]


def listed(*boxes):
    """The page's figure for some boxes, in two chapters."""
    asks = [[box.state["name"], box.state["ask"]] for box in boxes]
    parts = [{"title": f"Chapter {k}", "page": f"{k}.html", "asks": part}
             for k, part in enumerate((asks[:2], asks[2:]))]
    return Explorable("predictions", {"chapters": parts}, fallback="<p>A script draws.</p>", alt="Your predictions")


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_the_page_draws_what_was_predicted(show, count):
    stored = {f"box-{k}": one for k, one in enumerate(MADE[:count])}
    page = show(listed(*FORTY), stored=json.dumps(stored | {"of-an-older-book": MADE[0]}))
    said = page.locator(".say").inner_text()
    if not count:
        assert said.startswith("No prediction is kept") and "asks for 45" in said and page.locator("svg").count() == 0
        return
    sure, right = (np.array([one[key] for one in MADE[:count]], float) for key in ("sure", "right"))
    score = brier_score_loss(right, sure / 100, labels=[0, 1])
    shares = [number(100 * right.mean(), 0), number(sure.mean(), 0)]
    assert f"{count} of 45 predictions made: {shares[0]} % right, {shares[1]} % sure" in said
    assert f"Brier score {number(score)};" in said
    assert ("So few answers" in said) == (count < 10)
    if count >= 10:
        gap, chance = sure.mean() - 100 * right.mean(), 200 * np.sqrt((sure / 100 * (1 - sure / 100)).sum()) / count
        assert f"{number(abs(gap), 0)} points {'less sure' if gap < 0 else 'surer'} than right" in said
        assert ("may be chance" in said) == (abs(gap) <= chance) and f"up to {number(chance, 0)} points" in said
    rows = [[int(one) for one in re.findall(r"\d+", text)] for text in page.locator("tr:has(td)").all_inner_texts()]
    assert rows == [[s, (sure == s).sum(), int(right[sure == s].sum())] for s in (30, 50, 70, 90, 99)]
    width, height = page.locator("svg svg").evaluate("one => [one.width.baseVal.value, one.height.baseVal.value]")
    dots = page.locator("circle").evaluate_all(
        "all => all.map((one) => ['cx', 'cy', 'r'].map((key) => +one.getAttribute(key)))")
    levels = [s for s in (30, 50, 70, 90, 99) if (sure == s).any()]
    expected = [[s / 100 * width, (1 - right[sure == s].mean()) * height, 3 + np.sqrt((sure == s).sum())]
                for s in levels]
    assert np.allclose(dots, expected, atol=0.01) and page.locator(".chance").count() == len(levels)
    assert page.get_by_text(f"Chapter 0: {min(count, 2)} of 2").is_visible()
    first = page.locator("li").first
    judged = "right" if MADE[0]["right"] else "not right"
    assert first.inner_text() == f"Which is odd? {MADE[0]['sure']}\N{NO-BREAK SPACE}% sure, {judged}"
    assert first.locator("a").get_attribute("href") == "0.html#predict-box-0"


def test_everything_is_forgotten_after_one_question(show):
    page = show(listed(*FORTY), stored=json.dumps({f"box-{k}": one for k, one in enumerate(MADE)}))
    page.get_by_role("button", name="Forget all predictions").click()
    page.keyboard.press("Enter")  # the first choice is to keep them
    assert len(kept(page)) == 40
    page.get_by_role("button", name="Forget all predictions").click()
    page.get_by_role("button", name="Forget them").click()
    assert page.evaluate(f"localStorage.getItem('{KEY}')") is None
    assert page.locator(".say").inner_text().startswith("No prediction is kept") and focus(page) == "say"
    assert page.get_by_role("button").count() == 0
    page.reload()
    assert page.locator(".say").inner_text().startswith("No prediction is kept")


def test_a_refused_store_leaves_the_page_empty(show):
    page = show(listed(*FORTY), first=REFUSED["no store"])
    assert page.locator(".say").inner_text().startswith("No prediction is kept")


# What the chapters do with it.


def asked(source):
    """The names that a cell predicts."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line of IPython's
        return []
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "predict"]
    return [one.args[0].value for one in calls if one.args and isinstance(one.args[0], ast.Constant)]


def unguarded(cells):
    """The names in a chapter which no later code cell asserts."""
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return [name for k, source in enumerate(code) for name in asked(source)
            if not any(re.search(rf"^\s*assert .+# prediction {name}$", later, flags=re.M) for later in code[k + 1:])]


CELLS = {chapter_name(path): nbformat.read(path, as_version=4).cells for path in chapters()}


@pytest.mark.parametrize("chapter", CELLS)
def test_what_a_box_says_is_what_the_chapter_computes(chapter):
    """Each box has its cell, and the answer typed there is asserted behind it."""
    cells = CELLS[chapter]
    assert unguarded(cells) == [], "No later cell has a line `assert ...  # prediction NAME` for these."
    names = [name for cell in cells if cell.cell_type == "code" for name in asked(cell.source)]
    for cell, after in zip(cells, cells[1:], strict=False):
        if names and cell.cell_type == "markdown" and ":::{admonition} Predict" in cell.source:
            assert cell.source.endswith(":::"), f"Text follows the box: {cell.source[-60:]!r}"
            assert len(asked(after.source)) == 1, f"No cell with one predict(...) follows: {cell.source[-60:]!r}"
            assert after.metadata.get("tags") == ["remove-input"], "The cell of a box has this tag and no other."
    html = ["".join(out.get("data", {}).get("text/html", "")) for cell in cells for out in cell.get("outputs", [])]
    tags = {tag for text in html for tag in re.findall(r"<(pnd-quiz-\w+) ", text)}
    once = len(tags) == 1 and sum("<script>" in text and "pnd-quiz-" in text for text in html) == 1
    assert once, "No quiz and no box, or outputs of more than one run: make execute."
    shown = [name for text in html for name in re.findall(r' id="predict-([\w-]+)" state=', text)]
    assert shown == names, "A box was not run: make execute."


def test_a_missing_guard_is_seen():
    cell = nbformat.v4.new_code_cell
    box = cell('predict("a-b", question("?"))')
    assert unguarded([box, cell("x = 1\nassert x == 1  # prediction a-b")]) == []
    for late in ("assert x  # prediction a-b-c", "x = 1  # prediction a-b", "assert x  # prediction a", "# assert a-b"):
        assert unguarded([box, cell(late)]) == ["a-b"]
    assert unguarded([cell("assert x  # prediction a-b"), box]) == ["a-b"]


def test_a_name_is_used_once_in_the_book():
    code = [cell.source for cells in CELLS.values() for cell in cells if cell.cell_type == "code"]
    names = [name for source in code for name in asked(source)]
    assert len(names) == len(set(names)) > 0


def test_the_links_of_the_page_lead_to_boxes(browser, book, monkeypatch):
    """Every prediction of the book is listed, and its link leads to its box."""
    monkeypatch.syspath_prepend(ROOT / "_ext")
    collected = importlib.import_module("predictions").collected
    names = {name for path in chapters() for name in collected(path)}
    page = browser.new_page()
    page.goto((book / "chapters/reference/predictions.html").as_uri())
    links = page.locator("article li a").evaluate_all("all => all.filter((one) => one.hash).map((one) => one.href)")
    links = [link for link in links if "#predict-" in link]
    page.close()
    assert {link.partition("#predict-")[2] for link in links} == names
    for link in links:
        address, _, place = link.removeprefix("file://").partition("#")
        assert f' id="{place}" ' in (book / address).read_text(encoding="utf-8")
