/*
 * examples/08_server.c - predictions from inside an event loop
 *
 *     08_server MODEL.mdl 7000        then: printf '5,2\n' | nc 127.0.0.1 7000
 *     08_server MODEL.mdl --self-test
 *
 * A poll() loop of the kind many programs have, on the loopback interface.  One line in,
 * one line out: cells separated by commas (an empty cell is missing), answered by the
 * main output separated by blanks, or by "error: ...".  A prediction is a plain call that
 * takes no lock, allocates nothing and never waits, so it can stand in the loop itself.
 *
 * Everything is bounded: clients, line length, unsent answers, idle time.  A client that
 * does not read its answers is not read from.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "mdl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS      32
#define LINE_BYTES   16384u
#define ANSWER_BYTES 16384u
#define IDLE_SECONDS 60

struct client {
    int fd;                                   /* -1: a free place                       */
    int closing;                              /* no more is read; ends when all is sent */
    time_t seen;
    size_t in_bytes, out_bytes;
    char in[LINE_BYTES], out[ANSWER_BYTES];
};

struct server {
    const mdl_model *model;
    mdl_predict_options how;                  /* with the loop's own context  */
    float *x, *y;                             /* one row                      */
    size_t cols, out_cols;
    int listener;
    struct client clients[CLIENTS];
};

/* ---- one line in, one line out ---------------------------------------------------- */

/* The cells of a line into s->x; NULL, or what is wrong with it. */
static const char *parse_row(struct server *s, const char *line)
{
    for (size_t c = 0; c < s->cols; c++) {
        char *end;
        s->x[c] = strtof(line, &end);
        if (end == line)
            s->x[c] = NAN;
        end += strspn(end, " ");
        if (*end != (c + 1 < s->cols ? ',' : '\0'))
            return *end == ',' ? "too many cells" : *end ? "not a number" : "too few cells";
        line = end + 1;
    }
    return NULL;
}

static size_t append(char *out, size_t used, const char *text)
{
    const size_t n = strlen(text), room = ANSWER_BYTES - used;

    memcpy(out + used, text, n < room ? n : room);
    return used + (n < room ? n : room);
}

static void answer(struct server *s, struct client *c, const char *line)
{
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F32, .rank = 2, .data = s->x,
                           .dims = { 1, (int64_t)s->cols } };
    const mdl_tensor y = { .size = sizeof y, .type = MDL_F32, .rank = 2, .data = s->y,
                           .dims = { 1, (int64_t)s->out_cols } };
    mdl_error err = MDL_ERROR_INIT;
    const char *wrong = parse_row(s, line);
    char number[48];

    if (!wrong && mdl_predict_tensor(s->model, &x, &y, &s->how, &err))
        wrong = err.text;
    if (wrong) {
        c->out_bytes = append(c->out, c->out_bytes, "error: ");
        c->out_bytes = append(c->out, c->out_bytes, wrong);
        c->out_bytes = append(c->out, c->out_bytes, "\n");
        return;
    }
    for (size_t k = 0; k < s->out_cols; k++) {
        snprintf(number, sizeof number, "%.9g%c", (double)s->y[k],
                 k + 1 < s->out_cols ? ' ' : '\n');
        c->out_bytes = append(c->out, c->out_bytes, number);
    }
}

/* Every whole line that has come in, while there is room for its answer. */
static void answer_lines(struct server *s, struct client *c)
{
    const size_t most = s->out_cols * sizeof "-1.23456789e-38" + 1024;
    char *line = c->in, *const end = c->in + c->in_bytes, *stop;

    while (ANSWER_BYTES - c->out_bytes >= most
           && (stop = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        *stop = '\0';
        if (stop > line && stop[-1] == '\r')
            stop[-1] = '\0';
        answer(s, c, line);
        line = stop + 1;
    }
    c->in_bytes = (size_t)(end - line);
    memmove(c->in, line, c->in_bytes);
    if (c->in_bytes == LINE_BYTES && !memchr(c->in, '\n', LINE_BYTES)) {
        c->out_bytes = append(c->out, c->out_bytes, "error: the line is too long\n");
        c->in_bytes = 0;
        c->closing = 1;
    }
}

/* ---- the loop ------------------------------------------------------------------------ */

static void drop(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

static void read_from(struct server *s, struct client *c)
{
    const ssize_t got = read(c->fd, c->in + c->in_bytes, LINE_BYTES - c->in_bytes);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {                           /* no more lines will come: send what is left */
        c->closing = 1;
        return;
    }
    c->in_bytes += (size_t)got;
    c->seen = time(NULL);
    answer_lines(s, c);
}

static void write_to(struct server *s, struct client *c)
{
    const ssize_t put = send(c->fd, c->out, c->out_bytes, MSG_NOSIGNAL);

    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    if (put > 0) {
        c->out_bytes -= (size_t)put;
        memmove(c->out, c->out + put, c->out_bytes);
        c->seen = time(NULL);
        answer_lines(s, c);                   /* lines that had waited for room */
    }
}

static void take_in(struct server *s)
{
    const int fd = accept(s->listener, NULL, NULL);

    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS; i++)
        if (s->clients[i].fd < 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0) {
            struct client *c = &s->clients[i];
            c->fd = fd;
            c->closing = 0;
            c->in_bytes = c->out_bytes = 0;
            c->seen = time(NULL);
            return;
        }
    close(fd);                                /* full */
}

static void serve(struct server *s)
{
    struct pollfd p[CLIENTS + 1];

    for (;;) {
        p[CLIENTS] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
        for (int i = 0; i < CLIENTS; i++) {
            const struct client *c = &s->clients[i];
            const int reads = !c->closing && c->in_bytes < LINE_BYTES && c->out_bytes == 0;
            p[i] = (struct pollfd){ .fd = c->fd, .events = (short)((reads ? POLLIN : 0)
                                                                 | (c->out_bytes ? POLLOUT : 0)) };
        }
        if (poll(p, CLIENTS + 1, 1000) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < CLIENTS; i++) {
            struct client *c = &s->clients[i];
            if (c->fd >= 0 && p[i].revents & POLLOUT)
                write_to(s, c);
            else if (c->fd >= 0 && p[i].revents & POLLIN)
                read_from(s, c);
            else if (c->fd >= 0 && p[i].revents)          /* error, hang-up */
                drop(c);
            if (c->fd >= 0 && ((c->closing && !c->out_bytes)
                               || time(NULL) - c->seen > IDLE_SECONDS))
                drop(c);
        }
        if (p[CLIENTS].revents & POLLIN)
            take_in(s);
    }
}

/* A socket on the loopback interface; *port 0 picks one. */
static int listen_on(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)
        || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16)
        || fcntl(fd, F_SETFL, O_NONBLOCK) || getsockname(fd, (struct sockaddr *)&a, &size))
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

/* ---- self-test: a client that behaves, and one that does not ----------------------------- */

static int failures;

static void claim(int holds, const char *what)
{
    printf("%s %s\n", holds ? "ok  " : "FAIL", what);
    failures += !holds;
}

static int call(uint16_t port)
{
    const struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (const struct sockaddr *)&a, sizeof a))
        perror("connect");
    return fd;
}

static void say(int fd, const char *text)
{
    for (size_t n = strlen(text); n;) {
        const ssize_t put = send(fd, text, n, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        text += put;
        n -= (size_t)put;
    }
}

/* Read until `lines` lines are there, or the end. */
static const char *hear(int fd, int lines)
{
    static char text[65536];
    size_t n = 0;

    while (lines > 0 && n + 1 < sizeof text && read(fd, text + n, 1) == 1)
        lines -= text[n++] == '\n';
    text[n] = '\0';
    return text;
}

/* A row of i, i + 1, ... as a line, and its answer by a call of our own. */
static void row(const struct server *s, int i, char *line, char *want)
{
    for (size_t c = 0; c < s->cols; c++) {
        s->x[c] = (float)((size_t)i + c);
        line += sprintf(line, "%zu%s", (size_t)i + c, c + 1 < s->cols ? "," : "\n");
    }
    mdl_predict(s->model, s->x, 1, s->y);
    for (size_t k = 0; k < s->out_cols; k++)
        want += sprintf(want, "%.9g%s", (double)s->y[k], k + 1 < s->out_cols ? " " : "\n");
}

static void test_answers(const struct server *s, uint16_t port)
{
    static char line[2 * LINE_BYTES], want[2 * ANSWER_BYTES];
    const int fd = call(port);
    size_t used = 0, wanted = 0;

    row(s, 1, line, want);
    say(fd, line);
    claim(!strcmp(hear(fd, 1), want), "a row is answered as by a call");

    for (int i = 0; i < 20; i++) {
        row(s, i, line + used, want + wanted);
        used += strlen(line + used);
        wanted += strlen(want + wanted);
    }
    const char kept = line[used / 2];
    line[used / 2] = '\0';
    say(fd, line);
    line[used / 2] = kept;
    say(fd, line + used / 2);
    claim(!strcmp(hear(fd, 20), want), "twenty rows at once, cut in the middle, in order");

    say(fd, "x\n");
    claim(!strcmp(hear(fd, 1), "error: not a number\n"), "text is refused");
    row(s, 3, line, want);
    line[strlen(line) - 1] = '\0';
    say(fd, line);
    say(fd, ",1\n");
    claim(!strcmp(hear(fd, 1), "error: too many cells\n"), "too many cells are refused");
    row(s, 5, line, want);
    say(fd, line);
    claim(!strcmp(hear(fd, 1), want), "and the connection still works");
    close(fd);
}

static void test_abuse(const struct server *s, uint16_t port)
{
    static char line[2 * LINE_BYTES], want[2 * ANSWER_BYTES];
    int many[CLIENTS + 8];
    int fd = call(port);

    memset(line, '1', LINE_BYTES);
    line[LINE_BYTES] = '\0';
    say(fd, line);
    claim(!strcmp(hear(fd, 2), "error: the line is too long\n"), "an endless line ends the call");
    close(fd);

    for (int i = 0; i < CLIENTS + 8; i++)
        many[i] = call(port);
    for (int i = 0; i < CLIENTS + 8; i++) {
        say(many[i], "1,");
        close(many[i]);
    }
    fd = call(port);
    row(s, 7, line, want);
    for (int tries = 0; tries < 50; tries++) {             /* until the places are free again */
        say(fd, line);
        if (!strcmp(hear(fd, 1), want))
            break;
        close(fd);
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        fd = call(port);
        want[0] = tries == 49 ? '\0' : want[0];
    }
    claim(want[0] != '\0', "after too many half-finished calls others are served");
    close(fd);
}

static int self_test(struct server *s, uint16_t port)
{
    const pid_t child = fork();

    if (child < 0)
        return 1;
    if (!child) {
        serve(s);
        _exit(1);
    }
    test_answers(s, port);
    test_abuse(s, port);
    kill(child, SIGTERM);
    int how;
    waitpid(child, &how, 0);
    claim(WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM, "the server lived to the end");
    return failures != 0;
}

int main(int argc, char **argv)
{
    static struct server s;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.mdl PORT | --self-test\n", argv[0]);
        return 2;
    }
    if (mdl_load(&m, argv[1], NULL, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
        return 1;
    }

    const int testing = !strcmp(argv[2], "--self-test");
    uint16_t port = testing ? 0 : (uint16_t)strtoul(argv[2], NULL, 10);
    const size_t scratch = mdl_context_bytes(m, 1);
    s.model = m;
    s.cols = mdl_input_cols(m);
    s.out_cols = mdl_output_cols(m);
    s.x = calloc(s.cols, sizeof *s.x);
    s.y = calloc(s.out_cols, sizeof *s.y);
    void *memory = malloc(scratch);
    s.how = (mdl_predict_options)MDL_PREDICT_OPTIONS_INIT;
    s.how.context = mdl_context_init(m, 1, memory, scratch);
    s.listener = listen_on(&port);
    for (int i = 0; i < CLIENTS; i++)
        s.clients[i].fd = -1;
    if (!s.x || !s.y || !s.how.context || s.listener < 0) {
        perror("cannot listen");
        return 1;
    }
    if (s.out_cols * 16 > ANSWER_BYTES / 4) {
        fprintf(stderr, "%zu results do not fit a line of this example\n", s.out_cols);
        return 1;
    }

    if (testing)
        return self_test(&s, port);
    printf("listening on 127.0.0.1:%u\n", (unsigned)port);
    fflush(stdout);
    serve(&s);
    return 1;
}
