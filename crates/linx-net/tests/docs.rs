//! docs/5-json.md holds the tables that the schema makes.
//! `LINX_WRITE=1 cargo test -p linx-net --features json --test docs` writes them there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]
#![cfg(feature = "json")]

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/5-json.md");
const BEGIN: &str = "<!-- tables: made from the schema -->\n";
const END: &str = "<!-- end of tables -->\n";

#[test]
fn the_page_has_every_field_of_the_schema() {
    let page = std::fs::read_to_string(FILE).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the mark where tables begin");
    let (tables, tail) = rest.split_once(END).expect("the mark where they end");
    let made = format!("\n{}\n", linx::json::schema::markdown().trim());
    if std::env::var_os("LINX_WRITE").is_some() {
        std::fs::write(FILE, format!("{head}{BEGIN}{made}{END}{tail}")).unwrap();
        return;
    }
    assert!(tables == made, "docs/5-json.md is not what the schema makes: see the head of this test");
}
