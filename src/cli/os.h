/*
 * cli/os.h - what the program asks of the system, in one place
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_OS_H
#define MDL_CLI_OS_H

#include "base/compiler.h"

#include <stdio.h>

/* Once, first: standard streams that the caller closed are opened on nothing, so that no
 * file of ours gets their number. */
void cli_os_start(void);

int cli_os_is_terminal(FILE *f);
/* A terminal, and nobody said NO_COLOR (no-color.org). */
int cli_os_wants_colour(FILE *f);

enum cli_kind { CLI_KIND_NONE, CLI_KIND_FILE, CLI_KIND_FOLDER, CLI_KIND_OTHER };
enum cli_kind cli_os_kind(const char *path);
/* Do both paths lead to one file? */
int cli_os_same_file(const char *a, const char *b);
/* 0, or -1 with errno; a folder that exists is fine. */
int cli_os_make_folder(const char *path);

/* A new file beside `path` to write to; its name goes into `temporary`.  NULL with errno.  A
 * signal that ends the program removes it.  One at a time. */
FILE *cli_os_create_beside(const char *path, char *temporary, size_t room);
/* Onto disk and into place; or away.  0, or -1 with errno. */
int cli_os_commit(FILE *f, const char *temporary, const char *path);
void cli_os_discard(FILE *f, const char *temporary);

/* Nanoseconds on a clock that never goes back. */
uint64_t cli_os_now(void);
/* Processors this program may use, at least 1. */
unsigned cli_os_processors(void);
/* Run work(user, i) for i in 0 .. n-1, each on a thread of its own, and wait; 0 when a
 * thread could not be started. */
int cli_os_threads(size_t n, void (*work)(void *user, size_t i), void *user);

#endif
