//! Work shared among threads, its results taken in order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Pieces that may be done before their turn, for each thread: one slow piece then stops nobody at once.
const AHEAD: u64 = 4;

struct State<T> {
    done: BTreeMap<u64, T>,
    /// The next to be started, and the next to be taken.
    start: u64,
    take: u64,
    /// Nobody takes any more, or a thread panicked.
    over: bool,
}

/// Makes `pieces` pieces on `workers` threads and takes them on this one, in order. A break ends the work.
///
/// With one worker all is done on this thread. A panic of a thread goes on in this one.
pub(crate) fn in_order<T: Send, B>(
    pieces: u64,
    workers: usize,
    make: &(impl Fn(u64) -> T + Sync),
    mut take: impl FnMut(T) -> ControlFlow<B>,
) -> ControlFlow<B> {
    if workers <= 1 || pieces <= 1 {
        return (0..pieces).try_for_each(|piece| take(make(piece)));
    }
    let workers = (workers as u64).min(pieces);
    let state = Mutex::new(State { done: BTreeMap::new(), start: 0, take: 0, over: false });
    let changed = Condvar::new();
    thread::scope(|scope| {
        let work = || {
            // Set also if `make` panics, so that nobody waits for a piece that never comes.
            let mut guard = Guard { state: &state, changed: &changed, whole: false };
            while let Some(piece) = next(&state, &changed, pieces, workers * AHEAD) {
                let made = make(piece);
                lock(&state).done.insert(piece, made);
                changed.notify_all();
            }
            guard.whole = true;
        };
        let started = (0..workers).map(|index| {
            let builder = thread::Builder::new().name(format!("rows-{index}"));
            builder.spawn_scoped(scope, work)
        });
        let started: Vec<_> = started.collect();
        // If not one thread could be started the work is done here: slower, but done.
        let (threads, mut failed): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
        let threads: Vec<_> = threads.into_iter().filter_map(Result::ok).collect();
        let result = if threads.is_empty() && failed.pop().is_some() {
            (0..pieces).try_for_each(|piece| take(make(piece)))
        } else {
            drain(&state, &changed, pieces, &mut take)
        };
        lock(&state).over = true;
        changed.notify_all();
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
        result
    })
}

/// Takes all pieces as their turn comes; ends early after a panic, which the join tells of.
fn drain<T, B>(
    state: &Mutex<State<T>>,
    changed: &Condvar,
    pieces: u64,
    take: &mut impl FnMut(T) -> ControlFlow<B>,
) -> ControlFlow<B> {
    // However this ends, by a panic of `take` too, the threads must not wait for it.
    let _guard = Guard { state, changed, whole: false };
    for piece in 0..pieces {
        let mut held = lock(state);
        let made = loop {
            if let Some(made) = held.done.remove(&piece) {
                break made;
            }
            if held.over {
                return ControlFlow::Continue(());
            }
            held = changed.wait(held).unwrap_or_else(PoisonError::into_inner);
        };
        held.take = piece + 1;
        drop(held);
        changed.notify_all();
        take(made)?;
    }
    ControlFlow::Continue(())
}

/// The next piece to make, once it is not too far ahead.
fn next<T>(state: &Mutex<State<T>>, changed: &Condvar, pieces: u64, ahead: u64) -> Option<u64> {
    let mut held = lock(state);
    loop {
        if held.over || held.start == pieces {
            return None;
        }
        if held.start < held.take + ahead {
            held.start += 1;
            return Some(held.start - 1);
        }
        held = changed.wait(held).unwrap_or_else(PoisonError::into_inner);
    }
}

struct Guard<'a, T> {
    state: &'a Mutex<State<T>>,
    changed: &'a Condvar,
    whole: bool,
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if !self.whole {
            lock(self.state).over = true;
            self.changed.notify_all();
        }
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_taken_in_order() {
        for workers in [0, 1, 2, 5, 100] {
            let mut taken = Vec::new();
            let end: ControlFlow<()> = in_order(50, workers, &|piece| piece, |piece| {
                taken.push(piece);
                ControlFlow::Continue(())
            });
            assert_eq!((end, taken), (ControlFlow::Continue(()), (0..50).collect()));
        }
    }

    #[test]
    fn a_break_ends_the_work() {
        for workers in [1, 3] {
            let end = in_order(u64::MAX, workers, &|piece| piece, |piece| {
                if piece == 20 { ControlFlow::Break(piece) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(end, ControlFlow::Break(20));
        }
    }

    #[test]
    #[should_panic(expected = "piece 7")]
    fn a_panic_reaches_the_caller() {
        let make = |piece| assert!(piece != 7, "piece {piece}");
        let _: ControlFlow<()> = in_order(1000, 3, &make, |()| ControlFlow::Continue(()));
    }
}
