/*
 * tests/test_nd_nn.c - recurrent layers, attention, texts: bad input, and what the tests of the ONNX
 * standard leave out
 *
 * SPDX-License-Identifier: MIT
 */
#include "nd_calls.h"

#include "op/nd_regex.h"

/* A slot of numbers that stay where they are. */
static void weights(struct call *t, const char *slot, uint32_t type, uint64_t n, const void *data)
{
    for (uint32_t i = 0; i < t->node.op->n_slots; i++)
        if (!strcmp(t->node.op->slots[i].name, slot))
            t->tensors[i] = (struct tensor){ .type = type, .rank = 1, .dims = { (int64_t)n },
                                             .count = n, .data = data };
}

/* ---- recurrent ----------------------------------------------------------------------------- */

enum { RNN, GRU, LSTM };
enum { FORWARD, REVERSE, BOTH };
static const float none[6] = { 0 };

static void recurrent_begin(struct call *t, int kind, int direction, const int64_t *functions)
{
    const uint64_t n = (uint64_t)(kind + 1) * (direction == BOTH ? 2 : 1);

    call_begin(t, "recurrent");
    call_set(t, "kind", kind);
    call_set(t, "direction", direction);
    call_ints(t, "functions", n, functions);
    weights(t, "alpha", MDL_F32, n, none);
    weights(t, "beta", MDL_F32, n, none);
}

/* relu(2 x + 3 h + 1 + 4): 1, 2, 3 give 7, 7 + 30, 7 + 30 + 102 ... by hand. */
static void an_rnn_goes_as_by_hand(void **state)
{
    const float x[] = { 1, 2, 3 }, w[] = { 2 }, r[] = { 3 }, b[] = { 1, 4 };
    const double x64[] = { 1, 2, 3 }, w64[] = { 2 }, r64[] = { 3 }, b64[] = { 1, 4 };
    struct call t;
    (void)state;

    recurrent_begin(&t, RNN, FORWARD, (int64_t[]){ 0 });
    call_in(&t, MDL_F32, DIMS(3, 1, 1), x);
    call_in(&t, MDL_F32, DIMS(1, 1, 1), w);
    call_in(&t, MDL_F32, DIMS(1, 1, 1), r);
    call_in(&t, MDL_F32, DIMS(1, 2), b);
    gives(&t, DIMS(3, 1, 1, 1), (float[]){ 7, 30, 101 });

    recurrent_begin(&t, RNN, REVERSE, (int64_t[]){ 0 });
    call_in(&t, MDL_F64, DIMS(3, 1, 1), x64);
    call_in(&t, MDL_F64, DIMS(1, 1, 1), w64);
    call_in(&t, MDL_F64, DIMS(1, 1, 1), r64);
    call_in(&t, MDL_F64, DIMS(1, 2), b64);
    gives(&t, DIMS(3, 1, 1, 1), (double[]){ 133, 42, 11 });
}

/* Three sequences, one of no steps; backwards each begins at its own end. */
static void steps_beyond_a_length_are_zero_and_the_state_stays(void **state)
{
    const float x[] = { 1, 1, 1, 2, 2, 2, 3, 3, 3 }, w[] = { 1 }, r[] = { 10 }, h[] = { 5, 6, 7 };
    struct call t;
    (void)state;

    recurrent_begin(&t, RNN, REVERSE, (int64_t[]){ 0 });
    t.node.n_out = 2;
    call_in(&t, MDL_F32, DIMS(3, 3, 1), x);
    call_in(&t, MDL_F32, DIMS(1, 1, 1), w);
    call_in(&t, MDL_F32, DIMS(1, 1, 1), r);
    call_in(&t, 0, 0, NULL, NULL);
    call_in(&t, MDL_I32, DIMS(3), (int32_t[]){ 3, 0, 2 });
    call_in(&t, MDL_F32, DIMS(1, 3, 1), h);
    call_run(&t);
    assert_memory_equal(t.y[0].data, ((float[]){ 5321, 0, 721, 532, 0, 72, 53, 0, 0 }), 36);
    assert_memory_equal(t.y[1].data, ((float[]){ 5321, 6, 721 }), 12);
    call_end(&t);
}

static void fill(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(next_random(&seed) >> 40) * 0x1p-24f - 0.5f;
}

/* Of many rows and of one; packed at load, and in each call. */
static void a_sequence_has_the_same_bits_whatever_is_beside_it(void **state)
{
    enum { T = 5, N = 7, I = 9, H = 11, G = 4 };
    static float x[T * N * I], one[T * I], w[2 * G * H * I], r[2 * G * H * H], b[2 * 2 * G * H];
    const int64_t functions[] = { 2, 1, 1, 2, 1, 1 };
    (void)state;

    fill(x, T * N * I, 1);
    fill(w, 2 * G * H * I, 2);
    fill(r, 2 * G * H * H, 3);
    fill(b, 2 * 2 * G * H, 4);
    for (int kind = GRU; kind <= LSTM; kind++) {
        const int64_t g = kind == GRU ? 3 : 4;
        struct call t, alone;
        recurrent_begin(&t, kind, BOTH, kind == GRU ? functions + 1 : functions);
        call_in(&t, MDL_F32, DIMS(T, N, I), x);
        call_input(&t, MDL_F32, DIMS(2, g * H, I), w, 1);
        call_input(&t, MDL_F32, DIMS(2, g * H, H), r, 1);
        call_in(&t, MDL_F32, DIMS(2, 2 * g * H), b);
        call_run(&t);
        for (int n = 0; n < N; n += 3) {
            for (int i = 0; i < T; i++)
                memcpy(one + i * I, x + (i * N + n) * I, I * sizeof *x);
            recurrent_begin(&alone, kind, BOTH, kind == GRU ? functions + 1 : functions);
            call_in(&alone, MDL_F32, DIMS(T, 1, I), one);
            call_in(&alone, MDL_F32, DIMS(2, g * H, I), w);
            call_in(&alone, MDL_F32, DIMS(2, g * H, H), r);
            call_in(&alone, MDL_F32, DIMS(2, 2 * g * H), b);
            call_run(&alone);
            for (int i = 0; i < 2 * T; i++)
                assert_memory_equal((float *)t.y->data + (i * N + n) * H,
                                    (float *)alone.y->data + i * H, H * sizeof *x);
            call_end(&alone);
        }
        call_end(&t);
    }
}

static void recurrent_inputs_that_do_not_fit_are_refused(void **state)
{
    struct call t;
    (void)state;

    recurrent_begin(&t, RNN, FORWARD, (int64_t[]){ 11 });
    floats(&t, DIMS(1, 1, 1));
    floats(&t, DIMS(1, 1, 1));
    floats(&t, DIMS(1, 1, 1));
    refuses(&t, "function 11");
    recurrent_begin(&t, LSTM, FORWARD, (int64_t[]){ 2, 1, 1 });
    floats(&t, DIMS(1, 1, 1));
    floats(&t, DIMS(1, 3, 1));
    floats(&t, DIMS(1, 4, 1));
    refuses(&t, "w is [1, 3, 1]");
    recurrent_begin(&t, LSTM, FORWARD, (int64_t[]){ 2, 1, 1 });
    floats(&t, DIMS(1, 1, 1));
    floats(&t, DIMS(1, 4, 1));
    floats(&t, DIMS(1, 4));
    refuses(&t, "r is [1, 4]");
    recurrent_begin(&t, RNN, FORWARD, (int64_t[]){ 0 });
    floats(&t, DIMS(2, 1, 1));
    floats(&t, DIMS(1, 1, 1));
    floats(&t, DIMS(1, 1, 1));
    call_in(&t, 0, 0, NULL, NULL);
    call_in(&t, MDL_I64, DIMS(1), (int64_t[]){ 3 });
    refuses(&t, "a sequence of 3 of 2 steps");
    recurrent_begin(&t, RNN, FORWARD, (int64_t[]){ 0 });
    call_set(&t, "clip", -1);
    floats(&t, DIMS(2, 1, 1));
    floats(&t, DIMS(1, 1, 1));
    floats(&t, DIMS(1, 1, 1));
    refuses(&t, "clip");
}

/* ---- attention ----------------------------------------------------------------------------- */

/* A query that sees one key gives its value; 40 queries are more than a block. */
static void a_query_gives_the_value_of_the_only_key_it_sees(void **state)
{
    enum { S = 40, D = 3 };
    static float q[S * D], kv[S * D];
    static unsigned char mask[S * S];
    struct call t;
    (void)state;

    fill(q, S * D, 5);
    fill(kv, S * D, 6);
    for (int i = 0; i < S; i++)
        mask[i * S + (i * 7) % S] = 1;
    call_begin(&t, "attention");
    call_in(&t, MDL_F32, DIMS(1, 1, S, D), q);
    call_in(&t, MDL_F32, DIMS(1, 1, S, D), kv);
    call_in(&t, MDL_F32, DIMS(1, 1, S, D), kv);
    call_in(&t, MDL_BOOL, DIMS(S, S), mask);
    call_run(&t);
    for (int i = 0; i < S; i++)
        assert_memory_equal((float *)t.y->data + i * D, kv + (i * 7) % S * D, D * sizeof *kv);
    call_end(&t);
    call_begin(&t, "attention");
    call_set(&t, "causal", 1);
    call_in(&t, MDL_F32, DIMS(1, 1, 1, D), q);
    call_in(&t, MDL_F32, DIMS(1, 1, S, D), kv);
    call_in(&t, MDL_F32, DIMS(1, 1, S, D), kv);
    gives(&t, DIMS(1, 1, 1, D), kv);
}

static void attention_inputs_that_do_not_fit_are_refused(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "attention");
    floats(&t, DIMS(1, 2, 6));
    floats(&t, DIMS(1, 2, 6));
    floats(&t, DIMS(1, 2, 6));
    refuses(&t, "q is [1, 2, 6]");
    call_begin(&t, "attention");
    floats(&t, DIMS(1, 3, 2, 2));
    floats(&t, DIMS(1, 2, 2, 2));
    floats(&t, DIMS(1, 2, 2, 2));
    refuses(&t, "k is [1, 2, 2, 2]");
    call_begin(&t, "attention");
    floats(&t, DIMS(1, 2, 2, 2));
    floats(&t, DIMS(1, 2, 2, 2));
    floats(&t, DIMS(1, 2, 2, 2));
    call_in(&t, MDL_BOOL, DIMS(2, 3), ten);
    refuses(&t, "the mask is [2, 3]");
    call_begin(&t, "attention");
    floats(&t, DIMS(1, 2, 2, 2));
    floats(&t, DIMS(1, 2, 2, 2));
    floats(&t, DIMS(1, 2, 2, 2));
    call_in(&t, 0, 0, NULL, NULL);
    floats(&t, DIMS(1, 2, 2, 2));
    refuses(&t, "alone");
}

static void a_position_that_is_not_there_is_refused(void **state)
{
    struct call t;
    (void)state;

    for (int i = -1; i <= 3; i++) {
        call_begin(&t, "rotary");
        floats(&t, DIMS(1, 1, 1, 2));
        call_in(&t, MDL_F32, DIMS(3, 1), none);
        call_in(&t, MDL_F32, DIMS(3, 1), (float[]){ 1, 1, 1 });
        call_in(&t, MDL_I64, DIMS(1, 1), (int64_t[]){ i });
        if (i < 0 || i > 2)
            refuses(&t, "position");
        else
            gives(&t, DIMS(1, 1, 1, 2), (float[]){ -1, 0 });   /* a quarter turn of (0, 1) */
    }
}

/* ---- texts --------------------------------------------------------------------------------- */

static void texts_give(struct call *t, const char *const *want, uint64_t n)
{
    if (call_with(t, &mdl_kernels_ref))
        fail_msg("%s", t->err.text);
    assert_int_equal(t->y->count, n);
    for (uint64_t i = 0; i < n; i++)
        assert_string_equal(((char **)t->y->data)[i], want[i]);
    call_end(t);
}

static void case_is_that_of_unicode_and_other_bytes_stay(void **state)
{
    const char *const x[] = { "\xC3\x84pfel", "\xD0\x96\xF0\x90\x90\x80", "a\xFFz\xC3", NULL, "STOP" };
    const char *const lower[] = { "\xC3\xA4pfel", "\xD0\xB6\xF0\x90\x90\xA8", "a\xFFz\xC3", "" };
    const char *const upper[] = { "\xC3\x84PFEL", "\xD0\x96\xF0\x90\x90\x80", "A\xFFZ\xC3", "" };
    struct call t;
    (void)state;

    for (int to = 1; to <= 2; to++) {
        call_begin(&t, "text_normalize");
        call_set(&t, "to", to);
        call_set(&t, "any_case", 1);
        weights(&t, "stop", MDL_U8, 5, "sToP");
        call_in(&t, MDL_STRING, DIMS(5), x);
        texts_give(&t, to == 1 ? lower : upper, 4);
    }
}

static void texts_of_the_wrong_shape_or_without_end_are_refused(void **state)
{
    const char *const x[] = { "a", "b", "c", "d" };
    struct call t;
    (void)state;

    call_begin(&t, "text_normalize");
    call_in(&t, MDL_STRING, DIMS(2, 2), x);
    refuses(&t, "[C]");
    call_begin(&t, "text_normalize");
    weights(&t, "stop", MDL_U8, 2, "ab");
    call_in(&t, MDL_STRING, DIMS(2), x);
    refuses(&t, "without end");
    call_begin(&t, "text_concat");
    call_in(&t, MDL_STRING, DIMS(2), x);
    call_in(&t, MDL_STRING, DIMS(3), x);
    refuses(&t, "do not broadcast");
    call_begin(&t, "text_concat");
    call_in(&t, MDL_STRING, DIMS(2), x);
    floats(&t, DIMS(2));
    refuses(&t, "input 1");
}

static int matches(const char *pattern, const char *text)
{
    struct arena a;
    struct regex r;
    mdl_error err = MDL_ERROR_INIT;
    int yes = -1;

    mdl_arena_init(&a, NULL, UINT64_MAX);
    if (!mdl_regex_compile(&r, pattern, strlen(pattern), &a, &err)) {
        uint32_t *room = malloc(4 * r.n_steps * sizeof *room);
        yes = mdl_regex_matches(&r, text, room);
        free(room);
    }
    mdl_arena_free(&a);
    return yes;
}

/* Answers are those of RE2's syntax; -1: refused. */
static void patterns_match_what_they_say(void **state)
{
    static const struct { const char *pattern, *text; int yes; } cases[] = {
        { "", "", 1 }, { "", "a", 0 }, { "a|bc", "bc", 1 }, { "a|bc", "ac", 0 }, { "(a|b)*c", "abbac", 1 },
        { "a{2,3}", "a", 0 }, { "a{2,3}", "aaa", 1 }, { "a{2,3}", "aaaa", 0 }, { "a{2,}", "aaaaa", 1 },
        { "a{0}b", "b", 1 }, { "a{0,2}", "aaa", 0 }, { "(ab){0,2}", "abab", 1 }, { "a{,2}", "a{,2}", 1 },
        { "(a|bc){3}", "abca", 1 }, { "(a|b+){2}c", "bbc", 1 }, { "x(a?){3}y", "xaay", 1 },
        { "[^a-c]+", "xyz", 1 }, { "[^a-c]+", "xbz", 0 }, { "[]a]+", "]a", 1 }, { "[a-]", "-", 1 },
        { "[\\d.]+", "3.14", 1 }, { "\\D\\W\\S", "a b", 1 }, { ".", "\n", 0 }, { ".", "\xC3\xA4", 1 },
        { ".", "\xFF", 1 }, { "..", "\xC3\xA4", 0 }, { "\\x41\\x{1F600}", "A\xF0\x9F\x98\x80", 1 },
        { "^a$", "a", 1 }, { "a^b", "ab", 0 }, { "a\\bb", "ab", 0 }, { "a\\b b", "a b", 1 },
        { "a\\Bb", "ab", 1 }, { "(?:a|b)c", "bc", 1 }, { "(?P<n>a)+?", "aa", 1 }, { "(a*)*", "aaa", 1 },
        { "(a*)+b", "b", 1 }, { "((a|b)|(c|d)e)*", "acebde", 1 }, { "\\.\\[\\\\", ".[\\", 1 },
        { "(", "", -1 }, { ")", "", -1 }, { "[a", "", -1 }, { "*", "", -1 }, { "a**", "", -1 },
        { "\\", "", -1 }, { "\\1", "", -1 }, { "\\pL", "", -1 }, { "(?i)a", "", -1 }, { "(?=a)", "", -1 },
        { "[b-a]", "", -1 }, { "a{1001}", "", -1 }, { "((a{100}){100}){100}", "", -1 },
        { "[[:alpha:]]", "", -1 }, { "\\x4", "", -1 }, { "[\\", "", -1 }, { "(?P<", "", -1 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches(cases[i].pattern, cases[i].text) != cases[i].yes)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
}

static void no_pattern_takes_long(void **state)
{
    static char many[20001], deep[1000];
    (void)state;

    memset(many, 'a', sizeof many - 1);
    assert_int_equal(matches("(a*)*(a|a)*b", many), 0);
    assert_int_equal(matches("(a?){1000}(a*)*", many), 1);
    memset(deep, '(', sizeof deep - 1);
    assert_int_equal(matches(deep, ""), -1);
}

static void ngrams_begin(struct call *t, const int64_t *counts, const int64_t *columns)
{
    static const int64_t x[] = { 7, 8, 7, 9, 7, 8 };

    call_begin(t, "ngrams");
    call_set(t, "longest", 2);
    call_ints(t, "pool", 4, (int64_t[]){ 7, 8, 7, 8 });
    call_ints(t, "counts", 2, counts);
    call_ints(t, "columns", 3, columns);
    call_in(t, MDL_I64, DIMS(2, 3), x);
}

static void ngrams_that_are_no_ngrams_are_refused(void **state)
{
    struct call t;
    (void)state;

    ngrams_begin(&t, (int64_t[]){ 0, 2 }, (int64_t[]){ 2, 1, 0 });
    gives(&t, DIMS(2, 3), (float[]){ 1, 1, 2, 1, 1, 1 });
    ngrams_begin(&t, (int64_t[]){ 0, 3 }, (int64_t[]){ 0, 1, 2 });
    refuses(&t, "begin at 3");
    ngrams_begin(&t, (int64_t[]){ 0, 5 }, (int64_t[]){ 0, 1, 2 });
    refuses(&t, "begin at 0");
    ngrams_begin(&t, (int64_t[]){ 0, -1 }, (int64_t[]){ 0, 1, 2 });
    refuses(&t, "begin at 0");
    ngrams_begin(&t, (int64_t[]){ 0, 2 }, (int64_t[]){ 0, -1, 2 });
    refuses(&t, "column -1");
    ngrams_begin(&t, (int64_t[]){ 0, 2 }, (int64_t[]){ 0, 1, 2 });
    call_set(&t, "skip", -1);
    refuses(&t, "skip -1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_rnn_goes_as_by_hand),
        cmocka_unit_test(steps_beyond_a_length_are_zero_and_the_state_stays),
        cmocka_unit_test(a_sequence_has_the_same_bits_whatever_is_beside_it),
        cmocka_unit_test(recurrent_inputs_that_do_not_fit_are_refused),
        cmocka_unit_test(a_query_gives_the_value_of_the_only_key_it_sees),
        cmocka_unit_test(attention_inputs_that_do_not_fit_are_refused),
        cmocka_unit_test(a_position_that_is_not_there_is_refused),
        cmocka_unit_test(case_is_that_of_unicode_and_other_bytes_stay),
        cmocka_unit_test(texts_of_the_wrong_shape_or_without_end_are_refused),
        cmocka_unit_test(patterns_match_what_they_say),
        cmocka_unit_test(no_pattern_takes_long),
        cmocka_unit_test(ngrams_that_are_no_ngrams_are_refused),
    };

    return cmocka_run_group_tests_name("nets and texts", tests, NULL, NULL);
}
