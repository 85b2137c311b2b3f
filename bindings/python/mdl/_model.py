# SPDX-License-Identifier: MIT
"""A loaded model: what it is, and its answers."""
from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import _explain, _lib, _pool, _stages, _tensors
from ._data import Array, Column, Csr, Rows, Schema, category_values, rows_of
from ._errors import DataError, Error, FormatError, UnsupportedError
from ._explain import Explainer, Explanation
from ._handle import (DTYPE, Bytes, Handle, Output, aligned, as_tensor, length, must, read_columns,
                      read_inputs, read_labels, read_metadata, read_outputs)
from ._stages import EarlyStop

Source = Union[str, "os.PathLike[str]", Bytes]
TreeRange = Tuple[int, int]

SIZE_MAX = _lib.SIZE_MAX


class Golden(NamedTuple):
    """Rows and what the source framework answered to them; empty without any."""
    inputs: Dict[str, Array]
    outputs: Dict[str, Array]


def load(source: Source, *, isa: Optional[str] = None, engine: Optional[str] = None) -> "Model":
    """A model from a .mdl file, or from the bytes of one.

    isa: the kernel set to use ("ref", "avx2", "avx512", "neon"); None: the best on this machine.
    engine: the way through tree ensembles ("plain", "row", "block", "planes", "deep"), wherever it
    can go; None: the one that costs least.  All give the same bits.  Raises FormatError for
    anything but a sound model file, OSError if it cannot be read.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Model.from_bytes(source, isa=isa, engine=engine)
    path = Path(os.fspath(source))
    return Model.from_bytes(path.read_bytes(), isa=isa, engine=engine, name=str(path))


class Model:
    """A model that answers.  Made by load() and convert(); immutable; any number of threads may
    use one.  It closes itself; `with` and close() do so at a given point."""

    _handle: Optional[Handle]

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._columns: Optional[List[Column]] = None
        self._outputs = read_outputs(handle.value)
        self._metadata = read_metadata(handle.value)
        self._inputs = read_inputs(handle.value)
        source = self._metadata.get("source", "")
        unseen = self._metadata.get("unseen_categories",
                                    "error" if source == "xgboost" else "missing")
        first = self._inputs[0] if self._inputs else ("", 0, _lib.F32)
        cols = first[1] if handle.runner is None else int(_lib.lib.mdl_input_cols(handle.value))
        self._schema = Schema(cols, DTYPE.get(first[2], np.float64), source, unseen,
                              self._read_columns, self._code)
        self._source_kind = self._metadata.get("source_kind", "")
        self._shapes: Optional[List[Optional[_tensors.Shape]]] = None
        self._threads = 1
        self._explainers: Dict[Tuple[str, Optional[TreeRange], int], _explain.Core] = {}
        self._cores: Dict[int, _explain.Core] = {}          # of the explainers given out

    @classmethod
    def from_bytes(cls, bytes_: Bytes, *, isa: Optional[str] = None, engine: Optional[str] = None,
                   name: str = "") -> "Model":
        """A model from the bytes of a .mdl file; `name` is for error messages."""
        if not len(bytes_):
            raise FormatError(f"{name or 'the model'} is empty; copy it or save it again",
                              _lib.ERR_FORMAT)
        try:
            return cls(Handle(aligned(bytes_), isa, engine, name))
        except FormatError as why:
            if bytes(bytes_[:4]) == b"\x89MDL" or why.code != _lib.ERR_FORMAT:
                raise
            raise FormatError(f"{why}. If it is a model of another framework, "
                              "mdl.convert() reads it", why.code, why.section,
                              why.offset) from None

    # ---- lifetime ---------------------------------------------------------------------------

    def _held(self) -> Handle:
        """To be kept in a local variable while the library works."""
        if self._handle is None:
            raise Error("this model is closed")
        return self._handle

    def _live(self) -> ctypes.c_void_p:
        return self._held().value

    def close(self) -> None:
        """Give the memory back; calls of other threads that are under way finish first."""
        self._handle = None
        self._explainers = {}
        self._cores.clear()

    def __enter__(self) -> "Model":
        self._held()
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def __reduce__(self) -> Tuple[Any, Tuple[bytes]]:
        return _unpickle, (self.to_bytes(),)

    def to_bytes(self) -> bytes:
        """The .mdl file."""
        return self._held().image.tobytes()

    def save(self, path: Union[str, "os.PathLike[str]"], *, ready: bool = False) -> None:
        """Write the .mdl file.  It appears whole or not at all: written beside `path` under a
        temporary name, synced, renamed.

        ready: store what loading works out, too.  The file is larger, but a model of tens of
        megabytes loads in about half the time, and processes that load it share its memory."""
        data: Union[bytes, memoryview] = self._held().image.data
        if ready:
            from ._builder import Builder
            builder = Builder.from_model(self)
            builder.ready()
            data = builder.to_bytes()
        target = Path(os.fspath(path))
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with open(file, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise

    # ---- what it is ---------------------------------------------------------------------------

    def _code(self, column: int, text: str) -> float:
        """What a cell of a category column holds for a text."""
        code = ctypes.c_double()
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{text!r} is not Unicode") from None
        if b"\0" in raw:
            raise DataError(f"{text!r} has a zero byte")
        must(_lib.lib.mdl_category_code(self._live(), 0, column, raw, ctypes.byref(code)))
        return code.value

    def _read_columns(self) -> List[Column]:
        if self._columns is None:
            self._columns = read_columns(self._live(), self._schema.cols)
        return self._columns

    @property
    def n_features(self) -> int:
        """The columns of X."""
        return self._schema.cols

    @property
    def feature_names(self) -> Optional[List[str]]:
        """The names of the columns, or None if the source had none."""
        names = [column.name for column in self._read_columns()]
        return names if any(names) else None

    @property
    def categories(self) -> Dict[int, List[Any]]:
        """The categories of each category column, in the order of their codes."""
        return {i: category_values(column.category_type, column.categories)
                for i, column in enumerate(self._read_columns()) if column.categories}

    @property
    def inputs(self) -> Mapping[str, Union[Tuple[int, "np.dtype[Any]"], _tensors.Tensor]]:
        """Columns and dtype of each input; of a graph of tensors its name, dtype and shape."""
        runner = self._held().runner
        if runner is not None:
            return {tensor.name: tensor for tensor in runner.inputs(self._metadata)}
        return {name: (cols, np.dtype(DTYPE[type_])) for name, cols, type_ in self._inputs}

    @property
    def outputs(self) -> Dict[str, Output]:
        """Every output by name; the first is the main one."""
        return {output.name: self._dressed(i) for i, (output, _) in enumerate(self._outputs)}

    def _dressed(self, i: int) -> Output:
        output, label_type = self._outputs[i]
        handle = self._held()
        if handle.runner is not None:
            if self._shapes is None:
                self._shapes = handle.runner.output_shapes(handle.value, self._metadata)
            output = output._replace(shape=self._shapes[i])
        if not label_type:
            return output
        return output._replace(classes=read_labels(self._live(), i, label_type,
                                                    self._metadata.get("label_dtype")))

    @property
    def classes(self) -> Any:
        """The classes, as the source's classes_ (a list for several targets); None if it is no
        classifier."""
        if "targets" in self._metadata:
            return [self._dressed(self._find(name)).classes for name in self._by_target("label")]
        for role in ("label", "probability"):
            for i, (output, label_type) in enumerate(self._outputs):
                if output.role == role and label_type:
                    return self._dressed(i).classes
        return None

    @property
    def metadata(self) -> Dict[str, str]:
        """Where the model comes from, in pairs of text."""
        return dict(self._metadata)

    @property
    def isa(self) -> str:
        """The kernel set in use."""
        handle = self._held()
        name: bytes = _lib.lib.mdl_isa(handle.value)
        return name.decode()

    def importances(self) -> Dict[str, Array]:
        """Importances of the columns by kind, float64, as the source has them: of XGBoost "gain",
        "weight", "cover", "total_gain" and "total_cover" ("weight" of gblinear), of LightGBM "split" and "gain", of
        scikit-learn "impurity", of CatBoost "PredictionValuesChange"."""
        handle, made = self._held(), {}
        kind = ctypes.c_char_p()
        for i in range(_lib.lib.mdl_importance_count(handle.value)):
            values = np.empty(self.n_features)
            must(_lib.lib.mdl_importance(handle.value, i, ctypes.byref(kind),
                                          values.ctypes.data_as(ctypes.POINTER(ctypes.c_double))))
            made[(kind.value or b"").decode()] = values
        if not made:
            raise UnsupportedError(
                "this model has no importances: convert it again from its source, if that is a tree "
                "ensemble of XGBoost, LightGBM, CatBoost or scikit-learn (whose columns are those of "
                "the model); files converted before importances were kept have none",
                _lib.ERR_NOT_FOUND)
        return made

    @property
    def feature_importances_(self) -> Array:
        """The default importance, as the source's own feature_importances_: of XGBoost the gains
        (of gblinear the coefficients) over their sum, in float32."""
        kind, values = next(iter(self.importances().items()))
        if self._schema.source != "xgboost":
            return values.astype(np.int32) if kind == "split" else values
        gains = values.astype(np.float32)
        total = gains.sum()
        return gains if total == 0 else gains / total

    @property
    def iterations(self) -> int:
        """Rounds of boosting of the tree ensemble, which tree_range counts; 0 without exactly
        one."""
        return int(_lib.lib.mdl_iterations(self._live()))

    @property
    def threads(self) -> int:
        """Threads for each call: 1 unless set; -1 is one on each processor.  More than one split
        the rows of a call where they are worth it; the answers have the same bits.  A setting of
        this object, not part of the model: save() and pickle do not keep it."""
        return self._threads

    @threads.setter
    def threads(self, threads: int) -> None:
        self._threads = _pool.checked(threads)

    @property
    def golden(self) -> Golden:
        """The golden rows that the file carries; of a graph of tensors whole inputs and outputs."""
        handle = self._held()
        made = Golden({}, {})
        for i in range(_lib.lib.mdl_golden_count(handle.value)):
            tensor = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor))
            is_output = ctypes.c_uint32()
            must(_lib.lib.mdl_golden(handle.value, i, ctypes.byref(tensor),
                                      ctypes.byref(is_output)))
            side = made.outputs if is_output.value else made.inputs
            side[tensor.name.decode()] = _tensors.taken(tensor)
        return made

    def __repr__(self) -> str:
        if self._handle is None:
            return "<mdl.Model, closed>"
        source = " ".join(filter(None, (self._metadata.get("source"), self._source_kind)))
        names = ", ".join(output.name for output, _ in self._outputs)
        if self._handle.runner is not None:
            ins = ", ".join(map(str, self._handle.runner.inputs(self._metadata)))
            names = ", ".join(f"{output.name} {output.dtype}{_tensors.shape_text(output.shape)}"
                              for output in self.outputs.values())
            return f"<mdl.Model of {source or 'no named source'}: {ins or 'no input'} -> {names}>"
        return f"<mdl.Model of {source or 'no named source'}: {self.n_features} columns -> {names}>"

    def info(self) -> str:
        """What the model is, in a few lines of text."""
        handle = self._held()
        lines = [repr(self)]
        for output in self.outputs.values():
            classes = "" if output.classes is None else f", {len(output.classes)} classes"
            what = f"{output.cols} x {output.dtype}" if handle.runner is None else \
                f"{output.dtype}{_tensors.shape_text(output.shape)}"
            lines.append(f"  {output.name}: {output.role}, {what}{classes}")
        lines += [f"  {key}: {value}" for key, value in self._metadata.items() if len(value) < 200]
        golden = [rows.shape for rows in self.golden.inputs.values()]
        kept = "none" if not golden else golden[0][0] if handle.runner is None \
            else f"one set, {', '.join(map(str, golden))}"
        lines.append(f"  golden rows: {kept}")
        lines.append(f"  file: {_lib.lib.mdl_file_bytes(handle.value)} bytes, beside it "
                     f"{_lib.lib.mdl_memory_bytes(handle.value)}; kernels: {self.isa}")
        return "\n".join(lines)

    # ---- answers ------------------------------------------------------------------------------

    def predict(self, X: Any, *, tree_range: Optional[TreeRange] = None,
                output: Optional[str] = None, threads: Optional[int] = None,
                early_stop: Optional[EarlyStop] = None) -> Array:
        """What the source object's own predict gives: a booster's answer after the link, a
        regressor's value, a classifier's labels.

        X: an array, list, frame of pandas or polars, or sparse matrix of scipy.  Frames go by
        column name.  NaN is missing.
        tree_range: the rounds (begin, end) of boosting to use instead of all.
        output: another output by name.
        threads: for this call; None: as the property `threads` says.
        early_stop: (every, margin): after every so many rounds a row whose margin is above that
        is done, as LightGBM's pred_early_stop, of classifiers and its rankers.
        """
        if output is None and "targets" in self._metadata:
            labels = [self.predict(X, tree_range=tree_range, output=name, threads=threads,
                                   early_stop=early_stop) for name in self._by_target("label")]
            return np.stack(labels, axis=1)
        at = self._answer(output)
        return self._shaped(self._ask(X, at, tree_range, threads, early_stop), at)

    def predict_proba(self, X: Any, *, tree_range: Optional[TreeRange] = None,
                      threads: Optional[int] = None,
                      early_stop: Optional[EarlyStop] = None) -> Any:
        """The probability of each class, [rows, classes] in the order of `classes`; a list of
        these for a classifier of several targets."""
        if "targets" in self._metadata:
            return [self._ask(X, self._find(name), tree_range, threads, early_stop)
                    for name in self._by_target("probability")]
        return self._ask(X, self._role("probability"), tree_range, threads, early_stop)

    def predict_raw(self, X: Any, *, tree_range: Optional[TreeRange] = None,
                    threads: Optional[int] = None,
                    early_stop: Optional[EarlyStop] = None) -> Array:
        """The margin before the link, in the source's own dtype."""
        at = self._role("raw")
        return self._shaped(self._ask(X, at, tree_range, threads, early_stop), at)

    def staged_predict(self, X: Any, every: int = 1, *, tree_range: Optional[TreeRange] = None,
                       output: Optional[str] = None,
                       threads: Optional[int] = None) -> Iterator[Array]:
        """What predict gives after `every` rounds of boosting, after 2 * every, ... and, last,
        after all of them: an iterator.  In one pass over the trees."""
        if output is None and "targets" in self._metadata:
            raise UnsupportedError("a classifier of several targets has no stages")
        return self._stages(X, self._answer(output), every, tree_range, threads)

    def staged_predict_proba(self, X: Any, every: int = 1, *,
                             tree_range: Optional[TreeRange] = None,
                             threads: Optional[int] = None) -> Iterator[Array]:
        """The same of predict_proba."""
        return self._stages(X, self._role("probability"), every, tree_range, threads)

    def staged_predict_raw(self, X: Any, every: int = 1, *,
                           tree_range: Optional[TreeRange] = None,
                           threads: Optional[int] = None) -> Iterator[Array]:
        """The same of predict_raw."""
        return self._stages(X, self._role("raw"), every, tree_range, threads)

    def predict_trees(self, X: Any, *, tree_range: Optional[TreeRange] = None,
                      threads: Optional[int] = None) -> Array:
        """What the sums of the ensemble start from, then what each tree adds to them: [rows, 1 +
        trees], of several outputs [rows, 1 + trees, outputs], in the dtype of the sums.
        numpy.cumsum over axis 1 has the margin after each tree, to the last bit; what the source
        makes of the sums (CatBoost's scale and bias, the average of a forest) comes after."""
        outputs, dtype = _stages.ensemble(self._live())
        rows, options = rows_of(X, self._schema), self._options(None, tree_range, threads)
        options.output = _lib.OUTPUT_TREES
        made = np.empty((length(rows), self._width(options)), dtype)
        self._call(rows, as_tensor(made, None), options)
        return _stages.by_tree(made, outputs)

    def apply(self, X: Any, *, tree_range: Optional[TreeRange] = None,
              threads: Optional[int] = None) -> Array:
        """The leaf that each row reaches in each tree, numbered as the source numbers them."""
        at = self._role("leaf")
        return self._shaped(self._ask(X, at, tree_range, threads), at)

    def explain(self, X: Any, *, method: str = "shap", background: Any = None,
                tree_range: Optional[TreeRange] = None,
                threads: Optional[int] = None) -> Explanation:
        """What each column adds to the margin of a tree ensemble, in float64.

        method: "shap", Shapley values by the training rows' ways through the trees, exactly;
        "interactions", the same for pairs of columns; "steps", Saabas' cheap approximation;
        "background", Shapley values against the rows `background` (which alone asks for it);
        explainer() keeps what they take for many calls.
        The columns are those of X, or, behind one-hot encoding and the like, those that the trees
        see.  UnsupportedError for a model that is not one tree ensemble, or lacks what is needed.
        """
        self._held()
        rows = rows_of(X, self._schema)
        if background is not None:
            return self._explained(self._core(method, background, tree_range, threads), rows)
        use = self._threads if threads is None else _pool.checked(threads)
        key = method, None if tree_range is None else _range(tree_range), use
        core = self._explainers.get(key)
        if core is None:
            core = self._core(method, None, tree_range, use)
            if len(self._explainers) >= 4:            # of many ranges none is worth keeping
                self._explainers = {}
            self._explainers[key] = core
        return self._explained(core, rows)

    def explainer(self, *, method: str = "shap", background: Any = None,
                  tree_range: Optional[TreeRange] = None,
                  threads: Optional[int] = None) -> Explainer:
        """What explain() works out before it sees X, to keep for many calls: of background rows,
        which are copied, most of the time of a call with few rows."""
        return Explainer(self, self._core(method, background, tree_range, threads))

    def _core(self, method: str, background: Any, tree_range: Optional[TreeRange],
              threads: Optional[int]) -> _explain.Core:
        handle, method = self._held(), _explain.checked(method, background)
        try:
            given = None if background is None else rows_of(background, self._schema)
        except DataError as why:
            raise DataError(f"background: {why}") from None
        if isinstance(given, Csr):
            raise UnsupportedError("background rows are dense")
        use = self._threads if threads is None else _pool.checked(threads)
        return _explain.Core(handle, method, None if tree_range is None else _range(tree_range),
                             given, use)

    def _explained(self, core: _explain.Core, rows: Rows) -> Explanation:
        made = core.run(rows)
        classes = self.classes if made.shape[1] > 1 else None
        names = None if classes is None or len(classes) != made.shape[1] else \
            [str(name) for name in classes]
        return _explain.shaped(made, core.names, rows, names)

    def run(self, inputs: Mapping[str, Any],
            outputs: Optional[List[str]] = None) -> Dict[str, Any]:
        """Each output by name; `outputs` picks some.  Of a table model [rows, columns] as
        computed; a graph of tensors takes and gives arrays of its own types and shapes.  What
        the ONNX file declares as maps (a ZipMap) is a list of dicts, as ONNX Runtime gives it, a
        sequence a list of arrays, an optional value None if it is not there, a map that goes in
        a dict."""
        handle = self._held()
        if handle.runner is not None:
            parts = _tensors.Parts(self._metadata)
            answers = parts.together(self._run_tensors(handle, parts.apart(inputs),
                                                       parts.names(outputs)))
            for name in filter(answers.__contains__, self._metadata.get("zipmap", "").split("\n")):
                classes = self._dressed(self._find(name)).classes
                if classes is not None:
                    answers[name] = _tensors.maps(answers[name], classes.tolist())
            return answers
        names = [output.name for output, _ in self._outputs] if outputs is None else list(outputs)
        wanted = [self._outputs[self._find(name)][0] for name in names]
        rows, given = self._inputs_of(inputs)
        made = [np.empty((rows, output.cols), output.dtype) for output in wanted]
        ins = (_lib.mdl_tensor * max(len(given), 1))(
            *(as_tensor(array, name) for name, array in given.items()))
        outs = (_lib.mdl_tensor * max(len(made), 1))(
            *(as_tensor(array, output.name) for output, array in zip(wanted, made)))
        error = _lib.new_error()
        status = _lib.lib.mdl_run(handle.value, None, ins, len(given), outs, len(made),
                                  ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        return dict(zip(names, made))

    @staticmethod
    def _run_tensors(handle: Handle, inputs: Mapping[str, Any],
                     outputs: Optional[List[str]]) -> Dict[str, Any]:
        assert handle.runner is not None
        return dict(handle.runner.run(handle.value, inputs, outputs))

    def check(self) -> Dict[str, float]:
        """Run the golden rows here; the largest difference of each output from what the source
        framework answered.  0.0 is equal to the last bit, NaN against NaN included."""
        golden = self.golden
        if not golden.inputs or not golden.outputs:
            raise Error("this model carries no golden rows: it was converted without its "
                        "framework. mdl.convert(live_object) adds them")
        handle = self._held()
        names = list(golden.outputs)
        answers = self.run(golden.inputs, names) if handle.runner is None \
            else self._run_tensors(handle, golden.inputs, names)
        return {name: difference(answers[name], theirs)
                for name, theirs in golden.outputs.items()}

    # ---- how ----------------------------------------------------------------------------------

    def _by_target(self, name: str) -> List[str]:
        """The outputs that answer for each target of a classifier of several."""
        return [output.name for output, _ in self._outputs if output.name.startswith(name + "_")]

    def _find(self, name: str) -> int:
        for i, (output, _) in enumerate(self._outputs):
            if output.name == name:
                return i
        raise DataError(f"the model has no output '{name}', only "
                        + ", ".join(f"'{output.name}'" for output, _ in self._outputs),
                        _lib.ERR_NOT_FOUND)

    def _role(self, role: str) -> int:
        for i, (output, _) in enumerate(self._outputs):
            if output.role == role:
                return i
        raise UnsupportedError(f"this model has no {role} output, only "
                               + ", ".join(output.name for output, _ in self._outputs),
                               _lib.ERR_NOT_FOUND)

    def _inputs_of(self, inputs: Mapping[str, Any]) -> Tuple[int, Dict[str, Array]]:
        """Every input as an array; all with the same number of rows."""
        faults = [f"missing: '{name}'" for name, _, _ in self._inputs if name not in inputs]
        known = {name for name, _, _ in self._inputs}
        faults += [f"not known to the model: '{name}'" for name in inputs if name not in known]
        if faults:
            raise DataError("the inputs do not fit the model; " + "; ".join(faults))
        made: Dict[str, Array] = {}
        for i, (name, cols, type_) in enumerate(self._inputs):
            schema = self._schema._replace(
                cols=cols, dtype=DTYPE[type_],
                columns=self._read_columns if i == 0 else lambda: [Column("", 0, 0, ())] * cols)
            rows = rows_of(inputs[name], schema)
            if isinstance(rows, Csr):
                raise UnsupportedError("run() takes no sparse rows; predict() does")
            made[name] = rows
        lengths = {len(rows) for rows in made.values()}
        if len(lengths) > 1:
            raise DataError(f"the inputs have different numbers of rows: {sorted(lengths)}")
        return lengths.pop(), made

    def _answer(self, output: Optional[str]) -> int:
        """What predict gives."""
        name = output if output is not None else self._metadata.get("predict")
        return 0 if name is None else self._find(name)

    def _options(self, at: Optional[int], tree_range: Optional[TreeRange],
                 threads: Optional[int]) -> Any:
        options = _lib.mdl_predict_options(size=ctypes.sizeof(_lib.mdl_predict_options))
        if at is not None:
            options.output_name = self._outputs[at][0].name.encode()
        use = self._threads if threads is None else _pool.checked(threads)
        if use != 1:
            options.parallel = _pool.parallel(use)
        if tree_range is not None:
            options.tree_begin, options.tree_end = _range(tree_range)
        return options

    def _width(self, options: Any) -> int:
        """Columns of what the options ask for."""
        error, wide = _lib.new_error(), ctypes.c_size_t()
        status = _lib.lib.mdl_output_shape(self._live(), ctypes.byref(options),
                                           ctypes.byref(wide), ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        return wide.value

    def _call(self, rows: Rows, y: _lib.mdl_tensor, options: Any) -> None:
        handle, error = self._held(), _lib.new_error()
        if isinstance(rows, Csr):
            csr = rows.struct()
            status = _lib.lib.mdl_predict_csr(handle.value, ctypes.byref(csr), ctypes.byref(y),
                                              ctypes.byref(options), ctypes.byref(error))
        else:
            dense = as_tensor(rows, None)
            status = _lib.lib.mdl_predict_tensor(handle.value, ctypes.byref(dense),
                                                 ctypes.byref(y), ctypes.byref(options),
                                                 ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)

    def _ask(self, x: Any, at: int, tree_range: Optional[TreeRange], threads: Optional[int],
             early_stop: Optional[EarlyStop] = None) -> Array:
        """One output, [rows, columns]."""
        self._held()
        rows, output = rows_of(x, self._schema), self._outputs[at][0]
        options = self._options(at, tree_range, threads)
        if early_stop is not None:
            _stages.set_stop(options, early_stop)
        cols = output.cols if tree_range is None else self._width(options)
        made = np.empty((length(rows), cols), output.dtype)
        self._call(rows, as_tensor(made, None), options)
        return made

    def _stages(self, x: Any, at: int, every: int, tree_range: Optional[TreeRange],
                threads: Optional[int]) -> Iterator[Array]:
        """One output after more and more rounds: what is wrong is told now, the rest is made as
        it is asked for."""
        if self._source_kind.startswith("AdaBoost"):
            whole = "median" if self._source_kind.endswith("Regressor") else "mean"
            raise UnsupportedError(f"{self._source_kind} has no stages here: each would be a {whole} "
                                   "weighted by its own members, the model has that of all of them")
        rows, output = rows_of(x, self._schema), self._outputs[at][0]
        options = self._options(at, tree_range, threads)
        options.stage_every = _stages.count(every, "every")
        each = length(rows) * output.cols * output.dtype.itemsize
        calls = list(_stages.stages(self._live(), options, max(1, _stages.ROOM // max(1, each))))

        def stages() -> Iterator[Array]:
            for options.stage_first, options.tree_end, n in calls:
                made = np.empty((n, length(rows), output.cols), output.dtype)
                self._call(rows, as_tensor(made, None), options)
                for stage in made:
                    yield self._shaped(stage, at)

        if output.role == "leaf":
            raise UnsupportedError("leaf indices have no stages")
        return stages()

    def _shaped(self, made: Array, at: int) -> Array:
        """[rows, columns] in the shape that the source gives."""
        output = self._outputs[at][0]
        if output.role == "label":
            classes = self._dressed(at).classes
            made = made if classes is None else classes[made]
        sklearn = self._schema.source == "scikit-learn"
        if output.role == "leaf":
            if sklearn and self._source_kind == "GradientBoostingClassifier":
                return made.reshape(len(made), -1, _columns_of("raw", self._outputs))
            one = self._source_kind in ONE_TREE if sklearn else self._schema.source == "xgboost"
            return made[:, 0] if one and made.shape[1] == 1 else made
        if made.shape[1] != 1 or output.name == "transformed":
            return made
        return made if self._metadata.get("predict_ndim") == "2" \
            and output.role in ("value", "label") else made[:, 0]


# Estimators whose apply gives one number a row.
ONE_TREE = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier",
            "ExtraTreeRegressor")


def _columns_of(role: str, outputs: List[Tuple[Output, int]]) -> int:
    return next((output.cols for output, _ in outputs if output.role == role), 1)


def _unpickle(bytes_: bytes) -> Model:
    """A pickle of a Model holds the .mdl file and nothing else."""
    return Model.from_bytes(bytes_)


def difference(ours: Array, theirs: Array) -> float:
    """The largest difference; infinite where one is NaN and the other is not."""
    a, b = np.asarray(ours, np.float64).ravel(), np.asarray(theirs, np.float64).ravel()
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | ((a != a) & (b != b)), 0.0, np.abs(a - b))
    return float(np.max(np.where(apart != apart, np.inf, apart), initial=0.0))


def _range(tree_range: TreeRange) -> TreeRange:
    try:
        begin, end = (int(edge) for edge in tree_range)
    except (TypeError, ValueError):
        raise DataError(f"tree_range is {tree_range!r}, expected (begin, end)") from None
    if not 0 <= begin < end < 2**63:
        raise DataError(f"tree_range is ({begin}, {end}), expected 0 <= begin < end")
    return begin, end
