/*
 * op/op.c - the list of operators, and checks that many of them share
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include <string.h>

#define OP(code, name) extern const struct op mdl_op_##name;
#include "op/op_list.h"
#undef OP

static const struct {
    uint32_t code;
    const struct op *op;
} ops[] = {
#define OP(code, name) { code, &mdl_op_##name },
#include "op/op_list.h"
#undef OP
};

#define N_OPS (sizeof ops / sizeof *ops)

const struct op *mdl_op_by_code(uint32_t code)
{
    for (size_t i = 0; i < N_OPS; i++)
        if (ops[i].code == code)
            return ops[i].op;
    return NULL;
}

const struct op *mdl_op_by_name(const char *name)
{
    for (size_t i = 0; i < N_OPS; i++)
        if (!strcmp(ops[i].op->name, name))
            return ops[i].op;
    return NULL;
}

const struct op *mdl_op_at(size_t i)
{
    return i < N_OPS ? ops[i].op : NULL;
}

uint32_t mdl_op_code(const struct op *op)
{
    for (size_t i = 0; i < N_OPS; i++)
        if (ops[i].op == op)
            return ops[i].code;
    return 0;
}

mdl_status mdl_op_need_float(const struct node *n, const struct graph *g, uint32_t i,
                             mdl_error *err)
{
    const uint32_t type = node_in(n, g, i)->type;

    if (type != MDL_F32 && type != MDL_F64)
        return mdl_fail(err, MDL_ERR_FORMAT, "input %u is %s, expected float32 or float64",
                        (unsigned)i, mdl_type_name(type));
    return MDL_OK;
}

mdl_status mdl_op_need_tensor(const struct node *n, uint32_t slot, uint32_t type, uint64_t count,
                              mdl_error *err)
{
    const struct tensor *t = &n->tensors[slot];

    if (!t->type)
        return MDL_OK;           /* required ones are checked by the reader */
    if (type && t->type != type)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset, "'%s' is %s, expected %s",
                           n->op->slots[slot].name, mdl_type_name(t->type), mdl_type_name(type));
    if (t->count != count)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset,
                           "'%s' has %llu elements, expected %llu", n->op->slots[slot].name,
                           (unsigned long long)t->count, (unsigned long long)count);
    return MDL_OK;
}
