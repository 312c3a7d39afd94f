//! Tells the tests whether recorded market data is at hand (`TRIPLINE_CAPTURES`), so that those that
//! need it are shown as ignored instead of passing without having looked at anything.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(captures)");
    println!("cargo::rerun-if-env-changed=TRIPLINE_CAPTURES");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("TRIPLINE_CAPTURES").is_some() {
        println!("cargo::rustc-cfg=captures");
    }
}
