/*
 * examples/09_file_types.c - what is in the files of a folder, by a neural network
 *
 *     mdl convert magika/models/standard_v3_3/model.onnx -o magika.mdl
 *     09_file_types magika.mdl magika/models/standard_v3_3/config.min.json FOLDER
 *
 * Prints for each file its name, the most probable type and how probable it is.  The network
 * sees the first and the last 1,024 bytes of a file without the space around them; the JSON file
 * beside it has the names of its classes.  (Package magika of PyPI, whose own program goes on to
 * doubt answers below a threshold.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* As in the model's config: beg_size and end_size, block_size, padding_token,
 * min_file_size_for_dl. */
#define EDGE    1024
#define BLOCK   4096
#define PADDING 256
#define LEAST   8
#define CLASSES 1024                          /* the most we have room for */

struct typing {
    mdl_model   *model;
    mdl_context *context;                     /* nothing is allocated for a file */
    char        *json;
    char        *names[CLASSES];              /* into json */
    size_t       n_names;
    int32_t      row[2 * EDGE];
};

static char *read_whole(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;

    if (f && !fseek(f, 0, SEEK_END)) {
        const long size = ftell(f);
        text = size < 0 ? NULL : malloc((size_t)size + 1);
        rewind(f);
        if (text)
            text[fread(text, 1, (size_t)size, f)] = '\0';
    }
    if (f)
        fclose(f);
    return text;
}

/* The strings of "target_labels_space": ["3gp","ace",...]; they have no escapes. */
static int read_names(struct typing *t, const char *path)
{
    t->json = read_whole(path);
    char *at = t->json ? strstr(t->json, "\"target_labels_space\"") : NULL;
    at = at ? strchr(at, '[') : NULL;
    while (at && t->n_names < CLASSES) {
        at += strcspn(at, "\"]");
        char *const end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (!end)
            break;
        *end = '\0';
        t->names[t->n_names++] = at + 1;
        at = end + 1;
    }
    return t->n_names > 0;
}

static int is_space(unsigned char c)          /* what Python's bytes.strip() strips */
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What the network sees; 0 when there is too little to see. */
static int read_edges(struct typing *t, FILE *f, size_t size)
{
    unsigned char block[BLOCK];
    const size_t n = size < BLOCK ? size : BLOCK;
    size_t skip = 0, left = n, i;

    for (i = 0; i < 2 * EDGE; i++)
        t->row[i] = PADDING;
    if (fread(block, 1, n, f) != n)
        return 0;
    while (skip < n && is_space(block[skip]))
        skip++;
    for (i = 0; i < EDGE && skip + i < n; i++)
        t->row[i] = block[skip + i];
    if (fseek(f, (long)(size - n), SEEK_SET) || fread(block, 1, n, f) != n)
        return 0;
    while (left && is_space(block[left - 1]))
        left--;
    for (i = 0; i < EDGE && i < left; i++)
        t->row[2 * EDGE - 1 - i] = block[left - 1 - i];
    return t->row[LEAST - 1] != PADDING;
}

static mdl_status type_of(struct typing *t, const char *path, const char *name, mdl_error *err)
{
    struct stat about;
    float score[CLASSES];
    size_t best = 0;
    FILE *f = stat(path, &about) || !S_ISREG(about.st_mode) ? NULL : fopen(path, "rb");

    if (!f)
        return MDL_OK;                        /* a folder, or not for us */
    const int enough = about.st_size >= LEAST && read_edges(t, f, (size_t)about.st_size);
    fclose(f);
    if (!enough) {
        printf("%-32s %s\n", name, about.st_size ? "(too short)" : "(empty)");
        return MDL_OK;
    }
    const mdl_tensor in = { .size = sizeof in, .type = MDL_I32, .rank = 2, .data = t->row,
                            .dims = { 1, 2 * EDGE } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .rank = 2, .data = score,
                             .dims = { 1, (int64_t)t->n_names } };
    const mdl_status s = mdl_run(t->model, t->context, &in, 1, &out, 1, err);
    for (size_t i = 1; !s && i < t->n_names; i++)
        if (score[i] > score[best])
            best = i;
    if (!s)
        printf("%-32s %-16s %.4f\n", name, t->names[best], (double)score[best]);
    return s;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of a folder's entries, sorted. */
static char **list(const char *folder, size_t *n)
{
    char **names = NULL;
    DIR *d = opendir(folder);

    *n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        char **more = realloc(names, (*n + 1) * sizeof *names);
        char *copy = malloc(strlen(e->d_name) + 1);
        if (!more || !copy)
            exit(1);
        names = more;
        names[(*n)++] = strcpy(copy, e->d_name);
    }
    if (d)
        closedir(d);
    if (*n)
        qsort(names, *n, sizeof *names, by_name);
    return names;
}

int main(int argc, char **argv)
{
    static struct typing t;
    mdl_error err = MDL_ERROR_INIT;
    size_t n;

    if (argc != 4) {
        fprintf(stderr, "usage: %s MAGIKA.mdl CONFIG.json FOLDER\n", argv[0]);
        return 2;
    }
    if (mdl_load(&t.model, argv[1], NULL, &err)
        || mdl_context_create(&t.context, t.model, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
        return 1;
    }
    if (!read_names(&t, argv[2])) {
        fprintf(stderr, "%s: no names of classes\n", argv[2]);
        return 1;
    }

    mdl_status s = MDL_OK;
    char **names = list(argv[3], &n);
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        if (!s && snprintf(path, sizeof path, "%s/%s", argv[3], names[i]) < (int)sizeof path)
            s = type_of(&t, path, names[i], &err);
        free(names[i]);
    }
    if (s)
        fprintf(stderr, "%s\n", err.text);
    free(names);
    free(t.json);
    mdl_context_free(t.context);
    mdl_free(t.model);
    return s != MDL_OK;
}
