/*
 * import/lightgbm_tail.c - what follows the trees of LightGBM's text
 *
 *     end of trees
 *
 *     feature_importances:          name=count, one a line
 *     parameters:                   of training; [categorical_feature: 1,3] says which columns
 *     end of parameters             are categories
 *     parser:                       only when data came through a parser of the user's own
 *     end of parser
 *     pandas_categorical:[...]      by the Python package, always last
 *
 * Each section may be missing.  A section that begins must end, so that a file that was cut
 * here is noticed where it can be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/lightgbm.h"

#include <string.h>

#define CATEGORICAL_FEATURE "[categorical_feature: "
#define PANDAS "pandas_categorical:"

static mdl_status skip_section(struct lgb *g, struct span begin, const char *end)
{
    struct span line;

    while (mdl_lgb_line(&g->in, &line)) {
        if (mdl_lgb_is(line, end))
            return MDL_OK;
        if (mdl_lgb_starts(line, CATEGORICAL_FEATURE) && line.end[-1] == ']')
            g->categorical = (struct span){ line.at + sizeof CATEGORICAL_FEATURE - 1,
                                            line.end - 1 };
    }
    return mdl_lgb_fail(g, begin.at, "the file ends before '%s': " MDL_CUT_OFF, end);
}

static int is_blank(struct span line)
{
    struct span word;

    return !mdl_lgb_word(&line, ' ', &word);
}

mdl_status mdl_lgb_tail(struct lgb *g)
{
    struct span line;
    int importances = 0, done = 0;
    mdl_status s = MDL_OK;

    while (!s && mdl_lgb_line(&g->in, &line)) {
        if (is_blank(line) || mdl_lgb_is(line, "end of trees"))
            continue;
        if (done)
            return mdl_lgb_fail(g, line.at, "a line behind " PANDAS);
        if (mdl_lgb_is(line, "feature_importances:") || mdl_lgb_is(line, "feature importances:"))
            importances = 1;
        else if (mdl_lgb_is(line, "parameters:"))
            s = skip_section(g, line, "end of parameters");
        else if (mdl_lgb_is(line, "parser:"))
            s = skip_section(g, line, "end of parser");
        else if (mdl_lgb_starts(line, PANDAS)) {
            g->categories = (struct span){ line.at + sizeof PANDAS - 1, line.end };
            done = 1;
        } else if (!importances || !memchr(line.at, '=', span_length(line)))
            return mdl_lgb_fail(g, line.at, line.end == g->in.end
                                ? "the file ends within a line: " MDL_CUT_OFF
                                : "a line that belongs to no section");
    }
    return s;
}
