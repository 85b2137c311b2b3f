# SPDX-License-Identifier: MIT
"""Run trained models with libmodel: the bits of the framework that trained them.

    import mdl
    m = mdl.convert("model.json")     # or a live XGBoost, LightGBM or scikit-learn object
    m.predict(X); m.save("model.mdl")

Only numpy is needed; frameworks are imported when an object of theirs is converted.
"""
from ._builder import Builder
from ._convert import convert
from ._errors import DataError, Error, FormatError, UnsupportedError
from ._explain import Explainer, Explanation
from ._handle import Output
from ._model import Golden, Model, load
from ._version import __version__

__all__ = ["Builder", "DataError", "Error", "Explainer", "Explanation", "FormatError", "Golden",
           "Model", "Output", "UnsupportedError", "__version__", "convert", "load"]
