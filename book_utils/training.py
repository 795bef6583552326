"""One training loop for the whole book, and what it remembers.

The losses that it reports are means over all rows, without the penalty, of the model as it predicts (eval mode).
Models, losses and optimizers are torch's; penalties come from `book_utils.penalties`.
"""

import contextlib
import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from book_utils._checks import checked_count, checked_finite, shown

_LOGIT_LOSSES = (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits)
_CLASS_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss, F.cross_entropy, F.nll_loss)


def _is(loss_fn, kinds):
    return loss_fn in kinds or type(loss_fn) in kinds


@dataclass
class History:
    """What `fit` measured after each epoch, and the epoch whose weights the model has now.

    `train_loss` and `test_loss` are means over all rows, without the penalty; `train_accuracy` and `test_accuracy`
    are shares between 0 and 1, empty where the loss is not that of a classifier. `best_epoch` counts from 1.
    """

    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = 0

    def plot(self, ax=None, *, color=None, label=None):
        """Draw the losses against the epoch, train solid and test dashed, in one color; returns the Axes."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        epochs = np.arange(1, len(self.train_loss) + 1)
        line, = ax.plot(epochs, self.train_loss, color=color, label=" ".join(filter(None, (label, "train"))))
        ax.plot(epochs, self.test_loss, "--", color=line.get_color(), label=" ".join(filter(None, (label, "test"))))
        ax.set(xlabel="epoch", ylabel="loss")
        return ax

    def _measure(self, model, loss_fn, train, test):
        model.eval()
        with torch.no_grad():
            for name, (X, y) in (("train", train), ("test", test)):
                out = model(X)
                getattr(self, f"{name}_loss").append(loss_fn(out, y).item())
                if _is(loss_fn, _LOGIT_LOSSES):
                    hits = (out > 0) == (y > 0.5)
                elif _is(loss_fn, _CLASS_LOSSES):
                    hits = out.argmax(dim=1) == y
                else:
                    continue
                getattr(self, f"{name}_accuracy").append(hits.double().mean().item())


def _tensors(model, split, loss_fn):
    """((X, y), (X_test, y_test)) as the model and the loss want them, or a ValueError."""
    kind = next(model.parameters())
    pairs = []
    for part in ("train", "test"):
        X, y = checked_finite(**{f"{name}_{part}": getattr(split, f"{name}_{part}") for name in "Xy"})
        if not X.ndim or not len(X) or X.shape[:1] != y.shape[:1]:
            raise ValueError(f"X_{part} has shape {X.shape} and y_{part} {y.shape}: give one target a row, and at "
                             "least one row.")
        wanted = torch.long if _is(loss_fn, _CLASS_LOSSES) else kind.dtype
        if wanted == torch.long and ((y < 0) | (y % 1 != 0)).any():
            raise ValueError(f"y_{part} holds {y[(y < 0) | (y % 1 != 0)][0]:g}: number the classes 0, 1, ..., C-1.")
        X = torch.as_tensor(X, dtype=kind.dtype, device=kind.device)
        y = torch.as_tensor(y, dtype=wanted, device=kind.device)
        pairs.append((X, y[:, None] if y.ndim == 1 and wanted != torch.long else y))
    if pairs[0][0].shape[1:] != pairs[1][0].shape[1:]:
        raise ValueError(f"A row of X_train has shape {tuple(pairs[0][0].shape[1:])} and one of X_test "
                         f"{tuple(pairs[1][0].shape[1:])}: give both the same columns.")
    return pairs


def _check(model, split, optimizer, loss_fn):
    if not isinstance(model, nn.Module) or next(model.parameters(), None) is None:
        raise ValueError(f"model must be a torch.nn.Module with parameters to train, not {shown(model)}.")
    if not all(hasattr(split, name) for name in ("X_train", "y_train", "X_test", "y_test")):
        raise ValueError(f"split must be a book_utils.data.Split of training and test rows, not {shown(split)}.")
    if not callable(loss_fn):
        raise ValueError("loss_fn must be a function of output and targets, such as nn.MSELoss(), not "
                         f"{shown(loss_fn)}.")
    if getattr(loss_fn, "reduction", "mean") != "mean":
        raise ValueError(f'loss_fn must average over rows (reduction="mean"), not reduction="{loss_fn.reduction}".')
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer over model.parameters(), not {shown(optimizer)}.")
    owned = {id(p) for p in model.parameters()}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not owned & held:
        raise ValueError("optimizer holds no parameter of model: build it from model.parameters() of this very model.")


@contextlib.contextmanager
def _flags_kept(model):
    """Give every module its training flag back at the end, whatever happened."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, flag in before:
            module.training = flag


@torch.no_grad()
def _check_output(model, train, test, loss_fn):
    """A ValueError if the model cannot take the rows, or the loss cannot compare what it puts out with the targets."""
    X, y = train
    model.eval()
    try:
        out = model(X)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"The model cannot take rows of shape {tuple(X.shape[1:])} ({reason}): match its first layer "
                         "to the columns of X_train.") from None
    if not _is(loss_fn, _CLASS_LOSSES) and out.shape != y.shape:
        raise ValueError(f"The model's output has shape {tuple(out.shape)} and the targets {tuple(y.shape)}: make them "
                         "the same, or the loss compares every row with every other.")
    if _is(loss_fn, _CLASS_LOSSES) and (last := max(int(y.max()), int(test[1].max()))) >= out.shape[1]:
        raise ValueError(f"The targets name class {last}, and the model puts out {out.shape[1]} numbers a row, for the "
                         f"classes 0 to {out.shape[1] - 1}: widen its last layer.")
    try:
        loss_fn(out, y)
    except (TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"loss_fn must turn output {tuple(out.shape)} and targets {tuple(y.shape)} into a mean loss; "
                         f"it raised {type(error).__name__}: {reason}") from error


def fit(model, split, *, loss_fn, optimizer, num_epochs, batch_size=32, penalty=None, after_step=None, patience=None,
        seed=0, progress=False):
    """Train a model on a split by mini-batches, shuffled in each epoch.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (n, d) to (n, 1), or to (n, C) with a loss of classes. Changed in place.
    split : Split
        Arrays; they take the model's dtype. A target of shape (n,) becomes (n, 1), except for a loss of classes.
    loss_fn : callable
        ``loss_fn(output, y)``, the mean over rows.
    optimizer : torch.optim.Optimizer
        Over the parameters of `model`.
    num_epochs, batch_size : int
        The last batch of an epoch holds what is left.
    penalty : callable, optional
        ``penalty(model)`` is added to the loss that is minimized, not to the losses that are reported.
    after_step : callable, optional
        ``after_step(model)`` runs after each step of the optimizer: the place of a proximal step.
    patience : int, optional
        Stop when the test loss has not improved for so many epochs. With it, the model ends with the weights of
        its best epoch, which makes those test rows validation rows: keep others for the final figure.
    seed : int
        Of the shuffling. The global random state takes no part in it and does not move.
    progress : bool
        Show a bar (tqdm).

    Returns
    -------
    History
        True losses (and accuracies) after each epoch, over all rows, without the penalty, in eval mode.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a count is below 1, the loss does not average, or the
        optimizer belongs to another model; nothing is changed then.

    Examples
    --------
    >>> from book_utils.data import circles
    >>> model = nn.Linear(2, 1)
    >>> history = fit(model, circles(), loss_fn=nn.BCEWithLogitsLoss(), num_epochs=3,
    ...               optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    >>> len(history.test_loss), model.training
    (3, True)
    """
    _check(model, split, optimizer, loss_fn)
    num_epochs, batch_size = checked_count("num_epochs", num_epochs, 1), checked_count("batch_size", batch_size, 1)
    patience = None if patience is None else checked_count("patience", patience, 1)
    seed = checked_count("seed", seed, 0, 2**63 - 1)
    train, test = _tensors(model, split, loss_fn)
    history, best, generator = History(), None, torch.Generator().manual_seed(seed)
    with _flags_kept(model):
        _check_output(model, train, test, loss_fn)
        X, y = train
        for epoch in _epochs(num_epochs, progress):
            model.train()
            for rows in torch.randperm(len(X), generator=generator).split(batch_size):
                optimizer.zero_grad()
                loss = loss_fn(model(X[rows]), y[rows])
                if penalty is not None:
                    loss = loss + penalty(model)
                loss.backward()
                optimizer.step()
                if after_step is not None:
                    after_step(model)
            history._measure(model, loss_fn, train, test)
            if patience is None:
                history.best_epoch = epoch
            elif best is None or history.test_loss[-1] < min(history.test_loss[:-1]):
                history.best_epoch, best = epoch, copy.deepcopy(model.state_dict())
            elif epoch - history.best_epoch >= patience:
                break
        if best is not None:
            model.load_state_dict(best)
    return history


def _epochs(num_epochs, progress):
    if not progress:
        return range(1, num_epochs + 1)
    from tqdm.auto import trange

    return trange(1, num_epochs + 1, unit="epoch")
