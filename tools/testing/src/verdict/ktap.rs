// SPDX-License-Identifier: GPL-2.0

//! KTAP documents in a log: every result with its place in the log, and all faults of the document itself.

use regex::Captures;

use crate::{common::*, verdict::Line};

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The subtests that contain it, and its own name.
    pub path: Vec<String>,
    /// Whether it passed.
    pub ok: bool,
    /// Why it was skipped, if it was.
    pub skip: Option<String>,
    /// The index of its line in the log.
    pub line: usize,
}

/// One document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its results in order, without the results of subtests.
    pub cases: Vec<Case>,
    /// Missing plans, missing or misnumbered results, subtests that never ended.
    pub errors: Vec<String>,
    /// Its lines as printed, without time stamp and printk prefix.
    pub text: String,
    /// The index of its first line in the log.
    pub first: usize,
    /// The index of the line at which the first of the errors was noticed.
    pub wrong: usize,
}

#[derive(Default)]
struct Frame {
    indent: usize,
    name: Option<String>,
    plan: Option<usize>,
    seen: usize,
}

struct Grammar {
    version: Regex,
    subtest: Regex,
    plan: Regex,
    result: Regex,
}

/// Finds the documents in a log. A document may carry a constant prefix, as printk gives a module's lines.
pub fn documents(lines: &[Line]) -> Vec<Document> {
    let grammar = Grammar {
        version: regex(r"^(\s*)KTAP version 1$"),
        subtest: regex(r"^(\s*)# Subtest: (.+)$"),
        plan: regex(r"^(\s*)1\.\.(\d+)\b"),
        result: regex(r"^(\s*)(ok|not ok) (\d+)(?: -)? ?([^#]*?)\s*(?:# ?(.*))?$"),
    };
    let start = regex(r"^(|[\w.:-]+(?: [\w.:-]+)?: )KTAP version 1$");
    let mut found = Vec::new();
    let mut open: Option<Reader> = None;
    for (at, line) in lines.iter().enumerate() {
        if let Some(prefix) = start.captures(&line.text) {
            found.extend(open.take().map(Reader::finish));
            open = Some(Reader::new(prefix[1].to_string(), at));
        } else if let Some(reader) = &mut open {
            if let Some(text) = line.text.strip_prefix(reader.prefix.as_str()) {
                reader.read(&grammar, at, text);
            }
            if reader.complete() {
                found.extend(open.take().map(Reader::finish));
            }
        }
    }
    found.extend(open.map(Reader::finish));
    // KUnit opens a document at boot even if no test is built in.
    found.retain(|document| !document.cases.is_empty() || !document.errors.is_empty());
    found
}

struct Reader {
    prefix: String,
    frames: Vec<Frame>,
    document: Document,
    /// The index of the line that was read last.
    at: usize,
}

impl Reader {
    fn new(prefix: String, first: usize) -> Self {
        Self {
            prefix,
            frames: vec![Frame::new(0)],
            at: first,
            document: Document { text: "KTAP version 1\n".into(), first, ..Document::default() },
        }
    }

    fn read(&mut self, grammar: &Grammar, at: usize, text: &str) {
        self.document.text += text;
        self.document.text += "\n";
        self.at = at;
        if let Some(found) = grammar.version.captures(text) {
            self.close_above(found[1].len().saturating_sub(1));
            self.frames.push(Frame::new(found[1].len()));
        } else if let Some(found) = grammar.subtest.captures(text) {
            let indent = found[1].len();
            if self.top().indent < indent {
                self.frames.push(Frame::new(indent));
            }
            self.top().name = Some(found[2].trim().to_string());
        } else if let Some(found) = grammar.plan.captures(text) {
            if self.top().indent == found[1].len() {
                self.top().plan = found[2].parse().ok();
            }
        } else if let Some(found) = grammar.result.captures(text) {
            self.result(at, &found);
        }
    }

    fn result(&mut self, at: usize, found: &Captures<'_>) {
        let (indent, ok, number) = (found[1].len(), &found[2] == "ok", &found[3]);
        let skip = found.get(5).map_or("", |d| d.as_str()).strip_prefix("SKIP");
        let inner = self.document.cases.len();
        let sums_up = self.close_above(indent);
        let frame = self.top();
        if frame.indent != indent {
            // This is not a result of this document, but text that looks like one.
            return;
        }
        frame.seen += 1;
        let (due, planned) = (frame.seen, frame.plan);
        let mut path: Vec<String> = self.frames.iter().filter_map(|f| f.name.clone()).collect();
        path.push(found[4].to_string());
        let label = path.join("::");
        if number.parse() != Ok(due) {
            self.error(format!("{label} is numbered {number} where {due} was due"));
        }
        if planned.is_none() && indent <= 4 && due == 1 {
            self.error(format!("no plan before {label}"));
        }
        // A subtest's result repeats those of its parts, unless it fails by itself or has none.
        let first_part = sums_up.map_or(inner, |parts| inner - parts.min(inner));
        let failed_inside = self.document.cases[first_part..].iter().any(|c| !c.ok);
        let adds_nothing = sums_up.is_some_and(|parts| parts > 0) && (ok || failed_inside);
        if !adds_nothing {
            self.document.cases.push(Case { path, ok, skip: skip.map(|why| why.trim().to_string()), line: at });
        }
    }

    /// Closes the frames deeper than `indent`; says how many results the outermost of them had, if there was one.
    fn close_above(&mut self, indent: usize) -> Option<usize> {
        let mut closed = None;
        // The outermost frame has no indentation.
        while self.top().indent > indent {
            let frame = self.frames.pop().expect("the frame on top");
            self.check(&frame);
            closed = Some(frame.seen);
        }
        closed
    }

    fn check(&mut self, frame: &Frame) {
        let name = frame.name.clone().unwrap_or_else(|| "the document".into());
        match (frame.plan, frame.seen) {
            (Some(plan), seen) if plan != seen => {
                self.error(format!("{name} planned {plan} results and gave {seen}"));
            }
            (None, 0) => self.error(format!("{name} has neither plan nor results")),
            _ => {}
        }
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the outermost frame is never popped")
    }

    fn error(&mut self, error: String) {
        if self.document.errors.is_empty() {
            self.document.wrong = self.at;
        }
        self.document.errors.push(error);
    }

    fn complete(&self) -> bool {
        matches!(self.frames.as_slice(), [Frame { plan: Some(plan), seen, .. }] if seen >= plan)
    }

    fn finish(mut self) -> Document {
        while let Some(frame) = self.frames.pop() {
            if !self.frames.is_empty() {
                let name = frame.name.as_deref().unwrap_or("a subtest");
                self.error(format!("{name} began and never ended"));
            }
            self.check(&frame);
        }
        self.document
    }
}

impl Frame {
    fn new(indent: usize) -> Self {
        Self { indent, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::klog;

    fn parse(text: &str) -> Vec<Document> {
        documents(&klog::lines(text.as_bytes()))
    }

    /// Returns the names of the results, those that failed with a `!`.
    fn names(document: &Document) -> Vec<String> {
        document.cases.iter().map(|c: &Case| format!("{}{}", if c.ok { "" } else { "!" }, c.path.join("::"))).collect()
    }

    const GOOD: &str = "[    1.0] KTAP version 1\n[    1.0] 1..2\n[    1.0]     KTAP version 1\n\
        [    1.0]     # Subtest: explicit\n[    1.0]     1..2\n[    1.1] edu 0000:00:02.0: 24 is fine\n[    1.1]     ok 1 bind\n\
        [    1.2]     not ok 2 rebind_100\n[    1.2] not ok 1 explicit\n[    1.3] ok 2 - last # SKIP no device\n[    1.4] later\n";

    #[test]
    fn results_have_their_path_and_place() {
        let found = parse(GOOD);
        assert_eq!(found.len(), 1);
        assert_eq!(names(&found[0]), ["explicit::bind", "!explicit::rebind_100", "last"]);
        assert_eq!(found[0].cases[1].line, 7);
        assert_eq!(found[0].cases[2].skip.as_deref(), Some("no device"));
        assert!(found[0].errors.is_empty(), "{:?}", found[0].errors);
    }

    #[test]
    fn the_results_of_documents() {
        const SUBTEST: &str = "KTAP version 1\n1..1\n    # Subtest: s\n    1..1\n    ok 1 a\n";
        let cases: [(&str, &[&[&str]]); 5] = [
            // A module's prefix is taken off.
            ("rust_x: KTAP version 1\nrust_x: 1..1\nother: ok 7 nothing\nrust_x: ok 1 a\n", &[&["a"]]),
            // A subtest that fails by itself counts.
            (&format!("{SUBTEST}not ok 1 s\n"), &[&["s::a", "!s"]]),
            // Two documents are told apart.
            ("KTAP version 1\n1..1\nok 1 a\nnoise\nKTAP version 1\n1..1\nnot ok 1 b\n", &[&["a"], &["!b"]]),
            // A plan for nothing is no document.
            ("KTAP version 1\n1..0\nok 1 later, of another kind\n", &[]),
            ("no results here\n", &[]),
        ];
        for (text, results) in cases {
            let found = parse(text);
            assert_eq!(found.iter().map(names).collect::<Vec<_>>(), results);
            assert!(found.iter().all(|document| document.errors.is_empty()));
        }
    }

    #[test]
    fn the_faults_of_a_document() {
        const SUBTEST: &str = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n";
        for (text, wrong, errors) in [
            ("KTAP version 1\nok 1 a\n", 1, "no plan before a"),
            (&format!("{SUBTEST}    1..3\n    ok 1 a\nok 1 s\n"), 6, "s planned 3 results and gave 1"),
            (
                &format!("{SUBTEST}    1..2\n    ok 1 a\n"),
                5,
                "s began and never ended, s planned 2 results and gave 1, the document planned 1 results and gave 0",
            ),
            ("KTAP version 1\n1..2\nok 1 a\nok 3 b\n", 3, "b is numbered 3 where 2 was due"),
            ("KTAP version 1\n", 0, "the document has neither plan nor results"),
        ] {
            let found = parse(text);
            assert_eq!(found[0].errors.join(", "), errors, "{text}");
            assert_eq!(found[0].wrong, wrong, "{text}");
        }
        let open = parse(&format!("{SUBTEST}    1..2\n    ok 1 a\n"));
        assert_eq!(names(&open[0]), ["s::a"]);
    }
}
