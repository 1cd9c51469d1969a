# Makefile: builds the core, the binding, the C tests and examples, and runs everything there is to run.
#
# `make help` lists the targets. All that is built goes to build/; sanitizer builds go to build/asan/ by the same rules.
# Values that need a tool (pkg-config, Lua) are asked for when a recipe needs them, not before: the set-up may only just
# have brought the tool.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

VERSION := 0.1.0

# ---- What may be set from outside ---------------------------------------------------------------------------------

# 5.1, 5.3, 5.4 or jit; `detect` asks the interpreter $(LUA), as the rockspec does.
LUA_VERSION ?= 5.4
ifeq ($(LUA_VERSION),detect)
override LUA_VERSION := $(shell $(LUA) -e 'print(jit and "jit" or _VERSION:match("%d%.%d"))')
endif

FLAVOUR     ?=
CFLAGS      ?= -O2 -g
PKG_CONFIG  ?= pkg-config
DESTDIR     ?=
PREFIX      ?= /usr/local
FUZZ_SECONDS ?= 60
# The target to run, without fuzz_: `make fuzz FUZZ=seam`.
FUZZ        ?= *
FUZZ_CC     ?= clang

# ---- Names that follow from the Lua version -----------------------------------------------------------------------

ifeq ($(LUA_VERSION),jit)
LUA_ABI   := 5.1
LUA_NAME  := luajit
LUA_PC    := luajit
else ifneq ($(filter $(LUA_VERSION),5.1 5.3 5.4),)
LUA_ABI   := $(LUA_VERSION)
LUA_NAME  := lua$(LUA_VERSION)
LUA_PC    := lua$(LUA_VERSION) lua-$(LUA_VERSION) lua$(subst .,,$(LUA_VERSION))
else
$(error LUA_VERSION is "$(LUA_VERSION)", but must be 5.1, 5.3, 5.4 or jit)
endif
LUA ?= $(LUA_NAME)

BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
LUA_LMOD   ?= $(PREFIX)/share/lua/$(LUA_ABI)
LUA_CMOD   ?= $(PREFIX)/lib/lua/$(LUA_ABI)

# ---- Flags --------------------------------------------------------------------------------------------------------

# $(call once,NAME,command): the command's output, asked for at the first use of NAME and then remembered.
once = $(eval $1 := $(shell $2))$($1)

SAN_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE := $(SAN_$(FLAVOUR))
B        := build$(if $(FLAVOUR),/$(FLAVOUR))

WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# C11 alone hides clocks, sockets and locks. No value, so that a file may define the name itself.
STANDARD := -std=c11 -D_GNU_SOURCE=
COMPILE   = $(CC) $(STANDARD) -fPIC $(CFLAGS) $(SANITIZE) $(WARN) $(CPPFLAGS) -MMD -MP

CURL_CFLAGS = $(call once,CURL_CFLAGS,$(PKG_CONFIG) --cflags libcurl 2>/dev/null || curl-config --cflags)
CURL_LIBS   = $(call once,CURL_LIBS,$(PKG_CONFIG) --libs libcurl 2>/dev/null || curl-config --libs)
LIBS        = $(CURL_LIBS) -lpthread -lm

# -isystem: the warnings are for this library's code. On 5.1 and LuaJIT compat-5.3.h fills the gaps of the C interface;
# -idirafter, so that its folder never lends LuaJIT a lua.h.
ifdef LUA_INCDIR
LUA_CFLAGS  = -isystem $(LUA_INCDIR)
else
LUA_CFLAGS  = $(patsubst -I%,-isystem %,$(call once,LUA_CFLAGS_PC,for pc in $(LUA_PC); do \
                $(PKG_CONFIG) --cflags $$pc 2>/dev/null && break; done))
endif
ifeq ($(LUA_ABI),5.1)
COMPAT_INCDIR ?= /usr/include/lua5.1
COMPAT_CFLAGS := -idirafter $(COMPAT_INCDIR)
endif
LUA_LIBS    = $(call once,LUA_LIBS,for pc in $(LUA_PC); do $(PKG_CONFIG) --libs $$pc 2>/dev/null && break; done)

# nodelete: a resolver thread of libcurl may outlive lua_close, so the code it runs must stay mapped.
ifeq ($(shell uname -s),Darwin)
LIBFLAG       ?= -bundle
MODULE_LDFLAGS = $(LIBFLAG) -undefined dynamic_lookup -Wl,-exported_symbol,_luaopen_fusioo_core
else
LIBFLAG       ?= -shared
MODULE_LDFLAGS = $(LIBFLAG) -Wl,-z,nodelete -Wl,--version-script=.ci/core.map
endif

# ---- What there is ------------------------------------------------------------------------------------------------

CORE_SRC    := $(wildcard src/core/*.c)
BINDING_SRC := $(wildcard src/binding/*.c)
TEST_SRC    := $(wildcard spec/c/test_*.c)
FUZZ_SRC    := $(wildcard spec/fuzz/fuzz_$(FUZZ).c)
BENCH_SRC   := $(wildcard bench/*.c)
LUA_SRC     := $(shell find lua -name '*.lua' 2>/dev/null)
SPECS       ?= $(sort $(shell find spec -name '*_spec.lua' 2>/dev/null))

CORE_OBJ    := $(CORE_SRC:src/%.c=$(B)/%.o)
LIB         := $(B)/libfusioo.a
MODULE_DIR  := $(B)/$(LUA_NAME)
BINDING_OBJ := $(BINDING_SRC:src/binding/%.c=$(MODULE_DIR)/binding/%.o)
MODULE      := $(if $(BINDING_SRC),$(MODULE_DIR)/fusioo/core.so)
C_TESTS     := $(TEST_SRC:spec/c/%.c=$(B)/spec/%)
C_EXAMPLES  := $(patsubst examples/c/%.c,$(B)/examples/%,$(wildcard examples/c/*.c))
BENCHES     := $(BENCH_SRC:bench/%.c=$(B)/bench/%)
FUZZERS     := $(FUZZ_SRC:spec/fuzz/%.c=$(B)/spec/%)

# The environment in which $(LUA) finds the build tree; the values are in single quotes.
LUA_PATH_VALUE  := $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;
LUA_CPATH_VALUE := $(CURDIR)/$(MODULE_DIR)/?.so;;
ENV := LUA_PATH='$(LUA_PATH_VALUE)' LUA_CPATH='$(LUA_CPATH_VALUE)'

# What spec/run needs to know.
RUN := BUILD='$(B)' LUA='$(LUA)' $(ENV) spec/run

# ---- Building -----------------------------------------------------------------------------------------------------

.PHONY: all module c-tests examples benches fuzzers helpers FORCE

all: $(LIB) $(MODULE) $(C_EXAMPLES) ## build the core, the binding for Lua $(LUA_VERSION) and the C examples (default)

module: $(MODULE)
c-tests: $(C_TESTS)
examples: $(C_EXAMPLES)
benches: $(BENCHES)
fuzzers: $(FUZZERS)
helpers: $(B)/ci/reaper $(B)/ci/unpreload.so $(B)/ci/names.so $(B)/ci/kill_points.so $(MODULE_DIR)/heap.so

print-%:
	@echo '$($*)'

# A stamp changes when the text it holds changes: objects follow the flags, archive and module follow the list of
# objects (a source that went away leaves no object behind in them).
define stamp
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$1)' | cmp -s - $@ || echo '$(subst ','\'',$1)' > $@
endef

$(B)/flags.stamp: FORCE
	$(call stamp,$(COMPILE))
$(B)/core.stamp: FORCE
	$(call stamp,$(CORE_OBJ))
$(MODULE_DIR)/binding.stamp: FORCE
	$(call stamp,$(BINDING_OBJ) $(LUA_CFLAGS) $(MODULE_LDFLAGS))

$(B)/core/%.o: src/core/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(COMPILE) -fvisibility=hidden $(CURL_CFLAGS) -c -o $@ $<

$(LIB): $(CORE_OBJ) $(B)/core.stamp
	@rm -f $@
	$(AR) rcs $@ $(CORE_OBJ)

$(MODULE_DIR)/binding/%.o: src/binding/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(COMPILE) -Isrc/core $(LUA_CFLAGS) $(COMPAT_CFLAGS) -c -o $@ $<

$(MODULE_DIR)/fusioo/core.so: $(BINDING_OBJ) $(LIB) $(MODULE_DIR)/binding.stamp .ci/core.map
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(MODULE_LDFLAGS) -o $@ $(BINDING_OBJ) $(LIB) $(LIBS)

$(B)/examples/%: examples/c/%.c $(LIB) $(B)/flags.stamp
	@mkdir -p $(@D)
	$(COMPILE) -Isrc/core -o $@ $< $(LDFLAGS) $(LIB) $(LIBS)

$(B)/spec/test_%: spec/c/test_%.c $(LIB) $(B)/flags.stamp
	@mkdir -p $(@D)
	$(COMPILE) -Isrc/core $(CURL_CFLAGS) -o $@ $< $(LDFLAGS) $(LIB) -lcmocka $(LIBS)

# Tests of the binding, with Lua around it.
$(B)/spec/lua.stamp: FORCE
	$(call stamp,$(LUA_NAME))
$(B)/spec/test_lua_%: spec/c/test_lua_%.c $(LIB) $(BINDING_OBJ) $(B)/flags.stamp $(B)/spec/lua.stamp
	@mkdir -p $(@D)
	$(COMPILE) -Isrc/core $(CURL_CFLAGS) $(LUA_CFLAGS) $(COMPAT_CFLAGS) -o $@ $< $(BINDING_OBJ) $(LDFLAGS) \
		$(LIB) -lcmocka $(LUA_LIBS) $(LIBS)

# Benchmarks may use Lua from C, to set two ways of doing one thing side by side.
$(B)/bench/lua.stamp: FORCE
	$(call stamp,$(LUA_NAME))
$(B)/bench/%: bench/%.c $(LIB) $(B)/flags.stamp $(B)/bench/lua.stamp
	@mkdir -p $(@D)
	$(COMPILE) -Isrc/core $(CURL_CFLAGS) $(LUA_CFLAGS) $(COMPAT_CFLAGS) -o $@ $< $(filter %.o,$^) $(LDFLAGS) \
		$(LIB) $(LUA_LIBS) $(LIBS)
$(B)/bench/page: $(BINDING_OBJ)

$(B)/spec/fuzz_%: spec/fuzz/fuzz_%.c $(LIB) $(B)/flags.stamp
	@mkdir -p $(@D)
	$(COMPILE) -fsanitize=fuzzer -Isrc/core $(CURL_CFLAGS) -o $@ $< $(LDFLAGS) $(LIB) $(LIBS)

# The helper that runs one test program and leaves nothing of it behind; never sanitized.
%/ci/reaper: .ci/reaper.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARN) $(CFLAGS) -o $@ $<

# Drops LD_PRELOAD once the sanitizer is loaded, so that what a spec starts is not preloaded too.
%/ci/unpreload.so: .ci/unpreload.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARN) $(CFLAGS) -fPIC -shared -o $@ $<

# Answers look-ups of names in a program that a spec starts; never sanitized.
%/ci/names.so: spec/support/names.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARN) $(CFLAGS) -fPIC -shared -o $@ $< -lpthread -ldl

# Kills a program that a spec starts at one of its points; never sanitized.
%/ci/kill_points.so: spec/support/kill_points.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARN) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

# Tells the soak what memory is in use; never sanitized.
$(MODULE_DIR)/heap.so: spec/soak/heap.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARN) $(CFLAGS) $(LUA_CFLAGS) -fPIC -shared -o $@ $<

-include $(wildcard $(B)/core/*.d $(MODULE_DIR)/binding/*.d $(B)/examples/*.d $(B)/spec/*.d $(B)/bench/*.d)
include .ci/run.mk
include .ci/install.mk
