//! A second implementation of the bytes, written from `docs/sync.md` and not from the product.

use flate2::read::DeflateDecoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;

/// SHA-256 of the parts, joined.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// One event: id and value.
pub type Event = (Vec<u8>, Vec<u8>);

/// Unsigned LEB128.
pub fn u(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n > 127 {
        bytes.push((n % 128) as u8 + 128);
        n /= 128;
    }
    bytes.push(n as u8);
    bytes
}

/// Signed LEB128 of −n.
fn minus(n: u64) -> Vec<u8> {
    match -(n as i64) {
        small @ -64.. => vec![(small & 127) as u8],
        more => [vec![(more & 127) as u8 + 128], vec![((more >> 7) & 127) as u8]].concat(),
    }
}

/// Signed LEB128 of n ≥ 0.
fn plus(n: u64) -> Vec<u8> {
    match n {
        0..64 => vec![n as u8],
        _ => [vec![(n % 128) as u8 + 128], plus(n / 128)].concat(),
    }
}

fn rle(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut literal: Vec<u64> = Vec::new();
    let flush = |literal: &mut Vec<u64>, bytes: &mut Vec<u8>| {
        if !literal.is_empty() {
            bytes.extend(minus(literal.len() as u64));
            literal.drain(..).for_each(|n| bytes.extend(u(n)));
        }
    };
    for alike in numbers.chunk_by(|a, b| a == b) {
        if alike.len() == 1 {
            literal.push(alike[0]);
        } else {
            flush(&mut literal, &mut bytes);
            bytes.extend([plus(alike.len() as u64), u(alike[0])].concat());
        }
    }
    flush(&mut literal, &mut bytes);
    bytes
}

/// The chunk of a change and its hash.
pub fn change(actor: &[u8], seq: u64, before: &[u8], next_op: u64, events: &[Event]) -> (Vec<u8>, [u8; 32]) {
    let n = events.len() as u64;
    let mut keys = minus(n);
    for (id, _) in events {
        keys.extend([u(32), hex::encode(id).into_bytes()].concat());
    }
    let lengths: Vec<u64> = events.iter().map(|(_, value)| value.len() as u64 * 16 + 7).collect();
    let columns = [
        (0x15, keys),
        (0x34, u(n)),
        (0x42, rle(&vec![1; events.len()])),
        (0x56, rle(&lengths)),
        (0x57, events.iter().flat_map(|(_, value)| value.clone()).collect()),
        (0x70, rle(&vec![0; events.len()])),
    ];
    let mut body = if seq == 0 { u(0) } else { [u(1), before.to_vec()].concat() };
    body.extend([u(16), actor.to_vec(), u(seq + 1), u(next_op), vec![0, 0, 0], u(6)].concat());
    columns.iter().for_each(|(kind, data)| body.extend([u(*kind), u(data.len() as u64)].concat()));
    columns.iter().for_each(|(_, data)| body.extend(data));
    let hashed = [vec![1], u(body.len() as u64), body].concat();
    let hash = sha256(&[&hashed]);
    ([&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &hashed].concat(), hash)
}

/// Reads bytes from the front; `None` at the end.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n as usize)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for place in 0..10 {
            let byte = self.byte()?;
            n += u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                return Some(n);
            }
        }
        None
    }

    fn stream(&mut self) -> Option<Bytes<'a>> {
        let length = self.u()?;
        self.take(length).map(Bytes)
    }

    fn number(&mut self, width: u64) -> Option<u64> {
        Some(self.take(width)?.iter().fold(0, |n, byte| n * 256 + u64::from(*byte)))
    }
}

fn unzigzag(n: u64, base: u64) -> u64 {
    base.wrapping_add(if n.is_multiple_of(2) { n / 2 } else { !(n / 2) })
}

struct Column<'a> {
    mode: u8,
    before: u64,
    items: Bytes<'a>,
    literals: Bytes<'a>,
    dictionary: Vec<&'a [u8]>,
}

impl Column<'_> {
    fn number(&mut self, time: u64) -> Option<u64> {
        let written = self.items.u()?;
        self.before = match self.mode {
            0 => written,
            1 => unzigzag(written, self.before),
            2 => unzigzag(written, time),
            3 => unzigzag(written, time * 65_536),
            _ => return None,
        };
        Some(self.before)
    }

    fn bytes(&mut self, id: &[u8]) -> Option<Vec<u8>> {
        match self.items.u()? {
            0 => {
                let literal = self.literals.stream()?.0;
                self.dictionary.push(literal);
                Some(literal.to_vec())
            }
            1 => Some(id.to_vec()),
            k => self.dictionary.get(k as usize - 2).map(|found| found.to_vec()),
        }
    }
}

/// The events of each change of a packed run.
pub fn unpack(bytes: &[u8]) -> Option<Vec<Vec<Event>>> {
    let (first, rest) = bytes.split_first()?;
    let mut plain = rest.to_vec();
    if *first == 1 {
        plain.clear();
        DeflateDecoder::new(rest).read_to_end(&mut plain).ok()?;
    }
    let mut from = Bytes(&plain);
    if *first > 1 || from.u()? != 1 {
        return None;
    }
    let changes = from.u()? as usize;
    let mut counts = Vec::new();
    while counts.len() < changes {
        let (alike, each) = (from.u()?, from.u()?);
        counts.extend((0..alike).map(|_| each as usize));
    }
    let total: usize = counts.iter().sum();
    let mut time = 0;
    let mut ids: Vec<Vec<u8>> = Vec::new();
    for _ in 0..total {
        time = unzigzag(from.u()?, time);
        ids.push(time.to_be_bytes()[2..].to_vec());
    }
    for id in &mut ids {
        id.extend(from.take(10)?);
    }
    let mut shapes: Vec<Vec<(u8, u64)>> = Vec::new();
    for _ in 0..from.u()? {
        let mut tokens = from.stream()?;
        let mut shape = Vec::new();
        while let Some(kind) = tokens.byte() {
            shape.push((kind, if kind == 6 || kind == 7 { tokens.u()? } else { 0 }));
        }
        shapes.push(shape);
    }
    let mut of_values = from.stream()?;
    let places = shapes.iter().flat_map(|shape| shape.iter().enumerate().map(|(at, (kind, _))| (at, *kind)));
    let places: BTreeSet<_> = places.filter(|(_, kind)| ![0, 6, 7].contains(kind)).collect();
    let mut columns = std::collections::BTreeMap::new();
    for (at, kind) in places {
        let is_number = [1, 2, 3].contains(&kind);
        let mode = if is_number { from.byte()? } else { 0 };
        let items = from.stream()?;
        let literals = if is_number { Bytes(&[]) } else { from.stream()? };
        columns.insert((at, kind), Column { mode, before: 0, items, literals, dictionary: Vec::new() });
    }
    let mut events = Vec::new();
    for id in ids {
        let shape = shapes.get(of_values.u()? as usize)?;
        let time = id[..6].iter().fold(0, |n, byte| n * 256 + u64::from(*byte));
        let (mut value, mut nested, mut left) = (Vec::new(), Vec::new(), 0);
        for (at, (kind, count)) in shape.iter().enumerate() {
            if *kind == 7 {
                left = *count;
                continue;
            }
            let column = columns.get_mut(&(at, *kind));
            let token = token(*kind, *count, column, &id, time)?;
            if left == 0 {
                value.extend(token);
                continue;
            }
            nested.extend(token);
            left -= 1;
            if left == 0 {
                value.extend(sized(0xc4, std::mem::take(&mut nested)));
            }
        }
        events.push((id, value));
    }
    if !from.0.is_empty() || !of_values.0.is_empty() {
        return None;
    }
    let mut events = events.into_iter();
    Some(counts.iter().map(|count| events.by_ref().take(*count).collect()).collect())
}

fn token(kind: u8, count: u64, column: Option<&mut Column<'_>>, id: &[u8], time: u64) -> Option<Vec<u8>> {
    Some(match kind {
        0 => vec![0xc0],
        1 => shortest(column?.number(time)?),
        2 => match column?.number(time)? {
            n @ 0..32 => vec![!(n as u8)],
            n @ 32..128 => vec![0xd0, !(n as u8)],
            n @ 128..0x8000 => [&[0xd1][..], &(!n).to_be_bytes()[6..]].concat(),
            n @ 0x8000..0x8000_0000 => [&[0xd2][..], &(!n).to_be_bytes()[4..]].concat(),
            n => [&[0xd3][..], &(!n).to_be_bytes()].concat(),
        },
        3 => vec![0xc2 + (column?.number(time)? & 1) as u8],
        4 => match column?.bytes(id)? {
            text if text.len() < 32 => [vec![0xa0 + text.len() as u8], text].concat(),
            text => sized(0xd9, text),
        },
        5 => sized(0xc4, column?.bytes(id)?),
        6 if count < 16 => vec![0x90 + count as u8],
        6 => [&[0xdc][..], &count.to_be_bytes()[6..]].concat(),
        8 => column?.bytes(id)?,
        _ => return None,
    })
}

fn shortest(n: u64) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    match n {
        0..128 => vec![n as u8],
        128..0x100 => [&[0xcc][..], &bytes[7..]].concat(),
        0x100..0x1_0000 => [&[0xcd][..], &bytes[6..]].concat(),
        0x1_0000..0x1_0000_0000 => [&[0xce][..], &bytes[4..]].concat(),
        _ => [&[0xcf][..], &bytes].concat(),
    }
}

fn sized(marker: u8, content: Vec<u8>) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let head = match content.len() {
        0..0x100 => [&[marker][..], &length[7..]].concat(),
        _ => [&[marker + 1][..], &length[6..]].concat(),
    };
    [head, content].concat()
}

/// MessagePack as JSON: bytes become their hexadecimal digits.
pub fn msgpack(bytes: &[u8]) -> Option<Value> {
    let mut from = Bytes(bytes);
    let value = item(&mut from)?;
    from.0.is_empty().then_some(value)
}

fn item(from: &mut Bytes<'_>) -> Option<Value> {
    let marker = from.byte()?;
    Some(match marker {
        0xc0 => Value::Null,
        0xc2 | 0xc3 => json!(marker == 0xc3),
        0x00..=0x7f => json!(marker),
        0xcc..=0xcf => json!(from.number(1 << (marker - 0xcc))?),
        0xe0..=0xff => json!(marker as i8),
        0xd0..=0xd3 => {
            let width = 1 << (marker - 0xd0);
            let shift = 64 - 8 * width as u32;
            json!(((from.number(width)? << shift) as i64) >> shift)
        }
        0xa0..=0xbf => text(from.take(u64::from(marker & 31))?)?,
        0xd9..=0xdb => {
            let length = from.number(1 << (marker - 0xd9))?;
            text(from.take(length)?)?
        }
        0xc4..=0xc6 => {
            let length = from.number(1 << (marker - 0xc4))?;
            json!(hex::encode(from.take(length)?))
        }
        0x90..=0x9f => items(from, u64::from(marker & 15))?,
        0xdc => {
            let count = from.number(2)?;
            items(from, count)?
        }
        0x81 => json!({ item(from)?.as_str()?: item(from)? }),
        _ => return None,
    })
}

fn items(from: &mut Bytes<'_>, count: u64) -> Option<Value> {
    (0..count).map(|_| item(from)).collect::<Option<Vec<_>>>().map(Value::from)
}

fn text(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(Value::from)
}
