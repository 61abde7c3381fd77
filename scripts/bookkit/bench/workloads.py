"""What bench.py times: each workload as one run() for each library."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bookkit.bench.libraries import BATCH, CHAIN, SIZES, START, Library

IMAGE, PHOTO = SIZES[:1], (3, 32, 32)  # their shapes
IMAGES, PHOTOS = 60_000, 50_000  # of an epoch


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
        rest: seconds before a turn, for the threads of the turn before to
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
    rest: float = 0.3


def draw_images(count: int, shape: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Values (count, *shape) float32 and labels: for speed any will do."""
    rng = np.random.default_rng(3)
    images = rng.standard_normal((count, *shape), np.float32)
    return images, rng.integers(0, 10, count, np.uint8)


def start_steps(
    library: Library, make: Callable, shape: tuple, count: int
) -> Callable:
    """run() is one step of what is made, on so many batches in turn."""
    images, labels = draw_images(count * BATCH, shape)
    pairs = zip(np.split(images, count), np.split(labels, count))
    batches = itertools.cycle([library.batch(*pair) for pair in pairs])
    step = make()
    return lambda: step(*next(batches))


def start_winograd(library: Library) -> Callable:
    """W2w: a step of W2, with Winograd's convolutions where it is asked."""
    step = CNN_STEP.start(library)

    def run():
        with library.winograd():
            return step()

    return run


def start_epoch(
    library: Library, make: Callable, count: int, shape: tuple
) -> Callable:
    """run() learns once from each image; returns the mean loss.

    run(limit) stops after so many batches.
    """
    images, labels = draw_images(count, shape)
    step = make()

    def run(limit=None):
        total, seen = 0.0, 0
        batches = library.epoch(images, labels)
        for inputs, targets in itertools.islice(batches, limit):
            total += step(inputs, targets).item() * len(targets)
            seen += len(targets)
        return np.float32(total / seen)

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


def make_product(m: int, k: int, n: int, runs: int) -> Workload:
    """A matrix product, which shows how fast the BLAS library is."""

    def start(library):
        rng, shapes = np.random.default_rng(4), ((m, k), (k, n))
        return library.product(*(rng.random(s, np.float32) for s in shapes))

    return Workload(
        f"a float32 matrix product ({m}, {k}) by ({k}, {n})",
        start,
        lambda run: np.asarray(run())[0],
        *("GFLOP/s", lambda s: 2e-9 * m * k * n / s),
        runs=runs,
        warm=2,
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
    lambda library: start_steps(library, library.mlp, IMAGE, 16),
    losses(5),
    runs=20,
    warm=3,
)
CNN_STEP = Workload(
    "a step of training the CNN on 128 images of 32 x 32, Adam",
    lambda library: start_steps(library, library.cnn, PHOTO, 1),
    losses(5),
    tolerance=5e-3,  # Adam divides by gradients near 0
    runs=3,
    warm=1,
)
BACK_TO_BACK = "W1 back to back, without rest between turns"
WINOGRAD = "the same step, dlfs inside nn.winograd()"
A, B = 1 + 0.001 * START, 0.01 * START[::-1].copy()
LARGE = (32, 32, 32)
WORKLOADS = {
    "W1": STEP,
    "W1b": replace(STEP, title=BACK_TO_BACK, warm=0, rest=0.0),
    "W1e": Workload(
        f"an epoch of it over {IMAGES:,} images, shuffled",
        lambda library: start_epoch(library, library.mlp, IMAGES, IMAGE),
        lambda run: run(),
        tolerance=0.1,  # everybody draws another order
        every=5,
    ),
    "W2": CNN_STEP,
    "W2e": Workload(
        f"an epoch of it over {PHOTOS:,} images, shuffled",
        lambda library: start_epoch(library, library.cnn, PHOTOS, PHOTO),
        lambda run: run(2),
        tolerance=0.2,
        every=6,
    ),
    "W2w": replace(CNN_STEP, title=WINOGRAD, start=start_winograd),
    "W4": make_chain("tensors", A, B, 1e-5),
    # libraries that turn to float64 round differently
    "W4s": make_chain("Python floats", 1.001, 0.01, 1e-4),
    "G1": make_product(BATCH, *SIZES[:2], runs=160),
    "G2": make_product(8192, 576, 64, runs=20),
    "C1": make_convolution(3, 32, 32),
    "C2": make_convolution(32, 32, 32),
    "C3": make_convolution(32, 64, 16),
    "C4": make_convolution(64, 64, 16),
    "P": make_layer("a max pooling", lambda nn: nn.MaxPool2d(2), LARGE),
    "N": make_layer("BatchNorm2d", lambda nn: nn.BatchNorm2d(32), LARGE),
    "R": make_layer("ReLU", lambda nn: nn.ReLU(), LARGE),
}
