//! Documentation and the JSON Schema, from the table of operators.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::registry::{AnyOperator, Inputs, Registry};
use crate::graph::{GRAPH_NAME_PATTERN, TopLevel};
use crate::params::{Kind, Param, ParamSet as _, Word, clean_docs};

/// An operator's documentation for a terminal, in Markdown.
pub fn describe(operator: &dyn AnyOperator) -> String {
    let mut text = format!("# {}\n\n{}\n", operator.name(), clean_docs(operator.docs()));
    if let Inputs::Ports(ports) = operator.inputs() {
        text.push_str("\n## Inputs\n\n");
        for port in ports {
            let needed = if port.required { "must be there" } else { "may be left out" };
            writeln!(text, "- `{}`: {}; {needed}", port.name, port.docs).expect(FITS);
        }
    }
    if !operator.params().is_empty() {
        text.push_str("\n## Parameters\n\n");
        describe_params(&mut text, operator.params(), 0);
    }
    let mut shown = Vec::new();
    for param in operator.params() {
        describe_nested(&mut text, &(param.kind)(), &mut shown);
    }
    text
}

const FITS: &str = "a String takes everything";

fn describe_params(text: &mut String, params: &[Param], depth: usize) {
    let indent = "  ".repeat(depth);
    for param in params {
        let kind = (param.kind)();
        let default = match param.default {
            Some(default) => format!("; default `{}`", default()),
            None => "; must be given".into(),
        };
        let docs = clean_docs(param.docs).replace('\n', " ");
        writeln!(text, "{indent}- `{}`: {docs}\n{indent}  ({}{default})", param.name, kind.words(param.bounds))
            .expect(FITS);
        for word in words_of(&kind) {
            writeln!(text, "{indent}  - `\"{}\"`: {}", word.name, clean_docs(word.docs)).expect(FITS);
        }
        if let Kind::Object(params) = kind {
            describe_params(text, params, depth + 1);
        }
    }
}

/// The words of a choice.
fn words_of(kind: &Kind) -> &'static [Word] {
    match kind {
        Kind::Choice(words) => words,
        Kind::Either(_, other) => words_of(other),
        _ => &[],
    }
}

/// The variants of layers, optimisers and so on, each kind once.
fn describe_nested(text: &mut String, kind: &Kind, shown: &mut Vec<&'static str>) {
    match kind {
        Kind::List(of) | Kind::Array(of, _) | Kind::OneOrList(of, _) | Kind::Optional(of) => {
            describe_nested(text, of, shown)
        }
        // Operators in a list are explained where they are nodes.
        Kind::Tagged { tag: "op", what, variants } if !shown.contains(what) => {
            shown.push(what);
            let names: Vec<String> = variants().iter().map(|v| format!("`{}`", v.name)).collect();
            let names = names.join(", ");
            write!(
                text,
                "\n## {what} {{ \"op\": … }}\n\nOne of {names}, each with its parameters but for `field` and `also`; `engine \
                 operators NAME` explains one.\n"
            )
            .expect(FITS);
        }
        Kind::Tagged { tag, what, variants } if !shown.contains(what) => {
            shown.push(what);
            for variant in variants() {
                let docs = clean_docs(variant.docs);
                writeln!(text, "\n## {what} {{ \"{tag}\": \"{}\" }}\n\n{docs}\n", variant.name).expect(FITS);
                describe_params(text, variant.params, 0);
            }
        }
        _ => {}
    }
}

/// The JSON Schema of graph files, for editors.
pub fn json_schema(registry: &Registry) -> Value {
    let mut definitions = Map::new();
    let nodes: Vec<Value> = registry.operators().iter().map(|o| node_schema(*o, &mut definitions)).collect();
    let (mut properties, mut required) = object_parts(TopLevel::PARAMS, &mut definitions);
    if let Some(name) = properties.get_mut("name").and_then(Value::as_object_mut) {
        name.insert("pattern".into(), GRAPH_NAME_PATTERN.into());
    }
    let schema = "Where an editor finds the JSON Schema; not used otherwise.";
    properties.insert("$schema".into(), json!({ "type": "string", "description": schema }));
    let names = json!({ "pattern": "^[A-Za-z0-9_-]{1,64}$" });
    properties.insert(
        "nodes".into(),
        json!({
            "description": "Nodes by name.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": names,
            "additionalProperties": { "$ref": "#/$defs/node" },
        }),
    );
    required.push("nodes".into());
    let operators: Vec<&str> = registry.names().collect();
    definitions.insert(
        "node".into(),
        json!({ "type": "object", "required": ["op"], "properties": { "op": { "enum": operators } }, "oneOf": nodes }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A graph of the engine",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn node_schema(operator: &dyn AnyOperator, definitions: &mut Map<String, Value>) -> Value {
    let (mut properties, mut required) = object_parts(operator.params(), definitions);
    let op = json!({ "const": operator.name(), "description": clean_docs(operator.docs()) });
    properties.insert("op".into(), op);
    required.push("op".into());
    match operator.inputs() {
        Inputs::None => {}
        Inputs::Rows => {
            let several = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
            properties.insert("input".into(), json!({ "anyOf": [{ "type": "string" }, several] }));
            required.push("input".into());
        }
        Inputs::Ports(ports) => {
            let port = |p: &super::Port| (p.name.to_owned(), json!({ "type": "string", "description": p.docs }));
            let inputs: Map<String, Value> = ports.iter().map(port).collect();
            let needed: Vec<&str> = ports.iter().filter(|p| p.required).map(|p| p.name).collect();
            properties.insert(
                "input".into(),
                json!({ "type": "object", "properties": inputs, "required": needed, "additionalProperties": false }),
            );
            required.push("input".into());
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn object_parts(params: &[Param], definitions: &mut Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
    let property = |param: &Param, definitions: &mut Map<String, Value>| {
        let mut schema = kind_schema(&(param.kind)(), param.bounds, definitions);
        if let Some(map) = schema.as_object_mut() {
            map.insert("description".into(), clean_docs(param.docs).into());
            if let Some(default) = param.default {
                map.insert("default".into(), default());
            }
        }
        (param.name.to_owned(), schema)
    };
    let properties = params.iter().map(|p| property(p, definitions)).collect();
    let required = params.iter().filter(|p| p.default.is_none()).map(|p| p.name.to_owned()).collect();
    (properties, required)
}

fn kind_schema(kind: &Kind, bounds: Option<(f64, f64)>, definitions: &mut Map<String, Value>) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => {
            let (min, max) = bounds.map_or((*min, *max), |(a, b)| (a as i64, b as i64));
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Kind::Number => match bounds {
            Some((min, max)) => json!({ "type": "number", "minimum": min, "maximum": max }),
            None => json!({ "type": "number" }),
        },
        Kind::Text => json!({ "type": "string" }),
        Kind::Pattern { pattern, .. } => json!({ "type": "string", "pattern": pattern }),
        Kind::Choice(words) => {
            let each: Vec<Value> =
                words.iter().map(|w| json!({ "const": w.name, "description": clean_docs(w.docs) })).collect();
            json!({ "oneOf": each })
        }
        Kind::List(of) => json!({ "type": "array", "items": kind_schema(of, bounds, definitions) }),
        Kind::Array(of, len) => {
            json!({ "type": "array", "items": kind_schema(of, bounds, definitions), "minItems": len, "maxItems": len })
        }
        Kind::OneOrList(of, len) => {
            let one = kind_schema(of, bounds, definitions);
            let mut list = json!({ "type": "array", "items": one.clone(), "minItems": len.unwrap_or(1) });
            if let Some(len) = len {
                list["maxItems"] = json!(len);
            }
            json!({ "anyOf": [one, list] })
        }
        Kind::Optional(of) => json!({ "anyOf": [{ "type": "null" }, kind_schema(of, bounds, definitions)] }),
        Kind::Either(one, other) => {
            json!({ "anyOf": [kind_schema(one, bounds, definitions), kind_schema(other, bounds, definitions)] })
        }
        Kind::Object(params) => {
            let (properties, required) = object_parts(params, definitions);
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
        }
        Kind::Tagged { tag, what, variants } => {
            // Layers hold layers: the name is entered before its meaning is known.
            if !definitions.contains_key(*what) {
                definitions.insert((*what).to_owned(), Value::Null);
                let one = |v: &crate::params::Variant, definitions: &mut Map<String, Value>| {
                    let (mut properties, mut required) = object_parts(v.params, definitions);
                    properties.insert((*tag).to_owned(), json!({ "const": v.name, "description": clean_docs(v.docs) }));
                    required.push((*tag).to_owned());
                    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
                };
                let each: Vec<Value> = variants().iter().map(|v| one(v, definitions)).collect();
                definitions.insert((*what).to_owned(), json!({ "oneOf": each }));
            }
            json!({ "$ref": format!("#/$defs/{what}") })
        }
    }
}
