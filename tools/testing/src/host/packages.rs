// SPDX-License-Identifier: GPL-2.0

//! The Debian packages a command needs, each with its reason, and their installation.

use crate::common::*;

/// One package, with a program or header that it brings, and the reason why it is needed.
#[derive(Deserialize)]
pub struct Package {
    pub name: &'static str,
    pub brings: &'static str,
    pub why: &'static str,
}

static SETS: LazyLock<BTreeMap<&str, Vec<Package>>> = LazyLock::new(|| data(include_str!("../../packages.toml")));

/// Returns a set of packages in `tools/testing/packages.toml`.
pub fn set(name: &str) -> &'static [Package] {
    &SETS[name]
}

/// Returns whether this system manages packages as Debian does.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && which::which("dpkg-query").is_ok()
}

/// Returns the packages of `wanted` that are not installed.
pub fn missing(session: &Session, wanted: &'static [Package]) -> Vec<&'static Package> {
    let versions = is_debian().then(|| versions(session, wanted));
    let lacks = |package: &&Package| match &versions {
        _ if package.brings.starts_with('/') => !Path::new(package.brings).exists(),
        Some(versions) => !versions.contains_key(package.name),
        None => program(package.brings).is_none(),
    };
    wanted.iter().filter(lacks).collect()
}

/// Returns the versions of those of the packages that are installed, as Debian writes them.
pub fn versions(session: &Session, wanted: &[Package]) -> BTreeMap<String, String> {
    let mut query = command(session, "dpkg-query");
    query.args(["-W", "-f", "${Package} ${Version} ${Status}\n"]).args(wanted.iter().map(|p| p.name));
    // The command fails if a package is unknown, and still lists the others.
    let listed = query.output().map(|found| found.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    let installed = listed.lines().filter_map(|line| {
        let (name, version) = line.strip_suffix(" install ok installed")?.split_once(' ')?;
        Some((name.into(), version.into()))
    });
    installed.collect()
}

/// Finds a program, also if only root has it in the path.
pub fn program(name: &str) -> Option<PathBuf> {
    let also = ["/usr/local/sbin", "/usr/sbin", "/sbin"].iter().map(|folder| Path::new(folder).join(name));
    which::which(name).ok().or_else(|| also.into_iter().find(|path| path.exists()))
}

/// Installs the missing packages of `wanted`, after printing which and why.
pub fn install(session: &Session, wanted: &'static [Package]) -> Result<()> {
    let lacking = missing(session, wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(|p| p.name).collect();
    if !is_debian() {
        let programs: Vec<_> = lacking.iter().map(|p| p.brings).collect();
        let what = format!("not found here: {}", programs.join(", "));
        bail!(Failure::new(what).remedy("install them with your system's package manager; only Debian's is known to this runner"));
    }
    let sudo = if is_root(session) { "" } else { " through sudo" };
    session.say(format_args!("Missing Debian packages, to be installed with apt-get{sudo}:"));
    for package in &lacking {
        session.say(format_args!("         {:18} {}", package.name, package.why));
    }
    if !is_root(session) {
        become_root(session, &names)?;
    }
    session.stage("packages", "installing Debian packages", |stage| {
        apt_install(stage, &names)?;
        Ok((format!("installed {}", names.join(" ")), ()))
    })
}

fn is_root(session: &Session) -> bool {
    output(command(session, "id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Makes sudo ask for its password now, before any spinner, and only if somebody can type it.
fn become_root(session: &Session, names: &[&str]) -> Result<()> {
    let mut sudo = command(session, "sudo");
    if session.interactive() {
        sudo.arg("-v").stdin(Stdio::inherit());
    } else {
        sudo.args(["-n", "true"]);
    }
    if sudo.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let names = names.join(" ");
    let what = "installing packages needs root, and sudo does not give it";
    bail!(Failure::new(what).remedy(format!("as root, run: apt-get install --no-install-recommends {names}")));
}

fn apt_install(stage: &Stage<'_>, names: &[&str]) -> Result<()> {
    let session = stage.session;
    let log = session.log("packages");
    let mut install = apt(session);
    install.args(["install", "-y", "--no-install-recommends"]).args(names);
    if run(stage, &mut install, &log).is_ok() {
        return Ok(());
    }
    // There may be no list of packages, and an old one names files that have gone from the archive since.
    update(stage)?;
    run(stage, &mut install, &log).map_err(|error| {
        Failure::from_error(error).remedy("check the network and /etc/apt/sources.list, then run the same command again").into()
    })
}

/// Fetches the lists of packages as the system's own configuration says.
pub fn update(stage: &Stage<'_>) -> Result<()> {
    run(stage, apt(stage.session).arg("update"), &stage.session.log("apt-update"))
}

fn apt(session: &Session) -> Command {
    let options = "-o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120".split(' ');
    let mut apt = match is_root(session) {
        true => cmd!(session, "apt-get {options...}"),
        false => cmd!(session, "sudo -n DEBIAN_FRONTEND=noninteractive apt-get {options...}"),
    };
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn every_set_exists() {
        for name in ["kernel", "tests", "series", "platforms", "docs", "menus"] {
            assert!(!set(name).is_empty());
        }
    }
}
