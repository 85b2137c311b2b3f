#!/bin/sh
# tests/test_install.sh - an installed copy works: static, shared, pkg-config, CMake; and goes away
#
# CC, CXX, MAKE and B as the Makefile gives them.
#
# SPDX-License-Identifier: MIT
set -u
CC=${CC:-cc} CXX=${CXX:-c++} MAKE=${MAKE:-make} B=${B:-build}
root=$(pwd)
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
D=$T/root
failed=0

# claim TEXT COMMAND...
claim() {
    what=$1
    shift
    if "$@" > "$T/log" 2>&1; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        head -20 "$T/log"
        failed=1
    fi
}

# A program that has nothing but the installed headers and libraries: it predicts with a
# golden file, whose answer for (2, 1) is 8.5 by hand (tests/test.h).
cat > "$T/host.c" <<'END'
#include <mdl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    mdl_model *m;
    mdl_error  e = MDL_ERROR_INIT;
    float      x[2] = { 2, 1 }, y[1];

    if (argc != 2 || mdl_load(&m, argv[1], NULL, &e)) { puts(e.text); return 1; }
    mdl_predict(m, x, 1, y);
    mdl_free(m);
    return y[0] != 8.5f;
}
END
cat > "$T/import.c" <<'END'
#include <mdl_import.h>
int main(void)
{
    mdl_builder *b;
    return !mdl_importer_name(0) || mdl_import_memory(&b, "?", 1, NULL, NULL) == MDL_OK;
}
END
printf '#include <mdl.hpp>\nint main(int n, char **v) { mdl::model m; return n != 2 || m.try_load(v[1]) || m.input_cols() != 2; }\n' \
    > "$T/host.cpp"
model=$root/tests/data/golden_v1_small.mdl

# shellcheck disable=SC2086
makes() { ( cd "$root" && $MAKE -s B="$B" DESTDIR="$D" PREFIX=/usr "$@" ); }
claim 'make install' makes install
find "$D" ! -type d | sort > "$T/installed"
for f in bin/mdl include/mdl.h include/mdl_build.h include/mdl_import.h include/mdl.hpp lib/libmodel.a \
         lib/libmodel.so lib/libmodel.so.1 lib/libmodel_import.a lib/libmodel_import.so \
         lib/libmodel_import.so.1 lib/pkgconfig/libmodel.pc lib/pkgconfig/libmodel_import.pc \
         lib/cmake/libmodel/libmodelConfig.cmake share/man/man1/mdl.1 share/man/man3/libmodel.3 \
         share/bash-completion/completions/mdl share/zsh/site-functions/_mdl; do
    claim "installs $f" test -e "$D/usr/$f"
done
claim 'no installed text names the build or the staging folder' \
    sh -c "! grep -rIl -e '$root' -e '$T' '$D'"

inc=-I$D/usr/include lib=-L$D/usr/lib
shared() { LD_LIBRARY_PATH=$D/usr/lib "$@"; }

claim 'cc host.c -lmodel, shared' $CC $inc "$T/host.c" $lib -lmodel -o "$T/host"
claim 'runs' shared "$T/host" "$model"
claim 'and needs the library to run' sh -c "! env -u LD_LIBRARY_PATH '$T/host' '$model' 2>/dev/null"
claim 'cc host.c libmodel.a, static' $CC $inc "$T/host.c" "$D/usr/lib/libmodel.a" -o "$T/host"
claim 'runs alone' env -u LD_LIBRARY_PATH "$T/host" "$model"
claim 'c++ host.cpp -lmodel' $CXX -std=c++11 $inc "$T/host.cpp" $lib -lmodel -o "$T/hostpp"
claim 'runs' shared "$T/hostpp" "$model"
claim 'cc import.c -lmodel_import -lmodel' $CC $inc "$T/import.c" $lib -lmodel_import -lmodel -o "$T/import"
claim 'runs' shared "$T/import"
claim 'the installed program starts' "$D/usr/bin/mdl" --version

if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_SYSROOT_DIR="$D" PKG_CONFIG_LIBDIR="$D/usr/lib/pkgconfig"
    export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
    version=$(sed -n 's/^#define MDL_VERSION_STRING "\(.*\)"/\1/p' "$root/include/mdl.h")
    claim 'pkg-config knows the version' test "$(pkg-config --modversion libmodel)" = "$version"
    # shellcheck disable=SC2046
    claim 'pkg-config compiles a host' $CC "$T/host.c" $(pkg-config --cflags --libs libmodel) -o "$T/host"
    claim 'runs' shared "$T/host" "$model"
    # shellcheck disable=SC2046
    claim 'pkg-config compiles an importing host' $CC "$T/import.c" \
        $(pkg-config --cflags --libs libmodel_import) -o "$T/import"
    claim 'runs' shared "$T/import"
else
    echo 'skip pkg-config: not here'
fi

if command -v cmake >/dev/null; then
    mkdir "$T/cmake"
    cp "$T/host.c" "$T/host.cpp" "$T/import.c" "$T/cmake"
    cat > "$T/cmake/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(host C CXX)
find_package(libmodel 0.1 REQUIRED)
foreach(kind libmodel static)
  add_executable(host_${kind} host.c)
  target_link_libraries(host_${kind} libmodel::${kind})
endforeach()
add_executable(hostpp host.cpp)
target_link_libraries(hostpp libmodel::libmodel)
add_executable(import_host import.c)
target_link_libraries(import_host libmodel::import)
END
    claim 'cmake finds it' cmake -S "$T/cmake" -B "$T/cmake/b" -DCMAKE_PREFIX_PATH="$D/usr" \
        -DCMAKE_C_COMPILER="${CC%% *}" -DCMAKE_CXX_COMPILER="${CXX%% *}"
    claim 'cmake builds hosts' cmake --build "$T/cmake/b"
    for host in host_libmodel host_static hostpp; do
        claim "$host runs" "$T/cmake/b/$host" "$model"
    done
    claim 'import_host runs' "$T/cmake/b/import_host"
    sed 's/libmodel 0.1 REQUIRED/libmodel 99 REQUIRED/' "$T/cmake/CMakeLists.txt" > "$T/cmake/C" \
        && mv "$T/cmake/C" "$T/cmake/CMakeLists.txt"
    claim 'a version that is too new is not found' \
        sh -c "! cmake -S '$T/cmake' -B '$T/cmake/b2' -DCMAKE_PREFIX_PATH='$D/usr'"
else
    echo 'skip CMake: not here'
fi

claim 'make uninstall' makes uninstall
claim 'leaves no file' sh -c "test -z \"\$(find '$D' ! -type d)\""
claim 'there was something to remove' test "$(wc -l < "$T/installed")" -gt 15

exit $failed
