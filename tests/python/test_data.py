# SPDX-License-Identifier: MIT
"""Rows in every shape people have them in, against the answer to the same rows as a packed
array; and everything that is refused, with what the refusal says."""
import numpy as np
import pytest

import mdl
from mdl import _lib

ROWS, COLS = 50, 4


@pytest.fixture(scope="module", params=[_lib.F32, _lib.F64], ids=["float32", "float64"])
def model(request):
    """x -> x by way of a scale of 1: what the model saw is what it answers."""
    b = mdl.Builder()
    x = b.input("x", request.param, COLS, _lib.ABSENT_ZERO)
    for i, name in enumerate("abcd"):
        b.column(x, i, name)
    dtype = np.float32 if request.param == _lib.F32 else np.float64
    n = b.node("scale", [x], weights={"mul": np.ones(COLS, dtype), "add": np.zeros(COLS, dtype)})
    b.output("seen", _lib.OUTPUT_VALUE, b.result(n))
    return b.to_model()


def seen(model, x):
    return np.asarray(model.predict(x))


def dtype_of(model):
    return model.outputs["seen"].dtype


@pytest.fixture(scope="module")
def x():
    made = np.random.default_rng(1).normal(size=(ROWS, COLS)).round(2)
    made[3, 1] = np.nan
    return made


def check(model, given, expected):
    answer = seen(model, given)
    assert answer.dtype == dtype_of(model)
    np.testing.assert_array_equal(answer, np.asarray(expected).astype(dtype_of(model)))


# ---- arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [
    lambda x: x, np.asfortranarray, lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x[::3],
    lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[:0], lambda x: x[:1],
    lambda x: x.astype(">f8"), lambda x: x.astype(">f4"), lambda x: x.astype(np.float32),
    lambda x: x.astype(np.float16), lambda x: np.broadcast_to(x[:1], (7, COLS)),
    lambda x: np.broadcast_to(x[0, 0], (7, COLS)), lambda x: np.broadcast_to(x[:, :1], x.shape),
], ids=["C", "Fortran", "upside down", "mirrored", "every third row", "every second column",
        "no rows", "one row", "big-endian float64", "big-endian float32", "float32", "float16",
        "one row many times", "one number", "one column many times"])
def test_any_layout_of_an_array_is_the_same_rows(model, x, view):
    check(model, view(x), view(x))


def test_an_array_that_is_not_aligned_is_the_same_rows(model, x):
    raw = np.zeros(x.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
    crooked = raw[1:].view(np.float64).reshape(x.shape)
    assert not crooked.flags.aligned
    check(model, crooked, x)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                                   "uint64", "bool"])
def test_integers_become_the_same_numbers(model, dtype):
    given = np.arange(ROWS * COLS).reshape(ROWS, COLS) % 2 if dtype == "bool" \
        else np.arange(ROWS * COLS).reshape(ROWS, COLS) % 120
    check(model, given.astype(dtype), given)


def test_integers_that_float64_does_not_hold_are_refused(model):
    given = np.full((1, COLS), 2**53 + 1, np.int64)
    with pytest.raises(mdl.DataError, match="2\\^53"):
        seen(model, given)
    check(model, np.full((1, COLS), -2**53), np.full((1, COLS), -2.0**53))


def test_long_doubles_pass_only_if_they_survive(model):
    check(model, np.full((1, COLS), 0.5, np.longdouble), np.full((1, COLS), 0.5))
    if np.finfo(np.longdouble).nmant > 52:
        with pytest.raises(mdl.DataError, match="does not hold"):
            seen(model, np.full((1, COLS), np.longdouble(1) / 3))


def test_lists_and_tuples_are_rows(model):
    check(model, [[1, 2, 3, 4], (5, 6.5, True, 8)], [[1, 2, 3, 4], [5, 6.5, 1, 8]])


def test_masked_entries_are_missing(model, x):
    mask = np.zeros(x.shape, bool)
    mask[0, 2] = True
    expected = x.copy()
    expected[0, 2] = np.nan
    check(model, np.ma.masked_array(x, mask), expected)


def test_objects_that_are_numbers_pass_and_none_is_missing(model):
    given = np.array([[1, 2.5, None, True]], object)
    check(model, given, [[1, 2.5, np.nan, 1]])


@pytest.mark.parametrize("given, said", [
    (np.zeros(COLS), "1 dimension.*reshape\\(1, -1\\)"),
    (np.zeros((2, 3, COLS)), "3 dimensions"),
    (np.float64(3), "0 dimensions"),
    (np.zeros((5, COLS + 1)), "5 columns, the model takes 4"),
    (np.zeros((5, 0)), "0 columns, the model takes 4"),
    ([[1, 2], [1, 2, 3]], "no table"),
    ([], "1 dimension"),
    (np.array([["a", "b", "c", "d"]]), "column 'a' holds 'a' \\(str\\), expected numbers"),
    (np.array([[1, 2, "3", 4]], object), "column 'c' holds '3' \\(str\\)"),
    (np.array([[1, 2, 3, [4]]], object), "column 'd' holds \\[4\\]"),
    (np.array([[1, 2, 3, 4]], complex), "complex"),
    (np.array([["2020-01-01"] * COLS], "M8[D]"), "datetime64"),
    (np.zeros(1, [("a", "f8")]).reshape(1, 1), "expected numbers"),
    ("rows.csv", "str, expected rows"),
    (None, "NoneType, expected rows"),
    ({"a": 1}, "dimension"),
])
def test_what_is_no_table_of_numbers_is_refused(model, given, said):
    with pytest.raises(mdl.DataError, match=said) as caught:
        model.predict(given)
    assert isinstance(caught.value, ValueError)


# ---- frames -------------------------------------------------------------------------------------


def pandas_frame(x, names):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(x, columns=list(names))


def polars_frame(x, names):
    polars = pytest.importorskip("polars")
    return polars.DataFrame({name: x[:, i] for i, name in enumerate(names)})


FRAMES = pytest.mark.parametrize("frame", [pandas_frame, polars_frame])


@FRAMES
def test_a_frame_goes_by_name_not_by_position(model, x, frame):
    check(model, frame(x, "abcd"), x)
    check(model, frame(x[:, [2, 0, 3, 1]], "cadb"), x)
    check(model, frame(x[:0], "abcd"), x[:0])


@FRAMES
def test_missing_and_unknown_columns_are_all_named(model, x, frame):
    with pytest.raises(mdl.DataError) as caught:
        model.predict(frame(x, "axby"))
    text = str(caught.value)
    assert "missing: 'c', 'd'" in text and "not known to the model: 'x', 'y'" in text


def test_a_column_given_twice_is_refused(model, x):
    with pytest.raises(mdl.DataError, match="given twice: 'a'"):
        model.predict(pandas_frame(np.hstack([x, x[:, :1]]), "abcda"))


def test_a_frame_for_a_model_without_names_goes_by_position():
    b = mdl.Builder()
    i = b.input("x", _lib.F64, 2)
    b.output("seen", _lib.OUTPUT_VALUE, i)
    model = b.to_model()
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(model.predict(pandas_frame(x, "pq")), x)
    with pytest.raises(mdl.DataError, match="3 columns, the model takes 2"):
        model.predict(pandas_frame(np.zeros((1, 3)), "pqr"))


def test_every_dtype_of_pandas_that_is_a_number_passes(model):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({
        "a": pandas.array([1, None, 3], dtype="Int64"), "b": [True, False, True],
        "c": pandas.array([1.5, None, 2.5], dtype="Float32"),
        "d": pandas.arrays.SparseArray([0.0, 0.0, 7.0])})
    check(model, frame, [[1, 1, 1.5, 0], [np.nan, 0, np.nan, 0], [3, 1, 2.5, 7]])


def test_every_dtype_of_polars_that_is_a_number_passes(model):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, None, 3], "b": [True, False, None],
                              "c": polars.Series([1.5, None, 2.5], dtype=polars.Float32),
                              "d": polars.Series([None, None, None])})
    check(model, frame, [[1, 1, 1.5, np.nan], [np.nan, 0, np.nan, np.nan],
                         [3, np.nan, 2.5, np.nan]])


def test_a_lazy_frame_says_what_to_do(model):
    polars = pytest.importorskip("polars")
    with pytest.raises(mdl.DataError, match="collect"):
        model.predict(polars.LazyFrame({"a": [1]}))


@FRAMES
def test_a_text_column_where_a_number_belongs_is_refused(model, frame):
    given = frame(np.zeros((2, 4)), "abcd")
    values = ["one", "two"]
    if hasattr(given, "with_columns"):
        import polars
        given = given.with_columns(polars.Series("b", values))
    else:
        given["b"] = values
    with pytest.raises(mdl.DataError, match="column 'b' holds 'one' \\(str\\), expected numbers"):
        model.predict(given)


def test_a_date_column_is_refused(model, x):
    pandas = pytest.importorskip("pandas")
    given = pandas_frame(x, "abcd")
    given["b"] = pandas.Timestamp("2020-01-01")
    with pytest.raises(mdl.DataError, match="column 'b' has the dtype datetime64"):
        model.predict(given)
    given = polars_frame(x, "abcd")
    import polars
    with pytest.raises(mdl.DataError, match="column 'b' has the dtype Date"):
        model.predict(given.with_columns(polars.lit("2020-01-01").str.to_date().alias("b")))


# ---- categories ------------------------------------------------------------------------------------


def model_of_categories(type_, texts, source="lightgbm"):
    """code, number -> the same."""
    b = mdl.Builder()
    x = b.input("x", _lib.F64, 2)
    b.column(x, 0, "c", _lib.COLUMN_CATEGORY)
    b.column(x, 1, "v")
    b.categories(x, 0, type_, texts)
    b.metadata("source", source)
    b.output("seen", _lib.OUTPUT_VALUE, x)
    return b.to_model()


def codes(model, frame):
    return model.predict(frame)[:, 0]


def test_pandas_categories_go_by_value_whatever_their_order():
    pandas = pytest.importorskip("pandas")
    model = model_of_categories(_lib.STRING, ["red", "green", "blue"])
    for order in (["red", "green", "blue"], ["blue", "red", "green"], ["x", "blue", "red", "green"]):
        given = pandas.DataFrame({"c": pandas.Categorical(["blue", "red", None, "green"], order),
                                  "v": 0.0})
        np.testing.assert_array_equal(codes(model, given), [2, 0, np.nan, 1])
    given = pandas.DataFrame({"c": ["blue", "red", None, "green"], "v": 0.0})
    np.testing.assert_array_equal(codes(model, given), [2, 0, np.nan, 1])


def test_polars_categories_go_by_value():
    polars = pytest.importorskip("polars")
    model = model_of_categories(_lib.STRING, ["red", "green", "blue"])
    values = ["blue", "red", None, "green"]
    for dtype in (polars.String, polars.Categorical, polars.Enum(["green", "blue", "red"])):
        given = polars.DataFrame({"c": polars.Series(values, dtype=dtype), "v": [0.0] * 4})
        np.testing.assert_array_equal(codes(model, given), [2, 0, np.nan, 1])


@pytest.mark.parametrize("type_, texts, values", [
    (_lib.I64, ["10", "-3", "7"], [7, 10, -3]), (_lib.F64, ["0.1", "2.5", "1e+300"],
                                                  [1e300, 0.1, 2.5]),
    (_lib.BOOL, ["False", "True"], [True, False, True])])
def test_categories_that_are_numbers_go_by_value(type_, texts, values):
    pandas = pytest.importorskip("pandas")
    model = model_of_categories(type_, texts)
    expected = [{"1e+300": 2, "7": 2, "10": 0, "-3": 1, "0.1": 0, "2.5": 1, "True": 1,
                 "False": 0}[t] for t in map(str, values)]
    for c in (values, pandas.Categorical(values)):
        np.testing.assert_array_equal(codes(model, pandas.DataFrame({"c": c, "v": 0.0})), expected)


def test_object_arrays_go_by_value_too():
    model = model_of_categories(_lib.STRING, ["red", "green"])
    given = np.array([["green", 1.5], ["red", 2], [None, None]], object)
    np.testing.assert_array_equal(model.predict(given), [[1, 1.5], [0, 2], [np.nan, np.nan]])


def test_an_array_of_numbers_holds_codes():
    model = model_of_categories(_lib.STRING, ["red", "green"])
    np.testing.assert_array_equal(model.predict([[1, 5.0]]), [[1, 5.0]])


def test_an_unseen_category_is_missing_where_the_source_says_so():
    pandas = pytest.importorskip("pandas")
    given = pandas.DataFrame({"c": pandas.Categorical(["blue", "red"]), "v": 0.0})
    model = model_of_categories(_lib.STRING, ["red", "green"], "lightgbm")
    np.testing.assert_array_equal(codes(model, given), [np.nan, 0])


def test_an_unseen_category_is_refused_where_the_source_refuses_it():
    pandas = pytest.importorskip("pandas")
    model = model_of_categories(_lib.STRING, ["red", "green"], "xgboost")
    given = pandas.DataFrame({"c": pandas.Categorical(["blue", "red"]), "v": 0.0})
    with pytest.raises(mdl.DataError, match="column 'c' holds 'blue'.*'red', 'green'"):
        model.predict(given)
    never_used = pandas.DataFrame({"c": pandas.Categorical(["red"], ["blue", "red"]), "v": 0.0})
    np.testing.assert_array_equal(codes(model, never_used), [0])


def test_the_file_can_ask_for_either():
    pandas = pytest.importorskip("pandas")
    given = pandas.DataFrame({"c": ["blue", "red"], "v": 0.0})
    b = mdl.Builder.from_model(model_of_categories(_lib.STRING, ["red", "green"], "lightgbm"))
    b.metadata("unseen_categories", "error")
    with pytest.raises(mdl.DataError, match="'blue'"):
        b.to_model().predict(given)
    b.metadata("source", "xgboost")
    b.metadata("unseen_categories", "missing")
    np.testing.assert_array_equal(codes(b.to_model(), given), [np.nan, 0])


def test_categories_of_another_type_are_refused():
    pandas = pytest.importorskip("pandas")
    model = model_of_categories(_lib.STRING, ["red", "green"], "lightgbm")
    for c in ([0, 1], pandas.Categorical([0, 1])):
        with pytest.raises(mdl.DataError, match="column 'c' holds 0 \\(int\\)"):
            model.predict(pandas.DataFrame({"c": c, "v": 0.0}))


def test_a_category_column_of_which_only_codes_are_known_asks_for_codes():
    pandas = pytest.importorskip("pandas")
    b = mdl.Builder()
    x = b.input("x", _lib.F64, 1)
    b.column(x, 0, "c", _lib.COLUMN_CATEGORY)
    b.output("seen", _lib.OUTPUT_VALUE, x)
    model = b.to_model()
    with pytest.raises(mdl.DataError, match="pass codes"):
        model.predict(pandas.DataFrame({"c": pandas.Categorical(["x"])}))
    assert model.predict(pandas.DataFrame({"c": [3]}))[0] == 3


# ---- sparse -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "bsr", "dok"])
@pytest.mark.parametrize("flavour", ["matrix", "array"])
def test_any_sparse_format_is_the_dense_rows(model, x, kind, flavour):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(np.abs(x) < 0.5, 0, x)
    given = getattr(sparse, f"{kind}_{flavour}")(dense)
    check(model, given, dense)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, bool])
def test_sparse_values_of_any_dtype_are_the_same_numbers(model, dtype):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1, 0, 0], [1, 0, 0, 1]]).astype(dtype)
    check(model, sparse.csr_matrix(dense), dense)


def test_duplicates_of_a_sparse_matrix_add_up_and_it_stays_as_it_was(model):
    sparse = pytest.importorskip("scipy.sparse")
    given = sparse.csr_matrix((np.array([1.0, 2.0, 5.0]), np.array([1, 1, 0]), np.array([0, 3])),
                              shape=(1, COLS))
    check(model, given, [[5, 3, 0, 0]])
    assert given.nnz == 3 and list(given.indices) == [1, 1, 0]


def test_wide_indices_and_empty_matrices_pass(model):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.5, 0, 2]])
    given = sparse.csr_matrix(dense)
    given.indices, given.indptr = given.indices.astype(np.int64), given.indptr.astype(np.int64)
    check(model, given, dense)
    check(model, sparse.csr_matrix((0, COLS)), np.zeros((0, COLS)))
    check(model, sparse.csr_matrix((3, COLS)), np.zeros((3, COLS)))


def test_a_sparse_matrix_of_the_wrong_width_is_refused(model):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(mdl.DataError, match="9 columns, the model takes 4"):
        model.predict(sparse.csr_matrix((2, 9)))


def test_nothing_is_imported_that_an_object_did_not_bring():
    import subprocess
    import sys
    code = ("import sys, numpy, mdl\n"
            "loud = {'pandas', 'polars', 'scipy', 'sklearn', 'xgboost', 'lightgbm'}\n"
            "assert not loud & set(sys.modules), loud & set(sys.modules)\n")
    subprocess.run([sys.executable, "-c", code], check=True)
