"""The book as an EPUB: Sphinx's builder, with mathematics as MathML, explorables as pictures, and XHTML that is XHTML.

What Sphinx and MyST-NB write is HTML, raw parts of which no XML parser reads. A real browser parses each page, MathJax
in it turns the formulas into MathML, and the browser writes the page as XML.
"""

import base64
import hashlib
import re
import shutil
import sys
from pathlib import Path

from mathematics import mathjax_folder
from sphinx.builders.epub3 import Epub3Builder

HERE = Path(__file__).parent

# Browsers have given up `mathvariant`: a bold letter is a letter of its own. VARIANTS says where A, a, 0, Α and α are
# found, and which letters stand elsewhere.
MEND = r"""async (body) => {
  const VARIANTS = {
    "bold": [0x1d400, 0x1d41a, 0x1d7ce, 0x1d6a8, 0x1d6c2],
    "bold-italic": [0x1d468, 0x1d482, 0, 0x1d71c, 0x1d736],
    "script": [0x1d49c, 0, 0, 0, 0, "BℬEℰFℱHℋIℐLℒMℳRℛ"],
    "double-struck": [0x1d538, 0x1d552, 0x1d7d8, 0, 0, "CℂHℍNℕPℙQℚRℝZℤ"],
  };
  const letter = (one) => {
    const [A, a, zero, Alpha, alpha, other = ""] = VARIANTS[one.getAttribute("mathvariant")] ?? [];
    const changed = [...one.textContent].map((char) => {
      if (other.includes(char)) return other[other.indexOf(char) + 1];
      for (const [[first, last], start] of [["AZ", A], ["az", a], ["09", zero], ["ΑΩ", Alpha], ["αω", alpha]]) {
        if (start && first <= char && char <= last)
          return String.fromCodePoint(start + char.codePointAt() - first.codePointAt());
      }
    });
    if (!changed.length || changed.includes(undefined)) return;
    one.textContent = changed.join("");
    one.removeAttribute("mathvariant");
  };
  await MathJax.startup.promise;
  const page = new DOMParser().parseFromString(body, "text/html");
  page.querySelectorAll("script").forEach((one) => one.remove());
  for (const one of page.querySelectorAll("*")) {
    if (one.localName.startsWith("pnd-")) one.replaceWith(...one.childNodes);
  }
  page.querySelectorAll("source").forEach((one) => { one.type = "image/webp"; }); // pictures.py
  page.querySelectorAll("summary p.expanded").forEach((one) => one.remove());
  page.querySelectorAll("summary p").forEach((one) => one.replaceWith(...one.childNodes)); // a summary holds a phrase
  for (const one of page.querySelectorAll(".math")) {
    const words = [...one.childNodes].filter((part) => part.nodeType === Node.TEXT_NODE);
    const tex = words.map((part) => part.data).join("").trim(), inside = tex.replace(/^\\[([]|\\[)\]]$/g, "");
    const written = await MathJax.tex2mmlPromise(inside, { display: !tex.startsWith("\\(") });
    const formula = new DOMParser().parseFromString(written, "text/xml").documentElement;
    if (formula.querySelector("merror, parsererror, [mathcolor=red]")) throw new Error(`No MathML for ${tex}`);
    for (const part of formula.querySelectorAll("*")) {
      for (const name of part.getAttributeNames()) if (name.startsWith("data-")) part.removeAttribute(name);
    }
    formula.querySelectorAll("[mathvariant]").forEach(letter);
    formula.setAttribute("alttext", inside.trim());
    words.forEach((part) => part.remove());
    one.append(formula);
  }
  return new XMLSerializer().serializeToString(page.body).replace(/^<body[^>]*>|<\/body>$/g, "");
}"""


def open_mender(browser):
    """A page of the browser in which `MEND` runs: one that has MathJax."""
    startup = (mathjax_folder() / "startup.js").as_uri()
    page = browser.new_page()
    page.set_default_timeout(0)
    page.goto(startup)  # a page from disk may load other files from there
    page.evaluate("MathJax = { loader: { load: ['core', 'input/tex'] }, startup: { typeset: false } }")
    page.add_script_tag(url=startup)
    return page


class BookEpub(Epub3Builder):
    def init(self):
        from book_utils import __version__

        settings = self.config
        settings.version = __version__
        settings.epub_title, settings.epub_basename = settings.html_title, "penalties-noise-and-doubt"
        settings.epub_description = "An interactive book on regularization, dropout and uncertainty"
        settings.epub_identifier = settings.epub_uid = settings.epub_basename
        settings.epub_contributor = settings.epub_author
        settings.epub_tocscope, settings.epub_tocdepth, settings.epub_show_urls = "includehidden", 2, "no"
        settings.epub_use_index = False
        super().init()

    def prepare_writing(self, docnames):
        from playwright.sync_api import sync_playwright
        from project import start_chromium

        super().prepare_writing(docnames)
        self.domain_indices = []  # no list of theorems apart
        self.playwright = sync_playwright().start()
        self.mender = open_mender(start_chromium(self.playwright))

    def mend(self, page, body):
        """The body of a page, as XHTML; its pictures are files."""
        folder = Path(self.outdir) / "_images"
        folder.mkdir(exist_ok=True)

        def store(match):
            data = base64.b64decode(match[1])
            name = f"{hashlib.sha256(data).hexdigest()}.png"
            (folder / name).write_bytes(data)
            return f'src="{"../" * page.count("/")}_images/{name}"'

        return re.sub(r'src="data:image/png;base64,([^"]*)"', store, self.mender.evaluate(MEND, body))

    def build_content(self):
        """List what the book holds: its own style sheet alone, and what each page is made of."""
        self.playwright.stop()  # and with it the browser
        static = Path(self.outdir) / "_static"
        shutil.rmtree(static)
        static.mkdir()
        shutil.copyfile(HERE / "epub.css", static / "epub.css")
        super().build_content()
        listed = Path(self.outdir) / "content.opf"

        def declare(match):
            text = (Path(self.outdir) / match[1]).read_text(encoding="utf-8")
            made_of = " ".join(name for tag, name in (("<math", "mathml"), ("<svg", "svg")) if tag in text)
            return match[0].replace(" />", f' properties="{made_of}" />') if made_of else match[0]

        items = re.sub(r'<item [^>]*href="([^"]*\.xhtml)"[^>]* />', declare, listed.read_text(encoding="utf-8"))
        listed.write_text(items, encoding="utf-8")


def mend_page(app, page, template, context, doctree):
    if app.builder.name == "epub":
        context["body"] = app.builder.mend(page, context.get("body", ""))


def setup(app):
    sys.path.append(str(HERE.parent / "tools"))
    app.add_builder(BookEpub, override=True)
    app.connect("html-page-context", mend_page, priority=950)  # after all others
    return {"parallel_read_safe": True, "parallel_write_safe": False}
