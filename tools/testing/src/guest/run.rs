// SPDX-License-Identifier: GPL-2.0

//! One run of a guest: its kernel, its machine, its script, and its time limit.

use model::{replay, rule::Rule};

use crate::{common::*, guest::judge, kernel::*, verdict::*};

#[derive(Clone, Debug, Deserialize)]
#[serde(default = "default", deny_unknown_fields)]
pub struct GuestSpec {
    /// Names its log and its tests.
    pub name: &'static str,
    /// The kernels it runs on, once on each.
    #[serde(deserialize_with = "list")]
    pub kernels: &'static [Kernel],
    /// More kernels, on which it runs only if such a test is asked for by name, because they take too long for a whole run.
    #[serde(deserialize_with = "list")]
    pub by_name: &'static [Kernel],
    /// The kernels whose reports the guest provokes on purpose, so that only its own results count.
    #[serde(deserialize_with = "list")]
    pub trouble_due: &'static [Kernel],
    /// How many blocks of its log a kernel and its counterpart must agree on at least; see [`crate::verdict::agree`].
    pub agrees: usize,
    /// The script in `tools/testing/guest` that it runs, without `.sh`.
    pub script: &'static str,
    /// More of the kernel's command line.
    #[serde(deserialize_with = "list")]
    pub append: &'static [&'static str],
    /// The modules in `tools/testing/modules` that it takes, by folder.
    #[serde(deserialize_with = "list")]
    pub modules: &'static [&'static str],
    /// QEMU's devices, and other options of it with their dash. It runs in a scratch folder with disks of 8 MiB, `disk0` to `disk9`,
    /// one of 512 MiB, `swap`, and its own `kernel` and `initramfs`.
    #[serde(deserialize_with = "list")]
    pub devices: &'static [&'static str],
    /// QEMU's machine, if its kernel is for a PC.
    pub machine: &'static str,
    pub accelerator: &'static str,
    pub cpus: u32,
    /// How many MiB of memory, of which a debug kernel gets three times as many.
    pub memory: u32,
    /// Whether it has a long form.
    pub long: bool,
    /// How many KTAP documents it must print at least.
    pub documents: usize,
    /// Texts of the reports that it provokes on purpose, each at least once if the rule is in force. Any other report fails the
    /// case in which it is printed.
    #[serde(deserialize_with = "list")]
    pub provokes: &'static [&'static str],
    /// The functions in which the kernel may warn, because of a mistake of its own that the guest brings about.
    #[serde(deserialize_with = "list")]
    pub tolerates: &'static [&'static str],
    /// KUnit suites that must be among the documents, if a missing one would not be noticed otherwise.
    #[serde(deserialize_with = "list")]
    pub due: &'static [&'static str],
    /// Whether it prints a trace, which has to follow the rule.
    pub traces: bool,
}

pub const DEFAULT: GuestSpec = GuestSpec {
    name: "",
    kernels: &[Kernel::Ours],
    by_name: &[],
    trouble_due: &[],
    agrees: 0,
    script: "",
    append: &["kunit.enable=0"],
    modules: &[],
    devices: &[EDU],
    machine: "q35,hpet=off",
    accelerator: "tcg",
    cpus: 2,
    memory: 512,
    long: false,
    documents: 1,
    provokes: &[],
    tolerates: &[],
    due: &[],
    traces: false,
};

fn default() -> GuestSpec {
    DEFAULT
}

impl GuestSpec {
    /// Returns a guest that is the same under another name. It lives as long as the program.
    pub fn named(&self, name: String) -> &'static Self {
        Box::leak(Box::new(Self { name: name.leak(), ..self.clone() }))
    }
}

/// A guest on one of its kernels.
#[derive(Clone, Debug)]
pub struct Run {
    pub guest: &'static GuestSpec,
    pub kernel: Kernel,
    /// Whether its scripts run in their long form, in which `$long` is 1.
    pub long: bool,
    /// Words of the kernel's command line that only this run has.
    pub words: Vec<String>,
}

#[derive(Debug)]
pub struct Ran {
    pub rows: Vec<Row>,
    pub log: PathBuf,
    pub text: String,
    /// From the start of QEMU to the guest's script.
    pub booted: Option<f64>,
    /// A row that says so, if it had to boot again.
    pub again: Option<Row>,
    /// Whether the script ran.
    started: bool,
    /// Whether it had to be killed because it printed nothing.
    hung: bool,
}

/// QEMU's teaching device, which the samples drive.
pub const EDU: &str = "edu";

/// A guest that takes longer is given up, in its short form and in its long one. One that hangs is noticed earlier.
const LIMIT: Duration = Duration::from_secs(600);
const LONG: Duration = Duration::from_secs(3 * 3600);

/// A guest that prints nothing for this time hangs.
const SILENT: Duration = Duration::from_secs(60);

/// The panic of a kernel whose timer is delayed by a busy host.
const NO_TIMER: &str = "IO-APIC + timer doesn't work!";

/// The report about a processor that is not woken by its timer.
const LOST_TIMER: [&str; 2] = ["Possible timer handling issue on cpu", "skipped: idling at"];

impl Run {
    /// Returns the short form of `guest` on `kernel`.
    pub fn new(guest: &'static GuestSpec, kernel: Kernel) -> Self {
        Self { guest, kernel, long: false, words: Vec::new() }
    }

    /// Returns the guest's name, with that of its kernel if this is not ours. It names the log and the tests.
    pub fn name(&self) -> String {
        format!("{}{}", self.guest.name, self.kernel.suffix())
    }

    /// Boots `ready`, which is this run's kernel, and judges what it prints.
    pub fn run(&self, session: &Session, ready: &Ready) -> Result<Ran> {
        session.stage(&format!("guest {}", self.name()), "booting", |stage| {
            let mut ran = self.boot(stage, ready)?;
            // The emulator rarely stops before the first process, or forgets a timer; a kernel that does it twice is to blame.
            let again = !ran.started && (ran.hung || ran.text.contains(NO_TIMER))
                || ran.hung && LOST_TIMER.iter().all(|sign| ran.text.contains(sign));
            if again {
                let hung = ran.log.with_extension("hung.log");
                fs::copy(&ran.log, &hung)?;
                ran = self.boot(stage, ready)?;
                let why = format!("the emulator lost a timer: {}", session.show(&hung));
                ran.again = Some(Row::skipped(format!("guest::{}{AGAIN}", self.name()), why));
            }
            let failed = ran.rows.iter().filter(|row| !row.ok).count();
            let booted = ran.booted.map_or("? s".into(), |s| format!("{s:.1} s"));
            let seed = self.words.iter().find(|word| word.starts_with("seed=")).map_or(String::new(), |seed| format!(", {seed}"));
            let second = if again { " at the second attempt" } else { "" };
            Ok((format!("booted in {booted}{second}, {} results, {failed} failed{seed}", ran.rows.len()), ran))
        })
    }

    fn boot(&self, stage: &Stage<'_>, ready: &Ready) -> Result<Ran> {
        let session = stage.session;
        let name = self.name();
        let file = format!("guest-{}", name.replace("::", "-"));
        let log = session.log(&file);
        fs::create_dir_all(log.parent().context("a log lies in a folder")?)?;
        fs::write(&log, "")?;
        let scratch = tempfile::tempdir_in(&session.build)?;
        let mut qemu = self.qemu(session, ready, &log, scratch.path())?;
        let words = session.log(&format!("{file}-qemu"));
        let file = fs::File::create(&words)?;
        qemu.stdout(file.try_clone()?).stderr(file);

        let started = Instant::now();
        // A debug kernel takes several times as long for everything.
        let times = if self.kernel.checks_itself() { 4 } else { 1 };
        let (limit, silent) = (times * if self.long { LONG } else { LIMIT }, times * SILENT);
        let ended = wait(stage, &mut qemu, &log, limit, silent)?;
        let total = started.elapsed().as_secs_f64();
        let lines = klog::lines(&fs::read(&log)?);
        let outside = match &ended {
            Ended::Silent => Some(format!("hung: killed after {} s without a word", silent.as_secs())),
            Ended::TimedOut => Some(format!("killed after {} s", limit.as_secs())),
            Ended::Exited(status) if !status.success() => {
                Some(format!("QEMU failed ({status}): {}", fs::read_to_string(&words).unwrap_or_default().trim()))
            }
            Ended::Exited(_) => None,
        };
        let shown = session.show(&log);
        let referee = |document: &Document| referee::agrees(session, &ready.kernel.spec.source, document);
        let mut rows = judge::judge(self, &lines, Path::new(&shown), outside, referee);
        if self.looks_for_leaks() {
            rows.insert(0, leaks::judge(&name, &lines));
        }
        // Guest time runs like the host's. The time before it is that of the firmware and of loading.
        let first = lines.iter().find(|l| l.text.starts_with("guest: started")).and_then(|line| line.time);
        let last = lines.iter().rev().find_map(|line| line.time);
        let ended_well = matches!(ended, Ended::Exited(status) if status.success());
        let booted = first.zip(last).filter(|_| ended_well).map(|(at, last)| at + (total - last).max(0.0));
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
        if let Some(row) = rows.last_mut() {
            row.seconds = Some(tenths(total));
            row.values.extend(booted.map(|seconds| ("booted".to_string(), tenths(seconds).into())));
        }
        let text: String = lines.into_iter().map(|l| l.text + "\n").collect();
        if self.guest.traces {
            rows.insert(0, follows_the_rule(&name, &shown, &text));
        }
        Ok(Ran { rows, log, text, booted, again: None, started: first.is_some(), hung: matches!(ended, Ended::Silent) })
    }

    /// Returns whether kmemleak looks for leaks when the script has ended. That makes every allocation slower, so it is done on
    /// request only, by `LEAKS=1`.
    fn looks_for_leaks(&self) -> bool {
        std::env::var_os("LEAKS").is_some_and(|leaks| leaks == "1") && self.kernel.checks_itself()
    }

    fn qemu(&self, session: &Session, ready: &Ready, log: &Path, scratch: &Path) -> Result<Command> {
        for disk in 0..10 {
            fs::File::create(scratch.join(format!("disk{disk}")))?.set_len(8 << 20)?;
        }
        fs::File::create(scratch.join("swap"))?.set_len(512 << 20)?;
        for (file, name) in [(&ready.kernel.image, "kernel"), (&ready.initramfs, "initramfs")] {
            std::os::unix::fs::symlink(file, scratch.join(name))?;
        }
        let times = if self.kernel.checks_itself() { 3 } else { 1 };
        let machine = ready.kernel.spec.machine;
        let mut qemu = command(session, machine.qemu);
        qemu.current_dir(scratch);
        let GuestSpec { accelerator, cpus, memory, .. } = self.guest;
        let memory = times * memory;
        let words = format!("-nodefaults -no-reboot -display none -monitor none -accel {accelerator} -smp {cpus} -m {memory}");
        qemu.args(words.split(' '));
        match machine.options {
            [] => qemu.args(["-machine", self.guest.machine]),
            options => qemu.args(options),
        };
        qemu.arg("-serial").arg(format!("file:{}", log.display()));
        qemu.arg("-kernel").arg(&ready.kernel.image).arg("-initrd").arg(&ready.initramfs);
        let script = format!("guest.script={}", self.guest.script);
        // Without the last word, the final message of unpacking would come between the results of tests.
        let mut append = vec!["panic=-1", "printk.devkmsg=on", &script, "initramfs_async=0"];
        append.extend(machine.append);
        // The slab allocator's lists of free objects keep pointers to those they have handed out, and hide leaks from kmemleak,
        // unless it looks after its red zones.
        if self.looks_for_leaks() {
            append.extend(["slab_debug=Z", "leaks=1"]);
        }
        append.extend(self.guest.append);
        // A word that the kernel does not know becomes a variable of the first process.
        append.extend(self.long.then_some("long=1"));
        append.extend(self.words.iter().map(String::as_str));
        qemu.arg("-append").arg(append.join(" "));
        for device in self.guest.devices {
            let (option, value) = device.split_once(' ').unwrap_or(("-device", device));
            qemu.arg(option).arg(value);
        }
        Ok(qemu)
    }
}

/// Compares the trace that a guest prints with the rule.
fn follows_the_rule(guest: &str, log: &str, text: &str) -> Row {
    let name = format!("guest::{guest}::trace_follows_the_rule");
    match Rule::read().and_then(|rule| replay::replay(&rule, text)) {
        Ok(replayed) if replayed.events > 0 => {
            Row::passed(name).with("events", replayed.events).with("decisions", replayed.decisions)
        }
        Ok(_) => Row::failed(name, format!("no events\nlog: {log}")),
        Err(error) => Row::failed(name, format!("{error:#}\nlog: {log}")),
    }
}
