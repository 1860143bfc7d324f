//! Requests about transactions: looking them up, and answering them.

use confine_netconf::replace_invalid_characters;
use confine_tree::CONTROLLER;

use crate::{Backend, DeviceConnections, Error, RequestUser, Transaction, TransactionState};

impl Backend {
    /// Returns the transaction `tid`. Returns `None` if there is none, or if the user may not read it: the backend does not
    /// distinguish the two.
    pub async fn transaction(&mut self, tid: u64, user: &RequestUser) -> Result<Option<Transaction>, Error> {
        let xpath = format!("/co:transactions/co:transaction[co:tid='{tid}']");
        Ok(self.transactions(&xpath, user).await?.into_iter().find(|transaction| transaction.tid == tid))
    }

    /// Returns the transaction `tid`, as [`transaction`](Self::transaction), and the connections of devices. One request
    /// for both costs the backend what one of them does.
    pub async fn transaction_and_devices(
        &mut self,
        tid: u64,
        user: &RequestUser,
    ) -> Result<(Option<Transaction>, DeviceConnections), Error> {
        let xpath =
            format!("/co:transactions/co:transaction[co:tid='{tid}'] | /co:devices/co:device/co:conn-state");
        let data = self.get_controller_state(&xpath, user).await?;
        let (mut transaction, mut devices) = (None, DeviceConnections::new());
        for top in data.children() {
            for entry in top.map_err(Error::session("get"))?.children() {
                let entry = entry.map_err(Error::session("get"))?;
                if entry.is_named(CONTROLLER, "transaction") {
                    transaction =
                        transaction.or(Some(Transaction::read(&entry)?).filter(|found| found.tid == tid));
                } else if entry.is_named(CONTROLLER, "device") {
                    let text = |name: &str| entry.child_text(name).map_err(Error::session("get"));
                    if let (Some(name), Some(state)) = (text("name")?, text("conn-state")?) {
                        devices.insert(name, state);
                    }
                }
            }
        }
        Ok((transaction, devices))
    }

    /// Returns the transactions that wait for their actions. Their notifications are not repeated for a new subscriber.
    pub async fn open_transactions(&mut self, user: &RequestUser) -> Result<Vec<Transaction>, Error> {
        let mut open = self.transactions("/co:transactions/co:transaction[co:state='ACTIONS']", user).await?;
        open.retain(|transaction| transaction.state == TransactionState::Actions);
        Ok(open)
    }

    async fn transactions(&mut self, xpath: &str, user: &RequestUser) -> Result<Vec<Transaction>, Error> {
        let data = self.get_controller_state(xpath, user).await?;
        let mut found = Vec::new();
        for transactions in data.children() {
            for transaction in transactions.map_err(Error::session("get"))?.children() {
                found.push(Transaction::read(&transaction.map_err(Error::session("get"))?)?);
            }
        }
        Ok(found)
    }

    /// Reports that the actions of `tid` are done, for the lists `services`. The backend validates the result only now. A
    /// [`ControllerTransaction`](crate::ControllerTransaction) notifies the outcome.
    pub async fn actions_done(
        &mut self,
        tid: u64,
        services: &[&str],
        user: &RequestUser,
    ) -> Result<(), Error> {
        self.command(user, "transaction-actions-done", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &tid.to_string())?;
            services.iter().try_for_each(|service| xml.leaf("service", &[], service))
        })
        .await
        .map_err(|error| error.for_transaction(tid))
    }

    /// Ends `tid` with an error. The committing user sees `reason`. Characters in it that XML does not allow are replaced.
    ///
    /// The backend repeats `origin` without escaping it: characters that are XML markup or not printable ASCII become `_`.
    /// The backend accepts this request also for transactions that are being pushed: end only those that wait.
    pub async fn transaction_error(
        &mut self,
        tid: u64,
        origin: &str,
        reason: &str,
        user: &RequestUser,
    ) -> Result<(), Error> {
        self.command(user, "transaction-error", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &tid.to_string())?;
            xml.leaf("origin", &[], &unescaped_safe(origin))?;
            xml.leaf("reason", &[], &replace_invalid_characters(reason))
        })
        .await
        .map_err(|error| error.for_transaction(tid))
    }
}

/// Replaces characters that would need escaping in XML.
fn unescaped_safe(text: &str) -> String {
    let is_safe = |c: char| matches!(c, ' '..='~') && !matches!(c, '<' | '>' | '&');
    text.chars().map(|c| if is_safe(c) { c } else { '_' }).collect()
}
