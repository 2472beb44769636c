// SPDX-License-Identifier: GPL-2.0

//! KTAP documents in a log: every result with its place in the log. Their form is judged by the kernel's own parser; see
//! [`crate::verdict::referee`].

use regex::Captures;

use crate::{common::*, verdict::Line};

#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The subtests that contain it, and its own name.
    pub path: Vec<String>,
    pub ok: bool,
    /// Why it was skipped, if it was.
    pub skip: Option<String>,
    /// The index of its line in the log.
    pub line: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its results in order, without the results of subtests.
    pub cases: Vec<Case>,
    /// The results before which a plan is missing. The kernel's parser accepts that, and then does not notice a missing result.
    pub unplanned: Vec<String>,
    /// Its lines as printed, without time stamp and printk prefix.
    pub text: String,
    /// The indices of its first and last line in the log.
    pub first: usize,
    pub last: usize,
}

/// The document itself, or a subtest that has begun.
#[derive(Default)]
struct Frame {
    indent: usize,
    name: Option<String>,
    plan: Option<usize>,
    seen: usize,
    /// The number of results before it.
    before: usize,
}

/// Finds the documents in a log. A document may carry a constant prefix, as printk gives a module's lines.
pub fn documents(lines: &[Line]) -> Vec<Document> {
    let grammar = regex(concat!(
        r"^(\s*)(?:KTAP version 1$|# Subtest: (?<subtest>.+)$|1\.\.(?<plan>\d+)\b|",
        r"(?<result>ok|not ok) \d+(?: -)? ?(?<name>[^#]*?)\s*(?:# ?(?<directive>.*))?$)",
    ));
    let start = regex(r"^(|[\w.:-]+(?: [\w.:-]+)?: )KTAP version 1$");
    let mut readers: Vec<Reader> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(prefix) = start.captures(&line.text) {
            let document = Document { text: "KTAP version 1\n".into(), first: at, last: at, ..Document::default() };
            readers.push(Reader { prefix: prefix[1].into(), frames: vec![Frame::default()], document });
        } else if let Some(reader) = readers.last_mut().filter(|reader| !reader.is_complete()) {
            if let Some(text) = line.text.strip_prefix(reader.prefix.as_str()) {
                reader.read(&grammar, at, text);
            }
        }
    }
    // KUnit opens a document at boot even if no test is built in.
    readers.retain(|reader| !reader.document.cases.is_empty() || !reader.is_complete());
    readers.into_iter().map(|reader| reader.document).collect()
}

struct Reader {
    prefix: String,
    frames: Vec<Frame>,
    document: Document,
}

impl Reader {
    fn read(&mut self, grammar: &Regex, at: usize, text: &str) {
        self.document.text += &format!("{text}\n");
        self.document.last = at;
        let Some(found) = grammar.captures(text) else { return };
        let indent = found[1].len();
        if let Some(name) = found.name("subtest") {
            if self.top().indent < indent {
                self.begin(indent);
            }
            self.top().name = Some(name.as_str().trim().to_string());
        } else if let Some(plan) = found.name("plan") {
            if self.top().indent == indent {
                self.top().plan = plan.as_str().parse().ok();
            }
        } else if found.name("result").is_some() {
            self.result(at, indent, &found);
        } else {
            self.close_above(indent.saturating_sub(1));
            self.begin(indent);
        }
    }

    fn result(&mut self, at: usize, indent: usize, found: &Captures<'_>) {
        let ok = &found["result"] == "ok";
        let skip = found.name("directive").map_or("", |d| d.as_str()).strip_prefix("SKIP");
        let sums_up = self.close_above(indent);
        let frame = self.top();
        if frame.indent != indent {
            // This is not a result of this document, but text that looks like one.
            return;
        }
        frame.seen += 1;
        let is_unplanned = frame.plan.is_none() && indent <= 4 && frame.seen == 1;
        let mut path: Vec<String> = self.frames.iter().filter_map(|f| f.name.clone()).collect();
        path.push(found["name"].to_string());
        self.document.unplanned.extend(is_unplanned.then(|| path.join("::")));
        // A subtest's result repeats those of its parts, unless it fails by itself or has none.
        let failed_inside = |subtest: &Frame| self.document.cases[subtest.before..].iter().any(|case| !case.ok);
        if !sums_up.is_some_and(|subtest| subtest.seen > 0 && (ok || failed_inside(&subtest))) {
            self.document.cases.push(Case { path, ok, skip: skip.map(|why| why.trim().to_string()), line: at });
        }
    }

    fn begin(&mut self, indent: usize) {
        self.frames.push(Frame { indent, before: self.document.cases.len(), ..Frame::default() });
    }

    /// Closes the frames deeper than `indent`, and returns the outermost of them, if there was one.
    fn close_above(&mut self, indent: usize) -> Option<Frame> {
        // The outermost frame has no indentation.
        self.frames.drain(self.frames.iter().rposition(|frame| frame.indent <= indent)? + 1..).next()
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the outermost frame is never popped")
    }

    fn is_complete(&self) -> bool {
        matches!(self.frames.as_slice(), [Frame { plan: Some(plan), seen, .. }] if seen >= plan)
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
        assert!(found[0].unplanned.is_empty(), "{:?}", found[0].unplanned);
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
            assert!(found.iter().all(|document| document.unplanned.is_empty()));
        }
    }

    #[test]
    fn a_document_that_is_cut_off_has_what_came() {
        const SUBTEST: &str = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n";
        let found = parse(&format!("{SUBTEST}    1..2\n    ok 1 a\n"));
        assert_eq!((names(&found[0]), found[0].last), (vec!["s::a".to_string()], 5));
        assert!(parse("KTAP version 1\n")[0].cases.is_empty());
        assert_eq!(parse("KTAP version 1\nok 1 a\n")[0].unplanned, ["a"]);
    }
}
