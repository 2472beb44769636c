// SPDX-License-Identifier: GPL-2.0

//! `host::no-pci`: everything of ours builds for a kernel without PCI; `host::no-msi`: and for one with PCI, but without MSI.

use std::time::Instant;

use anyhow::Result;

use crate::{
    command::{command, run},
    kernel::KernelSpec,
    layout::Layout,
    prepare::Prepared,
    results::Row,
    ui::Ui,
};

/// The tests' names.
pub const NAME: &str = "host::no-pci";
pub const NO_MSI: &str = "host::no-msi";

/// Builds the kernel crate with its helpers, and a module that calls what `linux/pci.h` declares.
pub fn build(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<Vec<Row>> {
    let started = Instant::now();
    let spec = KernelSpec::new(layout, "no-pci", layout.linux(), &["no-pci"]);
    spec.configure(ui, layout, &prepared.tools)?;
    let module = layout.build.join("modules/no-pci");
    ui.stage("no-pci", "building without PCI", |stage| {
        spec.make(
            stage,
            layout,
            &prepared.tools,
            &["prepare", "modules_prepare"],
            "prepare",
        )?;
        std::fs::create_dir_all(&module)?;
        let log = layout.log("no-pci-module");
        let mut rsync = command(layout, "rsync");
        let from = layout.testing().join("modules/no_pci");
        rsync
            .arg("-a")
            .arg(format!("{}/", from.display()))
            .arg(&module);
        run(stage, &mut rsync, &log)?;
        // Without a kernel there are no symbols to look up, but there is an object.
        let mut make = prepared.tools.make(layout, &spec.source, &spec.out);
        make.arg(format!("M={}", module.display())).arg("no_pci.o");
        run(stage, &mut make, &log)?;
        Ok(((), "the kernel crate, and a module".into()))
    })?;
    Ok(vec![Row::passed(NAME).took(started.elapsed())])
}

/// Builds `drivers/pci`, with the kernel crate that it needs.
pub fn build_without_msi(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<Vec<Row>> {
    let started = Instant::now();
    let spec = KernelSpec::new(layout, "no-msi", layout.linux(), &["no-msi"]);
    spec.configure(ui, layout, &prepared.tools)?;
    ui.stage("no-msi", "building drivers/pci without MSI", |stage| {
        for target in ["prepare", "drivers/pci/"] {
            spec.make(stage, layout, &prepared.tools, &[target], "objects")?;
        }
        Ok(((), "the kernel crate, and drivers/pci".into()))
    })?;
    Ok(vec![Row::passed(NO_MSI).took(started.elapsed())])
}
