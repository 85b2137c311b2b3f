/*
 * import/events.h - JSON and UBJSON as one stream of events
 *
 * A reader pulls: each call of mdl_events_next reads a little of the mapped file and
 * says what was there.  No tree of nodes is built and nothing recurses; memory goes to
 * the keys of the objects that are open and to the one string that needed unescaping.
 *
 *     mdl_events_object(e);                 the value must be an object
 *     while (mdl_events_key(e))
 *         if (mdl_events_is(e, "version")) ...read its value...
 *         else mdl_events_skip(e, NULL);
 *     return e->status;                     MDL_OK, or the first failure
 *
 * After a failure every call does nothing and says so, so one test at the end of a
 * section is enough.  Strings are valid UTF-8 without NUL; a key that comes twice in an
 * object, more than 64 levels and bytes behind the root value are refused.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_EVENTS_H
#define MDL_IMPORT_EVENTS_H

#include "base/bytes.h"
#include "base/vec.h"

#define EVENTS_DEPTH 64

enum event {
    EVENT_FAILED,                 /* e->status and e->err say why                  */
    EVENT_END,                    /* after the root value                          */
    EVENT_OBJECT, EVENT_ARRAY,    /* begins                                        */
    EVENT_CLOSE,                  /* the innermost object or array ends            */
    EVENT_KEY, EVENT_STRING,      /* e->text, e->length                            */
    EVENT_NUMBER,                 /* mdl_events_get_*                              */
    EVENT_BOOL,                   /* e->integer                                    */
    EVENT_NULL
};

/* How the number of the last event lies before us. */
enum events_number { NUMBER_TEXT, NUMBER_INTEGER, NUMBER_REAL };

struct events_level {
    uint8_t  is_object;
    uint8_t  some;                /* JSON: a member was read, a comma must follow   */
    uint8_t  has_key;             /* a key was read, its value comes next           */
    uint8_t  counted;             /* UBJSON: `left` elements, no closing bracket    */
    uint8_t  type, type_bytes;    /* UBJSON: marker and size of every element, or 0 */
    uint64_t left;
    size_t   keys;                /* bytes of e->keys that belong to outer objects  */
};

struct events {
    struct bytes in;
    mdl_error   *err;
    mdl_status   status;
    enum event (*next)(struct events *e);
    mdl_allocator allocator;

    unsigned depth;
    uint64_t (*pass)(struct events *e);      /* elements of the array just begun, numbers all:
                                                as many as it likes at once, and how many */
    int      done;                /* the root value is complete                     */
    struct events_level levels[EVENTS_DEPTH];
    struct vec keys;              /* struct events_key of all open objects          */
    struct vec unescaped;         /* the last string, if it had escapes             */

    const char *text;             /* of the last string or key; a number's text     */
    size_t      length;
    enum events_number number;
    int64_t     integer;
    double      real;
};

/* Begin at in.at; offsets count from in.start.  Nothing to free on failure. */
void mdl_events_json(struct events *e, struct bytes in, mdl_error *err);
void mdl_events_ubjson(struct events *e, struct bytes in, mdl_error *err);
void mdl_events_free(struct events *e);

enum event mdl_events_next(struct events *e);

/* Fail here, with one sentence; e->status afterwards.  Nothing if failed already. */
mdl_status mdl_events_fail(struct events *e, mdl_status status, const char *format, ...)
    MDL_PRINTF(3, 4);
mdl_status mdl_events_memory(struct events *e);

/* The next value must be this; 0 on failure. */
int mdl_events_object(struct events *e);
int mdl_events_array(struct events *e);
int mdl_events_string(struct events *e);

/* Inside an object: 1 when there is another key, 0 at the end or on failure. */
int mdl_events_key(struct events *e);
int mdl_events_is(const struct events *e, const char *key);

/* Inside an array: 1 when another element begins, as *ev; 0 at the end or on failure. */
int mdl_events_element(struct events *e, enum event *ev);

/* Pass over the next value; *count (may be NULL) is how many members it had. */
void mdl_events_skip(struct events *e, uint64_t *count);

/* The number of the last event, rounded once to float32; or exactly an integer.  A bool
 * is 0 or 1.  0 on failure. */
int mdl_events_get_f32(struct events *e, float *out);
int mdl_events_get_i64(struct events *e, int64_t *out);

/* The next value, an array of numbers, at the end of `out`: float32 widened to double,
 * or int32.  0 on failure. */
int mdl_events_doubles(struct events *e, struct vec *out);
int mdl_events_ints(struct events *e, struct vec *out);

/* Pass over the next value, and say where it lies: a reader of its own can read it later,
 * as its root.  0 on failure. */
int mdl_events_span(struct events *e, struct bytes *value);

/* ---- for the two encodings -------------------------------------------------------------- */

enum event mdl_events_bad(struct events *e, const char *format, ...) MDL_PRINTF(2, 3);

/* Open a container, close the innermost one, note a key; each returns its event. */
enum event mdl_events_push(struct events *e, struct events_level level);
enum event mdl_events_pop(struct events *e);
enum event mdl_events_add_key(struct events *e, const unsigned char *at, size_t length,
                              int escaped);

/* Are these bytes UTF-8 without NUL? */
int mdl_utf8_valid(const unsigned char *p, size_t n);

/* One character of a JSON string at p, escapes resolved; the bytes it took, 0 if bad.
 * A raw byte of UTF-8 counts as a character of its own. */
size_t mdl_json_char(const unsigned char *p, const unsigned char *end, uint32_t *code);

#endif
