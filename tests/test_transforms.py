# Made from book/ by scripts/tangle.py: edit the chapters.
"""Augmentation: the right pixels, the right chances, and a way back."""

import itertools
import json

import numpy as np
import pytest

from dlfs import manual_seed, nn, optim
from dlfs.data import (
    Compose,
    DataLoader,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomTransform,
    TensorDataset,
    Transformed,
    channel_statistics,
    fingerprint,
)
from dlfs.trainer import Trainer

# book/26-colour.md#test-transforms-random
MODES = {  # which pixel of a row of 32 stands at places -4 to -1
    "edge": [0, 0, 0, 0],
    "reflect": [4, 3, 2, 1],
    "symmetric": [3, 2, 1, 0],
}


def random_images(*shape):
    """Random pixels; the same for the same shape."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def places(count):
    """Images whose pixels hold 32 times their row plus their column."""
    image = np.arange(1024, dtype=np.int16).reshape(1, 1, 32, 32)
    return np.repeat(image, count, axis=0)


def usual_crop():
    """The crop of most recipes for CIFAR-10."""
    return RandomCrop(32, padding=4)


def spread(counts):
    """Return by how many deviations counts differ from equal chances."""
    expected = np.sum(counts) / np.size(counts)
    squares = ((counts - expected) ** 2 / expected).sum()
    freedom = np.size(counts) - 1
    return (squares - freedom) / np.sqrt(2 * freedom)


class TestRandomHorizontalFlip:
    def test_gives_every_image_as_it_is_or_mirrored(self):
        images = random_images(50, 3, 5, 7)
        flipped = RandomHorizontalFlip()(images)
        kinds = set()
        for before, after in zip(images, flipped, strict=True):
            same = after.tolist() == before.tolist()
            rows = [[row[::-1] for row in plane] for plane in before.tolist()]
            assert same or after.tolist() == rows
            kinds.add(same)
        assert kinds == {True, False}

    @pytest.mark.parametrize("p", [0, 0.1, 0.5, 1])
    def test_mirrors_a_share_of_p(self, p):
        images = np.tile(np.array([0, 1], np.uint8), (40_000, 1, 1, 1))
        share = RandomHorizontalFlip(p)(images)[:, 0, 0, 0].mean()
        assert abs(share - p) <= 4 * np.sqrt(p * (1 - p) / 40_000)

    def test_leaves_its_input_alone(self):
        images = random_images(9, 3, 4, 4)
        before = images.copy()
        assert RandomHorizontalFlip(1)(images) is not images
        assert np.array_equal(images, before)

    @pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
    def test_refuses_what_is_no_probability(self, p):
        with pytest.raises(ValueError, match="expected 0 to 1"):
            RandomHorizontalFlip(p)


class TestRandomCrop:
    @pytest.mark.parametrize("mode", MODES)
    def test_continues_the_image_beyond_its_edge(self, mode):
        before = MODES[mode]
        after = [31 - place for place in reversed(before)]
        line = [*before, *range(32), *after]
        crop = RandomCrop(32, padding=4, padding_mode=mode)
        for image in crop(places(200))[:, 0]:
            top = [line[start : start + 32] for start in range(9)]
            assert (image // 32)[:, 0].tolist() in top
            assert (image % 32)[0].tolist() in top
            assert (image == image[:, :1] // 32 * 32 + image[:1] % 32).all()

    def test_fills_the_border_with_a_constant(self):
        windows = RandomCrop(4, padding=2, fill=9)(np.zeros((300, 1, 2, 2)))
        assert set(np.unique(windows)) == {0, 9}
        assert (windows == 0).sum(axis=(1, 2, 3)).tolist() == [4] * 300
        inside = RandomCrop(2)(np.zeros((5, 1, 2, 2)))
        assert (inside == 0).all()

    def test_takes_every_window_equally_often(self):
        windows = RandomCrop(32, padding=4)(places(16_200))
        centre = windows[:, 0, 16, 16]
        tops, lefts = centre // 32 - 12, centre % 32 - 12
        counts = np.zeros((9, 9))
        np.add.at(counts, (tops, lefts), 1)
        assert counts.min() > 0 and abs(spread(counts)) < 4

    def test_moves_all_colours_together(self):
        images = np.repeat(places(20), 3, axis=1)
        windows = RandomCrop(20)(images)
        assert (windows == windows[:, :1]).all()

    def test_cuts_rectangles(self):
        windows = RandomCrop((5, 8))(places(10))
        assert windows.shape == (10, 1, 5, 8)
        assert (np.diff(windows, axis=3) == 1).all()
        assert (np.diff(windows, axis=2) == 32).all()

    def test_says_what_does_not_fit(self):
        with pytest.raises(ValueError, match=r"\(40, 40\) .* of \(36, 36\)"):
            RandomCrop(40, padding=2)(places(1))
        with pytest.raises(ValueError, match="'mirror'; expected one of con"):
            RandomCrop(32, padding_mode="mirror")


class TestRandomTransforms:
    def test_flips_do_not_depend_on_crops(self):
        windows = RandomHorizontalFlip()(RandomCrop(31)(places(40_000)))
        first = windows[:, 0, 0, 0]
        flipped = windows[:, 0, 0, 0] > windows[:, 0, 0, 1]
        lefts = np.where(flipped, windows[:, 0, 0, -1], first) % 32
        counts = np.zeros((2, 2, 2))
        tops = first // 32
        np.add.at(counts, (flipped * 1, tops, lefts), 1)
        assert abs(spread(counts)) < 4

    @pytest.mark.parametrize("make", [RandomHorizontalFlip, usual_crop])
    def test_two_of_a_kind_draw_the_same(self, make):
        images = random_images(20, 3, 32, 32)
        one, two = make(), make()
        assert np.array_equal(one(images), two(images))
        first = one(images)
        assert not np.array_equal(one(images), first)

    def test_a_batch_of_none_and_a_single_image_are_fine(self):
        for change in RandomCrop(32, 4), RandomHorizontalFlip(1):
            assert change(places(0)).shape == (0, 1, 32, 32)
            assert change(places(1)[0]).shape == (1, 32, 32)

    @pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
    def test_keep_the_type_of_pixels(self, dtype):
        images = random_images(4, 3, 32, 32).astype(dtype)
        crop = RandomCrop(32, 4, padding_mode="reflect")
        assert RandomHorizontalFlip()(crop(images)).dtype == dtype

    def test_refuse_what_are_no_images(self):
        with pytest.raises(ValueError, match=r"shape \(32, 32\); expected"):
            RandomHorizontalFlip()(np.zeros((32, 32)))
        with pytest.raises(NotImplementedError, match="RandomTransform"):
            RandomTransform()(places(1))


# book/26-colour.md#test-transforms-normalize
class TestNormalize:
    def test_is_the_formula_for_each_channel(self):
        images = random_images(5, 3, 8, 8)
        mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.25]
        normal = Normalize(mean, std)(images)
        assert normal.dtype == np.float32
        for channel in range(3):
            expected = images[:, channel] / 255 - mean[channel]
            expected /= std[channel]
            assert np.allclose(normal[:, channel], expected, atol=1e-6)

    def test_statistics_make_every_channel_normal(self):
        images = random_images(1200, 3, 8, 8)
        images[:, 1] //= 3
        means, deviations = channel_statistics(images)
        for channel in range(3):
            pixels = images[:, channel] / 255
            assert means[channel] == pytest.approx(pixels.mean())
            assert deviations[channel] == pytest.approx(pixels.std())
        normal = Normalize(means, deviations)(images)
        assert np.allclose(normal.mean(axis=(0, 2, 3)), 0, atol=1e-4)
        assert np.allclose(normal.std(axis=(0, 2, 3)), 1, atol=1e-4)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_takes_floats_as_they_are(self, dtype):
        normal = Normalize(0.5, 0.25)(np.ones((2, 1, 3, 3), dtype))
        assert normal.dtype == dtype and (normal == 2).all()

    def test_takes_one_image(self):
        image = random_images(3, 4, 4)
        normal = Normalize([0.5] * 3, [0.5] * 3)
        assert np.array_equal(normal(image), normal(image[None])[0])

    def test_says_what_does_not_fit(self):
        with pytest.raises(ValueError, match=r"expected \(N, 3, H, W\)"):
            Normalize([0] * 3, [1] * 3)(random_images(2, 1, 4, 4))
        with pytest.raises(ValueError, match="above 0 for each channel"):
            Normalize([0] * 3, [1, 0, 1])
        with pytest.raises(ValueError, match="above 0 for each channel"):
            Normalize([0] * 3, [1])
        with pytest.raises(TypeError, match="int64 pixels"):
            Normalize(0, 1)(np.zeros((1, 1, 2, 2), np.int64))


class TestCompose:
    def test_does_one_after_the_other(self):
        steps = Compose([lambda x: x + 1, lambda x: 10 * x])
        assert steps(np.array([1, 2])).tolist() == [20, 30]

    def test_of_nothing_changes_nothing(self):
        images = random_images(2, 3, 4, 4)
        assert Compose([])(images) is images


# book/26-colour.md#test-transforms-resume
def make_loader(seed=0, shared=False, extra=()):
    """A loader of ten images, four in a batch, cropped and flipped."""
    rng = np.random.default_rng([seed, 1])
    crop = RandomCrop(6, 2, generator=rng)
    own = rng if shared else np.random.default_rng([seed, 2])
    changes = [crop, RandomHorizontalFlip(generator=own), *extra]
    pairs = TensorDataset(random_images(10, 3, 6, 6), np.arange(10))
    normalize = Normalize([0] * 3, [1] * 3)
    dataset = Transformed(pairs, Compose([*changes, normalize]))
    shuffle = np.random.default_rng(seed)
    return DataLoader(dataset, 4, True, generator=shuffle)


def three_epochs(loader):
    """A fingerprint of each batch of three epochs."""
    epochs = itertools.chain(loader, loader, loader)
    return (fingerprint(*batch) for batch in epochs)


class TestResume:
    @pytest.mark.parametrize("shared", [False, True])
    @pytest.mark.parametrize("stop", range(9))
    def test_goes_on_with_the_same_batches(self, stop, shared):
        expected = list(three_epochs(make_loader(shared=shared)))
        assert len(set(expected)) == 9
        loader = make_loader(shared=shared)
        begun = list(itertools.islice(three_epochs(loader), stop))
        state = json.loads(json.dumps(loader.state_dict()))
        resumed = make_loader(seed=99, shared=shared)
        resumed.load_state_dict(state)
        rest = list(three_epochs(resumed))[: 9 - stop]
        assert begun + rest == expected

    def test_a_state_of_other_transforms_is_refused(self):
        state = make_loader().state_dict()
        other = make_loader(extra=[RandomHorizontalFlip()])
        with pytest.raises(ValueError, match=r"saved state is of \['RandomC"):
            other.load_state_dict(state)

    def test_transforms_on_one_side_only_are_refused(self):
        plain = DataLoader(TensorDataset(np.arange(10)), 4)
        augmented = make_loader()
        with pytest.raises(ValueError, match="has a random transform, that"):
            augmented.load_state_dict(plain.state_dict())
        with pytest.raises(ValueError, match="has no random transform, that"):
            plain.load_state_dict(augmented.state_dict())

    def test_a_function_that_draws_nothing_needs_no_state(self):
        pairs = TensorDataset(random_images(10, 3, 4, 4))
        loader = DataLoader(Transformed(pairs, lambda x: x[..., 1:]), 4)
        assert "transform" not in loader.state_dict()
        loader.load_state_dict(loader.state_dict())
        assert next(iter(loader))[0].shape == (4, 3, 4, 3)

    def test_training_ends_with_the_same_weights(self, tmp_path):
        def trainer(seed):
            manual_seed(seed)
            model = nn.Sequential(nn.Flatten(), nn.Linear(108, 10))
            adam = optim.Adam(model.parameters())
            test = DataLoader(make_loader().dataset, 10)
            return Trainer(
                model,
                adam,
                make_loader(seed),
                test,
                save_dir=tmp_path,
                quiet=True,
            )

        whole = trainer(0)
        whole.fit(4)
        trainer(0).fit(2)
        resumed = trainer(9)
        resumed.resume()
        resumed.fit(4)
        found = resumed.model.state_dict()
        for name, value in whole.model.state_dict().items():
            assert np.array_equal(found[name], value)
