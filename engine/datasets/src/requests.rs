//! Requests to servers for parts of objects, and in words what goes wrong with them.

use std::error::Error as _;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::ClientConfigKey;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use super::connector::{InWords, UreqConnector};
use super::remote::{PREFETCHES, RemoteOptions};

/// Waits between tries, and has the threads that prefetch. Made when the first object is opened.
pub(super) static RUNTIME: LazyLock<Result<Runtime, String>> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(PREFETCHES)
        .thread_name("remote")
        .enable_time()
        .build();
    runtime.map_err(|why| format!("cannot start the threads that fetch: {why}"))
});

/// The client for an address, and the object's name in it.
pub(super) fn store(address: &str, options: &RemoteOptions) -> Result<(Box<dyn ObjectStore>, Key), String> {
    let patience = options.patience;
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: patience.first_wait, max_backoff: Duration::from_secs(10), base: 2.0 },
        max_retries: patience.retries,
        retry_timeout: patience.give_up,
    };
    let connector = UreqConnector { patience };
    let Some(object) = address.strip_prefix("s3://") else {
        // The whole address is the client's base: put together again from parts, its escapes might differ.
        let store = HttpBuilder::new()
            .with_url(address)
            .with_config(ClientConfigKey::AllowHttp, "true")
            .with_retry(retry)
            .with_http_connector(connector)
            .build();
        return Ok((Box::new(store.map_err(|error| describe(&error).why)?), Key::default()));
    };
    let parts = object.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
    let (bucket, key) = parts.ok_or("expected s3://BUCKET/KEY")?;
    let mut builder = AmazonS3Builder::from_env();
    for (name, value) in &options.settings {
        let name = name.to_ascii_lowercase();
        let known: AmazonS3ConfigKey = name.parse().map_err(|_| format!("there is no setting {name} for S3"))?;
        builder = builder.with_config(known, value);
    }
    let store = builder.with_bucket_name(bucket).with_retry(retry).with_http_connector(connector).build();
    let key = Key::parse(key).map_err(|why| format!("this is no key of S3's: {why}"))?;
    Ok((Box::new(store.map_err(|error| describe(&error).why)?), key))
}

/// Why a request failed: in words, and the server's status, if that is why.
pub(super) struct Failure {
    pub(super) why: String,
    pub(super) status: Option<u16>,
}

/// A part of an object, and what the server says about the whole. Blocks.
pub(super) fn get(store: &dyn ObjectStore, key: &Key, range: Range<u64>) -> Result<(ObjectMeta, Bytes), Failure> {
    let runtime = RUNTIME.as_ref().map_err(|why| Failure { why: why.clone(), status: None })?;
    runtime.block_on(async {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let result = store.get_opts(key, options).await.map_err(|error| describe(&error))?;
        let meta = result.meta.clone();
        let bytes = result.bytes().await.map_err(|error| describe(&error))?;
        Ok((meta, bytes))
    })
}

/// What the server says about an object. Blocks.
pub(super) fn head(store: &dyn ObjectStore, key: &Key) -> Result<ObjectMeta, String> {
    let options = GetOptions { head: true, ..GetOptions::default() };
    let result = RUNTIME.as_ref().map_err(String::clone)?.block_on(store.get_opts(key, options));
    result.map(|result| result.meta).map_err(|error| describe(&error).why)
}

/// An error in the user's words. The client's own go first, then the status, then whatever it says.
fn describe(error: &object_store::Error) -> Failure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(InWords(why)) = inner.downcast_ref::<InWords>() {
            return Failure { why: why.clone(), status: None };
        }
        cause = inner.source();
    }
    let text = error.to_string();
    let status = text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse::<u16>().ok());
    let why = match (error, status) {
        (object_store::Error::NotFound { .. }, _) => {
            "there is no such object on the server (404); check the address".to_owned()
        }
        (object_store::Error::NotSupported { .. }, _) => {
            "the server does not give parts of a file (it ignores ranges); download the file and read it here"
                .to_owned()
        }
        (_, Some(status @ (401 | 403))) => {
            format!("the server refuses access ({status}); check the credentials, and whether they are for this object")
        }
        (_, Some(416)) => "the server refuses to give a part of it (416)".to_owned(),
        (_, Some(status)) => format!("the server answers with status {status}, again and again"),
        (_, None) if text.contains("non-partial") => {
            "the server does not give parts of a file (it ignores ranges); download the file and read it here"
                .to_owned()
        }
        (_, None) if text.contains("redirect") => {
            "the server points elsewhere without saying where; is AWS_REGION the bucket's?".to_owned()
        }
        (_, None) => format!("the request failed: {}", text.lines().next().unwrap_or_default()),
    };
    Failure { why, status }
}
