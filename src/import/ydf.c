/*
 * import/ydf.c - models of YDF (Yggdrasil Decision Forests): Model.serialize, and folders
 *
 * Answers have the bits of the engine that YDF itself chooses for the model.  Its engines differ
 * in two things: where the initial prediction of boosted trees is added (ydf_answers.c), and what
 * is missing (ydf_node.c).
 *
 *     output        ydf
 *     prediction    predict(...): of two classes the probability of the second
 *     probability   classifiers: a column a class
 *     label         predict_class(...)
 *     raw           the sums: logits, depths
 *     leaf          predict_leaves(...)
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/ydf.h"

#include "import/inflate.h"

#include <stddef.h>
#include <stdio.h>

#define NEWEST_VERSION 1u         /* of a sequence of blobs                                  */
#define PACKED 1u
#define PACKED_TIMES 64u          /* the most that a byte of gzip may stand for: nodes pack   */
#define PACKED_BYTES (1u << 20)   /*   to a third or so                                       */
#define KEY "YDF"

/* ---- sequences of blobs ---------------------------------------------------------------------- */

mdl_status mdl_ydf_sequence(struct bytes *in, const char *what, struct vec *room,
                            const mdl_allocator *allocator, mdl_error *err)
{
    const uint64_t offset = bytes_offset(in);
    const unsigned char *p = bytes_take(in, YDF_STREAM_BYTES);
    const uint64_t most = PACKED_TIMES * (uint64_t)bytes_left(in) + PACKED_BYTES;

    if (!p)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "", offset, "%s ends within its head: " MDL_CUT_OFF, what);
    if (p[0] != 'B' || p[1] != 'S')
        return mdl_fail_at(err, MDL_ERR_FORMAT, "", offset, "%s: no sequence of blobs", what);
    if (p[2] > NEWEST_VERSION || p[3] || p[4] > PACKED)
        return mdl_fail_at(err, MDL_ERR_UNSUPPORTED, "", offset, "not supported: %s: a sequence of "
                           "blobs of version %u, compression %u", what, p[2] | (unsigned)p[3] << 8,
                           (unsigned)p[4]);
    if (!p[4])
        return MDL_OK;
    const size_t before = room->bytes;
    const mdl_status s = mdl_gunzip(room, in, most, allocator, err);
    if (!s && bytes_left(in))
        return mdl_fail_at(err, MDL_ERR_FORMAT, "", bytes_offset(in), "%s: %llu bytes behind what "
                           "is compressed", what, ULL(bytes_left(in)));
    const size_t n = room->bytes - before;
    if (!s)
        *in = bytes_of(n ? room->data + before : (const unsigned char *)"", n);
    return s;
}

int mdl_ydf_blob(struct bytes *in, struct bytes *blob)
{
    if (in->bad || !bytes_left(in))
        return 0;
    const uint32_t n = bytes_u32(in);
    const unsigned char *p = bytes_take(in, n);
    if (!p)
        return 0;
    *blob = (struct bytes){ in->start, p, p + n, 0 };
    return 1;
}

static int probe(struct bytes file)
{
    const unsigned char *p = bytes_take(&file, YDF_STREAM_BYTES);
    const uint32_t n = bytes_u32(&file);
    const unsigned char *key = bytes_take(&file, sizeof KEY - 1);

    return p && key && p[0] == 'B' && p[1] == 'S' && n == sizeof KEY - 1 && !memcmp(key, KEY, n);
}

/* ---- the four parts -------------------------------------------------------------------------- */

static mdl_status cut_parts(struct ydf *y)
{
    static const char *const names[] = { "the key", "the header", "the dataspec", "the nodes" };
    struct bytes in = y->file, parts[4], model;
    mdl_status s = mdl_ydf_sequence(&in, "the file", &y->unpacked, &y->allocator, y->err);

    if (!s && y->unpacked.bytes)         /* none is made so: blobs within blobs are */
        return YDF_BAD(y, 4, "the file is compressed as a whole");

    for (int i = 0; !s && i < 4; i++)
        if (!mdl_ydf_blob(&in, &parts[i]))
            s = YDF_BAD(y, bytes_offset(&in), "the file ends within %s: " MDL_CUT_OFF, names[i]);
    if (s)
        return s;
    if (bytes_left(&parts[0]) != sizeof KEY - 1 || memcmp(parts[0].at, KEY, sizeof KEY - 1) != 0)
        return YDF_BAD(y, YDF_STREAM_BYTES, "a sequence of blobs that holds no model");
    if (bytes_left(&in))
        return YDF_BAD(y, bytes_offset(&in), "%llu bytes behind the nodes", ULL(bytes_left(&in)));

    model = parts[1];
    if (!mdl_wire_find(&model, 1, &y->header))
        return YDF_BAD(y, bytes_offset(&parts[1]), "the model has no header");
    y->spec = parts[2];
    y->nodes = parts[3];
    s = mdl_ydf_sequence(&y->nodes, "the nodes", &y->unpacked, &y->allocator, y->err);
    y->size = (uint64_t)bytes_left(&y->file) + y->unpacked.bytes;
    return s;
}

int mdl_ydf_model(struct bytes name)
{
    static const struct { const char *name; int model; } known[] = {
        { "GRADIENT_BOOSTED_TREES", YDF_GBT }, { "RANDOM_FOREST", YDF_RF },
        { "ISOLATION_FOREST", YDF_IF },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_left(&name) == strlen(known[i].name)
            && !memcmp(name.at, known[i].name, strlen(known[i].name)))
            return known[i].model;
    return 0;
}

/* AbstractModel: 1 name, 2 task, 3 label_col_idx.  Then which model it is, and its own header. */
static mdl_status read_header(struct ydf *y)
{
    struct head { struct bytes name; int64_t task, label; } head = { .label = -1 };
    static const struct wire_rule rules[] = {
        { 1, WIRE_BYTES, offsetof(struct head, name) },
        { 2, WIRE_VARINT, offsetof(struct head, task) },
        { 3, WIRE_VARINT, offsetof(struct head, label) }, { 0, 0, 0 },
    };
    struct bytes in = y->file, own = { 0 };
    char safe[64];

    if (!mdl_wire_read(y->header, rules, &head) || !head.name.start)
        return YDF_BAD(y, bytes_offset(&y->header), "the header of the model is broken");
    y->task = head.task;
    y->label = head.label;
    y->model = mdl_ydf_model(head.name);
    if (!y->model) {
        mdl_parts_add(&y->parts, "a model of kind '%s'",
                      mdl_safe_text(safe, sizeof safe, (const char *)head.name.at,
                                    bytes_left(&head.name)));
        return mdl_parts_fail(&y->parts, y->err);
    }
    bytes_take(&in, YDF_STREAM_BYTES + 4 + sizeof KEY - 1);
    if (!mdl_ydf_blob(&in, &own) || !mdl_wire_find(&own, (uint32_t)y->model, &y->special)
        || !mdl_wire_find(&y->special, 1, &own))
        return YDF_BAD(y, bytes_offset(&y->header), "the header of the trees is missing");
    y->special = own;
    return MDL_OK;
}

void *mdl_ydf_room(const struct ydf *y, struct vec *v, uint64_t n, size_t bytes)
{
    v->bytes = 0;
    void *p = n > SIZE_MAX / bytes ? NULL
                                   : mdl_vec_add(v, &y->allocator, NULL, (size_t)n * bytes);

    if (!p)
        mdl_fail(y->err, MDL_ERR_MEMORY, "out of memory");
    return p;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    struct ydf y = { .file = file, .b = b, .options = options, .err = err,
                     .allocator = mdl_allocator_or_default(NULL) };
    struct vec *const rooms[] = { &y.initial, &y.columns, &y.boundaries, &y.unpacked };

    if (options->best_iteration >= 0)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "best_iteration is not for models of YDF, which "
                        "end where training stopped");
    mdl_status s = cut_parts(&y);
    if (!s) s = read_header(&y);
    if (!s) s = mdl_ydf_columns(&y);
    if (!s) s = mdl_ydf_kind(&y);
    if (!s) s = mdl_ydf_trees(&y);
    if (!s) s = mdl_ydf_answers(&y);
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        mdl_vec_free(rooms[i], &y.allocator);
    return s;
}

const struct importer mdl_importer_ydf = {
    .name = "ydf",
    .about = "folders and Model.serialize of YDF, Yggdrasil Decision Forests",
    .probe = probe,
    .convert = convert,
};
