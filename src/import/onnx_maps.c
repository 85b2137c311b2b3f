/*
 * import/onnx_maps.c - maps that go in, and outputs that are maps
 *
 * A map that goes in is its values and its keys (onnx_packed.h): DictVectorizer and CastMap put
 * the values where the keys say.
 *
 * A map from class to score for each row is a matrix and the labels of its columns.  So of ZipMap
 * the scores go on; where they leave the graph as what the file calls a sequence of maps, the
 * output carries the labels, and metadata "zipmap" names it, for bindings that make maps again.
 *
 *     metadata  zipmap   names of outputs, one a line
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_ml.h"
#include "import/onnx_packed.h"

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

/* ---- maps that go in ------------------------------------------------------------------------- */

/* Values and keys of input 0; 0 after a refusal. */
static int take_map(struct onnx *o, const struct onnx_node *n, int32_t *values, int32_t *keys)
{
    const struct flow_node *c = mdl_onnx_compound(mdl_onnx_flow(o), onnx_in(n, 0));

    if (!c || strcmp(c->op, ONNX_MAP) != 0) {
        mdl_onnx_refuse(o, n, "an input that is no map of the graph's inputs");
        return 0;
    }
    *values = c->in[0];
    *keys = c->in[1];
    return 1;
}

/* [1, size]: each value where `at` says, else 0.  Place `size` is there for those nobody wants. */
static int32_t spread(struct flow *f, int32_t values, int32_t at, int64_t size)
{
    float *zeros = mdl_arena_take(&f->arena, (uint64_t)size + 1, sizeof *zeros);
    const int64_t dims[1] = { size + 1 }, first = 0;

    if (!zeros)
        return FLOW_NONE;
    const int32_t none = mdl_flow_op2(f, "convert", mdl_flow_const(f, MDL_F32, 1, dims, zeros),
                                      values);
    const int32_t all = mdl_flow_result(f, mdl_flow_node(f, "scatter_elements", "", (int32_t[]){
                                        none, at, values }, 3, 1), 0);
    const int32_t cut[4] = { all, mdl_flow_const_ints(f, &first, 1), mdl_flow_const_ints(f, &size, 1),
                             mdl_flow_const_ints(f, &first, 1) };
    const int32_t some = mdl_flow_result(f, mdl_flow_node(f, "slice", "", cut, 4, 1), 0);
    return mdl_flow_op2(f, "unsqueeze", some, cut[1]);
}

void mdl_onnx_map_dict_vectorizer(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    uint64_t n_texts, n_ints;
    const char *const *texts = mdl_onnx_texts(o, n, "string_vocabulary", &n_texts);
    const int64_t *ints = mdl_onnx_ints(o, n, "int64_vocabulary", &n_ints);
    const uint64_t size = n_texts ? n_texts : n_ints;
    int64_t *places = mdl_arena_take(&f->arena, size + 1, sizeof *places);
    int32_t values, keys;

    if (!places || !n_texts == !n_ints || size > INT32_MAX) {
        mdl_onnx_refuse(o, n, "without string_vocabulary or int64_vocabulary, or with both");
        return;
    }
    if (!take_map(o, n, &values, &keys))
        return;
    if (mdl_onnx_ml_type(o, values) == MDL_STRING)
        mdl_onnx_refuse(o, n, "values that are strings");
    if (mdl_onnx_ml_type(o, keys) != (n_texts ? MDL_STRING : MDL_I64))
        mdl_onnx_refuse(o, n, "a vocabulary of another type than the keys");
    for (uint64_t i = 0; i <= size; i++)
        places[i] = (int64_t)i;
    const int32_t node = mdl_flow_node(f, "lookup", n->name, &keys, 1, 1);
    if (n_texts)
        mdl_onnx_ml_texts(o, node, "key_text", texts, n_texts);
    else
        mdl_onnx_ml_list(o, node, "keys", MDL_I64, n_ints, ints);
    mdl_onnx_ml_list(o, node, "values", MDL_I64, size, places);
    mdl_onnx_ml_list(o, node, "default", MDL_I64, 1, places + size);
    n->out[0] = spread(f, values, mdl_flow_result(f, node, 0), (int64_t)size);
}

/* Where a key is put among `size` places: beyond them nowhere; below 0 is an error. */
static int32_t place_of(struct flow *f, int32_t keys, int64_t size)
{
    const int32_t least = mdl_flow_kind2(f, "binary", "min", keys, mdl_flow_const_i64(f, size));
    const int32_t wrong = mdl_flow_kind2(f, "compare", "less", keys, mdl_flow_const_i64(f, 0));
    const int32_t in[3] = { wrong, mdl_flow_const_i64(f, size + 1), least };

    return mdl_flow_result(f, mdl_flow_node(f, "where", "", in, 3, 1), 0);
}

/* [1, length]: values in the order of their keys. */
static int32_t sorted(struct flow *f, int32_t values, int32_t keys)
{
    const int64_t first = 0;
    const int32_t in[2] = { keys, mdl_flow_op1(f, "shape", keys) };
    const int32_t node = mdl_flow_node(f, "topk", "", in, 2, 2);

    mdl_flow_int(f, node, "largest", 0);
    mdl_flow_int(f, node, "axis", 0);
    const int32_t all = mdl_flow_op2(f, "gather", values, mdl_flow_result(f, node, 1));
    return mdl_flow_op2(f, "unsqueeze", all, mdl_flow_const_ints(f, &first, 1));
}

void mdl_onnx_map_cast_map(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const char *to = mdl_onnx_string(o, n, "cast_to", "TO_FLOAT");
    const char *form = mdl_onnx_string(o, n, "map_form", "DENSE");
    const int64_t size = mdl_onnx_int(o, n, "max_map", 1);
    const int texts = !strcmp(to, "TO_STRING"), dense = !strcmp(form, "DENSE");
    int32_t values, keys;

    if ((!texts && strcmp(to, "TO_FLOAT") != 0 && strcmp(to, "TO_INT64") != 0)
        || (!dense && (strcmp(form, "SPARSE") != 0 || texts || size < 1 || size > INT32_MAX))) {
        mdl_onnx_refuse(o, n, "cast_to '%s', map_form '%s', max_map %lld", to, form, (long long)size);
        return;
    }
    if (!take_map(o, n, &values, &keys))
        return;
    if (mdl_onnx_ml_type(o, keys) != MDL_I64)
        mdl_onnx_refuse(o, n, "keys that are no int64");
    if (texts && mdl_onnx_ml_type(o, values) != MDL_STRING)
        mdl_onnx_refuse(o, n, "numbers to strings");
    if (!texts) {
        const int32_t node = mdl_flow_node(f, "convert", n->name, &values, 1, 1);
        mdl_flow_choice(f, node, "to", to[3] == 'F' ? "float32" : "int64");
        values = mdl_flow_result(f, node, 0);
    }
    n->out[0] = dense ? sorted(f, values, keys) : spread(f, values, place_of(f, keys, size), size);
}
