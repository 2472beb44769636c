#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the compiler refuses wrong drivers, and takes the Rust snippets of the
# README and the pages. Prints KTAP; exits non-zero when a test fails.
#
#   tools/testing/compile-fail.sh BUILD [TEST...]
#
# BUILD is a kernel build folder in which the samples were built, as build/kernel
# is after "make boot". TEST: run only these tests, by name.
#
# Each compile-fail/TEST.rs is two programs. A line that ends in "// FAIL" is only
# in the one that is refused, a line that ends in "// PASS" only in its twin, and
# nothing else differs. "//@ error:" says what rustc must refuse the first one with,
# and nothing else: an error code, a lint (which is denied), or the whole message
# where rustc has no code. The twin must compile without a warning.

set -u
export LC_ALL=C
# The top Makefile of the kernel does the same, for the unstable features that it uses.
export RUSTC_BOOTSTRAP=1

if [ $# -eq 0 ]; then
	sed -n 's/^# \{0,1\}//; 4,16p' "$0" >&2
	exit 2
fi
bail()
{
	echo "Bail out! $*"
	exit 1
}

top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
build=$(cd -- "$1" 2>/dev/null && pwd -P) || bail "no folder $1: build a kernel first, with 'make boot'"
shift

programs=$top/tools/testing/compile-fail
sample=rust_driver_pci_managed
cmd_file=$build/samples/rust/.$sample.o.cmd
[ -f "$cmd_file" ] ||
	bail "$build has no $sample sample that was built: run 'make boot', or build with CONFIG_SAMPLE_RUST_DRIVER_PCI_MANAGED=m"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/src" "$tmp/out"
out=$tmp/messages

# Prints the compiler's command line, without its input and output files. Of the
# escapes that Kbuild writes, only these two can occur.
# shellcheck disable=SC2016
rustc=$(sed -n '
	s/^savedcmd_[^ ]* := //
	t found
	d
	:found
	s/ ; .*//
	s/ --emit=[^ ]*//g
	s/ --out-dir [^ ]*//
	s/$/ /
	s/ [^ ]*'"$sample"'\.rs / /
	s/\$(pound)/#/g
	s/\$\$/$/g
	p' "$cmd_file")
case $rustc in
*' --extern kernel '*) ;;
*) bail "cannot make out the compiler's command line in $cmd_file" ;;
esac

# ------------------------------------------------------------------ helpers

# compile PROGRAM [FLAG...]: compiles $tmp/src/PROGRAM. The programs are not run, so what they define is not used.
compile()
{
	file=$1
	shift
	(
		cd "$build" &&
		eval "$rustc"' --crate-name compile_fail --emit=metadata --out-dir "$tmp/out" \
			--color never -A dead_code "$@" "$tmp/src/$file"'
	) >"$out" 2>&1
}

# version SOURCE WITHOUT: prints SOURCE, in which lines marked WITHOUT become empty, so that line numbers stay.
version()
{
	sed "s|^.*// $2\$||" "$1" >"$tmp/src/$(basename "$1")"
}

# Prints the errors in $out, one on each line: the code, or the message if there is none. The last error only counts the
# others, and is left out.
errors()
{
	sed -n '
		/^error: aborting due to /d
		s/^error\[\(E[0-9]*\)\]:.*/\1/p
		s/^error: \(.*\)/\1/p' "$out" | sort -u
}

fail()
{
	echo "$*"
	[ ! -s "$out" ] || head -n 12 "$out"
	return 1
}

# ------------------------------------------------------------------ tests

marks()
{
	sed -n 's|^.*// \(FAIL\)$|\1|p; s|^.*// \(PASS\)$|\1|p; t
		s/.*//p' "$1" | tr -s '\n' ' ' | sed 's/^ //; s/ $//'
}

run_program()
{
	source=$programs/$1.rs
	: >"$out"
	[ -f "$source" ] || fail "no $source" || return

	case $(marks "$source") in
	FAIL | PASS | 'FAIL PASS') ;;
	*) fail "its versions do not differ in one line: '$(marks "$source")'" || return ;;
	esac
	if [ "$(marks "$source")" = 'FAIL PASS' ] &&
		! sed -n '\|// FAIL$|{n;p;}' "$source" | grep -q '// PASS$'; then
		fail "the line for the twin does not follow the one that is refused" || return
	fi

	expected=$(sed -n 's|^//@ error: \(.*\)$|\1|p' "$source")
	case $expected in
	'') fail "does not say what it is refused with: //@ error:" || return ;;
	*\ * | E[0-9]*) lint= ;;
	*) lint=$expected ;;
	esac

	version "$source" PASS
	if compile "$1.rs" ${lint:+-D "$lint"}; then
		fail "is not refused" || return
	fi
	if [ -n "$lint" ]; then
		# A lint shows its name in a note, with "-" for "_".
		flag=$(echo "$lint" | tr _ -)
		[ "$(errors | wc -l)" -eq 1 ] &&
			grep -q "requested on the command line with \`-D $flag\`" "$out" ||
			fail "is refused with '$(errors | paste -s -d , -)' rather than $lint" || return
	else
		[ "$(errors)" = "$expected" ] ||
			fail "is refused with '$(errors | paste -s -d , -)' rather than '$expected'" || return
	fi

	version "$source" FAIL
	compile "$1.rs" ${lint:+-D "$lint"} || fail "the twin is refused" || return
	[ ! -s "$out" ] || fail "the twin compiles with warnings" || return
}

# The samples and the test driver show what can be done without "unsafe".
run_no_unsafe_in_samples()
{
	: >"$out"
	(
		cd "$top" || exit 1
		for file in samples/rust/*.rs samples/rust/*/*.rs \
			drivers/pci/msi/rust_pci_ownership_test.rs; do
			[ -f "$file" ] || continue
			sed 's|^//.*||; s|[[:space:]]//.*||' "$file" | grep -nE '(^|[^[:alnum:]_])unsafe([^[:alnum:]_]|$)' | sed "s|^|$file:|"
		done
		for name in edu explicit managed msix; do
			[ -f "samples/rust/rust_driver_pci_$name.rs" ] || echo "no $name sample"
		done
		[ -f drivers/pci/msi/rust_pci_ownership_test.rs ] || echo "no ownership test"
	) >"$out"
	[ ! -s "$out" ] || fail "unsafe, or missing:"
}

# snippet PAGE N: prints the N-th Rust snippet of a page. In Markdown it is fenced; in reStructuredText it is a literal
# block that begins with a statement or a comment of Rust.
snippet()
{
	case $1 in
	*.md) awk -v n="$2" '/^```rust$/ { at++; inside = 1; next } /^```$/ { inside = 0 } inside && at == n' "$top/$1" ;;
	*.rst)
		awk -v n="$2" '
			/::$/ { waiting = 1; next }
			waiting && /^$/ && !inside { next }
			waiting && /^\t+(let |pdev|\/\/)/ && !inside { at++; inside = 1; match($0, /^\t+/); depth = RLENGTH }
			inside && !/^$/ { match($0, /^\t*/); if (RLENGTH < depth) { inside = 0; waiting = 0 } }
			!inside { waiting = 0 }
			inside && at == n' "$top/$1"
		;;
	esac
}

run_snippets_of_pages()
{
	: >"$out"
	sed -n 's|^ *//@ ||p' "$top/tools/testing/snippets.rs" >"$tmp/wanted"
	while read -r page at; do
		[ -n "$(snippet "$page" "$at")" ] || fail "there is no snippet $at in $page" || return
	done <"$tmp/wanted"
	while IFS= read -r line; do
		case $line in
		*"//@ "*)
			line=${line#*//@ }
			snippet "${line% *}" "${line##* }"
			;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$top/tools/testing/snippets.rs" >"$tmp/src/snippets.rs"
	for page in README.md Documentation/PCI/rust-driver-out-of-tree.rst; do
		next=$(($(grep -c "//@ $page " "$top/tools/testing/snippets.rs") + 1))
		[ -z "$(snippet "$page" "$next")" ] || fail "snippet $next of $page is not in snippets.rs" || return
	done
	compile snippets.rs || fail "snippets do not compile" || return
	[ ! -s "$out" ] || fail "snippets compile with warnings"
}

run()
{
	case $1 in
	no_unsafe_in_samples) run_no_unsafe_in_samples ;;
	snippets_of_pages) run_snippets_of_pages ;;
	*) run_program "$1" ;;
	esac
}

# ------------------------------------------------------------------ main

cp "$programs/common.rs" "$tmp/src" || exit 1
if ! compile common.rs; then
	sed 's/^/# /; 12q' "$out"
	bail "rustc cannot compile against the kernel in $build: was it built with this overlay, and completely?"
fi

if [ $# -eq 0 ]; then
	for source in "$programs"/*.rs; do
		name=$(basename "$source" .rs)
		[ "$name" = common ] || set -- "$@" "$name"
	done
	set -- "$@" no_unsafe_in_samples snippets_of_pages
fi

echo "KTAP version 1"
echo "1..$#"
n=0
failed=0
for name; do
	n=$((n + 1))
	if run "$name" >"$tmp/why"; then
		echo "ok $n $name"
	else
		failed=$((failed + 1))
		sed 's/^/# /' "$tmp/why"
		echo "not ok $n $name"
	fi
done
[ "$failed" -eq 0 ]
