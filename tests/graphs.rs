//! The graphs of `graphs/`: the good ones are valid, and each bad one of `graphs/invalid/` is refused with the message
//! beside it. `UPDATE_EXPECT=1` writes the messages anew, and the schema; read the difference before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use engine::graph::{Graph, GraphError, GraphFile};
use engine::operators::{Registry, json_schema};

/// Where messages say that a file is, whatever the current directory.
const INVALID: &str = "graphs/invalid";

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
    let mut names = names("graphs", "json");
    names.remove("schema");
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
