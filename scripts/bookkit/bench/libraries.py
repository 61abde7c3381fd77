"""The libraries that bench.py times: one class each, with equal methods.

A new workload is a new method of these classes, and a new library a new
class; what a library cannot do stands in its `skips`. `python -m pip install
torch dezero mygrad autograd` installs the others.
"""

import functools
import importlib
import itertools
from collections.abc import Callable, Iterator
from importlib.metadata import version

import numpy as np

SIZES = (784, 256, 128, 10)
BATCH = 128
CHAIN = 1000  # operations
START = np.linspace(-1, 1, 8, dtype=np.float32)  # of the chain


@functools.cache
def weights() -> dict[str, np.ndarray]:
    """The MLP's first weights, named and shaped as in a state_dict."""
    rng = np.random.default_rng(1)
    state = {}
    for i, (before, after) in enumerate(itertools.pairwise(SIZES)):
        weight = rng.standard_normal((after, before)) * np.sqrt(2 / before)
        bias = rng.standard_normal(after) * 0.01
        state[f"{2 * i}.weight"] = weight.astype(np.float32)
        state[f"{2 * i}.bias"] = bias.astype(np.float32)
    return state


def layers(nn) -> list:
    """The MLP's layers, of a library that has PyTorch's names."""
    parts = []
    for before, after in itertools.pairwise(SIZES):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return parts[:-1]


def chain(x, a, b):
    """Half of the operations are multiplications, the others additions."""
    for _ in range(CHAIN // 2):
        x = x * a
        x = x + b
    return x


class Library:
    """How a library does what the workloads ask for.

    Attributes:
        name: what --libraries calls it.
        package: what is installed, if it differs.
        skips: workloads that are not for it.
        note: what a reader of its figures has to know.
        tolerance: how far its losses may differ from the others', relative.
    """

    name = package = note = ""
    tolerance = 1e-5
    skips: tuple[str, ...] = ("G1", "G2")  # NumPy is measured with dlfs

    def __init__(self, threads: int):
        self.version = version(self.package or self.name)

    def batch(self, inputs: np.ndarray, targets: np.ndarray) -> tuple:
        """A batch as the library's loader would hand it out."""
        return inputs, targets

    def epoch(self, images: np.ndarray, labels: np.ndarray) -> Iterator:
        """Batches of all the images, in a new random order."""
        order = np.random.permutation(len(images))
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            yield self.batch(images[part], labels[part])

    def mlp(self) -> Callable:
        """A new MLP and its Adam; returns step(inputs, targets) -> loss."""
        raise NotImplementedError

    def number(self, loss) -> float:
        """A loss as a Python number."""
        return loss.item()

    def tensor(self, values: np.ndarray, requires_grad: bool = False):
        """A new tensor."""
        raise NotImplementedError

    def arrays(self, y, x) -> tuple[np.ndarray, np.ndarray]:
        """The values of y and the gradient of x."""
        return y.data, x.grad

    def chain(self, a, b) -> Callable:
        """The chain, forward and backward; run() -> value and gradient."""
        a, b = (v if type(v) is float else self.tensor(v) for v in (a, b))

        def run():
            x = self.tensor(START, True)
            y = chain(x, a, b)
            y.sum().backward()
            return self.arrays(y, x)

        return run

    def product(self, a: np.ndarray, b: np.ndarray) -> Callable:
        """The matrix product; each run() overwrites the last result."""
        return functools.partial(np.matmul, a, b, out=a @ b)


class PyTorch(Library):
    """PyTorch eager, with the fastest customary way to cut batches."""

    name, package, skips = "pytorch", "torch", ()
    note = (
        "its epochs cut batches by index_select and randperm, which is "
        "faster than its DataLoader (the row pytorch-loader)"
    )

    def __init__(self, threads: int):
        super().__init__(threads)
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(threads)

    def batch(self, inputs, targets):
        inputs, targets = map(self.torch.from_numpy, (inputs, targets))
        return inputs, targets.long()

    def epoch(self, images, labels):
        images, labels = self.batch(images, labels)
        for part in self.torch.randperm(len(images)).split(BATCH):
            yield images.index_select(0, part), labels.index_select(0, part)

    def mlp(self):
        torch, nn = self.torch, self.torch.nn
        model = nn.Sequential(*layers(nn))
        state = {name: torch.tensor(w) for name, w in weights().items()}
        model.load_state_dict(state)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

        def step(inputs, targets):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def tensor(self, values, requires_grad=False):
        return self.torch.tensor(values, requires_grad=requires_grad)

    def arrays(self, y, x):
        return y.detach().numpy(), x.grad.numpy()

    def product(self, a, b):
        a, b = map(self.torch.from_numpy, (a, b))
        return functools.partial(self.torch.mm, a, b, out=a @ b)


class PyTorchLoader(PyTorch):
    """PyTorch with its DataLoader, which collects examples one by one."""

    name, note = "pytorch-loader", ""
    skips = ("W1", "W4", "W4s", "G1", "G2")

    def epoch(self, images, labels):
        data = self.torch.utils.data
        dataset = data.TensorDataset(*self.batch(images, labels))
        return iter(data.DataLoader(dataset, BATCH, shuffle=True))


class DLFS(Library):
    """This package, with its own DataLoader."""

    name, package, skips = "dlfs", "dlfs-book", ()

    def __init__(self, threads: int):
        super().__init__(threads)
        from dlfs import Tensor, data, nn, optim

        self.data, self.nn, self.optim = data, nn, optim
        self.tensor = Tensor

    def epoch(self, images, labels):
        dataset = self.data.TensorDataset(images, labels)
        return iter(self.data.DataLoader(dataset, BATCH, shuffle=True))

    def mlp(self):
        nn, Tensor = self.nn, self.tensor
        model = nn.Sequential(*layers(nn))
        model.load_state_dict(weights())
        optimizer = self.optim.Adam(model.parameters(), lr=1e-3)

        def step(inputs, targets):
            optimizer.zero_grad()
            loss = nn.cross_entropy(model(Tensor(inputs)), targets)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def arrays(self, y, x):
        return y.data, x.grad.data


class DeZero(Library):
    """DeZero, with its own DataLoader."""

    name = "dezero"
    note = (
        "imported with np.int = int, a name that NumPy has dropped; its Adam "
        "adds eps before the bias correction, so its losses may differ by 1e-4"
    )
    tolerance = 1e-4

    def __init__(self, threads: int):
        super().__init__(threads)
        np.int = int
        try:
            self.dezero = importlib.import_module("dezero")
        finally:
            del np.int

    def epoch(self, images, labels):
        class Pairs:
            def __getitem__(self, i):
                return images[i], labels[i]

            def __len__(self):
                return len(images)

        return self.dezero.DataLoader(Pairs(), BATCH)

    def mlp(self):
        F = self.dezero.functions
        model = self.dezero.models.MLP(SIZES[1:], activation=F.relu)
        for i, layer in enumerate(model.layers):
            layer.W.data = weights()[f"{2 * i}.weight"].T.copy()
            layer.b.data = weights()[f"{2 * i}.bias"].copy()
        optimizer = self.dezero.optimizers.Adam(alpha=1e-3).setup(model)

        def step(inputs, targets):
            model.cleargrads()
            loss = F.softmax_cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.update()
            return loss

        return step

    def number(self, loss):
        return float(loss.data)

    def tensor(self, values, requires_grad=False):
        return self.dezero.Variable(values)

    def arrays(self, y, x):
        return y.data, x.grad.data


class WithoutOptimizer(Library):
    """A library whose users write their own Adam, as we do here."""

    note = "has no optimizer: Adam is a few lines of NumPy for it"

    def parameters(self) -> list[np.ndarray]:
        """The MLP's first weights, as (in, out), and biases."""
        return [np.array(w.T, order="C") for w in weights().values()]

    def adam(self, params: list[np.ndarray]) -> Callable:
        """Returns update(gradients), which changes the arrays in place."""
        state = [(p, np.zeros_like(p), np.zeros_like(p)) for p in params]
        count = itertools.count(1)

        def update(gradients):
            t = next(count)
            rate, root = 1e-3 / (1 - 0.9**t), (1 - 0.999**t) ** 0.5
            for g, (p, m, v) in zip(gradients, state):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= rate * m / (np.sqrt(v) / root + 1e-8)

        return update


class MyGrad(WithoutOptimizer):
    """MyGrad, with NumPy's indexing as loader."""

    name = "mygrad"

    def __init__(self, threads: int):
        super().__init__(threads)
        self.mygrad = importlib.import_module("mygrad")
        self.nnet = importlib.import_module("mygrad.nnet")

    def mlp(self):
        matmul, relu = self.mygrad.matmul, self.nnet.activations.relu
        cross_entropy = self.nnet.losses.softmax_crossentropy
        tensors = [self.mygrad.tensor(p) for p in self.parameters()]
        update = self.adam([p.data for p in tensors])

        def step(inputs, targets):
            w1, b1, w2, b2, w3, b3 = tensors
            hidden = relu(matmul(inputs, w1) + b1)
            hidden = relu(matmul(hidden, w2) + b2)
            loss = cross_entropy(matmul(hidden, w3) + b3, targets)
            loss.backward()
            update([p.grad for p in tensors])
            return loss

        return step

    def tensor(self, values, requires_grad=False):
        return self.mygrad.tensor(values, constant=not requires_grad)


class Autograd(WithoutOptimizer):
    """HIPS autograd, with NumPy's indexing as loader."""

    name = "autograd"

    def __init__(self, threads: int):
        super().__init__(threads)
        self.autograd = importlib.import_module("autograd")
        self.np = importlib.import_module("autograd.numpy")

    def batch(self, inputs, targets):
        return inputs, np.eye(SIZES[-1], dtype=np.float32)[targets]

    def loss(self, params, inputs, one_hot):
        """Cross-entropy of the MLP with these parameters."""
        w1, b1, w2, b2, w3, b3 = params
        hidden = self.np.maximum(inputs @ w1 + b1, 0)
        hidden = self.np.maximum(hidden @ w2 + b2, 0)
        logits = hidden @ w3 + b3
        logits = logits - self.np.max(logits, axis=1, keepdims=True)
        total = self.np.sum(self.np.exp(logits), axis=1, keepdims=True)
        chosen = (logits - self.np.log(total)) * one_hot
        return -self.np.sum(chosen) / len(inputs)

    def mlp(self):
        params = self.parameters()
        update = self.adam(params)
        value_and_grad = self.autograd.value_and_grad(self.loss)

        def step(inputs, one_hot):
            loss, gradients = value_and_grad(params, inputs, one_hot)
            update(gradients)
            return loss

        return step

    def chain(self, a, b):
        values = []

        def total(x):
            y = chain(x, a, b)
            values[:] = [y._value]
            return self.np.sum(y)

        gradient = self.autograd.grad(total)

        def run():
            g = gradient(START)
            return values[0], g

        return run


LIBRARIES = {
    library.name: library
    for library in (PyTorch, DLFS, PyTorchLoader, DeZero, MyGrad, Autograd)
}
