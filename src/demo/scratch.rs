//! A folder for the demo's journal, which goes when the demo does.

use std::io;
use std::path::PathBuf;

pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("tripline-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            log::warn!(actor = "demo"; "{} stays: {error}", self.0.display());
        }
    }
}
