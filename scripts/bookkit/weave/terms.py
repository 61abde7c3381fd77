"""Join the words of the chapters to what they mean.

In the text of a chapter the first use of a term leads to the glossary, and
that of a public name, such as `nn.Linear`, to its entry in the reference. They
are links, so they work with a keyboard and without a script;
`theme/overrides/assets/terms.js` shows the definition beside the term.
"""

import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bookkit.read.chapters import Chapter
from bookkit.read.fences import scan_fences
from bookkit.weave.reference import Entry

PAGE = "glossary.md"
LINE = re.compile(r"^\*\*(.+?)\*\* \((.+?)\): (.*)$", re.MULTILINE)
CHAPTER = re.compile(r"\((\d\d)-[a-z0-9-]+\.md")
IN_BRACKETS = re.compile(r"(.*?) ?\((.+?)\)(.*)")
# Words that often mean something else: their definitions begin like this, or
# they are these.
SPECIAL = re.compile("(?:of|in) an? ")
ORDINARY = {"gather", "scatter", "signal", "stack", "target", "trace"}
NO_PROSE = re.compile(r"#|<|\[[^\]]+\]:|    ")
# What a link must not be put into.
KEPT = re.compile(
    r"""
    (?P<code>(?P<ticks>`+).+?(?P=ticks))
    | \$\$.+?\$\$ | (?<!\\)\$[^$]+\$
    | !?\[(?:`[^`]*`|[^\]`])*\](?:\([^)]*\)|\[[^\]]*\])?
    | <[^>]+>
    | (?P<emphasis>\*{1,3}[^*]+\*{1,3})
    """,
    re.DOTALL | re.VERBOSE,
)
PLURAL = "(?:e?s)?"
KNOWN = (builtins, dict, np, np.ndarray)  # whose names are not only ours


@dataclass(frozen=True)
class Term:
    """A term of the glossary: where it is introduced, and what it means."""

    title: str
    where: str
    meaning: str

    @property
    def anchor(self) -> str:
        """Its anchor: "fan-in-fan-out"."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    @property
    def names(self) -> list[str]:
        """Its names: "stochastic gradient descent (SGD)" has two.

        Brackets in the middle give a choice: "tied (shared) parameters".
        """
        names = []
        for part in self.title.split(", "):
            match = IN_BRACKETS.fullmatch(part)
            first, second, rest = match.groups() if match else (part, "", "")
            names += [first + rest] + [second + rest] * bool(match)
        return names

    def is_known_in(self, chapter: Chapter) -> bool:
        """Whether a chapter uses the term in this sense.

        One that means something else in ordinary language is only marked in
        the chapters that introduce it.
        """
        introduced = [int(number) for number in CHAPTER.findall(self.where)]
        if SPECIAL.match(self.meaning) or self.title in ORDINARY:
            return chapter.number in (introduced or [0])
        return chapter.number >= min(introduced, default=0)


# --- The glossary ---


def read_terms(text: str) -> list[Term]:
    """The terms of the glossary."""
    return [Term(*match.groups()) for match in LINE.finditer(text)]


def make_glossary(text: str) -> str:
    """The glossary with an anchor at each term."""
    for term in read_terms(text):
        marked = f'**<dfn id="{term.anchor}">{term.title}</dfn>**'
        text = text.replace(f"**{term.title}**", marked, 1)
    return text


# --- Chapters ---


class Linker:
    """Puts links into the texts of a chapter, one after the other."""

    def __init__(
        self,
        chapter: Chapter,
        terms: Iterable[Term],
        entries: dict[str, Entry],
    ) -> None:
        self.seen: set[str] = set()
        self.terms = {
            name: f"{PAGE}#{term.anchor}"
            for term in terms
            if term.is_known_in(chapter)
            for name in term.names
        }
        self.names = {
            name: entry.link
            for name, entry in spoken_names(entries).items()
            if entry.block.chapter.number < chapter.number
        }
        self.pattern = term_pattern(self.terms)

    def link(self, text: str) -> str:
        """A text of the chapter with links, except in titles of papers."""
        before, heading, sources = text.partition("## Sources\n")
        linked = "".join(
            self.link_prose(part) if is_prose else part
            for is_prose, part in split_prose(before)
        )
        return linked + heading + sources

    def link_prose(self, text: str) -> str:
        """Lines of prose with links."""
        parts, start = [], 0
        for kept in KEPT.finditer(text):
            before = text[start : kept.start()]
            parts.append(self.pattern.sub(self.link_term, before))
            parts.append(self.link_kept(kept))
            start = kept.end()
        parts.append(self.pattern.sub(self.link_term, text[start:]))
        return "".join(parts)

    def link_term(self, match: re.Match) -> str:
        """A term, a link if it stands here for the first time."""
        return self.link_first(match[0], find_term(self.terms, match[0]))

    def link_kept(self, match: re.Match) -> str:
        """What must stay as it is, except the name of an entry.

        A term in italics is explained right there, so it needs no link.
        """
        if match["emphasis"]:
            term = find_term(self.terms, match[0].strip("*"))
            self.seen.add(term or "")
        if match["code"]:
            name = match[0].strip("`").removesuffix("()")
            return self.link_first(match[0], self.names.get(name))
        return match[0]

    def link_first(self, text: str, target: str | None) -> str:
        """A link, unless there was one to this target."""
        if not target or target in self.seen:
            return text
        self.seen.add(target)
        return f"[{text}]({target})"


def term_pattern(terms: dict[str, str]) -> re.Pattern:
    """Finds the terms, the longest that there is at a place.

    Names of people and abbreviations are only found as they are written.
    """
    words = ["(?!)"]  # finds nothing
    for name in sorted(terms, key=len, reverse=True):
        word = re.sub(r"\\ ", r"\\s+", re.escape(name)) + PLURAL
        words.append(f"(?i:{word})" if name.islower() else word)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])")


def find_term(terms: dict[str, str], text: str) -> str | None:
    """Where a term leads, written as it may be."""
    text = " ".join(text.split())
    for word in (text, text.lower()):
        for ending in ("", "s", "es"):
            target = terms.get(word.removesuffix(ending))
            if target:
                return target
    return None


def spoken_names(entries: dict[str, Entry]) -> dict[str, Entry]:
    """What texts call the entries: "nn.Linear", "Linear.forward", "relu".

    A last part alone is only a name if no other entry ends with it, and if
    neither Python nor NumPy knows it, as they know `exp` and `shape`.
    """
    spoken: dict[str, list[Entry]] = {}
    for entry in entries.values():
        last = entry.name.rpartition(".")[2]
        is_known = any(hasattr(place, last) for place in KNOWN)
        alone = [] if is_known else [last]
        for name in {entry.path, entry.path.removeprefix("dlfs."), *alone}:
            spoken.setdefault(name, []).append(entry)
        if "." in entry.name:
            spoken.setdefault(entry.name, []).append(entry)
    return {
        name: found[0] for name, found in spoken.items() if len(found) == 1
    }


def split_prose(text: str) -> Iterator[tuple[bool, str]]:
    """Cut a text into stretches of lines of prose, and other lines.

    Those are fences, headings, HTML, definitions of links and blank lines.
    """
    lines = text.split("\n")
    inside = {n for each in scan_fences(lines, 0) for n in each.numbers}
    prose = ""
    for number, line in enumerate(lines, 1):
        end = "\n" if number < len(lines) else ""
        if number in inside or NO_PROSE.match(line) or not line.strip():
            yield True, prose
            yield False, line + end
            prose = ""
        else:
            prose += line + end
    yield True, prose
