/*
 * tests/fuzz/run_tensors.h - two loads of one graph of tensors give the same bits, called twice
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_FUZZ_RUN_TENSORS_H
#define MDL_TESTS_FUZZ_RUN_TENSORS_H

#include "mdl.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ELEMENTS 4096u
#define MOST_TENSORS  16u

static inline void require(int holds)
{
    if (!holds)
        abort();
}

/* ---- running what was accepted ---------------------------------------------------------------- */

static inline size_t element_bytes(uint32_t type)
{
    static const unsigned char bytes[] = { 0, 4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1, sizeof(char *),
                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 16 };

    require(type < sizeof bytes && bytes[type]);
    return bytes[type];
}

/* An input with small numbers in it; open dimensions are 2.  0 when it is too large. */
static inline int make_input(mdl_tensor *t, const mdl_input_info *info, size_t seed)
{
    static const char *const texts[] = { "", "a", "b", "0", "-1.5", "\xc3\xa9" };
    size_t count = 1;

    *t = (mdl_tensor){ .size = sizeof *t, .type = info->type,
                       .rank = info->rank <= MDL_MAX_RANK ? info->rank : 1 };
    for (uint32_t i = 0; i < t->rank; i++) {
        t->dims[i] = info->rank > MDL_MAX_RANK || info->dims[i] < 0 ? 2 : info->dims[i];
        if ((uint64_t)t->dims[i] > MOST_ELEMENTS)
            return 0;
        count *= (size_t)t->dims[i];
        if (count > MOST_ELEMENTS)
            return 0;
    }
    const size_t bytes = count * element_bytes(t->type);
    unsigned char *to = calloc(1, bytes + 1);
    for (size_t i = 0; t->type != MDL_STRING && i < bytes; i++)
        to[i] = (unsigned char)((i * 31 + seed * 17) % 7 == 0 ? i + seed : 0);
    for (size_t i = 0; i < count; i++)
        if (t->type == MDL_STRING)
            ((const char **)(void *)to)[i] = texts[(i + seed) % 6];
        else if (t->type == MDL_F32)
            ((float *)(void *)to)[i] = (float)((i + seed) % 5) - 1.5f;
        else if (t->type == MDL_BOOL)
            to[i] = (i + seed) & 1;
    t->data = to;
    return 1;
}

static inline int is_float(uint32_t type)
{
    return type == MDL_F32 || type == MDL_F64 || type == MDL_F16 || type == MDL_BF16;
}

/* Equal bits, but for NaNs, of which there are many. */
static inline void same(const mdl_tensor *a, const mdl_tensor *b)
{
    size_t count = 1;

    require(a->type == b->type && a->rank == b->rank);
    for (uint32_t i = 0; i < a->rank; i++) {
        require(a->dims[i] == b->dims[i]);
        count *= (size_t)a->dims[i];
    }
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = element_bytes(a->type);
        const unsigned char *p = (const unsigned char *)a->data + i * bytes;
        const unsigned char *q = (const unsigned char *)b->data + i * bytes;
        if (a->type == MDL_STRING)
            require(!strcmp(((const char *const *)a->data)[i], ((const char *const *)b->data)[i]));
        else if (a->type == MDL_F32)
            require(!memcmp(p, q, 4) || (((const float *)a->data)[i] != ((const float *)a->data)[i]
                                         && ((const float *)b->data)[i] != ((const float *)b->data)[i]));
        else if (!is_float(a->type) && a->type != MDL_C64 && a->type != MDL_C128
                 && (a->type < MDL_F8E4M3FN || a->type > MDL_F4E2M1))
            require(!memcmp(p, q, bytes));
    }
}

static inline void compare(const mdl_model *ref, const mdl_model *best)
{
    mdl_tensor in[MOST_TENSORS], out[2][MOST_TENSORS];
    const mdl_model *const models[2] = { ref, best };
    mdl_context *contexts[2] = { NULL, NULL };
    const size_t n_in = mdl_input_count(ref), n_out = mdl_output_count(ref);
    size_t made = 0;

    for (; n_in <= MOST_TENSORS && n_out <= MOST_TENSORS && made < n_in; made++) {
        mdl_input_info info = { .size = sizeof info };
        require(mdl_input(ref, made, &info) == MDL_OK);
        if (!make_input(&in[made], &info, made))
            break;
    }
    if (made == n_in && n_out <= MOST_TENSORS) {
        mdl_status s[2];
        /* The second time what was recorded is played again. */
        for (int round = 0; round < 2; round++) {
            for (int k = 0; k < 2; k++) {
                mdl_error err = MDL_ERROR_INIT;
                for (size_t i = 0; i < n_out; i++)
                    out[k][i] = (mdl_tensor){ .size = sizeof out[k][i] };
                if (!contexts[k])
                    require(mdl_context_create(&contexts[k], models[k], NULL) == MDL_OK);
                s[k] = mdl_run_tensors(models[k], contexts[k], in, n_in, out[k], n_out, &err);
                require(s[k] == MDL_OK || err.text[0]);
            }
            require(s[0] == s[1]);
            for (size_t i = 0; !s[0] && i < n_out; i++)
                same(&out[0][i], &out[1][i]);
        }
    }
    for (int k = 0; k < 2; k++)
        mdl_context_free(contexts[k]);
    while (made)
        free(in[--made].data);
}

#endif
