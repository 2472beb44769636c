// SPDX-License-Identifier: GPL-2.0

//! A callback cannot give the lifetime of the binding the name of a shorter one, because handlers
//! could then borrow anything that lives as long as the callback.

//@ error: `impl` item signature doesn't match `trait` item signature

mod common;

use common::*;

struct Driver;

kernel::pci_device_table!(
    TABLE,
    (),
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = ();

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &TABLE;

    fn probe<'bound>(
        pdev: &'bound Device<'bound>, // FAIL
        pdev: &'bound Device<'_>,     // PASS
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        use_up(pdev);
        Ok(())
    }
}
