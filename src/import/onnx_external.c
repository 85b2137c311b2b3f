/*
 * import/onnx_external.c - see onnx_external.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_external.h"

#if !MDL_OS_WINDOWS
#  include <errno.h>
#  include <fcntl.h>
#  include <sys/stat.h>
#  include <unistd.h>
#endif
#include <stdlib.h>

struct place {
    const char *location;
    uint64_t offset, length;
    int has_length;
};

static int number(const char *text, uint64_t *out)
{
    *out = 0;
    for (const char *c = text; *c; c++)
        if (*c < '0' || *c > '9' || !size_mul(*out, 10, out)
            || !size_add(*out, (uint64_t)(*c - '0'), out))
            return 0;
    return *text != '\0';
}

/* The pairs of TensorProto.external_data. */
static int read_place(struct onnx *o, struct bytes tensor, struct place *p)
{
    struct bytes left = tensor, pair;

    *p = (struct place){ .location = "" };
    while (mdl_wire_find(&left, 13, &pair)) {
        struct bytes key = pair, value = pair;
        struct bytes k = { 0 }, v = { 0 };
        mdl_wire_find(&key, 1, &k);
        mdl_wire_find(&value, 2, &v);
        const char *name = mdl_onnx_copy_text(o, k), *text = mdl_onnx_copy_text(o, v);
        if (!strcmp(name, "location"))
            p->location = text;
        else if (!strcmp(name, "offset") && !number(text, &p->offset))
            return 0;
        else if (!strcmp(name, "length") && !(p->has_length = number(text, &p->length)))
            return 0;
    }
    return 1;
}

#if MDL_OS_WINDOWS
static int open_below(const char *directory, const char *location)
{
    (void)directory;
    (void)location;
    return -1;
}
#else
/* Open a file below a directory, part by part: no part may be "..", empty or a link. */
static int open_below(const char *directory, const char *location)
{
    char part[256];
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (at >= 0) {
        const size_t n = strcspn(location, "/");
        const int last = !location[n];
        if (!n || n >= sizeof part || (n == 2 && !memcmp(location, "..", 2))) {
            close(at);
            return -1;
        }
        memcpy(part, location, n);
        part[n] = '\0';
        const int next = openat(at, part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
                                | (last ? 0 : O_DIRECTORY));
        close(at);
        if (last || next < 0)
            return next;
        at = next;
        location += n + 1;
    }
    return at;
}
#endif

#if MDL_OS_WINDOWS
static int read_part(struct onnx *o, int fd, const struct place *p, struct bytes *out)
{
    (void)o; (void)fd; (void)p; (void)out;
    return 0;
}
#else
/* The bytes of a place in an open regular file, into the arena. */
static int read_part(struct onnx *o, int fd, const struct place *p, struct bytes *out)
{
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < 0
        || p->offset > (uint64_t)st.st_size)
        return 0;
    const uint64_t rest = (uint64_t)st.st_size - p->offset;
    const uint64_t bytes = p->has_length ? p->length : rest;
    if (bytes > rest)
        return 0;
    unsigned char *to = mdl_arena_take(&o->flow.arena, bytes, 1);
    for (uint64_t have = 0; to && have < bytes;) {
        const ssize_t n = pread(fd, to + have, (size_t)(bytes - have),
                                (off_t)(p->offset + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        have += (uint64_t)n;
    }
    if (to)
        *out = bytes_of(to, (size_t)bytes);
    return to != NULL;
}
#endif

int mdl_onnx_read_external(struct onnx *o, struct bytes tensor, const char *name, struct bytes *out)
{
    struct place p;
    char safe[128];

    if (!read_place(o, tensor, &p) || !*p.location) {
        mdl_onnx_fail(o, &tensor, MDL_ERR_FORMAT, "tensor '%s' does not say where its data lies", name);
        return 0;
    }
    mdl_safe_text(safe, sizeof safe, p.location, strlen(p.location));
    if (!o->directory) {
        mdl_onnx_fail(o, &tensor, MDL_ERR_UNSUPPORTED, "tensor '%s' lies in the file '%s': name its "
                      "folder (mdl_import_options.directory)", name, safe);
        return 0;
    }
    const int fd = open_below(o->directory, p.location);
    if (fd < 0) {
        mdl_onnx_fail(o, &tensor, MDL_ERR_IO, "tensor '%s' lies in '%s', which is not a file below the "
                      "model's folder (links are not followed)", name, safe);
        return 0;
    }
    const int good = read_part(o, fd, &p, out);
#if !MDL_OS_WINDOWS
    close(fd);
#endif
    if (!good)
        mdl_onnx_fail(o, &tensor, MDL_ERR_FORMAT, "tensor '%s': '%s' has not so many bytes", name, safe);
    return good;
}
