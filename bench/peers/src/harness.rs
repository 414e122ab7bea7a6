//! The twin of bench/zc/harness.h and bench/zc/main.cc: the same commands, the same loop.
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// The compiler must believe that somebody looks at the object (and may have changed it).
#[inline(always)]
pub fn keep<T>(object: &T) {
    std::hint::black_box(object);
}

/// Nanoseconds of CPU time of this thread: what others run on the core in between is not in it.
fn cpu_time() -> f64 {
    unsafe {
        let mut now: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now);
        now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
    }
}

#[inline(always)]
pub fn time_of(n: u64, mut operation: impl FnMut()) -> f64 {
    let start = cpu_time();
    for _ in 0..n {
        operation();
    }
    cpu_time() - start
}

struct Case {
    run: Box<dyn FnMut(u64) -> f64>,
    threads: u32,
    times: u64,
}

#[derive(Default)]
pub struct Suite {
    cases: BTreeMap<String, Case>,
}

static CORES: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(1)];

pub fn pin(thread: usize) {
    unsafe {
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(CORES[thread].load(Ordering::Relaxed), &mut one);
        libc::sched_setaffinity(0, std::mem::size_of_val(&one), &one);
    }
}

/// Runs `other` on the second core, and `mine` on this one once `other` is there; returns the real
/// time until both have ended. What they look at is moved into them: harness.h says why.
pub fn two_threads(mine: impl FnOnce(), other: impl FnOnce() + Send) -> f64 {
    let there = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            pin(1);
            there.store(true, Ordering::Release);
            other();
        });
        while !there.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let start = Instant::now();
        mine();
        second.join().unwrap();
        start.elapsed().as_nanos() as f64
    })
}

impl Suite {
    pub fn add(&mut self, name: &str, run: impl FnMut(u64) -> f64 + 'static) {
        self.insert(name, Box::new(run), 1);
    }

    pub fn add_pair(&mut self, name: &str, run: impl FnMut(u64) -> f64 + 'static) {
        self.insert(name, Box::new(run), 2);
    }

    fn insert(&mut self, name: &str, run: Box<dyn FnMut(u64) -> f64>, threads: u32) {
        self.cases.insert(
            name.into(),
            Case {
                run,
                threads,
                times: 0,
            },
        );
    }

    fn list(&self) -> String {
        let all: Vec<String> = self
            .cases
            .iter()
            .map(|(name, c)| format!("{{\"name\": \"{name}\", \"threads\": {}}}", c.threads))
            .collect();
        format!("{{\"cases\": [{}]}}", all.join(", "))
    }

    fn run(&mut self, name: &str, seconds: f64) -> String {
        let Some(case) = self.cases.get_mut(name) else {
            return format!("{{\"error\": \"no case {name}\"}}");
        };
        let wanted = seconds * 1e9;
        let fewest = if case.threads > 1 { 32 } else { 1 };
        let mut n: u64 = fewest;
        while case.times == 0 {
            let took = (case.run)(n);
            if took >= wanted / 4.0 || n >= 1 << 30 {
                case.times = fewest.max((n as f64 * wanted / took) as u64 + 1);
            }
            n *= 2;
        }
        let took = (case.run)(case.times);
        format!(
            "{{\"name\": \"{name}\", \"ns\": {:.4}, \"times\": {}, \"memory\": 0}}",
            took / case.times as f64,
            case.times
        )
    }

    pub fn serve(&mut self) {
        let words: Vec<String> = std::env::args().collect();
        if let Some(at) = words.iter().position(|w| w == "--cores") {
            for (core, word) in CORES.iter().zip(words[at + 1].split(',')) {
                core.store(word.parse().expect("--cores A,B"), Ordering::Relaxed);
            }
        }
        pin(0);
        // A second thread that sleeps, as in bench/zc/main.cc.
        std::thread::spawn(|| loop {
            std::thread::park();
        });
        for line in std::io::stdin().lock().lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            let answer = match words[..] {
                ["list"] => self.list(),
                ["run", name, seconds] => self.run(name, seconds.parse().unwrap()),
                _ => continue,
            };
            println!("{answer}");
            std::io::stdout().flush().unwrap();
        }
    }
}
