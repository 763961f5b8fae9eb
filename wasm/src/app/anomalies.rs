//! What does not fit together (对不上的事), in the reader's words.

use super::parts::{mark, section};
use super::ui::{Lang, Ui};
use super::words;
use client_core::domain::{Anomaly, AnomalyKind, SharedViews};
use client_core::event::Subject;
use client_core::ids::BranchId;
use leptos::prelude::*;

/// So many are listed.
const MOST: usize = 10;

/// The contradictions that concern the reader's branch; at the city all.
pub fn anomalies(ui: Ui) -> impl IntoView {
    let branch = ui.branch();
    let found: Vec<(&'static str, String)> = ui.views(|views| {
        let own = views.anomalies.iter().filter(|anomaly| concerns(views, anomaly, branch));
        own.map(|anomaly| (word(ui.lang, anomaly.kind), detail(ui.lang, views, anomaly))).collect()
    });
    (!found.is_empty()).then(|| {
        let count = ui.say(format!("{} 件；两边的记录都保留", found.len()), format!("{}; both records are kept", found.len()));
        let rows = found.into_iter().take(MOST).map(|(word, detail)| view! { <tr><th class="t" scope="row"><span class="st no">{mark("warn")}{word}</span></th><td>{detail}</td></tr> });
        let table = view! { <table class="tbl fold"><tbody>{rows.collect_view()}</tbody></table> };
        section(ui.say("对不上的事", "What does not fit"), count, table.into_any())
    })
}

/// A branch sees what it wrote, and what others wrote about its teachers and rooms.
fn concerns(views: &SharedViews, anomaly: &Anomaly, branch: BranchId) -> bool {
    let is_own = |subject: Subject| match subject {
        Subject::Teacher(id) => views.teachers.teachers.get(&id).is_some_and(|it| it.home == branch),
        Subject::Asset(id) => views.resources.assets.get(&id).is_some_and(|it| it.branch == branch),
        Subject::Class(_) | Subject::Request(_) => false,
    };
    branch == BranchId::CITY
        || anomaly.evidence.iter().any(|event| event.document.branch == branch)
        || thing(anomaly).is_some_and(is_own)
}

fn word(lang: Lang, kind: AnomalyKind) -> &'static str {
    let (zh, en) = match kind {
        AnomalyKind::TeacherTwice => ("同一教师两处授课", "one teacher, two classes, one time"),
        AnomalyKind::AssetTwice => ("同一场地两处占用", "one room, two classes, one time"),
        AnomalyKind::EditedTwice => ("同一处改了两次", "one thing edited twice"),
        AnomalyKind::DoesNotFold => ("一条记录没有计入", "a record that does not count"),
        AnomalyKind::DecidedTwice => ("一件事裁定了两次", "decided twice"),
        AnomalyKind::Unconfirmed => {
            ("用了别家的教师或场地，市校没有定过", "another branch's teacher or room, without a decision")
        }
        AnomalyKind::DecidedByClock => {
            ("两台设备几乎同时改了同一处", "two devices set one thing at nearly one time")
        }
        AnomalyKind::DeviceTwice => ("一个设备编号有两把钥匙", "one device id, two keys"),
        AnomalyKind::OwnerContested => {
            ("几家都说是自己的，等市校登记", "several branches call it theirs; the city records whose it is")
        }
    };
    lang.say(zh, en)
}

fn detail(lang: Lang, views: &SharedViews, anomaly: &Anomaly) -> String {
    match thing(anomaly) {
        Some(Subject::Teacher(id)) => words::teacher(lang, views, id),
        Some(Subject::Asset(id)) => words::asset(lang, views, id),
        Some(Subject::Class(_) | Subject::Request(_)) => String::new(),
        None => reason(lang, anomaly.detail.as_deref().unwrap_or_default()),
    }
}

/// The thing a contradiction is about, where it names one: `teacher:<id>`.
fn thing(anomaly: &Anomaly) -> Option<Subject> {
    anomaly.detail.as_deref()?.parse().ok()
}

/// Why an event does not count; what the reason points at stays as it is.
fn reason(lang: Lang, detail: &str) -> String {
    let (word, rest) = detail.split_once(' ').unwrap_or((detail, ""));
    let (zh, en) = match word {
        "unreadable" => ("内容无法读取", "its bytes cannot be read"),
        "wrong_scope" => ("不属于这份文档", "it does not belong into this document"),
        "wrong_author" => ("署名与证书不符", "its author is not the certificate's"),
        "doublet" => ("编号用过了，以先写的为准", "its id was used before; what was written first counts"),
        "unknown_kind" => ("比本程序新", "newer than this program"),
        "quarantine" => ("设备已吊销，等待处理", "its device was revoked; a person rules on it"),
        "rejected" => ("已裁定不计", "it was ruled that it does not count"),
        "closed" => ("该记录线已关闭", "its line was closed"),
        "out_of_bounds" => ("内容超出允许的范围", "a field lies outside its bounds"),
        "wrong_period" => ("记在了别的季度", "it lies in another quarter's document"),
        "contested" => ("同一编号两种内容，等市校裁定", "one id, two contents; the city rules on it"),
        "not_entitled" => ("说的是别家的事，不起作用", "it speaks of what another branch owns"),
        "unfinished" => ("导入还没有到齐", "its import is not whole here yet"),
        "reverted" => ("导入已撤销", "its import was reverted"),
        "replaced" => ("已更正或作废", "a later event corrects or voids it"),
        other => (other, other),
    };
    format!("{} {rest}", lang.say(zh, en)).trim_end().to_owned()
}
