"""tangle.py --watch: chapters and files stay in step while somebody writes."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest
from books import make_block
from hypothesis import given
from test_properties import books, quick, write_book

from bookkit import ROOT
from bookkit.read.chapters import parse_chapter, read_book
from bookkit.tangle import watch
from bookkit.tangle.assemble import gather, render
from bookkit.tangle.disk import find_changes
from bookkit.tangle.output import parse_cells, tangle

WATCH = [sys.executable, ROOT / "scripts/tangle.py", "--watch"]
ONE = make_block("def one():\n    return 1", "one")
IN_STEP = "chapters and files are in step"
TWO = make_block("def two():\n    return 2", "two", "dlfs/b.py")


@pytest.fixture
def written(book):
    """A book of two chapters that has been tangled."""
    book.chapter("01-one", ONE)
    book.chapter("02-two", TWO)
    assert book.tangle().code == 0
    return book


def replace(book, file: str, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = book.read(file)
    assert old in text
    book.write(file, text.replace(old, new))


class TestLook:
    """What one look at the disk does and says."""

    @pytest.fixture
    def look(self, written):
        state = watch.Watch(written.root, written.root / "book")

        def look_again() -> str:
            text = state.look(state.scan())
            return text.rpartition(" in ")[0] if " in 0." in text else text

        assert look_again() == IN_STEP
        assert look_again() == ""
        return look_again

    def test_a_saved_chapter_is_tangled(self, written, look):
        replace(written, "book/01-one.md", "return 1", "return 3")
        assert look() == "wrote dlfs/a.py"
        assert "return 3" in written.read("dlfs/a.py")
        assert look() == ""

    def test_a_saved_file_goes_back(self, written, look):
        replace(written, "dlfs/a.py", "return 1", "return 3")
        assert look() == "dlfs/a.py:8 -> book/01-one.md:3 (one)"
        assert "return 3" in written.read("book/01-one.md")
        assert look() == ""
        assert written.tangle("--check").code == 0

    def test_both_directions_at_once(self, written, look):
        replace(written, "dlfs/a.py", "return 1", "return 3")
        replace(written, "book/02-two.md", "return 2", "return 4")
        assert look() == "dlfs/a.py:8 -> book/01-one.md:3 (one)"
        assert "return 4" in written.read("dlfs/b.py")
        assert written.tangle("--check").code == 0

    def test_a_new_chapter_and_a_chapter_less(self, written, look):
        written.chapter("03-three", make_block("x = 1", "x", "dlfs/c.py"))
        assert look() == "wrote dlfs/c.py"
        (written.root / "book/03-three.md").unlink()
        assert look().startswith("dlfs/c.py:1: no block of the book makes")
        (written.root / "dlfs/c.py").unlink()
        assert look() == IN_STEP

    def test_prose_asks_for_nothing(self, written, look):
        written.chapter("01-one", "A word.", ONE)
        assert look() == ""

    def test_both_changed_and_nothing_is_overwritten(self, written, look):
        replace(written, "book/01-one.md", "return 1", "return 3")
        replace(written, "dlfs/a.py", "return 1", "return 4")
        text = look()
        assert text.startswith("dlfs/a.py:8: edited by hand, and its chapters")
        assert "return 3" in written.read("book/01-one.md")
        assert "return 4" in written.read("dlfs/a.py")
        replace(written, "book/01-one.md", "return 3", "return 4")
        assert look() == IN_STEP

    @pytest.mark.parametrize("file", ["book/01-one.md", "dlfs/a.py"])
    def test_a_mistake_is_named_until_it_is_mended(self, written, look, file):
        before = written.read("dlfs/b.py")
        replace(written, file, "return 1", "return (")
        assert f"{file}:" in look()
        replace(written, "book/02-two.md", "return 2", "return 4")
        assert f"{file}:" in look()
        assert written.read("dlfs/b.py") == before
        replace(written, file, "return (", "return 1")
        assert look() == "wrote dlfs/b.py"
        replace(written, file, "return 1", "return (")
        look()
        replace(written, file, "return (", "return 1")
        assert look() == IN_STEP

    def test_an_emptied_chapter_deletes_nothing(self, written, look):
        before = written.read("dlfs/a.py")
        written.write("book/01-one.md", "")
        assert look().startswith("book/01-one.md:1: is empty now")
        assert written.read("dlfs/a.py") == before

    def test_a_chapter_is_read_only_when_it_changed(self, written, look):
        parse_chapter.cache_clear()
        look()
        replace(written, "book/01-one.md", "return 1", "return 3")
        look()
        look()
        assert parse_chapter.cache_info().misses == 2 + 1


class TestMemo:
    @quick
    @given(books(), books())
    def test_it_changes_nothing_but_the_time(self, tmp_path_factory, one, two):
        roots = []
        for steps in (one, two):
            roots.append(tmp_path_factory.mktemp("book"))
            write_book(roots[-1], steps)
        chapters = [read_book(root / "book") for root in roots]
        for each in (0, 1, 1, 0):
            found = tangle(chapters[each])
            for kept in (parse_cells, gather, render):
                kept.cache_clear()
            expected = tangle(chapters[each])
            assert found.files == expected.files

    def test_a_chapter_in_the_middle_changes(self, written):
        chapters = read_book(written.root / "book")
        first = tangle(chapters)
        written.chapter("01-one", "More.", ONE)
        changed = [read_book(written.root / "book")[0], chapters[1]]
        second = tangle(changed)
        assert second.files["dlfs/b.py"] is first.files["dlfs/b.py"]
        assert second.files == tangle(read_book(written.root / "book")).files


class Process:
    """`tangle.py --watch` as a process of its own."""

    def __init__(self, root) -> None:
        self.root = root
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*WATCH, "--root", root],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self.listen, daemon=True).start()
        self.wait_for(lambda: len(self.lines) > 1)

    def listen(self) -> None:
        """Collect what it prints."""
        self.lines += []
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, condition) -> float:
        """Wait until something holds; how many seconds that took."""
        start = time.perf_counter()
        while not condition():
            assert time.perf_counter() - start < 20, self.lines
            assert self.process.poll() is None, self.lines
            time.sleep(0.002)
        return time.perf_counter() - start

    def wait_for_text(self, file: str, text: str) -> float:
        """Wait until a file holds a text."""
        path = self.root / file
        return self.wait_for(
            lambda: path.exists() and text in path.read_text()
        )

    def stop(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def watching(written):
    """The book, watched."""
    process = Process(written.root)
    yield process
    process.process.kill()
    process.process.wait()


@pytest.mark.skipif(os.name == "nt", reason="sends the signal of Ctrl-C")
class TestProcess:
    def test_a_session(self, watching, written):
        assert watching.lines[0] == (
            "watching book/, dlfs/, tests/; Ctrl-C ends it"
        )
        replace(written, "book/01-one.md", "return 1", "return 3")
        watching.wait_for_text("dlfs/a.py", "return 3")
        replace(written, "dlfs/b.py", "return 2", "return 4")
        watching.wait_for_text("book/02-two.md", "return 4")
        replace(written, "book/01-one.md", "return 3", "return (")
        watching.wait_for(lambda: "never closed" in watching.lines[-1])
        assert watching.lines[-1].startswith("book/01-one.md:3: syntax error")
        replace(written, "book/01-one.md", "return (", "return 3")
        watching.wait_for(lambda: IN_STEP in watching.lines[-1])
        assert watching.stop() == 0
        assert "Traceback" not in "\n".join(watching.lines)
        assert written.tangle("--check").code == 0

    def test_a_chapter_that_is_saved_in_two_steps(self, watching, written):
        """Empty first, or half, or away: its block stays in the file."""
        path = written.root / "book/01-one.md"
        for number in range(2):
            text = path.read_text().replace("return", f"return {number} +")
            with open(path, "w") as stream:
                time.sleep(0.15)
                stream.write(text[:5])
                stream.flush()
                time.sleep(0.15)
                assert "return" in written.read("dlfs/a.py")
                stream.write(text[5:])
            watching.wait_for_text("dlfs/a.py", f"return {number} +")
            text = path.read_text().replace("return", f"return -{number} +")
            path.rename(path.with_suffix(".md~"))
            time.sleep(0.15)
            assert "return" in written.read("dlfs/a.py")
            path.write_text(text)
            watching.wait_for_text("dlfs/a.py", f"return -{number} +")
            other = path.with_name(".01-one.md.swp")
            other.write_text(text.replace("return", f"return {number}0 +"))
            os.replace(other, path)
            watching.wait_for_text("dlfs/a.py", f"return {number}0 +")
        assert not any("no block" in line for line in watching.lines)

    def test_ctrl_c_while_it_works(self, written):
        for delay in (0, 0.08):
            process = Process(written.root)
            replace(written, "book/01-one.md", "return", "return 1 +")
            time.sleep(delay)
            assert process.stop() == 0
            assert "Traceback" not in "\n".join(process.lines)
            assert written.tangle().code == 0

    def test_a_reader_that_stops(self, written):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.Popen(
            [*WATCH, "--root", written.root],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(write)
        time.sleep(0.5)
        done.send_signal(signal.SIGINT)
        assert "Traceback" not in done.communicate(timeout=20)[1]

    def test_the_book_itself_in_a_moment(self, tmp_path):
        """The promise is 0.3 s; a busy computer gets some more."""
        hidden = shutil.ignore_patterns("__pycache__", "py", "ipynb", "*.gz")
        for name in ("book", "dlfs", "tests"):
            shutil.copytree(ROOT / name, tmp_path / name, ignore=hidden)
        process = Process(tmp_path)
        chapter = tmp_path / "book" / "05-shapes.md"
        text = chapter.read_text()
        times = []
        start = text.index('```python file="dlfs/autograd/engine.py"')
        stop = text.index("\n```\n", start)
        for number in range(3):
            new = f"  # number {number}"
            time.sleep(0.2)
            chapter.write_text(text[:stop] + new + text[stop:])
            times.append(process.wait_for_text("dlfs/autograd/engine.py", new))
        assert process.stop() == 0
        assert statistics.median(times) < 2.0, times
        output = tangle(read_book(tmp_path / "book"))
        assert find_changes(tmp_path, output) == {}
