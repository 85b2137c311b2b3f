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
    { "StringConcat", 20, 0, onnx_map_plain, "text_concat", NULL },
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
    struct flow *f = onnx_flow(o);
    uint64_t bytes = 0, at = 0;

    for (uint64_t i = 0; i < count; i++)
        bytes += strlen(texts[i]) + 1;
    char *all = mdl_arena_take(&f->arena, bytes + 1, 1);
    for (uint64_t i = 0; all && i < count; i++) {
        memcpy(all + at, texts[i], strlen(texts[i]) + 1);
        at += strlen(texts[i]) + 1;
    }
    if (all)
        flow_weights(f, node, slot, MDL_U8, 1, (const int64_t[1]){ (int64_t)bytes }, all);
}

static void set_text(struct onnx *o, int32_t node, const char *slot, const char *text)
{
    flow_weights(onnx_flow(o), node, slot, MDL_U8, 1, (const int64_t[1]){ (int64_t)strlen(text) },
                 text);
}

static void map_normalize(struct onnx *o, struct onnx_node *n)
{
    const char *to = onnx_text(o, n, "case_change_action", "NONE");
    const char *name = !strcmp(to, "LOWER") ? "lower" : !strcmp(to, "UPPER") ? "upper" : "none";
    const int32_t node = onnx_emit(o, n, "text_normalize", n->in, n->n_in);
    uint64_t count;
    const char *const *stop = onnx_texts(o, n, "stopwords", &count);

    if (!strcmp(name, "none") && strcmp(to, "NONE") != 0)
        onnx_refuse(o, n, "case_change_action '%s'", to);
    flow_choice(onnx_flow(o), node, "to", name);
    flow_int(onnx_flow(o), node, "any_case", onnx_int(o, n, "is_case_sensitive", 0) == 0);
    if (count)
        set_texts(o, node, "stop", stop, count);
    onnx_ignore(o, n, "locale");              /* case is that of Unicode everywhere         */
}

static void map_split(struct onnx *o, struct onnx_node *n)
{
    const char *delimiter = onnx_text(o, n, "delimiter", "");
    const int32_t node = onnx_emit(o, n, "text_split", n->in, n->n_in);

    flow_int(onnx_flow(o), node, "most", onnx_int(o, n, "maxsplit", -1));
    if (*delimiter)
        set_text(o, node, "delimiter", delimiter);
}

static void map_match(struct onnx *o, struct onnx_node *n)
{
    const char *pattern = onnx_text(o, n, "pattern", "");

    set_text(o, onnx_emit(o, n, "text_match", n->in, n->n_in), "pattern", pattern);
}

static void map_ngrams(struct onnx *o, struct onnx_node *n)
{
    const char *mode = onnx_text(o, n, "mode", "TF");
    const char *name = !strcmp(mode, "TF") ? "tf" : !strcmp(mode, "IDF") ? "idf" : "tfidf";
    uint64_t n_numbers, n_texts, n_counts, n_columns, n_weights;
    const int64_t *numbers = onnx_ints(o, n, "pool_int64s", &n_numbers);
    const char *const *texts = onnx_texts(o, n, "pool_strings", &n_texts);
    const int64_t *counts = onnx_ints(o, n, "ngram_counts", &n_counts);
    const int64_t *columns = onnx_ints(o, n, "ngram_indexes", &n_columns);
    const float *weights = onnx_floats(o, n, "weights", &n_weights);
    const int32_t node = onnx_emit(o, n, "ngrams", n->in, n->n_in);
    struct flow *f = onnx_flow(o);

    if (!strcmp(name, "tfidf") && strcmp(mode, "TFIDF") != 0)
        onnx_refuse(o, n, "mode '%s'", mode);
    if (n_texts && n_numbers)
        onnx_refuse(o, n, "both pool_strings and pool_int64s");
    flow_choice(f, node, "mode", name);
    flow_int(f, node, "shortest", onnx_int(o, n, "min_gram_length", 1));
    flow_int(f, node, "longest", onnx_int(o, n, "max_gram_length", 1));
    flow_int(f, node, "skip", onnx_int(o, n, "max_skip_count", 0));
    if (n_texts)
        set_texts(o, node, "pool_text", texts, n_texts);
    else
        flow_ints(f, node, "pool", numbers, n_numbers);
    flow_ints(f, node, "counts", counts, n_counts);
    flow_ints(f, node, "columns", columns, n_columns);
    if (n_weights)
        flow_weights(f, node, "weights", MDL_F32, 1, (const int64_t[1]){ (int64_t)n_weights },
                     weights);
}
