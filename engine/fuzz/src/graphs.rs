//! Graph files: any text is a graph or a list of problems.

use std::sync::LazyLock;

use engine::graph::{Graph, GraphFile};
use engine::operators::Registry;

/// Keys whose values are files or servers, which no fuzzer should touch.
const FILES: [&str; 3] = ["path", "indices", "weights"];

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// Parses and validates.
pub fn graph(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // With a backslash a key can be written so that the text does not have it.
    if FILES.iter().any(|key| text.contains(key)) || text.contains("\\u") {
        return;
    }
    match GraphFile::parse(text, "fuzz.json") {
        Ok(file) => match Graph::validate_file(&file, &REGISTRY) {
            Ok(graph) => {
                assert!(!graph.nodes().is_empty());
                let _ = graph.edges();
            }
            Err(error) => tell(&error),
        },
        Err(error) => tell(&error),
    }
}

/// A refusal that says nothing is a fault.
fn tell(error: &engine::graph::GraphError) {
    assert!(!error.problems.is_empty());
    assert!(!error.to_string().is_empty());
}
