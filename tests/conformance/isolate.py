# SPDX-License-Identifier: MIT
"""tests/conformance/isolate.py - a function for many arguments, each in a process of its own

A call that crashes, hangs or takes too much memory ends its own process and is named; the others do
not notice.  Processes are forked, so that what has been imported stays imported.
"""
from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

MB = 1 << 20
CHUNK = 1 << 16


@dataclass
class _Child:
    pid: int
    argument: Any
    errors: int                           # file descriptor of what it wrote to standard error
    deadline: float
    text: bytes = b""
    late: bool = False


def run_each(function: Callable[[Any], Any], arguments: Iterable[Any], jobs: int,
             seconds: Callable[[Any], float], memory_mb: Callable[[Any], int]
             ) -> Iterator[Tuple[Any, Any]]:
    """(argument, what the function returned) as they finish; what it returns goes through JSON.
    For a process that did not return: {"class": "crash", "reason": how it ended}."""
    waiting = iter(arguments)
    running: Dict[int, _Child] = {}       # by the pipe that its answer comes through
    selector = selectors.DefaultSelector()
    more = True
    while True:
        while more and len(running) < max(jobs, 1):
            argument = next(waiting, None)
            more = argument is not None
            if more:
                pipe, child = _start(function, argument, seconds(argument), memory_mb(argument))
                running[pipe] = child
                selector.register(pipe, selectors.EVENT_READ)
        if not running:
            return
        for key, _ in selector.select(0.2):
            pipe = key.fd
            chunk = os.read(pipe, CHUNK)
            running[pipe].text += chunk
            if not chunk:
                selector.unregister(pipe)
                os.close(pipe)
                child = running.pop(pipe)
                yield child.argument, _ended(child)
        _kill_late(running.values())


def _start(function: Callable[[Any], Any], argument: Any, seconds: float,
           memory_mb: int) -> Tuple[int, _Child]:
    ours, theirs = os.pipe()
    errors = os.memfd_create("errors")
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _be_child(function, argument, theirs, errors, memory_mb)
    os.close(theirs)
    return ours, _Child(pid, argument, errors, time.monotonic() + seconds)


def _be_child(function: Callable[[Any], Any], argument: Any, pipe: int, errors: int,
              memory_mb: int) -> None:
    """Never returns."""
    status = 1
    try:
        os.dup2(errors, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory_mb:
            limit = _address_space() + memory_mb * MB
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        answer = json.dumps(function(argument)).encode()
        while answer:
            answer = answer[os.write(pipe, answer):]
        status = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _kill_late(children: Iterable[_Child]) -> None:
    now = time.monotonic()
    for child in children:
        if now > child.deadline and not child.late:
            child.late = True
            os.kill(child.pid, signal.SIGKILL)


def _ended(child: _Child) -> Any:
    _, status = os.waitpid(child.pid, 0)
    size = os.fstat(child.errors).st_size
    errors = os.pread(child.errors, CHUNK, max(0, size - CHUNK)).decode("utf-8", "replace")
    os.close(child.errors)
    if child.late:
        return {"class": "crash", "reason": "hangs: ended after the time limit"}
    if os.WIFSIGNALED(status):
        return _crash(signal.Signals(os.WTERMSIG(status)).name, errors)
    if os.WEXITSTATUS(status):
        return _crash(f"exit status {os.WEXITSTATUS(status)}", errors)
    return json.loads(child.text)


def _crash(what: str, errors: str) -> Dict[str, str]:
    """With the last that was said, or what a sanitizer found."""
    said: List[str] = [line for line in errors.splitlines() if line.strip()]
    summary = [line for line in said if "SUMMARY" in line or "runtime error" in line] or said[-1:]
    return {"class": "crash", "reason": f"{what}: {summary[0].strip()}" if summary else what}
