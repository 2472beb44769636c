# SPDX-License-Identifier: GPL-2.0
#
# The front door. `make` alone lists the commands; everything that they build lies in
# build/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The commands share build/ and print to one terminal.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

# A Linux 7.3 source tree of your own. If it is not set, Debian's is fetched.
LINUX ?=
# doctor: the .config to look at
CONFIG ?=
# test: only tests with this text in their names, e.g. TEST=guest::samples
TEST ?=
# platforms: only those whose names begin with one of these words
P ?=
# series: 1 builds and boots every step that changed since it passed, 99-142 some; census: 1 fails where the rule would report a driver
CHECK ?=
# series: the version to write; from 2 on it is compared with the one before
REROLL ?=
# boot: a folder with a driver of your own, in place of the samples
DRIVER ?=
# test, equivalence: makes the random sequences of calls again that a failure names
SEED ?=
# converted: 1 runs them on kernels with sanitizers, and has their allocations fail
DEBUG ?=
# test: 1 has kmemleak look for leaks in the guests on the debug kernel
LEAKS ?=
export LINUX CONFIG DRIVER SEED LEAKS TEST

manifest := tools/testing/Cargo.toml
export CARGO_TARGET_DIR := $(CURDIR)/build/cargo
interrupted = echo; echo 'Interrupted. What was built stays in build/; the same command goes on from there.'; exit 130
runner := trap "$(interrupted)" INT; cargo run --quiet --locked --manifest-path $(manifest) --
tests := trap "$(interrupted)" INT; cargo test --locked --workspace --manifest-path $(manifest)

.PHONY: help
help:
	@echo 'PCI managed resources in Rust, for Linux 7.3. Usage: make TARGET [LINUX=TREE]'
	@for group in try build test prove; do \
		sed -n "s/^\([a-z-]*\):[^#]*## $$group: */\1\t/p" $(firstword $(MAKEFILE_LIST)) | \
			while IFS='	' read -r target text; do \
				printf '%-6s %-12s %s\n' "$$group" "$$target" "$$text"; group=; \
			done; done
	@echo 'TREE: Linux 7.3 source; only make graft modifies it. Without it, Debian'\''s.'

.PHONY: boot
boot: setup ## try: boot the kernel in QEMU with both samples (DRIVER=: yours)
	@$(runner) boot

.PHONY: doctor
doctor: ## try: say what is missing, and what hides Rust (CONFIG=.config)
	@scripts/setup --check
	@$(runner) doctor

.PHONY: editor
editor: setup ## try: describe your driver to rust-analyzer (DRIVER=folder)
	@$(runner) editor

.PHONY: graft
graft: ## build: put the overlay into your own tree (LINUX= names it)
	@test -n "$(LINUX)" || { echo 'make graft needs LINUX=/path/to/linux-7.3' >&2; exit 2; }
	@scripts/graft "$(LINUX)"

.PHONY: menuconfig
menuconfig: setup ## build: configure the kernel in build/kernel
	@$(runner) menuconfig

.PHONY: build
build: setup ## build: build the grafted kernel and its modules in build/kernel
	@$(runner) build

.PHONY: docs
docs: setup ## build: build the documentation: pages, kernel-doc, rustdoc
	@$(runner) docs

.PHONY: format
format: ## build: format the code as the kernel does
	@scripts/format $(LINUX)

.PHONY: clean
clean: ## build: remove the kernels, keep the runner and downloads
	@[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name cargo -exec rm -rf {} +

.PHONY: distclean
distclean: ## build: remove build/; ~/.cache/pci-devres-rust stays
	rm -rf build

.PHONY: test
test: setup ## test: run the tests (TEST=text: those with it in their names)
	@$(tests) --no-run
	@$(tests) --lib -- $(TEST)
	@$(tests) --test kernel

.PHONY: equivalence
equivalence: setup ## test: compare the stock kernel with ours, at length (TEST=)
	@$(tests) --no-run
	@export LONG=1; $(tests) --test kernel

.PHONY: mutations
mutations: setup ## test: break the code in many places, expect red (TEST=)
	@$(runner) mutations $(TEST)

.PHONY: evidence
evidence: setup ## prove: show what goes wrong without ownership, and with it
	@$(runner) evidence

.PHONY: model
model: setup ## prove: explore the model of the rule; needs no kernel
	@trap "$(interrupted)" INT; cargo run --quiet --locked --manifest-path $(manifest) --package model

.PHONY: bench
bench: setup ## prove: count the instructions that both kernels take
	@$(runner) bench

.PHONY: census
census: setup ## prove: say who frees, in every driver (CHECK=1, FORMAT=json|errors)
	@$(runner) census --format $(or $(FORMAT),table) $(if $(filter 1,$(CHECK)),--check)

.PHONY: acceptance
acceptance: setup ## prove: say which requests of reviewers are met (RUN=0: only look)
	@RUN=$(RUN) && export RUN && $(runner) acceptance

.PHONY: tree-check
tree-check: setup ## prove: compile every converted driver, for x86-64 and arm64
	@$(runner) tree-check

.PHONY: converted
converted: setup ## prove: run converted drivers on the software bus (TEST=)
	@$(runner) converted $(if $(filter 1,$(DEBUG)),--debug) $(TEST)

.PHONY: platforms
platforms: setup ## prove: run samples and KUnit on arm64, riscv64, UML, RT (P=names)
	@$(runner) platforms $(P)

.PHONY: series
series: setup ## prove: write the overlay as patches (CHECK=1: boot each; REROLL=2)
	@$(runner) series $(if $(CHECK),--check $(CHECK)) $(if $(REROLL),--reroll $(REROLL))

.PHONY: setup
setup:
	@scripts/setup $(MAKECMDGOALS)
