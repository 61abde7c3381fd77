"""The commands of scripts/tangle.py, and what they do to files."""

import os
import re

import pytest
from books import make_block

ONE = make_block('class A:\n    """Doc."""\n\n    x = 1', "one")
TWO = make_block("@extend(A)\ndef f(self):\n    return self.x", "two")
TEST = make_block("def test_a():\n    pass", "test-a", "tests/test_a.py")


@pytest.fixture
def written(book):
    """A book of two chapters that has been tangled."""
    book.chapter("01-one", "# One", ONE, TEST)
    book.chapter("02-two", "# Two", TWO)
    assert book.tangle().code == 0
    return book


def times(root) -> dict:
    """When each file below a folder was last written."""
    return {
        path: path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file()
    }


class TestWrite:
    def test_the_first_run_lists_the_files(self, book):
        book.chapter("01-one", ONE, TEST)
        outcome = book.tangle()
        lines = outcome.out.splitlines()
        assert lines[:2] == ["wrote dlfs/a.py", "wrote tests/test_a.py"]
        pattern = r"wrote 2: 2 files, 2 blocks from 1 chapters in \d\.\d\d s"
        assert re.fullmatch(pattern, lines[2])

    def test_the_second_run_writes_nothing(self, written):
        before = times(written.root)
        outcome = written.tangle()
        assert outcome.out.startswith(
            "nothing to do: 2 files, 3 blocks from 2 chapters in "
        )
        assert times(written.root) == before

    def test_only_changed_files_are_written(self, written):
        before = times(written.root)
        written.chapter("02-two", TWO.replace("self.x", "2"))
        written.tangle()
        after = times(written.root)
        changed = [p.name for p in after if after[p] != before[p]]
        assert sorted(changed) == ["02-two.md", "a.py", "tangled.json"]

    def test_prose_makes_no_difference(self, written):
        written.chapter("01-one", "# One", "More text.", ONE, TEST)
        assert written.tangle().out.startswith("nothing to do")

    def test_crlf_chapters_make_the_same_bytes(self, written):
        before = (written.root / "dlfs/a.py").read_bytes()
        for path in (written.root / "book").glob("*.md"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert written.tangle().out.startswith("nothing to do")
        (written.root / "dlfs/a.py").unlink()
        written.tangle()
        assert (written.root / "dlfs/a.py").read_bytes() == before

    def test_crlf_files_on_disk_count_as_equal(self, written):
        path = written.root / "dlfs/a.py"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert written.tangle().out.startswith("nothing to do")
        assert written.tangle("--check").code == 0
        written.chapter("02-two", TWO.replace("self.x", "2"))
        assert written.tangle().code == 0

    def test_a_mistake_anywhere_stops_everything(self, written):
        before = times(written.root / "dlfs")
        written.chapter("02-two", TWO.replace("self.x", "2"))
        written.chapter("03-three", make_block("a = (", "three"))
        outcome = written.tangle()
        assert outcome.code == 1
        assert outcome.err.startswith("book/03-three.md:2: syntax error")
        assert times(written.root / "dlfs") == before

    def test_all_mistakes_are_printed_in_order(self, book):
        book.chapter("02-two", make_block("a = (", "b"), make_block(")", "c"))
        book.chapter("01-one", make_block("a = ]", "a"))
        lines = book.tangle().err.splitlines()
        places = [line.split(": ")[0] for line in lines]
        assert places == [
            "book/01-one.md:2",
            "book/02-two.md:2",
            "book/02-two.md:6",
        ]

    def test_a_failed_write_leaves_no_litter(self, book, monkeypatch):
        def fail(*_):
            raise OSError("disk full")

        monkeypatch.setattr(os, "replace", fail)
        book.chapter("01-one", ONE)
        outcome = book.tangle()
        assert outcome.code == 1
        assert outcome.err == "dlfs/a.py:1: cannot be written: disk full\n"
        assert list((book.root / "dlfs").iterdir()) == []

    def test_no_book(self, book):
        assert book.tangle().err == (
            f"book:1: there are no chapters NN-slug.md in {book.root}/book\n"
        )

    def test_another_book_folder(self, book):
        book.chapter("01-one", ONE)
        (book.root / "book").rename(book.root / "other")
        assert book.tangle("--book", book.root / "other").code == 0
        assert "# other/01-one.md#one" in book.read("dlfs/a.py")


class TestHandEdits:
    def test_an_edited_file_is_not_overwritten(self, written):
        text = written.read("dlfs/a.py").replace("self.x", "self.y")
        written.write("dlfs/a.py", text)
        outcome = written.tangle()
        assert outcome.code == 1
        line = text.splitlines().index("        return self.y") + 1
        assert outcome.err == (
            f"dlfs/a.py:{line}: edited by hand (made from "
            "book/02-two.md:6); scripts/tangle.py --back puts the edit into "
            "the chapter; to drop it, delete the file and tangle again\n"
        )
        assert written.read("dlfs/a.py") == text

    @pytest.mark.parametrize("text", ["", "mine = 1\n", "# Made from book/\n"])
    def test_a_file_without_our_header(self, book, text):
        book.chapter("01-one", ONE)
        book.write("dlfs/a.py", text)
        assert "edited by hand" in book.tangle().err
        assert book.read("dlfs/a.py") == text

    def test_an_appended_line(self, written):
        written.write("dlfs/a.py", written.read("dlfs/a.py") + "x = 1\n")
        assert "edited by hand (made from book/02-two.md:6)" in (
            written.tangle().err
        )

    def test_nothing_else_is_written_either(self, written):
        written.write("dlfs/a.py", "x = 1\n")
        written.chapter("01-one", ONE, TEST.replace("pass", "assert True"))
        before = written.read("tests/test_a.py")
        written.tangle()
        assert written.read("tests/test_a.py") == before

    def test_a_deleted_file_comes_back(self, written):
        (written.root / "dlfs/a.py").unlink()
        assert written.tangle().out.startswith("wrote dlfs/a.py")


class TestOrphans:
    @pytest.mark.parametrize(
        "file", ["dlfs/b.py", "dlfs/x/b.py", "tests/test_b.py", "dlfs/b.txt"]
    )
    def test_a_file_that_no_block_makes(self, written, file):
        written.write(file, "x = 1\n")
        for arguments in ([], ["--check"]):
            outcome = written.tangle(*arguments)
            assert outcome.code == 1
            assert outcome.err.startswith(f"{file}:1: no block of the book")

    @pytest.mark.parametrize(
        "file",
        [
            "dlfs/py.typed",
            "dlfs/__pycache__/a.cpython-311.pyc",
            "dlfs/mnist_mini/train.gz",
            "dlfs/.DS_Store",
        ],
    )
    def test_data_and_caches_are_fine(self, written, file):
        written.write(file, "x")
        assert written.tangle().code == 0


class TestCheck:
    def test_no_drift(self, written):
        outcome = written.tangle("--check")
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")

    def test_drift_names_the_block(self, written):
        written.chapter("02-two", TWO.replace("self.x", "self.y"))
        before = times(written.root)
        outcome = written.tangle("--check")
        assert outcome.code == 1
        assert times(written.root) == before
        assert "@@ book/02-two.md#two" in outcome.out
        assert "-        return self.x\n+        return self.y" in outcome.out
        assert "1 files differ from the book" in outcome.err

    def test_a_missing_file_and_a_hand_edit_are_drift(self, written):
        (written.root / "dlfs/a.py").unlink()
        written.write("tests/test_a.py", "x = 1\n")
        outcome = written.tangle("--check")
        assert outcome.code == 1
        assert "2 files differ" in outcome.err
        assert "+class A:" in outcome.out
        assert "-x = 1" in outcome.out


class TestSnapshot:
    def snapshot(self, book, until, name="out"):
        return book.tangle("--until", until, "--out", book.root / name)

    def test_the_package_after_a_chapter(self, written):
        assert self.snapshot(written, 1).code == 0
        assert "def f(self)" not in written.read("out/dlfs/a.py")
        assert "def test_a" in written.read("out/tests/test_a.py")

    def test_it_is_brought_up_to_date(self, written):
        extra = make_block("b = 1", "b", "dlfs/b.py")
        written.chapter("01-one", ONE, extra)
        self.snapshot(written, 1)
        assert (written.root / "out/dlfs/b.py").exists()
        written.chapter("01-one", ONE)
        assert self.snapshot(written, 1).code == 0
        assert not (written.root / "out/dlfs/b.py").exists()
        assert self.snapshot(written, 1).out.startswith("nothing to do")
        self.snapshot(written, 2)
        assert "def f(self)" in written.read("out/dlfs/a.py")

    def test_later_chapters_do_not_matter(self, written):
        written.chapter("02-two", "~~~python\n~~~")
        assert self.snapshot(written, 1).code == 0

    def test_data_comes_along(self, written):
        init = make_block('"""Doc."""', "init", "dlfs/__init__.py")
        written.chapter("01-one", ONE, init)
        written.write("dlfs/mnist_mini/train.gz", "data")
        self.snapshot(written, 1)
        assert written.read("out/dlfs/mnist_mini/train.gz") == "data"
        written.write("dlfs/mnist_mini/train.gz", "other data")
        self.snapshot(written, 1)
        assert written.read("out/dlfs/mnist_mini/train.gz") == "other data"

    @pytest.mark.parametrize("file", ["notes.txt", "dlfs/a.py", "dlfs/notes"])
    def test_other_folders_are_refused(self, written, file):
        written.write(f"out/{file}", "mine")
        outcome = self.snapshot(written, 1)
        assert outcome.code == 1
        assert "is not an earlier snapshot" in outcome.err
        assert written.read(f"out/{file}") == "mine"

    def test_a_hand_edit_is_refused_there_too(self, written):
        self.snapshot(written, 1)
        written.write(
            "out/dlfs/a.py", written.read("out/dlfs/a.py") + "x = 1\n"
        )
        assert "edited by hand" in self.snapshot(written, 1).err

    def test_the_repository_itself_is_refused(self, written):
        assert self.snapshot(written, 1, ".").code == 1

    def test_both_options_are_needed(self, written):
        with pytest.raises(SystemExit):
            written.tangle("--until", 1)


class TestWhere:
    def test_from_a_file_to_the_chapter_and_back(self, written):
        lines = written.read("dlfs/a.py").splitlines()
        line = lines.index("    def f(self):") + 1
        outcome = written.tangle("where", f"dlfs/a.py:{line}")
        assert outcome.out == "book/02-two.md:5\n"
        outcome = written.tangle("where", "book/02-two.md:5")
        assert outcome.out == f"dlfs/a.py:{line}\n"

    def test_a_file_may_be_named_from_anywhere(self, written, monkeypatch):
        monkeypatch.chdir(written.root / "dlfs")
        assert written.tangle("where", "a.py:13").out.startswith("book/")
        path = written.root / "book" / "02-two.md"
        assert written.tangle("where", f"{path}:5").out.startswith("dlfs/a.py")
        path = written.root / "dlfs" / "a.py"
        assert written.tangle("where", f"{path}:13").out.startswith("book/")

    @pytest.mark.parametrize(
        ("place", "message"),
        [
            ("dlfs/a.py:1", "copied from no chapter; the book makes 14"),
            ("dlfs/a.py:999", "the book makes 14 lines of this file"),
            ("dlfs/b.py:1", "the book makes 0 lines of this file"),
            ("book/02-two.md:1", "this is no line of a block with file="),
            ("book/02-two.md:4", "this line of two has no copy in dlfs/a.py"),
            ("book/09-nine.md:4", "this is no line of a block with file="),
        ],
    )
    def test_lines_without_a_counterpart(self, written, place, message):
        outcome = written.tangle("where", place)
        assert outcome.code == 1
        assert outcome.err.startswith(f"{place}: ")
        assert message in outcome.err

    @pytest.mark.parametrize("line", ["", ":", ":x", ":²", ":" + "9" * 5000])
    def test_what_is_no_place(self, written, line):
        with pytest.raises(SystemExit) as stop:
            written.tangle("where", f"dlfs/a.py{line}")
        assert stop.value.code == 2
        message = "a place is FILE:LINE, such as dlfs/nn/dense.py:40"
        assert message in written.capsys.readouterr().err

    def test_a_replaced_block(self, written):
        written.chapter(
            "03-three",
            make_block("class A:\n    x = 2", "three", replaces="one"),
        )
        outcome = written.tangle("where", "book/01-one.md:4")
        assert "one is replaced by three (book/03-three.md:1)" in outcome.err


class TestLint:
    def test_findings_name_the_line_of_the_chapter(self, book):
        book.chapter("01-one", "# One", make_block('x = [f"",2]', "x"))
        book.tangle()
        outcome = book.tangle("lint")
        assert outcome.code == 1
        lines = outcome.out.splitlines()
        assert lines[0].startswith("book/01-one.md:4: dlfs/a.py:7:6: F541 ")
        assert any("would be reformatted" in line for line in lines)

    def test_without_findings(self, written):
        assert written.tangle("lint").code == 0


class TestCommandLine:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["wher"],
            ["where"],
            ["lint", "dlfs/a.py:1"],
            ["--check", "--back"],
            ["--check", "lint"],
            ["--foo"],
        ],
    )
    def test_wrong_ones_are_refused(self, book, arguments):
        with pytest.raises(SystemExit) as stop:
            book.tangle(*arguments)
        assert stop.value.code == 2

    def test_help_names_the_commands(self, book):
        with pytest.raises(SystemExit):
            book.tangle("--help")
        out = book.capsys.readouterr().out
        for word in ("where", "lint", "--back", "--check", "--until", "--out"):
            assert word in out
