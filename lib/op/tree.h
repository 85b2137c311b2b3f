/*
 * op/tree.h - a tree ensemble as the file holds it, and as it is run
 *
 * T trees of N nodes: S splits and L leaves, in pre-order, a node before what is below it and its
 * left child right behind it.  In the file (weight slots of operator "trees"):
 *
 *     nodes     0  1  2  3  4  5  6         splits  0  1  2      leaves  0  1  2  3
 *              ( (  )  )  (  )  )           nodes   0  1  4      nodes   2  3  5  6
 *     splits below the left child: left = 1  0  0
 *     right child of the node i that is split k:  i + 2 + 2 * left[k]
 *
 *   tree_start   u32 [T + 1]   first node of each tree; nodes of a tree are together
 *   iteration    u32 [I + 1]   first tree of each round of boosting
 *   output       u32 [T]       first result column the leaves of a tree are added to
 *   left         uint [S]      as above
 *   question     uint [S]      which of Q questions a split asks; not there: Q = S, its own
 *   flags        u8  [Q]       MDL_NODE_*
 *   feature      uint [Q]      column of x
 *   threshold    f32 or f64 [Q]
 *   value        f32, f64 or, with a scale, f16 [V, leaf_width]
 *
 * and, where the source has them, or they pay,
 *
 *   vector       uint [L]      which of V a leaf has; not there: V = L, its own
 *   leaf_id      u8, u16 or i32 [L]  the source's number of each leaf
 *   scale        f32 or f64 [1]   leaves are value * scale, in its type
 *   base         [outputs]     what the sums start from
 *   weight       [T]           leaf values are multiplied by it (DART)
 *   set_start    u32 [C + 1]   first word of each category question's set, in their order
 *   set_words    u32 [...]     bit c % 32 of word c / 32: category c is a member
 *   linear_*                   linear leaves: const f64 [L], start u32 [L + 1],
 *                              feature u32 [...], coef f64 [...]
 *   cover        number [L] or [N]   training weight of each leaf, which add up to those of the
 *                              splits, or of each node
 *
 *   level        uint [...]    instead of left and question, where each tree is complete and asks
 *                              one question on each level: those of a tree, its root's first
 *   given        u8 [L / 8]    bit l % 8 of byte l / 8: leaf l has a value, and a cover; those of
 *                              the other leaves are 0, and are not there
 *   count        u8 [...]      instead of cover, of leaves: each in as many bytes as it needs, seven
 *                              bits a byte, the lowest first; bit 7: more follow
 *   rest         u8 [...]      instead of the last of several values of a leaf: how far it is from
 *                              minus the sum of the others (base/rest.h), of all rows of value
 *
 * "uint" is u8, u16 or u32, "number" any of those, f32 or f64: as narrow as the values allow.
 *
 * Files of before "left" have nodes instead of questions and splits: flags, feature, threshold and
 * right, u32, the right child, are [N], 0 at a leaf, and a node may stand anywhere behind its
 * parent.  The words for both are below: mdl_tree_right and what follows it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_H
#define MDL_OP_TREE_H

#include "op/op.h"
#include "kernel/tree.h"

struct trees_params {
    int64_t compare;              /* 0: x < threshold left, 1: x <= threshold left */
    int64_t average;              /* divide by the number of iterations used       */
    int64_t clip_zero;            /* |x| <= tiny is read as 0                      */
    int64_t truncate;             /* -1 < x < 0 is category 0                      */
    int64_t outputs;
    int64_t leaf_width;
};

enum trees_slot {
    TREES_TREE_START, TREES_ITERATION, TREES_OUTPUT, TREES_FLAGS, TREES_FEATURE, TREES_THRESHOLD,
    TREES_RIGHT, TREES_VALUE, TREES_LEAF_ID, TREES_BASE, TREES_WEIGHT, TREES_SET_START,
    TREES_SET_WORDS, TREES_LINEAR_CONST, TREES_LINEAR_START, TREES_LINEAR_FEATURE,
    TREES_LINEAR_COEF, TREES_COVER, TREES_LEFT, TREES_QUESTION, TREES_VECTOR, TREES_SCALE,
    TREES_LEVEL, TREES_GIVEN, TREES_COUNT, TREES_REST,
    TREES_SLOTS
};

/* Working memory per row and column of ranks, in bytes: a call of BLOCK_HALF / 2 rows has
 * room for BLOCK_HALF, one of more than BLOCK_HALF for BLOCK_STEP. */
#define TREES_TEMP_PER_COLUMN 2u

/* The bits of a node's flags; the names are in mdl_build.h, the values are on disk. */
#define NODE_KIND         0x03u
#define NODE_LEAF         0x00u
#define NODE_NUMBER       0x01u
#define NODE_CATEGORY     0x02u
#define NODE_DEFAULT_LEFT 0x04u
#define NODE_MISSING      0x18u
#define NODE_NAN_COMPARES 0x00u
#define NODE_NAN_DEFAULT  0x08u
#define NODE_NAN_ZERO     0x10u
#define NODE_ZERO_DEFAULT 0x18u
#define NODE_SET_LEFT     0x20u

#define TREES_SPARSEST 16u         /* leaves for each that has values in a file, at most        */

/* What LightGBM takes for zero: its kZeroThreshold, a float, widened (meta.h). */
#define TREES_TINY ((double)1e-35f)

/* Elements of arrays that follow each other, while it is time: they are on their way.  (Inline: gcc
 * 12 leaves out a function that does nothing else.) */
MDL_INLINE void mdl_trees_fetch(const void *from, uint32_t first, uint32_t end, size_t bytes)
{
    const unsigned char *at = from;

    for (size_t i = first * bytes; i < end * bytes; i += 64)
        MDL_PREFETCH(at + i);
}

#define FEW_TREES  32u            /* that walks by keys may be best for                        */
#define NEAR_NODES 2048u          /* of a tree: all it has fits the second cache               */

/* A node that ranks cannot decide; see tree_test.c. */
struct tree_test {
    uint32_t node;
    uint16_t code;                /* which column of codes; CODE_PLAIN: ask the plain rule     */
    uint8_t  slot;                /* among the nodes of the tree's top; TOP_EXITS: below it    */
    uint8_t  right[32];           /* bit c % 8 of byte c / 8: code c goes right                */
};

#define CODE_NONE  254u           /* no category, or one that no set names                     */
#define CODE_NAN   255u
#define CODE_PLAIN 0xFFFFu

struct trees_engine;              /* op/tree_engine.h */
struct trees_deep;                /* op/tree_deep.c */
struct trees_planes;              /* op/tree_planes.h */

/* Blocks of at least 1, 2, 4, ... 256 rows have an engine each. */
#define TREES_SIZES 9u

/* Unsigned numbers of 1, 2 or 4 bytes; of 0 bytes: number i is i. */
struct tree_words {
    const void *at;
    uint32_t    bytes;
};

/* tree_check.c: numbers [first, first + n) of w. */
void mdl_tree_widen(uint32_t *to, struct tree_words w, size_t first, size_t n);

static inline uint32_t mdl_tree_word(struct tree_words w, size_t i)
{
    switch (w.bytes) {
    case 1: return ((const uint8_t *)w.at)[i];
    case 2: return ((const uint16_t *)w.at)[i];
    case 4: return ((const uint32_t *)w.at)[i];
    default: return (uint32_t)i;
    }
}

/* A node: the split, of all, that it is or that would come next, the leaf that is leftmost below it,
 * and the splits below it, itself included.  0: it is that leaf.  Its children, if there are `below`
 * splits below the left one. */
struct stand {
    uint32_t split, leaf, below;
};

static inline struct stand stand_left(struct stand s, uint32_t below)
{
    return (struct stand){ s.split + 1, s.leaf, below };
}

static inline struct stand stand_right(struct stand s, uint32_t below)
{
    return (struct stand){ s.split + 1 + below, s.leaf + below + 1, s.below - 1 - below };
}

/* What splits ask: in files of nodes the question of node i is i. */
struct tree_asked {
    uint32_t n;
    uint32_t wide;                /* thresholds are doubles                                    */
    const uint8_t *flags;
    const void *threshold;
    struct tree_words feature;
    uint32_t *set;                /* [n] the set of each category question; NULL: no sets      */
};

/* Typed pointers to the slots, and what prepare derives from them. */
struct trees_plan {
    uint32_t leaf_width;
    uint32_t n_trees, n_nodes, n_leaves, n_sets, n_iterations;
    const uint32_t *tree_start, *iteration, *output;
    const uint32_t *right_node;   /* [n_nodes] in a file of nodes; else NULL:                  */
    struct tree_words left;       /* [splits]                                                  */
    struct tree_words question;   /* [splits]                                                  */
    uint32_t *cover_at;           /* [trees] of `given` leaves, or of `count`: where the weights */
                                  /* of a tree begin                                           */
    struct tree_asked asked;

    uint64_t *leaf_bits;          /* [n_nodes / 64 + 1] bit i % 64 of word i / 64: node i is   */
                                  /* a leaf; and leaves of the words before                    */
    uint32_t *leaves_before;      /* [n_nodes / 64 + 1]                                        */
    uint32_t *first_leaf;         /* [n_trees] leaf, of the ensemble, that is leftmost         */
    uint32_t *depth;              /* [n_trees] steps to the deepest leaf                       */
    uint32_t n_general;           /* trees with tests                                          */
    uint8_t  *general;            /* [n_trees] 1: it has tests                                 */
    int       tested;             /* 0: no question is a test                                  */

    struct rank_table ranks;      /* kernel/tree.h; n_columns 0: all trees walk plainly        */

    /* How one row goes, one of (kernel/tree.h): levels; heaps; tops, or no tops and tiles that
     * begin with the roots. */
    uint32_t quarters;            /* 16 ranks each                                             */
    uint32_t n_places;            /* of ranks, in whole TOP_COLUMNS; codes lie behind          */
    uint32_t row_bytes;           /* both, in working memory                                   */
    uint64_t sums_at;             /* working memory per row before sums that are kept there    */
    uint32_t level_depth;
    struct tree_level *levels;    /* [groups of LEVEL_TREES][level_depth]                      */
    struct tree_heap *heaps;      /* [n_trees]                                                 */
    const struct tree_top *tops;  /* [n_trees]                                                 */
    const struct tree_exits *exits;   /* [n_trees] NULL: exits of tops are leaves in order     */
    const struct tree_tile *tiles;    /* [n_tiles]                                             */
    uint32_t n_tiles;

    struct tree_test *tests;      /* of all trees in node order; tree t's from test_start[t]   */
    uint32_t *test_start;         /* [n_trees + 1]                                             */
    uint32_t most_tests;          /* of one tree                                               */
    uint32_t n_codes;
    uint32_t *code_feature;       /* [n_codes] column of x                                     */
    uint32_t *code_row;           /* [n_codes + 1] rows of code_bits: one a named category,    */
                                  /* then those of CODE_NONE and of CODE_NAN                   */
    uint32_t *code_bits;          /* [rows][n_trees] slots that go right; NULL: ask tests      */
    uint32_t n_plain;             /* tests with CODE_PLAIN                                     */
    const struct tree_fork *forks;   /* NULL: no descents; tree_fork.c has these, by position: */
    uint32_t *fork_start;         /* [n_trees + 1] first fork                                  */
    uint32_t *block_tree;         /* [n_trees] tree                                            */
    uint32_t *block_leaf;         /* [n_trees] its first leaf                                  */
    uint32_t *output_at;          /* [outputs + 1] first position of an output's trees         */
    struct trees_deep *deep;      /* walks by keys; NULL: none                                 */
    uint32_t deep_columns;        /* of keys                                                   */
    uint64_t deep_bytes;          /* of all nodes                                              */
    struct trees_planes *planes;  /* the forks as planes; NULL: none                           */
    double path;                  /* nodes that a row passes in a tree, about                  */
    const struct trees_engine *engine[TREES_SIZES];   /* tree_engine.c                         */

    int in_order;                 /* 0: some tree is not in pre-order: all are walked plainly  */
    int even;                     /* all trees ask one question a level: a fork a level        */
    const void *value;            /* [n_leaves, leaf_width] leaves, times weights if any       */
    const void *vectors;          /* the distinct ones, if they are few and of several values  */
                                  /* (then, where the file says so, `value` is not there):     */
    uint32_t *vector;             /* [n_leaves] which of them a leaf is; NULL: not so          */
};

/* tree_check.c, in this order: check what there is beside the nodes, fill the pointers of *plan and
 * the counts that need no nodes; what is wrong with a node of a tree, if one is; what there is for
 * each leaf and set. */
mdl_status mdl_trees_check(const struct node *n, uint64_t cols, struct trees_plan *plan,
                           struct arena *a, mdl_error *err);
mdl_status mdl_trees_explain(const struct node *n, const struct trees_plan *p, uint64_t cols,
                             uint32_t tree, mdl_error *err);
mdl_status mdl_trees_check_leaves(const struct node *n, uint64_t cols, const struct trees_plan *p,
                                  mdl_error *err);

/* tree_unpack.c: is there a value for each of so many leaves?  *value with all its columns. */
mdl_status mdl_trees_need_values(const struct node *n, uint64_t leaves, mdl_error *err);
mdl_status mdl_trees_rest(const struct node *n, struct tensor *value, struct arena *a, mdl_error *err);
/* Put back what `level` left out, left and question of *plan, of which tree starts are known to be
 * right; find the weights of each tree.  And an element of `bytes` bytes for each leaf, whether it is
 * `given` or not. */
mdl_status mdl_trees_unpack(const struct node *n, struct trees_plan *plan, struct arena *a,
                            mdl_error *err);
const void *mdl_trees_spread(const struct node *n, const struct tensor *t, uint64_t leaves,
                             size_t bytes, struct arena *a);

/* Of a node: has it no children?  Of a split: the number of its question, what that is, and the right
 * child; the left one is node i + 1. */
static inline int mdl_tree_is_leaf(const struct trees_plan *p, uint32_t i)
{
    return (int)(p->leaf_bits[i / 64] >> i % 64 & 1u);
}

/* How many of the bits below bit `end`, of 0 to 63, are set.  (They are counted in pairs, fours and
 * eights: processors need not have an instruction for it.) */
static inline uint32_t mdl_bits_below(uint64_t bits, uint32_t end)
{
    bits &= ((uint64_t)1 << end) - 1;
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)(bits * 0x0101010101010101u >> 56);
}

/* Leaves before node i, in node order: of a leaf, which one it is. */
static inline uint32_t mdl_tree_ordinal(const struct trees_plan *p, uint32_t i)
{
    return p->leaves_before[i / 64] + mdl_bits_below(p->leaf_bits[i / 64], i % 64);
}

static inline uint32_t mdl_tree_question(const struct trees_plan *p, uint32_t i)
{
    return p->right_node ? i : mdl_tree_word(p->question, i - mdl_tree_ordinal(p, i));
}

static inline uint32_t mdl_tree_flags(const struct trees_plan *p, uint32_t i)
{
    return p->asked.flags[mdl_tree_question(p, i)];
}

static inline uint32_t mdl_tree_feature(const struct trees_plan *p, uint32_t i)
{
    return mdl_tree_word(p->asked.feature, mdl_tree_question(p, i));
}

static inline double mdl_asked_threshold(const struct tree_asked *a, uint32_t question)
{
    return a->wide ? ((const double *)a->threshold)[question]
                   : (double)((const float *)a->threshold)[question];
}

static inline double mdl_tree_threshold(const struct trees_plan *p, uint32_t i)
{
    return mdl_asked_threshold(&p->asked, mdl_tree_question(p, i));
}

static inline uint32_t mdl_tree_right(const struct trees_plan *p, uint32_t i)
{
    return p->right_node ? p->right_node[i]
                         : i + 2 + 2 * mdl_tree_word(p->left, i - mdl_tree_ordinal(p, i));
}

/* The type of leaves as they are added up. */
static inline uint32_t mdl_trees_type(const struct node *n)
{
    const uint32_t scaled = n->tensors[TREES_SCALE].type;

    return scaled ? scaled : n->tensors[TREES_VALUE].type;
}

/* Of a leaf: its values, times the weight of its tree; and the source's number of it. */
static inline const void *mdl_tree_values(const struct node *n, uint32_t leaf)
{
    const struct trees_plan *p = n->plan;
    const size_t at = (size_t)(p->vector ? p->vector[leaf] : leaf) * p->leaf_width;

    return (const unsigned char *)(p->vector ? p->vectors : p->value)
         + at * mdl_type_bytes(mdl_trees_type(n));
}

int32_t mdl_tree_leaf_id(const struct node *n, uint32_t tree, uint32_t leaf);

/* tree_cover.c: training weights, where there are any.  Of the nodes of a tree, its root's first; of
 * its leaves, added up from 0 on: so many and one more. */
int mdl_trees_weighed(const struct node *n);
void mdl_tree_covers(const struct node *n, uint32_t tree, double *cover);
void mdl_tree_leaf_covers(const struct node *n, uint32_t tree, double *sum);

/* Check, then derive n->plan (tree_plan.c). */
mdl_status mdl_trees_prepare(struct node *n, const struct graph *g, struct arena *a,
                             mdl_error *err);

/* tree_rule.c: node i goes right when x >= t; t NaN: never.  t is a value of x's type. */
struct tree_rule {
    double t;
    int    nan_right;
};
float mdl_ceil_float(double t);   /* the smallest float not below t */
struct tree_rule mdl_trees_rule_of(const struct trees_params *p, uint32_t x_type, double threshold,
                                   uint8_t flags);
struct tree_rule mdl_trees_rule(const struct node *n, uint32_t x_type, uint32_t i);

#define FORK_LEAVES 256u          /* of trees with forks, at most: positions of rows are bytes */

/* tree_rank.c: first there is room for what is met, and questions that the file lists are; then
 * others are, by splits, tree by tree; then fill plan->ranks and know every split's column and rank;
 * *found is 0 when there are too many columns.  `temp`, `splits`, `left` and `level`
 * are the caller's. */
struct rank_builder {
    struct arena *temp;
    struct rank_met *met;         /* what is asked, once each                                  */
    struct rank_entry *entries;   /* the same as rules                                         */
    const uint32_t *order;        /* of entries                                                */
    uint32_t *table;              /* 1 + number, by hash: mask + 1 places, a hash's first bits */
    uint32_t *known;              /* [splits] column, and rank << 16; no test's                */
    uint32_t *count;              /* [columns] thresholds, each asked by some node             */
    uint8_t  *nan;                /* [columns] 1: some node asks for NaN alone                 */
    const uint32_t *splits;
    const uint32_t *left;         /* [splits] splits below the left child                      */
    uint8_t  *level;              /* [splits] from 1 on; of trees with forks                   */
    uint32_t  mask, shift, n_entries;
    uint64_t  steps, patience;
    uint32_t  most_columns;       /* set by the caller: with more there are no ranks           */
    int       many;               /* there are more, or entries were made to collide           */
    int       ready;              /* no split needs to be known: the file brings tables        */
};
mdl_status mdl_ranks_open(struct rank_builder *b, const struct node *n, mdl_error *err);
mdl_status mdl_ranks_meet(struct rank_builder *b, const struct node *n, uint32_t first,
                          uint32_t end, mdl_error *err);
mdl_status mdl_ranks_close(struct rank_builder *b, const struct node *n, const struct value *x,
                           struct arena *a, int *found, mdl_error *err);

/* Those of split number k; of a node, no test, that is a split. */
static inline struct tree_question mdl_rank_at(const struct rank_builder *b, uint32_t k)
{
    const uint32_t known = b->known[k];

    return (struct tree_question){ .column = (uint16_t)known, .rank = (uint8_t)(known >> 16) };
}

/* tree_fork.c: plan->forks and what belongs to them, if no tree is too large; `scratch` has
 * room for the nodes of the largest tree. */
mdl_status mdl_trees_fork(const struct node *n, uint32_t *scratch, const struct rank_builder *b,
                          struct arena *a, mdl_error *err);

/* tree_whole.c: levels, if all trees are oblivious, or heaps, if all are shallow and not small;
 * tree_top.c: tops and tiles, and the slots of tests in tops.  `place` has room for the nodes of
 * the largest tree, `cover` for its leaves and one more; NULL: there are no training weights. */
mdl_status mdl_trees_whole(struct node *n, const struct rank_builder *b, uint32_t *place,
                           struct arena *a, mdl_error *err);
mdl_status mdl_trees_cut(struct node *n, const struct rank_builder *b, double *cover,
                         struct arena *temp, struct arena *a, mdl_error *err);

/* tree_ready.c: tables that a file may bring, in place of those that are worked out otherwise.  Each
 * is proven to be safe to run, not to be right. */
enum trees_ready { READY_TOPS, READY_EXITS, READY_TILES, READY_FORKS, READY_PLANES, READY_DEEP,
                   TREES_READY };
extern const struct ready mdl_trees_tables[TREES_READY];
/* Will they be looked at?  If so, no others are made. */
int mdl_trees_ready(const struct node *n);
void mdl_trees_give(const struct node *n, struct tensor *to);
/* Fill what belongs to a part of the plan; nothing where the file does not bring it. */
mdl_status mdl_ready_pieces(struct node *n, mdl_error *err);
mdl_status mdl_ready_forks(const struct node *n, mdl_error *err);
mdl_status mdl_ready_planes(const struct node *n, mdl_error *err);
mdl_status mdl_ready_deep(const struct node *n, mdl_error *err);

/* tree_vector.c: plan->vector and vectors, if they pay. */
mdl_status mdl_trees_share(const struct node *n, struct arena *temp, struct arena *a,
                           mdl_error *err);

/* tree_test.c: tests and codes of an ensemble of which some trees are general. */
mdl_status mdl_tests_prepare(struct node *n, uint64_t cols, struct arena *temp, struct arena *a,
                             mdl_error *err);
/* Once tops are made: the bits of all coded tests, by code, if they are not too many. */
mdl_status mdl_tests_tabulate(struct node *n, struct arena *a, mdl_error *err);
/* The code of a cell of a coded column. */
uint8_t mdl_test_code(const struct node *n, double x);
/* The row of code_bits for a code of column c. */
uint32_t mdl_test_row(const struct trees_plan *p, uint32_t c, uint8_t code);
/* The plain rule's answer for a row: 1 right. */
int mdl_test_right(const struct node *n, const struct tree_test *t, uint32_t x_type,
                   const void *row);

/* Can a row be matched?  Not when there are no ranks, or of too many columns. */
static inline int mdl_trees_match(const struct trees_plan *p)
{
    return p->levels || p->heaps || p->tops || p->tiles;
}

/* A block of that many rows has room for as many. */
static inline size_t mdl_trees_height(size_t rows)
{
    return rows <= BLOCK_HALF ? BLOCK_HALF : (rows + BLOCK_STEP - 1) / BLOCK_STEP * BLOCK_STEP;
}

/* Is that a question that ranks cannot decide?  Is split i? */
static inline int mdl_flags_are_test(uint32_t flags)
{
    return (flags & NODE_KIND) == NODE_CATEGORY || (flags & NODE_MISSING) == NODE_ZERO_DEFAULT;
}

static inline int mdl_trees_is_test(const struct trees_plan *p, uint32_t i)
{
    return p->tested && mdl_flags_are_test(mdl_tree_flags(p, i));
}

/*
 * The definition (tree_plain.c): which way x goes at a node; the leaf, counted in node order,
 * at which a row ends that stands at `node`, or at the root of a tree.  `row` has the type of
 * the node's input.
 */
int mdl_trees_goes_left(const struct node *n, uint32_t i, double x);
uint32_t mdl_trees_walk_from(const struct node *n, uint32_t x_type, const void *row, uint32_t node);
uint32_t mdl_trees_walk_plain(const struct node *n, uint32_t x_type, const void *row,
                              uint32_t tree);
double mdl_trees_cell(uint32_t x_type, const void *row, uint32_t column);

/* tree_run.c: chooses the way */
void mdl_trees_run(const struct node *n, const struct run *r);

/* Trees of iterations [begin, end), as a half-open range. */
void mdl_trees_range(const struct node *n, uint64_t begin, uint64_t end, uint32_t *first,
                     uint32_t *last);
uint32_t mdl_trees_iterations(const struct node *n);

/* MDL_ERR_ARGUMENT unless there are such iterations (end UINT64_MAX: to the last). */
mdl_status mdl_trees_limit(const struct node *n, uint64_t begin, uint64_t end, mdl_error *err);

#endif
