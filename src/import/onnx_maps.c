/*
 * import/onnx_maps.c - outputs that are maps
 *
 * A map from class to score for each row is a matrix and the labels of its columns.  So of ZipMap
 * the scores go on; where they leave the graph as what the file calls a sequence of maps, the
 * output carries the labels, and metadata "zipmap" names it, for bindings that make maps again.
 *
 *     metadata  zipmap   names of outputs, one a line
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"
#include "import/onnx_ml.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_TYPE = 2, TYPE_SEQUENCE = 4, SEQUENCE_ELEMENT = 1, TYPE_MAP = 5 };

void mdl_onnx_map_zip(struct onnx *o, struct onnx_node *n)
{
    struct onnx_zip z = { .value = onnx_in(n, 0), .output = MDL_NONE };

    z.texts = mdl_onnx_texts(o, n, "classlabels_strings", &z.n_texts);
    z.ints = mdl_onnx_ints(o, n, "classlabels_int64s", &z.n_ints);
    if (!z.n_texts == !z.n_ints) {
        mdl_onnx_refuse(o, n, "without classlabels_int64s or classlabels_strings, or with both");
        return;
    }
    n->out[0] = z.value;
    if (!mdl_vec_add(&o->zips, &o->flow.allocator, &z, sizeof z))
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
}

/* Is a ValueInfoProto's type a sequence of maps? */
static int is_maps(struct bytes info)
{
    static const uint32_t path[] = { VALUE_TYPE, TYPE_SEQUENCE, SEQUENCE_ELEMENT, TYPE_MAP };

    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        struct bytes inner;
        if (!mdl_wire_find(&info, path[i], &inner))
            return 0;
        info = inner;
    }
    return 1;
}

void mdl_onnx_zip_output(struct onnx *o, struct bytes info, int32_t value, const char *name,
                     int32_t output)
{
    struct onnx_zip *all = (struct onnx_zip *)(void *)o->zips.data;

    for (size_t i = o->zips.bytes / sizeof *all; i-- > 0 && is_maps(info);)
        if (all[i].value == value && all[i].output == MDL_NONE) {
            all[i].output = output;
            all[i].name = name;
            return;
        }
}

static void build_labels(struct onnx *o, const struct onnx_zip *z)
{
    const char **texts = mdl_arena_take(&o->flow.arena, z->n_ints, sizeof *texts);
    char *text = mdl_arena_take(&o->flow.arena, z->n_ints, 24);

    if (!texts || !text) {
        mdl_builder_fail(o->b, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    for (uint64_t i = 0; i < z->n_ints; i++, text += 24) {
        snprintf(text, 24, "%lld", (long long)z->ints[i]);
        texts[i] = text;
    }
    mdl_build_labels(o->b, z->output, MDL_I64, z->n_ints, texts);
}

void mdl_onnx_zip_build(struct onnx *o)
{
    const struct onnx_zip *all = (const struct onnx_zip *)(const void *)o->zips.data;
    const size_t n = o->zips.bytes / sizeof *all;
    size_t bytes = 1;

    for (size_t i = 0; i < n; i++)
        bytes += all[i].output == MDL_NONE ? 0 : strlen(all[i].name) + 1;
    if (bytes == 1)
        return;
    char *names = mdl_arena_take(&o->flow.arena, bytes, 1), *to = names;
    if (!names) {
        mdl_builder_fail(o->b, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (all[i].output == MDL_NONE)
            continue;
        if (all[i].n_texts)
            mdl_build_labels(o->b, all[i].output, MDL_STRING, all[i].n_texts, all[i].texts);
        else
            build_labels(o, &all[i]);
        to += snprintf(to, bytes - (size_t)(to - names), "%s%s", to == names ? "" : "\n",
                       all[i].name);
    }
    mdl_build_metadata(o->b, "zipmap", names);
}
