"""The rows of ./dev bench zc: what is compared with what, and what is to be reached.

Cases are named as the programs name them (bench/zc, bench/peers): ROW/CONTENDER. The first of a row is ours, the second
the ordinary way; the rest are other libraries. `goal` is (case, factor): that case must take at least so many times as
long as ours. `why` explains a goal that is not reached, or a row that reads strangely; it is printed with the table.
"""
import dataclasses


@dataclasses.dataclass
class Row:
    technique: str
    title: str
    ours: str
    ordinary: str
    others: tuple = ()
    goal: tuple = None
    why: str = ""

    @property
    def name(self):
        return self.ours

    @property
    def cases(self):
        return (self.ours, self.ordinary, *self.others)


# How contenders are called in the table.
LABELS = {
    "local_ptr/shared_ptr": "std::shared_ptr",
    "bare": "new, memcpy, delete",
    "arc_swap": "arc-swap load", "arc_swap_cache": "arc-swap Cache", "boost": "Boost.Lockfree queue",
    "boost_spsc": "Boost.Lockfree spsc_queue", "bytes": "Rust bytes", "bytes_slices": "Rust bytes, slices",
    "cord": "absl::Cord", "crossbeam": "crossbeam-channel", "malloc": "malloc/free", "mimalloc": "mimalloc",
    "moodycamel": "moodycamel (no bound)", "mutex": "mutex + std::deque", "mutex_copy": "mutex + copy",
    "mutex_shared_ptr": "mutex + shared_ptr", "atomic_shared_ptr": "std::atomic<shared_ptr>", "tbb": "oneTBB bounded",
    "string": "std::string, copied", "strings": "std::string, copied", "shared_ptr": "std::shared_ptr<vector>",
    "copy": "std::vector, copied", "slices": "k slices", "join": "joined first", "flatten": "flattened first", "fields": "field by field",
    "arc": "Rust Arc<[T]>", "arc_swap_full": "arc-swap load_full", "cow": "Rust Cow", "map": "std::map of strings",
    "new": "new/delete", "packed": "in one cache line", "pmr_monotonic": "pmr monotonic, on the stack",
    "pmr_pool": "pmr pool", "rc": "Rust Rc", "zc": "zc", "zc_spsc": "zc",
}

BUILDING = ("Most of it is a bare loop of new, sixteen times memcpy and delete (below), some 40 ns of that new and delete; the "
            "rest is the ledger's sixteen counts, and the handle. Rust's program is below that loop: it is linked as one, and "
            "calls malloc and memcpy without the PLT.")

# What the literature says of sharing against copying: row, time copied, time shared.
LITERATURE = (("share_1mb/zc", "250 us", "15 ns"), ("share_10mb/zc", "2.5 ms", "15 ns"))

WAKING = ("Between two cores the price is the cache lines: in turns of one item a side takes 105 ns for it, in turns of 64 17 ns, "
          "and a receiver that is faster than its sender works in turns as short as it may. zc/shard/patience.h makes them longer.")
CHANNEL_PEERS = ("crossbeam", "flume", "tbb", "moodycamel", "boost")


def channel(kind, title):
    """Two rows: for many senders and receivers, and for one of each. Rust's have only the former."""
    case = lambda contender: f"channel_{kind}/{contender}"  # noqa: E731
    goal = (case("crossbeam"), 1)
    return (Row("A10", title, case("zc"), case("mutex"), tuple(map(case, CHANNEL_PEERS)), goal, WAKING),
            Row("A10", f"{title}, spsc", case("zc_spsc"), case("mutex"), (case("boost_spsc"), case("crossbeam")), goal,
                WAKING))


ROWS = (
    Row("A1", "share 4 KiB: clone and drop", "clone_drop/zc", "clone_drop/string",
        ("clone_drop/bytes", "clone_drop/cord", "clone_drop/shared_ptr"), ("clone_drop/bytes", 1)),
    Row("A1", "slice 1 KiB of it and drop", "slice_drop/zc", "slice_drop/string", ("slice_drop/bytes", "slice_drop/cord"),
        ("slice_drop/bytes", 1)),
    Row("A1", "one more holder of 1 MB", "share_1mb/zc", "share_1mb/copy", ("share_1mb/bytes",)),
    Row("A1", "one more holder of 10 MB", "share_10mb/zc", "share_10mb/copy", ("share_10mb/bytes",)),
    Row("A2", "build 4 KiB of 256 B pieces, freeze", "builder_freeze/zc", "builder_freeze/string",
        ("builder_freeze/bytes", "builder_freeze/bare"), ("builder_freeze/bytes", 1), BUILDING),
    Row("A2", "the same without reserving", "builder_grow/zc", "builder_grow/string", ("builder_grow/bytes",),
        why="Three blocks, two of them copied into the next. Rust grows by realloc, which moves nothing as long as the block "
        "is the last of the heap; operator new has no word for that."),
    Row("A1", "64 KiB into 16 parts", "split_16/zc", "split_16/strings",
        ("split_16/slices", "split_16/bytes", "split_16/bytes_slices"), ("split_16/slices", 2)),
    Row("A1", "64 KiB into 64 parts", "split_64/zc", "split_64/strings",
        ("split_64/slices", "split_64/bytes", "split_64/bytes_slices"), ("split_64/slices", 2)),
    Row("A3", "tabs to blanks in 16 texts, 1 has one", "cow/zc", "cow/string", ("cow/cow",)),
    Row("A4", "from one array to the next, at random", "shared_array/zc", "shared_array/shared_ptr",
        ("shared_array/arc",)),
    Row("A5", "parse a request head, look a field up", "header_lookup/zc", "header_lookup/map"),
    Row("A7", "a header before 8 pieces", "chain_assemble/zc", "chain_assemble/string", ("chain_assemble/cord",)),
    Row("A7", "the middle half of 64 pieces", "chain_slice/zc", "chain_slice/string", ("chain_slice/cord",),
        why="33 pieces on 33 owners: 66 updates of counts at 8.4 ns are all of it. A Cord is a tree and shares whole "
        "branches; a chain takes a reference for every run of pieces on one owner, and hands its pieces to the kernel as "
        "they are (the gather list below)."),
    Row("A7", "524 records read across 64 pieces", "cursor_read/zc", "cursor_read/flatten", ("cursor_read/cord",)),
    Row("A8", "gather list of 64 pieces", "chain_gather/zc", "chain_gather/join", ("chain_gather/cord",)),
    Row("A9", "read the configuration", "snapshot_read/zc", "snapshot_read/mutex_copy",
        ("snapshot_read/arc_swap", "snapshot_read/arc_swap_cache"), ("snapshot_read/arc_swap", 5)),
    Row("A9", "hold a version of it", "snapshot_load/zc", "snapshot_load/mutex_shared_ptr",
        ("snapshot_load/arc_swap_full", "snapshot_load/atomic_shared_ptr")),
    *channel("same_thread", "send and receive, one thread"),
    *channel("stream", "from one thread to another"),
    *channel("ping_pong", "there and back between two threads"),
    Row("A12", "64 KiB buffer: get, touch, put", "pool_64k/zc", "pool_64k/malloc", ("pool_64k/mimalloc",),
        ("pool_64k/malloc", 2)),
    Row("A12", "the same, 32 under way", "pool_64k_32/zc", "pool_64k_32/malloc", ("pool_64k_32/mimalloc",),
        ("pool_64k_32/malloc", 2)),
    Row("A13", "a request object with a buffer", "object_pool/zc", "object_pool/new"),
    Row("A14", "9 vectors and strings for one call", "scratch/zc", "scratch/malloc",
        ("scratch/pmr_monotonic", "scratch/pmr_pool")),
    Row("A15", "two threads count, each its own", "counters/zc", "counters/packed"),
    Row("A16", "1000 points to the other side", "plain_message/zc", "plain_message/fields"),
    Row("A19", "one more holder, one thread", "local_ptr/zc", "local_ptr/shared_ptr", ("local_ptr/rc",)),
)
