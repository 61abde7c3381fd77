"""Measure the package.

In: the package, other libraries, the data. Out: a table of times, and the
records in `book/runs/` that the chapters quote.

`libraries` are what is timed and `workloads` with what; `command` is
`scripts/bench.py`, `runs` is `scripts/record_runs.py`, and `photos` is
`scripts/record_photos.py`.
"""
