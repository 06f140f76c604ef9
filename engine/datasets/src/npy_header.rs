//! The header of NumPy's `.npy` (versions 1.0, 2.0 and 3.0;
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>): a Python dictionary as text.

/// What a `.npy` says about its array.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Byte order (`<`, `>`, `|`, `=`), kind (`f`, `u`, …) and size, such as `<f4`.
    pub(super) descr: String,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<u64>,
    /// Where the elements begin.
    pub(super) start: u64,
}

/// Bytes of a header that are believed: there may be a long list of names in it, of the kind that is not read anyway.
pub(super) const LONGEST: usize = 1 << 16;

/// Reads a header out of a file's first bytes (up to [`LONGEST`] of them). The error is the message.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| {
        let zip = if bytes.starts_with(b"PK") { "; it is a zip, most likely a .npz: unpack it" } else { "" };
        format!("this is no .npy: it doesn't start so{zip}")
    })?;
    let cut = || "the file is cut off within its header".to_owned();
    let [major, _, lengths @ ..] = rest else { return Err(cut()) };
    let (length, wide) = match (major, lengths) {
        (1, [a, b, ..]) => (usize::from(u16::from_le_bytes([*a, *b])), 2),
        (2 | 3, [a, b, c, d, ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 4),
        (1..=3, _) => return Err(cut()),
        _ => return Err(format!("this is version {major} of .npy, expected 1 to 3")),
    };
    if length > LONGEST {
        return Err(format!("its header has {length} bytes, which is too much"));
    }
    let text = lengths.get(wide..wide + length).ok_or_else(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| "its header is no text".to_owned())?;
    let (descr, fortran_order, shape) = Words(text).header().map_err(|why| format!("its header is damaged: {why}"))?;
    Ok(Header { descr, fortran_order, shape, start: (8 + wide + length) as u64 })
}

/// What is left of the text.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, the keys in any order.
    fn header(mut self) -> Result<(String, bool, Vec<u64>), String> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.take("}") {
            let key = self.text()?;
            self.expect(":")?;
            match key {
                "descr" if self.0.trim_start().starts_with('[') => {
                    return Err(
                        "it has named columns (a structured array), which are not read; save each as an array \
                                of its own"
                            .to_owned(),
                    );
                }
                "descr" => descr = Some(self.text()?.to_owned()),
                "fortran_order" => fortran_order = Some(self.truth()?),
                "shape" => shape = Some(self.shape()?),
                other => return Err(format!("there is a key {other:?}")),
            }
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        let lacks = |key: &str| format!("there is no {key}");
        Ok((
            descr.ok_or_else(|| lacks("descr"))?,
            fortran_order.ok_or_else(|| lacks("fortran_order"))?,
            shape.ok_or_else(|| lacks("shape"))?,
        ))
    }

    fn take(&mut self, word: &str) -> bool {
        match self.0.trim_start().strip_prefix(word) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.take(word) {
            return Ok(());
        }
        let found: String = self.0.trim_start().chars().take(10).collect();
        Err(format!("expected {word:?}, found {found:?}"))
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let quote = if self.take("\"") { '"' } else { self.expect("'").map(|()| '\'')? };
        let (text, rest) = self.0.split_once(quote).ok_or("a text has no end")?;
        self.0 = rest;
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, String> {
        if self.take("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn shape(&mut self) -> Result<Vec<u64>, String> {
        self.expect("(")?;
        let mut shape = Vec::new();
        while !self.take(")") {
            let text = self.0.trim_start();
            let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            shape.push(text[..digits].parse().map_err(|_| "a dimension is no number".to_owned())?);
            // As Python 2 wrote long ones.
            self.0 = text[digits..].strip_prefix('L').unwrap_or(&text[digits..]);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        if shape.len() > 32 { Err("it has more than 32 dimensions".to_owned()) } else { Ok(shape) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, text.as_bytes()].concat()
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let header = parse(&file("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n")).unwrap();
        assert_eq!(header, Header { descr: "<f4".into(), fortran_order: false, shape: vec![3, 4], start: 73 });
        let text = "{\"shape\": (3L,), 'descr': '|u1', 'fortran_order': True}";
        let header = parse(&file(text)).unwrap();
        assert_eq!(header, Header { descr: "|u1".into(), fortran_order: true, shape: vec![3], start: 65 });
        let wide = [b"\x93NUMPY\x03\x00".as_slice(), &55_u32.to_le_bytes(), text.as_bytes()].concat();
        assert_eq!(parse(&wide).unwrap(), Header { start: 67, ..header });
        assert_eq!(
            parse(&file("{'descr': 'u1', 'fortran_order': False, 'shape': ()}")).unwrap().shape,
            Vec::<u64>::new()
        );
    }

    #[test]
    fn damage_says_what_it_is() {
        for (bytes, expected) in [
            (
                b"PK\x03\x04".to_vec(),
                "this is no .npy: it doesn't start so; it is a zip, most likely a .npz: unpack it",
            ),
            (b"\x93NUMPY\x01".to_vec(), "the file is cut off within its header"),
            (b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), "the file is cut off within its header"),
            (b"\x93NUMPY\x04\x00\x00\x00\x00\x00".to_vec(), "this is version 4 of .npy, expected 1 to 3"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "its header has 4294967295 bytes, which is too much"),
            (file("{'descr': 'u1'}"), "its header is damaged: there is no fortran_order"),
            (file("{'descr': [('a', 'u1')]}"), "its header is damaged: it has named columns"),
            (file("{'shape': (-1,)}"), "its header is damaged: a dimension is no number"),
            (file("{'shape': (99999999999999999999,)}"), "its header is damaged: a dimension is no number"),
            (file("['descr']"), "its header is damaged: expected \"{\", found \"['descr']\""),
        ] {
            let error = parse(&bytes).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
        fn no_text_panics(text in "[{}()',: a-zA-Z0-9\\[]{0,60}", cut in 0..80_usize) {
            let bytes = file(&format!("{{'descr': '<f4', 'shape': ({text}"));
            let _ = parse(&bytes[..cut.min(bytes.len())]);
            let _ = parse(&bytes);
        }
    }
}
