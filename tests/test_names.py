# Made from book/ by scripts/tangle.py: edit the chapters.
"""Names of PyTorch: the same program under both, where both are there."""

import zipfile

import numpy as np
import pytest

import dlfs

# book/14-from-pytorch.md#test-names
PROGRAMS = [
    "t.eq(2).any().item(), t.gt(0).all().item(), t.ne(1).tolist()",
    "t.add(1).sub(2).mul(3).div(2).neg().tolist(), t.dim()",
    "t.narrow(1, 1, 2).tolist(), [u.tolist() for u in t.unbind(1)]",
    "t.long().tolist(), t.type(torch.float64).element_size()",
    "t.to('cpu').cpu().contiguous().new_zeros(2, 1).tolist()",
    "t.add_(1).mul_(2).sub_(1).div_(2).clamp_(1, 3).tolist()",
    "t.fill_(2).tolist(), t.zero_().tolist()",
    "torch.sum(t).item(), torch.mean(t).item(), torch.argmax(t).item()",
    "torch.linspace(0, 1, 5).tolist(), torch.isnan(t).any().item()",
    "torch.equal(t, t), torch.allclose(t, t + 1), torch.empty(2).dim()",
    "torch.bincount(t.long().flatten()).tolist()",
    "sorted(torch.randperm(9).tolist())",
    "'abc'[t.long()[0, 0]]",
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
        assert ours == result(torch, program)

    def test_that_are_missing_say_what_to_write(self):
        with pytest.raises(AttributeError, match=r"no clamp: write clip"):
            _ = dlfs.clamp
        assert not hasattr(dlfs, "nonsense")

    def test_lead_to_the_folders(self):
        assert dlfs.nn.Linear(2, 1).weight.shape == (1, 2)

    def test_another_device_is_refused(self):
        with pytest.raises(RuntimeError, match=r'only "cpu", not .cuda'):
            dlfs.ones(1).to("cuda")

    def test_a_generator_repeats(self):
        draws = [
            dlfs.rand(3, generator=dlfs.Generator().manual_seed(1))
            for _ in range(2)
        ]
        assert dlfs.equal(*draws)


class TestInPlace:
    def test_weights_stay_leaves(self):
        w = same = dlfs.tensor([1.0, 2.0], requires_grad=True)
        (w * w).sum().backward()
        with dlfs.no_grad():
            w -= 0.5 * w.grad
        assert w is same and w.is_leaf and w.requires_grad
        assert w.tolist() == [0.0, 0.0]

    def test_a_leaf_that_is_recorded_is_refused(self):
        w = dlfs.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="no_grad"):
            w.add_(1)

    def test_where_it_is_recorded_a_new_tensor_is_made(self):
        w = same = dlfs.ones(2, requires_grad=True)
        w -= 1
        assert w is not same and same.tolist() == [1, 1]


class TestFiles:
    def test_come_back(self, tmp_path):
        path = tmp_path / "model.pth"  # the ending does not matter
        model = dlfs.nn.Linear(3, 2)
        dlfs.save(model.state_dict(), path)
        other = dlfs.nn.Linear(3, 2)
        other.load_state_dict(dlfs.load(path))
        assert dlfs.equal(model.weight, other.weight)

    def test_of_pytorch_are_refused(self, tmp_path):
        path = tmp_path / "model.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", b"")
        with pytest.raises(ValueError, match=r"there: numpy\.savez"):
            dlfs.load(path)

    def test_hold_arrays_only(self, tmp_path):
        with pytest.raises(TypeError, match="save: a is a str"):
            dlfs.save({"a": "b"}, tmp_path / "x")
        with pytest.raises(TypeError, match="save: a is a list"):
            dlfs.save({"a": [np.zeros(1), "b"]}, tmp_path / "x")
