#!/bin/sh
# tests/test_build.sh BUILD - how the library compiles, what it exports and what it needs
#
# Headers under every C and C++ standard, plain `cc lib/*.c lib/*/*.c`, the amalgamation, and
# the symbols and sections of what stands in BUILD.  CC, CXX and CFLAGS as in the Makefile.
#
# SPDX-License-Identifier: MIT
set -u
B=$1
CC=${CC:-cc} CXX=${CXX:-c++} CFLAGS=${CFLAGS:--O2}
NM=${NM:-nm}
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
failed=0

# claim TEXT COMMAND...: the command succeeds and says nothing
claim() {
    what=$1
    shift
    if "$@" > "$T/log" 2>&1 && [ ! -s "$T/log" ]; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        head -20 "$T/log"
        failed=1
    fi
}

has() { echo 'int x;' | "$@" -fsyntax-only - 2>/dev/null; }

# ---- headers ----------------------------------------------------------------------

# Fields and flags of the structs of mdl_build.h that its manual page does not name.
unnamed() {
    awk '/^typedef struct .*{$/ { inside = 1; next }
         /^}/ { inside = 0 }
         inside && /;/ { sub(/;.*/, ""); sub(/^ *(const )?[a-z0-9_]+ /, ""); gsub(/[*,]/, " "); print }
         /^#define MDL_(TREES|NODE|OP)_/ { print $2 }' include/mdl_build.h | tr -s ' ' '\n' | grep . > "$T/names"
    [ "$(wc -l < "$T/names")" -gt 50 ] || echo "fields are not found"
    while read -r name; do
        grep -qw -- "$name" man/mdl_build.3 || echo "$name"
    done < "$T/names"
}
claim "man/mdl_build.3 names every field and flag of mdl_build.h" unnamed

cat > "$T/h.c" <<'END'
#include "mdl_import.h"
#include "mdl_build.h"
#include "mdl.h"
int use(void);
int use(void) { mdl_error e = MDL_ERROR_INIT; mdl_load_options o = MDL_LOAD_OPTIONS_INIT;
    mdl_predict_options p = MDL_PREDICT_OPTIONS_INIT; mdl_import_options i = MDL_IMPORT_OPTIONS_INIT;
    return e.size + o.size + p.size + i.size > 0; }
END
cp "$T/h.c" "$T/h.cpp"
echo '#include "mdl.hpp"
int use2(); int use2() { return mdl::model() ? 1 : 0; }' > "$T/hpp.cpp"

for std in c99 c11 c17 gnu2x; do
    claim "headers compile as $std" \
        $CC -std=$std -Iinclude -Wall -Wextra -Wshadow -Wconversion -pedantic -fsyntax-only "$T/h.c"
done
for std in c++11 c++14 c++17 c++20 c++23; do
    has $CXX -std=$std -x c++ || { echo "skip headers as $std: $CXX does not know it"; continue; }
    claim "headers compile as $std" $CXX -std=$std -Iinclude -Wall -Wextra -Wshadow -Wconversion \
        -Wold-style-cast -Wno-missing-field-initializers -pedantic -fsyntax-only "$T/h.cpp" "$T/hpp.cpp"
done

# ---- other ways to compile it ---------------------------------------------------------

claim 'plain cc makes a program from lib/*.c lib/*/*.c' \
    $CC -Iinclude -Ilib -o "$T/05_plain" examples/05_build.c lib/*.c lib/*/*.c
claim 'plain cc makes a shared library' \
    $CC -shared -fPIC -O1 -Iinclude -Ilib -o "$T/libplain.so" lib/*.c lib/*/*.c

claim 'the amalgamation is made' sh tools/amalgamate.sh "$T/one"
cp include/mdl.h include/mdl_build.h "$T/one"
claim 'the amalgamation compiles alone, without a warning' \
    $CC -std=c11 $CFLAGS -Wall -Wextra -c -o "$T/one/mdl.o" "$T/one/mdl.c"
claim 'the amalgamation compiles without any flag' $CC -c -o "$T/one/plain.o" "$T/one/mdl.c"
for t in test_kernel test_model test_predict test_tree test_format; do
    # shellcheck disable=SC2086
    claim "the amalgamation builds $t" $CC $CFLAGS -Iinclude -Ilib -Itests -Itests/cross -o "$T/$t" \
        "tests/$t.c" "$T/one/mdl.o" -lm -lpthread
    MDL_TEST_DATA=tests/data "$T/$t" > "$T/out" 2>&1 \
        && echo "ok   the amalgamation passes $t" || { cat "$T/out"; echo "FAIL $t"; failed=1; }
done

# ---- symbols and sections --------------------------------------------------------------

case $CFLAGS in *-fsanitize*) echo 'skip symbols: a sanitizer adds its own'; exit $failed ;; esac
[ "$(uname -s)" = Linux ] || { echo 'skip symbols: not ELF'; exit $failed; }

# What the run-time library may ask of its host: libc, nothing else.
allowed='close fstat fsync getpid mmap munmap open read rename stat unlink write
bcmp free madvise malloc memchr memcmp memcpy memmove memset posix_memalign qsort
snprintf vsnprintf strchr strcmp strerror strlen strncmp strtod
__errno_location __stack_chk_fail _GLOBAL_OFFSET_TABLE_ getauxval'
# And what the pool may, in an object of its own: the threads of the system.
allowed_threads='pthread_create pthread_join pthread_sigmask sigfillset getpid sysconf sched_getaffinity __sched_cpucount
pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock pthread_mutex_unlock
pthread_cond_init pthread_cond_destroy pthread_cond_wait pthread_cond_broadcast __stack_chk_fail _GLOBAL_OFFSET_TABLE_'
undefined() {
    $NM -u "$B/libmodel.a" | awk '/:$/ { object = $1 } NF == 2 { print object, $2 }' | sort -u | grep -v ' mdl_' \
        | while read -r object name; do
        case $object in thread.o:) may=$allowed_threads ;; *) may=$allowed ;; esac
        case " $(echo $may) " in *" $name "*) ;; *) echo "$object needs $name" ;; esac
    done
}
claim 'libmodel.a needs libc alone' undefined

claim 'a program links libmodel.a' $CC $CFLAGS -Iinclude -o "$T/batch" examples/02_batch.c "$B/libmodel.a"
threads() { $NM "$T/batch" | grep -E 'mdl_pool|mdl_thread|pthread'; true; }
claim 'a program that makes no pool has no threads in it' threads

linked() { readelf -d "$B/$1" | awk '/NEEDED/ { gsub(/[][]/, "", $5); print $5 }' | grep -vE "$2"; true; }
claim 'libmodel.so links libc alone' linked libmodel.so '^(libc\.so|libpthread\.so|ld-)'
claim 'libmodel_import.so links libmodel and libc' linked libmodel_import.so '^(libc\.so|libpthread\.so|ld-|libm\.so|libmodel\.so\.1)'

exported() { $NM -D --defined-only "$B/$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | grep -v "$2"; true; }
claim 'libmodel.so exports mdl_ names only' exported libmodel.so '^mdl_'
claim 'libmodel_import.so exports mdl_ names only' exported libmodel_import.so '^mdl_'
global() { $NM -g --defined-only "$B/$1" 2>/dev/null | awk 'NF == 3 { print $3 }' | grep -v '^mdl_'; true; }
claim 'libmodel.a defines mdl_ names only' global libmodel.a
claim 'libmodel_import.a defines mdl_ names only' global libmodel_import.a

# Every function that a header declares is exported, and no other.
declared() { $CC -E -P -Iinclude "$@" | tr -d '\n' | tr ';' '\n' | sed -n 's/.*visibility("default").*[ *]\(mdl_[a-z0-9_]*\) *(.*/\1/p' | sort -u; }
cat include/mdl_build.h > "$T/all.h"
declared -x c include/mdl_build.h > "$T/declared"
exports() { $NM -D --defined-only "$B/libmodel.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u | diff "$T/declared" -; }
claim 'libmodel.so exports exactly what mdl.h and mdl_build.h declare' exports
[ "$(wc -l < "$T/declared")" -gt 50 ] || { echo 'FAIL the headers declare hardly anything'; failed=1; }

# No state: all data is constant (or only relocated at start), nothing runs at start.
state() {
    objdump -h "$B/$1" | awk '$2 ~ /^\.(data|bss|tbss|tdata|init_array|fini_array|ctors|dtors)(\.|$)/ \
        && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ { print "section " $2 " has " $3 " bytes" }'
}
claim 'libmodel.a has no writable globals and no constructors' state libmodel.a
claim 'libmodel_import.a has none either' state libmodel_import.a

# Every kernel set gives the same bits: a product and a sum are two roundings, but in products of
# matrices, where every set fuses them (kernel/gemm.h).
fused() {
    objdump -d --no-show-raw-insn "$B/libmodel.a" | awk '/^[0-9a-f]+ <.*>:$/ { f = $2 }
        /[ \t](vfn?m(add|sub)[0-9a-z]*|fn?m(add|sub|la|ls))[ \t]/ && f !~ /^<gemm_/ { print f, $0 }' | head -3
}
claim 'nothing in libmodel.a but products of matrices multiplies and adds in one rounding' fused

soname() { readelf -d "$B/$1" | grep SONAME | grep -v "\[$1\.1\]"; readelf -d "$B/$1" | grep -q SONAME || echo none; }
claim 'the name inside libmodel.so is libmodel.so.1' soname libmodel.so
stack() { readelf -lW "$B/libmodel.so" | grep GNU_STACK | grep 'RWE'; true; }
claim 'no executable stack' stack
size_limit() { size "$B/libmodel.so" | awk 'NR == 2 && $1 >= 1000000 { print "text of " $1 " bytes, limit 1000000" }'; }
claim 'the text of libmodel.so is below 1,000,000 bytes' size_limit
size "$B/libmodel.so" | awk 'NR == 2 { print "     text of " $1 " bytes" }'

exit $failed
