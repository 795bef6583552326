"""How the time of one set of the UCI benchmark falls with processes, on this machine.

Run it with `python benchmarks/workers.py` while nothing else runs. It writes `book_utils/records/workers.json`: the
wall seconds of yacht at 400 epochs, in ten parts of two splits, for each number of processes, and what the parts took
of the processors. Workers are started before the clock.
"""

import os
import tempfile
import time

import uci
from joblib import Parallel, delayed

from book_utils.experiments import run

SETTINGS = [{"name": "yacht", "times": 10, "splits": [k, k + 1], "n_passes": uci.FULL, "seed": 0, "device": "cpu"}
            for k in range(0, 20, 2)]


def measured(workers):
    """Wall seconds, and the sum of the parts' processor seconds."""
    Parallel(workers)(delayed(uci.rounded)(k) for k in range(4 * workers))
    with tempfile.TemporaryDirectory() as store:
        start = time.perf_counter()
        results = run(uci.cell, SETTINGS, store=store, n_jobs=workers)
        return time.perf_counter() - start, sum(result["cpu_seconds"] for result in results)


def main():
    record = {"cores": os.cpu_count(), "runs": []}
    for workers in (1, 2, 4, 2, 1):
        wall, cpu = measured(workers)
        record["runs"].append({"workers": workers, "seconds": uci.rounded(wall), "cpu_seconds": uci.rounded(cpu)})
        print(record["runs"][-1], flush=True)
    uci.write(uci.ROOT / "book_utils" / "records" / "workers.json", record)


if __name__ == "__main__":
    main()
