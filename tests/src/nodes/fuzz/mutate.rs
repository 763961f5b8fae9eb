//! Mutations that know what the formats are made of: lengths, LEB128 numbers, MessagePack markers.

use super::MOST_BYTES;

/// Dice that fall the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`; 0 where there is none.
    pub fn below(&mut self, most: usize) -> usize {
        (self.roll() % most.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn stretch(&mut self, bytes: &[u8], most: usize) -> std::ops::Range<usize> {
        let from = self.below(bytes.len());
        from..(from + 1 + self.below(most)).min(bytes.len())
    }
}

/// Numbers at the edges, in LEB128: 0, 1, 127, 128, 2³²−1, 2⁶³, 2⁶⁴−1, too long, −1, −2⁵⁵.
const LEB_EDGES: [&[u8]; 10] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80, 1],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    &[0xff; 12],
    &[0x7f, 0],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
];

/// Numbers at the edges, as four or eight bytes, big-endian.
const FIXED_EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];

/// Markers of MessagePack: nil, booleans, every width of number, text, bytes, array, map, extension, float.
const MARKERS: [u8; 40] = [
    0x00, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x95, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4,
    0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd9, 0xda,
    0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0,
];

/// An input of the corpus with one to five mutations.
pub fn mutate(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(corpus).clone();
    for _ in 0..=dice.below(5) {
        let other = dice.pick(corpus);
        mutate_once(&mut bytes, other, dice);
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

fn mutate_once(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(12) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = dice.roll() as u8,
        2 if !bytes.is_empty() => {
            bytes[at] = bytes[at].wrapping_add(if dice.below(2) == 0 { 1 } else { 255 })
        }
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(dice.stretch(bytes, 40))),
        5 => insert(bytes, at, &other[dice.stretch(other, 200)]),
        6 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[dice.below(other.len())..]);
        }
        7 => {
            let block = bytes[dice.stretch(bytes, 64)].to_vec();
            let most = 1 << dice.below(9);
            let times = 1 + dice.below(most);
            insert(bytes, at, &block.repeat(times.min(MOST_BYTES / block.len().max(1))));
        }
        8 => overwrite(bytes, at, dice.pick::<&[u8]>(&LEB_EDGES)),
        9 => insert(bytes, at, dice.pick::<&[u8]>(&LEB_EDGES)),
        10 => {
            let edge = dice.pick(&FIXED_EDGES).to_be_bytes();
            overwrite(bytes, at, &edge[[0, 4, 6][dice.below(3)]..]);
        }
        _ if !bytes.is_empty() => bytes[at] = *dice.pick(&MARKERS),
        _ => bytes.push(dice.roll() as u8),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, block: &[u8]) {
    let rest = bytes.split_off(at.min(bytes.len()));
    bytes.extend_from_slice(block);
    bytes.extend_from_slice(&rest);
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}
