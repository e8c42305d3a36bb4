//! `tidegate limits`: what the limits of a running host have counted, and forgetting it.

use std::fmt::Write;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin::Admin;
use crate::admin::limits::Reset;

/// Keys that are shown of those that were refused most.
const REFUSED_SHOWN: usize = 5;

/// Options of `tidegate limits`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    admin: Admin,
    /// For programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Forget what was taken of a limit, so that all of it is there again.
    Reset {
        /// The limit's name.
        limit: String,
        /// Of whom alone, as it is shown: client=192.0.2.1
        key: Option<String>,
    },
}

/// Lists limits, or resets one.
pub fn run(options: Options) -> anyhow::Result<()> {
    let Options { command, admin, json } = options;
    let answer = match command {
        None => admin.get("/limits")?,
        Some(Command::Reset { limit, key }) => {
            let answer = admin.post("/limits/reset", &Reset { limit: limit.clone(), key: key.clone() })?;
            if !json {
                println!("reset: {limit}{}", key.map(|key| format!(" of {key}")).unwrap_or_default());
                return Ok(());
            }
            answer
        }
    };
    if json {
        println!("{}", answer.trim_end());
    } else {
        print!("{}", table(&serde_json::from_str(&answer).context("the host's answer cannot be read")?));
    }
    Ok(())
}

/// The limits in columns, and below each who was refused most.
fn table(answer: &Value) -> String {
    let limits = answer["limits"].as_array().map(Vec::as_slice).unwrap_or_default();
    if limits.is_empty() {
        return "no limits: write [[limit]], and limit = \"NAME\" in a route\n".to_owned();
    }
    let mut rows = vec![["LIMIT", "QUOTA", "KEY", "STORE", "PASSED", "REFUSED", "KEYS"].map(str::to_owned)];
    rows.extend(limits.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        let refused = number.checked_sub(1).and_then(|number| limits[number]["refused"].as_array());
        for heavy in refused.into_iter().flatten().take(REFUSED_SHOWN) {
            let key = heavy["key"].as_str().filter(|key| !key.is_empty()).unwrap_or("everybody");
            let _ = writeln!(text, "  refused {} times: {key}", heavy["count"]);
        }
    }
    text
}

fn row(limit: &Value) -> [String; 7] {
    let text = |name: &str| limit[name].as_str().unwrap_or_default().to_owned();
    let decided = |name: &str| limit["decisions"][name].as_u64().unwrap_or(0);
    let key: Vec<_> = limit["key"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let key = if key.is_empty() { "everybody".to_owned() } else { key.join(" and ") };
    let is_shadow = limit["shadow"].as_bool().unwrap_or(false);
    let refused = if is_shadow {
        format!("{} (shadow)", decided("shadow"))
    } else {
        (decided("refuse") + decided("deny") + decided("incomplete")).to_string()
    };
    let passed = (decided("pass") + decided("delay")).to_string();
    [text("name"), text("quota"), key, text("store"), passed, refused, limit["keys"].to_string()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_shown_in_columns() {
        let answer = json!({ "limits": [
            {
                "name": "api", "quota": "100/m", "key": ["client", "route"], "store": "memory", "shadow": false,
                "decisions": { "pass": 5, "delay": 1, "refuse": 2, "deny": 1 }, "keys": 3,
                "refused": [{ "key": "client=192.0.2.1|route=a", "count": 2 }],
            },
            { "name": "all", "quota": "10 in flight", "key": [], "store": "redis", "shadow": true,
              "decisions": { "pass": 7, "shadow": 4 }, "keys": 1, "refused": [] },
        ] });
        let expected = "\
LIMIT  QUOTA         KEY               STORE   PASSED  REFUSED     KEYS
api    100/m         client and route  memory  6       3           3
  refused 2 times: client=192.0.2.1|route=a
all    10 in flight  everybody         redis   7       4 (shadow)  1
";
        assert_eq!(table(&answer), expected);
        assert!(table(&json!({ "limits": [] })).starts_with("no limits"));
    }
}
