/*
 * tests/imported.h - what the tests of importers share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_IMPORTED_H
#define MDL_TESTS_IMPORTED_H

#include "test.h"

#include "mdl_import.h"

static inline mdl_model *built(mdl_builder *b)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;
    const void *bytes;
    size_t size;

    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, NULL, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static inline mdl_model *imported(const void *file, size_t size, const mdl_import_options *options)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    if (mdl_import_memory(&b, file, size, options, &err))
        fail_msg("%s", err.text);
    return built(b);
}

static inline void best_iteration_is_refused(const void *file, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    o.best_iteration = 1;
    assert_int_equal(mdl_import_memory(&b, file, size, &o, &err), MDL_ERR_ARGUMENT);
    assert_null(b);
}

/* ---- files made by hand, and broken ---------------------------------------------------------- */

#define MADE_BYTES 4096u
#define MADE_MARKS 200u

struct made {
    unsigned char bytes[MADE_BYTES];
    size_t        size;
    struct mark { const char *name; size_t at; } marks[MADE_MARKS];   /* where a field begins */
    unsigned      n_marks;
};

static inline void mark(struct made *m, const char *name, size_t at)
{
    assert_true(m->n_marks < MADE_MARKS);
    m->marks[m->n_marks++] = (struct mark){ name, at };
}

static inline void put_bytes(struct made *m, const void *v, size_t n)
{
    assert_true(m->size + n <= MADE_BYTES);
    if (n)
        memcpy(m->bytes + m->size, v, n);
    m->size += n;
}

static inline unsigned char *field(struct made *m, const char *name)
{
    for (unsigned i = 0; i < m->n_marks; i++)
        if (!strcmp(m->marks[i].name, name))
            return m->bytes + m->marks[i].at;
    fail_msg("no field '%s'", name);
    return NULL;
}

struct broken_field {
    const char *name;             /* of the field; a number of `bytes` bytes at element `i` of it */
    int         i, bytes;
    int64_t     to;
    const char *says;
    mdl_status  status;           /* 0: MDL_ERR_FORMAT */
};

static inline void refuse_field(struct made m, const char *from, const struct broken_field *r)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = (mdl_builder *)1;
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;

    o.from = from;
    memcpy(field(&m, r->name) + r->i * r->bytes, &r->to, (size_t)r->bytes);
    const mdl_status s = mdl_import_memory(&b, m.bytes, m.size, &o, &err);
    assert_null(b);
    if (s != (r->status ? r->status : MDL_ERR_FORMAT) || !strstr(err.text, r->says))
        fail_msg("%s[%d] = %lld: status %d \"%s\" should say \"%s\"", r->name, r->i,
                 (long long)r->to, (int)s, err.text, r->says);
}

#endif
