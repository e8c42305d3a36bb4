//! `spin:key-value@3.0.0`.

use spin_sdk::key_value::{Error, Store};

use super::{Found, Query};

pub async fn run(operation: &str, query: &Query) -> Found {
    let found = async {
        let store = Store::open(query.optional("store").unwrap_or("default")).await?;
        let key = query.text("key");
        Ok::<_, Error>(match operation {
            "get" => store.get(key).await?.map_or("none".to_owned(), |value| String::from_utf8(value).unwrap()),
            "set" => {
                store.set(key, query.text("value")).await?;
                "set".to_owned()
            }
            "delete" => {
                store.delete(key).await?;
                "deleted".to_owned()
            }
            "exists" => store.exists(key).await?.to_string(),
            "list" => {
                let mut keys = store.get_keys().await.collect().await?;
                keys.sort();
                keys.join(",")
            }
            // A value that no query has room for.
            "set-large" => {
                store.set(key, vec![b'v'; query.text("bytes").parse().unwrap()]).await?;
                "set".to_owned()
            }
            _ => return Err(Error::Other(format!("no such operation: {operation}"))),
        })
    };
    found.await.map_err(|error| format!("{error:?}"))
}
