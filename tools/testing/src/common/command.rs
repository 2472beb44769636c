// SPDX-License-Identifier: GPL-2.0

//! Running other programs: a clean environment, everything logged, progress shown.

use std::{ffi::OsStr, fs::File, os::unix::fs::FileExt, process::ExitStatus};

use wait_timeout::ChildExt;

use crate::common::*;

/// Variables of `make`, cargo or a developer's shell that would change a kernel build.
const STEERING: &str = "MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS MAKEOVERRIDES MAKEFILES LINUX CONFIG \
    DRIVER TEST LONG O M MO V W ARCH SRCARCH CROSS_COMPILE KBUILD_OUTPUT \
    KCONFIG_CONFIG KCONFIG_ALLCONFIG KCFLAGS KRUSTFLAGS RUSTFLAGS \
    CARGO_ENCODED_RUSTFLAGS RUSTC RUSTC_WRAPPER LD_LIBRARY_PATH CARGO \
    CARGO_MANIFEST_DIR CARGO_TARGET_DIR";

/// Returns a command that is written as in a shell, with the environment of [`command`]. `{name}` is a variable of the caller, and
/// `{name...}` a list.
macro_rules! cmd {
    ($session:expr, $text:literal) => {{
        let shell = xshell::Shell::new().expect("there is a current folder");
        $crate::common::command::clean($session, xshell::cmd!(shell, $text).into())
    }};
}
pub(crate) use cmd;

/// Returns a command for `program`, with an environment that depends only on this machine.
pub fn command(session: &Session, program: impl AsRef<OsStr>) -> Command {
    clean(session, Command::new(program))
}

/// Gives `command` that environment.
pub fn clean(session: &Session, mut command: Command) -> Command {
    for variable in STEERING.split_whitespace() {
        command.env_remove(variable);
    }
    let mut path = vec![session.cache.join("cargo/bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    // Programs for the administrator, e.g. depmod, are not in every user's path.
    path.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into));
    if let Ok(path) = std::env::join_paths(path) {
        command.env("PATH", path);
    }
    // Without this Python writes compiled files into source trees, which must not be changed.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Returns a command that copies the content of the folder `from` to `to`, with further options of rsync.
pub fn rsync(session: &Session, from: &Path, to: &Path, options: &[&str]) -> Command {
    cmd!(session, "rsync -a --mkpath {from}/ {to} {options...}")
}

/// The limit of a program whose length is known roughly.
pub const HOUR: Duration = Duration::from_secs(3600);

/// How a watched program ended.
pub enum Ended {
    Exited(ExitStatus),
    /// It took longer than allowed and was killed.
    TimedOut,
    /// It printed nothing for longer than allowed and was killed.
    Silent,
}

/// Runs `command`, all output to `log`, the last line of it as progress. Kills it when it exceeds `limit`.
pub fn watch(stage: &Stage<'_>, command: &mut Command, log: &Path, limit: Duration) -> Result<Ended> {
    let folder = log.parent().context("a log is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    wait(stage, command, log, limit, limit)
}

/// Runs `command`, which writes `log` itself, until it ends, has run for the time `limit`, or has written nothing for the time `silent`.
pub fn wait(stage: &Stage<'_>, command: &mut Command, log: &Path, limit: Duration, silent: Duration) -> Result<Ended> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let started = Instant::now();
    let (mut size, mut grown) = (0, started);
    loop {
        if let Some(status) = child.wait_timeout(Duration::from_millis(100))? {
            return Ok(Ended::Exited(status));
        }
        let now = fs::metadata(log).map_or(0, |m| m.len());
        if now != size {
            (size, grown) = (now, Instant::now());
        }
        let late = started.elapsed() > limit;
        if late || grown.elapsed() > silent {
            // The program may have ended by itself in the meantime. In both cases it is gone afterwards.
            let _ = child.kill();
            child.wait()?;
            return Ok(if late { Ended::TimedOut } else { Ended::Silent });
        }
        stage.progress(&last_line(log));
    }
}

/// Runs `command` with output to `log`. If it does not succeed, returns a failure that quotes the log.
pub fn run(stage: &Stage<'_>, command: &mut Command, log: &Path) -> Result<()> {
    run_limited(stage, command, log, Duration::MAX)
}

/// Does the same as [`run`], and kills the command when it exceeds its `limit`.
pub fn run_limited(stage: &Stage<'_>, command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let what = match watch(stage, command, log, limit)? {
        Ended::Exited(status) if status.success() => return Ok(()),
        Ended::Exited(status) => format!("{name} failed ({status})"),
        Ended::TimedOut | Ended::Silent => format!("{name} did not end in time"),
    };
    Err(Failure::new(what).log(log).into())
}

/// Runs a short command. If it does not succeed, the failure says `what` it was for, and what it printed.
pub fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let found = command.output().with_context(|| format!("{what}: cannot start {name}"))?;
    let (status, said) = (found.status, [found.stdout, found.stderr].concat());
    ensure!(status.success(), "{what}: {name} failed ({status}): {}", String::from_utf8_lossy(&said).trim());
    Ok(())
}

/// The output of a short command, or nothing if it could not run or failed.
pub fn output(command: &mut Command) -> Option<String> {
    let found = command.stderr(Stdio::null()).output().ok()?;
    found.status.success().then(|| String::from_utf8_lossy(&found.stdout).into_owned())
}

fn last_line(log: &Path) -> String {
    let mut bytes = [0; 512];
    let read = File::open(log).and_then(|file| file.read_at(&mut bytes, file.metadata()?.len().saturating_sub(512)));
    let text = String::from_utf8_lossy(&bytes[..read.unwrap_or_default()]);
    let line = text.lines().rev().find(|l| !l.trim().is_empty());
    console::strip_ansi_codes(line.unwrap_or_default()).into_owned()
}
