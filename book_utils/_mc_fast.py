"""Where `mc_predict` saves time. Each saving gives what the plain loop of forward passes gives, for the same masks.

1. Masks come from 16-bit lanes of a counter-based generator: torch draws one Bernoulli number after the other, which
   takes a quarter to a third of a wide network's time. And a mask that has an address (layer, pass, row) does not
   depend on how the rows are cut into blocks.
2. What comes before the first dropout is the same in every pass, so it is computed once (`Tape`), in any model.
3. A small network of linear layers spends its time on calls, not on numbers: `fold` does all passes in one.
4. A unit that is dropped for all rows need not be computed: `sliced` leaves out its rows and columns of the weights.

The last two are for models that are nothing but linear layers, activations and `nn.Dropout`, without hooks; every
other model goes through `Passes`.
"""

import contextlib
import math
import weakref

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

# One mask entry an element (None), or one a channel of inputs with so many axes.
DROPOUTS = {F.dropout: None, F.alpha_dropout: None, F.dropout1d: (3,), F.dropout2d: (3, 4), F.dropout3d: (5,),
            F.feature_alpha_dropout: (3, 4, 5)}
ELEMENTWISE = {nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh,
               nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Identity}
SLICED = 0.25  # rate from which leaving out dropped units pays for copying the weights that are left
SMALL = 2**15  # weights up to which calls, not numbers, take a network's time
FOLDED = 2**17  # numbers in the widest layer of a fold: they stay in the processor's cache
PLAIN = (int, float, bool, complex, str, type(None), type(...), torch.Size, torch.dtype, torch.device, torch.layout,
         torch.memory_format)


def draw(key, layer, stream, start, n, units, p):
    """Rows start, …, start + n - 1 of a stream of masks: (n, units) bool, True (kept) with probability 1 - p.

    16 random bits an entry make p exact to 1/131072; where that is more than a thousandth of p or 1 - p, 32 bits do.
    """
    bits = 16 if abs(round(p * 2**16) / 2**16 - p) <= 1e-3 * min(p, 1 - p) else 32
    steps = -(-units * bits // 256)  # a step of Philox gives 256 bits, and a row begins with a step
    philox = np.random.Philox(key=[key, layer], counter=[start * steps, 0, stream, 0])
    lanes = philox.random_raw(4 * steps * n).view(f"<u{bits // 8}")
    return lanes.reshape(n, -1)[:, :units] >= round(p * 2**bits)


def masks(key, *, shared):
    """A function that gives the masks of a layer in pass t: (n, units) for n rows, (1, units) where they share it."""
    if shared:
        return lambda layer, t, first_row, n, units, p: draw(key, layer, 0, t, 1, units, p)
    return lambda layer, t, first_row, n, units, p: draw(key, layer, 1 + t, first_row, n, units, p)


def factor(keep, p, like):
    """A mask as what inverted dropout multiplies by: 0, or 1 / (1 - p)."""
    kind = np.float64 if like.dtype == torch.float64 else np.float32
    return torch.from_numpy(np.multiply(keep, 1 / (1 - p) if p < 1 else 0.0, dtype=kind)).to(like.device)


def masked(x, keep, p, alpha):
    """x after (alpha) dropout with a given mask."""
    if not alpha:
        return (x * factor(keep, p, x)).to(x.dtype)
    # Klambauer et al. (2017): drop to -α', then restore zero mean and unit variance
    low = -1.7580993408473766
    scale = 1 / math.sqrt((low**2 * p + 1) * (1 - p)) if p < 1 else 0.0
    keep = torch.from_numpy(keep).to(x.device)
    return scale * torch.where(keep, x, low) - scale * low * p


class Passes(TorchFunctionMode):
    """Forward passes of any model with our masks in its dropout layers: the plain loop, less its repeated start.

    ``masks(layer, t, first_row, n, units, p)`` gives (n, units) bool, or (1, units) for all rows. As a function mode
    it sees every call of torch that the model's code makes, and the model itself is not changed.
    """

    def __init__(self, model, masks, *, shared=False, replay=True):
        super().__init__()
        self.model, self.masks, self.shared, self.replay = model, masks, shared, replay
        self.copy_inputs = False  # for a model that overwrites its input

    def start(self, inputs, first_row):
        """Take the next block of rows: a tuple of tensors."""
        self.inputs, self.first_row, self.tape = inputs, first_row, Tape(on=self.replay)

    def run(self, t):
        """The output of pass t."""
        self.t, self.layer = t, 0
        replayed = self.tape.rewind()
        try:
            inputs = [tensor.clone() for tensor in self.inputs] if self.copy_inputs else self.inputs
            with self:
                out = self.model(*inputs)
        except Exception:
            if not replayed:
                raise
            self.tape = Tape(on=False)  # the same pass in full; an error of the model's own comes back
            return self.run(t)
        self.tape.finish()
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
            if self.shared:
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
    since (torch counts changes), other values equal. Random numbers drawn on the way void the tape.
    """

    def __init__(self, on=True):
        self.entries, self.names, self.held, self.gone = [], {}, [], set()
        self.recording, self.position = on, 0

    def rewind(self):
        """Begin a pass; True if it will be played back."""
        self.position = 0
        if self.recording:
            self.random_state = random_state()
        return bool(self.entries)

    def call(self, func, args, kwargs):
        """The result of a call, computed or played back."""
        if self.recording:
            return self._record(func, args, kwargs)
        if self.position < len(self.entries):
            expected, key, result = self.entries[self.position]
            if func == expected and self._key((args, kwargs)) == key:
                self.position += 1
                return result
        if self.gone and self._uses_what_is_gone((args, kwargs)):
            raise RuntimeError("This pass needs a tensor that the first one had let go.")
        return func(*args, **kwargs)

    def _record(self, func, args, kwargs):
        key = self._key((args, kwargs), new=True)
        result = func(*args, **kwargs)
        names = self._key(result, new=True, weak=True)
        if key is None or names is None or torch.is_grad_enabled():
            self.close()
        elif any(map(_tensors, (args, kwargs, result))):  # others, such as a switch of modes, always run
            self.entries.append((func, key, names))
        return result

    def _key(self, value, new=False, weak=False):
        """A value with names for its tensors, to compare; None for what cannot be compared."""
        if isinstance(value, torch.Tensor):
            return self._name(value, new, weak)
        if type(value) in (tuple, list, dict, slice):
            parts = value.items() if type(value) is dict else (
                (value.start, value.stop, value.step) if type(value) is slice else value)
            keys = [self._key(part, new, weak) for part in parts]
            return None if None in keys else (type(value), *keys)
        return (type(value), value) if type(value) in PLAIN else None

    def _name(self, tensor, new, weak):
        known = self.names.get(id(tensor))
        if known is None or known[0]() is not tensor:
            if not new or tensor.is_inference():
                return None
            known = self.names[id(tensor)] = (weakref.ref(tensor), len(self.held))
            self.held.append((known[0] if weak else lambda: tensor, tensor._version, weak, tensor.to("meta")))
        return torch.Tensor, known[1]

    def close(self):
        """End the recording: keep what is still in use, and of the rest the shapes only."""
        if not self.recording:
            return
        self.recording = False
        kept = [(ref(), version, made, shape) for ref, version, made, shape in self.held]
        tensors = [shape if tensor is None else tensor for tensor, _, _, shape in kept]
        changed = any(not made and tensor._version != version for tensor, version, made, _ in kept)
        if changed or not all(map(torch.equal, random_state(), self.random_state)):
            self.entries = []
        self.entries = [(func, key, _resolved(names, tensors)) for func, key, names in self.entries]
        self.gone = {id(tensor) for tensor in tensors if tensor.is_meta}
        self.names = {id(tensor): (lambda tensor=tensor: tensor, i) for i, tensor in enumerate(tensors)}
        self.held = [(tensor, tensor._version) for tensor in tensors]

    def finish(self):
        """End a pass: forget everything if it changed a tensor in place that the next one would need."""
        self.close()
        if any(tensor._version != version for tensor, version in self.held):
            self.entries = []

    def _uses_what_is_gone(self, value):
        return any(id(tensor) in self.gone for tensor in _tensors(value))


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


def chain(model):
    """The layers of a model that is nothing but linear layers, elementwise activations and dropout, or None."""
    hooked = hooks._global_forward_hooks or hooks._global_forward_pre_hooks or any(
        module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module) for module in model.modules())
    layers = _flat(model)
    if hooked or not all(type(layer) in ELEMENTWISE | {nn.Linear, nn.Dropout} for layer in layers):
        return None
    return layers


def _flat(module):
    return [part for child in module for part in _flat(child)] if type(module) is nn.Sequential else [module]


def fold_rows(layers, x, n_passes):
    """How many rows `fold` takes at once with all their passes: 0 if the network is too large to gain from it."""
    linear = [layer for layer in layers if type(layer) is nn.Linear]
    if sum(layer.weight.numel() for layer in linear) > SMALL:
        return 0
    width = max(x[0].numel(), *(x[0, ..., 0].numel() * layer.out_features for layer in linear), 1)
    return max(1, FOLDED // (width * n_passes))


def fold(layers, x, key, first_row, n_passes, shared):
    """Yield the outputs of a small chain, (R, rows, …): all passes at once, or as many as fit for one row."""
    step = n_passes if len(x) > 1 else max(1, FOLDED // max(x.numel(), 1))
    for first in range(0, n_passes, step):
        h, number = x[:, None].clone(), 0  # (rows, 1, …), and (rows, R, …) from the first dropout on
        count = min(step, n_passes - first)
        for layer in layers:
            if type(layer) is not nn.Dropout:
                h = layer(h)
            elif layer.p > 0:
                n, start = (1, first) if shared else (len(x), first_row * n_passes + first)
                keep = draw(key, number, 0, start, n * count, h[0, 0].numel(), layer.p)
                h, number = masked(h, keep.reshape(n, count, *h.shape[2:]), layer.p, False), number + 1
        yield h.transpose(0, 1)


def stages(layers):
    """A chain as [linear, activations, p of the dropout after them], or None where `sliced` does not apply or pay."""
    found = []
    for layer in layers:
        ends = type(layer) is nn.Dropout and layer.p > 0
        if type(layer) is nn.Linear or not found:
            found.append([layer if type(layer) is nn.Linear else None, [], 0.0])
        elif found[-1][2]:  # a dropped unit is no longer 0 after, say, a sigmoid
            return None
        if ends:
            found[-1][2] = layer.p
        elif type(layer) not in (nn.Linear, nn.Dropout):
            found[-1][1].append(layer)
    rates = [p for _, _, p in found]
    return found if rates[-1] == 0 and max(rates) >= SLICED else None


def sliced(stages, x, masks, t):
    """The output of pass t of a chain whose mask all rows share, computed without the units that it drops."""
    h, live, number = x.clone(), None, 0  # live: the units that h still holds, None for all
    for linear, activations, p in stages:
        live, before = None, live
        if p:
            keep = masks(number, t, 0, 1, linear.out_features if linear else x.shape[1], p)
            live, number = torch.from_numpy(np.flatnonzero(keep)).to(x.device), number + 1
        if linear:
            h = F.linear(h, _cut(_cut(linear.weight, 0, live), 1, before), _cut(linear.bias, 0, live))
        else:
            h = _cut(h, 1, live)
        for activation in activations:
            h = activation(h)
        h = h / (1 - p) if 0 < p < 1 else h
    return h


def _cut(tensor, axis, live):
    return tensor if tensor is None or live is None else tensor.index_select(axis, live)
