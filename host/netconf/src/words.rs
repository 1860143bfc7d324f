//! Enumerations that are words in messages.

/// Declares enumerations, each value with its word in messages: `as_str` and `Display` write it, `parse` reads it.
#[macro_export]
macro_rules! words {
    ($($(#[$about:meta])* $visible:vis enum $name:ident {
        $($(#[$value_about:meta])* $value:ident = $word:literal,)*
    })*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visible enum $name { $($(#[$value_about])* $value,)* }

        impl $name {
            /// Returns the word in a message.
            $visible const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word,)* }
            }

            /// Returns the value of a word, or `None` if it has none.
            $visible fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

// The words of the Clixon controller's own operations and notifications.
words! {
    /// A datastore of the controller.
    pub enum Datastore {
        /// The committed configuration.
        Running = "running",
        /// The configuration that users edit.
        Candidate = "candidate",
        /// The copy of the candidate that a service commit reads and writes.
        Actions = "actions",
    }

    /// A stream of notifications.
    pub enum EventStream {
        /// Commits that wait for services. Only one client may subscribe.
        ServicesCommit = "services-commit",
        /// The ends of transactions.
        ControllerTransaction = "controller-transaction",
    }

    /// What a commit does with the devices.
    pub enum PushMode {
        /// Nothing is sent to them.
        None = "NONE",
        /// They validate it.
        Validate = "VALIDATE",
        /// They commit it.
        Commit = "COMMIT",
    }

    /// What a commit does with services.
    pub enum ActionsKind {
        /// Nothing.
        None = "NONE",
        /// It runs those that have changed.
        Change = "CHANGE",
        /// It runs the named ones, changed or not.
        Force = "FORCE",
        /// It removes the configuration that the named ones have created.
        Delete = "DELETE",
    }

    /// One of the configurations that the controller has of a device.
    pub enum DeviceConfigType {
        /// That in the controller's `running`.
        Running = "RUNNING",
        /// That in the controller's candidate.
        Candidate = "CANDIDATE",
        /// That in the actions datastore.
        Actions = "ACTIONS",
        /// That of the last pull or push.
        Synced = "SYNCED",
        /// That of the last transient pull.
        Transient = "TRANSIENT",
    }

    /// The state of a transaction.
    pub enum TransactionState {
        /// Started, or pushing to the devices after its actions.
        Init = "INIT",
        /// Notified and waiting for its actions.
        Actions = "ACTIONS",
        /// Failed and being cleaned up.
        Resolved = "RESOLVED",
        /// Completed.
        Done = "DONE",
    }

    /// The result of a transaction.
    pub enum TransactionOutcome {
        /// Not known yet.
        Init = "INIT",
        /// Successful.
        Success = "SUCCESS",
        /// Reverted. `running` may have changed all the same.
        Failed = "FAILED",
        /// Neither completed nor reverted.
        Error = "ERROR",
    }
}
