/*
 * import/catboost_info.c - what a CatBoost model says about itself: loss, classes, version
 *
 * Both formats keep this as JSON; the binary one as texts.
 *
 *     params           loss_function.type, among all that the training was told
 *     loss_function    the same alone, in a sum of models
 *     class_params     class_names: what outputs are called; class_label_type: String, Integer,
 *                      Float, Boolean; class_to_label: which of them have been trained
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include "import/number.h"

#include <string.h>

static void keep(char *to, size_t room, const char *text, size_t length)
{
    const size_t n = length < room ? length : room - 1;

    memcpy(to, text, n);
    to[n] = 0;
}

static void loss(struct cat *c, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (!mdl_events_is(e, "type"))
            mdl_events_skip(e, NULL);
        else if (mdl_events_string(e))
            keep(c->loss, sizeof c->loss, e->text, e->length);
}

void mdl_cat_params(struct cat *c, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "loss_function"))
            loss(c, e);
        else
            mdl_events_skip(e, NULL);
}

mdl_status mdl_cat_loss(struct cat *c, const char *text, size_t length)
{
    struct events e;

    mdl_events_json(&e, bytes_of(text, length), NULL);
    loss(c, &e);
    const mdl_status s = e.status;
    mdl_events_free(&e);
    return s ? mdl_cat_fail(c, 0, "'loss_function' of model_info cannot be read") : MDL_OK;
}

/* A name of a class is a text, a number or true or false. */
static int label_text(struct cat *c, struct events *e, enum event ev, uint32_t *at)
{
    if (ev == EVENT_BOOL)
        return mdl_cat_text(c, e->integer ? "True" : "False", e->integer ? 4 : 5, at);
    return mdl_cat_text(c, e->text, e->length, at);
}

static void labels(struct cat *c, struct events *e)
{
    enum event ev;
    uint32_t at;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev != EVENT_STRING && ev != EVENT_NUMBER && ev != EVENT_BOOL)
            mdl_events_bad(e, "the name of a class is neither a text nor a number");
        else if (!label_text(c, e, ev, &at)
                 || !mdl_vec_add(&c->labels, &c->allocator, &at, sizeof at))
            mdl_events_memory(e);
}

void mdl_cat_classes(struct cat *c, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "class_names"))
            labels(c, e);
        else if (mdl_events_is(e, "class_to_label"))
            mdl_events_ints(e, &c->labels_seen);
        else if (!mdl_events_is(e, "class_label_type"))
            mdl_events_skip(e, NULL);
        else if (mdl_events_string(e))
            keep(c->label_type, sizeof c->label_type, e->text, e->length);
}

/* "... Branch: tags/v1.2.10\n ..." */
void mdl_cat_version(struct cat *c, const char *text, size_t length)
{
    static const char before[] = "tags/v";
    size_t n = 0;

    for (size_t i = 0; i + sizeof before <= length; i++) {
        if (memcmp(text + i, before, sizeof before - 1) != 0)
            continue;
        text += i + sizeof before - 1;
        length -= i + sizeof before - 1;
        while (n < length && (text[n] == '.' || (text[n] >= '0' && text[n] <= '9')))
            n++;
        keep(c->version, sizeof c->version, text, n);
        return;
    }
}

mdl_status mdl_cat_threshold(struct cat *c, const char *text, size_t length)
{
    if (mdl_parse_f64(text, length, &c->probability) == length && c->probability > 0
        && c->probability < 1)
        return MDL_OK;
    return mdl_cat_fail(c, bytes_offset(&c->file),
                        "binclass_probability_threshold is no number between 0 and 1");
}
