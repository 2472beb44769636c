// SPDX-License-Identifier: GPL-2.0

//! The machines that QEMU emulates, and what kernels and guests have to know about them.

use crate::common::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub qemu: &'static str,
    /// QEMU's options for it. If there are none, the guest names a `-machine`.
    #[serde(default, deserialize_with = "list")]
    pub options: &'static [&'static str],
    /// The image that boots, in the output folder. Its name is the target of `make`.
    pub image: &'static str,
    /// Words of the kernel's command line, such as the console.
    #[serde(deserialize_with = "list")]
    pub append: &'static [&'static str],
    /// Debian's name of the architecture, if programs of this machine do not run on it.
    pub debian: Option<&'static str>,
}

/// A PC, of which each guest names the model. The other machines are in `tools/testing/platforms.toml`.
pub const PC: Machine = Machine {
    qemu: "qemu-system-x86_64",
    options: &[],
    image: "arch/x86/boot/bzImage",
    // The emulated TSC is the host's clock, which the kernel need not watch.
    append: &["console=ttyS0", "tsc=reliable"],
    debian: None,
};
