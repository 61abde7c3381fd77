# Made from book/ by scripts/tangle.py: edit the chapters.

import copy
import json
import math

import numpy as np
import pytest

import dlfs
from dlfs import Tensor, optim
from dlfs.nn import Parameter


# book/09-optimisers.md#test-optim-papers
def slope(p):
    """The derivative of something with hills and valleys, at number p."""
    return math.sin(2 * p) + 0.7 * p + 0.1


def sgd_path(p, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    """Yield the places of SGD as in Sutskever et al. (2013)."""
    theta, v = p, 0.0
    while True:
        ahead = theta + momentum * v
        g_at = ahead if nesterov else theta
        v = momentum * v - lr * (slope(g_at) + weight_decay * g_at)
        theta = theta + v
        yield theta + momentum * v if nesterov else theta


def adam_path(
    theta, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False
):
    """Yield the places of Adam, algorithm 1 of Kingma and Ba (2015), or of
    AdamW, algorithm 2 of Loshchilov and Hutter (2019), with lr in the decay
    as in PyTorch."""
    m = v = t = 0
    while True:
        t = t + 1
        decay = weight_decay * theta
        g = slope(theta) + (0 if decoupled else decay)
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = m / (1 - betas[0] ** t)
        v_hat = v / (1 - betas[1] ** t)
        theta = theta - lr * m_hat / (math.sqrt(v_hat) + eps)
        theta = theta - (lr * decay if decoupled else 0)
        yield theta


def adamw_path(theta, lr, weight_decay=0.01, **options):
    """Yield the places of AdamW, with the decay it has if none is given."""
    return adam_path(
        theta, lr, weight_decay=weight_decay, decoupled=True, **options
    )


def our_path(p, kind, options, dtype):
    """Yield the places that one of our optimisers visits."""
    p = Parameter(np.array([p, p], dtype))
    optimizer = kind([p], **options)
    while True:
        values = [slope(float(value)) for value in p.data]
        p.grad = Tensor(np.array(values, dtype))
        optimizer.step()
        assert p.data.dtype == dtype and p.data[0] == p.data[1]
        yield float(p.data[0])


# book/09-optimisers.md#test-optim-trajectories
PAPERS = {
    optim.SGD: sgd_path,
    optim.Adam: adam_path,
    optim.AdamW: adamw_path,
}
SETTINGS = [
    (optim.SGD, {"lr": 0.05}),
    (optim.SGD, {"lr": 0.05, "weight_decay": 0.3}),
    (optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    (optim.SGD, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.2}),
    (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, {"lr": 0.03}),
    (optim.Adam, {"lr": 0.03, "betas": (0.8, 0.95), "eps": 0.1}),
    (optim.Adam, {"lr": 0.03, "weight_decay": 0.2}),
    (optim.AdamW, {"lr": 0.03}),
    (optim.AdamW, {"lr": 0.03, "betas": (0.8, 0.99), "weight_decay": 0.5}),
]


class TestTrajectories:
    @pytest.mark.parametrize(("kind", "options"), SETTINGS)
    @pytest.mark.parametrize("start", [-2.0, 0.4, 3.0])
    @pytest.mark.parametrize(
        ("dtype", "error"), [(np.float64, 1e-12), (np.float32, 1e-5)]
    )
    def test_100_steps_are_those_of_the_paper(
        self, kind, options, start, dtype, error
    ):
        ours = our_path(start, kind, options, dtype)
        theirs = PAPERS[kind](start, **options)
        for _ in range(100):
            assert next(ours) == pytest.approx(next(theirs), abs=error)


# book/09-optimisers.md#test-optim-closed-forms
def step_with(optimizer, p, *gradients):
    """Take a step with each of the gradients; return the places."""
    places = []
    for g in gradients:
        p.grad = Tensor(np.asarray(g, p.dtype))
        optimizer.step()
        places.append(p.data.copy())
    return np.array(places)


class TestClosedForms:
    def test_dampening_spares_the_first_gradient(self):
        p = Parameter(np.zeros(1))
        optimizer = optim.SGD([p], 1.0, momentum=0.5, dampening=0.75)
        places = step_with(optimizer, p, [8.0], [8.0])
        assert places[:, 0].tolist() == [-8, -8 - (4 + 2)]

    @pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
    def test_the_first_step_of_adam_has_the_length_lr(self, kind):
        g = np.array([1e-3, -1.0, 250.0, -1e4, 0.0])
        p = Parameter(np.zeros(5))
        (place,) = step_with(kind([p], lr=0.01), p, g)
        assert place == pytest.approx(-0.01 * np.sign(g), rel=1e-4)

    def test_no_gradient_no_step(self):
        p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
        optimizer = optim.AdamW([p, q], lr=0.1)
        step_with(optimizer, p, [1.0, 1.0])
        assert q.data.tolist() == [1, 1] and q not in optimizer.state
        optimizer.zero_grad()
        assert p.grad is None


# book/09-optimisers.md#test-optim-closed-walks
def walk(optimizer, p, k, steps=100):
    """Walk down the bowl of curvature k; return the places."""
    places = [p.data.copy()]
    for _ in range(steps):
        places.extend(step_with(optimizer, p, k * p.data))
    return np.array(places)[:, 0]


class TestClosedWalks:
    t = np.arange(101)

    @pytest.mark.parametrize("k", [0.5, 3.0, 19.0, 25.0])
    def test_descent_in_a_bowl_is_a_geometric_series(self, k):
        p = Parameter(np.ones(1))
        places = walk(optim.SGD([p], lr=0.1), p, k)
        assert places == pytest.approx((1 - 0.1 * k) ** self.t)

    @pytest.mark.parametrize("k", [0.5, 3.0, 20.0, 30.0])
    def test_momentum_in_a_bowl_is_a_swing_with_friction(self, k):
        p, lr, mu = Parameter(np.ones(1)), 0.1, 0.9
        places = walk(optim.SGD([p], lr=lr, momentum=mu), p, k)
        omega = math.acos((1 + mu - lr * k) / 2 / math.sqrt(mu))
        first = (1 - lr * k) / math.sqrt(mu)
        c = (first - math.cos(omega)) / math.sin(omega)
        swing = np.cos(omega * self.t) + c * np.sin(omega * self.t)
        assert places == pytest.approx(mu ** (self.t / 2) * swing, abs=1e-12)

    @pytest.mark.parametrize("g", [1e-3, -1.0, 250.0])
    def test_adam_on_a_constant_slope_goes_at_constant_speed(self, g):
        p = Parameter(np.zeros(1))
        places = step_with(optim.Adam([p], lr=0.01), p, *[[g]] * 100)[:, 0]
        steps = 0.01 * self.t[1:] * g / (abs(g) + 1e-8)
        assert places == pytest.approx(-steps, rel=1e-12)

    def test_decay_alone_is_a_geometric_series(self):
        for kind in (optim.SGD, optim.AdamW):
            p = Parameter(np.ones(1))
            places = walk(kind([p], lr=0.1, weight_decay=0.3), p, 0.0)
            assert places == pytest.approx(0.97**self.t)


# book/09-optimisers.md#test-optim-arguments
def parameter(*values):
    return Parameter(np.array(values, np.float32))


TWICE = parameter(1)

BAD_OPTIONS = [
    (optim.SGD, {"lr": -1}, "Invalid learning rate: -1"),
    (optim.SGD, {"lr": math.nan}, "Invalid learning rate: nan"),
    (optim.SGD, {"momentum": -0.1}, "Invalid momentum value: -0.1"),
    (optim.SGD, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    (optim.SGD, {"nesterov": True}, "Nesterov momentum requires"),
    (
        optim.SGD,
        {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
        "Nesterov momentum requires a momentum and zero dampening",
    ),
    (optim.Adam, {"eps": -1e-8}, "Invalid epsilon value: -1e-08"),
    (optim.Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0"),
    (optim.AdamW, {"betas": (0.9, -1)}, "Invalid beta parameter at index 1"),
]


class TestArguments:
    @pytest.mark.parametrize(("kind", "options", "message"), BAD_OPTIONS)
    def test_impossible_options_are_refused(self, kind, options, message):
        p = parameter(1)
        with pytest.raises(ValueError, match=message):
            kind([p], **options)
        optimizer = kind([p])
        with pytest.raises(ValueError, match=message):
            optimizer.add_param_group({"params": parameter(2), **options})
        assert len(optimizer.param_groups) == 1

    @pytest.mark.parametrize(
        ("params", "error", "message"),
        [
            ([], ValueError, "optimizer got an empty parameter list"),
            (parameter(1), TypeError, "iterable of Tensors or dicts"),
            ([1.0], TypeError, "only optimize Tensors, .* is float"),
            ({parameter(1)}, TypeError, "list instead of a set"),
            ([parameter(1) * 2], ValueError, "can't optimize a non-leaf"),
            ([TWICE, TWICE], ValueError, "appear in more than one"),
            ([{"params": TWICE}] * 2, ValueError, "appear in more than one"),
            ([{"params": []}, 3], TypeError, "must be a dict"),
        ],
    )
    def test_what_cannot_be_optimised_is_refused(self, params, error, message):
        with pytest.raises(error, match=message):
            optim.SGD(params)

    def test_one_beta_is_not_enough(self):
        with pytest.raises(ValueError, match="expected two numbers"):
            optim.Adam([parameter(1.0)], betas=(0.9,))

    def test_an_optimiser_without_a_rule_says_so(self):
        p = parameter(1)
        p.grad = Tensor(np.ones(1, np.float32))
        with pytest.raises(NotImplementedError, match="Optimizer has no"):
            optim.Optimizer([p], {}).step()


# book/09-optimisers.md#test-optim-groups
class TestGroups:
    def test_each_group_has_its_own_options(self):
        a, b, c = parameter(1), parameter(1), parameter(1)
        optimizer = optim.SGD(
            [{"params": a}, {"params": [b], "lr": 0.5}], 0.25
        )
        optimizer.add_param_group({"params": iter([c]), "lr": 0.125})
        for p in (a, b, c):
            p.grad = Tensor(np.ones(1, np.float32))
        optimizer.step()
        assert [p.item() for p in (a, b, c)] == [0.75, 0.5, 0.875]

    def test_the_learning_rate_can_be_changed_on_the_way(self):
        p = parameter(1)
        optimizer = optim.SGD([p], lr=1.0)
        optimizer.param_groups[0]["lr"] = np.float64(0.25)
        assert step_with(optimizer, p, [1.0]).tolist() == [[0.75]]
        assert p.dtype == np.float32

    def test_the_group_that_was_given_is_not_changed(self):
        group = {"params": [parameter(1)]}
        optim.Adam([group])
        assert list(group) == ["params"]

    def test_numpy_numbers_become_pythons_own(self):
        optimizer = optim.SGD([parameter(1)], lr=np.float32(0.5))
        optimizer.add_param_group({"params": parameter(1), "lr": np.ones(())})
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == [0.5, 1.0]
        assert all(type(lr) is float for lr in rates)

    @pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
    def test_gradients_are_not_written_to(self, kind):
        p = parameter(1, 2)
        options = {"momentum": 0.9} if kind is optim.SGD else {}
        optimizer = kind([p], **options)
        p.grad = Tensor(np.array([3.0, 4.0], np.float32))
        optimizer.step()
        optimizer.step()
        assert p.grad.data.tolist() == [3, 4]


# book/09-optimisers.md#test-clip-grad-norm
def with_gradients(*gradients):
    params = []
    for g in gradients:
        g = np.asarray(g, np.float32)
        params.append(Parameter(np.zeros_like(g)))
        params[-1].grad = Tensor(g)
    return params


class TestClipGradNorm:
    def test_returns_the_norm_and_scales_to_the_limit(self):
        a, b = with_gradients([3, 4], [[12]])
        norm = optim.clip_grad_norm_([a, b], 2.6)
        assert norm.shape == () and norm.item() == 13
        assert a.grad.data == pytest.approx([0.6, 0.8], rel=1e-6)
        assert b.grad.data == pytest.approx(2.4, rel=1e-6)

    def test_the_norm_is_divided_a_millionth_larger(self):  # as PyTorch does
        (a,) = with_gradients([1.0])
        optim.clip_grad_norm_(a, 0.5)
        assert a.grad.item() == pytest.approx(0.5 / (1 + 1e-6), rel=2e-7)
        (a,) = with_gradients([1e-6])
        optim.clip_grad_norm_(a, 1e-6)
        assert a.grad.item() == pytest.approx(0.5e-6, rel=1e-6)

    def test_leaves_short_gradients_as_they_are(self):
        (a,) = with_gradients([3, 4])
        assert optim.clip_grad_norm_(a, 6.0).item() == 5
        assert a.grad.data.tolist() == [3, 4]

    def test_nothing_or_zero_to_clip(self):
        (a,) = with_gradients([0, 0])
        assert optim.clip_grad_norm_(iter([a, parameter(1)]), 1.0).item() == 0
        assert a.grad.data.tolist() == [0, 0]
        assert optim.clip_grad_norm_([], 1.0).item() == 0

    def test_a_norm_that_is_not_finite_can_be_an_error(self):
        (a,) = with_gradients([np.inf, 1])
        with pytest.raises(RuntimeError, match="norm of the gradients is inf"):
            optim.clip_grad_norm_([a], 1.0, error_if_nonfinite=True)
        assert a.grad.data.tolist() == [np.inf, 1]
        (a,) = with_gradients([np.nan, 1])
        optim.clip_grad_norm_([a], 1.0)
        assert np.isnan(a.grad.data).all()


# book/09-optimisers.md#test-optim-state
KINDS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, betas=(0.8, 0.99)),
}


def through_text(state_dict):
    """Save and load a state dict as JSON, where all names are strings."""
    return json.loads(json.dumps(state_dict, default=np.ndarray.tolist))


def new_model(kind):
    """Return parameters that are the same each time, and an optimiser."""
    rng = np.random.default_rng(0)
    shapes = [(3, 2), (), (3,)]
    params = [Parameter(rng.normal(size=s).astype(np.float32)) for s in shapes]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.05}]
    return params, KINDS[kind](groups)


def train(params, optimizer, steps):
    """Steps with gradients that depend on the place; the last p has none."""
    for t in steps:
        for p in params[:-1]:
            p.grad = Tensor(np.sin(3 * p.data + t))
        optimizer.step()


# book/09-optimisers.md#test-optim-resume
@pytest.mark.parametrize("kind", KINDS)
class TestStateDict:
    @pytest.mark.parametrize("transport", [copy.copy, through_text])
    def test_going_on_is_the_same_bit_for_bit(self, kind, transport):
        whole, optimizer = new_model(kind)
        train(whole, optimizer, range(30))

        params, optimizer = new_model(kind)
        train(params, optimizer, range(20))
        saved = transport(optimizer.state_dict())
        fresh, resumed = new_model(kind)
        for p, q in zip(fresh, params):
            p.data = q.data.copy()
        for group in resumed.param_groups:
            group["lr"] = 123.0  # has to come back
        resumed.load_state_dict(saved)
        train(fresh, resumed, range(20, 30))
        for p, q in zip(fresh, whole):
            assert p.data.tobytes() == q.data.tobytes()

    def test_the_state_is_a_copy_both_ways(self, kind):
        params, optimizer = new_model(kind)
        train(params, optimizer, range(3))
        saved = optimizer.state_dict()
        before = repr(saved)
        other_params, other = new_model(kind)
        other.load_state_dict(saved)
        train(params, optimizer, range(3))
        train(other_params, other, range(3))
        assert repr(saved) == before

    def test_numbers_are_pythons_own_again(self, kind):
        params, optimizer = new_model(kind)
        train(params, optimizer, range(2))
        saved = through_text(optimizer.state_dict())
        for state in saved["state"].values():
            state |= {n: np.array(value) for n, value in state.items()}
        for group in saved["param_groups"]:
            group["lr"] = np.array(group["lr"])
        fresh = new_model(kind)[1]
        fresh.load_state_dict(saved)
        assert repr(fresh.state_dict()) == repr(optimizer.state_dict())

    def test_parameters_are_numbered_across_groups(self, kind):
        saved = new_model(kind)[1].state_dict()
        numbers = [group["params"] for group in saved["param_groups"]]
        assert numbers == [[0], [1, 2]] and saved["state"] == {}


# book/09-optimisers.md#test-optim-mismatch
def saved_adam():
    params, optimizer = new_model("adam")
    train(params, optimizer, range(3))
    return optimizer.state_dict()


BREAK = {
    r"sizes \[1\], expected \[1, 2\]": lambda s: s["param_groups"].pop(),
    r"\[1, 3\], expected": lambda s: s["param_groups"][1]["params"].append(3),
    "has eps=None": lambda s: s["param_groups"][1].pop("eps"),
    "Invalid learning rate: -1": lambda s: s["param_groups"][1].update(lr=-1),
    "remembers parameter 7": lambda s: s["state"].update({7: s["state"][1]}),
    "remembers parameter -1": lambda s: s["state"].update({-1: {}}),
    "invalid literal": lambda s: s["state"].update(weight={}),
    "needs .'exp_avg', ": lambda s: s["state"][1].pop("exp_avg"),
    "remembers .'exp_avg', .* 'x'": lambda s: s["state"][1].update(x=1),
    "step -1 for parameter 1": lambda s: s["state"][1].update(step=-1),
    "step 0 for parameter 1": lambda s: s["state"][1].update(step=0),
    f"step {2**63} for par": lambda s: s["state"][1].update(step=2**63),
    r"shape \(2,\) for parameter 1": lambda s: s["state"][1].update(
        exp_avg_sq=np.zeros(2)
    ),
}


@pytest.mark.parametrize("step", [1, 2**63 - 1])
def test_the_first_and_the_last_step_can_be_loaded(step):
    saved, (_, optimizer) = saved_adam(), new_model("adam")
    for state in saved["state"].values():
        state["step"] = step
    optimizer.load_state_dict(saved)
    assert {s["step"] for s in optimizer.state.values()} == {step}


class TestMismatch:
    @pytest.mark.parametrize("message", BREAK)
    def test_changes_nothing(self, message):
        saved = saved_adam()
        saved["param_groups"][0]["lr"] = 55.0
        BREAK[message](saved)
        params, optimizer = new_model("adam")
        train(params, optimizer, range(1))
        before = repr(optimizer.state_dict())
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(saved)
        assert repr(optimizer.state_dict()) == before

    @pytest.mark.parametrize(
        ("saved", "loaded"),
        [("sgd", "adam"), ("adam", "momentum"), ("adamw", "sgd")],
    )
    def test_other_kinds_are_refused(self, saved, loaded):
        params, optimizer = new_model(saved)
        train(params, optimizer, range(3))
        other = new_model(loaded)[1]
        before = repr(other.state_dict())
        with pytest.raises(ValueError, match="does not belong to"):
            other.load_state_dict(optimizer.state_dict())
        assert repr(other.state_dict()) == before

    @pytest.mark.parametrize(
        ("kind", "option", "value"),
        [
            ("momentum", "dampening", "x"),
            ("momentum", "dampening", None),
            ("momentum", "dampening", []),
            ("momentum", "nesterov", "False"),
            ("sgd", "lr", "0.1"),
            ("adam", "betas", [0.9, "x"]),
            ("adam", "betas", [0.9, 0.9, 0.9]),
            ("sgd", "maximize", True),
        ],
    )
    def test_options_of_another_kind_are_refused(self, kind, option, value):
        params, optimizer = new_model(kind)
        train(params, optimizer, range(2))
        saved = optimizer.state_dict()
        saved["param_groups"][0][option] = value
        before = repr(optimizer.state_dict())
        with pytest.raises(ValueError, match=f"loaded state .* {option}"):
            optimizer.load_state_dict(saved)
        assert repr(optimizer.state_dict()) == before


# book/09-optimisers.md#test-optim-torch
@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # threads that wait for each other cost more
    return torch


class TestAgainstPyTorch:
    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            *SETTINGS,
            (optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.2}),
        ],
    )
    def test_the_steps_are_the_same(self, torch, kind, options):
        rng = np.random.default_rng(0)
        values = rng.normal(size=(20, 5)).astype(np.float32)
        ours = Parameter(values.copy())
        theirs = torch.nn.Parameter(torch.tensor(values))
        our_optimizer = kind([ours], **options)
        their_kind = getattr(torch.optim, kind.__name__)
        their_optimizer = their_kind([theirs], **options)
        for t in range(100):
            scale = np.float32(10.0 ** rng.integers(-6, 2))
            g = np.sin(values + t) * scale
            ours.grad, theirs.grad = Tensor(g), torch.tensor(g)
            our_optimizer.step()
            their_optimizer.step()
            expected = theirs.detach().numpy()
            assert ours.data == pytest.approx(expected, abs=5e-6)

    def test_clipping_is_the_same(self, torch):
        rng = np.random.default_rng(1)
        gradients = [rng.normal(size=s) for s in ((30, 20), (20,), (1,))]
        ours = with_gradients(*gradients)
        theirs = []
        for p in ours:
            theirs.append(torch.nn.Parameter(torch.zeros(*p.shape)))
            theirs[-1].grad = torch.tensor(p.grad.data.copy())
        norm = torch.nn.utils.clip_grad_norm_(theirs, 0.5).item()
        assert optim.clip_grad_norm_(ours, 0.5).item() == pytest.approx(norm)
        for p, q in zip(ours, theirs):
            assert p.grad.data == pytest.approx(q.grad.numpy(), rel=1e-5)

    @pytest.mark.parametrize(
        ("kind", "options", "message"),
        [row for row in BAD_OPTIONS if row[1] != {"lr": math.nan}],
    )
    def test_errors_say_the_same(self, torch, kind, options, message):
        p = torch.nn.Parameter(torch.zeros(1))
        with pytest.raises(ValueError, match=message):
            getattr(torch.optim, kind.__name__)([p], **options)


# book/09-optimisers.md#test-optim-torch-network
X = np.random.default_rng(3).normal(size=(64, 4))
Y = (np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] > 0).astype(int)
TRAININGS = [(kind, options | {"lr": 0.01}) for kind, options in SETTINGS]
TRAININGS += [(optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.2})]


class Training:
    """The same network and optimiser, ours or PyTorch's."""

    def __init__(self, lib, tensor, kind, options, state):
        layers = lib.nn.Linear(4, 16), lib.nn.Tanh(), lib.nn.Linear(16, 2)
        self.model = lib.nn.Sequential(*layers).double()
        self.model.load_state_dict({n: tensor(a) for n, a in state.items()})
        first, last = (list(self.model[i].parameters()) for i in (0, 2))
        groups = [{"params": first}, {"params": last, "weight_decay": 0.1}]
        self.optimizer = getattr(lib.optim, kind)(groups, **options)
        self.loss = lib.nn.CrossEntropyLoss()
        self.x, self.y = tensor(X), tensor(Y)

    def run(self, steps):
        """Train with half of the points in turn; return all weights."""
        for half in [slice(0, 32), slice(32, 64)] * (steps // 2):
            loss = self.loss(self.model(self.x[half]), self.y[half])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return [p.detach().numpy() for p in self.model.parameters()]


# book/09-optimisers.md#test-optim-torch-training
def other_kind(state, array):
    """Return an optimiser's state dict with other arrays in it."""
    memory = state["state"].items()
    arrays = {i: {n: array(v) for n, v in s.items()} for i, s in memory}
    return state | {"state": arrays}


@pytest.mark.parametrize(("kind", "options"), TRAININGS)
def test_a_training_and_its_state_agree_with_pytorch(torch, kind, options):
    shapes = {"0.weight": (16, 4), "0.bias": 16, "2.weight": (2, 16)}
    rng = np.random.default_rng(0)
    state = {n: 0.3 * rng.normal(size=s) for n, s in shapes.items()}
    setting = kind.__name__, options, state | {"2.bias": np.zeros(2)}
    ours = Training(dlfs, Tensor, *setting)
    theirs = Training(torch, torch.tensor, *setting)
    for a, b in zip(ours.run(100), theirs.run(100)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)

    to_them = other_kind(ours.optimizer.state_dict(), torch.tensor)
    to_us = other_kind(theirs.optimizer.state_dict(), np.asarray)
    ours, theirs = (
        Training(dlfs, Tensor, *setting[:2], theirs.model.state_dict()),
        Training(torch, torch.tensor, *setting[:2], ours.model.state_dict()),
    )
    ours.optimizer.load_state_dict(to_us)
    theirs.optimizer.load_state_dict(to_them)
    for a, b in zip(ours.run(10), theirs.run(10)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
