//! The host side of the contract: what a module may call.
//!
//! Every function starts with [`StoreState::receive`]. One that returns a result ends with [`StoreState::reply`],
//! which calls [`StoreState::send`]. These count the bytes that cross the boundary, and make a loop of calls yield
//! the thread at least every half millisecond. The view counts everything else that a call costs.

use wasmtime::component::{HasSelf, Linker, Resource};

use crate::{
    contract::{
        ServiceWithHooks, ViewHandle,
        confine::service::{log, tree, types},
    },
    store_state::StoreState,
};

/// Defines the contract's imports.
pub(crate) fn link(linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
    ServiceWithHooks::add_to_linker::<_, HasSelf<StoreState>>(linker, |state| state)
}

/// The result of a call of the view for the guest, or the error that ends the run.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

impl StoreState {
    fn guests_view(&mut self) -> wasmtime::Result<&mut confine_view::View> {
        self.view.as_deref_mut().ok_or_else(|| wasmtime::format_err!("no view was handed out"))
    }

    /// Turns a result of the view into one for the guest, and counts its bytes.
    async fn reply<T>(
        &mut self,
        result: Result<T, confine_view::Error>,
        size: impl FnOnce(&T) -> usize,
    ) -> Answer<T> {
        let result = self.answer(result)?;
        self.send(match &result {
            Ok(value) => size(value),
            Err(refusal) => refusal.message.len() + refusal.path.as_ref().map_or(0, String::len),
        })
        .await?;
        Ok(result.map_err(|refusal| types::Error {
            tag: refusal.tag.as_str().to_owned(),
            message: refusal.message,
            path: refusal.path,
        }))
    }
}

/// The bytes of a string in a list besides its text: two numbers of 32 bits.
const STRING: usize = 8;

impl types::Host for StoreState {}

impl tree::Host for StoreState {}

impl tree::HostView for StoreState {
    async fn get(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<Option<String>> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.get(&path).await;
        self.reply(result, |value| value.as_ref().map_or(0, String::len)).await
    }

    async fn exists(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<bool> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.exists(&path).await;
        self.reply(result, |_| 0).await
    }

    async fn find(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<Vec<String>> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.find(&path).await;
        self.reply(result, |paths| paths.iter().map(|path| STRING + path.len()).sum()).await
    }

    async fn read(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<Vec<types::Node>> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.read(&path).await;
        let nodes = result.map(|nodes| nodes.into_iter().map(node).collect());
        self.reply(nodes, |nodes: &Vec<types::Node>| nodes.iter().map(node_size).sum()).await
    }

    async fn read_xml(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<String> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.read_xml(&path).await;
        self.reply(result, String::len).await
    }

    async fn set(&mut self, _: Resource<ViewHandle>, path: String, value: String) -> Answer<()> {
        self.receive(path.len() + value.len()).await?;
        let result = self.guests_view()?.set(&path, &value).await;
        self.reply(result, |()| 0).await
    }

    async fn create(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<()> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.create(&path).await;
        self.reply(result, |()| 0).await
    }

    async fn remove(&mut self, _: Resource<ViewHandle>, path: String) -> Answer<()> {
        self.receive(path.len()).await?;
        let result = self.guests_view()?.remove(&path).await;
        self.reply(result, |()| 0).await
    }

    async fn edit(&mut self, _: Resource<ViewHandle>, edits: Vec<types::Edit>) -> Answer<()> {
        self.receive(edits.iter().map(edit_size).sum()).await?;
        let edits: Vec<_> = edits.into_iter().map(edit).collect();
        let result = self.guests_view()?.edit(&edits).await;
        self.reply(result, |()| 0).await
    }

    async fn edit_xml(&mut self, _: Resource<ViewHandle>, config: String) -> Answer<()> {
        self.receive(config.len()).await?;
        let result = self.guests_view()?.edit_xml(&config).await;
        self.reply(result, |()| 0).await
    }

    async fn drop(&mut self, _: Resource<ViewHandle>) -> wasmtime::Result<()> {
        self.receive(0).await
    }
}

impl log::Host for StoreState {
    async fn log(
        &mut self,
        level: String,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.receive(level.len() + message.len() + pairs_size(&fields)).await?;
        self.console.log(&level, &message, &fields);
        Ok(())
    }
}

fn node(node: confine_view::ViewNode) -> types::Node {
    types::Node { depth: node.depth, name: node.name, namespace: node.namespace, value: node.value }
}

fn node_size(node: &types::Node) -> usize {
    // A number, a string and two optional strings.
    const NODE: usize = 4 + STRING + 2 * (STRING + 4);
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    NODE + node.name.len() + optional(&node.namespace) + optional(&node.value)
}

fn edit(edit: types::Edit) -> confine_view::ViewEdit {
    // Options are for later versions of the contract: unknown ones are ignored, and none is known yet.
    confine_view::ViewEdit { operation: edit.operation, path: edit.path, value: edit.value }
}

fn edit_size(edit: &types::Edit) -> usize {
    // Two strings, an optional string and a list.
    const EDIT: usize = 2 * STRING + (STRING + 4) + STRING;
    EDIT + edit.operation.len()
        + edit.path.len()
        + edit.value.as_ref().map_or(0, String::len)
        + pairs_size(&edit.options)
}

fn pairs_size(pairs: &[(String, String)]) -> usize {
    pairs.iter().map(|(name, value)| 2 * STRING + name.len() + value.len()).sum()
}
