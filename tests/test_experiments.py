"""Many fits: none is lost, none is done twice, where they run changes nothing, and what their mean is worth."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
import torch
from conftest import ROOT, had
from scipy.stats import sem

from book_utils.data import uci
from book_utils.experiments import pm, run

SETTINGS = [{"x": x, "power": power} for x in (2, 3, 5) for power in (1, 2)]


def logged(x, power=1, *, log, seconds=0.0):
    """A power of x, noted in a file: one line a call, with the process that was at it."""
    with open(log, "a") as file:
        file.write(f"{x} {power} {os.getpid()}\n")
    time.sleep(seconds)
    return {"value": x**power}


def calls(log):
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()]


def wait_until(holds, what, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


def finished(store):
    return list(store.glob("*.json"))


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_results_come_in_the_order_of_the_settings_and_stay(tmp_path, n_jobs):
    log, store = tmp_path / "log", tmp_path / "new" / "store"
    task = functools.partial(logged, log=log)
    expected = [{"value": s["x"] ** s["power"]} for s in SETTINGS]
    assert run(task, SETTINGS, store=store, n_jobs=n_jobs) == expected
    assert len(calls(log)) == len(finished(store)) == 6
    turned = [dict(reversed(setting.items())) for setting in reversed(SETTINGS)]  # other order, the same settings
    assert run(task, [*turned, {"x": 7}], store=str(store), n_jobs=n_jobs) == [*reversed(expected), {"value": 7}]
    assert sorted(call[:2] for call in calls(log)) == sorted([(s["x"], s["power"]) for s in SETTINGS] + [(7, 1)])
    assert {path.suffix for path in store.iterdir()} == {".json"}


def test_a_file_holds_its_setting_and_its_result(tmp_path):
    (result,) = run(lambda x: {"pair": (x, 0.1 + 0.2), 1: None}, [{"x": "ä"}], store=tmp_path)
    assert result == {"pair": ["ä", 0.1 + 0.2], "1": None}  # what JSON gives back, the first time too
    (path,) = finished(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"setting": {"x": "ä"}, "result": result}


def test_settings_that_differ_in_anything_are_different(tmp_path):
    settings = [{"x": 1}, {"x": 1.0}, {"x": True}, {"x": "1"}, {"x": [1]}, {"x": None}, {"y": 1}, {}]
    results = run(lambda **setting: {"was": repr(setting)}, settings, store=tmp_path)
    assert [result["was"] for result in results] == [repr(setting) for setting in settings]
    assert run(lambda: {}, [], store=tmp_path) == []


def fails_on_three(x, power):
    if x == 3:
        raise ArithmeticError(f"no {x}")
    return {"value": x**power}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_fails_is_named_at_the_end_and_the_rest_is_kept(tmp_path, n_jobs):
    with pytest.raises(RuntimeError, match="2 of 6 settings failed; the results of the others are kept") as caught:
        run(fails_on_three, SETTINGS, store=tmp_path, n_jobs=n_jobs)
    assert "\n{'x': 3, 'power': 1}: ArithmeticError: no 3" in str(caught.value)
    assert "{'x': 3, 'power': 2}: ArithmeticError" in str(caught.value) and "'x': 2" not in str(caught.value)
    assert len(finished(tmp_path)) == 4
    log = tmp_path / "log"
    assert run(functools.partial(logged, log=log), SETTINGS, store=tmp_path)[2] == {"value": 3}
    assert [call[:2] for call in calls(log)] == [(3, 1), (3, 2)]


@pytest.mark.parametrize("result, reason", [
    (3, "TypeError: the task returned 3, not a dict"),
    ({"a": np.zeros(2)}, "TypeError: Object of type ndarray is not JSON serializable"),
    ({"a": float("nan")}, "ValueError: Out of range float values are not JSON compliant"),
])
def test_what_json_cannot_hold_is_a_failure(tmp_path, result, reason):
    with pytest.raises(RuntimeError, match=reason):
        run(lambda x: result, [{"x": 1}], store=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options, message", [
    ({"task": "fit"}, "task must be a function.*not 'fit'"),
    ({"settings": {"x": 1}}, "settings must be a list of dicts, not {'x': 1}"),
    ({"settings": [3]}, "settings must be dicts.*not 3"),
    ({"settings": [{"x": (1, 2)}]}, r"not {'x': \(1, 2\)}"),
    ({"settings": [{"x": np.arange(2)}]}, "not {'x': array"),
    ({"settings": [{"x": float("inf")}]}, "finite numbers.*not {'x': inf}"),
    ({"settings": [{1: 2}]}, "names that are strings, not {1: 2}"),
    ({"settings": [{"x": 1, "y": 2}, {"y": 2, "x": 1}]}, "must differ: {'y': 2, 'x': 1} is among them twice"),
    ({"n_jobs": 0}, "n_jobs must be.*not 0"),
    ({"n_jobs": -2}, "or -1 for all cores, not -2"),
    ({"store": 3}, "store must be a folder.*not 3"),
    ({"progress": 1}, "progress must be True or False"),
])
def test_what_cannot_be_run_is_refused_before_anything_is_run(tmp_path, options, message):
    log = tmp_path / "log"
    arguments = {"task": functools.partial(logged, log=log), "settings": SETTINGS, "store": tmp_path / "store"}
    with pytest.raises(ValueError, match=message):
        run(**(arguments | options))
    assert not log.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"setting": {"x": 3}, "result": {}}'])
def test_a_file_of_something_else_is_refused_not_returned(tmp_path, text):
    run(lambda x: {}, [{"x": 2}], store=tmp_path)
    finished(tmp_path)[0].write_text(text)
    with pytest.raises(ValueError, match=r"does not hold the result of {'x': 2}: remove it"):
        run(lambda x: {}, [{"x": 2}], store=tmp_path)


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    seen, replace = [], os.replace

    def interrupted(source, target):
        seen.append((json.loads(source.read_text())["result"], target.exists()))  # whole before it has its name
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(lambda x: {"is": x}, [{"x": 2}], store=tmp_path)
    assert seen == [({"is": 2}, False)] and not finished(tmp_path)
    monkeypatch.setattr(os, "replace", replace)
    assert run(lambda x: {"is": x}, [{"x": 2}], store=tmp_path) == [{"is": 2}]


def dies(x, *, first):
    if x == 3 and not first.exists():
        first.touch()
        os._exit(1)
    return {"value": x}


def test_if_a_process_dies_the_next_call_goes_on(tmp_path):
    task, settings = functools.partial(dies, first=tmp_path / "first"), [{"x": x} for x in range(6)]
    with pytest.raises(RuntimeError, match=r"{'x': 3}: it was not finished \(TerminatedWorkerError"):
        run(task, settings, store=tmp_path / "store", n_jobs=2)
    assert run(task, settings, store=tmp_path / "store", n_jobs=2) == [{"value": x} for x in range(6)]


# Runs that are killed: a driver of its own, which is this module run as a program.


def drive(store, log, seconds, n_jobs, address):
    """What the program does."""
    task = functools.partial(logged, log=log, seconds=float(seconds))
    if address:
        from dask.distributed import Client

        with Client(address), joblib.parallel_config("dask"):
            run(task, SETTINGS, store=store)
    else:
        run(task, SETTINGS, store=store, n_jobs=int(n_jobs))


def driver(store, log, seconds, n_jobs=1, address=""):
    path = os.pathsep.join(map(str, [ROOT, ROOT / "tests", ROOT / "tools"]))
    return subprocess.Popen([sys.executable, __file__, store, log, str(seconds), str(n_jobs), address],
                            env=os.environ | {"PYTHONPATH": path})


def assert_goes_on(store, log):
    """What was finished when the run was killed is not run again, everything else is, and all is right in the end."""
    before = {path.name: path.read_bytes() for path in finished(store)}
    done = len(calls(log))
    assert 0 < len(before) < len(SETTINGS)
    results = run(functools.partial(logged, log=log), SETTINGS, store=store)
    assert results == [{"value": s["x"] ** s["power"]} for s in SETTINGS]
    assert len(calls(log)) - done == len(SETTINGS) - len(before)
    assert all((store / name).read_bytes() == text for name, text in before.items())


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_run_goes_on_where_it_was(tmp_path, n_jobs):
    log, store = tmp_path / "log", tmp_path / "store"
    process = driver(store, log, 0.5, n_jobs)
    wait_until(lambda: len(finished(store)) >= 2, "two results")
    process.kill()
    process.wait()
    time.sleep(1)  # workers of joblib end with their driver, or with what they are at
    assert_goes_on(store, log)


def test_two_runs_on_one_store_do_not_tear_each_others_files(tmp_path):
    log, store = tmp_path / "log", tmp_path / "store"
    processes = [driver(store, log, 0.05) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert len(finished(store)) == len(SETTINGS) and {path.suffix for path in store.iterdir()} == {".json"}
    assert run(None.__eq__, SETTINGS, store=store) == [{"value": s["x"] ** s["power"]} for s in SETTINGS]


# On a cluster: a scheduler and two worker processes.


@pytest.fixture(scope="module")
def cluster():
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster


def figures(store, extra):
    """The record of two splits of yacht, trained for as long as in the paper's first table, with a few passes."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "uci.py", "yacht", "--times", "1", "--splits", "2", "--together", "1",
         "--passes", "20", "--store", store / "cells", "--records", store, *extra], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads((store / "uci-yacht.json").read_text())
    for part in record["runs"].values():
        del part["cpu_seconds"]
    return record


def test_the_figures_of_a_cluster_are_those_of_one_process(tmp_path, cluster):
    had(lambda: [uci("yacht", split) for split in (0, 1)])
    serial = figures(tmp_path / "serial", [])
    assert serial["runs"]["1"]["scores"]["dropout"]["rmse"][0] < 15 and len(serial["runs"]["1"]["p"]) == 2
    assert figures(tmp_path / "cluster", ["--cluster", cluster.scheduler_address]) == serial
    assert figures(tmp_path / "workers", ["--workers", "2"]) == serial


def test_a_killed_worker_loses_nothing(tmp_path, cluster):
    from dask.distributed import Client

    log, store = tmp_path / "log", tmp_path / "store"
    process = driver(store, log, 0.5, address=cluster.scheduler_address)
    wait_until(lambda: len(finished(store)) >= 2, "two results")
    done = {path.name for path in finished(store)}
    before = len(calls(log))
    os.kill(calls(log)[-1][2], signal.SIGKILL)
    assert process.wait(timeout=120) == 0
    assert len(finished(store)) == len(SETTINGS) and done <= {path.name for path in finished(store)}
    again = [call[:2] for call in calls(log)]
    assert len(SETTINGS) < len(again) and len(again) - before <= len(SETTINGS)  # what the worker was at ran again
    with Client(cluster.scheduler_address) as client:
        client.wait_for_workers(2, timeout=60)


def test_a_killed_driver_loses_nothing_on_a_cluster(tmp_path, cluster):
    log, store = tmp_path / "log", tmp_path / "store"
    process = driver(store, log, 0.5, address=cluster.scheduler_address)
    wait_until(lambda: len(finished(store)) >= 2, "two results")
    process.kill()
    process.wait()
    time.sleep(1)
    assert_goes_on(store, log)


def test_a_failure_on_a_cluster_is_named_and_the_rest_is_kept(tmp_path, cluster):
    from dask.distributed import Client

    with Client(cluster.scheduler_address), joblib.parallel_config("dask"):
        with pytest.raises(RuntimeError, match=r"2 of 6 settings failed[\s\S]*ArithmeticError: no 3"):
            run(fails_on_three, SETTINGS, store=tmp_path)
    assert len(finished(tmp_path)) == 4


if __name__ == "__main__":
    from pathlib import Path

    drive(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])


def test_a_mean_and_its_error_as_text():
    runs = np.random.default_rng(0).normal(2, 3, 25)
    assert pm(runs) == f"{np.mean(runs):.2f} ± {sem(runs):.2f}"
    assert pm(torch.tensor(-runs), 1) == f"-{np.mean(runs):.1f} ± {sem(runs):.1f}"
    assert pm(list(runs), 0) == f"{np.mean(runs):.0f} ± {sem(runs):.0f}"
    assert pm([-0.004, 0.002]) == "0.00 ± 0.00"


@pytest.mark.parametrize("values, says", [
    ([1.0], "two runs at least, not (1,)"),
    (np.ones((3, 2)), "one number a run and two runs at least, not (3, 2)"),
    ([1.0, np.nan], "values[1] is nan"),
])
def test_runs_without_an_error_are_refused(values, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        pm(values)
