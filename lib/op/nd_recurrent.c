/*
 * op/nd_recurrent.c - RNN, GRU and LSTM, one layer, one or two directions
 *
 *     x [T, N, I]   w [D, G H, I]   r [D, G H, H]   b [D, 2 G H]   lengths [N]
 *     h, c [D, N, H] to begin with   peepholes [D, 3 H] of the gates i, o, f
 *     y [T, D, N, H]   last h, last c [D, N, H]        `layout` 1: N comes first in all of these
 *
 *     rnn    h' = f(W x + R h + b)
 *     gru    z, r = f(W x + R h + b);  h' = (1 - z) g(W x + R (r h) + b) + z h
 *            linear_before_reset:      h' = (1 - z) g(W x + b_w + r (R h + b_r)) + z h
 *     lstm   i, o, f = f(W x + R h + b + p c);  c' = f c + i g(W x + R h + b);  h' = o h(c')
 *
 * Gates are in the order z r h and i o f c; the gate o sees c', the others c.  Beyond its length
 * a sequence gives 0, and its state stays.
 *
 * The products W x of many steps are one product of matrices, then R h follows step by step.
 * Matrices of float32 are packed (kernel/gemm.h), at load if they are constant.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_gates.h"
#include "op/nd_product.h"

#include <string.h>

enum { X, W, R, B, LENGTHS, H0, C0, PEEPHOLES };
enum { FORWARD, REVERSE, BOTH };
enum { FUNCTIONS, ALPHA, BETA };

#define MOST_AHEAD 65536u         /* numbers of W x that are made at once: they stay in L2 */
#define MOST_IDLE  (1u << 24)     /* steps of an x that has no elements: no memory bounds them */

static const char *const kinds[] = { "rnn", "gru", "lstm", NULL };
static const char *const directions[] = { "forward", "reverse", "both", NULL };

static const uint64_t gates_of[] = { [CELL_RNN] = 1, [CELL_GRU] = 3, [CELL_LSTM] = 4 };
static const uint64_t functions_of[] = { [CELL_RNN] = 1, [CELL_GRU] = 2, [CELL_LSTM] = 3 };

struct params {
    int64_t kind, direction, layout, linear_before_reset, input_forget;
    double  clip;
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, params, kind, 0, kinds),
    FIELD(FIELD_CHOICE, params, direction, 0, directions),
    FIELD(FIELD_INT, params, layout, 0, NULL),
    FIELD(FIELD_INT, params, linear_before_reset, 0, NULL),
    FIELD(FIELD_INT, params, input_forget, 0, NULL),
    FIELD(FIELD_FLOAT, params, clip, 0, NULL),
};

static const struct slot slots[] = {
    { "functions", TYPE_BIT(MDL_I64), 1, 1 },
    { "alpha", TYPE_BIT(MDL_F32), 1, 1 },
    { "beta", TYPE_BIT(MDL_F32), 1, 1 },
};

/* Packed matrices of all directions; NULL: not constant. */
struct plan {
    const float *w, *r;
};

static uint64_t n_directions(const struct node *n)
{
    return ((const struct params *)n->params)->direction == BOTH ? 2 : 1;
}

/* ---- load ------------------------------------------------------------------------------------ */

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct params *p = n->params;
    const uint64_t count = functions_of[p->kind] * n_directions(n);
    mdl_status s = nd_need_given(n, 3, err);

    if (!s) s = nd_need_type(n, g, X, TYPES_FLOAT, err);
    if (!s) s = nd_need_type(n, g, LENGTHS, TYPES_INDEX, err);
    for (uint32_t i = W; !s && i <= PEEPHOLES; i++)
        if (i != LENGTHS && nd_given(n, i) && nd_type(n, g, i) != nd_type(n, g, X))
            s = mdl_fail(err, MDL_ERR_FORMAT, "input %u is %s and x is %s", (unsigned)i,
                         mdl_type_name(nd_type(n, g, i)), mdl_type_name(nd_type(n, g, X)));
    for (uint32_t i = FUNCTIONS; !s && i <= BETA; i++)
        s = mdl_op_need_tensor(n, i, 0, count, err);
    for (uint64_t i = 0; !s && i < count; i++) {
        const int64_t kind = ((const int64_t *)n->tensors[FUNCTIONS].data)[i];
        if (kind < 0 || kind >= GATE_FUNCTIONS)
            s = mdl_fail(err, MDL_ERR_FORMAT, "function %lld of gates", (long long)kind);
    }
    if (!s && !(p->clip >= 0))
        s = mdl_fail(err, MDL_ERR_FORMAT, "clip %g is negative", p->clip);
    return s ? s : nd_infer_same(n, g, err);
}

/* R comes in two parts, that of gates which need no other gate and that of the rest. */
static uint64_t first_gates(const struct params *p)
{
    return p->kind == CELL_GRU ? 2 : gates_of[p->kind];
}

static uint64_t packed_r(const struct params *p, uint64_t hidden)
{
    const uint64_t first = gemm_packed(hidden, first_gates(p) * hidden);

    return p->kind == CELL_GRU ? first + gemm_packed(hidden, hidden) : first;
}

static void pack_r(const struct params *p, float *to, const float *r, uint64_t hidden)
{
    const uint64_t cols = first_gates(p) * hidden;

    nd_pack(to, r, 1, hidden, hidden, cols);
    if (p->kind == CELL_GRU)
        nd_pack(to + gemm_packed(hidden, cols), r + cols * hidden, 1, hidden, hidden, hidden);
}

/* The tensor of a constant input of three dimensions of float32. */
static const struct tensor *matrices(const struct node *n, const struct graph *g, uint32_t i)
{
    const struct tensor *t = node_in(n, g, i)->constant;

    return t && t->rank == 3 && t->type == MDL_F32 && t->count ? t : NULL;
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const struct params *p = n->params;
    const struct tensor *w = matrices(n, g, W), *r = matrices(n, g, R);
    struct plan *plan = mdl_arena_take(a, 1, sizeof *plan);

    if (!plan)
        return mdl_arena_fail(a, err, "packed weights");
    if (w) {
        const uint64_t d = (uint64_t)w->dims[0], cols = (uint64_t)w->dims[1];
        const uint64_t depth = (uint64_t)w->dims[2], each = gemm_packed(depth, cols);
        float *to = mdl_arena_take_raw(a, d * each, sizeof *to);
        if (!to)
            return mdl_arena_fail(a, err, "packed weights");
        for (uint64_t i = 0; i < d; i++)
            nd_pack(to + i * each, (const float *)w->data + i * depth * cols, 1, depth, depth, cols);
        plan->w = to;
    }
    if (r && (uint64_t)r->dims[1] == gates_of[p->kind] * (uint64_t)r->dims[2]) {
        const uint64_t d = (uint64_t)r->dims[0], hidden = (uint64_t)r->dims[2];
        const uint64_t each = packed_r(p, hidden);
        float *to = mdl_arena_take_raw(a, d * each, sizeof *to);
        if (!to)
            return mdl_arena_fail(a, err, "packed weights");
        for (uint64_t i = 0; i < d; i++)
            pack_r(p, to + i * each, (const float *)r->data + i * (uint64_t)r->dims[1] * hidden,
                   hidden);
        plan->r = to;
    }
    n->plan = plan;
    return MDL_OK;
}

/* ---- shapes, working memory ------------------------------------------------------------------ */

struct sizes {
    uint64_t steps, rows, inputs, hidden, gates, directions;
    uint64_t ahead;               /* steps whose W x is made at once                        */
};

static struct sizes sizes_of(const struct node *n, const struct nd *x, const struct nd *r)
{
    const struct params *p = n->params;
    struct sizes s = { .steps = (uint64_t)x->dims[p->layout != 0],
                       .rows = (uint64_t)x->dims[p->layout == 0], .inputs = (uint64_t)x->dims[2],
                       .hidden = (uint64_t)r->dims[2], .gates = gates_of[p->kind],
                       .directions = n_directions(n) };
    const uint64_t step = s.rows * s.gates * s.hidden;

    s.ahead = step && step < MOST_AHEAD ? MOST_AHEAD / step : 1;
    s.ahead = s.ahead < s.steps ? s.ahead : s.steps;
    return s;
}

/* Where things lie in the working memory of a direction, in numbers. */
struct room {
    uint64_t w, r, bias, ahead, gate, part, h, c, function, all;
};

/* The bias of the last gate of gru, if R h is reset, stands alone behind the others. */
static int lay_out(struct room *m, const struct node *n, const struct sizes *s, uint32_t type)
{
    const struct plan *plan = n->plan;
    const uint64_t bound = (uint64_t)1 << 40;
    uint64_t wide, one_w, one_r, states, parts;

    if (s->hidden > bound || s->inputs > bound || s->rows > bound
        || !size_mul(s->gates, s->hidden + GEMM_COLS, &wide) || !size_mul(wide, s->inputs, &one_w)
        || !size_mul(wide + GEMM_COLS, s->hidden, &one_r) || !size_mul(s->rows, s->hidden, &states)
        || !size_mul(wide, s->rows, &parts) || one_w > bound || one_r > bound || parts > bound)
        return 0;
    m->w = 0;
    m->r = m->w + (type == MDL_F32 && !(plan && plan->w) ? one_w : 0);
    m->bias = m->r + (type == MDL_F32 && !(plan && plan->r) ? one_r : 0);
    m->ahead = m->bias + (s->gates + 1) * s->hidden;
    m->gate = m->ahead + s->ahead * s->rows * s->gates * s->hidden;
    m->part = m->gate + parts;
    m->h = m->part + states;
    m->c = m->h + states;
    m->function = m->c + states;
    m->all = m->function + 2 * s->hidden;
    return 1;
}

static int is(const struct nd *t, uint32_t rank, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t want[3] = { a, b, c };

    if (!t)
        return 1;
    for (uint32_t i = 0; t->rank == rank && i < rank; i++)
        if ((uint64_t)t->dims[i] != want[i])
            return 0;
    return t->rank == rank;
}

static mdl_status wrong(const struct nd_call *c, const struct node *n, uint32_t i)
{
    static const char *const names[] = { "x", "w", "r", "b", "lengths", "h", "c", "peepholes" };
    char text[96];

    return mdl_fail(c->err, MDL_ERR_DATA, "%s is %s, which does not fit x, r and the kind of cell",
                    names[i], nd_shape_text(text, sizeof text, nd_in(c, n, i)));
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *r = nd_in(c, n, R);
    const int first = p->layout != 0;
    struct room m;

    if (x->rank != 3)
        return wrong(c, n, X);
    if (r->rank != 3)
        return wrong(c, n, R);
    const struct sizes s = sizes_of(n, x, r);
    const uint64_t d = s.directions, all = s.gates * s.hidden;
    const uint64_t begin[2] = { first ? s.rows : d, first ? d : s.rows };
    if (s.hidden > INT64_MAX / 64)
        return wrong(c, n, R);
    if (!x->count && s.steps > MOST_IDLE)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "more than %u steps of nothing", MOST_IDLE);
    if (!is(r, 3, d, all, s.hidden)) return wrong(c, n, R);
    if (!is(nd_in(c, n, W), 3, d, all, s.inputs)) return wrong(c, n, W);
    if (!is(nd_in(c, n, B), 2, d, 2 * all, 0)) return wrong(c, n, B);
    if (!is(nd_in(c, n, LENGTHS), 1, s.rows, 0, 0)) return wrong(c, n, LENGTHS);
    if (!is(nd_in(c, n, H0), 3, begin[0], begin[1], s.hidden)) return wrong(c, n, H0);
    if (!is(nd_in(c, n, C0), 3, begin[0], begin[1], s.hidden)) return wrong(c, n, C0);
    if (!is(nd_in(c, n, PEEPHOLES), 2, d, 3 * s.hidden, 0)) return wrong(c, n, PEEPHOLES);

    const int64_t y[2][4] = {
        { (int64_t)s.steps, (int64_t)d, (int64_t)s.rows, (int64_t)s.hidden },
        { (int64_t)s.rows, (int64_t)s.steps, (int64_t)d, (int64_t)s.hidden },
    };
    const int64_t state[3] = { (int64_t)begin[0], (int64_t)begin[1], (int64_t)s.hidden };
    nd_set_shape(nd_out(c, n, 0), 4, y[first]);
    for (uint32_t i = 1; i < n->n_out; i++)
        nd_set_shape(nd_out(c, n, i), 3, state);
    if (!lay_out(&m, n, &s, x->type) || !size_mul(m.all, nd_type_bytes(x->type), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_LIMIT, "a recurrent net too large");
    return MDL_OK;
}

/* ---- eval ------------------------------------------------------------------------------------ */

/* One direction on its way. */
struct walk {
    const struct params *p;
    const struct nd_call *c;
    struct sizes s;
    struct gates gates;
    uint32_t     type;
    size_t       bytes;           /* of a number                                            */
    int          reverse;
    const char  *x, *w, *r;       /* w, r: of this direction, packed if float32             */
    char        *bias, *ahead, *gate, *part, *h, *cell;
    const struct nd *lengths;
    char        *y;               /* or NULL; then by how many numbers steps and rows move  */
    uint64_t     y_step, y_row;
};

/* y[rows][cols] = a b' + bias, b packed or a matrix [cols][depth]. */
static void product(const struct walk *k, void *y, const void *a, uint64_t a_row, uint64_t rows,
                    const void *b, uint64_t depth, uint64_t cols, const void *bias)
{
    if (k->type == MDL_F32) {
        struct gemm g = { .y = y, .y_row = cols, .a = a, .a_row = a_row, .rows = rows,
                          .cols = cols, .depth = depth, .col_bias = bias };
        nd_use_packed(&g, b);
        k->c->kernels->gemm_f32(&g);
        return;
    }
    const struct nd_plain plain = { a, b, { a_row, 1 }, { 1, depth }, rows, depth, cols };
    double *to = y;
    nd_product_plain(y, k->type, &plain);
    for (uint64_t i = 0; bias && i < rows; i++, to += cols)
        nd_gates_pair(&k->gates, PAIR_ADD, to, to, bias, cols);
}

static uint64_t length_of(const struct walk *k, uint64_t row)
{
    return k->lengths ? (uint64_t)nd_int(k->lengths, row) : k->s.steps;
}

/* The step of x that a row is at after `done` steps. */
static uint64_t step_of(const struct walk *k, uint64_t row, uint64_t done)
{
    return k->reverse ? length_of(k, row) - 1 - done : done;
}

/* W x of the steps from `done` on, the next `some` of each row: [row][step] of gates. */
static void look_ahead(const struct walk *k, uint64_t done, uint64_t some)
{
    const struct sizes *s = &k->s;
    const uint64_t cols = s->gates * s->hidden;
    const uint64_t step = k->p->layout ? s->inputs : s->rows * s->inputs;
    const uint64_t row = k->p->layout ? s->steps * s->inputs : s->inputs;

    if (some == 1 && !k->reverse) {
        product(k, k->ahead, k->x + done * step * k->bytes, row, s->rows, k->w, s->inputs, cols,
                k->bias);
        return;
    }
    for (uint64_t n = 0; n < s->rows; n++) {
        const uint64_t length = length_of(k, n), left = length > done ? length - done : 0;
        const uint64_t now = left < some ? left : some;
        const uint64_t from = k->reverse ? left - now : done;
        char *to = k->ahead + n * some * cols * k->bytes;
        if (now)
            product(k, to, k->x + (n * row + from * step) * k->bytes, step, now, k->w, s->inputs,
                    cols, k->bias);
    }
}

/* Gates of W x, of a row after `done` steps; `some` from `begin` on are there. */
static char *ahead_at(const struct walk *k, uint64_t row, uint64_t done, uint64_t begin,
                      uint64_t some)
{
    const uint64_t cols = k->s.gates * k->s.hidden, length = length_of(k, row);
    uint64_t at = done - begin;

    if (k->reverse) {             /* the last comes first */
        const uint64_t left = length - begin;
        at = (left < some ? left : some) - 1 - at;
    }
    return k->ahead + (row * some + at) * cols * k->bytes;
}

/* All rows one step on: R h of all of them, then gates row by row. */
static void step(const struct walk *k, uint64_t done, uint64_t begin, uint64_t some)
{
    const struct sizes *s = &k->s;
    const uint64_t n = s->hidden, cols = s->gates * n, first = first_gates(k->p) * n;
    const int gru = k->p->kind == CELL_GRU, linear = k->gates.linear_before_reset;
    const size_t bytes = k->bytes;
    const char *r2 = k->r + (k->type == MDL_F32 ? gemm_packed(n, first) : first * n) * bytes;

    product(k, k->gate, k->h, n, s->rows, k->r, n, first, NULL);
    if (gru && linear)
        product(k, k->part, k->h, n, s->rows, r2, n, n, k->bias + cols * bytes);
    for (uint64_t i = 0; i < s->rows; i++) {
        char *h = k->h + i * n * bytes, *part = k->part + i * n * bytes;
        if (done >= length_of(k, i))
            continue;
        char *gate = ahead_at(k, i, done, begin, some);
        nd_gates_pair(&k->gates, PAIR_ADD, gate, gate, k->gate + i * first * bytes, first);
        if (k->p->kind == CELL_LSTM)
            nd_gates_lstm(&k->gates, gate, h, k->cell + i * n * bytes);
        else if (!gru)
            nd_gates_rnn(&k->gates, gate, h);
        else
            nd_gates_reset(&k->gates, gate, h, part);
    }
    if (gru && !linear)           /* R (r h); k->gate is free again */
        product(k, k->gate, k->part, n, s->rows, r2, n, n, NULL);
    for (uint64_t i = 0; i < s->rows; i++) {
        char *h = k->h + i * n * bytes;
        if (done >= length_of(k, i))
            continue;
        if (gru)
            nd_gates_gru(&k->gates, ahead_at(k, i, done, begin, some),
                         (linear ? k->part : k->gate) + i * n * bytes, h);
        if (k->y)
            memcpy(k->y + (step_of(k, i, done) * k->y_step + i * k->y_row) * bytes, h, n * bytes);
    }
}

/* Rows of a state that lie `row` numbers apart, to or from the state packed. */
static void copy_state(const struct walk *k, char *to, uint64_t to_row, const char *from,
                       uint64_t from_row)
{
    const size_t n = (size_t)k->s.hidden * k->bytes;

    for (uint64_t i = 0; n && i < k->s.rows; i++) {
        if (from)
            memcpy(to + i * to_row * k->bytes, from + i * from_row * k->bytes, n);
        else
            memset(to + i * to_row * k->bytes, 0, n);
    }
}

/* The two halves of b as one, but for what is added before a reset. */
static void make_bias(const struct walk *k, const char *b)
{
    const uint64_t n = k->s.hidden, cols = k->s.gates * n;
    const uint64_t both = k->gates.linear_before_reset ? 2 * n : cols;

    if (!b) {
        memset(k->bias, 0, (cols + n) * k->bytes);
        return;
    }
    memcpy(k->bias, b, cols * k->bytes);
    memcpy(k->bias + cols * k->bytes, b + (2 * cols - n) * k->bytes, n * k->bytes);
    nd_gates_pair(&k->gates, PAIR_ADD, k->bias, k->bias, b + cols * k->bytes, both);
}

static const char *part_of(const struct nd *t, uint64_t i, uint64_t parts, size_t bytes)
{
    return t ? (const char *)t->data + i * (t->count / parts) * bytes : NULL;
}

/* The matrices of direction d, packed. */
static void set_matrices(struct walk *k, const struct node *n, const struct room *m, uint64_t d)
{
    const struct plan *plan = n->plan;
    const struct nd *w = nd_in(k->c, n, W), *r = nd_in(k->c, n, R);
    const uint64_t cols = k->s.gates * k->s.hidden;
    float *room = k->c->temp;

    k->w = part_of(w, d, k->s.directions, k->bytes);
    k->r = part_of(r, d, k->s.directions, k->bytes);
    if (k->type != MDL_F32)
        return;
    if (!plan || !plan->w)
        nd_pack(room + m->w, (const float *)(const void *)k->w, 1, k->s.inputs, k->s.inputs, cols);
    if (!plan || !plan->r)
        pack_r(k->p, room + m->r, (const float *)(const void *)k->r, k->s.hidden);
    k->w = (const char *)(plan && plan->w ? plan->w + d * gemm_packed(k->s.inputs, cols)
                                          : room + m->w);
    k->r = (const char *)(plan && plan->r ? plan->r + d * packed_r(k->p, k->s.hidden)
                                          : room + m->r);
}

/* One direction from beginning to end. */
static void run_direction(struct walk *k, const struct node *n, uint64_t d)
{
    const struct sizes *s = &k->s;
    const struct nd *h0 = nd_in(k->c, n, H0), *c0 = nd_in(k->c, n, C0);
    const uint64_t row = k->p->layout ? s->directions * s->hidden : s->hidden;
    const uint64_t first = k->p->layout ? d * s->hidden : d * s->rows * s->hidden;

    copy_state(k, k->h, s->hidden, h0 ? (const char *)h0->data + first * k->bytes : NULL, row);
    copy_state(k, k->cell, s->hidden, c0 ? (const char *)c0->data + first * k->bytes : NULL, row);
    for (uint64_t begin = 0; begin < s->steps; begin += s->ahead) {
        const uint64_t some = s->steps - begin < s->ahead ? s->steps - begin : s->ahead;
        look_ahead(k, begin, some);
        for (uint64_t done = begin; done < begin + some; done++)
            step(k, done, begin, some);
    }
    if (nd_wanted(k->c, n, 1))
        copy_state(k, (char *)nd_out(k->c, n, 1)->data + first * k->bytes, row, k->h, s->hidden);
    if (nd_wanted(k->c, n, 2))
        copy_state(k, (char *)nd_out(k->c, n, 2)->data + first * k->bytes, row, k->cell, s->hidden);
}

static mdl_status check_lengths(const struct nd *lengths, uint64_t steps, mdl_error *err)
{
    for (uint64_t i = 0; lengths && i < lengths->count; i++)
        if (nd_int(lengths, i) < 0 || (uint64_t)nd_int(lengths, i) > steps)
            return mdl_fail(err, MDL_ERR_DATA, "a sequence of %lld of %llu steps",
                            (long long)nd_int(lengths, i), (unsigned long long)steps);
    return MDL_OK;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *y = nd_out(c, n, 0), *b = nd_in(c, n, B);
    const struct nd *peepholes = p->kind == CELL_LSTM ? nd_in(c, n, PEEPHOLES) : NULL;
    const size_t bytes = nd_type_bytes(x->type);
    struct walk k = { .p = p, .c = c, .s = sizes_of(n, x, nd_in(c, n, R)), .type = x->type,
                      .bytes = bytes, .x = x->data, .lengths = nd_in(c, n, LENGTHS) };
    const uint64_t of_one = functions_of[p->kind], d_all = k.s.directions;
    struct gate_function functions[3];
    struct room m;
    char *room = c->temp;
    const mdl_status status = check_lengths(k.lengths, k.s.steps, c->err);

    if (status || !lay_out(&m, n, &k.s, x->type))
        return status;
    if (y->data && y->count)
        memset(y->data, 0, (size_t)y->count * bytes);
    if (!k.s.rows || !k.s.hidden)
        return MDL_OK;
    k.bias = room + m.bias * bytes;
    k.ahead = room + m.ahead * bytes;
    k.gate = room + m.gate * bytes;
    k.part = room + m.part * bytes;
    k.h = room + m.h * bytes;
    k.cell = room + m.c * bytes;
    k.y_step = p->layout ? d_all * k.s.hidden : d_all * k.s.rows * k.s.hidden;
    k.y_row = p->layout ? k.s.steps * d_all * k.s.hidden : k.s.hidden;
    for (uint64_t d = 0; d < d_all; d++) {
        for (uint64_t i = 0; i < of_one; i++)
            functions[i] = (struct gate_function){
                ((const int64_t *)n->tensors[FUNCTIONS].data)[d * of_one + i],
                ((const float *)n->tensors[ALPHA].data)[d * of_one + i],
                ((const float *)n->tensors[BETA].data)[d * of_one + i],
            };
        k.gates = (struct gates){
            .k = c->kernels, .type = x->type, .hidden = k.s.hidden, .clip = p->clip,
            .input_forget = p->input_forget != 0, .functions = functions,
            .linear_before_reset = p->kind == CELL_GRU && p->linear_before_reset,
            .peephole = part_of(peepholes, d, d_all, bytes), .room = room + m.function * bytes,
        };
        k.reverse = p->direction == REVERSE || d == 1;
        set_matrices(&k, n, &m, d);
        make_bias(&k, part_of(b, d, d_all, bytes));
        k.y = y->data ? (char *)y->data + d * (p->layout ? 1 : k.s.rows) * k.s.hidden * bytes : NULL;
        run_direction(&k, n, d);
    }
    return MDL_OK;
}

const struct op mdl_op_recurrent = {
    .name = "recurrent",
    .about = "a layer of RNN, GRU or LSTM cells over sequences",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .params_bytes = sizeof(struct params),
    .min_in = 3,
    .max_in = 8,
    .n_out = 1,
    .max_out = 3,
    .infer = infer,
    .prepare = prepare,
    .shape = shape,
    .eval = eval,
};
