# Made from book/ by scripts/tangle.py: edit the chapters.
"""Learning-rate schedules."""

import json
import math

import numpy as np
import pytest

import dlfs
from dlfs import nn, optim
from dlfs.data import DataLoader, TensorDataset
from dlfs.optim import lr_scheduler
from dlfs.trainer import Trainer


# book/25-schedules.md#test-lr-formulas
def make_optimizer(kind="SGD", lib=dlfs, **options):
    """Return an optimiser with two groups, of rates 0.5 and 8."""
    if lib is dlfs:
        one, two = nn.Parameter([1.0]), nn.Parameter([2.0])
    else:
        one, two = lib.ones(1), lib.ones(1)
    groups = [{"params": [one]}, {"params": [two], "lr": 8.0}]
    return getattr(lib.optim, kind)(groups, lr=0.5, **options)


def follow(make, steps, kind="SGD", lib=dlfs, **options):
    """Return what a schedule sets: for each step a list of numbers."""
    optimizer = make_optimizer(kind, lib, **options)
    scheduler = make(lib.optim.lr_scheduler, optimizer)
    found = []
    for _ in range(steps):
        groups = optimizer.param_groups
        found.append([float(g["lr"]) for g in groups])
        for group in groups:
            beta = group.get("momentum", group.get("betas", (0,)))
            found[-1].append(beta[0] if isinstance(beta, tuple) else beta)
        optimizer.step()
        scheduler.step()
    return found


def rates(make, steps):
    """Return the rates of the first group."""
    return [row[0] for row in follow(make, steps)]


class TestFormulas:
    def test_lambda_is_the_function_times_the_first_rate(self):
        found = follow(lambda lib, o: lib.LambdaLR(o, lambda t: t * t), 5)
        assert [row[:2] for row in found] == [
            [0.5 * t * t, 8.0 * t * t] for t in range(5)
        ]

    def test_lambda_takes_a_function_for_each_group(self):
        functions = [lambda t: 1, lambda t: 1 / (1 + t)]
        found = follow(lambda lib, o: lib.LambdaLR(o, functions), 3)
        assert [row[:2] for row in found] == [[0.5, 8], [0.5, 4], [0.5, 8 / 3]]

    def test_step_is_a_staircase(self):
        found = rates(lambda lib, o: lib.StepLR(o, 3, 0.5), 8)
        assert found == [0.5] * 3 + [0.25] * 3 + [0.125] * 2

    def test_exponential_is_a_power(self):
        found = rates(lambda lib, o: lib.ExponentialLR(o, 0.9), 30)
        assert found == pytest.approx([0.5 * 0.9**t for t in range(30)])

    def test_linear_is_a_line_and_stays(self):
        found = rates(lambda lib, o: lib.LinearLR(o, 0.5, 1, 4), 7)
        expected = [0.25, 0.3125, 0.375, 0.4375, 0.5, 0.5, 0.5]
        assert found == pytest.approx(expected)

    def test_cosine_falls_by_three_quarters_in_two_thirds(self):
        # cos(2/3 pi) = -1/2; after 9 steps it comes up again
        found = rates(lambda lib, o: lib.CosineAnnealingLR(o, 9, 0.1), 19)
        assert found[0] == 0.5 and found[9] == pytest.approx(0.1)
        assert found[3] == pytest.approx(0.1 + 0.4 * 3 / 4)
        assert found[6] == pytest.approx(0.1 + 0.4 / 4)
        assert found[18] == pytest.approx(0.5)

    def test_one_cycle_has_its_corners(self):
        def make(lib, o):
            return lib.OneCycleLR(o, [1.0, 2.0], 101, pct_start=31 / 101)

        found = follow(make, 101, momentum=0.9)
        assert found[0] == pytest.approx([0.04, 0.08, 0.95, 0.95])
        assert found[15] == pytest.approx([0.52, 1.04, 0.9, 0.9])
        assert found[30] == pytest.approx([1.0, 2.0, 0.85, 0.85])
        assert found[100] == pytest.approx([4e-6, 8e-6, 0.95, 0.95])

    def test_a_sequence_counts_each_part_from_its_own_zero(self):
        def make(lib, o):
            up = lib.LinearLR(o, 0.25, 1, 3)
            down = lib.StepLR(o, 2, 0.1)
            return lib.SequentialLR(o, [up, down], [3])

        expected = [0.125, 0.25, 0.375, 0.5, 0.5, 0.05, 0.05]
        assert rates(make, 7) == pytest.approx(expected)


# book/25-schedules.md#test-lr-torch
def three_in_a_row(lib, o):
    """Return a sequence of three schedules."""
    parts = [
        lib.LinearLR(o, 0.1, 1.0, 10),
        lib.ExponentialLR(o, 0.9),
        lib.CosineAnnealingLR(o, 10, 0.01),
    ]
    return lib.SequentialLR(o, parts, [10, 20])


def sequence_of_sequences(lib, o):
    """Return a sequence in a sequence, which PyTorch 2.13 cannot begin."""
    inner = lib.SequentialLR(
        o, [lib.StepLR(o, 2, 0.5), lib.LambdaLR(o, lambda t: 1 / (1 + t))], [9]
    )
    return lib.SequentialLR(o, [lib.LinearLR(o), inner], [5])


SCHEDULES = {
    "lambda": lambda lib, o: lib.LambdaLR(o, lambda t: 0.9**t + 0.1),
    "step": lambda lib, o: lib.StepLR(o, 7, 0.3),
    "exponential": lambda lib, o: lib.ExponentialLR(o, 0.93),
    "linear": lambda lib, o: lib.LinearLR(o),
    "linear down": lambda lib, o: lib.LinearLR(o, 1.0, 0.0, 33),
    "cosine": lambda lib, o: lib.CosineAnnealingLR(o, 13, 0.01),
    "one cycle": lambda lib, o: lib.OneCycleLR(o, 3.0, 40),
    "three phases": lambda lib, o: lib.OneCycleLR(
        o, [3.0, 1.0], epochs=8, steps_per_epoch=5, three_phase=True
    ),
    "lines": lambda lib, o: lib.OneCycleLR(
        o, 3.0, 41, pct_start=0.27, anneal_strategy="linear", div_factor=7.0
    ),
    "cycle of the rate alone": lambda lib, o: lib.OneCycleLR(
        o, 3.0, 40, cycle_momentum=False
    ),
    "down at once": lambda lib, o: lib.OneCycleLR(o, 3.0, 40, pct_start=0.0),
    "sequence": three_in_a_row,
    "nested": sequence_of_sequences,
}


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "nested"])
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_pytorch_has_the_same_options_at_every_step(name, kind):
    torch = pytest.importorskip("torch")
    options = {"momentum": 0.9} if kind == "SGD" else {}
    ours = follow(SCHEDULES[name], 40, kind, **options)
    theirs = follow(SCHEDULES[name], 40, kind, torch, **options)
    for step, (row, expected) in enumerate(zip(ours, theirs)):
        assert row == pytest.approx(expected, rel=1e-9, abs=1e-14), step


@pytest.mark.parametrize("name", ["step", "linear", "cosine", "exponential"])
def test_a_state_of_pytorch_can_be_loaded(name):
    torch = pytest.importorskip("torch")
    theirs = make_optimizer("SGD", torch)
    scheduler = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    for _ in range(5):
        theirs.step()
        scheduler.step()
    optimizer = make_optimizer()
    ours = SCHEDULES[name](lr_scheduler, optimizer)
    for group, other in zip(optimizer.param_groups, theirs.param_groups):
        group["lr"] = other["lr"]
    ours.load_state_dict(scheduler.state_dict())
    theirs.step()
    scheduler.step()
    ours.step()
    assert ours.get_last_lr() == pytest.approx(scheduler.get_last_lr())


# book/25-schedules.md#test-lr-state
class TestState:
    @pytest.mark.parametrize("name", SCHEDULES)
    @pytest.mark.parametrize("stop", [1, 9, 10, 11, 25])
    def test_goes_on_with_the_same_bits_through_json(self, name, stop):
        make = SCHEDULES[name]
        expected = follow(make, 40, momentum=0.9)
        first = make_optimizer(momentum=0.9)
        scheduler = make(lr_scheduler, first)
        for _ in range(stop):
            scheduler.step()
        saved = json.dumps([first.state_dict(), scheduler.state_dict()])
        optimizer = make_optimizer(momentum=0.5)
        scheduler = make(lr_scheduler, optimizer)
        state = json.loads(saved)
        optimizer.load_state_dict(state[0])
        scheduler.load_state_dict(state[1])
        for row in expected[stop:]:
            groups = optimizer.param_groups
            assert scheduler.get_last_lr() == row[:2]
            assert [group["momentum"] for group in groups] == row[2:]
            scheduler.step()

    def test_is_a_copy(self):
        scheduler = lr_scheduler.StepLR(make_optimizer(), 3)
        state = scheduler.state_dict()
        state["base_lrs"][0] = 100.0
        scheduler.step()
        assert scheduler.get_last_lr() == [0.5, 8.0]

    @pytest.mark.parametrize(
        "change",
        [
            {"gamma": -1},
            {"gamma": math.inf},
            {"step_size": 0},
            {"last_epoch": math.nan},
            {"base_lrs": [1.0]},
            {"base_lrs": [1.0, -1.0]},
        ],
    )
    def test_of_no_sense_is_refused_and_changes_nothing(self, change):
        scheduler = lr_scheduler.StepLR(make_optimizer(), 3)
        before = scheduler.state_dict()
        with pytest.raises(ValueError):
            scheduler.load_state_dict(before | change)
        assert scheduler.state_dict() == before

    def test_of_another_schedule_is_refused(self):
        scheduler = lr_scheduler.StepLR(make_optimizer(), 3)
        other = lr_scheduler.LinearLR(make_optimizer()).state_dict()
        with pytest.raises(ValueError, match="lacks gamma, step_size"):
            scheduler.load_state_dict(other)

    def test_of_a_sequence_is_loaded_whole_or_not_at_all(self):
        scheduler = three_in_a_row(lr_scheduler, make_optimizer())
        before = scheduler.state_dict()
        state = scheduler.state_dict() | {"milestones": [20, 10]}
        state["schedulers"][1]["gamma"] = 0.5
        with pytest.raises(ValueError, match="milestones"):
            scheduler.load_state_dict(state)
        assert scheduler.state_dict() == before

    @pytest.mark.usefixtures("no_curve")
    @pytest.mark.parametrize("name", SCHEDULES)
    def test_two_and_two_epochs_are_four_in_the_trainer(self, name, tmp_path):
        generator = np.random.default_rng(3)
        inputs = generator.standard_normal((50, 4), dtype=np.float32)
        dataset = TensorDataset(inputs, generator.integers(0, 3, 50))

        def make(folder):
            dlfs.manual_seed(0)
            model = nn.Linear(4, 3)
            groups = [{"params": [model.weight]}, {"params": [model.bias]}]
            optimizer = optim.SGD(groups, lr=0.1, momentum=0.9)
            return Trainer(
                model,
                optimizer,
                DataLoader(dataset, 5, shuffle=True),
                DataLoader(dataset, 50),
                scheduler=SCHEDULES[name](lr_scheduler, optimizer),
                save_dir=folder,
                quiet=True,
            )

        straight = make(tmp_path / "a")
        straight.fit(4)
        make(tmp_path / "b").fit(2)
        resumed = make(tmp_path / "b")
        resumed.resume()
        resumed.fit(4)
        for p, q in zip(
            straight.model.parameters(), resumed.model.parameters()
        ):
            assert (p.data == q.data).all()


# book/25-schedules.md#test-lr-refused
BAD = {
    "StepLR": [{"step_size": 0}, {"step_size": 3, "gamma": -0.1}],
    "ExponentialLR": [{"gamma": math.nan}],
    "LinearLR": [
        {"start_factor": 1.5},
        {"end_factor": -1},
        {"total_iters": 0},
    ],
    "CosineAnnealingLR": [{"T_max": 0}],
    "LambdaLR": [{"lr_lambda": [lambda t: 1] * 3}],
    "OneCycleLR": [
        {"max_lr": 1.0},
        {"max_lr": 1.0, "epochs": 3},
        {"max_lr": 1.0, "total_steps": 0},
        {"max_lr": [1.0], "total_steps": 9},
        {"max_lr": 1.0, "total_steps": 9, "pct_start": 1.1},
        {"max_lr": 1.0, "total_steps": 9, "anneal_strategy": "sine"},
    ],
    "SequentialLR": [
        {"schedulers": [], "milestones": []},
        {"schedulers": [], "milestones": [3]},
    ],
}


class TestRefused:
    @pytest.mark.parametrize(
        "kind, options",
        [(k, each) for k, many in BAD.items() for each in many],
    )
    def test_arguments_that_make_no_sense(self, kind, options):
        with pytest.raises(ValueError, match=f"{kind}|lr_scheduler"):
            getattr(lr_scheduler, kind)(make_optimizer(), **options)

    def test_something_else_than_an_optimiser(self):
        with pytest.raises(TypeError, match="Linear is not an Optimizer"):
            lr_scheduler.StepLR(nn.Linear(2, 2), 3)

    def test_a_sequence_of_several_optimisers(self):
        one, two = make_optimizer(), make_optimizer()
        parts = [lr_scheduler.StepLR(o, 3) for o in (one, two)]
        with pytest.raises(ValueError, match="the same optimiser"):
            lr_scheduler.SequentialLR(one, parts, [4])

    def test_going_on_without_first_rates(self):
        with pytest.raises(KeyError, match="initial_lr"):
            lr_scheduler.StepLR(make_optimizer(), 3, last_epoch=4)

    def test_a_step_behind_the_end_of_the_cycle(self):
        scheduler = lr_scheduler.OneCycleLR(make_optimizer(), 1.0, 5)
        for _ in range(5):  # after each of its steps
            scheduler.step()
        assert min(scheduler.get_last_lr()) > 0
        with pytest.raises(ValueError, match="step 6 of a cycle of 5"):
            scheduler.step()

    def test_a_second_schedule_starts_from_the_first_rates(self):
        optimizer = make_optimizer()
        lr_scheduler.LinearLR(optimizer, 0.1)
        assert optimizer.param_groups[0]["lr"] == 0.05
        lr_scheduler.StepLR(optimizer, 3)
        assert optimizer.param_groups[0]["lr"] == 0.5
