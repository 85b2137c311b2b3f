#!/bin/sh
# tools/amalgamate.sh DIR - the run-time library as one file, DIR/mdl.c
#
# Headers are inlined where they are first needed; templates each time they are
# included.  Names that are private to a file but used by several (`grow`, `fields`) get
# the file's name behind theirs: by plain text in most files; by #define around the kernel
# files, whose templates make names by pasting.  Macros of a file end with it.
#
# mdl.h and mdl_build.h stay beside mdl.c: programs include them.
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
case ${1:?usage: amalgamate.sh DIR} in /*) out=$1 ;; *) out=$OLDPWD/$1 ;; esac
mkdir -p "$out"
version=$(sed -n 's/^#define MDL_VERSION_STRING "\(.*\)"/\1/p' include/mdl.h)

LC_ALL=C awk -v version="$version" '
function path_of(name)        # an include as a file of ours, "" for public headers
{
    return name ~ /^mdl(_build)?\.h$/ ? "" : "lib/" name
}

function read_file(path,    line, n)
{
    if (path in lines)
        return
    n = 0
    while ((getline line < path) > 0)
        text[path, ++n] = line
    close(path)
    if (!n) {
        print "amalgamate: cannot read " path > "/dev/stderr"
        exit 1
    }
    lines[path] = n
    once[path] = 0
    for (n = 1; n <= lines[path]; n++)
        if (text[path, n] ~ /^#ifndef MDL_[A-Z0-9_]*_H$/)
            once[path] = 1
}

function included(line)       # the file that a line includes with quotes, or ""
{
    if (line !~ /^#include "/)
        return ""
    sub(/^#include "/, "", line)
    sub(/".*/, "", line)
    return line
}

function is_comment(line) { return line ~ /^(\/\*| \*)/ }

# ---- names private to a file ------------------------------------------------------

function own(file, name)
{
    if (name !~ /[a-z0-9_A-Z]$/ || name ~ keyword || (file, name) in owned)
        return
    owned[file, name] = 1
    owners[name]++
    if (name !~ / /)
        names[file] = names[file] " " name
}

# The name a declaration declares: before the first "(", "[", "=" or ";".
function declared(line)
{
    sub(/\{.*\}/, "", line)                  # typedef struct { ... } name;
    sub(/[][(=;{].*/, "", line)
    sub(/ +$/, "", line)
    sub(/.*[ *]/, "", line)
    return line
}

# What one line of `file` (or of a template it includes) declares.
function scan_line(file, line,    word, inner, i, parts)
{
    if (is_comment(line))
        return
    if (line ~ /^(static|MDL_INLINE) / && line ~ /[A-Z]+_(NAMED|WORD)\(/) {
        inner = line
        sub(/.*_(NAMED|WORD)\(/, "", inner)
        sub(/\).*/, "", inner)
        own(file, inner "_f32"); own(file, inner "_f64"); own(file, inner "_mixed")
        own(file, inner "_u32"); own(file, inner "_u64")
        own(file, "vf_" inner); own(file, "vd_" inner)
        return
    }
    if (line ~ /^(static|MDL_INLINE|typedef) /) {
        word = declared(line)
        if (word == "struct" && line ~ /\{$/)  # static const struct { ... } name
            in_struct = 1
        else if (word !~ /^[A-Z]/)            # else a macro that makes the name
            own(file, word)
    } else if (line ~ /^struct [a-z_0-9]+ \{/) {
        split(line, parts, " ")
        own(file, "struct " parts[2])
    } else if (line ~ /^\}/) {
        if (in_struct && line ~ /^\} [a-z]/)
            own(file, declared(substr(line, 3)))
        in_struct = 0
    }
    if (line ~ /^enum( [a-z_]+)? \{/)
        in_enum = 1
    if (in_enum) {
        word = line
        gsub(/\/\*[^*]*\*\//, "", word)
        while (match(word, /[A-Z][A-Z0-9_]*/)) {
            own(file, substr(word, RSTART, RLENGTH))
            word = substr(word, RSTART + RLENGTH)
        }
        if (line ~ /\}/)
            in_enum = 0
    }
}

function scan(file, path,    i, name, line)
{
    read_file(path)
    for (i = 1; i <= lines[path]; i++) {
        line = text[path, i]
        name = included(line)
        if (name ~ /kernel_table\.h$/) {
            is_kernel[file] = 1
            scan_table(file, path_of(name))
        } else if (name != "" && path_of(name) != "") {
            read_file(path_of(name))
            if (!once[path_of(name)])
                scan(file, path_of(name))
        } else
            scan_line(file, line)
        if (line ~ /^# *define /) {
            split(line, word, /[ (]+/)
            macros[file] = macros[file] " " word[line ~ /^# / ? 3 : 2]
        }
    }
}

function scan_table(file, path,    i, name)
{
    read_file(path)
    for (i = 1; i <= lines[path]; i++)
        if (text[path, i] ~ /^ *\.[a-z0-9_]+ = /) {
            name = text[path, i]
            sub(/.*= /, "", name)
            sub(/,.*/, "", name)
            own(file, name)
        }
}

# ---- output --------------------------------------------------------------------------

# Rename the private names of a line that other files use too; not members (after "."
# or "->") and not inside literals.
function renamed(file, line,    done, word, key)
{
    if (is_comment(line))
        return line
    done = ""
    while (line != "") {
        if (match(line, string) || match(line, character) || match(line, comment)) {
            done = done substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
        } else if (match(line, /^[A-Za-z_][A-Za-z0-9_]*/)) {
            word = substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
            key = done ~ /struct $/ ? "struct " word : word
            if ((file, key) in owned && owners[key] > 1 && done !~ /(\.|->)$/)
                word = word "_in_" file
            done = done word
        } else {
            done = done substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    return done
}

function define_names(file,    n, list, i)
{
    n = split(names[file], list, " ")
    for (i = 1; i <= n; i++)
        print "#define " list[i] " " list[i] "_in_" file
    defined = 1
}

function undefine_names(file,    n, list, i)
{
    n = split(names[file], list, " ")
    for (i = 1; i <= n; i++)
        print "#undef " list[i]
    defined = 0
}

function emit_table(file, path,    i, line, name)
{
    undefine_names(file)
    for (i = 1; i <= lines[path]; i++) {
        line = text[path, i]
        if (line ~ /^ *\.[a-z0-9_]+ = /)
            sub(/,/, "_in_" file ",", line)
        print line
    }
}

function emit(file, path, kernel,    i, line, name)
{
    read_file(path)
    if (once[path] && emitted[path]++)
        return
    if (once[path])
        kernel = 0
    for (i = 1; i <= lines[path]; i++) {
        line = text[path, i]
        name = included(line)
        if (kernel && !defined && (line ~ /^(static|#define)/ || name ~ /(vec[0-9]*_|_tmpl)/))
            define_names(file)
        if (name ~ /kernel_table\.h$/)
            emit_table(file, path_of(name))
        else if (name != "" && path_of(name) != "")
            emit(once[path_of(name)] || path ~ /\.c$/ || !once[path] ? file : "", path_of(name), kernel)
        else if (name != "" && path ~ /\.[ch]$/)
            print line
        else
            print kernel || once[path] ? line : renamed(file, line)
    }
}

function end_macros(file,    n, list, i)
{
    n = split(macros[file], list, " ")
    for (i = 1; i <= n; i++)
        print "#undef " list[i]
}

BEGIN {
    keyword = "^(struct|union|enum|void|char|short|int|long|float|double|unsigned|const|while|static)$"
    string = "^\"([^\"\\\\]|\\\\.)*\""
    character = "^\047([^\047\\\\]|\\\\.)*\047"
    comment = "^/[*].*[*]/"
    for (i = 1; i < ARGC; i++) {
        in_struct = in_enum = 0
        base[i] = ARGV[i]
        sub(/.*\//, "", base[i])
        sub(/\.c$/, "", base[i])
        if (seen[base[i]]++)
            base[i] = base[i] "_" i
        scan(base[i], ARGV[i])
    }
    print "/*"
    print " * mdl.c - libmodel " version " in one file, made by tools/amalgamate.sh"
    print " *"
    print " *     cc -O2 -c mdl.c        with mdl.h and mdl_build.h beside it; needs libc alone"
    print " *"
    print " * SPDX-License-Identifier: MIT"
    print " */"
    for (i = 1; i < ARGC; i++) {
        print ""
        print "/* ==== " ARGV[i] " " substr("==========================================================", 1, 60 - length(ARGV[i])) " */"
        print ""
        emit(base[i], ARGV[i], is_kernel[base[i]])
        if (defined)
            undefine_names(base[i])
        end_macros(base[i])
    }
}' lib/base/*.c lib/kernel/*.c lib/op/*.c lib/graph/*.c lib/format/*.c lib/*.c > "$out/mdl.c.new"
mv "$out/mdl.c.new" "$out/mdl.c"
