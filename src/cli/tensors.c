/*
 * cli/tensors.c - shapes of inputs and outputs of networks; see tensors.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/tensors.h"

#include <string.h>

const char *cli_dim_name(const mdl_model *model, const char *input, uint32_t d)
{
    char key[300];

    snprintf(key, sizeof key, "dim.%u.%s", (unsigned)d, input);
    const char *name = mdl_metadata_get(model, key);
    return name && *name ? name : NULL;
}

/* The symbol of this name, a new one if there is none; -1 when there are too many. */
static int symbol_of(struct symbols *s, const char *name)
{
    for (size_t i = 0; name && i < s->n; i++)
        if (s->names[i] && !strcmp(s->names[i], name))
            return (int)i;
    if (s->n == MOST_SYMBOLS)
        return -1;
    s->names[s->n] = name;
    s->values[s->n] = 1;
    return (int)s->n++;
}

void cli_symbols(const mdl_model *model, struct symbols *s)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < mdl_input_count(model) && i < MOST_TENSORS; i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(model, i, &in);
        s->is_any_rank |= in.rank == MDL_ANY_RANK;
        for (uint32_t d = 0; d < MDL_MAX_RANK; d++)
            s->of[i][d] = -1;
        for (uint32_t d = 0; in.rank <= MDL_MAX_RANK && d < in.rank; d++)
            s->of[i][d] = in.dims[d] < 0 ? symbol_of(s, cli_dim_name(model, in.name, d)) : -1;
    }
}

void cli_symbol_inputs(const mdl_model *model, const struct symbols *s,
                       mdl_tensor inputs[MOST_TENSORS])
{
    for (size_t i = 0; i < mdl_input_count(model) && i < MOST_TENSORS; i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(model, i, &in);
        inputs[i] = (mdl_tensor){ .size = sizeof *inputs, .type = in.type, .name = in.name,
                                  .rank = in.rank <= MDL_MAX_RANK ? in.rank : 0 };
        for (uint32_t d = 0; d < inputs[i].rank; d++)
            inputs[i].dims[d] = s->of[i][d] < 0 ? in.dims[d] : s->values[s->of[i][d]];
    }
}

/* ---- as text ----------------------------------------------------------------------- */

const char *cli_known_shape_text(const struct known_shape *shape, char *out, size_t room)
{
    char safe[48];
    size_t used = (size_t)snprintf(out, room, "[");

    if (shape->rank == MDL_ANY_RANK) {
        snprintf(out, room, "of any shape");
        return out;
    }
    for (uint32_t d = 0; d < shape->rank && used < room; d++) {
        const char *name = shape->names[d];
        const char *comma = d ? ", " : "";
        if (shape->dims[d] >= 0)
            used += (size_t)snprintf(out + used, room - used, "%s%lld", comma,
                                     (long long)shape->dims[d]);
        else
            used += (size_t)snprintf(out + used, room - used, "%s%s", comma, name
                                     ? mdl_safe_text(safe, sizeof safe, name, strlen(name))
                                     : "any");
    }
    if (used < room)
        snprintf(out + used, room - used, "]");
    return out;
}

const char *cli_input_shape(const mdl_model *model, size_t input, char *out, size_t room)
{
    mdl_input_info in = { .size = sizeof in };
    struct known_shape shape = { 0 };

    mdl_input(model, input, &in);
    shape.rank = in.rank <= MDL_MAX_RANK ? in.rank : MDL_ANY_RANK;
    for (uint32_t d = 0; shape.rank != MDL_ANY_RANK && d < shape.rank; d++) {
        shape.dims[d] = in.dims[d];
        shape.names[d] = in.dims[d] < 0 ? cli_dim_name(model, in.name, d) : NULL;
    }
    return cli_known_shape_text(&shape, out, room);
}

/* ---- shapes of outputs ------------------------------------------------------------- */

/* The shape of an output when the symbols have these values; 0 when it cannot be told. */
static int ask(const mdl_model *model, const struct symbols *s, size_t output, mdl_tensor *result)
{
    mdl_tensor inputs[MOST_TENSORS];
    mdl_output_info o = { .size = sizeof o };

    mdl_output(model, output, &o);
    cli_symbol_inputs(model, s, inputs);
    *result = (mdl_tensor){ .size = sizeof *result, .name = o.name };
    return mdl_run_shapes(model, inputs, mdl_input_count(model), result, 1, NULL, NULL) == MDL_OK;
}

/* Two runs in which every symbol has two values that no other has: a dimension that does not
 * change is fixed, one that follows a symbol has its name, any other is open. */
static int probe(const mdl_model *model, struct symbols *s, size_t output, int64_t step,
                 struct known_shape *shape)
{
    static const int64_t primes[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23 };
    int64_t first[MOST_SYMBOLS];
    mdl_tensor a, b;

    if (s->n > 8)
        return 0;
    for (size_t i = 0; i < s->n; i++)
        first[i] = s->values[i] = step * primes[i];
    if (!ask(model, s, output, &a))
        return 0;
    for (size_t i = 0; i < s->n; i++)
        s->values[i] = step * primes[i + 1];
    if (!ask(model, s, output, &b) || a.rank != b.rank)
        return 0;
    *shape = (struct known_shape){ .rank = a.rank };
    for (uint32_t d = 0; d < a.rank; d++) {
        shape->dims[d] = a.dims[d] == b.dims[d] ? a.dims[d] : -1;
        for (size_t i = 0; shape->dims[d] < 0 && i < s->n; i++)
            if (a.dims[d] == first[i] && b.dims[d] == s->values[i])
                shape->names[d] = s->names[i];
    }
    return 1;
}

void cli_output_shape(const mdl_model *model, size_t output, struct known_shape *shape)
{
    struct symbols s;

    *shape = (struct known_shape){ .rank = MDL_ANY_RANK };
    cli_symbols(model, &s);
    if (s.is_any_rank || mdl_input_count(model) > MOST_TENSORS)
        return;
    /* small sizes first; networks that halve a picture some times want more */
    if (!probe(model, &s, output, 1, shape) && !probe(model, &s, output, 32, shape))
        *shape = (struct known_shape){ .rank = MDL_ANY_RANK };
}
