# Made from book/ by scripts/tangle.py: edit the chapters.
"""The networks of the experiments, held against PyTorch."""

import numpy as np
import pytest

from dlfs import Tensor, manual_seed, nn, no_grad
from dlfs.models import CNNConfig, SmallCNN


# book/28-a-network-that-sees.md#test-small-cnn
def photographs(count=4, size=32):
    """Return random numbers in the shape of photographs."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 3, size, size)).astype(np.float32)


def same_in_torch(torch, module):
    """Return the module of PyTorch that has the same layers and values."""
    if isinstance(module, nn.Sequential):
        parts = [same_in_torch(torch, part) for part in module]
        return torch.nn.Sequential(*parts)
    text = repr(module)  # is PyTorch's own, so it makes the same layer
    made = eval(text, vars(torch.nn) | {"nn": torch.nn})
    values = module.state_dict().items()
    made.load_state_dict({name: torch.tensor(v) for name, v in values})
    return made


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
        loss = nn.cross_entropy(model(Tensor(photographs())), np.arange(4))
        loss.backward()
        grads = [p.grad.dtype for p in model.parameters()]
        assert {loss.dtype, *grads} == {np.dtype(np.float32)}

    def test_pytorch_gives_the_same_logits_and_gradients(self):
        torch = pytest.importorskip("torch")
        manual_seed(0)
        model, x = SmallCNN(), photographs()
        twin = torch.nn.Sequential(
            same_in_torch(torch, model.features),
            same_in_torch(torch, model.classifier),
        )
        ours, theirs = model(Tensor(x)), twin(torch.tensor(x))
        np.testing.assert_allclose(
            ours.detach().data, theirs.detach().numpy(), atol=1e-5
        )
        nn.cross_entropy(ours, np.arange(4)).backward()
        loss = torch.nn.functional.cross_entropy(theirs, torch.arange(4))
        loss.backward()
        for p, q in zip(model.parameters(), twin.parameters()):
            wanted = q.grad.numpy()
            np.testing.assert_allclose(p.grad.data, wanted, atol=1e-5)

    def test_the_state_goes_to_pytorch_and_back(self):
        torch = pytest.importorskip("torch")
        model, other = SmallCNN(), SmallCNN()
        twin = torch.nn.Sequential(
            same_in_torch(torch, model.features),
            same_in_torch(torch, model.classifier),
        )
        names = dict(zip(["0", "1"], ["features", "classifier"]))
        state = {
            f"{names[name[0]]}{name[1:]}": value.numpy()
            for name, value in twin.state_dict().items()
        }
        other.load_state_dict(state)
        x = Tensor(photographs())
        with no_grad():
            assert np.array_equal(model(x).data, other(x).data)
