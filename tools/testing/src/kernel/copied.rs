// SPDX-License-Identifier: GPL-2.0

//! A kernel whose build starts from the output of another one, because most files of the two are the same.
//!
//! Kbuild compares paths and times, not content. So the copy loses every object that was made from a file that differs, with all
//! paths in the notes of Kbuild (`.*.cmd`) being those of the new kernel. Kbuild then makes what is missing, and what the
//! configuration changes.

use crate::{common::*, kernel::KernelSpec};

/// Makes the output of `to` a copy of that of `from`, which is built, without objects that need a file in `differing`. These are
/// paths in the source tree.
pub fn output(session: &Session, from: &KernelSpec, to: &KernelSpec, differing: &BTreeSet<String>) -> Result<()> {
    session.stage(&format!("{} copy", to.name), &format!("copying what was built for {}", from.name), |stage| {
        let mut copy = rsync(session, &from.out, &to.out, &["--delete", "--exclude=/guest", "--exclude=/guest.cpio"]);
        run(stage, &mut copy, &session.log(&format!("{}-copy", to.name)))?;
        let mut made_again = 0;
        for note in files(&to.out, &["cmd"])? {
            let text = read(&note)?;
            if needs(&text, &from.source, differing) {
                remove(&note)?;
                made_again += 1;
                continue;
            }
            fs::write(&note, moved(&moved(&text, &from.out, &to.out), &from.source, &to.source))?;
        }
        Ok((format!("{}, {made_again} files to make again", session.show(&to.out)), ()))
    })
}

/// Returns whether one of the files below `source` that Kbuild notes as needed is among the `differing` ones.
fn needs(note: &str, source: &Path, differing: &BTreeSet<String>) -> bool {
    let source = format!("{}/", source.display());
    let mut words = note.split_whitespace();
    words.any(|word| word.strip_prefix(&source).is_some_and(|file| differing.contains(file)))
}

/// Removes a note, and the file that it is about.
fn remove(note: &Path) -> Result<()> {
    let name = note.file_name().unwrap_or_default().to_string_lossy();
    // Kconfig's own note, auto.conf.cmd, has no dot. Kbuild needs auto.conf to see which options have changed.
    let made = name.strip_prefix('.').and_then(|name| name.strip_suffix(".cmd"));
    if let Some(made) = made.map(|made| note.with_file_name(made)).filter(|made| made.exists()) {
        fs::remove_file(&made).with_context(|| format!("removing {}", made.display()))?;
    }
    fs::remove_file(note).with_context(|| format!("removing {}", note.display()))
}

fn moved(text: &str, from: &Path, to: &Path) -> String {
    let from = regex(&format!(r"{}\b", regex::escape(&from.display().to_string())));
    from.replace_all(text, to.display().to_string().as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_goes_if_it_needs_a_file_that_differs() {
        let differing = BTreeSet::from(["include/linux/pci.h".to_string()]);
        let needs = |note: &str| needs(note, Path::new("/build/linux"), &differing);
        assert!(needs("deps_a.o := \\\n  /build/linux/include/linux/pci.h \\\n"));
        assert!(!needs("deps_a.o := \\\n  /build/linux/include/linux/pci_ids.h \\\n"));
        assert!(!needs("deps_a.o := \\\n  include/linux/pci.h \\\n"));
    }

    #[test]
    fn the_object_goes_with_its_note() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.o", ".a.o.cmd", "auto.conf", "auto.conf.cmd"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        for note in [".a.o.cmd", "auto.conf.cmd"] {
            remove(&folder.path().join(note)).unwrap();
        }
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["auto.conf"]);
    }

    #[test]
    fn paths_become_those_of_the_new_kernel() {
        let moved = moved("-I/build/linux/include /build/linux /build/linux2/a", Path::new("/build/linux"), Path::new("/pristine"));
        assert_eq!(moved, "-I/pristine/include /pristine /build/linux2/a");
    }
}
