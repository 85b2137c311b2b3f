/*
 * format/read_extras.c - sections that a model may have, into it: see read.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "format/reader.h"

static mdl_status read_golden(struct intake *r, struct golden *g)
{
    const struct schema *schema = &r->m->schema;
    struct mdl_file_golden f;

    next_record(r, SEC_golden, &f);
    if (f.is_output > 1 || f.index >= (f.is_output ? schema->n_outputs : schema->n_inputs)
        || !words_zero(f.reserved, 2) || f.tensor.slot)
        return file_bad_last(r, SEC_golden, "golden rows of something that does not exist");
    g->is_output = f.is_output;
    g->index = f.index;
    return mdl_read_tensor(r, &g->tensor, &f.tensor, SEC_golden, SEC_golden_data);
}

/* A table of a node, if its operator knows it. */
static mdl_status read_ready(struct intake *r)
{
    struct graph *g = &r->m->graph;
    struct mdl_file_ready f;
    struct tensor t;
    uint32_t i = 0;

    next_record(r, SEC_ready, &f);
    const char *name = mdl_read_text(r, f.tensor.slot);
    if (f.node >= g->n_nodes || !name || !words_zero(f.reserved, 3) || f.tensor.type != MDL_U8
        || f.tensor.rank != 2)
        return file_bad_last(r, SEC_ready, "a table of no node, or that is none of bytes");
    const mdl_status s = mdl_read_tensor(r, &t, &f.tensor, SEC_ready, SEC_ready_data);
    if (s)
        return s;
    struct node *n = &g->nodes[f.node];
    while (i < n->op->n_ready && strcmp(n->op->ready[i].name, name) != 0)
        i++;
    if (i == n->op->n_ready)
        return MDL_OK;
    if (!n->ready)
        n->ready = mdl_arena_take(r->a, n->op->n_ready, sizeof *n->ready);
    if (!n->ready)
        return mdl_arena_fail(r->a, r->err, "tables");
    if (n->ready[i].type || t.dims[1] != (int64_t)n->op->ready[i].record_bytes)
        return file_bad_last(r, SEC_ready, "a table twice, or of wrong records");
    n->ready[i] = t;
    return MDL_OK;
}

static mdl_status read_pair(struct intake *r, struct pair *p)
{
    struct mdl_file_pair f;

    next_record(r, SEC_metadata, &f);
    p->key = mdl_read_text(r, f.key);
    p->value = mdl_read_text(r, f.value);
    return p->key && p->value ? MDL_OK
                              : file_bad_last(r, SEC_metadata, "no text begins at this offset");
}

/* Numbers stay where they are. */
static mdl_status read_importance(struct intake *r, struct importance *to)
{
    const struct section *kinds = &r->s[SEC_importance], *columns = &r->s[SEC_importance_cols];
    const struct section *values = &r->s[SEC_importance_data];
    const uint64_t cols = r->m->schema.n_inputs ? r->m->graph.values[0].cols : 0;
    const char **text = mdl_arena_take(r->a, kinds->count, sizeof *text);

    if (!text)
        return mdl_arena_fail(r->a, r->err, "importances");
    *to = (struct importance){ text, (const uint32_t *)(const void *)columns->data,
                               (const double *)(const void *)values->data, (uint32_t)kinds->count,
                               (uint32_t)columns->count };
    for (uint32_t at = 0, i = 0; next_record(r, SEC_importance, &at); i++) {
        text[i] = mdl_read_text(r, at);
        if (!text[i])
            return file_bad_last(r, SEC_importance, "no text begins at this offset");
    }
    for (uint32_t i = 0; i < to->n_columns; i++)
        if (to->columns[i] >= cols || (i && to->columns[i] <= to->columns[i - 1]))
            return file_bad(r, SEC_importance_cols, i, "columns are not ascending, or not there");
    if (values->count != kinds->count * columns->count)
        return file_bad(r, SEC_importance_data, 0, "not one number for each kind and column");
    r->next[SEC_importance_cols] = columns->count;
    r->next[SEC_importance_data] = values->count;
    return MDL_OK;
}

mdl_status mdl_read_extras(struct intake *r)
{
    struct schema *schema = &r->m->schema;
    mdl_status s = MDL_OK;

    for (uint32_t i = 0; !s && i < schema->n_golden; i++)
        s = read_golden(r, &schema->golden[i]);
    for (uint32_t i = 0; !s && i < schema->n_metadata; i++)
        s = read_pair(r, &schema->metadata[i]);
    for (uint64_t i = 0; !s && i < r->s[SEC_ready].count; i++)
        s = read_ready(r);
    return s ? s : read_importance(r, &schema->importance);
}
