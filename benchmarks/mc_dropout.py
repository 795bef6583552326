"""How long `mc_predict` takes beside the loop of forward passes that it replaces, as ratios measured in one process.

Run it with `python benchmarks/mc_dropout.py`, or with words of the cases to run as its argument. The loop is
`torch.stack([model(x) for _ in range(T)])` with its mean and standard deviation, without gradients and with dropout
on; "big batch" repeats the rows T times and runs them at once, which torch-uncertainty's and baal's wrappers do too:
where these packages are installed they are measured. One thread, warm, medians of five rounds that alternate between
the ways, in time of the processor. Only the ratios mean anything on another machine.
"""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import torch
from timing import median_seconds
from torch import nn
from torch.nn import functional as F

from book_utils.mc_dropout import dropout_active, mc_predict

REPEATS = 5


def small():
    """3-16-1."""
    return nn.Sequential(nn.Linear(3, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 1))


def wide(p):
    """8-1024×4-1."""
    layers, width = [], 8
    for _ in range(4):
        layers += [nn.Linear(width, 1024), nn.ReLU(), nn.Dropout(p)]
        width = 1024
    return nn.Sequential(*layers, nn.Linear(width, 1))


def convolutional():
    """28×28 images, batch normalization, dropout only near the end."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


class Custom(nn.Module):
    """The same network as most people write it."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.conv2, self.norm2 = nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.drop1, self.fc1, self.drop2, self.fc2 = nn.Dropout(0.25), nn.Linear(64 * 49, 128), nn.Dropout(0.5), \
            nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        x = self.drop1(torch.flatten(x, 1))
        return self.fc2(self.drop2(F.relu(self.fc1(x))))


def loop(model, x, n_passes):
    """The sources' way."""
    with torch.no_grad(), dropout_active(model):
        samples = torch.stack([model(x) for _ in range(n_passes)])
        return samples.mean(0), samples.std(0)


def one_big_batch(model, x, n_passes):
    """All passes at once."""
    with torch.no_grad(), dropout_active(model):
        samples = model(x.repeat(n_passes, *[1] * (x.ndim - 1))).unflatten(0, (n_passes, -1))
        return samples.mean(0), samples.std(0)


def torch_uncertainty(model, x, n_passes):
    """The wrapper of torch-uncertainty, as it comes."""
    from torch_uncertainty.methods.mc_dropout import mc_dropout

    wrapped = mc_dropout(model, n_passes).eval()

    def predict():
        with torch.no_grad():
            samples = wrapped(x).unflatten(0, (n_passes, -1))
            return samples.mean(0), samples.std(0)

    return predict


def baal(model, x, n_passes):
    """The wrapper of baal, as it comes (rows repeated in memory)."""
    from baal.bayesian.dropout import MCDropoutModule
    from baal.modelwrapper import ModelWrapper, TrainingArgs

    wrapped = ModelWrapper(MCDropoutModule(model).eval(), TrainingArgs(use_cuda=False))

    def predict():
        samples = wrapped.predict_on_batch(x, n_passes)
        return samples.mean(-1), samples.std(-1)

    return predict


# name, model, shape of x, passes, masks, what the ratio may be
CASES = [
    ("3-16-1, 1 row, T 100", small, (1, 3), 100, "per_row", 0.25),
    ("3-16-1, 1 row, T 100", small, (1, 3), 100, "shared", 0.25),
    ("8-1024×4-1, 64 rows, p .1, T 100", lambda: wide(0.1), (64, 8), 100, "per_row", 0.75),
    ("8-1024×4-1, 64 rows, p .1, T 100", lambda: wide(0.1), (64, 8), 100, "shared", 0.65),
    ("8-1024×4-1, 64 rows, p .5, T 100", lambda: wide(0.5), (64, 8), 100, "shared", 0.45),
    ("8-1024×4-1, 2000 rows, p .1, T 10", lambda: wide(0.1), (2000, 8), 10, "per_row", 0.80),
    ("8-1024×4-1, 2000 rows, p .1, T 10", lambda: wide(0.1), (2000, 8), 10, "shared", 0.65),
    ("conv net, 256 rows, T 20", convolutional, (256, 1, 28, 28), 20, "per_row", 0.12),
    ("conv net, custom, 256 rows, T 20", Custom, (256, 1, 28, 28), 20, "per_row", 0.12),
]


def processor_seconds(function):
    """The processor's time of one run; short ones are run until they take a twentieth of a second."""
    runs, start = 0, time.process_time()
    while not runs or time.process_time() - start < 0.05:
        function()
        runs += 1
    return (time.process_time() - start) / runs


def peers(make, x, n_passes):
    """The other packages' ways, by name, where they are installed."""
    found = {}
    for prepare in (torch_uncertainty, baal):
        with contextlib.suppress(ImportError):
            found[prepare.__name__.replace("_", "-")] = prepare(make().eval(), x, n_passes)
    return found


def speed_table(chosen):
    """One line a case: the ratio to the loop, the line that it must hold, and the others' ratios."""
    print(f"{'time over the loop':36s}{'masks':>9s}{'mc_predict':>12s}{'line':>7s}{'loop':>12s}  others")
    for name, make, shape, n_passes, masks, line in CASES:
        if chosen not in f"{name}, {masks}":
            continue
        torch.manual_seed(0)
        model, x = make().eval(), torch.randn(shape)
        others = {"big batch": lambda: one_big_batch(model, x, n_passes)} | peers(make, x, n_passes)  # noqa: B023
        ways = [lambda: mc_predict(model, x, n_passes, masks=masks),  # noqa: B023
                lambda: loop(model, x, n_passes), *others.values()]  # noqa: B023
        ours, plain, *times = median_seconds(ways, REPEATS, processor_seconds)
        ratios = ", ".join(f"{other} {seconds / plain:.2f}" for other, seconds in zip(others, times, strict=True))
        print(f"{name:36s}{masks:>9s}{ours / plain:12.3f}{line:7.2f}{plain * 1000:9.1f} ms  {ratios}", flush=True)


def peak_memory(way, case, n_passes):
    """Megabytes that a fresh process needs at its peak to run a way on a case (Linux only)."""
    program = f"""
import re, sys, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
from mc_dropout import CASES, loop, mc_predict
torch.set_num_threads(1)
_, make, shape, _, masks, _ = CASES[{case}]
model, x, n_passes = make().eval(), torch.randn(shape), {n_passes}
{way}
print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"""
    return float(subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout)


def memory_table(chosen):
    """One line a case and T: how much more memory than the loop, at the peak."""
    print(f"{'peak memory, MB beyond the loop':36s}{'masks':>9s}{'T':>12s}{'beyond':>7s}{'line':>11s}{'loop':>12s}")
    for case, (name, *_, masks, _) in enumerate(CASES):
        for n_passes in (10, 100) if chosen in f"{name}, {masks}" else ():
            plain, ours = (peak_memory(way, case, n_passes) for way in (
                "loop(model, x, n_passes)", "mc_predict(model, x, n_passes, masks=masks)"))
            print(f"{name.rsplit(',', 1)[0]:36s}{masks:>9s}{n_passes:12d}{ours - plain:7.0f}{64:11d}{plain:9.0f} MB",
                  flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    speed_table(chosen)
    print()
    memory_table(chosen)
