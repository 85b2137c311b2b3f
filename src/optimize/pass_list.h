/*
 * optimize/pass_list.h - every pass: PASS(name), an exported `const struct flow_pass
 * mdl_pass_<name>`.  The only list; run in this order.
 *
 * SPDX-License-Identifier: MIT
 */
PASS(fold)        /* fold.c        what is always the same is computed once        */
PASS(shapes)      /* shapes.c      arithmetic of shapes, where they are known      */
PASS(casts)       /* casts.c       conversions that change nothing, or two in one  */
PASS(transposes)  /* transposes.c  the same of transpositions                      */
PASS(reshapes)    /* reshapes.c    the same of reshapes                            */
PASS(same)        /* same.c        nodes that compute the same are one             */
PASS(dead)        /* dead.c        nodes that no output needs                      */
