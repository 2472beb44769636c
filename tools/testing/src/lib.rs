// SPDX-License-Identifier: GPL-2.0

//! Builds the grafted kernel, boots it in QEMU and judges what it prints.
//!
//! Each folder is one idea. A folder uses only folders that stand above it in this list, which a test checks.

/// Used by every folder: commands with their logs, failures with their remedies, paths, text, and progress.
pub mod common {
    pub mod command;
    pub mod failure;
    pub mod session;
    pub mod text;
    pub mod ui;

    pub use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::{Path, PathBuf},
        process::{Command, Stdio},
        sync::{LazyLock, Mutex},
        time::{Duration, Instant},
    };

    pub use anyhow::{bail, ensure, Context, Result};
    pub use comfy_table::Table;
    pub use console::style;
    pub use regex::Regex;
    pub use serde::{Deserialize, Serialize};

    pub(crate) use command::cmd;
    pub use command::{command, output, rsync, run, run_limited, succeed, wait, watch, Ended, HOUR};
    pub use failure::Failure;
    pub use session::{Session, TEMPLATE};
    pub use text::{data, files, is_chosen, list, quote, quote_first, read, regex, table};
    pub use ui::{elapsed, Stage};
}

/// The needs of this machine: packages, the toolchain, and the pristine kernel source.
pub mod host {
    pub mod debian;
    pub mod packages;
    pub mod source;
    pub mod toolchain;

    pub use debian::Archive;
    pub use packages::{program, Package};
    pub use source::Pristine;
    pub use toolchain::{llvm, Toolchain, LLVM};
}

/// From the pristine source to a kernel that can boot: grafting, configuring, building, packing.
pub mod kernel {
    pub mod copied;
    pub mod drivers;
    pub mod initramfs;
    pub mod kconfig;
    pub mod machine;
    pub mod prepare;
    pub mod spec;

    pub use drivers::Converted;
    pub use kconfig::{hides_rust, Config};
    pub use machine::{Machine, PC};
    pub use prepare::{ungrafted, Prepared, Ready};
    pub use spec::{jobs, Built, Kernel, KernelSpec, EVERYTHING};
}

/// From the log of a guest or a script to one row for each case.
pub mod verdict {
    pub mod agree;
    pub mod bounds;
    pub mod klog;
    pub mod ktap;
    pub mod leaks;
    pub mod referee;
    pub mod rounds;
    pub mod row;

    pub use agree::{compare, difference, Side};
    pub use bounds::AGAIN;
    pub use klog::{Line, Trouble};
    pub use ktap::{Case, Document};
    pub use row::{Row, MEANING};
}

/// The guests: what each one is made of, how it is booted, and what two kernels have to agree on.
pub mod guest {
    pub mod converted;
    pub mod judge;
    pub mod list;
    pub mod run;
    pub mod sequences;
    pub mod shrink;

    pub use run::{GuestSpec, Ran, Run, DEFAULT, EDU};
}

/// The reports of a command, for people and for other programs.
pub mod reports {
    pub mod page;
    pub mod results;
    pub mod rst;
    pub mod summary;
}

/// Tests that need no guest.
pub mod checks {
    pub mod census;
    pub mod docs;
    pub mod kunit;
    pub mod model;
    pub mod no_pci;
    pub mod objects;
    pub mod samples;
    pub mod scripts;
    pub mod source;
    pub mod tree;
    pub mod tree_report;
}

pub mod bench;

pub mod evidence;

pub mod series;

/// The commands of the top Makefile.
pub mod commands {
    pub mod acceptance;
    pub mod boot;
    pub mod build;
    pub mod converted;
    pub mod doctor;
    pub mod mutations;
    pub mod platforms;
    pub mod test;
}

#[cfg(test)]
mod tests {
    use crate::common::*;

    #[test]
    fn a_room_uses_only_those_above_it() {
        let declared = regex(r"(?m)^pub mod (\w+)");
        let rooms: Vec<_> = declared.captures_iter(include_str!("lib.rs")).map(|room| room[1].to_string()).collect();
        let used = regex(r"crate::(?:(\w+)|\{([^;]*)\};)");
        let word = regex(r"\w+");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for file in files(&folder, &["rs"]).unwrap() {
            let name = file.strip_prefix(&folder).unwrap().with_extension("");
            let Some(at) = rooms.iter().position(|room| name.starts_with(room)) else { continue };
            let text = fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for found in used.captures_iter(text) {
                let names = word.find_iter(found.get(1).or(found.get(2)).unwrap().as_str());
                for other in names.filter_map(|name| rooms.iter().position(|room| room == name.as_str())) {
                    assert!(other <= at, "{} uses {}", name.display(), &found[0]);
                }
            }
        }
    }
}
