"""Where something was measured."""

import os
import platform
from pathlib import Path

import numpy  # noqa: F401  # loads the library that blas() looks for
from threadpoolctl import threadpool_info


def machine() -> str:
    """The processor's name and how many of its cores we may use."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        names = [line for line in lines if line.startswith("model name")]
        name = names[0].partition(":")[2].strip() if names else name
    return f"{name}, {os.cpu_count()} cores"


def blas() -> str:
    """What multiplies matrices: library, version and processor kernel."""
    found = [i for i in threadpool_info() if i["user_api"] == "blas"]
    if not found:
        return "unknown"
    library = found[0]
    kernel = library.get("architecture", "unknown kernel")
    return f"{library['internal_api']} {library['version']}, {kernel}"
