/*
 * cli/verb_list.h - every verb of the program: VERB(name, about)
 *
 * The only list: dispatch, help and the check that the man page and the completions
 * know every verb follow it.  A verb `foo` is `cli_verb_foo` in cmd_foo.c.
 *
 * SPDX-License-Identifier: MIT
 */
VERB(demo,    "write a small real model and its data, convert it and compare")
VERB(convert, "turn a model file of a framework into a .mdl file")
VERB(inspect, "show what is in a .mdl file")
VERB(predict, "predict the rows of a .csv or .npy file, or run a network")
VERB(explain, "say what each column adds to the prediction of a row")
VERB(check,   "compare a model with what its source framework answered")
VERB(bench,   "measure latency and rows per second")
VERB(diff,    "tell what is not the same in two models")
VERB(ops,     "list the operators of ONNX that can be converted")
VERB(help,    "show help about a verb")
