use super::*;
use crate::ids::{ActorId, EventId};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, PatchLog, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;

const ACTOR: ActorId = ActorId([7; 16]);

fn put(id: u8, len: usize) -> Put {
    Put { id: EventId([id; 16]), value: vec![id; len] }
}

/// What Automerge itself writes for the same puts on a document that holds this line only.
fn automerge_chunks(changes: &[Vec<Put>]) -> Vec<Vec<u8>> {
    let mut document = Automerge::new();
    document.set_actor(automerge::ActorId::from(ACTOR.0));
    changes
        .iter()
        .map(|puts| {
            let heads = document.get_heads();
            let mut transaction = document.transaction_at(PatchLog::inactive(), &heads).unwrap();
            for put in puts {
                let value = ScalarValue::Bytes(put.value.clone());
                transaction.put(ROOT, put.id.to_hex(), value).unwrap();
            }
            let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
            document.get_change_by_hash(&hash.unwrap()).unwrap().raw_bytes().to_vec()
        })
        .collect()
}

fn arbitrary_changes() -> impl Strategy<Value = Changes> {
    prop::collection::vec(prop::collection::vec(1usize..600, 1..12), 1..6).prop_map(|changes| {
        let mut counter = 0u32;
        let mut next = |len: usize| {
            counter += 1;
            let mut id = [0; 16];
            id[..4].copy_from_slice(&counter.wrapping_mul(2_654_435_761).to_be_bytes());
            Put { id: EventId(id), value: vec![counter as u8; len] }
        };
        changes.into_iter().map(|lens| lens.into_iter().map(&mut next).collect()).collect()
    })
}

proptest! {
    #[test]
    fn our_changes_are_automerges_own_bytes(changes in arbitrary_changes()) {
        let (ours, _) = chunks(ACTOR, &Position::START, &changes).unwrap();
        prop_assert_eq!(ours, automerge_chunks(&changes));
    }

    #[test]
    fn a_change_reads_back_and_a_run_rebuilds_it(changes in arbitrary_changes()) {
        let (written, end) = chunks(ACTOR, &Position::START, &changes).unwrap();
        let mut at = Position::START;
        for (chunk, puts) in written.iter().zip(&changes) {
            let (read, after) = decode_change(ACTOR, &at, chunk).unwrap();
            prop_assert_eq!(&read, puts);
            at = after;
        }
        let (admitted, position) = admit_run(ACTOR, &Position::START, &pack(&changes), end.hash).unwrap();
        prop_assert_eq!(admitted, changes);
        prop_assert_eq!(position, end);
    }

    #[test]
    fn the_merged_document_holds_exactly_the_logs_events(changes in arbitrary_changes(), other in arbitrary_changes()) {
        let second = ActorId([9; 16]);
        let (mut all, _) = chunks(ACTOR, &Position::START, &changes).unwrap();
        all.extend(chunks(second, &Position::START, &other).unwrap().0);
        let saved = merge(all.iter().map(Vec::as_slice)).unwrap();
        let events = events_of_merged(&saved).unwrap();
        let mut expected = std::collections::BTreeMap::<_, Vec<Vec<u8>>>::new();
        for put in changes.iter().chain(&other).flatten() {
            expected.entry(put.id).or_default().push(put.value.clone());
        }
        for values in expected.values_mut() {
            values.sort();
        }
        let mut found = events;
        for values in found.values_mut() {
            values.sort();
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn bytes_that_were_tampered_with_never_pass_and_never_panic(
        changes in arbitrary_changes(), at in any::<prop::sample::Index>(), flip in 1u8..=255,
    ) {
        let (written, _) = chunks(ACTOR, &Position::START, &changes).unwrap();
        let mut chunk = written[0].clone();
        let index = at.index(chunk.len());
        chunk[index] ^= flip;
        if let Ok((puts, after)) = decode_change(ACTOR, &Position::START, &chunk) {
            // Another canonical change is a change of its own, under another hash.
            prop_assert_eq!(encode_change(ACTOR, &Position::START, &puts).unwrap().0, chunk);
            let first = encode_change(ACTOR, &Position::START, &changes[0]).unwrap().1;
            prop_assert_ne!(after.hash, first.hash);
        }
    }

    #[test]
    fn runs_of_noise_are_refused_without_panic(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = unpack(&noise);
        let mut plain = noise;
        plain.insert(0, 1);
        let _ = unpack(&deflated(&plain));
    }
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Every shape the protocol lists, built with Automerge or by hand, is refused at the door.
mod non_canonical {
    use super::*;

    fn refused(chunk: &[u8]) -> ChangeError {
        decode_change(ACTOR, &Position::START, chunk).unwrap_err()
    }

    fn commit(
        write: impl FnOnce(&mut automerge::transaction::Transaction<'_>),
        options: CommitOptions,
    ) -> Vec<u8> {
        let mut document = Automerge::new();
        document.set_actor(automerge::ActorId::from(ACTOR.0));
        let mut transaction = document.transaction();
        write(&mut transaction);
        let (hash, _) = transaction.commit_with(options);
        document.get_change_by_hash(&hash.unwrap()).unwrap().raw_bytes().to_vec()
    }

    fn key() -> String {
        EventId([1; 16]).to_hex()
    }

    fn bytes() -> ScalarValue {
        ScalarValue::Bytes(vec![1, 2, 3])
    }

    /// Rewrites the header of our own first change: the body as it is but for one edited field.
    fn with_body(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        let (chunk, _) = encode_change(ACTOR, &Position::START, &[put(1, 3)]).unwrap();
        let mut body = chunk[10..].to_vec();
        edit(&mut body);
        let mut hashed = vec![1];
        leb::put_unsigned(&mut hashed, body.len() as u64);
        hashed.extend(body);
        let mut forged = chunk[..4].to_vec();
        forged.extend(&Sha256::digest(&hashed)[..4]);
        forged.extend(hashed);
        forged
    }

    // Body of a first change: deps 0, actor length at 1, actor 2..18, seq 18, start_op 19, time 20, message 21, others 22.
    const SEQ: usize = 18;
    const START_OP: usize = 19;
    const TIME: usize = 20;

    #[test]
    fn a_time_or_a_message_is_refused() {
        let plain = commit(|t| t.put(ROOT, key(), bytes()).unwrap(), CommitOptions::default().with_time(0));
        assert!(decode_change(ACTOR, &Position::START, &plain).is_ok());
        let timed = commit(|t| t.put(ROOT, key(), bytes()).unwrap(), CommitOptions::default().with_time(5));
        assert!(matches!(refused(&timed), ChangeError::NotCanonical { .. }));
        let named = commit(
            |t| t.put(ROOT, key(), bytes()).unwrap(),
            CommitOptions::default().with_time(0).with_message("m"),
        );
        assert!(matches!(refused(&named), ChangeError::NotCanonical { .. }));
        assert!(matches!(refused(&with_body(|body| body[TIME] = 1)), ChangeError::NotCanonical { .. }));
    }

    #[test]
    fn another_value_type_a_delete_a_nested_object_or_a_foreign_key_is_refused() {
        let zero = || CommitOptions::default().with_time(0);
        let text = commit(|t| t.put(ROOT, key(), "text").unwrap(), zero());
        let object = commit(|t| drop(t.put_object(ROOT, key(), automerge::ObjType::Map).unwrap()), zero());
        let foreign_key = commit(|t| t.put(ROOT, "not an id", bytes()).unwrap(), zero());
        let upper_case = commit(|t| t.put(ROOT, "0A".repeat(16), bytes()).unwrap(), zero());
        let twice = commit(
            |t| {
                t.put(ROOT, key(), bytes()).unwrap();
                t.put(ROOT, key(), ScalarValue::Bytes(vec![9])).unwrap();
            },
            zero(),
        );
        for chunk in [text, object, foreign_key, upper_case, twice] {
            refused(&chunk);
        }
    }

    #[test]
    fn a_put_that_overwrites_with_pred_is_refused() {
        let mut document = Automerge::new();
        document.set_actor(automerge::ActorId::from(ACTOR.0));
        let mut first = document.transaction();
        first.put(ROOT, key(), bytes()).unwrap();
        first.commit_with(CommitOptions::default().with_time(0));
        let mut second = document.transaction();
        second.put(ROOT, key(), ScalarValue::Bytes(vec![9])).unwrap();
        let (hash, _) = second.commit_with(CommitOptions::default().with_time(0));
        let chunk = document.get_change_by_hash(&hash.unwrap()).unwrap().raw_bytes().to_vec();
        let (_, at) =
            encode_change(ACTOR, &Position::START, &[Put { id: EventId([1; 16]), value: vec![1, 2, 3] }])
                .unwrap();
        assert!(decode_change(ACTOR, &at, &chunk).is_err());
    }

    #[test]
    fn a_wrong_seq_start_op_or_dependency_is_refused() {
        assert!(matches!(refused(&with_body(|body| body[SEQ] = 5)), ChangeError::NotCanonical { .. }));
        assert!(matches!(refused(&with_body(|body| body[START_OP] = 2)), ChangeError::NotCanonical { .. }));
        let huge = with_body(|body| {
            body.splice(START_OP..=START_OP, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        });
        assert!(matches!(refused(&huge), ChangeError::NotCanonical { .. }));
        let foreign_dep = with_body(|body| {
            body.splice(0..1, std::iter::once(1).chain([5; 32]));
        });
        assert!(matches!(refused(&foreign_dep), ChangeError::NotCanonical { .. }));
        let two_deps = with_body(|body| {
            body.splice(0..1, std::iter::once(2).chain([5; 64]));
        });
        assert!(matches!(refused(&two_deps), ChangeError::NotPuts(_)));
        let (first, at) = encode_change(ACTOR, &Position::START, &[put(1, 3)]).unwrap();
        assert!(
            decode_change(ACTOR, &at, &first).is_err(),
            "the same change again does not continue the line"
        );
    }

    #[test]
    fn another_actor_spare_bytes_and_compression_are_refused() {
        assert!(decode_change(ActorId([8; 16]), &Position::START, &with_body(|_| {})).is_err());
        assert!(decode_change(ACTOR, &Position::START, &with_body(|_| {})).is_ok());
        refused(&with_body(|body| body.push(0)));
        let (mut trailing, _) = encode_change(ACTOR, &Position::START, &[put(1, 3)]).unwrap();
        trailing.push(0);
        refused(&trailing);
        let mut document = Automerge::new();
        document.set_actor(automerge::ActorId::from(ACTOR.0));
        let mut transaction = document.transaction();
        transaction.put(ROOT, key(), ScalarValue::Bytes(vec![1; 5_000])).unwrap();
        let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
        let mut change = document.get_change_by_hash(&hash.unwrap()).unwrap();
        let compressed = change.bytes().to_vec();
        assert_eq!(compressed[8], 2, "Automerge compresses a large change");
        assert!(matches!(refused(&compressed), ChangeError::Malformed(_)));
    }

    #[test]
    fn an_oversized_or_empty_change_cannot_be_written() {
        let large = put(1, MAX_CHANGE_BYTES);
        assert!(matches!(
            encode_change(ACTOR, &Position::START, &[large]),
            Err(ChangeError::TooLarge { .. })
        ));
        assert_eq!(encode_change(ACTOR, &Position::START, &[]), Err(ChangeError::BadPuts));
        assert_eq!(encode_change(ACTOR, &Position::START, &[put(1, 0)]), Err(ChangeError::BadPuts));
    }
}

#[test]
fn a_withheld_change_of_one_actor_hides_nothing_of_another() {
    let (a, _) = chunks(ActorId([1; 16]), &Position::START, &[vec![put(1, 9)], vec![put(2, 9)]]).unwrap();
    let (b, _) = chunks(ActorId([2; 16]), &Position::START, &[vec![put(3, 9)], vec![put(4, 9)]]).unwrap();
    // B wrote having seen all of A; a peer gets A's first change only.
    let peer = [a[0].as_slice(), b[0].as_slice(), b[1].as_slice()];
    let events = events_of_merged(&merge(peer).unwrap()).unwrap();
    assert_eq!(events.len(), 3);
}

#[test]
fn a_run_that_expands_without_end_is_refused() {
    let bomb = [vec![1], deflated(&vec![0; MAX_RUN_BYTES + 10])].concat();
    assert!(bomb.len() < 60_000);
    assert_eq!(unpack(&bomb), Err(RunError::TooLarge));
}

#[test]
fn a_deflated_run_ends_where_its_stream_ends() {
    let bytes = pack(&[vec![put(1, 600)], vec![put(2, 600)]]);
    assert_eq!(bytes[0], 1, "long enough to be deflated");
    assert!(unpack(&bytes).is_ok());
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(unpack(&longer), Err(RunError::Malformed("bytes follow its end")));
    for cut in 1..bytes.len() {
        assert!(unpack(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn runs_that_compress_well_are_joined_only_as_far_as_a_reader_takes_them() {
    let (city, key) = (crate::ids::CityId([1; 16]), crate::identity::SecretKey::from_random([1; 32]));
    let quarter = crate::time::Quarter { year: 2026, quarter: 4 };
    let document =
        crate::event::DocumentId::new(crate::event::Scope::Shared, crate::ids::BranchId([1; 16]), quarter);
    let mut at = Position::START;
    let mut runs = Vec::new();
    for n in 0..5 {
        let changes: Vec<Vec<Put>> = (0..25).map(|m| vec![put(25 * n + m, 60_000)]).collect();
        runs.push(Run::write(city, &key, document, ACTOR, &at, &changes).unwrap());
        at = runs.last().unwrap().end();
    }
    assert!(runs.iter().map(|run| run.bytes.len()).sum::<usize>() < 16 * 1024, "they fit one chunk");
    let joined = Run::join_all(&runs).unwrap();
    assert_eq!(joined.iter().map(|run| run.last_seq).collect::<Vec<_>>(), [50, 100, 125]);
    let mut position = Position::START;
    for run in &joined {
        let (_, end) = admit_run(ACTOR, &position, &run.bytes, run.last_hash).unwrap();
        assert_eq!((position, end), (run.start(), run.end()));
        position = end;
    }
    assert_eq!(position, at);
}

#[test]
fn a_run_of_more_events_than_anybody_writes_is_refused_before_it_takes_memory() {
    let crowd = |events| pack(&vec![vec![put(1, 1)]; events]);
    assert!(unpack(&crowd(MAX_RUN_EVENTS)).is_ok());
    assert!(unpack(&crowd(MAX_RUN_EVENTS + 1)).is_err());
}
