//! Threads for work whose length others decide.
//!
//! Modules, devices and the datastore decide how long it takes to plan, read, finish or load something. Whoever answers the
//! controller, an operator or a signal does none of that: it runs on threads of its own, and is waited for with a deadline.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::{JoinError, JoinHandle},
};

/// The number of threads. Work that was given up may keep a thread until its next step.
const THREADS: usize = 4;

/// A runtime of its own for long work.
pub struct WorkThreads {
    handle: Handle,
    /// Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl WorkThreads {
    /// Starts the threads.
    pub(crate) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("work").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Does work on one of the threads, as long as its result is waited for.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> WorkTask<T> {
        WorkTask(self.handle.spawn(work))
    }

    /// As [`run`](Self::run), for work that goes on to its end even if nobody waits for it any more.
    pub fn complete<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(work)
    }
}

impl Drop for WorkThreads {
    fn drop(&mut self) {
        // Waiting for the threads would block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The result of work on other threads. Dropping it ends the work where it waits next.
#[must_use = "the work ends when this is dropped"]
pub struct WorkTask<T>(JoinHandle<T>);

impl<T> Future for WorkTask<T> {
    /// An error if the work has panicked.
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for WorkTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

    use super::*;

    /// One thread answers while all others work without waiting.
    #[tokio::test]
    async fn busy_work_threads_delay_nobody_else() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let threads = WorkThreads::start().unwrap();
        let busy = || async {
            while !STOP.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        let tasks: Vec<WorkTask<()>> = (0..THREADS).map(|_| threads.run(busy())).collect();
        // A timer of this runtime fires.
        tokio::time::sleep(Duration::from_millis(10)).await;
        STOP.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn dropped_work_ends() {
        let threads = WorkThreads::start().unwrap();
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let task = threads.run(async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(end.await.is_err());
    }
}
