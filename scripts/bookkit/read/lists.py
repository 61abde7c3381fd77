"""Begin a chapter, and see that every list of chapters has all of them.

A list is lines of a file, one or more for each chapter. What is missing in one
is said with the line to write; a new chapter is written into all of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

from bookkit.read.chapters import (
    CHAPTER_FILE,
    Chapter,
    parse_chapter,
    read_book,
)
from bookkit.read.mistakes import BookError, Mistake, Mistakes

SKELETON = Path(__file__).with_name("new_chapter.md")
ROW = "| [{number:02} {title}](book/{name}.md) | ... |"
LISTS = {  # file -> what a line begins with, up to the name, and a new line
    "mkdocs.yml": ("      - ", "      - {name}.md"),
    "README.md": (r"\| \[.*\]\(book/", ROW),
    "README.ko.md": (r"\| \[.*\]\(book/", ROW),
    "book/index.md": (r"(?:· |\[).*\]\(", "· {kind}[{title}]({name}.md)"),
    "book/checklist.md": (
        r".*\]\(",
        "- **{title}.** ... [Chapter {number}]({name}.md)",
    ),
}


def begin_chapter(
    root: Path, book: Path, name: str, title: str, kind: str
) -> Iterator[str]:
    """Write a chapter, and its line into every list; say what was written.

    Raises `BookError` if it cannot be a chapter of this book.
    """
    path, match = book / f"{name}.md", CHAPTER_FILE.fullmatch(f"{name}.md")
    chapters = read_book(book)
    same = [x for x in chapters if match and x.number == int(match[1])]
    problem = f"{same[0].path} has this number already" if same else ""
    if not match:
        problem = "a chapter is named NN-slug: 20-convolution"
    elif not title.strip() or re.search(r'[\n":#\[\]|\\{}]', title):
        problem = f"{title!r} cannot be a title; use words"
    if problem:
        raise BookError([Mistake(f"book/{name}.md", 1, problem)])
    text = Template(SKELETON.read_text(encoding="utf-8")).substitute(
        title=title,
        number=int(match[1]),
        slug=match[2],
        module=match[2].replace("-", "_"),
        kind="\nkind: workshop" if kind == "workshop" else "",
    )
    chapter = parse_chapter(f"book/{name}.md", text.encode())
    path.write_text(text, encoding="utf-8")
    yield chapter.path
    for file, number, line in find_missing(root, chapters, chapter):
        lines = read_lines(root, file)
        lines.insert(number, line)
        (root / file).write_text("\n".join(lines), encoding="utf-8")
        yield f"{file}:{number + 1}"


def check_lists(root: Path, chapters: list[Chapter]) -> list[Mistake]:
    """Say which list lacks which chapter, and what to write where."""
    mistakes = []
    for each in chapters:
        message = f"chapter {each.number} is missing; below this line write:\n"
        for file, number, line in find_missing(root, chapters, each):
            mistakes.append(Mistake(file, number, message + line))
    return mistakes


def find_missing(
    root: Path, chapters: list[Chapter], chapter: Chapter
) -> Mistakes:
    """The lists without a chapter; the message is the line that they lack.

    It belongs below the last line for the chapter before it. The README has a
    table for each kind, the navigation groups; the home page may leave out the
    preface.
    """
    for file, (start, new) in LISTS.items():
        is_left_out = file == "book/index.md" and chapter.number == 0
        if is_left_out or not (root / file).exists():
            continue
        lines = read_lines(root, file)
        numbers = {x: find_line(lines, start, x) for x in [*chapters, chapter]}
        if numbers[chapter]:
            continue
        listed = [x for x in chapters if numbers[x]]
        kin = [x for x in listed if x.is_workshop == chapter.is_workshop]
        if "README" in file:
            listed = kin or listed
        before = [x for x in listed if x.number < chapter.number][-1:]
        after = [x for x in listed if x.number > chapter.number][:1]
        number = numbers[before[0]] if before else 0
        line = new
        if not file.startswith("book/") and not {*before} & {*kin}:
            if {*after} & {*kin}:
                number = numbers[after[0]] - 1
            elif file == "mkdocs.yml" and not lines[number].startswith("   "):
                group = "Workshop" if chapter.is_workshop else "{title}"
                line = f"  - {group}:\n{new}"
        title = chapter.front_matter.get("title", chapter.slug)
        kind = "workshop: " if chapter.is_workshop else ""
        names = {"number": chapter.number, "name": chapter.name}
        line = line.format(**names, title=title, kind=kind)
        yield Mistake(file, number, line)


def find_line(lines: list[str], start: str, chapter: Chapter) -> int:
    """The number of the last line of a list for a chapter, or 0."""
    line = re.compile(rf"{start}{re.escape(chapter.name)}\.md\b")
    return max((n for n, x in enumerate(lines, 1) if line.match(x)), default=0)


def read_lines(root: Path, file: str) -> list[str]:
    """The lines of a file."""
    return (root / file).read_text(encoding="utf-8").split("\n")
