// SPDX-License-Identifier: GPL-2.0

//! Who frees a device's interrupt vectors, as a state machine that is explored exhaustively.
//!
//! [`rule`] reads the table that the kernel's KUnit suite asks. [`state`] and [`machine`] are a device, its driver and the tasks
//! on two CPUs, in steps as long as the code holds a lock. [`actions`] is what can
//! happen, in every order; [`properties`] what must hold, which [`explore`] checks.
//! [`replay`] holds a guest's trace against the rule. [`figures`] writes what was explored into the documentation.

pub mod actions;
pub mod explore;
pub mod figures;
pub mod machine;
pub mod properties;
pub mod replay;
pub mod rule;
pub mod state;
