// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: its interrupt controller. It turns messages and INTx
 * into interrupts.
 *
 * A message names a vector by its data and a CPU by its address. It arrives
 * there in hard interrupt context, by irq_work or by a function call interrupt.
 */

#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqchip/irq-msi-lib.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "soft.h"

/* Enough for two functions with all MSI-X vectors. The data of an MSI message has 16 bits. */
#define VECTORS		(2 * SOFT_MAX_MSIX)

/* Nothing else is at this address, and nothing reads it. */
#define DOORBELL	0x50c00000U
#define DOORBELL_CPU	0x000ffffcU

/* irq_work_queue_on() would do for both, but is not exported to modules. */
struct vector {
	struct irq_work work;		/* for the CPU that sends */
	call_single_data_t call;	/* for another CPU */
	unsigned int cpu;
};

static struct vector *vectors;
static DECLARE_BITMAP(used, VECTORS);
static DECLARE_BITMAP(taken, VECTORS);	/* those of them that a test has taken */
static DEFINE_MUTEX(used_lock);

static struct fwnode_handle *fwnode;
static struct irq_domain *message_domain;
static struct irq_domain *intx_domain;
static struct irq_work intx_work[SOFT_SLOTS];

/* --- Messages --- */

static void arrive(struct vector *vector)
{
	/* The vector may have been freed in the meantime. */
	generic_handle_domain_irq_safe(message_domain, vector - vectors);
}

static void arrive_here(struct irq_work *work)
{
	arrive(container_of(work, struct vector, work));
}

static void arrive_elsewhere(void *vector)
{
	arrive(vector);
}

/* Delivers the interrupt that a message stands for. Interrupts are disabled. */
void soft_message_send(u64 address, u32 data)
{
	unsigned int cpu = FIELD_GET(DOORBELL_CPU, address);
	struct vector *vector;

	if ((address & ~(u64)DOORBELL_CPU) != DOORBELL || data >= VECTORS)
		return;
	vector = &vectors[data];
	if (cpu == smp_processor_id() || cpu >= nr_cpu_ids || !cpu_online(cpu))
		irq_work_queue(&vector->work);
	else
		smp_call_function_single_async(cpu, &vector->call);
}

static void compose_message(struct irq_data *data, struct msi_msg *msg)
{
	struct vector *vector = irq_data_get_irq_chip_data(data);

	msg->address_hi = 0;
	msg->address_lo = DOORBELL | FIELD_PREP(DOORBELL_CPU, vector->cpu);
	msg->data = data->hwirq;
}

static int set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	struct vector *vector = irq_data_get_irq_chip_data(data);
	unsigned int cpu = cpumask_first_and(mask, cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	vector->cpu = cpu;
	irq_data_update_effective_affinity(data, cpumask_of(cpu));
	return IRQ_SET_MASK_OK;
}

static void acknowledge(struct irq_data *data)
{
}

static int retrigger(struct irq_data *data)
{
	struct vector *vector = irq_data_get_irq_chip_data(data);

	irq_work_queue(&vector->work);
	return 1;
}

static struct irq_chip message_chip = {
	.name			= "soft",
	.irq_ack		= acknowledge,
	.irq_compose_msi_msg	= compose_message,
	.irq_set_affinity	= set_affinity,
	.irq_retrigger		= retrigger,
};

static int alloc_vectors(struct irq_domain *domain, unsigned int virq, unsigned int count,
			 void *arg)
{
	unsigned long align = roundup_pow_of_two(count) - 1;
	unsigned int i, first;

	/* The device puts the number of an MSI vector into the low bits of the data. */
	scoped_guard(mutex, &used_lock) {
		first = bitmap_find_next_zero_area(used, VECTORS, 0, count, align);
		if (first >= VECTORS)
			return -ENOSPC;
		bitmap_set(used, first, count);
	}
	for (i = 0; i < count; i++) {
		vectors[first + i].cpu = cpumask_first(cpu_online_mask);
		irq_domain_set_info(domain, virq + i, first + i, &message_chip,
				    &vectors[first + i], handle_edge_irq, NULL, "edge");
	}
	return 0;
}

static void free_vectors(struct irq_domain *domain, unsigned int virq, unsigned int count)
{
	struct irq_data *data = irq_domain_get_irq_data(domain, virq);
	unsigned int i, first = data->hwirq;

	for (i = 0; i < count; i++)
		irq_domain_reset_irq_data(irq_domain_get_irq_data(domain, virq + i));
	guard(mutex)(&used_lock);
	bitmap_clear(used, first, count);
}

/**
 * pci_soft_take_vectors - take vectors, as if other devices had allocated them
 * @left: how many free vectors to leave
 *
 * Allocations of all functions fail with %-ENOSPC when no vector is left, until
 * pci_soft_give_vectors() gives the vectors back. May sleep.
 *
 * Return: how many vectors were free.
 */
unsigned int pci_soft_take_vectors(unsigned int left)
{
	unsigned int vector, found = 0;

	guard(mutex)(&used_lock);
	for_each_clear_bit(vector, used, VECTORS) {
		if (found++ < left)
			continue;
		__set_bit(vector, used);
		__set_bit(vector, taken);
	}
	return found;
}
EXPORT_SYMBOL_GPL(pci_soft_take_vectors);

/**
 * pci_soft_give_vectors - give back what pci_soft_take_vectors() has taken
 *
 * May sleep.
 */
void pci_soft_give_vectors(void)
{
	guard(mutex)(&used_lock);
	bitmap_andnot(used, used, taken, VECTORS);
	bitmap_zero(taken, VECTORS);
}
EXPORT_SYMBOL_GPL(pci_soft_give_vectors);

static const struct irq_domain_ops message_domain_ops = {
	.select	= msi_lib_irq_domain_select,
	.alloc	= alloc_vectors,
	.free	= free_vectors,
};

static const struct msi_parent_ops message_parent_ops = {
	.required_flags		= MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
	.supported_flags	= MSI_GENERIC_FLAGS_MASK | MSI_FLAG_MULTI_PCI_MSI |
				  MSI_FLAG_PCI_MSIX | MSI_FLAG_PCI_MSIX_ALLOC_DYN,
	.chip_flags		= MSI_CHIP_FLAG_SET_ACK,
	.bus_select_token	= DOMAIN_BUS_NEXUS,
	.bus_select_mask	= MATCH_PCI_MSI,
	.prefix			= "soft-",
	.init_dev_msi_info	= msi_lib_init_dev_msi_info,
};

struct irq_domain *soft_messages_domain(void)
{
	return message_domain;
}

/* --- INTx --- */

static void intx_arrive(struct irq_work *work)
{
	generic_handle_domain_irq_safe(intx_domain, work - intx_work);
}

/* Delivers the INTx of a function. Interrupts are disabled. */
void soft_intx_send(unsigned int slot)
{
	irq_work_queue(&intx_work[slot]);
}

static void mask_intx(struct irq_data *data, bool masked)
{
	struct pci_soft_func *func;

	guard(raw_spinlock_irqsave)(&soft_lock);
	func = soft_funcs[data->hwirq];
	if (!func)
		return;
	func->intx_masked = masked;
	soft_interrupts_update(func);
}

static void intx_mask(struct irq_data *data)
{
	mask_intx(data, true);
}

static void intx_unmask(struct irq_data *data)
{
	mask_intx(data, false);
}

static struct irq_chip intx_chip = {
	.name		= "soft-INTx",
	.irq_mask	= intx_mask,
	.irq_unmask	= intx_unmask,
};

static int intx_map(struct irq_domain *domain, unsigned int irq, irq_hw_number_t hwirq)
{
	irq_set_chip_and_handler(irq, &intx_chip, handle_level_irq);
	irq_set_status_flags(irq, IRQ_LEVEL);
	return 0;
}

static const struct irq_domain_ops intx_domain_ops = {
	.map = intx_map,
};

/* Returns the interrupt of the INTx of a slot, or 0 if there is no memory. */
int soft_intx_map(unsigned int slot)
{
	return irq_create_mapping(intx_domain, slot);
}

void soft_intx_unmap(unsigned int slot)
{
	irq_dispose_mapping(irq_find_mapping(intx_domain, slot));
	irq_work_sync(&intx_work[slot]);
}

/* --- Both --- */

/**
 * pci_soft_flush - wait until all raised interrupts have arrived
 *
 * When this returns, the handlers of all interrupts that were raised before
 * have run, except for vectors that stay pending. At least one function must
 * exist. May sleep.
 */
void pci_soft_flush(void)
{
	unsigned int i;

	for (i = 0; i < VECTORS; i++)
		irq_work_sync(&vectors[i].work);
	for (i = 0; i < SOFT_SLOTS; i++)
		irq_work_sync(&intx_work[i]);
	/*
	 * A CPU makes the calls that somebody waits for before the others that were
	 * sent to it earlier. So those on their way have arrived after the second of
	 * these.
	 */
	kick_all_cpus_sync();
	kick_all_cpus_sync();
}
EXPORT_SYMBOL_GPL(pci_soft_flush);

int soft_messages_init(void)
{
	struct irq_domain_info info = {
		.ops	= &message_domain_ops,
		.size	= VECTORS,
	};
	unsigned int i;

	vectors = kvcalloc(VECTORS, sizeof(*vectors), GFP_KERNEL);
	if (!vectors)
		return -ENOMEM;
	for (i = 0; i < VECTORS; i++) {
		vectors[i].work = IRQ_WORK_INIT_HARD(arrive_here);
		INIT_CSD(&vectors[i].call, arrive_elsewhere, &vectors[i]);
	}
	for (i = 0; i < SOFT_SLOTS; i++)
		intx_work[i] = IRQ_WORK_INIT_HARD(intx_arrive);

	fwnode = irq_domain_alloc_named_fwnode("pci-soft");
	info.fwnode = fwnode;
	if (fwnode)
		message_domain = msi_create_parent_irq_domain(&info, &message_parent_ops);
	if (message_domain)
		intx_domain = irq_domain_create_linear(NULL, SOFT_SLOTS, &intx_domain_ops, NULL);
	if (intx_domain)
		return 0;
	soft_messages_exit();
	return -ENOMEM;
}

void soft_messages_exit(void)
{
	pci_soft_flush();
	if (intx_domain)
		irq_domain_remove(intx_domain);
	if (message_domain)
		irq_domain_remove(message_domain);
	if (fwnode)
		irq_domain_free_fwnode(fwnode);
	kvfree(vectors);
	intx_domain = NULL;
	message_domain = NULL;
	fwnode = NULL;
	vectors = NULL;
}
