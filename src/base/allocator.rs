//! The allocator of the Worker: lists of free blocks, by size, over the standard allocator.
//!
//! A lead asks for some thousand small blocks and gives them back within a millisecond. Taking one from a list
//! and putting it back is a few instructions; the standard allocator of wasm searches, splits and joins.
//!
//! What is given back stays in the list of its size and serves the next request of that size. So memory never
//! goes back to the other sizes, and the most that was ever needed of each size stays taken.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// The largest block that comes from a list. Larger ones are few, and would be dear to keep for one size.
const LARGEST: usize = 8192;
/// Blocks are cut from pieces of this size: eight of the largest, so that little is left over.
const PIECE: usize = 64 * 1024;
/// Every block begins at a multiple of this, and is one long.
const GRAIN: usize = 16;
/// Up to here sizes are a grain apart.
const FINE: usize = 128;
/// Above it there are four sizes between a power of two and the next.
const FINE_CLASSES: usize = FINE / GRAIN;
/// Those up to [`FINE`], and four for each doubling from there to [`LARGEST`].
const CLASSES: usize = FINE_CLASSES + 4 * (LARGEST / FINE).ilog2() as usize;

struct State {
    /// The first free block of each class; in its first bytes lies the address of the next one.
    free: [*mut u8; CLASSES],
    /// What is left of the piece that blocks are cut from.
    rest: *mut u8,
    left: usize,
}

/// An allocator for one thread.
pub struct Slab(UnsafeCell<State>);

// SAFETY: it is the global allocator only where there is one thread: in wasm32 without atomics. A test has its
// own and does not share it. So no two calls are ever under way at once, and none calls another allocation
// while it holds the state: `System` has a state of its own.
unsafe impl Sync for Slab {}

impl Slab {
    /// With nothing free.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(State { free: [null_mut(); CLASSES], rest: null_mut(), left: 0 }))
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc`], from one thread at a time.
    unsafe fn take(&self, size: usize) -> *mut u8 {
        let (class, length) = class_of(size);
        // SAFETY: nobody else has the state: there is one thread, and nothing below comes back here.
        let state = unsafe { &mut *self.0.get() };
        let Some(first) = state.free.get_mut(class) else { return null_mut() };
        if first.is_null() {
            return cut(&mut state.rest, &mut state.left, length);
        }
        let block = *first;
        // SAFETY: a block in a list is at least a grain long, aligned to it, used by nobody, and `give` has
        // written the address of the next one, or null, into its first bytes.
        *first = unsafe { *block.cast::<*mut u8>() };
        block
    }

    /// # Safety
    /// `block` came from [`Self::take`] with a size of the same class, and nobody uses it any more.
    unsafe fn give(&self, block: *mut u8, size: usize) {
        let (class, _) = class_of(size);
        // SAFETY: as in `take`.
        let state = unsafe { &mut *self.0.get() };
        if let Some(first) = state.free.get_mut(class) {
            // SAFETY: the block is the caller's, at least a grain long and aligned to it.
            unsafe { *block.cast::<*mut u8>() = *first };
            *first = block;
        }
    }
}

impl Default for Slab {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether blocks like this come from a list.
#[inline]
fn is_small(size: usize, align: usize) -> bool {
    size <= LARGEST && align <= GRAIN
}

/// The class of blocks in which so many bytes fit (at most [`LARGEST`]), and their length.
#[inline]
fn class_of(size: usize) -> (usize, usize) {
    if size <= FINE {
        let class = size.saturating_sub(1) / GRAIN;
        return (class, (class + 1) * GRAIN);
    }
    // The power of two below, and which quarter of the way to the next one is filled.
    let top = (size - 1).ilog2();
    let quarter = ((size - 1) >> (top - 2)) & 3;
    let class = FINE_CLASSES + 4 * (top - FINE.ilog2()) as usize + quarter;
    (class, (1 << top) + ((quarter + 1) << (top - 2)))
}

/// Cuts a block from what is left of a piece, or from a new piece. What was left of the old one is lost, less
/// than a block of the largest class.
#[cold]
#[inline(never)]
fn cut(rest: &mut *mut u8, left: &mut usize, length: usize) -> *mut u8 {
    if *left < length {
        let Ok(layout) = Layout::from_size_align(PIECE, GRAIN) else { return null_mut() };
        // SAFETY: the layout is not empty.
        let piece = unsafe { System.alloc(layout) };
        if piece.is_null() {
            return piece;
        }
        (*rest, *left) = (piece, PIECE);
    }
    let block = *rest;
    *left -= length;
    *rest = block.wrapping_add(length);
    block
}

// SAFETY: blocks of a list do not overlap, for each is cut once and is in a list or somebody's, never both; they
// are aligned to a grain, for pieces are and lengths are multiples of it, and are as long as their class says,
// which is no less than what was asked for. What is too large or too strictly aligned for a list is the standard
// allocator's, both when it is taken and when it is given back: `is_small` depends on the layout alone, which is
// the same at both times.
unsafe impl GlobalAlloc for Slab {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout.size(), layout.align()) {
            // SAFETY: the caller's layout, which is not empty.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: the caller's.
        unsafe { self.take(layout.size()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_small(layout.size(), layout.align()) {
            // SAFETY: such a block came from `System` with this layout.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: such a block came from `take` with this size.
        unsafe { self.give(block, layout.size()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (was, is) = (is_small(layout.size(), layout.align()), is_small(new_size, layout.align()));
        if !was && !is {
            // SAFETY: the block came from `System` with this layout.
            return unsafe { System.realloc(block, layout, new_size) };
        }
        if was && is && class_of(layout.size()).0 == class_of(new_size).0 {
            return block;
        }
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else { return null_mut() };
        // SAFETY: the new size is not empty, by the caller. The new block is another one than the old, and both
        // are at least as long as what is copied.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_class_is_as_long_as_what_is_in_it_and_no_more_than_a_quarter_longer() {
        let mut last = 0;
        for size in 0..=LARGEST {
            let (class, length) = class_of(size);
            assert!(class < CLASSES && (last..=last + 1).contains(&class), "{size}");
            assert!(length >= size && length % GRAIN == 0, "{size}");
            assert!(length <= size.max(1).next_multiple_of(GRAIN).max(size + size / 4), "{size}: {length}");
            assert_eq!(class_of(length), (class, length), "{size}");
            last = class;
        }
        assert_eq!(last, CLASSES - 1);
    }

    /// A block of the model: its layout, and the byte that fills it.
    struct Block {
        layout: Layout,
        fill: u8,
    }

    #[test]
    fn it_does_what_a_model_does() {
        // A small generator of its own (xorshift), so that a failure repeats.
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % 1_000_003).unwrap() % bound
        };
        let slab = Slab::new();
        // By address.
        let mut model = BTreeMap::<usize, Block>::new();
        let fill = |address: usize, from: usize, block: &Block| {
            for at in from..block.layout.size() {
                // SAFETY: the block is as long.
                unsafe { (address as *mut u8).add(at).write(block.fill) };
            }
        };
        let holds = |address: usize, length: usize, block: &Block| {
            // SAFETY: the block is as long, and was filled.
            (0..length).all(|at| unsafe { (address as *const u8).add(at).read() } == block.fill)
        };
        let is_free = |model: &BTreeMap<usize, Block>, address: usize, length: usize| {
            let before = model.range(..address + length).next_back();
            before.is_none_or(|(other, block)| other + block.layout.size() <= address)
        };
        for step in 0..200_000_u32 {
            // Mostly what a lead asks for; sometimes around the limits, sometimes strictly aligned.
            let size = 1 + match next(8) {
                0..5 => next(200),
                5 | 6 => next(LARGEST + 200),
                _ => LARGEST - 2 + next(4),
            };
            let align = 1 << next(7);
            let chosen =
                (model.len() > 300 || (!model.is_empty() && next(2) == 0)).then(|| next(model.len()));
            match chosen.and_then(|at| model.keys().nth(at).copied()) {
                None => {
                    let block =
                        Block { layout: Layout::from_size_align(size, align).unwrap(), fill: step as u8 };
                    // SAFETY: the layout is not empty.
                    let address = unsafe { slab.alloc(block.layout) } as usize;
                    assert!(address != 0 && address.is_multiple_of(align), "{step}");
                    assert!(is_free(&model, address, size), "{step}");
                    fill(address, 0, &block);
                    model.insert(address, block);
                }
                Some(address) if next(3) == 0 => {
                    let mut block = model.remove(&address).unwrap();
                    let kept = block.layout.size().min(size);
                    // SAFETY: it came from there with this layout.
                    let moved = unsafe { slab.realloc(address as *mut u8, block.layout, size) } as usize;
                    block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                    assert!(moved != 0 && moved.is_multiple_of(block.layout.align()), "{step}");
                    assert!(is_free(&model, moved, size) && holds(moved, kept, &block), "{step}");
                    fill(moved, kept, &block);
                    model.insert(moved, block);
                }
                Some(address) => {
                    let block = model.remove(&address).unwrap();
                    assert!(holds(address, block.layout.size(), &block), "{step}");
                    // SAFETY: it came from there with this layout.
                    unsafe { slab.dealloc(address as *mut u8, block.layout) };
                }
            }
        }
        for (address, block) in model {
            assert!(holds(address, block.layout.size(), &block));
            // SAFETY: it came from there with this layout.
            unsafe { slab.dealloc(address as *mut u8, block.layout) };
        }
    }

    #[test]
    fn what_was_given_back_is_taken_again() {
        let slab = Slab::new();
        let layout = Layout::from_size_align(100, 8).unwrap();
        // SAFETY: the layout is not empty, and each block goes back once.
        unsafe {
            let first = slab.alloc(layout);
            slab.dealloc(first, layout);
            let near = Layout::from_size_align(110, 16).unwrap();
            assert_eq!(slab.alloc(near), first);
            slab.dealloc(first, near);
        }
    }
}
