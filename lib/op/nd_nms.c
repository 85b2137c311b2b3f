/*
 * op/nd_nms.c - boxes that overlap none better
 *
 *   boxes   [batch, n, 4] float32: two corners y, x, y, x, or with `center` x, y, width, height
 *   scores  [batch, classes, n] float32
 *   most    int64, per batch and class, optional (0);  overlap, score  float32, optional
 *   y       [selected, 3] int64: batch, class, box; best first within a class
 *
 * A box goes when its intersection over union with one already selected is above `overlap`, or
 * its score not above `score`.  Of equal scores the first box is the better; one of NaN is never selected.
 *
 * How many there are is known only when all is done, so shape does it once and eval again.
 * Boxes that are still alive are bits:
 *
 *     take the best; it is selected; all that overlap it too much die; the best of the others; again
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include <string.h>

#define NMS_MOST 131072u          /* boxes: 16 KB of bits                             */

struct nms_params {
    int64_t center;
};

static const struct field fields[] = {
    FIELD(FIELD_INT, nms_params, center, 0, NULL),
};

enum { BOXES, SCORES, MOST, OVERLAP, SCORE };

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = MDL_OK;

    for (uint32_t i = BOXES; i <= SCORE && !s; i++)
        s = mdl_nd_need_type(n, g, i, TYPE_BIT(i == MOST ? MDL_I64 : MDL_F32), err);
    nd_result(n, g, 0, MDL_I64);
    return s;
}

/* ---- boxes ------------------------------------------------------------------------------------- */

struct box {
    float x0, y0, x1, y1;
};

static struct box box_of(const float *b, int center)
{
    if (center)
        return (struct box){ b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2 };
    const int x = b[1] < b[3], y = b[0] < b[2];
    return (struct box){ x ? b[1] : b[3], y ? b[0] : b[2], x ? b[3] : b[1], y ? b[2] : b[0] };
}

static float area(struct box b)
{
    return (b.x1 - b.x0) * (b.y1 - b.y0);
}

static int overlaps(struct box a, struct box b, float limit)
{
    const struct box both = { a.x0 > b.x0 ? a.x0 : b.x0, a.y0 > b.y0 ? a.y0 : b.y0,
                              a.x1 < b.x1 ? a.x1 : b.x1, a.y1 < b.y1 ? a.y1 : b.y1 };

    if (!(both.x1 > both.x0) || !(both.y1 > both.y0))
        return 0;
    const float common = area(both), all = area(a) + area(b) - common;
    return common > 0 && area(a) > 0 && area(b) > 0 && all > 0 && common / all > limit;
}

/* ---- selection --------------------------------------------------------------------------------- */

struct nms {
    const float *boxes, *scores;  /* of this batch and class                          */
    uint64_t n, most;
    float overlap, score;
    int has_score, center;
};

/* The best of those alive, UINT64_MAX if there is none; first all die that overlap `taken`, unless
 * that is NULL, too much. */
static uint64_t next_best(const struct nms *s, uint64_t *alive, const struct box *taken)
{
    uint64_t best = UINT64_MAX;

    for (uint64_t i = 0; i < s->n; i++) {
        if (!alive[i / 64]) {
            i |= 63;              /* 64 dead ones */
            continue;
        }
        const uint64_t bit = (uint64_t)1 << i % 64;
        if (!(alive[i / 64] & bit))
            continue;
        if (taken && overlaps(box_of(s->boxes + 4 * i, s->center), *taken, s->overlap))
            alive[i / 64] &= ~bit;
        else if (best == UINT64_MAX || s->scores[i] > s->scores[best])
            best = i;
    }
    return best;
}

/* Writes up to s->most boxes of one class, or only counts them if y is NULL. */
static uint64_t select_boxes(const struct nms *s, int64_t *y, int64_t batch, int64_t kind)
{
    uint64_t alive[NMS_MOST / 64], selected = 0;

    memset(alive, 0, (size_t)(s->n + 63) / 64 * sizeof *alive);
    for (uint64_t i = 0; i < s->n; i++)
        if (s->has_score ? s->scores[i] > s->score : s->scores[i] == s->scores[i])
            alive[i / 64] |= (uint64_t)1 << i % 64;
    for (uint64_t best = next_best(s, alive, NULL); best != UINT64_MAX && selected < s->most;) {
        const struct box taken = box_of(s->boxes + 4 * best, s->center);

        alive[best / 64] &= ~((uint64_t)1 << best % 64);
        if (y)
            memcpy(y + 3 * selected, (int64_t[]){ batch, kind, (int64_t)best }, 3 * sizeof *y);
        if (++selected < s->most)
            best = next_best(s, alive, &taken);
    }
    return selected;
}

static uint64_t all_classes(const struct node *n, const struct nd_call *c, int64_t *y)
{
    const struct nd *boxes = nd_in(c, n, BOXES), *scores = nd_in(c, n, SCORES);
    const struct nd *most = nd_in(c, n, MOST), *overlap = nd_in(c, n, OVERLAP);
    const struct nd *score = nd_in(c, n, SCORE);
    const int64_t limit = most && most->count ? mdl_nd_int(most, 0) : 0;
    struct nms s = { .n = (uint64_t)boxes->dims[1], .most = limit > 0 ? (uint64_t)limit : 0,
                     .center = ((const struct nms_params *)n->params)->center != 0 };
    uint64_t all = 0;

    s.overlap = overlap && overlap->count ? *(const float *)overlap->data : 0;
    s.has_score = score && score->count;
    s.score = s.has_score ? *(const float *)score->data : 0;
    for (int64_t b = 0; s.most && s.n && b < boxes->dims[0]; b++)
        for (int64_t k = 0; k < scores->dims[1]; k++) {
            s.boxes = (const float *)boxes->data + (uint64_t)b * s.n * 4;
            s.scores = (const float *)scores->data + (uint64_t)(b * scores->dims[1] + k) * s.n;
            all += select_boxes(&s, y ? y + 3 * all : NULL, b, k);
        }
    return all;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *boxes = nd_in(c, n, BOXES), *scores = nd_in(c, n, SCORES);
    char a[96], b[96];

    if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4
        || boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2])
        return mdl_fail(c->err, MDL_ERR_DATA, "boxes of shape %s with scores of shape %s",
                        mdl_nd_shape_text(a, sizeof a, boxes), mdl_nd_shape_text(b, sizeof b, scores));
    if (boxes->dims[1] > (int64_t)NMS_MOST)
        return mdl_fail(c->err, MDL_ERR_DATA, "%lld boxes, more than %u", (long long)boxes->dims[1],
                        NMS_MOST);
    mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[]){ (int64_t)all_classes(n, c, NULL), 3 });
    return MDL_OK;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    all_classes(n, c, nd_out(c, n, 0)->data);
    return MDL_OK;
}

const struct op mdl_op_nms = {
    .name = "nms",
    .about = "boxes that overlap none better",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct nms_params),
    .min_in = 2,
    .max_in = 5,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .contents = 1u << BOXES | 1u << SCORES | 1u << MOST | 1u << OVERLAP | 1u << SCORE,
};
