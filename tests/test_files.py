# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data files as people have them: other names, folders and wrappings."""

import gzip
import os
import tracemalloc

import numpy as np
import pytest

from dlfs import data
from dlfs.data import DataError, read_idx

# book/16-files-of-strangers.md#test-files-content
PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
IDX = bytes.fromhex("00000803 00000002 00000003 00000004") + PIXELS.tobytes()
PACKED = gzip.compress(IDX)
TURNED = b"".join(IDX[i : i + 4][::-1] for i in range(0, 16, 4)) + IDX[16:]


class TestContent:
    @pytest.mark.parametrize(
        "name, content",
        [
            ("x.gz", IDX),
            ("x", PACKED),
            ("x.idx3-ubyte", PACKED),
            ("x.gz", gzip.compress(PACKED)),
        ],
        ids=["unpacked", "packed", "dotted", "packed twice"],
    )
    def test_decides_not_the_name(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        assert np.array_equal(read_idx(tmp_path / name, (2, 3, 4)), PIXELS)

    @pytest.mark.parametrize(
        "content, message",
        [
            (b"<!doctype html>\n<p>Log in</p>", "is a web page"),
            (b"\n  <html>", "is a web page"),
            (gzip.compress(b"<html>"), "is a web page"),
            (PACKED + b"junk", "bytes after the end of the packed data"),
            (PACKED[:-9], "gzip file is broken"),
            (IDX[:4] + bytes([2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]), "order"),
            (TURNED, "little-endian.; expected 00 00 08 03, and each size"),
            (gzip.compress(TURNED), "numbers are in the wrong byte order"),
            (b"\1\x08\0\0\2\0\0\0ab", "01 08 00 00: .* 00 00 08 01, and"),
            (b"\0\x08\0\0" + IDX[4:], "with 00 00 08$"),
        ],
        ids=[
            *("page", "page 2", "packed page", "junk", "cut", "sizes turned"),
            *("all turned", "packed turned", "labels turned", "no magic"),
        ],
    )
    def test_that_is_none_says_what_it_is(self, tmp_path, content, message):
        path = tmp_path / "x.gz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            read_idx(path, (2, 3, 4))
        assert str(caught.value).startswith(f"{path}: ")

    def test_packed_without_end_is_refused(self, tmp_path):
        content = IDX
        for _ in range(5):
            content = gzip.compress(content)
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(DataError, match="begins with the bytes 1f 8b"):
            read_idx(tmp_path / "x", (2, 3, 4))

    def test_what_cannot_be_opened_is_a_data_error(self, tmp_path):
        (tmp_path / "folder").mkdir()
        with pytest.raises(DataError, match="is a folder; expected a file"):
            read_idx(tmp_path / "folder", (2, 3, 4))
        with pytest.raises(DataError, match="No such file"):
            read_idx(tmp_path / "nothing", (2, 3, 4))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
    def test_a_pipe_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="no file with an end"):
            read_idx(tmp_path / "pipe", (2, 3, 4))

    def test_a_link_to_nowhere_says_so(self, tmp_path):
        try:
            (tmp_path / "link").symlink_to(tmp_path / "gone")
        except OSError:
            pytest.skip("no links here")
        with pytest.raises(DataError, match="gone, which does not exist"):
            read_idx(tmp_path / "link", (2, 3, 4))

    def test_a_file_that_announces_too_much_costs_no_memory(self, tmp_path):
        path = tmp_path / "x"
        path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12 + IDX[16:])
        tracemalloc.start()
        with pytest.raises(DataError, match="has only 24"):
            read_idx(path, (None, None, None))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
        tracemalloc.stop()


# book/16-files-of-strangers.md#test-files-folders
def write_idx(path, array):
    """Write an array of bytes as an IDX file."""
    header = bytes([0, 0, 8, array.ndim])
    header += np.array(array.shape, ">u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.tobytes())


class TestFolders:
    @pytest.mark.parametrize("folder", ["mnist", ".", "MNIST/raw", "raw"])
    @pytest.mark.parametrize("mark", "-.")
    def test_of_others_are_found(self, tmp_path, folder, mark):
        place = tmp_path / folder
        images = np.zeros((10_000, 28, 28), np.uint8)
        write_idx(place / f"t10k-images{mark}idx3-ubyte", images)
        write_idx(place / f"t10k-labels{mark}idx1-ubyte", images[:, 0, 0])
        digits = data.MNIST(tmp_path, train=False)
        assert len(digits) == 10_000
        assert digits.files[0].parent.samefile(place)

    def test_the_full_set_is_named_with_its_folder(self, tmp_path):
        for part, count in ("train", 60_000), ("t10k", 10_000):
            images = np.zeros((count, 28, 28), np.uint8)
            write_idx(tmp_path / "raw" / f"{part}-images-idx3-ubyte", images)
            labels = images[:, 0, 0] + 3
            write_idx(tmp_path / "raw" / f"{part}-labels-idx1-ubyte", labels)
        train, test, source = data.load_mnist("full", tmp_path, [])
        assert len(train) == 60_000 and len(test) == 10_000
        assert (train.targets == 3).all()
        folder = tmp_path / "raw"
        assert source == f"full MNIST (60,000 + 10,000) from {folder}"

    def test_the_first_file_that_is_missing_is_named(self, tmp_path):
        with pytest.raises(DataError, match=r"mnist.t10k-images-idx3-ubyte"):
            data.MNIST(tmp_path, train=False)


class TestIDXDataset:
    def test_takes_any_number_of_pictures_and_classes(self, tmp_path):
        write_idx(tmp_path / "x", PIXELS)
        write_idx(tmp_path / "y", np.array([3, 61], np.uint8))
        letters = data.IDXDataset(tmp_path / "x", tmp_path / "y")
        assert len(letters) == 2 and letters.classes == 62
        assert np.array_equal(letters[1][0], PIXELS[1])

    def test_pictures_and_labels_have_to_be_as_many(self, tmp_path):
        write_idx(tmp_path / "x", PIXELS)
        write_idx(tmp_path / "y", np.zeros(3, np.uint8))
        with pytest.raises(DataError, match=r"shape \(3,\); expected \(2,\)"):
            data.IDXDataset(tmp_path / "x", tmp_path / "y")

    def test_sizes_in_the_wrong_byte_order_are_named(self, tmp_path):
        write_idx(tmp_path / "x", PIXELS)
        content = bytearray((tmp_path / "x").read_bytes())
        content[4:16] = np.array(PIXELS.shape, "<u4").tobytes()
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(DataError, match="have the wrong byte order"):
            data.IDXDataset(tmp_path / "x", tmp_path / "x")

    def test_labels_are_no_pictures(self, tmp_path):
        write_idx(tmp_path / "y", np.zeros(3, np.uint8))
        message = r"shape \(3,\); expected \(any, any, any\)"
        with pytest.raises(DataError, match=message):
            data.IDXDataset(tmp_path / "y", tmp_path / "y")
