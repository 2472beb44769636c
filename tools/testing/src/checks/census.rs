// SPDX-License-Identifier: GPL-2.0

//! `make census`: every driver that allocates interrupt vectors, who frees them, and what the ownership rule changes for it.
//!
//! The tree is read, not built: no configuration leaves anything out. See Documentation/PCI/irq-vector-census.rst.

use std::{path::Path, time::Instant};

use anyhow::Result;
use census::{report, Census, Class, Entry};

use crate::{
    common::{layout::Layout, ui::Ui},
    host::source,
    verdict::row::Row,
};

/// The beginning of the names of its tests.
pub const PREFIX: &str = "host::census::";

/// The format of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For editors: `path:line: message`.
    Errors,
    /// For the documentation.
    Rst,
}

/// Takes the census of the tree `users` or of Debian's. With `check`, returns whether the kernel would report none of its
/// drivers.
pub fn census(
    ui: &Ui,
    layout: &Layout,
    users: Option<&Path>,
    format: Format,
    check: bool,
) -> Result<bool> {
    let pristine = source::pristine(ui, layout, users)?;
    let census = take(ui, &pristine.tree, &pristine.version)?;
    match format {
        Format::Table => print!("{}", report::text(&census, check)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&census)?),
        Format::Errors => print!("{}", report::errors(&census, &pristine.tree, check)),
        Format::Rst => print!("{}", report::rst(&census)),
    }
    Ok(!check || !census.entries.iter().any(Entry::fails))
}

/// Reads `tree` and judges every driver in it.
fn take(ui: &Ui, tree: &Path, version: &str) -> Result<Census> {
    ui.stage("census", "reading the tree", |stage| {
        let census = census::take(tree, version, &|at| stage.progress(at))?;
        let summary = format!(
            "{} files that allocate, of {} read",
            census.entries.len(),
            census.read.0
        );
        Ok((census, summary))
    })
}

/// Files of 7.3.4 that are easy to miss or get wrong, and the class of each.
const HARD: &[(&str, Class)] = &[
    ("drivers/accel/ivpu/ivpu_drv.c", Class::Implicit),
    ("drivers/uio/uio_pci_generic_sva.c", Class::Never),
    ("drivers/media/pci/mgb4/mgb4_core.c", Class::SomePaths),
    (
        "drivers/net/ethernet/oki-semi/pch_gbe/pch_gbe_main.c",
        Class::SomePaths,
    ),
    (
        "drivers/net/ethernet/freescale/enetc/enetc_ptp.c",
        Class::Explicit,
    ),
    (
        "drivers/net/ethernet/qlogic/qed/qed_main.c",
        Class::Undecided,
    ),
    ("drivers/ata/acard-ahci.c", Class::Implicit),
    ("drivers/ata/ahci.c", Class::Implicit),
    ("drivers/ata/sata_nv.c", Class::Implicit),
    (
        "drivers/crypto/intel/qat/qat_common/adf_isr.c",
        Class::Explicit,
    ),
    ("drivers/cxl/pci.c", Class::Implicit),
    ("drivers/dma/amd/ae4dma/ae4dma-pci.c", Class::WrongOrder),
    ("drivers/dma/hisi_dma.c", Class::Implicit),
    ("drivers/dma/hsu/pci.c", Class::Implicit),
    ("drivers/dma/ioat/init.c", Class::Implicit),
    ("drivers/edac/thunderx_edac.c", Class::Implicit),
    ("drivers/gpio/gpio-merrifield.c", Class::Implicit),
    ("drivers/gpio/gpio-thunderx.c", Class::Implicit),
    ("drivers/gpu/drm/xe/xe_irq.c", Class::Implicit),
    ("drivers/hwtracing/intel_th/pci.c", Class::WrongOrder),
    ("drivers/i2c/busses/i2c-ismt.c", Class::Implicit),
    ("drivers/i2c/busses/i2c-mchp-pci1xxxx.c", Class::Implicit),
    ("drivers/misc/lan966x_pci.c", Class::IntxOnly),
    ("drivers/misc/mei/pci-me.c", Class::Implicit),
    ("drivers/misc/mei/pci-txe.c", Class::Implicit),
    ("drivers/mmc/host/sdhci-pci-gli.c", Class::Implicit),
    ("drivers/mmc/host/sdhci-pci-o2micro.c", Class::Implicit),
    (
        "drivers/net/ethernet/hisilicon/hibmcge/hbg_irq.c",
        Class::Implicit,
    ),
    (
        "drivers/net/ethernet/intel/idpf/idpf_lib.c",
        Class::Explicit,
    ),
    (
        "drivers/net/wireless/intel/iwlwifi/pcie/gen1_2/trans.c",
        Class::Implicit,
    ),
    (
        "drivers/net/wireless/mediatek/mt76/mt7996/pci.c",
        Class::SomePaths,
    ),
    ("drivers/platform/x86/intel/ehl_pse_io.c", Class::Implicit),
    ("drivers/platform/x86/intel_ips.c", Class::IntxOnly),
    ("drivers/scsi/isci/init.c", Class::Implicit),
    ("drivers/spi/spi-pci1xxxx.c", Class::Implicit),
    ("drivers/staging/media/ipu7/ipu7.c", Class::WrongOrder),
    ("drivers/tty/serial/8250/8250_pci.c", Class::Implicit),
    ("drivers/usb/gadget/udc/pch_udc.c", Class::Implicit),
    ("drivers/vdpa/ifcvf/ifcvf_main.c", Class::WrongOrder),
    ("drivers/vdpa/virtio_pci/vp_vdpa.c", Class::WrongOrder),
    ("sound/hda/controllers/intel.c", Class::Implicit),
    ("sound/soc/sof/intel/hda.c", Class::Explicit),
];

/// Known facts about the pristine 7.3.4. Each number is that of the documentation.
const COUNTS: &[(&str, usize)] = &[
    ("files", 295),
    ("never", 1),
    ("implicit", 64),
    ("implicit/pci_alloc", 42),
    ("implicit/legacy", 14),
    ("implicit/mid-life", 8),
    ("undecided", 9),
    ("intx-only", 2),
];

/// Compares the census of the pristine tree with what a person found, and the census of the grafted tree with the rule.
pub fn rows(ui: &Ui, pristine: &Path, version: &str, grafted: &Path) -> Result<Vec<Row>> {
    let started = Instant::now();
    let census = take(ui, pristine, version)?;
    let took = started.elapsed();
    let mut rows = vec![Row::passed(format!("{PREFIX}runs")).took(took)];
    if version == "7.3.4" {
        for (file, class) in HARD {
            let name = format!("{PREFIX}{}", file.replace('/', "::"));
            let found = census.entries.iter().find(|e| e.file == *file);
            rows.push(match found {
                Some(entry) if entry.class == *class => Row::passed(name),
                Some(entry) => Row::failed(
                    name,
                    format!(
                        "{file} is {}, not {}:\n{}",
                        class.name(),
                        entry.class.name(),
                        report::because(entry)
                    ),
                ),
                None => Row::failed(name, format!("{file} was not found")),
            });
        }
        let unused = census.needless_readings();
        let name = format!("{PREFIX}every_reading_is_needed");
        rows.push(if unused.is_empty() {
            Row::passed(name)
        } else {
            Row::failed(name, format!("the walk settles {}", unused.join(", ")))
        });
        let counts = census.counts();
        for (what, expected) in COUNTS {
            let name = format!("{PREFIX}count::{}", what.replace('/', "::"));
            let found = counts.get(*what).copied().unwrap_or(0);
            rows.push(if found == *expected {
                Row::passed(name)
            } else {
                Row::failed(
                    name,
                    format!("{found} {what}, not {expected}; make census lists them"),
                )
            });
        }
    }
    let census = take(ui, grafted, version)?;
    let relying: Vec<_> = census.entries.iter().filter(|e| e.fails()).collect();
    let name = format!("{PREFIX}grafted::no_driver_is_reported");
    rows.push(if relying.is_empty() {
        Row::passed(name)
    } else {
        let list: String = relying
            .iter()
            .map(|e| format!("    | {} {}\n", e.class.name(), e.file))
            .collect();
        Row::failed(
            name,
            format!("{list}make census LINUX=build/linux CHECK=1 FORMAT=errors says where"),
        )
    });
    Ok(rows)
}
