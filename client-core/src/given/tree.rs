//! A body as a tree, so that tests can change each of its fields whatever the kind.

/// A MessagePack value, as events use it.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Nil,
    Bool(bool),
    Number(i128),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
}

impl Tree {
    /// Reads a whole value.
    pub fn read(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let tree = item(&mut rest);
        assert!(rest.is_empty(), "one value");
        tree
    }

    /// Its shortest bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(self, &mut bytes);
        bytes
    }

    /// The places of all leaves and lists but the outermost.
    pub fn places(&self) -> Vec<Vec<usize>> {
        fn walk(tree: &Tree, at: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
            if !at.is_empty() {
                found.push(at.clone());
            }
            if let Tree::List(items) = tree {
                for (n, item) in items.iter().enumerate() {
                    at.push(n);
                    walk(item, at, found);
                    at.pop();
                }
            }
        }
        let mut found = Vec::new();
        walk(self, &mut Vec::new(), &mut found);
        found
    }

    /// What stands at a place.
    pub fn at(&mut self, place: &[usize]) -> &mut Tree {
        place.iter().fold(self, |tree, n| match tree {
            Tree::List(items) => &mut items[*n],
            _ => panic!("no such place"),
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}

fn number(rest: &mut &[u8], width: usize) -> u64 {
    take(rest, width).iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn item(rest: &mut &[u8]) -> Tree {
    let text = |bytes: &[u8]| Tree::Text(String::from_utf8(bytes.to_vec()).expect("a text"));
    let list = |rest: &mut &[u8], count| Tree::List((0..count).map(|_| item(rest)).collect());
    match take(rest, 1)[0] {
        0xc0 => Tree::Nil,
        marker @ (0xc2 | 0xc3) => Tree::Bool(marker == 0xc3),
        marker @ 0x00..=0x7f => Tree::Number(marker.into()),
        marker @ 0xe0..=0xff => Tree::Number((marker as i8).into()),
        marker @ 0xcc..=0xcf => Tree::Number(number(rest, 1 << (marker - 0xcc)).into()),
        marker @ 0xd0..=0xd3 => {
            let width = 1 << (marker - 0xd0);
            let shift = 64 - 8 * width as u32;
            Tree::Number((((number(rest, width) << shift) as i64) >> shift).into())
        }
        marker @ 0xa0..=0xbf => text(take(rest, usize::from(marker & 31))),
        marker @ 0xd9..=0xdb => {
            let count = number(rest, 1 << (marker - 0xd9)) as usize;
            text(take(rest, count))
        }
        marker @ 0xc4..=0xc6 => {
            let count = number(rest, 1 << (marker - 0xc4)) as usize;
            Tree::Bytes(take(rest, count).to_vec())
        }
        marker @ 0x90..=0x9f => list(rest, usize::from(marker & 15)),
        marker @ 0xdc..=0xdd => {
            let count = number(rest, 2 << (marker - 0xdc)) as usize;
            list(rest, count)
        }
        marker => panic!("events hold no {marker:#x}"),
    }
}

fn put(tree: &Tree, bytes: &mut Vec<u8>) {
    let wrote = match tree {
        Tree::Nil => rmp_serde::to_vec(&()),
        Tree::Bool(value) => rmp_serde::to_vec(value),
        Tree::Number(value) => match (u64::try_from(*value), i64::try_from(*value)) {
            (Ok(value), _) => rmp_serde::to_vec(&value),
            (_, Ok(value)) => rmp_serde::to_vec(&value),
            _ => panic!("no such number"),
        },
        Tree::Text(value) => rmp_serde::to_vec(value),
        Tree::Bytes(value) => rmp_serde::to_vec(serde_bytes::Bytes::new(value)),
        Tree::List(items) => {
            match items.len() {
                count @ 0..16 => bytes.push(0x90 | count as u8),
                count => {
                    bytes.push(0xdc);
                    bytes.extend(u16::try_from(count).expect("a short list").to_be_bytes());
                }
            }
            items.iter().for_each(|item| put(item, bytes));
            return;
        }
    };
    bytes.extend(wrote.expect("plain data"));
}
