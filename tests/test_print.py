"""The book on paper: a page as a browser prints it, some pages as one PDF, and every page as the EPUB holds it."""

import importlib
import io
import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pdf
import pytest
from conftest import ROOT
from project import pages
from pypdf import PdfReader, PdfWriter

PAPER = {"width": 642, "height": 970}  # A4 without its margins

# What a page says of itself while it is on paper.
STATE = r"""() => {
  const article = document.querySelector("article.bd-article"), all = (which) => [...article.querySelectorAll(which)];
  const style = (one) => getComputedStyle(one), dark = (color) => Math.max(...color.match(/\d+/g).slice(0, 3)) < 130;
  const words = (list) => list.map((one) => one.outerHTML.replace(/ tabindex="-?\d"/, "").slice(0, 90));
  const seen = (one) => one.checkVisibility();
  const beside = ".bd-sidebar, .bd-header-article, .prev-next-area, .bd-footer, .copybtn, #jb-print-docs-body";
  return {
    theme: document.documentElement.dataset.theme,
    ground: style(document.body).backgroundColor,
    pale: words(all("h1, h2, h3, p, figcaption, pre, summary").filter((one) => seen(one) && !dark(style(one).color))),
    beside: words([...document.querySelectorAll(beside)].filter(seen)),
    titles: all("h1").filter(seen).length,
    closed: words(all("details:not([open])").filter((one) => !one.closest(".tag_hide-input"))),
    faint: words(all("details[open] *").filter((one) => style(one).animationName !== "none")),
    changed: words(all("img").filter((one) => style(one).filter !== "none" || style(one).mixBlendMode !== "normal")),
    lost: words(all("img").filter((one) => seen(one) && !(one.naturalWidth && one.getBoundingClientRect().width > 50))),
    moving: all("*").filter((one) => one.shadowRoot).length,
    wide: words(all("h1, h2, h3, pre, img, table").filter((one) => seen(one) &&
      (one.scrollWidth > one.clientWidth + 1 && style(one).display !== "inline"
       || one.getBoundingClientRect().right > document.documentElement.clientWidth + 1))),
  };
}"""
ON_PAPER = {"theme": "light", "ground": "rgb(255, 255, 255)", "titles": 1, "moving": 0} | dict.fromkeys(
    ("pale", "beside", "closed", "faint", "changed", "lost", "wide"), [])


def opened(browser, file, scheme="light"):
    page = browser.new_page(color_scheme=scheme, viewport=PAPER)
    page.set_default_timeout(120_000)
    page.goto(file.as_uri())
    page.evaluate(pdf.READY)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["chapters/penalties/ridge", "chapters/reference/notation"])
def test_paper_is_light_and_open_and_still(browser, book, address, scheme):
    page = opened(browser, book / f"{address}.html", scheme)
    before = page.evaluate(STATE)
    page.emulate_media(media="print", color_scheme=scheme)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(STATE) == ON_PAPER
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen", color_scheme=scheme)
    page.wait_for_timeout(500)  # what fades in has done so
    assert page.evaluate(STATE) == before
    assert before["theme"] == scheme
    page.close()


def test_a_browser_prints_what_is_folded(browser, book):
    """Chromium itself says when it prints."""
    page = opened(browser, book / "chapters/penalties/ridge.html", "dark")
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.printed = ({STATE})(); }})")
    printed = PdfReader(io.BytesIO(page.pdf(format="A4")))
    assert page.evaluate("window.printed.theme") == "light"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    text = " ".join("".join(one.extract_text() for one in printed.pages).split())
    assert "In the basis of the" in text and "The solution, 7 lines" in text  # a solution in words, one in code
    assert "7 lines: in the notebook" in text
    assert "The loss is a mean" in text  # an answer of the questions at the end
    page.close()


def test_some_pages_as_one_pdf(book, tmp_path):
    """Numbers in the contents, links, outline; a link to a page that was left out is none."""
    printed, target = ["chapters/penalties/data-and-time", "chapters/reference/bibliography"], tmp_path / "some.pdf"
    with ThreadPoolExecutor(1) as other:  # Playwright runs once a thread, and here it may run already
        other.submit(pdf.make, printed, target).result()
    reader = PdfReader(target)
    text = [" ".join(page.extract_text().split()) for page in reader.pages]
    for title, topic in (("Can you regularize without a penalty?", "5 · Data and time"), ("Bibliography",) * 2):
        first = int(re.search(rf"{topic}.*? (\d+)", text[1])[1])
        assert text[first - 1].startswith(f"{topic} {first} ") and title in text[first - 1]
        assert not text[first - 2].startswith(topic)
    names, inside = reader.named_destinations, set()
    for one in (one.get_object() for page in reader.pages for one in page.get("/Annots", [])):
        assert ("/Dest" in one) != ("/A" in one)
        if "/Dest" in one:
            assert one["/Dest"] in names
            inside.add(one["/Dest"])
        else:
            assert one["/A"]["/URI"].startswith("http"), one["/A"]
    assert any(name.startswith("/reference-bibliography--") for name in inside)

    def flat(outline):
        return [title for one in outline for title in (flat(one) if isinstance(one, list) else [one.title])]

    headings = pdf.BeautifulSoup((book / f"{printed[0]}.html").read_text(encoding="utf-8"), "html.parser")
    headings = [one.get_text().removesuffix("#") for one in headings.select("article :is(h1, h2, h3)")]
    assert flat(reader.outline) == ["Penalties, Noise, and Doubt", "Contents", *headings, "Bibliography"]
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_an_outline_that_does_not_fit_is_refused(tmp_path):
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_outline_item(title="One", page_number=0)
    writer.write(tmp_path / "one.pdf")
    with pytest.raises(ValueError):
        pdf.name_outline(tmp_path / "one.pdf", ["One", "Two"])


@pytest.fixture
def epub(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    return importlib.import_module("epub")


def test_every_page_becomes_xhtml_with_mathml(browser, book, epub):
    mender, bad = epub.open_mender(browser), []
    for address in pages():
        soup = pdf.BeautifulSoup((book / f"{address}.html").read_text(encoding="utf-8"), "html.parser")
        article = soup.select_one("article.bd-article")
        tree = ET.fromstring(f"<body>{mender.evaluate(epub.MEND, str(article))}</body>")
        tags = [one.tag for one in tree.iter()]
        formulas = tags.count("{http://www.w3.org/1998/Math/MathML}math")
        if formulas != len(article.select(".math")):
            bad.append((address, formulas))
        bad += [(address, tag) for tag in tags if tag == "script" or tag.startswith("pnd-")]
    mender.close()
    assert bad == []


def test_what_a_mended_page_holds(browser, epub):
    mender = epub.open_mender(browser)
    body = r"""<p>A <span class="math">\(a &lt; \mathbf b^2\)</span>,<br>then
      <pnd-x-1 state="{}"><img alt="A curve" src="c.png"></pnd-x-1><script>1 < 2</script></p>
      <div class="math" id="equation-one"><span class="eqno">(1)</span>\[
      x
      \]</div>
      <div class="math">\begin{align}x&amp;=1\\y&amp;=2\end{align}</div>
      <svg viewBox="0 0 1 1"><path d="M0 0"></path></svg>"""
    mended = mender.evaluate(epub.MEND, body)
    tree = ET.fromstring(f"<body>{mended}</body>")
    first, second, third = tree.iter("{http://www.w3.org/1998/Math/MathML}math")
    assert (first.get("alttext"), first.get("display")) == ("a < \\mathbf b^2", None)
    assert (second.get("alttext"), second.get("display"), third.get("display")) == ("x", "block", "block")
    assert "𝐛" in "".join(first.itertext())  # browsers have given up mathvariant="bold"
    assert len(list(third.iter("{http://www.w3.org/1998/Math/MathML}mtr"))) == 2
    assert tree.find("p/img").get("alt") == "A curve" and tree.find("div/span").text == "(1)"
    assert tree.find("{http://www.w3.org/2000/svg}svg").get("viewBox") == "0 0 1 1"
    assert "script" not in mended and "pnd-" not in mended
    with pytest.raises(Exception, match="No MathML for"):
        mender.evaluate(epub.MEND, r'<span class="math">\(\frac{1\)</span>')
    with pytest.raises(Exception, match="No MathML for"):
        mender.evaluate(epub.MEND, r'<span class="math">\(\unheardof\)</span>')
    mender.close()
