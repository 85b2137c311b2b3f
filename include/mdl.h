/*
 * mdl.h - run a trained model.  The whole run-time interface of libmodel.
 *
 *     mdl_model *m;
 *     mdl_error  e = MDL_ERROR_INIT;
 *     if (mdl_load(&m, "model.mdl", NULL, &e)) { puts(e.text); return 1; }
 *     mdl_predict(m, x, rows, y);
 *     mdl_free(m);
 *
 * A model is immutable once loaded: any number of threads may use one handle at
 * the same time.  The library never prints, exits, aborts, starts threads unasked, reads
 * the environment or depends on the locale; it keeps errno as it was, has no
 * writable globals, and treats every byte of a file as untrusted.
 *
 * Compatibility.  Functions are never removed and their meaning never changes.
 * Structs that begin with `size` may grow: set it to sizeof the struct you were
 * compiled with (the _INIT macros do).  A shorter struct means defaults for the
 * rest; a longer one is accepted while its unknown tail is zero.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_H
#define MDL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(MDL_SHARED)
#  ifdef MDL_BUILDING
#    define MDL_API __declspec(dllexport)
#  else
#    define MDL_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define MDL_API __attribute__((visibility("default")))
#else
#  define MDL_API
#endif

/* ---- version ------------------------------------------------------------ */

#define MDL_VERSION_MAJOR 0
#define MDL_VERSION_MINOR 1
#define MDL_VERSION_PATCH 0
#define MDL_VERSION_STRING "0.1.0"

/* The version of the library in use, major * 1000000 + minor * 1000 + patch,
 * and the same as text ("0.1.0").  Any thread. */
MDL_API uint32_t mdl_version(void);
MDL_API const char *mdl_version_string(void);

/* The newest version of the .mdl format this library reads, major * 1000 + minor. */
MDL_API uint32_t mdl_format_version(void);

/* ---- status and errors --------------------------------------------------- */

/* What every fallible call returns: 0, or one of these stable negative numbers. */
typedef int32_t mdl_status;

#define MDL_OK                0
#define MDL_ERR_ARGUMENT    (-1)  /* a NULL, a size or an option that cannot be right   */
#define MDL_ERR_MEMORY      (-2)  /* the allocator returned NULL                        */
#define MDL_ERR_IO          (-3)  /* the file could not be opened, read or written      */
#define MDL_ERR_FORMAT      (-4)  /* not a model file, or one that breaks its own rules */
#define MDL_ERR_CHECKSUM    (-5)  /* the bytes changed after the file was written       */
#define MDL_ERR_VERSION     (-6)  /* a newer format or feature than this library knows  */
#define MDL_ERR_UNSUPPORTED (-7)  /* well-formed, but not something libmodel can run    */
#define MDL_ERR_LIMIT       (-8)  /* larger than the limits given at load               */
#define MDL_ERR_DATA        (-9)  /* rows that do not fit the model's input             */
#define MDL_ERR_NOT_FOUND  (-10)  /* no output, column or node of that name             */

#define MDL_NO_OFFSET UINT64_MAX

/*
 * Where and why a call failed.  Owned by the caller, written only on failure,
 * may be NULL wherever it is accepted.  Start it with MDL_ERROR_INIT; a struct
 * whose size is not set is left alone.
 */
typedef struct mdl_error {
    uint32_t   size;         /* sizeof(mdl_error)                                     */
    mdl_status code;         /* what the call returned                                */
    uint64_t   offset;       /* byte in the file, or MDL_NO_OFFSET                    */
    char       section[16];  /* section of the file ("nodes"), "" if none             */
    char       text[992];    /* one English sentence, UTF-8, always terminated        */
} mdl_error;

#define MDL_ERROR_INIT { sizeof(mdl_error), 0, MDL_NO_OFFSET, "", "" }

/* A short English name for a status ("checksum mismatch").  Static; any thread. */
MDL_API const char *mdl_strerror(mdl_status status);

/* ---- element types -------------------------------------------------------- */

#define MDL_F32     1u
#define MDL_F64     2u
#define MDL_F16     3u
#define MDL_BF16    4u
#define MDL_I8      5u
#define MDL_U8      6u
#define MDL_I16     7u
#define MDL_U16     8u
#define MDL_I32     9u
#define MDL_U32    10u
#define MDL_I64    11u
#define MDL_U64    12u
#define MDL_BOOL   13u   /* one byte, 0 or 1              */
#define MDL_STRING 14u   /* const char *, UTF-8, NUL-ended */
#define MDL_F8E4M3FN   15u   /* a byte each, also those of 4 and 2 bits (in its low bits; */
#define MDL_F8E4M3FNUZ 16u   /* of signed ones the others repeat the sign)                */
#define MDL_F8E5M2     17u
#define MDL_F8E5M2FNUZ 18u
#define MDL_F8E8M0     19u
#define MDL_F4E2M1     20u
#define MDL_I4         21u
#define MDL_U4         22u
#define MDL_I2         23u
#define MDL_U2         24u
#define MDL_C64        25u   /* two float32: real, imaginary  */
#define MDL_C128       26u   /* two float64                   */

#define MDL_MAX_RANK 8
#define MDL_ANY_RANK UINT32_MAX

/* ---- loading --------------------------------------------------------------- */

typedef struct mdl_model mdl_model;
typedef struct mdl_context mdl_context;

/* Where memory comes from.  `alloc` returns at least `bytes` bytes aligned for any
 * C type, or NULL; `free` gets the same `bytes` back.  Called from mdl_load*,
 * mdl_free and, for wide models only, from a first mdl_predict on a thread. */
typedef struct mdl_allocator {
    uint32_t size;
    uint32_t reserved;
    void  *(*alloc)(void *user, size_t bytes);
    void   (*free)(void *user, void *pointer, size_t bytes);
    void    *user;
} mdl_allocator;

/* What a model may cost.  0 means the default in parentheses. */
typedef struct mdl_limits {
    uint32_t size;
    uint32_t reserved;
    uint64_t file_bytes;     /* of the file itself                       (2 GiB)     */
    uint64_t memory_bytes;   /* allocated for the model beside the file  (4 GiB); while loading, up to
                                four times as much again.  Ensembles do without engines that need more */
    uint64_t scratch_bytes;  /* working memory of one call, one row      (256 MiB)   */
    uint64_t columns;        /* of an input or an inner value            (1,048,576) */
} mdl_limits;

typedef void (*mdl_task)(void *data, size_t i);

/*
 * How to use several threads: a host's own, or a pool (mdl_pool_create).  `run` calls
 * task(data, i) once for every i below `tasks`, in any order and on any threads, and
 * returns when all of them have returned.  It may be called from several threads at once,
 * and by a task.  `threads` is how many tasks may run at the same time; 0 and 1 mean no
 * others than the caller.  Few rows are not worth a thread: they never come here, but for those of
 * huge tree ensembles, whose trees are split instead.
 */
typedef struct mdl_parallel {
    uint32_t size;
    uint32_t threads;
    void    *user;
    void   (*run)(void *user, size_t tasks, mdl_task task, void *data);
} mdl_parallel;

/* flags */
#define MDL_LOAD_MMAP   1u  /* mdl_load: map the file; it must not change while the model lives  */
#define MDL_LOAD_BORROW 2u  /* mdl_load_memory: use the bytes in place; they must outlive the
                               model, stay unchanged, and begin at an address divisible by 64    */

typedef struct mdl_load_options {
    uint32_t             size;
    uint32_t             flags;
    const char          *isa;        /* kernel set: "ref", "avx2", "avx512", "neon"; NULL: the best */
    const mdl_allocator *allocator;  /* NULL: malloc and free; copied                          */
    const mdl_limits    *limits;     /* NULL: the defaults                                     */
    const mdl_parallel  *parallel;   /* for every call without a context; NULL: none; copied   */
    const char          *engine;     /* way through tree ensembles, "plain", "row", "block", ...
                                        (mdl_engine_name) wherever it can go; "plain"
                                        makes no others, for a quick look; NULL: the one
                                        that costs least.  All give the same bits              */
} mdl_load_options;

#define MDL_LOAD_OPTIONS_INIT { sizeof(mdl_load_options), 0, NULL, NULL, NULL, NULL, NULL }

/*
 * Load a model from a file, or from `size` bytes in memory.
 *
 * `options` and `error` may be NULL.  Without flags the bytes are copied once and
 * the copy is checked, so nobody can change them afterwards.  Every length,
 * index, checksum and shape is verified here; nothing can fail for reasons inside
 * the model later.  On failure *out is NULL, nothing is leaked, and the error says
 * which section, which byte, what was expected and what was found.
 */
MDL_API mdl_status mdl_load(mdl_model **out, const char *path,
                            const mdl_load_options *options, mdl_error *error);
MDL_API mdl_status mdl_load_memory(mdl_model **out, const void *bytes, size_t size,
                                   const mdl_load_options *options, mdl_error *error);

/* Release a model.  NULL is fine.  No thread may be using it. */
MDL_API void mdl_free(mdl_model *model);

/* ---- predicting: the simple call ------------------------------------------- */

/*
 * Predict `rows` independent rows; the model's main output.
 *
 *   x   [rows][mdl_input_cols]   row-major.  NaN means "missing".
 *   y   [rows][mdl_output_cols]  row-major; must not overlap x.
 *
 * y holds what the source framework's own native predict gives: probabilities for
 * classifiers, the value after the link function for the rest.  Category columns
 * hold the index of the category (see mdl_category; for texts mdl_category_code).
 *
 * Any number of threads may share one handle; no lock is taken and nothing is
 * allocated in steady state.  The bits of a row's answer do not depend on its
 * neighbours, on the batch or on threads.
 *
 * Returns MDL_OK (any `rows`, 0 included), MDL_ERR_ARGUMENT for a NULL or a size
 * that overflows, MDL_ERR_UNSUPPORTED for a model with several inputs (use
 * mdl_run), MDL_ERR_MEMORY for a wide model when a thread's first call finds no
 * memory.  On failure y is unspecified.
 */
MDL_API mdl_status mdl_predict(const mdl_model *model, const float *x, size_t rows, float *y);

/* The same on float64 rows and results.  Models that were trained on float32 see
 * each value rounded to float32, as their framework does. */
MDL_API mdl_status mdl_predict_f64(const mdl_model *model, const double *x, size_t rows,
                                   double *y);

MDL_API size_t mdl_input_cols(const mdl_model *model);
MDL_API size_t mdl_output_cols(const mdl_model *model);

/* ---- predicting: everything else ------------------------------------------- */

/*
 * A dense array anywhere in memory.  strides are in bytes and may be negative or
 * zero; all zero means packed, row-major.  `name` binds it to an input or output
 * in mdl_run; NULL means by position.
 */
typedef struct mdl_tensor {
    uint32_t    size;
    uint32_t    type;     /* MDL_F32, ... */
    uint32_t    rank;
    uint32_t    reserved;
    const char *name;
    void       *data;
    int64_t     dims[MDL_MAX_RANK];
    int64_t     strides[MDL_MAX_RANK];
} mdl_tensor;

/* Compressed sparse rows.  What is not stored is missing for models whose source
 * reads it so (XGBoost) and 0 for the others.  Column numbers need not be sorted;
 * of duplicates the last one counts. */
typedef struct mdl_csr {
    uint32_t    size;
    uint32_t    type;         /* of values: MDL_F32 or MDL_F64                   */
    uint32_t    index_type;   /* of row_start and columns: MDL_I32 or MDL_I64    */
    uint32_t    reserved;
    size_t      rows;
    size_t      cols;
    const void *row_start;    /* [rows + 1], from 0, never decreasing            */
    const void *columns;      /* [row_start[rows]], each below cols              */
    const void *values;       /* [row_start[rows]]                               */
} mdl_csr;

/* What an output means. */
#define MDL_OUTPUT_MAIN     0u  /* in requests: the first output                         */
#define MDL_OUTPUT_VALUE    1u  /* after the link, in the target's unit                  */
#define MDL_OUTPUT_RAW      2u  /* the margin before the link, in the source's own type  */
#define MDL_OUTPUT_PROBA    3u  /* class probabilities                                   */
#define MDL_OUTPUT_LABEL    4u  /* index into the output's labels, int32                 */
#define MDL_OUTPUT_LEAF     5u  /* leaf per tree, int32, numbered as the source does     */
#define MDL_OUTPUT_CONTRIB  6u  /* in requests: contributions of columns, see mdl_explain */
#define MDL_OUTPUT_TREES    7u  /* in requests: what each tree adds, see mdl_predict_options */
#define MDL_OUTPUT_OTHER  255u  /* any further named output                              */

typedef struct mdl_predict_options {
    uint32_t     size;
    uint32_t     output;       /* MDL_OUTPUT_*, when output_name is NULL                */
    const char  *output_name;  /* picks an output by name                               */
    uint64_t     tree_begin;   /* boosting iterations [tree_begin, tree_end); an        */
    uint64_t     tree_end;     /* iteration is one round of trees; tree_end 0: all      */
    mdl_context *context;      /* caller's scratch memory, or NULL                      */
    const mdl_parallel *parallel;  /* threads for this call; NULL: what the load gave   */
    uint64_t     stage_every;  /* stages: one every so many iterations; 0: none         */
    uint64_t     stage_first;  /* iterations before the first; 0: stage_every           */
    uint64_t     stop_every;   /* early stop: a look every so many iterations; 0: none  */
    double       stop_margin;  /* rows above it are done; 0 or more                     */
} mdl_predict_options;

#define MDL_PREDICT_OPTIONS_INIT \
    { sizeof(mdl_predict_options), 0, NULL, 0, 0, NULL, NULL, 0, 0, 0, 0 }

/*
 * Predict with a choice of type, layout, output and trees.
 *
 *   x   rank 2, [rows, cols], MDL_F32 or MDL_F64, any strides
 *   y   rank 2, [rows, cols of that output], MDL_F32, MDL_F64, MDL_I32 or MDL_I64,
 *       any strides; a float is cut towards zero when y is an integer type
 *
 * Stages: y has rank 3, [stages, rows, cols], and holds the prediction after stage_first,
 * stage_first + stage_every, ... iterations of the range, the last one after all of it: with
 * n iterations that are ceil((n - stage_first) / stage_every) + 1 stages, or 1 when
 * stage_first is not below n.  Each tree is passed once.  Not for leaf indices.
 *
 * Early stop: a row is done when its margin, looked at after every stop_every iterations, is
 * above stop_margin: 2 |sum| of one output, of several the largest sum less the second one.
 * That is LightGBM's pred_early_stop, pred_early_stop_freq and pred_early_stop_margin.  For
 * classifiers whose raw output is the sums of the ensemble, and LightGBM's rankers; others are
 * MDL_ERR_UNSUPPORTED.  Not together with stages, nor for leaf indices.
 *
 * MDL_OUTPUT_TREES: what the sums of the ensemble start from, then what each tree of the range
 * adds to them, [rows, (1 + trees) * outputs].  Added up in this order, in the output's type,
 * they are the sums: the raw output, before what the source makes of it (CatBoost's scale and
 * bias, the average of a forest).
 *
 * A wrong number of columns is MDL_ERR_DATA, an output the model does not have
 * MDL_ERR_NOT_FOUND, a range of trees on a model without exactly one tree
 * ensemble MDL_ERR_UNSUPPORTED, a context together with `parallel` (it serves one
 * thread) MDL_ERR_ARGUMENT; the error says which.  Threads as mdl_predict.
 */
MDL_API mdl_status mdl_predict_tensor(const mdl_model *model, const mdl_tensor *x,
                                      const mdl_tensor *y, const mdl_predict_options *options,
                                      mdl_error *error);
MDL_API mdl_status mdl_predict_csr(const mdl_model *model, const mdl_csr *x,
                                   const mdl_tensor *y, const mdl_predict_options *options,
                                   mdl_error *error);

/*
 * Run a graph with several named inputs and outputs.  Every input must be given, in the
 * model's own type where it is a graph of tensors (mdl_input says which); only the outputs
 * asked for are computed, into tensors of just their shape.  In a graph of tables all
 * tensors agree in dims[0], the number of rows.  `context` may be NULL.
 *
 * MDL_STRING: results point to strings of the model or of the caller's inputs, or to ones that
 * the call made: those lie in the context, until it is used again, and need one.
 *
 * A tensor may be an input and an output at once, as the state of a streaming model is:
 * it is written after everything has been read.
 *
 * What ONNX has beside tensors is several of them, by name: a sequence x is x, its elements one
 * after another in one dimension, and x.dims, int64 [length, MDL_MAX_RANK], the shape of each, -1
 * behind its last; an optional x has x.given, a bool (0: it is not there, the rest means
 * nothing); a map x, inputs alone, is x, its values, and x.keys.  Metadata "sequences",
 * "optionals" and "maps" name them, one a line.
 *
 * Errors, beside those of mdl_predict_tensor: MDL_ERR_DATA for a shape or a content that the
 * model does not take, with the node that found it; MDL_ERR_LIMIT when more scratch is
 * needed than mdl_limits.scratch_bytes, or than the context has.
 */
MDL_API mdl_status mdl_run(const mdl_model *model, mdl_context *context,
                           const mdl_tensor *inputs, size_t n_inputs,
                           const mdl_tensor *outputs, size_t n_outputs, mdl_error *error);

/*
 * The same for outputs whose shapes are not known before.  An output whose `data` is NULL
 * stays in the context, which must be given: type, rank, dims, strides and data are filled in,
 * and hold until the context is used again.  (Graphs of tables: every output needs memory.)
 */
MDL_API mdl_status mdl_run_tensors(const mdl_model *model, mdl_context *context,
                                   const mdl_tensor *inputs, size_t n_inputs,
                                   mdl_tensor *outputs, size_t n_outputs, mdl_error *error);

/*
 * What outputs of a run with inputs of these types and shapes will be (their data is not
 * read): fills type, rank, dims and strides of each output, named or by position, and sets
 * its data to NULL.  *context_bytes, if not NULL, is how many bytes a context for such a
 * run needs.  MDL_ERR_UNSUPPORTED when the shapes depend on what is in the inputs.
 */
MDL_API mdl_status mdl_run_shapes(const mdl_model *model, const mdl_tensor *inputs,
                                  size_t n_inputs, mdl_tensor *outputs, size_t n_outputs,
                                  size_t *context_bytes, mdl_error *error);

/* The columns an output has for a range of iterations (leaf indices have one per tree of the
 * range, MDL_OUTPUT_TREES as said above; others do not depend on it).  Fills *cols. */
MDL_API mdl_status mdl_output_shape(const mdl_model *model, const mdl_predict_options *options,
                                    size_t *cols, mdl_error *error);

/* Iterations of the model's tree ensemble; 0 without exactly one.  Any thread. */
MDL_API uint64_t mdl_iterations(const mdl_model *model);

/* The stages that the options ask for: y->dims[0] of mdl_predict_tensor.  0 when they ask for none
 * (stage_every 0), the range is not one of the model's iterations, or the options are wrong.  Any thread. */
MDL_API uint64_t mdl_stages(const mdl_model *model, const mdl_predict_options *options);

/*
 * Scratch memory in the caller's hands: a call that is given a context never
 * allocates.  `rows` is how many rows are worked on at once (calls may have any
 * number; 64 is a good choice, 0 means that).  One thread at a time per context.
 *
 * For a graph of tensors mdl_context_bytes is SIZE_MAX when its input has further open
 * dimensions: mdl_run_shapes tells the bytes for given shapes, and `rows` means nothing then.
 *
 * mdl_context_init places a context into `bytes` bytes at `memory` (any alignment);
 * NULL when there are fewer than mdl_context_bytes.  Nothing to free: forget the
 * memory when done.  The model must outlive it.
 */
MDL_API size_t mdl_context_bytes(const mdl_model *model, size_t rows);
MDL_API mdl_context *mdl_context_init(const mdl_model *model, size_t rows, void *memory,
                                      size_t bytes);

/*
 * A context of the library's own, from the model's allocator.  That of a graph of tensors
 * grows to what the largest call needs, and then allocates no more.  Free it before the
 * model.  NULL is fine.
 */
MDL_API mdl_status mdl_context_create(mdl_context **context, const mdl_model *model,
                                      mdl_error *error);
MDL_API void mdl_context_free(mdl_context *context);

/* ---- explaining ------------------------------------------------------------------ */

/*
 * What each column adds to the margins of a tree ensemble, in float64.
 *
 *     mdl_explainer *e;
 *     mdl_tensor v = { sizeof v };
 *     mdl_explainer_create(&e, m, NULL, &err);
 *     mdl_explain_shape(e, rows, &v);
 *     v.data = ...;
 *     mdl_explain(e, &x, &v, &err);
 *     mdl_explainer_free(e);
 *
 * An explainer holds what is worked out once for a model and a method; any number of threads may
 * use it at the same time.  It must be freed before the model.
 *
 * Methods: Shapley values with the training rows' ways through the trees for what is not known
 * ("tree path dependent"), exactly; the same for pairs of columns; Saabas' steps along the path;
 * Shapley values against background rows ("interventional").  The last needs background rows, the
 * others the covers of nodes, which XGBoost, LightGBM and scikit-learn write.
 */
#define MDL_EXPLAIN_SHAP         0u
#define MDL_EXPLAIN_INTERACTIONS 1u
#define MDL_EXPLAIN_STEPS        2u
#define MDL_EXPLAIN_BACKGROUND   3u

typedef struct mdl_explain_options {
    uint32_t          size;
    uint32_t          method;       /* MDL_EXPLAIN_*                                         */
    uint64_t          tree_begin;   /* iterations [tree_begin, tree_end);                    */
    uint64_t          tree_end;     /* 0: all                                                */
    const mdl_tensor *background;   /* [rows, columns] as x of mdl_explain, copied; or NULL  */
    const mdl_parallel *parallel;   /* threads; NULL: what the load gave; copied             */
} mdl_explain_options;

#define MDL_EXPLAIN_OPTIONS_INIT { sizeof(mdl_explain_options), 0, 0, 0, NULL, NULL }

typedef struct mdl_explainer mdl_explainer;

/*
 * MDL_ERR_UNSUPPORTED for a model without exactly one tree ensemble, with linear leaves, or
 * without covers where they are needed.  `options` and `error` may be NULL.
 */
MDL_API mdl_status mdl_explainer_create(mdl_explainer **out, const mdl_model *model,
                                        const mdl_explain_options *options, mdl_error *error);
/* NULL is fine; no call may be using it. */
MDL_API void mdl_explainer_free(mdl_explainer *explainer);

/*
 * The values of `rows` rows: type MDL_F64, packed, data NULL, and the shape
 *
 *     [rows, outputs, columns + 1]               one more, the last: what is expected without a row
 *     [rows, outputs, columns + 1, columns + 1]  interactions: half of what a pair adds at both of
 *                                                its places, what is left of a column at its own
 *
 * A row of values adds up to the margin, a row of interactions to the values.  Outputs are those of
 * the ensemble.  The columns are the model's if each column that the trees see is made of one of
 * them alone (scaled, imputed, in another order); else, behind one-hot encoding for example, they
 * are those that the trees see.  mdl_explain_column names them: "" when there is no name, NULL
 * beyond the last.
 */
MDL_API mdl_status mdl_explain_shape(const mdl_explainer *explainer, size_t rows, mdl_tensor *values);
MDL_API const char *mdl_explain_column(const mdl_explainer *explainer, size_t column);

/*
 * Explain rows: x as for mdl_predict_tensor; `values` of that shape, MDL_F32 or MDL_F64, any
 * strides.  Working memory comes from the model's allocator and goes back.  A row's values do not
 * depend on its neighbours or on threads.
 */
MDL_API mdl_status mdl_explain(const mdl_explainer *explainer, const mdl_tensor *x,
                               const mdl_tensor *values, mdl_error *error);
MDL_API mdl_status mdl_explain_csr(const mdl_explainer *explainer, const mdl_csr *x,
                                   const mdl_tensor *values, mdl_error *error);

/* ---- several threads for one call -------------------------------------------- */

/*
 * A small pool of threads, for hosts without one: give mdl_pool_parallel(pool) to calls
 * or loads.  The bits of an answer do not depend on it.
 *
 *     mdl_pool *pool;
 *     if (mdl_pool_create(&pool, 0, NULL, &e)) ...
 *     o.parallel = mdl_pool_parallel(pool);
 *     mdl_predict_tensor(m, &x, &y, &o, &e);
 *     mdl_pool_free(pool);
 *
 * `threads` counts the calling one: threads - 1 are started, which sleep between calls.
 * 0 is as many as this process has processors.  `allocator` may be NULL.  When a thread
 * cannot be started: MDL_ERR_MEMORY, *pool is NULL, and none is left.
 *
 * Any number of threads may use one pool at once: the first call gets it, others go on
 * without it at that time.  In a process made by fork it runs everything on the caller.
 */
typedef struct mdl_pool mdl_pool;

MDL_API mdl_status mdl_pool_create(mdl_pool **pool, uint32_t threads,
                                   const mdl_allocator *allocator, mdl_error *error);
/* Valid until mdl_pool_free. */
MDL_API const mdl_parallel *mdl_pool_parallel(const mdl_pool *pool);
/* Waits for its threads to end.  NULL is fine; no call may be using it. */
MDL_API void mdl_pool_free(mdl_pool *pool);

/* ---- what the model is ------------------------------------------------------ */

/* Strings below belong to the model and live as long as it does. */

#define MDL_COLUMN_NUMBER   0u
#define MDL_COLUMN_INTEGER  1u
#define MDL_COLUMN_CATEGORY 2u  /* the index of a category, see mdl_category */
#define MDL_COLUMN_STRING   3u
#define MDL_COLUMN_HASH     4u  /* a hash of a category, see mdl_category_code */

typedef struct mdl_input_info {
    uint32_t    size;
    uint32_t    type;            /* the type the model computes in                     */
    uint32_t    rank;
    uint32_t    absent_missing;  /* 1: sparse entries not stored are missing, 0: zero  */
    const char *name;
    int64_t     dims[MDL_MAX_RANK];  /* -1: any; dims[0] of a table: the rows          */
} mdl_input_info;                    /* rank MDL_ANY_RANK: any shape                   */

typedef struct mdl_column_info {
    uint32_t    size;
    uint32_t    kind;            /* MDL_COLUMN_*                                       */
    uint32_t    category_type;   /* what the categories were: MDL_STRING, I64, F64, BOOL */
    uint32_t    reserved;
    uint64_t    n_categories;
    const char *name;            /* "" when the source had none                        */
} mdl_column_info;

typedef struct mdl_output_info {
    uint32_t    size;
    uint32_t    role;            /* MDL_OUTPUT_*                                       */
    uint32_t    type;            /* the type it is computed in                         */
    uint32_t    label_type;      /* what the labels were: MDL_STRING, I64, F64, BOOL   */
    uint64_t    cols;
    uint64_t    n_labels;
    const char *name;
} mdl_output_info;

/* Each fills *info as far as info->size reaches; MDL_ERR_ARGUMENT when an index is
 * out of range. */
MDL_API size_t mdl_input_count(const mdl_model *model);
MDL_API mdl_status mdl_input(const mdl_model *model, size_t input, mdl_input_info *info);
MDL_API mdl_status mdl_column(const mdl_model *model, size_t input, size_t column,
                              mdl_column_info *info);
MDL_API size_t mdl_output_count(const mdl_model *model);
MDL_API mdl_status mdl_output(const mdl_model *model, size_t output, mdl_output_info *info);

/* Position of a name or role, or SIZE_MAX. */
MDL_API size_t mdl_column_find(const mdl_model *model, size_t input, const char *name);
MDL_API size_t mdl_output_find(const mdl_model *model, const char *name);
MDL_API size_t mdl_output_find_role(const mdl_model *model, uint32_t role);

/*
 * What a cell holds for a category's text.  In a column of MDL_COLUMN_CATEGORY that is its
 * index, and MDL_ERR_NOT_FOUND for a text that is none of them (but 0, "out of dictionary", in
 * models whose metadata "unseen_categories" is "first": those of YDF).  In one of MDL_COLUMN_HASH it
 * is a hash of the text as the source framework makes it, an integer from -2^31 to 2^31 - 1,
 * for any text: categories that the model has not seen are the source's to judge.  Categories
 * that were integers have their decimal digits as text.
 *
 * float32 does not hold such integers: a model with columns of hashes takes float64 rows
 * (mdl_predict_f64, MDL_F64) and answers float32 rows with MDL_ERR_DATA.
 *
 * Fills *code.  MDL_ERR_ARGUMENT for a NULL, an index out of range or another kind of column.
 * Hashing a text takes some nanoseconds; look up codes once where texts repeat.  Any thread.
 */
MDL_API mdl_status mdl_category_code(const mdl_model *model, size_t input, size_t column,
                                     const char *text, double *code);

/* Text of a category or label, or NULL when out of range.  Numbers are written so
 * that reading them gives the same number. */
MDL_API const char *mdl_category(const mdl_model *model, size_t input, size_t column,
                                 size_t category);
MDL_API const char *mdl_label(const mdl_model *model, size_t output, size_t label);

/* Metadata: pairs of UTF-8 strings in file order.  mdl_metadata_get returns NULL
 * when there is no such key. */
MDL_API size_t mdl_metadata_count(const mdl_model *model);
MDL_API mdl_status mdl_metadata(const mdl_model *model, size_t i, const char **key,
                                const char **value);
MDL_API const char *mdl_metadata_get(const mdl_model *model, const char *key);

/*
 * Importances of the columns of the first input, as the source framework has them, by kind: of
 * XGBoost "gain", "weight", "cover", "total_gain", "total_cover", of LightGBM "split" and "gain", of
 * CatBoost "PredictionValuesChange", of scikit-learn "impurity".  0 kinds when the file has none: it
 * is from before they were kept, or the source does not have them.  The first kind is the one that
 * the source gives when none is named.
 *
 * Gives the i-th kind in *kind and its numbers in values, [columns of the input]; each may be NULL.
 */
MDL_API size_t mdl_importance_count(const mdl_model *model);
MDL_API mdl_status mdl_importance(const mdl_model *model, size_t i, const char **kind,
                                  double *values);

/*
 * Golden rows: inputs with the outputs that the source framework produced.
 * mdl_golden_count is 0 for a file that carries none.  Each golden tensor names
 * its input or output; data is packed and belongs to the model.  Of tables they are
 * [rows, columns], all with the same rows; a graph of tensors has one set of whole
 * inputs and outputs.
 */
MDL_API size_t mdl_golden_count(const mdl_model *model);
MDL_API mdl_status mdl_golden(const mdl_model *model, size_t i, mdl_tensor *tensor,
                              uint32_t *is_output);

/* The operators in the order in which they run, for people and tools. */
typedef struct mdl_node_info {
    uint32_t    size;
    uint32_t    n_params;
    uint32_t    n_tensors;
    uint32_t    reserved;
    uint64_t    bytes;           /* of its weights in the file                        */
    const char *op;              /* "trees"                                           */
    const char *name;            /* "" when the source had none                       */
} mdl_node_info;

MDL_API size_t mdl_node_count(const mdl_model *model);
MDL_API mdl_status mdl_node(const mdl_model *model, size_t node, mdl_node_info *info);
/* One parameter as name and text ("compare" "<="); `text` has `text_bytes` room. */
MDL_API mdl_status mdl_node_param(const mdl_model *model, size_t node, size_t param,
                                  const char **name, char *text, size_t text_bytes);
/* One weight array: its name, and type, rank, dims and data (read-only, packed). */
MDL_API mdl_status mdl_node_tensor(const mdl_model *model, size_t node, size_t i,
                                   mdl_tensor *tensor);

/* The kernel set in use ("avx2"), and the bytes the model holds: its file image,
 * and what was allocated beside it. */
MDL_API const char *mdl_isa(const mdl_model *model);
MDL_API uint64_t mdl_file_bytes(const mdl_model *model);
MDL_API uint64_t mdl_memory_bytes(const mdl_model *model);

/* Bytes of the file that are tables which loading would work out otherwise (mdl_build_ready), of those
 * that this libmodel knows.  0 for NULL. */
MDL_API uint64_t mdl_ready_bytes(const mdl_model *model);

/* The kernel sets this library has and this machine can run, best first; NULL
 * after the last. */
MDL_API const char *mdl_isa_name(size_t i);

/* The ways through tree ensembles that mdl_load_options.engine can name; NULL after the
 * last.  docs/engines.md says how each works. */
MDL_API const char *mdl_engine_name(size_t i);

/*
 * What the tree ensembles of a model cost with one engine on calls of `rows` rows: about
 * how many nanoseconds a row, by the model that chooses (made for one machine: ratios carry
 * over, absolute times do not); 0 when that engine cannot run them all, or there are none.
 * `engine` NULL: the chosen one, whose name is put into *chosen if that is not NULL.
 * Any thread.
 */
MDL_API double mdl_engine_cost(const mdl_model *model, const char *engine, size_t rows,
                               const char **chosen);

/* ---- trees, for tools that show or compare them ---------------------------------------------- */

typedef struct mdl_tree_info {
    uint32_t size;
    uint32_t nodes, leaves;      /* all nodes, and those that are leaves                     */
    uint32_t depth;              /* splits on the way to the deepest leaf                    */
    uint32_t output;             /* the first result column that its leaves are added to     */
    uint32_t leaf_width;         /* numbers of a leaf                                        */
    uint32_t round;              /* of boosting, from 0                                      */
    uint32_t has_cover;          /* mdl_tree_cover knows training weights                    */
    uint32_t input;              /* the input whose columns its splits speak of; UINT32_MAX: */
                                 /* those of what other operators made                       */
} mdl_tree_info;

/* Node 0 is the root; children lie behind their parents. */
typedef struct mdl_tree_node_info {
    uint32_t size;
    uint32_t flags;              /* MDL_NODE_* of mdl_build.h; MDL_NODE_LEAF is 0            */
    uint32_t feature;            /* of a split: the column of what the operator sees         */
    uint32_t left, right;        /* of a split                                               */
    int32_t  leaf_id;            /* of a leaf: the source's number of it                     */
    double   threshold;          /* of a split by number; "compare" of mdl_node_param: how   */
    uint64_t set_words;          /* of a split by category:                                  */
    const uint32_t *set;         /* bit c % 32 of word c / 32: category c is a member        */
    uint64_t n_linear;           /* of a linear leaf: linear_const + sum of coef * x[feature] */
    const uint32_t *linear_feature;
    const double *linear_coef;
    double   linear_const;
} mdl_tree_node_info;

/* How many trees operator `node` has; 0 when it is not "trees". */
MDL_API size_t mdl_tree_count(const mdl_model *model, size_t node);
/* MDL_ERR_ARGUMENT behind the last tree or node.  Pointers stay until mdl_free. */
MDL_API mdl_status mdl_tree_shape(const mdl_model *model, size_t node, size_t tree,
                                  mdl_tree_info *info);
MDL_API mdl_status mdl_tree_node(const mdl_model *model, size_t node, size_t tree, size_t i,
                                 mdl_tree_node_info *info);
/* The numbers of leaf `i` (a node of the tree), [leaf_width], times the weight of its tree. */
MDL_API mdl_status mdl_tree_leaf(const mdl_model *model, size_t node, size_t tree, size_t i,
                                 double *values);
/* Training weights of a tree's nodes, [nodes]; MDL_ERR_NOT_FOUND when the file has none. */
MDL_API mdl_status mdl_tree_cover(const mdl_model *model, size_t node, size_t tree,
                                  double *cover);

#ifdef __cplusplus
}
#endif
#endif
