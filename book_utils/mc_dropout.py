"""Monte Carlo dropout: ask a trained network many times, each time with other units dropped.

Only dropout is switched on for it. Everything else, batch normalization above all, predicts as in evaluation.
"""

import contextlib
import itertools
import re
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import DataLoader, RandomSampler

from book_utils import _mc_fast, _mc_passes, _mc_tape
from book_utils._checks import checked_count, checked_flag, shown

ROWS = 256  # rows of a block, unless the caller says otherwise
TORCH_ROWS = 64  # rows of a block where torch draws masks itself, whatever the caller says


class MCPrediction(NamedTuple):
    """What `mc_predict` found: the mean and the standard deviation over the passes, and the passes if kept."""

    mean: torch.Tensor
    std: torch.Tensor | None
    samples: torch.Tensor | None


def _is_stochastic(module):
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, nn.RNNBase):  # it drops between its layers
        return module.dropout > 0 and module.num_layers > 1
    if isinstance(module, torch.jit.ScriptModule):
        return "Dropout" in module.original_name and getattr(module, "p", 0) > 0
    return isinstance(module, nn.MultiheadAttention) and module.dropout > 0


def _set_flags(modules, flags):
    for module, flag in zip(modules, flags, strict=True):
        if module.training != flag:
            module.training = flag


@contextlib.contextmanager
def dropout_active(model):
    """Within the block, drop as in training and do everything else as in evaluation.

    Parameters
    ----------
    model : torch.nn.Module
        Every dropout layer in it (or itself) is switched on, so are the dropout between the layers of an LSTM, GRU
        or RNN and that of attention; every other module is in eval mode. Torch's fused attention, which leaves
        dropout out, is off. All that comes back at the end, also after an exception and from nested blocks.

    Yields
    ------
    torch.nn.Module
        The model. Random numbers come from torch's global generator: two passes differ.

    Raises
    ------
    ValueError
        If `model` is no module or no layer of it is stochastic.

    Examples
    --------
    >>> model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    >>> with dropout_active(model):
    ...     [module.training for module in model]
    [False, True]
    >>> [module.training for module in model]
    [True, True]
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, not {type(model).__name__}.")
    modules = list(model.modules())
    stochastic = {module for module in modules if _is_stochastic(module)}
    if not stochastic:
        raise ValueError(f"{type(model).__name__} has no dropout layer with p > 0: if its forward calls F.dropout, "
                         "make that an nn.Dropout layer in __init__, which can be found and switched.")
    flags, fused = [module.training for module in modules], torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        _set_flags(modules, [module in stochastic for module in modules])
        yield model
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        _set_flags(modules, flags)


def _checked_options(masks, seed):
    """The seed as an int or None, or a ValueError."""
    if not (isinstance(masks, str) and masks in ("per_row", "shared")):
        raise ValueError(f'masks must be "per_row" (every row its own) or "shared" (one for all rows), not '
                         f"{shown(masks)}.")
    return None if seed is None else checked_count("seed", seed, 0, 2**128, note=", or None for a fresh one")


def _inputs(batch):
    """A batch as the tuple of tensors that the model is called with."""
    inputs = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    for tensor in inputs:
        if not isinstance(tensor, torch.Tensor):
            remedy = "convert arrays with torch.as_tensor(x, dtype=torch.float32)"
            if isinstance(tensor, dict):
                remedy = "wrap the model in a module whose forward takes the tensors one by one"
            raise ValueError("x must be a tensor, a tuple of tensors or a DataLoader, not "
                             f"{type(tensor).__name__}: {remedy}.")
        if tensor.is_floating_point() and tensor.isnan().any():
            raise ValueError("x holds nan: remove or impute values that are not finite.")
    shapes = [tuple(tensor.shape) for tensor in inputs]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"All of x must have the same number of rows on axis 0, not shapes {shapes}.")
    return inputs


def _batches(x):
    """The batches of x: tuples of tensors."""
    if not isinstance(x, DataLoader):
        inputs = _inputs(x)
        yield inputs
        return
    if isinstance(x.sampler, RandomSampler):
        raise ValueError("x is a DataLoader that shuffles, so that predictions would not follow the rows: give it "
                         "shuffle=False.")
    for batch in x:  # (inputs, targets, …): what follows the inputs is no input
        yield _inputs(batch[0] if isinstance(batch, (tuple, list)) else batch)


def _blocks(batches, size):
    """Cut batches of any sizes into blocks of `size` rows, the last one of what is left: (first row, inputs)."""
    first, rest = 0, None
    for batch in batches:
        rows = batch if rest is None else tuple(map(torch.cat, zip(rest, batch, strict=True)))
        whole = len(rows[0]) // size * size
        for start in range(0, whole, size):
            yield first + start, tuple(tensor[start:start + size] for tensor in rows)
        first, rest = first + whole, tuple(tensor[whole:] for tensor in rows)
    if len(rest[0]):
        yield first, rest


class _Moments:
    """Mean and standard deviation over passes, from sums of deviations from the first: no digits lost to the mean."""

    def __init__(self, out):
        self.dtype, self.count = out.dtype, 0
        # Sums need more digits than their terms; one kind of device has no float64.
        self.shift = out[0].to(torch.float32 if out.device.type == "mps" else torch.float64)

    def add(self, out):
        """Take the outputs of some more passes, (R, rows, …)."""
        deviation = out - self.shift
        total, squares = deviation.sum(dim=0), deviation.square_().sum(dim=0)
        self.sum = self.sum.add_(total) if self.count else total
        self.squares = self.squares.add_(squares) if self.count else squares
        self.count += len(out)

    def result(self):
        """Mean, standard deviation (None for one pass), and whether any two passes differ."""
        mean = self.sum / self.count
        if self.count == 1:
            return (self.shift + mean).to(self.dtype), None, True
        # Σ (d - d̄)² = Σ d² - d̄ Σ d
        var = self.squares.addcmul(mean, self.sum, value=-1).clamp_(min=0).div_(self.count - 1)
        return (self.shift + mean).to(self.dtype), var.sqrt_().to(self.dtype), bool(self.squares.any())


def _checked_output(out, n):
    if not (isinstance(out, torch.Tensor) and out.is_floating_point()):
        found = out.dtype if isinstance(out, torch.Tensor) else type(out).__name__
        raise ValueError(f"The model must return one tensor of floating-point numbers, not {found}: wrap it in a "
                         "module whose forward returns the part to average.")
    if out.shape[:1] != (n,):
        raise ValueError(f"The model returned shape {tuple(out.shape)} for {n} rows: rows must stay on axis 0 (no "
                         "squeeze(); batch_first=True).")
    return out.detach()


def _probe(passes, inputs):
    """Run two rows to learn whether torch draws masks itself and whether the model overwrites its input."""
    copies = tuple(tensor[:2].clone() for tensor in inputs)
    before, versions = _mc_tape.random_state(), [tensor._version for tensor in copies]
    passes.start(copies, 0)
    _checked_output(passes.run(0), len(copies[0]))
    passes.copy_inputs = versions != [tensor._version for tensor in copies]
    torch_draws = not all(map(torch.equal, before, _mc_tape.random_state()))
    if torch_draws and passes.masks.shared:
        raise ValueError('masks="shared" reaches the masks of dropout layers, and this model draws others too (inside '
                         'an LSTM, GRU or RNN, in attention, or in a layer of its own): use masks="per_row".')
    return torch_draws


def _loop(passes, inputs, first_row, n_passes, torch_draws):
    """Yield the outputs of the passes one by one, (1, rows, …)."""
    passes.start(inputs, first_row)
    for t in range(n_passes):
        if torch_draws:
            address = np.random.SeedSequence([passes.masks.key, first_row, t])
            _mc_tape.reseed(int(address.generate_state(1, np.uint64)[0]))
        yield _checked_output(passes.run(t), len(inputs[0]))[None]


def _way(model, inputs, n_passes, masks, rows):
    """The way to compute this model's passes, as a function of a block's inputs and first row, and the block's rows."""
    layers = _mc_fast.chain(model) if len(inputs) == 1 and inputs[0].ndim > 1 else None
    if layers and (folded := _mc_fast.fold_rows(layers, inputs[0], n_passes)):
        return lambda inputs, row: _mc_fast.fold(layers, *inputs, masks, row, n_passes), min(rows, folded)
    stages = _mc_fast.stages(layers) if layers and inputs[0].ndim == 2 else None
    if stages:
        return lambda inputs, row: _mc_fast.wide(stages, *inputs, masks, row, n_passes), rows
    passes = _mc_passes.Passes(model, masks)
    torch_draws = _probe(passes, inputs)
    return lambda inputs, row: _loop(passes, inputs, row, n_passes, torch_draws), TORCH_ROWS if torch_draws else rows


@contextlib.contextmanager
def _mismatch_explained():
    """What is said of an x of another dtype, width or number of tensors than the model takes becomes a sentence."""
    try:
        yield
    except TypeError as error:
        if not re.search(r"forward\(\) missing \d+ required positional", str(error)):
            raise
        raise ValueError(f"The model takes more inputs than x holds ({error}): several inputs are a tuple, (a, b), and "
                         "in a DataLoader's batches the first item, ((a, b), y).") from error
    except RuntimeError as error:
        if not re.search("dtype|should be the same|cannot be multiplied", str(error)):
            raise
        raise ValueError(f"x does not fit the model ({str(error).splitlines()[0]}): give it the dtype of the model's "
                         "parameters, x.to(torch.float32) as a rule, and the features on the last axis.") from error


def _bar(x, n_passes, progress):
    """A progress bar that counts rows times passes, or one that shows nothing."""
    if not progress:
        return contextlib.nullcontext()
    from tqdm.auto import tqdm

    n = len(x.dataset) if isinstance(x, DataLoader) else len(_inputs(x)[0])
    return tqdm(total=n * n_passes, unit="row", unit_scale=True)


def mc_predict(model, x, n_passes=100, *, masks="per_row", seed=None, keep_samples=False, batch_size=None,
               progress=False):
    """Mean and standard deviation of a network's outputs over forward passes with dropout on.

    Parameters
    ----------
    model : torch.nn.Module
        Any module whose rows are on axis 0 and whose output is one tensor. Not changed: no flag, no buffer.
    x : (n, ...) tensor, tuple of such tensors, or DataLoader
        A tuple means ``model(*x)``. A DataLoader must not shuffle; of its batches (inputs, targets) the first part
        is taken. Blocks of rows go to the device of the model.
    n_passes : int
        T, the number of passes.
    masks : {"per_row", "shared"}
        ``"per_row"``: every row of every pass has a mask of its own. ``"shared"``: all rows of a pass have the same,
        so that each pass is one function of x.
    seed : int, optional
        Makes the result reproducible; None takes a fresh seed from the operating system. Torch's global random
        state is neither read nor changed (on CPU and CUDA devices).
    keep_samples : bool
        Also return all outputs, which takes T times the memory.
    batch_size : int, optional
        Rows at a time, which bounds the memory and does not change the result beyond rounding: 256, or the
        DataLoader's. Where torch draws masks itself (below) it is 64 in any case.
    progress : bool
        Show a bar (tqdm).

    Returns
    -------
    MCPrediction
        ``mean`` and ``std`` have the shape and dtype of the output, rows in the order of x, no gradient; ``std`` is
        the sample standard deviation (T - 1 in the denominator), None for one pass. ``samples`` is (T, n, ...) or
        None. The std is that of the network's output; the noise of an observation is not in it.

    Raises
    ------
    ValueError
        If no layer is stochastic, or all passes are equal; if dropout is out of reach (functional dropout that is
        switched off; for shared masks, dropout inside a recurrent layer or attention); if an argument, an input
        or an output is not as described.

    Notes
    -----
    Gal & Ghahramani (2016), *Dropout as a Bayesian approximation*, ICML, section 4: their predictive mean, and the
    root of their predictive variance without its noise term τ⁻¹.

    A mask depends on the seed, the number of its layer, the pass and the row (in a small network also on n_passes).
    Inside recurrent layers, attention and layers of your own, torch draws the masks, seeded for each pass of 64 rows.
    Code that hides dropout behind ``self.training`` of a module that is none of these, as some attention written by
    hand does, stays switched off.

    Examples
    --------
    The output is 0 or 2, each half of the time:

    >>> prediction = mc_predict(nn.Dropout(0.5), torch.ones(1, 1), n_passes=1000, seed=0)
    >>> round(prediction.mean.item(), 1), round(prediction.std.item(), 1)
    (1.0, 1.0)
    """
    n_passes = checked_count("n_passes", n_passes, 1, 10**8)
    seed = _checked_options(masks, seed)
    batch_size = (getattr(x, "batch_size", None) or ROWS) if batch_size is None else batch_size
    rows = checked_count("batch_size", batch_size, 1, 10**9)
    keep_samples, progress = checked_flag("keep_samples", keep_samples), checked_flag("progress", progress)
    blocks = []
    with (dropout_active(model), _mc_tape.random_state_kept(), torch.inference_mode(False), torch.no_grad(),
          _mismatch_explained()):
        device = next((parameter.device for parameter in model.parameters()), None)
        batches = (tuple(tensor.to(device) for tensor in batch) for batch in _batches(x))
        first = next(batches, None)
        if first is None or not len(first[0]):
            raise ValueError("x has no rows: there is nothing to predict.")
        way, rows = _way(model, first, n_passes, _mc_passes.Masks(seed, shared=masks == "shared"), rows)
        with _bar(x, n_passes, progress) as bar:
            for row, inputs in _blocks(itertools.chain([first], batches), rows):
                blocks.append(_block(way(inputs, row), bar, keep_samples))
        means, stds, differ, samples = zip(*blocks, strict=True)
        if not any(differ):
            raise ValueError(f"All {n_passes} passes gave the same output: look for F.dropout in forward (make it an "
                             "nn.Dropout layer), for p near 0 or 1 and for units that are all dead.")
        return MCPrediction(torch.cat(means), None if n_passes == 1 else torch.cat(stds),
                            torch.cat(samples, dim=1) if keep_samples else None)


def _block(outputs, bar, keep_samples):
    """Mean, standard deviation, whether passes differ, and samples of one block."""
    moments, samples = None, []
    for out in outputs:
        moments = moments or _Moments(out)
        moments.add(out)
        if keep_samples:
            samples.append(out)
        if bar is not None:
            bar.update(out.shape[0] * out.shape[1])
    return *moments.result(), torch.cat(samples) if samples else None
