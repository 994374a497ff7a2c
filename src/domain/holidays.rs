//! Public holidays of Japan, by the law on them (国民の祝日に関する法律) as it has stood since 2022.
//!
//! Why no table: the law gives days, Mondays and the two equinoxes; a table would have to be carried on year by year. The
//! equinoxes are those of the usual formula, which fits every announced year since 1980 and is good to 2099.

use jiff::civil::{Date, Weekday};

/// Whether a civil date in Japan is a public holiday, substitutes and days between two holidays included.
pub fn is_holiday_in_japan(date: Date) -> bool {
    named(date) || substitute(date) || between(date)
}

/// A holiday with a name of its own.
fn named(date: Date) -> bool {
    let fixed = matches!(
        (date.month(), date.day()),
        (1, 1) | (2, 11 | 23) | (4, 29) | (5, 3..=5) | (8, 11) | (11, 3 | 23)
    );
    // The second or third Monday of the month.
    let monday = date.weekday() == Weekday::Monday
        && match date.month() {
            1 | 10 => (8..=14).contains(&date.day()),
            7 | 9 => (15..=21).contains(&date.day()),
            _ => false,
        };
    let equinox = match date.month() {
        3 => equinox(date.year(), 208_431),
        9 => equinox(date.year(), 232_488),
        _ => 0,
    };
    fixed || monday || i32::from(date.day()) == equinox
}

/// Day of the equinox; `base` is the moment of 1980 in ten-thousandths of a day.
fn equinox(year: i16, base: i32) -> i32 {
    let years = i32::from(year) - 1980;
    // 0.242194 days a year, in millionths; the quotients round down for years before 1980 too.
    (base * 100 + 242_194 * years).div_euclid(1_000_000) - years.div_euclid(4)
}

/// The first day after a holiday on a Sunday that is no holiday itself.
fn substitute(date: Date) -> bool {
    let mut day = date;
    while let Ok(before) = day.yesterday() {
        if !named(before) {
            return false;
        }
        if before.weekday() == Weekday::Sunday {
            return !named(date);
        }
        day = before;
    }
    false
}

/// A working day between two holidays.
fn between(date: Date) -> bool {
    let (Ok(before), Ok(after)) = (date.yesterday(), date.tomorrow()) else { return false };
    date.weekday() != Weekday::Sunday && named(before) && named(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the Cabinet Office announced them.
    const ANNOUNCED: [(i16, &str); 4] = [
        (2022, "1/1 1/10 2/11 2/23 3/21 4/29 5/3 5/4 5/5 7/18 8/11 9/19 9/23 10/10 11/3 11/23"),
        (
            2024,
            "1/1 1/8 2/11 2/12 2/23 3/20 4/29 5/3 5/4 5/5 5/6 7/15 8/11 8/12 9/16 9/22 9/23 10/14 11/3 11/4 11/23",
        ),
        (2026, "1/1 1/12 2/11 2/23 3/20 4/29 5/3 5/4 5/5 5/6 7/20 8/11 9/21 9/22 9/23 10/12 11/3 11/23"),
        (2027, "1/1 1/11 2/11 2/23 3/21 3/22 4/29 5/3 5/4 5/5 7/19 8/11 9/20 9/23 10/11 11/3 11/23"),
    ];

    #[test]
    fn the_announced_years_come_out() {
        for (year, days) in ANNOUNCED {
            let mut date = Date::new(year, 1, 1).unwrap();
            let mut found = Vec::new();
            while date.year() == year {
                if is_holiday_in_japan(date) {
                    found.push(format!("{}/{}", date.month(), date.day()));
                }
                date = date.tomorrow().unwrap();
            }
            assert_eq!(found.join(" "), days, "{year}");
        }
    }
}
