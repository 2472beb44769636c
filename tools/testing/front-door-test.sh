#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests what a newcomer meets first: make, scripts/setup, and what the pages
# claim. Prints KTAP; exits non-zero when a test fails.
#
#   tools/testing/front-door-test.sh LINUX_PRISTINE [TEST...]
#
# LINUX_PRISTINE is a Linux 7.3 tree, which is only read. TEST: run only these
# tests, by name. Nothing is built: cargo is replaced by a script that records
# how it was called.

# shellcheck disable=SC2016 # backticks are what pages quote with, $ is for make and cargo
set -u
export LC_ALL=C
unset MAKEFLAGS MAKELEVEL LINUX DRIVER CONFIG TEST 2>/dev/null

if [ $# -eq 0 ]; then
	sed -n 's/^# \{0,1\}//; 3,11p' "$0" >&2
	exit 2
fi
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
pristine=$(cd -- "$1" && pwd -P) || exit 1
shift
tmp=$(mktemp -d "${TMPDIR:-/tmp}/front-door.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
out="$tmp/out"
clone="$tmp/clone"

# ------------------------------------------------------------------ helpers

fail()
{
	echo "$*"
	sed 's/^/  | /' "$out" 2>/dev/null | head -n 15
	exit 1
}

# Makes a clone in which nothing was built, and a cargo that only records its calls.
new_clone()
{
	rm -rf "$clone" "${tmp:?}/bin" "$tmp/cargo"
	mkdir -p "$clone/tools/testing/src" "$tmp/bin"
	cp -R "$top/Makefile" "$top/scripts" "$clone/"
	: >"$clone/tools/testing/src/main.rs"
	printf '#!/bin/sh\necho "$*" >>"%s/cargo"\n%s\n' "$tmp" "${1-}" >"$tmp/bin/cargo"
	chmod +x "$tmp/bin/cargo"
}

# refused TEXT ARGUMENT...: make must fail, say TEXT, and do nothing before.
refused()
{
	text=$1
	shift
	new_clone
	(cd "$clone" && PATH="$tmp/bin:$PATH" make "$@") >"$out" 2>&1 </dev/null && fail "make $*: succeeds"
	grep -Fq -e "$text" "$out" || fail "make $*: does not say '$text'"
	[ ! -e "$clone/build" ] || fail "make $*: wrote build/ before it refused"
	[ ! -e "$tmp/cargo" ] || fail "make $*: called cargo before it refused"
}

# accepted ARGUMENT...: make must come to the runner.
accepted()
{
	new_clone
	(cd "$clone" && PATH="$tmp/bin:$PATH" make "$@") >"$out" 2>&1 </dev/null || fail "make $*: fails"
	grep -q '^run ' "$tmp/cargo" || fail "make $*: does not call the runner"
}

# Makes a correct driver folder, in which the caller then changes something.
new_driver()
{
	driver="$tmp/${1-driver}"
	rm -rf "$driver"
	cp -R "$top/samples/rust/out-of-tree" "$driver"
}

# Lists the pages whose claims are checked.
pages()
{
	(cd "$top" && ls README.md CONTRIBUTING.md Documentation/PCI/*.rst)
}

# -------------------------------------------------------------------- tests

t_help_fits_a_screen()
{
	make -C "$top" --no-print-directory >"$out" 2>&1 || fail "make: fails"
	[ "$(wc -l <"$out")" -le 24 ] || fail "make: more than 24 lines"
	[ -z "$(awk 'length > 80' "$out")" ] || fail "make: wider than 80 columns"
	for group in try build test prove; do
		grep -q "^$group " "$out" || fail "make: no group '$group'"
	done
	sed -n 's/^\.PHONY: //p' "$top/Makefile" | grep -v '^setup$\|^help$' | while read -r target; do
		grep -q "^.\{7\}$target " "$out" || fail "make: does not list '$target'"
	done
}

t_wrong_linux_is_refused()
{
	mkdir "$tmp/other"
	refused "there is no such folder" boot LINUX="$tmp/nothing"
	refused "is not a Linux source tree" boot LINUX="$tmp/other"
	refused "is not a Linux source tree" test LINUX="$top/README.md"
	mkdir -p "$tmp/other/drivers/pci"
	touch "$tmp/other/Kbuild"
	printf 'VERSION = 7\nPATCHLEVEL = 2\n' >"$tmp/other/Makefile"
	refused "is Linux 7.2" build LINUX="$tmp/other"
	refused "is Linux 7.2" doctor LINUX="$tmp/other"
	accepted boot LINUX="$pristine"
}

t_wrong_driver_is_refused()
{
	new_driver "my driver"
	refused "path with a space" boot DRIVER="$driver"
	new_driver
	refused "there is no such folder" boot DRIVER="$driver/nothing"
	refused "is not a folder" boot DRIVER="$driver/my_pci_driver.rs"
	refused "needs DRIVER=" editor
	accepted boot DRIVER="$driver"
	rm "$driver/qemu-devices"
	refused "has no qemu-devices" boot DRIVER="$driver"
	accepted editor DRIVER="$driver"
	echo "# obj-m := my_pci_driver.o" >"$driver/Kbuild"
	refused "builds no module" boot DRIVER="$driver"
	echo 'obj-$(CONFIG_MINE) += my_pci_driver.o' >"$driver/Kbuild"
	accepted editor DRIVER="$driver"
	rm "$driver/Kbuild"
	refused "has no Kbuild" boot DRIVER="$driver"
}

t_long_build_is_announced()
{
	accepted boot
	grep -q "Building the runner, the program behind make" "$out" || fail "is silent while the runner is built"
	mkdir -p "$clone/build/cargo/debug"
	: >"$clone/build/cargo/debug/runner"
	chmod +x "$clone/build/cargo/debug/runner"
	for touched in no yes; do
		[ $touched = no ] || touch -d tomorrow "$clone/tools/testing/src/main.rs"
		(cd "$clone" && PATH="$tmp/bin:$PATH" make doctor) >"$out" 2>&1 || fail "make doctor: fails"
		case $touched,$(grep -c "Building the runner" "$out") in
		no,0 | yes,1) ;;
		*) fail "touched: $touched, and says the wrong thing about the runner" ;;
		esac
	done
}

t_interrupt_says_what_is_left()
{
	# A shell that was started in the background may ignore the signal, and its children then do
	# so too.
	if [ "$(sh -c 'kill -INT $$; echo ignored')" ]; then
		echo "this shell ignores SIGINT" >"$tmp/skip"
		return
	fi
	# The first call builds the runner, and the second one runs it.
	new_clone 'case $1 in run) kill -INT $PPID ;; esac'
	(cd "$clone" && PATH="$tmp/bin:$PATH" make boot) >"$out" 2>&1 && fail "make boot: succeeds although interrupted"
	grep -q "Interrupted. What was built stays in build/" "$out" || fail "says nothing"
}

t_readme_is_short()
{
	: >"$out"
	[ "$(wc -l <"$top/README.md")" -le 150 ] || fail "README.md has more than 150 lines"
}

# Every path that a page names exists, in the clone or in the kernel's tree.
t_paths_exist()
{
	pages | while read -r page; do
		# Markdown quotes with one backtick, reStructuredText with two.
		grep -v '^``.*/``' "$top/$page" | sed 's/``/`/g' | grep -o '`\(rust\|drivers\|include\|samples\|scripts\|tools\|build\|[.]ci\)/[A-Za-z0-9_./-]*`\|Documentation/[A-Za-z0-9_./-]*\.rst\|](\([^)#:]*\))' |
			tr -d '`]()' | sort -u | while read -r path; do
			case $path in
			build/*) ;;
			*) [ -e "$top/$path" ] || [ -e "$pristine/$path" ] || echo "$page: $path" ;;
			esac
		done
	done >"$out"
	[ ! -s "$out" ] || fail "these paths are nowhere:"
}

t_make_targets_exist()
{
	pages | while read -r page; do
		sed 's/``/`/g' "$top/$page" | grep -o '`make [a-z-]*\|^make [a-z-]*\|\$ make [a-z-]*' | sed 's/.*make //' | sort -u | while read -r target; do
			grep -q "^$target:" "$top/Makefile" || case $target in
			coccicheck | rustavailable | olddefconfig | mrproper | htmldocs | rustdoc | "" | -*) ;;
			*) echo "$page: make $target" ;;
			esac
		done
	done >"$out"
	[ ! -s "$out" ] || fail "these are no targets:"
}

# tools/testing/claims: each number in a page, and the command that prints it.
t_numbers_are_true()
{
	: >"$out"
	grep -v '^#' "$top/tools/testing/claims" | grep . | while IFS='|' read -r page text command; do
		grep -q '^[^ ]' "$top/$page" || echo "$page is not there"
		number=$(cd "$top" && pristine="$pristine" sh -c "$command") || echo "$page: the command fails: $command"
		wanted=$(printf '%s' "$text" | sed "s/@/$number/")
		tr '\n' ' ' <"$top/$page" | tr -s ' ' | grep -Fq -e "$wanted" || echo "$page does not say '$wanted'"
	done >"$out"
	[ ! -s "$out" ] || fail "claims that are not so:"
}

# Every count in a page needs a command that prints it, except where a command writes the page.
t_numbers_have_a_command()
{
	pages | while read -r page; do
		# From such a line on a command writes the page. The sample output of make boot
		# has the time that the run took.
		sed '/^\(\.\. \)\?\(Written\|Generated\) by ``make/,$d; /^boot: ok\. /d' "$top/$page" | tr '\n' ' ' | tr -s ' ' |
			grep -oE '[0-9][0-9.,]* (files|drivers|tests|programs|lines|GB|GiB|MB|MiB|minutes|min|s|seconds|hours|cases|results|patches|objects|mutations|guests|packages|rounds)\b' |
			sort -u | while read -r claim; do
			grep -F "$page|" "$top/tools/testing/claims" | grep -Fq "@ ${claim#* }" || echo "$page: $claim"
		done
	done >"$out"
	[ ! -s "$out" ] || fail "no command prints these; add them to tools/testing/claims or take them out:"
}

# CONTRIBUTING tells a newcomer to apply one of them. A change of the lines that they quote breaks them.
t_mutations_apply()
{
	for patch in "$top"/tools/testing/mutations/*.patch; do
		(cd "$top" && git apply --check "$patch") || echo "${patch##*/}"
	done >"$out" 2>&1
	[ ! -s "$out" ] || fail "these mutations do not apply:"
}

# --------------------------------------------------------------------- main

tests=$(sed -n 's/^t_\([a-z_]*\)()$/\1/p' "$0")
[ $# -eq 0 ] || tests=$*
echo "KTAP version 1"
echo "1..$(echo "$tests" | wc -w)"
n=0 failed=0
for t in $tests; do
	n=$((n + 1))
	rm -f "$tmp/skip"
	if ("t_$t") >"$tmp/diag" 2>&1; then
		if [ -f "$tmp/skip" ]; then
			echo "ok $n $t # SKIP $(cat "$tmp/skip")"
		else
			echo "ok $n $t"
		fi
	else
		failed=$((failed + 1))
		sed 's/^/# /' "$tmp/diag"
		echo "not ok $n $t"
	fi
done
echo "# $((n - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
