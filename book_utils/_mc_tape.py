"""A record of what a pass computes before its first dropout, which is the same in every pass, and torch's random state.

Where in doubt, nothing is played back: a pass in full is always right.
"""

import contextlib
import weakref

import torch

PLAIN = (int, float, bool, complex, str, type(None), type(...), torch.Size, torch.dtype, torch.device, torch.layout,
         torch.memory_format)
# Ways to a tensor's memory: torch counts no change that is made through them.
UNSEEN = {torch.Tensor.data.__get__, torch.Tensor.data.__set__, torch.Tensor.numpy, torch.Tensor.__array__,
          torch.Tensor.__dlpack__, torch.Tensor.untyped_storage, torch.Tensor.storage, torch.Tensor.data_ptr}


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
            if not new or not counts_changes(tensor):
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


def counts_changes(tensor):
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
