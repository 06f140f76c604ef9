//! An operator of one's own, used beside those of the engine: `random_darken`, which makes the negative of some images,
//! as torchvision's RandomDarken does.
//!
//! It is registered, and a graph that uses it is validated, planned and run like any other: its node is fused with its
//! neighbours, and both executors give the same bytes.
//!
//! ```text
//! cargo run --release -p engine --example custom_operator
//! ```

use std::error::Error;
use std::sync::Arc;

use engine::batch::{Batch, Rows};
use engine::data::Where;
use engine::execute::{BatchRange, Executor, Inline, Pipeline, RunError, StopToken, Threaded};
use engine::graph::{Graph, GraphFile};
use engine::operators::images::uint8_image;
use engine::operators::{
    Kernel, Map, Operator, OperatorError, OperatorParams, PortSchemas, Registry, Resources, Role, Signature, Site,
    Write, WriteMode,
};
use engine::params::{Faults, params};
use engine::plan::{Pass, Plan, PlanOptions};

// First: the parameters. A graph file is checked against them; the JSON Schema shows them as well.
params! {
    /// Halves the values of each image with probability `prob`.
    pub struct RandomDarken: Default {
        /// Probability that an image is darkened.
        prob: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

/// With this, `GraphBuilder` takes the parameters too.
impl OperatorParams for RandomDarken {
    fn operator_name(&self) -> &'static str {
        RandomDarkenOperator::NAME
    }
}

/// Second: what a node of this kind reads and writes, and what does its work.
struct RandomDarkenOperator;

impl Operator for RandomDarkenOperator {
    type Params = RandomDarken;
    const NAME: &'static str = "random_darken";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &RandomDarken, inputs: &PortSchemas) -> Result<Signature, Faults> {
        // Or a fault of one's own: `Fault::new("/prob", "what is wrong")`, with what was expected and given.
        let (field, _) = uint8_image(inputs, &params.field)?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: field.clone(), mode: WriteMode::Update }],
            random: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &RandomDarken, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let field = site.input.field(&params.field).expect("the signature found it");
        Ok(Kernel::Map(Box::new(Darken { params: params.clone(), row_bytes: field.row_bytes() })))
    }
}

/// Third: the work, on any range of rows.
struct Darken {
    params: RandomDarken,
    row_bytes: usize,
}

impl Map for Darken {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        // What is drawn for a row follows from the seed, the node, the epoch and the sample: not from the chunk.
        let draws = rows.draws();
        for (row, values) in rows.write::<u8>(&self.params.field).chunks_exact_mut(self.row_bytes).enumerate() {
            if draws.row(row).unit() < self.params.prob {
                values.iter_mut().for_each(|value| *value /= 2);
            }
        }
        Ok(())
    }
}

const GRAPH: &str = r#"{
  "name": "darkened",
  "nodes": {
    "images": { "op": "shapes", "batch_size": 256, "order": "random" },
    "flip": { "op": "random_horizontal_flip", "input": "images" },
    "darken": { "op": "random_darken", "input": "flip", "prob": 0.3 },
    "normalize": { "op": "normalize", "input": "darken", "mean": [127.5], "std": [64] }
  }
}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let machine = engine::torch::probe();
    let mut registry = Registry::builtin();
    registry.register(&RandomDarkenOperator);
    let file = GraphFile::parse(GRAPH, "the example's graph")?;
    let graph = Graph::validate_file(&file, &registry)?;
    let plan = Arc::new(Plan::new(&graph, &machine, &PlanOptions::default())?);
    for decision in plan.decisions.iter().filter(|d| d.pass == Pass::Fuse) {
        println!("{}", decision.text);
    }
    assert_eq!(plan.stages.len(), 1, "all four nodes are one stage");

    let resources = Resources::new(Where::default());
    let (outlet, _) = plan.outlets()[0];
    let pipeline = Arc::new(Pipeline::new(&plan, outlet, &resources)?);
    let reference = first_batch(&Inline::default(), &pipeline)?.ok_or("the reference gave no batch")?;
    let threaded = Threaded::new(plan.workers, StopToken::new(), None)?;
    let batch = first_batch(&threaded, &pipeline)?.ok_or("the workers gave no batch")?;
    for field in batch.fields() {
        let bytes = |batch: &Batch| batch.column(&field.name).map(|(_, bytes)| bytes.to_vec());
        assert_eq!(bytes(&batch), bytes(&reference), "{field}");
        println!("{field}: {} rows, the same bytes from both executors", batch.rows());
    }
    Ok(())
}

fn first_batch(executor: &dyn Executor, pipeline: &Arc<Pipeline>) -> Result<Option<Batch>, RunError> {
    executor.start(pipeline, BatchRange::epochs(0..1)).next()
}
