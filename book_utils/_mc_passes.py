"""Forward passes with masks of our own: the plain loop that `mc_predict` runs for any model, less what it repeats.

Each saving gives what the plain loop gives, with the same masks:

1. Masks come from 16-bit lanes of a counter-based generator (`Masks`): torch draws one Bernoulli number after the
   other, a quarter to a third of a wide network's time. And a mask that has an address (layer, pass, row) does not
   depend on how the rows are cut into blocks.
2. What comes before the first dropout is the same in every pass, so it is computed once (`Tape`), in any model.
"""

import contextlib
import math

import numpy as np
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from book_utils._mc_tape import Tape, counts_changes

# One mask entry an element (None), or one a channel of inputs with so many axes.
DROPOUTS = {F.dropout: None, F.alpha_dropout: None, F.dropout1d: (3,), F.dropout2d: (3, 4), F.dropout3d: (5,),
            F.feature_alpha_dropout: (3, 4, 5)}


class Masks:
    """Masks by address: one depends on the seed (None: a fresh one), its layer, its pass and its row alone.

    Shared masks stand in one stream, pass after pass; a mask for each row stands in a stream of its pass.
    """

    def __init__(self, seed, *, shared=False):
        self.shared, self.philox = shared, np.random.Philox(seed)
        self.key = int(self.philox.state["state"]["key"][0])

    def __call__(self, layer, t, first_row, n, units, p):
        """The masks of pass t for n rows: (n, units) bool, or (1, units) where they share it."""
        return self.draw(layer, 0, t, 1, units, p) if self.shared else self.draw(layer, 1 + t, first_row, n, units, p)

    def draw(self, layer, stream, start, n, units, p):
        """Rows start, …, start + n - 1 of a stream: (n, units) bool, True (kept) with probability 1 - p.

        16 random bits an entry make p exact to 1/131072; where that is more than a thousandth of p or 1 - p, 32 do.
        """
        bits = 16 if abs(round(p * 2**16) / 2**16 - p) <= 1e-3 * min(p, 1 - p) else 32
        steps = -(-units * bits // 256)  # a step of Philox gives 256 bits, and a row begins with a step
        self.philox.state = {"bit_generator": "Philox", "buffer": (0,) * 4, "buffer_pos": 4, "has_uint32": 0,
                             "uinteger": 0, "state": {"counter": (start * steps, 0, stream, 0),
                                                      "key": (self.key, layer)}}
        lanes = self.philox.random_raw(4 * steps * n).view(f"<u{bits // 8}")
        return lanes.reshape(n, -1)[:, :units] >= round(p * 2**bits)


def masked(x, keep, p, alpha=False, out=None):
    """x after (alpha) dropout with a given mask. It may be written to `out`: memory that is new is slow."""
    if not alpha:
        kind = np.float64 if x.dtype == torch.float64 else np.float32
        factor = np.multiply(np.ascontiguousarray(keep), 1 / (1 - p) if p < 1 else 0.0, dtype=kind)
        return torch.mul(x, torch.from_numpy(factor).to(x.device), out=out).to(x.dtype)
    # Klambauer et al. (2017): drop to -α', then restore zero mean and unit variance
    low = -1.7580993408473766
    scale = 1 / math.sqrt((low**2 * p + 1) * (1 - p)) if p < 1 else 0.0
    keep = torch.from_numpy(keep).to(x.device)
    return scale * torch.where(keep, x, low) - scale * low * p


class Passes(TorchFunctionMode):
    """Forward passes of any model with our masks in its dropout layers: the plain loop, less its repeated start.

    As a function mode it sees every call of torch that the model's code makes, and the model itself is not changed.
    """

    def __init__(self, model, masks, *, replay=True):
        super().__init__()
        self.model, self.masks, self.replay = model, masks, replay
        self.copy_inputs = False  # for a model that overwrites its input
        self.compiled = any(hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None)
                            for part in model.modules())

    def start(self, inputs, first_row):
        """Take the next block of rows: a tuple of tensors."""
        self.inputs = [tensor if counts_changes(tensor) else tensor.clone() for tensor in inputs]
        self.first_row, self.tape = first_row, Tape(on=self.replay)

    def run(self, t):
        """The output of pass t."""
        self.t, self.layer = t, 0
        replayed = self.tape.rewind()
        try:
            inputs = [tensor.clone() for tensor in self.inputs] if self.copy_inputs else self.inputs
            # A compiler would trace our masks into the model: run it as it is written.
            with torch.compiler.set_stance("force_eager") if self.compiled else contextlib.nullcontext(), self:
                out = self.model(*inputs)
            self.tape.finish()
        except Exception:
            if not replayed:
                raise
            self.tape = Tape(on=False)  # the same pass in full, to which an error of the model's own comes back
            return self.run(t)
        return out

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in DROPOUTS:
            self.tape.close()
            return self._drop(func, *args, **kwargs)
        return self.tape.call(func, args, kwargs)

    def _drop(self, func, x, p, training, inplace):
        if p == 0:
            return func(x, p=p, training=training, inplace=inplace)
        if not training:
            raise ValueError(f"forward calls F.{func.__name__} with training=False, which the prediction cannot "
                             "switch on: make it a dropout layer such as nn.Dropout in __init__.")
        axes, n = DROPOUTS[func], len(self.inputs[0])
        if x.ndim == 0 or len(x) != n or not (axes is None or x.ndim in axes):
            if self.masks.shared:
                raise ValueError(f"A dropout layer gets shape {tuple(x.shape)} for {n} rows, so that masks=\"shared\" "
                                 "cannot tell its rows: put the rows on axis 0, or use masks=\"per_row\".")
            return func(x, p=p, training=training, inplace=inplace)
        shape = x.shape[1:] if axes is None else (x.shape[1], *[1] * (x.ndim - 2))
        keep = self.masks(self.layer, self.t, self.first_row, n, math.prod(shape), p).reshape(-1, *shape)
        self.layer += 1
        out = masked(x, keep, p, "alpha" in func.__name__)
        return x.copy_(out) if inplace else out
