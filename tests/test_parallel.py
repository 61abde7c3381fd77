# Made from book/ by scripts/tangle.py: edit the chapters.
"""Shards: the same bits for any number of threads."""

import contextlib
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from test_trainer import INPUTS, TARGETS, same
from threadpoolctl import threadpool_info, threadpool_limits

import dlfs
from dlfs import Tensor, manual_seed, nn, optim
from dlfs.autograd import (
    default_generator,
    gradcheck,
    is_grad_enabled,
    no_grad,
)
from dlfs.data import DataLoader, TensorDataset
from dlfs.optim import ExponentialLR
from dlfs.trainer import (
    Diverged,
    Interrupted,
    Sharded,
    Trainer,
    argument_parser,
    load_checkpoint,
    run_command,
    run_training,
)


# book/27-two-cores.md#test-parallel-make
class Late(nn.Module):
    """Passes its input on, after a pause that only chance decides."""

    def forward(self, input):
        time.sleep(0.002 * default_generator().random())
        return input


def make_model():
    """A small model with everything that could disturb the order."""
    manual_seed(3)
    return nn.Sequential(
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
        Late(),
        nn.Linear(8, 3),
    )


def make_trainer(threads, folder=None, layer=None):
    """A trainer in four shards; the last batch has two examples in each."""
    model = make_model()
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    dataset = TensorDataset(INPUTS, TARGETS)
    inner = nn.Sequential(layer, model) if layer else model
    return Trainer(
        Sharded(inner, 4, threads),
        optimizer,
        DataLoader(dataset, 12, True, generator=np.random.default_rng(5)),
        DataLoader(dataset, 20),
        scheduler=ExponentialLR(optimizer, 0.9),
        grad_clip=1.0,
        save_dir=folder,
        quiet=True,
    )


# book/27-two-cores.md#test-parallel-bits
class TestSameBits:
    @pytest.mark.parametrize("threads", [2, 3, 8])
    def test_any_number_of_threads(self, threads):
        states = []
        for number in 1, threads:
            trainer = make_trainer(number)
            trainer.fit(3)
            states.append(trainer.state_dict())
        assert states[0]["model"]["1.running_mean"].any()
        assert same(*states)

    def test_every_step_and_shard_draws_other_numbers(self):
        drawn = []

        class Draws(nn.Module):
            def forward(self, input):
                drawn.append(default_generator().random())
                return input

        model = Sharded(Draws(), 3)
        for _ in range(2):
            manual_seed(0)
            for _ in range(2):
                model(Tensor(INPUTS))
        assert len(set(drawn)) == 6 and drawn[:6] == drawn[6:]

    def test_a_generator_of_a_layer_is_that_of_the_shard(self):
        class Noise(nn.Module):
            generator = None

            def forward(self, input):
                return input * 0 + self.generator.random()

        layer = Noise()
        layer.generator = np.random.default_rng(0)
        model = Sharded(layer, 2)
        manual_seed(0)
        values = [*model(Tensor(INPUTS)).data[:, 0]]
        assert len(set(values)) == 2
        assert layer.generator.random() == np.random.default_rng(0).random()

    @pytest.mark.parametrize("threads", [1, 2])
    def test_a_product_in_a_shard_has_one_thread(self, threads):
        found = []

        class Looks(nn.Module):
            def forward(self, input):
                found.extend(threadpool_info())
                return input

        with threadpool_limits(2):
            Sharded(Looks(), 2, threads)(Tensor(INPUTS))
        blas = [lib for lib in found if lib["user_api"] == "blas"]
        assert {lib["num_threads"] for lib in blas} <= {1}


# book/27-two-cores.md#test-parallel-gradients
def make_plain(double=False):
    """A model that treats every example by itself."""
    manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    return model.double() if double else model


def gradients(model, inputs=INPUTS, targets=TARGETS):
    """Return loss, gradient of the input and of every parameter."""
    x = Tensor(inputs, requires_grad=True)
    for parameter in model.parameters():
        parameter.grad = None
    loss = nn.cross_entropy(model(x), targets)
    loss.backward()
    grads = [x.grad, *(p.grad for p in model.parameters())]
    return [loss.item(), *(g if g is None else g.data for g in grads)]


class TestGradients:
    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("size", [44, 7, 4, 3, 1])
    def test_are_those_of_the_whole_batch(self, size, threads):
        model = make_plain(double=True)
        batch = INPUTS[:size].astype(np.float64), TARGETS[:size]
        expected = gradients(model, *batch)
        found = gradients(Sharded(model, 4, threads), *batch)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)

    def test_match_numeric_ones(self):
        model = make_plain(double=True)
        sharded = Sharded(model, 3, 2)
        x = Tensor(INPUTS[:5].astype(np.float64), requires_grad=True)
        gradcheck(lambda x, *_: sharded(x), [x, *model.parameters()])

    def test_one_shard_has_the_bits_of_the_model_itself(self):
        model = make_plain()
        expected = gradients(model)
        found = gradients(Sharded(model, 1))
        assert same(found, expected)

    def test_add_up_until_they_are_forgotten(self):
        model = Sharded(make_plain(), 3)
        for _ in range(2):
            model(Tensor(INPUTS)).sum().backward()
        twice = model.module[0].weight.grad.data.copy()
        model.zero_grad()
        model(Tensor(INPUTS)).sum().backward()
        once = model.module[0].weight.grad.data
        np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)

    def test_a_shared_weight_collects_from_both_places(self):
        model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
        model[2].weight = model[0].weight
        found = gradients(Sharded(model, 4, 2))
        for a, b in zip(found, gradients(model), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert len(found) == 2 + 3

    def test_frozen_and_unused_parameters_have_none(self):
        class Model(nn.Module):
            def __init__(self):
                self.frozen = nn.Linear(6, 6).requires_grad_(False)
                self.unused, self.used = nn.Linear(6, 3), nn.Linear(6, 3)

            def forward(self, input):
                return self.used(self.frozen(input))

        _, _, *grads = gradients(Sharded(Model(), 2))
        assert [g is None for g in grads] == [True] * 4 + [False] * 2

    def test_a_parameter_may_be_used_in_one_shard_alone(self):
        class Model(nn.Module):
            def __init__(self):
                self.always, self.rarely = nn.Linear(6, 3), nn.Linear(6, 3)

            def forward(self, input):
                y = self.always(input)
                return y + self.rarely(input) if input.data[0, 0] > 9 else y

        inputs = INPUTS.copy()
        inputs[22] = 10  # the first of the second shard
        model = Model()
        found = gradients(Sharded(model, 2, 2), inputs)
        logits = model.always(Tensor(inputs))
        last = logits[22:] + model.rarely(Tensor(inputs[22:]))
        model.zero_grad()
        whole = dlfs.cat([logits[:22], last])
        nn.cross_entropy(whole, TARGETS).backward()
        for g, p in zip(found[2:], model.parameters(), strict=True):
            np.testing.assert_allclose(g, p.grad.data, rtol=1e-4, atol=1e-6)

    def test_a_hook_sees_the_sum_once(self):
        model, seen = make_plain(), []
        model[0].weight.register_hook(lambda g: seen.append(g.data.copy()))
        found = gradients(Sharded(model, 4))
        assert len(seen) == 1 and (seen[0] == found[2]).all()

    def test_there_are_no_second_ones(self):
        y = Sharded(make_plain(), 2)(Tensor(INPUTS)).sum()
        with pytest.raises(RuntimeError, match="no second derivative"):
            y.backward(create_graph=True)


# book/27-two-cores.md#test-parallel-buffers
class TestBuffers:
    def test_statistics_are_those_of_ghost_batches(self):
        model = nn.BatchNorm1d(6, momentum=1.0)
        y = Sharded(model, 3)(Tensor(INPUTS)).data  # 14, 15 and 15 examples
        parts = INPUTS[:14], INPUTS[14:29], INPUTS[29:]
        mean = INPUTS.mean(axis=0)
        variance = sum(len(p) * p.var(axis=0, ddof=1) for p in parts) / 44
        assert model.running_mean.data == pytest.approx(mean, abs=1e-6)
        assert model.running_var.data == pytest.approx(variance, rel=1e-5)
        assert model.num_batches_tracked.item() == 1
        for part in y[:14], y[14:29], y[29:]:
            assert part.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-6)

    def test_what_nobody_measures_stays(self):
        class Masked(nn.Module):
            def __init__(self):
                self.register_buffer("mask", np.float32([0.1, -np.inf]))
                self.register_buffer("flags", np.array([True, False]))

            def forward(self, input):
                return input * self.mask[0]

        model = Masked()
        before, memory = model.state_dict(), model.mask.data
        Sharded(model, 3)(Tensor(INPUTS))
        assert same(model.state_dict(), before)
        assert model.mask.data is memory

    def test_in_use_nothing_is_drawn_or_measured(self):
        model = make_model().eval()
        state = default_generator().bit_generator.state
        before, expected = model.state_dict(), model(Tensor(INPUTS)).data
        default_generator().bit_generator.state = state
        found = Sharded(model, 4, 2).eval()(Tensor(INPUTS)).data
        assert default_generator().bit_generator.state == state
        assert same(model.state_dict(), before)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


# book/27-two-cores.md#test-parallel-threads
class Meets(nn.Module):
    """Waits for another shard, on the way forward and on the way back."""

    def __init__(self, patience):
        self.barrier = [threading.Barrier(2, timeout=patience)]

    def __deepcopy__(self, memo):
        return self  # a barrier cannot be copied, and must not be

    def forward(self, input):
        self.barrier[0].wait()
        output = input * 1
        output.register_hook(self.meet)
        return output

    def meet(self, g):
        self.barrier[0].wait()


@contextlib.contextmanager
def no_thread_left():
    """Fail if there are more threads afterwards than before."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Fails(nn.Module):
    """Raises in the shards that begin with these examples."""

    def __init__(self, error, *rows):
        self.error, self.rows = error, INPUTS[list(rows), 0]

    def forward(self, input):
        if (row := input.data[0, 0]) in self.rows:
            raise self.error(f"row {np.flatnonzero(INPUTS[:, 0] == row)[0]}")
        return input


class TestThreads:
    def test_two_are_at_work_at_once_forward_and_backward(self):
        model = nn.Sequential(nn.Linear(6, 3), Meets(patience=60))
        with no_thread_left():
            gradients(Sharded(model, 2, 2))

    def test_alone_they_would_not_meet(self):
        model = nn.Sequential(nn.Linear(6, 3), Meets(patience=0.01))
        with pytest.raises(threading.BrokenBarrierError):
            gradients(Sharded(model, 2, 1))

    @pytest.mark.parametrize("threads", [1, 2, 4])
    def test_the_first_error_comes_out_as_itself(self, threads):
        class OddError(Exception):
            pass

        model = nn.Sequential(Fails(OddError, 22, 33), nn.BatchNorm1d(6))
        before = model.state_dict()
        with no_thread_left(), pytest.raises(OddError, match="row 22"):
            Sharded(model, 4, threads)(Tensor(INPUTS))
        assert same(model.state_dict(), before)

    @pytest.mark.parametrize("threads", [1, 2])
    def test_a_loss_that_explodes_is_said_without_a_warning(self, threads):
        trainer = make_trainer(threads)
        trainer.optimizer.param_groups[0]["lr"] = 1e38
        with warnings.catch_warnings(), no_thread_left():
            warnings.simplefilter("error")
            with pytest.raises(Diverged, match="the loss became"):
                trainer.fit(9)

    def test_nothing_is_recorded_inside_no_grad(self):
        modes = []

        class Asks(nn.Module):
            def forward(self, input):
                modes.append(is_grad_enabled())
                return input * 1

        model = Sharded(nn.Sequential(nn.Linear(6, 3), Asks()), 2, 2)
        with no_grad():
            assert not model(Tensor(INPUTS)).requires_grad
        assert model(Tensor(INPUTS)).requires_grad
        assert modes == [False, False, True, True]

    def test_what_a_shard_does_to_its_input_is_its_own_affair(self):
        class Writes(nn.Module):
            def forward(self, input):
                input[0] = 0
                return input

        inputs = INPUTS.copy()
        with no_grad():
            Sharded(Writes(), 2, 2)(Tensor(inputs))
        assert (inputs == INPUTS).all()

    @pytest.mark.skipif(
        not hasattr(signal, "pthread_kill"), reason="needs POSIX signals"
    )
    def test_ctrl_c_leaves_no_thread_behind(self):
        class Interrupts(nn.Module):
            def forward(self, input):
                time.sleep(0.1)
                if (input.data[0] == INPUTS[0]).all():
                    main = threading.main_thread().ident
                    signal.pthread_kill(main, signal.SIGINT)
                time.sleep(0.1)
                return input

        with no_thread_left(), pytest.raises(KeyboardInterrupt):
            Sharded(Interrupts(), 2, 2)(Tensor(INPUTS))

    def test_hooks_of_the_model_are_called_for_every_shard(self):
        model, sizes = make_plain(), []
        model[0].register_forward_hook(
            lambda module, inputs, output: sizes.append(len(output.data))
        )
        Sharded(model, 3)(Tensor(INPUTS))
        assert sizes == [14, 15, 15]


# book/27-two-cores.md#test-parallel-resume
class Dead(BaseException):
    """The program has been killed."""


class Dies(nn.Module):
    """Kills the program in a shard, the so manieth that it works on."""

    def __init__(self, calls):
        self.left = [calls]

    def __deepcopy__(self, memo):
        return self

    def forward(self, input):
        self.left[0] -= 1
        if self.left[0] == 0:
            raise Dead
        return input


@pytest.mark.usefixtures("no_curve")
class TestResume:
    @pytest.mark.parametrize("steps", [1, 4, 6])
    def test_stopped_and_resumed_with_other_threads(self, tmp_path, steps):
        straight = make_trainer(1, tmp_path / "a")
        straight.fit(3)
        stopped = make_trainer(2, tmp_path / "b")
        step = stopped.train_step

        def interrupted_step(*batch):
            if stopped.step + 1 == steps:
                signal.raise_signal(signal.SIGINT)
            return step(*batch)

        stopped.train_step = interrupted_step
        with pytest.raises(Interrupted, match=f"after step {steps};"):
            stopped.fit(3)
        resumed = make_trainer(3, tmp_path / "b")
        manual_seed(1234)
        resumed.resume()
        resumed.fit(3)
        assert same(resumed.state_dict(), straight.state_dict())

    @pytest.mark.parametrize("calls", [30, 41])  # 28 shards in an epoch
    def test_killed_and_resumed_with_other_threads(self, tmp_path, calls):
        straight = make_trainer(3, layer=nn.Flatten())
        straight.fit(3)
        with pytest.raises(Dead):
            make_trainer(2, tmp_path, Dies(calls)).fit(3)
        resumed = make_trainer(1, tmp_path, nn.Flatten())
        resumed.resume()
        assert resumed.epoch == 1
        resumed.fit(3)
        assert same(resumed.state_dict(), straight.state_dict())


# book/27-two-cores.md#test-parallel-command
def command(folder, *options):
    """Run a tiny experiment from a command line; return its exit code."""

    def experiment(args):
        examples = TensorDataset(INPUTS, TARGETS)
        about = {"source": "noise", "sha256": "0"}
        sets = [examples] * 3  # to learn from, to choose by, to test on
        run_training(args, make_model(), *sets, about)

    words = ["--epochs", "1", "--batch-size", "12", "--quiet"]
    words += ["--save-dir", str(folder), *options]
    return run_command(argument_parser("tiny", "Tiny."), experiment, words)


def outcome(folder):
    """Return the last state of a run, its options aside."""
    state = load_checkpoint(folder / "last.npz")
    return {name: state[name] for name in state if name != "config"}


@pytest.mark.usefixtures("no_curve")
class TestCommandLine:
    def test_threads_are_free_where_they_decide_nothing(self, tmp_path):
        for name, threads in ("a", "1"), ("b", "2"), ("c", "3"):
            options = "--shards", "3", "--threads", threads
            assert command(tmp_path / name, *options, "--epochs", "2") == 0
        more = "--shards", "3", "--resume", "--epochs", "3"
        assert command(tmp_path / "a", *more, "--threads", "2") == 0
        assert command(tmp_path / "b", *more, "--threads", "1") == 0
        a, b, c = (outcome(tmp_path / name) for name in "abc")
        assert same(a, b) and not same(a, c)

    def test_the_shards_decide_the_numbers(self, tmp_path, capsys):
        assert command(tmp_path, "--shards", "3") == 0
        more = "--resume", "--epochs", "2", "--shards"
        assert command(tmp_path, *more, "2") == 1
        assert "shards is 2 now, but 3 in it" in capsys.readouterr().err

    def test_one_shard_is_the_loop_without_any(self, tmp_path):
        assert command(tmp_path, "--half-life", "0", "--shards", "1") == 0
        model = make_model()
        dataset = TensorDataset(INPUTS, TARGETS)
        order = np.random.default_rng([42, 1])
        with threadpool_limits(1):
            trainer = Trainer(
                model,
                optim.Adam(model.parameters(), lr=2e-3),
                DataLoader(dataset, 12, True, generator=order),
                DataLoader(dataset, 1000),
                save_dir=tmp_path / "loop",
                quiet=True,
            )
            trainer.fit(1)
        assert same(outcome(tmp_path), outcome(tmp_path / "loop"))

    def test_the_weights_have_the_names_of_the_model(self, tmp_path):
        assert command(tmp_path, "--shards", "2") == 0
        state = load_checkpoint(tmp_path / "best.npz")["model"]
        make_model().load_state_dict(state)

    def test_more_shards_than_examples_are_refused(self, tmp_path, capsys):
        assert command(tmp_path, "--shards", "13") == 1
        said = capsys.readouterr().err
        assert "--shards 13: a batch has only 12 examples" in said

    def test_with_shards_the_library_has_one_thread(self):
        found = []
        words = ["--shards", "2", "--threads", "2"]
        with threadpool_limits(2):
            parser = argument_parser("tiny", "Tiny.")
            look = lambda args: found.extend(threadpool_info())  # noqa: E731
            run_command(parser, look, words)
        blas = [lib for lib in found if lib["user_api"] == "blas"]
        assert {lib["num_threads"] for lib in blas} <= {1}

    @pytest.mark.parametrize("numbers", [(0, 1), (2, 0), (-1, 1)])
    def test_less_than_one_is_refused(self, numbers):
        with pytest.raises(ValueError, match="expected at least 1"):
            Sharded(make_plain(), *numbers)

    @pytest.mark.parametrize(
        "forward, message",
        [
            (lambda x: x.sum(), r"for 22 examples .* a Tensor of shape \(\)"),
            (lambda x: x[:3], r"a Tensor of shape \(3, 6\), expected"),
            (lambda x: [x], r"returned a list"),
        ],
    )
    def test_a_model_gives_a_row_for_each_example(self, forward, message):
        model = nn.Module()
        model.forward = forward
        with pytest.raises(TypeError, match=message):
            Sharded(model, 2)(Tensor(INPUTS))
