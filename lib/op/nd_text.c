/*
 * op/nd_text.c - strings put together, made uniform, cut
 *
 *     text_concat      y = a then b, broadcast
 *     text_normalize   texts [C] or [1, C] without the stop words, in one case
 *     text_split       parts of each text, [.., most parts], filled with ""; and how many there are
 *
 * A missing string is "".  Case is that of nd_letters.h, letter by letter; bytes that are no UTF-8
 * stay as they are.  What is made is counted first, by shape, then written to c->text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_letters.h"
#include "op/nd_ml.h"

#include <string.h>

#define MOST_BYTES ((uint64_t)1 << 30)   /* of texts that one node makes: one text, often repeated,
                                          * could be counted for hours before there is no memory */

static const char *text_at(const struct nd *t, uint64_t i)
{
    const char *s = ((const char *const *)t->data)[i];

    return s ? s : "";
}

static mdl_status texts_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPE_BIT(MDL_STRING), err);

    if (!s && n->n_in > 1) s = mdl_nd_need_type(n, g, 1, TYPE_BIT(MDL_STRING), err);
    nd_result(n, g, 0, MDL_STRING);
    nd_result(n, g, 1, MDL_I64);
    return s;
}

/* ---- concat ---------------------------------------------------------------------------------- */

/* Element i of the result: which of a and of b. */
static void pair_at(const struct nd *y, const int64_t *a_step, const int64_t *b_step, uint64_t i,
                    uint64_t *a, uint64_t *b)
{
    *a = *b = 0;
    for (uint32_t k = y->rank; k--; i /= (uint64_t)y->dims[k]) {
        *a += i % (uint64_t)y->dims[k] * (uint64_t)a_step[k];
        *b += i % (uint64_t)y->dims[k] * (uint64_t)b_step[k];
    }
}

/* Write the texts, or, if `at` is NULL, count their bytes. */
static int concat_all(const struct nd_call *c, const struct node *n, const struct nd *y,
                      uint64_t count, char *at, uint64_t *bytes)
{
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1);
    const char **to = y->data;
    int64_t a_step[MDL_MAX_RANK], b_step[MDL_MAX_RANK];
    uint64_t ia, ib;

    mdl_nd_steps(a_step, y, a);
    mdl_nd_steps(b_step, y, b);
    for (uint64_t i = 0; i < count; i++) {
        pair_at(y, a_step, b_step, i, &ia, &ib);
        const size_t na = strlen(text_at(a, ia)), nb = strlen(text_at(b, ib));
        if (!at) {
            *bytes += na + nb + 1;
            if (*bytes > MOST_BYTES)
                return 0;
            continue;
        }
        to[i] = at;
        memcpy(at, text_at(a, ia), na);
        memcpy(at + na, text_at(b, ib), nb + 1);
        at += na + nb + 1;
    }
    return 1;
}

static mdl_status concat_shape(const struct node *n, struct nd_call *c)
{
    struct nd *y = nd_out(c, n, 0);
    const mdl_status s = mdl_nd_broadcast(y, nd_in(c, n, 0), nd_in(c, n, 1), c->err);
    uint64_t count = 1;

    if (s)
        return s;
    for (uint32_t i = 0; i < y->rank; i++)
        if (!size_mul(count, (uint64_t)y->dims[i], &count) || count > MOST_BYTES)
            return mdl_fail(c->err, MDL_ERR_LIMIT, "too many texts");
    if (!concat_all(c, n, y, count, NULL, &c->text_bytes))
        return mdl_fail(c->err, MDL_ERR_LIMIT, "texts too long");
    return MDL_OK;
}

static mdl_status concat_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0);
    uint64_t bytes = 0;

    if (y->count)
        concat_all(c, n, y, y->count, c->text, &bytes);
    return MDL_OK;
}

const struct op mdl_op_text_concat = {
    .name = "text_concat",
    .about = "a then b",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = texts_infer,
    .shape = concat_shape,
    .eval = concat_eval,
    .contents = 3,
};

/* ---- letters --------------------------------------------------------------------------------- */

enum { AS_IT_IS, LOWER, UPPER };

/* A letter of UTF-8 and its bytes; a byte that begins none is 0xFFFFFFFF. */
static size_t read_letter(uint32_t *letter, const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    const size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xC2 && u[0] < 0xE0 ? 2
                   : u[0] >= 0xE0 && u[0] < 0xF0 ? 3 : u[0] >= 0xF0 && u[0] < 0xF5 ? 4 : 0;

    *letter = n < 2 ? u[0] : u[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return *letter = UINT32_MAX, 1;
        *letter = *letter << 6 | (u[i] & 0x3Fu);
    }
    if (!n)
        *letter = UINT32_MAX;
    return n ? n : 1;
}

static size_t write_letter(char *to, uint32_t c)
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; --i; c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3F));
    to[0] = (char)((0xF00u >> n & 0xFF) | c);
    return n;
}

static uint32_t other_case(uint32_t c, int to)
{
    const struct letters *t = to == LOWER ? to_lower : to_upper;
    size_t n = to == LOWER ? sizeof to_lower / sizeof *t : sizeof to_upper / sizeof *t;

    if (c < 0x80) {
        const uint32_t first = to == LOWER ? 'A' : 'a';
        return c - first < 26 ? c ^ 0x20 : c;
    }
    while (n > 1) {               /* the last line that does not begin beyond c */
        const size_t half = n / 2;
        t += t[half].first <= c ? half : 0;
        n -= half;
    }
    if (c < t->first || c > t->last || (c - t->first) % t->step)
        return c;
    return (uint32_t)((int32_t)c + t->add);
}

/* The text in the given case with its zero byte; `out` NULL: its bytes alone. */
static size_t put_text(char *out, const char *s, int to)
{
    char room[4];
    size_t bytes = 0;

    while (*s) {
        uint32_t c;
        const size_t n = read_letter(&c, s);
        const size_t wrote = c == UINT32_MAX || to == AS_IT_IS
            ? (memcpy(room, s, n), n) : write_letter(room, other_case(c, to));
        if (out)
            memcpy(out + bytes, room, wrote);
        bytes += wrote;
        s += n;
    }
    if (out)
        out[bytes] = '\0';
    return bytes + 1;
}

static int same_but_case(const char *a, const char *b)
{
    while (*a && *b) {
        uint32_t x, y;
        const size_t na = read_letter(&x, a), nb = read_letter(&y, b);
        if (x == UINT32_MAX || y == UINT32_MAX ? *a != *b
                                               : other_case(x, LOWER) != other_case(y, LOWER))
            return 0;
        a += na;
        b += nb;
    }
    return *a == *b;
}

/* ---- normalize ------------------------------------------------------------------------------- */

struct text_params {
    int64_t to, any_case;
};

static const char *const cases[] = { "none", "lower", "upper", NULL };

static const struct field normalize_fields[] = {
    FIELD(FIELD_CHOICE, text_params, to, 0, cases),
    FIELD(FIELD_INT, text_params, any_case, 0, NULL),
};

static const struct slot normalize_slots[] = {
    { "stop", TYPE_BIT(MDL_U8), 1, 0 },
};

static mdl_status normalize_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *t = &n->tensors[0];

    if (t->type && t->count && ((const unsigned char *)t->data)[t->count - 1])
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset,
                           "'stop' has a string without end");
    return texts_infer(n, g, err);
}

static int is_stop_word(const struct node *n, const char *s)
{
    const struct tensor *t = &n->tensors[0];
    const struct text_params *p = n->params;
    const char *word = t->data, *end = t->type ? word + t->count : word;

    for (; word < end; word += strlen(word) + 1)
        if (p->any_case ? same_but_case(word, s) : !strcmp(word, s))
            return 1;
    return 0;
}

static mdl_status normalize_shape(const struct node *n, struct nd_call *c)
{
    const struct text_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    int64_t kept = 0;

    if (x->rank != 1 && (x->rank != 2 || x->dims[0] != 1))
        return mdl_fail(c->err, MDL_ERR_DATA, "texts of rank %u, expected [C] or [1, C]",
                        (unsigned)x->rank);
    c->text_bytes = 1;
    for (uint64_t i = 0; i < x->count; i++) {
        if (is_stop_word(n, text_at(x, i)))
            continue;
        kept++;
        c->text_bytes += put_text(NULL, text_at(x, i), (int)p->to);
        if (c->text_bytes > MOST_BYTES)
            return mdl_fail(c->err, MDL_ERR_LIMIT, "texts too long");
    }
    kept += !kept;
    mdl_nd_set_shape(nd_out(c, n, 0), x->rank, x->rank == 1 ? (int64_t[2]){ kept, 0 }
                                                        : (int64_t[2]){ 1, kept });
    return MDL_OK;
}

static mdl_status normalize_eval(const struct node *n, struct nd_call *c)
{
    const struct text_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const char **to = nd_out(c, n, 0)->data;
    char *at = c->text + 1;

    c->text[0] = '\0';            /* when nothing is left */
    to[0] = c->text;
    for (uint64_t i = 0; i < x->count; i++) {
        if (is_stop_word(n, text_at(x, i)))
            continue;
        *to++ = at;
        at += put_text(at, text_at(x, i), (int)p->to);
    }
    return MDL_OK;
}

const struct op mdl_op_text_normalize = {
    .name = "text_normalize",
    .about = "texts without stop words, in one case",
    .fields = normalize_fields,
    .n_fields = 2,
    .slots = normalize_slots,
    .n_slots = 1,
    .params_bytes = sizeof(struct text_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = normalize_infer,
    .shape = normalize_shape,
    .eval = normalize_eval,
    .contents = 1,
};

/* ---- split ----------------------------------------------------------------------------------- */

struct split_params {
    int64_t most;                 /* cuts at most, negative: any                             */
};

static const struct field split_fields[] = {
    FIELD(FIELD_INT, split_params, most, -1, NULL),
};

static const struct slot split_slots[] = {
    { "delimiter", TYPE_BIT(MDL_U8), 1, 0 },
};

/* Blank space of Unicode, as Python's str.split has it. */
static int is_blank(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680
        || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F
        || c == 0x3000;
}

static const char *skip_while(const char *s, int blank)
{
    uint32_t c;

    for (size_t n; *s; s += n) {
        n = read_letter(&c, s);
        if (is_blank(c) != blank)
            break;
    }
    return s;
}

/* The next part of a text from *at on; 0 when there is none.  *done parts came before. */
static int next_part(const struct node *n, const char **at, uint64_t *done, const char **part,
                     size_t *length)
{
    const struct split_params *p = n->params;
    const struct tensor *t = &n->tensors[0];
    const int last = p->most >= 0 && *done >= (uint64_t)p->most;

    if (!*at)
        return 0;
    if (!t->type || !t->count) {  /* parts between blanks */
        *part = skip_while(*at, 1);
        if (!**part)
            return 0;
        const char *end = last ? *part + strlen(*part) : skip_while(*part, 0);
        *length = (size_t)(end - *part);
        *at = end;
        ++*done;
        return 1;
    }
    const char *cut = NULL;
    for (const char *s = *at; !last && !cut && *s; s++)
        if (!strncmp(s, t->data, (size_t)t->count))
            cut = s;
    *part = *at;
    *length = cut ? (size_t)(cut - *at) : strlen(*at);
    *at = cut ? cut + t->count : NULL;
    ++*done;
    return 1;
}

static mdl_status split_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *t = &n->tensors[0];

    if (t->type && t->count && memchr(t->data, 0, (size_t)t->count))
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset, "'delimiter' has a zero byte");
    return texts_infer(n, g, err);
}

static mdl_status split_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct nd to = *x;
    uint64_t most = 0;

    if (x->rank >= MDL_MAX_RANK)
        return mdl_fail(c->err, MDL_ERR_DATA, "texts of rank %u", (unsigned)x->rank);
    c->text_bytes = 1;
    for (uint64_t i = 0; i < x->count; i++) {
        const char *at = text_at(x, i), *part;
        uint64_t done = 0;
        size_t length;
        while (next_part(n, &at, &done, &part, &length)) {
            c->text_bytes += length + 1;
            if (c->text_bytes > MOST_BYTES)
                return mdl_fail(c->err, MDL_ERR_LIMIT, "texts too long");
        }
        most = done > most ? done : most;
    }
    to.dims[to.rank++] = (int64_t)most;
    nd_like(nd_out(c, n, 0), &to);
    if (n->n_out > 1)
        nd_like(nd_out(c, n, 1), x);
    return MDL_OK;
}

static mdl_status split_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const uint64_t most = (uint64_t)y->dims[y->rank - 1];
    const char **to = y->data;
    char *text = c->text + 1;

    c->text[0] = '\0';
    for (uint64_t i = 0; i < x->count; i++) {
        const char *at = text_at(x, i), *part;
        uint64_t done = 0;
        size_t length;
        while (next_part(n, &at, &done, &part, &length)) {
            memcpy(text, part, length);
            text[length] = '\0';
            if (to)
                to[i * most + done - 1] = text;
            text += length + 1;
        }
        for (uint64_t k = done; to && k < most; k++)
            to[i * most + k] = c->text;
        if (nd_wanted(c, n, 1))
            ((int64_t *)nd_out(c, n, 1)->data)[i] = (int64_t)done;
    }
    return MDL_OK;
}

const struct op mdl_op_text_split = {
    .name = "text_split",
    .about = "the parts of texts between delimiters, and how many",
    .fields = split_fields,
    .n_fields = 1,
    .slots = split_slots,
    .n_slots = 1,
    .params_bytes = sizeof(struct split_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .max_out = 2,
    .infer = split_infer,
    .shape = split_shape,
    .eval = split_eval,
    .contents = 1,
};
