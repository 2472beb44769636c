// SPDX-License-Identifier: GPL-2.0

//! Stages: they show what is being done, its progress, and the time that it took.

use std::{fmt::Display, io::IsTerminal};

use console::StyledObject;
use indicatif::{ProgressBar, ProgressStyle};

use crate::common::*;

/// After this time a stage first prints what it is doing, if there is no spinner.
const FIRST: Duration = Duration::from_secs(5);

/// The interval at which it does so after that.
const HEARTBEAT: Duration = Duration::from_secs(60);

impl Session {
    /// Whether a person can answer a question.
    pub fn interactive(&self) -> bool {
        self.spinners.is_some() && std::io::stdin().is_terminal()
    }

    /// Prints a line beside whatever is in progress.
    pub fn say(&self, line: impl Display) {
        match &self.spinners {
            Some(spinners) => spinners.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Runs `work` as the stage `name`; it returns a summary of what was done and a result.
    pub fn stage<T>(&self, name: &str, doing: &str, work: impl FnOnce(&Stage<'_>) -> Result<(String, T)>) -> Result<T> {
        let spinner = self.spinners.as_ref().map(|spinners| {
            let bar = spinners.add(ProgressBar::new_spinner());
            let template = "{spinner:.cyan} {prefix:16} {wide_msg} {elapsed}";
            bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
            bar.set_prefix(name.to_string());
            bar.set_message(doing.to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let started = Instant::now();
        // This counts as an earlier message, so that the first one is printed early.
        let spoken = Mutex::new(started.checked_sub(HEARTBEAT - FIRST).unwrap_or(started));
        let stage = Stage { session: self, name: name.into(), doing: doing.into(), started, spoken, spinner };
        let result = work(&stage);
        let elapsed = stage.started.elapsed();
        if let Some(spinner) = &stage.spinner {
            spinner.finish_and_clear();
        }
        match result {
            Ok((summary, value)) => {
                self.say(line(style("ok").for_stderr().green(), name, &summary, elapsed));
                Ok(value)
            }
            Err(error) => {
                self.say(line(style("FAILED").for_stderr().red().bold(), name, doing, elapsed));
                Err(Failure::from_error(error).in_stage(name).into())
            }
        }
    }
}

pub struct Stage<'a> {
    pub session: &'a Session,
    name: String,
    doing: String,
    started: Instant,
    spoken: Mutex<Instant>,
    spinner: Option<ProgressBar>,
}

impl Stage<'_> {
    /// Shows the progress of the stage, for example the last line of its log.
    pub fn progress(&self, at: &str) {
        let what = format!("{}: {}", self.doing, at.trim());
        if let Some(spinner) = &self.spinner {
            spinner.set_message(what);
            return;
        }
        let mut spoken = self.spoken.lock().expect("no holder panics");
        if spoken.elapsed() >= HEARTBEAT {
            *spoken = Instant::now();
            let (dots, took) = (style("..").for_stderr(), self.started.elapsed());
            self.session.say(line(dots, &self.name, &what, took));
        }
    }
}

/// Returns a line about a stage: cut to the width of a terminal, complete in a file.
fn line(state: StyledObject<&str>, name: &str, what: &str, took: Duration) -> String {
    let state = state.to_string();
    let state = console::pad_str(&state, 6, console::Alignment::Left, None);
    let (name, took) = (format!("{name:16}"), format!("{:>9}", elapsed(took)));
    let terminal = console::Term::stderr();
    if !terminal.is_term() {
        return format!("{state} {name} {what:36} {took}");
    }
    let room = usize::from(terminal.size().1).min(100).saturating_sub(6 + 1 + name.chars().count() + 2 + took.len());
    let what = console::truncate_str(what, room, "...");
    let what = console::pad_str(&what, room, console::Alignment::Left, None);
    format!("{state} {name} {what} {took}")
}

pub fn elapsed(took: Duration) -> String {
    match took.as_secs() {
        0..60 => format!("{:.1} s", took.as_secs_f64()),
        seconds => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}
