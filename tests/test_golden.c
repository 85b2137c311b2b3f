/*
 * tests/test_golden.c - every golden file, of every release: read for ever, and never damaged
 *
 * Walks tests/data/golden_*.mdl, so that a new one is covered by being there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <glob.h>
#include <math.h>

static glob_t files;

static int find_files(void **state)
{
    (void)state;
    return glob(data_path("golden_*.mdl"), 0, NULL, &files);
}

static int forget_files(void **state)
{
    (void)state;
    globfree(&files);
    return 0;
}

/* The i-th golden tensor that belongs to an output, and the input's rows. */
static size_t golden_tensors(const mdl_model *m, mdl_tensor *x, mdl_tensor *y, size_t i)
{
    const size_t n = mdl_golden_count(m);
    size_t found = 0;

    for (size_t k = 0; k < n; k++) {
        mdl_tensor t = { .size = sizeof t };
        uint32_t is_output;
        assert_int_equal(mdl_golden(m, k, &t, &is_output), MDL_OK);
        if (!is_output)
            *x = t;
        else if (found++ == i)
            *y = t;
    }
    return found;
}

/* No matrix product in it: every margin is a sum of leaves. */
static int has_trees_only(const mdl_model *m)
{
    for (size_t i = 0; i < mdl_node_count(m); i++) {
        mdl_node_info info = { .size = sizeof info };
        mdl_node(m, i, &info);
        if (!strcmp(info.op, "dense"))
            return 0;
    }
    return 1;
}

static size_t cell_bytes(uint32_t type)
{
    return type == MDL_F64 ? 8 : 4;
}

/* Margins, leaves and labels have the bits of the framework; what is behind a link or a BLAS is
 * near: 1e-6 of float32, 1e-12 of float64. */
static int agrees(const mdl_model *m, const mdl_tensor *y, const void *got)
{
    mdl_output_info info = { .size = sizeof info };
    const size_t n = (size_t)(y->dims[0] * y->dims[1]);
    const double bound = y->type == MDL_F32 ? 1e-6 : 1e-12;

    mdl_output(m, mdl_output_find(m, y->name), &info);
    if (y->type == MDL_I32 || (info.role == MDL_OUTPUT_RAW && has_trees_only(m)))
        return !memcmp(got, y->data, n * cell_bytes(y->type));
    for (size_t i = 0; i < n; i++) {
        const double a = y->type == MDL_F32 ? (double)((const float *)got)[i] : ((const double *)got)[i];
        const double b = y->type == MDL_F32 ? (double)((const float *)y->data)[i]
                                            : ((const double *)y->data)[i];
        if (!(fabs(a - b) <= bound * fmax(1, fabs(b))))
            return 0;
    }
    return 1;
}

static size_t check_rows(const char *path, const mdl_model *m)
{
    mdl_tensor x = { .size = sizeof x }, y = { .size = sizeof y };
    const size_t outputs = golden_tensors(m, &x, &y, 0);

    for (size_t i = 0; i < outputs; i++) {
        mdl_error err = MDL_ERROR_INIT;
        golden_tensors(m, &x, &y, i);
        const size_t bytes = (size_t)(y.dims[0] * y.dims[1]) * cell_bytes(y.type);
        void *got = malloc(bytes + 1);
        const mdl_predict_options o = { .size = sizeof o, .output_name = y.name };
        mdl_tensor out = y;
        out.data = got;
        if (mdl_predict_tensor(m, &x, &out, &o, &err))
            fail_msg("%s: %s", path, err.text);
        if (!agrees(m, &y, got))
            fail_msg("%s: output '%s' is not as recorded, kernels %s", path, y.name, mdl_isa(m));
        free(got);
    }
    return outputs;
}

static void every_golden_file_answers_its_golden_rows_on_every_kernel_set(void **state)
{
    size_t rows = 0;
    (void)state;

    for (size_t f = 0; f < files.gl_pathc; f++)
        for (size_t k = 0; mdl_isa_name(k); k++) {
            const mdl_load_options o = { .size = sizeof o, .isa = mdl_isa_name(k) };
            mdl_error err = MDL_ERROR_INIT;
            mdl_model *m;
            if (mdl_load(&m, files.gl_pathv[f], &o, &err))
                fail_msg("%s: %s", files.gl_pathv[f], err.text);
            rows += check_rows(files.gl_pathv[f], m);
            mdl_free(m);
        }
    assert_true(rows > 0);
}

static void refused(const unsigned char *file, size_t size, const char *path, const char *how,
                    size_t at)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = (mdl_model *)1;

    if (!mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s, %s %zu: loaded", path, how, at);
    assert_null(m);
    assert_true(err.code != MDL_OK && err.text[0] != 0);
}

static void every_truncation_of_every_golden_file_is_refused(void **state)
{
    (void)state;

    for (size_t f = 0; f < files.gl_pathc; f++) {
        size_t size;
        unsigned char *file = read_file(files.gl_pathv[f], &size);
        for (size_t n = 0; n < size; n++) {
            unsigned char *cut = malloc(n ? n : 1);      /* exactly: a read beyond is seen */
            memcpy(cut, file, n);
            refused(cut, n, files.gl_pathv[f], "cut to", n);
            free(cut);
        }
        free(file);
    }
}

static void a_flipped_bit_in_any_byte_of_a_golden_file_is_refused(void **state)
{
    (void)state;

    for (size_t f = 0; f < files.gl_pathc; f++) {
        size_t size;
        unsigned char *file = read_file(files.gl_pathv[f], &size);
        for (size_t bit = 0; bit < size * 8; bit += slow() > 1 ? 1 : 7) {
            file[bit / 8] ^= (unsigned char)(1u << bit % 8);
            refused(file, size, files.gl_pathv[f], "bit", bit);
            file[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_file_answers_its_golden_rows_on_every_kernel_set),
        cmocka_unit_test(every_truncation_of_every_golden_file_is_refused),
        cmocka_unit_test(a_flipped_bit_in_any_byte_of_a_golden_file_is_refused),
    };

    return cmocka_run_group_tests_name("golden", tests, find_files, forget_files);
}
