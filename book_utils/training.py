"""One training loop for the whole book, and what it remembers.

The losses that it reports are means over all rows, without the penalty, of the model as it predicts (eval mode).
Models, losses and optimizers are torch's; penalties come from `book_utils.penalties`.
"""

import contextlib
import copy
import functools
import math
from dataclasses import dataclass, field

from book_utils._checks import checked_count, checked_finite, checked_flag, shown
from book_utils._torch import F, buffers_kept, check_built, flags_kept, nn, torch

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


def _check(model, split, optimizer, loss_fn, **functions):
    if not isinstance(model, nn.Module) or next(model.parameters(), None) is None:
        raise ValueError(f"model must be a torch.nn.Module with parameters to train, not {shown(model)}.")
    check_built(model)
    if not all(hasattr(split, name) for name in ("X_train", "y_train", "X_test", "y_test")):
        raise ValueError(f"split must be a book_utils.data.Split of training and test rows, not {shown(split)}.")
    if not callable(loss_fn):
        raise ValueError("loss_fn must be a function of output and targets, such as nn.MSELoss(), not "
                         f"{shown(loss_fn)}.")
    if getattr(loss_fn, "reduction", "mean") != "mean":
        raise ValueError(f'loss_fn must average over rows (reduction="mean"), not reduction="{loss_fn.reduction}".')
    for name, function in functions.items():
        if not (function is None or callable(function)):
            raise ValueError(f"{name} must be a function of the model, or None, not {shown(function)}.")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer over model.parameters(), not {shown(optimizer)}.")
    trainable = {id(p) for p in model.parameters() if p.requires_grad}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not trainable & held:
        raise ValueError("optimizer holds no parameter of model that can be trained: build it from model.parameters() "
                         "of this very model, and do not freeze them all.")


@contextlib.contextmanager
def _untouched(model):
    """Run the model for a look: flags, buffers and the global random state are as they were afterwards."""
    devices = {p.device for p in model.parameters() if p.is_cuda}
    with flags_kept(model), buffers_kept(model), torch.random.fork_rng(devices), torch.no_grad():
        yield


def _tried(problem, remedy, function, *arguments):
    """What a function of the caller's returns, or a ValueError of one line if it raises."""
    try:
        return function(*arguments)
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ValueError(f"{problem} ({type(error).__name__}: {reason}): {remedy}.") from error


def _check_output(out, targets, loss_fn):
    """A ValueError if the loss cannot compare what the model puts out for all rows with the targets."""
    if not torch.is_tensor(out):
        raise ValueError(f"The model puts out a {type(out).__name__} and not a tensor: wrap it in a module whose "
                         "forward returns what the loss compares, such as the last step of a recurrent layer.")
    y, shape = targets[0], tuple(out.shape)
    if not _is(loss_fn, _CLASS_LOSSES):
        if out.shape != y.shape:
            raise ValueError(f"The model's output has shape {shape} and the targets {tuple(y.shape)}: make them the "
                             "same, or the loss compares every row with every other.")
    elif out.ndim < 2:
        raise ValueError(f"The model's output has shape {shape}: for a loss of classes it must be (n, C).")
    elif (last := max(int(part.max()) for part in targets)) >= out.shape[1]:
        raise ValueError(f"The targets name class {last}, and the model puts out {out.shape[1]} numbers a row, for the "
                         f"classes 0 to {out.shape[1] - 1}: widen its last layer.")
    _tried(f"loss_fn cannot compare output {shape} with targets {tuple(y.shape)}",
           "it must turn them into a mean loss, one number", lambda: loss_fn(out, y).item())


def _check_calls(model, train, test, loss_fn, penalty, batch_size):
    """A ValueError if the model, the loss or the penalty cannot do what training will ask of them."""
    X = train[0]
    out = _tried(f"The model cannot take rows of shape {tuple(X.shape[1:])}",
                 "match its first layer to the columns of X_train", model.eval(), X)
    _check_output(out, (train[1], test[1]), loss_fn)
    if batch_size == 1 or len(X) % batch_size == 1:
        _tried(f"The model cannot train on one row, and batch_size={batch_size} makes a batch of one of {len(X)} rows",
               "choose a batch_size that leaves none", model.train(), X[:1])
    if penalty is not None:
        with torch.enable_grad():
            _tried("penalty(model) cannot be computed", "it must be a function of the model that gives one number",
                   lambda: torch.as_tensor(penalty(model)).item())


def _train(model, X, y, batches, loss_fn, optimizer, penalty, after_step):
    """One step of the optimizer for each batch of rows."""
    def closure(rows):
        optimizer.zero_grad()
        loss = loss_fn(model(X[rows]), y[rows])
        if penalty is not None:
            loss = loss + penalty(model)
        loss.backward()
        return loss

    model.train()
    for rows in batches:
        optimizer.step(functools.partial(closure, rows))  # LBFGS calls it several times, the others once
        if after_step is not None:
            after_step(model)


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
        Over the parameters of `model`, of which some may be frozen. LBFGS asks for the loss several times a step: give
        it all rows as one batch.
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
        If shapes do not match, a value is not finite, a count is below 1, the loss does not average, the optimizer
        belongs to another model, or a last batch of one row meets batch normalization; nothing is changed then. If
        a loss is nan or inf after an epoch; the model then has the weights and buffers back that it came with.

    Examples
    --------
    >>> from book_utils.data import circles
    >>> model = nn.Linear(2, 1)
    >>> history = fit(model, circles(), loss_fn=nn.BCEWithLogitsLoss(), num_epochs=3,
    ...               optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    >>> len(history.test_loss), model.training
    (3, True)
    """
    _check(model, split, optimizer, loss_fn, penalty=penalty, after_step=after_step)
    num_epochs, batch_size = checked_count("num_epochs", num_epochs, 1), checked_count("batch_size", batch_size, 1)
    patience = None if patience is None else checked_count("patience", patience, 1)
    seed, progress = checked_count("seed", seed, 0, 2**63 - 1), checked_flag("progress", progress)
    train, test = _tensors(model, split, loss_fn)
    with _untouched(model):
        _check_calls(model, train, test, loss_fn, penalty, batch_size)
    history, generator = History(), torch.Generator().manual_seed(seed)
    start = best = copy.deepcopy(model.state_dict())
    with flags_kept(model):
        for epoch in _epochs(num_epochs, progress):
            batches = torch.randperm(len(train[0]), generator=generator).split(min(batch_size, len(train[0])))
            _train(model, *train, batches, loss_fn, optimizer, penalty, after_step)
            history._measure(model, loss_fn, train, test)
            losses = history.train_loss[-1], history.test_loss[-1]
            if not math.isfinite(sum(losses)):
                model.load_state_dict(start)
                raise ValueError("After epoch {} the training loss is {:g} and the test loss {:g}: lower the learning "
                                 "rate, or scale the data, and make a new optimizer; the model has the weights back "
                                 "that it came with.".format(epoch, *losses))
            if patience is None:
                history.best_epoch = epoch
            elif epoch == 1 or losses[1] < min(history.test_loss[:-1]):
                history.best_epoch, best = epoch, copy.deepcopy(model.state_dict())
            elif epoch - history.best_epoch >= patience:
                break
        if patience is not None:
            model.load_state_dict(best)
    return history


def _epochs(num_epochs, progress):
    if not progress:
        return range(1, num_epochs + 1)
    from tqdm.auto import trange

    return trange(1, num_epochs + 1, unit="epoch")
