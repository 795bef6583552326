"""What is written down more than once agrees: versions, what is imported and what is declared, keys in YAML."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from conftest import ROOT
from ruamel.yaml import YAML

import book_utils

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
DEPENDABOT = ROOT / ".github" / "dependabot.yml"
CITATION = ROOT / "CITATION.cff"
DISTRIBUTIONS = packages_distributions()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What a folder's code may import beside `dependencies`: the extras with which it is run.
EXTRAS = {"book_utils": ["torch", "mnist", "lab", "book"], "_ext": ["book", "print"],
          "tools": ["book", "print", "cards", "lab", "test"],
          "tests": PROJECT["optional-dependencies"], "benchmarks": PROJECT["optional-dependencies"]}


def imported(folder):
    """The distributions that the Python files of a folder import, wherever in the code."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                first, *rest = name.split(".")
                # Many packages share the first name `sphinxcontrib`.
                yield from [f"{first}-{rest[0]}"] if first == "sphinxcontrib" else DISTRIBUTIONS.get(first, [])


@pytest.mark.parametrize("folder", EXTRAS)
def test_what_is_imported_is_declared(folder):
    def plain(requirement):
        return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")

    extras = [PROJECT["optional-dependencies"][extra] for extra in EXTRAS[folder]]
    declared = {plain(one) for part in (PROJECT["dependencies"], *extras) for one in part} | {"book-utils"}
    assert {plain(name) for name in imported(folder)} - declared == set()


def test_version_and_date_are_those_of_the_newest_change():
    """A version that is not released has no date."""
    citation = YAML(typ="safe").load(CITATION)
    newest = re.search(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert newest.groups() == (book_utils.__version__, citation.get("date-released", "unreleased"))
    assert citation["version"] == book_utils.__version__


@pytest.mark.parametrize("schema, paths", [("github-workflows", WORKFLOWS), ("dependabot", [DEPENDABOT]),
                                           ("citation-file-format", [CITATION])])
def test_what_others_read_follows_their_schema(schema, paths):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [*ROOT.glob("*.yml"), CITATION, DEPENDABOT, *WORKFLOWS], ids=lambda path: path.name)
def test_no_key_is_written_twice(path):
    YAML(typ="safe").load(path)  # raises DuplicateKeyError, where PyYAML takes the last one and says nothing
