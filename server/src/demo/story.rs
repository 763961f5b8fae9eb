//! What happens in the demo, in order.

use super::line::Line;
use super::people::{Wish, objects, popular_courses, wanted_teacher};
use super::processes::NodeProcess;
use super::report::{Check, Refusal, Report};
use super::{DemoError, Options};
use crate::client::{Client, ClientError};
use crate::dice::Dice;
use crate::import::{self, Counts};
use crate::sync::now;
use client_core::domain::{
    AnnounceSession, CheckIn, CheckInLearners, CheckedIn, ClaimWish, Command, OrderWish, RecordTaught,
};
use client_core::identity::Role;
use client_core::ids::{BranchId, ClassId, CourseId, LearnerId};
use client_core::time::Slot;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Branches whose line is cut.
const CUT: usize = 3;
/// Claims this far ahead are decided in a round.
const CLAIM_LEAD_DAYS: i32 = 20;
const ORDER_WINDOW_DAYS: i32 = 45;
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// All nodes of the demo.
pub struct World {
    branches: Vec<Branch>,
    city: NodeProcess,
}

struct Branch {
    name: String,
    id: BranchId,
    node: NodeProcess,
    line: Line,
}

impl World {
    /// Where a person can look at it: the page of the branch whose claim was refused.
    pub async fn page_address(&self, report: &Report) -> Result<String, DemoError> {
        let refused = report.refused.first().map(|refusal| refusal.branch.as_str());
        let branch = self.branches.iter().find(|branch| Some(branch.name.as_str()) == refused);
        let client = branch.unwrap_or(&self.branches[0]).node.client();
        let code = client.code(None, Role::Office.word(), "demo").await.map_err(at("making a code"))?;
        Ok(format!("{}/#code={code}", client.address()))
    }

    fn frontends(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(self.city.client()).chain(self.branches.iter().map(|branch| branch.node.client()))
    }

    fn bytes(&self) -> u64 {
        self.branches.iter().map(|branch| branch.line.bytes()).sum()
    }
}

/// Tells the story and checks how it came out.
pub async fn tell(
    folder: &Path,
    office: &Path,
    truth: &Counts,
    options: Options,
) -> Result<(World, Report), DemoError> {
    let mut dice = Dice::new(options.seed, "demo");
    let mut report = Report::new(options.seed);
    let world = start(folder, &mut report).await?;
    import_office(&world, office, &mut report).await?;
    let order = dice.mixed(world.branches.len());
    let (cut, online) = order.split_at(CUT);
    for n in cut {
        world.branches[*n].line.cut();
    }
    let names: Vec<&str> = cut.iter().map(|n| world.branches[*n].name.as_str()).collect();
    step(&format!("断开三个分校的线路 lines cut: {}", names.join("、")));
    let person_times = hold_classes(&world, &mut dice).await?;
    lodge(&world, cut, online, &mut dice, &mut report).await?;
    heal(&world, cut, &mut dice, &mut report).await?;
    close_round(&world, &mut report).await?;
    let attended = truth.attendances + person_times;
    check(&world, attended, truth, &mut report).await?;
    Ok((world, report))
}

async fn start(folder: &Path, report: &mut Report) -> Result<World, DemoError> {
    let began = Instant::now();
    let program = std::env::current_exe()
        .map_err(|error| DemoError::Io { what: "finding the program".into(), error })?;
    let city = NodeProcess::start(&program, &folder.join("city"), &["city"]).await?;
    let target = city.client().address().trim_start_matches("http://").parse();
    let target = target.map_err(|_| DemoError::Story("the city's address cannot be read".into()))?;
    let mut branches = Vec::new();
    for name in crate::sample_city::BRANCHES {
        let line = Line::open(target)
            .await
            .map_err(|error| DemoError::Io { what: format!("opening the line of {name}"), error })?;
        let code = city.client().code(Some(name), Role::BranchNode.word(), name).await;
        let code = code.map_err(at("making a code"))?;
        let url = line.url();
        let node_folder = folder.join(format!("branch-{}", branches.len() + 1));
        let node =
            NodeProcess::start(&program, &node_folder, &["branch", "--upstream", &url, "--code", &code])
                .await?;
        let status = get(node.client(), "/api/status").await?;
        let id = status["branch"].as_str().and_then(|text| BranchId::from_hex(text).ok());
        let id = id.ok_or_else(|| DemoError::Story(format!("{name} does not know its branch")))?;
        branches.push(Branch { name: (*name).to_owned(), id, node, line });
    }
    report.nodes = branches.len() + 1;
    step(&format!(
        "市校与 {} 个分校的节点已启动 nodes started: {:.1} s",
        branches.len(),
        began.elapsed().as_secs_f64()
    ));
    Ok(World { branches, city })
}

async fn import_office(world: &World, folder: &Path, report: &mut Report) -> Result<(), DemoError> {
    let began = Instant::now();
    let office = import::read_dir(folder, &mut |_, _, _| {})
        .map_err(|error| DemoError::Io { what: "reading the sample office".into(), error })?;
    let bar = import::progress_bar();
    let client = world.city.client();
    let outcome = client.import(&office, |file, done, total| import::show(&bar, file, done, total)).await;
    bar.finish_and_clear();
    let outcome = outcome.map_err(at("importing the office"))?;
    report.seconds_to_import = began.elapsed().as_secs_f64();
    step(&format!(
        "已导入办公文件 office files imported: {} 件 events, {:.1} s",
        outcome.events, report.seconds_to_import
    ));
    let began = Instant::now();
    converge(world).await?;
    report.seconds_to_spread = began.elapsed().as_secs_f64();
    step(&format!("八个分校都已收到 all branches have it: {:.1} s", report.seconds_to_spread));
    Ok(())
}

/// Every branch announces a class, holds it and calls the roll: offline or not. Returns the person-times.
async fn hold_classes(world: &World, dice: &mut Dice) -> Result<usize, DemoError> {
    let mut person_times = 0;
    for branch in &world.branches {
        let client = branch.node.client();
        let rosters = get(client, "/api/rosters").await?;
        let learners: Vec<LearnerId> =
            objects(&rosters["learners"]).filter_map(|(id, _)| LearnerId::from_hex(id).ok()).collect();
        let count = (15 + dice.below(20)).min(learners.len());
        let first = dice.below(learners.len() - count + 1);
        let courses = get(client, "/api/views/courses").await?;
        let ids: Vec<CourseId> =
            objects(&courses["courses"]).filter_map(|(id, _)| CourseId::from_hex(id).ok()).collect();
        let today = now().day();
        let announce = AnnounceSession {
            course: ids[dice.below(ids.len())],
            teacher: None,
            venue: None,
            slot: Slot { day: today, start_minute: 9 * 60, duration_minutes: 90 },
            headcount: count as u32,
        };
        let announced = command(client, &Command::from(announce)).await?;
        let sessions = get(client, "/api/views/sessions").await?;
        let session = objects(&sessions["sessions"])
            .find(|(_, by)| objects(by).any(|(_, session)| session["source"] == announced["events"][0]))
            .and_then(|(id, _)| ClassId::from_hex(id).ok());
        let session =
            session.ok_or_else(|| DemoError::Story("the announced class is not to be seen".into()))?;
        let at = today.start().plus_minutes(9 * 60);
        let roll = learners[first..first + count].iter();
        let learners = roll.map(|learner| CheckedIn { learner: *learner, at, how: CheckIn::Roll }).collect();
        let headcount = count as u32;
        command(client, &Command::from(RecordTaught { session, headcount, online: false })).await?;
        command(client, &Command::from(CheckInLearners { session, learners })).await?;
        person_times += count;
    }
    step(&format!("两边都照常上课、点名 classes held on both sides of the cut: {person_times} 人次"));
    Ok(person_times)
}

/// Two branches without a line want the same teacher at the same hour; others order courses together.
async fn lodge(
    world: &World,
    cut: &[usize],
    online: &[usize],
    dice: &mut Dice,
    report: &mut Report,
) -> Result<(), DemoError> {
    let first = now().day().plus(CLAIM_LEAD_DAYS);
    let claimants = [&world.branches[cut[0]], &world.branches[cut[1]]];
    let teachers = get(claimants[0].node.client(), "/api/views/teachers").await?;
    let ids = claimants.map(|branch| branch.id);
    let wish = wanted_teacher(&teachers, &ids, first, dice)?;
    for branch in claimants {
        let Wish { teacher, course, slot, .. } = wish.clone();
        let claim = ClaimWish {
            teacher: Some(teacher),
            asset: None,
            course: Some(course),
            slot,
            headcount: 30,
            branches_served: 1,
        };
        command(branch.node.client(), &Command::from(claim)).await?;
    }
    step(&format!(
        "{}和{}断线时都约了{}，{} two offline branches want the same teacher and hour",
        claimants[0].name, claimants[1].name, wish.name, wish.slot.day
    ));
    report.contested = wish.name;
    let courses = popular_courses(&teachers);
    let groups = [vec![cut[0], cut[2], online[0]], vec![online[1], online[2], online[3]]];
    for (group, course) in groups.iter().zip(courses) {
        for n in group {
            let order = OrderWish {
                courses: vec![course],
                group: "示例班".into(),
                headcount: 15 + dice.below(6) as u32,
                from: first,
                to: first.plus(ORDER_WINDOW_DAYS),
                half_days: Vec::new(),
                max_travel_minutes: 60,
                online: true,
                priority: 2,
                pre_consent: true,
            };
            command(world.branches[*n].node.client(), &Command::from(order)).await?;
        }
    }
    step("两组分校点了同一门课 six orders for joint classes");
    Ok(())
}

async fn heal(world: &World, cut: &[usize], dice: &mut Dice, report: &mut Report) -> Result<(), DemoError> {
    let (began, before) = (Instant::now(), world.bytes());
    for n in dice.mixed(cut.len()) {
        world.branches[cut[n]].line.heal();
        tokio::time::sleep(Duration::from_millis(dice.below(400) as u64)).await;
    }
    converge(world).await?;
    report.seconds_to_converge = began.elapsed().as_secs_f64();
    report.bytes_to_converge = world.bytes() - before;
    step(&format!(
        "线路恢复，九个节点一致 healed and converged: {:.1} s, {} bytes",
        report.seconds_to_converge, report.bytes_to_converge
    ));
    Ok(())
}

async fn close_round(world: &World, report: &mut Report) -> Result<(), DemoError> {
    let client = world.city.client();
    let closed =
        client.post("/api/round/close", &serde_json::json!({})).await.map_err(at("closing the round"))?;
    report.decisions = closed["decisions"].as_u64().unwrap_or_default();
    converge(world).await?;
    step(&format!("市校关闭本轮，裁定 {} 件 round closed", report.decisions));
    Ok(())
}

/// Waits until all nodes hold the same logs and the city has signed for all of them.
async fn converge(world: &World) -> Result<(), DemoError> {
    let began = Instant::now();
    loop {
        if has_converged(world).await? {
            return Ok(());
        }
        if began.elapsed() > LONGEST_WAIT {
            return Err(DemoError::Story(format!("the nodes did not converge in {LONGEST_WAIT:?}")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn has_converged(world: &World) -> Result<bool, DemoError> {
    let city = get(world.city.client(), "/api/status").await?;
    for branch in &world.branches {
        let status = get(branch.node.client(), "/api/status").await?;
        let same = status["frontiers"]["shared"] == city["frontiers"]["shared"]
            && status["frontiers"]["private"][branch.id.to_hex()]
                == city["frontiers"]["private"][branch.id.to_hex()];
        if !same || status["not_at_city"] != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn check(world: &World, attended: usize, truth: &Counts, report: &mut Report) -> Result<(), DemoError> {
    let city = world.city.client();
    let status = get(city, "/api/status").await?;
    report.events = status["events"].as_u64().unwrap_or_default();
    report.bytes = world.bytes();
    check_digests(world, report).await?;
    let teachers = get(city, "/api/views/teachers").await?;
    report.teachers = teachers["people"].as_u64().unwrap_or_default();
    let resources = get(city, "/api/views/resources").await?;
    report.shared_resources = objects(&resources["offers"]).count();
    report
        .checks
        .push(Check::new("师资库人数 teachers in the pool", report.teachers == truth.teachers as u64));
    let anomalies = get(city, "/api/views/anomalies").await?;
    let twice = |kind: &Value| kind == "teacher_twice" || kind == "asset_twice";
    let double = anomalies.as_array().into_iter().flatten().filter(|anomaly| twice(&anomaly["kind"])).count();
    let schedule = get(city, "/api/views/schedule").await?;
    let unbooked_twice = double == 0 && !books_twice(&schedule)?;
    report.checks.push(Check::new("无人无处被排两次 nothing is booked twice", unbooked_twice));
    let mut person_times = 0;
    for branch in &world.branches {
        let rosters = get(branch.node.client(), "/api/rosters").await?;
        person_times += rosters["person_times"].as_u64().unwrap_or_default();
    }
    report.person_times = person_times;
    report.checks.push(Check::new("人次齐全 every attendance arrived", person_times == attended as u64));
    check_decisions(world, &teachers, report).await
}

async fn check_digests(world: &World, report: &mut Report) -> Result<(), DemoError> {
    let city = get(world.city.client(), "/api/digests").await?;
    let (mut shared, mut private) = (true, true);
    for branch in &world.branches {
        let digests = get(branch.node.client(), "/api/digests").await?;
        let own = branch.id.to_hex();
        shared &= digests["shared"].is_string() && digests["shared"] == city["shared"];
        private &= digests["private"][&own].is_string() && digests["private"][&own] == city["private"][&own];
    }
    report.checks.push(Check::new("九个节点的公共账一致 shared views equal on nine nodes", shared));
    report.checks.push(Check::new("各分校私有账与市校一致 private views equal the city's", private));
    Ok(())
}

async fn check_decisions(world: &World, teachers: &Value, report: &mut Report) -> Result<(), DemoError> {
    let requests = get(world.city.client(), "/api/views/requests").await?;
    let name_of = |id: &Value| teachers["teachers"][id.as_str().unwrap_or_default()]["name"].clone();
    for (_, claim) in objects(&requests["claims"]) {
        let outcome = &claim["outcome"];
        if outcome["kind"] == "confirmed" {
            report.confirmed += 1;
        } else if outcome["kind"] == "refused" {
            let branch = &claim["lodged"]["branch"];
            let branch = world.branches.iter().find(|b| *branch == b.id.to_hex());
            let alternatives = outcome["alternatives"].as_array().into_iter().flatten();
            report.refused.push(Refusal {
                branch: branch.map_or_else(String::new, |branch| branch.name.clone()),
                reason: outcome["reasons"][0]["code"].as_str().unwrap_or_default().to_owned(),
                alternatives: alternatives
                    .map(|other| alternative(&name_of(&other["teacher"]), &other["slot"]))
                    .collect(),
            });
        }
    }
    let joint = requests["joint"].as_object();
    report.joint_classes = joint.map_or(0, serde_json::Map::len);
    let parts = |class: &Value| class["parts"].as_array().map_or(0, Vec::len);
    report.branches_joined = joint.into_iter().flatten().map(|(_, class)| parts(class)).sum();
    let saved = |class: &Value| {
        (parts(class) as u64).saturating_sub(1)
            * class["slot"]["duration_minutes"].as_u64().unwrap_or_default()
    };
    report.teacher_minutes_saved = joint.into_iter().flatten().map(|(_, class)| saved(class)).sum();
    let one = report.confirmed == 1 && report.refused.len() == 1;
    report.checks.push(Check::new("一准一未 one claim granted, one refused", one));
    let two = report.refused.iter().all(|refusal| refusal.alternatives.len() >= 2);
    report.checks.push(Check::new("未准的有两个替代 the refusal has two alternatives", one && two));
    report.checks.push(Check::new("有联合班次 joint classes were made", report.joint_classes > 0));
    let mut held = true;
    for client in world.frontends() {
        let recheck = get(client, "/api/round/recheck").await?;
        held &= recheck["claims"] == 2
            && recheck["seed_holds"] == true
            && recheck["differing"].as_array().is_some_and(Vec::is_empty);
    }
    let what = "与先后无关，九个节点重算相同 the same winner whoever comes first, recomputed on nine nodes";
    report.checks.push(Check::new(what, held));
    Ok(())
}

/// Whether two firm bookings of one teacher or one place share a minute; said apart from the fold's own word.
fn books_twice(schedule: &Value) -> Result<bool, DemoError> {
    let unreadable = |_| DemoError::Story("the schedule cannot be read".into());
    let mut taken: Vec<(Slot, Value)> = Vec::new();
    for booking in schedule.as_array().into_iter().flatten() {
        let slot: Slot = serde_json::from_value(booking["slot"].clone()).map_err(unreadable)?;
        for subject in [&booking["teacher"], &booking["asset"]] {
            if subject.is_null() {
                continue;
            }
            if taken.iter().any(|(other, who)| who == subject && other.overlaps(&slot)) {
                return Ok(true);
            }
            taken.push((slot, subject.clone()));
        }
    }
    Ok(false)
}

fn alternative(teacher: &Value, slot: &Value) -> String {
    let start = slot["start_minute"].as_u64().unwrap_or_default();
    let day = slot["day"].as_str().unwrap_or_default();
    format!("{} {day} {:02}:{:02}", teacher.as_str().unwrap_or_default(), start / 60, start % 60)
}

async fn get(client: &Client, path: &str) -> Result<Value, DemoError> {
    client.get(path).await.map_err(at(path))
}

async fn command(client: &Client, command: &Command) -> Result<Value, DemoError> {
    let body = serde_json::to_value(command).expect("a command always encodes");
    client.post("/api/commands", &body).await.map_err(at("/api/commands"))
}

fn at(what: &str) -> impl Fn(ClientError) -> DemoError {
    let what = what.to_owned();
    move |error| DemoError::Client { what: what.clone(), error }
}

fn step(text: &str) {
    eprintln!("· {text}");
}
