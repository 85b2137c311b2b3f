/*
 * import/onnx_state.c - what a conversion gathers: failures, refusals, names
 *
 * What is not supported does not stop it: all of it is told at once, when the graph has been read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"

#include <stdarg.h>
#include <stdio.h>

#define MOST_REFUSALS 512u        /* different ones that are gathered */

struct flow *mdl_onnx_flow(struct onnx *o)
{
    return &o->flow;
}

/* ---- failing, refusing ---------------------------------------------------------------------- */

mdl_status mdl_onnx_fail(struct onnx *o, const struct bytes *at, mdl_status status, const char *format,
                         ...)
{
    char text[400];
    va_list args;

    if (o->status)
        return o->status;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A message read in place knows where it is in the file; a copy does not. */
    const int inside = at && at->start == o->file.start && at->at >= o->file.start;
    o->status = mdl_fail_at(o->err, status, "", inside ? bytes_offset(at) : MDL_NO_OFFSET, "%s",
                            text);
    return o->status;
}

void mdl_onnx_refuse(struct onnx *o, const struct onnx_node *n, const char *format, ...)
{
    struct onnx_refusal r = { .count = 1 };
    char why[120];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(r.text, sizeof r.text, "%s%s%s of opset %lld%s%s", n->domain, n->domain[0] ? "." : "",
             n->op, (long long)n->opset, why[0] ? ": " : "", why);
    struct onnx_refusal *all = (struct onnx_refusal *)(void *)o->refusals.data;
    for (size_t i = 0; i < o->refusals.bytes / sizeof *all; i++)
        if (!strcmp(all[i].text, r.text)) {
            const size_t used = strlen(all[i].nodes), more = strlen(n->name);
            if (all[i].count++ < 3 && more && used + more + 5 < sizeof r.nodes)
                snprintf(all[i].nodes + used, sizeof r.nodes - used, ", '%s'", n->name);
            return;
        }
    if (o->refusals.bytes / sizeof *all == MOST_REFUSALS)
        return;
    if (n->name[0])
        snprintf(r.nodes, sizeof r.nodes, "'%.60s'", n->name);
    if (!mdl_vec_add(&o->refusals, &o->flow.allocator, &r, sizeof r))
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
}

/* All that was refused, as one error. */
mdl_status mdl_onnx_report(struct onnx *o)
{
    const struct onnx_refusal *all = (const struct onnx_refusal *)(const void *)o->refusals.data;
    struct parts parts = { 0 };

    for (size_t i = 0; i < o->refusals.bytes / sizeof *all; i++) {
        const char *more = all[i].count > 3 ? ", ..." : "";
        if (all[i].nodes[0])
            mdl_parts_add(&parts, "%s (%u node%s: %s%s)", all[i].text, all[i].count,
                          all[i].count > 1 ? "s" : "", all[i].nodes, more);
        else
            mdl_parts_add(&parts, "%s (%u node%s)", all[i].text, all[i].count,
                          all[i].count > 1 ? "s" : "");
    }
    return mdl_parts_fail(&parts, o->err);
}

/* ---- texts and names ---------------------------------------------------------------------------- */

const char *mdl_onnx_copy_text(struct onnx *o, struct bytes b)
{
    const size_t n = bytes_left(&b);
    char *to = n ? mdl_arena_take(&o->flow.arena, (uint64_t)n + 1, 1) : NULL;

    if (!to)
        return "";
    memcpy(to, b.at, n);
    if (memchr(to, 0, n))
        mdl_onnx_fail(o, &b, MDL_ERR_UNSUPPORTED, "a text with a zero byte in it");
    return to;
}

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h ^ h >> 15;
}

static struct onnx_name *names(const struct onnx *o)
{
    return (struct onnx_name *)(void *)o->names.data;
}

uint32_t mdl_onnx_names_mark(const struct onnx *o)
{
    return (uint32_t)(o->names.bytes / sizeof(struct onnx_name));
}

void mdl_onnx_names_forget(struct onnx *o, uint32_t mark)
{
    for (uint32_t i = mdl_onnx_names_mark(o); i-- > mark;)
        o->buckets[names(o)[i].hash % ONNX_BUCKETS] = names(o)[i].next;
    o->names.bytes = mark * sizeof(struct onnx_name);
}

void mdl_onnx_bind(struct onnx *o, const char *name, int32_t value)
{
    const uint32_t h = hash(name);
    const struct onnx_name n = { name, value, o->buckets[h % ONNX_BUCKETS], h };

    if (!mdl_vec_add(&o->names, &o->flow.allocator, &n, sizeof n)) {
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    o->buckets[h % ONNX_BUCKETS] = mdl_onnx_names_mark(o);
}

int32_t mdl_onnx_lookup(const struct onnx *o, const char *name)
{
    const uint32_t h = hash(name);

    for (uint32_t i = o->buckets[h % ONNX_BUCKETS]; i; i = names(o)[i - 1].next)
        if (names(o)[i - 1].hash == h && !strcmp(names(o)[i - 1].name, name))
            return names(o)[i - 1].value;
    return FLOW_NONE;
}
const char *mdl_onnx_text_field(struct onnx *o, struct bytes message, uint32_t number)
{
    struct bytes b;

    return mdl_wire_find(&message, number, &b) ? mdl_onnx_copy_text(o, b) : "";
}
