//! Why a run ended before its end.

use std::any::Any;

use crate::operators::OperatorError;

/// An error of a run, with the node it happened in.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}{message}", node.as_ref().map(|n| format!("node `{n}`: ")).unwrap_or_default())]
pub struct RunError {
    /// The node.
    pub node: Option<String>,
    /// A sentence.
    pub message: String,
    /// The row of the batch that it is about, if it is about one.
    pub(super) row: Option<usize>,
}

impl RunError {
    /// In a node.
    pub fn at(node: &str, error: impl std::fmt::Display) -> Self {
        Self { node: Some(node.to_owned()), message: error.to_string(), row: None }
    }

    /// Outside of nodes.
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self { node: None, message: error.to_string(), row: None }
    }

    /// A panic in a node.
    pub(super) fn panic(node: &str, payload: &(dyn Any + Send)) -> Self {
        Self::at(node, format!("the operator panicked, which is a defect of it: {}", said(payload)))
    }

    /// A panic outside of nodes.
    pub(super) fn defect(payload: &(dyn Any + Send)) -> Self {
        Self::new(format!("the executor panicked, which is a defect of the engine: {}", said(payload)))
    }
}

/// A panic's message.
fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

impl From<OperatorError> for RunError {
    fn from(error: OperatorError) -> Self {
        Self::new(error)
    }
}
