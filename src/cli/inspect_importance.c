/*
 * cli/inspect_importance.c - mdl inspect --importance: columns by importance, the largest first
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/inspect.h"

#include "cli/number_text.h"
#include "cli/report.h"

#include <stdlib.h>

#define SHOWN 30u                 /* without --all, as text */

struct ranked {
    double value;                 /* of the first kind      */
    size_t column;
};

/* NaN last, then by column. */
static int larger_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->value > y->value || (x->value == x->value && y->value != y->value))
        return -1;
    if (y->value > x->value || (y->value == y->value && x->value != x->value))
        return 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static void table(struct cli *c, FILE *to, const mdl_model *m, const double *values,
                  const struct ranked *order, size_t cols, size_t kinds)
{
    const char *heads[REPORT_HEADS + 1] = { "column", "name" };
    const size_t shown = c->format == CLI_TABLE && !cli_option(c, "all") && cols > SHOWN ? SHOWN : cols;
    char number[NUMBER_TEXT];
    struct report r;

    for (size_t k = 0; k < kinds; k++)
        mdl_importance(m, k, &heads[2 + k], NULL);
    cli_report_start(&r, c->format, heads);
    for (size_t i = 0; i < shown; i++) {
        mdl_column_info info = { .size = sizeof info, .name = "" };
        mdl_column(m, 0, order[i].column, &info);
        cli_report_count(&r, order[i].column);
        cli_report_text(&r, info.name);
        for (size_t k = 0; k < kinds; k++)
            cli_report_number(&r, cli_element_text(number, MDL_F64, values, k * cols + order[i].column));
    }
    cli_report_end(&r, to);
    if (shown < cols)
        fprintf(to, "... %llu more; --all shows them\n", (unsigned long long)(cols - shown));
}

int cli_inspect_importance(struct cli *c, FILE *to, const mdl_model *m)
{
    const size_t all = mdl_importance_count(m), cols = mdl_input_cols(m);
    const size_t kinds = all < REPORT_HEADS - 2 ? all : REPORT_HEADS - 2;

    if (!all)
        return cli_fail(c, CLI_UNSUPPORTED, "%s has no importances: convert it again from its source, "
                        "if that is a tree ensemble of XGBoost, LightGBM or CatBoost (of "
                        "scikit-learn in Python); files converted before they were kept have none",
                        c->args[0]);
    double *values = calloc(kinds * cols, sizeof *values);
    struct ranked *order = calloc(cols, sizeof *order);
    for (size_t k = 0; values && k < kinds; k++)
        mdl_importance(m, k, NULL, values + k * cols);
    for (size_t i = 0; values && order && i < cols; i++)
        order[i] = (struct ranked){ values[i], i };
    if (values && order) {
        qsort(order, cols, sizeof *order, larger_first);
        table(c, to, m, values, order, cols, kinds);
    }
    const int code = values && order ? CLI_OK : cli_fail(c, CLI_IO, "out of memory");
    free(values);
    free(order);
    return code;
}
