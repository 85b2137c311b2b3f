# SPDX-License-Identifier: MIT
"""Make tests/data/lightgbm_<version>/: small models and what their LightGBM predicts.

    python tests/data/make_lightgbm.py      with the Python that has the LightGBM wanted

The version of the LightGBM that is installed picks the folder.  Each model is <name>.txt
as Booster.save_model writes it and <name>.npz: rows x, raw scores, leaf indices and
predictions of the booster that was read back from that file.
"""
import os
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn import datasets

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))
from lightgbm_rows import hard_rows  # noqa: E402

COMMON = {"verbose": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 5, "seed": 3,
          "min_data_per_group": 5}


def holes(x, seed=1, part=0.08):
    rng = np.random.default_rng(seed)
    x = np.array(x, float)
    x[rng.random(x.shape) < part] = np.nan
    x[rng.random(x.shape) < part] = 0
    return x


def codes(frame):
    return np.column_stack([c.cat.codes.replace({-1: np.nan}) if str(c.dtype) == "category" else c
                            for _, c in frame.items()]).astype(float)


def save(name, params, x, y, rounds, rows=None):
    folder = HERE / ("lightgbm_" + ".".join(lgb.__version__.split(".")[:2]))
    folder.mkdir(exist_ok=True)
    path = folder / (name + ".txt")
    booster = lgb.train({**COMMON, **params}, lgb.Dataset(x, y), rounds)
    booster.save_model(str(path))
    booster = lgb.Booster(model_file=str(path))
    rows = hard_rows(path.read_text(), np.asarray(x if rows is None else rows)[::9], most=150)
    k = booster.num_model_per_iteration()
    leaf = booster.predict(rows, pred_leaf=True).reshape(len(rows), -1)
    np.savez_compressed(path.with_suffix(".npz"), x=rows, leaf=leaf.astype(np.int32),
                        raw=booster.predict(rows, raw_score=True).reshape(-1, k),
                        prediction=booster.predict(rows).reshape(-1, k))
    print(path.name, os.path.getsize(path), path.with_suffix(".npz").stat().st_size)


def main():
    cancer = datasets.load_breast_cancer()
    save("binary", {"objective": "binary", "sigmoid": 0.7}, holes(cancer.data[:, :10]),
         cancer.target, 5)

    wine = datasets.load_wine()
    frame = pd.DataFrame(holes(wine.data[:, :3]), columns=["alcohol", "malic acid", "ash"])
    frame["colour"] = pd.Categorical(np.array(["pale", "rosé", "deep"])[
        np.digitize(wine.data[:, 9], [3, 6])])
    frame["flavour"] = pd.Categorical(np.round(wine.data[:, 6] * 10).astype(int))
    save("multiclass", {"objective": "multiclass", "num_class": 3, "cat_smooth": 1}, frame,
         wine.target, 3, codes(frame))

    diabetes = datasets.load_diabetes()
    x = holes(diabetes.data * 100)
    save("linear", {"objective": "regression", "linear_tree": True}, x, diabetes.target, 4)
    save("forest", {"objective": "poisson", "boosting": "rf", "bagging_freq": 1,
                    "bagging_fraction": 0.6}, x, diabetes.target, 5)
    save("dart", {"objective": "regression", "reg_sqrt": True, "boosting": "dart",
                  "zero_as_missing": True, "drop_rate": 0.5}, x, diabetes.target, 5)


if __name__ == "__main__":
    main()
