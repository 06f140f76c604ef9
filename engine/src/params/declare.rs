//! The macros by which parameters are declared.

/// Declares a struct of parameters.
///
/// Each field is `name: type = default => least..=greatest,`; without a default it must be given, and bounds are for
/// numbers. Documentation comments are shown to users, in the terminal and in editors. For the builder, the struct has
/// a function `new`, which takes the fields without a default in their order; or, with `: Default` after the name, where
/// all have one, Rust's `Default`.
///
/// ```
/// engine::params::params! {
///     /// Multiplies each pixel.
///     pub struct Brighten: Default {
///         /// Factor.
///         factor: f64 = 1.2 => 0.0..=10.0,
///         /// Field to work on.
///         field: String = "image".to_owned(),
///     }
/// }
/// assert_eq!(Brighten::default().factor, 1.2);
///
/// engine::params::params! {
///     /// Darkens a corner.
///     pub struct Vignette {
///         /// Its side, in pixels.
///         size: usize,
///         /// Factor.
///         factor: f64 = 0.5,
///     }
/// }
/// assert_eq!(Vignette { factor: 0.1, ..Vignette::new(8) }, Vignette { size: 8, factor: 0.1 });
/// ```
#[macro_export]
macro_rules! params {
    (
        $(#[doc = $docs:literal])*
        pub struct $name:ident $(: $default_trait:ident)? {
            $(
                $(#[doc = $field_docs:literal])*
                $field:ident : $type:ty $(= $default:expr)? $(=> $bounds:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $docs])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $field_docs])* pub $field: $type,)*
        }

        impl $crate::params::ParamSet for $name {
            const DOCS: &'static str = concat!($($docs, "\n",)*);
            const PARAMS: &'static [$crate::params::Param] = &[$(
                $crate::params::Param {
                    name: stringify!($field),
                    docs: concat!($($field_docs, "\n",)*),
                    kind: <$type as $crate::params::ParamType>::kind,
                    default: $crate::params::params!(@default $type $(, $default)?),
                    bounds: $crate::params::params!(@bounds $($bounds)?),
                },
            )*];

            fn from_json(map: &$crate::params::json::Map<String, $crate::params::json::Value>) -> Option<Self> {
                let _ = map;
                Some(Self {
                    $($field: match map.get(stringify!($field)) {
                        Some(value) => <$type as $crate::params::ParamType>::from_json(value)?,
                        None => $crate::params::params!(@value $type $(, $default)?),
                    },)*
                })
            }

            fn to_json(&self) -> $crate::params::json::Map<String, $crate::params::json::Value> {
                #[allow(unused_mut, reason = "an operator may have no parameters")]
                let mut map = $crate::params::json::Map::new();
                $(map.insert(
                    stringify!($field).to_owned(),
                    <$type as $crate::params::ParamType>::to_json(&self.$field),
                );)*
                map
            }
        }

        $crate::params::params!(@new ($($default_trait)?) $name [] [] $($field: $type $(= $default)?;)*);

        $(impl $default_trait for $name {
            fn default() -> Self {
                <Self as $crate::params::ParamSet>::from_json(&$crate::params::json::Map::new())
                    .expect("a struct declared with Default has a default for each parameter")
            }
        })?
    };
    // Moves each field to those that `new` takes or to those that it sets, and writes `new` when none is left.
    (@new (Default) $($rest:tt)*) => {};
    (@new () $name:ident [$($taken:tt)*] [$($set:tt)*] $field:ident : $type:ty; $($rest:tt)*) => {
        $crate::params::params!(@new () $name [$($taken)* $field: $type,] [$($set)*] $($rest)*);
    };
    (@new () $name:ident [$($taken:tt)*] [$($set:tt)*] $field:ident : $type:ty = $default:expr; $($rest:tt)*) => {
        $crate::params::params!(@new () $name [$($taken)*] [$($set)* $field: $default,] $($rest)*);
    };
    (@new () $name:ident [$($field:ident : $type:ty,)*] [$($set:tt)*]) => {
        impl $name {
            /// From the parameters that have no default, in their order.
            #[allow(dead_code, reason = "a program may build its graphs from files alone")]
            pub fn new($($field: $type),*) -> Self {
                Self { $($field,)* $($set)* }
            }
        }
    };
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => {
        Some(|| <$type as $crate::params::ParamType>::to_json(&$default))
    };
    (@value $type:ty) => { return None };
    (@value $type:ty, $default:expr) => { $default };
    (@bounds) => { None };
    (@bounds $bounds:expr) => { Some((*$bounds.start() as f64, *$bounds.end() as f64)) };
}

/// Declares an enum whose values are words in JSON.
macro_rules! choice {
    (
        $(#[doc = $docs:literal])*
        pub enum $name:ident {
            $($(#[doc = $value_docs:literal])* $value:ident = $word:literal,)*
        }
    ) => {
        $(#[doc = $docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $value_docs])* $value,)*
        }

        impl $name {
            /// As written in a graph file.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl $crate::params::ParamType for $name {
            fn kind() -> $crate::params::Kind {
                $crate::params::Kind::Choice(&[$(
                    $crate::params::Word { name: $word, docs: concat!($($value_docs, "\n",)*) },
                )*])
            }
            fn from_json(value: &serde_json::Value) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
            fn to_json(&self) -> serde_json::Value {
                self.word().into()
            }
        }
    };
}

/// Declares an enum of parameter structs, told apart in JSON by the value of a key.
macro_rules! tagged {
    (
        $(#[doc = $docs:literal])*
        pub enum $name:ident ($what:literal, tag $tag:literal) {
            $($word:literal => $variant:ident,)*
        }
    ) => {
        $(#[doc = $docs])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant($variant),)*
        }

        $(impl From<$variant> for $name {
            fn from(params: $variant) -> Self {
                Self::$variant(params)
            }
        })*

        impl $name {
            /// As written in a graph file.
            pub const fn word(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word,)* }
            }
        }

        impl $crate::params::ParamType for $name {
            fn kind() -> $crate::params::Kind {
                fn variants() -> Vec<$crate::params::Variant> {
                    vec![$($crate::params::Variant {
                        name: $word,
                        docs: <$variant as $crate::params::ParamSet>::DOCS,
                        params: $crate::params::nested(<$variant as $crate::params::ParamSet>::PARAMS),
                    },)*]
                }
                $crate::params::Kind::Tagged { tag: $tag, what: $what, variants }
            }
            fn from_json(value: &serde_json::Value) -> Option<Self> {
                let map = value.as_object()?;
                match map.get($tag)?.as_str()? {
                    $($word => Some(Self::$variant(<$variant as $crate::params::ParamSet>::from_json(map)?)),)*
                    _ => None,
                }
            }
            fn to_json(&self) -> serde_json::Value {
                let mut map = serde_json::Map::new();
                map.insert($tag.to_owned(), self.word().into());
                let (all, own) = match self {
                    $(Self::$variant(params) => (
                        $crate::params::ParamSet::to_json(params),
                        $crate::params::nested(<$variant as $crate::params::ParamSet>::PARAMS),
                    ),)*
                };
                map.extend(all.into_iter().filter(|(name, _)| own.iter().any(|p| p.name == name)));
                map.into()
            }
        }
    };
}

/// Lets structs of parameters be values of a parameter: objects in JSON.
macro_rules! object {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::params::ParamType for $name {
            fn kind() -> $crate::params::Kind {
                $crate::params::Kind::Object(<Self as $crate::params::ParamSet>::PARAMS)
            }
            fn from_json(value: &serde_json::Value) -> Option<Self> {
                <Self as $crate::params::ParamSet>::from_json(value.as_object()?)
            }
            fn to_json(&self) -> serde_json::Value {
                $crate::params::ParamSet::to_json(self).into()
            }
        }
    )*};
}

pub use params;
pub(crate) use {choice, object, tagged};
