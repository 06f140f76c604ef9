//! Rust types that a parameter may have.

use serde_json::{Value, json};

use super::Kind;

/// A type that a parameter may have.
pub trait ParamType: Sized {
    /// What it looks like in JSON.
    fn kind() -> Kind;
    /// Reads checked JSON.
    fn from_json(value: &Value) -> Option<Self>;
    /// As JSON.
    fn to_json(&self) -> Value;
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl ParamType for $type {
            fn kind() -> Kind {
                // JSON numbers beyond 2⁵³ lose digits on their way through other programs.
                const LIMIT: i128 = 1 << 53;
                let limit = |n: i128| n.clamp(-LIMIT, LIMIT) as i64;
                Kind::Integer { min: limit(<$type>::MIN as i128), max: limit(<$type>::MAX as i128) }
            }
            fn from_json(value: &Value) -> Option<Self> {
                // 512.0 is a whole number too.
                let whole = value.as_i64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64));
                whole.and_then(|n| n.try_into().ok())
            }
            fn to_json(&self) -> Value {
                json!(self)
            }
        }
    )*};
}

integer!(u8, u32, u64, usize, i64);

impl ParamType for bool {
    fn kind() -> Kind {
        Kind::Bool
    }
    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
    fn to_json(&self) -> Value {
        json!(self)
    }
}

impl ParamType for f64 {
    fn kind() -> Kind {
        Kind::Number
    }
    fn from_json(value: &Value) -> Option<Self> {
        value.as_f64()
    }
    fn to_json(&self) -> Value {
        json!(self)
    }
}

impl ParamType for String {
    fn kind() -> Kind {
        Kind::Text
    }
    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
    fn to_json(&self) -> Value {
        json!(self)
    }
}

impl<T: ParamType> ParamType for Vec<T> {
    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }
    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::from_json).collect()
    }
    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }
}

impl<T: ParamType, const N: usize> ParamType for [T; N] {
    fn kind() -> Kind {
        Kind::Array(Box::new(T::kind()), N)
    }
    fn from_json(value: &Value) -> Option<Self> {
        Vec::from_json(value)?.try_into().ok()
    }
    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }
}

/// A value of one type or of another one, which look different in JSON.
///
/// ```
/// use engine::params::Either;
///
/// let degrees: Either<f64, [f64; 2]> = 15.0.into();
/// assert_eq!(degrees, Either::One(15.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// Of the first type.
    One(A),
    /// Of the second type.
    Other(B),
}

impl<A: ParamType, B: ParamType> ParamType for Either<A, B> {
    fn kind() -> Kind {
        Kind::Either(Box::new(A::kind()), Box::new(B::kind()))
    }
    fn from_json(value: &Value) -> Option<Self> {
        A::from_json(value).map(Self::One).or_else(|| B::from_json(value).map(Self::Other))
    }
    fn to_json(&self) -> Value {
        match self {
            Self::One(value) => value.to_json(),
            Self::Other(value) => value.to_json(),
        }
    }
}

impl<B> From<f64> for Either<f64, B> {
    fn from(number: f64) -> Self {
        Self::One(number)
    }
}

impl From<[f64; 2]> for Either<f64, [f64; 2]> {
    fn from(range: [f64; 2]) -> Self {
        Self::Other(range)
    }
}

impl<T: ParamType> ParamType for Option<T> {
    fn kind() -> Kind {
        Kind::Optional(Box::new(T::kind()))
    }
    fn from_json(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_json(value).map(Some) }
    }
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }
}

/// One text or several: paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl ParamType for Texts {
    fn kind() -> Kind {
        Kind::OneOrList(Box::new(Kind::Text), None)
    }
    fn from_json(value: &Value) -> Option<Self> {
        let one = value.as_str().map(|text| vec![text.to_owned()]);
        one.or_else(|| Vec::from_json(value)).map(Self)
    }
    fn to_json(&self) -> Value {
        match &self.0[..] {
            [one] => json!(one),
            several => json!(several),
        }
    }
}

impl From<&str> for Texts {
    fn from(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }
}

/// Height and width of an image: one number for a square, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// A square, or where an operator says so the shorter side.
    One(usize),
    /// Height and width.
    Both([usize; 2]),
}

impl Sides {
    /// Height and width, of a square if it is one number.
    pub fn both(self) -> [usize; 2] {
        match self {
            Self::One(side) => [side, side],
            Self::Both(sides) => sides,
        }
    }
}

impl ParamType for Sides {
    fn kind() -> Kind {
        Kind::OneOrList(Box::new(usize::kind()), Some(2))
    }
    fn from_json(value: &Value) -> Option<Self> {
        let both = || <[usize; 2]>::from_json(value).map(Self::Both);
        usize::from_json(value).map(Self::One).or_else(both)
    }
    fn to_json(&self) -> Value {
        match self {
            Self::One(side) => json!(side),
            Self::Both(sides) => json!(sides),
        }
    }
}
