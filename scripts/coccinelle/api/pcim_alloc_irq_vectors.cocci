// SPDX-License-Identifier: GPL-2.0-only
/// A driver that enables its device with pcim_enable_device() and never frees
/// its interrupt vectors leaves that to the device, and has to say so: use
/// pcim_alloc_irq_vectors(). The pci_ calls are explicit, whichever way the
/// device was enabled.
///
//# Each file is examined on its own. Drivers that enable and allocate in different
//# files, and those that free on some paths only, are not found.
//#
//# A driver that frees what it allocates is explicit already, and left alone.
//# With -D reallocate (make coccicheck SPFLAGS="-D reallocate") it is converted
//# as well. That is for drivers that free in order to allocate anew, and leave
//# the last free to the device.
//#
//# An array of struct msix_entry is reported, not converted: its entries may be
//# sparse, or serve as cookies.
///
// Confidence: High
// Options: --no-includes
// Keywords: pcim_enable_device, pci_alloc_irq_vectors, pci_free_irq_vectors
// Keywords: pci_enable_msi, pci_enable_msix_range, pci_enable_msix_exact

virtual patch
virtual context
virtual org
virtual report
virtual reallocate

@managed@
@@

pcim_enable_device(...)

@frees depends on managed@
@@

(
pci_free_irq_vectors(...)
|
pci_disable_msi(...)
|
pci_disable_msix(...)
)

// ----------------------------------------------------------------------------

@depends on managed && (!frees || reallocate) && patch@
expression dev, min, max, flags, affd;
@@

(
- pci_alloc_irq_vectors(dev, min, max, flags)
+ pcim_alloc_irq_vectors(dev, min, max, flags)
|
- pci_alloc_irq_vectors_affinity(dev, min, max, flags, affd)
+ pcim_alloc_irq_vectors_affinity(dev, min, max, flags, affd)
|
- pci_enable_msix_range(dev, NULL, min, max)
+ pcim_alloc_irq_vectors(dev, min, max, PCI_IRQ_MSIX)
)

@depends on managed && (!frees || reallocate) && patch@
expression dev;
@@

(
- pci_free_irq_vectors(dev)
+ pcim_free_irq_vectors(dev)
|
- pci_disable_msi(dev)
+ pcim_free_irq_vectors(dev)
|
- pci_disable_msix(dev)
+ pcim_free_irq_vectors(dev)
)

// pci_enable_msi() returns 0, pcim_alloc_irq_vectors() the number of vectors.

@depends on managed && (!frees || reallocate) && patch@
expression dev, ret;
identifier i;
statement S;
@@

(
- ret = pci_enable_msi(dev);
+ ret = pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI);
  if (ret
+ < 0
  ) S
|
- int i = pci_enable_msi(dev);
+ int i = pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI);
  if (i
+ < 0
  ) S
)

@depends on managed && (!frees || reallocate) && patch@
expression dev;
@@

(
- !pci_enable_msi(dev)
+ pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI) > 0
|
- pci_enable_msi(dev) == 0
+ pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI) > 0
|
- pci_enable_msi(dev) != 0
+ pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI) < 0
)

@depends on managed && (!frees || reallocate) && patch@
expression dev;
statement S1, S2;
@@

 if (
- pci_enable_msi(dev)
+ pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI) < 0
 ) S1 else S2

@depends on managed && (!frees || reallocate) && patch@
expression dev;
@@

- pci_enable_msi(dev);
+ pcim_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSI);

// ----------------------------------------------------------------------------

@depends on managed && (!frees || reallocate) && context@
@@

(
* pci_alloc_irq_vectors(...)
|
* pci_alloc_irq_vectors_affinity(...)
|
* pci_enable_msi(...)
|
* pci_enable_msix_range(...)
|
* pci_enable_msix_exact(...)
|
* pci_free_irq_vectors(...)
|
* pci_disable_msi(...)
|
* pci_disable_msix(...)
)

@r depends on managed && (!frees || reallocate) && (org || report)@
identifier f = {pci_alloc_irq_vectors, pci_alloc_irq_vectors_affinity, pci_enable_msi, pci_enable_msix_range, pci_enable_msix_exact, pci_free_irq_vectors, pci_disable_msi, pci_disable_msix};
position p;
@@

f@p(...)

@initialize:python depends on org || report@
@@

managed_call = {
    "pci_alloc_irq_vectors_affinity": "pcim_alloc_irq_vectors_affinity()",
    "pci_free_irq_vectors": "pcim_free_irq_vectors()",
    "pci_disable_msi": "pcim_free_irq_vectors()",
    "pci_disable_msix": "pcim_free_irq_vectors()",
    "pci_enable_msix_range": "pcim_alloc_irq_vectors() and pci_irq_vector()",
    "pci_enable_msix_exact": "pcim_alloc_irq_vectors() and pci_irq_vector()",
}

def instead(f):
    return managed_call.get(f, "pcim_alloc_irq_vectors()")

@script:python depends on org@
p << r.p;
f << r.f;
@@

coccilib.org.print_todo(p[0], "use %s after pcim_enable_device()" % instead(f))

@script:python depends on report@
p << r.p;
f << r.f;
@@

coccilib.report.print_report(p[0], "WARNING: %s() is explicit, pcim_enable_device() does not manage it: use %s" % (f, instead(f)))
