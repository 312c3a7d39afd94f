//! Where recorded exchange data is found. It is not part of the repository: `TRIPLINE_CAPTURES` names its
//! folder, when the tests are built and when they run; without it the tests that need it are ignored,
//! with it but without the folder they fail.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// The folder with recorded data.
pub fn captures() -> PathBuf {
    let folder = std::env::var_os("TRIPLINE_CAPTURES").map(PathBuf::from);
    let folder = folder.expect("TRIPLINE_CAPTURES names the folder with recorded market data");
    assert!(
        folder.is_dir(),
        "TRIPLINE_CAPTURES is '{}', which is no folder",
        folder.display()
    );
    folder
}

/// A gzip file's content.
pub fn gunzip(path: &Path) -> Vec<u8> {
    let file =
        std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut content = vec![];
    GzDecoder::new(file).read_to_end(&mut content).unwrap();
    content
}
