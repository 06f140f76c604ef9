//! What was probably meant.

/// The candidate that a misspelt word is nearest to, if it is near.
pub fn near_miss<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |s: &str| s.to_lowercase().replace(['-', ' ', '.'], "_");
    let word = normal(word);
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
    let scored = candidates.into_iter().map(|c| (score(c), c));
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
}
