# Made from book/ by scripts/tangle.py: edit the chapters.
"""CIFAR-10: records, layouts, and archives that nobody should unpack."""

import contextlib
import hashlib
import io
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from dlfs import data
from dlfs.data import CIFAR10, RemoteFile, read_records

# book/26-colour.md#test-cifar
NAMES = [f"data_batch_{number}.bin" for number in range(1, 6)]
NAMES += ["test_batch.bin"]


def make_records(number, count=4):
    """The bytes of a file: labels 0, 1, ... and pixels drawn by a seed."""
    rng = np.random.default_rng(number)
    pieces = []
    for label in range(count):
        pieces += [bytes([label]), rng.bytes(3072)]
    return b"".join(pieces)


FILES = {name: make_records(i) for i, name in enumerate(NAMES)}


def pack(members):
    """A tar.gz of pairs: a name or a TarInfo, and content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for member, content in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


OFFICIAL = [(f"cifar-10-batches-bin/{n}", FILES[n]) for n in FILES]
PACKED = pack([("cifar-10-batches-bin/readme.html", b"<p>"), *OFFICIAL])


class Small(CIFAR10):
    """A set with four records in each file."""

    records = 4
    archive = RemoteFile(
        "cifar-10-binary.tar.gz",
        len(PACKED),
        hashlib.sha256(PACKED).hexdigest(),
    )


def put(folder, names=NAMES):
    """Write files of the small set into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(FILES[name])
    return folder


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """The address of a mirror that has the small set, packed."""
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "cifar-10-binary.tar.gz").write_bytes(PACKED)

    class Mirror(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class TestReadRecords:
    def test_a_record_is_a_label_and_three_planes(self, tmp_path):
        path = tmp_path / "x.bin"
        planes = [bytes([c]) * 1024 for c in (10, 20, 30)]
        path.write_bytes(b"\x07" + b"".join(planes))
        images, labels = read_records(path)
        assert images.shape == (1, 3, 32, 32) and labels.tolist() == [7]
        for channel, value in enumerate((10, 20, 30)):
            assert (images[0, channel] == value).all()

    def test_a_pixel_is_where_the_format_says(self, tmp_path):
        path = tmp_path / "x.bin"
        path.write_bytes(FILES["test_batch.bin"])
        images, labels = read_records(path)
        for i, c, h, w in (0, 0, 0, 0), (3, 2, 31, 31), (1, 1, 5, 9):
            place = 3073 * i + 1 + 1024 * c + 32 * h + w
            assert images[i, c, h, w] == FILES["test_batch.bin"][place]
        assert labels.tolist() == [0, 1, 2, 3]


class TestCIFAR10:
    def test_has_the_files_one_after_the_other(self, tmp_path):
        put(tmp_path / "cifar-10-batches-bin")
        train, test = Small(tmp_path), Small(tmp_path, train=False)
        assert (len(train), len(test)) == (20, 4)
        assert train.data.dtype == train.targets.dtype == np.uint8
        assert train.targets.tolist() == [0, 1, 2, 3] * 5
        for i, name in enumerate(NAMES):
            pixels = np.frombuffer(FILES[name], np.uint8).reshape(4, -1)
            own = test.data if i == 5 else train.data[4 * i : 4 * i + 4]
            assert np.array_equal(own.reshape(4, -1), pixels[:, 1:])

    def test_gives_images_and_labels_as_it_is_told(self, tmp_path):
        put(tmp_path / "cifar-10-batches-bin")
        test = Small(tmp_path, train=False)
        images, labels = test[1:3]
        assert images.shape == (2, 3, 32, 32) and labels.tolist() == [1, 2]
        image, label = test[2]
        assert image.shape == (3, 32, 32) and label == 2
        bright = Small(tmp_path, False, transform=lambda x: x + 1.0)
        assert np.array_equal(bright[1:3][0], images + 1.0)
        assert test.classes[8] == "ship" and len(test.classes) == 10

    def test_its_official_numbers_are_those_of_the_authors(self):
        assert CIFAR10.records == 10_000
        assert CIFAR10.archive.size == 170_052_171
        assert len(CIFAR10.archive.sha256) == 64

    def test_is_downloaded_and_unpacked(self, tmp_path, mirror):
        test = Small(tmp_path, False, download=True, mirrors=[mirror])
        assert test.targets.tolist() == [0, 1, 2, 3]
        train = Small(tmp_path, download=True, mirrors=[])  # it is there
        assert len(train) == 20

    def test_both_halves_are_loaded_with_a_sentence(
        self, tmp_path, monkeypatch
    ):
        folder = put(tmp_path / "cifar-10-batches-bin")
        monkeypatch.setattr(CIFAR10, "records", 4)
        train, test, source = data.load_cifar10(tmp_path, [])
        assert (len(train), len(test)) == (20, 4)
        assert source == f"CIFAR-10 (20 + 4) from {folder}"
