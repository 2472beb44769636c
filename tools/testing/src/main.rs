// SPDX-License-Identifier: GPL-2.0

//! The commands of the top Makefile that are more than a line of shell.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use runner::{
    bench,
    checks::{census, docs, tree},
    commands::{acceptance, boot, build, converted, doctor, folder, mutations},
    common::{failure::Failure, layout::Layout, ui::Ui},
    evidence, series,
};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the grafted kernel, boot it, run both samples, or a driver from a folder of your own
    Boot {
        #[command(flatten)]
        source: Source,
        /// The folder: Kbuild, the source, and qemu-devices
        #[arg(long, env = "DRIVER", value_name = "FOLDER", value_parser = clap::builder::OsStringValueParser::new())]
        driver: Option<std::ffi::OsString>,
    },
    /// Describe a driver from a folder of your own to rust-analyzer
    Editor {
        #[command(flatten)]
        source: Source,
        /// The folder
        #[arg(long, env = "DRIVER", value_name = "FOLDER", value_parser = clap::builder::OsStringValueParser::new())]
        driver: std::ffi::OsString,
    },
    /// Count instructions on the stock kernel and on ours
    Bench {
        #[command(flatten)]
        source: Source,
    },
    /// Build the grafted kernel
    Build {
        #[command(flatten)]
        source: Source,
    },
    /// Say which of the reviewers' requests are met, and by what
    Acceptance {
        #[command(flatten)]
        source: Source,
    },
    /// Show what goes wrong without ownership, and what ours makes of it
    Evidence {
        #[command(flatten)]
        source: Source,
    },
    /// List every driver that allocates vectors, who frees them, and what the rule changes
    Census {
        #[command(flatten)]
        source: Source,
        /// How to write it
        #[arg(long, value_enum, default_value = "table")]
        format: census::Format,
        /// Fail if there is a driver that the kernel would report, and list only those
        #[arg(long)]
        check: bool,
    },
    /// Configure the grafted kernel in Kconfig's menus
    Menuconfig {
        #[command(flatten)]
        source: Source,
    },
    /// Build the documentation and say where it is
    Docs {
        #[command(flatten)]
        source: Source,
    },
    /// Write the overlay as a series of patches
    Series {
        #[command(flatten)]
        source: Source,
        /// Build and boot every step that changed since
        #[arg(long)]
        check: bool,
        /// The version of the series; a second and later one is compared with the one before
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
        reroll: u8,
    },
    /// Break the code in one place after another and expect a test to notice
    Mutations {
        #[command(flatten)]
        source: Source,
        /// Only mutations whose names begin so
        names: Vec<String>,
    },
    /// Run converted drivers on the software PCI bus, and say how far each comes
    Converted {
        #[command(flatten)]
        source: Source,
        /// Only drivers whose names begin so
        names: Vec<String>,
    },
    /// Compile every driver that the overlay converts, for two architectures, with the option on and off
    TreeCheck {
        #[command(flatten)]
        source: Source,
    },
    /// Say which tools are there, which are missing, and what hides Rust in a configuration
    Doctor {
        #[command(flatten)]
        source: Source,
        /// The .config to look at; build/kernel/.config if there is one
        #[arg(long, env = "CONFIG", value_name = "FILE", value_parser = clap::builder::OsStringValueParser::new())]
        config: Option<std::ffi::OsString>,
    },
}

#[derive(clap::Args)]
struct Source {
    /// A Linux 7.3 source tree to use in place of Debian's; it is copied, not modified
    #[arg(long, env = "LINUX", value_name = "TREE", value_parser = clap::builder::OsStringValueParser::new())]
    linux: Option<std::ffi::OsString>,
}

impl Source {
    /// The tree, where one is named; `make` passes an empty name for none.
    fn tree(&self, layout: &Layout) -> Option<PathBuf> {
        self.linux.as_ref().and_then(|tree| layout.named(tree))
    }
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
    let (ui, layout) = (Ui::new(), Layout::new());
    match &arguments.command {
        Command::Bench { source } => bench::bench(&ui, &layout, source.tree(&layout).as_deref()),
        Command::Boot { source, driver } => {
            let tree = source.tree(&layout);
            match driver.as_ref().and_then(|folder| layout.named(folder)) {
                Some(folder) => folder::boot(&ui, &layout, tree.as_deref(), &folder),
                None => boot::boot(&ui, &layout, tree.as_deref()),
            }
        }
        Command::Editor { source, driver } => {
            let folder = layout.root.join(driver);
            folder::editor(&ui, &layout, source.tree(&layout).as_deref(), &folder)
        }
        Command::Build { source } => build::build(&ui, &layout, source.tree(&layout).as_deref()),
        Command::Acceptance { source } => {
            acceptance::acceptance(&ui, &layout, source.tree(&layout).as_deref())
        }
        Command::Evidence { source } => {
            evidence::evidence(&ui, &layout, source.tree(&layout).as_deref())
        }
        Command::Census {
            source,
            format,
            check,
        } => census::census(
            &ui,
            &layout,
            source.tree(&layout).as_deref(),
            *format,
            *check,
        ),
        Command::Menuconfig { source } => {
            build::menuconfig(&ui, &layout, source.tree(&layout).as_deref())
        }
        Command::Docs { source } => docs::docs(&ui, &layout, source.tree(&layout).as_deref()),
        Command::Series {
            source,
            check,
            reroll,
        } => {
            let tree = source.tree(&layout);
            series::series(&ui, &layout, tree.as_deref(), *check, (*reroll).into())
        }
        Command::Mutations { source, names } => {
            mutations::mutations(&ui, &layout, source.tree(&layout).as_deref(), names)
        }
        Command::Converted { source, names } => {
            converted::converted(&ui, &layout, source.tree(&layout).as_deref(), names)
        }
        Command::TreeCheck { source } => tree::check(&ui, &layout, source.tree(&layout).as_deref()),
        Command::Doctor { source, config } => {
            let config = config.as_ref().and_then(|file| layout.named(file));
            doctor::doctor(&layout, config.as_deref(), source.tree(&layout).as_deref())
        }
    }
}
