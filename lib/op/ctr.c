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
#include "op/op.h"

#include <string.h>

#define M 0x4906ba494954cb65u
#define NO_KEY UINT64_MAX         /* what no row has */

enum { NUMBER, EQUAL, RATIO, PRIOR, TABLE, HASH, COUNT, KEY, PART, BORDER, SLOTS };
static const struct slot slots[SLOTS] = {
    [NUMBER] = { "number", TYPE_BIT(MDL_U32), 1, 0 },
    [EQUAL] = { "equal", TYPE_BIT(MDL_I32), 2, 0 },
    [RATIO] = { "ratio", TYPE_BIT(MDL_I32), 2, 0 },
    [PRIOR] = { "prior", TYPE_BIT(MDL_F32), 2, 0 },
    [TABLE] = { "table", TYPE_BIT(MDL_U32), 2, 0 },
    [HASH] = { "hash", TYPE_BIT(MDL_U64), 1, 0 },
    [COUNT] = { "count", TYPE_BIT(MDL_F32), 1, 0 },
    [KEY] = { "key", TYPE_BIT(MDL_U32), 1, 0 },
    [PART] = { "part", TYPE_BIT(MDL_I32), 2, 0 },
    [BORDER] = { "border", TYPE_BIT(MDL_F32), 1, 0 },
};

enum { PART_CATEGORY, PART_ABOVE, PART_ABOVE_OR_NAN, PART_EQUAL, PARTS };

struct ctr_ratio { int32_t table, good, all; };
struct ctr_part { int32_t kind, column, category; };
struct ctr_file_table { uint32_t key, width, rows; };

/* Rows by the first bits of their hashes: the first four that have the same.  What there is to
 * say of one: the ratio, if its table has one ratio, else its number. */
#define WAYS 4u
struct ctr_heap {
    uint64_t hash[WAYS];          /* NO_KEY: none                                       */
    uint32_t say[WAYS];
};

struct ctr_table {
    const uint64_t *hash;         /* [rows] all of them                                 */
    const float    *count;        /* [rows, width]                                      */
    struct ctr_heap    *heaps;        /* [1 << (64 - shift)]                                */
    uint32_t rows, width, shift, key;
    uint32_t first, n;            /* ratios                                             */
    uint32_t none;                /* what there is to say of no row                     */
};

/* A key begins as the one before: hashes of so many parts are at hand.  Those of longer
 * beginnings are not kept. */
#define KEPT 8u

/* A part, and where its column is in the working memory. */
struct ctr_taken {
    uint32_t kind, at;
    uint64_t category;            /* M times it                                         */
    float    border;
};

struct ctr_plan {
    struct ctr_table *tables;
    struct ctr_taken *parts;
    uint32_t *shared;             /* [keys] parts                                       */
    uint32_t *column;             /* [n_codes, then n_floats] of x                      */
    uint32_t n_tables, n_codes, n_floats;
};

/* ---- checks ---------------------------------------------------------------------------------- */

static mdl_status bad(const struct node *n, uint32_t slot, uint64_t i, mdl_error *err)
{
    const struct tensor *t = &n->tensors[slot];

    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset,
                       "element %llu of '%s' names what is not there, or is out of order",
                       (unsigned long long)i, slots[slot].name);
}

/* Elements of a slot in records of `width`; UINT64_MAX when it does not have that shape. */
static uint64_t records(const struct node *n, uint32_t slot, int64_t width)
{
    const struct tensor *t = &n->tensors[slot];

    if (!t->type)
        return 0;
    return t->rank == 2 && t->dims[1] != width ? UINT64_MAX : (uint64_t)t->dims[0];
}

static mdl_status check_shapes(const struct node *n, mdl_error *err)
{
    static const uint8_t width[SLOTS] = { 1, 2, 3, 5, 3, 1, 1, 1, 3, 1 };

    for (uint32_t i = 0; i < SLOTS; i++)
        if (records(n, i, width[i]) > INT32_MAX)
            return mdl_fail(err, MDL_ERR_FORMAT, "'%s' has not %u in a row, or too many",
                            slots[i].name, width[i]);
    if (records(n, PRIOR, 5) != records(n, RATIO, 3))
        return mdl_fail(err, MDL_ERR_FORMAT, "there are not as many priors as ratios");
    if (records(n, BORDER, 1) != records(n, PART, 3))
        return mdl_fail(err, MDL_ERR_FORMAT, "there are not as many borders as parts");
    return MDL_OK;
}

static mdl_status check_columns(const struct node *n, uint64_t cols, mdl_error *err)
{
    const uint32_t *number = n->tensors[NUMBER].data;
    const int32_t *equal = n->tensors[EQUAL].data;
    const struct ctr_part *part = n->tensors[PART].data;
    const float *border = n->tensors[BORDER].data;

    for (uint64_t i = 0; i < records(n, NUMBER, 1); i++)
        if (number[i] >= cols)
            return bad(n, NUMBER, i, err);
    for (uint64_t i = 0; i < records(n, EQUAL, 2); i++)
        if (equal[2 * i] < 0 || (uint64_t)equal[2 * i] >= cols)
            return bad(n, EQUAL, i, err);
    for (uint64_t i = 0; i < records(n, PART, 3); i++)
        if (part[i].kind < 0 || part[i].kind >= PARTS || part[i].column < 0
            || (uint64_t)part[i].column >= cols || border[i] != border[i])
            return bad(n, PART, i, err);
    return MDL_OK;
}

static mdl_status check_tables(const struct node *n, mdl_error *err)
{
    const struct ctr_file_table *t = n->tensors[TABLE].data;
    const struct ctr_ratio *ratio = n->tensors[RATIO].data;
    const uint32_t *key = n->tensors[KEY].data;
    const uint64_t tables = records(n, TABLE, 3), keys = records(n, KEY, 1);
    uint64_t hashes = 0, counts = 0;

    for (uint64_t i = 0; i < keys; i++)
        if (i ? key[i] < key[i - 1] : key[i] != 0)
            return bad(n, KEY, i, err);
    if (keys && key[keys - 1] != records(n, PART, 3))
        return bad(n, KEY, keys - 1, err);
    for (uint64_t i = 0; i < tables; i++) {
        if ((uint64_t)t[i].key + 1 >= keys || !t[i].width || (i && t[i].key < t[i - 1].key))
            return bad(n, TABLE, i, err);
        if (t[i].rows > n->tensors[HASH].count - hashes
            || (t[i].rows && t[i].width > (n->tensors[COUNT].count - counts) / t[i].rows))
            return bad(n, TABLE, i, err);
        hashes += t[i].rows;
        counts += (uint64_t)t[i].rows * t[i].width;
    }
    if (hashes != n->tensors[HASH].count || counts != n->tensors[COUNT].count)
        return mdl_fail(err, MDL_ERR_FORMAT, "tables have not the rows that there are");
    for (uint64_t i = 0; i < records(n, RATIO, 3); i++) {
        const struct ctr_ratio r = ratio[i];
        if (r.table < 0 || (uint64_t)r.table >= tables || (i && r.table < ratio[i - 1].table)
            || r.good < 0 || (uint32_t)r.good >= t[r.table].width || r.all < -1
            || (r.all >= 0 && (uint32_t)r.all >= t[r.table].width))
            return bad(n, RATIO, i, err);
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
    const uint64_t cols = records(n, NUMBER, 1) + records(n, EQUAL, 2) + records(n, RATIO, 3);
    if (!cols)
        return mdl_fail(err, MDL_ERR_FORMAT, "there is nothing to make");
    const uint64_t parts = records(n, PART, 3);
    n->temp_bytes = (KEPT + 1 + (parts < 2 * x->cols ? parts : 2 * x->cols)) * sizeof(uint64_t);
    value_table(node_out(n, g, 0), MDL_F32, cols);
    return MDL_OK;
}

/* ---- layout ---------------------------------------------------------------------------------- */

static void ratios_of(float *y, const struct ctr_ratio *r, const float *prior, size_t n,
                      const float *row)
{
    for (size_t i = 0; i < n; i++, prior += 5) {
        const float good = row ? row[r[i].good] : 0;
        const float all = r[i].all < 0 ? prior[4] : row ? row[r[i].all] : 0;

        y[i] = ((good + prior[0]) / (all + prior[1]) + prior[2]) * prior[3];
    }
}

static uint32_t say(const struct node *n, const struct ctr_table *t, uint32_t row)
{
    float y;

    if (t->n != 1)
        return row;
    ratios_of(&y, (const struct ctr_ratio *)n->tensors[RATIO].data + t->first,
              (const float *)n->tensors[PRIOR].data + 5 * (size_t)t->first, 1,
              row < t->rows ? t->count + (size_t)row * t->width : NULL);
    memcpy(&row, &y, sizeof row);
    return row;
}

/* One or two rows a heap, about; those that find it full are searched for. */
static mdl_status make_heaps(const struct node *n, struct ctr_table *t, struct arena *a,
                             mdl_error *err)
{
    uint32_t bits = 1;

    while (bits < 31 && t->rows / 2 >> bits)
        bits++;
    t->shift = 64 - bits;
    t->heaps = mdl_arena_take(a, (size_t)1 << bits, sizeof *t->heaps);
    if (!t->heaps)
        return mdl_arena_fail(a, err, "ctr");
    memset(t->heaps, 0xFF, ((size_t)1 << bits) * sizeof *t->heaps);
    t->none = say(n, t, UINT32_MAX);
    for (uint32_t row = 0, used = 0; row < t->rows; row++) {
        struct ctr_heap *h = &t->heaps[t->hash[row] >> t->shift];

        used = row && t->hash[row - 1] >> t->shift == t->hash[row] >> t->shift ? used + 1 : 0;
        if (used < WAYS) {
            h->hash[used] = t->hash[row];
            h->say[used] = say(n, t, row);
        }
    }
    return MDL_OK;
}

static mdl_status make_tables(const struct node *n, struct ctr_plan *p, struct arena *a,
                              mdl_error *err)
{
    const struct ctr_file_table *from = n->tensors[TABLE].data;
    const struct ctr_ratio *ratio = n->tensors[RATIO].data;
    const uint64_t *hash = n->tensors[HASH].data;
    const float *count = n->tensors[COUNT].data;
    const uint32_t ratios = (uint32_t)records(n, RATIO, 3);
    mdl_status s = MDL_OK;

    for (uint32_t i = 0, r = 0; !s && i < p->n_tables; i++) {
        struct ctr_table *t = &p->tables[i];

        for (uint32_t k = 0; k < from[i].rows; k++)
            if (hash[k] == NO_KEY || (k && hash[k] <= hash[k - 1]))
                return bad(n, HASH, (uint64_t)(hash - (const uint64_t *)n->tensors[HASH].data) + k,
                           err);
        *t = (struct ctr_table){ .hash = hash, .count = count, .rows = from[i].rows,
                             .width = from[i].width, .key = from[i].key, .first = r };
        while (r < ratios && (uint32_t)ratio[r].table == i)
            r++;
        t->n = r - t->first;
        s = make_heaps(n, t, a, err);
        hash += from[i].rows;
        count += (size_t)from[i].rows * from[i].width;
    }
    return s;
}

/* Columns whose codes or numbers parts need, each once: `place` has room for two of each of x. */
static void place_parts(const struct node *n, struct ctr_plan *p, uint64_t cols, uint32_t *place)
{
    const struct ctr_part *part = n->tensors[PART].data;
    const float *border = n->tensors[BORDER].data;
    const uint64_t parts = records(n, PART, 3);

    for (uint64_t i = 0; i < parts; i++) {
        const int is_float = part[i].kind == PART_ABOVE || part[i].kind == PART_ABOVE_OR_NAN;
        uint32_t *at = &place[2 * part[i].column + is_float];

        if (!*at)
            *at = 1 + (is_float ? p->n_floats++ : p->n_codes++);
        p->parts[i] = (struct ctr_taken){ (uint32_t)part[i].kind, *at - 1,
                                      M * (uint64_t)(int64_t)part[i].category, border[i] };
    }
    for (uint64_t c = 0; c < cols; c++)
        for (uint32_t k = 0; k < 2; k++)
            if (place[2 * c + k])
                p->column[place[2 * c + k] - 1 + k * p->n_codes] = (uint32_t)c;
}

static void share_keys(const struct node *n, struct ctr_plan *p)
{
    const uint32_t *key = n->tensors[KEY].data;
    const uint64_t keys = records(n, KEY, 1);

    for (uint64_t i = 0; i + 1 < keys; i++) {
        const struct ctr_taken *a = p->parts + key[i ? i - 1 : 0], *b = p->parts + key[i];
        const uint32_t n_a = i ? key[i] - key[i - 1] : 0, n_b = key[i + 1] - key[i];
        uint32_t k = 0;

        while (k < n_a && k < n_b && k < KEPT - 1 && a[k].kind == b[k].kind && a[k].at == b[k].at
               && a[k].category == b[k].category && !(a[k].border != b[k].border))
            k++;
        p->shared[i] = k;
    }
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const uint64_t cols = node_in(n, g, 0)->cols;
    const size_t parts = (size_t)records(n, PART, 3), keys = (size_t)records(n, KEY, 1);
    struct ctr_plan *p = mdl_arena_take(a, 1, sizeof *p);
    uint32_t *place = mdl_arena_take(a, (size_t)cols, 2 * sizeof *place);

    if (!p || !place)
        return mdl_arena_fail(a, err, "ctr");
    memset(place, 0, (size_t)cols * 2 * sizeof *place);
    *p = (struct ctr_plan){ .tables = mdl_arena_take(a, (size_t)records(n, TABLE, 3),
                                                 sizeof *p->tables),
                        .parts = mdl_arena_take(a, parts, sizeof *p->parts),
                        .shared = mdl_arena_take(a, keys, sizeof *p->shared),
                        .column = mdl_arena_take(a, parts, sizeof *p->column),
                        .n_tables = (uint32_t)records(n, TABLE, 3) };
    if (!p->tables || !p->parts || !p->shared || !p->column)
        return mdl_arena_fail(a, err, "ctr");
    n->plan = p;
    place_parts(n, p, cols, place);
    share_keys(n, p);
    return make_tables(n, p, a, err);
}

/* ---- a call ---------------------------------------------------------------------------------- */

/*
 * Working memory of `rows` rows, each array one after the other:
 *
 *     hash   u64 [KEPT + 1]   of no part, of the first, ... of the last, or of KEPT and more
 *     code   u64 [n_codes]    M times the category, NO_CODE for none
 *     cell   f32 [n_floats]
 */
#define NO_CODE (M << 40)         /* M times no int32 */

struct ctr_work {
    uint64_t *hash, *code;
    float    *cell;
    size_t    rows;
    int       lacking;            /* some code is NO_CODE */
};

/* Is the cell an int32?  Then *code is it. */
static int is_code(double x, int32_t *code)
{
    if (!(x >= -2147483648.0 && x <= 2147483647.0))
        return 0;
    *code = (int32_t)x;
    return (double)*code == x;
}

static struct ctr_work gather(const struct ctr_plan *p, const struct run *r, struct view in)
{
    const size_t rows = r->rows;
    struct ctr_work w = { .hash = r->temp, .rows = rows };

    w.code = w.hash + (KEPT + 1) * rows;
    w.cell = (float *)(void *)(w.code + p->n_codes * rows);
    memset(w.hash, 0, rows * sizeof *w.hash);
    for (size_t row = 0; row < rows; row++) {
        const double *x = view_row(in, row);

        for (uint32_t i = 0; i < p->n_codes; i++) {
            int32_t code = 0;
            const int known = is_code(x[p->column[i]], &code);
            w.code[i * rows + row] = known ? M * (uint64_t)(int64_t)code : NO_CODE;
            w.lacking |= !known;
        }
        for (uint32_t i = 0; i < p->n_floats; i++)
            w.cell[i * rows + row] = (float)x[p->column[p->n_codes + i]];
    }
    return w;
}

static void take_in(const struct ctr_work *w, const struct ctr_taken *part, uint64_t *to,
                    const uint64_t *from)
{
    const uint64_t *code = w->code + part->at * w->rows, category = part->category;
    const float *cell = w->cell + part->at * w->rows, border = part->border;
    const size_t rows = w->rows;

    if (part->kind == PART_CATEGORY)
        for (size_t i = 0; i < rows; i++)
            to[i] = M * (from[i] + code[i]);
    else if (part->kind == PART_EQUAL)
        for (size_t i = 0; i < rows; i++)
            to[i] = M * (from[i] + ((0 - (uint64_t)(code[i] == category)) & M));
    else if (part->kind == PART_ABOVE)
        for (size_t i = 0; i < rows; i++)
            to[i] = M * (from[i] + ((0 - (uint64_t)(cell[i] > border)) & M));
    else
        for (size_t i = 0; i < rows; i++)
            to[i] = M * (from[i] + ((0 - (uint64_t)!(cell[i] <= border)) & M));
}

/* Hashes of a key; what has no category has none. */
static const uint64_t *hash_key(const struct ctr_work *w, const struct ctr_taken *part, uint32_t n,
                                uint32_t shared)
{
    uint64_t *to = w->hash + (n < KEPT ? n : KEPT) * w->rows;

    for (uint32_t i = shared; i < n; i++)
        take_in(w, &part[i], w->hash + (i + 1 < KEPT ? i + 1 : KEPT) * w->rows,
                w->hash + (i < KEPT ? i : KEPT) * w->rows);
    return to;
}

/* Does the row lack a category of the key? */
static int lacks(const struct ctr_work *w, const struct ctr_taken *part, uint32_t n, size_t row)
{
    for (uint32_t i = 0; i < n; i++)
        if (part[i].kind == PART_CATEGORY && w->code[part[i].at * w->rows + row] == NO_CODE)
            return 1;
    return 0;
}

/* What there is to say of a hash that a full heap may have had no place for. */
static uint32_t search(const struct node *n, const struct ctr_table *t, uint64_t h)
{
    uint32_t low = 0, high = t->rows;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (t->hash[middle] == h)
            return say(n, t, middle);
        if (t->hash[middle] < h)
            low = middle + 1;
        else
            high = middle;
    }
    return t->none;
}

static inline uint32_t find(const struct node *n, const struct ctr_table *t, uint64_t h)
{
    const struct ctr_heap *heap = &t->heaps[h >> t->shift];
    const uint32_t past0 = heap->hash[0] != h, past1 = past0 & (heap->hash[1] != h);
    const uint32_t past2 = past1 & (heap->hash[2] != h), past3 = past2 & (heap->hash[3] != h);

    if (past3 & (heap->hash[WAYS - 1] != NO_KEY))
        return search(n, t, h);
    const uint32_t none = 0 - (past3 | (h == NO_KEY)); /* no branch: what is met is not foreseen */
    return (t->none & none) | (heap->say[past0 + past1 + past2] & ~none);
}

static void look_up(const struct node *n, const struct ctr_table *t, const uint64_t *hash, float *y,
                    size_t stride, size_t rows)
{
    const struct ctr_ratio *ratio = (const struct ctr_ratio *)n->tensors[RATIO].data + t->first;
    const float *prior = (const float *)n->tensors[PRIOR].data + 5 * (size_t)t->first;

    for (size_t row = 0; row < rows; row++, y = (float *)(void *)((char *)y + stride)) {
        const uint32_t said = find(n, t, hash[row]);

        if (t->n == 1)
            memcpy(y, &said, sizeof said);
        else
            ratios_of(y, ratio, prior, t->n,
                      said < t->rows ? t->count + (size_t)said * t->width : NULL);
    }
}

static void plain_columns(const struct node *n, const double *x, float *y)
{
    const uint32_t *number = n->tensors[NUMBER].data;
    const int32_t *equal = n->tensors[EQUAL].data;
    const size_t numbers = (size_t)records(n, NUMBER, 1), equals = (size_t)records(n, EQUAL, 2);

    for (size_t i = 0; i < numbers; i++)
        y[i] = (float)x[number[i]];
    for (size_t i = 0; i < equals; i++)
        y[numbers + i] = x[equal[2 * i]] == (double)equal[2 * i + 1];
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct ctr_plan *p = n->plan;
    const uint32_t *key = n->tensors[KEY].data;
    const size_t before = (size_t)(records(n, NUMBER, 1) + records(n, EQUAL, 2));
    const uint64_t *hash = NULL;
    const struct ctr_work w = gather(p, r, in);

    for (size_t row = 0; row < r->rows; row++)
        plain_columns(n, view_row(in, row), view_row(out, row));
    for (uint32_t i = 0, k = 0; i < p->n_tables; i++) {
        const struct ctr_table *t = &p->tables[i];

        for (; k <= t->key; k++)      /* also those that no table has: the next may share them */
            hash = hash_key(&w, p->parts + key[k], key[k + 1] - key[k], p->shared[k]);
        if (!t->n)
            continue;
        float *y = (float *)view_row(out, 0) + before + t->first;
        look_up(n, t, hash, y, out.stride, r->rows);
        for (size_t row = 0; row < r->rows && w.lacking; row++)
            if (lacks(&w, p->parts + key[t->key], key[t->key + 1] - key[t->key], row))
                ratios_of((float *)view_row(out, row) + before + t->first,
                          (const struct ctr_ratio *)n->tensors[RATIO].data + t->first,
                          (const float *)n->tensors[PRIOR].data + 5 * (size_t)t->first, t->n,
                          NULL);
    }
}

const struct op mdl_op_ctr = {
    .name = "ctr",
    .about = "numbers, equalities and target statistics of hashed categories, side by side",
    .slots = slots,
    .n_slots = SLOTS,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .prepare = prepare,
    .run = run,
};
