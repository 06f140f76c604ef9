#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // The parquet crate panics on some damage, which the reader turns into errors. libFuzzer's hook would end the
    // process before it can; a panic that nobody turns into an error still ends it.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| fuzz::readers::parquet(data)
);
