//! Where the pixels of one axis come from, when whole pixels move and none is computed.

/// Pieces of an axis at most. A mirror or a shift is one or two, a reflected border three.
const MAX_RUNS: usize = 6;

/// A piece of an axis: neighbours that come from neighbours, or from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    len: u32,
    /// Where the first pixel comes from; the greatest number for pixels from outside.
    from: u32,
    backwards: bool,
}

impl Run {
    const NONE: Self = Self { len: 0, from: u32::MAX, backwards: false };

    fn new(len: usize, from: Option<usize>, backwards: bool) -> Self {
        // Images have sides below 2³².
        Self { len: len as u32, from: from.map_or(u32::MAX, |from| from as u32), backwards }
    }

    /// How many pixels, at least 1.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Always false: an axis has no empty pieces.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the first one comes from; none for pixels from outside of the image.
    pub fn from(&self) -> Option<usize> {
        (self.from != u32::MAX).then_some(self.from as usize)
    }

    /// Whether the places that they come from descend.
    pub fn backwards(&self) -> bool {
        self.backwards
    }

    /// The places that it comes from, as a range; none for pixels from outside.
    pub fn source(&self) -> Option<std::ops::Range<usize>> {
        let len = self.len();
        self.from().map(|from| if self.backwards { from + 1 - len..from + 1 } else { from..from + len })
    }
}

/// An axis of an image, each place with the place that its pixel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    runs: [Run; MAX_RUNS],
    count: usize,
}

impl Axis {
    const EMPTY: Self = Self { runs: [Run::NONE; MAX_RUNS], count: 0 };

    /// Every place from itself.
    pub fn identity(len: usize) -> Self {
        Self::window(len, 0, len)
    }

    /// The last place first.
    pub fn mirrored(len: usize) -> Self {
        let mut axis = Self::EMPTY;
        if let Some(last) = len.checked_sub(1) {
            axis.set(0, Run::new(len, Some(last), true));
        }
        axis
    }

    /// `len` places from `origin` on, which may lie outside of the `size` places that there are.
    pub fn window(size: usize, origin: isize, len: usize) -> Self {
        let before = (origin.min(0).unsigned_abs()).min(len);
        let from = origin.max(0) as usize;
        let inside = (len - before).min(size.saturating_sub(from));
        let after = len - before - inside;
        let mut axis = Self::EMPTY;
        match (before > 0, inside > 0, after > 0) {
            (false, true, false) => axis.set(0, Run::new(inside, Some(from), false)),
            (true, true, false) => {
                axis.set(0, Run::new(before, None, false));
                axis.set(1, Run::new(inside, Some(from), false));
            }
            (false, true, true) => {
                axis.set(0, Run::new(inside, Some(from), false));
                axis.set(1, Run::new(after, None, false));
            }
            (true, true, true) => {
                axis.set(0, Run::new(before, None, false));
                axis.set(1, Run::new(inside, Some(from), false));
                axis.set(2, Run::new(after, None, false));
            }
            (_, false, _) if len > 0 => axis.set(0, Run::new(len, None, false)),
            (_, false, _) => {}
        }
        axis
    }

    /// As [`window`](Self::window), the image continued by its mirror image on both sides, the outermost pixel not
    /// repeated (torch's `reflect`). The window must lie within `size` − 1 of the image on both sides; what lies
    /// further out is outside.
    pub fn reflected(size: usize, origin: isize, len: usize) -> Self {
        let (size, origin, len) = (size as isize, origin, len as isize);
        let reach = (size - 1).max(0);
        let mut axis = Self::EMPTY;
        let end = origin + len;
        let part = |from: isize, to: isize| (from.max(origin), to.min(end));
        let mut push = |(from, to): (isize, isize), source: &dyn Fn(isize) -> Option<isize>, backwards: bool| {
            if to > from {
                let from_source = source(from).map(|s| s as usize);
                axis.push(Run::new((to - from) as usize, from_source, backwards));
            }
        };
        push(part(isize::MIN, -reach), &|_| None, false);
        push(part(-reach, 0), &|i| Some(-i), true);
        push(part(0, size), &Some, false);
        push(part(size, size + reach), &|i| Some(2 * (size - 1) - i), true);
        push(part(size + reach, isize::MAX), &|_| None, false);
        axis
    }

    /// Its pieces, from place 0 on.
    pub fn runs(&self) -> &[Run] {
        &self.runs[..self.count]
    }

    /// How many places.
    pub fn len(&self) -> usize {
        self.runs().iter().map(Run::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places that pixels come from, from the first to the last; empty if all come from outside.
    pub fn bounds(&self) -> std::ops::Range<usize> {
        let sources = self.runs().iter().filter_map(Run::source);
        sources.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or_default()
    }

    /// The same axis of an image of which the first `start` places were cut off. No pixel may come from them.
    #[must_use]
    pub fn without(mut self, start: usize) -> Self {
        for run in &mut self.runs[..self.count] {
            *run = Run::new(run.len(), run.from().map(|from| from - start), run.backwards);
        }
        self
    }

    /// A piece at the end, which the one before it does not go on into.
    #[inline]
    fn set(&mut self, place: usize, run: Run) {
        self.runs[place] = run;
        self.count = place + 1;
    }

    /// Adds a piece; whether there was room.
    fn push(&mut self, run: Run) -> bool {
        if run.len == 0 {
            return true;
        }
        if let Some(last) = self.count.checked_sub(1).map(|i| &mut self.runs[i]) {
            // A single pixel has no direction yet.
            let forwards = |a: &Run, b: &Run| a.from().zip(b.from()).is_some_and(|(x, y)| x + a.len() == y);
            let back = |a: &Run, b: &Run| a.from().zip(b.from()).is_some_and(|(x, y)| y + a.len() == x);
            let goes = |r: &Run, backwards: bool| r.len == 1 || r.backwards == backwards;
            let joins = match (last.from(), run.from()) {
                (None, None) => true,
                _ if goes(last, false) && goes(&run, false) && forwards(last, &run) => {
                    last.backwards = false;
                    true
                }
                _ if goes(last, true) && goes(&run, true) && back(last, &run) => {
                    last.backwards = true;
                    true
                }
                _ => false,
            };
            if joins {
                last.len += run.len;
                return true;
            }
        }
        if self.count == MAX_RUNS {
            return false;
        }
        self.runs[self.count] = run;
        self.count += 1;
        true
    }

    /// This axis of an image that comes from another one by `inner`; none if that takes too many pieces.
    #[must_use]
    pub fn of(&self, inner: &Self) -> Option<Self> {
        if let [Run { from: 0, backwards: false, .. }] = inner.runs() {
            return Some(*self);
        }
        let mut axis = Self::EMPTY;
        if let [piece] = inner.runs()
            && let Some(first) = piece.from()
        {
            // All from one piece: each run stays one.
            for (place, run) in self.runs().iter().enumerate() {
                let from = run.from().map(|from| if piece.backwards { first - from } else { first + from });
                let backwards = from.is_some() && run.backwards != piece.backwards;
                axis.set(place, Run::new(run.len(), from, backwards));
            }
            return Some(axis);
        }
        for run in self.runs() {
            let Some(wanted) = run.source() else {
                axis.push(*run).then_some(())?;
                continue;
            };
            // Pieces of `inner` that the wanted places lie in, in the order of this run.
            let mut parts = [(Run::NONE, 0, 0); MAX_RUNS];
            let mut count = 0;
            let mut start = 0;
            for piece in inner.runs() {
                let (from, to) = (wanted.start.max(start), wanted.end.min(start + piece.len()));
                if to > from {
                    parts[count] = (*piece, from - start, to - from);
                    count += 1;
                }
                start += piece.len();
            }
            let mut add = |(piece, skip, len): (Run, usize, usize)| {
                let first = piece.from().map(|f| if piece.backwards { f - skip } else { f + skip });
                let last = first.map(|f| if piece.backwards { f + 1 - len } else { f + len - 1 });
                let from = if run.backwards { last } else { first };
                axis.push(Run::new(len, from, from.is_some() && piece.backwards != run.backwards)).then_some(())
            };
            if run.backwards {
                parts[..count].iter().rev().try_for_each(|p| add(*p))?;
            } else {
                parts[..count].iter().try_for_each(|p| add(*p))?;
            }
        }
        Some(axis)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(axis: &Axis) -> Vec<Option<usize>> {
        let mut places = Vec::new();
        for run in axis.runs() {
            for i in 0..run.len() {
                places.push(run.from().map(|f| if run.backwards { f - i } else { f + i }));
            }
        }
        places
    }

    #[test]
    fn a_window_may_lie_outside() {
        assert_eq!(places(&Axis::window(3, -2, 4)), [None, None, Some(0), Some(1)]);
        assert_eq!(places(&Axis::window(3, 2, 3)), [Some(2), None, None]);
        assert_eq!(places(&Axis::window(3, 9, 2)), [None, None]);
        assert_eq!(places(&Axis::window(3, -9, 2)), [None, None]);
    }

    #[test]
    fn a_reflection_does_not_repeat_the_edge() {
        let at = |origin| places(&Axis::reflected(4, origin, 4)).into_iter().map(Option::unwrap).collect::<Vec<_>>();
        assert_eq!(at(-2), [2, 1, 0, 1]);
        assert_eq!(at(2), [2, 3, 2, 1]);
        assert_eq!(places(&Axis::reflected(1, -1, 3)), [None, Some(0), None]);
    }

    fn axis(size: usize) -> impl Strategy<Value = Axis> {
        let reach = size as isize;
        prop_oneof![
            Just(Axis::mirrored(size)),
            (-reach..=reach, 1..=2 * size).prop_map(move |(origin, len)| Axis::window(size, origin, len)),
            (1 - reach..reach).prop_map(move |origin| Axis::reflected(size, origin, size)),
        ]
    }

    proptest! {
        #[test]
        fn composing_is_looking_up_twice((inner, outer) in (1_usize..9).prop_flat_map(axis)
            .prop_flat_map(|inner| (Just(inner), axis(inner.len()))))
        {
            let between = places(&inner);
            let expected: Vec<_> = places(&outer).into_iter().map(|p| between[p?]).collect();
            if let Some(composed) = outer.of(&inner) {
                prop_assert_eq!(places(&composed), expected);
            }
        }
    }
}
