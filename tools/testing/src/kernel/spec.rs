// SPDX-License-Identifier: GPL-2.0

//! Builds kernels: the configuration from fragments, the image, and the modules.

use crate::{common::*, host::LLVM, kernel::*};

/// The kernels that guests run on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// The grafted kernel, with all our options on.
    Ours,
    /// The same version and configuration without the overlay.
    Stock,
    /// Our kernel, with the kernel's debugging options.
    Debug,
    /// The stock kernel, with the same debugging options.
    DebugStock,
    /// The grafted kernel, with our option off.
    Off,
    /// The stock kernel, with the rule that patches of 2026 proposed.
    Earlier,
    /// The grafted kernel with converted drivers, and with our option.
    Drivers,
    /// The same kernel, with our option off.
    DriversOff,
}

impl Kernel {
    /// Returns the suffix of a guest's name on this kernel.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Ours => "",
            Self::Stock => "@stock",
            Self::Debug => "@debug",
            Self::DebugStock => "@debug-stock",
            Self::Off => "@off",
            Self::Earlier => "@2026",
            Self::Drivers => "@drivers",
            Self::DriversOff => "@drivers-off",
        }
    }

    /// Returns its name in [`TABLES`].
    pub fn spec(self) -> &'static str {
        self.suffix().strip_prefix('@').unwrap_or("kernel")
    }

    /// Returns whether it has sanitizers, and so needs more time and memory.
    pub fn checks_itself(self) -> bool {
        matches!(self, Self::Debug | Self::DebugStock)
    }

    /// Returns whether it has the overlay.
    pub fn is_grafted(self) -> bool {
        self.has_rule() || matches!(self, Self::Off | Self::DriversOff)
    }

    /// Returns whether the ownership rule is in force.
    pub fn has_rule(self) -> bool {
        matches!(self, Self::Ours | Self::Debug | Self::Drivers)
    }

    /// Returns whether only the long form of tests uses it, because it needs a build of its own.
    pub fn only_long(self) -> bool {
        matches!(self, Self::DebugStock | Self::Off)
    }

    /// Returns the kernel with the code that this one replaces, which is otherwise the same.
    pub fn counterpart(self) -> Option<Self> {
        match self {
            Self::Ours | Self::Off => Some(Self::Stock),
            Self::Debug => Some(Self::DebugStock),
            Self::Drivers => Some(Self::DriversOff),
            _ => None,
        }
    }
}

/// Kconfig's target for a configuration with everything, as modules.
pub const EVERYTHING: &str = "allmodconfig";

/// The configuration fragment of kernels in which C helpers are inlined in Rust, and Debian 12's compiler, with which it works: it has
/// the LLVM of clang. It is also the oldest one for Linux 7.3.
const INLINE: (&str, &[&str]) = ("inline-helpers", &["RUSTC=/usr/bin/rustc", "RUST_LIB_SRC=/usr/src/rustc-1.85.0/library"]);

/// Has `make` use all processors.
pub fn jobs() -> String {
    format!("-j{}", std::thread::available_parallelism().map_or(2, |n| n.get()))
}

#[derive(Clone, Debug)]
pub struct KernelSpec {
    /// Names its logs and stages.
    pub name: String,
    pub source: PathBuf,
    /// The value of `ARCH=`, if it is not that of this machine.
    pub arch: Option<&'static str>,
    pub machine: &'static Machine,
    /// The configuration below the fragments: `allnoconfig` or [`EVERYTHING`].
    pub base: &'static str,
    /// Configuration fragments; later ones win.
    pub fragments: Vec<PathBuf>,
    pub out: PathBuf,
    pub options: &'static [&'static str],
    /// The kernel with whose output its build begins, because most files of the two are the same.
    pub from: Option<Box<KernelSpec>>,
}

/// The file `tools/testing/kernels.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    #[serde(borrow)]
    kernels: BTreeMap<&'static str, (bool, Vec<&'static str>, &'static str)>,
    pub remedies: Vec<(&'static str, &'static str)>,
}

pub static TABLES: LazyLock<Tables> = LazyLock::new(|| data(include_str!("../../kernels.toml")));

#[derive(Clone, Debug)]
pub struct Built {
    pub spec: KernelSpec,
    pub image: PathBuf,
    /// The output of `uname -r`.
    pub release: String,
    /// Modules from outside its tree, each built by [`Built::add_modules`].
    external: Vec<PathBuf>,
}

impl KernelSpec {
    /// Returns a kernel of this machine's architecture, in `build/NAME`. Logs and stages have a dash for each slash of the name.
    pub fn new(session: &Session, name: &str, source: PathBuf, fragments: &[&str]) -> Self {
        Self {
            name: name.replace('/', "-"),
            source,
            arch: None,
            machine: &PC,
            base: "allnoconfig",
            fragments: fragments.iter().map(|f| session.fragment(f)).collect(),
            out: session.build.join(name),
            options: if fragments.contains(&INLINE.0) { INLINE.1 } else { &[] },
            from: None,
        }
    }

    /// Returns the kernel of that name in [`TABLES`].
    pub fn named(prepared: &Prepared, name: &str) -> Result<Self> {
        let (grafted, fragments, from) = TABLES.kernels.get(name).with_context(|| format!("there is no kernel {name}"))?;
        let source = if *grafted { prepared.linux() } else { ungrafted(prepared)? };
        let from = (!from.is_empty()).then(|| Self::named(prepared, from)).transpose()?;
        Ok(Self { from: from.map(Box::new), ..Self::new(prepared, name, source, fragments) })
    }

    /// Returns where its image is once it is built.
    pub fn image(&self) -> PathBuf {
        self.out.join(self.machine.image)
    }

    fn config(&self) -> PathBuf {
        self.out.join(".config")
    }

    pub fn command(&self, prepared: &Prepared) -> Command {
        let mut make = prepared.make(&self.source, &self.out);
        make.args(self.arch.map(|arch| format!("ARCH={arch}")));
        make.args(self.options);
        make
    }

    fn log(&self, session: &Session, step: &str) -> PathBuf {
        session.log(&format!("{}-{step}", self.name))
    }

    /// Returns the configuration that its fragments ask for.
    pub fn asked(&self) -> Result<Config> {
        let add = |asked: Config, fragment: &PathBuf| Ok(asked.with(Config::read(fragment)?));
        self.fragments.iter().try_fold(Config::default(), add)
    }

    /// Writes `.config` if one of its sources has changed. A user's changes to it are kept until then.
    pub fn configure(&self, prepared: &Prepared) -> Result<()> {
        if let Some(from) = self.from.as_ref().filter(|_| !self.config().exists()) {
            from.configure(prepared)?;
            from.build(prepared)?;
            let differing = if from.source == self.source { BTreeSet::new() } else { drivers::grafted(prepared)? };
            copied::output(prepared, from, self, &differing)?;
        }
        let asked = self.asked()?;
        let text = asked.text();
        // A change in one of the overlay's own Kconfig files can change what a fragment means.
        let kconfig = ["Kconfig", "samples/rust/Kconfig.pci_devres"].map(|file| prepared.root.join(file)).into_iter();
        let kconfig: String = kconfig.filter(|file| file.exists()).map(|file| read(&file)).collect::<Result<_>>()?;
        let inputs = format!("{}\n{}\n{text}{kconfig}", prepared.tools.identity, self.source.display());
        let stamp = self.out.join(".inputs");
        if self.config().exists() && fs::read_to_string(&stamp).is_ok_and(|s| s == inputs) {
            return Ok(());
        }
        prepared.stage(&format!("{} config", self.name), "configuring", |stage| {
            fs::create_dir_all(&self.out)?;
            let fragment = self.out.join(".fragment");
            fs::write(&fragment, &text)?;
            let mut make = self.command(prepared);
            make.env("KCONFIG_ALLCONFIG", &fragment).arg(self.base);
            run(stage, &mut make, &self.log(prepared, "config"))?;
            self.took_effect(&asked, prepared, stage)?;
            // Kbuild does not notice that a module from outside the tree was built for another configuration.
            let modules = prepared.modules(&self.name);
            if modules.exists() {
                fs::remove_dir_all(&modules)?;
            }
            fs::write(&stamp, &inputs)?;
            Ok((format!("all {} symbols asked for took effect", text.lines().count()), ()))
        })
    }

    /// Checks that every requested symbol has its value. The failure names those that have not, and says why Rust is missing.
    fn took_effect(&self, asked: &Config, prepared: &Prepared, stage: &Stage<'_>) -> Result<()> {
        let got = Config::read(&self.config())?;
        let list: Vec<_> =
            got.differing(asked).iter().map(|(s, asked, got)| format!("CONFIG_{s}: asked {asked}, got {got}")).collect();
        if list.is_empty() {
            return Ok(());
        }
        let mut failure =
            Failure::new(format!("the configuration does not take {} symbols:\n         {}", list.len(), list.join("\n         ")));
        if asked.on("RUST") && !got.on("RUST") {
            let log = self.log(prepared, "rustavailable");
            if run(stage, self.command(prepared).arg("rustavailable"), &log).is_err() {
                failure = failure.log(&log);
            }
            let why = hides_rust(&got, &self.source)?.into_iter();
            let why: Vec<_> = why.map(|h| format!("{} ({})", h.remedy, h.because)).collect();
            failure = failure.remedy(why.join("; "));
        }
        Err(failure.or_remedy("look at their `depends on` in the Kconfig files under build/linux").into())
    }

    pub fn build(&self, prepared: &Prepared) -> Result<Built> {
        prepared.stage(&self.name, "building image and modules", |stage| {
            let image = self.image();
            let target = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.make(stage, prepared, &[&target, "modules"], "build")?;
            let release = read(&self.out.join("include/config/kernel.release")).context("the build left no kernel.release")?;
            let built = Built { spec: self.clone(), image, release: release.trim().into(), external: Vec::new() };
            Ok((format!("Linux {}, {target} and {} modules", built.release, built.modules()?.len()), built))
        })
    }

    /// Makes `targets` with all processors.
    pub fn make(&self, stage: &Stage<'_>, prepared: &Prepared, targets: &[&str], step: &str) -> Result<()> {
        let remedy = "mend what the compiler names and run the same command again; make doctor checks the tools";
        run(stage, self.command(prepared).arg(jobs()).args(targets), &self.log(prepared, step))
            .map_err(|error| Failure::from_error(error).or_remedy(remedy).into())
    }
}

impl Built {
    pub fn modules(&self) -> Result<Vec<PathBuf>> {
        Ok([ordered(&self.spec.out)?, self.external.clone()].concat())
    }

    /// Returns the names of the modules from outside its tree.
    pub fn external(&self) -> impl Iterator<Item = String> + '_ {
        self.external.iter().filter_map(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned())
    }

    /// Builds the modules of the folders with those names for this kernel, each from a copy that is only its own; see
    /// [`Session::module`].
    pub fn add_modules(&mut self, prepared: &Prepared, names: &BTreeSet<&str>) -> Result<()> {
        for name in names {
            let copy = prepared.module_copy(&self.spec.name, name);
            let short = copy.file_name().unwrap_or_default().to_string_lossy();
            let log = self.spec.log(prepared, &short);
            prepared.stage(&format!("{} {short}", self.spec.name), "building modules outside the tree", |stage| {
                // Files that a build made are not source, and may be for another kernel.
                let made =
                    "--delete --exclude=*.o --exclude=*.ko --exclude=*.mod --exclude=*.mod.c --exclude=.* --exclude=modules.order";
                let options: Vec<_> = made.split(' ').collect();
                run(stage, &mut rsync(prepared, &prepared.module(name), &copy, &options), &log)?;
                let folder = format!("M={}", copy.display());
                run(stage, self.spec.command(prepared).args([&jobs(), &folder, "modules"]), &log)?;
                let found = ordered(&copy)?;
                let summary = format!("{} modules", found.len());
                self.external.extend(found);
                Ok((summary, ()))
            })?;
        }
        Ok(())
    }

    /// Copies the modules, stripped and with their dependencies listed, to `root/lib/modules/<release>`.
    pub fn install_modules(&self, session: &Session, root: &Path) -> Result<()> {
        let folder = root.join("lib/modules").join(&self.release);
        fs::create_dir_all(&folder)?;
        for from in self.modules()? {
            let to = folder.join(from.file_name().context("a module has a name")?);
            let mut strip = cmd!(session, "llvm-strip{LLVM} --strip-debug {from} -o {to}");
            succeed(&mut strip, &format!("stripping {}", from.display()))?;
        }
        for list in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            fs::copy(self.spec.out.join(list), folder.join(list))?;
        }
        let release = &self.release;
        succeed(&mut cmd!(session, "depmod -b {root} {release}"), "listing the dependencies of the modules")
    }
}

/// Returns the modules that the last build in `folder` made.
fn ordered(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(read(&folder.join("modules.order"))?.lines().map(|line: &str| folder.join(line).with_extension("ko")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_in_the_table_with_its_fragments() {
        let session = Session::new(None);
        for (_, fragments, from) in TABLES.kernels.values() {
            assert!(fragments.iter().all(|name| session.fragment(name).exists()));
            assert!(from.is_empty() || TABLES.kernels.contains_key(from));
        }
        for kernel in [Kernel::Ours, Kernel::Stock, Kernel::Debug, Kernel::DebugStock, Kernel::Off, Kernel::Earlier] {
            assert_eq!(TABLES.kernels[kernel.spec()].0, kernel.is_grafted());
        }
    }
}
