// zc/wire/coding/trained_table.h - the Huffman table for small bodies at ISA-L's level 0.
//
// One table for all telemetry, trained on sample_body(). Every byte has a code in it, so a body
// unlike the sample becomes larger than it might be, never wrong. Deterministic: the same in every
// process of one build.
#pragma once

struct isal_hufftables;

namespace zc::coders {

// Made on the first call, in about a millisecond; static storage. Any thread.
const isal_hufftables& trained_table();

}  // namespace zc::coders
