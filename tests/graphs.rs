//! The graphs of `graphs/`: the good ones are valid, each bad one of `graphs/invalid/` is refused with the message beside
//! it, and each of `graphs/warned/` is valid with the warnings beside it. `UPDATE_EXPECT=1` writes the messages anew, and the schema; read the difference before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use engine::graph::{Graph, GraphBuilder, GraphError, GraphFile};
use engine::operators::{Registry, Shapes, ToDevice, json_schema};

use crate::harness::within;

/// Where messages say that a file is, whatever the current directory.
const INVALID: &str = "graphs/invalid";
const WARNED: &str = "graphs/warned";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names without the extension, sorted, of a folder's files that have it.
fn names(folder: &str, extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is part of the repository");
    let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .map(|path| path.file_stem().expect("it has an extension").to_str().expect("names are ASCII").to_owned())
        .collect()
}

/// The graphs that are offered, without those whose data a script makes first: `trained` runs them.
fn offered() -> BTreeSet<String> {
    let mut names = names("graphs", "json");
    for other in ["schema", "linear_regression"] {
        assert!(names.remove(other), "{other} is there");
    }
    names
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn validate(path: &str) -> Result<Graph, GraphError> {
    GraphFile::parse(&read(path), path).and_then(|file| Graph::validate_file(&file, &Registry::builtin()))
}

/// What is wrong with a graph of `graphs/invalid/`.
fn refuse(name: &str) -> GraphError {
    let path = format!("{INVALID}/{name}.json");
    match validate(&path) {
        Ok(_) => panic!("{path} is valid; it belongs elsewhere, or a check is missing"),
        Err(error) => error,
    }
}

fn update() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// Compares a file with what it should say, or writes it. Gives the difference.
fn compare(path: &str, actual: &str) -> Option<String> {
    let full = root().join(path);
    if update() {
        fs::write(&full, actual).unwrap_or_else(|error| panic!("{path}: {error}"));
        return None;
    }
    let expected = fs::read_to_string(&full).unwrap_or_default();
    // Git may check text out with other line ends.
    if expected.replace("\r\n", "\n") == actual {
        return None;
    }
    let line = expected.lines().zip(actual.lines()).take_while(|(e, a)| e == a).count();
    let at = |text: &str| text.lines().nth(line).map_or("nothing".to_owned(), |l| format!("{l:?}"));
    Some(format!("{path}:{}\n  file  {}\n  now   {}", line + 1, at(&expected), at(actual)))
}

fn assert_none(differences: Vec<String>) {
    let count = differences.len();
    assert!(count == 0, "{count} differ; `UPDATE_EXPECT=1` writes them anew\n\n{}", differences.join("\n\n"));
}

#[test]
fn the_graphs_are_valid() {
    let names = offered();
    assert!(names.contains("cifar"), "{names:?}");
    let errors: Vec<String> =
        names.iter().filter_map(|name| validate(&format!("graphs/{name}.json")).err()).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
}

#[test]
fn each_mistake_has_its_message() {
    let differences = names(INVALID, "json")
        .iter()
        .filter_map(|name| compare(&format!("{INVALID}/{name}.txt"), &format!("{}\n", refuse(name))))
        .collect();
    assert_none(differences);
}

#[test]
fn each_message_has_its_mistake() {
    let (graphs, messages) = (names(INVALID, "json"), names(INVALID, "txt"));
    let without_graph: Vec<_> = messages.difference(&graphs).collect();
    assert!(without_graph.is_empty(), "messages without a graph: {without_graph:?}");
    // The other test is writing them.
    if !update() {
        let without_message: Vec<_> = graphs.difference(&messages).collect();
        assert!(without_message.is_empty(), "graphs without a message: {without_message:?}");
    }
}

/// The warnings of a graph, as they are told.
fn warnings(graph: &Graph) -> String {
    let told: Vec<String> = graph.warnings.iter().map(|problem| problem.told(&graph.origin).to_string()).collect();
    told.join("\n\n")
}

#[test]
fn what_is_hardly_meant_has_its_warning() {
    let warned = names(WARNED, "json");
    let differences = warned
        .iter()
        .filter_map(|name| {
            let path = format!("{WARNED}/{name}.json");
            let graph = validate(&path).unwrap_or_else(|error| panic!("{path} is to be valid: {error}"));
            assert!(!graph.warnings.is_empty(), "{path} has no warning");
            let positions: Vec<_> = graph.warnings.iter().map(|p| p.position).collect();
            assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{path}: {positions:?}");
            compare(&format!("{WARNED}/{name}.txt"), &format!("{}\n", warnings(&graph)))
        })
        .collect();
    assert_none(differences);
    let graph_of = |name: &str| validate(&format!("{WARNED}/{name}.json")).map(|graph| graph.warnings.len());
    assert!(matches!(graph_of("several"), Ok(4)), "{:?}", graph_of("several"));
}

/// What looks alike and is meant has no warning; nor have the graphs that are offered.
#[test]
fn what_is_meant_has_no_warning() {
    for name in offered() {
        let graph = validate(&format!("graphs/{name}.json")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(warnings(&graph), "", "{name}");
    }
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    for (name, indices) in [("some.txt", "0\n1\n2\n"), ("others.txt", "3\n4\n5\n")] {
        fs::write(folder.path().join(name), indices).expect("the folder can be written to");
    }
    let linear = r#""layers": [{ "layer": "flatten" }, { "layer": "linear", "out_features": 10 }]"#;
    let graph = |nodes: &str, model: &str| {
        let text = format!(
            r#"{{ "name": "meant", "nodes": {{ "train": {{ "op": "shapes", "indices": "HERE/some.txt",
                "batch_size": 2 }}, {nodes}, "model": {{ "op": "train", {model}, {linear} }} }} }}"#
        );
        let text = text.replace("HERE", folder.path().to_str().expect("the path is a text"));
        let file = GraphFile::parse(&text, "meant").unwrap_or_else(|error| panic!("{error}"));
        warnings(&Graph::validate_file(&file, &Registry::builtin()).unwrap_or_else(|error| panic!("{error}")))
    };
    // Soft labels and smoothing; fractions of 255; a schedule of one point; a held-out part of the training images.
    let nodes = r#""mixup": { "op": "mixup", "input": "train" },
        "norm": { "op": "normalize", "input": "mixup", "mean": [0], "std": [255] },
        "out": { "op": "to_torch_image", "input": "norm" }"#;
    let held = r#""held": { "op": "shapes", "indices": "HERE/others.txt", "batch_size": 2 },
        "held_norm": { "op": "normalize", "input": "held", "mean": [0], "std": [255] },
        "held_out": { "op": "to_torch_image", "input": "held_norm" }"#;
    let model = r#""input": { "train": "out", "test": "held_out" }, "epochs": 4,
        "loss": { "type": "cross_entropy", "label_smoothing": 0.1 },
        "schedule": { "type": "piecewise_linear", "points": [[0, 1]] },
        "optimizer": { "type": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": true }"#;
    assert_eq!(graph(&format!("{nodes}, {held}"), model), "");
}

/// Graphs with more than one mistake, and how many.
const SEVERAL: [(&str, usize); 6] = [
    ("several", 8),
    ("several_beside_a_cycle", 2),
    ("several_of_a_model", 2),
    ("several_of_a_node", 2),
    ("several_of_form_and_meaning", 5),
    ("several_of_ports", 2),
];

/// What follows from a mistake is not told as another, and no mistake hides another.
#[test]
fn one_mistake_is_one_problem() {
    let mistakes = |name: &str| SEVERAL.iter().find(|(n, _)| *n == name).map_or(1, |(_, count)| *count);
    let wrong: Vec<String> = names(INVALID, "json")
        .into_iter()
        .map(|name| (mistakes(&name), refuse(&name).problems.len(), name))
        .filter(|(mistakes, problems, _)| mistakes != problems)
        .map(|(mistakes, problems, name)| format!("{name}: {problems} problems, {mistakes} expected"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn problems_have_positions_in_the_order_of_the_file() {
    for name in names(INVALID, "json") {
        let positions: Vec<_> = refuse(&name).problems.iter().map(|p| p.position).collect();
        assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{name}: {positions:?}");
    }
}

/// Messages are for people who write graphs: nothing of Rust in them.
#[test]
fn messages_are_in_the_users_words() {
    let ours = ["panicked", "unwrap", "Some(", "None", "Err(", "Error(", "serde", "invalid type", "src/", "{}", "\\\""];
    for name in names(INVALID, "json") {
        let message = refuse(&name).to_string();
        let found: Vec<_> = ours.iter().filter(|word| message.contains(**word)).collect();
        assert!(found.is_empty(), "{name}: {found:?} in\n{message}");
        assert!(message.lines().all(|line| line == line.trim_end()), "{name}: white space at a line's end\n{message}");
    }
}

#[test]
fn the_schema_for_editors_is_the_engines() {
    let schema = format!("{:#}\n", json_schema(&Registry::builtin()));
    assert_none(compare("graphs/schema.json", &schema).into_iter().collect());
}

/// What is wrong with a text.
fn refused(text: &str) -> GraphError {
    let valid = GraphFile::parse(text, "graph").and_then(|file| Graph::validate_file(&file, &Registry::builtin()));
    valid.err().expect("the graph is wrong")
}

/// A chain of nodes, each of which reads from the one before; the first from `start`.
fn chain(length: usize, start: &str) -> String {
    let mut from = start.to_owned();
    let nodes = (0..length).map(|index| {
        let node = format!("\"n{index}\":{{\"op\":\"to_device\",\"input\":\"{from}\"}}");
        from = format!("n{index}");
        node
    });
    let nodes = nodes.collect::<Vec<_>>().join(",");
    format!("{{\"name\":\"chain\",\"nodes\":{{\"source\":{{\"op\":\"shapes\"}},{nodes}}}}}")
}

/// Neither the stack nor the square of the number of nodes is a limit.
#[test]
fn a_graph_may_be_deep() {
    within(60, || {
        let file = GraphFile::parse(&chain(100_000, "source"), "graph").expect("its form is right");
        let graph = Graph::validate_file(&file, &Registry::builtin()).expect("a chain is a graph");
        assert_eq!(graph.nodes().len(), 100_001);
        let error = refused(&chain(100_000, "n99999"));
        assert_eq!(error.problems.len(), 1);
        let message = "a cycle of 100,000 nodes: n0 → n1 → n2 → n3 → n4 → n5 → n6 → n7 → … → n99999 → n0, each reads from \
                       the one before";
        assert_eq!(error.problems[0].message, message);
    });
}

#[test]
fn many_mistakes_are_found_in_time() {
    within(60, || {
        let nodes = |index| format!("\"n{index}\":{{\"op\":\"to_device\",\"input\":\"m{index}\"}}");
        let nodes = (0..20_000).map(nodes).collect::<Vec<_>>().join(",");
        let error = refused(&format!("{{\"name\":\"many\",\"nodes\":{{{nodes}}}}}"));
        assert_eq!(error.problems.len(), 20_000);
        let expected = error.problems[0].expected.as_deref().expect("the others are listed");
        assert!(expected.ends_with("n12 … and 19,987 more"), "{expected}");
        // Lists in lists, eight megabytes of them.
        let lists = vec![format!("{}1{}", "[".repeat(100), "]".repeat(100)); 40_000].join(",");
        let error = refused(&format!("{{\"name\":\"deep\",\"nodes\":{{}},\"what\":[{lists}]}}"));
        assert_eq!(error.problems.len(), 2, "{error}");
    });
}

#[cfg(unix)]
#[test]
fn a_file_without_end_is_given_up() {
    let error = GraphFile::read(Path::new("/dev/zero")).expect_err("it is no graph");
    assert_eq!(
        error.to_string(),
        "the file has more than 16,777,216 bytes, too many for a graph\n  hint      is it a graph file?\n  at        /dev/zero"
    );
}

#[test]
fn what_is_no_text_is_said_to_be_none() {
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let read = |bytes: &[u8]| {
        let path = folder.path().join("graph.json");
        fs::write(&path, bytes).expect("the folder can be written to");
        let result = GraphFile::read(&path);
        result.map_err(|error| (error.problems[0].message.clone(), error.problems[0].hint.clone()))
    };
    let text = "{ \"name\": \"a\", \"nodes\": { \"a\": { \"op\": \"shapes\" } } }";
    assert!(read(format!("\u{feff}{text}").as_bytes()).is_ok(), "a mark of UTF-8 is skipped");
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (message, hint) = read(&wide).expect_err("UTF-16 is not read");
    assert_eq!(message, "the file is not text in UTF-8");
    assert_eq!(hint.as_deref(), Some("it seems to be in UTF-16: save it as UTF-8"));
    assert_eq!(read(&[]).expect_err("nothing is no graph").0, "the file is empty");
    let folder = GraphFile::read(folder.path()).expect_err("a folder is no graph").to_string();
    assert!(folder.starts_with("cannot read the graph file: it is a folder"), "{folder}");
}

/// A name is shown, not obeyed.
#[test]
fn messages_do_not_act_on_the_terminal() {
    let error = refused("{ \"name\": \"a\", \"nodes\": { \"\\u001b[2J\": { \"op\": \"shapes\" } } }").to_string();
    assert!(error.chars().all(|c| c == '\n' || !c.is_control()), "{error:?}");
    let long = "x".repeat(10_000);
    let error =
        refused(&format!("{{ \"name\": \"a\", \"nodes\": {{ \"a\": {{ \"op\": \"shapes\", \"{long}\": 1 }} }} }}"));
    assert!(error.to_string().len() < 500, "{error}");
}

/// The builder's graphs are held to the same rules as files.
#[test]
fn a_builder_reports_every_problem_too() {
    let mut builder = GraphBuilder::new("../up");
    let train = builder.source("train", Shapes::default());
    builder.node("to/device", ToDevice::default(), &train);
    builder.source("train", Shapes { batch_size: 0, ..Shapes::default() });
    let error = builder.build(&Registry::builtin()).err().expect("the graph is wrong");
    let messages: Vec<&str> = error.problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(messages, ["two nodes are named `train`", "wrong value for `name`", "this cannot be a node's name"]);
}

#[test]
fn a_whole_number_may_be_written_with_an_exponent() {
    let text = "{ \"name\": \"a\", \"seed\": 1e3, \"nodes\": { \"a\": { \"op\": \"shapes\", \"batch_size\": 64.0 } } }";
    let file = GraphFile::parse(text, "graph").expect("its form is right");
    assert_eq!(Graph::validate_file(&file, &Registry::builtin()).expect("it is valid").seed, 1000);
}
