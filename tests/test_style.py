"""One color, one meaning: figures and pages share their values, and color blindness does not merge them."""

import itertools
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from book_utils.explorables import collinear
from book_utils.style import COLORS, use_book_style

# Machado, Oliveira & Fernandes (2009), severity 1.0, for linear RGB.
BLINDNESS = {
    "all colors": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab_of(rgb_linear):
    """CIE Lab of linear sRGB, white point D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = to_xyz @ np.clip(rgb_linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def linear(color):
    c = np.array([int(color[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def page_colors():
    """The colors by name that book.css sets for light pages and for dark ones."""
    css = (ROOT / "_static" / "book.css").read_text()
    light, dark = css.split('html[data-theme="dark"] {')[:2]
    found = [dict(re.findall(r"--pnd-(\w+): (#[0-9a-f]{6});", part)) for part in (light, dark.split("}")[0])]
    return [{name: part["ink" if name == "truth" else name] for name in COLORS} for part in found]


def test_pages_and_figures_share_their_colors():
    light, _ = page_colors()
    assert {name: c for name, c in light.items() if name != "truth"} == {
        name: c.lower() for name, c in COLORS.items() if name != "truth"}


def test_what_can_be_pressed_is_readable_and_no_color_of_the_figures():
    css = (ROOT / "_static" / "book.css").read_text()
    rules = css.split(":root {")[1].split("}")[0], css.split('html[data-theme="dark"] {')[1].split("}")[0]
    for rule, palette in zip(rules, page_colors(), strict=True):
        colors = {name: linear(color) for name, color in re.findall(r"--pnd-(\w+): (#[0-9a-f]{6});", rule)}
        light = {name: color @ [0.2126, 0.7152, 0.0722] for name, color in colors.items()}
        for text, ground in itertools.product(("accent", "ink", "soft"), ("paper", "code")):
            low, high = sorted((light[text], light[ground]))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
        accent = lab_of(colors["accent"])
        assert np.hypot(*accent[1:]) < 20  # quiet: nearly gray
        for name, color in palette.items():
            assert np.linalg.norm(accent - lab_of(linear(color))) > 15, name


def test_no_figure_that_moves_spells_a_color_itself():
    for path in (ROOT / "book_utils" / "explorables").rglob("*.mjs"):
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.parametrize("on_page", [{}, {name: f"#0102{i:02x}" for i, name in enumerate(COLORS)}])
def test_a_figure_that_moves_takes_the_colors_of_its_page_and_else_those_of_the_figures(browser, on_page):
    """Outside of the book (JupyterLab, Colab) no style sheet sets a color."""
    tab = browser.new_page()
    sheet = "".join(f"--pnd-{name}: {color};" for name, color in on_page.items())
    tab.set_content(f"<style>:root {{ {sheet} }}</style>{collinear().html}")
    for name, color in (COLORS | on_page).items():
        drawn = tab.evaluate("""name => {
          const host = [...document.body.children].find((one) => one.shadowRoot);
          const node = host.shadowRoot.appendChild(document.createElement("i"));
          node.className = name;
          return getComputedStyle(node).color;
        }""", name)
        expected = f"rgb({', '.join(str(int(color[i:i + 2], 16)) for i in (1, 3, 5))})"
        assert name == "truth" or drawn == expected, name
    tab.close()


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colors_stay_apart_for_color_blind_readers(kind):
    for palette in (COLORS, *page_colors()):
        seen = {name: lab_of(np.array(BLINDNESS[kind]) @ linear(color)) for name, color in palette.items()}
        for a, b in itertools.combinations(seen, 2):
            distance = np.linalg.norm(seen[a] - seen[b])
            # Gray data are dots, never lines beside these, so shape tells them apart.
            assert distance > 10 or "data" in (a, b), f"{a} and {b} look alike with {kind}: {distance:.1f}"


@pytest.mark.parametrize("installed, font", [(True, "SourceSansPro-Regular.ttf"), (False, "DejaVuSans.ttf")])
def test_figures_are_in_the_sans_of_the_pages_or_in_one_that_matplotlib_brings(monkeypatch, caplog, installed, font):
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.font_manager import findfont

    if not installed:
        monkeypatch.setitem(sys.modules, "font_source_sans_pro", None)
    with mpl.rc_context(), warnings.catch_warnings(action="error"):  # of signs that no font has, for instance
        use_book_style()
        figure, ax = plt.subplots()
        (line,) = ax.plot([0, 1])
        assert line.get_color() == COLORS["none"]
        label = ax.set_xlabel(r"λ ≤ ½ ± ‖w‖ → ∞ $\mathbb{E}\,\varphi(z)$, $\lambda_1$, $\hat w$")
        assert Path(findfont(label.get_fontproperties())).name == font
        assert figure.get_size_inches()[0] * figure.dpi == 700  # the width of the text, so that nothing is scaled
        figure.canvas.draw()
        plt.close(figure)
    assert caplog.text == ""  # where matplotlib says that a font is missing
