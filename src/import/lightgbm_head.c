/*
 * import/lightgbm_head.c - the header of LightGBM's text, and its objective
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/lightgbm.h"

#include "import/events.h"

enum {
    VERSION, NUM_CLASS, NUM_TREE_PER_ITERATION, LABEL_INDEX, MAX_FEATURE_IDX, OBJECTIVE,
    AVERAGE_OUTPUT, FEATURE_NAMES, MONOTONE_CONSTRAINTS, FEATURE_INFOS, TREE_SIZES, KEYS
};

static const char *const names[KEYS] = {
    "version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx",
    "objective", "average_output", "feature_names", "monotone_constraints", "feature_infos",
    "tree_sizes",
};

/* So that a short file cannot ask for much memory: a column takes about 100 bytes, its text
 * no less than 4. */
#define MOST_COLUMNS (1 << 22)
#define MOST_OUTPUTS 65536        /* classes */

/* ---- the objective ----------------------------------------------------------------------- */

/* Every spelling that LightGBM reads, the aliases of ParseObjectiveAlias included.  The square
 * is undone only for those marked, and only when the word `sqrt` follows. */
static const struct objective {
    const char *name;
    enum lgb_link link;
    int squares, classifies;
} objectives[] = {
    { "regression", LINK_NONE, 1, 0 },           { "regression_l2", LINK_NONE, 1, 0 },
    { "l2", LINK_NONE, 1, 0 },                   { "mean_squared_error", LINK_NONE, 1, 0 },
    { "mse", LINK_NONE, 1, 0 },                  { "l2_root", LINK_NONE, 1, 0 },
    { "root_mean_squared_error", LINK_NONE, 1, 0 }, { "rmse", LINK_NONE, 1, 0 },
    { "regression_l1", LINK_NONE, 1, 0 },        { "l1", LINK_NONE, 1, 0 },
    { "mean_absolute_error", LINK_NONE, 1, 0 },  { "mae", LINK_NONE, 1, 0 },
    { "huber", LINK_NONE, 0, 0 },                { "fair", LINK_NONE, 1, 0 },
    { "quantile", LINK_NONE, 1, 0 },             { "mape", LINK_NONE, 1, 0 },
    { "mean_absolute_percentage_error", LINK_NONE, 1, 0 },
    { "poisson", LINK_EXP, 0, 0 },               { "gamma", LINK_EXP, 0, 0 },
    { "tweedie", LINK_EXP, 0, 0 },
    { "binary", LINK_LOGISTIC, 0, 1 },
    { "cross_entropy", LINK_LOGISTIC, 0, 1 },    { "xentropy", LINK_LOGISTIC, 0, 1 },
    { "cross_entropy_lambda", LINK_LOG1P_EXP, 0, 0 }, { "xentlambda", LINK_LOG1P_EXP, 0, 0 },
    { "multiclass", LINK_SOFTMAX, 0, 1 },        { "softmax", LINK_SOFTMAX, 0, 1 },
    { "multiclassova", LINK_LOGISTIC, 0, 1 },    { "multiclass_ova", LINK_LOGISTIC, 0, 1 },
    { "ova", LINK_LOGISTIC, 0, 1 },              { "ovr", LINK_LOGISTIC, 0, 1 },
    { "lambdarank", LINK_NONE, 0, 0 },           { "rank_xendcg", LINK_NONE, 0, 0 },
    { "xendcg", LINK_NONE, 0, 0 },               { "xe_ndcg", LINK_NONE, 0, 0 },
    { "xe_ndcg_mart", LINK_NONE, 0, 0 },         { "xendcg_mart", LINK_NONE, 0, 0 },
    { "none", LINK_NONE, 0, 0 },                 { "null", LINK_NONE, 0, 0 },
    { "custom", LINK_NONE, 0, 0 },               { "na", LINK_NONE, 0, 0 },
};

static int is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

static double read_digits(struct span *s, double *power)
{
    double v = 0;

    for (*power = 1; s->at < s->end && is_digit(*s->at); s->at++, *power *= 10)
        v = v * 10 + (*s->at - '0');
    return v;
}

/* A number as Common::Atof reads the parameters of an objective: whole part and fraction
 * are rounded apart, so 1.23457 may be a neighbour of what it says.  0 if it is none. */
static int read_as_atof(struct span s, double *out)
{
    double power, whole = read_digits(&s, &power), digits = power;
    double right = 0, scale = 1;

    if (s.at < s.end && *s.at == '.') {
        s.at++;
        right = read_digits(&s, &power);
        digits *= power;
        whole += right / power;
    }
    const int exponent = s.at < s.end && (*s.at == 'e' || *s.at == 'E');
    s.at += exponent;
    const int minus = exponent && s.at < s.end && *s.at == '-';
    s.at += minus || (exponent && s.at < s.end && *s.at == '+');
    if (exponent) {
        const double e = read_digits(&s, &power);
        if (power == 1 || e > 99)
            return 0;
        for (int i = 0; i < (int)e; i++)
            scale *= 10;
    }
    *out = minus ? whole / scale : whole * scale;
    return s.at == s.end && digits > 1;
}

static mdl_status read_classes(struct lgb *g, struct span word, uint64_t *classes)
{
    int64_t v;
    const mdl_status s = mdl_lgb_int(g, word, "num_class of the objective", 1, MOST_OUTPUTS, &v);

    *classes = s ? 0 : (uint64_t)v;
    return s;
}

/* The words behind the name: "sqrt", "sigmoid:1", "num_class:3"; others tell of training. */
static mdl_status read_parameters(struct lgb *g, struct span rest, int squares,
                                  uint64_t *classes)
{
    struct span word;
    mdl_status s = MDL_OK;

    while (!s && mdl_lgb_word(&rest, ' ', &word)) {
        if (mdl_lgb_is(word, "sqrt") && squares)
            g->link = LINK_SQUARE;
        if (mdl_lgb_starts(word, "sigmoid:")
            && (!read_as_atof((struct span){ word.at + 8, word.end }, &g->sigmoid)
                || !(g->sigmoid > 0)))
            return mdl_lgb_fail(g, word.at, "the sigmoid of the objective must be a number above "
                                "0");
        if (mdl_lgb_starts(word, "num_class:"))
            s = read_classes(g, (struct span){ word.at + 10, word.end }, classes);
    }
    return s;
}

static mdl_status read_objective(struct lgb *g)
{
    struct span rest = g->objective, name;
    const struct objective *o = NULL;
    uint64_t classes = 1;
    char safe[64];

    g->sigmoid = 1;
    if (!rest.at)
        return MDL_OK;           /* trained with a function of the user's own */
    if (!mdl_lgb_word(&rest, ' ', &name))
        return mdl_lgb_fail(g, rest.at, "the objective is empty");
    if (!mdl_utf8_valid(g->objective.at, span_length(g->objective)))
        return mdl_lgb_fail(g, g->objective.at, "the objective is not UTF-8");
    for (size_t i = 0; !o && i < sizeof objectives / sizeof *objectives; i++)
        if (mdl_lgb_is(name, objectives[i].name))
            o = &objectives[i];
    if (!o) {
        mdl_parts_add(&g->parts, "objective '%s'",
                      mdl_safe_text(safe, sizeof safe, (const char *)name.at, span_length(name)));
        return MDL_OK;
    }
    g->link = o->link;
    g->classes = o->classifies;
    const mdl_status s = read_parameters(g, rest, o->squares, &classes);
    if (s || o->link == LINK_NONE)
        return s;
    if (classes != g->outputs)
        return mdl_lgb_fail(g, name.at, "the objective has %llu classes, an iteration %llu trees",
                            (unsigned long long)classes, (unsigned long long)g->outputs);
    return MDL_OK;
}

/* ---- the header -------------------------------------------------------------------------- */

static mdl_status need(const struct lgb *g, const struct span *value, const int *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!value[keys[i]].at)
            return mdl_lgb_fail(g, g->in.at, "the header has no '%s'", names[keys[i]]);
    return MDL_OK;
}

static void check_version(struct lgb *g)
{
    char safe[32];

    if (!g->version.at)
        mdl_parts_add(&g->parts, "a text without a version (LightGBM 2.0; load and save it with "
                      "LightGBM 3 or newer)");
    else if (!mdl_lgb_is(g->version, "v2") && !mdl_lgb_is(g->version, "v3")
             && !mdl_lgb_is(g->version, "v4"))
        mdl_parts_add(&g->parts, "text version '%s' (v2, v3 and v4 are)",
                      mdl_safe_text(safe, sizeof safe, (const char *)g->version.at,
                                    span_length(g->version)));
}

static mdl_status read_sizes(struct lgb *g, const struct span *value)
{
    int64_t classes, per_iteration, last;
    mdl_status s = mdl_lgb_int(g, value[NUM_CLASS], "num_class", 1, MOST_OUTPUTS, &classes);

    per_iteration = classes;
    if (!s && value[NUM_TREE_PER_ITERATION].at)
        s = mdl_lgb_int(g, value[NUM_TREE_PER_ITERATION], "num_tree_per_iteration", 1,
                        MOST_OUTPUTS, &per_iteration);
    if (!s)
        s = mdl_lgb_int(g, value[MAX_FEATURE_IDX], "max_feature_idx", 0, MOST_COLUMNS - 1, &last);
    if (s)
        return s;
    if (classes != per_iteration)
        mdl_parts_add(&g->parts, "num_class %lld with %lld trees per iteration",
                      (long long)classes, (long long)per_iteration);
    g->outputs = (uint64_t)per_iteration;
    g->cols = (uint64_t)last + 1;
    return MDL_OK;
}

mdl_status mdl_lgb_head(struct lgb *g)
{
    static const int needed[] = { NUM_CLASS, MAX_FEATURE_IDX, FEATURE_NAMES, FEATURE_INFOS };
    struct span value[KEYS] = { { NULL, NULL } }, first;

    if (!mdl_lgb_line(&g->in, &first) || !mdl_lgb_is(first, "tree"))
        return mdl_lgb_fail(g, g->in.start, "the first line is not 'tree': no LightGBM text");
    mdl_status s = mdl_lgb_fields(g, names, KEYS, value);
    if (!s) s = need(g, value, needed, sizeof needed / sizeof *needed);
    if (!s) s = read_sizes(g, value);
    if (s)
        return s;
    g->version = value[VERSION];
    g->objective = value[OBJECTIVE];
    g->names = value[FEATURE_NAMES];
    g->infos = value[FEATURE_INFOS];
    g->sizes = value[TREE_SIZES];
    g->average = value[AVERAGE_OUTPUT].at != NULL;
    check_version(g);
    return read_objective(g);
}
