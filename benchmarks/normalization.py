"""What a norm costs beside a linear layer of the same width, as ratios measured in one process.

Run it with `python benchmarks/normalization.py`. One thread, warm, medians of runs that alternate between the
contenders, 1024 rows, forward pass only. Only the ratios mean anything on another machine.
"""

import torch
from timing import median_seconds
from torch.nn import functional as F

REPEATS, ROWS = 21, 1024


def layer_norm(x, gamma, beta, eps=1e-5):
    """Layer norm as the chapter writes it out."""
    mean = x.mean(-1, keepdim=True)
    var = ((x - mean) ** 2).mean(-1, keepdim=True)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta


def rms_norm(x, gamma, eps=1e-5):
    """RMS norm as the chapter writes it out."""
    return gamma * x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps)


def contenders(d, dtype):
    """Name and function of each, for rows of d numbers."""
    x, ones, W = (torch.rand(shape, dtype=dtype) for shape in ((ROWS, d), (d,), (d, d)))
    return {"F.layer_norm": lambda: F.layer_norm(x, (d,), ones, ones), "F.rms_norm": lambda: F.rms_norm(x, (d,), ones),
            "layer norm by hand": lambda: layer_norm(x, ones, ones), "RMS norm by hand": lambda: rms_norm(x, ones),
            "linear": lambda: F.linear(x, W)}


def main():
    """Print the table."""
    torch.set_num_threads(1)
    print("time, as a multiple of that of F.layer_norm\n")
    for dtype in (torch.float32, torch.float64):
        for d in (64, 512, 1024):
            runs = contenders(d, dtype)
            times = median_seconds(runs.values(), REPEATS)
            print(f"{str(dtype)[6:]}, width {d:4d}:  " +
                  ",  ".join(f"{name} {t / times[0]:.1f}" for name, t in zip(runs, times, strict=True)))


if __name__ == "__main__":
    main()
