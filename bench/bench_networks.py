# SPDX-License-Identifier: MIT
"""bench/bench_networks.py BUILD - networks through libmodel and ONNX Runtime, side by side

Converts each network of bench/networks.py, compares both answers (1e-4 of the largest number), and
times both in turn through bench/networks.c: one thread each, the least of many calls.

    ONLY="MLP|silero"    networks whose title this regular expression finds; no document is written
    SECONDS_EACH=1       time for one network and engine, over all repeats
    KEEP=folder          leave each network's .onnx, .mdl and inputs there

Prints a table and writes docs/networks.md.  Fails when an answer is too far, or a network is slower
than twice ONNX Runtime.
"""
from __future__ import annotations

import ctypes
import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np
import onnx
import onnxruntime

import mdl
from mdl import _lib, _tensors
from networks import NETWORKS, Feeds

NEAR, SLOWEST, REPEATS = 1e-4, 2.0, 8
DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs", "networks.md")


class Found(NamedTuple):
    title: str
    apart: float            # largest difference of the answers, by the largest number
    ours: float             # seconds a call
    theirs: float
    load: float             # seconds, bytes
    loaded: int
    convert: float          # seconds
    source: int             # bytes


def open_driver(build: str) -> Any:
    driver = ctypes.CDLL(os.path.join(build, "bench", "libnetworks.so"))
    tensors = [ctypes.POINTER(_lib.mdl_tensor), ctypes.c_size_t] * 2
    driver.network_libmodel.argtypes = [ctypes.c_char_p, *tensors]
    driver.network_onnxruntime.argtypes = [ctypes.c_char_p, ctypes.c_char_p, *tensors]
    driver.network_libmodel.restype = driver.network_onnxruntime.restype = ctypes.c_void_p
    driver.network_time.argtypes, driver.network_time.restype = [ctypes.c_void_p, ctypes.c_double], ctypes.c_double
    driver.network_load.argtypes = [ctypes.c_char_p, ctypes.c_double, ctypes.POINTER(ctypes.c_size_t)]
    driver.network_load.restype = ctypes.c_double
    driver.network_run.argtypes = driver.network_close.argtypes = [ctypes.c_void_p]
    return driver


def tensors_of(arrays: Dict[str, Any]) -> Any:
    made = (_lib.mdl_tensor * len(arrays))()
    for tensor, (name, array) in zip(made, arrays.items()):
        tensor.size, tensor.type, tensor.rank = ctypes.sizeof(tensor), _tensors.type_of(array.dtype), array.ndim
        tensor.name, tensor.data = name.encode(), array.ctypes.data
        tensor.dims[:array.ndim] = array.shape
    return made


def session_of(path: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def distance(ours: Dict[str, Any], theirs: Dict[str, Any]) -> float:
    far = 0.0
    for name, expected in theirs.items():
        scale = float(np.abs(expected).max(initial=0)) or 1.0
        apart = float(np.abs(ours[name].astype(np.float64) - expected).max(initial=0)) / scale
        far = max(far, np.inf if np.isnan(apart) else apart)
    return far


def measure(driver: Any, title: str, folder: str, seconds: float) -> Found:
    source, feeds = NETWORKS[title]()
    feeds = {name: np.array(value, order="C") for name, value in feeds.items()}
    path, mdl_path = os.path.join(folder, "network.onnx"), os.path.join(folder, "network.mdl")
    if os.environ.get("KEEP"):
        stem = os.path.join(os.environ["KEEP"], re.sub(r"[^A-Za-z0-9]+", "_", title))
        path, mdl_path = stem + ".onnx", stem + ".mdl"
    if isinstance(source, bytes):
        with open(path, "wb") as f:
            f.write(source)
    else:
        path = source
    begin = time.perf_counter()
    mdl.convert(path).save(mdl_path)
    convert = time.perf_counter() - begin
    session = session_of(path)
    names = [value.name for value in session.get_outputs()]
    answers = dict(zip(names, session.run(None, feeds)))
    results: List[Dict[str, Any]] = []
    handles, kept = [], []
    given = tensors_of(feeds)
    library = os.path.join(os.path.dirname(onnxruntime.__file__), "capi",
                           f"libonnxruntime.so.{onnxruntime.__version__}")
    if not os.path.exists(library):       # the wheel has it inside its Python module
        library = onnxruntime.capi.onnxruntime_pybind11_state.__file__
    for engine in ("libmodel", "onnxruntime"):
        results.append({name: np.empty(np.shape(value), value.dtype) for name, value in answers.items()})
        wanted = tensors_of(results[-1])
        kept.append(wanted)               # C holds their names
        ends = (given, len(given), wanted, len(wanted))
        handle = (driver.network_libmodel(mdl_path.encode(), *ends) if engine == "libmodel" else
                  driver.network_onnxruntime(library.encode(), path.encode(), *ends))
        if not handle:
            raise RuntimeError(f"{title}: {engine}: {error_of(driver)}")
        handles.append(handle)
    apart = max(distance(results[0], answers), distance(results[1], answers))
    best = [np.inf, np.inf]
    for _ in range(REPEATS):
        for i, handle in enumerate(handles):
            best[i] = min(best[i], driver.network_time(handle, seconds / REPEATS))
    for handle in handles:
        driver.network_close(handle)
    held = ctypes.c_size_t()
    load = driver.network_load(mdl_path.encode(), seconds / 10, ctypes.byref(held))
    return Found(title, apart, best[0], best[1], load, held.value, convert, os.path.getsize(path))


def error_of(driver: Any) -> str:
    return bytes((ctypes.c_char * 1024).in_dll(driver, "network_error")).split(b"\0")[0].decode("utf-8", "replace")


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else (
        f"{value:.3f}")


def row_of(f: Found) -> List[str]:
    return [f.title, number(f.ours * 1e6), number(f.theirs * 1e6), f"{f.ours / f.theirs:.2f}", f"{f.apart:.0e}",
            number(f.load * 1e6), number(f.loaded / 1024), number(f.convert * 1e3)]


HEAD = ["network", "libmodel, us", "ONNX Runtime, us", "ratio", "apart", "load, us", "memory, KB", "convert, ms"]


def processor() -> str:
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*: (.*)", f.read())
    return re.sub(r"\s+", " ", found.group(1)) if found else platform.machine()


def write(rows: List[Found]) -> None:
    compiler = subprocess.check_output([*os.environ.get("CC", "cc").split(), "--version"], text=True).split("\n")[0]
    isa = _lib.lib.mdl_isa_name
    isa.restype, isa.argtypes = ctypes.c_char_p, [ctypes.c_size_t]
    largest = max(rows, key=lambda f: f.source if f.source < 2e7 else 0)
    lines = [
        "# Networks beside ONNX Runtime", "",
        f"`make bench-networks` wrote this on {datetime.date.today().isoformat()}: {processor()}, kernel set "
        f"`{isa(0).decode()}`, {compiler}, ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}.", "",
        "Both are called from C, one thread, inputs and outputs in place, in turn on the same core; the least of many",
        f"calls counts. Answers are compared before (*apart*: by the largest number; at most {NEAR:g}). *load* is "
        "`mdl_load`", "of the converted file, *memory* what the model then holds (the file's bytes included), *convert* "
        "`mdl.convert` and", "`save` from Python. Shapes and weights: `bench/networks.py`.", "",
        "| " + " | ".join(HEAD) + " |", "|---" + "|---:" * (len(HEAD) - 1) + "|",
        *("| " + " | ".join(row_of(f)) + " |" for f in rows), "",
        f"The {largest.source / 1e6:.1f} MB of {largest.title.split(',')[0]} are converted in "
        f"{largest.convert:.2f} s.", ""]
    with open(DOCS, "w") as f:
        f.write("\n".join(lines))


def main(build: str) -> int:
    only: Optional[str] = os.environ.get("ONLY") or None
    seconds = float(os.environ.get("SECONDS_EACH", "1"))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    driver = open_driver(os.path.abspath(build))
    found, problems = [], []
    print("%-44s %12s %12s %7s %8s %9s %9s %9s" % ("network", "libmodel us", "ORT us", "ratio", "apart", "load us",
                                                  "KB", "ms"))
    with tempfile.TemporaryDirectory() as folder:
        for title in NETWORKS:
            if only and not re.search(only, title):
                continue
            one = measure(driver, title, folder, seconds)
            print("%-44s %12s %12s %7s %8s %9s %9s %9s" % tuple(row_of(one)), flush=True)
            found.append(one)
            if not one.apart <= NEAR:
                problems.append(f"{title}: {one.apart:.3g} apart")
            if not 0 < one.ours < np.inf or one.theirs <= 0:
                problems.append(f"{title}: a call failed")
            if one.ours > SLOWEST * one.theirs:
                problems.append(f"{title}: {one.ours / one.theirs:.2f} times as long as ONNX Runtime")
    for text in problems:
        print("FAIL", text)
    if not only:
        write(found)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
