//! How bodies stand in the log: MessagePack arrays of their fields in order, shortest integers, no maps and
//! no floats. A value has one encoding.

use rmp::{Marker, decode, encode};
use serde_bytes::ByteBuf;

/// Something that stands in a body. Derive it for structs with named fields.
pub trait Packed: Sized {
    /// Appends the bytes.
    fn pack(&self, into: &mut Vec<u8>);

    /// Reads the bytes off the front. It may take what [`Packed::pack`] would write otherwise: whoever reads
    /// a whole body compares ([`read_body`]).
    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed>;

    /// What the reference page says of it.
    fn shape() -> Shape;
}

/// Bytes that are no value of the type that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} was looked for")]
pub struct Malformed(pub &'static str);

/// What a type looks like to a reader of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A single value, named.
    Plain(&'static str),
    /// A word of a closed list, by its code.
    Words(&'static str, Vec<(u8, &'static str)>),
    /// Nil, or the value.
    Optional(Box<Shape>),
    /// Any number of values.
    List(Box<Shape>),
    /// Values in this order.
    Tuple(Vec<Shape>),
    /// Fields in this order.
    Fields {
        /// What the type means.
        says: &'static str,
        /// The fields.
        fields: Vec<Field>,
    },
}

/// A field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub says: &'static str,
    /// What it looks like.
    pub shape: Shape,
}

/// Reads a whole body, if these are the bytes that this program would write for it.
pub fn read_body<T: Packed>(body: &[u8]) -> Result<T, Malformed> {
    let mut rest = body;
    let value = T::unpack(&mut rest)?;
    if rest.is_empty() && packed(&value) == body { Ok(value) } else { Err(Malformed("the one encoding")) }
}

/// The bytes of a value.
pub fn packed(value: &impl Packed) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.pack(&mut bytes);
    bytes
}

/// Begins a list of so many values. A vector takes all that is written.
pub fn pack_list(count: u32, into: &mut Vec<u8>) {
    let _ = encode::write_array_len(into, count);
}

/// Reads the beginning of a struct of so many fields.
pub fn unpack_fields(count: u32, from: &mut &[u8]) -> Result<(), Malformed> {
    const WANTED: Malformed = Malformed("a list of as many values as there are fields");
    if decode::read_array_len(from).map_err(|_| WANTED)? == count { Ok(()) } else { Err(WANTED) }
}

/// Reads so many bytes.
fn take<'a>(from: &mut &'a [u8], count: u32, wanted: &'static str) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = from.split_at_checked(count as usize).ok_or(Malformed(wanted))?;
    *from = rest;
    Ok(taken)
}

/// Appends bytes as bytes.
pub(crate) fn pack_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    let _ = encode::write_bin(into, bytes);
}

/// Reads bytes.
pub(crate) fn unpack_bytes<'a>(from: &mut &'a [u8], wanted: &'static str) -> Result<&'a [u8], Malformed> {
    let count = decode::read_bin_len(from).map_err(|_| Malformed(wanted))?;
    take(from, count, wanted)
}

/// Appends a number that is not negative.
fn pack_unsigned(number: u64, into: &mut Vec<u8>) {
    let _ = encode::write_uint(into, number);
}

fn pack_signed(number: i64, into: &mut Vec<u8>) {
    let _ = encode::write_sint(into, number);
}

fn unpack_unsigned(from: &mut &[u8], wanted: &'static str) -> Result<u64, Malformed> {
    decode::read_int(from).map_err(|_| Malformed(wanted))
}

fn unpack_signed(from: &mut &[u8], wanted: &'static str) -> Result<i64, Malformed> {
    decode::read_int(from).map_err(|_| Malformed(wanted))
}

macro_rules! numbers {
    ($($number:ident $pack:ident $unpack:ident $wide:ident,)+) => {
        $(impl Packed for $number {
            fn pack(&self, into: &mut Vec<u8>) {
                $pack($wide::from(*self), into);
            }

            fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
                const NAME: &str = stringify!($number);
                $unpack(from, NAME)?.try_into().map_err(|_| Malformed(NAME))
            }

            fn shape() -> Shape {
                Shape::Plain(stringify!($number))
            }
        })+
    };
}

numbers! {
    u8 pack_unsigned unpack_unsigned u64,
    u16 pack_unsigned unpack_unsigned u64,
    u32 pack_unsigned unpack_unsigned u64,
    u64 pack_unsigned unpack_unsigned u64,
    i16 pack_signed unpack_signed i64,
    i32 pack_signed unpack_signed i64,
    i64 pack_signed unpack_signed i64,
}

impl Packed for bool {
    fn pack(&self, into: &mut Vec<u8>) {
        let _ = encode::write_bool(into, *self);
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        decode::read_bool(from).map_err(|_| Malformed("bool"))
    }

    fn shape() -> Shape {
        Shape::Plain("bool")
    }
}

impl Packed for String {
    fn pack(&self, into: &mut Vec<u8>) {
        let _ = encode::write_str(into, self);
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        const NAME: &str = "text";
        let count = decode::read_str_len(from).map_err(|_| Malformed(NAME))?;
        let text = std::str::from_utf8(take(from, count, NAME)?);
        text.map(str::to_owned).map_err(|_| Malformed(NAME))
    }

    fn shape() -> Shape {
        Shape::Plain("text")
    }
}

impl Packed for ByteBuf {
    fn pack(&self, into: &mut Vec<u8>) {
        pack_bytes(self, into);
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        unpack_bytes(from, "bytes").map(|bytes| Self::from(bytes.to_vec()))
    }

    fn shape() -> Shape {
        Shape::Plain("bytes")
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, into: &mut Vec<u8>) {
        match self {
            Some(value) => value.pack(into),
            None => into.push(Marker::Null.to_u8()),
        }
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        match from.split_first() {
            Some((first, rest)) if *first == Marker::Null.to_u8() => {
                *from = rest;
                Ok(None)
            }
            _ => T::unpack(from).map(Some),
        }
    }

    fn shape() -> Shape {
        Shape::Optional(Box::new(T::shape()))
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, into: &mut Vec<u8>) {
        pack_list(u32::try_from(self.len()).unwrap_or(u32::MAX), into);
        self.iter().for_each(|value| value.pack(into));
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        let count = decode::read_array_len(from).map_err(|_| Malformed("list"))?;
        let mut values = Self::new();
        for _ in 0..count {
            values.push(T::unpack(from)?);
        }
        Ok(values)
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
}

impl<T: Packed, const N: usize> Packed for [T; N] {
    fn pack(&self, into: &mut Vec<u8>) {
        pack_list(N as u32, into);
        self.iter().for_each(|value| value.pack(into));
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        Vec::unpack(from)?.try_into().map_err(|_| Malformed("list of a fixed length"))
    }

    fn shape() -> Shape {
        Shape::Tuple((0..N).map(|_| T::shape()).collect())
    }
}

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn pack(&self, into: &mut Vec<u8>) {
        pack_list(2, into);
        self.0.pack(into);
        self.1.pack(into);
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        unpack_fields(2, from)?;
        Ok((A::unpack(from)?, B::unpack(from)?))
    }

    fn shape() -> Shape {
        Shape::Tuple(vec![A::shape(), B::shape()])
    }
}

/// For types with a shape of one word: the value that they wrap, or their fields in order.
macro_rules! packed_as {
    ($name:ident($inner:ident) $says:literal) => {
        impl $crate::packed::Packed for $name {
            fn pack(&self, into: &mut Vec<u8>) {
                $crate::packed::Packed::pack(&self.0, into);
            }

            fn unpack(from: &mut &[u8]) -> Result<Self, $crate::packed::Malformed> {
                <$inner as $crate::packed::Packed>::unpack(from).map(Self)
            }

            fn shape() -> $crate::packed::Shape {
                $crate::packed::Shape::Plain($says)
            }
        }
    };
    ($name:ident { $($field:ident),+ } $says:literal) => {
        impl $crate::packed::Packed for $name {
            fn pack(&self, into: &mut Vec<u8>) {
                $crate::packed::pack_list([$(stringify!($field)),+].len() as u32, into);
                $($crate::packed::Packed::pack(&self.$field, into);)+
            }

            fn unpack(from: &mut &[u8]) -> Result<Self, $crate::packed::Malformed> {
                $crate::packed::unpack_fields([$(stringify!($field)),+].len() as u32, from)?;
                Ok(Self { $($field: $crate::packed::Packed::unpack(from)?),+ })
            }

            fn shape() -> $crate::packed::Shape {
                $crate::packed::Shape::Plain($says)
            }
        }
    };
}
