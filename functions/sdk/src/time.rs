//! The clock. In a native test it is virtual: it stands still but for [`sleep`], which takes no real time.

use std::time::{Duration, SystemTime};

/// The time of day.
pub fn now() -> SystemTime {
    crate::platform::now()
}

/// Waits.
pub async fn sleep(duration: Duration) {
    crate::platform::sleep(duration).await;
}

/// Milliseconds since 1970, never negative.
pub(crate) fn unix_millis() -> u64 {
    let since = now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
