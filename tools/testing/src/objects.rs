// SPDX-License-Identifier: GPL-2.0

//! The option off: every object of `drivers/pci` equals the ungrafted tree's.
//!
//! Compared are all sections that are loaded or that make exports, with their relocations by name, and the symbols. Excepted are line
//! numbers (bug tables, DWARF) and the drivers that are converted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};

use crate::{
    command::{command, output, run},
    drivers,
    failure::Failure,
    kernel::KernelSpec,
    layout::Layout,
    prepare::Prepared,
    results::Row,
    ui::Ui,
};

const FOLDER: &str = "drivers/pci";

/// Builds `drivers/pci` from the pristine and from the grafted tree and compares it: one row per folder, one for the set.
pub fn compare(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<Vec<Row>> {
    let pristine = ungrafted(ui, layout, prepared)?;
    let spec = |which: &str, source: PathBuf| KernelSpec {
        out: layout.build.join("objects").join(which),
        ..KernelSpec::new(layout, &format!("objects-{which}"), source, &["objects"])
    };
    let specs = [spec("pristine", pristine), spec("grafted", layout.linux())];
    let mut trees = Vec::new();
    for spec in &specs {
        spec.configure(ui, layout, &prepared.tools)?;
        ui.stage(
            &spec.name,
            "building drivers/pci with the option off",
            |stage| {
                spec.make(
                    stage,
                    layout,
                    &prepared.tools,
                    &["prepare", "modules_prepare"],
                    "prepare",
                )?;
                spec.make(stage, layout, &prepared.tools, &["drivers/pci/"], "build")?;
                let found = objects(&spec.out)?;
                let summary = format!("{} objects", found.len());
                trees.push(found);
                Ok(((), summary))
            },
        )?;
    }
    let excepted = converted(layout);
    Ok(rows(&trees[0], &trees[1], &excepted))
}

fn rows(
    pristine: &BTreeMap<PathBuf, Parts>,
    grafted: &BTreeMap<PathBuf, Parts>,
    excepted: &BTreeSet<PathBuf>,
) -> Vec<Row> {
    let mut set = Vec::new();
    for (path, where_) in grafted
        .keys()
        .filter(|p| !pristine.contains_key(*p))
        .map(|p| (p, "only in the grafted tree"))
        .chain(
            pristine
                .keys()
                .filter(|p| !grafted.contains_key(*p))
                .map(|p| (p, "missing from the grafted tree")),
        )
    {
        set.push(format!("{}: {where_}", path.display()));
    }
    let mut rows = vec![row("objects::same_set", &set, pristine.len())];
    let mut folders: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for (path, theirs) in pristine {
        let Some(ours) = grafted.get(path) else {
            continue;
        };
        if excepted.contains(path) {
            continue;
        }
        let folder = path.parent().unwrap_or(path).display().to_string();
        let (count, differing) = folders.entry(folder).or_default();
        *count += 1;
        let parts: Vec<_> = differing_parts(theirs, ours);
        if !parts.is_empty() {
            differing.push(format!("{}: {}", path.display(), parts.join("; ")));
        }
    }
    rows.extend(
        folders.iter().map(|(folder, (count, differing))| {
            row(&format!("objects::{folder}"), differing, *count)
        }),
    );
    rows
}

fn row(name: &str, differing: &[String], count: usize) -> Row {
    let mut row = if differing.is_empty() {
        Row::passed(name)
    } else {
        let list: String = differing.iter().map(|d| format!("    | {d}\n")).collect();
        Row::failed(
            name,
            format!(
                "with CONFIG_PCI_DEVRES_RUST off these are not what the ungrafted tree gives:\n{list}\
                 compare build/objects/pristine and build/objects/grafted with llvm-objdump-19 -dr"
            ),
        )
    };
    row.values.insert("objects".into(), count.into());
    row
}

/// An object, as what is compared of it.
#[derive(Default)]
struct Parts {
    /// Sections: flags, content, relocations.
    sections: BTreeMap<String, Vec<u8>>,
    /// Symbols: size, binding and section, and where in it they lie.
    symbols: BTreeMap<String, (String, u64)>,
}

fn differing_parts(a: &Parts, b: &Parts) -> Vec<String> {
    let mut found = differing(&a.sections, &b.sections, |a, b| a == b, |_| String::new());
    let moved = !found.is_empty();
    // Where a section has changed, that symbols have moved in it says nothing more.
    let same = |a: &(String, u64), b: &(String, u64)| a.0 == b.0 && (moved || a.1 == b.1);
    found.extend(differing(&a.symbols, &b.symbols, same, |s| {
        format!(" ({}, at {:#x})", s.0, s.1)
    }));
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

fn objects(out: &Path) -> Result<BTreeMap<PathBuf, Parts>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![out.join(FOLDER)];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "o") {
                let parts = parts(&path).with_context(|| format!("reading {}", path.display()))?;
                found.insert(path.strip_prefix(out)?.to_path_buf(), parts);
            }
        }
    }
    Ok(found)
}

fn parts(path: &Path) -> Result<Parts> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(&*bytes)?;
    let mut parts = Parts::default();
    for section in file.sections() {
        let name = section.name()?;
        if !counts(name, section.kind()) {
            continue;
        }
        let mut content = format!(
            "{:?} align {} size {}\n",
            section.flags(),
            section.align(),
            section.size()
        )
        .into_bytes();
        content.extend(section.data()?);
        for (at, relocation) in section.relocations() {
            let target = match relocation.target() {
                RelocationTarget::Symbol(index) => {
                    let symbol = file.symbol_by_index(index)?;
                    match (symbol.kind(), symbol.section_index()) {
                        (SymbolKind::Section, Some(of)) => {
                            file.section_by_index(of)?.name()?.to_string()
                        }
                        _ => symbol.name()?.to_string(),
                    }
                }
                other => format!("{other:?}"),
            };
            let line = format!(
                "\n{at:x} {:?} {target}+{:x}",
                relocation.flags(),
                relocation.addend()
            );
            content.extend(line.bytes());
        }
        // Sections may share a name.
        let sections = &mut parts.sections;
        let same = sections
            .keys()
            .filter(|k| k.split('#').next() == Some(name))
            .count();
        let key = if same == 0 {
            name.to_string()
        } else {
            format!("{name}#{same}")
        };
        sections.insert(key, content);
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
        let what = format!(
            "{} bytes, {binding} {:?} in {section}",
            symbol.size(),
            symbol.kind()
        );
        let (name, at) = (symbol.name()?, symbol.address());
        // Local names may occur more than once; their order in the symbol table is the file's.
        let same = parts
            .symbols
            .keys()
            .filter(|k| k.split('#').next() == Some(name))
            .count();
        let key = if same == 0 {
            name.to_string()
        } else {
            format!("{name}#{same}")
        };
        parts.symbols.insert(key, (what, at));
    }
    Ok(parts)
}

/// Whether a section is loaded, or read by the export machinery; its line numbers aside.
fn counts(name: &str, kind: SectionKind) -> bool {
    let aside = ["__bug_table", ".comment", ".llvm_addrsig"];
    let debug = name.starts_with(".debug") || name.starts_with(".rela") || name == ".BTF";
    !debug && !aside.contains(&name) && kind != SectionKind::Metadata
}

/// The objects under `drivers/pci` of drivers that are converted.
fn converted(layout: &Layout) -> BTreeSet<PathBuf> {
    let files = drivers::converted(layout).unwrap_or_default();
    files
        .into_iter()
        .map(|driver| driver.file)
        .filter(|file| file.starts_with(FOLDER))
        .map(|file| file.with_extension("o"))
        .collect()
}

/// The pristine tree if output elsewhere can be built from it, else a clean copy.
pub fn ungrafted(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<PathBuf> {
    let tree = &prepared.pristine.tree;
    let built_in = tree.join(".config").exists() || tree.join("include/config").exists();
    let is_grafted = tree.join(".pci_devres_rust").exists();
    if !built_in && !is_grafted {
        return Ok(tree.clone());
    }
    let copy = layout.build.join("pristine");
    ui.stage(
        "ungrafted",
        "making a clean copy of LINUX to compare with",
        |stage| {
            let log = layout.log("ungrafted");
            let mut rsync = command(layout, "rsync");
            rsync.args(["-a", "--delete", "--exclude=/.git"]);
            rsync.arg(format!("{}/", tree.display())).arg(&copy);
            run(stage, &mut rsync, &log)?;
            if is_grafted {
                let mut graft = command(layout, layout.root.join("scripts/graft"));
                run(stage, graft.arg("--undo").arg(&copy), &log)?;
            }
            let mut make = command(layout, "make");
            output(make.arg("-C").arg(&copy).arg("mrproper")).ok_or_else(|| {
                Failure::new(format!("make mrproper failed in {}", copy.display()))
            })?;
            Ok(((), layout.show(&copy)))
        },
    )?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(objects: &[(&str, &[(&str, &str)])]) -> BTreeMap<PathBuf, Parts> {
        let parts = |sections: &[(&str, &str)]| Parts {
            sections: sections
                .iter()
                .map(|(n, c)| (n.to_string(), c.as_bytes().to_vec()))
                .collect(),
            symbols: BTreeMap::new(),
        };
        objects
            .iter()
            .map(|(path, p)| (PathBuf::from(path), parts(p)))
            .collect()
    }

    #[test]
    fn the_object_and_its_section_are_named() {
        let a = tree(&[("drivers/pci/msi/api.o", &[(".text", "x"), (".data", "y")])]);
        let b = tree(&[("drivers/pci/msi/api.o", &[(".text", "z"), (".data", "y")])]);
        let rows = rows(&a, &b, &BTreeSet::new());
        assert!(rows[0].ok);
        assert_eq!(rows[1].name, "objects::drivers/pci/msi");
        assert!(
            rows[1]
                .message
                .contains("drivers/pci/msi/api.o: .text differs"),
            "{}",
            rows[1].message
        );
    }

    #[test]
    fn an_object_that_is_new_or_gone_is_named() {
        let a = tree(&[("drivers/pci/devres.o", &[])]);
        let b = tree(&[("drivers/pci/devres_rust.o", &[])]);
        let rows = rows(&a, &b, &BTreeSet::new());
        assert!(rows[0]
            .message
            .contains("devres_rust.o: only in the grafted tree"));
        assert!(rows[0].message.contains("devres.o: missing"));
    }

    #[test]
    fn converted_drivers_are_excepted() {
        let a = tree(&[("drivers/pci/switch/switchtec.o", &[(".text", "x")])]);
        let b = tree(&[("drivers/pci/switch/switchtec.o", &[(".text", "y")])]);
        let excepted = BTreeSet::from([PathBuf::from("drivers/pci/switch/switchtec.o")]);
        assert!(rows(&a, &b, &excepted).iter().all(|row| row.ok));
    }
}
