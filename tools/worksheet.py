"""Make worksheets, chapters without their solutions: `make worksheet`, or `make worksheet CHAPTER=penalties/ridge`.

A worksheet is the plain copy of a chapter. What the exercises fold, answers in words and in code, is left empty; of
code the imports stay, and what functions and classes are called, take and promise. All else, with its outputs, is the
chapter's.
"""

import ast
import json
import re
import shutil
import sys

from project import BUILD, ROOT, select

NOTEBOOKS = BUILD / "notebooks"
TARGET = BUILD / "worksheets"
CODE, TEXT = "# your code", "*Your answer*"
PARTS = re.compile(r"(^## [^\n]*$|<details>.*?</details>)", re.M | re.S)


def frame(node, source):
    """A function or a class that does nothing yet, as it is written; of a class all its methods so."""
    lines, first = source.splitlines(), node.body[0]
    begin = min(one.lineno for one in [node, *node.decorator_list]) - 1
    head = [*lines[begin:first.lineno - 1], lines[first.lineno - 1].encode()[:first.col_offset].decode().rstrip()]
    kept = [line for line in head if not re.fullmatch(r"\s*(#.*)?", line)]
    indent = (node.col_offset + 4) * " "
    if ast.get_docstring(node):
        kept.append(indent + ast.get_source_segment(source, first))
    inside = [one for one in node.body if isinstance(node, ast.ClassDef) and isinstance(one, ast.FunctionDef)]
    return "\n".join(kept + ([frame(one, source) for one in inside] or [f"{indent}..."]))


def stub(source):
    """What a worksheet shows of a solution's code."""
    kept = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            kept.append(f"\n{frame(node, source)}\n")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            kept.append(ast.unparse(node))
        elif kept[-1:] != [CODE]:
            kept.append(CODE)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def worksheet(cells):
    """The cells of a worksheet from those of a plain copy."""
    made, exercises, caption = [], False, None

    def write(cell, part, text):
        if text.strip():
            name = f"{cell['id'][:60]}-{part}" if part else cell["id"]
            made.append(cell | {"id": name, "source": text.strip().splitlines(keepends=True)})

    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if cell["id"] == caption:  # of a figure that is a solution
                continue
            text, part = "", 0
            for piece in PARTS.split(source):
                exercises = piece == "## Exercises" if piece.startswith("## ") else exercises
                if exercises and piece.startswith("<details>"):
                    write(cell, part, text)
                    write(cell, part + 1, TEXT)
                    text, part = "", part + 2
                else:
                    text += piece
            write(cell, part, text)
        elif exercises and "hide-cell" in cell["metadata"].get("tags", ()):
            caption = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", "")[:64]
            if not cell["id"].endswith("-model"):  # the frame of *Write it yourself* stands in the cell before
                empty = {"metadata": {}, "outputs": [], "execution_count": None}
                write(cell | empty, 0, stub(source))
        else:
            made.append(cell)
    return made


def make(path):
    """Write the worksheet of a chapter."""
    copy = json.loads((NOTEBOOKS / path.relative_to(ROOT)).read_text(encoding="utf-8"))
    cells = worksheet(copy["cells"])
    text = json.dumps(copy | {"cells": cells}, indent=1, ensure_ascii=False) + "\n"
    text = text.replace("](../../../html/", "](../html/")  # in a book without an address
    text = text.replace("*Chapter ", "*Worksheet for chapter ", 1)
    (TARGET / path.name).write_text(text, encoding="utf-8")


def main(name=""):
    found = select(name)
    if not name:
        shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(exist_ok=True)
    for path in found:
        make(path)
    print(f"Open {TARGET / found[0].name}" if name else f"{len(found)} worksheets are in {TARGET}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
