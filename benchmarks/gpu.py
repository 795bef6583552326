"""What a GPU does with `mc_predict` and with the networks of `uci.py`, beside one CPU core of the same machine.

Run it with `python benchmarks/gpu.py`. It writes `book_utils/records/gpu.json`, with the name of the device.
"""

import argparse
import time
from pathlib import Path

import torch
import uci
from mc_dropout import CASES, loop, mc_predict
from timing import median_seconds

RUNS = [("yacht", 10), ("energy", 10), ("yacht", 100), ("energy", 100), ("power-plant", 10)]


def wall_seconds(function):
    """The time of one run, to the end of what the device was told to do."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def predictions(device):
    """Milliseconds of the loop of passes and of `mc_predict`, by case."""
    found = []
    for name, make, shape, n_passes, masks, _ in CASES:
        torch.manual_seed(0)
        model, x = make().eval().to(device), torch.randn(shape).to(device)
        ways = [lambda: loop(model, x, n_passes),  # noqa: B023
                lambda: mc_predict(model, x, n_passes, masks=masks)]  # noqa: B023
        plain, ours = median_seconds(ways, 3, wall_seconds)
        found.append({"case": name, "masks": masks, "loop_ms": uci.rounded(1000 * plain),
                      "mc_predict_ms": uci.rounded(1000 * ours)})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--record", type=Path, default=uci.ROOT / "book_utils" / "records" / "gpu.json")
    path = parser.parse_args().record
    torch.set_num_threads(1)
    record = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "uci": []}

    for name, times in RUNS:
        splits = list(range(uci.N_SPLITS[name]))
        start = time.perf_counter()
        result = uci.cell(name, times, splits, uci.FULL, 0, "cuda")
        record["uci"].append({"name": name, "times": times, "seconds": uci.rounded(time.perf_counter() - start),
                              **uci.columns(result["splits"])})
        uci.write(path, record)
    for device in ("cuda", "cpu"):
        record[f"predictions_{device}"] = predictions(device)
        uci.write(path, record)


if __name__ == "__main__":
    main()
