# SPDX-License-Identifier: MIT
"""Networks of torch and Keras, by way of their own ONNX exporters.

The framework writes ONNX, libmodel reads it, and both answer the sample: a model that answers
something else does not come out.  The sample stays in the file as golden rows.
"""
from __future__ import annotations

import inspect
import io
import tempfile
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _convert
from ._data import Array
from ._errors import DataError, Error, UnsupportedError
from ._golden import KEPT_BYTES, PLEASE
from ._model import Model

# Sums of float32 in another order: what an answer may differ by, relative to the largest one.
NEAR = {2: 1e-2, 4: 1e-4, 8: 1e-9}       # by bytes of a float
MOST_KEPT_BYTES = 16 << 20               # of golden rows, when a single row is as large as that

Ask = Callable[[List[Any]], List[Array]]


# ---- torch -----------------------------------------------------------------------------------------


def convert_torch(module: Any, sample: Optional[Any]) -> Model:
    """A torch.nn.Module; sample: what its forward takes, a tensor or array, or a tuple of them, or a
    dict by the names of its parameters.  The first dimension of every input is open."""
    import torch

    tensors = _torch_sample(module, sample, torch)
    names = list(tensors)
    was = [(part, part.training) for part in module.modules()]
    module.eval()

    def ask(rows: List[Any]) -> List[Array]:
        with torch.no_grad():
            made = module(**dict(zip(names, (torch.from_numpy(row) for row in rows))))
        return [one.numpy() for one in _flat(made, torch)[0]]

    try:
        with torch.no_grad():
            outputs, keys = _flat(module(**tensors), torch)
        # With gradients on: without, torch takes ways through attention that it cannot export.
        file = _torch_export(module, tensors, keys, torch)
        return _proven(file, [tensor.numpy() for tensor in tensors.values()],
                       [one.numpy() for one in outputs], ask, "torch", torch.__version__,
                       type(module).__qualname__)
    finally:
        for part, training in was:
            part.training = training


def _torch_sample(module: Any, sample: Optional[Any], torch: Any) -> Dict[str, Any]:
    """The sample by the names of the parameters of forward, as tensors."""
    if sample is None:
        raise DataError("a torch module does not say what it takes: give sample=, a tensor or array "
                        "as its forward takes it (several: a tuple, or a dict by name), with more "
                        "than one row")
    if isinstance(sample, Mapping):
        given = dict(sample)
    else:
        values = list(sample) if isinstance(sample, (tuple, list)) else [sample]
        try:
            names = [name for name, one in inspect.signature(module.forward).parameters.items()
                     if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        except (TypeError, ValueError):
            names = []
        if len(names) < len(values):
            raise DataError(f"{len(values)} samples for a forward that takes {names}; give a dict by "
                            "name")
        given = dict(zip(names, values))
    device = next((one.device for one in module.parameters()), torch.device("cpu"))
    if device.type != "cpu":
        raise DataError(f"the module is on {device}: move it with .cpu(); its answers there are "
                        "compared with those here")
    made = {}
    for name, value in given.items():
        if not torch.is_tensor(value):
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise DataError(f"sample '{name}' is {type(value).__name__}, neither tensor nor "
                                "array of numbers")
            value = torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
        made[name] = value.detach()
    return made


def _flat(made: Any, torch: Any) -> Tuple[List[Any], List[str]]:
    """The tensors that a forward gives, in the order in which the exporter writes them, and names."""
    if torch.is_tensor(made):
        return [made], ["output"]
    pairs: List[Tuple[str, Any]] = []

    def walk(value: Any, name: str) -> None:
        if torch.is_tensor(value):
            pairs.append((name, value))
        elif isinstance(value, Mapping):
            for key, one in value.items():
                walk(one, str(key) if not name else f"{name}.{key}")
        elif isinstance(value, (tuple, list)):
            for i, one in enumerate(value):
                walk(one, f"output_{i}" if not name else f"{name}.{i}")
        elif value is not None:
            raise UnsupportedError(f"the module gives a {type(value).__name__}; tensors, and tuples "
                                   "and dicts of them, can be converted", parts=[name])

    walk(made, "")
    return [value for _, value in pairs], [name for name, _ in pairs]


def _torch_export(module: Any, tensors: Mapping[str, Any], outputs: Sequence[str],
                  torch: Any) -> bytes:
    """The ONNX file.  By tracing where torch still has that: it needs no further package, and
    keeps LSTM and the like in one piece."""
    file = io.BytesIO()
    inputs = list(tensors)
    batch = {name: {0: "batch"} for name, tensor in tensors.items() if tensor.dim()}
    told: Dict[str, Any] = {"input_names": inputs, "output_names": list(outputs),
                            "dynamic_axes": {**batch, **{name: {0: "batch"} for name in outputs}}}
    arguments: Tuple[Any, ...] = tuple(tensors.values())
    parameters = [name for name in inspect.signature(module.forward).parameters]
    if parameters[:len(inputs)] != inputs:
        arguments = (dict(tensors),)              # by name: some are left out
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        told["dynamo"] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(module, arguments, file, **told)
        except ImportError as why:
            raise Error(f"torch cannot write ONNX here: {why}. pip install {why.name or 'onnx'}"
                        ) from why
        except (RuntimeError, TypeError, ValueError) as why:
            raise UnsupportedError(f"torch cannot export {type(module).__qualname__} to ONNX: {why}",
                                   parts=[type(module).__qualname__]) from why
    return file.getvalue()


# ---- Keras -----------------------------------------------------------------------------------------


def convert_keras(model: Any, sample: Optional[Any]) -> Model:
    """A Keras 3 model; sample: what its predict takes, an array, a list or a dict of them."""
    if sample is None:
        raise DataError("give sample=, rows as the Keras model's predict takes them: it is asked, "
                        "and the model must answer the same")
    if not hasattr(model, "export"):
        raise UnsupportedError(f"{type(model).__qualname__} has no export(): Keras 3 has",
                               parts=[type(model).__qualname__])
    import keras

    wrap, arrays = _keras_sample(sample)
    ask = _keras_ask(model, wrap, keras)
    theirs = ask(arrays)                          # builds a model that is not yet
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model.export(str(path), format="onnx", verbose=False)
            except ImportError as why:
                raise Error(f"Keras cannot write ONNX here: {why}. With the backend "
                            f"{keras.backend.backend()} it needs "
                            + NEEDS.get(keras.backend.backend(), "another backend")) from why
        return _proven(path.read_bytes(), arrays, theirs, ask, "keras", keras.__version__,
                       type(model).__qualname__)


NEEDS = {"tensorflow": "the package tf2onnx", "torch": "the packages onnx and onnxscript",
         "jax": "the packages tensorflow and tf2onnx"}


def _keras_sample(sample: Any) -> Tuple[Callable[[List[Any]], Any], List[Array]]:
    if isinstance(sample, Mapping):
        names = list(sample)
        return lambda rows: dict(zip(names, rows)), [np.asarray(one) for one in sample.values()]
    if isinstance(sample, (list, tuple)) and all(hasattr(one, "shape") for one in sample):
        return list, [np.asarray(one) for one in sample]
    return lambda rows: rows[0], [np.asarray(sample)]


def _keras_ask(model: Any, wrap: Callable[[List[Any]], Any], keras: Any) -> Ask:
    def ask(rows: List[Any]) -> List[Array]:
        made = model(wrap(rows), training=False)
        return [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(made)]
    return ask


# ---- both ------------------------------------------------------------------------------------------


def _proven(file: bytes, arrays: List[Array], theirs: List[Array], ask: Ask, framework: str,
            version: str, kind: str) -> Model:
    """The model, with the sample in it; Error if any answer differs."""
    builder = _convert.import_(file, from_="onnx", file=f"the ONNX export of {kind}")
    for key, value in (("source", framework), ("source_version", version), ("source_kind", kind)):
        builder.metadata(key, value)
    model = builder.to_model()
    if len(model.inputs) != len(arrays):
        raise DataError(f"{len(arrays)} samples for a model that takes "
                        + (", ".join(model.inputs) or "nothing"))
    _compare(model, arrays, theirs, framework)
    rows = {len(array) for array in arrays if array.ndim}
    first = [array[:1] if array.ndim else array for array in arrays]
    if len(rows) == 1 and rows != {1} and _takes(model, first):
        alone = ask(first)
        _compare(model, first, alone, framework)  # that the number of rows is open is true
        if _bytes(arrays, theirs) > KEPT_BYTES:
            arrays, theirs = first, alone
    if _bytes(arrays, theirs) <= MOST_KEPT_BYTES:
        for is_output, side in ((False, arrays), (True, theirs)):
            for i, array in enumerate(side):
                builder.golden_tensor(is_output, i, array)
    return builder.to_model()


def _bytes(arrays: Sequence[Array], theirs: Sequence[Array]) -> int:
    return sum(one.nbytes for one in (*arrays, *theirs))


def _takes(model: Model, arrays: Sequence[Array]) -> bool:
    """Are the shapes such that the model is made for them?"""
    for tensor, array in zip(model.inputs.values(), arrays):
        shape = getattr(tensor, "shape", None)
        if shape and array.ndim and isinstance(shape[0], int) and shape[0] != len(array):
            return False
    return True


def _compare(model: Model, arrays: Sequence[Array], theirs: Sequence[Array],
             framework: str) -> None:
    ours = model.run(dict(zip(model.inputs, arrays)))
    if len(ours) != len(theirs):
        raise Error(f"{framework} gives {len(theirs)} tensors, libmodel {len(ours)}. {PLEASE}")
    for (name, mine), answer in zip(ours.items(), theirs):
        if mine.shape != answer.shape or mine.dtype != answer.dtype:
            raise Error(f"output '{name}': {framework} answers {answer.dtype}{list(answer.shape)}, "
                        f"libmodel {mine.dtype}{list(mine.shape)}. {PLEASE}")
        if not answer.size:
            continue
        a, b = mine.astype(np.float64), answer.astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = np.where((a == b) | ((a != a) & (b != b)), 0.0, np.abs(a - b))
            most = NEAR[answer.dtype.itemsize] if answer.dtype.kind == "f" else 0.0
            size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        if not (apart <= most * size).all():
            raise Error(f"output '{name}': {framework} and libmodel are {apart.max():.3g} apart, "
                        f"the largest number is {size:.3g}. {PLEASE}")
