use super::*;
use crate::domain::command::tests::{announced, does};
use crate::given::{Given, HOME, branch, room_declared};
use crate::ids::AssetId;

const ROOM: AssetId = AssetId([9; 16]);

#[test]
fn a_room_that_breaks_is_broken_for_everybody_and_whole_again_when_its_branch_says_so() {
    let mut given = Given::nothing();
    announced(&mut given);
    given.write(HOME, room_declared(ROOM, 40));
    let note = |condition, note: &str| NoteCondition { asset: ROOM, condition, note: note.into() };
    assert_eq!(does(&mut given, 6, note(Condition::Broken, "漏水")), Ok(()));
    let seen = |given: &Given| {
        let room = given.views().resources.assets[&ROOM].clone();
        (room.condition, room.condition_note, room.capacity)
    };
    assert_eq!(seen(&given), (Condition::Broken, "漏水".into(), 40));
    assert_eq!(does(&mut given, 5, note(Condition::Good, "")).unwrap_err().code(), "not_yours");
    let anothers = AssetConditionNoted { asset: ROOM, condition: Condition::Good, note: String::new() };
    given.write(branch(5), anothers);
    assert_eq!(seen(&given).0, Condition::Broken, "a word of others changes nothing");
    assert_eq!(does(&mut given, 6, note(Condition::Good, "")), Ok(()));
    assert_eq!(seen(&given), (Condition::Good, String::new(), 40));
}
