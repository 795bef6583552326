"""MC dropout: exact over all masks, equal to the plain loop in distribution, and the model as it was."""

import contextlib
import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.flop_counter import FlopCounterMode

from book_utils import _mc_passes, mc_dropout
from book_utils._mc_passes import Passes
from book_utils._mc_ways import NUMBERS
from book_utils.dropout import enumerate_masks
from book_utils.mc_dropout import dropout_active, mc_predict
from book_utils.uncertainty import decompose

# The same examples every time, so that a claim at 4 standard errors holds or fails for good; shrinking takes minutes.
RANDOM = settings(deadline=None, derandomize=True, database=None, phases=[Phase.generate])
WAYS = ["chain"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Thousands of tiny passes are slower with more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@contextlib.contextmanager
def only(way):
    """Make `mc_predict` take one of its ways: "chain" is "late" for models of known layers, which are not tried."""
    with pytest.MonkeyPatch.context() as patch:
        if way != "chain":
            patch.setattr(mc_dropout, "chain_width", lambda model, inputs: None)
            patch.setattr(mc_dropout, "WAYS", (way,))
        yield


def rows(n, *shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).standard_normal((n, *shape)), dtype=torch.float32)


def network(p=0.5, hidden=4, seed=0, d=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(d, hidden), nn.Tanh(), nn.Dropout(p), nn.Linear(hidden, 2))


class Conv(nn.Module):
    """A custom module: what most models are."""

    def __init__(self, p=0.5):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.out = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4 * 9, 2)
        self.drop, self.channels = nn.Dropout(p), nn.Dropout2d(p)

    def forward(self, x):
        h = F.relu(self.norm(self.conv(x)))
        h = self.channels(F.max_pool2d(h, 2))
        return self.out(self.drop(h.flatten(1)))


class Recurrent(nn.Module):
    def __init__(self, kind=nn.LSTM):
        super().__init__()
        torch.manual_seed(0)
        self.layer = kind(3, 4, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0][:, -1]


def transformer():
    torch.manual_seed(0)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.3, batch_first=True), 1)


def attention():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)

        def forward(self, x):
            return self.layer(x, x, x, need_weights=False)[0]

    return Attention()


MODELS = {"chain": (network, (3,)), "custom": (Conv, (1, 8, 8)), "lstm": (Recurrent, (5, 3)),
          "transformer": (transformer, (3, 4)), "attention": (attention, (5, 4))}


def torch_loop(model, x, n_passes, seed=0):
    """The sources' loop, with only dropout on, and with an input that no layer can overwrite."""
    with torch.random.fork_rng(devices=[]), dropout_active(model), torch.no_grad():
        torch.manual_seed(seed)
        return torch.stack([model(x.clone()) for _ in range(n_passes)])


def assert_same_distribution(a, b):
    """Mean and variance of two sets of passes agree within 4 standard errors."""
    a, b = a.double(), b.double()
    se = (a.var(0) / len(a) + b.var(0) / len(b)).sqrt()
    assert ((a.mean(0) - b.mean(0)).abs() <= 4 * se + 1e-6).all()
    spread = [(s - s.mean(0)).square() for s in (a, b)]
    se = sum(s.var(0) / len(s) for s in spread).sqrt()
    assert ((spread[0].mean(0) - spread[1].mean(0)).abs() <= 4 * se + 1e-6).all()


def snapshot(model):
    return ([(k, v.clone()) for k, v in model.state_dict().items()], [m.training for m in model.modules()],
            [sorted(vars(m)) for m in model.modules()], torch.backends.mha.get_fastpath_enabled(),
            torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())  # noqa: NPY002


def assert_untouched(before, model):
    after = snapshot(model)
    assert all(a == b and torch.equal(v, w) for (a, v), (b, w) in zip(before[0], after[0], strict=True))
    assert before[1:4] == after[1:4] and torch.equal(before[4], after[4]) and before[5:] == after[5:]


# Masks

@pytest.mark.parametrize("p", [0.5, 0.1, 0.9, 0.003, 8e-6, 1 - 8e-6])
def test_masks_drop_with_probability_p(p):
    n, units = 1000, 4000
    dropped = 1 - _mc_passes.Masks(7)(0, range(1, 2), range(n), units, p).mean()
    assert abs(dropped - p) <= 4 * np.sqrt(p * (1 - p) / (n * units)) + min(p, 1 - p) / 1000


def test_masks_of_p_0_and_1():
    draw = _mc_passes.Masks(0)
    assert draw(0, range(3), range(2), 50, 0.0).all() and not draw(0, range(3), range(2), 50, 1.0).any()


@pytest.mark.parametrize("p", [0.5, 1e-5])
@pytest.mark.parametrize("units", [1, 16, 17, 100])
def test_a_mask_depends_on_its_address_alone(p, units):
    whole = _mc_passes.Masks(3)(1, range(9), range(40), units, p)
    assert whole.shape == (9, 40, units)
    assert np.array_equal(whole[2:5, 7:20], _mc_passes.Masks(3)(1, range(2, 5), range(7, 20), units, p))
    shared = _mc_passes.Masks(3, shared=True)
    assert np.array_equal(shared(1, range(2, 5), range(7, 20), units, p), shared(1, range(9), range(40), units, p)[2:5])


def test_masks_are_the_same_however_they_are_cut_to_fit_the_cache():
    whole = _mc_passes.Masks(3)(0, range(50), range(40), 100, 0.5)
    assert np.array_equal(whole, np.concatenate([_mc_passes.Masks(3)(0, range(t, t + 1), range(40), 100, 0.5)
                                                 for t in range(50)]))


def test_no_two_addresses_have_one_mask():
    drawn = np.concatenate([_mc_passes.Masks(key)(layer, range(30), range(40), 64, 0.5).reshape(-1, 64)
                            for key, layer in itertools.product((0, 1), repeat=2)])
    assert len(np.unique(drawn, axis=0)) == 4 * 30 * 40


def test_masks_of_different_addresses_are_independent():
    masks = [_mc_passes.Masks(key)(layer, range(t, t + 1), range(200), 500, 0.5).ravel()
             for key, layer, t in itertools.product((0, 1), repeat=3)]
    share = np.mean([[a == b for a, b in itertools.combinations(masks, 2)]], axis=2)
    assert (abs(share - 0.5) <= 4 * 0.5 / np.sqrt(100_000)).all()
    one = masks[0].reshape(200, 500)
    assert abs((one[1:] == one[:-1]).mean() - 0.5) <= 4 * 0.5 / np.sqrt(199 * 500)
    assert abs((one[:, 1:] == one[:, :-1]).mean() - 0.5) <= 4 * 0.5 / np.sqrt(200 * 499)


# Exactness

@pytest.mark.parametrize("way", WAYS)
def test_over_all_masks_the_mean_and_std_are_those_of_enumeration(way, monkeypatch):
    """Each of the 2^d masks in one pass: at p = 1/2 the mean over passes is the expectation itself."""
    d, x = 6, rows(5, 3)
    every, probabilities = enumerate_masks(d, 0.5)

    def draw(self, layer, passes, rows, units, p):
        assert (layer, units, p) == (0, d, 0.5)
        return every[passes.start:passes.stop, None].astype(bool)

    monkeypatch.setattr(_mc_passes.Masks, "__call__", draw)
    model = network(hidden=d)
    with only(way):
        found = mc_predict(model, x, len(every), masks="shared", keep_samples=True)
    h = torch.tanh(model[0](x)).detach().numpy()
    w, b = model[3].weight.detach().numpy(), model[3].bias.detach().numpy()
    by_hand = np.einsum("tu,nu,cu->tnc", every, h, w) / 0.5 + b
    assert np.allclose(found.samples, by_hand, atol=1e-5)
    mean = np.einsum("t,tnc->nc", probabilities, by_hand)
    assert np.allclose(found.mean, mean, atol=1e-5)
    var = np.einsum("t,tnc->nc", probabilities, (by_hand - mean) ** 2) * len(every) / (len(every) - 1)
    assert np.allclose(found.std, np.sqrt(var), atol=1e-5)


@pytest.mark.parametrize("masks", ["per_row", "shared"])
@pytest.mark.parametrize("way", WAYS)
def test_mean_and_variance_converge_to_those_over_all_masks(way, masks):
    d, p, x, n_passes = 4, 0.3, rows(3, 3), 1500
    model = network(p, hidden=d)
    every, probabilities = enumerate_masks(d, p)
    h = torch.tanh(model[0](x)).detach().numpy()
    w, b = model[3].weight.detach().numpy(), model[3].bias.detach().numpy()
    out = np.einsum("tu,nu,cu->tnc", every, h, w) / (1 - p) + b
    mean = np.tensordot(probabilities, out, 1)
    second, fourth = (np.tensordot(probabilities, (out - mean) ** k, 1) for k in (2, 4))
    with only(way):
        found = mc_predict(model, x, n_passes, masks=masks, seed=1)
    assert (abs(found.mean.numpy() - mean) <= 4 * np.sqrt(second / n_passes)).all()
    error = abs(found.std.numpy() ** 2 - second)
    assert (error <= 4 * np.sqrt((fourth - second**2) / n_passes) + second / n_passes).all()


@pytest.mark.parametrize("before", [[nn.Dropout(0.3)], [nn.Dropout(0.0), nn.Tanh()], []])
@pytest.mark.parametrize("after", [[nn.Linear(5, 2)], [nn.Linear(5, 5, bias=False), nn.ELU(), nn.Linear(5, 1)], []])
@pytest.mark.parametrize("masks", ["shared", "per_row"])
def test_every_way_has_the_same_masks(before, after, masks):
    torch.manual_seed(0)
    hidden = [layer for p in (0.4, 0.6) for layer in (nn.Linear(5, 5), nn.Sigmoid(), nn.Dropout(p))]
    model, x, samples = nn.Sequential(*before, *hidden, *after).double(), rows(7, 5).double(), []
    for way in WAYS:
        with only(way):
            samples.append(mc_predict(model, x, 50, masks=masks, seed=5, keep_samples=True).samples)
    assert all(torch.allclose(other, samples[0], atol=1e-12) for other in samples[1:])


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_that_drops_all_units(way):
    """Of a layer with p = 1 nothing is left but the next one's bias."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(1.0), nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.5))
    with only(way):
        samples = mc_predict(model, rows(6, 3), 40, masks="shared", seed=0, keep_samples=True).samples
    kept = 2 * model[2].bias.detach().relu()
    assert ((samples == 0) | torch.isclose(samples, kept)).all() and torch.allclose(samples.max(0).values, kept)


def test_a_layer_of_another_dtype_is_said_so():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 4).bfloat16())
    for way in WAYS:
        with only(way), pytest.raises(ValueError, match="x does not fit the model"):
            mc_predict(model, rows(6, 3), masks="shared")


ACTIVATIONS = [nn.LeakyReLU, nn.GELU, nn.Tanh, nn.Sigmoid, lambda: nn.LeakyReLU(inplace=True), nn.ELU]
DROPS = [lambda p: nn.Dropout(p), lambda p: nn.Dropout(p, inplace=True), lambda p: nn.AlphaDropout(p)]


@st.composite
def networks(draw):
    """A random stack of linear layers, normalization, activations and dropout, a nested part among them."""
    seed, d = draw(st.integers(0, 10**6)), draw(st.integers(1, 5))
    torch.manual_seed(seed)
    layers, width = [], d
    if draw(st.booleans()):
        layers.append(draw(st.sampled_from(DROPS))(draw(st.sampled_from([0.1, 0.5]))))
    for _ in range(draw(st.integers(1, 3))):
        new = draw(st.integers(2, 8))
        block = [nn.Linear(width, new), draw(st.sampled_from(ACTIVATIONS))()]
        if draw(st.booleans()):
            norm = draw(st.sampled_from([nn.BatchNorm1d, nn.LayerNorm]))(new)
            if isinstance(norm, nn.BatchNorm1d):
                norm.running_mean.normal_()
            block.insert(1, norm)
        block.append(draw(st.sampled_from(DROPS))(draw(st.sampled_from([0.1, 0.3, 0.5]))))
        layers += [nn.Sequential(*block)] if draw(st.booleans()) else block
        width = new
    return nn.Sequential(*layers, nn.Linear(width, draw(st.integers(1, 3)))), d


@settings(RANDOM, max_examples=12)
@given(networks(), st.sampled_from(["per_row", "shared"]))
def test_passes_of_random_networks_are_distributed_as_the_loop_s(made, masks):
    model, d = made
    x = rows(3, d)
    ours = mc_predict(model, x, 700, seed=0, masks=masks, keep_samples=True).samples
    assert_same_distribution(ours, torch_loop(model, x, 700))


@pytest.mark.parametrize("name", MODELS)
def test_passes_of_other_networks_are_distributed_as_the_loop_s(name):
    make, shape = MODELS[name]
    model, x = make(), rows(2, *shape)
    assert_same_distribution(mc_predict(model, x, 600, seed=0, keep_samples=True).samples, torch_loop(model, x, 600))


DROPOUTS = [(nn.Dropout, (4,)), (nn.Dropout1d, (4, 5)), (nn.Dropout2d, (4, 5, 2)), (nn.Dropout3d, (4, 5, 2, 2)),
            (nn.AlphaDropout, (4,)), (nn.FeatureAlphaDropout, (4, 5)), (nn.Dropout1d, (4,)), (nn.Dropout3d, (4, 2, 2)),
            (nn.FeatureAlphaDropout, (4,))]


@pytest.mark.parametrize("kind, shape", DROPOUTS)
@pytest.mark.filterwarnings("ignore:dropout2d")
def test_every_dropout_layer_as_the_whole_model(kind, shape):
    x = torch.ones(3, *shape)
    ours = mc_predict(kind(0.3), x, 1000, seed=0, keep_samples=True).samples
    theirs = torch_loop(kind(0.3), x, 1000)
    assert_same_distribution(ours, theirs)
    assert torch.allclose(ours.unique(), theirs.unique(), atol=1e-5)
    if kind in (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d) and len(shape) > 1:
        flat = ours.flatten(3)
        assert (flat == flat[..., :1]).all()  # a channel as a whole


# Semantics

@pytest.mark.parametrize("way", WAYS)
def test_shared_masks_make_one_function_a_pass_and_masks_per_row_do_not(way):
    model, x = network(), rows(1, 3).repeat(6, 1)
    with only(way):
        shared = mc_predict(model, x, 40, masks="shared", seed=0, keep_samples=True).samples
        own = mc_predict(model, x, 40, masks="per_row", seed=0, keep_samples=True).samples
    assert torch.allclose(shared, shared[:, :1].expand_as(shared), atol=1e-6)
    assert not torch.allclose(own, own[:, :1].expand_as(own), atol=1e-2)
    assert (torch.corrcoef(own[..., 0].T) - torch.eye(6)).abs().max() < 0.7


def test_mean_and_std_are_those_of_the_samples():
    found = mc_predict(Conv(), rows(5, 1, 8, 8) + 100, 30, seed=0, keep_samples=True)
    assert found.samples.shape == (30, 5, 2)
    assert torch.allclose(found.mean, found.samples.double().mean(0).float(), rtol=1e-6)
    assert torch.allclose(found.std, found.samples.double().std(0).float(), rtol=1e-5)
    assert mc_predict(Conv(), rows(5, 1, 8, 8), 30).samples is None


def test_a_large_mean_costs_the_std_no_digits():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1, bias=False)).double()
    shifted = nn.Sequential(*model, nn.Linear(1, 1)).double()
    with torch.no_grad():
        shifted[2].weight.fill_(1.0), shifted[2].bias.fill_(1e8)
    x = torch.ones(1, 1, dtype=torch.float64)
    std, other = (mc_predict(m, x, 500, seed=0).std for m in (model, shifted))
    assert torch.allclose(std, other, rtol=1e-6)


def test_one_pass_has_a_mean_and_no_std():
    found = mc_predict(network(), rows(4, 3), 1, seed=0)
    assert found.mean.shape == (4, 2) and found.std is None


@pytest.mark.parametrize("name", MODELS)
def test_seeds_and_the_absence_of_one(name):
    make, shape = MODELS[name]
    model, x = make(), rows(4, *shape)
    same, again, other = (mc_predict(model, x, 5, seed=seed, keep_samples=True).samples for seed in (3, 3, 4))
    assert torch.equal(same, again) and not torch.allclose(same, other)
    torch.manual_seed(0)
    first = mc_predict(model, x, 5).mean
    torch.manual_seed(0)
    assert not torch.equal(first, mc_predict(model, x, 5).mean)


@pytest.mark.parametrize("name, masks", [(name, "per_row") for name in MODELS] + [("chain", "shared"),
                                                                               ("custom", "shared")])
def test_the_result_does_not_depend_on_the_blocks(name, masks):
    make, shape = MODELS[name]
    model, x = make(), rows(150, *shape)
    whole = mc_predict(model, x, 4, seed=1, masks=masks, keep_samples=True)
    labels = torch.zeros(150)
    for other in ({"batch_size": 1}, {"batch_size": 7}, {"batch_size": 1000},
                  {"x": DataLoader(TensorDataset(x, labels), batch_size=11)}, {"x": DataLoader(x, batch_size=150)},
                  {"x": DataLoader(TensorDataset(x), batch_size=40), "batch_size": 9}):
        found = mc_predict(model, **{"x": x, **other}, n_passes=4, seed=1, masks=masks, keep_samples=True)
        assert torch.allclose(found.samples, whole.samples, atol=1e-5)
        assert torch.allclose(found.mean, whole.mean, atol=1e-5) and torch.allclose(found.std, whole.std, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_blocks_and_ways(way):
    model, x = network(), rows(50, 3)
    with only(way):
        samples = [mc_predict(model, x, 4, seed=1, masks="shared", keep_samples=True, batch_size=size).samples
                   for size in (None, 7)]
    assert torch.allclose(*samples, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_no_two_rows_have_the_same_masks(name):
    make, shape = MODELS[name]
    samples = mc_predict(make(), rows(1, *shape).repeat(200, *[1] * len(shape)), 30, seed=0, keep_samples=True).samples
    assert len(samples.flatten(2).transpose(0, 1).flatten(1).unique(dim=0)) == 200


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_dtypes(name, dtype):
    make, shape = MODELS[name]
    model, x = make().to(dtype), rows(3, *shape).to(dtype)
    found = mc_predict(model, x, 60, seed=0, keep_samples=True)
    assert found.mean.dtype == found.std.dtype == found.samples.dtype == dtype
    reference = mc_predict(make().double(), x.double(), 60, seed=0)
    if name in ("chain", "custom"):  # the same masks
        assert torch.allclose(found.mean.double(), reference.mean, atol=3e-2 if dtype == torch.bfloat16 else 1e-5)
    assert not found.mean.requires_grad and not found.std.requires_grad


def test_results_can_enter_a_gradient_and_inference_mode_is_no_obstacle():
    with torch.inference_mode():
        found = mc_predict(Conv(), rows(2, 1, 8, 8), 5, seed=0)
    weight = torch.ones(2, requires_grad=True)
    (found.mean * weight).sum().backward()
    assert torch.allclose(found.mean, mc_predict(Conv(), rows(2, 1, 8, 8), 5, seed=0).mean)


def test_a_model_that_switches_gradients_on_leaves_none_in_the_result():
    model = Returns(torch.enable_grad()(nn.Linear(3, 1)))
    found = mc_predict(model, rows(2, 3), 5, keep_samples=True)
    assert not any(tensor.requires_grad for tensor in found)


def test_a_tuple_is_several_arguments():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, a, b):
            return self.drop(a) + b[:, None]

    a, b = rows(9, 2), torch.arange(9.0)
    whole = mc_predict(Two(), (a, b), 50, seed=0)
    assert torch.allclose(whole.mean, mc_predict(Two(), (a, b), 50, seed=0, batch_size=2).mean)
    loader = DataLoader([((u, v), 0) for u, v in zip(a, b, strict=True)], batch_size=4)
    assert torch.allclose(whole.mean, mc_predict(Two(), loader, 50, seed=0).mean)


def test_an_array_and_a_loader_show_a_bar_when_asked(capsys):
    model, x = network(), rows(10, 3)
    mc_predict(model, x, 5)
    assert capsys.readouterr().err == ""
    for each in (x, DataLoader(x, batch_size=3)):
        mc_predict(model, each, 5, progress=True)
        assert "50.0/50.0" in capsys.readouterr().err.split("\r")[-1]


class Fussy(nn.Module):
    """It refuses to be called without rows, and keeps gradients whatever its caller says."""

    def __init__(self):
        super().__init__()
        self.body = network()

    def forward(self, x):
        if not len(x):
            raise RuntimeError("no rows")
        with torch.enable_grad():
            return self.body(x)


def test_whole_blocks_leave_no_empty_one_and_results_carry_no_gradient():
    model, x = Fussy(), rows(128, 3)
    prediction = mc_predict(model, x, 5, batch_size=64, seed=0, keep_samples=True)
    assert len(prediction.mean) == 128
    assert not any(part.requires_grad for part in (prediction.mean, prediction.std, prediction.samples))


# What is left alone

class RaisesHalfway(nn.Module):
    def __init__(self, passes):
        super().__init__()
        self.left = [passes]

    def forward(self, x):
        self.left[0] -= 1
        if self.left[0] < 0:
            raise RuntimeError("halfway")
        return x


@settings(RANDOM, max_examples=30)
@given(networks(), st.booleans(), st.sampled_from(["per_row", "shared"]), st.data())
def test_the_model_and_all_random_states_are_untouched(made, fails, masks, data):
    model, d = made
    flags = data.draw(st.lists(st.booleans(), min_size=len(list(model.modules())), max_size=len(list(model.modules()))))
    if fails:
        model.insert(data.draw(st.integers(0, len(model))), RaisesHalfway(data.draw(st.integers(0, 5))))
        flags.append(True)
    for module, flag in zip(model.modules(), flags, strict=True):
        module.training = flag
    x = rows(4, d) + 5
    before, copy = snapshot(model), x.clone()
    with pytest.raises(RuntimeError, match="halfway") if fails else contextlib.nullcontext():
        mc_predict(model, x, 10, masks=masks)
    assert_untouched(before, model)
    assert torch.equal(x, copy)


@pytest.mark.parametrize("name", MODELS)
def test_other_models_are_untouched(name):
    make, shape = MODELS[name]
    model = make()
    before = snapshot(model)
    mc_predict(model, DataLoader(rows(4, *shape), batch_size=3), 3)
    assert_untouched(before, model)


@pytest.mark.parametrize("fused", [True, False])
def test_nested_blocks_and_the_fast_path_switch(fused):
    model, inner = transformer(), network()
    torch.backends.mha.set_fastpath_enabled(fused)
    try:
        before = snapshot(model), snapshot(inner)
        with pytest.raises(KeyError), dropout_active(model), dropout_active(inner), dropout_active(model):
            assert not torch.backends.mha.get_fastpath_enabled()
            with dropout_active(inner):
                mc_predict(model, rows(2, 5, 4), 3)
                mc_predict(inner, rows(2, 3), 3)
            assert inner[2].training and not inner.training and not torch.backends.mha.get_fastpath_enabled()
            raise KeyError
        assert_untouched(before[0], model)
        assert_untouched(before[1], inner)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_blocks_that_end_in_another_order_leave_the_model_as_it_was():
    model = nn.Sequential(network(), transformer())
    before = snapshot(model)
    first, second = dropout_active(model), dropout_active(model[0])
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert model[0][2].training and not model[0].training  # the second still holds it
    second.__exit__(None, None, None)
    assert_untouched(before, model)


def test_two_threads_may_use_one_model():
    model, x = transformer(), rows(3, 5, 4)
    before, wanted = snapshot(model), mc_predict(model, x, 20, seed=0)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: mc_predict(model, x, 20, seed=0), range(12)))
    assert all(torch.equal(one.mean, wanted.mean) and torch.equal(one.std, wanted.std) for one in found)
    assert_untouched(before, model)


def test_blocks_in_two_threads_that_overlap():
    model, entered, left = network(), threading.Event(), threading.Event()
    before = snapshot(model)

    def other():
        with dropout_active(model):
            entered.set()
            left.wait(10)

    thread = threading.Thread(target=other)
    with dropout_active(model):
        thread.start()
        entered.wait(10)
    assert model[2].training
    left.set()
    thread.join()
    assert_untouched(before, model)


class Counter(nn.Module):
    """Its forward updates buffers, in evaluation too: one in place, one by a new tensor, one not through torch."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        for name in ("calls", "sums", "last"):
            self.register_buffer(name, torch.zeros(2))

    def forward(self, x):
        self.calls += 1
        self.sums = self.sums + x.sum()
        self.last.data = x[0, :2].clone()
        return self.drop(x)


@pytest.mark.parametrize("fails", [False, True])
def test_buffers_that_forward_updates_come_back(fails):
    model = nn.Sequential(Counter(), Returns(lambda h: h.argmax(1) if fails else h))
    before, buffers = snapshot(model), list(model.buffers())
    with pytest.raises(ValueError, match="floating") if fails else contextlib.nullcontext():
        mc_predict(model, rows(4, 3), 5)
    assert_untouched(before, model)
    assert all(a is b for a, b in zip(buffers, model.buffers(), strict=True))


def test_lazy_layers_stay_lazy():
    model = nn.Sequential(nn.LazyLinear(4), nn.Dropout(0.5))
    with pytest.raises(ValueError, match="has no size yet: call the model once"):
        mc_predict(model, rows(4, 3))
    assert isinstance(model[0].weight, nn.UninitializedParameter)


def test_only_what_is_stochastic_is_switched_on():
    class Mine(_DropoutNd):
        def forward(self, x):
            return x

    stochastic = [kind() for kind in (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
                                      nn.FeatureAlphaDropout, Mine)]
    stochastic += [kind(2, 2, num_layers=2, dropout=0.5) for kind in (nn.RNN, nn.LSTM, nn.GRU)]
    stochastic += [nn.MultiheadAttention(4, 2, dropout=0.1)]
    others = [nn.BatchNorm1d(2), nn.Dropout(0.0), nn.LSTM(2, 2, num_layers=2), nn.MultiheadAttention(4, 2), nn.RReLU(),
              nn.Sequential(nn.InstanceNorm1d(2))]
    model = nn.ModuleList(stochastic + others)
    with dropout_active(model) as active:
        assert active is model and all(module.training for module in stochastic)
        assert not any(part.training for module in others for part in module.modules()) and not model.training
    with dropout_active(stochastic[0]):
        pass


def test_two_blocks_draw_different_masks_and_batch_norm_keeps_its_statistics():
    model, x = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)), rows(20, 3) + 7
    with dropout_active(model):
        first = model(x)
    with dropout_active(model):
        assert not torch.equal(first, model(x))
    assert torch.equal(model[0].running_mean, torch.zeros(3))
    assert set((first / x).round(decimals=3).unique().tolist()) == {0.0, 2.0}


def test_a_transformer_has_a_std_that_its_fused_path_would_lose():
    model, x = transformer().eval(), rows(2, 5, 4)
    for module in model.modules():
        module.training = isinstance(module, nn.Dropout)
    with torch.no_grad():
        fused = torch.stack([model(x) for _ in range(3)])
    assert (fused.std(0) == 0).all()  # the obvious way, on this torch
    assert (mc_predict(model, x, 20, seed=0).std > 0).all()


# What is not taken for granted

class Scaled(nn.Linear):
    def forward(self, x):
        return 3 * super().forward(x)


class Halved(nn.Dropout):
    def forward(self, x):
        return super().forward(x) / 2


class Coin(_DropoutNd):
    """Dropout of its own making, with numbers from torch's global generator."""

    def forward(self, x):
        return x * (torch.rand_like(x) > self.p) if self.training else x


def _hooked(model):
    model[0].register_forward_hook(lambda module, args, out: 3 * out)
    return model


def _patched(model):
    model[0].forward = lambda x: 3 * F.linear(x, nn.Linear.forward.__globals__["F"].hardtanh(torch.ones(4, 3)))
    return model


def _replaced(i, layer):
    model = network()
    layer.load_state_dict(model[i].state_dict())
    model[i] = layer
    return model


@pytest.mark.parametrize("make", [
    lambda: _hooked(network()), lambda: _patched(network()), lambda: _replaced(0, Scaled(3, 4)),
    lambda: _replaced(2, Halved(0.5)), lambda: _replaced(2, Coin(0.5)),
    lambda: nn.utils.parametrizations.weight_norm(network()[0]) and _weight_normed(),
])
def test_models_that_only_look_like_a_chain_are_run_as_they_are(make):
    model, x = make(), rows(3, 3)
    assert mc_dropout.chain_width(model, {0: x}) is None
    assert_same_distribution(mc_predict(model, x, 500, seed=0, keep_samples=True).samples, torch_loop(model, x, 500))


def _weight_normed():
    model = network()
    nn.utils.parametrizations.weight_norm(model[3])
    with torch.no_grad():
        model[3].parametrizations.weight.original0.mul_(2)
    return model


@pytest.mark.parametrize("register", [nn.modules.module.register_module_forward_hook,
                                      nn.modules.module.register_module_forward_pre_hook])
def test_global_hooks_are_seen(register):
    """They may do more than the layers of a chain: then the ways are tried."""
    x = {0: rows(3, 3)}
    handle = register(lambda module, *others: None)
    try:
        assert mc_dropout.chain_width(network(), x) is None
    finally:
        handle.remove()
    assert mc_dropout.chain_width(network(), x) == 4


def test_what_comes_before_the_first_dropout_is_computed_once():
    model, x = Conv(), rows(4, 1, 8, 8)
    flops = []
    for n_passes in (5, 50):
        with FlopCounterMode(display=False) as counter:
            mc_predict(model, x, n_passes)
        flops.append(counter.get_flop_counts()["Global"][torch.ops.aten.convolution])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x), [model(x[:n]) for n in (2, 4, 4, 2, 2, 2)]  # a few rows to try the way on
    assert flops == [counter.get_flop_counts()["Global"][torch.ops.aten.convolution]] * 2


class Custom(nn.Module):
    """A model with something odd before its dropout."""

    def __init__(self, odd):
        super().__init__()
        torch.manual_seed(0)
        self.odd, self.layer, self.drop, self.out = odd, nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)
        self.step, self.generator = 0, torch.Generator().manual_seed(0)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.step += 1
        return self.out(self.odd(self, torch.tanh(self.layer(x))))


def _in_place_later(self, h):
    out = self.drop(h)
    h *= 0.5  # what the next pass would find on the tape
    return out + h


def _assigned(self, h):
    both = torch.zeros(len(h), 4)
    both[:, :2] = h[:, :2]
    both[:, 2:] = self.drop(h)[:, 2:]
    return both


def _stashed(self, h):
    self.stash = getattr(self, "stash", None) or (h * 2).tolist()
    return self.drop(h) + torch.tensor(self.stash[0][0])


def _gradient(self, h):
    with torch.enable_grad():
        h = h.detach().requires_grad_()
        (self.drop(h + 0) * h).sum().backward()
    return h.grad


def _memory(change):
    """Memory changed by a way that torch does not see, before the dropout or after it."""
    def before(self, h):
        change(self, h)
        return self.drop(h * 2)

    def after(self, h):
        out = self.drop(h)
        change(self, h)
        return out + h

    return before, after


def _numpy(self, h):
    h.numpy()[:] *= 1.5


def _data(self, h):
    h.data.mul_(1.5)


def _data_set(self, h):
    h.data = h * 1.5


def _array(self, h):
    np.asarray(h)[:] *= 1.5


def _storage(self, h):
    h.untyped_storage().fill_(0)


def _dlpack(self, h):
    torch.from_dlpack(h).mul_(1.5)


def _of_numpy(self, h):
    """A tensor of NumPy's memory, made once and changed in every pass."""
    if not hasattr(self, "array"):
        self.array = np.zeros(4, np.float32)
        self.tensor = torch.from_numpy(self.array)
    self.array += 1
    return self.drop(h * self.tensor)


def _restored_noise(self, h):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(self.step)
        noise = torch.randn(4)
    return self.drop(h + noise)


def _autocast(self, h):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.step % 2 == 0):
        h = h @ self.layer.weight
    return self.drop(h.float() @ self.layer.weight.T)


def _default_dtype(self, h):
    torch.set_default_dtype(torch.float64 if self.step % 2 else torch.float32)
    try:
        return self.drop((h + torch.arange(4) / 3).float())
    finally:
        torch.set_default_dtype(torch.float32)


def _weights(self, h):
    out = self.drop(h)
    self.layer.weight.data = self.layer.weight * 1.1
    return out


ODD = {
    **{f"{change.__name__[1:]}, {when}": way for change in (_numpy, _data, _data_set, _array, _storage, _dlpack)
       for when, way in zip(("before", "after"), _memory(change), strict=True)},
    "memory of NumPy": _of_numpy,
    "noise and its generator restored": _restored_noise,
    "autocast, sometimes": _autocast,
    "a default dtype that changes": _default_dtype,
    "weights replaced": _weights,
    "in place, by a number that changes": lambda self, h: self.drop(h.mul_(self.step % 5)),
    "in place before, sometimes": lambda self, h: self.drop(h.mul_(1.5) if self.step % 3 else h),
    "the sign of zero": lambda self, h: self.drop(torch.copysign(h, -0.0 if self.step % 2 else 0.0)),
    "an operator in place": lambda self, h: self.drop(torch.ops.aten.mul_(h, self.step % 5)),
    "noise": lambda self, h: self.drop(h + torch.randn_like(h)),
    "noise of its own": lambda self, h: self.drop(h + torch.empty_like(h).normal_(generator=self.generator)),
    "numpy noise": lambda self, h: self.drop(h + torch.tensor(np.random.default_rng(self.step).normal(size=4)).float()),
    "numpy noise, shared memory": lambda self, h: self.drop(h + torch.from_numpy(
        np.random.default_rng(self.step).normal(size=4).astype(np.float32))),
    "a number that changes": lambda self, h: self.drop(h * (self.step % 5)),
    "a list that changes": lambda self, h: self.drop(h * torch.tensor([self.step % 5, 1, 1, 1])),
    "a branch on values": lambda self, h: self.drop(h) if h.sum() > 0 else self.drop(2 * h),
    "a changed buffer": lambda self, h: self.drop(h * self.calls.add_(1).remainder(5)),
    "a buffer changed unseen": lambda self, h: self.drop(h * self.calls.data.add_(1).remainder(5)),
    "a sparse tensor": lambda self, h: self.drop(h.to_sparse().to_dense()),
    "a residual": lambda self, h: self.drop(h) + h,
    "in place before": lambda self, h: self.drop(h.mul_(2).add_(h)),
    "in place after": _in_place_later,
    "in place, sometimes": lambda self, h: self.drop(h) + (h.mul_(1.1) if self.step % 3 else h),
    "assigned": _assigned,
    "stashed": _stashed,
    "functional dropout": lambda self, h: self.drop(F.dropout(h, 0.5)),
    "attributes": lambda self, h: self.drop(torch.zeros(h.shape, dtype=h.dtype, device=h.device) + h),
    "tuples": lambda self, h: self.drop(torch.cat(h.chunk(2, dim=1)[::-1], dim=1) + h.max(dim=1).values[:, None]),
    "a gradient": _gradient,
    "a nested tensor": lambda self, h: self.drop(torch.nested.nested_tensor(list(h)).to_padded_tensor(0.0)),
    "indexing": lambda self, h: self.drop(h[:, [1, 0, 2, 3]][..., None].squeeze(-1)),
}


CHANGING = {
    "memory of NumPy", "noise and its generator restored", "autocast, sometimes",
    "weights replaced", "in place, by a number that changes", "in place before, sometimes", "the sign of zero",
    "an operator in place", "noise", "noise of its own", "numpy noise", "numpy noise, shared memory",
    "a number that changes", "a list that changes", "a changed buffer", "a buffer changed unseen",
    "in place, sometimes"}


@pytest.mark.filterwarnings("ignore:.*nested tensors")
@pytest.mark.parametrize("odd", ODD)
def test_odd_models_give_what_the_plain_loop_gives(odd, monkeypatch):
    """The same masks, pass by pass. What changes from call to call can only be right as the loop itself."""
    x, samples, predicted = rows(5, 3), [], mc_dropout.predicted

    def watched(passes, ways, *others):
        yield from predicted(passes, ways, *others)
        used[:] = ways

    monkeypatch.setattr(mc_dropout, "predicted", watched)
    for ways in (["late", "early", "loop"], ["loop"]):
        used = []
        monkeypatch.setattr(mc_dropout, "WAYS", ways)
        torch.manual_seed(0)
        samples.append(mc_predict(Custom(ODD[odd]).eval(), x, 12, seed=1, keep_samples=True).samples)
        if odd in CHANGING:
            assert used == ["loop"]
    if odd not in CHANGING:
        assert torch.allclose(*samples, atol=1e-5)


@pytest.mark.parametrize("n, width, n_passes", [(1, 20, 1000), (300, 50, 7), (40, 5000, 100), (3, 2**21, 4)])
@pytest.mark.parametrize("masks", ["per_row", "shared"])
def test_what_is_computed_at_once_fits_whatever_the_passes_rows_and_width(n, width, n_passes, masks, monkeypatch):
    """At most `NUMBERS` in the widest layer, or what the loop itself needs for its rows; never in smaller pieces."""
    model, sizes, run = nn.Sequential(nn.Linear(2, width), nn.Dropout(0.5), nn.Linear(width, 1)), [], Passes.run

    def watched(self, inputs, rows, passes, **options):
        sizes.append(len(rows) * len(passes) * width)
        return run(self, inputs, rows, passes, **options)

    monkeypatch.setattr(Passes, "run", watched)
    mc_predict(model, rows(n, 2), n_passes, masks=masks)
    line = max(NUMBERS, min(n, 256) * width)
    assert max(sizes) <= line and len(sizes) <= 4 * (1 + n * n_passes * width // line)


@pytest.mark.parametrize("way", WAYS)
def test_an_activation_in_place_leaves_x_alone(way):
    x = rows(4, 1)
    copy = x.clone()
    with only(way):
        mc_predict(nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(1, 1)), x, 20)
    assert torch.equal(x, copy)


@pytest.mark.parametrize("wrap", [lambda model: torch.compile(model, backend="eager"),
                                  lambda model: model.compile(backend="eager") or model])
def test_a_compiled_model_runs_as_it_is_written(wrap):
    x = rows(3, 1, 8, 8)
    plain, compiled = (mc_predict(model, x, 10, seed=0).mean for model in (Conv(), wrap(Conv())))
    assert torch.allclose(plain, compiled)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_dropout_in_scripted_models_is_switched_on():
    x = rows(3, 3)
    for model in (torch.jit.script(network()), nn.Sequential(torch.jit.script(network()), nn.Dropout(0.1))):
        flags = [module.training for module in model.modules()]
        found = mc_predict(model, x, 600, seed=0, keep_samples=True)
        assert flags == [module.training for module in model.modules()]
        plain = network() if isinstance(model, torch.jit.ScriptModule) else nn.Sequential(network(), nn.Dropout(0.1))
        assert_same_distribution(found.samples, torch_loop(plain, x, 600))
        with pytest.raises(ValueError, match='masks="per_row"'):
            mc_predict(model, x, masks="shared")


def test_dropout_in_place_is_in_place():
    class Ignores(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5, inplace=True)

        def forward(self, x):
            h = 2 * x
            self.drop(h)
            return h

    found = mc_predict(Ignores(), torch.ones(4, 3), 30, seed=0, keep_samples=True)
    assert set(found.samples.unique().tolist()) == {0.0, 4.0}


def test_a_model_may_overwrite_its_input():
    class Overwrites(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5, inplace=True)

        def forward(self, x):
            return self.drop(x.mul_(2))

    x = torch.ones(4, 3)
    found = mc_predict(Overwrites(), x, 30, seed=0, keep_samples=True)
    assert set(found.samples.unique().tolist()) == {0.0, 4.0} and (x == 1).all()


# Kinds of model whose way depends on the rows

class Experts(nn.Module):
    """Rows above zero go through a layer whose masks torch draws, the others through an ordinary one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.drop, self.coin = nn.Linear(3, 2), nn.Dropout(0.5), Coin(0.5)

    def forward(self, x):
        h = self.layer(x)
        up = x[:, 0] > 0
        out = torch.empty_like(h)
        out[up], out[~up] = self.coin(h[up]), self.drop(h[~up])
        return out


class EarlyExit(nn.Module):
    """Only when some row needs it, a second layer with masks of torch's own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.drop, self.coin = nn.Linear(3, 2), nn.Dropout(0.5), Coin(0.5)

    def forward(self, x):
        h = self.drop(self.layer(x))
        need = (x[:, :1] > 0).float()
        return h + need * self.coin(h) if need.any() else h


class WeightsDropped(nn.Module):
    """DropConnect whose weights have as many rows as the first try: two."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.drop = nn.Linear(3, 2), nn.Dropout(0.5)

    def forward(self, x):
        return F.linear(x, self.drop(self.layer.weight), self.layer.bias)


@pytest.mark.parametrize("make", [Experts, EarlyExit, WeightsDropped])
def test_a_seed_holds_whatever_way_the_rows_take(make):
    """The first rows take one way, others another: one look at the first would decide wrongly for all."""
    model, x = make(), rows(150, 3)
    x[:70, 0] = -x[:70, 0].abs()
    results = []
    for state, batch_size in ((0, 256), (1, 256), (2, 64)):
        torch.manual_seed(state)
        results.append(mc_predict(model, x, 5, seed=3, batch_size=batch_size, keep_samples=True).samples)
        assert torch.get_rng_state().equal(torch.manual_seed(state).get_state())
    assert torch.equal(results[0], results[1]) and torch.allclose(results[0], results[2], atol=1e-6)
    assert_same_distribution(mc_predict(model, x[68:73], 600, seed=0, keep_samples=True).samples,
                             torch_loop(model, x[68:73], 600))


def _batch_statistics():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Dropout(0.5))


class AcrossRows(nn.Module):
    def __init__(self, mix):
        super().__init__()
        torch.manual_seed(0)
        self.mix, self.layer, self.drop = mix, nn.Linear(3, 4), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.mix(self.layer(x)))


class TimeMajor(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.LSTM(3, 4, num_layers=2, dropout=0.5)

    def forward(self, x):
        return self.layer(x)[0]


@pytest.mark.parametrize("make, shape", [
    (_batch_statistics, (3,)), (lambda: AcrossRows(lambda h: h - h.mean(0)), (3,)),
    (lambda: AcrossRows(lambda h: (h @ h.T).softmax(1) @ h), (3,)), (TimeMajor, (6, 3)),
    (lambda: AcrossRows(lambda h: h.cumsum(0).flip(0)), (3,))])
@pytest.mark.parametrize("n", [2, 5])
def test_rows_that_depend_on_each_other_are_refused(make, shape, n):
    """Their answer would change with batch_size."""
    model = make()
    before = snapshot(model)
    with pytest.raises(ValueError, match="depends on the rows beside it"):
        mc_predict(model, rows(n, *shape), 5)
    assert_untouched(before, model)


# Loaders

ORDERS = {
    "sampler that shuffles": lambda data: DataLoader(data, shuffle=True),
    "random rows": lambda data: DataLoader(data, sampler=SubsetRandomSampler([0, 1, 2])),
    "weighted rows": lambda data: DataLoader(data, sampler=WeightedRandomSampler([1.0] * 8, 8)),
    "the last batch dropped": lambda data: DataLoader(data, batch_size=3, drop_last=True),
    "a batch sampler that shuffles": lambda data: DataLoader(data, batch_sampler=BatchSampler(
        RandomSampler(data), 3, False)),
    "batches of its own": lambda data: DataLoader(data, batch_sampler=[[3, 1], [0]]),
    "an order of its own": lambda data: DataLoader(data, sampler=[3, 1, 0]),
    "reversed": lambda data: DataLoader(data, sampler=range(7, -1, -1)),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_loader_that_may_not_follow_the_rows_is_refused(order):
    with pytest.raises(ValueError, match="may shuffle or leave out rows"):
        mc_predict(network(), ORDERS[order](rows(8, 3)))


class Stream(IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


def test_loaders_in_order_are_taken(capsys):
    x, model = rows(9, 3), network()
    wanted = mc_predict(model, x, 5, seed=0).mean
    empty = [torch.empty(0, 3), x[:4], x[4:4], x[4:]]  # empty batches, also the first
    sampler = BatchSampler(SequentialSampler(x), 4, False)
    for loader in (DataLoader(x, batch_size=4), DataLoader(x, batch_sampler=sampler),
                   DataLoader(Stream(x), batch_size=2), DataLoader(Stream([x[:5], x[5:]]), batch_size=None),
                   DataLoader(Stream(empty), batch_size=None)):
        assert torch.allclose(mc_predict(model, loader, 5, seed=0, progress=True).mean, wanted)
    with pytest.raises(ValueError, match="x has no rows"):
        mc_predict(model, DataLoader(Stream(empty[:1]), batch_size=None))


def test_batches_padded_to_different_lengths():
    class Padded(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(x).sum(dim=1)

    batches = [rows(5, length, 2) for length in (3, 3, 6, 2)]
    found = mc_predict(Padded(), DataLoader(Stream(batches), batch_size=None), 2000, seed=0)
    assert found.mean.shape == (20, 2)
    sums = torch.cat([batch.sum(dim=1) for batch in batches])
    assert ((found.mean - sums).abs() <= 4 * found.std / 2000**0.5).all()
    with pytest.raises(ValueError, match=r"rows of different shapes, \[\(2, 2\), \(3, 2\), \(6, 2\)\]"):
        mc_predict(Returns(lambda h: h), DataLoader(Stream(batches), batch_size=None), 5)


def test_a_first_batch_of_one_row_hides_no_dependence():
    batches = [rows(1, 4, 3), rows(5, 2, 3)]
    with pytest.raises(ValueError, match="depends on the rows beside it"):
        mc_predict(AcrossRows(lambda h: (h - h.mean(0)).sum(1)), DataLoader(Stream(batches), batch_size=None), 5)


# Outputs that are no tensor, inputs by name

class Output:
    """As transformers' models return it."""

    def __init__(self, logits):
        self.logits = logits


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.drop, self.out = nn.Embedding(10, 4), nn.Dropout(0.5), nn.Linear(4, 3)

    def forward(self, input_ids, attention_mask=None):
        h = self.drop(self.embed(input_ids))
        keep = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return Output(self.out((h * keep[..., None]).sum(dim=1)))


def test_a_dict_names_the_arguments_and_output_chooses_what_is_averaged():
    model, n = Named(), 7
    x = {"input_ids": torch.arange(35).reshape(n, 5) % 10, "attention_mask": torch.tensor([[1, 1, 1, 0, 0]] * n)}
    found = mc_predict(model, x, 600, seed=0, output=lambda out: out.logits.softmax(-1), keep_samples=True)
    assert torch.allclose(found.mean.sum(-1), torch.ones(n))
    with torch.random.fork_rng(devices=[]), dropout_active(model), torch.no_grad():
        torch.manual_seed(0)
        looped = torch.stack([model(**x).logits.softmax(-1) for _ in range(600)])
    assert_same_distribution(found.samples, looped)
    by_place = mc_predict(model, tuple(x.values()), 600, seed=0, output=lambda out: out.logits.softmax(-1))
    assert torch.allclose(by_place.mean, found.mean, atol=1e-6)
    loader = DataLoader([{name: tensor[i] for name, tensor in x.items()} for i in range(n)], batch_size=3)
    by_loader = mc_predict(model, loader, 600, seed=0, output=lambda out: out.logits.softmax(-1))
    assert torch.allclose(by_loader.mean, found.mean, atol=1e-6)


def test_a_tuple_or_a_part_of_the_output():
    x = rows(5, 3)
    pair = mc_predict(Returns(lambda h: (h, h.argmax(1))), x, 50, seed=0, output=lambda out: out[0])
    assert torch.allclose(pair.mean, mc_predict(Returns(lambda h: h), x, 50, seed=0).mean)


def test_probabilities_beside_their_entropy_give_the_decomposition_without_samples():
    def both(logits):
        probs = logits.softmax(-1)
        return torch.cat([probs, torch.special.entr(probs).sum(-1, keepdim=True)], dim=-1)

    model, x = network().double(), 3 * rows(20, 3).double()
    mean = mc_predict(model, x, 50, seed=0, output=both).mean
    total = torch.special.entr(mean[:, :-1]).sum(-1)
    probs = mc_predict(model, x, 50, seed=0, keep_samples=True).samples.softmax(-1)
    parts = decompose(probs.numpy())
    assert np.allclose(total, parts.total) and np.allclose(mean[:, -1], parts.aleatoric)
    assert np.allclose(total - mean[:, -1], parts.epistemic)


def test_outputs_per_pixel():
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Dropout2d(0.5), nn.Conv2d(3, 2, 1))
    x = rows(3, 1, 6, 5)
    found = mc_predict(model, x, 400, seed=0, keep_samples=True)
    assert found.std.shape == (3, 2, 6, 5)
    assert_same_distribution(found.samples, torch_loop(model, x, 400))


def test_an_output_that_is_minus_infinite_stays_so():
    """A masked logit, say; its deviation is not nan for the others' sake."""
    model = Returns(lambda h: h.masked_fill(torch.tensor([True, False, False]), -torch.inf))
    found = mc_predict(model, rows(4, 3), 50, seed=0, keep_samples=True)
    assert (found.mean[:, 0] == -torch.inf).all() and found.std[:, 0].isnan().all()
    assert torch.allclose(found.mean[:, 1:], found.samples.mean(0)[:, 1:], atol=1e-6)
    sometimes = Returns(lambda h: torch.where(h > 0, h.log(), -torch.inf))
    assert torch.equal(mc_predict(sometimes, torch.ones(4, 3), 50, seed=0).mean, torch.full((4, 3), -torch.inf))


# Ordinary use

def test_a_rate_given_as_a_tensor():
    x = rows(4, 3)
    wanted = mc_predict(nn.Dropout(0.5), x, 30, seed=0)
    assert torch.equal(mc_predict(nn.Dropout(torch.tensor(0.5)), x, 30, seed=0).std, wanted.std)


@pytest.mark.parametrize("make", [network, lambda: Residual(), lambda: Conv()])
def test_under_autocast(make):
    model = make()
    x = rows(4, 1, 8, 8) if isinstance(model, Conv) else rows(4, 3)
    wanted = mc_predict(model, x, 200, seed=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = mc_predict(model, x, 200, seed=0)
    assert torch.allclose(found.mean.float(), wanted.mean, atol=0.05)
    assert torch.allclose(found.std.float(), wanted.std, atol=0.05)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.drop, self.out = nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 2)

    def forward(self, x):
        h = torch.tanh(self.layer(x))
        return self.out(h + self.drop(h))


def test_bool_rows():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(x.float())

    assert set(mc_predict(Counts(), rows(4, 3) > 0, 5, keep_samples=True).samples.unique().tolist()) <= {0.0, 2.0}


@pytest.mark.parametrize("n_passes", [2, 5])
def test_passes_that_agree_by_chance_are_no_error(n_passes):
    """3-8-1 at p = 0.05: all masks of one row agree for every second seed."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.05), nn.Linear(8, 1))
    stds = [mc_predict(model, rows(1, 3), n_passes, seed=seed).std.item() for seed in range(40)]
    assert min(stds) < 1e-6 < max(stds)  # the std of five equal numbers is a rounding error


def test_dropout_that_always_gives_0_has_no_spread_and_is_no_error():
    assert (mc_predict(Returns(lambda h: h * 0), rows(2, 3)).std == 0).all()
    with pytest.raises(ValueError, match="No pass of Returns was random"):
        mc_predict(Returns(lambda h: h, p=1.0), rows(2, 3))


class SelfAttention(nn.Module):
    """As in many hand-written transformers: attention's dropout is a number behind self.training."""

    def __init__(self, dropout=0.1):
        super().__init__()
        self.dropout, self.resid = dropout, nn.Dropout(0.1)

    def forward(self, x):
        out = F.scaled_dot_product_attention(x, x, x, dropout_p=self.dropout if self.training else 0)
        return self.resid(out)


def test_functional_dropout_that_is_off_is_named_with_its_module():
    inner = nn.Sequential(nn.Linear(3, 3), Functional(), nn.Linear(2, 2))
    with pytest.raises(ValueError, match="forward of Functional calls F.dropout with training=False"):
        mc_predict(nn.Sequential(inner, nn.Dropout(0.1)), rows(4, 3))
    with pytest.raises(ValueError, match="forward of SelfAttention calls scaled_dot.*holds dropout = 0.1"):
        mc_predict(nn.Sequential(nn.Linear(4, 4), SelfAttention()), rows(4, 5, 4))
    assert mc_predict(nn.Sequential(nn.Linear(4, 4), SelfAttention(0.0)), rows(4, 5, 4), 5).std.max() > 0


# Errors

class Returns(nn.Module):
    def __init__(self, out, p=0.5):
        super().__init__()
        self.drop, self.out = nn.Dropout(p), out

    def forward(self, x):
        return self.out(self.drop(x))


class Functional(nn.Module):
    def __init__(self, **layers):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return F.dropout(self.layer(x), 0.5, training=self.training)


class Idle(nn.Module):
    """It holds a dropout layer and never calls it."""

    def __init__(self):
        super().__init__()
        self.drop, self.layer = nn.Dropout(0.5), nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout()

    def forward(self, u, v):
        return self.drop(u + v)


@pytest.mark.parametrize("options, message", [
    ({"n_passes": 0}, "n_passes must be a whole number between 1 and.*, not 0"),
    ({"n_passes": 2.5}, "n_passes must be.*not 2.5"),
    ({"batch_size": -1}, "batch_size must be.*not -1"),
    ({"masks": "row"}, """masks must be "per_row".* or "shared".*not 'row'"""),
    ({"masks": None}, "not None"),
    ({"seed": -1}, "seed must be.*not -1"),
    ({"seed": 0.5}, "seed must be.*not 0.5"),
    ({"x": np.zeros((4, 3))}, "not ndarray: convert arrays with torch.as_tensor"),
    ({"x": {"a": torch.ones(4, 3)}}, r"cannot take x \(missing a required argument: 'input'\).*model\(\*\*x\)"),
    ({"x": {"a": [1.0]}}, "dict of tensors.*not list"),
    ({"x": (torch.ones(4, 3), torch.ones(4))}, r"cannot take x \(too many positional arguments\).*model\(a, b\)"),
    ({"x": torch.ones(4, 3).to_sparse()}, r"ordinary dense tensor.*to_dense\(\)"),
    ({"x": torch.quantize_per_tensor(torch.ones(4, 3), 0.1, 0, torch.qint8)}, r"ordinary dense.*dequantize\(\)"),
    ({"output": "logits"}, "output must be a function.*not 'logits'"),
    ({"x": [[1.0]]}, "not list"),
    ({"x": (torch.ones(2, 3), None)}, "not NoneType"),
    ({"x": ()}, "same number of rows"),
    ({"x": (torch.ones(2, 3), torch.ones(3))}, r"same number of rows on axis 0, not shapes \[\(2, 3\), \(3,\)\]"),
    ({"x": torch.tensor(1.0)}, r"rows on axis 0, not shapes \[\(\)\]"),
    ({"x": torch.ones(0, 3)}, "x has no rows"),
    ({"x": DataLoader([])}, "x has no rows"),
    ({"x": DataLoader(torch.ones(4, 3), shuffle=True)}, "shuffle=False"),
    ({"model": TwoInputs(), "x": DataLoader(TensorDataset(torch.ones(4, 3), torch.ones(4, 3)))},
     r"cannot take x \(missing a required argument: 'v'\).*in a DataLoader's batches.*\(\(a, b\), y\)"),
    ({"model": nn.Sequential(nn.Conv1d(1, 2, 1), nn.Dropout()), "x": torch.ones(4, 1, 3, dtype=torch.float64)},
     "x does not fit the model"),
    ({"model": nn.Linear(3, 2)}, "Linear has no dropout layer with p > 0.*nn.Dropout"),
    ({"model": Functional()}, "Functional has no dropout layer with p > 0: if its forward calls F.dropout"),
    ({"model": Functional(drop=nn.Dropout())}, "forward of Functional calls F.dropout with training=False"),
    ({"model": nn.Dropout(0.0)}, "no dropout layer with p > 0"),
    ({"model": nn.LSTM(3, 3, num_layers=2)}, "no dropout layer"),
    ({"model": lambda x: x}, "model must be a torch.nn.Module, not function"),
    ({"model": nn.Sequential(nn.Dropout(1.0), nn.Linear(3, 1))}, "No pass of Sequential was random.*p = 1"),
    ({"model": Idle()}, "No pass of Idle was random.*not called in forward"),
    ({"model": Returns(lambda h: (h, h))}, "one tensor of floating-point numbers, not tuple: choose it with output"),
    ({"model": Returns(lambda h: h.argmax(1))}, "not torch.int64"),
    ({"model": Returns(lambda h: h.sum())}, r"returned shape \(\) for 2 rows"),
    ({"model": Returns(lambda h: h.T)}, r"returned shape \(3, 2\) for 2 rows"),
])
def test_bad_arguments_are_refused_and_nothing_is_changed(options, message):
    arguments = {"model": network(), "x": torch.ones(4, 3), **options}
    model = arguments.pop("model")
    before = snapshot(model) if isinstance(model, nn.Module) else None
    with pytest.raises(ValueError, match=message) as caught:
        mc_predict(model, arguments.pop("x"), **arguments)
    assert "\n" not in str(caught.value)
    if before:
        assert_untouched(before, model)


@pytest.mark.parametrize("make, shape", [
    (Recurrent, (5, 3)), (lambda: Recurrent(nn.GRU), (5, 3)), (transformer, (5, 4)), (attention, (5, 4)),
    (lambda: _replaced(2, Coin(0.5)), (3,)), (lambda: Returns(lambda h: h + torch.randn_like(h)), (3,))])
def test_shared_masks_are_refused_where_they_cannot_be_reached(make, shape):
    with pytest.raises(ValueError, match='masks="per_row"'):
        mc_predict(make(), rows(4, *shape), masks="shared")


def test_shared_masks_need_rows_on_axis_0():
    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(x.T).T

    x = torch.ones(3, 3)  # as many columns as rows: only a probe with fewer rows tells
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for 2 rows"):
        mc_predict(Transposed(), x, masks="shared")
    assert_same_distribution(mc_predict(Transposed(), x, 500, seed=0, keep_samples=True).samples,
                             torch_loop(Transposed(), x, 500))


@pytest.mark.parametrize("model", [None, lambda x: x])
def test_dropout_active_wants_a_module(model):
    with pytest.raises(ValueError, match="model must be a torch.nn.Module"), mc_dropout.dropout_active(model):
        pass
