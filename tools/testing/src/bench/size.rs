// SPDX-License-Identifier: GPL-2.0

//! The size of the code: objects of `drivers/pci`, and their code in the `kernel` crate.

use super::rows::Counts;
use crate::{common::*, host::llvm, kernel::Ready};

/// Bytes of executable and of other sections.
type Size = [u64; 2];

fn sum<const N: usize>(sizes: [Size; N]) -> Size {
    [0, 1].map(|at| sizes.iter().map(|size| size[at]).sum())
}

/// Adds the rows on size. The rule is in the `kernel` crate, whose functions for C code have names as in C. C helpers that are not
/// inlined everywhere are in that crate, too.
pub fn add(session: &Session, stock: &Ready, ours: &Ready, theirs: &mut Counts, mine: &mut Counts) -> Result<()> {
    let (a, b) = (&stock.kernel.spec.out, &ours.kernel.spec.out);
    let helpers = ours.kernel.spec.source.join("rust/helpers/pci_devres.c");
    let devres = sum([
        objects(session, b, &["devres_rust.o", "devres_exports.o"])?,
        functions(session, b, "rust/kernel.o", "6kernel3pci5entry")?,
        functions(session, b, "rust/kernel.o", &defined(&helpers)?)?,
    ]);
    let msi = ["msi/api.o", "msi/irqdomain.o", "msi/msi.o"];
    let rule = functions(session, b, "rust/kernel.o", "6kernel3pci9ownership|^pcim?_")?;
    let with_rule = sum([objects(session, b, &msi)?, objects(session, b, &["msi/ownership.o"])?, rule]);
    let added = objects(session, b, &["msi/ownership_trace.o", "msi/ownership_debugfs.o"])?;
    for (name, stock, ours) in [
        ("devres", objects(session, a, &["devres.o"])?, devres),
        ("msi", objects(session, a, &msi)?, with_rule),
        ("added_trace_and_debugfs", [0, 0], added),
    ] {
        for (counts, size) in [(&mut *theirs, stock), (&mut *mine, ours)] {
            counts.extend(["text", "data"].into_iter().zip(size).map(|(part, bytes)| (format!("size/{name}/{part}"), bytes)));
        }
    }
    Ok(())
}

/// Returns the size of objects of `drivers/pci`. Exports, bug tables and unwind data are not counted, because they depend on the
/// configuration.
fn objects(session: &Session, out: &Path, names: &[&str]) -> Result<Size> {
    let section = regex(r"(?m)^ *\d+ (\S+) +([0-9a-f]+) [0-9a-f]+ (\w+)");
    let apart = ["__ksymtab", "__bug_table", ".orc_", ".return_sites", ".modinfo"];
    let mut size = [0, 0];
    for name in names {
        let said = llvm(session, "objdump", &["-h"], &out.join("drivers/pci").join(name))?;
        for (_, [name, bytes, kind]) in section.captures_iter(&said).map(|found| found.extract()) {
            if !apart.iter().any(|beginning| name.starts_with(beginning)) {
                size[usize::from(kind != "TEXT")] += u64::from_str_radix(bytes, 16)?;
            }
        }
    }
    Ok(size)
}

/// Returns the size of the functions and named data whose names match, without those of a module `tests`. Constants without a name
/// are not found.
fn functions(session: &Session, out: &Path, name: &str, like: &str) -> Result<Size> {
    let like = Regex::new(like)?;
    let mut size = [0, 0];
    for line in llvm(session, "nm", &["--format=posix", "--defined-only"], &out.join(name))?.lines() {
        let [name, kind, _, bytes] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        if like.is_match(name) && !name.contains("5tests") {
            size[usize::from(!kind.eq_ignore_ascii_case("t"))] += u64::from_str_radix(bytes, 16)?;
        }
    }
    Ok(size)
}

/// Returns the helpers that a C file defines, as a regular expression.
fn defined(file: &Path) -> Result<String> {
    let text = read(file)?;
    let names: Vec<_> = regex(r"\brust_helper_\w+").find_iter(&text).map(|f| f.as_str()).collect();
    Ok(format!("^({})$", names.join("|")))
}
