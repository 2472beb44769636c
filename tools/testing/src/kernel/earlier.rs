// SPDX-License-Identifier: GPL-2.0

//! The stock kernel with the rule that patches of 2026 proposed. One file differs, so its build starts from the stock kernel's.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    common::{
        command::{command, output, run},
        layout::Layout,
        ui::Ui,
    },
    kernel::{prepare::Prepared, spec::KernelSpec, ungrafted::ungrafted},
};

const FILE: &str = "drivers/pci/msi/msi.c";

/// Returns the kernel, with its output folder ready for an incremental build.
pub fn spec(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<KernelSpec> {
    let pristine = ungrafted(ui, layout, prepared)?;
    let stock = KernelSpec::stock(layout, pristine);
    stock.configure(ui, layout, &prepared.tools)?;
    let stock = stock.build(ui, layout, &prepared.tools)?;
    let spec = KernelSpec {
        name: "2026".into(),
        out: layout.build.join("2026"),
        ..stock.spec.clone()
    };
    let patch = layout.testing().join("kernels/earlier-2026.patch");
    let built = fs::metadata(&stock.image)?.modified()?;
    let identity = format!("{built:?}\n{}", fs::read_to_string(&patch)?);
    let stamp = spec.out.join(".2026");
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == identity) {
        return Ok(spec);
    }
    ui.stage("2026 copy", "copying the stock kernel's output", |stage| {
        let log = layout.log("2026-copy");
        let from = &stock.spec.out;
        let mut rsync = command(layout, "rsync");
        rsync.args([
            "-a",
            "--delete",
            "--exclude=/guest",
            "--exclude=/guest.cpio",
        ]);
        rsync.arg(format!("{}/", from.display())).arg(&spec.out);
        run(stage, &mut rsync, &log)?;
        moved(layout, from, &spec.out);
        // Make looks here before it looks into the source tree.
        let mut edit = command(layout, "patch");
        edit.arg("-o").arg(spec.out.join(FILE));
        edit.arg("-i").arg(&patch).arg(spec.source.join(FILE));
        run(stage, &mut edit, &log)?;
        fs::write(&stamp, &identity).context("writing the stamp")?;
        Ok(((), layout.show(&spec.out)))
    })?;
    Ok(spec)
}

/// Updates the paths in the copy, because Kbuild would otherwise build all Rust code anew. If that fails, it does so.
fn moved(layout: &Layout, from: &Path, to: &Path) {
    let mut find = command(layout, "find");
    let edit = format!("s|{}\\b|{}|g", from.display(), to.display());
    find.arg(to).args(["-name", ".*.cmd", "-exec", "sed", "-i"]);
    find.arg(edit).args(["{}", "+"]);
    let _ = output(&mut find);
}
