/*
 * op/nd_ngrams.c - how often the n-grams of a list occur in rows of words or numbers
 *
 *     pool     all n-grams, those of one word first, then those of two, ...
 *     counts   where those of each length begin: counts[n - 1] .. counts[n]
 *     columns  of the result, one for each n-gram in turn
 *
 * An n-gram of the pool is a way through a tree: (place, word) to the next place.  Words of one
 * occurrence lie 1, 2, .. skip + 1 apart; single words count once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

enum { POOL, POOL_TEXT, COUNTS, COLUMNS, WEIGHTS };
enum { TF, IDF, TFIDF };

static const char *const modes[] = { "tf", "idf", "tfidf", NULL };

struct ngrams_params {
    int64_t mode, shortest, longest, skip;
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, ngrams_params, mode, 0, modes),
    FIELD(FIELD_INT, ngrams_params, shortest, 1, NULL),
    FIELD(FIELD_INT, ngrams_params, longest, 1, NULL),
    FIELD(FIELD_INT, ngrams_params, skip, 0, NULL),
};

static const struct slot slots[] = {
    [POOL] = { "pool", TYPE_BIT(MDL_I64), 1, 0 },
    [POOL_TEXT] = { "pool_text", TYPE_BIT(MDL_U8), 1, 0 },
    [COUNTS] = { "counts", TYPE_BIT(MDL_I64), 1, 1 },
    [COLUMNS] = { "columns", TYPE_BIT(MDL_I64), 1, 1 },
    [WEIGHTS] = { "weights", TYPE_BIT(MDL_F32), 1, 0 },
};

struct edge {
    uint32_t place, word, next;   /* next 0: free                                           */
};

struct plan {
    struct ml_index index;        /* of the words                                           */
    struct edge *edges;           /* by hash; `mask` + 1                                    */
    uint64_t     mask;
    uint32_t    *gram;            /* of a place, 1 + its number; 0: none                    */
    uint64_t     cols;
};

static const int64_t *ints(const struct node *n, uint32_t slot)
{
    return n->tensors[slot].data;
}

static uint64_t gram_count(const struct node *n)
{
    return n->tensors[COLUMNS].count;
}

/* Where n-grams of the i-th length end. */
static uint64_t end_of(const struct node *n, uint64_t i, uint64_t words)
{
    return i + 1 < n->tensors[COUNTS].count ? (uint64_t)ints(n, COUNTS)[i + 1] : words;
}

static mdl_status check_counts(const struct node *n, uint64_t words, mdl_error *err)
{
    uint64_t grams = 0;

    for (uint64_t i = 0; i < n->tensors[COUNTS].count; i++) {
        const int64_t first = ints(n, COUNTS)[i];
        if (first < 0 || end_of(n, i, words) > words || (uint64_t)first > end_of(n, i, words)
            || (end_of(n, i, words) - (uint64_t)first) % (i + 1))
            return mdl_fail(err, MDL_ERR_FORMAT, "n-grams of %llu words begin at %lld of %llu",
                            (unsigned long long)i + 1, (long long)first, (unsigned long long)words);
        grams += (end_of(n, i, words) - (uint64_t)first) / (i + 1);
    }
    if (grams > gram_count(n))
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu n-grams and columns for %llu",
                        (unsigned long long)grams, (unsigned long long)gram_count(n));
    return MDL_OK;
}

static uint64_t n_cols(const struct node *n)
{
    uint64_t cols = 0;

    for (uint64_t i = 0; i < gram_count(n); i++)
        cols = (uint64_t)ints(n, COLUMNS)[i] >= cols ? (uint64_t)ints(n, COLUMNS)[i] + 1 : cols;
    return cols;
}

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct ngrams_params *p = n->params;
    struct ml_list words;
    mdl_status s = mdl_ml_list(&words, n, POOL, POOL_TEXT, err);

    if (!s && !words.type)
        s = mdl_fail(err, MDL_ERR_FORMAT, "no pool of n-grams");
    if (!s && words.count > 1u << 28)
        s = mdl_fail(err, MDL_ERR_FORMAT, "a pool of %llu words", (unsigned long long)words.count);
    if (!s)
        s = mdl_nd_need_type(n, g, 0, words.type == MDL_STRING ? TYPE_BIT(MDL_STRING) : TYPES_INDEX,
                             err);
    if (!s && (p->shortest < 1 || p->longest < p->shortest || p->skip < 0 || p->skip > INT32_MAX
               || p->longest > INT32_MAX))
        s = mdl_fail(err, MDL_ERR_FORMAT, "shortest %lld, longest %lld, skip %lld",
                     (long long)p->shortest, (long long)p->longest, (long long)p->skip);
    for (uint64_t i = 0; !s && i < gram_count(n); i++)
        if (ints(n, COLUMNS)[i] < 0 || ints(n, COLUMNS)[i] > INT32_MAX)
            s = mdl_fail(err, MDL_ERR_FORMAT, "column %lld", (long long)ints(n, COLUMNS)[i]);
    if (!s) s = check_counts(n, words.count, err);
    if (!s && n->tensors[WEIGHTS].type && n->tensors[WEIGHTS].count < n_cols(n))
        s = mdl_fail(err, MDL_ERR_FORMAT, "fewer weights than columns");
    nd_result(n, g, 0, MDL_F32);
    return s;
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* The edge, or the free place where it would be. */
static struct edge *edge_at(const struct plan *p, uint32_t place, uint32_t word)
{
    uint64_t at = ((uint64_t)place << 32 | word) * 0x9E3779B97F4A7C15u;

    for (at ^= at >> 29;; at++) {
        struct edge *e = &p->edges[at & p->mask];
        if (!e->next || (e->place == place && e->word == word))
            return e;
    }
}

/* The number of word i of the pool among its distinct words. */
static uint32_t pool_word(const struct plan *p, uint64_t i)
{
    const struct ml_list *l = &p->index.keys;

    return l->type == MDL_STRING
        ? mdl_ml_find_text(&p->index, ((const char *const *)l->data)[i])
        : mdl_ml_find_i64(&p->index, ((const int64_t *)l->data)[i]);
}

/* Of equal n-grams the last counts. */
static void plant(const struct node *n, struct plan *p)
{
    const struct ngrams_params *told = n->params;
    uint32_t places = 1, gram = 0;

    for (uint64_t i = 0; i < n->tensors[COUNTS].count; i++) {
        const uint64_t first = (uint64_t)ints(n, COUNTS)[i];
        const uint64_t end = end_of(n, i, p->index.keys.count);
        const int wanted = (int64_t)i + 1 >= told->shortest && (int64_t)i + 1 <= told->longest;
        for (uint64_t k = first; k < end; k += i + 1) {
            uint32_t place = 0;
            gram++;
            for (uint64_t j = 0; wanted && j <= i; j++) {
                const uint32_t word = pool_word(p, k + j);
                struct edge *e = edge_at(p, place, word);
                if (!e->next)
                    *e = (struct edge){ place, word, places++ };
                place = e->next;
            }
            if (wanted)
                p->gram[place] = gram;
        }
    }
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    struct plan *p = mdl_arena_take(a, 1, sizeof *p);
    struct ml_list words;
    mdl_status s = mdl_ml_list_data(&words, n, POOL, POOL_TEXT, a, err);
    uint64_t places = 4;
    (void)g;

    if (!p)
        return mdl_arena_fail(a, err, "n-grams");
    if (!s) s = mdl_ml_index(&p->index, &words, 0, 0, a, err);
    if (s)
        return s;
    while (places < 2 * words.count)
        places *= 2;
    p->mask = places - 1;
    p->edges = mdl_arena_take(a, places, sizeof *p->edges);
    p->gram = mdl_arena_take(a, words.count + 1, sizeof *p->gram);
    if (!p->edges || !p->gram)
        return mdl_arena_fail(a, err, "n-grams");
    p->cols = n_cols(n);
    plant(n, p);
    n->plan = p;
    return MDL_OK;
}

/* ---- counting -------------------------------------------------------------------------------- */

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct plan *p = n->plan;
    const struct nd *x = nd_in(c, n, 0);
    const int64_t cols = (int64_t)p->cols;

    if (x->rank > 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "words of rank %u, expected 1 or 2",
                        (unsigned)x->rank);
    c->temp_bytes = (x->rank ? (uint64_t)x->dims[x->rank - 1] : 1) * sizeof(uint32_t);
    if (x->rank == 2)
        mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[2]){ x->dims[0], cols });
    else
        mdl_nd_set_shape(nd_out(c, n, 0), 1, &cols);
    return MDL_OK;
}

/* Numbers of the words of a row; ML_NOWHERE for those that are in no n-gram. */
static void look_up(const struct plan *p, uint32_t *word, const struct nd *x, uint64_t first,
                    uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (x->type == MDL_STRING) {
            const char *s = ((const char *const *)x->data)[first + i];
            word[i] = mdl_ml_find_text(&p->index, s ? s : "");
        } else {
            word[i] = mdl_ml_find_i64(&p->index, mdl_nd_int(x, first + i));
        }
    }
}

/* Occurrences that begin with word i, words `apart`. */
static void count_from(const struct node *n, const struct plan *p, float *y, const uint32_t *word,
                       uint64_t i, uint64_t count, uint64_t apart, int64_t shortest)
{
    const int64_t longest = ((const struct ngrams_params *)n->params)->longest;
    uint32_t place = 0;

    for (int64_t size = 1; size <= longest && i < count && word[i] != ML_NOWHERE; size++) {
        place = edge_at(p, place, word[i])->next;
        if (!place)
            return;
        if (p->gram[place] && size >= shortest)
            y[ints(n, COLUMNS)[p->gram[place] - 1]] += 1;
        if (apart >= count - i)
            return;
        i += apart;
    }
}

static void count_row(const struct node *n, const struct plan *p, float *y, const uint32_t *word,
                      uint64_t count)
{
    const struct ngrams_params *told = n->params;
    int64_t shortest = told->shortest;

    for (uint64_t apart = 1; apart <= (uint64_t)told->skip + 1 && apart <= count; apart++) {
        for (uint64_t i = 0; i < count; i++)
            count_from(n, p, y, word, i, count, apart, shortest);
        if (shortest == 1 && ++shortest > told->longest)
            return;
    }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct ngrams_params *told = n->params;
    const struct plan *p = n->plan;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const float *weights = n->tensors[WEIGHTS].type ? n->tensors[WEIGHTS].data : NULL;
    const uint64_t count = x->rank ? (uint64_t)x->dims[x->rank - 1] : 1;
    float *row = y->data;

    for (uint64_t at = 0; at < y->count; at += p->cols, row += p->cols) {
        memset(row, 0, (size_t)p->cols * sizeof *row);
        look_up(p, c->temp, x, at / p->cols * count, count);
        count_row(n, p, row, c->temp, count);
        for (uint64_t i = 0; told->mode == IDF && i < p->cols; i++)
            row[i] = row[i] > 0 ? 1 : 0;
        for (uint64_t i = 0; told->mode != TF && weights && i < p->cols; i++)
            row[i] *= weights[i];
    }
    return MDL_OK;
}

const struct op mdl_op_ngrams = {
    .name = "ngrams",
    .about = "how often n-grams occur, by weight",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .params_bytes = sizeof(struct ngrams_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .prepare = prepare,
    .shape = shape,
    .eval = eval,
};
