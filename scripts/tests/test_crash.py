"""Nothing is lost and nothing half-written, whenever the tools are killed.

Calls that change the disk are made to fail, and to end the process, in turn:
every third one, or with DLFS_KILLS=3 in the environment every one, and three
kills at random moments on top. The process is a fork of this one, so that
nothing is tidied up.
"""

import filecmp
import os
import random
import shutil
import signal
import sys
import time
from fnmatch import fnmatch

import pytest
from books import Book, make_block

from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.run import run_chapters
from bookkit.tangle import command as tangle
from bookkit.tangle.output import Output
from bookkit.tangle.output import tangle as tangle_book

CALLS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")
KILLED, UNDISTURBED = 100, 50
KILLS = int(os.environ.get("DLFS_KILLS", "0"))
EVERY = 1 if KILLS else 3  # every third call, unless kills are asked for
CLASS = make_block("class A:\n    x = 1", "a")
METHOD = make_block("@extend(A)\ndef f(self):\n    return 1", "f")
OTHER = make_block("def g():\n    return 1", "g", "dlfs/b.py")
TEST = make_block("def test_a():\n    pass", "test-a", "tests/test_a.py")

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs processes that are forked"
)


class Fault:
    """Lets the calls that change the disk pass, until one of them."""

    def __init__(self) -> None:
        self.left = 0
        self.strike = None
        self.fsync = os.fsync
        sys.addaudithook(self.watch)

    def watch(self, event: str, arguments: tuple) -> None:
        """Count a call that changes the disk; strike at the last one."""
        if self.strike is None:
            return
        is_write = event == "open" and arguments[2] & os.O_ACCMODE
        if event == "shutil.copyfile" and self.left == 1:
            source, target = arguments
            with open(source, "rb") as stream:
                half = stream.read(os.path.getsize(source) // 2)
            self.left = 2
            with open(target, "wb") as stream:
                stream.write(half)
        if event in (*CALLS, "shutil.copyfile") or is_write:
            self.count()

    def half_written(self, descriptor: int) -> None:
        """Stands for `os.fsync`: strikes when half of a file is there."""
        self.left -= 1
        if not self.left:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            self.left = 1
            self.count()
        self.fsync(descriptor)

    def count(self) -> None:
        """Strike if this is the call."""
        self.left -= 1
        if not self.left:
            self.strike()


FAULT = Fault()


def die() -> None:
    """End the process as SIGKILL does."""
    os._exit(KILLED)


def fail() -> None:
    """Let a call fail, this one and all that would tidy up stay possible."""
    raise OSError(28, "No space left on device")


def run_until(main, arguments, number: int, strike) -> int:
    """Run a command in a fork that ends or fails at a call; its exit code.

    `UNDISTURBED` if there are not so many calls.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        FAULT.left, FAULT.strike = number, strike
        os.fsync = FAULT.half_written
        code = main([str(each) for each in arguments])
        os._exit(UNDISTURBED if FAULT.left > 0 else code)
    finally:
        os._exit(99)  # a traceback


def snapshot(root) -> dict[str, bytes]:
    """The bytes of all files, but those that git does not see either."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not fnmatch(path.name, ".*.tmp")
    }


def litter(root) -> list:
    """What is left of files that were to be written."""
    return list(root.rglob(".*.tmp"))


class Scene:
    """A folder as it is before a command; the command may be interrupted."""

    def __init__(self, book: Book, main, *arguments) -> None:
        self.book, self.main = book, main
        self.arguments = ["--root", book.root, *arguments]
        self.copy = book.root.with_name("before")
        shutil.copytree(book.root, self.copy, symlinks=True)
        self.old = snapshot(book.root)
        assert book.run(main, arguments).code == 0
        self.new = snapshot(book.root)
        assert self.old != self.new

    def reset(self) -> None:
        """Make everything as it was before the command."""
        root, copy = self.book.root, self.copy
        for path in sorted(root.rglob("*"), reverse=True):
            if not (copy / path.relative_to(root)).exists():
                path.rmdir() if path.is_dir() else path.unlink()
        for path in sorted(copy.rglob("*")):
            place = root / path.relative_to(copy)
            if path.is_dir():
                place.mkdir(exist_ok=True)
            elif not place.exists() or not filecmp.cmp(path, place, False):
                shutil.copy2(path, place)

    def interrupted(self, strike):
        """Interrupt the command at its calls, or some of them, in turn."""
        for number in range(random.randint(1, EVERY), 1000, EVERY):
            self.reset()
            code = run_until(self.main, self.arguments, number, strike)
            if code == UNDISTURBED:
                assert number > 4
                assert snapshot(self.book.root) == self.new
                return
            assert code == KILLED if strike is die else code in (0, 1)
            if code == 0:
                assert snapshot(self.book.root) == self.new
            yield number


@pytest.fixture
def written(book):
    """A book of two chapters that has been tangled."""
    (book.root / "scene").mkdir()
    book = Book(book.root / "scene", book.capsys)
    book.chapter("01-one", CLASS, TEST)
    book.chapter("02-two", METHOD, OTHER)
    book.write("dlfs/mnist_mini/data.gz", "data")
    assert book.tangle().code == 0
    return book


def change_chapters(book: Book) -> None:
    """Change what all three files are made from."""
    book.chapter("01-one", CLASS.replace("1", "2"), TEST.replace("pass", "1"))
    book.chapter("02-two", METHOD, OTHER.replace("return 1", "return 2"))


def edit_files(book: Book) -> None:
    """Edit two blocks of a file, and one of another one."""
    text = book.read("dlfs/a.py").replace("x = 1", "x = 3")
    text = text.replace("return 1", "return 3")
    book.write("dlfs/a.py", text)
    text = book.read("dlfs/b.py").replace("return 1", "return 3")
    book.write("dlfs/b.py", text + "\n\ndef public():\n    return 4\n")


def assert_old_or_new(scene: Scene) -> None:
    """Every file is as before the command or as after it."""
    for file, content in snapshot(scene.book.root).items():
        assert content in (scene.old.get(file), scene.new.get(file)), file
    assert (
        scene.old.keys() & scene.new.keys() <= snapshot(scene.book.root).keys()
    )


class TestTangle:
    @pytest.mark.parametrize("strike", [die, fail])
    def test_every_call(self, written, strike):
        change_chapters(written)
        scene = Scene(written, tangle.main)
        for _ in scene.interrupted(strike):
            assert_old_or_new(scene)
            if strike is fail:
                assert litter(written.root) == []
            assert written.tangle().err == ""
            assert snapshot(written.root) == scene.new

    def test_litter_is_removed_after_a_minute(self, written):
        change_chapters(written)
        scene = Scene(written, tangle.main)
        scene.reset()
        run_until(tangle.main, scene.arguments, 3, die)
        found = litter(written.root)
        assert found
        written.tangle()
        assert litter(written.root) == found
        for path in found:
            os.utime(path, (time.time() - 100, time.time() - 100))
        change_chapters(written)
        (written.root / "dlfs/a.py").unlink()
        written.tangle()
        assert litter(written.root) == []


class TestBack:
    @pytest.mark.parametrize("strike", [die, fail])
    def test_every_call(self, written, strike):
        edit_files(written)
        scene = Scene(written, tangle.main, "--back")
        for _ in scene.interrupted(strike):
            self.check_edits_are_there(scene)
            before = snapshot(written.root)
            outcome = written.tangle()
            if outcome.code:
                assert "edited by hand" in outcome.err
                assert snapshot(written.root) == before
            outcome = written.tangle("--back")
            assert outcome.err == ""
            assert snapshot(written.root) == scene.new

    def check_edits_are_there(self, scene: Scene) -> None:
        """Chapters are old or new, and each edit is in one of its places."""
        texts = {k: v.decode() for k, v in snapshot(scene.book.root).items()}
        for file in ("book/01-one.md", "book/02-two.md"):
            new = scene.new[file].decode()
            assert texts[file] in (scene.old[file].decode(), new)
        for file in ("dlfs/a.py", "dlfs/b.py"):
            old, new = (x[file].decode() for x in (scene.old, scene.new))
            bodies = [text.split("\n")[1:] for text in (old, new)]
            assert texts[file].split("\n")[1:] in bodies


class TestSnapshots:
    @pytest.mark.parametrize("strike", [die, fail])
    @pytest.mark.parametrize("is_there", [True, False])
    def test_every_call(self, written, strike, is_there):
        init = make_block('"""Doc."""', "init", "dlfs/__init__.py")
        out = written.root / "out"
        if is_there:
            extra = make_block("z = 1", "z", "dlfs/z.py")
            written.chapter("01-one", CLASS, TEST, init, extra)
            assert written.tangle("--until", 1, "--out", out).code == 0
            written.write("dlfs/mnist_mini/data.gz", "more data")
        written.chapter("01-one", CLASS.replace("1", "2"), TEST, init)
        arguments = ["--until", 2, "--out", out]
        scene = Scene(written, tangle.main, *arguments)
        for _ in scene.interrupted(strike):
            assert_old_or_new(scene)
            if strike is fail:
                assert litter(written.root) == []
            assert written.tangle(*arguments).err == ""
            assert snapshot(written.root) == scene.new


class TestPairs:
    @pytest.mark.parametrize("strike", [die, fail])
    def test_every_call(self, written, strike):
        written.chapters("pair")
        change_chapters(written)
        arguments = ["pair", "02", "--ipynb"]
        scene = Scene(written, run_chapters.main, *arguments)
        for _ in scene.interrupted(strike):
            assert_old_or_new(scene)
            assert written.chapters(*arguments).err == ""
            assert snapshot(written.root) == scene.new


class TestKill:
    """SIGKILL at random moments of writing, on the book itself."""

    COUNT = KILLS or 1

    @pytest.fixture
    def real(self, book):
        hidden = shutil.ignore_patterns("__pycache__", "py", "ipynb", "*.gz")
        for name in ("book", "dlfs", "tests"):
            shutil.copytree(ROOT / name, book.root / name, ignore=hidden)
        assert book.tangle().code == 0
        return book

    def kill(self, book: Book, delay: float, *arguments: str) -> None:
        """Start a command and kill it a little after it starts to write."""
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(tangle.main(["--root", str(book.root), *arguments]))
        stop = time.monotonic() + 20
        while not litter(book.root) and time.monotonic() < stop:
            time.sleep(0.005)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for path in litter(book.root):
            path.unlink()

    @pytest.mark.parametrize("mode", ["tangle", *["--back"] * (KILLS > 0)])
    def test_the_next_run_mends_it(self, real, mode):
        """A line of every file is new, in its chapter or made by hand."""
        chance = random.Random(mode)
        arguments = ["--back"] * (mode == "--back")
        for number in range(self.COUNT):
            output = tangle_book(read_book(real.root / "book"))
            files = [f for f in output.files if "def " in output.text(f)]
            text = f"# {number}"
            for file in files:
                line, path, other = find_def(output, file)
                if arguments:
                    line, path = other, file
                add_comment(real.root / path, line, text)
            self.kill(real, chance.uniform(0, 0.03), *arguments)
            assert real.tangle(*arguments).err == ""
            assert real.tangle("--check").code == 0
            for file in files:
                assert f" {text}\n" in real.read(file)


def find_def(output: Output, file: str) -> tuple[int, str, int]:
    """Where the first `def` of a file is: in its chapter, and in itself."""
    return next(
        (line.origin.line, line.origin.path, number)
        for number, line in enumerate(output.files[file], 1)
        if line.origin and line.text.lstrip().startswith("def ")
    )


def add_comment(path, number: int, text: str) -> None:
    """Put a comment behind a line."""
    lines = path.read_text().split("\n")
    lines[number - 1] += f"  {text}"
    path.write_text("\n".join(lines))
