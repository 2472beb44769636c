// SPDX-License-Identifier: GPL-2.0

//! Explores the model, prints the result, and writes the figures into the documentation.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use model::{figures, rule::Rule};

fn main() -> Result<ExitCode> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."));
    let rule = Rule::read()?;
    let explored = figures::explore_all(&rule);
    let mut good = true;
    for setting in &explored {
        println!("{}: {} states", setting.setting.words(), setting.states);
        for trouble in setting.troubles() {
            println!("  {trouble}");
            good = false;
        }
    }
    if !good {
        return Ok(ExitCode::FAILURE);
    }
    figures::write(root, &figures::tables(&rule, &explored))?;
    println!("The figures are in {}", figures::PAGE);
    Ok(ExitCode::SUCCESS)
}
