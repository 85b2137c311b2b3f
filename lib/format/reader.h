/*
 * format/reader.h - what the files that read models share
 *
 *     read.c         the whole, and what every model has: texts, inputs, outputs, nodes
 *     read_extras.c  sections that a model may have: golden rows, metadata, tables that
 *                    are ready, importances
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_FORMAT_READER_H
#define MDL_FORMAT_READER_H

#include "format/sections.h"
#include "graph/graph.h"

#include <string.h>

struct intake {
    struct section s[N_SECTIONS];
    uint64_t next[N_SECTIONS];    /* cursor: records taken so far */
    uint64_t texts, most_texts;   /* bytes that records refer to  */
    struct arena *a;
    struct model_graph *m;
    const mdl_limits *limits;
    mdl_error *err;
};

static inline mdl_status file_bad(const struct intake *r, int section, uint64_t record,
                                  const char *what)
{
    return mdl_fail_at(r->err, MDL_ERR_FORMAT, mdl_section_names[section],
                       r->s[section].offset + record * mdl_section_record[section], "%s", what);
}

/* Copy the next record of a section; 0 when there is none. */
static inline int next_record(struct intake *r, int section, void *out)
{
    const uint32_t bytes = mdl_section_record[section];

    if (r->next[section] >= r->s[section].count)
        return 0;
    memcpy(out, r->s[section].data + r->next[section]++ * bytes, bytes);
    return 1;
}

/* The place of the record that next_record gave last. */
static inline uint64_t record_at(const struct intake *r, int section)
{
    return r->s[section].offset + (r->next[section] - 1) * mdl_section_record[section];
}

static inline mdl_status file_bad_last(const struct intake *r, int section, const char *what)
{
    return file_bad(r, section, r->next[section] - 1, what);
}

static inline int words_zero(const uint32_t *p, size_t n)
{
    uint32_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return !any;
}

/* read.c: the text at an offset; NULL if no text begins there. */
const char *mdl_read_text(struct intake *r, uint32_t at);

/* read.c: type, dimensions and place; `records` is the section whose record was read last. */
mdl_status mdl_read_tensor(struct intake *r, struct tensor *t, const struct mdl_file_tensor *f,
                           int records, int data_section);

/* read_extras.c, once inputs, outputs and nodes are there. */
mdl_status mdl_read_extras(struct intake *r);

#endif
