# SPDX-License-Identifier: MIT
"""The two shared libraries: where they are, their structs and every signature."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int,
                    c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_uint8, c_void_p)
from pathlib import Path
from typing import Dict, List, NoReturn, Optional, Tuple

from ._errors import DataError, Error, FormatError, UnsupportedError
from ._version import __version__

# ---- constants of mdl.h and mdl_build.h ------------------------------------------------

F32, F64, F16, I8, U8, U16, I32, U32, I64 = 1, 2, 3, 5, 6, 8, 9, 10, 11
U64, BOOL, STRING = 12, 13, 14
MAX_RANK = 8
NO_OFFSET = 2**64 - 1
SIZE_MAX = c_size_t(-1).value

ERR_MEMORY, ERR_FORMAT, ERR_CHECKSUM, ERR_VERSION = -2, -4, -5, -6
ERR_UNSUPPORTED, ERR_DATA, ERR_NOT_FOUND = -7, -9, -10

LOAD_BORROW = 2
OUTPUT_MAIN, OUTPUT_VALUE, OUTPUT_RAW, OUTPUT_PROBA = 0, 1, 2, 3
OUTPUT_LABEL, OUTPUT_LEAF, OUTPUT_CONTRIB, OUTPUT_TREES, OUTPUT_OTHER = 4, 5, 6, 7, 255
OP_TENSOR = 1
COLUMN_NUMBER, COLUMN_INTEGER, COLUMN_CATEGORY, COLUMN_STRING, COLUMN_HASH = 0, 1, 2, 3, 4
ABSENT_ZERO, ABSENT_MISSING = 0, 1

TREES_LT, TREES_LE = 0, 1
TREES_AVERAGE, TREES_CLIP_ZERO, TREES_TRUNCATE = 1, 2, 4
NODE_LEAF, NODE_NUMBER, NODE_CATEGORY = 0, 1, 2
NODE_DEFAULT_LEFT, NODE_NAN_DEFAULT, NODE_SET_LEFT = 0x04, 0x08, 0x20

# ---- structs ---------------------------------------------------------------------------


class mdl_error(Structure):
    _fields_ = [("size", c_uint32), ("code", c_int32), ("offset", c_uint64),
                ("section", c_char * 16), ("text", c_char * 992)]


class mdl_allocator(Structure):
    _fields_ = [("size", c_uint32), ("reserved", c_uint32), ("alloc", c_void_p),
                ("free", c_void_p), ("user", c_void_p)]


class mdl_limits(Structure):
    _fields_ = [("size", c_uint32), ("reserved", c_uint32), ("file_bytes", c_uint64),
                ("memory_bytes", c_uint64), ("scratch_bytes", c_uint64), ("columns", c_uint64)]


class mdl_parallel(Structure):
    _fields_ = [("size", c_uint32), ("threads", c_uint32), ("user", c_void_p), ("run", c_void_p)]


class mdl_load_options(Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("isa", c_char_p),
                ("allocator", POINTER(mdl_allocator)), ("limits", POINTER(mdl_limits)),
                ("parallel", POINTER(mdl_parallel)), ("engine", c_char_p)]


class mdl_tensor(Structure):
    _fields_ = [("size", c_uint32), ("type", c_uint32), ("rank", c_uint32),
                ("reserved", c_uint32), ("name", c_char_p), ("data", c_void_p),
                ("dims", c_int64 * MAX_RANK), ("strides", c_int64 * MAX_RANK)]


class mdl_csr(Structure):
    _fields_ = [("size", c_uint32), ("type", c_uint32), ("index_type", c_uint32),
                ("reserved", c_uint32), ("rows", c_size_t), ("cols", c_size_t),
                ("row_start", c_void_p), ("columns", c_void_p), ("values", c_void_p)]


class mdl_predict_options(Structure):
    _fields_ = [("size", c_uint32), ("output", c_uint32), ("output_name", c_char_p),
                ("tree_begin", c_uint64), ("tree_end", c_uint64), ("context", c_void_p),
                ("parallel", POINTER(mdl_parallel)), ("stage_every", c_uint64),
                ("stage_first", c_uint64), ("stop_every", c_uint64), ("stop_margin", c_double)]


class mdl_explain_options(Structure):
    _fields_ = [("size", c_uint32), ("method", c_uint32), ("tree_begin", c_uint64),
                ("tree_end", c_uint64), ("background", POINTER(mdl_tensor)),
                ("parallel", POINTER(mdl_parallel))]


class mdl_input_info(Structure):
    _fields_ = [("size", c_uint32), ("type", c_uint32), ("rank", c_uint32),
                ("absent_missing", c_uint32), ("name", c_char_p), ("dims", c_int64 * MAX_RANK)]


class mdl_column_info(Structure):
    _fields_ = [("size", c_uint32), ("kind", c_uint32), ("category_type", c_uint32),
                ("reserved", c_uint32), ("n_categories", c_uint64), ("name", c_char_p)]


class mdl_output_info(Structure):
    _fields_ = [("size", c_uint32), ("role", c_uint32), ("type", c_uint32),
                ("label_type", c_uint32), ("cols", c_uint64), ("n_labels", c_uint64),
                ("name", c_char_p)]


class mdl_node_info(Structure):
    _fields_ = [("size", c_uint32), ("n_params", c_uint32), ("n_tensors", c_uint32),
                ("reserved", c_uint32), ("bytes", c_uint64), ("op", c_char_p),
                ("name", c_char_p)]


class mdl_op_info(Structure):
    _fields_ = [("size", c_uint32), ("min_inputs", c_uint32), ("max_inputs", c_uint32),
                ("n_results", c_uint32), ("n_params", c_uint32), ("n_weights", c_uint32),
                ("name", c_char_p), ("about", c_char_p), ("max_results", c_uint32),
                ("flags", c_uint32), ("contents", c_uint32), ("reserved", c_uint32)]


class mdl_tree_info(Structure):
    _fields_ = [("size", c_uint32), ("nodes", c_uint32), ("leaves", c_uint32),
                ("depth", c_uint32), ("output", c_uint32), ("leaf_width", c_uint32),
                ("round", c_uint32), ("has_cover", c_uint32), ("input", c_uint32)]


class mdl_tree_node_info(Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("feature", c_uint32),
                ("left", c_uint32), ("right", c_uint32), ("leaf_id", c_int32),
                ("threshold", c_double), ("set_words", c_uint64), ("set", POINTER(c_uint32)),
                ("n_linear", c_uint64), ("linear_feature", POINTER(c_uint32)),
                ("linear_coef", POINTER(c_double)), ("linear_const", c_double)]


class mdl_trees(Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("compare", c_uint32),
                ("threshold_type", c_uint32), ("leaf_type", c_uint32), ("reserved", c_uint32),
                ("outputs", c_uint64), ("leaf_width", c_uint64), ("base", POINTER(c_double))]


class mdl_tree(Structure):
    _fields_ = [("size", c_uint32), ("n_nodes", c_uint32), ("output", c_uint64),
                ("iteration", c_uint64), ("weight", c_double), ("flags", POINTER(c_uint8)),
                ("left", POINTER(c_int32)), ("right", POINTER(c_int32)),
                ("feature", POINTER(c_int32)), ("threshold", POINTER(c_double)),
                ("value", POINTER(c_double)), ("leaf_id", POINTER(c_int32)),
                ("cover", POINTER(c_double)), ("set_start", POINTER(c_uint32)),
                ("set_words", POINTER(c_uint32)), ("linear_const", POINTER(c_double)),
                ("linear_start", POINTER(c_uint32)), ("linear_feature", POINTER(c_int32)),
                ("linear_coef", POINTER(c_double)), ("oblivious", c_uint64)]


mdl_progress = CFUNCTYPE(c_int, c_void_p, c_uint64, c_uint64)


class mdl_import_options(Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("from_", c_char_p),
                ("file", c_char_p), ("best_iteration", c_int64), ("progress", mdl_progress),
                ("user", c_void_p), ("directory", c_char_p), ("without", c_char_p)]


class mdl_onnx_op_info(Structure):
    _fields_ = [("size", c_uint32), ("since", c_uint32), ("until", c_uint32),
                ("reserved", c_uint32), ("domain", c_char_p), ("name", c_char_p),
                ("op", c_char_p)]


# ---- every function: name -> result, arguments (tests/python/test_lib.py reads the headers) ----

_error_p = POINTER(mdl_error)
_tensor_p = POINTER(mdl_tensor)
_options_p = POINTER(mdl_predict_options)
_texts = POINTER(c_char_p)
_size_p = POINTER(c_size_t)

Signature = Tuple[Optional[type], List[type]]

MODEL: Dict[str, Signature] = {
    "mdl_version": (c_uint32, []),
    "mdl_version_string": (c_char_p, []),
    "mdl_format_version": (c_uint32, []),
    "mdl_strerror": (c_char_p, [c_int32]),
    "mdl_load": (c_int32, [POINTER(c_void_p), c_char_p, POINTER(mdl_load_options), _error_p]),
    "mdl_load_memory": (c_int32, [POINTER(c_void_p), c_void_p, c_size_t,
                                  POINTER(mdl_load_options), _error_p]),
    "mdl_free": (None, [c_void_p]),
    "mdl_predict": (c_int32, [c_void_p, POINTER(c_float), c_size_t, POINTER(c_float)]),
    "mdl_predict_f64": (c_int32, [c_void_p, POINTER(c_double), c_size_t, POINTER(c_double)]),
    "mdl_input_cols": (c_size_t, [c_void_p]),
    "mdl_output_cols": (c_size_t, [c_void_p]),
    "mdl_predict_tensor": (c_int32, [c_void_p, _tensor_p, _tensor_p, _options_p, _error_p]),
    "mdl_predict_csr": (c_int32, [c_void_p, POINTER(mdl_csr), _tensor_p, _options_p, _error_p]),
    "mdl_run": (c_int32, [c_void_p, c_void_p, _tensor_p, c_size_t, _tensor_p, c_size_t,
                          _error_p]),
    "mdl_run_tensors": (c_int32, [c_void_p, c_void_p, _tensor_p, c_size_t, _tensor_p, c_size_t,
                                  _error_p]),
    "mdl_run_shapes": (c_int32, [c_void_p, _tensor_p, c_size_t, _tensor_p, c_size_t, _size_p,
                                 _error_p]),
    "mdl_context_create": (c_int32, [POINTER(c_void_p), c_void_p, _error_p]),
    "mdl_context_free": (None, [c_void_p]),
    "mdl_output_shape": (c_int32, [c_void_p, _options_p, _size_p, _error_p]),
    "mdl_iterations": (c_uint64, [c_void_p]),
    "mdl_stages": (c_uint64, [c_void_p, _options_p]),
    "mdl_context_bytes": (c_size_t, [c_void_p, c_size_t]),
    "mdl_context_init": (c_void_p, [c_void_p, c_size_t, c_void_p, c_size_t]),
    "mdl_explainer_create": (c_int32, [POINTER(c_void_p), c_void_p, POINTER(mdl_explain_options),
                                       _error_p]),
    "mdl_explainer_free": (None, [c_void_p]),
    "mdl_explain_shape": (c_int32, [c_void_p, c_size_t, _tensor_p]),
    "mdl_explain_column": (c_char_p, [c_void_p, c_size_t]),
    "mdl_explain": (c_int32, [c_void_p, _tensor_p, _tensor_p, _error_p]),
    "mdl_explain_csr": (c_int32, [c_void_p, POINTER(mdl_csr), _tensor_p, _error_p]),
    "mdl_pool_create": (c_int32, [POINTER(c_void_p), c_uint32, POINTER(mdl_allocator), _error_p]),
    "mdl_pool_parallel": (POINTER(mdl_parallel), [c_void_p]),
    "mdl_pool_free": (None, [c_void_p]),
    "mdl_input_count": (c_size_t, [c_void_p]),
    "mdl_input": (c_int32, [c_void_p, c_size_t, POINTER(mdl_input_info)]),
    "mdl_column": (c_int32, [c_void_p, c_size_t, c_size_t, POINTER(mdl_column_info)]),
    "mdl_output_count": (c_size_t, [c_void_p]),
    "mdl_output": (c_int32, [c_void_p, c_size_t, POINTER(mdl_output_info)]),
    "mdl_column_find": (c_size_t, [c_void_p, c_size_t, c_char_p]),
    "mdl_output_find": (c_size_t, [c_void_p, c_char_p]),
    "mdl_output_find_role": (c_size_t, [c_void_p, c_uint32]),
    "mdl_category_code": (c_int32, [c_void_p, c_size_t, c_size_t, c_char_p, POINTER(c_double)]),
    "mdl_category": (c_char_p, [c_void_p, c_size_t, c_size_t, c_size_t]),
    "mdl_label": (c_char_p, [c_void_p, c_size_t, c_size_t]),
    "mdl_metadata_count": (c_size_t, [c_void_p]),
    "mdl_metadata": (c_int32, [c_void_p, c_size_t, _texts, _texts]),
    "mdl_metadata_get": (c_char_p, [c_void_p, c_char_p]),
    "mdl_importance_count": (c_size_t, [c_void_p]),
    "mdl_importance": (c_int32, [c_void_p, c_size_t, _texts, POINTER(c_double)]),
    "mdl_golden_count": (c_size_t, [c_void_p]),
    "mdl_golden": (c_int32, [c_void_p, c_size_t, _tensor_p, POINTER(c_uint32)]),
    "mdl_node_count": (c_size_t, [c_void_p]),
    "mdl_node": (c_int32, [c_void_p, c_size_t, POINTER(mdl_node_info)]),
    "mdl_node_param": (c_int32, [c_void_p, c_size_t, c_size_t, _texts, c_char_p, c_size_t]),
    "mdl_node_tensor": (c_int32, [c_void_p, c_size_t, c_size_t, _tensor_p]),
    "mdl_tree_count": (c_size_t, [c_void_p, c_size_t]),
    "mdl_tree_shape": (c_int32, [c_void_p, c_size_t, c_size_t, POINTER(mdl_tree_info)]),
    "mdl_tree_node": (c_int32, [c_void_p, c_size_t, c_size_t, c_size_t,
                                POINTER(mdl_tree_node_info)]),
    "mdl_tree_leaf": (c_int32, [c_void_p, c_size_t, c_size_t, c_size_t, POINTER(c_double)]),
    "mdl_tree_cover": (c_int32, [c_void_p, c_size_t, c_size_t, POINTER(c_double)]),
    "mdl_isa": (c_char_p, [c_void_p]),
    "mdl_file_bytes": (c_uint64, [c_void_p]),
    "mdl_memory_bytes": (c_uint64, [c_void_p]),
    "mdl_ready_bytes": (c_uint64, [c_void_p]),
    "mdl_isa_name": (c_char_p, [c_size_t]),
    "mdl_engine_name": (c_char_p, [c_size_t]),
    "mdl_engine_cost": (c_double, [c_void_p, c_char_p, c_size_t, POINTER(c_char_p)]),
    # mdl_build.h
    "mdl_builder_new": (c_void_p, [POINTER(mdl_allocator)]),
    "mdl_builder_free": (None, [c_void_p]),
    "mdl_builder_status": (c_int32, [c_void_p, _error_p]),
    "mdl_builder_fail": (c_int32, [c_void_p, c_int32, c_char_p]),
    "mdl_build_input": (c_int32, [c_void_p, c_char_p, c_uint32, c_uint64, c_uint32]),
    "mdl_build_tensor": (c_int32, [c_void_p, c_char_p, c_uint32, c_uint32, POINTER(c_int64)]),
    "mdl_build_dim_name": (c_int32, [c_void_p, c_int32, c_uint32, c_char_p]),
    "mdl_build_node_n": (c_int32, [c_void_p, c_char_p, c_char_p, POINTER(c_int32), c_size_t,
                                   c_size_t]),
    "mdl_build_type": (c_uint32, [c_void_p, c_int32]),
    "mdl_build_column": (c_int32, [c_void_p, c_int32, c_uint64, c_char_p, c_uint32]),
    "mdl_build_categories": (c_int32, [c_void_p, c_int32, c_uint64, c_uint32, c_uint64, _texts]),
    "mdl_build_output": (c_int32, [c_void_p, c_char_p, c_uint32, c_int32]),
    "mdl_build_labels": (c_int32, [c_void_p, c_int32, c_uint32, c_uint64, _texts]),
    "mdl_build_metadata": (c_int32, [c_void_p, c_char_p, c_char_p]),
    "mdl_build_node": (c_int32, [c_void_p, c_char_p, c_char_p, POINTER(c_int32), c_size_t]),
    "mdl_build_result": (c_int32, [c_void_p, c_int32, c_size_t]),
    "mdl_build_int": (c_int32, [c_void_p, c_int32, c_char_p, c_int64]),
    "mdl_build_float": (c_int32, [c_void_p, c_int32, c_char_p, c_double]),
    "mdl_build_choice": (c_int32, [c_void_p, c_int32, c_char_p, c_char_p]),
    "mdl_build_weights": (c_int32, [c_void_p, c_int32, c_char_p, c_uint32, c_uint32,
                                    POINTER(c_int64), c_void_p]),
    "mdl_op": (c_int32, [c_size_t, POINTER(mdl_op_info)]),
    "mdl_op_param": (c_int32, [c_size_t, c_size_t, _texts, c_char_p, c_size_t]),
    "mdl_op_weight": (c_int32, [c_size_t, c_size_t, _texts, c_char_p, c_size_t]),
    "mdl_build_trees": (c_int32, [c_void_p, c_int32, POINTER(mdl_trees)]),
    "mdl_build_tree": (c_int32, [c_void_p, c_int32, POINTER(mdl_tree)]),
    "mdl_build_importance": (c_int32, [c_void_p, c_size_t, _texts, c_uint64, POINTER(c_uint32),
                                       POINTER(c_double)]),
    "mdl_build_golden_input": (c_int32, [c_void_p, c_int32, c_uint32, c_uint64, c_void_p]),
    "mdl_build_golden_output": (c_int32, [c_void_p, c_int32, c_uint32, c_uint64, c_void_p]),
    "mdl_build_golden_tensor": (c_int32, [c_void_p, c_uint32, c_int32, c_uint32, c_uint32,
                                          POINTER(c_int64), c_void_p]),
    "mdl_build_ready": (c_int32, [c_void_p, c_uint32]),
    "mdl_build_save": (c_int32, [c_void_p, c_char_p, _error_p]),
    "mdl_build_bytes": (c_int32, [c_void_p, POINTER(c_void_p), _size_p, _error_p]),
    "mdl_builder_from_model": (c_void_p, [c_void_p, _error_p]),
}

IMPORT: Dict[str, Signature] = {
    "mdl_import": (c_int32, [POINTER(c_void_p), c_char_p, POINTER(mdl_import_options), _error_p]),
    "mdl_import_memory": (c_int32, [POINTER(c_void_p), c_void_p, c_size_t,
                                    POINTER(mdl_import_options), _error_p]),
    "mdl_round_leaves": (c_int32, [POINTER(c_void_p), c_void_p, c_uint32, _error_p]),
    "mdl_importer_name": (c_char_p, [c_size_t]),
    "mdl_importer_about": (c_char_p, [c_size_t]),
    "mdl_pass_name": (c_char_p, [c_size_t]),
    "mdl_pass_about": (c_char_p, [c_size_t]),
    "mdl_onnx_op": (c_int32, [c_size_t, POINTER(mdl_onnx_op_info)]),
}

# ---- finding and loading ------------------------------------------------------------------

_HERE = Path(__file__).resolve().parent


def _places(name: str) -> List[str]:
    """Where to look for lib<name>, in order; a folder that is asked for is the only one."""
    file = f"lib{name}.so.1"
    asked = os.environ.get("MDL_LIBRARY_DIR")
    if asked:
        return [os.path.join(asked, file)]
    places = [str(_HERE / "lib" / file)]
    if len(_HERE.parents) > 2:
        places.append(str(_HERE.parents[2] / "build" / file))
    return places + [ctypes.util.find_library(name) or file]


def _open(name: str, table: Dict[str, Signature]) -> ctypes.CDLL:
    tried = []
    for place in _places(name):
        if os.path.isabs(place) and not os.path.exists(place):
            tried.append(f"{place}: no such file")
            continue
        try:
            library = ctypes.CDLL(place)
            break
        except OSError as why:
            tried.append(f"{place}: {why}")
    else:
        raise ImportError(
            f"the shared library lib{name}.so.1 was not found; tried:\n  " + "\n  ".join(tried)
            + "\nIn a checkout run `make`; elsewhere `pip install libmdl`, or set MDL_LIBRARY_DIR"
              " to the folder that holds it.")
    for function, (result, arguments) in table.items():
        try:
            entry = getattr(library, function)
        except AttributeError:
            raise ImportError(f"{place} has no function {function}: it is older than this "
                              f"package ({__version__})") from None
        entry.restype, entry.argtypes = result, arguments
    return library


def _check_version(library: ctypes.CDLL) -> None:
    found = library.mdl_version_string().decode()
    if found.split(".")[:2] != __version__.split(".")[:2]:
        raise ImportError(
            f"the package mdl {__version__} found the library libmodel {found} "
            f"({library._name}). Remove the other one, or set MDL_LIBRARY_DIR.")


def _open_checked() -> ctypes.CDLL:
    library = _open("model", MODEL)
    _check_version(library)
    return library


lib = _open_checked()
_importer: Optional[ctypes.CDLL] = None


def importer() -> ctypes.CDLL:
    """libmodel_import, loaded when a file is first converted."""
    global _importer
    if _importer is None:
        _importer = _open("model_import", IMPORT)
    return _importer


# ---- errors -------------------------------------------------------------------------------


def new_error() -> mdl_error:
    return mdl_error(size=ctypes.sizeof(mdl_error), offset=NO_OFFSET)


_PARTS = "not supported: "


def raise_status(status: int, error: Optional[mdl_error] = None, file: str = "") -> NoReturn:
    """The exception that a status and its text stand for; `file` is where it happened."""
    text = error.text.decode("utf-8", "replace") if error is not None else ""
    text = text or lib.mdl_strerror(status).decode()
    section = error.section.decode("ascii", "replace") if error is not None else ""
    offset = None
    if error is not None and error.offset != NO_OFFSET:
        offset = error.offset
        where = f"section '{section}', byte {offset}" if section else f"byte {offset}"
        if str(offset) not in text:
            text = f"{text} ({where})"
    if file and file not in text:
        text = f"{file}: {text}"
    if status == ERR_MEMORY:
        raise MemoryError(text)
    if status in (ERR_FORMAT, ERR_CHECKSUM, ERR_VERSION):
        raise FormatError(text, status, section, offset)
    if status == ERR_UNSUPPORTED:
        parts = text.split(_PARTS, 1)[1].split("; ") if _PARTS in text else [text]
        raise UnsupportedError(text, status, section, offset, parts)
    if status == ERR_DATA:
        raise DataError(text, status, section, offset)
    raise Error(text, status, section, offset)


if sys.byteorder != "little":
    raise ImportError("libmodel needs a little-endian machine")
