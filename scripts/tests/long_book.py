"""Write a book as long as we want, to measure how the build grows.

    python scripts/tests/long_book.py DIR [COPIES]

The chapters of the book are repeated with other numbers, names and rooms: the
second copy makes `dlfs/part2/nn/...` and `tests/test_part2_nn.py`; it has no
tests of the package as a whole, and the one that every rule has a case fails.
Then: `python scripts/chapters.py --root DIR run`.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def repeat(text: str, part: str, shift: int) -> str:
    """A chapter with the names of a copy."""
    for pattern, new in [
        (r"\bdlfs\.(?=\w)", f"dlfs.{part}."),
        (r"\bdlfs/(?!mnist_mini)(?=\w)", f"dlfs/{part}/"),
        (r"\bfrom dlfs import", f"from dlfs.{part} import"),
        (r"(?m)^( *)import dlfs$", rf"\1from dlfs import {part} as dlfs"),
        (rf"(?m)^( *)import dlfs\.{part}\.", rf"\1from dlfs.{part} import "),
        (r'(?ms)^```python file="tests/test_package.*?^```$', ""),
        (r"tests/test_", f"tests/test_{part}_"),
        (r'\b(id|replaces)="', rf'\1="{part}-'),
    ]:
        text = re.sub(pattern, new, text)
    return re.sub(
        r'\b(exercise|solution)="(\d+)',
        lambda match: f'{match[1]}="{int(match[2]) + shift}',
        text,
    )


def main(target: Path, copies: int) -> None:
    """Write the book with so many copies."""
    (target / "book").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", target)
    shutil.copytree(ROOT / "dlfs/mnist_mini", target / "dlfs/mnist_mini")
    chapters = sorted((ROOT / "book").glob("[0-9]*.md"))
    step = 1 + int(chapters[-1].name[:2])
    for copy in range(copies):
        for path in chapters:
            text, name = path.read_text("utf-8"), path.name
            if copy:
                text = repeat(text, f"part{copy + 1}", copy * step)
                name = f"{int(name[:2]) + copy * step}{name[2:]}"
            (target / "book" / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 3)
