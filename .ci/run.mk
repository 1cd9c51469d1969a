# run.mk: the targets that run something. What runs a test program, and counts, is spec/run.

.PHONY: demo test test-long specs check lint asan valgrind fuzz soak bench doc emulator env clean help

demo: ## set up, build and run examples/quickstart.lua
	@.ci/setup demo
	@$(MAKE) all
	$(ENV) $(LUA) examples/quickstart.lua

test: ## set up, build and run all tests on Lua $(LUA_VERSION) (C tests with 5.4 only: they know no Lua)
	@.ci/setup test
	@$(MAKE) check

test-long: ## as test, with what takes minutes
	@.ci/setup test
	@FUSIOO_LONG=1 $(MAKE) check

# nginx runs LuaJIT whatever runs the specs: the specs of that runtime need its module too.
check: build/ci/reaper build/ci/names.so build/ci/kill_points.so all $(if $(filter 5.4,$(LUA_VERSION)),$(C_TESTS))
	@$(if $(BINDING_SRC),[ '$(LUA_VERSION)' = jit ] || $(MAKE) LUA_VERSION=jit LUA=luajit FLAVOUR= module)
	@$(RUN) $(if $(filter 5.4,$(LUA_VERSION)),$(C_TESTS)) $(SPECS)

lint: ## compile with warnings as errors (gcc, clang), clang-tidy, cppcheck, luacheck, layout and contract checks
	@.ci/lint

asan: ## run C tests and specs on Lua 5.4 with AddressSanitizer, LeakSanitizer and UBSan
	@.ci/setup test
	@$(MAKE) FLAVOUR=asan LUA_VERSION=5.4 asan-check

.PHONY: asan-check
asan-check: build/ci/unpreload.so
	@CC='$(CC)' .ci/asan $(MAKE) FLAVOUR=asan LUA_VERSION=5.4 check

# The matrix of faults is a thousand times the same C: it alone would take half an hour under valgrind, and `make asan`
# has it.
VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --num-callers=30 \
            --suppressions=.ci/valgrind.supp
VALGRIND_SPECS ?= $(filter-out spec/faults_spec.lua,$(SPECS))

valgrind: ## run C tests and the specs named by VALGRIND_SPECS (all but faults_spec) under valgrind, about ten minutes
	@.ci/setup test
	@$(MAKE) build/ci/reaper build/ci/names.so build/ci/kill_points.so all c-tests
	@$(MAKE) LUA_VERSION=jit LUA=luajit FLAVOUR= module
	@WRAPPER='$(VALGRIND)' SPEC_TIMEOUT=3600 $(RUN) $(C_TESTS) $(VALGRIND_SPECS)

fuzz: ## run every fuzz target, or the one called FUZZ, for FUZZ_SECONDS (60)
	@.ci/setup test
	@$(MAKE) FLAVOUR=fuzz CC=$(FUZZ_CC) fuzz-run

# What a run finds worth keeping goes to build/fuzz/corpus; spec/fuzz/corpus is where every run begins. An input that
# breaks a promise stays in build/fuzz, named after its target.
.PHONY: fuzz-run
fuzz-run: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
		name=$${fuzzer##*/}; corpus=build/fuzz/corpus/$$name; mkdir -p $$corpus; \
		echo "$$name: $(FUZZ_SECONDS) s"; \
		$$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$name- $$corpus $$(ls -d spec/fuzz/corpus/$$name 2>/dev/null) || exit 1; \
	done
	@echo 'fuzz: $(words $(FUZZERS)) targets, $(FUZZ_SECONDS) s each, no fault found'

soak: ## run random writes against random faults for SOAK_SECONDS (600), and compare; SOAK_SEED repeats a run
	@.ci/setup test
	@$(MAKE) build/ci/reaper $(MODULE_DIR)/heap.so all
	@BUILD='$(B)' LUA='$(LUA)' $(ENV) spec/soak/run

bench: all $(BENCHES) ## build and run the benchmarks
	@[ -x bench/run ] || { echo 'bench: there is no bench/run' >&2; exit 1; }
	@BUILD='$(B)' LUA='$(LUA)' $(ENV) bench/run

doc: ## write the API documents to build/doc
	@mkdir -p build/doc
	ldoc -q -c .ci/config.ld -d build/doc lua
	@echo 'doc: build/doc/index.html'

emulator: ## run the emulator of the service in the foreground (EMULATOR_FLAGS)
	$(ENV) $(LUA) lua/fusioo/emulator/command.lua $(EMULATOR_FLAGS)

env: ## print the shell lines that let Lua $(LUA_VERSION) find the build tree: eval "$(make -s env)"
	@printf "export LUA_PATH='%s'\n" '$(LUA_PATH_VALUE)'
	@printf "export LUA_CPATH='%s'\n" '$(LUA_CPATH_VALUE)'

clean: ## remove all that was built
	rm -rf build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST) | \
		sed 's/\$$(LUA_VERSION)/$(LUA_VERSION)/'
