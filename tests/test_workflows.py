"""The workflows: actions pinned to a commit, no more rights than they need, and published is what passed the tests."""

import importlib
import re

import pytest
import yaml
from conftest import ROOT

PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in PATHS}  # YAML reads `on` as true
# {(workflow, job): what it says}
JOBS = {(name, job): said for name, workflow in WORKFLOWS.items() for job, said in workflow["jobs"].items()}
TEST, REPORT = "./.github/workflows/test.yml", "./.github/workflows/report.yml"
# Every job that may write, and what.
WRITES = {("book", "publish"): {"pages": "write", "id-token": "write"},
          ("book", "notebooks"): {"contents": "write"},
          ("release", "release"): {"contents": "write"},
          ("links", "report"): {"issues": "write"},
          ("colab", "report"): {"issues": "write"},
          ("report", "report"): {"issues": "write"}}


def steps(name):
    return JOBS[name].get("steps", [])


def uses(name, action):
    return any(step.get("uses", "").startswith(f"{action}@") for step in steps(name))


def runs(name, command):
    return any(command in step.get("run", "") for step in steps(name))


def test_actions_are_pinned_and_end_in_time():
    used = [action for path in PATHS for action in re.findall(r"uses: (.*)", path.read_text())]
    pinned = [one for one in used if re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", one)]
    assert pinned and set(used) - set(pinned) == {TEST, REPORT}
    assert len(set(pinned)) == len({one.split("@")[0] for one in pinned})  # one version of each
    assert [name for name, job in JOBS.items() if "timeout-minutes" not in job and "uses" not in job] == []


def test_only_the_jobs_that_publish_or_report_may_write():
    """Each only what it must; those that may write check no code out and set nothing up."""
    assert all(workflow["permissions"] in ({}, {"contents": "read"}) for workflow in WORKFLOWS.values())
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == WRITES
    for name in WRITES:
        assert JOBS[name].get("uses") == REPORT or steps(name)
        for step in steps(name):
            assert "run" in step or re.match("actions/(deploy-pages|download-artifact)@", step["uses"])
            assert not re.search(r"python|pip|make|bash|\./[^*]", step.get("run", ""))
    assert [name for name in JOBS if uses(name, "actions/checkout")
            for step in steps(name) if step.get("uses", "").startswith("actions/checkout@")
            and step["with"]["persist-credentials"] is not False] == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_no_command_holds_what_somebody_else_wrote(path):
    assert [step["run"] for job in yaml.safe_load(path.read_text())["jobs"].values()
            for step in job.get("steps", []) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("workflow, result, command", [("links", "broken", "tools/links.py"),
                                                       ("colab", "failed", "tests/test_colab.py")])
def test_what_is_looked_at_every_week_opens_an_issue(workflow, result, command):
    [when] = WORKFLOWS[workflow][True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"])
    assert runs((workflow, "check"), command) and runs((workflow, "check"), f'{result}<<$end')
    report = JOBS[workflow, "report"]
    assert report["needs"] == "check" and report["uses"] == REPORT
    assert report["with"]["body"] == f"${{{{ needs.check.outputs.{result} }}}}" and report["with"]["title"]
    [step] = steps(("report", "report"))
    assert "gh issue create" in step["run"] and "gh issue comment" in step["run"]
    assert JOBS["report", "report"]["env"]["BODY"] == "${{ inputs.body }}"


def test_every_python_that_the_book_promises_runs_all_checks():
    promised = re.search(r'requires-python = ">=(3\.\d+)"', (ROOT / "pyproject.toml").read_text())[1]
    matrix = JOBS["test", "test"]["strategy"]["matrix"]["python"]
    assert matrix == [promised, "3.12", "3.13"]
    assert all(isinstance(one, str) for one in matrix)  # a number would be 3.1 for 3.10
    [checks] = [step for step in steps(("test", "test")) if step.get("run") == "bash .ci/run"]
    assert "if" not in checks
    [python] = [step for step in steps(("test", "test")) if "setup-python@" in step.get("uses", "")]
    assert python["with"]["python-version"] == "${{ matrix.python }}"
    for workflow in ("book", "release"):
        assert JOBS[workflow, "test"] == {"uses": TEST}


def handed_over(action):
    """The step that hands something over, which comes after all checks, and is done by one of the Pythons."""
    said = steps(("test", "test"))
    [checks] = [i for i, step in enumerate(said) if step.get("run") == "bash .ci/run"]
    [upload] = [i for i, step in enumerate(said) if step.get("uses", "").startswith(f"{action}@")]
    assert upload > checks and said[upload]["if"] == "github.ref == 'refs/heads/main' && matrix.python == '3.11'"
    return said[upload]["with"]


def test_what_is_published_is_the_book_that_passed_on_main():
    """One job deploys, after all checks on every Python, what they built."""
    [name] = [name for name in JOBS if uses(name, "actions/deploy-pages")]
    assert name == ("book", "publish") and JOBS[name]["needs"] == "test"
    assert JOBS[name]["if"] == "github.ref == 'refs/heads/main'"
    assert handed_over("actions/upload-pages-artifact") == {"path": "_build/html"}
    assert [other for other in JOBS if uses(other, "actions/upload-pages-artifact")] == [("test", "test")]


def test_the_notebooks_that_colab_opens_are_those_that_passed_on_main(monkeypatch):
    """One job pushes what the job with all checks has built, to the branch that the Colab button names."""
    monkeypatch.syspath_prepend(ROOT / "_ext")
    branch = importlib.import_module("plain").BRANCH
    [name] = [name for name in JOBS if runs(name, "git push")]
    assert name == ("book", "notebooks") and JOBS[name]["needs"] == "test"
    assert JOBS[name]["if"] == "github.ref == 'refs/heads/main'"
    assert handed_over("actions/upload-artifact") == {"name": "notebooks", "path": "_build/notebooks"}
    get, push = steps(name)
    assert "actions/download-artifact@" in get["uses"] and get["with"] == {"name": "notebooks"}
    assert f"--initial-branch={branch}" in push["run"] and push["run"].endswith(f'"$REMOTE" {branch}\n')


def test_a_release_is_made_of_a_tag_that_passed():
    assert WORKFLOWS["release"][True] == {"push": {"tags": ["v*"]}}
    assert WORKFLOWS["book"][True]["push"] == {"branches": ["**"]}  # so that a tag is tested once
    names = [name for name in JOBS if runs(name, "gh release")]
    assert names == [("release", "release")] and JOBS[names[0]]["needs"] == ["test", "archive"]
    said = steps(("release", "archive"))
    make = said.index({"run": "make archive"})
    assert 'if-no-files-found' in said[make + 1]["with"] and said[make + 1]["with"]["path"] == "_build/archive"
    assert "$GITHUB_REF_NAME" in said[make - 1]["run"]  # the tag is the version
    get, check, create = steps(names[0])
    assert get["with"] == {"name": said[make + 1]["with"]["name"]}
    assert check == {"run": "sha256sum --check SHA256SUMS"} and "CHANGES.md" in create["run"]
