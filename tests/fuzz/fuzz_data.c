/*
 * tests/fuzz/fuzz_data.c - any bytes as a file of rows: .csv, .npy, .npz
 *
 * Read for a model with a number and a category column.  What is accepted gives numbers,
 * missing values and codes that exist; reading it twice gives the same; and our own text of
 * each number reads back as that number.
 *
 * The readers belong to the program, not to a library, so they are compiled in here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/csv.c"
#include "cli/hint.c"
#include "cli/input.c"
#include "cli/npy.c"
#include "cli/npz.c"
#include "cli/number_text.c"
#include "cli/sheet_cell.c"
#include "cli/suggest.c"
#include "cli/sheet.c"

#define MOST_ROWS 4096u
#define COLUMNS 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static const char *colours[] = { "red", "green", "blue", "a,\"b" };
static const char *sizes[] = { "1", "2.5", "10" };
static uint32_t colours_sorted[] = { 3, 2, 1, 0 }, sizes_sorted[] = { 0, 2, 1 };

static const struct wanted wanted[COLUMNS] = {
    { .name = "age" },
    { .name = "colour", .is_category = 1, .category_type = MDL_STRING, .n_categories = 4,
      .categories = colours, .sorted = colours_sorted },
    { .name = "size", .is_category = 1, .category_type = MDL_F64, .n_categories = 3,
      .categories = sizes, .sorted = sizes_sorted },
};

/* All rows; SIZE_MAX when the bytes are refused. */
static size_t read_rows(double *out, const uint8_t *data, size_t size,
                        const struct sheet_options *options)
{
    struct sheet sheet;
    mdl_error err = MDL_ERROR_INIT;
    size_t rows = 0, got = 1;
    mdl_status s = cli_sheet_open_memory(&sheet, "data", data, size, wanted, COLUMNS, options,
                                         &err);

    while (!s && got && rows < MOST_ROWS) {
        const size_t max = MOST_ROWS - rows < 7 ? MOST_ROWS - rows : 7;
        s = cli_sheet_read(&sheet, out + rows * COLUMNS, max, &got, &err);
        rows += got;
    }
    require(!s || (err.code == s && err.text[0]));
    const int is_array = sheet.is_array;
    cli_sheet_close(&sheet);
    if (s)
        return SIZE_MAX;
    for (size_t i = 0; i < rows && !is_array; i++)   /* arrays hold codes as they are */
        for (size_t k = 1; k < COLUMNS; k++) {
            const double v = out[i * COLUMNS + k];
            require(v != v || (v >= 0 && v < (double)wanted[k].n_categories && v == floor(v)));
        }
    return rows;
}

static void numbers_survive(const double *x, size_t n)
{
    char text[NUMBER_TEXT];
    double back;
    float narrow;

    for (size_t i = 0; i < n; i++) {
        if (x[i] != x[i])
            continue;
        size_t length = strlen(cli_f64_text(text, x[i]));
        require(mdl_parse_f64(text, length, &back) == length && back == x[i]);
        length = strlen(cli_f32_text(text, (float)x[i]));
        require(mdl_parse_f32(text, length, &narrow) == length && narrow == (float)x[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static double first[MOST_ROWS * COLUMNS], second[MOST_ROWS * COLUMNS];
    static const struct sheet_options options[] = {
        { .member = "x" },
        { .header = SHEET_NO, .unknown_missing = 1, .separator = ';' },
        { .header = SHEET_YES, .by_name = SHEET_NO, .unknown_missing = 1 },
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const size_t rows = read_rows(first, data, size, &options[i]);
        require(read_rows(second, data, size, &options[i]) == rows);
        if (rows == SIZE_MAX)
            continue;
        require(!memcmp(first, second, rows * COLUMNS * sizeof *first));
        numbers_survive(first, rows * COLUMNS);
    }
    return 0;
}
