//! Columns: how the values of a run are laid out before compression.
//!
//! Events of one kind look alike, so their values are taken apart: MessagePack tokens that stand at
//! the same place go into one column, numbers as differences, texts and bytes as indexes into what
//! the column has met before. A value that is not MessagePack in its shortest form stays whole. Log
//! and wire never depend on what the values mean.
//!
//! Layout, numbers in LEB128: the times of the ids as differences, their random rest; the shapes,
//! the shape of each value; then each column's streams in order of (place, token).

use super::change::Put;
use super::leb::{Reader, put_unsigned};
use super::token::{self, Token, Type};
use crate::ids::EventId;
use std::collections::{BTreeMap, BTreeSet};

/// More shapes than this, and the rest of the values stay whole.
const MOST_SHAPES: usize = 250;
/// The token types of a value, encoded: type, and for arrays and nested values a count.
type Shape = Vec<u8>;
/// Where a token stands in its value, and its type.
type Place = (usize, Type);

/// How a column of numbers is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    Nothing = 0,
    Before = 1,
    IdTime = 2,
    IdStamp = 3,
}

const AGAINST: [Against; 4] = [Against::Nothing, Against::Before, Against::IdTime, Against::IdStamp];

/// Every put takes at least so many bytes: a byte of its id's time, ten of the rest.
pub const LEAST_PUT: usize = 11;

/// Why columns cannot be read.
pub const SHORT: &str = "it ends early";

/// The time part of an event id: its first six bytes.
fn id_time(id: &EventId) -> u64 {
    id.0[..6].iter().fold(0, |time, byte| time << 8 | u64::from(*byte))
}

fn difference(value: u64, base: u64) -> u64 {
    let wrapped = value.wrapping_sub(base) as i64;
    ((wrapped << 1) ^ (wrapped >> 63)) as u64
}

fn undo(difference: u64, base: u64) -> u64 {
    let wrapped = (difference >> 1) as i64 ^ -((difference & 1) as i64);
    base.wrapping_add(wrapped as u64)
}

impl Against {
    fn base(self, before: u64, time: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Before => before,
            Self::IdTime => time,
            Self::IdStamp => time << 16,
        }
    }

    fn put(self, bytes: &mut Vec<u8>, value: u64, before: u64, time: u64) {
        match self {
            Self::Nothing => put_unsigned(bytes, value),
            _ => put_unsigned(bytes, difference(value, self.base(before, time))),
        }
    }
}

/// One column being filled.
#[derive(Default)]
struct Column<'a> {
    numbers: Vec<(u64, u64)>,
    indexes: Vec<u8>,
    literals: Vec<u8>,
    met: BTreeMap<&'a [u8], u64>,
    last: Option<(&'a [u8], u64)>,
}

impl<'a> Column<'a> {
    fn text(&mut self, text: &'a [u8], id: &EventId) {
        if let Some((_, index)) = self.last.filter(|(last, _)| *last == text) {
            return put_unsigned(&mut self.indexes, index);
        }
        if text == id.0 {
            return put_unsigned(&mut self.indexes, 1);
        }
        let next = self.met.len() as u64 + 2;
        let index = *self.met.entry(text).or_insert(next);
        self.last = Some((text, index));
        if index < next {
            return put_unsigned(&mut self.indexes, index);
        }
        put_unsigned(&mut self.indexes, 0);
        put_unsigned(&mut self.literals, text.len() as u64);
        self.literals.extend_from_slice(text);
    }

    fn finish(self, kind: Type, plain: &mut Vec<u8>) {
        if kind.is_number() {
            let written = AGAINST.map(|against| (against, self.written(against)));
            let (against, bytes) =
                written.into_iter().min_by_key(|(_, bytes)| bytes.len()).expect("there are four ways");
            plain.push(against as u8);
            put_stream(plain, &bytes);
        } else {
            put_stream(plain, &self.indexes);
            put_stream(plain, &self.literals);
        }
    }

    fn written(&self, against: Against) -> Vec<u8> {
        let (mut bytes, mut before) = (Vec::with_capacity(self.numbers.len()), 0);
        for (value, time) in &self.numbers {
            against.put(&mut bytes, *value, before, *time);
            before = *value;
        }
        bytes
    }
}

fn put_stream(plain: &mut Vec<u8>, bytes: &[u8]) {
    put_unsigned(plain, bytes.len() as u64);
    plain.extend_from_slice(bytes);
}

/// Appends ids and values of these puts.
pub fn write<'a>(plain: &mut Vec<u8>, puts: impl Iterator<Item = &'a Put> + Clone) {
    write_ids(plain, puts.clone());
    let mut numbers: BTreeMap<Shape, u64> = BTreeMap::new();
    let mut shapes = Vec::new();
    let mut of_values = Vec::new();
    let mut columns: BTreeMap<Place, Column<'a>> = BTreeMap::new();
    let (mut tokens, mut shape) = (Vec::new(), Vec::new());
    for put in puts {
        token::read(&put.value, &mut tokens);
        token::shape_of(&tokens, &mut shape);
        let number = match numbers.get(&shape) {
            Some(number) => *number,
            None => {
                if numbers.len() >= MOST_SHAPES {
                    tokens = vec![Token::Whole(&put.value)];
                    token::shape_of(&tokens, &mut shape);
                }
                let next = numbers.len() as u64;
                let number = *numbers.entry(shape.clone()).or_insert(next);
                if number == next {
                    put_stream(&mut shapes, &shape);
                }
                number
            }
        };
        put_unsigned(&mut of_values, number);
        for (place, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind().has_column()) {
            let column = columns.entry((place, token.kind())).or_default();
            match token {
                Token::Number(_, value) => column.numbers.push((*value, id_time(&put.id))),
                Token::Bytes(_, bytes) | Token::Whole(bytes) => column.text(bytes, &put.id),
                Token::Nil | Token::Array(_) | Token::Nested(_) => {}
            }
        }
    }
    put_unsigned(plain, numbers.len() as u64);
    plain.extend_from_slice(&shapes);
    put_stream(plain, &of_values);
    for ((_, kind), column) in columns {
        column.finish(kind, plain);
    }
}

fn write_ids<'a>(plain: &mut Vec<u8>, puts: impl Iterator<Item = &'a Put> + Clone) {
    let mut before = 0;
    for put in puts.clone() {
        let time = id_time(&put.id);
        put_unsigned(plain, difference(time, before));
        before = time;
    }
    for put in puts {
        plain.extend_from_slice(&put.id.0[6..]);
    }
}

/// One column being read.
struct Reading<'a> {
    against: Against,
    before: u64,
    stream: Reader<'a>,
    literals: Reader<'a>,
    met: Vec<&'a [u8]>,
}

impl<'a> Reading<'a> {
    fn open(kind: Type, reader: &mut Reader<'a>) -> Option<Self> {
        let against = match kind.is_number() {
            true => *AGAINST.get(usize::from(reader.take(1)?[0]))?,
            false => Against::Nothing,
        };
        let stream = stream(reader)?;
        let literals = if kind.is_number() { Reader::new(&[]) } else { self::stream(reader)? };
        Some(Self { against, before: 0, stream, literals, met: Vec::new() })
    }

    fn number(&mut self, time: u64) -> Option<u64> {
        let written = self.stream.unsigned()?;
        self.before = match self.against {
            Against::Nothing => written,
            against => undo(written, against.base(self.before, time)),
        };
        Some(self.before)
    }

    fn text<'b>(&mut self, id: &'b EventId) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        match self.stream.unsigned()? {
            0 => {
                let length = usize::try_from(self.literals.unsigned()?).ok()?;
                let text = self.literals.take(length)?;
                self.met.push(text);
                Some(text)
            }
            1 => Some(&id.0),
            index => self.met.get(usize::try_from(index - 2).ok()?).copied(),
        }
    }

    fn is_read(&self) -> bool {
        self.stream.remaining() == 0 && self.literals.remaining() == 0
    }
}

fn stream<'a>(reader: &mut Reader<'a>) -> Option<Reader<'a>> {
    let length = usize::try_from(reader.unsigned()?).ok()?;
    reader.take(length).map(Reader::new)
}

/// Reads `count` puts back; together they may not hold more than `most_bytes`.
pub fn read(reader: &mut Reader<'_>, count: usize, most_bytes: usize) -> Result<Vec<Put>, &'static str> {
    let ids = read_ids(reader, count).ok_or(SHORT)?;
    let shapes = read_shapes(reader)?;
    let mut of_values = stream(reader).ok_or(SHORT)?;
    let places = |shape: &Vec<(Type, usize)>| {
        let places: Vec<Place> = shape.iter().enumerate().map(|(place, kind)| (place, kind.0)).collect();
        places.into_iter().filter(|(_, kind)| kind.has_column())
    };
    let keys: Vec<Place> = shapes.iter().flat_map(places).collect::<BTreeSet<_>>().into_iter().collect();
    let opened = keys.iter().map(|(_, kind)| Reading::open(*kind, reader)).collect::<Option<Vec<_>>>();
    let mut opened = opened.ok_or(SHORT)?;
    // Which column each token of each shape is read from.
    let plans: Vec<Vec<usize>> = shapes
        .iter()
        .map(|shape| {
            let column = |(place, kind): (usize, &(Type, usize))| {
                keys.binary_search(&(place, kind.0)).unwrap_or(usize::MAX)
            };
            shape.iter().enumerate().map(column).collect()
        })
        .collect();
    let mut puts = Vec::with_capacity(count);
    let mut room = most_bytes;
    for id in ids {
        let number = of_values.unsigned().and_then(|number| usize::try_from(number).ok()).ok_or(SHORT)?;
        let (shape, plan) =
            shapes.get(number).zip(plans.get(number)).ok_or("it names a shape it does not hold")?;
        let value = read_value(shape, plan, &mut opened, &id, room)?;
        room -= value.len();
        puts.push(Put { id, value });
    }
    if of_values.remaining() != 0 || !opened.iter().all(Reading::is_read) {
        return Err("a column is longer than its values");
    }
    Ok(puts)
}

fn read_value(
    shape: &[(Type, usize)],
    plan: &[usize],
    columns: &mut [Reading<'_>],
    id: &EventId,
    room: usize,
) -> Result<Vec<u8>, &'static str> {
    let time = id_time(id);
    let mut writer = token::Writer::new(room);
    for ((kind, count), column) in shape.iter().zip(plan) {
        let token = match kind {
            Type::Nil => Token::Nil,
            Type::Array => Token::Array(*count),
            Type::Nested => Token::Nested(*count),
            kind if kind.is_number() => Token::Number(*kind, columns[*column].number(time).ok_or(SHORT)?),
            Type::Whole => Token::Whole(columns[*column].text(id).ok_or(SHORT)?),
            kind => Token::Bytes(*kind, columns[*column].text(id).ok_or(SHORT)?),
        };
        writer.put(&token).ok_or("it expands to too much")?;
    }
    writer.finish().ok_or("a shape in it is none")
}

fn read_ids(reader: &mut Reader<'_>, count: usize) -> Option<Vec<EventId>> {
    let mut times = Vec::with_capacity(count);
    let mut before = 0;
    for _ in 0..count {
        before = undo(reader.unsigned()?, before);
        if before >> 48 != 0 {
            return None;
        }
        times.push(before);
    }
    let rest = reader.take(count * 10)?;
    let id = |(time, rest): (u64, &[u8])| {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        id[6..].copy_from_slice(rest);
        EventId(id)
    };
    Some(times.into_iter().zip(rest.chunks_exact(10)).map(id).collect())
}

fn read_shapes(reader: &mut Reader<'_>) -> Result<Vec<Vec<(Type, usize)>>, &'static str> {
    let count = reader.unsigned().ok_or(SHORT)?;
    let mut shapes = Vec::new();
    for _ in 0..count {
        let shape = stream(reader).ok_or(SHORT)?;
        shapes.push(token::read_shape(shape).ok_or("a shape in it is none")?);
        if shapes.len() > MOST_SHAPES + 1 {
            return Err("it has too many shapes");
        }
    }
    Ok(shapes)
}

#[cfg(test)]
mod tests {
    use crate::domain::{BenchField, BenchRecorded};
    use crate::ids::EventId;
    use crate::log::{Put, pack, unpack};
    use proptest::prelude::*;

    /// A value as events have it, one with odd parts, or noise.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let field = prop_oneof![
            any::<i64>().prop_map(BenchField::Number),
            (-300i64..300).prop_map(BenchField::Number),
            "\\PC{0,40}".prop_map(BenchField::Text),
        ];
        let body = (prop::collection::vec(field, 0..20), "[甲乙丙]{1,2}").prop_map(|(fields, course)| {
            let (kind, branch) = ("attendance".to_owned(), "b00".to_owned());
            crate::packed::packed(&BenchRecorded { kind, branch, course, fields })
        });
        let nested = (body, any::<u64>(), any::<bool>(), prop::option::of(any::<[u8; 16]>())).prop_map(
            |(body, number, flag, id)| {
                let body = serde_bytes::ByteBuf::from(body);
                let id = id.map(|id| serde_bytes::ByteBuf::from(id.to_vec()));
                rmp_serde::to_vec(&("kind", number, flag, id, body)).unwrap()
            },
        );
        let noise = prop::collection::vec(any::<u8>(), 1..80);
        // A number in more bytes than it needs, a float and a map stay whole.
        let odd = Just(vec![0x93, 0xcd, 0x00, 0x01, 0xca, 0, 0, 0, 0, 0x81, 1, 2]);
        prop_oneof![4 => nested, 1 => noise, 1 => odd]
    }

    fn changes() -> impl Strategy<Value = Vec<Vec<Put>>> {
        let put = (any::<[u8; 16]>(), value()).prop_map(|(id, value)| Put { id: EventId(id), value });
        prop::collection::vec(prop::collection::vec(put, 1..4), 1..40)
    }

    proptest! {
        #[test]
        fn changes_come_back_byte_for_byte(changes in changes()) {
            prop_assert_eq!(unpack(&pack(&changes)).unwrap(), changes);
        }

        #[test]
        fn a_run_cut_or_changed_anywhere_is_read_or_refused(
            changes in changes(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = pack(&changes);
            let at = at.index(bytes.len());
            let _ = unpack(&bytes[..at]);
            bytes[at] = byte;
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn a_reference_to_the_events_own_id_takes_no_room() {
        let alike = |with_id: bool| {
            let put = |n: u8| {
                let id = [[n.wrapping_mul(151); 8], [n.wrapping_mul(97); 8]].concat();
                let named = if with_id { id.clone() } else { vec![7; 16] };
                let value = rmp_serde::to_vec(&("kind", serde_bytes::ByteBuf::from(named))).unwrap();
                vec![Put { id: EventId::from_slice(&id).unwrap(), value }]
            };
            pack(&(0..200).map(put).collect::<Vec<_>>()).len()
        };
        assert!(alike(true) <= alike(false) + 4);
    }
}
