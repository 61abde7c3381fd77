# Made from book/ by scripts/tangle.py: edit the chapters.
"""Layers, first weights and optimisers by PyTorch's names."""

import copy
import math
from collections import OrderedDict

import numpy as np
import pytest

import dlfs
from dlfs import Tensor, nn, optim


# book/15-layers-and-sets.md#test-layers-containers
class TestContainers:
    def test_a_dict_of_modules_has_their_parameters(self):
        heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 3)})
        names = [name for name, _ in heads.named_parameters()]
        assert names == ["a.weight", "a.bias", "b.weight", "b.bias"]
        assert "b" in heads and list(heads) == ["a", "b"] and len(heads) == 2
        del heads["a"]
        assert heads.keys() == ["b"] and heads.values() == [heads["b"]]

    @pytest.mark.parametrize("name", ["", "a.b", "keys", "forward"])
    def test_a_dict_refuses_names_that_would_hide_something(self, name):
        with pytest.raises(KeyError, match="ModuleDict cannot have"):
            nn.ModuleDict({name: nn.ReLU()})

    def test_a_dict_refuses_what_is_no_module(self):
        with pytest.raises(TypeError, match="'f' is function, expected"):
            nn.ModuleDict({"f": lambda x: x})

    def test_a_list_of_parameters_is_learnt(self):
        scales = nn.ParameterList([Tensor([1.0]), nn.Parameter([2.0])])
        assert [n for n, _ in scales.named_parameters()] == ["0", "1"]
        assert scales[1] is list(scales)[1] and len(scales) == 2

    def test_sequential_takes_names(self):
        layers = OrderedDict(first=nn.Linear(2, 2), act=nn.ReLU())
        model = nn.Sequential(layers)
        assert model.first is layers["first"] and model[1] is layers["act"]
        assert list(model.state_dict()) == ["first.weight", "first.bias"]
        assert list(dict(model[:1].named_children())) == ["first"]


class TestWalks:
    def test_apply_visits_children_first(self):
        model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
        seen = []
        assert model.apply(lambda m: seen.append(type(m).__name__)) is model
        assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]

    def test_frozen_parameters_get_no_gradient(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        model[0].requires_grad_(False)
        model(Tensor(np.ones((3, 2)))).sum().backward()
        assert model[0].weight.grad is None
        assert model[1].weight.grad.shape == (1, 2)

    def test_a_submodule_is_found_by_its_name(self):
        model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
        assert model.get_submodule("1.0") is next(model[1].children())
        assert model.get_submodule("") is model
        with pytest.raises(AttributeError, match="no module '2'.*'1.2'"):
            model.get_submodule("1.2")

    def test_a_hook_sees_and_changes_the_output_until_it_is_removed(self):
        layer, x, calls = nn.ReLU(), Tensor([-1.0, 2.0]), []

        def double(module, inputs, output):
            calls.append((module, inputs))
            return output * 2

        handle = layer.register_forward_hook(double)
        assert layer(x).data.tolist() == [0, 4]
        assert calls[0][0] is layer and calls[0][1][0] is x
        handle.remove()
        assert layer(x).data.tolist() == [0, 2] and len(calls) == 1


# book/15-layers-and-sets.md#test-layers-functions
FUNCTION_LAYERS = [
    "Softplus()",
    "Softmax(dim=1)",
    "Softmax(1)",
    "LogSoftmax(dim=0)",
    "ReLU(inplace=True)",
    "Unflatten(1, (2, -1))",
]


def both(torch, code):
    """Make the same thing in both libraries."""
    return eval(code, vars(nn)), eval(code, vars(torch.nn))


class TestFunctionLayers:
    @pytest.mark.parametrize("code", FUNCTION_LAYERS)
    def test_agree_with_pytorch(self, code):
        torch = pytest.importorskip("torch")
        ours, theirs = both(torch, code)
        x = np.random.default_rng(0).normal(0, 3, (5, 6))
        a, b = Tensor(x, True), torch.tensor(x, requires_grad=True)
        y, z = ours(a), theirs(b)
        np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
        (y * y).sum().backward()
        (z * z).sum().backward()
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-12)

    def test_show_and_keep_their_options(self):
        layer = nn.Softmax(1)
        assert layer.dim == 1 and repr(layer) == "Softmax(dim=1)"
        assert repr(nn.CrossEntropyLoss()) == "CrossEntropyLoss()"

    def test_read_their_options_when_they_run(self):
        loss, x = nn.MSELoss(), Tensor([1.0, 3.0])
        loss.reduction = "sum"
        assert loss(x, np.zeros(2)).item() == 10

    def test_refuse_options_that_the_function_has_not(self):
        with pytest.raises(TypeError, match="^MSELoss: .*'size'"):
            nn.MSELoss(size=1)
        with pytest.raises(TypeError, match="^Softmax: .*'dim'"):
            nn.Softmax()

    def test_can_be_copied(self):
        twin = copy.deepcopy(nn.HuberLoss(delta=2.0))
        assert twin(Tensor([5.0]), np.zeros(1)).item() == 8


class TestLossLayers:
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize(
        "code",
        ["L1Loss", "MSELoss", "BCEWithLogitsLoss", "HuberLoss", "HuberLoss-2"],
    )
    def test_agree_with_pytorch(self, code, reduction):
        torch = pytest.importorskip("torch")
        name, _, delta = code.partition("-")
        options = {"delta": float(delta)} if delta else {}
        rng = np.random.default_rng(0)
        x, t = rng.random((2, 4, 3)) * ([[[5]], [[1]]])
        a, b = Tensor(x, True), torch.tensor(x, requires_grad=True)
        ours = getattr(nn, name)(reduction=reduction, **options)
        theirs = getattr(torch.nn, name)(reduction=reduction, **options)
        y, z = ours(a, Tensor(t)), theirs(b, torch.tensor(t))
        np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
        y.sum().backward()
        z.sum().backward()
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-12)

    def test_huber_by_hand(self):
        x = Tensor([0.2, -0.7, 3.0, -5.0], dtype=np.float64)
        loss = nn.HuberLoss(reduction="sum")(x, np.zeros(4))
        assert loss.item() == pytest.approx(0.02 + 0.245 + 2.5 + 4.5)
        with pytest.raises(ValueError, match="delta=0, expected more"):
            nn.huber_loss(x, x, delta=0)

    def test_negative_log_likelihood(self):
        x = Tensor([[0.1, 0.9], [0.7, 0.3]]).log()
        loss = nn.NLLLoss()(x, np.array([1, 0]))
        assert loss.item() == pytest.approx(-math.log(0.9 * 0.7) / 2)


class TestFunctional:
    def test_has_the_functions_of_the_layers(self):
        functional, x = nn.functional, Tensor([[-1.0, 2.0]])
        assert functional.relu(x).data.tolist() == [[0, 2]]
        assert functional.softmax(x, dim=1).data.sum() == pytest.approx(1)
        assert functional.cross_entropy is nn.cross_entropy
        assert functional.linear is nn.linear

    def test_has_no_other_names_than_pytorch(self):
        torch = pytest.importorskip("torch")
        for function in nn.functional._FUNCTIONS:
            assert hasattr(torch.nn.functional, function.__name__)


class TestUtils:
    def test_parameters_are_one_vector_and_back(self):
        model = nn.Linear(3, 2)
        vector = nn.utils.parameters_to_vector(model.parameters())
        assert vector.shape == (8,) and vector.requires_grad
        assert vector.data[6:].tolist() == model.bias.data.tolist()
        nn.utils.vector_to_parameters(np.arange(8), model.parameters())
        assert model.weight.data.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert model.bias.data.tolist() == [6, 7]
        assert isinstance(model.bias, nn.Parameter) and model.bias.is_leaf

    def test_the_vector_has_to_be_as_long_as_they_are(self):
        with pytest.raises(ValueError, match="7 numbers for .* hold 8"):
            nn.utils.vector_to_parameters(
                np.zeros(7), nn.Linear(3, 2).parameters()
            )

    def test_gradients_are_clipped_by_the_one_function(self):
        assert nn.utils.clip_grad_norm_ is optim.clip_grad_norm_


# book/15-layers-and-sets.md#test-layers-init
INITS = """uniform_ uniform_(-2,3) normal_ normal_(1,0.5) constant_(3) ones_
zeros_ eye_ xavier_uniform_ xavier_normal_(2) kaiming_uniform_
kaiming_uniform_(a=1) kaiming_uniform_(mode="fan_out",nonlinearity="relu")
kaiming_normal_ kaiming_normal_(nonlinearity="tanh") trunc_normal_
trunc_normal_(std=2) orthogonal_ orthogonal_(3)""".split()


def filled(init, tensor, code):
    """Fill a tensor by code such as `normal_(0, 2)`."""
    name, _, arguments = code.partition("(")
    comma = ", " if arguments.rstrip(")") else ""
    call = f"init.{name}(w{comma}{arguments or ')'}"
    return eval(call, {"init": init, "w": tensor})


class TestFirstWeights:
    @pytest.mark.parametrize("code", INITS)
    def test_have_the_distribution_of_pytorch(self, code):
        torch = pytest.importorskip("torch")
        dlfs.manual_seed(0), torch.manual_seed(0)
        ours = nn.Parameter(np.empty((400, 150), np.float32))
        theirs = torch.empty(400, 150)
        assert filled(nn.init, ours, code) is ours
        filled(torch.nn.init, theirs, code)
        share = [0, 0.01, 0.2, 0.5, 0.9, 0.99, 1]
        close = [0.1 * theirs.std().item() + 1e-6] * 7
        close[0] = close[-1] = 1.2 * theirs.std().item() + 1e-6
        gap = np.quantile(ours.data, share) - np.quantile(theirs, share)
        assert (abs(gap) <= close).all(), gap

    @pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (4, 2, 3)])
    def test_orthogonal_rows_or_columns(self, shape):
        w = nn.init.orthogonal_(Tensor(np.empty(shape)), gain=2.0).data
        w = w.reshape(shape[0], -1)
        square = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        assert square == pytest.approx(4 * np.eye(len(square)))

    def test_the_same_generator_gives_the_same_weights(self):
        for name in (
            "uniform_ normal_ xavier_normal_ kaiming_normal_ "
            "kaiming_uniform_ trunc_normal_ orthogonal_"
        ).split():
            fill = getattr(nn.init, name)
            one, two = (
                fill(
                    Tensor(np.empty((4, 3))),
                    generator=np.random.default_rng(5),
                )
                for _ in range(2)
            )
            assert (one.data == two.data).all(), name

    def test_senseless_options_are_refused(self):
        w = Tensor(np.empty((2, 2)))
        with pytest.raises(ValueError, match="mode 'fan', expected one of"):
            nn.init.kaiming_normal_(w, mode="fan")
        with pytest.raises(ValueError, match="no gain is known for 'gelu2'"):
            nn.init.calculate_gain("gelu2")
        with pytest.raises(ValueError, match="next to nothing"):
            nn.init.trunc_normal_(w, mean=9.0)
        with pytest.raises(ValueError, match="expected a matrix"):
            nn.init.eye_(Tensor(np.empty(3)))
