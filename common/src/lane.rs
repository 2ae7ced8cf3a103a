//! Lanes: the unit of ownership. Arrival k lies in lane `k mod L`; whoever owns the lane fires it.

/// L, the number of lanes of every run.
pub const LANES: u16 = 4096;

/// The lane of arrival `k`.
#[must_use]
pub const fn lane_of(k: u64) -> u16 {
    (k % LANES as u64) as u16
}

/// A set of lanes.
#[derive(Clone, PartialEq, Eq)]
pub struct LaneSet {
    words: [u64; WORDS],
}

impl LaneSet {
    /// No lane.
    #[must_use]
    pub const fn empty() -> Self {
        Self { words: [0; WORDS] }
    }

    /// Every lane.
    #[must_use]
    pub const fn all() -> Self {
        Self { words: [u64::MAX; WORDS] }
    }

    /// Whether `lane` is in the set. Lanes beyond [`LANES`] are in no set.
    #[must_use]
    pub fn contains(&self, lane: u16) -> bool {
        self.words.get(usize::from(lane / 64)).is_some_and(|word| word >> (lane % 64) & 1 == 1)
    }

    /// Adds `lane`, which must be below [`LANES`].
    pub fn insert(&mut self, lane: u16) {
        assert!(lane < LANES, "lane {lane} does not exist");
        self.words[usize::from(lane / 64)] |= 1 << (lane % 64);
    }

    /// How many lanes are in the set.
    #[must_use]
    pub fn len(&self) -> u16 {
        self.words.iter().map(|word| word.count_ones() as u16).sum()
    }

    /// Whether no lane is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Adds every lane of `other`.
    pub fn join(&mut self, other: &Self) {
        self.words.iter_mut().zip(other.words).for_each(|(own, more)| *own |= more);
    }

    /// Takes every lane of `other` out.
    pub fn part(&mut self, other: &Self) {
        self.words.iter_mut().zip(other.words).for_each(|(own, less)| *own &= !less);
    }

    /// The lanes of both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.join(other);
        sum
    }

    /// The lanes that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.part(other);
        rest
    }

    /// The lanes in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..LANES).filter(|lane| self.contains(*lane))
    }

    /// The set as 512 bytes, lane 0 in the lowest bit of the first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The set that [`LaneSet::to_bytes`] wrote; `None` when it is not 512 bytes long.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut words = [0; WORDS];
        if bytes.len() != WORDS * 8 {
            return None;
        }
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        Some(Self { words })
    }
}

impl FromIterator<u16> for LaneSet {
    fn from_iter<I: IntoIterator<Item = u16>>(lanes: I) -> Self {
        let mut set = Self::empty();
        for lane in lanes {
            set.insert(lane);
        }
        set
    }
}

impl std::fmt::Debug for LaneSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {LANES} lanes", self.len())
    }
}

/// Deals `lanes` round the ring to owners by weight; the result has one set per weight, in the same order.
///
/// The c-th lane of an owner with the part p of all weight is released at position c/p of the ring and must be
/// dealt before position (c+1)/p; among the released the earliest deadline wins (earliest deadline first on
/// one processor, Liu and Layland 1973: as the parts sum to one, every deadline is met). So owners interleave
/// and after every lane each owner has its exact part, less than one lane off. Owners of weight zero get none.
#[must_use]
pub fn deal(weights: &[u32], lanes: &LaneSet) -> Vec<LaneSet> {
    let mut hands = vec![LaneSet::empty(); weights.len()];
    let mut dealt = vec![0_u64; weights.len()];
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    for (position, lane) in (0_u64..).zip(lanes.iter()) {
        let released = |owner: usize| dealt[owner] * sum / u64::from(weights[owner]) <= position;
        let deadline = |owner: usize| ((dealt[owner] + 1) * sum).div_ceil(u64::from(weights[owner]));
        let next = (0..weights.len())
            .filter(|owner| weights[*owner] > 0 && released(*owner))
            .min_by_key(|owner| deadline(*owner));
        if let Some(owner) = next {
            hands[owner].insert(lane);
            dealt[owner] += 1;
        }
    }
    hands
}

const WORDS: usize = LANES as usize / 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_owners_take_turns() {
        let hands = deal(&[1, 1, 1, 1], &LaneSet::all());
        for (owner, hand) in hands.iter().enumerate() {
            assert!(hand.iter().all(|lane| usize::from(lane) % 4 == owner), "owner {owner} is out of phase");
        }
    }

    #[test]
    fn bytes_round_trip_and_wrong_lengths_are_refused() {
        let set: LaneSet = [0, 63, 64, 4095].into_iter().collect();
        assert_eq!(LaneSet::from_bytes(&set.to_bytes()), Some(set));
        assert_eq!(LaneSet::from_bytes(&[0; 511]), None);
    }

    #[test]
    fn nobody_to_deal_to_leaves_every_lane_unowned() {
        assert_eq!(deal(&[], &LaneSet::all()), []);
        assert!(deal(&[0, 0], &LaneSet::all()).iter().all(LaneSet::is_empty));
    }

    proptest! {
        #[test]
        fn every_lane_has_one_owner_and_no_prefix_is_a_whole_lane_off(
            weights in prop::collection::vec(0_u32..1000, 1..64)
        ) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            let hands = deal(&weights, &LaneSet::all());
            let sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            let mut have = vec![0_u32; weights.len()];
            for lane in 0..LANES {
                let owners: Vec<usize> = (0..hands.len()).filter(|o| hands[*o].contains(lane)).collect();
                prop_assert_eq!(owners.len(), 1, "lane {} has owners {:?}", lane, owners);
                have[owners[0]] += 1;
                for (owner, weight) in weights.iter().enumerate() {
                    let fair = f64::from(lane + 1) * f64::from(*weight) / sum;
                    prop_assert!((f64::from(have[owner]) - fair).abs() < 1.0, "owner {} after lane {}", owner, lane);
                }
            }
        }
    }
}
