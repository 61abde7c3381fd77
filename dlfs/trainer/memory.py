# Made from book/ by scripts/tangle.py: edit the chapters.
"""Memory for arrays: kept for the next, not given back to the system."""

import ctypes
import platform

__all__ = ["keep_memory"]


# book/34-fast-numpy.md#keep-memory
_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h


def keep_memory(limit: int = 2**30) -> bool:
    """Keep the memory of arrays that are gone, for those to come.

    Without this, the C library takes memory for a large array from the
    system and gives it back with the array, and the system clears every page
    that it hands out. This holds for the whole process, from now on: what it
    once needed it keeps. Results stay the same, bit for bit.

    Args:
        limit: bytes; larger arrays are left as they are.

    Returns:
        Whether it could be said: only GNU's C library understands it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    limit = min(limit, 2**31 - 1)  # it takes an int
    small = 2**25  # the most that some versions accept
    kept = any(mallopt(_MAP, size) for size in (limit, min(limit, small)))
    return bool(kept and mallopt(_TRIM, 2**31 - 1))
