"""What bench.py times: each workload as one run() for each library."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bookkit.bench.libraries import (
    BATCH,
    CHAIN,
    SIZES,
    START,
    Library,
)

IMAGES, PHOTOS = 60_000, 50_000  # of an epoch
REST = 0.3  # seconds; between processes, whose threads spin for longer
PAUSE = 0.05  # seconds; OpenBLAS's threads stay awake for half of that


def milliseconds(seconds: float) -> float:
    """What most workloads are shown in."""
    return 1e3 * seconds


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
    unit: str = "ms"
    show: Callable[[float], float] = milliseconds
    tolerance: float = 1e-5
    runs: int = 1
    warm: int = 0
    every: int = 1
    apart: bool = False
    pause: float = PAUSE


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray, str]:
    """Images (60000, 784) float32, labels (60000,) uint8, and a source.

    For speed any images will do: where the full set is not on disk, those of
    the slice in the package are there several times.
    """
    from dlfs.data import load_mnist, normalize, pixel_statistics

    train, _, source = load_mnist(mirrors=())
    images = normalize(train.data, *pixel_statistics(train.data))
    shape = (IMAGES, SIZES[0])
    return np.resize(images, shape), np.resize(train.targets, IMAGES), source


def start_training(library: Library) -> Callable:
    """W1: run() is one step of training, always with another batch."""
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((16, BATCH, SIZES[0]), np.float32)
    targets = rng.integers(0, SIZES[-1], (16, BATCH), np.uint8)
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


def start_winograd(library: Library) -> Callable:
    """W2w: the same, with Winograd's convolutions if it has to be told."""
    step = start_photos(library)

    def run():
        with library.winograd():
            return step()

    return run


def start_epoch(library: Library) -> Callable:
    """W1e: run() learns once from each image; returns the mean loss."""
    images, labels, _ = digits()
    step = library.mlp()

    def run():
        total, seen = 0.0, 0
        for inputs, targets in library.epoch(images, labels):
            total += step(inputs, targets).item() * len(targets)
            seen += len(targets)
        if seen != IMAGES:
            raise ValueError(f"its loader gave {seen} of {IMAGES} images")
        return np.float32(total / seen)

    return run


@functools.cache
def photographs() -> tuple[np.ndarray, np.ndarray]:
    """Inputs (50000, 3, 32, 32) float32 in the shape of CIFAR-10, labels."""
    rng = np.random.default_rng(6)
    photos = rng.standard_normal((PHOTOS, 3, 32, 32), np.float32)
    return photos, rng.integers(0, 10, PHOTOS, np.uint8)


def start_photo_epoch(library: Library) -> Callable:
    """W2e: run() learns once from each photograph; returns the last loss.

    run(count) stops after so many batches.
    """
    images, labels = photographs()
    step = library.cnn()

    def run(count=None):
        batches = library.epoch(images, labels)
        for batch in itertools.islice(batches, count):
            loss = step(*batch)
        return loss

    return run


def losses(count: int) -> Callable:
    """The numbers of a workload that trains: those of its first runs."""
    return lambda run: np.float32([run().item() for _ in range(count)])


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


def make_product(m: int, k: int, n: int, **others) -> Workload:
    """A matrix product, which shows how fast the BLAS library is."""

    def start(library):
        rng, shapes = np.random.default_rng(4), ((m, k), (k, n))
        return library.product(*(rng.random(s, np.float32) for s in shapes))

    return Workload(
        f"a float32 matrix product ({m}, {k}) by ({k}, {n})",
        start,
        lambda run: np.asarray(run())[0],
        *("GFLOP/s", lambda s: 2e-9 * m * k * n / s),
        **{"runs": 160, "warm": 2, **others},
    )


def make_layer(title: str, make: Callable, shape: tuple) -> Workload:
    """A layer of the CNN, forward and backward."""

    def start(library):
        x = np.random.default_rng(7).random((BATCH, *shape), np.float32)
        return library.layer(make, x)

    return Workload(
        f"{title} of {shape}, forward and backward",
        start,
        lambda run: np.float32(
            [sum(np.abs(a).sum() for a in p) for p in run()]
        ),
        tolerance=0.01,
        runs=5,
        warm=2,
        apart=True,
        pause=REST,
    )


def make_convolution(before: int, after: int, size: int) -> Workload:
    """A convolution of the CNN, for images of this size."""
    return make_layer(
        f"a convolution to {after} channels",
        lambda nn: nn.Conv2d(before, after, 3, padding=1),
        (before, size, size),
    )


STEP = Workload(
    "a step of training the MLP 784-256-128-10, Adam, batch 128",
    start_training,
    losses(5),
    runs=20,
    warm=3,
)
BACK_TO_BACK = "W1 back to back, without rest between turns"
EPOCH = Workload(
    f"an epoch of it over {IMAGES:,} images, shuffled",
    start_epoch,
    losses(1),
    tolerance=0.1,  # everybody draws another order
    every=5,
)
CNN_STEP = Workload(
    "a step of training the CNN on 128 images of 32 x 32, Adam",
    start_photos,
    losses(3),
    tolerance=5e-3,  # Adam divides by gradients near 0
    runs=3,
    warm=1,
    apart=True,
    pause=REST,
)
CNN_EPOCH = replace(
    CNN_STEP,
    title=f"an epoch of it over {PHOTOS:,} images, shuffled",
    start=start_photo_epoch,
    numbers=lambda run: np.float32([run(2).item()]),
    tolerance=0.2,  # everybody draws another order
    runs=1,
    warm=0,
    every=6,
)
WINOGRAD = "the same step, dlfs inside nn.winograd()"
A, B = 1 + 0.001 * START, 0.01 * START[::-1].copy()
LARGE = (32, 32, 32)
WORKLOADS = {
    "W1": STEP,
    "W1b": replace(STEP, title=BACK_TO_BACK, warm=0, pause=0.0),
    "W1e": EPOCH,
    "W2": CNN_STEP,
    "W2e": CNN_EPOCH,
    "W2w": replace(CNN_STEP, title=WINOGRAD, start=start_winograd),
    "W4": make_chain("tensors", A, B, 1e-5),
    # libraries that turn to float64 round differently
    "W4s": make_chain("Python floats", 1.001, 0.01, 1e-4),
    "G1": make_product(BATCH, *SIZES[:2]),
    "G2": make_product(8192, 576, 64, runs=20, apart=True, pause=REST),
    "C1": make_convolution(3, 32, 32),
    "C2": make_convolution(32, 32, 32),
    "C3": make_convolution(32, 64, 16),
    "C4": make_convolution(64, 64, 16),
    "P": make_layer("a max pooling", lambda nn: nn.MaxPool2d(2), LARGE),
    "N": make_layer("BatchNorm2d", lambda nn: nn.BatchNorm2d(32), LARGE),
    "R": make_layer("ReLU", lambda nn: nn.ReLU(), LARGE),
}
