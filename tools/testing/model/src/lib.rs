// SPDX-License-Identifier: GPL-2.0

//! Who frees a device's interrupt vectors, as a state machine that is explored exhaustively.
//!
//! [`rule`] reads the table that the kernel's KUnit suite tests. [`state`] and [`machine`] are a device, its driver and the
//! tasks on two CPUs, in steps as long as the code holds a lock. [`actions`] lists what can happen next in a state, and
//! [`properties`] what must hold in every state; [`explore`] checks that. [`replay`] compares a guest's trace with the rule.
//! [`figures`] writes the result into the documentation.

pub mod actions;
pub mod explore;
pub mod figures;
pub mod machine;
pub mod properties;
pub mod replay;
pub mod rule;
pub mod state;
