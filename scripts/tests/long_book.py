"""Write a book as long as we want, to measure how the build grows.

    python scripts/tests/long_book.py DIR [CHAPTERS]

It is the book and behind it, up to so many chapters, copies of some whose
names are their own: `Conv2d` of chapter 20 becomes `Conv2dv35` of chapter 35,
in a room of its own. Then: `python scripts/chapters.py --root DIR run`.
"""

import itertools
import re
import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bookkit import ROOT
from bookkit.read.chapters import Chapter, read_book
from bookkit.tangle.blocks import DEFINITIONS
from bookkit.tangle.output import parse_cells

COPIED = (20, 24, 29)  # a layer with its gradients, one without, a network


def repeat(chapter: Chapter, text: str, old: set[str], number: int) -> str:
    """A chapter with names and rooms of its own; `old` are earlier files."""
    blocks, _ = parse_cells(chapter)
    names = {
        node.name
        for block in blocks
        for node in block.tree.body
        if isinstance(node, DEFINITIONS)
    }
    text = re.sub(
        rf"(\b(?:np|torch)[\w.]*\.)?\b({'|'.join(names)})\b",
        lambda m: m[0] if m[1] else f"{m[0]}v{number}",
        text,
    )
    for file in {block.file for block in blocks} - old:
        for place in (file, file.removesuffix(".py").replace("/", ".")):
            new = f"{place.removesuffix('.py')}v{number}"
            new += ".py" if place == file else ""
            text = re.sub(rf"\b{re.escape(place)}\b", new, text)
    text = re.sub(r'\bid="([^"]*)"', rf'id="\1-{number}"', text)
    was = f'="{chapter.number:02}.'
    return re.sub(rf"\b(exercise|solution){was}", rf'\1="{number}.', text)


def main(target: Path, count: int) -> None:
    """Write the book with so many chapters."""
    shutil.copytree(ROOT / "book", target / "book")
    shutil.copy(ROOT / "pyproject.toml", target)
    shutil.copytree(ROOT / "dlfs/mnist_mini", target / "dlfs/mnist_mini")
    chapters, files = read_book(target / "book"), {}
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
    main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 40)
