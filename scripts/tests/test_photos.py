"""The record of CIFAR-10 holds means and times, and nobody's picture."""

import base64
import json
import tarfile

import numpy as np
import pytest

from bookkit.bench import photos
from dlfs import data


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small set, ten pictures in a file: grey, lighter in each file."""
    monkeypatch.setattr(data.CIFAR10, "records", 10)
    monkeypatch.setattr(photos, "RUNS", tmp_path)
    monkeypatch.setenv("DLFS_DATA", str(tmp_path))
    folder = tmp_path / data.CIFAR10_FOLDER
    folder.mkdir()
    for number, name in enumerate(data.CIFAR10_FILES):
        records = np.full((10, data.RECORD), 10 * number, np.uint8)
        records[:, 0] = range(10)
        (folder / name).write_bytes(records.tobytes())
    with tarfile.open(tmp_path / data.CIFAR10_ARCHIVE.name, "w:gz") as tar:
        tar.add(folder, folder.name)
    return tmp_path


def test_the_record_holds_means_and_times(root):
    assert photos.main(["--note", "of a test"]) == 0
    record = json.loads((root / "cifar10.json").read_text())
    assert record["data"].endswith("of a test")
    assert record["counts"] == [5] * 10
    assert record["mean"] == pytest.approx([20 / 255] * 3)
    assert record["bytes"] == 5 * 10 * 3073
    pixels = base64.b64decode(record["class_means"])
    assert np.frombuffer(pixels, np.uint8).tolist() == [20] * 30_720
    for name in "seconds_to_load", "seconds_to_look", "microseconds":
        assert record[name] > 0
