/*
 * format/mdl_format.h - the bytes of a .mdl file, version 1
 *
 *     +--------------------+  0
 *     | header             |  128 bytes
 *     +--------------------+
 *     | section table      |  64 bytes a section, in the order of their offsets
 *     +--------------------+
 *     | section            |  each at a multiple of 64, zeros in between
 *     | ...                |  the last one ends where the file ends
 *     +--------------------+
 *
 * Little-endian; every struct below is its bytes on disk.  Records hold counts, never
 * starts: where a node's inputs, parameters and weights begin follows from the nodes
 * before it.  docs/format.md says the same for people who write a second reader.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_FORMAT_MDL_FORMAT_H
#define MDL_FORMAT_MDL_FORMAT_H

#include <stdint.h>

#define MDL_FILE_MAGIC "\x89MDL\r\n\x1a\n"   /* as PNG's: damage by text mode shows at once */
#define MDL_FILE_MAJOR 1
#define MDL_FILE_MINOR 0
#define MDL_FILE_ALIGN 64u

struct mdl_file_header {
    unsigned char magic[8];
    uint16_t major, minor;        /* minor grows when only optional things were added     */
    uint32_t header_bytes;        /* 128                                                  */
    uint64_t file_bytes;          /* exactly                                              */
    uint32_t n_sections;
    uint32_t entry_bytes;         /* 64                                                   */
    uint64_t required_features;   /* a reader that does not know a bit refuses the file   */
    uint64_t optional_features;   /* a reader may ignore these                            */
    uint8_t  reserved[76];        /* 0                                                    */
    uint32_t crc;                 /* CRC-32C of the header before it, then of the table   */
};

struct mdl_file_section {
    uint32_t type;                /* SECTION_*; bit 31: a reader may ignore it            */
    uint16_t version;             /* 1                                                    */
    uint16_t align_log2;          /* 6                                                    */
    uint64_t offset;
    uint64_t bytes;
    uint64_t count;               /* records; bytes = count * record_bytes                */
    uint32_t record_bytes;
    uint32_t crc;                 /* CRC-32C of the section                               */
    uint8_t  reserved[24];        /* 0                                                    */
};

#define SECTION_OPTIONAL 0x80000000u

/* SECTION(code, name, record bytes): in a file at most once each, in this order. */
#define SECTION_LIST(SECTION) \
    SECTION(1, strings, 1)        /* texts, each ended by a zero byte; the first is ""    */ \
    SECTION(2, inputs, 96)        \
    SECTION(3, columns, 32)       /* of each input that says so, in turn                  */ \
    SECTION(4, outputs, 32)       \
    SECTION(5, labels, 4)         /* texts: categories of columns, then labels of outputs */ \
    SECTION(6, nodes, 64)         \
    SECTION(7, edges, 4)          /* numbers of values: what the nodes read               */ \
    SECTION(8, params, 8)         /* int64 or float64 each                                */ \
    SECTION(9, tensors, 96)       /* weights of the nodes in turn                         */ \
    SECTION(10, data, 1)          /* their bytes, each at a multiple of 64                */ \
    SECTION(0x80000001u, metadata, 8) \
    SECTION(0x80000002u, golden, 112) \
    SECTION(0x80000003u, golden_data, 1) \
    SECTION(0x80000004u, ready, 112)  /* tables that loading would work out (op.h)        */ \
    SECTION(0x80000005u, ready_data, 1) \
    SECTION(0x80000006u, importance, 4)       /* texts: kinds of importances of columns */ \
    SECTION(0x80000007u, importance_cols, 4)  /* ascending: columns of the first input  */ \
    SECTION(0x80000008u, importance_data, 8)   /* float64 [kinds][those columns]         */

/* Bits of required_features, from the lowest on: how many, and how they are called. */
#define MDL_FILE_N_FEATURES 3
#define MDL_FILE_FEATURES "narrow trees, float16 leaves, short trees"   /* OP_*: op/op.h */

/* "texts" are offsets into the section strings. */

struct mdl_file_input {
    uint32_t name;                /* text                                                 */
    uint32_t type;                /* of a table MDL_F32 or MDL_F64, else any MDL_*        */
    uint32_t rank;                /* of a table 2; of a tensor at most 8, or ~0: any      */
    uint32_t absent;              /* 0: what a sparse row leaves out is 0; 1: is missing  */
    int64_t  dims[8];             /* [0] -1, any number of rows; [1] columns; rest 0.     */
                                  /* Of a tensor any of them may be -1                    */
    uint32_t n_columns;           /* records in `columns`: 0 or dims[1]                   */
    uint32_t reserved[3];
};

struct mdl_file_column {
    uint32_t name;                /* text                                                 */
    uint32_t kind;                /* MDL_COLUMN_*                                         */
    uint32_t category_type;       /* MDL_STRING, I64, F64, BOOL; 0 without categories     */
    uint32_t n_categories;
    uint32_t reserved[4];
};

struct mdl_file_output {
    uint32_t name;                /* text                                                 */
    uint32_t role;                /* MDL_OUTPUT_*                                         */
    uint32_t value;               /* number of a value: inputs first, then node results   */
    uint32_t label_type;          /* as category_type                                     */
    uint32_t n_labels;
    uint32_t reserved[3];
};

struct mdl_file_node {
    uint32_t op;                  /* op_list.h                                            */
    uint32_t version;             /* 1                                                    */
    uint32_t name;                /* text                                                 */
    uint32_t n_in;                /* edges; ~0 where a tensor operator is not given one   */
    uint32_t n_params;
    uint32_t n_tensors;
    uint32_t n_out;               /* results; 0: as many as the operator has at least     */
    uint32_t reserved[9];
};

struct mdl_file_tensor {
    uint32_t slot;                /* text: what the operator calls it; 0 in golden rows   */
    uint32_t type;                /* MDL_F32, ...                                         */
    uint32_t rank;                /* at most 8                                            */
    uint32_t reserved;
    int64_t  dims[8];             /* unused ones 0                                        */
    uint64_t at;                  /* first byte, from the start of data or golden_data    */
    uint64_t bytes;
};

struct mdl_file_pair { uint32_t key, value; };

struct mdl_file_golden {
    uint32_t is_output;           /* 0: rows of an input, 1: of an output                 */
    uint32_t index;               /* which                                                */
    uint32_t reserved[2];
    struct mdl_file_tensor tensor;   /* [rows, columns], bytes in golden_data             */
};

struct mdl_file_ready {
    uint32_t node;
    uint32_t reserved[3];
    struct mdl_file_tensor tensor;   /* its slot names the table and its layout; bytes in ready_data */
};

_Static_assert(sizeof(struct mdl_file_header) == 128, "header");
_Static_assert(sizeof(struct mdl_file_section) == 64, "section");
_Static_assert(sizeof(struct mdl_file_input) == 96, "input");
_Static_assert(sizeof(struct mdl_file_column) == 32, "column");
_Static_assert(sizeof(struct mdl_file_output) == 32, "output");
_Static_assert(sizeof(struct mdl_file_node) == 64, "node");
_Static_assert(sizeof(struct mdl_file_tensor) == 96, "tensor");
_Static_assert(sizeof(struct mdl_file_golden) == 112, "golden");
_Static_assert(sizeof(struct mdl_file_ready) == 112, "ready");

#endif
