/*
 * import/ydf_node.c - a node of a tree, and what its question means here
 *
 *     Node             1 classifier, 2 regressor, 5 uplift, 6 anomaly_detection: outputs;
 *                      3 condition (none: a leaf), 4 examples that came here
 *     NodeCondition    1 na_value, 2 attribute, 3 condition, 5 weight of training, 8 of those
 *                      where the condition is true
 *     Condition        one of: 1 missing, 2 x >= { 1 threshold }, 3 true, 4 one of { 1 elements },
 *                      5 one of { 1 bitmap }, 6 discretized x >= { 1 index }, 7 oblique,
 *                      8 sequence of vectors
 *
 * Where a condition is true a row goes right.  What is missing goes where na_value says: YDF's
 * fast engines put the mean or the most frequent category in its place, but only where each node
 * sends that to the same side; a model where numbers do not is run without imputation, and one
 * where categories do not is run by none of them.
 *
 * A discretized number is the index of the boundaries around it.  The engines turn it back into
 * a float32 in the middle of them, or 1 beyond the outermost, and compare this; far from 0
 * neighbours may become one, so the boundary that a question is about is looked for here.
 *
 * A code beyond the categories is "out of dictionary", so is category 0: where 0 is a member, the
 * set holds those that are not, and all else goes right.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/ydf.h"

#include <math.h>
#include <stddef.h>

#define OUTSIDE 1.0f              /* kEpsDiscretizedToNonDiscretizedNumerical              */
#define SET_BYTES_PER_BYTE 64u    /* of the source                                          */
#define SET_BYTES (1u << 16)

/* ---- reading --------------------------------------------------------------------------------- */

static mdl_status broken(const struct ydf *y, const struct ydf_node *node, const char *what)
{
    return YDF_BAD(y, node->offset, "a node is broken: %s", what);
}

mdl_status mdl_ydf_node(struct ydf *y, struct bytes blob, struct ydf_node *node)
{
    struct condition {
        int64_t na_value, attribute;
        struct bytes condition;
        double weight[2];
    } c = { .attribute = -1, .weight = { -1, -1 } };
    static const struct wire_rule rules[] = {
        { 1, WIRE_VARINT, offsetof(struct condition, na_value) },
        { 2, WIRE_VARINT, offsetof(struct condition, attribute) },
        { 3, WIRE_BYTES, offsetof(struct condition, condition) },
        { 5, WIRE_64, offsetof(struct condition, weight) },
        { 8, WIRE_64, offsetof(struct condition, weight) + sizeof(double) }, { 0, 0, 0 },
    };
    struct bytes condition = { 0 };
    struct wire_field f;

    *node = (struct ydf_node){ .offset = bytes_offset(&blob) };
    while (mdl_wire_next(&blob, &f)) {
        if (f.kind == WIRE_BYTES && f.number == 3)
            condition = f.bytes;
        else if (f.kind == WIRE_BYTES && f.number < 7)
            node->output[f.number] = f.bytes;
        else if (f.kind == WIRE_VARINT && f.number == 4)
            node->examples = (int64_t)f.value;
    }
    if (blob.bad)
        return broken(y, node, "no message");
    if (!condition.start)
        return MDL_OK;
    if (!mdl_wire_read(condition, rules, &c))
        return broken(y, node, "its condition");
    while (mdl_wire_next(&c.condition, &f))
        if (f.kind == WIRE_BYTES && f.number < YDF_CONDITIONS) {
            node->condition = f.number;
            node->detail = f.bytes;
        }
    if (c.condition.bad || !node->condition)
        return broken(y, node, "it has a condition of no kind");
    node->na_value = c.na_value != 0;
    node->attribute = c.attribute;
    node->weight = c.weight[0];
    node->pos_weight = c.weight[1];
    return MDL_OK;
}

/* The float32 of x >= threshold. */
static mdl_status higher(struct ydf *y, const struct ydf_node *node, float *threshold)
{
    static const struct wire_rule rules[] = { { 1, WIRE_32, 0 }, { 0, 0, 0 } };

    *threshold = 0;
    return mdl_wire_read(node->detail, rules, threshold) && *threshold == *threshold
        ? MDL_OK : broken(y, node, "its threshold");
}

/* Which boundary of a discretized column, and the column's own. */
static mdl_status boundary(struct ydf *y, const struct ydf_node *node, const struct ydf_column *c,
                           const float **boundaries, uint32_t *index)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    int64_t i = 0;

    if (!mdl_wire_read(node->detail, rules, &i) || i < 1 || i > (int64_t)c->n)
        return broken(y, node, "its threshold is no boundary");
    *boundaries = YDF_AT(y->boundaries, float) + c->first;
    *index = (uint32_t)i;
    return MDL_OK;
}

/* Elements of a set, in order, by `next`: those of a list, or the bits of a bitmap. */
struct members {
    struct wire_list list;
    struct bytes bitmap;
    uint64_t next, n;
};

static mdl_status open_members(struct ydf *y, const struct ydf_node *node,
                               const struct ydf_column *c, struct members *m)
{
    struct bytes in = node->detail;

    *m = (struct members){ .n = c->n_categories };
    m->list = (struct wire_list){ .message = node->detail, .number = 1, .kind = WIRE_VARINT };
    if (node->condition == YDF_CONTAINS)
        return MDL_OK;
    if (!mdl_wire_find(&in, 1, &m->bitmap) || bytes_left(&m->bitmap) < (m->n + 7) / 8)
        return broken(y, node, "its bitmap is not one of all categories");
    return MDL_OK;
}

/* 1 and the next member, 0 at the end, -1 when the list is broken. */
static int next_member(struct members *m, uint64_t *out)
{
    if (m->bitmap.start) {
        for (; m->next < m->n; m->next++)
            if (m->bitmap.at[m->next / 8] >> m->next % 8 & 1) {
                *out = m->next++;
                return 1;
            }
        return 0;
    }
    if (!mdl_wire_each(&m->list, out))
        return m->list.message.bad ? -1 : 0;
    if (*out < m->next || *out >= m->n)
        return -1;
    m->next = *out + 1;
    return 1;
}

/* Are all members categories of the column, and is `one` among them? */
static mdl_status is_member(struct ydf *y, const struct ydf_node *node, const struct ydf_column *c,
                            uint32_t one, int *is)
{
    struct members m;
    uint64_t v;
    int more = 0;
    mdl_status s = open_members(y, node, c, &m);

    *is = 0;
    while (!s && (more = next_member(&m, &v)) > 0)
        *is |= v == one;
    return s ? s : more < 0 ? broken(y, node, "its categories are none of the column, or not in "
                                              "order") : MDL_OK;
}

/* ---- what all trees say --------------------------------------------------------------------- */

static int fits(unsigned condition, uint32_t type)
{
    switch (condition) {
    case YDF_HIGHER: return type == YDF_NUMERICAL;
    case YDF_TRUE: return type == YDF_BOOLEAN;
    case YDF_CONTAINS:
    case YDF_BITMAP: return type == YDF_CATEGORICAL;
    case YDF_DISCRETIZED_HIGHER: return type == YDF_DISCRETIZED;
    default: return 1;
    }
}

/* Does a node send the missing where the value goes that stands for it? */
static mdl_status check_imputed(struct ydf *y, const struct ydf_node *node,
                                const struct ydf_column *c)
{
    const float *boundaries = NULL;
    float threshold;
    uint32_t index;
    int goes = node->na_value;
    mdl_status s = MDL_OK;

    switch (node->condition) {
    case YDF_HIGHER:
        s = higher(y, node, &threshold);
        if (!s) y->globally_higher &= ((float)c->mean >= threshold) == node->na_value;
        break;
    case YDF_DISCRETIZED_HIGHER:
        s = boundary(y, node, c, &boundaries, &index);
        if (!s) y->globally_higher &= (c->mean >= (double)boundaries[index - 1]) == node->na_value;
        break;
    case YDF_TRUE: goes = c->imputed_true; break;
    case YDF_CONTAINS:
    case YDF_BITMAP: s = is_member(y, node, c, c->imputed, &goes); break;
    default: y->has_is_na = 1;
    }
    y->globally_others &= goes == node->na_value;
    return s;
}

mdl_status mdl_ydf_survey(struct ydf *y, const struct ydf_node *node)
{
    const struct ydf_column *c = YDF_AT(y->columns, struct ydf_column);

    if (node->condition == YDF_OBLIQUE || node->condition == YDF_VECTOR_SEQUENCE) {
        mdl_parts_add(&y->parts, node->condition == YDF_OBLIQUE
                      ? "oblique conditions (split_axis SPARSE_OBLIQUE, MHLD_OBLIQUE)"
                      : "conditions on sequences of vectors");
        return MDL_OK;
    }
    if (node->attribute < 0 || (uint64_t)node->attribute >= YDF_COUNT(y->columns, struct ydf_column)
        || c[node->attribute].position < 0)
        return broken(y, node, "it asks for a column that is no input feature");
    c += node->attribute;
    if (!fits(node->condition, c->type)) {
        /* A column of another type is among the parts already. */
        return y->parts.count ? MDL_OK : broken(y, node, "its condition is not for such a column");
    }
    y->has_cover &= node->weight > 0 && node->pos_weight >= 0 && node->pos_weight <= node->weight
                 && node->weight - node->weight == 0;
    return check_imputed(y, node, c);
}

/* ---- into mdl_tree --------------------------------------------------------------------------- */

/* What the engines make of index i. */
static float middle(const float *boundaries, uint32_t n, uint32_t i)
{
    if (!i)
        return boundaries[0] - OUTSIDE;
    return i == n ? boundaries[n - 1] + OUTSIDE : (boundaries[i] + boundaries[i - 1]) / 2;
}

/* The least index whose middle is at the boundary or above: from there on x goes right.  Middles
 * ascend, and many boundaries may be one number. */
static float least_above(const float *boundaries, uint32_t n, uint32_t index)
{
    const float threshold = boundaries[index - 1];
    uint32_t least = 0, most = n;

    while (least < most) {
        const uint32_t half = least + (most - least) / 2;
        if (middle(boundaries, n, half) >= threshold)
            most = half;
        else
            least = half + 1;
    }
    return least ? boundaries[least - 1] : -(float)INFINITY;
}

/* The members, or those that are none where `turned`, as bits at the end of `words`. */
static mdl_status add_set(struct ydf *y, const struct ydf_node *node, const struct ydf_column *c,
                          int turned, struct vec *words)
{
    const uint64_t limit = y->size * SET_BYTES_PER_BYTE + SET_BYTES;
    uint32_t n = (c->n_categories + 31) / 32;
    struct members m;
    uint64_t v;

    y->set_bytes += (uint64_t)n * 4;
    if (y->set_bytes > limit)
        return mdl_fail_at(y->err, MDL_ERR_LIMIT, "", node->offset, "the sets of categories need "
                           "more than %llu bytes", ULL(limit));
    uint32_t *set = mdl_vec_add(words, &y->allocator, NULL, (size_t)n * 4);
    if (!set)
        return mdl_fail(y->err, MDL_ERR_MEMORY, "out of memory");
    mdl_status s = open_members(y, node, c, &m);
    while (!s && next_member(&m, &v) > 0)
        set[v / 32] |= (uint32_t)1 << v % 32;
    for (uint32_t i = 0; turned && i < n; i++)
        set[i] = ~set[i];
    if (turned && c->n_categories % 32)
        set[n - 1] &= ((uint32_t)1 << c->n_categories % 32) - 1;
    for (; n && !set[n - 1]; n--)
        words->bytes -= sizeof *set;
    return s;
}

/* Where the engine sends a missing value. */
static int missing_goes(const struct ydf *y, const struct ydf_node *node,
                        const struct ydf_column *c, float boundary)
{
    if (node->condition != YDF_DISCRETIZED_HIGHER)
        return node->na_value;
    if (y->globally_higher)
        return (float)c->mean >= boundary;
    return y->is_quick ? 0 : node->na_value;     /* QuickScorer keeps no side for these */
}

mdl_status mdl_ydf_question(struct ydf *y, const struct ydf_node *node, uint8_t *flags,
                            double *threshold, struct vec *words, int *swap)
{
    const struct ydf_column *c = YDF_AT(y->columns, struct ydf_column) + node->attribute;
    const int is_set = node->condition == YDF_CONTAINS || node->condition == YDF_BITMAP;
    const float *boundaries;
    uint32_t index;
    float t = 0.5f, asked = 0;
    int turned = 0;
    mdl_status s = MDL_OK;

    *swap = node->condition == YDF_IS_NA;        /* x < -inf goes left: none but the missing */
    if (*swap)
        t = -(float)INFINITY;
    if (node->condition == YDF_HIGHER)
        s = higher(y, node, &t);
    if (node->condition == YDF_DISCRETIZED_HIGHER) {
        s = boundary(y, node, c, &boundaries, &index);
        if (!s) asked = boundaries[index - 1];
        if (!s) t = least_above(boundaries, c->n, index);
    }
    if (!s && is_set) s = is_member(y, node, c, 0, &turned);
    if (!s && is_set) s = add_set(y, node, c, turned, words);
    *threshold = is_set ? 0 : (double)t;
    *flags = (uint8_t)(MDL_NODE_NAN_DEFAULT | (is_set ? MDL_NODE_CATEGORY : MDL_NODE_NUMBER)
                       | (turned ? MDL_NODE_SET_LEFT : 0)
                       | (*swap || !missing_goes(y, node, c, asked) ? MDL_NODE_DEFAULT_LEFT : 0));
    return s;
}
