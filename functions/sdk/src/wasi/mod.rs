//! Carries the API out over WASI 0.3 and Spin's interfaces.

mod bindings;
mod body;
mod fetch;
mod head;
mod serve;
mod store;

use std::{
    io::ErrorKind,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use wasip3::{clocks, random};

use crate::{Error, Result};

pub(crate) use body::Incoming;
pub(crate) use fetch::fetch;
pub(crate) use store::Store;

/// The header that carries the visitor's address.
pub(crate) const CLIENT_ADDRESS: &str = "spin-client-addr";

pub(crate) async fn variable(name: &str) -> Result<Option<String>> {
    use bindings::spin::variables::variables;

    match variables::get(name.to_owned()).await {
        Ok(value) => Ok(Some(value)),
        Err(variables::Error::Undefined(_)) => Ok(None),
        Err(error) => Err(Error::internal(format!("variable {name}: {error}"))),
    }
}

pub(crate) async fn read_file(path: &str) -> Result<Option<Bytes>> {
    match std::fs::read(path) {
        Ok(contents) => Ok(Some(contents.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        // Reading a folder fails in as many ways as there are hosts.
        Err(_) if std::fs::metadata(path).is_ok_and(|found| found.is_dir()) => Ok(None),
        Err(error) => Err(Error::internal(format!("file {path}: {error}"))),
    }
}

pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    wasip3::spawn(future);
}

pub(crate) fn now() -> SystemTime {
    let now = clocks::system_clock::now();
    // A clock that stands before 1970 is not set.
    let seconds = u64::try_from(now.seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(seconds, now.nanoseconds)
}

pub(crate) async fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    clocks::monotonic_clock::wait_for(nanoseconds).await;
}

pub(crate) fn fill_random(mut bytes: &mut [u8]) {
    // A host may hand out less than is asked for.
    while !bytes.is_empty() {
        let random = random::random::get_random_bytes(bytes.len() as u64);
        let (filled, rest) = bytes.split_at_mut(random.len().min(bytes.len()));
        filled.copy_from_slice(&random[..filled.len()]);
        bytes = rest;
    }
}

pub(crate) fn log(line: std::fmt::Arguments<'_>) {
    eprintln!("{line}");
}

/// What `#[tidegate::http]` expands to: the export of `wasi:http/handler@0.3.0`.
pub mod export {
    pub use super::serve::{Handled, WasiRequest, serve};
    pub use wasip3;
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_http {
    ($handler:ident) => {
        const _: () = {
            struct Handler;
            impl $crate::__private::wasip3::exports::http::handler::Guest for Handler {
                async fn handle(request: $crate::__private::WasiRequest) -> $crate::__private::Handled {
                    $crate::__private::serve($handler, request).await
                }
            }
            $crate::__private::wasip3::http::service::export!(Handler);
        };
    };
}
