"""Numbers in the pages come from the records and from the book."""

import json

import pytest

from bookkit.read.chapters import BookError
from bookkit.weave.results import describe_runs, fill, group_of, read_runs

FACTS = {"full.mean": "98.07%", "code add": "a + b\n\nc"}
RUN = {
    "data": "all",
    "machine": "m",
    "python": "3",
    "numpy": "2",
    "blas": "b",
}


class TestFill:
    def test_puts_numbers_and_code_in_their_places(self):
        text = "We read {{ full.mean }}.\n{{ code add }}\n"
        expected = "We read 98.07%.\na + b\n\nc\n"
        assert fill(text, "book/index.md", FACTS) == expected

    @pytest.mark.parametrize(
        "asked, message",
        [
            ("{{ full.max }}", "no full.max; known: full.mean"),
            ("{{ code mul }}", "no code mul; known: code add"),
        ],
    )
    def test_an_unknown_name_stops_with_its_line(self, asked, message):
        with pytest.raises(BookError) as raised:
            fill(f"one\n\n{asked}", "book/index.md", FACTS)
        assert str(raised.value) == f"book/index.md:3: there is {message}"

    def test_leaves_a_page_that_asks_for_nothing(self):
        text = "{{not}} {% asked %} {{ Upper }}"
        assert fill(text, "book/index.md", {}) == text


class TestRuns:
    @pytest.mark.parametrize(
        "arguments, blas, group",
        [
            ("--seed 0 --data full", "o 3, SkylakeX", "full"),
            ("--seed 0 --half-life 0 --data full", "o 3, Zen", "constant"),
            ("--seed 0 --half-life 900 --data full", "o 3, Zen", "full"),
            ("--seed 0 --data mini", "mkl", "mini"),
            ("--seed 0 --data full", "o 3, Haswell", "full-haswell"),
        ],
    )
    def test_are_grouped_by_what_they_train(self, arguments, blas, group):
        run = {"command": f"python -m x {arguments}", "blas": blas}
        assert group_of(run) == group

    @pytest.mark.parametrize(
        "arguments, group",
        [
            ("lenet_mnist --data full", "lenet"),
            ("cnn_cifar10 --augment", "small"),
            ("cnn_cifar10 --model resnet --lr 0.2", "resnet"),
        ],
    )
    def test_networks_that_see_are_known_by_name(self, arguments, group):
        run = {"command": f"python -m dlfs.experiments.{arguments}"}
        assert group_of(run) == group

    def test_are_described_by_mean_and_extremes(self):
        runs = [
            {**RUN, "command": f"x --seed {seed} -y", "seed": seed}
            | {"test_accuracy": accuracy, "seconds": seconds}
            for seed, accuracy, seconds in [
                (0, 0.98, 9.0),
                (42, 0.9701, 1.0),
                (7, 0.9801, 2.04),
            ]
        ]
        found = describe_runs(runs)
        assert found["mean"] == "97.67%"
        assert (found["lowest"], found["highest"]) == ("97.01%", "98.01%")
        assert found["seeds"] == "0, 42, 7"
        assert found["seconds"] == "2.0"
        assert found["command"] == "x --seed SEED -y"

    def test_without_records_there_is_nothing_to_say(self, tmp_path):
        assert read_runs(tmp_path / "none.jsonl") == {}

    def test_are_read_line_by_line(self, tmp_path):
        commands = "x --data mini", "x --data full"
        lines = [{"command": each, "blas": "b"} for each in commands]
        path = tmp_path / "runs.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        assert set(read_runs(path)) == {"mini", "full"}
