# Made from book/ by scripts/tangle.py: edit the chapters.
"""Dropout of whole channels."""

import numpy as np
import pytest

from dlfs import Tensor, manual_seed, nn


# book/24-overfitting.md#test-dropout-2d
def ones(*shape):
    """Return a tensor of float32 ones that needs a gradient."""
    return Tensor(np.ones(shape, np.float32), requires_grad=True)


class TestDropout2d:
    def test_drops_whole_channels(self):
        manual_seed(0)
        y = nn.Dropout2d(0.4)(ones(50, 20, 3, 5)).data
        first = y[:, :, :1, :1]
        assert (y == first).all()
        assert set(np.unique(y)) == {0, np.float32(1 / 0.6)}

    def test_keeps_the_mean_and_the_share(self):
        manual_seed(0)
        y = nn.Dropout2d(0.25)(ones(200, 500, 1, 1)).data
        # four standard deviations of 100,000 decisions
        assert (y == 0).mean() == pytest.approx(0.25, abs=0.006)
        assert y.mean() == pytest.approx(1, abs=0.008)
        assert y.dtype == np.float32

    def test_each_picture_decides_for_itself(self):
        manual_seed(0)
        y = nn.Dropout2d(0.5)(ones(100, 10, 1, 1)).data.reshape(100, 10)
        assert len(np.unique(y, axis=0)) > 80

    def test_gradient_passes_where_values_did(self):
        x = ones(4, 5, 2, 2)
        y = nn.Dropout2d(0.5)(x)
        y.sum().backward()
        assert (x.grad.data == y.data).all()

    def test_does_nothing_when_not_training(self):
        x = ones(1, 2, 3, 3)
        assert nn.Dropout2d(0.9).eval()(x) is x
        assert nn.Dropout2d(0)(x) is x

    def test_the_seed_decides(self):
        results = []
        for seed in 7, 7, 8:
            manual_seed(seed)
            results.append(nn.Dropout2d()(ones(3, 30, 1, 1)).data)
        assert (results[0] == results[1]).all()
        assert (results[0] != results[2]).any()

    def test_as_a_function_does_what_the_layer_does(self):
        x, function = ones(3, 40, 2, 2), nn.functional.dropout2d
        manual_seed(3)
        expected = nn.Dropout2d(0.25)(x).data
        manual_seed(3)
        assert (function(x, 0.25).data == expected).all()
        assert function(x, 0.25, training=False) is x

    @pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4)])
    def test_refuses_what_has_no_channels(self, shape):
        with pytest.raises(ValueError, match=r"expected \(N, C, H, W\)"):
            nn.Dropout2d()(ones(*shape))

    def test_may_drop_everything(self):
        assert not nn.Dropout2d(1)(ones(2, 3, 4, 5)).data.any()

    @pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
    def test_refuses_other_probabilities(self, p):
        with pytest.raises(ValueError, match="expected 0 <= p <= 1"):
            nn.Dropout2d(p)

    def test_pytorch_follows_the_same_law(self):
        torch = pytest.importorskip("torch")
        ours = nn.Dropout2d(0.3)(ones(100, 500, 2, 1)).data
        theirs = torch.nn.Dropout2d(0.3)(torch.ones(100, 500, 2, 1)).numpy()
        assert np.unique(ours) == pytest.approx(np.unique(theirs))
        assert (ours == 0).mean() == pytest.approx(
            (theirs == 0).mean(), abs=0.01
        )
        assert repr(nn.Dropout2d(0.3)).startswith("Dropout2d(p=0.3")
