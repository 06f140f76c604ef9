//! A second writer of the format, straight from its description and sharing nothing with the real one. It does what
//! FFCV does with several workers: chunks of rows go to any worker, each fills pages of its own, what did not fit is
//! left in the page as it was, and the allocation table is in the order of the workers.

pub(super) struct File {
    pub(super) page_bytes: usize,
    pub(super) workers: usize,
    pub(super) chunk: usize,
    /// Type, name, arguments.
    pub(super) fields: Vec<(u8, &'static str, Vec<u8>)>,
    pub(super) rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
pub(super) enum Cell {
    Float(f64),
    Int(i64),
    /// Mode, width, height.
    Image(u8, u16, u16, Vec<u8>),
    /// Bytes and JSON, as stored.
    Sized(Vec<u8>),
    Array(Vec<u8>),
}

#[derive(Default)]
struct Worker {
    page: Option<usize>,
    used: usize,
    table: Vec<[u64; 3]>,
}

/// The argument block of an array.
pub(super) fn array(shape: &[u64], dtype: &str) -> Vec<u8> {
    let mut block = vec![0; 264];
    for (index, extent) in shape.iter().enumerate() {
        block[index * 8..index * 8 + 8].copy_from_slice(&extent.to_le_bytes());
    }
    let text = format!("[[\"\", \"{dtype}\"]]");
    block[256..264].copy_from_slice(&(text.len() as u64).to_le_bytes());
    block.extend(text.into_bytes());
    block
}

impl File {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(2_u16.to_le_bytes());
        out.extend((self.fields.len() as u16).to_le_bytes());
        out.extend((self.page_bytes as u32).to_le_bytes());
        out.extend((self.rows.len() as u64).to_le_bytes());
        out.extend([0; 8]);
        for (kind, name, arguments) in &self.fields {
            let mut descriptor = vec![0; 1041];
            descriptor[0] = *kind;
            let name = &name.as_bytes()[..name.len().min(16)];
            descriptor[1..1 + name.len()].copy_from_slice(name);
            descriptor[17..17 + arguments.len()].copy_from_slice(arguments);
            out.extend(descriptor);
        }
        let row_bytes = self.row(&self.rows[0], &vec![0; self.fields.len()]).len();
        let first = out.len() + row_bytes * self.rows.len();
        let first = first.div_ceil(self.page_bytes) * self.page_bytes;
        let mut pages: Vec<Vec<u8>> = Vec::new();
        let mut workers: Vec<Worker> = (0..self.workers).map(|_| Worker::default()).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let worker = &mut workers[index / self.chunk % self.workers];
            let starts = match self.place(index, row, first, worker, &mut pages) {
                Some(starts) => starts,
                None => self.place(index, row, first, worker, &mut pages).expect("a row fits a page"),
            };
            out.extend(self.row(row, &starts));
        }
        if !pages.is_empty() {
            out.resize(first, 0);
        }
        out.extend(pages.concat());
        let table = (out.len() as u64).to_le_bytes();
        out[16..24].copy_from_slice(&table);
        for worker in workers.iter().rev() {
            out.extend(worker.table.iter().flatten().flat_map(|number| number.to_le_bytes()));
        }
        out
    }

    /// Where the row's regions start; `None` if a new page was begun in its middle.
    fn place(
        &self,
        index: usize,
        row: &[Cell],
        first: usize,
        worker: &mut Worker,
        pages: &mut Vec<Vec<u8>>,
    ) -> Option<Vec<u64>> {
        let mut starts = Vec::new();
        for cell in row {
            let (Cell::Image(_, _, _, bytes) | Cell::Sized(bytes) | Cell::Array(bytes)) = cell else {
                starts.push(0);
                continue;
            };
            let left = worker.page.map_or(0, |_| self.page_bytes - worker.used);
            if bytes.len() > left {
                worker.page = Some(pages.len());
                worker.used = 0;
                pages.push(vec![0; self.page_bytes]);
                let placed = worker.table.len();
                worker.table.retain(|record| record[0] != index as u64);
                if worker.table.len() < placed {
                    return None;
                }
            }
            // An empty region before the first page lies a page before it, wherever that is.
            let page = worker.page.map_or(first as i64 - self.page_bytes as i64, |page| {
                pages[page][worker.used..worker.used + bytes.len()].copy_from_slice(bytes);
                (first + page * self.page_bytes) as i64
            });
            let start = (page + worker.used as i64) as u64;
            worker.table.push([index as u64, start, bytes.len() as u64]);
            worker.used += bytes.len();
            starts.push(start);
        }
        Some(starts)
    }

    /// A row's cells, aligned as C does, but for those of several parts, which are packed.
    fn row(&self, row: &[Cell], starts: &[u64]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut wide = false;
        let mut align = |out: &mut Vec<u8>| {
            wide = true;
            while !out.len().is_multiple_of(8) {
                out.push(0);
            }
        };
        for (cell, start) in row.iter().zip(starts) {
            match cell {
                Cell::Float(value) => {
                    align(&mut out);
                    out.extend(value.to_le_bytes());
                }
                Cell::Int(value) => {
                    align(&mut out);
                    out.extend(value.to_le_bytes());
                }
                Cell::Image(mode, width, height, _) => {
                    out.push(*mode);
                    out.extend(width.to_le_bytes());
                    out.extend(height.to_le_bytes());
                    out.extend(start.to_le_bytes());
                }
                Cell::Sized(bytes) => {
                    out.extend(start.to_le_bytes());
                    out.extend((bytes.len() as u64).to_le_bytes());
                }
                Cell::Array(_) => {
                    align(&mut out);
                    out.extend(start.to_le_bytes());
                }
            }
        }
        if wide {
            while !out.len().is_multiple_of(8) {
                out.push(0);
            }
        }
        out
    }
}
