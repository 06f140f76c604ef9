//! What all sources have in common.

use crate::params::choice;

choice! {
    /// Order of the samples in an epoch.
    pub enum Order {
        /// As they are stored.
        Sequential = "sequential",
        /// Shuffled, anew in each epoch: any order is as likely, and it is never stored.
        Random = "random",
    }
}
