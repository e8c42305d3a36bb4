//! Configuration: the variables that spin.toml gives to a component.

use crate::Result;

/// The value of a variable of this component (`[component.NAME.variables]`), or `None` if it has none of that name.
///
/// ```
/// # async fn f() -> tidegate::Result<()> {
/// let name = tidegate::config::get("shop_name").await?.unwrap_or_else(|| "Shop".to_owned());
/// # Ok(()) }
/// ```
pub async fn get(name: &str) -> Result<Option<String>> {
    crate::platform::variable(name).await
}

#[cfg(test)]
mod tests {
    #[crate::test]
    async fn what_a_test_sets_is_read() {
        crate::test::set_config("shop_name", "Harbour");
        assert_eq!(super::get("shop_name").await.unwrap().as_deref(), Some("Harbour"));
        assert_eq!(super::get("other").await.unwrap(), None);
    }
}
