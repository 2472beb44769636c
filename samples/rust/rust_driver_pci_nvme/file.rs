// SPDX-License-Identifier: GPL-2.0

//! The device file.

use super::{
    controller::Shared,
    queue::MAX_DATA, //
};
use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    ioctl::_IO,
    iov::IovIterDest,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// The ioctl that resets the controller. The C driver uses the same number.
const NVME_IOCTL_RESET: u32 = _IO(b'N' as u32, 0x44);

/// The data of the file, which exists whether or not the driver is still bound.
pub(super) struct DiskFile(pub(super) Arc<Shared>);

impl DiskFile {
    /// Registers the file, which root may open.
    pub(super) fn register(
        shared: Arc<Shared>,
    ) -> Result<impl PinInit<MiscDeviceRegistration<Self>, Error>> {
        let options = MiscDeviceOptions {
            name: c"nvme-rust0",
        };
        let disk = Arc::new(Self(shared), GFP_KERNEL)?;
        Ok(MiscDeviceRegistration::register_with(options, disk))
    }
}

#[vtable]
impl MiscDevice for DiskFile {
    type Ptr = Arc<Self>;

    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        misc.data().map(Into::into).ok_or(ENODEV)
    }

    fn read_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let disk = kiocb.file();
        // Copying to user space may fault and wait. It is done outside of `with()`, so that neither
        // the queue nor unbinding waits for that.
        let mut buffer = KVVec::from_elem(0, iov.len().min(MAX_DATA), GFP_KERNEL)?;
        let mut done = 0;
        while !iov.is_empty() {
            let pos = u64::try_from(kiocb.ki_pos())?;
            let len = iov.len().min(buffer.len());
            let read = disk.0.with(|_, disk| disk.read(pos, &mut buffer[..len]));
            let copied = match read.and_then(|result| result) {
                Ok(0) => break,
                Ok(read) => iov.copy_to_iter(&buffer[..read]),
                // Data that was read before the error is returned.
                Err(_) if done != 0 => break,
                Err(e) => return Err(e),
            };
            if copied == 0 {
                return if done == 0 { Err(EFAULT) } else { Ok(done) };
            }
            *kiocb.ki_pos_mut() += i64::try_from(copied)?;
            done += copied;
        }
        Ok(done)
    }

    fn ioctl(disk: ArcBorrow<'_, Self>, _file: &File, cmd: u32, _arg: usize) -> Result<isize> {
        match cmd {
            NVME_IOCTL_RESET => {
                disk.0.with(|binding, disk| disk.reset(binding))??;
                Ok(0)
            }
            _ => Err(ENOTTY),
        }
    }
}
