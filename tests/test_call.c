/*
 * tests/test_call.c - what a call refuses, and what it leaves as it was
 *
 * Memory, errno, the floating-point mode, neighbours in memory and the answers of
 * other rows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include <errno.h>
#include <fenv.h>
#include <math.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

static mdl_tensor table(uint32_t type, void *data, int64_t rows, int64_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = type, .rank = 2, .data = data,
                         .dims = { rows, cols } };
}

static void expect(mdl_status got, mdl_status want, const mdl_error *err, const char *says)
{
    if (got != want || !strstr(err->text, says))
        fail_msg("status %d, expected %d; \"%s\" should say \"%s\"", (int)got, (int)want,
                 err->text, says);
    assert_int_equal(err->code, want);
}

/* ---- refused, and why ------------------------------------------------------------------------ */

#define TRY(status, says) \
    do { \
        err = (mdl_error)MDL_ERROR_INIT; \
        expect(mdl_predict_tensor(m, &x, &y, &o, &err), status, &err, says); \
        x = good_x, y = good_y, o = (mdl_predict_options)MDL_PREDICT_OPTIONS_INIT; \
    } while (0)

static void every_wrong_table_is_an_error_that_says_which(void **state)
{
    float cells[4] = { 1, 0, 2, 1 }, sums[2];
    mdl_model *m = loaded(small_model(NULL), NULL);
    const mdl_tensor good_x = table(MDL_F32, cells, 2, 2), good_y = table(MDL_F32, sums, 2, 1);
    mdl_tensor x = good_x, y = good_y;
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_error err;
    (void)state;

    x.dims[1] = 3;
    TRY(MDL_ERR_DATA, "x has 3 columns, the model was trained on 2");
    x.dims[1] = 0;
    TRY(MDL_ERR_DATA, "x has 0 columns");
    y.dims[1] = 2;
    TRY(MDL_ERR_DATA, "y has 2 columns, output 'y' has 1");
    o.output = MDL_OUTPUT_LEAF;
    TRY(MDL_ERR_DATA, "y has 1 columns, output 'leaf' has 2");
    y.dims[0] = 1;
    TRY(MDL_ERR_DATA, "x has 2 rows and y has 1");
    x.dims[0] = -1;
    TRY(MDL_ERR_DATA, "x");
    x.rank = 1;
    TRY(MDL_ERR_DATA, "x has rank 1, expected 2");
    y.rank = 3;
    TRY(MDL_ERR_DATA, "y has rank 3, expected 2");
    x.rank = 1000000;
    TRY(MDL_ERR_DATA, "rank 1000000");
    x.type = MDL_I32;
    TRY(MDL_ERR_DATA, "x is int32, expected float32 or float64");
    x.type = 12345;
    TRY(MDL_ERR_DATA, "x is ?");
    y.type = MDL_STRING;
    TRY(MDL_ERR_DATA, "y is string, expected float32 or float64, int32 or int64");
    y.type = 0;
    TRY(MDL_ERR_DATA, "y is ?");
    x.data = NULL;
    TRY(MDL_ERR_ARGUMENT, "x is NULL");
    y.data = NULL;
    TRY(MDL_ERR_ARGUMENT, "y is NULL");
    x.size = 0;
    TRY(MDL_ERR_ARGUMENT, "x is NULL or its size is not set");
    x.dims[0] = y.dims[0] = INT64_MAX;
    TRY(MDL_ERR_ARGUMENT, "overflows");
    x.dims[1] = INT64_MAX;
    TRY(MDL_ERR_ARGUMENT, "x: the size overflows");
    y.dims[0] = INT64_MAX;
    TRY(MDL_ERR_ARGUMENT, "y: the size overflows");
    o.output_name = "no'such\n";
    TRY(MDL_ERR_NOT_FOUND, "no output 'no?such?'");
    o.output = MDL_OUTPUT_PROBA;
    TRY(MDL_ERR_NOT_FOUND, "no output in role 3");
    o.tree_end = 3;
    TRY(MDL_ERR_ARGUMENT, "iterations 0 to 3, the model has 2");
    o.tree_begin = 2;
    TRY(MDL_ERR_ARGUMENT, "iterations 2 to 2, the model has 2");
    o.tree_begin = 1, o.tree_end = 1;
    TRY(MDL_ERR_ARGUMENT, "iterations 1 to 1");
    o.tree_begin = UINT64_MAX, o.tree_end = UINT64_MAX;
    TRY(MDL_ERR_ARGUMENT, "the model has 2");
    TRY(MDL_OK, "");
    assert_int_equal(mdl_predict_tensor(NULL, &x, &y, NULL, &err), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_tensor(m, NULL, &y, NULL, &err), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_tensor(m, &x, NULL, NULL, &err), MDL_ERR_ARGUMENT);
    mdl_free(m);
}

static void the_simple_calls_refuse_null_and_sizes_that_overflow(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    float x[2] = { 1, 0 }, y = 0;
    double x64[2] = { 1, 0 }, y64 = 0;
    (void)state;

    assert_int_equal(mdl_predict(NULL, x, 1, &y), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict(m, NULL, 1, &y), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict(m, x, 1, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict(m, x, SIZE_MAX, &y), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict(m, x, SIZE_MAX / 8 + 1, &y), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_f64(NULL, x64, 1, &y64), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_f64(m, x64, SIZE_MAX / 16 + 1, &y64), MDL_ERR_ARGUMENT);
    assert_true(y == 0 && y64 == 0);
    mdl_free(m);
}

static void options_may_be_short_or_long_but_ask_for_nothing_unknown(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    float cells[2] = { 1, 0 };
    int32_t leaf[2] = { 0 };
    const mdl_tensor x = table(MDL_F32, cells, 1, 2), y = table(MDL_I32, leaf, 1, 2);
    struct { mdl_predict_options known; uint64_t later; } o = { .known = { .size = sizeof o } };
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    o.known.output = MDL_OUTPUT_LEAF;
    assert_int_equal(mdl_predict_tensor(m, &x, &y, &o.known, &err), MDL_OK);
    o.later = 1;
    expect(mdl_predict_tensor(m, &x, &y, &o.known, &err), MDL_ERR_UNSUPPORTED, &err,
           "mdl_predict_options asks for something this libmodel does not know");
    o.known.size = offsetof(mdl_predict_options, output_name);    /* an older, shorter struct */
    o.known.output_name = (const char *)(uintptr_t)1;             /* so this is not there */
    o.known.tree_begin = 99;
    assert_int_equal(mdl_predict_tensor(m, &x, &y, &o.known, &err), MDL_OK);
    o.known.size = 0;
    expect(mdl_predict_tensor(m, &x, &y, &o.known, &err), MDL_ERR_ARGUMENT, &err,
           "mdl_predict_options.size is 0");
    o.known.size = UINT32_MAX;
    expect(mdl_predict_tensor(m, &x, &y, &o.known, &err), MDL_ERR_ARGUMENT, &err, "size is");
    mdl_free(m);
}

/* Columns a of x1 and b of x2: y1 = a < 1 ? 1 : 2, y2 = b < 1 ? 1 : 2. */
static mdl_model *two_inputs(void)
{
    static const uint8_t flags[] = { MDL_NODE_NUMBER, 0, 0 };
    static const int32_t left[] = { 1, 0, 0 }, right[] = { 2, 0, 0 }, feature[3] = { 0 };
    static const double threshold[] = { 1, 0, 0 }, value[] = { 0, 1, 2 };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                          .outputs = 1, .leaf_width = 1 };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t in[] = { mdl_build_input(b, "x1", MDL_F32, 1, 0),
                           mdl_build_input(b, "x2", MDL_F64, 2, 0) };

    for (int i = 0; i < 2; i++) {
        const int32_t n = mdl_build_trees(b, in[i], &e);
        mdl_build_tree(b, n, &tree);
        mdl_build_output(b, i ? "y2" : "y1", i ? MDL_OUTPUT_OTHER : MDL_OUTPUT_VALUE,
                         mdl_build_result(b, n, 0));
    }
    return loaded(b, NULL);
}

static void graphs_with_several_inputs_run_by_name_or_by_position(void **state)
{
    mdl_model *m = two_inputs();
    float x1[] = { 0, 2 }, y1[2], y2[2];
    double x2[] = { 5, 0, 0, 5 };
    mdl_tensor in[] = { table(MDL_F32, x1, 2, 1), table(MDL_F64, x2, 2, 2) };
    mdl_tensor out[] = { table(MDL_F32, y1, 2, 1), table(MDL_F32, y2, 2, 1) };
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_run(m, NULL, in, 2, out, 2, &err), MDL_OK);
    assert_true(y1[0] == 1 && y1[1] == 2 && y2[0] == 2 && y2[1] == 1);
    in[0] = table(MDL_F64, x2, 2, 2), in[0].name = "x2";
    in[1] = table(MDL_F32, x1, 2, 1), in[1].name = "x1";
    out[0].name = "y2";
    memset(y1, 0, sizeof y1);
    assert_int_equal(mdl_run(m, NULL, in, 2, out, 1, &err), MDL_OK);
    assert_true(y1[0] == 2 && y1[1] == 1);

    in[0].name = "x3";
    expect(mdl_run(m, NULL, in, 2, out, 1, &err), MDL_ERR_NOT_FOUND, &err, "no input 'x3'");
    in[0].name = "x2";
    in[1] = in[0];
    expect(mdl_run(m, NULL, in, 2, out, 1, &err), MDL_ERR_DATA, &err, "input 'x2' is given twice");
    in[1] = table(MDL_F32, x1, 1, 1), in[1].name = "x1";
    expect(mdl_run(m, NULL, in, 2, out, 1, &err), MDL_ERR_DATA, &err, "tensors of");
    in[1] = table(MDL_F32, x1, 1, 2), in[1].name = "x1";
    expect(mdl_run(m, NULL, in, 2, out, 1, &err), MDL_ERR_DATA, &err,
           "'x1' has 2 columns, expected 1");
    in[1] = table(MDL_F32, x1, 2, 1), in[1].name = "x1";
    out[0].name = "nothing";
    expect(mdl_run(m, NULL, in, 2, out, 1, &err), MDL_ERR_NOT_FOUND, &err, "no output 'nothing'");
    expect(mdl_run(m, NULL, in, 1, out, 1, &err), MDL_ERR_DATA, &err, "1 inputs");
    expect(mdl_run(m, NULL, in, 2, out, 0, &err), MDL_ERR_DATA, &err, "0 outputs");
    expect(mdl_run(m, NULL, NULL, 2, out, 1, &err), MDL_ERR_ARGUMENT, &err, "NULL");
    expect(mdl_run(NULL, NULL, in, 2, out, 1, &err), MDL_ERR_ARGUMENT, &err, "NULL");

    /* Such a model is not for the simple calls, and has no one ensemble to take trees from. */
    mdl_predict_options o = { .size = sizeof o, .tree_end = 1 };
    const mdl_tensor x = table(MDL_F32, x1, 2, 1), y = table(MDL_F32, y1, 2, 1);
    assert_int_equal(mdl_predict(m, x1, 2, y1), MDL_ERR_UNSUPPORTED);
    expect(mdl_predict_tensor(m, &x, &y, NULL, &err), MDL_ERR_UNSUPPORTED, &err, "use mdl_run");
    expect(mdl_predict_tensor(m, &x, &y, &o, &err), MDL_ERR_UNSUPPORTED, &err,
           "exactly one tree ensemble");
    mdl_free(m);
}

/* ---- errors belong to the caller -------------------------------------------------------------- */

static void an_error_whose_size_is_not_set_is_left_alone(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    struct { mdl_error err; unsigned char beyond[16]; } box;
    mdl_error zero;
    (void)state;

    memset(&box, 0x77, sizeof box);
    memset(&zero, 0x77, sizeof zero);
    box.err.size = zero.size = 0;
    assert_int_equal(mdl_predict_tensor(m, NULL, NULL, NULL, &box.err), MDL_ERR_ARGUMENT);
    assert_memory_equal(&box.err, &zero, sizeof zero);
    box.err.size = offsetof(mdl_error, text) + 8;          /* a shorter struct: cut, terminated */
    assert_int_equal(mdl_predict_tensor(m, NULL, NULL, NULL, &box.err), MDL_ERR_ARGUMENT);
    assert_int_equal(strlen(box.err.text), 7);
    assert_int_equal((unsigned char)box.err.text[8], 0x77);
    box.err.size = sizeof box;                             /* a longer one: no more than ours */
    assert_int_equal(mdl_predict_tensor(m, NULL, NULL, NULL, &box.err), MDL_ERR_ARGUMENT);
    assert_int_equal(box.beyond[0], 0x77);
    assert_int_equal(box.err.code, MDL_ERR_ARGUMENT);
    assert_true(box.err.offset == MDL_NO_OFFSET && !box.err.section[0]);
    assert_int_equal(mdl_predict_tensor(m, NULL, NULL, NULL, NULL), MDL_ERR_ARGUMENT);
    mdl_free(m);
}

static void errno_stays_as_it_was(void **state)
{
    float x[2] = { 1, 0 }, y;
    mdl_model *m;
    (void)state;

    errno = 4242;
    assert_int_equal(mdl_load(&m, "/no/such/file", NULL, NULL), MDL_ERR_IO);
    assert_int_equal(errno, 4242);
    assert_int_equal(mdl_load(&m, data_path("golden_v1_small.mdl"), NULL, NULL), MDL_OK);
    assert_int_equal(errno, 4242);
    assert_int_equal(mdl_predict(m, x, 1, &y), MDL_OK);
    mdl_free(m);
    assert_int_equal(errno, 4242);
    m = loaded(wide_model(NULL, MDL_F64), NULL);
    float *wide = calloc(WIDE_COLS, sizeof *wide);
    errno = 4242;
    assert_int_equal(mdl_predict(m, wide, 1, &y), MDL_OK);
    mdl_free(m);
    assert_int_equal(errno, 4242);
    free(wide);
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Every height, both element types and sparse rows; all on one wide model's data. */
static void predict_all_ways(const mdl_model *m, const float *x, double want, size_t cols,
                             mdl_context *context)
{
    static const size_t heights[] = { 1, 3, 64, 65, 300 };
    const int32_t start[2] = { 0, 0 };
    const float values[1] = { 0 };
    mdl_predict_options o = { .size = sizeof o, .context = context };
    double y[300];

    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++) {
        const int64_t rows = (int64_t)heights[i];
        const mdl_tensor in = table(MDL_F32, (void *)(uintptr_t)x, rows, (int64_t)cols);
        const mdl_tensor out = table(MDL_F64, y, rows, 1);
        assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_OK);
        for (int64_t r = 0; r < rows; r++)
            assert_true(y[r] == want);
    }
    const mdl_csr csr = { .size = sizeof csr, .type = MDL_F32, .index_type = MDL_I32, .rows = 1,
                          .cols = cols, .row_start = start, .columns = start, .values = values };
    const mdl_tensor out = table(MDL_F64, y, 1, 1);
    assert_int_equal(mdl_predict_csr(m, &csr, &out, &o, NULL), MDL_OK);
}

static void steady_state_allocates_nothing(void **state)
{
    static const uint32_t types[] = { MDL_F32, MDL_F64 };
    float *x = calloc(300 * WIDE_COLS, sizeof *x);
    (void)state;

    for (int wide = 0; wide < 3; wide++) {
        struct counting c = { 0 };
        const mdl_allocator a = counting_allocator(&c);
        mdl_model *m = loaded(wide ? wide_model(NULL, types[wide - 1]) : small_model(NULL), &a);
        const double want = wide ? 20 : 2.5;      /* all zeros: left everywhere */
        const size_t cols = mdl_input_cols(m);

        predict_all_ways(m, x, want, cols, NULL);
        const size_t before = c.allocs;
        for (int i = 0; i < 50; i++)
            predict_all_ways(m, x, want, cols, NULL);
        assert_int_equal(c.allocs, before);
        mdl_free(m);
        assert_int_equal(c.live, 0);
        assert_int_equal(c.wrong, 0);
    }
    free(x);
}

static void a_call_with_a_context_never_allocates(void **state)
{
    static const size_t rows[] = { 0, 1, 7, 1000 };
    float *x = calloc(300 * WIDE_COLS, sizeof *x);
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t shift = 0; shift < 64; shift += 21) {
            struct counting c = { 0 };
            const mdl_allocator a = counting_allocator(&c);
            mdl_model *m = loaded(wide_model(NULL, MDL_F64), &a);
            const size_t loads = c.allocs, bytes = mdl_context_bytes(m, rows[i]);
            unsigned char *memory = malloc(bytes + shift + 1);
            memory[bytes + shift] = 0x3C;
            assert_null(mdl_context_init(m, rows[i], memory + shift, bytes - 1));
            assert_null(mdl_context_init(m, rows[i], NULL, bytes));
            mdl_context *context = mdl_context_init(m, rows[i], memory + shift, bytes);
            assert_non_null(context);
            predict_all_ways(m, x, 20, WIDE_COLS, context);
            assert_int_equal(c.allocs, loads);
            assert_int_equal(memory[bytes + shift], 0x3C);
            free(memory);
            mdl_free(m);
            assert_int_equal(c.live, 0);
        }
    free(x);
}

static void a_context_of_another_model_is_refused(void **state)
{
    mdl_model *small = loaded(small_model(NULL), NULL);
    mdl_model *wide = loaded(wide_model(NULL, MDL_F64), NULL);
    const size_t bytes = mdl_context_bytes(small, 1);
    void *memory = malloc(bytes);
    float *x = calloc(WIDE_COLS, sizeof *x), y;
    const mdl_tensor in = table(MDL_F32, x, 1, WIDE_COLS), out = table(MDL_F32, &y, 1, 1);
    mdl_predict_options o = { .size = sizeof o };
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    o.context = mdl_context_init(small, 1, memory, bytes);
    assert_non_null(o.context);
    expect(mdl_predict_tensor(wide, &in, &out, &o, &err), MDL_ERR_ARGUMENT, &err, "context");
    free(memory);
    free(x);
    mdl_free(small);
    mdl_free(wide);
}

static void a_context_for_too_many_rows_is_refused(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    unsigned char memory[4096];
    (void)state;

    assert_true(mdl_context_bytes(m, SIZE_MAX) == SIZE_MAX);
    assert_true(mdl_context_bytes(m, SIZE_MAX / 4) == SIZE_MAX);
    assert_null(mdl_context_init(m, SIZE_MAX / 4, memory, sizeof memory));
    assert_int_equal(mdl_context_bytes(NULL, 1), 0);
    assert_null(mdl_context_init(NULL, 1, memory, sizeof memory));
    mdl_free(m);
}

/* ---- the floating-point mode of the host ------------------------------------------------------ */

static void flush_denormals(int on)
{
#if defined(__SSE2__)
    _mm_setcsr(on ? _mm_getcsr() | 0x8040u : _mm_getcsr() & ~0x8040u);   /* FTZ and DAZ */
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)(on ? 1 << 24 : 0)));
#else
    (void)on;
#endif
}

static uint64_t mode_now(void)
{
#if defined(__SSE2__)
    return _mm_getcsr() & ~0x3Fu;
#elif defined(__aarch64__)
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
#else
    return (uint64_t)fegetround();
#endif
}

/*
 * x < 2^-149 (the smallest float32) ? 2^24 : 2^-149, twice, on top of 1 or of 2^-149:
 * sides, sums and thresholds that all change when the mode shines through.
 */
static mdl_builder *delicate_model(double base, uint32_t compare)
{
    const uint8_t flags[] = { MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT, 0, 0 };
    const int32_t left[] = { 1, 0, 0 }, right[] = { 2, 0, 0 }, feature[3] = { 0 };
    const double threshold[] = { compare ? -0.0 : 0x1p-149, 0, 0 };
    const double value[] = { 0, 0x1p24, 0x1p-149 };
    const mdl_trees e = { .size = sizeof e, .compare = compare, .threshold_type = MDL_F64,
                          .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1, .base = &base };
    mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .weight = 1, .flags = flags,
                      .left = left, .right = right, .feature = feature, .threshold = threshold,
                      .value = value };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, 0), n = mdl_build_trees(b, x, &e);

    mdl_build_tree(b, n, &tree);
    mdl_build_tree(b, n, &tree);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    return b;
}

static void the_hosts_floating_point_mode_changes_no_bit_and_is_kept(void **state)
{
    static const int roundings[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
    const float x[] = { 0, -0.0f, 0x1p-149f, -0x1p-149f, 1, -1 };
    /* base 1: 1 + 2^24 is a tie and becomes 2^24, + 2^24 = 2^25; or 1.
     * base 2^-149: 2^25, or three times 2^-149. */
    static const float bases[] = { 1, 0x1p-149f }, left[] = { 0x1p25f, 0x1p25f };
    const float right[] = { 1, 3 * 0x1p-149f };
    (void)state;

    for (uint32_t compare = 0; compare < 2; compare++)
        for (int base = 0; base < 2; base++)
            for (size_t mode = 0; mode < 8; mode++) {
                float y[6];
                size_t size;
                mdl_builder *b = delicate_model((double)bases[base], compare);
                const void *bytes;
                mdl_model *m;
                fesetround(roundings[mode % 4]);
                flush_denormals(mode >= 4);
                const uint64_t before = mode_now();
                const mdl_status built = mdl_build_bytes(b, &bytes, &size, NULL);
                const mdl_status s = built ? built : mdl_load_memory(&m, bytes, size, NULL, NULL);
                const mdl_status p = s ? s : mdl_predict(m, x, 6, y);
                const uint64_t after = mode_now();
                flush_denormals(0);
                fesetround(FE_TONEAREST);
                assert_int_equal(p, MDL_OK);
                assert_true(before == after);
                for (int i = 0; i < 6; i++) {
                    const float want = x[i] < (compare ? 0x1p-149f : 0x1p-149f) ? left[base]
                                                                               : right[base];
                    if (memcmp(&y[i], &want, sizeof want) != 0)
                        fail_msg("mode %zu, base %d, compare %u, x %a: %a, expected %a", mode, base,
                                 (unsigned)compare, (double)x[i], (double)y[i], (double)want);
                }
                mdl_free(m);
                mdl_builder_free(b);
            }
}

static void a_builder_takes_denormals_whatever_the_mode(void **state)
{
    (void)state;

    flush_denormals(1);
    mdl_builder *b = delicate_model(0x1p-149, 0);
    flush_denormals(0);
    mdl_error err = MDL_ERROR_INIT;
    if (mdl_builder_status(b, &err))
        fail_msg("%s", err.text);
    mdl_model *m = loaded(b, NULL);
    const float x = 1;
    float y;
    assert_int_equal(mdl_predict(m, &x, 1, &y), MDL_OK);
    assert_true(y == 3 * 0x1p-149f);
    mdl_free(m);
}

/* ---- rows do not know each other ------------------------------------------------------------------ */

static void any_split_of_a_batch_gives_the_same_bits(void **state)
{
    enum { ROWS = 333 };
    float *x = malloc(ROWS * WIDE_COLS * sizeof *x);
    double whole[ROWS], split[ROWS];
    uint64_t seed = 7;
    (void)state;

    for (size_t i = 0; i < ROWS * WIDE_COLS; i++)
        x[i] = (float)(next_random(&seed) % 3) / 2;
    for (uint32_t type = MDL_F32; type <= MDL_F64; type++) {
        mdl_model *m = loaded(wide_model(NULL, type), NULL);
        mdl_tensor in = table(MDL_F32, x, ROWS, WIDE_COLS), out = table(MDL_F64, whole, ROWS, 1);
        assert_int_equal(mdl_predict_tensor(m, &in, &out, NULL, NULL), MDL_OK);
        for (int round = 0; round < 30; round++) {
            for (int64_t at = 0, n; at < ROWS; at += n) {
                n = 1 + (int64_t)(next_random(&seed) % (round < 10 ? 12 : 200));
                if (n > ROWS - at)
                    n = ROWS - at;
                in = table(MDL_F32, x + at * WIDE_COLS, n, WIDE_COLS);
                out = table(MDL_F64, split + at, n, 1);
                assert_int_equal(mdl_predict_tensor(m, &in, &out, NULL, NULL), MDL_OK);
            }
            assert_memory_equal(split, whole, sizeof whole);
        }
        mdl_free(m);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_table_is_an_error_that_says_which),
        cmocka_unit_test(the_simple_calls_refuse_null_and_sizes_that_overflow),
        cmocka_unit_test(options_may_be_short_or_long_but_ask_for_nothing_unknown),
        cmocka_unit_test(graphs_with_several_inputs_run_by_name_or_by_position),
        cmocka_unit_test(an_error_whose_size_is_not_set_is_left_alone),
        cmocka_unit_test(errno_stays_as_it_was),
        cmocka_unit_test(steady_state_allocates_nothing),
        cmocka_unit_test(a_call_with_a_context_never_allocates),
        cmocka_unit_test(a_context_of_another_model_is_refused),
        cmocka_unit_test(a_context_for_too_many_rows_is_refused),
        cmocka_unit_test(the_hosts_floating_point_mode_changes_no_bit_and_is_kept),
        cmocka_unit_test(a_builder_takes_denormals_whatever_the_mode),
        cmocka_unit_test(any_split_of_a_batch_gives_the_same_bits),
    };

    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
