/*
 * op/ctr.c - a table for trees from numbers and categories: y = [numbers, equals, ratios]
 *
 *   x  float64 [rows, cols]; a cell of a category holds a hash of its text, an int32
 *   y  float32 [rows, numbers + equals + ratios]
 *
 *   number   u32 [n]     column: y = x, rounded
 *   equal    i32 [m, 2]  column, category: y = 1 where x is that category, else 0
 *   ratio    i32 [r, 3]  table, good, all: numbers of the row of a table that a key finds;
 *                        all -1: there is none
 *   prior    f32 [r, 5]  p0 .. p4: y = ((good + p0) / (all + p1) + p2) * p3, with p4 for `all`
 *                        if that is -1; in float32, left to right
 *   table    u32 [t, 3]  key, numbers in a row, rows; in the order of keys; ratios in theirs
 *   hash     u64 [h]     of the rows of all tables, ascending within each
 *   count    f32 [...]   the rows
 *   key      u32 [k + 1] first part of each key
 *   part     i32 [p, 3]  kind, column, category; kinds: a category, is x above `border` (NaN is
 *                        not, or is), is x that category
 *   border   f32 [p]
 *
 * A key's hash begins with 0 and takes in part after part, h = M (h + M v) mod 2^64, v being
 * the category or 1 or 0.  What is not in a table, or has a category that is no int32 (NaN),
 * counts as a row of zeros.  These are the target statistics of CatBoost: Borders, Buckets and
 * the like differ in which sums of counts `good` and `all` are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

static const struct slot slots[CTR_SLOTS] = {
    [CTR_NUMBER] = { "number", TYPE_BIT(MDL_U32), 1, 0 },
    [CTR_EQUAL] = { "equal", TYPE_BIT(MDL_I32), 2, 0 },
    [CTR_RATIO] = { "ratio", TYPE_BIT(MDL_I32), 2, 0 },
    [CTR_PRIOR] = { "prior", TYPE_BIT(MDL_F32), 2, 0 },
    [CTR_TABLE] = { "table", TYPE_BIT(MDL_U32), 2, 0 },
    [CTR_HASH] = { "hash", TYPE_BIT(MDL_U64), 1, 0 },
    [CTR_COUNT] = { "count", TYPE_BIT(MDL_F32), 1, 0 },
    [CTR_KEY] = { "key", TYPE_BIT(MDL_U32), 1, 0 },
    [CTR_PART] = { "part", TYPE_BIT(MDL_I32), 2, 0 },
    [CTR_BORDER] = { "border", TYPE_BIT(MDL_F32), 1, 0 },
};

/* ---- checks ---------------------------------------------------------------------------------- */

mdl_status mdl_ctr_bad(const struct node *n, uint32_t slot, uint64_t i, mdl_error *err)
{
    const struct tensor *t = &n->tensors[slot];

    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset,
                       "element %llu of '%s' names what is not there, or is out of order",
                       (unsigned long long)i, slots[slot].name);
}

static mdl_status check_shapes(const struct node *n, mdl_error *err)
{
    static const uint8_t width[CTR_SLOTS] = { 1, 2, 3, 5, 3, 1, 1, 1, 3, 1 };

    for (uint32_t i = 0; i < CTR_SLOTS; i++)
        if (ctr_records(n, i, width[i]) > INT32_MAX)
            return mdl_fail(err, MDL_ERR_FORMAT, "'%s' has not %u in a row, or too many",
                            slots[i].name, width[i]);
    if (ctr_records(n, CTR_PRIOR, 5) != ctr_records(n, CTR_RATIO, 3))
        return mdl_fail(err, MDL_ERR_FORMAT, "there are not as many priors as ratios");
    if (ctr_records(n, CTR_BORDER, 1) != ctr_records(n, CTR_PART, 3))
        return mdl_fail(err, MDL_ERR_FORMAT, "there are not as many borders as parts");
    return MDL_OK;
}

static mdl_status check_columns(const struct node *n, uint64_t cols, mdl_error *err)
{
    const uint32_t *number = n->tensors[CTR_NUMBER].data;
    const int32_t *equal = n->tensors[CTR_EQUAL].data;
    const struct ctr_part *part = n->tensors[CTR_PART].data;
    const float *border = n->tensors[CTR_BORDER].data;

    for (uint64_t i = 0; i < ctr_records(n, CTR_NUMBER, 1); i++)
        if (number[i] >= cols)
            return mdl_ctr_bad(n, CTR_NUMBER, i, err);
    for (uint64_t i = 0; i < ctr_records(n, CTR_EQUAL, 2); i++)
        if (equal[2 * i] < 0 || (uint64_t)equal[2 * i] >= cols)
            return mdl_ctr_bad(n, CTR_EQUAL, i, err);
    for (uint64_t i = 0; i < ctr_records(n, CTR_PART, 3); i++)
        if (part[i].kind < 0 || part[i].kind >= PARTS || part[i].column < 0
            || (uint64_t)part[i].column >= cols || border[i] != border[i])
            return mdl_ctr_bad(n, CTR_PART, i, err);
    return MDL_OK;
}

static mdl_status check_tables(const struct node *n, mdl_error *err)
{
    const struct ctr_file_table *t = n->tensors[CTR_TABLE].data;
    const struct ctr_ratio *ratio = n->tensors[CTR_RATIO].data;
    const uint32_t *key = n->tensors[CTR_KEY].data;
    const uint64_t tables = ctr_records(n, CTR_TABLE, 3), keys = ctr_records(n, CTR_KEY, 1);
    uint64_t hashes = 0, counts = 0;

    for (uint64_t i = 0; i < keys; i++)
        if (i ? key[i] < key[i - 1] : key[i] != 0)
            return mdl_ctr_bad(n, CTR_KEY, i, err);
    if (keys && key[keys - 1] != ctr_records(n, CTR_PART, 3))
        return mdl_ctr_bad(n, CTR_KEY, keys - 1, err);
    for (uint64_t i = 0; i < tables; i++) {
        if ((uint64_t)t[i].key + 1 >= keys || !t[i].width || (i && t[i].key < t[i - 1].key))
            return mdl_ctr_bad(n, CTR_TABLE, i, err);
        if (t[i].rows > n->tensors[CTR_HASH].count - hashes
            || (t[i].rows && t[i].width > (n->tensors[CTR_COUNT].count - counts) / t[i].rows))
            return mdl_ctr_bad(n, CTR_TABLE, i, err);
        hashes += t[i].rows;
        counts += (uint64_t)t[i].rows * t[i].width;
    }
    if (hashes != n->tensors[CTR_HASH].count || counts != n->tensors[CTR_COUNT].count)
        return mdl_fail(err, MDL_ERR_FORMAT, "tables have not the rows that there are");
    for (uint64_t i = 0; i < ctr_records(n, CTR_RATIO, 3); i++) {
        const struct ctr_ratio r = ratio[i];
        if (r.table < 0 || (uint64_t)r.table >= tables || (i && r.table < ratio[i - 1].table)
            || r.good < 0 || (uint32_t)r.good >= t[r.table].width || r.all < -1
            || (r.all >= 0 && (uint32_t)r.all >= t[r.table].width))
            return mdl_ctr_bad(n, CTR_RATIO, i, err);
    }
    return MDL_OK;
}

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);

    if (x->type != MDL_F64)
        return mdl_fail(err, MDL_ERR_FORMAT, "x is %s, expected float64", mdl_type_name(x->type));
    mdl_status s = check_shapes(n, err);
    if (!s) s = check_columns(n, x->cols, err);
    if (!s) s = check_tables(n, err);
    if (s)
        return s;
    const uint64_t cols = ctr_records(n, CTR_NUMBER, 1) + ctr_records(n, CTR_EQUAL, 2)
                        + ctr_records(n, CTR_RATIO, 3);
    if (!cols)
        return mdl_fail(err, MDL_ERR_FORMAT, "there is nothing to make");
    value_table(node_out(n, g, 0), MDL_F32, cols);
    return MDL_OK;
}

const struct op mdl_op_ctr = {
    .name = "ctr",
    .about = "numbers, equalities and target statistics of hashed categories, side by side",
    .slots = slots,
    .n_slots = CTR_SLOTS,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .prepare = mdl_ctr_prepare,
    .run = mdl_ctr_run,
};
