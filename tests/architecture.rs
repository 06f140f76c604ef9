//! Who may import whom, and documentation that must be complete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::operators::{OPERATORS, Role};

use crate::harness::root;

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Unit tests that are files of their own.
            if !path.ends_with("src/tests") && !path.ends_with("beton/tests") {
                found.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether a module's code names any of these, comments and its unit tests left out.
fn names(folder: &str, words: &[&str]) -> Vec<String> {
    let path = root().join("engine/src").join(folder);
    let files = if path.is_dir() { sources(&path) } else { vec![path] };
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
            // `batch::` does not name `tch::`.
            let starts = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let named = |word: &&&str| line.match_indices(**word).any(|(at, _)| starts(at));
            for word in words.iter().filter(named) {
                found.push(format!("{}: {word}: {}", file.display(), line.trim()));
            }
        }
    }
    found
}

#[test]
fn modules_know_only_what_they_may() {
    let nothing: [String; 0] = [];
    let torch = ["tch::", "torch_sys", "crate::torch"];
    let threads = ["std::thread", "rayon", "Mutex", "std::time"];
    for folder in ["graph", "plan", "params", "layers", "batch", "random"] {
        assert_eq!(names(folder, &torch), nothing, "no torch in {folder}");
        assert_eq!(names(folder, &threads), nothing, "no threads and no clock in {folder}");
    }
    assert_eq!(names("plan", &["std::fs", "std::io", "std::net"]), nothing, "plan does no I/O");
    assert_eq!(names("runs", &torch), nothing, "runs are files, and know no torch");
    assert_eq!(names("execute", &["serde_json", "petgraph", "tch::", "torch_sys"]), nothing);
    for folder in [
        "batch",
        "../datasets/src",
        "../pixels/src",
        "execute",
        "layers",
        "operators",
        "params",
        "plan",
        "random",
        "runs",
        "torch",
        "train",
        "cli",
    ] {
        assert_eq!(names(folder, &["petgraph"]), nothing, "petgraph is graph's alone, not {folder}'s");
    }
    for folder in ["batch", "../datasets/src", "../pixels/src", "graph", "layers", "params", "plan", "random", "cli"] {
        assert_eq!(names(folder, &["use tch", "tch::Tensor"]), nothing, "tensors are not {folder}'s");
    }
    let device_operators =
        ["convert.rs", "device_mixing.rs", "device_steps.rs", "normalize.rs", "to_torch_image.rs", "kernel.rs"];
    let operators = root().join("engine/src/operators");
    for file in sources(&operators) {
        let name = file.strip_prefix(&operators).unwrap().to_str().unwrap().to_owned();
        if !device_operators.contains(&name.as_str()) {
            assert_eq!(names(&format!("operators/{name}"), &torch), nothing, "only device operators name torch");
        }
    }
}

#[test]
fn only_the_cli_prints_and_exits() {
    let nothing: [String; 0] = [];
    let folders = [
        "batch",
        "../datasets/src",
        "../pixels/src",
        "execute",
        "graph",
        "layers",
        "operators",
        "params",
        "plan",
        "random",
        "runs",
        "train",
    ];
    for folder in folders {
        assert_eq!(names(folder, &["println!", "eprintln!", "print!(", "process::exit", "exit_now"]), nothing);
    }
}

#[test]
fn unsafe_is_where_it_may_be() {
    let folders = ["engine/src", "engine/datasets/src", "engine/pixels/src"];
    for file in folders.iter().flat_map(|folder| sources(&root().join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        let inside = |folder: &str| file.components().any(|c| c.as_os_str() == folder);
        let allowed = inside("torch") || inside("simd") || file.ends_with("datasets/src/mapped.rs");
        let used = text.lines().any(|l| !l.trim_start().starts_with("//") && l.contains("unsafe "));
        assert!(allowed || !used, "{} has unsafe code", file.display());
    }
}

/// What the other crates are built from.
#[test]
fn only_the_engine_knows_torch() {
    for package in ["datasets", "inspector", "pixels", "telemetry"] {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let args = ["tree", "--offline", "-p", package, "-e", "normal,build", "--prefix", "none"];
        let output = Command::new(cargo).args(args).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        for forbidden in ["tch ", "torch-sys ", "petgraph ", "engine "] {
            assert!(!text.lines().any(|l| l.starts_with(forbidden)), "{package} depends on {forbidden}");
        }
    }
}

/// A table test: every operator is documented where users look.
#[test]
fn operators_are_documented() {
    let readme = fs::read_to_string(root().join("graphs/README.md")).unwrap();
    let section_of = |name: &str| {
        let heading = format!("\n## {name}\n");
        let section = readme.split(&heading).nth(1).unwrap_or_else(|| panic!("graphs/README.md has no section {name}"));
        section.split("\n## ").next().unwrap().to_owned()
    };
    let sources = section_of("Sources");
    let mut seen = std::collections::BTreeSet::new();
    for operator in OPERATORS {
        let name = operator.name();
        assert!(seen.insert(name), "two operators are called {name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        let docs = engine::params::clean_docs(operator.docs());
        assert!(docs.lines().next().is_some_and(|l| l.ends_with('.') && l.len() < 100), "{name}: no summary line");
        let mut section = section_of(name);
        if operator.role() == Role::Source {
            assert!(section.contains("(#sources)"), "section {name} does not lead to what all sources have");
            section.push_str(&sources);
        }
        for param in operator.params() {
            assert!(!param.docs.trim().is_empty(), "{name}.{} is not documented", param.name);
            let code = format!("`{}`", param.name);
            assert!(section.contains(&code), "graphs/README.md, section {name}, does not mention {code}");
        }
    }
}

/// Defaults are what their own kinds allow.
#[test]
fn defaults_are_valid() {
    for operator in OPERATORS {
        let defaults = operator.params().iter().filter_map(|p| Some((p.name.to_owned(), p.default?())));
        let map: serde_json::Map<_, _> = defaults.collect();
        let mut faults = Vec::new();
        engine::params::check(operator.params(), &[], &map, "", &mut faults);
        faults.retain(|f| !f.message.starts_with("missing key"));
        assert_eq!(faults, [], "{}", operator.name());
    }
}
