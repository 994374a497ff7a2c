//! What the terms mean, in the owner's words: 「2026年12月4日（金）12:00ごろ」, 「1本あたり5,000円（税込）」.

use crate::cases::{Basis, DueBy, Price, Reading, Sen, Tax};

/// A reading in Japanese.
pub fn reading_ja(reading: &Reading) -> String {
    match reading {
        Reading::Amount(price) => price_ja(price),
        Reading::Deadline(due) => due_ja(due),
    }
}

/// The same in English.
pub fn reading_en(reading: &Reading) -> String {
    match reading {
        Reading::Amount(price) => price_en(price),
        Reading::Deadline(due) => {
            let clock = due.clock.map(|it| {
                let about = if it.exact { "" } else { "about " };
                format!(" {about}{:02}:{:02}", it.hour, it.minute)
            });
            format!("{} ({}){}", due.day, due.day.strftime("%a"), clock.unwrap_or_default())
        }
    }
}

fn due_ja(due: &DueBy) -> String {
    let weekday = ["月", "火", "水", "木", "金", "土", "日"]
        [usize::from(due.day.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    let clock = due.clock.map(|it| {
        let about = if it.exact { "" } else { "ごろ" };
        format!("{:02}:{:02}{about}", it.hour, it.minute)
    });
    format!("{}（{weekday}）{}", due.day.strftime("%Y年%-m月%-d日"), clock.unwrap_or_default())
}

fn price_ja(price: &Price) -> String {
    let sum = match (price.least, price.most) {
        (Some(least), Some(most)) if least == most => format!("{}円", figures(least)),
        (Some(least), Some(most)) => format!("{}〜{}円", figures(least), figures(most)),
        (Some(least), None) => format!("{}円以上", figures(least)),
        (None, Some(most)) => format!("{}円まで", figures(most)),
        (None, None) => String::new(),
    };
    let basis = match &price.basis {
        Basis::Unit(unit) if unit.is_empty() => "1つあたり".to_owned(),
        Basis::Unit(unit) => format!("1{unit}あたり"),
        Basis::Total => "全部で".to_owned(),
        Basis::Unsaid => String::new(),
    };
    let tax = match price.tax {
        Tax::Included => "（税込）",
        Tax::Excluded => "（税別）",
        Tax::Unsaid => "（税の記載なし）",
    };
    format!("{basis}{sum}{tax}")
}

fn price_en(price: &Price) -> String {
    let sum = match (price.least, price.most) {
        (Some(least), Some(most)) if least == most => figures(least),
        (Some(least), Some(most)) => format!("{} to {}", figures(least), figures(most)),
        (Some(least), None) => format!("{} or more", figures(least)),
        (None, Some(most)) => format!("up to {}", figures(most)),
        (None, None) => String::new(),
    };
    let basis = match &price.basis {
        Basis::Unit(unit) if unit.is_empty() => " each".to_owned(),
        Basis::Unit(unit) => format!(" for each {unit}"),
        Basis::Total => " in all".to_owned(),
        Basis::Unsaid => String::new(),
    };
    let tax = match price.tax {
        Tax::Included => "tax included",
        Tax::Excluded => "tax excluded",
        Tax::Unsaid => "tax not mentioned",
    };
    format!("{sum} yen{basis} ({tax})")
}

/// 12,000 and 1.25.
fn figures(sum: Sen) -> String {
    let mut whole = sum.yen().to_string();
    for at in (1..whole.len()).rev().filter(|at| (whole.len() - at).is_multiple_of(3)).collect::<Vec<_>>() {
        whole.insert(at, ',');
    }
    match sum.0 % 100 {
        0 => whole,
        rest => format!("{whole}.{rest:02}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::cases::{read_due, read_price};
    use crate::domain::UtcMillis;

    use super::*;

    #[test]
    fn readings_for_people() {
        // Monday, 23 November 2026, 10:00 in Japan.
        let written = UtcMillis(1_795_395_600_000);
        let due = |text| Reading::Deadline(read_due(text, written).unwrap());
        let price = |text| Reading::Amount(read_price(text).unwrap());
        for (reading, ja, en) in [
            (due("来週金曜"), "2026年12月4日（金）", "2026-12-04 (Fri)"),
            (due("明後日の昼"), "2026年11月25日（水）12:00ごろ", "2026-11-25 (Wed) about 12:00"),
            (due("明日15時"), "2026年11月24日（火）15:00", "2026-11-24 (Tue) 15:00"),
            (
                price("1本5,000円"),
                "1本あたり5,000円（税の記載なし）",
                "5,000 yen for each 本 (tax not mentioned)",
            ),
            (price("3〜5万円(税込)"), "30,000〜50,000円（税込）", "30,000 to 50,000 yen (tax included)"),
            (price("総額120万円+税"), "全部で1,200,000円（税別）", "1,200,000 yen in all (tax excluded)"),
            (
                price("文字単価1.2円"),
                "1文字あたり1.2円（税の記載なし）",
                "1.2 yen for each 文字 (tax not mentioned)",
            ),
            (
                price("単価800円以上"),
                "1つあたり800円以上（税の記載なし）",
                "800 or more yen each (tax not mentioned)",
            ),
            (price("5万円まで"), "50,000円まで（税の記載なし）", "up to 50,000 yen (tax not mentioned)"),
        ] {
            assert_eq!((reading_ja(&reading).as_str(), reading_en(&reading).as_str()), (ja, en));
        }
    }
}
