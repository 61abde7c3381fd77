# Made from book/ by scripts/tangle.py: edit the chapters.
"""Products in pieces, and convolutions that are made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlfs import Tensor, nn
from dlfs.nn import products


# book/35-fast-convolution.md#test-products
@pytest.fixture(params=[{"SkylakeX"}, {"Haswell"}, {None}])
def kernels(request, monkeypatch):
    """Pretend that the library has chosen these kernels."""
    monkeypatch.setattr(products, "_kernels", lambda: request.param)
    products._piece.cache_clear()
    yield request.param
    products._piece.cache_clear()


@given(*[st.integers(1, n) for n in (2000, 600, 300, 100)])
def test_a_piece_divides_the_rows_and_is_small(rows, inputs, outputs, least):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_kernels", lambda: {"SkylakeX"})
        make = products._piece.__wrapped__  # without what it remembers
        piece = make(rows, inputs, outputs, least)
    if piece is None:
        most = min(rows, 10**6 // (inputs * outputs))
        assert all(rows % n for n in range(least, most + 1))
    else:
        assert rows % piece == 0
        assert least <= piece <= 10**6 / (inputs * outputs)


@pytest.mark.parametrize(
    "sizes, wanted",
    [
        ((1024, 96, 32), {"SkylakeX": 256}),
        ((1024, 192, 64), {"SkylakeX": 64}),
        ((1024, 4096, 256), {}),
        ((1021, 96, 32), {}),
        ((6, 9, 9), {}),
        ((64, 192, 64), {"SkylakeX": 64}),
    ],
)
def test_pieces_are_for_kernels_that_do_not_pack(kernels, sizes, wanted):
    (name,) = kernels
    assert products._piece(*sizes) == wanted.get(name)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 16, 17, 36])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions_are_the_same_with_all_kernels(kernels, size, stride):
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((5, 3, size, size + 1)), requires_grad=True)
    weight = rng.standard_normal((4, 3, 3, 2))
    weight = Tensor(weight, requires_grad=True)
    y = nn.conv2d(x, weight, stride=stride, padding=(1, 0))
    g = rng.standard_normal(y.shape)
    y.backward(g)
    padded = np.pad(x.data, ((0, 0), (0, 0), (1, 1), (0, 0)))
    wanted, of_x = np.zeros(y.shape), np.zeros(padded.shape)
    of_weight = np.zeros(weight.shape)
    down, across = y.shape[2:]
    for i, j in np.ndindex(3, 2):
        places = np.s_[
            ...,
            i : i + stride * down : stride,
            j : j + stride * across : stride,
        ]
        one = weight.data[:, :, i, j]
        wanted += np.einsum("nchw,oc->nohw", padded[places], one)
        of_x[places] += np.einsum("nohw,oc->nchw", g, one)
        of_weight[:, :, i, j] = np.einsum("nohw,nchw->oc", g, padded[places])
    for found, right in (
        (y.data, wanted),
        (x.grad.data, of_x[:, :, 1:-1]),
        (weight.grad.data, of_weight),
    ):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), count=st.integers(1, 40))
def test_an_image_has_the_same_output_in_any_batch(seed, count):
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((count, 4, 8, 8), np.float32)
    layer = nn.Conv2d(4, 8, 3, padding=1)
    one = layer(Tensor(images[-1:])).data
    found = layer(Tensor(images)).data[-1:]
    np.testing.assert_allclose(found, one, rtol=1e-5, atol=1e-5)
