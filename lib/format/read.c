/*
 * format/read.c - bytes to model: every count, offset and text checked once
 *
 * Records are met in file order and each takes what belongs to it from the sections
 * behind (labels, edges, params, tensors) through a cursor; at the end every cursor
 * must stand at its section's end, so nothing is hidden and nothing is shared.
 *
 * SPDX-License-Identifier: MIT
 */
#include "format/format.h"
#include "format/reader.h"

/* ---- texts and labels -------------------------------------------------------------- */

/* Length of the UTF-8 sequence at p (at most n bytes), 0 if it is none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    const size_t length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3
                        : p[0] >> 3 == 30 ? 4 : 0;

    if (length <= 1)
        return length;
    if (length > n)
        return 0;
    uint32_t c = p[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    return c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : length;
}

static mdl_status check_strings(const struct intake *r)
{
    const struct section *s = &r->s[SEC_strings];

    if (!s->bytes || s->data[0] || s->data[s->bytes - 1])
        return file_bad(r, SEC_strings, 0, "texts must begin and end with a zero byte");
    for (uint64_t i = 0; i < s->bytes;) {
        const size_t length = utf8_length(s->data + i, (size_t)(s->bytes - i));
        if (!length)
            return file_bad(r, SEC_strings, i, "a text is not UTF-8");
        i += length;
    }
    return MDL_OK;
}

/* Many may refer to one long text, and whoever copies or compares them all has work out of proportion:
 * no file needs 256 bytes for each offset of four. */
#define TEXT_BYTES 64u

const char *mdl_read_text(struct intake *r, uint32_t at)
{
    const struct section *s = &r->s[SEC_strings];

    if (at >= s->bytes || (at && s->data[at - 1]))
        return NULL;
    const char *text = (const char *)s->data + at;
    if (r->texts <= r->most_texts)
        r->texts += strlen(text);
    return text;
}

static mdl_status read_labels(struct intake *r, struct labels *l, uint32_t type, uint32_t count,
                              int section)
{
    const int typed = type == MDL_STRING || type == MDL_I64 || type == MDL_F64 || type == MDL_BOOL;

    if (count > r->s[SEC_labels].count - r->next[SEC_labels])
        return file_bad_last(r, section, "more labels than the section labels holds");
    if (count ? !typed : type != 0)
        return file_bad_last(r, section, "unknown type of labels");
    const char **text = mdl_arena_take(r->a, count, sizeof *text);
    if (!text)
        return mdl_arena_fail(r->a, r->err, "labels");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 0;
        next_record(r, SEC_labels, &at);
        text[i] = mdl_read_text(r, at);
        if (!text[i])
            return file_bad_last(r, SEC_labels, "no text begins at this offset");
    }
    *l = (struct labels){ type, count, text };
    return MDL_OK;
}

/* ---- inputs and outputs --------------------------------------------------------------- */

static mdl_status read_columns(struct intake *r, struct input *in, uint32_t count)
{
    in->columns = mdl_arena_take(r->a, count, sizeof *in->columns);
    if (!in->columns)
        return mdl_arena_fail(r->a, r->err, "columns");
    for (uint32_t i = 0; i < count; i++) {
        struct column *c = &in->columns[i];
        struct mdl_file_column f;

        if (!next_record(r, SEC_columns, &f))
            return file_bad(r, SEC_columns, r->next[SEC_columns],
                            "there are fewer columns than inputs say");
        c->name = mdl_read_text(r, f.name);
        c->kind = f.kind;
        if (!c->name || f.kind > MDL_COLUMN_HASH || !words_zero(f.reserved, 4))
            return file_bad_last(r, SEC_columns,
                                 "a column with a wrong name, kind or reserved word");
        const mdl_status s = read_labels(r, &c->categories, f.category_type, f.n_categories,
                                         SEC_columns);
        if (s)
            return s;
    }
    return MDL_OK;
}

/* An input that is not a table. */
static mdl_status read_tensor_input(const struct intake *r, const struct mdl_file_input *f,
                                    struct value *v)
{
    const uint32_t rank = f->rank == VALUE_ANY_RANK ? 0 : f->rank;

    if (!f->type || !strcmp(mdl_type_name(f->type), "?"))
        return mdl_fail_at(r->err, MDL_ERR_VERSION, "inputs", record_at(r, SEC_inputs),
                           "an input of type %u, which is unknown to this libmodel; update libmodel",
                           f->type);
    if (rank > MDL_MAX_RANK || f->n_columns)
        return file_bad_last(r, SEC_inputs, "a tensor with a wrong rank, or with columns");
    *v = (struct value){ .type = f->type, .rank = f->rank };
    for (uint32_t i = 0; i < MDL_MAX_RANK; i++) {
        if (i < rank ? f->dims[i] < -1 : f->dims[i] != 0)
            return file_bad_last(r, SEC_inputs, "a wrong dimension");
        v->dims[i] = f->dims[i];
    }
    return MDL_OK;
}

static mdl_status read_input(struct intake *r, struct input *in, struct value *v)
{
    struct mdl_file_input f;

    next_record(r, SEC_inputs, &f);
    in->name = mdl_read_text(r, f.name);
    in->absent = f.absent;
    if (!in->name || f.absent > 1 || !words_zero(f.reserved, 3))
        return file_bad_last(r, SEC_inputs,
                             "an input with a wrong name, sparse rule or reserved word");
    if (f.rank != 2 || (f.type != MDL_F32 && f.type != MDL_F64) || f.dims[0] != -1
        || f.dims[1] < 1)
        return read_tensor_input(r, &f, v);
    for (int i = 2; i < MDL_MAX_RANK; i++)
        if (f.dims[i])
            return file_bad_last(r, SEC_inputs, "a dimension beyond the rank is not 0");
    if ((uint64_t)f.dims[1] > r->limits->columns)
        return mdl_fail_at(r->err, MDL_ERR_LIMIT, "inputs", record_at(r, SEC_inputs),
                           "%lld columns, expected 1 to %llu (mdl_limits.columns)",
                           (long long)f.dims[1], (unsigned long long)r->limits->columns);
    value_table(v, f.type, (uint64_t)f.dims[1]);
    if (!f.n_columns)
        return MDL_OK;
    if (f.n_columns != (uint64_t)f.dims[1])
        return file_bad_last(r, SEC_inputs, "columns are described, but not all of them");
    return read_columns(r, in, f.n_columns);
}

static mdl_status read_output(struct intake *r, struct output *o)
{
    struct mdl_file_output f;

    next_record(r, SEC_outputs, &f);
    o->name = mdl_read_text(r, f.name);
    o->role = f.role;
    o->value = f.value;
    if (!o->name || !f.role || (f.role > MDL_OUTPUT_CONTRIB && f.role != MDL_OUTPUT_OTHER)
        || !words_zero(f.reserved, 3))
        return file_bad_last(r, SEC_outputs,
                             "an output with a wrong name, role or reserved word");
    if (f.value >= r->m->graph.n_values)
        return file_bad_last(r, SEC_outputs, "an output of a value that does not exist");
    return read_labels(r, &o->labels, f.label_type, f.n_labels, SEC_outputs);
}

/* ---- nodes ------------------------------------------------------------------------------ */

/* The bytes of a tensor lie right behind those of the one before, at a multiple of 64. */
static mdl_status place_tensor(struct intake *r, struct tensor *t, const struct mdl_file_tensor *f,
                               int records, int data_section)
{
    const struct section *data = &r->s[data_section];
    const uint64_t end = r->next[data_section];
    const uint64_t at = (end + MDL_FILE_ALIGN - 1) / MDL_FILE_ALIGN * MDL_FILE_ALIGN;

    t->offset = data->offset + f->at;
    if (!f->bytes) {
        t->data = (const unsigned char *)"\0\0\0\0\0\0\0";
        return f->at ? file_bad_last(r, records, "an empty tensor has a place") : MDL_OK;
    }
    if (f->at != at || at > data->bytes || f->bytes > data->bytes - at)
        return file_bad_last(r, records, "a tensor that does not lie where it must");
    for (uint64_t i = end; i < at; i++)
        if (data->data[i])
            return file_bad(r, data_section, i, "the bytes between two tensors are not 0");
    t->data = data->data + at;
    r->next[data_section] = at + f->bytes;
    return MDL_OK;
}

mdl_status mdl_read_tensor(struct intake *r, struct tensor *t, const struct mdl_file_tensor *f,
                           int records, int data_section)
{
    uint64_t bytes = mdl_type_bytes(f->type);

    if (!bytes || f->rank > MDL_MAX_RANK || f->reserved)
        return file_bad_last(r, records, "a tensor with a wrong type, rank or reserved word");
    *t = (struct tensor){ .type = f->type, .rank = f->rank, .count = 1 };
    for (uint32_t i = 0; i < MDL_MAX_RANK; i++) {
        if (i >= f->rank ? f->dims[i] != 0 : f->dims[i] < 0)
            return file_bad_last(r, records, "a wrong dimension");
        t->dims[i] = f->dims[i];
        if (i < f->rank && !size_mul(t->count, (uint64_t)f->dims[i], &t->count))
            return file_bad_last(r, records, "the dimensions overflow");
    }
    if (!size_mul(t->count, bytes, &bytes) || bytes != f->bytes)
        return file_bad_last(r, records, "bytes do not fit type and dimensions");
    return place_tensor(r, t, f, records, data_section);
}

static mdl_status read_node_tensors(struct intake *r, struct node *n, uint32_t count)
{
    n->tensors = mdl_arena_take(r->a, n->op->n_slots, sizeof *n->tensors);
    if (!n->tensors)
        return mdl_arena_fail(r->a, r->err, "tensors");
    for (uint32_t i = 0; i < count; i++) {
        struct mdl_file_tensor f;
        struct tensor t;
        uint32_t slot = 0;

        if (!next_record(r, SEC_tensors, &f))
            return file_bad(r, SEC_tensors, r->next[SEC_tensors],
                            "there are fewer tensors than nodes say");
        const char *name = mdl_read_text(r, f.slot);
        if (!name)
            return file_bad_last(r, SEC_tensors, "no text begins at this offset");
        const mdl_status s = mdl_read_tensor(r, &t, &f, SEC_tensors, SEC_data);
        if (s)
            return s;
        while (slot < n->op->n_slots && strcmp(n->op->slots[slot].name, name) != 0)
            slot++;
        if (slot == n->op->n_slots)
            return mdl_fail_at(r->err, MDL_ERR_VERSION, "tensors", record_at(r, SEC_tensors),
                               "operator %s has no weights of this name; update libmodel",
                               n->op->name);
        if (n->tensors[slot].type)
            return file_bad_last(r, SEC_tensors, "the same weights twice");
        if (!(n->op->slots[slot].types & TYPE_BIT(t.type))
            || (n->op->slots[slot].rank != VALUE_ANY_RANK && t.rank != n->op->slots[slot].rank))
            return mdl_fail_at(r->err, MDL_ERR_FORMAT, "tensors", record_at(r, SEC_tensors),
                               "'%s' has type %s and rank %u, not what %s takes",
                               n->op->slots[slot].name, mdl_type_name(t.type), t.rank, n->op->name);
        n->tensors[slot] = t;
    }
    for (uint32_t slot = 0; slot < n->op->n_slots; slot++)
        if (n->op->slots[slot].required && !n->tensors[slot].type)
            return mdl_fail_at(r->err, MDL_ERR_FORMAT, "nodes", n->offset,
                               "operator %s has no '%s'", n->op->name, n->op->slots[slot].name);
    return MDL_OK;
}

/* The words of a node into its struct; fields the writer did not know have defaults,
 * words this reader does not know must be 0. */
static mdl_status read_params(struct intake *r, struct node *n, uint32_t count)
{
    unsigned char *params = mdl_arena_take(r->a, 1, n->op->params_bytes);

    if (!params)
        return mdl_arena_fail(r->a, r->err, "parameters");
    n->params = params;
    for (uint32_t i = 0; i < n->op->n_fields || i < count; i++) {
        const struct field *f = i < n->op->n_fields ? &n->op->fields[i] : NULL;
        int64_t word = 0;

        if (i < count && !next_record(r, SEC_params, &word))
            return file_bad(r, SEC_params, r->next[SEC_params],
                            "there are fewer words than nodes say");
        if (!f && word)
            return mdl_fail_at(r->err, MDL_ERR_VERSION, "params", record_at(r, SEC_params),
                               "operator %s has a parameter that this libmodel does not know; "
                               "update libmodel", n->op->name);
        if (!f)
            continue;
        if (i >= count && f->kind == FIELD_FLOAT)
            memcpy(&word, &f->fallback, sizeof word);
        else if (i >= count)
            word = (int64_t)f->fallback;
        int64_t n_choices = 0;
        while (f->choices && f->choices[n_choices])
            n_choices++;
        if (f->kind == FIELD_CHOICE && (word < 0 || word >= n_choices))
            return mdl_fail_at(r->err, MDL_ERR_VERSION, "params", record_at(r, SEC_params),
                               "operator %s has no %s number %lld; update libmodel", n->op->name,
                               f->name, (long long)word);
        memcpy(params + f->offset, &word, sizeof word);
    }
    return MDL_OK;
}

static mdl_status read_node(struct intake *r, struct node *n, uint32_t *first_value)
{
    struct mdl_file_node f;

    next_record(r, SEC_nodes, &f);
    n->offset = record_at(r, SEC_nodes);
    n->op = mdl_op_by_code(f.op);
    if (!n->op || f.version != 1)
        return mdl_fail_at(r->err, MDL_ERR_VERSION, "nodes", n->offset,
                           "operator %u version %u is unknown to this libmodel; update libmodel",
                           f.op, f.version);
    n->name = mdl_read_text(r, f.name);
    if (!n->name || !words_zero(f.reserved, 9))
        return file_bad_last(r, SEC_nodes, "a node with a wrong name or reserved word");
    if (f.n_in < n->op->min_in || f.n_in > n->op->max_in)
        return mdl_fail_at(r->err, MDL_ERR_FORMAT, "nodes", n->offset,
                           "operator %s with %u inputs, expected %u to %u", n->op->name, f.n_in,
                           n->op->min_in, n->op->max_in);
    n->n_in = f.n_in;
    n->n_out = f.n_out ? f.n_out : n->op->n_out;
    if (n->n_out < n->op->n_out || n->n_out > op_max_out(n->op))
        return mdl_fail_at(r->err, MDL_ERR_FORMAT, "nodes", n->offset,
                           "operator %s with %u results, expected %u to %u", n->op->name, n->n_out,
                           n->op->n_out, op_max_out(n->op));
    if (f.n_in > r->s[SEC_edges].count - r->next[SEC_edges])
        return file_bad_last(r, SEC_nodes, "there are fewer edges than nodes say");

    uint32_t *edges = mdl_arena_take(r->a, (uint64_t)n->n_in + n->n_out, sizeof *edges);
    if (!edges)
        return mdl_arena_fail(r->a, r->err, "edges");
    for (uint32_t i = 0; i < n->n_in; i++) {
        next_record(r, SEC_edges, &edges[i]);
        if (edges[i] >= *first_value
            && !(edges[i] == VALUE_NONE && op_is_tensor(n->op) && i >= n->op->min_in))
            return file_bad_last(r, SEC_edges, "a node reads a value that is made later");
    }
    for (uint32_t i = 0; i < n->n_out; i++)
        edges[n->n_in + i] = (*first_value)++;
    n->in = edges;
    n->out = edges + n->n_in;
    const mdl_status s = read_params(r, n, f.n_params);
    return s ? s : read_node_tensors(r, n, f.n_tensors);
}

/* ---- the whole -------------------------------------------------------------------------------- */

static mdl_status allocate(struct intake *r, uint64_t file_bytes)
{
    struct graph *g = &r->m->graph;
    struct schema *s = &r->m->schema;
    uint64_t values = r->s[SEC_inputs].count;

    for (int i = 0; i < N_SECTIONS; i++)
        if (r->s[i].count > UINT32_MAX / 4 && i != SEC_data && i != SEC_golden_data
            && i != SEC_ready_data)
            return file_bad(r, i, 0, "too many records");
    if (!r->s[SEC_inputs].count && !r->s[SEC_nodes].count)
        return mdl_fail_at(r->err, MDL_ERR_FORMAT, "inputs", MDL_NO_OFFSET,
                           "a model without inputs and nodes");
    if (!r->s[SEC_outputs].count)
        return mdl_fail_at(r->err, MDL_ERR_FORMAT, "outputs", MDL_NO_OFFSET, "a model without outputs");
    for (uint64_t i = 0; i < r->s[SEC_nodes].count; i++) {
        struct mdl_file_node f;
        memcpy(&f, r->s[SEC_nodes].data + i * sizeof f, sizeof f);
        const struct op *op = mdl_op_by_code(f.op);
        values += f.n_out || !op ? f.n_out : op->n_out;
    }
    if (values > UINT32_MAX / 4 || values > file_bytes)   /* none takes less than a byte */
        return file_bad(r, SEC_nodes, 0, "too many values");

    g->n_values = (uint32_t)values;
    g->n_nodes = (uint32_t)r->s[SEC_nodes].count;
    s->n_inputs = (uint32_t)r->s[SEC_inputs].count;
    s->n_outputs = (uint32_t)r->s[SEC_outputs].count;
    s->n_metadata = (uint32_t)r->s[SEC_metadata].count;
    s->n_golden = (uint32_t)r->s[SEC_golden].count;
    g->values = mdl_arena_take(r->a, g->n_values, sizeof *g->values);
    g->nodes = mdl_arena_take(r->a, g->n_nodes, sizeof *g->nodes);
    s->inputs = mdl_arena_take(r->a, s->n_inputs, sizeof *s->inputs);
    s->outputs = mdl_arena_take(r->a, s->n_outputs, sizeof *s->outputs);
    s->metadata = mdl_arena_take(r->a, s->n_metadata, sizeof *s->metadata);
    s->golden = mdl_arena_take(r->a, s->n_golden, sizeof *s->golden);
    if (!g->values || !g->nodes || !s->inputs || !s->outputs || !s->metadata || !s->golden)
        return mdl_arena_fail(r->a, r->err, "model tables");
    return MDL_OK;
}

static mdl_status read_all(struct intake *r)
{
    struct graph *g = &r->m->graph;
    struct schema *schema = &r->m->schema;
    uint32_t value = schema->n_inputs;
    mdl_status s = check_strings(r);

    for (uint32_t i = 0; !s && i < schema->n_inputs; i++)
        s = read_input(r, &schema->inputs[i], &g->values[i]);
    for (uint32_t i = 0; !s && i < schema->n_outputs; i++)
        s = read_output(r, &schema->outputs[i]);
    for (uint32_t i = 0; !s && i < g->n_nodes; i++)
        s = read_node(r, &g->nodes[i], &value);
    if (!s) s = mdl_read_extras(r);
    return s || r->texts <= r->most_texts ? s
         : file_bad(r, SEC_strings, 0, "long texts that far too many records refer to");
}

mdl_status mdl_format_read(struct model_graph *m, struct arena *a, const void *file, size_t size,
                           const mdl_limits *limits, unsigned cpu, mdl_error *err)
{
    struct intake r = { .a = a, .m = m, .limits = limits, .err = err,
                        .most_texts = (1u << 20) + TEXT_BYTES * (uint64_t)size };
    mdl_status s = mdl_sections_read(r.s, file, size, cpu, err);

    if (!s) s = allocate(&r, size);
    if (!s) s = read_all(&r);
    if (s)
        return s;
    r.next[SEC_strings] = r.s[SEC_strings].count;
    for (int i = 0; i < N_SECTIONS; i++)
        if (r.next[i] != r.s[i].count)
            return file_bad(&r, i, r.next[i], "records that nothing refers to");
    return MDL_OK;
}
