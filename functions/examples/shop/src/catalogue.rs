//! What is for sale. The file is the source, the key-value store holds it for all instances, and each instance keeps
//! the short list at hand: what is read for every page costs no call.

use std::{cell::RefCell, rc::Rc};

use serde::{Deserialize, Serialize};
use tidegate::{Error, Result, files, kv::Store};

use crate::money::Money;

const FILE: &str = "/catalogue.json";
/// The version in the store that is complete.
const CURRENT: &str = "catalogue/current";

/// A product as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub category: String,
    pub price: Money,
    pub summary: String,
    #[serde(default)]
    pub tags: Vec<String>,
}

/// What only the product's own page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    pub description: String,
    #[serde(default)]
    pub facts: Vec<String>,
}

/// An entry of the file.
#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    product: Product,
    #[serde(flatten)]
    details: Details,
}

/// One version of the catalogue.
#[derive(Debug)]
pub struct Catalogue {
    version: String,
    pub products: Vec<Product>,
}

thread_local! {
    static AT_HAND: RefCell<Option<Rc<Catalogue>>> = const { RefCell::new(None) };
}

impl Catalogue {
    /// The catalogue of the mounted file. The file does not change while an instance lives.
    pub async fn load(store: &Store) -> Result<Rc<Self>> {
        if let Some(catalogue) = AT_HAND.with_borrow(Clone::clone) {
            return Ok(catalogue);
        }
        let file = files::read(FILE).await?.ok_or_else(|| Error::internal(format!("{FILE} is not mounted")))?;
        let version = fingerprint(&file);
        let products = match Self::stored(store, &version).await? {
            Some(products) => products,
            None => fill(store, &version, &file).await?,
        };
        let catalogue = Rc::new(Self { version, products });
        AT_HAND.set(Some(catalogue.clone()));
        Ok(catalogue)
    }

    async fn stored(store: &Store, version: &str) -> Result<Option<Vec<Product>>> {
        if store.get(CURRENT).await?.as_deref() != Some(version.as_bytes()) {
            return Ok(None);
        }
        store.get_json(&list_key(version)).await
    }

    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    pub async fn details(&self, store: &Store, id: &str) -> Result<Details> {
        let key = details_key(&self.version, id);
        if let Some(details) = store.get_json(&key).await? {
            return Ok(details);
        }
        // The store was emptied behind our back: fill it again.
        let file = files::read(FILE).await?.unwrap_or_default();
        fill(store, &self.version, &file).await?;
        store.get_json(&key).await?.ok_or_else(|| Error::internal(format!("no details for {id} in {FILE}")))
    }

    /// The categories in the order in which the file first names them.
    pub fn categories(&self) -> Vec<&str> {
        let mut categories = Vec::new();
        for product in &self.products {
            if !categories.contains(&product.category.as_str()) {
                categories.push(&product.category);
            }
        }
        categories
    }
}

/// Writes this version to the store. Two instances may do it at once: they write the same. It counts only when it is
/// all there, and only then the one before it goes, after the response.
async fn fill(store: &Store, version: &str, file: &[u8]) -> Result<Vec<Product>> {
    let entries: Vec<Entry> =
        serde_json::from_slice(file).map_err(|error| Error::internal(format!("{FILE}: {error}")))?;
    for entry in &entries {
        store.set_json(&details_key(version, &entry.product.id), &entry.details).await?;
    }
    let products: Vec<Product> = entries.into_iter().map(|entry| entry.product).collect();
    store.set_json(&list_key(version), &products).await?;

    let before = store.get(CURRENT).await?;
    store.set(CURRENT, version).await?;
    match before.map(|before| String::from_utf8_lossy(&before).into_owned()) {
        Some(before) if before != version => tidegate::spawn(async move {
            if let Err(error) = forget(&before).await {
                tidegate::log!("the catalogue {before} stays in the store: {error}");
            }
        }),
        _ => {}
    }
    Ok(products)
}

/// Removes a version that is no longer current.
async fn forget(version: &str) -> Result<()> {
    let store = tidegate::kv::open("default").await?;
    let Some(products) = store.get_json::<Vec<Product>>(&list_key(version)).await? else { return Ok(()) };
    for product in products {
        store.delete(&details_key(version, &product.id)).await?;
    }
    store.delete(&list_key(version)).await
}

fn list_key(version: &str) -> String {
    format!("catalogue/{version}")
}

fn details_key(version: &str, id: &str) -> String {
    format!("catalogue/{version}/{id}")
}

/// FNV-1a: tells versions of a file apart. Nobody gains by making two look alike, both being ours.
pub fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
pub fn forget_at_hand() {
    AT_HAND.set(None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::mount;

    #[tidegate::test]
    async fn the_real_file_is_sound() {
        mount();
        let store = tidegate::kv::open("default").await.unwrap();
        let catalogue = Catalogue::load(&store).await.unwrap();
        assert_eq!(catalogue.products.len(), 24);
        assert_eq!(catalogue.categories().len(), 6);
        let mut ids: Vec<_> = catalogue.products.iter().map(|product| &product.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 24, "ids are unique");
        for product in &catalogue.products {
            assert!(product.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", product.id);
            assert!(!catalogue.details(&store, &product.id).await.unwrap().description.is_empty());
            let image = format!("/static/img/{}.svg", product.id);
            assert!(files::read(&image).await.unwrap().is_some(), "{image}");
        }
    }

    #[tidegate::test]
    async fn a_new_file_replaces_the_old_version_once() {
        let file = |name: &str| {
            format!(r#"[{{"id":"a","name":"{name}","category":"c","price":1,"summary":"","description":"of {name}"}}]"#)
        };
        let store = tidegate::kv::open("default").await.unwrap();
        for name in ["one", "two"] {
            forget_at_hand();
            tidegate::test::mount(FILE, file(name));
            let catalogue = Catalogue::load(&store).await.unwrap();
            assert_eq!(catalogue.products[0].name, name);
            assert_eq!(catalogue.details(&store, "a").await.unwrap().description, format!("of {name}"));
        }
        tidegate::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(store.keys().await.unwrap().len(), 3, "current, list, details: nothing is left of the first");
        forget_at_hand();
    }

    #[tidegate::test]
    async fn an_emptied_store_fills_again() {
        mount();
        let store = tidegate::kv::open("default").await.unwrap();
        let catalogue = Catalogue::load(&store).await.unwrap();
        for key in store.keys().await.unwrap() {
            store.delete(&key).await.unwrap();
        }
        assert!(catalogue.details(&store, &catalogue.products[0].id).await.is_ok());
    }
}
