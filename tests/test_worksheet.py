"""The worksheets: no solution is left in them, all else is the chapter's, and they run from top to bottom."""

import ast
import json
import re
import subprocess
import sys

import nbformat
import pytest
import worksheet
from conftest import ROOT
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from project import CELL_TIMEOUT, chapter_name, chapters, kernel_environment

SHORT = "penalties/ridge", "penalties/pseudoinverse"  # to run
SOLUTION = re.compile(r":::\{dropdown\} .*?\n:::$", re.M | re.S)


@pytest.fixture(scope="module")
def worksheets(book, tmp_path_factory):
    """A folder with the worksheets of all chapters."""
    folder = tmp_path_factory.mktemp("worksheets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worksheet, "TARGET", folder)
        worksheet.main()
    return folder


def read(path):
    return nbformat.read(path, as_version=4)


def words(cells):
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def exercises(path):
    """The cells of a chapter from *Exercises* to the next heading of that size, as they are written."""
    cells = read(path).cells
    [begin] = [i for i, cell in enumerate(cells) if re.search(r"^## Exercises$", cell.source, re.M)]
    [end] = [i for i, cell in enumerate(cells) if re.match("## Check yourself$", cell.source)]
    return cells[begin:end]


def has_only_frames(source):
    """Whether code has imports, functions and classes alone, and nothing is done in them."""
    def empty(node):
        body = node.body[1:] if ast.get_docstring(node) else node.body
        if isinstance(node, ast.ClassDef) and any(isinstance(one, ast.FunctionDef) for one in body):
            return all(isinstance(one, ast.FunctionDef) and empty(one) for one in body)
        return [ast.unparse(one) for one in body] == ["..."]

    return all(isinstance(node, ast.Import | ast.ImportFrom)
               or isinstance(node, ast.FunctionDef | ast.ClassDef) and empty(node) for node in ast.parse(source).body)


@pytest.mark.parametrize("path", chapters(), ids=chapter_name)
def test_solutions_are_gone_and_all_else_is_there(worksheets, path):
    made, plain = read(worksheets / path.name), read(worksheet.NOTEBOOKS / path.relative_to(ROOT))
    nbformat.validate(made)
    asked = exercises(path)
    solved = {cell.id for cell in asked if cell.cell_type == "code" and "hide-cell" in cell.metadata.get("tags", ())}
    here = {cell.id: cell for cell in made.cells if cell.cell_type == "code"}
    model = [name for name in solved if name.endswith("-model")]
    assert len(model) == 1 and len(solved) >= 4
    for cell in plain.cells:
        if cell.cell_type == "code" and cell.id not in solved:
            assert here.pop(cell.id) == cell
    assert here.keys() == solved - set(model)
    for cell in here.values():
        assert cell.outputs == [] and not cell.metadata and cell.execution_count is None
        assert has_only_frames(cell.source) and "# your code" in cell.source
    answers = [cell for cell in made.cells if cell.source == "*Your answer*"]
    assert len(answers) == len(SOLUTION.findall(words(asked))) > 0
    folds = re.findall(r"<details>.*?</details>", words(plain.cells), re.S)
    text = words(made.cells)
    assert text.count("<details>") == len(folds) - len(answers)
    for fold in folds[len(folds) - len(answers):]:  # the exercises come last
        assert not any(line in text for line in fold.splitlines() if len(line) > 40)
    for cell in plain.cells:  # sentences of the questions
        if cell.cell_type == "markdown" and "<details>" not in cell.source and not cell.source.startswith("**Fig."):
            assert cell.source.split("\n\n")[-1].replace("../../../html/", "../html/") in text


def undefined(*paths):
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821,F822", "--output-format=concise"]
    return subprocess.run([*command, *paths], capture_output=True, text=True)


def test_no_cell_needs_what_a_solution_defined(worksheets, tmp_path):
    done = undefined(worksheets)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = read(worksheets / "ridge.ipynb").cells
    path = next(path for path in chapters() if path.stem == "ridge")
    [name] = [cell.id for cell in exercises(path) if "theirs = " in cell.source]
    at = next(i for i, cell in enumerate(cells) if cell.id == name)
    late = nbformat.v4.new_notebook(cells=[*cells[:at + 1], nbformat.v4.new_code_cell("print(theirs)")])
    nbformat.write(late, tmp_path / "late.ipynb")
    assert "`theirs`" in undefined(tmp_path / "late.ipynb").stdout


def test_what_is_left_of_code():
    source = '''\
import numpy as np
rates = np.linspace(0, 1)  # a thought
print(rates)

def fit(X, *, p=1e-5,
        seed=0):  # X (n, d)
    # a hint
    """Fit it.

    As ever.
    """
    return X * p

def half(x): return x / 2

class Model(list):
    """Of the data."""
    size = 3

    @property
    def mean(self):
        return sum(self) / self.size
'''
    assert worksheet.stub(source) == '''\
import numpy as np
# your code

def fit(X, *, p=1e-5,
        seed=0):  # X (n, d)
    """Fit it.

    As ever.
    """
    ...

def half(x):
    ...

class Model(list):
    """Of the data."""
    @property
    def mean(self):
        ...'''


def test_a_figure_that_is_a_solution_goes_with_its_caption_and_one_before_the_exercises_stays():
    def figure(name):
        where = {"tags": ["hide-cell"], "mystnb": {"figure": {"name": f"fig-{name}"}}}
        drawn = nbformat.v4.new_output("stream", text="drawn")
        return [nbformat.v4.new_code_cell("draw()", id=name, outputs=[drawn], metadata=where),
                nbformat.v4.new_markdown_cell(f"**Fig. 1.** {name}.", id=f"fig-{name}")]

    ask, notes = (nbformat.v4.new_markdown_cell(text, id=name) for name, text in (
        ("ask", "Text.\n\n## Exercises\n\n### Exercise 1\n\nDraw."), ("notes", "## Notes\n\n<details>…</details>")))
    made = worksheet.worksheet(json.loads(json.dumps([*figure("shown"), ask, *figure("solved"), notes])))
    assert [(cell["id"], "".join(cell["source"])) for cell in made] == [
        ("shown", "draw()"), ("fig-shown", "**Fig. 1.** shown."), ("ask", ask.source), ("solved", "# your code"),
        ("notes", notes.source)]
    assert made[0]["outputs"] and not made[3]["outputs"]


@pytest.mark.parametrize("name", SHORT)
def test_a_worksheet_runs_and_gives_what_the_chapter_gives(worksheets, tmp_path, name):
    made = read(worksheets / f"{name.split('/')[1]}.ipynb")
    before = [cell.get("outputs") for cell in made.cells]
    with kernel_environment() as environment:
        client = NotebookClient(made, kernel_name="python3", timeout=CELL_TIMEOUT, coalesce_streams=True,
                                extra_arguments=["--log-level=ERROR"], resources={"metadata": {"path": str(tmp_path)}})
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            pytest.fail(str(error))

    def printed(outputs):
        return [out.get("text") or out.get("data", {}).get("text/plain") for out in outputs or ()]

    assert list(map(printed, before)) == [printed(cell.get("outputs")) for cell in made.cells]
