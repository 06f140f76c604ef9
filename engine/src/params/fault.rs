//! What is wrong in JSON, before anybody knows which node it belongs to.

/// Something wrong in JSON.
///
/// ```
/// use engine::params::Fault;
///
/// let fault = Fault::new("/crop_size", "the square is larger than the image").expected("at most 32").given("40");
/// assert_eq!(fault.given.as_deref(), Some("40"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where: keys and indices from the object that was checked, each after a `/`, as in a JSON Pointer. A parameter
    /// that is not given there stands for the node's input, from which it follows that its default is wrong.
    pub path: String,
    /// Whether the key at the end of the path is meant, rather than its value.
    pub at_key: bool,
    /// What is wrong, in a sentence without an end.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What was given.
    pub given: Option<String>,
    /// What was probably meant, or can be done.
    pub hint: Option<String>,
    /// The field that was given, if it was one: who wrote it is added where nodes are known.
    pub field: Option<String>,
}

impl Fault {
    /// A fault with a message alone.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            at_key: false,
            message: message.into(),
            expected: None,
            given: None,
            hint: None,
            field: None,
        }
    }

    /// Adds what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds what was given.
    #[must_use]
    pub fn given(mut self, given: impl Into<String>) -> Self {
        self.given = Some(given.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint, if there is one.
    #[must_use]
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Means the key at the end of the path.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    /// Says that a field was given.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.field = Some(name.into());
        self
    }
}

/// All that is wrong with a node.
///
/// `?` makes one of a [`Fault`]; where several can be found, [`Faults::keep`] collects them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults(pub Vec<Fault>);

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl Faults {
    /// The value of a result, or nothing, and its faults are kept. The same fault is kept once.
    pub fn keep<T>(&mut self, result: Result<T, impl Into<Self>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                for fault in faults.into().0 {
                    if !self.0.contains(&fault) {
                        self.0.push(fault);
                    }
                }
                None
            }
        }
    }

    /// Nothing, or the faults if any were kept.
    pub fn end(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}
