//! A controller, a daemon, and a wire between them that breaks.

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
    play::services,
    wire::{Fault, Wire},
};

/// A controller with a user who commits, a wire, and a daemon at its other end.
pub struct Wired {
    /// The controller and the user.
    pub stage: Testbed,
    /// Between the daemon and the controller.
    pub wire: Wire,
    /// The daemon.
    pub host: Arc<Host>,
    /// What has happened since the daemon began.
    pub events: broadcast::Receiver<AuditEvent>,
    /// Where the controller's socket is, `controller.sock`.
    pub directory: TempDir,
    daemon: JoinHandle<()>,
}

impl Drop for Wired {
    fn drop(&mut self) {
        self.daemon.abort();
    }
}

impl Wired {
    /// With a controller that knows the models of these services; the daemon waits so long for a reply. A wire that is
    /// spoilt is so before the daemon is there. `alice` commits.
    pub async fn begin(
        builder: ControllerBuilder,
        services: LoadedServices,
        spoilt: Option<(&'static str, Fault)>,
        request_timeout: Duration,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("wire.sock"), directory.path().join("controller.sock"));
        let builder = builder.service_models(services.models);
        let stage = Testbed::without_daemon(builder, back.clone(), "alice").await.unwrap();
        let wire = Wire::listen(&front, &back).unwrap();
        if let Some((asked, fault)) = spoilt {
            wire.spoil(asked, fault);
        }
        let (host, events) = (services.host.clone(), services.host.events());
        let options = ConnectOptions { request_timeout, ..ConnectOptions::new(front).unwrap() };
        let daemon = tokio::spawn(confine_service::serve(services.host, options, std::future::pending()));
        Self { stage, wire, host, events, directory, daemon }
    }

    /// With a daemon that serves. Nothing but commits asks from here on.
    pub async fn serving(
        builder: ControllerBuilder,
        services: LoadedServices,
        request_timeout: Duration,
    ) -> Self {
        let wired = Self::begin(builder, services, None, request_timeout).await;
        let ready = async {
            wired.host.connected().await;
            wired.host.modelled().await;
        };
        timeout(PATIENCE, ready).await.unwrap();
        wired
    }

    /// The candidate is what `running` is, with this instance.
    pub async fn edit(&mut self, instance: &str) {
        self.stage.discard().await.unwrap();
        self.stage.edit(&services(instance)).await.unwrap();
    }

    /// Waits until the daemon is so.
    pub async fn until(&self, is_so: impl Fn(&Host) -> bool) {
        let waited = async {
            while !is_so(&self.host) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waited).await.unwrap();
    }
}
