/*
 * import/onnx_wire.h - protobuf messages read in place
 *
 * A message is fields one after another: a varint of number << 3 | kind, then a varint (kind
 * 0), 8 bytes (1), a length and bytes (2) or 4 bytes (5).  Fields may come in any order, be
 * missing, or be unknown.  https://protobuf.dev/programming-guides/encoding/
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_ONNX_WIRE_H
#define MDL_IMPORT_ONNX_WIRE_H

#include "base/bytes.h"

#define WIRE_VARINT 0u
#define WIRE_64     1u
#define WIRE_BYTES  2u
#define WIRE_32     5u

struct wire_field {
    uint32_t     number, kind;
    uint64_t     value;           /* kinds 0, 1, 5                                  */
    struct bytes bytes;           /* kind 2                                         */
};

/* The next field; 0 at the end, or with m->bad when what follows is no field. */
int mdl_wire_next(struct bytes *m, struct wire_field *f);

/* The next field with this number and kind 2; 0 when there is none any more. */
int mdl_wire_find(struct bytes *m, uint32_t number, struct bytes *out);

/* One field of a message that is read as a whole: what is not there keeps its value, the last
 * one counts. */
struct wire_rule {
    uint32_t number;
    uint32_t kind;                /* WIRE_VARINT into int64_t, WIRE_32 into float,
                                   * WIRE_64 into double, WIRE_BYTES into struct bytes */
    uint32_t offset;              /* in the struct                                  */
};

/* Fill a struct by rules (ended by number 0); 0 when the message is broken.  A field of
 * another kind than its rule's is passed over. */
int mdl_wire_read(struct bytes message, const struct wire_rule *rules, void *out);

/* Elements of a repeated number, packed or one by one.  Start with *w = 0s and the message. */
struct wire_list {
    struct bytes message, packed;
    uint32_t     number, kind;    /* of an element                                  */
};

int mdl_wire_each(struct wire_list *w, uint64_t *value);
/* How many there are. */
uint64_t mdl_wire_count(struct bytes message, uint32_t number, uint32_t kind);

#endif
