# SPDX-License-Identifier: MIT
"""Make tests/data/catboost_<version>/: small models and what their CatBoost predicts.

    python tests/data/make_catboost.py      with the Python that has the CatBoost wanted

The version of the CatBoost that is installed picks the folder.  Each model is <name>.cbm and
<name>.json as save_model writes them and <name>.npz: rows x, RawFormulaVal, leaf indices and
probabilities of the model that was read back from the binary file.
"""
import sys
from pathlib import Path

import catboost as cb
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))
from hard_rows import hard_rows  # noqa: E402

COMMON = {"iterations": 5, "depth": 3, "verbose": 0, "allow_writing_files": False,
          "random_seed": 3, "thread_count": 1, "border_count": 12}


def save_categories(folder, x, y, texts):
    """Numbers, a column of texts and one of integers; some rows have categories that are new."""
    rows = [[*numbers, text, len(text)] for numbers, text in zip(x.tolist(), texts)]
    model = cb.CatBoost({**COMMON, "loss_function": "Logloss", "one_hot_max_size": 4,
                         "max_ctr_complexity": 3, "iterations": 20, "depth": 4})
    model.fit(rows, y, cat_features=[x.shape[1], x.shape[1] + 1])
    path = folder / "categories.cbm"
    model.save_model(str(path))
    model.save_model(str(path.with_suffix(".json")), format="json")
    for row in rows[::5]:
        row[-2] = "new"
    for row in rows[::7]:
        row[-1] = -1
    np.savez_compressed(path.with_suffix(".npz"), numbers=x, texts=[row[-2] for row in rows],
                        integers=[row[-1] for row in rows], raw=model.predict(rows),
                        leaf=model.calc_leaf_indexes(rows))
    print(*(f"{p.name} {p.stat().st_size}" for p in sorted(folder.glob("categories.*"))))


def save(name, params, x, y):
    folder = HERE / ("catboost_" + ".".join(cb.__version__.split(".")[:2]))
    folder.mkdir(exist_ok=True)
    path = folder / (name + ".cbm")
    model = cb.CatBoost({**COMMON, **params}).fit(x, y)
    model.save_model(str(path))
    model.save_model(str(path.with_suffix(".json")), format="json")
    model = cb.CatBoost().load_model(str(path))
    borders = {i: b for i, b in model.get_borders().items() if len(b)}
    rows = hard_rows(x[:40], borders, np.random.default_rng(1), per_column=6)[::3]
    made = {"x": rows, "raw": model.predict(rows), "leaf": model.calc_leaf_indexes(rows)}
    if params["loss_function"].startswith(("Log", "Multi")):
        made["probability"] = model.predict(rows, prediction_type="Probability")
    np.savez_compressed(path.with_suffix(".npz"), **made)
    print(*(f"{p.name} {p.stat().st_size}" for p in sorted(folder.glob(name + ".*"))))


def main():
    random = np.random.default_rng(5)
    x = random.normal(size=(300, 4)).astype(np.float32)
    x[random.random(x.shape) < 0.08] = np.nan
    value = np.nansum(x, 1) + random.normal(size=len(x)) * 0.3
    save("binary", {"loss_function": "Logloss", "nan_mode": "Max"}, x, (value > 0).astype(int))
    save("classes", {"loss_function": "MultiClass", "grow_policy": "Depthwise"}, x,
         np.array(["low", "mid", "über"])[np.digitize(value, [-1, 1])])
    texts = np.array(["red", "green", "blue", "ultramarine", "näh"])[random.integers(5, size=300)]
    save_categories(HERE / ("catboost_" + ".".join(cb.__version__.split(".")[:2])), x,
                    (value + (texts == "blue") * 2 > 0).astype(int), texts)
    save("poisson", {"loss_function": "Poisson", "grow_policy": "Lossguide"}, x, abs(value))


if __name__ == "__main__":
    main()
