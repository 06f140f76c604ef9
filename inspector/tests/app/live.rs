use std::sync::Arc;
use std::time::{Duration, Instant};

use inspector::{Event, Live, Source as _};
use telemetry::{Hub, Server, ToViewer};

use crate::made_up::description;

const PATIENCE: Duration = Duration::from_secs(20);

/// The first event that fits, within the test's patience.
fn wait_for(live: &mut Live, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match live.poll() {
            Some(event) if fits(&event) => return event,
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    panic!("no {what} came");
}

#[test]
fn a_connection_is_kept_up_over_two_runs() {
    let hub = || Arc::new(Hub::new(description(), vec![1; description().nodes.len()], 2));
    let server = Server::start("127.0.0.1:0", None, hub()).expect("a free port");
    let address = server.address().to_string();
    let mut live = Live::start(address.clone(), None, || {}).expect("a thread");
    let is_run = |event: &Event| matches!(event, Event::Message(ToViewer::Run(_)));
    wait_for(&mut live, "run", is_run);
    wait_for(&mut live, "snapshot", |event| matches!(event, Event::Message(ToViewer::Snapshot(_))));

    drop(server);
    wait_for(&mut live, "end", |event| matches!(event, Event::Message(ToViewer::Ended(_))));
    wait_for(&mut live, "loss of the connection", |event| *event == Event::Gone);
    wait_for(&mut live, "failed attempt", |event| *event == Event::Unreachable);

    let _server = Server::start(&address, None, hub()).expect("the same port");
    wait_for(&mut live, "second run", is_run);
}
