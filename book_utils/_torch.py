"""torch, or one sentence that says how to get it, and what several torch modules do to a model."""

import contextlib

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError("This part of book_utils needs torch: pip install 'book_utils[torch]', or, for a machine "
                              "without a GPU, pip install torch --index-url https://download.pytorch.org/whl/cpu.",
                              name="torch") from None

__all__ = ["F", "buffers_kept", "check_built", "flags_kept", "nn", "torch"]


@contextlib.contextmanager
def flags_kept(model):
    """Give every module its training flag back at the end, whatever happened."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, flag in before:
            module.training = flag


@contextlib.contextmanager
def buffers_kept(model):
    """Give every buffer back at the end as it was: some models update theirs in evaluation too."""
    kept = [(module, name, buffer, buffer.clone()) for module in model.modules()
            for name, buffer in module.named_buffers(recurse=False)]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, copy in kept:
                if buffer.shape != copy.shape:
                    buffer.data = copy
                elif not torch.equal(buffer, copy):
                    buffer.copy_(copy)
                if getattr(module, name) is not buffer:
                    setattr(module, name, buffer)


def check_built(model):
    """A ValueError if a layer of the model does not know its size yet."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if nn.parameter.is_lazy(tensor):
            raise ValueError(f"{name} of {type(model).__name__} has no size yet: call the model once on a batch of "
                             "rows, before its optimizer is made.")
