//! `wasi:keyvalue@0.2.0-draft2`: store, batch and atomics.

use spin_sdk::experimental::wasi::keyvalue::atomics::{self, Cas, CasError};
use spin_sdk::experimental::wasi::keyvalue::batch;
use spin_sdk::experimental::wasi::keyvalue::store::{self, Bucket, Error};

use super::{Found, Query};

pub fn run(operation: &str, query: &Query) -> Found {
    let bucket = store::open(query.optional("store").unwrap_or("default")).map_err(|error| format!("{error:?}"))?;
    let (key, value) = (query.text("key"), query.text("value"));
    match operation {
        "swap" => return swap(&bucket, key, value),
        "swap-late" => return swap_late(&bucket, key, value),
        _ => {}
    }
    let done = |()| "done".to_owned();
    let found = match operation {
        "get" => bucket.get(key).map(|value| value.map_or("none".to_owned(), text)),
        "set" => bucket.set(key, value.as_bytes()).map(done),
        "delete" => bucket.delete(key).map(done),
        "exists" => bucket.exists(key).map(|exists| exists.to_string()),
        "list" => list(&bucket),
        "increment" => {
            atomics::increment(&bucket, key, query.text("delta").parse().unwrap()).map(|sum| sum.to_string())
        }
        "set-many" => batch::set_many(&bucket, &pairs(key, value)).map(done),
        "get-many" => batch::get_many(&bucket, &names(key)).map(|found| {
            let values = found.into_iter().map(|(_, value)| value.map_or("none".to_owned(), text));
            values.collect::<Vec<_>>().join(",")
        }),
        "delete-many" => batch::delete_many(&bucket, &names(key)).map(done),
        _ => Err(Error::Other(format!("no such operation: {operation}"))),
    };
    found.map_err(|error| format!("{error:?}"))
}

/// Appends `value` to what is there, trying again for as long as others are faster.
fn swap(bucket: &Bucket, key: &str, value: &str) -> Found {
    let mut cas = Cas::new(bucket, key).map_err(|error| format!("{error:?}"))?;
    loop {
        let current = cas.current().map_err(|error| format!("{error:?}"))?.unwrap_or_default();
        let appended = [current.as_slice(), value.as_bytes()].concat();
        match atomics::swap(cas, &appended) {
            Ok(()) => return Ok(text(appended)),
            Err(CasError::CasFailed(newer)) => cas = newer,
            Err(CasError::StoreError(error)) => return Err(format!("{error:?}")),
        }
    }
}

/// Lets somebody else write between the look and the swap.
fn swap_late(bucket: &Bucket, key: &str, value: &str) -> Found {
    let cas = Cas::new(bucket, key).map_err(|error| format!("{error:?}"))?;
    cas.current().map_err(|error| format!("{error:?}"))?;
    bucket.set(key, b"somebody else").map_err(|error| format!("{error:?}"))?;
    match atomics::swap(cas, value.as_bytes()) {
        Ok(()) => Ok("swapped".to_owned()),
        Err(CasError::CasFailed(newer)) => {
            let current = newer.current().map_err(|error| format!("{error:?}"))?;
            Err(format!("too late: {}", current.map_or("none".to_owned(), text)))
        }
        Err(CasError::StoreError(error)) => Err(format!("{error:?}")),
    }
}

fn list(bucket: &Bucket) -> Result<String, Error> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = bucket.list_keys(cursor.as_deref())?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            keys.sort();
            return Ok(keys.join(","));
        }
    }
}

fn names(keys: &str) -> Vec<String> {
    keys.split(',').map(str::to_owned).collect()
}

fn pairs(keys: &str, values: &str) -> Vec<(String, Vec<u8>)> {
    names(keys).into_iter().zip(values.split(',').map(|value| value.as_bytes().to_vec())).collect()
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap()
}
