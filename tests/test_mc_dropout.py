"""MC dropout: exact over all masks, equal to the plain loop in distribution, and the model as it was."""

import contextlib
import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from book_utils import _mc_fast, _mc_passes, _mc_tape, mc_dropout
from book_utils.dropout import enumerate_masks
from book_utils.mc_dropout import dropout_active, mc_predict

# The same examples every time, so that a claim at 4 standard errors holds or fails for good; shrinking takes minutes.
RANDOM = settings(deadline=None, derandomize=True, database=None, phases=[Phase.generate])
WAYS = ["fold", "sliced", "wide", "passes", "plain loop"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Thousands of tiny passes are slower with more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@contextlib.contextmanager
def only(way):
    """Make `mc_predict` take one of its ways where it can."""
    with pytest.MonkeyPatch.context() as patch:
        if way != "fold":
            patch.setattr(_mc_fast, "SMALL", -1)
        patch.setattr(_mc_fast, "SLICED", 0 if way == "sliced" else 2)
        if way in ("passes", "plain loop"):
            patch.setattr(_mc_fast, "stages", lambda layers: None)
        if way == "plain loop":
            patch.setattr(_mc_tape.Tape, "__init__", _without_tape)
        yield


_tape_init = _mc_tape.Tape.__init__


def _without_tape(self, on=True):
    _tape_init(self, on=False)


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
    dropped = 1 - _mc_passes.Masks(7).draw(0, 1, 0, n, units, p).mean()
    assert abs(dropped - p) <= 4 * np.sqrt(p * (1 - p) / (n * units)) + min(p, 1 - p) / 1000


def test_masks_of_p_0_and_1():
    draw = _mc_passes.Masks(0).draw
    assert draw(0, 0, 0, 2, 50, 0.0).all() and not draw(0, 0, 0, 2, 50, 1.0).any()


@pytest.mark.parametrize("p", [0.5, 1e-5])
@pytest.mark.parametrize("units", [1, 16, 17, 100])
def test_a_mask_depends_on_its_address_alone(p, units):
    whole = _mc_passes.Masks(3).draw(1, 2, 0, 40, units, p)
    assert np.array_equal(whole[7:20], _mc_passes.Masks(3).draw(1, 2, 7, 13, units, p))


def test_masks_of_different_addresses_are_independent():
    masks = [_mc_passes.Masks(key).draw(layer, stream, 0, 200, 500, 0.5).ravel()
             for key, layer, stream in itertools.product((0, 1), repeat=3)]
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

    def draw(self, layer, stream, start, n, units, p):
        assert (layer, stream, units, p) == (0, 0, d, 0.5)
        return every[start:start + n].astype(bool)

    monkeypatch.setattr(_mc_passes.Masks, "draw", draw)
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
    for way in WAYS if masks == "shared" else WAYS[1:]:  # a fold has its own order of rows and passes
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


def test_a_fold_is_the_loop_with_its_masks():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.Sequential(nn.Linear(4, 4), nn.GELU()), nn.Dropout(0.5),
                          nn.Linear(4, 1)).double()
    x, n_passes = rows(6, 3).double(), 30
    folded = torch.cat(list(_mc_fast.fold(_mc_fast.chain(model), x, _mc_passes.Masks(9), 0, n_passes)))

    class RowsFirst(_mc_passes.Masks):
        def __call__(self, layer, t, first_row, n, units, p):
            return np.concatenate([self.draw(layer, 0, row * n_passes + t, 1, units, p) for row in range(n)])

    passes = _mc_passes.Passes(model, RowsFirst(9))
    passes.start((x,), 0)
    with dropout_active(model):
        assert torch.allclose(folded, torch.stack([passes.run(t) for t in range(n_passes)]), atol=1e-12)


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


@pytest.mark.parametrize("masks", ["per_row", "shared"])
@pytest.mark.parametrize("name", MODELS)
def test_the_result_does_not_depend_on_the_blocks(name, masks):
    make, shape = MODELS[name]
    if masks == "shared" and name not in ("chain", "custom"):
        return
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


def test_a_fold_of_many_passes_of_one_row(monkeypatch):
    model, x = network(), rows(3, 3)
    for masks in ("per_row", "shared"):
        whole = mc_predict(model, x, 100, seed=1, masks=masks, keep_samples=True).samples
        with monkeypatch.context() as patch:
            patch.setattr(_mc_fast, "FOLDED", 64)
            assert torch.allclose(mc_predict(model, x, 100, seed=1, masks=masks, keep_samples=True).samples, whole,
                                  atol=1e-6)


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
    mc_predict(model, x, 5, progress=True)
    mc_predict(model, DataLoader(x, batch_size=3), 5, progress=True)
    assert capsys.readouterr().err.count("50.0/50.0") == 2


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
    assert _mc_fast.chain(model) is None
    assert_same_distribution(mc_predict(model, x, 500, seed=0, keep_samples=True).samples, torch_loop(model, x, 500))


def _weight_normed():
    model = network()
    nn.utils.parametrizations.weight_norm(model[3])
    with torch.no_grad():
        model[3].parametrizations.weight.original0.mul_(2)
    return model


def test_global_hooks_are_seen():
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, out: None)
    try:
        assert _mc_fast.chain(network()) is None
    finally:
        handle.remove()
    assert _mc_fast.chain(network()) is not None


def test_only_activations_before_dropout_are_left_out_with_its_units():
    """A unit that was dropped is 0, and the sigmoid of 0 is not."""
    linear, drop = nn.Linear(3, 3), nn.Dropout(0.5)
    assert _mc_fast.stages([drop, linear, nn.Tanh(), drop, linear, drop])
    for layers in ([linear, drop, nn.Sigmoid(), linear], [linear, drop, drop, linear]):
        assert _mc_fast.stages(layers) is None


def test_what_comes_before_the_first_dropout_is_computed_once():
    model, x = Conv(), rows(4, 1, 8, 8)
    flops = []
    for n_passes in (5, 50):
        with FlopCounterMode(display=False) as counter:
            mc_predict(model, x, n_passes)
        flops.append(counter.get_flop_counts()["Global"][torch.ops.aten.convolution])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x), model(x[:2])  # two rows to probe
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


def _needed_later(self, h):
    """The first pass lets go of what the fourth one needs."""
    g = h * 2
    if self.step < 4:
        g = None
    out = self.drop(h)
    return out if g is None else out + g


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
    "needed later": _needed_later,
    "a nested tensor": lambda self, h: self.drop(torch.nested.nested_tensor(list(h)).to_padded_tensor(0.0)),
    "indexing": lambda self, h: self.drop(h[:, [1, 0, 2, 3]][..., None].squeeze(-1)),
}


@pytest.mark.filterwarnings("ignore:.*nested tensors")
@pytest.mark.parametrize("odd", ODD)
def test_the_tape_never_changes_what_comes_out(odd):
    x, outs = rows(5, 3), []
    for replay in (True, False):
        torch.manual_seed(0)
        model = Custom(ODD[odd]).eval()
        passes = _mc_passes.Passes(model, _mc_passes.Masks(1), replay=replay)
        with torch.no_grad(), dropout_active(model):
            torch.manual_seed(1)
            outs.append([])
            for block in range(2):
                passes.start((x,), 5 * block)
                for t in range(12):
                    model.step += 1  # here, since a pass that cannot be played back to its end begins again
                    outs[-1].append(passes.run(t))
    assert all(map(torch.equal, *outs))


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


# Errors

class Returns(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.drop, self.out = nn.Dropout(0.5), out

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
    ({"x": {"a": torch.ones(4, 3)}}, "not dict: wrap the model in a module whose forward"),
    ({"x": [[1.0]]}, "not list"),
    ({"x": (torch.ones(2, 3), None)}, "not NoneType"),
    ({"x": ()}, "same number of rows"),
    ({"x": (torch.ones(2, 3), torch.ones(3))}, r"same number of rows on axis 0, not shapes \[\(2, 3\), \(3,\)\]"),
    ({"x": torch.tensor(1.0)}, r"rows on axis 0, not shapes \[\(\)\]"),
    ({"x": torch.ones(0, 3)}, "x has no rows"),
    ({"x": DataLoader([])}, "x has no rows"),
    ({"x": DataLoader(torch.ones(4, 3), shuffle=True)}, "shuffle=False"),
    ({"model": TwoInputs(), "x": DataLoader(TensorDataset(torch.ones(4, 3), torch.ones(4, 3)))},
     r"takes more inputs than x holds .*'v'.*\(a, b\), and in a DataLoader's batches the first item, \(\(a, b\), y\)"),
    ({"model": nn.Sequential(nn.Conv1d(1, 2, 1), nn.Dropout()), "x": torch.ones(4, 1, 3, dtype=torch.float64)},
     "x does not fit the model"),
    ({"model": nn.Linear(3, 2)}, "Linear has no dropout layer with p > 0.*nn.Dropout"),
    ({"model": Functional()}, "Functional has no dropout layer with p > 0: if its forward calls F.dropout"),
    ({"model": Functional(drop=nn.Dropout())}, "forward calls F.dropout with training=False"),
    ({"model": nn.Dropout(0.0)}, "no dropout layer with p > 0"),
    ({"model": nn.LSTM(3, 3, num_layers=2)}, "no dropout layer"),
    ({"model": lambda x: x}, "model must be a torch.nn.Module, not function"),
    ({"model": nn.Sequential(nn.Dropout(1.0), nn.Linear(3, 1))}, "All 100 passes gave the same output"),
    ({"model": Returns(lambda h: h * 0)}, "All 100 passes.*F.dropout"),
    ({"model": Returns(lambda h: (h, h))}, "one tensor of floating-point numbers, not tuple"),
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
