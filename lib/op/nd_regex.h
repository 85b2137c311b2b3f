/*
 * op/nd_regex.h - regular expressions: does one match all of a text?
 *
 * The syntax of RE2, as far as it goes: literals, . [] [^] \d \D \w \W \s \S (ASCII), \b \B ^ $ \A
 * \z, (...) (?:...) (?P<name>...), | * + ? {n} {n,} {n,m}, also followed by ? (which part matches
 * makes no difference), \n \t \r \f \v \a \xHH \x{H..} and \ before punctuation.  Letters are those
 * of UTF-8; a byte that begins none is a letter of its own.  . is anything but a new line.
 *
 * A pattern becomes a machine of at most REGEX_MOST steps, all of whose ways are followed at once:
 * time is that of the text times the steps, whatever the pattern.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_REGEX_H
#define MDL_OP_ND_REGEX_H

#include "base/arena.h"

#define REGEX_MOST  8192u         /* steps                                                 */
#define REGEX_DEPTH 64u           /* groups within groups                                  */

struct regex_range {
    uint32_t first, last;
};

/* One step: a letter of the ranges (not of them, if `negated`), or a fork, or a place. */
struct regex_step {
    uint32_t kind;                /* REGEX_*                                               */
    uint32_t a, b;                /* forks: next steps; letters: first range, how many     */
};
enum { REGEX_LETTER, REGEX_NOT_LETTER, REGEX_FORK, REGEX_JUMP, REGEX_BEGIN, REGEX_END, REGEX_EDGE,
       REGEX_NO_EDGE, REGEX_MATCH };

struct regex {
    struct regex_step  *steps;
    struct regex_range *ranges;
    uint32_t            n_steps, n_ranges;
};

/* The letter of UTF-8 at *at, which moves on; a byte that begins none counts from 0x110000. */
uint32_t mdl_regex_letter(const unsigned char **at, const unsigned char *end);

/* A machine in the arena.  MDL_ERR_UNSUPPORTED or _FORMAT, saying which part. */
mdl_status mdl_regex_compile(struct regex *r, const char *pattern, size_t length, struct arena *a,
                             mdl_error *err);

/* `room` has 4 n_steps numbers. */
int mdl_regex_matches(const struct regex *r, const char *text, uint32_t *room);

#endif
