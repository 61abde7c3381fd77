"""Make the index of the search answer as a reader asks.

Every term of the glossary is a hit of its own and comes first. What a section
is about, and its title does not say, stands in the front matter of its
chapter:

    words:
      how-to-run-it: install, installation, Windows

An entry of the reference is found by PyTorch's names, too. Exercises and
sources come last.
"""

import json
import re
from collections.abc import Iterator

from bookkit.read.chapters import BookError, Chapter, Mistake
from bookkit.weave.terms import Term

FIRST, LAST = 8000, 0.01  # what a term counts, and sources; a chapter: 1000
TAG = 100_000  # what a tag counts; a title: 1000
AT_THE_END = re.compile(r"#(?:exercises|sources|what-we-built)$")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
ENTRY = re.compile(r"^api/.*#dlfs\.(?:autograd\.)?(.+)$")


def mend_index(text: str, terms: list[Term], chapters: list[Chapter]) -> str:
    """The index of the search, from that of MkDocs."""
    index = json.loads(text)
    words = {
        f"{chapter.name}/#{anchor}": [each.strip() for each in text.split(",")]
        for chapter in chapters
        for anchor, text in chapter.front_matter.get("words", {}).items()
    }
    unknown = words.keys() - {entry["location"] for entry in index["docs"]}
    if unknown:
        name, _, anchor = min(unknown).partition("/")
        message = f"words: there is no section {anchor}"
        raise BookError([Mistake(f"book/{name}.md", 1, message)])
    for entry in index["docs"]:
        place = entry["location"]
        name = ENTRY.match(place)
        if place in words:
            entry["tags"] = words[place]
        elif name and name[1].count(".") < 2:
            entry["tags"] = [name[1], f"torch.{name[1]}"]
        elif AT_THE_END.search(place):
            entry["boost"] = LAST
    index["docs"] = [
        *(each for each in index["docs"] if each["location"] != "glossary/"),
        *describe_terms(terms),
    ]
    index["config"]["fields"]["tags"]["boost"] = TAG
    return json.dumps(index, separators=(",", ":"))


def describe_terms(terms: list[Term]) -> Iterator[dict]:
    """A hit for each term, with its definition and where it is built.

    One that contains another one comes behind it: "AdamW" behind "Adam".
    """
    everything = [name.lower() for term in terms for name in term.names]
    for term in terms:
        inside = min(
            sum(other in name.lower() for other in everything)
            for name in term.names
        )
        text = f"<p>{term.meaning}</p><p>{term.where}</p>"
        yield {
            "location": f"glossary/?term={term.anchor}",
            "title": term.title,
            "text": LINK.sub(r"\1", text),
            "tags": term.names,
            "boost": FIRST * 0.75**inside,
        }
