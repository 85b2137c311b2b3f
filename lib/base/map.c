/*
 * base/map.c - see map.h; POSIX files
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN 64u
#define READ_CHUNK ((size_t)1 << 30)   /* one read() moves less than 2 GiB on Linux */

static mdl_status io_error(mdl_error *err, const char *what, const char *path)
{
    char name[256];

    return mdl_fail(err, MDL_ERR_IO, "cannot %s '%s': %s", what,
                    mdl_safe_text(name, sizeof name, path, strlen(path)), strerror(errno));
}

/* Open a regular file without waiting on pipes or devices; *size is its length. */
static mdl_status open_regular(int *fd, size_t *size, const char *path, uint64_t limit,
                               mdl_error *err)
{
    struct stat st;
    char name[256];

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return io_error(err, "open", path);
    mdl_safe_text(name, sizeof name, path, strlen(path));
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return mdl_fail(err, MDL_ERR_IO, "'%s' is not a regular file", name);
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > limit || (uint64_t)st.st_size > SIZE_MAX / 2) {
        close(*fd);
        return mdl_fail(err, MDL_ERR_LIMIT, "'%s' has %llu bytes, the limit is %llu", name,
                        (unsigned long long)st.st_size, (unsigned long long)limit);
    }
    *size = (size_t)st.st_size;
    return MDL_OK;
}

/* Memory for `size` bytes at a multiple of ALIGN. */
static unsigned char *take(struct map *m, size_t size, const mdl_allocator *allocator)
{
    m->block_bytes = size + ALIGN;
    m->block = allocator->alloc(allocator->user, m->block_bytes);
    if (!m->block)
        return NULL;
    return (unsigned char *)m->block + (ALIGN - (uintptr_t)m->block % ALIGN) % ALIGN;
}

static int read_all(int fd, unsigned char *out, size_t size)
{
    size_t done = 0;

    while (done < size) {
        const size_t want = size - done < READ_CHUNK ? size - done : READ_CHUNK;
        const ssize_t got = read(fd, out + done, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        done += (size_t)got;
    }
    return 1;
}

mdl_status mdl_map_read(struct map *m, const char *path, const mdl_allocator *allocator,
                        uint64_t limit, mdl_error *err)
{
    int fd;
    size_t size;

    memset(m, 0, sizeof *m);
    const mdl_status s = open_regular(&fd, &size, path, limit, err);
    if (s)
        return s;

    unsigned char *data = take(m, size, allocator);
    if (!data) {
        close(fd);
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for a file of %llu bytes",
                        (unsigned long long)size);
    }
    m->data = data;
    m->size = size;
    errno = 0;
    if (!read_all(fd, data, size)) {
        if (!errno)
            mdl_fail(err, MDL_ERR_IO, "the file became shorter while it was read");
        else
            io_error(err, "read", path);
        close(fd);
        mdl_map_free(m, allocator);
        return MDL_ERR_IO;
    }
    close(fd);
    return MDL_OK;
}

mdl_status mdl_map_open(struct map *m, const char *path, uint64_t limit, mdl_error *err)
{
    int fd;
    size_t size;

    memset(m, 0, sizeof *m);
    const mdl_status s = open_regular(&fd, &size, path, limit, err);
    if (s)
        return s;
    if (!size) {
        close(fd);
        m->data = (const unsigned char *)"";
        return MDL_OK;
    }

    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        return io_error(err, "map", path);
    m->data = p;
    m->size = size;
    m->mapped = 1;
    return MDL_OK;
}

mdl_status mdl_map_copy(struct map *m, const void *bytes, size_t size,
                        const mdl_allocator *allocator, mdl_error *err)
{
    memset(m, 0, sizeof *m);
    unsigned char *data = size <= SIZE_MAX / 2 ? take(m, size, allocator) : NULL;
    if (!data)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for %llu bytes",
                        (unsigned long long)size);
    if (size)
        memcpy(data, bytes, size);
    m->data = data;
    m->size = size;
    return MDL_OK;
}

void mdl_map_borrow(struct map *m, const void *bytes, size_t size)
{
    *m = (struct map){ .data = bytes, .size = size };
}

void mdl_map_free(struct map *m, const mdl_allocator *allocator)
{
    if (m->mapped)
        munmap((void *)(uintptr_t)m->data, m->size);
    if (m->block)
        allocator->free(allocator->user, m->block, m->block_bytes);
    memset(m, 0, sizeof *m);
}

/* ---- writing ----------------------------------------------------------------- */

static int write_all(int fd, const unsigned char *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        const size_t want = size - done < READ_CHUNK ? size - done : READ_CHUNK;
        const ssize_t put = write(fd, bytes + done, want);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return 0;
        done += (size_t)put;
    }
    return fsync(fd) == 0;
}

/* The rename itself must reach the disk too; a folder that cannot be synced is fine. */
static void sync_folder(const char *path, size_t length)
{
    char folder[4096];

    while (length && path[length - 1] != '/')
        length--;
    if (length >= sizeof folder)
        return;
    memcpy(folder, path, length);
    memcpy(folder + length, ".", 2);
    const int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* A file beside `path` that nobody else has; its name goes into `temporary`. */
static int open_new(char *temporary, size_t room, const char *path)
{
    int fd = -1;

    for (int i = 0; i < 100 && fd < 0; i++) {
        snprintf(temporary, room, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

mdl_status mdl_write_file(const char *path, const void *bytes, size_t size, mdl_error *err)
{
    char temporary[4096];
    const size_t length = strlen(path);
    struct stat st;

    if (length + 40 > sizeof temporary)
        return mdl_fail(err, MDL_ERR_IO, "path of %llu bytes is too long",
                        (unsigned long long)length);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return io_error(err, "write", path);
    }
    const int fd = open_new(temporary, sizeof temporary, path);
    if (fd < 0)
        return io_error(err, "write", path);

    int ok = write_all(fd, bytes, size);
    ok = close(fd) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    if (!ok) {
        const int why = errno;
        unlink(temporary);
        errno = why;
        return io_error(err, "write", path);
    }
    sync_folder(path, length);
    return MDL_OK;
}
