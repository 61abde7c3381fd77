"""Run chapters and tests, and keep what came of it.

In: chapters and the package that they make. Out: the outputs of every cell
and the time of every test, from a cache or from records where they have to be
the same in every build.

In order: `kernels` runs a chapter for its page, and `testruns` the tests of a
snapshot; `affected` says which tests a chapter may break, `run_chapters` runs
those and the chapter as a script (it is `scripts/chapters.py`);
`pytest_chapters` is a plugin that names chapter lines in their failures.
`cache` keeps results, `recorded` timings, `machine` says where they were
measured.
"""
