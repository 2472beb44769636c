# SPDX-License-Identifier: GPL-2.0
#
# The front door. `make` alone lists what there is; everything made lands in build/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The commands share build/ and print to one terminal.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

# A Linux 7.3 source tree of your own; unset: Debian's is fetched.
LINUX ?=
# doctor: the .config to look at
CONFIG ?=
# test: only tests whose name begins so, e.g. TEST=guest::samples
TEST ?=
# series: 1 builds every step, boots and takes it back; census: 1 fails where the rule would report a driver
CHECK ?=
# boot: a folder with a driver of your own, in place of the samples
DRIVER ?=
# test, equivalence: makes the random sequences of calls again that a failure names
SEED ?=
export LINUX CONFIG DRIVER SEED

manifest := tools/testing/Cargo.toml
export CARGO_TARGET_DIR := $(CURDIR)/build/cargo
runner := cargo run --quiet --locked --manifest-path $(manifest) --

.PHONY: help
help:
	@printf 'PCI managed resources for Linux 7.3, in Rust\n\nUsage: make TARGET [LINUX=/path/to/linux-7.3]\n\n'
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='	' read -r target text; do printf '  %-12s %s\n' "$$target" "$$text"; done
	@printf '\nWithout LINUX= the source is Debian'\''s linux-source-7.3. A tree named by LINUX= is copied\nand never modified, except by `make graft`. What is missing gets installed, with notice.\n'

.PHONY: boot
boot: setup ## build the grafted kernel, boot it in QEMU, run both samples (DRIVER=folder: your own)
	@$(runner) boot

.PHONY: editor
editor: setup ## let rust-analyzer know a driver of your own (DRIVER=folder)
	@test -n "$(DRIVER)" || { echo 'make editor needs DRIVER=/path/to/folder' >&2; exit 2; }
	@$(runner) editor

.PHONY: test
test: setup ## run all tests, in guests and on this machine (TEST=prefix: only some)
	@cargo test --quiet --locked --manifest-path $(manifest) --no-run
	@cargo test --locked --manifest-path $(manifest) -- $(TEST)

.PHONY: equivalence
equivalence: setup ## compare the stock kernel with ours, in the long form (TEST=prefix: only some)
	@cargo test --quiet --locked --manifest-path $(manifest) --no-run
	@LONG=1 cargo test --locked --manifest-path $(manifest) --test kernel -- $(TEST)

.PHONY: mutations
mutations: setup ## break the code in one place after another, expect red (TEST=prefix: only some; 15 minutes)
	@$(runner) mutations $(TEST)

.PHONY: bench
bench: setup ## count the instructions that the stock kernel and ours take
	@$(runner) bench

.PHONY: evidence
evidence: setup ## show what goes wrong without ownership, and what ours makes of it
	@$(runner) evidence

.PHONY: census
census: setup ## list who frees vectors, in every driver (FORMAT=table|json|errors, CHECK=1: fail for what is reported)
	@$(runner) census --format $(or $(FORMAT),table) $(if $(filter 1,$(CHECK)),--check)

.PHONY: acceptance
acceptance: setup ## say which of the reviewers' requests are met, and by what (RUN=0: run nothing)
	@RUN=$(RUN) $(runner) acceptance

.PHONY: tree-check
tree-check: setup ## compile every converted driver, for x86-64 and arm64, option on and off
	@$(runner) tree-check

.PHONY: doctor
doctor: ## say which tools are there or missing, and what hides Rust (CONFIG=file)
	@scripts/setup --check
	@$(runner) doctor

.PHONY: graft
graft: ## put the overlay into your own tree (LINUX= names it)
	@test -n "$(LINUX)" || { echo 'make graft needs LINUX=/path/to/linux-7.3' >&2; exit 2; }
	@scripts/graft "$(LINUX)"

.PHONY: menuconfig
menuconfig: setup ## configure the kernel in build/kernel
	@$(runner) menuconfig

.PHONY: build
build: setup ## build the grafted kernel and its modules into build/kernel
	@$(runner) build

.PHONY: docs
docs: setup ## build the documentation: pages, kernel-doc, rustdoc
	@$(runner) docs

.PHONY: series
series: setup ## write the overlay as a series of patches (CHECK=1: build, boot, take back; 15 minutes)
	@$(runner) series $(if $(filter 1,$(CHECK)),--check)

.PHONY: clean
clean: ## remove the kernels, keep the runner and downloads
	@[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name cargo -exec rm -rf {} +

.PHONY: distclean
distclean: ## remove build/ whole; downloads stay in ~/.cache/pci-devres-rust
	rm -rf build

.PHONY: setup
setup:
	@scripts/setup
	@test -x build/cargo/debug/runner || echo 'Building the runner in build/cargo (once, about a minute)'
