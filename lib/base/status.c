/*
 * base/status.c - errors, and names of types
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of mdl_error that every version had: a caller's struct reaches at least here. */
#define ERROR_HEAD offsetof(mdl_error, text)

static mdl_status fill(mdl_error *err, mdl_status status, const char *section, uint64_t offset,
                       const char *format, va_list args)
{
    if (!err || err->size <= ERROR_HEAD)
        return status;

    size_t room = err->size - ERROR_HEAD;
    if (room > sizeof err->text)
        room = sizeof err->text;
    err->code = status;
    err->offset = offset;
    snprintf(err->section, sizeof err->section, "%s", section);
    vsnprintf(err->text, room, format, args);
    return status;
}

mdl_status mdl_fail(mdl_error *err, mdl_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fill(err, status, "", MDL_NO_OFFSET, format, args);
    va_end(args);
    return status;
}

mdl_status mdl_fail_at(mdl_error *err, mdl_status status, const char *section, uint64_t offset,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fill(err, status, section, offset, format, args);
    va_end(args);
    return status;
}

void mdl_error_where(mdl_error *err, const char *section, uint64_t offset, const char *who)
{
    if (!err || err->size < sizeof *err)
        return;
    if (err->offset == MDL_NO_OFFSET)
        err->offset = offset;
    if (!err->section[0])
        snprintf(err->section, sizeof err->section, "%s", section);
    if (!who)
        return;

    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    const int used = snprintf(err->text, sizeof err->text, "%s: ", who);
    if (used < 0 || (size_t)used >= sizeof err->text)
        return;
    const size_t room = sizeof err->text - (size_t)used;
    size_t length = strlen(text);
    if (length >= room)
        length = room - 1;
    memcpy(err->text + used, text, length);
    err->text[(size_t)used + length] = '\0';
}

void mdl_error_copy(mdl_error *to, const mdl_error *from)
{
    if (to && from->code)
        mdl_fail_at(to, from->code, from->section, from->offset, "%s", from->text);
}

const char *mdl_safe_text(char *out, size_t room, const char *text, size_t length)
{
    size_t n = 0;

    for (; n < length && n + 1 < room && text[n]; n++) {
        const unsigned char c = (unsigned char)text[n];
        out[n] = (char)(c < 32 || c == 127 || c == '\'' || c == '"' ? '?' : c);
    }
    out[n] = '\0';
    return out;
}

/* printf writes the locale's decimal mark, of one or more bytes: put a point there. */
static void plain_point(char *text)
{
    char *out = text;
    int in_mark = 0;

    for (const char *c = text; *c; c++) {
        if (strchr("0123456789+-einfa", *c)) {
            *out++ = *c;
            in_mark = 0;
        } else if (!in_mark) {
            *out++ = '.';
            in_mark = 1;
        }
    }
    *out = '\0';
}

const char *mdl_number_text(char *out, size_t room, double v)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, room, "%.*g", digits, v);
        if (digits == 17 || v != v || strtod(out, NULL) == v)
            break;               /* strtod reads the same locale that printf wrote */
    }
    plain_point(out);
    return out;
}

size_t mdl_type_bytes(uint32_t type)
{
    static const unsigned char bytes[] = {
        [MDL_F32] = 4, [MDL_F64] = 8, [MDL_F16] = 2, [MDL_BF16] = 2, [MDL_I8] = 1,
        [MDL_U8] = 1,  [MDL_I16] = 2, [MDL_U16] = 2, [MDL_I32] = 4,  [MDL_U32] = 4,
        [MDL_I64] = 8, [MDL_U64] = 8, [MDL_BOOL] = 1,
        [MDL_F8E4M3FN] = 1, [MDL_F8E4M3FNUZ] = 1, [MDL_F8E5M2] = 1, [MDL_F8E5M2FNUZ] = 1,
        [MDL_F8E8M0] = 1, [MDL_F4E2M1] = 1, [MDL_I4] = 1, [MDL_U4] = 1, [MDL_I2] = 1,
        [MDL_U2] = 1, [MDL_C64] = 8, [MDL_C128] = 16,
    };

    return type < sizeof bytes ? bytes[type] : 0;
}

const char *mdl_type_name(uint32_t type)
{
    static const char *const names[] = {
        [MDL_F32] = "float32", [MDL_F64] = "float64", [MDL_F16] = "float16",
        [MDL_BF16] = "bfloat16", [MDL_I8] = "int8", [MDL_U8] = "uint8",
        [MDL_I16] = "int16", [MDL_U16] = "uint16", [MDL_I32] = "int32",
        [MDL_U32] = "uint32", [MDL_I64] = "int64", [MDL_U64] = "uint64",
        [MDL_BOOL] = "bool", [MDL_STRING] = "string",
        [MDL_F8E4M3FN] = "float8e4m3fn", [MDL_F8E4M3FNUZ] = "float8e4m3fnuz",
        [MDL_F8E5M2] = "float8e5m2", [MDL_F8E5M2FNUZ] = "float8e5m2fnuz",
        [MDL_F8E8M0] = "float8e8m0", [MDL_F4E2M1] = "float4e2m1", [MDL_I4] = "int4",
        [MDL_U4] = "uint4", [MDL_I2] = "int2", [MDL_U2] = "uint2", [MDL_C64] = "complex64",
        [MDL_C128] = "complex128",
    };

    return type && type < sizeof names / sizeof *names ? names[type] : "?";
}

const char *mdl_strerror(mdl_status status)
{
    switch (status) {
    case MDL_OK: return "no error";
    case MDL_ERR_ARGUMENT: return "wrong argument";
    case MDL_ERR_MEMORY: return "out of memory";
    case MDL_ERR_IO: return "input/output error";
    case MDL_ERR_FORMAT: return "not a valid model file";
    case MDL_ERR_CHECKSUM: return "checksum mismatch";
    case MDL_ERR_VERSION: return "made for a newer libmodel";
    case MDL_ERR_UNSUPPORTED: return "not supported";
    case MDL_ERR_LIMIT: return "over the limit";
    case MDL_ERR_DATA: return "rows do not fit the model";
    case MDL_ERR_NOT_FOUND: return "no such name";
    default: return "unknown error";
    }
}
