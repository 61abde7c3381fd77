# Made from book/ by scripts/tangle.py: edit the chapters.
"""The networks of the experiments."""

import numpy as np
import pytest

import dlfs
from dlfs import Tensor, nn, optim
from dlfs.models import LeNet, LeNetSizes

# book/22-pooling.md#test-lenet
SIZES = LeNetSizes(channels=(2, 3), units=(5, 4), classes=7)


def images(count):
    """Return noise of the size of digits, (count, 1, 28, 28)."""
    noise = np.random.default_rng(0).normal(size=(count, 1, 28, 28))
    return Tensor(noise.astype(np.float32))


class TestLeNet:
    def test_has_the_parameters_of_the_paper_where_the_plan_is_the_same(self):
        model = LeNet()
        counts = [p.numel() for p in model.parameters()]
        assert counts[:2] == [6 * 25, 6]  # C1: 156 in the paper
        assert counts[4:6] == [400 * 120, 120]  # C5: 48,120
        assert counts[6:8] == [120 * 84, 84]  # F6: 10,164
        assert sum(counts) == 61_706

    def test_gives_logits_of_the_sizes_asked_for(self):
        assert LeNet()(images(3)).shape == (3, 10)
        assert LeNet(SIZES)(images(2)).shape == (2, 7)

    def test_learns_a_few_images_by_heart(self):
        dlfs.manual_seed(0)
        model, x, labels = LeNet(), images(8), np.arange(8)
        optimizer = optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(40):
            loss = nn.cross_entropy(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert (model(x).data.argmax(axis=1) == labels).all()

    def test_every_parameter_gets_a_gradient(self):
        model = LeNet()
        nn.cross_entropy(model(images(4)), np.arange(4)).backward()
        for name, p in model.named_parameters():
            assert p.grad.data.any(), name

    def test_pytorch_computes_the_same_logits(self):
        torch = pytest.importorskip("torch")
        model, t = LeNet(), torch.nn
        theirs = t.Sequential(
            *(t.Conv2d(1, 6, 5, padding=2), t.ReLU(), t.MaxPool2d(2)),
            *(t.Conv2d(6, 16, 5), t.ReLU(), t.MaxPool2d(2), t.Flatten()),
            *(t.Linear(400, 120), t.ReLU(), t.Linear(120, 84), t.ReLU()),
            t.Linear(84, 10),
        )
        for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
            q.data[...] = torch.tensor(p.data)
        x = images(5)
        expected = theirs(torch.tensor(x.data)).detach().numpy()
        np.testing.assert_allclose(model(x).data, expected, 1e-4, 1e-5)
