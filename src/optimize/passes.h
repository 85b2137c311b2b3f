/*
 * optimize/passes.h - what is done to a flow before it becomes a model
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OPTIMIZE_PASSES_H
#define MDL_OPTIMIZE_PASSES_H

#include "mdl_import.h"
#include "optimize/flow.h"

struct flow_pass {
    const char *name, *about;
    /* How many things it changed. */
    uint32_t (*run)(struct flow *f);
};

/* Every pass of pass_list.h, again and again while something changes, but for those that the
 * options leave out.  How much each changed goes into `report`: "fold 12, same 3, dead 20". */
void mdl_flow_optimize(struct flow *f, const mdl_import_options *options, char *report, size_t room);

#endif
