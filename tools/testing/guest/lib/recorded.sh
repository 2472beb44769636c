# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# The managed resources that drivers add to $dev and give back, as the kernel's trace event for them records it. The runner
# compares them with those on another kernel. Needs common.sh.

tracing=/sys/kernel/tracing

# Entries that differ by design, by their names in the trace event:
#
#   pcim_msi_release		the stock kernel's implicit owner of vectors, which pcim_enable_device() makes of all allocations
#   pci_irq_vectors_release	our node, which every first allocation makes, pcim_* or pci_*
#   pcim_irq_vectors_release	the entry of a managed allocation
#   vp_vdpa_free_irq_vectors	an action of that driver's to free them, which its conversion drops
differs='pcim_msi_release|pcim?_irq_vectors_release|vp_vdpa_free_irq_vectors'

record()
{
	echo 0 >$tracing/tracing_on
	echo >$tracing/trace
	echo "devname == \"$dev\"" >$tracing/events/dev/devres_log/filter
	echo 1 >$tracing/events/dev/devres_log/enable
	echo 1 >$tracing/tracing_on
}

# Leave sizes out, which depend on the implementation.
recorded()
{
	echo 0 >$tracing/tracing_on
	echo 0 >$tracing/events/dev/devres_log/enable
	sed -n 's/.* devres_log: [^ ]* *\([A-Z]*\) [^ ]* \(.*\) ([0-9]* bytes)$/\1 \2/p' $tracing/trace >/tmp/recorded
	echo "$ktap_indent# vectors: $(grep -E "$differs" /tmp/recorded | tr '\n' ' ')"
	echo "compare: begin $ktap_subtest"
	grep -Ev "$differs" /tmp/recorded
	echo "compare: end $ktap_subtest"
}

gave_back()
{
	recorded
	added=$(grep -c ^ADD /tmp/recorded)
	gone=$(grep -c -v ^ADD /tmp/recorded)
	[ "$added" = "$gone" ] || diag "$dev took $added managed resources and gave back $gone"
}

took_and_gave_back()
{
	gave_back && { [ "$added" -gt 0 ] || diag "$dev took no managed resources"; }
}
