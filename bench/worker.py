# SPDX-License-Identifier: MIT
"""bench/worker.py FOLDER ENSEMBLE PEER CPU - one engine with one model, in a process of its own

Opens it, compares its answers with what the source framework answered, says so, then times it
whenever it is told to.  Reads one JSON value a line from standard input, writes one a line:

    -> {"load_ms": .., "difference": .., ...}         or {"error": ".."}
    <- {"rows": 4096, "batch": 16, "seconds": 0.1}    -> {"us": 1.23, "spent": 0.1}
"""
from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Tuple

import numpy as np

from ensembles import ENSEMBLES, ROWS, Ensemble, rows
from peers import PEERS, Opened, shim

COMPARED = {True: ROWS, False: 8192}      # rows of libmodel, of a peer
ROUNDING = 1e-5                           # a row further off took another path through a tree
CALLS = 16                                # between looks at the clock, from Python


def resident() -> float:
    """Memory of this process, MB."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def answer(opened: Opened, e: Ensemble, x: np.ndarray) -> np.ndarray:
    """[rows, columns]; from C the memory is ours, and NaN until it is written."""
    if opened.call is not None:
        return np.asarray(opened.call(x)).reshape(len(x), -1)
    dtype = np.float32 if shim().peer_y_bytes(opened.handle) == 4 else np.float64
    y = np.full((len(x), opened.cols), np.nan, dtype)
    if shim().peer_predict(opened.handle, x.ctypes.data, len(x), y.ctypes.data):
        raise RuntimeError("the prediction failed")
    return y


def difference(y: np.ndarray, expected: np.ndarray, e: Ensemble, gives: str) -> Dict[str, Any]:
    """Largest absolute difference, share of rows that differ at all and by more than rounding, and
    whether all bits are the same."""
    if gives == "probability" and e.output == "margin":
        expected = 1 / (1 + np.exp(-expected.astype(np.float64)))
        y = y[:, -1:]
    if y.shape != expected.shape:
        raise RuntimeError(f"answers of shape {y.shape}, expected {expected.shape}")
    if np.isnan(y).any():
        return {"difference": float("inf"), "share": 1.0, "astray": 1.0, "same": False}
    wide = np.abs(y.astype(np.float64) - expected.astype(np.float64)).max(axis=1)
    same = not wide.any() and y.astype(expected.dtype).tobytes() == np.ascontiguousarray(expected).tobytes()
    return {"difference": float(wide.max()), "share": float((wide != 0).mean()),
            "astray": float((wide > ROUNDING).mean()), "same": same}


class Clock:
    """Times calls over the rows, going on where it stopped."""

    def __init__(self, opened: Opened, e: Ensemble, x: np.ndarray) -> None:
        self.opened, self.x = opened, x
        self.at: Dict[Tuple[int, int], Any] = {}
        self.views: Dict[Tuple[int, int], List[np.ndarray]] = {}
        self.y = np.ones((len(x), opened.cols), np.float64)      # touched before it is timed

    def time(self, rows: int, batch: int, seconds: float) -> float:
        key = (rows, batch)
        if self.opened.timer is not None:
            return self.opened.timer(self.x[:rows], batch, seconds)
        if self.opened.handle is not None:
            at = self.at.setdefault(key, ctypes.c_size_t(0))
            us = shim().peer_time(self.opened.handle, self.x.ctypes.data, rows, batch, seconds,
                                  ctypes.byref(at), self.y.ctypes.data)
            if us < 0:
                raise RuntimeError("the prediction failed")
            return float(us)
        if key not in self.views:
            self.views[key] = [self.x[i:i + batch] for i in range(0, rows - batch + 1, batch)]
        return self.time_python(key, seconds)

    def time_python(self, key: Tuple[int, int], seconds: float) -> float:
        """As peer_time; views of the rows are made beforehand."""
        assert self.opened.call is not None
        call, views, (rows, batch) = self.opened.call, self.views[key], key
        at, best, clock = self.at.get(key, 0), 0.0, time.perf_counter
        calls = CALLS if batch <= CALLS else 1
        now = clock()
        end = now + seconds
        while True:
            begin, done = now, 0
            while True:
                for x in views[at:at + calls]:
                    call(x)
                done += batch * len(views[at:at + calls])
                at = at + calls if at + calls < len(views) else 0
                now = clock()
                if done >= rows or now >= end:
                    break
            each = (now - begin) * 1e6 / done
            if not best or (done >= rows and each < best):
                best = each
            if now >= end:
                self.at[key] = at
                return best


def best_load(folder: str, name: str, peer: str) -> Tuple[Opened, float, float]:
    """The opened engine, its least load time in ms, and what the first load and 256 rows took in MB."""
    e, p = ENSEMBLES[name], PEERS[peer]
    home = os.path.join(folder, name)
    x = rows(folder, e.data)[:256]
    wide = x.astype(np.float64)
    before = resident()
    begin = time.perf_counter()
    opened = p.open(home, e)
    first = time.perf_counter() - begin
    if opened.timer is None:
        answer(opened, e, wide if opened.wide else x)
    memory = resident() - before
    times = [first]
    for _ in range(2 if p.reopen and first < 3 else 0):
        begin = time.perf_counter()
        again = p.open(home, e)
        times.append(time.perf_counter() - begin)
        if again.handle is not None:
            shim().peer_close(again.handle)
    return opened, min(times) * 1e3, memory


def load_library(peer: str, home: str) -> float:
    """What dlopen or import alone takes, MB; so that it is not counted with the model."""
    before = resident()
    p = PEERS[peer]
    files = [f for f in p.library(home) if os.path.isfile(f)]
    if p.by == "C":
        shim()
        before = resident()
        ctypes.CDLL(files[0])
    elif peer == "libmodel-python":
        import mdl                                             # noqa: F401
    else:
        __import__({"scikit-learn": "sklearn", "pylignum": "lignum",
                    "scikit-learn-intelex": "daal4py"}.get(p.package, p.package))
    return resident() - before


def bytes_to_ship(paths: List[str]) -> int:
    """Of files as they are once symbols are stripped, of folders as they are."""
    total = 0
    for path in paths:
        if os.path.isdir(path):
            total += sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(path) for f in files
                         if not f.endswith(".pyc"))
            continue
        with tempfile.NamedTemporaryFile() as bare:
            stripped = ".so" in path and subprocess.run(["strip", "-o", bare.name, path], stderr=subprocess.DEVNULL)
            total += os.path.getsize(bare.name if stripped and not stripped.returncode else path)
    return total


def main() -> None:
    folder, name, peer, cpu = sys.argv[1:5]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                              # what libraries print is no answer

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    try:
        os.sched_setaffinity(0, {int(cpu)})
        e, p = ENSEMBLES[name], PEERS[peer]
        home = os.path.join(folder, name)
        x = rows(folder, e.data)
        library_mb = load_library(peer, home)
        opened, load_ms, model_mb = best_load(folder, name, peer)
        x = x.astype(np.float64) if opened.wide else x
        compared = {}
        if p.same_file:
            n = COMPARED[peer.startswith("libmodel")]
            expected = np.load(os.path.join(home, "expected.npy"))[:n]
            compared = difference(answer(opened, e, x[:n]), expected, e, p.gives)
        tell(load_ms=load_ms, library_mb=library_mb, model_mb=model_mb, ship=bytes_to_ship(p.library(home)),
             **compared)
        clock = Clock(opened, e, x)
        for line in sys.stdin:
            ask = json.loads(line)
            begin = time.perf_counter()
            us = clock.time(ask["rows"], ask["batch"], ask["seconds"])
            tell(us=us, spent=time.perf_counter() - begin)
    except Exception as error:                                 # told, not raised: the others go on
        tell(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
