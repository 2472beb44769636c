// SPDX-License-Identifier: GPL-2.0

//! `make boot DRIVER=`: takes a driver from a folder of the user once through its life, and shows what it printed.

use crate::{
    checks::samples,
    common::{text, *},
    guest::*,
    kernel::*,
    reports::results,
};

/// The file in the folder that names the QEMU devices.
const DEVICES: &str = "qemu-devices";

/// Builds the driver in `folder` and boots it with its devices. Returns whether it bound, worked and left nothing.
pub fn boot(session: &Session, folder: &Path) -> Result<bool> {
    let started = Instant::now();
    let (folder, devices) = look(folder)?;
    let prepared = prepare::source(session, &[])?;
    let modules = BTreeSet::from([folder.as_str()]);
    let ready = prepare::kernel(&prepared, Kernel::Ours, &modules)?;
    let modules: Vec<_> = ready.kernel.external().collect();
    if modules.is_empty() {
        return Err(Failure::new(format!("{folder}/Kbuild builds no module"))
            .remedy("it needs a line such as: obj-m := my_pci_driver.o")
            .into());
    }

    // This command boots only once.
    let words = vec!["kunit.enable=0".to_string(), format!("guest.modules={}", modules.join(","))];
    let guest: &GuestSpec =
        Box::leak(Box::new(GuestSpec { name: "driver", script: "folder", append: leak(words), devices: leak(devices), ..DEFAULT }));
    let ran = Run::new(guest, Kernel::Ours).run(session, &ready)?;
    println!("\n{}\n{}", printed(&ran.text), table(&ran));
    let release = Some(ready.kernel.release.as_str());
    let log = format!("log: {}   ", session.show(&ran.log));
    results::conclude(session, "driver", release, started, &ran.rows, &log)
}

/// Describes the driver in `folder` to an editor, with the kernel's crates that it uses and its configuration.
pub fn editor(session: &Session, folder: &Path) -> Result<bool> {
    let folder = whole(folder)?.display().to_string();
    let prepared = prepare::source(session, &[])?;
    // Parts of the crates are generated, so the kernel has to be built.
    let ready = prepare::kernel(&prepared, Kernel::Ours, &BTreeSet::new())?;
    let (file, _) = samples::describe(&prepared, &ready.kernel.spec, Path::new(&folder))?;
    println!("\neditor: ok. Open {folder} in an editor with rust-analyzer; it reads {}", file.display());
    Ok(true)
}

/// Returns the folder's absolute path. `scripts/setup` has checked its content.
fn whole(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    folder.canonicalize().with_context(|| format!("the driver's folder {shown}"))
}

/// Returns the folder's absolute path, and its QEMU devices.
fn look(folder: &Path) -> Result<(String, Vec<String>)> {
    let whole = whole(folder)?;
    let file = whole.join(DEVICES);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let lines = text.lines().map(str::trim);
    let devices = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(String::from).collect();
    Ok((whole.display().to_string(), devices))
}

fn leak(words: Vec<String>) -> &'static [&'static str] {
    let words: Vec<&'static str> = words.into_iter().map(|word| &*word.leak()).collect();
    words.leak()
}

/// Returns what the kernel and the driver printed in each phase, without the output of the guest script.
fn printed(log: &str) -> String {
    let ours = text::regex(r"^\s*(#|KTAP version|\d+\.\.\d+|(not )?ok \d+ |verdict )");
    let lines = log.lines().skip_while(|line| !line.starts_with("phase ")).take_while(|line| !line.starts_with("guest: "));
    let mut shown = String::new();
    for line in lines.filter(|line| !ours.is_match(line)) {
        match line.strip_prefix("phase ") {
            Some(phase) => shown += &format!("{}\n", style(phase).bold()),
            None => shown += &format!("  {line}\n"),
        }
    }
    shown
}

fn table(ran: &Ran) -> Table {
    let mut table = text::table(["module", "driver", "device", "vector", "irq", "interrupts", "verdict"]);
    let good = ran.rows.iter().all(|row| row.ok);
    let line = text::regex(r"(?m)^verdict module=(\S+) driver=(\S+) device=(\S+) type=(\S+) irq=(.*) interrupts=(\S+)$");
    for found in line.captures_iter(&ran.text) {
        let fields = (1..=6).map(|i| &found[i]);
        table.add_row(fields.chain([if good { "ok" } else { "FAILED" }]));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{look, printed};

    #[test]
    fn what_the_driver_printed_is_shown_by_phase() {
        let log = "guest: started\nphase load\nd 0000:00:01.0: bound\n    ok 1 loads\nphase remove\nd: bye\nok 1 d\nguest: finished\nreboot: Power down\n";
        assert_eq!(printed(log), "load\n  d 0000:00:01.0: bound\nremove\n  d: bye\n");
    }

    #[test]
    fn devices_are_lines_without_comments() {
        let folder = tempfile::tempdir().unwrap();
        assert!(look(folder.path()).is_err());
        let text = "# mine\n\nedu\n-netdev user,id=n\n";
        std::fs::write(folder.path().join("qemu-devices"), text).unwrap();
        let (_, devices) = look(folder.path()).unwrap();
        assert_eq!(devices, ["edu", "-netdev user,id=n"]);
    }
}
