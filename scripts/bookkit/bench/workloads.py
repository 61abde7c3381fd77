"""What bench.py times: each workload as one run() for each library."""

import functools
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bookkit.bench.libraries import (
    BATCH,
    CHAIN,
    SIZES,
    STAGES,
    START,
    Library,
)

REST = 0.3  # seconds; between processes, whose threads spin for longer
PAUSE = 0.05  # seconds; OpenBLAS's threads stay awake for half of that


@dataclass(frozen=True)
class Workload:
    """Something to time.

    Attributes:
        start: makes run() for a library, anew for every turn.
        numbers: what a new run() computes, on which all have to agree.
        unit: of the figures; `show` makes them of the seconds of a run.
        tolerance: largest relative difference of the numbers.
        runs, warm: timed and untimed runs in a turn.
        every: it has a turn in one of so many rounds.
        apart: each library has a process of its own.
        pause: seconds before a turn, for the threads of the turn before to
            fall asleep; 0 leaves out the collection of garbage as well.
    """

    title: str
    start: Callable[[Library], Callable]
    numbers: Callable[[Callable], np.ndarray]
    unit: str
    show: Callable[[float], float]
    tolerance: float = 1e-5
    runs: int = 1
    warm: int = 0
    every: int = 1
    apart: bool = False
    pause: float = PAUSE


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray, str]:
    """Images (60000, 784) float32, labels (60000,) uint8, and a source."""
    from dlfs.data import MNIST, DataError, normalize, pixel_statistics

    try:
        with warnings.catch_warnings(action="ignore"):  # for speed any will do
            mnist = MNIST(train=True)
        pixels, labels, source = mnist.data, mnist.targets, "MNIST"
    except DataError:
        rng = np.random.default_rng(2)
        pixels = rng.integers(0, 256, (60_000, 28, 28), np.uint8)
        labels = rng.integers(0, 10, 60_000, np.uint8)
        source = "random pixels in the shape of MNIST, which is not there"
    images = normalize(pixels, *pixel_statistics(pixels))
    return images.reshape(len(images), -1), labels, source


@functools.cache
def examples() -> tuple[np.ndarray, np.ndarray]:
    """16 batches of random inputs and targets."""
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((16, BATCH, SIZES[0]), np.float32)
    return inputs, rng.integers(0, SIZES[-1], (16, BATCH), np.uint8)


def start_training(library: Library) -> Callable:
    """W1: run() is one step of training, always with another batch."""
    inputs, targets = examples()
    pairs = [library.batch(x, t) for x, t in zip(inputs, targets)]
    step, batches = library.mlp(), itertools.cycle(pairs)
    return lambda: step(*next(batches))


def start_photos(library: Library) -> Callable:
    """W2: run() is one step of training the CNN, always on one batch."""
    rng = np.random.default_rng(6)
    photos = rng.standard_normal((BATCH, 3, 32, 32), np.float32)
    labels = rng.integers(0, 10, BATCH, np.uint8)
    step, batch = library.cnn(), library.batch(photos, labels)
    return lambda: step(*batch)


def start_epoch(count: int, library: Library) -> Callable:
    """W1e: run() learns once from each of `count` images: the mean loss."""
    images, labels = (array[:count] for array in digits()[:2])
    step = library.mlp()

    def run():
        total, seen = 0.0, 0
        for inputs, targets in library.epoch(images, labels):
            total += step(inputs, targets).item() * len(targets)
            seen += len(targets)
        if seen != count:
            raise ValueError(f"its loader gave {seen} of {count} images")
        return total / seen

    return run


def make_chain(kind: str, a, b, tolerance: float) -> Workload:
    """W4 with these operands."""
    return Workload(
        f"{CHAIN:,} additions and multiplications of 8 numbers, by {kind}",
        lambda library: library.chain(a, b),
        lambda run: np.concatenate(run()),
        *("us/operation", lambda s: 1e6 * s / CHAIN, tolerance),
        runs=16,
        warm=4,
    )


def make_product(m: int, k: int, n: int) -> Workload:
    """A matrix product, which shows how fast the BLAS library is."""

    def start(library):
        rng = np.random.default_rng(4)
        shapes = (m, k), (k, n)
        return library.product(*(rng.random(s, np.float32) for s in shapes))

    return Workload(
        f"a float32 matrix product ({m}, {k}) by ({k}, {n})",
        start,
        lambda run: np.asarray(run())[0],
        *("GFLOP/s", lambda s: 2e-9 * m * k * n / s),
        runs=160,
        warm=2,
    )


def make_layer(title: str, make: Callable, shape: tuple, y_shape: tuple):
    """A layer of the CNN, forward and backward."""

    def start(library):
        x = np.random.default_rng(7).random((BATCH, *shape), np.float32)
        return library.layer(make, x, (BATCH, *y_shape))

    return Workload(
        f"{title} of {shape}, forward and backward",
        start,
        lambda run: np.float32([np.abs(a).sum() for a in run()]),
        *("ms", lambda s: 1e3 * s),
        tolerance=0.01,
        runs=5,
        warm=2,
        apart=True,
        pause=REST,
    )


def make_layers() -> dict[str, Workload]:
    """The layers that the CNN is made of."""
    found = {}
    for (before, after), size in zip(
        itertools.chain(*STAGES), (32, 32, 16, 16)
    ):
        found[f"C{len(found) + 1}"] = make_layer(
            f"a convolution to {after} channels",
            lambda nn, a=before, b=after: nn.Conv2d(a, b, 3, padding=1),
            (before, size, size),
            (after, size, size),
        )
    large, small = (32, 32, 32), (32, 16, 16)
    pool, norm, relu = (
        make_layer("a max pooling", lambda nn: nn.MaxPool2d(2), large, small),
        make_layer("BatchNorm2d", lambda nn: nn.BatchNorm2d(32), large, large),
        make_layer("ReLU", lambda nn: nn.ReLU(), large, large),
    )
    return found | {"P": pool, "N": norm, "R": relu}


def make_workloads(images: int = 60_000) -> dict[str, Workload]:
    """All workloads by name."""
    step = Workload(
        "a step of training the MLP 784-256-128-10, Adam, batch 128",
        start_training,
        lambda run: np.float32([run().item() for _ in range(5)]),
        *("ms", lambda s: 1e3 * s),
        runs=20,
        warm=3,
    )
    back_to_back = "W1 back to back, without rest between turns"
    photos = Workload(
        "a step of training the CNN on 128 images of 32 x 32, Adam",
        start_photos,
        lambda run: np.float32([run().item() for _ in range(3)]),
        *("ms", lambda s: 1e3 * s),
        tolerance=5e-3,  # Adam divides by gradients near 0
        runs=3,
        warm=1,
        apart=True,
        pause=REST,
    )
    product = make_product(8192, 576, 64)
    epoch = Workload(
        f"an epoch of it over {images:,} images, shuffled",
        functools.partial(start_epoch, images),
        lambda run: np.float32([run()]),
        *("ms", lambda s: 1e3 * s),
        tolerance=0.1,  # everybody draws another order
        every=5,
    )
    a, b = 1 + 0.001 * START, 0.01 * START[::-1].copy()
    return {
        "W1": step,
        "W1b": replace(step, title=back_to_back, warm=0, pause=0.0),
        "W1e": epoch,
        "W2": photos,
        "W4": make_chain("tensors", a, b, 1e-5),
        # libraries that turn to float64 round differently
        "W4s": make_chain("Python floats", 1.001, 0.01, 1e-4),
        "G1": make_product(BATCH, *SIZES[:2]),
        "G2": replace(product, runs=20, apart=True, pause=REST),
        **make_layers(),
    }
