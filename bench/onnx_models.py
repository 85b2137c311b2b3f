# SPDX-License-Identifier: MIT
"""bench/onnx_models.py - the ensembles as ONNX files: input "x" float32, output "p" probabilities float32"""
from __future__ import annotations

import os
from typing import Any

from ensembles import Ensemble


def convert(home: str, e: Ensemble, path: str) -> None:
    import onnx

    model = _converted(os.path.join(home, e.file), e)
    _rename(model, e)
    onnx.save(model, path)


def _converted(source: str, e: Ensemble) -> Any:
    import onnx

    if e.source == "catboost":
        import catboost

        model = catboost.CatBoostClassifier()
        model.load_model(source)
        model.save_model(source + ".onnx", format="onnx")
        return onnx.load(source + ".onnx")
    if e.source == "sklearn":
        import joblib
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        return to_onnx(joblib.load(source), initial_types=[("x", FloatTensorType([None, e.cols]))],
                       options={"zipmap": False})
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    types = [("x", Floats([None, e.cols]))]
    if e.source == "xgboost":
        import xgboost

        return onnxmltools.convert_xgboost(xgboost.Booster(model_file=source), initial_types=types)
    import lightgbm

    return onnxmltools.convert_lightgbm(lightgbm.Booster(model_file=source), initial_types=types, zipmap=False)


def _rename(model: Any, e: Ensemble) -> None:
    """One input "x", one output "p": what ZipMap is fed with where there is one, and no labels."""
    import onnx

    graph = model.graph
    maps = [node for node in graph.node if node.op_type == "ZipMap"]
    found = maps[0].input[0] if maps else graph.output[1].name
    for node in maps:
        graph.node.remove(node)
    names = {graph.input[0].name: "x", found: "p"}
    for node in graph.node:
        for ends in (node.input, node.output):
            for i, end in enumerate(ends):
                ends[i] = names.get(end, end)
    del graph.output[:]
    graph.input[0].name = "x"
    graph.output.append(onnx.helper.make_tensor_value_info("p", onnx.TensorProto.FLOAT, [None, max(e.outputs, 2)]))
