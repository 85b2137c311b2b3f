/*
 * cli/input.c - see input.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

mdl_status cli_input_open(struct input *in, const char *path, mdl_error *err)
{
    char safe[256];
    const int is_stdin = !strcmp(path, "-");

    memset(in, 0, sizeof *in);
    in->name = is_stdin ? "standard input" : path;
    in->buffer = malloc(INPUT_BUFFER);
    if (!in->buffer)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    in->at = in->end = in->buffer;
    in->file = is_stdin ? stdin : fopen(path, "rb");
    if (!in->file) {
        const int why = errno;
        cli_input_close(in);
        return mdl_fail(err, MDL_ERR_IO, "cannot open '%s': %s",
                        mdl_safe_text(safe, sizeof safe, path, strlen(path)), strerror(why));
    }
    return MDL_OK;
}

void cli_input_memory(struct input *in, const char *name, const void *bytes, size_t size)
{
    const unsigned char *p = bytes ? bytes : (const unsigned char *)"";

    *in = (struct input){ .name = name, .at = p, .end = p + size };
}

void cli_input_close(struct input *in)
{
    if (in->file && in->file != stdin)
        fclose(in->file);
    free(in->buffer);
    in->file = NULL;
    in->buffer = NULL;
    in->at = in->end = NULL;
}

size_t cli_input_peek(struct input *in)
{
    size_t left = (size_t)(in->end - in->at);

    if (!in->file || left == INPUT_BUFFER)
        return left;
    if (left)
        memmove(in->buffer, in->at, left);
    errno = 0;
    left += fread(in->buffer + left, 1, INPUT_BUFFER - left, in->file);
    if (ferror(in->file))
        in->failed = errno ? errno : EIO;
    in->at = in->buffer;
    in->end = in->buffer + left;
    return left;
}

int cli_input_fill(struct input *in)
{
    return cli_input_peek(in) > 0;
}

size_t cli_input_read(struct input *in, void *out, size_t n)
{
    unsigned char *to = out;
    size_t done = 0;

    while (done < n && (in->at < in->end || cli_input_fill(in))) {
        const size_t left = (size_t)(in->end - in->at), some = n - done < left ? n - done : left;
        memcpy(to + done, in->at, some);
        in->at += some;
        done += some;
    }
    return done;
}

mdl_status cli_input_status(const struct input *in, mdl_error *err)
{
    char safe[256];

    if (!in->failed)
        return MDL_OK;
    return mdl_fail(err, MDL_ERR_IO, "cannot read '%s': %s",
                    mdl_safe_text(safe, sizeof safe, in->name, strlen(in->name)),
                    strerror(in->failed));
}

mdl_status cli_input_all(struct input *in, unsigned char **bytes, size_t *size, size_t limit,
                         mdl_error *err)
{
    size_t room = INPUT_BUFFER, got = 0;
    unsigned char *all = malloc(room);

    while (all) {
        got += cli_input_read(in, all + got, room - got);
        if (got < room)
            break;
        if (room > limit) {
            free(all);
            return mdl_fail(err, MDL_ERR_LIMIT, "'%s' has more than %llu bytes", in->name,
                            (unsigned long long)limit);
        }
        unsigned char *more = realloc(all, room * 2);
        if (!more)
            free(all);
        all = more;
        room *= 2;
    }
    if (!all)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    if (cli_input_status(in, err)) {
        free(all);
        return MDL_ERR_IO;
    }
    *bytes = all;
    *size = got;
    return MDL_OK;
}
