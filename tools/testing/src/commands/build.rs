// SPDX-License-Identifier: GPL-2.0

//! `make build` and `make menuconfig`: the grafted kernel without booting it.

use crate::{common::*, host::*, kernel::*};

pub fn build(session: &Session) -> Result<bool> {
    let prepared = prepare::source(session, &[])?;
    let ready = prepare::kernel(&prepared, Kernel::Ours, &BTreeSet::new())?;
    println!("\nbuild: ok. Linux {}, {}", ready.kernel.release, elapsed(session.started.elapsed()));
    println!("  image    {}", session.show(&ready.kernel.image));
    println!("  modules  make -C build/kernel LLVM={LLVM} M=/path/to/your/module");
    Ok(true)
}

/// Opens Kconfig's menus on the grafted kernel's configuration.
pub fn menuconfig(session: &Session) -> Result<bool> {
    let prepared = prepare::source(session, packages::set("menus"))?;
    let spec = KernelSpec::named(&prepared, "kernel")?;
    spec.configure(&prepared)?;
    let mut make = prepared.make(&spec.source, &spec.out);
    make.arg("menuconfig").stdin(Stdio::inherit());
    // The menus need the language of the terminal.
    make.env_remove("LC_ALL");
    if make.status()?.success() {
        return Ok(true);
    }
    Err(Failure::new("make menuconfig failed").remedy("it needs a terminal of at least 80 columns and 19 lines").into())
}
