/*
 * cli/number_text.h - the shortest text that reads back as the same number
 *
 * A float32 is written as a float32: 0.1f is "0.1", not "0.10000000149011612".  Not-a-number
 * is "nan", infinities "inf" and "-inf".  The program never sets a locale, so the decimal
 * mark is a point.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_NUMBER_TEXT_H
#define MDL_CLI_NUMBER_TEXT_H

#include "base/compiler.h"

#define NUMBER_TEXT 64u

/* Each returns `out`. */
const char *cli_f32_text(char out[NUMBER_TEXT], float v);
const char *cli_f64_text(char out[NUMBER_TEXT], double v);

/* Element `i` of packed data of any type: a text is returned itself, bits of a type that C has
 * not are hexadecimal.  As a number: of floats, integers and booleans alone, else NaN. */
const char *cli_element_text(char out[NUMBER_TEXT], uint32_t type, const void *data, size_t i);
double cli_element(uint32_t type, const void *data, size_t i);

/* A few digits for people: "1.23e-07". */
const char *cli_brief_text(char out[NUMBER_TEXT], double v);

#endif
