"""The tools that make stored outputs a reference: they must catch what they are for, and leave alone the rest."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys

import check_notebooks
import nbformat
import pytest
from conftest import ROOT
from last_digit import settle
from PIL import Image
from repository import colab_cell

ALT = "A straight line that rises from left to right."
SAID = {"image": {"alt": ALT}, "figure": {"name": "fig-line", "caption": "A line."}}
CELLS = {
    "numbers": "import numpy as np\n\nprint('first')\nprint(f'{np.sqrt(2):.6f}')\nnp.arange(6.0).reshape(2, 3)",
    "figure": "import matplotlib.pyplot as plt\n\nfigure, ax = plt.subplots()\n_ = ax.plot([0, 1], [0.25, 1])",
    "explorable": "from book_utils.explorables import collinear\n\ncollinear()",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small book beside the real one: the same tools, one chapter with numbers, a figure and an explorable."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "sanitize.cfg", root / "tests")
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "_toc.yml").write_text("root: index\nchapters:\n- file: chapters/part/one\n- file: chapters/part/broken\n")
    folder = root / "chapters" / "part"
    folder.mkdir(parents=True)
    cells = [nbformat.v4.new_markdown_cell("# One", id="title")]
    cells += [nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()]
    cells[2].metadata.update(tags=["hide-input"], mystnb=SAID)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "one.ipynb")
    broken = [nbformat.v4.new_code_cell(s) for s in ("x = 1", "y = x\ny / 0\n", "print('never reached')")]
    nbformat.write(nbformat.v4.new_notebook(cells=broken), folder / "broken.ipynb")
    return root


def call(project, tool, *arguments, **variables):
    command = [sys.executable, str(project / "tools" / f"{tool}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, cwd=project)


@pytest.fixture(scope="module")
def executed(project):
    """The path of the small book's chapter, with its outputs."""
    done = call(project, "execute", "part/one")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"part/one: \d+\.\d s\n", done.stdout)
    return project / "chapters" / "part" / "one.ipynb"


def test_an_unchanged_chapter_stays_byte_identical_whatever_touched_its_metadata(project, executed):
    first = executed.read_bytes()
    notebook = nbformat.reads(first.decode(), as_version=4)
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    notebook.metadata["language_info"]["version"] = "3.0.0"
    notebook.metadata["kernelspec"]["display_name"] = "my own"
    notebook.cells[2].metadata["execution"] = {"iopub.execute_input": "2001-01-01T00:00:00Z"}
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count, cell.outputs = 40 - number, []
    nbformat.write(notebook, executed)
    assert executed.read_bytes() != first
    again = call(project, "execute", "part/one", MPLBACKEND="agg", PYTHONWARNINGS="error", OMP_NUM_THREADS="2")
    assert again.returncode == 0, again.stdout + again.stderr
    assert executed.read_bytes() == first


def test_an_executed_chapter_holds_results_and_nothing_else(executed):
    notebook = nbformat.read(executed, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    colab, numbers, figure, explorable = code
    assert colab.source == colab_cell(None) or "git+https" in colab.source
    assert colab.outputs == []
    assert [output.output_type for output in numbers.outputs] == ["stream", "execute_result"]
    assert numbers.outputs[0].text == "first\n1.414214\n"
    assert figure.metadata == {"tags": ["hide-input"], "mystnb": SAID}
    picture = Image.open(io.BytesIO(base64.b64decode(figure.outputs[0].data["image/png"])))
    assert picture.mode == "P" and len(picture.getcolors()) <= 128
    assert explorable.outputs[0].data["text/html"].startswith("<pnd-collinear-")
    assert "widgets" not in notebook.metadata and "version" not in notebook.metadata.language_info


def test_a_failing_chapter_is_left_as_it_was_and_the_cell_is_named(project):
    path = project / "chapters" / "part" / "broken.ipynb"
    before = path.read_bytes()
    done = call(project, "execute", "part/broken")
    assert done.returncode == 1
    assert path.read_bytes() == before
    assert "cell 3:\n    y = x\n    y / 0\n  ZeroDivisionError: division by zero" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_chapter_whose_writing_is_cut_short_is_left_as_it_was(project, executed):
    """No file may grow beyond the half of what is to be written, as on a full disk."""
    resource = pytest.importorskip("resource")
    first = executed.read_bytes()
    changed = first.replace(b'"execution_count": 2', b'"execution_count": 22')
    executed.write_bytes(changed)
    limit = (len(first) // 2,) * 2
    command = [sys.executable, str(project / "tools" / "execute.py"), "part/one"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    found = executed.read_bytes()
    executed.write_bytes(first)
    for part in executed.parent.glob("*.part"):
        part.unlink()
    assert done.returncode == 1 and "File too large" in done.stderr
    assert found == changed != first


def test_an_unknown_chapter_is_refused_with_the_names_of_those_that_exist(project):
    done = call(project, "execute", "part/two")
    assert done.returncode == 1
    assert done.stderr == "_toc.yml names no notebook 'part/two'; it names part/one, part/broken.\n"


def other_picture(match):
    """The same base64 length, another picture."""
    return match[0][:-40] + "A" * 40


HARMLESS = {
    "nothing": lambda text: text,
    "a_last_digit": lambda text: text.replace("1.414214", "1.414215"),
    "a_picture": lambda text: re.sub(r"data:image/png;base64,[\w+/]{200,}", other_picture, text),
}
CHANGES = {
    "a_printed_number": lambda text: text.replace("1.414214", "1.414216"),
    "a_number_in_a_table": lambda text: text.replace("[3., 4., 5.]", "[3., 4., 6.]"),
    "a_number_inside_an_explorable": lambda text: text.replace("&quot;y1&quot;: 0.9", "&quot;y1&quot;: 0.8"),
}


@pytest.mark.parametrize("new, old", [
    ("1.41 ± 0.03", "1.40 ± 0.02"), ("94 ± 0 %", "93 ± 1 %"), ("-0.00", " 0.00"), ("9.9 to 1", "10.0 to 1"),
    ("−0.1", "0.0"), ("62%", "61%"), ("1.3e-05", "1.2e-05"), ("[0.5, -1.0]", "[0.4, -1.1]"),
])
def test_a_last_digit_may_differ_by_one(new, old):
    assert settle(new, old) == old
    assert settle(old, new) == new


@pytest.mark.parametrize("new, old", [
    ("1.41", "1.39"), ("-0.1", "0.1"), ("9 of 10", "8 of 10"), ("10 %", "100 %"), ("61 %", "63 %"),
    ("1.3e-05", "1.3e-06"), ("0.5 nats", "0.5 bits"), ("1.25", "11.25"), ("0.50", "0.5"),
    ("n = 4, 0.5", "n = 5, 0.5"), ("0.1 0.2", "0.1"),
    ("12.5 %", "13.5 %"), ("2.13.0", "2.14.0"), ("+1.4", "1.4"), ("−0.5", "-0.5"), ("by  1.0", "by 1.0"),
])
def test_more_than_a_last_digit_or_anything_else_may_not(new, old):
    assert settle(new, old) == new
    assert settle(old, new) == old


def compare_altered(project, executed, changes):
    """Compare copies of the chapter, one for each change, in one run."""
    text, copies = executed.read_text(), []
    for name, alter in changes.items():
        altered = alter(text)
        assert (altered != text) == (name != "nothing"), f"{name} changes nothing: this test tests nothing"
        copies.append(executed.with_name(f"{name}.ipynb"))
        copies[-1].write_text(altered)
    done = call(project, "compare", *copies)
    for copy in copies:
        copy.unlink()
    return done


def test_comparison_passes_what_is_no_result(project, executed):
    done = compare_altered(project, executed, HARMLESS)
    assert done.returncode == 0, done.stdout


def test_comparison_fails_where_a_stored_output_was_changed_by_hand(project, executed):
    done = compare_altered(project, executed, CHANGES)
    assert done.returncode == 1, done.stdout
    assert sorted(re.findall(r"^FAILED \S*/(\w+)\.ipynb::", done.stdout, flags=re.M)) == sorted(CHANGES)  # a cell each
    assert "Cell outputs differ" in done.stdout


def tiny():
    """A notebook without a fault: the Colab cell, a title, a cell with a described picture."""
    output = {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}, "metadata": {}}
    picture = {"cell_type": "code", "execution_count": 2, "source": "plot()", "outputs": [output],
               "metadata": {"mystnb": SAID}}
    colab = {"cell_type": "code", "id": "colab", "execution_count": 1, "source": colab_cell(None).splitlines(True),
             "metadata": {"tags": ["remove-cell"]}, "outputs": []}
    return [colab, {"cell_type": "markdown", "source": "# Title", "metadata": {}}, picture]


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": [text]}


def alter(cell, **values):
    return lambda cells: cells[cell].update(values)


def result(text):
    return {"output_type": "execute_result", "execution_count": 2, "metadata": {}, "data": {"text/plain": text}}


FAULTS = {
    "has not been run": alter(2, execution_count=None),
    "was run out of order ([7], not [2])": alter(2, execution_count=7),
    "stores a result of another run ([2])": lambda cells: cells[2].update(execution_count=3, outputs=[result("1")]),
    "stores an error, ValueError": alter(
        2, outputs=[{"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}]),
    "stores a warning (a.py:1: UserWarning": alter(2, outputs=[stream("stderr", "a.py:1: UserWarning\n")]),
    "stores a memory address": alter(2, outputs=[result("[<matplotlib.lines.Line2D at 0x7f00aabbcc>]")]),
    "shows a picture without a description": alter(2, metadata={}),
    "without a description: write": alter(2, metadata={"mystnb": {"image": {"alt": "A line."}}}),
    "a picture without": alter(2, metadata={"mystnb": {"image": {"alt": "_images/0123456789abcdef01234567.png"}}}),
    "without a caption": alter(2, metadata={"mystnb": SAID | {"figure": {"name": "fig", "caption": " "}}}),
    "is kept out of the comparison": alter(2, source="# NBVAL_SKIP\nplot()"),
    "kept out of the comparison": alter(2, source=["x = 1\n", "  #NBVAL_IGNORE_OUTPUT\n", "plot()"]),
    "is kept out of": alter(2, metadata={"mystnb": SAID, "tags": ["nbval-ignore-output"]}),
    "is larger than 1.05 MB": alter(1, source="x" * 1_050_001),
    "does not begin with the Colab cell": lambda cells: cells.insert(0, cells.pop(1)),
    "begins with an outdated Colab cell": alter(0, source="import sys"),
    "begins with an outdated": alter(0, metadata={}),
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_each_fault_is_one_sentence(tmp_path, sentence):
    cells = tiny()
    FAULTS[sentence](cells)
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert sentence in " | ".join(check_notebooks.faults(path, None))


def test_the_first_cell_out_of_order_says_it_for_those_after_it(tmp_path):
    cells = tiny()
    cells += [cells[2] | {"execution_count": number} for number in (None, 3, 4)]
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert list(check_notebooks.faults(path, None)) == ["cell 4 has not been run: run `make execute`"]


def test_a_notebook_that_names_its_python_is_a_fault(tmp_path):
    path = tmp_path / "tiny.ipynb"
    metadata = {"language_info": {"name": "python", "version": "3.11.7"}}
    path.write_text(json.dumps({"cells": tiny(), "metadata": metadata}))
    assert list(check_notebooks.faults(path, None)) == ["says with which Python it was run: run `make execute`"]


def test_a_notebook_without_faults_passes_and_a_foreign_address_does_not(tmp_path):
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps({"cells": tiny()}))
    assert list(check_notebooks.faults(path, None)) == []
    assert list(check_notebooks.faults(path, "https://github.com/ada/penalties")) != []


def test_a_notebook_outside_the_table_of_contents_is_a_fault(project, executed):
    shutil.copy(executed, executed.with_name("forgotten.ipynb"))
    (executed.with_name("broken.ipynb")).rename(project / "broken.ipynb")
    done = call(project, "check_notebooks")
    assert done.returncode == 1
    assert done.stdout == "chapters/part/forgotten.ipynb: is not named in _toc.yml.\n"
    executed.with_name("forgotten.ipynb").unlink()
    assert call(project, "check_notebooks").returncode == 0
