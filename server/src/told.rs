//! What the command line tells people of a node and of an event: Chinese first, English on demand.

use crate::cli::Lang;
use client_core::time::Millis;
use serde_json::Value;
use std::fmt::Write;

/// How a node is: what it holds, what is on its way, what is wrong, what healed.
pub fn status(status: &Value, lang: Lang) -> String {
    let mut told = Told::new(lang);
    let is_city = status["kind"] == "city";
    let who = if is_city { ("市校节点", "City node") } else { ("分校节点", "Branch node") };
    told.title(who);
    let (documents, events) = (number(status, "documents"), number(status, "events"));
    told.line(
        ("已存", "saved here"),
        (
            format!("{events} 条记录，{documents} 份文档，{}", size(number(status, "bytes"))),
            format!("{events} events in {documents} documents, {}", size(number(status, "bytes"))),
        ),
    );
    if !is_city {
        let missing = |key| match number(status, key) {
            0 => ("全部已到".to_owned(), "everything".to_owned()),
            n => (format!("还有 {n} 笔未到"), format!("all but {n} changes")),
        };
        told.line(("到上级", "at the upstream"), missing("not_at_upstream"));
        told.line(("到市校", "at the city"), missing("not_at_city"));
        told.line(("线路", "line"), line_state(&status["upstream"]));
        if let Some(at) = status["city_heard"].as_i64() {
            told.line(("市校最近回执", "city last heard"), both(moment(at)));
        }
    }
    told.line(("连接", "connections"), both(number(status, "connections").to_string()));
    if let Some(trouble) = status["trouble"].as_str() {
        told.line(("存储故障", "store in trouble"), both(trouble.to_owned()));
    }
    if let Some(off) = status["clock_off"].as_i64().filter(|off| off.abs() > 10 * Millis::MINUTE) {
        told.line(("本机时钟", "clock"), clock(off / Millis::MINUTE));
    }
    if !status["arbiter_paused"].is_null() {
        told.line(("裁定暂停", "arbiter paused"), paused(&status["arbiter_paused"]));
    }
    let journal = status["journal"].as_array().map_or(&[][..], Vec::as_slice);
    if !journal.is_empty() {
        told.title(("近来之事", "What happened"));
        journal.iter().rev().for_each(|note| told.note(note));
    }
    told.text
}

/// Where every event of this id is.
pub fn why(found: &Value, lang: Lang) -> String {
    let mut told = Told::new(lang);
    for event in found.as_array().map_or(&[][..], Vec::as_slice) {
        let kind = event["kind"].as_str().unwrap_or("?");
        let reference = event["event"].as_str().unwrap_or_default();
        told.title((&format!("{kind}  {reference}"), &format!("{kind}  {reference}")));
        let answer = |yes: bool| match yes {
            true => ("是".to_owned(), "yes".to_owned()),
            false => ("还没有".to_owned(), "not yet".to_owned()),
        };
        told.line(("本机已存", "saved here"), answer(event["here"] == true));
        if let Some(upstream) = event["upstream"].as_bool() {
            told.line(("已到上级", "at the upstream"), answer(upstream));
        }
        told.line(("已到市校", "at the city"), answer(event["city"] == true));
        match event["kept_aside"].as_str() {
            Some(reason) => told.line(("未计入", "does not count"), aside(reason)),
            None => told.line(("已计入", "counts"), answer(true)),
        }
        for (key, label) in
            [("ruling", ("依据裁定", "by ruling")), ("corrected", ("已校时", "clock corrected"))]
        {
            let value = event.get(key).filter(|value| !value.is_null() && **value != Value::Bool(false));
            if let Some(value) = value {
                told.line(label, both(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
        }
        if let Some(decision) = event["decision"].as_str() {
            told.line(("裁定", "decided"), outcome(decision));
        }
    }
    told.text
}

/// Every import, with what it brought to which branch.
pub fn imports(imports: &Value, lang: Lang) -> String {
    let mut told = Told::new(lang);
    for import in imports.as_array().into_iter().flatten() {
        let text = |key: &str| import[key].as_str().unwrap_or_default();
        let named = format!("{}  {}", text("action"), text("file"));
        told.title((&named, &named));
        let branches = import["branches"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let branches: Vec<&str> = branches.collect();
        if !branches.is_empty() {
            told.line(("分校", "branches"), (branches.join("、"), branches.join(", ")));
        }
        if let Some(courses) = import["courses"].as_u64().filter(|courses| *courses > 0) {
            told.line(("上架课程", "courses on the list"), both(courses.to_string()));
        }
        if let Some(why) = import["reverted"].as_str() {
            told.line(("已撤销", "reverted"), both(why.to_owned()));
        }
    }
    if told.text.is_empty() {
        told.title(("还没有导入过文件。", "Nothing was imported yet."));
    }
    told.text
}

/// What taking an import back did.
pub fn reverted(answer: &Value, lang: Lang) -> String {
    let (branches, events, courses) = (&answer["branches"], &answer["events"], &answer["courses"]);
    match lang {
        Lang::Zh => format!("已撤销：{branches} 个分校的 {events} 条记录，{courses} 门课程下架。"),
        Lang::En => {
            format!("Reverted: {events} events of {branches} branches; {courses} courses taken off the list.")
        }
    }
}

/// What an administrator let pass.
pub fn release(answer: &Value, lang: Lang) -> String {
    let mut told = Told::new(lang);
    let was = &answer["was_paused"];
    if was.is_null() {
        told.title(("裁定本来就没有暂停。", "The arbiter was not paused."));
        return told.text;
    }
    told.title(("裁定已恢复。", "The arbiter decides again."));
    for branch in was["waiting_for"].as_array().map_or(&[][..], Vec::as_slice) {
        told.line(("尚未报到", "not heard from"), both(branch["name"].as_str().unwrap_or("?").to_owned()));
    }
    for event in was["unknown"].as_array().map_or(&[][..], Vec::as_slice) {
        told.line(("看不懂", "not understood"), both(event.as_str().unwrap_or("?").to_owned()));
    }
    told.text
}

/// Whether a decided plan comes out the same here.
pub fn replay(answer: &Value, lang: Lang) -> String {
    let mut told = Told::new(lang);
    let replay = &answer["replay"];
    let (theirs, ours) = (replay["planner"][0].as_u64(), replay["planner"][1].as_u64());
    told.title(match answer["holds"] == true {
        true => ("本机重排，与市校所定逐字节相同。", "Planned again here: the same, byte for byte."),
        false if theirs != ours => (
            "本机排课程序与当时市校所用版本不同，排出的课表不同不说明问题；请用同一版本重排。",
            "The city planned with another version of the planner: a different plan says nothing. Use that version.",
        ),
        false => (
            "本机用同一版本重排，与市校所定不同；请报市校。",
            "Planned again here with the same version: NOT the same. Tell the city.",
        ),
    });
    let versions = [theirs, ours].map(Option::unwrap_or_default);
    told.line(
        ("排课程序版本", "planner"),
        (
            format!("市校 {}，本机 {}", versions[0], versions[1]),
            format!("{} at the city, {} here", versions[0], versions[1]),
        ),
    );
    let text = |key: &str| both(replay[key].as_str().unwrap_or_default().to_owned());
    told.line(("排课裁定", "decision"), text("decision"));
    told.line(("所定课表指纹", "plan as recorded"), text("recorded"));
    told.line(("重排课表指纹", "plan made here"), text("made"));
    let (steps, lines) = (number(replay, "steps"), number(replay, "lines"));
    told.line(
        ("依据", "made from"),
        (format!("{lines} 条记录线，{steps} 步"), format!("{lines} lines of the history, {steps} steps")),
    );
    let same = number(replay, "same");
    told.line(("相同", "the same"), (format!("{same} 件"), format!("{same} decisions")));
    for event in replay["differing"].as_array().map_or(&[][..], Vec::as_slice) {
        told.line(("不同", "differs"), both(event.as_str().unwrap_or("?").to_owned()));
    }
    let saved = number(replay, "minutes_saved");
    told.line(
        ("合班省下教师课时", "teaching saved by joining"),
        (format!("{saved} 分钟"), format!("{saved} minutes")),
    );
    told.text
}

type Words<'a> = (&'a str, &'a str);

struct Told {
    lang: Lang,
    text: String,
}

impl Told {
    fn new(lang: Lang) -> Self {
        Self { lang, text: String::new() }
    }

    fn word<'a>(&self, words: Words<'a>) -> &'a str {
        if self.lang == Lang::Zh { words.0 } else { words.1 }
    }

    fn title(&mut self, words: Words<'_>) {
        let words = self.word(words).to_owned();
        let _ = writeln!(self.text, "{words}");
    }

    fn line(&mut self, label: Words<'_>, value: (String, String)) {
        let (label, zh) = (self.word(label).to_owned(), self.lang == Lang::Zh);
        let value = if zh { value.0 } else { value.1 };
        let colon = if zh { "：" } else { ": " };
        let _ = writeln!(self.text, "  {label}{colon}{value}");
    }

    fn note(&mut self, note: &Value) {
        let words = happening(note["what"].as_str().unwrap_or_default());
        let about = [&note["about"], &note["detail"]].map(|value| value.as_str().unwrap_or_default());
        let details: Vec<&str> = about.into_iter().filter(|text| !text.is_empty()).collect();
        let times = match number(note, "times") {
            0 | 1 => String::new(),
            times => format!(" ×{times}"),
        };
        let (when, what) = (moment(note["last"].as_i64().unwrap_or_default()), self.word(words).to_owned());
        let _ = writeln!(self.text, "  {when}  {what}{times}  {}", details.join("  "));
    }
}

fn both(text: String) -> (String, String) {
    (text.clone(), text)
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A moment in the city's time zone, to the minute.
fn moment(millis: i64) -> String {
    let minute = Millis(millis).minute_of_day();
    format!("{} {:02}:{:02}", Millis(millis).day(), minute / 60, minute % 60)
}

fn line_state(upstream: &Value) -> (String, String) {
    let since = upstream[1].as_i64().map(moment).unwrap_or_default();
    match upstream[0].as_bool() {
        Some(true) => (format!("通（自 {since}）"), format!("up since {since}")),
        Some(false) => (
            format!("断（自 {since}）；各项工作照常，通后自动对齐"),
            format!("down since {since}; work goes on, and it catches up by itself"),
        ),
        None => ("尚未连接".to_owned(), "not connected yet".to_owned()),
    }
}

fn clock(minutes: i64) -> (String, String) {
    let off = minutes.abs();
    match minutes > 0 {
        true => (
            format!("比上级慢 {off} 分钟，请校时；记录按上级时间"),
            format!("{off} minutes behind the upstream's: set it; records follow the upstream"),
        ),
        false => (
            format!("比上级快 {off} 分钟，请校时；记录按上级时间"),
            format!("{off} minutes ahead of the upstream's: set it; records follow the upstream"),
        ),
    }
}

fn paused(paused: &Value) -> (String, String) {
    let (mut zh, mut en) = (Vec::new(), Vec::new());
    if let Some(since) = paused["since"].as_i64().map(moment) {
        let branches = paused["waiting_for"].as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = branches.iter().filter_map(|branch| branch["name"].as_str()).collect();
        let names = if names.is_empty() {
            ("第一所分校".to_owned(), "the first branch".to_owned())
        } else {
            both(names.join("、"))
        };
        zh.push(format!("存储自 {since} 由备份恢复，等待报到：{}", names.0));
        en.push(format!("the store was put back at {since}; waiting for {}", names.1));
    }
    let unknown = paused["unknown"].as_array().map_or(0, Vec::len);
    if unknown > 0 {
        zh.push(format!("{unknown} 条记录比本程序新，请更新程序"));
        en.push(format!("{unknown} events are newer than this program: update it"));
    }
    let (zh, en) = (zh.join("；"), en.join("; "));
    (
        format!("{zh}（lianxiao release-arbiter 可人工恢复）"),
        format!("{en} (lianxiao release-arbiter ends it)"),
    )
}

fn happening(what: &str) -> Words<'_> {
    match what {
        "store_put_back" => ("存储由备份恢复，已换新的记录线", "store put back from a copy; new lines begun"),
        "store_copied" => {
            ("本节点的存储另有副本在写，已换新的记录线", "a copy of this store wrote on; new line begun")
        }
        "forked" => {
            ("某设备被恢复或复制，两条记录线都保留", "a device was restored or copied; both lines are kept")
        }
        "upstream_renewed" => (
            "上级存储已恢复或重建，正补齐其所缺",
            "the upstream's store was put back or begun anew; supplied again",
        ),
        "changes_refused" => ("拒收了某条记录线的改动", "changes of one line were refused"),
        "disk_full" => ("磁盘已满，已确认的记录不受影响", "disk full; nothing acknowledged is lost"),
        "store_failed" => ("存储出错", "the store failed"),
        "store_works" => ("存储恢复正常", "the store takes writes again"),
        "clock_off" => ("本机时钟偏差过大（分钟）", "this machine's clock is far off, in minutes"),
        "arbiter_paused" => ("裁定暂停", "arbiter paused"),
        "arbiter_released" => ("裁定恢复", "arbiter decides again"),
        other => (other, other),
    }
}

fn aside(reason: &str) -> (String, String) {
    let (zh, en) = match reason {
        "unreadable" => ("内容无法读取", "its bytes cannot be read"),
        "wrong_scope" => ("此类记录不属于这份文档", "its kind does not belong into this document"),
        "wrong_author" => ("署名与证书不符", "its author is not the certificate's"),
        "doublet" => ("同一编号另有一条，以那条为准", "another with the same id counts"),
        "unknown_kind" => ("比本程序新；更新程序后即计入", "newer than this program; counts after an update"),
        "quarantine" => {
            ("设备已吊销，等待处理", "in quarantine: its device was revoked, a person rules on it")
        }
        "rejected" => ("已裁定不计", "it was ruled that it does not count"),
        "closed" => ("该记录线已关闭", "its line was closed"),
        "out_of_bounds" => ("内容超出允许的范围", "a field lies outside its bounds"),
        "wrong_period" => ("记在了别的季度的文档里", "it lies in a document of another quarter"),
        "contested" => (
            "同一编号有两种内容，等待市校裁定",
            "its id holds other bytes on another line; the city rules on it",
        ),
        "not_entitled" => ("说的是别家的事，不起作用", "it speaks of what another unit owns"),
        "unfinished" => ("导入还没有到齐", "part of an import that is not whole here yet"),
        "reverted" => ("导入已撤销", "part of an import that was reverted"),
        "replaced" => ("已更正或作废，以后来的为准", "a later event corrects or voids it"),
        other => (other, other),
    };
    (zh.to_owned(), en.to_owned())
}

fn outcome(word: &str) -> (String, String) {
    let zh = match word {
        "confirmed" => "已准",
        "waitlisted" => "候补",
        "refused" => "未排上",
        "displaced" => "让位",
        other => other,
    };
    (zh.to_owned(), word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_paused_city_says_whom_it_waits_for_in_both_languages() {
        let answer = json!({ "kind": "city", "documents": 2, "events": 7, "bytes": 1000, "connections": 0,
            "arbiter_paused": { "since": 1_700_000_000_000_i64, "unknown": [],
                "waiting_for": [{ "branch": "00", "name": "新埭镇" }] },
            "journal": [{ "what": "store_put_back", "about": "", "detail": "", "first": 0, "last": 0, "times": 2 }] });
        let zh = status(&answer, Lang::Zh);
        assert!(
            zh.contains("裁定暂停") && zh.contains("等待报到：新埭镇") && zh.contains("由备份恢复"),
            "{zh}"
        );
        let en = status(&answer, Lang::En);
        assert!(
            en.contains("2023-11-15 06:13") && en.contains("waiting for 新埭镇") && en.contains("×2"),
            "{en}"
        );
    }

    #[test]
    fn an_event_that_does_not_count_says_why() {
        let found = json!([{ "event": "a:b:c", "kind": "x.new", "here": true, "upstream": false, "city": false,
            "kept_aside": "unknown_kind", "decision": null }]);
        let en = why(&found, Lang::En);
        assert!(en.contains("at the upstream: not yet") && en.contains("does not count: newer"), "{en}");
        assert!(why(&found, Lang::Zh).contains("未计入：比本程序新"));
    }
}
