"""The libraries that bench.py times, which have PyTorch's names.

A new workload is a new method of `Library`, and a new library a new class.
`python -m pip install torch` installs the other one.
"""

import contextlib
import functools
import itertools
import re
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

SIZES = (784, 256, 128, 10)
BATCH = 128
CHAIN = 1000  # operations
THREADS = 2  # of each library
STAGES = ((3, 32), (32, 32)), ((32, 64), (64, 64))  # of the CNN
START = np.linspace(-1, 1, 8, dtype=np.float32)  # of the chain


def draw(shapes: dict[str, tuple]) -> dict[str, np.ndarray]:
    """First weights of these names and shapes, with He's deviation."""
    rng, state = np.random.default_rng(5), {}
    for name, shape in shapes.items():
        deviation = np.sqrt(2 / np.prod(shape[1:])) if shape[1:] else 0.01
        values = rng.standard_normal(shape) * deviation
        state[name] = values.astype(np.float32)
    return state


class Library:
    """How a library does what the workloads ask for.

    Attributes:
        name, version, blas: what the report says about it.
        only: the workloads that it takes part in; all, if empty.
        nn, optim, tensor, cross_entropy: the library's own.

    `batch(inputs, targets)` makes of arrays what the model takes, and
    `epoch(images, labels)` yields such batches in a new random order.
    """

    name = version = blas = ""
    only: tuple[str, ...] = ()
    winograd = contextlib.nullcontext

    def mlp(self) -> Callable:
        """A new MLP and its Adam; returns step(inputs, targets) -> loss."""
        nn, layers = self.nn, []
        for before, after in itertools.pairwise(SIZES):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return self.training(nn.Sequential(*layers[:-1]))

    def cnn(self) -> Callable:
        """A new CNN and its Adam; returns step(inputs, targets) -> loss."""
        nn, layers = self.nn, []
        for stage in STAGES:
            for before, after in stage:
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(4096, 256), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(256, 10))
        return self.training(self.shared(model))

    def shared(self, model):
        """The model, so that all threads work on it."""
        return model

    def training(self, model) -> Callable:
        """Give a model first weights and an Adam; returns the step."""
        shapes = {n: tuple(w.shape) for n, w in model.state_dict().items()}
        state = {name: self.tensor(w) for name, w in draw(shapes).items()}
        model.load_state_dict(state)
        optimizer = self.optim.Adam(model.parameters(), lr=1e-3)
        cross_entropy = self.cross_entropy

        def step(inputs, targets):
            optimizer.zero_grad()
            loss = cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def chain(self, a, b) -> Callable:
        """W4, forward and backward; run() -> value and gradient.

        Half of the operations are multiplications, the others additions.
        """
        a, b = (v if type(v) is float else self.tensor(v) for v in (a, b))

        def run():
            x = y = self.tensor(START, requires_grad=True)
            for _ in range(CHAIN // 2):
                y = y * a
                y = y + b
            y.sum().backward()
            return y.detach().numpy(), x.grad.numpy()

        return run

    def layer(self, make: Callable, x: np.ndarray) -> Callable:
        """A layer forward and backward; run() -> values and gradient."""
        layer, x = make(self.nn), self.tensor(x, requires_grad=True)
        for p in layer.parameters():
            p.data[...] = 0.1
        g = self.tensor(np.ones_like(layer(x).detach().numpy()))

        def run():
            x.grad = None
            y = layer(x)
            y.backward(g)
            return y.detach().numpy(), x.grad.numpy()

        return run

    def product(self, a: np.ndarray, b: np.ndarray) -> Callable:
        """The matrix product; each run() overwrites the last result."""
        return functools.partial(np.matmul, a, b, out=a @ b)


class PyTorch(Library):
    """PyTorch eager.

    Its epochs cut batches by `index_select` and `randperm`, which is the
    fastest customary way, and faster than its DataLoader.
    """

    name = "pytorch"

    def __init__(self):
        import torch

        self.torch, self.version = torch, torch.__version__
        torch.set_num_threads(THREADS)
        text = torch.__config__.show()
        what = r"BLAS_INFO=(\w+)", r"Kernel Library Version (\S+)"
        known = [found[1] for each in what if (found := re.search(each, text))]
        vectors = torch.backends.cpu.get_cpu_capability()
        self.blas = f"{' '.join(known)}; its own loops use {vectors}"
        self.nn, self.optim, self.tensor = torch.nn, torch.optim, torch.tensor
        self.cross_entropy = torch.nn.functional.cross_entropy

    def batch(self, inputs, targets):
        inputs, targets = map(self.torch.from_numpy, (inputs, targets))
        return inputs, targets.long()

    def epoch(self, images, labels):
        images, labels = self.batch(images, labels)
        for part in self.torch.randperm(len(images)).split(BATCH):
            yield images.index_select(0, part), labels.index_select(0, part)

    def product(self, a, b):
        a, b = map(self.torch.from_numpy, (a, b))
        return functools.partial(self.torch.mm, a, b, out=a @ b)


class KeptPyTorch(PyTorch):
    """PyTorch in a process that keeps its memory, as ours does."""

    name = "pytorch-kept"
    only = ("W2", "W2e")

    def __init__(self):
        super().__init__()
        from dlfs.trainer import keep_memory

        keep_memory()
        self.blas = ""  # the report has it


class DLFS(Library):
    """This package, with its own DataLoader."""

    name = "dlfs"

    def __init__(self):
        from dlfs import Tensor, __version__, data, nn, optim, trainer

        trainer.keep_memory()  # as every experiment does
        self.trainer = trainer
        self.version = __version__
        self.data, self.nn, self.optim = data, nn, optim
        self.tensor, self.winograd = Tensor, nn.winograd
        self.cross_entropy = nn.cross_entropy

    def batch(self, inputs, targets):
        return self.tensor(inputs), targets

    def epoch(self, images, labels):
        dataset = self.data.TensorDataset(images, labels)
        for part in self.data.DataLoader(dataset, BATCH, shuffle=True):
            yield self.batch(*part)

    def shared(self, model):
        return self.trainer.Sharded(model, THREADS, THREADS)

    def layer(self, make, x):
        """Each thread has a part of the batch, its channels last in memory."""
        from dlfs.trainer.parallel import _together

        runs = []
        for first in range(THREADS):
            images = x[first::THREADS].transpose(0, 2, 3, 1).copy()
            runs.append(super().layer(make, images.transpose(0, 3, 1, 2)))

        return lambda: zip(*_together(THREADS, runs))


class Peer(Library):
    """A library on NumPy that has no `nn` like PyTorch's: it trains the CNN.

    Linear layers have their weights the other way round.

    Attributes:
        tensor, parameter: what become of arrays.
        relu, convolve, pool, linear, cross_entropy: the library's own.

    `adam(weights)` makes update(), which changes them by their gradients.
    """

    only = ("W2",)

    def batch(self, inputs, targets):
        return inputs, targets.astype(np.int64)

    def cnn(self):
        shapes = [(b, a, 3, 3) for stage in STAGES for a, b in stage]
        shapes += [(256, 4096), (10, 256)]
        pairs = itertools.chain(*((shape, shape[:1]) for shape in shapes))
        arrays = draw(dict(enumerate(pairs))).values()
        arrays = [a.T.copy() if a.ndim == 2 else a for a in arrays]
        weights = list(map(self.parameter, arrays))
        *convolutions, first, second = zip(weights[::2], weights[1::2])
        update = self.adam(weights)

        def step(inputs, targets):
            x = self.tensor(inputs)
            for number, pair in enumerate(convolutions):
                x = self.relu(self.convolve(x, *pair))
                x = self.pool(x) if number % 2 else x
            x = self.relu(self.linear(x.reshape(BATCH, -1), *first))
            loss = self.cross_entropy(self.linear(x, *second), targets)
            loss.backward()
            update()
            return loss.data

        return step


class DeZero(Peer):
    """DeZero (`python -m pip install dezero`)."""

    name, version = "dezero", "0.0.13"

    def __init__(self):
        np.int = int  # which its last release needs, and NumPy 2 has not
        from dezero import Parameter, Variable, functions, optimizers

        self.tensor, self.parameter = Variable, Parameter
        self.new_adam = optimizers.Adam
        self.relu, self.linear = functions.relu, functions.linear
        self.convolve = functools.partial(functions.conv2d, pad=1)
        self.pool = functools.partial(
            functions.pooling, kernel_size=2, stride=2
        )
        self.cross_entropy = functions.softmax_cross_entropy

    def adam(self, weights):
        adam = self.new_adam().setup(SimpleNamespace(params=lambda: weights))

        def update():
            adam.update()
            for weight in weights:
                weight.cleargrad()

        return update


class MyGrad(Peer):
    """MyGrad (`python -m pip install mygrad`), with an Adam of our own."""

    name = "mygrad"

    def __init__(self):
        import mygrad
        from mygrad.nnet import activations, layers, losses

        self.version, self.conv = mygrad.__version__, layers.conv_nd
        self.tensor = self.parameter = mygrad.tensor
        self.relu = activations.relu
        self.pool = functools.partial(layers.max_pool, pool=(2, 2), stride=2)
        self.cross_entropy = losses.softmax_crossentropy

    def convolve(self, x, weight, bias):
        y = self.conv(x, weight, stride=1, padding=1)
        return y + bias.reshape(1, -1, 1, 1)

    def linear(self, x, weight, bias):
        return x @ weight + bias

    def adam(self, weights):
        moments = [(0 * weight.data, 0 * weight.data) for weight in weights]
        count = itertools.count(1)

        def update():
            now = next(count)
            rate = 1e-3 * (1 - 0.999**now) ** 0.5 / (1 - 0.9**now)
            for weight, (mean, square) in zip(weights, moments):
                g = weight.grad
                mean += np.float32(0.1) * (g - mean)
                square += np.float32(0.001) * (g * g - square)
                change = mean / (np.sqrt(square) + np.float32(1e-8))
                weight.data -= np.float32(rate) * change

        return update


LIBRARIES = {
    library.name: library
    for library in (PyTorch, KeptPyTorch, DLFS, DeZero, MyGrad)
}
