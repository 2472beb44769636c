// SPDX-License-Identifier: GPL-2.0

//! The kernel source: a pristine tree, and the copy of it that is grafted.

use std::{io::Write, time::SystemTime};

use crate::{common::*, host::*};

const PACKAGE: &str = "linux-source-7.3";

/// A tree that is not modified.
#[derive(Clone, Debug)]
pub struct Pristine {
    pub tree: PathBuf,
    /// The output of `make kernelversion`.
    pub version: String,
    /// Whether it belongs to the user and may change between two runs.
    pub users: bool,
}

/// Returns the user's tree if one is named, and otherwise Debian's, which is fetched if necessary.
pub fn pristine(session: &Session) -> Result<Pristine> {
    if let Some(tree) = &session.users_tree {
        return ours_to_read(tree);
    }
    if let Some(found) = cached(session) {
        return Ok(found);
    }
    session.stage("source", "fetching Linux 7.3 from Debian's archive", |stage| {
        let (tree, package) = fetch(stage)?;
        let pristine = Pristine { version: version(&tree)?, tree, users: false };
        Ok((format!("Linux {}, {PACKAGE} {package}", pristine.version), pristine))
    })
}

/// Makes `build/linux` a copy of `pristine`, unless it is one already.
pub fn copy(session: &Session, pristine: &Pristine) -> Result<()> {
    let to = session.linux();
    let stamp = session.build.join(".linux");
    let identity = format!("{}\n{}\n", pristine.tree.display(), pristine.version);
    let same = fs::read_to_string(&stamp).is_ok_and(|s| s == identity) && to.join("Makefile").exists();
    if same && !(pristine.users && newer(session, &pristine.tree, &stamp)) {
        return Ok(());
    }
    session.stage("copy", "copying the source to build/linux", |stage| {
        let _ = fs::remove_file(&stamp);
        let began = SystemTime::now();
        run(stage, &mut rsync(session, &pristine.tree, &to, &["--delete", "--exclude=/.git"]), &session.log("copy"))?;
        if is_built_in(&to) {
            // The user has built in that tree. Our output goes elsewhere, which Kbuild allows for clean trees only.
            run(stage, &mut cmd!(session, "make -C {to} mrproper"), &session.log("mrproper"))?;
        }
        // The stamp is older than the copy, so files that change during the copy count as changed.
        let mut file = fs::File::create(&stamp)?;
        file.write_all(identity.as_bytes())?;
        file.set_modified(began)?;
        Ok((format!("Linux {} in {}", pristine.version, session.show(&to)), ()))
    })
}

/// Returns whether a kernel was built or configured in its tree.
pub fn is_built_in(tree: &Path) -> bool {
    tree.join(".config").exists() || tree.join("include/config").exists()
}

/// Returns the version that a tree's Makefile states.
pub fn version(tree: &Path) -> Result<String> {
    let no_tree = || format!("{} is no kernel source tree", tree.display());
    let makefile = fs::read_to_string(tree.join("Makefile")).with_context(no_tree)?;
    let value = |name: &str| {
        let line = regex(&format!(r"(?m)^{name}[ \t]*=[ \t]*(.*?)[ \t]*$"));
        line.captures(&makefile).map_or(String::new(), |found| found[1].into())
    };
    let (version, patch, sub) = (value("VERSION"), value("PATCHLEVEL"), value("SUBLEVEL"));
    ensure!(!version.is_empty() && !patch.is_empty(), no_tree());
    let dot = if sub.is_empty() { "" } else { "." };
    let extra = value("EXTRAVERSION");
    Ok(format!("{version}.{patch}{dot}{sub}{extra}"))
}

pub fn is_ours(version: &str) -> bool {
    version == "7.3" || version.starts_with("7.3.") || version.starts_with("7.3-")
}

fn ours_to_read(tree: &Path) -> Result<Pristine> {
    let remedy = "LINUX= takes the top folder of a Linux 7.3 source tree";
    let tree = fs::canonicalize(tree).map_err(|e| Failure::new(format!("LINUX={}: {e}", tree.display())).remedy(remedy))?;
    let version = version(&tree).map_err(|e| Failure::from_error(e).remedy(remedy))?;
    ensure!(is_ours(&version), Failure::new(format!("{} is Linux {version}", tree.display())).remedy(remedy));
    Ok(Pristine { tree, version, users: true })
}

/// Returns a tree that was unpacked earlier. Its folder gets this name only when it is complete.
pub fn cached(session: &Session) -> Option<Pristine> {
    let complete =
        fs::read_dir(session.cache.join("linux")).ok()?.flatten().filter(|e| !e.file_name().to_string_lossy().starts_with('.'));
    let trees = complete.filter_map(|entry| {
        let pristine = Pristine { version: version(&entry.path()).ok()?, tree: entry.path(), users: false };
        Some((fs::metadata(&pristine.tree).ok()?.modified().ok()?, pristine))
    });
    trees.max_by(|(a, x), (b, y)| (a, &x.tree).cmp(&(b, &y.tree))).map(|(_, pristine)| pristine)
}

fn fetch(stage: &Stage<'_>) -> Result<(PathBuf, String)> {
    let session = stage.session;
    let archive = Archive::open(stage, None)?;
    let version = archive.versions(PACKAGE).into_iter().next();
    let version = version.ok_or_else(|| Failure::new(format!("Debian's archive has no {PACKAGE}")).remedy(debian::OWN_TREE))?;
    let home = session.cache.join("linux");
    let fresh = archive.unpack(stage, PACKAGE, &version, &home)?;
    let tarball = fresh.path().join(format!("usr/src/{PACKAGE}.tar.xz"));
    let tree = fresh.path().join("tree");
    fs::create_dir(&tree)?;
    let mut tar = cmd!(session, "tar '--use-compress-program=xz -T0' --strip-components=1 -xf {tarball} -C {tree}");
    run(stage, &mut tar, &session.log("unpack"))?;
    let place = home.join(version.replace(':', "-"));
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(&tree, &place)?;
    Ok((place, version))
}

/// Returns whether anything in `tree` changed after `stamp`. A folder changes when a file in it is added or removed.
fn newer(session: &Session, tree: &Path, stamp: &Path) -> bool {
    let mut find = cmd!(session, "find {tree} -name .git -prune -o -newercm {stamp} -print -quit");
    output(&mut find).is_none_or(|found| !found.is_empty())
}
