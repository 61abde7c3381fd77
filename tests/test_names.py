# Made from book/ by scripts/tangle.py: edit the chapters.
"""Names of PyTorch: the same program under both, where both are there."""

import gc
import io
import re
import zipfile

import numpy as np
import pytest

import dlfs
from dlfs import nn
from dlfs.autograd import Function, gradcheck, gradgradcheck
from dlfs.autograd.names import ELSEWHERE, ON_PURPOSE, USUAL, names_of

# book/14-from-pytorch.md#test-names
PROGRAMS = [
    "t.eq(2).any().item(), t.gt(0).all().item(), t.ne(1).tolist()",
    "t.lt(1).tolist(), t.ge(2).any(1).tolist(), t.le(2).all(0).tolist()",
    "t.add(1).sub(2).mul(3).div(2).neg().tolist(), t.dim()",
    "t.add(t, alpha=2).sub(1, alpha=3).tolist()",
    "torch.add(t, t, alpha=2).tolist(), torch.flip(t, dims=(0,)).tolist()",
    "t.bool().tril().dtype == torch.bool, (~t.bool().triu()).tolist()",
    "t.t().contiguous().is_contiguous(), t.norm(-1).item()",
    "[y.add_(1).tolist() for y in (t.flip(0), t.roll(0, 1))], t.tolist()",
    "t[:1].prod(0).add_(1).tolist(), t.repeat(1, 1).add_(1).tolist()",
    "tuple(torch.rand_like(t, device='cpu').shape), t.tolist()",
    "torch.inference_mode(lambda x: (x + 1).requires_grad)(t)",
    "t.narrow(1, 1, 2).tolist(), [u.tolist() for u in t.unbind(1)]",
    "t.narrow(-1, 0, 0).shape == (2, 0), len(t.unbind())",
    "t.long().tolist(), t.type(torch.float64).element_size()",
    "t.int().element_size(), t.bool().tolist(), t.double().dim()",
    "t.to('cpu').cpu().contiguous().new_zeros(2, 1).tolist()",
    "t.to(torch.float64).type_as(t).new_ones((2,)).tolist()",
    "t.to('cpu', torch.int64).tolist(), str(t.device), t.device.type",
    "t.add_(1).mul_(2).sub_(1).div_(2).clamp_(1, 3).tolist()",
    "t.fill_(2).tolist(), t.zero_().tolist(), t.bool().zero_().tolist()",
    "t.view(3, -1).tolist(), t.view(-1).view_as(t).tolist()",
    "t.clamp(min=1).tolist(), t.pow(2).tolist(), t.square().tolist()",
    "t.matmul(t.t()).tolist(), t[:, :1].expand_as(t).tolist()",
    "(t % 2).tolist(), (t.long() % -2).tolist(), (t.long() // 2).tolist()",
    "t[0, ::2].var(unbiased=False).item(), t[0].std(0, True).item()",
    "t.nelement(), t.is_floating_point(), t.is_cuda, t.grad_fn",
    "((t > 1) & (t < 3)).tolist(), (~(t > 1) | (t == 2)).tolist()",
    "torch.sum(t).item(), torch.mean(t).item(), torch.argmax(t).item()",
    "torch.sum(t, 1).tolist(), torch.mean(t, dim=0).tolist()",
    "torch.max(t, 1)[1].tolist(), torch.std(t).dim(), torch.numel(t)",
    "torch.linspace(0, 1, 5).tolist(), torch.isnan(t).any().item()",
    "torch.isfinite(t - torch.inf).tolist(), torch.isinf(t).tolist()",
    "torch.equal(t, t), torch.allclose(t, t + 1), torch.empty(2).dim()",
    "torch.equal(t, t[:1]), torch.allclose(t, t + 1e-9)",
    "torch.bincount(t.long().flatten()).tolist()",
    "torch.bincount(torch.tensor([1, 1]), minlength=4).tolist()",
    "sorted(torch.randperm(9).tolist()), torch.is_tensor(t)",
    "'abc'[t.long()[0, 0]], torch.inf, torch.clamp(t, max=2).tolist()",
    "torch.zeros(2, device='cpu', dtype=torch.long).tolist()",
    "torch.ones(2, device=t.device).tolist(), torch.rand_like(t).shape",
    "torch.tensor([1.5]).to(torch.device('cpu')).tolist()",
    "torch.multinomial(torch.tensor([0.0, 1.0]), 3, True).tolist()",
    "torch.as_tensor([1, 2]).tolist(), torch.as_tensor(t) is t",
    "(t.argmax(1) == torch.tensor([2, 0])).type(torch.float).sum().item()",
]


def result(torch, program):
    t = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    return eval(program, {"torch": torch, "t": t})


class TestNames:
    @pytest.mark.parametrize("program", PROGRAMS)
    def test_give_what_pytorch_gives(self, program):
        ours = result(dlfs, program)
        torch = pytest.importorskip("torch")
        np.testing.assert_equal(ours, result(torch, program))

    def test_with_gradients_agree_with_the_numeric_ones(self):
        def function(x, y):
            x = x.add(y, alpha=2).sub(y).mul(y).div(y.square().add(1)).neg()
            x = x % y
            return x.pow(2).matmul(y.t()).view(-1).clamp(-9, 9).narrow(0, 1, 2)

        rng = np.random.default_rng(0)
        x, y = (
            dlfs.tensor(rng.normal(size=(2, 3)), requires_grad=True)
            for _ in range(2)
        )
        assert gradcheck(function, [x, y])

    def test_are_known_to_help(self):
        tensor = dlfs.Tensor
        assert tensor.eq.__name__ == "eq" and tensor.__mod__.__doc__
        assert tensor.zero_.__doc__ == "Do what PyTorch's `Tensor.zero_` does."
        assert dlfs.sum.__doc__ == tensor.sum.__doc__
        assert dlfs.clamp.__name__ == "clamp"

    def test_lead_to_the_folders(self):
        assert dlfs.nn.Linear(2, 1).weight.shape == (1, 2)
        assert dlfs.optim.SGD and dlfs.data.DataLoader
        assert {"nn", "randperm", "zeros"} <= {*dir(dlfs)}

    def test_lead_to_operations_that_the_door_did_not_choose(self):
        assert dlfs.div is dlfs.autograd.div
        assert not hasattr(dlfs, "numeric_gradient")

    def test_another_device_is_refused(self):
        for use in dlfs.ones(1).to, nn.Linear(1, 1).to, dlfs.device:
            with pytest.raises(RuntimeError, match=r'only "cpu", not .cuda'):
                use("cuda")
        with pytest.raises(RuntimeError, match=r'only "cpu", not .cuda'):
            dlfs.zeros(2, device="cuda")

    def test_a_tensor_of_several_is_no_index(self):
        for t in dlfs.ones(2).long(), dlfs.ones(1):
            with pytest.raises(TypeError, match="index: expected one integer"):
                [1, 2][t]

    def test_what_is_not_within_an_axis_is_refused(self):
        with pytest.raises(IndexError, match="narrow: 1 to 3 is not within"):
            dlfs.ones(2).narrow(0, 1, 2)

    def test_modes_of_recording_are_as_in_pytorch(self):
        x = dlfs.ones(1).requires_grad_()
        with dlfs.inference_mode():
            assert not (x * 2).requires_grad
            with dlfs.enable_grad():
                assert (x * 2).requires_grad
        with dlfs.inference_mode(False):
            assert (x * 2).grad_fn == "mul"
        assert not x.requires_grad_(False).requires_grad


# book/14-from-pytorch.md#test-names-random
class TestRandom:
    def test_a_generator_repeats(self):
        draws = [
            dlfs.rand(3, generator=dlfs.Generator().manual_seed(1))
            for _ in range(2)
        ]
        assert dlfs.equal(*draws)
        draws = [
            dlfs.zeros(3).normal_(generator=dlfs.Generator().manual_seed(1))
            for _ in range(2)
        ]
        assert dlfs.equal(*draws) and draws[0].std().item() > 0

    def test_numbers_lie_where_they_should(self):
        source = dlfs.Generator().manual_seed(0)
        x = dlfs.empty(10_000)
        assert x.uniform_(2, 4, generator=source) is x
        assert 2 <= x.min().item() < 2.1 and 3.9 < x.max().item() <= 4
        x.normal_(5, 0.1, generator=source)
        assert abs(x.mean().item() - 5) < 0.01
        assert abs(x.std().item() - 0.1) < 0.01
        y = dlfs.normal(5, 0.1, (10_000,), generator=source)
        assert abs(y.mean().item() - 5) < 0.01

    @pytest.mark.parametrize("replacement", [True, False])
    def test_positions_are_as_frequent_as_their_chances(self, replacement):
        chances = dlfs.tensor([[3.0, 1, 0], [0, 1, 1]]).expand(5000, 2, 3)
        found = dlfs.multinomial(
            chances.reshape(-1, 3),
            1,
            replacement,
            generator=dlfs.Generator().manual_seed(0),
        ).reshape(-1, 2)
        shares = [np.bincount(found.data[:, i], minlength=3) for i in (0, 1)]
        expected = [[0.75, 0.25, 0], [0, 0.5, 0.5]]
        assert np.abs(np.array(shares) / 5000 - expected).max() < 0.02

    def test_positions_without_replacement_are_different(self):
        found = dlfs.multinomial(dlfs.tensor([1.0, 2, 3, 0, 4]), 4)
        assert sorted(found.tolist()) == [0, 1, 2, 4]

    @pytest.mark.parametrize(
        "chances", [[0.0, 0.0], [-1.0, 2.0], [float("nan"), 1.0]]
    )
    def test_bad_chances_are_refused(self, chances):
        with pytest.raises(ValueError, match="multinomial: chances must be"):
            dlfs.multinomial(dlfs.tensor(chances), 1)

    def test_more_positions_than_there_are_cannot_be_drawn(self):
        with pytest.raises(ValueError, match="least 2 in each row above 0"):
            dlfs.multinomial(dlfs.tensor([1.0, 0.0]), 2)


# book/14-from-pytorch.md#test-names-in-place
class TestInPlace:
    def test_weights_stay_leaves(self):
        w = same = dlfs.tensor([1.0, 2.0], requires_grad=True)
        (w * w).sum().backward()
        with dlfs.no_grad():
            w -= 0.5 * w.grad
        assert w is same and w.is_leaf and w.requires_grad
        assert w.tolist() == [0.0, 0.0]
        w.grad.zero_()
        assert w.grad.tolist() == [0.0, 0.0]

    @pytest.mark.parametrize(
        "change",
        [
            lambda w: w.add_(1),
            lambda w: w.zero_(),
            lambda w: w.__isub__(1),
            lambda w: (w * 2).add_(1),
        ],
    )
    def test_what_is_part_of_a_graph_is_not_overwritten(self, change):
        with pytest.raises(RuntimeError, match=r"part of a graph: .*x = x"):
            change(dlfs.ones(2, requires_grad=True))

    def test_a_gradient_is_not_lost(self):
        w = dlfs.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="add_: a gradient would be"):
            dlfs.ones(2).add_(w)

    def test_an_operator_makes_a_new_tensor_where_a_graph_minds(self):
        w = dlfs.ones(2, requires_grad=True)
        total = start = dlfs.zeros(2)
        total += w
        total *= 3
        assert start.tolist() == [0, 0] and total is not start
        total.sum().backward()
        assert w.grad.tolist() == [3, 3]

    def test_a_constant_is_overwritten_as_in_pytorch(self):
        t = same = dlfs.ones(2)
        t /= 4
        assert t is same and same.tolist() == [0.25, 0.25]

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(TypeError, match=r"float.. does not fit into i"):
            dlfs.ones(2).long().add_(0.5)
        with pytest.raises(ValueError, match=r"shape \(3, 2\) does not fit"):
            dlfs.ones(2).add_(dlfs.ones(3, 2))

    def test_backward_notices_what_it_needs(self):
        x = dlfs.ones(2, requires_grad=True)
        factor = dlfs.ones(2)
        y = x * factor
        factor.mul_(2)
        with pytest.raises(RuntimeError, match="changed in place"):
            y.sum().backward()

    def test_an_array_takes_a_step_of_tensors(self):
        w = dlfs.tensor([1.0, 2.0], requires_grad=True)
        (w * w).sum().backward()
        y = w * w
        w.data -= 0.5 * w.grad
        assert w.tolist() == [0, 0]
        with pytest.raises(RuntimeError, match="changed in place"):
            y.sum().backward()

    def test_an_array_takes_no_gradient(self):
        array = np.ones(2)
        with pytest.raises(RuntimeError, match="add: an array cannot carry"):
            array += dlfs.ones(2, requires_grad=True)
        t = dlfs.ones(2)
        with pytest.raises(TypeError):
            np.add(t, 1, out=t)


# book/14-from-pytorch.md#test-names-function
class Divide(Function):
    """a / b, and what PyTorch's documentation calls a context."""

    seen = []

    @staticmethod
    def forward(ctx, a, b, note=None):
        y = a / b
        ctx.save_for_backward(b, y, None)
        return y

    @staticmethod
    def backward(ctx, g):
        b, y, _ = ctx.saved_tensors
        Divide.seen.append(ctx.needs_input_grad)
        return g / b, -g * y / b, None


class SinCos(Function):
    """Two outputs with gradients, and a third of integers."""

    @staticmethod
    def forward(ctx, x):
        s, c = x.sin(), x.cos()
        ctx.save_for_backward(s, c)
        return s, x.argmax(), c[:1]

    @staticmethod
    def backward(ctx, gs, gc):
        s, c = ctx.saved_tensors
        rest = dlfs.zeros(len(s) - 1, dtype=gc.dtype)
        return gs * c - dlfs.cat([gc, rest]) * s


def doubles(*values):
    return dlfs.tensor(list(values), dtype=np.float64, requires_grad=True)


class TestFunction:
    def test_has_both_derivatives(self):
        inputs = [doubles(1, -2, 3), doubles(4, 0.5, -2)]
        assert gradcheck(Divide.apply, inputs)
        assert gradgradcheck(Divide.apply, inputs)

    def test_backward_is_called_once_and_told_what_is_needed(self):
        Divide.seen.clear()
        a, b = doubles(1), doubles(2)
        Divide.apply(a, b, "note").backward()
        assert (a.grad.item(), b.grad.item()) == (0.5, -0.25)
        Divide.apply(3.0, b).backward()
        assert Divide.seen == [(True, True, False), (False, True)]

    def test_may_return_several_tensors(self):
        x = doubles(0.3, 2.0, -1.0)
        s, where, c = SinCos.apply(x)
        assert where.item() == 1 and not where.requires_grad
        (s.sum() + 2 * c.sum()).backward()
        expected = np.cos(x.data) - 2 * np.sin(x.data) * [1, 0, 0]
        assert np.allclose(x.grad.data, expected)
        assert gradcheck(lambda x: SinCos.apply(x)[2] * 2, [x])

    def test_of_constants_is_a_constant(self):
        y = Divide.apply(dlfs.ones(2), dlfs.ones(2))
        assert y.is_leaf and not y.requires_grad
        with dlfs.no_grad():
            assert Divide.apply(doubles(1), doubles(2)).is_leaf

    def test_every_argument_keeps_its_dtype(self):
        a, b = doubles(1, 2), dlfs.tensor([4.0, 8.0], requires_grad=True)
        y = Divide.apply(a, b)
        y.sum().backward()
        assert y.dtype == a.grad.dtype == np.float64
        assert b.grad.dtype == np.float32
        assert b.grad.tolist() == [-1 / 16, -1 / 32]

    def test_is_named_in_errors_and_tensors(self):
        y = Divide.apply(doubles(1), doubles(2))
        assert y.grad_fn == "Divide"
        y.backward()
        with pytest.raises(RuntimeError, match="Divide: an earlier backward"):
            y.backward()

    def test_leaves_no_circle_behind(self):
        gc.collect()
        gc.disable()
        try:
            a, b = doubles(1), doubles(2)
            for _ in range(3):
                dlfs.grad(Divide.apply(a, b), [a, b], create_graph=True)
                Divide.apply(a, b).backward()
            assert gc.collect() == 0
        finally:
            gc.enable()

    @pytest.mark.parametrize(
        "returned, message",
        [
            (lambda g: (g, g), "2 gradients for 1 arguments: return one"),
            (lambda g: g.sum(), r"shape \(\) for argument 0 of shape \(2,\)"),
        ],
    )
    def test_wrong_gradients_are_refused(self, returned, message):
        class Wrong(Divide):
            forward = staticmethod(lambda ctx, x: x * 2)
            backward = staticmethod(lambda ctx, g: returned(g))

        with pytest.raises(RuntimeError, match=f"Wrong.*{message}"):
            Wrong.apply(doubles(1, 2)).sum().backward()

    def test_what_is_missing_is_named(self):
        with pytest.raises(NotImplementedError, match=r"forward\(ctx"):
            Function.apply(dlfs.ones(1))
        half = type("Half", (Function,), {})
        half.forward = staticmethod(lambda ctx, x: x.numpy() / 2)
        with pytest.raises(TypeError, match=r"Half.forward: returned a nda"):
            half.apply(dlfs.ones(1))

    def test_no_gradient_is_none_or_zero(self):
        class First(Function):
            forward = staticmethod(lambda ctx, a, b: a + b)
            backward = staticmethod(lambda ctx, g: (g, None))

        a, b = doubles(1), doubles(2)
        First.apply(a, b).backward()
        assert a.grad.item() == 1 and b.grad.item() == 0

    def test_gives_what_it_gives_in_pytorch(self):
        torch = pytest.importorskip("torch")
        body = {"forward": Divide.forward, "backward": Divide.backward}
        theirs = type("Theirs", (torch.autograd.Function,), body)
        found = []
        for library, function in (dlfs, Divide), (torch, theirs):
            a = library.tensor([1.0, -2.0], requires_grad=True)
            b = library.tensor([3.0, 5.0], requires_grad=True)
            y = function.apply(a, b, "note")
            (g,) = library.autograd.grad(y.sum(), [b], create_graph=True)
            (g * g).sum().backward()
            found.append([y.tolist(), a.grad.tolist(), b.grad.tolist()])
        np.testing.assert_allclose(*found, rtol=1e-6)


# book/14-from-pytorch.md#test-names-files
class TestFiles:
    @pytest.mark.parametrize("name", ["model.npz", "model.pth", "model"])
    def test_come_back(self, tmp_path, name):
        path = tmp_path / name  # the ending does not matter
        model, other = nn.Linear(3, 2), nn.Linear(3, 2)
        dlfs.save(model.state_dict(), path)
        other.load_state_dict(dlfs.load(path, map_location="cpu"))
        assert dlfs.equal(model.weight, other.weight)
        assert [each.name for each in tmp_path.iterdir()] == [name]

    def test_keep_names_dtypes_and_shapes(self, tmp_path):
        state = {
            "file": dlfs.ones(2, 3, dtype=dlfs.float64),
            "a.b/c": dlfs.tensor(3).long(),
            "mask": dlfs.ones(0, 2).bool(),
        }
        dlfs.save(state, tmp_path / "x")
        found = dlfs.load(tmp_path / "x")
        assert [*found] == [*state]
        for name, value in state.items():
            assert dlfs.equal(found[name], value)
            assert found[name].dtype == value.dtype

    def test_of_numpy_are_read_too(self, tmp_path):
        np.savez(tmp_path / "x.npz", w=np.arange(3))
        assert dlfs.load(tmp_path / "x.npz")["w"].tolist() == [0, 1, 2]

    def test_of_pytorch_are_refused(self, tmp_path):
        torch = pytest.importorskip("torch")
        for zipped in True, False:
            state = torch.nn.Linear(3, 2).state_dict()
            torch.save(
                state,
                tmp_path / "model.pth",
                _use_new_zipfile_serialization=zipped,
            )
            with pytest.raises(ValueError, match=r"is: numpy\.savez"):
                dlfs.load(tmp_path / "model.pth")

    def test_of_pytorch_are_converted_as_the_error_says(self, tmp_path):
        torch = pytest.importorskip("torch")
        theirs, path = torch.nn.Linear(3, 2), tmp_path / "model.pth"
        torch.save(theirs.state_dict(), path)
        with pytest.raises(ValueError, match="no file of arrays") as caught:
            dlfs.load(path)
        recipe = str(caught.value).partition("PyTorch is: ")[2]
        recipe = recipe.replace('"new.npz"', "new")
        names = {"numpy": np, "torch": torch, "path": path}
        eval(recipe, names | {"new": tmp_path / "new.npz"})
        ours = nn.Linear(3, 2)
        ours.load_state_dict(dlfs.load(tmp_path / "new.npz"))
        assert ours.weight.tolist() == theirs.weight.tolist()

    def test_that_are_no_arrays_are_refused(self, tmp_path):
        path = tmp_path / "x"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", b"")
        with pytest.raises(ValueError, match="no file of arrays"):
            dlfs.load(path)
        path.write_bytes(b"nothing")
        with pytest.raises(ValueError, match="no file of arrays"):
            dlfs.load(path)
        np.savez(path.open("wb"), a=np.array([{}]))
        with pytest.raises(ValueError, match="it has the type object"):
            dlfs.load(path)

    def test_that_are_broken_say_so(self, tmp_path):
        path = tmp_path / "x"
        dlfs.save({"a": np.zeros(100)}, path)
        content = bytearray(path.read_bytes())
        content[300] ^= 1
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"load: .*x cannot be read: Bad"):
            dlfs.load(path)

    def test_that_announce_too_much_cost_no_memory(self, tmp_path):
        path, header = tmp_path / "x", io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header,
            {"shape": (10**12,), "fortran_order": False, "descr": "<f8"},
        )
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", header.getvalue())
        with pytest.raises(ValueError, match="can't have 0 bytes"):
            dlfs.load(path)

    def test_that_are_not_there_say_so(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="gone does not exist"):
            dlfs.load(tmp_path / "gone")

    def test_run_no_programs(self, tmp_path):
        with pytest.raises(ValueError, match="no code is ever run"):
            dlfs.load(tmp_path / "x", weights_only=False)

    def test_hold_arrays_only(self, tmp_path):
        for value, kind in ("b", "str"), ([np.zeros(1), "b"], "list"):
            with pytest.raises(TypeError, match=f"save: a is a {kind}; exp"):
                dlfs.save({"a": value}, tmp_path / "x")
        with pytest.raises(TypeError, match="a Linear is no dict of arrays"):
            dlfs.save(nn.Linear(1, 1), tmp_path / "x")
        assert not [*tmp_path.iterdir()]


# book/14-from-pytorch.md#test-names-table
OWNERS = {
    "dlfs": dlfs,
    "Tensor": dlfs.ones(1, 1, requires_grad=True),
    "Module": nn.Linear(1, 1),
    "dlfs.autograd": dlfs.autograd,
    "dlfs.nn": nn,
    "dlfs.optim": dlfs.optim,
    "dlfs.data": dlfs.data,
}


class TestTable:
    @pytest.mark.parametrize("place", USUAL)
    def test_every_name_is_here_or_says_what_to_write(self, place):
        owner = OWNERS[place]
        for name, advice in names_of(place).items():
            if advice is None:
                assert hasattr(owner, name)
                continue
            with pytest.raises(AttributeError) as caught:
                getattr(owner, name)
            assert advice
            text = advice.replace("`", "")
            assert str(caught.value).endswith(f" has no {name}: {text}")

    @pytest.mark.parametrize("place", USUAL)
    def test_its_names_are_those_of_pytorch(self, place):
        torch = pytest.importorskip("torch")
        theirs = {
            "dlfs": torch,
            "Tensor": torch.ones(1, 1, requires_grad=True),
            "Module": torch.nn.Linear(1, 1),
            "dlfs.autograd": torch.autograd,
            "dlfs.nn": torch.nn,
            "dlfs.optim": torch.optim,
            "dlfs.data": torch.utils.data,
        }[place]
        unknown = [n for n in names_of(place) if not hasattr(theirs, n)]
        assert unknown == []

    @pytest.mark.parametrize("place", USUAL)
    def test_no_name_is_in_it_twice(self, place):
        tables = USUAL[place].split(), ELSEWHERE[place], ON_PURPOSE[place]
        names = [name for table in tables for name in table]
        assert sorted(names) == sorted({*names})

    def test_most_of_the_usual_names_are_here(self):
        found = [a for place in USUAL for a in names_of(place).values()]
        assert found.count(None) > len(found) / 2

    def test_what_it_says_to_write_is_here(self):
        t = dlfs.ones(2, 2)
        for place in USUAL:
            advice = " ".join(ELSEWHERE[place].values())
            for word in re.split(r"[ (`]", advice):
                if word.startswith("dlfs."):
                    owner = dlfs
                    for name in word.rstrip(",").split(".")[1:]:
                        owner = getattr(owner, name)
        assert np.floor(t / 2).tolist() == np.zeros((2, 2)).tolist()
        assert dlfs.equal(dlfs.cat([t, t], 1), dlfs.ones(2, 4))

    def test_any_other_name_is_an_error_without_advice(self):
        with pytest.raises(AttributeError, match=r"^dlfs has no nonsense$"):
            _ = dlfs.nonsense
        with pytest.raises(AttributeError, match=r"no attribute 'relux_'$"):
            _ = dlfs.ones(1).relux_
        with pytest.raises(AttributeError, match=r"^Linear has no weights$"):
            _ = nn.Linear(1, 1).weights

    def test_a_method_that_would_overwrite_names_the_one_that_does_not(self):
        with pytest.raises(AttributeError, match=r"exp_: write x = x\.exp\("):
            dlfs.ones(1).exp_()

    def test_names_that_only_advise_are_not_listed(self):
        names = dir(dlfs.ones(1))
        assert "exp" in names and not {"exp_", "cuda"} & {*names}

    def test_numpy_is_named_where_it_has_the_name(self):
        with pytest.raises(AttributeError, match=r"write numpy\.kron, which"):
            _ = dlfs.kron
        with pytest.raises(AttributeError, match=r"16 bits: use dlfs\.fl"):
            _ = dlfs.float16

    def test_the_error_knows_the_owner_so_that_python_can_guess(self):
        with pytest.raises(AttributeError) as caught:
            _ = nn.Linaer
        assert caught.value.name == "Linaer" and caught.value.obj is nn


# book/14-from-pytorch.md#test-names-buffers
class Measured(nn.Module):
    """A layer with a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("var", dlfs.ones(2))


class TestBuffers:
    def test_are_tensors_of_their_own(self):
        layer = Measured()
        x = dlfs.ones(2, requires_grad=True)
        layer.var = x * 3
        assert layer.var.is_leaf and not layer.var.requires_grad
        assert (layer.var + 1).sqrt().tolist() == [2, 2]
        layer.var += 1
        assert layer.var.tolist() == [4, 4]
        array = np.zeros(2)
        layer.var = array
        array += 1
        assert layer.var.tolist() == [0, 0]

    def test_are_saved_loaded_and_converted(self):
        layer, other = Measured(), Measured()
        layer.var = [5.0, 6.0]
        other.load_state_dict(layer.state_dict())
        assert other.var.tolist() == [5, 6]
        assert other.to("cpu", dlfs.float64).var.dtype == np.float64
        assert type(layer.state_dict()["var"]) is np.ndarray
        assert other.to("cpu") is other


# book/14-from-pytorch.md#test-names-programs
def train_by_hand(torch, x, y, weights):
    """Two layers, their weights changed in place."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    w1, w2 = (torch.tensor(w, requires_grad=True) for w in weights)
    losses = []
    for _ in range(20):  # w1 changes as in new programs, w2 as in old ones
        loss = ((x @ w1).tanh() @ w2 - y).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            w1 -= 0.1 * w1.grad
            w1.grad.zero_()
        w2.data -= 0.1 * w2.grad
        w2.grad = None
        losses.append(loss.item())
    assert w1.is_leaf and w1.requires_grad
    return losses


def train_model(torch, x, y, weights):
    """The usual loop, with modules and an optimiser."""
    layers = [torch.nn.Linear(3, 8, bias=False), torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(8, 1, bias=False))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device).to(torch.float64)
    with torch.no_grad():
        for p, w in zip(model.parameters(), weights):
            p.copy_(torch.tensor(w).t())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        pred = model(torch.from_numpy(x).to(device))
        loss = torch.nn.MSELoss()(pred, torch.from_numpy(y).to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


class TestPrograms:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 1))
    weights = rng.normal(size=(3, 8)), rng.normal(size=(8, 1))

    @pytest.mark.parametrize("train", [train_by_hand, train_model])
    def test_train_as_in_pytorch(self, train):
        ours = train(dlfs, self.x, self.y, self.weights)
        assert ours[-1] < 0.9 * ours[0]
        torch = pytest.importorskip("torch")
        theirs = train(torch, self.x, self.y, self.weights)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
