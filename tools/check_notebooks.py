"""Say, in one sentence each, what keeps the committed notebooks from being published: faults seen without running.

Without arguments: every notebook under chapters/.
"""

import json
import re
import sys
from pathlib import Path

from project import ROOT, chapter_name, chapters
from repository import CELL_ID, colab_cell, read_url

MARKER = re.compile(r"^\s*#\s*(NBVAL_|PYTEST_VALIDATE_)\w+", flags=re.M)
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
LIMIT = 1_050_000  # bytes
ALT = 25  # characters


def joined(text):
    """A notebook stores text as a string or as a list of lines."""
    return "".join(text)


def output_faults(cell):
    """What is wrong with one code cell's stored outputs."""
    for output in cell["outputs"]:
        data = output.get("data", {})
        if output.get("execution_count") != cell["execution_count"] and output["output_type"] == "execute_result":
            yield f"stores a result of another run ([{output.get('execution_count')}]): run `make execute`"
        if output["output_type"] == "error":
            yield f"stores an error, {output['ename']}: catch it in the cell and print it"
        if output.get("name") == "stderr":
            yield f"stores a warning ({joined(output['text']).strip().splitlines()[0][:80]}): cure its cause"
        if ADDRESS.search(joined(data.get("text/plain", "")) + joined(output.get("text", ""))):
            yield "stores a memory address: assign the result of the last line to a name, such as `_`"
        if "image/png" in data and "text/html" not in data:
            said = cell["metadata"].get("mystnb", {})
            alt = said.get("image", {}).get("alt", "")
            if len(alt) < ALT or re.fullmatch(r"\S+", alt):
                yield f"shows a picture without a description: write one ({ALT} characters or more) in mystnb.image.alt"
            if not said.get("figure", {}).get("caption", "").strip():
                yield "shows a picture without a caption: say what it shows in mystnb.figure.caption"


def faults(path, url):
    """What is wrong with one notebook."""
    if path.stat().st_size > LIMIT:
        yield f"is larger than {LIMIT / 1e6:g} MB: print less, or draw smaller pictures"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if "version" in notebook.get("metadata", {}).get("language_info", {}):
        yield "says with which Python it was run: run `make execute`"
    cells = notebook["cells"]
    first = cells[0] if cells else {}
    if first.get("id") != CELL_ID:
        yield "does not begin with the Colab cell: run `make execute`"
    elif joined(first["source"]) != colab_cell(url) or first["metadata"].get("tags") != ["remove-cell"]:
        yield "begins with an outdated Colab cell: run `make execute`"
    ordered = True
    code = [(number, cell) for number, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    for count, (number, cell) in enumerate(code, 1):
        tags = cell["metadata"].get("tags", [])
        if MARKER.search(joined(cell["source"])) or any(re.match("nbval|pytest-validate", tag) for tag in tags):
            yield f"cell {number} is kept out of the comparison: remove the NBVAL marker"
        if ordered and cell["execution_count"] is None:
            yield f"cell {number} has not been run: run `make execute`"
        elif ordered and cell["execution_count"] != count:
            yield f"cell {number} was run out of order ([{cell['execution_count']}], not [{count}]): run `make execute`"
        ordered = ordered and cell["execution_count"] == count  # one cell says it for those after it
        for fault in output_faults(cell):
            yield f"cell {number} {fault}"


def main(paths):
    url = read_url()
    found = []
    if not paths:
        paths, named = sorted((ROOT / "chapters").rglob("*.ipynb")), chapters()
        paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
        found = [f"{path}: is not named in _toc.yml" for path in paths if path not in named]
    for path in paths:
        this = f"`make execute CHAPTER={chapter_name(path)}`"
        found += [f"{path}: {fault}".replace("`make execute`", this) for fault in faults(path, url)]
    for fault in found:
        print(fault.replace(f"{ROOT}/", "") + ".")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
