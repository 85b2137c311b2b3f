/*
 * cli/npy.c - see npy.h
 *
 *     93 'NUMPY' major minor   length (u16, from version 2 on u32)
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   blanks, newline
 *     the elements
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/npy.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER  ((size_t)1 << 16)
#define MAX_COLUMNS ((uint64_t)1 << 24)

static mdl_status npy_fail(const struct npy *npy, mdl_error *err, const char *what)
{
    return mdl_fail(err, MDL_ERR_DATA, "%s: %s", npy->in->name, what);
}

/* ---- the header: a Python dictionary in text ------------------------------------------- */

static void skip_blanks(const char **p)
{
    while (**p == ' ' || **p == '\n' || **p == '\t' || **p == '\r')
        (*p)++;
}

static int take(const char **p, char c)
{
    skip_blanks(p);
    if (**p != c)
        return 0;
    (*p)++;
    return 1;
}

/* 'text' or "text" into out; 0 when there is none or it does not fit. */
static int take_text(const char **p, char *out, size_t room)
{
    size_t n = 0;

    skip_blanks(p);
    const char quote = **p;
    if (quote != '\'' && quote != '"')
        return 0;
    for ((*p)++; **p && **p != quote; (*p)++)
        if (**p == '\\' || n + 1 >= room)
            return 0;
        else
            out[n++] = **p;
    out[n] = '\0';
    return take(p, quote);
}

static int take_word(const char **p, const char *word)
{
    skip_blanks(p);
    const size_t n = strlen(word);
    if (strncmp(*p, word, n) != 0)
        return 0;
    *p += n;
    return 1;
}

static int take_size(const char **p, uint64_t *out)
{
    skip_blanks(p);
    if (**p < '0' || **p > '9')
        return 0;
    for (*out = 0; **p >= '0' && **p <= '9'; (*p)++) {
        const uint64_t digit = (uint64_t)(**p - '0');
        if (*out > (UINT64_MAX >> 8) / 10)
            return 0;
        *out = *out * 10 + digit;
    }
    if (**p == 'L')                           /* written by Python 2 */
        (*p)++;
    return 1;
}

/* (), (3,), (3, 4); dimensions that there is no room for are counted, not kept. */
static int take_shape(const char **p, uint64_t dims[MDL_MAX_RANK], unsigned *rank)
{
    uint64_t one;

    *rank = 0;
    if (!take(p, '('))
        return 0;
    while (!take(p, ')')) {
        if (!take_size(p, &one))
            return 0;
        if (*rank < MDL_MAX_RANK)
            dims[*rank] = one;
        (*rank)++;
        if (!take(p, ',') && !(skip_blanks(p), **p == ')'))
            return 0;
    }
    return 1;
}

/* "<f4" and the like. */
static mdl_status read_descr(struct npy *npy, const char *descr, mdl_error *err)
{
    const char order = descr[0], kind = order ? descr[1] : '\0';
    const char *size = kind ? descr + 2 : "";
    const int known_order = order == '<' || order == '>' || order == '|' || order == '=';
    char safe[80];

    npy->kind = kind;
    npy->swap = order == '>';
    npy->item_bytes = size[0] >= '1' && size[0] <= '8' && !size[1] ? (unsigned)(size[0] - '0') : 0;
    const unsigned n = npy->item_bytes;
    if (known_order && kind == 'f' && (n == 2 || n == 4 || n == 8))
        return MDL_OK;
    if (known_order && (kind == 'i' || kind == 'u') && (n == 1 || n == 2 || n == 4 || n == 8))
        return MDL_OK;
    if (known_order && kind == 'b' && n == 1)
        return MDL_OK;
    return mdl_fail(err, MDL_ERR_DATA,
                    "%s: elements of type '%s'; use an array of floats, integers or booleans "
                    "(X.astype('float64'))", npy->in->name,
                    mdl_safe_text(safe, sizeof safe, descr, strlen(descr)));
}

static mdl_status read_dictionary(struct npy *npy, const char *p, mdl_error *err)
{
    char key[32];
    unsigned has = 0;

    if (!take(&p, '{'))
        return npy_fail(npy, err, "the header of the array is no dictionary");
    while (!take(&p, '}')) {
        int ok = take_text(&p, key, sizeof key) && take(&p, ':');
        if (ok && !strcmp(key, "descr")) {
            has |= 1;
            if (skip_blanks(&p), *p == '[')
                return npy_fail(npy, err, "a structured array; use a plain one of numbers");
            ok = take_text(&p, npy->descr, sizeof npy->descr);
        } else if (ok && !strcmp(key, "fortran_order")) {
            has |= 2;
            npy->fortran = take_word(&p, "True");
            ok = npy->fortran || take_word(&p, "False");
        } else if (ok && !strcmp(key, "shape")) {
            has |= 4;
            ok = take_shape(&p, npy->dims, &npy->rank);
        } else {
            ok = 0;
        }
        if (!ok || (!take(&p, ',') && !(skip_blanks(&p), *p == '}')))
            return npy_fail(npy, err, "the header of the array cannot be read");
    }
    if (has != 7)
        return npy_fail(npy, err, "the header of the array lacks descr, fortran_order or shape");
    return MDL_OK;
}

mdl_status cli_npy_describe(struct npy *npy, struct input *in, mdl_error *err)
{
    unsigned char head[12] = { 0 };

    *npy = (struct npy){ .in = in };
    if (cli_input_read(in, head, 8) < 8 || memcmp(head, "\x93NUMPY", 6) != 0)
        return in->failed ? cli_input_status(in, err) : npy_fail(npy, err, "not a .npy file");
    const unsigned major = head[6], wide = major > 1;
    if (major < 1 || major > 3)
        return mdl_fail(err, MDL_ERR_DATA, "%s: .npy version %u, known are 1 to 3", in->name,
                        major);
    cli_input_read(in, head + 8, wide ? 4 : 2);
    const size_t length = (size_t)head[8] | (size_t)head[9] << 8 | (size_t)head[10] << 16
                        | (size_t)head[11] << 24;
    if (length > MAX_HEADER)
        return npy_fail(npy, err, "the header of the array is longer than 64 KiB");

    char *text = malloc(length + 1);
    if (!text)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    const size_t got = cli_input_read(in, text, length);
    text[got] = '\0';
    const mdl_status s = got < length ? npy_fail(npy, err, "cut off inside its header")
                                      : read_dictionary(npy, text, err);
    free(text);
    return s;
}

mdl_status cli_npy_open(struct npy *npy, struct input *in, mdl_error *err)
{
    const mdl_status s = cli_npy_describe(npy, in, err);

    if (s)
        return s;
    if (npy->rank < 1 || npy->rank > 2)
        return mdl_fail(err, MDL_ERR_DATA,
                        "%s: an array of %u dimensions, expected rows and columns", in->name,
                        npy->rank);
    npy->rows = npy->dims[0];
    npy->cols = npy->rank == 2 ? npy->dims[1] : 1;
    return read_descr(npy, npy->descr, err);
}

void cli_npy_close(struct npy *npy)
{
    free(npy->all);
    free(npy->row_bytes);
    npy->all = npy->row_bytes = NULL;
}

void cli_npy_as_row(struct npy *npy)
{
    npy->cols = npy->rows;
    npy->rows = 1;
    npy->rank = 2;
}

/* ---- elements -------------------------------------------------------------------------- */

/* IEEE half: 1 sign, 5 exponent, 10 mantissa bits. */
double cli_half_value(uint16_t h)
{
    const double sign = h & 0x8000u ? -1 : 1;
    const unsigned exponent = h >> 10 & 31u, mantissa = h & 1023u;
    double v = exponent ? 1024 + mantissa : mantissa;

    if (exponent == 31) {
        const uint32_t bits = mantissa ? 0x7FC00000u : 0x7F800000u;
        float f;
        memcpy(&f, &bits, sizeof f);
        return sign * (double)f;
    }
    for (unsigned e = exponent ? exponent : 1; e < 25; e++)
        v /= 2;
    for (unsigned e = 25; e < exponent; e++)
        v *= 2;
    return sign * v;
}

static double element(const struct npy *npy, const unsigned char *from)
{
    const unsigned n = npy->item_bytes;
    unsigned char b[8] = { 0 };
    uint64_t bits = 0;

    for (unsigned i = 0; i < n; i++)
        b[i] = from[npy->swap ? n - 1 - i : i];
    memcpy(&bits, b, sizeof bits);           /* little-endian machine, see compiler.h */
    if (npy->kind == 'f' && n == 8) {
        double v;
        memcpy(&v, b, sizeof v);
        return v;
    }
    if (npy->kind == 'f' && n == 4) {
        float v;
        memcpy(&v, b, sizeof v);
        return (double)v;
    }
    if (npy->kind == 'f')
        return cli_half_value((uint16_t)bits);
    if (npy->kind == 'b')
        return bits != 0;
    if (npy->kind == 'i' && n < 8 && bits >> (8 * n - 1))
        bits |= ~(uint64_t)0 << 8 * n;
    return npy->kind == 'i' ? (double)(int64_t)bits : (double)bits;
}

static mdl_status cut(const struct npy *npy, mdl_error *err)
{
    if (npy->in->failed)
        return cli_input_status(npy->in, err);
    return mdl_fail(err, MDL_ERR_DATA,
                    "%s: cut off: its header announces %llu rows of %llu columns", npy->in->name,
                    (unsigned long long)npy->rows, (unsigned long long)npy->cols);
}

static mdl_status nothing_behind(const struct npy *npy, mdl_error *err)
{
    if (input_byte(npy->in) != INPUT_END)
        return npy_fail(npy, err, "bytes behind the array; one array to a file");
    return cli_input_status(npy->in, err);
}

/* Fortran order: a row is spread over the whole file, so read it all, as much as is there. */
static mdl_status read_whole(struct npy *npy, mdl_error *err)
{
    uint64_t count, bytes;
    size_t size = 0;

    if (!size_mul(npy->rows, npy->cols, &count) || !size_mul(count, npy->item_bytes, &bytes)
        || bytes > SIZE_MAX / 4)
        return cut(npy, err);
    const mdl_status s = cli_input_all(npy->in, &npy->all, &size, (size_t)bytes, err);
    if (s == MDL_ERR_LIMIT)
        return npy_fail(npy, err, "bytes behind the array; one array to a file");
    if (s)
        return s;
    if (size < bytes)
        return cut(npy, err);
    return size > bytes ? npy_fail(npy, err, "bytes behind the array; one array to a file")
                        : MDL_OK;
}

static mdl_status start_rows(struct npy *npy, mdl_error *err)
{
    if (npy->fortran && npy->rank == 2)
        return npy->all ? MDL_OK : read_whole(npy, err);
    if (npy->row_bytes)
        return MDL_OK;
    if (npy->cols > MAX_COLUMNS)
        return npy_fail(npy, err, "more columns than any model has");
    npy->row_bytes = malloc((size_t)npy->cols * npy->item_bytes + 1);
    return npy->row_bytes ? MDL_OK : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
}

mdl_status cli_npy_read(struct npy *npy, double *out, size_t max, size_t *got, mdl_error *err)
{
    *got = 0;
    if (npy->row == npy->rows && !(npy->fortran && !npy->all))
        return npy->fortran && npy->rank == 2 ? MDL_OK : nothing_behind(npy, err);
    const mdl_status s = start_rows(npy, err);
    if (s)
        return s;

    const size_t cols = (size_t)npy->cols, bytes = cols * npy->item_bytes;
    for (; *got < max && npy->row < npy->rows; (*got)++, npy->row++) {
        double *row = out + *got * cols;
        if (!npy->all && cli_input_read(npy->in, npy->row_bytes, bytes) < bytes)
            return cut(npy, err);
        for (size_t i = 0; i < cols; i++)
            row[i] = element(npy, npy->all ? npy->all + (i * npy->rows + npy->row) * npy->item_bytes
                                           : npy->row_bytes + i * npy->item_bytes);
    }
    return MDL_OK;
}

/* ---- writing --------------------------------------------------------------------------- */

void cli_npy_header(unsigned char out[NPY_HEADER], uint32_t type, uint64_t rows, uint64_t cols)
{
    const char *descr = type == MDL_F32 ? "<f4" : type == MDL_F64 ? "<f8"
                      : type == MDL_I32 ? "<i4" : "<i8";
    char text[NPY_HEADER - 10 + 1];

    memcpy(out, "\x93NUMPY\x01\x00\x76\x00", 10);            /* 0x76: the 118 bytes left */
    const int n = snprintf(text, sizeof text,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (%llu, %llu), }",
                           descr, (unsigned long long)rows, (unsigned long long)cols);
    memset(out + 10, ' ', NPY_HEADER - 10);
    memcpy(out + 10, text, (size_t)n);
    out[NPY_HEADER - 1] = '\n';
}
