use super::*;
use crate::domain::BranchProfile;
use crate::given::{Given, HOME};
use crate::identity::city_id;
use crate::log::{COMPACT_BYTES, compact, unpack};
use proptest::prelude::*;

/// A shared document's runs, one event each, and its file.
fn written(events: u32) -> (SegmentHeader, Vec<Run>, Vec<u8>) {
    let mut given = Given::nothing();
    for registered in 0..events {
        given.write(HOME, BranchProfile { name: "新埭镇".into(), registered });
    }
    let city = city_id(given.city_key.public());
    let runs: Vec<Run> = given.runs.iter().map(|(run, _)| run.clone()).collect();
    let mut header = SegmentHeader::over(city, runs[0].document, Vec::new(), &runs);
    let introduction = given.runs[0].1.clone().unwrap();
    header.introductions.push((runs[0].actor, ByteBuf::from(introduction)));
    let file = file(&header, &runs);
    (header, runs, file)
}

fn file(header: &SegmentHeader, runs: &[Run]) -> Vec<u8> {
    runs.iter().fold(header.encode(), |mut bytes, run| {
        bytes.extend(segment_record(run));
        bytes
    })
}

/// Reads a file that comes in pieces of this size.
fn read(bytes: &[u8], piece: usize) -> Result<Vec<SegmentRun>, SegmentError> {
    let (mut reader, mut runs) = (SegmentReader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(run) = reader.next_run()? {
            runs.push(run);
        }
    }
    reader.finish()?;
    Ok(runs)
}

proptest! {
    #[test]
    fn a_segment_reads_back_whatever_pieces_it_comes_in(events in 1u32..12, piece in 1usize..3_000) {
        let (header, runs, bytes) = written(events);
        let back = read(&bytes, piece).unwrap();
        prop_assert_eq!(back.iter().map(|(run, _)| run.clone()).collect::<Vec<_>>(), runs);
        prop_assert!(back[0].1.is_some() && back[1..].iter().all(|(_, introduction)| introduction.is_none()));
        prop_assert_eq!(SegmentHeader::decode(&bytes).unwrap(), header);
    }

    #[test]
    fn a_segment_cut_anywhere_says_that_it_is_short(events in 1u32..6, at in 0usize..100_000) {
        let (_, runs, bytes) = written(events);
        let cut = at % bytes.len();
        let missing = match read(&bytes[..cut], 512) {
            Err(SegmentError::NoHeader) => runs.len() as u64,
            Err(SegmentError::Truncated { missing }) => missing,
            other => return Err(TestCaseError::fail(format!("cut at {cut}: {other:?}"))),
        };
        prop_assert!(missing >= 1 && missing <= runs.len() as u64);
    }
}

#[test]
fn what_follows_the_last_run_or_comes_before_the_magic_is_refused() {
    let (_, _, bytes) = written(2);
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(read(&longer, 64), Err(SegmentError::Trailing { bytes: 1 }));
    assert_eq!(read(b"<!doctype html>", 4), Err(SegmentError::NotASegment));
    let mut newer = bytes.clone();
    newer[7] = 2;
    assert_eq!(read(&newer, 64), Err(SegmentError::Version { found: 2 }));
    let mut huge = bytes;
    huge[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(read(&huge, 64), Err(SegmentError::TooLarge { .. })));
}

#[test]
fn mutated_segments_never_panic_and_are_never_taken_for_the_original() {
    let (_, _, bytes) = written(6);
    let original = segment_id(&bytes);
    // xorshift: the same mutations at every run.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut mutated = bytes.clone();
        for _ in 0..=random(3) {
            let at = random(mutated.len());
            match random(4) {
                0 => mutated[at] ^= 1 << random(8),
                1 => mutated[at] = random(256) as u8,
                2 => mutated.truncate(at.max(1)),
                _ => mutated.insert(at, random(256) as u8),
            }
        }
        refused += usize::from(read(&mutated, 1 + random(4_000)).is_err());
        assert!(mutated == bytes || segment_id(&mutated) != original);
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn the_frontier_of_a_segment_goes_on_from_the_one_before() {
    let (_, runs, _) = written(4);
    let city = CityId([1; 16]);
    let first = SegmentHeader::over(city, runs[0].document, Vec::new(), &runs[..2]);
    assert_eq!(first.to, [runs[1].head()]);
    let second = SegmentHeader::over(city, runs[0].document, first.to, &runs[2..]);
    assert_eq!((second.from, second.to), (vec![runs[1].head()], vec![runs[3].head()]));
}

#[test]
fn compaction_keeps_every_change_under_the_last_signature_and_takes_a_fraction_of_the_bytes() {
    let (_, runs, _) = written(1_000);
    let size = |runs: &[Run]| runs.iter().map(|run| run.bytes.len() + 250).sum::<usize>();
    let changes = |runs: &[Run]| runs.iter().flat_map(|run| unpack(&run.bytes).unwrap()).collect::<Vec<_>>();
    let compacted = compact(runs.clone()).unwrap();
    assert_eq!(changes(&compacted), changes(&runs));
    assert!(compacted.iter().all(|run| run.bytes.len() <= COMPACT_BYTES));
    assert!(size(&compacted) * 10 < size(&runs), "{} of {}", size(&compacted), size(&runs));
    let ends: Vec<_> = runs.iter().map(|run| (run.last_hash, run.attestation)).collect();
    assert!(compacted.iter().all(|run| ends.contains(&(run.last_hash, run.attestation))));
    assert_eq!(compact(compacted.clone()).unwrap(), compacted);
    // Runs that do not follow each other stay apart.
    let apart = vec![runs[0].clone(), runs[2].clone()];
    assert_eq!(compact(apart.clone()).unwrap(), apart);
}
