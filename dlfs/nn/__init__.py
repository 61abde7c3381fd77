# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.nn offer, in one place."""

from dlfs.nn.activations import Flatten, Identity, ReLU, Sigmoid, Tanh
from dlfs.nn.containers import ModuleList, Sequential
from dlfs.nn.dense import Linear, linear
from dlfs.nn.dropout import Dropout, Dropout2d
from dlfs.nn.init import (
    kaiming_uniform_,
    normal_,
    uniform_,
    xavier_uniform_,
    zeros_,
)
from dlfs.nn.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    MSELoss,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
    softplus,
)
from dlfs.nn.module import IncompatibleKeys, Module, Parameter
from dlfs.nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    LayerNorm,
    batch_norm,
    group_norm,
    layer_norm,
)

__all__ = [
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GroupNorm",
    "Identity",
    "IncompatibleKeys",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "group_norm",
    "kaiming_uniform_",
    "l1_loss",
    "layer_norm",
    "linear",
    "mse_loss",
    "nll_loss",
    "normal_",
    "softplus",
    "uniform_",
    "xavier_uniform_",
    "zeros_",
]
