# SPDX-License-Identifier: Apache-2.0
#
# make            build .build/release/ebpfguard, installing what the build needs
# make run        build it and watch this host for 15 seconds
# make test       every test: units, live on this kernel (as root), in guests with other kernels and with containers
# make check      format, lint, manual pages, imports
# make bench      cost beside the peers; make fuzz, for longer; make compare-files, what others see of files
# make install    PREFIX, DESTDIR; make dist, a tarball of the same

PREFIX ?= /usr/local
DESTDIR ?=
# What tests run in: kernels, and machines with more software. Those that take longest are not the last to begin.
GUESTS ?= 5.10 6.1 containers sid 6.12 builds 6.12:lsm
ALL ?=

SWIFT := swift
# The toolchain's own clang has the bpf target.
TOOLCHAIN := $(dir $(realpath $(shell command -v swift 2>/dev/null)))
CLANG := $(TOOLCHAIN)clang
OBJCOPY := $(TOOLCHAIN)llvm-objcopy
ARCH := $(shell uname -m)
BPF_ARCH := $(if $(filter aarch64,$(ARCH)),arm64,x86)
VERSION := $(shell sed -n 's/.*static let version = "\(.*\)"/\1/p' Sources/ebpfguard/EBPFGuard.swift)

GENERATED := Sources/CObjects/generated
OBJECTS := $(patsubst bpf/%.bpf.c,$(GENERATED)/%.bpf.zst,$(wildcard bpf/*.bpf.c))
BPF_FLAGS := -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -g -O2 -mcpu=v3 -std=gnu2x -ffreestanding -Wall -Werror \
	-Ibpf/include -ISources/CWire/include -idirafter /usr/include/$(ARCH)-linux-gnu

# The toolchain's own linker keeps one copy of equal functions, whose addresses nothing here compares: 300 kB less. And
# nothing throws, so that neither tables for the unwinding of the stack are needed nor one of where to look in them: 2.3 MB.
RELEASE := -c release -Xswiftc -static-executable -Xswiftc -use-ld=lld -Xlinker --icf=all -Xlinker --no-eh-frame-hdr \
	-Xlinker --gc-sections -Xlinker -s -Xlinker -T -Xlinker Sources/release.ld
# The linker warns of dlopen and of user databases in static executables; nothing here calls them.
QUIET := 2>&1 | { grep -v -e 'statically linked applications requires' -e 'mktemp. is dangerous' || :; }
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec

EXECUTABLE := .build/release/ebpfguard

.DELETE_ON_ERROR:
.PHONY: all run test test-unit test-fuzz test-live test-reports test-install test-guests check bench fuzz compare-files fetch-guests install install-files dist clean bpf setup live-tests

all: setup bpf
	$(SWIFT) build $(RELEASE) --product ebpfguard $(QUIET)

# Programs are loaded as root.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

run: all
	$(SUDO) ./$(EXECUTABLE) trace -d 15s

setup:
	@./.ci/setup

bpf: setup
	@$(MAKE) --no-print-directory $(OBJECTS) $(GENERATED)/pages.zst
	@printf '#define EBPFGUARD_COMMIT "%s"\n' "$$(git describe --always --dirty --exclude '*' 2>/dev/null || :)" \
	  >$(GENERATED)/commit.h.new
	@cmp -s $(GENERATED)/commit.h.new $(GENERATED)/commit.h || cp $(GENERATED)/commit.h.new $(GENERATED)/commit.h
	@rm $(GENERATED)/commit.h.new

$(GENERATED)/%.bpf.o: bpf/%.bpf.c Makefile
	@mkdir -p $(GENERATED)
	$(CLANG) $(BPF_FLAGS) -MMD -MP -MF $(GENERATED)/$*.d -MT $@ -c $< -o $@
	$(OBJCOPY) --strip-debug $@

# A tenth of the size, for half a millisecond at start.
$(GENERATED)/%.bpf.zst: $(GENERATED)/%.bpf.o
	zstd -q -f -19 $< -o $@

# What ebpfguard help shows: each page behind a form feed and its name, without overstrikes. Mandoc has no ASCII for "…".
RENDER := mandoc -T ascii -O width=78 | sed 's/.\x08//g'
$(GENERATED)/pages: $(wildcard man/*) Makefile
	for page in man/*; do printf '\f%s\n' "$${page#man/}"; sed 's/\\\[u2026\]/.../g' "$$page" | $(RENDER); done >$@

$(GENERATED)/pages.zst: $(GENERATED)/pages
	zstd -q -f -19 $< -o $@

.SECONDARY: $(OBJECTS:.zst=.o)
-include $(wildcard $(GENERATED)/*.d)

# ---- tests

# What takes little of the machine goes on beside the long build of what is tested from outside.
test: test-unit
	@$(MAKE) --no-print-directory -j3 --output-sync=target test-fuzz live-tests fetch-guests
	@$(MAKE) --no-print-directory test-live test-reports test-install test-guests

test-unit: setup bpf
	$(SWIFT) test $(QUIET) | { grep -v -e '^◇' -e '^✔ Test case' || :; }

test-fuzz: setup bpf
	Tests/Fuzz/run 1

fuzz: setup bpf
	Tests/Fuzz/run 600

# With everything else in one go: either executable keeps but one CPU busy.
live-tests: setup bpf
	$(SWIFT) build $(RELEASE) $(QUIET)

test-live: live-tests
	-@.ci/setup strace nft=nftables iptables dnsmasq=dnsmasq-base haproxy nginx jq chromium \
	  '/usr/share/fonts/*/*/*.ttf=fonts-dejavu-core' # without them tests are skipped
	$(SUDO) .build/release/live-tests run --tool $(CURDIR)/$(EXECUTABLE)

# Reports of real runs against the official schemas.
test-reports: live-tests
	@.ci/setup xmllint=libxml2-utils /usr/bin/pip3=python3-pip /usr/lib/python3/dist-packages/jsonschema=python3-jsonschema \
	  /usr/lib/python3/dist-packages/rfc3987.py=python3-rfc3987
	$(SUDO) Tests/Schemas/check --tool $(CURDIR)/$(EXECUTABLE)

# What make install and make dist leave, and completions in the shells that are here.
test-install: live-tests
	-@.ci/setup zsh fish
	Tests/Install/check $(EXECUTABLE)

# Every test on one of the kernels, and with ALL=1 on each of them.
test-guests: live-tests
	@ALL=$(ALL) Tests/VM/run-tests $(GUESTS)

fetch-guests: setup
	@Tests/VM/run-tests --fetch-only $(GUESTS)

# ---- quality

check: setup bpf
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests
	$(SWIFT) build --explicit-target-dependency-import-check error $(QUIET)
	mandoc -T lint -W warning man/*
	diff -u --label man/ebpfguard-events.5 --label --list-fields <(sed -n 's/^\.It Va //p' man/ebpfguard-events.5) \
	  <(.build/debug/ebpfguard trace --list-fields | cut -d ' ' -f 1)
	Tests/Manual/check .build/debug/ebpfguard

bench: live-tests
	Tests/Bench/bench --tool $(CURDIR)/$(EXECUTABLE)
	$(SWIFT) build $(RELEASE) --product RecordingBench $(QUIET)
	.build/release/RecordingBench

# watch-files beside opensnoop, inotifywait and fatrace, on a tree of 10,000 files.
compare-files: all
	-@.ci/setup opensnoop=libbpf-tools inotifywait=inotify-tools fatrace
	$(SUDO) Tests/Compare/compare-files --tool $(CURDIR)/$(EXECUTABLE)

# ---- packaging

install: all
	@$(MAKE) --no-print-directory install-files

# What is built already. For all to read, whatever the umask.
SHARE := $(DESTDIR)$(PREFIX)/share
install-files:
	install -D -m 755 $(EXECUTABLE) $(DESTDIR)$(PREFIX)/bin/ebpfguard
	@for page in man/*.[0-9]; do \
	  install -D -m 644 $$page $(SHARE)/man/man$${page##*.}/$$(basename $$page); done
	@complete() { ./$(EXECUTABLE) --generate-completion-script $$1 | install -D -m 644 /dev/stdin $(SHARE)/$$2; }; \
	complete bash bash-completion/completions/ebpfguard; \
	complete zsh zsh/site-functions/_ebpfguard; \
	complete fish fish/vendor_completions.d/ebpfguard.fish

DIST := ebpfguard-$(VERSION)-linux-$(ARCH)

dist: all
	rm -rf .build/$(DIST)
	@$(MAKE) --no-print-directory install-files PREFIX= DESTDIR=.build/$(DIST)
	install -m 644 README.md LICENSE CHANGELOG.md .build/$(DIST)/
	tar -C .build --owner=0 --group=0 -czf .build/$(DIST).tar.gz $(DIST)
	@echo .build/$(DIST).tar.gz

clean:
	rm -rf .build $(GENERATED)
