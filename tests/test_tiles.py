# Made from book/ by scripts/tangle.py: edit the chapters.
"""Winograd's convolution is the usual one, in another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlfs import Tensor, nn, no_grad
from dlfs.nn import conv, winograd
from dlfs.trainer import Sharded

# book/35-fast-convolution.md#test-winograd
normal = np.random.default_rng(0).standard_normal


def direct(x, weight, padding):
    """Convolve by the definition; arrays (N, C, H, W), (O, C, 3, 3)."""
    (top, left), height, width = padding, *x.shape[2:]
    x = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    y = 0
    for i in range(3):
        for j in range(3):
            part = x[:, :, i:, j:]
            part = part[:, :, : height + 2 * top - 2, : width + 2 * left - 2]
            y = y + np.einsum("ncij,oc->noij", part, weight[:, :, i, j])
    return y


@given(
    count=st.integers(0, 3),
    channels=st.tuples(st.integers(32, 36), st.integers(32, 36)),
    places=st.tuples(st.integers(1, 6), st.sampled_from([4, 8, 12])),
    padding=st.tuples(*[st.integers(0, 2)] * 2),
    memory=st.sampled_from([1, 2**21]),
)
@settings(max_examples=20, deadline=None)
def test_is_the_sum_of_products(count, channels, places, padding, memory):
    size = [max(n + 2 - 2 * p, 1) for n, p in zip(places, padding)]
    x, weight = normal((count, channels[0], *size)), normal((*channels, 3, 3))
    weight = weight.transpose(1, 0, 2, 3)
    bias = normal(channels[1])
    with pytest.MonkeyPatch.context() as patch, winograd(), no_grad():
        patch.setattr("dlfs.nn.layout._CACHE", memory)
        y = nn.conv2d(*map(Tensor, (x, weight, bias)), padding=padding).data
    wanted = direct(x, weight, padding) + bias.reshape(-1, 1, 1)
    np.testing.assert_allclose(y, wanted, atol=1e-10)


def gradients(mode, model, x, again=False):
    """Return an output, and the gradients of a sum of its squares."""
    x = Tensor(x, requires_grad=True)
    with winograd(mode):
        y = model(x)
        (y * y).sum().backward(create_graph=again)
        if again:
            first, x.grad = x.grad, None
            (first * first).sum().backward()
    return [a.detach().data for a in (y, x.grad, *grads_of(model))]


def grads_of(model):
    """Return all gradients of a model, and forget them there."""
    grads = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    return grads


class TestWinograd:
    def test_gradients_are_those_of_pytorch(self):
        torch = pytest.importorskip("torch")
        layer = nn.Conv2d(32, 34, 3, padding=1).double()
        x = normal((3, 32, 5, 8))
        found = gradients(True, layer, x)
        theirs = torch.nn.Conv2d(32, 34, 3, padding=1).double()
        with torch.no_grad():
            theirs.weight.copy_(torch.tensor(layer.weight.data))
            theirs.bias.copy_(torch.tensor(layer.bias.data))
        x = torch.tensor(x, requires_grad=True)
        y = theirs(x)
        (y * y).sum().backward()
        wanted = [y, x.grad, theirs.weight.grad, theirs.bias.grad]
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b.detach(), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("again", [False, True])
    def test_derivatives_of_both_orders_are_the_usual_ones(self, again):
        layer = nn.Conv2d(32, 32, 3, padding=1).double()
        x = normal((2, 32, 4, 4))
        pairs = zip(*(gradients(m, layer, x, again) for m in (True, False)))
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)

    def test_rounds_hardly_more_than_the_usual_way(self):
        x = normal((2, 64, 8, 8))
        weight = normal((64, 64, 3, 3))
        right = direct(x, weight, (1, 1))
        errors = []
        for mode in True, False:
            arrays = (Tensor(a.astype(np.float32)) for a in (x, weight))
            with winograd(mode):
                y = nn.conv2d(*arrays, padding=1).data
            errors.append(np.sqrt(np.mean((y - right) ** 2)))
        assert 0 < errors[0] < 3 * errors[1] < 1e-4

    def test_is_used_only_inside(self):
        layer = nn.Conv2d(32, 32, 3, padding=1)
        x = normal((2, 32, 4, 4)).astype(np.float32)
        usual, other = gradients(False, layer, x), gradients(True, layer, x)
        assert not any(np.array_equal(a, b) for a, b in zip(usual, other))
        with no_grad():
            assert np.array_equal(layer(Tensor(x)).data, usual[0])
            with winograd(), winograd(False):
                assert np.array_equal(layer(Tensor(x)).data, usual[0])

    @pytest.mark.parametrize(
        "inputs, outputs, kernel, options, size",
        [
            (31, 32, 3, {}, 6),
            (32, 31, 3, {}, 6),
            (32, 32, 5, {}, 8),
            (32, 32, 3, {"stride": 2}, 9),
            (32, 32, 3, {"dilation": 2}, 8),
            (32, 32, 3, {}, 7),
        ],
    )
    def test_others_stay_as_they_are(
        self, inputs, outputs, kernel, options, size, monkeypatch
    ):
        for name in "_convolve_tiles", "_weight_from_tiles":
            monkeypatch.setattr(conv, name, lambda *all: 1 / 0)
        layer = nn.Conv2d(inputs, outputs, kernel, **options)
        gradients(True, layer, normal((1, inputs, size, size)))

    def test_shards_in_threads_follow(self):
        layer = nn.Conv2d(32, 32, 3, padding=1)
        x = normal((4, 32, 4, 4)).astype(np.float32)
        alone = gradients(True, Sharded(layer, 2, 1), x)
        pairs = zip(alone, gradients(True, Sharded(layer, 2, 2), x))
        assert all(np.array_equal(a, b) for a, b in pairs)
        usual = gradients(False, Sharded(layer, 2, 2), x)
        assert not np.array_equal(alone[0], usual[0])
        assert not np.array_equal(alone[2], usual[2])
