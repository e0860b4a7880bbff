"""Memory that a process frees and takes again all the time, kept instead of given back.

A feature map of some megabytes comes from the system page by page and goes back when it is freed: on a CPU more than a
third of a training step goes into that (`benchmarks/cpu_step.py`). The C library keeps such memory where it is asked to
(glibc, `man mallopt`).
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Names of the settings in glibc's malloc.h."""

NEVER = 2**31 - 1
"""The largest number that a setting takes."""


def keep_freed_memory() -> bool:
    """Let this process keep what it frees for what it allocates next; return whether its C library can.

    >>> isinstance(keep_freed_memory(), bool)
    True
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
