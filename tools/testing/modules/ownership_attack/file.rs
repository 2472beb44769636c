// SPDX-License-Identifier: GPL-2.0

//! `/dev/attack`, which stays open when the driver is unbound. A reader uses the device, as long as
//! that is bound to its driver.

use super::*;
use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::IovIterDest,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    }, //
};

/// The data that the newest binding of `edu` lends. The slot is created once, and stays.
static LENT: SetOnce<Arc<Slot>> = SetOnce::new();

#[pin_data]
struct Slot {
    #[pin]
    lent: Mutex<Option<Arc<Lent>>>,
}

pub(crate) struct Open(Arc<Lent>);

#[vtable]
impl MiscDevice for Open {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<KBox<Self>> {
        let slot = LENT.as_ref().ok_or(ENODEV)?;
        let lent = slot.lent.lock().clone();
        Ok(KBox::new(Self(lent.ok_or(ENODEV)?), GFP_KERNEL)?)
    }

    /// Returns the identification of the device.
    fn read_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let lent = &kiocb.file().0;
        let id = lent.with(|_, hardware| hardware.bar.try_read32(0))??;
        let text = CString::try_from_fmt(fmt!("{:x}\n", id & 0xff))?;
        iov.simple_read_from_buffer(kiocb.ki_pos_mut(), text.to_bytes())
    }
}

/// The file of `edu`, which goes with the driver data.
pub(crate) fn new<'c>(
    pdev: &Device<'c>,
    hardware: &Hardware<'c>,
) -> Result<Option<Pin<KBox<MiscDeviceRegistration<Open>>>>> {
    if hardware.kind != Kind::Edu {
        return Ok(None);
    }
    if LENT.as_ref().is_none() {
        let slot = pin_init!(Slot {
            lent <- new_mutex!(None),
        });
        LENT.populate(Arc::pin_init(slot, GFP_KERNEL)?);
    }
    let slot = LENT.as_ref().ok_or(ENODEV)?;
    let lent = hardware.share(pdev)?;
    let old = slot.lent.lock().replace(lent);
    drop(old);
    let options = MiscDeviceOptions { name: c"attack" };
    let file = KBox::pin_init(MiscDeviceRegistration::register(options), GFP_KERNEL)?;
    Ok(Some(file))
}
