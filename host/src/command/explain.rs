//! `tidegate explain`: what would become of a request, stage by stage, without sending it.

mod live;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tidegate_core::Country;
use tidegate_edge_config::edge::Edge;
use tidegate_pipeline::Pipeline;
use tidegate_pipeline::explain::{Question, explain};

use super::admin::Admin;
use super::up::manifest_path;
use crate::app::{LoadError, Origin, read_edge};

/// Options of `tidegate explain`.
#[derive(Debug, Args)]
pub struct Options {
    /// The request's method.
    method: Method,
    /// The request's whole URL.
    url: Uri,
    /// A field of the request, as in `-H 'Cookie: a=1'`; may be given more than once.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// Who is at the other end of the connection.
    #[arg(long, value_name = "ADDR", default_value = "192.0.2.1")]
    client: IpAddr,
    /// The country that the platform would say the client is in.
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// The status that an upstream or function would answer with.
    #[arg(long, value_name = "STATUS", default_value = "200")]
    answer: StatusCode,
    /// The edge's configuration; edge-config/edge.toml beside the manifest if not given.
    #[arg(long, value_name = "FILE")]
    edge: Option<PathBuf>,
    /// The application manifest, or the folder it is in.
    #[arg(short = 'f', long = "from", value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,
    /// Ask a running host what is left of the limits; otherwise nobody has taken anything yet.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    admin: Admin,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Explains.
pub fn run(options: Options) -> anyhow::Result<()> {
    let origin = Origin { manifest: manifest_path(&options.manifest), edge: options.edge.clone() };
    let edge = match origin.edge() {
        None => Edge::default_for_functions(),
        Some(path) => {
            let (edge, _) = read_edge(&path).map_err(LoadError::from)?;
            edge
        }
    };
    let (is_json, live) = (options.json, options.live.then(|| options.admin.clone()));
    let pipeline = Pipeline::new(edge);
    let mut question = question(options)?;
    let mut explanation = explain(&pipeline, &question);
    if let (Some(admin), Some(count)) = (live, &explanation.count) {
        question.counted = Some(live::ask(&admin, &pipeline, count)?);
        explanation = explain(&pipeline, &question);
    }
    if is_json {
        println!("{:#}", explanation.to_json());
    } else {
        print!("{explanation}");
    }
    Ok(())
}

fn question(options: Options) -> anyhow::Result<Question> {
    let is_http = matches!(options.url.scheme_str(), Some("http" | "https"));
    if !is_http || options.url.authority().is_none() {
        return Err(anyhow!("{} is no whole URL. Write it as in https://shop.example/p/1", options.url));
    }
    let mut headers = HeaderMap::new();
    for field in &options.headers {
        let (name, value) = field.split_once(':').with_context(|| format!("{field:?} is no field: no colon"))?;
        let name: HeaderName = name.trim().parse().with_context(|| format!("{name:?} is no field name"))?;
        let value: HeaderValue = value.trim().parse().with_context(|| format!("{value:?} is no field value"))?;
        headers.append(name, value);
    }
    let country = options.country.map(|text| {
        Country::parse(&text).with_context(|| format!("{text:?} is no country. Write two letters, as in DE"))
    });
    Ok(Question {
        method: options.method,
        url: options.url,
        headers,
        peer: options.client,
        country: country.transpose()?,
        answer: (options.answer, HeaderMap::new()),
        counted: None,
    })
}
