# Made from book/ by scripts/tangle.py: edit the chapters.
"""The networks of the experiments."""

from collections import OrderedDict

import numpy as np
import pytest

import dlfs
from dlfs import Tensor, manual_seed, nn, no_grad, optim
from dlfs.models import (
    CNNConfig,
    LeNet,
    LeNetConfig,
    Residual,
    ResNet,
    ResNetConfig,
    SmallCNN,
)

# book/22-pooling.md#test-lenet
CONFIG = LeNetConfig(channels=(2, 3), units=(5, 4), classes=7)


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
        assert LeNet(CONFIG)(images(2)).shape == (2, 7)

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


# book/28-a-network-that-sees.md#test-models-in-torch
def photographs(count=4, size=32):
    """Return random numbers in the shape of photographs."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 3, size, size)).astype(np.float32)


def same_in_torch(torch, module):
    """Return the module of PyTorch that has the same layers and values."""
    parts = {n: same_in_torch(torch, m) for n, m in module.named_children()}
    if parts:  # one after the other
        return torch.nn.Sequential(OrderedDict(parts))
    text = repr(module)  # is PyTorch's own, so it makes the same layer
    made = eval(text, vars(torch.nn) | {"nn": torch.nn})
    values = module.state_dict().items()
    made.load_state_dict({name: torch.tensor(v) for name, v in values})
    return made


def compare(torch, model, twin, atol):
    """Compare logits and gradients with those of PyTorch."""
    x = photographs()
    ours, theirs = model(Tensor(x)), twin(torch.tensor(x))
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours.detach().data, expected, atol=atol)
    nn.cross_entropy(ours, np.arange(4)).backward()
    torch.nn.functional.cross_entropy(theirs, torch.arange(4)).backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        expected = q.grad.numpy()
        np.testing.assert_allclose(p.grad.data, expected, atol=atol)


def dtypes_in(model):
    """Return the dtypes of the loss and of all gradients."""
    loss = nn.cross_entropy(model(Tensor(photographs())), np.arange(4))
    loss.backward()
    return {loss.dtype, *(p.grad.dtype for p in model.parameters())}


# book/28-a-network-that-sees.md#test-small-cnn
class TestSmallCNN:
    def test_it_has_the_parameters_we_count_by_hand(self):
        count = sum(p.numel() for p in SmallCNN().parameters())
        convolutions = 32 * 28 + 32 * 289 + 64 * 289 + 64 * 577
        assert count == convolutions + 256 * 4097 + 10 * 257

    def test_its_sizes_are_those_of_its_configuration(self):
        config = CNNConfig((4, 6, 8), hidden=5, classes=3, size=16)
        model = SmallCNN(config)
        assert model(Tensor(photographs(size=16))).shape == (4, 3)
        assert model.classifier[2].weight.shape == (5, 8 * 2 * 2)

    def test_float32_stays_float32_through_the_network(self):
        model = SmallCNN(CNNConfig(dropout=0.5))
        assert dtypes_in(model) == {np.dtype(np.float32)}

    def test_pytorch_gives_the_same_logits_and_gradients(self):
        torch = pytest.importorskip("torch")
        manual_seed(0)
        model = SmallCNN()
        compare(torch, model, same_in_torch(torch, model), 1e-5)

    def test_the_state_goes_to_pytorch_and_back(self):
        torch = pytest.importorskip("torch")
        model, other = SmallCNN(), SmallCNN()
        twin = same_in_torch(torch, model)
        state = {name: v.numpy() for name, v in twin.state_dict().items()}
        other.load_state_dict(state)
        x = Tensor(photographs())
        with no_grad():
            assert np.array_equal(model(x).data, other(x).data)


# book/29-residual-connections.md#test-resnet
class TestResNet:
    def test_a_block_that_adds_nothing_is_the_identity(self):
        block = Residual(4)
        block.second[1].weight.data[...] = 0
        x = np.random.default_rng(0).normal(size=(2, 4, 5, 5))
        x = x.astype(np.float32)
        assert np.array_equal(block(Tensor(x)).data, x)

    def test_it_has_the_parameters_we_count_by_hand(self):
        def convolution(inputs, outputs):
            return 9 * inputs * outputs + 2 * outputs

        first = convolution(3, 32) + convolution(32, 32)
        second = convolution(32, 64) + 2 * convolution(64, 64)
        third = convolution(64, 128) + 4 * convolution(128, 128)
        count = sum(p.numel() for p in ResNet().parameters())
        assert count == first + second + third + 1290

    @pytest.mark.parametrize("size", [32, 40])
    def test_photographs_may_have_any_size(self, size):
        model = ResNet(ResNetConfig((4, 6), classes=3, dropout=0.1))
        assert model(Tensor(photographs(size=size))).shape == (4, 3)

    def test_float32_stays_float32_through_the_network(self):
        model = ResNet(ResNetConfig((4, 6), dropout=0.5))
        assert dtypes_in(model) == {np.dtype(np.float32)}

    @pytest.mark.parametrize("training", [True, False])
    def test_pytorch_gives_the_same_logits_and_gradients(self, training):
        torch = pytest.importorskip("torch")
        manual_seed(0)
        model = ResNet(ResNetConfig((4, 8))).train(training)
        twin = residual_in_torch(torch, model).train(training)
        compare(torch, model, twin, 1e-4)

    def test_the_state_goes_to_pytorch_and_back(self):
        torch = pytest.importorskip("torch")
        config = ResNetConfig((4, 8))
        model, other = ResNet(config), ResNet(config)
        model(Tensor(photographs()))  # running statistics of its own
        twin = residual_in_torch(torch, model)
        state = {name: v.numpy() for name, v in twin.state_dict().items()}
        other.load_state_dict(state)
        x = Tensor(photographs())
        with no_grad():
            one, same = model.eval()(x).data, other.eval()(x).data
        assert np.array_equal(one, same)


def residual_in_torch(torch, model):
    """Return the network of PyTorch with the same names and values."""

    class Block(torch.nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    twin = same_in_torch(torch, model)
    for i, part in enumerate(model.features):
        if isinstance(part, Residual):
            inside = OrderedDict(twin.features[i].named_children())
            twin.features[i] = Block(inside)
    return twin
