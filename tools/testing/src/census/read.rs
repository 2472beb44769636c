// SPDX-License-Identifier: GPL-2.0

//! What people read in 7.3.4, where the walk decides nothing or takes for a leak what is none.
//!
//! Only files are here that the walk does not settle by itself; a test says so.

use super::Class;

/// One file, read.
#[derive(Debug)]
pub struct Reading {
    /// The file.
    pub file: &'static str,
    /// Who frees.
    pub class: Class,
    /// What the walk does not see.
    pub why: &'static str,
}

/// The version that was read.
pub const VERSION: &str = "7.3.4";

const fn explicit(file: &'static str, why: &'static str) -> Reading {
    Reading {
        file,
        class: Class::Explicit,
        why,
    }
}

/// All of them.
pub const READ: &[Reading] = &[];
