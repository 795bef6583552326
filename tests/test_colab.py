"""The Colab door: a notebook alone, in an environment that has Colab's packages and not the book's.

Nothing here talks to GitHub: `git` is told that the book's address is a folder on this disk, which holds what is on
disk now, committed or not. The notebooks tried are the first of each part; their numbers need not be Colab's.
"""

import json
import os
import re
import shutil
import subprocess
import threading
import venv
from pathlib import Path

import nbformat
import pytest
import repository
import yaml
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from project import CELL_TIMEOUT

ROOT = Path(__file__).resolve().parents[1]
URL = "https://github.com/ada/penalties"
# What Colab has, and older than what the stored outputs were made with: so this tests the lower bounds, too.
COLAB = ["numpy==2.0.2", "scipy==1.16.3", "matplotlib==3.10.0", "scikit-learn==1.6.1", "tqdm==4.67.1",
         "mlxtend==0.23.4", "ipywidgets==7.7.1", "ipykernel"]
STARTUP = 'import sys, types\nsys.modules["google.colab"] = types.ModuleType("google.colab")\n'


def first_chapters():
    """The first notebook of each part."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    named = [[ROOT / f"{entry['file']}.ipynb" for entry in part["chapters"]] for part in parts]
    return [path for paths in named for path in [p for p in paths if p.exists()][:1]]


CHAPTERS = first_chapters()


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def packages(python):
    """What is installed, as {name: version}."""
    listed = json.loads(run(python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"))
    return {package["name"].replace("_", "-"): package["version"] for package in listed}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What is on disk, as a bare repository that has its address set: what GitHub would serve."""
    github = tmp_path_factory.mktemp("github")
    tree, bare = github / "tree", github / "penalties.git"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "_build"))
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
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    needs_torch = any(re.search(r"\btorch\b", path.read_text(encoding="utf-8")) for path in CHAPTERS)
    wanted = COLAB + ["torch==2.13.0"] * needs_torch
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        message = f"Colab's packages cannot be installed here: {done.stderr.strip().splitlines()[-1]}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return python, packages(python)


def open_in_colab(python, notebook, folder, redirect=None):
    """Run all cells of `notebook` as Colab would: in `folder`, with `google.colab` loaded."""
    home, work = folder / "home", folder / "work"
    for path in (home / "profile_default" / "startup", home / "kernels" / "colab", work):
        path.mkdir(parents=True)
    (home / "profile_default" / "startup" / "colab.py").write_text(STARTUP)
    environment = {"IPYTHONDIR": str(home), "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                   "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if redirect:
        environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{redirect.as_uri()}.insteadOf",
                        "GIT_CONFIG_VALUE_0": URL}
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


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_alone_runs_in_colab_and_changes_none_of_its_packages(path, published, colab, tmp_path):
    python, before = colab
    assert "book-utils" not in before
    show = ["show", f"main:{path.relative_to(ROOT).as_posix()}"]
    notebook = nbformat.reads(run("git", "-C", published, *show), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import book_utils\n\nprint(book_utils.__file__)"))
    try:
        problem = open_in_colab(python, notebook, tmp_path, redirect=published)
        after = packages(python)
    finally:
        run(python, "-m", "pip", "uninstall", "--yes", "--quiet", "book-utils")
    assert problem is None, problem
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = "".join(output.text for output in code[0].outputs).strip().splitlines()
    assert re.fullmatch(r"Successfully installed book[-_]utils-[\d.]+", shown[-1]), shown
    assert [line for line in shown[:-1] if "git clone" not in line] == []
    assert "site-packages" in code[-1].outputs[0].text
    assert {name: version for name, version in after.items() if name != "book-utils"} == before
    assert "book-utils" in after


def test_without_an_address_the_notebook_stops_at_one_sentence(colab, tmp_path):
    python, _ = colab
    sources = [repository.colab_cell(None), "print('not reached')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    problem = open_in_colab(python, notebook, tmp_path)
    assert problem.ename == "ImportError"
    assert problem.evalue == "Set this book's address: run `make repository URL=https://github.com/YOU/FORK`."
    assert notebook.cells[1].outputs == []
