/*
 * import/ydf_folder.c - the files of a model's folder as one stream, as Model.serialize makes it
 *
 *     header.pb   data_spec.pb   <model>_header.pb   nodes-00000-of-00002 ...   done
 *
 * Names may begin with a prefix, which the path of the data_spec.pb then says.  The stream has
 * what the files have, byte for byte, its nodes unpacked; the SHA-256 of a source is its.
 *
 *     <model>_header.pb    1 num_node_shards; node_format: 3 of an isolation forest, else 7
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/ydf.h"

#include "base/map.h"

#include <stdio.h>

#define MOST_SHARDS 99999u        /* in five digits                                          */

struct folder {
    const char *base;             /* what names begin with                                   */
    const mdl_allocator *allocator;
    struct vec *out;
    mdl_error *err;
};

static mdl_status read_file(const struct folder *f, const char *name, struct map *m, mdl_error *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s%s", f->base, name) >= (int)sizeof path)
        return mdl_fail(err, MDL_ERR_IO, "the name of the folder is too long");
    return mdl_map_read(m, path, f->allocator, SIZE_MAX / 4, err);
}

/* Is it a whole message?  One that is cut between two fields looks so. */
static mdl_status check_message(const struct folder *f, const char *name, const struct map *m)
{
    struct bytes in = bytes_of(m->data, m->size);
    struct wire_field field;

    while (mdl_wire_next(&in, &field))
        continue;
    return m->size && !in.bad ? MDL_OK
        : mdl_fail(f->err, MDL_ERR_FORMAT, "%s ends within a field: " MDL_CUT_OFF, name);
}

/* ---- writing the stream ---------------------------------------------------------------------- */

static void put(struct folder *f, const void *bytes, size_t n)
{
    if (n && !mdl_vec_add(f->out, f->allocator, bytes, n))
        mdl_fail(f->err, MDL_ERR_MEMORY, "out of memory");
}

static size_t put_varint(unsigned char *to, uint64_t v)
{
    size_t n = 0;

    for (; v > 0x7F; v >>= 7)
        to[n++] = (unsigned char)(v | 0x80);
    to[n++] = (unsigned char)v;
    return n;
}

/* What a field of bytes begins with. */
static size_t put_tag(unsigned char *to, uint32_t field, uint64_t n)
{
    const size_t tag = put_varint(to, (uint64_t)field << 3 | WIRE_BYTES);

    return tag + put_varint(to + tag, n);
}

static int put_blob_size(struct folder *f, uint64_t n)
{
    const uint32_t size = (uint32_t)n;

    put(f, &size, sizeof size);
    return n == size;
}

/* SerializedModel { 1: header, model: { 1: special } } */
static int put_headers(struct folder *f, const struct map *header, uint32_t model,
                       const struct map *special)
{
    unsigned char outer[20], inner[20], first[20];
    const size_t in = put_tag(inner, 1, special->size);
    const size_t of = put_tag(outer, model, in + special->size);
    const size_t head = put_tag(first, 1, header->size);

    if (!put_blob_size(f, head + header->size + of + in + special->size))
        return 0;
    put(f, first, head);
    put(f, header->data, header->size);
    put(f, outer, of);
    put(f, inner, in);
    put(f, special->data, special->size);
    return 1;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static const unsigned char stream[YDF_STREAM_BYTES] = { 'B', 'S' };

static mdl_status put_shard(struct folder *f, uint32_t i, uint32_t n)
{
    char name[40];
    struct map file;
    struct vec unpacked = { 0 };

    snprintf(name, sizeof name, "nodes-%05u-of-%05u", (unsigned)i, (unsigned)n);
    mdl_status s = read_file(f, name, &file, f->err);
    if (s)
        return s;
    struct bytes in = bytes_of(file.data, file.size);
    s = mdl_ydf_sequence(&in, name, &unpacked, f->allocator, f->err);
    if (!s) put(f, in.at, bytes_left(&in));
    mdl_map_free(&file, f->allocator);
    mdl_vec_free(&unpacked, f->allocator);
    return s;
}

static mdl_status put_nodes(struct folder *f, const struct map *special, int model)
{
    static const char plain[] = "BLOB_SEQUENCE";     /* or BLOB_SEQUENCE_GZIP, as shards say */
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes message = bytes_of(special->data, special->size), left = message, format = message;
    int64_t shards = 0;
    char safe[64];
    const int has_format = mdl_wire_find(&left, model == YDF_IF ? 3 : 7, &format);

    if (!mdl_wire_read(message, rules, &shards) || shards < 1 || shards > MOST_SHARDS)
        return mdl_fail(f->err, MDL_ERR_FORMAT, "the header of the trees is broken");
    if (!has_format || bytes_left(&format) < sizeof plain - 1
        || memcmp(format.at, plain, sizeof plain - 1) != 0)
        return mdl_fail(f->err, MDL_ERR_UNSUPPORTED, "not supported: nodes in the format '%s'; "
                        "load the model with ydf and save it again", has_format
                        ? mdl_safe_text(safe, sizeof safe, (const char *)format.at,
                                        bytes_left(&format)) : "TFE_RECORDIO");
    const size_t size_at = f->out->bytes;
    put_blob_size(f, 0);
    put(f, stream, sizeof stream);
    mdl_status s = MDL_OK;
    for (uint32_t i = 0; !s && i < (uint32_t)shards; i++)
        s = put_shard(f, i, (uint32_t)shards);
    if (s)
        return s;
    const uint64_t n = f->out->bytes - size_at - 4;
    const uint32_t size = (uint32_t)n;
    if (n != size)
        return mdl_fail(f->err, MDL_ERR_LIMIT, "nodes of 4 GiB or more");
    memcpy(f->out->data + size_at, &size, sizeof size);
    return MDL_OK;
}

static mdl_status put_model(struct folder *f, const struct map *spec)
{
    struct map header = { 0 }, special = { 0 };
    struct bytes in, name = { 0 };
    char safe[64];
    mdl_status s = read_file(f, "header.pb", &header, f->err);

    if (!s) s = check_message(f, "data_spec.pb", spec);
    if (!s) s = check_message(f, "header.pb", &header);
    if (s) {
        mdl_map_free(&header, f->allocator);
        return s;
    }
    in = bytes_of(header.data, header.size);
    mdl_wire_find(&in, 1, &name);
    const int model = name.start ? mdl_ydf_model(name) : 0;
    if (!model)
        s = mdl_fail(f->err, MDL_ERR_UNSUPPORTED, "not supported: a model of kind '%s'",
                     name.start ? mdl_safe_text(safe, sizeof safe, (const char *)name.at,
                                                bytes_left(&name)) : "");
    const char *of_trees = model == YDF_GBT ? "gradient_boosted_trees_header.pb"
                         : model == YDF_RF ? "random_forest_header.pb"
                                           : "isolation_forest_header.pb";
    if (!s) s = read_file(f, of_trees, &special, f->err);
    if (!s) s = check_message(f, of_trees, &special);
    if (!s) {
        put(f, stream, sizeof stream);
        put_blob_size(f, 3);
        put(f, "YDF", 3);
        if (!put_headers(f, &header, (uint32_t)model, &special) || !put_blob_size(f, spec->size))
            s = mdl_fail(f->err, MDL_ERR_LIMIT, "a header of 4 GiB or more");
        put(f, spec->data, spec->size);
    }
    if (!s) s = put_nodes(f, &special, model);
    mdl_map_free(&header, f->allocator);
    mdl_map_free(&special, f->allocator);
    return s;
}

/* ---- which folder ---------------------------------------------------------------------------- */

mdl_status mdl_ydf_folder(struct vec *out, const char *path, const mdl_allocator *allocator,
                          mdl_error *err)
{
    static const char last[] = "data_spec.pb";
    const size_t n = strlen(path), suffix = sizeof last - 1;
    const int is_file = n >= suffix && !strcmp(path + n - suffix, last);
    char base[4096];
    mdl_error own = MDL_ERROR_INIT;      /* of a file that need not be there */
    struct map spec;
    struct folder f = { .base = base, .allocator = allocator, .out = out, .err = &own };

    const int used = is_file ? snprintf(base, sizeof base, "%.*s", (int)(n - suffix), path)
                             : snprintf(base, sizeof base, "%s/", path);
    if (used < 0 || (size_t)used >= sizeof base || read_file(&f, last, &spec, &own))
        return MDL_OK;
    own = (mdl_error)MDL_ERROR_INIT;
    mdl_status s = put_model(&f, &spec);
    if (!s) s = own.code;                /* put() has failed */
    mdl_map_free(&spec, allocator);
    mdl_error_copy(err, &own);
    return s;
}
