// SPDX-License-Identifier: GPL-2.0

//! A file in debugfs cannot keep a BAR, because the file stays when it is forgotten.

//@ error: E0521

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let data = Keeps(bar); // FAIL
    let data = Keeps(bar.try_read32(0)?); // PASS
    let show = &|_: &Keeps<_>, f: &mut kernel::fmt::Formatter<'_>| f.write_str("test");
    let dir = kernel::debugfs::Dir::new(c"test");
    let file = dir.read_callback_file(c"file", Ok::<_, Error>(data), show);
    core::mem::forget(KBox::pin_init(file, GFP_KERNEL)?);
    Ok(())
}
