// SPDX-License-Identifier: GPL-2.0-only
/// A driver that enables its device with pcim_enable_device() and wants the
/// device to free its interrupt vectors has to say so: use the pcim_ calls.
/// The pci_ calls are explicit, whichever way the device was enabled.
///
//# A file is looked at as a whole: one call of pcim_enable_device() in it is
//# taken to mean that every vector in it is managed. A driver that spreads
//# enabling and allocation over several files is not found.
///
// Confidence: High
// Options: --no-includes
// Keywords: pcim_enable_device, pci_alloc_irq_vectors, pci_free_irq_vectors

virtual patch
virtual context
virtual org
virtual report

@managed@
@@

pcim_enable_device(...)

@depends on managed && patch@
expression list es;
@@

(
- pci_alloc_irq_vectors(es)
+ pcim_alloc_irq_vectors(es)
|
- pci_alloc_irq_vectors_affinity(es)
+ pcim_alloc_irq_vectors_affinity(es)
|
- pci_free_irq_vectors(es)
+ pcim_free_irq_vectors(es)
)

@depends on managed && context@
@@

(
* pci_alloc_irq_vectors(...)
|
* pci_alloc_irq_vectors_affinity(...)
|
* pci_free_irq_vectors(...)
)

@r depends on managed && (org || report)@
identifier f = {pci_alloc_irq_vectors, pci_alloc_irq_vectors_affinity, pci_free_irq_vectors};
position p;
@@

f@p(...)

@script:python depends on org@
p << r.p;
f << r.f;
@@

coccilib.org.print_todo(p[0], "use pcim_%s() after pcim_enable_device()" % (f[4:]))

@script:python depends on report@
p << r.p;
f << r.f;
@@

coccilib.report.print_report(p[0], "WARNING: %s() is explicit, pcim_enable_device() does not manage it: use pcim_%s()" % (f, f[4:]))
