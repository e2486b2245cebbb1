//! The allocator of the Worker: free lists by size class, over the standard allocator.
//!
//! A lead allocates some thousand small blocks and frees them within a millisecond. Popping a block from a list and
//! pushing it back is a few instructions; the standard allocator of wasm searches, splits and joins.
//!
//! A freed block stays in the list of its class for the next allocation of that class. So memory never moves to other
//! classes, and the most that was ever needed of each class stays allocated.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// The largest block that comes from a list. Larger ones are few, and would be expensive to keep for one class.
const LARGEST: usize = 8192;
/// The size of the chunks that blocks are cut from: eight of the largest blocks, so that little is left over.
const CHUNK: usize = 64 * 1024;
/// Addresses and lengths of blocks are multiples of this.
const GRANULE: usize = 16;
/// Up to this size, classes are a granule apart.
const FINE: usize = 128;
/// The number of these classes. Above them there are four between a power of two and the next.
const FINE_CLASSES: usize = FINE / GRANULE;
/// The number of classes: those up to [`FINE`], and four for each doubling from there to [`LARGEST`].
const CLASSES: usize = FINE_CLASSES + 4 * (LARGEST / FINE).ilog2() as usize;

struct State {
    /// The first free block of each class; its first bytes are the address of the next one.
    free: [*mut u8; CLASSES],
    /// The unused rest of the current chunk.
    rest: *mut u8,
    left: usize,
}

/// An allocator for one thread.
pub struct Slab(UnsafeCell<State>);

// SAFETY: it is the global allocator only where there is one thread: in wasm32 without atomics. A test has its
// own and does not share it. So no two calls run at once, and none allocates while it borrows the state: `System` has
// a state of its own.
unsafe impl Sync for Slab {}

impl Slab {
    /// Makes an allocator without free blocks.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(State { free: [null_mut(); CLASSES], rest: null_mut(), left: 0 }))
    }

    /// Takes a free block of at least this size, or null if there is no memory.
    ///
    /// # Safety
    /// As [`GlobalAlloc::alloc`], from one thread at a time.
    unsafe fn pop(&self, size: usize) -> *mut u8 {
        let (class, length) = class_of(size);
        // SAFETY: nothing else borrows the state: there is one thread, and nothing below calls this again.
        let state = unsafe { &mut *self.0.get() };
        let Some(first) = state.free.get_mut(class) else { return null_mut() };
        if first.is_null() {
            return cut(&mut state.rest, &mut state.left, length);
        }
        let block = *first;
        // SAFETY: a block in a list is at least a granule long, aligned to it and unused, and `push` has written the
        // address of the next one, or null, into its first bytes.
        *first = unsafe { *block.cast::<*mut u8>() };
        block
    }

    /// Frees a block.
    ///
    /// # Safety
    /// `block` came from [`Self::pop`] with a size of the same class, and is not used any more.
    unsafe fn push(&self, block: *mut u8, size: usize) {
        let (class, _) = class_of(size);
        // SAFETY: as in `pop`.
        let state = unsafe { &mut *self.0.get() };
        if let Some(first) = state.free.get_mut(class) {
            // SAFETY: the block is the caller's, at least a granule long and aligned to it.
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

/// Returns whether a block of this layout comes from a list.
#[inline]
fn is_small(size: usize, align: usize) -> bool {
    size <= LARGEST && align <= GRANULE
}

/// Returns the class of blocks for a size (at most [`LARGEST`]), and their length.
#[inline]
fn class_of(size: usize) -> (usize, usize) {
    if size <= FINE {
        let class = size.saturating_sub(1) / GRANULE;
        return (class, (class + 1) * GRANULE);
    }
    // The power of two below the size, and the quarter of the way to the next one.
    let top = (size - 1).ilog2();
    let quarter = ((size - 1) >> (top - 2)) & 3;
    let class = FINE_CLASSES + 4 * (top - FINE.ilog2()) as usize + quarter;
    (class, (1 << top) + ((quarter + 1) << (top - 2)))
}

/// Cuts a block from the rest of a chunk, or from a new chunk. The rest of the old one is lost: less than a block of the
/// largest class.
#[cold]
#[inline(never)]
fn cut(rest: &mut *mut u8, left: &mut usize, length: usize) -> *mut u8 {
    if *left < length {
        let Ok(layout) = Layout::from_size_align(CHUNK, GRANULE) else { return null_mut() };
        // SAFETY: the layout is not empty.
        let chunk = unsafe { System.alloc(layout) };
        if chunk.is_null() {
            return chunk;
        }
        (*rest, *left) = (chunk, CHUNK);
    }
    let block = *rest;
    *left -= length;
    *rest = block.wrapping_add(length);
    block
}

// SAFETY: blocks of a list do not overlap, for each is cut once and is either in a list or in use; they are aligned to a
// granule, for chunks are and lengths are multiples of it, and are as long as their class, which is no less than the
// size. Layouts that are too large or too strictly aligned for a list go to the standard allocator, both when they are
// allocated and when they are freed: `is_small` depends only on the layout, which is the same at both times.
unsafe impl GlobalAlloc for Slab {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout.size(), layout.align()) {
            // SAFETY: the caller's layout, which is not empty.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: the caller's.
        unsafe { self.pop(layout.size()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_small(layout.size(), layout.align()) {
            // SAFETY: such a block came from `System` with this layout.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: such a block came from `pop` with this size.
        unsafe { self.push(block, layout.size()) }
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
            assert!(length >= size && length % GRANULE == 0, "{size}");
            assert!(length <= size.max(1).next_multiple_of(GRANULE).max(size + size / 4), "{size}: {length}");
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

    impl Block {
        fn fill(&self, address: usize, from: usize) {
            for at in from..self.layout.size() {
                // SAFETY: the block is as long.
                unsafe { (address as *mut u8).add(at).write(self.fill) };
            }
        }

        fn holds(&self, address: usize, length: usize) -> bool {
            // SAFETY: the block is as long, and was filled.
            (0..length).all(|at| unsafe { (address as *const u8).add(at).read() } == self.fill)
        }
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
        let is_free = |model: &BTreeMap<usize, Block>, address: usize, length: usize| {
            let before = model.range(..address + length).next_back();
            before.is_none_or(|(other, block)| other + block.layout.size() <= address)
        };
        for step in 0..200_000_u32 {
            // Mostly as for a lead; sometimes around the limits, sometimes strictly aligned.
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
                    block.fill(address, 0);
                    model.insert(address, block);
                }
                Some(address) if next(3) == 0 => {
                    let mut block = model.remove(&address).unwrap();
                    let kept = block.layout.size().min(size);
                    // SAFETY: it came from there with this layout.
                    let moved = unsafe { slab.realloc(address as *mut u8, block.layout, size) } as usize;
                    block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                    assert!(moved != 0 && moved.is_multiple_of(block.layout.align()), "{step}");
                    assert!(is_free(&model, moved, size) && block.holds(moved, kept), "{step}");
                    block.fill(moved, kept);
                    model.insert(moved, block);
                }
                Some(address) => {
                    let block = model.remove(&address).unwrap();
                    assert!(block.holds(address, block.layout.size()), "{step}");
                    // SAFETY: it came from there with this layout.
                    unsafe { slab.dealloc(address as *mut u8, block.layout) };
                }
            }
        }
        for (address, block) in model {
            assert!(block.holds(address, block.layout.size()));
            // SAFETY: it came from there with this layout.
            unsafe { slab.dealloc(address as *mut u8, block.layout) };
        }
    }

    #[test]
    fn a_freed_block_is_allocated_again() {
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
