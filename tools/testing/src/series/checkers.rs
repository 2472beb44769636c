// SPDX-License-Identifier: GPL-2.0

//! What compilers and the kernel's own checkers say about the files that the series changes.
//!
//! A complaint that was there before a change does not count, wherever its line is now.

use super::{mail::write, pieces::File};
use crate::{common::*, kernel::*, verdict::Row};

/// Has Debian's sparse accept the kernel, which is newer. Without the first word Kbuild does not
/// run it, and without the second, of a literal, it complains of every MODULE_LICENSE().
pub const SPARSE: &str = "CF=-D__typeof_unqual__=__typeof__ -D'__builtin_strlen(s)=(sizeof(s)-1)'";

/// What Kbuild says, and goes on, if it takes sparse for missing or too old.
pub const NO_SPARSE: &str = "is not available or not up to date";

/// Has a build of objects say all that the compiler, kernel-doc and sparse find.
pub const ALL: &[&str] = &["W=1", "C=1", SPARSE];

/// Has a build of a kernel say all that the compiler finds. kernel-doc would read each of its files, so it is replaced by nothing.
pub const COMPILER: &[&str] = &["W=1", "KERNELDOC=-c pass"];

/// Returns what a log says about these files, one text for each place in them.
pub fn complaints<S: AsRef<str>>(log: &str, files: &[S]) -> Vec<String> {
    let place = regex(r"([\w./-]+\.(?:c|h|rs)):(\d[\d:-]*)(.*)");
    let number = regex(r"\bline \d+");
    let mut title = "";
    let mut found = BTreeSet::new();
    for line in log.lines() {
        if line.starts_with("warning") || line.starts_with("error") {
            title = line;
        }
        if line.contains(": note: ") || line.contains("n file included from ") {
            continue;
        }
        let Some(place) = place.captures(line) else { continue };
        let named = |file: &&str| {
            let before = place[1].strip_suffix(*file);
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let Some(file) = files.iter().map(AsRef::as_ref).find(named) else { continue };
        // rustc writes the text on a line of its own, before the place.
        let text = match place[3].trim() {
            "" => title,
            text => text,
        };
        // An inserted line moves it.
        found.insert((file, place[2].to_string(), number.replace_all(text, "another line").into_owned()));
    }
    found.into_iter().map(|(file, _, text)| format!("{file}: {text}")).collect()
}

/// Removes the complaints that were there before.
pub fn keep_new(complaints: &mut Vec<String>, mut before: Vec<String>) {
    complaints.retain(|complaint| before.iter().position(|old| old == complaint).map(|at| before.swap_remove(at)).is_none());
}

/// Has the kernel's semantic patches look at the files of the last tree, and where they find something, at what was there before.
pub fn coccicheck(prepared: &Prepared, files: &[File], steps: usize) -> Result<Row> {
    let files: Vec<_> = files.iter().filter(|file: &&File| file.path.ends_with(".c") || file.path.ends_with(".h")).collect();
    let mut found = reports(prepared, &files, steps)?;
    if !found.is_empty() {
        let named = |file: &&File| found.iter().any(|text| text.starts_with(&file.path));
        let named: Vec<_> = files.into_iter().filter(named).collect();
        keep_new(&mut found, reports(prepared, &named, 0)?);
    }
    Ok(Row::of("series::coccicheck", found.join("\n")))
}

/// Returns what the semantic patches report of these files, as they are after a step.
fn reports(prepared: &Prepared, files: &[&File], step: usize) -> Result<Vec<String>> {
    let folder = prepared.build.join("series/coccicheck");
    let _ = fs::remove_dir_all(&folder);
    let out = folder.join("out");
    fs::create_dir_all(&out)?;
    for file in files {
        write(&folder.join("files"), &file.path, file.after(step).as_deref())?;
    }
    let mut make = prepared.make(&prepared.linux(), &out);
    make.args(["coccicheck", "MODE=report", &jobs().replace("-j", "J=")]);
    make.arg(format!("M={}", folder.join("files").display()));
    make.arg(format!("DEBUG_FILE={}", folder.join("debug").display()));
    let log = prepared.log(&format!("series-coccicheck-{step:04}"));
    prepared.stage("coccicheck", "running semantic patches", |stage| {
        run(stage, &mut make, &log)?;
        let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
        let found = complaints(&fs::read_to_string(&log)?, &paths);
        Ok((format!("{} reports on {} files", found.len(), files.len()), found))
    })
}

/// Checks that rustfmt has nothing to change in the files of each step.
pub fn rustfmt(session: &Session, tree: &Path, steps: &[super::Step], files: &[File]) -> Result<Row> {
    const NAME: &str = "series::rustfmt";
    if which::which("rustfmt").is_err() {
        return Ok(Row::skipped(NAME, "rustfmt is not installed"));
    }
    let mut wrong = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let changed = |file: &&File| file.path.ends_with(".rs") && step.files.contains(&file.path);
        for file in files.iter().filter(changed) {
            let said = unformatted(session, tree, &file.after(at + 1).unwrap_or_default())?;
            if !said.is_empty() {
                wrong.push(format!("{}, {}:\n{said}", step.subject, file.path));
            }
        }
    }
    Ok(Row::of(NAME, wrong.join("\n")))
}

/// Returns what rustfmt would change in a text, or why it cannot read it. From its input it reads
/// one file, without the modules that this names, and succeeds whatever it finds.
fn unformatted(session: &Session, tree: &Path, text: &str) -> Result<String> {
    let copy = tempfile::NamedTempFile::new()?;
    fs::write(&copy, text)?;
    let said = cmd!(session, "rustfmt --check --color never --config-path {tree}").stdin(copy.reopen()?).output()?;
    Ok(String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_says_about_files() {
        let log = "  CC      drivers/a/b.o\n\
                   ../linux/drivers/a/b.c:7:2: warning: unused variable 'x' [-Wunused]\n\
                   ../linux/drivers/a/b.c:7:2: warning: unused variable 'x' [-Wunused]\n\
                   ../linux/drivers/a/b.c:6:2: note: declared here\n\
                   In file included from ../linux/drivers/a/b.c:3:\n\
                   Warning: /x/drivers/a/b.c:12 function parameter 'y' not described in 'f'\n\
                   ../linux/drivers/a/c.c:7:2: warning: another file\n\
                   ../linux/drivers/aa/drivers/a/b.cc:7:2: warning: another file\n\
                   ./drivers/a/b.c:9:5-24: WARNING: free at line 10.\n\
                   warning: unused import\n   --> /x/rust/kernel/e.rs:3:4\n";
        let found = complaints(log, &["drivers/a/b.c", "rust/kernel/e.rs"]);
        let said = [
            "drivers/a/b.c: function parameter 'y' not described in 'f'",
            "drivers/a/b.c: warning: unused variable 'x' [-Wunused]",
            "drivers/a/b.c: WARNING: free at another line.",
            "rust/kernel/e.rs: warning: unused import",
        ];
        assert_eq!(found, said);
    }

    #[test]
    fn complaints_of_before_do_not_count() {
        let mut found = ["a", "b", "b"].map(String::from).to_vec();
        keep_new(&mut found, ["b", "c"].map(String::from).to_vec());
        assert_eq!(found, ["a", "b"]);
    }

    #[test]
    fn rustfmt_says_what_it_would_change() {
        if which::which("rustfmt").is_err() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rustfmt.toml"), "").unwrap();
        let said = |text| unformatted(&Session::new(None), folder.path(), text).unwrap();
        assert_eq!(said("mod not_there;\n\nfn a() {}\n"), "");
        assert!(said("fn  a( ) {}\n").contains("+fn a() {}"));
        assert!(said("fn a( {}\n").contains("error"));
    }
}
