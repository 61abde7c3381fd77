# Made from book/ by scripts/tangle.py: edit the chapters.
"""Normalisation layers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlfs
from dlfs import Tensor, nn, optim
from dlfs.autograd import gradcheck, gradgradcheck
from dlfs.data import DataLoader, TensorDataset
from dlfs.trainer import Trainer


# book/23-batch-normalisation.md#test-norm-formula
def normal(*shape, dtype=np.float32):
    """Return random numbers with mean 2 and deviation 3."""
    return np.random.default_rng(1).normal(2, 3, shape).astype(dtype)


class TestBatchNorm:
    def test_four_numbers_by_hand(self):
        layer = nn.BatchNorm1d(1, eps=0.0)
        y = layer(Tensor(np.array([[1.0], [3.0], [5.0], [7.0]])))
        expected = np.array([-3, -1, 1, 3]) / np.sqrt(5)
        assert y.data.ravel() == pytest.approx(expected)
        # a tenth of the way: 0 towards 4, and 1 towards 20 / 3
        assert layer.running_mean == pytest.approx(0.4)
        assert layer.running_var == pytest.approx(0.9 + 2 / 3)
        assert layer.num_batches_tracked == 1

    @pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (4, 3, 5, 6)])
    def test_makes_mean_0_and_deviation_1_of_each_channel(self, shape):
        layer = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(3)
        y = layer(Tensor(normal(*shape))).data
        axes = (0, *range(2, len(shape)))
        assert y.mean(axis=axes) == pytest.approx(np.zeros(3), abs=1e-5)
        assert y.std(axis=axes) == pytest.approx(np.ones(3), abs=1e-4)
        assert y.dtype == np.float32

    def test_weight_and_bias_scale_and_shift(self):
        layer = nn.BatchNorm1d(2)
        layer.weight.data[:] = 3, 0.5
        layer.bias.data[:] = 7, -1
        y = layer(Tensor(normal(50, 2))).data
        assert y.mean(axis=0) == pytest.approx([7, -1], abs=1e-5)
        assert y.std(axis=0) == pytest.approx([3, 0.5], abs=1e-3)

    def test_in_use_an_answer_does_not_depend_on_the_neighbours(self):
        layer = nn.BatchNorm1d(3)
        layer(Tensor(normal(20, 3)))
        x = normal(5, 3)
        whole = layer.eval()(Tensor(x)).data
        alone = layer(Tensor(x[2:3])).data
        assert whole[2:3] == pytest.approx(alone)

    def test_before_any_training_it_changes_next_to_nothing(self):
        x = normal(4, 3)
        y = nn.BatchNorm1d(3).eval()(Tensor(x)).data
        assert y == pytest.approx(x, rel=1e-5)

    def test_momentum_none_takes_the_mean_of_all_batches(self):
        layer = nn.BatchNorm1d(1, momentum=None)
        for numbers in [0, 2], [4, 6], [1, 11]:
            layer(Tensor(np.array(numbers, np.float32).reshape(2, 1)))
        assert layer.running_mean == pytest.approx((1 + 5 + 6) / 3)
        assert layer.running_var == pytest.approx((2 + 2 + 50) / 3)

    def test_without_running_values_a_batch_is_always_its_own(self):
        layer = nn.BatchNorm1d(3, track_running_stats=False)
        x = Tensor(normal(6, 3))
        assert (layer(x).data == layer.eval()(x).data).all()
        assert list(layer.state_dict()) == ["weight", "bias"]
        assert layer.running_mean is None

    def test_without_weight_and_bias_it_learns_nothing(self):
        layer = nn.BatchNorm1d(3, affine=False)
        assert list(layer.parameters()) == []
        assert layer(Tensor(normal(6, 3))).shape == (6, 3)

    def test_use_moves_no_buffer(self):
        layer = nn.BatchNorm1d(3).eval()
        before = layer.state_dict()
        layer(Tensor(normal(6, 3)))
        for name, values in layer.state_dict().items():
            assert (values == before[name]).all()

    def test_equal_numbers_give_0_and_no_nan(self):
        x = Tensor(np.full((4, 2), 5.0), requires_grad=True)
        y = nn.BatchNorm1d(2)(x)
        (y * y + y).sum().backward()
        assert (y.data == 0).all() and (x.grad.data == 0).all()

    @pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (0, 3)])
    def test_a_batch_of_one_or_none_cannot_be_trained_on(self, shape):
        layer = nn.BatchNorm1d(3)
        before = layer.state_dict()
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            layer(Tensor(normal(*shape)))
        for name, values in layer.state_dict().items():
            assert (values == before[name]).all()
        assert layer.eval()(Tensor(normal(*shape))).shape == shape

    def test_one_picture_has_many_values(self):
        y = nn.BatchNorm2d(3)(Tensor(normal(1, 3, 4, 4))).data
        assert y.mean(axis=(0, 2, 3)) == pytest.approx(np.zeros(3), abs=1e-5)

    def test_a_factor_in_front_of_it_changes_nothing(self):
        x = normal(30, 3, dtype=np.float64)
        layer = nn.BatchNorm1d(3, eps=0.0)
        y, z = layer(Tensor(x)).data, layer(Tensor(100 * x - 7)).data
        assert y == pytest.approx(z)


# book/23-batch-normalisation.md#test-norm-others
class TestWithoutABatch:
    def test_layer_norm_is_per_example(self):
        y = nn.LayerNorm((3, 4))(Tensor(normal(5, 3, 4))).data
        assert y.mean(axis=(1, 2)) == pytest.approx(np.zeros(5), abs=1e-5)
        assert y.std(axis=(1, 2)) == pytest.approx(np.ones(5), abs=1e-4)

    def test_group_norm_is_per_group(self):
        y = nn.GroupNorm(2, 6)(Tensor(normal(5, 6, 4, 4))).data
        groups = y.reshape(5, 2, 3 * 16)
        assert groups.mean(axis=2) == pytest.approx(np.zeros((5, 2)), abs=1e-5)
        assert groups.std(axis=2) == pytest.approx(np.ones((5, 2)), abs=1e-4)

    def test_one_group_is_layer_norm(self):
        x = Tensor(normal(5, 6, 4))
        one = nn.GroupNorm(1, 6)(x).data
        assert one == pytest.approx(nn.LayerNorm((6, 4))(x).data, abs=1e-6)

    @pytest.mark.parametrize(
        "layer", [nn.LayerNorm(6), nn.GroupNorm(3, 6)], ids=repr
    )
    def test_an_empty_batch_stays_empty(self, layer):
        assert layer(Tensor(np.ones((0, 6), np.float32))).shape == (0, 6)

    def test_training_and_use_are_the_same(self):
        x = Tensor(normal(1, 6))
        for layer in nn.LayerNorm(6), nn.GroupNorm(2, 6):
            assert (layer(x).data == layer.eval()(x).data).all()


class TestRefused:
    @pytest.mark.parametrize(
        "layer, shape, message",
        [
            (nn.BatchNorm1d(3), (3,), r"\(N, C\) or \(N, C, L\)"),
            (nn.BatchNorm1d(3), (2, 3, 4, 4), r"\(N, C\) or"),
            (nn.BatchNorm2d(3), (2, 3), r"expected \(N, C, H, W\)"),
            (nn.BatchNorm1d(3), (2, 4), "has 4 channels, expected 3"),
            (nn.GroupNorm(2, 4), (2, 6), r"expected \(N, 4, \.\.\.\)"),
            (nn.LayerNorm(4), (2, 3), r"expected \(\.\.\., 4\)"),
            (nn.LayerNorm((3, 4)), (2, 4), r"expected \(\.\.\., 3, 4\)"),
        ],
    )
    def test_inputs_of_other_shapes(self, layer, shape, message):
        with pytest.raises(ValueError, match=message):
            layer(Tensor(np.ones(shape, np.float32)))

    def test_layers_that_cannot_be(self):
        for make in (
            lambda: nn.BatchNorm1d(0),
            lambda: nn.GroupNorm(2, 5),
            lambda: nn.GroupNorm(0, 4),
        ):
            with pytest.raises(ValueError, match="expected"):
                make()
        x = Tensor(normal(2, 5))
        with pytest.raises(ValueError, match="a divisor of 5 channels"):
            nn.group_norm(x, 2)
        with pytest.raises(ValueError, match=r"bias of shape \(5, 1\)"):
            nn.layer_norm(x, (5,), Tensor(normal(5, 1)))
        with pytest.raises(ValueError, match="needed unless training"):
            nn.batch_norm(x, None, None)


# book/23-batch-normalisation.md#test-norm-gradients
LAYERS = {
    "batch": lambda shape: nn.BatchNorm1d(shape[1]),
    "batch, in use": lambda shape: nn.BatchNorm1d(shape[1]).eval(),
    "batch, bare": lambda shape: nn.BatchNorm1d(shape[1], affine=False),
    "group": lambda shape: nn.GroupNorm(2, shape[1]),
    "layer": lambda shape: nn.LayerNorm(shape[1:]),
    "last axis": lambda shape: nn.LayerNorm(shape[-1], bias=False),
}


def with_random_parameters(layer):
    """Return the layer as float64, with random weight and bias."""
    rng = np.random.default_rng(2)
    for p in layer.double().parameters():
        p.data[...] = rng.uniform(0.5, 2, p.shape)
    return layer


@pytest.mark.parametrize("name", LAYERS)
@given(
    size=st.integers(3, 4),
    channels=st.sampled_from([2, 4]),
    rest=st.lists(st.integers(1, 3), max_size=1),
    seed=st.integers(0, 99),
)
@settings(max_examples=8, deadline=None)
def test_gradients_match_numeric_ones(name, size, channels, rest, seed):
    shape = (size, channels, *rest)
    layer = with_random_parameters(LAYERS[name](shape))
    values = np.random.default_rng(seed).normal(size=shape)
    # far from equal numbers, where the curve is too sharp to measure
    values += 2.0 * np.arange(values.size).reshape(shape) % 5
    x = Tensor(values, requires_grad=True)
    gradcheck(lambda x, *_: layer(x), [x, *layer.parameters()])


class TestGradients:
    @pytest.mark.parametrize("name", LAYERS)
    def test_second_ones_match_numeric_ones(self, name):
        shape = (3, 4, 2)
        layer = with_random_parameters(LAYERS[name](shape))
        values = np.random.default_rng(5).normal(size=shape)
        x = Tensor(values, requires_grad=True)
        gradgradcheck(lambda x, *_: layer(x), [x, *layer.parameters()])

    def test_a_bias_in_front_of_it_gets_none(self):
        linear, norm = nn.Linear(4, 3), nn.BatchNorm1d(3)
        y = norm(linear(Tensor(normal(10, 4))))
        (y * y * y).sum().backward()
        assert abs(linear.bias.grad.data).max() < 1e-3
        assert abs(linear.weight.grad.data).max() > 0.1


# book/23-batch-normalisation.md#test-norm-resume
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(tmp_path):
    x = normal(60, 4)
    dataset = TensorDataset(x, (x[:, 0] > 2).astype(np.int64))

    def make(folder):
        dlfs.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(4, 8),
            nn.BatchNorm1d(8, momentum=None),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(8, 2),
        )
        return Trainer(
            model,
            optim.Adam(model.parameters()),
            DataLoader(dataset, 10, shuffle=True),
            DataLoader(dataset, 60),
            save_dir=folder,
            quiet=True,
        )

    straight = make(tmp_path / "a")
    straight.fit(4)
    make(tmp_path / "b").fit(2)
    resumed = make(tmp_path / "b")
    resumed.resume()
    resumed.fit(4)
    expected = straight.model.state_dict()
    assert expected["1.num_batches_tracked"] == 4 * 6
    for name, values in resumed.model.state_dict().items():
        assert (values == expected[name]).all(), name


# book/23-batch-normalisation.md#test-norm-torch
TORCH = [
    ("BatchNorm1d(6)", (5, 6)),
    ("BatchNorm1d(6, momentum=None)", (5, 6, 3)),
    ("BatchNorm1d(6, affine=False)", (2, 6)),
    ("BatchNorm1d(6, track_running_stats=False)", (5, 6)),
    ("BatchNorm2d(6, eps=0.1, momentum=0.7)", (3, 6, 4, 5)),
    ("BatchNorm2d(6)", (1, 6, 2, 2)),
    ("GroupNorm(3, 6)", (4, 6, 3, 3)),
    ("GroupNorm(6, 6, eps=0.01)", (4, 6, 3)),
    ("GroupNorm(1, 6, affine=False)", (4, 6)),
    ("LayerNorm(6)", (4, 5, 6)),
    ("LayerNorm((5, 6), eps=0.01)", (4, 5, 6)),
    ("LayerNorm(6, bias=False)", (4, 6)),
    ("LayerNorm(6, elementwise_affine=False)", (4, 6)),
]


@pytest.mark.parametrize("layer, shape", TORCH)
def test_pytorch_gives_the_same_in_training_and_in_use(layer, shape):
    torch = pytest.importorskip("torch")
    ours, theirs = (eval(f"nn.{layer}", {"nn": m}) for m in (nn, torch.nn))
    rng = np.random.default_rng(3)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        p.data[...] = rng.uniform(0.5, 2, p.shape)
        q.data[...] = torch.tensor(p.data)
    for batch in range(6):
        if batch == 4:
            ours.eval(), theirs.eval()
        values = rng.normal(1, 2, shape).astype(np.float32)
        x = Tensor(values, requires_grad=True)
        z = torch.tensor(values, requires_grad=True)
        results = []
        for module, inputs in (ours, x), (theirs, z):
            module.zero_grad()
            y = module(inputs)
            (y * y * y).sum().backward()
            found = [y, inputs.grad, *(p.grad for p in module.parameters())]
            results.append([t.detach().numpy() for t in found])
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-3)
            assert a.dtype == b.dtype
    saved = theirs.state_dict()
    assert list(ours.state_dict()) == list(saved)
    for name, values in ours.state_dict().items():
        np.testing.assert_allclose(values, saved[name].numpy(), rtol=1e-5)
        assert values.dtype == saved[name].numpy().dtype
    ours.load_state_dict(saved)


# book/34-fast-numpy.md#test-norm-accuracy
class TestAccuracy:
    @pytest.mark.parametrize("shape", [(300, 5), (7, 3, 11), (16, 32, 9, 8)])
    @pytest.mark.parametrize("last", [True, False])
    def test_float32_is_as_good_as_float64(self, shape, last):
        x = 20 + np.random.default_rng(0).normal(size=shape)
        x = x.astype(np.float32)
        if last:  # channels last in memory
            x = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)
        g = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        results = []
        for dtype in np.float32, np.float64:
            layer = nn.BatchNorm1d(shape[1])
            layer._dimensions = (len(shape),)
            given = Tensor(x.astype(dtype), requires_grad=True)
            y = layer(given)
            y.backward(g.astype(dtype))
            grads = given.grad, layer.weight.grad, layer.bias.grad
            results.append([y.data, *(grad.data for grad in grads)])
            results[-1] += [layer.running_mean.data, layer.running_var.data]
        for found, right in zip(*results):
            scale = abs(right).max()
            assert abs(found - right).max() < 3e-6 * scale

    def test_many_channels_and_few_values(self):
        x = np.random.default_rng(0).normal(size=(3, 5000))
        y = nn.BatchNorm1d(5000)(Tensor(x)).data
        wanted = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
        np.testing.assert_allclose(y, wanted, atol=1e-10)
