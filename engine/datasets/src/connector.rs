//! The web client that `object_store` speaks through: ureq, which the rest of the crate uses too, so that no second
//! one has to be built.

use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::time::Duration;

use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use ureq::http::{HeaderValue, Method, StatusCode, Uri, header};
use ureq::{Agent, Timeout};

use super::remote::Patience;

/// Bytes of an answer that was not asked for in a size: a message, credentials.
const MOST_UNASKED: u64 = 1 << 20;

/// Makes clients of the same patience.
#[derive(Debug)]
pub(super) struct UreqConnector {
    pub(super) patience: Patience,
}

impl HttpConnector for UreqConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let setting = |key| options.get_config_value(&key);
        // The service that gives out a cloud machine's credentials answers at once or is not there.
        let within = setting(ClientConfigKey::ConnectTimeout).and_then(|text| seconds(&text));
        let connect = within.map_or(self.patience.connect, |within| within.min(self.patience.connect));
        let client = |proxy: bool| {
            let config = Agent::config_builder()
                .timeout_resolve(Some(connect))
                .timeout_connect(Some(connect))
                .timeout_recv_response(Some(self.patience.stall))
                .timeout_per_read(Some(self.patience.stall))
                .timeout_per_write(Some(self.patience.stall))
                .timeout_recv_body(Some(self.patience.whole))
                .max_idle_connections_per_host(16)
                .http_status_as_error(false);
            let config = if proxy { config } else { config.proxy(None) };
            config.build().new_agent()
        };
        let allow_http = setting(ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        Ok(HttpClient::new(UreqService {
            outside: client(true),
            loopback: client(false),
            allow_http,
            patience: Patience { connect, ..self.patience },
        }))
    }
}

/// `5s` or `1s`, as the options write it. Anything else is left to the default.
fn seconds(text: &str) -> Option<Duration> {
    text.strip_suffix('s')?.trim().parse().ok().map(Duration::from_secs)
}

#[derive(Debug)]
struct UreqService {
    /// With the proxy that the environment names.
    outside: Agent,
    /// Without: a proxy is for the world outside.
    loopback: Agent,
    allow_http: bool,
    patience: Patience,
}

/// What went wrong, for the user: found again at the bottom of `object_store`'s errors.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct InWords(pub(super) String);

impl HttpService for UreqService {
    /// Waits in place: whoever polls it is a thread that does nothing else (see [`Remote`](super::remote::Remote)).
    fn call<'life0, 'async_trait>(
        &'life0 self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.answer(request) })
    }
}

impl UreqService {
    fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut head, body) = request.into_parts();
        if head.uri.scheme_str() == Some("http") && !self.allow_http {
            let why = "the endpoint is http, which is only used if AWS_ALLOW_HTTP=true is set";
            return Err(HttpError::new(HttpErrorKind::Unknown, InWords(why.to_owned())));
        }
        // Any other encoding would have other bytes than the ranges are of.
        head.headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        let asked = head.headers.get(header::RANGE).and_then(|range| asked_bytes(range.to_str().ok()?));
        let agent = if on_loopback(&head.uri) { &self.loopback } else { &self.outside };
        // With a body, even an empty one, where the method has one: the tokens of cloud machines are fetched by PUT.
        let sent = if matches!(head.method, Method::GET | Method::HEAD) {
            agent.run(ureq::http::Request::from_parts(head, ()))
        } else {
            let bytes = body.as_bytes().map(|bytes| bytes.to_vec()).unwrap_or_default();
            agent.run(ureq::http::Request::from_parts(head, bytes))
        };
        let answer = sent.map_err(|error| self.failure(error))?;
        let (mut head, body) = answer.into_parts();
        // A whole object where a part was asked for is refused by its status; it is not read.
        let bytes = if asked.is_some() && head.status == StatusCode::OK {
            Vec::new()
        } else {
            let most = asked.unwrap_or(0).max(MOST_UNASKED);
            let mut bytes = Vec::new();
            let read = body.into_reader().take(most + 1).read_to_end(&mut bytes);
            read.map_err(|error| self.failure(error.into()))?;
            if bytes.len() as u64 > most {
                let why = format!("the server sent more than the {most} bytes that were expected");
                return Err(HttpError::new(HttpErrorKind::Decode, InWords(why)));
            }
            bytes
        };
        if !head.headers.contains_key(header::CONTENT_LENGTH) {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        Ok(HttpResponse::from_parts(head, HttpResponseBody::from(bytes)))
    }

    /// The error in words, and whether another try may help.
    fn failure(&self, error: ureq::Error) -> HttpError {
        let (kind, why) = match error {
            ureq::Error::HostNotFound => {
                (HttpErrorKind::Unknown, "its host is not to be found; is there a network?".to_owned())
            }
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                let why = format!("no connection within {:?}; is there a network?", self.patience.connect);
                (HttpErrorKind::Connect, why)
            }
            ureq::Error::Timeout(Timeout::RecvBody) => {
                (HttpErrorKind::Timeout, format!("an answer took longer than {:?}", self.patience.whole))
            }
            ureq::Error::Timeout(_) => {
                (HttpErrorKind::Timeout, format!("the server sent nothing for {:?}", self.patience.stall))
            }
            ureq::Error::Io(why) => io_failure(&why, self.patience),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                (HttpErrorKind::Unknown, "this is no valid address".to_owned())
            }
            other => (HttpErrorKind::Unknown, other.to_string()),
        };
        HttpError::new(kind, InWords(why))
    }
}

fn io_failure(why: &std::io::Error, patience: Patience) -> (HttpErrorKind, String) {
    use std::io::ErrorKind;
    match why.kind() {
        ErrorKind::ConnectionRefused => (HttpErrorKind::Connect, "no server answers there (connection refused)".into()),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            (HttpErrorKind::Timeout, format!("the server sent nothing for {:?}", patience.stall))
        }
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => (HttpErrorKind::Interrupted, "the connection broke off".to_owned()),
        _ => (HttpErrorKind::Unknown, why.to_string()),
    }
}

/// How many bytes `bytes=START-END` asks for.
fn asked_bytes(range: &str) -> Option<u64> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    end.parse::<u64>().ok()?.checked_sub(start.parse().ok()?)?.checked_add(1)
}

fn on_loopback(uri: &Uri) -> bool {
    matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
}
