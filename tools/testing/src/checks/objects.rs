// SPDX-License-Identifier: GPL-2.0

//! Checks the effect of the option on the PCI core. With the option off, which is the default, every object of `drivers/pci` is the
//! same as that of the ungrafted tree. With the option on, the PCI core exports the same and the managed calls.
//!
//! The comparison leaves out line numbers (bug tables, DWARF), converted drivers, and files in which the overlay has a hook; of these
//! only the exports are compared. The guests `guest::...@off` test how such files behave.

use object::{Object, ObjectSection, ObjectSymbol};

use crate::{common::*, host::LLVM, kernel::*, verdict::Row};

const FOLDER: &str = "drivers/pci";

/// The kernels whose exports are compared.
pub const KERNELS: [Kernel; 2] = [Kernel::Stock, Kernel::Ours];

/// Builds `drivers/pci` from the pristine and from the grafted tree and compares the two. Returns one row for each folder, one for
/// the set of objects, and one for the exports; and one for the exports of the kernels with the option on and without the overlay.
pub fn compare(prepared: &Prepared, ready: &BTreeMap<Kernel, Ready>) -> Result<Vec<Row>> {
    let pristine = ungrafted(prepared)?;
    let sources = [("objects/pristine", pristine), ("objects/grafted", prepared.linux())];
    let specs = sources.map(|(name, source)| KernelSpec::new(prepared, name, source, &["objects"]));
    let mut trees = Vec::new();
    for spec in &specs {
        spec.configure(prepared)?;
        prepared.stage(&spec.name, "building drivers/pci with the option off", |stage| {
            spec.make(stage, prepared, &["prepare", "modules_prepare"], "prepare")?;
            spec.make(stage, prepared, &["drivers/pci/"], "build")?;
            let found = objects(prepared, &spec.out)?;
            let summary = format!("{} objects", found.len());
            trees.push(found);
            Ok((summary, ()))
        })?;
    }
    let mut rows = rows(&trees[0], &trees[1], &excepted(prepared)?);
    rows.push(exported("objects::exports", &all_exports(&trees[0])?, &all_exports(&trees[1])?, &BTreeSet::new()));
    if let [Some(stock), Some(ours)] = KERNELS.map(|kernel| ready.get(&kernel)) {
        let of = |ready: &Ready| exports_of_kernel(&ready.kernel.spec.out);
        // Ours has the software PCI bus too, which selects a library of the kernel.
        let mut added = declared(&prepared.root.join("include/linux/pci_irq_vectors.h"))?;
        added.extend(declared(&prepared.linux().join("include/linux/irqchip/irq-msi-lib.h"))?);
        rows.push(exported("objects::exports_with_the_option", &of(stock)?, &of(ours)?, &added));
    }
    rows.push(default_is_off(prepared)?);
    Ok(rows)
}

/// Checks that the exports are the same, except for those that are `added`.
fn exported(name: &str, theirs: &Exports, ours: &Exports, added: &BTreeSet<String>) -> Row {
    let mut differing = differing(theirs, ours, |class| format!(" ({class})"));
    differing.retain(|line| !added.iter().any(|f| *line == format!("{f} is new")));
    differing.extend(added.iter().filter(|f| !ours.contains_key(*f)).map(|f| format!("{f} is not exported")));
    row(name, &differing, theirs.len())
}

fn all_exports(tree: &Tree) -> Result<Exports> {
    Ok(tree.values().map(|object| exports(object)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Checks that a configuration with Rust that does not mention the option has it off, and what depends on it.
fn default_is_off(prepared: &Prepared) -> Result<Row> {
    let name = "objects::default_is_off";
    let spec = KernelSpec::new(prepared, "objects/default", prepared.linux(), &["guest"]);
    let config = spec.out.join(".config");
    prepared.stage(&spec.name, "asking Kconfig for the default", |stage| {
        fs::create_dir_all(&spec.out)?;
        fs::copy(&spec.fragments[0], &config)?;
        spec.make(stage, prepared, &["olddefconfig"], "config")?;
        Ok(("olddefconfig".into(), ()))
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
    let set = |tree: &Tree| tree.keys().map(|path| (path.clone(), ())).collect();
    let mut rows = vec![row("objects::same_set", &differing(&set(pristine), &set(grafted), |()| String::new()), pristine.len())];
    let mut folders: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for (path, theirs) in pristine.iter().filter(|(path, _)| !excepted.contains(*path)) {
        let Some(ours) = grafted.get(path) else { continue };
        let (count, differing) = folders.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default();
        *count += 1;
        if theirs != ours {
            let sections = differing_sections(theirs, ours).unwrap_or_default().join(" ");
            differing.push(format!("{path} differs: {sections}"));
        }
    }
    rows.extend(folders.into_iter().map(|(folder, (count, differing))| row(&format!("objects::{folder}"), &differing, count)));
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

/// The content of the objects of a tree, without line numbers, by path.
type Tree = BTreeMap<String, Vec<u8>>;

/// Returns the names of the sections of two objects that differ. Symbols and relocations have sections, too.
fn differing_sections(a: &[u8], b: &[u8]) -> Result<Vec<String>> {
    let (a, b) = (object::File::parse(a)?, object::File::parse(b)?);
    let differs = |name: &str| [&a, &b].map(|file| file.section_by_name(name).and_then(|section| section.data().ok()));
    let names: BTreeSet<_> = a.sections().chain(b.sections()).filter_map(|section| section.name().map(String::from).ok()).collect();
    Ok(names.into_iter().filter(|name| differs(name)[0] != differs(name)[1]).collect())
}

fn differing<T: PartialEq>(a: &BTreeMap<String, T>, b: &BTreeMap<String, T>, show: impl Fn(&T) -> String) -> Vec<String> {
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let difference = |name: &String| match (a.get(name), b.get(name)) {
        (Some(a), Some(b)) => (a != b).then(|| format!("{name}{} is now{}", show(a), show(b))),
        (Some(_), None) => Some(format!("{name} is gone")),
        _ => Some(format!("{name} is new")),
    };
    names.into_iter().filter_map(difference).collect()
}

/// Returns the objects below [`FOLDER`]. Code refers to the bug table, which stays there, but without its content.
fn objects(session: &Session, out: &Path) -> Result<Tree> {
    let mut found = Tree::new();
    for path in files(&out.join(FOLDER), &["o"])? {
        let mut strip = cmd!(session, "llvm-objcopy{LLVM} --wildcard --strip-debug --set-section-type=__bug_table=8");
        strip.args([".comment", ".llvm_addrsig", ".BTF*"].map(|aside| format!("--remove-section={aside}")));
        let stripped = strip.arg(&path).arg("-").output()?;
        ensure!(stripped.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&stripped.stderr));
        found.insert(path.strip_prefix(out)?.display().to_string(), stripped.stdout);
    }
    Ok(found)
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

/// The exported names, each with its class: the modules to which it is exported.
type Exports = BTreeMap<String, String>;

/// Returns the exports of an object. `EXPORT_SYMBOL()` and the like store the licence and the namespace, as two strings, at a symbol
/// whose name contains that of the exported symbol.
fn exports(object: &[u8]) -> Result<Exports> {
    let file = object::File::parse(object)?;
    let mut found = Exports::new();
    for symbol in file.symbols() {
        let Some(name) = symbol.name()?.strip_prefix("__export_symbol_") else { continue };
        let section = file.section_by_index(symbol.section_index().context("an export has a section")?)?;
        let mut strings = section.data()?[usize::try_from(symbol.address() - section.address())?..].split(|byte| *byte == 0);
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
fn exports_of_kernel(out: &Path) -> Result<Exports> {
    let of = |object: &str| exports(&fs::read(out.join(object)).with_context(|| format!("reading {}/{object}", out.display()))?);
    let (mut found, rust) = (of("vmlinux.o")?, of("rust/exports.o")?);
    found.retain(|name, _| !rust.contains_key(name));
    Ok(found)
}

/// Returns the functions that a header declares and does not define.
fn declared(header: &Path) -> Result<BTreeSet<String>> {
    Ok(regex(r"(?m)^(?:int|void|bool) (\w+)\([^;{]*\);").captures_iter(&read(header)?).map(|f| f[1].into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(objects: &[(&str, &str)]) -> Tree {
        objects.iter().map(|(path, content)| (path.to_string(), content.as_bytes().to_vec())).collect()
    }

    #[test]
    fn an_object_that_differs_is_named_unless_it_is_excepted() {
        let (a, b) = (tree(&[("drivers/pci/msi/api.o", "x")]), tree(&[("drivers/pci/msi/api.o", "y")]));
        let found = rows(&a, &b, &BTreeSet::new());
        assert!(found[0].ok);
        assert_eq!(found[1].name, "objects::drivers/pci/msi");
        assert!(found[1].message.contains("drivers/pci/msi/api.o differs"), "{}", found[1].message);
        assert!(rows(&a, &b, &BTreeSet::from(["drivers/pci/msi/api.o".to_string()])).iter().all(|row| row.ok));
        // One that is new or gone is named, too.
        let rows = rows(&tree(&[("drivers/pci/devres.o", "")]), &tree(&[("drivers/pci/devres_rust.o", "")]), &BTreeSet::new());
        assert!(rows[0].message.contains("devres_rust.o is new"));
        assert!(rows[0].message.contains("devres.o is gone"));
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
