/*
 * op/nd_ml.h - what operators of classic machine learning share: transforms and lists
 *
 * Transforms are in float32, operation by operation as ONNX Runtime has them; exponentials and
 * logarithms are those of kernel/math.h, rounded once.
 *
 *   logistic      v = 1 / (1 + e^-|x|);  1 - v where x < 0
 *   softmax       e^(x - max) / sum of them
 *   softmax_zero  the same, but what is 0 (within 1e-7) stays so and adds nothing to the sum
 *   probit        sqrt(2) erfinv(2 x - 1), Winitzki's approximation of erfinv
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_ML_H
#define MDL_OP_ND_ML_H

#include "op/nd.h"

#include <string.h>

enum ml_transform { ML_NONE, ML_LOGISTIC, ML_SOFTMAX, ML_SOFTMAX_ZERO, ML_PROBIT };

extern const char *const mdl_ml_transforms[];   /* names of FIELD_CHOICE */

float mdl_ml_logistic(float x);
float mdl_ml_probit(float x);

/* One row of n > 1 scores: of trees as above; of linear machines with a logistic within 1 ULP,
 * where ONNX Runtime has a polynomial. */
void mdl_ml_transform(int64_t transform, float *y, size_t n);
void mdl_ml_transform_linear(int64_t transform, float *y, size_t n);

/* What a row of scores becomes when it is a single one: probit alone changes it. */
static inline float ml_transform_one(int64_t transform, float y)
{
    return transform == ML_PROBIT ? mdl_ml_probit(y) : y;
}

/* Rows of x, which has rank 1 (one row) or 2; MDL_ERR_DATA for others. */
mdl_status mdl_ml_rows(const struct nd *x, int64_t *rows, int64_t *cols, mdl_error *err);

/*
 * A list of numbers or of strings among the weights: one of two slots, `numbers` of rank 1 or
 * `text` of bytes, each string ended by a zero byte.
 */
struct ml_list {
    uint32_t    type;             /* MDL_STRING for text; 0: neither slot is there          */
    uint64_t    count;
    const void *data;             /* numbers, or const char *const [count]                  */
};

/* In infer: type and count; MDL_ERR_FORMAT when both slots are there, or text without an end. */
mdl_status mdl_ml_list(struct ml_list *l, const struct node *n, uint32_t numbers, uint32_t text,
                       mdl_error *err);
/* In prepare: data too. */
mdl_status mdl_ml_list_data(struct ml_list *l, const struct node *n, uint32_t numbers,
                            uint32_t text, struct arena *a, mdl_error *err);

/* Element `from` of the list as element `to` of y, of the same type. */
static inline void ml_put(void *y, uint64_t to, const struct ml_list *l, uint64_t from)
{
    const size_t bytes = mdl_nd_type_bytes(l->type);

    memcpy((unsigned char *)y + to * bytes, (const unsigned char *)l->data + from * bytes, bytes);
}

/* Where keys are in a list, by hash. */
struct ml_index {
    struct ml_list keys;
    uint32_t      *table;         /* 1 + position, 0: free; `mask` + 1 places               */
    uint64_t       mask;
    int            nan;           /* NaN is found too                                       */
};

#define ML_NOWHERE UINT32_MAX

/* Of equal keys the first counts, or the last. */
mdl_status mdl_ml_index(struct ml_index *ix, const struct ml_list *keys, int nan, int last,
                        struct arena *a, mdl_error *err);
uint32_t mdl_ml_find_i64(const struct ml_index *ix, int64_t key);
uint32_t mdl_ml_find_f64(const struct ml_index *ix, double key);
uint32_t mdl_ml_find_text(const struct ml_index *ix, const char *key);

#define ML_LABEL_SLOTS \
    { "labels", TYPE_BIT(MDL_I64), 1, 0 }, { "label_text", TYPE_BIT(MDL_U8), 1, 0 }

#define ML_X (TYPES_FLOATS | TYPE_BIT(MDL_I32) | TYPE_BIT(MDL_I64))

#endif
