//! What the controller last knew of the order of entries on devices without a connection.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
};

use confine_tree::{Pattern, Schema};

/// The entries of lists that are `ordered-by user`, in their order.
pub(super) type EntriesByList = BTreeMap<Pattern, Vec<String>>;

/// What the controller last knew of the order on devices, as long as they have no connection.
#[derive(Default)]
pub(crate) struct DeviceOrders {
    /// The models by which lists were found.
    schema: Option<Weak<dyn Schema>>,
    devices: HashMap<String, DeviceOrder>,
}

/// The order on one device.
#[derive(Default)]
pub(super) struct DeviceOrder {
    /// Since when the device is without a connection; empty if nothing tells whether it was open meanwhile.
    pub(super) since: String,
    pub(super) orders: EntriesByList,
}

impl DeviceOrders {
    /// Creates what is known by these models.
    pub(super) fn new(schema: &Arc<dyn Schema>, devices: HashMap<String, DeviceOrder>) -> Self {
        Self { schema: Some(Arc::downgrade(schema)), devices }
    }

    /// Takes what is known by these models.
    pub(super) fn take(&mut self, schema: &Arc<dyn Schema>) -> HashMap<String, DeviceOrder> {
        let Self { schema: known, devices } = std::mem::take(self);
        let is_same = known.is_some_and(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(schema)));
        if is_same { devices } else { HashMap::new() }
    }
}
