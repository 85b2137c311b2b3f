/*
 * tests/fuzz/replay.c - a fuzz target without a fuzzer: run it on files
 *
 *     replay_foo FOLDER|FILE...       every file below, in the order of names
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long files;

static void one_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(size + 1);

    if (!f || !bytes || fread(bytes, 1, size, f) != size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    uint8_t *exact = realloc(bytes, size ? size : 1);   /* so that the next byte is not ours */
    LLVMFuzzerTestOneInput(exact ? exact : bytes, size);
    free(exact ? exact : bytes);
    files++;
}

static void visit(const char *path)
{
    struct stat st;
    struct dirent **names;

    if (stat(path, &st) != 0)
        return;                  /* a folder of seeds need not be there */
    if (S_ISREG(st.st_mode)) {
        one_file(path, (size_t)st.st_size);
        return;
    }
    const int n = S_ISDIR(st.st_mode) ? scandir(path, &names, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        char below[4096];

        if (names[i]->d_name[0] != '.'
            && snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name) < (int)sizeof below)
            visit(below);
        free(names[i]);
    }
    if (n > 0)
        free(names);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        visit(argv[i]);
    printf("%lu files\n", files);
    return files ? 0 : 1;
}
