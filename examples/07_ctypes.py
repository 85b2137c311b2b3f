#!/usr/bin/env python3
"""examples/07_ctypes.py - the C library from Python's standard library alone

    07_ctypes.py libmodel.so.1 ride.mdl 5 2

The same few lines work from every language with a C interface.  For real use there is
the package (`import mdl`), which speaks numpy.

SPDX-License-Identifier: MIT
"""
import ctypes
import sys


class Error(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("code", ctypes.c_int32),
                ("offset", ctypes.c_uint64), ("section", ctypes.c_char * 16),
                ("text", ctypes.c_char * 992)]


def load_library(path):
    lib = ctypes.CDLL(path)
    floats = ctypes.POINTER(ctypes.c_float)
    lib.mdl_load.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.c_void_p,
                             ctypes.POINTER(Error)]
    lib.mdl_load.restype = ctypes.c_int32
    lib.mdl_predict.argtypes = [ctypes.c_void_p, floats, ctypes.c_size_t, floats]
    lib.mdl_predict.restype = ctypes.c_int32
    lib.mdl_free.argtypes = [ctypes.c_void_p]
    lib.mdl_free.restype = None
    for name in ("mdl_input_cols", "mdl_output_cols"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
        getattr(lib, name).restype = ctypes.c_size_t
    return lib


def main(library, path, *cells):
    lib = load_library(library)
    model, error = ctypes.c_void_p(), Error(size=ctypes.sizeof(Error))
    if lib.mdl_load(ctypes.byref(model), path.encode(), None, ctypes.byref(error)):
        sys.exit(f"{path}: {error.text.decode()}")

    cols = lib.mdl_input_cols(model)
    if len(cells) % cols:
        sys.exit(f"{len(cells)} numbers, expected rows of {cols}")
    rows = len(cells) // cols
    x = (ctypes.c_float * len(cells))(*map(float, cells))
    y = (ctypes.c_float * (rows * lib.mdl_output_cols(model)))()
    status = lib.mdl_predict(model, x, rows, y)
    lib.mdl_free(model)
    if status:
        sys.exit(f"status {status}")
    for value in y:
        print(f"{value:.9g}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} LIBMODEL.so MODEL.mdl NUMBER ...")
    main(*sys.argv[1:])
