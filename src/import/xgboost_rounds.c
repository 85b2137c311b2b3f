/*
 * import/xgboost_rounds.c - which trees belong to which round, and how many are used
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/xgboost.h"

#define ULL(v) ((unsigned long long)(v))

static mdl_status fail(const struct xgb *x, mdl_status status, const char *text, uint64_t a,
                       uint64_t b)
{
    const uint64_t at = x->trees.start ? bytes_offset(&x->trees) : bytes_offset(&x->file);

    return mdl_fail_at(x->err, status, "", at, text, ULL(a), ULL(b));
}

/* Older files have no iteration_indptr: a round is a tree for each output, times
 * num_parallel_tree; the last may be cut short. */
static mdl_status make_rounds(struct xgb *x)
{
    const int32_t *info = (const int32_t *)(void *)x->tree_info.data;
    int64_t groups = 1;

    for (int64_t t = 0; t < x->n_trees; t++)
        groups = info[t] >= groups ? (int64_t)info[t] + 1 : groups;
    const int64_t step = groups * (x->parallel + !x->parallel);
    x->rounds.bytes = 0;
    for (int64_t first = 0;; first += step) {
        const int32_t at = (int32_t)(first < x->n_trees ? first : x->n_trees);
        if (!mdl_vec_add(&x->rounds, &x->allocator, &at, sizeof at))
            return mdl_fail(x->err, MDL_ERR_MEMORY, "out of memory");
        if (first >= x->n_trees)
            return MDL_OK;
    }
}

static mdl_status check_rounds(struct xgb *x)
{
    const uint64_t n = x->rounds.bytes / 4;
    const int32_t *first = (const int32_t *)(void *)x->rounds.data;

    if (!n || first[0] != 0 || first[n - 1] != x->n_trees)
        return fail(x, MDL_ERR_FORMAT, "'iteration_indptr' has %llu entries, which do not lead from "
                    "0 to %llu trees", n, (uint64_t)x->n_trees);
    for (uint64_t i = 1; i < n; i++)
        if (first[i] < first[i - 1])
            return fail(x, MDL_ERR_FORMAT, "'iteration_indptr' decreases at entry %llu of %llu", i,
                        n);
    return MDL_OK;
}

/* How many rounds are used; see mdl_import_options.best_iteration. */
static mdl_status choose_rounds(const struct xgb *x, uint64_t *rounds)
{
    const int64_t asked = x->options->best_iteration;
    const uint64_t all = x->rounds.bytes / 4 - 1;

    *rounds = all;
    if (asked >= 0) {
        if ((uint64_t)asked >= all)
            return fail(x, MDL_ERR_ARGUMENT, "best_iteration is %llu, the model has %llu rounds",
                        (uint64_t)asked, all);
        *rounds = (uint64_t)asked + 1;
    } else if (asked == -1 && x->from_sklearn && x->best_iteration >= 0) {
        if ((uint64_t)x->best_iteration >= all)
            return fail(x, MDL_ERR_FORMAT, "the file says best_iteration %llu and has %llu rounds "
                        "(best_iteration -2 takes them all)", (uint64_t)x->best_iteration, all);
        *rounds = (uint64_t)x->best_iteration + 1;
    }
    return MDL_OK;
}

static mdl_status check_model(struct xgb *x)
{
    const uint64_t trees = (uint64_t)x->n_trees;

    if (!x->trees.start)
        return fail(x, MDL_ERR_FORMAT, "gradient_booster.model has no 'trees'", 0, 0);
    if (!x->has_tree_info)
        return fail(x, MDL_ERR_FORMAT, "gradient_booster.model has no 'tree_info'", 0, 0);
    if (x->tree_info.bytes / 4 != trees)
        return fail(x, MDL_ERR_FORMAT, "'tree_info' has %llu entries, expected %llu",
                    x->tree_info.bytes / 4, trees);
    if (x->has_rounds)
        return check_rounds(x);
    return make_rounds(x);
}

mdl_status mdl_xgb_rounds(struct xgb *x, uint64_t *limit)
{
    uint64_t rounds = 0;
    mdl_status s = check_model(x);

    if (!s) s = choose_rounds(x, &rounds);
    if (s)
        return s;
    const int32_t *first = (const int32_t *)(void *)x->rounds.data;
    *limit = rounds == x->rounds.bytes / 4 - 1 ? UINT64_MAX : (uint64_t)first[rounds];
    return MDL_OK;
}
