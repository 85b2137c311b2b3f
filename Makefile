# SPDX-License-Identifier: MIT
#
#   make            build/libmodel.{a,so}, build/libmodel_import.{a,so}, build/mdl
#   make demo       build, make a small real model here, predict with it, check it
#   make test       everything that must hold; fetches what it needs into build/
#   make help       the rest
#
# Needs a C compiler and make.  CC, CFLAGS, LDFLAGS, PREFIX and DESTDIR are yours;
# WERROR=1 makes warnings errors, OPS="tree linear" builds a smaller library,
# B=folder elsewhere; HOSTCC=cc beside a CC for another machine.

VERSION := $(shell sed -n 's/^\#define MDL_VERSION_STRING "\(.*\)"/\1/p' include/mdl.h)
SOVERSION := 1

PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
datadir ?= $(PREFIX)/share
mandir ?= $(datadir)/man
INSTALL ?= install

CC ?= cc
CXX ?= c++
HOSTCC ?= $(CC)
CFLAGS ?= -O2 -g
WARNINGS ?= -Wall -Wextra -Wconversion -Wshadow -Wvla -Wundef
WERROR ?=
# OPS="tree linear": these families of operators alone (lib/base/families.h); dense is in linear.
OPS ?=
HARDENING ?= -fstack-protector-strong -fno-delete-null-pointer-checks -fno-strict-overflow
B ?= build

ALL_CPPFLAGS := -Iinclude -Ilib -Isrc $(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(CFLAGS) $(WARNINGS) $(if $(WERROR),-Werror) $(HARDENING) -fPIC -fvisibility=hidden -ffp-contract=off -MMD -MP $(SMALL_FLAGS)
ifneq ($(OPS),)
  UNKNOWN_OPS := $(filter-out tree explain ctr linear dense math shape conv reduce nn ml text,$(OPS))
  $(if $(UNKNOWN_OPS),$(error OPS names no family '$(UNKNOWN_OPS)'; there are tree explain ctr linear math shape conv reduce nn ml text))
  ALL_CPPFLAGS += -DMDL_OPS_ONLY $(foreach f,$(OPS:dense=linear),-DMDL_OPS_$(shell echo $f | tr a-z A-Z)=1)
  # Small: kernels as always, but no AVX-512; the rest, single functions of mathematics too, by size, and without tables for unwinding.
  ALL_CPPFLAGS += -DMDL_AVX512=0
  SMALL_FLAGS = -ffunction-sections -fdata-sections -Wno-unused-function -fno-asynchronous-unwind-tables \
      $(if $(filter lib/kernel/kernel_% lib/kernel/deep.c,$<),,-Os)
  LDFLAGS += -Wl,--gc-sections
endif
UNAME := $(shell uname -s)
ifeq ($(UNAME),Darwin)
  SO_FLAGS = -dynamiclib -install_name @rpath/$(1)
  MAP_FLAGS =
  ORIGIN = -Wl,-rpath,@loader_path
else
  SO_FLAGS = -shared -Wl,-soname,$(1) -Wl,-z,relro,-z,now,-z,noexecstack
  MAP_FLAGS = -Wl,--version-script=$(1)
  ORIGIN = -Wl,-rpath,'$$ORIGIN'
endif

LIB_C    := $(wildcard lib/*.c lib/*/*.c)
IMPORT_C := $(wildcard src/import/*.c src/optimize/*.c)
CLI_C    := $(wildcard src/cli/*.c)
LIB_O    := $(LIB_C:%.c=$B/obj/%.o)
IMPORT_O := $(IMPORT_C:%.c=$B/obj/%.o)
CLI_O    := $(CLI_C:%.c=$B/obj/%.o)
# clang unrolls and vectorises whatever it sees, which makes the library a quarter larger; kernels say
# themselves what they want.
ifneq (,$(findstring clang,$(shell $(CC) --version 2>/dev/null)))
  $(LIB_O): SMALL_FLAGS += -fno-unroll-loops -fno-vectorize -fno-slp-vectorize
endif
# What runs at load, or seldom and never for long, and the kernels that only judge others: small rather
# than fast, without tables for unwinding (with -g debuggers have theirs).
SELDOM_C := $(patsubst %,lib/%.c,build describe describe_tree exec_flow explain stages pool \
        base/arena base/map kernel/kernel_ref op/op) \
    $(patsubst %,lib/op/tree_%.c,check cover part plan rule vector) $(wildcard lib/op/tree_shap*.c) \
    $(patsubst %,lib/op/%.c,ctr ctr_asked ctr_plan) $(wildcard lib/graph/*.c lib/format/*.c) \
    $(patsubst %,lib/op/nd_%.c,classes columns constant conv_transpose cumulate deform det dft einsum \
        features grid linear_attention list lookup loss make ngrams nms number regex regex_match roi scatter slide \
        sort svm_classes text types unique window)
ifneq (,$(findstring -O2,$(CFLAGS)))
  $(SELDOM_C:%.c=$B/obj/%.o): SMALL_FLAGS += \
      $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),-Oz,-Os) -fno-asynchronous-unwind-tables
endif
BASE_O   := $(filter $B/obj/lib/base/%,$(LIB_O))

SO        := $B/libmodel.so.$(SOVERSION)
IMPORT_SO := $B/libmodel_import.so.$(SOVERSION)

.PHONY: all demo test check bench bench-kernel bench-sweep bench-linear fuzz soak install uninstall dist amalgamation clean help
.DELETE_ON_ERROR:
.SUFFIXES:

all: $B/libmodel.a $(SO) $B/libmodel_import.a $(IMPORT_SO) $B/mdl

# ---- libraries and the program ------------------------------------------------

$B/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$B/libmodel.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

$B/libmodel_import.a: $(IMPORT_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(SO): $(LIB_O) lib/libmodel.map
	$(CC) $(call SO_FLAGS,$(@F)) $(call MAP_FLAGS,lib/libmodel.map) $(CFLAGS) $(LDFLAGS) -o $@ $(LIB_O) -lpthread
	ln -sf $(@F) $B/libmodel.so

# The importers use the ground floor of the library, which it does not export; they find
# libmodel beside themselves.
$(IMPORT_SO): $(IMPORT_O) $(BASE_O) $(SO) src/import/libmodel_import.map
	$(CC) $(call SO_FLAGS,$(@F)) $(call MAP_FLAGS,src/import/libmodel_import.map) $(CFLAGS) $(LDFLAGS) \
	    -o $@ $(IMPORT_O) $(BASE_O) -L$B -lmodel -lm -lpthread $(ORIGIN)
	ln -sf $(@F) $B/libmodel_import.so

$B/mdl: $(CLI_O) $B/libmodel_import.a $B/libmodel.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(CLI_O) $B/libmodel_import.a $B/libmodel.a -lm -lpthread

# Files that the program carries: `mdl demo` needs nothing beside itself.
$B/tools/embed: tools/embed.c
	@mkdir -p $(@D)
	$(HOSTCC) -O1 -o $@ $<

DEMO_FILES := $(wildcard examples/demo/*)
$B/gen/demo_data.h: $B/tools/embed $(DEMO_FILES)
	@mkdir -p $(@D)
	$B/tools/embed $(DEMO_FILES) > $@

$B/obj/src/cli/%.o: ALL_CPPFLAGS += -I$B/gen
$B/obj/src/cli/cmd_demo.o: $B/gen/demo_data.h

demo: $B/mdl
	$B/mdl demo $B/demo

-include $(LIB_O:.o=.d) $(IMPORT_O:.o=.d) $(CLI_O:.o=.d)
-include tests/tests.mk

# ---- install -----------------------------------------------------------------------

D := $(DESTDIR)
FILL := sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(libdir)|' -e 's|@INCLUDEDIR@|$(includedir)|' \
            -e 's|@VERSION@|$(VERSION)|'
install: all
	$(INSTALL) -d $D$(bindir) $D$(libdir)/pkgconfig $D$(libdir)/cmake/libmodel $D$(includedir) \
	    $D$(mandir)/man1 $D$(mandir)/man3 $D$(datadir)/bash-completion/completions \
	    $D$(datadir)/zsh/site-functions $D$(datadir)/fish/vendor_completions.d
	$(INSTALL) -m 755 $B/mdl $D$(bindir)/mdl
	$(INSTALL) -m 644 include/mdl.h include/mdl_build.h include/mdl_import.h include/mdl.hpp $D$(includedir)
	$(INSTALL) -m 644 $B/libmodel.a $B/libmodel_import.a $D$(libdir)
	$(INSTALL) -m 755 $(SO) $(IMPORT_SO) $D$(libdir)
	ln -sf libmodel.so.$(SOVERSION) $D$(libdir)/libmodel.so
	ln -sf libmodel_import.so.$(SOVERSION) $D$(libdir)/libmodel_import.so
	$(FILL) packaging/libmodel.pc.in > $D$(libdir)/pkgconfig/libmodel.pc
	$(FILL) packaging/libmodel_import.pc.in > $D$(libdir)/pkgconfig/libmodel_import.pc
	$(FILL) packaging/libmodelConfig.cmake.in > $D$(libdir)/cmake/libmodel/libmodelConfig.cmake
	$(FILL) packaging/libmodelConfigVersion.cmake.in > $D$(libdir)/cmake/libmodel/libmodelConfigVersion.cmake
	$(INSTALL) -m 644 man/*.1 $D$(mandir)/man1
	$(INSTALL) -m 644 man/*.3 $D$(mandir)/man3
	$(INSTALL) -m 644 completion/mdl.bash $D$(datadir)/bash-completion/completions/mdl
	$(INSTALL) -m 644 completion/_mdl $D$(datadir)/zsh/site-functions/_mdl
	$(INSTALL) -m 644 completion/mdl.fish $D$(datadir)/fish/vendor_completions.d/mdl.fish

uninstall:
	rm -f $D$(bindir)/mdl $D$(includedir)/mdl.h $D$(includedir)/mdl_build.h $D$(includedir)/mdl_import.h \
	    $D$(includedir)/mdl.hpp $D$(libdir)/libmodel.a $D$(libdir)/libmodel_import.a \
	    $D$(libdir)/libmodel.so $D$(libdir)/libmodel.so.$(SOVERSION) $D$(libdir)/libmodel_import.so \
	    $D$(libdir)/libmodel_import.so.$(SOVERSION) $D$(libdir)/pkgconfig/libmodel.pc $D$(libdir)/pkgconfig/libmodel_import.pc \
	    $(addprefix $D$(mandir)/man1/,$(notdir $(wildcard man/*.1))) \
	    $(addprefix $D$(mandir)/man3/,$(notdir $(wildcard man/*.3))) \
	    $D$(datadir)/bash-completion/completions/mdl $D$(datadir)/zsh/site-functions/_mdl \
	    $D$(datadir)/fish/vendor_completions.d/mdl.fish
	rm -rf $D$(libdir)/cmake/libmodel

# ---- one file to drop into another project; a release; tidying ------------------------

amalgamation: tools/amalgamate.sh
	@mkdir -p $B/amalgamation
	sh tools/amalgamate.sh $B/amalgamation
	cp include/mdl.h include/mdl_build.h $B/amalgamation
	$(CC) -std=c11 $(CFLAGS) -Wall -Wextra -c -o $B/amalgamation/mdl.o -I$B/amalgamation $B/amalgamation/mdl.c

dist:
	@mkdir -p $B
	git archive --format=tar.gz --prefix=libmodel-$(VERSION)/ -o $B/libmodel-$(VERSION).tar.gz HEAD
	@echo "$B/libmodel-$(VERSION).tar.gz"

clean:
	rm -rf $B

help:
	@echo "make               build the libraries and the program mdl into $B/"
	@echo "make demo          a real model from training to prediction, in one second"
	@echo "make check         layers, C tests, examples: needs cmocka only"
	@echo "make test          check, then every framework in a Python environment under $B/"
	@echo "make bench         quick: side by side with LightGBM and XGBoost (Python environment)"
	@echo "make bench-trees   with every other engine too; writes docs/performance.md (10 minutes,"
	@echo "                   the first time an hour); ONLY=\"B lignum\" for a part of it"
	@echo "make bench-kernel  each kernel of each instruction set against the plain one"
	@echo "make bench-sweep   every engine on thirty shapes of tree ensembles (SWEEP=--quick, --csv)"
	@echo "make bench-networks  networks beside ONNX Runtime (Python environment, a minute); writes"
	@echo "                   docs/networks.md; ONLY=\"MLP|silero\" for a part of it"
	@echo "make bench-shap    contributions beside XGBoost's and LightGBM's (a minute); writes"
	@echo "                   docs/explain.md"
	@echo "make bench-ctr     CatBoost's models with categories beside CatBoost (minutes), into"
	@echo "                   docs/performance.md"
	@echo "make bench-linear  linear layers from 1 to 100,000 columns"
	@echo "make fuzz          each fuzz target for FUZZ_SECONDS (60); needs clang"
	@echo "make soak          the slow tests for SOAK_MINUTES (60)"
	@echo "make install       to \$$(DESTDIR)\$$(PREFIX), PREFIX=$(PREFIX); also uninstall"
	@echo "make amalgamation  $B/amalgamation/mdl.c: the run-time library as one file"
	@echo "make dist          a release tarball of the committed files"
	@echo "make clean         remove $B/"
