/*
 * tests/test_format.c - a file is read whole and right, or refused with its place
 *
 * SPDX-License-Identifier: MIT
 */
#include "raw_file.h"


static mdl_status load(const void *bytes, size_t size, mdl_error *err)
{
    mdl_model *m = (mdl_model *)1;
    const mdl_status s = mdl_load_memory(&m, bytes, size, NULL, err);

    if (s)
        assert_null(m);          /* never a partial model */
    else
        mdl_free(m);
    return s;
}

static unsigned char *section(unsigned char *file, uint32_t type, uint64_t *bytes)
{
    struct mdl_file_header h;

    memcpy(&h, file, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++) {
        struct mdl_file_section e;
        memcpy(&e, file + sizeof h + i * sizeof e, sizeof e);
        if (e.type == type) {
            *bytes = e.bytes;
            return file + e.offset;
        }
    }
    fail_msg("no section %u", type);
    return NULL;
}

static void every_truncation_is_refused(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    (void)state;

    assert_int_equal(load(file, size, NULL), MDL_OK);
    for (size_t n = 0; n < size; n++) {
        unsigned char *cut = malloc(n ? n : 1);   /* exactly n bytes: a read beyond is seen */
        memcpy(cut, file, n);
        mdl_error err = MDL_ERROR_INIT;
        assert_int_not_equal(load(cut, n, &err), MDL_OK);
        assert_true(err.text[0] && err.offset != MDL_NO_OFFSET);
        assert_true(n < 8 || strstr(err.text, "it is cut off; copy it or save it again"));
        free(cut);
    }
    free(file);
}

static void every_single_bit_flip_is_refused(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    (void)state;

    for (size_t bit = 0; bit < size * 8; bit++) {
        file[bit / 8] ^= (unsigned char)(1u << bit % 8);
        mdl_error err = MDL_ERROR_INIT;
        assert_int_not_equal(load(file, size, &err), MDL_OK);
        assert_true(err.text[0] != 0);
        file[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(file);
}

static void appended_bytes_are_refused(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    file = realloc(file, size + 1);
    file[size] = 0;
    assert_int_equal(load(file, size + 1, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "appended"));
    free(file);
}

static void the_error_names_section_and_byte(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    uint64_t bytes;
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    unsigned char *nodes = section(file, 6, &bytes);
    nodes[5] ^= 1;
    assert_int_equal(load(file, size, &err), MDL_ERR_CHECKSUM);
    assert_string_equal(err.section, "nodes");
    assert_int_equal(err.offset, nodes - file);
    assert_int_equal(err.code, MDL_ERR_CHECKSUM);
    free(file);
}

static void a_future_major_version_is_refused_as_such(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    file[8] = 2;
    raw_repair(file);
    assert_int_equal(load(file, size, &err), MDL_ERR_VERSION);
    assert_non_null(strstr(err.text, "update libmodel"));
    free(file);
}

static void an_unknown_required_feature_is_refused_and_an_optional_one_is_not(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    file[offsetof(struct mdl_file_header, optional_features)] = 1;
    raw_repair(file);
    assert_int_equal(load(file, size, &err), MDL_OK);
    file[offsetof(struct mdl_file_header, required_features)] = 8;
    raw_repair(file);
    assert_int_equal(load(file, size, &err), MDL_ERR_VERSION);
    assert_non_null(strstr(err.text, "0x8"));
    assert_non_null(strstr(err.text, "narrow trees"));   /* what it has */
    free(file);
}

static void golden_rows_of_a_later_version_are_ignored(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    struct mdl_file_header h;
    int changed = 0;
    (void)state;

    memcpy(&h, file, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++) {
        struct mdl_file_section e;
        unsigned char *at = file + sizeof h + i * sizeof e;
        memcpy(&e, at, sizeof e);
        if (!(e.type & SECTION_OPTIONAL) || e.type == 0x80000001u)
            continue;
        e.version = 2;
        memcpy(at, &e, sizeof e);
        changed++;
    }
    assert_int_equal(changed, 2);
    raw_repair(file);
    mdl_model *m;
    mdl_error err = MDL_ERROR_INIT;
    if (mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mdl_golden_count(m), 0);
    mdl_free(m);
    free(file);
}

/* Every 4-byte field of every section set to awkward values, checksums repaired: refused or
 * loaded and run, never a crash (the sanitizers of `.ci/run` watch). */
static void no_field_value_can_crash_the_loader(void **state)
{
    static const uint32_t values[] = { 0, 1, 2, 3, 64, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000u,
                                       0xFFFFFFFFu, 0xFFFFFFFEu, 0x3FFFFFFF, 0x7FC00000u };
    size_t size, loaded = 0;
    unsigned char *file = small_file(&size);
    const float rows[20] = { 1, 0, 2, 1, 2, 0, 0, 9 };
    (void)state;

    for (size_t at = 8; at + 4 <= size; at += 4)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            uint32_t kept;
            mdl_model *m;
            memcpy(&kept, file + at, 4);
            memcpy(file + at, &values[i], 4);
            struct mdl_file_header h;
            memcpy(&h, file, sizeof h);
            if (at >= sizeof h + h.n_sections * sizeof(struct mdl_file_section))
                raw_repair(file);
            if (!mdl_load_memory(&m, file, size, NULL, NULL)) {
                float y[16 * 10];
                loaded++;
                if (mdl_input_cols(m) <= 2 && mdl_output_cols(m) <= 16)
                    mdl_predict(m, rows, 10, y);
                mdl_free(m);
            }
            memcpy(file + at, &kept, 4);
            raw_repair(file);
        }
    assert_true(loaded > 0);     /* thresholds and leaves may well be other numbers */
    free(file);
}

static void same_model_gives_same_bytes(void **state)
{
    size_t one, two;
    unsigned char *a = small_file(&one), *b = small_file(&two);
    (void)state;

    assert_int_equal(one, two);
    assert_memory_equal(a, b, one);
    free(a);
    free(b);
}

static void a_model_survives_being_rebuilt_byte_for_byte(void **state)
{
    size_t size, again;
    unsigned char *file = small_file(&size);
    mdl_model *m;
    const void *bytes;
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_OK);
    mdl_builder *b = mdl_builder_from_model(m, &err);
    assert_non_null(b);
    assert_int_equal(mdl_build_bytes(b, &bytes, &again, &err), MDL_OK);
    assert_int_equal(size, again);
    assert_memory_equal(file, bytes, size);
    mdl_builder_free(b);
    mdl_free(m);
    free(file);
}

/* Written once by tests/data/make_golden.c and never again: every libmodel reads them. */
#define BLOCK 8u                  /* letters */
#define BLOCKS 15u

/* FNV-1a of a block of letters, number i, behind a text of hash h. */
static uint32_t hash_block(uint32_t h, uint64_t i, char *to)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ i >> 29) * 0xD6E8FEB86659FD93u;
    for (uint32_t k = 0; k < BLOCK; k++, i >>= 7) {
        to[k] = (char)('a' + (i & 127) % 26);
        h = (h ^ (unsigned char)to[k]) * 16777619u;
    }
    return h;
}

/* Two blocks for each place, either of which leads to the same hash: so all texts of them have one. */
static void find_blocks(char blocks[BLOCKS][2][BLOCK])
{
    enum { PLACES = 1 << 20 };
    struct met { uint32_t hash, i; } *met = malloc(PLACES * sizeof *met);
    uint32_t h = 2166136261u;

    for (uint32_t b = 0; b < BLOCKS; b++) {
        memset(met, 0, PLACES * sizeof *met);
        for (uint32_t i = 1;; i++) {
            const uint32_t x = hash_block(h, i, blocks[b][1]);
            uint32_t at = (x * 2654435761u) >> 12;
            while (met[at].i && met[at].hash != x)
                at = (at + 1) % PLACES;
            if (!met[at].i) {
                met[at] = (struct met){ x, i };
                assert_true(i < PLACES / 2);
                continue;
            }
            hash_block(h, met[at].i, blocks[b][0]);
            h = x;
            break;
        }
    }
    free(met);
}

/* Seconds that it takes to write very many of them, or others as long. */
static double time_of(char blocks[BLOCKS][2][BLOCK], int collide)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING);
    enum { NAMES = 1 << BLOCKS, NAME = BLOCKS * BLOCK + 1 };
    char *names = calloc(NAMES, NAME);
    const char **text = calloc(NAMES, sizeof *text);
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    mdl_model *m;

    mdl_build_output(b, "y", MDL_OUTPUT_RAW, x);
    for (uint32_t i = 0; i < NAMES; i++) {
        char *name = names + i * (size_t)NAME;
        for (uint32_t k = 0; k < BLOCKS; k++)
            memcpy(name + k * BLOCK, blocks[k][i >> k & 1], BLOCK);
        if (!collide)
            name[0] = (char)('A' + i % 26);
        text[i] = name;
    }
    mdl_build_categories(b, 0, 0, MDL_STRING, NAMES, text);
    const double start = seconds_now();
    if (mdl_build_bytes(b, &bytes, &size, &err))
        fail_msg("%s", err.text);
    const double seconds = seconds_now() - start;
    assert_int_equal(mdl_load_memory(&m, bytes, size, NULL, NULL), MDL_OK);
    for (uint32_t i = 0; i < NAMES; i++)
        assert_string_equal(mdl_category(m, 0, 0, i), text[i]);
    mdl_free(m);
    mdl_builder_free(b);
    free(names);
    free(text);
    return seconds;
}

static void texts_that_were_made_to_collide_are_written_in_time(void **state)
{
    char blocks[BLOCKS][2][BLOCK];
    (void)state;

    find_blocks(blocks);
    const double usual = time_of(blocks, 0), seconds = time_of(blocks, 1);
    assert_in_time(seconds, usual);
}

/* 3,000 categories are one text of a megabyte: whoever copies their names would need 3 GB. */
static void a_long_text_that_many_refer_to_is_refused(void **state)
{
    enum { NAMES = 3000, LONG = 1 << 20 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING);
    char name[NAMES][8], *text = malloc(LONG + 1);
    const char *names[NAMES];
    uint64_t bytes;
    size_t size;
    (void)state;

    for (uint32_t i = 0; i < NAMES; i++) {
        snprintf(name[i], sizeof name[i], "%u", (unsigned)i);
        names[i] = name[i];
    }
    memset(text, 'a', LONG);
    text[LONG] = 0;
    mdl_build_categories(b, 0, 0, MDL_STRING, NAMES, names);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, x);
    mdl_build_metadata(b, "long", text);
    unsigned char *file = raw_built(b, &size), *labels = section(file, 5, &bytes);
    const char *strings = (const char *)section(file, 1, &bytes);
    uint32_t at = 1;

    while (strlen(strings + at) < LONG)
        at += (uint32_t)strlen(strings + at) + 1;
    for (uint32_t i = 0; i < NAMES; i++)
        memcpy(labels + 4 * i, &at, sizeof at);
    raw_refused(file, size, "far too many records");
    free(file);
    free(text);
}

static void golden_files_of_every_release_load_and_answer_as_recorded(void **state)
{
    static const char *const names[] = { "golden_v1_small.mdl" };
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mdl_model *m;
        mdl_error err = MDL_ERROR_INIT;
        const float rows[] = { 1, 0, 2, 1, 2, 0 };
        float y[3];
        if (mdl_load(&m, data_path(names[i]), NULL, &err))
            fail_msg("%s: %s", names[i], err.text);
        assert_int_equal(mdl_predict(m, rows, 3, y), MDL_OK);
        assert_true(y[0] == 2.5f && y[1] == 8.5f && y[2] == 4.5f);   /* by hand, see test.h */
        mdl_free(m);
    }
}

static void every_truncation_and_bit_flip_of_a_golden_file_is_refused(void **state)
{
    size_t size;
    unsigned char *file = read_file(data_path("golden_v1_small.mdl"), &size);
    (void)state;

    assert_non_null(file);
    for (size_t n = 0; n < size; n++)
        assert_int_not_equal(load(file, n, NULL), MDL_OK);
    for (size_t bit = 0; bit < size * 8; bit++) {
        file[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_not_equal(load(file, size, NULL), MDL_OK);
        file[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(file);
}

static void crc32c_agrees_with_rfc_3720(void **state)
{
    unsigned char bytes[48];
    (void)state;

    memset(bytes, 0, 32);
    assert_int_equal(mdl_crc32c(0, bytes, 32), 0x8A9136AAu);
    assert_int_equal(mdl_crc32c_ref(0, bytes, 32), 0x8A9136AAu);
    memset(bytes, 0xFF, 32);
    assert_int_equal(mdl_crc32c(0, bytes, 32), 0x62A8AB43u);
    for (unsigned char i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(mdl_crc32c(0, bytes, 32), 0x46DD794Eu);
    assert_int_equal(mdl_crc32c(mdl_crc32c(0, bytes, 5), bytes + 5, 27), 0x46DD794Eu);
    assert_int_equal(mdl_crc32c_ref(0, bytes, 32), 0x46DD794Eu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_agrees_with_rfc_3720),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_single_bit_flip_is_refused),
        cmocka_unit_test(appended_bytes_are_refused),
        cmocka_unit_test(the_error_names_section_and_byte),
        cmocka_unit_test(a_future_major_version_is_refused_as_such),
        cmocka_unit_test(an_unknown_required_feature_is_refused_and_an_optional_one_is_not),
        cmocka_unit_test(golden_rows_of_a_later_version_are_ignored),
        cmocka_unit_test(no_field_value_can_crash_the_loader),
        cmocka_unit_test(same_model_gives_same_bytes),
        cmocka_unit_test(a_model_survives_being_rebuilt_byte_for_byte),
        cmocka_unit_test(texts_that_were_made_to_collide_are_written_in_time),
        cmocka_unit_test(a_long_text_that_many_refer_to_is_refused),
        cmocka_unit_test(golden_files_of_every_release_load_and_answer_as_recorded),
        cmocka_unit_test(every_truncation_and_bit_flip_of_a_golden_file_is_refused),
    };

    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
