"""Print the built book to one PDF, `_build/pdf/penalties-noise-and-doubt.pdf`: all of it, or only the pages named.

The articles of the pages are joined into one page, so that links between them are links within it. Chromium prints it
twice: only the first print tells on which page each chapter begins.
"""

import html
import json
import logging
import re
import sys
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright
from project import BUILD, HTML, NAME, ROOT, pages, start_chromium
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

TARGET = BUILD / "pdf" / f"{NAME}.pdf"

STYLE = """
@page {
  size: A4; margin: 20mm 20mm 18mm;
  font-family: "Book Sans"; font-size: 9pt; color: #5a5a5a;
  @bottom-center { content: counter(page); }
}
@page title { @bottom-center { content: none; } }
.bd-article { break-before: page; }
.bd-article.title { page: title; padding-top: 70mm; }
.bd-main .bd-content .bd-article.title h1 { font-size: 3.4rem !important; }
.bd-article.contents { page: contents; font-family: var(--pnd-sans); line-height: 1.5; }
.bd-article.contents p { font-weight: 600; margin: 3mm 0 0.5mm; }
.bd-article.contents ul { padding: 0; margin: 0; }
.bd-article.contents li { display: flex; gap: 1em; list-style: none; }
.bd-article.contents li a { flex: 1; color: inherit; text-decoration: none; }
"""

# Formulas and fonts are there, and every picture is decoded.
READY = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  await Promise.all([...document.images].map((one) => one.decode()));
}"""

# What the outline calls the headings; the sign that links to a heading is no part of it.
HEADINGS = """[...document.querySelectorAll("article :is(h1, h2, h3, h4, h5, h6)")].map((one) => {
  const words = one.cloneNode(true);
  words.querySelectorAll(".headerlink").forEach((sign) => sign.remove());
  return words.textContent.trim();
})"""

NUMBER = """(numbers) => document.querySelectorAll(".contents a").forEach((link) => {
  link.nextSibling.textContent = numbers[link.hash.slice(1)];
})"""

MATHJAX = {"loader": {"load": ["core", "input/tex", "output/chtml"]}, "options": {"processHtmlClass": "math"}}


def slug(page):
    """The id that a page's article has in the joined page: `penalties-ridge`."""
    return page.removeprefix("chapters/").replace("/", "-")


def open_built(page, printed):
    """A built page whose ids and addresses hold in the joined page, its moving figures replaced by their pictures."""
    soup = BeautifulSoup((HTML / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    for script in article.select("script"):
        script.decompose()
    for figure in article.find_all(re.compile("^pnd-")):
        figure.unwrap()
    for one in soup.select("[href], [src], [srcset]"):
        for key in {"href", "src", "srcset"} & set(one.attrs):
            address = moved(one[key], page, printed)
            if address is None or (key == "href" and one.name == "a" and address.startswith("../")):
                del one[key]  # to a page that is not printed, or to a picture's file
            else:
                one[key] = address
    for one in article.select("[id]"):
        one["id"] = f"{slug(page)}--{one['id']}"
    article["id"] = slug(page)
    return soup


def moved(address, page, printed):
    """The address in the joined page of what a page links; None if that is a page of the book that is not printed."""
    parts = urlsplit(address)
    if parts.scheme:
        return address
    target = ((HTML / page).parent / unquote(parts.path)).resolve().relative_to(HTML) if parts.path else None
    if target and target.suffix != ".html":
        return f"../html/{target.as_posix()}"
    name = target.with_suffix("").as_posix() if target else page
    if name not in printed:
        return None
    return f"#{slug(name)}--{parts.fragment}" if parts.fragment else f"#{slug(name)}"


def join(printed):
    """The joined page, as HTML: title, contents, and the articles, each with its name above every page."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    soups = {page: open_built(page, printed) for page in printed}
    titles = {page: soup.title.get_text().split(" \N{EM DASH} ")[0].strip() for page, soup in soups.items()}
    heads = [f"#{slug(page)} {{ page: {slug(page)}; }} "
             f"@page {slug(page)} {{ @top-left {{ content: {json.dumps(title.split(':')[0], ensure_ascii=False)}; }} }}"
             for page, title in titles.items()]
    contents = []
    for part in parts:
        lines = [f'<li><a href="#{slug(page)}">{html.escape(titles[page])}</a><span></span></li>'
                 for page in (entry["file"] for entry in part["chapters"]) if page in titles]
        contents += [f"<p>{part['caption']}</p><ul>{''.join(lines)}</ul>"] if lines else []
    sheets = "".join(map(str, soups[printed[0]].select("head link[rel=stylesheet]")))
    articles = "".join(str(soup.select_one("article.bd-article")) for soup in soups.values())
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{settings["title"]}</title>
{sheets}<style>{STYLE}{"".join(heads)}</style><script>window.MathJax = {json.dumps(MATHJAX)}</script>
<script src="../html/_static/mathjax/startup.js"></script><script src="../html/_static/paper.js"></script></head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<article class="bd-article title"><h1>{settings["title"]}</h1><p>{settings["author"]}, {settings["copyright"]}</p>
</article>
<article class="bd-article contents"><h1>Contents</h1>{"".join(contents)}</article>
{articles}</div></div></main></body></html>"""


def beginnings(file):
    """{id of what a link leads to: the number of its page}."""
    reader = PdfReader(file)
    return {name.removeprefix("/"): reader.get_destination_page_number(place) + 1
            for name, place in reader.named_destinations.items()}


def name_outline(file, headings):
    """Write the headings into the outline: Chromium repeats the words of one that it moved to the next page."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of counting objects in a way of its own
    writer = PdfWriter(clone_from=file)

    def entries(entry):
        while entry:
            entry = entry.get_object()
            yield entry
            yield from entries(entry.get("/First"))
            entry = entry.get("/Next")

    outline = list(entries(writer.root_object["/Outlines"]["/First"]))
    for entry, heading in zip(outline, headings, strict=True):
        entry[NameObject("/Title")] = TextStringObject(heading)
    writer.write(file)


def make(printed, target):
    """Print pages of the built book to one PDF."""
    joined = HTML.parent / "pdf" / "book.html"  # beside html, as its addresses say
    joined.parent.mkdir(exist_ok=True)
    joined.write_text(join(printed), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        page = browser.new_page()
        page.set_default_timeout(0)
        page.goto(joined.as_uri())
        page.evaluate(READY)
        headings = page.evaluate(HEADINGS)
        for _ in range(2):
            page.pdf(path=target, prefer_css_page_size=True, outline=True, tagged=True)
            page.evaluate(NUMBER, beginnings(target))
        browser.close()
    name_outline(target, headings)


if __name__ == "__main__":
    make(sys.argv[1:] or pages(), TARGET)
    print(f"Open {TARGET} ({TARGET.stat().st_size / 1e6:.0f} MB, {len(PdfReader(TARGET).pages)} pages)")
