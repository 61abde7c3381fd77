"""Parse Python so that whatever is wrong with it is a `SyntaxError`."""

import ast
import functools
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_syntax_errors() -> Iterator[None]:
    """Turn what the parser cannot hold into a `SyntaxError`.

    Its warnings are left to ruff.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (MemoryError, RecursionError):
            message = "too deeply nested for Python"
            raise SyntaxError(message) from None


@functools.lru_cache(maxsize=4096)
def parse(source: str) -> ast.Module:
    """Parse Python; raises `SyntaxError` if that fails for any reason.

    The tree is kept for the next time, so nobody may change it.
    """
    with only_syntax_errors():
        return ast.parse(source)


MARKER = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def check_compiles(source: str) -> None:
    """Raise `SyntaxError` unless the source compiles.

    That also finds what only parses: a `return` outside a function.
    """
    with only_syntax_errors():
        compile(source, "<book>", "exec", dont_inherit=True)


def find_marker(text: str) -> int | None:
    """The first line on which git has left the mark of a conflict."""
    match = MARKER.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else None
