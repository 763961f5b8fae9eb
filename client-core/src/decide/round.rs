//! Deciding claims. In a round the order of arrival plays no part.

use super::Decision;
use super::alternatives::free_ways;
use super::eligible::{Obstacle, Pool};
use super::figures::Figures;
use super::turns::{Open, Standing, Turns};
use crate::domain::{
    ClaimConfirmed, ClaimRefused, DecisionMode, Reason, ReasonCode, Receipt, RoundDecided, SharedViews,
};
use crate::event::EventRef;
use crate::ids::{ChangeHash, RoundId};
use crate::time::Millis;
use sha2::{Digest, Sha256};

/// Decides every claim of a round and closes it.
pub fn decide_round(
    views: &SharedViews,
    round: RoundId,
    seed: ChangeHash,
    now: Millis,
    frontier: ChangeHash,
) -> Vec<Decision> {
    let claims = open_claims(views, &seed.0, |received| received.round == Some(round));
    let mut decisions = Granting::new(views, now, frontier).in_turn(claims);
    let decided = RoundDecided { round, seed, frontier };
    decisions.push(Decision::new(&round.to_hex(), frontier, decided));
    decisions
}

/// Decides what no round decides: the day's claims as one batch, urgent ones by order of receipt.
pub fn decide_now(views: &SharedViews, now: Millis, frontier: ChangeHash) -> Vec<Decision> {
    let day = now.day().to_string();
    let mut urgent = open_claims(views, day.as_bytes(), |received| received.mode == DecisionMode::Immediate);
    urgent.sort_by_key(|open| {
        let received = views.requests.claims.get(open.id).and_then(|state| state.received.as_ref());
        (received.map(|received| received.at), open.draw)
    });
    let daily = open_claims(views, day.as_bytes(), |received| received.mode == DecisionMode::Daily);
    if urgent.is_empty() && daily.is_empty() {
        return Vec::new();
    }
    let mut granting = Granting::new(views, now, frontier);
    let mut decisions: Vec<Decision> = urgent.iter().map(|open| granting.decide(open, None, None)).collect();
    decisions.extend(granting.in_turn(daily));
    decisions
}

fn open_claims<'a>(views: &'a SharedViews, seed: &[u8], wanted: impl Fn(&Receipt) -> bool) -> Vec<Open<'a>> {
    views
        .requests
        .open_claims()
        .filter(|(_, _, state)| state.received.as_ref().is_some_and(&wanted))
        .map(|(id, lodged, _)| {
            let draw = Sha256::new().chain_update(seed).chain_update(id.to_string()).finalize().into();
            let served = if views.releases.counts_itself() { 1 } else { lodged.wish.branches_served };
            Open { id, lodged, draw, served }
        })
        .collect()
}

/// Claims being decided, each against what is booked and granted by then.
struct Granting<'a> {
    views: &'a SharedViews,
    pool: Pool<'a>,
    figures: Figures<'a>,
    now: Millis,
    frontier: ChangeHash,
}

impl<'a> Granting<'a> {
    fn new(views: &'a SharedViews, now: Millis, frontier: ChangeHash) -> Self {
        let figures = Figures::new(views, now.day());
        Self { views, pool: Pool::new(views, &views.bookings), figures, now, frontier }
    }

    /// Takes the best standing claim again and again; a grant alters its branch's standing.
    fn in_turn(&mut self, claims: Vec<Open<'a>>) -> Vec<Decision> {
        let mut decisions = Vec::with_capacity(claims.len());
        let mut turns = Turns::new(self.views, claims, &self.figures);
        while let Some((open, standing)) = turns.next() {
            decisions.push(self.decide(&open, Some(standing), Some(&turns)));
            turns.compete(open.lodged.branch, &self.figures);
        }
        decisions
    }

    /// Confirms or refuses one claim.
    fn decide(&mut self, open: &Open<'a>, own: Option<Standing>, turns: Option<&Turns<'_>>) -> Decision {
        let (wish, branch) = (&open.lodged.wish, open.lodged.branch);
        let subject = open.id.to_string();
        if let Some(obstacle) = self.pool.obstacles(wish, branch).next() {
            let reason = self.why_refused(obstacle, own);
            let alternatives = free_ways(&self.pool, wish, branch, self.now.day());
            let refused = ClaimRefused { claim: *open.id, reason, alternatives };
            return Decision::new(&subject, self.frontier, refused);
        }
        let rival = turns.and_then(|turns| turns.strongest_rival(open, &self.figures));
        let confirmed = ClaimConfirmed { claim: *open.id, reason: why_granted(own, rival) };
        self.pool.grant(open.id, wish, branch);
        self.figures.grant(branch, wish);
        Decision::new(&subject, self.frontier, confirmed)
    }

    fn why_refused(&self, obstacle: Obstacle, own: Option<Standing>) -> Reason {
        Reason {
            other: obstacle.other,
            own_figure: own.map(|(_, figure, _, _)| figure),
            other_figure: obstacle.other.and_then(|other| self.figure_before(&other)),
            ..Reason::plain(obstacle.code)
        }
    }

    /// The figure the other claim's branch had before it was granted.
    fn figure_before(&self, claim: &EventRef) -> Option<u32> {
        let lodged = self.views.requests.claims.get(claim)?.lodged.as_ref()?;
        Some(self.figures.without(lodged.branch, &lodged.wish))
    }
}

/// The first point in which the winner stands before its strongest rival.
fn why_granted(own: Option<Standing>, rival: Option<Standing>) -> Reason {
    let (Some(own), Some(rival)) = (own, rival) else { return Reason::plain(ReasonCode::Unopposed) };
    let code = match () {
        () if own.0 != rival.0 => ReasonCode::MoreBranches,
        () if own.1 != rival.1 => ReasonCode::FewerPoolHours,
        () => ReasonCode::Draw,
    };
    Reason { code, other: Some(rival.3), own_figure: Some(own.1), other_figure: Some(rival.1) }
}
