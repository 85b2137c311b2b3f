"""Make examples/demo: a real model, rows it has never seen, and what XGBoost says about them.

    build/env/bin/python tools/make_demo.py

The program mdl carries these files (`mdl demo`), so together they stay below 60 KB.

SPDX-License-Identifier: MIT
"""
import pathlib

import numpy
import sklearn.datasets
import sklearn.model_selection
import xgboost

ROUNDS, DEPTH, HELD_OUT, SEED = 24, 3, 100, 7

README = """\
The data: Breast Cancer Wisconsin (Diagnostic), W. Wolberg, O. Mangasarian, N. Street and
W. Street (1995), UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B, licensed
CC BY 4.0; here as scikit-learn ships it.  569 tumours, 30 measurements each.

cancer.json      what XGBoost {version} saved after training on {trained} of them:
                 {rounds} trees, the probability that a tumour is malignant
rows.csv         the other {held_out}, which it has not seen, with the doctors' diagnosis
predictions.csv  what XGBoost answered for these rows: "prediction" is the probability, "raw"
                 the margin before the logistic function; nine digits tell every float32
"""


def write_rows(path, names, x, malignant):
    """CSV whose numbers are the shortest ones that read back as the same float64."""
    with open(path, "w", newline="\n") as f:
        f.write(",".join(["diagnosis", *names]) + "\n")
        for row, bad in zip(x, malignant):
            cells = (numpy.format_float_positional(v, trim="-") for v in row)
            f.write(",".join(["malignant" if bad else "benign", *cells]) + "\n")


def main():
    folder = pathlib.Path(__file__).resolve().parent.parent / "examples" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    data = sklearn.datasets.load_breast_cancer()
    names = [str(n) for n in data.feature_names]
    malignant = 1 - data.target                       # scikit-learn says 0 for malignant
    x, x_new, y, y_new = sklearn.model_selection.train_test_split(
        data.data, malignant, test_size=HELD_OUT, random_state=SEED, stratify=malignant)

    parameters = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.3,
                  "seed": SEED, "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(x, y, feature_names=names), ROUNDS)
    booster.save_model(folder / "cancer.json")
    write_rows(folder / "rows.csv", names, x_new, y_new)

    rows = xgboost.DMatrix(x_new, feature_names=names)
    probability, margin = booster.predict(rows), booster.predict(rows, output_margin=True)
    with open(folder / "predictions.csv", "w", newline="\n") as f:
        f.write("prediction,raw\n")
        for p, m in zip(probability, margin):
            f.write(f"{p:.9g},{m:.9g}\n")
    (folder / "README.txt").write_text(README.format(
        version=xgboost.__version__, trained=len(x), held_out=len(x_new), rounds=ROUNDS))
    total = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{total} bytes; right on {numpy.mean((probability > 0.5) == y_new):.0%} of new rows")
    assert total < 60_000


if __name__ == "__main__":
    main()
