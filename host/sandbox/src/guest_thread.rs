//! A thread that runs guests one after another.

use std::{future::Future, io, pin::Pin};

use tokio::{runtime::Builder, sync::mpsc};

/// The work of a thread.
pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An operating system thread with its own runtime. It ends when this value is dropped and its job is done.
pub(crate) struct GuestThread {
    jobs: mpsc::UnboundedSender<Job>,
}

impl GuestThread {
    pub(crate) fn start() -> io::Result<Self> {
        // Check timers each time that a guest yields its thread, instead of after many times.
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

    /// Sends a job to the thread. If the thread has ended, the job is dropped before it begins.
    pub(crate) fn run(&self, job: Job) {
        let _ = self.jobs.send(job);
    }
}
