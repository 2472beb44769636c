// SPDX-License-Identifier: GPL-2.0

//! Which symbol names which other symbols: within a file, within a module, and by exported symbols across modules.
//!
//! Naming is enough: a table that holds a function reaches what the function calls. Only files that mention a name of interest are
//! parsed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
};

use super::{
    index::Index,
    syntax::{Expr, File, Kind, Name, Stmt, Symbol, C},
};

/// A symbol: its file, and its place there.
pub type Id = (usize, usize);

/// The calls that allocate interrupt vectors.
pub const ALLOCATE: &[&str] = &[
    "pci_alloc_irq_vectors",
    "pci_alloc_irq_vectors_affinity",
    "pci_enable_msi",
    "pci_enable_msix_range",
    "pci_enable_msix_exact",
    "pcim_alloc_irq_vectors",
    "pcim_alloc_irq_vectors_affinity",
];

/// The calls that free them.
pub const FREE: &[&str] = &["pci_free_irq_vectors", "pci_disable_msi", "pci_disable_msix", "pcim_free_irq_vectors"];

/// The calls that make a device managed.
pub const ENABLE: &str = "pcim_enable_device";

/// Reaches [`ENABLE`].
pub const ENABLES: u8 = 1;
/// Reaches one of [`ALLOCATE`].
pub const ALLOCATES: u8 = 2;

/// The files that implement these calls.
fn core(path: &str) -> bool {
    path.starts_with("drivers/pci/msi/")
        || path.starts_with("drivers/pci/devres")
        || matches!(path, "include/linux/pci.h" | "include/linux/pci_irq_vectors.h")
}

/// The parsed part of a tree.
pub struct Program<'a> {
    /// The tree's files.
    pub index: &'a Index,
    c: C,
    /// Paths of the files parsed.
    pub paths: Vec<String>,
    files: Vec<File>,
    by_path: BTreeMap<String, usize>,
    /// The number of files that [`Self::spread`] parsed. Every driver sees these; later files are seen by the driver that asked
    /// for them.
    common: usize,
    by_name: BTreeMap<Name, Vec<Id>>,
    /// The names of interest that each symbol reaches.
    pub bits: BTreeMap<Id, u8>,
}

impl<'a> Program<'a> {
    /// Creates a program of which nothing is parsed.
    pub fn new(index: &'a Index) -> Self {
        Self {
            index,
            c: C::new(),
            paths: Vec::new(),
            files: Vec::new(),
            by_path: BTreeMap::new(),
            common: 0,
            by_name: BTreeMap::new(),
            bits: BTreeMap::new(),
        }
    }

    /// Parses `path`, unless it has been.
    pub fn file(&mut self, path: &str) -> usize {
        if let Some(&file) = self.by_path.get(path) {
            return file;
        }
        let bytes = fs::read(self.index.tree.join(path)).unwrap_or_default();
        let parsed = self.c.parse(&String::from_utf8_lossy(&bytes));
        let file = self.files.len();
        for (at, symbol) in parsed.symbols.iter().enumerate() {
            self.by_name.entry(symbol.name.clone()).or_default().push((file, at));
        }
        self.files.push(parsed);
        self.paths.push(path.to_string());
        self.by_path.insert(path.to_string(), file);
        file
    }

    /// The symbol itself.
    pub fn symbol(&self, id: Id) -> &Symbol {
        &self.files[id.0].symbols[id.1]
    }

    /// All symbols parsed.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        let count = |(file, f): (usize, &File)| {
            let n = f.symbols.len();
            (0..n).map(move |at| (file, at))
        };
        self.files.iter().enumerate().flat_map(count)
    }

    /// The path of the file `id` is in.
    pub fn path(&self, id: Id) -> &str {
        &self.paths[id.0]
    }

    fn exported(&self, id: Id) -> bool {
        self.files[id.0].exports.contains(&self.symbol(id).name)
    }

    fn together(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.paths[a], &self.paths[b]);
        let theirs = self.index.modules_of(b);
        self.index.modules_of(a).iter().any(|m| theirs.contains(m))
    }

    /// Returns whether `name` in `file` can be `id`, and how near that is: in its own file, in its module, or elsewhere.
    fn sees(&self, file: usize, id: Id) -> Option<u8> {
        if id.0 == file {
            return Some(0);
        }
        let symbol = self.symbol(id);
        let header = self.path(id).ends_with(".h");
        if header {
            return Some(2);
        }
        // A file included as text shows its static functions too.
        let included = |a: usize, b: usize| {
            let name = self.paths[b].rsplit('/').next().unwrap_or_default();
            name.ends_with(".c") && self.files[a].includes.iter().any(|i| i.rsplit('/').next() == Some(name))
        };
        if included(file, id.0) || included(id.0, file) {
            return Some(1);
        }
        if symbol.local || symbol.kind == Kind::Macro {
            return None;
        }
        if self.together(file, id.0) {
            return Some(1);
        }
        self.exported(id).then_some(2)
    }

    /// Returns what `name` means in `file`: the nearest symbols of that name.
    pub fn resolve(&self, file: usize, name: &str) -> Vec<Id> {
        let Some(candidates) = self.by_name.get(name) else {
            return Vec::new();
        };
        let mut found: Vec<(u8, Id)> = candidates.iter().filter_map(|&id| Some((self.sees(file, id)?, id))).collect();
        found.sort_unstable();
        let Some(&(nearest, _)) = found.first() else {
            return Vec::new();
        };
        found.into_iter().take_while(|(n, _)| *n == nearest).map(|(_, id)| id).collect()
    }

    /// Finds all symbols of the tree that reach the calls that enable and allocate.
    pub fn spread(&mut self, progress: &dyn Fn(&str)) {
        let index = self.index;
        let mut queue = VecDeque::new();
        let seeds = ALLOCATE.iter().map(|&s| (s, ALLOCATES)).chain([(ENABLE, ENABLES)]);
        for (seed, bit) in seeds {
            let paths: Vec<_> = index.files(seed).filter(|p| !core(p)).map(str::to_string).collect();
            for path in paths {
                let file = self.file(&path);
                for at in 0..self.files[file].symbols.len() {
                    if self.files[file].symbols[at].names.contains(seed) {
                        self.mark((file, at), bit, &mut queue);
                    }
                }
            }
        }
        while let Some(id) = queue.pop_front() {
            progress(self.path(id));
            let name = self.symbol(id).name.clone();
            let bits = self.bits[&id];
            let mut files = BTreeSet::from([id.0]);
            let header = self.path(id).ends_with(".h");
            let symbol = self.symbol(id);
            let local = symbol.local || symbol.kind == Kind::Macro;
            let texts = self.files[id.0].includes.iter().any(|i| i.ends_with(".c"));
            if header || !local || texts {
                let everywhere = header || self.exported(id);
                let own: BTreeSet<&str> = index
                    .modules_of(self.path(id))
                    .iter()
                    .filter_map(|m| index.modules.files.get(m))
                    .flatten()
                    .map(String::as_str)
                    .collect();
                let paths: Vec<_> = index
                    .files(&name)
                    .filter(|p| (everywhere || own.contains(p) || p.ends_with(".h")) && !core(p))
                    .map(str::to_string)
                    .collect();
                for path in paths {
                    files.insert(self.file(&path));
                }
            }
            // A file that has MACRO(x) names prefix_x, if MACRO makes that of its argument.
            let mut pasted: Vec<(String, String)> = Vec::new();
            for (macro_, before, after) in index.pastes.get(folder(self.path(id))).into_iter().flatten() {
                let argument = name.strip_prefix(before.as_str()).and_then(|n| n.strip_suffix(after.as_str()));
                if let Some(argument) = argument.filter(|a| !a.is_empty()) {
                    pasted.push((macro_.clone(), argument.to_string()));
                }
            }
            for (macro_, argument) in &pasted {
                let others: BTreeSet<&str> = index.files(argument).collect();
                let paths: Vec<_> = index
                    .files(macro_)
                    .filter(|p| others.contains(p) && p.ends_with(".c"))
                    .filter(|p| {
                        let theirs = index.modules_of(p);
                        index.modules_of(self.path(id)).iter().any(|m| theirs.contains(m))
                    })
                    .map(str::to_string)
                    .collect();
                for path in paths {
                    files.insert(self.file(&path));
                }
            }
            for file in files {
                for at in 0..self.files[file].symbols.len() {
                    let names = &self.files[file].symbols[at].names;
                    let says = names.contains(&name)
                        || pasted.iter().any(|(m, a)| names.contains(m.as_str()) && names.contains(a.as_str()));
                    if says && (file, at) != id && self.resolve(file, &name).contains(&id) {
                        self.mark((file, at), bits, &mut queue);
                    }
                }
            }
        }
        self.common = self.files.len();
    }

    fn mark(&mut self, id: Id, bits: u8, queue: &mut VecDeque<Id>) {
        let have = self.bits.entry(id).or_default();
        if *have | bits != *have {
            *have |= bits;
            queue.push_back(id);
        }
    }

    /// The `struct pci_driver`s that reach an allocation.
    pub fn drivers(&self) -> Vec<Id> {
        let allocates = |id: &Id| self.bits.get(id).is_some_and(|bits| bits & ALLOCATES != 0);
        let mut found: Vec<_> = self.ids().filter(|id| allocates(id) && self.symbol(*id).class == "pci_driver").collect();
        found.sort_by_key(|id| (self.path(*id).to_string(), id.1));
        found
    }

    /// Returns all that `root` reaches, after parsing its modules, and the libraries nearby that they call.
    pub fn reach(&mut self, root: Id) -> BTreeSet<Id> {
        let index = self.index;
        let home = folder(self.path(root)).to_string();
        let mut asked: BTreeSet<Id> = BTreeSet::new();
        let mut own: BTreeSet<usize> = BTreeSet::new();
        loop {
            let found = self.reached(root, &own);
            let mut paths: BTreeSet<String> = BTreeSet::new();
            for &id in &found {
                // Parse every file of the modules on the way to the calls, and of others only the files that are called.
                if self.bits.contains_key(&id) {
                    let modules = index.modules_of(self.path(id)).iter();
                    paths.extend(modules.filter_map(|m| index.modules.files.get(m)).flatten().cloned());
                }
                if !asked.insert(id) || !near(&home, folder(self.path(id))) {
                    continue;
                }
                for include in &self.files[id.0].includes {
                    let path = super::kbuild::normal(&format!("{}/{include}", folder(self.path(id))));
                    if index.has(&path) {
                        paths.insert(path);
                    }
                }
                for name in &self.symbol(id).names {
                    paths.extend(index.exporters(name).filter(|p| near(&home, folder(p))).map(str::to_string));
                }
            }
            let before = own.len();
            for path in paths.iter().filter(|p| !core(p)) {
                own.insert(self.file(path));
            }
            if own.len() == before {
                return found;
            }
        }
    }

    fn reached(&self, root: Id, own: &BTreeSet<usize>) -> BTreeSet<Id> {
        let mut found = BTreeSet::from([root]);
        let mut queue = vec![root];
        while let Some(id) = queue.pop() {
            let names = &self.symbol(id).names;
            let mut all: Vec<String> = names.iter().map(|n| n.to_string()).collect();
            for (macro_, before, after) in self.index.pastes.get(folder(self.path(id))).into_iter().flatten() {
                if names.contains(macro_.as_str()) {
                    all.extend(names.iter().map(|n| format!("{before}{n}{after}")));
                }
            }
            for name in all {
                for next in self.resolve(id.0, &name) {
                    let seen = next.0 < self.common || own.contains(&next.0);
                    if seen && !core(self.path(next)) && found.insert(next) {
                        queue.push(next);
                    }
                }
            }
        }
        found
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a library in `folder` is one that drivers in `home` are made for.
fn near(home: &str, folder: &str) -> bool {
    let parent = self::folder(home);
    home.starts_with(folder) && folder.contains('/')
        || parent.contains('/') && folder.starts_with(parent)
        || folder.starts_with(home)
}

/// All calls in a statement.
pub fn calls(statement: &Stmt, found: &mut Vec<std::rc::Rc<super::syntax::Call>>) {
    match statement {
        Stmt::Eval(e) | Stmt::Return(Some(e), _) => expression_calls(e, found),
        Stmt::Block(all) => all.iter().for_each(|s| calls(s, found)),
        Stmt::If(c, a, b, _) => {
            c.iter().for_each(|e| expression_calls(e, found));
            calls(a, found);
            calls(b, found);
        }
        Stmt::Loop(c, body, step, _) => {
            c.iter().chain(step).for_each(|e| expression_calls(e, found));
            calls(body, found);
        }
        Stmt::Switch(e, body) => {
            expression_calls(e, found);
            calls(body, found);
        }
        _ => {}
    }
}

/// All calls in an expression.
pub fn expression_calls(e: &Expr, found: &mut Vec<std::rc::Rc<super::syntax::Call>>) {
    match e {
        Expr::Call(call) => {
            call.arguments.iter().for_each(|a| expression_calls(a, found));
            found.push(call.clone());
        }
        Expr::Assign(_, e) | Expr::Not(e) => expression_calls(e, found),
        Expr::Binary(_, a, b) => {
            expression_calls(a, found);
            expression_calls(b, found);
        }
        Expr::Choice(a, b, c) => {
            expression_calls(a, found);
            expression_calls(b, found);
            expression_calls(c, found);
        }
        Expr::Parts(parts) => parts.iter().for_each(|p| expression_calls(p, found)),
        Expr::Number(_) | Expr::Path(_) => {}
    }
}
