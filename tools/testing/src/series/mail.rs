// SPDX-License-Identifier: GPL-2.0

//! The steps as commits of a small repository, which has only the files that the series changes, and as mail from it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::common::{command, Layout};

/// The repository.
pub struct Repository<'a> {
    pub layout: &'a Layout,
    pub folder: PathBuf,
    /// Author and committer, and the time of both.
    pub name: String,
    pub email: String,
    pub date: String,
}

impl Repository<'_> {
    /// Runs git, and returns what it says.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        let mut git = command(self.layout, "git");
        git.current_dir(&self.folder).args(arguments);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), &self.name);
            git.env(format!("GIT_{who}_EMAIL"), &self.email);
            git.env(format!("GIT_{who}_DATE"), &self.date);
        }
        let output = git.output().context("running git")?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        anyhow::ensure!(
            output.status.success(),
            "git {}: {}{}",
            arguments.join(" "),
            said(&output.stdout),
            said(&output.stderr)
        );
        Ok(said(&output.stdout))
    }

    /// Commits these texts; a file without one is removed.
    pub fn commit(&self, files: &[(&str, Option<String>)], message: &str) -> Result<()> {
        for (path, text) in files {
            let path = self.folder.join(path);
            match text {
                Some(text) => {
                    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
                    fs::write(&path, text)?;
                }
                None => drop(fs::remove_file(&path)),
            }
        }
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        Ok(())
    }

    /// Writes the commits after `base` to `patches`, with a cover letter.
    pub fn write(&self, patches: &Path, base: &str, version: usize, cover: &str) -> Result<()> {
        let description = self.folder.join(".git/description-of-series");
        fs::write(&description, cover)?;
        let mut arguments = vec![
            "format-patch".into(),
            "--quiet".into(),
            "--cover-letter".into(),
            "--no-signature".into(),
            "--cover-from-description=subject".into(),
            format!("--description-file={}", description.display()),
            format!("--output-directory={}", patches.display()),
            format!("{base}..HEAD"),
        ];
        if version > 1 {
            let since = format!("v{}", version - 1);
            self.git(&["rev-parse", "--verify", "--quiet", &since])
                .with_context(|| format!("there is no version {}: make it first", version - 1))?;
            arguments.push(format!("--reroll-count={version}"));
            arguments.push(format!("--range-diff={base}..{since}"));
        }
        self.git(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        self.git(&["tag", "--force", &format!("v{version}")])?;
        Ok(())
    }
}
