# Made from book/ by scripts/tangle.py: edit the chapters.

import ast
import gc
import importlib
import inspect
import math
import operator
import pkgutil
import sys
import threading
import weakref
from fractions import Fraction

import numpy as np
import pytest

import dlfs
from dlfs import autograd, nn
from dlfs.autograd import (
    Function,
    GradcheckError,
    Tensor,
    grad,
    gradcheck,
    gradgradcheck,
    is_grad_enabled,
    log_softmax,
    logsumexp,
    maximum,
    minimum,
    mul,
    no_grad,
    numeric_derivative,
    numeric_gradient,
    operation,
    recording,
    set_grad_enabled,
    softmax,
    where,
)

# book/01-derivatives.md#test-numeric-derivative
SLOPES = [
    (np.square, 3.0, 6.0),
    (np.exp, 1.0, np.e),
    (np.log, 4.0, 0.25),
    (np.sin, 0.0, 1.0),
    (np.sqrt, 4.0, 0.25),
    (np.reciprocal, 2.0, -0.25),
    (np.arctan, 1.0, 0.5),
]


class TestNumericDerivative:
    @pytest.mark.parametrize(("f", "x", "slope"), SLOPES)
    def test_agrees_with_the_school_book(self, f, x, slope):
        assert numeric_derivative(f, x) == pytest.approx(slope, abs=1e-9)

    def test_is_exact_for_a_straight_line_far_away(self):
        slope = numeric_derivative(lambda x: 3 * x + 1, 1e6)
        assert slope == pytest.approx(3, abs=1e-3)


# book/01-derivatives.md#test-numeric-gradient
class TestNumericGradient:
    def test_of_a_quadratic_form(self):
        rng = np.random.default_rng(0)
        A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
        gradient = numeric_gradient(lambda x: x @ A @ x, x)
        assert gradient == pytest.approx((A + A.T) @ x, abs=1e-8)

    @pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2), (0, 3)])
    def test_has_the_shape_of_the_variable(self, shape):
        x = np.random.default_rng(1).normal(size=shape)
        gradient = numeric_gradient(lambda x: np.sum(x**3), x)
        assert gradient.shape == shape
        assert gradient == pytest.approx(3 * x**2, abs=1e-8)

    def test_leaves_the_variable_alone_whatever_f_does(self):
        def doubles_in_place(x):
            x *= 2
            return x.sum()

        x = np.array([1.0, 2.0])
        gradient = numeric_gradient(doubles_in_place, x)
        assert gradient == pytest.approx([2, 2])
        assert x.tolist() == [1, 2]


# book/03-tensors.md#test-tensor
class TestTensor:
    def test_python_floats_become_float32(self):
        assert Tensor(1.5).dtype == Tensor([[1.0, 2]]).dtype == np.float32

    @pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1", "?"])
    def test_arrays_keep_their_dtype_and_are_shared(self, dtype):
        array = np.ones(3, dtype)
        assert Tensor(array).dtype == dtype
        assert np.shares_memory(Tensor(array).data, array)

    @pytest.mark.parametrize("data", ["text", None, [1j], [{}]])
    def test_holds_nothing_but_numbers(self, data):
        with pytest.raises(TypeError, match="expected numbers"):
            Tensor(data)

    def test_integers_cannot_ask_for_gradients(self):
        with pytest.raises(RuntimeError, match="int64"):
            Tensor([1, 2], requires_grad=True)

    def test_a_result_cannot_stop_requiring_gradients(self):
        y = Tensor([1.0], requires_grad=True) * 2
        with pytest.raises(RuntimeError, match=r"detach\(\)"):
            y.requires_grad = False

    def test_numpy_refuses_to_lose_a_gradient(self):
        with pytest.raises(RuntimeError, match=r"detach\(\)"):
            Tensor([1.0], requires_grad=True).numpy()

    def test_item_needs_a_single_value(self):
        assert Tensor([[2.5]]).item() == 2.5
        with pytest.raises(ValueError, match=r"shape \(2, 3\) has 6 values"):
            Tensor(np.zeros((2, 3))).item()

    def test_prints_what_matters(self):
        x = Tensor([1.0, 2.0], requires_grad=True)
        assert repr(x) == "tensor([1., 2.], requires_grad=True)"
        assert repr(x * x) == "tensor([1., 4.], operation=mul)"
        assert repr(Tensor(np.zeros(1))) == "tensor([0.], dtype=float64)"


# book/03-tensors.md#test-constants
NUMBERS = [2.0, 2, True, np.float64(2), np.int64(2), np.array(2.0)]


class TestConstants:
    @pytest.mark.parametrize("number", NUMBERS)
    def test_a_number_takes_the_dtype_of_the_tensor(self, number):
        for dtype in (np.float32, np.float64):
            x = Tensor(np.ones(3), dtype=dtype)
            assert (x * number).dtype == (x + number).dtype == dtype

    def test_a_product_of_arrays_is_an_array_of_the_same_dtype(self):
        for x in (np.ones(2), np.ones(()), np.float64(1)):
            y = mul(x, x)
            assert not isinstance(y, Tensor)
            assert y.dtype == np.float64

    def test_lists_are_refused(self):
        with pytest.raises(TypeError, match=r"mul: .* got list"):
            Tensor([1.0]) * [1.0]


class TestErrors:
    def test_name_the_operation_and_the_shapes(self):
        message = r"^mul: shapes \(2, 3\) and \(4,\) do not broadcast$"
        with pytest.raises(ValueError, match=message):
            Tensor(np.ones((2, 3))) * Tensor(np.ones(4))

    def test_keep_their_reason(self):
        @operation(None)
        def fold(x):
            return x.reshape(2, 2)

        with pytest.raises(ValueError, match=r"fold: .*\(3,\): cannot resh"):
            fold(Tensor(np.ones(3)))


# book/03-tensors.md#test-recording
class TestRecording:
    def test_happens_only_if_asked_for(self):
        x = Tensor([1.0], requires_grad=True)
        assert (x * 2).requires_grad and not (x * 2).is_leaf
        assert (x.detach() * 2).is_leaf
        with no_grad():
            assert not (x * 2).requires_grad

    def test_no_grad_ends_with_its_block_even_after_an_error(self):
        with pytest.raises(ZeroDivisionError), no_grad():
            1 / 0  # noqa: B018
        assert is_grad_enabled()

    def test_set_grad_enabled_nests_and_no_grad_decorates(self):
        x = Tensor([1.0], requires_grad=True)

        @no_grad()
        def double(x):
            return x * 2

        with no_grad():
            with set_grad_enabled(True):
                assert (x * 2).requires_grad
                assert not double(x).requires_grad
                assert is_grad_enabled()
            assert not is_grad_enabled()

    def test_no_grad_holds_for_one_thread(self):
        seen = []
        with no_grad():
            watcher = threading.Thread(
                target=lambda: seen.append(is_grad_enabled())
            )
            watcher.start()
            watcher.join()
        assert seen == [True]


# book/03-tensors.md#test-backward
def leaf(*values):
    """Return a float64 tensor that requires gradients."""
    return Tensor(np.array(values), requires_grad=True, dtype=np.float64)


class TestBackward:
    def test_agrees_with_the_measured_gradient(self):
        def f(x, w):
            h = x * w + w
            return h * h * x + h

        rng = np.random.default_rng(0)
        x, w, g = rng.normal(size=(3, 2, 4))
        tx, tw = leaf(*x), leaf(*w)
        f(tx, tw).backward(g)
        for tensor, f_of in [
            (tx, lambda x: (g * f(x, w)).sum()),
            (tw, lambda w: (g * f(x, w)).sum()),
        ]:
            witness = numeric_gradient(f_of, tensor.data)
            assert tensor.grad.data == pytest.approx(witness, abs=1e-7)

    def test_a_tensor_that_is_used_often_collects_everything(self):
        x = leaf(3.0)
        y = x
        for _ in range(100):
            y = y + y  # 2**100 paths
        y.backward(np.ones(1))
        assert x.grad.item() == 2.0**100

    def test_of_a_leaf_is_one(self):
        x = Tensor(3.0, requires_grad=True)
        x.backward()
        assert x.grad.item() == 1

    def test_reaches_only_what_asked_for_it(self):
        x, constant = leaf(2.0), Tensor([5.0])
        (x * constant).backward()
        assert x.grad.item() == 5
        assert constant.grad is None


# book/03-tensors.md#test-backward-ends
class TestBothEnds:
    def test_gradients_have_the_dtype_of_their_tensor(self):
        x = Tensor([1.0], requires_grad=True)  # float32
        (x * np.array([0.1])).backward()  # float64
        assert x.grad.dtype == np.float32

    def test_leaves_add_up_their_gradients(self):
        x = leaf(2.0)
        (x * x).backward()
        (x * 10).backward()
        assert x.grad.item() == 14

    @pytest.mark.parametrize(
        ("gradient", "message"),
        [(None, r"\(3,\) needs the argument"), (np.ones(2), r"shape \(2,\)")],
    )
    def test_the_first_gradient_has_the_shape_of_the_result(
        self, gradient, message
    ):
        with pytest.raises(RuntimeError, match=message):
            (leaf(1.0, 2.0, 3.0) * 2).backward(gradient)

    def test_there_is_no_way_if_nothing_requires_gradients(self):
        with pytest.raises(RuntimeError, match="set requires_grad"):
            (Tensor([1.0]) * 2).backward()


# book/03-tensors.md#test-graph
class TestGraph:
    def test_may_be_deep(self):
        x = leaf(1.0)
        y = x
        for _ in range(20_000):
            y = y + 1.0
        y.backward()
        assert x.grad.item() == 1

    def test_may_be_deep_and_thrown_away(self):
        y = leaf(1.0)
        for _ in range(100_000):
            y = y + 1.0
        del y

    def test_a_second_backward_raises_and_doubles_nothing(self):
        x = leaf(3.0)
        y = x * x
        y.backward()
        with pytest.raises(RuntimeError, match=r"mul: .*retain_graph=True"):
            y.backward()
        assert x.grad.item() == 6

    def test_a_part_freed_by_another_backward_is_noticed(self):
        x = leaf(3.0)
        shared = x * x
        first, second = shared * 2, shared * 5
        first.backward()
        with pytest.raises(RuntimeError, match="freed"):
            second.backward()
        assert x.grad.item() == 12

    def test_retain_graph_keeps_it(self):
        x = leaf(3.0)
        y = (x * x) * 2
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.item() == 24


# book/03-tensors.md#test-memory
@pytest.fixture
def no_garbage_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collector")
class TestMemory:
    def test_a_graph_has_no_reference_cycles(self):
        x = leaf(1.0, 2.0)
        hidden = x * x
        hidden.retain_grad()
        y = hidden + x
        watchers = [weakref.ref(hidden), weakref.ref(y)]
        del hidden, y
        assert [watcher() for watcher in watchers] == [None, None]

    @pytest.mark.parametrize("retain_graph", [False, True])
    def test_backward_frees_what_is_in_between(self, retain_graph):
        x = leaf(1.0)
        hidden = x * x
        y = hidden * 3.0
        watcher = weakref.ref(hidden)
        del hidden
        y.backward(retain_graph=retain_graph)
        assert (watcher() is not None) == retain_graph

    def test_gradients_share_no_memory(self):
        a, b, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(2)
        (a + b).backward(seed)
        arrays = [a.grad.data, b.grad.data, seed]
        for i in range(3):
            assert not np.shares_memory(arrays[i], arrays[i - 1])


# book/03-tensors.md#test-in-place
class TestWritingInPlace:
    @pytest.mark.parametrize("values", [0, np.zeros(2)])
    def test_to_a_result_that_its_rule_may_need(self, values):
        x = leaf(1.0, 2.0)
        y = x * x
        y.data = values + np.zeros(2)
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward(np.ones(2))
        assert x.grad is None

    def test_to_an_input(self):
        x = leaf(1.0, 2.0)
        y = x * x
        x.data -= 1
        with pytest.raises(RuntimeError, match=r"mul: values of shape \(2,\)"):
            y.backward(np.ones(2))

    def test_through_a_detached_tensor(self):
        x = leaf(1.0, 2.0)
        y = x * x
        x.detach().data *= 2
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward(np.ones(2))

    def test_through_views_of_the_same_memory(self):
        memory = np.arange(6.0)
        x = Tensor(memory[:3], requires_grad=True)
        other = Tensor(memory.reshape(2, 3)[0])
        y = x * x
        other.data += 1
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward(np.ones(3))

    def test_is_allowed_before_and_after(self):
        x = leaf(1.0, 2.0)
        for _ in range(2):
            x.data -= 0.5
            (x * x).backward(np.ones(2))
            x.data -= x.grad.data
        # (1, 2) - 0.5 = (0.5, 1.5), minus its gradient (1, 3) = (-0.5, -1.5)
        # again: (-1, -2), minus the sum of gradients (1, 3) + (-2, -4)
        assert x.data.tolist() == [0.0, -1.0]

    def test_a_new_array_leaves_the_old_one_to_the_graph(self):
        x = leaf(3.0)
        y = x * x
        x.data = np.array([100.0])
        y.backward()
        assert x.grad.item() == 6

    def test_is_forgotten_when_the_array_dies(self):
        notes = len(recording._writes)
        for _ in range(10):
            Tensor([1.0]).data += 1
        assert len(recording._writes) == notes


# book/03-tensors.md#test-hooks
class TestHooks:
    def test_see_the_complete_gradient_once(self):
        seen, x = [], leaf(3.0)
        y = x * x
        y.register_hook(lambda g: seen.append(g.item()))
        (y * y + y).backward()
        assert seen == [19]  # 2 y + 1

    @pytest.mark.parametrize("answer", [Tensor([7.0]), np.array([7.0])])
    def test_may_replace_the_gradient(self, answer):
        x = leaf(3.0)
        y = x * x
        y.register_hook(lambda g: answer)
        x.register_hook(lambda g: g * 2)
        y.backward()
        assert x.grad.item() == 7 * 6 * 2
        assert x.grad.dtype == np.float64

    def test_can_be_removed_one_by_one(self):
        calls, x = [], leaf(1.0)
        first = x.register_hook(calls.append)
        x.register_hook(calls.append)
        first.remove()
        first.remove()
        (x * 1).backward()
        assert len(calls) == 1

    def test_hold_a_gradient_that_does_not_change_later(self):
        seen, x = [], leaf(1.0)
        x.register_hook(seen.append)
        for _ in range(3):
            (x * 2).backward()
        assert [g.item() for g in seen] == [2, 2, 2]
        assert x.grad.item() == 6

    def test_retain_grad_adds_up_like_a_leaf(self):
        x = leaf(3.0)
        y = x * 2
        y.retain_grad()
        y.retain_grad()
        z = y * y
        z.backward(retain_graph=True)
        z.backward()
        assert y.grad.item() == 24

    def test_must_return_the_right_shape(self):
        x = leaf(1.0, 2.0)
        x.register_hook(lambda g: Tensor([1.0]))
        with pytest.raises(RuntimeError, match=r"hook: .*\(1,\) .*\(2,\)"):
            (x * 1).backward(np.ones(2))

    @pytest.mark.parametrize("name", ["register_hook", "retain_grad"])
    def test_need_a_gradient(self, name):
        arguments = [print] if name == "register_hook" else []
        with pytest.raises(RuntimeError, match="needs no gradient"):
            getattr(Tensor([1.0]), name)(*arguments)


# book/04-elementwise.md#test-assert-gradients
def assert_gradients(f, *arrays):
    """Hold the gradients of f, of tensors or arrays, against measured ones."""
    arrays = [np.asarray(a, dtype=np.float64) for a in arrays]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y = f(*tensors)
    g = np.random.default_rng(1).uniform(0.5, 1.5, y.shape)
    y.backward(g)
    for i, tensor in enumerate(tensors):

        def total(values, i=i):
            return np.sum(g * f(*arrays[:i], values, *arrays[i + 1 :]))

        witness = numeric_gradient(total, arrays[i])
        assert tensor.grad.shape == arrays[i].shape
        assert tensor.grad.data == pytest.approx(witness, rel=1e-6, abs=1e-7)


# book/04-elementwise.md#test-broadcasting
SHAPES = [
    ((2, 3), (3,)),
    ((2, 3), (2, 1)),
    ((3, 1), (1, 4)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 2)),
    ((1,), (5,)),
    ((1, 1), ()),
    ((0, 3), (3,)),
]


class TestBroadcasting:
    @pytest.mark.parametrize(("first", "second"), SHAPES)
    def test_adds_up_what_was_copied(self, first, second):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=first), rng.normal(size=second)
        assert_gradients(lambda a, b: a * b + a, a, b)
        assert_gradients(lambda a, b: a * b + a, b, a)

    def test_of_one_number_counts_its_copies(self):
        x = Tensor(2.0, requires_grad=True)
        (x + np.zeros((3, 4))).backward(np.ones((3, 4)))
        assert x.grad.item() == 12

    def test_a_gradient_of_another_shape_is_refused(self):
        @operation(lambda g, y, x: g)
        def total(x):
            return x.sum()

        y = total(Tensor(np.ones(3), requires_grad=True))
        with pytest.raises(RuntimeError, match=r"shape \(\) for a tensor of"):
            y.backward()

    def test_gradients_are_never_read_only_views(self):
        @operation(lambda g, y, x: np.broadcast_to(g, x.shape))
        def total(x):
            return x.sum()

        x = Tensor(np.ones((2, 3)), requires_grad=True)
        total(x).backward()
        x.grad.data += 1
        assert x.grad.data.tolist() == [[2, 2, 2], [2, 2, 2]]


# book/04-elementwise.md#test-arithmetic
ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
]


class TestArithmetic:
    @pytest.mark.parametrize("f", ARITHMETIC)
    def test_gradients(self, f):
        rng = np.random.default_rng(0)
        a, b = rng.uniform(0.5, 2, (2, 3)), rng.uniform(0.5, 2, 3)
        assert_gradients(f, a, b)
        assert_gradients(lambda a: f(a, 1.5), a)
        assert_gradients(lambda a: f(1.5, a), a)
        assert_gradients(lambda a: f(b, 1 - (-a)), a)

    @pytest.mark.parametrize("f", ARITHMETIC)
    def test_keeps_float32(self, f):
        x = Tensor([1.0, 2.0])
        for number in (2, 2.0, np.float64(2), np.array(2.0)):
            assert f(x, number).dtype == f(number, x).dtype == np.float32

    def test_division_of_integers_is_true_division(self):
        assert (Tensor([1, 2]) / 2).data.tolist() == [0.5, 1.0]


# book/04-elementwise.md#test-power
class TestPower:
    @pytest.mark.parametrize(
        ("b", "slope"), [(0, 0), (1, 1), (1.5, 0), (2, 0), (3, 0)]
    )
    def test_slope_at_0_is_the_limit(self, b, slope):
        x = Tensor([0.0], requires_grad=True)
        (x**b).backward()
        assert x.grad.item() == slope

    def test_the_constant_one_is_flat_everywhere(self):
        x = Tensor([-np.inf, -1e-45, 0.0, 1e-45, np.inf], requires_grad=True)
        (x**0).backward(np.ones(5))
        assert x.grad.data.tolist() == [0, 0, 0, 0, 0]

    @pytest.mark.parametrize(("b", "slope"), [(0, 0), (0.5, 0), (2, 0)])
    def test_slope_of_the_exponent_at_base_0(self, b, slope):
        b = Tensor([b], requires_grad=True, dtype=np.float64)
        (0.0**b).backward()
        assert b.grad.item() == slope

    @pytest.mark.filterwarnings("ignore:divide by zero")
    def test_infinite_slopes_are_infinite_and_not_nan(self):
        a, b = Tensor([0.0, 0.0]), np.array([0.5, -1.0])
        a.requires_grad = True
        exponent = Tensor(b, requires_grad=True)
        (a**exponent).backward(np.ones(2))
        assert a.grad.data.tolist() == [np.inf, -np.inf]
        assert exponent.grad.data.tolist() == [0, -np.inf]

    @pytest.mark.parametrize("b", [1, 2, 3, 4])
    @pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
    def test_whole_powers_are_those_of_numpy(self, b, dtype):
        x = np.array([-3, 0, 2], dtype)
        y = Tensor(x) ** b
        assert y.dtype == dtype
        assert y.data.tolist() == (x**b).tolist()
        assert (Tensor(x) ** float(b)).dtype.kind == "f"

    def test_negative_bases_have_whole_powers(self):
        assert_gradients(lambda x: x**3 + x**-2, np.array([-1.5, -0.5]))


# book/04-elementwise.md#test-elementwise
FUNCTIONS = [
    ("exp", math.exp, -2, 2),
    ("expm1", math.expm1, -2, 2),
    ("log", math.log, 0.2, 3),
    ("log1p", math.log1p, -0.8, 3),
    ("sqrt", math.sqrt, 0.2, 3),
    ("sin", math.sin, -4, 4),
    ("cos", math.cos, -4, 4),
    ("tanh", math.tanh, -2, 2),
    ("sigmoid", lambda x: 1 / (1 + math.exp(-x)), -4, 4),
    ("relu", lambda x: x, 0.1, 3),
    ("relu", lambda x: 0.0, -3, -0.1),
    ("absolute", lambda x: -x, -3, -0.1),
    ("absolute", lambda x: x, 0.1, 3),
]


class TestElementwise:
    @pytest.mark.parametrize(("name", "by_math", "low", "high"), FUNCTIONS)
    def test_values_and_gradients(self, name, by_math, low, high):
        f = getattr(autograd, name)
        x = np.random.default_rng(0).uniform(low, high, (3, 4))
        expected = [by_math(v) for v in x.flatten()]
        assert f(Tensor(x)).data.flatten() == pytest.approx(expected)
        assert_gradients(f, x)
        single = Tensor(x, dtype=np.float32)
        assert f(single).dtype == np.float32


# book/04-elementwise.md#test-choosing
class TestChoosing:
    @pytest.mark.parametrize("f", [autograd.maximum, autograd.minimum])
    @pytest.mark.parametrize("shape", [(3, 4), (4,), (3, 1), ()])
    def test_the_larger_and_the_smaller(self, f, shape):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(3, 4)), rng.normal(size=shape)
        assert_gradients(f, a, b)
        assert_gradients(f, b, a)

    @pytest.mark.parametrize("f", [autograd.maximum, autograd.minimum])
    def test_equal_ones_share_the_gradient(self, f):
        assert_gradients(f, np.ones(3), np.array([0.0, 1.0, 2.0]))

    def test_clip_passes_gradients_inside_and_at_the_border(self):
        x = Tensor([-2.0, -1.0, 0.0, 1.0, 2.0], requires_grad=True)
        autograd.clip(x, -1, np.float64(1)).backward(np.ones(5))
        assert x.grad.data.tolist() == [0, 1, 1, 1, 0]
        assert autograd.clip(x, np.float64(0)).dtype == np.float32
        x = np.array([-1.5, 0.2, 3.0, 0.7])
        assert_gradients(autograd.clip, x, np.full(4, -1.0), np.array(0.9))

    def test_clip_between_crossed_limits_is_the_upper_one(self):
        x, low, high = np.array([-3.0, 0.0, 3.0]), np.full(3, 1.0), np.ones(())
        assert autograd.clip(x, low, -high).tolist() == [-1, -1, -1]
        assert_gradients(autograd.clip, x, low, -high)

    def test_clip_on_one_side_leaves_integers_integers(self):
        x = Tensor([-5, 0, 2**60])
        assert autograd.clip(x, 0).data.tolist() == [0, 0, 2**60]
        assert autograd.clip(x, max=0).data.tolist() == [-5, 0, 0]
        assert autograd.clip(x, 0).dtype == x.clip(max=0).dtype == np.int64

    def test_where(self):
        rng = np.random.default_rng(0)
        mask, a, b = rng.normal(size=(3, 4)) > 0, rng.normal(size=4), 0.5
        assert_gradients(lambda a, b: autograd.where(mask, a, b), a, b)
        y = autograd.where(Tensor(mask), 1.0, 0.0)
        assert isinstance(y, Tensor)
        assert y.dtype == np.float32

    def test_where_remembers_its_condition(self):
        x, mask = Tensor([1.0, 2.0], requires_grad=True), np.array([1, 0])
        y = autograd.where(mask, x, 5 * x)
        mask[:] = 0
        y.backward(np.ones(2))
        assert x.grad.data.tolist() == [1, 5]


# book/04-elementwise.md#test-borders
@pytest.mark.filterwarnings("error")
class TestBorders:
    def test_sigmoid_and_tanh_never_overflow(self):
        x = Tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
        y = autograd.sigmoid(x)
        assert y.data == pytest.approx([0, math.exp(-100), 0.5, 1, 1])
        (y + autograd.tanh(x)).backward(np.ones(5))
        assert x.grad.data == pytest.approx([0, 0, 1.25, 0, 0])

    @pytest.mark.parametrize("name", ["relu", "absolute"])
    def test_corners_have_the_slope_0(self, name):
        x = Tensor([0.0], requires_grad=True)
        getattr(autograd, name)(x).backward()
        assert x.grad.item() == 0

    @pytest.mark.parametrize(("name", "x"), [("log", 0), ("log1p", -1)])
    def test_a_branch_not_taken_gives_no_nan(self, name, x):
        x = Tensor([x, 2.0], requires_grad=True, dtype=np.float64)
        with np.errstate(divide="ignore"):
            y = getattr(autograd, name)(x)
        autograd.where([False, True], y, 0).backward(np.ones(2))
        assert x.grad.data[0] == 0

    def test_a_root_not_taken_gives_no_nan(self):
        x = Tensor([0.0, 4.0], requires_grad=True)
        (autograd.sqrt(x) * np.array([0, 1])).backward(np.ones(2))
        assert x.grad.data.tolist() == [0, 0.25]

    def test_an_infinite_slope_is_infinite(self):
        x = Tensor([0.0], requires_grad=True)
        with np.errstate(divide="ignore"):
            (autograd.sqrt(x) + autograd.log(x)).backward()
        assert x.grad.item() == np.inf

    def test_small_numbers_keep_their_digits(self):
        x = Tensor([1e-9])
        assert autograd.expm1(x).item() == pytest.approx(1e-9)
        assert autograd.log1p(x).item() == pytest.approx(1e-9)


# book/04-elementwise.md#test-questions
class TestComparisons:
    @pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
    def test_compare_values_and_have_no_gradient(self, name):
        f = getattr(operator, name)
        values = np.array([1.0, 2.0, 3.0])
        x = Tensor(values, requires_grad=True)
        for other in (2, 2.0, np.float64(2), values[::-1], Tensor(values)):
            plain = other.data if isinstance(other, Tensor) else other
            for answer, expected in [
                (f(x, other), f(values, plain)),
                (f(other, x), f(plain, values)),
            ]:
                assert answer.data.tolist() == expected.tolist()
                assert answer.dtype == bool
                assert not answer.requires_grad

    def test_numbers_take_the_dtype_of_the_tensor(self):
        assert (Tensor([0.1]) == np.float64(0.1)).item()

    def test_name_both_shapes(self):
        message = r"less: shapes \(2,\) and \(3,\) do not broadcast"
        with pytest.raises(ValueError, match=message):
            Tensor([1.0, 2.0]) < Tensor([1.0, 2.0, 3.0])  # noqa: B015

    def test_with_something_else_are_pythons(self):
        x = Tensor([1.0])
        assert (x == None) is False  # noqa: E711
        assert x != "text"
        with pytest.raises(TypeError):
            x < "text"  # noqa: B015

    def test_tensors_are_keys_by_identity(self):
        a, b = Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
        assert {a: "a", b: "b"}[b] == "b"

    def test_one_answer_is_true_or_false_and_many_are_neither(self):
        assert Tensor([[2.0]]) > 1
        with pytest.raises(ValueError, match=r"shape \(2,\) is neither"):
            bool(Tensor([1.0, 2.0]) > 0)

    def test_single_values_print_like_numbers(self):
        x = Tensor([2 / 3], requires_grad=True)
        assert f"{x:.3f}" == "0.667"
        assert f"{x}" == repr(x)
        assert (int(x), round(float(x), 3)) == (0, 0.667)


# book/04-elementwise.md#test-numpy-functions
class TestNumPyFunctions:
    @pytest.mark.parametrize(
        "f",
        [
            lambda x: np.exp(x) * np.sin(x) - np.cos(x) / np.square(x),
            lambda x: np.log(x) + np.log1p(x) * np.expm1(-x),
            lambda x: np.sqrt(x) + np.tanh(x) * np.abs(-x) + np.power(x, 1.5),
            lambda x: np.where(x > 1, x * x, np.float64(2) * x),
            lambda x: np.maximum(x, 1) * np.minimum(1.5, x),
            lambda x: np.clip(x, 0.7, 1.2) + np.arange(4.0) * x,
        ],
    )
    def test_have_gradients(self, f):
        assert_gradients(f, np.random.default_rng(0).uniform(0.5, 2, (3, 4)))

    def test_do_not_widen_float32(self):
        x = Tensor([1.0])
        assert (np.float64(2) * x).dtype == np.float32
        assert np.maximum(x, np.float64(2)).dtype == np.float32

    def test_some_have_no_gradient(self):
        x = Tensor([-1.5, np.inf], requires_grad=True)
        assert np.isinf(x).data.tolist() == [False, True]
        assert not np.sign(x).requires_grad

    def test_others_are_refused_and_not_guessed(self):
        with pytest.raises(TypeError, match=r"np\.sort has no rule"):
            np.sort(Tensor([1.0]))
        with pytest.raises(TypeError):
            np.add(np.ones(1), Tensor([1.0]), out=np.ones(1))

    def test_arrays_are_made_of_values_unless_a_gradient_would_be_lost(self):
        x = Tensor([1.0, 2.0])
        assert np.asarray(x).dtype == np.float32
        assert np.shares_memory(np.asarray(x), x.data)
        assert not np.shares_memory(np.array(x), x.data)
        assert np.asarray(x, np.float64).dtype == np.float64
        assert Tensor([x, x]).data.tolist() == [[1, 2], [1, 2]]
        with pytest.raises(RuntimeError, match="requires gradients"):
            np.asarray(Tensor([1.0], requires_grad=True))

    def test_dtypes_change_on_the_way_and_back(self):
        x = Tensor([1.0], requires_grad=True)
        y = x.double() * x
        assert y.dtype == np.float64
        y.backward()
        assert x.grad.dtype == np.float32
        assert x.grad.item() == 2
        assert y.float().dtype == np.float32

    def test_integers_end_the_graph(self):
        x = Tensor([1.7], requires_grad=True)
        for dtype in (np.int64, bool):
            assert not x.astype(dtype).requires_grad


# book/04-elementwise.md#test-agree
def answers(line, arrays, names):
    """Evaluate a line with tensors called x, y; return value and slopes."""
    tensors = [names["tensor"](a, requires_grad=True) for a in arrays]
    y = eval(line, names | dict(zip("xy", tensors)))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, tuple(y.shape))
    y.backward(names["tensor"](weights, dtype=y.dtype))
    return [np.asarray(t) for t in (y.detach(), *(t.grad for t in tensors))]


@np.errstate(all="ignore")
def assert_pytorch_agrees(line, *arrays):
    """Compare the values and gradients of a line with PyTorch's."""
    torch = pytest.importorskip("torch")
    # chapter 5 makes the function `tensor`; until then the class will do
    ours = answers(line, arrays, {"np": np, "tensor": Tensor} | vars(autograd))
    theirs = answers(line, arrays, vars(torch))
    rtol = 1e-5 if arrays[0].dtype == np.float32 else 1e-12
    for y, z in zip(ours, theirs):
        assert y.dtype == z.dtype
        np.testing.assert_allclose(y, z, rtol, atol=1e-37)


# book/04-elementwise.md#test-elementwise-torch
EDGES = [0, -0.0, 1e-30, -1e-9, 0.5, -1, 2, 3, 40, -40, 1e4, -1e4, np.inf]
EDGES += [-np.inf]
OF_ONE = """x.exp() x.expm1() x.log() x.log1p() x.sqrt() x.sin() x.cos()
    x.tanh() x.sigmoid() x.relu() x.abs() abs(x) -x x.double() x.float() 2-x
    x/3 1/x 2.0**x 0.0**x x**0 x**1 x**2 x**3 x**-1 x**-2 x**1.5 x.clip(-1,2)
    x.clip(min=0) x.clip(max=0.5) where(x>0,x,0.0)"""
OF_TWO = """x+y x-y x*y x/y x**y maximum(x,y) minimum(x,y)
    where(x>y,x,y) where(x==y,x,y)"""


class TestElementwiseAgainstPyTorch:
    @pytest.mark.parametrize("line", OF_ONE.split())
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_at_the_borders(self, line, dtype):
        assert_pytorch_agrees(line, np.array(EDGES, dtype))

    @pytest.mark.parametrize("line", OF_TWO.split())
    def test_at_every_pair_of_borders(self, line):
        assert_pytorch_agrees(line, *np.meshgrid(EDGES, EDGES))

    @pytest.mark.parametrize("line", [*OF_TWO.split(), "x.clip(y,y+0.5)"])
    @pytest.mark.parametrize("shapes", SHAPES)
    def test_broadcast(self, line, shapes):
        rng = np.random.default_rng(0)
        x, y = (np.asarray(rng.uniform(0.5, 2, shape)) for shape in shapes)
        assert_pytorch_agrees(line, x, y)
        assert_pytorch_agrees(line, y, x)


# book/04-elementwise.md#test-elementwise-differences
NAN = math.nan
DIFFERENCES = [  # line, x and y, our slopes for x and y, PyTorch's
    ("x.relu() + y", (NAN, 0), (0, 1), (1, 1)),
    ("x.abs() + y", (NAN, 0), (NAN, 1), (0, 1)),
    ("x**0.5 + y", (-0.0, 0), (math.inf, 1), (-math.inf, 1)),
    ("maximum(x, y)", (NAN, 1), (0, 0), (1, 1)),
    ("minimum(x, y)", (1, NAN), (0, 0), (1, 1)),
    ("x.clip(y, y)", (1, 2), (0, 1), (0, 0)),
    ("where(x > 0, x.log(), y)", (0, 1), (0, 1), (NAN, 1)),
    ("x.sqrt() * 0 + y", (0, 1), (0, 1), (NAN, 1)),
    ("x.log1p() * 0 + y", (-1, 0), (0, 1), (NAN, 1)),
    ("x.relu().sqrt() + y", (-1, 0), (NAN, 1), (0, 1)),
    ("x.clip(0, 9).sqrt() + y", (-1, 0), (NAN, 1), (0, 1)),
]


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize(("line", "at", "ours", "theirs"), DIFFERENCES)
def test_differences_from_pytorch_are_known(line, at, ours, theirs):
    torch = pytest.importorskip("torch")
    for lib, expected in ((autograd, ours), (torch, theirs)):
        names, make = vars(lib), getattr(lib, "tensor", Tensor)
        x, y = (make(float(n), requires_grad=True) for n in at)
        eval(line, names | {"x": x, "y": y}).backward()
        slopes = [x.grad.item(), y.grad.item()]
        assert slopes == pytest.approx(expected, nan_ok=True)


# book/05-shapes.md#test-reduction-cases
def case(line, *shapes):
    """Return a row of SHAPE_CASES: a line of Python, its function, shapes."""
    names = ", ".join("xyz"[: len(shapes)])
    function = eval(f"lambda {names}: {line}", {"np": np} | vars(autograd))
    return line, function, list(shapes)


SHAPE_CASES = [
    case("x.sum()", (2, 3)),
    case("x.sum()", ()),
    case("x.sum(0)", (0, 3)),
    case("x.sum((0, -1), keepdim=True)", (2, 3, 2)),
    case("x.mean((0, 2))", (2, 3, 2)),
    case("x.var()", (2, 3)),
    case("x.var(1, correction=0)", (2, 3)),
    case("x.std(0, keepdim=True)", (4, 2)),
    case("x.amax()", (2, 3)),
    case("x.amax((0, 2), keepdim=True)", (2, 3, 2)),
    case("x.amin(0)", (2, 3)),
]


# book/05-shapes.md#test-reductions
class TestReductions:
    def test_std_of_equal_values_has_gradient_zero(self):
        x = Tensor(np.full((2, 3), 4.0), requires_grad=True)
        x.std(1).sum().backward()
        assert x.grad.data.tolist() == [[0, 0, 0], [0, 0, 0]]

    def test_of_nothing(self):
        nothing = Tensor(np.zeros((2, 0)))
        assert nothing.sum().item() == 0
        assert nothing.amax(0).shape == (0,)
        with pytest.warns(RuntimeWarning, match="invalid value"):
            assert np.isnan(nothing.mean(1).data).all()

    def test_positions_are_integers_without_history(self):
        x = Tensor([[3.0, 9.0, 9.0], [8.0, 1.0, 1.0]], requires_grad=True)
        assert x.argmax().item() == 1
        assert x.argmax(1, keepdim=True).data.tolist() == [[1], [0]]
        assert x.argmin(axis=0).data.tolist() == [0, 1, 1]
        assert not x.argmax(1).requires_grad


# book/05-shapes.md#test-shape-cases
SHAPE_CASES += [
    case("x.reshape((6, 2))", (2, 6)),
    case("x.reshape(())", (1, 1)),
    case("x.reshape(3, 0)", (0, 2)),
    case("x.flatten()", ()),
    case("x.flatten(1, 2)", (2, 3, 2, 2)),
    case("x.squeeze()", (1, 2, 1)),
    case("x.squeeze(-1)", (1, 2, 1)),
    case("x.squeeze(1)", (1, 2, 1)),
    case("x.permute(2, 0, -2)", (2, 3, 4)),
    case("x.permute()", ()),
    case("x.transpose(-1, 0)", (2, 3, 4)),
    case("x.T", ()),
    case("x.mT", (2, 3, 4)),
    case("x.expand(4, 2, -1)", (2, 1)),
    case("x.expand(0, 3)", (1, 3)),
]


# book/05-shapes.md#test-matmul-cases
SHAPE_CASES += [
    case("x @ y", (3,), (3,)),
    case("x @ y", (3,), (3, 2)),
    case("x @ y", (2, 3), (3,)),
    case("x @ y", (3,), (2, 3, 2)),
    case("x @ y", (2, 2, 3), (3,)),
    case("x @ y", (2, 2, 3, 2), (2, 3)),
    case("x @ y", (3, 2), (2, 2, 3)),
    case("x @ y", (2, 1, 2, 3), (3, 3, 2)),
    case("x @ y", (2, 3, 0), (0, 2)),
    case("x @ y", (0, 2, 3), (3, 2)),
    case("x @ x", (3, 3)),
    case("np.ones((2, 3), 'f4') @ x", (3, 2)),
]


# book/05-shapes.md#test-einsum-cases
SHAPE_CASES += [
    case("einsum('ij,jk', x, y)", (2, 3), (3, 2)),
    case("einsum('ba', x)", (2, 3)),
    case("einsum('ij->', x)", (2, 3)),
    case("einsum('ijk,k->i', x, y)", (2, 2, 3), (3,)),
    case("einsum('i,i,i->i', x, y, z)", (3,), (3,), (3,)),
    case("einsum(',ij->ji', x, y)", (), (2, 3)),
    case("einsum('...ij,...jk->...ik', x, y)", (2, 1, 2, 3), (3, 3, 2)),
    case("einsum('...ij,jk->...ik', x, y)", (2, 2, 3), (3, 2)),
    case("einsum('i...,i...', x, y)", (2, 3), (2, 3)),
    case("einsum('...i->i', x)", (2, 3)),
    case("einsum('ij,ij->i', x, y)", (3, 1), (3, 4)),
    case("einsum('ij,jk->ik', x, y)", (2, 0), (0, 3)),
    case("einsum('i,i', x, x)", (3,)),
]


# book/05-shapes.md#test-index-cases
SHAPE_CASES += [
    case("x[1, -1]", (2, 3)),
    case("x[1:, ::2]", (3, 4)),
    case("x[::-1]", (3, 2)),
    case("x[..., None]", (2, 3)),
    case("x[5:]", (2, 3)),
    case("x[()]", ()),
    case("x[[0, 2, 2]]", (3, 2)),
    case("x[[]]", (3, 2)),
    case("x[((1, 1, 0),)]", (3, 2)),
    case("x[Tensor([2, 2])]", (3, 2)),
    case("x[[0, 0], [1, 1]]", (2, 3)),
    case("x[np.array([1, 1]), 1:3]", (2, 3)),
    case("x[[True, False, True]]", (3, 2)),
    case("x[np.eye(3) > 0]", (3, 3)),
    case("tuple(x)", (3, 2)),
    case("x.gather(1, [[2, 0], [1, 1]])", (2, 3)),
    case("x.gather(0, [1, 1, 0, 1])", (3,)),
    case("x.max()", (2, 3)),
    case("x.max(-1, keepdim=True).values", (2, 3)),
    case("x.min(keepdim=True)", (2, 3)),
    case("x.min(axis=1)[0]", (2, 3)),
]


# book/05-shapes.md#test-ties
class TestTies:
    @pytest.mark.parametrize(
        ("largest", "expected"),
        [
            (lambda x: x.amax(1), [[0, 3, 3], [2, 2, 2]]),
            (lambda x: x.max(), [[0, 3, 3], [0, 0, 0]]),
            (lambda x: x.max(1).values, [[0, 6, 0], [6, 0, 0]]),
            (lambda x: x.amin(1), [[6, 0, 0], [2, 2, 2]]),
            (lambda x: x.min(1).values, [[6, 0, 0], [6, 0, 0]]),
        ],
    )
    def test_share_the_gradient_unless_one_is_picked(self, largest, expected):
        x = Tensor([[1.0, 5.0, 5.0], [2.0, 2.0, 2.0]], requires_grad=True)
        (6 * largest(x)).sum().backward()
        assert x.grad.data.tolist() == expected


# book/05-shapes.md#test-setitem
class TestSetitem:
    def test_writes_where_no_gradient_is_wanted(self):
        x = Tensor(np.zeros((2, 3)))
        x[0] = Tensor([1.0, 2.0, 3.0])
        x[1, [0, 2]] = 7
        assert x.data.tolist() == [[1, 2, 3], [7, 0, 7]]
        assert x.copy_(5.0) is x
        assert x.data.tolist() == [[5, 5, 5], [5, 5, 5]]

    def test_is_noticed_by_backward(self):
        w = Tensor([1.0, 2.0], requires_grad=True)
        for view in (w, w.detach(), w.detach()[1:], w.detach().T):
            y = (w * w).sum()
            with autograd.no_grad():
                view[0] = 9.0
            with pytest.raises(RuntimeError, match=r"mul: .* in place"):
                y.backward()

    def test_is_refused_on_what_a_graph_holds(self):
        w = Tensor([1.0, 2.0], requires_grad=True)
        for tensor, value in ((w, 0.0), (w * 2, 0.0), (Tensor([0.0]), w[:1])):
            with pytest.raises(RuntimeError, match="setitem"):
                tensor[0] = value

    @pytest.mark.parametrize("kind", [np.array, Tensor])
    def test_on_an_index_changes_no_gradient(self, kind):
        x, index = Tensor([1.0, 2.0, 3.0], requires_grad=True), kind([0, 0])
        y = x[index].sum()
        index[...] = 2
        y.backward()
        assert x.grad.data.tolist() == [2, 0, 0]


# book/05-shapes.md#test-join-cases
SHAPE_CASES += [
    case("x.clone()", (2, 3)),
    case("cat([x, y, z])", (2, 3), (1, 3), (0, 3)),
    case("cat([x, y], -1)", (2, 1), (2, 3)),
    case("cat([x, x], 1)", (2, 2)),
    case("cat([np.arange(2), x])", (3,)),
    case("stack([x, y])", (), ()),
    case("stack([x, y], -2)", (2, 3), (2, 3)),
    case("x.split(2)", (5, 2)),
    case("x.split([1, 0, 2], -1)", (2, 3)),
    case("x.split(3, 1)", (2, 0)),
    case("pad(x, (1, 2))", (2, 3)),
    case("pad(x, (0, 1, 2, 0), 7)", (2, 2, 3)),
]


# book/05-shapes.md#test-creation
SAME_VALUES = [
    ("zeros(2, 3)", "np.zeros((2, 3), 'f4')"),
    ("zeros()", "np.zeros((), 'f4')"),
    ("ones((2,))", "np.ones(2, 'f4')"),
    ("full((2, 2), 1.5)", "np.full((2, 2), 1.5, 'f4')"),
    ("full(3, 7)", "np.full(3, 7)"),
    ("arange(4)", "np.arange(4)"),
    ("arange(1, 4, 0.5)", "np.arange(1, 4, 0.5, 'f4')"),
    ("eye(2, 3)", "np.eye(2, 3, dtype='f4')"),
    ("tensor([1.0, 2.0])", "np.array([1, 2], 'f4')"),
    ("tensor([1, 2])", "np.array([1, 2])"),
    ("zeros_like(np.eye(2))", "np.zeros((2, 2))"),
    ("ones_like(eye(2))", "np.ones((2, 2), 'f4')"),
    ("full_like(arange(2), 9)", "np.full(2, 9)"),
    ("np.zeros_like(x)", "np.zeros_like(x)"),
]


class TestCreation:
    def test_tensor_copies(self):
        array = np.zeros(2)
        autograd.tensor(array)[0] = 1
        assert array.tolist() == [0, 0]

    def test_gradients_can_be_asked_for(self):
        for make in (autograd.zeros, autograd.ones, autograd.randn):
            assert make(2, requires_grad=True).requires_grad
        with pytest.raises(RuntimeError, match="int64"):
            autograd.arange(3, requires_grad=True)


# book/05-shapes.md#test-random
class TestRandom:
    def test_the_seed_decides(self):
        draws = []
        for seed in (1, 1, 2):
            autograd.manual_seed(seed)
            numbers = [autograd.rand(2), autograd.randn(2)]
            numbers.append(autograd.randint(100, (2,)))
            draws.append([x.data.tolist() for x in numbers])
        assert draws[0] == draws[1] != draws[2]

    def test_a_generator_of_ones_own_is_left_alone(self):
        rng = np.random.default_rng(3)
        autograd.rand(5)
        drawn = autograd.randn(2, generator=rng, dtype=np.float64)
        expected = np.random.default_rng(3).standard_normal(2)
        assert drawn.data.tolist() == expected.tolist()

    def test_distributions(self):
        rng = np.random.default_rng(4)
        uniform = autograd.rand(100, 100, generator=rng).data
        assert uniform.dtype == np.float32
        assert 0 <= uniform.min() < 0.01 and 0.99 < uniform.max() < 1
        normal = autograd.randn(100, 100, generator=rng).data
        assert abs(normal.mean()) < 0.03  # three times its deviation
        assert abs(normal.std() - 1) < 0.03
        dice = autograd.randint(1, 7, (1000,), generator=rng).data
        assert sorted(set(dice.tolist())) == [1, 2, 3, 4, 5, 6]
        for coins in (
            autograd.randint(2, (99,), generator=rng),
            autograd.randint(2, size=(99,), generator=rng),
        ):
            assert sorted(set(coins.data.tolist())) == [0, 1]


# book/05-shapes.md#test-numpy-cases
NUMPY_CASES = [
    case("np.sum(x, axis=0)", (2, 3)),
    case("np.mean(x, 1, keepdims=True)", (2, 3)),
    case("np.var(x, axis=1)", (2, 3)),
    case("np.std(x, axis=(0, 1), ddof=1)", (2, 3)),
    case("np.max(x, axis=-1)", (2, 3)),
    case("np.amin(x)", (2, 3)),
    case("np.matmul(x, y)", (2, 3), (3, 2)),
    case("np.einsum('i,ij', x, y)", (2,), (2, 3)),
    case("np.reshape(x, (3, -1))", (2, 3)),
    case("np.ravel(x)", (2, 3)),
    case("np.squeeze(x, axis=1)", (2, 1, 3)),
    case("np.expand_dims(x, axis=-1)", (2, 3)),
    case("np.transpose(x)", (2, 3, 4)),
    case("np.transpose(x, (1, 0, 2))", (2, 3, 1)),
    case("np.swapaxes(x, -1, 0)", (2, 3)),
    case("np.broadcast_to(x, (2, 3))", (3,)),
    case("np.concatenate([x, y], 1)", (2, 1), (2, 3)),
    case("np.stack([x, y], axis=-1)", (2,), (2,)),
    case("np.take_along_axis(x, np.array([[2, 2]]), axis=1)", (1, 3)),
    case("np.copy(x)", (2, 3)),
]
SHAPE_CASES += NUMPY_CASES


# book/05-shapes.md#test-shape-cases-run
def case_inputs(shapes, dtype=np.float64):
    """Return a tensor of random numbers for each shape."""
    rng = np.random.default_rng(5)
    arrays = [np.asarray(rng.normal(size=shape), dtype) for shape in shapes]
    return [Tensor(array, requires_grad=True) for array in arrays]


def run_case(function, inputs):
    """Return the sum of all outputs of a case, every number weighted."""
    outputs = function(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    rng = np.random.default_rng(6)
    weights = [rng.uniform(0.5, 1.5, y.shape) for y in outputs]
    return sum((y * w.astype(y.dtype)).sum() for y, w in zip(outputs, weights))


# book/05-shapes.md#test-shapes
@pytest.mark.parametrize(
    ("function", "shapes"),
    [case[1:] for case in SHAPE_CASES],
    ids=[case[0] for case in SHAPE_CASES],
)
class TestShapeCases:
    def test_gradient_matches_numeric(self, function, shapes):
        inputs = case_inputs(shapes)
        run_case(function, inputs).backward()
        for i, x in enumerate(inputs):

            def run(values, i=i):
                others = [*inputs[:i], Tensor(values), *inputs[i + 1 :]]
                return run_case(function, others).item()

            measured = numeric_gradient(run, x.data)
            assert x.grad.shape == x.shape
            np.testing.assert_allclose(x.grad.data, measured, atol=1e-7)

    def test_float32_stays_and_gradients_are_owned(self, function, shapes):
        inputs = case_inputs(shapes, np.float32)
        total = run_case(function, inputs)
        total.backward()
        gradients = [x.grad.data for x in inputs]
        assert {total.dtype, *(g.dtype for g in gradients)} == {np.dtype("f4")}
        for i, g in enumerate(gradients):
            assert g.flags.writeable
            assert not any(np.shares_memory(g, h) for h in gradients[:i])

    def test_graph_is_freed_without_the_collector(self, function, shapes):
        gc.disable()
        try:
            y = function(*case_inputs(shapes))
            graph = weakref.ref(y[0] if isinstance(y, tuple) else y)
            del y
            assert graph() is None
        finally:
            gc.enable()


# book/05-shapes.md#test-shape-values
SAME_VALUES += [
    ("x.var(1)", "x.var(1, ddof=1)"),
    ("x.max(1).indices", "x.argmax(1)"),
    ("np.argmax(x)", "x.argmax()"),
    ("x.min(1, True)[0]", "x.min(1, keepdims=True)"),
    ("x.flatten(1)", "x.reshape(2, 12)"),
    ("x.permute(1, 2, 0)", "x.transpose(1, 2, 0)"),
    ("x.split(2, 1)[1]", "x[:, 2:]"),
    (
        "x.gather(2, [[[3], [0]]])",
        "x[[[[0], [0]]], [[[0], [1]]], [[[3], [0]]]]",
    ),
    ("pad(x, (1, 0, 2, 3))", "np.pad(x, [(0, 0), (2, 3), (1, 0)])"),
]


class TestShapeValues:
    @pytest.mark.parametrize("case", NUMPY_CASES, ids=lambda case: case[0])
    def test_numpy_functions_agree_on_tensors_and_arrays(self, case):
        tensors = case_inputs(case[2])
        expected = case[1](*[t.data for t in tensors])
        result = case[1](*tensors)
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.data, expected, rtol=1e-14)

    @pytest.mark.parametrize(("line", "in_numpy"), SAME_VALUES)
    def test_our_functions_agree_with_numpys(self, line, in_numpy):
        (x,) = case_inputs([(2, 3, 4)])
        result = eval(line, vars(autograd) | {"np": np, "x": x})
        expected = eval(in_numpy, {"np": np, "x": x.data})
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result.data, expected, rtol=1e-14)

    def test_answers_that_are_no_tensors(self):
        t = Tensor([3.0, 1.0], requires_grad=True)
        assert (np.shape(t), np.size(t), np.ndim(t)) == ((2,), 2, 1)
        assert np.allclose(t, np.array([3.0, 1.0]))


# book/05-shapes.md#test-shape-errors
SHAPE_ERRORS = [
    ("x.sum(2)", IndexError, "sum: dim 2"),
    ("x.mean(0.5)", TypeError, "mean: dim 0.5"),
    ("x.sum((0, -2))", ValueError, "sum: .* twice"),
    ("x.var(correction=6)", ValueError, r"var: .*\(2, 3\)"),
    ("x[:0].amax(0)", ValueError, r"amax: .*\(0, 3\)"),
    ("x.reshape(4, 2)", ValueError, r"reshape: .*\(2, 3\)"),
    ("x.flatten(1, 0)", ValueError, "flatten: start_dim 1"),
    ("x.permute(0, 0)", ValueError, r"permute: .*\(2, 3\): repeated axis"),
    ("x.permute(0)", ValueError, r"permute: .*\(2, 3\): axes don't match"),
    ("x.expand(4, 3)", ValueError, r"expand: .*\(4, 3\)"),
    ("x.expand(3)", ValueError, r"expand: .*\(2, 3\)"),
    ("x.expand(-1, 2, 3)", ValueError, "expand: .*-1"),
    ("x @ x", ValueError, "matmul: .* 3 != 2"),
    ("x @ 2.0", ValueError, r"matmul: .*use \*"),
    ("zeros(2, 1, 3) @ zeros(4, 3, 1)", ValueError, "matmul: .*broadcast"),
    ("einsum('ij,jk', x)", ValueError, "einsum: .*number of operands"),
    ("einsum('i->i', x)", ValueError, r"einsum: .*\(2, 3\).* number of ind"),
    ("einsum('...ijk', x)", ValueError, r"einsum: .*\(2, 3\).*not match"),
    ("einsum('ii', x)", ValueError, "einsum: 'ii'"),
    ("einsum('ij->k', x)", ValueError, r"einsum: .*\(2, 3\)"),
    ("einsum('ij,jk', x, x)", ValueError, "einsum: .*'j'"),
]


# book/05-shapes.md#test-shape-errors-more
SHAPE_ERRORS += [
    ("x[:0].max(0)", ValueError, r"max: .*\(0, 3\)"),
    ("x[5]", IndexError, r"getitem: .*\(2, 3\)"),
    ("x.gather(1, [[3]])", IndexError, "gather: .*from 3"),
    ("x.gather(1, [[-1]])", IndexError, "gather: .*from -1"),
    ("x.gather(1, [0])", ValueError, r"gather: .*\(1,\)"),
    ("x.gather(1, [[0]] * 3)", ValueError, "gather: .*longer"),
    ("iter(zeros())", TypeError, "len: .*length"),
    ("x.__setitem__(0, [1, 2])", ValueError, r"setitem: .*\(2, 3\)"),
    ("x.expand(4, 2, 3).copy_(1)", ValueError, "setitem: .*read-only"),
    ("cat([])", ValueError, "cat: expected"),
    ("cat([x, x[0]])", ValueError, r"cat: .*\(3,\)"),
    ("stack([x, x.T])", ValueError, r"stack: .*\(3, 2\)"),
    ("stack([x], 4)", IndexError, "stack: dim 4"),
    ("x.split(0)", ValueError, "split: .* 0"),
    ("x.split([3, -1])", ValueError, r"split: .*-1"),
    ("pad(x, (1, -1))", ValueError, r"pad: \(1, -1\)"),
    ("np.linalg.inv(x)", TypeError, "np.inv has no"),
]


@pytest.mark.parametrize(("line", "error", "message"), SHAPE_ERRORS)
def test_errors_name_the_operation_and_the_shapes(line, error, message):
    x = Tensor(np.zeros((2, 3)))
    with pytest.raises(error, match=message):
        eval(line, vars(autograd) | {"np": np, "x": x})


# book/05-shapes.md#test-shapes-torch-words
IN_PYTORCH = {
    "x.permute()": "x",
    "x.T": "x",  # of a tensor without axes
    "np.ones((2, 3), 'f4') @ x": "ones(2, 3, dtype=float64) @ x",
    "x[::-1]": "x.flip(0)",
    "x[Tensor([2, 2])]": "x[tensor([2, 2])]",
    "x[np.array([1, 1]), 1:3]": "x[tensor([1, 1]), 1:3]",
    "x[np.eye(3) > 0]": "x[eye(3) > 0]",
    "x.gather(1, [[2, 0], [1, 1]])": "x.gather(1, tensor([[2, 0], [1, 1]]))",
    "x.gather(0, [1, 1, 0, 1])": "x.gather(0, tensor([1, 1, 0, 1]))",
    "x.min(keepdim=True)": "x.min().reshape(1, 1)",
    "cat([np.arange(2), x])": "cat([arange(2), x])",
    "pad(x, (1, 2))": "nn.functional.pad(x, (1, 2))",
    "pad(x, (0, 1, 2, 0), 7)": "nn.functional.pad(x, (0, 1, 2, 0), value=7)",
}


# book/05-shapes.md#test-shapes-torch
def add_squares(outputs):
    """Run backward from the sum of the squares of all outputs."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    sum((y * y).sum() for y in outputs).backward()


@pytest.mark.parametrize(
    ("line", "function", "shapes"),
    [case for case in SHAPE_CASES if case not in NUMPY_CASES],
)
def test_shapes_agree_with_pytorch(line, function, shapes):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    arrays = [rng.integers(0, 4, shape) * 1.0 for shape in shapes]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    add_squares(function(*ours))
    names = vars(torch) | dict(zip("xyz", theirs))
    add_squares(eval(IN_PYTORCH.get(line, line), names))
    for x, expected in zip(ours, theirs):
        np.testing.assert_allclose(x.grad.data, expected.grad.numpy())


# book/06-gradient-checking.md#test-elementwise-cases
CHESS = np.array([[True, False, True], [False, True, False]])
ELEMENTWISE_CASES = [
    ("add", lambda a, b: a + b, [(2, 3), (3,)]),
    ("sub", lambda a, b: a - b, [(2, 1), (1, 3)]),
    ("mul", lambda a, b: a * b, [(2, 3), ()]),
    ("div", lambda a, b: a / b, [(3,), (2, 3)]),
    ("neg", lambda a: -a, [(3,)]),
    ("pow", lambda a, b: a**b, [(2, 3), (2, 1)]),
    ("square", lambda a: (a - 1) ** 2, [(2, 3)]),
    ("power of a number", lambda a: 2.0**a, [(2, 3)]),
    ("exp", Tensor.exp, [(2, 3)]),
    ("expm1", Tensor.expm1, [(2, 3)]),
    ("log", Tensor.log, [(2, 3)]),
    ("log1p", Tensor.log1p, [(2, 3)]),
    ("sqrt", Tensor.sqrt, [(2, 3)]),
    ("sin", Tensor.sin, [(2, 3)]),
    ("cos", Tensor.cos, [(2, 3)]),
    ("tanh", Tensor.tanh, [(2, 3)]),
    ("sigmoid", lambda a: (a - 1).sigmoid(), [(2, 3)]),
    ("relu", lambda a: (a - 1).relu(), [(2, 3)]),
    ("abs", lambda a: abs(a - 1), [(2, 3)]),
    ("clip", lambda a: a.clip(0.6, 1.4), [(2, 3)]),
    ("clip from", lambda a, b: (2 * a - 1).clip(b, 5), [(2, 3), (3,)]),
    ("clip to", lambda a, b: (2 * a - 1).clip(-5, b), [(2, 3), (2, 1)]),
    ("maximum", maximum, [(2, 3), (3,)]),
    ("minimum", minimum, [(2, 3), (2, 1)]),
    ("where", lambda a, b: where(CHESS, a, b), [(2, 3), (3,)]),
    ("NumPy", lambda a, b: np.exp(a) / np.sqrt(b), [(2, 3), (3,)]),
    ("used again", lambda a: a * a.sin() + a / a.exp(), [(2, 3)]),
    ("astype", lambda a: a.double() * 2, [(3,)]),
]


# book/06-gradient-checking.md#test-all-cases
CASES = ELEMENTWISE_CASES + SHAPE_CASES


# book/06-gradient-checking.md#test-gradcheck-every
def random_inputs(shapes):
    """Return float64 tensors of numbers between 0.3 and 1.7."""
    rng = np.random.default_rng(7)
    return [
        Tensor(np.asarray(rng.uniform(0.3, 1.7, shape)), requires_grad=True)
        for shape in shapes
    ]


class Cases:
    """Both checks of each row of `cases`: its name, function and shapes."""

    cases = []

    def pytest_generate_tests(self, metafunc):
        names, *rows = zip(*self.cases)
        rows = list(zip(*rows))
        metafunc.parametrize(("function", "shapes"), rows, ids=names)

    def test_has_the_measured_gradient(self, function, shapes):
        assert gradcheck(function, random_inputs(shapes))

    def test_has_the_measured_second_derivative(self, function, shapes):
        try:
            assert gradgradcheck(function, random_inputs(shapes))
        except RuntimeError as error:
            assert "has no second derivative" in str(error)


class TestEveryOperation(Cases):
    cases = CASES


# book/06-gradient-checking.md#test-rules-called
def rules_in(module):
    """Return {line: text} of all rules in the source of a module."""
    tree = ast.parse(inspect.getsource(module))
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]
    rules = [f for f in functions if "_rule" in f.name]
    for decorator in (d for f in functions for d in f.decorator_list):
        if ast.unparse(decorator).startswith("operation("):
            for rule in decorator.args:
                lambdas = isinstance(rule, ast.Lambda)
                assert lambdas or "rule" in ast.unparse(rule)
                rules += [rule] * lambdas
    lines = {r.lineno: ast.unparse(r).split("\n")[0] for r in rules}
    assert len(lines) == len(rules)  # no two in the same line
    return lines


def lines_called(run):
    """Return (file, line) of every function that is called by run()."""
    seen = set()

    def note(frame, event, argument):
        seen.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return seen


# book/06-gradient-checking.md#test-every-rule
def differentiate(function, shapes):
    """Take the gradient of a gradient, or at least a gradient."""
    inputs = random_inputs(shapes)
    outputs = function(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    y = sum((y * y).sum() for y in outputs)
    try:
        found = grad(y, inputs, create_graph=True)
        sum((g * g).sum() for g in found).backward()
    except RuntimeError as error:
        assert "has no second derivative" in str(error)
        y.backward()


def complaint(forgotten):
    """Return which rules no case has called, and what to write."""
    return "\n".join(
        [
            "no case of tests/test_autograd.py calls these rules:",
            *forgotten,
            "write, in a test block of the operation's chapter:",
            "class TestMyCases(Cases):",
            '    cases = [("name", function, [(2, 3)])]  # shapes of inputs',
        ]
    )


def test_every_rule_of_every_module_has_a_case():
    def run():
        for tests in Cases.__subclasses__():
            for _, function, shapes in tests.cases:
                differentiate(function, shapes)

    called, forgotten = lines_called(run), []
    for found in pkgutil.walk_packages(dlfs.__path__, "dlfs."):
        module = importlib.import_module(found.name)
        for line, text in rules_in(module).items():
            if (module.__file__, line) not in called:
                forgotten.append(f"{found.name}:{line}: {text}")
    assert not forgotten, complaint(forgotten)


def test_the_complaint_names_the_rule_and_the_lines_to_write():
    _, rule, _, *lines = complaint(["dlfs.nn:7: lambda g: g"]).split("\n")
    names = {"Cases": object, "function": np.exp}
    exec("\n".join(lines), names)
    assert rule == "dlfs.nn:7: lambda g: g"
    assert names["TestMyCases"].cases == [("name", np.exp, [(2, 3)])]


# book/06-gradient-checking.md#test-gradcheck-wrong
def product_with_rules(*rules, twice=True):
    """Return a product of two tensors with the given rules."""

    @operation(*rules, twice=twice)
    def product(a, b):
        return a * b

    return product


def by_b(g, y, a, b):
    return g * b


def by_a(g, y, a, b):
    return g * a


WRONG = {
    "a sign": (lambda g, y, a, b: -g * b, by_a),
    "a factor": (by_b, lambda g, y, a, b: 1.01 * g * a),
    "an offset": (by_b, lambda g, y, a, b: g * a + 1e-3),
    "the other input": (by_a, by_b),
    "the upstream gradient is ignored": (lambda g, y, a, b: b, by_a),
    "entries exchanged": (by_b, lambda g, y, a, b: (g * a)[::-1]),
    "one entry": (by_b, lambda g, y, a, b: g * a * (b != b.max())),
    "nothing": (lambda g, y, a, b: g * 0, by_a),
    "not a number": (lambda g, y, a, b: g * np.nan, by_a),
}


# book/06-gradient-checking.md#test-gradcheck-fails
class TestGradcheck:
    def test_passes_right_rules(self):
        inputs = random_inputs([(3,), (3,)])
        assert gradcheck(product_with_rules(by_b, by_a), inputs)
        assert gradgradcheck(product_with_rules(by_b, by_a), inputs)

    @pytest.mark.parametrize("rules", WRONG.values(), ids=WRONG.keys())
    def test_finds_wrong_rules(self, rules):
        inputs = random_inputs([(3,), (3,)])
        product = product_with_rules(*rules)
        with pytest.raises(GradcheckError):
            gradcheck(product, inputs)
        assert not gradcheck(product, inputs, raise_exception=False)

    def test_finds_a_rearrangement_that_the_sum_would_hide(self):
        turn = operation(lambda g, y, x: g.T[::-1])(lambda x: x.T)
        assert not gradcheck(
            turn, random_inputs([(2, 2)]), raise_exception=False
        )

    def test_finds_a_lost_gradient(self):
        with pytest.raises(GradcheckError, match="gradient 0, numeric"):
            gradcheck(lambda x: x.detach() ** 2, random_inputs([(3,)]))

    def test_names_the_function_the_input_and_the_entry(self):
        rules = (by_b, lambda g, y, a, b: g * a * [1, 1, 2])
        a, b = random_inputs([(3,), (3,)])
        with pytest.raises(
            GradcheckError,
            match=r"product: input 1, of shape \(3,\), at \(2,\): gradient",
        ):
            gradcheck(product_with_rules(*rules), [a, b])
        b.requires_grad = False
        assert gradcheck(product_with_rules(*rules), [a, b])

    def test_checks_all_outputs_of_several(self):
        wrong = product_with_rules(*WRONG["a factor"])
        inputs = random_inputs([(3,), (3,)])
        with pytest.raises(GradcheckError):
            gradcheck(lambda a, b: (a + b, wrong(a, b)), inputs)

    def test_leaves_the_inputs_as_they_were(self):
        x, before = random_inputs([(2, 3)]), random_inputs([(2, 3)])
        assert gradcheck(Tensor.exp, x)
        assert np.array_equal(x[0].data, before[0].data)
        assert x[0].grad is None

    def test_refuses_float32_and_constants(self):
        with pytest.raises(ValueError, match="input 0 is float32"):
            gradcheck(Tensor.exp, Tensor([0.5], requires_grad=True))
        with pytest.raises(ValueError, match="no input requires"):
            gradcheck(Tensor.exp, Tensor(np.array([0.5])))


# book/06-gradient-checking.md#test-gradgradcheck-fails
class TestGradgradcheck:
    def test_finds_a_rule_that_loses_the_graph(self):
        rule = lambda g, y, x: g * np.cos(getattr(x, "_data", x))  # noqa: E731
        sine = operation(rule)(np.sin)
        x = random_inputs([(3,)])
        assert gradcheck(sine, x)
        with pytest.raises(GradcheckError, match="gradient of sin: input 0"):
            gradgradcheck(sine, x)
        assert not gradgradcheck(sine, x, raise_exception=False)

    def test_names_a_fused_operation(self):
        product = product_with_rules(by_b, by_a, twice=False)
        inputs = random_inputs([(3,), (3,)])
        assert gradcheck(product, inputs)
        with pytest.raises(RuntimeError, match="product: this fused"):
            gradgradcheck(product, inputs)


# book/06-gradient-checking.md#test-grad
class TestGrad:
    def test_a_new_array_is_not_where_the_forward_pass_was(self):
        x = leaf(3.0)
        y = (x * x).sum()
        x.data = np.array([100.0])
        with pytest.raises(RuntimeError, match="mul: an input got a new arr"):
            grad(y, x, create_graph=True)
        assert grad(y, x)[0].item() == 6

    def test_of_leaves_leaves_their_grad_alone(self):
        a, b = leaf(1, 2), leaf(3, 4)
        ga, gb = grad((a * a * b).sum(), [a, b])
        assert ga.data.tolist() == [6, 16]
        assert gb.data.tolist() == [1, 4]
        assert a.grad is None and b.grad is None
        assert not ga.requires_grad

    def test_of_a_result_in_the_middle(self):
        a, b = leaf(1, 2), leaf(3, 4)
        s = a * b
        gs, ga = grad((s * a).sum(), [s, a])
        assert gs.data.tolist() == [1, 2]
        assert ga.data.tolist() == [6, 16]

    def test_of_the_output_itself(self):
        y = leaf(2) * 3
        assert grad(y, y)[0].item() == 1

    def test_adds_up_over_several_outputs(self):
        x = leaf(2, 3)
        v = Tensor(np.array([10.0, 100.0]))
        (g,) = grad([(x * x).sum(), x * 3], x, [None, v])
        assert g.data.tolist() == [4 + 30, 6 + 300]

    def test_one_output_may_be_made_from_another(self):
        x = leaf(1)
        y = x * 2
        assert grad([y, y * 3, y], x)[0].item() == 2 + 6 + 2

    def test_takes_one_grad_output_for_one_output(self):
        x = leaf(2, 3)
        (g,) = grad(x * x, x, Tensor(np.array([1.0, 10.0])))
        assert g.data.tolist() == [4, 60]

    def test_says_which_input_is_not_used(self):
        a, b = leaf(1, 2), leaf(3, 4, 5)
        with pytest.raises(RuntimeError, match=r"input 1, of shape \(3,\)"):
            grad((a * 2).sum(), [a, b])
        ga, gb = grad((a * 2).sum(), [a, b], allow_unused=True)
        assert ga.data.tolist() == [2, 2] and gb is None

    def test_refuses_what_makes_no_sense(self):
        x = leaf(1, 2)
        with pytest.raises(RuntimeError, match="does not require"):
            grad(x.sum(), Tensor(np.ones(2)))
        with pytest.raises(ValueError, match="at least one input"):
            grad(x.sum(), [])
        with pytest.raises(ValueError, match="2 outputs, but 1 grad_out"):
            grad([x.sum(), x.sum()], x, [None])

    def test_results_are_writable_and_share_no_memory(self):
        a, b = leaf(1, 2), leaf(3, 4)
        for create_graph in (False, True):
            found = grad((a + b).sum(), [a, b, a], create_graph=create_graph)
            found[0].data[0] = 7
            assert found[1].data.tolist() == [1, 1]
            assert found[2].data.tolist() == [1, 1]


# book/06-gradient-checking.md#test-grad-route
class TestRoute:
    def test_rules_off_the_way_are_not_called(self):
        calls = []

        def by_b_counting(g, y, a, b):
            calls.append(y)
            return g * b

        product = product_with_rules(by_b_counting, by_a)
        a, b = leaf(1), leaf(2)
        y = product(product(a, a), b)
        assert grad(y, b, retain_graph=True)[0].item() == 1
        assert len(calls) == 0
        assert grad(y, a)[0].item() == 4
        assert len(calls) == 2

    def test_an_output_that_leads_nowhere_keeps_its_graph(self):
        a, b = leaf(1), leaf(2)
        aside = b * b
        assert grad([a * 3, aside], a)[0].item() == 3
        aside.backward()
        assert b.grad.item() == 4

    def test_the_graph_below_a_wanted_tensor_stays(self):
        w = leaf(3)
        h = w * w
        assert grad(h * 2, h)[0].item() == 2
        h.backward()  # would raise if it had been freed
        assert w.grad.item() == 6

    def test_what_is_older_than_the_wanted_may_be_freed(self):
        w = leaf(3)
        old = w * w
        old.backward()
        h = old * 2
        assert grad(h * h, h)[0].item() == 2 * 18

    def test_a_freed_graph_is_an_error_not_a_missing_gradient(self):
        w = leaf(3)
        h = w * w
        y = h * 2
        h.backward()
        with pytest.raises(RuntimeError, match=r"mul: .*retain_graph=True"):
            grad(y, w, allow_unused=True)

    def test_a_long_chain_needs_no_recursion(self):
        x = leaf(1)
        y = x
        for _ in range(20_000):
            y = y + x
        (g,) = grad(y, x, create_graph=True)
        assert g.item() == 20_001

    @pytest.mark.usefixtures("no_garbage_collector")
    def test_leaves_no_reference_cycle(self):
        x = leaf(2)
        y = x * x * x
        (g,) = grad(y, x, create_graph=True)
        watchers = [weakref.ref(y), weakref.ref(g)]
        del y, g
        assert [watcher() for watcher in watchers] == [None, None]


# book/06-gradient-checking.md#test-higher-derivatives
class TestHigherDerivatives:
    def test_of_powers(self):
        x = leaf(-1.5, 2)
        y, factor = (x**5).sum(), 1
        for power in (4, 3, 2, 1):
            (g,) = grad(y, x, create_graph=True)
            factor *= power + 1
            assert g.data == pytest.approx(factor * x.data**power)
            y = g.sum()

    def test_the_third_of_sine_is_minus_cosine(self):
        x = leaf(0.3, 1, 2)
        y = x.sin()
        for _ in range(3):
            (y,) = grad(y.sum(), x, create_graph=True)
        assert y.data == pytest.approx(-np.cos(x.data))

    def test_mixed_partials_do_not_depend_on_the_order(self):
        a, b = leaf(0.7), leaf(1.3)
        y = (a * b).exp() * a  # d2y/da db = (2 a + a a b) e^ab
        ga, gb = grad(y, [a, b], create_graph=True)
        (gab,) = grad(ga, b, create_graph=True)
        (gba,) = grad(gb, a)
        expected = (2 * 0.7 + 0.49 * 1.3) * np.exp(0.7 * 1.3)
        assert gab.item() == pytest.approx(expected)
        assert gba.item() == pytest.approx(expected)

    def test_of_a_quadratic_form(self):
        rng = np.random.default_rng(0)
        A, x = rng.normal(size=(4, 4)), leaf(*rng.normal(size=4))
        (g,) = grad(x @ A @ x, x, create_graph=True)
        rows = [grad(g[i], x, retain_graph=True)[0].data for i in range(4)]
        assert np.stack(rows) == pytest.approx(A + A.T)

    def test_a_penalty_on_the_gradient_can_be_trained(self):
        x, w = leaf(1, 2), leaf(3, 5)
        (g,) = grad((w * x * x).sum(), x, create_graph=True)  # 2 w x
        (g * g).sum().backward()  # d/dw of 4 w^2 x^2
        assert w.grad.data.tolist() == [8 * 3 * 1, 8 * 5 * 4]

    def test_hooks_take_part(self):
        x = leaf(2)
        x.register_hook(lambda g: 2 * g)
        (g,) = grad(x * x * x, x, create_graph=True)  # 2 * 3 x^2
        assert g.item() == 24
        assert grad(g, x)[0].item() == 2 * 2 * 6 * 2

    def test_hooks_in_the_middle_see_a_tensor_with_a_graph(self):
        seen = []
        x = leaf(3)
        h = x * x
        h.register_hook(seen.append)
        (h * h).backward(create_graph=True)
        assert seen[0].item() == 2 * 9
        assert grad(seen[0], x)[0].item() == pytest.approx(4 * 3)


# book/06-gradient-checking.md#test-backward-twice
class TestBackwardTwice:
    def test_backward_can_create_a_graph(self):
        x = leaf(2)
        (x * x * x).backward(create_graph=True)
        slope = x.grad
        assert slope.item() == 12
        x.grad = None
        slope.backward()
        assert x.grad.item() == 12

    def test_inside_no_grad_it_creates_a_graph_as_well(self):
        x, v = leaf(2), leaf(10)
        y = x * x * x
        with no_grad():
            (g,) = grad(y, x, v, create_graph=True)  # 3 x^2 v
            y.backward(create_graph=True)
            assert not is_grad_enabled()
        gx, gv = grad(g, [x, v], retain_graph=True)
        assert (gx.item(), gv.item()) == (6 * 2 * 10, 3 * 2 * 2)
        assert grad(x.grad, x)[0].item() == 12

    def test_the_gradients_of_two_leaves_are_two_tensors(self):
        a, b = leaf(1), leaf(2)
        (a + b).backward(create_graph=True)
        (a * 3).backward()
        assert a.grad.item() == 4
        assert b.grad.item() == 1

    def test_adding_to_a_gradient_keeps_its_graph(self):
        x = leaf(2)
        (x * x).backward(create_graph=True)
        (x * 5).backward()
        assert x.grad.item() == 4 + 5
        assert grad(x.grad, x)[0].item() == 2

    def test_the_seed_is_not_given_out(self):
        x, seed = leaf(2), Tensor(np.array([1.0]))
        (x + 0).backward(seed, create_graph=True)
        x.grad.data[0] = 5
        assert seed.item() == 1

    def test_a_fused_operation_has_ordinary_gradients(self):
        a, b = leaf(2), leaf(3)
        product_with_rules(by_b, by_a, twice=False)(a, b).backward()
        assert a.grad.item() == 3 and b.grad.item() == 2

    def test_a_second_grad_needs_the_graph(self):
        x = leaf(2)
        y = x * x
        grad(y, x)
        with pytest.raises(RuntimeError, match=r"mul: .*retain_graph=True"):
            grad(y, x)


# book/06-gradient-checking.md#test-twice-torch
TWICE = """x*y.T x/y.T x**y.T x@y (x@y).tanh() x.exp()@y.log() x.sigmoid()
    (x-1).relu() (x-1).abs() x.sqrt().sin()*y.T.cos() x.expm1()+y.T.log1p()
    x.clip(0.6,1.2) maximum(x,y.T) minimum(x,y.T) where(x>1,x*x,y.T)
    x.sum(0)*y.T x.mean(1)@x x.std(0) x.var(1,keepdim=True)*x x.amax(1)**2
    x.max(1)[0]**3 x.reshape(3,2)@x x.expand(4,2,3)*y.T x[[0,1,0]]*x[1]
    x[:,::2]@y[1:] cat([x,y.T])**2 stack([x,x*y.T],1).exp() x.split(2,1)[0]**3
    einsum('ij,jk,ik->',x,y,x@y) x.T.permute(1,0)*x.flatten()[2]"""


def differentiate_twice(line, arrays, names, grad):
    """Return the slopes of the squared slopes of a line."""
    x, y = (names["tensor"](a, requires_grad=True) for a in arrays)
    z = eval(line, names | {"x": x, "y": y})
    total = (z * z).sum() + (x * x).sum() * (y * y).sum()
    slopes = grad(total, [x, y], create_graph=True)
    return grad(sum((g * g).sum() for g in slopes), [x, y])


@pytest.mark.parametrize("line", TWICE.split())
def test_second_derivatives_agree_with_pytorch(line):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    arrays = [rng.uniform(0.3, 1.7, shape) for shape in ((2, 3), (3, 2))]
    ours = differentiate_twice(line, arrays, {"np": np} | vars(autograd), grad)
    theirs = differentiate_twice(
        line, arrays, vars(torch), torch.autograd.grad
    )
    for g, expected in zip(ours, theirs):
        np.testing.assert_allclose(g.data, expected.numpy(), rtol=1e-10)


# book/06-gradient-checking.md#test-misuse-torch
REFUSED_BY_BOTH = """y = (x * x).sum(); y.backward(); y.backward()
y = (x * x).sum(); grad(y, x); grad(y, x)
y = (x * x).sum(); x.detach().copy_(x); y.backward()
(x * x).backward()
(x * x).backward(ones(3))
x.detach().sum().backward()
grad(x.sum(), ones(2))
grad(x.sum(), ones(2, requires_grad=True))
with no_grad(): (x * 2).sum().backward()
(x * 2).requires_grad = False
(x * 2).numpy()
tensor([1, 2], requires_grad=True)
x[0] = 1.0
x.register_hook(lambda g: ones(3)); x.sum().backward()
x.detach().register_hook(print)
x.sum(1)
x[0, 0]
x.max(1)
x.unsqueeze(3)
x + "a"
tensor("a")
len(x[0])"""
REFUSED_IN_OTHER_WAYS = [  # the line, our error, PyTorch's
    ("x + ones(3)", ValueError, RuntimeError),
    ("x @ ones(3)", ValueError, RuntimeError),
    ("x.reshape(3)", ValueError, RuntimeError),
    ("cat([x, ones(2, 2)])", ValueError, RuntimeError),
    ("x.item()", ValueError, RuntimeError),
    ("bool(x)", ValueError, TypeError),
    ("grad(x.sum(), [])", ValueError, RuntimeError),
    ("y = x * 2; y[0] = 1.0; y.sum().backward()", RuntimeError, None),
    ("y = x.sum(); y.backward(); y.backward()", RuntimeError, None),
    ("x.clip()", None, RuntimeError),
    ("x.gather(0, tensor([2]))", IndexError, RuntimeError),
    ("x[0].sum(0)", IndexError, None),
    ("x.detach()[:0].amax(0)", ValueError, IndexError),
    ("x[:1].var()", ValueError, None),
]


# book/06-gradient-checking.md#test-misuse-torch-run
def error_of(line, names):
    """Return the kind of error that a line of Python ends with, or None."""
    x = names["tensor"]([1.0, 2.0], requires_grad=True)
    try:
        exec(line, names | {"x": x})
    except Exception as error:
        return type(error)


class TestMisuseAgainstPyTorch:
    @pytest.fixture
    def errors(self):
        torch = pytest.importorskip("torch")
        theirs = vars(torch) | {"grad": torch.autograd.grad}
        both = {"np": np} | vars(autograd), theirs
        return lambda line: [error_of(line, names) for names in both]

    @pytest.mark.parametrize("line", REFUSED_BY_BOTH.splitlines())
    def test_the_same_error(self, errors, line):
        ours, theirs = errors(line)
        assert ours is theirs is not None

    @pytest.mark.parametrize(("line", "ours", "theirs"), REFUSED_IN_OTHER_WAYS)
    def test_another_error_and_we_know_it(self, errors, line, ours, theirs):
        assert errors(line) == [ours, theirs]


# book/07-modules.md#test-all-cases-linear
class TestLinearCases(Cases):
    cases = [("linear", nn.linear, [(5, 3), (2, 3), (2,)])]


# book/08-losses.md#test-softmax
class TestSoftmax:
    @pytest.mark.parametrize("f", [softmax, log_softmax, logsumexp])
    @pytest.mark.parametrize("dim", [0, 1, -1])
    def test_derivatives_match_numeric_ones(self, f, dim):
        x = Tensor(
            np.random.default_rng(0).normal(size=(3, 4, 2)),
            requires_grad=True,
        )
        gradcheck(lambda x: f(x, dim), x)
        gradgradcheck(lambda x: f(x, dim), x)

    @pytest.mark.parametrize("shift", [0, 1e4, -1e4])
    def test_is_the_formula_whatever_is_added(self, shift):
        total = math.exp(1) + math.exp(2) + math.exp(3)
        p = [math.exp(1) / total, math.exp(2) / total, math.exp(3) / total]
        x = Tensor(np.array([1.0, 2.0, 3.0]) + shift)
        assert x.softmax(0).data == pytest.approx(p)
        assert x.log_softmax(0).data == pytest.approx(np.log(p))
        assert x.logsumexp(0).item() == pytest.approx(math.log(total) + shift)

    @pytest.mark.parametrize("f", [softmax, log_softmax])
    def test_keeps_float32(self, f):
        assert f(Tensor([[1.0, 2.0]]), 1).dtype == np.float32

    def test_of_an_axis_that_is_not_there(self):
        with pytest.raises(IndexError, match=r"softmax: .*dim 2"):
            Tensor([[1.0, 2.0]]).softmax(2)


# book/08-losses.md#test-softmax-fractions
class TestSoftmaxInFractions:
    def logits(self, *numbers):
        p = [Fraction(n, sum(numbers)) for n in numbers]
        return Tensor(np.log(numbers), requires_grad=True), p

    @pytest.mark.parametrize("numbers", [(1, 2, 5), (7, 7, 2), (1, 1, 9999)])
    def test_all_derivatives(self, numbers):
        x, p = self.logits(*numbers)
        (slopes,) = grad(x.logsumexp(), x, create_graph=True)
        assert slopes.data == pytest.approx(np.array(p, float))
        for i in range(3):
            expected = [float(p[i] * ((i == j) - p[j])) for j in range(3)]
            (row,) = grad(slopes[i], x, retain_graph=True)
            assert row.data == pytest.approx(expected)
            (row,) = grad(x.softmax(0)[i], x)
            assert row.data == pytest.approx(expected)
            (row,) = grad(x.log_softmax(0)[i], x)
            expected = [float((i == j) - p[j]) for j in range(3)]
            assert row.data == pytest.approx(expected)

    def test_logarithms_of_halves_are_bits(self):
        x, p = self.logits(4, 2, 1, 1)
        bits = (-x.log_softmax(0) / math.log(2)).data
        assert bits == pytest.approx([1, 2, 3, 3])
        entropy = sum(float(q) * b for q, b in zip(p, bits))
        assert entropy == pytest.approx(1.75)


# book/08-losses.md#test-softmax-extremes
class TestSoftmaxOfExtremes:
    def test_stands_far_apart_logits(self):
        x = Tensor(np.array([1e4, 0, -1e4]), requires_grad=True)
        assert x.softmax(0).data.tolist() == [1, 0, 0]
        y = x.log_softmax(0)
        assert y.data.tolist() == [0, -1e4, -2e4]
        y[2].backward()
        assert x.grad.data.tolist() == [-1, 0, 1]

    def test_takes_impossible_classes(self):
        x = Tensor(np.array([-np.inf, 0.0, 0.0]), requires_grad=True)
        assert x.softmax(0).data.tolist() == [0, 0.5, 0.5]
        assert x.log_softmax(0).data[0] == -np.inf
        x.logsumexp().backward()
        assert x.grad.data == pytest.approx(np.array([0, 0.5, 0.5]))

    @pytest.mark.parametrize(
        ("x", "y"),
        [
            ([1000, 1000], 1000 + math.log(2)),
            ([-1000, -1000], -1000 + math.log(2)),
            ([-np.inf, -np.inf], -np.inf),
            ([np.inf, 0], np.inf),
            ([3], 3),
        ],
    )
    def test_logsumexp_of_extreme_numbers(self, x, y):
        assert logsumexp(Tensor(np.array(x, float))).item() == y

    def test_logsumexp_over_several_axes(self):
        x = Tensor(np.zeros((2, 3, 4), np.float32))
        y = x.logsumexp((0, 2), keepdim=True)
        assert y.shape == (1, 3, 1)
        assert y.data == pytest.approx(math.log(8))
        assert y.dtype == np.float32
        assert x.logsumexp(1).shape == (2, 4)


# book/08-losses.md#test-all-cases-losses
class TestLossCases(Cases):
    cases = [
        ("softmax", lambda x: x.softmax(1), [(2, 3)]),
        ("log_softmax", lambda x: x.log_softmax(0), [(2, 3)]),
        ("logsumexp", lambda x: x.logsumexp(1), [(2, 3)]),
        ("softplus", lambda x: nn.softplus(3 * x - 3), [(2, 3)]),
        ("entropy", lambda x: nn.cross_entropy(x, [2, 0]), [(2, 3)]),
    ]


# book/13-more-operations.md#test-all-cases-more
LINES = """x.rsqrt() x.square() x.reciprocal() x.tan() x.sinh() x.cosh()
x.log2() x.prod() x.prod(0) x.prod(1,keepdim=True) x.cumsum(1) x.mm(x.T)
x[None].bmm(x.mT[None]) x.mv(x[0]) x[0].dot(x[1]) x[0].outer(x[1])
x[:,:2].addmm(x,x.T[:,:2],beta=2,alpha=3) x.tril() x.triu(1) x.flip(0,1)
x.roll(1) x.roll((1,-1),(0,1)) x.repeat(2,1,2) x.chunk(2,1)[1]
x.index_select(1,[2,0,2]) x.masked_fill(CHESS,3) x.sort(0,True).values
x.topk(2).values x.trace() x.diagonal(1) x.norm() x.norm(1,0) x.norm(3,1)
x.norm(math.inf) x.norm(-math.inf,1) x.view(3,2) x.clamp(0.5) x.pow(3)
x.matmul(x.T) nn.gelu(x-1) nn.gelu(x-1,'tanh') nn.leaky_relu(x-1)
nn.elu(x-1,2) nn.silu(x-1) nn.softplus(x,2) nn.softplus(x,1,1)
nn.smooth_l1_loss(x-x[0,0],0*x.data,beta=0.5) nn.normalize(x)
nn.cosine_similarity(x,x.flip(1)) nn.binary_cross_entropy(x/2,x/3)
nn.cross_entropy(x,x.softmax(1),label_smoothing=0.1)
nn.cross_entropy(x,[0,1],WEIGHT)
nn.cross_entropy(x[None],np.array([[0,-100,1]]))"""
WEIGHT = np.array([1.0, 2, 3])
NAMES = {"CHESS": CHESS, "WEIGHT": WEIGHT, "math": math, "nn": nn, "np": np}


class TestMoreCases(Cases):
    cases = [
        (line, lambda x, code=line: eval(code, NAMES | {"x": x}), [(2, 3)])
        for line in LINES.split()
    ]


# book/14-from-pytorch.md#test-all-cases-function
class Product(Function):
    """x * y, with rules of its own."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x


class TestFunctionCases(Cases):
    cases = [("Function", Product.apply, [(2, 3), (2, 3)])]


# book/20-convolution.md#test-all-cases-conv2d
class TestConvolutionCases(Cases):
    cases = [("conv2d", nn.conv2d, [(2, 2, 3, 4), (2, 2, 2, 3), (2,)])]


# book/22-pooling.md#test-all-cases-pooling
class TestPoolingCases(Cases):
    cases = [
        ("max_pool2d", lambda x: nn.max_pool2d(x, 2), [(1, 2, 2, 2)]),
        ("avg_pool2d", lambda x: nn.avg_pool2d(x, 2, 1), [(1, 2, 3, 2)]),
        (
            "adaptive_avg_pool2d",
            lambda x: nn.adaptive_avg_pool2d(x, 2),
            [(1, 1, 3, 2)],
        ),
    ]


# book/23-batch-normalisation.md#test-all-cases-norm
def batch_norm(x):
    """Return x normalised by itself."""
    return nn.batch_norm(x, None, None, training=True)


class TestNormalisationCases(Cases):
    cases = [
        ("batch_norm", batch_norm, [(3, 2)]),
        ("group_norm", lambda x: nn.group_norm(x, 2), [(2, 4)]),
        ("layer_norm", lambda x: nn.layer_norm(x, (3,)), [(2, 3)]),
    ]


# book/34-fast-numpy.md#test-all-cases-norm-affine
def batch_norm_affine(x, weight, bias):
    """Return x normalised, stretched and moved."""
    return nn.batch_norm(x, None, None, weight, bias, training=True)


class TestBatchNormCases(Cases):
    cases = [("batch_norm_affine", batch_norm_affine, [(3, 2), (2,), (2,)])]
