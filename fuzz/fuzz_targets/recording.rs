//! Lines of recordings, through the whole inspector.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_actors::recording::parse_line;

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|byte| *byte == b'\n') {
        std::hint::black_box(parse_line(line)).ok();
    }
});
