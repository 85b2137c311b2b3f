/*
 * optimize/passes.c - see passes.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/passes.h"

#include <stdio.h>
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

#define N_PASSES (sizeof passes / sizeof *passes)

const char *mdl_pass_name(size_t i)
{
    return i < N_PASSES ? passes[i]->name : NULL;
}

const char *mdl_pass_about(size_t i)
{
    return i < N_PASSES ? passes[i]->about : NULL;
}

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

void mdl_flow_optimize(struct flow *f, const mdl_import_options *options, char *report, size_t room)
{
    uint32_t changed = 1, counts[N_PASSES] = { 0 };
    size_t used = 0;

    for (int round = 0; changed && !f->status && round < ROUNDS; round++) {
        changed = 0;
        for (size_t i = 0; i < N_PASSES; i++)
            if (!is_listed(options->without, passes[i]->name)) {
                const uint32_t n = passes[i]->run(f);
                counts[i] += n;
                changed += n;
            }
    }
    *report = '\0';
    for (size_t i = 0; i < N_PASSES && used < room; i++)
        if (!is_listed(options->without, passes[i]->name))
            used += (size_t)snprintf(report + used, room - used, "%s%s %u", used ? ", " : "",
                                     passes[i]->name, (unsigned)counts[i]);
}
