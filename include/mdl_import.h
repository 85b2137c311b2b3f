/*
 * mdl_import.h - read what a framework saved and turn it into a model.
 *
 * In libmodel_import, beside libmodel: a program that only predicts never links
 * it.  Importers read any bytes without harm: an error, never a crash, a hang or
 * memory beyond a small multiple of the input.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_H
#define MDL_IMPORT_H

#include "mdl_build.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Told about long work: `done` of `total` bytes.  Return non-zero to stop (the
 * import then fails with MDL_ERR_IO, "stopped by the caller"). */
typedef int (*mdl_progress)(void *user, uint64_t done, uint64_t total);

typedef struct mdl_import_options {
    uint32_t     size;
    uint32_t     flags;        /* 0                                                     */
    const char  *from;         /* importer by name ("xgboost"); NULL: by content        */
    const char  *file;         /* name to show in errors, or NULL                       */
    int64_t      best_iteration; /* which rounds of boosting: 0 .. this one; -1: as the file
                                  means it; -2: all that the file has.  See below       */
    mdl_progress progress;     /* or NULL                                               */
    void        *user;
    const char  *directory;    /* ONNX: where tensors lie that are kept in files of their own;
                                  NULL: beside the file (mdl_import), or nowhere        */
    const char  *without;      /* networks: clean-up passes to leave out, by name, with commas
                                  ("fold,dead"); "all": every one; NULL: none is left out */
} mdl_import_options;

#define MDL_IMPORT_OPTIONS_INIT \
    { sizeof(mdl_import_options), 0, NULL, NULL, -1, NULL, NULL, NULL, NULL }

/*
 * best_iteration.  What a file means by itself (-1) is what the object it was saved from
 * uses: a Booster all its rounds, whatever early stopping found in XGBoost; a model of
 * XGBoost's scikit-learn wrapper (the file has the attribute "scikit_learn") rounds 0 to the
 * best_iteration noted in the file, if one is.  A round is one tree for each output, times
 * num_parallel_tree.  A number with no such round is MDL_ERR_ARGUMENT, and so is any number
 * for a model without rounds.
 */

/*
 * Convert a file, or bytes in memory, into a builder holding the model: add golden
 * rows or metadata if you like, save it, free it.  On failure *out is NULL.
 * MDL_ERR_FORMAT: not a readable file of that kind, with the byte offset;
 * MDL_ERR_UNSUPPORTED: readable, and the text names every part that libmodel
 * cannot run.  The SHA-256 of the source goes into the metadata.
 */
MDL_API mdl_status mdl_import(mdl_builder **out, const char *path,
                              const mdl_import_options *options, mdl_error *error);
MDL_API mdl_status mdl_import_memory(mdl_builder **out, const void *bytes, size_t size,
                                     const mdl_import_options *options, mdl_error *error);

/*
 * A builder that holds a loaded model with the leaf values of its tree ensembles rounded to `type`,
 * MDL_F16, times a power of two of each ensemble, which its largest leaf decides.  Such a file is
 * smaller, and its answers are no longer the source's: golden rows stay what they are.  The metadata
 * says how far values moved: "leaves" is float16, "leaf_change_most" and "leaf_change_mean" are of a
 * leaf, "leaf_change_relative" is the most of a leaf's own size, and "sum_change_most" what sums can
 * change by: the largest change of each tree, added up.  On failure *out is NULL:
 * MDL_ERR_UNSUPPORTED: no trees, linear leaves, or leaves at the end of their type;
 * MDL_ERR_ARGUMENT: leaves are float16 already, or another type is wanted.
 */
MDL_API mdl_status mdl_round_leaves(mdl_builder **out, const mdl_model *model, uint32_t type,
                                    mdl_error *error);

/* The importers there are: name and one line about what each reads; NULL after the
 * last. */
MDL_API const char *mdl_importer_name(size_t i);
MDL_API const char *mdl_importer_about(size_t i);

/* The clean-up passes over networks, in the order in which they run, for
 * mdl_import_options.without: name and one line about each; NULL after the last.  How much
 * each changed in a model is in its metadata "passes" ("fold 12, same 3, dead 20"). */
MDL_API const char *mdl_pass_name(size_t i);
MDL_API const char *mdl_pass_about(size_t i);

/* An operator of ONNX that can be converted. */
typedef struct mdl_onnx_op_info {
    uint32_t    size;
    uint32_t    since, until;  /* opsets of its domain, both included                   */
    uint32_t    reserved;
    const char *domain;        /* "" (ai.onnx) or "ai.onnx.ml"                          */
    const char *name;          /* "Conv"; may come again with other opsets              */
    const char *op;            /* of libmodel, that it becomes; "": it depends          */
} mdl_onnx_op_info;

/* The i-th, from 0, in no certain order; MDL_ERR_ARGUMENT after the last. */
MDL_API mdl_status mdl_onnx_op(size_t i, mdl_onnx_op_info *info);

#ifdef __cplusplus
}
#endif
#endif
