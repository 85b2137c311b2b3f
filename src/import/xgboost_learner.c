/*
 * import/xgboost_learner.c - the first pass: everything but the trees
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/xgboost.h"

#include "import/number.h"

#include <string.h>

/* The last text, cut to fit: what is longer than the room is nothing we know. */
static void keep(char *to, size_t room, const struct events *e)
{
    const size_t n = e->length < room ? e->length : room - 1;

    memcpy(to, e->text, n);
    to[n] = 0;
}

/* ---- single values --------------------------------------------------------------------- */

static int bad_integer(struct events *e, const char *name, int64_t least, int64_t most)
{
    mdl_events_bad(e, "'%s' is no integer from %lld to %lld", name, (long long)least,
                   (long long)most);
    return 0;
}

int mdl_xgb_integer(struct events *e, const char *name, int64_t least, int64_t most,
                    int64_t *out)
{
    const enum event ev = mdl_events_next(e);
    int64_t v = 0;

    if (ev == EVENT_FAILED)
        return 0;
    if (ev == EVENT_STRING && e->length) {
        if (mdl_parse_i64(e->text, e->length, &v) != e->length)
            return bad_integer(e, name, least, most);
    } else if (ev != EVENT_NUMBER)
        return bad_integer(e, name, least, most);
    else if (!mdl_events_get_i64(e, &v))
        return 0;
    if (v < least || v > most)
        return bad_integer(e, name, least, most);
    *out = v;
    return 1;
}

static int text_value(struct events *e, char *to, size_t room)
{
    if (!mdl_events_string(e))
        return 0;
    keep(to, room, e);
    return 1;
}

static int add_base(struct xgb *x, struct events *e, float f)
{
    const double v = (double)f;

    return mdl_vec_add(&x->base, &x->allocator, &v, sizeof v) ? 1 : !mdl_events_memory(e);
}

/* "5E-1", or "[5E-1,2E0]" since 3.1; also "(...)". */
static int base_text(struct xgb *x, struct events *e)
{
    const char *p = e->text, *end = p + e->length;
    const char close = p < end && *p == '[' ? ']' : p < end && *p == '(' ? ')' : 0;
    float f;

    for (p += close != 0; p < end; p++) {
        const size_t n = mdl_parse_f32(p, (size_t)(end - p), &f);

        if (!n)
            break;
        if (!add_base(x, e, f))
            return 0;
        p += n;
        if (p == end)
            return close ? 0 : 1;
        if (close && *p == close && p + 1 == end)
            return 1;
        if (!close || *p != ',')
            break;
        while (p + 1 < end && p[1] == ' ')
            p++;
    }
    return 0;
}

static int base_score(struct xgb *x, struct events *e)
{
    const enum event ev = mdl_events_next(e);
    float f;

    x->base.bytes = 0;
    if (ev == EVENT_NUMBER)
        return mdl_events_get_f32(e, &f) && add_base(x, e, f);
    if (ev == EVENT_STRING && base_text(x, e))
        return 1;
    if (ev != EVENT_FAILED)
        mdl_events_bad(e, "'base_score' is no number and no list of numbers");
    return 0;
}

/* ---- objects of the learner -------------------------------------------------------------- */

static void model_param(struct xgb *x, struct events *e)
{
    x->has_params = 1;
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "num_feature"))
            mdl_xgb_integer(e, "num_feature", 0, INT32_MAX, &x->features);
        else if (mdl_events_is(e, "num_class"))
            mdl_xgb_integer(e, "num_class", 0, XGB_MAX_OUTPUTS, &x->classes);
        else if (mdl_events_is(e, "num_target"))
            mdl_xgb_integer(e, "num_target", 0, XGB_MAX_OUTPUTS, &x->targets);
        else if (mdl_events_is(e, "base_score"))
            base_score(x, e);
        else
            mdl_events_skip(e, NULL);
}

static void objective(struct xgb *x, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "name"))
            text_value(e, x->objective, sizeof x->objective);
        else
            mdl_events_skip(e, NULL);
}

/* What the scikit-learn wrapper noted: a JSON text within a text. */
static void scikit_learn(struct xgb *x, const char *text, size_t length)
{
    static const char *const kinds[][2] = { { "classifier", "XGBClassifier" },
                                            { "regressor", "XGBRegressor" },
                                            { "ranker", "XGBRanker" } };
    struct events e;
    float missing;

    x->from_sklearn = 1;
    mdl_events_json(&e, bytes_of(text, length), NULL);
    mdl_events_object(&e);
    while (mdl_events_key(&e)) {
        const int is_missing = mdl_events_is(&e, "missing");

        if (mdl_events_is(&e, "_estimator_type")) {
            if (!mdl_events_string(&e))
                break;
            for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (mdl_events_is(&e, kinds[i][0]))
                    strcpy(x->estimator, kinds[i][1]);
        } else if (is_missing && mdl_events_next(&e) == EVENT_NUMBER) {
            if (mdl_events_get_f32(&e, &missing) && missing == missing)
                mdl_parts_add(&x->parts, "a value other than NaN for what is missing "
                                         "(missing=%.*s)", (int)e.length, e.text);
        } else if (!is_missing)
            mdl_events_skip(&e, NULL);
    }
    mdl_events_free(&e);
}

static void attributes(struct xgb *x, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "scikit_learn")) {
            if (mdl_events_string(e))
                scikit_learn(x, e->text, e->length);
        } else if (mdl_events_is(e, "best_iteration"))
            mdl_xgb_integer(e, "best_iteration", 0, INT32_MAX, &x->best_iteration);
        else
            mdl_events_skip(e, NULL);
}

/* ---- the booster ---------------------------------------------------------------------------- */

static void gbtree_param(struct xgb *x, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "num_trees"))
            mdl_xgb_integer(e, "num_trees", 0, INT32_MAX, &x->n_trees);
        else if (mdl_events_is(e, "num_parallel_tree"))
            mdl_xgb_integer(e, "num_parallel_tree", 0, INT32_MAX, &x->parallel);
        else
            mdl_events_skip(e, NULL);
}

static void model(struct xgb *x, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "gbtree_model_param"))
            gbtree_param(x, e);
        else if (mdl_events_is(e, "trees"))
            mdl_events_span(e, &x->trees);
        else if (mdl_events_is(e, "tree_info")) {
            x->has_tree_info = 1;
            mdl_events_ints(e, &x->tree_info);
        } else if (mdl_events_is(e, "iteration_indptr")) {
            x->has_rounds = 1;
            mdl_events_ints(e, &x->rounds);
        } else if (mdl_events_is(e, "weights")) {
            x->has_weights = 1;
            mdl_events_doubles(e, &x->weights);
        } else if (mdl_events_is(e, "weight_drop"))
            mdl_events_doubles(e, &x->drop);
        else if (mdl_events_is(e, "cats"))
            mdl_events_span(e, &x->cats);
        else
            mdl_events_skip(e, NULL);
}

/* `outer` 0: the one within a dart, whose name is "gbtree" again. */
static void booster(struct xgb *x, struct events *e, int outer)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (outer && mdl_events_is(e, "name"))
            text_value(e, x->booster, sizeof x->booster);
        else if (mdl_events_is(e, "model"))
            model(x, e);
        else if (outer && mdl_events_is(e, "gbtree"))
            booster(x, e, 0);
        else if (outer && mdl_events_is(e, "weight_drop"))
            mdl_events_doubles(e, &x->drop);
        else
            mdl_events_skip(e, NULL);
}

/* ---- the document ----------------------------------------------------------------------------- */

static void learner(struct xgb *x, struct events *e)
{
    x->has_learner = 1;
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "attributes"))
            attributes(x, e);
        else if (mdl_events_is(e, "feature_names"))
            mdl_events_span(e, &x->names);
        else if (mdl_events_is(e, "feature_types"))
            mdl_events_span(e, &x->types);
        else if (mdl_events_is(e, "gradient_booster"))
            booster(x, e, 1);
        else if (mdl_events_is(e, "learner_model_param"))
            model_param(x, e);
        else if (mdl_events_is(e, "objective"))
            objective(x, e);
        else
            mdl_events_skip(e, NULL);
}

static void version(struct xgb *x, struct events *e)
{
    enum event ev;
    size_t n = 0;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev)) {
        int64_t v = 0;
        if (ev != EVENT_NUMBER || n == 3 || !mdl_events_get_i64(e, &v) || v < 0) {
            mdl_events_bad(e, "'version' is no list of three numbers");
            return;
        }
        x->version[n++] = v;
    }
}

/* `outer` 0: the model in a memory snapshot. */
static void document(struct xgb *x, struct events *e, int outer)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "learner"))
            learner(x, e);
        else if (mdl_events_is(e, "version"))
            version(x, e);
        else if (outer && mdl_events_is(e, "Model"))
            document(x, e, 0);
        else
            mdl_events_skip(e, NULL);
}

static mdl_status lacks(const struct xgb *x, const char *key)
{
    return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                       "not a whole XGBoost model: it has no '%s'", key);
}

static mdl_status check(struct xgb *x)
{
    const uint64_t classes = (uint64_t)x->classes, targets = (uint64_t)x->targets;
    const uint64_t bases = x->base.bytes / sizeof(double);

    if (!x->has_learner)
        return lacks(x, "learner");
    if (!x->has_params)
        return lacks(x, "learner_model_param");
    if (!bases)
        return lacks(x, "base_score");
    if (!x->objective[0])
        return lacks(x, "objective.name");
    if (!x->booster[0])
        return lacks(x, "gradient_booster.name");
    if (!x->features)
        return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                           "'num_feature' is 0 or missing: this model was never fitted");
    x->outputs = classes > targets ? classes : targets;
    x->outputs += !x->outputs;
    if (bases != 1 && bases != x->outputs)
        return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                           "'base_score' has %llu numbers for %llu outputs",
                           (unsigned long long)bases, (unsigned long long)x->outputs);
    return MDL_OK;
}

mdl_status mdl_xgb_learner(struct xgb *x)
{
    struct events e;

    mdl_xgb_events(x, &e, x->file);
    document(x, &e, 1);
    if (!e.status)
        mdl_events_next(&e);                       /* nothing may follow */
    const mdl_status s = e.status;
    mdl_events_free(&e);
    return s ? s : check(x);
}
