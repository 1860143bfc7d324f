//! A controller and a daemon, with a faulty wire between them.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use confine_author::{LoadedServices, Testbed};
use confine_backend::ConnectOptions;
use confine_controller::ControllerBuilder;
use confine_service::{AuditEvent, Host};
use tempfile::TempDir;
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};

use crate::{
    PATIENCE,
    faulty_wire::{FaultyWire, WireFault},
    testbed::services,
};

/// A controller, the user `alice` who commits, and a daemon at the other end of a faulty wire.
pub struct FaultyTestbed {
    /// The controller and the user.
    pub base: Testbed,
    /// Between the daemon and the controller.
    pub wire: FaultyWire,
    /// The daemon.
    pub host: Arc<Host>,
    /// The daemon's events since it started.
    pub events: broadcast::Receiver<AuditEvent>,
    /// Holds the controller's socket, `controller.sock`.
    pub directory: TempDir,
    daemon: JoinHandle<()>,
}

impl Drop for FaultyTestbed {
    fn drop(&mut self) {
        self.daemon.abort();
    }
}

impl FaultyTestbed {
    /// Starts a controller with the models of these services, and a daemon with this timeout for replies. With
    /// `spoilt`, the wire is faulty before the daemon connects.
    pub async fn start(
        builder: ControllerBuilder,
        services: LoadedServices,
        spoilt: Option<(&'static str, WireFault)>,
        request_timeout: Duration,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("wire.sock"), directory.path().join("controller.sock"));
        let builder = builder.service_models(services.models);
        let base = Testbed::without_daemon(builder, back.clone(), "alice").await.unwrap();
        let wire = FaultyWire::listen(&front, &back).unwrap();
        if let Some((request, fault)) = spoilt {
            wire.spoil(request, fault);
        }
        let (host, events) = (services.host.clone(), services.host.events());
        let options = ConnectOptions { request_timeout, ..ConnectOptions::new(front).unwrap() };
        let daemon = tokio::spawn(confine_service::serve(services.host, options, std::future::pending()));
        Self { base, wire, host, events, directory, daemon }
    }

    /// As [`start`](Self::start), and waits until the daemon serves the controller and has read its models: from then
    /// on only commits cause requests.
    pub async fn serving(
        builder: ControllerBuilder,
        services: LoadedServices,
        request_timeout: Duration,
    ) -> Self {
        let testbed = Self::start(builder, services, None, request_timeout).await;
        let ready = async {
            testbed.host.wait_until_connected().await;
            testbed.host.wait_until_models_read().await;
        };
        timeout(PATIENCE, ready).await.unwrap();
        testbed
    }

    /// Makes the candidate what `running` is, with this instance added.
    pub async fn edit(&mut self, instance: &str) {
        self.base.discard().await.unwrap();
        self.base.edit(&services(instance)).await.unwrap();
    }

    /// Waits until this holds of the daemon.
    pub async fn until(&self, holds: impl Fn(&Host) -> bool) {
        let waited = async {
            while !holds(&self.host) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waited).await.unwrap();
    }
}
