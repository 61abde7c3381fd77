# Made from book/ by scripts/tangle.py: edit the chapters.
"""Matrix products in pieces that a library for products does not pack."""

import functools

from threadpoolctl import ThreadpoolController

# book/35-fast-convolution.md#products-piece
_SMALL = 10**6  # multiplications; OpenBLAS packs what is larger
_UNPACKED = {"SkylakeX", "Cooperlake", "SapphireRapids"}  # with AVX-512


@functools.cache
def _kernels():
    """Return the names of the kernels that the libraries have chosen."""
    libraries = ThreadpoolController().info()
    return {library.get("architecture") for library in libraries}


@functools.cache
def _piece(rows, inputs, outputs, least=8):
    """Return how many rows to multiply at a time by (inputs, outputs).

    It is a divisor of `rows` from `least` on, or None where the kernels pack
    everything or no such piece is small enough.
    """
    if not _kernels() & _UNPACKED:
        return None
    most = min(rows, _SMALL // max(1, inputs * outputs))
    return next((n for n in range(most, least - 1, -1) if not rows % n), None)
