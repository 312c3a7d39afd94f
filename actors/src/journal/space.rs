//! C27: how much room the disk of a journal has left.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::Journal;
use crate::delivery::Outlet;
use crate::gateway::DiskMeasured;
use crate::panics;

/// How often it is measured.
const EVERY: Duration = Duration::from_secs(5);

/// The disk that a journal is on.
#[derive(Debug, Clone)]
pub struct DiskSpace(PathBuf);

impl DiskSpace {
    /// Bytes that this process may still write.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn free(&self) -> io::Result<u64> {
        let told = rustix::fs::statvfs(&self.0)?;
        Ok(told.f_bavail.saturating_mul(told.f_frsize))
    }

    /// Measures for ever. To be run where a disk that hangs holds up no order.
    pub async fn keep_measuring(self, told: Outlet<DiskMeasured>) {
        while !panics::endured(self.measure_on(&told)).await {}
    }

    async fn measure_on(&self, told: &Outlet<DiskMeasured>) {
        let mut is_known = true;
        loop {
            match self.free() {
                Ok(free) => {
                    is_known = true;
                    told.send(DiskMeasured { free });
                }
                Err(error) if std::mem::take(&mut is_known) => {
                    log::warn!(actor = "journal"; "the free space of the disk is not known: {error}");
                }
                Err(_) => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

impl Journal {
    /// The disk that it is on.
    #[must_use]
    pub fn space(&self) -> DiskSpace {
        DiskSpace(self.shared.settings.path.clone())
    }
}
