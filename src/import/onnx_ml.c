/*
 * import/onnx_ml.c - domain ai.onnx.ml: linear models, support vectors, columns
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_ml.h"

#include <string.h>

/* ---- what many of them share --------------------------------------------------------------- */

void mdl_onnx_ml_texts(struct onnx *o, int32_t node, const char *slot, const char *const *text,
                       uint64_t count)
{
    struct flow *f = mdl_onnx_flow(o);
    uint64_t bytes = 0;

    for (uint64_t i = 0; i < count; i++)
        bytes += strlen(text[i]) + 1;
    char *all = mdl_arena_take(&f->arena, bytes, 1), *to = all;
    for (uint64_t i = 0; i < count && all; i++) {
        const size_t n = strlen(text[i]) + 1;
        memcpy(to, text[i], n);
        to += n;
    }
    if (!all && !f->status)
        f->status = MDL_ERR_MEMORY;
    mdl_flow_weights(f, node, slot, MDL_U8, 1, (const int64_t[1]){ (int64_t)bytes }, all);
}

void mdl_onnx_ml_list(struct onnx *o, int32_t node, const char *slot, uint32_t type,
                      uint64_t count, const void *data)
{
    mdl_flow_weights(mdl_onnx_flow(o), node, slot, type, 1, (const int64_t[1]){ (int64_t)count }, data);
}

uint64_t mdl_onnx_ml_labels(struct onnx *o, const struct onnx_node *n, int32_t node, const char *ints,
                            const char *strings)
{
    uint64_t n_ints, n_texts;
    const int64_t *numbers = mdl_onnx_ints(o, n, ints, &n_ints);
    const char *const *texts = mdl_onnx_texts(o, n, strings, &n_texts);

    if (n_texts)
        mdl_onnx_ml_texts(o, node, "label_text", texts, n_texts);
    else if (n_ints)
        mdl_onnx_ml_list(o, node, "labels", MDL_I64, n_ints, numbers);
    return n_texts ? n_texts : n_ints;
}

const char *mdl_onnx_ml_transform(struct onnx *o, const struct onnx_node *n)
{
    static const char *const names[][2] = {
        { "NONE", "none" }, { "LOGISTIC", "logistic" }, { "SOFTMAX", "softmax" },
        { "SOFTMAX_ZERO", "softmax_zero" }, { "PROBIT", "probit" },
    };
    const char *text = mdl_onnx_string(o, n, "post_transform", "NONE");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(text, names[i][0]))
            return names[i][1];
    mdl_onnx_refuse(o, n, "post_transform '%s'", text);
    return NULL;
}

/* What a node makes of any input, if that is always the same. */
static uint32_t type_made(const struct flow_node *n)
{
    static const char *const narrow[] = { "rescale", "normalize_rows", "categories", "svm",
                                          "feature_vector", "post_transform", NULL };

    for (int i = 0; narrow[i]; i++)
        if (!strcmp(n->op, narrow[i]))
            return MDL_F32;
    if (strcmp(n->op, "convert"))
        return 0;
    for (size_t i = 0; i < n->params.bytes / sizeof(struct flow_param); i++) {
        const struct flow_param *p = (const struct flow_param *)(const void *)n->params.data + i;
        if (!strcmp(p->name, "to"))
            return (uint32_t)p->i;
    }
    return 0;
}

uint32_t mdl_onnx_ml_type(const struct onnx *o, int32_t value)
{
    const struct flow *f = mdl_onnx_ml_flow(o);
    const struct flow_input *inputs = (const struct flow_input *)(const void *)f->inputs.data;

    for (int steps = 0; steps < 4096 && value != FLOW_NONE; steps++) {
        const struct flow_tensor *constant = mdl_flow_constant(f, value);
        const struct flow_value *v = mdl_flow_value_at(f, value);

        if (constant)
            return constant->type;
        if (v->node == FLOW_NONE)
            break;
        const struct flow_node *n = mdl_flow_node_at(f, v->node);
        const uint32_t made = type_made(n);
        if (made || !n->n_in)
            return made;
        value = n->in[0];
    }
    for (size_t i = 0; i < f->inputs.bytes / sizeof *inputs; i++)
        if (inputs[i].value == value)
            return inputs[i].type;
    return 0;
}

struct flow *mdl_onnx_ml_flow(const struct onnx *o)
{
    return mdl_onnx_flow((struct onnx *)(uintptr_t)o);
}

/* ---- linear models --------------------------------------------------------------------------- */

/* x W + b as [rows, targets]; FLOW_NONE when the coefficients do not fit. */
static int32_t linear(struct onnx *o, struct onnx_node *n, uint64_t targets)
{
    struct flow *f = mdl_onnx_flow(o);
    uint64_t n_coef, n_bias;
    const float *coef = mdl_onnx_floats(o, n, "coefficients", &n_coef);
    const float *bias = mdl_onnx_floats(o, n, "intercepts", &n_bias);

    if (!targets || !n_coef || n_coef % targets) {
        mdl_onnx_refuse(o, n, "%llu coefficients of %llu targets", (unsigned long long)n_coef,
                        (unsigned long long)targets);
        return FLOW_NONE;
    }
    const int64_t cols = (int64_t)(n_coef / targets);
    const int32_t table = mdl_flow_node(f, "table", "", n->in, 1, 1);
    mdl_flow_int(f, table, "cols", cols);
    mdl_flow_choice(f, table, "type", "float32");
    const int32_t x = mdl_flow_result(f, table, 0);
    const int32_t dense = mdl_flow_node(f, "dense", n->name, &x, 1, 1);
    mdl_flow_weights(f, dense, "weight", MDL_F32, 2, (const int64_t[2]){ (int64_t)targets, cols },
                     coef);
    if (n_bias == targets)
        mdl_onnx_ml_list(o, dense, "bias", MDL_F32, n_bias, bias);
    return mdl_flow_result(f, dense, 0);
}

static void map_linear_regressor(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const int64_t targets = mdl_onnx_int(o, n, "targets", 1);
    const char *transform = mdl_onnx_ml_transform(o, n);
    int32_t y = linear(o, n, targets > 0 ? (uint64_t)targets : 0);

    if (transform && strcmp(transform, "none")) {
        const int32_t node = mdl_flow_node(f, "post_transform", "", &y, 1, 1);
        mdl_flow_choice(f, node, "transform", transform);
        y = mdl_flow_result(f, node, 0);
    }
    n->out[0] = y;
}

static void map_linear_classifier(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    uint64_t classes, n_ints, n_texts;
    const char *transform = mdl_onnx_ml_transform(o, n);

    mdl_onnx_ignore(o, n, "multi_class");
    mdl_onnx_floats(o, n, "intercepts", &classes);
    mdl_onnx_ints(o, n, "classlabels_ints", &n_ints);
    mdl_onnx_texts(o, n, "classlabels_strings", &n_texts);
    const uint64_t labels = n_texts ? n_texts : n_ints;
    classes = classes ? classes : labels;
    const int32_t scores = linear(o, n, classes);
    const int second = classes == 1 && labels == 2;
    if (scores == FLOW_NONE || !transform)
        return;
    if ((classes > 1 && labels != classes) || (second && !strcmp(transform, "probit"))) {
        mdl_onnx_refuse(o, n, "%llu labels of %llu score columns%s", (unsigned long long)labels,
                        (unsigned long long)classes, second ? " and PROBIT" : "");
        return;
    }
    const int32_t node = mdl_onnx_emit(o, n, "linear_classes", &scores, 1);
    mdl_flow_int(f, node, "classes", (int64_t)classes);
    mdl_flow_choice(f, node, "transform", transform);
    mdl_flow_int(f, node, "second", second);
    if (classes > 1 || labels == 2)
        mdl_onnx_ml_labels(o, n, node, "classlabels_ints", "classlabels_strings");
    else if (n_texts)
        mdl_onnx_ml_texts(o, node, "label_text", (const char *const[2]){ "0", "1" }, 2);
    else
        mdl_onnx_ml_list(o, node, "labels", MDL_I64, 2, (const int64_t[2]){ 0, 1 });
}

/* ---- support vectors ------------------------------------------------------------------------ */

static void svm_kernel(struct onnx *o, const struct onnx_node *n, int32_t node)
{
    static const char *const names[][2] = {
        { "LINEAR", "linear" }, { "POLY", "poly" }, { "RBF", "rbf" }, { "SIGMOID", "sigmoid" },
    };
    static const char *const params[] = { "gamma", "coef0", "degree" };
    const char *kernel = mdl_onnx_string(o, n, "kernel_type", "LINEAR");
    uint64_t count;
    const float *given = mdl_onnx_floats(o, n, "kernel_params", &count);
    size_t i = 0;

    while (i < 4 && strcmp(kernel, names[i][0]))
        i++;
    if (i == 4 || (count && count < 3) || (i && !count)) {
        mdl_onnx_refuse(o, n, "kernel_type '%s' with %llu kernel_params", kernel,
                        (unsigned long long)count);
        return;
    }
    mdl_flow_choice(mdl_onnx_flow(o), node, "kernel", names[i][1]);
    for (size_t k = 0; k < 3 && count; k++)
        mdl_flow_float(mdl_onnx_flow(o), node, params[k], (double)given[k]);
}

/* Vectors of the machine and its coefficients, `rows` of them; 0 when they do not fit. */
static int svm_weights(struct onnx *o, const struct onnx_node *n, int32_t node, uint64_t vectors,
                       uint64_t rows)
{
    struct flow *f = mdl_onnx_flow(o);
    uint64_t n_all, n_coef, n_rho;
    const float *all = mdl_onnx_floats(o, n, "support_vectors", &n_all);
    const float *coef = mdl_onnx_floats(o, n, "coefficients", &n_coef);
    const float *rho = mdl_onnx_floats(o, n, "rho", &n_rho);
    const uint64_t width = vectors ? vectors : rows ? n_coef / rows : 0;

    if (!rows || !width || n_coef / rows < width || (!vectors && n_coef % rows)
        || (vectors && (!n_all || n_all % vectors)) || !n_rho) {
        mdl_onnx_refuse(o, n, "%llu support vectors in %llu numbers, %llu coefficients, %llu rho",
                        (unsigned long long)vectors, (unsigned long long)n_all,
                        (unsigned long long)n_coef, (unsigned long long)n_rho);
        return 0;
    }
    if (vectors)
        mdl_flow_weights(f, node, "vectors", MDL_F32, 2,
                         (const int64_t[2]){ (int64_t)vectors, (int64_t)(n_all / vectors) }, all);
    mdl_flow_weights(f, node, "coef", MDL_F32, 2,
                     (const int64_t[2]){ (int64_t)rows, (int64_t)width }, coef);
    mdl_onnx_ml_list(o, node, "rho", MDL_F32, n_rho, rho);
    return 1;
}

static void map_svm_regressor(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "svm", n->in, n->n_in);
    const int64_t vectors = mdl_onnx_int(o, n, "n_supports", 0);
    const char *transform = mdl_onnx_ml_transform(o, n);

    if (transform && strcmp(transform, "none"))
        mdl_onnx_refuse(o, n, "post_transform '%s'", transform);
    svm_kernel(o, n, node);
    mdl_flow_int(mdl_onnx_flow(o), node, "one_class", mdl_onnx_int(o, n, "one_class", 0) != 0);
    svm_weights(o, n, node, vectors > 0 ? (uint64_t)vectors : 0, 1);
}

static void map_svm_classifier(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "svm_classes", n->in, n->n_in);
    const char *transform = mdl_onnx_ml_transform(o, n);
    const uint64_t classes = mdl_onnx_ml_labels(o, n, node, "classlabels_ints", "classlabels_strings");
    uint64_t n_per, n_a, n_b, vectors = 0;
    const int64_t *per = mdl_onnx_ints(o, n, "vectors_per_class", &n_per);
    const float *a = mdl_onnx_floats(o, n, "prob_a", &n_a), *b = mdl_onnx_floats(o, n, "prob_b", &n_b);

    svm_kernel(o, n, node);
    for (uint64_t i = 0; i < n_per; i++)
        vectors += per[i] > 0 && per[i] < INT32_MAX ? (uint64_t)per[i] : 0;
    if (!classes || n_a != n_b || (vectors && classes < 2)) {
        mdl_onnx_refuse(o, n, "%llu classes, %llu prob_a, %llu prob_b", (unsigned long long)classes,
                        (unsigned long long)n_a, (unsigned long long)n_b);
        return;
    }
    if (!svm_weights(o, n, node, vectors, vectors ? classes - 1 : classes) || !transform)
        return;
    mdl_flow_choice(mdl_onnx_flow(o), node, "transform", transform);
    if (!vectors)
        return;
    mdl_onnx_ml_list(o, node, "per_class", MDL_I64, n_per, per);
    if (n_a) {
        mdl_onnx_ml_list(o, node, "prob_a", MDL_F32, n_a, a);
        mdl_onnx_ml_list(o, node, "prob_b", MDL_F32, n_b, b);
    }
}

/* ---- columns -------------------------------------------------------------------------------- */

static void map_scaler(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "rescale", n->in, n->n_in);
    uint64_t n_scale, n_offset;
    const float *scale = mdl_onnx_floats(o, n, "scale", &n_scale);
    const float *offset = mdl_onnx_floats(o, n, "offset", &n_offset);

    if (!n_scale || n_scale != n_offset)
        mdl_onnx_refuse(o, n, "%llu scale and %llu offset", (unsigned long long)n_scale,
                        (unsigned long long)n_offset);
    mdl_onnx_ml_list(o, node, "scale", MDL_F32, n_scale, scale);
    mdl_onnx_ml_list(o, node, "offset", MDL_F32, n_offset, offset);
}

static void map_normalizer(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "normalize_rows", n->in, n->n_in);
    const char *norm = mdl_onnx_string(o, n, "norm", "MAX");

    if (strcmp(norm, "MAX") && strcmp(norm, "L1") && strcmp(norm, "L2"))
        mdl_onnx_refuse(o, n, "norm '%s'", norm);
    mdl_flow_choice(mdl_onnx_flow(o), node, "norm", norm[0] == 'M' ? "max" : norm[1] == '1' ? "l1" : "l2");
}

static void map_imputer(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "replace", n->in, n->n_in);
    uint64_t n_floats, n_ints;
    const float *floats = mdl_onnx_floats(o, n, "imputed_value_floats", &n_floats);
    const int64_t *ints = mdl_onnx_ints(o, n, "imputed_value_int64s", &n_ints);
    const float hole = (float)mdl_onnx_float(o, n, "replaced_value_float", 0);
    const int64_t whole = mdl_onnx_int(o, n, "replaced_value_int64", 0);

    if (!n_floats == !n_ints)
        mdl_onnx_refuse(o, n, "%llu imputed_value_floats and %llu imputed_value_int64s",
                        (unsigned long long)n_floats, (unsigned long long)n_ints);
    mdl_onnx_ml_list(o, node, "fill", n_floats ? MDL_F32 : MDL_I64, n_floats ? n_floats : n_ints,
                     n_floats ? (const void *)floats : ints);
    mdl_onnx_ml_list(o, node, "missing", n_floats ? MDL_F32 : MDL_I64, 1,
                     n_floats ? (const void *)&hole : &whole);
}

static void map_binarizer(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "binarize", n->in, n->n_in);

    mdl_flow_float(mdl_onnx_flow(o), node, "threshold", mdl_onnx_float(o, n, "threshold", 0));
}

static void map_feature_vectorizer(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "feature_vector", n->in, n->n_in);
    uint64_t count;
    const int64_t *widths = mdl_onnx_ints(o, n, "inputdimensions", &count);

    if (count)
        mdl_onnx_ml_list(o, node, "widths", MDL_I64, count, widths);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct onnx_op ops[] = {
    { "ArrayFeatureExtractor", 1, 0, mdl_onnx_map_plain, "pick_columns", NULL },
    { "Binarizer", 1, 0, map_binarizer, NULL, NULL },
    { "CastMap", 1, 0, mdl_onnx_map_cast_map, NULL, NULL },
    { "CategoryMapper", 1, 0, mdl_onnx_map_category_mapper, NULL, NULL },
    { "DictVectorizer", 1, 0, mdl_onnx_map_dict_vectorizer, NULL, NULL },
    { "FeatureVectorizer", 1, 0, map_feature_vectorizer, NULL, NULL },
    { "Imputer", 1, 0, map_imputer, NULL, NULL },
    { "LabelEncoder", 1, 1, mdl_onnx_map_label_encoder1, NULL, NULL },
    { "LabelEncoder", 2, 0, mdl_onnx_map_label_encoder, NULL, NULL },
    { "LinearClassifier", 1, 0, map_linear_classifier, NULL, NULL },
    { "LinearRegressor", 1, 0, map_linear_regressor, NULL, NULL },
    { "Normalizer", 1, 0, map_normalizer, NULL, NULL },
    { "OneHotEncoder", 1, 0, mdl_onnx_map_one_hot, NULL, NULL },
    { "Scaler", 1, 0, map_scaler, NULL, NULL },
    { "SVMClassifier", 1, 0, map_svm_classifier, NULL, NULL },
    { "SVMRegressor", 1, 0, map_svm_regressor, NULL, NULL },
    { "TreeEnsemble", 5, 0, mdl_onnx_map_trees5, NULL, NULL },
    { "TreeEnsembleClassifier", 1, 0, mdl_onnx_map_trees_classifier, NULL, NULL },
    { "TreeEnsembleRegressor", 1, 0, mdl_onnx_map_trees_regressor, NULL, NULL },
    { "ZipMap", 1, 0, mdl_onnx_map_zip, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_ml = { "ai.onnx.ml", ops };
