# Made from book/ by scripts/tangle.py: edit the chapters.
"""CIFAR-10: records, layouts, and archives that nobody should unpack."""

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import tarfile
import threading
import tracemalloc
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlfs import data
from dlfs.data import (
    CIFAR10,
    DataError,
    RemoteFile,
    read_archive,
    read_records,
    unpack,
)

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


# book/32-cifar-files.md#test-cifar-records
FILE = FILES["test_batch.bin"]
PAGE = b"<!doctype html>\n<title>Log in</title>"


def with_label(record, label):
    """The bytes of a file in which one record has another label."""
    content = bytearray(FILE)
    content[3073 * record] = label
    return bytes(content)


FAULTS = {
    "label 11": (with_label(2, 11), "record 2, at byte 6,146, has label 11;"),
    "label 255": (with_label(0, 255), "record 0, at byte 0, has label 255"),
    "cut": (FILE[:-1], "ends in record 3, of which it has 3,072 bytes"),
    "one less": (FILE[:-3073], "holds 3 records; expected 4 records of 3,073"),
    "one byte more": (FILE + b"\0", "goes on after record 3; expected 4"),
    "one more": (FILE + FILE[:3073], "goes on after record 3; expected 4"),
    "empty": (b"", "holds 0 records; expected 4"),
    "page": (PAGE, "is a web page and not the data; CIFAR10(download=True)"),
    "pickle": (pickle.dumps({b"data": 1}), "is the pickled version"),
    "old pickle": (pickle.dumps([1], 2), "is the pickled version"),
    "hundred": (bytes(3 * 3074), "those of CIFAR-100 have one more"),
    "many hundred": (bytes(9 * 3074), "those of CIFAR-100 have one more"),
    "packed and cut": (gzip.compress(FILE)[:-9], "gzip file is broken"),
    "bomb": (gzip.compress(bytes(10**8), 1), "goes on after record 3"),
}


class TestRecords:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_name_the_file_the_record_and_the_value(self, tmp_path, fault):
        content, message = FAULTS[fault]
        path = tmp_path / "data_batch_1.bin"
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError) as caught:
            read_records(path, 4, 10)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
        text = str(caught.value)
        assert text.startswith(f"{path}: ") and message in text
        assert text.isprintable() and len(text) < 500

    @pytest.mark.parametrize("layers", [0, 1, 2])
    def test_may_be_packed_whatever_the_name(self, tmp_path, layers):
        content = FILE
        for _ in range(layers):
            content = gzip.compress(content)
        (tmp_path / "x.bin").write_bytes(content)
        images, labels = read_records(tmp_path / "x.bin", 4, 10)
        assert labels.tolist() == [0, 1, 2, 3]
        assert images.tobytes()[:3072] == FILE[1:3073]

    def test_that_look_like_a_page_are_read(self, tmp_path):
        truck = b"\t<html>" + bytes(3073 - 7)
        (tmp_path / "x.bin").write_bytes(truck)
        assert read_records(tmp_path / "x.bin", 1, 10)[1].tolist() == [9]

    def test_of_any_number_and_classes_are_read(self, tmp_path):
        (tmp_path / "x.bin").write_bytes(with_label(3, 61))
        assert read_records(tmp_path / "x.bin")[1].max() == 61
        (tmp_path / "x.bin").write_bytes(b"")
        assert len(read_records(tmp_path / "x.bin")[0]) == 0
        (tmp_path / "x.bin").write_bytes(FILE[:-5])
        with pytest.raises(DataError, match="expected whole records"):
            read_records(tmp_path / "x.bin")


# book/32-cifar-files.md#test-cifar-archive
SIZES = {name: len(content) for name, content in FILES.items()}


def special(name, kind, **values):
    """A member that is no file."""
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in values.items():
        setattr(member, key, value)
    return member, b""


def tar_of(*members):
    """The official files and some members more, not packed."""
    return gzip.decompress(pack([*OFFICIAL, *members]))


ENTRIES = {f"entry {number}": "x" for number in range(101)}
HOSTILE = {
    "absolute": (("/tmp/x", b""), "'/tmp/x' has an absolute path"),
    "drive": (("C:/x", b""), "has an absolute path"),
    "windows": (("\\\\host\\x", b""), "has an absolute path"),
    "out": (("a/../../x", b""), "leads out of the folder"),
    "windows out": (("a\\..\\..\\x", b""), "leads out of the folder"),
    "folder out": (special("..", tarfile.DIRTYPE), "leads out of the"),
    "link": (
        special("a", tarfile.SYMTYPE, linkname="/etc"),
        "is a link to '/etc'",
    ),
    "hard link": (
        special("a", tarfile.LNKTYPE, linkname="../x"),
        "is a link to '../x'",
    ),
    "device": (special("a", tarfile.CHRTYPE), "neither a file nor a folder"),
    "block": (special("a", tarfile.BLKTYPE), "neither a file nor a folder"),
    "pipe": (special("a", tarfile.FIFOTYPE), "neither a file nor a folder"),
    "large": (("a", bytes(30 << 20)), "'a' has a size of 31457280 bytes"),
    "bomb": (("a", bytes(16_850_900)), "unpacks to more than 16,850,968"),
    "long name": (("a" * (1 << 25), b""), "unpacks to more than 16,850,9"),
    "curses": (("\x1b[2J/../x", b""), "'\\x1b[2J/../x' leads out"),
    "twice": (("b/test_batch.bin", FILE), "holds test_batch.bin with 12,292"),
    "size": (
        special("a", tarfile.REGTYPE, pax_headers={"size": "9" * 20}),
        "'a' has a size of 99999999999999999999 bytes",
    ),
    "negative": (
        special("a", tarfile.REGTYPE, pax_headers={"size": "-512"}),
        "'a' has a size of -512 bytes",
    ),
    "sparse": (special("a", tarfile.GNUTYPE_SPARSE), "neither a file nor"),
    "headers": (
        special("a", tarfile.REGTYPE, pax_headers=ENTRIES),
        "'a' has more than 100 entries in its headers",
    ),
}


def everything(folder):
    """All paths in and below a folder."""
    return sorted(path.name for path in folder.rglob("*"))


class TestHostileArchive:
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("fault", HOSTILE)
    @pytest.mark.parametrize("first", [True, False])
    def test_is_refused_with_nothing_written(
        self, tmp_path, fault, packed, first
    ):
        member, message = HOSTILE[fault]
        order = [member, *OFFICIAL] if first else [*OFFICIAL, member]
        content = pack(order) if packed else gzip.decompress(pack(order))
        path = tmp_path / "a.tar.gz"
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError) as caught:
            unpack(path, tmp_path / "new", SIZES)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
        tracemalloc.stop()
        text = str(caught.value)
        assert text.startswith(f"{path}: ") and message in text
        assert text.isprintable() and len(text) < 500
        assert everything(tmp_path) == ["a.tar.gz"]

    @pytest.mark.parametrize("name", ["test_batch.bin", "data_batch_3.bin"])
    def test_that_lacks_a_file_says_which(self, tmp_path, name):
        path = tmp_path / "a.tar"
        path.write_bytes(pack([m for m in OFFICIAL if name not in m[0]]))
        with pytest.raises(DataError, match=f"lacks {name}$"):
            read_archive(path, SIZES)

    @pytest.mark.parametrize("content", [b"", b"x" * 5000, PAGE, PACKED[:-9]])
    def test_that_is_none_is_a_data_error(self, tmp_path, content):
        path = tmp_path / "a.tar.gz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.tar\.gz: "):
            unpack(path, tmp_path / "new", SIZES)
        assert everything(tmp_path) == ["a.tar.gz"]

    def test_with_too_many_members_or_too_long_a_chain_is_refused(
        self, tmp_path
    ):
        path = tmp_path / "a.tar"
        path.write_bytes(tarfile.TarInfo("a").tobuf() * 2000)
        with pytest.raises(DataError, match="has more than 1,000 members"):
            read_archive(path, SIZES)
        longer = tarfile.TarInfo("a")
        longer.type, longer.size = tarfile.GNUTYPE_LONGNAME, 1
        path.write_bytes((longer.tobuf() + bytes(512)) * 3000)
        with pytest.raises(DataError, match="is no sound tar file: "):
            read_archive(path, SIZES)

    @settings(
        deadline=None,
        max_examples=150,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        places=st.lists(
            st.tuples(st.integers(0, 30_000), st.binary(max_size=600)),
            min_size=1,
            max_size=3,
        ),
    )
    def test_damaged_gives_whole_files_or_a_data_error(self, tmp_path, places):
        content = bytearray(tar_of())
        for start, inserted in places:
            content[start : start + len(inserted)] = inserted
        path = tmp_path / "a.tar"
        path.write_bytes(content)
        with contextlib.suppress(DataError):
            found = read_archive(path, SIZES)
            assert {name: len(x) for name, x in found.items()} == SIZES

    def test_a_flipped_bit_in_the_packed_bytes_is_noticed(self, tmp_path):
        path = tmp_path / "a.tar.gz"
        for place in range(20, len(PACKED), len(PACKED) // 40):
            broken = bytearray(PACKED)
            broken[place] ^= 1
            path.write_bytes(broken)
            with pytest.raises(DataError):
                read_archive(path, SIZES)


class TestUnpack:
    def test_leaves_files_that_are_there(self, tmp_path):
        (tmp_path / "a.tar.gz").write_bytes(PACKED)
        (tmp_path / "test_batch.bin").write_bytes(b"mine")
        unpack(tmp_path / "a.tar.gz", tmp_path, SIZES)
        assert (tmp_path / "test_batch.bin").read_bytes() == b"mine"
        for name in NAMES[:5]:
            assert (tmp_path / name).read_bytes() == FILES[name]
        assert everything(tmp_path) == sorted(["a.tar.gz", *NAMES])

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "a.tar.gz").write_bytes(PACKED)
        (tmp_path / "new").write_bytes(b"a file")
        with pytest.raises(DataError, match=r"cannot be unpacked to .*new: "):
            unpack(tmp_path / "a.tar.gz", tmp_path / "new", SIZES)
        assert everything(tmp_path) == ["a.tar.gz", "new"]


# book/32-cifar-files.md#test-cifar-layouts
LAYOUTS = [
    ".",
    "cifar-10-batches-bin",
    "CIFAR10/cifar-10-batches-bin",
    "cifar-10-binary/cifar-10-batches-bin",
    "cifar-10",
]
ARCHIVES = [
    "cifar-10-binary.tar.gz",
    "cifar-10-binary.tar",
    "cifar-10-binary (1).tar.gz",
    "cifar-10-binary",
    "CIFAR10/cifar-10-binary.tgz",
    "cifar-10-binary.tar/cifar-10-binary.tar",
]


class TestLayouts:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_of_others_are_found(self, tmp_path, layout):
        folder = put(tmp_path / layout)
        train = Small(tmp_path)
        assert len(train) == 20 and train.targets[1] == 1
        assert [path.parent.samefile(folder) for path in train.files]
        assert len(Small(tmp_path, train=False)) == 4

    @pytest.mark.filterwarnings("ignore:.*SHA-256")
    @pytest.mark.parametrize("archive", ARCHIVES)
    @pytest.mark.parametrize("packed", [True, False])
    def test_an_archive_is_unpacked(self, tmp_path, archive, packed):
        path = tmp_path / archive
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PACKED if packed else gzip.decompress(PACKED))
        train = Small(tmp_path)
        assert np.array_equal(train[:][1], [0, 1, 2, 3] * 5)
        assert everything(tmp_path / "cifar-10-batches-bin") == sorted(NAMES)
        path.unlink()
        assert len(Small(tmp_path, train=False)) == 4

    def test_a_folder_may_be_named_from_where_one_is(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        put(tmp_path / "sets" / "CIFAR10", NAMES[:2])
        (tmp_path / "sets/cifar-10-binary.tar.gz").write_bytes(PACKED)
        assert len(Small("sets")) == 20
        assert len(everything(tmp_path / "sets/CIFAR10")) == 6

    def test_files_may_be_packed_one_by_one(self, tmp_path):
        for name in NAMES:
            packed = gzip.compress(FILES[name])
            (tmp_path / f"{name}.gz").write_bytes(packed)
        assert np.array_equal(Small(tmp_path)[3][0], Small(tmp_path).data[3])
        assert Small(tmp_path, train=False).targets.tolist() == [0, 1, 2, 3]

    def test_an_archive_fills_in_what_is_missing(self, tmp_path):
        folder = put(tmp_path / "cifar-10-batches-bin", NAMES[:3])
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(PACKED)
        assert len(Small(tmp_path)) == 20
        assert everything(folder) == sorted(NAMES)

    def test_a_download_that_has_not_ended_is_no_archive(self, tmp_path):
        for end in ".part", ".crdownload":
            path = tmp_path / f"cifar-10-binary.tar.gz{end}"
            path.write_bytes(PACKED[:1000])
        with pytest.raises(DataError, match="does not exist"):
            Small(tmp_path)

    def test_a_broken_file_is_named(self, tmp_path):
        folder = put(tmp_path / "cifar-10-batches-bin")
        (folder / "data_batch_4.bin").write_bytes(with_label(1, 11))
        with pytest.raises(DataError, match=r"batch_4\.bin: record 1, at by"):
            Small(tmp_path)
        (folder / "data_batch_4.bin").write_bytes(FILE[:-1])
        with pytest.raises(DataError, match=r"batch_4\.bin: ends in record"):
            Small(tmp_path)

    @pytest.mark.skipif(os.name == "nt", reason="links need rights there")
    def test_a_link_to_nowhere_says_so(self, tmp_path):
        folder = put(tmp_path / "cifar-10-batches-bin")
        (folder / "test_batch.bin").unlink()
        (folder / "test_batch.bin").symlink_to(tmp_path / "gone")
        with pytest.raises(DataError, match="gone, which does not exist"):
            Small(tmp_path, train=False)

    @pytest.mark.parametrize("root", ["nothing", "empty"])
    def test_what_is_missing_is_named_with_the_way_to_it(self, tmp_path, root):
        (tmp_path / "empty").mkdir()
        with pytest.raises(DataError) as caught:
            CIFAR10(tmp_path / root)
        text = str(caught.value)
        assert "data_batch_1.bin does not exist: CIFAR10(download=" in text
        assert text.endswith(f"put into {tmp_path / root} as it is")


class TestArchiveOfOthers:
    def test_is_used_with_a_warning(self, tmp_path):
        path = tmp_path / "cifar-10-binary.tar.gz"
        path.write_bytes(pack(OFFICIAL))
        with pytest.warns(UserWarning, match="not the official SHA-256"):
            assert len(Small(tmp_path)) == 20

    def test_that_is_broken_does_not_hide_another(self, tmp_path):
        broken = tmp_path / "cifar-10-binary (1).tar.gz"
        broken.write_bytes(PACKED[:-9])
        (tmp_path / "cifar-10-binary.sha256").write_text("f00d  a.tar.gz")
        with pytest.raises(DataError, match=r"\(1\).tar.gz: the gzip file"):
            Small(tmp_path)
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(PACKED)
        assert len(Small(tmp_path)) == 20

    def test_that_is_official_is_used_without(self, tmp_path, recwarn):
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(PACKED)
        assert len(Small(tmp_path)) == 20
        assert not recwarn.list

    def test_that_is_a_page_is_not_used(self, tmp_path):
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(PAGE)
        with pytest.raises(DataError, match="is a web page"):
            Small(tmp_path)
        assert everything(tmp_path) == ["cifar-10-binary.tar.gz"]


class TestPickled:
    @pytest.mark.parametrize(
        "name",
        [
            "cifar-10-batches-py/data_batch_1",
            "data_batch_1",
            "CIFAR10/cifar-10-batches-py/test_batch",
            "cifar-10-python.tar.gz",
        ],
    )
    def test_is_refused_with_the_way_to_the_binary_one(self, tmp_path, name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps({b"labels": [1]}))
        with pytest.raises(DataError) as caught:
            CIFAR10(tmp_path)
        text = str(caught.value)
        assert text.startswith(f"{path} is the pickled version")
        assert "cifar-10-binary.tar.gz" in text

    def test_is_never_unpickled(self, tmp_path):
        class Trap:
            def __reduce__(self):
                return (tmp_path / "sprung").mkdir, ()

        trap = pickle.dumps(Trap())
        for name in "data_batch_1", "data_batch_1.bin":
            (tmp_path / name).write_bytes(trap)
        with pytest.raises(DataError, match="is the pickled version"):
            read_records(tmp_path / "data_batch_1.bin", 4)
        with pytest.raises(DataError):
            Small(tmp_path)
        assert not (tmp_path / "sprung").exists()

    def test_does_not_stand_in_the_way(self, tmp_path, mirror):
        folder = put(tmp_path / "cifar-10-batches-py", ["test_batch.bin"])
        (folder / "data_batch_1").write_bytes(b"\x80\2}.")
        assert len(Small(tmp_path, False)) == 4
        train = Small(tmp_path, download=True, mirrors=[mirror])
        assert len(train) == 20


class TestDownloaded:
    def test_goes_on_with_a_part_and_leaves_no_archive(self, tmp_path, mirror):
        part = tmp_path / "cifar-10-binary.tar.gz.part"
        part.write_bytes(PACKED[:1000])
        assert len(Small(tmp_path, download=True, mirrors=[mirror])) == 20
        assert everything(tmp_path) == ["cifar-10-batches-bin", *sorted(NAMES)]

    def test_other_bytes_are_refused(self, tmp_path, mirror):
        class Other(Small):
            archive = Small.archive._replace(sha256="0" * 64)

        with pytest.raises(data.DownloadError, match="sent SHA-256"):
            Other(tmp_path, download=True, mirrors=[mirror])
        assert everything(tmp_path) == []

    def test_without_a_network_says_how_to_do_without(self, tmp_path):
        nobody = ["http://127.0.0.1:9/"]
        with pytest.raises(data.DownloadError) as caught:
            data.load_cifar10(tmp_path, nobody)
        text = str(caught.value)
        assert "cifar-10-binary.tar.gz could not be downloaded" in text
        assert text.endswith(f"put it into {tmp_path}")
