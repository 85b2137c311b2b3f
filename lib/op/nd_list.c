/*
 * op/nd_list.c - lists of numbers or strings among the weights, and finding things in them
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

mdl_status mdl_ml_list(struct ml_list *l, const struct node *n, uint32_t numbers, uint32_t text,
                       mdl_error *err)
{
    const struct tensor *w = &n->tensors[numbers], *t = &n->tensors[text];
    const unsigned char *bytes = t->data;

    *l = (struct ml_list){ .type = w->type, .count = w->count, .data = w->data };
    if (!t->type)
        return MDL_OK;
    if (w->type)
        return mdl_fail(err, MDL_ERR_FORMAT, "both '%s' and '%s'", n->op->slots[numbers].name,
                        n->op->slots[text].name);
    if (t->count && bytes[t->count - 1])
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset, "'%s' has a string without end",
                           n->op->slots[text].name);
    *l = (struct ml_list){ .type = MDL_STRING };
    for (uint64_t i = 0; i < t->count; i++)
        l->count += !bytes[i];
    return MDL_OK;
}

mdl_status mdl_ml_list_data(struct ml_list *l, const struct node *n, uint32_t numbers,
                            uint32_t text, struct arena *a, mdl_error *err)
{
    const mdl_status s = mdl_ml_list(l, n, numbers, text, err);
    const char *at = n->tensors[text].data;

    if (s || l->type != MDL_STRING)
        return s;
    const char **all = mdl_arena_take(a, l->count + 1, sizeof *all);
    if (!all)
        return mdl_arena_fail(a, err, "texts");
    for (uint64_t i = 0; i < l->count; i++) {
        all[i] = at;
        at += strlen(at) + 1;
    }
    l->data = all;
    return MDL_OK;
}

/* ---- finding ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 32) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t hash_f64(double x)
{
    uint64_t bits;

    x += 0.0;                     /* -0 is 0 */
    memcpy(&bits, &x, sizeof bits);
    return x != x ? 0 : mix(bits);
}

/* FNV-1a. */
static uint64_t hash_text(const char *s)
{
    uint64_t h = 0xCBF29CE484222325u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001B3u;
    return mix(h);
}

static double key_f64(const struct ml_list *l, uint32_t i)
{
    return l->type == MDL_F32 ? (double)((const float *)l->data)[i] : ((const double *)l->data)[i];
}

static int64_t key_i64(const struct ml_list *l, uint32_t i)
{
    int64_t v;

    mdl_nd_load_i64(&v, l->data, l->type, i, 1);
    return v;
}

static int is_float(const struct ml_list *l)
{
    return l->type == MDL_F32 || l->type == MDL_F64;
}

uint32_t mdl_ml_find_i64(const struct ml_index *ix, int64_t key)
{
    for (uint64_t at = mix((uint64_t)key);; at++) {
        const uint32_t i = ix->table[at & ix->mask];
        if (!i)
            return ML_NOWHERE;
        if (key_i64(&ix->keys, i - 1) == key)
            return i - 1;
    }
}

uint32_t mdl_ml_find_f64(const struct ml_index *ix, double key)
{
    if (key != key && !ix->nan)
        return ML_NOWHERE;
    for (uint64_t at = hash_f64(key);; at++) {
        const uint32_t i = ix->table[at & ix->mask];
        if (!i)
            return ML_NOWHERE;
        const double other = key_f64(&ix->keys, i - 1);
        if (other == key || (other != other && key != key))
            return i - 1;
    }
}

uint32_t mdl_ml_find_text(const struct ml_index *ix, const char *key)
{
    for (uint64_t at = hash_text(key);; at++) {
        const uint32_t i = ix->table[at & ix->mask];
        if (!i)
            return ML_NOWHERE;
        if (!strcmp(((const char *const *)ix->keys.data)[i - 1], key))
            return i - 1;
    }
}

static uint64_t hash_of(const struct ml_list *l, uint32_t i)
{
    if (l->type == MDL_STRING)
        return hash_text(((const char *const *)l->data)[i]);
    return is_float(l) ? hash_f64(key_f64(l, i)) : mix((uint64_t)key_i64(l, i));
}

static uint32_t find_own(const struct ml_index *ix, uint32_t i)
{
    const struct ml_list *l = &ix->keys;

    if (l->type == MDL_STRING)
        return mdl_ml_find_text(ix, ((const char *const *)l->data)[i]);
    return is_float(l) ? mdl_ml_find_f64(ix, key_f64(l, i)) : mdl_ml_find_i64(ix, key_i64(l, i));
}

static void insert(struct ml_index *ix, uint32_t i, int last)
{
    const uint32_t before = find_own(ix, i);
    uint64_t at = hash_of(&ix->keys, i) & ix->mask;

    if (is_float(&ix->keys) && !ix->nan && key_f64(&ix->keys, i) != key_f64(&ix->keys, i))
        return;                   /* never found */
    if (before != ML_NOWHERE && !last)
        return;
    while (ix->table[at] && !(before != ML_NOWHERE && ix->table[at] == before + 1))
        at = (at + 1) & ix->mask;
    ix->table[at] = i + 1;
}

mdl_status mdl_ml_index(struct ml_index *ix, const struct ml_list *keys, int nan, int last,
                        struct arena *a, mdl_error *err)
{
    uint64_t places = 4;

    if (keys->count > UINT32_MAX / 4)
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu keys", (unsigned long long)keys->count);
    while (places < 2 * keys->count)
        places *= 2;
    *ix = (struct ml_index){ .keys = *keys, .mask = places - 1, .nan = nan };
    ix->table = mdl_arena_take(a, places, sizeof *ix->table);
    if (!ix->table)
        return mdl_arena_fail(a, err, "an index of keys");
    for (uint32_t i = 0; i < keys->count; i++)
        insert(ix, i, last);
    return MDL_OK;
}
