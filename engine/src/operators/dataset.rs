//! Sources of files: what a data set's fields become, and how its rows are read.

use std::borrow::Cow;
use std::sync::Arc;

use half::f16;
use pixels::Pixels;

use super::kernel::{Kernel, OperatorError, Site, Source};
use super::registry::{Signature, Write, WriteMode};
use super::source::{Common, Opened, SourceShape};
use crate::batch::{DType, Field, Rows};
use crate::data::{DataField, Dataset, ElementType, FieldKind, SourceOptions, Value, open_dataset};
use crate::params::{Fault, Faults, listed, near_miss, plural, quoted};

/// Name of the field whose whole numbers are classes.
const LABEL: &str = "label";

/// Opens a data set and says what its rows are. `fields` are those to read; none for all.
pub(super) fn signature(
    paths: &[String],
    options: &SourceOptions,
    fields: Option<&[String]>,
    classes: Option<usize>,
    common: &Common<'_>,
) -> Result<Signature, Faults> {
    let options = SourceOptions { fields: fields.map(<[String]>::to_vec), ..options.clone() };
    let data = open_dataset(paths, &options).map_err(|e| Fault::new("/path", e.to_string()))?;
    if data.rows() == 0 {
        return Err(Fault::new("/path", format!("there are no samples: {}", paths.join(", "))).into());
    }
    signature_of(data.into(), fields, classes, common)
}

/// What the rows of an open data set are.
pub(super) fn signature_of(
    data: Arc<dyn Dataset>,
    fields: Option<&[String]>,
    classes: Option<usize>,
    common: &Common<'_>,
) -> Result<Signature, Faults> {
    let mut faults = Faults::default();
    let wanted = faults.keep(select(data.fields(), fields)).unwrap_or_default();
    let mut writes = Vec::new();
    let mut names = Vec::new();
    for &index in &wanted {
        let field = &data.fields()[index];
        let own = match &field.kind {
            FieldKind::Int { classes: known } if field.name == LABEL || !known.is_empty() => {
                let count = faults.keep(count_classes(&*data, index, known.len(), classes));
                if field.name == LABEL {
                    names.clone_from(known);
                }
                Field::label(&field.name, count.unwrap_or_default())
            }
            kind => column(&field.name, kind),
        };
        writes.push(Write { field: own, mode: WriteMode::Create });
    }
    let shape = faults.keep(common.shape(data.rows(), names));
    faults.end()?;
    let shape = shape.map(|shape| SourceShape { data: Some(Opened(data)), ..shape });
    Ok(Signature { writes, source: shape, ..Signature::default() })
}

/// A field that is no label, as a column.
fn column(name: &str, kind: &FieldKind) -> Field {
    match kind {
        FieldKind::Int { .. } => Field::plain(name, DType::Int64, &[]),
        FieldKind::Float => Field::plain(name, DType::Float32, &[]),
        FieldKind::Image { size: Some(size) } => Field::image(name, *size),
        FieldKind::Image { size: None } => Field::picture(name),
        FieldKind::Bytes | FieldKind::Json => Field::blob(name),
        FieldKind::Array { element, shape } => Field::plain(name, column_type(*element), shape),
    }
}

fn column_type(element: ElementType) -> DType {
    match element {
        ElementType::Bool | ElementType::Uint8 => DType::Uint8,
        ElementType::Int8 | ElementType::Uint16 | ElementType::Int16 | ElementType::Int32 | ElementType::Int64 => {
            DType::Int64
        }
        ElementType::Float16 => DType::Float16,
        ElementType::Float32 | ElementType::Float64 => DType::Float32,
    }
}

/// Places of the wanted fields.
fn select(all: &[DataField], wanted: Option<&[String]>) -> Result<Vec<usize>, Faults> {
    let Some(wanted) = wanted else { return Ok((0..all.len()).collect()) };
    let names = || all.iter().map(|f| f.name.as_str());
    let place = |(at, name): (usize, &String)| {
        all.iter().position(|f| f.name == *name).ok_or_else(|| {
            let message = match near_miss(name, names()) {
                Some(near) => format!("there is no field {}; did you mean `{near}`?", quoted(name)),
                None => format!("there is no field {}", quoted(name)),
            };
            Fault::new(format!("/fields/{at}"), message).expected(format!("one of {}", listed(names(), all.len())))
        })
    };
    wanted.iter().enumerate().map(place).collect::<Result<_, _>>().map_err(Faults::from)
}

/// Number of classes: as many as have names, or as the user says, or one more than the greatest label.
fn count_classes(data: &dyn Dataset, field: usize, named: usize, given: Option<usize>) -> Result<usize, Faults> {
    match (named, given) {
        (0, Some(given)) => Ok(given),
        (0, None) => {
            let mut most = -1;
            for row in 0..data.rows() {
                let label = data.value(row, field).map_err(|e| Fault::new("/path", e.to_string()))?;
                let Value::Int(label) = label else { continue };
                if label < 0 {
                    let message = format!("label {label} of {} is no class", data.place(row));
                    return Err(Fault::new("/path", message).expected("at least 0").into());
                }
                most = most.max(label);
            }
            Ok(usize::try_from(most + 1).unwrap_or_default())
        }
        (named, Some(given)) if given != named => {
            let fault = Fault::new("/classes", "wrong number of classes");
            Err(fault.expected(format!("{named}, as the data names them")).given(given.to_string()).into())
        }
        (named, _) => Ok(named),
    }
}

/// The kernel of a source whose signature is [`signature`]'s.
pub(super) fn kernel(site: &Site<'_>, classes: Option<usize>) -> Result<Kernel, OperatorError> {
    let shape = site.source.ok_or_else(|| OperatorError::new("the signature of a source says what its rows are"))?;
    let data = shape.data.as_ref().ok_or_else(|| OperatorError::new("the data was opened for the signature"))?;
    Ok(Kernel::Source(Box::new(Files::new(Arc::clone(&data.0), classes))))
}

/// Reads the rows of a data set.
struct Files {
    data: Arc<dyn Dataset>,
    /// The field whose images lie in memory as pixels of one size, and can be lent.
    lent: Option<usize>,
    label: Option<usize>,
    /// Number of classes of each field, where labels may be beyond it.
    limits: Vec<Option<i64>>,
}

impl Files {
    fn new(data: Arc<dyn Dataset>, classes: Option<usize>) -> Self {
        let lends = |index: &usize| {
            matches!(data.fields()[*index].kind, FieldKind::Image { size: Some(_) })
                && matches!(data.value(0, *index), Ok(Value::Image { bytes: Cow::Borrowed(_), .. }))
        };
        let lent = (0..data.fields().len()).find(lends);
        let label = data.fields().iter().position(|f| f.name == LABEL && matches!(f.kind, FieldKind::Int { .. }));
        // What was counted needs no check.
        let limit = |(index, field): (usize, &DataField)| match &field.kind {
            FieldKind::Int { classes } if !classes.is_empty() => Some(classes.len() as i64),
            _ => classes.filter(|_| Some(index) == label).map(|classes| classes as i64),
        };
        let limits = data.fields().iter().enumerate().map(limit).collect();
        Self { lent, label, limits, data }
    }

    fn value(&self, row: usize, sample: u64, field: usize) -> Result<Value<'_>, OperatorError> {
        self.data.value(sample, field).map_err(|e| OperatorError::at_row(row, e.to_string()))
    }

    /// The fault of a row whose value is not what its field is.
    fn odd(&self, row: usize, sample: u64, field: usize) -> OperatorError {
        let name = &self.data.fields()[field].name;
        OperatorError::at_row(row, format!("field `{name}` has another type or size: {}", self.data.place(sample)))
    }
}

impl Source for Files {
    fn rows(&self) -> u64 {
        self.data.rows()
    }

    fn read(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let samples = rows.samples();
        for (index, field) in self.data.fields().iter().enumerate() {
            if !rows.wants(&field.name) {
                continue;
            }
            let values = |row: usize| self.value(row, samples[row], index);
            let odd = |row: usize| self.odd(row, samples[row], index);
            match &field.kind {
                FieldKind::Int { .. } => {
                    for (row, out) in rows.write::<i64>(&field.name).iter_mut().enumerate() {
                        let Value::Int(value) = values(row)? else { return Err(odd(row)) };
                        if let Some(classes) = self.limits[index].filter(|classes| !(0..*classes).contains(&value)) {
                            let (name, place) = (&field.name, self.data.place(samples[row]));
                            let classes = plural(classes as u64, "class");
                            let message = format!("{name} {value}, of {classes} counted from 0: {place}");
                            return Err(OperatorError::at_row(row, message));
                        }
                        *out = value;
                    }
                }
                FieldKind::Float => {
                    for (row, out) in rows.write::<f32>(&field.name).iter_mut().enumerate() {
                        let Value::Float(value) = values(row)? else { return Err(odd(row)) };
                        *out = value as f32;
                    }
                }
                FieldKind::Image { size: Some(size) } => {
                    let images = rows.write::<u8>(&field.name).chunks_exact_mut(size.bytes());
                    for (row, out) in images.enumerate() {
                        match values(row)? {
                            Value::Image { bytes, .. } if bytes.len() == out.len() => out.copy_from_slice(&bytes),
                            _ => return Err(odd(row)),
                        }
                    }
                }
                FieldKind::Image { size: None } => {
                    for (row, out) in rows.items_mut(&field.name).iter_mut().enumerate() {
                        let Value::Image { bytes, size } = values(row)? else { return Err(odd(row)) };
                        out.set(&bytes, size);
                    }
                }
                FieldKind::Bytes | FieldKind::Json => {
                    for (row, out) in rows.items_mut(&field.name).iter_mut().enumerate() {
                        let Value::Bytes(bytes) = values(row)? else { return Err(odd(row)) };
                        out.set(&bytes, None);
                    }
                }
                FieldKind::Array { element, shape } => {
                    let elements = shape.iter().product::<usize>();
                    let row_bytes = elements * column_type(*element).bytes();
                    let out = rows.write::<u8>(&field.name);
                    for row in 0..samples.len() {
                        let part = &mut out[row * row_bytes..(row + 1) * row_bytes];
                        match values(row)? {
                            Value::Bytes(bytes) if bytes.len() == elements * element.bytes() => {
                                widen(*element, &bytes, part);
                            }
                            _ => return Err(odd(row)),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn label(&self, sample: u64) -> Result<Option<i64>, OperatorError> {
        let Some(field) = self.label else { return Ok(None) };
        match self.value(0, sample, field)? {
            Value::Int(label) => Ok(Some(label)),
            _ => Ok(None),
        }
    }

    fn lends(&self) -> Option<&str> {
        self.lent.map(|field| self.data.fields()[field].name.as_str())
    }

    fn lend(&self, sample: u64) -> Result<Pixels<'_>, OperatorError> {
        let field = self.lent.ok_or_else(|| OperatorError::new("this source lends nothing"))?;
        match (self.value(0, sample, field)?, &self.data.fields()[field].kind) {
            (Value::Image { bytes: Cow::Borrowed(bytes), .. }, FieldKind::Image { size: Some(size) })
                if bytes.len() == size.bytes() =>
            {
                Ok(Pixels { bytes, size: *size, planar: false })
            }
            _ => Err(self.odd(0, sample, field)),
        }
    }

    fn prefetch(&self, sample: u64) {
        match self.lent.map(|field| self.data.value(sample, field)) {
            Some(Ok(Value::Image { bytes: Cow::Borrowed(bytes), .. })) => pixels::simd::prefetch(bytes),
            _ => self.data.prefetch(sample),
        }
    }

    fn rows_per_page(&self) -> u64 {
        self.data.rows_per_page()
    }

    fn place(&self, sample: u64) -> String {
        self.data.place(sample)
    }
}

/// An array's elements, little-endian, as its column's type.
fn widen(element: ElementType, from: &[u8], to: &mut [u8]) {
    macro_rules! each {
        ($from:ty => $to:ty) => {{
            let values = from.as_chunks::<{ size_of::<$from>() }>().0.iter().map(|b| <$from>::from_le_bytes(*b));
            let to: &mut [$to] = bytemuck::cast_slice_mut(to);
            to.iter_mut().zip(values).for_each(|(to, from)| *to = from as $to);
        }};
    }
    match element {
        ElementType::Bool => to.iter_mut().zip(from).for_each(|(to, from)| *to = u8::from(*from != 0)),
        ElementType::Uint8 => to.copy_from_slice(from),
        ElementType::Int8 => each!(i8 => i64),
        ElementType::Uint16 => each!(u16 => i64),
        ElementType::Int16 => each!(i16 => i64),
        ElementType::Int32 => each!(i32 => i64),
        ElementType::Int64 => each!(i64 => i64),
        ElementType::Float16 => {
            let values = from.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b));
            let to: &mut [f16] = bytemuck::cast_slice_mut(to);
            to.iter_mut().zip(values).for_each(|(to, from)| *to = from);
        }
        ElementType::Float32 => each!(f32 => f32),
        ElementType::Float64 => each!(f64 => f32),
    }
}
