/*
 * import/leaves.c - a loaded model whose leaf values are rounded to float16
 *
 *     value   float16, the nearest to leaf / scale
 *     scale   2^k in the type of the sums, so that the largest leaf lies in [2^15, 65504]
 *
 * Nothing overflows.  A leaf keeps 11 bits; what is less than 2^-29 of the largest has fewer, and
 * what is less than 2^-40 of it becomes 0.  How far leaves moved goes into the metadata.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl_import.h"

#include "base/arena.h"
#include "base/rest.h"
#include "base/status.h"
#include "import/number.h"

#include <stdio.h>
#include <string.h>

#define TOP 15                    /* float16 ends before 2^(TOP + 1), */
#define LEAST (-14)               /* and keeps its 11 bits down to 2^LEAST */
#define HALF_INFINITE 0x7C00u
#define HALF_NAN 0x7E00u

enum { VALUE, SCALE, WEIGHT, VECTOR, GIVEN, REST, TREE_START, ITERATION, OUTPUT, LINEAR, ARRAYS };
static const char *const names[ARRAYS] = { "value", "scale", "weight", "vector", "given", "rest",
                                           "tree_start", "iteration", "output", "linear_const" };

struct ensemble {
    mdl_tensor array[ARRAYS];     /* type 0: not there                                     */
    int64_t outputs, average;
};

/* How far the leaves of all ensembles moved. */
struct moved {
    double most, total, relative; /* one value: at most; all together; at most, of its own */
    double sum;                   /* the sums of an ensemble, at most                      */
    uint64_t values;
};

/* ---- an ensemble, as the library tells it ---------------------------------------------------- */

static void look(struct ensemble *e, const mdl_model *m, size_t node, const mdl_node_info *info)
{
    memset(e, 0, sizeof *e);
    for (size_t i = 0; i < info->n_tensors; i++) {
        mdl_tensor t = { .size = sizeof t };
        mdl_node_tensor(m, node, i, &t);
        for (size_t k = 0; k < ARRAYS; k++)
            if (!strcmp(t.name, names[k]))
                e->array[k] = t;
    }
    for (size_t i = 0; i < info->n_params; i++) {
        const char *name;
        char text[32];
        mdl_node_param(m, node, i, &name, text, sizeof text);
        if (!strcmp(name, "outputs"))
            mdl_parse_i64(text, strlen(text), &e->outputs);
        if (!strcmp(name, "average"))
            mdl_parse_i64(text, strlen(text), &e->average);
    }
}

static uint64_t count(const mdl_tensor *t)
{
    uint64_t n = t->type != 0;

    for (uint32_t d = 0; d < t->rank; d++)
        n *= (uint64_t)t->dims[d];
    return n;
}

static uint32_t word_at(const mdl_tensor *t, uint64_t i)
{
    return t->type == MDL_U8 ? ((const uint8_t *)t->data)[i]
         : t->type == MDL_U16 ? ((const uint16_t *)t->data)[i] : ((const uint32_t *)t->data)[i];
}

static double real_at(const mdl_tensor *t, uint64_t i)
{
    return t->type == MDL_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int is_finite(double x) { return x - x == 0; }
static double absolute(double x) { return x > 0 ? x : 0 - x; }   /* of -0 it is 0 */

static double power_of_two(int k)
{
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* floor(log2 x), x >= 0; below the normal numbers -1023. */
static int exponent(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (int)(bits >> 52) - 1023;
}

/* The nearest float16 to x, of two the even one; *rounded is what it stands for. */
static uint32_t half_of(double x, double *rounded)
{
    const double size = absolute(x);
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = (uint32_t)(bits >> 63) << 15;

    *rounded = x;
    if (!is_finite(x))
        return x != x ? HALF_NAN : sign | HALF_INFINITE;
    if (exponent(size) > TOP)
        return sign | HALF_INFINITE;
    const int e = exponent(size) < LEAST ? LEAST : exponent(size);
    const double unit = power_of_two(e - 10), whole = (size / unit + 0x1p52) - 0x1p52;
    *rounded = sign ? -whole * unit : whole * unit;
    return sign | ((uint32_t)(e - LEAST) * 1024 + (uint32_t)whole);
}

/* 2^k for the largest leaf, `most`. */
static double scale_for(uint32_t type, double most)
{
    const int least = type == MDL_F32 ? -126 : -1022, k = exponent(most) - TOP;
    const double scale = power_of_two(k < least ? least : k);
    double rounded;

    return half_of(most / scale, &rounded) < HALF_INFINITE ? scale : 2 * scale;
}

/* ---- rounding -------------------------------------------------------------------------------- */

/* Values as float16, and how far each moved; 0 when one became infinite. */
static int round_values(const mdl_tensor *value, double scale, uint16_t *to, double *by,
                        struct moved *all)
{
    const uint64_t n = count(value);

    for (uint64_t i = 0; i < n; i++) {
        const double x = real_at(value, i);
        double rounded;
        to[i] = (uint16_t)half_of(x / scale, &rounded);
        by[i] = 0;
        if (!is_finite(x))
            continue;
        const double now = value->type == MDL_F32 ? (double)((float)rounded * (float)scale)
                                                  : rounded * scale;
        if (!is_finite(now))
            return 0;
        by[i] = absolute(now - x);
        all->total += by[i];
        all->most = by[i] > all->most ? by[i] : all->most;
        if (x != 0 && by[i] / absolute(x) > all->relative)
            all->relative = by[i] / absolute(x);
    }
    all->values += n;
    return 1;
}

/* A tree has one more leaf than splits. */
static uint64_t leaves_of(const struct ensemble *e)
{
    const mdl_tensor *start = &e->array[TREE_START];
    const uint64_t trees = count(start) - 1;

    return (word_at(start, trees) + trees) / 2;
}

/* The row of a leaf's values, UINT64_MAX if it is not given; *next counts those that are. */
static uint64_t row_of(const mdl_tensor *a, uint64_t leaf, uint64_t *next)
{
    if (a[VECTOR].type)
        return word_at(&a[VECTOR], leaf);
    if (a[GIVEN].type && !(((const uint8_t *)a[GIVEN].data)[leaf / 8] >> leaf % 8 & 1))
        return UINT64_MAX;
    return (*next)++;
}

/* What each tree can change the sums by, added up: for each output. */
static void add_moves(const struct ensemble *e, const double *by, double *sum)
{
    const mdl_tensor *const a = e->array;
    const uint64_t trees = count(&a[OUTPUT]), width = (uint64_t)a[VALUE].dims[1];
    uint64_t leaf = 0, row = 0;

    for (uint64_t t = 0; t < trees; t++) {
        const uint64_t first = leaf;
        const double weight = a[WEIGHT].type ? absolute(real_at(&a[WEIGHT], t)) : 1;
        uint64_t next = row;
        leaf += (word_at(&a[TREE_START], t + 1) - word_at(&a[TREE_START], t)) / 2 + 1;
        for (uint64_t j = 0; j < width; j++) {
            double most = 0;
            next = row;
            for (uint64_t i = first; i < leaf; i++) {
                const uint64_t r = row_of(a, i, &next);
                const double d = r == UINT64_MAX ? 0 : by[r * width + j];
                most = d > most ? d : most;
            }
            sum[word_at(&a[OUTPUT], t) + j] += most * weight;
        }
        row = next;
    }
}

/* Values with their last column, where the file has that as `rest`.  0: no memory. */
static int complete(struct ensemble *e, struct arena *temp)
{
    mdl_tensor *value = &e->array[VALUE];
    const mdl_tensor *rest = &e->array[REST];
    const uint8_t *at = rest->data;

    if (!rest->type)
        return 1;
    const uint64_t rows = (uint64_t)value->dims[0];
    double *to = mdl_arena_take_raw(temp, rows, (size_t)(value->dims[1] + 1) * sizeof *to);
    if (to)                                      /* the file is loaded: it says all of them */
        mdl_rest_rows(to, value->data, rows, (size_t)value->dims[1], &at, at + count(rest));
    value->data = to;
    value->dims[1]++;
    return to != NULL;
}

static mdl_status round_ensemble(mdl_builder *b, int32_t node, const struct ensemble *e,
                                 struct moved *all, struct arena *temp, mdl_error *err)
{
    const mdl_tensor *value = &e->array[VALUE];
    const uint64_t n = count(value), rounds = count(&e->array[ITERATION]) - 1;
    const int64_t one = 1;
    double most = 0;

    if (e->array[SCALE].type)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "the leaves are float16 already");
    if (e->array[LINEAR].type)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "not supported: linear leaves as float16");
    for (uint64_t i = 0; i < n; i++)
        if (is_finite(real_at(value, i)) && absolute(real_at(value, i)) > most)
            most = absolute(real_at(value, i));
    const double scale = scale_for(value->type, most);
    const float narrow = (float)scale;
    uint16_t *half = mdl_arena_take_raw(temp, n, sizeof *half);
    double *by = mdl_arena_take_raw(temp, n, sizeof *by);
    double *sum = mdl_arena_take(temp, (uint64_t)e->outputs, sizeof *sum);
    if (!half || !by || !sum)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    if (!round_values(value, scale, half, by, all))
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "not supported: leaves as float16 that are as "
                        "large as %s can be", mdl_type_name(value->type));
    add_moves(e, by, sum);
    if (e->array[GIVEN].type)                    /* the other leaves are 0, and stay so */
        all->values += leaves_of(e) * (uint64_t)value->dims[1] - n;
    for (int64_t k = 0; k < e->outputs; k++) {
        const double s = e->average && rounds ? sum[k] / (double)rounds : sum[k];
        all->sum = s > all->sum ? s : all->sum;
    }
    mdl_build_weights(b, node, "value", MDL_F16, 2, value->dims, half);
    mdl_build_weights(b, node, "rest", 0, 1, NULL, NULL);
    mdl_build_weights(b, node, "scale", value->type, 1, &one,
                      value->type == MDL_F32 ? (const void *)&narrow : &scale);
    return mdl_builder_status(b, err);
}

/* x >= 0 to three digits, upwards, and without locale: 1.23e-4. */
static void say(mdl_builder *b, const char *key, double x)
{
    char text[32];
    int power = 0;

    memcpy(text, x == 0 ? "0" : "inf", x == 0 ? 2 : 4);
    for (; x > 9.99 && is_finite(x); power++)
        x /= 10;
    for (; x > 0 && x <= 0.999; power--)
        x *= 10;
    if (is_finite(x) && x > 0) {
        unsigned digits = (unsigned)(x * 100);
        digits += digits < x * 100;
        snprintf(text, sizeof text, "%u.%02ue%d", digits / 100, digits % 100, power);
    }
    mdl_build_metadata(b, key, text);
}

static mdl_status round_all(mdl_builder *b, const mdl_model *m, struct arena *temp, mdl_error *err)
{
    struct moved all = { .values = 0 };
    struct ensemble e;
    size_t found = 0;

    for (size_t i = 0; i < mdl_node_count(m); i++) {
        mdl_node_info info = { .size = sizeof info };
        mdl_node(m, i, &info);
        if (strcmp(info.op, "trees") != 0)
            continue;
        look(&e, m, i, &info);
        const mdl_status s = complete(&e, temp) ? round_ensemble(b, (int32_t)i, &e, &all, temp, err)
                                                : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
        if (s)
            return s;
        found++;
    }
    if (!found)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "not supported: float16 leaves of a model "
                        "without trees");
    mdl_build_metadata(b, "leaves", "float16");
    say(b, "leaf_change_most", all.most);
    say(b, "leaf_change_mean", all.values ? all.total / (double)all.values : 0);
    say(b, "leaf_change_relative", all.relative);
    say(b, "sum_change_most", all.sum);
    return mdl_builder_status(b, err);
}

mdl_status mdl_round_leaves(mdl_builder **out, const mdl_model *model, uint32_t type,
                            mdl_error *error)
{
    const mdl_allocator allocator = mdl_allocator_or_default(NULL);
    struct arena temp;

    if (out)
        *out = NULL;
    if (!out || !model || type != MDL_F16)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "mdl_round_leaves: out or model is NULL, or the "
                        "type is not float16");
    mdl_builder *b = mdl_builder_from_model(model, error);
    if (!b)
        return error && error->code ? error->code : MDL_ERR_MEMORY;
    mdl_arena_init(&temp, &allocator, UINT64_MAX);
    const uint64_t mode = mdl_fp_enter();        /* denormals are numbers here */
    const mdl_status s = round_all(b, model, &temp, error);
    mdl_fp_leave(mode);
    mdl_arena_free(&temp);
    if (s)
        mdl_builder_free(b);
    else
        *out = b;
    return s;
}
