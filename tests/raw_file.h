/*
 * tests/raw_file.h - the bytes of a model file, looked at and changed by hand
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_RAW_FILE_H
#define MDL_TESTS_RAW_FILE_H

#include "test.h"

#include "base/crc32c.h"
#include "format/format.h"
#include "format/mdl_format.h"
#include "op/tree.h"

/* Make checksums fit again, so that only the structure can be at fault. */
static inline void raw_repair(unsigned char *file)
{
    struct mdl_file_header h;

    memcpy(&h, file, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++) {
        struct mdl_file_section e;
        unsigned char *at = file + sizeof h + i * sizeof e;
        memcpy(&e, at, sizeof e);
        e.crc = mdl_crc32c(0, file + e.offset, (size_t)e.bytes);
        memcpy(at, &e, sizeof e);
    }
    h.crc = mdl_crc32c(0, file, offsetof(struct mdl_file_header, crc));
    h.crc = mdl_crc32c(h.crc, file + sizeof h, h.n_sections * sizeof(struct mdl_file_section));
    memcpy(file, &h, sizeof h);
}

/* A copy of the file that a builder makes, at a multiple of 64; the builder is freed. */
static inline unsigned char *raw_built(mdl_builder *b, size_t *size)
{
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;

    if (mdl_build_bytes(b, &bytes, size, &err))
        fail_msg("%s", err.text);
    unsigned char *file = aligned_alloc(64, (*size + 63) / 64 * 64);
    memcpy(file, bytes, *size);
    mdl_builder_free(b);
    return file;
}

/* The weights of node 0 that are called so, where they lie in the file; NULL: there are none. */
static inline void *raw_array(unsigned char *file, size_t size, const char *name, mdl_tensor *told)
{
    const mdl_load_options o = { .size = sizeof o, .flags = MDL_LOAD_BORROW };
    mdl_error err = MDL_ERROR_INIT;
    mdl_tensor t = { .size = sizeof t };
    unsigned char *at = NULL;
    mdl_model *m;

    if (mdl_load_memory(&m, file, size, &o, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; !at && !mdl_node_tensor(m, 0, i, &t); i++)
        if (!strcmp(t.name, name))
            at = file + ((const unsigned char *)t.data - file);
    mdl_free(m);
    if (told)
        *told = t;
    return at;
}

/* Loading says so, once checksums fit again. */
static inline void raw_refused(unsigned char *file, size_t size, const char *says)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;

    raw_repair(file);
    assert_int_equal(mdl_load_memory(&m, file, size, NULL, &err), MDL_ERR_FORMAT);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

/* Bytes of an array that are others for a while. */
static inline void raw_try(unsigned char *file, size_t size, void *at, const void *bytes, size_t n,
                           const char *says)
{
    unsigned char kept[8];

    memcpy(kept, at, n);
    memcpy(at, bytes, n);
    raw_refused(file, size, says);
    memcpy(at, kept, n);
    raw_repair(file);
}

/* The tensor whose bytes begin at `at` is a row shorter: its record says so. */
static inline void raw_shorten(unsigned char *file, const unsigned char *at)
{
    struct mdl_file_header h;

    memcpy(&h, file, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++) {
        struct mdl_file_section e, data;
        memcpy(&e, file + sizeof h + i * sizeof e, sizeof e);
        memcpy(&data, file + sizeof h + (i + 1) * sizeof e, sizeof data);
        if (e.type != 9)                         /* tensors; data is behind */
            continue;
        for (uint64_t r = 0; r < e.count; r++) {
            struct mdl_file_tensor t;
            memcpy(&t, file + e.offset + r * sizeof t, sizeof t);
            if (file + data.offset + t.at != at || !t.bytes)
                continue;
            t.dims[0]--;
            t.bytes = (uint64_t)(t.dims[0] * (t.rank > 1 ? t.dims[1] : 1)) * mdl_type_bytes(t.type);
            memcpy(file + e.offset + r * sizeof t, &t, sizeof t);
        }
    }
}

static inline uint32_t raw_word(const struct tensor *t, uint64_t i)
{
    return t->type == MDL_U8 ? ((const uint8_t *)t->data)[i]
         : t->type == MDL_U16 ? ((const uint16_t *)t->data)[i] : ((const uint32_t *)t->data)[i];
}

static inline double raw_number(const struct tensor *t, uint64_t i)
{
    return t->type == MDL_F64 ? ((const double *)t->data)[i]
         : t->type == MDL_F32 ? (double)((const float *)t->data)[i] : (double)raw_word(t, i);
}

static inline void *raw_put(struct arena *a, struct tensor *t, uint32_t type, uint64_t count)
{
    void *data = mdl_arena_take(a, count, mdl_type_bytes(type));

    *t = (struct tensor){ .type = type, .rank = 1, .dims = { (int64_t)count }, .count = count,
                          .data = data, .offset = MDL_NO_OFFSET };
    return data;
}

/* A tree of splits becomes one of nodes: what is below node `i` from split and leaf on, `splits` of
 * them.  Returns the node behind. */
static inline uint32_t raw_unfold(const struct tensor *from, struct tensor *to, uint32_t i,
                                  uint32_t split, uint32_t leaf, uint32_t splits)
{
    double *cover = (double *)(uintptr_t)to[TREES_COVER].data;

    if (!splits) {
        if (cover)
            cover[i] = raw_number(&from[TREES_COVER],
                                  from[TREES_COVER].count == to[TREES_FLAGS].count ? i : leaf);
        return i + 1;
    }
    const uint32_t q = from[TREES_QUESTION].type ? raw_word(&from[TREES_QUESTION], split) : split;
    const uint32_t left = raw_word(&from[TREES_LEFT], split);
    const size_t bytes = mdl_type_bytes(from[TREES_THRESHOLD].type);

    ((uint8_t *)(uintptr_t)to[TREES_FLAGS].data)[i] = ((const uint8_t *)from[TREES_FLAGS].data)[q];
    ((uint32_t *)(uintptr_t)to[TREES_FEATURE].data)[i] = raw_word(&from[TREES_FEATURE], q);
    memcpy((unsigned char *)(uintptr_t)to[TREES_THRESHOLD].data + i * bytes,
           (const unsigned char *)from[TREES_THRESHOLD].data + q * bytes, bytes);
    const uint32_t right = raw_unfold(from, to, i + 1, split + 1, leaf, left);
    ((uint32_t *)(uintptr_t)to[TREES_RIGHT].data)[i] = right;
    const uint32_t end = raw_unfold(from, to, right, split + 1 + left, leaf + left + 1,
                                    splits - 1 - left);
    if (cover)
        cover[i] = from[TREES_COVER].count == to[TREES_FLAGS].count ? raw_number(&from[TREES_COVER], i)
                                                                    : cover[i + 1] + cover[right];
    return end;
}

/* The same model, its node 0 an ensemble without sets, as files were before there were questions. */
static inline unsigned char *raw_of_nodes(const unsigned char *file, size_t size, size_t *bytes)
{
    const mdl_allocator allocator = mdl_allocator_or_default(NULL);
    struct model_graph m = { .graph = { 0 } };
    struct tensor to[TREES_SLOTS];
    mdl_limits limits = { .columns = UINT32_MAX };
    mdl_error err = MDL_ERROR_INIT;
    struct arena a;
    const void *written;

    mdl_arena_init(&a, &allocator, UINT64_MAX);
    if (mdl_format_read(&m, &a, file, size, &limits, 0, &err))
        fail_msg("%s", err.text);
    struct tensor *from = m.graph.nodes[0].tensors;
    const uint32_t *start = from[TREES_TREE_START].data;
    const uint64_t trees = from[TREES_TREE_START].count - 1, nodes = start[trees];

    memcpy(to, from, sizeof to);
    to[TREES_LEFT].type = to[TREES_QUESTION].type = to[TREES_VECTOR].type = 0;
    to[TREES_COVER].data = NULL;
    raw_put(&a, &to[TREES_FLAGS], MDL_U8, nodes);
    raw_put(&a, &to[TREES_FEATURE], MDL_U32, nodes);
    raw_put(&a, &to[TREES_RIGHT], MDL_U32, nodes);
    raw_put(&a, &to[TREES_THRESHOLD], from[TREES_THRESHOLD].type, nodes);
    if (from[TREES_COVER].type)
        raw_put(&a, &to[TREES_COVER], MDL_F64, nodes);
    for (uint32_t t = 0; t < trees; t++)
        raw_unfold(from, to, start[t], (start[t] - t) / 2, (start[t] + t) / 2,
                   (start[t + 1] - start[t]) / 2);
    if (from[TREES_LEAF_ID].type) {
        int32_t *id = raw_put(&a, &to[TREES_LEAF_ID], MDL_I32, from[TREES_LEAF_ID].count);
        for (uint64_t i = 0; i < from[TREES_LEAF_ID].count; i++)
            id[i] = (int32_t)raw_word(&from[TREES_LEAF_ID], i);
    }
    if (from[TREES_VECTOR].type) {
        const size_t row = (size_t)from[TREES_VALUE].dims[1] * mdl_type_bytes(from[TREES_VALUE].type);
        const uint64_t leaves = from[TREES_VECTOR].count;
        unsigned char *value = mdl_arena_take(&a, leaves, row);
        for (uint64_t i = 0; i < leaves; i++)
            memcpy(value + i * row, (const unsigned char *)from[TREES_VALUE].data
                                        + raw_word(&from[TREES_VECTOR], i) * row, row);
        to[TREES_VALUE].dims[0] = (int64_t)leaves;
        to[TREES_VALUE].count = leaves * (uint64_t)from[TREES_VALUE].dims[1];
        to[TREES_VALUE].data = value;
    }
    memcpy(from, to, sizeof to);
    if (mdl_format_write(&m, &a, &written, bytes, &err))
        fail_msg("%s", err.text);
    unsigned char *out = aligned_alloc(64, (*bytes + 63) / 64 * 64);
    memcpy(out, written, *bytes);
    mdl_arena_free(&a);
    return out;
}

#endif
