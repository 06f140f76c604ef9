//! The same bits, whoever computes them.

use std::collections::BTreeSet;

use engine::batch::BatchId;
use engine::execute::{BatchRange, Inline};
use engine::operators::AUGMENTATIONS;
use engine::plan::PlanOptions;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Bytes, batches, plan, threaded, within};

/// A range below a number, or a number alone.
fn range(most: f64) -> BoxedStrategy<Value> {
    let pair = (0.0..=most, 0.0..=most).prop_map(|(a, b)| json!([a.min(b), a.max(b)]));
    prop_oneof![(0.0..=most).prop_map(|number| json!(number)), pair].boxed()
}

/// One of some words.
fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

/// Augmentations with random parameters, `field` left out: a strategy for each kind.
fn augmentations() -> Vec<BoxedStrategy<Value>> {
    let interpolation = || one_of(&["nearest", "bilinear"]);
    let shares = || [0.0..1.0, 0.0..1.0];
    let erased = prop_oneof![
        any::<[u8; 3]>().prop_map(|colour| json!(colour)),
        one_of(&["mean", "random"]).prop_map(|word| json!(word)),
    ];
    let mut all = vec![
        (one_of(&["random_horizontal_flip", "random_vertical_flip"]), 0.0..=1.0)
            .prop_map(|(op, p)| json!({ "op": op, "flip_prob": p }))
            .boxed(),
        Just(json!({ "op": "alternating_flip" })).boxed(),
        (0_u32..40, any::<[u8; 3]>())
            .prop_map(|(padding, fill)| json!({ "op": "random_translate", "padding": padding, "fill": fill }))
            .boxed(),
        (0_u32..=32, any::<u8>(), one_of(&["inside", "anywhere"]))
            .prop_map(|(size, fill, c)| json!({ "op": "cutout", "crop_size": size, "fill": [fill], "centre": c }))
            .boxed(),
        (0.0..=1.0, range(1.0).prop_filter("a range", Value::is_array), erased)
            .prop_map(|(p, scale, value)| json!({ "op": "random_erasing", "p": p, "scale": scale, "value": value }))
            .boxed(),
        (range(180.0), interpolation(), any::<[u8; 3]>())
            .prop_map(|(d, i, fill)| json!({ "op": "random_rotation", "degrees": d, "interpolation": i, "fill": fill }))
            .boxed(),
        (range(90.0), shares(), range(60.0), interpolation(), any::<u8>())
            .prop_map(|(d, t, s, i, fill)| {
                json!({ "op": "random_affine", "degrees": d, "translate": t, "scale": [0.5, 2], "shear": s,
                    "interpolation": i, "fill": [fill] })
            })
            .boxed(),
        (shares(), any::<u8>())
            .prop_map(|(t, fill)| json!({ "op": "random_affine", "degrees": 0, "translate": t, "fill": [fill] }))
            .boxed(),
        (range(1.5), range(1.5), range(1.5), range(0.5))
            .prop_map(|(b, c, s, h)| {
                json!({ "op": "color_jitter", "brightness": b, "contrast": c, "saturation": s, "hue": h })
            })
            .boxed(),
        Just(json!({ "op": "grayscale" })).boxed(),
        (0_u32..=256, 0.0..=1.0).prop_map(|(t, p)| json!({ "op": "random_solarize", "threshold": t, "p": p })).boxed(),
        (0_u32..=8, 0.0..=1.0).prop_map(|(bits, p)| json!({ "op": "random_posterize", "bits": bits, "p": p })).boxed(),
        (0.0..3.0, 0.0..=1.0)
            .prop_map(|(f, p)| json!({ "op": "random_adjust_sharpness", "sharpness_factor": f, "p": p }))
            .boxed(),
        (0_u32..5).prop_map(|radius| json!({ "op": "gaussian_blur", "kernel_size": 2 * radius + 1 })).boxed(),
        (0_u32..4, 0_u32..31, interpolation())
            .prop_map(|(n, m, i)| json!({ "op": "rand_augment", "num_ops": n, "magnitude": m, "interpolation": i }))
            .boxed(),
        interpolation().prop_map(|i| json!({ "op": "trivial_augment_wide", "interpolation": i })).boxed(),
    ];
    for op in ["random_brightness", "random_contrast", "random_saturation"] {
        let params = (0.0..2.0, 0.0..=1.0);
        all.push(params.prop_map(move |(m, p)| json!({ "op": op, "magnitude": m, "p": p })).boxed());
    }
    for op in ["random_grayscale", "random_invert", "random_autocontrast", "random_equalize"] {
        all.push((0.0..=1.0).prop_map(move |p| json!({ "op": op, "p": p })).boxed());
    }
    all
}

/// Those that hold others.
fn combinators(ops: impl Strategy<Value = Vec<Value>> + Clone + 'static) -> Vec<BoxedStrategy<Value>> {
    vec![
        (ops.clone(), 0.0..=1.0).prop_map(|(ops, p)| json!({ "op": "random_apply", "ops": ops, "p": p })).boxed(),
        (ops.clone(), 0.1..1.0)
            .prop_map(|(ops, weight)| {
                let weights: Vec<f64> = (1..=ops.len()).map(|n| weight * n as f64).collect();
                json!({ "op": "random_choice", "ops": ops, "p": weights })
            })
            .boxed(),
        ops.prop_map(|ops| json!({ "op": "random_order", "ops": ops })).boxed(),
    ]
}

fn plain_augmentation() -> impl Strategy<Value = Value> + Clone {
    proptest::strategy::Union::new(augmentations())
}

/// A node that works on images of bytes, height × width × channels.
fn augmentation() -> impl Strategy<Value = Value> {
    let combined = plain_augmentation().prop_recursive(2, 8, 3, |inner| {
        proptest::strategy::Union::new(combinators(prop::collection::vec(inner, 1..4)))
    });
    prop_oneof![
        5 => plain_augmentation(),
        2 => combined,
        1 => Just(json!({ "op": "to_device", "device": "cpu" })),
    ]
}

/// A node that works on all rows of a batch at once, or on some samples.
fn mixing() -> impl Strategy<Value = Value> {
    let label = any::<bool>().prop_map(|with| if with { json!("label") } else { Value::Null });
    let op = prop_oneof![Just("mixup"), Just("cutmix")];
    let mix = (op, 0.1..3.0, 0.0..=1.0, any::<bool>(), label).prop_map(
        |(op, alpha, p, same, label)| json!({ "op": op, "alpha": alpha, "p": p, "same_lambda": same, "label": label }),
    );
    let samples = prop::collection::vec(0_u64..100, 1..40);
    let poison = (samples, 0.0..=1.0, 1_usize..16).prop_map(|(samples, alpha, width)| {
        let pattern = json!({ "top": 3, "left": 16, "height": 5, "width": width, "colour": [9, 200, 77] });
        json!({ "op": "poison", "samples": samples, "alpha": alpha, "pattern": pattern })
    });
    prop_oneof![2 => mix, 1 => poison]
}

/// What ends a branch: other types and layouts.
fn ending() -> impl Strategy<Value = Vec<Value>> {
    let dtype = prop_oneof![Just("float32"), Just("float16"), Just("bfloat16")];
    let turn = any::<bool>().prop_map(|last| json!({ "op": "to_torch_image", "channels_last": last }));
    let normal = dtype.prop_map(|d| json!({ "op": "normalize", "mean": [120.5, 110, 100], "std": [50], "dtype": d }));
    prop_oneof![
        Just(vec![]),
        turn.clone().prop_map(|t| vec![t]),
        (turn.clone(), normal.clone()).prop_map(|(t, n)| vec![t, n]),
        (normal, turn).prop_map(|(n, t)| vec![n, t]),
        Just(vec![json!({ "op": "convert", "dtype": "int64" }), json!({ "op": "convert", "dtype": "float32" })]),
    ]
}

/// A source, a trunk, and one to three branches, of which the first two may be joined by their labels.
fn graphs() -> impl Strategy<Value = Value> {
    let branch = (prop::collection::vec(augmentation(), 0..4), ending());
    let source = (1_usize..40, any::<bool>(), any::<u64>());
    let branches = prop::collection::vec(branch, 1..4);
    let trunk = prop::collection::vec(prop_oneof![2 => augmentation(), 1 => mixing()], 0..5);
    (source, trunk, branches, any::<bool>()).prop_map(|((batch_size, random, seed), trunk, branches, join)| {
        let order = if random { "random" } else { "sequential" };
        let mut nodes = serde_json::Map::new();
        nodes.insert("source".into(), json!({ "op": "shapes", "batch_size": batch_size, "order": order }));
        let mut last = "source".to_owned();
        let add = |nodes: &mut serde_json::Map<String, Value>, mut node: Value, input: Value| {
            let name = format!("n{}", nodes.len());
            node["input"] = input;
            nodes.insert(name.clone(), node);
            name
        };
        for node in trunk {
            last = add(&mut nodes, node, last.into());
        }
        for (maps, ending) in branches {
            let mut at = last.clone();
            for node in maps.into_iter().chain(ending) {
                at = add(&mut nodes, node, at.into());
            }
            if join {
                let labels = json!({ "op": "convert", "field": "label", "dtype": "float32" });
                let labels = add(&mut nodes, labels, last.clone().into());
                let both = json!({ "op": "convert", "field": "label", "dtype": "float16" });
                add(&mut nodes, both, json!([at, labels]));
            }
        }
        json!({ "name": "random", "seed": seed >> 12, "nodes": nodes })
    })
}

/// A tree of nodes that copy, rename, drop and change fields; choices are resolved against what is there.
fn trees_of_fields() -> impl Strategy<Value = Value> {
    let choice = (0_usize..9, any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::bool::weighted(0.2));
    (1_usize..40, prop::collection::vec(choice, 1..14)).prop_map(|(batch_size, choices)| {
        let mut nodes = serde_json::Map::new();
        nodes.insert("source".into(), json!({ "op": "shapes", "batch_size": batch_size }));
        // Each node with the images that leave it.
        let mut made = vec![("source".to_owned(), vec!["image".to_owned()])];
        for (number, (what, which, from, forks)) in choices.into_iter().enumerate() {
            let from = if forks { from.index(made.len()) } else { made.len() - 1 };
            let (before, mut fields) = made[from].clone();
            let place = which.index(fields.len());
            let (field, new) = (fields[place].clone(), format!("view{number}"));
            let mut node = match what {
                0 | 1 => {
                    fields.push(new.clone());
                    json!({ "op": "copy_field", "from": field, "to": new })
                }
                2 => {
                    fields[place] = new.clone();
                    json!({ "op": "rename_field", "from": field, "to": new })
                }
                3 if fields.len() > 1 => {
                    fields.remove(place);
                    json!({ "op": "drop_fields", "fields": [field] })
                }
                4 if fields.len() > 2 => {
                    fields.remove(place);
                    json!({ "op": "select_fields", "fields": fields })
                }
                5 => json!({ "op": "mixup", "field": field, "label": null }),
                6 => json!({ "op": "random_translate", "padding": 4, "fill": [1, 2, 3], "field": field }),
                7 => json!({ "op": "random_horizontal_flip", "field": field }),
                _ => json!({ "op": "cutout", "crop_size": 9, "field": field }),
            };
            node["input"] = before.into();
            let name = format!("n{number}");
            nodes.insert(name.clone(), node);
            made.push((name, fields));
        }
        json!({ "name": "fields", "nodes": nodes })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn fields_that_share_their_memory_change_apart(
        graph in trees_of_fields(),
        workers in 1_usize..4,
        chunk in 1_usize..50,
    ) {
        within(60, move || {
            let range = BatchRange::epochs(0..1);
            let reference = batches(&plan(&graph, &PlanOptions::default()), &Inline::default(), range, 2);
            for unfused in [false, true] {
                let options = PlanOptions { rows_per_chunk: Some(chunk), unfused, ..PlanOptions::default() };
                let other = batches(&plan(&graph, &options), &threaded(workers), range, 2);
                assert!(reference == other, "unfused: {unfused}, of {graph:#}");
            }
        });
    }

    #[test]
    fn every_executor_gives_the_same_bits(
        graph in graphs(),
        workers in 1_usize..5,
        chunk in 1_usize..50,
        prefetch in 1_usize..5,
        epoch in 0_u64..3,
        index in 0_u64..5,
    ) {
        within(60, move || {
            let range = BatchRange { start: BatchId { epoch, index }, end_epoch: epoch + 2 };
            let reference = batches(&plan(&graph, &PlanOptions::default()), &Inline::default(), range, 3);
            for unfused in [false, true] {
                let options = PlanOptions {
                    rows_per_chunk: Some(chunk), prefetch_depth: Some(prefetch), unfused, ..PlanOptions::default()
                };
                let other = batches(&plan(&graph, &options), &threaded(workers), range, 3);
                assert!(reference == other, "unfused: {unfused}, of {graph:#}");
            }
        });
    }
}

/// One of each kind, combinators too.
fn one_of_each() -> impl Strategy<Value = Vec<Value>> {
    let mut all = augmentations();
    all.extend(combinators(prop::collection::vec(plain_augmentation(), 1..4)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, ..ProptestConfig::default() })]

    /// A chain for each pair: composed into one pass, or each node by itself.
    #[test]
    fn every_pair_composes(kinds in one_of_each(), workers in 1_usize..4, chunk in 1_usize..8, epoch in 0_u64..3) {
        within(120, move || {
            let named: BTreeSet<&str> = kinds.iter().filter_map(|kind| kind["op"].as_str()).collect();
            // Of the two flips either is there.
            assert!(named.len() + 1 >= AUGMENTATIONS.len(), "some augmentations are missing: {named:?}");
            let mut nodes = serde_json::Map::new();
            nodes.insert("source".into(), json!({ "op": "shapes", "batch_size": 6, "order": "random" }));
            for (i, one) in kinds.iter().enumerate() {
                for (j, other) in kinds.iter().enumerate() {
                    let (mut first, mut second) = (one.clone(), other.clone());
                    first["input"] = "source".into();
                    second["input"] = format!("first_{i}_{j}").into();
                    nodes.insert(format!("first_{i}_{j}"), first);
                    nodes.insert(format!("second_{i}_{j}"), second);
                }
            }
            let graph = json!({ "name": "pairs", "nodes": nodes });
            let range = BatchRange { start: BatchId { epoch, index: 0 }, end_epoch: epoch + 1 };
            let reference = batches(&plan(&graph, &PlanOptions::default()), &Inline::default(), range, 1);
            assert_eq!(reference.len(), kinds.len() * kinds.len());
            for unfused in [false, true] {
                let options = PlanOptions { rows_per_chunk: Some(chunk), unfused, ..PlanOptions::default() };
                let other = batches(&plan(&graph, &options), &threaded(workers), range, 1);
                for (index, (a, b)) in reference.iter().zip(&other).enumerate() {
                    let (i, j) = (index / kinds.len(), index % kinds.len());
                    assert!(a == b, "unfused: {unfused}, of {} and {}, or another pair", kinds[i], kinds[j]);
                }
            }
        });
    }
}

fn small(order: &str, drop_last: bool) -> Value {
    json!({
        "name": "small",
        "nodes": {
            "test": { "op": "shapes", "split": "test", "batch_size": 3_000, "order": order, "drop_last": drop_last },
            "cut": { "op": "cutout", "crop_size": 8, "input": "test" }
        }
    })
}

#[test]
fn an_epoch_has_every_sample_once_and_epochs_differ() {
    within(60, || {
        let plan = plan(&small("random", false), &PlanOptions::default());
        let all = batches(&plan, &threaded(2), BatchRange::epochs(0..2), 100);
        assert_eq!(all.iter().map(|(_, s, _)| s.len()).collect::<Vec<_>>(), [3000, 3000, 3000, 1000].repeat(2));
        let epoch = |e: usize| all[e * 4..e * 4 + 4].iter().flat_map(|(_, s, _)| s.clone()).collect::<Vec<u64>>();
        let (first, second) = (epoch(0), epoch(1));
        assert_ne!(first, second);
        for mut samples in [first, second] {
            samples.sort_unstable();
            assert_eq!(samples, (0..10_000).collect::<Vec<u64>>());
        }
    });
}

#[test]
fn drop_last_leaves_out_what_is_not_full() {
    within(60, || {
        let plan = plan(&small("sequential", true), &PlanOptions::default());
        let all = batches(&plan, &threaded(2), BatchRange::epochs(0..1), 100);
        assert_eq!(all.iter().map(|(id, ..)| id.index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(all[2].1, (6_000..9_000).collect::<Vec<u64>>());
    });
}

#[test]
fn a_run_that_starts_in_the_middle_goes_on_with_the_same_batches() {
    within(60, || {
        let plan = plan(&small("random", false), &PlanOptions::default());
        let whole = batches(&plan, &threaded(2), BatchRange::epochs(0..2), 100);
        let rest = BatchRange { start: BatchId { epoch: 0, index: 3 }, end_epoch: 2 };
        assert!(whole[3..] == batches(&plan, &threaded(1), rest, 100)[..]);
    });
}

#[test]
fn cutout_covers_its_square_and_nothing_else() {
    within(60, || {
        let options = PlanOptions::default();
        let cut = batches(&plan(&small("random", false), &options), &threaded(2), BatchRange::epochs(0..1), 1);
        let mut plain = small("random", false);
        plain["nodes"]["cut"] = json!({ "op": "random_horizontal_flip", "flip_prob": 0, "input": "test" });
        let plain = batches(&plan(&plain, &options), &threaded(2), BatchRange::epochs(0..1), 1);
        let image = |b: &[Bytes], row: usize| b[0].2[0].1[row * 3072..(row + 1) * 3072].to_vec();
        for row in 0..100 {
            let (cut, plain) = (image(&cut, row), image(&plain, row));
            let changed: Vec<usize> = (0..1024).filter(|p| cut[p * 3..p * 3 + 3] != plain[p * 3..p * 3 + 3]).collect();
            let (ys, xs) = (changed.iter().map(|p| p / 32), changed.iter().map(|p| p % 32));
            let span = |v: Vec<usize>| v.iter().max().unwrap() - v.iter().min().unwrap() + 1;
            assert!(span(ys.collect()) <= 8 && span(xs.collect()) <= 8);
            let black = (0..1024).filter(|p| cut[p * 3..p * 3 + 3] == [0, 0, 0]).count();
            assert!(black >= 64, "{black} pixels are covered");
        }
    });
}
