//! How many lanes everybody should hold: by weight, within caps, in whole lanes.

use crate::lane::LANES;

/// What a session counts for when lanes are dealt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// In proportion to this.
    pub weight: u32,
    /// No more lanes than this.
    pub cap: u16,
}

/// A number of lanes for each claim, in proportion to weight, never above a cap. The sum is all lanes, unless every
/// claim is at its cap.
///
/// Who would get more than the cap gets the cap, and the rest is shared among the others; fractions of lanes go to
/// those with the largest remainders (Hamilton's method), earlier claims first.
pub(super) fn quotas(claims: &[Claim]) -> Vec<u16> {
    let mut quotas: Vec<Option<u16>> = claims.iter().map(|c| (c.weight == 0).then_some(0)).collect();
    loop {
        let open: Vec<usize> = (0..claims.len()).filter(|n| quotas[*n].is_none()).collect();
        let left = u64::from(LANES) - quotas.iter().flatten().map(|quota| u64::from(*quota)).sum::<u64>();
        let weight: u64 = open.iter().map(|n| u64::from(claims[*n].weight)).sum();
        let above = |n: &usize| u64::from(claims[*n].weight) * left > u64::from(claims[*n].cap) * weight;
        let capped: Vec<usize> = open.iter().copied().filter(above).collect();
        if capped.is_empty() {
            round(claims, &mut quotas, &open, left, weight);
            return quotas.into_iter().map(Option::unwrap_or_default).collect();
        }
        capped.into_iter().for_each(|n| quotas[n] = Some(claims[n].cap));
    }
}

fn round(claims: &[Claim], quotas: &mut [Option<u16>], open: &[usize], left: u64, weight: u64) {
    let part = |n: usize| u64::from(claims[n].weight) * left;
    let mut given = 0;
    for n in open {
        let whole = u16::try_from(part(*n) / weight).unwrap_or(LANES);
        quotas[*n] = Some(whole);
        given += u64::from(whole);
    }
    let mut by_rest = open.to_vec();
    by_rest.sort_by_key(|n| std::cmp::Reverse(part(*n) % weight));
    let room = |n: &&usize| quotas[**n].is_some_and(|quota| quota < claims[**n].cap);
    let more: Vec<usize> =
        by_rest.iter().filter(room).take(usize::try_from(left - given).unwrap_or(0)).copied().collect();
    more.into_iter().for_each(|n| quotas[n] = quotas[n].map(|quota| quota + 1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(claims: &[(u32, u16)]) -> Vec<u16> {
        let claims: Vec<Claim> =
            claims.iter().map(|(weight, cap)| Claim { weight: *weight, cap: *cap }).collect();
        quotas(&claims)
    }

    #[test]
    fn lanes_follow_weights_within_caps() {
        for (claims, expected) in [
            (vec![(1, LANES), (1, LANES), (1, LANES)], vec![1366, 1365, 1365]),
            (vec![(3, LANES), (1, LANES)], vec![3072, 1024]),
            (vec![(1, 100), (1, LANES), (1, LANES)], vec![100, 1998, 1998]),
            (vec![(1, 100), (5, 200)], vec![100, 200]),
            (vec![(0, LANES), (2, LANES)], vec![0, LANES]),
            (vec![], vec![]),
        ] {
            assert_eq!(of(&claims), expected, "{claims:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_above_the_cap_and_nothing_is_left_that_somebody_could_take(
            claims in prop::collection::vec((0_u32..1000, 0_u16..5000), 1..40)
        ) {
            let quotas = of(&claims);
            let sum: u64 = quotas.iter().map(|quota| u64::from(*quota)).sum();
            prop_assert!(quotas.iter().zip(&claims).all(|(quota, (_, cap))| quota <= cap));
            let room: u64 = claims.iter().filter(|c| c.0 > 0).map(|(_, cap)| u64::from(*cap)).sum();
            prop_assert_eq!(sum, room.min(u64::from(LANES)));
        }
    }
}
