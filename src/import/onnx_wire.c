/*
 * import/onnx_wire.c - see onnx_wire.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_wire.h"

static uint64_t varint(struct bytes *b)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = bytes_u8(b);
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return v;
    }
    b->bad = 1;
    return 0;
}

/* The part of `from` that begins at p. */
static struct bytes part(const struct bytes *from, const unsigned char *p, uint64_t n)
{
    return (struct bytes){ from->start, p, p + n, 0 };
}

static int scalar(struct bytes *m, uint32_t kind, uint64_t *value)
{
    *value = kind == WIRE_VARINT ? varint(m) : kind == WIRE_64 ? bytes_u64(m) : bytes_u32(m);
    return !m->bad;
}

int mdl_wire_next(struct bytes *m, struct wire_field *f)
{
    if (m->bad || !bytes_left(m))
        return 0;
    const uint64_t tag = varint(m);
    f->number = (uint32_t)(tag >> 3);
    f->kind = (uint32_t)(tag & 7);
    if (f->kind == WIRE_BYTES) {
        const uint64_t n = varint(m);
        const unsigned char *p = bytes_take(m, n);
        if (p)
            f->bytes = part(m, p, n);
    } else if (f->kind == WIRE_VARINT || f->kind == WIRE_64 || f->kind == WIRE_32) {
        scalar(m, f->kind, &f->value);
    } else {
        m->bad = 1;
    }
    m->bad |= !f->number || tag >> 32;
    return !m->bad;
}

int mdl_wire_find(struct bytes *m, uint32_t number, struct bytes *out)
{
    struct wire_field f;

    while (mdl_wire_next(m, &f))
        if (f.number == number && f.kind == WIRE_BYTES) {
            *out = f.bytes;
            return 1;
        }
    return 0;
}

int mdl_wire_read(struct bytes message, const struct wire_rule *rules, void *out)
{
    struct wire_field f;

    while (mdl_wire_next(&message, &f))
        for (const struct wire_rule *r = rules; r->number; r++) {
            unsigned char *to = (unsigned char *)out + r->offset;
            if (r->number != f.number || r->kind != f.kind)
                continue;
            if (f.kind == WIRE_BYTES)
                memcpy(to, &f.bytes, sizeof f.bytes);
            else
                memcpy(to, &f.value, f.kind == WIRE_32 ? 4 : 8);
        }
    return !message.bad;
}

int mdl_wire_each(struct wire_list *w, uint64_t *value)
{
    struct wire_field f;

    while (!bytes_left(&w->packed)) {
        if (!mdl_wire_next(&w->message, &f))
            return 0;
        if (f.number != w->number)
            continue;
        if (f.kind == w->kind) {
            *value = f.value;
            return 1;
        }
        if (f.kind == WIRE_BYTES)
            w->packed = f.bytes;
    }
    if (scalar(&w->packed, w->kind, value))
        return 1;
    w->message.bad = 1;
    return 0;
}

uint64_t mdl_wire_count(struct bytes message, uint32_t number, uint32_t kind)
{
    struct wire_list w = { .message = message, .number = number, .kind = kind };
    uint64_t n = 0, value;

    while (mdl_wire_each(&w, &value))
        n++;
    return n;
}
