# Made from book/ by scripts/tangle.py: edit the chapters.
"""The operations of chapter 13 against PyTorch."""

import math

import numpy as np
import pytest

from dlfs import nn
from dlfs.autograd import Tensor

# book/13-more-operations.md#test-more-torch
INPUTS = {
    "corners": [[0.0, -0.0, 1.0], [1.0, 1.0, -2.0], [-30.0, 30.0, 0.5]],
    "far": [[-1e3, 1e3, 21.0], [19.0, -90.0, 90.0], [3.0, 3.0, 3.0]],
    "zeros": [[0.0, 0.0, 0.0]] * 3,
}
METHODS = """x.square() x.reciprocal() x.rsqrt() x.tan() x.prod() x.prod(1)
x.cumsum(0) x.mm(x) x[None].bmm(x[None]) x.mv(x[0]) x[0].dot(x[1])
x[0].outer(x[1]) x.addmm(x,x,beta=2,alpha=3) x.addmm(x,x,beta=0) x.tril(-1)
x.triu(1) x.flip(0) x.flip((0,1)) x.roll(4) x.roll((1,-5),(0,1))
x.repeat(2,1,2) x.chunk(2)[1] x.masked_fill(x==1,9) x.trace()
x.diagonal(-1) x.diagonal(5) x.norm() x.norm(1) x.norm(3,1) x.norm(0.5,0)
x.norm(0) x.norm(math.inf,1) x.norm(-math.inf) x.view(9) x.clamp(-1,1)
x.pow(2) x.matmul(x) x.topk(1)[0] x.sort(1,True)[0] x[:0].prod(0)
x[:0].cumsum(0) x[:0].norm()"""
FUNCTIONS = """gelu(x) gelu(x,approximate='tanh') leaky_relu(x)
leaky_relu(x,0.2) elu(x) elu(x,2.0) silu(x) softplus(x) softplus(x,2,3)
smooth_l1_loss(x,0*x) smooth_l1_loss(x,0*x,beta=0.5,reduction='sum')
smooth_l1_loss(x,0*x,beta=0.0) binary_cross_entropy(x.clamp(0,1),t)
binary_cross_entropy(x.clamp(0,1),t,t,reduction='none') normalize(x)
normalize(x,1.0,0) cosine_similarity(x,t) cosine_similarity(x,t,0)
cross_entropy(x,c) cross_entropy(x,c,w) cross_entropy(x,c,w,ignore_index=1)
cross_entropy(x,c,w,ignore_index=1,reduction='none',label_smoothing=0.2)
cross_entropy(x,c,w,label_smoothing=0.2) cross_entropy(x,t,w)
cross_entropy(x,t,label_smoothing=0.3,reduction='sum')
cross_entropy(x,c,label_smoothing=0.1) cross_entropy(x[0],c[0])
cross_entropy(x[0],t[0],w) cross_entropy(x[None],c[None])
cross_entropy(x[None],c[None],w,ignore_index=1,label_smoothing=0.1)
cross_entropy(x[None],c[None],reduction='none')
cross_entropy(x[None],t[None],w,reduction='none')"""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("values", INPUTS)
@pytest.mark.parametrize("line", (METHODS + " " + FUNCTIONS).split())
def test_agrees_with_pytorch(line, values, dtype):
    torch = pytest.importorskip("torch")
    functional, x = torch.nn.functional, np.array(INPUTS[values], dtype)
    t = np.array([[0, 0.5, 0.5], [1, 0, 0], [0.2, 0.3, 0.5]], dtype)
    c, w = np.array([0, 2, 1]), np.array([1, 2, 0.5], dtype)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    tensors = {"t": torch.tensor(t), "c": torch.tensor(c)}
    tensors |= {"w": torch.tensor(w), "x": b, "math": math}
    ours = {"t": Tensor(t), "c": c, "w": w, "x": a, "math": math}
    y = eval(line, vars(nn) | ours)
    z = eval(line, vars(functional) | tensors)
    assert y.dtype == x.dtype
    # PyTorch's 1e-12 in the binary cross-entropy is a float32: hence 1e-8
    same = {"rtol": 2e-5 if dtype == "f4" else 1e-8, "atol": 1e-6}
    np.testing.assert_allclose(y.data, z.detach().numpy(), **same)
    y.sum().backward()
    z.sum().backward()
    slopes = 0 if b.grad is None else b.grad.numpy()
    np.testing.assert_allclose(a.grad.data, slopes, **same)


# book/13-more-operations.md#test-more-by-hand
REFUSED = """x.mm(x[0]) x.mv(x) x.dot(x) x.outer(x) x.topk(4) x.repeat(2)
x.roll((1,2),0) x.chunk(0) x[0].tril() x[0].trace() x.norm('nuc')
x.diagonal(0,1,1) nn.gelu(x,'erf') x.bmm(x) nn.smooth_l1_loss(x,x,beta=-1)
nn.binary_cross_entropy(x+1,x) nn.cross_entropy(x,[0,1],label_smoothing=2)
nn.cross_entropy(x,[0,1],x[0,:2])"""


class TestMoreByHand:
    def test_product_of_values_with_a_zero_has_the_others_as_gradient(self):
        x = Tensor([2.0, 0.0, 5.0], requires_grad=True)
        x.prod().backward()
        assert x.grad.data.tolist() == [0, 10, 0]

    def test_ties_keep_their_order_both_ways(self):
        x = Tensor([1.0, 2.0, 1.0, 2.0])
        assert x.sort().indices.data.tolist() == [0, 2, 1, 3]
        assert x.topk(3).indices.data.tolist() == [1, 3, 0]
        assert x.topk(3, largest=False).indices.data.tolist() == [0, 2, 1]

    def test_gelu_has_the_erf_of_the_standard_library(self):
        x = np.linspace(-9, 9, 1801)
        y = [0.5 * a * (1 + math.erf(a / math.sqrt(2))) for a in x]
        np.testing.assert_allclose(nn.gelu(Tensor(x)).data, y, atol=2e-15)

    def test_one_hot(self):
        assert nn.one_hot([[1], [0]]).data.tolist() == [[[0, 1]], [[1, 0]]]
        assert nn.one_hot([1], 3).data.tolist() == [[0, 1, 0]]
        with pytest.raises(ValueError, match="one_hot: 2 classes"):
            nn.one_hot([2], 2)
        with pytest.raises(TypeError, match="a mask of int64, expected bool"):
            Tensor(np.ones(2)).masked_fill(np.array([0, 1]), 0)

    @pytest.mark.parametrize(
        "line",
        REFUSED.split(),
    )
    def test_refuses_what_does_not_fit(self, line):
        name = line.split("(")[0].split(".")[-1]
        with pytest.raises(ValueError, match=name):
            eval(line, {"x": Tensor(np.ones((2, 3))), "nn": nn})
