"""Make pages of the chapters.

In: chapters, what their cells printed and drew, how their tests went. Out:
Markdown pages with figures and notebooks, in `build/woven` or elsewhere.

In order: `results` fills in recorded figures, `prose` tells text from fences,
`render` fills in the templates in `templates/`, `listing` shows the code of a
file, `reference` finds what a name is and where it is explained, `habits`
lists the names of PyTorch, `terms` links a name and `pages` puts a page
together. `book` weaves them all and is `scripts/weave.py`.
"""
