// SPDX-License-Identifier: GPL-2.0

//! Packages that are unpacked and not installed. apt fetches and verifies them, with lists and a cache of our own, so that the
//! system's configuration does not change.

use tempfile::TempDir;

use crate::{common::*, host::packages};

/// The suites that have the sources of Rust and Linux 7.3. Programs of guests with another architecture are from the first.
const SUITES: [&str; 2] = ["trixie", "trixie-backports"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The remedy if Debian's archive does not help.
pub const OWN_TREE: &str = "name a Linux 7.3 source tree of your own: make boot LINUX=/path/to/linux";

/// The archive, with the lists of its packages in a folder.
pub struct Archive<'a> {
    session: &'a Session,
    folder: PathBuf,
}

impl<'a> Archive<'a> {
    /// Fetches the lists of packages, of another architecture if one is named.
    pub fn open(stage: &Stage<'a>, architecture: Option<&str>) -> Result<Self> {
        let session = stage.session;
        let is_known = packages::is_debian() && Path::new(KEYRING).exists();
        ensure!(is_known, Failure::new("Debian's archive and its key are not known to this system").remedy(OWN_TREE));
        if mirror(session).is_none() {
            packages::update(stage)?;
        }
        let what = "no Debian archive among the system's package sources";
        let uri = mirror(session).ok_or_else(|| Failure::new(what).remedy(OWN_TREE))?;
        let folder = session.cache.join(architecture.map_or("apt".into(), |of| format!("apt-{of}")));
        for sub in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(sub)).context("creating the download cache")?;
        }
        let suites = if architecture.is_some() { &SUITES[..1] } else { &SUITES };
        let sources: String = suites.iter().map(|suite| format!("deb [signed-by={KEYRING}] {uri} {suite} main\n")).collect();
        fs::write(folder.join("sources.list"), sources)?;
        let dir = folder.display();
        let foreign = architecture.map(|of| format!("APT::Architecture \"{of}\";\nAPT::Architectures {{ \"{of}\"; }};\n"));
        let configuration = format!(
            "Dir::Etc::sourcelist \"{dir}/sources.list\";\n\
             Dir::Etc::sourceparts \"-\";\n\
             Dir::State::lists \"{dir}/lists\";\n\
             Dir::Cache::archives \"{dir}/archives\";\n\
             Dir::Cache::pkgcache \"\";\n\
             Dir::Cache::srcpkgcache \"\";\n\
             APT::Sandbox::User \"root\";\n\
             Acquire::Retries \"3\";\n\
             {}",
            foreign.unwrap_or_default()
        );
        fs::write(folder.join("apt.conf"), configuration)?;
        let archive = Self { session, folder };
        let mut update = archive.apt("apt-get");
        run(stage, update.arg("update"), &session.log("archive")).map_err(by_network)?;
        Ok(archive)
    }

    /// Returns the versions of `package`, the best first.
    pub fn versions(&self, package: &str) -> Vec<String> {
        let said = output(self.apt("apt-cache").args(["madison", package])).unwrap_or_default();
        said.lines().filter_map(|line| line.split('|').nth(1)).map(|version| version.trim().into()).collect()
    }

    /// Downloads `package` in `version`, which apt checks against the archive's signature, and unpacks it into a fresh folder in `home`.
    pub fn unpack(&self, stage: &Stage<'_>, package: &str, version: &str, home: &Path) -> Result<TempDir> {
        let folder = self.folder.join("archives");
        let mut apt = self.apt("apt-get");
        apt.args(["download", &format!("{package}={version}")]).current_dir(&folder);
        run(stage, &mut apt, &self.session.log("download")).map_err(by_network)?;
        let prefix = format!("{package}_");
        let is_it = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().starts_with(&prefix);
        let file = files(&folder, &["deb"])?.into_iter().find(is_it).with_context(|| format!("apt-get brought no {package}"))?;
        fs::create_dir_all(home)?;
        let fresh = tempfile::Builder::new().prefix(".").tempdir_in(home)?;
        let mut dpkg = command(self.session, "dpkg-deb");
        run(stage, dpkg.arg("-x").arg(&file).arg(fresh.path()), &self.session.log("unpack"))?;
        fs::remove_file(&file)?;
        Ok(fresh)
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = command(self.session, program);
        apt.env("APT_CONFIG", self.folder.join("apt.conf"));
        apt
    }
}

/// Returns the failure of a command that needs the network.
fn by_network(error: anyhow::Error) -> Failure {
    Failure::from_error(error).remedy("check the network, then run the same command again")
}

/// Returns where [`fetch_busybox`] puts the userland of an architecture.
pub fn busybox(session: &Session, architecture: &str) -> PathBuf {
    session.cache.join("userland").join(architecture).join("usr/bin/busybox")
}

/// Fetches a userland for guests with another architecture, if it is not there yet.
pub fn fetch_busybox(stage: &Stage<'_>, architecture: &str) -> Result<()> {
    let program = busybox(stage.session, architecture);
    if program.exists() {
        return Ok(());
    }
    let archive = Archive::open(stage, Some(architecture))?;
    let name = "busybox-static";
    let version = archive.versions(name).into_iter().next().with_context(|| format!("no {name} for {architecture}"))?;
    let fresh = archive.unpack(stage, name, &version, &stage.session.cache.join("userland"))?;
    fs::create_dir_all(program.parent().context("a program is in a folder")?)?;
    fs::rename(fresh.path().join("usr/bin/busybox"), &program).with_context(|| format!("{name} {version} has no busybox"))?;
    // The lists of packages are many times as large.
    fs::remove_dir_all(&archive.folder)?;
    Ok(())
}

fn mirror(session: &Session) -> Option<String> {
    let format = "$(REPO_URI) $(CODENAME) $(COMPONENT)";
    output(command(session, "apt-get").args(["indextargets", "--format", format]))?.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        match fields[..] {
            [uri, "bookworm" | "trixie", "main"] if uri.contains("://") => Some(uri.into()),
            _ => None,
        }
    })
}
