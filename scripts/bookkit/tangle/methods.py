"""Methods that blocks add to a class by `@extend(Cls)`.

On the page `extend` adds the function to the class while the chapter runs. In
the package it is written into the body of the class: here is what that needs,
and how its lines are moved.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterator

from bookkit.read.mistakes import Mistakes
from bookkit.read.source import parse
from bookkit.tangle.blocks import (
    DEFINITIONS,
    FUNCTIONS,
    Line,
    Segment,
    first_line,
    is_string,
)

INDENT = "    "
PLACEHOLDERS = ("...", "pass")
EXTEND = re.compile(r"extend\([^\W\d]\w*\)")
STRAY_EXTEND = re.compile(r"(.*\.)?extend(\(.*\))?", re.DOTALL)


def find_extend(node: ast.stmt | None) -> ast.expr | None:
    """The `@extend(Cls)` that stands above a function."""
    decorators = node.decorator_list if isinstance(node, FUNCTIONS) else []
    for first in decorators[:1]:
        if EXTEND.fullmatch(ast.unparse(first)):
            return first
    return None


def find_stray_extend(segment: Segment) -> Mistakes:
    """Find `@extend` that makes no method, outside of functions."""
    nodes = [segment.node] if segment.node else []
    for node in nodes:
        texts = map(ast.unparse, getattr(node, "decorator_list", []))
        if any(map(STRAY_EXTEND.fullmatch, texts)):
            message = "write @extend(Cls), with the name of one class, as the "
            message += "first decorator of a function that is not indented"
            yield segment.mistake(message, node)
        if not isinstance(node, FUNCTIONS):
            nodes += ast.iter_child_nodes(node)


def find_misuse(segment: Segment) -> Mistakes:
    """Find what means one thing in a function and another in a method."""
    text = "\n".join(line.text for line in segment.lines)
    if "super" not in text and "__" not in text:
        return
    for node in ast.walk(segment.node):
        if isinstance(node, ast.Call) and ast.unparse(node) == "super()":
            message = "super() does not work under @extend; "
            yield segment.mistake(f"{message}say super(Cls, self)", node)
        for attribute in ("id", "attr", "arg", "name", "asname"):
            name = str(getattr(node, attribute, None))
            if name.startswith("__") and not name.endswith("__"):
                message = f"a class changes the private name {name}; use one _"
                yield segment.mistake(message, node)


def grows_property(node: ast.stmt) -> bool:
    """Whether a function is the setter or deleter of its own property."""
    grown = {f"{node.name}.setter", f"{node.name}.deleter"}
    return not grown.isdisjoint(map(ast.unparse, node.decorator_list))


def render_statement(segment: Segment) -> Iterator[Line]:
    """Write a statement; below a class, the methods that blocks add to it.

    A body that is only `...` gives way to them.
    """
    *lines, last = segment.lines
    body = ast.unparse(segment.node.body) if segment.methods else ""
    is_empty = body in PLACEHOLDERS and last.text.endswith(body)
    if is_empty:
        last = last._replace(text=last.text.removesuffix(body).rstrip())
    yield from [*lines, last] if last.text else lines
    above = segment.block
    for method in segment.methods:
        if not (is_empty and method is segment.methods[0]):
            yield Line("")
        if method.block is not above:
            yield Line(INDENT + method.block.comment.text)
        above = method.block
        yield from method_lines(method)


def method_lines(segment: Segment) -> Iterator[Line]:
    """The lines of a method, indented, without `@extend(Cls)`."""
    decorator = find_extend(segment.node)
    dropped = range(decorator.lineno, decorator.end_lineno + 1)
    first, was_blank = first_line(segment.node), False
    lines = move_lines(segment.lines, indent)
    for number, line in enumerate(lines, segment.start + 1):
        is_blank = not line.text.strip()
        if number in dropped or (is_blank and was_blank and number < first):
            continue
        was_blank = is_blank
        yield line


def indent(text: str) -> str:
    """A line moved to the right, unless it is blank."""
    return textwrap.indent(text, INDENT)


def move_lines(lines: list[Line], move: Callable[[str], str]) -> list[Line]:
    """Statements that are moved to the right or left, their strings kept.

    To move a line that starts inside a string would change the string; a
    docstring may change so. Raises `SyntaxError`.
    """
    source = "\n".join(line.text for line in lines)
    docstrings = {
        child.body[0].lineno
        for child in ast.walk(parse(source))
        if isinstance(child, DEFINITIONS) and is_string(child.body[0])
    }
    inside = {
        number
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.start[0] not in docstrings  # only strings have several lines
        for number in range(token.start[0] + 1, token.end[0] + 1)
    }
    return [
        line if n in inside else line._replace(text=move(line.text))
        for n, line in enumerate(lines, 1)
    ]
