use std::net::TcpListener;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::server::{Asked, Reply, Server};
use super::tars::{file, tar};
use crate::remote::{BLOCK_BYTES, Patience, RemoteOptions, open_with};
use crate::{Dataset, Remote, Storage, TarShards, Value};

fn options(retries: usize) -> RemoteOptions {
    let patience = Patience {
        connect: Duration::from_secs(2),
        stall: Duration::from_millis(300),
        whole: Duration::from_secs(5),
        retries,
        first_wait: Duration::from_millis(5),
        give_up: Duration::from_secs(5),
    };
    RemoteOptions { patience, settings: Vec::new() }
}

fn s3(server: &Server) -> RemoteOptions {
    let host = server.host();
    let settings = [
        ("AWS_ENDPOINT_URL", host.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "here"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    RemoteOptions { settings, ..options(1) }
}

/// Two and a half blocks.
fn object() -> Vec<u8> {
    (0..BLOCK_BYTES * 5 / 2).map(|at| (at % 251) as u8).collect()
}

fn serving(body: Vec<u8>) -> Server {
    Server::start(move |_, asked| Reply::serve(&body, asked).header("ETag: \"1\""))
}

/// What a server that always does this has for an error, and how many requests it got.
fn error(retries: usize, answer: impl Fn(usize, &Asked) -> Reply + Send + 'static) -> (String, usize) {
    let server = Server::start(answer);
    let address = format!("{}/a.tar", server.host());
    let text = Remote::open(&address, &options(retries)).err().unwrap().to_string();
    let text = text.strip_suffix(&format!(": {address}")).unwrap_or_else(|| panic!("{text}")).to_owned();
    (text, server.asked().len())
}

#[test]
fn ranges_come_in_blocks_that_are_fetched_once() {
    let body = object();
    let server = serving(body.clone());
    let remote = Remote::open(&format!("{}/a.tar?signature=secret", server.host()), &options(0)).unwrap();
    assert_eq!(Storage::len(&remote), body.len() as u64);
    assert!(Storage::path(&remote).ends_with("a.tar?…"), "{}", Storage::path(&remote).display());
    for range in
        [0..10, BLOCK_BYTES - 5..BLOCK_BYTES + 5, 5..5, 0..body.len() as u64, BLOCK_BYTES * 2..BLOCK_BYTES * 2 + 1]
    {
        let bytes = remote.read(range.clone()).unwrap();
        assert!(*bytes == body[range.start as usize..range.end as usize], "{range:?}");
    }
    let mut asked: Vec<_> = server.asked().iter().map(|asked| asked.from.unwrap() as u64 / BLOCK_BYTES).collect();
    asked.sort_unstable();
    assert_eq!(asked, [0, 1, 2]);
    assert_eq!(server.asked()[0].path, "/a.tar?signature=secret");
    let beyond = remote.read(body.len() as u64 - 1..body.len() as u64 + 1).unwrap_err().to_string();
    assert!(beyond.starts_with("bytes 10485759 to 10485761 lie beyond the object's 10485760"), "{beyond}");
    #[expect(clippy::reversed_empty_ranges, reason = "on purpose")]
    let backwards = 2..1;
    assert!(remote.read(backwards).is_err());
}

#[test]
fn threads_that_want_the_same_block_fetch_it_once() {
    let body = object();
    let server = serving(body.clone());
    let remote = Remote::open(&format!("{}/a.tar", server.host()), &options(0)).unwrap();
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (remote, body, start) = (&remote, &body, &start);
            scope.spawn(move || {
                start.wait();
                let at = BLOCK_BYTES + thread;
                assert_eq!(remote.read(at..at + 9).unwrap()[..], body[at as usize..at as usize + 9]);
            });
        }
    });
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn what_is_prefetched_is_there_when_it_is_read() {
    let server = serving(object());
    let remote = Remote::open(&format!("{}/a.tar", server.host()), &options(0)).unwrap();
    remote.prefetch(BLOCK_BYTES..u64::MAX);
    let start = Instant::now();
    while server.asked().len() < 3 {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing is prefetched");
        std::thread::sleep(Duration::from_millis(5));
    }
    remote.read(BLOCK_BYTES..BLOCK_BYTES * 2 + 1).unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn an_empty_object_is_empty() {
    let server = Server::start(|_, asked| Reply::serve(b"", asked));
    let remote = Remote::open(&format!("{}/a.tar", server.host()), &options(0)).unwrap();
    assert!(Storage::is_empty(&remote));
    assert!(remote.read(0..0).unwrap().is_empty());
}

#[test]
fn refusals_are_errors_in_words() {
    let always = |reply: Reply| move |_: usize, _: &Asked| reply.clone();
    let (text, asked) = error(3, always(Reply::new("404 Not Found", b"")));
    assert_eq!((text.as_str(), asked), ("there is no such object on the server (404); check the address", 1));
    let (text, asked) = error(3, always(Reply::new("403 Forbidden", b"")));
    let expected = "the server refuses access (403); check the credentials, and whether they are for this object";
    assert_eq!((text.as_str(), asked), (expected, 1));
    // Tried again, in vain.
    let (text, asked) = error(2, always(Reply::new("503 Service Unavailable", b"")));
    assert_eq!((text.as_str(), asked), ("the server answers with status 503, again and again", 3));
    let (text, _) = error(0, |_, _| Reply::new("200 OK", b"all of it"));
    let expected = "the server does not give parts of a file (it ignores ranges); download the file and read it here";
    assert_eq!(text, expected);
    let nonsense = Reply::new("206 Partial Content", b"12345").header("Content-Range: bytes 7-11/100");
    assert!(error(0, always(nonsense)).0.starts_with("the request failed: "));
    let lies = |_: usize, asked: &Asked| Reply::serve(&[7; 100], asked).header("ETag: \"1\"").cut(60).without_length();
    assert_eq!(error(0, lies).0, "the server sent 60 bytes, expected 100");
}

#[test]
fn no_server_is_an_error_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/a.tar", listener.local_addr().unwrap());
    drop(listener);
    let text = Remote::open(&address, &options(1)).err().unwrap().to_string();
    assert_eq!(text, format!("no server answers there (connection refused): {address}"));
}

#[test]
fn silence_ends() {
    let start = Instant::now();
    let (text, asked) = error(1, |_, asked| Reply::serve(&[7; 100], asked).stall(50));
    assert_eq!((text.as_str(), asked), ("the server sent nothing for 300ms", 2));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_broken_connection_is_tried_again() {
    let body = object();
    let sent = body.clone();
    let server = Server::start(move |count, asked| {
        let reply = Reply::serve(&sent, asked);
        if count % 2 == 0 { reply.cut(1000) } else { reply }
    });
    let remote = Remote::open(&format!("{}/a.tar", server.host()), &options(1)).unwrap();
    assert!(*remote.read(0..BLOCK_BYTES * 2).unwrap() == body[..BLOCK_BYTES as usize * 2]);
    assert_eq!(server.asked().len(), 4);
    let (text, asked) = error(2, |_, asked| Reply::serve(&[7; 100], asked).cut(50));
    assert_eq!((text.as_str(), asked), ("the connection broke off", 3));
}

#[test]
fn an_object_that_changes_is_an_error() {
    for changed in ["ETag: \"2\"", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"] {
        let body = object();
        let server = Server::start(move |count, asked| {
            let reply = Reply::serve(&body, asked);
            if count == 0 { reply.header("ETag: \"1\"") } else { reply.header(changed) }
        });
        let address = format!("{}/a.tar", server.host());
        let remote = Remote::open(&address, &options(0)).unwrap();
        assert!(remote.read(0..9).is_ok());
        let text = remote.read(BLOCK_BYTES..BLOCK_BYTES + 9).unwrap_err().to_string();
        assert_eq!(text, format!("the object changed while it was read; start again when it is complete: {address}"));
    }
    let body = object();
    let server = Server::start(move |count, asked| {
        Reply::serve(if count == 0 { &body } else { &body[..100] }, asked).header("ETag: \"1\"")
    });
    let remote = Remote::open(&format!("{}/a.tar", server.host()), &options(0)).unwrap();
    assert!(remote.read(BLOCK_BYTES..BLOCK_BYTES + 9).unwrap_err().to_string().starts_with("the object changed"));
}

#[test]
fn s3_is_read_at_an_endpoint() {
    let server = Server::start(|_, asked| {
        let head = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT";
        Reply::serve(&[7; 100], asked).header("ETag: \"1\"").header(head)
    });
    let file = open_with("s3://bucket/a folder/a.tar", &s3(&server)).unwrap();
    assert_eq!(file.read(90..100).unwrap()[..], [7; 10]);
    assert_eq!(server.asked()[0].path, "/bucket/a%20folder/a.tar");
    assert_eq!(file.path().to_str(), Some("s3://bucket/a folder/a.tar"));

    let error = |address: &str, options: &RemoteOptions| Remote::open(address, options).err().unwrap().to_string();
    assert_eq!(error("s3://bucket", &s3(&server)), "expected s3://BUCKET/KEY: s3://bucket");
    let mut insecure = s3(&server);
    insecure.settings[1].1 = "false".to_owned();
    let text = error("s3://bucket/a.tar", &insecure);
    assert!(text.starts_with("the endpoint is http, which is only used if AWS_ALLOW_HTTP=true is set: "), "{text}");
    insecure.settings[1].0 = "AWS_NONSENSE".to_owned();
    assert_eq!(error("s3://b/a", &insecure), "there is no setting aws_nonsense for S3: s3://b/a");
    let refusing = Server::start(|_, _| Reply::new("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>"));
    assert!(error("s3://bucket/a.tar", &s3(&refusing)).starts_with("the server refuses access (403); "));
}

#[test]
fn shards_are_read_from_a_server() {
    let bytes = tar(&[file("1.jpg", &[1; 5000]), file("1.cls", b"3"), file("2.jpg", b"two"), file("2.cls", b"4")]);
    let server = serving(bytes);
    let addresses = crate::expand(&[format!("{}/{{0..2}}.tar", server.host())]).unwrap();
    let set = TarShards::open_with(&addresses, None, &options(0)).unwrap();
    assert_eq!(set.rows(), 6);
    assert_eq!(set.value(5, 1).unwrap(), Value::Int(4));
    assert_eq!(set.value(3, 0).unwrap(), Value::Image { bytes: b"two".into(), size: None });
    assert_eq!(set.place(5), format!("{}/2.tar, 2", server.host()));
    assert_eq!(server.asked().len(), 3);
}
