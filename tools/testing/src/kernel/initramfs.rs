// SPDX-License-Identifier: GPL-2.0

//! The guest's file system: busybox, the kernel's modules, and the guest scripts.

use std::os::unix::fs::{symlink, PermissionsExt};

use crate::{common::*, host::*, kernel::Built};

/// Packs the initramfs of `kernel` with the kernel's own tool, which needs no privileges.
pub fn pack(session: &Session, kernel: &Built) -> Result<PathBuf> {
    let out = &kernel.spec.out;
    let root = out.join("guest");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for folder in "bin dev etc mnt proc sbin sys tmp".split(' ') {
        fs::create_dir_all(root.join(folder))?;
    }
    kernel.install_modules(session, &root)?;
    let add = |from: &Path, to: &Path| -> Result<()> {
        let to = root.join(to);
        fs::create_dir_all(to.parent().unwrap_or(&root))?;
        fs::copy(from, &to).with_context(|| format!("packing {}", from.display()))?;
        Ok(fs::set_permissions(to, fs::Permissions::from_mode(0o755))?)
    };
    let foreign = kernel.spec.machine.debian;
    let busybox = match foreign {
        Some(architecture) => debian::busybox(session, architecture),
        None => program("busybox").ok_or_else(|| Failure::new("no busybox").remedy("apt-get install busybox-static"))?,
    };
    add(&busybox, Path::new("bin/busybox"))?;
    symlink("busybox", root.join("bin/sh"))?;
    // The kernel loads modules that it needs, such as sound codecs, through this path.
    symlink("/bin/busybox", root.join("sbin/modprobe"))?;
    let guest = session.testing().join("guest");
    add(&guest.join("init"), Path::new("init"))?;
    for script in files(&guest, &[])? {
        add(&script, &Path::new("scripts").join(script.strip_prefix(&guest)?))?;
    }
    // A test of the kernel's own tree, in the folders that it looks for its helpers in.
    for file in ["selftests/kselftest/ktap_helpers.sh", "selftests/pci_irq_vectors/pci_irq_vectors.sh"] {
        add(&session.linux().join("tools/testing").join(file), Path::new(file))?;
    }
    // Only tests of drivers need these, and they run on this machine's architecture.
    if foreign.is_none() {
        // Busybox has no such programs. They are built with the kernel's own small C library.
        let library = kernel.spec.source.join("tools/include/nolibc/nolibc.h");
        for name in ["ioctl", "kexec"] {
            let (to, from) = (root.join("bin").join(name), guest.join(name).with_extension("c"));
            let mut clang = cmd!(session, "clang{LLVM} -static -nostdlib -fno-stack-protector -include {library} -o {to} {from}");
            succeed(&mut clang, "building the guest's programs")?;
        }
        if let Some(vdpa) = program("vdpa") {
            add(&vdpa, Path::new("bin/vdpa"))?;
            // "libmnl.so.0 => /lib/.../libmnl.so.0 (0x...)", and the linker itself without an arrow.
            let said = command(session, "ldd").arg(vdpa).output()?;
            for library in String::from_utf8_lossy(&said.stdout).split_whitespace().filter_map(|word| word.strip_prefix('/')) {
                add(&Path::new("/").join(library), Path::new(library))?;
            }
        }
    }
    let console = out.join("guest.console");
    fs::write(&console, "nod /dev/console 0600 0 0 c 5 1\n")?;
    let image = out.join("guest.cpio");
    let tool = kernel.spec.source.join("usr/gen_initramfs.sh");
    let mut tool = cmd!(session, "{tool} -o {image} -u squash -g squash {root} {console}");
    succeed(tool.current_dir(out), "packing the initramfs")?;
    Ok(image)
}
