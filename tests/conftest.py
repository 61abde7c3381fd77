# Made from book/ by scripts/tangle.py: edit the chapters.
"""What tests of more than one file share."""

import pytest

from dlfs.trainer import Trainer


# book/11-training.md#test-no-curve
@pytest.fixture
def no_curve(monkeypatch):
    """Draw no curve, which costs more than the epochs of these tests."""
    monkeypatch.setattr(Trainer, "_draw_curve", lambda trainer: None)
