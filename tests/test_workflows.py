"""The workflows: actions pinned to a commit, no more rights than they need, and published is what passed the tests."""

import importlib
import re

import yaml
from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# {(workflow, job): what it says}
JOBS = {(path.stem, name): job for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()}


def deploys(job):
    return any("actions/deploy-pages@" in step.get("uses", "") for step in job["steps"])


def test_actions_are_pinned_and_end_in_time():
    used = [action for path in WORKFLOWS for action in re.findall(r"uses: (.*)", path.read_text())]
    assert used and [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", one)] == []
    assert [name for name, job in JOBS.items() if "timeout-minutes" not in job] == []


def pushes(job):
    return any("git push" in step.get("run", "") for step in job["steps"])


def test_only_the_jobs_that_publish_or_report_may_write():
    """Each only what it must; those that may write check no code out, and the one that reports runs none."""
    assert all(yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"} for path in WORKFLOWS)
    for name, job in JOBS.items():
        rights = {"contents": "write"} if pushes(job) else None
        rights = {"pages": "write", "id-token": "write"} if deploys(job) else rights
        if name == ("links", "report"):
            rights = {"issues": "write"}
            assert [list(step) for step in job["steps"]] == [["run"]]
        assert job.get("permissions") == rights
        assert not rights or not any("checkout" in step.get("uses", "") for step in job["steps"])


def test_addresses_are_asked_every_week_and_an_issue_says_which_fail():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "links.yml").read_text())
    [when] = workflow[True]["schedule"]  # YAML reads `on` as true
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"])
    check, report = workflow["jobs"]["check"], workflow["jobs"]["report"]
    assert any("tools/links.py" in step.get("run", "") for step in check["steps"])
    assert report["needs"] == "check" and report["env"]["BROKEN"] == "${{ needs.check.outputs.broken }}"
    [step] = report["steps"]
    assert "gh issue create" in step["run"] and "gh issue comment" in step["run"]
    assert "${{" not in step["run"]  # what a page says is never part of a command


def test_what_is_published_is_the_book_that_passed_on_main():
    """One job deploys, after the job that runs all checks and then, as its next step, hands over what they built."""
    [(workflow, job)] = [(name[0], job) for name, job in JOBS.items() if deploys(job)]
    assert job["if"] == "github.ref == 'refs/heads/main'"
    steps = JOBS[workflow, job["needs"]]["steps"]
    [checks] = [i for i, step in enumerate(steps) if step.get("run") == "bash .ci/run"]
    assert "actions/upload-pages-artifact@" in steps[checks + 1]["uses"]
    uploads = [step for other in JOBS.values() for step in other["steps"] if "upload-pages" in step.get("uses", "")]
    assert len(uploads) == 1 and uploads[0]["with"]["path"] == "_build/html"


def test_the_notebooks_that_colab_opens_are_those_that_passed_on_main(monkeypatch):
    """One job pushes what the job with all checks has built, to the branch that the Colab button names."""
    monkeypatch.syspath_prepend(ROOT / "_ext")
    branch = importlib.import_module("plain").BRANCH
    [(workflow, job)] = [(name[0], job) for name, job in JOBS.items() if pushes(job)]
    assert job["if"] == "github.ref == 'refs/heads/main'"
    steps = JOBS[workflow, job["needs"]]["steps"]
    [checks] = [i for i, step in enumerate(steps) if step.get("run") == "bash .ci/run"]
    [upload] = [i for i, step in enumerate(steps) if "actions/upload-artifact@" in step.get("uses", "")]
    assert upload > checks and steps[upload]["with"] == {"name": "notebooks", "path": "_build/notebooks"}
    get, push = job["steps"]
    assert "actions/download-artifact@" in get["uses"] and get["with"] == {"name": "notebooks"}
    assert f"--initial-branch={branch}" in push["run"] and push["run"].endswith(f'"$REMOTE" {branch}\n')
