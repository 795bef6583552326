"""The Colab door: a notebook alone, in an environment that has Colab's packages and not the book's.

Nothing here talks to GitHub: `git` is told that the book's address is a folder on this disk, which holds what is on
disk now, committed or not. One long notebook is run there, its numbers need not be Colab's; of all the others, what
they import and call is looked up.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import venv
from pathlib import Path

import nbformat
import pytest
import repository
from conftest import ROOT
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from project import CELL_TIMEOUT, chapter_name, chapters

URL = "https://github.com/ada/penalties"
# What Colab has. A lower bound of the package above one of these would make the first cell change it.
COLAB = ["numpy==2.0.2", "scipy==1.16.3", "matplotlib==3.10.0", "scikit-learn==1.6.1", "tqdm==4.67.1", "pooch==1.8.2",
         "mlxtend==0.23.4", "ipywidgets==7.7.1", "ipykernel", "torch==2.13.0"]
STARTUP = 'import sys, types\nsys.modules["google.colab"] = types.ModuleType("google.colab")\n'
# The chapter that uses most of what the libraries offer.
LONG = ROOT / "chapters/doubt/mc-dropout.ipynb"
FREEZE = os.environ.get("COLAB_FREEZE")
ACCEPTS = """\
import inspect

def accepts(function, *keywords):
    try:
        known = inspect.signature(function).parameters.values()
    except ValueError:  # written in C, without a signature
        return
    names = {one.name for one in known}
    assert any(one.kind is one.VAR_KEYWORD for one in known) or names.issuperset(keywords), (function, keywords)"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def packages(python):
    """What is installed, as {name: version}."""
    listed = json.loads(run(python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"))
    return {package["name"].replace("_", "-"): package["version"] for package in listed}


def renewed(requirements, freeze):
    """The requirements in the versions of a list by `pip freeze`, which names some packages by their address."""
    found = re.findall(r"^([\w.-]+)(?:==| @ \S+/\1-)(\d+(?:\.\d+|\.?[a-z]+\d+)*)", freeze, re.M)
    versions = {name.lower().replace("_", "-"): version for name, version in found}
    return [f"{name}=={versions[name]}" if pinned else name
            for name, pinned, _ in (one.partition("==") for one in requirements)]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What is on disk, as a bare repository that has its address set: what GitHub would serve."""
    github = tmp_path_factory.mktemp("github")
    tree, bare = github / "tree", github / "penalties.git"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache",
                                                                       ".hypothesis"))
    repository.main(URL, tree)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    run("git", "init", "--quiet", "--initial-branch=main", tree)
    run("git", "-C", tree, "add", ".")
    run("git", "-C", tree, *identity, "commit", "--quiet", "--no-verify", "-m", "published")
    run("git", "clone", "--quiet", "--bare", tree, bare)
    run("git", "-C", bare, "config", "uploadpack.allowFilter", "true")  # as GitHub does
    return bare


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """A Python with Colab's packages, and what it has."""
    if sys.version_info >= (3, 13):
        pytest.skip("Colab has Python 3.12, and its NumPy has no wheels for a newer one")
    wanted = renewed(COLAB, Path(FREEZE).read_text(encoding="utf-8")) if FREEZE else COLAB
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check",
               "--only-binary=:all:", *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        message = f"Colab's packages cannot be installed here: {done.stderr.strip().splitlines()[-1]}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return python, packages(python)


def open_in_colab(python, notebook, folder, github):
    """Run all cells of `notebook` as Colab would, with the repository `github` at the book's address.

    Returns the error that stopped it, or None.
    """
    home, work = folder / "home", folder / "work"
    for path in (home / "profile_default" / "startup", home / "kernels" / "colab", work):
        path.mkdir(parents=True)
    (home / "profile_default" / "startup" / "colab.py").write_text(STARTUP)
    environment = {"IPYTHONDIR": str(home), "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                   "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GIT_CONFIG_COUNT": "1",
                   "GIT_CONFIG_KEY_0": f"url.{github.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": URL}
    spec = {"argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Colab",
            "language": "python", "env": environment}
    (home / "kernels" / "colab" / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(home / "kernels")], ensure_native_kernel=False)
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="colab", kernel_spec_manager=specs),
        timeout=CELL_TIMEOUT + 60,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(work)}},
    )
    problem = []

    def execute():  # in a thread of its own: a browser fixture may have left an event loop in this one
        try:
            client.execute()
        except CellExecutionError as error:
            problem.append(error)

    thread = threading.Thread(target=execute)
    thread.start()
    thread.join()
    return problem[0] if problem else None


@pytest.fixture(scope="module")
def first_cell(published, colab, tmp_path_factory):
    """The first cell of every notebook, and where the package then comes from: the notebook as Colab leaves it."""
    sources = [repository.colab_cell(URL), "import book_utils\n\nprint(book_utils.__file__)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    problem = open_in_colab(colab[0], notebook, tmp_path_factory.mktemp("first"), published)
    assert problem is None, problem
    return notebook


def test_the_first_cell_installs_the_book_and_changes_no_package(first_cell, colab):
    python, before = colab
    shown = "".join(output.text for output in first_cell.cells[0].outputs).strip().splitlines()
    assert re.fullmatch(r"Successfully installed book[-_]utils-[\d.]+", shown[-1]), shown
    assert [line for line in shown[:-1] if "git clone" not in line] == []
    assert "site-packages" in first_cell.cells[1].outputs[0].text
    after = packages(python)
    assert after.keys() - before.keys() == {"book-utils"}
    assert {name: version for name, version in after.items() if name != "book-utils"} == before


@pytest.mark.parametrize("path", chapters() if FREEZE else [LONG], ids=chapter_name)
def test_a_notebook_alone_runs_in_colab(published, colab, first_cell, tmp_path, path):
    show = ["show", f"main:{path.relative_to(ROOT).as_posix()}"]
    notebook = nbformat.reads(run("git", "-C", published, *show), as_version=4)
    assert notebook.cells[0].source == first_cell.cells[0].source
    problem = open_in_colab(colab[0], notebook, tmp_path, published)
    assert problem is None, problem


def looked_up(path):
    """Code that imports what a chapter imports, and looks up the names and the keywords that it uses of it."""
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells[1:] if cell.cell_type == "code"]
    nodes = list(ast.walk(ast.parse("\n".join(sources))))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {(name.asname or name.name).split(".")[0] for node in imports for name in node.names}
    roots -= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def is_theirs(node):
        return re.fullmatch(r"\w+(\.\w+)*", ast.unparse(node)) and ast.unparse(node).split(".")[0] in roots

    lines = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and is_theirs(node)}
    for node in nodes:
        if isinstance(node, ast.Call) and is_theirs(node.func):
            keywords = [repr(one.arg) for one in node.keywords if one.arg]
            lines.add(f"accepts({', '.join([ast.unparse(node.func), *keywords])})")
    return "\n".join([*map(ast.unparse, imports), *sorted(lines)])


def test_colab_has_what_the_chapters_import_and_call(published, colab, first_cell, tmp_path):
    sources = [first_cell.cells[0].source, ACCEPTS, *map(looked_up, chapters())]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    problem = open_in_colab(colab[0], notebook, tmp_path, published)
    assert problem is None, problem


def test_versions_are_read_as_colab_lists_them():
    freeze = """\
# generated
numpy==2.1.3
scikit-learn==1.7.0rc1
torch @ https://download.example.org/whl/cu128/torch-2.9.1%2Bcu128-cp312-cp312-linux_x86_64.whl#sha256=83276f
torchvision==0.24.0+cu128
torch_geometric==1.0
ipykernel==6.17.1
tqdm==4.70.0.post1
"""
    assert renewed(["numpy==2.0.2", "scikit-learn==1.6.1", "ipykernel", "torch==2.13.0", "tqdm==4.67.1"], freeze) == [
        "numpy==2.1.3", "scikit-learn==1.7.0rc1", "ipykernel", "torch==2.9.1", "tqdm==4.70.0.post1"]
    with pytest.raises(KeyError, match="pooch"):
        renewed(["pooch==1.8.2"], freeze)
