// SPDX-License-Identifier: GPL-2.0

//! The drivers that the overlay converts, and how: by the semantic patch or by a small patch of their own.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::common::{files, read, Layout};

/// A file of a driver that the overlay converts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Its path in the kernel tree.
    pub file: PathBuf,
    /// What converts it.
    pub by: By,
}

/// What converts a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// `scripts/coccinelle/api/pcim_alloc_irq_vectors.cocci`, which makes all its drivers managed.
    SemanticPatch,
    /// A patch in `scripts/patches/drivers`: its name, and its first line, which begins with the model.
    Patch { name: String, why: String },
}

impl Converted {
    /// Returns the model of the converted driver: `managed` or `explicit`.
    pub fn model(&self) -> &'static str {
        match &self.by {
            By::Patch { why, .. } if why.starts_with("Explicit") => "explicit",
            _ => "managed",
        }
    }
}

/// Returns all of them, by path.
pub fn converted(layout: &Layout) -> Result<Vec<Converted>> {
    let scripts = layout.root.join("scripts");
    let list = read(&scripts.join("converted-drivers"))?;
    let mut found: Vec<_> = listed(&list).collect();
    for path in files(&scripts.join("patches/drivers"), &["patch"])? {
        found.extend(patched(&path, &read(&path)?));
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(found)
}

fn listed(list: &str) -> impl Iterator<Item = Converted> + '_ {
    list.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(|line| Converted {
            file: line.into(),
            by: By::SemanticPatch,
        })
}

fn patched(path: &Path, text: &str) -> Vec<Converted> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let why = text.lines().next().unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("+++ b/"))
        .map(|file| Converted {
            file: file.trim().into(),
            by: By::Patch {
                name: name.clone().into_owned(),
                why: why.into(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_may_have_comments() {
        let files: Vec<_> = listed("# one\n\ndrivers/a.c # two\n")
            .map(|c| c.file)
            .collect();
        assert_eq!(files, [PathBuf::from("drivers/a.c")]);
    }

    #[test]
    fn a_patch_says_its_model_and_its_files() {
        let text = "Explicit: why.\n--- a/x/a.c\n+++ b/x/a.c\n@@ -1 +1 @@\n-a\n+b\n--- a/x/b.c\n+++ b/x/b.c\n";
        let found = patched(Path::new("patches/drivers/x.patch"), text);
        let files: Vec<_> = found.iter().map(|c| c.file.to_str()).collect();
        assert_eq!(files, [Some("x/a.c"), Some("x/b.c")]);
        assert!(found.iter().all(|c| c.model() == "explicit"));
        let By::Patch { name, .. } = &found[0].by else {
            panic!("not a patch");
        };
        assert_eq!(name, "x");
    }
}
