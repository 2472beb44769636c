// SPDX-License-Identifier: GPL-2.0

//! Checks the effect of the option on the PCI core. With the option off, which is the default, every object of `drivers/pci` is the
//! same as that of the ungrafted tree. With the option on, the PCI core exports the same and the managed calls.
//!
//! The comparison covers all sections that are loaded or that make exports, with their relocations by name, and the symbols. It
//! leaves out line numbers (bug tables, DWARF), converted drivers, and files in which the overlay has a hook; of these only the
//! exports are compared. The guests `guest::...@off` test how such files behave.

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};

use crate::{
    checks::exports::{self, Exports},
    common::*,
    kernel::*,
    verdict::Row,
};

const FOLDER: &str = "drivers/pci";

/// The kernels whose exports are compared.
pub const KERNELS: [Kernel; 2] = [Kernel::Stock, Kernel::Ours];

/// Builds `drivers/pci` from the pristine and from the grafted tree and compares the two. Returns one row for each folder, one for
/// the set of objects, and one for the exports; and one for the exports of the kernels with the option on and without the overlay.
pub fn compare(prepared: &Prepared, ready: &BTreeMap<Kernel, Ready>) -> Result<Vec<Row>> {
    let pristine = ungrafted(prepared)?;
    let spec = |which: &str, source: PathBuf| KernelSpec {
        out: prepared.build.join("objects").join(which),
        ..KernelSpec::new(prepared, &format!("objects-{which}"), source, &["objects"])
    };
    let specs = [spec("pristine", pristine), spec("grafted", prepared.linux())];
    let mut trees = Vec::new();
    for spec in &specs {
        spec.configure(prepared)?;
        prepared.stage(&spec.name, "building drivers/pci with the option off", |stage| {
            spec.make(stage, prepared, &["prepare", "modules_prepare"], "prepare")?;
            spec.make(stage, prepared, &["drivers/pci/"], "build")?;
            let found = objects(&spec.out)?;
            let summary = format!("{} objects", found.len());
            trees.push(found);
            Ok(((), summary))
        })?;
    }
    let mut rows = rows(&trees[0], &trees[1], &excepted(prepared)?);
    rows.push(exported("objects::exports", &all_exports(&trees[0]), &all_exports(&trees[1]), &BTreeSet::new()));
    if let [Some(stock), Some(ours)] = KERNELS.map(|kernel| ready.get(&kernel)) {
        let of = |ready: &Ready| exports::of_kernel(&ready.kernel.spec.out);
        // Ours has the software PCI bus too, which selects a library of the kernel.
        let headers =
            [prepared.root.join("include/linux/pci_irq_vectors.h"), prepared.linux().join("include/linux/irqchip/irq-msi-lib.h")];
        let mut added = BTreeSet::new();
        for header in headers {
            added.extend(exports::declared(&header)?);
        }
        rows.push(exported("objects::exports_with_the_option", &of(stock)?, &of(ours)?, &added));
    }
    rows.push(default_is_off(prepared)?);
    Ok(rows)
}

/// Checks that the exports are the same, except for those that are `added`.
fn exported(name: &str, theirs: &Exports, ours: &Exports, added: &BTreeSet<String>) -> Row {
    let mut differing = differing(theirs, ours, |a, b| a == b, |class| format!(" ({class})"));
    differing.retain(|line| !added.iter().any(|f| *line == format!("{f} is new")));
    let missing = added.iter().filter(|f| !ours.contains_key(*f));
    differing.extend(missing.map(|f| format!("{f} is not exported")));
    row(name, &differing, theirs.len())
}

fn all_exports(tree: &Tree) -> Exports {
    tree.values().flat_map(|parts| parts.exports.clone()).collect()
}

/// Checks that a configuration with Rust that does not mention the option has it off, and what depends on it.
fn default_is_off(prepared: &Prepared) -> Result<Row> {
    let name = "objects::default_is_off";
    let spec = KernelSpec {
        out: prepared.build.join("objects/default"),
        ..KernelSpec::new(prepared, "objects-default", prepared.linux(), &["guest"])
    };
    let config = spec.out.join(".config");
    prepared.stage(&spec.name, "asking Kconfig for the default", |stage| {
        fs::create_dir_all(&spec.out)?;
        fs::copy(&spec.fragments[0], &config)?;
        spec.make(stage, prepared, &["olddefconfig"], "config")?;
        Ok(((), "olddefconfig".into()))
    })?;
    let got = Config::read(&config)?;
    let mut wrong = Vec::new();
    if !got.on("RUST") {
        wrong.push("CONFIG_RUST did not take effect, so this says nothing".into());
    }
    if !fs::read_to_string(&config)?.contains("CONFIG_PCI_DEVRES_RUST is not set") {
        wrong.push("CONFIG_PCI_DEVRES_RUST is not offered, or is on".into());
    }
    Ok(row(name, &wrong, 1))
}

fn rows(pristine: &Tree, grafted: &Tree, excepted: &BTreeSet<String>) -> Vec<Row> {
    let set = differing(pristine, grafted, |_, _| true, |_| String::new());
    let mut rows = vec![row("objects::same_set", &set, pristine.len())];
    let mut folders: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for (path, theirs) in pristine.iter().filter(|(path, _)| !excepted.contains(*path)) {
        let Some(ours) = grafted.get(path) else { continue };
        let (count, differing) = folders.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default();
        *count += 1;
        let parts = differing_parts(theirs, ours);
        if !parts.is_empty() {
            differing.push(format!("{path}: {}", parts.join("; ")));
        }
    }
    let folders = folders.into_iter();
    rows.extend(folders.map(|(folder, (count, differing))| row(&format!("objects::{folder}"), &differing, count)));
    rows
}

fn row(name: &str, differing: &[String], count: usize) -> Row {
    let row = Row::judged(name, differing.is_empty(), || {
        format!(
            "with CONFIG_PCI_DEVRES_RUST off these are not what the ungrafted tree gives:\n{}\
             compare build/objects/pristine and build/objects/grafted with llvm-objdump-19 -dr",
            quote(differing)
        )
    });
    row.with("objects", count)
}

/// The objects of a tree, by path.
type Tree = BTreeMap<String, Parts>;

/// The compared parts of an object.
#[derive(Default)]
struct Parts {
    /// Sections: flags, content, relocations.
    sections: BTreeMap<String, Vec<u8>>,
    /// Symbols: size, binding, section, and the offset in it.
    symbols: BTreeMap<String, (String, u64)>,
    /// Its exports.
    exports: Exports,
}

fn differing_parts(a: &Parts, b: &Parts) -> Vec<String> {
    let mut found = differing(&a.sections, &b.sections, |a, b| a == b, |_| String::new());
    let moved = !found.is_empty();
    // If a section has changed, it adds nothing that symbols in it have moved.
    let same = |a: &(String, u64), b: &(String, u64)| a.0 == b.0 && (moved || a.1 == b.1);
    found.extend(differing(&a.symbols, &b.symbols, same, |s| format!(" ({}, at {:#x})", s.0, s.1)));
    found
}

fn differing<T>(
    a: &BTreeMap<String, T>,
    b: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
    show: impl Fn(&T) -> String,
) -> Vec<String> {
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let difference = |name: &String| match (a.get(name), b.get(name)) {
        (Some(a), Some(b)) if same(a, b) => None,
        (Some(a), Some(b)) => Some(match (show(a), show(b)) {
            (a, _) if a.is_empty() => format!("{name} differs"),
            (a, b) => format!("{name}{a} is now{b}"),
        }),
        (Some(_), None) => Some(format!("{name} is gone")),
        _ => Some(format!("{name} is new")),
    };
    names.into_iter().filter_map(difference).collect()
}

/// Returns `name`, with a number behind it if `map` has the name already.
fn unused_key<T>(map: &BTreeMap<String, T>, name: &str) -> String {
    let same = map.keys().filter(|k| k.split('#').next() == Some(name));
    match same.count() {
        0 => name.to_string(),
        n => format!("{name}#{n}"),
    }
}

fn objects(out: &Path) -> Result<Tree> {
    let mut found = Tree::new();
    for path in files(&out.join(FOLDER), &["o"])? {
        let parts = parts(&path).with_context(|| format!("reading {}", path.display()))?;
        found.insert(path.strip_prefix(out)?.display().to_string(), parts);
    }
    Ok(found)
}

fn parts(path: &Path) -> Result<Parts> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(&*bytes)?;
    let mut parts = Parts { exports: exports::exports(&file)?, ..Parts::default() };
    for section in file.sections() {
        let name = section.name()?;
        if !counts(name, section.kind()) {
            continue;
        }
        let mut content = format!("{:?} align {} size {}\n", section.flags(), section.align(), section.size()).into_bytes();
        content.extend(section.data()?);
        for (at, relocation) in section.relocations() {
            let target = match relocation.target() {
                RelocationTarget::Symbol(index) => {
                    let symbol = file.symbol_by_index(index)?;
                    match (symbol.kind(), symbol.section_index()) {
                        (SymbolKind::Section, Some(of)) => file.section_by_index(of)?.name()?.to_string(),
                        _ => symbol.name()?.to_string(),
                    }
                }
                other => format!("{other:?}"),
            };
            let line = format!("\n{at:x} {:?} {target}+{:x}", relocation.flags(), relocation.addend());
            content.extend(line.bytes());
        }
        // Sections may share a name.
        parts.sections.insert(unused_key(&parts.sections, name), content);
    }
    for symbol in file.symbols() {
        if matches!(symbol.kind(), SymbolKind::Section | SymbolKind::File) {
            continue;
        }
        let section = match symbol.section_index() {
            Some(index) => file.section_by_index(index)?.name()?.to_string(),
            None => format!("{:?}", symbol.section()),
        };
        if section == "__bug_table" {
            continue;
        }
        let binding = match (symbol.is_global(), symbol.is_weak()) {
            (_, true) => "weak",
            (true, _) => "global",
            _ => "local",
        };
        let what = format!("{} bytes, {binding} {:?} in {section}", symbol.size(), symbol.kind());
        let (name, at) = (symbol.name()?, symbol.address());
        // Local names may occur more than once; their order in the symbol table is the file's.
        parts.symbols.insert(unused_key(&parts.symbols, name), (what, at));
    }
    Ok(parts)
}

/// Returns whether a section is loaded or read for exports, and has no line numbers.
fn counts(name: &str, kind: SectionKind) -> bool {
    let aside = ["__bug_table", ".comment", ".llvm_addrsig"];
    let debug = name.starts_with(".debug") || name.starts_with(".rela") || name == ".BTF";
    !debug && !aside.contains(&name) && kind != SectionKind::Metadata
}

/// Returns the objects under `drivers/pci` of converted drivers, and of files that the overlay patches.
fn excepted(session: &Session) -> Result<BTreeSet<String>> {
    let converted = drivers::converted(session)?.into_iter().map(|driver| format!("+++ b/{}", driver.file.display()));
    let mut found: BTreeSet<_> = converted.flat_map(|file| patched_objects(&file)).collect();
    for path in files(&session.root.join("scripts/patches"), &["patch"])? {
        found.extend(patched_objects(&read(&path)?));
    }
    Ok(found)
}

fn patched_objects(patch: &str) -> Vec<String> {
    let sources = patch.lines().filter_map(|line| line.strip_prefix("+++ b/")).filter(|file| file.starts_with(FOLDER));
    sources.filter_map(|file| Some(format!("{}.o", file.strip_suffix(".c")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(objects: &[(&str, &[(&str, &str)])]) -> Tree {
        let parts = |sections: &[(&str, &str)]| Parts {
            sections: sections.iter().map(|(n, c)| (n.to_string(), c.as_bytes().to_vec())).collect(),
            ..Parts::default()
        };
        objects.iter().map(|(path, p)| (path.to_string(), parts(p))).collect()
    }

    #[test]
    fn the_object_and_its_section_are_named() {
        let a = tree(&[("drivers/pci/msi/api.o", &[(".text", "x"), (".data", "y")])]);
        let b = tree(&[("drivers/pci/msi/api.o", &[(".text", "z"), (".data", "y")])]);
        let rows = rows(&a, &b, &BTreeSet::new());
        assert!(rows[0].ok);
        assert_eq!(rows[1].name, "objects::drivers/pci/msi");
        assert!(rows[1].message.contains("drivers/pci/msi/api.o: .text differs"), "{}", rows[1].message);
    }

    #[test]
    fn an_object_that_is_new_or_gone_is_named() {
        let a = tree(&[("drivers/pci/devres.o", &[])]);
        let b = tree(&[("drivers/pci/devres_rust.o", &[])]);
        let rows = rows(&a, &b, &BTreeSet::new());
        assert!(rows[0].message.contains("devres_rust.o is new"));
        assert!(rows[0].message.contains("devres.o is gone"));
    }

    #[test]
    fn converted_drivers_are_excepted() {
        let a = tree(&[("drivers/pci/switch/switchtec.o", &[(".text", "x")])]);
        let b = tree(&[("drivers/pci/switch/switchtec.o", &[(".text", "y")])]);
        assert!(rows(&a, &b, &BTreeSet::from(["drivers/pci/switch/switchtec.o".to_string()])).iter().all(|row| row.ok));
    }

    #[test]
    fn files_with_a_hook_are_found_in_the_patches() {
        let patch = "--- a/drivers/pci/msi/api.c\n+++ b/drivers/pci/msi/api.c\n@@ -1 +1 @@\n-a\n+b\n\
                     --- a/include/linux/pci.h\n+++ b/include/linux/pci.h\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(patched_objects(patch), ["drivers/pci/msi/api.o"]);
    }

    #[test]
    fn an_export_that_is_new_gone_or_of_another_class_is_named() {
        let of = |exports: &[(&str, &str)]| -> Exports { exports.iter().map(|(n, c)| (n.to_string(), c.to_string())).collect() };
        let theirs = of(&[("a", "any licence"), ("b", "GPL"), ("c", "GPL")]);
        let added = BTreeSet::from(["d".to_string(), "e".to_string()]);
        let ours = of(&[("a", "GPL"), ("b", "GPL"), ("d", "GPL"), ("f", "GPL")]);
        let message = exported("objects::exports", &theirs, &ours, &added).message;
        for part in ["a (any licence) is now (GPL)", "c is gone", "f is new", "e is not exported"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("d is") && !message.contains("b "));
        assert!(exported("x", &theirs, &theirs, &BTreeSet::new()).ok);
    }
}
