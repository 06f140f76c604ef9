//! What was probably meant.

/// Candidates beyond which nobody is asked what was meant: comparing all with all takes too long.
const MOST_CANDIDATES: usize = 1000;

/// Words for the same thing, from other frameworks and from habit; the first candidate in a row is meant.
const SYNONYMS: &[(&[&str], &[&str])] = &[
    (&["shuffle", "shuffled", "quasi_random"], &["random", "order"]),
    (&["in_order", "ordered"], &["sequential"]),
    (&["gpu", "to_gpu", "to_cuda", "transfer"], &["cuda", "to_device"]),
    (&["half", "fp16", "f16"], &["float16"]),
    (&["bf16"], &["bfloat16"]),
    (&["float", "single", "fp32", "f32"], &["float32"]),
    (&["byte", "u8", "uint"], &["uint8"]),
    (&["int", "long", "i64"], &["int64"]),
    (&["val", "valid", "validation", "eval", "evaluation"], &["test", "evaluation"]),
    (&["p", "prob", "probability", "flip_prob"], &["p", "flip_prob", "prob"]),
    (&["flip", "horizontal_flip", "hflip", "random_flip"], &["random_horizontal_flip", "mirror"]),
    (&["vflip", "vertical_flip"], &["random_vertical_flip"]),
    (&["translate", "shift", "crop", "random_crop"], &["random_translate"]),
    (&["erase", "erasing"], &["random_erasing"]),
    (&["rotate", "rotation"], &["random_rotation"]),
    (&["affine", "shear"], &["random_affine"]),
    (&["jitter", "colorjitter", "colour_jitter", "hue"], &["color_jitter"]),
    (&["greyscale", "gray", "grey", "to_grayscale"], &["grayscale"]),
    (&["solarization", "solarize"], &["random_solarize"]),
    (&["blur", "gaussianblur", "random_gaussian_blur"], &["gaussian_blur"]),
    (&["sharpen", "sharpness"], &["random_adjust_sharpness"]),
    (&["randaugment", "randaug", "auto_augment"], &["rand_augment"]),
    (&["trivialaugment", "trivial_augment", "trivialaugmentwide", "taw"], &["trivial_augment_wide"]),
    (&["transforms", "operations", "operators", "nodes"], &["ops"]),
    (&["center"], &["centre"]),
    (&["mask", "masks", "fields"], &["also"]),
    (&["weights", "probabilities"], &["weights", "p"]),
    (&["value", "color", "colour", "fill_value"], &["value", "fill"]),
    (&["resample", "mode"], &["interpolation"]),
    (&["cast", "astype", "to_dtype"], &["convert"]),
    (&["to_tensor", "permute", "transpose"], &["to_torch_image"]),
    (&["model", "fit", "trainer"], &["train"]),
    (&["cifar", "cifar_10"], &["cifar10"]),
    (&["learning_rate"], &["lr"]),
    (&["wd", "l2"], &["weight_decay"]),
    (&["batch", "bs"], &["batch_size"]),
    (&["size", "length"], &["crop_size", "output_size", "kernel_size"]),
    (&["filters", "channels"], &["out_channels", "num_features"]),
    (&["conv", "convolution"], &["conv2d"]),
    (&["bn", "batch_norm", "batchnorm"], &["batch_norm2d"]),
    (&["pool", "max_pool", "maxpool", "maxpool2d"], &["max_pool2d"]),
    (&["avg_pool", "global_avg_pool", "avgpool"], &["adaptive_avg_pool2d"]),
    (&["dense", "fc", "fully_connected"], &["linear"]),
    (&["ce", "softmax", "crossentropy"], &["cross_entropy"]),
    (&["triangular", "one_cycle", "onecycle", "step"], &["piecewise_linear"]),
    (&["operator", "operation"], &["op"]),
];

/// The candidate that a misspelt word is nearest to, if it is near; by meaning before spelling.
pub fn near_miss<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().take(MOST_CANDIDATES + 1).collect();
    // The comparison's time grows with the square of a word's length.
    if candidates.len() > MOST_CANDIDATES || word.len() > 200 {
        return None;
    }
    let normal = |s: &str| s.to_lowercase().replace(['-', ' ', '.'], "_");
    let word = normal(word);
    let meant = SYNONYMS.iter().filter(|(words, _)| words.contains(&word.as_str())).flat_map(|(_, meant)| *meant);
    for meant in meant {
        if let Some(candidate) = candidates.iter().find(|c| *c == meant) {
            return Some(candidate);
        }
    }
    // Half of a long name may be missing (`random_flip` for `random_horizontal_flip`), so that its words count too.
    let score = |candidate: &str| {
        let candidate = normal(candidate);
        let spelling = strsim::jaro_winkler(&word, &candidate);
        let edits = strsim::normalized_damerau_levenshtein(&word, &candidate);
        let parts: Vec<&str> = word.split('_').collect();
        let known = parts.iter().filter(|p| candidate.split('_').any(|c| c == **p)).count();
        let words = if known > 0 && known == parts.len() && parts.len() > 1 { 0.9 } else { 0.0 };
        (edits * 0.5 + spelling * 0.5).max(words)
    };
    let scored = candidates.into_iter().filter(|c| c.len() <= 200).map(|c| (score(c), c));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::near_miss;

    #[test]
    fn a_missing_word_and_a_typo_are_near_but_another_word_is_not() {
        let known = ["random_horizontal_flip", "random_translate", "cutout", "normalize", "to_device"];
        assert_eq!(near_miss("random_flip", known), Some("random_horizontal_flip"));
        assert_eq!(near_miss("normalise", known), Some("normalize"));
        assert_eq!(near_miss("cut_out", known), Some("cutout"));
        assert_eq!(near_miss("ToDevice", known), Some("to_device"));
        assert_eq!(near_miss("mixup", known), None);
    }

    #[test]
    fn another_word_for_the_same_is_near() {
        assert_eq!(near_miss("shuffle", ["sequential", "random"]), Some("random"));
        assert_eq!(near_miss("shuffle", ["batch_size", "order"]), Some("order"));
        assert_eq!(near_miss("FP16", ["float32", "float16"]), Some("float16"));
        assert_eq!(near_miss("float", ["float16", "float32"]), Some("float32"));
        assert_eq!(near_miss("validation", ["train", "test"]), Some("test"));
    }
}
