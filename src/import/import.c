/*
 * import/import.c - from a file of some framework to a builder that holds the model
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/import.h"

#include "base/arena.h"
#include "base/map.h"
#include "import/sha256.h"
#include "import/ydf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define IMPORTER(name) extern const struct importer mdl_importer_##name;
#include "import/import_list.h"
#undef IMPORTER

static const struct importer *const importers[] = {
#define IMPORTER(name) &mdl_importer_##name,
#include "import/import_list.h"
#undef IMPORTER
};

#define N_IMPORTERS (sizeof importers / sizeof *importers)

const char *mdl_importer_name(size_t i)
{
    return i < N_IMPORTERS ? importers[i]->name : NULL;
}

const char *mdl_importer_about(size_t i)
{
    return i < N_IMPORTERS ? importers[i]->about : NULL;
}

/* ---- what importers share --------------------------------------------------------------- */

void mdl_parts_add(struct parts *p, const char *format, ...)
{
    char one[160];
    va_list args;

    va_start(args, format);
    vsnprintf(one, sizeof one, format, args);
    va_end(args);

    const size_t length = strlen(one);
    for (const char *at = p->text; p->used && (at = strstr(at, one)) != NULL; at++)
        if ((at == p->text || at[-1] == ' ') && (at[length] == ';' || !at[length]))
            return;
    p->count++;
    if (p->used + length + 3 > sizeof p->text) {
        p->left_out++;
        return;
    }
    p->used += (size_t)snprintf(p->text + p->used, sizeof p->text - p->used, "%s%s",
                                p->used ? "; " : "", one);
}

mdl_status mdl_parts_fail(const struct parts *p, mdl_error *err)
{
    if (!p->count)
        return MDL_OK;
    if (p->left_out)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "not supported: %s; and %u more", p->text,
                        p->left_out);
    return mdl_fail(err, MDL_ERR_UNSUPPORTED, "not supported: %s", p->text);
}

mdl_status mdl_import_progress(const mdl_import_options *options, uint64_t done, uint64_t total,
                               mdl_error *err)
{
    if (options->progress && options->progress(options->user, done, total))
        return mdl_fail(err, MDL_ERR_IO, "stopped by the caller");
    return MDL_OK;
}

/* ---- the two entry points ------------------------------------------------------------------ */

/* The caller's options with the missing ones filled in. */
static mdl_status read_options(mdl_import_options *to, const mdl_import_options *from,
                               mdl_error *err)
{
    *to = (mdl_import_options)MDL_IMPORT_OPTIONS_INIT;
    if (!from)
        return MDL_OK;
    if (from->size < 8)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "mdl_import_options.size is not set");

    const unsigned char *bytes = (const unsigned char *)from;
    for (size_t i = sizeof *to; i < from->size; i++)
        if (bytes[i])
            return mdl_fail(err, MDL_ERR_ARGUMENT,
                            "mdl_import_options has fields that this library does not know");
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    to->size = (uint32_t)sizeof *to;
    if (to->flags || to->best_iteration < -2)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "unknown flags 0x%x or best_iteration %lld",
                        to->flags, (long long)to->best_iteration);
    return MDL_OK;
}

static mdl_status find_importer(const struct importer **out, struct bytes file,
                                const char *from, mdl_error *err)
{
    char name[64], known[200] = "";
    size_t used = 0;

    if (!bytes_left(&file))
        return mdl_fail_at(err, MDL_ERR_FORMAT, "", 0, "the file is empty; " MDL_AGAIN);
    for (size_t i = 0; i < N_IMPORTERS; i++) {
        *out = importers[i];
        if (from ? !strcmp(from, importers[i]->name) : importers[i]->probe(file))
            return MDL_OK;
        const int n = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                               importers[i]->name);
        if (n > 0 && used + (size_t)n < sizeof known)
            used += (size_t)n;
    }
    *out = NULL;
    if (from)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "there is no importer '%s', only %s",
                        mdl_safe_text(name, sizeof name, from, strlen(from)), known);
    return mdl_fail_at(err, MDL_ERR_FORMAT, "", 0,
                       "not a model file that can be imported (known are %s)", known);
}

static mdl_status convert(mdl_builder *b, const void *bytes, size_t size,
                          const mdl_import_options *options, mdl_error *err)
{
    const struct importer *importer;
    const struct bytes file = bytes_of(bytes, size);
    char digest[MDL_SHA256_TEXT];
    mdl_status s = find_importer(&importer, file, options->from, err);

    if (!s) s = mdl_import_progress(options, 0, size, err);
    if (!s) s = importer->convert(file, b, options, err);
    if (!s) s = mdl_builder_status(b, err);
    if (s)
        return s;
    mdl_sha256_text(digest, bytes, size);
    mdl_build_metadata(b, "source_sha256", digest);
    s = mdl_builder_status(b, err);
    return s ? s : mdl_import_progress(options, size, size, err);
}

static mdl_status import(mdl_builder **out, const void *bytes, size_t size, const char *name,
                         const mdl_import_options *options, mdl_error *err)
{
    char safe[256];
    mdl_builder *b = mdl_builder_new(NULL);

    if (!b)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    const mdl_status s = convert(b, bytes, size, options, err);
    if (s) {
        mdl_builder_free(b);
        if (name)
            mdl_error_where(err, "", MDL_NO_OFFSET,
                            mdl_safe_text(safe, sizeof safe, name, strlen(name)));
        return s;
    }
    *out = b;
    return MDL_OK;
}

mdl_status mdl_import_memory(mdl_builder **out, const void *bytes, size_t size,
                             const mdl_import_options *options, mdl_error *error)
{
    mdl_import_options all;
    const int saved = errno;

    if (!out)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "mdl_import_memory: out is NULL");
    *out = NULL;
    if (!bytes && size)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "mdl_import_memory: bytes is NULL");
    const uint64_t mode = mdl_fp_enter();
    mdl_status s = read_options(&all, options, error);
    if (!s) s = import(out, bytes ? bytes : "", size, all.file, &all, error);
    mdl_fp_leave(mode);
    errno = saved;
    return s;
}

/* The folder that a file lies in; 0 when its name is too long. */
static int folder_of(char *out, size_t room, const char *path)
{
    const char *end = strrchr(path, '/');
    const size_t n = end ? (size_t)(end - path) + (end == path) : 0;

    if (n + 2 > room)
        return 0;
    memcpy(out, n ? path : ".", n ? n : 1);
    out[n ? n : 1] = '\0';
    return 1;
}

/* The file is read, not mapped: a file that is cut while it is mapped kills the process.  The one
 * kind of folder that is a model is read as one stream. */
mdl_status mdl_import(mdl_builder **out, const char *path, const mdl_import_options *options,
                      mdl_error *error)
{
    const mdl_allocator allocator = mdl_allocator_or_default(NULL);
    mdl_import_options all;
    struct map file = { 0 };
    struct vec folder = { 0 };
    char directory[4096];
    const int saved = errno;

    if (!out || !path)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "mdl_import: out or path is NULL");
    *out = NULL;
    const uint64_t mode = mdl_fp_enter();
    mdl_status s = read_options(&all, options, error);
    if (!s) s = mdl_ydf_folder(&folder, path, &allocator, error);
    if (!s && folder.bytes)
        mdl_map_borrow(&file, folder.data, folder.bytes);
    else if (!s)
        s = mdl_map_read(&file, path, &allocator, SIZE_MAX / 4, error);
    if (!s && !all.directory && folder_of(directory, sizeof directory, path))
        all.directory = directory;
    if (!s) s = import(out, file.data, file.size, all.file ? all.file : path, &all, error);
    mdl_map_free(&file, &allocator);
    mdl_vec_free(&folder, &allocator);
    mdl_fp_leave(mode);
    errno = saved;
    return s;
}
