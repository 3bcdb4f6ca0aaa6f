# The front door. Every target works from a clean clone: it installs what is missing and says so.
#
#   make run      build, then serve the chat example (PORT=3000)
#   make test     build, run every test, end with "N passed, N failed"
#   make bench    measure Atrium beside its peers      make fuzz     fuzz every codec for a minute
#   make build    the program at build/atrium
#   make install  program, libatrium and headers into PREFIX (/usr/local)

CC ?= gcc
BUILD ?= build
PREFIX ?= /usr/local
PORT ?= 3000
WERROR ?= 0
SANITIZE ?= 0
FUZZ_SECONDS ?= 60

export CC

MESON_FLAGS = --buildtype=$(if $(filter 1,$(SANITIZE)),debugoptimized,release) -Doptimization=2 \
	--prefix=$(PREFIX) --libdir=lib -Dtests=false -Dwerror=$(if $(filter 1,$(WERROR)),true,false) \
	$(if $(filter 1,$(SANITIZE)),-Db_sanitize=address$(comma)undefined -Db_lundef=false,)
comma := ,

.PHONY: run build test bench fuzz install clean format docs

build: $(BUILD)/build.ninja
	@tools/setup.sh node
	@ninja -C $(BUILD) --quiet atrium
	@tools/client.sh $(BUILD)/client

$(BUILD)/build.ninja:
	@tools/setup.sh build $(if $(filter 1,$(SANITIZE)),sanitize,)
	@meson setup $(BUILD) $(MESON_FLAGS) >/dev/null || { cat $(BUILD)/meson-logs/meson-log.txt; rm -rf $(BUILD); exit 1; }

run: build
	@PORT=$(PORT) $(BUILD)/atrium run examples/chat/chat.lua

test: build
	@tools/setup.sh test
	@[ -f $(BUILD)/.tests ] || meson setup $(BUILD) --reconfigure -Dtests=true >/dev/null
	@touch $(BUILD)/.tests
	@ninja -C $(BUILD) --quiet
	@tools/npm.sh tests
	@python3 tools/test.py $(BUILD)

bench: build
	@tools/setup.sh bench
	@tools/npm.sh bench
	@bench/run.sh $(BUILD) $(BENCH)

fuzz:
	@tools/setup.sh build sanitize
	@tools/fuzz.sh $(FUZZ_SECONDS)

install: build
	@DESTDIR=$(DESTDIR) tools/install.sh $(BUILD) $(PREFIX)

docs: build
	@$(BUILD)/atrium config --markdown > docs/settings.md
	@$(BUILD)/atrium keys > docs/supervisor-keys.md
	@tools/man.py docs/settings.md docs/man/atrium.1

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD)
