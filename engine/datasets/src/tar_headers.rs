//! The files in a tar: where each begins, how long it is, what it is called. Their bytes are not read.
//!
//! Follows POSIX.1-2017 (ustar and pax) and GNU tar's long names and large numbers.

use std::path::Path;

use super::error::DataError;
use super::storage::Storage;

/// Bytes of a header, and what files are padded to.
const BLOCK: u64 = 512;

/// Bytes of a long name, or of extended headers, that are believed.
const LONGEST_NAME: u64 = 1 << 20;

/// A regular file in a tar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path, without a leading `./`.
    pub(super) name: String,
    /// Where its bytes begin in the tar.
    pub(super) start: u64,
    /// How many it has; they all lie within the tar.
    pub(super) size: u64,
}

/// Walks through a tar. After an error, and after the last file, it ends.
pub(super) struct Members<'a> {
    tar: &'a dyn Storage,
    at: u64,
    ended: bool,
}

/// What an entry says about the next one.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    size: Option<u64>,
}

impl<'a> Members<'a> {
    pub(super) fn of(tar: &'a dyn Storage) -> Self {
        Self { tar, at: 0, ended: false }
    }

    fn next_member(&mut self) -> Result<Option<Member>, DataError> {
        let mut extended = Extended::default();
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let size = match extended.size {
                Some(size) if matches!(header[156], b'0' | 0 | b'7') => size,
                _ => number(&header[124..136]).ok_or_else(|| self.damaged("has a size that is no number"))?,
            };
            let start = self.at + BLOCK;
            // What has no bytes may carry a size all the same.
            let size = if matches!(header[156], b'1'..=b'6') { 0 } else { size };
            let end = start.checked_add(size).filter(|end| *end <= self.tar.len()).ok_or_else(|| {
                let there = self.tar.len().saturating_sub(start);
                self.wrong(format!(
                    "the tar is cut off: its file {} has {size} bytes, {there} of them are there",
                    name_in(&header)
                ))
            })?;
            match header[156] {
                b'L' => {
                    let name = self.text(start, size)?;
                    extended.name = Some(self.utf8(name.split(|byte| *byte == 0).next().unwrap_or_default())?);
                }
                b'x' => {
                    let records = self.text(start, size)?;
                    self.pax(&records, &mut extended)?;
                }
                b'S' => return Err(self.damaged("is sparse, which is not read; pack it with plain files")),
                b'0' | 0 | b'7' => {
                    let name = match extended.name.take() {
                        Some(name) => name,
                        None => self.utf8(&plain_name(&header))?,
                    };
                    self.advance(end);
                    extended.size = None;
                    // As old tars write folders.
                    if name.ends_with('/') {
                        continue;
                    }
                    let name = name.strip_prefix("./").map(str::to_owned).unwrap_or(name);
                    return Ok(Some(Member { name, start, size }));
                }
                // Folders, links, devices, volume labels, headers for all files: no file, so no field.
                _ => extended = Extended::default(),
            }
            self.advance(end);
        }
    }

    /// The next header; `None` at the end mark.
    fn header(&self) -> Result<Option<[u8; 512]>, DataError> {
        if self.at.checked_add(BLOCK).is_none_or(|end| end > self.tar.len()) {
            let why =
                if self.tar.is_empty() { "the tar is empty" } else { "the tar is cut off: its end mark is missing" };
            return Err(self.wrong(why.to_owned()));
        }
        let bytes = self.tar.read(self.at..self.at + BLOCK)?;
        let header: [u8; 512] = bytes.as_ref().try_into().map_err(|_| self.damaged("is incomplete"))?;
        if header == [0; 512] {
            return self.nothing_after().map(|()| None);
        }
        // A sum of all bytes, with those of the sum itself as spaces; some old tars add them as signed ones.
        let counted =
            || header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        let sum: u64 = counted().map(u64::from).sum();
        let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
        let given = number(&header[148..156]);
        if given != Some(sum) && given.and_then(|given| i64::try_from(given).ok()) != Some(signed) {
            if self.at == 0 {
                return Err(self.wrong(format!("this is no tar{}", lookalike(&header))));
            }
            return Err(self.damaged("has a wrong checksum: the tar is damaged"));
        }
        Ok(Some(header))
    }

    /// Tars that were joined by `cat` would lose all but the first.
    fn nothing_after(&self) -> Result<(), DataError> {
        let padding = self.at..self.tar.len().min(self.at + 40 * BLOCK);
        if self.tar.read(padding)?.iter().any(|byte| *byte != 0) {
            return Err(self.wrong(format!(
                "there is more after the end mark at byte {}: if tars were joined, name them as several shards",
                self.at
            )));
        }
        Ok(())
    }

    fn advance(&mut self, end: u64) {
        self.at = end.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
    }

    fn text(&self, start: u64, size: u64) -> Result<Vec<u8>, DataError> {
        if size > LONGEST_NAME {
            return Err(self.damaged(&format!("has {size} bytes of names, which is too much")));
        }
        Ok(self.tar.read(start..start + size)?.into_owned())
    }

    /// Records of `LENGTH KEY=VALUE\n`, the length being that of the whole record.
    fn pax(&self, mut records: &[u8], extended: &mut Extended) -> Result<(), DataError> {
        while !records.is_empty() && records[0] != 0 {
            let record = records.iter().position(|byte| *byte == b' ').and_then(|space| {
                let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
                let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
                let equals = record.iter().position(|byte| *byte == b'=')?;
                Some((&record[..equals], &record[equals + 1..], length))
            });
            let Some((key, value, length)) = record else {
                return Err(self.damaged("has damaged extended headers"));
            };
            match key {
                b"path" => extended.name = Some(self.utf8(value)?),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                    extended.size = Some(size.ok_or_else(|| self.damaged("has a size that is no number"))?);
                }
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(self.damaged("is sparse, which is not read; pack it with plain files"));
                }
                _ => {}
            }
            records = &records[length..];
        }
        Ok(())
    }

    fn utf8(&self, name: &[u8]) -> Result<String, DataError> {
        String::from_utf8(name.to_vec()).map_err(|_| self.damaged("has a name that is no UTF-8"))
    }

    fn damaged(&self, what: &str) -> DataError {
        self.wrong(format!("the entry at byte {} {what}", self.at))
    }

    fn wrong(&self, message: String) -> DataError {
        DataError::Format { message, path: Path::to_path_buf(self.tar.path()) }
    }
}

impl Iterator for Members<'_> {
    type Item = Result<Member, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_member().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// An octal number between spaces and zeros, or GNU's big-endian one with the top bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (first, rest) = field.split_first()?;
        return rest
            .iter()
            .try_fold(u64::from(first & 0x7f), |number, byte| number.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// The name in the header itself: up to the first zero byte, after ustar's prefix if there is one.
fn plain_name(header: &[u8; 512]) -> Vec<u8> {
    let until_zero = |field: &[u8]| field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let name = until_zero(&header[..100]);
    let prefix = if &header[257..263] == b"ustar\0" { until_zero(&header[345..500]) } else { Vec::new() };
    if prefix.is_empty() { name } else { [prefix, name].join(&b'/') }
}

fn name_in(header: &[u8; 512]) -> String {
    String::from_utf8_lossy(&plain_name(header)).into_owned()
}

/// A word about what people have instead of a tar.
fn lookalike(start: &[u8; 512]) -> &'static str {
    if start.starts_with(&[0x1f, 0x8b]) {
        "; it is compressed with gzip, and would have to be read from its beginning for every sample: unpack it (gunzip)"
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        "; it is compressed with zstd, and would have to be read from its beginning for every sample: unpack it (unzstd)"
    } else if start.starts_with(b"PK") {
        "; it is a zip"
    } else {
        "; the first header has a wrong checksum"
    }
}
