/*
 * tests/test_import_onnx.c - small ONNX files that ask for much
 *
 * What ONNX files mean is tested against the package onnx: tests/python/test_onnx_*.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "imported.h"

#include <sys/resource.h>

/* ---- messages -------------------------------------------------------------------------------- */

struct message {
    unsigned char *bytes;
    size_t size, room;
};

static void put(struct message *m, const void *v, size_t n)
{
    if (m->size + n > m->room) {
        m->room = 2 * (m->size + n);
        m->bytes = realloc(m->bytes, m->room);
        assert_non_null(m->bytes);
    }
    if (n)
        memcpy(m->bytes + m->size, v, n);
    m->size += n;
}

static void put_varint(struct message *m, uint64_t v)
{
    for (; v > 0x7F; v >>= 7)
        put(m, &(unsigned char){ (unsigned char)(v | 0x80) }, 1);
    put(m, &(unsigned char){ (unsigned char)v }, 1);
}

static void put_int(struct message *m, uint32_t field, uint64_t v)
{
    put_varint(m, field << 3);
    put_varint(m, v);
}

static void put_data(struct message *m, uint32_t field, const void *v, size_t n)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, n);
    put(m, v, n);
}

static void put_text(struct message *m, uint32_t field, const char *text)
{
    put_data(m, field, text, strlen(text));
}

/* A message within one; it is empty again then. */
static void put_message(struct message *m, uint32_t field, struct message *inner)
{
    put_data(m, field, inner->bytes, inner->size);
    free(inner->bytes);
    *inner = (struct message){ .size = 0 };
}

static struct message tensor(const char *name, uint64_t n, uint64_t type, const void *data, size_t bytes)
{
    struct message m = { .size = 0 };

    put_int(&m, 1, n);
    put_int(&m, 2, type);
    put_text(&m, 8, name);
    put_data(&m, 9, data, bytes);
    return m;
}

static void put_tensor_attr(struct message *node, const char *name, struct message t)
{
    struct message a = { .size = 0 };

    put_text(&a, 1, name);
    put_message(&a, 5, &t);
    put_int(&a, 20, 4);
    put_message(node, 5, &a);
}

static void put_ints_attr(struct message *node, const char *name, uint64_t first, uint64_t second, int n)
{
    struct message a = { .size = 0 };

    put_text(&a, 1, name);
    put_int(&a, 8, first);
    if (n > 1)
        put_int(&a, 8, second);
    put_int(&a, 20, 7);
    put_message(node, 5, &a);
}

/* An input or output of some dimensions, all open. */
static void put_value(struct message *graph, uint32_t field, const char *name, uint64_t type, int rank)
{
    struct message dim = { .size = 0 }, shape = dim, of = dim, all = dim, value = dim;

    for (int i = 0; i < rank; i++) {
        put_text(&dim, 2, "n");
        put_message(&shape, 1, &dim);
    }
    put_int(&of, 1, type);
    put_message(&of, 2, &shape);
    put_message(&all, 1, &of);
    put_text(&value, 1, name);
    put_message(&value, 2, &all);
    put_message(graph, field, &value);
}

/* Input and output may be NULL. */
static struct message node(const char *op, const char *domain, const char *input, const char *output)
{
    struct message n = { .size = 0 };

    if (input)
        put_text(&n, 1, input);
    put_text(&n, 2, output);
    put_text(&n, 4, op);
    put_text(&n, 7, domain);
    return n;
}

static void put_opset(struct message *m, uint32_t field, const char *domain, uint64_t version)
{
    struct message o = { .size = 0 };

    put_text(&o, 1, domain);
    put_int(&o, 2, version);
    put_message(m, field, &o);
}

static struct message model(struct message *graph)
{
    struct message m = { .size = 0 };

    put_text(graph, 2, "g");
    put_int(&m, 1, 8);
    put_message(&m, 7, graph);
    put_opset(&m, 8, "", 17);
    put_opset(&m, 8, "ai.onnx.ml", 5);
    put_opset(&m, 8, "own", 1);
    return m;
}

static void imports_as(struct message *m, mdl_status want, const char *says)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    o.from = "onnx";
    if (mdl_import_memory(&b, m->bytes, m->size, &o, &err) != want || !strstr(err.text, says))
        fail_msg("status %d: %s", (int)err.code, err.text);
    mdl_builder_free(b);
    free(m->bytes);
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* 40 tensors of 64 MiB, all zeros, in a kilobyte. */
static void sparse_tensors_share_what_they_may_unfold_into(void **state)
{
    struct message graph = { .size = 0 }, n = node("Identity", "", "s0", "y"), m;
    char name[8];
    (void)state;

    put_message(&graph, 1, &n);
    for (int i = 0; i < 40; i++) {
        struct message values, indices = tensor("", 0, 7, NULL, 0), sparse = { .size = 0 };
        snprintf(name, sizeof name, "s%d", i);
        values = tensor(name, 0, 2, NULL, 0);
        put_message(&sparse, 1, &values);
        put_message(&sparse, 2, &indices);
        put_int(&sparse, 3, 64u << 20);
        put_message(&graph, 15, &sparse);
    }
    put_value(&graph, 12, "y", 2, 1);
    m = model(&graph);
    imports_as(&m, MDL_ERR_FORMAT, "or too many");
}

/* A list of 1,500 that is used 300 times: some nodes for each element each time were 3 GB from 12 kB. */
static void a_long_sequence_is_not_unfolded_without_end(void **state)
{
    struct message graph = { .size = 0 }, n = node("SequenceConstruct", "", "x", "s"), m;
    char name[8];
    (void)state;

    for (int i = 1; i < 1500; i++)
        put_text(&n, 1, "x");
    put_message(&graph, 1, &n);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "l%d", i);
        n = node("SequenceLength", "", "s", name);
        put_message(&graph, 1, &n);
    }
    put_value(&graph, 11, "x", 1, 1);
    put_value(&graph, 12, "l0", 7, 0);
    m = model(&graph);
    imports_as(&m, MDL_ERR_UNSUPPORTED, "long sequences that are used too often");
}

#define CALLS 300

/* A model whose function "outer" is called CALLS times, and calls "inner" as often; `inner` has all but
 * its name. */
static void unfolds_too_far(struct message *inner)
{
    struct message graph = { .size = 0 }, outer = graph, m, n;

    put_text(inner, 1, "inner");
    put_text(inner, 5, "y");
    put_opset(inner, 9, "", 17);
    put_text(inner, 10, "own");
    put_text(&outer, 1, "outer");
    put_text(&outer, 5, "y");
    for (int i = 0; i < CALLS; i++) {
        n = node("inner", "own", NULL, "y");
        put_message(&outer, 7, &n);
        n = node("outer", "own", NULL, "y");
        put_message(&graph, 1, &n);
    }
    put_opset(&outer, 9, "own", 1);
    put_text(&outer, 10, "own");
    put_value(&graph, 12, "y", 9, 1);
    m = model(&graph);
    put_message(&m, 25, inner);
    put_message(&m, 25, &outer);
    imports_as(&m, MDL_ERR_LIMIT, "the functions unfold into too many nodes");
}

/* 90,000 times 100 kB. */
static void functions_do_not_unfold_large_tensors_without_end(void **state)
{
    enum { BYTES = 100000 };
    struct message inner = { .size = 0 }, n = node("Constant", "", NULL, "y");
    unsigned char *zeros = calloc(1, BYTES);
    (void)state;

    put_tensor_attr(&n, "value", tensor("", BYTES, 9, zeros, BYTES));       /* bools are copied */
    put_message(&inner, 7, &n);
    unfolds_too_far(&inner);
    free(zeros);
}

/* Seconds to refuse a function of so many inputs (field 4) or attributes (11). */
static double calls_of(uint32_t field, int names)
{
    struct message inner = { .size = 0 }, attr = inner, n = node("Constant", "", NULL, "y");
    const unsigned char yes = 1;
    char name[8];

    for (int i = 0; i < names; i++) {
        snprintf(name, sizeof name, "a%d", i);
        if (field == 4)
            put_text(&inner, field, name);
        else
            put_text(&attr, 1, name);
        if (field != 4)
            put_message(&inner, field, &attr);
    }
    put_tensor_attr(&n, "value", tensor("", 1, 9, &yes, 1));
    put_message(&inner, 7, &n);
    const double start = seconds_now();
    unfolds_too_far(&inner);
    return seconds_now() - start;
}

/* 90,000 times a thousand names: what a function takes is work as well as what it does. */
static void functions_of_many_inputs_and_attributes_are_not_called_without_end(void **state)
{
    (void)state;

    for (uint32_t field = 4; field <= 11; field += 7)
        assert_in_time(calls_of(field, 1000), calls_of(field, 1));
}

/* 100 nodes of 65,535 results, of which each names one: 4 kB were half a gigabyte. */
static void results_that_are_not_named_are_not_without_end(void **state)
{
    struct message graph = { .size = 0 }, m;
    char name[8];
    (void)state;

    for (int i = 0; i < 100; i++) {
        struct message n, outputs = { .size = 0 };
        snprintf(name, sizeof name, "y%d", i);
        n = node("Split", "", "x", name);
        put_text(&outputs, 1, "num_outputs");
        put_int(&outputs, 3, 65535);
        put_int(&outputs, 20, 2);
        put_message(&n, 5, &outputs);
        put_message(&graph, 1, &n);
    }
    put_value(&graph, 11, "x", 1, 1);
    put_value(&graph, 12, "y0", 1, 1);
    m = model(&graph);
    imports_as(&m, MDL_ERR_LIMIT, "too many nodes");
}

/* Each would be looked for among all: 50 kB were a second, 500 kB minutes. */
static void a_body_of_many_results_is_refused(void **state)
{
    struct message graph = { .size = 0 }, body = graph, value = graph, attr = graph, m;
    struct message n = node("Identity", "", "c", "z"), t = tensor("C", 1, 9, "\1", 1);
    (void)state;

    put_message(&graph, 5, &t);
    put_message(&body, 1, &n);
    put_text(&value, 1, "i");
    put_message(&body, 11, &value);
    put_text(&value, 1, "c");
    put_message(&body, 11, &value);
    for (int i = 0; i < 2000; i++) {
        put_text(&value, 1, "z");
        put_message(&body, 12, &value);
    }
    put_text(&attr, 1, "body");
    put_message(&attr, 6, &body);
    put_int(&attr, 20, 5);
    n = node("Loop", "", "", "y");
    put_text(&n, 1, "C");
    put_message(&n, 5, &attr);
    put_message(&graph, 1, &n);
    put_value(&graph, 12, "y", 9, 1);
    m = model(&graph);
    imports_as(&m, MDL_ERR_LIMIT, "takes or gives 2000 values, more than 1024");
}

/* ---- what is read, and soon ------------------------------------------------------------------ */

/* Seconds to read a set. */
static double set_of(uint32_t count)
{
    struct message graph = { .size = 0 }, n = node("TreeEnsemble", "ai.onnx.ml", "x", "y"), m;
    const size_t bytes = (size_t)count * sizeof(float);
    float *members = malloc(bytes);
    const float weights[] = { 1, 2 }, split = 0;
    const unsigned char is_member = 6;

    for (uint32_t i = 0; i < count; i++)
        members[i] = (float)i;
    put_tensor_attr(&n, "membership_values", tensor("", count, 1, members, bytes));
    put_tensor_attr(&n, "nodes_modes", tensor("", 1, 2, &is_member, 1));
    put_tensor_attr(&n, "nodes_splits", tensor("", 1, 1, &split, sizeof split));
    put_tensor_attr(&n, "leaf_weights", tensor("", 2, 1, weights, sizeof weights));
    put_ints_attr(&n, "nodes_featureids", 0, 0, 1);
    put_ints_attr(&n, "nodes_truenodeids", 0, 0, 1);
    put_ints_attr(&n, "nodes_trueleafs", 1, 0, 1);
    put_ints_attr(&n, "nodes_falsenodeids", 1, 0, 1);
    put_ints_attr(&n, "nodes_falseleafs", 1, 0, 1);
    put_ints_attr(&n, "leaf_targetids", 0, 0, 2);
    put_ints_attr(&n, "tree_roots", 0, 0, 1);
    put_message(&graph, 1, &n);
    put_value(&graph, 11, "x", 1, 2);
    put_value(&graph, 12, "y", 1, 2);
    m = model(&graph);
    const double start = seconds_now();
    imports_as(&m, MDL_OK, "");
    free(members);
    return seconds_now() - start;
}

/* Each member is looked for among all others. */
static void a_set_of_many_members_is_read_soon(void **state)
{
    (void)state;

    assert_in_time(set_of(240000), set_of(60000));
}

/* 40 nodes that double what is constant: what is folded must not be gigabytes on the way. */
static void constants_that_double_are_folded_in_little_memory(void **state)
{
    struct message graph = { .size = 0 }, t, m;
    struct rusage used;
    int64_t hundred[100] = { 0 };
    char from[8], to[8];
    (void)state;

    t = tensor("x0", 100, 7, hundred, sizeof hundred);
    put_message(&graph, 5, &t);
    for (int i = 0; i < 40; i++) {
        struct message n, axis = { .size = 0 };
        snprintf(from, sizeof from, "x%d", i);
        snprintf(to, sizeof to, "x%d", i + 1);
        n = node("Concat", "", from, to);
        put_text(&n, 1, from);
        put_text(&axis, 1, "axis");
        put_int(&axis, 3, 0);
        put_int(&axis, 20, 2);
        put_message(&n, 5, &axis);
        put_message(&graph, 1, &n);
    }
    put_value(&graph, 12, "x40", 7, 1);
    m = model(&graph);
    imports_as(&m, MDL_OK, "");
    assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
    assert_true(used.ru_maxrss < 1536 * 1024);                               /* kB, on Linux */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_that_double_are_folded_in_little_memory),
        cmocka_unit_test(sparse_tensors_share_what_they_may_unfold_into),
        cmocka_unit_test(a_long_sequence_is_not_unfolded_without_end),
        cmocka_unit_test(functions_do_not_unfold_large_tensors_without_end),
        cmocka_unit_test(functions_of_many_inputs_and_attributes_are_not_called_without_end),
        cmocka_unit_test(results_that_are_not_named_are_not_without_end),
        cmocka_unit_test(a_body_of_many_results_is_refused),
        cmocka_unit_test(a_set_of_many_members_is_read_soon),
    };

    return cmocka_run_group_tests_name("import onnx", tests, NULL, NULL);
}
