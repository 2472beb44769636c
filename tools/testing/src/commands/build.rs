// SPDX-License-Identifier: GPL-2.0

//! `make build` and `make menuconfig`: the grafted kernel without booting it.

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Instant};

use anyhow::Result;

use crate::{
    common::{elapsed, Failure, Layout, Ui},
    host::{packages, LLVM},
    kernel::{prepare, Kernel, KernelSpec},
};

/// Builds image, modules and initramfs.
pub fn build(ui: &Ui, layout: &Layout, linux: Option<&Path>) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(ui, layout, linux, &[])?;
    let ready = prepare::kernel(ui, layout, &prepared, Kernel::Ours, &BTreeSet::new())?;
    println!(
        "\nbuild: ok. Linux {}, {}\n  image    {}\n  modules  make -C build/kernel LLVM={LLVM} M=/path/to/your/module",
        ready.kernel.release,
        elapsed(started.elapsed()),
        layout.show(&ready.kernel.image)
    );
    Ok(true)
}

/// Opens Kconfig's menus on the grafted kernel's configuration.
pub fn menuconfig(ui: &Ui, layout: &Layout, linux: Option<&Path>) -> Result<bool> {
    let prepared = prepare::source(ui, layout, linux, packages::MENUS)?;
    let spec = KernelSpec::ours(layout);
    spec.configure(ui, layout, &prepared.tools)?;
    let mut make = prepared.tools.make(layout, &spec.source, &spec.out);
    make.arg("menuconfig").stdin(Stdio::inherit());
    // The menus need the language of the terminal.
    make.env_remove("LC_ALL");
    if make.status()?.success() {
        return Ok(true);
    }
    Err(Failure::new("make menuconfig failed").remedy("it needs a terminal of at least 80 columns and 19 lines").into())
}
