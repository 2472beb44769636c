// SPDX-License-Identifier: GPL-2.0

//! `make series`: the overlay as a series of patches that can go in one by one, and `make series CHECK=1`, the proof that they can.
//!
//! A step is a set of whole files: the calls first, which change nothing by themselves; then drivers, one subsystem a step; then the
//! option, off by default, with the Rust behind it; then samples and documentation. Drivers can be taken back one by one, the others
//! as long as nothing after them is needed.

mod check;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Instant};

use anyhow::{Context, Result};

use crate::{
    common::{
        command::{command, output},
        layout::Layout,
        ui::{elapsed, Ui},
    },
    kernel::{
        drivers::{self, By, Converted},
        prepare,
    },
    reports::results,
};

/// One patch.
struct Step {
    place: usize,
    subject: String,
    why: String,
    diffs: String,
    files: Vec<String>,
}

/// Writes the series to `build/series`, and with `check` builds and boots every step of it, and takes it back.
pub fn series(ui: &Ui, layout: &Layout, linux: Option<&Path>, check: bool) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(ui, layout, linux, &[])?;
    let steps = steps(layout, &prepared.pristine.tree)?;
    let folder = layout.build.join("series");
    let _ = fs::remove_dir_all(folder.join("patches"));
    fs::create_dir_all(folder.join("patches"))?;
    let author = author(layout);
    let mut patches = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let patch = folder.join("patches").join(step.file(at + 1));
        fs::write(&patch, step.text(&author, at + 1, steps.len()))?;
        let files = match step.files.len() {
            1 => "1 file".to_string(),
            n => format!("{n} files"),
        };
        println!("{:>3}  {:<9} {}", at + 1, files, step.subject);
        patches.push(patch);
    }
    println!(
        "\nseries: {} patches in build/series/patches; each applies with git am or patch -p1",
        steps.len()
    );
    if !check {
        println!(
            "make series CHECK=1 builds every step, boots each that changes what boots, and takes them back (a quarter of an hour)"
        );
        return Ok(true);
    }
    let rows = check::walk(ui, layout, &prepared, &steps, &patches)?;
    let failed = results::write(layout, "series", None, started.elapsed(), &rows)?;
    for row in &rows {
        let mark = if row.ok { "ok" } else { "FAILED" };
        let note = row.values.get("note").and_then(|note| note.as_str());
        let note = note.map_or(String::new(), |note| format!("  ({note})"));
        println!("{mark:<6} {}{note}", row.name);
        if !row.ok {
            println!("{}", row.message);
        }
    }
    println!(
        "\nseries: {}. {} passed, {failed} failed, {}",
        if failed == 0 { "ok" } else { "FAILED" },
        rows.len() - failed,
        elapsed(started.elapsed())
    );
    Ok(failed == 0)
}

impl Step {
    fn file(&self, number: usize) -> String {
        let words: String = self
            .subject
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let words: Vec<_> = words.split('-').filter(|w| !w.is_empty()).collect();
        format!("{number:04}-{}.patch", words.join("-"))
    }

    /// As `git format-patch` writes it. Who sends it signs it off.
    fn text(&self, author: &str, number: usize, of: usize) -> String {
        let mut text = format!(
            "From: {author}\nSubject: [PATCH {number}/{of}] {}\n\n{}\n\n---\n",
            self.subject, self.why
        );
        for file in &self.files {
            let _ = writeln!(text, " {file}");
        }
        text + "\n" + &self.diffs
    }
}

/// Whoever makes the series, if git knows; it applies only what has an author.
fn author(layout: &Layout) -> String {
    let known = |key: &str| output(command(layout, "git").args(["config", key]));
    let word = |key, otherwise: &str| {
        known(key)
            .unwrap_or_else(|| otherwise.into())
            .trim()
            .to_string()
    };
    format!(
        "{} <{}>",
        word("user.name", "Nobody"),
        word("user.email", "nobody@localhost")
    )
}

/// What `scripts/graft` does to `tree`, sorted into steps.
fn steps(layout: &Layout, tree: &Path) -> Result<Vec<Step>> {
    let converted = drivers::converted(layout)?;
    let mut graft = command(layout, layout.root.join("scripts/graft"));
    let whole = output(graft.arg("--patch").arg(tree)).context("scripts/graft --patch failed")?;
    let mut sorted: BTreeMap<(usize, String), Step> = BTreeMap::new();
    for diff in whole
        .split_inclusive('\n')
        .collect::<Vec<_>>()
        .chunk_by(|_, next| !next.starts_with("diff --git "))
    {
        let Some(file) = diff[0].trim_end().split(" b/").nth(1) else {
            continue;
        };
        let (place, subject, why) = step_of(file);
        let step = sorted
            .entry((place, subject.clone()))
            .or_insert_with(|| Step {
                place,
                subject,
                why,
                diffs: String::new(),
                files: Vec::new(),
            });
        step.diffs.extend(diff.iter().copied());
        step.files.push(file.to_string());
    }
    let mut steps: Vec<_> = sorted.into_values().collect();
    for step in steps.iter_mut().filter(|step| step.place == DRIVERS) {
        step.why += &reasons(&step.files, &converted);
    }
    Ok(steps)
}

/// How wide a commit message is.
const COLUMNS: usize = 72;

/// What is to be said of each driver: why it took a patch of its own.
fn reasons(files: &[String], converted: &[Converted]) -> String {
    let mut text = String::new();
    let mut said = Vec::new();
    for found in converted
        .iter()
        .filter(|c| files.iter().any(|f| c.file == Path::new(f)))
    {
        if let By::Patch { name, why } = &found.by {
            if !said.contains(&name) {
                said.push(name);
                let _ = write!(
                    text,
                    "\n\n{}",
                    textwrap::fill(&format!("{name}: {why}"), COLUMNS)
                );
            }
        }
    }
    if text.is_empty() {
        text = "\n\nWithout CONFIG_PCI_DEVRES_RUST nothing changes.".into();
    }
    text
}

/// The place of the calls in the series, and whose drivers come with them.
const CALLS: usize = 0;
const FIRST_USERS: &str = "drivers/ata/";

/// The place of the other drivers.
const DRIVERS: usize = 1;

/// Where a file belongs, what its step is called and why it is there.
fn step_of(file: &str) -> (usize, String, String) {
    let core = [
        "Kconfig",
        "Makefile",
        "devres",
        "msi/",
        "pci-driver.c",
        "pci.h",
    ];
    let ours = file
        .strip_prefix("drivers/pci/")
        .is_some_and(|rest| core.iter().any(|c| rest.starts_with(c)));
    let bus = file.starts_with("drivers/pci/controller/") || file == "include/linux/pci-soft.h";
    let (place, subject, why) = if bus {
        (
            2,
            "PCI: Add a bus made of software, for tests",
            "Its functions exist in memory, with BARs, MSI and MSI-X. KUnit suites make\n\
          the device that they need, whatever the machine has.",
        )
    } else if file.starts_with("include/") || file.starts_with(FIRST_USERS) {
        (
            CALLS,
            "PCI/MSI: Add pcim_alloc_irq_vectors()",
            "Lets a driver say that the device is to free its vectors. Until there is\n\
          an option, it does what pci_alloc_irq_vectors() does on a managed device,\n\
          and refuses any other. The drivers of drivers/ata, which relied on that,\n\
          are the first to say so.",
        )
    } else if file.starts_with("rust/") || ours {
        (
            3,
            "PCI: Implement managed resources in Rust, with one owner for vectors",
            "Adds CONFIG_PCI_DEVRES_RUST, off by default. With it, who frees vectors\n\
          is decided by the call that allocates them; pcim_enable_device() has no\n\
          part in it. Without it nothing changes.",
        )
    } else if file.starts_with("samples/") {
        (
            4,
            "samples: rust: PCI drivers with explicit and with managed vectors",
            "One driver for each model, one for MSI-X, and one that reads an NVMe disk.",
        )
    } else if file.starts_with("Documentation/") || file.starts_with("scripts/") {
        (
            5,
            "Documentation: PCI: Say who frees interrupt vectors",
            "msi-howto.rst and devres.rst agree with the code, and a guide says how to\n\
          convert a driver.",
        )
    } else if file.starts_with("tools/") {
        (
            6,
            "selftests: PCI: Look at who owns interrupt vectors",
            "What root can see of it on a real device, which is unbound and bound again.",
        )
    } else {
        let mut parts: Vec<_> = file.split('/').collect();
        parts.pop();
        let depth = if parts[0] == "drivers" { 1 } else { 0 };
        let name = parts[depth..]
            .iter()
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join("/");
        return (
            DRIVERS,
            format!("{name}: Say who frees interrupt vectors"),
            "Relied on pcim_enable_device() to free interrupt vectors, or freed them\n\
             on some paths only. Say who frees them."
                .into(),
        );
    };
    (place, subject.into(), why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_applies_with_git_am() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new();
        let git = |args: &[&str]| {
            let mut git = command(&layout, "git");
            git.args(["-c", "user.name=N", "-c", "user.email=n@localhost"]);
            output(git.current_dir(folder.path()).args(args)).unwrap()
        };
        git(&["init", "--quiet"]);
        git(&["commit", "--quiet", "--allow-empty", "--message=nothing"]);
        let step = Step {
            place: DRIVERS,
            subject: "x: Say who frees interrupt vectors".into(),
            why: "Why.".into(),
            diffs: "diff --git a/x/a.c b/x/a.c\nnew file mode 100644\n--- /dev/null\n+++ b/x/a.c\n@@ -0,0 +1 @@\n+a\n".into(),
            files: vec!["x/a.c".into()],
        };
        let patch = folder.path().join("a.patch");
        fs::write(&patch, step.text("N <n@localhost>", 1, 1)).unwrap();
        git(&["am", "--quiet", "a.patch"]);
        assert_eq!(
            git(&["log", "-1", "--format=%s|%b"]).trim(),
            "x: Say who frees interrupt vectors|Why."
        );
        assert!(folder.path().join("x/a.c").exists());
    }

    #[test]
    fn a_driver_with_a_patch_says_why() {
        let by = By::Patch {
            name: "x".into(),
            why: "Explicit, as it was: ".to_string() + &"free when it fails ".repeat(4),
        };
        let converted = [
            Converted {
                file: "x/a.c".into(),
                by,
            },
            Converted {
                file: "x/b.c".into(),
                by: By::SemanticPatch,
            },
        ];
        let said = reasons(&["x/a.c".into(), "x/b.c".into()], &converted);
        assert!(
            said.starts_with("\n\nx: Explicit, as it was: free"),
            "{said}"
        );
        assert!(said.lines().all(|line| line.len() <= 72), "{said}");
        assert!(reasons(&["x/b.c".into()], &converted).contains("nothing changes"));
    }
}
