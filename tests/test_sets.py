# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data sets that give one example at a time, and parts of data sets."""

import json

import numpy as np
import pytest

from dlfs import Tensor, data, manual_seed


# book/15-layers-and-sets.md#test-sets
class Pairs(data.Dataset):
    """The numbers 0 to 9 with their squares, one at a time."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        assert type(index) is int  # as a list of files would need
        return np.float32([index]), index * index


class TestOneAtATime:
    def test_is_collated_into_tensors(self):
        x, y = next(iter(data.DataLoader(Pairs(), batch_size=4)))
        assert isinstance(x, Tensor) and x.dtype == np.float32
        assert x.shape == (4, 1) and y.data.tolist() == [0, 1, 4, 9]

    def test_shuffles_as_arrays_do(self):
        def order(dataset):
            loader = data.DataLoader(dataset, 3, True)
            return [int(x) for batch in loader for x in batch[0].reshape(-1)]

        assert order(Pairs()) == order(data.TensorDataset(np.arange(10)))

    def test_takes_sequences(self):
        loader = data.DataLoader([(1, "a"), (2, "b"), (3, "c")], 2)
        (numbers, names), (rest, _) = loader
        assert numbers.data.tolist() == [1, 2] and names == ["a", "b"]
        assert rest.shape == (1,)

    def test_dicts_stay_dicts(self):
        batch = data.default_collate([{"x": 1.5}, {"x": 2.5}])
        assert batch["x"].data.tolist() == [1.5, 2.5]

    def test_examples_need_as_many_parts(self):
        with pytest.raises(ValueError, match=r"of \[1, 2\] parts make no"):
            data.default_collate([(1, 2), (3,)])

    def test_other_shapes_need_a_function(self):
        texts = [np.zeros(2), np.zeros(3)]
        with pytest.raises(ValueError, match="cut or pad them"):
            next(iter(data.DataLoader(texts, 2)))
        loader = data.DataLoader(texts, 2, collate_fn=np.concatenate)
        assert next(iter(loader)).shape == (5,)

    def test_an_empty_class_says_what_it_needs(self):
        with pytest.raises(NotImplementedError, match="Dataset has no __get"):
            data.Dataset()[0]


class TestParts:
    def test_split_at_random_without_overlap(self):
        manual_seed(3)
        parts = data.random_split(range(10), [0.5, 0.25, 0.25])
        assert [len(part) for part in parts] == [6, 2, 2]
        together = sorted(x for part in parts for x in part.indices)
        assert together == [*range(10)]
        assert sorted(map(int, parts[0].indices)) != [0, 1, 2, 3, 4]

    def test_lengths_have_to_add_up(self):
        with pytest.raises(ValueError, match=r"\[4, 5\], .* and a sum of 10"):
            data.random_split(range(10), [4, 5])
        for lengths in [1.5, -0.5], [12, -2]:
            with pytest.raises(ValueError, match="expected none below 0"):
                data.random_split(range(10), lengths)

    def test_a_share_may_be_all_or_nothing(self):
        parts = data.random_split(range(10), [1, 0])
        assert [len(part) for part in parts] == [10, 0]

    def test_of_arrays_come_in_batches(self):
        numbers = data.TensorDataset(np.arange(10) * 10)
        subset = data.Subset(numbers, [7, 2, 5])
        ((batch,),) = data.DataLoader(subset, 3)
        assert isinstance(batch, np.ndarray) and batch.tolist() == [70, 20, 50]

    def test_no_data_sets_are_an_empty_one(self):
        assert len(data.ConcatDataset([])) == 0

    def test_one_behind_the_other(self):
        joined = Pairs() + data.Subset(Pairs(), [9, 8])
        assert len(joined) == 12
        assert [joined[i][1] for i in (0, 9, 10, -1)] == [0, 81, 81, 64]
        with pytest.raises(IndexError):
            joined[12]


class TestSampler:
    def test_draws_as_often_as_the_weights_say(self):
        generator = np.random.default_rng(0)
        sampler = data.WeightedRandomSampler(
            [1, 0, 3], 4000, generator=generator
        )
        counts = np.bincount(list(sampler), minlength=3)
        assert counts[1] == 0 and abs(counts[2] / 4000 - 0.75) < 0.03
        assert len(sampler) == 4000

    def test_without_replacement_no_index_comes_twice(self):
        sampler = data.WeightedRandomSampler([1, 0, 30, 1], 3, False)
        for _ in range(5):
            assert sorted(sampler) == [0, 2, 3]

    def test_gives_a_loader_its_order(self):
        loader = data.DataLoader(Pairs(), 2, sampler=[4, 0, 5])
        assert len(loader) == 2
        assert [y.data.tolist() for _, y in loader] == [[16, 0], [25]]
        with pytest.raises(ValueError, match="either shuffle or a sampler"):
            data.DataLoader(Pairs(), 2, True, sampler=[0])

    def test_an_epoch_of_a_sampler_does_not_go_on_in_its_middle(self):
        loader = data.DataLoader(Pairs(), 2, sampler=[4, 0, 5])
        next(iter(loader))
        state = json.loads(json.dumps(loader.state_dict()))
        loader.load_state_dict(state)
        with pytest.raises(ValueError, match="only from its beginning"):
            next(iter(loader))

    @pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [[1]]])
    def test_refuses_weights_that_cannot_be_drawn(self, weights):
        with pytest.raises(ValueError, match="one weight for each example"):
            data.WeightedRandomSampler(weights, 3)
