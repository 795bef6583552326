"""The built pages as a reader meets them: in a real browser, over http and from a folder, the network cut.

Over http each comes with the Content-Security-Policy of the README; what the browser refuses, it says in the console.

Every page in `_toc.yml` is opened once for each protocol; the tests with a `visit` share that opened page, so a
failure names page and protocol. What no protocol changes, layout, colors and controls, is looked at `from_a_folder`
alone. The tests leave the page as they found it, but for its width: each sets the one that it needs, and those that
need the same stand together. The last, test_accessibility, closes the page.
"""

import base64
import collections
import copy
import functools
import gzip
import hashlib
import http.server
import importlib
import io
import itertools
import re
import statistics
import threading
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from conftest import HTML, ROOT, cells
from docutils import nodes
from PIL import Image, ImageStat
from project import pages

PROTOCOLS = ("file", "http")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
MAX_KILOBYTES = 1000

# A frame of 16 ms in the machine's own measure, so that no test fails because a machine is slow or busy: a fixed piece
# of work that took 16 ms (two cores, Chromium, nothing else running). Returns how long it takes here and now.
FRAME = """() => {
  const start = performance.now();
  let sum = 0;
  for (let k = 0; k < 2.2e6; k++) sum += Math.exp(-k / 2.2e6) / (1 + k);
  if (!(sum > 0)) throw new Error("no work done");
  return performance.now() - start;
}"""

# What axe-core finds in the theme's own frame, and why it stays.
KNOWN_THEME_ISSUES = {
    "region": "the book's title in the sidebar stands outside the landmarks of the page",
}

# Notes when the first formula and the first explorable are there.
STOPWATCH = """
window.seen = {};
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) {
  requestAnimationFrame(() => { seen.explorable ??= performance.now(); });
  return attach.call(this, options);
};
new MutationObserver((_, observer) => {
  if (!document.querySelector("mjx-container")) return;
  seen.mathematics = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""

# Waits until formulas and fonts are there, 15 seconds at most.
READY = """() => Promise.race([
  Promise.resolve(window.MathJax?.startup?.promise).then(() => document.fonts.ready),
  new Promise((done) => setTimeout(done, 15000)),
]).then(() => {})"""


PAGES = [f"{page}.html" for page in pages()]


@pytest.fixture(scope="session")
def roots(book):
    """Where the book stands: {"http": address, "file": address}; over http under the policy that the README states."""
    [policy] = re.findall(r"^Content-Security-Policy: (.+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert policy.startswith("default-src 'none'; ") and "*" not in policy and "http" not in policy

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def end_headers(self):
            self.send_header("Content-Security-Policy", policy)
            super().end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=book))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"http": f"http://127.0.0.1:{server.server_port}", "file": book.as_uri()}
    server.shutdown()


@pytest.fixture(scope="module")
def open_page(browser, roots):
    """A function that opens a page and notes all that the browser asks for and says meanwhile."""

    def open_page(address, protocol, **options):
        root = roots[protocol]
        context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce", **options)
        context.set_default_timeout(120_000)  # a busy machine is no failure
        if options.get("java_script_enabled", True):
            context.add_init_script(STOPWATCH)
        page = context.new_page()
        here = SimpleNamespace(page=page, root=root, protocol=protocol, address=address, close=context.close,
                               foreign=[], said=[], responses=[])
        context.route(re.compile(rf"^(?!{re.escape(root)}|data:|blob:)"), lambda route: route.abort())
        context.on("request", lambda r: r.url.startswith((root, "data:", "blob:")) or here.foreign.append(r.url))
        context.on("console", lambda m: m.type in ("error", "warning") and here.said.append(m.text))
        context.on("weberror", lambda error: here.said.append(str(error.error)))
        context.on("requestfailed", lambda r: here.said.append(f"failed: {r.url}"))
        context.on("response", lambda response: here.responses.append(response))
        page.goto(f"{root}/{address}", wait_until="load")
        if options.get("java_script_enabled", True):
            page.evaluate(READY)
        here.loaded = tuple(here.responses)
        return here

    return open_page


# The pages over one protocol, then over the other. In a run of several processes each page is opened in one of them.
VISITS = [f"{page}-{protocol}" for protocol in PROTOCOLS for page in PAGES]
over_http = pytest.mark.parametrize("visit", VISITS[len(PAGES):], indirect=True)
from_a_folder = pytest.mark.parametrize("visit", VISITS[:len(PAGES)], indirect=True)


@pytest.fixture(scope="module", params=VISITS)
def visit(request, open_page):
    """One page, opened over one protocol."""
    address, protocol = request.param.rsplit("-", 1)
    here = open_page(address, protocol)
    yield here
    here.close()


def test_asks_no_other_host(visit):
    assert visit.foreign == []


def test_console_is_empty(visit):
    visit.page.wait_for_timeout(200)
    assert visit.said == []


def test_every_picture_loads(visit):
    broken = visit.page.evaluate(
        "[...document.images].filter(one => !one.complete || !one.naturalWidth).map(one => one.src.slice(0, 200))"
    )
    assert broken == []


def test_mathematics_is_typeset(visit):
    page = visit.page
    raw = page.evaluate(
        "[...document.querySelectorAll('.math')].filter(one => !one.querySelector('mjx-container'))"
        ".map(one => one.textContent)"
    )
    assert raw == [], "These formulas are not typeset."
    wrong = page.locator("mjx-merror, mjx-assistive-mml [mathcolor=red]").all_inner_texts()
    assert wrong == [], "These formulas hold errors or unknown commands."
    fonts = page.evaluate("[...document.fonts].map(one => [one.family, one.status])")
    assert [family for family, status in fonts if status == "error"] == []
    if page.locator("mjx-container").count():
        assert any(family.startswith("MJX") and status == "loaded" for family, status in fonts)


def test_icons_are_drawn(visit):
    """Each icon names a glyph, each glyph is in its font (a missing one is drawn like any other missing one)."""
    bad = visit.page.evaluate(
        """() => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 48, height: 48 });
        const pen = canvas.getContext("2d", { willReadFrequently: true });
        const draw = (font, glyph) => {
          pen.clearRect(0, 0, 48, 48);
          pen.font = font;
          pen.fillText(glyph, 4, 40);
          return pen.getImageData(0, 0, 48, 48).data.join();
        };
        const bad = [], drawn = new Map();
        for (const one of document.querySelectorAll("body *")) {
          for (const side of ["::before", "::after"]) {
            const style = getComputedStyle(one, side);
            const glyph = style.content.match(/[\\ue000-\\uf8ff]/)?.[0];
            if (!glyph) continue;
            const font = `${style.fontWeight} 32px ${style.fontFamily}`;
            const key = font + glyph;
            if (!drawn.has(key)) {
              const picture = draw(font, glyph);
              drawn.set(key, picture !== draw(font, " ") && picture !== draw(font, "\\uefff"));
            }
            if (!drawn.get(key)) bad.push(`its font lacks ${escape(glyph)}: ${one.className}`);
          }
        }
        for (const one of document.querySelectorAll("i[class*='fa-'], span[class*='fa-']")) {
          const content = getComputedStyle(one, "::before").content;
          if (!/[\\ue000-\\uf8ff]/.test(content)) bad.push(`no glyph: ${one.className}`);
          const { width, height } = one.getBoundingClientRect();
          if (one.checkVisibility() && !(width && height)) bad.push(`no size: ${one.className}`);
        }
        if (!drawn.size) bad.push("no icon at all");
        return bad;
      }"""
    )
    assert bad == []


@from_a_folder
def test_alt_texts_say_something(visit):
    """Not missing, not the hash path that Jupyter Book writes by itself, at least 25 characters long."""
    bad = [
        (alt, source)
        for alt, role, source in visit.page.evaluate(
            "[...document.querySelectorAll('article.bd-article img')]"
            ".map(one => [one.getAttribute('alt'), one.getAttribute('role'), one.src.slice(0, 100)])"
        )
        if not (alt == "" and role in ("none", "presentation"))
        and (len(alt or "") < 25 or re.search(r"[0-9a-f]{16}|\.(png|svg|jpe?g|gif|webp)$", alt))
    ]
    assert bad == [], 'Give the cell `"mystnb": {"image": {"alt": …}}`, or the picture role="presentation".'


def moving_figures(page):
    """The explorables on the page that have a slider; all explorables must have drawn themselves."""
    states = page.evaluate(
        "[...document.querySelectorAll('article.bd-article *')].filter(one => one.localName.startsWith('pnd-'))"
        ".map(one => [one.localName, Boolean(one.shadowRoot?.childElementCount)])"
    )
    assert [tag for tag, drawn in states if not drawn] == []
    figures = [one for tag in dict(states) for one in page.locator(tag).all()]
    return [one for one in figures if one.locator("input[type=range]").count()]


def live_text(figure):
    return figure.evaluate(
        "one => [...one.shadowRoot.querySelectorAll('output, p, [aria-live]')].map(x => x.textContent).join(' | ')"
    )


@from_a_folder
def test_explorables_answer(visit):
    """A drag with the mouse and an arrow key change what the figure says; reset brings the first state back."""
    page = visit.page
    page.set_viewport_size(WIDE)
    for figure in moving_figures(page):
        first = live_text(figure)
        for slider in figure.locator("input[type=range]").all():
            slider.scroll_into_view_if_needed()
            box = slider.bounding_box()
            share = slider.evaluate("one => (one.value - one.min) / (one.max - one.min)")
            middle = box["y"] + box["height"] / 2
            page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), middle)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * (0.25 if share > 0.5 else 0.75), middle, steps=5)
            page.mouse.up()
            dragged = live_text(figure)
            assert dragged != first
            slider.press("ArrowRight")
            assert live_text(figure) != dragged
            figure.get_by_role("button", name=re.compile("reset", re.I)).click()
            assert live_text(figure) == first
            page.mouse.move(0, 0)


def step_times(figure):
    """Median milliseconds from the input event to the finished redraw, over 40 steps of each slider, and the same as a
    share of `FRAME`, run in between; checks that the figure redrew."""
    steps, frames = figure.evaluate(
        f"figure => {{ const frame = {FRAME};" """
        const all = [], frames = [];
        const drawing = () => [...figure.shadowRoot.children].map(one => one.outerHTML).join();
        for (const slider of figure.shadowRoot.querySelectorAll("input[type=range]")) {
          const first = slider.value, times = [];
          for (let k = 0; k < 40; k++) {
            if (k % 4 === 0) frames.push(frame());
            const old = slider.value, before = drawing();
            slider.value = +slider.min + (slider.max - slider.min) * ((k * 17 + 5) % 40) / 40;
            const start = performance.now();
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            figure.getBoundingClientRect();
            times.push(performance.now() - start);
            if (slider.value !== old && drawing() === before)
              throw new Error("no redraw by the end of the input event");
          }
          slider.value = first;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
          all.push(...times);
        }
        return [all, frames];
      }"""
    )
    return statistics.median(steps), statistics.median(steps) / statistics.median(frames)


@over_http
def test_weight_and_speed(visit, measured):
    """What the page loads, gzipped, and how long a slider step takes; prints both beside the time until it is ready."""
    sizes = {}
    for response in visit.loaded:
        kind = response.request.resource_type
        sizes[kind] = sizes.get(kind, 0) + len(gzip.compress(response.body())) / 1000
    steps = [step_times(figure) for figure in moving_figures(visit.page)]
    seen = visit.page.evaluate("window.seen")
    parts = ", ".join(f"{kind} {size:.0f}" for kind, size in sorted(sizes.items(), key=lambda one: -one[1]))
    line = [f"{visit.address}: {sum(sizes.values()):.0f} KB gzipped ({parts})"]
    line += [f"{what} after {ms:.0f} ms" for what, ms in sorted(seen.items())]
    line += [f"slider step {ms:.1f} ms, {share:.0%} of a frame" for ms, share in steps]
    measured("; ".join(line))
    assert sum(sizes.values()) <= MAX_KILOBYTES
    assert max((share for _, share in steps), default=0) <= 1


def picture_sizes(address):
    """{name: (width in px, its smallest text in px)} of the pictures that a chapter's figures are stored as."""
    path = ROOT / address.replace(".html", ".ipynb")
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    sizes = {}
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        about = output.get("metadata", {}).get("image/png", {})
        if "text" in about:
            name = hashlib.sha256(base64.b64decode(output.data["image/png"])).hexdigest()
            sizes[f"{name}.png"] = about["width"], about["text"]
            if "narrow" in about:
                sizes[f"{name}-narrow.webp"] = about["narrow"]["width"], about["narrow"]["text"]
    return sizes


@from_a_folder
@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_text_in_pictures_can_be_read(visit, view):
    page, sizes = visit.page, picture_sizes(visit.address)
    page.set_viewport_size(view)
    page.wait_for_function("""() => [...document.images].every((one) => {
      const source = one.parentElement.querySelector(":scope > source");
      const narrow = one.currentSrc.includes("-narrow.");
      return one.complete && one.naturalWidth && (!source || narrow === matchMedia(source.media).matches);
    })""")
    shown = page.evaluate("[...document.querySelectorAll('.cell_output img')].filter(one => one.checkVisibility())"
                          ".map(one => [one.currentSrc.split('/').pop(), one.getBoundingClientRect().width])")
    text = {name: sizes[name][1] * width / sizes[name][0] for name, width in shown if name in sizes}
    assert len(text) >= len([name for name in sizes if name.endswith(".png")]) - 2  # two may show elsewhere: as a table
    assert {name: size for name, size in text.items() if not 11 <= size <= 18} == {}


@from_a_folder
def test_fits_a_phone(visit):
    page = visit.page
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(100)
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    culprits = page.evaluate(
        "[...document.querySelectorAll('article.bd-article *')].filter(one => one.getBoundingClientRect().right > 391)"
        ".slice(0, 5).map(one => one.outerHTML.slice(0, 120))"
    )
    assert too_wide <= 0, culprits


@from_a_folder
def test_reads_on_a_phone(visit):
    """Displayed formulas are as large as those in the text, and a finger hits what unfolds."""
    page = visit.page
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(100)
    inline, displayed, low = page.evaluate(
        """() => {
        const sizes = (which) => [...document.querySelectorAll(`article.bd-article ${which}`)]
          .map((one) => parseFloat(getComputedStyle(one).fontSize));
        const low = [...document.querySelectorAll("article.bd-article summary")]
          .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44);
        return [sizes("section > p mjx-container"), sizes("section > div.math mjx-container[display]"),
          low.map((one) => one.outerHTML)];
      }"""
    )
    assert min(displayed, default=99) >= statistics.median(inline or [0])
    assert low == []


def test_search_finds_the_page(visit):
    """Asked as the page's own dialog (Ctrl+K) asks, with a word that the page holds; the result leads back to it."""
    page = visit.page
    page.set_viewport_size(WIDE)
    prose = " ".join(page.locator("article.bd-article > section p").all_inner_texts())
    word = max(re.findall(r"(?<![\w\\-])[a-z]{4,14}(?![\w-])", prose), key=len)
    page.keyboard.press("Control+k")
    field = page.locator("#pst-search-dialog input[name=q]")
    field.wait_for()
    asked = page.evaluate("() => [document.activeElement.name, document.activeElement.form?.action]")
    page.keyboard.press("Escape")
    field.wait_for(state="hidden")
    assert asked == ["q", f"{visit.root}/search.html"]
    results = page.context.new_page()
    results.goto(f"{visit.root}/search.html?q={word}")
    results.locator("#search-results ul.search li").first.wait_for()
    if (more := results.get_by_role("button", name=re.compile("Show all"))).is_visible():
        more.click()
    result = results.locator("#search-results ul.search li").filter(has=results.locator(f'a[href*="{visit.address}"]'))
    result.first.locator(".context").wait_for()
    assert len(result.first.locator(".context").inner_text()) > 25
    link = result.first.locator("a").first
    assert urlsplit(link.evaluate("one => one.href"))._replace(query="", fragment="").geturl() == (
        f"{visit.root}/{visit.address}")
    if visit.protocol == "http":
        link.click()
        results.wait_for_url(f"**/{visit.address}*")
        results.evaluate(READY)
    assert (visit.said, visit.foreign) == ([], [])
    results.close()


# The rules of axe-core whose verdict depends on the color scheme.
COLORS = ["color-contrast", "link-in-text-block"]

# To axe-core, which compares every text with all that lies near it, a chapter is mostly the words of its code and the
# parts of its formulas. Of the words of a kind in one block the first is left as it is, the others become plain text of
# the block; a formula, into which axe-core does not look (thousands of elements that no page of ours can change),
# becomes a letter of its color and size.
SHORTEN = """() => {
  for (const block of document.querySelectorAll("pre")) {
    const seen = new Set();
    for (const word of block.querySelectorAll("span")) {
      const kind = word.cloneNode(false).outerHTML;
      if (word.childElementCount || !seen.has(kind)) seen.add(kind);
      else word.replaceWith(word.textContent);
    }
    block.normalize();
  }
  const formulas = [...document.querySelectorAll("mjx-container")].map((one) => {
    const { width, height } = one.querySelector("mjx-math").getBoundingClientRect();
    return [one, `display: inline-block; width: ${width}px; height: ${height}px`];
  });
  for (const [one, style] of formulas) {
    one.replaceChildren(Object.assign(document.createElement("span"), { textContent: "x", style }));
  }
}"""


@from_a_folder
def test_accessibility(visit):
    """axe-core, all that is folded away unfolded: every rule in light, those about colors in dark. Closes the page."""
    page = visit.page
    page.set_viewport_size(WIDE)
    page.evaluate("document.querySelectorAll('article details').forEach(one => { one.open = true; })")
    page.evaluate("document.querySelectorAll('.toggle-button-hidden').forEach(one => one.click())")
    # axe-core does not look at the contrast before a gradient.
    page.add_style_tag(content="pre, mjx-container, div { background-image: none !important; }")
    page.evaluate(SHORTEN)
    ours, themes = [], []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": COLORS})):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(100)
        for violation in Axe().run(page, options={"resultTypes": ["violations"]} | rules).response["violations"]:
            for node in violation["nodes"]:
                target = node["target"][0]
                outer = target[0] if isinstance(target, list) else target
                inside = page.evaluate("one => !!document.querySelector(one)?.closest('article.bd-article')", outer)
                (ours if inside else themes).append(
                    (scheme, violation["id"], node["html"][:200], node.get("failureSummary")))
    visit.close()
    assert ours == []
    assert [one for one in themes if one[1] not in KNOWN_THEME_ISSUES] == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_type_is_the_books_own(open_page, protocol):
    here = open_page("chapters/penalties/networks.html", protocol)
    faces = here.page.evaluate("[...document.fonts].map(one => [one.family, one.weight, one.status])")
    faces = {(family.strip('"'), weight, status) for family, weight, status in faces}
    assert {("Book Serif", "normal", "loaded"), ("Book Sans", "600 700", "loaded")} <= faces
    assert [one for one in faces if one[2] == "error"] == []
    for place, family in (("article.bd-article h1 + p", "Book Serif"), ("article.bd-article h1", "Book Sans"),
                          ("figcaption p", "Book Sans")):
        style = here.page.locator(place).first.evaluate("one => [getComputedStyle(one).fontFamily, one.localName]")
        assert style[0].startswith(f'"{family}"'), style
    assert here.page.locator("figcaption p").first.evaluate("one => getComputedStyle(one).fontWeight") == "400"
    assert sum(path.stat().st_size for path in (HTML / "_static" / "fonts").iterdir()) <= 120_000
    here.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_cut_shows_it(open_page, scheme):
    """A code block wider than the phone has a shade on the edge behind which there is more, and only there."""
    page = open_page("chapters/penalties/networks.html", "file").page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    block = page.evaluate_handle(
        "[...document.querySelectorAll('div.cell_input pre')]"
        ".find(one => !one.closest('details') && one.scrollWidth > one.clientWidth + 60)"
    ).as_element()
    block.evaluate("one => { one.style.color = 'transparent'; one.innerHTML = one.textContent; }")

    def shades():
        picture = Image.open(io.BytesIO(block.screenshot())).convert("L")
        w, h = picture.size
        column = [ImageStat.Stat(picture.crop((x, 8, x + 4, h - 8))).mean[0] for x in (2, w // 2, w - 6)]
        return [abs(column[0] - column[1]) > 8, abs(column[2] - column[1]) > 8]

    seen = []
    for place in (0, 30, 9999):
        block.evaluate("(one, place) => { one.scrollLeft = place; }", place)
        seen.append(shades())
    page.close()
    assert seen == [[False, True], [True, True], [True, False]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_dialog_searches(open_page, protocol):
    here = open_page(PAGES[1], protocol)
    here.page.keyboard.press("Control+k")
    here.page.locator("#pst-search-dialog input[name=q]").fill("ridge")
    here.page.keyboard.press("Enter")
    here.page.wait_for_url("**/search.html?q=ridge*")
    here.page.locator("#search-results ul.search li a").first.click()
    here.page.wait_for_url("**/chapters/**")
    here.page.evaluate(READY)
    assert (here.said, here.foreign) == ([], [])
    here.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_front_door(open_page, roots, protocol):
    """The index.html at the top, which sends the reader on to the cover."""
    here = open_page(PAGES[-1], protocol)
    here.page.goto(f"{roots[protocol]}/index.html")
    here.page.wait_for_url(f"**/{PAGES[0]}")
    assert (here.said, here.foreign) == ([], [])
    here.close()


@pytest.mark.parametrize("address", PAGES)
def test_reads_without_scripts(open_page, address):
    """With scripts off, as in print by some readers, each explorable shows its picture or its text."""
    here = open_page(address, "file", java_script_enabled=False)
    for tag in set(re.findall(r"<(pnd-[\w-]+)", (HTML / address).read_text(encoding="utf-8"))):
        for figure in here.page.locator(tag).all():
            shown = figure.locator("img, ol, ul, p").first  # a box that takes a prediction begins with its question
            inside, least = shown.bounding_box(), 15 if shown.evaluate("(one) => one.tagName") == "P" else 50
            assert inside and inside["width"] > 100 and inside["height"] > least, tag
    here.close()


class Links(HTMLParser):
    """The addresses that a page names, and the anchors it offers."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = set(), {"", "top"}

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@functools.cache
def links_of(path):
    parser = Links()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("address", ["index.html", "search.html", "genindex.html", *PAGES])
def test_links_lead_somewhere(book, address):
    dead = []
    for link in links_of(book / address).links:
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (book / address).parent / unquote(parts.path) if parts.path else book / address
        if not target.is_file():
            dead.append(link)
        elif target.suffix == ".html" and unquote(parts.fragment) not in links_of(target.resolve()).anchors:
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("address", PAGES)
def test_ids_are_unique(book, address):
    ids = collections.Counter(re.findall(r'<[^>]*?\sid="([^"]+)"', (book / address).read_text(encoding="utf-8")))
    assert [name for name, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("address", PAGES)
def test_no_line_begins_with_a_comma(book, address):
    """What follows a formula without a space stands in one unbreakable unit with it."""
    text = (book / address).read_text(encoding="utf-8")
    formulas = re.findall(r"""(<span class="unit">[^<]*)?<span class="math [^>]*>[^<]*</span>([.,;:!?)’”]?)""", text)
    assert [tail for unit, tail in formulas if tail and not unit] == []


@pytest.mark.parametrize("address", PAGES)
def test_no_line_begins_with_a_percent_sign(book, address):
    article = copy.copy(soup_of(address).select_one("article"))
    for apart in article.select("pre, code, script, .math, .cell_output"):
        apart.decompose()
    assert article.find_all(string=re.compile(r"\d %")) == []


def test_proofs_begin_and_end(open_page):
    page = open_page("chapters/noise/jensen.html", "file").page
    proofs = page.locator("div.proof:not(.theorem)")
    assert proofs.locator(".lead").all_inner_texts() == ["Proof."] * proofs.count()
    assert all("□" in one.evaluate("one => getComputedStyle(one, '::after').content") for one in proofs.all())
    # Theorem, proof and question begin on one edge.
    edges = page.evaluate("[...document.querySelectorAll('.theorem > p, .proof > p, .predict > p')]"
                          ".map(one => one.getBoundingClientRect().left)")
    assert len(set(edges)) == 1
    page.close()


@pytest.mark.parametrize("address", [one for one in PAGES if (ROOT / one).with_suffix(".ipynb").exists()])
def test_a_fold_says_what_is_in_it(book, address):
    folded = [one for one in cells((ROOT / address).with_suffix(".ipynb"))
              if {"hide-input", "hide-cell"} & set(one["metadata"].get("tags", []))]
    lines = [len("".join(one["source"]).splitlines()) for one in folded]
    text = (book / address).read_text(encoding="utf-8")
    words = re.findall(r'<summary>\s*<p class="collapsed admonition-title">(.*?)</p>', text)
    assert [re.search(r"\w.*, (\d+) lines?$", one)[1] for one in words] == [str(count) for count in lines]
    assert [one for one in words if one.count(" lines") > 1 or "code cell" in one] == []


def test_a_fold_without_a_name_gets_one(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    folds = importlib.import_module("folds")

    def cell(source, *outputs, **mystnb):
        inside = nodes.container("", nodes.literal_block(source, source), nb_element="cell_code_source")
        return nodes.container("", inside, *(nodes.container(mime_type=one) for one in outputs), nb_element="cell_code",
                               hide_mode="input", cell_metadata={"mystnb": mystnb} if mystnb else {})

    cells = [cell("import a\n\nimport b"), cell("x = 1"), cell("plot()\nshow()", "image/png"),
             cell("a\nb", code_prompt_show="Loop, 7 lines", code_prompt_hide="Hide")]
    folds.name_folds(None, nodes.section("", *cells))
    assert [(one["prompt_show"], one["prompt_hide"]) for one in cells] == [
        ("Setup, 3 lines",) * 2, ("Code, 1 line",) * 2, ("Figure, 2 lines",) * 2, ("Loop, 2 lines", "Hide")]


@functools.cache
def soup_of(address):
    return BeautifulSoup((HTML / address).read_text(encoding="utf-8"), "html.parser")


def words(node):
    return " ".join(node.get_text().removesuffix("#").replace("’", "'").split())


def named_chapters():
    """(page, part, number, topic) of each chapter: what has a topic in `_toc.yml` is counted through the whole book."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    found = [(entry["file"], part["caption"], entry["title"]) for part in parts for entry in part["chapters"]
             if "title" in entry]
    return [(page, part, number, topic) for number, (page, part, topic) in enumerate(found, 1)]


def test_every_chapter_has_a_topic():
    notebooks = [address.removesuffix(".html") for address in PAGES if (ROOT / address).with_suffix(".ipynb").exists()]
    assert [page for page, *_ in named_chapters()] == notebooks


def test_pages_call_a_chapter_by_its_number_topic_and_question(searched):
    """In the sidebar, before and behind, in the tab, in the search; the heading stays the question."""
    found = {entry["page"]: entry for entry in searched if not entry["anchor"]}
    names = {}
    for page, part, number, topic in named_chapters():
        soup = soup_of(f"{page}.html")
        heading, place = soup.select_one("article h1"), soup.select_one("article p.place")
        assert words(place) == f"{part} · {number}" and place.find_next("h1") is heading
        names[page] = f"{number} · {topic}: {words(heading)}"
        assert words(soup.title).startswith(names[page])
        assert [found[page][key] for key in ("place", "topic")] == [f"{number} · {topic}", topic]
    for address in PAGES:
        listed = [words(link) for link in soup_of(address).select("nav.bd-links li a")]
        assert [name for name in listed if "·" in name] == list(names.values()), address
    for before, after in itertools.pairwise(names):
        assert words(soup_of(f"{before}.html").select_one(".right-next .prev-next-title")) == names[after]
        assert words(soup_of(f"{after}.html").select_one(".left-prev .prev-next-title")) == names[before]


def test_a_search_for_a_topic_leads_to_its_chapter_first(open_page):
    here = open_page(PAGES[0], "file")
    for page, _, number, topic in named_chapters():
        here.page.goto(f"{HTML.as_uri()}/search.html?q={topic.replace(' ', '+')}")
        first = here.page.locator("#search-results ul.search li a").first
        assert page in first.get_attribute("href") and first.inner_text().startswith(f"{number} · {topic}")
    here.close()


def test_the_cover_has_a_start_a_card_for_each_chapter_and_routes(book):
    cover, chapters = soup_of(PAGES[0]), named_chapters()

    def target(link):
        return (HTML / PAGES[0]).parent.joinpath(link["href"]).resolve().relative_to(book.resolve()).as_posix()

    def minutes(page):
        return int(re.search(r"Reads in about (\d+) minutes", words(soup_of(f"{page}.html").article))[1])

    page, _, number, topic = chapters[0]
    start = cover.select_one("p.start a")
    assert (words(start), target(start)) == (f"Start: {number} · {topic}", f"{page}.html")
    cards = cover.select("ul.cards > li")
    for card, (page, part, number, topic) in zip(cards, chapters, strict=True):
        assert (words(card.a), target(card.a)) == (f"{number} · {topic}", f"{page}.html")
        assert [words(p) for p in card.select("p")[1:]] == [
            words(soup_of(f"{page}.html").select_one("article h1")), f"{part}, {minutes(page)} minutes"]
        picture = str(card.svg)
        assert re.findall(r"#[0-9a-f]{3,8}\b|url\(|nan", picture) == [] and picture.count("<") > 5
    assert sum(len(str(card.svg)) for card in cards) <= 6_000 * len(cards)
    assert len({str(card.svg) for card in cards}) == len(cards)
    for route in cover.select("div.routes > div"):
        total = 0
        for step in route.select("li"):
            page = target(step.a).removesuffix(".html")
            total += minutes(page)
            assert words(step.select_one(".time")) == f"{minutes(page)} min"
        hours = words(route.select_one("p .time")).removesuffix(" hours").translate(
            {ord(sign): part for sign, part in (("¼", ".25"), ("½", ".5"), ("¾", ".75"))})
        assert abs(60 * float(hours) - total) <= 7.5
