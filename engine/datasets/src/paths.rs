//! From the text in which a user says where the data is, to the addresses of its files.
//!
//! | text                                    | names                                                      |
//! |-----------------------------------------|------------------------------------------------------------|
//! | `train.parquet`, `photos`               | one file or folder here                                    |
//! | `shards/*.tar`, `part-?.parquet`        | those that match here, sorted; `*` and `?` stop at a slash |
//! | `shard-{000..009}.tar`                  | a range, as WebDataset's users write it, in its order      |
//! | `{train,extra}/0.tar`                   | a choice                                                   |
//! | `https://host/shard-{000..009}.tar`     | objects on a web server                                    |
//! | `s3://bucket/folder/shard-{0..9}.tar`   | objects in S3, or a server that speaks its protocol        |

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// Names a text may stand for at most: a slip of the keyboard in a range must not fill the memory.
pub const MOST_NAMES: usize = 100_000;

/// Whether an address is one on a server.
pub fn is_remote(address: &str) -> bool {
    scheme(address).is_some_and(|scheme| scheme != "file")
}

/// The addresses that these texts stand for: texts in the order given, what each stands for sorted, so that the same
/// files give the same list on every machine. Servers are not asked; local files are looked for.
///
/// A text that names an existing file or folder is taken as it is, even with a `{` or a `*` in it.
///
/// # Errors
///
/// [`DataError::Address`] for no text at all, a malformed range, too many names, a pattern that nothing matches or that
/// would need a server's list of files, a scheme other than `http`, `https`, `s3` and `file`, and an address named
/// twice; [`DataError::Missing`] for a local file that is not there; [`DataError::Unreadable`] for a folder that cannot
/// be listed.
pub fn expand<T: AsRef<str>>(texts: &[T]) -> Result<Vec<String>, DataError> {
    let mut addresses = Vec::new();
    for text in texts {
        expand_one(text.as_ref(), &mut addresses)?;
    }
    if addresses.is_empty() {
        return Err(wrong("no path is given, expected at least one", ""));
    }
    let mut seen = HashSet::with_capacity(addresses.len());
    if let Some(twice) = addresses.iter().find(|address| !seen.insert(address.as_str())) {
        return Err(wrong("this is named twice, its samples would be too; name it once", twice));
    }
    Ok(addresses)
}

fn expand_one(text: &str, addresses: &mut Vec<String>) -> Result<(), DataError> {
    if text.trim().is_empty() {
        return Err(wrong("a path is empty", text));
    }
    let scheme = match scheme(text) {
        None | Some("file") => None,
        Some(known @ ("http" | "https" | "s3")) => Some(known),
        Some(other) => {
            let message =
                format!("addresses that start with {other}:// are not understood; expected http, https or s3");
            return Err(wrong(&message, text));
        }
    };
    let local = text.strip_prefix("file://").unwrap_or(text);
    if scheme.is_none() && Path::new(local).exists() {
        addresses.push(local.to_owned());
        return Ok(());
    }
    let names = braces(if scheme.is_some() { text } else { local })?;
    if addresses.len() + names.len() > MOST_NAMES {
        return Err(too_many(text));
    }
    if let Some(scheme) = scheme {
        // In http a question mark starts the query.
        let wild = if scheme == "s3" { &['*', '?'][..] } else { &['*'] };
        if names.iter().any(|name| name.contains(wild)) {
            let hint = "list them as a range (shard-{000..009}.tar), or one by one";
            return Err(wrong(&format!("* and ? match local files only, servers are not searched; {hint}"), text));
        }
        addresses.extend(names);
        return Ok(());
    }
    for name in names {
        if !name.contains(['*', '?']) {
            if !Path::new(&name).exists() {
                let what = if name == text { "the file".to_owned() } else { format!("a file of {text}") };
                let hint = "check the path".to_owned();
                return Err(DataError::Missing { what, hint, path: PathBuf::from(name) });
            }
            addresses.push(name);
            continue;
        }
        let mut found = matching(&name)?;
        if found.is_empty() {
            return Err(wrong("no file matches", &name));
        }
        if addresses.len() + found.len() > MOST_NAMES {
            return Err(too_many(text));
        }
        found.sort_unstable();
        addresses.append(&mut found);
    }
    Ok(())
}

/// The letters before `://`, if an address starts so.
fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once("://")?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    (!scheme.is_empty() && scheme.bytes().all(word)).then_some(scheme)
}

/// All that a text with ranges and choices stands for, in their order, the last one changing fastest.
fn braces(text: &str) -> Result<Vec<String>, DataError> {
    let mut names = vec![String::new()];
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let (literal, from) = rest.split_at(open);
        let inside = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let Some((inside, after)) = inside.filter(|(inside, _)| !inside.contains('{')) else {
            let message = "a brace has no partner, or one is in another; expected a range such as {000..009}";
            return Err(wrong(message, text));
        };
        let items = if inside.contains("..") {
            range(inside, text)?
        } else if inside.contains(',') {
            inside.split(',').map(str::to_owned).collect()
        } else {
            let message = format!("{{{inside}}} is no range; expected one such as {{000..009}}, or {{one,other}}");
            return Err(wrong(&message, text));
        };
        if names.len().saturating_mul(items.len()) > MOST_NAMES {
            return Err(too_many(text));
        }
        names =
            names.iter().flat_map(|start| items.iter().map(move |item| format!("{start}{literal}{item}"))).collect();
        rest = after;
    }
    names.iter_mut().for_each(|name| name.push_str(rest));
    Ok(names)
}

/// The numbers of `000..009` or `0..90..10`; as wide as the bounds are written if one of them starts with a zero.
fn range(inside: &str, text: &str) -> Result<Vec<String>, DataError> {
    let malformed = |why: &str| wrong(&format!("{{{inside}}} is no range: {why}"), text);
    let parts: Vec<&str> = inside.split("..").collect();
    let (first, last, step) = match parts[..] {
        [first, last] => (first, last, "1"),
        [first, last, step] => (first, last, step),
        _ => return Err(malformed("expected {FIRST..LAST} or {FIRST..LAST..STEP}")),
    };
    let number = |digits: &str| match digits.parse::<u64>() {
        Ok(number) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(malformed(&format!("expected whole numbers, found {digits:?}"))),
    };
    let (from, to, step) = (number(first)?, number(last)?, number(step)?);
    if from > to {
        return Err(malformed(&format!("it counts down; write {{{last}..{first}}}")));
    }
    if step == 0 {
        return Err(malformed("its step is 0"));
    }
    if (to - from) / step >= MOST_NAMES as u64 {
        return Err(too_many(text));
    }
    let padded = [first, last].iter().any(|digits| digits.len() > 1 && digits.starts_with('0'));
    let width = if padded { first.len().max(last.len()) } else { 0 };
    let count = (to - from) / step;
    Ok((0..=count).map(|index| format!("{:0width$}", from + index * step)).collect())
}

/// The files and folders that match a local pattern, in no order.
fn matching(pattern: &str) -> Result<Vec<String>, DataError> {
    if pattern.contains("**") {
        return Err(wrong(
            "** is not understood; an image folder is read with all that is in it: name the folder",
            pattern,
        ));
    }
    let mut found = vec![String::from(if pattern.starts_with('/') { "/" } else { "" })];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for folder in &found {
            if !part.contains(['*', '?']) {
                let path = format!("{folder}{part}");
                if Path::new(&path).exists() {
                    next.push(path);
                }
                continue;
            }
            let at = Path::new(if folder.is_empty() { "." } else { folder });
            if !at.is_dir() {
                continue;
            }
            let unreadable = |why| DataError::Unreadable { what: "the folder", why, path: at.to_path_buf() };
            for entry in std::fs::read_dir(at).map_err(unreadable)? {
                let name = entry.map_err(unreadable)?.file_name();
                // A hidden file is matched by nothing but its dot, as in a shell.
                let Some(name) = name.to_str() else { continue };
                if matches(part, name) && (!name.starts_with('.') || part.starts_with('.')) {
                    next.push(format!("{folder}{name}"));
                }
            }
        }
        if next.len() > MOST_NAMES {
            return Err(too_many(pattern));
        }
        found = next.into_iter().map(|path| path + "/").collect();
    }
    Ok(found.into_iter().map(|path| path.trim_end_matches('/').to_owned()).collect())
}

/// Whether a name matches a pattern of `*`, `?` and letters. Time: their lengths multiplied, whatever the pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star was, and from where on in the name its rest is tried.
    let mut star = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((back, tried)) = star else { return false };
                star = Some((back, tried + 1));
                (at, place) = (back + 1, tried + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

fn wrong(message: &str, address: &str) -> DataError {
    DataError::Address { message: message.to_owned(), address: address.to_owned() }
}

fn too_many(text: &str) -> DataError {
    wrong(&format!("more than {MOST_NAMES} files; is the range right?"), text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(text: &str) -> String {
        expand(&[text]).unwrap_err().to_string()
    }

    #[test]
    fn ranges_and_choices_keep_their_order() {
        let names = expand(&["s3://b/{x,a}/s-{08..10}.tar", "https://h/a?b=*c".replace('*', "").as_str()]).unwrap();
        assert_eq!(names.len(), 7);
        assert_eq!(names[..4], ["s3://b/x/s-08.tar", "s3://b/x/s-09.tar", "s3://b/x/s-10.tar", "s3://b/a/s-08.tar"]);
        assert_eq!(names[6], "https://h/a?b=c");
        assert_eq!(expand(&["http://h/{8..10}"]).unwrap(), ["http://h/8", "http://h/9", "http://h/10"]);
        assert_eq!(expand(&["http://h/{0..9..4}"]).unwrap(), ["http://h/0", "http://h/4", "http://h/8"]);
        assert_eq!(expand(&["http://h/{0..99999}"]).unwrap().len(), MOST_NAMES);
    }

    #[test]
    fn local_patterns_are_sorted_and_skip_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir_all(at("a/deep")).unwrap();
        std::fs::create_dir_all(at("b/deep")).unwrap();
        for name in ["b/1.tar", "a/10.tar", "a/9.tar", "a/.h.tar", "a/x.txt", "{odd}*"] {
            std::fs::write(at(name), b"").unwrap();
        }
        assert_eq!(expand(&[at("*/*.tar")]).unwrap(), [at("a/10.tar"), at("a/9.tar"), at("b/1.tar")]);
        assert_eq!(expand(&[at("{b,a}/?.tar")]).unwrap(), [at("b/1.tar"), at("a/9.tar")]);
        assert_eq!(expand(&[at("a/.*")]).unwrap(), [at("a/.h.tar")]);
        assert_eq!(expand(&[at("*/deep")]).unwrap(), [at("a/deep"), at("b/deep")]);
        assert_eq!(expand(&[at("{odd}*")]).unwrap(), [at("{odd}*")]);
        assert_eq!(expand(&[format!("file://{}", at("a/9.tar"))]).unwrap(), [at("a/9.tar")]);

        let nothing = at("*.zip");
        assert_eq!(says(&nothing), format!("no file matches: {nothing}"));
        let pattern = at("a/{9..11}.tar");
        assert_eq!(says(&pattern), format!("a file of {pattern} is missing; check the path: {}", at("a/11.tar")));
        assert!(says(&at("gone")).starts_with("the file is missing; check the path: "));
        let twice = expand(&[at("a/9.tar"), at("a/*.tar")]).unwrap_err().to_string();
        assert!(twice.starts_with("this is named twice"), "{twice}");
    }

    #[test]
    fn what_is_malformed_says_so() {
        for (text, expected) in [
            ("s3://b/{0..}", "{0..} is no range: expected whole numbers, found \"\""),
            ("s3://b/{+1..2}", "{+1..2} is no range: expected whole numbers, found \"+1\""),
            ("s3://b/{9..0}", "{9..0} is no range: it counts down; write {0..9}"),
            ("s3://b/{0..9..0}", "{0..9..0} is no range: its step is 0"),
            ("s3://b/{0..1..2..3}", "{0..1..2..3} is no range: expected {FIRST..LAST}"),
            ("s3://b/{0}", "{0} is no range; expected one such as {000..009}, or {one,other}"),
            ("s3://b/{0..9", "a brace has no partner"),
            ("s3://b/0..9}", "a brace has no partner"),
            ("s3://b/{a,{0..9}}", "a brace has no partner, or one is in another"),
            ("s3://b/{0..100000}", "more than 100000 files"),
            ("s3://b/{0..18446744073709551615}", "more than 100000 files"),
            ("s3://b/{0..999}{0..999}", "more than 100000 files"),
            ("s3://b/*.tar", "* and ? match local files only"),
            ("gs://b/a.tar", "addresses that start with gs:// are not understood; expected http, https or s3"),
            ("a/**/b", "** is not understood"),
            (" ", "a path is empty"),
        ] {
            assert!(says(text).starts_with(expected), "{text}: {}", says(text));
            assert!(says(text).ends_with(text), "{text}: {}", says(text));
        }
        assert!(expand::<&str>(&[]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a{}.,*?0-9/:]{0,20}") {
            let _ = expand(&[format!("s3://{text}")]);
            let _ = expand(&[text]);
        }

        #[test]
        fn a_pattern_matches_what_it_was_made_from(name in "[ab.]{0,12}", cuts in proptest::collection::vec(0..3_u8, 12)) {
            let pattern: String = name
                .chars()
                .zip(cuts)
                .map(|(letter, cut)| match cut { 0 => letter, 1 => '?', _ => '*' })
                .collect();
            prop_assert!(matches(&pattern, &name), "{} {}", pattern, name);
        }
    }
}
