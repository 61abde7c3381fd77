# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.models offer, in one place."""

from dlfs.models.cnn import LeNet, LeNetSizes

__all__ = ["LeNet", "LeNetSizes"]
