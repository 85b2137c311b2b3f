/*
 * tests/test_csv.c - .csv files as rows of a model, and numbers as text
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "cli/number_text.h"
#include "cli/sheet.h"

#include <math.h>

static struct sheet sheet;
static mdl_error error;

/* Columns of small_model(): age (a number) and colour (red, green, blue, black). */
static struct wanted *columns(mdl_model **model)
{
    size_t size;
    unsigned char *file = small_file(&size);

    assert_int_equal(mdl_load_memory(model, file, size, NULL, NULL), MDL_OK);
    free(file);
    struct wanted *wanted = cli_wanted_input(*model);
    assert_non_null(wanted);
    return wanted;
}

/* Read a whole text; rows go into `out`.  Returns the status; `error` says why. */
static mdl_status read_text(const char *text, size_t length, const struct sheet_options *options,
                            double *out, size_t *rows)
{
    mdl_model *model;
    struct wanted *wanted = columns(&model);
    size_t got = 1;

    error = (mdl_error)MDL_ERROR_INIT;
    mdl_status s = cli_sheet_open_memory(&sheet, "t.csv", text, length, wanted, 2, options, &error);
    for (*rows = 0; !s && got; *rows += got)
        s = cli_sheet_read(&sheet, out + *rows * 2, 3, &got, &error);
    cli_sheet_close(&sheet);
    cli_wanted_free(wanted, 2);
    mdl_free(model);
    return s;
}

static void expect(const char *text, const struct sheet_options *options, size_t rows,
                   const double *want)
{
    double out[64];
    size_t got;

    if (read_text(text, strlen(text), options, out, &got))
        fail_msg("%s", error.text);
    assert_int_equal(got, rows);
    for (size_t i = 0; i < rows * 2; i++)
        if (isnan(want[i]) ? !isnan(out[i]) : out[i] != want[i])
            fail_msg("cell %d is %g, expected %g", (int)i, out[i], want[i]);
}

static void refused(const char *text, const struct sheet_options *options, const char *why)
{
    double out[64];
    size_t got;

    assert_int_equal(read_text(text, strlen(text), options, out, &got), MDL_ERR_DATA);
    if (!strstr(error.text, why))
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
}

#define EXPECT(text, rows, ...) expect(text, NULL, rows, (const double[]){ __VA_ARGS__ })
#define MISSING ((double)NAN)

/* ---- columns --------------------------------------------------------------------------- */

static void columns_are_found_by_name_in_any_order(void **state)
{
    (void)state;
    EXPECT("age,colour\n1,red\n2,black\n", 2, 1, 0, 2, 3);
    EXPECT("colour,age\nred,1\nblack,2\n", 2, 1, 0, 2, 3);
    EXPECT("id,colour,note,age\n7,green,x,4\n", 1, 4, 1);
    assert_non_null(strstr(sheet.note, "'id', 'note'"));
}

static void missing_columns_are_listed_with_the_nearest(void **state)
{
    (void)state;
    refused("agee,b\n1,2\n", NULL, "'age', 'colour'");
    refused("Age,colour\n1,red\n", NULL, "1 of 2 columns are missing: 'age'; is 'Age'");
    refused("age,colour,age\n1,red,2\n", NULL, "'age' is there twice");
}

static void without_a_header_columns_go_by_position(void **state)
{
    (void)state;
    EXPECT("1,red\n2,3\n", 2, 1, 0, 2, 3);
    assert_non_null(strstr(sheet.note, "by position"));
    refused("1,2,3\n", NULL, "3 columns, the model has 2");
    refused("1\n", NULL, "1 columns, the model has 2");
}

static void header_and_matching_can_be_forced(void **state)
{
    const struct sheet_options position = { .by_name = SHEET_NO };
    const struct sheet_options none = { .header = SHEET_NO };
    const struct sheet_options name = { .by_name = SHEET_YES };
    const struct sheet_options skip = { .header = SHEET_YES, .by_name = SHEET_NO };

    (void)state;
    expect("alter,farbe\n1,red\n", &position, 1, (const double[]){ 1, 0 });
    expect("1,2\n3,1\n", &skip, 1, (const double[]){ 3, 1 });
    refused("age,colour\n1,red\n", &none, "'age' is not a number");
    refused("1,2\n", &name, "no header");
}

/* ---- cells ----------------------------------------------------------------------------- */

static void empty_and_na_cells_are_missing(void **state)
{
    (void)state;
    EXPECT("age,colour\n,\nNA,nan\nNaN,None\n\" \",<NA>\n-nan,NULL\n", 5, MISSING, MISSING, MISSING,
           MISSING, MISSING, MISSING, MISSING, MISSING, MISSING, MISSING);
}

static void numbers_are_read_as_pandas_reads_them(void **state)
{
    (void)state;
    /* 2^53 + 1 is a tie and goes to even; 0.1 is 0x1.999999999999ap-4 (David Gay's tables) */
    EXPECT("age,colour\n9007199254740993,0\n0.1,0\n 1e3 ,0\n-.5,0\n+4,0\ninf,0\nTrue,0\nfalse,0\n",
           8, 9007199254740992.0, 0, 0x1.999999999999ap-4, 0, 1000, 0, -0.5, 0, 4, 0,
           (double)INFINITY, 0, 1, 0, 0, 0);
    refused("age,colour\n1,0\n12abc,0\n", NULL, "t.csv:3: column 1 'age': '12abc' is not a number");
    refused("age;colour\n1,5;0\n", NULL, "the decimal mark is a point");
    refused("age,colour\n0x10,0\n", NULL, "is not a number");
}

static void categories_are_texts_or_codes(void **state)
{
    const struct sheet_options missing = { .unknown_missing = 1 };

    (void)state;
    EXPECT("age,colour\n1,blue\n1,2\n1,2.0\n1, blue\n1,\"blue\"\n", 5,
           1, 2, 1, 2, 1, 2, 1, 2, 1, 2);
    refused("age,colour\n1,bleu\n", NULL, "did you mean 'blue'?");
    refused("age,colour\n1,4\n", NULL, "'4' is none of its 4 categories");
    refused("age,colour\n1,-1\n", NULL, "none of its 4 categories");
    refused("age,colour\n1,1.5\n", NULL, "none of its 4 categories");
    expect("age,colour\n1,bleu\n", &missing, 1, (const double[]){ 1, MISSING });
}

static void categories_that_were_numbers_match_by_value_not_code(void **state)
{
    const char *texts[] = { "10", "2.5", "7" };
    uint32_t sorted[] = { 0, 1, 2 };
    const struct wanted w = { .name = "a", .is_category = 1, .category_type = MDL_F64,
                              .n_categories = 3, .categories = texts, .sorted = sorted };
    const struct csv_cell ten = { "10.0", 4, 0 }, seven = { "07", 2, 0 }, one = { "1", 1, 0 };
    double v;

    (void)state;
    assert_true(cli_cell_value(&w, &ten, &v) && v == 0);
    assert_true(cli_cell_value(&w, &seven, &v) && v == 2);
    assert_false(cli_cell_value(&w, &one, &v));
}

/* ---- RFC 4180 and its neighbours ------------------------------------------------------- */

static void quotes_follow_rfc_4180(void **state)
{
    const char *texts[] = { "a,b", "say \"x\"", "two\nlines", "" };
    uint32_t sorted[] = { 3, 0, 1, 2 };
    const struct wanted w = { .name = "c", .is_category = 1, .category_type = MDL_STRING,
                              .n_categories = 4, .categories = texts, .sorted = sorted };
    const char text[] = "c\n\"a,b\"\n\"say \"\"x\"\"\"\n\"two\nlines\"\n\"\"\n";
    double out[8];
    size_t got = 0;

    (void)state;
    error = (mdl_error)MDL_ERROR_INIT;
    if (cli_sheet_open_memory(&sheet, "t.csv", text, strlen(text), &w, 1, NULL, &error)
        || cli_sheet_read(&sheet, out, 8, &got, &error))
        fail_msg("%s", error.text);
    assert_int_equal(got, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(out[i] == (double)i);
    cli_sheet_close(&sheet);
    refused("age,colour\n\"1\"x,0\n", NULL, "behind a closing quote");
    refused("age,colour\n1,0\n\"2,0\n", NULL, "t.csv:3: a quote that begins in this record");
}

static void line_ends_and_marks_of_all_systems(void **state)
{
    (void)state;
    EXPECT("age,colour\r\n1,red\r\n2,blue\r\n", 2, 1, 0, 2, 2);
    EXPECT("age,colour\r1,red\r2,blue", 2, 1, 0, 2, 2);
    EXPECT("\n\nage,colour\n\n1,red\n\n\n2,blue\n\n", 2, 1, 0, 2, 2);
    EXPECT("\xEF\xBB\xBF" "age,colour\n1,red\n", 1, 1, 0);
    EXPECT("\xEF\xBB\xBF\"age\",\"colour\"\n1,red\n", 1, 1, 0);
}

static void separators_are_detected(void **state)
{
    const struct sheet_options comma = { .separator = ',' };

    (void)state;
    EXPECT("age;colour\n1;red\n", 1, 1, 0);
    EXPECT("age\tcolour\n1\tred\n", 1, 1, 0);
    EXPECT("age|colour\n1|red\n", 1, 1, 0);
    EXPECT("\"a,b,c\";age;colour\nx;1;red\n", 1, 1, 0);
    expect("age,colour,a;b;c;d\n1,red,0\n", &comma, 1, (const double[]){ 1, 0 });
}

static void what_is_no_table_is_refused(void **state)
{
    double out[64];
    size_t got;

    (void)state;
    refused("", NULL, "the file is empty");
    refused("\n\r\n", NULL, "the file is empty");
    refused("age,colour\n1,0,3\n", NULL, "t.csv:2: 3 cells, the first line has 2");
    refused("age,colour\n1\n", NULL, "1 cells, the first line has 2");
    refused("{\"a\": 1}", NULL, "no table of rows");
    assert_int_equal(read_text("\xFF\xFEg\0e\0", 6, NULL, out, &got), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "UTF-16"));
    assert_int_equal(read_text("age,colour\n1,\0", 14, NULL, out, &got), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "zero byte"));
    assert_int_equal(read_text("\x80\x04\x95", 3, NULL, out, &got), MDL_ERR_DATA);
    assert_non_null(strstr(error.text, "pickle"));
}

static void header_alone_is_no_rows(void **state)
{
    (void)state;
    EXPECT("age,colour\n", 0, 0);
}

static void long_cells_and_many_records_pass_through_small_buffers(void **state)
{
    const size_t rows = 30000, length = 200000;
    char *text = malloc(rows * 16 + length + 64);
    size_t n = (size_t)sprintf(text, "note,colour,age\n\"");
    double *out = malloc((rows + 1) * 2 * sizeof *out);
    size_t got;

    (void)state;
    memset(text + n, 'x', length);
    n += length;
    n += (size_t)sprintf(text + n, "\",red,-1\n");
    for (size_t i = 0; i < rows; i++)
        n += (size_t)sprintf(text + n, ",blue,%d\n", (int)i);
    assert_int_equal(read_text(text, n, NULL, out, &got), MDL_OK);
    assert_int_equal(got, rows + 1);
    assert_true(out[0] == -1 && out[1] == 0);
    for (size_t i = 0; i < rows; i++)
        assert_true(out[2 * i + 2] == (double)i && out[2 * i + 3] == 2);
    free(out);
    free(text);
}

/* ---- numbers as text ------------------------------------------------------------------- */

static void floats_are_written_shortest(void **state)
{
    /* what repr(numpy.float32(...)) and repr(float) give, but for the form of exponents */
    static const struct { float v; const char *text; } narrow[] = {
        { 0.1f, "0.1" }, { 1.0f / 3, "0.33333334" }, { 16777216.0f, "16777216" },
        { 3.4028235e38f, "3.4028235e+38" }, { 1e-45f, "1e-45" }, { -0.0f, "-0" }, { 100, "100" },
    };
    static const struct { double v; const char *text; } wide[] = {
        { 0.1, "0.1" }, { 1.0 / 3, "0.3333333333333333" }, { 5e-324, "5e-324" },
        { 0.1 + 0.2, "0.30000000000000004" }, { 1e22, "1e+22" }, { 123456789012, "123456789012" },
    };
    char out[NUMBER_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        assert_string_equal(cli_f32_text(out, narrow[i].v), narrow[i].text);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        assert_string_equal(cli_f64_text(out, wide[i].v), wide[i].text);
    assert_string_equal(cli_f32_text(out, (float)NAN), "nan");
    assert_string_equal(cli_f64_text(out, -(double)INFINITY), "-inf");
}

static void any_float_reads_back_as_itself(void **state)
{
    uint64_t random = 1;
    char out[NUMBER_TEXT];

    (void)state;
    for (int i = 0; i < 200000; i++) {
        const uint64_t bits = next_random(&random);
        float f;
        double d;
        memcpy(&f, &bits, sizeof f);
        memcpy(&d, &bits, sizeof d);
        if (f - f == 0)
            assert_true(strtof(cli_f32_text(out, f), NULL) == f);
        if (d - d == 0)
            assert_true(strtod(cli_f64_text(out, d), NULL) == d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name_in_any_order),
        cmocka_unit_test(missing_columns_are_listed_with_the_nearest),
        cmocka_unit_test(without_a_header_columns_go_by_position),
        cmocka_unit_test(header_and_matching_can_be_forced),
        cmocka_unit_test(empty_and_na_cells_are_missing),
        cmocka_unit_test(numbers_are_read_as_pandas_reads_them),
        cmocka_unit_test(categories_are_texts_or_codes),
        cmocka_unit_test(categories_that_were_numbers_match_by_value_not_code),
        cmocka_unit_test(quotes_follow_rfc_4180),
        cmocka_unit_test(line_ends_and_marks_of_all_systems),
        cmocka_unit_test(separators_are_detected),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(header_alone_is_no_rows),
        cmocka_unit_test(long_cells_and_many_records_pass_through_small_buffers),
        cmocka_unit_test(floats_are_written_shortest),
        cmocka_unit_test(any_float_reads_back_as_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
