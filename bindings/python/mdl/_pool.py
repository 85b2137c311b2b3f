# SPDX-License-Identifier: MIT
"""Threads for large calls: one pool of the library for each number of threads that was asked
for, made when it is first needed and kept.  A call that finds its pool at work for another goes
on alone, so any number of Python threads may use one."""
from __future__ import annotations

import ctypes
import os
import threading
from typing import Any, Dict, Optional, Tuple

from . import _lib
from ._errors import DataError

MOST_THREADS = 1024

_lock = threading.Lock()
_pools: Dict[Tuple[int, int], ctypes.c_void_p] = {}     # by process and threads: fork leaves them


def checked(threads: Any) -> int:
    """A number of threads: 1 and more, or -1 for one on each processor."""
    try:
        number = threads.__index__()
    except (AttributeError, TypeError):
        raise DataError(f"threads is {threads!r}, expected a whole number") from None
    if number == -1 or 1 <= number <= MOST_THREADS:
        return int(number)
    raise DataError(f"threads is {number}, expected 1 to {MOST_THREADS}, or -1 for all processors")


def parallel(threads: int) -> Optional[Any]:
    """What the options of a call take; None for one thread."""
    if threads == 1:
        return None
    key = os.getpid(), threads
    with _lock:
        if key not in _pools:
            pool, error = ctypes.c_void_p(), _lib.new_error()
            status = _lib.lib.mdl_pool_create(ctypes.byref(pool), max(threads, 0), None,
                                              ctypes.byref(error))
            if status:
                _lib.raise_status(status, error)
            _pools[key] = pool
        return _lib.lib.mdl_pool_parallel(_pools[key])


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()             # somebody may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
