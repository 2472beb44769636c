// SPDX-License-Identifier: GPL-2.0

//! A callback cannot require that its arguments outlive the binding, because handlers could then
//! borrow anything that lives as long as the callback.

//@ error: E0195

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

    fn probe<'bound, 'c>(
        pdev: &'bound Device<'c>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound
    where 'bound: 'c // FAIL
    {
        use_up(pdev);
        Ok(())
    }
}
