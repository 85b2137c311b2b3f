/*
 * kernel/tree_tmpl.h - walks of one row
 *
 * The walk keeps eight trees in flight: a step waits for a chain of loads, and the
 * chains of different trees overlap.  It has no branch on data, and stops a group early
 * when none of its walks moves any more, which is asked every few steps: trees grown
 * leaf by leaf are far deeper than the paths that rows take.
 *
 * SPDX-License-Identifier: MIT
 */
#define WALK_STEPS 4u

MDL_INLINE uint32_t next_step(const struct tree_step *steps, uint32_t at, const uint8_t *rank)
{
    const struct tree_step s = steps[at];

    return s.child + (rank[s.column] >= s.rank);
}

MDL_INLINE void walk_eight(uint32_t *exit, const struct tree_step *steps, const uint32_t *root,
                           size_t depth, const uint8_t *rank)
{
    uint32_t a = root[0], b = root[1], c = root[2], d = root[3];
    uint32_t e = root[4], f = root[5], g = root[6], h = root[7];

    for (size_t done = 0; done < depth; done += WALK_STEPS) {
        const uint32_t before[8] = { a, b, c, d, e, f, g, h };
        for (size_t k = 0; k < WALK_STEPS; k++) {
            a = next_step(steps, a, rank);
            b = next_step(steps, b, rank);
            c = next_step(steps, c, rank);
            d = next_step(steps, d, rank);
            e = next_step(steps, e, rank);
            f = next_step(steps, f, rank);
            g = next_step(steps, g, rank);
            h = next_step(steps, h, rank);
        }
        if (!((a ^ before[0]) | (b ^ before[1]) | (c ^ before[2]) | (d ^ before[3])
              | (e ^ before[4]) | (f ^ before[5]) | (g ^ before[6]) | (h ^ before[7])))
            break;
    }
    exit[0] = a; exit[1] = b; exit[2] = c; exit[3] = d;
    exit[4] = e; exit[5] = f; exit[6] = g; exit[7] = h;
}

static void walk(uint32_t *exit, const struct tree_step *steps, const uint32_t *root, size_t n,
                 size_t depth, const uint8_t *rank)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        walk_eight(exit + i, steps, root + i, depth, rank);
    for (; i < n; i++) {
        uint32_t at = root[i];
        for (size_t k = 0; k < depth; k++)
            at = next_step(steps, at, rank);
        exit[i] = at;
    }
}
