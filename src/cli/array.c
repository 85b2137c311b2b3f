/*
 * cli/array.c - see array.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/array.h"

#include "cli/input.h"
#include "cli/npy.h"

#include <stdlib.h>
#include <string.h>

/* How numpy writes a type, and how many bytes an element has; "U" by the longest text. */
static const struct {
    const char *descr, *numpy;
    uint32_t    bytes;
} types[] = {
    [MDL_F32] = { "<f4", "float32", 4 },   [MDL_F64] = { "<f8", "float64", 8 },
    [MDL_F16] = { "<f2", "float16", 2 },   [MDL_BF16] = { "<V2", NULL, 2 },
    [MDL_I8] = { "|i1", "int8", 1 },       [MDL_U8] = { "|u1", "uint8", 1 },
    [MDL_I16] = { "<i2", "int16", 2 },     [MDL_U16] = { "<u2", "uint16", 2 },
    [MDL_I32] = { "<i4", "int32", 4 },     [MDL_U32] = { "<u4", "uint32", 4 },
    [MDL_I64] = { "<i8", "int64", 8 },     [MDL_U64] = { "<u8", "uint64", 8 },
    [MDL_BOOL] = { "|b1", "bool", 1 },     [MDL_STRING] = { "<U", "str", 0 },
    [MDL_F8E4M3FN] = { "|V1", NULL, 1 },   [MDL_F8E4M3FNUZ] = { "|V1", NULL, 1 },
    [MDL_F8E5M2] = { "|V1", NULL, 1 },     [MDL_F8E5M2FNUZ] = { "|V1", NULL, 1 },
    [MDL_F8E8M0] = { "|V1", NULL, 1 },     [MDL_F4E2M1] = { "|V1", NULL, 1 },
    [MDL_I4] = { "|V1", NULL, 1 },         [MDL_U4] = { "|V1", NULL, 1 },
    [MDL_I2] = { "|V1", NULL, 1 },         [MDL_U2] = { "|V1", NULL, 1 },
    [MDL_C64] = { "<c8", "complex64", 8 }, [MDL_C128] = { "<c16", "complex128", 16 },
};

#define N_TYPES (sizeof types / sizeof *types)

uint32_t cli_item_bytes(uint32_t type)
{
    return type < N_TYPES ? types[type].bytes : 0;
}

const char *cli_numpy_name(uint32_t type)
{
    return type < N_TYPES ? types[type].numpy : NULL;
}

void cli_array_free(struct array *a)
{
    free(a->data);
    free(a->texts);
    *a = (struct array){ 0 };
}

const char *cli_shape_text(char *out, size_t room, uint32_t rank, const int64_t *dims)
{
    size_t used = (size_t)snprintf(out, room, "[");

    for (uint32_t i = 0; i < rank && used < room; i++)
        used += dims[i] < 0
              ? (size_t)snprintf(out + used, room - used, "%sany", i ? ", " : "")
              : (size_t)snprintf(out + used, room - used, "%s%lld", i ? ", " : "",
                                 (long long)dims[i]);
    if (used < room)
        snprintf(out + used, room - used, "]");
    return out;
}

/* Count and bytes of the dims; 0 when they overflow. */
static int measure(struct array *a, uint64_t item_bytes, uint64_t *bytes)
{
    a->count = 1;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] < 0 || !size_mul(a->count, (uint64_t)a->dims[i], &a->count))
            return 0;
    return size_mul(a->count, item_bytes, bytes) && *bytes < SIZE_MAX / 4;
}

mdl_status cli_array_make(struct array *a, uint32_t type, uint32_t rank, const int64_t *dims,
                          mdl_error *err)
{
    const int is_text = type == MDL_STRING;
    uint64_t bytes;

    *a = (struct array){ .type = type, .rank = rank, .item_bytes = cli_item_bytes(type) };
    if (rank)
        memcpy(a->dims, dims, rank * sizeof *dims);
    if (!measure(a, is_text ? sizeof(char *) : a->item_bytes, &bytes))
        return mdl_fail(err, MDL_ERR_DATA, "an array too large for memory");
    a->data = calloc((size_t)bytes + 1, 1);
    for (uint64_t i = 0; a->data && is_text && i < a->count; i++)
        ((const char **)a->data)[i] = "";
    return a->data ? MDL_OK : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
}

/* ---- reading ----------------------------------------------------------------------- */

/* What a file has: letters of its type, and bytes of an element there. */
struct item {
    char     kind;
    uint32_t bytes;               /* in the file                                    */
    uint32_t part;                /* bytes that are turned round together           */
    int      swap;
};

static mdl_status cannot(const char *name, const char *descr, mdl_error *err)
{
    char safe[48];
    const char kind = descr[0] ? descr[1] : '\0';
    const char *why = kind == 'O' ? "; Python objects can run code and are never read: for texts "
                                    "save x.astype(str)"
                    : kind == 'M' || kind == 'm' ? "; save times as numbers, x.astype('int64')"
                    : "; known are bool, integers, floats, complex, texts (U, S) and V1, V2";

    return mdl_fail(err, MDL_ERR_DATA, "%s: elements of type '%s'%s", name,
                    mdl_safe_text(safe, sizeof safe, descr, strlen(descr)), why);
}

/* "<f4": what an element is. */
static mdl_status read_item(struct item *it, uint32_t *type, const char *name, const char *descr,
                            mdl_error *err)
{
    char *end = NULL;
    const int known = descr[0] && strchr("<>|=", descr[0]) && descr[1];
    const unsigned long n = known && descr[2] >= '0' && descr[2] <= '9'
                          ? strtoul(descr + 2, &end, 10) : 0;

    if (!end || *end || !n || n > 1u << 20)
        return cannot(name, descr, err);
    *it = (struct item){ .kind = descr[1], .bytes = (uint32_t)n, .part = (uint32_t)n,
                         .swap = descr[0] == '>' };
    *type = 0;
    for (uint32_t t = 1; t < N_TYPES; t++)
        if (types[t].descr && types[t].descr[1] == it->kind && it->kind != 'V'
            && types[t].bytes == n)
            *type = t;
    if (it->kind == 'c')
        it->part = it->bytes / 2;
    if (it->kind == 'U' || it->kind == 'S') {
        *type = MDL_STRING;
        it->bytes = (uint32_t)n * (it->kind == 'U' ? 4 : 1);
        it->part = it->kind == 'U' ? 4 : 1;
    }
    return *type || (it->kind == 'V' && (n == 1 || n == 2)) ? MDL_OK : cannot(name, descr, err);
}

/* Where element `i` of C order is in the file. */
static uint64_t place(const struct array *a, int fortran, uint64_t i)
{
    uint64_t at = 0, stride = 1, index[MDL_MAX_RANK];

    if (!fortran)
        return i;
    for (uint32_t d = a->rank; d-- > 0;) {
        index[d] = i % (uint64_t)a->dims[d];
        i /= (uint64_t)a->dims[d];
    }
    for (uint32_t d = 0; d < a->rank; d++) {
        at += index[d] * stride;
        stride *= (uint64_t)a->dims[d];
    }
    return at;
}

static void copy_item(unsigned char *to, const unsigned char *from, const struct item *it)
{
    memcpy(to, from, it->bytes);
    for (uint32_t at = 0; it->swap && it->part > 1 && at + it->part <= it->bytes; at += it->part)
        for (uint32_t i = 0; i < it->part; i++)
            to[at + i] = from[at + it->part - 1 - i];
}

/* A character in UTF-8; what is no character becomes U+FFFD.  Returns its bytes. */
static size_t put_utf8(char *to, uint32_t c)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        c = 0xFFFD;
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3F));
    to[0] = (char)((0xF00u >> n & 0xF0) | c);
    return n;
}

/* Texts end at their last character that is not 0, as numpy has it; none may be inside. */
static mdl_status read_texts(struct array *a, const unsigned char *from, const struct item *it,
                             int fortran, const char *name, mdl_error *err)
{
    const uint32_t most = it->bytes / it->part;
    uint64_t room;
    char *to;

    if (!size_mul(a->count, (uint64_t)it->bytes + 1, &room) || room > SIZE_MAX / 4)
        return mdl_fail(err, MDL_ERR_DATA, "%s: too large for memory", name);
    a->texts = to = malloc((size_t)room + 1);
    if (!to)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    for (uint64_t i = 0; i < a->count; i++) {
        const unsigned char *p = from + place(a, fortran, i) * it->bytes;
        uint32_t n = 0;
        ((const char **)a->data)[i] = to;
        for (uint32_t k = 0; k < most; k++) {
            uint32_t c = p[k * it->part];
            for (uint32_t b = 0; it->part == 4 && b < 4; b++)
                c = (b ? c : 0) | (uint32_t)p[k * 4 + b] << 8 * (it->swap ? 3 - b : b);
            if (c && n < k)
                return mdl_fail(err, MDL_ERR_DATA, "%s: text %llu has a character 0 in it", name,
                                (unsigned long long)i);
            if (!c)
                continue;
            n = k + 1;
            if (it->part == 1)
                *to++ = (char)c;      /* S: bytes, taken as UTF-8 */
            else
                to += put_utf8(to, c);
        }
        *to++ = '\0';
    }
    return MDL_OK;
}

static mdl_status read_elements(struct array *a, struct input *in, const struct item *it,
                                int fortran, mdl_error *err)
{
    const uint64_t left = (uint64_t)(in->end - in->at);
    uint64_t bytes;

    if (!measure(a, it->bytes, &bytes) || left < bytes)
        return mdl_fail(err, MDL_ERR_DATA, "%s: cut off: fewer elements than its shape says",
                        in->name);
    if (left > bytes)
        return mdl_fail(err, MDL_ERR_DATA, "%s: bytes behind the array; one array to a file",
                        in->name);
    const struct array shape = *a;
    mdl_status s = cli_array_make(a, shape.type, shape.rank, shape.dims, err);
    if (!s && !shape.type) {          /* raw: as many bytes as the file has */
        free(a->data);
        a->item_bytes = it->bytes;
        a->data = calloc((size_t)bytes + 1, 1);
        s = a->data ? MDL_OK : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    }
    if (s || a->type == MDL_STRING)
        return s ? s : read_texts(a, in->at, it, fortran, in->name, err);
    if (!fortran && (!it->swap || it->part == 1) && bytes)
        memcpy(a->data, in->at, (size_t)bytes);
    else
        for (uint64_t i = 0; i < a->count; i++)
            copy_item((unsigned char *)a->data + i * it->bytes,
                      in->at + place(a, fortran, i) * it->bytes, it);
    for (uint64_t i = 0; a->type == MDL_BOOL && i < a->count; i++)
        ((unsigned char *)a->data)[i] = ((unsigned char *)a->data)[i] != 0;
    return MDL_OK;
}

mdl_status cli_array_read(struct array *a, const char *name, const void *bytes, size_t size,
                          mdl_error *err)
{
    struct input in;
    struct npy npy;
    struct item it = { 0 };

    *a = (struct array){ 0 };
    cli_input_memory(&in, name, bytes, size);
    mdl_status s = cli_npy_describe(&npy, &in, err);
    if (!s && npy.rank > MDL_MAX_RANK)
        s = mdl_fail(err, MDL_ERR_DATA, "%s: %u dimensions, at most %d are possible", name,
                     npy.rank, MDL_MAX_RANK);
    if (!s) s = read_item(&it, &a->type, name, npy.descr, err);
    for (uint32_t i = 0; !s && i < npy.rank; i++) {
        a->dims[i] = (int64_t)npy.dims[i];
        if (npy.dims[i] > INT64_MAX)
            s = mdl_fail(err, MDL_ERR_DATA, "%s: a dimension is too large", name);
    }
    a->rank = npy.rank <= MDL_MAX_RANK ? npy.rank : 0;
    if (!s) s = read_elements(a, &in, &it, npy.fortran, err);
    if (s)
        cli_array_free(a);
    return s;
}

/* ---- writing ----------------------------------------------------------------------- */

/* Characters of a text; what is no UTF-8 counts byte by byte. */
static uint32_t next_character(const char **p)
{
    const unsigned char *u = (const unsigned char *)*p;
    const int n = u[0] < 0x80 ? 1 : u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3
                : u[0] < 0xF5 ? 4 : 0;
    uint32_t c = n == 1 ? u[0] : u[0] & (0xFFu >> (n + 1));

    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80) {
            (*p)++;
            return 0xFFFD;
        }
        c = c << 6 | (u[i] & 0x3F);
    }
    *p += n ? n : 1;
    return n ? c : 0xFFFD;
}

static mdl_status write_texts(struct npy_image *image, const char *const *texts, uint64_t count,
                              uint64_t *longest, mdl_error *err)
{
    uint64_t bytes;

    *longest = 1;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t n = 0;
        for (const char *p = texts[i]; *p; n++)
            next_character(&p);
        *longest = n > *longest ? n : *longest;
    }
    if (!size_mul(count, *longest * 4, &bytes) || bytes > SIZE_MAX / 4)
        return mdl_fail(err, MDL_ERR_MEMORY, "texts too large for memory");
    uint32_t *to = calloc((size_t)bytes + 1, 1);
    image->owned = to;
    image->elements = to;
    image->element_bytes = bytes;
    if (!to)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    for (uint64_t i = 0; i < count; i++, to += *longest) {
        uint64_t n = 0;
        for (const char *p = texts[i]; *p;)
            to[n++] = next_character(&p);
    }
    return MDL_OK;
}

mdl_status cli_npy_image(struct npy_image *image, const mdl_tensor *t, mdl_error *err)
{
    char shape[MDL_MAX_RANK * 22 + 4] = "(", text[400], length[24] = "";
    uint64_t count = 1, longest = 0;
    size_t used = 1;

    *image = (struct npy_image){ 0 };
    if (t->type >= N_TYPES || !types[t->type].descr)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "'%s': elements that numpy cannot hold", t->name);
    for (uint32_t i = 0; i < t->rank; i++) {
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%lld,%s",
                                 (long long)t->dims[i], i + 1 < t->rank ? " " : "");
        count *= (uint64_t)t->dims[i];
    }
    if (t->rank > 1)
        used--;                       /* (3,) but (3, 4) */
    snprintf(shape + used, sizeof shape - used, ")");
    image->elements = t->data;
    image->element_bytes = count * cli_item_bytes(t->type);
    if (t->type == MDL_STRING) {
        const mdl_status s = write_texts(image, t->data, count, &longest, err);
        if (s)
            return s;
        snprintf(length, sizeof length, "%llu", (unsigned long long)longest);
    }
    const int n = snprintf(text, sizeof text, "{'descr': '%s%s', 'fortran_order': False, "
                           "'shape': %s, }", types[t->type].descr, length, shape);
    const size_t head = (10 + (size_t)n + 1 + 63) / 64 * 64;
    image->head = malloc(head);
    if (!image->head)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    memcpy(image->head, "\x93NUMPY\x01", 8);
    image->head[8] = (unsigned char)((head - 10) & 255);
    image->head[9] = (unsigned char)((head - 10) >> 8);
    memset(image->head + 10, ' ', head - 10);
    memcpy(image->head + 10, text, (size_t)n);
    image->head[head - 1] = '\n';
    image->head_bytes = head;
    return MDL_OK;
}

void cli_npy_image_free(struct npy_image *image)
{
    free(image->head);
    free(image->owned);
    *image = (struct npy_image){ 0 };
}
