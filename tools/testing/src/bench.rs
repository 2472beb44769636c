// SPDX-License-Identifier: GPL-2.0

//! `make bench`: what managed PCI resources and interrupt vectors cost in instructions, on the stock kernel and on ours.
//!
//! With QEMU's `-icount shift=0` the guest's clock counts instructions, one a nanosecond, and skips time in which nothing runs.
//! With one processor, and without threads of the host, a boot repeats. So each kernel boots twice and must give the same results.

mod picture;
mod rows;
mod size;

use self::rows::Counts;
use crate::{common::*, guest::*, host::packages, kernel::*, reports::results, verdict::Row};

/// The beginning of the names of its rows.
const PREFIX: &str = "bench::";

/// The picture that the documentation shows, beside the table.
const PICTURE: &str = "pci-devres-cost.svg";

/// Returns the modules for a kernel.
fn modules(kernel: Kernel) -> BTreeSet<&'static str> {
    let rust = (kernel == Kernel::Ours).then_some("pci_bench_rust");
    ["pci_bench"].into_iter().chain(rust).collect()
}

/// Measures on both kernels, twice on each. Returns the counts, and rows for the boots and the comparisons.
fn measure(session: &Session, stock: &Ready, ours: &Ready) -> Result<(Vec<rows::Count>, Vec<Row>)> {
    let mut rows = vec![same_configuration(session, stock, ours)?];
    let mut counted = |kernel, ready| -> Result<Counts> {
        let mut count = |name: &str| -> Result<Counts> {
            let ran = Run::new(list::guest("bench").named(name.into()), kernel).run(session, ready)?;
            rows.extend(ran.rows);
            Ok(counts(&ran.text))
        };
        let (first, again) = (count("bench")?, count("bench-again")?);
        rows.push(repeats(kernel, &first, &again));
        Ok(first)
    };
    let (mut theirs, mut mine) = (counted(Kernel::Stock, stock)?, counted(Kernel::Ours, ours)?);
    size::add(session, stock, ours, &mut theirs, &mut mine)?;
    let counts = rows::rows(&theirs, &mine);
    rows.extend(counts.iter().map(rows::Count::row));
    Ok((counts, rows))
}

fn counts(text: &str) -> Counts {
    let line = regex(r"(?m)^(?:bench|pci_bench_rust): (\S+/\S+) (\d+)$");
    let found = line.captures_iter(text);
    found.filter_map(|f| Some((f[1].to_string(), f[2].parse().ok()?))).collect()
}

/// Two boots of a kernel must count exactly the same. Counts above a million instructions, which are a millisecond, may contain timer
/// interrupts, so they must agree to one in a thousand. Whole drivers are exempt: they wait for disks and the like, which QEMU emulates
/// in its own threads.
fn repeats(kernel: Kernel, first: &Counts, again: &Counts) -> Row {
    let name = format!("{PREFIX}repeats{}", kernel.suffix());
    let names: BTreeSet<_> = first.keys().chain(again.keys()).filter(|name| !name.starts_with("driver/")).collect();
    let is_near = |a: u64, b: u64| a.abs_diff(b) <= if a > 1_000_000 { a / 1000 } else { 0 };
    let differing = names.iter().filter(|name| !first.get(**name).zip(again.get(**name)).is_some_and(|(a, b)| is_near(*a, *b)));
    let count = |counts: &Counts, name| counts.get(name).map_or("-".into(), u64::to_string);
    let differing: Vec<_> = differing.map(|n| format!("{n}: {}, then {}", count(first, *n), count(again, *n))).collect();
    if first.is_empty() {
        return Row::failed(name, "nothing was counted");
    }
    let row = Row::judged(name, differing.is_empty(), || {
        format!("{} of {} counts differ from one boot to the next:\n{}", differing.len(), names.len(), quote(&differing))
    });
    row.with("counts", names.len())
}

/// Checks that the configurations differ only in what the overlay adds.
fn same_configuration(session: &Session, stock: &Ready, ours: &Ready) -> Result<Row> {
    let read = |ready: &Ready| Config::read(&ready.kernel.spec.out.join(".config"));
    let (theirs, mine) = (read(stock)?, read(ours)?);
    // The software PCI bus and its tests are modules, which the guest of the benchmark does not load.
    let added = ["PCI_DEVRES_", "PCI_SOFT", "SAMPLE_RUST_DRIVER_PCI_"];
    let ours_first = theirs.differing(&mine).into_iter().map(|(symbol, ours, stock)| (symbol, stock, ours));
    let all = ours_first.chain(mine.differing(&theirs));
    let differing = all.filter(|(symbol, ..)| !added.iter().any(|ours| symbol.starts_with(ours)));
    let differing: BTreeSet<_> = differing.map(|(s, stock, ours)| format!("CONFIG_{s}: {stock}, ours {ours}")).collect();
    let out = |ready: &Ready| session.show(&ready.kernel.spec.out);
    Ok(Row::judged(format!("{PREFIX}same_configuration"), differing.is_empty(), || {
        let (differing, stock, ours) = (quote(&differing), out(stock), out(ours));
        format!("the two kernels are not comparable:\n{differing}compare {stock}/.config and {ours}/.config")
    }))
}

/// Builds both kernels, measures, and presents the results.
pub fn bench(session: &Session) -> Result<bool> {
    let prepared = prepare::source(session, packages::set("bench"))?;
    let build = |name, which| prepare::build(&prepared, &KernelSpec::named(&prepared, name)?, which, &modules(which));
    let (stock, ours) = (build("bench-stock", Kernel::Stock)?, build("bench", Kernel::Ours)?);
    let (counts, rows) = measure(session, &stock, &ours)?;
    let shown = session.root.join("Documentation/PCI");
    fs::write(shown.join("pci-devres-cost-table.txt"), rows::rst(&counts))?;
    picture::draw(&shown.join(PICTURE), &counts)?;
    println!("\n{}", rows::table(&counts));
    results::conclude(session, "bench", Some(&ours.kernel.release), &rows, &format!("picture: Documentation/PCI/{PICTURE}   "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_boots_do_not_agree_on_is_named() {
        let found = counts("bench: call/a 12\nbench: calls failed with -22\nx bench: call/b 1\n");
        assert_eq!(found, Counts::from([("call/a".into(), 12)]));
        let one = counts("bench: call/a 7000\nbench: call/b 7000000\nbench: call/c 7000000\n");
        let other = counts("bench: call/a 7001\nbench: call/b 7007000\nbench: call/c 7007001\n");
        assert!(repeats(Kernel::Ours, &one, &one).ok);
        let row = repeats(Kernel::Stock, &one, &other);
        assert!(!row.ok);
        assert_eq!(row.name, "bench::repeats@stock");
        assert!(row.message.contains("call/a: 7000, then 7001"), "{}", row.message);
        assert!(row.message.contains("call/c"));
        assert!(!row.message.contains("call/b"));
        assert!(!repeats(Kernel::Ours, &Counts::new(), &Counts::new()).ok);
    }
}
