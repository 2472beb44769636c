// SPDX-License-Identifier: GPL-2.0

//! The files that the overlay changes, and the drivers among them that it converts: by the semantic patch or by a small patch of
//! their own.

use crate::common::*;

/// A file of a driver that the overlay converts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    pub file: PathBuf,
    /// The patch in `scripts/patches/drivers` that converts it: its name, and its first line, which begins with the model. Without
    /// one it is `scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci`, which makes all its drivers managed.
    pub patch: Option<(String, String)>,
}

impl Converted {
    /// Returns the model of the converted driver: `managed` or `explicit`.
    pub fn model(&self) -> &'static str {
        match &self.patch {
            Some((_, why)) if why.starts_with("Explicit") => "explicit",
            _ => "managed",
        }
    }
}

/// Returns all of them, by path.
pub fn converted(session: &Session) -> Result<Vec<Converted>> {
    let scripts = session.root.join("scripts");
    let mut found: Vec<_> = listed(&read(&scripts.join("converted-drivers"))?).collect();
    for path in files(&scripts.join("patches/drivers"), &["patch"])? {
        found.extend(patched(&path, &read(&path)?));
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(found)
}

fn listed(list: &str) -> impl Iterator<Item = Converted> + '_ {
    let files = list.lines().map(|line| line.split('#').next()).map(|line| line.unwrap_or_default().trim());
    files.filter(|file| !file.is_empty()).map(|file| Converted { file: file.into(), patch: None })
}

fn patched(path: &Path, text: &str) -> Vec<Converted> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let patch = (name.into_owned(), text.lines().next().unwrap_or_default().to_string());
    let files = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
    files.map(|file| Converted { file: file.trim().into(), patch: Some(patch.clone()) }).collect()
}

/// Returns the files of `build/linux` that the graft added or edited.
pub fn grafted(session: &Session) -> Result<BTreeSet<String>> {
    let manifest = read(&session.linux().join(".pci_devres_rust/manifest"))?;
    let changed = manifest.lines().filter(|line| line.starts_with("edited ") || line.starts_with("added "));
    Ok(changed.filter_map(|line| line.split(' ').nth(2)).map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_may_have_comments() {
        let mut listed = listed("# one\n\ndrivers/a.c # two\n");
        assert_eq!(listed.next().unwrap().file, Path::new("drivers/a.c"));
        assert!(listed.next().is_none());
    }

    #[test]
    fn a_patch_says_its_model_and_its_files() {
        let text = "Explicit: why.\n--- a/x/a.c\n+++ b/x/a.c\n@@ -1 +1 @@\n-a\n+b\n--- a/x/b.c\n+++ b/x/b.c\n";
        let found = patched(Path::new("patches/drivers/x.patch"), text);
        let files: Vec<_> = found.iter().map(|c| c.file.to_str()).collect();
        assert_eq!(files, [Some("x/a.c"), Some("x/b.c")]);
        assert!(found.iter().all(|c| c.model() == "explicit"));
        assert_eq!(found[0].patch.as_ref().unwrap().0, "x");
    }
}
