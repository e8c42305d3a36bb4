//! How what a case says is read where it can be said in more than one way.

use std::time::Duration;

use serde::Deserialize;
use serde::de::Error as _;

use super::{Down, Host, Origin, Sent, SentRequest};

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(host) => Ok(Self(Some(host))),
            toml::Value::Boolean(false) => Ok(Self(None)),
            other => Err(D::Error::custom(format!("a host, or false for none, not {other:?}"))),
        }
    }
}

impl<'de> Deserialize<'de> for Down {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Boolean(true) => Ok(Self::Refused),
            toml::Value::String(how) if how == "silent" => Ok(Self::Silent),
            other => Err(D::Error::custom(format!("true or \"silent\", not {other:?}"))),
        }
    }
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Boolean(false) => Ok(Self::Nothing),
            toml::Value::String(what) if what == "broken off" => Ok(Self::BrokenOff),
            table @ toml::Value::Table(_) => SentRequest::deserialize(table)
                .map(|request| Self::Request(Box::new(request)))
                .map_err(D::Error::custom),
            other => Err(D::Error::custom(format!("what is sent, false, or \"broken off\", not {other:?}"))),
        }
    }
}

/// A table, or a list of tables.
pub fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Origin>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let read = |value: toml::Value| Origin::deserialize(value).map_err(D::Error::custom);
    match value {
        toml::Value::Array(items) => items.into_iter().map(read).collect(),
        one => read(one).map(|one| vec![one]),
    }
}

/// A time such as `"40ms"` or `"3s"`.
pub fn time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (number, unit_ms) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or_default(), 1000),
    };
    let number: Option<u64> = number.parse().ok();
    let number = number.ok_or_else(|| D::Error::custom(format!("a time such as \"40ms\" or \"3s\", not {text:?}")))?;
    Ok(Duration::from_millis(number * unit_ms))
}
