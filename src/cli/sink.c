/*
 * cli/sink.c - see sink.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/sink.h"

#include "cli/os.h"

#include <errno.h>
#include <string.h>

static int cannot_write(struct cli *c, const char *path)
{
    const int why = errno;
    char safe[256];

    return cli_fail(c, CLI_IO, "cannot write '%s': %s",
                    mdl_safe_text(safe, sizeof safe, path, strlen(path)),
                    why ? strerror(why) : "an earlier write failed");
}

int cli_sink_open(struct cli *c, struct sink *s, const char *path)
{
    s->path = path && strcmp(path, "-") != 0 ? path : NULL;
    s->temporary[0] = '\0';
    s->file = stdout;
    if (!s->path)
        return CLI_OK;

    const enum cli_kind kind = cli_os_kind(path);
    if (kind == CLI_KIND_FOLDER) {
        errno = EISDIR;
        return cannot_write(c, path);
    }
    s->file = kind == CLI_KIND_OTHER
            ? fopen(path, "wb") : cli_os_create_beside(path, s->temporary, sizeof s->temporary);
    return s->file ? CLI_OK : cannot_write(c, path);
}

int cli_sink_close(struct cli *c, struct sink *s, int code)
{
    if (!s->path)
        return code;              /* main looks at standard output */
    if (code != CLI_OK) {
        if (s->temporary[0])
            cli_os_discard(s->file, s->temporary);
        else
            fclose(s->file);
        return code;
    }
    if (s->temporary[0])
        return cli_os_commit(s->file, s->temporary, s->path) == 0 ? CLI_OK
                                                                  : cannot_write(c, s->path);
    errno = 0;
    const int failed = ferror(s->file);
    return fclose(s->file) == 0 && !failed ? CLI_OK : cannot_write(c, s->path);
}
