/*
 * import/flat.c - FlatBuffers: tables read in place
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/flat.h"

#include <stdarg.h>
#include <stdio.h>

mdl_status mdl_flat_fail(struct flat *f, size_t at, const char *format, ...)
{
    char text[200];
    va_list args;

    if (f->status)
        return f->status;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    f->status = mdl_fail_at(f->err, MDL_ERR_FORMAT, "", f->offset + at, "%s", text);
    return f->status;
}

/* `bytes` bytes at a place of the buffer, NULL (and failed) if they do not lie within it. */
static const unsigned char *look(struct flat *f, uint64_t at, uint64_t bytes)
{
    const uint64_t size = (uint64_t)(f->in.end - f->in.start);

    if (f->status)
        return NULL;
    if (at > size || bytes > size - at) {
        mdl_flat_fail(f, (size_t)(at < size ? at : size), "%llu bytes at %llu of a flatbuffer of "
                      "%llu: it is damaged; " MDL_AGAIN, (unsigned long long)bytes,
                      (unsigned long long)at, (unsigned long long)size);
        return NULL;
    }
    return f->in.start + at;
}

static uint32_t u32_at(struct flat *f, uint64_t at)
{
    const unsigned char *p = look(f, at, 4);
    uint32_t v = 0;

    if (p)
        memcpy(&v, p, 4);
    return v;
}

static uint32_t u16_at(struct flat *f, uint64_t at)
{
    const unsigned char *p = look(f, at, 2);
    uint16_t v = 0;

    if (p)
        memcpy(&v, p, 2);
    return v;
}

static struct flat_table table_at(struct flat *f, uint64_t at)
{
    const struct flat_table none = { .f = f };
    const int64_t back = (int32_t)u32_at(f, at), vtable = (int64_t)at - back;

    if (!f->status && vtable < 0)
        mdl_flat_fail(f, (size_t)at, "the table lies before its buffer");
    if (f->status)
        return none;
    const uint32_t bytes = u16_at(f, (uint64_t)vtable), size = u16_at(f, (uint64_t)vtable + 2);
    if (bytes < 4 || bytes % 2)
        mdl_flat_fail(f, (size_t)vtable, "no table of a flatbuffer");
    if (!look(f, (uint64_t)vtable, bytes) || !look(f, at, size))
        return none;
    return (struct flat_table){ .f = f, .at = (size_t)at, .vtable = (size_t)vtable,
                                .n_fields = bytes / 2 - 2, .bytes = size };
}

/* Where a field of so many bytes lies, NULL when it is absent. */
static const unsigned char *field_at(const struct flat_table *t, uint32_t field, uint32_t bytes)
{
    if (field >= t->n_fields || t->f->status)
        return NULL;
    const uint32_t place = u16_at(t->f, t->vtable + 4 + 2 * (uint64_t)field);
    if (!place)
        return NULL;
    if (place + bytes > t->bytes) {
        mdl_flat_fail(t->f, t->at, "field %u of a flatbuffer's table lies outside of it",
                      (unsigned)field);
        return NULL;
    }
    return t->f->in.start + t->at + place;
}

int64_t mdl_flat_i32(const struct flat_table *t, uint32_t field, int32_t otherwise)
{
    const unsigned char *p = field_at(t, field, 4);

    if (p)
        memcpy(&otherwise, p, 4);
    return otherwise;
}

uint8_t mdl_flat_u8(const struct flat_table *t, uint32_t field, uint8_t otherwise)
{
    const unsigned char *p = field_at(t, field, 1);

    return p ? *p : otherwise;
}

float mdl_flat_f32(const struct flat_table *t, uint32_t field, float otherwise)
{
    const unsigned char *p = field_at(t, field, 4);

    if (p)
        memcpy(&otherwise, p, 4);
    return otherwise;
}

double mdl_flat_f64(const struct flat_table *t, uint32_t field, double otherwise)
{
    const unsigned char *p = field_at(t, field, 8);

    if (p)
        memcpy(&otherwise, p, 8);
    return otherwise;
}

/* Where a field points to, 0 when it is absent: nothing can lie there. */
static uint64_t follow(const struct flat_table *t, uint32_t field)
{
    const unsigned char *p = field_at(t, field, 4);

    if (!p)
        return 0;
    const uint64_t at = (uint64_t)(p - t->f->in.start);
    return at + u32_at(t->f, at);
}

struct flat_table mdl_flat_table(const struct flat_table *t, uint32_t field)
{
    const uint64_t at = follow(t, field);

    return at ? table_at(t->f, at) : (struct flat_table){ .f = t->f };
}

struct flat_vector mdl_flat_vector(const struct flat_table *t, uint32_t field, size_t bytes)
{
    const uint64_t at = follow(t, field);
    const uint32_t n = at ? u32_at(t->f, at) : 0;
    const unsigned char *data = n ? look(t->f, at + 4, (uint64_t)n * bytes) : NULL;

    return (struct flat_vector){ .f = t->f, .data = data, .n = data ? n : 0 };
}

struct flat_vector mdl_flat_text(const struct flat_vector *v, uint32_t i)
{
    const uint64_t place = (uint64_t)(v->data - v->f->in.start) + 4 * (uint64_t)i;
    const uint64_t at = place + u32_at(v->f, place);
    const uint32_t n = u32_at(v->f, at);
    const unsigned char *data = n ? look(v->f, at + 4, n) : NULL;

    return (struct flat_vector){ .f = v->f, .data = data, .n = data ? n : 0 };
}

struct flat_table mdl_flat_item(const struct flat_vector *v, uint32_t i)
{
    const uint64_t at = (uint64_t)(v->data - v->f->in.start) + 4 * (uint64_t)i;

    return table_at(v->f, at + u32_at(v->f, at));
}

struct flat_table mdl_flat_root(struct flat *f, struct bytes in, mdl_error *err)
{
    *f = (struct flat){ .in = { in.at, in.at, in.end, 0 }, .offset = bytes_offset(&in),
                        .err = err };
    return table_at(f, u32_at(f, 0));
}
