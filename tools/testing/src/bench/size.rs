// SPDX-License-Identifier: GPL-2.0

//! The size of the code: objects of `drivers/pci`, and their code in the `kernel` crate.

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind};

use super::rows::Counts;
use crate::{
    common::{text, *},
    kernel::Ready,
};

/// `SHF_ALLOC`: the section is loaded.
const ALLOC: u64 = 2;
/// `SHF_EXECINSTR`: it is executed.
const EXECINSTR: u64 = 4;

/// Bytes of executable and of other sections.
#[derive(Clone, Copy, Default)]
struct Size {
    text: u64,
    data: u64,
}

impl std::ops::Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { text: self.text + other.text, data: self.data + other.data }
    }
}

/// Adds the rows on size. The rule is in the `kernel` crate. Its functions for C code have names as in C.
pub fn add(stock: &Ready, ours: &Ready, theirs: &mut Counts, mine: &mut Counts) -> Result<()> {
    let (a, b) = (&stock.kernel.spec.out, &ours.kernel.spec.out);
    let helpers = ours.kernel.spec.source.join("rust/helpers/pci_devres.c");
    let devres = objects(b, &["devres_rust.o", "devres_exports.o"])?
        + functions(b, "rust/kernel.o", "6kernel3pci5entry")?
        + functions(b, "rust/helpers/helpers.o", &defined(&helpers)?)?;
    let msi = ["msi/api.o", "msi/irqdomain.o", "msi/msi.o"];
    let rule = objects(b, &["msi/ownership.o"])? + functions(b, "rust/kernel.o", "6kernel3pci9ownership|^pcim?_")?;
    let added = objects(b, &["msi/ownership_trace.o", "msi/ownership_debugfs.o"])?;
    for (name, stock, ours) in [
        ("devres", objects(a, &["devres.o"])?, devres),
        ("msi", objects(a, &msi)?, objects(b, &msi)? + rule),
        ("added_trace_and_debugfs", Size::default(), added),
    ] {
        for (counts, size) in [(&mut *theirs, stock), (&mut *mine, ours)] {
            counts.insert(format!("size/{name}/text"), size.text);
            counts.insert(format!("size/{name}/data"), size.data);
        }
    }
    Ok(())
}

/// Returns the size of objects of `drivers/pci`. Exports, bug tables and unwind data are not counted, because they depend on the
/// configuration.
fn objects(out: &Path, names: &[&str]) -> Result<Size> {
    let mut size = Size::default();
    for name in names {
        let bytes = read(&out.join("drivers/pci").join(name))?;
        for section in object::File::parse(&*bytes)?.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            let has = |flag: u64| sh_flags.0 & flag != 0;
            let name = section.name()?;
            let apart = ["__ksymtab", "__bug_table", ".orc_", ".return_sites", ".modinfo"];
            if !has(ALLOC) || apart.iter().any(|a| name.starts_with(a)) {
                continue;
            }
            if has(EXECINSTR) {
                size.text += section.size();
            } else {
                size.data += section.size();
            }
        }
    }
    Ok(size)
}

/// Returns the size of the functions and named data whose names match, without those of a module `tests`. Constants without a name
/// are not found.
fn functions(out: &Path, name: &str, like: &str) -> Result<Size> {
    let like = Regex::new(like)?;
    let bytes = read(&out.join(name))?;
    let mut size = Size::default();
    for symbol in object::File::parse(&*bytes)?.symbols() {
        let counts = |name: &str| like.is_match(name) && !name.contains("5tests");
        if symbol.is_undefined() || !symbol.name().is_ok_and(counts) {
            continue;
        }
        match symbol.kind() {
            SymbolKind::Text => size.text += symbol.size(),
            SymbolKind::Data => size.data += symbol.size(),
            _ => {}
        }
    }
    Ok(size)
}

/// Returns the helpers that a C file defines, as a regular expression.
fn defined(file: &Path) -> Result<String> {
    let text = text::read(file)?;
    let names: Vec<_> = text::regex(r"\brust_helper_\w+").find_iter(&text).map(|f| f.as_str()).collect();
    Ok(format!("^({})$", names.join("|")))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}
