/*
 * tests/test_tree_ready.c - tables that a file brings: used, refused, or harmless; and tables that a
 * memory limit forbids
 *
 * That they give the same bits is tested where engines are (test_tree_random.c, test_tree_planes.c,
 * test_tree_deep.c: every other file there has tables), against walks of those tests' own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "raw_file.h"

#include "kernel/deep.h"

#define COLS 6u
#define ROWS 300u

static uint64_t seed = 31;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

struct tree {
    uint32_t n;
    uint8_t flags[4096];
    int32_t left[4096], right[4096], feature[4096];
    double threshold[4096], value[4096];
};

static void grow(struct tree *t, uint32_t leaves)
{
    const uint32_t i = t->n++;

    t->left[i] = t->right[i] = t->feature[i] = -1;
    t->threshold[i] = 0;
    t->flags[i] = MDL_NODE_LEAF;
    t->value[i] = (double)below(1000) / 8;
    if (leaves == 1)
        return;
    const uint32_t mine = 1 + below(leaves - 1);
    t->flags[i] = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
    t->feature[i] = (int32_t)below(COLS);
    t->threshold[i] = (double)below(200);
    t->left[i] = (int32_t)t->n;
    grow(t, mine);
    t->right[i] = (int32_t)t->n;
    grow(t, leaves - mine);
}

/* Trees of so many leaves, as a builder; always the same ones. */
static mdl_builder *build(uint32_t trees, uint32_t leaves, uint32_t ready)
{
    static struct tree t;
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, COLS, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);

    seed = leaves;
    for (uint32_t k = 0; k < trees; k++) {
        t.n = 0;
        grow(&t, leaves);
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = t.n, .weight = 1, .iteration = k,
                                .flags = t.flags, .left = t.left, .right = t.right,
                                .feature = t.feature, .threshold = t.threshold, .value = t.value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    mdl_build_ready(b, ready);
    return b;
}

/* The shapes that have the different tables: tiles; tops; tops, exits and tiles; keys. */
static const struct shape { uint32_t trees, leaves; const char *tables; } shapes[] = {
    { 60, 12, "tiles 1,forks 1,planes 1" },
    { 60, 31, "tops 1,forks 1,planes 1" },
    { 60, 200, "tops 1,exits 1,tiles 1,forks 1,planes 1" },
    { 12, 700, "tops 1,exits 1,tiles 1,keys 1" },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* A table of a file, by name; all names that there are, by commas, in `all`. */
static void *table(unsigned char *file, const char *name, uint64_t *count, char *all)
{
    struct mdl_file_header h;
    const unsigned char *strings = NULL, *records = NULL;
    unsigned char *data = NULL;
    uint64_t n = 0;
    void *found = NULL;

    memcpy(&h, file, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++) {
        struct mdl_file_section e;
        memcpy(&e, file + sizeof h + i * sizeof e, sizeof e);
        if (e.type == 1)
            strings = file + e.offset;
        if (e.type == 0x80000004u) {
            records = file + e.offset;
            n = e.count;
        }
        if (e.type == 0x80000005u)
            data = file + e.offset;
    }
    for (uint64_t i = 0; i < n; i++) {
        struct mdl_file_ready r;
        memcpy(&r, records + i * sizeof r, sizeof r);
        const char *own = (const char *)strings + r.tensor.slot;
        if (all)
            sprintf(all + strlen(all), "%s%s", *all ? "," : "", own);
        if (!strcmp(own, name)) {
            found = data + r.tensor.at;
            *count = (uint64_t)r.tensor.dims[0];
        }
    }
    return found;
}

static mdl_status try_load(const unsigned char *file, size_t size, mdl_model **m, const char *engine,
                           const char *isa, mdl_error *err)
{
    const mdl_load_options o = { .size = sizeof o, .flags = MDL_LOAD_BORROW, .engine = engine,
                                 .isa = isa };

    *m = NULL;
    return mdl_load_memory(m, file, size, &o, err);
}

static mdl_model *load(const unsigned char *file, size_t size)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    if (try_load(file, size, &m, NULL, NULL, &err))
        fail_msg("%s", err.text);
    return m;
}

static void predict(const mdl_model *m, float *y, size_t rows)
{
    static float x[ROWS * COLS];

    for (uint32_t i = 0; i < ROWS * COLS; i++)
        x[i] = i % 17 ? (float)(i * 2654435761u % 2100) / 10 : __builtin_nanf("");
    assert_int_equal(mdl_predict(m, x, rows, y), MDL_OK);
}

static void files_have_the_tables_of_their_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        size_t size;
        uint64_t count;
        char all[200] = "";
        unsigned char *file = raw_built(build(shapes[i].trees, shapes[i].leaves, 1), &size);

        table(file, "", &count, all);
        assert_string_equal(all, shapes[i].tables);
        free(file);
    }
}

static void tables_take_the_place_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        size_t size, plain_size;
        unsigned char *file = raw_built(build(shapes[i].trees, shapes[i].leaves, 1), &size);
        unsigned char *plain = raw_built(build(shapes[i].trees, shapes[i].leaves, 0), &plain_size);
        mdl_model *m = load(file, size), *p = load(plain, plain_size);
        float y[ROWS], want[ROWS];

        assert_true(size > plain_size && mdl_ready_bytes(m) > (size - plain_size) * 9 / 10);
        assert_true(!mdl_ready_bytes(p) && !mdl_ready_bytes(NULL));
        assert_true(mdl_memory_bytes(m) < mdl_memory_bytes(p));
        for (size_t e = 0; mdl_engine_name(e); e++)
            for (size_t rows = 1; rows <= 256; rows *= 4)
                assert_true((mdl_engine_cost(m, mdl_engine_name(e), rows, NULL) > 0)
                            == (mdl_engine_cost(p, mdl_engine_name(e), rows, NULL) > 0));
        predict(p, want, ROWS);
        predict(m, y, ROWS);
        assert_memory_equal(y, want, sizeof y);
        mdl_free(m);
        mdl_free(p);
        free(file);
        free(plain);
    }
}

static void a_copy_of_a_loaded_model_has_tables_when_asked(void **state)
{
    mdl_error err = MDL_ERROR_INIT;
    size_t size, plain_size, again_size;
    unsigned char *file = raw_built(build(60, 200, 1), &size);
    unsigned char *plain = raw_built(build(60, 200, 0), &plain_size);
    mdl_model *m = load(file, size);
    (void)state;

    mdl_builder *b = mdl_builder_from_model(m, &err);
    unsigned char *again = raw_built(b, &again_size);
    assert_int_equal(again_size, plain_size);
    assert_memory_equal(again, plain, plain_size);
    free(again);
    b = mdl_builder_from_model(m, &err);
    assert_int_equal(mdl_build_ready(b, 1), MDL_OK);
    again = raw_built(b, &again_size);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, file, size);
    mdl_free(m);
    free(again);
    free(file);
    free(plain);
}

static void other_models_have_no_tables(void **state)
{
    size_t size, plain_size;
    mdl_builder *b = small_model(NULL);
    (void)state;

    mdl_build_ready(b, 1);
    unsigned char *file = raw_built(b, &size), *plain = small_file(&plain_size);
    assert_int_equal(size, plain_size);
    assert_memory_equal(file, plain, size);
    b = small_model(NULL);
    assert_int_equal(mdl_build_ready(b, 2), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_build_ready(NULL, 1), MDL_ERR_ARGUMENT);
    mdl_builder_free(b);
    free(file);
    free(plain);
}

/* "tiles 1" becomes "tiles 9": as from a libmodel that lays them out in another way. */
static void tables_of_another_layout_are_not_looked_at(void **state)
{
    size_t size;
    unsigned char *file = raw_built(build(60, 200, 1), &size);
    mdl_model *m = load(file, size);
    float y[ROWS], want[ROWS];
    (void)state;

    predict(m, want, ROWS);
    mdl_free(m);
    for (size_t i = 0; i + 8 < size; i++)
        if (!memcmp(file + i, "tiles 1", 8) || !memcmp(file + i, "tops 1\0", 7)
            || !memcmp(file + i, "planes 1", 9))
            file[i + strlen((const char *)file + i) - 1] = '9';
    raw_repair(file);
    m = load(file, size);
    assert_true(mdl_engine_cost(m, "row", 1, NULL) == 0);
    assert_true(mdl_engine_cost(m, "planes", 256, NULL) == 0);
    assert_true(mdl_engine_cost(m, "block", 256, NULL) > 0);
    predict(m, y, ROWS);
    assert_memory_equal(y, want, sizeof y);
    mdl_free(m);
    free(file);
}

/* From what the whole model takes down to what it cannot do without. */
static void engines_that_do_not_fit_the_limit_are_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        size_t size;
        unsigned char *file = raw_built(build(shapes[i].trees, shapes[i].leaves, 0), &size);
        mdl_model *whole = load(file, size), *m;
        float y[ROWS], want[ROWS];
        uint32_t loaded = 0, fewer = 0;
        mdl_status s = MDL_OK;

        predict(whole, want, ROWS);
        for (uint64_t limit = 2 * mdl_memory_bytes(whole); limit > 1000 && !s; limit -= limit / 16) {
            const mdl_limits l = { .size = sizeof l, .memory_bytes = limit };
            const mdl_load_options o = { .size = sizeof o, .flags = MDL_LOAD_BORROW, .limits = &l };
            mdl_error err = MDL_ERROR_INIT;
            s = mdl_load_memory(&m, file, size, &o, &err);
            if (s) {
                assert_int_equal(s, MDL_ERR_LIMIT);
                continue;
            }
            loaded++;
            assert_true(mdl_memory_bytes(m) <= limit);
            for (size_t e = 0; mdl_engine_name(e); e++)
                fewer += mdl_engine_cost(whole, mdl_engine_name(e), 256, NULL) > 0
                      && mdl_engine_cost(m, mdl_engine_name(e), 256, NULL) == 0;
            predict(m, y, ROWS);
            assert_memory_equal(y, want, sizeof y);
            predict(m, y, 1);
            assert_memory_equal(y, want, sizeof *y);
            mdl_free(m);
        }
        assert_true(s == MDL_ERR_LIMIT && loaded > 3 && fewer > 3);
        mdl_free(whole);
        free(file);
    }
}

/* ---- what would lead out of the ensemble -------------------------------------------------- */

static void refused(unsigned char *file, size_t size, const char *what)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    raw_repair(file);
    assert_int_equal(try_load(file, size, &m, NULL, NULL, &err), MDL_ERR_FORMAT);
    if (!strstr(err.text, what))
        fail_msg("%s, expected %s", err.text, what);
    assert_string_equal(err.section, "ready_data");
}

/* *word of a good file becomes `bad`, and is put back. */
#define REFUSED(file, size, word, bad, what) do { \
    unsigned char kept_[8]; \
    memcpy(kept_, &(word), sizeof(word)); \
    (word) = (bad); \
    refused(file, size, what); \
    memcpy(&(word), kept_, sizeof(word)); \
} while (0)

static void tiles_that_lead_out_or_round_are_refused(void **state)
{
    size_t size;
    uint64_t tiles, tops;
    unsigned char *file = raw_built(build(60, 200, 1), &size);
    struct tree_tile *tile = table(file, "tiles 1", &tiles, NULL);
    struct tree_exits *exits = table(file, "exits 1", &tops, NULL);
    struct tree_top *top = table(file, "tops 1", &tops, NULL);
    (void)state;

    assert_true(tiles > 100 && tops == 60);
    REFUSED(file, size, tile[5].exit[0], TOP_GOES_ON | 5, "piece");            /* itself */
    REFUSED(file, size, tile[5].exit[15], TOP_GOES_ON | (uint32_t)tiles, "piece");
    REFUSED(file, size, tile[tiles - 1].exit[1], 60 * 200, "piece");           /* no leaf */
    REFUSED(file, size, tile[7].column[3], 250, "piece");
    REFUSED(file, size, tile[7].rank[15], 1, "piece");
    REFUSED(file, size, tile[7].ancestors[15], 1, "piece");
    REFUSED(file, size, exits[9].exit[31], TOP_GOES_ON | (uint32_t)tiles, "out");
    REFUSED(file, size, exits[9].exit[0], 60 * 200, "out");
    REFUSED(file, size, top[9].column[31], 250, "top");
    REFUSED(file, size, top[9].ancestors[31], 2, "top");
    free(file);
}

/* The first exit that goes on. */
static uint32_t *going(uint32_t *exit)
{
    while (!(*exit & TOP_GOES_ON))
        exit++;
    return exit;
}

/* Else a row could go through all tiles in every tree. */
static void tiles_that_several_pieces_lead_to_are_refused(void **state)
{
    size_t size;
    uint64_t tiles, tops;
    unsigned char *file = raw_built(build(60, 200, 1), &size);
    struct tree_tile *tile = table(file, "tiles 1", &tiles, NULL);
    struct tree_exits *exits = table(file, "exits 1", &tops, NULL);
    uint32_t at = 0;
    (void)state;

    assert_true(tiles > 100 && tops == 60);
    REFUSED(file, size, *going(exits[9].exit), TOP_GOES_ON, "out");            /* of the first tree */
    REFUSED(file, size, *going(exits[9].exit), 0, "out");                      /* a tile without one */
    REFUSED(file, size, *going(exits[9].exit), TOP_GOES_ON | (uint32_t)(tiles - 1), "out");
    while (!((tile[at].exit[0] | tile[at].exit[1]) & TOP_GOES_ON))
        at++;
    REFUSED(file, size, *going(tile[at].exit), TOP_GOES_ON | (uint32_t)(tiles - 1), "piece");
    free(file);
}

/* Exits are leaves in order: of a tree that is not one, some row might find none. */
static void a_whole_top_that_is_no_tree_is_refused(void **state)
{
    size_t size;
    uint64_t tops;
    unsigned char *file = raw_built(build(60, 31, 1), &size);
    struct tree_top *top = table(file, "tops 1", &tops, NULL);
    (void)state;

    for (uint32_t e = 0; e < 31; e++)
        for (uint32_t bit = 0; bit < 32; bit++)
            REFUSED(file, size, top[3].ancestors[e], top[3].ancestors[e] ^ 1u << bit, "tops");
    free(file);
}

static void forks_and_planes_that_lead_out_are_refused(void **state)
{
    size_t size;
    uint64_t n;
    unsigned char *file = raw_built(build(60, 12, 1), &size);
    struct tree_fork *fork = table(file, "forks 1", &n, NULL);
    struct plane_fork *plane = table(file, "planes 1", &n, NULL);
    (void)state;

    assert_int_equal(n, 60 * 11);
    REFUSED(file, size, fork[0].move, 12, "forks");
    REFUSED(file, size, fork[0].left, 255, "forks");
    REFUSED(file, size, fork[n - 1].column, 500, "forks");
    REFUSED(file, size, plane[0].right, plane[0].left, "planes");
    REFUSED(file, size, plane[3].left, (uint16_t)(plane[3].left + 1), "planes");
    REFUSED(file, size, plane[3].left, 65532, "planes");
    REFUSED(file, size, plane[3].right, 65532, "planes");
    REFUSED(file, size, plane[3].condition, 65532, "planes");
    REFUSED(file, size, plane[3].condition, 0, "planes");
    REFUSED(file, size, plane[40].right, plane[20].right, "planes");           /* rows stand there */
    free(file);
}

static void keys_that_lead_out_or_round_are_refused(void **state)
{
    size_t size;
    uint64_t n;
    unsigned char *file = raw_built(build(12, 700, 1), &size);
    struct deep_u32 *node = table(file, "keys 1", &n, NULL);
    uint32_t shift = 5;           /* seven columns of four bytes */
    (void)state;

    assert_int_equal(n, 8 * 12 * 1400);
    assert_int_equal(node[0].to >> shift, 3);
    REFUSED(file, size, node[0].to, 2u << shift, "keys");                      /* to the gap */
    REFUSED(file, size, node[2].to, node[2].to & 31u, "keys");                 /* nowhere */
    REFUSED(file, size, node[2].to, 1400u << shift, "keys");                   /* another tree */
    REFUSED(file, size, node[2].to, node[2].to | 28u, "keys");                 /* no column */
    REFUSED(file, size, node[2].to, node[2].to | 2u, "keys");                  /* a set */
    for (uint32_t i = 2; i < 1400; i++)
        if (node[i].to >> shift == 1) {
            REFUSED(file, size, node[i].t, 701, "keys");
            REFUSED(file, size, node[i].t, 0, "keys");
            break;
        }
    free(file);
}

/* Whatever is changed: refused, or a prediction that reads nothing it should not (sanitizers). */
static void changed_tables_are_refused_or_harmless(void **state)
{
    uint32_t loaded = 0, refusals = 0;
    float y[ROWS];
    (void)state;

    for (size_t i = 0; i < SHAPES; i++) {
        size_t size;
        uint64_t count;
        unsigned char *file = raw_built(build(shapes[i].trees, shapes[i].leaves, 1), &size);
        char names[200];

        for (int round = 0; round < 15 * slow(); round++) {
            memcpy(names, shapes[i].tables, strlen(shapes[i].tables) + 1);
            for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
                mdl_error err = MDL_ERROR_INIT;
                mdl_model *m;
                unsigned char *data = table(file, name, &count, NULL);
                unsigned char *at = data + below((uint32_t)count * (name[0] == 'k' ? 1 : 6));
                const unsigned char kept = *at;

                *at = (unsigned char)(below(2) ? *at ^ 1u << below(8) : below(256));
                raw_repair(file);
                for (size_t e = 0; mdl_engine_name(e); e++)
                    for (size_t k = 0; mdl_isa_name(k); k++) {
                        const mdl_status s = try_load(file, size, &m, mdl_engine_name(e),
                                                      mdl_isa_name(k), &err);
                        loaded += !s;
                        refusals += s == MDL_ERR_FORMAT;
                        if (!s) {
                            predict(m, y, 1);
                            predict(m, y, ROWS);
                        }
                        mdl_free(m);
                    }
                *at = kept;
            }
        }
        free(file);
    }
    assert_true(loaded > 100 && refusals > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_the_tables_of_their_shape),
        cmocka_unit_test(tables_take_the_place_of_memory),
        cmocka_unit_test(a_copy_of_a_loaded_model_has_tables_when_asked),
        cmocka_unit_test(other_models_have_no_tables),
        cmocka_unit_test(tables_of_another_layout_are_not_looked_at),
        cmocka_unit_test(engines_that_do_not_fit_the_limit_are_left_out),
        cmocka_unit_test(tiles_that_lead_out_or_round_are_refused),
        cmocka_unit_test(tiles_that_several_pieces_lead_to_are_refused),
        cmocka_unit_test(a_whole_top_that_is_no_tree_is_refused),
        cmocka_unit_test(forks_and_planes_that_lead_out_are_refused),
        cmocka_unit_test(keys_that_lead_out_or_round_are_refused),
        cmocka_unit_test(changed_tables_are_refused_or_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
