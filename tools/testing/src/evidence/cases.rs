// SPDX-License-Identifier: GPL-2.0

//! The cases: what each driver does, and what the log of the stock kernel and of ours must show.

use std::time::Duration;

use crate::{
    guest::run::{GuestSpec, DEFAULT},
    kernel::spec::Kernel::{self, Earlier, Ours, Stock},
};

/// One driver, and what happens with it.
#[derive(Debug)]
pub struct Case {
    /// Names it in tables and tests.
    pub name: &'static str,
    /// What the driver does.
    pub does: &'static str,
    /// Its source, in `tools/testing/modules`, or that of an unmodified driver in the kernel tree.
    pub source: &'static str,
    /// The guest of this case. Each case has its own, because some warnings are printed once a boot, and an Oops ends it. A
    /// case without a guest is for the compiler.
    pub guest: Option<GuestSpec>,
    /// The expectations on other kernels, and on ours.
    pub sides: [Side; 2],
}

/// The expectations on one kernel.
#[derive(Debug)]
pub struct Side {
    /// The kernel.
    pub kernel: Kernel,
    /// What the log must show.
    pub shows: &'static [Seen],
    /// Whether the kernel, or the compiler, may report a fault.
    pub clean: bool,
}

/// A fact that a log can show.
#[derive(Debug)]
pub struct Seen {
    /// What to call it in a table.
    pub name: &'static str,
    /// One of the lines matches this.
    pub pattern: &'static str,
}

const fn seen(name: &'static str, pattern: &'static str) -> Seen {
    Seen { name, pattern }
}

const fn boot(
    name: &'static str,
    append: &'static [&'static str],
    devices: &'static [&'static str],
) -> Option<GuestSpec> {
    Some(GuestSpec {
        name,
        append,
        devices,
        kernels: &[Stock, Earlier, Ours],
        // The case says what must not be reported.
        trouble_due: &[Stock, Earlier, Ours],
        script: "evidence",
        limit: Duration::from_secs(60),
        documents: 0,
        ..DEFAULT
    })
}

/// Returns a guest with edu, or with the given devices, that takes these steps; see `guest/evidence.sh`.
macro_rules! steps {
    ($name:literal, $steps:literal) => {
        steps!($name, $steps, "device=1234:11e8", &["edu"])
    };
    ($name:literal, $steps:literal, $word:literal, $devices:expr) => {
        boot(
            concat!("evidence::", $name),
            &[
                "kunit.enable=0",
                "oops=panic",
                concat!("steps=", $steps),
                $word,
            ],
            $devices,
        )
    };
}

const fn breaks(kernel: Kernel, shows: &'static [Seen]) -> Side {
    Side {
        kernel,
        shows,
        clean: false,
    }
}

const fn clean(kernel: Kernel, shows: &'static [Seen]) -> Side {
    Side {
        kernel,
        shows,
        clean: true,
    }
}

// Reports of the kernel's core.
const LEAKED_ACTION: Seen = seen(
    "WARN remove_proc_entry",
    r"^WARNING: (\S+ )?at remove_proc_entry\+",
);
const LEAKED_NAME: Seen = seen(
    "irqaction leaked",
    r"^remove_proc_entry: removing non-empty directory 'irq/\d+', leaking",
);
const LIVE_DOMAIN: Seen = seen(
    "WARN irq_domain_remove",
    r"^WARNING: (\S+ )?at irq_domain_remove\+",
);
const LIVE_DATA: Seen = seen(
    "WARN msi_device_data_release",
    r"^WARNING: (\S+ )?at msi_device_data_release\+",
);
const FOREIGN: Seen = seen(
    "WARN free of a foreign irq",
    r"^Trying to free already-free IRQ \d+",
);
const TWICE: Seen = seen(
    "WARN second MSI",
    r"^WARNING: (\S+ )?at __pci_enable_msi_range\+",
);
const NULL: Seen = seen(
    "NULL-dereference Oops",
    r"^BUG: kernel NULL pointer dereference",
);
const REBIND_22: Seen = seen(
    "rebind -22",
    r"probe with driver \S+ failed with error -22$",
);

// Reports of our kernel.
const REFUSED: Seen = seen(
    "free refused (handler)",
    r": irq vectors: free refused, handler .+ is registered on irq \d+$",
);
const BUSY: Seen = seen(
    "second allocation refused",
    r": irq vectors: allocation refused, the driver owns the MSI vectors that are live$",
);
const LEAKED: Seen = seen(
    "leaked vectors contained",
    r": irq vectors: MSI(-X)? vectors leaked by the driver, freed by devres$",
);
const HANDLER: Seen = seen(
    "leaked handler contained",
    r": irq vectors: handler .+ on irq \d+ leaked by the driver, released by devres$",
);

// Lines of the guest's script.
const UNBOUND: Seen = seen("unbinds", r"^evidence: unbind: ok$");
const REBOUND: Seen = seen("rebinds", r"^evidence: bind: ok$");
const NOTHING: Seen = seen("nothing left", r"^evidence: left behind: nothing$");

/// Every case, in the order of the report.
pub static CASES: &[Case] = &[
    Case {
        name: "H1",
        does: "devm_request_irq(), then pci_free_irq_vectors() in remove",
        source: "evidence/h1_free_in_remove.c",
        guest: steps!("H1", "load:h1_free_in_remove,unbind,bind,rmmod,state"),
        sides: [
            breaks(Stock, &[LEAKED_ACTION, LEAKED_NAME]),
            clean(Ours, &[REFUSED, LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "H1-probe",
        does: "the same in the error path of probe",
        source: "evidence/h1_free_in_probe.c",
        guest: steps!(
            "H1-probe",
            "load:h1_free_in_probe,rmmod,load:c1_free_twice,rmmod,state"
        ),
        sides: [
            breaks(Stock, &[LEAKED_ACTION, LEAKED_NAME]),
            clean(
                Ours,
                &[
                    REFUSED,
                    LEAKED,
                    seen("next driver binds", "^evidence: load c1_free_twice: ok$"),
                    NOTHING,
                ],
            ),
        ],
    },
    Case {
        name: "H2",
        does: "H1, and another device gets the irq number before devres runs",
        source: "evidence/h2_number_reused.c",
        guest: steps!(
            "H2",
            "load:h2_number_reused,unbind,bind,rmmod,state",
            "device=1234:11e8",
            &["edu", "edu"]
        ),
        sides: [
            breaks(Stock, &[LEAKED_ACTION, FOREIGN]),
            clean(Ours, &[REFUSED, LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "H3",
        does: "request_irq() never freed, vectors left to pcim",
        source: "evidence/h3_handler_kept.c",
        guest: steps!("H3", "load:h3_handler_kept,unbind,bind,rmmod,state"),
        sides: [
            breaks(
                Stock,
                &[
                    LEAKED_ACTION,
                    LEAKED_NAME,
                    seen("from pcim_msi_release", r"^ *pcim_msi_release\+"),
                ],
            ),
            clean(Ours, &[LEAKED, HANDLER, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "H4",
        does: "allocates before pcim_enable_device()",
        source: "evidence/h4_alloc_before_enable.c",
        guest: steps!("H4", "load:h4_alloc_before_enable,unbind,bind,rmmod,state"),
        sides: [
            breaks(Stock, &[LIVE_DOMAIN, LIVE_DATA, REBIND_22]),
            clean(Ours, &[LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "H5",
        does: "never frees its vectors",
        source: "evidence/h5_never_freed.c",
        guest: steps!("H5", "load:h5_never_freed,unbind,bind,rmmod,state"),
        sides: [
            breaks(Stock, &[LIVE_DOMAIN, LIVE_DATA, REBIND_22]),
            clean(Ours, &[LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "H5-reset",
        does: "the same with MSI-X (e1000e), then reset through sysfs",
        source: "evidence/h5_never_freed.c",
        guest: steps!(
            "H5-reset",
            "load:h5_never_freed,unbind,reset,bind,rmmod,state",
            "device=8086:10d3",
            // A device that is alone on its bus can be reset by its bridge.
            &["pcie-root-port,id=root,slot=1", "e1000e,bus=root"]
        ),
        sides: [
            breaks(Stock, &[LIVE_DOMAIN, LIVE_DATA, NULL]),
            clean(
                Ours,
                &[
                    LEAKED,
                    seen("resets", "^evidence: reset: ok$"),
                    REBOUND,
                    NOTHING,
                ],
            ),
        ],
    },
    Case {
        name: "H5-sysfs",
        does: "the same, then chip_name of its irq is read (init_on_free=1)",
        source: "evidence/h5_never_freed.c",
        guest: boot(
            "evidence::H5-sysfs",
            &[
                "kunit.enable=0",
                "oops=panic",
                // Freed memory is overwritten, so that a use after free shows.
                "init_on_free=1",
                "steps=load:h5_never_freed,chip,unbind,chip",
                "device=1234:11e8",
            ],
            &["edu"],
        ),
        sides: [
            breaks(
                Stock,
                &[
                    LIVE_DOMAIN,
                    seen("name before", r"^evidence: chip_name of irq \d+: '.+'$"),
                    seen(
                        "freed name read after",
                        r"^evidence: chip_name of irq \d+: ''$",
                    ),
                ],
            ),
            clean(
                Ours,
                &[
                    LEAKED,
                    seen("name before", r"^evidence: chip_name of irq \d+: '.+'$"),
                    seen("no such irq after", r"^evidence: no irq \d+$"),
                ],
            ),
        ],
    },
    Case {
        name: "H6",
        does: "devm action that frees, registered before the allocation",
        source: "evidence/h6_action_before_alloc.c",
        guest: steps!("H6", "load:h6_action_before_alloc,unbind,bind,rmmod,state"),
        sides: [
            breaks(Stock, &[LIVE_DOMAIN, LIVE_DATA, NULL]),
            clean(Ours, &[LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "H7",
        does: "second allocation (ALL_TYPES) while MSI is live, then freed",
        source: "evidence/h7_second_allocation.c",
        guest: steps!("H7", "load:h7_second_allocation,unbind,bind,rmmod,state"),
        sides: [
            breaks(
                Stock,
                &[
                    TWICE,
                    seen("returns 1", "evidence: the second allocation returns 1$"),
                    LEAKED_ACTION,
                    seen(
                        "first owner's MSI off",
                        "evidence: MSI of the first is off$",
                    ),
                ],
            ),
            clean(
                Ours,
                &[
                    seen("-EBUSY", "evidence: the second allocation returns -16$"),
                    BUSY,
                    seen("first owner's MSI on", "evidence: MSI of the first is on$"),
                    REBOUND,
                    NOTHING,
                ],
            ),
        ],
    },
    Case {
        name: "S1",
        does: "H7 in Rust: alloc_irq_vectors() twice, the second guard dropped",
        source: "evidence/s1_second_allocation.rs",
        guest: steps!("S1", "load:s1_second_allocation,unbind,bind,rmmod,state"),
        sides: [
            breaks(
                Stock,
                &[
                    TWICE,
                    seen("second guard", "evidence: a second guard, of 1 vector$"),
                    LEAKED_ACTION,
                    seen(
                        "first guard lost MSI",
                        "evidence: the first guard has Intx vectors$",
                    ),
                ],
            ),
            clean(
                Ours,
                &[
                    seen("-EBUSY", "evidence: no second guard: -16$"),
                    BUSY,
                    seen(
                        "first guard keeps MSI",
                        "evidence: the first guard has Msi vectors$",
                    ),
                    REBOUND,
                    NOTHING,
                ],
            ),
        ],
    },
    Case {
        name: "S2",
        does: "mem::forget() of the guard, unbind, rebind, guard dropped",
        source: "evidence/s2_forgotten_guard.rs",
        guest: steps!("S2", "load:s2_forgotten_guard,unbind,bind,rmmod,state"),
        sides: [
            breaks(Stock, &[LIVE_DOMAIN, LIVE_DATA, TWICE, NULL]),
            clean(
                Ours,
                &[
                    LEAKED,
                    seen("drops the next", "evidence: drops the guard$"),
                    REBOUND,
                    NOTHING,
                ],
            ),
        ],
    },
    Case {
        name: "S3",
        does: "alloc_irq_vectors(..)?; and the guard is not kept",
        source: "evidence_compile/s3_ignored_guard.rs",
        guest: None,
        sides: [
            clean(Stock, &[seen("compiles, silently", "^compiles$")]),
            breaks(
                Ours,
                &[seen(
                    "refused: unused guard",
                    "^error: unused `IrqVectorRegistration` that must be used$",
                )],
            ),
        ],
    },
    Case {
        name: "S4",
        does: "guard and handler in one struct",
        source: "evidence_compile/s4_one_struct.rs",
        guest: None,
        sides: [
            breaks(Stock, &[seen("refused: E0505", r"^error\[E0505\]: ")]),
            breaks(Ours, &[seen("refused: E0505", r"^error\[E0505\]: ")]),
        ],
    },
    Case {
        name: "S4-managed",
        does: "vectors that the device owns and handler in one struct",
        source: "evidence_compile/s4_managed.rs",
        guest: None,
        sides: [
            breaks(
                Stock,
                &[seen(
                    "not expressible",
                    r"^error\[E0599\]: no method named `pcim_alloc_irq_vectors`",
                )],
            ),
            clean(Ours, &[seen("compiles", "^compiles$")]),
        ],
    },
    Case {
        name: "C1",
        does: "not a hazard: two explicit frees, and the automatic one",
        source: "evidence/c1_free_twice.c",
        guest: steps!("C1", "load:c1_free_twice,unbind,bind,rmmod,state"),
        sides: [
            clean(Stock, &[UNBOUND, REBOUND, NOTHING]),
            clean(Ours, &[UNBOUND, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "C2",
        does: "not a hazard: free and allocate again in one bind",
        source: "evidence/c2_alloc_again.c",
        guest: steps!("C2", "load:c2_alloc_again,unbind,bind,rmmod,state"),
        sides: [
            clean(Stock, &[UNBOUND, REBOUND, NOTHING]),
            clean(Ours, &[UNBOUND, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "C3",
        does: "not a hazard on stock: devm_request_irq(), vectors left to pcim",
        source: "evidence/c3_left_to_pcim.c",
        guest: steps!("C3", "load:c3_left_to_pcim,unbind,bind,rmmod,state"),
        sides: [
            clean(Stock, &[UNBOUND, REBOUND, NOTHING]),
            clean(Ours, &[LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "C3-managed",
        does: "the same, converted: pcim_alloc_irq_vectors() where there is one",
        source: "evidence/c5_managed.c",
        guest: steps!("C3-managed", "load:c5_managed,unbind,bind,rmmod,state"),
        sides: [
            clean(Stock, &[UNBOUND, REBOUND, NOTHING]),
            clean(Ours, &[UNBOUND, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "C4",
        does: "not a hazard: devm action that frees, registered after the allocation",
        source: "evidence/c4_action_after_alloc.c",
        guest: steps!("C4", "load:c4_action_after_alloc,unbind,bind,rmmod,state"),
        sides: [
            clean(Stock, &[UNBOUND, REBOUND, NOTHING]),
            clean(Ours, &[UNBOUND, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "A1",
        does: "rule of the 2026 patches: ahci, not converted, on q35",
        source: "drivers/ata/ahci.c",
        guest: steps!(
            "A1",
            "load:ahci,unbind,bind,unbind,state",
            "device=class:010601",
            &[]
        ),
        sides: [
            breaks(Earlier, &[LIVE_DOMAIN, LIVE_DATA, REBIND_22]),
            clean(Ours, &[UNBOUND, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "A2",
        does: "its flag is never cleared: a leaking driver after a managed one",
        source: "evidence/h5_never_freed.c",
        guest: steps!(
            "A2",
            "load:c5_managed,rmmod,load:h5_never_freed,unbind,bind,rmmod,state"
        ),
        sides: [
            clean(
                Earlier,
                &[
                    seen(
                        "the driver's vectors freed silently",
                        "^evidence: unbind: ok$",
                    ),
                    REBOUND,
                    NOTHING,
                ],
            ),
            clean(Ours, &[LEAKED, REBOUND, NOTHING]),
        ],
    },
    Case {
        name: "A3",
        does: "its list grows: 1000 managed allocations and frees in one bind",
        source: "evidence/r1_thousand_rounds.c",
        guest: steps!("A3", "trace,load:r1_thousand_rounds,unbind,released,state"),
        sides: [
            clean(
                Earlier,
                &[seen(
                    "1000 resources and more",
                    r"^evidence: 10\d\d resources released$",
                )],
            ),
            clean(
                Ours,
                &[seen(
                    "less than ten",
                    r"^evidence: [1-9] resources released$",
                )],
            ),
        ],
    },
];
