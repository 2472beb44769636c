#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests scripts/graft. Prints KTAP; exits non-zero when a test fails.
#
#   tools/testing/graft-test.sh LINUX_PRISTINE [TEST...]
#
# LINUX_PRISTINE is an ungrafted Linux 7.3 tree, which is only read: the tests
# graft small trees that hold just the files that matter, with a copy of this
# overlay. TEST: run only these tests, by name.

set -u
export LC_ALL=C
unset NO_COLOR 2>/dev/null

if [ $# -eq 0 ]; then
	sed -n 's/^# \{0,1\}//; 4,11p' "$0" >&2
	exit 2
fi
bail()
{
	echo "Bail out! $*"
	exit 1
}

top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
pristine=$(cd -- "$1" && pwd -P) || bail "no folder $1"
shift
[ ! -e "$pristine/.pci_devres_rust" ] || bail "$pristine is grafted, give a pristine tree"
[ -f "$pristine/drivers/pci/devres.c" ] || bail "$pristine is not a Linux tree"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/graft-test.XXXXXX") || exit 1
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/tmp"
export TMPDIR="$tmp/tmp"
chmod 755 "$tmp"
chmod 1777 "$tmp/tmp"

overlay="$tmp/over lay"     # the overlay that the tests may change
linux="$tmp/linux tree"     # the tree that the tests graft
base="$tmp/base"            # what $linux is before grafting
grafted="$tmp/grafted"      # what it is after
full="$tmp/full"            # what it is with every driver; the overlay of most
                            # tests has but a few, which saves minutes
graft="$overlay/scripts/graft"
out="$tmp/out"              # what graft wrote to standard output
err="$tmp/err"              # and to standard error

# ------------------------------------------------------------------ helpers

fail()
{
	echo "$*"
	echo "-- stdout:"
	head -n 12 "$out" 2>/dev/null
	echo "-- stderr:"
	head -n 12 "$err" 2>/dev/null
	exit 1
}

skip()
{
	echo "$*" >"$tmp/skip"
	exit 0
}

new_overlay()
{
	rm -rf "$overlay"
	cp -a "$tmp/overlay" "$overlay"
}

new_tree()
{
	chmod -R u+w "$linux" 2>/dev/null
	rm -rf "$linux"
	cp -a "$1" "$linux"
}

# Files with mode, time and content; with "all" also folders with theirs.
snapshot()
{
	(
		cd "$linux" || exit 1
		if [ "${1-}" = all ]; then
			find . -printf '%p %y %m %T@ %l\n' | sort
		elif [ "${1-}" = modes ]; then
			find . -printf '%p %y %m %l\n' | sort
		else
			find . ! -type d -printf '%p %y %m %T@ %l\n' | sort
			find . -type d | sort
		fi
		find . -type f -exec sha256sum {} + | sort
	)
}

# run STATUS ARGUMENT...: runs graft, expects that exit status.
run()
{
	want=$1
	shift
	"$graft" "$@" >"$out" 2>"$err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || fail "graft $*: exit status $got, not $want"
	[ "$want" -ne 0 ] || ! grep -q 'not found\|rror' "$err" || fail "graft $*: errors on stderr"
}

# refused TEXT ARGUMENT...: graft must fail, say TEXT, and change nothing.
refused()
{
	text=$1
	shift
	snapshot all >"$tmp/before"
	run 1 "$@"
	snapshot all >"$tmp/after"
	grep -q '^graft: error: ' "$err" || fail "graft $*: no error message"
	grep -Fq -e "$text" "$err" || fail "graft $*: the message does not say '$text'"
	cmp -s "$tmp/before" "$tmp/after" || fail "graft $*: failed, but changed: $(diff "$tmp/before" "$tmp/after" | head -5)"
	[ -z "$(ls -A "$TMPDIR")" ] || fail "left temporary files: $(ls -A "$TMPDIR")"
}

no_rubbish()
{
	[ ! -e "$linux/.pci_devres_rust.tmp" ] || fail "left .pci_devres_rust.tmp in the tree"
	[ -z "$(ls -A "$TMPDIR")" ] || fail "left temporary files: $(ls -A "$TMPDIR")"
}

same_as()
{
	diff -r "$1" "$linux" >"$tmp/diff" || fail "$linux differs from $1: $(head -5 "$tmp/diff")"
}

said()
{
	grep -Fq -e "$1" "$out" || fail "does not say '$1'"
}

edited()
{
	"$graft" --list-edited
}

by_semantic_patch()
{
	grep -v '^#' "$top/scripts/converted-drivers" | grep .
}

# An overlay file that no other file of the overlay depends on.
some_added=drivers/pci/Kconfig.devres_rust
some_edited=drivers/pci/Makefile

# With PATH="$tmp/shim:$PATH", the program $1 does $3 (shell code) first when
# it is called the $2nd time, or whenever its arguments match $2.
shim()
{
	rm -rf "$tmp/shim"
	mkdir "$tmp/shim"
	real=$(command -v "$1")
	cat >"$tmp/shim/$1" <<-END
	#!/bin/sh
	echo >>"$tmp/shim/calls"
	case \$((\$(wc -l <"$tmp/shim/calls"))):\$* in
	$2:* | *:$2)
		: >"$tmp/shim/hit"
		$3
		;;
	esac
	exec $real "\$@"
	END
	chmod +x "$tmp/shim/$1"
}

# -------------------------------------------------------------------- tests

t_apply_adds_and_edits()
{
	new_tree "$base"
	PATH="$real_path" run 0 "$linux"
	said grafted
	said "PCI managed resources in Rust"
	no_rubbish
	edited | while read -r f; do
		! cmp -s "$base/$f" "$linux/$f" || fail "$f is not edited"
		[ "$(stat -c %a "$base/$f")" = "$(stat -c %a "$linux/$f")" ] || fail "$f has another mode"
	done || exit 1
	cmp "$overlay/Kconfig" "$linux/drivers/pci/Kconfig.devres_rust" || fail "the menu is not there"
	(cd "$overlay" && find rust drivers samples scripts/coccinelle tools -type f ! -name '.*') | while read -r f; do
		cmp "$overlay/$f" "$linux/$f" || fail "$f is not there"
	done || exit 1
	cmp "$overlay/drivers/pci/msi/.kunitconfig" "$linux/drivers/pci/msi/.kunitconfig" || fail "kunit.py cannot find the suites"
	[ -z "$(find "$linux" -type l)" ] || fail "there are symbolic links"
	[ -z "$(find "$linux" -name '*.orig' -o -name '*.rej' -o -name '*.cocci_*' -o -name 'cocci-output*')" ] || fail "there is rubbish"
}

t_apply_wires_kbuild()
{
	new_tree "$grafted"
	while IFS='|' read -r f line; do
		grep -qxF -e "$line" "$linux/$f" || fail "$f lacks the line: $line"
		[ "$(grep -cxF -e "$line" "$linux/$f")" -eq 1 ] || fail "$f has the line twice: $line"
	done <<-'END'
	drivers/pci/Kconfig|source "drivers/pci/Kconfig.devres_rust"
	drivers/pci/Makefile|include $(src)/Makefile.devres_rust
	drivers/pci/controller/Kconfig|source "drivers/pci/controller/pci-soft/Kconfig"
	drivers/pci/controller/Makefile|obj-$(CONFIG_PCI_SOFT) += pci-soft/
	drivers/pci/msi/Makefile|include $(src)/Makefile.ownership_rust
	tools/testing/selftests/Makefile|TARGETS += pci_irq_vectors
	samples/rust/Kconfig|source "samples/rust/Kconfig.pci_devres"
	samples/rust/Makefile|include $(src)/Makefile.pci_devres
	rust/helpers/helpers.c|#include "pci_devres.c"
	rust/bindings/bindings_helper.h|#include "../../drivers/pci/msi/ownership.h"
	END
}

t_apply_converts_drivers()
{
	by_semantic_patch | while read -r f; do
		grep -q 'pcim_alloc_irq_vectors' "$full/$f" || fail "$f is not converted"
		! grep '[^m_]pci_\(alloc_irq_vectors\|free_irq_vectors\|enable_msi\|enable_msix\|disable_msi\)' "$full/$f" ||
			fail "$f is half converted"
	done
}

t_patches_of_drivers_say_why()
{
	for p in "$top"/scripts/patches/drivers/*.patch; do
		sed -n 1p "$p" | grep -Eq '^(Managed|Explicit)[,.: ]' ||
			fail "$p: the first line does not say which model, and why"
		[ "$(sed '/^--- /q' "$p" | wc -l)" -eq 2 ] || fail "$p: says it in more than one line"
	done
}

# No implicit free is left that the semantic patch can find.
t_semantic_patch_is_done()
{
	PATH="$real_path"
	(
		cd "$tmp/tmp" && spatch --very-quiet --no-includes -D report --jobs 2 \
			--sp-file "$top/scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci" --dir "$full"
	) >"$out" 2>"$err"
	! grep 'WARNING:' "$out" || fail "calls are left"
}

t_converted_drivers_pass_checkpatch()
{
	command -v perl >/dev/null || skip "perl is missing"
	[ -f "$pristine/scripts/checkpatch.pl" ] || skip "no checkpatch.pl"
	{
		by_semantic_patch
		sed -n 's,^+++ b/,,p' "$top"/scripts/patches/drivers/*.patch
	} | while read -r f; do
		diff -up --label "a/$f" --label "b/$f" "$base/$f" "$full/$f"
	done >"$tmp/converted.patch"
	grep -q '^+.*pcim_alloc_irq_vectors' "$tmp/converted.patch" || fail "nothing to check"
	(cd "$pristine" && perl scripts/checkpatch.pl --no-tree --no-signoff --strict --show-types \
		--ignore COMMIT_MESSAGE,NOT_UNIFIED_DIFF "$tmp/converted.patch") >"$out" 2>&1
	! grep -q 'ERROR:\|WARNING:\|CHECK:' "$out" || fail "checkpatch complains"
	grep -q '0 errors, 0 warnings' "$out" || fail "checkpatch did not work"
}

t_apply_twice_is_a_no_op()
{
	new_tree "$grafted"
	snapshot all >"$tmp/before"
	run 0 "$linux"
	said "already grafted, nothing to do"
	snapshot all >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "changed: $(diff "$tmp/before" "$tmp/after" | head -5)"
}

t_undo_restores_everything()
{
	new_tree "$base"
	snapshot modes >"$tmp/before"
	run 0 "$linux"
	run 0 --undo "$linux"
	same_as "$base"
	snapshot modes >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "mode or folders differ: $(diff "$tmp/before" "$tmp/after" | head -5)"
	# make must see that objects built from the grafted file are out of date.
	[ -n "$(find "$linux/drivers/pci/Makefile" -newer "$base/drivers/pci/Makefile")" ] ||
		fail "a restored file is not newer than what was built from the grafted one"
	no_rubbish
}

t_undo_keeps_build_results()
{
	mkdir "$overlay/drivers/pci/one"
	echo "// one" >"$overlay/drivers/pci/one/a.rs"
	new_tree "$base"
	run 0 "$linux"
	: >"$linux/drivers/pci/one/a.o"
	run 0 --undo "$linux"
	rm "$linux/drivers/pci/one/a.o" || fail "removed a file that graft did not add"
	rmdir "$linux/drivers/pci/one" || fail "left an added file"
	same_as "$base"
}

t_undo_twice_says_so()
{
	new_tree "$base"
	snapshot all >"$tmp/before"
	run 0 --undo "$linux"
	said "not grafted, nothing to undo"
	snapshot all >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "changed the tree"
}

t_graft_undo_graft()
{
	new_tree "$grafted"
	run 0 --undo "$linux"
	run 0 "$linux"
	same_as "$grafted"
}

t_update_writes_only_what_changed()
{
	new_tree "$grafted"
	echo "# edited" >>"$overlay/Kconfig"
	snapshot | grep -v pci_devres_rust/ >"$tmp/before"
	run 0 --check "$linux"
	said "not as this version of the overlay would"
	run 0 "$linux"
	said "brought up to date"
	snapshot | grep -v pci_devres_rust/ >"$tmp/after"
	diff "$tmp/before" "$tmp/after" | sed -n 's/^> //p' | grep -v 'drivers/pci/Kconfig.devres_rust' >"$tmp/diff"
	[ ! -s "$tmp/diff" ] || fail "also changed: $(cat "$tmp/diff")"
	cmp -s "$overlay/Kconfig" "$linux/drivers/pci/Kconfig.devres_rust" || fail "did not update Kconfig.devres_rust"
	run 0 --undo "$linux"
	same_as "$base"
}

t_update_adds_and_drops()
{
	mkdir -p "$overlay/drivers/pci/one/two"
	echo "// one" >"$overlay/drivers/pci/one/two/a.rs"
	echo "drivers/ata/ahci.c" >"$overlay/scripts/converted-drivers"
	mv "$overlay/scripts/patches/drivers/cxl.patch" "$tmp/cxl.patch"
	new_tree "$base"
	run 0 "$linux"
	[ -f "$linux/drivers/pci/one/two/a.rs" ] || fail "a.rs was not added"
	cmp -s "$base/sound/hda/controllers/intel.c" "$linux/sound/hda/controllers/intel.c" || fail "intel.c was edited"

	rm -r "$overlay/drivers/pci/one"
	echo "sound/hda/controllers/intel.c" >"$overlay/scripts/converted-drivers"
	mv "$tmp/cxl.patch" "$overlay/scripts/patches/drivers/cxl.patch"
	rm "$overlay/scripts/patches/drivers/xe.patch"
	touch "$tmp/mark"
	run 0 "$linux"
	[ ! -e "$linux/drivers/pci/one" ] || fail "a.rs or its folders are still there"
	cmp -s "$base/drivers/ata/ahci.c" "$linux/drivers/ata/ahci.c" || fail "ahci.c is still edited"
	[ -z "$(find "$linux/drivers/ata/ahci.c" ! -newer "$tmp/mark")" ] || fail "ahci.c has an old time, make would miss it"
	! cmp -s "$base/sound/hda/controllers/intel.c" "$linux/sound/hda/controllers/intel.c" || fail "intel.c was not edited"
	! cmp -s "$base/drivers/cxl/pci.c" "$linux/drivers/cxl/pci.c" || fail "cxl/pci.c was not edited"
	cmp -s "$base/drivers/gpu/drm/xe/xe_irq.c" "$linux/drivers/gpu/drm/xe/xe_irq.c" || fail "xe_irq.c is still edited"
	run 0 --undo "$linux"
	same_as "$base"
}

t_no_spatch_needed_for_update()
{
	new_tree "$grafted"
	echo "# edited" >>"$overlay/Kconfig"
	shim spatch "*" "exit 1"
	PATH="$tmp/shim:$PATH" run 0 "$linux"
	said "brought up to date"
}

t_edits_moved_to_the_overlay()
{
	new_tree "$grafted"
	echo "# edited in the tree" >>"$linux/$some_added"
	cp "$linux/$some_added" "$overlay/Kconfig"
	run 0 "$linux"
	run 0 --undo "$linux"
	same_as "$base"
}

t_check_changes_nothing()
{
	new_tree "$base"
	snapshot all >"$tmp/before"
	run 0 --check "$linux"
	said "not grafted"
	snapshot all >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "changed the pristine tree"

	new_tree "$grafted"
	snapshot all >"$tmp/before"
	run 0 --check "$linux"
	said "grafted, up to date"
	snapshot all >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "changed the grafted tree"
}

t_check_fails_where_graft_would()
{
	new_tree "$base"
	sed -i 's/^PATCHLEVEL = 3/PATCHLEVEL = 2/' "$linux/Makefile"
	refused "is Linux 7.2" --check "$linux"
	new_tree "$grafted"
	rm "$linux/$some_added"
	refused "$some_added" --check "$linux"
}

t_patch_equals_graft()
{
	new_tree "$base"
	snapshot all >"$tmp/before"
	run 0 --patch "$linux"
	cp "$out" "$tmp/patch1"
	snapshot all >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "changed the tree"
	(cd "$linux" && patch -p1 -s -F0) <"$tmp/patch1" >"$out" 2>&1 || fail "patch -p1 does not take it"
	cp -a "$grafted/.pci_devres_rust" "$linux/"
	same_as "$grafted"

	new_tree "$grafted"
	run 0 --patch "$linux"
	cmp -s "$out" "$tmp/patch1" || fail "a grafted tree gives another patch"

	command -v git >/dev/null || return 0
	new_tree "$base"
	(cd "$linux" && git init -q . && git apply --whitespace=nowarn "$tmp/patch1" && rm -rf .git) >"$out" 2>&1 ||
		fail "git apply does not take it"
	cp -a "$grafted/.pci_devres_rust" "$linux/"
	same_as "$grafted"
}

t_wrong_version()
{
	new_tree "$base"
	sed -i 's/^PATCHLEVEL = 3/PATCHLEVEL = 4/' "$linux/Makefile"
	refused "is Linux 7.4" "$linux"
	refused "is Linux 7.4" --undo "$linux"
	refused "is Linux 7.4" --patch "$linux"
}

t_missing_folder()
{
	new_tree "$base"
	refused "there is no folder" "$linux/nothing"
	refused "is not a folder" "$linux/Makefile"
}

t_not_a_kernel_tree()
{
	new_tree "$base"
	rm "$linux/Kbuild"
	refused "is not a Linux source tree" "$linux"
}

t_incomplete_tree()
{
	new_tree "$base"
	rm "$linux/drivers/ata/ahci.c"
	refused "drivers/ata/ahci.c" "$linux"
}

t_unwritable_folder()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root, to become another user"
	command -v setpriv >/dev/null || skip "setpriv is missing"
	new_tree "$base"
	printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "%s/graft" "$@"\n' \
		"$overlay/scripts" >"$tmp/graft-as-nobody"
	chmod +x "$tmp/graft-as-nobody"
	setpriv --reuid=65534 --regid=65534 --clear-groups "$graft" --list-edited >"$out" 2>"$err" ||
		skip "another user cannot enter $tmp"
	graft="$tmp/graft-as-nobody"
	refused "cannot write to these folders" "$linux"
	refused "cannot write to these folders" --check "$linux"

	new_tree "$base"
	chown -R 65534:65534 "$linux"
	chmod a-w "$linux/drivers/pci/msi"
	refused "drivers/pci/msi" "$linux"
	chmod u+w "$linux/drivers/pci/msi"
	run 0 "$linux"
	chmod a-w "$linux/drivers/pci/msi"
	refused "drivers/pci/msi" --undo "$linux"
}

t_disk_full()
{
	new_tree "$base"
	for n in 1 15 40; do
		shim cp $n "echo 'cp: No space left on device' >&2; exit 1"
		PATH="$tmp/shim:$PATH" refused_late "$linux"
	done
}

# refused() for an error in the midst of installing, which touches folders.
refused_late()
{
	snapshot >"$tmp/before"
	run 1 "$@"
	snapshot >"$tmp/after"
	[ -e "$tmp/shim/hit" ] || fail "the fault was not reached"
	cmp -s "$tmp/before" "$tmp/after" || fail "not rolled back: $(diff "$tmp/before" "$tmp/after" | head -5)"
	no_rubbish
}

t_interrupted_install_rolls_back()
{
	new_tree "$base"
	for n in 1 2 9 "$renames"; do
		shim mv "$n" "echo 'mv: Input/output error' >&2; exit 1"
		PATH="$tmp/shim:$PATH" refused_late "$linux"
	done
	# The journal is removed when all files are in place.
	shim rm "*.tmp/plan" "exit 1"
	PATH="$tmp/shim:$PATH" refused_late "$linux"
	run 0 "$linux"
	same_as "$grafted"
}

t_interrupted_undo_rolls_back()
{
	new_tree "$grafted"
	shim mv 5 "exit 1"
	PATH="$tmp/shim:$PATH" refused_late --undo "$linux"
	shim rm "*/pci_devres.c" "exit 1"
	PATH="$tmp/shim:$PATH" refused_late --undo "$linux"
	run 0 --undo "$linux"
	same_as "$base"
}

t_signal_rolls_back()
{
	new_tree "$base"
	snapshot >"$tmp/before"
	shim mv 6 "kill -TERM \$PPID"
	PATH="$tmp/shim:$PATH" run 143 "$linux"
	snapshot >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "not rolled back: $(diff "$tmp/before" "$tmp/after" | head -5)"
	no_rubbish
}

t_power_cut_is_mended()
{
	for where in "mv 8" "mv $renames" "rm *.tmp/plan"; do
		new_tree "$base"
		shim "${where%% *}" "${where#* }" "kill -KILL \$PPID; exit 1"
		PATH="$tmp/shim:$PATH" run 137 "$linux" 2>/dev/null
		rm -rf "$TMPDIR"/graft.*
		refused "interrupted" --check "$linux"
		cp -a "$linux" "$tmp/cut"
		run 0 --undo "$linux"
		same_as "$base"
		new_tree "$tmp/cut"
		rm -rf "$tmp/cut"
		run 0 "$linux"
		same_as "$grafted"
	done
}

t_two_at_once()
{
	new_tree "$base"
	mkdir "$linux/.pci_devres_rust.tmp"
	echo $$ >"$linux/.pci_devres_rust.tmp/pid"
	snapshot all >"$tmp/before"
	run 1 "$linux"
	grep -q "another graft" "$err" || fail "does not say that another graft is at work"
	snapshot all >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || fail "changed the tree"
}

t_half_added_file_missing()
{
	new_tree "$grafted"
	rm "$linux/$some_added"
	refused "$some_added (missing)" "$linux"
	run 0 --undo "$linux"
	same_as "$base"
}

t_half_edited_by_hand()
{
	new_tree "$grafted"
	echo "# by hand" >>"$linux/$some_edited"
	refused "$some_edited (edited)" "$linux"
	refused "$some_edited (edited)" --undo "$linux"
	new_tree "$grafted"
	echo "# by hand" >>"$linux/$some_added"
	refused "$some_added (edited)" "$linux"
	refused "$some_added (edited)" --undo "$linux"
}

t_half_leftover_line()
{
	new_tree "$base"
	tail -n 1 "$grafted/$some_edited" >>"$linux/$some_edited"
	refused "$some_edited (has the line" "$linux"
	refused "$some_edited (has the line" --undo "$linux"
}

t_half_leftover_file()
{
	new_tree "$base"
	cp "$grafted/$some_added" "$linux/$some_added"
	refused "$some_added (exists already)" "$linux"
	refused "$some_added (exists already)" --undo "$linux"
}

t_half_no_manifest()
{
	new_tree "$grafted"
	rm "$linux/.pci_devres_rust/manifest"
	refused "has no manifest" "$linux"
	refused "has no manifest" --undo "$linux"
}

t_half_damaged_original()
{
	new_tree "$grafted"
	echo damaged >>"$linux/.pci_devres_rust/pristine/$some_edited.pristine"
	refused "damaged" --undo "$linux"
}

t_file_of_the_kernel_in_the_way()
{
	echo "/* new */" >"$overlay/drivers/pci/in_the_way.c"
	new_tree "$base"
	run 0 "$linux"
	new_tree "$grafted"
	echo "/* the kernel's */" >"$linux/drivers/pci/in_the_way.c"
	refused "drivers/pci/in_the_way.c" "$linux"
}

t_patch_that_needs_fuzz()
{
	new_tree "$base"
	mkdir -p "$overlay/scripts/patches"
	{
		echo "--- a/drivers/pci/Makefile"
		echo "+++ b/drivers/pci/Makefile"
		echo "@@ -1,6 +1,7 @@"
		echo " # not the first line"
		sed -n '2,3s/^/ /p' "$base/drivers/pci/Makefile"
		echo "+# new"
		sed -n '4,6s/^/ /p' "$base/drivers/pci/Makefile"
	} >"$overlay/scripts/patches/9999-fuzz.patch"
	refused "9999-fuzz.patch does not apply" "$linux"
	sed 's/^--- .*/--- \/dev\/null/' "$overlay/scripts/patches/9999-fuzz.patch" >"$tmp/p"
	mv "$tmp/p" "$overlay/scripts/patches/9999-fuzz.patch"
	refused "9999-fuzz.patch adds, removes or renames" "$linux"
}

t_driver_that_cannot_be_converted()
{
	new_tree "$base"
	echo "drivers/pci/nothing.c" >>"$overlay/scripts/converted-drivers"
	refused "drivers/pci/nothing.c" "$linux"
	sed -i 's,nothing.c,devres.c,' "$overlay/scripts/converted-drivers"
	refused "drivers/pci/devres.c" "$linux"
}

t_missing_tool()
{
	new_tree "$base"
	mkdir "$tmp/bin"
	ln -s /usr/bin/* "$tmp/bin/" 2>/dev/null
	for tool in spatch:coccinelle patch:patch; do
		rm -f "$tmp/bin/${tool%:*}"
		PATH="$tmp/bin" refused "'${tool%:*}' is missing" "$linux"
		grep -q "package '${tool#*:}'" "$err" || fail "does not name the package"
		ln -s "/usr/bin/${tool%:*}" "$tmp/bin/"
		# Without hunks patch is not needed.
		[ -n "$(ls "$overlay"/scripts/patches/*.patch 2>/dev/null)" ] || break
	done
	rm -rf "${tmp:?}/bin"
}

# This is what git checkout . does: added files stay, and edited files become the kernel's own.
checkout()
{
	edited | (cd "$base" && xargs cp -p --parents -t "$linux") || fail "cannot copy"
}

t_git_checkout_is_grafted_again()
{
	new_tree "$grafted"
	checkout
	run 0 --check "$linux"
	said "grafting again would bring it up to date"
	run 0 "$linux"
	same_as "$grafted"
	checkout
	run 0 --undo "$linux"
	same_as "$base"
}

t_missing_files_point_to_undo()
{
	new_tree "$grafted"
	rm "$linux/$some_added"
	refused "Run scripts/graft --undo" "$linux"
}

t_own_patch_is_recognised()
{
	new_tree "$base"
	run 0 --patch "$linux"
	cp "$out" "$tmp/patch1"
	(cd "$linux" && patch -p1 -s -F0) <"$tmp/patch1" >"$out" 2>&1 || fail "patch -p1 does not take it"
	refused "patch -R -p1" "$linux"
	(cd "$linux" && patch -R -p1 -s -F0) <"$tmp/patch1" >"$out" 2>&1 || fail "patch -R does not take it back"
	run 0 "$linux"
}

t_hidden_from_git()
{
	command -v git >/dev/null || skip "git is missing"
	for ignore in '*.o' '/*'; do
		new_tree "$base"
		echo "$ignore" >"$linux/.gitignore"
		git init -q "$linux"
		run 0 "$linux"
		case $ignore in
		'/*') said "git add -f" ;;
		*) ! grep -q 'git add' "$out" || fail "nothing is hidden, yet it says so" ;;
		esac
	done
}

t_missing_original()
{
	new_tree "$grafted"
	rm "$linux/.pci_devres_rust/pristine/$some_edited.pristine"
	for command in --check --patch --undo; do
		refused "lacks these originals" $command "$linux"
		! grep -q '^cp:' "$err" || fail "a message of cp gets through"
	done
	refused "$some_edited.pristine" "$linux"
}

t_closed_pipe_leaves_nothing()
{
	new_tree "$base"
	for arguments in "--check" "--patch" "--list-edited" "--undo"; do
		# shellcheck disable=SC2086 # an option and a folder
		"$graft" $arguments "$linux" 2>&1 | true
		[ -z "$(ls -A "$TMPDIR")" ] || fail "$arguments left temporary files: $(ls -A "$TMPDIR")"
	done
	same_as "$base"
}

t_root_leaves_nothing_of_its_own()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	new_tree "$base"
	chown -R 65534:65534 "$linux"
	for command in "" --undo ""; do
		# shellcheck disable=SC2086 # an option or none
		run 0 $command "$linux"
		find "$linux" ! \( -uid 65534 -gid 65534 \) >"$tmp/roots"
		[ ! -s "$tmp/roots" ] || fail "graft $command left files of root: $(head -5 "$tmp/roots")"
	done
}

t_patch_of_an_edited_tree()
{
	new_tree "$grafted"
	echo "# by hand" >>"$linux/$some_edited"
	refused "$some_edited (edited)" --patch "$linux"
}

# The semantic patch still finds calls that free in it.
t_allocation_renamed_by_hand()
{
	new_tree "$base"
	sed -i 's/pci_alloc_irq_vectors(/ahci_alloc_vectors(/' "$linux/drivers/ata/ahci.c"
	PATH="$real_path" refused "finds no allocation to convert in $linux/drivers/ata/ahci.c" "$linux"
}

t_says_what_takes_long()
{
	new_tree "$base"
	run 0 "$linux"
	grep -q 'converting .* drivers' "$err" || fail "is silent while spatch runs"
	shim mv 6 "kill -TERM \$PPID"
	new_tree "$base"
	PATH="$tmp/shim:$PATH" run 143 "$linux"
	grep -q 'interrupted' "$err" || fail "does not say what the signal left"
}

t_fits_a_terminal()
{
	command -v script >/dev/null || skip "script is missing"
	for tree in "$base" "$grafted"; do
		new_tree "$tree"
		echo "# by hand" >>"$linux/$some_edited"
		echo "# by hand" >>"$linux/$some_added"
		run 1 "$linux"
		grep -q '^graft: error: .\{100\}' "$err" || fail "a message is broken in a file"
		script -qec "'$graft' '$linux'" /dev/null >"$out" 2>&1
		tr -d '\r' <"$out" | grep -v "^    " | awk 'length > 80' >"$tmp/wide"
		[ ! -s "$tmp/wide" ] || fail "wider than a terminal: $(cat "$tmp/wide")"
		grep -q 'graft: error' "$out" || fail "script does not work"
	done
}

t_names_the_make_line()
{
	mkdir -p "$tmp/bin" "$tmp/home/.cache/pci-devres-rust/cargo/bin"
	ln -s /usr/bin/* "$tmp/bin/" 2>/dev/null
	rm -f "$tmp/bin/bindgen" "$tmp/bin/spatch"
	ln -s "$tmp/fast/spatch" "$tmp/bin/spatch"
	printf '#!/bin/sh\n' >"$tmp/home/.cache/pci-devres-rust/cargo/bin/bindgen"
	chmod +x "$tmp/home/.cache/pci-devres-rust/cargo/bin/bindgen"
	for tool in clang clang-19; do
		rm -f "$tmp/bin/clang" "$tmp/bin/clang-19"
		ln -s /bin/true "$tmp/bin/$tool"
		new_tree "$base"
		(unset XDG_CACHE_HOME; HOME="$tmp/home" PATH="$tmp/bin" run 0 "$linux") || exit 1
		said "export PATH=$tmp/home/.cache/pci-devres-rust/cargo/bin:"
		case $tool in
		clang) said "make LLVM=1 rustavailable" ;;
		*) said "make LLVM=-19 rustavailable" ;;
		esac
	done
	ln -s /bin/true "$tmp/bin/bindgen"
	new_tree "$base"
	PATH="$tmp/bin" run 0 "$linux"
	! grep -q 'export PATH' "$out" || fail "says that bindgen is not in PATH, which it is"
	rm -rf "${tmp:?}/bin" "${tmp:?}/home"
}

t_options()
{
	new_tree "$base"
	run 0 --help
	for o in --check --undo --patch; do
		said "  $o"
	done
	run 2
	run 2 --check
	run 2 --nonsense "$linux"
	run 2 --check --undo "$linux"
	run 2 "$linux" "$linux"
	run 0 "$linux" --check
	same_as "$base"
	cd "$linux" || exit 1
	run 0 .
	same_as "$grafted"
}

t_semantic_patch_reports()
{
	PATH="$real_path"
	for mode in report org context; do
		spatch --very-quiet --no-includes -D $mode -D reallocate \
			--sp-file "$overlay/scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci" \
			"$base/drivers/ata/ahci.c" >"$out" 2>"$err"
		case $mode in
		report) [ "$(grep -c 'ahci.c:[0-9].*use pcim_\(alloc\|free\)_irq_vectors' "$out")" -eq 5 ] ;;
		org) [ "$(grep -c '^\* TODO .*use pcim_' "$out")" -eq 5 ] ;;
		context) [ "$(grep -c '^-.*pci_\(alloc\|free\)_irq_vectors' "$out")" -eq 5 ] ;;
		esac || fail "-D $mode does not find the 5 calls in ahci.c"
	done
	# A driver that frees is explicit, and correct, unless an option says otherwise.
	for f in ata/ahci net/ethernet/intel/ice/ice_irq; do
		spatch --very-quiet --no-includes -D report \
			--sp-file "$overlay/scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci" \
			"$base/drivers/$f.c" >"$out" 2>"$err"
		[ ! -s "$out" ] || fail "reports $f.c, which frees"
	done
	# A table of entries is reported, and left as it is.
	for mode in report patch; do
		spatch --very-quiet --no-includes -D $mode \
			--sp-file "$overlay/scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci" \
			"$base/drivers/edac/thunderx_edac.c" >"$out" 2>"$err"
		case $mode in
		report) [ "$(grep -c 'use pcim_alloc_irq_vectors() and pci_irq_vector()' "$out")" -eq 3 ] ;;
		patch) [ ! -s "$out" ] ;;
		esac || fail "-D $mode is wrong on thunderx_edac.c"
	done
	# Explicit allocation in a driver without pcim_enable_device() is fine.
	sed 's/pcim_enable_device/pci_enable_device/' "$base/drivers/ata/ahci.c" >"$tmp/explicit.c"
	spatch --very-quiet --no-includes -D report \
		--sp-file "$overlay/scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci" "$tmp/explicit.c" >"$out" 2>"$err"
	[ ! -s "$out" ] || fail "reports explicit calls, too"
}

# --------------------------------------------------------------------- main

tests=$(sed -n 's/^t_\([a-z_]*\)()$/\1/p' "$0")
[ $# -eq 0 ] || tests=$*

# The tests use a copy, so that the overlay may be edited while they run.
mkdir -p "$tmp/overlay/tools/testing"
for d in Kconfig scripts rust drivers samples include Documentation tools/testing/selftests; do
	[ ! -e "$top/$d" ] || cp -R "$top/$d" "$tmp/overlay/$d"
done
new_overlay
mkdir -p "$base"
(
	cd "$pristine" || exit 1
	# shellcheck disable=SC2046 # kernel paths have no spaces
	cp -p --parents Makefile Kbuild drivers/pci/devres.c $("$graft" --list-edited) "$base" &&
	mkdir -p "$base/Documentation" "$base/rust/kernel/pci" "$base/include/linux"
) || bail "cannot set up a tree to graft"
chmod 755 "$base/samples/rust/Makefile"
touch -d '2001-02-03 04:05:06.789' "$base/drivers/pci/Makefile"
new_tree "$base"
"$graft" "$linux" >"$out" 2>"$err" </dev/null || bail "graft does not work at all: $(cat "$err")"
cp -a "$linux" "$full"
printf '%s\n' drivers/ata/ahci.c sound/hda/controllers/intel.c >"$tmp/overlay/scripts/converted-drivers"
find "$tmp/overlay/scripts/patches/drivers" -type f ! -name cxl.patch ! -name xe.patch ! -name mei.patch -exec rm {} +
new_overlay
new_tree "$base"
shim mv none :
PATH="$tmp/shim:$PATH" "$graft" "$linux" >"$out" 2>"$err" </dev/null ||
	bail "graft does not work at all: $(cat "$err")"
renames=$(wc -l <"$tmp/shim/calls") # the last rename puts the state folder into place
cp -a "$linux" "$grafted"

# spatch takes most of the time. The real one has just converted the drivers; most tests use this
# replacement, which has the result.
mkdir "$tmp/fast"
cat >"$tmp/fast/spatch" <<END
#!/bin/sh
for dir; do :; done
cd "\$dir" && find . -type f | while read -r f; do
	[ ! -f "$grafted/\$f" ] || cat "$grafted/\$f" >"\$f"
done
END
chmod +x "$tmp/fast/spatch"
real_path=$PATH
PATH="$tmp/fast:$PATH"

echo "KTAP version 1"
echo "1..$(echo "$tests" | wc -w)"
n=0 failed=0
for t in $tests; do
	n=$((n + 1))
	new_overlay
	rm -rf "$tmp/skip" "${tmp:?}/tmp"/*
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
