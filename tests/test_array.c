/*
 * tests/test_array.c - whole arrays of any type and rank: .npy read and written, types converted
 *
 * Bytes are put together here as numpy's format description (NEP 1) says; halves and texts are
 * worked out by hand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "cli/array.h"
#include "cli/npz.h"

#include <math.h>

static mdl_error error;

static size_t make_npy(unsigned char *out, const char *descr, const char *shape, int fortran,
                       const void *data, size_t bytes)
{
    char text[200];
    const int n = snprintf(text, sizeof text,
                           "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, fortran ? "True" : "False", shape);

    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)n;
    out[9] = 0;
    memcpy(out + 10, text, (size_t)n);
    memcpy(out + 10 + n, data, bytes);
    return 10 + (size_t)n + bytes;
}

static void read_ok(struct array *a, const char *descr, const char *shape, int fortran,
                    const void *data, size_t bytes)
{
    unsigned char file[600];
    const size_t size = make_npy(file, descr, shape, fortran, data, bytes);

    error = (mdl_error)MDL_ERROR_INIT;
    if (cli_array_read(a, "t.npy", file, size, &error))
        fail_msg("%s %s: %s", descr, shape, error.text);
}

static void refused(const char *descr, const char *shape, const void *data, size_t bytes,
                    const char *why)
{
    unsigned char file[600];
    struct array a;
    const size_t size = make_npy(file, descr, shape, 0, data, bytes);

    error = (mdl_error)MDL_ERROR_INIT;
    assert_int_equal(cli_array_read(&a, "t.npy", file, size, &error), MDL_ERR_DATA);
    assert_null(a.data);
    if (!strstr(error.text, why))
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
}

static const unsigned char counting[64] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47 };

static void every_numeric_type_of_numpy_is_read(void **state)
{
    static const struct { const char *descr; uint32_t type, bytes; } types[] = {
        { "<f2", MDL_F16, 2 }, { "<f4", MDL_F32, 4 }, { "<f8", MDL_F64, 8 }, { "|i1", MDL_I8, 1 },
        { "<i2", MDL_I16, 2 }, { "<i4", MDL_I32, 4 }, { "<i8", MDL_I64, 8 }, { "|u1", MDL_U8, 1 },
        { "<u2", MDL_U16, 2 }, { "<u4", MDL_U32, 4 }, { "<u8", MDL_U64, 8 },
        { "<c8", MDL_C64, 8 }, { "<c16", MDL_C128, 16 },
    };
    struct array a;

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        read_ok(&a, types[i].descr, "(3,)", 0, counting, 3 * types[i].bytes);
        assert_int_equal(a.type, types[i].type);
        assert_int_equal(a.item_bytes, types[i].bytes);
        assert_int_equal(a.count, 3);
        assert_memory_equal(a.data, counting, 3 * types[i].bytes);
        cli_array_free(&a);
    }
}

static void booleans_become_0_and_1(void **state)
{
    static const unsigned char odd[] = { 0, 1, 255 };
    struct array a;

    (void)state;
    read_ok(&a, "|b1", "(3,)", 0, odd, 3);
    assert_int_equal(a.type, MDL_BOOL);
    assert_memory_equal(a.data, "\0\1\1", 3);
    cli_array_free(&a);
}

static void big_endian_is_turned_round(void **state)
{
    static const unsigned char big[] = { 0x3F, 0x80, 0, 0, 0x40, 0, 0, 0 };
    struct array a;

    (void)state;
    read_ok(&a, ">f4", "(2,)", 0, big, 8);
    assert_true(((float *)a.data)[0] == 1 && ((float *)a.data)[1] == 2);
    cli_array_free(&a);
    read_ok(&a, ">c8", "(1,)", 0, big, 8);          /* the parts, not the whole */
    assert_true(((float *)a.data)[0] == 1 && ((float *)a.data)[1] == 2);
    cli_array_free(&a);
}

static void any_rank_is_read(void **state)
{
    struct array a;

    (void)state;
    read_ok(&a, "|u1", "()", 0, counting + 7, 1);
    assert_int_equal(a.rank, 0);
    assert_int_equal(a.count, 1);
    assert_int_equal(*(unsigned char *)a.data, 7);
    cli_array_free(&a);
    read_ok(&a, "|u1", "(1, 2, 1, 3, 1, 2, 1, 2)", 0, counting, 24);
    assert_int_equal(a.rank, 8);
    assert_int_equal(a.dims[3], 3);
    cli_array_free(&a);
    read_ok(&a, "<f8", "(3, 0, 2)", 0, counting, 0);
    assert_int_equal(a.count, 0);
    cli_array_free(&a);
    refused("|u1", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", counting, 1, "9 dimensions");
}

/* numpy.asfortranarray(numpy.arange(24).reshape(2, 3, 4)): the first index runs fastest. */
static void fortran_order_is_put_in_order(void **state)
{
    unsigned char file[24];
    struct array a;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < 3; j++)
            for (unsigned k = 0; k < 4; k++)
                file[i + 2 * (j + 3 * k)] = (unsigned char)(12 * i + 4 * j + k);
    read_ok(&a, "|u1", "(2, 3, 4)", 1, file, 24);
    assert_memory_equal(a.data, counting, 24);
    cli_array_free(&a);
}

static const char *text_at(const struct array *a, size_t i)
{
    return ((const char *const *)a->data)[i];
}

static void texts_become_utf8(void **state)
{
    /* "a", "ü", "€", U+1F600, a lone surrogate, "" and one of full length */
    static const uint32_t u[14] = { 'a', 0, 0xFC, 0, 0x20AC, 0, 0x1F600, 0, 0xD800, 0, 0, 0,
                                    'x', 'y' };
    struct array a;

    (void)state;
    read_ok(&a, "<U2", "(7,)", 0, u, sizeof u);
    assert_int_equal(a.type, MDL_STRING);
    assert_string_equal(text_at(&a, 0), "a");
    assert_string_equal(text_at(&a, 1), "\xC3\xBC");
    assert_string_equal(text_at(&a, 2), "\xE2\x82\xAC");
    assert_string_equal(text_at(&a, 3), "\xF0\x9F\x98\x80");
    assert_string_equal(text_at(&a, 4), "\xEF\xBF\xBD");
    assert_string_equal(text_at(&a, 5), "");
    assert_string_equal(text_at(&a, 6), "xy");
    cli_array_free(&a);
    read_ok(&a, "|S3", "(2,)", 0, "ab\0xyz", 6);
    assert_string_equal(text_at(&a, 0), "ab");
    assert_string_equal(text_at(&a, 1), "xyz");
    cli_array_free(&a);
    read_ok(&a, ">U1", "(1,)", 0, "\0\0\x20\xAC", 4);
    assert_string_equal(text_at(&a, 0), "\xE2\x82\xAC");
    cli_array_free(&a);
    refused("|S3", "(1,)", "a\0b", 3, "a character 0");
}

static void what_is_no_array_of_numbers_is_refused(void **state)
{
    (void)state;
    refused("|O", "(1,)", counting, 8, "Python objects");
    refused("<M8[ns]", "(1,)", counting, 8, "astype('int64')");
    refused("<f16", "(1,)", counting, 16, "'<f16'");
    refused("|V3", "(1,)", counting, 3, "'|V3'");
    refused("<f4", "(3,)", counting, 11, "cut off");
    refused("<f4", "(3,)", counting, 13, "bytes behind");
    refused("<f8", "(4294967296, 4294967296, 2)", counting, 8, "cut off");
    refused("|S0", "(99999999999,)", counting, 0, "'|S0'");
}

/* ---- types ---------------------------------------------------------------------------------- */

static mdl_status convert(struct array *a, uint32_t from, const void *data, int64_t count,
                          uint32_t to, int *rounded)
{
    error = (mdl_error)MDL_ERROR_INIT;
    assert_int_equal(cli_array_make(a, from, 1, &count, &error), MDL_OK);
    memcpy(a->data, data, (size_t)count * a->item_bytes);
    *rounded = 0;
    return cli_array_convert(a, to, "input 'x'", rounded, &error);
}

/* IEEE binary16 by hand: 10 bits behind the point, ties to even, 2^-24 the least. */
static void halves_are_rounded_to_the_nearest(void **state)
{
    static const struct { double v; uint16_t half; } cases[] = {
        { 0, 0 }, { -0.0, 0x8000 }, { 1, 0x3C00 }, { -2, 0xC000 }, { 65504, 0x7BFF },
        { 65519.99, 0x7BFF }, { 65520, 0x7C00 }, { -1e300, 0xFC00 },
        { 1 + 0x1p-11, 0x3C00 }, { 1 + 3 * 0x1p-11, 0x3C02 }, { 1 + 0x1p-11 + 0x1p-40, 0x3C01 },
        { 0x1p-14, 0x0400 }, { 0x1p-24, 0x0001 }, { 0x1p-25, 0x0000 }, { 0x1.8p-25, 0x0001 },
        { 0x1p-14 - 0x1p-25, 0x0400 }, { 1.9999, 0x4000 },
    };
    struct array a;
    int rounded;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(convert(&a, MDL_F64, &cases[i].v, 1, MDL_F16, &rounded), MDL_OK);
        if (*(uint16_t *)a.data != cases[i].half)
            fail_msg("%.17g became %04x, expected %04x", cases[i].v, *(uint16_t *)a.data,
                     cases[i].half);
        cli_array_free(&a);
    }
}

/* bfloat16 is the upper half of a float32: 7 bits behind the point. */
static void bfloats_are_rounded_to_the_nearest(void **state)
{
    static const struct { double v; uint16_t bits; } cases[] = {
        { 1, 0x3F80 }, { 1 + 0x1p-8, 0x3F80 }, { 1 + 3 * 0x1p-8, 0x3F82 }, { -0.5, 0xBF00 },
        { 0x1.FFp127, 0x7F80 }, { 0x1.FEp127, 0x7F7F }, { 0x1p-133, 0x0001 }, { 0, 0 },
    };
    struct array a;
    int rounded;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(convert(&a, MDL_F64, &cases[i].v, 1, MDL_BF16, &rounded), MDL_OK);
        if (*(uint16_t *)a.data != cases[i].bits)
            fail_msg("%.17g became %04x, expected %04x", cases[i].v, *(uint16_t *)a.data,
                     cases[i].bits);
        cli_array_free(&a);
    }
}

static void lost_digits_are_told(void **state)
{
    static const double exact[] = { 0.5, 3, (double)INFINITY }, tenth[] = { 0.5, 0.1 };
    static const double none = (double)NAN;
    struct array a;
    int rounded;

    (void)state;
    assert_int_equal(convert(&a, MDL_F64, exact, 3, MDL_F32, &rounded), MDL_OK);
    assert_int_equal(rounded, 0);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_F64, tenth, 2, MDL_F32, &rounded), MDL_OK);
    assert_int_equal(rounded, 1);
    assert_true(((float *)a.data)[1] == 0.1f);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_F64, &none, 1, MDL_F16, &rounded), MDL_OK);
    assert_int_equal(*(uint16_t *)a.data & 0x7C00, 0x7C00);
    assert_int_not_equal(*(uint16_t *)a.data & 0x03FF, 0);
    cli_array_free(&a);
}

static void integers_go_where_they_fit(void **state)
{
    static const int64_t fit[] = { -128, 127 }, high[] = { 0, 128 }, low[] = { -129 };
    static const int64_t one[] = { 1 };
    static const uint64_t top[] = { UINT64_MAX };
    struct array a;
    int rounded;

    (void)state;
    assert_int_equal(convert(&a, MDL_I64, fit, 2, MDL_I8, &rounded), MDL_OK);
    assert_int_equal(((int8_t *)a.data)[0], -128);
    assert_int_equal(((int8_t *)a.data)[1], 127);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_I64, high, 2, MDL_I8, &rounded), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "element 1 is 128, which no int8 is"));
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_I64, low, 1, MDL_I8, &rounded), MDL_ERR_DATA);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_I64, low, 1, MDL_U64, &rounded), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "element 0 is -129"));
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_U64, top, 1, MDL_I64, &rounded), MDL_ERR_DATA);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_I64, one, 1, MDL_BOOL, &rounded), MDL_OK);
    assert_int_equal(*(unsigned char *)a.data, 1);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_I64, fit, 2, MDL_F32, &rounded), MDL_OK);
    assert_true(((float *)a.data)[0] == -128);
    cli_array_free(&a);
}

static void other_conversions_are_refused_with_a_way_out(void **state)
{
    static const float f[] = { 1, 2 };
    struct array a;
    int rounded;

    (void)state;
    assert_int_equal(convert(&a, MDL_F32, f, 2, MDL_I64, &rounded), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "input 'x' is float32, expected int64"));
    assert_non_null(strstr(error.text, "x.astype('int64')"));
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_F32, f, 2, MDL_STRING, &rounded), MDL_ERR_DATA);
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_F32, f, 2, MDL_F8E5M2, &rounded), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "x.view('V1')"));
    cli_array_free(&a);
    assert_int_equal(convert(&a, MDL_C64, f, 1, MDL_F32, &rounded), MDL_ERR_DATA);
    cli_array_free(&a);
}

static void raw_bits_are_what_the_model_says(void **state)
{
    struct array a;
    int rounded = 0;

    (void)state;
    read_ok(&a, "|V1", "(2,)", 0, counting, 2);
    assert_int_equal(a.type, 0);
    assert_int_equal(cli_array_convert(&a, MDL_BF16, "x", &rounded, &error), MDL_ERR_DATA);
    assert_int_equal(cli_array_convert(&a, MDL_F8E4M3FN, "x", &rounded, &error), MDL_OK);
    assert_int_equal(a.type, MDL_F8E4M3FN);
    cli_array_free(&a);
    read_ok(&a, "<V2", "(2,)", 0, counting, 4);
    assert_int_equal(cli_array_convert(&a, MDL_BF16, "x", &rounded, &error), MDL_OK);
    cli_array_free(&a);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void what_is_written_is_read_again(void **state)
{
    static const char *const texts[] = { "", "gr\xC3\xBCn", "\xF0\x9F\x98\x80!", "a" };
    static const struct { uint32_t type, rank; int64_t dims[3]; const void *data; } cases[] = {
        { MDL_F32, 0, { 0 }, counting }, { MDL_I16, 1, { 5 }, counting },
        { MDL_U8, 3, { 2, 3, 4 }, counting }, { MDL_C128, 2, { 1, 2 }, counting },
        { MDL_STRING, 2, { 2, 2 }, texts }, { MDL_F64, 2, { 0, 3 }, counting },
    };
    struct array a;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char file[600];
        struct npy_image image;
        mdl_tensor t = { .size = sizeof t, .type = cases[i].type, .rank = cases[i].rank,
                         .name = "t", .data = (void *)(uintptr_t)cases[i].data };
        memcpy(t.dims, cases[i].dims, sizeof cases[i].dims);
        assert_int_equal(cli_npy_image(&image, &t, &error), MDL_OK);
        assert_int_equal(image.head_bytes % 64, 0);
        memcpy(file, image.head, image.head_bytes);
        memcpy(file + image.head_bytes, image.elements, (size_t)image.element_bytes);
        const size_t size = image.head_bytes + (size_t)image.element_bytes;
        assert_int_equal(cli_array_read(&a, "t.npy", file, size, &error), MDL_OK);
        assert_int_equal(a.type, t.type);
        assert_int_equal(a.rank, t.rank);
        assert_memory_equal(a.dims, t.dims, t.rank * sizeof *t.dims);
        if (a.type == MDL_STRING)
            for (size_t k = 0; k < 4; k++)
                assert_string_equal(text_at(&a, k), texts[k]);
        else
            assert_memory_equal(a.data, t.data, (size_t)a.count * a.item_bytes);
        cli_npy_image_free(&image);
        cli_array_free(&a);
    }
}

static void the_header_is_the_one_of_numpy(void **state)
{
    static const struct { uint32_t type, rank; const char *text; } cases[] = {
        { MDL_F32, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }" },
        { MDL_BOOL, 0, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }" },
        { MDL_I64, 2, "{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct npy_image image;
        const mdl_tensor t = { .size = sizeof t, .type = cases[i].type, .rank = cases[i].rank,
                               .name = "t", .data = (void *)(uintptr_t)counting, .dims = { 3, 4 } };
        assert_int_equal(cli_npy_image(&image, &t, &error), MDL_OK);
        assert_int_equal(image.head_bytes, 128);
        assert_memory_equal(image.head, "\x93NUMPY\x01\x00\x76\x00", 10);
        assert_memory_equal(image.head + 10, cases[i].text, strlen(cases[i].text));
        assert_int_equal(image.head[127], '\n');
        cli_npy_image_free(&image);
    }
}

static void a_written_npz_is_read_again(void **state)
{
    const struct npz_part parts[] = { { "a", "head", "rest!", 4, 5 },
                                      { "b/\xC3\xBC", "x", "", 1, 0 } };
    struct npz npz;
    struct npz_member m;
    FILE *f = tmpfile();

    (void)state;
    assert_non_null(f);
    error = (mdl_error)MDL_ERROR_INIT;
    assert_int_equal(cli_npz_write(f, parts, 2, &error), MDL_OK);
    const size_t size = (size_t)ftell(f);
    unsigned char *bytes = malloc(size);
    rewind(f);
    assert_int_equal(fread(bytes, 1, size, f), size);
    fclose(f);
    if (cli_npz_open(&npz, "t.npz", bytes, size, &error))   /* checks sizes and CRC-32 */
        fail_msg("%s", error.text);
    assert_int_equal(npz.count, 2);
    assert_int_equal(cli_npz_member(&npz, 0, &m, &error), MDL_OK);
    assert_int_equal(m.size, 9);
    assert_memory_equal(m.bytes, "headrest!", 9);
    assert_int_equal(cli_npz_member(&npz, 1, &m, &error), MDL_OK);
    assert_int_equal(m.name_length, 4);
    assert_memory_equal(m.name, "b/\xC3\xBC", 4);
    cli_npz_close(&npz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_numeric_type_of_numpy_is_read),
        cmocka_unit_test(booleans_become_0_and_1),
        cmocka_unit_test(big_endian_is_turned_round),
        cmocka_unit_test(any_rank_is_read),
        cmocka_unit_test(fortran_order_is_put_in_order),
        cmocka_unit_test(texts_become_utf8),
        cmocka_unit_test(what_is_no_array_of_numbers_is_refused),
        cmocka_unit_test(halves_are_rounded_to_the_nearest),
        cmocka_unit_test(bfloats_are_rounded_to_the_nearest),
        cmocka_unit_test(lost_digits_are_told),
        cmocka_unit_test(integers_go_where_they_fit),
        cmocka_unit_test(other_conversions_are_refused_with_a_way_out),
        cmocka_unit_test(raw_bits_are_what_the_model_says),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_header_is_the_one_of_numpy),
        cmocka_unit_test(a_written_npz_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
