/*
 * tests/fuzz/fuzz_onnx.c - any bytes as an ONNX model
 *
 * What is accepted must build, load, and run the same with every kernel set, on small inputs.
 * The mutator knows protobuf: it changes, removes, doubles and swaps fields and mends the
 * lengths around them, so that most of its files are read to the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl_import.h"
#include "run_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(mdl_builder *b)
{
    const mdl_limits limits = { .size = sizeof limits, .memory_bytes = 256u << 20,
                                .scratch_bytes = 256u << 10 };
    mdl_load_options plain = MDL_LOAD_OPTIONS_INIT, fast = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *ref = NULL, *best = NULL;
    const void *bytes;
    size_t size;

    plain.isa = "ref";
    plain.limits = fast.limits = &limits;
    const mdl_status built = mdl_build_bytes(b, &bytes, &size, &err);
    if (built) {
        require(err.text[0] != 0);
        return;
    }
    const mdl_status s = mdl_load_memory(&ref, bytes, size, &plain, &err);
    require(s == MDL_OK || s == MDL_ERR_LIMIT);
    if (!s) {
        require(mdl_load_memory(&best, bytes, size, &fast, &err) == MDL_OK);
        compare(ref, best);
    }
    mdl_free(ref);
    mdl_free(best);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    o.from = "onnx";
    const mdl_status s = mdl_import_memory(&b, data, size, &o, &err);
    require((s == MDL_OK) == (b != NULL) && (s == MDL_OK || err.text[0]));
    if (b)
        run(b);
    mdl_builder_free(b);
    return 0;
}

/* ---- a mutator that keeps the message whole ------------------------------------------------------ */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#define MOST_FIELDS 256u

struct part { size_t at, body, end; unsigned kind; };

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t read_varint(const uint8_t *p, size_t at, size_t end, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        *v |= (uint64_t)(p[at] & 0x7F) << shift;
        if (!(p[at++] & 0x80))
            return at;
    }
    return 0;
}

static size_t write_varint(uint8_t *to, uint64_t v)
{
    size_t n = 0;

    for (; v > 0x7F; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80);
    to[n++] = (uint8_t)v;
    return n;
}

/* The fields of a message; 0 when it is none. */
static size_t split(const uint8_t *p, size_t size, struct part *parts)
{
    size_t n = 0, at = 0;

    while (at < size && n < MOST_FIELDS) {
        struct part f = { .at = at };
        uint64_t tag, length;
        at = read_varint(p, at, size, &tag);
        if (!at || !(tag >> 3))
            return 0;
        f.kind = (unsigned)tag & 7;
        f.body = at;
        if (f.kind == 2) {
            at = read_varint(p, at, size, &length);
            if (!at || length > size - at)
                return 0;
            f.body = at;
            at += (size_t)length;
        } else if (f.kind == 0) {
            at = read_varint(p, at, size, &length);
        } else if (f.kind == 1 || f.kind == 5) {
            at += f.kind == 1 ? 8 : 4;
        } else {
            return 0;
        }
        if (!at || at > size)
            return 0;
        f.end = at;
        parts[n++] = f;
    }
    return at == size ? n : 0;
}

/* data[from .. to) becomes `n` bytes of `with`; the new size, or the old one when there is no
 * room. */
static size_t replace(uint8_t *data, size_t size, size_t room, size_t from, size_t to,
                      const uint8_t *with, size_t n)
{
    if (size - (to - from) + n > room)
        return size;
    memmove(data + from + n, data + to, size - to);
    memcpy(data + from, with, n);
    return size - (to - from) + n;
}

/* Change one thing in a message of `size` bytes with room for `room`; its new size. */
static size_t mutate(uint8_t *data, size_t size, size_t room, uint32_t *state, int depth)
{
    static const uint64_t hard[] = { 0, 1, 2, 7, 127, 128, 255, 65536, 0x7FFFFFFF, 0xFFFFFFFF,
                                     0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF };
    struct part *parts = malloc(MOST_FIELDS * sizeof *parts);
    const size_t n = size ? split(data, size, parts) : 0;
    uint8_t *copy = calloc(1, room + 32);
    size_t made = size;

    if (!n) {
        made = LLVMFuzzerMutate && size ? LLVMFuzzerMutate(data, size, room) : size;
        goto out;
    }
    const struct part f = parts[next(state) % n], g = parts[next(state) % n];
    const uint32_t how = next(state) % 16;
    if (f.kind == 2 && how < 11 && depth < 8) {
        /* Inside: then the length before it is written anew. */
        const size_t inner = f.end - f.body;
        memcpy(copy + 16, data + f.body, inner);
        const size_t now = mutate(copy + 16, inner, room - (size - inner), state, depth + 1);
        uint64_t tag;
        const size_t after = read_varint(data, f.at, size, &tag);
        uint8_t length[10];
        const size_t n_length = write_varint(length, now);
        memmove(copy + n_length, copy + 16, now);
        memcpy(copy, length, n_length);
        made = replace(data, size, room, after, f.end, copy, n_length + now);
    } else if (f.kind == 0 && how < 11) {
        const size_t k = write_varint(copy, how < 6 ? hard[next(state) % 12] : next(state) % 20);
        made = replace(data, size, room, f.body, f.end, copy, k);
    } else if (how < 12) {
        made = replace(data, size, room, f.at, f.end, copy, 0);
    } else {
        memcpy(copy, data + g.at, g.end - g.at);
        made = replace(data, size, room, f.at, how < 14 ? f.at : f.end, copy, g.end - g.at);
    }
out:
    free(parts);
    free(copy);
    return made;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    uint32_t state = seed;

    for (uint32_t i = next(&state) % 3 + 1; i; i--)
        size = mutate(data, size, max_size, &state, 0);
    return size;
}
