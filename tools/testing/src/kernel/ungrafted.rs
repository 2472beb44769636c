// SPDX-License-Identifier: GPL-2.0

//! The source without the overlay.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    common::{command, rsync, run, succeed, Layout, Ui},
    kernel::Prepared,
};

/// Returns the pristine tree if it can be built with its output elsewhere, and otherwise a clean copy, which is made once.
pub fn ungrafted(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<PathBuf> {
    let mut known = prepared.ungrafted.lock().expect("no holder panics");
    if let Some(tree) = &*known {
        return Ok(tree.clone());
    }
    let tree = find(ui, layout, prepared)?;
    Ok(known.insert(tree).clone())
}

fn find(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<PathBuf> {
    let tree = &prepared.pristine.tree;
    let built_in = tree.join(".config").exists() || tree.join("include/config").exists();
    let is_grafted = tree.join(".pci_devres_rust").exists();
    if !built_in && !is_grafted {
        return Ok(tree.clone());
    }
    let copy = layout.build.join("pristine");
    let doing = "making a clean copy of LINUX to compare with";
    ui.stage("ungrafted", doing, |stage| {
        let log = layout.log("ungrafted");
        let mut rsync = rsync(layout, tree, &copy);
        run(stage, rsync.args(["--delete", "--exclude=/.git"]), &log)?;
        if is_grafted {
            let mut graft = command(layout, layout.root.join("scripts/graft"));
            run(stage, graft.arg("--undo").arg(&copy), &log)?;
        }
        let mut make = command(layout, "make");
        make.arg("-C").arg(&copy).arg("mrproper");
        succeed(&mut make, "cleaning the copy")?;
        Ok(((), layout.show(&copy)))
    })?;
    Ok(copy)
}
