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
    BookError,
    Chapter,
    Mistake,
    parse_chapter,
    read_book,
)

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
    chapter = parse_chapter(f"book/{name}.md", text)
    path.write_text(text, encoding="utf-8")
    yield chapter.path
    for file, number, line in find_missing(root, chapters, chapter):
        old = read_lines(root, file)
        lines = [*old[:number], line, *old[number:]]
        (root / file).write_text("\n".join(lines), encoding="utf-8")
        yield f"{file}:{number + 1}"


def check_lists(root: Path, chapters: list[Chapter]) -> list[Mistake]:
    """Say which list lacks which chapter, and what to write where."""
    return [
        Mistake(
            file,
            number,
            f"chapter {chapter.number} is missing; below this line write:\n"
            + line,
        )
        for chapter in chapters
        for file, number, line in find_missing(root, chapters, chapter)
    ]


def find_missing(
    root: Path, chapters: list[Chapter], chapter: Chapter
) -> Iterator[tuple[str, int, str]]:
    """The lists without a chapter: which line they lack, and below which.

    That is the last line for the chapter before it. The README has a table
    for each kind, the navigation groups; the home page may leave out the
    preface.
    """
    values = {
        "number": chapter.number,
        "name": chapter.name,
        "title": chapter.front_matter.get("title", chapter.slug),
        "kind": "workshop: " if chapter.is_workshop else "",
    }
    for file, (_, new) in LISTS.items():
        is_left_out = file == "book/index.md" and chapter.number == 0
        if is_left_out or not (root / file).exists():
            continue
        if find_line(root, file, chapter):
            continue
        listed = [x for x in chapters if find_line(root, file, x)]
        kin = [x for x in listed if x.is_workshop == chapter.is_workshop]
        if "README" in file:
            listed = kin or listed
        before = [x for x in listed if x.number < chapter.number]
        after = [x for x in listed if x.number > chapter.number]
        number = find_line(root, file, before[-1]) if before else 0
        line = new.format(**values)
        if not file.startswith("book/") and not {*before[-1:]} & {*kin}:
            if {*after[:1]} & {*kin}:
                number = find_line(root, file, after[0]) - 1
            elif file == "mkdocs.yml" and is_end_of_group(root, number):
                group = "Workshop" if chapter.is_workshop else "{title}"
                line = f"  - {group}:\n".format(**values) + line
        yield file, number, line


def is_end_of_group(root: Path, number: int) -> bool:
    """Whether a line of mkdocs.yml is the last in a group of pages."""
    return not read_lines(root, "mkdocs.yml")[number].startswith("   ")


def find_line(root: Path, file: str, chapter: Chapter) -> int:
    """The number of the last line of a list for a chapter, or 0."""
    line = re.compile(rf"{LISTS[file][0]}{re.escape(chapter.name)}\.md\b")
    texts = enumerate(read_lines(root, file), 1)
    return max((n for n, text in texts if line.match(text)), default=0)


def read_lines(root: Path, file: str) -> list[str]:
    """The lines of a file."""
    return (root / file).read_text(encoding="utf-8").split("\n")
