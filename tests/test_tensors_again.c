/*
 * tests/test_tensors_again.c - calls that repeat, and golden tensors
 *
 * Expected values are derived by hand at each test.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#define ANY (-1)

static mdl_tensor floats(const char *name, void *data, int64_t rows, int64_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = MDL_F32, .rank = 2, .name = name,
                         .data = data, .dims = { rows, cols } };
}

static mdl_model *load(mdl_builder *b)
{
    mdl_error e = MDL_ERROR_INIT;
    mdl_model *m = NULL;
    const void *bytes;
    size_t size;

    if (mdl_build_bytes(b, &bytes, &size, &e) || mdl_load_memory(&m, bytes, size, NULL, &e))
        fail_msg("%s", e.text);
    mdl_builder_free(b);
    return m;
}

static int32_t one(mdl_builder *b, const char *op, const char *param, const char *choice, int32_t x)
{
    const int32_t n = mdl_build_node(b, op, "", &x, 1);

    if (param)
        mdl_build_choice(b, n, param, choice);
    return mdl_build_result(b, n, 0);
}

/* y = x transposed twice, plus its own shape, which is found where a transposed one was. */
static mdl_model *plus_shape(void)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 2, (const int64_t[]){ ANY, 2 });
    const int32_t there = one(b, "transpose", NULL, NULL, x);
    const int32_t back = one(b, "transpose", NULL, NULL, there);
    const int32_t dims = one(b, "convert", "to", "float32", one(b, "shape", NULL, NULL, back));
    const int32_t n = mdl_build_node(b, "binary", "", (const int32_t[]){ back, dims }, 2);

    mdl_build_choice(b, n, "kind", "add");
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    return load(b);
}

static void what_shapes_alone_decide_survives_calls_that_repeat(void **state)
{
    mdl_model *m = plus_shape();
    mdl_context *c = NULL;
    (void)state;

    assert_int_equal(mdl_context_create(&c, m, NULL), MDL_OK);
    for (int call = 0; call < 6; call++) {
        const int rows = call < 3 ? 40 : 3;
        float x[80], y[80];
        for (int i = 0; i < 80; i++)
            x[i] = (float)(1000 + 3 * i + call);
        const mdl_tensor in = floats("x", x, rows, 2), out = floats("y", y, rows, 2);
        assert_int_equal(mdl_run(m, c, &in, 1, &out, 1, NULL), MDL_OK);
        for (int i = 0; i < rows * 2; i++)
            assert_true(y[i] == x[i] + (float)(i % 2 ? 2 : rows));
    }
    mdl_context_free(c);
    mdl_free(m);
}

/* y = x [any, 2, 1] as int32. */
static mdl_builder *as_integers(void)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 3, (const int64_t[]){ ANY, 2, 1 });

    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, one(b, "convert", "to", "int32", x));
    return b;
}

static const int64_t cube[] = { 2, 2, 1 }, flat[] = { 4, 1 }, wide[] = { 2, 3, 1 };
static const float four[] = { 1, 2, 3, 4, 5, 6 };
static const int32_t integers[] = { 1, 2, 3, 4 };

static void a_golden_tensor_of_any_rank_comes_back_as_it_was(void **state)
{
    mdl_builder *b = as_integers();
    mdl_tensor t = { .size = sizeof t };
    uint32_t is_output;
    (void)state;

    assert_int_equal(mdl_build_golden_tensor(b, 0, 0, MDL_F32, 3, cube, four), MDL_OK);
    assert_int_equal(mdl_build_golden_tensor(b, 1, 0, MDL_I32, 3, cube, integers), MDL_OK);
    mdl_model *first = load(b);
    b = mdl_builder_from_model(first, NULL);           /* and once more, by way of a builder */
    mdl_free(first);
    mdl_model *m = load(b);
    assert_int_equal(mdl_golden_count(m), 2);
    assert_int_equal(mdl_golden(m, 0, &t, &is_output), MDL_OK);
    assert_int_equal(is_output, 0);
    assert_int_equal(t.type, MDL_F32);
    assert_int_equal(t.rank, 3);
    assert_memory_equal(t.dims, cube, sizeof cube);
    assert_memory_equal(t.data, four, 4 * sizeof *four);
    mdl_tensor y = { .size = sizeof y };
    assert_int_equal(mdl_golden(m, 1, &y, &is_output), MDL_OK);
    assert_int_equal(is_output, 1);
    assert_int_equal(y.type, MDL_I32);
    assert_memory_equal(y.data, integers, sizeof integers);

    int32_t got[4] = { 0 };
    mdl_tensor out = y;
    out.data = got;
    assert_int_equal(mdl_run(m, NULL, &t, 1, &out, 1, NULL), MDL_OK);
    assert_memory_equal(got, integers, sizeof got);
    mdl_free(m);
}

static void refused(uint32_t is_output, int32_t index, uint32_t type, uint32_t rank,
                    const int64_t *dims, mdl_status status)
{
    mdl_builder *b = as_integers();
    mdl_error e = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;

    mdl_build_golden_tensor(b, is_output, index, type, rank, dims, four);
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, &e), status);
    mdl_builder_free(b);
}

static void a_golden_tensor_that_cannot_be_is_refused(void **state)
{
    const int64_t negative[] = { -1, 2, 1 }, huge[] = { INT64_MAX, 2, 1 };
    (void)state;

    refused(0, 0, MDL_F32, 2, flat, MDL_ERR_FORMAT);          /* rank */
    refused(0, 0, MDL_F32, 3, wide, MDL_ERR_FORMAT);          /* dimension that is fixed */
    refused(0, 0, MDL_I32, 3, cube, MDL_ERR_FORMAT);          /* type */
    refused(1, 0, MDL_F32, 3, cube, MDL_ERR_FORMAT);
    refused(0, 1, MDL_F32, 3, cube, MDL_ERR_ARGUMENT);        /* there is one input and output */
    refused(1, 1, MDL_I32, 3, cube, MDL_ERR_ARGUMENT);
    refused(1, -1, MDL_I32, 3, cube, MDL_ERR_ARGUMENT);
    refused(0, 0, MDL_STRING, 3, cube, MDL_ERR_ARGUMENT);
    refused(0, 0, MDL_F32, 9, cube, MDL_ERR_ARGUMENT);
    refused(0, 0, MDL_F32, 3, negative, MDL_ERR_ARGUMENT);
    refused(0, 0, MDL_F32, 3, huge, MDL_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_shapes_alone_decide_survives_calls_that_repeat),
        cmocka_unit_test(a_golden_tensor_of_any_rank_comes_back_as_it_was),
        cmocka_unit_test(a_golden_tensor_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
