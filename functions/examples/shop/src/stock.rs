//! How many are left, asked of the `stock` component, in-process. The shop goes on without an answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate::{Error, Result};

/// A visitor waits no longer than this for a number.
const PATIENCE: Duration = Duration::from_millis(300);

/// What a page says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "left", rename_all = "snake_case")]
pub enum Stock {
    Plenty(u32),
    Few(u32),
    SoldOut,
    /// The component did not answer, in time or in words that we know.
    Unknown,
}

impl From<u32> for Stock {
    fn from(left: u32) -> Self {
        match left {
            0 => Self::SoldOut,
            1..=5 => Self::Few(left),
            _ => Self::Plenty(left),
        }
    }
}

/// Asks.
pub async fn of(id: &str) -> Stock {
    match ask(id).await {
        Ok(left) => left.into(),
        Err(error) => {
            tidegate::log!("stock of {id}: {error}");
            Stock::Unknown
        }
    }
}

async fn ask(id: &str) -> Result<u32> {
    #[derive(Deserialize)]
    struct Answer {
        available: u32,
    }
    let mut answer = tidegate::fetch(format!("http://stock.spin.internal/stock/{id}")).timeout(PATIENCE).await?;
    if !answer.status().is_success() {
        return Err(Error::internal(format!("it answers {}", answer.status())));
    }
    let answer: Answer = answer.body_mut().json().await?;
    Ok(answer.available)
}

#[cfg(test)]
mod tests {
    use tidegate::{
        http::{IntoResponse, StatusCode},
        test, time,
    };

    use super::*;

    #[tidegate::test]
    async fn an_answer_is_taken() {
        for (left, expected) in [(0, Stock::SoldOut), (5, Stock::Few(5)), (6, Stock::Plenty(6))] {
            test::on_fetch(async move |req| {
                assert_eq!(req.uri(), "http://stock.spin.internal/stock/mug");
                Ok(format!(r#"{{"sku":"mug","available":{left}}}"#).into_response())
            });
            assert_eq!(of("mug").await, expected);
        }
    }

    #[tidegate::test]
    async fn no_answer_a_slow_one_and_nonsense_are_all_unknown() {
        assert_eq!(of("mug").await, Stock::Unknown);

        test::on_fetch(async |_| Ok((StatusCode::SERVICE_UNAVAILABLE, r#"{"available":1}"#).into_response()));
        assert_eq!(of("mug").await, Stock::Unknown);

        test::on_fetch(async |_| Ok("<html>".into_response()));
        assert_eq!(of("mug").await, Stock::Unknown);

        test::on_fetch(async |_| {
            time::sleep(Duration::from_secs(60)).await;
            Ok(r#"{"available":1}"#.into_response())
        });
        let before = time::now();
        assert_eq!(of("mug").await, Stock::Unknown);
        assert_eq!(time::now().duration_since(before).unwrap(), PATIENCE);
    }
}
