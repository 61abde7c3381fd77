# Made from book/ by scripts/tangle.py: edit the chapters.
"""The functions behind the layers, where PyTorch has them."""

from dlfs.autograd import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    normalize,
    one_hot,
    pad,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from dlfs.nn.linear import linear
from dlfs.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
