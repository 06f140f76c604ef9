//! Values that are made once, shared by threads, and dropped when memory is short.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Values by key, of a bounded size in all; the ones used longest ago go first.
///
/// No lock is held while a value is made. Threads that want the same value at the same time have it made once: one
/// makes it, the others wait for it, and share the error if there is one. Errors are not kept.
pub(super) struct BoundedCache<K, V, E> {
    state: Mutex<State<K, V, E>>,
    /// Bytes kept at most; the newest value is kept even if it alone is larger.
    most: u64,
}

struct State<K, V, E> {
    entries: HashMap<K, Entry<V, E>>,
    /// Keys of the values that are there, by when they were last used.
    by_use: BTreeMap<u64, K>,
    clock: u64,
    bytes: u64,
}

enum Entry<V, E> {
    There { value: V, bytes: u64, used: u64 },
    InMaking(Arc<Making<V, E>>),
}

struct Making<V, E> {
    outcome: Mutex<Outcome<V, E>>,
    known: Condvar,
}

#[derive(Clone)]
enum Outcome<V, E> {
    Unknown,
    Known(Result<V, E>),
    /// Its maker panicked.
    Abandoned,
}

impl<K: Clone + Eq + Hash, V: Clone, E: Clone> BoundedCache<K, V, E> {
    pub(super) fn new(most: u64) -> Self {
        let state = State { entries: HashMap::new(), by_use: BTreeMap::new(), clock: 0, bytes: 0 };
        Self { state: Mutex::new(state), most }
    }

    /// The value of `key`, made by `make` if it is not there. `make` gives the value and its size in bytes.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> Result<(V, u64), E>) -> Result<V, E> {
        loop {
            let other = {
                let mut state = lock(&self.state);
                match state.entries.get(key) {
                    Some(Entry::There { value, .. }) => {
                        let value = value.clone();
                        state.touch(key);
                        return Ok(value);
                    }
                    Some(Entry::InMaking(other)) => Arc::clone(other),
                    None => {
                        let making = Arc::new(Making { outcome: Mutex::new(Outcome::Unknown), known: Condvar::new() });
                        state.entries.insert(key.clone(), Entry::InMaking(Arc::clone(&making)));
                        drop(state);
                        return Maker { cache: self, key, making }.run(make);
                    }
                }
            };
            let mut outcome = lock(&other.outcome);
            while matches!(*outcome, Outcome::Unknown) {
                outcome = other.known.wait(outcome).unwrap_or_else(PoisonError::into_inner);
            }
            if let Outcome::Known(result) = &*outcome {
                return result.clone();
            }
        }
    }

    /// Whether the value is there or in the making.
    pub(super) fn has(&self, key: &K) -> bool {
        lock(&self.state).entries.contains_key(key)
    }

    /// Drops the values of these keys.
    pub(super) fn forget(&self, which: impl Fn(&K) -> bool) {
        let mut state = lock(&self.state);
        let keys: Vec<K> = state.by_use.values().filter(|key| which(key)).cloned().collect();
        keys.iter().for_each(|key| state.drop_value(key));
    }

    #[cfg(test)]
    fn bytes(&self) -> u64 {
        lock(&self.state).bytes
    }
}

impl<K: Clone + Eq + Hash, V: Clone, E: Clone> State<K, V, E> {
    fn touch(&mut self, key: &K) {
        self.clock += 1;
        if let Some(Entry::There { used, .. }) = self.entries.get_mut(key) {
            self.by_use.remove(used);
            *used = self.clock;
            self.by_use.insert(self.clock, key.clone());
        }
    }

    fn drop_value(&mut self, key: &K) {
        if let Some(Entry::There { bytes, used, .. }) = self.entries.remove(key) {
            self.by_use.remove(&used);
            self.bytes -= bytes;
        }
    }

    fn keep(&mut self, key: &K, value: V, bytes: u64, most: u64) {
        self.entries.insert(key.clone(), Entry::There { value, bytes, used: 0 });
        self.bytes += bytes;
        self.touch(key);
        while self.bytes > most && self.by_use.len() > 1 {
            let Some(oldest) = self.by_use.values().next().cloned() else { return };
            self.drop_value(&oldest);
        }
    }
}

/// Whoever makes a value. Dropped without having made it (a panic), it lets those who wait try for themselves.
struct Maker<'a, K: Clone + Eq + Hash, V: Clone, E: Clone> {
    cache: &'a BoundedCache<K, V, E>,
    key: &'a K,
    making: Arc<Making<V, E>>,
}

impl<K: Clone + Eq + Hash, V: Clone, E: Clone> Maker<'_, K, V, E> {
    fn run(self, make: impl FnOnce() -> Result<(V, u64), E>) -> Result<V, E> {
        let made = make();
        {
            let mut state = lock(&self.cache.state);
            match &made {
                Ok((value, bytes)) => state.keep(self.key, value.clone(), *bytes, self.cache.most),
                Err(_) => _ = state.entries.remove(self.key),
            }
        }
        let result = made.map(|(value, _)| value);
        *lock(&self.making.outcome) = Outcome::Known(result.clone());
        result
    }
}

impl<K: Clone + Eq + Hash, V: Clone, E: Clone> Drop for Maker<'_, K, V, E> {
    fn drop(&mut self) {
        let mut outcome = lock(&self.making.outcome);
        if matches!(*outcome, Outcome::Unknown) {
            lock(&self.cache.state).entries.remove(self.key);
            *outcome = Outcome::Abandoned;
        }
        self.making.known.notify_all();
    }
}

/// A panic while one of these locks is held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    type Cache = BoundedCache<u8, u32, String>;

    #[test]
    fn threads_that_want_the_same_have_it_made_once() {
        let (cache, made, start) = (Cache::new(100), AtomicUsize::new(0), Barrier::new(8));
        let slow = || {
            made.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            Ok((7, 1))
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    assert_eq!(cache.get(&1, slow), Ok(7));
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_error_is_shared_and_not_kept() {
        let cache = Cache::new(100);
        assert_eq!(cache.get(&1, || Err("no".to_owned())), Err("no".to_owned()));
        assert_eq!(cache.get(&1, || Ok((1, 1))), Ok(1));
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        let (cache, start) = (Cache::new(100), Barrier::new(2));
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                cache.get(&1, || {
                    start.wait();
                    std::thread::sleep(Duration::from_millis(20));
                    panic!("on purpose")
                })
            });
            start.wait();
            assert_eq!(cache.get(&1, || Ok((2, 1))), Ok(2));
            assert!(first.join().is_err());
        });
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = Cache::new(3);
        let get = |key| cache.get(&key, || Ok((u32::from(key), 1))).unwrap();
        (0..3).for_each(|key| _ = get(key));
        get(0);
        get(3);
        assert!(cache.has(&0) && !cache.has(&1) && cache.has(&2) && cache.has(&3));
        // The newest stays, however large.
        cache.get(&9, || Ok((9, 50))).unwrap();
        assert!(cache.has(&9) && cache.bytes() == 50);
        cache.forget(|key| *key == 9);
        assert_eq!(cache.bytes(), 0);
    }

    proptest! {
        #[test]
        fn never_more_than_the_bound_and_always_the_right_value(keys in proptest::collection::vec(0..9_u8, 0..200)) {
            let cache = Cache::new(20);
            for key in keys {
                let value = cache.get(&key, || Ok((u32::from(key) * 3, u64::from(key)))).unwrap();
                prop_assert_eq!(value, u32::from(key) * 3);
                prop_assert!(cache.bytes() <= 20);
            }
        }
    }
}
