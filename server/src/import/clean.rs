//! Cleaning: what people type becomes values.

use super::sheet::Cell;
use client_core::time::{Day, HalfDay};

/// Full-width letters, digits and punctuation made half-width; blanks and line breaks at the ends gone,
/// those inside made one blank.
pub fn text(raw: &str) -> String {
    let half: String = raw
        .chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            '\u{3000}' | '\u{a0}' | '\u{feff}' | '\u{200b}' => ' ',
            other => other,
        })
        .collect();
    half.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A Chinese name: without any blanks.
pub fn name(raw: &str) -> String {
    text(raw).replace(' ', "")
}

/// A mobile number: eleven digits beginning with 1, or `None`.
pub fn phone(raw: &str) -> Option<String> {
    let digits = phone_digits(raw);
    let valid = digits.len() == 11 && digits.starts_with('1') && matches!(digits.as_bytes()[1], b'3'..=b'9');
    valid.then_some(digits)
}

/// The digits of a phone field, good or not, without country code.
pub fn phone_digits(raw: &str) -> String {
    let digits: String = text(raw).chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")) {
        Some(rest) if rest.len() == 11 => rest.to_owned(),
        _ => digits,
    }
}

/// The first whole number in a text: `120人`, `约120`, `45 分钟`.
pub fn number(raw: &str) -> Option<u32> {
    let text = text(raw);
    let digits: String = text
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// Yes or no, in the ways offices write it.
pub fn yes(raw: &str) -> Option<bool> {
    match text(raw).to_ascii_lowercase().as_str() {
        "是" | "√" | "✓" | "可" | "可以" | "有" | "y" | "yes" | "1" | "true" | "可外借" | "外借" | "共享"
        | "可共享" => Some(true),
        "否" | "×" | "不" | "不可" | "不可以" | "无" | "n" | "no" | "0" | "false" | "不外借" | "不共享"
        | "" => Some(false),
        _ => None,
    }
}

/// A date in any of the usual ways, with the minutes since midnight where a time follows.
pub fn date(cell: &Cell) -> Option<(Day, u16)> {
    let raw = match cell {
        Cell::Date(day, minute) => return Some((*day, *minute)),
        Cell::Text(raw) => text(raw),
    };
    let (date, time) = match raw.split_once([' ', 'T']) {
        Some((date, time)) if time.contains(':') => (date.to_owned(), clock(time)?),
        _ => (raw, 0),
    };
    let numbers: Vec<i32> = date
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let day = match numbers[..] {
        [year, month, day] => ymd(year, month, day)?,
        [packed] if date.len() == 8 => ymd(packed / 10_000, packed / 100 % 100, packed % 100)?,
        // A spreadsheet's own count of days that lost its format.
        [serial] if date.len() == 5 => Day(serial - 25_569),
        _ => return None,
    };
    Some((day, time))
}

fn ymd(year: i32, month: i32, day: i32) -> Option<Day> {
    if !(1900..=2200).contains(&year) {
        return None;
    }
    Day::from_ymd(year as i16, i8::try_from(month).ok()?, i8::try_from(day).ok()?)
}

fn clock(raw: &str) -> Option<u16> {
    let mut parts = raw.trim().split(':').map(|part| part.parse::<u16>());
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// A list written with any usual separator.
pub fn list(raw: &str) -> Vec<String> {
    text(raw)
        .split([',', ';', '、', '/', ' ', '，', '；', '|', '。'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

const WEEKDAYS: &str = "一二三四五六日";

/// Half-days in words: `周一上午、周二全天`, `周一至周五`, `工作日下午`, `每周三下午`. `None` if a part makes no sense.
pub fn half_days(raw: &str) -> Option<Vec<HalfDay>> {
    let mut all = Vec::new();
    for part in list(raw) {
        all.extend(half_day_part(&part)?);
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

fn half_day_part(part: &str) -> Option<Vec<HalfDay>> {
    let part = part.replace("星期", "周").replace("礼拜", "周").replace('天', "日").replace("全日", "");
    let part = part.replace("每", "").replace('到', "至").replace(['-', '~', '—'], "至");
    let (days, halves): (&str, &[bool]) = if let Some(days) = part.strip_suffix("上午") {
        (days, &[false])
    } else if let Some(days) = part.strip_suffix("下午") {
        (days, &[true])
    } else {
        (part.as_str(), &[false, true])
    };
    let weekdays: Vec<u8> = match days {
        "工作日" => (0..5).collect(),
        "周末" | "双休日" => vec![5, 6],
        "日" | "周" | "日日" => (0..7).collect(),
        _ => match days.split_once('至') {
            Some((from, to)) => {
                let (from, to) = (weekday(from)?, weekday(to)?);
                if from > to {
                    return None;
                }
                (from..=to).collect()
            }
            None => days.strip_prefix('周').unwrap_or(days).chars().map(weekday_of).collect::<Option<_>>()?,
        },
    };
    let half = |weekday: &u8| {
        halves
            .iter()
            .map(|afternoon| HalfDay { weekday: *weekday, afternoon: *afternoon })
            .collect::<Vec<_>>()
    };
    (!weekdays.is_empty()).then(|| weekdays.iter().flat_map(half).collect())
}

fn weekday(text: &str) -> Option<u8> {
    let mut chars = text.strip_prefix('周').unwrap_or(text).chars();
    let day = weekday_of(chars.next()?)?;
    chars.next().is_none().then_some(day)
}

fn weekday_of(c: char) -> Option<u8> {
    WEEKDAYS.chars().position(|known| known == c).map(|at| at as u8)
}

/// A branch's name without what offices add to it: `乍浦镇分校` and `乍浦` are one.
pub fn branch_stem(raw: &str) -> String {
    let mut stem = name(raw);
    for suffix in ["分校", "党校", "镇", "街道", "乡"] {
        if let Some(rest) = stem.strip_suffix(suffix)
            && rest.chars().count() >= 2
        {
            stem = rest.to_owned();
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn dates_are_read_in_all_the_ways_offices_write_them() {
        for raw in
            ["2026-12-03", "2026/12/3", "2026.12.3", "2026年12月3日", "20261203", " ２０２６-12-03 ", "46359"]
        {
            assert_eq!(date(&Cell::Text(raw.into())), Some((day("2026-12-03"), 0)), "{raw}");
        }
        assert_eq!(date(&Cell::Text("2026-12-03 08:15".into())), Some((day("2026-12-03"), 495)));
        for raw in ["2026-13-03", "12月3日", "明天", ""] {
            assert_eq!(date(&Cell::Text(raw.into())), None, "{raw}");
        }
    }

    #[test]
    fn phones_lose_blanks_width_and_country_code() {
        for raw in [
            "13812345678",
            "１３８１２３４５６７８",
            " 138-1234-5678\n",
            "+86 13812345678",
            "0086 138 1234 5678",
        ] {
            assert_eq!(phone(raw).as_deref(), Some("13812345678"), "{raw}");
        }
        for raw in ["1381234567", "138123456789", "02112345678", "12812345678", ""] {
            assert_eq!(phone(raw), None, "{raw}");
        }
    }

    #[test]
    fn half_days_are_read_from_words() {
        let half = |weekday, afternoon| HalfDay { weekday, afternoon };
        assert_eq!(
            half_days("周一上午、周二全天").unwrap(),
            vec![half(0, false), half(1, false), half(1, true)]
        );
        assert_eq!(half_days("周一至周五").unwrap().len(), 10);
        assert_eq!(half_days("工作日下午").unwrap().len(), 5);
        assert_eq!(half_days("每周三下午").unwrap(), vec![half(2, true)]);
        assert_eq!(half_days("周一、三、五上午").map(|all| all.len()), Some(5));
        assert_eq!(half_days("看情况"), None);
    }

    #[test]
    fn branches_are_one_under_all_their_names() {
        for raw in ["乍浦", "乍浦镇", "乍浦镇分校", "乍浦分校", " 乍浦 镇"] {
            assert_eq!(branch_stem(raw), "乍浦", "{raw}");
        }
        assert_eq!(branch_stem("当湖街道"), "当湖");
    }
}
