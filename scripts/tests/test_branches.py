"""Two branches of a book that git merges, and what a fresh clone knows."""

import shutil
import subprocess

import pytest
from books import make_block

ONE = make_block("def one():\n    return 1", "one")
MIDDLE = make_block("def middle():\n    return 0\n\n\nX = 1\nY = 2", "middle")
TWO = make_block("def two():\n    return 2", "two")
IGNORED = ".cache/\n"


def git(book, *arguments: str) -> subprocess.CompletedProcess:
    """Run git in the folder of a book."""
    names = ("user.name=A", "user.email=a@example.org", "core.hooksPath=")
    settings = [part for name in names for part in ("-c", name)]
    return subprocess.run(
        ["git", *settings, *arguments],
        cwd=book.root,
        capture_output=True,
        text=True,
    )


def commit(book, message: str) -> None:
    """Commit everything."""
    git(book, "add", "-A")
    done = git(book, "commit", "-qm", message)
    assert done.returncode == 0, done.stderr


def change(book, name: str, block: str, new: str, old: str = "return") -> None:
    """Edit a chapter on a branch of its own, tangle and commit."""
    git(book, "checkout", "-qb", new.replace(" ", "-"), "main")
    book.chapter(name, block.replace(old, new))
    assert book.tangle().code == 0
    commit(book, new)


@pytest.fixture
def shared(book):
    """A book that is tangled and committed on the branch main."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    book.write(".gitignore", IGNORED)
    book.chapter("01-one", ONE)
    book.chapter("02-two", MIDDLE)
    book.chapter("03-three", TWO)
    assert book.tangle().code == 0
    git(book, "init", "-q", "-b", "main")
    commit(book, "start")
    return book


def forget(book) -> None:
    """Make the folder what a fresh clone is."""
    shutil.rmtree(book.root / ".cache")


class TestMerge:
    def test_two_edits_merge_and_are_in_step(self, shared):
        change(shared, "01-one", ONE, "return 7 +")
        change(shared, "03-three", TWO, "return 9 +")
        merged = git(shared, "merge", "-q", "return-7-+")
        assert merged.returncode == 0, merged.stdout
        assert shared.tangle("--check").code == 0
        body = shared.read("dlfs/a.py")
        assert "return 7 + 1" in body
        assert "return 9 + 2" in body

    @pytest.mark.parametrize("side", ["--ours", "--theirs"])
    def test_a_conflict_says_what_to_do(self, shared, side):
        change(shared, "01-one", ONE, "return 7 +")
        change(shared, "01-one", ONE, "return 9 +")
        assert git(shared, "merge", "-q", "return-7-+").returncode == 1
        error = shared.tangle().err
        assert error.startswith("book/01-one.md:")
        assert "write the chapter as it is to be" in error
        shared.chapter("01-one", ONE.replace("return", "return 16 +"))
        for arguments in ((), ("--back",)):
            error = shared.tangle(*arguments).err
            assert error.startswith("dlfs/a.py:")
            assert "take either side" in error
        git(shared, "checkout", side, "dlfs/a.py")
        assert shared.tangle().code == 0
        assert "return 16 + 1" in shared.read("dlfs/a.py")


class TestFreshClone:
    def test_an_older_file_is_written_again(self, shared):
        forget(shared)
        shared.chapter("01-one", ONE.replace("return", "return 7 +"))
        assert shared.tangle().out.startswith("wrote dlfs/a.py")

    @pytest.mark.parametrize("is_added", [False, True])
    def test_an_edit_by_hand_is_kept(self, shared, is_added):
        forget(shared)
        text = shared.read("dlfs/a.py").replace("return 1", "return 5")
        shared.write("dlfs/a.py", text)
        if is_added:
            git(shared, "add", "dlfs/a.py")
        assert "edited by hand" in shared.tangle().err
        assert shared.read("dlfs/a.py") == text

    def test_an_edit_by_hand_goes_back(self, shared):
        forget(shared)
        text = shared.read("dlfs/a.py").replace("return 1", "return 5")
        shared.write("dlfs/a.py", text)
        assert shared.tangle("--back").code == 0
        assert "return 5" in shared.read("book/01-one.md")

    def test_without_git_and_memory_a_file_is_an_edit(self, shared):
        forget(shared)
        shutil.rmtree(shared.root / ".git")
        shared.chapter("01-one", ONE.replace("return", "return 7 +"))
        assert "edited by hand" in shared.tangle().err

    def test_another_branch_is_no_edit(self, shared):
        change(shared, "01-one", ONE, "return 7 +")
        git(shared, "checkout", "-q", "main")
        shared.chapter("03-three", TWO.replace("return", "return 9 +"))
        assert shared.tangle().out.startswith("wrote dlfs/a.py")
