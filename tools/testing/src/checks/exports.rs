// SPDX-License-Identifier: GPL-2.0

//! The symbols that an object exports to modules.

use object::{Object, ObjectSection, ObjectSymbol};

use crate::common::*;

/// The exported names, each with its class: the modules to which it is exported.
pub type Exports = BTreeMap<String, String>;

/// Returns the exports of the object at `path`.
pub fn of(path: &Path) -> Result<Exports> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    exports(&object::File::parse(&*bytes)?)
}

/// Returns the exports of `file`. `EXPORT_SYMBOL()` and the like store the licence and the namespace, as two strings, at a symbol
/// whose name contains that of the exported symbol.
pub fn exports(file: &object::File<'_>) -> Result<Exports> {
    let mut found = Exports::new();
    for symbol in file.symbols() {
        let Some(name) = symbol.name()?.strip_prefix("__export_symbol_") else { continue };
        let section = file.section_by_index(symbol.section_index().context("an export has a section")?)?;
        let at = usize::try_from(symbol.address() - section.address())?;
        let mut strings = section.data()?[at..].split(|byte| *byte == 0);
        let mut next = || String::from_utf8_lossy(strings.next().unwrap_or_default());
        let class = match (&*next(), &*next()) {
            ("", "") => "any licence".into(),
            (licence, "") => licence.into(),
            (licence, namespace) => format!("{licence}, namespace {namespace}"),
        };
        found.insert(name.into(), class);
    }
    Ok(found)
}

/// Returns the exports of a kernel built in `out`, without those of Rust code: the build exports all of that, for Rust modules.
pub fn of_kernel(out: &Path) -> Result<Exports> {
    let mut found = of(&out.join("vmlinux.o"))?;
    let rust = of(&out.join("rust/exports.o"))?;
    found.retain(|name, _| !rust.contains_key(name));
    Ok(found)
}

/// Returns the functions that a header declares and does not define.
pub fn declared(header: &Path) -> Result<BTreeSet<String>> {
    let text = read(header)?;
    Ok(regex(r"(?m)^(?:int|void|bool) (\w+)\([^;{]*\);").captures_iter(&text).map(|f| f[1].into()).collect())
}
