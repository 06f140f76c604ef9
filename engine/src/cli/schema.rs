//! `engine schema`

use clap::Args;
use engine::operators::{Registry, json_schema};

use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Example:\n  engine schema > graphs/schema.json")]
pub(crate) struct SchemaArgs {}

pub(crate) fn schema(_: SchemaArgs) -> Result<(), Failure> {
    screen::out(format!("{:#}", json_schema(&Registry::builtin())));
    Ok(())
}
