/*
 * tools/embed.c - files as C arrays
 *
 *     embed FILE ... > demo_data.h
 *
 * Makes `static const struct { const char *name; const unsigned char *bytes; size_t size; }
 * demo_files[]`, in the order given, with names without their folders.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

static int die(const char *what)
{
    perror(what);
    return 1;
}

/* The bytes as one array; how many, or -1. */
static long put_bytes(const char *path, int i)
{
    FILE *f = fopen(path, "rb");
    long size = 0;

    if (!f)
        return -1;
    printf("static const unsigned char demo_bytes_%d[] = {", i);
    for (int c; (c = getc(f)) != EOF; size++)
        printf("%s%d,", size % 24 ? "" : "\n", c);
    printf("0\n};\n\n");           /* so that none is empty */
    const int bad = ferror(f);
    fclose(f);
    return bad ? -1 : size;
}

int main(int argc, char **argv)
{
    long sizes[64];

    if (argc < 2 || argc > 64)
        return fprintf(stderr, "embed: 1 to 63 files\n"), 1;
    printf("/* Made by tools/embed.c. */\n\n#include <stddef.h>\n\n");
    for (int i = 1; i < argc; i++)
        if ((sizes[i] = put_bytes(argv[i], i)) < 0)
            return die(argv[i]);
    printf("static const struct {\n    const char *name;\n    const unsigned char *bytes;\n"
           "    size_t size;\n} demo_files[] = {\n");
    for (int i = 1; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        printf("    { \"%s\", demo_bytes_%d, %ld },\n", slash ? slash + 1 : argv[i], i, sizes[i]);
    }
    printf("};\n");
    return fflush(stdout) || ferror(stdout) ? die("embed") : 0;
}
