# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.nn offer, in one place."""

from dlfs.nn.activations import (
    Flatten,
    Identity,
    ReLU,
    Sigmoid,
    Tanh,
    elu,
    gelu,
    leaky_relu,
    silu,
)
from dlfs.nn.containers import ModuleList, Sequential
from dlfs.nn.dense import Linear, linear
from dlfs.nn.dropout import Dropout
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
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
    softplus,
)
from dlfs.nn.module import IncompatibleKeys, Module, Parameter
from dlfs.nn.similarity import cosine_similarity, normalize, one_hot

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "IncompatibleKeys",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_similarity",
    "cross_entropy",
    "elu",
    "gelu",
    "kaiming_uniform_",
    "l1_loss",
    "leaky_relu",
    "linear",
    "mse_loss",
    "nll_loss",
    "normal_",
    "normalize",
    "one_hot",
    "silu",
    "smooth_l1_loss",
    "softplus",
    "uniform_",
    "xavier_uniform_",
    "zeros_",
]
