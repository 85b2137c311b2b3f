/*
 * format/sections.c - see sections.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "format/sections.h"

#include "base/crc32c.h"

#include <string.h>

const char *const mdl_section_names[N_SECTIONS] = {
#define SECTION(code, name, record_bytes) #name,
    SECTION_LIST(SECTION)
#undef SECTION
};

const uint32_t mdl_section_codes[N_SECTIONS] = {
#define SECTION(code, name, record_bytes) code,
    SECTION_LIST(SECTION)
#undef SECTION
};

const uint32_t mdl_section_record[N_SECTIONS] = {
#define SECTION(code, name, record_bytes) record_bytes,
    SECTION_LIST(SECTION)
#undef SECTION
};

#define MAX_SECTIONS 1024u
#define HEADER_BYTES ((uint32_t)sizeof(struct mdl_file_header))
#define ENTRY_BYTES  ((uint32_t)sizeof(struct mdl_file_section))

/* Fuzzers repair nothing: they look behind the checksums. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CRC_DIFFERS(a, b) ((void)(a), (void)(b), 0)
#else
#define CRC_DIFFERS(a, b) ((a) != (b))
#endif

#define HEADER_AT(member) ((uint64_t)offsetof(struct mdl_file_header, member))

static int all_zero(const unsigned char *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i])
            return 0;
    return 1;
}

static mdl_status check_header(const struct mdl_file_header *h, const unsigned char *file,
                               size_t size, mdl_crc32c_function *crc_of, mdl_error *err)
{
    const char *where = "header";

    if (h->major != MDL_FILE_MAJOR)
        return mdl_fail_at(err, MDL_ERR_VERSION, where, HEADER_AT(major),
                           "format version %u.%u, this libmodel reads version %u; update libmodel",
                           h->major, h->minor, MDL_FILE_MAJOR);
    if (h->header_bytes != HEADER_BYTES || h->entry_bytes != ENTRY_BYTES)
        return mdl_fail_at(err, MDL_ERR_FORMAT, where, HEADER_AT(header_bytes),
                           "header of %u and entries of %u bytes, expected %u and %u",
                           h->header_bytes, h->entry_bytes, HEADER_BYTES, ENTRY_BYTES);
    if (h->file_bytes != size)
        return mdl_fail_at(err, MDL_ERR_FORMAT, where, HEADER_AT(file_bytes),
                           "the file has %llu bytes and was written with %llu: %s",
                           (unsigned long long)size, (unsigned long long)h->file_bytes,
                           size < h->file_bytes ? MDL_CUT_OFF : "something was appended");
    if (h->n_sections > MAX_SECTIONS
        || HEADER_BYTES + (uint64_t)h->n_sections * ENTRY_BYTES > size)
        return mdl_fail_at(err, MDL_ERR_FORMAT, where, HEADER_AT(n_sections),
                           "%u sections do not fit the file", h->n_sections);

    uint32_t crc = crc_of(0, file, HEADER_AT(crc));
    crc = crc_of(crc, file + HEADER_BYTES, (size_t)h->n_sections * ENTRY_BYTES);
    if (CRC_DIFFERS(crc, h->crc))
        return mdl_fail_at(err, MDL_ERR_CHECKSUM, where, HEADER_AT(crc),
                           "checksum of header and section table is %08x, expected %08x: "
                           "the file is damaged", crc, h->crc);
    const uint64_t unknown = h->required_features >> MDL_FILE_N_FEATURES;
    if (unknown)
        return mdl_fail_at(err, MDL_ERR_VERSION, where, HEADER_AT(required_features),
                           "the file needs features 0x%llx that this libmodel does not have (it has: "
                           MDL_FILE_FEATURES "); update libmodel",
                           (unsigned long long)unknown << MDL_FILE_N_FEATURES);
    if (!all_zero(h->reserved, sizeof h->reserved))
        return mdl_fail_at(err, MDL_ERR_FORMAT, where, HEADER_AT(reserved),
                           "reserved bytes are not 0");
    return MDL_OK;
}

static int known_section(uint32_t type)
{
    for (int i = 0; i < N_SECTIONS; i++)
        if (mdl_section_codes[i] == type)
            return i;
    return -1;
}

/* One entry of the table: where it may lie, and that its bytes are what was written. */
static mdl_status check_entry(const struct mdl_file_section *e, uint64_t entry_at,
                              const unsigned char *file, size_t size, uint64_t previous_end,
                              mdl_crc32c_function *crc_of, mdl_error *err)
{
    const int known = known_section(e->type);
    const char *name = known >= 0 ? mdl_section_names[known] : "sections";
    uint64_t bytes;

    if (known < 0 && !(e->type & SECTION_OPTIONAL))
        return mdl_fail_at(err, MDL_ERR_VERSION, name, entry_at,
                           "section type %u is unknown to this libmodel; update libmodel",
                           e->type);
    if (e->version != 1 && !(e->type & SECTION_OPTIONAL))
        return mdl_fail_at(err, MDL_ERR_VERSION, name, entry_at,
                           "section version %u, expected 1; update libmodel", e->version);
    if (e->align_log2 != 6 || e->offset % MDL_FILE_ALIGN || e->offset < previous_end
        || e->offset - previous_end >= MDL_FILE_ALIGN || e->offset > size
        || e->bytes > size - e->offset || !all_zero(e->reserved, sizeof e->reserved))
        return mdl_fail_at(err, MDL_ERR_FORMAT, name, entry_at,
                           "a section of %llu bytes at %llu after %llu, in a file of %llu",
                           (unsigned long long)e->bytes, (unsigned long long)e->offset,
                           (unsigned long long)previous_end, (unsigned long long)size);
    if (!size_mul(e->count, e->record_bytes, &bytes) || bytes != e->bytes || !e->bytes
        || (known >= 0 && e->record_bytes != mdl_section_record[known]))
        return mdl_fail_at(err, MDL_ERR_FORMAT, name, entry_at,
                           "%llu records of %u bytes in a section of %llu bytes",
                           (unsigned long long)e->count, e->record_bytes,
                           (unsigned long long)e->bytes);
    if (!all_zero(file + previous_end, e->offset - previous_end))
        return mdl_fail_at(err, MDL_ERR_FORMAT, name, previous_end,
                           "the bytes before the section are not 0");

    const uint32_t crc = crc_of(0, file + e->offset, (size_t)e->bytes);
    if (CRC_DIFFERS(crc, e->crc))
        return mdl_fail_at(err, MDL_ERR_CHECKSUM, name, e->offset,
                           "checksum is %08x, expected %08x: the file is damaged", crc, e->crc);
    return MDL_OK;
}

mdl_status mdl_sections_read(struct section sections[N_SECTIONS], const void *bytes, size_t size,
                             unsigned cpu, mdl_error *err)
{
    const unsigned char *file = bytes;
    struct mdl_file_header h;

    memset(sections, 0, N_SECTIONS * sizeof *sections);
    if (size < 8 || memcmp(file, MDL_FILE_MAGIC, 8) != 0)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "header", 0,
                           "not a .mdl file%s", size ? ": the first bytes differ" : ": it is empty");
    if (size < HEADER_BYTES)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "header", size,
                           "the file ends after %llu bytes, within its header: " MDL_CUT_OFF,
                           (unsigned long long)size);
    memcpy(&h, file, sizeof h);
    mdl_crc32c_function *crc_of = mdl_crc32c_best(cpu);
    mdl_status s = check_header(&h, file, size, crc_of, err);
    if (s)
        return s;

    uint64_t end = HEADER_BYTES + (uint64_t)h.n_sections * ENTRY_BYTES;
    int last = -1;
    for (uint32_t i = 0; i < h.n_sections; i++) {
        const uint64_t entry_at = HEADER_BYTES + (uint64_t)i * ENTRY_BYTES;
        struct mdl_file_section e;

        memcpy(&e, file + entry_at, sizeof e);
        s = check_entry(&e, entry_at, file, size, end, crc_of, err);
        if (s)
            return s;
        end = e.offset + e.bytes;
        const int known = known_section(e.type);
        if (known < 0 || e.version != 1)
            continue;
        if (known <= last)
            return mdl_fail_at(err, MDL_ERR_FORMAT, mdl_section_names[known], entry_at,
                               "the section is out of order or there twice");
        last = known;
        sections[known] = (struct section){ file + e.offset, e.offset, e.count, e.bytes };
    }
    if (end != size)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "header", end,
                           "the last section ends at %llu, the file at %llu",
                           (unsigned long long)end, (unsigned long long)size);
    return MDL_OK;
}

/* ---- writing ------------------------------------------------------------------- */

uint64_t mdl_sections_layout(struct section sections[N_SECTIONS])
{
    uint64_t end = HEADER_BYTES;

    for (int i = 0; i < N_SECTIONS; i++)
        end += sections[i].bytes ? ENTRY_BYTES : 0;
    for (int i = 0; i < N_SECTIONS; i++) {
        if (!sections[i].bytes)
            continue;
        if (!size_add(end, MDL_FILE_ALIGN - 1, &end))
            return 0;
        sections[i].offset = end / MDL_FILE_ALIGN * MDL_FILE_ALIGN;
        if (!size_add(sections[i].offset, sections[i].bytes, &end))
            return 0;
    }
    return end;
}

void mdl_sections_write(unsigned char *file, uint64_t size, uint64_t required,
                        const struct section sections[N_SECTIONS])
{
    struct mdl_file_header h = { .major = MDL_FILE_MAJOR, .minor = MDL_FILE_MINOR,
                                 .header_bytes = HEADER_BYTES, .file_bytes = size,
                                 .entry_bytes = ENTRY_BYTES, .required_features = required };

    memcpy(h.magic, MDL_FILE_MAGIC, sizeof h.magic);
    for (int i = 0; i < N_SECTIONS; i++) {
        if (!sections[i].bytes)
            continue;
        const struct mdl_file_section e = {
            .type = mdl_section_codes[i], .version = 1, .align_log2 = 6,
            .offset = sections[i].offset, .bytes = sections[i].bytes,
            .count = sections[i].bytes / mdl_section_record[i],
            .record_bytes = mdl_section_record[i],
            .crc = mdl_crc32c(0, file + sections[i].offset, (size_t)sections[i].bytes),
        };
        memcpy(file + HEADER_BYTES + (uint64_t)h.n_sections++ * ENTRY_BYTES, &e, sizeof e);
    }
    memcpy(file, &h, sizeof h);
    h.crc = mdl_crc32c(0, file, HEADER_AT(crc));
    h.crc = mdl_crc32c(h.crc, file + HEADER_BYTES, (size_t)h.n_sections * ENTRY_BYTES);
    memcpy(file, &h, sizeof h);
}
