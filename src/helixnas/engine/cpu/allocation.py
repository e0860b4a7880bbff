"""Keeping freed memory in the process instead of returning it to the system.

By default glibc maps a feature map of some megabytes page by page and unmaps it when it is freed, which takes more than a
third of a training step on a CPU (`benchmarks/cpu_step.py`). `man mallopt` describes the settings.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of mallopt in glibc's malloc.h."""


def keep_freed_memory() -> bool:
    """Keep freed memory in this process; return whether the C library supports it."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # not in musl
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))  # never return memory
