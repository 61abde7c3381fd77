"""Tell the text of a chapter from what stands in its fences."""

from collections.abc import Iterator

from bookkit.read.fences import Fence, scan_fences


def mark_lines(text: str) -> Iterator[tuple[int, str, Fence | None]]:
    """The lines of a text with their numbers, and the fence each is in."""
    lines = text.split("\n")
    fences = {n: each for each in scan_fences(lines, 0) for n in each.numbers}
    for number, line in enumerate(lines, 1):
        yield number, line, fences.get(number)
