/*
 * kernel/ref_trees.h - ensembles of trees, one row and one tree after the other: the definition
 *
 * SPDX-License-Identifier: MIT
 */
/* Thresholds of column c that v reaches, pivots left out. */
#define COUNT_REACHED(type, field, t, c, v, n) do { \
    const uint32_t blocks_ = (t)->start[(c) + 1] - (t)->start[c]; \
    const type *at_ = (t)->field + (size_t)(t)->start[c] * RANK_BLOCK; \
    for (uint32_t i_ = blocks_ > 1 ? RANK_BLOCK : 0; i_ < blocks_ * RANK_BLOCK; i_++) \
        (n) += (v) >= at_[i_]; \
} while (0)

static void rank_f32(uint8_t *rank, const struct rank_table *t, const float *x)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const float v = x[t->feature[c]];
        uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
        COUNT_REACHED(float, f32, t, c, v, n);
        rank[c] = (uint8_t)n;
    }
}

static void rank_f64(uint8_t *rank, const struct rank_table *t, const double *x)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const double v = x[t->feature[c]];
        uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
        COUNT_REACHED(double, f64, t, c, v, n);
        rank[c] = (uint8_t)n;
    }
}

static void ranks_f32(uint8_t *rank, const struct rank_table *t, const float *x, size_t x_stride,
                      size_t rows, size_t height)
{
    for (size_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < t->n_columns; c++) {
            const float v = AT(const float, x, x_stride, r)[t->feature[c]];
            uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
            COUNT_REACHED(float, f32, t, c, v, n);
            rank[c * height + r] = (uint8_t)(n ^ 0x80u);
        }
}

static void ranks_f64(uint8_t *rank, const struct rank_table *t, const double *x, size_t x_stride,
                      size_t rows, size_t height)
{
    for (size_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < t->n_columns; c++) {
            const double v = AT(const double, x, x_stride, r)[t->feature[c]];
            uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
            COUNT_REACHED(double, f64, t, c, v, n);
            rank[c * height + r] = (uint8_t)(n ^ 0x80u);
        }
}

static uint32_t exit_number(const struct tree_top *t, uint32_t tests, const uint8_t *rank)
{
    uint32_t outcomes = tests, e = 0;

    for (uint32_t k = 0; k < TOP_EXITS; k++)
        outcomes |= (uint32_t)(rank[t->column[k]] >= t->rank[k]) << k;
    while ((outcomes ^ (((uint32_t)1 << e) - 1)) & t->ancestors[e])
        e++;
    return e;
}

static uint32_t match(uint32_t *exit, const struct tree_top *tops, const struct tree_exits *exits,
                      const uint32_t *first, const uint32_t *tests, size_t n, const uint8_t *rank,
                      size_t quarters)
{
    uint32_t any = 0;
    (void)quarters;

    for (size_t i = 0; i < n; i++) {
        const uint32_t e = exit_number(&tops[i], tests ? tests[i] : 0, rank);
        exit[i] = exits ? exits[i].exit[e] : first[i] + e;
        any |= exit[i];
    }
    return any;
}

static void sift(uint8_t *at, const struct tree_top *tops, const struct tree_exits *exits, size_t n,
                 const uint8_t *rank)
{
    (void)exits;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < BLOCK_HALF; r++) {
            const struct tree_top *t = &tops[i];
            uint32_t outcomes = 0, e = 0;
            for (uint32_t k = 0; k < TOP_EXITS; k++)
                outcomes |= (uint32_t)((rank[t->column[k] * BLOCK_HALF + r] ^ 0x80u)
                                       >= t->rank[k]) << k;
            while ((outcomes ^ (((uint32_t)1 << e) - 1)) & t->ancestors[e])
                e++;
            at[i * BLOCK_HALF + r] = (uint8_t)e;
        }
}

static void match_tiles(uint32_t *exit, const struct tree_tile *tiles, const uint32_t *at, size_t n,
                        const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    for (size_t i = 0; i < n; i++) {
        const struct tree_tile *t = &tiles[at ? at[i] : i];
        uint32_t outcomes = 0, e = 0;
        for (uint32_t k = 0; k < TILE_EXITS; k++)
            outcomes |= (uint32_t)(rank[t->column[k]] >= t->rank[k]) << k;
        while ((outcomes ^ (((uint32_t)1 << e) - 1)) & t->ancestors[e])
            e++;
        exit[i] = t->exit[e];
    }
}

static void pass_tiles(uint32_t *exit, const struct tree_tile *tiles, const uint16_t *at, size_t n,
                       const uint8_t *rank, size_t stride, size_t quarters)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t tile = exit[at[i]] & ~TOP_GOES_ON;
        match_tiles(&exit[at[i]], tiles, &tile, 1, rank + at[i] % BLOCK_HALF * stride, quarters);
    }
}

static uint32_t heap_leaf(const struct tree_heap *h, const uint8_t *rank)
{
    uint32_t k = 1, before = 0;

    while (k < HEAP_NODES)
        k = 2 * k + (rank[h->column[k]] >= h->rank[k]);
    for (uint32_t e = 0; e < k - HEAP_NODES; e++)
        before += (uint32_t)(h->leaves >> e & 1);
    return before;
}

static void match_heaps(uint32_t *leaf, const struct tree_heap *heaps, const uint32_t *first,
                        size_t n, const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    for (size_t i = 0; i < n; i++)
        leaf[i] = first[i] + heap_leaf(&heaps[i], rank);
}

static uint32_t leaf_number(const struct tree_level *levels, size_t depth, size_t i, const uint8_t *rank)
{
    const struct tree_level *l = levels + i / LEVEL_TREES * depth;
    uint32_t number = 0;

    for (size_t k = 0; k < depth; k++)
        number = 2 * number + (rank[l[k].column[i % LEVEL_TREES]] >= l[k].rank[i % LEVEL_TREES]);
    return number;
}

static void match_levels(uint32_t *leaf, const struct tree_level *levels, size_t depth,
                         const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    for (size_t i = 0; i < n; i++)
        leaf[i] = first[i] + leaf_number(levels, depth, i, rank);
}

#define ADD_ONE(name, real, kind, leaf) \
static void name(real *y, const real *value, const kind *trees, const uint32_t *first, size_t n, \
                 const uint8_t *rank, size_t quarters) \
{ \
    (void)quarters; \
    for (size_t i = 0; i < n; i++) \
        *y += value[first[i] + (leaf)]; \
}
ADD_ONE(add_tops_f32, float, struct tree_top, exit_number(&trees[i], 0, rank))
ADD_ONE(add_tops_f64, double, struct tree_top, exit_number(&trees[i], 0, rank))
ADD_ONE(add_heaps_f32, float, struct tree_heap, heap_leaf(&trees[i], rank))
ADD_ONE(add_heaps_f64, double, struct tree_heap, heap_leaf(&trees[i], rank))

static void add_levels_f32(float *y, const float *value, const struct tree_level *levels, size_t depth,
                           const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    for (size_t i = 0; i < n; i++)
        *y += value[first[i] + leaf_number(levels, depth, i, rank)];
}

static void add_levels_f64(double *y, const double *value, const struct tree_level *levels,
                           size_t depth, const uint32_t *first, size_t n, const uint8_t *rank,
                           size_t quarters)
{
    (void)quarters;
    for (size_t i = 0; i < n; i++)
        *y += value[first[i] + leaf_number(levels, depth, i, rank)];
}

static void add_row_f32(float *y, const float *value, const uint32_t *leaf, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            y[k] += value[leaf[i] * width + k];
}

static void add_row_f64(double *y, const double *value, const uint32_t *leaf, size_t n,
                           size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            y[k] += value[leaf[i] * width + k];
}

static void members(uint8_t *out, const uint8_t *code, const uint8_t *set, size_t height)
{
    for (size_t r = 0; r < height; r++)
        out[r] = set[code[r] / 8] >> code[r] % 8 & 1 ? 0x7f : 0x80;
}

static void fall(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start, size_t trees,
                 const uint8_t *rank, size_t height, int even)
{
    for (size_t t = 0; t < trees; t++, leaf += height)
        for (size_t r = 0; r < height; r++) {
            leaf[r] = 0;
            for (uint32_t i = start[t]; i < start[t + 1]; i++)
                if ((even || leaf[r] == forks[i].left)
                    && (rank[forks[i].column * height + r] ^ 0x80u) > (forks[i].below ^ 0x80u))
                    leaf[r] ^= forks[i].move;
        }
}

static void descend(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                    size_t trees, const uint8_t *rank, size_t height)
{
    fall(leaf, forks, start, trees, rank, height, 0);
}

static void descend_even(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                         size_t trees, const uint8_t *rank, size_t height)
{
    fall(leaf, forks, start, trees, rank, height, 1);
}

/* Row r of a plane. */
static unsigned plane_bit(const uint8_t *plane, size_t r)
{
    return (unsigned)plane[r % PLANE_BYTES] >> r / PLANE_BYTES & 1u;
}

static void set_plane_bit(uint8_t *plane, size_t r, int set)
{
    const uint8_t bit = (uint8_t)(1u << r / PLANE_BYTES);

    plane[r % PLANE_BYTES] = (uint8_t)((plane[r % PLANE_BYTES] & ~bit) | (set ? bit : 0));
}

static void planes(uint8_t *plane, const struct plane_column *columns, size_t n, const uint8_t *rank)
{
    for (size_t c = 0; c < n; c++)
        for (size_t r = 0; r < BLOCK_ROWS; r++) {
            const unsigned x = rank[c * BLOCK_ROWS + r] ^ 0x80u;
            uint8_t *to = plane + (size_t)columns[c].first * PLANE_BYTES;

            for (unsigned t = 1; t <= columns[c].thresholds; t++, to += PLANE_BYTES)
                set_plane_bit(to, r, x >= t);
            if (columns[c].nan)
                set_plane_bit(to, r, x == RANK_NAN);
        }
}

static void test_plane(uint8_t *plane, const uint8_t *test)
{
    for (size_t r = 0; r < BLOCK_ROWS; r++)
        set_plane_bit(plane, r, test[r] == 0x7f);
}

/* Slots as the planes they are; only the order of forks within a tree matters. */
static void part(uint8_t *leaf, const struct plane_group *group, const struct plane_fork *forks,
                 uint8_t *plane)
{
    for (size_t t = 0, slot = 0; t < group->trees; t++, leaf += BLOCK_ROWS) {
        const size_t end = slot + (group->leaves[t] + 7u) / 8 * 8;

        for (size_t r = 0; r < BLOCK_ROWS; r++) {
            size_t at = slot;
            for (size_t i = group->first; i < (size_t)group->first + group->forks; i++)
                if ((size_t)forks[i].left * PLANE_UNIT == at * PLANE_BYTES
                    && plane_bit(plane + (size_t)forks[i].condition * PLANE_UNIT, r))
                    at = (size_t)forks[i].right * PLANE_UNIT / PLANE_BYTES;
            leaf[r] = (uint8_t)(at - slot);
        }
        slot = end;
    }
}

static void part_even(uint8_t *leaf, const struct plane_group *group,
                      const struct plane_fork *forks, uint8_t *plane)
{
    forks += group->first;
    for (size_t t = 0; t < group->trees; t++, leaf += BLOCK_ROWS) {
        size_t levels = 0;

        while (1u << levels < group->leaves[t])
            levels++;
        for (size_t r = 0; r < BLOCK_ROWS; r++) {
            unsigned number = 0;
            for (size_t l = 0; l < levels; l++)
                number = 2 * number
                       + plane_bit(plane + (size_t)forks[l].condition * PLANE_UNIT, r);
            leaf[r] = (uint8_t)number;
        }
        forks += levels;
    }
}

static void add_leaves_f32(float *sum, const float *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height)
{
    for (size_t r = 0; r < height; r++)
        for (size_t t = 0; t < trees; t++)
            sum[r] += value[first[t] + leaf[t * height + r]];
}

static void add_leaves_f64(double *sum, const double *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height)
{
    for (size_t r = 0; r < height; r++)
        for (size_t t = 0; t < trees; t++)
            sum[r] += value[first[t] + leaf[t * height + r]];
}

static void add_few_f32(float *sum, const float *value, const uint32_t *first,
                        const uint16_t *leaves, size_t trees, const uint8_t *leaf, size_t height)
{
    (void)leaves;
    add_leaves_f32(sum, value, first, trees, leaf, height);
}

static void add_few_f64(double *sum, const double *value, const uint32_t *first,
                        const uint16_t *leaves, size_t trees, const uint8_t *leaf, size_t height)
{
    (void)leaves;
    add_leaves_f64(sum, value, first, trees, leaf, height);
}

/* The leaf at which one walk ends; the keys of its columns are `apart` keys apart. */
#define DEEP_LEAF(KEY, NODE, leaf, d, tree, key, apart) do { \
    const struct NODE *node_ = (const struct NODE *)(d)->nodes + (d)->root[tree]; \
    while (node_->to >> (d)->shift != 1) { \
        const uint64_t low_ = node_->to & (((uint64_t)1 << (d)->shift) - 1); \
        const KEY key_ = (key)[low_ / sizeof(KEY) * (apart)], side_ = low_ & DEEP_SIDE; \
        const int right_ = low_ & DEEP_SET ? deep_is_right((d), node_->t, key_, side_) \
                                           : (KEY)(key_ - side_) >= node_->t; \
        node_ += (node_->to >> (d)->shift) - !right_; \
    } \
    (leaf) = (uint32_t)node_->t - 1; \
} while (0)

static void deep_rows_u32(uint32_t *leaf, const struct deep_table *d, size_t tree,
                          const uint32_t *key, size_t eights)
{
    for (size_t r = 0; r < eights * 8; r++)
        DEEP_LEAF(uint32_t, deep_u32, leaf[r], d, tree, key + r / 8 * 8 * d->columns + r % 8, 8);
}

static void deep_rows_u64(uint32_t *leaf, const struct deep_table *d, size_t tree,
                          const uint64_t *key, size_t eights)
{
    for (size_t r = 0; r < eights * 8; r++)
        DEEP_LEAF(uint64_t, deep_u64, leaf[r], d, tree, key + r / 8 * 8 * d->columns + r % 8, 8);
}

static void deep_row_u32(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                         const uint32_t *key)
{
    for (size_t t = 0; t < n; t++)
        DEEP_LEAF(uint32_t, deep_u32, leaf[t], d, tree + t, key, 1);
}

static void deep_row_u64(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                         const uint64_t *key)
{
    for (size_t t = 0; t < n; t++)
        DEEP_LEAF(uint64_t, deep_u64, leaf[t], d, tree + t, key, 1);
}
