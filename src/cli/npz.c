/*
 * cli/npz.c - see npz.h
 *
 *     local header, name, extra, data   ...   central directory   end record
 *
 * Sizes and places come from the central directory alone (PKWARE APPNOTE 4.3.12), in its
 * 32-bit form; the CRC-32 of each member is checked.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/npz.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define END_MAGIC     0x06054B50u
#define CENTRAL_MAGIC 0x02014B50u
#define LOCAL_MAGIC   0x04034B50u
#define END_BYTES     22u
#define MAX_COMMENT   65535u

static mdl_status npz_fail(const struct npz *npz, mdl_error *err, const char *what)
{
    return mdl_fail(err, MDL_ERR_DATA, "%s: %s", npz->name, what);
}

/* Where the end record is, or SIZE_MAX: the last one before a comment. */
static size_t find_end(const struct npz *npz)
{
    if (npz->size < END_BYTES)
        return SIZE_MAX;
    const size_t last = npz->size - END_BYTES;
    for (size_t at = last; last - at <= MAX_COMMENT; at--) {
        struct bytes b = bytes_of(npz->bytes + at, npz->size - at);
        if (bytes_u32(&b) == END_MAGIC)
            return at;
        if (!at)
            break;
    }
    return SIZE_MAX;
}

/* CRC-32 of zip (ISO 3309), four bits at a time, going on from another one; 0 at the start. */
static uint32_t crc32_zip(uint32_t crc, const unsigned char *p, size_t n)
{
    uint32_t table[16];

    crc = ~crc;

    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int k = 0; k < 4; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* The data behind the local header at `at`. */
static mdl_status local_data(const struct npz *npz, uint64_t at, struct npz_member *m, uint32_t crc,
                             mdl_error *err)
{
    struct bytes b = bytes_of(npz->bytes, npz->size);

    bytes_take(&b, at);
    const uint32_t magic = bytes_u32(&b);
    bytes_take(&b, 22);
    const uint16_t name = bytes_u16(&b), extra = bytes_u16(&b);
    bytes_take(&b, (uint64_t)name + extra);
    m->bytes = bytes_take(&b, m->size);
    if (b.bad || magic != LOCAL_MAGIC)
        return npz_fail(npz, err, "cut off or damaged: a member lies outside the file");
    if (crc32_zip(0, m->bytes, m->size) != crc)
        return npz_fail(npz, err, "damaged: the CRC-32 of a member is not the recorded one");
    return MDL_OK;
}

/* The member whose directory entry the cursor stands at. */
static mdl_status read_entry(const struct npz *npz, struct bytes *b, struct npz_member *m,
                             mdl_error *err)
{
    const uint32_t magic = bytes_u32(b);
    bytes_take(b, 4);
    const uint16_t flags = bytes_u16(b), method = bytes_u16(b);
    bytes_take(b, 4);
    const uint32_t crc = bytes_u32(b), packed = bytes_u32(b), size = bytes_u32(b);
    const uint16_t name = bytes_u16(b), extra = bytes_u16(b), comment = bytes_u16(b);
    bytes_take(b, 8);
    const uint32_t at = bytes_u32(b);
    const unsigned char *text = bytes_take(b, name);
    bytes_take(b, (uint64_t)extra + comment);

    if (b->bad || magic != CENTRAL_MAGIC)
        return npz_fail(npz, err, "cut off or damaged: its directory cannot be read");
    if (size == UINT32_MAX || packed == UINT32_MAX || at == UINT32_MAX)
        return npz_fail(npz, err, "a member of 4 GiB or more");
    if (flags & 1)
        return npz_fail(npz, err, "encrypted");
    if (method)
        return npz_fail(npz, err, "compressed; write it with numpy.savez instead of "
                                  "numpy.savez_compressed");
    *m = (struct npz_member){ .name = (const char *)text, .name_length = name, .size = size };
    if (name > 4 && !memcmp(text + name - 4, ".npy", 4))
        m->name_length = (size_t)name - 4;
    return packed == size ? local_data(npz, at, m, crc, err)
                          : npz_fail(npz, err, "damaged: two sizes of one member differ");
}

mdl_status cli_npz_open(struct npz *npz, const char *name, unsigned char *bytes, size_t size,
                        mdl_error *err)
{
    struct npz_member m;

    *npz = (struct npz){ .name = name, .bytes = bytes, .size = size };
    const size_t end = find_end(npz);
    if (end == SIZE_MAX)
        return npz_fail(npz, err, "cut off: the end of a zip file is missing");
    struct bytes b = bytes_of(bytes + end, size - end);
    bytes_take(&b, 10);
    npz->count = bytes_u16(&b);
    bytes_take(&b, 4);
    npz->directory_at = bytes_u32(&b);
    if (npz->directory_at > end)
        return npz_fail(npz, err, "damaged: its directory lies behind its end");

    b = bytes_of(bytes + npz->directory_at, end - npz->directory_at);
    for (unsigned i = 0; i < npz->count; i++) {
        const mdl_status s = read_entry(npz, &b, &m, err);
        if (s)
            return s;
    }
    return MDL_OK;
}

void cli_npz_close(struct npz *npz)
{
    free(npz->bytes);
    npz->bytes = NULL;
}

mdl_status cli_npz_member(const struct npz *npz, unsigned i, struct npz_member *out,
                          mdl_error *err)
{
    struct bytes b = bytes_of(npz->bytes + npz->directory_at, npz->size - npz->directory_at);
    mdl_status s = MDL_OK;

    for (unsigned k = 0; k <= i && !s; k++)
        s = read_entry(npz, &b, out, err);
    return s;
}

/* ---- writing --------------------------------------------------------------------------- */

static unsigned char *put16(unsigned char *p, uint32_t v)
{
    *p++ = (unsigned char)v;
    *p++ = (unsigned char)(v >> 8);
    return p;
}

static unsigned char *put32(unsigned char *p, uint32_t v)
{
    return put16(put16(p, v & 0xFFFF), v >> 16);
}

/* What the local header and the directory have in common: version 2.0, a name in UTF-8, stored,
 * on 1 January 1980. */
static unsigned char *put_member(unsigned char *p, uint32_t crc, uint32_t size, size_t name_length)
{
    p = put16(put16(put16(p, 20), 0x800), 0);
    p = put16(put16(p, 0), 0x21);
    p = put32(put32(put32(p, crc), size), size);
    return put16(put16(p, (uint32_t)name_length), 0);
}

mdl_status cli_npz_write(FILE *to, const struct npz_part *parts, size_t n, mdl_error *err)
{
    enum { MOST = 256 };
    uint32_t at[MOST + 1] = { 0 }, crc[MOST];
    unsigned char head[64], *p;
    uint64_t directory = 0;

    if (n > MOST)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "more than %d arrays for one .npz", MOST);
    for (size_t i = 0; i < n; i++) {
        const struct npz_part *m = &parts[i];
        const size_t name = strlen(m->name) + 4;
        const uint64_t size = m->head_bytes + m->rest_bytes, next = at[i] + 30 + name + size;
        if (name > 65535 || m->rest_bytes >= UINT32_MAX || next + 65535 * (n + 1) >= UINT32_MAX)
            return mdl_fail(err, MDL_ERR_UNSUPPORTED, "more than 4 GiB for one .npz; write one "
                            "output as .npy");
        at[i + 1] = (uint32_t)next;
        crc[i] = crc32_zip(crc32_zip(0, m->head, (size_t)m->head_bytes), m->rest,
                           (size_t)m->rest_bytes);
        p = put_member(put32(head, LOCAL_MAGIC), crc[i], (uint32_t)size, name);
        fwrite(head, 1, (size_t)(p - head), to);
        fprintf(to, "%s.npy", m->name);
        fwrite(m->head, 1, (size_t)m->head_bytes, to);
        fwrite(m->rest, 1, (size_t)m->rest_bytes, to);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t name = strlen(parts[i].name) + 4;
        p = put_member(put16(put32(head, CENTRAL_MAGIC), 20), crc[i],
                       (uint32_t)(parts[i].head_bytes + parts[i].rest_bytes), name);
        p = put32(put16(put16(put16(p, 0), 0), 0), 0);
        p = put32(p, at[i]);
        fwrite(head, 1, (size_t)(p - head), to);
        fprintf(to, "%s.npy", parts[i].name);
        directory += 46 + name;
    }
    p = put16(put16(put32(head, END_MAGIC), 0), 0);
    p = put16(put16(p, (uint32_t)n), (uint32_t)n);
    p = put16(put32(put32(p, (uint32_t)directory), at[n]), 0);
    fwrite(head, 1, (size_t)(p - head), to);
    return MDL_OK;
}
