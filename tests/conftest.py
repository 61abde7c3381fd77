# Made from book/ by scripts/tangle.py: edit the chapters.
"""What tests of more than one file share."""

import pytest


# book/11-training.md#test-no-curve
@pytest.fixture
def no_curve(monkeypatch):
    """Draw no curve, which costs more than the epochs of these tests."""
    place = "dlfs.trainer.Trainer._draw_curve"
    monkeypatch.setattr(place, lambda trainer: None)
