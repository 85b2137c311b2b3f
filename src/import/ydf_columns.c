/*
 * import/ydf_columns.c - the dataspec: columns, categories, classes
 *
 *     DataSpecification    1 columns
 *     Column               1 type, 2 name, 5 numerical { 1 mean }, 6 categorical,
 *                          8 discretized { 1 boundaries }, 9 boolean { 1 true, 2 false }
 *     CategoricalSpec      1 most_frequent_value, 2 number_of_unique_values,
 *                          5 is_already_integerized, 7 items { 1 text, 2 { 1 index } },
 *                          8 offset_value_by_one_during_training
 *     AbstractModel        5 input_features: columns that the model sees, in the order of its
 *                          input_feature_names()
 *
 * Category 0 is "out of dictionary": what the model has not seen.  The metadata
 * "unseen_categories" = "first" says so to those who turn texts into codes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/events.h"
#include "import/ydf.h"

#include <math.h>
#include <stddef.h>

/* ---- the columns of the dataspec ------------------------------------------------------------- */

static mdl_status broken(const struct ydf *y, struct bytes at, const char *what)
{
    return YDF_BAD(y, bytes_offset(&at), "the dataspec is broken: %s", what);
}

static mdl_status read_categorical(struct ydf *y, struct ydf_column *c)
{
    struct spec { int64_t frequent, n, is_integer, is_offset; } spec = { .n = 0 };
    static const struct wire_rule rules[] = {
        { 1, WIRE_VARINT, offsetof(struct spec, frequent) },
        { 2, WIRE_VARINT, offsetof(struct spec, n) },
        { 5, WIRE_VARINT, offsetof(struct spec, is_integer) },
        { 8, WIRE_VARINT, offsetof(struct spec, is_offset) }, { 0, 0, 0 },
    };

    if (!mdl_wire_read(c->categorical, rules, &spec))
        return broken(y, c->categorical, "categories");
    if (spec.n < 1 || spec.n > YDF_MOST_CATEGORIES)
        return broken(y, c->categorical, "a number of categories");
    if (spec.frequent < -1 || spec.frequent >= spec.n)
        return broken(y, c->categorical, "the most frequent category is none");
    c->n_categories = (uint32_t)spec.n;
    c->imputed = spec.frequent < 0 ? UINT32_MAX : (uint32_t)spec.frequent;
    c->is_integer = (uint8_t)(spec.is_integer != 0) | (uint8_t)((spec.is_offset != 0) << 1);
    return MDL_OK;
}

/* Sorted, so that a value has one place among them.  YDF makes infinite ones near the end of float,
 * between which there is a middle unless they have different signs. */
static mdl_status read_boundaries(struct ydf *y, struct ydf_column *c, struct bytes discretized)
{
    struct wire_list list = { .message = discretized, .number = 1, .kind = WIRE_32 };
    uint64_t bits;
    float last = -(float)INFINITY;

    c->first = (uint32_t)YDF_COUNT(y->boundaries, float);
    while (mdl_wire_each(&list, &bits)) {
        const uint32_t narrow = (uint32_t)bits;
        float v;
        memcpy(&v, &narrow, sizeof v);
        if (!(v >= last) || (c->n && v + last != v + last))
            return broken(y, discretized, "boundaries that are not in order");
        if (!mdl_vec_add(&y->boundaries, &y->allocator, &v, sizeof v))
            return mdl_fail(y->err, MDL_ERR_MEMORY, "out of memory");
        last = v;
        c->n++;
    }
    return list.message.bad ? broken(y, discretized, "boundaries") : MDL_OK;
}

static mdl_status read_column(struct ydf *y, struct bytes message)
{
    struct raw { int64_t type; struct bytes name, numerical, categorical, cut, boolean; } raw = {
        .type = 0 };
    static const struct wire_rule rules[] = {
        { 1, WIRE_VARINT, offsetof(struct raw, type) },
        { 2, WIRE_BYTES, offsetof(struct raw, name) },
        { 5, WIRE_BYTES, offsetof(struct raw, numerical) },
        { 6, WIRE_BYTES, offsetof(struct raw, categorical) },
        { 8, WIRE_BYTES, offsetof(struct raw, cut) },
        { 9, WIRE_BYTES, offsetof(struct raw, boolean) }, { 0, 0, 0 },
    };
    static const struct wire_rule mean_rules[] = { { 1, WIRE_64, 0 }, { 0, 0, 0 } };
    static const struct wire_rule boolean_rules[] = {
        { 1, WIRE_VARINT, 0 }, { 2, WIRE_VARINT, sizeof(int64_t) }, { 0, 0, 0 } };
    struct ydf_column c = { .position = -1 };
    int64_t trues_falses[2] = { 0 };

    if (!mdl_wire_read(message, rules, &raw))
        return broken(y, message, "a column");
    if (raw.type < 0 || raw.type >= YDF_TYPES || !raw.name.start || !bytes_left(&raw.name)
        || !mdl_utf8_valid(raw.name.at, bytes_left(&raw.name)))
        return broken(y, message, "a column without a type, or a name in UTF-8");
    c.type = (uint32_t)raw.type;
    c.name = raw.name;
    c.categorical = raw.categorical;
    if (!mdl_wire_read(raw.numerical, mean_rules, &c.mean)
        || !mdl_wire_read(raw.boolean, boolean_rules, trues_falses))
        return broken(y, message, "a column");
    c.imputed_true = trues_falses[0] >= trues_falses[1];
    mdl_status s = c.type == YDF_CATEGORICAL ? read_categorical(y, &c)
                 : c.type == YDF_DISCRETIZED ? read_boundaries(y, &c, raw.cut) : MDL_OK;
    if (!s && !mdl_vec_add(&y->columns, &y->allocator, &c, sizeof c))
        s = mdl_fail(y->err, MDL_ERR_MEMORY, "out of memory");
    return s;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* The texts of a column's categories, each with its zero byte in `bytes`, by index in *out. */
static mdl_status category_texts(struct ydf *y, const struct ydf_column *c, struct vec *bytes,
                                 struct vec *pointers, const char *const **out)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = c->categorical, item;
    const uint64_t n = c->n_categories;
    uint64_t seen = 0;

    if (n > bytes_left(&left) / 2)       /* each item is some bytes of the file */
        return broken(y, left, "categories without a text");
    const char **texts = mdl_ydf_room(y, pointers, n, sizeof *texts);
    char *to = texts ? mdl_ydf_room(y, bytes, bytes_left(&left) + n, 1) : NULL;
    if (!to)
        return MDL_ERR_MEMORY;
    for (; mdl_wire_find(&left, 7, &item); seen++) {
        struct bytes key = { 0 }, value = { 0 }, at_key = item, at_value = item;
        int64_t index = 0;
        mdl_wire_find(&at_key, 1, &key);
        mdl_wire_find(&at_value, 2, &value);
        const size_t size = key.start ? bytes_left(&key) : 0;
        if (at_key.bad || at_value.bad || !mdl_wire_read(value, rules, &index) || index < 0
            || (uint64_t)index >= n || texts[index] || (size && !mdl_utf8_valid(key.at, size)))
            return broken(y, item, "a category without an index of its own, or a text in UTF-8");
        if (size)
            memcpy(to, key.at, size);
        texts[index] = to;
        to += size + 1;
    }
    if (seen != n)
        return broken(y, c->categorical, "categories without a text");
    *out = texts;
    return MDL_OK;
}

static mdl_status name_categories(struct ydf *y, const struct ydf_column *c)
{
    struct vec bytes = { 0 }, pointers = { 0 };
    const char *const *texts;
    mdl_status s = category_texts(y, c, &bytes, &pointers, &texts);

    if (!s) s = mdl_build_categories(y->b, y->x, (uint64_t)c->position, MDL_STRING,
                                     c->n_categories, texts);
    mdl_vec_free(&bytes, &y->allocator);
    mdl_vec_free(&pointers, &y->allocator);
    return s;
}

mdl_status mdl_ydf_labels(struct ydf *y, int32_t output)
{
    const struct ydf_column *c = &YDF_AT(y->columns, struct ydf_column)[y->label];
    struct vec bytes = { 0 }, pointers = { 0 };
    const char *const *texts;
    mdl_status s = category_texts(y, c, &bytes, &pointers, &texts);

    if (!s) s = mdl_build_labels(y->b, output, MDL_STRING, y->classes, texts + 1);
    mdl_vec_free(&bytes, &y->allocator);
    mdl_vec_free(&pointers, &y->allocator);
    return s;
}

/* ---- what the model sees --------------------------------------------------------------------- */

static void check_type(struct ydf *y, const struct ydf_column *c)
{
    static const char *const names[YDF_TYPES] = {
        "unknown", NULL, "NUMERICAL_SET", "NUMERICAL_LIST", NULL, "CATEGORICAL_SET",
        "CATEGORICAL_LIST", NULL, "STRING", NULL, "HASH", "NUMERICAL_VECTOR_SEQUENCE",
    };
    char safe[64];

    mdl_safe_text(safe, sizeof safe, (const char *)c->name.at, bytes_left(&c->name));
    if (names[c->type])
        mdl_parts_add(&y->parts, "column '%s' of type %s", safe, names[c->type]);
    else if (c->is_integer & 2)
        mdl_parts_add(&y->parts, "column '%s', whose integers TensorFlow Decision Forests "
                      "counts from 1", safe);
}

static mdl_status place_inputs(struct ydf *y)
{
    struct wire_list list = { .message = y->header, .number = 5, .kind = WIRE_VARINT };
    struct ydf_column *columns = YDF_AT(y->columns, struct ydf_column);
    uint64_t index;

    while (mdl_wire_each(&list, &index)) {
        if (index >= YDF_COUNT(y->columns, struct ydf_column) || columns[index].position >= 0
            || index == (uint64_t)y->label)
            return YDF_BAD(y, bytes_offset(&y->header), "input feature %llu is no column, the "
                           "label or given twice", ULL(index));
        columns[index].position = (int32_t)y->n_inputs++;
        check_type(y, &columns[index]);
    }
    if (list.message.bad || !y->n_inputs)
        return YDF_BAD(y, bytes_offset(&y->header), "the model has no list of input features");
    return MDL_OK;
}

static mdl_status describe(struct ydf *y, const struct ydf_column *c)
{
    struct vec name = { 0 };
    mdl_status s = MDL_OK;
    const uint32_t kind = c->type != YDF_CATEGORICAL ? MDL_COLUMN_NUMBER
                        : c->is_integer ? MDL_COLUMN_INTEGER : MDL_COLUMN_CATEGORY;

    if (!mdl_vec_add(&name, &y->allocator, c->name.at, bytes_left(&c->name))
        || !mdl_vec_add(&name, &y->allocator, "", 1))
        s = mdl_fail(y->err, MDL_ERR_MEMORY, "out of memory");
    if (!s) s = mdl_build_column(y->b, y->x, (uint64_t)c->position, (const char *)name.data, kind);
    if (!s && kind == MDL_COLUMN_CATEGORY)
        s = name_categories(y, c);
    mdl_vec_free(&name, &y->allocator);
    return s;
}

mdl_status mdl_ydf_columns(struct ydf *y)
{
    struct bytes left = y->spec, message;
    mdl_status s = MDL_OK;

    while (!s && mdl_wire_find(&left, 1, &message))
        s = read_column(y, message);
    const uint64_t n = YDF_COUNT(y->columns, struct ydf_column);
    if (!s && (left.bad || !n))
        s = broken(y, y->spec, "its columns");
    if (!s) s = place_inputs(y);
    if (!s)
        y->x = mdl_build_input(y->b, "x", MDL_F32, y->n_inputs, MDL_ABSENT_ZERO);
    for (uint64_t i = 0; !s && i < n; i++) {
        const struct ydf_column *c = &YDF_AT(y->columns, struct ydf_column)[i];
        if (c->position >= 0)
            s = describe(y, c);
    }
    return s;
}
