/*
 * import/inflate.c - see inflate.h
 *
 * A stream is blocks: stored bytes, or symbols of two Huffman codes.  A code is looked up by its
 * next bits, as many as its longest symbol has (15 at most): entry = symbol << 4 | bits of it, 0
 * where no symbol begins so.  Symbols below 256 are bytes, 256 ends a block, those above are
 * lengths of what is to be repeated, each followed by a distance from the other code.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/inflate.h"

#include <string.h>

#define MOST_BITS 15u
#define END 256u
#define CHUNK ((uint64_t)1 << 16)

struct code {
    uint16_t entry[1u << MOST_BITS];
    unsigned bits;                /* of the longest symbol                                    */
};

struct inflate {
    struct bytes in;
    uint64_t held;                /* bits to come, the lowest first                           */
    unsigned n_held, padding;     /* padding: bits of it that are behind the end              */
    struct vec *out;              /* with room ahead; `used` is what there is                 */
    uint64_t used, begin, most;
    const mdl_allocator *allocator;
    const char *wrong;            /* NULL while all is well                                   */
    mdl_status failed;            /* of room: more than `most`, or no memory                  */
    struct code symbols, distances;
};

/* ---- bits ------------------------------------------------------------------------------------ */

static void hold(struct inflate *f, unsigned n)
{
    for (; f->n_held < n; f->n_held += 8) {
        const int is_end = !bytes_left(&f->in);
        f->held |= (uint64_t)(is_end ? 0 : bytes_u8(&f->in)) << f->n_held;
        f->padding += is_end ? 8 : 0;
    }
}

static uint32_t drop(struct inflate *f, unsigned n)
{
    const uint32_t v = (uint32_t)(f->held & (((uint64_t)1 << n) - 1));

    f->held >>= n;
    f->n_held -= n;
    if (f->padding > f->n_held)
        f->wrong = MDL_CUT_OFF;
    return v;
}

static uint32_t take(struct inflate *f, unsigned n)
{
    hold(f, n);
    return drop(f, n);
}

static unsigned symbol(struct inflate *f, const struct code *c)
{
    hold(f, MOST_BITS);
    const uint16_t entry = c->entry[f->held & ((1u << c->bits) - 1)];
    if (!(entry & 15u))
        f->wrong = "a code that stands for nothing";
    drop(f, entry & 15u);
    return entry >> 4;
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* The canonical code of symbols with these lengths, 0 for none. */
static void make_code(struct inflate *f, struct code *c, const uint8_t *lengths, unsigned n)
{
    uint32_t count[MOST_BITS + 1] = { 0 }, next[MOST_BITS + 2] = { 0 };

    for (unsigned i = 0; i < n; i++)
        count[lengths[i]]++;
    count[0] = 0;
    c->bits = 1;
    for (unsigned bits = 1; bits <= MOST_BITS; bits++) {
        next[bits + 1] = (next[bits] + count[bits]) << 1;
        if (count[bits])
            c->bits = bits;
        if (next[bits] + count[bits] > 1u << bits)
            f->wrong = "a code of too many symbols";
    }
    memset(c->entry, 0, sizeof *c->entry << c->bits);
    for (unsigned i = 0; !f->wrong && i < n; i++) {
        const unsigned bits = lengths[i];
        uint32_t turned = 0;
        if (!bits)
            continue;
        for (unsigned k = 0; k < bits; k++)      /* codes come with their highest bit first */
            turned |= (next[bits] >> k & 1) << (bits - 1 - k);
        next[bits]++;
        for (uint32_t at = turned; at < 1u << c->bits; at += 1u << bits)
            c->entry[at] = (uint16_t)(i << 4 | bits);
    }
}

static void fixed_codes(struct inflate *f)
{
    uint8_t lengths[288];

    for (unsigned i = 0; i < 288; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    make_code(f, &f->symbols, lengths, 288);
    memset(lengths, 5, 30);
    make_code(f, &f->distances, lengths, 30);
}

/* Lengths of both codes, themselves in a code: 16 repeats the last one, 17 and 18 zeros. */
static void read_codes(struct inflate *f)
{
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14,
                                       1, 15 };
    uint8_t lengths[320] = { 0 };
    const unsigned n_symbols = 257 + take(f, 5), n_distances = 1 + take(f, 5), n = 4 + take(f, 4);

    for (unsigned i = 0; i < n; i++)
        lengths[order[i]] = (uint8_t)take(f, 3);
    make_code(f, &f->symbols, lengths, 19);
    memset(lengths, 0, sizeof lengths);
    for (unsigned i = 0; !f->wrong && i < n_symbols + n_distances;) {
        const unsigned s = symbol(f, &f->symbols);
        const uint8_t value = s < 16 ? (uint8_t)s : s == 16 && i ? lengths[i - 1] : 0;
        const unsigned times = s < 16 ? 1 : s == 16 ? 3 + take(f, 2)
                             : s == 17 ? 3 + take(f, 3) : 11 + take(f, 7);
        if ((s == 16 && !i) || i + times > n_symbols + n_distances) {
            f->wrong = "lengths of codes beyond their end";
            return;
        }
        memset(lengths + i, value, times);
        i += times;
    }
    if (n_symbols > 286 || n_distances > 30)
        f->wrong = "a code of too many symbols";
    if (!f->wrong) make_code(f, &f->symbols, lengths, n_symbols);
    if (!f->wrong) make_code(f, &f->distances, lengths + n_symbols, n_distances);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Room for n bytes more. */
static int room(struct inflate *f, uint64_t n)
{
    const uint64_t have = f->out->bytes;

    if (f->used - f->begin + n > f->most)
        f->failed = MDL_ERR_LIMIT;
    else if (f->used + n <= have)
        return 1;
    else if (mdl_vec_add(f->out, f->allocator, NULL, (size_t)(n + CHUNK + (have - f->begin) / 2)))
        return 1;
    else
        f->failed = MDL_ERR_MEMORY;
    f->wrong = "no room";
    return 0;
}

static void stored(struct inflate *f)
{
    drop(f, f->n_held % 8);
    const uint32_t n = take(f, 16), turned = take(f, 16);

    if (n != (turned ^ 0xFFFF))
        f->wrong = "a stored block whose length is not said twice";
    for (uint32_t i = 0; !f->wrong && i < n; i++)
        if (room(f, 1))
            f->out->data[f->used++] = (unsigned char)take(f, 8);
}

static void repeat(struct inflate *f, unsigned s)
{
    static const uint16_t lengths[29] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
                                          35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
                                          258 };
    static const uint16_t distances[30] = {
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };

    const unsigned i = s - END - 1;
    if (i >= 29) {
        f->wrong = "a length that there is not";
        return;
    }
    const unsigned n = lengths[i] + (i < 8 || i == 28 ? 0 : take(f, i / 4 - 1));
    const unsigned d = symbol(f, &f->distances);
    if (f->wrong || d >= 30) {
        f->wrong = f->wrong ? f->wrong : "a distance that there is not";
        return;
    }
    const uint64_t back = distances[d] + (d < 4 ? 0u : take(f, d / 2 - 1));
    if (back > f->used - f->begin) {
        f->wrong = "a distance beyond the beginning";
        return;
    }
    if (!room(f, n))
        return;
    unsigned char *to = f->out->data + f->used;
    for (unsigned k = 0; k < n; k++)             /* they may overlap */
        to[k] = to[(ptrdiff_t)k - (ptrdiff_t)back];
    f->used += n;
}

static void symbols(struct inflate *f)
{
    while (!f->wrong) {
        const unsigned s = symbol(f, &f->symbols);
        if (f->wrong || s == END)
            return;
        if (s > END)
            repeat(f, s);
        else if (room(f, 1))
            f->out->data[f->used++] = (unsigned char)s;
    }
}

static void blocks(struct inflate *f)
{
    for (int last = 0; !f->wrong && !last;) {
        last = (int)take(f, 1);
        const unsigned kind = take(f, 2);
        if (kind == 0)
            stored(f);
        else if (kind == 3)
            f->wrong = "a block of an unknown kind";
        else {
            if (kind == 1) fixed_codes(f);
            else read_codes(f);
            symbols(f);
        }
    }
}

/* ---- gzip ------------------------------------------------------------------------------------ */

static uint32_t crc32(const unsigned char *p, uint64_t n)
{
    uint32_t table[256], crc = 0xFFFFFFFF;

    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320 : 0);
    }
    for (; n; n--, p++)
        crc = table[(crc ^ *p) & 0xFF] ^ crc >> 8;
    return ~crc;
}

/* Header: 1F 8B, method 8, flags, 6 bytes; then what the flags say. */
static void skip_header(struct inflate *f)
{
    const unsigned char *p = bytes_take(&f->in, 10);
    const unsigned flags = p ? p[3] : 0;

    if (!p || p[0] != 0x1F || p[1] != 0x8B || p[2] != 8 || flags & 0xE0) {
        f->wrong = "it does not begin as gzip";
        return;
    }
    if (flags & 4)
        bytes_take(&f->in, bytes_u16(&f->in));
    for (unsigned text = 8; text <= 16; text *= 2)
        while (flags & text && !f->in.bad && bytes_u8(&f->in))
            continue;
    if (flags & 2)
        bytes_u16(&f->in);
    if (f->in.bad)
        f->wrong = MDL_CUT_OFF;
}

static void check_end(struct inflate *f)
{
    drop(f, f->n_held % 8);
    const uint32_t crc = take(f, 32), size = take(f, 32);
    const uint64_t n = f->used - f->begin;       /* of nothing there may be no data at all */

    if (!f->wrong && (crc != crc32(n ? f->out->data + f->begin : NULL, n) || size != (uint32_t)n))
        f->wrong = "its checksum is another one";
    f->in.at -= (f->n_held - f->padding) / 8;    /* what was held too early */
}

mdl_status mdl_gunzip(struct vec *out, struct bytes *in, uint64_t most,
                      const mdl_allocator *allocator, mdl_error *err)
{
    const uint64_t offset = bytes_offset(in);
    struct vec own = { 0 };
    struct inflate *f = (struct inflate *)(void *)mdl_vec_add(&own, allocator, NULL, sizeof *f);
    mdl_status s = MDL_OK;

    if (!f)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    f->in = *in;
    f->out = out;
    f->used = f->begin = out->bytes;
    f->most = most;
    f->allocator = allocator;
    skip_header(f);
    if (!f->wrong) blocks(f);
    if (!f->wrong) check_end(f);
    if (f->failed == MDL_ERR_MEMORY)
        s = mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    else if (f->failed)
        s = mdl_fail_at(err, MDL_ERR_LIMIT, "", offset, "what is compressed there has more than "
                        "%llu bytes", (unsigned long long)most);
    else if (f->wrong)
        s = mdl_fail_at(err, MDL_ERR_FORMAT, "", offset, "what is compressed there is damaged: %s",
                        f->wrong);
    out->bytes = (size_t)f->used;
    *in = f->in;
    mdl_vec_free(&own, allocator);
    return s;
}
