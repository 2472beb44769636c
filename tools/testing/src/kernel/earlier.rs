// SPDX-License-Identifier: GPL-2.0

//! The stock kernel with the rule that patches of 2026 proposed. One file differs, so its build starts from the stock kernel's.

use crate::{
    common::*,
    kernel::{prepare::stock, *},
};

const FILE: &str = "drivers/pci/msi/msi.c";

/// Returns the kernel, with its output folder ready for an incremental build.
pub fn spec(prepared: &Prepared) -> Result<KernelSpec> {
    let stock = stock(prepared)?;
    let spec = KernelSpec { name: "2026".into(), out: prepared.build.join("2026"), from: None, ..stock.spec.clone() };
    let patch = prepared.testing().join("kernels/earlier-2026.patch");
    let built = fs::metadata(&stock.image)?.modified()?;
    let identity = format!("{built:?}\n{}", fs::read_to_string(&patch)?);
    let stamp = spec.out.join(".2026");
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == identity) {
        return Ok(spec);
    }
    copied::output(prepared, &stock.spec, &spec, &BTreeSet::from([FILE.to_string()]))?;
    // Make looks here before it looks into the source tree.
    let mut edit = command(prepared, "patch");
    edit.arg("-o").arg(spec.out.join(FILE));
    edit.arg("-i").arg(&patch).arg(spec.source.join(FILE));
    succeed(&mut edit, "making the kernel of 2026")?;
    fs::write(&stamp, &identity).context("writing the stamp")?;
    Ok(spec)
}
