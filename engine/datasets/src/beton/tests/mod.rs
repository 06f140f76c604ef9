//! Files written, read, and broken.
