//! The questions that the shop answers, whoever asks: what is shown as a page is the JSON that programs get.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tidegate::{
    Error, Result, config,
    http::{Html, IntoResponse, Json, Redirect, Request, RequestExt, Response, header},
    kv::{self, Store},
};

use crate::{
    cart::Line,
    catalogue::{Catalogue, Details, Product},
    money::Money,
    orders::{self, Order},
    search,
    session::Session,
    stock::{self, Stock},
};

/// The longest query that is looked at.
const MAX_QUERY_CHARS: usize = 100;

/// The shop as one visitor has it before them.
pub struct Shop {
    pub name: String,
    pub catalogue: Rc<Catalogue>,
    pub session: Option<Session>,
    store: Store,
    /// Whether the visitor came by https: then the cookie must, too.
    secure: bool,
}

/// Some of the products, and why these.
#[derive(Debug, Serialize)]
pub struct List<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    pub products: Vec<&'a Product>,
}

/// One product, with all there is to say.
#[derive(Debug, Serialize)]
pub struct Whole<'a> {
    #[serde(flatten)]
    pub product: &'a Product,
    #[serde(flatten)]
    pub details: Details,
    pub stock: Stock,
}

/// What is in the cart.
#[derive(Debug, Serialize)]
pub struct CartView<'a> {
    pub lines: Vec<Line<'a>>,
    pub count: u32,
    pub total: Money,
}

/// A wish to change the cart, from a form or as JSON.
#[derive(Debug, Deserialize)]
pub struct Change {
    product: String,
    #[serde(default = "one")]
    quantity: u32,
    #[serde(default)]
    action: Action,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    #[default]
    Add,
    Set,
    Remove,
}

fn one() -> u32 {
    1
}

impl Shop {
    pub async fn open(req: &Request) -> Result<Self> {
        let store = kv::open("default").await?;
        Ok(Self {
            name: config::get("shop_name").await?.unwrap_or_else(|| "Shop".to_owned()),
            catalogue: Catalogue::load(&store).await?,
            session: Session::of(req, &store).await?,
            secure: req.uri().scheme_str() == Some("https"),
            store,
        })
    }

    pub fn products(&self, category: Option<&str>) -> Result<List<'_>> {
        let chosen = |product: &&Product| category.is_none_or(|category| slug(&product.category) == category);
        let products: Vec<_> = self.catalogue.products.iter().filter(chosen).collect();
        match (category, products.first()) {
            (Some(_), None) => Err(Error::not_found("there is no such category")),
            (category, first) => {
                let category = category.and(first).map(|product| product.category.clone());
                Ok(List { category, query: None, products })
            }
        }
    }

    pub fn search(&self, req: &Request) -> Result<List<'_>> {
        #[derive(Deserialize)]
        struct Asked {
            #[serde(default)]
            q: String,
        }
        let Asked { q } = req.query()?;
        let query: String = q.trim().chars().take(MAX_QUERY_CHARS).collect();
        Ok(List { category: None, products: search::search(&self.catalogue.products, &query), query: Some(query) })
    }

    pub async fn product(&self, id: &str) -> Result<Whole<'_>> {
        let product = self.catalogue.product(id).ok_or_else(|| Error::not_found("there is no such product"))?;
        let details = self.catalogue.details(&self.store, id).await?;
        Ok(Whole { product, details, stock: stock::of(id).await })
    }

    pub fn cart_view(&self) -> CartView<'_> {
        let lines = self.session.as_ref().map_or_else(Vec::new, |session| session.cart.lines(&self.catalogue));
        CartView {
            count: lines.iter().map(|line| line.quantity).sum(),
            total: lines.iter().map(|line| line.total).sum(),
            lines,
        }
    }

    /// Changes the cart, and begins a session with the first thing put in.
    pub async fn change_cart(mut self, change: &Change) -> Result<Changed> {
        if self.catalogue.product(&change.product).is_none() {
            return Err(Error::not_found("there is no such product"));
        }
        let session = self.session.get_or_insert_with(Session::begin);
        match change.action {
            Action::Add => session.cart.add(&change.product, change.quantity)?,
            Action::Set => session.cart.set(&change.product, change.quantity)?,
            Action::Remove => session.cart.set(&change.product, 0)?,
        }
        session.save(&self.store).await?;
        Ok(Changed { cookie: session.cookie(self.secure), shop: self })
    }

    /// Places the order, if there is anything in the cart, and returns its number. The cart is empty then, so that
    /// a second click orders nothing.
    pub async fn check_out(&self) -> Result<Option<String>> {
        let Some(session) = &self.session else { return Ok(None) };
        let lines = session.cart.lines(&self.catalogue);
        if lines.is_empty() {
            return Ok(None);
        }
        let order = orders::place(&self.store, &lines).await?;
        session.end(&self.store).await?;
        Ok(Some(order.number))
    }

    pub async fn order(&self, number: &str) -> Result<Order> {
        orders::find(&self.store, number).await
    }

    /// A page of this shop. Visitors without a cart all see the same page, so caches may keep that for a moment.
    pub fn page(&self, html: String) -> Response {
        let cache = match self.session {
            None => "public, max-age=10, stale-while-revalidate=60",
            Some(_) => "private, no-store",
        };
        Html(html).with_header(header::CACHE_CONTROL, cache).with_header(header::VARY, "cookie")
    }
}

/// A cart that was changed, and the cookie to find it again.
pub struct Changed {
    shop: Shop,
    cookie: String,
}

impl Changed {
    pub fn redirect(self, to: &str) -> Result<Response> {
        Ok(Redirect::see_other(to).with_header(header::SET_COOKIE, self.cookie))
    }

    pub fn json(self) -> Result<Response> {
        let response = Json(self.shop.cart_view()).with_header(header::SET_COOKIE, self.cookie);
        Ok(response.with_header(header::CACHE_CONTROL, "no-store"))
    }
}

/// A name as it stands in an address.
pub fn slug(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}
