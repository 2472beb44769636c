/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit suites of drivers/pci/devres.c and of its replacement.
 *
 * The same source runs on the stock kernel and on ours. A case asserts what the C code promises, and prints every
 * call with all its effects: the result, entries added to and removed from the devres list, mappings made and
 * undone with the regions held at that time, writes to configuration space, and messages of the kernel. All of
 * that is printed between "compare: begin SUITE.CASE" and "compare: end", and must be the same on both kernels.
 * Addresses of 16 digits are left out of the comparison, so a mapping is printed as BAR and offset.
 *
 * branches.rst lists the lines of 7.3.4's devres.c that each case reaches.
 */
#ifndef DEVRES_SUITE_H
#define DEVRES_SUITE_H

#include <kunit/test.h>
#include <linux/pci.h>

/* --- driver.c: the devices, and the driver that a case is --------------------------------------------------- */

struct hardware {
	const char *name;
	unsigned int vendor, device;
};

/*
 * The BARs of QEMU's devices:
 *
 *	edu		0: memory, 1 MiB
 *	e1000e		0, 1, 3: memory, 2: I/O ports, and an expansion ROM
 *	AC97		0, 1: I/O ports
 *	pci-testdev	0: memory, 1: I/O ports, 2: memory above 4 GiB
 *	ivshmem-plain	0: memory, less than a page, 2: prefetchable
 *	pci-bridge	0: memory, and windows
 *	ahci		4: I/O ports, 5: memory; it is part of the machine
 */
#define EDU	{ "edu", 0x1234, 0x11e8 }
#define E1000E	{ "e1000e", 0x8086, 0x10d3 }
#define AC97	{ "AC97", 0x8086, 0x2415 }
#define TESTDEV	{ "pci-testdev", 0x1b36, 0x0005 }
#define IVSHMEM	{ "ivshmem", 0x1af4, 0x1110 }
#define BRIDGE	{ "pci-bridge", 0x1b36, 0x0001 }
#define AHCI	{ "ahci", 0x8086, 0x2922 }

void hardware_name(const struct hardware *hw, char *desc);

/* The device of the case: that of its parameter, or edu. */
static inline struct pci_dev *dev_of(struct kunit *test)
{
	return test->priv;
}

int case_init(struct kunit *test);
void case_exit(struct kunit *test);

/* Returns a device that is not that of the case. Put it with pci_dev_put(). */
struct pci_dev *find_hardware(struct kunit *test, const struct hardware *hw);

/* Binds the device to a driver with that probe function. Returns 1 if it stays bound. */
int bind_with(struct pci_dev *pdev, int (*probe)(struct pci_dev *pdev));
/* Binds it to a driver that does nothing. The case makes the calls. */
void bind(struct kunit *test);
/* Binds it to a driver that only calls pcim_enable_device(). */
void bind_enabled(struct kunit *test);
/* Sets what the driver does in remove(). */
extern void (*remove_of_case)(struct pci_dev *pdev);
/* Detaches it and checks that nothing is left. */
void detach(struct kunit *test);

/* --- watch.c: what can be seen of a device ------------------------------------------------------------------ */

/* Prints a line of the log that is compared. */
#define say(fmt, ...) printk(KERN_INFO "# " fmt "\n", ##__VA_ARGS__)

int watch_init(void);
void watch_exit(void);

/* Prints from here on what the calling task does to @pdev. */
void watch(struct pci_dev *pdev);
void unwatch(void);

/* Returns a mask of the BARs whose region somebody holds. */
unsigned int held(struct pci_dev *pdev);
/* Returns the same at the time of the last unmapping. */
unsigned int held_when_unmapped(void);
/* Returns how many mappings the task has made since it watches, and not undone. */
unsigned int mapped(void);
size_t entries(struct pci_dev *pdev);
u16 command(struct pci_dev *pdev);

/* Prints all of that, with the names in which the regions are held. */
void show(struct pci_dev *pdev);
/* Prints the table of mappings, and creates it if necessary. */
void show_table(struct pci_dev *pdev);

/* Returns the BAR and the offset that @addr maps. */
#define NOWHERE -1
int bar_at(struct pci_dev *pdev, const void __iomem *addr, u64 *offset);

/* QEMU's devices ignore MWI, and always have a cache line size. These calls change that. */
void emulate_mwi(void);
void emulate_no_cache_line(void);

/* --- The calls, printed with their results ------------------------------------------------------------------- */

void __iomem *iomap(struct pci_dev *pdev, int bar, unsigned long maxlen);
void __iomem *iomap_range(struct pci_dev *pdev, int bar, unsigned long offset, unsigned long len);
void __iomem *iomap_region(struct pci_dev *pdev, int bar, const char *name);
int iomap_regions(struct pci_dev *pdev, int mask, const char *name);
int request(struct pci_dev *pdev, int bar, const char *name);
int request_all(struct pci_dev *pdev, const char *name);
void unmap(struct pci_dev *pdev, void __iomem *addr);
void unmap_region(struct pci_dev *pdev, int bar);
int enable(struct pci_dev *pdev);
int intx(struct pci_dev *pdev, int on);
int mwi(struct pci_dev *pdev);

/* Everything that is acquired in the block is released at its end. */
#define IN_GROUP(test)									\
	for (void *__group = devres_open_group(&dev_of(test)->dev, NULL, GFP_KERNEL);	\
	     __group;									\
	     devres_release_group(&dev_of(test)->dev, __group), __group = NULL)

/* --- Expectations ------------------------------------------------------------------------------------------- */

static inline bool is_index(int bar)
{
	return bar >= 0 && bar < PCI_NUM_RESOURCES;
}

static inline bool is_mappable(struct pci_dev *pdev, int bar)
{
	return is_index(bar) && pci_resource_len(pdev, bar) && pci_resource_start(pdev, bar) &&
	       pci_resource_flags(pdev, bar) & (IORESOURCE_IO | IORESOURCE_MEM);
}

/* Expects that @addr is a mapping of @bar from @at on. */
#define EXPECT_AT(test, addr, bar, at)							\
do {											\
	u64 __offset = 0;								\
											\
	KUNIT_EXPECT_EQ(test, bar_at(dev_of(test), addr, &__offset), bar);		\
	KUNIT_EXPECT_EQ(test, __offset, (u64)(at));					\
} while (0)

#define EXPECT_ERR(test, addr, errno)							\
	KUNIT_EXPECT_EQ(test, PTR_ERR((const void __force *)(addr)), (long)(errno))

#define EXPECT_STATE(test, regions, mappings)						\
do {											\
	KUNIT_EXPECT_EQ(test, held(dev_of(test)), (unsigned int)(regions));		\
	KUNIT_EXPECT_EQ(test, mapped(), (unsigned int)(mappings));			\
} while (0)

#endif
