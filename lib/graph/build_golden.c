/*
 * graph/build_golden.c - the builder: rows with the answers of the source
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build.h"

static mdl_status put_golden(mdl_builder *b, uint32_t is_output, uint32_t index, uint32_t type,
                             uint32_t rank, const int64_t *dims, const void *data)
{
    struct golden g = { .is_output = is_output, .index = index };
    struct golden *all = (struct golden *)(void *)b->golden.data;
    const uint32_t count = BUILD_COUNT(b->golden, struct golden);

    if (mdl_build_copy_tensor(b, &g.tensor, type, rank, dims, data))
        return b->error.code;
    for (uint32_t i = 0; i < count; i++)
        if (all[i].is_output == is_output && all[i].index == index) {
            all[i] = g;
            return MDL_OK;
        }
    return mdl_vec_add(&b->golden, &b->allocator, &g, sizeof g) ? MDL_OK : mdl_build_memory(b);
}

static mdl_status add_golden(mdl_builder *b, uint32_t is_output, uint32_t index, uint64_t cols,
                             uint32_t type, uint64_t rows, const void *data)
{
    const struct golden *all = (const struct golden *)(const void *)b->golden.data;
    const int64_t expected = b->golden.bytes ? all[0].tensor.dims[0] : 1;

    if (type != MDL_F32 && type != MDL_F64 && type != MDL_I32)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "golden rows of %s", mdl_type_name(type));
    if (!rows || rows > INT32_MAX || (b->golden.bytes && (int64_t)rows != expected))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "%llu golden rows, expected %lld",
                               (unsigned long long)rows, (long long)expected);
    const int64_t dims[2] = { (int64_t)rows, (int64_t)cols };
    return put_golden(b, is_output, index, type, 2, dims, data);
}

mdl_status mdl_build_golden_tensor(mdl_builder *b, uint32_t is_output, int32_t index,
                                   uint32_t type, uint32_t rank, const int64_t *dims,
                                   const void *data)
{
    if (b->error.code)
        return b->error.code;
    if (!is_output && !mdl_build_input_at(b, index))
        return b->error.code;
    if (is_output && (index < 0 || (uint32_t)index >= BUILD_COUNT(b->outputs, struct output)))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "there is no output %d", (int)index);
    return put_golden(b, is_output != 0, (uint32_t)index, type, rank, dims, data);
}

mdl_status mdl_build_golden_input(mdl_builder *b, int32_t input, uint32_t type, uint64_t rows,
                                  const void *data)
{
    const struct build_input *in = mdl_build_input_at(b, input);

    return in ? add_golden(b, 0, (uint32_t)input, in->value.cols, type, rows, data)
              : b->error.code;
}

/* How wide an output is only its operators know: ask them. */
static mdl_status output_cols(mdl_builder *b, uint32_t output, uint64_t *cols)
{
    struct arena a;
    struct model_graph m;
    mdl_limits limits;
    mdl_error err = MDL_ERROR_INIT;

    mdl_limits_fill(&limits, NULL);
    limits.columns = INT32_MAX;
    mdl_arena_init(&a, &b->allocator, UINT64_MAX);
    mdl_status s = mdl_build_assemble(b, &m, &a);
    if (!s) s = mdl_graph_infer(&m, &limits, &err);
    if (!s)
        *cols = m.graph.values[m.schema.outputs[output].value].cols;
    else
        mdl_build_error(b, s, "%s", err.text);
    mdl_arena_free(&a);
    return b->error.code;
}

mdl_status mdl_build_golden_output(mdl_builder *b, int32_t output, uint32_t type, uint64_t rows,
                                   const void *data)
{
    uint64_t cols = 0;

    if (b->error.code)
        return b->error.code;
    if (output < 0 || (uint32_t)output >= BUILD_COUNT(b->outputs, struct output))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "there is no output %d", (int)output);
    if (output_cols(b, (uint32_t)output, &cols))
        return b->error.code;
    return add_golden(b, 1, (uint32_t)output, cols, type, rows, data);
}
