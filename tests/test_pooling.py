# Made from book/ by scripts/tangle.py: edit the chapters.
"""Pooling, against loops that look at one window at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlfs
from dlfs import Tensor, nn
from dlfs.autograd import gradcheck, gradgradcheck


# book/22-pooling.md#test-pooling-naive
def draw_pooling(data, limit=4):
    """Return a random shape, kernel, stride and padding that go together."""
    pair = st.tuples(st.integers(1, limit), st.integers(1, limit))
    kernel = data.draw(pair)
    stride = data.draw(st.just(kernel) | pair)
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    least = [max(1, k - 2 * p) for k, p in zip(kernel, padding)]
    shape = tuple(n + data.draw(st.integers(0, 5)) for n in least)
    return (data.draw(st.integers(0, 3)), 2, *shape), kernel, stride, padding


def windows_of(x, kernel, stride, padding):
    """Yield (row, column, the pixels of this window), one by one."""
    count = [
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip(x.shape[2:], kernel, stride, padding)
    ]
    for i, j in np.ndindex(*count):
        top, left = (q * s - p for q, s, p in zip((i, j), stride, padding))
        rows = slice(max(top, 0), top + kernel[0])
        columns = slice(max(left, 0), left + kernel[1])
        yield i, j, x[:, :, rows, columns]


def channels_last(x):
    """Return the same numbers with channels next to each other in memory."""
    x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    return np.moveaxis(x, -1, 1)


@given(st.data(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_max_pooling_is_the_largest_pixel_of_each_window(data, last):
    shape, *sizes = draw_pooling(data)
    x = np.random.default_rng(0).normal(-1000, 1, shape).astype(np.float32)
    x = channels_last(x) if last else x
    y = nn.max_pool2d(Tensor(x), *sizes).data
    for i, j, window in windows_of(x, *sizes):
        assert (y[:, :, i, j] == window.max(axis=(2, 3))).all()
    assert y.shape[2:] == (i + 1, j + 1) and y.dtype == np.float32


# book/22-pooling.md#test-pooling-mean
@given(st.data(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_average_pooling_is_the_mean_of_each_window(data, last, padded):
    shape, *sizes = draw_pooling(data)
    x = np.random.default_rng(0).normal(3, 1, shape).astype(np.float32)
    x = channels_last(x) if last else x
    y = nn.avg_pool2d(Tensor(x), *sizes, count_include_pad=padded).data
    for i, j, window in windows_of(x, *sizes):
        count = window[0, 0].size if shape[0] else 1
        count = sizes[0][0] * sizes[0][1] if padded else count
        expected = window.sum(axis=(2, 3)) / count
        np.testing.assert_allclose(y[:, :, i, j], expected, rtol=1e-5)
    assert y.shape[2:] == (i + 1, j + 1) and y.dtype == np.float32


@given(*[st.integers(1, 9)] * 4)
@settings(max_examples=40, deadline=None)
def test_adaptive_pooling_shares_all_pixels_out(height, width, rows, columns):
    x = np.random.default_rng(0).normal(3, 1, (2, 3, height, width))
    y = nn.adaptive_avg_pool2d(Tensor(x), (rows, columns)).data
    assert y.shape == (2, 3, rows, columns)
    for i, j in np.ndindex(rows, columns):
        # the pixels of which any point lies in this part of the picture
        tall = [
            n
            for n in range(height)
            if n * rows < (i + 1) * height and (n + 1) * rows > i * height
        ]
        wide = [
            n
            for n in range(width)
            if n * columns < (j + 1) * width and (n + 1) * columns > j * width
        ]
        expected = x[:, :, tall][:, :, :, wide].mean(axis=(2, 3))
        np.testing.assert_allclose(y[:, :, i, j], expected)


# book/22-pooling.md#test-pooling-gradients
POOLINGS = {
    "max": nn.max_pool2d,
    "mean": nn.avg_pool2d,
    "mean of pixels": lambda *args: nn.avg_pool2d(
        *args, count_include_pad=False
    ),
    "adaptive": lambda x, size, *_: nn.adaptive_avg_pool2d(x, size),
}


@pytest.mark.parametrize("name", POOLINGS)
@given(st.data(), st.booleans())
@settings(max_examples=15, deadline=None)
def test_gradients_match_numeric_ones_once_and_twice(name, data, last):
    shape, *sizes = draw_pooling(data, limit=3)
    order = np.random.default_rng(0).permutation(int(np.prod(shape)))
    values = order.reshape(shape) * 0.1  # no two close to each other
    x = Tensor(channels_last(values) if last else values, requires_grad=True)
    gradcheck(lambda x: POOLINGS[name](x, *sizes), x)
    # the square, since the second derivative of pooling itself is 0
    gradgradcheck(lambda x: POOLINGS[name](x, *sizes) ** 2, x)


def gradient_of(values, *sizes):
    """Return the gradient of the sum of the maxima, as lists."""
    x = Tensor(np.array(values, np.float64)[None, None], requires_grad=True)
    nn.max_pool2d(x, *sizes).sum().backward()
    return x.grad.data[0, 0].tolist()


# book/22-pooling.md#test-pooling-edges
nan, infinity = float("nan"), float("inf")


class TestGradientOfMax:
    def test_a_tie_goes_to_the_first(self):
        assert gradient_of([[1, 2], [2, 2]], 2) == [[0, 1], [0, 0]]
        assert gradient_of([[0, 0], [0, 0]], 2) == [[1, 0], [0, 0]]

    def test_a_pixel_collects_from_all_windows_it_won(self):
        corners = gradient_of([[0, 0, 0], [0, 5, 0], [0, 0, 0]], 2, 1)
        assert corners == [[0, 0, 0], [0, 4, 0], [0, 0, 0]]

    def test_pixels_left_over_get_none(self):
        found = gradient_of([[1, 2, 9], [3, 4, 9], [9, 9, 9]], 2)
        assert found == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]

    def test_pixels_between_windows_get_none(self):
        found = gradient_of([[1, 9, 2], [9, 9, 9], [3, 9, 4]], 1, 2)
        assert found == [[1, 0, 1], [0, 0, 0], [1, 0, 1]]

    def test_nan_wins_and_gets_the_gradient(self):
        assert gradient_of([[7, nan], [2, 3]], 2) == [[0, 1], [0, 0]]
        assert gradient_of([[nan, 8], [2, nan]], 2) == [[0, 0], [0, 1]]

    def test_minus_infinity_can_be_the_largest(self):
        low = [[-infinity] * 2] * 2
        assert gradient_of(low, 2) == [[1, 0], [0, 0]]
        assert gradient_of(low, 2, 1, 1) == [[4, 2], [2, 1]]


class TestMax:
    def test_nan_is_the_largest(self):
        x = Tensor(np.array([[[[1, nan], [9, 2]]]], np.float32))
        assert np.isnan(nn.max_pool2d(x, 2).data).all()

    @pytest.mark.parametrize("dtype", ["int64", "uint8", "int8"])
    def test_whole_numbers_may_be_padded(self, dtype):
        x = np.array([[[[1, 2], [3, 4]]]], dtype)
        y = nn.max_pool2d(Tensor(x), 2, 1, 1).data
        assert y[0, 0].tolist() == [[1, 2, 2], [3, 4, 4], [3, 4, 4]]
        assert y.dtype == dtype

    def test_whole_numbers_below_zero_beat_the_padding(self):
        x = Tensor(np.full((1, 1, 2, 2), -100))
        assert (nn.max_pool2d(x, 2, 1, 1).data == -100).all()


# book/22-pooling.md#test-pooling-form
LAYERS = {
    "max": nn.MaxPool2d(2),
    "overlapping": nn.MaxPool2d(3, 2, 1),
    "mean": nn.AvgPool2d(2),
    "padded mean": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "adaptive": nn.AdaptiveAvgPool2d((3, None)),
    "all": nn.AdaptiveAvgPool2d(1),
}


class TestForm:
    @pytest.mark.parametrize("name", LAYERS)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_dtype_and_order_in_memory_are_those_of_the_input(
        self, name, dtype
    ):
        x = np.random.default_rng(0).normal(size=(2, 3, 8, 6)).astype(dtype)
        for values in x, channels_last(x):
            order = np.argsort(values.strides).tolist()
            z = Tensor(values, requires_grad=True)
            y = LAYERS[name](z)
            assert y.dtype == dtype
            if min(y.shape) > 1:  # else any order is as good
                assert np.argsort(y.data.strides).tolist() == order
            (y * y).sum().backward()
            assert z.grad.dtype == dtype
            assert np.argsort(z.grad.data.strides).tolist() == order

    @pytest.mark.parametrize("name", LAYERS)
    def test_an_empty_batch_stays_empty(self, name):
        x = Tensor(np.zeros((0, 3, 8, 6), np.float32), requires_grad=True)
        y = LAYERS[name](x)
        assert y.shape[:2] == (0, 3) and min(y.shape[2:]) > 0
        y.sum().backward()
        assert x.grad.shape == x.shape

    def test_repr_says_what_it_does(self):
        assert repr(nn.MaxPool2d(2)).startswith("MaxPool2d(kernel_size=2, ")
        expected = "AvgPool2d(kernel_size=(2, 3), stride=1, padding=0)"
        assert repr(nn.AvgPool2d((2, 3), 1)) == expected
        expected = "AdaptiveAvgPool2d(output_size=(None, 2))"
        assert repr(nn.AdaptiveAvgPool2d((None, 2))) == expected

    def test_functions_stand_in_functional(self):
        assert nn.functional.max_pool2d is nn.max_pool2d
        assert nn.functional.avg_pool2d is nn.avg_pool2d
        name = "adaptive_avg_pool2d"
        assert getattr(nn.functional, name) is nn.adaptive_avg_pool2d


# book/22-pooling.md#test-pooling-refused
PICTURE = Tensor(np.zeros((1, 2, 4, 5), np.float32))
REFUSED = [
    ("padding=2", {"kernel_size": 3, "padding": 2}, r"half of kernel_size"),
    ("too small", {"kernel_size": (5, 1)}, r"too small for a window of 5 x 1"),
    ("zero", {"kernel_size": 0}, "kernel_size=0, expected at least 1"),
    ("no stride", {"kernel_size": 2, "stride": 0}, "stride=0, expected"),
    ("half", {"kernel_size": 2.5}, r"kernel_size=2\.5, expected an int or"),
    ("three", {"kernel_size": (1, 2, 3)}, "expected an int or two of them"),
    ("negative", {"kernel_size": 2, "padding": -1}, "expected at least 0"),
]


class TestRefused:
    @pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
    @pytest.mark.parametrize("sizes, message", [row[1:] for row in REFUSED])
    def test_sizes_that_make_no_sense(self, name, sizes, message):
        with pytest.raises(ValueError, match=f"^{name}: .*{message}"):
            getattr(nn, name)(PICTURE, **sizes)

    @pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (1, 2, 0, 4)])
    @pytest.mark.parametrize(
        "name", ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"]
    )
    def test_inputs_of_other_shapes(self, name, shape):
        x = Tensor(np.zeros(shape, np.float32))
        with pytest.raises(ValueError, match=r"expected \(N, C, H, W\)"):
            getattr(nn, name)(x, 1)

    def test_dtypes_without_a_largest_or_a_mean(self):
        whole, truth = Tensor(np.ones((1, 1, 2, 2), int)), PICTURE == 0
        with pytest.raises(TypeError, match="dtype bool, expected numbers"):
            nn.max_pool2d(truth, 2)
        for pool in nn.avg_pool2d, nn.adaptive_avg_pool2d:
            with pytest.raises(TypeError, match="int64, expected floating"):
                pool(whole, 2)

    @pytest.mark.parametrize("size", [0, (2, 3, 4), (None, 0), 1.5])
    def test_adaptive_sizes_that_make_no_sense(self, size):
        with pytest.raises(ValueError, match=r"output_size=.* expected"):
            nn.adaptive_avg_pool2d(PICTURE, size)


# book/22-pooling.md#test-pooling-torch
KINDS = ["max", "mean", "mean of pixels", "adaptive"]


def pool_with(library, kind, x, sizes):
    """Return the pooling of this kind by a library, ours or PyTorch."""
    functional = library.nn.functional
    if kind == "max":
        return functional.max_pool2d(x, *sizes)
    if kind == "adaptive":
        return functional.adaptive_avg_pool2d(x, sizes[0])
    padded = kind == "mean"
    return functional.avg_pool2d(x, *sizes, count_include_pad=padded)


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_pytorch_gives_the_same_outputs_and_gradients(kind, data, last):
    torch = pytest.importorskip("torch")
    shape, *sizes = draw_pooling(data)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.integers(-3, 3, shape).astype(np.float32)  # many ties
    if kind == "max":
        values[rng.random(shape) < 0.1] = nan
    x = Tensor(channels_last(values) if last else values, requires_grad=True)
    z = torch.tensor(values, requires_grad=True)
    y, w = pool_with(dlfs, kind, x, sizes), pool_with(torch, kind, z, sizes)
    np.testing.assert_allclose(y.data, w.detach().numpy(), 1e-5, 1e-6)
    g = rng.normal(size=y.shape).astype(np.float32)
    y.backward(g)
    w.backward(torch.tensor(g))
    expected = z.grad.numpy()
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-4, atol=1e-5)


def test_pytorch_refuses_what_we_refuse():
    torch = pytest.importorskip("torch")
    for _, sizes, _ in REFUSED:
        with pytest.raises((RuntimeError, TypeError)):
            torch.nn.functional.max_pool2d(torch.zeros(1, 2, 4, 5), **sizes)
