"""What was stopped half-way: the next set-up and the next build make it whole."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

# A book of one page with the extension; on request its build is killed where Sphinx has written all pages, but no
# style sheet and no script yet.
CONF = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "_ext")!r})
extensions = ["unfinished"]
def kill(app):
    os._exit(137)
def setup(app):
    if "KILL" in os.environ:
        app.connect("html-collect-pages", kill)
"""


@pytest.fixture
def build(tmp_path):
    """A function that builds the small book as `make book` does, and returns the exit status and what was said."""
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.rst").write_text("Title\n=====\n\nText.\n")

    def build(**variables):
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", "out/.doctrees", ".", "out/html"]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True)
        return done.returncode, done.stderr

    return build


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_killed_build_is_made_whole_by_the_next(build, tmp_path):
    assert build() == (0, "")
    whole = files(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    assert build(KILL="1")[0] == 137
    page = tmp_path / "out" / "html" / "index.html"
    page.write_text(page.read_text()[:100])  # as if killed while it was written
    assert files(tmp_path / "out") != whole
    assert build() == (0, "")
    assert files(tmp_path / "out") == whole
    assert page.read_text().rstrip().endswith("</html>")
    stamp = page.stat().st_mtime_ns
    assert build() == (0, "") and page.stat().st_mtime_ns == stamp  # nothing to do


def test_a_warning_is_said_until_it_is_cured(build, tmp_path):
    page = tmp_path / "index.rst"
    page.write_text("Title\n=====\n\n:ref:`nowhere`\n")
    for _ in range(2):
        status, said = build()
        assert status != 0 and "undefined label: 'nowhere'" in said
    page.write_text("Title\n=====\n\nText.\n")
    assert build() == (0, "")


# In place of Python and pip, so that the set-up takes no time: `python -m venv` lays down a pip that notes its calls.
PYTHON = """#!/bin/sh
[ "$1" = -m ] || exit 0
[ "$*" = "-m venv --clear .venv" ] || exit 2
rm -rf .venv
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "$@" >> calls\\n' > .venv/bin/pip
chmod +x .venv/bin/pip
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="There is no make here, and the README sets up without it.")
@pytest.mark.parametrize("stamp", ["book", "print", "test"])
@pytest.mark.parametrize("found", ["nothing", "a folder without pip", "a package without RECORD"])
def test_a_stopped_set_up_is_made_whole_by_the_next(tmp_path, found, stamp):
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python, packages = tmp_path / "python", tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    python.write_text(PYTHON)
    python.chmod(0o755)
    half, whole = packages / "half-1.0.dist-info", packages / "whole-1.0.dist-info"
    if found != "nothing":
        half.mkdir(parents=True)
        whole.mkdir()
        (half / "METADATA").touch()
        (whole / "RECORD").touch()
    if found == "a package without RECORD":
        (tmp_path / ".venv" / "bin").mkdir()
        shutil.copy(shutil.which("true"), tmp_path / ".venv" / "bin" / "pip")
    command = ["make", "--silent", f"PYTHON={python}", f".venv/{stamp}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / ".venv" / stamp).exists() and not half.exists()
    assert whole.exists() == (found == "a package without RECORD")  # what is whole is not installed again
    assert (tmp_path / "calls").exists() != whole.exists()
