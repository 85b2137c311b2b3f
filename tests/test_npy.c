/*
 * tests/test_npy.c - .npy and .npz files as rows
 *
 * Bytes are put together here as numpy's format description (NEP 1) says; the .npz was written
 * by numpy itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "cli/sheet.h"

#include <math.h>

static mdl_error error;

static const struct wanted three[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };

/* A .npy file of the given version and dictionary; returns its bytes. */
static size_t make_npy(unsigned char *out, int version, const char *dictionary, const void *data,
                       size_t bytes)
{
    const size_t length = strlen(dictionary) + 1, wide = version > 1 ? 4 : 2;

    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)version;
    out[7] = 0;
    for (size_t i = 0; i < wide; i++)
        out[8 + i] = (unsigned char)(length >> 8 * i);
    memcpy(out + 8 + wide, dictionary, length - 1);
    out[8 + wide + length - 1] = '\n';
    memcpy(out + 8 + wide + length, data, bytes);
    return 8 + wide + length + bytes;
}

static mdl_status read_bytes(const unsigned char *bytes, size_t size, const char *member,
                             double *out, size_t *rows)
{
    const struct sheet_options options = { .member = member };
    struct sheet sheet;
    size_t got = 1;

    error = (mdl_error)MDL_ERROR_INIT;
    mdl_status s = cli_sheet_open_memory(&sheet, "t.npy", bytes, size, three, 3, &options, &error);
    for (*rows = 0; !s && got; *rows += got)
        s = cli_sheet_read(&sheet, out + *rows * 3, 2, &got, &error);
    cli_sheet_close(&sheet);
    return s;
}

static void expect(int version, const char *dictionary, const void *data, size_t bytes,
                   const double *want, size_t rows)
{
    unsigned char file[512];
    double out[60];
    size_t got, size = make_npy(file, version, dictionary, data, bytes);

    if (read_bytes(file, size, NULL, out, &got))
        fail_msg("%s: %s", dictionary, error.text);
    assert_int_equal(got, rows);
    for (size_t i = 0; i < rows * 3; i++)
        if (out[i] != want[i] && !(isnan(out[i]) && isnan(want[i])))
            fail_msg("%s: element %d is %g, expected %g", dictionary, (int)i, out[i], want[i]);
}

static void refused(const char *dictionary, const void *data, size_t bytes, const char *why)
{
    unsigned char file[70000];
    double out[60];
    size_t got, size = make_npy(file, 1, dictionary, data, bytes);

    assert_int_equal(read_bytes(file, size, NULL, out, &got), MDL_ERR_DATA);
    if (!strstr(error.text, why))
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
}

static const double one_to_six[] = { 1, 2, 3, 4, 5, 6 };

static void every_version_and_spelling_is_read(void **state)
{
    (void)state;
    for (int version = 1; version <= 3; version++)
        expect(version, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", one_to_six,
               48, one_to_six, 2);
    expect(1, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f8\"}", one_to_six, 48,
           one_to_six, 2);
    expect(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }", one_to_six, 48,
           one_to_six, 2);
}

static void fortran_order_is_turned(void **state)
{
    const double by_column[] = { 1, 4, 2, 5, 3, 6 };

    (void)state;
    expect(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }", by_column, 48,
           one_to_six, 2);
}

static void every_type_in_either_byte_order(void **state)
{
    static const int8_t i1[] = { -1, 2, -128 };
    static const uint8_t u1[] = { 0, 2, 255 }, b1[] = { 0, 1, 2 };
    static const unsigned char big_i2[] = { 0xFF, 0xFE, 0, 3, 0x80, 0 };
    static const int32_t i4[] = { -1, 7, INT32_MIN };
    static const uint64_t u8[] = { 0, 1, UINT64_MAX };
    static const int64_t i8[] = { -5, 0, INT64_MAX };
    static const float f4[] = { 0.1f, -0.0f, 1e-45f };
    static const unsigned char big_f4[] = { 0x3F, 0x80, 0, 0, 0xC0, 0, 0, 0, 0x7F, 0x80, 0, 0 };
    static const uint16_t f2[] = { 0x3C00, 0x0001, 0xFBFF };
    static const uint16_t f2_special[] = { 0x7C00, 0x7E00, 0x0400 };

    (void)state;
#define ONE(descr, data, a, b, c) \
    expect(1, "{'descr': '" descr "', 'fortran_order': False, 'shape': (1, 3), }", data, \
           sizeof data, (const double[]){ a, b, c }, 1)
    ONE("|i1", i1, -1, 2, -128);
    ONE("|u1", u1, 0, 2, 255);
    ONE("|b1", b1, 0, 1, 1);
    ONE(">i2", big_i2, -2, 3, -32768);
    ONE("<i4", i4, -1, 7, -2147483648.0);
    ONE("<u8", u8, 0, 1, 18446744073709551616.0);
    ONE("<i8", i8, -5, 0, 9223372036854775808.0);
    ONE("<f4", f4, (double)0.1f, 0, (double)1e-45f);
    ONE(">f4", big_f4, 1, -2, (double)INFINITY);
    /* IEEE 754 binary16: smallest subnormal 2^-24, largest 65504, smallest normal 2^-14 */
    ONE("<f2", f2, 1, 0x1p-24, -65504);
    ONE("<f2", f2_special, (double)INFINITY, (double)NAN, 0x1p-14);
}

static void one_dimension_is_a_row_when_it_fits(void **state)
{
    (void)state;
    expect(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", one_to_six, 24,
           one_to_six, 1);
    expect(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (3,), }", one_to_six, 24,
           one_to_six, 1);
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }", one_to_six, 48,
            "1 columns, the model has 3");
}

static void arrays_that_are_no_rows_are_refused(void **state)
{
    (void)state;
    refused("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }", one_to_six, 48, "'<c8'");
    refused("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", one_to_six, 48, "'|O'");
    refused("{'descr': '<U5', 'fortran_order': False, 'shape': (2, 3), }", one_to_six, 48, "'<U5'");
    refused("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", one_to_six, 48,
            "structured");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 3), }", one_to_six, 48,
            "3 dimensions");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", one_to_six, 8,
            "0 dimensions");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", one_to_six, 48,
            "2 columns, the model has 3");
    refused("{'descr': '<f8', 'shape': (2, 3), }", one_to_six, 48, "lacks");
    refused("{'descr': '<f8', 'fortran_order': Maybe, 'shape': (2, 3), }", one_to_six, 48, "read");
    refused("import os", one_to_six, 48, "dictionary");
}

static void sizes_that_lie_are_refused_without_allocating(void **state)
{
    (void)state;
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), }", one_to_six, 48,
            "cut off");
    refused("{'descr': '<f8', 'fortran_order': True, 'shape': (3, 3), }", one_to_six, 48,
            "cut off");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }", one_to_six, 48,
            "behind");
    refused("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 3), }", one_to_six, 48, "behind");
    refused("{'descr': '<f8', 'fortran_order': True, 'shape': (9000000000000000, 3), }", one_to_six,
            48, "cut off");
    refused("{'descr': '<f8', 'fortran_order': True, 'shape': (72057594037927935, 3), }",
            one_to_six, 48, "cut off");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 3), }",
            one_to_six, 48, "cannot be read");
}

static void every_cut_is_refused(void **state)
{
    unsigned char file[512];
    double out[60];
    size_t got;
    const size_t size = make_npy(file, 2, "{'descr': '<f8', 'fortran_order': False, "
                                          "'shape': (2, 3), }", one_to_six, 48);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *exact = malloc(cut ? cut : 1);
        memcpy(exact, file, cut);
        assert_int_equal(read_bytes(exact, cut, NULL, out, &got), MDL_ERR_DATA);
        free(exact);
    }
}

static void our_header_is_one_that_numpy_writes(void **state)
{
    unsigned char head[NPY_HEADER];
    double out[60];
    size_t got;

    (void)state;
    cli_npy_header(head, MDL_F64, 1, 3);
    /* numpy.save(f, numpy.zeros((1, 3))), numpy 2.4: dictionary, blanks up to 128 bytes */
    const char want[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }";
    assert_memory_equal(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_memory_equal(head + 10, want, sizeof want - 1);
    for (size_t i = 10 + sizeof want - 1; i < NPY_HEADER - 1; i++)
        assert_int_equal(head[i], ' ');
    assert_int_equal(head[NPY_HEADER - 1], '\n');

    unsigned char file[NPY_HEADER + 24];
    memcpy(file, head, NPY_HEADER);
    memcpy(file + NPY_HEADER, one_to_six, 24);
    assert_int_equal(read_bytes(file, sizeof file, NULL, out, &got), MDL_OK);
    assert_int_equal(got, 1);
}

/* ---- .npz ------------------------------------------------------------------------------ */

/* Written by numpy 2.4.6: numpy.savez(f, y=numpy.array([[7.0]]), x=numpy.array([[1.0, 2, 3]])) */
static const unsigned char npz[] = {
    0x50, 0x4B, 0x03, 0x04, 0x2D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00, 0xC6,
    0x37, 0xBA, 0x1E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x05, 0x00, 0x14, 0x00,
    0x79, 0x2E, 0x6E, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x88, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x88, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x93, 0x4E, 0x55, 0x4D, 0x50,
    0x59, 0x01, 0x00, 0x76, 0x00, 0x7B, 0x27, 0x64, 0x65, 0x73, 0x63, 0x72, 0x27, 0x3A, 0x20,
    0x27, 0x3C, 0x66, 0x38, 0x27, 0x2C, 0x20, 0x27, 0x66, 0x6F, 0x72, 0x74, 0x72, 0x61, 0x6E,
    0x5F, 0x6F, 0x72, 0x64, 0x65, 0x72, 0x27, 0x3A, 0x20, 0x46, 0x61, 0x6C, 0x73, 0x65, 0x2C,
    0x20, 0x27, 0x73, 0x68, 0x61, 0x70, 0x65, 0x27, 0x3A, 0x20, 0x28, 0x31, 0x2C, 0x20, 0x31,
    0x29, 0x2C, 0x20, 0x7D, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x0A, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1C, 0x40, 0x50, 0x4B, 0x03, 0x04,
    0x2D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00, 0x03, 0xBE, 0x0E, 0x16, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x05, 0x00, 0x14, 0x00, 0x78, 0x2E, 0x6E, 0x70,
    0x79, 0x01, 0x00, 0x10, 0x00, 0x98, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x98, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 0x01, 0x00, 0x76,
    0x00, 0x7B, 0x27, 0x64, 0x65, 0x73, 0x63, 0x72, 0x27, 0x3A, 0x20, 0x27, 0x3C, 0x66, 0x38,
    0x27, 0x2C, 0x20, 0x27, 0x66, 0x6F, 0x72, 0x74, 0x72, 0x61, 0x6E, 0x5F, 0x6F, 0x72, 0x64,
    0x65, 0x72, 0x27, 0x3A, 0x20, 0x46, 0x61, 0x6C, 0x73, 0x65, 0x2C, 0x20, 0x27, 0x73, 0x68,
    0x61, 0x70, 0x65, 0x27, 0x3A, 0x20, 0x28, 0x31, 0x2C, 0x20, 0x33, 0x29, 0x2C, 0x20, 0x7D,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x0A, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xF0, 0x3F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x40, 0x50, 0x4B, 0x01, 0x02, 0x2D, 0x03, 0x2D,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00, 0xC6, 0x37, 0xBA, 0x1E, 0x88, 0x00,
    0x00, 0x00, 0x88, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x79, 0x2E, 0x6E, 0x70, 0x79, 0x50,
    0x4B, 0x01, 0x02, 0x2D, 0x03, 0x2D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00,
    0x03, 0xBE, 0x0E, 0x16, 0x98, 0x00, 0x00, 0x00, 0x98, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0xBF, 0x00, 0x00, 0x00,
    0x78, 0x2E, 0x6E, 0x70, 0x79, 0x50, 0x4B, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00,
    0x02, 0x00, 0x66, 0x00, 0x00, 0x00, 0x8E, 0x01, 0x00, 0x00, 0x00, 0x00,
};

static void npz_of_numpy_is_read_by_name(void **state)
{
    double out[60];
    size_t got;

    (void)state;
    assert_int_equal(read_bytes(npz, sizeof npz, "x", out, &got), MDL_OK);
    assert_int_equal(got, 1);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == 3);
    assert_int_equal(read_bytes(npz, sizeof npz, "z", out, &got), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "no array 'z'"));
}

static void damaged_npz_is_refused(void **state)
{
    unsigned char copy[sizeof npz];
    double out[60];
    size_t got, refusals = 0;

    (void)state;
    for (size_t cut = 4; cut < sizeof npz; cut++)
        assert_int_equal(read_bytes(npz, cut, "x", out, &got), MDL_ERR_DATA);
    /* every bit of what the arrays hold is under a CRC-32 */
    for (size_t i = 0; i < sizeof npz; i++) {
        memcpy(copy, npz, sizeof npz);
        copy[i] ^= 1;
        refusals += read_bytes(copy, sizeof copy, "x", out, &got) == MDL_ERR_DATA;
    }
    assert_true(refusals > 2 * 136);
}

static void compressed_npz_names_the_way_out(void **state)
{
    unsigned char copy[sizeof npz];
    double out[60];
    size_t got, at = sizeof npz;

    (void)state;
    memcpy(copy, npz, sizeof npz);
    while (memcmp(copy + at - 4, "PK\x01\x02", 4) != 0)
        at--;
    copy[at - 4 + 10] = 8;                   /* the method in the central directory: deflate */
    assert_int_equal(read_bytes(copy, sizeof copy, "x", out, &got), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "numpy.savez instead of"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_and_spelling_is_read),
        cmocka_unit_test(fortran_order_is_turned),
        cmocka_unit_test(every_type_in_either_byte_order),
        cmocka_unit_test(one_dimension_is_a_row_when_it_fits),
        cmocka_unit_test(arrays_that_are_no_rows_are_refused),
        cmocka_unit_test(sizes_that_lie_are_refused_without_allocating),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(our_header_is_one_that_numpy_writes),
        cmocka_unit_test(npz_of_numpy_is_read_by_name),
        cmocka_unit_test(damaged_npz_is_refused),
        cmocka_unit_test(compressed_npz_names_the_way_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
