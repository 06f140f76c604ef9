//! A run served to a viewer over a socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::execute::{BatchRange, Executor as _, Inline, Pipeline, StopToken, Threaded, sample_seen};
use engine::plan::{PlanOptions, describe_run};
use serde_json::json;
use telemetry::{Client, Ended, FromViewer, Hub, NodeImages, Server, Snapshot, ToViewer};

use crate::harness::{plan, resources, within};

/// The next message that `pick` takes.
pub fn wait_for<T>(client: &mut Client, mut pick: impl FnMut(ToViewer) -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match client.poll().unwrap() {
            Some(message) => {
                if let Some(picked) = pick(message) {
                    return picked;
                }
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the message never came");
    }
}

#[test]
fn a_viewer_sees_counters_images_and_the_end() {
    within(60, || {
        let graph = json!({
            "name": "seen",
            "nodes": {
                "images": { "op": "shapes", "batch_size": 64 },
                "cut": { "op": "cutout", "crop_size": 8, "fill": [255, 0, 255], "input": "images" },
                "slow": { "op": "fault_for_tests", "delay_us": 300, "input": "cut" },
                "normal": { "op": "normalize", "mean": [0], "std": [255], "input": "slow" }
            }
        });
        let plan = plan(&graph, &PlanOptions::default());
        let hub = Arc::new(Hub::new(describe_run(&plan, 0, 0, None), plan.row_bytes(), 3));
        let server = Server::start("127.0.0.1:0", None, Arc::clone(&hub)).unwrap();
        let pipeline = Arc::new(Pipeline::new(&plan, 3, &resources()).unwrap());
        let executor = Threaded::new(2, StopToken::new(), Some(Arc::clone(&hub))).unwrap();
        let (sender, receiver) = std::sync::mpsc::sync_channel::<()>(1);
        let runner = std::thread::Builder::new()
            .name("runner".into())
            .spawn(move || {
                let mut batches = executor.start(&pipeline, BatchRange::epochs(0..1000));
                while receiver.try_recv().is_err() {
                    batches.next().unwrap().unwrap();
                }
            })
            .unwrap();
        let mut client = Client::connect(&server.address().to_string(), None, || {}).unwrap();
        let run = wait_for(&mut client, |m| match m {
            ToViewer::Run(run) => Some(run),
            _ => None,
        });
        assert_eq!(run.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["images", "cut", "slow", "normal"]);
        let snapshot = |client: &mut Client, rows: u64| -> Box<Snapshot> {
            wait_for(client, |m| match m {
                ToViewer::Snapshot(s) if s.nodes[0].rows >= rows => Some(s),
                _ => None,
            })
        };
        let first = snapshot(&mut client, 1);
        let later = snapshot(&mut client, first.nodes[0].rows + 5_000);
        let busy = |s: &Snapshot, node: usize| s.nodes[node].busy_ns - first.nodes[node].busy_ns;
        assert!((0..4).all(|n| busy(&later, 2) >= busy(&later, n)), "`slow` is the slowest: {:?}", later.nodes);
        assert_eq!(later.nodes[0].bytes, later.nodes[0].rows * (3072 + 8));
        client.send(&FromViewer::Watch(Some(1))).unwrap();
        let images: Box<NodeImages> = wait_for(&mut client, |m| match m {
            ToViewer::Images(images) => Some(images),
            _ => None,
        });
        let (before, after) = (images.before.unwrap(), images.after.unwrap());
        assert_eq!((images.node, before.width, before.height), (1, 32, 32));
        assert_eq!(before.rgb.len(), images.samples.len() * 3072);
        let pink = |rgb: &[u8]| rgb.as_chunks::<3>().0.iter().filter(|p| **p == [255, 0, 255]).count();
        assert_eq!(pink(&after.rgb) - pink(&before.rgb), 64 * images.samples.len(), "each image has its square");
        assert_eq!(images.drawn.len(), images.samples.len());
        assert!(images.drawn.iter().all(|words| words.starts_with("8 × 8 from row ")), "{:?}", images.drawn);
        sender.send(()).unwrap();
        runner.join().unwrap();
        hub.end(Ended::Finished);
        let ended = wait_for(&mut client, |m| match m {
            ToViewer::Ended(ended) => Some(ended),
            _ => None,
        });
        assert_eq!(ended, Ended::Finished);
    });
}

#[test]
fn only_this_machine_is_served() {
    let graph = json!({ "name": "near", "nodes": { "images": { "op": "shapes" } } });
    let plan = plan(&graph, &PlanOptions::default());
    let hub = Arc::new(Hub::new(describe_run(&plan, 0, 0, None), plan.row_bytes(), 1));
    let error = Server::start("0.0.0.0:0", None, Arc::clone(&hub)).err().unwrap();
    assert!(error.to_string().contains("needs a token"), "{error}");
    assert!(Server::start("nowhere", None, hub).is_err());
}

#[test]
fn a_stranger_is_let_go_and_the_run_goes_on() {
    within(20, || {
        let graph = json!({ "name": "near", "nodes": { "images": { "op": "shapes" } } });
        let plan = plan(&graph, &PlanOptions::default());
        let hub = Arc::new(Hub::new(describe_run(&plan, 0, 0, None), plan.row_bytes(), 1));
        let server = Server::start("127.0.0.1:0", None, hub).unwrap();
        let mut stranger = std::net::TcpStream::connect(server.address()).unwrap();
        std::io::Write::write_all(&mut stranger, b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut client = Client::connect(&server.address().to_string(), None, || {}).unwrap();
        wait_for(&mut client, |m| matches!(m, ToViewer::Run(_)).then_some(()));
    });
}

#[test]
fn a_pinned_sample_is_what_the_run_makes_of_it() {
    within(60, || {
        let graph = json!({
            "name": "pinned",
            "nodes": {
                "images": { "op": "shapes", "batch_size": 64, "order": "random" },
                "flip": { "op": "random_horizontal_flip", "input": "images" },
                "cut": { "op": "cutout", "crop_size": 8, "fill": [255, 0, 255], "input": "flip" }
            }
        });
        let plan = plan(&graph, &PlanOptions::default());
        let pipeline = Arc::new(Pipeline::new(&plan, 2, &resources()).unwrap());
        let mut batches = Inline::default().start(&pipeline, BatchRange::epochs(1..2));
        let batch = batches.next().unwrap().unwrap();
        let (sample, image) = (batch.samples()[5], &batch.column("image").unwrap().1[5 * 3072..6 * 3072]);
        let seen = sample_seen(&pipeline, sample, 1);
        assert_eq!((seen.sample, seen.epoch, seen.batch, &seen.trouble), (sample, 1, 0, &None));
        assert_eq!(seen.nodes.iter().map(|n| n.node).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(seen.nodes[2].picture.as_ref().unwrap().rgb, image);
        assert!(seen.nodes[2].words.starts_with("8 × 8 from row "), "{}", seen.nodes[2].words);
        assert!(!seen.label.is_empty());
        let none = sample_seen(&pipeline, 1 << 40, 0);
        assert!(none.trouble.as_ref().is_some_and(|t| t.contains("there is no sample")), "{none:?}");

        let hub = Arc::new(Hub::new(describe_run(&plan, 0, 0, None), plan.row_bytes(), 1));
        let server = Server::start("127.0.0.1:0", None, Arc::clone(&hub)).unwrap();
        let mut client = Client::connect(&server.address().to_string(), None, || {}).unwrap();
        client.send(&FromViewer::Sample(sample, 1, 1)).unwrap();
        wait_for(&mut client, |m| matches!(m, ToViewer::Declined(_)).then_some(()));
        hub.see_samples(move |sample, epoch| sample_seen(&pipeline, sample, epoch));
        client.send(&FromViewer::Sample(sample, 1, 2)).unwrap();
        let answers = [(); 2].map(|()| {
            wait_for(&mut client, |m| match m {
                ToViewer::Sample(seen) => Some(*seen),
                _ => None,
            })
        });
        assert_eq!(answers[0], seen);
        assert_eq!(answers[1].epoch, 2);
    });
}
