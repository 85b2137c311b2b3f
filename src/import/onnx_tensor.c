/*
 * import/onnx_tensor.c - tensors in every encoding: raw bytes, typed fields, sparse, external
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"
#include "import/onnx_external.h"

/* TensorProto */
enum { P_DIMS = 1, P_TYPE = 2, P_SEGMENT = 3, P_FLOATS = 4, P_INT32S = 5, P_STRINGS = 6,
       P_INT64S = 7, P_NAME = 8, P_RAW = 9, P_DOUBLES = 10, P_UINT64S = 11, P_EXTERNAL = 13,
       P_LOCATION = 14 };

/* TensorProto.DataType: our type, bits of an element in raw data, and the field with typed
 * elements, of which a number may hold several. */
static const struct {
    uint32_t type, bits, field;
} kinds[] = {
    [1] = { MDL_F32, 32, P_FLOATS },         [2] = { MDL_U8, 8, P_INT32S },
    [3] = { MDL_I8, 8, P_INT32S },           [4] = { MDL_U16, 16, P_INT32S },
    [5] = { MDL_I16, 16, P_INT32S },         [6] = { MDL_I32, 32, P_INT32S },
    [7] = { MDL_I64, 64, P_INT64S },         [8] = { MDL_STRING, 0, P_STRINGS },
    [9] = { MDL_BOOL, 8, P_INT32S },         [10] = { MDL_F16, 16, P_INT32S },
    [11] = { MDL_F64, 64, P_DOUBLES },       [12] = { MDL_U32, 32, P_UINT64S },
    [13] = { MDL_U64, 64, P_UINT64S },       [14] = { MDL_C64, 64, P_FLOATS },
    [15] = { MDL_C128, 128, P_DOUBLES },     [16] = { MDL_BF16, 16, P_INT32S },
    [17] = { MDL_F8E4M3FN, 8, P_INT32S },    [18] = { MDL_F8E4M3FNUZ, 8, P_INT32S },
    [19] = { MDL_F8E5M2, 8, P_INT32S },      [20] = { MDL_F8E5M2FNUZ, 8, P_INT32S },
    [21] = { MDL_U4, 4, P_INT32S },          [22] = { MDL_I4, 4, P_INT32S },
    [23] = { MDL_F4E2M1, 4, P_INT32S },      [24] = { MDL_F8E8M0, 8, P_INT32S },
    [25] = { MDL_U2, 2, P_INT32S },          [26] = { MDL_I2, 2, P_INT32S },
};

#define N_KINDS (int64_t)(sizeof kinds / sizeof *kinds)

uint32_t mdl_onnx_type(int64_t data_type)
{
    return data_type > 0 && data_type < N_KINDS ? kinds[data_type].type : 0;
}

struct proto {
    struct bytes name, raw;
    int64_t type, location;
};

static const struct wire_rule proto_rules[] = {
    { P_NAME, WIRE_BYTES, offsetof(struct proto, name) },
    { P_RAW, WIRE_BYTES, offsetof(struct proto, raw) },
    { P_TYPE, WIRE_VARINT, offsetof(struct proto, type) },
    { P_LOCATION, WIRE_VARINT, offsetof(struct proto, location) },
    { 0, 0, 0 },
};

/* ---- elements ------------------------------------------------------------------------------- */

/* Parts of a byte, the lowest first, into a byte each. */
static void unpack(unsigned char *to, const unsigned char *from, uint64_t count, uint32_t type,
                   uint32_t bits)
{
    const int is_signed = type == MDL_I4 || type == MDL_I2;
    const unsigned mask = (1u << bits) - 1, sign = 1u << (bits - 1);

    for (uint64_t i = 0; i < count; i++) {
        const unsigned v = from[i * bits / 8] >> (i * bits % 8) & mask;
        to[i] = (unsigned char)(is_signed && v & sign ? v | ~mask : v);
    }
}

static uint64_t packed_bytes(uint64_t count, uint32_t bits)
{
    return bits >= 8 ? count * (bits / 8) : (count * bits + 7) / 8;
}

/* Raw data: where it lies if it may stay there, else a copy. */
static const void *take_raw(struct onnx *o, const struct flow_tensor *t, struct bytes raw,
                            uint32_t bits)
{
    const size_t bytes = mdl_type_bytes(t->type);

    if (bits >= 8 && t->type != MDL_BOOL && (uintptr_t)raw.at % bytes == 0)
        return raw.at;
    unsigned char *to = mdl_arena_take(&o->flow.arena, t->count, bytes);
    if (!to)
        return NULL;
    if (bits < 8)
        unpack(to, raw.at, t->count, t->type, bits);
    else if (t->count)
        memcpy(to, raw.at, (size_t)t->count * bytes);
    for (uint64_t i = 0; t->type == MDL_BOOL && i < t->count; i++)
        to[i] = to[i] != 0;
    return to;
}

/* Typed elements: numbers in the width of their field, narrowed to the type's. */
static const void *take_typed(struct onnx *o, const struct flow_tensor *t, struct bytes message,
                              int64_t kind)
{
    const uint32_t field = kinds[kind].field, bits = kinds[kind].bits;
    const uint32_t wire = field == P_FLOATS ? WIRE_32 : field == P_DOUBLES ? WIRE_64 : WIRE_VARINT;
    const uint64_t each = bits > 64 || t->type == MDL_C64 ? 2 : 1;
    const uint64_t want = bits < 8 ? packed_bytes(t->count, bits) : t->count * each;
    const size_t bytes = bits < 8 ? 1 : bits / 8 / (size_t)each;
    struct wire_list w = { .message = message, .number = field, .kind = wire };
    const uint64_t have = mdl_wire_count(message, field, wire);
    uint64_t v;

    unsigned char *raw = have == want ? mdl_arena_take(&o->flow.arena, want, bytes) : NULL;
    for (uint64_t i = 0; raw && mdl_wire_each(&w, &v); i++) {
        if (t->type == MDL_BOOL)
            v = v != 0;
        memcpy(raw + i * bytes, &v, bytes);
    }
    if (!raw || w.message.bad) {
        mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a tensor with %llu elements, expected %llu",
                      (unsigned long long)have, (unsigned long long)want);
        return NULL;
    }
    if (bits >= 8)
        return raw;
    return take_raw(o, t, bytes_of(raw, want), bits);
}

static const void *take_texts(struct onnx *o, const struct flow_tensor *t, struct bytes message)
{
    struct bytes left, one;
    uint64_t have = 0;

    for (left = message; mdl_wire_find(&left, P_STRINGS, &one);)
        have++;
    const char **to = have == t->count ? mdl_arena_take(&o->flow.arena, have, sizeof *to) : NULL;
    left = message;
    for (uint64_t i = 0; to && mdl_wire_find(&left, P_STRINGS, &one); i++)
        to[i] = mdl_onnx_copy_text(o, one);
    if (to)
        return to;
    mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a tensor with %llu texts, expected %llu",
                  (unsigned long long)have, (unsigned long long)t->count);
    return NULL;
}

/* ---- tensors ---------------------------------------------------------------------------------- */

static int read_dims(struct onnx *o, struct flow_tensor *t, struct bytes message, uint32_t number)
{
    struct wire_list w = { .message = message, .number = number, .kind = WIRE_VARINT };
    uint64_t v, elements = 1;

    t->rank = 0;
    t->count = 1;
    while (mdl_wire_each(&w, &v)) {
        if (t->rank == MDL_MAX_RANK || v > INT64_MAX
            || (v && !size_mul(elements, v, &elements)) || elements > INT64_MAX / 64) {
            mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a tensor with a wrong dimension, or more than "
                          "%d of them", MDL_MAX_RANK);
            return 0;
        }
        t->dims[t->rank++] = (int64_t)v;
        t->count *= v;
    }
    if (w.message.bad)
        mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a tensor is broken");
    return !w.message.bad;
}

/* Is there any raw data?  An empty field counts. */
static int has_field(struct bytes message, uint32_t number)
{
    struct bytes ignored;

    return mdl_wire_find(&message, number, &ignored);
}

const struct flow_tensor *mdl_onnx_read_tensor(struct onnx *o, struct bytes message, const char **name)
{
    struct proto p = { .type = 0 };
    struct flow_tensor *t = mdl_arena_take(&o->flow.arena, 1, sizeof *t);

    if (!t || !mdl_wire_read(message, proto_rules, &p)) {
        mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a tensor is broken");
        return NULL;
    }
    const char *called = mdl_onnx_copy_text(o, p.name);
    if (name)
        *name = called;
    t->type = mdl_onnx_type(p.type);
    if (!t->type || has_field(message, P_SEGMENT)) {
        mdl_onnx_fail(o, &message, MDL_ERR_UNSUPPORTED, "tensor '%s' of element type %lld%s", called,
                      (long long)p.type, t->type ? ", in segments" : "");
        return NULL;
    }
    if (!read_dims(o, t, message, P_DIMS))
        return NULL;
    if (p.location == 1 && !mdl_onnx_read_external(o, message, called, &p.raw))
        return NULL;
    if (t->type == MDL_STRING) {
        t->data = take_texts(o, t, message);
    } else if (p.location == 1 || has_field(message, P_RAW)) {
        const uint64_t want = packed_bytes(t->count, kinds[p.type].bits);
        if (bytes_left(&p.raw) != want) {
            mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "tensor '%s' has %llu bytes, expected %llu",
                          called, (unsigned long long)bytes_left(&p.raw), (unsigned long long)want);
            return NULL;
        }
        t->data = take_raw(o, t, p.raw, kinds[p.type].bits);
    } else {
        t->data = take_typed(o, t, message, p.type);
    }
    if (!t->data)
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
    return t->data ? t : NULL;
}

/* ---- sparse --------------------------------------------------------------------------------------- */

enum { S_VALUES = 1, S_INDICES = 2, S_DIMS = 3 };

#define SPARSE_BYTES (64u << 20)  /* a few bytes may not unfold into more; nor many such, see sparse_left */

/* Position of value i in the whole tensor; -1 when it is outside. */
static int64_t sparse_at(const struct flow_tensor *t, const struct flow_tensor *index, uint64_t i)
{
    const int64_t *at = index->data;
    int64_t flat = 0;

    if (index->rank == 1)
        return at[i] >= 0 && (uint64_t)at[i] < t->count ? at[i] : -1;
    for (uint32_t d = 0; d < t->rank; d++) {
        const int64_t k = at[i * t->rank + d];
        if (k < 0 || k >= t->dims[d])
            return -1;
        flat = flat * t->dims[d] + k;
    }
    return flat;
}

const struct flow_tensor *mdl_onnx_read_sparse(struct onnx *o, struct bytes message, const char **name)
{
    struct bytes left = message, values = { 0 }, indices = { 0 };
    struct flow_tensor *t = mdl_arena_take(&o->flow.arena, 1, sizeof *t);

    mdl_wire_find(&left, S_VALUES, &values);
    left = message;
    mdl_wire_find(&left, S_INDICES, &indices);
    if (!t || !read_dims(o, t, message, S_DIMS))
        return NULL;
    const struct flow_tensor *v = mdl_onnx_read_tensor(o, values, name);
    const struct flow_tensor *index = v ? mdl_onnx_read_tensor(o, indices, NULL) : NULL;
    if (!index)
        return NULL;
    t->type = v->type;
    const size_t bytes = mdl_type_bytes(t->type);
    const uint64_t each = index->rank == 1 ? 1 : t->rank;
    if (!bytes || index->type != MDL_I64 || v->rank != 1 || index->count != v->count * each
        || t->count > SPARSE_BYTES / bytes || t->count * bytes > o->sparse_left) {
        mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a sparse tensor whose values and indices do not fit, "
                      "or of more than %u bytes, or too many", SPARSE_BYTES);
        return NULL;
    }
    o->sparse_left -= t->count * bytes;
    unsigned char *to = mdl_arena_take(&o->flow.arena, t->count, bytes);
    t->data = to;
    int64_t before = -1;
    for (uint64_t i = 0; to && i < v->count; i++) {
        const int64_t at = sparse_at(t, index, i);
        if (at <= before) {
            mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, at < 0
                          ? "a sparse tensor with an index outside of it"
                          : "a sparse tensor whose indices do not ascend");
            return NULL;
        }
        before = at;
        memcpy(to + (size_t)at * bytes, (const unsigned char *)v->data + i * bytes, bytes);
    }
    return to ? t : NULL;
}
