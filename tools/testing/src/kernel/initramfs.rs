// SPDX-License-Identifier: GPL-2.0

//! The guest's file system: busybox, the kernel's modules, and the guest scripts.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    common::{command, Failure, Layout},
    host::{debian, program, LLVM},
    kernel::Built,
};

/// Packs the initramfs of `kernel` with the kernel's own tool, which needs no privileges.
pub fn pack(layout: &Layout, kernel: &Built) -> Result<PathBuf> {
    let out = &kernel.spec.out;
    let work = out.join("guest");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    kernel.install_modules(layout, &work)?;

    let mut list = String::new();
    for dir in [
        "bin",
        "dev",
        "etc",
        "lib",
        "lib/modules",
        "mnt",
        "proc",
        "sbin",
        "scripts",
        "scripts/converted",
        "scripts/lib",
        "selftests",
        "selftests/kselftest",
        "selftests/pci_irq_vectors",
        "sys",
        "tmp",
    ] {
        writeln!(list, "dir /{dir} 0755 0 0")?;
    }
    writeln!(list, "nod /dev/console 0600 0 0 c 5 1")?;
    let foreign = kernel.spec.machine.debian;
    let busybox = match foreign {
        Some(architecture) => debian::busybox(layout, architecture),
        None => busybox()?,
    };
    writeln!(list, "file /bin/busybox {} 0755 0 0", busybox.display())?;
    writeln!(list, "slink /bin/sh busybox 0777 0 0")?;
    // The kernel loads modules that it needs, such as sound codecs, through this path.
    writeln!(list, "slink /sbin/modprobe /bin/busybox 0777 0 0")?;
    let guest = layout.testing().join("guest");
    writeln!(list, "file /init {} 0755 0 0", guest.join("init").display())?;
    for (to, folder) in [
        ("/scripts", guest.clone()),
        ("/scripts/lib", guest.join("lib")),
    ] {
        for script in files(&folder)? {
            if script.extension().is_some_and(|e| e == "sh") {
                writeln!(
                    list,
                    "file {to}/{} {} 0755 0 0",
                    name(&script),
                    script.display()
                )?;
            }
        }
    }
    for description in files(&guest.join("converted"))? {
        writeln!(
            list,
            "file /scripts/converted/{} {} 0644 0 0",
            name(&description),
            description.display()
        )?;
    }
    // A test of the kernel's own tree, in the folders that it looks for its helpers in.
    let selftests = layout.linux().join("tools/testing/selftests");
    for file in [
        "kselftest/ktap_helpers.sh",
        "pci_irq_vectors/pci_irq_vectors.sh",
    ] {
        let path = selftests.join(file);
        let path = path.display();
        writeln!(list, "file /selftests/{file} {path} 0755 0 0")?;
    }
    // Only tests of drivers need these, and they run on this machine's architecture.
    if foreign.is_none() {
        let ioctl = ioctl(layout, kernel, &guest, &work)?;
        writeln!(list, "file /bin/ioctl {} 0755 0 0", ioctl.display())?;
        if let Some(vdpa) = program("vdpa") {
            dynamic(layout, &mut list, "/bin/vdpa", &vdpa)?;
        }
    }
    let modules = format!("lib/modules/{}", kernel.release);
    writeln!(list, "dir /{modules} 0755 0 0")?;
    for file in files(&work.join(&modules))? {
        writeln!(
            list,
            "file /{modules}/{} {} 0644 0 0",
            name(&file),
            file.display()
        )?;
    }
    let spec = work.join("list");
    fs::write(&spec, list)?;

    let image = out.join("guest.cpio");
    let tool = out.join("usr/gen_init_cpio");
    let status = command(layout, &tool)
        .arg(&spec)
        .stdout(File::create(&image)?)
        .status()
        .with_context(|| format!("running {}", tool.display()))?;
    if !status.success() {
        return Err(Failure::new(format!("{} refuses {}", tool.display(), spec.display())).into());
    }
    Ok(image)
}

/// Builds the program for ioctls, which busybox lacks, with the kernel's own small C library.
fn ioctl(layout: &Layout, kernel: &Built, guest: &Path, work: &Path) -> Result<PathBuf> {
    let library = kernel.spec.source.join("tools/include/nolibc/nolibc.h");
    let (source, built) = (guest.join("ioctl.c"), work.join("ioctl"));
    let status = command(layout, format!("clang{LLVM}"))
        .args(["-Os", "-static", "-nostdlib", "-fno-stack-protector"])
        .arg("-include")
        .arg(library)
        .arg("-o")
        .args([&built, &source])
        .status()
        .context("running clang")?;
    if !status.success() {
        return Err(Failure::new(format!("clang refuses {}", source.display())).into());
    }
    Ok(built)
}

fn busybox() -> Result<PathBuf> {
    program("busybox").ok_or_else(|| {
        Failure::new("no busybox")
            .remedy("apt-get install busybox-static")
            .into()
    })
}

/// Adds a program as `to`, and its libraries where the dynamic linker looks for them.
fn dynamic(layout: &Layout, list: &mut String, to: &str, program: &Path) -> Result<()> {
    let said = command(layout, "ldd").arg(program).output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    // "libmnl.so.0 => /lib/.../libmnl.so.0 (0x...)", and the linker itself without an arrow.
    let libraries: BTreeSet<_> = said
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(Path::new)
        .collect();
    let folders: BTreeSet<_> = libraries
        .iter()
        .flat_map(|l| l.ancestors().skip(1))
        .collect();
    for folder in folders
        .into_iter()
        .filter(|f| *f != Path::new("/") && *f != Path::new("/lib"))
    {
        writeln!(list, "dir {} 0755 0 0", folder.display())?;
    }
    for library in libraries {
        let file = library.display();
        writeln!(list, "file {file} {file} 0755 0 0")?;
    }
    writeln!(list, "file {to} {} 0755 0 0", program.display())?;
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    Ok(files)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
