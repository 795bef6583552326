"""The element behind every explorable: HTML that carries its data, its picture and its own script.

Nothing is loaded from anywhere. The HTML is one custom element whose tag name ends in a hash of its
script, so that two versions of a figure can stand on one page; inside it is a static picture, which shows
wherever scripts do not run; after it comes the script that defines the element if nobody has yet.
"""

import base64
import hashlib
import html
import io
import json
import re
from pathlib import Path

import numpy as np

from book_utils.style import COLORS

MODULES = {path.stem: path for path in Path(__file__).parent.rglob("*.mjs")}

# No `type=module` and no `document.currentScript`: Colab runs scripts detached, in a sandboxed frame.
SCRIPT = """(() => {
if (customElements.get("%(tag)s")) return;
%(source)s
customElements.define("%(tag)s", class extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    this.dataset.lmSuppressShortcuts = ""; // JupyterLab takes the arrow keys otherwise
    const root = this.attachShadow({ mode: "open" }), state = JSON.parse(this.getAttribute("state"));
    const draw = () => {
      root.replaceChildren(element("style", {}, "%(colors)s" + css));
      render(root, state);
    };
    draw();
    let slim = narrow(root); // a phone that is turned, or an element that was hidden, is drawn anew
    new ResizeObserver(() => {
      if (narrow(root) === slim || !root.querySelector("svg")) return;
      slim = !slim;
      draw();
    }).observe(this);
  }
});
})();"""

# The page's colors, which know light and dark; outside of the book, the figures' own.
CSS = " ".join(f".{name} {{ color: var(--pnd-{name}, {color}); }}" for name, color in COLORS.items() if name != "truth")

IMPORT = re.compile(r'^import [^;]* from "[./]+/(\w+)\.mjs";\n', flags=re.M)


def classic_script(*names, seen=None):
    """Modules and what they import, each once, joined into one classic script (no imports, no exports)."""
    seen, parts = set() if seen is None else seen, []
    for name in names:
        if name in seen:
            continue
        seen.add(name)
        source = MODULES[name].read_text(encoding="utf-8")
        parts.append(classic_script(*IMPORT.findall(source), seen=seen))
        parts.append(re.sub(r"^export ", "", IMPORT.sub("", source), flags=re.M))
    return "\n".join(filter(None, parts))


def png_bytes(figure):
    """A matplotlib figure as a palette PNG (bytes), at twice the density it is shown at; closes the figure."""
    import matplotlib.pyplot as plt
    from PIL import Image

    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=200, facecolor="white")
    plt.close(figure)
    image = Image.open(raw).convert("RGB").quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def head(ax, letter, ylabel):
    """The letter of a panel and what its height means, above it as in the figure that moves."""
    ax.set_title(rf"$\bf{{{letter}}}$   {ylabel}", loc="left", fontsize="medium")


class Explorable:
    """A figure that moves without a kernel.

    Parameters
    ----------
    name : str
        The module `<name>.mjs`, in this folder or in `figures`; its `render(root, state)` draws the figure.
    state : dict
        What the figure starts from: numbers, strings, lists and arrays, written as JSON.
    fallback : matplotlib.figure.Figure or str
        What shows where no script runs: a picture, or HTML.
    alt : str
        One or two sentences that say what the picture shows.
    anchor : str, optional
        The id by which a link finds it in a page.
    """

    def __init__(self, name, state, *, fallback, alt, anchor=None):
        self.name, self.state, self.alt, self.anchor = name, state, alt, anchor
        self.png = None if isinstance(fallback, str) else png_bytes(fallback)
        self.fallback = fallback if self.png is None else (
            f'<img alt="{html.escape(alt)}" style="width: 100%" '
            f'src="data:image/png;base64,{base64.b64encode(self.png).decode()}">')

    @property
    def html(self):
        """The element with its fallback inside and its script behind: a self-contained fragment."""
        source = classic_script(self.name)
        tag = f"pnd-{self.name}-{hashlib.sha256((SCRIPT + CSS + source).encode()).hexdigest()[:8]}"
        state = html.escape(json.dumps(self.state, default=np.ndarray.tolist, ensure_ascii=False))
        script = SCRIPT % {"tag": tag, "colors": CSS, "source": source}
        place = f' id="{self.anchor}"' if self.anchor else ""
        return f'<{tag}{place} state="{state}">{self.fallback}</{tag}>\n<script>{script}</script>'

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/html": self.html, "text/plain": f"[{self.name}] {self.alt}"}
        if self.png is not None:
            bundle["image/png"] = base64.b64encode(self.png).decode()
        return bundle
