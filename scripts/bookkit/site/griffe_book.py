"""A Griffe extension: entries of the reference lead to the book.

Griffe reads the package for mkdocstrings. What it has read gets a line that
leads to the section of the book that explains it and to its code.
"""

import griffe

from bookkit.weave.reference import Entry

ENTRIES: dict[str, Entry] = {}  # by the name of the place they are read from


class BookLinks(griffe.Extension):
    """Adds a line to the docstring of everything that is an entry."""

    def on_object(self, *, obj: griffe.Object, **_) -> None:
        """Add the line to one object."""
        entry = ENTRIES.get(obj.path)
        if entry and obj.docstring:
            summary, gap, rest = obj.docstring.value.partition("\n\n")
            obj.docstring.value = f"{summary}\n\n{entry.origin}{gap}{rest}"
