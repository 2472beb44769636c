// SPDX-License-Identifier: GPL-2.0

//! The machines that QEMU emulates, and what kernels and guests have to know about them.

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// QEMU's program.
    pub qemu: &'static str,
    /// QEMU's options for it. If there are none, the guest names a `-machine`.
    pub options: &'static [&'static str],
    /// The image that boots, in the output folder. Its name is the target of `make`.
    pub image: &'static str,
    /// Words of the kernel's command line, such as the console.
    pub append: &'static [&'static str],
    /// Debian's name of the architecture, if programs of this machine do not run on it.
    pub debian: Option<&'static str>,
}

/// A PC, of which each guest names the model.
pub const PC: Machine = Machine {
    qemu: "qemu-system-x86_64",
    options: &[],
    image: "arch/x86/boot/bzImage",
    // The emulated TSC is the host's clock, which the kernel need not watch.
    append: &["console=ttyS0", "tsc=reliable"],
    debian: None,
};

/// A PC for PREEMPT_RT, where the kernel's own suite `rust_spinlock_irq_condvar` warns. So only suites about PCI run.
pub const PC_RT: Machine = Machine { append: &["console=ttyS0", "tsc=reliable", "kunit.filter_glob=*pci*"], ..PC };

/// QEMU's `virt` with 64-bit Arm processors. They cannot map RAM as registers, so the software PCI bus gets memory that the kernel
/// does not use.
pub const ARM64: Machine = Machine {
    qemu: "qemu-system-aarch64",
    options: &["-machine", "virt,gic-version=3", "-cpu", "cortex-a57"],
    image: "arch/arm64/boot/Image",
    append: &["console=ttyAMA0", "mem=448M", "pci_soft.memory_start=0x5c000000", "pci_soft.memory_size=0x3000000"],
    debian: Some("arm64"),
};

/// The same with an interrupt controller that adds no vectors later.
pub const ARM64_GICV2M: Machine = Machine { options: &["-machine", "virt,gic-version=2", "-cpu", "cortex-a57"], ..ARM64 };

/// QEMU's `virt` with 64-bit RISC-V processors, where messages stand for lines, too. Until QEMU 9.0, which mended `setipnum_le` of the
/// APLIC, such a line is asserted again after each handler. So the console has no interrupt, and the test in Rust leaves INTx alone.
pub const RISCV64: Machine = Machine {
    qemu: "qemu-system-riscv64",
    options: &["-machine", "virt,aia=aplic-imsic"],
    image: "arch/riscv/boot/Image",
    append: &[
        "earlycon=sbi",
        "console=hvc0",
        // QEMU 7.2 describes the processors in the old way only.
        "riscv_isa_fallback",
        "mem=448M",
        "pci_soft.memory_start=0x9c000000",
        "pci_soft.memory_size=0x3000000",
        "rust_pci_ownership_test.intx=0",
    ],
    debian: Some("riscv64"),
};

/// The same with an interrupt controller that knows lines only, so that devices have INTx and nothing else.
pub const RISCV64_PLIC: Machine = Machine {
    options: &["-machine", "virt"],
    append: &[
        "earlycon=sbi",
        "console=hvc0",
        "riscv_isa_fallback",
        "mem=448M",
        "pci_soft.memory_start=0x9c000000",
        "pci_soft.memory_size=0x3000000",
        "kind_due=INTx",
        "rust_pci_ownership_test.msi=0",
    ],
    ..RISCV64
};
