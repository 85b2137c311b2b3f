/*
 * format/sections.h - the envelope of a file: header, section table, checksums
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_FORMAT_SECTIONS_H
#define MDL_FORMAT_SECTIONS_H

#include "base/status.h"
#include "format/mdl_format.h"

/* Position in SECTION_LIST. */
enum {
#define SECTION(code, name, record_bytes) SEC_##name,
    SECTION_LIST(SECTION)
#undef SECTION
    N_SECTIONS
};

struct section {
    const unsigned char *data;    /* NULL when the file has none: count 0 */
    uint64_t offset;              /* in the file                          */
    uint64_t count;               /* records                              */
    uint64_t bytes;
};

extern const char *const mdl_section_names[N_SECTIONS];
extern const uint32_t mdl_section_codes[N_SECTIONS];
extern const uint32_t mdl_section_record[N_SECTIONS];

/* Check the envelope of a file and find its sections; `cpu` are MDL_CPU_*. */
mdl_status mdl_sections_read(struct section sections[N_SECTIONS], const void *file, size_t size,
                             unsigned cpu, mdl_error *err);

/* Bytes of a file with sections of these sizes; fills their offsets.  0: too large. */
uint64_t mdl_sections_layout(struct section sections[N_SECTIONS]);

/* Write header and table into `file`, once the sections stand in it; `required` are features. */
void mdl_sections_write(unsigned char *file, uint64_t size, uint64_t required,
                        const struct section sections[N_SECTIONS]);

#endif
