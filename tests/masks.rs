//! Fields that are moved along with images, from the source to the batch.

use engine::batch::{BatchId, Field};
use engine::execute::{BatchRange, Inline};
use engine::operators::{
    Kernel, Map, Operator, OperatorError, PortSchemas, Registry, Role, Signature, Site, Write, WriteMode,
};
use engine::params::{Faults, params};
use engine::plan::PlanOptions;
use serde_json::json;

use crate::harness::{batches, threaded};
use crate::harness::{plan_of, within};

params! {
    /// Adds a field `mask`: a copy of `image`.
    pub struct CopyToMask: Default {}
}

struct CopyToMaskOperator;

impl Operator for CopyToMaskOperator {
    type Params = CopyToMask;
    const NAME: &'static str = "copy_to_mask";
    const ROLE: Role = Role::Map;

    fn signature(&self, _: &CopyToMask, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let size = inputs.field("field", "image")?.image_size().unwrap();
        Ok(Signature {
            reads: vec!["image".into()],
            writes: vec![Write { field: Field::image("mask", size), mode: WriteMode::Create }],
            ..Signature::default()
        })
    }

    fn kernel(&self, _: &CopyToMask, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Map(Box::new(Copy)))
    }
}

struct Copy;

impl Map for Copy {
    fn apply(&self, rows: &mut engine::batch::Rows<'_>) -> Result<(), OperatorError> {
        let image = rows.read::<u8>("image");
        rows.write::<u8>("mask").copy_from_slice(image);
        Ok(())
    }
}

/// Image and mask start the same; black comes into both, and nothing is mixed, so that they end the same.
#[test]
fn masks_stay_with_their_images() {
    within(60, || {
        let mut registry = Registry::builtin();
        registry.register(&CopyToMaskOperator);
        let also = json!(["mask"]);
        let graph = json!({
            "name": "masks",
            "nodes": {
                "source": { "op": "shapes", "batch_size": 20, "order": "random" },
                "masks": { "op": "copy_to_mask", "input": "source" },
                "flip": { "op": "random_horizontal_flip", "input": "masks", "also": also },
                "shift": { "op": "random_translate", "input": "flip", "padding": 5, "also": also },
                "turn": { "op": "random_rotation", "input": "shift", "degrees": 40, "also": also },
                // Another reader of the same rows, so that both fields are copied.
                "affine": { "op": "random_affine", "input": "shift", "degrees": 10, "shear": 9, "also": also },
            },
        });
        let range = BatchRange { start: BatchId { epoch: 1, index: 0 }, end_epoch: 2 };
        let options = PlanOptions::default();
        let reference = batches(&plan_of(&graph, &registry, &options), &Inline::default(), range, 2);
        assert_eq!(reference.len(), 4);
        for (_, samples, fields) in &reference {
            let rows = |name: &str| &fields.iter().find(|(field, _)| field.starts_with(name)).unwrap().1;
            assert_eq!(rows("image").len(), samples.len() * 3072);
            assert!(rows("image") == rows("mask"), "a mask has left its image");
        }
        for unfused in [false, true] {
            let options = PlanOptions { rows_per_chunk: Some(3), unfused, ..PlanOptions::default() };
            assert!(reference == batches(&plan_of(&graph, &registry, &options), &threaded(3), range, 2));
        }
    });
}
