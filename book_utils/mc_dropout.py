"""Monte Carlo dropout: ask a trained network many times, each time with other units dropped.

Only dropout is switched on for it. Everything else, batch normalization above all, predicts as in evaluation.
"""

import contextlib
import inspect
import re
import threading
import weakref
from collections.abc import Mapping
from typing import NamedTuple

from book_utils._checks import checked_count, checked_flag, shown
from book_utils._mc_passes import Masks, Passes, checked_rows
from book_utils._mc_ways import TORCH_ROWS, WAYS, alike, chain_width, count_rows, cut, predicted
from book_utils._torch import buffers_kept, check_built, flags_kept, nn, torch

data, _DropoutNd = torch.utils.data, nn.modules.dropout._DropoutNd

ROWS = 256  # rows at a time, unless the caller says otherwise


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


_switching, _predicting = threading.Lock(), threading.RLock()
_held = weakref.WeakKeyDictionary()  # module in an active block: [how many blocks, its flag before the first]
_fused = [0, True]  # how many blocks are active, torch's fused attention before the first


@contextlib.contextmanager
def dropout_active(model):
    """Within the block, drop as in training and do everything else as in evaluation.

    Parameters
    ----------
    model : torch.nn.Module
        Every dropout layer in it (or itself) is switched on, so are the dropout between the layers of an LSTM, GRU
        or RNN and that of attention; every other module is in eval mode. Torch's fused attention, which leaves
        dropout out, is off. All that comes back at the end, also after an exception; where blocks overlap (nested,
        in other order, in several threads), at the end of the last one.

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
    if not any(map(_is_stochastic, modules)):
        raise ValueError(f"{type(model).__name__} has no dropout layer with p > 0: if its forward calls F.dropout, "
                         "make that an nn.Dropout layer in __init__, which can be found and switched.")
    with _switching:
        if not _fused[0]:
            _fused[1] = torch.backends.mha.get_fastpath_enabled()
        _fused[0] += 1
        torch.backends.mha.set_fastpath_enabled(False)
        for module in modules:
            _held.setdefault(module, [0, module.training])[0] += 1
            module.training = _is_stochastic(module)
    try:
        yield model
    finally:
        with _switching:
            for module in modules:
                _held[module][0] -= 1
                if not _held[module][0]:
                    module.training = _held.pop(module)[1]
            _fused[0] -= 1
            if not _fused[0]:
                torch.backends.mha.set_fastpath_enabled(_fused[1])


def _inputs(batch):
    """A batch as a dict of tensors: by name, or by place for the arguments without a name."""
    inputs = dict(batch) if isinstance(batch, Mapping) else dict(
        enumerate(batch if isinstance(batch, (tuple, list)) else [batch]))
    for tensor in inputs.values():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError("x must be a tensor, a tuple or dict of tensors, or a DataLoader, not "
                             f"{type(tensor).__name__}: convert arrays with torch.as_tensor(x, dtype=torch.float32).")
        if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized:
            raise ValueError("x must be an ordinary dense tensor: convert it with to_dense(), to_padded_tensor(0.0) or "
                             "dequantize().")
        if tensor.is_floating_point() and tensor.isnan().any():
            raise ValueError("x holds nan: remove or impute values that are not finite.")
    shapes = [tuple(tensor.shape) for tensor in inputs.values()]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"All of x must have the same number of rows on axis 0, not shapes {shapes}.")
    return inputs


def _check_order(loader):
    """A ValueError unless a DataLoader is known to give all rows in their order."""
    batches = loader.batch_sampler
    whole = batches is None or type(batches) is data.BatchSampler and not batches.drop_last
    streamed = isinstance(loader.dataset, data.IterableDataset) and loader.num_workers <= 1
    if not whole or not streamed and type((batches or loader).sampler) is not data.SequentialSampler:
        raise ValueError("x is a DataLoader that may shuffle or leave out rows, so that predictions would not follow "
                         "them: make one with shuffle=False, drop_last=False and no sampler of its own.")


def _batches(x):
    """The batches of x that are not empty, as dicts of tensors."""
    if isinstance(x, data.DataLoader):
        _check_order(x)
        # (inputs, targets, …): what follows the inputs is no input
        batches = (_inputs(batch[0] if isinstance(batch, (tuple, list)) else batch) for batch in x)
    else:
        batches = [_inputs(x)]
    return (batch for batch in batches if count_rows(batch))


def _form(inputs):
    """What batches must have in common to be joined."""
    return [(name, tensor.shape[1:], tensor.dtype) for name, tensor in inputs.items()]


def _blocks(batches, size):
    """Join and cut batches into blocks of `size` rows, fewer only at the end or before rows of another shape."""
    rest = None
    for batch in batches:
        if rest is not None and _form(rest) == _form(batch):
            batch = {name: torch.cat([rest[name], batch[name]]) for name in batch}
        elif rest is not None:
            yield rest
        whole = (count_rows(batch) - 1) // size * size  # something is left for the end
        for start in range(0, whole, size):
            yield cut(batch, start, start + size)
        rest = cut(batch, whole, None)
    if rest is None:
        raise ValueError("x has no rows: there is nothing to predict.")
    yield rest


def _check_signature(model, inputs):
    """A ValueError if the model's forward does not take inputs of this number or these names."""
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):  # written in another language
        return
    args, kwargs = _arguments(inputs)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ValueError(f"The model cannot take x ({error}): a tuple (a, b) means model(a, b) and a dict "
                         "model(**x); in a DataLoader's batches the inputs are the first item, (inputs, y) or "
                         "((a, b), y).") from error


def _arguments(inputs):
    return ([tensor for name, tensor in inputs.items() if isinstance(name, int)],
            {name: tensor for name, tensor in inputs.items() if not isinstance(name, int)})


@contextlib.contextmanager
def _mismatch_explained():
    """What torch says of an x of another dtype or width than the model takes becomes a sentence."""
    try:
        yield
    except RuntimeError as error:
        if not re.search("dtype|should be the same|cannot be multiplied", str(error)):
            raise
        raise ValueError(f"x does not fit the model ({str(error).splitlines()[0]}): give it the dtype of the model's "
                         "parameters, x.to(torch.float32) as a rule, and the features on the last axis.") from error


def _caller(model, output):
    """The model and `output` as one function of inputs that gives a tensor."""
    compiled = any(hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None)
                   for part in model.modules())

    def call(inputs):
        args, kwargs = _arguments(inputs)
        # A compiler would trace our masks into the model: run it as it is written.
        with torch.compiler.set_stance("force_eager") if compiled else contextlib.nullcontext():
            out = model(*args, **kwargs)
        out = out if output is None else output(out)
        if not (isinstance(out, torch.Tensor) and out.is_floating_point()):
            found = out.dtype if isinstance(out, torch.Tensor) else type(out).__name__
            raise ValueError("What is averaged must be one tensor of floating-point numbers, not "
                             f"{found}: choose it with output, a function of what the model returns, such as "
                             "lambda out: out.logits.softmax(-1).")
        return out.detach()

    return call


def _check_rows(model, call, inputs):
    """A ValueError if, all dropout off, a row's output depends on the rows beside it."""
    if count_rows(inputs) == 1:
        return
    alone, among = [0, 1], [last := min(2, count_rows(inputs) - 1), 0, 1, last]
    with flags_kept(model):
        model.eval()
        first, beside, again, third = (
            checked_rows(call({name: tensor[chosen] for name, tensor in inputs.items()}), len(chosen))
            for chosen in (alone, among, among, alone))
    if alike(first, third) and alike(beside, again) and not alike(first, beside[1:3]):  # and no noise of its own
        raise ValueError("A row's output depends on the rows beside it, even with all dropout off: look for a "
                         "BatchNorm without running statistics, and for rows that are not on axis 0 of x and of the "
                         "output.")


def _bar(x, n_passes, progress):
    """A progress bar that counts rows times passes, or one that shows nothing."""
    if not progress:
        return contextlib.nullcontext()
    from tqdm.auto import tqdm

    rows = x.dataset if isinstance(x, data.DataLoader) else next(iter(_inputs(x).values()))
    return tqdm(total=len(rows) * n_passes if hasattr(rows, "__len__") else None, unit="row", unit_scale=True)


def mc_predict(model, x, n_passes=100, *, masks="per_row", seed=None, keep_samples=False, output=None, batch_size=None,
               progress=False):
    """Mean and standard deviation of a network's outputs over forward passes with dropout on.

    Parameters
    ----------
    model : torch.nn.Module
        Any module whose rows are on axis 0 and independent of each other. It comes back as it was: every flag, every
        buffer.
    x : (n, ...) tensor, tuple or dict of such tensors, or DataLoader
        A tuple means ``model(*x)``, a dict ``model(**x)``. A DataLoader must keep the order of its rows; of its
        batches (inputs, targets) the first part is taken. Rows go to the device of the model.
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
    output : callable, optional
        What to average: a function of what the model returns that gives one tensor with the rows on axis 0, such as
        ``lambda out: out.logits.softmax(-1)``.
    batch_size : int, optional
        Rows at a time at most, which does not change the result beyond rounding: 256, or the DataLoader's. Where
        torch draws masks itself (below) it is 64 in any case.
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
        If no layer is stochastic or none acts; if dropout is out of reach (functional dropout that is switched off;
        for shared masks, dropout inside a recurrent layer or attention); if rows depend on each other; if an
        argument, an input or an output is not as described.

    Notes
    -----
    Gal & Ghahramani (2016), *Dropout as a Bayesian approximation*, ICML, section 4: their predictive mean, and the
    root of their predictive variance without its noise term τ⁻¹.

    A mask depends on the seed, the number of its layer, the pass and the row. Inside recurrent layers, attention and
    layers of your own, torch draws the masks, seeded for each pass of 64 rows.

    Masks are drawn by the CPU, so that a seed means the same masks on every device. On a GPU that is the slow part:
    for wide layers and many rows a loop of passes inside `dropout_active` took down to a ninetieth of the time there
    (`benchmarks/gpu.py`).

    Passes are computed side by side where that gives what one after the other gives, which is tried on some rows of
    each block. What cannot be seen, and stays off: dropout written by hand behind ``if self.training``; attention
    called with ``dropout_p=self.drop.p if self.training else 0``, where `drop` is a layer (a number is noticed);
    dropout inside a traced module. A model that draws noise of its own from NumPy is not seeded.

    Examples
    --------
    The output is 0 or 2, each half of the time:

    >>> prediction = mc_predict(nn.Dropout(0.5), torch.ones(1, 1), n_passes=1000, seed=0)
    >>> round(prediction.mean.item(), 1), round(prediction.std.item(), 1)
    (1.0, 1.0)
    """
    n_passes = checked_count("n_passes", n_passes, 1, 10**8)
    if not (isinstance(masks, str) and masks in ("per_row", "shared")):
        raise ValueError(f'masks must be "per_row" (every row its own) or "shared" (one for all rows), not '
                         f"{shown(masks)}.")
    if seed is not None:
        seed = checked_count("seed", seed, 0, 2**128, note=", or None for a fresh one")
    if not (output is None or callable(output)):
        raise ValueError(f"output must be a function of what the model returns, or None, not {shown(output)}.")
    if batch_size is None:
        batch_size = isinstance(x, data.DataLoader) and x.batch_size or ROWS
    rows = checked_count("batch_size", batch_size, 1, 10**9)
    keep_samples, progress = checked_flag("keep_samples", keep_samples), checked_flag("progress", progress)
    if isinstance(model, nn.Module):
        check_built(model)
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with (_predicting, dropout_active(model), torch.random.fork_rng(gpus), torch.inference_mode(False),
          torch.no_grad(), buffers_kept(model), _mismatch_explained()):
        parts, first, call = [], 0, _caller(model, output)
        passes = Passes(call, Masks(seed, shared=masks == "shared"))
        ways = list(WAYS if n_passes > 1 else WAYS[-1:])
        device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), None)
        with _bar(x, n_passes, progress) as bar:
            for inputs in _blocks(_batches(x), max(rows // TORCH_ROWS, 1) * TORCH_ROWS):
                inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
                _check_signature(model, inputs)
                width = chain_width(model, inputs) if output is None else None
                if not width:
                    _check_rows(model, call, inputs)
                parts += predicted(passes, ways, inputs, first, n_passes, rows, width, keep_samples, bar)
                first += count_rows(inputs)
        if not (passes.acted or passes.drawn):
            raise ValueError(f"No pass of {type(model).__name__} was random: its dropout layers have p = 1 or are not "
                             "called in forward.")
        means, stds, samples = zip(*parts, strict=True)
        if len(shapes := {tuple(mean.shape[1:]) for mean in means}) > 1:
            raise ValueError(f"The model returned rows of different shapes, {sorted(shapes)}: bring them to one with "
                             "output, or predict the batches one by one.")
        return MCPrediction(torch.cat(means), torch.cat(stds) if n_passes > 1 else None,
                            torch.cat(samples, dim=1) if keep_samples else None)
