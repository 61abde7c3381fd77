# Made from book/ by scripts/tangle.py: edit the chapters.
"""The functions behind the layers, where PyTorch has them."""

from dlfs.autograd import log_softmax, pad, relu, sigmoid, softmax, tanh
from dlfs.nn.activations import elu, gelu, leaky_relu, silu
from dlfs.nn.conv import conv1d, conv2d
from dlfs.nn.dense import linear
from dlfs.nn.dropouts import dropout, dropout2d
from dlfs.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
    softplus,
)
from dlfs.nn.norm import batch_norm, group_norm, layer_norm
from dlfs.nn.pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from dlfs.nn.similarity import cosine_similarity, normalize, one_hot
from dlfs.nn.transposed import conv_transpose2d

# book/15-layers-and-sets.md#functional
_FUNCTIONS = (
    *(relu, leaky_relu, elu, gelu, silu, softplus, sigmoid, tanh),
    *(softmax, log_softmax, linear, dropout, pad, normalize, one_hot),
    *(l1_loss, smooth_l1_loss, huber_loss, mse_loss, nll_loss),
    *(cross_entropy, binary_cross_entropy, cosine_similarity),
    binary_cross_entropy_with_logits,
)


# book/22-pooling.md#functional-pooling
_FUNCTIONS += (max_pool2d, avg_pool2d, adaptive_avg_pool2d)


# book/23-batch-normalisation.md#functional-norm
_FUNCTIONS += (batch_norm, group_norm, layer_norm)


# book/24-overfitting.md#functional-dropout-2d
_FUNCTIONS += (dropout2d,)


# book/33-convolution-arguments.md#functional-conv
_FUNCTIONS += (conv1d, conv2d, conv_transpose2d)
