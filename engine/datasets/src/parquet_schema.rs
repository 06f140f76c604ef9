//! Which of a Parquet file's columns are fields, and of what kind.

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::file::metadata::FileMetaData;
use parquet::schema::types::ColumnDescriptor;

use super::dataset::{DataField, FieldKind};

/// The columns that are read, and those that are not.
#[derive(Debug)]
pub(super) struct Columns {
    /// The fields, in the order of the columns.
    pub(super) fields: Vec<DataField>,
    /// The number of each field's column among all.
    pub(super) leaves: Vec<usize>,
    /// Columns that are no field, with the reason: `boxes (a list)`.
    pub(super) skipped: Vec<String>,
}

impl Columns {
    pub(super) fn of(file: &FileMetaData) -> Self {
        let schema = file.schema_descr();
        let features = features(file);
        let mut columns = Self { fields: Vec::new(), leaves: Vec::new(), skipped: Vec::new() };
        let has = |name: &str| schema.columns().iter().any(|column| column.path().parts()[0] == name);
        for (leaf, column) in schema.columns().iter().enumerate() {
            let parts = column.path().parts();
            let top = parts[0].as_str();
            let kind = if column.max_rep_level() > 0 {
                Err("a list")
            } else if parts.len() == 1 {
                plain_kind(column, top, features.as_ref())
            } else if parts[1..] == ["bytes"] && column.physical_type() == Physical::BYTE_ARRAY {
                Ok(FieldKind::Image { size: None })
            } else if parts[1..] == ["path"] && schema.columns().iter().any(|c| c.path().parts() == [top, "bytes"]) {
                // Where the image once was: nobody misses it.
                continue;
            } else {
                Err("part of a struct")
            };
            match kind {
                Ok(kind) => {
                    // So that a graph need not know which of the two its data happens to use.
                    let image = matches!(kind, FieldKind::Image { .. });
                    let name = if image && top == "img" && !has("image") { "image" } else { top };
                    columns.fields.push(DataField { name: name.to_owned(), kind });
                    columns.leaves.push(leaf);
                }
                Err(why) => columns.skipped.push(format!("{} ({why})", parts.join("."))),
            }
        }
        columns
    }
}

/// The kind of a column that is no part of anything.
fn plain_kind(
    column: &ColumnDescriptor,
    name: &str,
    features: Option<&serde_json::Value>,
) -> Result<FieldKind, &'static str> {
    let logical = column.logical_type_ref();
    if matches!(logical, Some(LogicalType::Decimal { .. })) || column.converted_type() == ConvertedType::DECIMAL {
        return Err("a decimal number");
    }
    match column.physical_type() {
        Physical::BOOLEAN => Ok(FieldKind::Int { classes: Vec::new() }),
        Physical::INT32 | Physical::INT64 => {
            let names = features.and_then(|features| features.get(name)?.get("names")?.as_array());
            let classes = names.into_iter().flatten().map(|name| match name {
                serde_json::Value::String(name) => name.clone(),
                other => other.to_string(),
            });
            Ok(FieldKind::Int { classes: classes.collect() })
        }
        Physical::FLOAT | Physical::DOUBLE => Ok(FieldKind::Float),
        Physical::BYTE_ARRAY => Ok(match logical {
            Some(LogicalType::Json) => FieldKind::Json,
            Some(LogicalType::String) => FieldKind::Bytes,
            _ if column.converted_type() == ConvertedType::JSON => FieldKind::Json,
            _ if column.converted_type() == ConvertedType::UTF8 => FieldKind::Bytes,
            _ if matches!(name, "image" | "img") => FieldKind::Image { size: None },
            _ => FieldKind::Bytes,
        }),
        Physical::INT96 => Err("a time of the old kind"),
        Physical::FIXED_LEN_BYTE_ARRAY => Err("bytes of a fixed length"),
    }
}

/// What the hub's library says about the columns, by their names: the class names among it.
fn features(file: &FileMetaData) -> Option<serde_json::Value> {
    let entry = file.key_value_metadata()?.iter().find(|entry| entry.key == "huggingface")?;
    let mut json: serde_json::Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    Some(json.get_mut("info")?.get_mut("features")?.take())
}
