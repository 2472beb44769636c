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
# test, equivalence: makes the random sequences of calls again that a failure names
SEED ?=
export LINUX CONFIG SEED

manifest := tools/testing/Cargo.toml
export CARGO_TARGET_DIR := $(CURDIR)/build/cargo
runner := cargo run --quiet --locked --manifest-path $(manifest) --

.PHONY: help
help:
	@printf 'PCI managed resources for Linux 7.3, in Rust\n\nUsage: make TARGET [LINUX=/path/to/linux-7.3]\n\n'
	@sed -n 's/^\([a-z]*\):[^#]*## */\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='	' read -r target text; do printf '  %-12s %s\n' "$$target" "$$text"; done
	@printf '\nWithout LINUX= the source is Debian'\''s linux-source-7.3. A tree named by LINUX= is copied\nand never modified, except by `make graft`. What is missing gets installed, with notice.\n'

.PHONY: boot
boot: setup ## build the grafted kernel, boot it in QEMU, run both samples
	@$(runner) boot

.PHONY: test
test: setup ## run all tests, in guests and on this machine (TEST=prefix: only some)
	@cargo test --quiet --locked --manifest-path $(manifest) --no-run
	@cargo test --locked --manifest-path $(manifest) -- $(TEST)

.PHONY: equivalence
equivalence: setup ## compare the stock kernel with ours, in the long form (TEST=prefix: only some)
	@cargo test --quiet --locked --manifest-path $(manifest) --no-run
	@LONG=1 cargo test --locked --manifest-path $(manifest) --test kernel -- $(TEST)

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

.PHONY: clean
clean: ## remove the kernels, keep the runner and downloads
	rm -rf build/linux build/.linux build/kernel build/stock build/debug build/modules build/objects build/pristine \
		build/bindgen build/logs build/results

.PHONY: distclean
distclean: ## remove build/ whole; downloads stay in ~/.cache/pci-devres-rust
	rm -rf build

.PHONY: setup
setup:
	@scripts/setup
	@test -x build/cargo/debug/runner || echo 'Building the runner in build/cargo (once, about a minute)'
