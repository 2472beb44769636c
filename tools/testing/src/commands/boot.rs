// SPDX-License-Identifier: GPL-2.0

//! `make boot`: runs both samples once on our kernel, and prints a verdict.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use comfy_table::{presets::UTF8_FULL_CONDENSED, Table};
use regex::Regex;

use crate::{
    common::{
        layout::Layout,
        ui::{elapsed, Ui},
    },
    guest::run::{GuestSpec, Ran, Run, DEFAULT, EDU},
    kernel::{prepare, spec::Kernel},
    reports::results,
};

const GUEST: GuestSpec = GuestSpec {
    name: "boot",
    script: "boot",
    append: &["kunit.enable=0"],
    devices: &[EDU],
    limit: Duration::from_secs(120),
    ..DEFAULT
};

/// Builds and boots. Returns whether both samples did their job.
pub fn boot(ui: &Ui, layout: &Layout, linux: Option<&Path>) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(ui, layout, linux, &[])?;
    let ready = prepare::kernel(ui, layout, &prepared, Kernel::Ours, &BTreeSet::new())?;
    let ran = Run::new(&GUEST, Kernel::Ours).run(ui, layout, &ready)?;
    let failed = results::write(
        layout,
        "boot",
        Some(&ready.kernel.release),
        started.elapsed(),
        &ran.rows,
    )?;

    println!("\n{}", table(&ran));
    for row in ran.rows.iter().filter(|row| !row.ok) {
        println!("\n{}: {}", row.name, row.message);
    }
    let passed = ran.rows.len() - failed;
    let verdict = if failed == 0 {
        "boot: ok"
    } else {
        "boot: FAILED"
    };
    println!(
        "\n{verdict}. {passed} passed, {failed} failed, Linux {}, {}",
        ready.kernel.release,
        elapsed(started.elapsed())
    );
    println!(
        "log: {}   results: build/results/boot.json",
        layout.show(&ran.log)
    );
    Ok(failed == 0)
}

fn table(ran: &Ran) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header([
        "sample",
        "device",
        "vector",
        "irq",
        "interrupts",
        "left behind",
        "verdict",
    ]);
    let line = Regex::new(
        r"(?m)^verdict driver=(\S+) device=(\S+) type=(\S+) irq=(.*) interrupts=(\S+) left=(\S+)$",
    )
    .expect("a constant expression");
    for found in line.captures_iter(&ran.text) {
        let mut fields: Vec<&str> = (1..=6).map(|i| &found[i]).collect();
        // The whole name of the driver would make the table wider than a terminal.
        let model = fields[0].rsplit('_').next().unwrap_or_default();
        fields[0] = model;
        let mine = format!("::{model}::");
        let good = ran
            .rows
            .iter()
            .filter(|row| row.name.contains(&mine))
            .all(|row| row.ok);
        let verdict = if good { "ok" } else { "FAILED" };
        table.add_row(fields.into_iter().chain([verdict]));
    }
    table
}
