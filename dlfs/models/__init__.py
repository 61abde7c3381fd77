# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.models offer, in one place."""

from dlfs.models.cnn import (
    CNNConfig,
    LeNet,
    LeNetConfig,
    Residual,
    ResNet,
    ResNetConfig,
    SmallCNN,
)

__all__ = [
    "CNNConfig",
    "LeNet",
    "LeNetConfig",
    "ResNet",
    "ResNetConfig",
    "Residual",
    "SmallCNN",
]
