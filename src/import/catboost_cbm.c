/*
 * import/catboost_cbm.c - the binary file of CatBoost
 *
 *     "CBM1", u32 bytes of the core, core: a flatbuffer
 *     for each of the core's parts: its bytes
 *
 *     core       0 version text  1 trees  2 [ 0 key text  1 value text ]  3 [ names of parts ]
 *     trees      0 outputs  1 [i32 splits]  2 [i32 sizes]  3 [i32 starts]  4 [ category columns ]
 *                5 [ number columns ]  6 [ one-hot ]  7 [ statistics ]  8 [f64 leaves]
 *                9 [f64 weights]  10 [u16 left, u16 right: how far behind]  11 [u32 leaf of a node]
 *                12 [ texts ]  13 [ estimated ]  14 scale  15 bias  16 [f64 bias of each output]
 *                17 splits again, as the framework runs them  18 [ embeddings ]
 *     number     0 u8 has NaN  1 index  2 column  3 [f32 borders]  4 name  5 u8 NaN as it is, low
 *                or high
 *     category   0 index  1 column  2 name  3 u8 is used
 *     one-hot    0 index  1 [i32 hashes of categories]
 *
 * The vector's elements are not shared between features in files that CatBoost writes; what
 * is read is bounded by the size of the file.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost_cbm.h"

#include <string.h>

#define HEAD 8u                   /* "CBM1" and the size of the core                     */
#define VERSION "FlabuffersModel_v1"
#define STATISTICS "static_provider_v1"

enum { CORE_VERSION, CORE_TREES, CORE_INFO, CORE_PARTS };
enum { TREES_OUTPUTS, TREES_SPLITS, TREES_SIZES, TREES_STARTS, TREES_CATEGORIES, TREES_NUMBERS,
       TREES_ONE_HOT, TREES_STATISTICS, TREES_LEAVES, TREES_WEIGHTS, TREES_NODES, TREES_NODE_LEAF,
       TREES_TEXTS, TREES_ESTIMATED, TREES_SCALE, TREES_BIAS, TREES_BIASES, TREES_PACKED,
       TREES_EMBEDDINGS };
enum { NUMBER_HAS_NAN, NUMBER_INDEX, NUMBER_COLUMN, NUMBER_BORDERS, NUMBER_NAME, NUMBER_NAN };
enum { CATEGORY_INDEX, CATEGORY_COLUMN, CATEGORY_NAME };
enum { ONE_HOT_INDEX, ONE_HOT_VALUES };
enum { NAN_AS_IT_IS, NAN_LOW, NAN_HIGH, NAN_MODES };

int mdl_cbm_copy(struct cbm *m, struct vec *to, const struct flat_vector *v, size_t bytes)
{
    const uint64_t all = (uint64_t)v->n * bytes;

    if (m->f.status)
        return 0;
    if (all > m->budget)
        return !mdl_flat_fail(&m->f, 0, "lists share their elements");
    m->budget -= all;
    if (all && !mdl_vec_add(to, &m->c->allocator, v->data, (size_t)all)) {
        m->f.status = mdl_cat_memory(m->c);
        return 0;
    }
    return 1;
}

int mdl_cbm_copy_field(struct cbm *m, struct vec *to, const struct flat_table *t, uint32_t field,
                       size_t bytes)
{
    const struct flat_vector v = mdl_flat_vector(t, field, bytes);

    return mdl_cbm_copy(m, to, &v, bytes);
}

int mdl_cbm_add(struct cbm *m, struct vec *to, const void *one, size_t bytes)
{
    if (mdl_vec_add(to, &m->c->allocator, one, bytes))
        return 1;
    m->f.status = mdl_cat_memory(m->c);
    return 0;
}

static int copy_name(struct cbm *m, const struct flat_table *t, uint32_t field, uint32_t *name)
{
    const struct flat_vector v = mdl_flat_vector(t, field, 1);

    *name = CAT_NO_TEXT;
    if (m->f.status || !v.n)
        return !m->f.status;
    if (v.n > m->budget)
        return !mdl_flat_fail(&m->f, 0, "lists share their elements");
    m->budget -= v.n;
    if (!mdl_utf8_valid(v.data, v.n))
        return !mdl_flat_fail(&m->f, (size_t)(v.data - m->f.in.start),
                              "the name of a column is not UTF-8");
    if (mdl_cat_text(m->c, v.data, v.n, name))
        return 1;
    m->f.status = mdl_cat_memory(m->c);
    return 0;
}

/* ---- columns --------------------------------------------------------------------------------- */

static int number(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;
    const uint8_t mode = mdl_flat_u8(t, NUMBER_NAN, NAN_AS_IT_IS);
    struct cat_feature one = {
        .index = mdl_flat_i32(t, NUMBER_INDEX, -1), .column = mdl_flat_i32(t, NUMBER_COLUMN, -1),
        .first = (uint32_t)CAT_COUNT(c->borders, float),
        .nan_is_high = mdl_flat_u8(t, NUMBER_HAS_NAN, 0) && mode == NAN_HIGH,
    };

    if (!m->f.status && mode >= NAN_MODES)
        mdl_flat_fail(&m->f, t->at, "a column of numbers has the NaN mode %u", (unsigned)mode);
    if (!mdl_cbm_copy_field(m, &c->borders, t, NUMBER_BORDERS, sizeof(float))
        || !copy_name(m, t, NUMBER_NAME, &one.name))
        return 0;
    one.n = (uint32_t)CAT_COUNT(c->borders, float) - one.first;
    return mdl_cbm_add(m, &c->numbers, &one, sizeof one);
}

static int category(struct cbm *m, const struct flat_table *t)
{
    struct cat_feature one = {
        .index = mdl_flat_i32(t, CATEGORY_INDEX, -1),
        .column = mdl_flat_i32(t, CATEGORY_COLUMN, -1),
    };

    return copy_name(m, t, CATEGORY_NAME, &one.name)
        && mdl_cbm_add(m, &m->c->categories, &one, sizeof one);
}

static int one_hot(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;
    struct cat_one_hot one = { .index = mdl_flat_i32(t, ONE_HOT_INDEX, -1),
                               .first = (uint32_t)CAT_COUNT(c->values, int32_t) };

    if (!mdl_cbm_copy_field(m, &c->values, t, ONE_HOT_VALUES, sizeof(int32_t)))
        return 0;
    one.n = (uint32_t)CAT_COUNT(c->values, int32_t) - one.first;
    return mdl_cbm_add(m, &c->one_hot, &one, sizeof one);
}

void mdl_cbm_each(struct cbm *m, const struct flat_table *t, uint32_t field,
                 int (*read)(struct cbm *m, const struct flat_table *t))
{
    const struct flat_vector v = mdl_flat_vector(t, field, 4);

    for (uint32_t i = 0; i < v.n && !m->f.status; i++) {
        const struct flat_table one = mdl_flat_item(&v, i);
        if (m->f.status || !read(m, &one))
            return;
    }
}

/* ---- trees ----------------------------------------------------------------------------------- */

/* Children are so many nodes further on; both distances 0, or one, is an end. */
static int tree_nodes(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;
    const struct flat_vector steps = mdl_flat_vector(t, TREES_NODES, 4);
    const struct flat_vector leaf = mdl_flat_vector(t, TREES_NODE_LEAF, 4);

    if (!m->f.status && steps.n != leaf.n)
        mdl_flat_fail(&m->f, t->at, "%u nodes and leaves of %u", (unsigned)steps.n,
                      (unsigned)leaf.n);
    struct cat_node *to = m->f.status || !steps.n
                        ? NULL : mdl_vec_add(&c->nodes, &c->allocator, NULL,
                                             (size_t)steps.n * sizeof *to);
    for (uint32_t i = 0; to && i < steps.n; i++) {
        uint16_t far[2];

        memcpy(far, steps.data + 4 * (size_t)i, sizeof far);
        memcpy(&to[i].leaf, leaf.data + 4 * (size_t)i, 4);
        to[i].left = far[0] ? i + far[0] : 0;
        to[i].right = far[1] ? i + far[1] : 0;
    }
    if (!m->f.status && steps.n && !to)
        m->f.status = mdl_cat_memory(c);
    return !m->f.status;
}

/* Where each tree begins is the sum of the sizes before. */
static void check_starts(struct cbm *m, const struct flat_table *t)
{
    const int32_t *sizes = CAT_AT(m->c->sizes, int32_t);
    const struct flat_vector starts = mdl_flat_vector(t, TREES_STARTS, 4);
    int64_t at = 0;

    if (!m->f.status && starts.n && starts.n != CAT_COUNT(m->c->sizes, int32_t))
        mdl_flat_fail(&m->f, t->at, "as many places of trees as trees were expected");
    for (uint32_t i = 0; i < starts.n && !m->f.status; i++) {
        int32_t start;

        memcpy(&start, starts.data + 4 * (size_t)i, 4);
        if (start != at)
            mdl_flat_fail(&m->f, t->at, "tree %u begins at %d, expected %lld", (unsigned)i,
                          (int)start, (long long)at);
        at += sizes[i];
    }
}

/* Numbers of leaves, of which there are many: in place, unless they are not aligned. */
static void leaves(struct cbm *m, const struct flat_table *t, uint32_t field, struct vec *own,
                   const double **to, uint64_t *n)
{
    const struct flat_vector v = mdl_flat_vector(t, field, sizeof(double));

    if (m->f.status || !v.n)
        return;
    if ((uintptr_t)v.data % sizeof(double) != 0) {
        mdl_cbm_copy(m, own, &v, sizeof(double));
        return;
    }
    *to = (const double *)(const void *)v.data;
    *n = v.n;
}

static void trees(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;

    c->outputs = mdl_flat_i32(t, TREES_OUTPUTS, 0);
    c->scale = mdl_flat_f64(t, TREES_SCALE, 1);
    const double bias = mdl_flat_f64(t, TREES_BIAS, 0);
    if (mdl_cbm_copy_field(m, &c->bias, t, TREES_BIASES, sizeof(double)) && !c->bias.bytes
        && bias != 0 && !mdl_vec_add(&c->bias, &c->allocator, &bias, sizeof bias))
        m->f.status = mdl_cat_memory(c);
    mdl_cbm_each(m, t, TREES_NUMBERS, number);
    mdl_cbm_each(m, t, TREES_CATEGORIES, category);
    mdl_cbm_each(m, t, TREES_ONE_HOT, one_hot);
    mdl_cbm_each(m, t, TREES_STATISTICS, mdl_cbm_ctr);
    mdl_cbm_copy_field(m, &c->tree_splits, t, TREES_SPLITS, sizeof(int32_t));
    mdl_cbm_copy_field(m, &c->sizes, t, TREES_SIZES, sizeof(int32_t));
    leaves(m, t, TREES_LEAVES, &c->own_values, &c->leaf_values, &c->n_values);
    leaves(m, t, TREES_WEIGHTS, &c->own_weights, &c->leaf_weights, &c->n_weights);
    tree_nodes(m, t);
    check_starts(m, t);

    if (mdl_flat_vector(t, TREES_TEXTS, 4).n)
        mdl_parts_add(&c->parts, "columns of text (text_features)");
    if (mdl_flat_vector(t, TREES_EMBEDDINGS, 4).n)
        mdl_parts_add(&c->parts, "columns of embeddings (embedding_features)");
}

/* ---- the rest of the core -------------------------------------------------------------------- */

static int is_text(const struct flat_vector *v, const char *text)
{
    return v->n == strlen(text) && !memcmp(v->data, text, v->n);
}

static int pair(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;
    const struct flat_vector key = mdl_flat_vector(t, 0, 1), value = mdl_flat_vector(t, 1, 1);
    const char *text = (const char *)value.data;
    struct events e;

    if (m->f.status || !key.n || !value.n)
        return !m->f.status;
    if ((uint64_t)key.n + value.n > m->budget)
        return !mdl_flat_fail(&m->f, t->at, "texts are shared");
    m->budget -= (uint64_t)key.n + value.n;
    if (is_text(&key, "catboost_version_info"))
        mdl_cat_version(c, text, value.n);
    else if (is_text(&key, "binclass_probability_threshold"))
        m->f.status = mdl_cat_threshold(c, text, value.n);
    else if (is_text(&key, "loss_function"))
        m->f.status = mdl_cat_loss(c, text, value.n);
    else if (is_text(&key, "params") || is_text(&key, "class_params")) {
        const struct bytes json = { c->file.start, value.data, value.data + value.n, 0 };

        mdl_events_json(&e, json, c->err);
        (key.n == 6 ? mdl_cat_params : mdl_cat_classes)(c, &e);
        m->f.status = e.status;
        mdl_events_free(&e);
    }
    return !m->f.status;
}

/* The statistics are the one part that can be behind the core; the parts that others have are
 * named with their columns. */
static int part(struct cbm *m, const struct flat_table *root)
{
    const struct flat_vector v = mdl_flat_vector(root, CORE_PARTS, 4);

    if (m->f.status || !v.n)
        return 0;
    const struct flat_vector name = mdl_flat_text(&v, 0);
    return is_text(&name, STATISTICS);
}

static mdl_status core(struct cbm *m, struct bytes in, int *has_rows)
{
    struct cat *c = m->c;
    char name[40];
    const struct flat_table root = mdl_flat_root(&m->f, in, c->err);
    const struct flat_vector version = mdl_flat_vector(&root, CORE_VERSION, 1);

    if (!m->f.status && !is_text(&version, VERSION))
        return mdl_fail_at(c->err, MDL_ERR_UNSUPPORTED, "", bytes_offset(&in),
                           "not supported: a core of the format '%s', known is " VERSION,
                           mdl_safe_text(name, sizeof name, (const char *)version.data, version.n));
    const struct flat_table t = mdl_flat_table(&root, CORE_TREES);
    if (!m->f.status && !t.n_fields)
        mdl_flat_fail(&m->f, 0, "the file has no trees");
    if (!m->f.status) trees(m, &t);
    if (!m->f.status) mdl_cbm_each(m, &root, CORE_INFO, pair);
    if (!m->f.status) *has_rows = part(m, &root);
    return m->f.status;
}

mdl_status mdl_cat_cbm(struct cat *c)
{
    struct cbm m = { .c = c, .budget = bytes_left(&c->file) };
    struct bytes in = c->file, inner = in;
    int has_rows = 0;

    bytes_take(&in, HEAD - 4);
    const uint32_t bytes = bytes_u32(&in);
    inner.at = in.at;
    if (in.bad || !bytes_take(&in, bytes))
        return mdl_cat_fail(c, bytes_left(&c->file), "the file ends after %llu bytes, its core "
                            "alone has %u: " MDL_CUT_OFF, (unsigned long long)bytes_left(&c->file),
                            (unsigned)bytes);
    inner.end = in.at;
    const mdl_status s = core(&m, inner, &has_rows);
    if (!s && !c->parts.count && has_rows)
        return mdl_cbm_rows(&m, &in);
    return s;
}
