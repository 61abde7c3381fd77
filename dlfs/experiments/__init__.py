# Made from book/ by scripts/tangle.py: edit the chapters. [ecfe8220efca]
"""Experiments: `python -m dlfs.experiments.NAME --help` explains each."""
