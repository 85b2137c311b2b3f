#!/bin/sh
# tools/check_layers.sh - a file includes only its own folder and folders to its left
#
#   base <- kernel <- op <- graph <- format <- lib/*.c <- include/*.h <- src, bindings, examples
#   (in src: optimize <- import <- cli)
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
bad=0

# What a folder may include, as a pattern of include paths.
allowed() {
    case $1 in
    lib/base)   echo 'base/ mdl.h' ;;
    lib/kernel) echo 'base/ kernel/' ;;
    lib/op)     echo 'base/ kernel/ op/ mdl.h' ;;
    lib/graph)  echo 'base/ kernel/ op/ graph/ mdl.h mdl_build.h' ;;
    lib/format) echo 'base/ kernel/ op/ graph/ format/ mdl.h' ;;
    lib)        echo 'base/ kernel/ op/ graph/ format/ model.h run.h mdl.h mdl_build.h' ;;
    include)    echo 'mdl.h mdl_build.h mdl_import.h' ;;
    src/optimize) echo 'base/ optimize/ mdl.h mdl_build.h mdl_import.h' ;;
    src/import) echo 'base/ optimize/ import/ mdl.h mdl_build.h mdl_import.h' ;;
    src/cli)    echo 'base/ import/number.h cli/ demo_data.h mdl.h mdl_build.h mdl_import.h' ;;
    examples)   echo 'mdl.h mdl_build.h mdl_import.h mdl.hpp ride_mdl.h' ;;
    *)          echo '*' ;;
    esac
}

for file in $(find lib include src examples -name '*.[ch]' -o -name '*.hpp' -o -name '*.cpp' | sort); do
    folder=$(dirname "$file")
    may=$(allowed "$folder")
    [ "$may" = '*' ] && continue
    for path in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
        ok=0
        for prefix in $may; do
            case $path in "$prefix"*) ok=1 ;; esac
        done
        case $path in */*) ;; *) [ -f "$folder/$path" ] && ok=1 ;; esac
        [ $ok = 1 ] || { echo "$file includes \"$path\": not its folder, nor one to its left"; bad=1; }
    done
    case $file in lib/kernel/*_tmpl.h|lib/kernel/vec_*) continue ;; esac
    grep -q 'SPDX-License-Identifier: MIT' "$file" || { echo "$file has no SPDX line"; bad=1; }
done

# Names with linkage begin with mdl_; the run-time library needs libc alone.
if [ -f build/libmodel.a ]; then
    nm -g --defined-only build/libmodel.a | awk '$3 != "" && $3 !~ /^_?mdl_/ { print "exported without mdl_: " $3; bad = 1 }
        END { exit bad }' || bad=1
fi
[ $bad = 0 ] && echo "layers: ok"
exit $bad
