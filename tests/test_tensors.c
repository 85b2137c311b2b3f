/*
 * tests/test_tensors.c - graphs of tensors: the calls, their memory, and bodies
 *
 * Expected values are derived by hand at each test.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"


#define ANY (-1)

static int32_t binary(mdl_builder *b, const char *kind, int32_t x, int32_t y)
{
    const int32_t n = mdl_build_node(b, "binary", kind, (const int32_t[]){ x, y }, 2);

    mdl_build_choice(b, n, "kind", kind);
    return mdl_build_result(b, n, 0);
}

static int32_t constant(mdl_builder *b, uint32_t type, uint32_t rank, const int64_t *dims,
                        const void *data)
{
    const int32_t n = mdl_build_node(b, "constant", "", NULL, 0);

    mdl_build_weights(b, n, "value", type, rank, dims, data);
    return mdl_build_result(b, n, 0);
}

static mdl_model *load(mdl_builder *b, const mdl_allocator *allocator)
{
    mdl_load_options o = MDL_LOAD_OPTIONS_INIT;
    mdl_error e = MDL_ERROR_INIT;
    mdl_model *m = NULL;
    const void *bytes;
    size_t size;

    o.allocator = allocator;
    if (mdl_build_bytes(b, &bytes, &size, &e) || mdl_load_memory(&m, bytes, size, &o, &e))
        fail_msg("%s", e.text);
    mdl_builder_free(b);
    return m;
}

/* y = (x + x) * [1, 2, 3] of x [any, 3]. */
static mdl_builder *affine(void)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const float scale[3] = { 1, 2, 3 };
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 2, (const int64_t[]){ ANY, 3 });
    const int32_t twice = binary(b, "add", x, x);

    mdl_build_output(b, "y", MDL_OUTPUT_VALUE,
                     binary(b, "mul", twice, constant(b, MDL_F32, 1, (const int64_t[]){ 3 }, scale)));
    mdl_build_output(b, "twice", MDL_OUTPUT_OTHER, twice);
    return b;
}

static mdl_tensor floats(const char *name, void *data, int64_t rows, int64_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = MDL_F32, .rank = 2, .name = name,
                         .data = data, .dims = { rows, cols } };
}

static void a_call_is_played_again_with_other_numbers_and_other_shapes(void **state)
{
    mdl_model *m = load(affine(), NULL);
    mdl_context *c = NULL;
    (void)state;

    assert_int_equal(mdl_context_create(&c, m, NULL), MDL_OK);
    for (int call = 0; call < 8; call++) {
        const int rows = call < 4 ? 2 : 5;
        float x[15], y[15], twice[15];
        for (int i = 0; i < 15; i++)
            x[i] = (float)(i * 7 + call);
        const mdl_tensor in = floats("x", x, rows, 3);
        const mdl_tensor out[2] = { floats("y", y, rows, 3), floats("twice", twice, rows, 3) };
        assert_int_equal(mdl_run(m, call & 1 ? c : NULL, &in, 1, out, 1 + (size_t)(call & 1), NULL),
                         MDL_OK);
        for (int i = 0; i < rows * 3; i++) {
            assert_true(y[i] == 2 * x[i] * (float)(1 + i % 3));
            assert_true(!(call & 1) || twice[i] == 2 * x[i]);
        }
    }
    mdl_context_free(c);
    mdl_free(m);
}

static void rows_and_doubles_and_strides_go_through_predict(void **state)
{
    mdl_model *m = load(affine(), NULL);
    const double x[6] = { 1, 2, 3, 4, 5, 6 };
    double y[6];
    float by_column[3][2] = { { 1, 4 }, { 2, 5 }, { 3, 6 } }, z[6];
    (void)state;

    assert_int_equal(mdl_input_cols(m), 3);
    assert_int_equal(mdl_output_cols(m), 3);
    assert_int_equal(mdl_predict_f64(m, x, 2, y), MDL_OK);
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2, .data = by_column,
                            .dims = { 2, 3 }, .strides = { 4, 8 } };
    const mdl_tensor out = floats(NULL, z, 2, 3);
    assert_int_equal(mdl_predict_tensor(m, &in, &out, NULL, NULL), MDL_OK);
    for (int i = 0; i < 6; i++) {
        assert_true(y[i] == 2 * x[i] * (1 + i % 3));
        assert_true((double)z[i] == y[i]);
    }
    mdl_free(m);
}

static void a_state_may_be_input_and_output_in_one_place(void **state)
{
    mdl_model *m = load(affine(), NULL);
    float x[6] = { 1, 1, 1, 1, 1, 1 };
    const mdl_tensor in = floats("x", x, 2, 3), out = floats("y", x, 2, 3);
    (void)state;

    for (int i = 0; i < 3; i++)
        assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, NULL), MDL_OK);
    assert_true(x[0] == 8 && x[1] == 64 && x[5] == 216);   /* (2 k)^3 */
    mdl_free(m);
}

/* ---- memory ------------------------------------------------------------------------------------ */

struct count { int calls; };

static void *counted_alloc(void *user, size_t bytes)
{
    ((struct count *)user)->calls++;
    return malloc(bytes);
}

static void counted_free(void *user, void *p, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(p);
}

static void shapes_are_told_before_and_a_context_of_that_size_needs_no_more(void **state)
{
    struct count count = { 0 };
    const mdl_allocator a = { .size = sizeof a, .alloc = counted_alloc, .free = counted_free,
                              .user = &count };
    mdl_model *m = load(affine(), &a);
    mdl_error e = MDL_ERROR_INIT;
    static float x[300], y[300];
    const mdl_tensor in = floats("x", x, 100, 3);
    mdl_tensor out = floats("y", NULL, 0, 0);
    size_t bytes = 0;
    (void)state;

    assert_int_equal(mdl_run_shapes(m, &in, 1, &out, 1, &bytes, &e), MDL_OK);
    assert_true(out.type == MDL_F32 && out.rank == 2 && out.dims[0] == 100 && out.dims[1] == 3);
    assert_true(bytes < 65536);
    void *memory = malloc(bytes);
    mdl_context *c = mdl_context_init(m, 0, memory, bytes);
    assert_non_null(c);
    out.data = y;
    count.calls = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mdl_run(m, c, &in, 1, &out, 1, &e), MDL_OK);
        x[0] = (float)i;
    }
    assert_int_equal(count.calls, 0);
    /* One for a smaller call has no room. */
    const mdl_tensor few = floats("x", x, 1, 3);
    mdl_tensor few_out = floats("y", NULL, 0, 0);
    assert_int_equal(mdl_run_shapes(m, &few, 1, &few_out, 1, &bytes, &e), MDL_OK);
    static float wide[3 * 100000], wide_y[3 * 100000];
    c = mdl_context_init(m, 0, memory, bytes);
    const mdl_tensor big = floats("x", wide, 100000, 3), big_out = floats("y", wide_y, 100000, 3);
    assert_int_equal(mdl_run(m, c, &big, 1, &big_out, 1, &e), MDL_ERR_LIMIT);
    assert_non_null(strstr(e.text, "mdl_run_shapes"));
    free(memory);
    mdl_free(m);
}

static void a_kept_context_allocates_once_for_a_shape(void **state)
{
    struct count count = { 0 };
    const mdl_allocator a = { .size = sizeof a, .alloc = counted_alloc, .free = counted_free,
                              .user = &count };
    mdl_model *m = load(affine(), &a);
    float x[30] = { 1 }, y[30];
    (void)state;

    assert_int_equal(mdl_predict(m, x, 10, y), MDL_OK);
    count.calls = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(mdl_predict(m, x, 10, y), MDL_OK);
    assert_int_equal(count.calls, 0);
    mdl_free(m);
}

static void a_result_of_unknown_shape_stays_in_the_context(void **state)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, MDL_ANY_RANK, NULL);
    const int32_t n = mdl_build_node(b, "nonzero", "", &x, 1);
    mdl_build_output(b, "where", MDL_OUTPUT_OTHER, mdl_build_result(b, n, 0));
    mdl_model *m = load(b, NULL);
    float values[6] = { 0, 1, 0, 2, 3, 0 };
    const mdl_tensor in = floats("x", values, 2, 3);
    mdl_tensor out = { .size = sizeof out };
    mdl_error e = MDL_ERROR_INIT;
    mdl_context *c = NULL;
    (void)state;

    assert_int_equal(mdl_run_shapes(m, &in, 1, &out, 1, NULL, &e), MDL_ERR_UNSUPPORTED);
    assert_int_equal(mdl_run_tensors(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_context_create(&c, m, NULL), MDL_OK);
    assert_int_equal(mdl_run_tensors(m, c, &in, 1, &out, 1, &e), MDL_OK);
    assert_true(out.type == MDL_I64 && out.rank == 2 && out.dims[0] == 2 && out.dims[1] == 3);
    assert_memory_equal(out.data, ((const int64_t[]){ 0, 1, 1, 1, 0, 1 }), 48);
    assert_int_equal(mdl_input_cols(m), 0);
    assert_int_equal(mdl_predict(m, values, 1, values), MDL_ERR_UNSUPPORTED);
    mdl_context_free(c);
    mdl_free(m);
}

/* ---- bad calls ----------------------------------------------------------------------------------- */

static void wrong_shapes_types_and_names_say_what_was_expected(void **state)
{
    mdl_model *m = load(affine(), NULL);
    float x[12] = { 0 }, y[12];
    mdl_tensor in = floats("x", x, 3, 4), out = floats("y", y, 3, 3);
    mdl_error e = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_DATA);
    assert_non_null(strstr(e.text, "'x' is [3, 4], expected [-1, 3]"));
    in = floats("x", x, 4, 3);
    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_DATA);
    assert_non_null(strstr(e.text, "output 'y' is [4, 3], the tensor given for it is [3, 3]"));
    in.type = MDL_I32;
    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_DATA);
    assert_non_null(strstr(e.text, "'x' is int32, expected float32"));
    in = floats("z", x, 4, 3);
    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_NOT_FOUND);
    in = floats("x", NULL, 4, 3);
    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_ARGUMENT);
    in = floats("x", x, -1, 3);
    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_DATA);
    mdl_free(m);
}

static void an_error_within_names_its_node(void **state)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 1, (const int64_t[]){ ANY });
    const int32_t y = mdl_build_tensor(b, "y", MDL_F32, 1, (const int64_t[]){ ANY });
    mdl_build_output(b, "sum", MDL_OUTPUT_VALUE, binary(b, "add", x, y));
    mdl_model *m = load(b, NULL);
    float v[5] = { 0 };
    const mdl_tensor in[2] = {
        { .size = sizeof *in, .type = MDL_F32, .rank = 1, .data = v, .dims = { 2 } },
        { .size = sizeof *in, .type = MDL_F32, .rank = 1, .data = v, .dims = { 3 } },
    };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .rank = 1, .data = v, .dims = { 3 } };
    mdl_error e = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_run(m, NULL, in, 2, &out, 1, &e), MDL_ERR_DATA);
    assert_non_null(strstr(e.text, "node 0 (binary add)"));
    assert_non_null(strstr(e.text, "[2]"));
    mdl_free(m);
}

/* ---- bodies ----------------------------------------------------------------------------------------- */

/* x doubled `most` times: a loop that carries x, and gathers what each iteration begins with. */
static mdl_builder *doubling(int use_most)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 0, NULL);
    const int32_t most = use_most ? mdl_build_tensor(b, "most", MDL_I64, 0, NULL) : MDL_NONE;
    const int32_t in[3] = { most, MDL_NONE, x };
    const int32_t begin = mdl_build_node_n(b, "loop_state", "", in, 3, 3);
    const int32_t go = mdl_build_result(b, begin, 1), at = mdl_build_result(b, begin, 2);
    const int32_t twice = binary(b, "add", at, at);
    const int32_t all[6] = { most, MDL_NONE, x, go, twice, at };
    const int32_t loop = mdl_build_node_n(b, "loop", "", all, 6, 2);

    mdl_build_int(b, loop, "body_nodes", 2);
    mdl_build_int(b, loop, "carried", 1);
    mdl_build_int(b, loop, "scanned", 1);
    mdl_build_output(b, "last", MDL_OUTPUT_VALUE, mdl_build_result(b, loop, 0));
    mdl_build_output(b, "all", MDL_OUTPUT_OTHER, mdl_build_result(b, loop, 1));
    return b;
}

static void a_loop_carries_and_gathers(void **state)
{
    mdl_model *m = load(doubling(1), NULL);
    mdl_context *c = NULL;
    float x = 3;
    int64_t most = 10;
    const mdl_tensor in[2] = { { .size = sizeof *in, .type = MDL_F32, .data = &x },
                               { .size = sizeof *in, .type = MDL_I64, .data = &most } };
    mdl_tensor out[2];
    (void)state;

    assert_int_equal(mdl_context_create(&c, m, NULL), MDL_OK);
    for (most = 0; most <= 10; most += 5) {
        out[0] = out[1] = (mdl_tensor){ .size = sizeof *out };
        assert_int_equal(mdl_run_tensors(m, c, in, 2, out, 2, NULL), MDL_OK);
        assert_true(*(const float *)out[0].data == 3.0f * (float)(1 << most));
        assert_int_equal(out[1].dims[0], most);
        for (int64_t i = 0; i < most; i++)
            assert_true(((const float *)out[1].data)[i] == 3.0f * (float)(1 << i));
    }
    mdl_context_free(c);
    mdl_free(m);
}

/* 16 million nodes take minutes under a sanitizer or an emulator. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__aarch64__)
#  define LONG_LOOPS 1
#else
#  define LONG_LOOPS 0
#endif

#if LONG_LOOPS
static void a_loop_without_an_end_is_stopped(void **state)
{
    mdl_model *m = load(doubling(0), NULL);
    float x = 0, last;
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .data = &x };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .data = &last, .name = "last" };
    mdl_error e = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_run(m, NULL, &in, 1, &out, 1, &e), MDL_ERR_LIMIT);
    mdl_free(m);
}
#endif

static void a_node_outside_cannot_read_what_a_body_makes(void **state)
{
    mdl_builder *b = doubling(1);
    mdl_error e = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    (void)state;

    mdl_build_output(b, "inside", MDL_OUTPUT_OTHER, mdl_build_result(b, 1, 0));
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, &e), MDL_ERR_FORMAT);
    assert_non_null(strstr(e.text, "within a body"));
    mdl_builder_free(b);

    b = doubling(1);
    mdl_build_output(b, "more", MDL_OUTPUT_OTHER,
                     binary(b, "add", mdl_build_result(b, 1, 0), mdl_build_result(b, 1, 0)));
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, &e), MDL_ERR_FORMAT);
    assert_non_null(strstr(e.text, "may not have run"));
    mdl_builder_free(b);
}

static void a_body_larger_than_the_graph_is_refused(void **state)
{
    mdl_builder *b = doubling(1);
    mdl_error e = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    (void)state;

    mdl_build_int(b, 2, "body_nodes", 7);
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, &e), MDL_ERR_FORMAT);
    mdl_builder_free(b);
}

/* z = x + x, made before the loop, is what every iteration hands to the next: its memory must
 * stay.  An iteration begins with x, later ones with z, and gives that + z. */
static void what_a_loop_carries_on_from_outside_stays(void **state)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 0, NULL);
    const int32_t most = mdl_build_tensor(b, "most", MDL_I64, 0, NULL);
    const int32_t z = binary(b, "add", x, x), in[3] = { most, MDL_NONE, x };
    const int32_t begin = mdl_build_node_n(b, "loop_state", "", in, 3, 3);
    const int32_t sum = binary(b, "add", mdl_build_result(b, begin, 2), z);
    const int32_t all[6] = { most, MDL_NONE, x, mdl_build_result(b, begin, 1), z, sum };
    const int32_t loop = mdl_build_node_n(b, "loop", "", all, 6, 2);
    float one = 1, sums[8];
    int64_t times = 8;
    const mdl_tensor inputs[2] = { { .size = sizeof *inputs, .type = MDL_F32, .data = &one },
                                   { .size = sizeof *inputs, .type = MDL_I64, .data = &times } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .rank = 1, .dims = { 8 },
                             .data = sums };
    (void)state;

    mdl_build_int(b, loop, "body_nodes", 2);
    mdl_build_int(b, loop, "carried", 1);
    mdl_build_int(b, loop, "scanned", 1);
    mdl_build_output(b, "sums", MDL_OUTPUT_VALUE, mdl_build_result(b, loop, 1));
    mdl_model *m = load(b, NULL);
    assert_int_equal(mdl_run(m, NULL, inputs, 2, &out, 1, NULL), MDL_OK);
    for (int i = 0; i < 8; i++)
        assert_true(sums[i] == (i ? 4.0f : 3.0f));
    mdl_free(m);
}

/* y has min(rows, 2) numbers: as many as rows, but only up to two. */
static void a_result_that_does_not_follow_the_rows_is_no_prediction(void **state)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 2, (const int64_t[]){ ANY, 1 });
    const int32_t dims = mdl_build_node(b, "shape", "", &x, 1);
    const int64_t one = 1, two = 2;
    float in[5] = { 1, 2, 3, 4, 5 }, y[5];
    (void)state;

    mdl_build_int(b, dims, "end", 1);
    const int32_t parts[2] = {
        binary(b, "min", mdl_build_result(b, dims, 0), constant(b, MDL_I64, 1, &one, &two)),
        constant(b, MDL_I64, 1, &one, &one),
    };
    const int32_t join = mdl_build_node(b, "join", "", parts, 2);
    const int32_t shape = mdl_build_result(b, join, 0);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE,
                     mdl_build_result(b, mdl_build_node(b, "fill", "", &shape, 1), 0));
    mdl_model *m = load(b, NULL);
    assert_int_equal(mdl_output_cols(m), 1);
    assert_int_equal(mdl_predict(m, in, 2, y), MDL_OK);
    assert_int_equal(mdl_predict(m, in, 5, y), MDL_ERR_DATA);
    mdl_free(m);
}

static void a_constant_that_is_empty_has_no_endless_dimensions(void **state)
{
    mdl_builder *b = mdl_builder_new(NULL);
    mdl_error e = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    (void)state;

    mdl_build_output(b, "y", MDL_OUTPUT_VALUE,
                     constant(b, MDL_F32, 3, (const int64_t[]){ 0, INT64_MAX, INT64_MAX }, ""));
    assert_int_not_equal(mdl_build_bytes(b, &bytes, &size, &e), MDL_OK);
    mdl_builder_free(b);
}

static void the_type_of_a_node_without_its_weights_is_unknown(void **state)
{
    static const char *const ops[] = { "encode", "positions", "recurrent" };
    (void)state;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        mdl_builder *b = mdl_builder_new(NULL);
        const int is_table = i < 2;
        const int32_t x = is_table ? mdl_build_input(b, "x", MDL_F32, 2, MDL_ABSENT_ZERO)
                                   : mdl_build_tensor(b, "x", MDL_F32, 3, (const int64_t[]){ 1, 1, 1 });
        const int32_t in[] = { x, x, x };
        const int32_t n = mdl_build_node(b, ops[i], "", in, is_table ? 1 : 3);

        assert_int_equal(mdl_build_type(b, mdl_build_result(b, n, 0)), 0);
        assert_int_equal(mdl_builder_status(b, NULL), MDL_OK);
        mdl_builder_free(b);
    }
}

/* Each key is compared with all before it; the last value of one that comes twice holds. */
static void keys_of_metadata_are_not_without_end(void **state)
{
    enum { KEYS = 16384 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int64_t open = -1;
    char key[16];
    (void)state;

    const int32_t x = mdl_build_tensor(b, "x", MDL_F32, 1, &open);
    mdl_build_output(b, "y", MDL_OUTPUT_OTHER, x);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key %d", i);
        mdl_build_metadata(b, key, "");
    }
    assert_int_equal(mdl_build_metadata(b, "key 77", "again"), MDL_OK);
    assert_int_equal(mdl_build_metadata(b, "another", ""), MDL_ERR_LIMIT);
    mdl_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_played_again_with_other_numbers_and_other_shapes),
        cmocka_unit_test(rows_and_doubles_and_strides_go_through_predict),
        cmocka_unit_test(a_state_may_be_input_and_output_in_one_place),
        cmocka_unit_test(shapes_are_told_before_and_a_context_of_that_size_needs_no_more),
        cmocka_unit_test(a_kept_context_allocates_once_for_a_shape),
        cmocka_unit_test(a_result_of_unknown_shape_stays_in_the_context),
        cmocka_unit_test(wrong_shapes_types_and_names_say_what_was_expected),
        cmocka_unit_test(an_error_within_names_its_node),
        cmocka_unit_test(a_loop_carries_and_gathers),
#if LONG_LOOPS
        cmocka_unit_test(a_loop_without_an_end_is_stopped),
#endif
        cmocka_unit_test(what_a_loop_carries_on_from_outside_stays),
        cmocka_unit_test(a_result_that_does_not_follow_the_rows_is_no_prediction),
        cmocka_unit_test(a_constant_that_is_empty_has_no_endless_dimensions),
        cmocka_unit_test(a_node_outside_cannot_read_what_a_body_makes),
        cmocka_unit_test(a_body_larger_than_the_graph_is_refused),
        cmocka_unit_test(the_type_of_a_node_without_its_weights_is_unknown),
        cmocka_unit_test(keys_of_metadata_are_not_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
