/*
 * tests/fuzz/fuzz_load.c - any bytes as a model file: load, ask, predict, save again
 *
 * Each input is tried twice: as it is, and with its file size and checksums made right,
 * so that mutations reach what lies behind them.  A model that loads must hold what
 * mdl.h says: the best kernels answer as the plain ones, a batch as its rows one by one,
 * sparse rows as dense ones, a saved copy as the original.  But for files that bring tables: those
 * must be harmless by every engine.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl_build.h"
#include "repair.h"

#include <stdlib.h>
#include <string.h>

#define ROWS     5u
#define MOST_IN  512u             /* columns of a model that is asked to predict    */
#define MOST_OUT 4096u
#define MOST_VALUES (1u << 18)    /* numbers of an explanation                      */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const mdl_limits limits = { .size = sizeof limits, .file_bytes = 1u << 20,
                                   .memory_bytes = 64u << 20, .scratch_bytes = 1u << 20,
                                   .columns = 1u << 16 };

/* What must hold; the fuzzer keeps the input that breaks it. */
static void must(int holds)
{
    if (!holds)
        abort();
}

/* The file brings tables: engines need not agree. */
static int tables;

/* ---- the two ways in ----------------------------------------------------------------- */

/* The bytes in place, in a block of just their size, so that a read beyond is seen. */
static mdl_model *load_for(const unsigned char *file, size_t size, const char *isa,
                           const char *engine)
{
    const mdl_load_options options = { .size = sizeof options, .flags = MDL_LOAD_BORROW,
                                       .isa = isa, .engine = engine, .limits = &limits };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = (mdl_model *)1;
    const mdl_status s = mdl_load_memory(&m, file, size, &options, &err);

    must(s ? !m && err.code == s && err.text[0] : m != NULL);
    return m;
}

static mdl_model *load(const unsigned char *file, size_t size, const char *isa)
{
    return load_for(file, size, isa, NULL);
}

/* ---- questions ------------------------------------------------------------------------- */

static size_t ask_texts(const mdl_model *m)
{
    const char *key, *value;
    size_t n = 0;

    for (size_t i = 0; !mdl_metadata(m, i, &key, &value); i++)
        n += strlen(key) + strlen(value) + (mdl_metadata_get(m, key) != NULL);
    for (size_t i = 0; i < mdl_input_count(m); i++) {
        mdl_input_info in = { .size = sizeof in };
        must(!mdl_input(m, i, &in));
        n += strlen(in.name);
        for (size_t c = 0; c < (size_t)in.dims[1]; c++) {
            mdl_column_info column = { .size = sizeof column };
            must(!mdl_column(m, i, c, &column));
            n += strlen(column.name);
            for (size_t k = 0; k < column.n_categories; k++)
                n += strlen(mdl_category(m, i, c, k));
            must(!mdl_category(m, i, c, (size_t)column.n_categories));
        }
        mdl_column_find(m, i, "x");
    }
    for (size_t i = 0; i < mdl_output_count(m); i++) {
        mdl_output_info out = { .size = sizeof out };
        must(!mdl_output(m, i, &out));
        n += strlen(out.name) + mdl_output_find(m, out.name) + mdl_output_find_role(m, out.role);
        for (size_t k = 0; k < out.n_labels; k++)
            n += strlen(mdl_label(m, i, k));
        must(!mdl_label(m, i, (size_t)out.n_labels));
    }
    return n;
}

/* Read every byte that a tensor says it has. */
static unsigned touch(const mdl_tensor *t, size_t element)
{
    size_t bytes = element;
    unsigned sum = 0;

    for (uint32_t d = 0; d < t->rank; d++)
        bytes *= (size_t)t->dims[d];
    for (size_t i = 0; i < bytes; i++)
        sum += ((const unsigned char *)t->data)[i];
    return sum;
}

static size_t type_bytes(uint32_t type)
{
    static const unsigned char bytes[] = { 0, 4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1 };

    must(type < sizeof bytes);
    return bytes[type];
}

static unsigned ask_arrays(const mdl_model *m)
{
    unsigned sum = 0;

    for (size_t i = 0; i < mdl_node_count(m); i++) {
        mdl_node_info info = { .size = sizeof info };
        must(!mdl_node(m, i, &info));
        for (size_t k = 0; k < info.n_params; k++) {
            const char *name;
            char text[64], cut[3];
            must(!mdl_node_param(m, i, k, &name, text, sizeof text));
            mdl_node_param(m, i, k, &name, cut, sizeof cut);
            sum += (unsigned)(strlen(name) + strlen(text) + strlen(cut));
        }
        for (size_t k = 0; k < info.n_tensors; k++) {
            mdl_tensor t = { .size = sizeof t };
            must(!mdl_node_tensor(m, i, k, &t));
            sum += touch(&t, type_bytes(t.type));
        }
    }
    for (size_t i = 0; i < mdl_golden_count(m); i++) {
        mdl_tensor t = { .size = sizeof t };
        uint32_t is_output;
        must(!mdl_golden(m, i, &t, &is_output));
        sum += touch(&t, type_bytes(t.type)) + is_output;
    }
    const size_t cols = mdl_input_cols(m);
    double *values = calloc(cols + 1, sizeof *values);
    for (size_t i = 0; values && i < mdl_importance_count(m); i++) {
        const char *kind;
        must(!mdl_importance(m, i, &kind, values));
        sum += (unsigned)strlen(kind) + (cols && values[cols - 1] > 0);
    }
    free(values);
    return sum;
}

/* ---- predictions ------------------------------------------------------------------------- */

static uint64_t next(uint64_t *seed)              /* xorshift64* (Vigna 2016) */
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1Dull;
}

static double cell(uint64_t *seed)
{
    static const double special[] = { 0, -0.0, 1, -1, 0.5, 1e-35, -1e-35, 1e-40, 1e300, -1e300,
                                      2147483647, 2147483648.0, -0.5, 3, 31, 32 };
    const uint64_t r = next(seed) >> 11;

    if (r % 8 == 0)
        return __builtin_nan("");
    if (r % 8 == 1)
        return r & 64 ? __builtin_inf() : -__builtin_inf();
    if (r % 8 < 5)
        return special[r / 8 % (sizeof special / sizeof *special)];
    return (double)(int64_t)(r % 2000) / 16 - 60;
}

/* All NaNs are one: which of two NaNs an addition passes on is the processor's choice. */
static int same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n && !tables; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(a[i] != a[i] && b[i] != b[i]))
            return 0;
    return 1;
}

static mdl_tensor table(uint32_t type, const void *data, size_t rows, size_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = type, .rank = 2,
                         .data = (void *)(uintptr_t)data,
                         .dims = { (int64_t)rows, (int64_t)cols } };
}

static double *doubles(size_t n)
{
    double *p = malloc((n ? n : 1) * sizeof *p);

    must(p != NULL);
    return p;
}

struct rows {
    double x[ROWS * MOST_IN];
    float narrow[ROWS * MOST_IN];
    size_t cols;
};

/* One output of one model as float64, all rows at once. */
static int predict(const mdl_model *m, const struct rows *r, const mdl_predict_options *o,
                   size_t out_cols, double *y)
{
    const mdl_tensor x = table(MDL_F64, r->x, ROWS, r->cols);
    const mdl_tensor out = table(MDL_F64, y, ROWS, out_cols);

    return mdl_predict_tensor(m, &x, &out, o, NULL) == MDL_OK;
}

/* The same rows as sparse ones, every cell stored, columns backwards. */
static void sparse_answers_alike(const mdl_model *m, const struct rows *r,
                                 const mdl_predict_options *o, size_t out_cols, const double *want)
{
    int64_t start[ROWS + 1], columns[ROWS * MOST_IN];
    double *got = doubles(ROWS * out_cols), *values = doubles(ROWS * r->cols);
    const mdl_tensor out = table(MDL_F64, got, ROWS, out_cols);
    mdl_csr x = { .size = sizeof x, .type = MDL_F64, .index_type = MDL_I64, .rows = ROWS,
                  .cols = r->cols, .row_start = start, .columns = columns, .values = values };

    for (size_t i = 0; i < ROWS; i++) {
        start[i] = (int64_t)(i * r->cols);
        for (size_t c = 0; c < r->cols; c++) {
            columns[i * r->cols + c] = (int64_t)(r->cols - 1 - c);
            values[i * r->cols + c] = r->x[i * r->cols + r->cols - 1 - c];
        }
    }
    start[ROWS] = (int64_t)(ROWS * r->cols);
    must(mdl_predict_csr(m, &x, &out, o, NULL) == MDL_OK);
    must(same(got, want, ROWS * out_cols));

    columns[r->cols / 2] = (int64_t)r->cols;      /* a column that is not there */
    must(mdl_predict_csr(m, &x, &out, o, NULL) != MDL_OK);
    columns[r->cols / 2] = 0;
    start[1] = start[ROWS] + 1;
    must(mdl_predict_csr(m, &x, &out, o, NULL) != MDL_OK);
    start[1] = start[2] = 0;                      /* fewer cells stored: anything goes */
    must(mdl_predict_csr(m, &x, &out, o, NULL) == MDL_OK);
    free(got);
    free(values);
}

static void rows_do_not_know_each_other(const mdl_model *m, const struct rows *r,
                                        const mdl_predict_options *o, size_t out_cols,
                                        const double *want)
{
    double *got = doubles(out_cols);

    for (size_t i = 0; i < ROWS; i++) {
        const mdl_tensor x = table(MDL_F64, r->x + i * r->cols, 1, r->cols);
        const mdl_tensor y = table(MDL_F64, got, 1, out_cols);
        must(mdl_predict_tensor(m, &x, &y, o, NULL) == MDL_OK);
        must(same(got, want + i * out_cols, out_cols));
    }
    free(got);
}

static void output_holds(const mdl_model *m, const mdl_model *plain, const mdl_model *saved,
                         const struct rows *r, const mdl_predict_options *o)
{
    size_t cols = 0;

    if (mdl_output_shape(m, o, &cols, NULL) || cols > MOST_OUT)
        return;
    double *want = doubles(ROWS * cols), *got = doubles(ROWS * cols);
    must(predict(plain, r, o, cols, want));
    must(predict(m, r, o, cols, got) && same(got, want, ROWS * cols));
    if (saved)
        must(predict(saved, r, o, cols, got) && same(got, want, ROWS * cols));
    rows_do_not_know_each_other(m, r, o, cols, want);
    sparse_answers_alike(m, r, o, cols, want);
    free(want);
    free(got);
}

static void simple_calls(const mdl_model *m, const struct rows *r)
{
    const size_t out_cols = mdl_output_cols(m);
    float *y = malloc(ROWS * out_cols * sizeof *y);
    double *wide = doubles(ROWS * out_cols);

    must(y != NULL);
    const mdl_status narrow = mdl_predict(m, r->narrow, ROWS, y);
    must(narrow == MDL_OK || narrow == MDL_ERR_DATA);     /* hashes do not fit into float32 */
    must(mdl_predict_f64(m, r->x, ROWS, wide) == MDL_OK);
    free(y);
    free(wide);
}

/* Contributions by every method: the best kernels give what the plain ones do. */
static void explanations_hold(const mdl_model *m, const mdl_model *plain, const struct rows *r,
                              uint64_t begin)
{
    const mdl_tensor x = table(MDL_F64, r->x, ROWS, r->cols);

    for (uint32_t method = MDL_EXPLAIN_SHAP; method <= MDL_EXPLAIN_BACKGROUND; method++) {
        const mdl_explain_options o = { .size = sizeof o, .method = method, .tree_begin = begin,
            .background = method == MDL_EXPLAIN_BACKGROUND ? &x : NULL };
        mdl_explainer *e, *f;
        mdl_tensor v = { .size = sizeof v };
        const mdl_status s = mdl_explainer_create(&e, m, &o, NULL);
        must(mdl_explainer_create(&f, plain, &o, NULL) == s && (s == MDL_OK) == (e != NULL));
        if (s)
            continue;
        must(mdl_explain_shape(e, ROWS, &v) == MDL_OK);
        const size_t n = (size_t)(v.strides[0] / 8) * ROWS;
        double *got = doubles(n <= MOST_VALUES ? n : 0), *want = doubles(n <= MOST_VALUES ? n : 0);
        v.data = got;
        const mdl_status done = n <= MOST_VALUES ? mdl_explain(e, &x, &v, NULL) : MDL_ERR_LIMIT;
        v.data = want;
        if (n <= MOST_VALUES)
            must(mdl_explain(f, &x, &v, NULL) == done && (done || same(got, want, n)));
        mdl_explain_column(e, r->cols / 2);
        mdl_explainer_free(e);
        mdl_explainer_free(f);
        free(got);
        free(want);
    }
}

/* Stages are predictions of longer and longer ranges; a row that stops does so with any kernels. */
static void stages_hold(const mdl_model *m, const mdl_model *plain, const struct rows *r,
                        mdl_predict_options o, uint64_t seed)
{
    const mdl_tensor x = table(MDL_F64, r->x, ROWS, r->cols);
    const uint64_t n = mdl_iterations(m), every = 1 + seed % 3;
    const size_t stages = n ? (size_t)((n - 1) / every + 1) : 0;
    size_t cols = 0;

    if (!n || n > 64 || mdl_output_shape(m, &o, &cols, NULL) || cols > MOST_OUT)
        return;
    double *got = doubles(stages * ROWS * cols), *want = doubles(ROWS * cols);
    mdl_tensor y = table(MDL_F64, got, stages, ROWS);
    y.rank = 3;
    y.dims[2] = (int64_t)cols;
    o.stage_every = every;
    const mdl_status staged = mdl_predict_tensor(m, &x, &y, &o, NULL);
    must(staged == MDL_OK || staged == MDL_ERR_ARGUMENT);     /* leaf indices under another role */
    o.stage_every = 0;
    for (size_t k = 0; k < stages && !staged; k++) {
        o.tree_end = (k + 1) * every < n ? (k + 1) * every : n;
        must(predict(plain, r, &o, cols, want) && same(got + k * ROWS * cols, want, ROWS * cols));
    }
    o.tree_end = 0;
    o.stop_every = every;
    o.stop_margin = 1.5;
    if (predict(m, r, &o, cols, got))
        must(predict(plain, r, &o, cols, want) && same(got, want, ROWS * cols));
    free(got);
    free(want);
}

static void predictions_hold(const mdl_model *m, const mdl_model *plain, const mdl_model *saved,
                             uint64_t seed)
{
    static struct rows r;
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    r.cols = mdl_input_cols(m);
    if (mdl_input_count(m) != 1 || r.cols > MOST_IN || mdl_output_cols(m) > MOST_OUT)
        return;
    for (size_t i = 0; i < ROWS * r.cols; i++) {
        r.x[i] = cell(&seed);
        r.narrow[i] = (float)(r.x[i] > 1e38 ? 1e38 : r.x[i] < -1e38 ? -1e38 : r.x[i]);
    }
    simple_calls(m, &r);
    for (uint32_t role = MDL_OUTPUT_MAIN; role <= MDL_OUTPUT_LEAF; role++) {
        o.output = role;
        o.tree_begin = 0;
        o.tree_end = 0;
        output_holds(m, plain, saved, &r, &o);
        o.tree_begin = seed % 3;
        o.tree_end = o.tree_begin + 1 + seed / 3 % 3;
        output_holds(m, plain, saved, &r, &o);
    }
    o.output = MDL_OUTPUT_TREES;
    o.tree_begin = o.tree_end = 0;
    output_holds(m, plain, saved, &r, &o);
    for (o.output = MDL_OUTPUT_MAIN; o.output <= MDL_OUTPUT_LABEL; o.output++)
        stages_hold(m, plain, &r, o, seed);
    explanations_hold(m, plain, &r, seed % 2);
}

/* ---- saved and loaded again ------------------------------------------------------------------ */

static mdl_model *save_and_load(const mdl_model *m)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = mdl_builder_from_model(m, &err);
    mdl_model *again = NULL;
    const void *bytes;
    size_t size;

    if (!b)
        return NULL;
    if (!mdl_build_bytes(b, &bytes, &size, &err))
        must(mdl_load_memory(&again, bytes, size, NULL, &err) == MDL_OK);
    mdl_builder_free(b);
    return again;
}

/* Graphs of tensors are another target's (fuzz_tensors.c). */
static int has_tensors(const mdl_model *m)
{
    mdl_input_info in = { .size = sizeof in };
    mdl_node_info node = { .size = sizeof node };
    mdl_op_info op = { .size = sizeof op };

    for (size_t i = 0; i < mdl_input_count(m); i++)
        if (mdl_input(m, i, &in) || in.rank != 2 || in.dims[0] != -1
            || (in.type != MDL_F32 && in.type != MDL_F64))
            return 1;
    for (size_t i = 0; i < mdl_node_count(m); i++) {
        must(!mdl_node(m, i, &node));
        for (size_t k = 0; !mdl_op(k, &op); k++)
            if (!strcmp(op.name, node.op) && op.flags & MDL_OP_TENSOR)
                return 1;
    }
    return 0;
}

/* One row, some and many by each engine and kernel set: enough of them for planes. */
static void try_engines(const unsigned char *file, size_t size)
{
    enum { MANY = 300 };

    for (size_t e = 0; mdl_engine_name(e); e++)
        for (size_t k = 0; mdl_isa_name(k); k++) {
            mdl_model *m = load_for(file, size, mdl_isa_name(k), mdl_engine_name(e));
            const size_t in = mdl_input_cols(m), out = mdl_output_cols(m);
            uint64_t seed = 1 + e;
            if (in > MOST_IN || out > MOST_OUT) {
                mdl_free(m);
                continue;
            }
            double *x = doubles(MANY * in), *y = doubles(MANY * out);
            for (size_t i = 0; i < MANY * in; i++)
                x[i] = cell(&seed);
            must(mdl_predict_f64(m, x, 1, y) == MDL_OK && mdl_predict_f64(m, x, 17, y) == MDL_OK);
            must(mdl_predict_f64(m, x, MANY, y) == MDL_OK);
            free(x);
            free(y);
            mdl_free(m);
        }
}

static void try_file(const unsigned char *file, size_t size)
{
    mdl_model *m = load(file, size, NULL);

    tables = has_tables(file, size);

    if (!m || has_tensors(m)) {
        mdl_free(m);
        return;
    }
    mdl_model *plain = load(file, size, "ref"), *saved = save_and_load(m);
    must(plain != NULL);
    ask_texts(m);
    ask_arrays(m);
    predictions_hold(m, plain, saved, 0x9E3779B97F4A7C15ull ^ mdl_crc32c(0, file, size));
    if (tables)
        try_engines(file, size);
    mdl_free(saved);
    mdl_free(plain);
    mdl_free(m);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    void *file = NULL;

    if (posix_memalign(&file, 64, size ? size : 1))
        return 0;
    if (size)
        memcpy(file, data, size);
    try_file(file, size);
    repair(file, size);
    try_file(file, size);
    free(file);
    return 0;
}
