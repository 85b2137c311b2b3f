# SPDX-License-Identifier: MIT
"""bench/peers.py - every engine that is timed: what it needs made first, how it is opened

A peer that is called from C names a function of bench/peer_*.c; one called from Python gives a
function of rows.  What has to be converted or compiled is made once, beside the source's model
file, and kept.  Imports of packages are inside functions: a package that is not installed makes
its peer "skipped", never an error.
"""
from __future__ import annotations

import ctypes
import glob
import importlib.metadata
import importlib.util
import os
import subprocess
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from ensembles import ENSEMBLES, Ensemble, flights, say

FLIGHTS = ("A", "A2", "B", "B2", "C")


class Opened(NamedTuple):
    """An engine with a model in it.  C: `handle` of a struct peer.  Python: `call` of rows.  One
    that times itself: `timer` of rows, batch and seconds, us a row."""
    handle: Optional[int] = None
    call: Optional[Callable[[np.ndarray], np.ndarray]] = None
    timer: Optional[Callable[[np.ndarray, int, float], float]] = None
    wide: bool = False               # rows as float64
    cols: int = 1                    # of its answers


class Peer(NamedTuple):
    title: str
    package: str                     # distribution whose version is shown
    by: str                          # "C", "Python", or "itself": its own C++ benchmark
    ensembles: Tuple[str, ...]
    gives: str                       # "" (what the ensemble asks for) or "probability"
    same_file: bool                  # runs the source's own trees, not a model of its own
    make: Callable[[str, Ensemble], None]            # in the ensemble's folder, once
    library: Callable[[str], List[str]]              # files and folders to ship, given the folder
    open: Callable[[str, Ensemble], Opened]
    reopen: bool = True              # whether it can be loaded again, to time that


def site(package: str, pattern: str) -> str:
    """A file of an installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is not installed")
    found = sorted(glob.glob(os.path.join(spec.submodule_search_locations[0], pattern)))
    if not found:
        raise ImportError(f"{package} has no {pattern}")
    return found[0]


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


# ---- called from C -----------------------------------------------------------------------------

_shim: Optional[ctypes.CDLL] = None


def shim() -> ctypes.CDLL:
    global _shim
    if _shim is None:
        _shim = ctypes.CDLL(os.path.join(os.environ["BENCH_BUILD"], "bench", "libpeers.so"))
        _shim.peer_time.restype = ctypes.c_double
        _shim.peer_time.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                                    ctypes.c_double, ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p]
        _shim.peer_predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
        _shim.peer_close.argtypes = [ctypes.c_void_p]
        for name in ("peer_x_bytes", "peer_y_bytes", "peer_y_cols"):
            getattr(_shim, name).restype = ctypes.c_size_t
            getattr(_shim, name).argtypes = [ctypes.c_void_p]
    return _shim


def from_c(function: str, library: str, model: str, cols: int, y_cols: int) -> Opened:
    f = getattr(shim(), "peer_" + function)
    f.restype = ctypes.c_void_p
    f.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t]
    handle = f(os.path.abspath(library).encode(), model.encode(), cols, y_cols)
    if not handle:
        raise RuntimeError((ctypes.c_char * 256).in_dll(shim(), "peer_error").value.decode())
    return Opened(handle=handle, wide=shim().peer_x_bytes(handle) == 8, cols=y_cols)


def built(name: str) -> str:
    return os.path.realpath(os.path.join(os.environ["BENCH_BUILD"], name))


def source_file(home: str, e: Ensemble) -> str:
    return os.path.join(home, e.file)


def nothing(home: str, e: Ensemble) -> None:
    pass


class NotMade(Exception):
    """Left out, as this run takes only what is there."""


def once(path: str, make: Callable[[], Any]) -> None:
    """Make a file that is kept; the processor time it took is kept beside it."""
    if os.path.exists(path):
        return
    home, file = os.path.split(path)
    if os.environ.get("KEPT") == "1":
        raise NotMade(f"{file} is not made yet")
    say(f"{os.path.basename(home)}: making {file}")
    begin = os.times()
    make()
    with open(path + ".seconds", "w") as f:
        f.write(f"{sum(os.times()[:4]) - sum(begin[:4]):.1f}\n")


def seconds_to_make(path: str) -> Optional[float]:
    try:
        with open(path + ".seconds") as f:
            return float(f.read())
    except OSError:
        return None


# ---- libmodel -------------------------------------------------------------------------------------


def open_libmodel(home: str, e: Ensemble) -> Opened:
    return from_c("libmodel_" + e.output, built("libmodel.so"), os.path.join(home, "model.mdl"), e.cols, e.outputs)


def open_libmodel_python(home: str, e: Ensemble) -> Opened:
    import mdl

    model = mdl.load(os.path.join(home, "model.mdl"))
    return Opened(call=model.predict_raw if e.output == "margin" else model.predict_proba, cols=e.outputs)


# ---- XGBoost, LightGBM, CatBoost, scikit-learn: the sources -----------------------------------------


def xgboost_library(home: str) -> List[str]:
    return [site("xgboost", "lib/libxgboost*")]


def open_xgboost(home: str, e: Ensemble) -> Opened:
    return from_c("xgboost", xgboost_library(home)[0], source_file(home, e), e.cols, 1)


def lightgbm_library(home: str) -> List[str]:
    return [site("lightgbm", "lib/lib_lightgbm*")]


def open_lightgbm(home: str, e: Ensemble) -> Opened:
    return from_c("lightgbm", lightgbm_library(home)[0], source_file(home, e), e.cols, 1)


def catboost_library(home: str) -> List[str]:
    return [site("catboost", "_catboost*.so")]


def open_catboost(home: str, e: Ensemble) -> Opened:
    import catboost

    model = catboost.CatBoost()
    model.load_model(source_file(home, e))
    return Opened(call=lambda x: model.predict(x, prediction_type="RawFormulaVal", thread_count=1))


def package_folder(*names: str) -> Callable[[str], List[str]]:
    return lambda home: [os.path.dirname(site(name, "__init__.py")) for name in names]


def distributions(*names: str) -> Callable[[str], List[str]]:
    """All files of installed packages, for those that spread over several places."""
    def files(home: str) -> List[str]:
        each = [importlib.metadata.distribution(name) for name in names]
        paths = [os.path.realpath(str(f.locate())) for one in each for f in one.files or []]
        return sorted({path for path in paths if os.path.exists(path) and not path.endswith(".pyc")})
    return files


def open_sklearn(home: str, e: Ensemble) -> Opened:
    import joblib

    model = joblib.load(source_file(home, e))
    if hasattr(model, "n_jobs"):
        model.n_jobs = 1
    return Opened(call=model.predict_proba, wide=e.title.startswith("Logistic"), cols=e.outputs)


# ---- lignum ---------------------------------------------------------------------------------------


def make_lignum(home: str, e: Ensemble) -> None:
    import lignum

    path = os.path.join(home, "lignum.bin")
    once(path, lambda: lignum.load(source_file(home, e)).save(path))


def make_lignum_compiled(home: str, e: Ensemble) -> None:
    import lignum

    make_lignum(home, e)
    path = os.path.join(home, "lignum.so")
    once(path, lambda: lignum.load(source_file(home, e)).compile(
        library=path, work_dir=os.path.join(home, "lignum"), jobs=1))


def open_lignum(home: str, e: Ensemble, **options: Any) -> Opened:
    import lignum

    model = lignum.load(os.path.join(home, "lignum.bin"), **options)
    return Opened(call=lambda x: model.predict(x, raw_score=True, n_jobs=1), wide=True)


def open_lignum_compiled(home: str, e: Ensemble) -> Opened:
    return open_lignum(home, e, compiled=os.path.join(home, "lignum.so"))


def open_lignum_direct(home: str, e: Ensemble) -> Opened:
    return open_lignum(home, e, binned=False)


# ---- daal4py ---------------------------------------------------------------------------------------


def open_daal4py(home: str, e: Ensemble) -> Opened:
    import daal4py

    daal4py.daalinit(nthreads=1)
    if e.source == "xgboost":
        import xgboost

        source: Any = xgboost.Booster(model_file=source_file(home, e))
    elif e.source == "lightgbm":
        import lightgbm

        source = lightgbm.Booster(model_file=source_file(home, e))
    else:
        import catboost

        source = catboost.CatBoostClassifier()
        source.load_model(source_file(home, e))
    model = daal4py.mb.convert_model(source)
    return Opened(call=model.predict_proba, cols=2)


# ---- treelite, tl2cgen, lleaves ----------------------------------------------------------------------


def treelite_model(home: str, e: Ensemble) -> Any:
    import treelite

    if e.source == "xgboost":
        return treelite.frontend.load_xgboost_model(source_file(home, e))
    if e.source == "lightgbm":
        return treelite.frontend.load_lightgbm_model(source_file(home, e))
    import joblib

    return treelite.sklearn.import_model(joblib.load(source_file(home, e)))


def make_treelite(home: str, e: Ensemble) -> None:
    path = os.path.join(home, "treelite.bin")
    once(path, lambda: treelite_model(home, e).serialize(path))


def treelite_library(home: str) -> List[str]:
    return [site("treelite", "lib/libtreelite*")]


def open_treelite(home: str, e: Ensemble) -> Opened:
    name = "treelite" if e.source == "xgboost" else "treelite_double"
    return from_c(name, treelite_library(home)[0], os.path.join(home, "treelite.bin"), e.cols, e.outputs)


def compile_tl2cgen(home: str, e: Ensemble, name: str, options: Dict[str, Any]) -> None:
    import tl2cgen

    folder, path = os.path.join(home, name), os.path.join(home, name + ".so")

    def make() -> None:
        tl2cgen.generate_c_code(treelite_model(home, e), folder, options)
        subprocess.run([*os.environ.get("CC", "cc").split(), "-O3", "-shared", "-fPIC", "-o", path,
                        *glob.glob(os.path.join(folder, "*.c")), "-lm"], check=True)

    once(path, make)


def make_tl2cgen(home: str, e: Ensemble) -> None:
    compile_tl2cgen(home, e, "tl2cgen", {})


def make_tl2cgen_quantize(home: str, e: Ensemble) -> None:
    compile_tl2cgen(home, e, "tl2cgen-quantize", {"quantize": 1})


def open_tl2cgen(home: str, e: Ensemble, name: str = "tl2cgen") -> Opened:
    function = "tl2cgen" if e.source == "xgboost" else "tl2cgen_double"
    return from_c(function, os.path.join(home, name + ".so"), "", e.cols, e.outputs)


def open_tl2cgen_quantize(home: str, e: Ensemble) -> Opened:
    return open_tl2cgen(home, e, "tl2cgen-quantize")


def beside(name: str) -> Callable[[str], List[str]]:
    return lambda home: [os.path.join(home, name)]


def make_lleaves(home: str, e: Ensemble) -> None:
    path = os.path.join(home, "lleaves.so")

    def make() -> None:
        import lleaves

        # With inlining the larger model is not done in half an hour.
        lleaves.Model(source_file(home, e)).compile(cache=path[:-2] + "o", raw_score=True,
                                                    finline="255" not in e.title)
        subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-o", path, path[:-2] + "o", "-lm"], check=True)

    once(path, make)


def open_lleaves(home: str, e: Ensemble) -> Opened:
    return from_c("lleaves", os.path.join(home, "lleaves.so"), "", e.cols, 1)


# ---- ONNX Runtime: probabilities only -------------------------------------------------------------------


def make_onnx(home: str, e: Ensemble) -> None:
    path = os.path.join(home, "model.onnx")

    def make() -> None:
        from onnx_models import convert

        convert(home, e, path)

    once(path, make)


def onnxruntime_library(home: str) -> List[str]:
    return [site("onnxruntime", "capi/libonnxruntime.so.*")]


def open_onnxruntime(home: str, e: Ensemble) -> Opened:
    return from_c("onnxruntime", onnxruntime_library(home)[0], os.path.join(home, "model.onnx"), e.cols,
                  max(e.outputs, 2))


# ---- YDF: a model of its own, of the same shape, timed by its own C++ benchmark -----------------------------

YDF_ROWS = 32768                     # it trains on; with all of them it takes an hour


def ydf_table(x: np.ndarray) -> Dict[str, np.ndarray]:
    return {f"f{i:02}": np.ascontiguousarray(x[:, i]) for i in range(x.shape[1])}


def make_ydf(home: str, e: Ensemble) -> None:
    path = os.path.join(home, "ydf")

    def make() -> None:
        import ydf

        x, y = flights()
        shape: Dict[str, Any] = {"num_trees": 100, "max_depth": 7}      # it counts the root
        if e.source == "lightgbm":
            leaves = 255 if "255" in e.title else 31
            shape = {"num_trees": 500, "growing_strategy": "BEST_FIRST_GLOBAL", "max_depth": -1,
                     "max_num_nodes": leaves}
        ydf.GradientBoostedTreesLearner(label="late", validation_ratio=0.0, early_stopping="NONE", num_threads=2,
                                        **shape).train({**ydf_table(x[:YDF_ROWS]), "late": y[:YDF_ROWS].astype(str)},
                                                       verbose=0).save(path)

    once(path, make)


def open_ydf(home: str, e: Ensemble) -> Opened:
    import ydf

    model = ydf.load_model(os.path.join(home, "ydf"))

    def timer(x: np.ndarray, batch: int, seconds: float) -> float:
        said = str(model.benchmark(ydf_table(x), benchmark_duration=seconds, warmup_duration=seconds / 10,
                                   batch_size=batch, num_threads=1))
        return float(said.split("per example:")[1].split()[0])

    return Opened(timer=timer)


def make_libmodel_ydf(home: str, e: Ensemble) -> None:
    make_ydf(home, e)

    def make() -> None:
        import mdl

        mdl.convert(os.path.join(home, "ydf")).save(os.path.join(home, "ydf.mdl"))

    once(os.path.join(home, "ydf.mdl"), make)


def open_libmodel_ydf(home: str, e: Ensemble) -> Opened:
    return from_c("libmodel_" + e.output, built("libmodel.so"), os.path.join(home, "ydf.mdl"), e.cols, e.outputs)


# ---- the list ----------------------------------------------------------------------------------------------

PEERS: Dict[str, Peer] = {
    "libmodel": Peer("libmodel", "", "C", tuple(ENSEMBLES), "", True, nothing,
                     lambda home: [built("libmodel.so")], open_libmodel),
    "libmodel-python": Peer("libmodel, from Python", "", "Python", tuple(ENSEMBLES), "", True, nothing,
                            lambda home: [built("libmodel.so")], open_libmodel_python),
    "xgboost": Peer("XGBoost", "xgboost-cpu", "C", ("A", "A2"), "", True, nothing, xgboost_library, open_xgboost),
    "lightgbm": Peer("LightGBM", "lightgbm", "C", ("B", "B2", "C"), "", True, nothing, lightgbm_library,
                     open_lightgbm),
    "catboost": Peer("CatBoost", "catboost", "Python", ("D",), "", True, nothing, catboost_library, open_catboost),
    "sklearn": Peer("scikit-learn", "scikit-learn", "Python", ("E", "F"), "", True, nothing,
                    package_folder("sklearn", "scipy", "numpy"), open_sklearn),
    "lignum": Peer("lignum", "pylignum", "Python", (*FLIGHTS, "D"), "", True, make_lignum,
                   package_folder("lignum"), open_lignum),
    "lignum-compiled": Peer("lignum, compiled", "pylignum", "Python", ("A", "B", "C"), "", True,
                            make_lignum_compiled,
                            lambda home: package_folder("lignum")(home) + [os.path.join(home, "lignum.so")],
                            open_lignum_compiled),
    "lignum-direct": Peer("lignum, without bins", "pylignum", "Python", ("A",), "", True, make_lignum,
                          package_folder("lignum"), open_lignum_direct),
    "daal4py": Peer("daal4py", "scikit-learn-intelex", "Python", (*FLIGHTS, "D"), "probability", True, nothing,
                    distributions("scikit-learn-intelex", "daal", "tbb"), open_daal4py),
    "tl2cgen": Peer("tl2cgen, -O3", "tl2cgen", "C", ("A", "B", "C", "E"), "", True, make_tl2cgen,
                    beside("tl2cgen.so"), open_tl2cgen, False),
    "tl2cgen-quantize": Peer("tl2cgen, quantized, -O3", "tl2cgen", "C", ("A", "B", "C", "E"), "", True,
                             make_tl2cgen_quantize, beside("tl2cgen-quantize.so"), open_tl2cgen_quantize, False),
    "lleaves": Peer("lleaves", "lleaves", "C", ("B", "C"), "", True, make_lleaves, beside("lleaves.so"),
                    open_lleaves, False),
    "treelite": Peer("treelite GTIL", "treelite", "C", ("A", "B", "C", "E"), "", True, make_treelite,
                     treelite_library, open_treelite),
    "onnxruntime": Peer("ONNX Runtime", "onnxruntime", "C", ("A", "B", "C", "D", "E", "F"), "probability", True,
                        make_onnx, onnxruntime_library, open_onnxruntime),
    "ydf": Peer("YDF, a model of its own", "ydf", "itself", ("A", "B", "C"), "", False, make_ydf,
                package_folder("ydf"), open_ydf),
    "libmodel-ydf": Peer("libmodel, that model", "", "C", ("A", "B", "C"), "", False, make_libmodel_ydf,
                         lambda home: [built("libmodel.so")], open_libmodel_ydf),
}
