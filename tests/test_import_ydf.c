/*
 * tests/test_import_ydf.c - models of YDF: one by hand, every cut, broken fields, folders
 *
 * That whole models give the bits of YDF's own engines is shown by tests/python/test_ydf.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "imported.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- messages -------------------------------------------------------------------------------- */

static void put_varint(struct made *m, uint64_t v)
{
    for (; v > 0x7F; v >>= 7)
        put_bytes(m, &(unsigned char){ (unsigned char)(v | 0x80) }, 1);
    put_bytes(m, &(unsigned char){ (unsigned char)v }, 1);
}

/* Fields; a name marks where the value begins. */
static void put_int(struct made *m, uint32_t field, const char *name, uint64_t v)
{
    put_varint(m, field << 3);
    if (name)
        mark(m, name, m->size);
    put_varint(m, v);
}

static void put_float(struct made *m, uint32_t field, const char *name, float v)
{
    put_varint(m, field << 3 | 5);
    if (name)
        mark(m, name, m->size);
    put_bytes(m, &v, sizeof v);
}

static void put_double(struct made *m, uint32_t field, double v)
{
    put_varint(m, field << 3 | 1);
    put_bytes(m, &v, sizeof v);
}

static void put_text(struct made *m, uint32_t field, const char *name, const char *text)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, strlen(text));
    if (name)
        mark(m, name, m->size);
    put_bytes(m, text, strlen(text));
}

static void put_marked(struct made *m, const struct made *inner)
{
    for (unsigned i = 0; i < inner->n_marks; i++)
        mark(m, inner->marks[i].name, m->size + inner->marks[i].at);
    put_bytes(m, inner->bytes, inner->size);
}

static void put_message(struct made *m, uint32_t field, const struct made *inner)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, inner->size);
    put_marked(m, inner);
}

static void put_blob(struct made *m, const struct made *inner)
{
    put_bytes(m, &(uint32_t){ (uint32_t)inner->size }, 4);
    put_marked(m, inner);
}

#define EMPTY { .size = 0 }

/* ---- a model by hand ------------------------------------------------------------------------- */

/*
 * Boosted trees for a value, initial 0.25; columns: 0 y, 1 "a" number (mean 1), 2 "c" of x, y, z
 * (most often y), 3 "b" bool (mostly true), 4 "d" number with boundaries 1, 2, 4 (mean 1.5).
 * What is false comes first:
 *
 *     0   a >= 1.5 ?  no: c in {z}     no: 1   yes: 2
 *                     yes: b           no: 4   yes: 8
 *     1   d >= boundary 2 (is 2) ?     no: 16  yes: c in {OOD, y}   no: 32  yes: 64
 */
static void leaf(struct made *nodes, const char *name, float value)
{
    struct made regressor = EMPTY, node = EMPTY;

    put_float(&regressor, 1, name, value);
    put_message(&node, 2, &regressor);
    put_blob(nodes, &node);
}

static void split(struct made *nodes, const char *name, uint64_t column, int na, uint32_t kind,
                  const struct made *detail)
{
    struct made condition = EMPTY, all = EMPTY, node = EMPTY;

    put_message(&condition, kind, detail);
    put_int(&all, 1, NULL, (uint64_t)na);
    put_int(&all, 2, name, column);
    put_message(&all, 3, &condition);
    put_double(&all, 5, 10);
    put_double(&all, 8, 4);
    put_message(&node, 3, &all);
    put_blob(nodes, &node);
}

static void put_nodes(struct made *m)
{
    struct made higher = EMPTY, list = EMPTY, none = EMPTY, index = EMPTY, bitmap = EMPTY;

    put_float(&higher, 1, "threshold", 1.5f);
    put_text(&list, 1, "elements", "\3");
    put_int(&index, 1, "boundary", 2);
    put_text(&bitmap, 1, "bitmap", "\5");
    split(m, "a", 1, 0, 2, &higher);
    split(m, "c", 2, 0, 4, &list);
    leaf(m, "leaf", 1);
    leaf(m, NULL, 2);
    split(m, "b", 3, 1, 3, &none);
    leaf(m, NULL, 4);
    leaf(m, NULL, 8);
    split(m, "d", 4, 0, 6, &index);
    leaf(m, NULL, 16);
    split(m, "c2", 2, 1, 5, &bitmap);
    leaf(m, NULL, 32);
    leaf(m, "last", 64);
}

static void column(struct made *spec, uint64_t type, const char *name, uint32_t field,
                   const struct made *detail)
{
    struct made c = EMPTY;

    put_int(&c, 1, name, type);
    put_text(&c, 2, NULL, name);
    if (detail)
        put_message(&c, field, detail);
    put_message(spec, 1, &c);
}

static void item(struct made *categories, const char *text, uint64_t index)
{
    struct made value = EMPTY, entry = EMPTY;

    put_int(&value, 1, text, index);
    put_text(&entry, 1, NULL, text);
    put_message(&entry, 2, &value);
    put_message(categories, 7, &entry);
}

static void put_spec(struct made *m)
{
    struct made number = EMPTY, categories = EMPTY, boolean = EMPTY, cut = EMPTY, d = EMPTY;
    const float boundaries[] = { 1, 2, 4 };
    struct made mean = EMPTY;

    column(m, 1, "y", 5, NULL);
    put_double(&number, 1, 1);
    column(m, 1, "A", 5, &number);
    put_int(&categories, 1, "frequent", 2);
    put_int(&categories, 2, "categories", 4);
    item(&categories, "<OOD>", 0);
    item(&categories, "x", 1);
    item(&categories, "y", 2);
    item(&categories, "z", 3);
    column(m, 4, "C", 6, &categories);
    put_int(&boolean, 1, NULL, 7);
    put_int(&boolean, 2, NULL, 3);
    column(m, 7, "B", 9, &boolean);
    put_varint(&cut, 1 << 3 | 2);
    put_varint(&cut, sizeof boundaries);
    mark(&cut, "boundaries", cut.size);
    put_bytes(&cut, boundaries, sizeof boundaries);
    put_int(&d, 1, "D", 9);
    put_text(&d, 2, NULL, "D");
    put_double(&mean, 1, 1.5);
    put_message(&d, 5, &mean);
    put_message(&d, 8, &cut);
    put_message(m, 1, &d);
}

static void put_header(struct made *m)
{
    put_text(m, 1, "name", "GRADIENT_BOOSTED_TREES");
    put_int(m, 2, "task", 2);
    put_int(m, 3, "label", 0);
    put_text(m, 5, "inputs", "\1\2\3\4");
}

static void put_special(struct made *m, uint64_t shards)
{
    put_int(m, 1, "shards", shards);
    put_int(m, 2, "trees", 2);
    put_int(m, 3, "loss", 2);
    put_float(m, 4, "initial", 0.25f);
    put_int(m, 5, "per_round", 1);
    put_text(m, 7, "format", "BLOB_SEQUENCE");
}

static const unsigned char start[8] = { 'B', 'S', 1 };

static struct made by_hand(void)
{
    struct made header = EMPTY, special = EMPTY, own = EMPTY, all = EMPTY, spec = EMPTY,
                nodes = EMPTY, key = EMPTY, m = EMPTY;

    put_header(&header);
    put_special(&special, 1);
    put_message(&own, 1, &special);
    put_message(&all, 1, &header);
    put_message(&all, 1001, &own);
    put_spec(&spec);
    put_bytes(&nodes, start, sizeof start);
    mark(&nodes, "compression", 4);
    put_nodes(&nodes);
    put_bytes(&key, "YDF", 3);
    put_bytes(&m, start, sizeof start);
    put_blob(&m, &key);
    put_blob(&m, &all);
    put_blob(&m, &spec);
    put_blob(&m, &nodes);
    return m;
}

static const struct row { float x[4], y; } rows[] = {       /* a, c, b, d */
    { { 0, 1, 1, 0 }, 1 + 16 },              { { 0, 3, 1, 2 }, 2 + 32 },
    { { 1.5f, 0, 1, 2 }, 8 + 64 },           { { 1.4999999f, 0, 0, 1.9999999f }, 1 + 16 },
    { { 2, 2, 0, 4 }, 4 + 64 },              { { 2, 1, 0.25f, 3 }, 4 + 32 },
    { { NAN, NAN, NAN, NAN }, 1 + 16 },      { { 9, NAN, NAN, 9 }, 8 + 64 },
    { { INFINITY, 9, 1, INFINITY }, 8 + 64 },    /* a code beyond: out of dictionary */
    { { -INFINITY, 4, 1, -INFINITY }, 1 + 16 },
};

static void check_rows(const mdl_model *m)
{
    float y;

    assert_int_equal(mdl_input_cols(m), 4);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(mdl_predict(m, rows[i].x, 1, &y), MDL_OK);
        if (y != rows[i].y + 0.25f)
            fail_msg("row %u: %g", (unsigned)i, (double)y);
    }
}

static void a_model_written_by_hand_answers_as_by_hand(void **state)
{
    const struct made made = by_hand();
    mdl_model *m = imported(made.bytes, made.size, NULL);
    mdl_column_info info = { .size = sizeof info };
    double code = -1;
    (void)state;

    check_rows(m);
    assert_string_equal(mdl_metadata_get(m, "source"), "ydf");
    assert_string_equal(mdl_metadata_get(m, "objective"), "SQUARED_ERROR");
    assert_int_equal(mdl_column(m, 0, 1, &info), MDL_OK);
    assert_string_equal(info.name, "C");
    assert_int_equal(info.kind, MDL_COLUMN_CATEGORY);
    assert_int_equal(info.n_categories, 4);
    assert_int_equal(mdl_category_code(m, 0, 1, "z", &code), MDL_OK);
    assert_true(code == 3);
    assert_int_equal(mdl_category_code(m, 0, 1, "never seen", &code), MDL_OK);
    assert_true(code == 0);
    mdl_free(m);
}

/* ---- cut files ------------------------------------------------------------------------------- */

static void check_cuts(const unsigned char *file, size_t size, size_t step)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;

    o.from = "ydf";
    for (size_t n = 0; n < size; n += n + step < size ? step : 1) {
        unsigned char *cut = malloc(n + 1);  /* of its own, so that a sanitizer sees the end */
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = NULL;

        memcpy(cut, file, n);
        const mdl_status s = mdl_import_memory(&b, cut, n, &o, &err);
        if (s != MDL_ERR_FORMAT || b || err.offset > n || !strstr(err.text, "copy it or save it again"))
            fail_msg("cut at %u of %u: status %d, offset %llu, \"%s\"", (unsigned)n,
                     (unsigned)size, (int)s, (unsigned long long)err.offset, err.text);
        free(cut);
    }
}

static void every_cut_is_refused(void **state)
{
    const struct made made = by_hand();
    size_t size;
    unsigned char *file = read_file(data_path("ydf_0.16/forest_classes.ydf"), &size);
    (void)state;

    assert_non_null(file);
    check_cuts(made.bytes, made.size, 1);
    check_cuts(file, size, 7);
    free(file);
}

/* The lengths around a cut are made right again: only the messages within are short. */
static void cut_nodes_are_refused(void **state)
{
    static const char *const ends[] = { "last", "c2", "leaf", "boundary" };
    (void)state;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct made m = by_hand();
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = NULL;
        size_t nodes = 0, end = 0;
        for (unsigned k = 0; k < m.n_marks; k++) {
            nodes = strcmp(m.marks[k].name, "compression") ? nodes : m.marks[k].at - 8;
            end = strcmp(m.marks[k].name, ends[i]) ? end : m.marks[k].at;
        }
        memcpy(m.bytes + nodes, &(uint32_t){ (uint32_t)(end - nodes - 4) }, 4);
        assert_int_equal(mdl_import_memory(&b, m.bytes, end, NULL, &err), MDL_ERR_FORMAT);
        assert_null(b);
    }
}

/* ---- broken fields --------------------------------------------------------------------------- */

#define NOT MDL_ERR_UNSUPPORTED

static void a_broken_field_is_named(void **state)
{
    static const struct broken_field all[] = {
        { "name", 0, 1, 'X', "a model of kind 'XRADIENT_BOOSTED_TREES'", NOT },
        { "task", 0, 1, 3, "boosted trees of the task RANKING with the loss SQUARED", NOT },
        { "task", 0, 1, 100, "of the task unknown with the loss SQUARED_ERROR", NOT },
        { "task", 0, 1, 1, "the label is no column of categories", 0 },
        { "label", 0, 1, 1, "input feature 1 is no column, the label or given twice", 0 },
        { "inputs", 0, 1, 5, "input feature 5 is no column", 0 },
        { "inputs", 1, 1, 1, "input feature 1 is no column, the label or given twice", 0 },
        { "inputs", 1, 1, 0, "input feature 0 is no column, the label", 0 },
        { "inputs", 3, 1, 0x80, "the model has no list of input features", 0 },
        { "trees", 0, 1, 1, "bytes behind the last tree", 0 },
        { "trees", 0, 1, 3, "the file ends within the trees", 0 },
        { "trees", 0, 1, 0x80, "the header of the trees is broken", 0 },
        { "loss", 0, 1, 0, "with the loss unknown", NOT },
        { "loss", 0, 1, 11, "with the loss unknown", NOT },
        { "loss", 0, 1, 3, "with the loss MULTINOMIAL_LOG_LIKELIHOOD", NOT },
        { "initial", 0, 4, 0x7fc00000, "an initial prediction is no number", 0 },
        { "per_round", 0, 1, 2, "1 initial predictions and 2 trees, 2 a round, for 1 outputs", 0 },
        { "per_round", 0, 1, 0, "0 a round", 0 },
        { "compression", 0, 1, 1, "what is compressed there is damaged", 0 },
        { "compression", 0, 1, 2, "version 1, compression 2", NOT },
        { "A", 0, 1, 5, "column 'A' of type CATEGORICAL_SET", NOT },
        { "A", 0, 1, 10, "column 'A' of type HASH", NOT },
        { "A", 0, 1, 12, "a column without a type, or a name in UTF-8", 0 },
        { "A", 3, 1, 0xFF, "a column without a type, or a name in UTF-8", 0 },
        { "x", -4, 1, 0xFF, "a category without an index of its own, or a text", 0 },
        { "x", -4, 1, 0, "a category without an index of its own, or a text", 0 },
        { "A", 0, 1, 7, "its condition is not for such a column", 0 },
        { "C", 0, 1, 1, "its condition is not for such a column", 0 },
        { "frequent", 0, 1, 4, "the most frequent category is none", 0 },
        { "frequent", 0, 1, 3, "whose missing values go elsewhere", NOT },
        { "categories", 0, 1, 5, "categories without a text", 0 },
        { "categories", 0, 1, 3, "a category", 0 },
        { "categories", 0, 1, 0, "a number of categories", 0 },
        { "x", 0, 1, 2, "a category", 0 },
        { "x", 0, 1, 4, "a category", 0 },
        { "boundaries", 1, 4, 0x41000000, "boundaries that are not in order", 0 },
        { "boundaries", 1, 4, 0x7f800000, "boundaries that are not in order", 0 },
        { "boundaries", 0, 4, 0x7fc00000, "boundaries that are not in order", 0 },
        { "a", 0, 1, 5, "it asks for a column that is no input feature", 0 },
        { "a", 0, 1, 0, "it asks for a column that is no input feature", 0 },
        { "a", 0, 1, 4, "its condition is not for such a column", 0 },
        { "threshold", 0, 4, 0x7fc00000, "its threshold", 0 },
        { "elements", 0, 1, 4, "its categories are none of the column", 0 },
        { "elements", 0, 1, 0x80, "its categories are none of the column", 0 },
        { "boundary", 0, 1, 0, "its threshold is no boundary", 0 },
        { "boundary", 0, 1, 4, "its threshold is no boundary", 0 },
        { "bitmap", -1, 1, 0, "its bitmap is not one of all categories", 0 },
        { "leaf", -1, 1, 2 << 3 | 5, "a leaf does not say what the model needs", 0 },
    };
    struct made m = by_hand();
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse_field(by_hand(), NULL, &all[i]);
    assert_int_equal(mdl_import_memory(&b, m.bytes, m.size + 1, NULL, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "1 bytes behind the nodes"));
}

static void infinite_boundaries_have_a_middle_or_are_refused(void **state)
{
    const float inf = INFINITY, all[][3] = { { -inf, -inf, 1 }, { 1, inf, inf }, { -inf, inf, inf } };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct made m = by_hand();
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = NULL;

        memcpy(field(&m, "boundaries"), all[i], sizeof all[i]);
        assert_int_equal(mdl_import_memory(&b, m.bytes, m.size, NULL, &err),
                         i < 2 ? MDL_OK : MDL_ERR_FORMAT);
        mdl_builder_free(b);
    }
}

/* A chain of splits, each the child of the one before: no stack is asked for. */
static void a_tree_as_deep_as_its_file_is_long_is_read(void **state)
{
    enum { DEPTH = 100000 };
    struct made top = by_hand(), one = EMPTY, two = EMPTY, higher = EMPTY;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    size_t size = (size_t)(field(&top, "compression") - top.bytes) + 4;
    (void)state;

    put_float(&higher, 1, NULL, 1.5f);
    split(&one, "", 1, 0, 2, &higher);
    leaf(&two, NULL, 3);
    unsigned char *file = malloc(size + DEPTH * (one.size + two.size) + two.size);
    *field(&top, "trees") = 1;
    memcpy(file, top.bytes, size);
    for (int i = 0; i < 2 * DEPTH + 1; i++) {
        const struct made *node = i < DEPTH ? &one : &two;
        memcpy(file + size, node->bytes, node->size);
        size += node->size;
    }
    const size_t nodes = (size_t)(field(&top, "compression") - top.bytes) - 4;
    memcpy(file + nodes - 4, &(uint32_t){ (uint32_t)(size - nodes) }, 4);
    const mdl_status s = mdl_import_memory(&b, file, size, NULL, &err);
    if (s)
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    free(file);
}

/* The head of field `number` with `n` bytes in front of what `m` has. */
static void put_before(struct made *m, uint32_t number, size_t n)
{
    struct made head = EMPTY;

    put_varint(&head, number << 3 | 2);
    put_varint(&head, n);
    put_bytes(&head, m->bytes, m->size);
    *m = head;
}

static size_t append(unsigned char *to, size_t at, const void *from, size_t n)
{
    memcpy(to + at, from, n);
    return at + n;
}

/* Seconds to read 60,000 questions of a column of 300,000 boundaries, so far apart: walking through those
 * that are one number for each would take long. */
static double boundaries_of(float step)
{
    enum { BOUNDARIES = 300000, DEPTH = 60000, BYTES = 4 * BOUNDARIES + 60 * DEPTH + 4096 };
    struct made header = EMPTY, special = EMPTY, all = EMPTY, own = EMPTY, d = EMPTY, spec = EMPTY,
                cut = EMPTY, one = EMPTY, two = EMPTY, index = EMPTY, key = EMPTY, m = EMPTY;
    unsigned char *file = malloc(BYTES);
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    size_t size;

    put_text(&header, 1, NULL, "GRADIENT_BOOSTED_TREES");
    put_int(&header, 2, NULL, 2);
    put_int(&header, 3, NULL, 0);
    put_text(&header, 5, NULL, "\1");
    put_special(&special, 1);
    *field(&special, "trees") = 1;
    put_message(&own, 1, &special);
    put_message(&all, 1, &header);
    put_message(&all, 1001, &own);
    put_bytes(&key, "YDF", 3);
    put_bytes(&m, start, sizeof start);
    put_blob(&m, &key);
    put_blob(&m, &all);
    column(&spec, 1, "y", 5, NULL);
    put_int(&d, 1, NULL, 9);
    put_text(&d, 2, NULL, "D");
    put_before(&cut, 1, 4 * BOUNDARIES);           /* heads only: the boundaries come last */
    put_before(&cut, 8, cut.size + 4 * BOUNDARIES);
    put_bytes(&d, cut.bytes, cut.size);
    put_before(&d, 1, d.size + 4 * BOUNDARIES);
    put_bytes(&spec, d.bytes, d.size);
    put_bytes(&m, &(uint32_t){ (uint32_t)spec.size + 4 * BOUNDARIES }, 4);
    put_bytes(&m, spec.bytes, spec.size);
    put_int(&index, 1, NULL, BOUNDARIES);
    split(&one, "", 1, 0, 6, &index);
    leaf(&two, NULL, 3);

    size = append(file, 0, m.bytes, m.size);
    for (int i = 0; i < BOUNDARIES; i++)
        size = append(file, size, &(float){ 2 + step * (float)i }, 4);
    size = append(file, size, &(uint32_t){ (uint32_t)(sizeof start + DEPTH * (one.size + two.size)
                                                      + two.size) }, 4);
    size = append(file, size, start, sizeof start);
    for (int i = 0; i < DEPTH; i++)
        size = append(file, append(file, size, one.bytes, one.size), two.bytes, two.size);
    size = append(file, size, two.bytes, two.size);
    assert_true(size <= BYTES);
    const double began = seconds_now();
    if (mdl_import_memory(&b, file, size, NULL, &err))
        fail_msg("%s", err.text);
    const double seconds = seconds_now() - began;
    mdl_builder_free(b);
    free(file);
    return seconds;
}

static void boundaries_of_one_number_are_not_walked_through(void **state)
{
    (void)state;

    assert_in_time(boundaries_of(0), boundaries_of(1));
}

static void best_iteration_is_not_for_ydf(void **state)
{
    const struct made made = by_hand();
    (void)state;

    best_iteration_is_refused(made.bytes, made.size);
}

/* ---- folders --------------------------------------------------------------------------------- */

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[160];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const struct made *m)
{
    FILE *f = fopen(in_folder(name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(m->bytes, 1, m->size, f), m->size);
    fclose(f);
}

/* The model by hand, its nodes in two files. */
static void write_folder(void)
{
    struct made header = EMPTY, special = EMPTY, spec = EMPTY, nodes = EMPTY, shard = EMPTY;

    put_header(&header);
    put_special(&special, 2);
    put_spec(&spec);
    put_nodes(&nodes);
    size_t half = 0;
    for (int i = 0; i < 5; i++) {
        uint32_t n;
        memcpy(&n, nodes.bytes + half, 4);
        half += 4 + n;
    }
    write_file("header.pb", &header);
    write_file("gradient_boosted_trees_header.pb", &special);
    write_file("data_spec.pb", &spec);
    put_bytes(&shard, start, sizeof start);
    put_bytes(&shard, nodes.bytes, half);
    write_file("nodes-00000-of-00002", &shard);
    shard.size = sizeof start;
    put_bytes(&shard, nodes.bytes + half, nodes.size - half);
    write_file("nodes-00001-of-00002", &shard);
}

static mdl_status import_folder(const char *path, mdl_error *err)
{
    mdl_builder *b = NULL;
    const mdl_status s = mdl_import(&b, path, NULL, err);

    if (!s) {
        mdl_model *m = built(b);
        check_rows(m);
        mdl_free(m);
    }
    return s;
}

static void a_folder_is_read_as_the_stream_is(void **state)
{
    static const char *const names[] = { "header.pb", "gradient_boosted_trees_header.pb",
                                         "nodes-00001-of-00002", "nodes-00000-of-00002",
                                         "data_spec.pb" };
    struct made junk = EMPTY;
    char moved[160];
    (void)state;

    strcpy(folder, "/tmp/mdl_ydf_XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_folder();
    mdl_error err = MDL_ERROR_INIT;
    assert_int_equal(import_folder(folder, &err), MDL_OK);
    assert_int_equal(import_folder(in_folder("data_spec.pb"), &err), MDL_OK);

    strcpy(moved, in_folder("away"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {      /* each is needed */
        mdl_error gone = MDL_ERROR_INIT;
        assert_int_equal(rename(in_folder(names[i]), moved), 0);
        assert_int_equal(import_folder(folder, &gone), MDL_ERR_IO);
        assert_int_equal(rename(moved, in_folder(names[i])), 0);
    }
    put_bytes(&junk, "junk", 4);
    for (size_t i = 0; i < 4; i++) {                                 /* and read */
        mdl_error bad = MDL_ERROR_INIT;
        write_file(names[i], &junk);
        const mdl_status s = import_folder(folder, &bad);
        if (s != MDL_ERR_FORMAT && s != MDL_ERR_UNSUPPORTED)
            fail_msg("%s: status %d \"%s\"", names[i], (int)s, bad.text);
        write_folder();
    }
    struct made special = EMPTY;
    put_special(&special, 2);
    memcpy(field(&special, "format"), "TFE_RECORDIO ", 13);
    write_file(names[1], &special);
    assert_int_equal(import_folder(folder, &err), MDL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "nodes in the format 'TFE_RECORDIO '"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_written_by_hand_answers_as_by_hand),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(cut_nodes_are_refused),
        cmocka_unit_test(a_broken_field_is_named),
        cmocka_unit_test(infinite_boundaries_have_a_middle_or_are_refused),
        cmocka_unit_test(a_tree_as_deep_as_its_file_is_long_is_read),
        cmocka_unit_test(boundaries_of_one_number_are_not_walked_through),
        cmocka_unit_test(best_iteration_is_not_for_ydf),
        cmocka_unit_test(a_folder_is_read_as_the_stream_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
