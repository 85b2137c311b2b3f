/*
 * tests/test_events.c - JSON and UBJSON as events, good and bad
 *
 * A document is written down as a line of its events:  { } [ ]  k:key  "text"  number  t f n
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "import/events.h"

typedef void begin(struct events *e, struct bytes in, mdl_error *err);

static size_t put(char *out, size_t used, const char *text, size_t n)
{
    memcpy(out + used, text, n);
    return used + n;
}

/* All events of a document, and its status. */
static mdl_status line_of(begin *how, const void *document, size_t n, char *out, mdl_error *err)
{
    unsigned char *exact = malloc(n ? n : 1);      /* its next byte is not ours */
    struct events e;
    char number[40];
    size_t used = 0;
    enum event ev;
    float f;

    memcpy(exact, document, n);
    how(&e, bytes_of(exact, n), err);
    while ((ev = mdl_events_next(&e)) != EVENT_END && ev != EVENT_FAILED) {
        if (used)
            out[used++] = ' ';
        switch (ev) {
        case EVENT_OBJECT: out[used++] = '{'; break;
        case EVENT_ARRAY: out[used++] = '['; break;
        case EVENT_CLOSE: out[used++] = '.'; break;
        case EVENT_KEY: case EVENT_STRING:
            used = put(out, used, ev == EVENT_KEY ? "k:" : "\"", ev == EVENT_KEY ? 2 : 1);
            used = put(out, used, e.text, e.length);
            if (ev == EVENT_STRING)
                out[used++] = '"';
            break;
        case EVENT_NUMBER:
            if (e.number == NUMBER_TEXT)
                used = put(out, used, e.text, e.length);
            else if (e.number == NUMBER_INTEGER)
                used += (size_t)sprintf(out + used, "%lld", (long long)e.integer);
            else if (mdl_events_get_f32(&e, &f))
                used = put(out, used, number, (size_t)sprintf(number, "%gf", (double)f));
            break;
        case EVENT_BOOL: out[used++] = e.integer ? 't' : 'f'; break;
        default: out[used++] = 'n';
        }
    }
    out[used] = 0;
    const mdl_status s = e.status;
    assert_int_equal(ev == EVENT_FAILED, s != MDL_OK);
    mdl_events_free(&e);
    free(exact);
    return s;
}

struct good { const char *document, *line; size_t n; };
struct bad { const char *document, *says; uint64_t offset; size_t n; };

static void reads(begin *how, const struct good *g)
{
    char line[4000];
    mdl_error err = MDL_ERROR_INIT;
    const mdl_status s = line_of(how, g->document, g->n ? g->n : strlen(g->document), line, &err);

    if (s || strcmp(line, g->line) != 0)
        fail_msg("%s: \"%s\", %s, expected \"%s\"", g->document, line, err.text, g->line);
}

static void refuses(begin *how, const struct bad *b)
{
    char line[4000];
    mdl_error err = MDL_ERROR_INIT;
    const mdl_status s = line_of(how, b->document, b->n ? b->n : strlen(b->document), line, &err);

    if (s != MDL_ERR_FORMAT || !strstr(err.text, b->says) || err.offset != b->offset)
        fail_msg("%s: status %d, \"%s\" at %llu, expected \"%s\" at %llu", b->document, (int)s,
                 err.text, (unsigned long long)err.offset, b->says, (unsigned long long)b->offset);
}

/* No beginning of the document is a document. */
static void refuses_every_prefix(begin *how, const char *document, size_t n)
{
    char line[4000];

    for (size_t cut = 0; cut < n; cut++) {
        mdl_error err = MDL_ERROR_INIT;
        if (line_of(how, document, cut, line, &err) != MDL_ERR_FORMAT || err.offset > cut
            || !strstr(err.text, ": it is cut off; copy it or save it again"))
            fail_msg("the first %zu bytes: %s at %llu", cut, err.text,
                     (unsigned long long)err.offset);
    }
    assert_int_equal(line_of(how, document, n, line, NULL), MDL_OK);
}

/* ---- JSON ------------------------------------------------------------------------------- */

static const char json_all[] =
    " {\"a\" : [1, -2.5e+3 ,\ttrue,false,null, \"\"],\r\n\"b\\n\\u00e9\":{ } , \"c\":[ ],"
    "\"d\":[[{\"x\":NaN}],-Infinity,Infinity],\"e\":\"\\ud83d\\ude00\\\"\\\\\\/ \xc3\xa9\"}\n";

static void json_comes_as_events(void **state)
{
    static const struct good documents[] = {
        { json_all, "{ k:a [ 1 -2.5e+3 t f n \"\" . k:b\n\xc3\xa9 { . k:c [ . k:d [ [ { k:x NaN . . "
                    "-Infinity Infinity . k:e \"\xf0\x9f\x98\x80\"\\/ \xc3\xa9\" .", 0 },
        { "0", "0", 0 }, { " -0.0E-1 ", "-0.0E-1", 0 }, { "\"x\"", "\"x\"", 0 }, { "true", "t", 0 },
        { "[]", "[ .", 0 }, { "\"\\b\\f\\r\\t\"", "\"\b\f\r\t\"", 0 },
        { "{\"a\":1,\"A\":2,\"\":3,\"aa\":4}", "{ k:a 1 k:A 2 k: 3 k:aa 4 .", 0 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        reads(mdl_events_json, &documents[i]);
    refuses_every_prefix(mdl_events_json, json_all, sizeof json_all - 2);
}

static void bad_json_is_refused_with_the_place(void **state)
{
    static const struct bad documents[] = {
        { "", "the file ends where a value was expected", 0, 0 },
        { "[1 2]", "expected ',' or ']', found '2'", 3, 0 },
        { "[1,]", "expected a value, found ']'", 3, 0 },
        { "[,1]", "expected a value, found ','", 1, 0 },
        { "{\"a\":1,}", "expected a key, found '}'", 7, 0 },
        { "{a:1}", "expected a key, found 'a'", 1, 0 },
        { "{\"a\" 1}", "expected ':', found '1'", 5, 0 },
        { "{\"a\":}", "expected a value, found '}'", 5, 0 },
        { "{\"a\":1]", "expected ',' or '}', found ']'", 6, 0 },
        { "[1}", "expected ',' or ']', found '}'", 2, 0 },
        { "1 2", "bytes behind the end", 2, 0 },
        { "[1]]", "bytes behind the end", 3, 0 },
        { "[truex]", "expected a value", 1, 0 },
        { "[nul]", "expected a value", 1, 0 },
        { "[+1]", "expected a value", 1, 0 },
        { "[.5]", "expected a value", 1, 0 },
        { "[1.]", "expected a value", 1, 0 },
        { "[1e]", "expected a value", 1, 0 },
        { "[-]", "expected a value", 1, 0 },
        { "[0x1]", "expected ',' or ']'", 2, 0 },
        { "[Inf]", "expected a value", 1, 0 },
        { "[\"a]", "the file ends within a string: it is cut off", 1, 0 },
        { "[\"a\\\"]", "the file ends within a string: it is cut off", 1, 0 },
        { "[tru", "the file ends where a value was expected: it is cut off", 1, 0 },
        { "[-1.5e-", "the file ends where a value was expected: it is cut off", 1, 0 },
        { "[#", "expected a value, found '#'", 1, 0 },
        { "[\"\\x\"]", "an escape", 2, 0 },
        { "[\"\\u12g4\"]", "an escape", 2, 0 },
        { "[\"\\u0000\"]", "an escape", 2, 0 },
        { "[\"\\ud800\"]", "an escape", 2, 0 },
        { "[\"\\ud800\\u0041\"]", "an escape", 2, 0 },
        { "[\"\\udc00\"]", "an escape", 2, 0 },
        { "[\"\xff\"]", "not UTF-8", 1, 0 },
        { "[\"\xc0\x80\"]", "not UTF-8", 1, 0 },
        { "[\"\xed\xa0\x80\"]", "not UTF-8", 1, 0 },
        { "[\"\xf4\x90\x80\x80\"]", "not UTF-8", 1, 0 },
        { "{\"a\":1,\"b\":2,\"a\":3}", "the key 'a' is there twice", 14, 0 },
        { "{\"a\":1,\"\\u0061\":2}", "is there twice", 8, 0 },
        { .document = "[1\0]", .says = "expected ',' or ']'", .offset = 2, .n = 4 },
        { .document = "[\"a\0\"]", .says = "or has a zero byte", .offset = 1, .n = 6 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        refuses(mdl_events_json, &documents[i]);
}

static void a_key_may_come_again_in_another_object(void **state)
{
    static const struct good again = { "{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}",
                                       "{ k:a { k:a [ { k:a 1 . { k:a 2 . . . .", 0 };
    (void)state;

    reads(mdl_events_json, &again);
}

static void many_keys_are_told_apart_quickly_whatever_their_order(void **state)
{
    enum { KEYS = 200000 };
    char *text = malloc(KEYS * 16), *line = malloc(KEYS * 16);
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    for (int last = 0; last < 2; last++) {
        size_t n = (size_t)sprintf(text, "{");
        for (int i = 0; i < KEYS; i++)
            n += (size_t)sprintf(text + n, "\"%d\":0,", i % 2 ? i : KEYS - i);
        n += (size_t)sprintf(text + n, "\"%s\":0}", last ? "7" : "x");
        assert_int_equal(line_of(mdl_events_json, text, n, line, &err),
                         last ? MDL_ERR_FORMAT : MDL_OK);
    }
    assert_non_null(strstr(err.text, "the key '7' is there twice"));
    free(text);
    free(line);
}

static void nesting_ends_at_sixty_four(void **state)
{
    char json[200], ubjson[200], line[400];
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    memset(json, '[', 65);
    memset(json + 65, ']', 65);
    memcpy(ubjson, json, sizeof json);
    assert_int_equal(line_of(mdl_events_json, json + 1, 128, line, &err), MDL_OK);
    assert_int_equal(line_of(mdl_events_ubjson, ubjson + 1, 128, line, &err), MDL_OK);
    assert_int_equal(line_of(mdl_events_json, json, 130, line, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "nested more than 64 levels"));
    assert_int_equal(line_of(mdl_events_ubjson, ubjson, 130, line, &err), MDL_ERR_FORMAT);
}

/* ---- UBJSON ------------------------------------------------------------------------------ */

#define UBJSON_ALL "{i\1a[i\xffU\xffI\1\2l\0\0\1\0L\xff\xff\xff\xff\xff\xff\xff\xfe" \
                   "d\x3f\xc0\0\0D\xbf\xe0\0\0\0\0\0\0TFZSi\2hi]" \
                   "U\1b[$l#i\2\0\0\0\5\xff\xff\xff\xff" "L\0\0\0\0\0\0\0\1c[$d#U\1\x40\0\0\0" \
                   "I\0\1d[#i\2Z[]" "l\0\0\0\1e{#i\1i\1xSi\0" "i\1f[$U#i\0" "i\1g{}}"

static void ubjson_comes_as_events(void **state)
{
    static const struct good all = {
        UBJSON_ALL, "{ k:a [ -1 255 258 256 -2 1.5f -0.5f t f n \"hi\" . k:b [ 5 -1 . k:c [ 2f . "
        "k:d [ n [ . . k:e { k:x \"\" . k:f [ . k:g { . .", sizeof UBJSON_ALL - 1 };
    (void)state;

    reads(mdl_events_ubjson, &all);
    refuses_every_prefix(mdl_events_ubjson, UBJSON_ALL, sizeof UBJSON_ALL - 1);
}

static void bad_ubjson_is_refused_with_the_place(void **state)
{
#define U(text, says, offset) { text, says, offset, sizeof(text) - 1 }
    static const struct bad documents[] = {
        { "", "the file ends where a value was expected", 0, 0 },
        U("[Q]", "no value begins with 'Q'", 1),
        U("[N]", "no value begins with 'N'", 1),
        U("[H", "no value begins with 'H'", 1),
        U("[C", "no value begins with 'C'", 1),
        U("[]]", "bytes behind the end", 2),
        U("Si\xff", "a negative length", 1),
        U("SL\x80\0\0\0\0\0\0\0", "a negative length", 1),
        U("Si\2a", "the file ends within a value", 3),
        U("Sd\0\0\0\0", "expected a length", 1),
        U("Si\1\xff", "not UTF-8", 3),
        U("Si\1\0", "or has a zero byte", 3),
        U("[#i\5Z", "more members than the file has bytes", 4),
        U("[#L\x7f\xff\xff\xff\xff\xff\xff\xff", "more members", 11),
        U("[$l#i\2\0\0\0\1\0\0\0", "more members", 6),
        U("[$l#L\x40\0\0\0\0\0\0\0\0\0\0\0", "more members", 13),
        U("[$T#i\5", "a typed array of something other than numbers", 2),
        U("[$[#i\5", "a typed array of something other than numbers", 2),
        U("[$i\5", "a typed array without a count", 3),
        U("[$", "the file ends within a value: it is cut off", 2),
        U("[$i", "the file ends within a value: it is cut off", 2),
        U("[#", "the file ends within a value: it is cut off", 2),
        U("S", "the file ends within a value: it is cut off", 1),
        U("{$i#i\1i\1a\1", "a typed object of something", 2),
        U("{d", "expected a length", 1),
        U("{i\1ai\1i\1ai\2}", "the key 'a' is there twice", 8),
    };
    (void)state;

    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        refuses(mdl_events_ubjson, &documents[i]);
}

/* ---- what readers use ----------------------------------------------------------------------- */

static void skipping_counts_members_and_typed_arrays_too(void **state)
{
    static const char json[] = "[[1,[2,3],{\"a\":4},\"x\"],{\"a\":1,\"b\":[5,6,7]},8]";
    static const char ubjson[] = "[[$I#i\3\0\1\0\2\0\3[[$U#i\2\1\2Z]i\1]";
    const uint64_t want[2][3] = { { 4, 2, 0 }, { 3, 2, 0 } };
    struct events e;
    uint64_t n;
    (void)state;

    for (int k = 0; k < 2; k++) {
        if (k)
            mdl_events_ubjson(&e, bytes_of(ubjson, sizeof ubjson - 1), NULL);
        else
            mdl_events_json(&e, bytes_of(json, sizeof json - 1), NULL);
        assert_true(mdl_events_array(&e));
        for (int i = 0; i < 3; i++) {
            n = 99;
            mdl_events_skip(&e, &n);
            assert_int_equal(n, want[k][i]);
        }
        assert_int_equal(mdl_events_next(&e), EVENT_CLOSE);
        assert_int_equal(mdl_events_next(&e), EVENT_END);
        mdl_events_free(&e);
    }
}

/* The same arrays element by element and passed over: alike accepted, counted and refused. */
static void numbers_that_are_skipped_are_checked_as_those_that_are_read(void **state)
{
    static const char *const arrays[] = {
        "[]", "[1]", "[1,2,3]", "[-1,2.5,3e4,-0.5E-3]", "[1, 2,3 ,4]", "[1,NaN,2,Infinity]",
        "[1,[2,3],4]", "[1,\"a\",2]", "[1,true,2]", "[1,{\"a\":2},3]", "[ 1,2]", "[1,2\n,3]",
        "[1,2,]", "[1,,2]", "[,1]", "[1 2]", "[1,2 3]", "[1.,2]", "[1,.5]", "[1,-,2]", "[1,2e,3]",
        "[1,2e+]", "[1,+2]", "[1,2", "[1,2,", "[1,2}", "[1,2]]", "[1;2]", "[1,2x,3]", "[1-2,3]",
    };
    (void)state;

    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) {
        const size_t n = strlen(arrays[k]);
        unsigned char *exact = malloc(n);              /* its next byte is not ours */
        struct events read, passed;
        mdl_error err = MDL_ERROR_INIT;
        uint64_t elements = 0, counted = 0;
        enum event ev;

        memcpy(exact, arrays[k], n);
        mdl_events_json(&read, bytes_of(exact, n), &err);
        while ((ev = mdl_events_next(&read)) != EVENT_END && ev != EVENT_FAILED)
            elements += read.depth == 1 + (ev == EVENT_OBJECT || ev == EVENT_ARRAY)
                     && ev != EVENT_CLOSE && read.in.at > exact + 1;
        mdl_events_json(&passed, bytes_of(exact, n), &err);
        mdl_events_skip(&passed, &counted);
        mdl_events_next(&passed);
        assert_int_equal(passed.status, read.status);
        if (read.status)
            assert_ptr_equal(passed.in.at, read.in.at);
        else
            assert_int_equal(counted, elements);
        mdl_events_free(&read);
        mdl_events_free(&passed);
        free(exact);
    }
}

static void numbers_are_rounded_once_to_float_or_are_exact_integers(void **state)
{
    static const char json[] = "[[1.00000017881393432617187499,2],[7,-2147483648,true],[2147483648],"
                               "[1.5],[\"1\"]]";
    struct vec v = { 0 };
    struct events e;
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    mdl_events_json(&e, bytes_of(json, sizeof json - 1), &err);
    assert_true(mdl_events_array(&e) && mdl_events_doubles(&e, &v));
    assert_int_equal(v.bytes, 16);
    assert_true(((double *)(void *)v.data)[0] == 0x1.000002p0);
    v.bytes = 0;
    assert_true(mdl_events_ints(&e, &v));
    const int32_t *i = (const int32_t *)(void *)v.data;
    assert_true(v.bytes == 12 && i[0] == 7 && i[1] == INT32_MIN && i[2] == 1);
    assert_false(mdl_events_ints(&e, &v));
    assert_non_null(strstr(err.text, "2147483648 does not fit 32 bits"));
    assert_int_equal(mdl_events_next(&e), EVENT_FAILED);   /* from then on, nothing */
    mdl_vec_free(&v, &e.allocator);
    mdl_events_free(&e);
}

static void a_span_is_read_later_by_a_reader_of_its_own(void **state)
{
    static const char json[] = "{\"later\": [1, 2] , \"now\":3}";
    struct events e, later;
    struct bytes span = { 0 };
    int64_t v = 0;
    enum event ev;
    (void)state;

    mdl_events_json(&e, bytes_of(json, sizeof json - 1), NULL);
    assert_true(mdl_events_object(&e) && mdl_events_key(&e) && mdl_events_span(&e, &span));
    assert_true(mdl_events_key(&e) && mdl_events_is(&e, "now"));
    mdl_events_skip(&e, NULL);
    assert_false(mdl_events_key(&e));
    assert_int_equal(e.status, MDL_OK);
    mdl_events_json(&later, span, NULL);
    assert_true(mdl_events_array(&later) && mdl_events_element(&later, &ev));
    assert_true(mdl_events_get_i64(&later, &v) && v == 1);
    assert_true(bytes_offset(&later.in) == 12);            /* counted in the whole file */
    mdl_events_skip(&later, NULL);
    assert_int_equal(mdl_events_next(&later), EVENT_CLOSE);
    assert_int_equal(mdl_events_next(&later), EVENT_END);
    mdl_events_free(&later);
    mdl_events_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_comes_as_events),
        cmocka_unit_test(bad_json_is_refused_with_the_place),
        cmocka_unit_test(a_key_may_come_again_in_another_object),
        cmocka_unit_test(many_keys_are_told_apart_quickly_whatever_their_order),
        cmocka_unit_test(nesting_ends_at_sixty_four),
        cmocka_unit_test(ubjson_comes_as_events),
        cmocka_unit_test(bad_ubjson_is_refused_with_the_place),
        cmocka_unit_test(skipping_counts_members_and_typed_arrays_too),
        cmocka_unit_test(numbers_that_are_skipped_are_checked_as_those_that_are_read),
        cmocka_unit_test(numbers_are_rounded_once_to_float_or_are_exact_integers),
        cmocka_unit_test(a_span_is_read_later_by_a_reader_of_its_own),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
