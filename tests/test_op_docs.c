/*
 * tests/test_op_docs.c - docs/operators.md against the operators there are
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <ctype.h>

static char *document(void)
{
    size_t size;
    char *text = (char *)read_file(data_path("../../docs/operators.md"), &size);

    assert_non_null(text);
    text[size] = '\0';
    return text;
}

/* `word` as a whole word in text[0 .. length). */
static int says(const char *text, size_t length, const char *word)
{
    const size_t n = strlen(word);

    for (size_t i = 0; i + n <= length; i++) {
        const int before = i ? text[i - 1] : ' ', after = text[i + n];
        if (!memcmp(text + i, word, n) && !isalnum(before) && before != '_' && !isalnum(after)
            && after != '_')
            return 1;
    }
    return 0;
}

/* The section of an operator; *length of it. */
static const char *section(const char *text, const char *op, size_t *length)
{
    char heading[64];

    snprintf(heading, sizeof heading, "\n## %s\n", op);
    const char *at = strstr(text, heading);
    *length = 0;
    if (!at) {
        fail_msg("docs/operators.md has no section '%s'", op);
        return text;
    }
    const char *end = strstr(at + 1, "\n## ");
    *length = end ? (size_t)(end - at) : strlen(at);
    return at;
}

static void every_operator_parameter_and_weight_is_described(void **state)
{
    mdl_op_info op = { .size = sizeof op };
    char *text = document(), words[256];
    const char *name;
    (void)state;

    for (size_t i = 0; !mdl_op(i, &op); i++) {
        size_t length;
        const char *part = section(text, op.name, &length);
        for (uint32_t k = 0; k < op.n_params; k++) {
            assert_int_equal(mdl_op_param(i, k, &name, words, sizeof words), MDL_OK);
            if (!says(part, length, name))
                fail_msg("section '%s' does not name the parameter '%s'", op.name, name);
        }
        for (uint32_t k = 0; k < op.n_weights; k++) {
            assert_int_equal(mdl_op_weight(i, k, &name, words, sizeof words), MDL_OK);
            if (!says(part, length, name))
                fail_msg("section '%s' does not name the weights '%s'", op.name, name);
        }
    }
    free(text);
}

static void no_section_is_about_an_operator_that_is_not_there(void **state)
{
    char *text = document();
    (void)state;

    for (const char *at = strstr(text, "\n## "); at; at = strstr(at + 1, "\n## ")) {
        mdl_op_info op = { .size = sizeof op };
        int found = 0;
        for (size_t i = 0; !found && !mdl_op(i, &op); i++)
            found = !strncmp(at + 4, op.name, strlen(op.name)) && at[4 + strlen(op.name)] == '\n';
        if (!found)
            fail_msg("docs/operators.md: %.30s", at + 1);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_parameter_and_weight_is_described),
        cmocka_unit_test(no_section_is_about_an_operator_that_is_not_there),
    };

    return cmocka_run_group_tests_name("op docs", tests, NULL, NULL);
}
