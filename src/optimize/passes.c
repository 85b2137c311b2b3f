/*
 * optimize/passes.c - see passes.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/passes.h"

#include <string.h>

#define ROUNDS 8                  /* passes make work for each other a few times */

#define PASS(name) extern const struct flow_pass mdl_pass_##name;
#include "optimize/pass_list.h"
#undef PASS

static const struct flow_pass *const passes[] = {
#define PASS(name) &mdl_pass_##name,
#include "optimize/pass_list.h"
#undef PASS
};

/* Is `name` in a list with commas? */
static int is_listed(const char *list, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
        if ((strcspn(at, ",") == n && !memcmp(at, name, n))
            || (strcspn(at, ",") == 3 && !memcmp(at, "all", 3)))
            return 1;
    return 0;
}

void flow_optimize(struct flow *f, const mdl_import_options *options)
{
    uint32_t changed = 1;

    for (int round = 0; changed && !f->status && round < ROUNDS; round++) {
        changed = 0;
        for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
            if (!is_listed(options->without, passes[i]->name))
                changed += passes[i]->run(f);
    }
}
