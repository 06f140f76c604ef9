//! Tests that take more than a few lines, one module a file; all of them without network, in temporary folders.

mod archives;
mod cifar;
mod drawn;
mod fetch;
mod locate;
mod server;
mod unpack;
