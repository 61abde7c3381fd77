"""Write a book as long as we want, to measure how the build grows.

    python scripts/tests/long_book.py DIR [CHAPTERS [LAST]]

It is the book, or only its chapters up to number LAST, and behind it, up to
so many chapters, copies of some whose names are their own: `Conv2d` of
chapter 20 becomes `Conv2dv35` of chapter 35, in a room of its own. Then:
`python scripts/chapters.py --root DIR run`.
"""

import itertools
import re
import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bookkit import ROOT
from bookkit.read.chapters import Chapter, read_book
from bookkit.tangle.blocks import assigned_names
from bookkit.tangle.methods import find_extend
from bookkit.tangle.output import parse_cells

# Optimisers, data, a layer with its gradients, one without, a network: their
# tests take as long as those of an average chapter.
COPIED = (9, 10, 20, 24, 29)


def repeat(chapter: Chapter, text: str, old: set[str], number: int) -> str:
    """A chapter with names and rooms of its own; `old` are earlier files."""
    blocks, _ = parse_cells(chapter)
    names = {
        name
        for block in blocks
        for node in block.tree.body
        if not find_extend(node) and block.file != "tests/conftest.py"
        for name in assigned_names(node)
    } - {"torch"}
    text = re.sub(
        rf"(\b(?:np|torch|http)[\w.]*\.)?\b({'|'.join(names)})\b",
        lambda m: m[0] if m[1] else f"{m[0]}v{number}",
        text,
    )
    for file in {block.file for block in blocks} - old:
        for place in (file, file.removesuffix(".py").replace("/", ".")):
            new = f"{place.removesuffix('.py')}v{number}"
            new += ".py" if place == file else ""
            text = re.sub(rf"\b{re.escape(place)}\b", new, text)
    text = re.sub(r'\bid="([^"]*)"', rf'id="\1-{number}"', text)
    was = f'="{chapter.number}.'
    return re.sub(rf"\b(exercise|solution){was}", rf'\1="{number}.', text)


def main(target: Path, count: int, last: int) -> None:
    """Write the book up to a number, and copies up to so many chapters."""
    shutil.copytree(ROOT / "book", target / "book")
    shutil.copy(ROOT / "pyproject.toml", target)
    shutil.copytree(ROOT / "dlfs/mnist_mini", target / "dlfs/mnist_mini")
    chapters, files = read_book(target / "book"), {}
    for chapter in chapters:
        if chapter.number > last:
            (target / chapter.path).unlink()
    chapters = [each for each in chapters if each.number <= last]
    for chapter in chapters:
        files[chapter.number] = set().union(*files.values())
        files[chapter.number] |= {b.file for b in parse_cells(chapter)[0]}
    copied = [each for each in chapters if each.number in COPIED]
    numbers = range(chapters[-1].number + 1, 100)
    for chapter, number, _ in zip(
        itertools.cycle(copied), numbers, range(count - len(chapters))
    ):
        before = max(n for n in files if n < chapter.number)
        path = target / chapter.path
        text = path.read_text(encoding="utf-8")
        text = repeat(chapter, text, files[before], number)
        name = f"{number}{path.name[2:]}"
        (target / "book" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    numbers = [*map(int, sys.argv[2:]), 40, 99][:2]
    main(Path(sys.argv[1]), *numbers)
