"""Forward passes with masks of our own: the plain loop that `mc_predict` runs for any model, less what it repeats.

Each saving gives what the plain loop gives, with the same masks:

1. Masks come from 16-bit lanes of a counter-based generator (`Masks`): torch draws one Bernoulli number after the
   other, a quarter to a third of a wide network's time. And a mask that has an address (layer, pass, row) does not
   depend on how the rows are cut into blocks.
2. What comes before the first dropout is the same in every pass, so it is computed once (`Tape`), in any model.
"""

import contextlib
import math
import weakref

import numpy as np
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

# One mask entry an element (None), or one a channel of inputs with so many axes.
DROPOUTS = {F.dropout: None, F.alpha_dropout: None, F.dropout1d: (3,), F.dropout2d: (3, 4), F.dropout3d: (5,),
            F.feature_alpha_dropout: (3, 4, 5)}
PLAIN = (int, float, bool, complex, str, type(None), type(...), torch.Size, torch.dtype, torch.device, torch.layout,
         torch.memory_format)
# Ways to a tensor's memory: torch counts no change that is made through them.
UNSEEN = {torch.Tensor.data.__get__, torch.Tensor.data.__set__, torch.Tensor.numpy, torch.Tensor.__array__,
          torch.Tensor.__dlpack__, torch.Tensor.untyped_storage, torch.Tensor.storage, torch.Tensor.data_ptr}


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
        self.inputs = [tensor if _counts_changes(tensor) else tensor.clone() for tensor in inputs]
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


class Tape:
    """The calls of torch that a pass makes before its first dropout, with their results for the passes after it.

    A result is played back only for the same function with the same arguments: tensors the very same, unchanged
    since (torch counts changes), other values equal. Whatever may change unseen, random numbers drawn on the way
    among it, voids the tape: then every pass runs in full.
    """

    def __init__(self, on=True):
        self.entries = []  # (function, key of its arguments, result or names of its tensors)
        self.held = []  # a tensor has the number of its place here; while recording: [reference, version, made, shape]
        self.names = {}  # id of a tensor: (reference, number)
        self.gone = {}  # by id, the stand-ins for tensors that the first pass let go
        self.recording, self.position, self.in_place = on, 0, False

    def rewind(self):
        """Begin a pass; True if it will be played back."""
        self.position = 0
        if self.recording:
            self.random_state = random_state()
        return bool(self.entries)

    def void(self):
        """Play nothing back from here on."""
        self.recording, self.entries, self.held, self.names = False, [], [], {}

    def call(self, func, args, kwargs):
        """The result of a call, computed or played back."""
        if func in UNSEEN:
            self.void()
        if self.recording:
            return self._record(func, args, kwargs)
        if self.position < len(self.entries):
            expected, key, result = self.entries[self.position]
            if func == expected and (_modes(), self._key((args, kwargs))) == key:
                self.position += 1
                return result
            if self.in_place and any(map(_tensors, (args, kwargs))):
                raise RuntimeError("This pass has left the first one's way, whose tensors were changed in place.")
        if self.gone and any(id(tensor) in self.gone for tensor in _tensors(args)):
            raise RuntimeError("This pass needs a tensor that the first one had let go.")
        return func(*args, **kwargs)

    def _record(self, func, args, kwargs):
        key = _modes(), self._key((args, kwargs), new=True)
        if None in key or torch.is_grad_enabled() or self._changed():
            self.close()
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        names = self._key(result, new=True, weak=True)
        if names is None or not self._random_state_same():
            self.close()
            return result
        for i in self._changed():
            if not self.held[i][2]:  # an input, a parameter or a buffer
                self.void()
                return result
            self.held[i][1], self.in_place = self.held[i][0]()._version, True
        if any(map(_tensors, (args, kwargs, result))):  # others, such as a switch of modes, always run
            self.entries.append((func, key, names))
        return result

    def _changed(self):
        """The numbers of tensors that have changed since they were last looked at."""
        return [i for i, (ref, version, *_) in enumerate(self.held)
                if (tensor := ref()) is not None and tensor._version != version]

    def _random_state_same(self):
        return all(map(torch.equal, random_state(), self.random_state))

    def _key(self, value, new=False, weak=False):
        """A value with names for its tensors, to compare; None for what cannot be compared."""
        if isinstance(value, torch.Tensor):
            return self._name(value, new, weak)
        if type(value) in (tuple, list, dict, slice):
            parts = value.items() if type(value) is dict else (
                (value.start, value.stop, value.step) if type(value) is slice else value)
            keys = [self._key(part, new, weak) for part in parts]
            return None if None in keys else (type(value), *keys)
        return (type(value), value, repr(value)) if type(value) in PLAIN else None  # repr: 0.0 is not -0.0

    def _name(self, tensor, new, weak):
        known = self.names.get(id(tensor))
        if known is None or known[0]() is not tensor:
            if not new or not _counts_changes(tensor):
                return None
            known = self.names[id(tensor)] = (weakref.ref(tensor), len(self.held))
            self.held.append([known[0] if weak else lambda: tensor, tensor._version, weak, tensor.to("meta")])
        return torch.Tensor, known[1]

    def close(self):
        """End the recording: keep what is still in use, and of the rest the shapes only."""
        if not self.recording:
            if self.in_place and self.position < len(self.entries):
                raise RuntimeError("This pass has left out what the first one changed in place.")
            return
        if self._changed() or not self._random_state_same():  # by a call that did not come by here
            self.void()
            return
        self.recording, self.position = False, len(self.entries)  # the rest of this pass plays nothing back
        tensors = [shape if (tensor := ref()) is None else tensor for ref, _, _, shape in self.held]
        self.entries = [(func, key, _resolved(names, tensors)) for func, key, names in self.entries]
        self.gone = {id(tensor): tensor for tensor in tensors if tensor.is_meta}
        self.names = {id(tensor): (lambda tensor=tensor: tensor, i) for i, tensor in enumerate(tensors)}
        self.held = [(lambda tensor=tensor: tensor, tensor._version) for tensor in tensors]

    def finish(self):
        """End a pass: forget everything if it changed a tensor in place that the next one would need."""
        self.close()
        if self._changed():
            self.void()


def _counts_changes(tensor):
    """Whether torch counts the changes of a tensor: not those of memory that it shares with NumPy, for example."""
    try:
        return (tensor.layout == torch.strided and not tensor.is_nested and not tensor.is_inference()
                and tensor.untyped_storage().resizable())
    except RuntimeError:  # inside a transform such as vmap, tensors have no memory to speak of
        return False


def _modes():
    """The switches on which results depend."""
    return (torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
            *((torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")))


def _tensors(value):
    """The tensors in a value, also in tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [tensor for part in value for tensor in _tensors(part)]


def _resolved(names, tensors):
    """The value that `Tape._key` gave names to."""
    kind, *parts = names
    if kind is torch.Tensor:
        return tensors[parts[0]]
    if kind in (tuple, list, dict):
        return kind(_resolved(part, tensors) for part in parts)
    return parts[0]


def random_state():
    """The state of every global generator of torch that may be in use."""
    on_gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return [torch.get_rng_state(), *map(torch.cuda.get_rng_state, on_gpus)]


@contextlib.contextmanager
def random_state_kept():
    """Give torch's global generators their state back at the end, whatever happened."""
    before = random_state()
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        for i, state in enumerate(before[1:]):
            torch.cuda.set_rng_state(state, i)


def reseed(seed):
    """Seed torch's global generators. (torch.manual_seed would also seed GPUs that nobody uses yet.)"""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
