# SPDX-License-Identifier: MIT
"""Fitted scikit-learn objects to models: what is supported, the graph, golden rows.

A converter is a pair of functions in one of the tables of _sklearn_*.py: one says what of an
object is not supported, the other writes its graph into a Flow.  Every conversion then runs
the source on a few rows, compares, and keeps some of them in the file.
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import (_lib, _sklearn_hist, _sklearn_linear, _sklearn_many, _sklearn_mlp, _sklearn_parts,
               _sklearn_trees)
from ._builder import Builder
from ._data import is_frame
from ._errors import Error, unsupported
from ._golden import _kept as kept, _plain as plain, first_rows
from ._model import Model
from ._sklearn_flow import DTYPES, Flow, Output, labels
from ._sklearn_prep import TRANSFORMS, build_steps, check_steps, flatten, of_sklearn, said

MODELS = _sklearn_parts.MODELS
for _module in (_sklearn_trees, _sklearn_hist, _sklearn_linear, _sklearn_mlp, _sklearn_many):
    MODELS.update(_module.MODELS)

CHECKED_ROWS = 64        # made up and compared; the file keeps the first of them


def is_sklearn(obj: Any) -> bool:
    """Is this an object of scikit-learn, or of a class made from one?"""
    return any(base.__module__.split(".")[0] == "sklearn" for base in type(obj).__mro__)


def unsupported_parts(obj: Any) -> List[str]:
    """Everything of an object that has no converter."""
    steps = flatten(obj)
    if not steps:
        return [f"{type(obj).__name__} without a step that does something"]
    last = steps[-1]
    parts = [part for step in steps[:-1] for part in check_steps(step)]
    if of_sklearn(last, MODELS):
        own: List[str] = MODELS[type(last).__name__][0](last)
        return parts + own
    return parts + check_steps(last)


def convert(obj: Any, sample: Any = None) -> Model:
    """A fitted estimator, or a Pipeline of supported ones, as a model.

    sample: rows as the source takes them (array or frame), to compare both sides on; without
    it rows around the model's own thresholds are made up.  Raises UnsupportedError with all
    unsupported parts, scikit-learn's NotFittedError, or Error if an answer differs.
    """
    import joblib
    from sklearn.utils.validation import check_is_fitted

    if type(obj).__name__ == "Pipeline" and not of_sklearn(obj, {"Pipeline": None}):
        raise unsupported([said(obj)])
    for step in flatten(obj):
        if is_sklearn(step):
            check_is_fitted(step)
    parts = unsupported_parts(obj)
    if parts:
        raise unsupported(parts)

    steps = flatten(obj)
    cols, names = _columns(steps)
    builder = Builder()
    flow = _start(builder, steps, cols)
    _build(flow, steps)
    _describe(flow, type(obj).__name__, steps, names, cols)
    made = _outputs(flow)
    model = builder.to_model()
    rows, x = _made_rows(obj, flow, names, cols) if sample is None else _given_rows(sample, model)
    with joblib.parallel_backend("sequential"):    # threads would add trees as they finish
        _prove(model, flow, made, obj, steps, rows, x)
    return builder.to_model()


# ---- the graph -----------------------------------------------------------------------------


def _columns(steps: List[Any]) -> Tuple[int, Optional[List[str]]]:
    """How many columns, and what they are called."""
    first = steps[0]
    names = getattr(first, "feature_names_in_", None)
    return int(first.n_features_in_), None if names is None else [str(n) for n in names]


def _start(builder: Builder, steps: List[Any], cols: int) -> Flow:
    """float64 rows, but for a network that was trained on float32 ones."""
    alone = len(steps) == 1 and type(steps[0]).__name__ in _sklearn_mlp.MODELS
    type_ = _sklearn_mlp.wanted_type(steps[0]) if alone else _lib.F64
    return Flow(builder, builder.input("x", type_, cols, _lib.ABSENT_ZERO), cols, type_)


def _build(flow: Flow, steps: List[Any]) -> None:
    last = steps[-1]
    if of_sklearn(last, MODELS):
        for step in steps[:-1]:
            build_steps(flow, step)
        made_of = flow.made_of
        MODELS[type(last).__name__][1](flow, last)
        _importances(flow.builder, last, made_of)
        return
    for step in steps:
        build_steps(flow, step)
    flow.output("transformed", _lib.OUTPUT_VALUE, flow.at, "transform")


def _importances(builder: Builder, last: Any, made_of: List[int]) -> None:
    """Those of the last step, where each of its columns is made of one column of x alone."""
    try:
        values = np.asarray(last.feature_importances_, np.float64)
    except (AttributeError, NotImplementedError):        # it has none
        return
    order = np.argsort(made_of)
    if len(values) == len(made_of) == len(set(made_of)) and min(made_of) >= 0:
        builder.importances({"impurity": values[order]}, np.asarray(made_of)[order])


def _describe(flow: Flow, kind: str, steps: List[Any], names: Optional[List[str]],
              cols: int) -> None:
    import sklearn

    builder = flow.builder
    for column in range(cols):
        texts = flow.texts.get(column)
        if names is not None or flow.texts:
            builder.column(flow.x, column, names[column] if names else "",
                           _lib.COLUMN_NUMBER if texts is None else _lib.COLUMN_CATEGORY)
        if texts is not None:
            builder.categories(flow.x, column, _lib.STRING, texts)
    builder.metadata("source", "scikit-learn")
    builder.metadata("source_version", sklearn.__version__)
    builder.metadata("source_kind", kind)
    if flow.objective:
        builder.metadata("objective", flow.objective)
    classes = [o.classes for o in flow.outputs if o.role == _lib.OUTPUT_LABEL]
    if classes and classes[0] is not None:
        several = isinstance(getattr(steps[-1], "classes_", None), list)
        builder.metadata("predict", "label_0" if several else "label")
        if several:
            builder.metadata("targets", str(len(classes)))
        dtype = classes[0].dtype
        if dtype.kind != "U" and dtype not in (np.int64, np.float64, np.bool_):
            builder.metadata("label_dtype", str(dtype))


def _outputs(flow: Flow) -> List[int]:
    made = []
    for o in flow.outputs:
        made.append(flow.builder.output(o.name, o.role, o.value))
        if o.classes is not None:
            flow.builder.labels(made[-1], *labels(o.classes))
    return made


# ---- rows to compare on -----------------------------------------------------------------------


def _given_rows(sample: Any, model: Model) -> Tuple[Any, np.ndarray]:
    """The first rows of a sample: for the source, and as our input."""
    head = first_rows(sample)
    x = plain(head, model)
    return (head if is_frame(head) or np.asarray(head).dtype == object else x), x


def _made_rows(obj: Any, flow: Flow, names: Optional[List[str]],
               cols: int) -> Tuple[Any, np.ndarray]:
    """Rows on and around the values where the model changes its answer, NaN among them if the
    source takes it."""
    random = np.random.default_rng(0)
    x = random.normal(size=(CHECKED_ROWS, cols))
    for column, values in sorted(flow.hints.items()):
        known = np.unique(np.asarray(values, np.float64))
        chosen = known[random.integers(len(known), size=CHECKED_ROWS)]
        beside = np.nextafter(chosen, np.inf)
        x[:, column] = np.where(random.random(CHECKED_ROWS) < 0.7, chosen, beside)
    for column, texts in flow.texts.items():
        x[:, column] = random.integers(len(texts), size=CHECKED_ROWS)
    holes = x.copy()
    holes[random.random(x.shape) < 0.1] = np.nan
    holes, x = holes.astype(DTYPES[flow.x_type]), x.astype(DTYPES[flow.x_type])
    for candidate in (holes, x):
        rows = _as_source(candidate, flow, names)
        try:
            getattr(obj, "predict" if hasattr(obj, "predict") else "transform")(rows)
        except ValueError:       # NaN is not for this source
            continue
        return rows, candidate
    return _as_source(x, flow, names), x


def _as_source(x: np.ndarray, flow: Flow, names: Optional[List[str]]) -> Any:
    if not flow.texts and names is None:
        return x
    cells: List[Any] = []
    for c in range(x.shape[1]):
        texts = flow.texts.get(c)
        cells.append(x[:, c] if texts is None else
                     np.array([np.nan if v != v else texts[int(v)] for v in x[:, c]], object))
    if names is None:
        return np.array(cells, object).T
    import pandas

    return pandas.DataFrame(dict(zip(names, cells)))


# ---- the proof --------------------------------------------------------------------------------


def _asked(o: Output, obj: Any, last: Any, rows: Any, before: Any) -> np.ndarray:
    """What the source answers, in its own shape; labels as positions."""
    assert o.source is not None
    answer = getattr(obj, o.source)(rows) if isinstance(o.source, str) else o.source(last, before)
    answer = np.asarray(answer)
    if o.role == _lib.OUTPUT_LABEL:
        position = {c: i for i, c in enumerate(np.asarray(o.classes).tolist())}
        answer = np.array([position[a] for a in answer.tolist()])
    return answer.astype(np.int32) if answer.dtype.kind in "iub" else answer


def _prove(model: Model, flow: Flow, made: List[int], obj: Any, steps: List[Any], rows: Any,
           x: np.ndarray) -> None:
    """Compare with the source; the first rows become golden rows."""
    before = rows
    for step in steps[:-1]:
        before = step.transform(before)
    size = flow.size(steps[-1], before) if flow.size else 0.0
    ours = model.run({"x": x})
    theirs: Dict[str, np.ndarray] = {}
    for o in flow.outputs:
        if o.source is None:
            continue
        answer = _asked(o, obj, steps[-1], rows, before)
        if answer.ndim == 2 and o.source == "predict":
            flow.builder.metadata("predict_ndim", "2")
        theirs[o.name] = answer.reshape(len(answer), -1)
        _compare(o, ours[o.name], theirs[o.name], size, ours)
    keep = kept(x, theirs)
    flow.builder.golden_input(flow.x, x[:keep])
    for o, at in zip(flow.outputs, made):
        if o.name in theirs:
            flow.builder.golden_output(at, theirs[o.name][:keep])


def _compare(o: Output, ours: np.ndarray, theirs: np.ndarray, size: Any,
             answers: Dict[str, np.ndarray]) -> None:
    ours = ours.reshape(theirs.shape)
    same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    if not same.all() and o.tolerance and o.role == _lib.OUTPUT_LABEL:
        same |= _is_tie(answers, o.tolerance, size)
    elif not same.all() and o.tolerance:
        wide = np.maximum(np.maximum(1.0, np.abs(theirs)),
                          np.max(size, axis=-1, keepdims=True) if np.ndim(size) else 1.0)
        same |= np.abs(ours - theirs) <= o.tolerance * wide
    if same.all():
        return
    row, column = (int(i) for i in np.argwhere(~same)[0])
    raise Error(f"output '{o.name}', row {row}, column {column}: scikit-learn answers "
                f"{theirs[row, column]!r}, libmodel {ours[row, column]!r}. Please report this "
                f"with the versions of both.")


def _is_tie(answers: Dict[str, np.ndarray], tolerance: float, size: Any) -> np.ndarray:
    """Rows whose classes are as good as equal, so that the last bit decides."""
    scores = answers["raw" if "raw" in answers else "probability"]
    scores = scores.reshape(len(scores), -1)
    wide = tolerance * (1.0 + np.max(size))
    if scores.shape[1] == 1:
        return np.asarray(np.abs(scores) <= wide)
    top = np.sort(scores, axis=1)
    return np.asarray((top[:, -1:] - top[:, -2:-1]) <= 2 * wide)


__all__ = ["MODELS", "TRANSFORMS", "convert", "is_sklearn", "unsupported_parts"]
