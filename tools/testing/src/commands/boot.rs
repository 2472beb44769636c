// SPDX-License-Identifier: GPL-2.0

//! `make boot`: runs both samples once on our kernel, and prints a verdict.

use crate::{
    common::{text, *},
    guest::*,
    kernel::*,
    reports::results,
};

/// Builds and boots. Returns whether both samples did their job.
pub fn boot(session: &Session) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(session, &[])?;
    let ready = prepare::kernel(&prepared, Kernel::Ours, &BTreeSet::new())?;
    let ran = Run::new(list::guest("boot"), Kernel::Ours).run(session, &ready)?;
    println!("\n{}", table(&ran));
    let release = Some(ready.kernel.release.as_str());
    let log = format!("log: {}   ", session.show(&ran.log));
    results::conclude(session, "boot", release, started, &ran.rows, &log)
}

fn table(ran: &Ran) -> Table {
    let mut table = text::table(["sample", "device", "vector", "irq", "interrupts", "left behind", "verdict"]);
    let line = text::regex(r"(?m)^verdict driver=(\S+) device=(\S+) type=(\S+) irq=(.*) interrupts=(\S+) left=(\S+)$");
    for found in line.captures_iter(&ran.text) {
        let mut fields: Vec<&str> = (1..=6).map(|i| &found[i]).collect();
        // The whole name of the driver would make the table wider than a terminal.
        let model = fields[0].rsplit('_').next().unwrap_or_default();
        fields[0] = model;
        let mine = format!("::{model}::");
        let good = ran.rows.iter().filter(|row| row.name.contains(&mine)).all(|row| row.ok);
        let verdict = if good { "ok" } else { "FAILED" };
        table.add_row(fields.into_iter().chain([verdict]));
    }
    table
}
