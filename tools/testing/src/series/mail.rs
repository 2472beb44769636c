// SPDX-License-Identifier: GPL-2.0

//! The steps as commits of a small repository, which has only the files that the series changes, and as mail from it.

use crate::common::*;

#[derive(Clone)]
pub struct Repository<'a> {
    pub session: &'a Session,
    pub folder: PathBuf,
    /// Author and committer, and the time of both.
    pub name: String,
    pub email: String,
    pub date: String,
}

impl Repository<'_> {
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        let mut git = command(self.session, "git");
        git.current_dir(&self.folder).args(arguments);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), &self.name);
            git.env(format!("GIT_{who}_EMAIL"), &self.email);
            git.env(format!("GIT_{who}_DATE"), &self.date);
        }
        let output = git.output().context("running git")?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        ensure!(output.status.success(), "git {}: {}{}", arguments.join(" "), said(&output.stdout), said(&output.stderr));
        Ok(said(&output.stdout))
    }

    /// Commits these texts; a file without one is removed.
    pub fn commit(&self, files: &[(&str, Option<String>)], message: &str) -> Result<()> {
        for (path, text) in files {
            write(&self.folder, path, text.as_deref())?;
        }
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        Ok(())
    }

    /// Writes the commits after `base` to `patches`, with a cover letter.
    pub fn write(&self, patches: &Path, base: &str, version: usize, cover: &str) -> Result<()> {
        let description = self.folder.join(".git/description-of-series");
        fs::write(&description, cover)?;
        let how = "format-patch --quiet --cover-letter --no-signature --cover-from-description=subject";
        let mut arguments: Vec<_> = how.split(' ').map(String::from).collect();
        arguments.extend([
            format!("--description-file={}", description.display()),
            format!("--output-directory={}", patches.display()),
            format!("{base}..HEAD"),
        ]);
        if version > 1 {
            let last = version - 1;
            self.git(&["rev-parse", "--verify", "--quiet", &format!("v{last}")])
                .with_context(|| format!("there is no version {last}: make it first"))?;
            arguments.push(format!("--reroll-count={version}"));
            arguments.push(format!("--range-diff={base}..v{last}"));
        }
        self.git(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        self.git(&["tag", "--force", &format!("v{version}")])?;
        Ok(())
    }
}

/// Writes the text of a file of `tree`. One without a text is removed.
pub fn write(tree: &Path, file: &str, text: Option<&str>) -> Result<()> {
    let path = tree.join(file);
    match text {
        Some(text) => {
            fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            fs::write(&path, text)?;
        }
        None if path.exists() => fs::remove_file(&path)?,
        None => {}
    }
    Ok(())
}
