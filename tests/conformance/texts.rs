//! What stands in the texts of a case for what is only known when it runs.

use std::collections::BTreeMap;

/// What texts may name.
#[derive(Debug)]
pub struct Texts {
    /// `${ORIGIN}` and the like, by name.
    variables: BTreeMap<&'static str, String>,
    /// `${NOW}`: when the case began, in seconds since the Unix epoch.
    beginning_s: u64,
}

impl Texts {
    pub fn new(variables: BTreeMap<&'static str, String>, beginning_s: u64) -> Self {
        Self { variables, beginning_s }
    }

    /// A text with what stands for `${NAME}`; for `${NOW}`, `${NOW-60}` and `${NOW+60}`: a date; and for
    /// `${TEXT*100}`: the text, so often.
    pub fn fill(&self, text: &str) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, (inside, after))) =
            rest.split_once("${").and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
        {
            filled += before;
            filled += &self.value(inside);
            rest = after;
        }
        filled + rest
    }

    fn value(&self, name: &str) -> String {
        if let Some(value) = self.variables.get(name) {
            return value.clone();
        }
        if let Some(offset) = name.strip_prefix("NOW") {
            let offset_s = if offset.is_empty() { 0 } else { offset.parse().expect("${NOW+SECONDS}") };
            return http_date(self.beginning_s.saturating_add_signed(offset_s));
        }
        match name.rsplit_once('*') {
            Some((text, count)) => text.repeat(count.parse().expect("${TEXT*NUMBER}")),
            None => panic!("nothing is called {name:?} in a case"),
        }
    }
}

/// An IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(unix_s: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    // Years that begin in March, so that the day that some have not is the last one; 400 of them are alike.
    let since_march_0 = days + 719_468;
    let (era, day_of_era) = (since_march_0 / 146_097, since_march_0 % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    let (day_name, month_name) = (DAYS[(days % 7) as usize], MONTHS[month as usize]);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{day_name}, {day:02} {month_name} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// What this module must do itself: see [`crate::pattern::check_self`].
pub fn check_self() {
    let table = [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_700_000_000, "Tue, 14 Nov 2023 22:13:20 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ];
    for (unix_s, date) in table {
        assert_eq!(http_date(unix_s), date);
    }
    let texts = Texts::new(BTreeMap::from([("ORIGIN", "http://origin".to_owned())]), 784_111_777);
    assert_eq!(texts.fill("${ORIGIN}/${ab*3}"), "http://origin/ababab");
    assert_eq!(texts.fill("${NOW-37} ${NOW+3}"), "Sun, 06 Nov 1994 08:49:00 GMT Sun, 06 Nov 1994 08:49:40 GMT");
}
