# Made from book/ by scripts/tangle.py: edit the chapters.
"""Sums of products in Einstein's notation."""

import functools
import string
from typing import Any

import numpy as np

from dlfs.autograd.engine import Tensor, _tensor, operation

__all__ = ["einsum"]


# book/05-shapes.md#einsum-rule
def _einsum_rule(i, equation, g, y, *inputs):
    """The gradient for input `i`: exchange it with the output.

    An index that only input i has was summed, and ones bring it back.
    """
    terms, out = _einsum_terms(equation, inputs)
    others = [k for k in range(len(inputs)) if k != i]
    subscripts = [out, *(terms[k] for k in others)]
    operands = [g, *(inputs[k] for k in others)]
    lengths = {}
    for term, operand in zip(subscripts, operands):
        for letter, n in zip(term, operand.shape):
            lengths[letter] = max(n, lengths.get(letter, 1))
    for letter, n in zip(terms[i], inputs[i].shape):
        if lengths.get(letter) != n:  # lost
            subscripts.append(letter)
            operands.append(np.ones(n, g.dtype))
    exchanged = ",".join(subscripts) + "->" + terms[i]
    return np.einsum(exchanged, *operands, optimize=True)


# book/05-shapes.md#einsum-terms
def _einsum_terms(equation, inputs):
    """Return the subscripts of each input and of the output, without dots.

    '...ij,jk->...ik' with a 3-d first input gives ['Zij', 'jk'], 'Zik'.
    """
    left, arrow, out = equation.replace(" ", "").partition("->")
    if not arrow:  # NumPy's rule: dots, then what stands there once
        once = sorted(c for c in set(left) if left.count(c) == 1)
        out = "..." * ("..." in left) + "".join(filter(str.isalpha, once))
    spare = "".join(c for c in string.ascii_uppercase if c not in equation)
    terms, most = [], 0
    for term, x in zip(left.split(","), inputs):
        count = x.ndim - len(term.replace("...", ""))  # axes for the dots
        terms.append(term.replace("...", spare[len(spare) - count :]))
        most = max(most, count)
    return terms, out.replace("...", spare[len(spare) - most :])


# book/05-shapes.md#einsum
def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum products of the operands as `equation` says.

    Args:
        equation: index letters for each operand, then those of the result,
            `"ij,jk->ik"`; `...` stands for any leading axes.
        operands: tensors or arrays.

    Raises:
        ValueError: the letters do not fit the shapes, or an operand repeats
            a letter.
    """
    for term in equation.partition("->")[0].split(","):
        if any(term.count(letter) > 1 for letter in filter(str.isalpha, term)):
            raise ValueError(
                f"einsum: {term!r} repeats an index: pick the diagonal first, "
                "x[i, i] with i = np.arange(n)"
            )
    rules = [
        functools.partial(_einsum_rule, i, equation)
        for i in range(len(operands))
    ]

    @operation(*rules)
    def einsum(*arrays):
        return np.einsum(equation, *arrays, optimize=True)

    return einsum(*map(_tensor, operands))
