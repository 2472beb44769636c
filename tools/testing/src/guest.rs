// SPDX-License-Identifier: GPL-2.0

//! One run of a guest: which kernel, which machine, which suites, for how long at most.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    command::{command, wait, Ended, Limits},
    judge::{judge, Evidence},
    kernel::Built,
    klog,
    layout::Layout,
    referee,
    results::Row,
    ui::{Stage, Ui},
};

/// A guest to run.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// Names its log and its tests.
    pub name: &'static str,
    /// The guest scripts to run in order, without `.sh`.
    pub suites: &'static [&'static str],
    /// More of the kernel's command line.
    pub append: &'static [&'static str],
    /// QEMU's options for devices; `{disk}` stands for a scratch disk.
    pub devices: &'static [&'static str],
    /// When it is given up.
    pub limit: Duration,
    /// How many KTAP documents it must print at least.
    pub documents: usize,
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    /// One row per test.
    pub rows: Vec<Row>,
    /// The serial log.
    pub log: PathBuf,
    /// Its text.
    pub text: String,
    /// From the start of QEMU to the guest's first script.
    pub booted: Option<f64>,
    /// Whether the first script ran.
    started: bool,
    /// Whether it had to be killed because it said nothing.
    hung: bool,
}

/// QEMU's teaching device, which the samples drive.
pub const EDU: &str = "edu";

/// A guest that prints nothing for so long hangs.
const SILENT: Duration = Duration::from_secs(60);

impl GuestSpec {
    /// Boots `kernel` with `initramfs` and judges what it prints.
    pub fn run(&self, ui: &Ui, layout: &Layout, kernel: &Built, initramfs: &Path) -> Result<Ran> {
        let title = format!("guest {}", self.name);
        ui.stage(&title, "booting", |stage| {
            let mut ran = self.boot(stage, layout, kernel, initramfs)?;
            // The emulator rarely stops before the first process; a kernel that does it twice is to blame.
            let again = !ran.started && ran.hung;
            if again {
                fs::copy(&ran.log, ran.log.with_extension("hung.log"))?;
                ran = self.boot(stage, layout, kernel, initramfs)?;
            }
            let failed = ran.rows.iter().filter(|row| !row.ok).count();
            let booted = ran.booted.map_or("? s".into(), |s| format!("{s:.1} s"));
            let summary = format!(
                "booted in {booted}{}, {} results, {failed} failed",
                if again { " at the second attempt" } else { "" },
                ran.rows.len()
            );
            Ok((ran, summary))
        })
    }

    fn boot(
        &self,
        stage: &Stage<'_>,
        layout: &Layout,
        kernel: &Built,
        initramfs: &Path,
    ) -> Result<Ran> {
        let log = layout.log(&format!("guest-{}", self.name));
        fs::create_dir_all(log.parent().context("a log lies in a folder")?)?;
        fs::write(&log, "")?;
        let scratch = tempfile::tempdir_in(&layout.build)?;
        let mut qemu = self.qemu(layout, kernel, initramfs, &log, scratch.path())?;
        let words = layout.log(&format!("guest-{}-qemu", self.name));
        let file = fs::File::create(&words)?;
        qemu.stdout(file.try_clone()?).stderr(file);

        let started = Instant::now();
        let limits = Limits {
            total: Some(self.limit),
            silent: Some(SILENT),
        };
        let ended = wait(stage, &mut qemu, &log, limits)?;
        let total = started.elapsed().as_secs_f64();
        let bytes = fs::read(&log)?;
        let lines = klog::lines(&bytes);
        let mut outside = Vec::new();
        match &ended {
            Ended::Silent => outside.push(format!(
                "hung: killed after {} s without a word",
                SILENT.as_secs()
            )),
            Ended::TimedOut => outside.push(format!("killed after {} s", self.limit.as_secs())),
            Ended::Exited(status) if !status.success() => {
                let said = fs::read_to_string(&words).unwrap_or_default();
                outside.push(format!("QEMU failed ({status}): {}", said.trim()));
            }
            Ended::Exited(_) => {}
        }
        let shown = layout.show(&log);
        let evidence = Evidence {
            guest: self.name,
            log: &bytes,
            path: Path::new(&shown),
            outside,
            documents: self.documents,
        };
        let mut rows = judge(&evidence, |d| {
            referee::agrees(layout, &kernel.spec.source, d)
        });
        // Guest time runs as the host's does; what came before it is firmware and loading.
        let stamp = |text: &str| {
            lines
                .iter()
                .find(|l| l.text.starts_with(text))
                .and_then(|l| l.time)
        };
        let first = stamp("guest: started");
        let last = lines.iter().rev().find_map(|l| l.time);
        let ended_well = matches!(ended, Ended::Exited(status) if status.success());
        let booted = first.zip(last).filter(|_| ended_well);
        let booted = booted.map(|(at, last)| at + (total - last).max(0.0));
        if let Some(row) = rows.last_mut() {
            row.seconds = Some((total * 10.0).round() / 10.0);
            if let Some(booted) = booted {
                let seconds = serde_json::json!((booted * 10.0).round() / 10.0);
                row.values.insert("booted".into(), seconds);
            }
        }
        Ok(Ran {
            rows,
            log,
            text: lines.into_iter().map(|l| l.text + "\n").collect(),
            booted,
            started: first.is_some(),
            hung: matches!(ended, Ended::Silent),
        })
    }

    fn qemu(
        &self,
        layout: &Layout,
        kernel: &Built,
        initramfs: &Path,
        log: &Path,
        scratch: &Path,
    ) -> Result<Command> {
        let disk = scratch.join("disk");
        fs::File::create(&disk)?.set_len(8 << 20)?;
        let accelerator = match std::env::var("KVM").as_deref() {
            Ok("1") => "kvm",
            _ => "tcg",
        };
        let mut qemu = command(layout, "qemu-system-x86_64");
        qemu.args([
            "-nodefaults",
            "-no-reboot",
            "-display",
            "none",
            "-monitor",
            "none",
        ]);
        // One clock less to calibrate.
        qemu.args(["-machine", "q35,hpet=off", "-accel", accelerator]);
        qemu.args(["-smp", "2", "-m", "512"]);
        qemu.arg("-serial").arg(format!("file:{}", log.display()));
        qemu.arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(initramfs);
        let suites = format!("guest.suites={}", self.suites.join(","));
        // The emulated TSC is the host's clock, which the kernel need not watch.
        let mut append = vec![
            "console=ttyS0",
            "panic=-1",
            "tsc=reliable",
            "printk.devkmsg=on",
            &suites,
        ];
        append.extend(self.append);
        qemu.arg("-append").arg(append.join(" "));
        for device in self.devices {
            let (option, value) = device.split_once(' ').unwrap_or(("-device", device));
            qemu.arg(option)
                .arg(value.replace("{disk}", &disk.display().to_string()));
        }
        Ok(qemu)
    }
}
