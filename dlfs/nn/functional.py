# Made from book/ by scripts/tangle.py: edit the chapters.
"""The functions behind the layers, where PyTorch has them."""

from dlfs.autograd import log_softmax, pad, relu, sigmoid, softmax, tanh
from dlfs.nn.dense import linear
from dlfs.nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    softplus,
)

# book/15-layers-and-sets.md#functional
_FUNCTIONS = (
    *(relu, sigmoid, tanh, softplus, softmax, log_softmax, pad, linear),
    *(cross_entropy, nll_loss, l1_loss, mse_loss, huber_loss),
    binary_cross_entropy_with_logits,
)
