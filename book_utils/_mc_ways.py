"""The ways to compute a network's passes, from the fastest to the plain loop, which is always right.

"late" and "early" compute many passes of some rows side by side; where that is not known to give what the loop gives, a
few rows of each block are computed by the loop, too, and compared. Rows of a block are cut so that its memory is bound.
"""

from book_utils._mc_passes import Refused, Unlike
from book_utils._torch import nn, torch

global_hooks = nn.modules.module
TORCH_ROWS = 64  # rows at a time where torch draws masks itself, whatever the caller says
WAYS = ("late", "early", "loop")  # from the fastest to the one that is always right
NUMBERS = 3 * 2**18  # of the widest layer, for as many rows and passes as are computed at once
ELEMENTWISE = {nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh,
               nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Identity}


def count_rows(inputs):
    return len(next(iter(inputs.values())))


def cut(inputs, start, stop):
    return {name: tensor[start:stop] for name, tensor in inputs.items()}


def alike(a, b):
    """Whether two results are the same up to rounding."""
    scale = a[a.isfinite()].abs().max() if a.isfinite().any() else 0.0
    return a.shape == b.shape and torch.allclose(a, b, 1e-6, float(torch.finfo(a.dtype).eps ** 0.5 * scale),
                                                 equal_nan=True)


def chain_width(model, inputs):
    """Numbers a row at its widest, of a model of nothing but linear layers, elementwise activations and nn.Dropout.

    None for any other, also where hooks or a forward of its own may do more.
    """
    hooked = global_hooks._global_forward_hooks or global_hooks._global_forward_pre_hooks
    x, width = next(iter(inputs.values())), 1
    if hooked or len(inputs) > 1 or x.ndim < 2:
        return None
    for module in model.modules():
        if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module) or not (
                type(module) in ELEMENTWISE or type(module) in (nn.Sequential, nn.Linear, nn.Dropout)):
            return None
        width = max(width, getattr(module, "out_features", 1))
    return x[0].numel() // x.shape[-1] * max(width, x.shape[-1])


def _expected(passes, inputs, first, n_passes):
    """A few rows of the first and the last pass, as the plain loop computes them: {pass: (rows, ...)}."""
    n, passes.widest = count_rows(inputs), [1, 1]
    count = 2 if n != 2 else 3  # another number of rows than the block's tells rows from other axes
    few = {name: tensor[torch.arange(count) % n] for name, tensor in inputs.items()}
    return {t: passes.run(few, range(first, first + count), range(t, t + 1))[0, :n] for t in (0, n_passes - 1)}


def _checked(outs, expected):
    """Pass outputs (R, rows, ...) on, or raise Unlike where they are not the expected ones."""
    t = 0
    for out in outs:
        for number, wanted in expected.items():
            if t <= number < t + len(out):
                found = out[number - t, :len(wanted)]
                if not alike(found, wanted[:len(found)]):
                    raise Unlike
        t += len(out)
        yield out


def _moments(outs, keep_samples):
    """Mean, standard deviation (None for one pass) and samples (or None) over passes given in (R, rows, ...)."""
    count, total, squares, samples = 0, 0, 0, []
    for out in outs:
        if not count:  # sums need more digits than their terms, and deviations lose none to the mean
            shift = out[0].to(torch.float32 if out.device.type == "mps" else torch.float64).nan_to_num(0.0, 0.0, 0.0)
        deviation = out - shift
        total, count = total + deviation.sum(dim=0), count + len(out)
        squares = squares + deviation.square_().sum(dim=0)
        if keep_samples:
            samples.append(out)
    mean, std = total / count, None
    if count > 1:  # Σ (d - d̄)² = Σ d² - d̄ Σ d
        std = (squares - mean * total).clamp_(min=0).div_(count - 1).sqrt_().to(out.dtype)
    return (shift + mean).to(out.dtype), std, torch.cat(samples) if keep_samples else None


def _parts(passes, way, inputs, first, n_passes, rows, width):
    """The outputs of a block, part by part of its rows, each as an iterable over chunks of passes."""
    n, late, expected = count_rows(inputs), way == "late", {}
    if way == "loop":
        size, count = min(n, TORCH_ROWS), 1
    else:
        if not width:
            expected = _expected(passes, inputs, first, n_passes)
            width = passes.widest[1] if late else max(passes.widest)
            if passes.drawn:
                raise Unlike
        # Rather all passes of some rows than some passes of all: what comes before the first mask is computed once.
        at_once = max(NUMBERS // width, min(n, rows))  # rows times passes
        size = max(1, min(n, rows, at_once // n_passes))
        count = min(n_passes, at_once // size)
    for start in range(0, n, size):
        part = cut(inputs, start, start + size)
        numbers = range(first + start, first + start + count_rows(part))
        outs = (passes.run(part, numbers, range(t, min(t + count, n_passes)), late=late)
                for t in range(0, n_passes, count))
        yield _checked(outs, {} if start else expected)


def predicted(passes, ways, inputs, first, n_passes, rows, width, keep_samples, bar):
    """The moments of a block's parts, by the first of the ways that gives what the loop, the last, gives."""
    while True:
        shown_rows = 0 if bar is None else bar.n
        found = []
        try:
            for outs in _parts(passes, ways[0], inputs, first, n_passes, rows, width):
                found.append(_moments(outs, keep_samples))
                if bar is not None:
                    bar.update(len(found[-1][0]) * n_passes)
            return found
        except Exception as error:
            if len(ways) == 1 or isinstance(error, Refused):
                raise
            del ways[0]
            if bar is not None:
                bar.n = shown_rows
