//! The controller's backend as a typed client: sessions, datastores, transactions, devices.
