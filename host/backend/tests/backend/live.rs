//! Tests against a live controller, whose socket is in the environment variable `CONFINE_LIVE_SOCKET`.
//!
//! Run as root, or as the backend's user. The controller needs the service `ssh-users` of the examples and no
//! services daemon; nothing is pushed to its devices.

use confine_backend::{
    ActionsMode, AnswerRejection, Backend, ConfigRequest, ConnectOptions, ControllerCommit, ControllerEvent,
    Datastore, DatastoreDiff, DeviceConfigType, Error, EventReceiver, EventStream, ModelCache, ModelStore,
    PushMode, RequestUser, ServiceRef, ServicesCommit, TransactionOutcome, TransactionState, YangDirectories,
};
use confine_tree::CONTROLLER;

const HOST: RequestUser = RequestUser::Host;
const NAMESPACES: &[(&str, &str)] = &[("ctrl", CONTROLLER)];

/// Returns the options to connect to the controller. Prints that the test is skipped and returns `None` if there is none.
fn options() -> Option<ConnectOptions> {
    let socket = std::env::var_os("CONFINE_LIVE_SOCKET");
    if socket.is_none() {
        eprintln!("skipped: CONFINE_LIVE_SOCKET does not name the socket of a controller");
    }
    socket.map(|socket| ConnectOptions::new(socket).unwrap())
}

async fn notified(events: &mut EventReceiver) -> ServicesCommit {
    loop {
        if let ControllerEvent::ServicesCommit(commit) = events.next().await.unwrap() {
            return commit;
        }
    }
}

#[tokio::test]
async fn live_controller_is_understood() {
    let Some(options) = options() else { return };
    let mut events = EventReceiver::subscribe(
        &options,
        &[EventStream::ServicesCommit, EventStream::ControllerTransaction],
    )
    .await
    .unwrap();
    let second = EventReceiver::subscribe(&options, &[EventStream::ServicesCommit]).await;
    assert!(matches!(second.unwrap_err(), Error::AlreadyRegistered(_)));
    let mut backend = Backend::connect(options.clone()).await.unwrap();
    let mut user = Backend::connect(options).await.unwrap();

    reads(&mut backend).await;
    refusals(&mut backend).await;

    // The key has blanks, quotes and brackets, which must come back unchanged.
    let key = "a b'] <c>";
    let instance = format!(
        "<services xmlns=\"{CONTROLLER}\"><ssh-users xmlns=\"http://clicon.org/ssh-users\">\
         <service-name>a b'] &lt;c></service-name></ssh-users></services>"
    );
    user.edit_config(Datastore::Candidate, &instance, &HOST).await.unwrap();
    let commit = ControllerCommit {
        device: "*",
        push: PushMode::None,
        actions: ActionsMode::Change,
        source: Datastore::Candidate,
    };
    let expected = ServiceRef::new("ssh-users", Some(("service-name".into(), key.into())));

    // The first commit is answered with an error, the second with success.
    let tid = user.controller_commit(commit, &HOST).await.unwrap();
    let event = notified(&mut events).await;
    assert_eq!((event.tid, event.diff, &event.services[..]), (tid, true, &[expected.clone()][..]));
    let open = backend.open_transactions(&HOST).await.unwrap();
    assert_eq!(open.iter().map(|transaction| transaction.tid).collect::<Vec<_>>(), [tid]);
    let reason = "bench: '<' not supported & \"more\"\nsecond line";
    backend.transaction_error(tid, "conf\u{ed}ne <1>", reason, &HOST).await.unwrap();
    let completed = events.wait_for_transaction(tid).await.unwrap();
    assert_eq!(completed.result, TransactionOutcome::Failed);
    assert_eq!(completed.origin.as_deref(), Some("conf_ne _1_"));
    assert_eq!(completed.reason.as_deref(), Some(reason));
    let again = backend.actions_done(tid, &[], &HOST).await.unwrap_err();
    assert!(
        matches!(again, Error::Rejected { rejection: AnswerRejection::AlreadyCompleted, .. }),
        "{again:?}"
    );

    let tid = user.controller_commit(commit, &HOST).await.unwrap();
    assert_eq!(notified(&mut events).await.tid, tid);
    let transaction = backend.transaction(tid, &HOST).await.unwrap().unwrap();
    assert_eq!(transaction.state, TransactionState::Actions);
    assert_eq!(transaction.push(), Some(PushMode::None));
    assert_eq!(transaction.username.as_deref(), Some(user.options().host_user.as_str()));
    backend.actions_done(tid, &["ssh-users"], &HOST).await.unwrap();
    let completed = events.wait_for_transaction(tid).await.unwrap();
    assert_eq!((completed.result, completed.reason), (TransactionOutcome::Success, None));
    let diff = DatastoreDiff::Devices("*", DeviceConfigType::Running, DeviceConfigType::Actions);
    assert!(user.datastore_diff(diff, &HOST).await.unwrap().is_empty());

    // The notifications of a whole list, and of everything.
    for (asked, services) in [(Some("ssh-users"), vec![ServiceRef::new("ssh-users", None)]), (None, vec![])] {
        let force = ControllerCommit { actions: ActionsMode::Force(asked), ..commit };
        let tid = user.controller_commit(force, &HOST).await.unwrap();
        assert_eq!(notified(&mut events).await.services, services);
        backend.transaction_error(tid, "confine", "enough", &HOST).await.unwrap();
        assert_eq!(events.wait_for_transaction(tid).await.unwrap().result, TransactionOutcome::Failed);
    }

    user.discard_changes(&HOST).await.unwrap();
    user.lock(Datastore::Candidate, &HOST).await.unwrap();
    user.unlock(Datastore::Candidate, &HOST).await.unwrap();
    let differences = DatastoreDiff::Datastores(Datastore::Running, Datastore::Candidate);
    assert!(user.datastore_diff(differences, &HOST).await.unwrap().is_empty());
    user.close().await.unwrap();
    backend.close().await.unwrap();
}

/// Reads the models of the controller and of its devices, which must be open and have `openconfig-interfaces`.
#[tokio::test]
async fn live_controller_models_are_read() {
    let Some(options) = options() else { return };
    let backend = tokio::sync::Mutex::new(Backend::connect(options).await.unwrap());
    let states = backend.lock().await.device_states(&HOST).await.unwrap();
    assert!(states.iter().any(|device| device.state == "OPEN" && !device.since.is_empty()), "{states:?}");

    let home = tempfile::tempdir().unwrap();
    let cache = || Some(ModelCache::open(home.path()).unwrap());
    for cache in [None, cache(), cache()] {
        let mut models = ModelStore::new(YangDirectories::default(), Vec::new(), cache);
        let began = std::time::Instant::now();
        models.read_controller_models(&backend).await.unwrap();
        let own = began.elapsed();
        assert!(models.read_device_models(&backend).await.unwrap());
        eprintln!("own models in {own:?}, all in {:?}", began.elapsed());
        assert!(!models.read_device_models(&backend).await.unwrap());
        let schema = models.schema();
        assert!(schema.outer().module_by_name("clixon-controller").is_some());
        assert!(schema.outer().module_by_name("ssh-users").is_some());
        for device in states.iter().filter(|device| device.state == "OPEN") {
            let mounted = schema.mounted(&device.name).unwrap();
            let mtu = mounted.find("/openconfig-interfaces:interfaces/interface/config/mtu").unwrap();
            let wrong = mtu.canonical("fast", &|_| None).unwrap_err().to_string();
            assert_eq!(wrong, "`fast` is not a value of `mtu`: a number from 0 to 65535 (`uint16`)");
        }
    }
}

async fn reads(backend: &mut Backend) {
    let names = ConfigRequest {
        source: Datastore::Running,
        xpath: "/ctrl:devices/ctrl:device/ctrl:name | /ctrl:services/ctrl:nosuch",
        namespaces: NAMESPACES,
        depth: None,
        defaults: false,
    };
    let data = backend.get_config(names, &HOST).await.unwrap();
    let devices = data.children().next().unwrap().unwrap();
    assert!(devices.is_named(CONTROLLER, "devices"));
    for device in devices.children() {
        assert!(device.unwrap().child_text("name").unwrap().is_some());
    }
    let shallow = ConfigRequest { xpath: "/ctrl:devices", depth: Some(1), ..names };
    let data = backend.get_config(shallow, &HOST).await.unwrap();
    assert!(data.children().next().unwrap().unwrap().child("device").unwrap().is_none());
    let nothing = ConfigRequest { xpath: "/ctrl:nosuch", ..names };
    assert!(backend.get_config(nothing, &HOST).await.unwrap().is_empty());
}

async fn refusals(backend: &mut Backend) {
    let refused =
        backend.edit_config(Datastore::Candidate, "<nosuch xmlns=\"urn:x\"/>", &HOST).await.unwrap_err();
    match refused {
        Error::Refused { operation: "edit-config", source } => {
            let error = source.iter().next().unwrap();
            assert_eq!(error.tag, "unknown-element");
            assert_eq!(error.info, [("bad-element".to_owned(), "nosuch".to_owned())]);
        }
        other => panic!("{other:?}"),
    }
    for answer in [
        backend.actions_done(u64::MAX, &["x"], &HOST).await,
        backend.transaction_error(u64::MAX, "confine", "no", &HOST).await,
    ] {
        let error = answer.unwrap_err();
        assert!(
            matches!(error, Error::Rejected { rejection: AnswerRejection::NoSuchTransaction, .. }),
            "{error:?}"
        );
    }
    assert_eq!(backend.transaction(u64::MAX, &HOST).await.unwrap(), None);
}
