//! Several sets read as one.

use super::dataset::{DataField, Dataset, FieldKind, Value};
use super::error::DataError;

/// Sets with the same fields, one after the other.
pub struct Concatenated {
    sets: Vec<Box<dyn Dataset>>,
    /// The row after each set's last.
    ends: Vec<u64>,
}

impl Concatenated {
    /// Puts sets one after the other.
    ///
    /// # Errors
    ///
    /// [`DataError::Format`] for no set at all, and for a set whose fields are not the first one's, in name, kind,
    /// order, class names or size: it says what differs.
    pub fn new(sets: Vec<Box<dyn Dataset>>) -> Result<Self, DataError> {
        let wrong = |message: String, at: String| DataError::Format { message, path: at.into() };
        let Some(first) = sets.first() else {
            return Err(wrong("no data set is named, expected at least one".to_owned(), String::new()));
        };
        let mut ends = Vec::with_capacity(sets.len());
        let mut rows = 0_u64;
        for (number, set) in sets.iter().enumerate() {
            let at = || if set.rows() > 0 { set.place(0) } else { format!("data set {number}, which is empty") };
            if let Some(difference) = difference(first.fields(), set.fields()) {
                let message = format!("data set {number} (counted from 0) does not go with the first: {difference}");
                return Err(wrong(message, at()));
            }
            rows = rows.checked_add(set.rows()).ok_or_else(|| wrong("too many rows".to_owned(), at()))?;
            ends.push(rows);
        }
        Ok(Self { sets, ends })
    }

    fn find(&self, row: u64) -> (&dyn Dataset, u64) {
        let set = self.ends.partition_point(|end| *end <= row);
        let before = if set == 0 { 0 } else { self.ends[set - 1] };
        (self.sets[set].as_ref(), row - before)
    }
}

/// What sets the second fields apart from the first, in words.
fn difference(first: &[DataField], second: &[DataField]) -> Option<String> {
    let names = |fields: &[DataField]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>().join(", ");
    if names(first) != names(second) {
        return Some(format!("its fields are {}, expected {}", names(second), names(first)));
    }
    let (before, after) = first.iter().zip(second).find(|(before, after)| before.kind != after.kind)?;
    let name = &before.name;
    Some(match (&before.kind, &after.kind) {
        (FieldKind::Int { classes: before }, FieldKind::Int { classes: after }) => {
            let place = before.iter().zip(after).position(|(before, after)| before != after);
            match place {
                Some(place) => format!(
                    "class {place} of {name} is {:?}, expected {:?}: the same number would mean different things",
                    after[place], before[place]
                ),
                None => format!("{name} has {} classes, expected {}", after.len(), before.len()),
            }
        }
        (before, after) => format!("{name} is {}, expected {}", words(after), words(before)),
    })
}

fn words(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Int { .. } => "a whole number".to_owned(),
        FieldKind::Float => "a float".to_owned(),
        FieldKind::Image { size: Some(size) } => {
            format!("an image of {} × {} × {} bytes", size.height, size.width, size.channels)
        }
        FieldKind::Image { size: None } => "an image of any size".to_owned(),
        FieldKind::Bytes => "bytes".to_owned(),
        FieldKind::Json => "JSON".to_owned(),
        FieldKind::Array { element, shape } => format!("an array of {element:?} of shape {shape:?}"),
    }
}

impl Dataset for Concatenated {
    fn rows(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn fields(&self) -> &[DataField] {
        self.sets[0].fields()
    }

    fn unreadable_fields(&self) -> Vec<String> {
        let mut all: Vec<String> = self.sets.iter().flat_map(|set| set.unreadable_fields()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let (set, row) = self.find(row);
        set.value(row, field)
    }

    fn place(&self, row: u64) -> String {
        let (set, row) = self.find(row);
        set.place(row)
    }

    /// That of the set whose rows lie together least.
    fn rows_per_page(&self) -> u64 {
        self.sets.iter().map(|set| set.rows_per_page()).min().unwrap_or(1)
    }

    fn prefetch(&self, row: u64) {
        let (set, row) = self.find(row);
        set.prefetch(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::{self, NpyArrays};
    use crate::{ElementType, ImageFolder};

    fn numbers(folder: &std::path::Path, name: &str, element: ElementType, values: &[u8]) -> Box<dyn Dataset> {
        let path = folder.join(name);
        npy::write(&path, element, &[values.len() / element.bytes()], values).unwrap();
        Box::new(NpyArrays::open(&[("label".to_owned(), path.to_str().unwrap().to_owned())]).unwrap())
    }

    #[test]
    fn rows_follow_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let set = |name: &str, values: &[u8]| numbers(folder.path(), name, ElementType::Int8, values);
        let all =
            Concatenated::new(vec![set("a", &[1, 2]), set("none", &[]), set("b", &[3]), set("c", &[4, 5])]).unwrap();
        let values: Vec<Value<'_>> = (0..all.rows()).map(|row| all.value(row, 0).unwrap()).collect();
        assert_eq!(values, [1, 2, 3, 4, 5].map(Value::Int));
        assert!(all.place(3).ends_with("c, row 0"), "{}", all.place(3));
    }

    #[test]
    fn what_differs_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let whole = || numbers(folder.path(), "a", ElementType::Int8, &[1, 2]);
        let error = |sets| Concatenated::new(sets).err().unwrap().to_string();
        let float = numbers(folder.path(), "f", ElementType::Float32, &[0; 4]);
        let text = error(vec![whole(), float]);
        assert!(text.starts_with("data set 1 (counted from 0) does not go with the first: label is a float, expected"));
        assert!(text.ends_with("f, row 0"), "{text}");

        for class in ["x/cat", "x/dog", "y/cat", "y/cow"] {
            std::fs::create_dir_all(folder.path().join(class)).unwrap();
            std::fs::write(folder.path().join(class).join("1.jpg"), b"").unwrap();
        }
        let images = |name: &str| Box::new(ImageFolder::open(&folder.path().join(name)).unwrap());
        let text = error(vec![images("x"), images("y")]);
        assert!(text.contains("class 1 of label is \"cow\", expected \"dog\""), "{text}");
        assert!(error(vec![images("x"), whole()]).contains("its fields are label, expected image, label"));
        assert!(error(Vec::new()).starts_with("no data set is named"));
    }
}
