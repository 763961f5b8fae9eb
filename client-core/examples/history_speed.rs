//! How fast a history takes events in and puts them in order.
use client_core::author::Author;
use client_core::event::*;
use client_core::fold::History;
use client_core::identity::{self, Certificate, SecretKey};
use client_core::ids::*;
use client_core::log::{Changes, Run, unpack};
use client_core::time::*;
fn main() {
    let city_key = SecretKey::from_random([42; 32]);
    let city = identity::city_id(city_key.public());
    let mut all: Vec<(Run, Certificate, Changes)> = Vec::new();
    for device in 1..=20u8 {
        let key = SecretKey::from_random([device; 32]);
        let cert = Certificate::issue(
            &city_key,
            city,
            key.public(),
            DeviceId([device; 16]),
            BranchId([device; 16]),
            Role::Office,
            Millis(0),
        );
        let mut author = Author::new(city, key, vec![cert.clone()], HybridClock::default());
        let mut entropy = Entropy::new([device; 32]);
        let mut runs = Vec::new();
        for n in 0..5000i64 {
            let now = Millis(1_795_000_000_000 + n * 1000 + i64::from(device));
            let body = SessionTaught {
                session: SubjectId(entropy.next_id()),
                ledger_code: "L1".into(),
                course: Some(SubjectId([9; 16])),
                teacher: Some(PersonId([7; 16])),
                slot: Slot { day: now.day(), start_minute: 540, duration_minutes: 90 },
                headcount: 30,
                online: false,
            };
            let w = author
                .write(
                    &[Draft::new(BranchId([device; 16]), body)],
                    ActionId(entropy.next_id()),
                    UserId([1; 16]),
                    now,
                    &mut entropy,
                )
                .unwrap();
            runs.extend(w.runs.clone());
            author.accept(w);
        }
        for part in runs.chunks(50) {
            let run = Run::join(part).unwrap().unwrap();
            let ch = unpack(&run.bytes).unwrap();
            all.push((run, cert.clone(), ch));
        }
    }
    let (mut best_i, mut best_o) = (f64::MAX, f64::MAX);
    for _ in 0..8 {
        let t = std::time::Instant::now();
        let mut h = History::default();
        for (run, cert, changes) in &all {
            h.load(run, cert, changes);
        }
        best_i = best_i.min(t.elapsed().as_secs_f64());
        let t = std::time::Instant::now();
        h.settle();
        let n = h.ordered().len();
        best_o = best_o.min(t.elapsed().as_secs_f64());
        assert_eq!(n, 100_000);
    }
    println!("insert {:.1} ms, ordered {:.2} ms", best_i * 1e3, best_o * 1e3);
}
