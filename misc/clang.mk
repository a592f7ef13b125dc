# Builds with clang of the distribution, for what zig has no runtime for: sanitizers, coverage, and fuzzing with libFuzzer.
#
#   make -f misc/clang.mk KIND=sanitize     zig-out-sanitize/{bin,tests}: AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer
#   make -f misc/clang.mk KIND=kill         zig-out-kill-sanitize/bin: the same, with the points at which tests end the programs
#   make -f misc/clang.mk KIND=thread       zig-out-thread/{bin,tests}: ThreadSanitizer
#   make -f misc/clang.mk KIND=coverage     zig-out-coverage/{bin,tests}
#   make -f misc/clang.mk KIND=fuzz         zig-out-fuzz/fuzz_*
#
# {include,lib} are as zig build makes them, for tests of the library as its users have it.
# Sources are found by folder, as build.zig does it. Everything is in one archive, so that a program takes what it needs.
CC = clang-19
AR = llvm-ar-19
KIND ?= coverage
OUT_kill = zig-out-kill-sanitize
OUT = $(or $(OUT_$(KIND)),zig-out-$(KIND))
OBJ = $(OUT)/objects
LIBRARIES = libarchive zlib liblzma libzstd libcrypto sqlite3 libcurl jansson libutf8proc libdeflate libpq libmicrohttpd libpcre2-8
VERSION := $(shell sed -n 's/^ *\.version = "\(.*\)",/\1/p' build.zig.zon)

FLAGS_coverage = -O1 -fprofile-instr-generate -fcoverage-mapping -mllvm -runtime-counter-relocation
LINK_coverage = -fprofile-instr-generate
FLAGS_fuzz = -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LINK_fuzz = -fsanitize=fuzzer,address,undefined
FLAGS_sanitize = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LINK_sanitize = -fsanitize=address,undefined
FLAGS_kill = $(FLAGS_sanitize) -DLM_KILL_POINTS
LINK_kill = $(LINK_sanitize)
FLAGS_thread = -O1 -fsanitize=thread
LINK_thread = -fsanitize=thread
LEAVE_sanitize = tests/support/leave.c
LEAVE_kill = $(LEAVE_sanitize)
FLAGS = -std=c23 -g -D_GNU_SOURCE=1 -fno-strict-aliasing -Isrc -Iinclude -I$(OUT)/include $(FLAGS_$(KIND)) $(shell pkg-config --cflags $(LIBRARIES))
# what of libcrypto is used is linked in, as build.zig does it
LINK = $(LINK_$(KIND)) -Wl,--as-needed $(subst -lcrypto,-l:libcrypto.a,$(shell pkg-config --libs $(LIBRARIES))) -lm -lpthread

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))
LIBRARY = $(OUT)/lib/liblamina.a
LEAVE = $(call objects,$(LEAVE_$(KIND)))
PKG_CONFIG = $(OUT)/lib/pkgconfig/lamina.pc
COMMON = $(call objects,$(wildcard src/programs/common/*.c))
PROGRAMS = $(patsubst src/programs/%/main.c,$(OUT)/bin/%,$(wildcard src/programs/*/main.c))
TOOLS = $(patsubst tests/tools/%.c,$(OUT)/tests/%,$(wildcard tests/tools/*.c))
UNITS = $(foreach file,$(wildcard tests/unit/*/test_*.c),$(OUT)/tests/$(notdir $(patsubst %/,%,$(dir $(file))))_$(basename $(notdir $(file))))
CORPORA = $(patsubst tests/fuzz/%.c,$(OUT)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS = $(patsubst tests/fuzz/%.c,$(OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))

.SECONDEXPANSION:
.SECONDARY:
.PHONY: all coverage fuzz kill sanitize thread
all: $(KIND)
coverage sanitize thread: $(PROGRAMS) $(TOOLS) $(UNITS) $(CORPORA) $(OUT)/tests/libfaults.so $(OUT)/include/lamina/lamina.h $(PKG_CONFIG)
fuzz: $(FUZZERS)
kill: $(PROGRAMS)

$(OUT)/include/lamina/version.h: build.zig.zon
	@mkdir -p $(@D)
	printf '#pragma once\n#define LAMINA_VERSION "%s"\n' '$(VERSION)' > $@

$(OUT)/include/lamina/lamina.h: include/lamina/lamina.h
	@mkdir -p $(@D)
	cp $< $@

$(PKG_CONFIG): misc/clang.mk
	@mkdir -p $(@D)
	printf '%s\n' 'prefix=$${pcfiledir}/../..' 'Name: lamina' 'Description: lamina, with $(KIND)' 'Version: $(VERSION)' \
		'Requires: $(LIBRARIES)' 'Cflags: -I$${prefix}/include' \
		'Libs: $(LINK_$(KIND)) $(LEAVE:$(OUT)/%=$${prefix}/%) -L$${prefix}/lib -llamina -lm -lpthread' > $@

$(OBJ)/%.o: %.c $(OUT)/include/lamina/version.h
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -Itests/support -MMD -MP -c $< -o $@

$(LIBRARY): $(call objects,$(wildcard src/*/*.c) $(wildcard src/db/postgres/*.c))
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(OUT)/bin/%: $$(call objects,$$(wildcard src/programs/$$*/*.c)) $(COMMON) $(LEAVE) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ $(LINK) -o $@

$(TOOLS): $(OUT)/tests/%: $(OBJ)/tests/tools/%.o $(LEAVE) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ $(LINK) -o $@

$(CORPORA): $(OUT)/tests/%: $(OBJ)/tests/fuzz/%.o $(OBJ)/tests/fuzz/run.o $(LEAVE) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ $(LINK) -o $@

# stands between a program and libc: not instrumented
$(OUT)/tests/libfaults.so: tests/faults/shim.c
	@mkdir -p $(@D)
	$(CC) -std=c23 -O1 -D_GNU_SOURCE=1 -shared -fPIC $< -o $@

$(FUZZERS): $(OUT)/%: $(OBJ)/tests/fuzz/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ $(LINK) -o $@

# tests/unit/os/test_file.c becomes tests/os_test_file
define unit
$(OUT)/tests/$(notdir $(patsubst %/,%,$(dir $(1))))_$(basename $(notdir $(1))): $(call objects,$(1)) $(LEAVE) $(LIBRARY)
	@mkdir -p $$(@D)
	$(CC) $$^ $(LINK) -lcmocka -o $$@
endef
$(foreach file,$(wildcard tests/unit/*/test_*.c),$(eval $(call unit,$(file))))

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
