"""Reading chapters: which fences are cells, on which lines, what is wrong."""

import jupytext
import pytest
from books import make_block, make_cell

from bookkit import ROOT
from bookkit.read.chapters import BookError, read_book, read_chapter
from bookkit.tangle.pairs import pair_lines

INSIDE = '''a

```python
x = """
```text
1
```
"""
```

b
'''


def read(book, text: str, name: str = "01-one"):
    """Read one chapter with this text."""
    book.chapter(name, text)
    return read_chapter(book.root / "book" / f"{name}.md")


def mistake_in(book, text: str) -> str:
    """The mistakes of a chapter with this text."""
    with pytest.raises(BookError) as error:
        read(book, text)
    return str(error.value)


class TestCells:
    TEXT = """\
---
title: "One"
---

# One

Text.

```python file="dlfs/a.py" id="a" tags=["x", "y"]
a = 1

b = 2
```

```python .noeval
not a cell
```

```console
$ ls
```

```python
```"""

    def test_kinds_and_lines_are_exact(self, book):
        cells = read(book, self.TEXT).cells
        assert [(cell.kind, cell.line) for cell in cells] == [
            ("markdown", 5),
            ("code", 10),
            ("markdown", 15),
            ("code", 24),
        ]
        assert cells[1].fence == 9

    def test_sources_are_the_lines_of_the_chapter(self, book):
        lines = self.TEXT.split("\n")
        for cell in read(book, self.TEXT).cells:
            source = cell.source.split("\n") if cell.source else []
            start = cell.line - 1
            assert lines[start : start + len(source)] == source

    def test_options(self, book):
        cell = read(book, self.TEXT).code_cells[0]
        assert cell.options == {
            "file": "dlfs/a.py",
            "id": "a",
            "tags": ["x", "y"],
        }

    @pytest.mark.parametrize("caption", ["x = y", 'say \\"hi\\"', "a [b] {c}"])
    def test_a_value_may_hold_any_character(self, book, caption):
        text = f'```python caption="{caption}" alt="z"\n```'
        options = read(book, text).code_cells[0].options
        assert options["caption"] == caption.replace("\\", "")

    def test_a_longer_fence_can_show_a_cell(self, book):
        text = '````python .noeval\n```python file="a"\n1\n```\n````'
        assert read(book, text).code_cells == []

    def test_crlf_reads_as_lf(self, book):
        plain = read(book, self.TEXT)
        path = book.root / "book" / "01-one.md"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert read_chapter(path).cells == plain.cells


class TestJupytext:
    """Jupyter finds the same cells, by the program that opens chapters."""

    HEADER = "---\njupyter:\n  jupytext:\n    main_language: python\n---\n"

    def cells(self, text, form):
        """The sources and options of the code cells that jupytext finds."""
        return [
            (
                cell.source,
                {k: v for k, v in cell.metadata.items() if "_" not in k},
            )
            for cell in jupytext.reads(text, form).cells
            if cell.cell_type == "code"
        ]

    def test_it_reads_every_chapter_as_we_do(self):
        for chapter in read_book(ROOT / "book"):
            text = (ROOT / chapter.path).read_text(encoding="utf-8")
            body = text.split("\n---\n", 1)[1]
            found = self.cells(self.HEADER + body, "md:markdown")
            ours = [(c.source, c.options) for c in chapter.code_cells]
            for cell, (source, options) in zip(chapter.code_cells, found):
                place = f"{chapter.path}:{cell.line}"
                assert (source, options) == (cell.source, cell.options), place
            assert len(found) == len(ours), chapter.path

    def test_it_finds_the_cells_of_a_script(self):
        for chapter in read_book(ROOT / "book", until=3):
            text = "\n".join(x.text for x in pair_lines(chapter, "none"))
            _, *found = self.cells(text, "py:percent")
            for cell, (source, _) in zip(chapter.live_cells, found):
                if "expect" not in cell.options:
                    assert source == cell.source
            assert len(found) == len(chapter.live_cells)


class TestFences:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "???\n    ```python\n    1\n    ```",
                "2: ```python here is no cell and never runs",
            ),
            ("- a\n  ```python\n  1\n  ```", "2: ```python here is no cell"),
            ("~~~python\n1\n~~~", "1: ~~~python here is no cell"),
            ("```py\n1\n```", "1: ```py here is no cell"),
            ("```Python\n1\n```", "1: ```Python here is no cell"),
            ("```python3\n1\n```", "1: ```python3 here is no cell"),
            ('```{.python id="a"}\n1\n```', "1: ```{.python here is no cell"),
            ('```python{id="a"}\n1\n```', "1: ```python{id="),
            ('```python {id="a"}\n1\n```', "1: cannot read {id="),
            ("```bash\nls\n```", "1: a ```bash fence is a cell and would run"),
            ("```sh\nls\n```", "1: a ```sh fence is a cell and would run"),
            ("```html\n<a>\n```", "1: a ```html fence is a cell"),
            ("```python\n1", "1: this fence is never closed"),
            (
                "<!-- #region -->\n```python\n1\n```\n<!-- #endregion -->",
                "1: a line of text cannot start with %%",
            ),
            ('a\n\n```python\nx = """\n```\n', "4: syntax error: untermin"),
            (
                INSIDE,
                "5: this fence is inside a string of the block that line",
            ),
            (INSIDE.replace("```text", "```"), "5: this fence is inside"),
        ],
    )
    def test_what_is_not_a_cell_is_a_mistake(self, book, text, message):
        assert f"book/01-one.md:{message}" in mistake_in(book, text)

    @pytest.mark.parametrize(
        "text",
        [
            "```text\n1\n```",
            "```console\n$ ls\n```",
            "```bash .noeval\nls\n```",
            "???\n    ```python .noeval\n    1\n    ```",
            "```pycon\n>>> 1\n```",
            "```\nplain\n```",
        ],
    )
    def test_what_is_only_shown_is_fine(self, book, text):
        assert read(book, text).code_cells == []

    def test_an_indented_fence_ends_with_its_item(self, book):
        text = "- a\n\n    ```text\n    open\n\nb\n\n```python\n1\n```"
        assert len(read(book, text).code_cells) == 1


class TestOptions:
    @pytest.mark.parametrize(
        ("info", "message"),
        [
            ("file=dlfs/a.py", "cannot read file=dlfs/a.py"),
            ("id='a'", "cannot read id='a'"),
            ('id="a" junk', "cannot read junk"),
            ('id="a" id="b"', "an option is given twice"),
            ('colour="red"', "unknown option colour; known are file, id"),
            ('tags="a"', 'tags=["a"] is a list'),
            ("tags=[1]", "cannot read tags=[1]"),
            ('id=["a"]', "all else a text"),
            ('caption=""', 'cannot read caption=""'),
            ('id="Tensor"', 'id="Tensor" is not kebab-case'),
            ('id="a_b"', 'id="a_b" is not kebab-case'),
            ('file="dlfs/a.py"', "a block with file= needs an id="),
            ('replaces="a"', "replaces= is for blocks with file="),
            ('expect="a b"', "expect= names one exception class"),
            ('exercise="1.1" solution="1.1"', "not both"),
            (
                'file="dlfs/a.py" id="a" exercise="1.1"',
                "a block with file= cannot have exercise=",
            ),
        ],
    )
    def test_wrong_options(self, book, info, message):
        found = mistake_in(book, f"text\n\n```python {info}\n1\n```")
        assert found.startswith("book/01-one.md:3: ")
        assert message in found

    @pytest.mark.parametrize(
        "file",
        [
            "scripts/a.py",
            "/dlfs/a.py",
            "dlfs",
            "dlfs\\\\a.py",
            "dlfs/a.txt",
            "dlfs/../a.py",
            "dlfs//a.py",
            "dlfs/a-b.py",
            "dlfs/A.py",
            "dlfs/class.py",
            "dlfs/./a.py",
        ],
    )
    def test_wrong_files(self, book, file):
        text = f'```python file="{file}" id="a"\n1\n```'
        assert "is no module of dlfs/ or tests/" in mistake_in(book, text)

    def test_all_mistakes_are_found(self, book):
        found = mistake_in(
            book,
            '```python a="1"\n```\n\n~~~python\n~~~\n\n'
            '```python id="A" expect="a b"\n1\n```',
        )
        assert len(found.splitlines()) == 4


class TestExercises:
    def test_a_pair_is_fine(self, book):
        text = "\n\n".join(
            make_cell("1", **{kind: "3.1"})
            for kind in ["exercise", "solution"]
        )
        assert read(book, text, "03-three").code_cells

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            ([("exercise", "1.1")], "exercise 1.1 has no solution"),
            ([("solution", "1.1")], "solution 1.1 has no exercise"),
            (
                [("exercise", "2.1")],
                'number it by the chapter: exercise="1.1"',
            ),
            ([("exercise", "01.1")], "number it by the chapter"),
            (
                [
                    ("exercise", "1.1"),
                    ("exercise", "1.1"),
                    ("solution", "1.1"),
                ],
                "exercise 1.1 is there twice",
            ),
        ],
    )
    def test_wrong_numbers(self, book, cells, message):
        text = "\n\n".join(make_cell("1", **{k: v}) for k, v in cells)
        assert message in mistake_in(book, text)


class TestBook:
    def mistakes(self, book) -> str:
        with pytest.raises(BookError) as error:
            read_book(book.root / "book")
        return str(error.value)

    def test_no_book(self, book):
        assert self.mistakes(book) == (
            f"book:1: there are no chapters NN-slug.md in {book.root / 'book'}"
        )

    def test_chapters_come_in_order_of_their_numbers(self, book):
        for name in ["10-ten", "02-two", "00-zero"]:
            book.chapter(name, "# Title")
        chapters = read_book(book.root / "book")
        assert [chapter.number for chapter in chapters] == [0, 2, 10]
        assert len(read_book(book.root / "book", until=2)) == 2

    def test_a_number_twice(self, book):
        book.chapter("01-one", "a")
        book.chapter("01-two", "a")
        assert "01-one.md has this number already" in self.mistakes(book)

    def test_a_wrong_name(self, book):
        book.chapter("1-one", "a")
        assert "book/1-one.md:1: a chapter is named" in self.mistakes(book)

    def test_an_id_twice(self, book):
        book.chapter("01-one", make_cell("1", id="a"))
        book.chapter("02-two", "text", make_cell("1", id="a"))
        assert self.mistakes(book) == (
            'book/02-two.md:3: id="a" is taken by book/01-one.md:1'
        )

    def test_a_block_outside_a_chapter(self, book):
        book.chapter("01-one", "a")
        book.chapter("glossary", "a", make_block("a = 1", "a"))
        assert "book/glossary.md:3: only chapters" in self.mistakes(book)

    def test_a_file_that_is_not_utf_8(self, book):
        book.chapter("01-one", "a")
        (book.root / "book" / "01-one.md").write_bytes(b"a\n\nb\xff")
        assert self.mistakes(book) == (
            "book/01-one.md:3: holds a byte that is not UTF-8, or a control "
            "character"
        )

    @pytest.mark.parametrize("character", ["\0", "\f", "\u2028", "\x85"])
    def test_characters_that_may_end_a_line(self, book, character):
        book.chapter("01-one", f"a\nb{character}c")
        assert "book/01-one.md:2: holds a byte" in self.mistakes(book)

    def test_text_that_would_start_a_cell_of_the_script(self, book):
        book.chapter("01-one", "a\n%% b")
        assert "book/01-one.md:2: a line of text" in self.mistakes(book)

    def test_front_matter_holds_no_versions(self, book):
        book.chapter("01-one", "---\ntitle: x\njupyter: y\n---")
        assert "book/01-one.md:1: the front matter" in self.mistakes(book)
