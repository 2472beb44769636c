// SPDX-License-Identifier: GPL-2.0

//! `make census`: every driver that allocates interrupt vectors, who frees them, and what the ownership rule changes for it.
//!
//! The tree is read, not built: no configuration leaves anything out. See Documentation/PCI/irq-vector-census.rst.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Instant,
};

use anyhow::{bail, Result};
use serde::Serialize;

use crate::{
    layout::Layout,
    results::Row,
    source,
    ui::{Stage, Ui},
};

mod graph;
mod index;
mod kbuild;
mod paths;
mod read;
mod report;
mod syntax;
#[cfg(test)]
mod tests;
mod verdict;

pub use verdict::{Change, Class, Line, Verdict};

/// How the names of its tests begin.
pub const PREFIX: &str = "host::census::";

/// One file that allocates, and all drivers that it does so for.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The file.
    pub file: String,
    /// The worst of its verdicts, or what reading it said.
    pub class: Class,
    /// What the rule changes.
    pub changes: BTreeSet<Change>,
    /// What is to be done.
    pub todo: &'static str,
    /// What reading the file said, where the walk could not.
    pub read: Option<&'static str>,
    /// One verdict for each driver, the worst first.
    pub verdicts: Vec<Verdict>,
}

impl Entry {
    /// The verdict that decides the class.
    pub fn worst(&self) -> &Verdict {
        &self.verdicts[0]
    }

    /// Whether the kernel reports it, and nobody has read it yet to say otherwise.
    pub fn fails(&self) -> bool {
        self.class.reported() && self.read.is_none()
    }

    /// The modules of all its drivers, without their folders.
    pub fn modules(&self) -> BTreeSet<&str> {
        let all = self.verdicts.iter().flat_map(|v| &v.modules);
        all.map(|m| m.rsplit('/').next().unwrap_or(m)).collect()
    }
}

/// All that was found in a tree.
#[derive(Clone, Debug, Serialize)]
pub struct Census {
    /// The version of the tree.
    pub linux: String,
    /// The files, by path.
    pub entries: Vec<Entry>,
    /// How many files were read, and how many headers were too large.
    pub read: (usize, usize),
}

/// How the result is written.
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

/// Takes the census of `users` tree or of Debian's; with `check`, whether it has no driver that the kernel would report.
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
        Format::Table => print!("{}", report::table(&census, check)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&census)?),
        Format::Errors => print!("{}", report::errors(&census, &pristine.tree, check)),
        Format::Rst => print!("{}", report::rst(&census)),
    }
    Ok(!check || !census.entries.iter().any(Entry::fails))
}

/// Reads `tree` and judges every driver in it.
pub fn take(ui: &Ui, tree: &Path, version: &str) -> Result<Census> {
    if !tree.join("drivers/pci").is_dir() {
        bail!("{} has no drivers/pci", tree.display());
    }
    ui.stage("census", "reading the tree", |stage| {
        let census = look(stage, tree, version)?;
        let summary = format!(
            "{} files that allocate, of {} read",
            census.entries.len(),
            census.read.0
        );
        Ok((census, summary))
    })
}

fn look(stage: &Stage<'_>, tree: &Path, version: &str) -> Result<Census> {
    let index = index::Index::read(tree, &|at, of| {
        stage.progress(&format!("{at} of {of} files"))
    })?;
    let mut program = graph::Program::new(&index);
    program.spread(&|file| stage.progress(&format!("who reaches what: {file}")));
    let mut files: BTreeMap<String, Vec<Verdict>> = BTreeMap::new();
    for driver in program.drivers() {
        stage.progress(&format!("the ways through {}", program.path(driver)));
        for verdict in verdict::judge(&mut program, driver) {
            files.entry(verdict.file.clone()).or_default().push(verdict);
        }
    }
    for verdict in unreached(&program, &files) {
        files.insert(verdict.file.clone(), vec![verdict]);
    }
    let entries = files
        .into_iter()
        .map(|(file, verdicts)| entry(file, verdicts, version));
    Ok(Census {
        linux: version.to_string(),
        entries: entries.collect(),
        read: (index.read, index.skipped),
    })
}

fn entry(file: String, mut verdicts: Vec<Verdict>, version: &str) -> Entry {
    verdicts.sort_by_key(|v| std::cmp::Reverse(v.class));
    let mut entry = Entry {
        class: verdicts[0].class,
        changes: verdicts.iter().flat_map(|v| v.changes.clone()).collect(),
        todo: "",
        read: None,
        file,
        verdicts,
    };
    let open = entry.class.reported()
        || entry.class == Class::Undecided
        || entry.changes.contains(&Change::AllocatesWhileLive);
    let reading = read::READ.iter().find(|r| r.file == entry.file);
    if let Some(reading) = reading.filter(|_| open && version == read::VERSION) {
        entry.class = reading.class;
        entry.read = Some(reading.why);
        entry.changes.retain(|c| *c == Change::IgnoresResult);
        if reading.class.reported() {
            entry.changes.insert(Change::LeaksSometimes);
        }
    }
    entry.todo = todo(&entry);
    entry
}

fn todo(entry: &Entry) -> &'static str {
    let worst = entry.worst();
    let calls = |name: &str| worst.allocate.iter().any(|l| l.what.starts_with(name));
    let managed = worst.handlers.iter().any(|l| l.what.starts_with("devm_"));
    match (entry.class, worst.kind) {
        (Class::Never, _) => "add the frees, after each free_irq()",
        (Class::WrongOrder, _) if entry.changes.contains(&Change::FreesAnothers) => {
            "pci_free_irq_vectors() for pci_*, pcim_free_irq_vectors() for pcim_*"
        }
        (Class::Implicit, _) if calls("pci_enable_msix") => {
            "convert by hand: a table of MSI-X entries, pcim_alloc_irq_vectors() has none"
        }
        (Class::Implicit, Some("mid-life")) => {
            "convert to pcim_alloc_irq_vectors(), the frees while bound to pcim_free_irq_vectors()"
        }
        (Class::Implicit, _) => "convert to pcim_alloc_irq_vectors()",
        (Class::SomePaths, _) if managed => {
            "convert to pcim_alloc_irq_vectors() and drop the frees; or add those that lack"
        }
        (Class::SomePaths, _) => {
            "add the frees that lack; or convert to pcim_alloc_irq_vectors() and drop all"
        }
        (Class::WrongOrder, _) => {
            "convert to pcim_alloc_irq_vectors() and drop the frees; or free the handlers before"
        }
        (Class::Undecided, _) => "read it",
        (Class::Explicit | Class::Managed | Class::IntxOnly, _) => "nothing",
    }
}

/// Files that allocate where no driver was found that it is for.
fn unreached(program: &graph::Program<'_>, files: &BTreeMap<String, Vec<Verdict>>) -> Vec<Verdict> {
    let mut found: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for id in program.ids() {
        let Some(body) = &program.symbol(id).body else {
            continue;
        };
        let path = program.path(id);
        if files.contains_key(path) || !path.ends_with(".c") {
            continue;
        }
        let mut all = Vec::new();
        graph::calls(body, &mut all);
        for call in all.iter().filter(|c| !c.member) {
            if graph::ALLOCATE.contains(&&*call.name) {
                found.entry(path).or_default().push(Line {
                    file: path.into(),
                    line: call.line,
                    what: call.name.to_string(),
                });
            }
        }
    }
    found
        .into_iter()
        .map(|(file, allocate)| {
            Verdict::unreached(file, program.index.modules_of(file).to_vec(), allocate)
        })
        .collect()
}

/// The cases that earlier sweeps of 7.3.4 missed or got wrong, and the class each has.
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

/// What is known of the pristine 7.3.4, where each number comes from the documentation.
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

/// The census of the pristine tree against what is known of it by hand, and of the grafted tree against the rule.
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
        let unused: Vec<_> = read::READ
            .iter()
            .filter(|r| {
                let entry = census.entries.iter().find(|e| e.file == r.file);
                entry.is_none_or(|e| e.read.is_none())
            })
            .map(|r| r.file)
            .collect();
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

impl Census {
    /// How many files there are, of each class, and of each kind of the implicit ones.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::from([("files".to_string(), self.entries.len())]);
        for entry in &self.entries {
            *counts.entry(entry.class.name().to_string()).or_default() += 1;
            if let (Class::Implicit, Some(kind)) = (entry.class, entry.worst().kind) {
                *counts.entry(format!("implicit/{kind}")).or_default() += 1;
            }
        }
        counts
    }
}
