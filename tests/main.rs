//! Integration tests of the whole: one binary, so that libtorch is linked once. An index:

#![allow(clippy::unwrap_used, reason = "in a test a panic is a failure, and says where")]

/// Temporary folders, tiny data, time limits.
mod harness;

/// Every graph file validates; every invalid one gives its exact message; the schema is current.
mod graphs;

/// Plans as text; a graph of ten thousand nodes.
mod plans;

/// Inline equals threaded, fused equals unfused, over random graphs.
mod execution;

/// Operators that mix rows, mark samples or handle fields and labels.
mod mixing;

/// Masks are moved along with their images.
mod masks;

/// Images of any size: decoded, resized, cropped.
mod pictures;

/// Errors, panics, early ends and slow consumers end a pipeline in bounded time.
mod shutdown;

/// Training: the loss falls, the same seed gives the same weights, any number of workers.
mod training;

/// Groups of weights, optimisers, means of weights, layers set from data: each learns, and goes on exactly.
mod recipes;

/// TorchScript files and closures as models; what is exported computes the same.
mod own_models;

/// Trained models are tested, asked and written for others; linear regression.
mod trained;

/// Interrupted and resumed training equals uninterrupted training; SIGKILL at any moment loses nothing.
mod resume;

/// A run's folder: what it holds, resuming by it, lists and comparisons, and what happens when it goes wrong.
mod runs;

/// The GPU's versions of operators, run on the CPU, against the CPU's.
mod device;

/// Samples rebuilt from graph and seed are those of a run.
mod samples;

/// The real program: output, exit codes, Ctrl-C.
mod cli;

/// One data set in every format gives the same batches.
mod formats;

/// The real program on data files: pack, info, merge, split; samples that cannot be read.
mod data_files;

/// A run served to a viewer over a socket.
mod inspect;

/// The real program, watched: recordings, traces, commands over a socket.
mod watch;

/// Who imports whom, and the documentation that must be complete.
mod architecture;
