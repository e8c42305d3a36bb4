//! Writes edge.schema.json from the shapes of edge.toml: `cargo run -p tidegate-edge-config --example schema`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("edge.schema.json");
    std::fs::write(path, tidegate_edge_config::edge::schema::json())
}
