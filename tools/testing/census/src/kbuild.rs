// SPDX-License-Identifier: GPL-2.0

//! Which files make a module, read from the lists of Kbuild's Makefiles.
//!
//! All branches of conditionals are taken, so a module has all files that it can have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// The source files of one object that is linked into the kernel or loaded as a module.
#[derive(Debug, Default)]
pub struct Modules {
    /// Name, as `folder/target`, to source files; paths are relative to the tree.
    pub files: BTreeMap<String, BTreeSet<String>>,
}

impl Modules {
    /// Adds the modules that `makefile` of `folder` builds. `exists` returns whether a source file exists.
    pub fn read(&mut self, tree: &Path, folder: &str, makefile: &Path, exists: &dyn Fn(&str) -> bool) {
        let mut lists = Lists::default();
        lists.read(tree, folder, makefile, 0);
        let targets: BTreeSet<String> = ["obj", "lib"]
            .iter()
            .flat_map(|list| lists.words(list))
            .filter_map(|word| word.strip_suffix(".o").map(str::to_string))
            .collect();
        for target in targets {
            let mut files = BTreeSet::new();
            lists.sources(folder, &target, exists, &mut files, 0);
            if !files.is_empty() {
                let name = format!("{folder}/{target}");
                self.files.entry(name).or_default().extend(files);
            }
        }
    }
}

/// The variables of one Makefile: name without its `-y`, `-m`, `-objs` or `-$(CONFIG_...)`, and all words ever added.
#[derive(Default)]
struct Lists(BTreeMap<String, Vec<String>>);

impl Lists {
    fn read(&mut self, tree: &Path, folder: &str, makefile: &Path, depth: usize) {
        let Ok(text) = fs::read_to_string(makefile) else {
            return;
        };
        let text = text.replace("\\\n", " ").replace("${", "$(").replace('}', ")");
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            if line.starts_with('\t') {
                continue;
            }
            let line = line.trim();
            if let Some(included) = line.strip_prefix("include ") {
                let path = included
                    .trim()
                    .replace("$(srctree)", &tree.display().to_string())
                    .replace("$(src)", &tree.join(folder).display().to_string());
                if depth < 4 && !path.contains('$') {
                    self.read(tree, folder, Path::new(&path), depth + 1);
                }
                continue;
            }
            let Some((left, right)) = line.split_once('=') else {
                continue;
            };
            let name = left.trim_end_matches([':', '+', '?']).trim();
            if name.is_empty() || name.contains(' ') {
                continue;
            }
            let words = right.split_whitespace().map(str::to_string);
            self.0.entry(base(name)).or_default().extend(words);
        }
    }

    /// The words of a list, with the variables in it expanded.
    fn words(&self, list: &str) -> Vec<String> {
        let mut words = Vec::new();
        self.expand(list, &mut words, 0);
        words
    }

    fn expand(&self, list: &str, words: &mut Vec<String>, depth: usize) {
        if depth > 4 {
            return;
        }
        for word in self.0.get(list).into_iter().flatten() {
            match word.strip_prefix("$(").and_then(|w| w.strip_suffix(')')) {
                Some(variable) => self.expand(&base(variable), words, depth + 1),
                None => words.push(word.clone()),
            }
        }
    }

    fn sources(&self, folder: &str, target: &str, exists: &dyn Fn(&str) -> bool, files: &mut BTreeSet<String>, depth: usize) {
        let source = normal(&format!("{folder}/{target}.c"));
        if self.0.contains_key(target) && depth < 4 {
            for part in self.words(target) {
                if let Some(part) = part.strip_suffix(".o") {
                    if part == target {
                        if exists(&source) {
                            files.insert(source.clone());
                        }
                    } else {
                        self.sources(folder, part, exists, files, depth + 1);
                    }
                }
            }
        }
        if (files.is_empty() || depth > 0) && exists(&source) {
            files.insert(source);
        }
    }
}

/// `foo` for `foo-y`, `foo-m`, `foo-objs` and `foo-$(CONFIG_BAR)`.
fn base(name: &str) -> String {
    if let Some((base, _)) = name.split_once("-$(") {
        return base.to_string();
    }
    for suffix in ["-y", "-m", "-objs"] {
        if let Some(base) = name.strip_suffix(suffix) {
            return base.to_string();
        }
    }
    name.to_string()
}

/// `path` without `.` and `..`.
pub fn normal(path: &str) -> String {
    let mut out = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out.display().to_string()
}
