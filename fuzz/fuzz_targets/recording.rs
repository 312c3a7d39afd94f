//! A recording, from its bytes to both forms of the inspector's report.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("tripline-fuzz-inspect-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder can be written");
    for json in [false, true] {
        let mut report = Vec::new();
        drop(tripline::inspect::run(&[path.clone()], json, &mut report));
    }
});
