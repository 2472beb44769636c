// SPDX-License-Identifier: GPL-2.0

//! The source without the overlay.

use crate::{common::*, kernel::Prepared};

/// Returns the pristine tree if it can be built with its output elsewhere, and otherwise a clean copy, which is made once.
pub fn ungrafted(prepared: &Prepared) -> Result<PathBuf> {
    let mut known = prepared.ungrafted.lock().expect("no holder panics");
    if let Some(tree) = &*known {
        return Ok(tree.clone());
    }
    Ok(known.insert(find(prepared)?).clone())
}

fn find(prepared: &Prepared) -> Result<PathBuf> {
    let tree = &prepared.pristine.tree;
    let built_in = tree.join(".config").exists() || tree.join("include/config").exists();
    let is_grafted = tree.join(".pci_devres_rust").exists();
    if !built_in && !is_grafted {
        return Ok(tree.clone());
    }
    let copy = prepared.build.join("pristine");
    let doing = "making a clean copy of LINUX to compare with";
    prepared.stage("ungrafted", doing, |stage| {
        let log = prepared.log("ungrafted");
        let mut rsync = rsync(prepared, tree, &copy);
        run(stage, rsync.args(["--delete", "--exclude=/.git"]), &log)?;
        if is_grafted {
            let mut graft = command(prepared, prepared.root.join("scripts/graft"));
            run(stage, graft.arg("--undo").arg(&copy), &log)?;
        }
        let mut make = command(prepared, "make");
        make.arg("-C").arg(&copy).arg("mrproper");
        succeed(&mut make, "cleaning the copy")?;
        Ok(((), prepared.show(&copy)))
    })?;
    Ok(copy)
}
