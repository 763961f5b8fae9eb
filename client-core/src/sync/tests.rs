use super::*;
use crate::given::{Given, branch};
use crate::identity::SecretKey;
use crate::ids::BranchId;
use crate::time::Millis;

const NOW: Millis = Millis(1_800_000_000_000);

fn session(given: &Given, side: Side, who: BranchId, nonce: u8) -> Session {
    let (key, certificate) = given.certificate(who);
    // The city answers with its own key and needs no chain.
    let (key, chain) =
        if who == BranchId::CITY { (given.city_key.clone(), Vec::new()) } else { (key, vec![certificate]) };
    let local = Local { city_key: given.city_key.public(), chain, key, epoch: 0 };
    Session::new(side, local, [nonce; 32], NOW)
}

/// Carries frames both ways until both are silent; gives back what each side wants done beside sending.
fn converse(client: &mut Session, server: &mut Session) -> (Vec<Output>, Vec<Output>) {
    let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
    loop {
        let mut silent = true;
        while let Some(output) = server.poll() {
            silent = false;
            match output {
                Output::Send(bytes) => client.receive(&bytes, NOW),
                other => at_server.push(other),
            }
        }
        while let Some(output) = client.poll() {
            silent = false;
            match output {
                Output::Send(bytes) => server.receive(&bytes, NOW),
                other => at_client.push(other),
            }
        }
        if silent {
            return (at_client, at_server);
        }
    }
}

fn refusal(outputs: &[Output]) -> Option<Refusal> {
    outputs.iter().find_map(|output| match output {
        Output::Close(refusal) => Some(refusal.clone()),
        _ => None,
    })
}

fn is_live(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Live(_)))
}

#[test]
fn two_of_one_city_greet_each_other() {
    let given = Given::nothing();
    let mut client = session(&given, Side::Client, branch(1), 1);
    let mut server = session(&given, Side::Server, BranchId::CITY, 2);
    let (at_client, at_server) = converse(&mut client, &mut server);
    assert!(is_live(&at_client) && is_live(&at_server));
    for side in [&mut client, &mut server] {
        side.holds(Vec::new(), 0, 0);
    }
    converse(&mut client, &mut server);
    assert!(client.is_caught_up() && server.is_caught_up());
}

#[test]
fn another_city_is_turned_away() {
    let given = Given::nothing();
    let mut other = Given::nothing();
    other.city_key = SecretKey::from_random([43; 32]);
    let mut client = session(&other, Side::Client, branch(1), 1);
    let mut server = session(&given, Side::Server, BranchId::CITY, 2);
    let (at_client, at_server) = converse(&mut client, &mut server);
    assert_eq!(refusal(&at_client), Some(Refusal::OtherCity));
    assert!(!is_live(&at_server));
}

#[test]
fn a_certificate_without_its_key_is_turned_away() {
    let given = Given::nothing();
    let (_, certificate) = given.certificate(branch(1));
    let thief = SecretKey::from_random([99; 32]);
    let local = Local { city_key: given.city_key.public(), chain: vec![certificate], key: thief, epoch: 0 };
    let mut client = Session::new(Side::Client, local, [1; 32], NOW);
    let mut server = session(&given, Side::Server, BranchId::CITY, 2);
    let (_, at_server) = converse(&mut client, &mut server);
    assert!(matches!(refusal(&at_server), Some(Refusal::Identity(_))));
    assert!(!is_live(&at_server));
}

#[test]
fn noise_closes_the_connection_with_a_reason_and_harms_nobody() {
    let given = Given::nothing();
    for noise in [&b""[..], b"\x00", b"GET / HTTP/1.1\r\n", &[0xff; 64]] {
        let mut server = session(&given, Side::Server, BranchId::CITY, 2);
        server.receive(noise, NOW);
        let outputs: Vec<Output> = std::iter::from_fn(|| server.poll()).collect();
        assert!(matches!(refusal(&outputs), Some(Refusal::Malformed(_))), "{noise:?}: {outputs:?}");
    }
}

#[test]
fn another_version_is_told_both_numbers() {
    let given = Given::nothing();
    let mut client = session(&given, Side::Client, branch(1), 1);
    let city = crate::identity::city_id(given.city_key.public());
    let newer = Frame::Challenge { protocol: PROTOCOL + 1, city, nonce: [0; 32] };
    client.receive(&newer.encode(), NOW);
    let outputs: Vec<Output> = std::iter::from_fn(|| client.poll()).collect();
    assert!(matches!(refusal(&outputs), Some(Refusal::Protocol { .. })), "{outputs:?}");
}
