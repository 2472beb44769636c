// SPDX-License-Identifier: GPL-2.0

//! An index of the words that each file of a tree mentions, without parsing it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use regex::bytes::Regex;
use walkdir::WalkDir;

use super::kbuild::Modules;

/// Folders that have no code that runs in the kernel, or no C code.
const SKIPPED: &[&str] = &["Documentation", "tools", "scripts", "rust", "LICENSES", "usr", "certs"];

/// Headers above this size are generated register descriptions, and are not read.
const LARGEST_HEADER: u64 = 256 << 10;

/// The files of a tree and the words in each.
pub struct Index {
    /// The tree.
    pub tree: PathBuf,
    /// The files of each module.
    pub modules: Modules,
    /// The modules of each file.
    pub module_of: BTreeMap<String, Vec<String>>,
    /// How many files were read.
    pub read: usize,
    /// Headers too large to be read.
    pub skipped: usize,
    /// Macros that make names by pasting, by the folder in which they are defined.
    pub pastes: BTreeMap<String, BTreeSet<Paste>>,
    exports: BTreeMap<String, Vec<u32>>,
    words: BTreeMap<u32, Vec<u32>>,
    paths: Vec<String>,
}

/// A macro, and the text that it puts before and after its argument.
pub type Paste = (String, String, String);

/// The parts of one file that the index keeps.
#[derive(Default)]
struct Words {
    hashes: Vec<u32>,
    exports: Vec<String>,
    pastes: Vec<Paste>,
}

impl Index {
    /// Reads all C files and Makefiles of `tree`. Passes their number to `progress`.
    pub fn read(tree: &Path, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Self> {
        let mut paths = Vec::new();
        let mut makefiles: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut skipped = 0;
        let walk = WalkDir::new(tree).into_iter().filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !(name.starts_with('.') || entry.depth() == 1 && SKIPPED.contains(&&*name))
        });
        for entry in walk {
            let entry = entry?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path().strip_prefix(tree)?;
            let name = entry.file_name().to_string_lossy();
            let shown = path.display().to_string();
            if name.ends_with(".c") && !name.ends_with(".mod.c") {
                paths.push(shown);
            } else if name.ends_with(".h") {
                if entry.metadata()?.len() > LARGEST_HEADER {
                    skipped += 1;
                } else {
                    paths.push(shown);
                }
            } else if name == "Kbuild" || name == "Makefile" {
                let folder = path.parent().unwrap_or(path).display().to_string();
                // If a folder has both, the kernel's build reads Kbuild.
                if name == "Kbuild" || !makefiles.contains_key(&folder) {
                    makefiles.insert(folder, entry.path().to_path_buf());
                }
            }
        }
        paths.sort();
        let mut modules = Modules::default();
        let exists = |path: &str| paths.binary_search_by(|p| p.as_str().cmp(path)).is_ok();
        for (folder, makefile) in &makefiles {
            modules.read(tree, folder, makefile, &exists);
        }
        let mut module_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (module, files) in &modules.files {
            for file in files {
                module_of.entry(file.clone()).or_default().push(module.clone());
            }
        }
        for path in paths.iter().filter(|p| p.ends_with(".c")) {
            // A rule lists this file in a way that is not understood, so it counts as a module of
            // its own.
            module_of.entry(path.clone()).or_insert_with(|| vec![path[..path.len() - 2].to_string()]);
        }
        let mut found = Self {
            tree: tree.to_path_buf(),
            modules,
            module_of,
            read: paths.len(),
            skipped,
            pastes: BTreeMap::new(),
            exports: BTreeMap::new(),
            words: BTreeMap::new(),
            paths,
        };
        found.words(progress)?;
        Ok(found)
    }

    fn words(&mut self, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<()> {
        for (file, words) in words(&self.tree, &self.paths, progress)? {
            for word in words.hashes {
                self.words.entry(word).or_default().push(file);
            }
            for export in words.exports {
                self.exports.entry(export).or_default().push(file);
            }
            if !words.pastes.is_empty() {
                let path = &self.paths[file as usize];
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                self.pastes.entry(folder.to_string()).or_default().extend(words.pastes);
            }
        }
        for files in self.words.values_mut() {
            files.sort_unstable();
        }
        Ok(())
    }

    /// The files that export `name` to modules.
    pub fn exporters(&self, name: &str) -> impl Iterator<Item = &str> {
        let files = self.exports.get(name);
        files.into_iter().flatten().map(|&file| self.paths[file as usize].as_str())
    }

    /// The files that mention `word`.
    pub fn files(&self, word: &str) -> impl Iterator<Item = &str> {
        let files = self.words.get(&hash(word.as_bytes()));
        files.into_iter().flatten().map(|&file| self.paths[file as usize].as_str())
    }

    /// Whether there is such a file.
    pub fn has(&self, path: &str) -> bool {
        self.paths.binary_search_by(|p| p.as_str().cmp(path)).is_ok()
    }

    /// The modules `file` is in.
    pub fn modules_of(&self, file: &str) -> &[String] {
        self.module_of.get(file).map_or(&[], Vec::as_slice)
    }
}

fn words(tree: &Path, paths: &[String], progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<(u32, Words)>> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let export = Regex::new(r"\bEXPORT_\w*\s*\(\s*(\w+)")?;
    let paste = Regex::new(r"(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)((?:[^\n]|\\\n)*##(?:[^\n]|\\\n)*)")?;
    let part = Regex::new(r"(\w*)[ \t]*##[ \t]*(\w+)(?:[ \t]*##[ \t]*(\w+))?")?;
    let parts: Vec<Result<Vec<(u32, Words)>>> = std::thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(at) else {
                    return Ok(found);
                };
                if at % 1000 == 0 {
                    progress(at, paths.len());
                }
                let bytes = fs::read(tree.join(path))?;
                let mut words = Words { hashes: tokens(&bytes), ..Words::default() };
                words.exports.extend(export.captures_iter(&bytes).map(|c| String::from_utf8_lossy(&c[1]).into_owned()));
                for define in paste.captures_iter(&bytes) {
                    let text = |n: usize| String::from_utf8_lossy(define.get(n).map_or(b"", |m| m.as_bytes()));
                    let (name, parameters, body) = (text(1), text(2), text(3));
                    let parameters: Vec<_> = parameters.split(',').map(str::trim).collect();
                    for pasted in part.captures_iter(body.as_bytes()) {
                        let text = |n: usize| String::from_utf8_lossy(pasted.get(n).map_or(b"", |m| m.as_bytes())).into_owned();
                        let (a, b, c) = (text(1), text(2), text(3));
                        let is = |word: &str| parameters.contains(&word);
                        // prefix ## argument, argument ## suffix, prefix ## argument ## suffix
                        match (is(&a), is(&b), is(&c)) {
                            (false, true, false) => words.pastes.push((name.to_string(), a, c)),
                            (true, false, false) => words.pastes.push((name.to_string(), String::new(), b)),
                            _ => {}
                        }
                    }
                }
                found.push((at as u32, words));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|w| w.join().expect("no panic")).collect()
    });
    let mut all = Vec::with_capacity(paths.len());
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

/// Returns the distinct identifiers in `text`, hashed. A collision only means that a file is parsed
/// without need.
fn tokens(text: &[u8]) -> Vec<u32> {
    let mut found = Vec::with_capacity(text.len() / 16);
    let mut start = None;
    for (at, &byte) in text.iter().enumerate() {
        let part = byte == b'_' || byte.is_ascii_alphanumeric();
        match (part, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                // The names of interest are not short.
                if at - from > 2 && !text[from].is_ascii_digit() {
                    found.push(hash(&text[from..at]));
                }
                start = None;
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn hash(word: &[u8]) -> u32 {
    word.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
