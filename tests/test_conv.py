# Made from book/ by scripts/tangle.py: edit the chapters.

import math

import numpy as np
import pytest

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
        with pytest.raises(ValueError, match=r"^Conv2d: .*kernel_size"):
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
