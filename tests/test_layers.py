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
        for name in "forward", "a.b", "training":
            with pytest.raises(KeyError, match="Sequential cannot have"):
                nn.Sequential({name: nn.ReLU()})


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
        with pytest.raises(AttributeError, match=r"no module '2'.*'1.2'"):
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
    "LeakyReLU()",
    "LeakyReLU(0.2)",
    "ELU()",
    "ELU(alpha=0.5)",
    "GELU()",
    "GELU(approximate='tanh')",
    "SiLU()",
    "Softplus()",
    "Softplus(2, 3)",
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
        y, z = ours(a), theirs(b * 1)
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
        with pytest.raises(TypeError, match=r"^MSELoss: .*'size'"):
            nn.MSELoss(size=1)
        with pytest.raises(TypeError, match=r"^Softmax: .*'dim'"):
            nn.Softmax()

    def test_can_be_copied(self):
        twin = copy.deepcopy(nn.HuberLoss(delta=2.0))
        assert twin(Tensor([5.0]), np.zeros(1)).item() == 8

    def test_can_be_a_base(self):
        class Root(nn.MSELoss):
            def forward(self, *inputs):
                return super().forward(*inputs).sqrt()

        assert Root(reduction="sum")(Tensor([3.0, 4.0]), np.zeros(2)) == 5


class TestLossLayers:
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize(
        "code",
        [
            "L1Loss()",
            "MSELoss()",
            "SmoothL1Loss(beta=0.5)",
            "HuberLoss()",
            "HuberLoss(delta=2.0)",
            "BCELoss()",
            "BCEWithLogitsLoss()",
        ],
    )
    def test_agree_with_pytorch(self, code, reduction):
        torch = pytest.importorskip("torch")
        code = code.replace(")", f", reduction={reduction!r})")
        ours, theirs = both(torch, code.replace("(, ", "("))
        rng = np.random.default_rng(0)
        x, t = rng.random((2, 4, 3))
        x = x * (1 if "BCELoss" in code else 5)
        a, b = Tensor(x, True), torch.tensor(x, requires_grad=True)
        y, z = ours(a, Tensor(t)), theirs(b, torch.tensor(t))
        np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
        y.sum().backward()
        z.sum().backward()
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-12)

    @pytest.mark.parametrize(
        "options",
        [
            "",
            "weight=w",
            "ignore_index=1",
            "label_smoothing=0.1",
            "weight=w, ignore_index=1, label_smoothing=0.2",
        ],
    )
    def test_cross_entropy_takes_pytorch_s_options(self, options):
        torch = pytest.importorskip("torch")
        x = np.random.default_rng(0).normal(size=(5, 3))
        t, w = np.array([0, 2, 1, 1, 0]), np.array([1.0, 0.5, 2.0])
        code = f"CrossEntropyLoss({options})"
        ours = eval(code, vars(nn) | {"w": Tensor(w)})
        theirs = eval(code, vars(torch.nn) | {"w": torch.tensor(w)})
        wanted = theirs(torch.tensor(x), torch.tensor(t)).item()
        assert ours(Tensor(x), Tensor(t)).item() == pytest.approx(wanted)

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

    def test_dropout_as_a_function_does_what_the_layer_does(self):
        x = Tensor(np.ones((2, 500), np.float32))
        dlfs.manual_seed(3)
        layer = nn.Dropout(0.25)(x).data
        dlfs.manual_seed(3)
        assert (nn.functional.dropout(x, 0.25).data == layer).all()
        assert nn.functional.dropout(x, 0.25, training=False) is x

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
        with pytest.raises(ValueError, match=r"7 numbers for .* hold 8"):
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
trunc_normal_(std=2) orthogonal_ orthogonal_(3)"""


def filled(init, tensor, code):
    """Fill a tensor by code such as `normal_(0, 2)`."""
    name, _, arguments = code.partition("(")
    comma = ", " if arguments.rstrip(")") else ""
    call = f"init.{name}(w{comma}{arguments or ')'}"
    return eval(call, {"init": init, "w": tensor})


class TestFirstWeights:
    @pytest.mark.parametrize("code", INITS.split())
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
        for name in INITS.split():
            if "(" in name or name in ("ones_", "zeros_", "eye_"):
                continue
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


# book/15-layers-and-sets.md#test-layers-optimisers
GRADIENTS = [3.0, -1.0, 0.5, 2.0, -0.25]


def adagrad(p, lr=0.1, decay=0.5, start=0.2, eps=1e-10):
    """Duchi et al. (2011), one number after the other."""
    total = start
    for t, g in enumerate(GRADIENTS):
        total += g**2
        p -= lr / (1 + t * decay) * g / (math.sqrt(total) + eps)
    return p


def rmsprop(p, lr=0.1, alpha=0.9, momentum=0.5, eps=1e-8):
    """Tieleman and Hinton (2012), centred, with momentum."""
    square = mean = v = 0.0
    for g in GRADIENTS:
        square = alpha * square + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        v = momentum * v + g / (math.sqrt(square - mean**2) + eps)
        p -= lr * v
    return p


def adadelta(p, rho=0.9, eps=1e-6):
    """Zeiler (2012), algorithm 1."""
    square = steps = 0.0
    for g in GRADIENTS:
        square = rho * square + (1 - rho) * g**2
        dx = -math.sqrt(steps + eps) / math.sqrt(square + eps) * g
        steps = rho * steps + (1 - rho) * dx**2
        p += dx
    return p


def amsgrad(p, lr=0.1, b1=0.9, b2=0.5, eps=1e-8):
    """Reddi et al. (2018), with the corrections of Adam."""
    m = v = largest = 0.0
    for t, g in enumerate(GRADIENTS, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        largest = max(largest, v)
        root = math.sqrt(largest / (1 - b2**t))
        p -= lr * m / (1 - b1**t) / (root + eps)
    return p


BY_HAND = {
    adagrad: lambda p: optim.Adagrad([p], 0.1, 0.5, 0, 0.2),
    rmsprop: lambda p: optim.RMSprop([p], 0.1, 0.9, 1e-8, 0, 0.5, True),
    adadelta: lambda p: optim.Adadelta([p]),
    amsgrad: lambda p: optim.Adam([p], 0.1, (0.9, 0.5), amsgrad=True),
}


class TestRules:
    @pytest.mark.parametrize("rule", BY_HAND)
    def test_agree_with_the_papers(self, rule):
        p = Tensor([1.5], requires_grad=True, dtype=np.float64)
        optimizer = BY_HAND[rule](p)
        for g in GRADIENTS:
            p.grad = Tensor([g], dtype=np.float64)
            optimizer.step()
        assert p.item() == pytest.approx(rule(1.5), rel=1e-12)


# book/15-layers-and-sets.md#test-layers-optimisers-torch
CODES = """SGD(lr=0.1,momentum=0.9) Adagrad() Adagrad(lr_decay=0.1)
Adagrad(initial_accumulator_value=0.5,weight_decay=0.1,eps=1e-3) RMSprop()
RMSprop(alpha=0.9,eps=1e-3,weight_decay=0.1) RMSprop(momentum=0.9)
RMSprop(centered=True,momentum=0.5) Adadelta() Adadelta(lr=0.5,rho=0.5)
Adadelta(eps=1e-3,weight_decay=0.1) Adam(amsgrad=True,lr=0.1)
Adam(amsgrad=True,betas=(0.8,0.5),weight_decay=0.1)
AdamW(amsgrad=True,lr=0.1,betas=(0.9,0.3))"""
KINDS = [code.replace("(", "(params,", 1) for code in CODES.split()]


def steps(optimizer, p, make, count, first=0):
    """Take steps with gradients that depend on the step's number."""
    for number in range(first, first + count):
        g = np.random.default_rng(number).normal(size=(3, 2)) * 3
        p.grad = make(g * (10 if number == 2 else 1))
        optimizer.step()


@pytest.mark.parametrize("code", KINDS)
class TestOptimisers:
    START = np.arange(6.0).reshape(3, 2)

    def ours(self, code):
        """Return a parameter and its optimiser."""
        p = Tensor(self.START.copy(), requires_grad=True)
        return p, eval(code, vars(optim) | {"params": [p]})

    def test_agree_with_pytorch(self, code):
        torch = pytest.importorskip("torch")
        p, optimizer = self.ours(code)
        q = torch.tensor(self.START, requires_grad=True)
        theirs = eval(code, vars(torch.optim) | {"params": [q]})
        steps(optimizer, p, Tensor, 8)
        steps(theirs, q, torch.tensor, 8)
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-9)

    def test_go_on_from_a_saved_state_to_the_last_bit(self, code):
        whole, optimizer = self.ours(code)
        steps(optimizer, whole, Tensor, 8)
        first, optimizer = self.ours(code)
        steps(optimizer, first, Tensor, 3)
        saved = optimizer.state_dict()
        second, resumed = self.ours(code)
        second.data[...] = first.data
        resumed.load_state_dict(saved)
        steps(resumed, second, Tensor, 5, first=3)
        assert second.data.tobytes() == whole.data.tobytes()

    def test_refuse_a_state_that_lacks_something(self, code):
        p, optimizer = self.ours(code)
        steps(optimizer, p, Tensor, 2)
        saved = optimizer.state_dict()
        saved["state"][0].popitem()
        saved["state"][0]["other"] = p.data
        with pytest.raises(ValueError, match="needs"):
            optimizer.load_state_dict(saved)


class TestEveryOptimiser:
    def test_a_closure_computes_the_loss_even_without_gradients(self):
        p = Tensor([3.0], requires_grad=True)
        optimizer = optim.SGD([p], lr=0.5)

        def closure():
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with dlfs.no_grad():
            assert optimizer.step(closure).item() == 9
        assert p.item() == 0 and optimizer.step() is None

    def test_gradients_become_zeros_or_nothing(self):
        p, q = Tensor([3.0], True), Tensor([1.0], True)
        optimizer = optim.SGD([p, q])
        (p * 2).sum().backward()
        optimizer.zero_grad(set_to_none=False)
        assert p.grad.data.tolist() == [0] and q.grad is None
        optimizer.zero_grad()
        assert p.grad is None

    def test_parameters_may_have_names(self):
        model = nn.Linear(2, 1)
        optimizer = optim.SGD(model.named_parameters(), lr=0.1)
        assert optimizer.param_groups[0]["params"][1] is model.bias
        with pytest.raises(TypeError, match="one of the params is tuple"):
            optim.SGD([(model.weight, model.bias)])
        groups = [{"params": model.named_parameters(), "lr": 0.5}]
        assert optim.SGD(groups).param_groups[0]["params"][0] is model.weight

    def test_show_the_options_of_every_group(self):
        p, q = Tensor([3.0], True), Tensor([1.0], True)
        optimizer = optim.RMSprop([{"params": [p]}, {"params": [q], "lr": 1}])
        start = "RMSprop (\nParameter Group 0\n    alpha: 0.99\n"
        assert repr(optimizer).startswith(start)
        assert "Parameter Group 1\n" in repr(optimizer)
        assert "\n    lr: 1\n" in repr(optimizer)

    def test_options_are_checked(self):
        p = Tensor([1.0], requires_grad=True)
        with pytest.raises(ValueError, match="Invalid learning rate: -1"):
            optim.Adagrad([p], lr=-1)
        with pytest.raises(ValueError, match="Invalid alpha value"):
            optim.RMSprop([p], alpha=-0.1)
        with pytest.raises(ValueError, match="Invalid rho value"):
            optim.Adadelta([p], rho=-0.1)


# book/15-layers-and-sets.md#test-layers-program
PROGRAM = """
class Sums(Dataset):
    def __len__(self):
        return 96

    def __getitem__(self, index):
        x = np.random.default_rng(index).normal(size=(2, 3))
        return x.astype(np.float32), int(x.sum() > 0)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.stack = nn.Sequential(
            OrderedDict(a=nn.Linear(6, 8), b=nn.ELU(), c=nn.Linear(8, 2))
        )

    def forward(self, x):
        return self.stack(self.flatten(x))


training, rest = random_split(Sums(), [64, 32])
loader = DataLoader(training, batch_size=16, shuffle=True, num_workers=0)
model, loss_fn = Network(), nn.CrossEntropyLoss(label_smoothing=0.01)
nn.init.zeros_(model.stack.c.bias)
optimizer = optim.RMSprop(model.named_parameters(), lr=0.01)
losses = []
for epoch in range(12):
    for x, y in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
assert len(losses) == 12 * len(loader) and len(loader.dataset) == 64
assert sum(losses[-4:]) < 0.4 * sum(losses[:4]), losses
model.eval()
right = 0
with no_grad():
    for x, y in DataLoader(rest, batch_size=10):
        right += (model(x).argmax(1) == y).sum().item()
assert right >= 26, right
"""


class TestProgram:
    def test_runs_here(self):
        dlfs.manual_seed(0)
        names = {"nn": nn, "optim": optim, "no_grad": dlfs.no_grad}
        names |= vars(dlfs.data)
        exec(PROGRAM, names | {"np": np, "OrderedDict": OrderedDict})

    def test_runs_in_pytorch(self):
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        names = {"nn": torch.nn, "optim": torch.optim}
        names |= vars(torch.utils.data) | {"no_grad": torch.no_grad}
        exec(PROGRAM, names | {"np": np, "OrderedDict": OrderedDict})
