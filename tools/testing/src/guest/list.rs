// SPDX-License-Identifier: GPL-2.0

//! The guests of `make test`. To give a guest another device of QEMU, add a string to its `devices`, as QEMU's
//! `-device` takes it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    sync::Mutex,
    time::Duration,
};

use crate::{
    common::{
        layout::{Layout, TEMPLATE},
        ui::Ui,
    },
    guest::{
        run::{GuestSpec, Ran, Run, DEFAULT, EDU},
        sequences,
    },
    kernel::{
        prepare::Ready,
        spec::Kernel::{self, Debug, DebugStock, Off, Ours, Stock},
    },
    verdict::{
        agree::{compare, Side},
        row::Row,
    },
};

/// How many guests run at a time.
const PARALLEL: usize = 2;

// The reports of the rule, each by the part that distinguishes it.
const BUSY: &str = "irq vectors: allocation refused, ";
const DEVICE_OWNS: &str = "irq vectors: free refused, the device owns";
const DRIVER_OWNS: &str = "irq vectors: managed free refused, the driver owns";
const GUARD: &str = "irq vectors: managed free refused, a Rust guard stands for";
const HANDLER: &str = "free refused, handler";
const LEAKED: &str = "vectors leaked by the driver, freed by devres";
const LEAKED_HANDLER: &str = "leaked by the driver, released by devres";

/// A device with 65 MSI-X vectors, and one with two.
const MANY_VECTORS: &[&str] = &[
    "-drive file=disk0,if=none,id=disk0,format=raw",
    "nvme,drive=disk0,serial=0",
    "virtio-rng-pci,disable-legacy=on",
];

/// Each device is behind its own port, which can reset it, and from which it can be unplugged.
const BEHIND_PORTS: &[&str] = &[
    "pcie-root-port,id=one,chassis=1",
    "edu,bus=one",
    "pcie-root-port,id=other,chassis=2",
    "e1000e,bus=other",
];

/// Every guest, the longest first.
pub const GUESTS: &[GuestSpec] = &[
    GuestSpec {
        name: "drivers",
        kernels: &[Stock, Ours, Off],
        agrees: 15,
        script: "drivers",
        machine: "q35,hpet=off,cxl=on,cxl-fmw.0.targets.0=cxl,cxl-fmw.0.size=4G",
        devices: &[
            EDU,
            "-drive file=disk0,if=none,id=disk0,format=raw",
            "ide-hd,drive=disk0,bus=ide.0",
            "piix3-ide,id=piix",
            "-drive file=disk1,if=none,id=disk1,format=raw",
            "ide-hd,drive=disk1,bus=piix.0",
            "sdhci-pci",
            "-drive file=disk2,if=none,id=disk2,format=raw",
            "sd-card,drive=disk2",
            "-audiodev none,id=sound",
            "intel-hda",
            "hda-duplex,audiodev=sound",
            "AC97,audiodev=sound",
            "ES1370,audiodev=sound",
            // The two ports of the serial card are connected to each other.
            "-chardev socket,id=one,path=uart,server=on,wait=off",
            "-chardev socket,id=other,path=uart",
            "pci-serial-2x,chardev1=one,chardev2=other",
            "-netdev user,id=net",
            "tulip,netdev=net",
            "bochs-display",
            "pvpanic-pci",
            "-netdev user,id=legacy",
            "virtio-net-pci,netdev=legacy,disable-modern=on,disable-legacy=off",
            "-netdev user,id=modern",
            "virtio-net-pci,netdev=modern,disable-legacy=on",
            // QEMU puts devices from here on on the bus of the memory module.
            "-object memory-backend-ram,id=memory,size=256M,share=on",
            "-object memory-backend-ram,id=labels,size=1M,share=on",
            "pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl",
            "cxl-rp,port=0,bus=cxl,id=root,chassis=0,slot=2",
            "cxl-type3,bus=root,memdev=memory,lsa=labels,id=type3",
        ],
        limit: Duration::from_secs(600),
        long: Some(Duration::from_secs(3 * 3600)),
        ..DEFAULT
    },
    GuestSpec {
        name: "controls",
        kernels: &[Stock, Ours],
        agrees: 8,
        script: "controls",
        devices: &[
            "-drive file=disk0,if=none,id=disk0,format=raw",
            "nvme,drive=disk0,serial=0",
            "-netdev user,id=net0",
            "e1000e,netdev=net0",
            "-netdev user,id=net1",
            "virtio-net-pci,netdev=net1,disable-legacy=on",
            "virtio-rng-pci,disable-legacy=on",
            "qemu-xhci",
            "usb-tablet",
            "-netdev user,id=net2",
            "vmxnet3,netdev=net2",
            "megasas,id=mega",
            "-drive file=disk1,if=none,id=disk1,format=raw",
            "scsi-hd,bus=mega.0,drive=disk1",
            "pvscsi,id=pv",
            "-drive file=disk2,if=none,id=disk2,format=raw",
            "scsi-hd,bus=pv.0,drive=disk2",
        ],
        limit: Duration::from_secs(600),
        long: Some(Duration::from_secs(3 * 3600)),
        ..DEFAULT
    },
    sequences::GUEST,
    GuestSpec {
        name: "devres",
        kernels: &[Stock, Ours, Off],
        agrees: 72,
        script: "devres",
        modules: &["devres_suite"],
        append: &[],
        devices: DEVRES,
        limit: Duration::from_secs(180),
        long: Some(Duration::from_secs(180)),
        documents: 2,
        ..DEFAULT
    },
    GuestSpec {
        name: "devres_nomem",
        kernels: &[DebugStock, Debug],
        agrees: 2,
        script: "devres",
        modules: &["devres_suite"],
        append: &["kunit.filter_glob=devres_nomem"],
        devices: DEVRES,
        limit: Duration::from_secs(180),
        long: Some(Duration::from_secs(180)),
        documents: 2,
        ..DEFAULT
    },
    GuestSpec {
        name: "both_kernels",
        kernels: &[Ours, Off],
        script: "both_kernels",
        append: &[],
        modules: &["both_kernels"],
        limit: Duration::from_secs(60),
        long: Some(Duration::from_secs(60)),
        documents: 2,
        provokes: &[BUSY, DEVICE_OWNS, DRIVER_OWNS, HANDLER],
        ..DEFAULT
    },
    GuestSpec {
        name: "probe_faults",
        kernels: &[Debug],
        // The script looks at all of them.
        trouble_due: &[Debug],
        append: &["kunit.enable=0", "log_buf_len=8M"],
        script: "probe_faults",
        devices: &[
            "-drive file=disk0,if=none,id=disk0,format=raw",
            "ide-hd,drive=disk0,bus=ide.0",
            "-chardev null,id=one",
            "-chardev null,id=other",
            "pci-serial-2x,chardev1=one,chardev2=other",
            "-audiodev none,id=sound",
            "intel-hda",
            "hda-duplex,audiodev=sound",
            "sdhci-pci",
            "virtio-net-pci,disable-modern=on,disable-legacy=off",
            "virtio-net-pci,disable-legacy=on",
            "-object memory-backend-ram,id=memory,size=256M,share=on",
            "-object memory-backend-ram,id=labels,size=1M,share=on",
            "pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl",
            "cxl-rp,port=0,bus=cxl,id=root,chassis=0,slot=2",
            "cxl-type3,bus=root,memdev=memory,lsa=labels,id=type3",
        ],
        machine: "q35,hpet=off,cxl=on,cxl-fmw.0.targets.0=cxl,cxl-fmw.0.size=4G",
        limit: Duration::from_secs(300),
        ..DEFAULT
    },
    GuestSpec {
        name: "samples",
        kernels: &[Ours, Debug],
        script: "samples",
        ..DEFAULT
    },
    GuestSpec {
        name: "intx",
        script: "samples",
        append: &["pci=nomsi", "kunit.enable=0"],
        ..DEFAULT
    },
    GuestSpec {
        name: "intx_pic",
        script: "samples",
        // If neither ACPI nor an IO-APIC routes INTx lines, they go to the PIC.
        append: &["pci=nomsi", "acpi=noirq", "noapic", "kunit.enable=0"],
        ..DEFAULT
    },
    GuestSpec {
        name: "ownership",
        kernels: &[Ours, Debug],
        script: "ownership",
        // The KUnit suites built into the kernel are part of it.
        append: &[],
        devices: BEHIND_PORTS,
        limit: Duration::from_secs(180),
        documents: 7,
        due: &[
            "pci_irq_vector_ownership",
            "pci_irq_vector_silence",
            "pci_irq_vector_groups",
            "pci_irq_vector_detach",
            "pci_irq_vector_concurrent",
            "rust_pci_ownership",
        ],
        provokes: &[
            BUSY,
            DEVICE_OWNS,
            DRIVER_OWNS,
            HANDLER,
            LEAKED,
            LEAKED_HANDLER,
        ],
        ..DEFAULT
    },
    GuestSpec {
        name: "races",
        kernels: &[Ours, Debug],
        script: "races",
        // The KUnit suite that binds and detaches most runs while another task reads the state.
        append: &["kunit.filter_glob=pci_irq_vector_detach"],
        modules: &["ownership_race", "ownership_hang"],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(300),
        documents: 2,
        provokes: &[BUSY, DEVICE_OWNS, HANDLER, LEAKED, LEAKED_HANDLER],
        ..DEFAULT
    },
    GuestSpec {
        name: "root_meddles",
        kernels: &[Ours],
        by_name: &[Debug],
        script: "root_meddles",
        // If each CPU has its own thread, QEMU 7.2 aborts when one CPU writes to a BAR while another one moves it.
        accelerator: "tcg,thread=single",
        devices: BEHIND_PORTS,
        limit: Duration::from_secs(180),
        ..DEFAULT
    },
    GuestSpec {
        name: "misuse",
        kernels: &[Ours, Debug],
        script: "misuse",
        modules: &["ownership_misuse"],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(180),
        // There are nine documents for each device, and two of the script.
        documents: 20,
        provokes: &[BUSY, LEAKED],
        ..DEFAULT
    },
    GuestSpec {
        name: "threadirqs",
        kernels: &[Ours],
        by_name: &[Debug],
        script: "misuse",
        // Every handler runs in a thread, whether it asks for one or not.
        append: &["kunit.enable=0", "threadirqs"],
        modules: &["ownership_misuse"],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(180),
        documents: 20,
        provokes: &[BUSY, LEAKED],
        ..DEFAULT
    },
    GuestSpec {
        name: "faults",
        kernels: &[Debug],
        // The script looks at all of them.
        trouble_due: &[Debug],
        append: &["kunit.enable=0", "log_buf_len=8M"],
        script: "faults",
        devices: &[EDU, "e1000e"],
        ..DEFAULT
    },
    GuestSpec {
        name: "routes",
        kernels: &[Ours],
        // There each refusal has a stack trace. These are tens of thousands of lines, which take minutes.
        by_name: &[Debug],
        script: "routes",
        modules: &["ownership_routes"],
        devices: &["e1000e"],
        limit: Duration::from_secs(180),
        provokes: &[BUSY, DEVICE_OWNS, HANDLER],
        ..DEFAULT
    },
    GuestSpec {
        name: "attack",
        kernels: &[Ours, Debug],
        script: "attack",
        modules: &["ownership_attack"],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(180),
        // There are three documents for each device, and one of the script.
        documents: 7,
        provokes: &[BUSY],
        ..DEFAULT
    },
    GuestSpec {
        name: "reports",
        kernels: &[Ours, Debug],
        script: "reports",
        // These KUnit suites make a report of every kind. No suite that is built into the kernel runs.
        append: &["kunit.filter_glob=pci_irq_vector_[do][ew]*", "log_buf_len=8M"],
        modules: &["ownership_foreign"],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(180),
        documents: 6,
        provokes: &[
            BUSY,
            DEVICE_OWNS,
            DRIVER_OWNS,
            GUARD,
            HANDLER,
            LEAKED,
            LEAKED_HANDLER,
        ],
        traces: true,
        ..DEFAULT
    },
    GuestSpec {
        name: "devices",
        kernels: &[Ours],
        script: "devices",
        append: &[],
        modules: &["ownership_devices"],
        devices: MANY_VECTORS,
        limit: Duration::from_secs(180),
        documents: 13,
        provokes: &[BUSY, HANDLER, LEAKED, LEAKED_HANDLER],
        ..DEFAULT
    },
    GuestSpec {
        name: "nomsi",
        script: "devices",
        append: &["pci=nomsi", "kunit.enable=0"],
        modules: &["ownership_devices"],
        devices: MANY_VECTORS,
        documents: 2,
        ..DEFAULT
    },
    GuestSpec {
        name: "remapping",
        script: "remapping",
        append: &["kunit.filter_glob=pci_irq_vectors_multi_msi"],
        modules: &["ownership_multi_msi"],
        // Without remapping a device has one MSI vector at most. The IOMMU has to come first.
        devices: &[
            "intel-iommu,intremap=on",
            EDU,
            "nec-usb-xhci,msi=on,msix=off,intrs=8",
        ],
        limit: Duration::from_secs(60),
        documents: 3,
        provokes: &[HANDLER, LEAKED, LEAKED_HANDLER],
        ..DEFAULT
    },
    GuestSpec {
        name: "events",
        script: "events",
        devices: BEHIND_PORTS,
        limit: Duration::from_secs(120),
        ..DEFAULT
    },
    GuestSpec {
        name: "stress",
        kernels: &[Ours],
        by_name: &[Debug],
        script: "stress",
        devices: &[
            EDU,
            EDU,
            "-drive file=disk0,if=none,id=disk0,format=raw",
            "nvme,drive=disk0,serial=0",
        ],
        // If each CPU has its own thread, QEMU 7.2 crashes when one CPU writes to a BAR while another one moves it.
        accelerator: "tcg,thread=single",
        cpus: 4,
        limit: Duration::from_secs(300),
        long: Some(Duration::from_secs(3 * 3600)),
        ..DEFAULT
    },
    GuestSpec {
        name: "hotplug",
        // Lockdep reports pciehp itself, which takes its reset lock and the lock of rescanning in either order. The code is
        // not ours, and lockdep looks no further afterwards.
        kernels: &[Ours],
        script: "hotplug",
        // The port tells the kernel itself; by default the firmware does.
        append: &["kunit.enable=0", "pcie_ports=native"],
        modules: &["ownership_late"],
        devices: &[
            "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
            "pcie-root-port,id=one,chassis=1,slot=1",
            "edu,bus=one",
            "pcie-root-port,id=two,chassis=2,slot=2",
            "edu,bus=two",
            "pcie-root-port,id=three,chassis=3,slot=3",
            "edu,bus=three",
            "pcie-root-port,id=four,chassis=4,slot=4",
            "e1000e,bus=four",
            "pcie-root-port,id=five,chassis=5,slot=5",
            "e1000e,bus=five",
            "pcie-root-port,id=six,chassis=6,slot=6",
            "e1000e,bus=six",
            "pcie-root-port,id=seven,chassis=7,slot=7",
            "-drive file=disk0,if=none,id=disk0,format=raw",
            "nvme,drive=disk0,serial=0,bus=seven",
        ],
        limit: Duration::from_secs(120),
        provokes: &[HANDLER, LEAKED],
        ..DEFAULT
    },
    GuestSpec {
        name: "sriov",
        kernels: &[Ours, Debug],
        script: "sriov",
        modules: &["ownership_late"],
        devices: &[
            "pcie-root-port,id=one,chassis=1",
            "nvme-subsys,id=subsystem",
            "nvme,serial=0,bus=one,subsys=subsystem,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=4,\
             max_ioqpairs=8,msix_qsize=9",
        ],
        limit: Duration::from_secs(60),
        provokes: &[LEAKED],
        ..DEFAULT
    },
    GuestSpec {
        name: "silence",
        kernels: &[Ours, Debug],
        script: "silence",
        modules: &["ownership_late"],
        devices: BEHIND_PORTS,
        limit: Duration::from_secs(120),
        provokes: &[DEVICE_OWNS, HANDLER, LEAKED],
        ..DEFAULT
    },
    GuestSpec {
        name: "soft",
        script: "soft",
        append: &[],
        limit: Duration::from_secs(60),
        documents: 5,
        due: &["pci_soft", "pci_devres"],
        ..DEFAULT
    },
    GuestSpec {
        name: sequences::ON_SOFT,
        kernels: &[Ours],
        // Only there memory can be made to run out.
        by_name: &[Debug],
        // There the kernel warns of interrupts that it could not make files for.
        trouble_due: &[Debug],
        script: "soft_sequences",
        modules: &["pci_soft_sequences"],
        limit: Duration::from_secs(120),
        long: Some(Duration::from_secs(3600)),
        provokes: &[
            BUSY,
            DEVICE_OWNS,
            DRIVER_OWNS,
            HANDLER,
            LEAKED,
            LEAKED_HANDLER,
        ],
        ..DEFAULT
    },
    GuestSpec {
        name: "selftest",
        script: "selftest",
        modules: &["ownership_late"],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(60),
        // The selftest has to notice a driver that makes a mistake.
        provokes: &[HANDLER, LEAKED],
        ..DEFAULT
    },
    GuestSpec {
        name: "template",
        kernels: &[Ours, Debug],
        script: "folder",
        append: &["kunit.enable=0", "guest.modules=my_pci_driver"],
        modules: &[TEMPLATE],
        limit: Duration::from_secs(60),
        ..DEFAULT
    },
    GuestSpec {
        name: "msix",
        kernels: &[Ours, Debug],
        script: "msix",
        devices: &["e1000e"],
        limit: Duration::from_secs(120),
        ..DEFAULT
    },
    GuestSpec {
        name: "nvme_rust",
        kernels: &[Ours],
        by_name: &[Debug],
        script: "nvme_rust",
        // The kernel is not told when the disk is unplugged.
        append: &["kunit.enable=0", "pcie_ports=compat"],
        // The disk is behind a port, from which it can be unplugged.
        devices: &[
            "pcie-root-port,id=one,chassis=1",
            "-drive file=disk0,if=none,id=disk0,format=raw",
            "nvme,drive=disk0,serial=0,bus=one",
        ],
        cpus: 4,
        limit: Duration::from_secs(180),
        ..DEFAULT
    },
];

/// Devices with BARs of every kind, for the devres layer.
const DEVRES: &[&str] = &[
    EDU,
    // Any file is a ROM.
    "e1000e,romfile=disk0",
    "-audiodev none,id=sound",
    "AC97,audiodev=sound",
    "pci-testdev,membar=8G",
    "-object memory-backend-ram,id=shared,size=64M,share=on",
    "ivshmem-plain,memdev=shared",
    "pci-bridge,chassis_nr=1",
];

/// Boots guests, two at a time, each on its kernel in `ready`. A guest that could not run at all is a failed row.
pub fn boot(
    ui: &Ui,
    layout: &Layout,
    ready: &BTreeMap<Kernel, Ready>,
    runs: &[Run],
) -> BTreeMap<usize, Result<Ran, Row>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Result<Ran, Row>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(run) = runs.get(at) else { break };
                // A kernel that could not be built is a failed row already.
                let Some(ready) = ready.get(&run.kernel) else {
                    continue;
                };
                let ran = run.run(ui, layout, ready).map_err(|error| {
                    Row::failed(format!("guest::{}::boot", run.name()), error.to_string())
                });
                done.lock().expect("no holder panics").insert(at, ran);
            });
        }
    });
    done.into_inner().expect("no holder panics")
}

/// Returns the rows of booted guests, each with its place in `runs`, and the rows of results on which some of them
/// must agree.
pub fn rows(
    ui: &Ui,
    layout: &Layout,
    ready: &BTreeMap<Kernel, Ready>,
    runs: &[Run],
    done: BTreeMap<usize, Result<Ran, Row>>,
) -> Vec<Row> {
    let agreements = agreements(ui, layout, ready, runs, &done);
    let mut rows = Vec::new();
    for ran in done.into_values() {
        match ran {
            Ok(ran) => rows.extend(ran.rows.into_iter().chain(ran.again)),
            Err(row) => rows.push(row),
        }
    }
    rows.extend(agreements);
    rows
}

/// Returns the rows of results on which the guests of a kernel and of its counterpart must agree.
fn agreements(
    ui: &Ui,
    layout: &Layout,
    ready: &BTreeMap<Kernel, Ready>,
    runs: &[Run],
    done: &BTreeMap<usize, Result<Ran, Row>>,
) -> Vec<Row> {
    let ran = |guest: &str, kernel| {
        let wanted = |(_, run): &(usize, &Run)| run.guest.name == guest && run.kernel == kernel;
        let (at, run) = runs.iter().enumerate().find(wanted)?;
        let ran = done.get(&at)?.as_ref().ok()?;
        Some((run, layout.show(&ran.log), ran.text.as_str()))
    };
    let mut rows = Vec::new();
    for run in runs {
        let guest = run.guest;
        let Some(counterpart) = run.kernel.counterpart() else {
            continue;
        };
        if let (Some(theirs), Some(ours)) =
            (ran(guest.name, counterpart), ran(guest.name, run.kernel))
        {
            let names = (theirs.0.name(), ours.0.name());
            let theirs = Side {
                name: &names.0,
                log: Path::new(&theirs.1),
                text: theirs.2,
            };
            let ours = Side {
                name: &names.1,
                log: Path::new(&ours.1),
                text: ours.2,
            };
            rows.extend(match guest.name {
                sequences::NAME => sequences::agree(ui, layout, ready, run, &theirs, &ours),
                _ => compare(&run.name(), guest.agrees, &theirs, &ours),
            });
        }
    }
    rows
}
