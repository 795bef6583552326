"""The words and the symbols of the book: the glossary is linked from the chapters, and a thing has one name in code."""

import ast
import re
import string

import pytest
from bs4 import BeautifulSoup
from conftest import cells, sources
from project import ROOT, chapters

CHAPTERS = chapters()
SOURCES = [path for folder in ("book_utils", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
GLOSSARY = (ROOT / "chapters/reference/glossary.md").read_text(encoding="utf-8")
NOTATION = (ROOT / "chapters/reference/notation.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[([^\]]+)\]\(\.\./reference/glossary\.md#term-([\w-]+)\)")

# What else a symbol is called elsewhere, by the one name that it has here. `p_drop` is no alias: it says the same.
ALIASES = {
    "lam": "lambd lambda_ lamb lmbda lbda reg reg_lambda reg_strength l1_reg l2_reg l1_lambda l2_lambda "
    "penalty_strength",
    "p": "keep_prob keep_rate keep_p p_keep prob_keep keep_probability dropout_rate dropout_prob dropout_p drop_rate "
    "drop_prob drop_p p_dropout",
    "lr": "learning_rate learn_rate stepsize",
    "weight_decay": "wd",
    "mask": "dropout_mask drop_mask msk",
    "n_passes": "num_passes n_samples num_samples mc_samples n_mc num_mc n_forward",
    "noise_std": "sigma_noise noise_sigma noise_sd sd_noise std_noise",
    "prior_std": "sigma_w sigma_prior prior_sigma prior_sd std_prior",
    "y_hat": "y_pred yhat y_hats",
    "eps": "epsilon",
    "num_epochs": "n_epochs nb_epochs",
}
NAME_OF = {alias: name for name, aliases in ALIASES.items() for alias in aliases.split()}


def entries():
    """{anchor: definition} of the glossary; the anchors are those that Sphinx makes of the terms."""
    block = re.search(r"```\{glossary\}\n:sorted:\n(.*?)```", GLOSSARY, re.S)[1]
    found = re.findall(r"^(\S.*)\n((?:  .+\n)+)", block, re.M)
    return {re.sub(r"[^\w-]+", "-", term): definition for term, definition in found}


def own_names(code):
    """(line, name) of what the code itself names: variables, attributes, functions, arguments. No keywords of calls."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def used_names(code):
    """All names in the code, its own and others', without strings and comments."""
    for node in ast.walk(ast.parse(code)):
        for field in ("id", "attr", "arg", "name"):
            yield getattr(node, field, None)


def aliases(code, where):
    return [
        f"{where}, line {line}: {name}; here it is called {NAME_OF[name]}."
        for line, name in own_names(code)
        if name in NAME_OF
    ]


def test_every_term_is_linked_or_points_on():
    linked = {anchor for path in CHAPTERS for _, text in sources(path, "markdown") for _, anchor in LINK.findall(text)}
    terms = entries()
    assert len(terms) >= 35
    assert linked - set(terms) == set(), "These anchors are in no glossary."
    idle = [term for term, definition in terms.items() if term not in linked and "Chapter: [" in definition]
    assert idle == [], "No chapter links these terms: link them, or make them point on ('See {term}`...`')."
    lost = [term for term, definition in terms.items() if not re.search(r"Chapter: \[|\{term\}`", definition)]
    assert lost == [], "These terms lead neither to a chapter nor to another term."


def test_the_glossary_goes_from_a_to_z(book):
    page = BeautifulSoup((book / "chapters/reference/glossary.html").read_text(encoding="utf-8"), "html.parser")
    groups, letter = {}, None
    for one in page.select("article .rubric.letter, article dl.glossary dt"):
        if one.name == "dt":
            groups[letter].append(one.find(string=True))
        else:
            letter = one.get_text()
            groups[letter] = []
            assert one["id"] == f"letter-{letter}"
    assert list(groups) == sorted(groups) and set(groups) <= set(string.ascii_uppercase)
    assert [link["href"] for link in page.select("p.letters a")] == [f"#letter-{letter}" for letter in groups]
    terms = [term for terms in groups.values() for term in terms]
    assert [term for letter, terms in groups.items() for term in terms if term[0].upper() != letter] == []
    assert terms == sorted(terms, key=str.lower) and len(terms) == len(entries())


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_links_to_the_glossary_once_a_term(path):
    links = [(number, anchor) for number, text in sources(path, "markdown") for _, anchor in LINK.findall(text)]
    anchors = [anchor for _, anchor in links]
    assert 1 <= len(anchors) <= 14, "A chapter links to 1 to 14 terms: [text](../reference/glossary.md#term-NAME)."
    assert sorted(set(anchors)) == sorted(anchors), "A term is linked where it is first used, and not again."
    for number, text in sources(path, "markdown"):
        headings = [line for line in text.splitlines() if line.startswith(("#", ":::"))]
        assert [line for line in headings if LINK.search(line)] == [], f"Cell {number} has links in headings."


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapters_use_the_books_names(path):
    found = [one for number, code in sources(path, "code") for one in aliases(code, f"{path.name}, cell {number}")]
    assert found == []


def test_the_package_and_its_tests_use_the_books_names():
    found = [one for path in SOURCES for one in aliases(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))]
    assert found == []


def test_aliases_are_found_by_line_and_nothing_else_is():
    code = '''
"""learning_rate, keep_prob"""
from torch.optim import SGD as optimizer
make(n_samples=3, learning_rate=0.1)  # wd
print("dropout_rate", model.n_samples)
def f(x, *, keep_prob=0.5):
    self.wd = lambd = 1
    for reg, epsilon in x: pass
'''
    lines = [int(re.search(r"line (\d+): (\w+)", one)[1]) for one in aliases(code, "here")]
    assert sorted(lines) == [6, 7, 7, 8, 8]
    assert "here, line 6: keep_prob; here it is called p." in aliases(code, "here")


def test_the_names_in_the_notation_are_used():
    """Each name in the column for code stands in the code of some chapter, and none is an alias."""
    rows = [line.split(" | ") for line in NOTATION.splitlines() if line.startswith("| $")]
    assert len(rows) >= 50 and {len(row) for row in rows} == {4}
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row[2])} - {"*"}
    known = {name for path in CHAPTERS for _, code in sources(path, "code") for name in used_names(code)}
    assert [name for name in sorted(listed) if name.rsplit(".")[-1] not in known] == []
    assert listed & set(NAME_OF) == set()


def test_a_symbol_has_one_row():
    symbols = [
        symbol
        for line in NOTATION.splitlines()
        if line.startswith("| $")
        for symbol in re.findall(r"\$([^$]+)\$", line.split(" | ")[0])
    ]
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    assert twice == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_code_and_what_it_prints_are_not_cut_at_the_edge(path):
    """A page shows 79 characters of a line; folded code may be longer, what it prints may not."""
    found = []
    for number, cell in enumerate(cells(path), 1):
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown" or "remove-cell" in tags:
            continue
        lines = [line for output in cell["outputs"] for line in "".join(output.get("text", "")).splitlines()]
        if not any(tag.startswith(("hide", "remove")) for tag in tags):
            lines += "".join(cell["source"]).splitlines()
        found += [f"cell {number}: {line}" for line in lines if len(line) > 79]
    assert found == []


def reading_minutes(path):
    """Minutes up to the exercises, to the nearest five: 150 words each, a formula as one word, or 15 lines of code.

    Folded code is not counted: a reader may skip it.
    """
    words, lines = 0, 0
    for cell in cells(path):
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            folded = any(tag.startswith(("hide", "remove")) for tag in cell["metadata"].get("tags", []))
            lines += 0 if folded else len(text.splitlines())
        else:
            reading, *exercises = re.split(r"^## Exercises$", text, flags=re.MULTILINE)
            words += len(re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "formula", reading, flags=re.DOTALL).split())
            if exercises:
                break
    return 5 * round((words / 150 + lines / 15) / 5)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_says_how_long_it_takes(path):
    says = (r"\*\*Reads in\*\* about (\d+) minutes with its code, without the exercises\. "
            r"\*\*Runs in\*\* about \d+ seconds")
    stated = re.search(says, path.read_text(encoding="utf-8"))
    assert stated, "No line of the form: **Reads in** about 30 minutes with its code, ... **Runs in** about 9 seconds."
    assert int(stated[1]) == reading_minutes(path), f"By its length it reads in about {reading_minutes(path)} minutes."
