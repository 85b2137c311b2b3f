/*
 * import/catboost_table.c - what the trees of a CatBoost model look at
 *
 * Without categories that is the caller's rows.  With some it is the table that the operator
 * ctr makes of them: number columns that have borders, then a column for each category that is
 * asked for by name, then the target statistics.  Good and all of a statistic, by its type,
 * `target` being t:
 *
 *     Borders      sum of classes above t, sum of all; of two classes the second, both
 *     Buckets      class t, sum of all
 *     mean values  sum, count
 *     Counter, FeatureFreq    count, the denominator
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include <math.h>                 /* INFINITY */
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS (1 << 22)     /* each has a name here, whoever asks about it or not */

/* ---- columns --------------------------------------------------------------------------------- */

static mdl_status check_borders(const struct cat *c, uint32_t first, uint32_t n)
{
    const float *border = CAT_AT(c->borders, float) + first;

    for (uint32_t i = 0; i < n; i++)
        if (border[i] != border[i] || (i && border[i] < border[i - 1]))
            return mdl_cat_fail(c, 0, "borders of a column are not ascending");
    return MDL_OK;
}

/* Columns of a kind come in the order of their indices. */
static mdl_status check_features(const struct cat *c, const struct vec *v, int64_t *cols)
{
    const struct cat_feature *f = CAT_AT(*v, struct cat_feature);
    mdl_status s = MDL_OK;

    for (size_t i = 0; !s && i < CAT_COUNT(*v, struct cat_feature); i++) {
        if (f[i].column < 0 || f[i].column >= MOST_COLUMNS || f[i].index < 0
            || (i && f[i].index <= f[i - 1].index))
            return mdl_cat_fail(c, 0, "feature %lld is column %lld", (long long)f[i].index,
                                (long long)f[i].column);
        *cols = f[i].column >= *cols ? f[i].column + 1 : *cols;
        s = check_borders(c, f[i].first, f[i].n);
    }
    return s;
}

static void describe(const struct cat *c, const struct vec *v, uint32_t kind)
{
    const struct cat_feature *f = CAT_AT(*v, struct cat_feature);

    for (size_t i = 0; i < CAT_COUNT(*v, struct cat_feature); i++)
        if (f[i].name != CAT_NO_TEXT || kind != MDL_COLUMN_NUMBER)
            mdl_build_column(c->b, c->input, (uint64_t)f[i].column,
                             f[i].name == CAT_NO_TEXT ? ""
                                                      : (const char *)c->texts.data + f[i].name,
                             kind);
}

/* The last column that is spoken of tells how many there are. */
static mdl_status columns(struct cat *c)
{
    int64_t cols = 1;
    mdl_status s = check_features(c, &c->numbers, &cols);

    if (!s) s = check_features(c, &c->categories, &cols);
    if (s)
        return s;
    c->input = c->table = mdl_build_input(c->b, "x", c->categories.bytes ? MDL_F64 : MDL_F32,
                                          (uint64_t)cols, MDL_ABSENT_ZERO);
    describe(c, &c->numbers, MDL_COLUMN_NUMBER);
    describe(c, &c->categories, MDL_COLUMN_HASH);
    return mdl_builder_status(c->b, c->err);
}

const struct cat_feature *mdl_cat_feature(const struct vec *v, int64_t index)
{
    const struct cat_feature *f = CAT_AT(*v, struct cat_feature);
    size_t low = 0, high = CAT_COUNT(*v, struct cat_feature);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (f[middle].index == index)
            return &f[middle];
        if (f[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- the operator's weights ------------------------------------------------------------------ */

struct weights {
    struct cat *c;
    mdl_status s;
    struct vec number, equal, ratio, prior, table, hash, count, key, part, border;
    struct vec sorted;            /* uint32: c->rows in the order of what they are of    */
};

static void put(struct weights *w, struct vec *to, const void *one, size_t bytes)
{
    if (!w->s && !mdl_vec_add(to, &w->c->allocator, one, bytes))
        w->s = mdl_cat_memory(w->c);
}

static void put_u32(struct weights *w, struct vec *to, uint64_t v)
{
    const uint32_t narrow = (uint32_t)v;

    put(w, to, &narrow, sizeof narrow);
}

static void put_f32(struct weights *w, struct vec *to, float v)
{
    put(w, to, &v, sizeof v);
}

/* NaN counts as infinity where it is high, which is above all but infinity. */
static int nan_is_above(int high, float border)
{
    return high && border < (float)INFINITY;
}

/* A split, and the column it is about. */
static void put_splits(struct weights *w, uint64_t column, uint32_t first, uint32_t n, int high)
{
    struct cat *c = w->c;

    for (uint32_t i = 0; i < n; i++) {
        const float border = CAT_AT(c->borders, float)[first + i];
        const struct cat_split one = { (uint32_t)column, border, nan_is_above(high, border) };
        put(w, &c->splits, &one, sizeof one);
    }
}

static void numbers(struct weights *w)
{
    struct cat *c = w->c;
    const struct cat_feature *f = CAT_AT(c->numbers, struct cat_feature);

    for (size_t i = 0; i < CAT_COUNT(c->numbers, struct cat_feature); i++) {
        if (!f[i].n)
            continue;
        const uint64_t at = c->categories.bytes ? CAT_COUNT(w->number, uint32_t)
                                                : (uint64_t)f[i].column;
        put_u32(w, &w->number, (uint64_t)f[i].column);
        put_splits(w, at, f[i].first, f[i].n, f[i].nan_is_high);
    }
}

static mdl_status unknown(const struct cat *c, const char *what, int64_t index)
{
    return mdl_cat_fail(c, 0, "there is no %s %lld", what, (long long)index);
}

static void equals(struct weights *w)
{
    struct cat *c = w->c;
    const struct cat_one_hot *hot = CAT_AT(c->one_hot, struct cat_one_hot);

    for (size_t i = 0; !w->s && i < CAT_COUNT(c->one_hot, struct cat_one_hot); i++) {
        const struct cat_feature *f = mdl_cat_feature(&c->categories, hot[i].index);

        if (!f) {
            w->s = unknown(c, "category column", hot[i].index);
            return;
        }
        for (uint32_t k = 0; k < hot[i].n; k++) {
            const struct cat_split one = {
                (uint32_t)(CAT_COUNT(w->number, uint32_t) + CAT_COUNT(w->equal, uint64_t)), 0.5f, 0,
            };
            put_u32(w, &w->equal, (uint64_t)f->column);
            put(w, &w->equal, &CAT_AT(c->values, int32_t)[hot[i].first + k], sizeof(int32_t));
            put(w, &c->splits, &one, sizeof one);
        }
    }
}

/* ---- statistics: which rows ------------------------------------------------------------------ */

static int compare_parts(const struct cat *c, const struct cat_base *a, const struct cat_base *b)
{
    const struct cat_part *all = CAT_AT(c->parts_of, struct cat_part);

    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return a->n ? memcmp(all + a->first, all + b->first, a->n * sizeof *all) : 0;
}

static int compare_bases(const struct cat *c, const struct cat_base *a, const struct cat_base *b)
{
    return a->type != b->type ? (a->type < b->type ? -1 : 1) : compare_parts(c, a, b);
}

static void sift(const struct cat *c, uint32_t *order, size_t root, size_t n)
{
    const struct cat_rows *rows = CAT_AT(c->rows, struct cat_rows);
    const uint32_t top = order[root];

    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        child += child + 1 < n && compare_bases(c, &rows[order[child]].base,
                                                &rows[order[child + 1]].base) < 0;
        if (compare_bases(c, &rows[top].base, &rows[order[child]].base) >= 0)
            break;
        order[root] = order[child];
    }
    order[root] = top;
}

/* Heapsort; no two are of the same. */
static void sort_rows(struct weights *w)
{
    const struct cat *c = w->c;
    const struct cat_rows *rows = CAT_AT(c->rows, struct cat_rows);
    const size_t n = CAT_COUNT(c->rows, struct cat_rows);

    for (size_t i = 0; i < n; i++)
        put_u32(w, &w->sorted, i);
    uint32_t *order = CAT_AT(w->sorted, uint32_t);
    for (size_t i = w->s ? 0 : n / 2; i-- > 0;)
        sift(c, order, i, n);
    for (size_t end = w->s ? 0 : n; end-- > 1;) {
        const uint32_t most = order[0];
        order[0] = order[end];
        order[end] = most;
        sift(c, order, 0, end);
    }
    for (size_t i = 1; !w->s && i < n; i++)
        if (!compare_bases(c, &rows[order[i - 1]].base, &rows[order[i]].base))
            w->s = mdl_cat_fail(c, 0, "the rows of a target statistic are there twice");
}

static struct cat_rows *find_rows(const struct weights *w, const struct cat_base *base)
{
    struct cat_rows *rows = CAT_AT(w->c->rows, struct cat_rows);
    const uint32_t *order = CAT_AT(w->sorted, uint32_t);
    size_t low = 0, high = CAT_COUNT(w->c->rows, struct cat_rows);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int sign = compare_bases(w->c, base, &rows[order[middle]].base);
        if (!sign)
            return &rows[order[middle]];
        if (sign > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- statistics: keys ------------------------------------------------------------------------ */

/* As op/ctr.c numbers them. */
enum { KIND_CATEGORY, KIND_ABOVE, KIND_ABOVE_OR_NAN, KIND_EQUAL };

static void put_part(struct weights *w, const struct cat_part *p)
{
    const int above = p->kind == CAT_PART_ABOVE;
    const struct cat_feature *f = mdl_cat_feature(above ? &w->c->numbers : &w->c->categories,
                                               p->index);

    if (!f || p->border != p->border) {
        w->s = unknown(w->c, above ? "number column" : "category column", p->index);
        return;
    }
    const int32_t kind = above ? (nan_is_above(f->nan_is_high, p->border) ? KIND_ABOVE_OR_NAN
                                                                     : KIND_ABOVE)
                       : p->kind == CAT_PART_EQUAL ? KIND_EQUAL : KIND_CATEGORY;
    put(w, &w->part, &kind, sizeof kind);
    put_u32(w, &w->part, (uint64_t)f->column);
    put(w, &w->part, &p->category, sizeof p->category);
    put_f32(w, &w->border, p->border);
}

static void put_key(struct weights *w, const struct cat_base *base)
{
    const struct cat_part *p = CAT_AT(w->c->parts_of, struct cat_part) + base->first;

    if (!w->key.bytes)
        put_u32(w, &w->key, 0);
    for (uint32_t i = 0; !w->s && i < base->n; i++)
        put_part(w, &p[i]);
    put_u32(w, &w->key, CAT_COUNT(w->border, float));
}

/* ---- statistics: rows ------------------------------------------------------------------------ */

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = ((const struct cat_hash *)a)->hash, y = ((const struct cat_hash *)b)->hash;

    return x < y ? -1 : x > y;
}

static int is_class(uint32_t type)
{
    return type == CAT_BORDERS || type == CAT_BUCKETS;
}

/* Number of a row, `good` of statistic `ctr` if that is not NULL, else all. */
static float number_of(const struct cat_rows *rows, const uint32_t *words,
                       const struct cat_ctr *ctr)
{
    const int32_t *count = (const int32_t *)(const void *)words;
    int64_t sum = 0;
    float f;

    if (rows->base.type == CAT_BUCKETS && ctr)
        return (float)count[ctr->target];
    if (is_class(rows->base.type)) {
        const int64_t from = ctr ? 1 : 0;          /* of two classes; of more see put_row */
        for (int64_t i = from; i < (int64_t)rows->width; i++)
            sum += count[i];
        return (float)sum;
    }
    if (rows->width == 2 && ctr) {
        memcpy(&f, words, sizeof f);
        return f;
    }
    return (float)count[rows->width - 1];
}

/* A row: all, unless it is the denominator; then good of each statistic that has a target of
 * its own.  Targets ascend: of many classes each sum is the one before without those between. */
static void put_row(struct weights *w, const struct cat_rows *rows, const uint32_t *words,
                    const struct cat_ctr *ctr, size_t n)
{
    const int32_t *count = (const int32_t *)(const void *)words;
    const int is_sum = rows->base.type == CAT_BORDERS && rows->width > 2;
    int64_t above = 0, next = 0;

    for (uint32_t i = 0; is_sum && i < rows->width; i++)
        above += count[i];
    if (rows->width > 1)
        put_f32(w, &w->count, number_of(rows, words, NULL));
    for (size_t i = 0; i < n; i++) {
        if (i && !(is_class(rows->base.type) && ctr[i].target != ctr[i - 1].target))
            continue;
        for (; is_sum && next <= ctr[i].target; next++)
            above -= count[next];
        put_f32(w, &w->count, is_sum ? (float)above : number_of(rows, words, &ctr[i]));
    }
}

/* Numbers in such a row; 0: a target is wrong, or they are out of order. */
static uint32_t row_width(const struct cat_rows *rows, const struct cat_ctr *ctr, size_t n)
{
    uint32_t width = rows->width > 1;

    for (size_t i = 0; i < n; i++) {
        if (is_class(rows->base.type)
            && (ctr[i].target < 0 || ctr[i].target >= rows->width
                || (i && ctr[i].target < ctr[i - 1].target)))
            return 0;
        width += !i || (is_class(rows->base.type) && ctr[i].target != ctr[i - 1].target);
    }
    return width;
}

static void put_rows(struct weights *w, const struct cat_rows *rows, const struct cat_ctr *ctr,
                     size_t n)
{
    struct cat_hash *hash = CAT_AT(w->c->hashes, struct cat_hash) + rows->first_hash;
    const uint32_t *words = CAT_AT(w->c->words, uint32_t) + rows->first_word;

    if (rows->n)
        qsort(hash, (size_t)rows->n, sizeof *hash, by_hash);
    for (uint64_t i = 0; !w->s && i < rows->n; i++) {
        if (i && hash[i].hash == hash[i - 1].hash)
            w->s = mdl_cat_fail(w->c, 0, "a hash of a target statistic is there twice");
        put(w, &w->hash, &hash[i].hash, sizeof(uint64_t));
        put_row(w, rows, words + (size_t)hash[i].row * rows->width, ctr, n);
    }
}

static void put_ratios(struct weights *w, const struct cat_rows *rows, const struct cat_ctr *ctr,
                       size_t n, uint32_t table, uint64_t before)
{
    int32_t good = (rows->width > 1) - 1;

    for (size_t i = 0; i < n; i++) {
        good += !i || (is_class(rows->base.type) && ctr[i].target != ctr[i - 1].target);
        put_splits(w, before + CAT_COUNT(w->ratio, int32_t) / 3, ctr[i].first, ctr[i].n, 0);
        put_u32(w, &w->ratio, table);
        put(w, &w->ratio, &good, sizeof good);
        put(w, &w->ratio, &(int32_t){ rows->width > 1 ? 0 : -1 }, sizeof(int32_t));
        put_f32(w, &w->prior, ctr[i].prior[0]);
        put_f32(w, &w->prior, ctr[i].prior[1]);
        put_f32(w, &w->prior, ctr[i].shift);
        put_f32(w, &w->prior, ctr[i].scale);
        put_f32(w, &w->prior, (float)rows->denominator);
    }
}

/* Statistics that lie in the same rows, which follow each other in the file. */
static void group(struct weights *w, const struct cat_ctr *ctr, size_t n, int new_key,
                  uint64_t before)
{
    struct cat *c = w->c;
    struct cat_rows *rows = find_rows(w, &ctr->base);
    const uint32_t width = rows ? row_width(rows, ctr, n) : 0;
    const uint32_t table = (uint32_t)(CAT_COUNT(w->table, uint32_t) / 3);

    if (!rows || rows->used || !width) {
        w->s = mdl_cat_fail(c, 0, !rows ? "the rows of a target statistic are missing"
                                  : rows->used ? "target statistics are out of order"
                                               : "target statistics of a class that is not there");
        return;
    }
    rows->used = 1;
    for (size_t i = 0; !w->s && i < n; i++)
        w->s = check_borders(c, ctr[i].first, ctr[i].n);
    if (new_key)
        put_key(w, &ctr->base);
    put_ratios(w, rows, ctr, n, table, before);
    put_u32(w, &w->table, CAT_COUNT(w->key, uint32_t) - 2);
    put_u32(w, &w->table, width);
    put_u32(w, &w->table, rows->n);
    put_rows(w, rows, ctr, n);
}

static void statistics(struct weights *w)
{
    const struct cat_ctr *ctr = CAT_AT(w->c->ctrs, struct cat_ctr);
    const size_t n = CAT_COUNT(w->c->ctrs, struct cat_ctr);
    const uint64_t before = CAT_COUNT(w->number, uint32_t) + CAT_COUNT(w->equal, uint64_t);
    size_t end;

    if (n)
        sort_rows(w);
    for (size_t i = 0; !w->s && i < n; i = end) {
        for (end = i + 1; end < n && !compare_bases(w->c, &ctr[i].base, &ctr[end].base); end++)
            ;
        group(w, ctr + i, end - i, !i || compare_parts(w->c, &ctr[i - 1].base, &ctr[i].base) != 0,
              before);
    }
}

/* ---- the node -------------------------------------------------------------------------------- */

static void give(const struct weights *w, int32_t node, const char *slot, uint32_t type,
                 const struct vec *v, int64_t width)
{
    const int64_t cell = type == MDL_U64 ? 8 : 4;
    const int64_t dims[] = { (int64_t)v->bytes / cell / width, width };

    if (v->bytes)
        mdl_build_weights(w->c->b, node, slot, type, width > 1 ? 2 : 1, dims, v->data);
}

static void make_node(struct weights *w)
{
    struct cat *c = w->c;

    if (!w->number.bytes && !w->equal.bytes && !w->ratio.bytes)
        return;                   /* trees that ask nothing look at nothing */
    const int32_t node = mdl_build_node(c->b, "ctr", "", &c->input, 1);
    give(w, node, "number", MDL_U32, &w->number, 1);
    give(w, node, "equal", MDL_I32, &w->equal, 2);
    give(w, node, "ratio", MDL_I32, &w->ratio, 3);
    give(w, node, "prior", MDL_F32, &w->prior, 5);
    give(w, node, "table", MDL_U32, &w->table, 3);
    give(w, node, "hash", MDL_U64, &w->hash, 1);
    give(w, node, "count", MDL_F32, &w->count, 1);
    give(w, node, "key", MDL_U32, &w->key, 1);
    give(w, node, "part", MDL_I32, &w->part, 3);
    give(w, node, "border", MDL_F32, &w->border, 1);
    c->table = mdl_build_result(c->b, node, 0);
}

mdl_status mdl_cat_table(struct cat *c)
{
    struct weights w = { .c = c, .s = columns(c) };
    struct vec *const all[] = { &w.number, &w.equal, &w.ratio, &w.prior, &w.table, &w.hash,
                                &w.count, &w.key, &w.part, &w.border, &w.sorted };

    if (!w.s) numbers(&w);
    if (!w.s) equals(&w);
    if (!w.s) statistics(&w);
    if (!w.s && c->categories.bytes) make_node(&w);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mdl_vec_free(all[i], &c->allocator);
    return w.s ? w.s : mdl_builder_status(c->b, c->err);
}
