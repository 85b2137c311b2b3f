/*
 * examples/10_voice.c - where somebody speaks in a WAV file; a network that keeps a state
 *
 *     mdl convert silero_vad/data/silero_vad.onnx -o vad.mdl
 *     10_voice vad.mdl talk.wav               prints segments: from, to (seconds)
 *     10_voice vad.mdl talk.wav --all         the probability of each chunk
 *
 * WAV: 16 kHz, one channel, 16-bit.  The network takes 512 samples at a time behind the last 64
 * of those before, and a state, which it gives back for the next call: here it is one array,
 * input and output of every call.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE    16000
#define CHUNK   512
#define BEFORE  64
#define STATE   (2 * 128)
#define BEGINS  0.5f                          /* speech from here ...                       */
#define ENDS    0.35f                         /* ... until it is below this                 */
#define PAUSE   3                             /* for as many chunks (100 ms)                */

static unsigned number(const unsigned char *p, int bytes)
{
    unsigned v = 0;

    while (bytes--)
        v = v << 8 | p[bytes];
    return v;
}

/* Go to the samples: how many there are; 0 when it is not such a file. */
static size_t find_samples(FILE *f)
{
    unsigned char head[12], format[16];
    int fits = 0;

    if (fread(head, 1, 12, f) != 12 || memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4))
        return 0;
    while (fread(head, 1, 8, f) == 8) {
        const unsigned size = number(head + 4, 4);
        if (!memcmp(head, "data", 4))
            return fits ? size / 2 : 0;
        long skip = (long)size + (long)(size & 1);
        if (!memcmp(head, "fmt ", 4) && size >= 16) {
            if (fread(format, 1, 16, f) != 16)
                return 0;
            fits = number(format, 2) == 1 && number(format + 2, 2) == 1
                   && number(format + 4, 4) == RATE && number(format + 14, 2) == 16;
            skip -= 16;
        }
        if (fseek(f, skip, SEEK_CUR))
            return 0;
    }
    return 0;
}

/* The next chunk behind the end of the one before; silence behind the last sample. */
static int next_chunk(FILE *f, size_t *left, float *x)
{
    unsigned char bytes[2 * CHUNK];
    const size_t n = fread(bytes, 2, *left < CHUNK ? *left : CHUNK, f);

    *left = n < CHUNK ? 0 : *left - n;
    memmove(x, x + CHUNK, BEFORE * sizeof *x);
    for (size_t i = 0; i < CHUNK; i++) {
        const unsigned u = i < n ? number(bytes + 2 * i, 2) : 0;
        x[BEFORE + i] = (float)(u < 32768 ? (int)u : (int)u - 65536) / 32768;
    }
    return n > 0;
}

struct segments {
    int    inside;
    size_t start, quiet;                      /* chunks; how many below ENDS                */
};

static double seconds(size_t chunks)
{
    return (double)chunks * CHUNK / RATE;
}

static void hear(struct segments *s, size_t chunk, float probability)
{
    if (probability >= BEGINS) {
        if (!s->inside)
            s->start = chunk;
        s->inside = 1;
    }
    s->quiet = probability < ENDS ? s->quiet + 1 : 0;
    if (s->inside && s->quiet == PAUSE) {
        printf("%.3f %.3f\n", seconds(s->start), seconds(chunk + 1 - PAUSE));
        s->inside = 0;
    }
}

int main(int argc, char **argv)
{
    static float x[BEFORE + CHUNK], state[STATE];
    struct segments segments = { 0, 0, 0 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_context *context;
    mdl_model *m;
    float probability = 0;
    int64_t rate = RATE;
    size_t chunk = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: %s VAD.mdl TALK.wav [--all]\n", argv[0]);
        return 2;
    }
    if (mdl_load(&m, argv[1], NULL, &err) || mdl_context_create(&context, m, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
        return 1;
    }
    FILE *f = fopen(argv[2], "rb");
    size_t left = f ? find_samples(f) : 0;
    if (!left) {
        fprintf(stderr, "%s: not a WAV file of 16 kHz, one channel, 16-bit\n", argv[2]);
        return 1;
    }

    const mdl_tensor in[] = {
        { .size = sizeof *in, .type = MDL_F32, .rank = 2, .name = "input", .data = x,
          .dims = { 1, BEFORE + CHUNK } },
        { .size = sizeof *in, .type = MDL_F32, .rank = 3, .name = "state", .data = state,
          .dims = { 2, 1, 128 } },
        { .size = sizeof *in, .type = MDL_I64, .rank = 0, .name = "sr", .data = &rate },
    };
    const mdl_tensor out[] = {
        { .size = sizeof *out, .type = MDL_F32, .rank = 2, .name = "output",
          .data = &probability, .dims = { 1, 1 } },
        { .size = sizeof *out, .type = MDL_F32, .rank = 3, .name = "stateN", .data = state,
          .dims = { 2, 1, 128 } },
    };
    mdl_status s = MDL_OK;
    for (; !s && next_chunk(f, &left, x); chunk++) {
        s = mdl_run(m, context, in, 3, out, 2, &err);
        if (!s && argc > 3)
            printf("%.3f %.6f\n", seconds(chunk), (double)probability);
        else if (!s)
            hear(&segments, chunk, probability);
    }
    if (s)
        fprintf(stderr, "%s\n", err.text);
    else if (segments.inside)
        printf("%.3f %.3f\n", seconds(segments.start), seconds(chunk));
    fclose(f);
    mdl_context_free(context);
    mdl_free(m);
    return s != MDL_OK;
}
