//! The size of a JPEG, from its headers: a row stores it beside the pointer.

/// Width and height; `None` for what is no JPEG, or is cut off before its frame header.
pub(super) fn size(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    loop {
        // Any number of 0xff may stand before a marker.
        let [0xff, marker, after @ ..] = rest else { return None };
        match *marker {
            0xff => rest = &rest[1..],
            // Frame headers; the three others of the row are tables and an extension.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let [_, _, _, h0, h1, w0, w1, ..] = *after else { return None };
                let (height, width) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([w0, w1]));
                return (width > 0 && height > 0).then_some((width, height));
            }
            // Markers without a length: the start again, restarts, and one for arithmetic coding.
            0x01 | 0xd0..=0xd8 => rest = after,
            // The end, or the scan's data: a frame header comes before either.
            0xd9 | 0xda => return None,
            _ => {
                let [l0, l1, ..] = *after else { return None };
                rest = after.get(usize::from(u16::from_be_bytes([l0, l1])).max(2)..)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn the_frame_header_is_found_behind_others() {
        let head = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc4, 0, 2];
        let frame = [0xff, 0xc2, 0, 17, 8, 1, 2, 3, 4, 3];
        let file = [&head[..], &frame].concat();
        assert_eq!(size(&file), Some((0x0304, 0x0102)));
        for end in 0..file.len() - 1 {
            assert_eq!(size(&file[..end]), None);
        }
    }

    #[test]
    fn what_is_no_jpeg_has_no_size() {
        for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n", &[0xff, 0xd8, 0xff, 0xd9], &[0xff, 0xd8, 0xff, 0xe0, 0, 0]] {
            assert_eq!(size(bytes), None);
        }
    }
}
