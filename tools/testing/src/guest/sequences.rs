// SPDX-License-Identifier: GPL-2.0

//! Random sequences of calls of the PCI devres layer: the stock kernel and ours must produce the same digest of each.
//!
//! A difference is narrowed down: parts of a sequence are replayed, many in one boot, until no step can be left out. What is left
//! is printed in full for both kernels.

use std::{env, sync::LazyLock, time::SystemTime};

use crate::{common::*, guest::*, kernel::*, verdict::*};

pub const NAME: &str = "sequences";

/// Names the guest with random sequences on functions of the software PCI bus, which a model in the guest judges.
pub const ON_SOFT: &str = "soft_sequences";

/// How many calls each kernel must have answered at least, and how many in the long form.
const DUE: (u64, u64) = (20_000, 500_000);

/// How many lines of the shortest sequence are shown.
const SHOWN: usize = 120;

/// The seed of half of the sequences, which `SEED` sets. The others have the same seed each time.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    let asked = env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    asked.unwrap_or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
});

/// Returns the words for the kernel's command line of `guest`.
pub fn words(guest: &GuestSpec) -> Vec<String> {
    [NAME, ON_SOFT].contains(&guest.name).then(|| format!("seed={}", *SEED)).into_iter().collect()
}

/// The origin of a sequence.
type Key = (String, u64, u32);

/// The result of a sequence on a kernel.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    key: Key,
    steps: u32,
    calls: u64,
    digest: String,
}

fn told(text: &str) -> Vec<Told> {
    let line = regex(r"^pci_devres_sequences: device=(\S+) seed=(\d+) sequence=(\d+) steps=(\d+) calls=(\d+) digest=(.*)$");
    let told = |text| {
        let found = line.captures(text)?;
        let key = (found[1].into(), found[2].parse().ok()?, found[3].parse().ok()?);
        Some(Told { key, steps: found[4].parse().ok()?, calls: found[5].parse().ok()?, digest: found[6].into() })
    };
    text.lines().filter_map(told).collect()
}

/// Returns a row for each device, and one for the number of calls.
pub fn agree(session: &Session, ready: &BTreeMap<Kernel, Ready>, run: &Run, theirs: &Side<'_>, ours: &Side<'_>) -> Vec<Row> {
    session.say(format_args!("         SEED={} makes the same random sequences again", *SEED));
    let (a, b) = (told(theirs.text), told(ours.text));
    let mut rows = Vec::new();
    for device in ["edu", "pci-testdev", "e1000e"] {
        let name = format!("guest::{NAME}::agrees::{device}");
        let of = |all: &[Told]| -> BTreeMap<Key, Told> {
            all.iter().filter(|told| told.key.0 == device).map(|told| (told.key.clone(), told.clone())).collect()
        };
        rows.push(match shortest(&of(&a), &of(&b)) {
            None if of(&a).is_empty() => Row::failed(name, "neither kernel ran a sequence on it"),
            None => Row::passed(name).with("sequences", of(&a).len()).with("seed", *SEED),
            Some(found) => {
                let replay = |parts: &[u64], verbose| replay(session, ready, &found.key, parts, verbose);
                let shortest =
                    shortest_part(found.steps, replay).unwrap_or_else(|error| format!("it could not be replayed: {error:#}\n"));
                Row::failed(name, message(&found, run.long, &shortest, &theirs.log, &ours.log))
            }
        });
    }
    rows.push(enough(&a, &b, run.long));
    rows
}

/// Returns the shortest of the sequences on which the two do not agree.
fn shortest(a: &BTreeMap<Key, Told>, b: &BTreeMap<Key, Told>) -> Option<Told> {
    // The first sequence that a kernel did not report is the one in which it failed.
    let missing = |x: &BTreeMap<Key, Told>, y: &BTreeMap<Key, Told>| x.values().find(|told| !y.contains_key(&told.key)).cloned();
    let shortest = a.values().filter(|x| b.get(&x.key).is_some_and(|y| y != *x)).min_by_key(|told| told.steps).cloned();
    shortest.or_else(|| missing(a, b)).or_else(|| missing(b, a))
}

fn message(found: &Told, long: bool, shortest: &str, theirs: &str, ours: &str) -> String {
    let (device, seed, number) = &found.key;
    let target = if long { "equivalence" } else { "test" };
    format!(
        "the kernels differ in sequence {number} of seed {seed} on {device}\n{shortest}\
         again: make {target} TEST=guest::{NAME} SEED={seed}\nlogs: {theirs} {ours}"
    )
}

fn enough(a: &[Told], b: &[Told], long: bool) -> Row {
    let due = if long { DUE.1 } else { DUE.0 };
    let [theirs, ours] = [a, b].map(|told| told.iter().map(|told| told.calls).sum::<u64>());
    let complaint = || format!("the stock kernel answered {theirs} calls, ours {ours}, {due} are due");
    Row::judged(format!("guest::{NAME}::agrees::{due}_calls"), theirs.min(ours) >= due, complaint).with("calls", ours)
}

/// Returns the output of both kernels for the shortest part of a sequence of `count` steps in which they still differ.
fn shortest_part(count: u32, replay: impl Fn(&[u64], bool) -> Result<[String; 2]>) -> Result<String> {
    // Returns for each part whether the kernels differ.
    let differ = |parts: &[u64]| -> Result<Vec<bool>> {
        let [a, b] = replay(parts, false)?.map(|text| told(&text));
        // A kernel that failed did so in the part after those that it reported. Nothing is known of later parts.
        let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
        let differs = |at: usize| match (a.get(at), b.get(at)) {
            (Some(x), Some(y)) => x != y,
            _ => at == shorter && shorter < longer,
        };
        Ok((0..parts.len()).map(differs).collect())
    };
    let all = (1u64 << count) - 1;
    if differ(&[all])? == [false] {
        return Ok(quote(["replayed alone it does not differ: it takes what ran before it"]));
    }
    let kept = shrink::shrink(all, differ)?;
    let [theirs, ours] = replay(&[kept], true)?.map(|text| full(&text));
    let numbers: Vec<String> = shrink::steps(kept).iter().map(u32::to_string).collect();
    let steps = if numbers.is_empty() { "binding and detach" } else { &numbers.join(", ") };
    let shown = difference(SHOWN, SHOWN, ("the stock kernel", &theirs), ("ours", &ours));
    Ok(format!("{} of its {count} steps are enough: {steps}\n{shown}", numbers.len()))
}

/// Boots both kernels, and returns what each printed.
fn replay(session: &Session, ready: &BTreeMap<Kernel, Ready>, key: &Key, parts: &[u64], verbose: bool) -> Result<[String; 2]> {
    let (device, seed, number) = key;
    let parts: Vec<String> = parts.iter().map(|part| format!("{part:x}")).collect();
    let words = vec![format!("replay={device}:{seed}:{number}:{}", parts.join(",")), format!("verbose={}", u8::from(verbose))];
    let boot = |kernel| -> Result<String> {
        let run = Run { words: words.clone(), ..Run::new(list::guest(NAME).named("sequences-replay".into()), kernel) };
        Ok(run.run(session, ready.get(&kernel).context("the kernel was not built")?)?.text)
    };
    std::thread::scope(|scope| {
        let theirs = scope.spawn(|| boot(Kernel::Stock));
        let ours = boot(Kernel::Ours)?;
        Ok([theirs.join().expect("no boot panics")?, ours])
    })
}

/// Returns the full text of a sequence.
fn full(text: &str) -> String {
    text.lines().filter_map(|line| line.strip_prefix("pci_devres_sequences: | ")).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u32, steps: u32, digest: &str) -> String {
        format!("pci_devres_sequences: device=edu seed=7 sequence={number} steps={steps} calls=30 digest={digest}\n")
    }

    fn map(text: &str) -> BTreeMap<Key, Told> {
        told(text).into_iter().map(|t| (t.key.clone(), t)).collect()
    }

    #[test]
    fn the_shortest_difference_is_found() {
        let text = |digests: [&str; 3]| line(0, 40, digests[0]) + "other\n" + &line(1, 20, digests[1]) + &line(2, 30, digests[2]);
        let (one, both) = (line(0, 40, "a"), line(0, 40, "a") + &line(1, 20, "b"));
        for (a, b, number) in [
            (text(["a", "b", "c"]), text(["a", "b", "c"]), None),
            (text(["a", "b", "c"]), text(["x", "x", "c"]), Some(1)),
            // A kernel that broke down.
            (both.clone(), one.clone(), Some(1)),
            (one, both, Some(1)),
        ] {
            assert_eq!(super::shortest(&map(&a), &map(&b)).map(|told| told.key.2), number, "{a}{b}");
        }
    }

    #[test]
    fn too_few_calls_are_a_failure() {
        assert!(!enough(&told(&line(0, 40, "a")), &told(&line(0, 40, "a")), false).ok);
    }

    #[test]
    fn both_sides_are_shown() {
        let call = |number: u32, value: i32| format!("pci_devres_sequences: | {number} f() = {value}\nnoise\n");
        let text = |value| full(&[call(0, value), call(1, 0), call(2, value)].concat());
        let shown = difference(SHOWN, SHOWN, ("the stock kernel", &text(0)), ("ours", &text(-16)));
        assert!(shown.contains("    | -0 f() = 0\n    | +0 f() = -16\n"), "{shown}");
    }
}
