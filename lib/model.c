/*
 * model.c - mdl_load ... mdl_free: the library's table of contents
 *
 *     bytes -> base/map.c        read, copied or mapped
 *           -> format/read.c     checked and wired
 *           -> graph/infer.c     types and shapes; layouts derived from weights
 *           -> graph/plan.c      places in scratch; graph/tensors.c for tensors
 *           -> kernel/kernel.c   the kernels this machine runs best
 *           -> run.c             what calls will need
 *
 * Prediction is in predict.c, questions about a model in describe.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#include "base/cpu.h"
#include "format/format.h"
#include "op/tree_engine.h"

#include <errno.h>
#include <string.h>

uint32_t mdl_version(void)
{
    return MDL_VERSION_MAJOR * 1000000u + MDL_VERSION_MINOR * 1000u + MDL_VERSION_PATCH;
}

const char *mdl_version_string(void)
{
    return MDL_VERSION_STRING;
}

void mdl_struct_copy(void *to, uint32_t to_bytes, const void *from, uint32_t from_bytes)
{
    memcpy((unsigned char *)to + sizeof(uint32_t), (const unsigned char *)from + sizeof(uint32_t),
           (to_bytes < from_bytes ? to_bytes : from_bytes) - sizeof(uint32_t));
}

mdl_status mdl_options_copy(void *to, uint32_t to_bytes, const void *from, const char *what,
                            mdl_error *err)
{
    uint32_t size = 0;

    memset(to, 0, to_bytes);
    if (!from)
        return MDL_OK;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size || size > 4096)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "%s.size is %u, expected sizeof(%s)", what, size,
                        what);
    for (uint32_t i = to_bytes; i < size; i++)
        if (((const unsigned char *)from)[i])
            return mdl_fail(err, MDL_ERR_UNSUPPORTED,
                            "%s asks for something this libmodel does not know; update libmodel",
                            what);
    memcpy(to, from, size < to_bytes ? size : to_bytes);
    return MDL_OK;
}

struct request {
    const char *path;             /* or */
    const void *bytes;
    size_t size;
    mdl_load_options options;
    mdl_limits limits;
    mdl_allocator allocator;      /* zeros: the default */
    mdl_parallel parallel;
    unsigned cpu;                 /* MDL_CPU_* */
};

static mdl_status check_request(struct request *q, const mdl_load_options *options, mdl_error *err)
{
    mdl_limits given;
    mdl_status s = mdl_options_copy(&q->options, sizeof q->options, options, "mdl_load_options",
                                    err);

    if (!s) s = mdl_options_copy(&given, sizeof given, q->options.limits, "mdl_limits", err);
    if (!s) s = mdl_options_copy(&q->allocator, sizeof q->allocator, q->options.allocator,
                                 "mdl_allocator", err);
    if (!s) s = mdl_parallel_copy(&q->parallel, q->options.parallel, err);
    if (s)
        return s;
    mdl_limits_fill(&q->limits, &given);
    if (q->options.flags & ~(q->path ? MDL_LOAD_MMAP : MDL_LOAD_BORROW))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "unknown flags 0x%x in mdl_load_options",
                        q->options.flags);
    if (q->options.allocator && (!q->allocator.alloc || !q->allocator.free))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "mdl_allocator needs alloc and free");
    if (!q->path && (!q->bytes && q->size))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "the bytes are NULL");
    if (q->options.flags & MDL_LOAD_BORROW && (uintptr_t)q->bytes % 64)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "borrowed bytes must begin at a multiple of 64");
    return MDL_OK;
}

static mdl_status get_bytes(mdl_model *m, const struct request *q, mdl_error *err)
{
    if (q->path && q->options.flags & MDL_LOAD_MMAP)
        return mdl_map_open(&m->map, q->path, q->limits.file_bytes, err);
    if (q->path)
        return mdl_map_read(&m->map, q->path, &m->allocator, q->limits.file_bytes, err);
    if (q->size > q->limits.file_bytes)
        return mdl_fail(err, MDL_ERR_LIMIT, "%llu bytes, the limit is %llu",
                        (unsigned long long)q->size, (unsigned long long)q->limits.file_bytes);
    if (q->options.flags & MDL_LOAD_BORROW) {
        mdl_map_borrow(&m->map, q->bytes, q->size);
        return MDL_OK;
    }
    return mdl_map_copy(&m->map, q->bytes, q->size, &m->allocator, err);
}

static mdl_status choose_kernels(mdl_model *m, const struct request *q, mdl_error *err)
{
    const char *isa = q->options.isa, *engine = q->options.engine;
    char name[32];

    m->kernels = mdl_kernels_named(isa, q->cpu);
    if (!m->kernels)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "no kernel set '%s' here; mdl_isa_name lists them",
                        mdl_safe_text(name, sizeof name, isa, strlen(isa)));
    if (engine && !mdl_trees_engine_named(engine))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "no engine '%s'; mdl_engine_name lists them",
                        mdl_safe_text(name, sizeof name, engine, strlen(engine)));
    for (uint32_t i = 0; i < m->m.graph.n_nodes; i++)
        if (m->m.graph.nodes[i].op->choose)
            m->m.graph.nodes[i].op->choose(&m->m.graph.nodes[i], m->kernels, engine);
    return MDL_OK;
}

static mdl_status plan_tensors(mdl_model *m, const struct request *q, mdl_error *err)
{
    mdl_status s = mdl_graph_plan_tensors(&m->tensors, &m->m, &m->arena, err);

    if (!s) s = choose_kernels(m, q, err);
    if (!s) s = mdl_tensors_prepare(m, err);
    return s;
}

static mdl_status load(mdl_model **out, struct request *q, const mdl_load_options *options,
                       mdl_error *err)
{
    if (out)
        *out = NULL;
    if (!out || (!q->path && !q->bytes))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "%s is NULL", out ? "the source" : "out");
    mdl_status s = check_request(q, options, err);
    if (s)
        return s;

    const mdl_allocator a = mdl_allocator_or_default(&q->allocator);
    mdl_model *m = a.alloc(a.user, sizeof *m);
    if (!m)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    memset(m, 0, sizeof *m);
    m->allocator = a;
    m->parallel = q->parallel;
    mdl_arena_init(&m->arena, &a, q->limits.memory_bytes);
    m->arena.used = sizeof *m;

    q->cpu = mdl_cpu_sets();
    s = get_bytes(m, q, err);
    if (!s) s = mdl_format_read(&m->m, &m->arena, m->map.data, m->map.size, &q->limits,
                                   q->cpu, err);
    if (!s) s = mdl_graph_infer(&m->m, &q->limits, err);
    m->m.graph.plain = q->options.engine && !strcmp(q->options.engine, "plain");
    if (!s) s = mdl_graph_prepare(&m->m, &m->arena, err);
    m->scratch_limit = q->limits.scratch_bytes;
    m->memory_limit = q->limits.memory_bytes;
    if (!s && mdl_graph_is_tensors(&m->m)) {
        if (!MDL_OPS_TENSORS)
            s = mdl_fail(err, MDL_ERR_UNSUPPORTED, "a network; this libmodel was built without (OPS)");
        else
            s = plan_tensors(m, q, err);
    } else if (!s) {
        s = mdl_graph_plan(&m->plan, &m->m, &m->arena, &q->limits, err);
        if (!s) s = choose_kernels(m, q, err);
        if (!s) s = mdl_run_prepare(m, err);
    }
    if (s) {
        mdl_free(m);
        return s;
    }
    *out = m;
    return MDL_OK;
}

/* Layouts are derived with arithmetic: in our floating-point mode, not the host's. */
static mdl_status load_guarded(mdl_model **out, struct request *q, const mdl_load_options *options,
                               mdl_error *err)
{
    const int kept = errno;
    const uint64_t mode = mdl_fp_enter();
    const mdl_status s = load(out, q, options, err);

    mdl_fp_leave(mode);
    errno = kept;
    return s;
}

mdl_status mdl_load(mdl_model **out, const char *path, const mdl_load_options *options,
                    mdl_error *error)
{
    struct request q = { .path = path };

    return load_guarded(out, &q, options, error);
}

mdl_status mdl_load_memory(mdl_model **out, const void *bytes, size_t size,
                           const mdl_load_options *options, mdl_error *error)
{
    struct request q = { .bytes = bytes, .size = size };

    return load_guarded(out, &q, options, error);
}

void mdl_free(mdl_model *m)
{
    if (!m)
        return;
    const int kept = errno;
    const mdl_allocator a = m->allocator;

    mdl_run_free(m);
    mdl_map_free(&m->map, &a);
    mdl_arena_free(&m->arena);
    a.free(a.user, m, sizeof *m);
    errno = kept;
}
