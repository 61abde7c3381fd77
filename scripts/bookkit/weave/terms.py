"""Join the words of the chapters to what they mean.

In the text of a chapter the first use of a term leads to the glossary, and
that of a public name, such as `nn.Linear`, to its entry in the reference. They
are links, so they work with a keyboard and without a script;
`theme/overrides/assets/terms.js` shows the definition beside the term.
"""

import builtins
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from bookkit.read.chapters import Chapter
from bookkit.read.fences import Fence
from bookkit.weave.prose import mark_lines
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
# What a link must not be put into, and what may become one.
PROSE = r"""
    (?P<code>(?P<ticks>`+).+?(?P=ticks))
    | \$\$.+?\$\$ | (?<!\\)\$[^$]+\$
    | !?\[(?:`[^`]*`|[^\]`])*\](?:\([^)]*\)|\[[^\]]*\])?
    | <[^>]+>
    | (?P<emphasis>\*{1,3}[^*]+\*{1,3})
    | (?P<term>(?<![\w-])(?:%s)(?![\w-]))
"""
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
        self.seen: set[str | None] = set()
        known = {
            name: f"{PAGE}#{term.anchor}"
            for term in terms
            if term.is_known_in(chapter)
            for name in term.names
        }
        self.pattern = term_pattern(known)
        plurals = {name + "s": known[name] for name in known}
        plurals |= {name + "es": known[name] for name in known}
        self.terms = plurals | known
        self.names = {
            name: entry.link
            for name, entry in spoken_names(entries).items()
            if entry.block.chapter.number < chapter.number
        }

    def link(self, text: str) -> str:
        """A text of the chapter with links, except in titles of papers."""
        before, heading, sources = text.partition("## Sources\n")
        linked = []
        for may_link, lines in groupby(mark_lines(before), is_prose):
            part = "\n".join(line for _, line, _ in lines)
            if may_link:
                part = self.pattern.sub(self.link_match, part)
            linked.append(part)
        return "\n".join(linked) + heading + sources

    def link_match(self, match: re.Match) -> str:
        """A term or the name of an entry as a link, all else as it is.

        A term in italics is explained right there, so it needs no link.
        """
        text, target = match[0], None
        if match["term"]:
            target = self.find_term(text)
        elif match["emphasis"]:
            self.seen.add(self.find_term(text.strip("*")))
        elif match["code"]:
            target = self.names.get(text.strip("`").removesuffix("()"))
        if not target or target in self.seen:  # it stood there before
            return text
        self.seen.add(target)
        return f"[{text}]({target})"

    def find_term(self, text: str) -> str | None:
        """Where a term leads, also one that begins a sentence."""
        text = " ".join(text.split())
        return self.terms.get(text) or self.terms.get(text.lower())


def term_pattern(names: Iterable[str]) -> re.Pattern:
    """Finds the names in prose, the longest that there is at a place.

    Those of people and abbreviations are only found as they are written.
    """
    words = ["(?!)"]  # finds nothing
    for name in sorted(names, key=len, reverse=True):
        word = re.sub(r"\\ ", r"\\s+", re.escape(name)) + PLURAL
        words.append(f"(?i:{word})" if name.islower() else word)
    return re.compile(PROSE % "|".join(words), re.DOTALL | re.VERBOSE)


def spoken_names(entries: dict[str, Entry]) -> dict[str, Entry]:
    """What texts call the entries: "nn.Linear", "Linear.forward", "relu".

    A last part alone is only a name if no other entry ends with it, and if
    neither Python nor NumPy knows it, as they know `exp` and `shape`.
    """
    spoken: dict[str, list[Entry]] = {}
    for entry in entries.values():
        last = entry.name.rpartition(".")[2]
        short = entry.path.removeprefix("dlfs.")
        names = {entry.path, short, entry.name, last}
        if any(hasattr(place, last) for place in KNOWN):
            names.remove(last)
        for name in names:
            spoken.setdefault(name, []).append(entry)
    return {
        name: found[0] for name, found in spoken.items() if len(found) == 1
    }


def is_prose(marked: tuple[int, str, Fence | None]) -> bool:
    """Whether a line is neither blank nor of a fence, heading or HTML."""
    _, line, fence = marked
    return bool(line.strip() and not fence and not NO_PROSE.match(line))
