/*
 * graph/build_importance.c - the builder: importances of the columns
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build.h"

mdl_status mdl_build_importance(mdl_builder *b, size_t n_kinds, const char *const *kinds, uint64_t n,
                                const uint32_t *columns, const double *values)
{
    const struct build_input *in = (const struct build_input *)(const void *)b->inputs.data;
    const int64_t dims[2] = { (int64_t)n_kinds, (int64_t)n };
    struct tensor at, numbers;

    if (b->error.code)
        return b->error.code;
    int wrong = !in || n > in->value.cols || n_kinds > INT32_MAX || (n_kinds && !kinds)
             || (n && !columns);
    for (uint64_t i = 0; !wrong && i < n; i++)
        wrong = columns[i] >= in->value.cols || (i && columns[i] <= columns[i - 1]);
    if (wrong)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "importances of columns that do not ascend, or "
                               "that are not there");
    const char **names = mdl_arena_take(&b->arena, n_kinds, sizeof *names);
    if (!names)
        return mdl_build_memory(b);
    for (size_t k = 0; k < n_kinds; k++)
        names[k] = mdl_build_text(b, kinds[k]);
    if (!mdl_build_copy_tensor(b, &at, MDL_U32, 1, dims + 1, columns)
        && !mdl_build_copy_tensor(b, &numbers, MDL_F64, 2, dims, values))
        b->importance = (struct importance){ names, at.data, numbers.data, (uint32_t)n_kinds,
                                             (uint32_t)n };
    return b->error.code;
}
