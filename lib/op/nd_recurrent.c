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
#include "op/nd_recurrent.h"

#define MOST_AHEAD 65536u         /* numbers of W x that are made at once: they stay in L2 */
#define MOST_IDLE  (1u << 24)     /* steps of an x that has no elements: no memory bounds them */

static const char *const kinds[] = { "rnn", "gru", "lstm", NULL };
static const char *const directions[] = { "forward", "reverse", "both", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, recurrent_params, kind, 0, kinds),
    FIELD(FIELD_CHOICE, recurrent_params, direction, 0, directions),
    FIELD(FIELD_INT, recurrent_params, layout, 0, NULL),
    FIELD(FIELD_INT, recurrent_params, linear_before_reset, 0, NULL),
    FIELD(FIELD_INT, recurrent_params, input_forget, 0, NULL),
    FIELD(FIELD_FLOAT, recurrent_params, clip, 0, NULL),
};

static const struct slot slots[] = {
    { "functions", TYPE_BIT(MDL_I64), 1, 1 },
    { "alpha", TYPE_BIT(MDL_F32), 1, 1 },
    { "beta", TYPE_BIT(MDL_F32), 1, 1 },
};

static uint64_t n_directions(const struct node *n)
{
    return ((const struct recurrent_params *)n->params)->direction == BOTH ? 2 : 1;
}

/* ---- load ------------------------------------------------------------------------------------ */

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct recurrent_params *p = n->params;
    const uint64_t count = functions_of[p->kind] * n_directions(n);
    mdl_status s = mdl_nd_need_given(n, 3, err);

    if (!s) s = mdl_nd_need_type(n, g, IN_X, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_type(n, g, IN_LENGTHS, TYPES_INDEX, err);
    for (uint32_t i = IN_W; !s && i <= IN_PEEPHOLES; i++)
        if (i != IN_LENGTHS && nd_given(n, i) && nd_type(n, g, i) != nd_type(n, g, IN_X))
            s = mdl_fail(err, MDL_ERR_FORMAT, "input %u is %s and x is %s", (unsigned)i,
                         mdl_type_name(nd_type(n, g, i)), mdl_type_name(nd_type(n, g, IN_X)));
    for (uint32_t i = FUNCTIONS; !s && i <= BETA; i++)
        s = mdl_op_need_tensor(n, i, 0, count, err);
    for (uint64_t i = 0; !s && i < count; i++) {
        const int64_t kind = ((const int64_t *)n->tensors[FUNCTIONS].data)[i];
        if (kind < 0 || kind >= GATE_FUNCTIONS)
            s = mdl_fail(err, MDL_ERR_FORMAT, "function %lld of gates", (long long)kind);
    }
    if (!s && !(p->clip >= 0))
        s = mdl_fail(err, MDL_ERR_FORMAT, "clip %g is negative", p->clip);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

uint64_t mdl_recurrent_first_gates(const struct recurrent_params *p)
{
    return p->kind == CELL_GRU ? 2 : gates_of[p->kind];
}

uint64_t mdl_recurrent_packed_r(const struct recurrent_params *p, uint64_t hidden)
{
    const uint64_t first = gemm_packed(hidden, mdl_recurrent_first_gates(p) * hidden);

    return p->kind == CELL_GRU ? first + gemm_packed(hidden, hidden) : first;
}

void mdl_recurrent_pack_r(const struct recurrent_params *p, float *to, const float *r,
                          uint64_t hidden)
{
    const uint64_t cols = mdl_recurrent_first_gates(p) * hidden;

    mdl_nd_pack(to, r, 1, hidden, hidden, cols);
    if (p->kind == CELL_GRU)
        mdl_nd_pack(to + gemm_packed(hidden, cols), r + cols * hidden, 1, hidden, hidden, hidden);
}

/* The tensor of a constant input of three dimensions of float32. */
static const struct tensor *matrices(const struct node *n, const struct graph *g, uint32_t i)
{
    const struct tensor *t = node_in(n, g, i)->constant;

    return t && t->rank == 3 && t->type == MDL_F32 && t->count ? t : NULL;
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const struct recurrent_params *p = n->params;
    const struct tensor *w = matrices(n, g, IN_W), *r = matrices(n, g, IN_R);
    struct recurrent_plan *plan = mdl_arena_take(a, 1, sizeof *plan);

    if (!plan)
        return mdl_arena_fail(a, err, "packed weights");
    if (w) {
        const uint64_t d = (uint64_t)w->dims[0], cols = (uint64_t)w->dims[1];
        const uint64_t depth = (uint64_t)w->dims[2], each = gemm_packed(depth, cols);
        float *to = mdl_arena_take_raw(a, d * each, sizeof *to);
        if (!to)
            return mdl_arena_fail(a, err, "packed weights");
        for (uint64_t i = 0; i < d; i++)
            mdl_nd_pack(to + i * each, (const float *)w->data + i * depth * cols, 1, depth, depth,
                        cols);
        plan->w = to;
    }
    if (r && (uint64_t)r->dims[1] == gates_of[p->kind] * (uint64_t)r->dims[2]) {
        const uint64_t d = (uint64_t)r->dims[0], hidden = (uint64_t)r->dims[2];
        const uint64_t each = mdl_recurrent_packed_r(p, hidden);
        float *to = mdl_arena_take_raw(a, d * each, sizeof *to);
        if (!to)
            return mdl_arena_fail(a, err, "packed weights");
        for (uint64_t i = 0; i < d; i++)
            mdl_recurrent_pack_r(p, to + i * each,
                                 (const float *)r->data + i * (uint64_t)r->dims[1] * hidden,
                                 hidden);
        plan->r = to;
    }
    n->plan = plan;
    return MDL_OK;
}

/* ---- shapes, working memory ------------------------------------------------------------------ */

struct recurrent_sizes mdl_recurrent_sizes(const struct node *n, const struct nd *x,
                                           const struct nd *r)
{
    const struct recurrent_params *p = n->params;
    struct recurrent_sizes s = { .steps = (uint64_t)x->dims[p->layout != 0],
                       .rows = (uint64_t)x->dims[p->layout == 0], .inputs = (uint64_t)x->dims[2],
                       .hidden = (uint64_t)r->dims[2], .gates = gates_of[p->kind],
                       .directions = n_directions(n) };
    const uint64_t step = s.rows * s.gates * s.hidden;

    s.ahead = step && step < MOST_AHEAD ? MOST_AHEAD / step : 1;
    s.ahead = s.ahead < s.steps ? s.ahead : s.steps;
    return s;
}

/* The bias of the last gate of gru, if R h is reset, stands alone behind the others. */
int mdl_recurrent_room(struct recurrent_room *m, const struct node *n,
                       const struct recurrent_sizes *s, uint32_t type)
{
    const struct recurrent_plan *plan = n->plan;
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
                    names[i], mdl_nd_shape_text(text, sizeof text, nd_in(c, n, i)));
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct recurrent_params *p = n->params;
    const struct nd *x = nd_in(c, n, IN_X), *r = nd_in(c, n, IN_R);
    const int first = p->layout != 0;
    struct recurrent_room m;

    if (x->rank != 3)
        return wrong(c, n, IN_X);
    if (r->rank != 3)
        return wrong(c, n, IN_R);
    const struct recurrent_sizes s = mdl_recurrent_sizes(n, x, r);
    const uint64_t d = s.directions, all = s.gates * s.hidden;
    const uint64_t begin[2] = { first ? s.rows : d, first ? d : s.rows };
    if (s.hidden > INT64_MAX / 64)
        return wrong(c, n, IN_R);
    if (!x->count && s.rows && s.steps > MOST_IDLE / s.rows)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "more than %u steps of nothing", MOST_IDLE);
    if (!is(r, 3, d, all, s.hidden)) return wrong(c, n, IN_R);
    if (!is(nd_in(c, n, IN_W), 3, d, all, s.inputs)) return wrong(c, n, IN_W);
    if (!is(nd_in(c, n, IN_B), 2, d, 2 * all, 0)) return wrong(c, n, IN_B);
    if (!is(nd_in(c, n, IN_LENGTHS), 1, s.rows, 0, 0)) return wrong(c, n, IN_LENGTHS);
    if (!is(nd_in(c, n, IN_H0), 3, begin[0], begin[1], s.hidden)) return wrong(c, n, IN_H0);
    if (!is(nd_in(c, n, IN_C0), 3, begin[0], begin[1], s.hidden)) return wrong(c, n, IN_C0);
    if (!is(nd_in(c, n, IN_PEEPHOLES), 2, d, 3 * s.hidden, 0)) return wrong(c, n, IN_PEEPHOLES);

    const int64_t y[2][4] = {
        { (int64_t)s.steps, (int64_t)d, (int64_t)s.rows, (int64_t)s.hidden },
        { (int64_t)s.rows, (int64_t)s.steps, (int64_t)d, (int64_t)s.hidden },
    };
    const int64_t state[3] = { (int64_t)begin[0], (int64_t)begin[1], (int64_t)s.hidden };
    mdl_nd_set_shape(nd_out(c, n, 0), 4, y[first]);
    for (uint32_t i = 1; i < n->n_out; i++)
        mdl_nd_set_shape(nd_out(c, n, i), 3, state);
    if (!mdl_recurrent_room(&m, n, &s, x->type)
        || !size_mul(m.all, mdl_nd_type_bytes(x->type), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_LIMIT, "a recurrent net too large");
    return MDL_OK;
}

const struct op mdl_op_recurrent = {
    .name = "recurrent",
    .about = "a layer of RNN, GRU or LSTM cells over sequences",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .params_bytes = sizeof(struct recurrent_params),
    .min_in = 3,
    .max_in = 8,
    .n_out = 1,
    .max_out = 3,
    .infer = infer,
    .prepare = prepare,
    .shape = shape,
    .eval = mdl_recurrent_eval,
};
