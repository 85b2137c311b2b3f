/*
 * import/catboost_score.c - how much each column of a CatBoost model matters
 *
 * PredictionValuesChange (catboost/libs/fstr): a question that parts n1 rows whose leaf holds v1 from
 * n2 whose leaf holds v2 matters n1 (v1 - m)^2 + n2 (v2 - m)^2, m their weighted mean; of an oblivious
 * tree the pairs of leaves that differ in it alone, of others its two sides.  What matters to a
 * statistic goes to the columns that it is of in equal parts.  In the end all add up to 100.
 *
 * The framework adds in another order: its numbers differ in the last digits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

static int add_owner(struct cat *c, uint32_t splits)
{
    const uint32_t owner = (uint32_t)CAT_COUNT(c->effect, double);

    if (!mdl_vec_add(&c->effect, &c->allocator, NULL, sizeof(double)))
        return 0;
    for (uint32_t i = 0; i < splits; i++)
        if (!mdl_vec_add(&c->owner, &c->allocator, &owner, sizeof owner))
            return 0;
    return 1;
}

/* Splits are of number columns, then of one-hot categories, then of statistics. */
mdl_status mdl_cat_score_open(struct cat *c)
{
    const struct cat_feature *number = CAT_AT(c->numbers, struct cat_feature);
    const struct cat_one_hot *equal = CAT_AT(c->one_hot, struct cat_one_hot);
    const struct cat_ctr *ctr = CAT_AT(c->ctrs, struct cat_ctr);
    int good = 1;

    for (size_t i = 0; good && i < CAT_COUNT(c->numbers, struct cat_feature); i++)
        good = add_owner(c, number[i].n);
    for (size_t i = 0; good && i < CAT_COUNT(c->one_hot, struct cat_one_hot); i++)
        good = add_owner(c, equal[i].n);
    for (size_t i = 0; good && i < CAT_COUNT(c->ctrs, struct cat_ctr); i++)
        good = add_owner(c, ctr[i].n);
    if (good && c->owner.bytes / sizeof(uint32_t) != CAT_COUNT(c->splits, struct cat_split))
        return mdl_cat_fail(c, 0, "splits are not those of the features");
    return good ? MDL_OK : mdl_cat_memory(c);
}

/* The effect of parting two groups of rows. */
static double part(size_t outputs, const double *a, double n_a, const double *b, double n_b)
{
    double sum = 0;

    if (n_a == 0 || n_b == 0)
        return 0;
    for (size_t k = 0; k < outputs; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum * (n_a * n_b / (n_a + n_b));      /* the distances from the mean, put together */
}

static void add_effect(struct cat *c, int32_t split, double effect)
{
    CAT_AT(c->effect, double)[CAT_AT(c->owner, uint32_t)[split]] += effect;
}

void mdl_cat_score_oblivious(struct cat *c, const int32_t *splits, int32_t depth, uint64_t leaf)
{
    const double *value = c->leaf_values + leaf * (uint64_t)c->outputs;
    const double *weight = c->leaf_weights + leaf;
    const size_t width = (size_t)c->outputs;

    for (int32_t d = 0; d < depth; d++) {
        double effect = 0;
        for (size_t i = 0; i < (size_t)1 << depth; i++) {
            const size_t other = i | (size_t)1 << d;
            if (other != i)
                effect += part(width, value + i * width, weight[i], value + other * width,
                               weight[other]);
        }
        add_effect(c, splits[d], effect);
    }
}

void mdl_cat_score_node(struct cat *c, int32_t split, double *value, const double *cover, size_t i,
                        size_t left, size_t right)
{
    const size_t n = (size_t)c->outputs;
    const double *a = value + left * n, *b = value + right * n;

    add_effect(c, split, part(n, a, cover[left], b, cover[right]));
    for (size_t k = 0; k < n && cover[i] > 0; k++)
        value[i * n + k] = (a[k] * cover[left] + b[k] * cover[right]) / cover[i];
}

static int add_to(struct cat *c, const struct vec *kind, int64_t index, double effect)
{
    const struct cat_feature *f = mdl_cat_feature(kind, index);
    struct score *s = f ? mdl_scores_at(&c->scores, &c->allocator, (uint32_t)f->column) : NULL;

    if (s)
        s->sum += effect;
    return s != NULL || !f;
}

static double percent_of(const struct score *s, size_t k)
{
    (void)k;
    return s->sum;
}

mdl_status mdl_cat_score_give(struct cat *c)
{
    static const char *const kinds[] = { "PredictionValuesChange" };
    const struct cat_feature *number = CAT_AT(c->numbers, struct cat_feature);
    const struct cat_one_hot *equal = CAT_AT(c->one_hot, struct cat_one_hot);
    const struct cat_ctr *ctr = CAT_AT(c->ctrs, struct cat_ctr);
    const size_t n_numbers = CAT_COUNT(c->numbers, struct cat_feature);
    const size_t n_equal = CAT_COUNT(c->one_hot, struct cat_one_hot);
    const double *effect = CAT_AT(c->effect, double);
    double all = 0;
    int good = 1;

    for (size_t i = 0; i < CAT_COUNT(c->effect, double); i++)
        all += effect[i];
    for (size_t i = 0; good && i < CAT_COUNT(c->effect, double); i++) {
        const double share = all > 0 ? 100 * effect[i] / all : 0;
        if (share == 0)
            continue;
        if (i < n_numbers) {
            good = add_to(c, &c->numbers, number[i].index, share);
            continue;
        }
        if (i < n_numbers + n_equal) {
            good = add_to(c, &c->categories, equal[i - n_numbers].index, share);
            continue;
        }
        const struct cat_base *of = &ctr[i - n_numbers - n_equal].base;
        const struct cat_part *p = CAT_AT(c->parts_of, struct cat_part) + of->first;
        for (uint32_t k = 0; good && k < of->n; k++)
            good = add_to(c, p[k].kind == CAT_PART_ABOVE ? &c->numbers : &c->categories, p[k].index,
                          share / of->n);
    }
    return good && !mdl_scores_give(&c->scores, &c->allocator, c->b, 1, kinds, percent_of)
        ? MDL_OK : mdl_cat_memory(c);
}
