//! What `engine info` prints.

use engine::data::beton::{FieldInfo, FieldType, Info, Spread, Verified};
use engine::data::{DataField, Dataset, FieldKind, Format};
use serde_json::{Value, json};

use super::screen;

/// Classes named at most.
const CLASSES_SHOWN: usize = 10;

/// What a check found.
pub(crate) struct Checked {
    pub(crate) found: Verified,
    seconds: f64,
    /// Each bad row, in words.
    lines: Vec<String>,
}

impl Checked {
    /// `place` says which row it is, where the reason does not.
    pub(crate) fn new(found: Verified, seconds: f64, place: impl Fn(u64) -> String) -> Self {
        let line = |bad: &engine::data::beton::BadRow| {
            let place = place(bad.row);
            // Errors that are about a file end in its name.
            let why = bad.why.strip_suffix(&place).map_or(bad.why.as_str(), |why| why.trim_end_matches(": "));
            format!("{place}, field {}: {why}", bad.field)
        };
        Self { seconds, lines: found.bad.iter().map(line).collect(), found }
    }
}

pub(crate) fn checked_text(checked: &Checked) -> String {
    let Checked { found, seconds, lines } = checked;
    let work = format!(
        "{} read, {} decoded, {}",
        screen::plural(found.rows, "row"),
        screen::plural(found.decoded, "image"),
        screen::duration(*seconds)
    );
    if found.is_sound() {
        return format!("  sound: {work}");
    }
    let mut text = String::new();
    for line in found.faults.iter().chain(lines) {
        text.push_str(&format!("  {line}\n"));
    }
    let more = found.bad_count - lines.len() as u64;
    if more > 0 {
        text.push_str(&format!("  and {} more\n", screen::count(more)));
    }
    let faults = found.bad_count + found.faults.len() as u64;
    text + &format!("  damaged, {}: {work}", screen::plural(faults, "fault"))
}

pub(crate) fn checked_json(checked: Option<&Checked>) -> Value {
    let Some(Checked { found, seconds, lines }) = checked else { return Value::Null };
    let bad = found
        .bad
        .iter()
        .zip(lines)
        .map(|(bad, line)| json!({ "row": bad.row, "field": bad.field, "why": bad.why, "text": line }));
    json!({
        "sound": found.is_sound(),
        "rows": found.rows,
        "decoded": found.decoded,
        "bad_count": found.bad_count,
        "bad": bad.collect::<Vec<_>>(),
        "faults": found.faults,
        "seconds": seconds,
    })
}

fn head(path: &str, format: Format, rows: u64, bytes: u64) -> String {
    format!("{path}: {}, {}, {}\n", format.name(), screen::plural(rows, "row"), screen::bytes(bytes))
}

/// Lines of two columns.
fn table(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines: Vec<String> = lines.iter().map(|(name, text)| format!("  {name:<width$}  {text}")).collect();
    lines.join("\n")
}

pub(crate) fn beton_text(info: &Info) -> String {
    let head = head(&info.path.display().to_string(), Format::Beton, info.rows, info.bytes);
    let pages = format!(
        "  {} of {}, rows {}, {}\n",
        screen::plural(info.pages, "page"),
        screen::bytes(info.page_bytes.into()),
        screen::bytes(info.row_table_bytes),
        screen::plural(info.regions, "region")
    );
    let lines: Vec<_> = info.fields.iter().map(|field| (field.name.clone(), beton_field(field))).collect();
    head + &pages + &table(&lines)
}

fn beton_field(field: &FieldInfo) -> String {
    let mut text = field.kind.name().to_owned();
    if let (Some(elements), Some(shape)) = (&field.elements, &field.shape) {
        text += &format!(" of {elements} {shape:?}");
    }
    if let Some(images) = &field.images {
        text += &format!(", {} raw and {} JPEG", screen::count(images.raw), screen::count(images.jpeg));
        if let (Some(height), Some(width)) = (images.height, images.width) {
            text += &format!(", {} × {} pixels", range(height), range(width));
        }
    }
    text += &format!(", {}", screen::bytes(field.bytes));
    match field.sizes {
        Some(sizes) if field.kind.has_region() && sizes.min == sizes.max => {
            text += &format!(" ({} each)", screen::bytes(sizes.min));
        }
        Some(sizes) if field.kind.has_region() => {
            let [min, mean, max] = [sizes.min, sizes.mean.round() as u64, sizes.max].map(screen::bytes);
            text += &format!(" ({min} to {max}, mean {mean})");
        }
        _ => {}
    }
    if field.bad > 0 {
        text += &format!("; the data of {} is NOT within the file", screen::plural(field.bad, "row"));
    }
    if let Some(why) = &field.unreadable {
        text += &format!("; cannot be read: {why}");
    }
    text
}

fn range(spread: Spread) -> String {
    match spread.min == spread.max {
        true => spread.min.to_string(),
        false => format!("{}–{}", spread.min, spread.max),
    }
}

pub(crate) fn beton_json(info: &Info) -> Value {
    let spread =
        |spread: Option<Spread>| spread.map_or(Value::Null, |s| json!({ "min": s.min, "mean": s.mean, "max": s.max }));
    let field = |field: &FieldInfo| {
        let images = field.images.map_or(Value::Null, |images| {
            json!({
                "raw": images.raw, "jpeg": images.jpeg,
                "height": spread(images.height), "width": spread(images.width),
            })
        });
        json!({
            "name": field.name,
            "type": field.kind.name(),
            "elements": field.elements,
            "shape": field.shape,
            "bytes": field.bytes,
            "row_bytes": spread(field.sizes),
            "images": images,
            "bad": field.bad,
            "unreadable": field.unreadable,
        })
    };
    json!({
        "path": info.path.display().to_string(),
        "format": Format::Beton.name(),
        "rows": info.rows,
        "bytes": info.bytes,
        "page_bytes": info.page_bytes,
        "pages": info.pages,
        "row_table_bytes": info.row_table_bytes,
        "regions": info.regions,
        "fields": info.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

pub(crate) fn set_text(path: &str, format: Format, bytes: u64, data: &dyn Dataset) -> String {
    let mut lines: Vec<_> = data.fields().iter().map(|field| (field.name.clone(), set_field(field))).collect();
    lines.extend(data.unreadable_fields().into_iter().map(|field| ("not read:".to_owned(), field)));
    head(path, format, data.rows(), bytes) + &table(&lines)
}

fn set_field(field: &DataField) -> String {
    let name = type_name(&field.kind);
    match &field.kind {
        FieldKind::Int { classes } if !classes.is_empty() => {
            let shown: Vec<&str> = classes.iter().take(CLASSES_SHOWN).map(String::as_str).collect();
            let more = if classes.len() > CLASSES_SHOWN { ", …" } else { "" };
            let count = screen::plural(classes.len() as u64, "class");
            format!("{name}, {count}: {}{more}", shown.join(", "))
        }
        FieldKind::Image { size: Some(size) } => format!("image, raw, {size}"),
        FieldKind::Image { size: None } => "image, of any size".to_owned(),
        FieldKind::Array { element, shape } => format!("{name} of {} {shape:?}", element_name(*element)),
        _ => name.to_owned(),
    }
}

/// The names of `.beton`'s types, for all formats.
fn type_name(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Int { .. } => FieldType::Int.name(),
        FieldKind::Float => FieldType::Float.name(),
        FieldKind::Image { .. } => "image",
        FieldKind::Bytes => FieldType::Bytes.name(),
        FieldKind::Json => FieldType::Json.name(),
        FieldKind::Array { .. } => FieldType::Ndarray.name(),
    }
}

fn element_name(element: engine::data::ElementType) -> String {
    format!("{element:?}").to_ascii_lowercase()
}

pub(crate) fn set_json(path: &str, format: Format, bytes: u64, data: &dyn Dataset) -> Value {
    let field = |field: &DataField| {
        let (classes, elements, shape) = match &field.kind {
            FieldKind::Int { classes } if !classes.is_empty() => (json!(classes), Value::Null, Value::Null),
            FieldKind::Image { size: Some(size) } => {
                (Value::Null, json!("uint8"), json!([size.height, size.width, size.channels]))
            }
            FieldKind::Array { element, shape } => (Value::Null, json!(element_name(*element)), json!(shape)),
            _ => (Value::Null, Value::Null, Value::Null),
        };
        let name = type_name(&field.kind);
        json!({ "name": field.name, "type": name, "elements": elements, "shape": shape, "classes": classes })
    };
    json!({
        "path": path,
        "format": format.name(),
        "rows": data.rows(),
        "bytes": bytes,
        "fields": data.fields().iter().map(field).collect::<Vec<_>>(),
        "unreadable": data.unreadable_fields(),
    })
}
