/*
 * op/tree_background.c - Shapley values against rows of a background
 *
 * Features are taken from the row or from one beside it, so a leaf is worth something if each
 * feature on its path that tells them apart comes from the right one.  If that are u from the row
 * and v from the background, the leaf's value gives
 *
 *     value (u - 1)! v! / (u + v)!  to each of the u     - value u! (v - 1)! / (u + v)!  to the v
 *
 * A tree is walked once for up to MOST rows of the background: a bit a row.  On a path each feature
 * has the rows that would take it as far as that asks for it; `alive` are those that do so at every
 * feature where the explained row would not.  These features are the v, the same for all that are
 * alive; the u of each are the others at which it fails.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_shap.h"

#include <string.h>

#define MOST       512u           /* rows of the background at once                        */
#define KEPT_BYTES (64u << 20)    /* of where they go at nodes                             */
#define TABLE      24u            /* weights up to that many of each                       */
#define COUNTED    6u             /* features by which rows are counted, not taken singly  */

/* A node on the path. */
struct fork_at {
    uint32_t node, slot;
    uint8_t  side;                /* 0 left is being looked at, 1 right                    */
    uint8_t  x_left;
    uint8_t  was_ok;              /* of its feature, above it                              */
};

enum { NOT_TAKEN, TAKEN, NOT_MET };

struct own { const uint64_t *takes; double add; uint32_t slot; };

struct beside {
    const struct shap *s;
    const double *x;              /* [n_slots]                                             */
    uint64_t first;               /* of the background                                     */
    size_t   words;
    double   *phi;                /* [outputs][n_slots]                                    */
    struct fork_at *forks;        /* [depth]                                               */
    uint64_t *left, *was;         /* [depth][words] rows that go left; that took the path above */
    uint64_t *alive;              /* [depth + 1][words]                                    */
    uint64_t *takes;              /* [n_slots][words] rows that take the path as it is     */
    uint32_t *path;               /* [n_slots] features met                                */
    struct own *own;              /* [n_slots + 1] those of them that the explained row takes */
    uint32_t *failed;             /* [n_slots + 1] and a row of the background does not    */
    unsigned char *ok;            /* [n_slots] does the explained row take it?             */
    uint32_t *count;              /* [1 << COUNTED] zeros, but in count_rows               */
    uint32_t n_path, depth;
};

static uint32_t deepest(const struct shap *s)
{
    const struct trees_plan *p = s->n->plan;
    uint32_t most = 0;

    for (uint32_t t = s->first; t < s->last; t++)
        most = p->depth[t] > most ? p->depth[t] : most;
    return most;
}

static size_t words_of(const struct shap *s)
{
    return (size_t)((s->n_background < MOST ? s->n_background : MOST) + 63) / 64;
}

uint64_t mdl_shap_background_bytes(const struct shap *s)
{
    const uint64_t depth = deepest(s) + 1ull, words = words_of(s);

    return 8 * s->n_slots * (s->outputs + 1ull + words) + depth * (sizeof(struct fork_at) + 24 * words)
         + (s->n_slots + 1ull) * (sizeof(struct own) + 9) + (sizeof(uint32_t) << COUNTED) + 80;
}

/* (a - 1)! b! / (a + b)!, which is 1 / a over the ways to choose a of a + b; 0 of no a. */
static double weigh(uint32_t a, uint32_t b)
{
    double w = a ? 1 / (double)a : 0;

    for (uint32_t i = 1; i <= b; i++)
        w *= (double)i / (a + i);
    return w;
}

MDL_INLINE double weight(const struct shap *s, uint32_t a, uint32_t b)
{
    return a < TABLE && b < TABLE ? s->weights[a * TABLE + b] : weigh(a, b);
}

/* Questions to a packed tree, once for all who ask: they are long. */
static uint32_t slot_at(const struct shap *s, uint32_t node)
{
    return s->slot_of[mdl_tree_feature(s->n->plan, node)];
}

static uint32_t right_of(const struct trees_plan *p, uint32_t node)
{
    return mdl_tree_right(p, node);
}

/* Rows of the background from `first` on that go left at a node. */
static void ask(const struct shap *s, uint32_t node, uint64_t first, uint64_t *to)
{
    const uint64_t left = s->n_background - first, rows = left < MOST ? left : MOST;
    const struct tree_rule rule = mdl_trees_rule(s->n, s->x_type, node);
    const int is_test = mdl_trees_is_test(s->n->plan, node) || rule.t != rule.t;
    const double *x = s->background + (uint64_t)slot_at(s, node) * s->n_background + first;

    for (uint64_t w = 0; w < words_of(s); w++, to++) {
        *to = 0;
        for (uint64_t r = 64 * w; r < rows && r < 64 * w + 64; r++) {
            const int goes = is_test ? mdl_trees_goes_left(s->n, node, x[r]) != 0
                                     : (x[r] < rule.t) | ((x[r] != x[r]) & !rule.nan_right);
            *to |= (uint64_t)(unsigned)goes << r % 64;
        }
    }
}

/* The bits of a node, if they are kept. */
static const uint64_t *asked(const struct shap *s, uint32_t node, uint64_t first)
{
    const struct trees_plan *p = s->n->plan;

    return s->goes_left + (first / MOST * s->n_nodes + node - p->tree_start[s->first]) * words_of(s);
}

/* What `n` rows of the background give that fail at `u` features, where v are theirs. */
MDL_INLINE double give(const struct beside *q, uint32_t u, uint32_t v, double n, double *theirs)
{
    *theirs -= n * weight(q->s, v, u);
    return n * weight(q->s, u, v);
}

/* Rows that are alive at a leaf, counted by the few features at which they fail. */
static void count_rows(const struct beside *q, uint32_t n, uint32_t v, double *theirs)
{
    const uint64_t *alive = q->alive + q->depth * q->words;
    uint8_t met[(1u << COUNTED) + 1];  /* the last: of no account */
    uint32_t n_met = 0;

    for (size_t w = 0; w < q->words; w++)
        for (uint64_t rest = alive[w]; rest; rest &= rest - 1) {
            const uint64_t bit = rest & (0 - rest);
            uint32_t fails = 0;
            for (uint32_t i = 0; i < n; i++)
                fails |= (uint32_t)!(q->own[i].takes[w] & bit) << i;
            met[n_met] = (uint8_t)fails;
            n_met += q->count[fails]++ == 0;
        }
    for (uint32_t k = 0; k < n_met; k++) {
        const uint32_t fails = met[k];
        uint32_t u = 0;
        for (uint32_t i = 0; i < n; i++)
            u += fails >> i & 1;
        const double each = give(q, u, v, q->count[fails], theirs);
        for (uint32_t i = 0; i < n; i++)
            q->own[i].add += (fails >> i & 1) * each;
        q->count[fails] = 0;
    }
}

/* The same, one row after the other. */
static void take_rows(const struct beside *q, uint32_t n, uint32_t v, double *theirs)
{
    const uint64_t *alive = q->alive + q->depth * q->words;

    for (size_t w = 0; w < q->words; w++)
        for (uint64_t rest = alive[w]; rest; rest &= rest - 1) {
            const uint64_t bit = rest & (0 - rest);
            uint32_t u = 0;
            for (uint32_t i = 0; i < n; i++) {
                q->failed[u] = i;
                u += !(q->own[i].takes[w] & bit);
            }
            const double each = give(q, u, v, 1, theirs);
            for (uint32_t i = 0; i < u; i++)
                q->own[q->failed[i]].add += each;
        }
}

static void reach(const struct beside *q, uint32_t tree, uint32_t leaf)
{
    const struct shap *s = q->s;
    const struct trees_plan *p = s->n->plan;
    uint32_t n = 0;
    double theirs = 0;

    for (uint32_t i = 0; i < q->n_path; i++) {
        q->own[n] = (struct own){ q->takes + q->path[i] * q->words, 0, q->path[i] };
        n += q->ok[q->path[i]] == TAKEN;
    }
    (n <= COUNTED ? count_rows : take_rows)(q, n, q->n_path - n, &theirs);
    for (uint32_t k = 0; k < s->width; k++) {
        const double value = mdl_shap_value(s, leaf, k);
        double *phi = q->phi + (size_t)(p->output[tree] + k) * s->n_slots;
        for (uint32_t i = 0; i < n; i++)
            phi[q->own[i].slot] += value * q->own[i].add;
        for (uint32_t i = 0; i < q->n_path && n < q->n_path; i++)
            phi[q->path[i]] += q->ok[q->path[i]] == TAKEN ? 0 : value * theirs;
    }
}

static void enter(struct beside *q, uint32_t node)
{
    const struct shap *s = q->s;
    const size_t at = q->depth * q->words, bytes = q->words * sizeof(uint64_t);
    struct fork_at *f = &q->forks[q->depth++];
    const uint32_t slot = slot_at(s, node);
    uint64_t *takes = q->takes + slot * q->words;

    *f = (struct fork_at){ .node = node, .slot = slot, .was_ok = q->ok[slot],
                           .x_left = mdl_trees_goes_left(s->n, node, q->x[slot]) != 0 };
    if (f->was_ok == NOT_MET) {
        q->path[q->n_path++] = slot;
        memset(takes, 0xFF, bytes);
    }
    memcpy(q->was + at, takes, bytes);
    if (!s->goes_left)
        ask(s, node, q->first, q->left + at);
    else
        memcpy(q->left + at, asked(s, node, q->first), bytes);
}

/* To the side of the last fork; 0 if no row is alive there. */
static int take(struct beside *q)
{
    const struct fork_at *f = &q->forks[q->depth - 1];
    const size_t at = (q->depth - 1) * q->words;
    const int ok = f->was_ok != NOT_TAKEN && f->x_left == !f->side;
    const uint64_t turn = f->side ? ~(uint64_t)0 : 0, any = ok ? ~(uint64_t)0 : 0;
    uint64_t some = 0;

    q->ok[f->slot] = ok ? TAKEN : NOT_TAKEN;
    for (size_t w = 0; w < q->words; w++) {
        const uint64_t takes = q->was[at + w] & (q->left[at + w] ^ turn);
        q->takes[f->slot * q->words + w] = takes;
        some |= q->alive[at + q->words + w] = q->alive[at + w] & (takes | any);
    }
    return some != 0;
}

static void leave(struct beside *q)
{
    const struct fork_at *f = &q->forks[--q->depth];

    memcpy(q->takes + f->slot * q->words, q->was + q->depth * q->words, q->words * sizeof *q->takes);
    q->ok[f->slot] = f->was_ok;
    q->n_path -= f->was_ok == NOT_MET;
}

static void run_tree(struct beside *q, uint32_t tree)
{
    const struct trees_plan *p = q->s->n->plan;

    for (uint32_t i = p->tree_start[tree];;) {
        if (mdl_tree_is_leaf(p, i)) {
            reach(q, tree, mdl_tree_ordinal(p, i));
        } else {
            enter(q, i);
            if (take(q)) {
                i++;
                continue;
            }
        }
        for (;; leave(q)) {
            if (!q->depth)
                return;
            struct fork_at *f = &q->forks[q->depth - 1];
            if (f->side++)
                continue;
            i = right_of(p, f->node);
            if (take(q))
                break;
        }
    }
}

void mdl_shap_beside(const struct shap *s, struct view x, size_t rows, double *work,
                     const struct shap_out *out)
{
    const uint64_t words = words_of(s), depth = deepest(s) + 1ull;
    const size_t each = (size_t)s->n_slots * s->outputs;
    unsigned char *memory = (unsigned char *)work;
    struct beside q = { .s = s, .words = words };

    q.phi = shap_cut(&memory, each * sizeof *q.phi);
    double *own = shap_cut(&memory, s->n_slots * sizeof *own);
    q.takes = shap_cut(&memory, 8 * words * s->n_slots);
    q.left = shap_cut(&memory, 8 * words * (depth - 1));
    q.was = shap_cut(&memory, 8 * words * (depth - 1));
    q.alive = shap_cut(&memory, 8 * words * depth);
    q.forks = shap_cut(&memory, depth * sizeof *q.forks);
    q.path = shap_cut(&memory, s->n_slots * sizeof *q.path);
    q.own = shap_cut(&memory, (s->n_slots + 1ull) * sizeof *q.own);
    q.failed = shap_cut(&memory, (s->n_slots + 1ull) * sizeof *q.failed);
    q.count = shap_cut(&memory, sizeof *q.count << COUNTED);
    q.ok = shap_cut(&memory, s->n_slots);
    q.x = own;
    memset(q.ok, NOT_MET, s->n_slots);
    memset(q.count, 0, sizeof *q.count << COUNTED);
    for (size_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < s->n_slots; c++)
            own[c] = mdl_trees_cell(x.type, view_row(x, r), s->column[c]);
        memset(q.phi, 0, each * sizeof *q.phi);
        for (q.first = 0; q.first < s->n_background; q.first += MOST) {
            const uint64_t left = s->n_background - q.first;
            for (uint64_t w = 0; w < words; w++)
                q.alive[w] = left >= 64 * (w + 1) ? ~(uint64_t)0
                           : left <= 64 * w ? 0 : ((uint64_t)1 << left % 64) - 1;
            for (uint32_t t = s->first; t < s->last; t++)
                run_tree(&q, t);
        }
        mdl_shap_put_row(s, r, q.phi, (double)s->n_background, out);
    }
}

/* ---- at first -------------------------------------------------------------------------------- */

/* Where rows go at each node, if that is not too much. */
static mdl_status ask_all(struct shap *s, struct arena *a, mdl_error *err)
{
    const struct trees_plan *p = s->n->plan;
    const uint64_t words = words_of(s), root = p->tree_start[s->first];

    s->n_nodes = p->tree_start[s->last] - root;
    if (s->n_nodes * words * 8 > KEPT_BYTES / ((s->n_background + MOST - 1) / MOST))
        return MDL_OK;
    s->goes_left = mdl_arena_take(a, s->n_nodes * ((s->n_background + MOST - 1) / MOST), words * 8);
    if (!s->goes_left)
        return mdl_arena_fail(a, err, "background");
    for (uint64_t first = 0; first < s->n_background; first += MOST)
        for (uint64_t i = 0; i < s->n_nodes; i++)
            if (!mdl_tree_is_leaf(p, (uint32_t)(root + i)))
                ask(s, (uint32_t)(root + i), first, s->goes_left + (first / MOST * s->n_nodes + i) * words);
    return MDL_OK;
}

/* The leaf of a row of the background. */
static uint32_t leaf_of(const struct shap *s, uint32_t tree, uint64_t row)
{
    const struct trees_plan *p = s->n->plan;
    uint32_t i = p->tree_start[tree];

    while (!mdl_tree_is_leaf(p, i)) {
        const uint64_t slot = slot_at(s, i);
        const int left = s->goes_left ? asked(s, i, row)[row % MOST / 64] >> row % 64 & 1
                       : mdl_trees_goes_left(s->n, i, s->background[slot * s->n_background + row]) != 0;
        i = left ? i + 1 : right_of(p, i);
    }
    return mdl_tree_ordinal(p, i);
}

/* Sums of the background rows, averaged, are what is expected of no row. */
mdl_status mdl_shap_background(struct shap *s, struct view rows, uint64_t n, struct arena *a,
                               mdl_error *err)
{
    const struct trees_plan *p = s->n->plan;
    double *b = mdl_arena_take_raw(a, n, s->n_slots * sizeof *b);
    double *sum = mdl_arena_take(a, s->outputs, sizeof *sum);

    s->weights = mdl_arena_take(a, TABLE * TABLE, sizeof *s->weights);
    if (!b || !sum || !s->weights)
        return mdl_arena_fail(a, err, "background");
    for (uint32_t i = 0; i < TABLE * TABLE; i++)
        s->weights[i] = weigh(i / TABLE, i % TABLE);
    for (uint64_t r = 0; r < n; r++)
        for (uint32_t c = 0; c < s->n_slots; c++)
            b[c * n + r] = mdl_trees_cell(rows.type, view_row(rows, (size_t)r), s->column[c]);
    s->background = b;
    s->n_background = n;
    const mdl_status status = ask_all(s, a, err);
    if (status)
        return status;
    for (uint64_t r = 0; r < n; r++)
        for (uint32_t t = s->first; t < s->last; t++) {
            const uint32_t leaf = leaf_of(s, t, r);
            for (uint32_t k = 0; k < s->width; k++)
                sum[p->output[t] + k] += mdl_shap_value(s, leaf, k);
        }
    for (uint32_t k = 0; k < s->outputs; k++)
        s->bias[k] = mdl_shap_expected(s, k, s->bias[k] + sum[k] / (double)n);
    return MDL_OK;
}
