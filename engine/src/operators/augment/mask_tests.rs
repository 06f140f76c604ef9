//! Fields that are moved along with images.

use serde_json::{Value, json};

use super::tests::{OBLONG, picture};
use super::*;
use crate::batch::{Draws, Schema, Values, ValuesMut};
use crate::data::{Archive, Fallback, Where};
use crate::operators::{AnyOperator, Resources};
use crate::random::Key;

/// Rows of two fields with the same pixels through a node that has one of them in `also`.
fn with_mask(operator: &dyn AnyOperator, params: &Value, fields: &[&str]) -> Vec<Vec<u8>> {
    let mut schema = Schema::default();
    fields.iter().for_each(|name| schema.set(Field::image(*name, OBLONG), 0));
    let resources = Resources::new(Where {
        data_dir: None,
        env_dir: None,
        cache_dir: None,
        fallback: Fallback::Never,
        archive: Archive::default(),
    });
    let site = Site { input: &schema, source: None, resources: &resources };
    let Kernel::Map(map) = operator.kernel(params.as_object().unwrap(), &site).unwrap() else {
        panic!("an augmentation is a map")
    };
    let samples = [0, 1, 2, 3, 4, 5, 6, 7];
    let mut columns = vec![picture(OBLONG).repeat(samples.len()); fields.len()];
    let inputs = fields.iter().map(|name| (*name, Values::Bytes(&[]))).collect();
    let outputs = fields.iter().zip(&mut columns).map(|(name, rows)| (*name, ValuesMut::Bytes(rows))).collect();
    let draws = Draws::new(Key::of_seed(4), 1, &samples);
    map.apply(&mut Rows::new(&samples, draws, inputs, outputs)).unwrap();
    columns
}

#[test]
fn masks_move_along() {
    let params = json!({ "degrees": 40, "padding": 5, "translate": [0.2, 0.2], "shear": 10 });
    let mut tested = 0;
    for operator in AUGMENTATIONS.iter().filter(|o| o.params().iter().any(|p| p.name == "also")) {
        let known = |name: &str| operator.params().iter().any(|p| p.name == name);
        let own = params.as_object().unwrap().iter().filter(|(name, _)| known(name));
        let mut own: Value =
            own.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into();
        let without = with_mask(*operator, &own, &["image"]);
        own["also"] = json!(["mask"]);
        let with = with_mask(*operator, &own, &["image", "mask"]);
        assert!(with[0] == without[0], "{}: the mask changes the image", operator.name());
        assert!(with[0] == with[1], "{}: the mask moves otherwise", operator.name());
        assert!(with[0] != picture(OBLONG).repeat(8), "{}: nothing moves", operator.name());
        // The mask's pixels stay what they are, however the image's are mixed and what comes into it.
        if known("fill") {
            own["fill"] = json!([77]);
        }
        if known("interpolation") {
            own["interpolation"] = json!("bilinear");
        }
        let other = with_mask(*operator, &own, &["image", "mask"]);
        assert!(other[1] == with[1], "{}: the mask gets the image's colours", operator.name());
        assert_eq!(other[0] != with[0], known("fill"), "{}", operator.name());
        tested += 1;
    }
    assert_eq!(tested, 6);
}

/// A mask of the same height and width has any number of channels; another one is refused at its place.
#[test]
fn masks_have_the_size_of_their_images() {
    let mut schema = Schema::default();
    for (name, height, width, channels) in [("image", 8, 9, 3), ("mask", 8, 9, 1), ("turned", 9, 8, 1)] {
        schema.set(Field::image(name, ImageSize { height, width, channels }), 0);
    }
    let inputs = PortSchemas::new(vec![(None, schema)]);
    let signature = |also: &[&str]| {
        let also = also.iter().map(|name| (*name).to_owned()).collect();
        Operator::signature(&ImageOperator::NEW, &RandomVerticalFlip { also, ..RandomVerticalFlip::default() }, &inputs)
    };
    assert_eq!(signature(&["mask"]).unwrap().reads, ["image", "mask"]);
    let Faults(faults) = signature(&["mask", "turned", "mask"]).unwrap_err();
    let told: Vec<_> = faults.iter().map(|f| (f.path.as_str(), f.message.as_str(), f.expected.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("/also/1", "field `turned` does not fit", Some("an image of 8 × 9 pixels")),
            ("/also/2", "field `mask` is named twice", Some("fields other than `field`, each once")),
        ]
    );
}
