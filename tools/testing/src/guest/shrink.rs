// SPDX-License-Identifier: GPL-2.0

//! Shortens a sequence of steps that shows something to one that still shows it, and of which no step can be left out.

use crate::common::*;

/// The number of sequences that are tried at a time. Each costs little, because all of them share the boot of a guest.
pub const AT_A_TIME: usize = 90;

/// Leaves out steps of `all`, which has a bit for each, as long as the rest `shows` it. `shows` gets many sequences at a time, each
/// only once.
pub fn shrink(all: u64, mut shows: impl FnMut(&[u64]) -> Result<Vec<bool>>) -> Result<u64> {
    let mut kept = all;
    // Combine steps that could be left out one by one.
    let mut hoped = Vec::new();
    loop {
        let mut tries: Vec<u64> = hoped.iter().copied().filter(|t| *t != kept).collect();
        let singles = steps(kept);
        let mut size = singles.len() / 2;
        while size > 0 {
            // All sequences that leave out one step are tried, so that the result is known to be minimal.
            if size == 1 || tries.len() + singles.len().div_ceil(size) + singles.len() <= AT_A_TIME {
                tries.extend(without(kept, &singles, size));
            }
            size /= 2;
        }
        tries.truncate(AT_A_TIME.max(singles.len()));
        if tries.is_empty() {
            return Ok(kept);
        }
        let shown: Vec<u64> = std::iter::zip(&tries, shows(&tries)?).filter_map(|(tried, shows)| shows.then_some(*tried)).collect();
        let Some(shortest) = shown.iter().copied().min_by_key(|t| t.count_ones()) else { return Ok(kept) };
        hoped = vec![shown.iter().fold(kept, |all, one| all & one)];
        hoped.extend(shown.iter().map(|one| one & shortest));
        hoped.sort_unstable_by_key(|t| t.count_ones());
        hoped.dedup();
        hoped.truncate(AT_A_TIME / 4);
        kept = shortest;
    }
}

/// Returns the numbers of the steps in `kept`.
pub fn steps(kept: u64) -> Vec<u32> {
    (0..u64::BITS).filter(|step| kept & 1 << step != 0).collect()
}

/// Returns `kept` without its first `size` steps, without the next ones, and so on.
fn without(kept: u64, steps: &[u32], size: usize) -> impl Iterator<Item = u64> + '_ {
    steps.chunks(size).map(move |chunk| chunk.iter().fold(kept, |kept, step| kept & !(1u64 << step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortest(all: u64, shows: impl Fn(u64) -> bool) -> (u64, usize) {
        let mut boots = 0;
        let kept = shrink(all, |tries| {
            boots += 1;
            assert!(tries.len() <= AT_A_TIME);
            Ok(tries.iter().map(|t| shows(*t)).collect())
        });
        (kept.unwrap(), boots)
    }

    #[test]
    fn what_is_needed_is_left() {
        let (all, needed) = ((1 << 60) - 1, 1 << 3 | 1 << 17 | 1 << 58);
        let (kept, boots) = shortest(all, |t| t & needed == needed);
        assert_eq!(kept, needed);
        assert!(boots <= 8, "{boots}");
        // One of two will do, nothing can be enough, and all can be needed.
        assert_eq!(shortest(all, |t| t & (1 << 7 | 1 << 40) != 0).0.count_ones(), 1);
        assert_eq!(shortest((1 << 40) - 1, |_| true).0, 0);
        assert_eq!(shortest(all, |t| t == all).0, all);
    }
}
