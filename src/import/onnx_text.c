/*
 * import/onnx_text.c - ONNX operators of strings
 *
 * Lists of strings become bytes, each string ended by a zero byte, as op/nd_ml.h has them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

static onnx_map map_normalize, map_split, map_match, map_ngrams;

static const struct onnx_op ops[] = {
    { "StringConcat", 20, 0, mdl_onnx_map_plain, "text_concat", NULL },
    { "StringNormalizer", 10, 0, map_normalize, "text_normalize", NULL },
    { "StringSplit", 20, 0, map_split, "text_split", NULL },
    { "RegexFullMatch", 20, 0, map_match, "text_match", NULL },
    { "TfIdfVectorizer", 9, 0, map_ngrams, "ngrams", NULL },
    { NULL, 0, 0, NULL, NULL, NULL }
};

const struct onnx_family mdl_onnx_text = { "", ops };

static void set_texts(struct onnx *o, int32_t node, const char *slot, const char *const *texts,
                      uint64_t count)
{
    struct flow *f = mdl_onnx_flow(o);
    uint64_t bytes = 0, at = 0;

    for (uint64_t i = 0; i < count; i++)
        bytes += strlen(texts[i]) + 1;
    char *all = mdl_arena_take(&f->arena, bytes + 1, 1);
    for (uint64_t i = 0; all && i < count; i++) {
        memcpy(all + at, texts[i], strlen(texts[i]) + 1);
        at += strlen(texts[i]) + 1;
    }
    if (all)
        mdl_flow_weights(f, node, slot, MDL_U8, 1, (const int64_t[1]){ (int64_t)bytes }, all);
}

static void set_text(struct onnx *o, int32_t node, const char *slot, const char *text)
{
    mdl_flow_weights(mdl_onnx_flow(o), node, slot, MDL_U8, 1, (const int64_t[1]){ (int64_t)strlen(text) },
                     text);
}

static void map_normalize(struct onnx *o, struct onnx_node *n)
{
    const char *to = mdl_onnx_string(o, n, "case_change_action", "NONE");
    const char *name = !strcmp(to, "LOWER") ? "lower" : !strcmp(to, "UPPER") ? "upper" : "none";
    const int32_t node = mdl_onnx_emit(o, n, "text_normalize", n->in, n->n_in);
    uint64_t count;
    const char *const *stop = mdl_onnx_texts(o, n, "stopwords", &count);

    if (!strcmp(name, "none") && strcmp(to, "NONE") != 0)
        mdl_onnx_refuse(o, n, "case_change_action '%s'", to);
    mdl_flow_choice(mdl_onnx_flow(o), node, "to", name);
    mdl_flow_int(mdl_onnx_flow(o), node, "any_case", mdl_onnx_int(o, n, "is_case_sensitive", 0) == 0);
    if (count)
        set_texts(o, node, "stop", stop, count);
    mdl_onnx_ignore(o, n, "locale");              /* case is that of Unicode everywhere         */
}

static void map_split(struct onnx *o, struct onnx_node *n)
{
    const char *delimiter = mdl_onnx_string(o, n, "delimiter", "");
    const int32_t node = mdl_onnx_emit(o, n, "text_split", n->in, n->n_in);

    mdl_flow_int(mdl_onnx_flow(o), node, "most", mdl_onnx_int(o, n, "maxsplit", -1));
    if (*delimiter)
        set_text(o, node, "delimiter", delimiter);
}

static void map_match(struct onnx *o, struct onnx_node *n)
{
    const char *pattern = mdl_onnx_string(o, n, "pattern", "");

    set_text(o, mdl_onnx_emit(o, n, "text_match", n->in, n->n_in), "pattern", pattern);
}

static void map_ngrams(struct onnx *o, struct onnx_node *n)
{
    const char *mode = mdl_onnx_string(o, n, "mode", "TF");
    const char *name = !strcmp(mode, "TF") ? "tf" : !strcmp(mode, "IDF") ? "idf" : "tfidf";
    uint64_t n_numbers, n_texts, n_counts, n_columns, n_weights;
    const int64_t *numbers = mdl_onnx_ints(o, n, "pool_int64s", &n_numbers);
    const char *const *texts = mdl_onnx_texts(o, n, "pool_strings", &n_texts);
    const int64_t *counts = mdl_onnx_ints(o, n, "ngram_counts", &n_counts);
    const int64_t *columns = mdl_onnx_ints(o, n, "ngram_indexes", &n_columns);
    const float *weights = mdl_onnx_floats(o, n, "weights", &n_weights);
    const int32_t node = mdl_onnx_emit(o, n, "ngrams", n->in, n->n_in);
    struct flow *f = mdl_onnx_flow(o);

    if (!strcmp(name, "tfidf") && strcmp(mode, "TFIDF") != 0)
        mdl_onnx_refuse(o, n, "mode '%s'", mode);
    if (n_texts && n_numbers)
        mdl_onnx_refuse(o, n, "both pool_strings and pool_int64s");
    mdl_flow_choice(f, node, "mode", name);
    mdl_flow_int(f, node, "shortest", mdl_onnx_int(o, n, "min_gram_length", 1));
    mdl_flow_int(f, node, "longest", mdl_onnx_int(o, n, "max_gram_length", 1));
    mdl_flow_int(f, node, "skip", mdl_onnx_int(o, n, "max_skip_count", 0));
    if (n_texts)
        set_texts(o, node, "pool_text", texts, n_texts);
    else
        mdl_flow_ints(f, node, "pool", numbers, n_numbers);
    mdl_flow_ints(f, node, "counts", counts, n_counts);
    mdl_flow_ints(f, node, "columns", columns, n_columns);
    if (n_weights)
        mdl_flow_weights(f, node, "weights", MDL_F32, 1, (const int64_t[1]){ (int64_t)n_weights },
                         weights);
}
