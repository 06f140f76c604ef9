//! `engine operators`

use clap::Args;
use engine::operators::{Group, Registry, describe};
use engine::params::{clean_docs, near_miss};

use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Example:\n  engine operators random_translate cutout")]
pub(crate) struct OperatorsArgs {
    /// Operators to explain; all are listed if none is named.
    names: Vec<String>,
}

pub(crate) fn operators(args: OperatorsArgs) -> Result<(), Failure> {
    let registry = Registry::builtin();
    if args.names.is_empty() {
        for group in Group::ALL {
            let members: Vec<_> =
                registry.operators().iter().filter(|o| o.group() == group && !o.for_tests()).collect();
            if members.is_empty() {
                continue;
            }
            screen::out(format!("{}:", group.title()));
            for operator in members {
                let docs = clean_docs(operator.docs());
                let summary = docs.lines().next().unwrap_or_default();
                screen::out(format!("  {:<24} {summary}", operator.name()));
            }
        }
        screen::out("\n`engine operators NAME` explains one.");
    }
    for (index, name) in args.names.iter().enumerate() {
        let Some(operator) = registry.find(name) else {
            let hint = match near_miss(name, registry.offered()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`engine operators` lists them".into(),
            };
            return Err(Failure::Usage(format!("unknown operator `{name}`; {hint}")));
        };
        let space = if index > 0 { "\n" } else { "" };
        screen::out(format!("{space}{}", describe(operator).trim_end()));
    }
    Ok(())
}
