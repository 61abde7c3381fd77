"""What bench.py times: each workload as one run() for each library."""

import functools
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bookkit.bench.libraries import BATCH, CHAIN, SIZES, START, Library

PAUSE = 0.05  # seconds; OpenBLAS's threads stay awake for half of that


@dataclass(frozen=True)
class Workload:
    """Something to time.

    Attributes:
        start: makes run() for a library, anew for every turn.
        check: numbers about which all libraries have to agree.
        unit: of the figures that `show` makes of the seconds of a run.
        tolerance: largest relative difference in the check.
        runs, warm: timed and untimed runs in a turn.
        every: it has a turn in one of so many rounds.
        pause: seconds before a turn, for the threads of the turn before to
            fall asleep; 0 leaves out the collection of garbage as well.
    """

    title: str
    start: Callable[[Library], Callable]
    check: Callable[[Library], np.ndarray]
    unit: str
    show: Callable[[float], float]
    tolerance: float = 1e-5
    runs: int = 1
    warm: int = 0
    every: int = 1
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


def check_training(library: Library) -> np.ndarray:
    """The losses of the first five steps."""
    run = start_training(library)
    return np.float32([run().item() for _ in range(5)])


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


def check_epoch(library: Library) -> np.ndarray:
    """The mean loss of a short epoch; everybody draws another order."""
    return np.float32([start_epoch(50 * BATCH, library)()])


def start_chain(a, b, library: Library) -> Callable:
    """W4: run() is the chain, forward and backward."""
    return library.chain(a, b)


def check_chain(a, b, library: Library) -> np.ndarray:
    """The value of the chain and its gradient."""
    return np.concatenate(library.chain(a, b)())


def start_product(m: int, k: int, n: int, library: Library) -> Callable:
    """G1, G2: run() multiplies (m, k) by (k, n)."""
    rng = np.random.default_rng(4)
    a, b = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
    return library.product(a, b)


def check_product(m: int, k: int, n: int, library: Library) -> np.ndarray:
    """The first row of the product."""
    return np.asarray(start_product(m, k, n, library)())[0]


def make_training(images: int) -> dict[str, Workload]:
    """W1, W1b and W1e."""
    step = Workload(
        "a step of training the MLP 784-256-128-10, Adam, batch 128",
        *(start_training, check_training, "ms", lambda s: 1e3 * s),
        runs=20,
        warm=3,
    )
    return {
        "W1": step,
        "W1b": replace(
            step,
            title="W1 back to back, without rest between turns",
            warm=0,
            pause=0.0,
        ),
        "W1e": Workload(
            f"an epoch of it over {images:,} images, shuffled",
            functools.partial(start_epoch, images),
            *(check_epoch, "ms", lambda s: 1e3 * s),
            tolerance=0.1,
            every=5,
        ),
    }


def make_chain(title: str, a, b, tolerance: float) -> Workload:
    """W4 with these operands."""
    return Workload(
        title,
        functools.partial(start_chain, a, b),
        functools.partial(check_chain, a, b),
        *("us/operation", lambda s: 1e6 * s / CHAIN, tolerance),
        runs=16,
        warm=4,
    )


def make_product(m: int, k: int, n: int) -> Workload:
    """A matrix product, which shows how fast the BLAS library is."""
    return Workload(
        f"a float32 matrix product ({m}, {k}) by ({k}, {n})",
        functools.partial(start_product, m, k, n),
        functools.partial(check_product, m, k, n),
        *("GFLOP/s", lambda s: 2e-9 * m * k * n / s),
        runs=max(4, 4 * 10**9 // (m * k * n)),
        warm=2,
    )


def make_workloads(images: int = 60_000) -> dict[str, Workload]:
    """All workloads by name."""
    a, b = 1 + 0.001 * START, 0.01 * START[::-1].copy()
    chain = f"{CHAIN:,} additions and multiplications of 8 numbers"
    return make_training(images) | {
        "W4": make_chain(f"{chain}, by tensors", a, b, 1e-5),
        # libraries that turn to float64 round differently
        "W4s": make_chain(f"{chain}, by Python floats", 1.001, 0.01, 1e-4),
        "G1": make_product(BATCH, *SIZES[:2]),
        "G2": make_product(1024, 1024, 1024),
    }
