/*
 * format/format.h - bytes to model, model to bytes
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_FORMAT_FORMAT_H
#define MDL_FORMAT_FORMAT_H

#include "graph/graph.h"

/*
 * Check a whole file image and wire a model to it: texts and weights stay pointers
 * into `file`, which is aligned to 64 and outlives the model; small tables go into
 * the arena.  `cpu` are MDL_CPU_*.  Types and shapes of inner values are left to mdl_graph_infer.
 */
mdl_status mdl_format_read(struct model_graph *m, struct arena *a, const void *file, size_t size,
                           const mdl_limits *limits, unsigned cpu, mdl_error *err);

/* The file image of a model, in the arena.  The same model gives the same bytes. */
mdl_status mdl_format_write(const struct model_graph *m, struct arena *a, const void **bytes,
                            size_t *size, mdl_error *err);

#endif
