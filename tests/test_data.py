# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data: hostile files, hostile mirrors, and batches that add up."""

import contextlib
import gzip
import hashlib
import itertools
import json
import math
import struct
import threading
import time
import tracemalloc
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlfs.data import (
    MNIST,
    MNIST_FILES,
    DataError,
    DataLoader,
    DownloadError,
    MNISTMini,
    RemoteFile,
    TensorDataset,
    data_root,
    download_file,
    fingerprint,
    hold_out,
    load_mnist,
    normalize,
    pixel_statistics,
    read_idx,
)

# book/10-data.md#test-data-idx
DIGITS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
IDX = bytes.fromhex("00000803 00000002 00000003 00000004") + DIGITS.tobytes()
BAD_FILES = {
    "empty": (b"", "(none)"),
    "image": (b"\x89PNG\r\n\x1a\n", "89 50 4e 47"),
    "floats": (b"\0\0\x0d" + IDX[3:], "00 00 0d 03"),
    "header cut": (IDX[:10], "inside its header"),
    "other shape": (IDX[:4] + IDX[8:12] * 3, "(3, 3, 3)"),
    "huge": (b"\0\0\x08\x03" + b"\xff" * 12 + IDX[16:], "4294967295"),
    "cut": (IDX[:-1], "has only 23"),
    "too long": (IDX + b"\0", "has more"),
    "bomb": (IDX + bytes(10**8), "has more"),
    "axes": (b"\0\0\x08\xff" + b"\xff" * 1020 + IDX[16:], "4294967295, 42"),
    "negative": (IDX[:4] + b"\x80" + IDX[5:], "2147483650"),
}


class TestReadIdx:
    @pytest.mark.parametrize("name", ["a", "a.gz"])
    def test_reads_plain_and_gzipped_files(self, tmp_path, name):
        packed = gzip.compress(IDX) if name == "a.gz" else IDX
        (tmp_path / name).write_bytes(packed)
        assert np.array_equal(read_idx(tmp_path / name, (2, 3, 4)), DIGITS)

    @pytest.mark.parametrize("fault", BAD_FILES)
    def test_names_the_file_and_the_fault(self, tmp_path, fault):
        content, message = BAD_FILES[fault]
        path = tmp_path / "x.gz"
        path.write_bytes(gzip.compress(content, 1))
        tracemalloc.start()
        with pytest.raises(DataError) as caught:
            read_idx(path, (2, 3, 4))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
        text = str(caught.value)
        assert str(path) in text and message in text
        assert text.isprintable() and len(text) < 500

    def test_a_flipped_bit_is_noticed_or_harmless(self, tmp_path):
        packed, path = gzip.compress(IDX, mtime=0), tmp_path / "x.gz"
        noticed = 0
        for bit in range(8 * len(packed)):
            broken = bytearray(packed)
            broken[bit // 8] ^= 1 << bit % 8
            path.write_bytes(broken)
            try:
                assert np.array_equal(read_idx(path, (2, 3, 4)), DIGITS)
            except DataError:
                noticed += 1
        assert noticed > 6 * len(packed)


# book/10-data.md#test-data-idx-damage
OFTEN = settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PLACE = st.tuples(
    st.integers(0, 70), st.integers(0, 20), st.binary(max_size=20)
)
PLACES = st.lists(PLACE, min_size=1, max_size=3)


def damaged(content, places):
    """Exchange some bytes for others."""
    content = bytearray(content)
    for start, removed, inserted in places:
        content[start : start + removed] = inserted
    return bytes(content)


class TestDamagedIdx:
    def read(self, path, content):
        """Return what the file holds, or None if it is refused."""
        path.write_bytes(content)
        try:
            return read_idx(path, (2, 3, 4))
        except DataError as error:
            assert str(path) in str(error) and str(error).isprintable()

    @OFTEN
    @given(places=PLACES)
    def test_gives_the_pixels_or_an_error(self, tmp_path, places):
        packed = gzip.compress(IDX, mtime=0)
        pixels = self.read(tmp_path / "x.gz", damaged(packed, places))
        assert pixels is None or np.array_equal(pixels, DIGITS)

    @OFTEN
    @given(places=PLACES)
    def test_gives_the_shape_or_an_error(self, tmp_path, places):
        content = damaged(IDX, places)
        plain = self.read(tmp_path / "x", content)
        packed = self.read(tmp_path / "x.gz", gzip.compress(content, 1))
        assert np.array_equal(plain, packed)
        assert plain is None or plain.shape == (2, 3, 4)


# book/10-data.md#test-data-heads
HEADS = {
    "no-length": "200 OK",
    "no-range": "200 OK\r\nContent-Length: 300000",
    "all-206": "206 OK\r\nContent-Range: bytes 0-299999/300000",
    "too-short": "200 OK\r\nContent-Length: 299999",
    "too-long": "200 OK\r\nContent-Length: 300001",
    "negative": "200 OK\r\nContent-Length: -5",
    "absurd": "200 OK\r\nContent-Length: " + 5000 * "9",
    "word": "200 OK\r\nContent-Length: many",
    "far-206": "206 OK\r\nContent-Range: bytes 299990-299999/300000",
    "bad-206": "206 OK\r\nContent-Range: \x1b[31m" + 60_000 * "9",
    "bare-206": "206 OK",
    "nothing": "204 No Content",
    "loop": "302 Found\r\nLocation: /loop/x.bin",
    "file": "302 Found\r\nLocation: file:///etc/hostname",
    "headers": "200 OK" + 1000 * "\r\nA: b",
    "long-header": "200 OK\r\nA: " + 100_000 * "b",
    "curses": "500 \x1b[2J\x07" + 60_000 * "x",
    "nonsense": "\x1b[2J" + 60_000 * "x",
}


# book/10-data.md#test-data-mirror
CONTENT = np.random.default_rng(0).bytes(300_000)


class Mirror(BaseHTTPRequestHandler):
    """A mirror with the fault that its address begins with."""

    def do_GET(self):
        fault = self.path.split("/")[1]
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        with contextlib.suppress(OSError):  # the client may have hung up
            if fault.isdigit() or (fault == "416-range" and start):
                self.send_error(int(fault[:3]))
            elif fault in HEADS:
                head = f"HTTP/1.0 {HEADS[fault]}\r\n\r\n"
                self.wfile.write(head.encode() + CONTENT)
            else:
                self.send_response(206 if start else 200)
                ends = f"bytes {start}-299999/300000"
                self.send_header("Content-Range", ends)
                self.end_headers()
                self.send_body(fault, CONTENT[start:])

    def log_message(self, *args):
        """Keep quiet."""

    # book/10-data.md#test-data-mirror-body
    def send_body(self, fault, body):
        """Send the rest of the content, or what the fault makes of it."""
        if fault == "corrupt":
            body = body[::-1]
        if fault == "bomb":
            body = gzip.compress(bytes(10**7), 1) + bytes(10**6)
        if fault == "cut":
            body = body[:100_000]
        if fault == "crumbs":
            body = body[:1]
        if fault == "silent":
            time.sleep(0.6)
        if fault == "drip":
            for i in range(12):
                self.wfile.write(body[i : i + 1])
                time.sleep(0.05)
            return
        self.wfile.write(body)
        if fault == "endless":
            self.wfile.write(CONTENT)


# book/10-data.md#test-data-server
@contextlib.contextmanager
def mirrors():
    """Run a server of mirrors; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


# book/10-data.md#test-data-download
FILE = RemoteFile("x.bin", 300_000, hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(scope="module")
def server():
    """The address of a server of mirrors."""
    with mirrors() as address:
        yield address


def fetch(server, faults, folder):
    """Download from mirrors with these faults."""
    addresses = [f"{server}{fault}/" for fault in faults.split()]
    return download_file(FILE, folder, addresses, timeout=0.3)


class TestDownload:
    @pytest.mark.parametrize(
        "faults",
        [
            *("good", "403 good", "500 corrupt good", "silent cut"),
            *("endless", "cut corrupt", "nonsense 416-range", "all-206"),
        ],
    )
    def test_gets_the_file_in_spite_of(self, server, tmp_path, faults):
        path = fetch(server, faults, tmp_path / "new")
        assert path.read_bytes() == CONTENT
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("left", [CONTENT[:1000], bytes(1000), CONTENT])
    @pytest.mark.parametrize(
        "fault", ["good", "no-length", "no-range", "all-206", "416-range"]
    )
    def test_goes_on_with_a_part(self, server, tmp_path, fault, left):
        (tmp_path / "x.bin.part").write_bytes(left)
        assert fetch(server, fault, tmp_path).read_bytes() == CONTENT

    def test_gives_up_within_seconds_without_a_network(self, tmp_path):
        began = time.monotonic()
        with pytest.raises(DownloadError):
            fetch("http://127.0.0.1:9/", "a b", tmp_path)
        assert time.monotonic() - began < 3


# book/10-data.md#test-data-download-errors
SAID = {
    "403": "HTTP Error 403",
    "404": "HTTP Error 404",
    "500": "HTTP Error 500",
    "too-short": "offers 299999 bytes instead of 300000",
    "too-long": "offers 300001 bytes instead of 300000",
    "negative": "offers -5 bytes",
    "absurd": "offers 99999999999999999999 bytes",
    "word": "offers many bytes",
    "far-206": "sends bytes 299990-299999/300000, asked for bytes 1000-",
    "bad-206": "sends [31m999",
    "bare-206": "sends (nothing), asked for bytes 1000-",
    "nothing": "cut the connection 300000 bytes early",
    "loop": "infinite loop. The last 30x error",
    "file": "is not allowed",
    "headers": "more than 100 headers",
    "long-header": "more than 65536 bytes",
    "curses": "HTTP Error 500: [2Jxxx",
    "nonsense": "[2Jxxx",
    "silent": "timed out",
    "drip": "sends less than 2 kB a second",
    "crumbs": "cut the connection 2989",
}


class TestDownloadErrors:
    @pytest.mark.parametrize("fault", SAID)
    def test_are_one_line_and_lose_nothing(self, server, tmp_path, fault):
        part = tmp_path / "x.bin.part"
        part.write_bytes(CONTENT[:1000])
        began = time.monotonic()
        with pytest.raises(DownloadError) as caught:
            fetch(server, fault, tmp_path)
        assert time.monotonic() - began < 4  # ten time-outs at most
        text = str(caught.value)
        assert SAID[fault] in text and f"put it into {tmp_path}" in text
        assert text.isprintable() and len(text) < 600
        assert part.read_bytes() == CONTENT[: max(1000, part.stat().st_size)]
        assert list(tmp_path.iterdir()) == [part]

    @pytest.mark.parametrize("fault", ["corrupt", "bomb"])
    def test_wrong_bytes_are_thrown_away(self, server, tmp_path, fault):
        with pytest.raises(DownloadError, match="sent SHA-256 "):
            fetch(server, fault, tmp_path)
        assert list(tmp_path.iterdir()) == []


# book/10-data.md#test-data-mini
class TestMNIST:
    @pytest.mark.parametrize("train, each", [(True, 1000), (False, 200)])
    def test_the_slice_has_as_many_of_every_digit(self, train, each):
        digits = MNISTMini(train)
        assert digits.data.shape == (10 * each, 28, 28)
        assert digits.data.dtype == np.uint8
        assert np.bincount(digits.targets).tolist() == [each] * 10

    def test_the_slice_is_about_two_megabytes(self):
        folder = files("dlfs") / "mnist_mini"
        sizes = [len(file.read_bytes()) for file in folder.iterdir()]
        assert sum(sizes) < 2_200_000

    def test_own_files_are_used_with_a_warning(self, test_files):
        with pytest.warns(UserWarning, match=r"not the official SHA-256"):
            digits = MNIST(test_files, train=False)
        image, label = digits[3]
        assert len(digits) == 10_000 and image.sum() == 0 and label == 1

    def test_unpacked_files_are_accepted(self, test_files):
        for path in (test_files / "mnist").iterdir():
            plain = path.with_suffix("")
            plain.write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(MNIST(test_files, train=False)) == 10_000

    def test_a_label_above_nine_is_refused(self, test_files):
        write_idx(test_files, "labels-idx1", np.full(10_000, 10, np.uint8))
        with pytest.raises(DataError, match="label 10; expected 0 to 9"):
            MNIST(test_files, train=False)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(DataError, match="train-images-idx3-ubyte"):
            MNIST(tmp_path)


def write_idx(root, kind, array):
    """Put a file of the MNIST test set into a folder."""
    header = bytes([0, 0, 8, array.ndim])
    header += np.array(array.shape, ">u4").tobytes()
    path = root / "mnist" / f"t10k-{kind}-ubyte.gz"
    path.write_bytes(gzip.compress(header + array.tobytes(), 1))


@pytest.fixture
def test_files(tmp_path):
    """A folder with a test set of white images that are all ones."""
    (tmp_path / "mnist").mkdir()
    write_idx(tmp_path, "images-idx3", np.zeros((10_000, 28, 28), np.uint8))
    write_idx(tmp_path, "labels-idx1", np.ones(10_000, np.uint8))
    return tmp_path


# book/10-data.md#test-data-load
NOBODY = ["http://127.0.0.1:9/"]  # no server listens on this port


def full_set(folder):
    """Write black images and one label for each of the two sets."""
    folder.mkdir()
    for prefix, count, label in ("train", 60_000, 6), ("t10k", 10_000, 1):
        for kind, sizes in ("images-idx3", (28, 28)), ("labels-idx1", ()):
            shape = (count, *sizes)
            header = struct.pack(">HBB", 0, 8, len(shape))
            header += struct.pack(f">{len(shape)}I", *shape)
            values = bytes([0 if sizes else label]) * math.prod(shape)
            path = folder / f"{prefix}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(header + values, 1))


def test_the_four_files_have_the_published_lengths():
    sizes = {file.name[:14]: file.size for file in MNIST_FILES}
    assert sizes == {
        "train-images-i": 9912422,
        "train-labels-i": 28881,
        "t10k-images-id": 1648877,
        "t10k-labels-id": 4542,
    }


class TestLoadMNIST:
    def test_auto_falls_back_on_the_slice_and_says_so(self, tmp_path):
        train, test, source = load_mnist("auto", tmp_path, NOBODY)
        assert (len(train), len(test)) == (10_000, 2_000)
        assert "slice" in source and "NOT the full set" in source

    def test_full_does_not_fall_back(self, tmp_path):
        with pytest.raises(DownloadError, match="in some other way"):
            load_mnist("full", tmp_path, NOBODY)

    @pytest.mark.parametrize("data", ["auto", "full"])
    def test_the_full_set_is_used_where_it_is(self, tmp_path, data):
        full_set(tmp_path / "mnist")
        with pytest.warns(UserWarning, match="not the official SHA-256"):
            train, test, source = load_mnist(data, tmp_path, NOBODY)
        assert train.data.shape == (60_000, 28, 28)
        assert test.data.shape == (10_000, 28, 28)
        assert (train.targets[0], test.targets[0]) == (6, 1)
        folder = tmp_path / "mnist"
        assert source == f"full MNIST (60,000 + 10,000) from {folder}"
        with pytest.warns(UserWarning, match="not the official SHA-256"):
            assert len(MNIST(tmp_path)) == 60_000  # to learn from

    def test_a_broken_file_is_an_error_not_a_reason(self, tmp_path):
        (tmp_path / "mnist").mkdir()
        for name in "train-images-idx3", "train-labels-idx1":
            (tmp_path / "mnist" / f"{name}-ubyte").write_bytes(IDX)
        with pytest.raises(DataError, match="train-images-idx3-ubyte"):
            load_mnist("auto", tmp_path, NOBODY)

    def test_the_root_is_argument_then_variable_then_cache(self, monkeypatch):
        monkeypatch.setenv("DLFS_DATA", "elsewhere")
        assert data_root("here").name == "here"
        assert data_root().name == "elsewhere"
        monkeypatch.delenv("DLFS_DATA")
        assert data_root().name == "dlfs"

    @pytest.mark.parametrize(
        "platform, place",
        [
            ("darwin", "~/Library/Caches"),
            ("win32", "~/AppData/Local"),
            ("linux", "~/.cache"),
        ],
    )
    def test_the_cache_is_where_the_system_has_it(
        self, monkeypatch, platform, place
    ):
        for name in "DLFS_DATA", "LOCALAPPDATA", "XDG_CACHE_HOME":
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("sys.platform", platform)
        assert data_root() == Path(place).expanduser() / "dlfs"

    def test_an_unknown_home_folder_is_named(self):
        with pytest.raises(DataError, match="~nobody-at-all/x: the home"):
            data_root("~nobody-at-all/x")


# book/10-data.md#test-data-normalize
class TestNormalize:
    def test_statistics_are_those_of_numpy(self):
        images = np.random.default_rng(0).integers(0, 256, (2500, 3, 5))
        mean, std = pixel_statistics(images.astype(np.uint8))
        assert mean == pytest.approx((images / 255).mean(), rel=1e-12)
        assert std == pytest.approx((images / 255).std(), rel=1e-12)

    def test_black_and_white_become_plus_and_minus_one(self):
        values = normalize(np.array([0, 255], np.uint8), 0.5, 0.5)
        assert values.dtype == np.float32
        assert values.tolist() == [-1.0, 1.0]

    def test_a_fingerprint_sees_values_types_and_shapes(self):
        zeros = np.zeros(4, np.uint8)
        others = zeros + 1, zeros.reshape(2, 2), zeros.astype(np.int8)
        prints = {fingerprint(array) for array in (zeros, *others)}
        assert len(prints) == 4
        assert fingerprint(zeros.copy()) == fingerprint(zeros)


# book/10-data.md#test-data-hold-out
class TestHoldOut:
    def test_every_example_is_in_one_of_the_two(self):
        numbers = np.arange(100)
        rest, held_out = hold_out(TensorDataset(numbers, -numbers), 30, 0)
        assert len(held_out) == 30 and len(rest) == 70
        both = np.concatenate([rest.arrays[0], held_out.arrays[0]])
        assert np.array_equal(np.sort(both), numbers)
        for images, labels in rest.arrays, held_out.arrays:
            assert np.array_equal(images, -labels)

    def test_the_seed_decides_which(self):
        numbers = TensorDataset(np.arange(100))
        one, two, other = (
            hold_out(numbers, 30, seed)[1].arrays[0] for seed in (0, 0, 1)
        )
        assert np.array_equal(one, two) and not np.array_equal(one, other)
        assert not np.array_equal(one, np.arange(30))

    def test_nothing_held_out_leaves_the_data_as_they_are(self):
        rest, held_out = hold_out(TensorDataset(np.arange(9)), 0, 0)
        assert rest.arrays[0].tolist() == [*range(9)] and not len(held_out)

    @pytest.mark.parametrize("size", [-1, 10, 11])
    def test_nothing_left_to_learn_from_is_refused(self, size):
        with pytest.raises(ValueError, match=f"{size} of 10 examples"):
            hold_out(TensorDataset(np.arange(10)), size, 0)


# book/10-data.md#test-data-loader
def make_loader(size=10, seed=0, **options):
    """A loader of the numbers 0 to `size` - 1, three in a batch."""
    generator = np.random.default_rng(seed)
    dataset = TensorDataset(np.arange(size))
    return DataLoader(dataset, 3, True, generator=generator, **options)


def numbers(batches):
    """All numbers in the batches, in order."""
    return [int(x) for (batch,) in batches for x in batch]


class TestDataLoader:
    def test_an_epoch_has_every_example_once(self):
        loader = make_loader()
        assert sorted(numbers(loader)) == list(range(10))
        assert [len(batch) for (batch,) in loader] == [3, 3, 3, 1]

    def test_without_shuffling_the_order_is_that_of_the_set(self):
        loader = DataLoader(TensorDataset(np.arange(5)), 5, drop_last=True)
        assert [x.tolist() for (x,) in loader] == [[0, 1, 2, 3, 4]]

    def test_batches_are_of_one_unless_asked_for(self):
        loader = DataLoader(TensorDataset(np.arange(2)))
        assert [x.tolist() for (x,) in loader] == [[0], [1]]

    def test_drop_last_leaves_out_the_small_batch(self):
        loader = make_loader(drop_last=True)
        assert [len(batch) for (batch,) in loader] == [3, 3, 3]
        assert len(loader) == 3

    def test_the_seed_decides_the_order_and_epochs_differ(self):
        one, two, other = make_loader(), make_loader(), make_loader(seed=1)
        first = numbers(one)
        assert first == numbers(two) != numbers(other)
        assert first != numbers(one)

    def test_a_second_iterator_starts_from_the_beginning(self):
        loader = make_loader()
        next(iter(loader))
        assert len(numbers(loader)) == 10

    @pytest.mark.parametrize("size, options", [(0, {}), (2, {"drop_last": 1})])
    def test_no_batch_at_all_is_an_error(self, size, options):
        with pytest.raises(ValueError, match="make no batch of 3"):
            make_loader(size, **options)

    @pytest.mark.parametrize("batch_size", [0, -3])
    def test_a_batch_has_at_least_one_example(self, batch_size):
        with pytest.raises(ValueError, match=f"no batch of {batch_size}"):
            DataLoader(TensorDataset(np.arange(5)), batch_size)
        loader = DataLoader(TensorDataset(np.arange(2)), 1)
        assert [x.tolist() for (x,) in loader] == [[0], [1]]


# book/10-data.md#test-data-loader-state
class TestLoaderState:
    @pytest.mark.parametrize("stop", range(9))
    def test_goes_on_where_the_state_was_taken(self, stop):
        def epochs(loader):
            return itertools.chain(loader, loader, loader)

        expected = list(map(str, epochs(make_loader())))
        loader = make_loader()
        begun = list(map(str, itertools.islice(epochs(loader), stop)))
        state = json.loads(json.dumps(loader.state_dict()))
        resumed = make_loader(seed=99)
        resumed.load_state_dict(state)
        assert begun + list(map(str, epochs(resumed)))[: 12 - stop] == expected

    def test_another_batch_size_is_refused_with_both_values(self):
        state = make_loader().state_dict() | {"batch_size": 5}
        with pytest.raises(ValueError, match="batch_size is 3, but 5"):
            make_loader().load_state_dict(state)

    @pytest.mark.parametrize("position", [-1, 10**9, 1.5, "2", None])
    def test_a_place_that_does_not_exist_is_refused(self, position):
        state = make_loader().state_dict() | {"position": position}
        with pytest.raises(ValueError, match=r"position .* expected 0 to "):
            make_loader().load_state_dict(state)
