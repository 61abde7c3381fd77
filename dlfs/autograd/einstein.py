# Made from book/ by scripts/tangle.py: edit the chapters.
"""Sums of products in Einstein's notation."""

import functools
import string
from typing import Any

import numpy as np

from dlfs.autograd.engine import Tensor, _tensor, operation

__all__ = ["einsum"]


# book/05-shapes.md#einsum-rule
def _einsum_rule(i, terms, out, g, y, *inputs):
    """The gradient for input `i`: exchange it with the output.

    An index that only input i has was summed, and ones bring it back.
    """
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
    equation = ",".join(subscripts) + "->" + terms[i]
    return np.einsum(equation, *operands, optimize=True)


# book/05-shapes.md#einsum-terms
def _einsum_terms(equation, shapes):
    """Return the subscripts of each input and of the output, without dots.

    '...ij,jk->...ik' with a 3-d first input gives ['Aij', 'jk'], 'Aik'.
    """
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(
            f"einsum: {equation!r} names {len(terms)} inputs, "
            f"but {len(shapes)} were given"
        )
    if not arrow:  # NumPy's rule: dots, then what stands there once
        once = sorted(c for c in set(left) if left.count(c) == 1)
        out = "..." * ("..." in left) + "".join(filter(str.isalpha, once))
    spare = [c for c in string.ascii_uppercase if c not in equation]
    counts = [_count_dots(t, shape) for t, shape in zip(terms, shapes)]
    names = "".join(spare[: max(counts)])
    terms = [
        term.replace("...", names[len(names) - count :])
        for term, count in zip(terms, counts)
    ]
    return terms, out.replace("...", names)


# book/05-shapes.md#einsum-dots
def _count_dots(term, shape):
    """Return how many axes of an input of `shape` the dots stand for."""
    letters = term.replace("...", "", 1)
    count = len(shape) - len(letters)
    if not (letters.isalpha() or letters == ""):
        raise ValueError(f"einsum: {term!r} is not made of letters")
    if count < 0 or (count and "..." not in term):
        raise ValueError(f"einsum: {term!r} does not fit shape {shape}")
    if len(set(letters)) < len(letters):
        raise ValueError(
            f"einsum: {term!r} repeats an index: pick the diagonal first, "
            "x[i, i] with i = np.arange(n)"
        )
    return count


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
    operands = [_tensor(x) for x in operands]
    terms, out = _einsum_terms(equation, [x.shape for x in operands])
    plain = ",".join(terms) + "->" + out
    rules = [
        functools.partial(_einsum_rule, i, terms, out)
        for i in range(len(operands))
    ]

    @operation(*rules)
    def einsum(*arrays):
        return np.einsum(plain, *arrays, optimize=True)

    return einsum(*operands)
