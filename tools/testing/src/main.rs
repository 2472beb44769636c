// SPDX-License-Identifier: GPL-2.0

//! The commands of the top Makefile that are more than a line of shell.

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};
use runner::{bench, checks::*, commands::*, common::*, evidence, series};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    /// A Linux 7.3 source tree to use in place of Debian's; it is copied, not modified
    #[arg(long, env, value_name = "TREE", global = true)]
    linux: Option<OsString>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the grafted kernel, boot it, run both samples, or a driver from a folder of your own
    Boot {
        /// The folder: Kbuild, the source, and qemu-devices
        #[arg(long, env, value_name = "FOLDER")]
        driver: Option<OsString>,
    },
    /// Describe a driver from a folder of your own to rust-analyzer
    Editor {
        /// The folder
        #[arg(long, env, value_name = "FOLDER")]
        driver: OsString,
    },
    /// Count instructions on the stock kernel and on ours
    Bench,
    /// Build the grafted kernel
    Build,
    /// Say which of the reviewers' requests are met, and by what
    Acceptance,
    /// Show what goes wrong without ownership, and what ours makes of it
    Evidence,
    /// List every driver that allocates vectors, who frees them, and what the rule changes
    Census {
        /// How to write it
        #[arg(long, value_enum, default_value = "table")]
        format: census::Format,
        /// Fail if there is a driver that the kernel would report, and list only those
        #[arg(long)]
        check: bool,
    },
    /// Configure the grafted kernel in Kconfig's menus
    Menuconfig,
    /// Build the documentation and say where it is
    Docs,
    /// Write the overlay as a series of patches
    Series {
        /// Build and boot what changed since it passed: 1 for all steps, or some, such as 99-142
        #[arg(long)]
        check: Option<String>,
        /// The version of the series; a second and later one is compared with the one before
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
        reroll: u8,
    },
    /// Break the code in one place after another and expect a test to notice
    Mutations {
        /// Only mutations whose names begin so
        names: Vec<String>,
    },
    /// Run converted drivers on the software PCI bus, and say how far each comes
    Converted {
        /// Only drivers whose names begin so
        names: Vec<String>,
        /// Run them on kernels with sanitizers, and make each memory allocation of their probe() fail
        #[arg(long)]
        debug: bool,
    },
    /// Build the overlay for other platforms, and run the samples and the tests of ownership there
    Platforms {
        /// Only platforms whose names begin so
        names: Vec<String>,
    },
    /// Compile every driver that the overlay converts, for two architectures, with the option on and off
    TreeCheck,
    /// Say which tools are there, which are missing, and what hides Rust in a configuration
    Doctor {
        /// The .config to look at; build/kernel/.config if there is one
        #[arg(long, env, value_name = "FILE")]
        config: Option<OsString>,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprint!("\n{}", Failure::from_error(error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let session = &Session::new(arguments.linux.as_deref());
    let named = |path: &Option<OsString>| path.as_ref().and_then(|path| session.named(path));
    match &arguments.command {
        Command::Acceptance => acceptance::acceptance(session),
        Command::Bench => bench::bench(session),
        Command::Boot { driver } => boot::boot(session, named(driver).as_deref()),
        Command::Build => build::build(session),
        Command::Census { format, check } => census::census(session, *format, *check),
        Command::Converted { names, debug } => converted::converted(session, names, *debug),
        Command::Docs => docs::docs(session),
        Command::Doctor { config } => doctor::doctor(session, named(config).as_deref()),
        Command::Editor { driver } => boot::editor(session, &session.root.join(driver)),
        Command::Evidence => evidence::evidence(session),
        Command::Menuconfig => build::menuconfig(session),
        Command::Mutations { names } => mutations::mutations(session, names),
        Command::Platforms { names } => platforms::platforms(session, names),
        Command::Series { check, reroll } => series::series(session, check.as_deref(), (*reroll).into()),
        Command::TreeCheck => tree::check(session),
    }
}
