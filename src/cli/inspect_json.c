/*
 * cli/inspect_json.c - mdl inspect --format json
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/tensors.h"

static void pair_text(struct json *j, const char *key, const char *text)
{
    cli_json_key(j, key);
    cli_json_text(j, text);
}

static void pair_count(struct json *j, const char *key, uint64_t n)
{
    cli_json_key(j, key);
    cli_json_count(j, n);
}

static void dims(struct json *j, const mdl_tensor *t)
{
    cli_json_key(j, "dims");
    cli_json_open(j, '[');
    for (uint32_t i = 0; i < t->rank; i++)
        cli_json_count(j, (uint64_t)t->dims[i]);
    cli_json_close(j);
}

/* "shape": [-1, 4], "dim_names": ["batch", ""]; null where nothing is known. */
static void known_shape(struct json *j, const struct known_shape *shape)
{
    char text[24];

    cli_json_key(j, "shape");
    if (shape->rank == MDL_ANY_RANK) {
        cli_json_number(j, "nan");
        return;
    }
    cli_json_open(j, '[');
    for (uint32_t d = 0; d < shape->rank; d++) {
        snprintf(text, sizeof text, "%lld", (long long)shape->dims[d]);
        cli_json_number(j, text);
    }
    cli_json_close(j);
    cli_json_key(j, "dim_names");
    cli_json_open(j, '[');
    for (uint32_t d = 0; d < shape->rank; d++)
        cli_json_text(j, shape->names[d] ? shape->names[d] : "");
    cli_json_close(j);
}

static void input_tensor(struct json *j, const mdl_model *m, size_t i)
{
    mdl_input_info in = { .size = sizeof in };
    struct known_shape shape = { 0 };

    mdl_input(m, i, &in);
    shape.rank = in.rank <= MDL_MAX_RANK ? in.rank : MDL_ANY_RANK;
    for (uint32_t d = 0; d < shape.rank && shape.rank <= MDL_MAX_RANK; d++) {
        shape.dims[d] = in.dims[d];
        shape.names[d] = in.dims[d] < 0 ? cli_dim_name(m, in.name, d) : NULL;
    }
    cli_json_open_line(j, '{');
    pair_text(j, "name", in.name);
    pair_text(j, "type", mdl_type_name(in.type));
    known_shape(j, &shape);
    cli_json_close(j);
}

static void output_tensor(struct json *j, const mdl_model *m, size_t i)
{
    mdl_output_info o = { .size = sizeof o };
    struct known_shape shape;

    mdl_output(m, i, &o);
    cli_output_shape(m, i, &shape);
    cli_json_open_line(j, '{');
    pair_text(j, "name", o.name);
    pair_text(j, "type", mdl_type_name(o.type));
    known_shape(j, &shape);
    cli_json_close(j);
}

static void input(struct json *j, const mdl_model *m, size_t i)
{
    mdl_input_info in = { .size = sizeof in };

    mdl_input(m, i, &in);
    cli_json_open(j, '{');
    pair_text(j, "name", in.name);
    pair_text(j, "type", mdl_type_name(in.type));
    pair_text(j, "absent", in.absent_missing ? "missing" : "zero");
    cli_json_key(j, "columns");
    cli_json_open(j, '[');
    for (size_t k = 0; k < (size_t)in.dims[1]; k++) {
        mdl_column_info column = { .size = sizeof column };
        mdl_column(m, i, k, &column);
        cli_json_open_line(j, '{');
        pair_text(j, "name", column.name);
        pair_text(j, "kind", cli_kind_name(column.kind));
        if (column.n_categories) {
            cli_json_key(j, "categories");
            cli_json_open(j, '[');
            for (size_t n = 0; n < column.n_categories; n++)
                cli_json_text(j, mdl_category(m, i, k, n));
            cli_json_close(j);
        }
        cli_json_close(j);
    }
    cli_json_close(j);
    cli_json_close(j);
}

static void output(struct json *j, const mdl_model *m, size_t i)
{
    mdl_output_info o = { .size = sizeof o };

    mdl_output(m, i, &o);
    cli_json_open_line(j, '{');
    pair_text(j, "name", o.name);
    pair_text(j, "role", cli_role_name(o.role));
    pair_text(j, "type", mdl_type_name(o.type));
    pair_count(j, "columns", o.cols);
    cli_json_key(j, "labels");
    cli_json_open(j, '[');
    for (size_t k = 0; k < o.n_labels; k++)
        cli_json_text(j, mdl_label(m, i, k));
    cli_json_close(j);
    cli_json_close(j);
}

static void node(struct json *j, const mdl_model *m, size_t i)
{
    mdl_node_info n = { .size = sizeof n };
    const char *name;
    char text[96];

    mdl_node(m, i, &n);
    cli_json_open(j, '{');
    pair_text(j, "operator", n.op);
    pair_text(j, "name", n.name);
    pair_count(j, "bytes", n.bytes);
    cli_json_key(j, "parameters");
    cli_json_open_line(j, '{');
    for (size_t k = 0; k < n.n_params; k++) {
        mdl_node_param(m, i, k, &name, text, sizeof text);
        pair_text(j, name, text);
    }
    cli_json_close(j);
    cli_json_key(j, "weights");
    cli_json_open(j, '[');
    for (size_t k = 0; k < n.n_tensors; k++) {
        mdl_tensor t = { .size = sizeof t };
        mdl_node_tensor(m, i, k, &t);
        cli_json_open_line(j, '{');
        pair_text(j, "name", t.name);
        pair_text(j, "type", mdl_type_name(t.type));
        dims(j, &t);
        pair_count(j, "bytes", cli_tensor_bytes(&t));
        cli_json_close(j);
    }
    cli_json_close(j);
    cli_json_close(j);
}

static void golden(struct json *j, const mdl_model *m)
{
    cli_json_key(j, "golden");
    cli_json_open(j, '[');
    for (size_t i = 0; i < mdl_golden_count(m); i++) {
        mdl_tensor t = { .size = sizeof t };
        uint32_t is_output;
        mdl_golden(m, i, &t, &is_output);
        cli_json_open_line(j, '{');
        pair_text(j, "name", t.name);
        pair_text(j, "of", is_output ? "output" : "input");
        pair_text(j, "type", mdl_type_name(t.type));
        dims(j, &t);
        cli_json_close(j);
    }
    cli_json_close(j);
}

/* Estimated nanoseconds a row of each engine that can, and which is chosen. */
static void engines(struct json *j, const mdl_model *m)
{
    static const size_t rows[] = { 1, 16, 64, 256 };
    const char *name, *chosen = NULL;

    cli_json_key(j, "engines");
    cli_json_open(j, '[');
    for (size_t k = 0; k < 4 && mdl_engine_cost(m, NULL, rows[k], &chosen) > 0; k++) {
        cli_json_open_line(j, '{');
        pair_count(j, "rows", rows[k]);
        pair_text(j, "chosen", chosen);
        for (size_t i = 0; (name = mdl_engine_name(i)) != NULL; i++) {
            const double ns = mdl_engine_cost(m, name, rows[k], NULL);
            if (ns > 0)
                pair_count(j, name, (uint64_t)ns);
        }
        cli_json_close(j);
    }
    cli_json_close(j);
}

void cli_inspect_json(FILE *to, const mdl_model *m, const char *path)
{
    const struct cli_trees t = cli_count_trees(m);
    const int tensors = cli_is_tensors(m);
    struct json j;
    const char *key, *value;

    cli_json_start(&j, to);
    cli_json_open(&j, '{');
    pair_text(&j, "file", path);
    pair_count(&j, "bytes", mdl_file_bytes(m));
    pair_count(&j, "memory_bytes", mdl_memory_bytes(m));
    pair_count(&j, "ready_bytes", mdl_ready_bytes(m));
    const size_t scratch = tensors ? cli_run_bytes(m) : mdl_context_bytes(m, 64);
    const char *what = tensors ? "context_bytes" : "context_bytes_64_rows";
    if (scratch != SIZE_MAX)
        pair_count(&j, what, scratch);
    else
        cli_json_key(&j, what), cli_json_number(&j, "nan");
    pair_text(&j, "kernels", mdl_isa(m));
    cli_json_key(&j, "trees");
    cli_json_open_line(&j, '{');
    pair_count(&j, "trees", t.trees);
    pair_count(&j, "rounds", t.iterations);
    pair_count(&j, "nodes", t.nodes);
    pair_count(&j, "leaves", t.leaves);
    cli_json_close(&j);

    engines(&j, m);
    cli_json_key(&j, "inputs");
    cli_json_open(&j, '[');
    for (size_t i = 0; i < mdl_input_count(m); i++)
        (tensors ? input_tensor : input)(&j, m, i);
    cli_json_close(&j);
    cli_json_key(&j, "outputs");
    cli_json_open(&j, '[');
    for (size_t i = 0; i < mdl_output_count(m); i++)
        (tensors ? output_tensor : output)(&j, m, i);
    cli_json_close(&j);
    cli_json_key(&j, "nodes");
    cli_json_open(&j, '[');
    for (size_t i = 0; i < mdl_node_count(m); i++)
        node(&j, m, i);
    cli_json_close(&j);

    cli_json_key(&j, "metadata");
    cli_json_open(&j, '{');
    for (size_t i = 0; !mdl_metadata(m, i, &key, &value); i++)
        pair_text(&j, key, value);
    cli_json_close(&j);
    golden(&j, m);
    cli_json_close(&j);
    cli_json_end(&j);
}
