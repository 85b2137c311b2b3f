/*
 * op/nd_svm.h - what support vector machines share: kernels of a row with every vector
 *
 *     linear x.v      poly (gamma x.v + coef0)^degree      rbf e^(-gamma |x - v|^2)
 *     sigmoid tanh(gamma x.v + coef0)
 *
 * |x - v|^2 is summed in float32 from the first column on, as ONNX Runtime does; x.v in float64,
 * rounded once.  Without vectors the coefficients are the vectors and the kernel is linear.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_SVM_H
#define MDL_OP_ND_SVM_H

#include "op/nd_ml.h"

struct svm_params {
    int64_t kernel;
    double  gamma, coef0, degree;
    int64_t one_class;            /* svm: 1 where the value is above 0, else -1             */
    int64_t transform;            /* svm_classes                                            */
};

enum { SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID };
extern const char *const mdl_svm_kernels[];

#define SVM_KERNEL_FIELDS \
    FIELD(FIELD_CHOICE, svm_params, kernel, SVM_LINEAR, mdl_svm_kernels), \
    FIELD(FIELD_FLOAT, svm_params, gamma, 0, NULL), \
    FIELD(FIELD_FLOAT, svm_params, coef0, 0, NULL), \
    FIELD(FIELD_FLOAT, svm_params, degree, 0, NULL)

enum svm_slot { SVM_VECTORS, SVM_COEF, SVM_RHO, SVM_SLOTS };
#define SVM_COMMON_SLOTS \
    [SVM_VECTORS] = { "vectors", TYPE_BIT(MDL_F32), 2, 0 }, \
    [SVM_COEF] = { "coef", TYPE_BIT(MDL_F32), 2, 1 }, \
    [SVM_RHO] = { "rho", TYPE_BIT(MDL_F32), 1, 1 }

#define SVM_SIDE 16u              /* vectors side by side                                   */

struct svm_plan {
    uint64_t       cols, vectors; /* vectors of the kernel                                  */
    int            linear;        /* no support vectors: their coefficients                 */
    float         *turned;        /* [vectors / SVM_SIDE][cols][SVM_SIDE], filled up with 0  */
    struct ml_list labels;
    uint64_t      *start;         /* [classes + 1] vectors of each class; NULL: linear      */
};

/* In prepare: check coefficients against vectors and turn them. */
mdl_status mdl_svm_prepare(struct node *n, struct svm_plan *p, struct arena *a, mdl_error *err);

/* x as rows of p->cols; MDL_ERR_DATA for others. */
mdl_status mdl_svm_rows(const struct nd_call *c, const struct node *n, int64_t *rows);

/* k[v] = kernel(x, vector v), for row r of x. */
uint64_t mdl_svm_work_bytes(const struct svm_plan *p);
void mdl_svm_kernel(const struct node *n, const struct nd *x, uint64_t r, float *k, void *work);

#endif
