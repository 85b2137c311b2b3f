#!/bin/sh
# tools/need.sh NAME... - make sure a library or program is there, from the system's packages
#
# Names: cmocka mpfr simde (development libraries), venv (Python environments), or a program.
#
# SPDX-License-Identifier: MIT
set -eu

packages_of() {
    case $1 in
    cmocka) echo libcmocka-dev ;;
    mpfr) echo libmpfr-dev ;;
    simde) echo libsimde-dev ;;
    venv) echo python3-venv ;;
    cc) echo 'gcc libc6-dev' ;;
    c++) echo g++ ;;
    clang) echo 'clang-19 libclang-rt-19-dev' ;;
    qemu-aarch64) echo qemu-user ;;
    aarch64-linux-gnu-gcc) echo 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross' ;;
    *) echo "$1" ;;
    esac
}

compiles() { ${CC:-cc} -x c -fsyntax-only - 2>/dev/null; }

probe() {
    case $1 in
    cmocka) printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n' | compiles ;;
    mpfr) printf '#include <mpfr.h>\n' | compiles ;;
    simde) printf '#include <simde/x86/avx512.h>\n' | compiles ;;
    venv) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    clang) command -v clang-19 >/dev/null || command -v clang >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

install() {
    as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq "$@" >/dev/null
}

for name in "$@"; do
    probe "$name" && continue
    packages=$(packages_of "$name")
    echo "installing $packages (once)" >&2
    if command -v apt-get >/dev/null; then
        # shellcheck disable=SC2086
        install $packages || { as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
            $as_root apt-get update -qq && install $packages; } || true
    fi
    probe "$name" || { echo "$name is missing: install your system's package for it ($packages on Debian)" >&2; exit 1; }
done
