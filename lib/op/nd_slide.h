/*
 * op/nd_slide.h - windows that slide over images: convolutions and pools
 *
 * An image is [channels][depth][height][width]; of fewer dimensions the first are 1.  Along each
 * of the three
 *
 *     window o covers   o * stride + t * dilation - before,   t = 0 .. kernel - 1
 *
 * Fields and slots are the same for every operator with windows, first in their tables.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_SLIDE_H
#define MDL_OP_ND_SLIDE_H

#include "op/nd.h"

enum { AUTO_NOT, AUTO_UPPER, AUTO_LOWER, AUTO_VALID };
extern const char *const mdl_auto_pads[];

/* Lists of integers, one an axis; kernel is that of the weights where there are any. */
enum { WINDOW_KERNEL, WINDOW_STRIDES, WINDOW_DILATIONS, WINDOW_PADS, WINDOW_SLOTS };
#define WINDOW_SLOT(i, name) [i] = { name, TYPE_BIT(MDL_I64), 1, 0 }
#define WINDOW_LISTS \
    WINDOW_SLOT(WINDOW_KERNEL, "kernel"), WINDOW_SLOT(WINDOW_STRIDES, "strides"), \
    WINDOW_SLOT(WINDOW_DILATIONS, "dilations"), WINDOW_SLOT(WINDOW_PADS, "pads")

#define WINDOW_AXES 3u
enum { DEEP, TALL, WIDE };

struct window {
    uint32_t axes;                /* of the image; the arrays are those of three          */
    int64_t  in[WINDOW_AXES], out[WINDOW_AXES], kernel[WINDOW_AXES];
    int64_t  stride[WINDOW_AXES], dilation[WINDOW_AXES], before[WINDOW_AXES], after[WINDOW_AXES];
    uint64_t in_size, out_size, taps;   /* products                                       */
};

/* At load: the lists are of one length, and their numbers in range.  *axes 0: any. */
mdl_status mdl_nd_window_check(const struct node *n, mdl_error *err);

/* The windows of image x [N, C, ...].  `kernel` has a number for each axis, or is NULL: that of
 * the slot.  `ceil`: a window that begins in the image or before it may end beyond it. */
mdl_status mdl_nd_window(struct window *w, const struct node *n, const struct nd *x,
                         const int64_t *kernel, int64_t auto_pad, int ceil, mdl_error *err);

/* Element i of such a list along axis k of `axes`, `fallback` where it is not given. */
int64_t mdl_nd_window_item(const struct node *n, uint32_t slot, uint64_t i, int64_t fallback);

/* First and one past the last o of windows whose tap t lies inside, along one axis. */
static inline void window_range(const struct window *w, uint32_t axis, int64_t t, int64_t *first,
                                int64_t *end)
{
    const int64_t at = t * w->dilation[axis] - w->before[axis], s = w->stride[axis];
    const int64_t last = w->in[axis] - 1 - at;

    *first = at < 0 ? (s - 1 - at) / s : 0;
    *end = last < 0 ? 0 : last / s + 1;
    if (*end > w->out[axis])
        *end = w->out[axis];
    if (*first > *end)
        *first = *end;
}

/* Set the dimensions of result i: [first, second, windows ...]. */
void mdl_nd_window_result(const struct node *n, struct nd_call *c, uint32_t i, const struct window *w,
                          int64_t first, int64_t second);

#endif
