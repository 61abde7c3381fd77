# Made from book/ by scripts/tangle.py: edit the chapters.
"""Experiments: `python -m dlfs.experiments.NAME --help` explains each."""
