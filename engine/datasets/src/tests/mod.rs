//! Tests that take more than a few lines, one module a file; all of them without network, in temporary folders.

mod archives;
mod cifar;
mod cifar100;
mod drawn;
mod fetch;
mod folder;
mod locate;
mod npy;
mod parquet_images;
mod remote;
mod server;
mod source;
mod tar_shards;
mod tars;
mod unpack;
