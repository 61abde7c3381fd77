"""Make the package and its tests from the chapters, and bring edits back.

In: chapters. Out: an `Output`, the lines of every file with the chapter line
that each comes from; written to `dlfs/`, `tests/` and snapshots.

In order: `blocks` are the marked cells; `imports` and `methods` are gathered;
`assemble` makes a module of them, `rooms` joins those of one folder, `output`
makes all modules, `disk` writes them and remembers what was written, to know
an edit by hand. `notebooks` and `pairs` make a notebook and a script of a
chapter, which begin as `notebook_start.md` and `script_start.txt` say.
`moves` and `back` bring an edit of a file into its chapter, `watch` does so at
every save. `tracebacks` name the chapter line of an error. `command` is
`scripts/tangle.py`.
"""
