//! The groups that operators are listed in.

use super::registry::Role;

/// What an operator is about, for whoever looks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Reads samples.
    Sources,
    /// Decodes, resizes, crops.
    Sizes,
    /// Moves pixels, or covers them.
    Geometry,
    /// Changes colours, brightness and sharpness.
    Colour,
    /// Chooses among many operations, as a paper says.
    Policies,
    /// Puts other operations together.
    Combinators,
    /// Works on several images of a batch, or on its fields.
    Batches,
    /// Changes types and layouts.
    Types,
    /// Moves batches between devices.
    Devices,
    /// Trains.
    Models,
}

impl Group {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 10] = [
        Self::Sources,
        Self::Sizes,
        Self::Geometry,
        Self::Colour,
        Self::Policies,
        Self::Combinators,
        Self::Batches,
        Self::Types,
        Self::Devices,
        Self::Models,
    ];

    /// As a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Sizes => "decoding, resizing, cropping",
            Self::Geometry => "geometry",
            Self::Colour => "colour",
            Self::Policies => "policies",
            Self::Combinators => "combinators",
            Self::Batches => "batches and fields",
            Self::Types => "types and layouts",
            Self::Devices => "devices",
            Self::Models => "models",
        }
    }

    /// The group of an operator that names none.
    pub const fn of_role(role: Role) -> Self {
        match role {
            Role::Source => Self::Sources,
            Role::Map => Self::Types,
            Role::Transfer => Self::Devices,
            Role::Model => Self::Models,
        }
    }
}
