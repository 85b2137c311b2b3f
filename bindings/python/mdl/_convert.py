# SPDX-License-Identifier: MIT
"""From a trained model of some framework to a Model."""
from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any, Optional, Sequence, Union

from . import _lib
from ._builder import Builder
from ._errors import UnsupportedError
from ._handle import Bytes
from ._model import Model, load
from ._sklearn_flow import labels

MDL_MAGIC = b"\x89MDL\r\n\x1a\n"

# How files begin that hold Python objects: pickles of protocol 2 and later, of 0 and 1 (the
# name of a function to call, or a list, tuple or dict), and what joblib compresses them with.
PICKLE = re.compile(rb"\x80[\x02-\x05]|c[\w.]+\n[\w.]+\n|\(?[]}()]q\x00|\([ldt]?p0\n|\([ilct]")
HEAD = 512
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x04\x22\x4d\x18": "lz4",
          b"\x78\x9c": "zlib", b"\x78\x01": "zlib", b"\x78\x5e": "zlib", b"\x78\xda": "zlib"}

ALL_ROUNDS, AS_THE_FILE_SAYS = -2, -1


def convert(source: Any, *, sample: Optional[Any] = None, from_: Optional[str] = None,
            best_iteration: Optional[int] = None, leaves: Optional[str] = None) -> Model:
    """A trained model as a Model.

    source: the path or the bytes of what XGBoost (JSON, UBJSON), LightGBM (text), CatBoost (cbm,
    JSON), treelite (a checkpoint) or YDF (a folder, Model.serialize) saved or of an ONNX model, or
    a live object: a Booster or
    scikit-learn style model of XGBoost or LightGBM, a CatBoost model, a model of YDF, a fitted
    scikit-learn estimator or Pipeline, a treelite.Model, a torch.nn.Module or Keras model (which
    need a sample, and write ONNX first), an onnx.ModelProto.
    sample: rows as the object's predict takes them.  A live object is asked some rows, and the
    model must answer the same; the first of these rows stay in the file as golden rows for
    check().  Without a sample they are made up around the model's own thresholds.
    from_, best_iteration: of files: the importer by name instead of by content, and the last
    round to use (counted from 0).
    leaves: "float16" rounds the leaf values of trees once the model is made, so that its file is
    smaller; its metadata say how far leaves and sums moved.  None: the answers are the source's.

    Raises UnsupportedError with every part that libmodel cannot run, FormatError for a damaged
    file, OSError if it cannot be read, Error if the model and its source differ.
    """
    if leaves not in (None, "float16"):
        raise ValueError(f"leaves is 'float16' or None, not {leaves!r}")
    model = _convert(source, sample, from_, best_iteration)
    return model if leaves is None else _round_leaves(model)


def _convert(source: Any, sample: Optional[Any], from_: Optional[str],
             best_iteration: Optional[int]) -> Model:
    if isinstance(source, Model):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_bytes(source, from_, best_iteration)
    if isinstance(source, (str, os.PathLike)):
        return _from_path(Path(os.fspath(source)), from_, best_iteration)
    if from_ is not None or best_iteration is not None:
        raise ValueError("from_ and best_iteration are for files; a live object says itself what "
                         "it is and which rounds it uses")
    if type(source).__module__.startswith("onnx.") and hasattr(source, "SerializeToString"):
        return _from_bytes(source.SerializeToString(), "onnx", None)
    return _from_object(source, sample)


def _round_leaves(model: Model) -> Model:
    made, error = ctypes.c_void_p(), _lib.new_error()
    status = _lib.importer().mdl_round_leaves(ctypes.byref(made), model._live(), _lib.F16,
                                              ctypes.byref(error))
    if status:
        _lib.raise_status(status, error)
    return Builder(made.value).to_model()


# ---- files ---------------------------------------------------------------------------------------


def _from_path(path: Path, from_: Optional[str], best_iteration: Optional[int]) -> Model:
    if path.is_dir():                    # of YDF; its files may have a prefix
        specs = sorted(path.glob("*data_spec.pb"))
        if len(specs) != 1:
            raise IsADirectoryError(
                f"{path} is a folder of {len(specs)} models of YDF, which have a data_spec.pb each"
                + ("; name that of one" if specs else ""))
        return import_(specs[0], from_=from_, best_iteration=best_iteration).to_model()
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if head.startswith(MDL_MAGIC):
        return load(path)
    _refuse_pickle(head, str(path))
    return import_(path, from_=from_, best_iteration=best_iteration).to_model()


def _from_bytes(given: Bytes, from_: Optional[str], best_iteration: Optional[int]) -> Model:
    given = bytes(given)
    if given.startswith(MDL_MAGIC):
        return load(given)
    _refuse_pickle(given[:HEAD], "the bytes given")
    return import_(given, from_=from_, best_iteration=best_iteration).to_model()


def _refuse_pickle(head: bytes, name: str) -> None:
    way_out = ("Load it where you trust it, with the packages it was made with, and convert the "
               "object: mdl.convert(joblib.load(path)) or mdl.convert(pickle.load(file))")
    if PICKLE.match(head):
        raise UnsupportedError(f"{name} is a Python pickle, which runs code when it is read. "
                               f"{way_out}", parts=["Python pickle"])
    for start, packing in PACKED.items():
        if head.startswith(start):
            raise UnsupportedError(
                f"{name} is compressed ({packing}). If it is a model file, decompress it first. "
                f"If joblib made it, it is a Python pickle inside. {way_out}",
                parts=[f"compressed file ({packing})"])


def import_(source: Union[Path, bytes], *, from_: Optional[str] = None,
            best_iteration: Optional[int] = None, file: Optional[str] = None,
            without: Optional[str] = None) -> Builder:
    """What libmodel_import makes of a file or bytes; best_iteration and without (passes that are
    left out) as in mdl_import.h."""
    options = _lib.mdl_import_options(
        size=ctypes.sizeof(_lib.mdl_import_options), from_=from_.encode() if from_ else None,
        file=file.encode() if file else None, without=without.encode() if without else None,
        best_iteration=AS_THE_FILE_SAYS if best_iteration is None else best_iteration)
    made, error = ctypes.c_void_p(), _lib.new_error()
    if isinstance(source, bytes):
        status = _lib.importer().mdl_import_memory(ctypes.byref(made), source, len(source),
                                                   ctypes.byref(options), ctypes.byref(error))
    else:
        status = _lib.importer().mdl_import(ctypes.byref(made), os.fsencode(source),
                                            ctypes.byref(options), ctypes.byref(error))
    if status:
        _lib.raise_status(status, error, "" if isinstance(source, bytes) else str(source))
    return Builder(made.value)


# ---- live objects -----------------------------------------------------------------------------------


def _from_object(obj: Any, sample: Optional[Any]) -> Model:
    """Frameworks are told by where the classes of an object come from; none is imported that
    the object has not brought along."""
    for base in type(obj).__mro__:
        framework = base.__module__.split(".")[0]
        if framework == "keras" and hasattr(obj, "predict"):
            from . import _network
            return _network.convert_keras(obj, sample)
        if framework == "torch" and base.__name__ == "Module":
            from . import _network
            return _network.convert_torch(obj, sample)
        if framework == "xgboost":
            from . import _xgboost
            return _xgboost.convert(obj, sample)
        if framework == "lightgbm":
            from . import _lightgbm
            return _lightgbm.convert(obj, sample)
        if framework == "catboost":
            from . import _catboost
            return _catboost.convert(obj, sample)
        if framework == "ydf" and hasattr(obj, "serialize"):
            from . import _ydf
            return _ydf.convert(obj, sample)
        if framework == "treelite" and hasattr(obj, "serialize_bytes"):
            return _from_bytes(obj.serialize_bytes(), "treelite", None)
        if framework == "sklearn":
            from . import _sklearn
            return _with_label_dtype(_sklearn.convert(obj, sample), obj)
    kind = type(obj)
    raise UnsupportedError(
        f"an object of {kind.__module__}.{kind.__qualname__} cannot be converted; known are models "
        "of XGBoost, LightGBM, CatBoost, YDF, scikit-learn, treelite, torch, Keras and ONNX, and "
        "files of XGBoost, LightGBM, CatBoost, YDF, treelite and ONNX",
        parts=[f"{kind.__module__}.{kind.__qualname__}"])


def add_classes(builder: Builder, outputs: Sequence[str], classes: Any) -> None:
    """The classes of a classifier, and that its predict names them."""
    for name in ("probability", "label"):
        builder.labels(outputs.index(name), *labels(classes))
    builder.metadata("predict", "label")
    if _has_unusual_dtype(classes):
        builder.metadata("label_dtype", str(classes.dtype))


def _has_unusual_dtype(classes: Any) -> bool:
    """Numbers come back from a file as int64 and float64, text as str; int32, object and the like
    have to be said."""
    return classes.dtype.kind != "U" and str(classes.dtype) not in ("int64", "float64", "bool")


def _with_label_dtype(model: Model, obj: Any) -> Model:
    classes: Any = getattr(obj, "classes_", None)
    if model.classes is None or not hasattr(classes, "dtype") or not _has_unusual_dtype(classes):
        return model
    builder = Builder.from_model(model)
    builder.metadata("label_dtype", str(classes.dtype))
    return builder.to_model()
