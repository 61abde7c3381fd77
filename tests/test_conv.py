# Made from book/ by scripts/tangle.py: edit the chapters.

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlfs import Tensor, manual_seed, nn
from dlfs.autograd import gradcheck, gradgradcheck, numeric_gradient


# book/20-convolution.md#test-conv2d-values
def draw(*shape, seed=0, **options):
    """Return a float64 tensor of normal random numbers."""
    rng = np.random.default_rng(seed)
    return Tensor(rng.normal(size=shape), **options)


class TestConvolution:
    def test_has_the_values_found_by_hand(self):
        x = Tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]])
        weight = Tensor([[[[1.0, 2], [3, 4]]]])
        y = nn.conv2d(x, weight)  # 1 + 4 + 12 + 20, and so on
        assert y.data.tolist() == [[[[37, 47], [67, 77]]]]
        y = nn.conv2d(x, weight, Tensor([100.0]))
        assert y.data.tolist() == [[[[137, 147], [167, 177]]]]

    def test_adds_up_the_channels_and_keeps_kernels_apart(self):
        x = Tensor([[[[1.0]], [[10]]], [[[2.0]], [[20]]]])  # two pictures
        kernels = [[1.0, 1.0], [0.0, 3.0], [-1.0, 0.0]]
        weight = Tensor(kernels).reshape(3, 2, 1, 1)
        y = nn.conv2d(x, weight).data[:, :, 0, 0]
        assert y.tolist() == [[11, 30, -1], [22, 60, -2]]

    def test_along_a_row_it_is_what_numpy_calls_correlate(self):
        row, kernel = draw(9), draw(4, seed=1)
        y = nn.conv2d(row.reshape(1, 1, 1, 9), kernel.reshape(1, 1, 1, 4))
        expected = np.correlate(row.data, kernel.data, "valid")
        assert y.data.ravel() == pytest.approx(expected)

    @pytest.mark.parametrize("axis", [2, 3])
    def test_when_the_picture_moves_the_answer_moves(self, axis):
        x, weight = draw(2, 3, 6, 7), draw(4, 3, 3, 2, seed=1)
        moved = Tensor(np.roll(x.data, 1, axis))
        one = np.moveaxis(nn.conv2d(x, weight).data, axis, 0)
        two = np.moveaxis(nn.conv2d(moved, weight).data, axis, 0)
        np.testing.assert_allclose(two[1:], one[:-1], atol=1e-12)
        assert not np.allclose(two, one)

    def test_a_window_as_large_as_the_picture_is_a_linear_layer(self):
        x, weight, bias = draw(5, 3, 4, 2), draw(6, 3, 4, 2, seed=1), draw(6)
        y = nn.conv2d(x, weight, bias)
        assert y.shape == (5, 6, 1, 1)
        expected = nn.linear(x.flatten(1), weight.flatten(1), bias)
        np.testing.assert_allclose(y.data[..., 0, 0], expected.data)

    def test_a_window_of_one_pixel_is_a_linear_layer_for_each(self):
        x, weight = draw(2, 3, 4, 5), draw(6, 3, 1, 1, seed=1)
        y = nn.conv2d(x, weight).permute(0, 2, 3, 1)
        expected = nn.linear(x.permute(0, 2, 3, 1), weight.flatten(1))
        np.testing.assert_allclose(y.data, expected.data)

    def test_keeps_float32_and_takes_an_empty_batch(self):
        x = Tensor(np.ones((0, 3, 4, 4), np.float32), requires_grad=True)
        weight = Tensor(np.ones((2, 3, 3, 3), np.float32), requires_grad=True)
        y = nn.conv2d(x, weight)
        assert y.shape == (0, 2, 2, 2)
        y.sum().backward()
        assert not weight.grad.data.any()
        y = nn.conv2d(Tensor(np.ones((1, 3, 4, 4), np.float32)), weight)
        assert y.dtype == np.float32
        assert (y.data == 27).all()

    # book/20-convolution.md#test-conv2d-gradients
    def test_a_pixel_collects_from_every_window_that_saw_it(self):
        x = Tensor(np.ones((1, 1, 6, 6)), requires_grad=True)
        nn.conv2d(x, Tensor(np.ones((1, 1, 3, 3)))).sum().backward()
        counts = [1, 2, 3, 3, 2, 1]
        assert (x.grad.data[0, 0] == np.outer(counts, counts)).all()

    @pytest.mark.parametrize(
        "shapes",
        [
            [(1, 1, 3, 3), (1, 1, 2, 2), (1,)],
            [(2, 3, 4, 5), (2, 3, 3, 2), (2,)],
            [(3, 2, 2, 4), (4, 2, 2, 4)],
            [(2, 1, 5, 2), (3, 1, 1, 1), (3,)],
        ],
    )
    def test_has_the_numeric_gradients_of_both_orders(self, shapes):
        inputs = [
            draw(*shape, seed=i, requires_grad=True)
            for i, shape in enumerate(shapes)
        ]
        assert gradcheck(nn.conv2d, inputs)
        assert gradgradcheck(nn.conv2d, inputs)

    def test_the_layer_learns_by_the_measured_slope(self):
        manual_seed(0)
        layer, x = nn.Conv2d(2, 3, 2).double(), draw(2, 2, 4, 3)
        weight = layer.weight.data.copy()

        def loss(values):
            layer.weight.data = values
            return (layer(x) ** 2).sum().item()

        expected = numeric_gradient(loss, weight)
        layer.weight.data = weight
        (layer(x) ** 2).sum().backward()
        np.testing.assert_allclose(layer.weight.grad.data, expected, rtol=1e-5)
        assert layer.bias.grad.shape == (3,)

    # book/20-convolution.md#test-conv2d-layer
    @pytest.mark.parametrize(
        "kernel_size, size", [(3, (3, 3)), ((1, 5), (1, 5)), ([2, 1], (2, 1))]
    )
    def test_the_layer_has_kernels_of_that_size(self, kernel_size, size):
        layer = nn.Conv2d(4, 6, kernel_size)
        assert layer.weight.shape == (6, 4, *size)
        assert layer.bias.shape == (6,)
        assert [*layer.state_dict()] == ["weight", "bias"]
        x = Tensor(np.ones((2, 4, 5, 7), np.float32))
        assert layer(x).shape == (2, 6, 6 - size[0], 8 - size[1])

    def test_the_layer_can_do_without_a_bias(self):
        layer = nn.Conv2d(1, 2, 3, bias=False)
        assert layer.bias is None
        assert [*layer.state_dict()] == ["weight"]
        assert not layer(Tensor(np.zeros((1, 1, 3, 3), np.float32))).data.any()

    def test_first_weights_fill_the_bounds_of_the_fan_in(self):
        manual_seed(0)
        layer, bound = nn.Conv2d(5, 400, (2, 4)), 1 / math.sqrt(5 * 2 * 4)
        for values in layer.weight.data, layer.bias.data:
            assert 0.95 * bound < values.max() <= bound
            assert -bound <= values.min() < -0.95 * bound
            assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)

    # book/20-convolution.md#test-conv2d-errors
    @pytest.mark.parametrize(
        "shapes",
        [
            [(1, 3, 8, 8), (2, 4, 3, 3)],  # other channels
            [(8, 8), (1, 1, 3, 3)],  # no batch, no channels
            [(1, 1, 8, 8), (3, 3)],  # no kernels
            [(1, 1, 4, 4), (1, 1, 5, 3)],  # a kernel that is too high
            [(1, 1, 4, 4), (1, 1, 3, 5)],  # too wide
            [(1, 1, 4, 4), (2, 1, 3, 3), (3,)],  # a bias too many
            [(1, 1, 4, 4), (2, 1, 3, 3), (1,)],  # one that would broadcast
        ],
    )
    def test_shapes_that_do_not_fit_are_refused(self, shapes):
        with pytest.raises(ValueError, match=r"^conv2d: .*(expected|fit)"):
            nn.conv2d(*[draw(*shape) for shape in shapes])

    def test_the_message_names_both_shapes(self):
        x, weight = draw(1, 3, 8, 8), draw(2, 4, 3, 3)
        with pytest.raises(ValueError) as caught:
            nn.conv2d(x, weight)
        assert "(1, 3, 8, 8)" in str(caught.value)
        assert "(2, 4, 3, 3)" in str(caught.value)

    @pytest.mark.parametrize(
        "sizes",
        [(0, 2, 3), (1, 0, 3), (1, 2, 0), (1, 2, (3,)), (1, 2, (3, 0))],
    )
    def test_layers_that_cannot_be_are_refused(self, sizes):
        with pytest.raises(ValueError, match=r"^Conv2d: .*expected"):
            nn.Conv2d(*sizes)

    # book/20-convolution.md#test-conv2d-torch
    @pytest.mark.parametrize(
        "sizes, shape",
        [
            ((3, 4, 3, True), (2, 3, 7, 6)),
            ((1, 5, (1, 4), True), (3, 1, 2, 6)),
            ((2, 3, (4, 2), False), (1, 2, 4, 5)),
        ],
    )
    def test_pytorch_gives_the_same(self, sizes, shape):
        torch = pytest.importorskip("torch")
        *sizes, bias = sizes
        ours, theirs = (m.Conv2d(*sizes, bias=bias) for m in (nn, torch.nn))
        ours, theirs = ours.double(), theirs.double()
        name = f"Conv2d({sizes[0]}, {sizes[1]}, kernel_size={ours.kernel_size}"
        assert repr(ours).startswith(name) and repr(theirs).startswith(name)
        ours.load_state_dict(theirs.state_dict())
        values, results = draw(*shape).data, []
        for module, make in (ours, Tensor), (theirs, torch.tensor):
            x = make(values)
            x.requires_grad = True
            y = module(x)
            (y * y * y).sum().backward()
            found = [y, x.grad, *(p.grad for p in module.parameters())]
            results.append([t.detach().numpy() for t in found])
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


# book/33-convolution-arguments.md#test-conv-naive-all
def naive_conv2d(
    x,
    weight,
    bias=None,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    groups=1,
):
    """Convolve arrays as the definition says, place by place.

    A padding may be a pair, for different numbers of zeros at both ends.
    """
    zeros = [tuple(np.broadcast_to(p, 2)) for p in padding]
    x = np.pad(x, [(0, 0), (0, 0), *zeros])
    (tall, wide), (down, across) = reach_of(weight, dilation), stride
    rows = range(0, x.shape[2] - tall + 1, down)
    columns = range(0, x.shape[3] - wide + 1, across)
    y = np.zeros((len(x), len(weight), len(rows), len(columns)), x.dtype)
    own, outputs = weight.shape[1], len(weight) // groups
    for (i, top), (j, left) in product(enumerate(rows), enumerate(columns)):
        window = x[:, :, top : top + tall, left : left + wide]
        window = window[:, :, :: dilation[0], :: dilation[1]]
        for o in range(len(weight)):
            first = o // outputs * own  # of the channels in its group
            seen = window[:, first : first + own]
            y[:, o, i, j] = (seen * weight[o]).sum(axis=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


def reach_of(weight, dilation):
    """Return how many pixels a kernel spans, down and across."""
    return [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation)]


def draw_case(data):
    """Draw an input, a weight, a bias, a stride and a padding."""
    small = st.integers(1, 4)
    pairs = st.tuples(small, small)
    count, inputs, outputs = (data.draw(small) for _ in range(3))
    kernel, stride = data.draw(pairs), data.draw(pairs)
    padding = data.draw(st.tuples(*[st.integers(0, 3)] * 2))
    size = data.draw(st.tuples(*[st.integers(1, 8)] * 2))
    reach = [s + 2 * p for s, p in zip(size, padding)]
    assume(all(r >= k for r, k in zip(reach, kernel)))
    rng = np.random.default_rng(0)
    shapes = (count, inputs, *size), (outputs, inputs, *kernel), (outputs,)
    return *(rng.normal(size=shape) for shape in shapes), stride, padding


# book/21-one-product.md#test-conv-fast
@settings(deadline=None)
@given(st.data())
def test_one_product_equals_the_naive_loops(data):
    x, weight, bias, stride, padding = draw_case(data)
    found = nn.conv2d(*map(Tensor, (x, weight, bias)), stride, padding)
    wanted = naive_conv2d(x, weight, bias, stride, padding)
    np.testing.assert_allclose(found.data, wanted, atol=1e-12)


class TestOneProduct:
    @pytest.mark.parametrize(
        "stride, padding",
        [(1, 0), (1, 3), (2, (2, 1)), ((2, 3), 0), ((2, 3), 3)],
    )
    def test_has_gradients_of_both_orders(self, stride, padding):
        shapes = (2, 2, 5, 4), (3, 2, 3, 2), (3,)
        inputs = [draw(*shape, requires_grad=True) for shape in shapes]

        def convolve(x, weight, bias):
            return nn.conv2d(x, weight, bias, stride, padding)

        assert gradcheck(convolve, inputs)
        assert gradgradcheck(convolve, inputs)

    def test_batches_in_pieces_give_what_whole_ones_give(self, monkeypatch):
        x = draw(7, 3, 6, 6, requires_grad=True)
        weight = draw(4, 3, 3, 3, requires_grad=True)
        results = []
        for size in 1, 3000, 2**30:  # bytes: one image, some, all
            monkeypatch.setattr("dlfs.nn.layout._CACHE", size)
            x.grad = weight.grad = None
            y = nn.conv2d(x, weight, stride=2, padding=1)
            (y * y).sum().backward()
            results.append([y.data, x.grad.data, weight.grad.data])
        for other in results[1:]:
            for one, same in zip(results[0], other):
                np.testing.assert_allclose(one, same, atol=1e-12)

    def test_float32_stays_float32(self):
        layer = nn.Conv2d(2, 3, 3, stride=2, padding=1)
        x = Tensor(np.ones((2, 2, 5, 5), np.float32), requires_grad=True)
        y = layer(x)
        y.sum().backward()
        arrays = y, x.grad, layer.weight.grad, layer.bias.grad
        assert {array.dtype for array in arrays} == {np.dtype(np.float32)}

    def test_channels_lie_last_in_memory(self):
        y = nn.Conv2d(2, 3, 3)(draw(2, 2, 5, 5))
        assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous

    def test_pixels_that_no_window_reaches_have_no_gradient(self):
        x = draw(1, 1, 6, 6, requires_grad=True)
        nn.conv2d(x, draw(1, 1, 3, 3), stride=2).sum().backward()
        assert not x.grad.data[..., 5].any() and x.grad.data[..., 4].any()

    @pytest.mark.parametrize("stride", [1, 2])
    def test_an_empty_batch_gives_an_empty_batch(self, stride):
        layer = nn.Conv2d(2, 3, 3, stride, padding=1)
        x = Tensor(np.ones((0, 2, 6, 6), np.float32), requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert y.shape == (0, 3, 6 // stride, 6 // stride)
        assert x.grad.shape == x.shape and not layer.weight.grad.data.any()

    def test_what_makes_no_sense_is_refused(self):
        x = draw(1, 2, 6, 6)
        for options, said in [
            ({"stride": 0}, "stride=0, expected at least 1"),
            ({"padding": -1}, "padding=-1, expected at least 0"),
            ({"kernel_size": 9}, "its window is larger"),
            ({"kernel_size": 0}, "kernel_size=0, expected at least 1"),
        ]:
            with pytest.raises(ValueError, match=said):
                nn.Conv2d(2, 3, **{"kernel_size": 3} | options)(x)
        with pytest.raises(ValueError, match=r"stride=1\.5, expected"):
            nn.Conv2d(2, 3, 3, stride=1.5)

    def test_its_repr_says_what_is_not_the_default(self):
        text = "Conv2d(2, 3, kernel_size=(3, 3), stride=(1, 1))"
        assert repr(nn.Conv2d(2, 3, 3)) == text
        layer = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        assert repr(layer).endswith("padding=(1, 1), bias=False)")


# book/21-one-product.md#test-conv-torch
@settings(deadline=None)
@given(st.data())
def test_pytorch_agrees_for_any_shape(data):
    torch = pytest.importorskip("torch")
    *arrays, stride, padding = draw_case(data)
    ours = [Tensor(array, requires_grad=True) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    y = nn.conv2d(*ours, stride, padding)
    wanted = torch.nn.functional.conv2d(*theirs, stride, padding)
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    wanted.backward(torch.tensor(g))
    pairs = [(y, wanted), *((a.grad, b.grad) for a, b in zip(ours, theirs))]
    for found, right in pairs:
        np.testing.assert_allclose(
            found.detach().data, right.detach().numpy(), atol=1e-12
        )


# book/33-convolution-arguments.md#test-conv-draw-all
def naive_stamps(
    x, weight, bias, stride, padding, output_padding, groups, dilation
):
    """Stamp a kernel for each pixel of each channel, and cut off."""
    tall, wide = reach_of(weight, dilation)
    high, long = ((n - 1) * s for n, s in zip(x.shape[2:], stride))
    own = weight.shape[1]
    more, further = output_padding
    size = high + tall + more, long + wide + further
    y = np.zeros((len(x), own * groups, *size))
    for c, i, j in np.ndindex(x.shape[1:]):
        first = c // (x.shape[1] // groups) * own
        top, left = i * stride[0], j * stride[1]
        rows = slice(top, top + tall, dilation[0])
        columns = slice(left, left + wide, dilation[1])
        ink = x[:, c, i, j].reshape(-1, 1, 1, 1) * weight[c]
        y[:, first : first + own, rows, columns] += ink
    top, left = padding
    y = y[:, :, top : size[0] - top, left : size[1] - left]
    return y + bias[:, None, None]


def draw_all(data, transposed=False):
    """Draw an input, a weight, a bias, and all arguments by name."""

    def pair(low, high):
        return data.draw(st.tuples(*[st.integers(low, high)] * 2))

    (count, groups), (inputs, outputs) = pair(1, 3), pair(1, 2)
    kernel, stride, dilation = (pair(1, 3) for _ in range(3))
    padding = pair(0, 3)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    how |= {"groups": groups}
    ends = list(zip(reach, padding, stride, pair(0, 4), strict=True))
    shape = groups * outputs, inputs, *kernel
    size = [max(1, r - 2 * p) + more for r, p, _, more in ends]
    if transposed:
        shape = groups * inputs, outputs, *kernel
        limits = [max(s, d) - 1 for s, d in zip(stride, dilation)]
        more = tuple(data.draw(st.integers(0, n)) for n in limits)
        how["output_padding"] = more
        size = [1 + math.ceil(2 * p / s) + more for _, p, s, more in ends]
    shapes = (count, groups * inputs, *size), shape, (groups * outputs,)
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes], how


# book/33-convolution-arguments.md#test-conv-naive-arguments
@settings(deadline=None, max_examples=30)
@given(st.data())
def test_all_arguments_equal_the_naive_loops(data):
    arrays, how = draw_all(data)
    found = nn.conv2d(*map(Tensor, arrays), **how)
    wanted = naive_conv2d(*arrays, **how)
    np.testing.assert_allclose(found.data, wanted, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_transposed_convolutions_equal_naive_stamps(data):
    arrays, how = draw_all(data, transposed=True)
    found = nn.conv_transpose2d(*map(Tensor, arrays), **how)
    wanted = naive_stamps(*arrays, **how)
    np.testing.assert_allclose(found.data, wanted, atol=1e-12)


def compare(ours, theirs, arrays, how, single):
    """Compare outputs and gradients with PyTorch's, to 12 digits."""
    torch = pytest.importorskip("torch")
    x, *rest = arrays
    arrays = [x[0] if single else x, *rest]
    mine = [Tensor(array, requires_grad=True) for array in arrays]
    other = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, wanted = ours(*mine, **how), theirs(*other, **how)
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    wanted.backward(torch.tensor(g))
    pairs = [(y, wanted), *((a.grad, b.grad) for a, b in zip(mine, other))]
    for found, right in pairs:
        assert found.shape == right.shape
        right = right.detach().numpy()
        np.testing.assert_allclose(found.detach().data, right, atol=1e-12)


# book/33-convolution-arguments.md#test-conv-torch-arguments
@settings(deadline=None, max_examples=30)
@given(st.data(), st.booleans(), st.booleans())
def test_pytorch_agrees_for_all_arguments(data, single, turned):
    torch = pytest.importorskip("torch")
    name = "conv_transpose2d" if turned else "conv2d"
    arrays, how = draw_all(data, turned)
    theirs = getattr(torch.nn.functional, name)
    compare(getattr(nn.functional, name), theirs, arrays, how, single)


@settings(deadline=None, max_examples=30)
@given(st.data(), st.booleans(), st.sampled_from(["same", "valid", None]))
def test_pytorch_agrees_on_rows_and_named_padding(data, single, padding):
    torch = pytest.importorskip("torch")
    (x, weight, bias), how = draw_all(data)
    if padding is not None:
        how["padding"] = padding, padding
        x = np.pad(x, [(0, 0)] * 2 + [(0, 6)] * 2)  # so that the window fits
    if padding == "same":
        how["stride"] = 1, 1
    row = {key: np.atleast_1d(how[key])[-1].item() for key in how}
    arrays = x[:, :, 0], weight[:, :, 0], bias
    functions = nn.functional.conv1d, torch.nn.functional.conv1d
    compare(*functions, arrays, row, single)
    if padding is not None:
        how["padding"] = padding
        functions = nn.functional.conv2d, torch.nn.functional.conv2d
        compare(*functions, (x, weight, bias), how, single)


# book/33-convolution-arguments.md#test-conv-gradients-arguments
OPTIONS = [
    {"dilation": 2, "padding": 1},
    {"dilation": (1, 2), "stride": (2, 1)},
    {"groups": 2},
    {"groups": 2, "stride": 2, "padding": (0, 1)},
    {"groups": 4, "dilation": 2, "padding": 2},
    {"groups": 4, "stride": 2},
]


class TestGradientsOfAllArguments:
    @pytest.mark.parametrize("options", [*OPTIONS, {"padding": "same"}])
    def test_both_orders_are_the_numeric_ones(self, options):
        groups = options.get("groups", 1)
        shapes = (1, 4, 5, 4), (4, 4 // groups, 2, 2), (4,)
        inputs = [draw(*shape, requires_grad=True) for shape in shapes]

        def convolve(x, weight, bias):
            return nn.conv2d(x, weight, bias, **options)

        assert gradcheck(convolve, inputs)
        assert gradgradcheck(convolve, inputs)

    @pytest.mark.parametrize("options", OPTIONS)
    def test_so_they_are_for_stamps(self, options):
        groups = options.get("groups", 1)
        shapes = (1, 4, 3, 2), (4, 4 // groups, 2, 3), (4,)
        inputs = [draw(*shape, requires_grad=True) for shape in shapes]
        even = options.get("dilation") == options.get("stride")
        more = 0 if even else (0, 1) if "stride" in options else 1

        def stamp(x, weight, bias):
            return nn.conv_transpose2d(
                x, weight, bias, output_padding=more, **options
            )

        assert gradcheck(stamp, inputs)
        assert gradgradcheck(stamp, inputs)

    def test_so_they_are_for_rows(self):
        inputs = [draw(*s, requires_grad=True) for s in [(2, 6), (4, 1, 2)]]

        def convolve(x, weight):
            return nn.conv1d(x, weight, None, 2, 1, 2, 2)

        assert gradcheck(convolve, inputs)
        assert gradgradcheck(convolve, inputs)


# book/33-convolution-arguments.md#test-conv-corners
LAYERS = {
    "gaps": nn.Conv2d(4, 4, 3, padding=2, dilation=2),
    "groups": nn.Conv2d(4, 8, 3, 2, groups=2, bias=False),
    "depthwise": nn.Conv2d(4, 4, (2, 3), 2, 3, groups=4),
    "same": nn.Conv2d(4, 2, (4, 3), padding="same"),
    "rows": nn.Conv1d(4, 6, 3, 2, 1, 2, 2),
    "stamps": nn.ConvTranspose2d(4, 3, 3, 2, 1, 1),
    "groups of stamps": nn.ConvTranspose2d(4, 6, 3, 3, 0, 2, 2, False, 2),
    "depthwise stamps": nn.ConvTranspose2d(4, 4, 2, groups=4),
}


@pytest.mark.parametrize("name", LAYERS)
class TestEveryLayer:
    def run(self, name, count):
        """Return a copy of the layer, its input and its output."""
        layer, shape = LAYERS[name], (count, 4, 9, 8)
        x = np.ones(shape[:3] if name == "rows" else shape, np.float32)
        x = Tensor(x, requires_grad=True)
        for parameter in layer.parameters():
            parameter.grad = None
        return layer, x, layer(x)

    def test_keeps_float32(self, name):
        layer, x, y = self.run(name, 2)
        y.sum().backward()
        found = y, x.grad, *(p.grad for p in layer.parameters())
        assert {array.dtype for array in found} == {np.dtype(np.float32)}

    def test_takes_an_empty_batch(self, name):
        layer, x, y = self.run(name, 0)
        assert y.shape == (0, *self.run(name, 1)[2].shape[1:])
        y.sum().backward()
        assert x.grad.shape == x.shape
        assert not any(p.grad.data.any() for p in layer.parameters())

    def test_takes_one_without_a_batch(self, name):
        layer, x, y = self.run(name, 1)
        assert np.array_equal(layer(x[0]).data, y.data[0])

    def test_goes_to_pytorch_and_back(self, name):
        torch = pytest.importorskip("torch")
        layer = LAYERS[name]
        theirs = eval(repr(layer), vars(torch.nn) | {"same": "same"})
        assert repr(theirs) == repr(layer)
        arrays = {k: torch.tensor(v) for k, v in layer.state_dict().items()}
        theirs.load_state_dict(arrays)
        x = draw(*self.run(name, 2)[1].shape).data.astype(np.float32)
        y = theirs(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(layer(Tensor(x)).data, y, atol=1e-5)
        again = eval(repr(layer), vars(nn) | {"same": "same"})
        again.load_state_dict(theirs.state_dict())
        assert np.array_equal(again(Tensor(x)).data, layer(Tensor(x)).data)


# book/33-convolution-arguments.md#test-conv-by-hand
class TestArguments:
    @pytest.mark.parametrize(
        "kernel, expected",
        [([1, 10], [21, 32, 3]), ([1, 10, 100, 1000], [3210, 321, 32])],
    )
    def test_same_puts_the_extra_zero_at_the_end(self, kernel, expected):
        kernel = Tensor([[np.array(kernel, float)]])
        y = nn.conv1d(Tensor([[1.0, 2, 3]]), kernel, padding="same")
        assert y.data[0].tolist() == expected

    def test_a_window_with_gaps_sees_every_other_number(self):
        row, kernel = Tensor([[1.0, 2, 3, 4, 5, 6]]), Tensor([[[1.0, 10]]])
        y = nn.conv1d(row, kernel, dilation=2)
        assert y.data[0].tolist() == [31, 42, 53, 64]

    def test_groups_do_not_meet(self):
        x = draw(1, 6, 4, 4, requires_grad=True)
        y = nn.conv2d(x, draw(3, 2, 2, 2), groups=3)
        y[:, 1].sum().backward()
        seen = x.grad.data.any(axis=(0, 2, 3))
        assert seen.tolist() == [False, False, True, True, False, False]

    def test_stamps_add_up_where_they_overlap(self):
        x = Tensor([[[1.0, 10, 100]]])
        kernel = Tensor([[[[1.0, 2, 3]]]])
        y = nn.conv_transpose2d(x, kernel, stride=(1, 2))
        assert y.data.tolist() == [[[1, 2, 13, 20, 130, 200, 300]]]
        y = nn.conv_transpose2d(x, kernel, None, (1, 2), (0, 2), (0, 1))
        assert y.data.tolist() == [[[13, 20, 130, 200]]]

    @pytest.mark.parametrize("groups", [1, 2, 4])
    def test_a_stride_may_leave_a_rest(self, groups):
        x = draw(1, 4, 6, 6, requires_grad=True)
        weight = draw(4, 4 // groups, 2, 2)
        y = nn.conv2d(x, weight, stride=2, dilation=2, groups=groups)
        y.sum().backward()
        assert y.shape == (1, 4, 2, 2)
        assert not x.grad.data[..., 1::2].any()  # in gaps and left over
        assert not x.grad.data[:, :, 5:].any() and x.grad.data[..., 4].any()

    def test_a_border_may_be_wider_than_the_kernel(self):
        for groups in 1, 2:
            x = draw(1, 2, 2, 2, requires_grad=True)
            weight = Tensor(np.ones((2, 2 // groups, 1, 1)))
            y = nn.conv2d(x, weight, padding=3, groups=groups)
            y.sum().backward()
            inside = y.data[:, :, 3:5, 3:5]
            assert y.shape == (1, 2, 8, 8) and inside.all()
            assert np.count_nonzero(y.data) == inside.size
            assert (x.grad.data == 2 // groups).all()

    def test_an_output_size_chooses_between_those_that_fit(self):
        layer = nn.ConvTranspose2d(1, 1, 3, 2)
        x = Tensor(np.ones((1, 1, 3, 3), np.float32))
        assert layer(x).shape == (1, 1, 7, 7)
        y = layer(x, output_size=(8, 7))
        assert y.shape == (1, 1, 8, 7)
        assert nn.conv2d(y, layer.weight, stride=2).shape == x.shape
        for size in (6, 7), (9, 7):
            with pytest.raises(ValueError, match=r"expected \(7, 7\) or more"):
                layer(x, output_size=size)
        with pytest.raises(ValueError, match=r"expected \(OH, OW\)"):
            layer(x, output_size=(8,))
        with pytest.raises(ValueError, match="an input of shape"):
            layer(x[0, 0, 0], output_size=(8, 8))

    def test_functions_stand_in_functional(self):
        for name in "conv1d", "conv2d", "conv_transpose2d":
            assert getattr(nn.functional, name) is getattr(nn, name)


# book/33-convolution-arguments.md#test-conv-refused
REFUSED = [  # a layer, its arguments, and what it says
    ("Conv2d", "4, 4, 3, groups=3", "groups=3, expected a divisor"),
    ("Conv2d", "4, 6, 3, groups=4", "groups=4, expected a divisor"),
    ("Conv2d", "4, 4, 3, groups=0", "groups=0, expected at least 1"),
    ("Conv2d", "4, 4, 3, padding='some'", "'some', expected 'same', 'valid'"),
    ("Conv2d", "4, 4, 3, 2, padding='same'", "expected a stride of 1"),
    ("Conv2d", "4, 4, 3, padding_mode='any'", "'any', expected 'zeros'"),
    ("Conv1d", "4, 3, 3, groups=2", "groups=2, expected a divisor"),
    ("ConvTranspose2d", "4, 3, 3, groups=2", "groups=2, expected a divisor"),
    ("ConvTranspose2d", "4, 3, 3, padding_mode='any'", "expected 'zeros'"),
]
TOO_LARGE = [  # and what an input of (2, 4, 6, 6) does not fit
    ("Conv2d", "4, 4, 7", "its window is larger"),
    ("Conv2d", "4, 4, 3, dilation=3", "dilation=.3, 3.: its window is larg"),
    ("Conv2d", "2, 4, 3", "has 4 channels, expected 2"),
    ("Conv2d", "8, 4, 3, groups=4", "has 4 channels, expected 8 .* groups=4"),
    ("ConvTranspose2d", "4, 4, 3, 2, 0, 2", "output_padding=.2, 2., expected"),
    ("ConvTranspose2d", "4, 4, 1, padding=4", "leave a picture of .-2, -2."),
    ("ConvTranspose2d", "2, 4, 3", "has 4 channels, expected 2"),
]


class TestRefused:
    @pytest.mark.parametrize("name, arguments, said", REFUSED)
    def test_layers_that_cannot_be(self, name, arguments, said):
        with pytest.raises(ValueError, match=f"^{name}: .*{said}"):
            eval(f"nn.{name}({arguments})")

    @pytest.mark.parametrize("name, arguments, said", TOO_LARGE)
    def test_inputs_that_do_not_fit(self, name, arguments, said):
        layer, x = eval(f"nn.{name}({arguments})"), np.ones((2, 4, 6, 6), "f4")
        with pytest.raises(ValueError, match=f"^conv.*2d: .*{said}"):
            layer(Tensor(x))

    def test_pytorch_refuses_the_same(self):
        torch = pytest.importorskip("torch")
        for name, arguments, _ in REFUSED:
            with pytest.raises(ValueError):
                eval(f"torch.nn.{name}({arguments})", {"torch": torch})
        for name, arguments, _ in TOO_LARGE:
            layer = eval(f"torch.nn.{name}({arguments})", {"torch": torch})
            with pytest.raises(RuntimeError):
                layer(torch.ones(2, 4, 6, 6))

    def test_rows_and_biases_of_other_shapes(self):
        x, weight = draw(2, 4, 6), draw(6, 2, 3)
        with pytest.raises(ValueError, match=r"expected \(N, C, L\) or \("):
            nn.conv1d(x[0, 0], weight)
        with pytest.raises(ValueError, match=r"conv1d: a bias .* \(6,\)"):
            nn.conv1d(x, weight, draw(4), groups=2)
        with pytest.raises(ValueError, match=r"bias .* expected \(6,\)"):
            weight = draw(4, 3, 2, 2)
            nn.conv_transpose2d(draw(4, 2, 2), weight, draw(3), groups=2)
        with pytest.raises(ValueError, match=r"dilation=0, expected at least"):
            nn.conv1d(x, draw(6, 4, 3), dilation=0)
