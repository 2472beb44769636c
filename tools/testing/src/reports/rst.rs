// SPDX-License-Identifier: GPL-2.0

//! Parts of pages of the documentation, which are reStructuredText.

/// Returns a heading, with a line of `line` below it.
pub fn heading(title: &str, line: char) -> String {
    format!("{title}\n{}\n\n", line.to_string().repeat(title.chars().count()))
}

/// Returns text in which the special characters are escaped.
pub fn plain(text: &str) -> String {
    text.replace('_', "\\_").replace('*', "\\*")
}

/// Returns a table from its head and its rows. Columns of numbers are aligned to the right.
pub fn table(lines: &[Vec<String>]) -> String {
    let column = |at: usize| lines.iter().map(move |line| line[at].as_str());
    let is_number = |cell: &str| cell.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-');
    let form = |at| (column(at).map(str::len).max().unwrap_or_default(), column(at).skip(1).all(is_number));
    let columns: Vec<_> = (0..lines[0].len()).map(form).collect();
    let rule = columns.iter().map(|(width, _)| "=".repeat(*width)).collect::<Vec<_>>().join("  ");
    let cell = |(cell, (width, right)): (&String, &(usize, bool))| match right {
        true => format!("{cell:>width$}"),
        false => format!("{cell:width$}"),
    };
    let mut text: Vec<_> = lines.iter().map(|line| line.iter().zip(&columns).map(cell).collect::<Vec<_>>().join("  ")).collect();
    text.insert(1, rule.clone());
    text.insert(0, rule.clone());
    text.push(rule);
    text.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Returns the rows of all such tables in a page, without their heads.
pub fn rows(page: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let (mut rules, mut columns) = (0, Vec::new());
    for line in page.lines() {
        // The line below a heading has no gap.
        if line.starts_with('=') && line.contains("= ") && line.chars().all(|c| c == '=' || c == ' ') {
            rules += 1;
            columns = [0].into_iter().chain(line.match_indices(" =").map(|(at, _)| at + 1)).collect();
        } else if rules % 3 == 2 {
            let ends = columns.iter().skip(1).map(|at| Some(*at)).chain([None]);
            let cell = |(at, end): (&usize, Option<usize>)| line.get(*at..end.unwrap_or(line.len()).min(line.len()));
            rows.push(columns.iter().zip(ends).map(cell).map(|cell| cell.unwrap_or_default().trim()).collect());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_three_rules() {
        let line = |cells: &[&str]| cells.iter().map(|cell| cell.to_string()).collect::<Vec<_>>();
        let table = |lines: &[&[&str]]| super::table(&lines.iter().map(|cells| line(cells)).collect::<Vec<_>>());
        let text = table(&[&["a", "bbb"], &["ccc", "1"]]);
        assert_eq!(text, "===  ===\na    bbb\n===  ===\nccc    1\n===  ===\n");
        assert_eq!(rows(&format!("Title\n=====\n\n{text}\nText.\n{text}")), [["ccc", "1"], ["ccc", "1"]]);
        // A cell may be empty.
        assert_eq!(rows(&table(&[&["a", "b", "c"], &["x y", "", ""]])), [["x y", "", ""]]);
    }
}
