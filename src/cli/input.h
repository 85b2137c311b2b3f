/*
 * cli/input.h - bytes of a data file in order: from a file, a pipe or memory
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_INPUT_H
#define MDL_CLI_INPUT_H

#include "base/status.h"

#include <stdio.h>

#define INPUT_BUFFER ((size_t)1 << 16)

struct input {
    const char *name;             /* for messages; the caller keeps it             */
    FILE       *file;             /* NULL: from memory                             */
    const unsigned char *at, *end;  /* read ahead                                  */
    unsigned char *buffer;        /* [INPUT_BUFFER]; NULL: from memory             */
    int         failed;           /* errno of a read that failed, 0: none so far   */
};

/* "-" is standard input. */
mdl_status cli_input_open(struct input *in, const char *path, mdl_error *err);
/* The bytes must outlive the input. */
void cli_input_memory(struct input *in, const char *name, const void *bytes, size_t size);
/* Fine on a zeroed struct, and twice. */
void cli_input_close(struct input *in);

/* Read ahead so that up to INPUT_BUFFER bytes lie at in->at; how many do. */
size_t cli_input_peek(struct input *in);

/* Up to n bytes; fewer only at the end. */
size_t cli_input_read(struct input *in, void *out, size_t n);

/* MDL_OK, or MDL_ERR_IO when a read has failed. */
mdl_status cli_input_status(const struct input *in, mdl_error *err);

/* Everything that is left, malloced; of at most `limit` bytes. */
mdl_status cli_input_all(struct input *in, unsigned char **bytes, size_t *size, size_t limit,
                         mdl_error *err);

#define INPUT_END (-1)

int cli_input_fill(struct input *in);

/* The next byte, or INPUT_END. */
static inline int input_byte(struct input *in)
{
    return in->at < in->end || cli_input_fill(in) ? *in->at++ : INPUT_END;
}

#endif
