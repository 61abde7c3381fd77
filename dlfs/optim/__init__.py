# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.optim offer, in one place."""

from dlfs.optim.adam import Adam, AdamW
from dlfs.optim.adaptive import Adadelta, Adagrad, RMSprop
from dlfs.optim.clip import clip_grad_norm_
from dlfs.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
    StepLR,
)
from dlfs.optim.optimizer import Optimizer
from dlfs.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
]
