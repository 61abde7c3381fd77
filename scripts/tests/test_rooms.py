"""Rooms: the modules of a folder, and what can be imported from where."""

import ast
import importlib
from pathlib import Path

import pytest
from books import make_block, make_cell

ROOT = Path(__file__).parents[2]
CORE = "dlfs/autograd/engine.py"  # Tensor and the operations need each other
NAMES = {
    "dlfs.autograd": """
        GradcheckError HookHandle MaxResult Operation Tensor absolute add
        arange cat clip cos default_generator div einsum exp expm1 eye full
        full_like grad gradcheck gradgradcheck is_grad_enabled log log1p
        log_softmax logsumexp manual_seed matmul maximum minimum mul neg
        no_grad numeric_derivative numeric_gradient ones ones_like operation
        pad pow rand randint randn relu set_grad_enabled sigmoid sin softmax
        sqrt stack sub tanh tensor where zeros zeros_like
    """,
    "dlfs.nn": """
        AdaptiveAvgPool2d AvgPool2d BCELoss BCEWithLogitsLoss BatchNorm1d
        BatchNorm2d Conv1d Conv2d ConvTranspose2d CrossEntropyLoss Dropout
        Dropout2d ELU Flatten FunctionLayer GELU GroupNorm HuberLoss Identity
        IncompatibleKeys L1Loss LayerNorm LeakyReLU Linear LogSoftmax MSELoss
        MaxPool2d Module ModuleDict ModuleList NLLLoss Parameter ParameterList
        ReLU Sequential SiLU Sigmoid SmoothL1Loss Softmax Softplus Tanh
        Unflatten adaptive_avg_pool2d avg_pool2d batch_norm
        binary_cross_entropy binary_cross_entropy_with_logits calculate_gain
        constant_ conv1d conv2d conv_transpose2d cosine_similarity
        cross_entropy dropout dropout2d elu eye_ functional gelu group_norm
        huber_loss kaiming_normal_ kaiming_uniform_ l1_loss layer_norm
        leaky_relu linear max_pool2d mse_loss nll_loss normal_ normalize
        one_hot ones_ orthogonal_ parameters_to_vector silu smooth_l1_loss
        softplus trunc_normal_ uniform_ vector_to_parameters winograd
        xavier_normal_ xavier_uniform_ zeros_
    """,
    "dlfs.nn.functional": """
        adaptive_avg_pool2d avg_pool2d batch_norm binary_cross_entropy
        binary_cross_entropy_with_logits conv1d conv2d conv_transpose2d
        cosine_similarity cross_entropy dropout dropout2d elu gelu group_norm
        huber_loss l1_loss layer_norm leaky_relu linear log_softmax max_pool2d
        mse_loss nll_loss normalize one_hot pad relu sigmoid silu
        smooth_l1_loss softmax softplus tanh
    """,
    "dlfs.nn.utils": """
        clip_grad_norm_ parameters_to_vector vector_to_parameters
    """,
    "dlfs.optim": """
        Adadelta Adagrad Adam AdamW Optimizer RMSprop SGD clip_grad_norm_
        lr_scheduler
    """,
    "dlfs.data": """
        ConcatDataset DataError DataLoader Dataset Digits DownloadError
        IDXDataset IDX_UBYTE MNIST MNISTMini MNIST_FILES MNIST_MIRRORS
        RemoteFile SLOWEST Subset TensorDataset WeightedRandomSampler data_root
        default_collate download_file find_file find_folder fingerprint
        load_mnist normalize pixel_statistics random_split read_idx
        read_idx_shape sha256_of
    """,
    "dlfs.trainer": """
        CheckpointError Diverged ExponentialLR Interrupted Meter Sharded
        Trainer argument_parser describe environment evaluate keep_memory
        learning_curve load_checkpoint make_optimizer make_scheduler
        positive_int run_command run_training save_checkpoint set_aside
        write_atomically
    """,
    "dlfs.models": """
        CNNConfig LeNet LeNetConfig ResNet ResNetConfig Residual SmallCNN
    """,
    "dlfs.drawing": """
        Drawing MAX_NODES draw_graph
    """,
    "dlfs": """
        Tensor __version__ absolute arange cat clip cos einsum exp expm1 extend
        eye full full_like grad is_grad_enabled log log1p log_softmax logsumexp
        manual_seed matmul maximum minimum no_grad ones ones_like rand randint
        randn relu set_grad_enabled sigmoid sin softmax sqrt stack tanh tensor
        where zeros zeros_like
    """,
    "dlfs.optim.lr_scheduler": """
        CosineAnnealingLR ExponentialLR LRScheduler LambdaLR LinearLR
        OneCycleLR SequentialLR StepLR
    """,
}
ONE = make_block(
    '"""One."""\n\nimport math\n\n\n'
    "def _half(x):\n    return x / 2\n\n\n"
    "def area(r):\n    return math.pi * r * r",
    "one",
    "dlfs/a/one.py",
)
TWO = make_block(
    "def half_area(r):\n    return math.floor(_half(area(r)))",
    "two",
    "dlfs/a/two.py",
)


class TestPackage:
    @pytest.mark.parametrize("module", NAMES)
    def test_names_stay_where_programs_import_them(self, module):
        found = vars(importlib.import_module(module))
        missing = [name for name in NAMES[module].split() if name not in found]
        assert missing == []

    def test_rooms_are_small(self):
        long = {
            str(path.relative_to(ROOT)): count
            for path in ROOT.glob("dlfs/**/*.py")
            if (count := len(path.read_text("utf-8").splitlines())) > 700
        }
        assert [*long] == [CORE]

    def test_every_room_says_what_it_is(self):
        for path in ROOT.glob("dlfs/**/*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            assert ast.get_docstring(tree), path


class TestTangling:
    def test_a_room_finds_what_others_define_and_import(self, book):
        body = book.make(ONE, TWO, file="dlfs/a/two.py")
        assert body.startswith(
            "\nimport math\n\nfrom dlfs.a.one import _half, area\n\n"
        )

    def test_the_folder_offers_the_public_names(self, book):
        body = book.make(ONE, TWO, file="dlfs/a/__init__.py")
        assert "from dlfs.a.one import area\n" in body
        assert '__all__ = ["area", "half_area"]' in body

    def test_an_import_from_the_folder_goes_to_the_room(self, book):
        block = TWO.replace(
            "def half", "from dlfs.a import area\n\n\ndef half"
        )
        body = book.make(ONE, block, file="dlfs/a/two.py")
        assert "from dlfs.a.one import _half, area\n" in body

    def test_a_folder_that_imports_from_itself(self, book):
        code = "from dlfs.a import area, one\n\nx = area, one"
        block = make_block(code, "user", "dlfs/a/__init__.py")
        body = book.make(ONE, block, file="dlfs/a/__init__.py")
        assert "from dlfs.a import one\nfrom dlfs.a.one import area\n" in body

    def test_private_names_come_from_their_room(self, book):
        user = "from dlfs.a import _half, area\n\nx = _half(area(1))"
        block = make_block(user, "user", "dlfs/b.py")
        body = book.make(ONE, block, file="dlfs/b.py")
        assert "from dlfs.a import area\nfrom dlfs.a.one import _half" in body

    def test_what_another_folder_defines_on_the_page(self, book):
        other = make_block("y = area(2)", "other", "dlfs/b/it.py")
        body = book.make(ONE, other, file="dlfs/b/it.py")
        assert "from dlfs.a import area\n" in body

    def test_a_room_that_only_does_something_is_imported(self, book):
        act = make_block("area.unit = 'm2'", "act", "dlfs/a/units.py")
        body = book.make(ONE, act, file="dlfs/a/__init__.py")
        assert "from dlfs.a import units\n" in body

    def test_an_earlier_snapshot_has_the_rooms_of_its_time(self, book):
        book.chapter("01-one", ONE)
        book.chapter("02-two", TWO)
        folder = book.root / "snapshot"
        assert book.tangle("--until", "1", "--out", str(folder)).code == 0
        text = (folder / "dlfs/a/__init__.py").read_text()
        assert '__all__ = ["area"]' in text and "two" not in text


class TestMistakes:
    def test_a_circle_of_imports(self, book):
        back = make_block("x = half_area(1)", "back", "dlfs/a/one.py")
        outcome = book.mistake(ONE, TWO, back)
        assert "an import circle" in outcome
        assert "dlfs.a.one needs dlfs.a.two" in outcome

    def test_a_name_in_two_rooms(self, book):
        again = make_block("area = 3", "again", "dlfs/a/three.py")
        assert "area is defined already in dlfs/a/one.py" in book.mistake(
            ONE, again
        )

    def test_a_file_with_the_name_of_what_it_offers(self, book):
        block = make_block("def area():\n    return 1", "b", "dlfs/a/area.py")
        assert "area hides the file dlfs/a/area.py" in book.mistake(block)

    def test_a_class_grows_only_in_its_own_room(self, book):
        grow = "@extend(A)\ndef f(self): ..."
        outcome = book.mistake(
            make_block("class A:\n    x = 1", "a", "dlfs/a/one.py"),
            make_block(grow, "grow", "dlfs/a/two.py"),
        )
        assert "@extend grows a class of the same file" in outcome

    @pytest.mark.parametrize("file", ["dlfs/a/one.py", "dlfs/b.py"])
    def test_a_name_that_only_the_page_imports(self, book, file):
        code = "def half(x):\n    y = x\n    return fractions.Fraction(y, 2)"
        page = make_cell("import fractions")
        assert book.mistake(page, make_block(code, "half", file)) == (
            f"book/01-one.md:8: half uses fractions, which {file} does not "
            "import"
        )

    @pytest.mark.parametrize(
        "code",
        [
            "for i in range(3):\n    pass\n\ndef f():\n    return i",
            "def f():\n    global a\n    a = 1\n\ndef g():\n    return a",
            "class A:\n    b = 1\n    c = [b for b in ()]\n    d = b",
            "def f():\n    return [__file__, __name__, len]",
            "def f(x):\n    return {k: v for k, v in x if (z := v) or z}",
        ],
    )
    def test_names_that_are_made_somewhere_are_none(self, book, code):
        book.chapter("01-one", make_block(code, "f", "dlfs/b.py"))
        assert book.tangle().code == 0
