// SPDX-License-Identifier: GPL-2.0

//! The files of 7.3.4 that a person has read, because the walk cannot decide them or reports a
//! fault that is none.
//!
//! Only files that the walk does not decide by itself are listed. A test checks that.

use super::Class;

/// One file that was read.
#[derive(Debug)]
pub struct Reading {
    /// The file.
    pub file: &'static str,
    /// Who frees.
    pub class: Class,
    /// The reason, which the walk does not see.
    pub why: &'static str,
}

/// The version that was read.
pub const VERSION: &str = "7.3.4";

const fn explicit(file: &'static str, why: &'static str) -> Reading {
    Reading { file, class: Class::Explicit, why }
}

const fn some_paths(file: &'static str, why: &'static str) -> Reading {
    Reading { file, class: Class::SomePaths, why }
}

/// All of them.
pub const READ: &[Reading] = &[
    explicit(
        "drivers/crypto/hisilicon/qm.c",
        "allocated for the drivers of hpre, sec and zip, whose remove frees; the vfio driver that shares the file does not allocate here",
    ),
    explicit(
        "drivers/gpu/drm/amd/amdgpu/amdgpu_irq.c",
        "the flag that says MSI is set where it is allocated, and amdgpu_irq_fini_hw() frees the handler first",
    ),
    explicit(
        "drivers/gpu/drm/nouveau/nvkm/subdev/pci/base.c",
        "nvkm_pci_dtor() frees, after nvkm_intr_dtor() has freed the handler",
    ),
    explicit(
        "drivers/iommu/amd/init.c",
        "an IOMMU has no driver that is detached",
    ),
    explicit(
        "drivers/message/fusion/mptbase.c",
        "freed where the handler is freed, and when there is none",
    ),
    explicit(
        "drivers/net/ethernet/amd/pds_core/dev.c",
        "allocated for pds_core, whose teardown frees; the vfio driver that shares the module does not allocate here",
    ),
    explicit(
        "drivers/net/ethernet/broadcom/bnx2.c",
        "open ends with bnx2_free_irq() on its errors, which frees by the flags set with the allocation",
    ),
    explicit(
        "drivers/net/ethernet/broadcom/tg3.c",
        "tg3_start() ends with tg3_ints_fini() on its errors, which frees by the flags set with the allocation",
    ),
    explicit(
        "drivers/net/ethernet/cisco/enic/enic_main.c",
        "enic_clear_intr_mode() frees by the mode set with the allocation; the device is not asked twice",
    ),
    explicit(
        "drivers/net/ethernet/freescale/enetc/enetc.c",
        "the mailbox handler goes with SR-IOV, which remove disables first",
    ),
    explicit(
        "drivers/net/ethernet/jme.c",
        "frees by the flag set with the allocation, after the handler and when there is none",
    ),
    explicit(
        "drivers/net/ethernet/mellanox/mlx4/main.c",
        "mlx4_cleanup_eq_table() frees the handlers before, on each way",
    ),
    explicit(
        "drivers/net/ethernet/mellanox/mlx5/core/pci_irq.c",
        "mlx5_irq_table_destroy() frees, after the pools have freed their handlers",
    ),
    explicit(
        "drivers/net/ethernet/mellanox/mlxsw/pci.c",
        "mlxsw_pci_fini() and each error of mlxsw_pci_init() free, after the handler",
    ),
    explicit(
        "drivers/net/ethernet/microchip/lan743x_main.c",
        "errors of open end with lan743x_intr_close(), which frees by the flags set with the allocation",
    ),
    explicit(
        "drivers/net/ethernet/qlogic/qla3xxx.c",
        "frees by the flag set with the allocation, after the handler and when there is none",
    ),
    explicit(
        "drivers/scsi/arcmsr/arcmsr_hba.c",
        "FAILED is a positive number: arcmsr_request_irq() has freed when it returns it",
    ),
    explicit(
        "drivers/scsi/bfa/bfad.c",
        "a state machine frees: stop leads to bfad_remove_intr(), an error to bfad_install_msix_handler() that frees",
    ),
    explicit(
        "drivers/scsi/hpsa.c",
        "hpsa_disable_interrupt_mode() frees on each way after hpsa_interrupt_mode()",
    ),
    explicit(
        "drivers/scsi/ipr.c",
        "ipr_free_all_resources() frees handlers, then vectors",
    ),
    explicit(
        "drivers/scsi/lpfc/lpfc_init.c",
        "lpfc_sli4_enable_intr() returns LPFC_INTR_ERROR, a positive number, when it has none",
    ),
    explicit(
        "drivers/scsi/megaraid/megaraid_sas_base.c",
        "frees under the count set with the allocation, after megasas_destroy_irqs()",
    ),
    explicit(
        "drivers/scsi/mpi3mr/mpi3mr_fw.c",
        "mpi3mr_setup_isr() begins with mpi3mr_cleanup_isr(), which frees handlers, then vectors",
    ),
    explicit(
        "drivers/scsi/qla2xxx/qla_isr.c",
        "qla2x00_free_irqs() frees handlers, then vectors, also where not all could be registered",
    ),
    explicit(
        "drivers/scsi/qla4xxx/ql4_isr.c",
        "qla4xxx_free_irqs() frees handlers, then vectors, under the flag set with the handlers",
    ),
    explicit(
        "drivers/scsi/qla4xxx/ql4_nx.c",
        "qla4xxx_free_irqs() in ql4_isr.c frees, and qla4_8xxx_enable_msix() on its errors",
    ),
    explicit(
        "drivers/usb/core/hcd-pci.c",
        "allocation and free stand under the same condition; usb_remove_hcd() frees the handler before",
    ),
    explicit(
        "drivers/usb/host/xhci-pci.c",
        "xhci_cleanup_msix() frees the handler, then the vectors; so does an error of xhci_try_enable_msi()",
    ),
    explicit(
        "drivers/vfio/pci/vfio_pci_intrs.c",
        "closing the device frees handlers, then vectors; vfio does that before remove goes on",
    ),
    explicit(
        "drivers/net/wireless/ath/ath12k/pci.c",
        "ath12k_pci_msi_free() frees, ath12k_pci_msi_alloc() on its errors",
    ),
    explicit(
        "drivers/net/ethernet/google/gve/gve_main.c",
        "a reset tears down, and frees, before it sets up again",
    ),
    explicit(
        "drivers/net/ethernet/sfc/falcon/efx.c",
        "frees before it tries again with fewer channels",
    ),
    explicit(
        "drivers/net/wireless/ath/wil6210/pcie_bus.c",
        "as few as asked for are as many: the second allocation follows one that failed",
    ),
    explicit(
        "drivers/scsi/leapraid/leapraid_func.c",
        "the three allocations belong to three modes of interrupts, of which a device has one at a time",
    ),
    explicit(
        "drivers/net/ethernet/hisilicon/hns3/hns3pf/hclge_main.c",
        "hns3 calls it through a table: hclge_uninit_ae_dev() and each error of hclge_init_ae_dev() free, after the handler",
    ),
    explicit(
        "drivers/net/ethernet/hisilicon/hns3/hns3vf/hclgevf_main.c",
        "hns3 calls it through a table: remove, errors of probe and a reset free under the flag set with the handler, after it",
    ),
    explicit(
        "drivers/net/ethernet/intel/i40e/i40e_main.c",
        "frees by the flags set with the allocation, after the handlers, before each further allocation",
    ),
    explicit(
        "drivers/vdpa/pds/vdpa_dev.c",
        "allocated for a VF of pds_core; resetting the vdpa device frees handlers, then vectors, and so does pds_vdpa_remove()",
    ),
    explicit(
        "drivers/xen/xen-pciback/pciback_ops.c",
        "allocated for a guest, whose handlers are its own; xen_pcibk_reset_device() frees when the guest or the driver goes",
    ),
    some_paths(
        "drivers/gpu/drm/radeon/radeon_irq_kms.c",
        "stays where the handler cannot be registered, which radeon.patch mends; radeon_irq_kms_fini() frees after the handler",
    ),
    some_paths(
        "drivers/net/ethernet/qlogic/qed/qed_main.c",
        "a VF that gets fewer vectors than it asks for keeps them, which qed.patch mends; qed_disable_msix() frees after the handlers",
    ),
    some_paths(
        "drivers/net/ethernet/sfc/siena/efx_channels.c",
        "stay where efx_siena_set_channels() has no memory, which siena.patch mends; efx_remove_nic() frees after the handlers",
    ),
    some_paths(
        "drivers/pci/hotplug/pnv_php.c",
        "freed with a slot below a slot that is disabled; the other slots keep theirs when the module goes, and the ports are not bound to it: not mended here",
    ),
    some_paths(
        "drivers/scsi/esas2r/esas2r_init.c",
        "where scsi_add_host() fails the driver gives up the adapter with its handler, timer and memory: not mended here",
    ),
];
