//! Fused stages over chunks of rows, on a pool of workers, with several batches in flight.
//!
//! Each batch in flight has a slot of a ring, and a job on the pool that runs one stage after the other, each in
//! parallel over chunks. Workers without a chunk of one batch take one of another, so that nobody waits while there is
//! work. The protocol:
//!
//! 1. A job starts when a slot is free: that is the back-pressure. It takes the next sequence number.
//! 2. A finished slot waits under its sequence number until all before it were taken.
//! 3. A slot is free again when the consumer drops its batch.
//! 4. The first error ends the run: it is kept, no job starts any more, and running ones give up at their next chunk.
//! 5. Dropping the stream does the same without an error, and waits for the running jobs.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSlice as _;
use telemetry::{Hub, Part};

use super::chunk::{self, Cell, Chunk, Scratch};
use super::error::RunError;
use super::pipeline::Pipeline;
use super::program::StageProgram;
use super::stop::StopToken;
use super::waits::{Activity, StageClock};
use super::{BatchRange, Batches, Executor};
use crate::batch::{Batch, BatchId, Memory, Recycle, RowShape, Slot, Values, ValuesMut};
use crate::params::plural;

/// The parallel executor.
#[derive(Clone)]
pub struct Threaded {
    pool: Arc<ThreadPool>,
    stop: StopToken,
    hub: Option<Arc<Hub>>,
    on_error: Option<OnError>,
}

type OnError = Arc<dyn Fn(&RunError) + Send + Sync>;

impl Threaded {
    /// A pool of so many workers.
    pub fn new(workers: usize, stop: StopToken, hub: Option<Arc<Hub>>) -> Result<Self, RunError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers.max(1)).thread_name(|i| format!("worker-{i}"));
        let pool = pool
            .build()
            .map_err(|e| RunError::new(format!("cannot start {}: {e}", plural(workers as u64, "worker"))))?;
        Ok(Self { pool: Arc::new(pool), stop, hub, on_error: None })
    }

    /// Calls `on_error` on the worker's thread at the first error of a pipeline: its consumer hears of it only when it
    /// asks for the next batch.
    #[must_use]
    pub fn on_error(self, on_error: impl Fn(&RunError) + Send + Sync + 'static) -> Self {
        Self { on_error: Some(Arc::new(on_error)), ..self }
    }
}

impl Executor for Threaded {
    fn stop_token(&self) -> &StopToken {
        &self.stop
    }

    fn start(&self, pipeline: &Arc<Pipeline>, range: BatchRange) -> Box<dyn Batches> {
        let plan = pipeline.plan();
        let edges: Vec<usize> = (0..plan.edges.len()).filter(|&e| plan.edges[e].0 == pipeline.end()).collect();
        let stage = plan.stage_of(pipeline.end());
        let depth = plan.stages[stage].prefetch_depth.max(1);
        let ring = Arc::new(Ring {
            end: range.len(pipeline.batches_per_epoch()),
            range,
            // One more than may wait: the one that the consumer holds.
            slots: depth + 1,
            edges,
            pool: Arc::clone(&self.pool),
            stop: self.stop.clone(),
            hub: self.hub.clone(),
            on_error: self.on_error.clone(),
            closed: AtomicBool::new(false),
            scratch: Mutex::default(),
            state: Mutex::new(State {
                clock: StageClock::new(pipeline.program.stages.len()),
                free: Vec::new(),
                allocated: 0,
                next_job: 0,
                next_out: 0,
                done: BTreeMap::new(),
                running: 0,
                error: None,
            }),
            changed: Condvar::new(),
            pipeline: Arc::clone(pipeline),
        });
        ring.submit(&mut ring.lock());
        Box::new(ThreadedBatches { ring, waited: Duration::ZERO })
    }
}

struct State {
    clock: StageClock,
    free: Vec<Slot>,
    allocated: usize,
    next_job: u64,
    next_out: u64,
    done: BTreeMap<u64, Slot>,
    running: usize,
    error: Option<RunError>,
}

/// What the jobs, the consumer and the batches share.
struct Ring {
    pipeline: Arc<Pipeline>,
    range: BatchRange,
    /// How many batches there are.
    end: u64,
    slots: usize,
    /// Edges of the plan whose queue this is.
    edges: Vec<usize>,
    pool: Arc<ThreadPool>,
    stop: StopToken,
    hub: Option<Arc<Hub>>,
    on_error: Option<OnError>,
    /// Nobody takes batches any more.
    closed: AtomicBool,
    scratch: Mutex<Vec<Scratch>>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Ring {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; were it so, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many slots there may be: one more than batches may wait.
    fn slots(&self) -> usize {
        let asked = self.hub.as_ref().and_then(|hub| hub.controls().prefetch());
        asked.map_or(self.slots, |depth| depth + 1)
    }

    fn tell_memory(&self, state: &State) {
        if let Some(hub) = &self.hub {
            let bytes = state.allocated * self.pipeline.program.slot_bytes(self.pipeline.shape().batch_size);
            hub.slots(self.pipeline.plan().stage_of(self.pipeline.end()), bytes as u64);
        }
    }

    fn over(&self) -> bool {
        self.closed.load(Relaxed) || self.stop.stopped()
    }

    fn account(&self, state: &mut State) {
        if let Some(hub) = &self.hub {
            let activity = match (state.running, state.next_job == self.end) {
                (0, true) => Activity::Over,
                (0, false) => Activity::Full,
                _ => Activity::Running,
            };
            state.clock.change(hub, self.pipeline.program.stages.iter().map(|s| s.stage), activity);
            for &edge in &self.edges {
                hub.queue(edge, state.done.len());
            }
        }
    }

    /// Starts jobs for all free slots.
    fn submit(self: &Arc<Self>, state: &mut State) {
        while state.next_job < self.end && state.error.is_none() && !self.over() {
            let slot = match state.free.pop() {
                Some(slot) => slot,
                None if state.allocated < self.slots() => {
                    state.allocated += 1;
                    self.tell_memory(state);
                    self.pipeline.slot()
                }
                None => return,
            };
            let sequence = state.next_job;
            self.account(state);
            state.next_job += 1;
            state.running += 1;
            let ring = Arc::clone(self);
            self.pool.spawn_fifo(move || ring.job(sequence, slot));
        }
    }

    /// Makes one batch.
    fn job(self: &Arc<Self>, sequence: u64, mut slot: Slot) {
        // Kernels' panics are caught where their node is known. One of the executor's own must not end the process.
        let filled = catch_unwind(AssertUnwindSafe(|| self.fill(sequence, &mut slot)));
        let result = filled.unwrap_or_else(|payload| Err(RunError::defect(&*payload)));
        let mut state = self.lock();
        self.account(&mut state);
        state.running -= 1;
        match result {
            Ok(true) => drop(state.done.insert(sequence, slot)),
            Ok(false) => {}
            Err(error) if state.error.is_none() => {
                if let Some(on_error) = &self.on_error {
                    on_error(&error);
                }
                state.error = Some(error);
            }
            Err(_) => {}
        }
        self.changed.notify_all();
    }

    /// Whether the batch was finished: not if the run is over.
    fn fill(&self, sequence: u64, slot: &mut Slot) -> Result<bool, RunError> {
        slot.id = self.range.at(sequence, self.pipeline.batches_per_epoch());
        self.pipeline.name_rows(slot);
        loop {
            match self.stages(slot) {
                // A row that cannot be read: the batch is made anew, without it.
                Err(error) => self.pipeline.mend(error, slot)?,
                finished => return finished,
            }
        }
    }

    /// Runs all stages over the rows that a slot names.
    fn stages(&self, slot: &mut Slot) -> Result<bool, RunError> {
        for (index, program) in self.pipeline.program.stages.iter().enumerate() {
            self.enter_or_leave(|clock| clock.enter(index));
            let result = self.stage(program, slot);
            self.enter_or_leave(|clock| clock.leave(index));
            if !result? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn enter_or_leave(&self, change: impl FnOnce(&mut StageClock)) {
        if self.hub.is_some() {
            let mut state = self.lock();
            self.account(&mut state);
            change(&mut state.clock);
        }
    }

    /// Runs a stage over all chunks of a batch, in parallel.
    fn stage(&self, program: &StageProgram, slot: &mut Slot) -> Result<bool, RunError> {
        let (id, rows) = (slot.id, program.rows_per_chunk);
        let mut chunks: Vec<Vec<Cell<'_>>> = Vec::new();
        chunks.resize_with(slot.samples.len().div_ceil(rows), Vec::new);
        let lens: Vec<usize> = slot.samples.chunks(rows).map(<[u64]>::len).collect();
        let buffers = slot.buffers.iter_mut().zip(&self.pipeline.program.buffers).zip(&program.writes);
        for ((memory, shape), written) in buffers {
            cut(memory, *shape, *written, rows, &lens, &mut chunks);
        }
        let count = chunks.len();
        let first_of_batch = (id.epoch + id.index) as usize * count;
        let names = slot.samples.par_chunks(rows).zip(slot.identities.par_chunks(rows));
        let results = chunks.into_par_iter().zip(names).enumerate().map(|(index, (cells, (samples, identities)))| {
            if self.over() {
                return Ok(false);
            }
            let clocked = self.hub.is_some() && (first_of_batch + index).is_multiple_of(program.clocked_chunks());
            let worker = rayon::current_thread_index().unwrap_or_default();
            let chunk = Chunk { id, samples, identities, start: index * rows, clocked, worker };
            self.chunk(program, &chunk, cells).map(|()| true)
        });
        let whole = results.try_reduce(|| true, |a, b| Ok(a && b))?;
        if let Some(hub) = &self.hub {
            hub.batch(program.stage, rayon::current_thread_index().unwrap_or_default());
        }
        Ok(whole)
    }

    fn chunk<'a>(&self, program: &StageProgram, chunk: &Chunk<'_>, cells: Vec<Cell<'a>>) -> Result<(), RunError> {
        // No worker that holds a permit waits for another one, so that those who wait for a permit get it.
        let _permit = self.hub.as_ref().map(|hub| hub.controls().permit());
        let start = self.hub.as_ref().map(|_| Instant::now());
        let mut scratch = self.lock_scratch().pop().unwrap_or_default();
        for (index, shape) in program.scratch.iter().enumerate() {
            match scratch.buffers.get_mut(index) {
                Some(memory) => memory.reserve(*shape, program.rows_per_chunk),
                None => scratch.buffers.push(shape.memory(program.rows_per_chunk)),
            }
        }
        let result = {
            let mut all: Vec<Cell<'_>> = cells;
            for (memory, shape) in scratch.buffers.iter_mut().zip(&program.scratch) {
                all.push(Cell::Own(memory.rows_mut(*shape, chunk.samples.len())));
            }
            chunk::run(&self.pipeline, program, chunk, &mut all, &mut scratch.pass, self.hub.as_deref())
        };
        self.lock_scratch().push(scratch);
        if let (Some(hub), Some(start)) = (&self.hub, start) {
            let time = start.elapsed();
            hub.rows(program.stage, chunk.worker, chunk.samples.len(), time);
            if hub.tracing() {
                let batch = (chunk.id.epoch, chunk.id.index);
                hub.span(chunk.worker, program.stage, Part::Chunk, batch, start, time);
            }
        }
        result
    }

    fn lock_scratch(&self) -> MutexGuard<'_, Vec<Scratch>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts a column into the rows of each chunk.
fn cut<'a>(
    memory: &'a mut Memory,
    shape: RowShape,
    written: bool,
    rows: usize,
    lens: &[usize],
    chunks: &mut [Vec<Cell<'a>>],
) {
    let chunks = chunks.iter_mut().zip(lens);
    match (memory, shape, written) {
        (Memory::Bytes(buffer), RowShape::Bytes(bytes), true) => {
            // A field without elements has rows of no bytes, which no chunk can be cut from.
            let mut parts = buffer.bytes_mut().chunks_mut((rows * bytes).max(1));
            chunks.for_each(|(cells, len)| {
                cells.push(Cell::Own(ValuesMut::Bytes(&mut parts.next().unwrap_or_default()[..len * bytes])));
            });
        }
        (Memory::Bytes(buffer), RowShape::Bytes(bytes), false) => {
            let mut parts = buffer.bytes().chunks((rows * bytes).max(1));
            chunks.for_each(|(cells, len)| {
                cells.push(Cell::Shared(Values::Bytes(&parts.next().unwrap_or_default()[..len * bytes])));
            });
        }
        (Memory::Items(items), _, true) => {
            let mut parts = items.chunks_mut(rows);
            chunks.for_each(|(cells, len)| {
                cells.push(Cell::Own(ValuesMut::Items(&mut parts.next().unwrap_or_default()[..*len])));
            });
        }
        (Memory::Items(items), _, false) => {
            let mut parts = items.chunks(rows);
            chunks.for_each(|(cells, len)| {
                cells.push(Cell::Shared(Values::Items(&parts.next().unwrap_or_default()[..*len])));
            });
        }
        (Memory::Bytes(_), RowShape::Item, _) => unreachable!("memory has the shape that it was made with"),
    }
}

/// How a batch finds back to its ring.
struct Home(Arc<Ring>);

impl Recycle for Home {
    fn recycle(&self, slot: Slot) {
        let mut state = self.0.lock();
        self.0.account(&mut state);
        if state.allocated > self.0.slots() {
            // A viewer has asked for fewer.
            state.allocated -= 1;
            self.0.tell_memory(&state);
        } else {
            state.free.push(slot);
        }
        self.0.submit(&mut state);
    }
}

struct ThreadedBatches {
    ring: Arc<Ring>,
    waited: Duration,
}

impl Batches for ThreadedBatches {
    fn next(&mut self) -> Result<Option<Batch>, RunError> {
        let start = Instant::now();
        let mut state = self.ring.lock();
        let slot = loop {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            if state.next_out == self.ring.end || self.ring.over() {
                break None;
            }
            let sequence = state.next_out;
            if state.done.contains_key(&sequence) {
                self.ring.account(&mut state);
                state.next_out += 1;
                break state.done.remove(&sequence).map(|slot| (sequence, slot));
            }
            if state.running == 0 && state.next_job == sequence {
                // The consumer holds every slot, and asks for one more: waiting would be for ever.
                state.free.push(self.ring.pipeline.slot());
                self.ring.submit(&mut state);
            }
            // A stop sets no condition, so that it is looked for now and then.
            let wait = self.ring.changed.wait_timeout(state, Duration::from_millis(50));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        };
        if let Some(hub) = &self.ring.hub {
            for &edge in &self.ring.edges {
                hub.queue(edge, state.done.len());
            }
        }
        drop(state);
        self.waited += start.elapsed();
        Ok(slot.map(|(_, slot)| {
            let home: Arc<dyn Recycle> = Arc::new(Home(Arc::clone(&self.ring)));
            Batch::new(slot, self.ring.pipeline.outputs(), Some(home))
        }))
    }

    fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for ThreadedBatches {
    fn drop(&mut self) {
        self.ring.closed.store(true, Relaxed);
        let mut state = self.ring.lock();
        while state.running > 0 {
            state = self.ring.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl BatchId {
    /// For messages: both numbers from 1.
    pub fn words(self) -> String {
        format!("epoch {}, batch {}", self.epoch + 1, self.index + 1)
    }
}
