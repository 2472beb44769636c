// SPDX-License-Identifier: GPL-2.0

//! `host::no-pci` and `host::no-msi`: a kernel without PCI, and one with PCI but without MSI, have the calls for managed vectors as
//! well, but not the option. All our code that does not belong to the option is built.

use crate::{common::*, kernel::*, verdict::Row};

/// The tests' names.
pub const NAME: &str = "host::no-pci";
pub const NO_MSI: &str = "host::no-msi";

/// Builds the kernel crate with its helpers, `folders`, and a module that calls what `linux/pci.h` declares.
pub fn build_without(prepared: &Prepared, test: &str, folders: &[&str]) -> Result<Vec<Row>> {
    let started = Instant::now();
    let name = test.trim_start_matches("host::");
    let spec = KernelSpec {
        // Nothing runs, so nothing needs to be fast.
        options: &["KRUSTFLAGS=-Copt-level=0"],
        ..KernelSpec::new(prepared, name, prepared.linux(), &[name])
    };
    spec.configure(prepared)?;
    let modules = prepared.build.join("modules").join(name);
    prepared.stage(name, "building the kernel crate and a module", |stage| {
        let make = |targets: &[&str]| spec.make(stage, prepared, targets, "prepare");
        make(&["prepare", "modules_prepare"])?;
        for folder in folders {
            make(&[folder])?;
        }
        let log = prepared.log(&format!("{name}-module"));
        run(stage, &mut rsync(prepared, &prepared.testing().join("modules/no_pci"), &modules, &[]), &log)?;
        // No kernel is linked, so symbols cannot be resolved. The object is built all the same.
        let mut make = prepared.make(&spec.source, &spec.out);
        make.arg(format!("M={}", modules.display())).arg("no_pci.o");
        run(stage, &mut make, &log)?;
        let mut built = vec!["the kernel crate".to_string()];
        built.extend(folders.iter().map(|f| f.trim_end_matches('/').into()));
        Ok((built.join(", ") + ", a module", ()))
    })?;
    Ok(vec![Row::passed(test).took(started.elapsed())])
}
