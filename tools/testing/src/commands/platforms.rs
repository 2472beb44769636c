// SPDX-License-Identifier: GPL-2.0

//! `make platforms`: builds the overlay for other platforms than that of `make test`, runs the samples and the tests of ownership
//! there, and shows what passes.

use crate::{checks::kunit, common::*, guest::*, host::*, kernel::*, reports::*, verdict::Row};

/// A platform of `tools/testing/platforms.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    name: &'static str,
    /// What distinguishes it, for the table.
    about: &'static str,
    /// Names its kernel. Platforms that differ in nothing but the machine share it.
    kernel: &'static str,
    /// The value of `ARCH=`, if it is not that of this machine.
    arch: Option<&'static str>,
    /// What its kernel boots on. User Mode Linux is a program of this machine.
    machine: Option<Machine>,
    #[serde(default)]
    fragments: Vec<&'static str>,
    /// The guests of `make boot` and `make test` that it runs, the first of which shows how long booting takes.
    #[serde(default)]
    guests: Vec<&'static str>,
}

static PLATFORMS: LazyLock<BTreeMap<&str, Vec<Platform>>> = LazyLock::new(|| data(include_str!("../../platforms.toml")));

#[derive(Default)]
struct Outcome {
    rows: Vec<Row>,
    /// Seconds for building everything, if that was done here.
    built: Option<f64>,
    /// Seconds from the start of the machine to the first script.
    booted: Option<f64>,
}

impl Platform {
    fn run(&'static self, prepared: &Prepared) -> Result<Outcome> {
        let Some(machine) = &self.machine else { return user_mode(prepared) };
        if let Some(architecture) = machine.debian {
            prepared.stage("userland", "fetching Debian's busybox", |stage| {
                debian::fetch_busybox(stage, architecture)?;
                Ok((format!("busybox-static for {architecture}"), ()))
            })?;
        }
        let spec = KernelSpec {
            arch: self.arch,
            machine,
            out: prepared.build.join("platforms").join(self.kernel),
            ..KernelSpec::new(prepared, self.kernel, prepared.linux(), &self.fragments)
        };
        let (started, is_new) = (Instant::now(), !spec.image().exists());
        let ready = prepare::build(prepared, &spec, Kernel::Ours, &BTreeSet::new())?;
        let built = keep(&spec.out, is_new.then(|| started.elapsed().as_secs_f64()));
        let ready = BTreeMap::from([(Kernel::Ours, ready)]);
        // Each is a guest of `make test` or `make boot` under a name of its own.
        let guest = |name: &&str| list::guest(name).named(format!("{}::{name}", self.name));
        let runs: Vec<_> = self.guests.iter().map(|name| Run::new(guest(name), Kernel::Ours)).collect();
        let rows = list::rows(prepared, &ready, &runs, list::boot(prepared, &ready, &runs));
        let booted = rows.iter().find_map(|row| row.values.get("booted"));
        Ok(Outcome { built, booted: booted.and_then(|seconds| seconds.as_f64()), rows })
    }
}

fn user_mode(prepared: &Prepared) -> Result<Outcome> {
    let out = prepared.build.join(kunit::FOLDER);
    let is_new = !out.join("linux").exists();
    let rows = kunit::run(prepared)?;
    let [built, ran] = kunit::seconds(prepared);
    Ok(Outcome { rows, built: keep(&out, built.filter(|_| is_new)), booted: ran })
}

/// Remembers how long it took to build everything in a folder, if that was done now, and returns how long it took.
fn keep(out: &Path, built: Option<f64>) -> Option<f64> {
    let file = out.join(".seconds");
    if let Some(seconds) = built {
        // Without it the table has a gap.
        let _ = fs::write(&file, seconds.to_string());
    }
    fs::read_to_string(&file).ok()?.trim().parse().ok()
}

/// Runs the platforms whose names begin with one of `names`, or all if there are no names. Returns whether everything passed.
pub fn platforms(session: &Session, names: &[String]) -> Result<bool> {
    let all = &PLATFORMS["platform"];
    let chosen: Vec<_> = all.iter().filter(|platform| is_chosen(names, platform.name)).collect();
    let known = all.iter().map(|platform| platform.name).collect::<Vec<_>>().join(" ");
    ensure!(!chosen.is_empty(), Failure::new("no such platform").remedy(format!("P= takes: {known}")));
    let prepared = prepare::source(session, packages::set("platforms"))?;
    let mut rows = Vec::new();
    let mut lines = vec![HEAD.map(String::from).to_vec()];
    for platform in chosen {
        let outcome = platform.run(&prepared).unwrap_or_else(|error| {
            let name = format!("platforms::{}", platform.name);
            Outcome { rows: vec![Row::failed(name, Failure::from_error(error).to_string())], ..Outcome::default() }
        });
        lines.push(cells(platform, &outcome));
        rows.extend(outcome.rows);
    }
    let table = table(&prepared, &lines, &rows);
    println!("\n{table}");
    let good = results::conclude(session, &results::name("platforms", names), Some(&prepared.pristine.version), &rows, "")?;
    if good && names.is_empty() {
        fs::write(session.root.join(TABLE), table)?;
    }
    Ok(good)
}

const TABLE: &str = "Documentation/PCI/irq-vector-ownership-testing-platforms.txt";

const HEAD: [&str; 7] = ["platform", "what", "build", "boot", "passed", "failed", "skipped"];

fn cells(platform: &Platform, outcome: &Outcome) -> Vec<String> {
    let seconds = |time: Option<f64>| time.map_or("?".into(), |s| format!("{s:.1} s"));
    let count = |result| outcome.rows.iter().filter(|row| row.result() == result).count().to_string();
    let names = [platform.name, platform.about].map(String::from);
    let times = [outcome.built, outcome.booted].map(seconds);
    [&names[..], &times, &["ok", "failed", "skipped"].map(count)].concat()
}

/// Returns the table with the versions, and with the reasons for what was skipped.
fn table(prepared: &Prepared, lines: &[Vec<String>], rows: &[Row]) -> String {
    let said = |program: &str, argument: &str| {
        output(command(prepared, program).arg(argument)).unwrap_or_default().lines().next().unwrap_or_default().to_string()
    };
    let (date, qemu) = (said("date", "+%-d %B %Y"), said(PC.qemu, "--version"));
    let mut text = format!("{date}, Linux {}\n{}\n{qemu}\n\n", prepared.pristine.version, prepared.tools.identity);
    text += &rst::table(lines);
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    for why in rows.iter().filter_map(|row| row.skipped.as_deref()) {
        *reasons.entry(why).or_default() += 1;
    }
    for (why, count) in reasons {
        text += &format!("skipped, {count}: {why}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_and_fragment_exists() {
        let session = Session::new(None);
        for platform in &PLATFORMS["platform"] {
            platform.guests.iter().for_each(|name| assert_eq!(list::guest(name).name, *name));
            for fragment in &platform.fragments {
                assert!(session.fragment(fragment).exists(), "{fragment}");
            }
        }
    }
}
