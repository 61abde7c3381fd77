"""What is measured of a trained network, on photographs that we make."""

import numpy as np

from bookkit.bench.photos import changed


def test_changed_photographs_are_what_their_names_say():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32))
    pixels = pixels.astype(np.uint8)
    found = changed(pixels)
    assert {(p.shape, p.dtype.name) for p in found.values()} == {
        ((2, 3, 32, 32), "uint8")
    }
    assert np.array_equal(found["mirrored"], pixels[..., ::-1])
    assert np.array_equal(found["upside down"], pixels[:, :, ::-1])
    moved = found["moved by four pixels"]
    assert np.array_equal(moved[..., 4:], pixels[..., :28])
    grey = found["without colours"]
    assert np.array_equal(grey[:, 0], grey[:, 2])
    assert np.allclose(
        grey[0, 0], np.tensordot([0.299, 0.587, 0.114], pixels[0], 1), atol=0.6
    )


def test_shuffled_tiles_are_the_same_tiles_elsewhere():
    pixels = np.random.default_rng(1).integers(0, 256, (3, 3, 32, 32))
    pixels = pixels.astype(np.uint8)
    shuffled = changed(pixels)["sixteen tiles, shuffled"]

    def tiles(photograph):
        return sorted(
            photograph[:, top : top + 8, left : left + 8].tobytes()
            for top in range(0, 32, 8)
            for left in range(0, 32, 8)
        )

    for before, after in zip(pixels, shuffled):
        assert tiles(before) == tiles(after)
        assert not np.array_equal(before, after)
    assert not np.array_equal(
        shuffled[0] == pixels[0], shuffled[1] == pixels[1]
    )
