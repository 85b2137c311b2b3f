/*
 * op/nd_recurrent_run.c - a recurrent layer, step by step; see nd_recurrent.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_recurrent.h"

#include <string.h>

/* One direction on its way. */
struct walk {
    const struct recurrent_params *p;
    const struct nd_call *c;
    struct recurrent_sizes s;
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
        mdl_nd_use_packed(&g, b);
        k->c->kernels->gemm_f32(&g);
        return;
    }
    const struct nd_plain plain = { a, b, { a_row, 1 }, { 1, depth }, rows, depth, cols };
    double *to = y;
    mdl_nd_product_plain(y, k->type, &plain);
    for (uint64_t i = 0; bias && i < rows; i++, to += cols)
        mdl_nd_gates_pair(&k->gates, PAIR_ADD, to, to, bias, cols);
}

static uint64_t length_of(const struct walk *k, uint64_t row)
{
    return k->lengths ? (uint64_t)mdl_nd_int(k->lengths, row) : k->s.steps;
}

/* The step of x that a row is at after `done` steps. */
static uint64_t step_of(const struct walk *k, uint64_t row, uint64_t done)
{
    return k->reverse ? length_of(k, row) - 1 - done : done;
}

/* W x of the steps from `done` on, the next `some` of each row: [row][step] of gates. */
static void look_ahead(const struct walk *k, uint64_t done, uint64_t some)
{
    const struct recurrent_sizes *s = &k->s;
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
    const struct recurrent_sizes *s = &k->s;
    const uint64_t n = s->hidden, cols = s->gates * n, first = mdl_recurrent_first_gates(k->p) * n;
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
        mdl_nd_gates_pair(&k->gates, PAIR_ADD, gate, gate, k->gate + i * first * bytes, first);
        if (k->p->kind == CELL_LSTM)
            mdl_nd_gates_lstm(&k->gates, gate, h, k->cell + i * n * bytes);
        else if (!gru)
            mdl_nd_gates_rnn(&k->gates, gate, h);
        else
            mdl_nd_gates_reset(&k->gates, gate, h, part);
    }
    if (gru && !linear)           /* R (r h); k->gate is free again */
        product(k, k->gate, k->part, n, s->rows, r2, n, n, NULL);
    for (uint64_t i = 0; i < s->rows; i++) {
        char *h = k->h + i * n * bytes;
        if (done >= length_of(k, i))
            continue;
        if (gru)
            mdl_nd_gates_gru(&k->gates, ahead_at(k, i, done, begin, some),
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
    mdl_nd_gates_pair(&k->gates, PAIR_ADD, k->bias, k->bias, b + cols * k->bytes, both);
}

static const char *part_of(const struct nd *t, uint64_t i, uint64_t parts, size_t bytes)
{
    return t ? (const char *)t->data + i * (t->count / parts) * bytes : NULL;
}

/* The matrices of direction d, packed. */
static void set_matrices(struct walk *k, const struct node *n, const struct recurrent_room *m,
                         uint64_t d)
{
    const struct recurrent_plan *plan = n->plan;
    const struct nd *w = nd_in(k->c, n, IN_W), *r = nd_in(k->c, n, IN_R);
    const uint64_t cols = k->s.gates * k->s.hidden;
    float *room = k->c->temp;

    k->w = part_of(w, d, k->s.directions, k->bytes);
    k->r = part_of(r, d, k->s.directions, k->bytes);
    if (k->type != MDL_F32)
        return;
    if (!plan || !plan->w)
        mdl_nd_pack(room + m->w, (const float *)(const void *)k->w, 1, k->s.inputs, k->s.inputs, cols);
    if (!plan || !plan->r)
        mdl_recurrent_pack_r(k->p, room + m->r, (const float *)(const void *)k->r, k->s.hidden);
    k->w = (const char *)(plan && plan->w ? plan->w + d * gemm_packed(k->s.inputs, cols)
                                          : room + m->w);
    k->r = (const char *)(plan && plan->r ? plan->r + d * mdl_recurrent_packed_r(k->p, k->s.hidden)
                                          : room + m->r);
}

/* One direction from beginning to end. */
static void run_direction(struct walk *k, const struct node *n, uint64_t d)
{
    const struct recurrent_sizes *s = &k->s;
    const struct nd *h0 = nd_in(k->c, n, IN_H0), *c0 = nd_in(k->c, n, IN_C0);
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
        if (mdl_nd_int(lengths, i) < 0 || (uint64_t)mdl_nd_int(lengths, i) > steps)
            return mdl_fail(err, MDL_ERR_DATA, "a sequence of %lld of %llu steps",
                            (long long)mdl_nd_int(lengths, i), (unsigned long long)steps);
    return MDL_OK;
}

mdl_status mdl_recurrent_eval(const struct node *n, struct nd_call *c)
{
    const struct recurrent_params *p = n->params;
    const struct nd *x = nd_in(c, n, IN_X), *y = nd_out(c, n, 0), *b = nd_in(c, n, IN_B);
    const struct nd *peepholes = p->kind == CELL_LSTM ? nd_in(c, n, IN_PEEPHOLES) : NULL;
    const size_t bytes = mdl_nd_type_bytes(x->type);
    struct walk k = { .p = p, .c = c, .s = mdl_recurrent_sizes(n, x, nd_in(c, n, IN_R)),
                      .type = x->type, .bytes = bytes, .x = x->data,
                      .lengths = nd_in(c, n, IN_LENGTHS) };
    const uint64_t of_one = functions_of[p->kind], d_all = k.s.directions;
    struct gate_function functions[3];
    struct recurrent_room m;
    char *room = c->temp;
    const mdl_status status = check_lengths(k.lengths, k.s.steps, c->err);

    if (status || !mdl_recurrent_room(&m, n, &k.s, x->type))
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
        k.y = y->data;
        if (k.y)
            k.y += d * (p->layout ? 1 : k.s.rows) * k.s.hidden * bytes;
        run_direction(&k, n, d);
    }
    return MDL_OK;
}

