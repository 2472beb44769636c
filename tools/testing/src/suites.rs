// SPDX-License-Identifier: GPL-2.0

//! The guests of `make test`.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    sync::Mutex,
    time::Duration,
};

use crate::{
    guest::{GuestSpec, EDU},
    kernel::Built,
    layout::Layout,
    results::Row,
    ui::Ui,
};

/// How many guests run at a time.
const PARALLEL: usize = 2;

/// Where KUnit's built-in suites would only repeat what the ownership guest runs.
const QUIET: &[&str] = &["kunit.enable=0"];

/// Every guest, the longest first.
pub const GUESTS: &[GuestSpec] = &[
    GuestSpec {
        name: "samples",
        suites: &["samples"],
        append: QUIET,
        devices: &[EDU],
        limit: Duration::from_secs(300),
        documents: 1,
    },
    GuestSpec {
        name: "intx",
        suites: &["samples"],
        append: &["pci=nomsi", "kunit.enable=0"],
        devices: &[EDU],
        limit: Duration::from_secs(300),
        documents: 1,
    },
    GuestSpec {
        name: "drivers",
        suites: &["drivers"],
        append: QUIET,
        devices: &[
            "-drive file={disk},if=none,id=disk,format=raw",
            "ide-hd,drive=disk,bus=ide.0",
            "-audiodev none,id=sound",
            "intel-hda",
            "hda-duplex,audiodev=sound",
        ],
        limit: Duration::from_secs(300),
        documents: 1,
    },
    GuestSpec {
        name: "ownership",
        suites: &["ownership"],
        append: &[],
        devices: &[EDU, "e1000e"],
        limit: Duration::from_secs(120),
        documents: 6,
    },
    GuestSpec {
        name: "msix",
        suites: &["msix"],
        append: QUIET,
        devices: &["e1000e"],
        limit: Duration::from_secs(120),
        documents: 1,
    },
];

/// Runs `guests`, two at a time; a guest that could not run at all is a failed row too.
pub fn run(
    ui: &Ui,
    layout: &Layout,
    kernel: &Built,
    initramfs: &Path,
    guests: &[&GuestSpec],
) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<(usize, Vec<Row>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(guest) = guests.get(at) else { break };
                let found = match guest.run(ui, layout, kernel, initramfs) {
                    Ok(ran) => ran.rows,
                    Err(error) => vec![Row::failed(
                        format!("guest::{}::boot", guest.name),
                        error.to_string(),
                    )],
                };
                rows.lock().expect("no holder panics").push((at, found));
            });
        }
    });
    let mut rows = rows.into_inner().expect("no holder panics");
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().flat_map(|(_, rows)| rows).collect()
}
