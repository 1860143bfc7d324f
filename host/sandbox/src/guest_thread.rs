//! A thread that runs guests, one after the other.

use std::{future::Future, io, pin::Pin};

use tokio::{runtime::Builder, sync::mpsc};

/// What a thread does.
pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An operating system's thread with a runtime of its own. It ends when this is dropped and its job is
/// done.
pub(crate) struct GuestThread {
    jobs: mpsc::UnboundedSender<Job>,
}

impl GuestThread {
    pub(crate) fn start() -> io::Result<Self> {
        // Timers are looked at whenever a guest gives its thread back, and not after many times.
        let runtime = Builder::new_current_thread().enable_time().event_interval(1).build()?;
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        std::thread::Builder::new().name("guest".into()).spawn(move || {
            runtime.block_on(async move {
                while let Some(job) = queue.recv().await {
                    job.await;
                }
            });
        })?;
        Ok(Self { jobs })
    }

    /// Hands it a job. If the thread has ended, the job is dropped without having begun.
    pub(crate) fn run(&self, job: Job) {
        let _ = self.jobs.send(job);
    }
}
