"""One call of a model that stands for many passes with dropout: masks by address, put in where dropout is called.

Pass after pass, a loop repeats what comes before its first mask, and makes many small calls. `Passes` calls the model
once for many passes: where the first mask falls the rows are repeated, once a pass, and what follows computes all
passes side by side. A mask depends on its address alone, so that nothing depends on how passes and rows are cut.
"""

import math
import sys

import numpy as np

from book_utils._torch import F, nn, torch

# One mask entry an element (None), or one a channel of inputs with so many axes.
DROPOUTS = {F.dropout: None, F.alpha_dropout: None, F.dropout1d: (3,), F.dropout2d: (3, 4), F.dropout3d: (5,),
            F.feature_alpha_dropout: (3, 4, 5)}
GOLDEN, *FACTORS = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Unlike(Exception):
    """This way of computing the passes does not give what the plain loop gives."""


class Refused(ValueError):
    """No way of computing the passes gives what was asked for."""


def _mixed(z):
    """64 well mixed bits for each number, in place: the finalizer of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    for shift, factor in zip((30, 27), FACTORS, strict=True):
        z ^= z >> np.uint64(shift)
        z *= factor
    z ^= z >> np.uint64(31)
    return z


class Masks:
    """Masks by address: one depends on the seed (None: a fresh one), its layer, its pass and its row."""

    def __init__(self, seed, *, shared=False):
        self.key, self.shared = np.random.SeedSequence(seed).generate_state(1, np.uint64), shared

    def torch_seed(self, row, t):
        """What torch's own generator is seeded with for pass t over the rows from `row` on."""
        return int(np.random.SeedSequence([int(self.key[0]), row, t]).generate_state(1, np.uint64)[0])

    def __call__(self, layer, passes, rows, units, p):
        """For ranges of passes and rows, (R, n, units) or, if shared, (R, 1, units): True (kept) with chance 1 - p.

        16 random bits an entry make p exact to 1/131072; where that is more than a thousandth of p or 1 - p, 32 do.
        """
        bits = 16 if abs(round(p * 2**16) / 2**16 - p) <= 1e-3 * min(p, 1 - p) else 32
        threshold = round(p * 2**bits)
        rows = np.zeros(1, np.uint64) if self.shared else np.arange(rows.start, rows.stop, dtype=np.uint64)
        if threshold == 2**bits:  # more than a lane can hold
            return np.zeros((len(passes), len(rows), units), bool)
        words = np.arange(-(-units * bits // 64), dtype=np.uint64) * GOLDEN
        start = _mixed(self.key + np.array([layer], np.uint64) * GOLDEN)
        keep, step = np.empty((len(passes), len(rows), units), bool), max(1, 2**16 // max(1, len(rows) * units))
        for i in range(0, len(passes), step):  # as much at a time as stays in the processor's cache
            t = np.array(passes[i:i + step], np.uint64)[:, None] << np.uint64(32)
            lanes = _mixed(_mixed(start + (t + rows) * GOLDEN)[..., None] + words).view(f"<u{bits // 8}")
            np.greater_equal(lanes[..., :units], threshold, out=keep[i:i + step])
        return keep


def _masked(x, keep, p, alpha):
    """x after (alpha) dropout with a given mask."""
    if not alpha:
        kind = np.float64 if x.dtype == torch.float64 else np.float32
        factor = np.multiply(keep, 1 / (1 - p) if p < 1 else 0.0, dtype=kind)
        return (x * torch.from_numpy(factor).to(x.device)).to(x.dtype)
    # Klambauer et al. (2017): drop to -α', then restore zero mean and unit variance
    low = -1.7580993408473766
    scale = 1 / math.sqrt((low**2 * p + 1) * (1 - p)) if p < 1 else 0.0
    return scale * torch.where(torch.from_numpy(keep).to(x.device), x, low) - scale * low * p


def _calling_module():
    """The module whose forward is being run."""
    frame = sys._getframe()
    while frame:
        if isinstance(module := frame.f_locals.get("self"), nn.Module):
            return module
        frame = frame.f_back


def checked_rows(out, n):
    """The output of n rows, or a ValueError if it holds another number of rows."""
    if out.shape[:1] != (n,):
        raise ValueError(f"The model returned shape {tuple(out.shape)} for {n} rows: rows must stay on axis 0 (no "
                         "squeeze(); batch_first=True).")
    return out


def random_state():
    """The state of every global generator of torch that may be in use."""
    on_gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return [torch.get_rng_state(), *map(torch.cuda.get_rng_state, on_gpus)]


def _reseed(seed):
    """Seed torch's global generators. (torch.manual_seed would also seed GPUs that nobody uses yet.)"""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


class Passes(torch.overrides.TorchFunctionMode):
    """Calls of a function of (n, ...) tensors in which our masks stand wherever it calls torch's dropout.

    As a function mode it sees every call of torch that the function's code makes; no module is changed. After a call
    `drawn` says whether torch drew random numbers too, `acted` whether any mask was random, and `widest` the numbers a
    row in the largest tensor before and after the first mask.
    """

    def __init__(self, function, masks):
        super().__init__()
        self.function, self.masks = function, masks
        self.drawn = self.acted = False
        self.widest = [1, 1]

    def run(self, inputs, rows, passes, *, late=True):
        """The outputs (R, n, ...) of a range of passes over a range of rows, or Unlike.

        The rows are repeated at the first mask (`late`), or else at the input.
        """
        self.rows, self.passes, self.layer = rows, passes, 0
        self.repeated = len(passes) == 1 or not late
        times = len(passes) if self.repeated else 1
        inputs = {name: tensor.repeat(times, *[1] * (tensor.ndim - 1)) for name, tensor in inputs.items()}  # a copy
        if len(passes) == 1:
            _reseed(self.masks.torch_seed(rows.start, passes.start))
        before = random_state()
        with self:
            out = self.function(inputs)
        drawn = not all(map(torch.equal, before, random_state()))
        self.drawn = self.drawn or drawn
        if drawn and self.masks.shared:
            raise Refused('masks="shared" reaches the masks of dropout layers, and this model draws others too '
                             '(inside an LSTM, GRU or RNN, in attention, or in a layer of its own): use '
                             'masks="per_row".')
        if drawn and len(passes) > 1:
            raise Unlike
        return checked_rows(out, len(passes) * len(rows)).unflatten(0, (len(passes), len(rows)))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in DROPOUTS:
            out = self._drop(func, *args, **kwargs)
        else:
            if func is F.scaled_dot_product_attention:
                _check_attention(*args, **kwargs)
            out = func(*args, **kwargs)
        count = len(self.rows) * (len(self.passes) if self.repeated else 1)
        if isinstance(out, torch.Tensor) and out.shape[:1] == (count,):
            self.widest[self.layer > 0] = max(self.widest[self.layer > 0], out.numel() // count)
        return out

    def _drop(self, func, x, p, training, inplace):
        if p == 0:
            return func(x, p=p, training=training, inplace=inplace)
        if not training:
            raise Refused(f"forward of {type(_calling_module()).__name__} calls F.{func.__name__} with "
                             "training=False, which the prediction cannot switch on: make it a dropout layer such as "
                             "nn.Dropout in __init__.")
        axes, count = DROPOUTS[func], (len(self.passes), len(self.rows))
        if x.ndim == 0 or len(x) != math.prod(count[not self.repeated:]) or not (axes is None or x.ndim in axes):
            if self.masks.shared:
                raise Refused(f"A dropout layer gets shape {tuple(x.shape)} for {count[1]} rows, so that "
                                 'masks="shared" cannot tell its rows: put the rows on axis 0, or use '
                                 'masks="per_row".')
            return func(x, p=p, training=training, inplace=inplace)  # torch draws
        p, shape = float(p), x.shape[1:] if axes is None else (x.shape[1], *[1] * (x.ndim - 2))
        keep = self.masks(self.layer, self.passes, self.rows, math.prod(shape), p)
        x_of_passes = x.unflatten(0, count) if self.repeated else x[None]
        out = _masked(x_of_passes, keep.reshape(*keep.shape[:2], *shape), p, "alpha" in func.__name__).flatten(0, 1)
        if inplace and self.repeated:
            out = x.copy_(out)
        self.layer, self.repeated, self.acted = self.layer + 1, True, self.acted or p < 1
        return out


def _check_attention(query, key, value, attn_mask=None, *others, **options):
    """Refuse attention without dropout in a module that holds a number to drop with."""
    module, off = _calling_module(), not (others[0] if others else options.get("dropout_p"))
    held = {name: value for name, value in vars(module).items() if off and "drop" in name
            and isinstance(value, float) and 0 < value < 1} if module else {}
    for name, value in held.items():
        raise Refused(f"forward of {type(module).__name__} calls scaled_dot_product_attention with dropout_p=0, "
                         f"though the module holds {name} = {value:g}: write nn.MultiheadAttention, or an nn.Dropout "
                         "on the attention weights, which the prediction can switch on.")
