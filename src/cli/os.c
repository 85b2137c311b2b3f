/*
 * cli/os.c - see os.h; POSIX
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void cli_os_start(void)
{
    /* Opened the wrong way round on purpose: reading from a closed standard input and
     * writing to a closed standard output must fail, not succeed in silence. */
    static const int flags[] = { O_WRONLY, O_RDONLY, O_WRONLY };

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", flags[fd]) != fd)
            exit(6);
}

int cli_os_is_terminal(FILE *f)
{
    return isatty(fileno(f));
}

int cli_os_wants_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return !(no && *no) && !(term && !strcmp(term, "dumb")) && isatty(fileno(f));
}

enum cli_kind cli_os_kind(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return CLI_KIND_NONE;
    return S_ISREG(st.st_mode) ? CLI_KIND_FILE : S_ISDIR(st.st_mode) ? CLI_KIND_FOLDER
                                                                     : CLI_KIND_OTHER;
}

int cli_os_same_file(const char *a, const char *b)
{
    struct stat one, two;

    return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev
        && one.st_ino == two.st_ino;
}

int cli_os_make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno == EEXIST && cli_os_kind(path) == CLI_KIND_FOLDER)
        return 0;
    return -1;
}

/* ---- files that appear whole or not at all --------------------------------------------- */

static char unfinished[4096];                 /* the file to remove when a signal ends us */
static volatile sig_atomic_t is_unfinished;

static void on_signal(int number)
{
    if (is_unfinished)
        unlink(unfinished);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old, mine;
        if (sigaction(numbers[i], NULL, &old) != 0 || old.sa_handler == SIG_IGN)
            continue;                         /* nohup, or a caller that wants EPIPE */
        memset(&mine, 0, sizeof mine);
        mine.sa_handler = on_signal;
        sigemptyset(&mine.sa_mask);
        sigaction(numbers[i], &mine, NULL);
    }
}

/* Open it and remember its name with no signal in between. */
static int open_remembered(const char *temporary)
{
    sigset_t all, before;

    catch_signals();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    const int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const int why = errno;
    if (fd >= 0) {
        memcpy(unfinished, temporary, strlen(temporary) + 1);
        is_unfinished = 1;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return fd;
}

FILE *cli_os_create_beside(const char *path, char *temporary, size_t room)
{
    int fd = -1;

    for (int i = 0; i < 100 && fd < 0; i++) {
        const int n = snprintf(temporary, room, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        if (n < 0 || (size_t)n >= room || (size_t)n >= sizeof unfinished) {
            errno = ENAMETOOLONG;
            return NULL;
        }
        fd = open_remembered(temporary);
        if (fd < 0 && errno != EEXIST)
            return NULL;
    }
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w+b");
    if (fd >= 0 && !f) {
        const int why = errno;
        close(fd);
        unlink(temporary);
        is_unfinished = 0;
        errno = why;
    }
    return f;
}

int cli_os_commit(FILE *f, const char *temporary, const char *path)
{
    int ok = !ferror(f) && fflush(f) == 0 && fsync(fileno(f)) == 0;
    int why = errno;

    if (fclose(f) != 0 && ok) {
        ok = 0;
        why = errno;
    }
    if (ok && rename(temporary, path) != 0) {
        ok = 0;
        why = errno;
    }
    if (!ok)
        unlink(temporary);
    is_unfinished = 0;
    errno = why;
    return ok ? 0 : -1;
}

void cli_os_discard(FILE *f, const char *temporary)
{
    const int why = errno;

    fclose(f);
    unlink(temporary);
    is_unfinished = 0;
    errno = why;
}

/* ---- time and threads ------------------------------------------------------------------ */

uint64_t cli_os_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

unsigned cli_os_processors(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > 4096 ? 4096 : (unsigned)n;
}

struct job {
    void (*work)(void *user, size_t i);
    void  *user;
    size_t i;
    pthread_t thread;
};

static void *start(void *job)
{
    const struct job *j = job;

    j->work(j->user, j->i);
    return NULL;
}

int cli_os_threads(size_t n, void (*work)(void *user, size_t i), void *user)
{
    struct job *jobs = calloc(n ? n : 1, sizeof *jobs);
    size_t started = 0;

    for (; jobs && started < n; started++) {
        jobs[started] = (struct job){ .work = work, .user = user, .i = started };
        if (pthread_create(&jobs[started].thread, NULL, start, &jobs[started]) != 0)
            break;
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(jobs[i].thread, NULL);
    free(jobs);
    return jobs && started == n;
}
