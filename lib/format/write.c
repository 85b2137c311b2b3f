/*
 * format/write.c - model to bytes
 *
 * Two passes over the model with the same code: the first only measures (file NULL),
 * the second writes.  So sizes and contents cannot disagree.
 *
 * SPDX-License-Identifier: MIT
 */
#include "format/format.h"

#include "format/sections.h"

#include <string.h>

struct writer {
    struct section s[N_SECTIONS]; /* bytes: written so far in this pass */
    unsigned char *file;          /* NULL while measuring               */
    struct texts {
        uint32_t *table;          /* offset + 1 of a text by hash, 0: free; power of two */
        uint32_t *length;         /* with the terminator                                 */
        const char **text;
        uint32_t mask;
        uint64_t bytes;           /* of those in the table                               */
        uint64_t apart;           /* and behind them of texts that found no place, so far in this pass */
    } texts;
};

/* ---- texts: each once --------------------------------------------------------------- */

#define STEPS_MOST 256u           /* others that are met first: with more, texts were made to collide */

static uint32_t hash_text(const char *text)
{
    uint32_t h = 2166136261u;    /* FNV-1a */

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h ^ h >> 15;
}

/* Offset of a text that is not looked for: it may be there twice. */
static uint32_t text_apart(struct writer *w, const char *text)
{
    struct texts *t = &w->texts;
    const uint64_t at = t->bytes + t->apart, length = strlen(text) + 1;

    if (w->file)                  /* the table is full-grown, and so is `bytes` */
        memcpy(w->file + w->s[SEC_strings].offset + at, text, (size_t)length);
    t->apart += length;
    return (uint32_t)at;
}

/* Offset of a text, added when it is new. */
static uint32_t text_at(struct writer *w, const char *text)
{
    struct texts *t = &w->texts;
    uint32_t i = hash_text(text) & t->mask;

    if (!*text)
        return 0;                /* the first byte of the section */
    for (uint32_t step = 0; t->table[i]; step++, i = (i + 1) & t->mask) {
        if (!strcmp(t->text[i], text))
            return t->table[i] - 1;
        if (step == STEPS_MOST)
            return text_apart(w, text);
    }
    const uint32_t length = (uint32_t)strlen(text) + 1;
    t->table[i] = (uint32_t)t->bytes + 1;
    t->text[i] = text;
    t->length[i] = length;
    t->bytes += length;
    return t->table[i] - 1;
}

static uint64_t count_texts(const struct model_graph *m)
{
    uint64_t n = 16 + m->schema.importance.n_kinds + m->graph.n_nodes + 2ull * m->schema.n_metadata + m->schema.n_outputs;

    for (uint32_t i = 0; i < m->graph.n_nodes; i++)
        n += m->graph.nodes[i].op->n_slots + m->graph.nodes[i].op->n_ready;
    for (uint32_t i = 0; i < m->schema.n_outputs; i++)
        n += m->schema.outputs[i].labels.count;
    for (uint32_t i = 0; i < m->schema.n_inputs; i++) {
        const struct input *in = &m->schema.inputs[i];
        n++;
        for (uint64_t c = 0; in->columns && c < m->graph.values[i].cols; c++)
            n += 1 + in->columns[c].categories.count;
    }
    return n;
}

static mdl_status texts_init(struct texts *t, struct arena *a, uint64_t count, mdl_error *err)
{
    uint64_t size = 64;

    while (size < 2 * count)
        size *= 2;
    if (size > UINT32_MAX / 2)
        return mdl_fail(err, MDL_ERR_LIMIT, "%llu texts are too many for a file",
                        (unsigned long long)count);
    t->table = mdl_arena_take(a, size, sizeof *t->table);
    t->length = mdl_arena_take(a, size, sizeof *t->length);
    t->text = mdl_arena_take(a, size, sizeof *t->text);
    t->mask = (uint32_t)size - 1;
    t->bytes = 1;
    return t->table && t->length && t->text ? MDL_OK : mdl_arena_fail(a, err, "texts");
}

/* ---- records -------------------------------------------------------------------------- */

static void put(struct writer *w, int section, const void *record, uint64_t bytes)
{
    struct section *s = &w->s[section];

    if (w->file && bytes)
        memcpy(w->file + s->offset + s->bytes, record, (size_t)bytes);
    s->bytes += bytes;
}

static void put_labels(struct writer *w, const struct labels *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        const uint32_t at = text_at(w, l->text[i]);
        put(w, SEC_labels, &at, sizeof at);
    }
}

static void put_input(struct writer *w, const struct input *in, const struct value *v)
{
    struct mdl_file_input f = { .name = text_at(w, in->name), .type = v->type, .rank = v->rank,
                                .absent = in->absent,
                                .n_columns = in->columns ? (uint32_t)v->cols : 0 };

    memcpy(f.dims, v->dims, sizeof f.dims);
    put(w, SEC_inputs, &f, sizeof f);
    for (uint32_t i = 0; i < f.n_columns; i++) {
        const struct column *c = &in->columns[i];
        const struct mdl_file_column record = {
            .name = text_at(w, c->name), .kind = c->kind,
            .category_type = c->categories.type, .n_categories = c->categories.count,
        };
        put(w, SEC_columns, &record, sizeof record);
        put_labels(w, &c->categories);
    }
}

static void put_output(struct writer *w, const struct output *o)
{
    const struct mdl_file_output f = {
        .name = text_at(w, o->name), .role = o->role, .value = o->value,
        .label_type = o->labels.type, .n_labels = o->labels.count,
    };

    put(w, SEC_outputs, &f, sizeof f);
    put_labels(w, &o->labels);
}

/* The record of a tensor, whose bytes go into `section`. */
static struct mdl_file_tensor put_data(struct writer *w, int section, const struct tensor *t)
{
    static const unsigned char zeros[MDL_FILE_ALIGN];
    struct mdl_file_tensor f = { .type = t->type, .rank = t->rank,
                                 .bytes = t->count * mdl_type_bytes(t->type) };

    memcpy(f.dims, t->dims, sizeof f.dims);
    if (f.bytes) {
        const uint64_t end = w->s[section].bytes;
        put(w, section, zeros, (MDL_FILE_ALIGN - end % MDL_FILE_ALIGN) % MDL_FILE_ALIGN);
        f.at = w->s[section].bytes;
        put(w, section, t->data, f.bytes);
    }
    return f;
}

static void put_node(struct writer *w, const struct node *n)
{
    struct mdl_file_node f = { .op = mdl_op_code(n->op), .version = 1,
                               .name = text_at(w, n->name), .n_in = n->n_in,
                               .n_params = n->op->n_fields,
                               .n_out = n->n_out == n->op->n_out ? 0 : n->n_out };

    put(w, SEC_edges, n->in, (uint64_t)n->n_in * sizeof *n->in);
    for (uint32_t i = 0; i < n->op->n_fields; i++)
        put(w, SEC_params, (const unsigned char *)n->params + n->op->fields[i].offset, 8);
    for (uint32_t i = 0; i < n->op->n_slots; i++) {
        if (!n->tensors[i].type)
            continue;
        struct mdl_file_tensor t = put_data(w, SEC_data, &n->tensors[i]);
        t.slot = text_at(w, n->op->slots[i].name);
        put(w, SEC_tensors, &t, sizeof t);
        f.n_tensors++;
    }
    put(w, SEC_nodes, &f, sizeof f);
}

static void put_ready(struct writer *w, const struct node *n, uint32_t node)
{
    for (uint32_t i = 0; n->ready && i < n->op->n_ready; i++) {
        if (!n->ready[i].type)
            continue;
        struct mdl_file_ready f = { .node = node,
                                    .tensor = put_data(w, SEC_ready_data, &n->ready[i]) };
        f.tensor.slot = text_at(w, n->op->ready[i].name);
        put(w, SEC_ready, &f, sizeof f);
    }
}

static void put_texts(struct writer *w)
{
    struct section *s = &w->s[SEC_strings];
    const struct texts *t = &w->texts;

    s->bytes = t->bytes + t->apart;
    for (uint32_t i = 0; w->file && i <= t->mask; i++)
        if (t->table[i])
            memcpy(w->file + s->offset + t->table[i] - 1, t->text[i], t->length[i]);
}

static void put_all(struct writer *w, const struct model_graph *m)
{
    const struct schema *s = &m->schema;

    for (int i = 0; i < N_SECTIONS; i++)
        w->s[i].bytes = 0;
    w->texts.apart = 0;
    for (uint32_t i = 0; i < s->n_inputs; i++)
        put_input(w, &s->inputs[i], &m->graph.values[i]);
    for (uint32_t i = 0; i < s->n_outputs; i++)
        put_output(w, &s->outputs[i]);
    for (uint32_t i = 0; i < m->graph.n_nodes; i++)
        put_node(w, &m->graph.nodes[i]);
    for (uint32_t i = 0; i < s->n_golden; i++) {
        const struct golden *g = &s->golden[i];
        const struct mdl_file_golden f = { .is_output = g->is_output, .index = g->index,
                                           .tensor = put_data(w, SEC_golden_data, &g->tensor) };
        put(w, SEC_golden, &f, sizeof f);
    }
    for (uint32_t i = 0; i < s->n_metadata; i++) {
        const struct mdl_file_pair f = { text_at(w, s->metadata[i].key),
                                         text_at(w, s->metadata[i].value) };
        put(w, SEC_metadata, &f, sizeof f);
    }
    for (uint32_t i = 0; i < m->graph.n_nodes; i++)
        put_ready(w, &m->graph.nodes[i], i);
    const struct importance *f = &s->importance;
    for (uint32_t i = 0; i < f->n_kinds; i++)
        put(w, SEC_importance, &(uint32_t){ text_at(w, f->kinds[i]) }, sizeof(uint32_t));
    put(w, SEC_importance_cols, f->columns, f->n_columns * sizeof *f->columns);
    put(w, SEC_importance_data, f->values,
        (uint64_t)f->n_kinds * f->n_columns * sizeof *f->values);
    put_texts(w);
}

mdl_status mdl_format_write(const struct model_graph *m, struct arena *a, const void **bytes,
                            size_t *size, mdl_error *err)
{
    struct writer w = { .file = NULL };
    const mdl_status s = texts_init(&w.texts, a, count_texts(m), err);

    if (s)
        return s;
    put_all(&w, m);
    const uint64_t total = mdl_sections_layout(w.s);
    if (w.s[SEC_strings].bytes > INT32_MAX || !total || total > SIZE_MAX / 2)
        return mdl_fail(err, MDL_ERR_LIMIT, "the model is too large for a file");
    w.file = mdl_arena_take(a, total, 1);
    if (!w.file)
        return mdl_arena_fail(a, err, "file image");
    put_all(&w, m);
    uint64_t required = 0;
    for (uint32_t i = 0; i < m->graph.n_nodes; i++)
        if (m->graph.nodes[i].op->features)
            required |= m->graph.nodes[i].op->features(&m->graph.nodes[i]);
    mdl_sections_write(w.file, total, required, w.s);
    *bytes = w.file;
    *size = (size_t)total;
    return MDL_OK;
}
