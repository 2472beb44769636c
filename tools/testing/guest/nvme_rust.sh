#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script tests the sample that reads an NVMe disk. It must read the same as the C driver, and every vector must interrupt on its
# own CPU. While four CPUs read, the controller is reset, the driver unbound, and the device removed; nothing may hang, break or be
# left.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

driver=rust_driver_pci_nvme
file=/dev/nvme-rust0
cpus='0 1 2 3'
reset=0x4e44

# --- Readers ------------------------------------------------------------------------------------------------------------

# start COMMAND...: runs the command in the background on each CPU, with the number of the CPU as last word.
start()
{
	rm -f /tmp/stop /tmp/said.* /tmp/begun.*
	for cpu in $cpus; do
		"$@" "$cpu" &
	done
	wait_for all_begun || diag "not every reader has begun"
}

all_begun()
{
	for cpu in $cpus; do
		[ -s "/tmp/begun.$cpu" ] || return
	done
}

# Reads the whole disk in small pieces, which takes seconds, and keeps the output of dd.
read_long()
{
	taskset "$((1 << $1))" dd if=$file of="/tmp/begun.$1" bs=512 2>"/tmp/said.$1"
}

# Reads the whole disk again and again, and keeps the sums.
read_sums()
{
	until [ -e /tmp/stop ]; do
		taskset "$((1 << $1))" dd if=$file bs=16k 2>>"/tmp/errors.$1" | md5sum >>"/tmp/said.$1"
		echo >"/tmp/begun.$1"
	done
}

# Opens the file, reads a little, and closes it.
read_short()
{
	until [ -e /tmp/stop ]; do
		dd if=$file of=/dev/null bs=4k count=4 2>/dev/null
		echo >"/tmp/begun.$1"
	done
}

# Every reader had the file open, and was told that the device is gone.
told()
{
	wait
	for cpu in $cpus; do
		grep -q "error reading.*: No such device\|^dd: $file: No such device" "/tmp/said.$cpu" ||
			diag "on CPU $cpu: $(head -n 1 "/tmp/said.$cpu")" || return
	done
}

# --- What it reads ------------------------------------------------------------------------------------------------------

sum()
{
	md5sum <"$1" | cut -d ' ' -f 1
}

# The data that the C driver writes and reads is the reference.
measure()
{
	modprobe nvme
	bind nvme || return
	wait_for [ -e /dev/nvme0n1 ] || diag "no disk" || return
	head -c 8388608 /dev/urandom >/tmp/content
	dd if=/tmp/content of=/dev/nvme0n1 bs=64k oflag=direct 2>/tmp/dd || diag_lines </tmp/dd || return
	expected=$(dd if=/dev/nvme0n1 bs=64k iflag=direct 2>/tmp/dd | md5sum | cut -d ' ' -f 1)
	[ "$expected" = "$(sum /tmp/content)" ] || diag "the C driver does not read what it has written" || return
	rm /tmp/content
	unbind nvme && rmmod nvme
}

reads_the_same()
{
	for bs in 512 3000 4k 64k 1M; do
		dd if=$file of=/tmp/read bs=$bs 2>/tmp/dd || diag_lines </tmp/dd || return
		[ "$(sum /tmp/read)" = "$expected" ] || diag "another sum with blocks of $bs" || return
	done
	rm /tmp/read
}

only_root_reads()
{
	set -- "$(stat -c %a $file)"
	[ "$1" = 600 ] || diag "mode $1"
}

# Sets $counts to how often each queue has interrupted, on whatever CPU, the admin queue first.
count_queues()
{
	counts=$(awk '/nvme-rust0-q/ { for (i = n = 0; i < 4; i++) n += $(2 + i); print n }' /proc/interrupts)
}

each_interrupts()
{
	for cpu in $cpus; do
		before_cpu=$(awk -v i="$((2 + cpu))" '/nvme-rust0-q[1-9]/ { n += $i } END { print n }' /proc/interrupts)
		count_queues
		earlier=$counts
		taskset "$((1 << cpu))" dd if=$file of=/dev/null bs=4k count=64 2>/tmp/dd || diag_lines </tmp/dd || return
		count_queues
		changed=$(printf '%s\n' "$earlier" "$counts" | awk '{ n[NR] = $1 }
			END { for (i = 1; i <= NR / 2; i++) if (n[i] != n[i + NR / 2]) print i - 1 }')
		now=$(awk -v i="$((2 + cpu))" '/nvme-rust0-q[1-9]/ { n += $i } END { print n }' /proc/interrupts)
		[ "$(echo "$changed" | wc -w)" = 1 ] || diag "CPU $cpu reads through the queues '$changed'" || return
		[ $((now - before_cpu)) -ge 64 ] || diag "$((now - before_cpu)) interrupts on CPU $cpu for 64 reads" || return
		queues="$queues $changed"
	done
	# Each CPU has its own I/O queue.
	[ "$(for queue in $queues; do echo "$queue"; done | sort -u | tr '\n' ' ')" = '1 2 3 4 ' ] ||
		diag "CPUs read through the queues $queues" || return
	# The first count is that of the admin queue.
	[ "$(echo "$counts" | wc -l)" = 5 ] || diag "queues that interrupt: $counts" || return
	[ "$(echo "$counts" | head -n 1)" -gt 0 ] || diag "the admin queue does not interrupt"
}

# The device is new, so this is the mask that the driver names.
# A driver without a mask of its own has the default one, whatever the driver before it had. This one refuses the device.
mask_is_not_inherited()
{
	unbind "$driver" || return
	echo rust_driver_pci_managed >"$pci/devices/$dev/driver_override"
	modprobe rust_driver_pci_managed
	echo "$dev" >"$pci/drivers_probe"
	read -r seen <"$pci/devices/$dev/dma_mask_bits"
	echo >"$pci/devices/$dev/driver_override"
	is_unbound && rmmod rust_driver_pci_managed && bind "$driver" || return
	[ "$seen" = 32 ] || diag "dma_mask_bits is $seen"
}

has_dma_mask()
{
	for bits in dma_mask_bits consistent_dma_mask_bits; do
		read -r seen <"$pci/devices/$dev/$bits"
		[ "$seen" = 64 ] || diag "$bits is $seen" || return
	done
}

leaves_nothing()
{
	unbind "$driver" && as_before && bind "$driver"
}

# --- Under load ---------------------------------------------------------------------------------------------------------

events=/sys/kernel/tracing/events/pci_irq_vectors

resets_under_load()
{
	rm -f /tmp/errors.*
	echo 1 >"$events/enable"
	echo >/sys/kernel/tracing/trace
	start read_sums || return
	round=0
	while [ "$round" -lt 20 ]; do
		round=$((round + 1))
		ioctl $file $reset || diag "reset $round of 20" || break
		usleep 20000
	done
	touch /tmp/stop
	wait
	echo 0 >"$events/enable"
	[ "$round" = 20 ]
}

# The readers have read the right data, and no read has failed.
readers_saw_nothing()
{
	for cpu in $cpus; do
		! grep -v 'records in\|records out\|copied' "/tmp/errors.$cpu" >/tmp/dd || diag_lines </tmp/dd || return
		seen=$(sort -u <"/tmp/said.$cpu")
		[ "$seen" = "$expected  -" ] || diag "on CPU $cpu: $seen, and not $expected" || return
	done
	echo "$ktap_indent# read while it was reset: $(cat /tmp/said.* | wc -l) times the disk"
}

# Every reset has freed all vectors and allocated the same number.
allocated_anew()
{
	for what in alloc free; do
		seen=$(grep -c "pci_irq_vectors_$what: $dev owner=device type=MSI-X" /sys/kernel/tracing/trace)
		[ "$seen" = 20 ] || diag "$seen times $what" || return
	done
	find_irqs
	[ "$(echo "$irqs" | wc -w)" = 5 ] || diag "vectors: $irqs"
}

# A reader that is killed leaves a command in flight to the next reader of the queue.
kills_readers()
{
	round=0
	while [ "$round" -lt 10 ]; do
		round=$((round + 1))
		start read_long || return
		killall -9 dd
		wait
	done
	for cpu in $cpus; do
		seen=$(taskset "$((1 << cpu))" dd if=$file bs=16k 2>/tmp/dd | md5sum)
		[ "$seen" = "$expected  -" ] || diag "on CPU $cpu: $seen, and not $expected" || return
	done
}

# --- The end ------------------------------------------------------------------------------------------------------------

# each_time COMMAND: runs the command ten times while the disk is being read.
each_time()
{
	round=0
	while [ "$round" -lt 10 ]; do
		round=$((round + 1))
		is_bound "$driver" && start read_long && "$1" && continue
		diag "round $round of 10"
		return
	done
}

unbinds()
{
	unbind "$driver" && told && [ ! -e $file ] && as_before && bind "$driver"
}

removes()
{
	echo 1 >"$pci/devices/$dev/remove"
	told || return
	echo 1 >"$pci/rescan"
	is_unbound && as_before && bind "$driver"
}

# As long as the file is open the module stays, and the readers read.
rmmods()
{
	! rmmod "$driver" 2>/dev/null || diag "removed under its readers" || return
	[ -z "$(cat /tmp/said.*)" ] || diag "readers ended: $(cat /tmp/said.*)" || return
	unbind "$driver" && told || return
	rmmod "$driver" && as_before && modprobe "$driver" && bind "$driver"
}

# A task that opens and closes the file repeatedly leaves moments in which the module can be removed.
rmmods_between()
{
	start read_short
	tries=0
	until rmmod "$driver" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || break
	done
	touch /tmp/stop
	wait
	[ "$tries" -lt 1000 ] || diag "never removed" || return
	echo "$ktap_indent# removed at attempt $((tries + 1))"
	as_before && modprobe "$driver" && bind "$driver"
}

# In KiB, without what readers and the caches have kept.
available()
{
	rm -f /tmp/*
	echo 3 >/proc/sys/vm/drop_caches
	awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo
}

# The kernel frees the memory of modules and of much else some time later.
memory_is_back()
{
	memory_now=$(available)
	[ $((memory_before - memory_now)) -lt 2048 ]
}

# A kernel with kmemleak uses more memory itself. On the others, memory is the only sign of a leak: one reset uses 400 KiB.
no_memory_is_left()
{
	if [ -e /sys/kernel/debug/kmemleak ]; then
		echo scan >/sys/kernel/debug/kmemleak
		usleep 5500000
		echo scan >/sys/kernel/debug/kmemleak
		cat /sys/kernel/debug/kmemleak >/tmp/leaks
		[ ! -s /tmp/leaks ] || diag_lines </tmp/leaks
		return
	fi
	wait_for memory_is_back || diag "$((memory_before - memory_now)) KiB less than before"
}

# --- No answer ----------------------------------------------------------------------------------------------------------

# Without memory space the device does not answer. When the driver is unbound, a waiting reader gets its error at once, and not after
# the timeout.
unbind_ends_waiting()
{
	# Memory space, but no bus mastering.
	set_command "$dev" 2
	for cpu in $cpus; do
		read_long "$cpu" &
	done
	usleep 500000
	unbind "$driver" && told
}

# A reset helps, once the device can answer again.
reset_ends_waiting()
{
	set_command "$dev" 2
	for cpu in $cpus; do
		read_sums "$cpu" &
	done
	usleep 500000
	set_command "$dev" 6
	ioctl $file $reset
	wait_for all_begun || diag "readers are still waiting"
	touch /tmp/stop
	wait
	readers_saw_nothing
}

# With its registers switched off and bus mastering on, the controller may still write to memory, which therefore stays its own.
memory_is_left_to_it()
{
	dmesg -c >/dev/null
	set_command "$dev" 4
	unbind "$driver" || return
	set_command "$dev" 6
	dmesg | grep -q 'the controller does not stop' || diag "the memory of the queues was freed" || return
	bind "$driver"
}

# --- Pulled out ---------------------------------------------------------------------------------------------------------

# Without hot-plug, the kernel is not told.
pull_out()
{
	find_port
	start read_long || return
	cut_power
	usleep 100000
	ffff=$(dd if="$pci/devices/$dev/config" bs=2 count=1 2>/dev/null | hexdump -e '1/2 "%x"')
	[ "$ffff" = ffff ] || diag "the device is still there: $ffff"
}

# The driver was not told, so readers wait for an answer until they time out.
time_out()
{
	wait
	for cpu in $cpus; do
		grep -q 'timed out' "/tmp/said.$cpu" || diag "on CPU $cpu: $(head -n 1 "/tmp/said.$cpu")" || return
	done
}

a_reset_fails()
{
	! ioctl $file $reset 2>/tmp/said || diag "reset of a device that is gone"
	grep -q 'errno=19' /tmp/said || diag_lines </tmp/said
}

# As long as the file is open, the file and the module stay.
file_outlives_device()
{
	exec 3<$file
	! dd bs=512 count=1 <&3 >/dev/null 2>/tmp/said || diag "read from nothing" || return
	grep -q 'Input/output error' /tmp/said || diag_lines </tmp/said || return
	echo 1 >"$pci/devices/$dev/remove"
	! dd bs=512 count=1 <&3 >/dev/null 2>/tmp/said || diag "read from nothing" || return
	grep -q 'No such device' /tmp/said || diag_lines </tmp/said || return
	! rmmod "$driver" 2>/dev/null || diag "removed under its reader" || return
	exec 3<&-
	rmmod "$driver" || return
	! grep nvme-rust0 /proc/interrupts /proc/iomem && [ ! -e $file ]
}

# ------------------------------------------------------------------------------------------------------------------------

echo 0 >"$pci/drivers_autoprobe"
plan 7
find_device class:010802 || exit
# The device may get other addresses when it is found again, and keeps those.
echo 1 >"$pci/devices/$dev/remove"
echo 1 >"$pci/rescan"

subtest reads 8
check c_driver measure
echo 1 >"$pci/devices/$dev/remove"
echo 1 >"$pci/rescan"
remember
modprobe "$driver"
check bind bind "$driver"
check has_dma_mask has_dma_mask
check only_root_reads only_root_reads
check reads_what_c_reads reads_the_same
check each_vector_interrupts each_interrupts
check unbind_leaves_nothing leaves_nothing
check mask_is_not_inherited mask_is_not_inherited
subtest_end
# The trace buffer keeps memory that its first event allocates.
echo 1 >"$events/enable"
echo 0 >"$events/enable"
memory_before=$(available)

subtest reset 3
check reset_under_load_20 resets_under_load
check readers_saw_nothing readers_saw_nothing
check vectors_are_allocated_anew allocated_anew
subtest_end

subtest ends_under_readers 5
check kill_10 kills_readers
check unbind_10 each_time unbinds
check remove_10 each_time removes
check rmmod_is_refused_10 each_time rmmods
check rmmod_between_readers rmmods_between
subtest_end

check reads_what_c_reads_still reads_the_same
check no_memory_is_left no_memory_is_left

subtest no_answer 4
check unbind_ends_waiting unbind_ends_waiting
check bind_again bind "$driver"
rm -f /tmp/stop /tmp/said.* /tmp/begun.* /tmp/errors.*
check reset_ends_waiting reset_ends_waiting
check memory_is_left_to_it memory_is_left_to_it
subtest_end

subtest pulled_out 4
check pull_out pull_out
check readers_time_out time_out
check reset_fails a_reset_fails
check file_outlives_device file_outlives_device
subtest_end
