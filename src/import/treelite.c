/*
 * import/treelite.c - checkpoints of treelite 4 (Model.serialize)
 *
 * Sums are those of GTIL, treelite's own engine: in the type of the leaves, from 0, tree by tree;
 * then the average, then the base scores.  treelite keeps a framework's model in its own terms,
 * so a model of XGBoost, whose base comes first, may differ in the last bit from its source;
 * convert the source where there is one.
 *
 *     output        treelite.gtil
 *     prediction    predict(...); [rows, targets x classes]
 *     probability   classifiers: a column a class, [1 - p, p] of two
 *     label         their largest: 0, 1, ...
 *     raw           predict(..., pred_margin=True)
 *     leaf          predict_leaf(...)
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/treelite.h"

#include "base/arena.h"

#include <stdio.h>

#define HEAD_BYTES 14u            /* versions and types */
#define F32_CODE 2u
#define F64_CODE 3u

/* ---- is it one? ------------------------------------------------------------------------- */

static int probe(struct bytes file)
{
    const uint32_t major = bytes_u32(&file), minor = bytes_u32(&file), patch = bytes_u32(&file);
    const unsigned threshold = bytes_u8(&file), leaf = bytes_u8(&file);

    return !file.bad && major >= 3 && major < 10 && minor < 100 && patch < 1000
        && threshold >= 1 && threshold <= F64_CODE && leaf >= 1 && leaf <= F64_CODE;
}

/* ---- arrays --------------------------------------------------------------------------------- */

void *mdl_tl_room(const struct tl *t, struct vec *v, uint64_t n, size_t bytes)
{
    v->bytes = 0;
    void *p = n > SIZE_MAX / bytes ? NULL
                                   : mdl_vec_add(v, &t->allocator, NULL, (size_t)n * bytes);

    if (!p)
        mdl_fail(t->err, MDL_ERR_MEMORY, "out of memory");
    return p;
}

static mdl_status cut(const struct tl *t, const char *name)
{
    return TL_BAD(t, bytes_offset(&t->in), "the file ends within '%s': " MDL_CUT_OFF, name);
}

mdl_status mdl_tl_array(struct tl *t, const char *name, uint64_t want, size_t cell,
                        const unsigned char **at, uint64_t *n)
{
    const uint64_t offset = bytes_offset(&t->in), count = bytes_u64(&t->in);

    if (t->in.bad)
        return cut(t, name);
    if (want != TL_ANY && count != want)
        return TL_BAD(t, offset, "'%s' has %llu elements, expected %llu", name, ULL(count),
                      ULL(want));
    *at = count > UINT64_MAX / cell ? NULL : bytes_take(&t->in, count * cell);
    if (!*at)
        return cut(t, name);
    if (n) *n = count;
    return MDL_OK;
}

/* i32 n, then n times: a name, the size of an element (u64) and an array of such. */
mdl_status mdl_tl_skip_fields(struct tl *t)
{
    const uint64_t offset = bytes_offset(&t->in);
    const int32_t n = (int32_t)bytes_u32(&t->in);
    const unsigned char *at;

    if (t->in.bad)
        return cut(t, "optional fields");
    if (n < 0)
        return TL_BAD(t, offset, "%d optional fields", (int)n);
    for (int32_t i = 0; i < n; i++) {
        mdl_status s = mdl_tl_array(t, "name of an optional field", TL_ANY, 1, &at, NULL);
        const uint64_t cell = s ? 0 : bytes_u64(&t->in);

        if (!s && (t->in.bad || cell > SIZE_MAX / 2))
            s = cut(t, "optional field");
        if (!s) s = mdl_tl_array(t, "optional field", TL_ANY, cell ? (size_t)cell : 1, &at, NULL);
        if (s)
            return s;
    }
    return MDL_OK;
}

/* ---- the head ------------------------------------------------------------------------------- */

static mdl_status read_types(struct tl *t)
{
    for (int i = 0; i < 3; i++)
        t->version[i] = bytes_u32(&t->in);
    const unsigned threshold = bytes_u8(&t->in), leaf = bytes_u8(&t->in);
    if (t->in.bad)
        return cut(t, "version");
    if (t->version[0] != 4)
        return mdl_fail(t->err, MDL_ERR_UNSUPPORTED, "not supported: a checkpoint of treelite "
                        "%u.%u; load it with treelite 4 and serialize it again, or convert its "
                        "source", (unsigned)t->version[0], (unsigned)t->version[1]);
    if (threshold != leaf || (leaf != F32_CODE && leaf != F64_CODE))
        return TL_BAD(t, 12, "types %u of thresholds and %u of leaves, expected %u or %u, both the "
                      "same", threshold, leaf, F32_CODE, F64_CODE);
    t->type = leaf == F32_CODE ? MDL_F32 : MDL_F64;
    t->cell = leaf == F32_CODE ? sizeof(float) : sizeof(double);
    return MDL_OK;
}

/* A number that is at least 1. */
static mdl_status positive(struct tl *t, const char *name, uint64_t most, uint64_t *out)
{
    const uint64_t offset = bytes_offset(&t->in);
    const int32_t v = (int32_t)bytes_u32(&t->in);

    if (t->in.bad)
        return cut(t, name);
    if (v < 1 || (uint64_t)v > most)
        return TL_BAD(t, offset, "%s is %d, expected 1 to %llu", name, (int)v, ULL(most));
    *out = (uint64_t)v;
    return MDL_OK;
}

static mdl_status flag(struct tl *t, const char *name, uint32_t below, uint32_t *out)
{
    const uint64_t offset = bytes_offset(&t->in);

    *out = bytes_u8(&t->in);
    if (t->in.bad)
        return cut(t, name);
    return *out < below ? MDL_OK : TL_BAD(t, offset, "%s is %u", name, (unsigned)*out);
}

static mdl_status read_classes(struct tl *t)
{
    mdl_status s = mdl_tl_array(t, "num_class", t->targets, 4, &t->num_class, NULL);

    for (uint64_t i = 0; !s && i < t->targets; i++) {
        const int32_t n = tl_i32(t->num_class, i);
        if (n < 1 || (uint64_t)n > TL_MAX_OUTPUTS / t->targets)
            return TL_BAD(t, (uint64_t)(t->num_class - t->in.start) + 4 * i,
                          "num_class of target %llu is %d", ULL(i), (int)n);
        t->classes = (uint64_t)n > t->classes ? (uint64_t)n : t->classes;
    }
    t->outputs = t->targets * t->classes;
    return s;
}

static mdl_status read_shape(struct tl *t)
{
    const unsigned char *at;
    mdl_status s = mdl_tl_array(t, "leaf_vector_shape", 2, 4, &at, NULL);

    if (s)
        return s;
    for (int i = 0; i < 2; i++)
        t->shape[i] = (uint32_t)tl_i32(at, (uint64_t)i);
    if ((t->shape[0] != 1 && t->shape[0] != t->targets)
        || (t->shape[1] != 1 && t->shape[1] != t->classes))
        return TL_BAD(t, (uint64_t)(at - t->in.start), "leaf_vector_shape is %d x %d, in a model of "
                      "%llu targets and %llu classes", (int)t->shape[0], (int)t->shape[1],
                      ULL(t->targets), ULL(t->classes));
    if (t->shape[0] > 1 && t->shape[1] == 1 && t->classes > 1)
        mdl_parts_add(&t->parts, "trees that add to one class of every target");
    return MDL_OK;
}

static mdl_status read_postprocessor(struct tl *t)
{
    const unsigned char *at;
    uint64_t n;
    mdl_status s = mdl_tl_array(t, "postprocessor", TL_ANY, 1, &at, &n);

    if (s)
        return s;
    mdl_safe_text(t->postprocessor, sizeof t->postprocessor, (const char *)at,
                  n < sizeof t->postprocessor ? (size_t)n : sizeof t->postprocessor);
    at = bytes_take(&t->in, 8);
    if (!at)
        return cut(t, "sigmoid_alpha");
    t->sigmoid_alpha = (float)tl_real(at, 4, 0);
    t->ratio_c = (float)tl_real(at, 4, 1);
    return MDL_OK;
}

static mdl_status read_head(struct tl *t)
{
    const unsigned char *attributes;
    uint64_t cols = 0;
    mdl_status s = read_types(t);

    if (s)
        return s;
    t->n_trees = bytes_u64(&t->in);
    if (!t->in.bad && t->n_trees > INT32_MAX)
        return TL_BAD(t, HEAD_BYTES, "%llu trees", ULL(t->n_trees));
    if (!s) s = positive(t, "num_feature", TL_MAX_COLUMNS, &cols);
    if (!s) s = flag(t, "task_type", TL_TASKS, &t->task);
    if (!s) s = flag(t, "average_tree_output", 2, &t->averages);
    if (!s) s = positive(t, "num_target", TL_MAX_OUTPUTS, &t->targets);
    if (!s) s = read_classes(t);
    if (!s) s = read_shape(t);
    if (!s) s = mdl_tl_array(t, "target_id", t->n_trees, 4, &t->target_id, NULL);
    if (!s) s = mdl_tl_array(t, "class_id", t->n_trees, 4, &t->class_id, NULL);
    if (!s) s = read_postprocessor(t);
    if (!s) s = mdl_tl_array(t, "base_scores", t->outputs, 8, &t->base, NULL);
    if (!s) s = mdl_tl_array(t, "attributes", TL_ANY, 1, &attributes, NULL);
    if (!s) s = mdl_tl_skip_fields(t);
    if (!s) t->x = mdl_build_input(t->b, "x", t->type, cols, MDL_ABSENT_MISSING);
    return s;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void add_metadata(const struct tl *t)
{
    char version[40];

    snprintf(version, sizeof version, "%u.%u.%u", (unsigned)t->version[0],
             (unsigned)t->version[1], (unsigned)t->version[2]);
    mdl_build_metadata(t->b, "source", "treelite");
    mdl_build_metadata(t->b, "source_version", version);
    mdl_build_metadata(t->b, "source_kind", "Model");
    mdl_build_metadata(t->b, "objective", t->postprocessor);
}

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    struct tl t = { .in = file, .b = b, .options = options, .err = err,
                    .allocator = mdl_allocator_or_default(NULL) };

    if (options->best_iteration >= 0)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "best_iteration is not for checkpoints of treelite, "
                        "which know no rounds");
    mdl_status s = read_head(&t);
    if (!s) s = mdl_tl_trees(&t);
    if (!s) s = mdl_tl_answers(&t);
    if (!s) add_metadata(&t);
    mdl_vec_free(&t.seen, &t.allocator);
    return s;
}

const struct importer mdl_importer_treelite = {
    .name = "treelite",
    .about = "checkpoints of Model.serialize, treelite 4",
    .probe = probe,
    .convert = convert,
};
