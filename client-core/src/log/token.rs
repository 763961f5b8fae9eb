//! MessagePack tokens: a value taken apart and put together again, byte for byte.

use super::leb::{Reader, put_unsigned};

/// A value with more tokens stays whole.
const MOST_TOKENS: usize = 96;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    Nil = 0,
    Unsigned = 1,
    /// Below zero, kept as −1 − value.
    Negative = 2,
    Bool = 3,
    Text = 4,
    Bytes = 5,
    Array = 6,
    /// Bytes that hold MessagePack of their own; its tokens follow.
    Nested = 7,
    /// A whole value that was not taken apart.
    Whole = 8,
}

const TYPES: [Type; 9] = [
    Type::Nil,
    Type::Unsigned,
    Type::Negative,
    Type::Bool,
    Type::Text,
    Type::Bytes,
    Type::Array,
    Type::Nested,
    Type::Whole,
];

impl Type {
    pub fn is_number(self) -> bool {
        matches!(self, Self::Unsigned | Self::Negative | Self::Bool)
    }

    /// Whether its content is not told by the shape alone.
    pub fn has_column(self) -> bool {
        !matches!(self, Self::Nil | Self::Array | Self::Nested)
    }

    fn has_count(self) -> bool {
        matches!(self, Self::Array | Self::Nested)
    }
}

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Nil,
    Number(Type, u64),
    Bytes(Type, &'a [u8]),
    /// How many values follow in it.
    Array(usize),
    /// How many tokens follow in it.
    Nested(usize),
    Whole(&'a [u8]),
}

impl Token<'_> {
    pub fn kind(&self) -> Type {
        match self {
            Self::Nil => Type::Nil,
            Self::Number(kind, _) | Self::Bytes(kind, _) => *kind,
            Self::Array(_) => Type::Array,
            Self::Nested(_) => Type::Nested,
            Self::Whole(_) => Type::Whole,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Array(count) | Self::Nested(count) => *count,
            _ => 0,
        }
    }
}

/// Takes a value apart; one that would not come back equal is left whole.
pub fn read<'a>(value: &'a [u8], tokens: &mut Vec<Token<'a>>) {
    tokens.clear();
    if read_one(value, tokens, true) != Some(value.len()) || !comes_back(value, tokens) {
        tokens.clear();
        tokens.push(Token::Whole(value));
    }
}

fn comes_back(value: &[u8], tokens: &[Token<'_>]) -> bool {
    let mut writer = Writer::new(value.len());
    tokens.iter().all(|token| writer.put(token).is_some())
        && writer.finish().is_some_and(|back| back == value)
}

/// Reads one value and all in it; gives back how many bytes it took.
fn read_one<'a>(bytes: &'a [u8], tokens: &mut Vec<Token<'a>>, may_nest: bool) -> Option<usize> {
    let (mut at, mut values) = (0, 1usize);
    while values > 0 {
        values -= 1;
        if tokens.len() >= MOST_TOKENS {
            return None;
        }
        let marker = *bytes.get(at)?;
        at += 1;
        let number = |width: usize| {
            let raw = bytes.get(at..at + width)?;
            Some(raw.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
        };
        let (token, length) = match marker {
            0xc0 => (Token::Nil, 0),
            0xc2 | 0xc3 => (Token::Number(Type::Bool, u64::from(marker & 1)), 0),
            0x00..=0x7f => (Token::Number(Type::Unsigned, u64::from(marker)), 0),
            0xcc..=0xcf => {
                let width = 1 << (marker - 0xcc);
                (Token::Number(Type::Unsigned, number(width)?), width)
            }
            0xe0..=0xff => (Token::Number(Type::Negative, u64::from(!marker)), 0),
            0xd0..=0xd3 => {
                let width = 1 << (marker - 0xd0);
                let shift = 64 - 8 * width as u32;
                let value = ((number(width)? << shift) as i64) >> shift;
                (Token::Number(Type::Negative, !value as u64), width)
            }
            0xa0..=0xbf => return_bytes(bytes, at, Type::Text, 0, usize::from(marker & 0x1f))?,
            0xd9..=0xdb => {
                let width = 1 << (marker - 0xd9);
                return_bytes(bytes, at, Type::Text, width, usize::try_from(number(width)?).ok()?)?
            }
            0xc4..=0xc6 => {
                let width = 1 << (marker - 0xc4);
                return_bytes(bytes, at, Type::Bytes, width, usize::try_from(number(width)?).ok()?)?
            }
            0x90..=0x9f => (Token::Array(usize::from(marker & 0x0f)), 0),
            0xdc | 0xdd => {
                let width = 2 << (marker - 0xdc);
                (Token::Array(usize::try_from(number(width)?).ok()?), width)
            }
            _ => return None,
        };
        at += length;
        if let Token::Array(count) = token {
            values = values.checked_add(count)?;
        }
        match token {
            Token::Bytes(Type::Bytes, inner) if may_nest && is_array(inner) => {
                let place = tokens.len();
                tokens.push(Token::Nested(0));
                if read_one(inner, tokens, false) == Some(inner.len()) {
                    tokens[place] = Token::Nested(tokens.len() - place - 1);
                } else {
                    tokens.truncate(place);
                    tokens.push(token);
                }
            }
            token => tokens.push(token),
        }
    }
    Some(at)
}

fn is_array(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x90..=0x9f | 0xdc | 0xdd))
}

fn return_bytes(
    bytes: &[u8],
    at: usize,
    kind: Type,
    width: usize,
    length: usize,
) -> Option<(Token<'_>, usize)> {
    let from = at.checked_add(width)?;
    let content = bytes.get(from..from.checked_add(length)?)?;
    Some((Token::Bytes(kind, content), width + length))
}

/// The types of the tokens, as they are written ahead of the columns.
pub fn shape_of(tokens: &[Token<'_>], shape: &mut Vec<u8>) {
    shape.clear();
    for token in tokens {
        shape.push(token.kind() as u8);
        if token.kind().has_count() {
            put_unsigned(shape, token.count() as u64);
        }
    }
}

/// Reads a shape back: every token's type and count.
pub fn read_shape(mut reader: Reader<'_>) -> Option<Vec<(Type, usize)>> {
    let mut shape = Vec::new();
    while reader.remaining() > 0 {
        let kind = *TYPES.get(usize::from(reader.take(1)?[0]))?;
        let count = if kind.has_count() { usize::try_from(reader.unsigned()?).ok()? } else { 0 };
        shape.push((kind, count));
        if shape.len() > MOST_TOKENS {
            return None;
        }
    }
    Some(shape)
}

/// Puts tokens together again, in MessagePack's shortest form.
pub struct Writer {
    bytes: Vec<u8>,
    nested: Vec<u8>,
    /// Tokens that are still to come in the nested value.
    left: usize,
    room: usize,
}

impl Writer {
    /// A value of at most `room` bytes.
    pub fn new(room: usize) -> Self {
        Self { bytes: Vec::with_capacity(128.min(room)), nested: Vec::new(), left: 0, room }
    }

    /// Appends a token; `None` where there is no room for it.
    pub fn put(&mut self, token: &Token<'_>) -> Option<()> {
        if let Token::Nested(count) = token {
            if self.left > 0 {
                return None;
            }
            self.left = *count;
            return (*count > 0).then_some(());
        }
        let into = if self.left > 0 { &mut self.nested } else { &mut self.bytes };
        let size = match token {
            Token::Bytes(_, bytes) | Token::Whole(bytes) => bytes.len(),
            _ => 0,
        };
        if into.len().checked_add(size)? > self.room {
            return None;
        }
        write(into, token);
        if self.left > 0 {
            self.left -= 1;
            if self.left == 0 {
                let nested = std::mem::take(&mut self.nested);
                write(&mut self.bytes, &Token::Bytes(Type::Bytes, &nested));
            }
        }
        (self.bytes.len() + self.nested.len() <= self.room).then_some(())
    }

    /// The value; `None` where a nested one lacks tokens.
    pub fn finish(self) -> Option<Vec<u8>> {
        (self.left == 0).then_some(self.bytes)
    }
}

fn write(bytes: &mut Vec<u8>, token: &Token<'_>) {
    match token {
        Token::Nil => bytes.push(0xc0),
        Token::Number(Type::Bool, value) => bytes.push(0xc2 | (*value & 1) as u8),
        Token::Number(Type::Negative, value) => match *value {
            0..0x20 => bytes.push(!(*value as u8)),
            0x20..0x80 => put_number(bytes, 0xd0, 1, !*value),
            0x80..0x8000 => put_number(bytes, 0xd1, 2, !*value),
            0x8000..0x8000_0000 => put_number(bytes, 0xd2, 4, !*value),
            _ => put_number(bytes, 0xd3, 8, !*value),
        },
        Token::Number(_, value) => match *value {
            0..0x80 => bytes.push(*value as u8),
            0x80..0x100 => put_number(bytes, 0xcc, 1, *value),
            0x100..0x1_0000 => put_number(bytes, 0xcd, 2, *value),
            0x1_0000..0x1_0000_0000 => put_number(bytes, 0xce, 4, *value),
            _ => put_number(bytes, 0xcf, 8, *value),
        },
        Token::Bytes(Type::Text, text) => {
            match text.len() {
                0..32 => bytes.push(0xa0 | text.len() as u8),
                length => put_length(bytes, 0xd9, length),
            }
            bytes.extend_from_slice(text);
        }
        Token::Bytes(_, content) => {
            put_length(bytes, 0xc4, content.len());
            bytes.extend_from_slice(content);
        }
        Token::Array(count) => match *count {
            0..16 => bytes.push(0x90 | *count as u8),
            16..0x1_0000 => put_number(bytes, 0xdc, 2, *count as u64),
            _ => put_number(bytes, 0xdd, 4, *count as u64),
        },
        Token::Nested(_) => {}
        Token::Whole(value) => bytes.extend_from_slice(value),
    }
}

/// Length in one, two or four bytes; the markers follow each other.
fn put_length(bytes: &mut Vec<u8>, first_marker: u8, length: usize) {
    match length {
        0..0x100 => put_number(bytes, first_marker, 1, length as u64),
        0x100..0x1_0000 => put_number(bytes, first_marker + 1, 2, length as u64),
        _ => put_number(bytes, first_marker + 2, 4, length as u64),
    }
}

fn put_number(bytes: &mut Vec<u8>, marker: u8, width: usize, value: u64) {
    bytes.push(marker);
    bytes.extend_from_slice(&value.to_be_bytes()[8 - width..]);
}
