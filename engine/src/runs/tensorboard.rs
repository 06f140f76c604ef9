//! Event files of TensorBoard, with scalars alone.
//!
//! A file is a row of records: length (u64), its checksum, the bytes, their checksum, all little-endian; a checksum is
//! CRC-32C, turned by 15 bits and shifted by a constant, as TFRecord has it. The bytes are a protobuf message, `Event`:
//! 1 wall_time (double), 2 step (int64), 3 file_version (string), 5 summary (`Summary`: 1 value, repeated: 1 tag, 2
//! simple_value (float)), 7 session_log (`SessionLog`: 1 status, of which 1 is START).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::clock;

/// An event file that is written to.
pub struct EventFile {
    file: File,
    /// Bytes of whole records.
    length: u64,
}

impl EventFile {
    /// A new file in a folder. After `purge_after`, what earlier files say of later steps is no longer shown, so that
    /// the curves of a run that went on from a checkpoint are those of one run.
    pub fn create(folder: &Path, purge_after: Option<u64>) -> io::Result<Self> {
        let (now, process) = (clock::unix(), std::process::id());
        // TensorBoard reads files in the order of their names; two of one second are told apart by a number.
        let is_events = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().contains("tfevents");
        let number = std::fs::read_dir(folder)?.filter_map(Result::ok).filter(is_events).count();
        let name = format!("events.out.tfevents.{:010}.{number:03}.engine.{process}", now as u64);
        let file = File::options().create_new(true).append(true).open(folder.join(name))?;
        let mut events = Self { file, length: 0 };
        let mut version = Message::event(now, purge_after.map_or(0, |step| step + 1));
        version.bytes(3, b"brain.Event:2");
        events.record(&version.0)?;
        if let Some(step) = purge_after {
            // What torch's SummaryWriter does for `purge_step`.
            let mut session = Message::default();
            session.varint(1, 1);
            let mut event = Message::event(now, step + 1);
            event.bytes(7, &session.0);
            events.record(&event.0)?;
        }
        Ok(events)
    }

    /// Writes numbers of a step.
    pub fn scalars(&mut self, wall_time: f64, step: u64, scalars: &[(String, f64)]) -> io::Result<()> {
        let mut summary = Message::default();
        for (tag, number) in scalars {
            let mut value = Message::default();
            value.bytes(1, tag.as_bytes());
            value.float(2, *number as f32);
            summary.bytes(1, &value.0);
        }
        let mut event = Message::event(wall_time, step);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(bytes.len() + 16);
        record.extend(length);
        record.extend(masked_checksum(&length).to_le_bytes());
        record.extend(bytes);
        record.extend(masked_checksum(bytes).to_le_bytes());
        match self.file.write_all(&record) {
            Ok(()) => self.length += record.len() as u64,
            // A part of a record would make the rest unreadable.
            Err(error) => {
                self.file.set_len(self.length).ok();
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A protobuf message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn event(wall_time: f64, step: u64) -> Self {
        let mut event = Self::default();
        event.0.push(1 << 3 | 1);
        event.0.extend(wall_time.to_le_bytes());
        event.varint(2, step);
        event
    }

    fn varint(&mut self, field: u8, value: u64) {
        self.0.push(field << 3);
        self.number(value);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.0.push(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.0.push(field << 3 | 2);
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli). A record has a hundred bytes: bit by bit is fast enough.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 })
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    /// Read back by hand; TensorBoard itself was asked when this was written.
    #[test]
    fn records_are_framed_and_hold_their_scalars() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), Some(6)).unwrap();
        events.scalars(12.5, 300, &[("step/loss".to_owned(), 0.5)]).unwrap();
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = &std::fs::read(path).unwrap()[..];
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let checksum = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(checksum(8), masked_checksum(&bytes[..8]));
            assert_eq!(checksum(12 + length), masked_checksum(&bytes[12..12 + length]));
            records.push(&bytes[12..12 + length]);
            bytes = &bytes[16 + length..];
        }
        assert!(records[0].ends_with(b"brain.Event:2"));
        assert_eq!(records[1][9..], [0x10, 7, 0x3A, 2, 0x08, 1], "step 7 starts anew");
        let mut scalar = vec![0x09];
        scalar.extend(12.5_f64.to_le_bytes());
        scalar.extend([0x10, 0xAC, 0x02, 0x2A, 18, 0x0A, 16, 0x0A, 9]);
        scalar.extend(b"step/loss");
        scalar.push(0x15);
        scalar.extend(0.5_f32.to_le_bytes());
        assert_eq!(records[2], scalar);
    }
}
