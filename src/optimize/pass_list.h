/*
 * optimize/pass_list.h - every pass: PASS(name), an exported `const struct flow_pass
 * mdl_pass_<name>`.  The only list; run in this order.
 *
 * SPDX-License-Identifier: MIT
 */
PASS(fold)        /* fold.c       what is always the same is computed once        */
PASS(same)        /* same.c       nodes that compute the same are one             */
PASS(dead)        /* dead.c       nodes that no output needs                        */
