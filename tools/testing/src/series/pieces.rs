// SPDX-License-Identifier: GPL-2.0

//! A file that the overlay changes, cut into the pieces that steps of the series take.
//!
//! A piece is a hunk without context. If lines are only added, as in a new file, it is an item: lines after an empty line that
//! begin without indentation. Every piece belongs to one step, and the file after a step has the pieces of all steps until then.

use similar::{DiffOp, TextDiff};

use super::table::{glob, Step};
use crate::common::*;

/// The step of the pieces that the series leaves out.
pub const NEVER: usize = usize::MAX;

#[derive(Clone, Debug, Default)]
struct Piece {
    /// Which item of the file it is of.
    item: usize,
    old: String,
    new: String,
    step: Option<usize>,
}

/// A file, from its original to the result of the graft.
#[derive(Debug)]
pub struct File {
    pub path: String,
    was_there: bool,
    pieces: Vec<Piece>,
}

impl File {
    /// A file with the text `was`, if it was there, and with the text `last` in the end.
    pub fn new(path: &str, was: Option<&str>, last: &str) -> Self {
        Self { path: path.into(), was_there: was.is_some(), pieces: cut(was.unwrap_or_default(), last) }
    }

    /// The text after step `at`, if the file is there by then.
    pub fn after(&self, at: usize) -> Option<String> {
        let taken = |piece: &Piece| piece.step.is_some_and(|step| step <= at);
        let is_there = self.was_there || self.pieces.iter().any(taken);
        let text = |piece: &Piece| if taken(piece) { piece.new.clone() } else { piece.old.clone() };
        is_there.then(|| self.pieces.iter().map(text).collect())
    }

    /// The first step that changes it.
    pub fn first(&self) -> Option<usize> {
        self.pieces.iter().filter_map(|piece| piece.step).filter(|step| ![0, NEVER].contains(step)).min()
    }

    /// Returns the first line of each piece that no step takes.
    fn untaken(&self) -> impl Iterator<Item = String> + '_ {
        self.pieces.iter().filter(|p| p.step.is_none()).map(|piece| {
            let mut lines = piece.new.lines().chain(piece.old.lines());
            format!("{}: {}", self.path, lines.find(|line| !line.trim().is_empty()).unwrap_or_default().trim())
        })
    }

    /// Takes the added lines that match.
    pub fn take_lines(&mut self, step: usize, wanted: &Regex) -> bool {
        let mut found = false;
        let mut at = 0;
        while at < self.pieces.len() {
            let piece = &self.pieces[at];
            let hit = wanted.find(&piece.new);
            if let Some(hit) = hit.filter(|_| piece.step.is_none()) {
                let (item, old, text) = (piece.item, piece.old.clone(), piece.new.clone());
                let start = text[..hit.start()].rfind('\n').map_or(0, |n| n + 1);
                let end = hit.end().max(start + 1) - 1;
                let end = text[end..].find('\n').map_or(text.len(), |n| end + n + 1);
                let parts = [(0..start, None), (start..end, Some(step)), (end..text.len(), None)];
                let parts = parts.into_iter().filter(|(part, _)| !part.is_empty());
                let parts = parts.map(|(part, step)| Piece { item, new: text[part].into(), step, ..Piece::default() });
                let mut parts: Vec<_> = parts.collect();
                // The earlier text goes with the rest, if there is one.
                let rest = parts.iter().position(|part| part.step.is_none()).unwrap_or(0);
                parts[rest].old = old;
                self.pieces.splice(at..=at, parts);
                found = true;
            }
            at += 1;
        }
        found
    }

    /// Takes the items that have a matching line, except for lines of another step.
    fn take_items(&mut self, step: usize, wanted: &Regex) -> bool {
        let free = |piece: &Piece| piece.step.is_none_or(|taken| taken == step);
        let hits = |piece: &&Piece| wanted.is_match(&piece.new) || wanted.is_match(&piece.old);
        let items: BTreeSet<usize> = self.pieces.iter().filter(|piece| free(piece)).filter(hits).map(|piece| piece.item).collect();
        for piece in &mut self.pieces {
            if piece.step.is_none() && items.contains(&piece.item) {
                piece.step = Some(step);
            }
        }
        !items.is_empty()
    }

    /// Takes all pieces that no other step takes.
    pub fn take_rest(&mut self, step: usize) -> bool {
        self.pieces.iter_mut().filter(|p| p.step.is_none()).map(|piece| piece.step = Some(step)).count() > 0
    }
}

/// The pieces of a file; those that are in it all the time belong to step 0.
fn cut(from: &str, to: &str) -> Vec<Piece> {
    let diff = TextDiff::from_lines(from, to);
    let mut pieces: Vec<Piece> = Vec::new();
    for op in diff.ops() {
        let old = diff.old_slices()[op.old_range()].concat();
        let new = diff.new_slices()[op.new_range()].concat();
        let step = matches!(op, DiffOp::Equal { .. }).then_some(0);
        match pieces.last_mut() {
            Some(last) if last.step.is_none() && step.is_none() => {
                last.old += &old;
                last.new += &new;
            }
            _ => pieces.push(Piece { old, new, step, ..Piece::default() }),
        }
    }
    let cut = |piece: Piece| -> Vec<Piece> {
        if piece.step.is_some() || !piece.old.is_empty() {
            return vec![piece];
        }
        items(&piece.new).into_iter().map(|new| Piece { new, ..piece.clone() }).collect()
    };
    let mut pieces: Vec<_> = pieces.into_iter().flat_map(cut).collect();
    for (item, piece) in pieces.iter_mut().enumerate() {
        piece.item = item;
    }
    pieces
}

/// The items of a text, each with the empty lines before it.
fn items(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut empty = String::new();
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            empty += line;
            continue;
        }
        if !empty.is_empty() && !line.starts_with(char::is_whitespace) && items.last().is_some_and(|item| !item.is_empty()) {
            items.push(String::new());
        }
        let item = items.last_mut().expect("there is one");
        *item += &std::mem::take(&mut empty);
        *item += line;
    }
    *items.last_mut().expect("there is one") += &empty;
    items
}

/// Gives each piece to its step. Fails for a piece that no step takes or two take, and for a step that finds nothing to take.
pub fn assign(files: &mut [File], steps: &[Step], left_out: &[Step]) -> Result<()> {
    let numbered = || left_out.iter().map(|step| (NEVER, step)).chain(steps.iter().enumerate().map(|(at, step)| (at + 1, step)));
    let mut wrong = Vec::new();
    let mut by_path: BTreeMap<String, &mut File> = files.iter_mut().map(|f| (f.path.clone(), f)).collect();
    for lines in [true, false] {
        for (at, step) in numbered() {
            let claims = if lines { &step.lines } else { &step.items };
            for (path, patterns) in claims {
                for pattern in patterns {
                    let subject = &step.subject;
                    let wanted = Regex::new(&format!("(?m){pattern}")).with_context(|| format!("in the table, \"{subject}\""))?;
                    let found = by_path.get_mut(path).is_some_and(|file| match lines {
                        true => file.take_lines(at, &wanted),
                        false => file.take_items(at, &wanted),
                    });
                    if !found {
                        let nothing = format!("\"{subject}\" finds nothing in {path}");
                        wrong.push(format!("{nothing} that matches {pattern}"));
                    }
                }
            }
        }
    }
    for (at, step) in numbered() {
        for pattern in &step.take {
            let wanted = glob(pattern);
            let taken = by_path.iter_mut().filter(|(path, _)| wanted.is_match(path)).map(|(_, file)| file.take_rest(at));
            if taken.filter(|taken| *taken).count() == 0 {
                let subject = &step.subject;
                wrong.push(format!("\"{subject}\" finds nothing left of {pattern}"));
            }
        }
    }
    wrong.extend(by_path.values().flat_map(|file| file.untaken()).map(|line| format!("no step takes {line}")));
    ensure!(wrong.is_empty(), "tools/testing/series does not fit the overlay:\n  {}", wrong.join("\n  "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(table: &str) -> Step {
        toml::from_str(&format!("subject = \"s\"\n{table}")).unwrap()
    }

    fn new_file(text: &str) -> Vec<File> {
        vec![File::new("a", None, text)]
    }

    #[test]
    fn items_of_a_new_file_come_step_by_step() {
        let text = "// head\n\n/// A.\nfn a() {\n\n    trace();\n}\n\nfn b() {}\n";
        let mut files = new_file(text);
        let steps = [step("items.a = ['head', 'fn b']"), step("items.a = ['fn a']"), step("lines.a = ['trace']")];
        assign(&mut files, &steps, &[]).unwrap();
        assert_eq!(files[0].after(0), None);
        assert_eq!(files[0].after(1).unwrap(), "// head\n\nfn b() {}\n");
        assert_eq!(files[0].after(2).unwrap(), "// head\n\n/// A.\nfn a() {\n\n}\n\nfn b() {}\n");
        assert_eq!(files[0].after(3).unwrap(), text);
    }

    #[test]
    fn added_lines_come_apart_from_a_change_beside_them() {
        let texts = ["if (old)\nb\n", "if (new)\nb\n", "check\nif (new)\nb\n"];
        let mut files = [File::new("a", Some(texts[0]), texts[2])];
        assign(&mut files, &[step("take = ['a']"), step("lines.a = ['check']")], &[]).unwrap();
        assert_eq!([0, 1, 2].map(|at| files[0].after(at).unwrap()), texts);
    }

    #[test]
    fn what_is_left_out_never_comes() {
        let mut files = new_file("a\nb\n");
        assign(&mut files, &[step("take = ['*']")], &[step("lines.a = ['b']")]).unwrap();
        assert_eq!(files[0].after(1).unwrap(), "a\n");
    }

    #[test]
    fn a_piece_belongs_to_one_step() {
        let fails = |steps: &[Step]| {
            let error = assign(&mut new_file("fn a() {}\n"), steps, &[]).unwrap_err();
            format!("{error:#}")
        };
        assert!(fails(&[]).contains("no step takes a: fn a() {}"));
        let twice = step("items.a = ['fn a']");
        assert!(fails(&[twice.clone(), twice]).contains("finds nothing in a"));
        let nothing = [step("take = ['*']"), step("take = ['a']")];
        assert!(fails(&nothing).contains("finds nothing left of a"));
        assert!(fails(&[step("take = ['*']"), step("items.a = ['fn b']")]).contains("finds nothing in a"));
    }
}
