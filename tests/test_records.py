"""What is stored instead of computed on a page: made by the script as it stands, and what the page says of it."""

import importlib.util
import re

import nbformat
import numpy as np
import pytest
from conftest import ROOT, had

from book_utils.data import california
from book_utils.records import read

pytest.importorskip("torch")
spec = importlib.util.spec_from_file_location("california_script", ROOT / "benchmarks" / "california.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
RECORD = read("california")
PAGE = nbformat.read(ROOT / "chapters" / "doubt" / "california.ipynb", as_version=4)
PRINTED = "".join(output.get("text", "") for cell in PAGE.cells for output in cell.get("outputs", []))


def test_the_record_holds_the_scripts_runs_at_its_settings():
    assert RECORD["settings"] == script.SETTINGS and RECORD["p"] == script.P
    assert {tuple(run[key] for key in script.KEYS) for run in RECORD["runs"]} == set(script.RUNS)


def test_the_full_size_figures_follow_from_its_rows():
    (full,) = [run for run in RECORD["runs"] if run["part"] == "full"]
    y, mean, std = had(california).y_test, np.array(full["mean"]) / 1000, np.array(full["std"]) / 1000
    assert full["figures"]["rmse"] == pytest.approx(np.sqrt(np.mean((mean - y) ** 2)), abs=1e-3)
    assert full["figures"]["mean std"] == pytest.approx(std.mean(), abs=1e-3)
    assert full["figures"]["coverage"]["std"] == pytest.approx(np.mean(abs(mean - y) <= 1.96 * std), abs=2e-3)


def test_the_page_says_what_is_recorded():
    (full,) = [run for run in RECORD["runs"] if run["part"] == "full"]
    assert f"RMSE {full['figures']['rmse']:.2f}" in PRINTED
    draws = [run["figures"] for run in RECORD["runs"] if run["part"] == "regions" and run["epochs"] == 10]
    for name, words in (("error, equal price", "error ×"), ("std, equal price", "std ×")):
        mean = np.mean([figures[name] for figures in draws])
        assert re.search(rf"10 epochs, equal price: .*{words} {mean:.2f} ±", PRINTED)


def test_a_draw_of_regions_can_be_repeated():
    had(california)
    (stored,) = [run for run in RECORD["runs"] if (run["part"], run["seed"], run["epochs"]) == ("regions", 0, 3)]
    again = script.one_run("regions", "spatial", 0, 3)
    assert again["cells"] == stored["cells"]
    for name, value in stored["figures"].items():
        assert again["figures"][name] == pytest.approx(value, abs=0.05), name
