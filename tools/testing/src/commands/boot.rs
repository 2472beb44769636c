// SPDX-License-Identifier: GPL-2.0

//! `make boot`: takes both samples, or with `DRIVER=` a driver from a folder of the user, once through their lives on our kernel, and
//! prints a verdict.

use crate::{checks::samples, common::*, guest::*, kernel::*, reports::results};

/// Builds and boots. Returns whether every driver bound, worked and left nothing.
pub fn boot(session: &Session, folder: Option<&Path>) -> Result<bool> {
    let own = folder.map(look).transpose()?;
    let prepared = prepare::source(session, &[])?;
    let ready = prepare::kernel(&prepared, Kernel::Ours, &own.iter().map(|(folder, _)| folder.as_str()).collect())?;
    let guest = match &own {
        Some((folder, devices)) => guest(&ready, folder, devices)?,
        None => list::guest("boot"),
    };
    let ran = Run::new(guest, Kernel::Ours).run(session, &ready)?;
    match own {
        Some(_) => {
            let columns = ["module", "driver", "device", "vector", "irq", "interrupts", "verdict"];
            println!("\n{}\n{}", printed(&ran.text), table(&ran, columns));
        }
        None => println!("\n{}", table(&ran, ["sample", "device", "vector", "irq", "interrupts", "left behind", "verdict"])),
    }
    results::conclude(session, guest.name, Some(&ready.kernel.release), &ran.rows, &format!("log: {}   ", session.show(&ran.log)))
}

/// Returns a guest with these devices, which takes the modules that were built from a folder.
fn guest(ready: &Ready, folder: &str, devices: &[String]) -> Result<&'static GuestSpec> {
    let modules: Vec<_> = ready.kernel.external().collect();
    let remedy = "it needs a line such as: obj-m := my_pci_driver.o";
    ensure!(!modules.is_empty(), Failure::new(format!("{folder}/Kbuild builds no module")).remedy(remedy));
    // This command boots only once, so what is leaked is small.
    let append = vec!["kunit.enable=0", format!("guest.modules={}", modules.join(",")).leak()].leak();
    let devices = devices.iter().map(|device| &*device.clone().leak()).collect::<Vec<_>>().leak();
    Ok(GuestSpec { script: "folder", append, devices, ..DEFAULT }.named("driver".into()))
}

/// Describes the driver in `folder` to an editor, with the kernel's crates that it uses and its configuration.
pub fn editor(session: &Session, folder: &Path) -> Result<bool> {
    let folder = whole(folder)?;
    let prepared = prepare::source(session, &[])?;
    // Parts of the crates are generated, so the kernel has to be built.
    let ready = prepare::kernel(&prepared, Kernel::Ours, &BTreeSet::new())?;
    let (file, _) = samples::describe(&prepared, &ready.kernel.spec, &folder)?;
    println!("\neditor: ok. Open {} in an editor with rust-analyzer; it reads {}", folder.display(), file.display());
    Ok(true)
}

/// Returns the folder's absolute path. `scripts/setup` has checked its content.
fn whole(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().with_context(|| format!("the driver's folder {}", folder.display()))
}

/// Returns the folder's absolute path, and the QEMU devices that a file in it names.
fn look(folder: &Path) -> Result<(String, Vec<String>)> {
    let whole = whole(folder)?;
    let text = read(&whole.join("qemu-devices"))?;
    let devices = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(String::from).collect();
    Ok((whole.display().to_string(), devices))
}

/// Returns what the kernel and the driver printed in each phase, without the output of the guest script.
fn printed(log: &str) -> String {
    let ours = regex(r"^\s*(#|KTAP version|\d+\.\.\d+|(not )?ok \d+ |verdict )");
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

/// Returns the guest's verdicts, whose values are in the order of the columns.
fn table(ran: &Ran, columns: [&str; 7]) -> Table {
    let mut table = text::table(columns);
    let field = regex(r" \w+=");
    for line in ran.text.lines().filter_map(|line| line.strip_prefix("verdict ")) {
        let line = format!(" {line}");
        let mut values: Vec<&str> = field.split(&line).skip(1).collect();
        let mut rows: Vec<_> = ran.rows.iter().collect();
        if columns[0] == "sample" {
            // The whole name of the driver would make the table wider than a terminal.
            values[0] = values[0].rsplit('_').next().unwrap_or_default();
            let its = format!("::{}::", values[0]);
            rows.retain(|row| row.name.contains(&its));
        }
        values.push(if rows.iter().all(|row| row.ok) { "ok" } else { "FAILED" });
        table.add_row(values);
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
        std::fs::write(folder.path().join("qemu-devices"), "# mine\n\nedu\n-netdev user,id=n\n").unwrap();
        let (_, devices) = look(folder.path()).unwrap();
        assert_eq!(devices, ["edu", "-netdev user,id=n"]);
    }
}
