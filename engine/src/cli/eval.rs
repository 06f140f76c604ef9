//! `engine eval`

use clap::Args;
use engine::execute::{StopToken, Threaded};
use engine::train::{Confusion, Metrics, TestTimeAugmentation};
use serde_json::json;

use super::common::stop_at_ctrl_c;
use super::trained::{TrainedArgs, class_name};
use super::training::failed;
use super::{Failure, progress, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine eval runs/cifar-20260801-140322                        the best checkpoint of a run
  engine eval cifar-20260801-140322 --checkpoint last --no-tta
  engine eval graphs/cifar.json --checkpoint best.safetensors   another graph with the same model

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph, 130 interrupted.")]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    trained: TrainedArgs,

    /// Look at each image as it is: no test-time augmentation.
    #[arg(long)]
    no_tta: bool,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn eval(args: EvalArgs) -> Result<(), Failure> {
    let (json, no_tta) = (args.json, args.no_tta);
    let found = args.trained.find()?;
    let model = found.model(no_tta)?;
    let stop = StopToken::new();
    stop_at_ctrl_c(&stop, "stopping")?;
    let resources = found.data.resources(&stop, json, false);
    let executor = Threaded::new(found.plan.workers, stop.clone(), None).map_err(failed)?;
    let bar = progress::evaluation(json);
    let result = model.test(&executor, &resources, |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    progress::end(&bar);
    let Some((metrics, warning)) = result.map_err(failed)? else { return Err(Failure::Interrupted) };
    if let Some(warning) = &warning {
        screen::warning(warning);
    }
    let classes = model.classes();
    if json {
        let mut value = serde_json::to_value(&metrics).map_err(failed)?;
        let about = model.about();
        for key in ["graph", "epoch", "step", "weights", "classes"] {
            value[key] = about[key].clone();
        }
        value["per_class"] = metrics.confusion.as_ref().map(per_class).into();
        value["precision"] = model.arithmetic().word().into();
        value["warning"] = json!(warning);
        screen::out(value);
        return Ok(());
    }
    let tta = match model.augmentation() {
        TestTimeAugmentation::None => "no test-time augmentation",
        TestTimeAugmentation::Mirror => "images and their mirror images",
        TestTimeAugmentation::MirrorTranslate => "images, shifted and mirrored",
    };
    let samples = screen::plural(metrics.samples, "test sample");
    screen::out(format!("{}: {samples}, {}, {tta}", found.words(), model.arithmetic().word()));
    screen::out(summary(&metrics));
    if let Some(confusion) = &metrics.confusion {
        screen::out("");
        screen::out(table(confusion, classes));
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn summary(metrics: &Metrics) -> String {
    let loss = format!("loss {:.4}", metrics.loss);
    let top1 = metrics.accuracy.map(|share| format!("accuracy {}", percent(share)));
    let top5 = metrics.top5.map(|share| format!("among the first five {}", percent(share)));
    [Some(loss), top1, top5].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Counts of a class's samples by the class that was predicted.
fn rows(confusion: &Confusion) -> impl Iterator<Item = (usize, &[u64])> {
    confusion.counts.chunks_exact(confusion.classes.max(1)).enumerate()
}

/// Share of each class's samples that is classified right; none of a class without samples.
fn per_class(confusion: &Confusion) -> Vec<Option<f64>> {
    let share = |(class, row): (usize, &[u64])| {
        let all: u64 = row.iter().sum();
        (all > 0).then(|| row[class] as f64 / all as f64)
    };
    rows(confusion).map(share).collect()
}

/// Classes up to which each is set against each.
const MOST_IN_TABLE: usize = 20;
/// What is told of more: the classes, and the confusions.
const TOLD: usize = 10;

fn table(confusion: &Confusion, classes: &[String]) -> String {
    let shares = per_class(confusion);
    let shown = |share: Option<f64>| share.map_or("–".into(), percent);
    let name = |class: usize| class_name(classes, class);
    if confusion.classes > MOST_IN_TABLE {
        let mut worst: Vec<(usize, f64)> =
            shares.iter().enumerate().filter_map(|(class, share)| Some((class, (*share)?))).collect();
        worst.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut taken: Vec<(u64, usize, usize)> = Vec::new();
        for (class, row) in rows(confusion) {
            taken.extend(
                row.iter().enumerate().filter(|(to, n)| *to != class && **n > 0).map(|(to, n)| (*n, class, to)),
            );
        }
        taken.sort_by(|a, b| b.cmp(a));
        let mut lines = vec!["least often right:".to_owned()];
        lines.extend(
            worst.iter().take(TOLD).map(|(class, share)| format!("  {:>8}  {}", percent(*share), name(*class))),
        );
        lines.push("most often taken for each other:".into());
        let told = |(n, class, to): &(u64, usize, usize)| format!("  {n:>8}  {} taken for {}", name(*class), name(*to));
        lines.extend(taken.iter().take(TOLD).map(told));
        return lines.join("\n");
    }
    let label = |class: usize| if class < classes.len() { format!("{class} {}", name(class)) } else { name(class) };
    let labels: Vec<String> = (0..confusion.classes).map(label).collect();
    let wide = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max("class".len());
    let most = confusion.counts.iter().max().copied().unwrap_or(0);
    let cell = most.to_string().len().max(2) + 1;
    let header: String = (0..confusion.classes).map(|class| format!("{class:>cell$}")).collect();
    let mut lines =
        vec![format!("{:<wide$}  {:>8}  taken for", "class", "right"), format!("{:wide$}  {:>8} {header}", "", "")];
    for (class, row) in rows(confusion) {
        // A class that is never taken for another is easier to see as a gap than as a 0.
        let counts: String =
            row.iter().map(|n| if *n == 0 { format!("{:>cell$}", "·") } else { format!("{n:>cell$}") }).collect();
        lines.push(format!("{:<wide$}  {:>8} {counts}", labels[class], shown(shares[class])));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_who_is_taken_for_whom() {
        let confusion = Confusion { classes: 3, counts: vec![10, 0, 2, 0, 0, 0, 1, 1, 98] };
        let classes = ["cat", "dog", "owl"].map(str::to_owned);
        let expected = "\
class     right  taken for
                  0  1  2
0 cat   83.33 %  10  ·  2
1 dog         –   ·  ·  ·
2 owl   98.00 %   1  1 98";
        assert_eq!(table(&confusion, &classes), expected);
    }

    #[test]
    fn of_many_classes_the_worst_are_told() {
        let classes = 30;
        let mut counts = vec![0; classes * classes];
        for class in 0..classes {
            counts[class * classes + class] = 10;
        }
        counts[7 * classes + 8] = 30;
        let text = table(&Confusion { classes, counts }, &[]);
        assert!(text.contains("   25.00 %  7\n") && text.contains("        30  7 taken for 8"), "{text}");
    }
}
