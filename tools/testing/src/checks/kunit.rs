// SPDX-License-Identifier: GPL-2.0

//! The KUnit suites in User Mode Linux, as anybody with a grafted tree can run them: with the kernel's own `kunit.py`, without a
//! guest.

use crate::{checks::scripts, common::*, host::LLVM, kernel::*, verdict::Row};

/// The beginning of the names of its rows.
pub const PREFIX: &str = "host::kunit::";

/// The folder below `build` with the program.
pub const FOLDER: &str = "uml";

/// Builds the kernel as a program in `build/uml` and runs it.
pub fn run(prepared: &Prepared) -> Result<Vec<Row>> {
    let out = prepared.build.join(FOLDER);
    fs::create_dir_all(&out)?;
    let (jobs, library) = (jobs().replace("-j", "--jobs="), &prepared.tools.rust_lib_src);
    let mut kunit = cmd!(prepared, "python3 tools/testing/kunit/kunit.py run --arch=um --raw_output=kunit {jobs}");
    kunit.current_dir(prepared.linux()).env("LIBCLANG_PATH", format!("/usr/lib/llvm{LLVM}/lib"));
    kunit.arg("--kunitconfig=drivers/pci/msi").arg(format!("--build_dir={}", out.display()));
    kunit.args(["--make_options", &format!("LLVM={LLVM}"), "--make_options", &format!("RUST_LIB_SRC={}", library.display())]);
    prepared.stage("kunit", "building and running User Mode Linux", |stage| scripts::results(stage, PREFIX, &mut kunit))
}

/// Returns how many seconds the last run took to build, and to run the tests, as `kunit.py` says.
pub fn seconds(session: &Session) -> [Option<f64>; 2] {
    let said = fs::read_to_string(session.log("host-kunit")).unwrap_or_default();
    ["building", "running"].map(|step| regex(&format!(r"([0-9.]+)s {step}")).captures(&said)?[1].parse().ok())
}
