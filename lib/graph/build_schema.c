/*
 * graph/build_schema.c - the builder: inputs, outputs, columns, labels, metadata
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build.h"

#include <string.h>

static int copy_labels(mdl_builder *b, struct labels *l, uint32_t type, uint64_t n,
                       const char *const *text)
{
    if (n > INT32_MAX || (n && !text)
        || (type != MDL_STRING && type != MDL_I64 && type != MDL_F64 && type != MDL_BOOL)) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "%llu labels of type %s", (unsigned long long)n,
                        mdl_type_name(type));
        return 0;
    }
    const char **all = mdl_arena_take(&b->arena, n, sizeof *all);
    if (!all) {
        mdl_build_memory(b);
        return 0;
    }
    for (uint64_t i = 0; i < n; i++)
        all[i] = mdl_build_text(b, text[i]);
    *l = (struct labels){ n ? type : 0, (uint32_t)n, all };
    return !b->error.code;
}

/* Add an input whose value is set. */
static int32_t add_input(mdl_builder *b, struct build_input *in, const char *name)
{
    if (b->error.code)
        return MDL_NONE;
    if (b->nodes.bytes) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "inputs must be made before nodes");
        return MDL_NONE;
    }
    in->input.name = mdl_build_text(b, name);
    if (b->error.code || !mdl_vec_add(&b->inputs, &b->allocator, in, sizeof *in)) {
        mdl_build_memory(b);
        return MDL_NONE;
    }
    return (int32_t)b->n_values++;
}

int32_t mdl_build_tensor(mdl_builder *b, const char *name, uint32_t type, uint32_t rank,
                         const int64_t *dims)
{
    struct build_input in = { .value = { .type = type, .rank = rank } };
    const uint32_t n = rank == MDL_ANY_RANK ? 0 : rank;

    if (b->error.code)
        return MDL_NONE;
    int wrong = !strcmp(mdl_type_name(type), "?") || n > MDL_MAX_RANK || (n && !dims);
    for (uint32_t i = 0; !wrong && i < n; i++) {
        wrong = dims[i] < -1;
        in.value.dims[i] = dims[i];
    }
    if (wrong) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "an input of type %s and rank %u",
                        mdl_type_name(type), (unsigned)rank);
        return MDL_NONE;
    }
    if (rank == 2 && (type == MDL_F32 || type == MDL_F64) && dims[0] == -1 && dims[1] > 0)
        value_table(&in.value, type, (uint64_t)dims[1]);
    return add_input(b, &in, name);
}

int32_t mdl_build_input(mdl_builder *b, const char *name, uint32_t type, uint64_t cols,
                        uint32_t absent)
{
    struct build_input in = { .input = { .absent = absent } };

    if (b->error.code)
        return MDL_NONE;
    if ((type != MDL_F32 && type != MDL_F64) || !cols || cols > INT32_MAX || absent > 1) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "an input of %llu columns of %s",
                        (unsigned long long)cols, mdl_type_name(type));
        return MDL_NONE;
    }
    value_table(&in.value, type, cols);
    return add_input(b, &in, name);
}

/* Column `column` of an input, with its table made on first use; NULL on error. */
static struct column *column_at(mdl_builder *b, int32_t input, uint64_t column)
{
    struct build_input *in = mdl_build_input_at(b, input);

    if (!in)
        return NULL;
    if (column >= in->value.cols) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "input '%s' has no column %llu", in->input.name,
                        (unsigned long long)column);
        return NULL;
    }
    if (!in->input.columns) {
        in->input.columns = mdl_arena_take(&b->arena, in->value.cols, sizeof(struct column));
        if (!in->input.columns) {
            mdl_build_memory(b);
            return NULL;
        }
        for (uint64_t i = 0; i < in->value.cols; i++)
            in->input.columns[i].name = "";
    }
    return &in->input.columns[column];
}

mdl_status mdl_build_column(mdl_builder *b, int32_t input, uint64_t column, const char *name,
                            uint32_t kind)
{
    struct column *c = column_at(b, input, column);

    if (c && kind > MDL_COLUMN_HASH)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "unknown kind of column %u", (unsigned)kind);
    if (c) {
        c->name = mdl_build_text(b, name);
        c->kind = kind;
    }
    return b->error.code;
}

mdl_status mdl_build_categories(mdl_builder *b, int32_t input, uint64_t column, uint32_t type,
                                uint64_t n, const char *const *text)
{
    struct column *c = column_at(b, input, column);

    if (c && copy_labels(b, &c->categories, type, n, text))
        c->kind = MDL_COLUMN_CATEGORY;
    return b->error.code;
}

int32_t mdl_build_output(mdl_builder *b, const char *name, uint32_t role, int32_t value)
{
    struct output o = { .role = role, .value = (uint32_t)value };
    const uint32_t position = BUILD_COUNT(b->outputs, struct output);

    if (b->error.code)
        return MDL_NONE;
    if (value < 0 || (uint32_t)value >= b->n_values || !role
        || (role > MDL_OUTPUT_CONTRIB && role != MDL_OUTPUT_OTHER)) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "output of value %d in role %u", (int)value,
                        (unsigned)role);
        return MDL_NONE;
    }
    o.name = mdl_build_text(b, name);
    if (b->error.code || !mdl_vec_add(&b->outputs, &b->allocator, &o, sizeof o)) {
        mdl_build_memory(b);
        return MDL_NONE;
    }
    return (int32_t)position;
}

mdl_status mdl_build_labels(mdl_builder *b, int32_t output, uint32_t type, uint64_t n,
                            const char *const *text)
{
    struct output *outputs = (struct output *)(void *)b->outputs.data;

    if (b->error.code)
        return b->error.code;
    if (output < 0 || (uint32_t)output >= BUILD_COUNT(b->outputs, struct output))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "there is no output %d", (int)output);
    copy_labels(b, &outputs[output].labels, type, n, text);
    return b->error.code;
}

#define MOST_KEYS 16384u           /* each is looked for among all */

mdl_status mdl_build_metadata(mdl_builder *b, const char *key, const char *value)
{
    struct pair *all = (struct pair *)(void *)b->metadata.data;

    if (b->error.code)
        return b->error.code;
    const struct pair p = { mdl_build_text(b, key), mdl_build_text(b, value) };
    if (b->error.code)
        return b->error.code;
    for (uint32_t i = 0; i < BUILD_COUNT(b->metadata, struct pair); i++)
        if (!strcmp(all[i].key, p.key)) {
            all[i] = p;
            return MDL_OK;
        }
    if (BUILD_COUNT(b->metadata, struct pair) == MOST_KEYS)
        return mdl_build_error(b, MDL_ERR_LIMIT, "more than %u keys of metadata", MOST_KEYS);
    return mdl_vec_add(&b->metadata, &b->allocator, &p, sizeof p) ? MDL_OK : mdl_build_memory(b);
}
