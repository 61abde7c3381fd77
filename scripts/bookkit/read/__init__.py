"""Read the chapters.

In: `book/NN-slug.md`. Out: chapters with their cells, each with the exact
line on which it stands, or all mistakes at once as a `BookError`.

In order: `fences` finds the fences, `chapters` the cells between them, `lists`
what names every chapter, which it begins (as `new_chapter.md` says);
`source` parses a piece of Python, `mistakes` says what is wrong.
"""
