/*
 * bench/bench_sweep.c - every engine on every shape of ensemble: what the choice is judged by
 *
 *     bench_sweep [--quick] [--csv] [--only TEXT]     shapes whose name has it
 *
 * Random ensembles around one shape, one property changed at a time, are run by each engine on
 * batches of 1 to 4,096 rows of 8,192 distinct ones, all engines in turn, the least time of
 * several rounds.  Prints nanoseconds a row, marks the engine that was chosen, and says how far
 * the choice is from the best and from the plain walk.  Splits follow the data, so rows spread
 * over the leaves as in trained trees.  All engines must give the same bits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"       /* clock_gettime, everywhere */

#include "mdl_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS      8192u
#define ENGINES   8u
#define SAMPLE    4096u           /* rows that splits are chosen on */
#define MOST_LEAVES 65536u

struct shape {
    const char *what;
    uint32_t trees, leaves, cols, outputs, width, values;
    double   missing, categories;
    int      even, wide;          /* oblivious; float64 thresholds and leaves */
};

/* What is not said is as in the first. */
static const struct shape shapes[] = {
    { "base: 100 x 32 leaves, 28 columns", .trees = 100, .leaves = 32, .cols = 28, .outputs = 1,
      .width = 1, .values = 60, .missing = 0.03 },
    { "float64", .wide = 1 },
    { "1 tree", .trees = 1 },
    { "3 trees", .trees = 3 },
    { "10 trees", .trees = 10 },
    { "1,000 trees", .trees = 1000 },
    { "10,000 trees of 8 leaves", .trees = 10000, .leaves = 8 },
    { "stumps", .leaves = 2 },
    { "4 leaves", .leaves = 4 },
    { "8 leaves", .leaves = 8 },
    { "64 leaves", .leaves = 64 },
    { "256 leaves", .leaves = 256 },
    { "500 x 256 leaves, float64", .trees = 500, .leaves = 256, .wide = 1 },
    { "300 leaves", .leaves = 300 },
    { "4,096 leaves", .leaves = 4096, .values = 2000 },
    { "20 x 65,536 leaves", .trees = 20, .leaves = 65536, .values = 4000 },
    { "oblivious, depth 6", .leaves = 64, .even = 1 },
    { "1,000 oblivious, depth 6, float64", .trees = 1000, .leaves = 64, .even = 1, .wide = 1 },
    { "2 columns", .cols = 2 },
    { "300 columns", .cols = 300 },
    { "2,000 columns", .cols = 2000 },
    { "1 tree, 2,000 columns", .trees = 1, .cols = 2000 },
    { "5 values a column", .values = 5 },
    { "250 values a column", .trees = 1000, .values = 250 },
    { "1,000 values a column", .trees = 1000, .values = 1000 },
    { "no cell missing", .missing = 1e-9 },
    { "half missing", .missing = 0.5 },
    { "10 classes, a tree each", .outputs = 10 },
    { "10 classes, vector leaves", .outputs = 10, .width = 10, .wide = 1 },
    { "100 classes, vector leaves", .outputs = 100, .width = 100, .wide = 1 },
    { "a tenth categories", .categories = 0.1, .wide = 1 },
    { "half categories", .categories = 0.5, .wide = 1 },
};

static struct shape complete(struct shape s)
{
    const struct shape *base = &shapes[0];

    s.trees = s.trees ? s.trees : base->trees;
    s.leaves = s.leaves ? s.leaves : base->leaves;
    s.cols = s.cols ? s.cols : base->cols;
    s.outputs = s.outputs ? s.outputs : base->outputs;
    s.width = s.width ? s.width : base->width;
    s.values = s.values ? s.values : base->values;
    s.missing = s.missing > 0 ? s.missing : base->missing;
    return s;
}

static const size_t batches[] = { 1, 16, 64, 256, 4096 };

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) * n >> 32);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- rows and trees ------------------------------------------------------------------------ */

static float *make_rows(const struct shape *s)
{
    float *x = malloc((size_t)ROWS * s->cols * sizeof *x);

    for (size_t i = 0; x && i < (size_t)ROWS * s->cols; i++)
        x[i] = below(10000) < s->missing * 10000 ? NAN
             : (float)(below(s->values) + below(s->values)) / 2;
    return x;
}

/* A tree that grows by splitting the leaf with most sample rows. */
struct growing {
    mdl_tree  tree;
    uint8_t  *flags;
    int32_t  *left, *right, *feature;
    double   *threshold, *value, *cover;
    uint32_t *set_start, *sets, *first, *count, *rows;
    uint32_t  n;
};

static int grow_alloc(struct growing *g, const struct shape *s)
{
    const size_t n = 2 * (size_t)s->leaves;

    g->flags = calloc(n, 1);
    g->left = calloc(n, sizeof *g->left);
    g->right = calloc(n, sizeof *g->right);
    g->feature = calloc(n, sizeof *g->feature);
    g->threshold = calloc(n, sizeof *g->threshold);
    g->value = calloc(n * s->width, sizeof *g->value);
    g->cover = calloc(n, sizeof *g->cover);
    g->set_start = calloc(n + 1, sizeof *g->set_start);
    g->sets = calloc(n, sizeof *g->sets);
    g->first = calloc(n, sizeof *g->first);
    g->count = calloc(n, sizeof *g->count);
    g->rows = calloc(SAMPLE, sizeof *g->rows);
    return g->flags && g->left && g->right && g->feature && g->threshold && g->value && g->cover
        && g->set_start && g->sets && g->first && g->count && g->rows;
}

static void grow_free(struct growing *g)
{
    free(g->flags); free(g->left); free(g->right); free(g->feature); free(g->threshold);
    free(g->value); free(g->cover); free(g->set_start); free(g->sets); free(g->first);
    free(g->count); free(g->rows);
}

/* A question, and its two children; sample rows are parted between them. */
static void split(struct growing *g, const struct shape *s, const float *x, uint32_t node,
                  uint32_t feature, double threshold)
{
    const int is_set = below(1000) < s->categories * 1000;
    uint32_t *rows = g->rows + g->first[node], n = g->count[node], l = 0;

    g->flags[node] = (uint8_t)((is_set ? MDL_NODE_CATEGORY : MDL_NODE_NUMBER) | MDL_NODE_NAN_DEFAULT
                               | (is_set ? MDL_NODE_SET_LEFT : 0)
                               | (feature % 3 ? MDL_NODE_DEFAULT_LEFT : 0));
    g->feature[node] = (int32_t)feature;
    g->threshold[node] = threshold;
    g->sets[node] = below(0xFFFFFFFFu) & below(0xFFFFFFFFu);
    g->left[node] = (int32_t)g->n++;
    g->right[node] = (int32_t)g->n++;
    for (uint32_t i = 0; i < n; i++) {
        const float v = x[(size_t)rows[i] * s->cols + feature];
        const int left = isnan(v) ? feature % 3 != 0
                       : is_set ? (v < 32 && (g->sets[node] >> (uint32_t)v & 1)) : (double)v < threshold;
        if (left) {
            const uint32_t t = rows[l];
            rows[l++] = rows[i];
            rows[i] = t;
        }
    }
    g->first[g->left[node]] = g->first[node];
    g->count[g->left[node]] = l;
    g->first[g->right[node]] = g->first[node] + l;
    g->count[g->right[node]] = n - l;
}

static void grow(struct growing *g, const struct shape *s, const float *x)
{
    uint32_t feature = 0, level_end = 1;
    double threshold = 0;

    memset(g->flags, 0, 2 * (size_t)s->leaves);
    g->n = 1;
    g->first[0] = 0;
    g->count[0] = SAMPLE;
    for (uint32_t i = 0; i < SAMPLE; i++)
        g->rows[i] = i;
    for (uint32_t next = 0; next + 1 < s->leaves; next++) {
        uint32_t node = next;     /* breadth first; else the fullest of a few leaves */
        if (!s->even && s->leaves <= 1024)
            for (uint32_t i = 0; i < g->n; i++)
                if (!g->flags[i] && (g->flags[node] || g->count[i] > g->count[node]))
                    node = i;
        const int new_level = next + 1 == level_end;
        if (!s->even || new_level || next == 0) {
            const uint32_t row = g->count[node] ? g->rows[g->first[node] + below(g->count[node])]
                                                : below(SAMPLE);
            feature = below(s->cols);
            const float v = x[(size_t)row * s->cols + feature];
            threshold = isnan(v) ? (double)below(s->values) : (double)v;
            level_end = new_level ? 2 * level_end : level_end;
        }
        split(g, s, x, node, feature, threshold);
    }
    for (uint32_t i = 0; i < g->n; i++) {
        g->cover[i] = g->count[i] + 1;
        g->set_start[i + 1] = g->set_start[i] + (g->flags[i] % 4 == MDL_NODE_CATEGORY);
        for (uint32_t k = 0; k < s->width; k++)
            g->value[(size_t)i * s->width + k] = (double)below(2001) / 1024 - 1;
    }
    for (uint32_t i = 0, n = 0; i < g->n; i++)
        if (g->flags[i] % 4 == MDL_NODE_CATEGORY)
            g->sets[n++] = g->sets[i];
    g->tree = (mdl_tree){ .size = sizeof g->tree, .n_nodes = g->n, .weight = 1, .flags = g->flags,
                          .left = g->left, .right = g->right, .feature = g->feature,
                          .threshold = g->threshold, .value = g->value, .cover = g->cover,
                          .set_start = g->set_start, .set_words = g->sets };
}

static mdl_builder *build(const struct shape *s, const float *x, const void **file, size_t *size)
{
    const uint32_t type = s->wide ? MDL_F64 : MDL_F32;
    const mdl_trees ensemble = { .size = sizeof ensemble, .compare = MDL_TREES_LT,
                                 .threshold_type = type, .leaf_type = type, .outputs = s->outputs,
                                 .leaf_width = s->width };
    mdl_builder *b = mdl_builder_new(NULL);
    struct growing g = { .n = 0 };
    mdl_error e = MDL_ERROR_INIT;
    const int32_t in = mdl_build_input(b, "x", type, s->cols, MDL_ABSENT_MISSING);
    const int32_t node = mdl_build_trees(b, in, &ensemble);

    if (!grow_alloc(&g, s))
        exit(1);
    for (uint32_t t = 0; t < s->trees; t++) {
        grow(&g, s, x);
        g.tree.iteration = t / (s->outputs / s->width);
        g.tree.output = s->width == 1 ? t % s->outputs : 0;
        mdl_build_tree(b, node, &g.tree);
    }
    grow_free(&g);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, node, 0));
    if (mdl_build_bytes(b, file, size, &e)) {
        fprintf(stderr, "%s: %s\n", s->what, e.text);
        exit(1);
    }
    return b;
}

/* ---- times ----------------------------------------------------------------------------------- */

static double time_batch(const mdl_model *m, const struct shape *s, const float *x, size_t batch,
                         float *y)
{
    const size_t rows = batch == 1 ? 1024 : batch == 16 ? 4096 : ROWS;
    const double t = now();

    for (size_t r = 0; r < rows; r += batch)
        mdl_predict(m, x + r * s->cols, batch, y + r * s->outputs);
    return (now() - t) / (double)rows;
}

struct worst {
    double to_best, to_plain;
    const char *best_where, *plain_where;
};

static void sweep(const struct shape *s, int csv, double seconds, struct worst *worst)
{
    mdl_model *m[ENGINES + 1];
    const void *file;
    size_t size, n = 0;

    seed = 0x9E3779B97F4A7C15u;
    float *x = make_rows(s), *y = malloc((size_t)ROWS * s->outputs * sizeof *y);
    float *want = malloc((size_t)ROWS * s->outputs * sizeof *want);
    if (!x || !y || !want)
        exit(1);
    mdl_builder *b = build(s, x, &file, &size);
    for (; n < ENGINES && mdl_engine_name(n); n++) {
        const mdl_load_options o = { .size = sizeof o, .engine = mdl_engine_name(n) };
        if (mdl_load_memory(&m[n], file, size, &o, NULL))
            exit(1);
    }
    if (!csv)
        printf("\n%s\n", s->what);
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
        double least[ENGINES];
        const char *chosen = NULL;
        size_t at = 0, best = 0;

        for (size_t e = 0; e < n; e++)
            least[e] = 1e300;
        const double end = now() + seconds * 1e9;
        for (int round = 0; round < 3 || (round < 200 && now() < end); round++)
            for (size_t e = 0; e < n; e++) {
                if (!(mdl_engine_cost(m[e], mdl_engine_name(e), batches[k], NULL) > 0))
                    continue;     /* it cannot */
                const double t = time_batch(m[e], s, x, batches[k], e ? y : want);
                least[e] = t < least[e] ? t : least[e];
                if (e && memcmp(y, want, (batches[k] == 1 ? 1024 : 4096) * s->outputs * sizeof *y)) {
                    fprintf(stderr, "%s: %s differs from %s\n", s->what, mdl_engine_name(e),
                            mdl_engine_name(0));
                    exit(1);
                }
            }
        mdl_model *automatic;
        if (mdl_load_memory(&automatic, file, size, NULL, NULL))
            exit(1);
        mdl_engine_cost(automatic, NULL, batches[k], &chosen);
        mdl_free(automatic);
        if (!csv)
            printf("  %5zu rows", batches[k]);
        for (size_t e = 0; e < n; e++) {
            const int here = chosen && !strcmp(chosen, mdl_engine_name(e));
            at = here ? e : at;
            best = least[e] < least[best] ? e : best;
            if (csv)
                printf("\"%s\",%zu,%s,%d,%.2f,%.2f\n", s->what, batches[k], mdl_engine_name(e), here,
                       least[e] < 1e299 ? least[e] : -1,
                       mdl_engine_cost(m[e], mdl_engine_name(e), batches[k], NULL));
            else if (least[e] < 1e299)
                printf("  %c%-6s %9.1f", here ? '>' : ' ', mdl_engine_name(e), least[e]);
        }
        const double to_best = least[at] / least[best], to_plain = least[at] / least[0];
        if (!csv)
            printf("%s%s\n", to_best > 1.15 ? "  not the best" : "", to_plain > 1.05 ? "  SLOWER THAN PLAIN" : "");
        if (to_best > worst->to_best)
            *worst = (struct worst){ to_best, worst->to_plain, s->what, worst->plain_where };
        if (to_plain > worst->to_plain)
            *worst = (struct worst){ worst->to_best, to_plain, worst->best_where, s->what };
        fflush(stdout);
    }
    for (size_t e = 0; e < n; e++)
        mdl_free(m[e]);
    mdl_builder_free(b);
    free(x);
    free(y);
    free(want);
}

int main(int argc, char **argv)
{
    struct worst worst = { 0, 0, "", "" };
    double seconds = 0.3;
    const char *only = "";
    int csv = 0;

    for (int i = 1; i < argc; i++) {
        only = !strcmp(argv[i], "--only") && i + 1 < argc ? argv[i + 1] : only;
        csv |= !strcmp(argv[i], "--csv");
        seconds = strcmp(argv[i], "--quick") ? seconds : 0.02;
    }
    if (csv)
        printf("shape,rows,engine,chosen,ns,predicted_ns\n");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape s = complete(shapes[i]);
        if (strstr(s.what, only))
            sweep(&s, csv, seconds, &worst);
    }
    fprintf(csv ? stderr : stdout, "\nThe choice is at worst %.2f times the best engine (%s)\n"
            "and %.2f times the plain walk (%s).\n", worst.to_best, worst.best_where, worst.to_plain,
            worst.plain_where);
    return 0;
}
