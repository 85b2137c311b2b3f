/*
 * import/catboost_cbm_ctr.c - target statistics in the binary file of CatBoost
 *
 *     statistic   0 model  1 [f32 borders]
 *     model       0 base  1 target  2 prior of good  3 prior of all  4 shift  5 scale
 *     base        0 parts  1 u8 type
 *     parts       0 [i32 categories]  1 [i32 number column, f32 border]  2 [i32 category column,
 *                 i32 category]
 *
 * and behind the core the rows: u32 how many, of each u32 bytes and a flatbuffer
 *
 *     0 base  1 [u8 index]  2 [u8 words]  3 denominator  4 classes
 *
 *     index       places of a hash table, of 12 bytes: u64 hash, u32 row; all ones: empty
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost_cbm.h"

#include <string.h>

enum { STATISTIC_MODEL, STATISTIC_BORDERS };
enum { MODEL_BASE, MODEL_TARGET, MODEL_PRIOR, MODEL_PRIOR_ALL, MODEL_SHIFT, MODEL_SCALE };
enum { BASE_PARTS, BASE_TYPE };
enum { PARTS_CATEGORIES, PARTS_NUMBERS, PARTS_EQUALS };
enum { ROWS_BASE, ROWS_INDEX, ROWS_WORDS, ROWS_DENOMINATOR, ROWS_CLASSES };

#define PLACE 12u                 /* bytes */

/* The parts of one kind: [index], or [index, category or border]. */
static int parts_of_kind(struct cbm *m, const struct flat_table *t, uint32_t field, int32_t kind)
{
    const size_t bytes = kind == CAT_PART_CATEGORY ? 4 : 8;
    const struct flat_vector v = mdl_flat_vector(t, field, bytes);

    if (!m->f.status && v.n * bytes > m->budget)
        return !mdl_flat_fail(&m->f, t->at, "lists share their elements");
    m->budget -= v.n * bytes;
    for (uint32_t i = 0; i < v.n; i++) {
        struct cat_part one = { .kind = kind };

        memcpy(&one.index, v.data + i * bytes, 4);
        if (bytes == 8)
            memcpy(kind == CAT_PART_ABOVE ? (void *)&one.border : (void *)&one.category,
                   v.data + i * bytes + 4, 4);
        if (!mdl_cbm_add(m, &m->c->parts_of, &one, sizeof one))
            return 0;
    }
    return !m->f.status;
}

static int read_base(struct cbm *m, const struct flat_table *t, struct cat_base *base)
{
    struct cat *c = m->c;
    const struct flat_table parts = mdl_flat_table(t, BASE_PARTS);

    *base = (struct cat_base){ .type = mdl_flat_u8(t, BASE_TYPE, 0),
                               .first = (uint32_t)CAT_COUNT(c->parts_of, struct cat_part) };
    if (!m->f.status && base->type >= CAT_STATISTICS)
        return !mdl_flat_fail(&m->f, t->at, "a statistic of type %u", (unsigned)base->type);
    if (!parts_of_kind(m, &parts, PARTS_CATEGORIES, CAT_PART_CATEGORY)
        || !parts_of_kind(m, &parts, PARTS_NUMBERS, CAT_PART_ABOVE)
        || !parts_of_kind(m, &parts, PARTS_EQUALS, CAT_PART_EQUAL))
        return 0;
    base->n = (uint32_t)CAT_COUNT(c->parts_of, struct cat_part) - base->first;
    return 1;
}

int mdl_cbm_ctr(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;
    const struct flat_table model = mdl_flat_table(t, STATISTIC_MODEL);
    const struct flat_table base = mdl_flat_table(&model, MODEL_BASE);
    struct cat_ctr one = {
        .target = mdl_flat_i32(&model, MODEL_TARGET, 0),
        .prior = { mdl_flat_f32(&model, MODEL_PRIOR, 0), mdl_flat_f32(&model, MODEL_PRIOR_ALL, 1) },
        .shift = mdl_flat_f32(&model, MODEL_SHIFT, 0),
        .scale = mdl_flat_f32(&model, MODEL_SCALE, 1),
        .first = (uint32_t)CAT_COUNT(c->borders, float),
    };

    if (!read_base(m, &base, &one.base)
        || !mdl_cbm_copy_field(m, &c->borders, t, STATISTIC_BORDERS, sizeof(float)))
        return 0;
    one.n = (uint32_t)CAT_COUNT(c->borders, float) - one.first;
    return mdl_cbm_add(m, &c->ctrs, &one, sizeof one);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int read_hashes(struct cbm *m, const struct flat_vector *index, struct cat_rows *rows)
{
    for (size_t at = 0; at < index->n; at += PLACE) {
        struct cat_hash one = { 0 };

        memcpy(&one.hash, index->data + at, 8);
        memcpy(&one.row, index->data + at + 8, 4);
        if (one.hash == UINT64_MAX)
            continue;
        if (one.row >= rows->rows)
            return !mdl_flat_fail(&m->f, 0, "row %u of a statistic, it has %llu",
                                  (unsigned)one.row, (unsigned long long)rows->rows);
        if (rows->n == rows->rows)                 /* a row is written again for each of them */
            return !mdl_flat_fail(&m->f, 0, "hashes of a statistic share their rows");
        if (!mdl_cbm_add(m, &m->c->hashes, &one, sizeof one))
            return 0;
        rows->n++;
    }
    return 1;
}

static int read_rows(struct cbm *m, const struct flat_table *t)
{
    struct cat *c = m->c;
    const struct flat_table base = mdl_flat_table(t, ROWS_BASE);
    const struct flat_vector index = mdl_flat_vector(t, ROWS_INDEX, 1);
    const struct flat_vector words = mdl_flat_vector(t, ROWS_WORDS, 1);
    struct cat_rows one = {
        .denominator = (int32_t)mdl_flat_i32(t, ROWS_DENOMINATOR, 0),
        .first_hash = CAT_COUNT(c->hashes, struct cat_hash),
        .first_word = CAT_COUNT(c->words, uint32_t),
    };

    if (!read_base(m, &base, &one.base))
        return 0;
    one.width = cat_width(one.base.type, mdl_flat_i32(t, ROWS_CLASSES, 0));
    if (!one.width || index.n % PLACE || words.n % (4 * (uint64_t)one.width))
        return !mdl_flat_fail(&m->f, t->at, "a statistic of %u bytes with an index of %u",
                              (unsigned)words.n, (unsigned)index.n);
    one.rows = words.n / (4 * (uint64_t)one.width);
    return mdl_cbm_copy(m, &c->words, &words, 1) && read_hashes(m, &index, &one)
        && mdl_cbm_add(m, &c->rows, &one, sizeof one);
}

mdl_status mdl_cbm_rows(struct cbm *m, struct bytes *in)
{
    struct cat *c = m->c;
    const uint32_t n = bytes_u32(in);

    for (uint32_t i = 0; i < n && !m->f.status; i++) {
        const uint32_t bytes = bytes_u32(in);
        struct bytes inner = *in;

        if (in->bad || !bytes_take(in, bytes))
            break;
        inner.end = in->at;
        const struct flat_table t = mdl_flat_root(&m->f, inner, c->err);
        if (!m->f.status && !read_rows(m, &t))
            break;
    }
    if (m->f.status)
        return m->f.status;
    if (in->bad)
        return mdl_cat_fail(c, bytes_offset(in), "the file ends within the target statistics: "
                            MDL_CUT_OFF);
    return MDL_OK;
}
