#!/bin/sh
# tools/need.sh NAME... - make sure a development library is there, from the system's packages
#
# SPDX-License-Identifier: MIT
set -eu

package_of() {
    case $1 in
    cmocka) echo libcmocka-dev ;;
    mpfr) echo libmpfr-dev ;;
    *) echo "$1" ;;
    esac
}

probe() {
    case $1 in
    cmocka) printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n' ;;
    mpfr) printf '#include <mpfr.h>\n' ;;
    esac | ${CC:-cc} -x c -fsyntax-only - 2>/dev/null
}

for name in "$@"; do
    probe "$name" && continue
    package=$(package_of "$name")
    echo "installing $package (once)" >&2
    if command -v apt-get >/dev/null; then
        as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
        { $as_root apt-get install -y -qq "$package" \
            || { $as_root apt-get update -qq && $as_root apt-get install -y -qq "$package"; }; } >/dev/null
    fi
    probe "$name" || { echo "$name is missing: install your system's package for it ($package on Debian)" >&2; exit 1; }
done
