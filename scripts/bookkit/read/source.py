"""Parse Python so that whatever is wrong with it is a `SyntaxError`."""

import ast
import functools
import re
import warnings

from bookkit.read.mistakes import Mistake, Mistakes

MARKER = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def check_compiles(source: str, flags: int = 0) -> object:
    """Compile Python; raises `SyntaxError` if that fails for any reason.

    That also finds what only parses: a `return` outside a function. Warnings
    are left to ruff.
    """
    with warnings.catch_warnings(action="ignore"):
        try:
            return compile(source, "<book>", "exec", flags, dont_inherit=True)
        except (MemoryError, RecursionError):
            message = "too deeply nested for Python"
            raise SyntaxError(message) from None


@functools.lru_cache(maxsize=4096)
def parse(source: str) -> ast.Module:
    """Parse Python; raises `SyntaxError` if that fails for any reason.

    The tree is kept for the next time, so nobody may change it.
    """
    return check_compiles(source, ast.PyCF_ONLY_AST)


def find_conflict(path: str, text: str) -> Mistakes:
    """Find the first mark of a conflict that git has left in a file."""
    match = MARKER.search(text)
    if match:
        yield Mistake(
            path,
            text.count("\n", 0, match.start()) + 1,
            "git could not join two versions here: write the chapter as it is "
            "to be, without <<<<<<<, ======= and >>>>>>>; of a generated file "
            f"take either side, git checkout --ours {path}, and tangle again",
        )
