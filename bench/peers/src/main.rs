//! The contenders in Rust. Every case does what the case of the same row in bench/zc does.
mod harness;

use arc_swap::ArcSwap;
use bytes::{BufMut, Bytes, BytesMut};
use harness::{keep, time_of, two_threads, Suite};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

const PAGE: usize = 4096;
const PIECE: usize = 256;
const CAPACITY: usize = 1024;

/// What `zc::bytes` made of a filled builder is: frozen, shared, one holder so far. (A `Bytes` that
/// has never been cloned is still a boxed slice; the first clone promotes it, and here that is past.)
fn block_of(size: usize) -> Bytes {
    let mut b = BytesMut::with_capacity(size);
    b.put_bytes(b'x', size);
    let ready = b.freeze();
    drop(ready.clone());
    ready
}

fn add_bytes(suite: &mut Suite) {
    let b = block_of(PAGE);
    suite.add("clone_drop/bytes", move |n| {
        time_of(n, || {
            let other = b.clone();
            keep(&other);
        })
    });
    let b = block_of(PAGE);
    suite.add("slice_drop/bytes", move |n| {
        let at = 1024usize;
        time_of(n, || {
            keep(&at);
            let part = b.slice(at..at + 1024);
            keep(&part);
        })
    });
    add_builder(suite, "builder_freeze", PAGE);
    add_builder(suite, "builder_grow", 0);
    add_split::<16>(suite);
    add_split::<64>(suite);
    for (row, size) in [("share_1mb", 1_000_000), ("share_10mb", 10_000_000)] {
        let mut b = Bytes::new();
        suite.add(&format!("{row}/bytes"), move |n| {
            if b.is_empty() {
                b = block_of(size);
            }
            time_of(n, || {
                let other = b.clone();
                keep(&other);
            })
        });
    }
}

fn add_builder(suite: &mut Suite, row: &str, reserved: usize) {
    suite.add(&format!("{row}/bytes"), move |n| {
        let text = vec![b'x'; PIECE];
        let next: &[u8] = &text;
        time_of(n, || {
            let mut b = BytesMut::with_capacity(reserved);
            for _ in 0..PAGE / PIECE {
                b.put_slice(std::hint::black_box(next));
            }
            let ready = b.freeze();
            keep(&ready);
        })
    });
}

fn add_split<const WAYS: usize>(suite: &mut Suite) {
    const SIZE: usize = 65536;
    let part = SIZE / WAYS;
    let b = block_of(SIZE);
    suite.add(&format!("split_{WAYS}/bytes"), move |n| {
        time_of(n, || {
            let mut rest = b.clone();
            let parts: [Bytes; WAYS] = std::array::from_fn(|_| rest.split_to(part));
            keep(&parts);
        })
    });
    let b = block_of(SIZE);
    suite.add(&format!("split_{WAYS}/bytes_slices"), move |n| {
        time_of(n, || {
            let parts: [Bytes; WAYS] = std::array::from_fn(|i| b.slice(i * part..(i + 1) * part));
            keep(&parts);
        })
    });
}

const ARRAYS: usize = 65536;

fn texts() -> Vec<Vec<u8>> {
    let mut all = vec![vec![b'x'; 128]; 16];
    all[7][127] = b'\t';
    all
}

/// As std::string::find does.
fn find(text: &[u8], from: usize, what: u8) -> Option<usize> {
    let rest = &text[from..];
    let at = unsafe { libc::memchr(rest.as_ptr().cast(), i32::from(what), rest.len()) };
    (!at.is_null()).then(|| from + (at as usize - rest.as_ptr() as usize))
}

/// In an order that no prefetcher guesses.
fn shuffled() -> Vec<Arc<[u64]>> {
    let mut all: Vec<Arc<[u64]>> = (0..ARRAYS).map(|_| Arc::from([0u64; 16])).collect();
    let mut state = 1u64;
    for i in (1..ARRAYS).rev() {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        all.swap(i, (state >> 33) as usize % (i + 1));
    }
    all
}

struct Settings {
    values: [u64; 32],
}

fn add_values(suite: &mut Suite) {
    let current = ArcSwap::from_pointee(Settings { values: [0; 32] });
    suite.add("snapshot_read/arc_swap", move |n| {
        time_of(n, || {
            let mine = current.load();
            keep(&mine.values[7]);
        })
    });
    let current = ArcSwap::from_pointee(Settings { values: [0; 32] });
    suite.add("snapshot_load/arc_swap_full", move |n| {
        time_of(n, || {
            let mine = current.load_full();
            keep(&mine.values[7]);
        })
    });
    let current = Arc::new(ArcSwap::from_pointee(Settings { values: [0; 32] }));
    suite.add("snapshot_read/arc_swap_cache", move |n| {
        let mut cache = arc_swap::Cache::new(Arc::clone(&current));
        time_of(n, || {
            let mine = cache.load();
            keep(&mine.values[7]);
        })
    });
    let all = texts();
    suite.add("cow/cow", move |n| {
        time_of(n, || {
            for s in &all {
                let mut out = Cow::Borrowed(s.as_slice());
                let mut at = 0;
                while let Some(found) = find(s, at, b'\t') {
                    out.to_mut()[found] = b' ';
                    at = found + 1;
                }
                keep(&out);
            }
        })
    });
    let mut arrays: Vec<Arc<[u64]>> = Vec::new();
    suite.add("shared_array/arc", move |n| {
        if arrays.is_empty() {
            arrays = shuffled();
        }
        let mut at = 0usize;
        time_of(n, || {
            at = (at + 1 + arrays[at][3] as usize) % ARRAYS;
            keep(&at);
        })
    });
    suite.add("local_ptr/rc", |n| {
        let value = Rc::new([0u64; 4]);
        time_of(n, || {
            let other = Rc::clone(&value);
            keep(&other);
        })
    });
}

/// As in bench/zc/channel_cases.cc. A macro, so that every library's own types are compiled in.
macro_rules! add_channel {
    ($suite:expr, $name:literal, $library:ident) => {
        $suite.add(concat!("channel_same_thread/", $name), |n| {
            let (sender, receiver) = $library::bounded::<u64>(CAPACITY);
            time_of(n, || {
                sender.send(7).unwrap();
                let item = receiver.recv().unwrap();
                keep(&item);
            })
        });
        $suite.add_pair(concat!("channel_stream/", $name), |n| {
            let (sender, receiver) = $library::bounded::<u64>(CAPACITY);
            two_threads(
                move || {
                    for i in 0..n {
                        sender.send(i).unwrap();
                    }
                },
                move || {
                    for _ in 0..n {
                        let item = receiver.recv().unwrap();
                        keep(&item);
                    }
                },
            )
        });
        $suite.add_pair(concat!("channel_ping_pong/", $name), |n| {
            let (there, from_here) = $library::bounded::<u64>(CAPACITY);
            let (back, from_there) = $library::bounded::<u64>(CAPACITY);
            two_threads(
                move || {
                    for i in 0..n {
                        there.send(i).unwrap();
                        let item = from_there.recv().unwrap();
                        keep(&item);
                    }
                },
                move || {
                    for _ in 0..n {
                        back.send(from_here.recv().unwrap()).unwrap();
                    }
                },
            )
        });
    };
}

fn main() {
    let mut suite = Suite::default();
    add_bytes(&mut suite);
    add_values(&mut suite);
    add_channel!(suite, "crossbeam", crossbeam_channel);
    add_channel!(suite, "flume", flume);
    suite.serve();
}
