# Made from book/ by scripts/tangle.py: edit the chapters.

import copy
import math
import pickle

import numpy as np
import pytest

from dlfs import nn
from dlfs.autograd import Tensor, gradcheck, gradgradcheck, manual_seed


# book/07-modules.md#test-module
class Line(nn.Module):
    """y = a x + b, the smallest module with two parameters."""

    def __init__(self):
        self.a = nn.Parameter([1.0])
        self.b = nn.Parameter([0.0])

    def forward(self, x):
        return self.a * x + self.b


def names(module):
    return [name for name, _ in module.named_parameters()]


class TestParameters:
    def test_have_dotted_names_in_the_order_of_setting(self):
        model = nn.Sequential(Line(), nn.Sequential(Line()))
        assert names(model) == ["0.a", "0.b", "1.0.a", "1.0.b"]

    def test_of_a_shared_module_count_once(self):
        line = Line()
        model = nn.Sequential(line, line)
        assert names(model) == ["0.a", "0.b"]
        assert list(model.modules()) == [model, line]
        assert model(3.0).item() == 3

    def test_that_are_tied_count_once_but_are_saved_twice(self):
        model = nn.Sequential(Line(), Line())
        model[1].a = model[0].a
        assert names(model) == ["0.a", "0.b", "1.b"]
        assert list(model.state_dict()) == ["0.a", "0.b", "1.a", "1.b"]

    def test_are_found_when_a_child_knows_its_parent(self):
        model = nn.Sequential(Line())
        model[0].parent = model
        assert len(list(model.modules())) == 2
        assert names(model) == ["0.a", "0.b"]

    def test_cannot_be_integers(self):
        with pytest.raises(RuntimeError, match="floating-point"):
            nn.Parameter([1, 2])


# book/07-modules.md#test-attributes
class TestModule:
    def test_forgets_a_deleted_attribute(self):
        line = Line()
        del line.a
        assert names(line) == ["b"]

    def test_takes_a_new_parameter_or_none_in_place_of_another(self):
        line = Line()
        line.a, line.b = nn.Parameter([5.0]), None
        assert [p.item() for p in line.parameters()] == [5]

    def test_takes_a_plain_tensor_but_not_in_place_of_a_parameter(self):
        line = Line()
        with pytest.raises(TypeError, match=r"Line\.a is a parameter"):
            line.a = line.a * 2
        line.scale = line.a * 2
        assert line.a.item() == 1 and names(line) == ["a", "b"]

    def test_without_forward_says_so(self):
        with pytest.raises(NotImplementedError, match="Module has no forward"):
            nn.Module()(1)

    def test_forgets_gradients(self):
        line = Line()
        line(2.0).backward()
        assert line.a.grad.item() == 2
        line.zero_grad()
        assert line.a.grad is None


# book/07-modules.md#test-module-list
class TestModuleList:
    def test_has_its_items_parameters(self):
        lines = nn.ModuleList(Line() for _ in range(2)).append(Line())
        assert names(lines)[::2] == ["0.a", "1.a", "2.a"]
        assert sum(line(2.0) for line in lines).item() == 6
        assert len(lines) == 3

    def test_sequential_applies_one_after_another(self):
        first, second = Line(), Line()
        second.b.data[...] = 1
        first.a.data[...] = 2
        model = nn.Sequential(first, second)
        assert model(3.0).item() == 2 * 3 + 1
        assert model[-1] is second
        assert model[:1](3.0).item() == 6
        assert nn.Sequential()(7) == 7

    def test_refuses_what_is_no_module(self):
        with pytest.raises(TypeError, match="item 1 is builtin_function"):
            nn.Sequential(Line(), abs)


# book/07-modules.md#test-linear
def tensors(*shapes, seed=0):
    """Return float64 tensors that require gradients, to check them."""
    rng = np.random.default_rng(seed)
    return [Tensor(rng.normal(size=s), requires_grad=True) for s in shapes]


class TestLinear:
    @pytest.mark.parametrize("rows", [(), (5,), (2, 3), (2, 1, 3)])
    @pytest.mark.parametrize("bias", [True, False])
    def test_gradients_match_numeric_ones(self, rows, bias):
        shapes = [(*rows, 4), (3, 4)] + [(3,)] * bias
        inputs = tensors(*shapes)
        assert nn.linear(*inputs).shape == (*rows, 3)
        gradcheck(nn.linear, inputs)
        gradgradcheck(nn.linear, inputs)

    def test_is_a_matrix_product_and_a_sum(self):
        layer = nn.Linear(2, 3)
        layer.weight.data[...] = [[1, 2], [3, 4], [5, 6]]
        layer.bias.data[...] = [10, 20, 30]
        y = layer(Tensor([[1.0, 0.0], [1.0, 1.0]]))
        assert y.data.tolist() == [[11, 23, 35], [13, 27, 41]]
        assert y.dtype == np.float32

    def test_takes_an_empty_batch(self):
        layer = nn.Linear(2, 3)
        layer(Tensor(np.ones((0, 2), np.float32))).sum().backward()
        assert layer.weight.grad.data.tolist() == [[0, 0]] * 3

    def test_does_without_a_bias(self):
        layer = nn.Linear(2, 3, bias=False)
        assert names(layer) == ["weight"]
        assert repr(layer).endswith(
            "(in_features=2, out_features=3, bias=False)"
        )

    def test_refuses_a_weight_that_is_no_matrix(self):
        with pytest.raises(ValueError, match=r"weight of shape \(2,\)"):
            nn.linear(Tensor(np.ones((1, 2))), Tensor(np.ones(2)))

    def test_names_both_shapes_when_they_do_not_fit(self):
        with pytest.raises(
            ValueError,
            match=r"linear: input of shape \(5, 3\) for a weight of shape "
            r"\(2, 4\): the last axis must be 4 long",
        ):
            nn.Linear(4, 2)(Tensor(np.ones((5, 3))))

    def test_a_bias_has_one_number_for_each_output(self):
        x, weight = Tensor(np.ones((5, 4))), Tensor(np.ones((3, 4)))
        with pytest.raises(ValueError, match=r"shape \(5, 3\), expected \(3,"):
            nn.linear(x, weight, Tensor(np.ones((5, 3))))

    @pytest.mark.parametrize("sizes", [(0, 3), (3, 0)])
    def test_needs_features(self, sizes):
        message = "{} in and {} out features".format(*sizes)
        with pytest.raises(ValueError, match=message):
            nn.Linear(*sizes)

    @pytest.mark.parametrize("sizes", [(1, 3), (3, 1)])
    def test_one_feature_is_enough(self, sizes):
        assert nn.Linear(*sizes).weight.shape == sizes[::-1]

    def test_first_numbers_reach_both_ends_of_their_range(self):
        manual_seed(0)
        layer = nn.Linear(4, 10_000)  # 1 / sqrt(4) = 0.5
        for values in layer.weight.data, layer.bias.data:
            assert -0.5 <= values.min() < -0.499
            assert 0.499 < values.max() <= 0.5

    @pytest.mark.parametrize("bias", [True, False])
    def test_speaks_of_itself_if_a_value_was_changed(self, bias):
        layer = nn.Linear(2, 3, bias=bias)
        y = layer(Tensor(np.ones((4, 2), np.float32))).sum()
        nn.zeros_(layer.weight)
        with pytest.raises(RuntimeError, match=r"^linear: values of shape"):
            y.backward()


# book/07-modules.md#test-init
class TestInit:
    @pytest.mark.parametrize(
        ("fill", "options", "variance"),
        [
            (nn.kaiming_uniform_, {}, 2 / 500),
            (nn.kaiming_uniform_, {"a": 2.0}, 2 / (5 * 500)),
            (nn.xavier_uniform_, {}, 2 / 900),
            (nn.xavier_uniform_, {"gain": 3.0}, 9 * 2 / 900),
            (nn.uniform_, {"a": -1.0, "b": 2.0}, 9 / 12),
            (nn.normal_, {"mean": 5.0, "std": 0.1}, 0.01),
            (nn.zeros_, {}, 0),
        ],
    )
    def test_variance_is_that_of_the_formula(self, fill, options, variance):
        if fill is not nn.zeros_:
            options = options | {"generator": np.random.default_rng(0)}
        weight = nn.Parameter(np.empty((400, 500), np.float32))
        assert fill(weight, **options) is weight
        assert weight.data.var(dtype=np.float64) == pytest.approx(
            variance, rel=0.01
        )
        assert weight.dtype == np.float32

    @pytest.mark.parametrize(
        ("fill", "variance"),
        [(nn.kaiming_uniform_, 2 / 450), (nn.xavier_uniform_, 2 / 1350)],
    )
    def test_every_place_of_a_window_counts(self, fill, variance):
        weight = Tensor(np.empty((100, 50, 3, 3)))  # 450 in, 900 out
        fill(weight, generator=np.random.default_rng(0))
        assert weight.data.var() == pytest.approx(variance, rel=0.02)

    @pytest.mark.parametrize(
        "fill",
        [nn.uniform_, nn.normal_, nn.kaiming_uniform_, nn.xavier_uniform_],
    )
    def test_without_a_generator_the_seed_decides(self, fill):
        draws = []
        for seed in 1, 1, 2:
            manual_seed(seed)
            draws.append(fill(Tensor(np.empty((3, 4)))).data)
        assert (draws[0] == draws[1]).all()
        assert (draws[0] != draws[2]).all()

    def test_uniform_is_from_0_to_1_and_normal_around_0(self):
        manual_seed(0)
        uniform = nn.uniform_(Tensor(np.empty(10_000))).data
        assert 0 <= uniform.min() < 0.001 and 0.999 < uniform.max() < 1
        normal = nn.normal_(Tensor(np.empty(10_000))).data
        assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03

    def test_counts_the_field_of_a_convolution(self):
        weight = Tensor(np.empty((64, 32, 3, 3)))
        bound = (6 / (32 * 9)) ** 0.5
        largest = abs(nn.kaiming_uniform_(weight).data).max()
        assert 0.999 * bound < largest <= bound

    def test_linear_starts_within_one_over_root_n(self):
        layer = nn.Linear(100, 2000)
        for parameter in layer.parameters():
            assert 0.0995 < abs(parameter.data).max() <= 0.1

    def test_vectors_have_no_fans(self):
        with pytest.raises(ValueError, match=r"shape \(3,\) has no fan in"):
            nn.xavier_uniform_(Tensor(np.empty(3)))

    def test_one_seed_gives_the_same_layer(self):
        weights = []
        for _ in range(2):
            manual_seed(7)
            weights.append(nn.Linear(3, 2).weight.data.tolist())
        assert weights[0] == weights[1]


# book/07-modules.md#test-layers
class TestLayers:
    def test_activations_are_the_functions(self):
        x = np.array([[-2.0, 0.0, 3.0]])
        for layer, y in [
            (nn.ReLU(), [[0, 0, 3]]),
            (nn.Tanh(), np.tanh(x)),
            (nn.Sigmoid(), 1 / (1 + np.exp(-x))),
            (nn.Identity(), x),
        ]:
            assert layer(Tensor(x)).data == pytest.approx(np.array(y))

    def test_flatten_keeps_the_batch(self):
        assert nn.Flatten()(Tensor(np.ones((5, 2, 3)))).shape == (5, 6)

    def test_train_and_eval_reach_every_module(self):
        model = nn.Sequential(nn.Sequential(nn.Dropout()), nn.ReLU())
        assert all(module.training for module in model.modules())
        assert model.eval() is model
        assert not any(module.training for module in model.modules())
        assert nn.Dropout().training  # others are not concerned
        assert all(module.training for module in model.train().modules())

    def test_a_model_shows_its_layers(self):
        model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Dropout(0.1)))
        assert repr(model) == (
            "Sequential(\n  (0): Flatten()\n  (1): Sequential(\n"
            "    (0): Dropout(p=0.1)\n  )\n)"
        )


# book/07-modules.md#test-dropout
class TestDropout:
    def test_keeps_the_mean_and_the_share(self):
        manual_seed(0)
        y = nn.Dropout(0.25)(Tensor(np.ones(100_000, np.float32))).data
        assert set(y.tolist()) == {0, np.float32(1 / 0.75)}
        assert (y == 0).mean() == pytest.approx(0.25, abs=0.006)
        assert y.dtype == np.float32

    def test_gradient_passes_where_values_did(self):
        x = Tensor(np.full(1000, 3.0), requires_grad=True)
        y = nn.Dropout(0.5)(x)
        y.sum().backward()
        assert (x.grad.data == y.data / 3).all()

    def test_does_nothing_when_not_training(self):
        x = Tensor(np.ones(5))
        assert nn.Dropout(0.9).eval()(x) is x
        assert nn.Dropout(0)(x) is x

    def test_refuses_integers(self):
        with pytest.raises(TypeError, match="int64, expected float"):
            nn.Dropout(0.5)(Tensor(np.ones(3, np.int64)))

    @pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
    def test_refuses_other_probabilities(self, p):
        with pytest.raises(ValueError, match="expected 0 <= p <= 1"):
            nn.Dropout(p)

    def test_of_everything_leaves_zeros(self):
        x = Tensor(np.ones(3), requires_grad=True)
        y = nn.Dropout(1)(x)
        y.sum().backward()
        assert y.data.tolist() == x.grad.data.tolist() == [0, 0, 0]


# book/07-modules.md#test-state-dict
class Standardize(nn.Module):
    """Subtract a mean that was measured: a module with a buffer."""

    def __init__(self):
        self.register_buffer("mean", np.zeros(2, np.float32))

    def forward(self, x):
        return x - self.mean


def small_model():
    return nn.Sequential(Standardize(), nn.Linear(2, 3), nn.Linear(3, 1))


class TestStateDict:
    def test_survives_a_file(self, tmp_path):
        model, other = small_model(), small_model()
        model[0].mean = [1, 2]
        weight = other[1].weight
        np.savez(tmp_path / "model.npz", **model.state_dict())
        with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
            other.load_state_dict(arrays)
        x = Tensor(np.random.default_rng(0).normal(size=(5, 2)))
        assert other(x).data.tolist() == model(x).data.tolist()
        assert other[0].mean.tolist() == [1, 2]
        assert other[1].weight is weight

    def test_and_buffers_hold_copies(self):
        model = small_model()
        array = np.ones(2, np.float32)
        model[0].mean = array
        state = model.state_dict()
        before = state["1.weight"].copy()
        array += 1
        model[1].weight.data += 1
        assert model[0].mean.tolist() == [1, 1]
        model[0].mean += 1
        assert state["0.mean"].tolist() == [1, 1]
        assert (state["1.weight"] == before).all()

    def test_buffers_are_saved_but_not_learnt(self):
        model = small_model()
        assert [name for name, _ in model.named_buffers()] == ["0.mean"]
        assert next(iter(model.state_dict())) == "0.mean"
        assert names(model)[0] == "1.weight"


# book/07-modules.md#test-load-state-dict
class TestLoadStateDict:
    def test_of_tied_parameters_takes_the_last(self):
        model = nn.Sequential(Line(), Line())
        model[1].a = model[0].a
        state = model.state_dict() | {"0.a": [2.0], "1.a": [3.0]}
        model.load_state_dict(state)
        assert model[0].a.item() == 3

    def test_names_everything_wrong_and_changes_nothing(self):
        model = small_model()
        state = {n: a + 1 for n, a in model.state_dict().items()}
        before = model.state_dict()
        state["1.weight"] = np.zeros((2, 3))
        state["2.weight"] = state["2.weight"] * 1j
        state["head"] = state.pop("1.bias")
        with pytest.raises(RuntimeError) as caught:
            model.load_state_dict(state)
        assert str(caught.value) == (
            "load_state_dict: Sequential cannot take these values: "
            "1.weight has shape (2, 3), expected (3, 2); "
            "2.weight holds complex64, expected float32; "
            "1.bias is missing; head is unknown"
        )
        for name, value in model.state_dict().items():
            assert (value == before[name]).all()

    def test_not_strict_takes_what_it_knows(self):
        model = small_model()
        state = {"2.bias": [7.0], "head": [1.0]}
        result = model.load_state_dict(state, strict=False)
        assert model[2].bias.data.tolist() == [7]
        assert result.unexpected_keys == ["head"]
        assert "1.weight" in result.missing_keys
        with pytest.raises(RuntimeError, match=r"has shape \(2,\)"):
            model.load_state_dict({"2.bias": [1, 2]}, strict=False)


# book/07-modules.md#test-copies
class TestCopies:
    @pytest.mark.parametrize(
        "duplicate",
        [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    )
    def test_of_a_model_are_its_own(self, duplicate):
        model = small_model()
        model[2].weight.requires_grad = False
        model(Tensor([[1.0, 2.0]])).backward()
        twin = duplicate(model)
        before, old = model.state_dict(), dict(model.named_parameters())
        for name, p in twin.named_parameters():
            p_old = old[name]
            assert isinstance(p, nn.Parameter)
            assert p.data.tolist() == p_old.data.tolist()
            assert p.requires_grad == p_old.requires_grad
            if p.requires_grad:
                assert p.grad.data.tolist() == p_old.grad.data.tolist()
            p.data[...] = 0
        twin[0].mean += 1
        for name, value in model.state_dict().items():
            assert (value == before[name]).all()

    def test_keep_tied_parameters_tied(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        model[1].weight = model[0].weight
        twin = copy.deepcopy(model)
        assert twin[1].weight is twin[0].weight
        assert twin[0].weight is not model[0].weight

    def test_of_a_graph_are_refused(self):
        x = Tensor([2.0], requires_grad=True)
        with pytest.raises(RuntimeError, match="result of mul"):
            copy.deepcopy(x * 2)
        assert copy.deepcopy((x * 2).detach()).item() == 4


# book/07-modules.md#test-precision
class TestPrecision:
    def test_conversion_keeps_the_parameters(self):
        model = small_model()
        weight = model[1].weight
        model(Tensor([[1.0, 2.0]])).backward()
        assert model.double() is model
        assert model[1].weight is weight
        assert {v.dtype for v in model.state_dict().values()} == {
            np.dtype(np.float64)
        }
        assert weight.grad.dtype == np.float64
        assert model.float()[0].mean.dtype == np.float32

    def test_integers_are_refused(self):
        with pytest.raises(TypeError, match="int64 is no floating-point"):
            small_model().to(np.int64)


# book/07-modules.md#test-torch
class TestAgainstPyTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def models(self, torch):
        """Return the same network twice, ours and PyTorch's."""
        both = [
            lib.Sequential(
                lib.Linear(6, 5), lib.ReLU(), lib.Linear(5, 3, bias=False)
            )
            for lib in (nn, torch.nn)
        ]
        both[1].load_state_dict(
            {n: torch.tensor(a) for n, a in both[0].state_dict().items()}
        )
        return both

    def test_networks_agree(self, torch):
        ours, theirs = self.models(torch)
        x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
        y, y_torch = ours(Tensor(x)), theirs(torch.tensor(x))
        assert y.data == pytest.approx(y_torch.detach().numpy(), abs=1e-6)
        (y * y).sum().backward()
        (y_torch * y_torch).sum().backward()
        for p, q in zip(ours.parameters(), theirs.parameters()):
            assert p.grad.data == pytest.approx(q.grad.numpy(), abs=1e-5)

    def test_states_travel_back(self, torch):
        ours, theirs = self.models(torch)
        with torch.no_grad():
            theirs[0].bias += 1
        ours.load_state_dict(theirs.state_dict())
        assert (ours[0].bias.data == theirs[0].bias.detach().numpy()).all()
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert repr(ours[0]) == repr(theirs[0])

    # book/08-losses.md#test-torch-losses
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    def test_losses_agree(self, torch, reduction):
        rng = np.random.default_rng(0)
        x = rng.normal(scale=5, size=(6, 4))
        classes = np.array([0, 3, -100, 1, 1, -100])
        numbers = rng.uniform(size=(6, 4))
        functional = torch.nn.functional
        for name, target in [
            ("cross_entropy", classes),
            ("nll_loss", classes),
            ("mse_loss", numbers),
            ("l1_loss", numbers),
            ("binary_cross_entropy_with_logits", numbers),
        ]:
            a = Tensor(x, requires_grad=True)
            b = torch.tensor(x, requires_grad=True)
            ours = getattr(nn, name)(a, target, reduction=reduction)
            theirs = getattr(functional, name)(
                b, torch.tensor(target), reduction=reduction
            )
            assert ours.data == pytest.approx(theirs.detach().numpy())
            ours.sum().backward()
            theirs.sum().backward()
            assert a.grad.data == pytest.approx(b.grad.numpy())


# book/07-modules.md#test-torch-layers
LAYERS = """Linear(6, 4) Linear(6, 4, bias=False) ReLU() Tanh() Sigmoid()
Identity() Flatten() Dropout(0.3).eval() Dropout(0)""".replace(") ", ")\n")


@pytest.mark.parametrize("layer", LAYERS.splitlines())
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6), (0, 6)])
def test_layers_agree_with_pytorch(layer, shape):
    torch = pytest.importorskip("torch")
    if layer == "Flatten()" and len(shape) < 2:
        shape = (5, 2, 3)
    ours, theirs = (eval(layer, vars(lib)) for lib in (nn, torch.nn))
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, y_torch = ours(a), theirs(b)
    np.testing.assert_allclose(y.data, y_torch.detach().numpy(), atol=1e-6)
    (y * y).sum().backward()
    (y_torch * y_torch).sum().backward()
    both = zip([a, *ours.parameters()], [b, *theirs.parameters()])
    for p, q in both:
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), atol=1e-5)


# book/07-modules.md#test-torch-random-layers
def test_random_layers_follow_the_laws_of_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = nn.Dropout(0.3), torch.nn.Dropout(0.3)
    y = ours(Tensor(np.ones(100_000, np.float32))).data
    z = theirs(torch.ones(100_000)).numpy()
    assert np.unique(y).tolist() == pytest.approx(np.unique(z).tolist())
    assert (y == 0).mean() == pytest.approx((z == 0).mean(), abs=0.01)
    ours, theirs = nn.Linear(100, 2000), torch.nn.Linear(100, 2000)
    for p, q in zip(ours.parameters(), theirs.parameters()):
        values = q.detach().numpy()
        assert abs(p.data).max() == pytest.approx(abs(values).max(), rel=0.01)
        assert p.data.std() == pytest.approx(values.std(), rel=0.05)


# book/07-modules.md#test-torch-layer-errors
BAD_LAYERS = [  # the layer, our error, PyTorch's
    ("Linear()", TypeError, TypeError),
    ("Linear(2.5, 3)", TypeError, TypeError),
    ("Linear('2', 3)", TypeError, TypeError),
    ("Linear(-1, 3)", ValueError, RuntimeError),  # no shape, says torch.empty
    ("Linear(0, 3)", ValueError, None),  # a weight without numbers
    ("Dropout(-0.1)", ValueError, ValueError),
    ("Dropout(1.5)", ValueError, ValueError),
    ("Dropout('a')", TypeError, TypeError),
    ("Sequential(3)", TypeError, TypeError),
    ("ModuleList([3])", TypeError, TypeError),
    ("Module().forward(1)", NotImplementedError, NotImplementedError),
]


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize(("layer", "ours", "theirs"), BAD_LAYERS)
def test_layers_refuse_what_pytorch_refuses(layer, ours, theirs):
    torch = pytest.importorskip("torch")
    errors = []
    for lib in (nn, torch.nn):
        errors.append(None)
        try:
            eval(layer, vars(lib))
        except Exception as error:
            errors[-1] = type(error)
    assert errors == [ours, theirs]


# book/08-losses.md#test-cross-entropy
class TestCrossEntropy:
    def test_of_equal_logits_is_the_logarithm_of_their_number(self):
        loss = nn.cross_entropy(Tensor(np.zeros((7, 10))), np.arange(7))
        assert loss.item() == pytest.approx(math.log(10))

    def test_gradient_is_softmax_minus_one_hot(self):
        x = Tensor(np.log([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]), True)
        nn.cross_entropy(x, np.array([1, 0])).backward()
        assert x.grad.data == pytest.approx(
            np.array([[0.7, -0.8, 0.1], [-0.5, 0.25, 0.25]]) / 2
        )

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("target", [[0, 2, 1, 1], [-100, 2, 0, -100]])
    def test_gradient_matches_the_numeric_one(self, reduction, target):
        def loss(x):
            return nn.cross_entropy(x, target, reduction=reduction)

        gradcheck(loss, tensors((4, 3)))

    def test_keeps_float32(self):
        x = Tensor([[1.0, 2.0], [3.0, 1.0]], requires_grad=True)
        for target in ([0, 1], [0, -100]):
            loss = nn.cross_entropy(x, target)
            loss.backward()
            assert loss.dtype == x.grad.dtype == np.float32

    def test_as_a_module(self):
        x = Tensor(np.zeros((2, 4)))
        loss = nn.CrossEntropyLoss(ignore_index=3, reduction="sum")
        assert loss(x, [0, 3]).item() == pytest.approx(math.log(4))

    def test_has_no_second_derivative_and_says_so(self):
        with pytest.raises(RuntimeError, match="cross_entropy: this fused"):
            gradgradcheck(
                lambda x: nn.cross_entropy(x, [0, 1]), tensors((2, 3))
            )
        gradgradcheck(
            lambda x: nn.nll_loss(x.log_softmax(1), [0, 1]), tensors((2, 3))
        )


# book/08-losses.md#test-cross-entropy-extremes
class TestCrossEntropyOfExtremes:
    @pytest.mark.parametrize("scale", [1e4, -1e4])
    def test_stands_logits_that_are_far_apart(self, scale):
        x = Tensor([[scale, 0.0, -scale]], requires_grad=True)
        loss = nn.cross_entropy(x, [2])
        loss.backward()
        assert loss.item() == max(2 * scale, 0)
        assert x.grad.data.tolist() == [[scale > 0, 0, -(scale > 0)]]

    def test_stands_impossible_classes(self):
        x = Tensor([[-np.inf, 0.0, 0.0]], requires_grad=True)
        loss = nn.cross_entropy(x, [1])
        loss.backward()
        assert loss.item() == pytest.approx(math.log(2))
        assert x.grad.data.tolist() == [[0, -0.5, 0.5]]
        assert nn.cross_entropy(x, [0]).item() == math.inf

    @pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll_loss])
    def test_ignored_rows_do_not_count(self, loss):
        x = Tensor(np.log([[0.5, 0.5], [0.2, 0.8]]), requires_grad=True)
        x.data[0] = math.nan
        target = Tensor([-100, 1])
        expected = -math.log(0.8)
        for reduction in ("mean", "sum"):
            result = loss(x, target, reduction=reduction).item()
            assert result == pytest.approx(expected)
        each = loss(x, [7, 1], ignore_index=7, reduction="none")
        assert each.data == pytest.approx(np.array([0, expected]))
        each.sum().backward()
        assert x.grad.data[0].tolist() == [0, 0]
        with pytest.raises(ValueError, match="none of the 2 rows counts"):
            loss(x, [-100, -100])
        assert loss(x, [-100, -100], reduction="sum").item() == 0


# book/08-losses.md#test-bad-targets
@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll_loss])
class TestBadTargets:
    @pytest.mark.parametrize(
        ("target", "error", "words"),
        [
            ([0], ValueError, r"shape \(2, 3\) and targets of shape \(1,\)"),
            ([[0], [1]], ValueError, r"expected \(N, C\) and \(N,\)"),
            ([0.0, 1.0], TypeError, "targets are float64, expected integer"),
            ([True, False], TypeError, "targets are bool"),
            ([0, 3], IndexError, "target 3 in row 1, expected 0 to 2"),
            ([-1, 0], IndexError, "target -1 in row 0"),
        ],
    )
    def test_are_named(self, loss, target, error, words):
        with pytest.raises(error, match=rf"{loss.__name__}: .*{words}"):
            loss(Tensor(np.zeros((2, 3))), target)

    def test_and_bad_reductions_too(self, loss):
        with pytest.raises(ValueError, match="reduction 'average', expected"):
            loss(Tensor(np.zeros((2, 3))), [0, 1], reduction="average")


# book/08-losses.md#test-other-losses
class TestElementwiseLosses:
    losses = (nn.mse_loss, nn.l1_loss, nn.binary_cross_entropy_with_logits)

    @pytest.mark.parametrize("loss", losses)
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    def test_derivatives_match_numeric_ones(self, loss, reduction):
        inputs = tensors((3, 2), (3, 2))
        gradcheck(lambda x, t: loss(x, t, reduction), inputs)
        gradgradcheck(lambda x, t: loss(x, t, reduction), inputs)

    def test_values_by_hand(self):
        x, t = Tensor([1.0, -2.0]), np.array([3, 1], np.float32)
        assert nn.mse_loss(x, t).item() == (4 + 9) / 2
        assert nn.mse_loss(x, t, "sum").item() == 13
        assert nn.l1_loss(x, t, "none").data.tolist() == [2, 3]
        assert nn.MSELoss("sum")(x, t).item() == 13

    def test_binary_cross_entropy_is_the_formula(self):
        x, t = 0.3, 0.9
        p = 1 / (1 + math.exp(-x))
        expected = -t * math.log(p) - (1 - t) * math.log(1 - p)
        loss = nn.BCEWithLogitsLoss()(Tensor(np.array([x])), [t])
        assert loss.item() == pytest.approx(expected)

    def test_binary_cross_entropy_of_extreme_logits(self):
        x = Tensor(np.array([-1e4, 0.0, 1e4]), requires_grad=True)
        loss = nn.binary_cross_entropy_with_logits(x, [1, 1, 0], "none")
        assert loss.data == pytest.approx([1e4, math.log(2), 1e4])
        loss.sum().backward()
        assert x.grad.data.tolist() == [-1, -0.5, 1]

    @pytest.mark.parametrize("loss", losses)
    def test_shapes_are_not_broadcast(self, loss):
        with pytest.raises(
            ValueError,
            match=rf"{loss.__name__}: input of shape \(4, 1\) and target of "
            r"shape \(4,\) must be equal",
        ):
            loss(Tensor(np.zeros((4, 1))), np.zeros(4))


# book/08-losses.md#test-loss-fractions
class TestLossesInFractions:
    def slopes(self, loss, x, target):
        x = Tensor(np.array(x, float), requires_grad=True)
        loss(x, target).backward()
        return x.grad.data

    def test_cross_entropy_is_softmax_minus_one_hot(self):
        odds = np.array([[1, 2, 5], [3, 3, 2]])
        slopes = self.slopes(nn.cross_entropy, np.log(odds), [2, 0])
        by_hand = [[1, 2, 5 - 8], [3 - 8, 3, 2]]  # in eighths of a half
        assert slopes == pytest.approx(np.array(by_hand) / 8 / 2)

    def test_binary_cross_entropy_is_sigmoid_minus_target(self):
        loss = nn.binary_cross_entropy_with_logits
        slopes = self.slopes(loss, np.log([3, 1 / 3, 1]), [1, 0.25, 0])
        assert slopes == pytest.approx([-1 / 4 / 3, 0, 1 / 2 / 3])

    def test_squares_and_absolute_values(self):
        x, target = [1, 2, 4, 8], np.array([1.0, 3, 2, 9])
        slopes = self.slopes(nn.mse_loss, x, target)
        assert slopes.tolist() == [0, -2 / 4, 4 / 4, -2 / 4]
        slopes = self.slopes(nn.l1_loss, x, target)
        assert slopes.tolist() == [0, -1 / 4, 1 / 4, -1 / 4]

    def test_the_lowest_cross_entropy_is_the_entropy(self):
        t = np.array([0.2, 0.5, 0.9])
        at_t = np.log(t / (1 - t))
        loss = nn.binary_cross_entropy_with_logits
        assert self.slopes(loss, at_t, t) == pytest.approx(0, abs=1e-15)
        entropy = -np.mean(t * np.log(t) + (1 - t) * np.log(1 - t))
        assert loss(Tensor(at_t), t).item() == pytest.approx(entropy)
        further = loss(Tensor(at_t + 0.1), t).item() - entropy
        p = 1 / (1 + np.exp(-at_t - 0.1))  # Kullback-Leibler divergence
        gain = t * np.log(t / p) + (1 - t) * np.log((1 - t) / (1 - p))
        assert further == pytest.approx(gain.mean())


# book/08-losses.md#test-torch-softmax
ROWS = [[0, 0, 0], [1, 2, 3], [1e4, -1e4, 0], [-80, 80, 79.5], [-1e30, 5, 5]]
ROWS += [[-math.inf, 0, 1], [2, -math.inf, -math.inf]]
SOFTMAXES = """x.softmax(1) x.softmax(0) x.log_softmax(1) x.log_softmax(-2)
x.logsumexp(1) x.logsumexp((0,1)) x.logsumexp(0,keepdim=True)
x[:-2,:1].softmax(1) x[:-2,:1].log_softmax(1) x[:,2:].logsumexp(1)"""


@pytest.mark.filterwarnings("ignore:invalid value")  # of nothing but -inf
@pytest.mark.parametrize("line", SOFTMAXES.split())
@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"), [("f4", 1e-5, 1e-6), ("f8", 1e-12, 1e-15)]
)
def test_softmax_agrees_with_pytorch(line, dtype, rtol, atol):
    torch = pytest.importorskip("torch")
    rows = np.array(ROWS, dtype)
    a, b = Tensor(rows, True), torch.tensor(rows, requires_grad=True)
    y, y_torch = eval(line, {"x": a}), eval(line, {"x": b})
    np.testing.assert_allclose(y.data, y_torch.detach().numpy(), rtol, 1e-37)
    weights = np.linspace(0.5, 1.5, y.numel(), dtype=dtype).reshape(y.shape)
    y.backward(weights)
    y_torch.backward(torch.tensor(weights))
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol, atol)


# book/08-losses.md#test-torch-loss-errors
BAD_LOSSES = [  # the line, our error, PyTorch's
    ("cross_entropy(x, c, reduction='average')", ValueError, ValueError),
    ("mse_loss(x, x, reduction='average')", ValueError, ValueError),
    ("cross_entropy(x, c + 2)", IndexError, IndexError),
    ("nll_loss(x, c - 1)", IndexError, IndexError),
    ("cross_entropy(x, c[:1])", ValueError, ValueError),
    ("nll_loss(x, c[:1])", ValueError, ValueError),
    ("cross_entropy(x, c > 0)", TypeError, RuntimeError),
    ("binary_cross_entropy_with_logits(x, x[:1])", ValueError, ValueError),
    ("mse_loss(x, x[:1])", ValueError, None),
    ("l1_loss(x, x[:, :1])", ValueError, None),
    ("cross_entropy(x, c * 0 - 100)", ValueError, None),
]


# book/08-losses.md#test-torch-loss-errors-run
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("line", "ours", "theirs"), BAD_LOSSES)
def test_losses_refuse_what_pytorch_refuses(line, ours, theirs):
    torch = pytest.importorskip("torch")
    errors = []
    for names in vars(nn), vars(torch.nn.functional):
        make = Tensor if names is vars(nn) else torch.tensor
        x, c = make(np.zeros((2, 3))), make(np.array([0, 1]))
        c = c if make is torch.tensor else c.data
        errors.append(None)
        try:
            eval(line, names | {"x": x, "c": c})
        except Exception as error:
            errors[-1] = type(error)
    assert errors == [ours, theirs]
