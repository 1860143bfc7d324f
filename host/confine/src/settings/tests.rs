//! Which source of a setting overrides which.

use std::fs;

use super::*;

/// A directory with files, whose name is removed from what is compared.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        fixture.write("controller.xml", CONTROLLER);
        fixture
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn merge(&self, options: &SettingsArgs, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let file =
            options.config.as_ref().map(|path| OperatorFile::read(path)).transpose()?.unwrap_or_default();
        let controller = options.controller_config.as_ref().map(|path| ControllerFile::read(path));
        let controller = controller.transpose()?.unwrap_or_default();
        let variable = |name: &str| {
            let found = environment.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        Settings::merge(options, variable, &file, &controller)
    }

    fn shown(&self, settings: &Settings) -> String {
        let here = format!("{}/", self.0.path().display());
        settings.to_string().replace(&here, "").split("\n[limits]").next().unwrap().to_owned()
    }
}

const CONTROLLER: &str = "<clixon-config xmlns='http://clicon.org/config'>
  <CLICON_SOCK>/controller.sock</CLICON_SOCK>
  <CLICON_XMLDB_DIR>/controller-datastores</CLICON_XMLDB_DIR>
  <CLICON_BACKEND_USER>clicon</CLICON_BACKEND_USER>
  <CONTROLLER_PYAPI_MODULE_PATH>/controller-modules</CONTROLLER_PYAPI_MODULE_PATH>
  <CONTROLLER_PYAPI_MODULE_FILTER>old, older,</CONTROLLER_PYAPI_MODULE_FILTER>
  <CONTROLLER_PYAPI_PIDFILE>/controller.pid</CONTROLLER_PYAPI_PIDFILE>
</clixon-config>";

const FILE_TEXT: &str = "
socket = '/file.sock'
running = '/file-running'
modules = ['/file-modules', 'relative']
exclude = ['draft']
unmanaged = ['legacy']
user = 'services'
cache = '/file-cache'
pidfile = '/file.pid'
[log]
filter = 'warn'
to = 'journald'
format = 'json'
[admin]
socket = '/file-admin.sock'
group = 'operators'
[metrics]
listen = '127.0.0.1:9464'
[nacm.prefixes]
sys = 'urn:sys'
[[nacm.rule_list]]
name = 'own'
group = ['module:big', 'modules']
[[nacm.rule_list.rule]]
name = 'no-system'
path = '/ctrl:devices/ctrl:device/ctrl:config/sys:system'
access_operations = ['update']
action = 'deny'
[service.bench]
modules = ['big', 'audit']
shares_with = ['users', 'banners']
[service.users]
shares_with = ['banners']
[module.big]
conflicts = 'last-wins'
undeclared_reads = 'warn'
[module.big.limits]
memory = '128 MiB'
";

#[test]
fn every_setting_has_a_default() {
    let fixture = Fixture::new();
    let settings = fixture.merge(&SettingsArgs::default(), &[]).unwrap();
    insta::assert_snapshot!(fixture.shown(&settings), @r#"
    socket = "/usr/local/var/run/controller/controller.sock"  # default
    # running: unknown, so each commit reads the ownership of services again
    modules = [
        "/usr/local/share/controller/modules",  # default
    ]
    exclude = []
    unmanaged = []
    # user: the user that Confine runs as
    cache = "/var/cache/confine"  # default
    state = "/var/lib/confine"  # default
    # models: those that the controller provides
    # pidfile: none

    [log]
    filter = "info"  # default
    to = "stderr"  # default
    format = "text"  # default

    [admin]
    socket = "/run/confine/admin.sock"  # default
    # group: none

    [metrics]
    # listen: not served

    [traces]
    # collector: none
    "#);
}

#[test]
fn configuration_of_the_controller_overrides_defaults() {
    let fixture = Fixture::new();
    let options =
        SettingsArgs { controller_config: Some(fixture.path("controller.xml")), ..SettingsArgs::default() };
    let settings = fixture.merge(&options, &[]).unwrap();
    assert_eq!(settings.backend_user.as_ref().unwrap().value, "clicon");
    insta::assert_snapshot!(fixture.shown(&settings), @r#"
    socket = "/controller.sock"  # controller.xml
    running = "/controller-datastores/running_db"  # controller.xml
    modules = [
        "/controller-modules",  # controller.xml
    ]
    exclude = [
        "old",  # controller.xml
        "older",  # controller.xml
    ]
    unmanaged = []
    # user: the user that Confine runs as
    cache = "/var/cache/confine"  # default
    state = "/var/lib/confine"  # default
    # models: those that the controller provides
    pidfile = "/controller.pid"  # controller.xml

    [log]
    filter = "info"  # default
    to = "stderr"  # default
    format = "text"  # default

    [admin]
    socket = "/run/confine/admin.sock"  # default
    # group: none

    [metrics]
    # listen: not served

    [traces]
    # collector: none
    "#);
}

/// Its file would show the changes of another controller.
#[test]
fn running_file_of_another_controller_is_not_used() {
    let fixture = Fixture::new();
    let controller_config = Some(fixture.path("controller.xml"));
    let running = |socket: &str| {
        let options = SettingsArgs {
            controller_config: controller_config.clone(),
            socket: Some(socket.into()),
            ..SettingsArgs::default()
        };
        fixture.merge(&options, &[]).unwrap().running.map(|running| running.value)
    };
    assert_eq!(running("/another.sock"), None);
    assert_eq!(running("controller.sock"), None);
    assert_eq!(running("/controller.sock"), Some("/controller-datastores/running_db".into()));
    assert_eq!(running("/../controller.sock"), Some("/controller-datastores/running_db".into()));
}

#[test]
fn relative_socket_is_that_of_the_controller() {
    let fixture = Fixture::new();
    let here = std::env::current_dir().unwrap();
    let text = CONTROLLER.replace("/controller.sock", &here.join("c.sock").display().to_string());
    fs::write(fixture.path("controller.xml"), text).unwrap();
    let options = SettingsArgs {
        controller_config: Some(fixture.path("controller.xml")),
        socket: Some("c.sock".into()),
        ..SettingsArgs::default()
    };
    let settings = fixture.merge(&options, &[]).unwrap();
    assert_eq!(settings.running.unwrap().value, Path::new("/controller-datastores/running_db"));
    assert_eq!(settings.socket.value, here.join("c.sock"));
    let long = PathBuf::from("x".repeat(100));
    let options = SettingsArgs { socket: Some(long.clone()), ..SettingsArgs::default() };
    assert_eq!(fixture.merge(&options, &[]).unwrap().socket.value, long);
}

#[test]
fn default_configuration_is_read_only_for_its_own_controller() {
    let fixture = Fixture::new();
    let usual = fixture.path("controller.xml");
    let file = |text: &str| OperatorFile::read(&fixture.write("confine.toml", text)).unwrap();
    let socket = |options: &SettingsArgs, file: &OperatorFile, usual: &Path| {
        controller_file(options, file, usual).unwrap().socket.map(|found| found.value)
    };
    let here = Some(PathBuf::from("/controller.sock"));
    let named = |socket: &str| SettingsArgs { socket: Some(socket.into()), ..SettingsArgs::default() };
    assert_eq!(socket(&SettingsArgs::default(), &file(""), &usual), here);
    assert_eq!(socket(&named("/controller.sock"), &file(""), &usual), here);
    assert_eq!(socket(&named("/another.sock"), &file(""), &usual), None);
    assert_eq!(socket(&SettingsArgs::default(), &file("socket = '/another.sock'"), &usual), None);
    assert_eq!(socket(&SettingsArgs::default(), &file(""), &fixture.path("nowhere.xml")), None);
    // A named file has to exist.
    let missing =
        controller_file(&SettingsArgs::default(), &file("controller_config = 'nowhere.xml'"), &usual);
    let error = confine_service::error_chain(&missing.unwrap_err());
    insta::assert_snapshot!(error.replace(fixture.0.path().to_str().unwrap(), ""), @"cannot read the controller's configuration `/nowhere.xml`: No such file or directory (os error 2)");
}

#[test]
fn settings_file_overrides_the_controller() {
    let fixture = Fixture::new();
    let options = SettingsArgs {
        config: Some(fixture.write("confine.toml", FILE_TEXT)),
        controller_config: Some(fixture.path("controller.xml")),
        ..SettingsArgs::default()
    };
    let settings = fixture.merge(&options, &[]).unwrap();
    let limits = settings.limits_of_modules();
    assert_eq!(limits.of("big").memory, 128 << 20);
    assert_eq!(*limits.of("small"), Limits::default());
    insta::assert_snapshot!(fixture.shown(&settings), @r#"
    socket = "/file.sock"  # confine.toml
    running = "/file-running"  # confine.toml
    modules = [
        "/file-modules",  # confine.toml
        "relative",  # confine.toml
    ]
    exclude = [
        "draft",  # confine.toml
        "old",  # controller.xml
        "older",  # controller.xml
    ]
    unmanaged = [
        "legacy",  # confine.toml
    ]
    user = "services"  # confine.toml
    cache = "/file-cache"  # confine.toml
    state = "/var/lib/confine"  # default
    # models: those that the controller provides
    pidfile = "/file.pid"  # confine.toml

    [log]
    filter = "warn"  # confine.toml
    to = "journald"  # confine.toml
    format = "json"  # confine.toml

    [admin]
    socket = "/file-admin.sock"  # confine.toml
    group = "operators"  # confine.toml

    [metrics]
    listen = "127.0.0.1:9464"  # confine.toml

    [traces]
    # collector: none
    "#);
}

const TRACES: &str = "user = 'services'\n[traces]\ncollector = 'http://127.0.0.1:4318/v1/traces'\n";

#[cfg(feature = "otel")]
#[test]
fn collector_of_the_file_is_used() {
    let fixture = Fixture::new();
    let options =
        SettingsArgs { config: Some(fixture.write("confine.toml", TRACES)), ..SettingsArgs::default() };
    let shown = fixture.shown(&fixture.merge(&options, &[]).unwrap());
    let collector = "[traces]\ncollector = \"http://127.0.0.1:4318/v1/traces\"  # confine.toml\n";
    assert!(shown.ends_with(collector), "{shown}");
}

#[cfg(not(feature = "otel"))]
#[test]
fn collector_without_the_feature_otel_is_an_error() {
    let fixture = Fixture::new();
    let options =
        SettingsArgs { config: Some(fixture.write("confine.toml", TRACES)), ..SettingsArgs::default() };
    let error = fixture.merge(&options, &[]).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(fixture.0.path().to_str().unwrap(), ""), @"`/confine.toml`, line 3, key `traces.collector`: this Confine is built without the cargo feature `otel`, which sends spans: remove `collector`, or build with `cargo build --release --features otel` (the Debian package has it)");
    // A table without a collector, as in the packaged file, sends nothing.
    let options =
        SettingsArgs { config: Some(fixture.write("confine.toml", "[traces]\n")), ..SettingsArgs::default() };
    assert_eq!(fixture.merge(&options, &[]).unwrap().collector, None);
}

#[test]
fn command_line_overrides_everything() {
    let fixture = Fixture::new();
    let options = SettingsArgs {
        config: Some(fixture.write("confine.toml", FILE_TEXT)),
        controller_config: Some(fixture.path("controller.xml")),
        socket: Some("/option.sock".into()),
        modules: vec!["/option-modules".into(), "/file-modules".into()],
        exclude: vec!["broken".parse().unwrap()],
        unmanaged: vec!["legacy".parse().unwrap(), "manual".parse().unwrap()],
        user: Some("root".parse().unwrap()),
        cache: Some("/option-cache".into()),
        pidfile: Some("/option.pid".into()),
        log: Some("trace".parse().unwrap()),
        log_to: Some(LogTarget::Stdout),
        log_format: Some(LogFormat::Text),
        admin: Some("/option-admin.sock".into()),
        metrics: Some("/option-metrics.sock".parse().unwrap()),
        ..SettingsArgs::default()
    };
    let settings = fixture.merge(&options, &[("CONFINE_LOG", "error")]).unwrap();
    insta::assert_snapshot!(fixture.shown(&settings), @r#"
    socket = "/option.sock"  # command line
    running = "/file-running"  # confine.toml
    modules = [
        "/option-modules",  # command line
        "/file-modules",  # command line
        "relative",  # confine.toml
    ]
    exclude = [
        "broken",  # command line
        "draft",  # confine.toml
        "old",  # controller.xml
        "older",  # controller.xml
    ]
    unmanaged = [
        "legacy",  # command line
        "manual",  # command line
        "legacy",  # confine.toml
    ]
    user = "root"  # command line
    cache = "/option-cache"  # command line
    state = "/var/lib/confine"  # default
    # models: those that the controller provides
    pidfile = "/option.pid"  # command line

    [log]
    filter = "trace"  # command line
    to = "stdout"  # command line
    format = "text"  # command line

    [admin]
    socket = "/option-admin.sock"  # command line
    group = "operators"  # confine.toml

    [metrics]
    listen = "/option-metrics.sock"  # command line

    [traces]
    # collector: none
    "#);
}

#[test]
fn environment_overrides_the_log_filter_of_the_file() {
    use clap::CommandFactory as _;

    let mut command = crate::cli::Cli::command();
    let help = command.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
    assert!([LOG_VARIABLE, PYTHON_DEBUG_VARIABLE].iter().all(|variable| help.contains(variable)), "{help}");
    let fixture = Fixture::new();
    let filter = |options: &SettingsArgs, environment: &[(&str, &str)]| {
        let filter = fixture.merge(options, environment).unwrap().log.filter;
        format!("{} ({})", filter.value, filter.origin)
    };
    let file =
        SettingsArgs { config: Some(fixture.write("confine.toml", FILE_TEXT)), ..SettingsArgs::default() };
    assert_eq!(
        filter(&file, &[("CONFINE_LOG", "error"), ("PYAPI_DEBUG", "1")]),
        "error (environment, CONFINE_LOG)"
    );
    assert_eq!(filter(&file, &[("PYAPI_DEBUG", "1")]), "debug (environment, PYAPI_DEBUG)");
    assert_eq!(filter(&SettingsArgs::default(), &[("PYAPI_DEBUG", "0")]), "info (default)");
    let debug = SettingsArgs { debug: true, ..SettingsArgs::default() };
    assert_eq!(filter(&debug, &[("CONFINE_LOG", "error")]), "debug (command line)");
    let xml = SettingsArgs { log_xml: true, ..file };
    assert_eq!(filter(&xml, &[]), "warn,xml=trace (command line)");
}

#[test]
fn log_of_the_python_server_goes_to_syslog() {
    let fixture = Fixture::new();
    let to = |options: &SettingsArgs| fixture.merge(options, &[]).unwrap().log.to.value;
    assert_eq!(to(&SettingsArgs { as_python_server: true, ..SettingsArgs::default() }), LogTarget::Syslog);
    let config = Some(fixture.write("confine.toml", FILE_TEXT));
    assert_eq!(
        to(&SettingsArgs { as_python_server: true, config, ..SettingsArgs::default() }),
        LogTarget::Journald
    );
}

#[test]
fn invalid_settings_are_refused() {
    let fixture = Fixture::new();
    let error = |options: &SettingsArgs, environment: &[(&str, &str)]| {
        let error = fixture.merge(options, environment).unwrap_err();
        confine_service::error_chain(&error).replace(fixture.0.path().to_str().unwrap(), "")
    };
    let controller = |option: &str, value: &str| {
        let xml = format!("<clixon-config><{option}>{value}</{option}></clixon-config>");
        let controller_config = Some(fixture.write("c.xml", &xml));
        error(&SettingsArgs { controller_config, ..SettingsArgs::default() }, &[])
    };
    let texts = [
        controller("CONTROLLER_PYAPI_MODULE_FILTER", "a, b/c"),
        controller("CONTROLLER_PYAPI_MODULE_PATH", "/"),
        controller("CONTROLLER_PYAPI_PIDFILE", "/usr"),
        controller("CLICON_SOCK", "run/controller.sock"),
        controller("CLICON_SOCK", &"/x".repeat(54)),
        error(&SettingsArgs::default(), &[("CONFINE_LOG", "lots")]),
        error(&SettingsArgs { config: Some(fixture.path("nowhere.toml")), ..SettingsArgs::default() }, &[]),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    invalid `CONTROLLER_PYAPI_MODULE_FILTER` in /c.xml: `b/c` is not a module name: write the file name without `.wasm`, made of at most 250 letters, digits, `-`, `_` and `.`
    invalid `CONTROLLER_PYAPI_MODULE_PATH` in /c.xml: `/` is the root of the file system: name a directory below it
    invalid `CONTROLLER_PYAPI_PIDFILE` in /c.xml: `/usr` is a directory: write the path of a file
    invalid `CLICON_SOCK` in /c.xml: `run/controller.sock` is relative to nothing that is known here: write an absolute path
    invalid `CLICON_SOCK` in /c.xml: `/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x` has 108 bytes, more than the 107 that the path of a socket can have: use a shorter path, or a link to the directory
    invalid environment variable `CONFINE_LOG`: `lots` is not a log filter: write a level (error, warn, info, debug, trace, off) or levels per part of the program, as in `info,confine_backend=trace`
    cannot read `/nowhere.toml`: No such file or directory (os error 2)
    ");
}

#[test]
fn shown_settings_are_a_file_with_the_same_settings() {
    let fixture = Fixture::new();
    let odd = "unmanaged = ['a']\ncache = \"/a \\\"quoted\\\"\\n\\u001b path\"\n[limits]\nhandles = 7\n";
    let file =
        fixture.write("confine.toml", &format!("{odd}{}", &FILE_TEXT[FILE_TEXT.find("[nacm").unwrap()..]));
    let options = SettingsArgs {
        config: Some(file),
        controller_config: Some(fixture.path("controller.xml")),
        ..SettingsArgs::default()
    };
    let settings = fixture.merge(&options, &[]).unwrap();
    let shown = fixture.write("shown.toml", &settings.to_string());
    let again = fixture.merge(&SettingsArgs { config: Some(shown), ..SettingsArgs::default() }, &[]).unwrap();
    let plain = |settings: &Settings| {
        let lines = settings.to_string();
        lines.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(plain(&again), plain(&settings));
    assert_eq!(again.limits, settings.limits);
    assert_eq!(again.module_limits, settings.module_limits);
    assert_eq!(again.last_wins, settings.last_wins);
    assert_eq!(again.last_wins.len(), 1);
    assert_eq!(again.undeclared_reads, settings.undeclared_reads);
    assert_eq!(again.undeclared_reads.len(), 1);
    assert_eq!(again.services, settings.services);
    assert_eq!(again.services.len(), 2);
    let rules = |settings: &Settings| settings.rules.clone().map(|rules| rules.value);
    assert_eq!(rules(&again).map(|nacm| nacm.rule_lists.len()), Some(1));
    assert_eq!(rules(&again), rules(&settings));
}

#[test]
fn settings_of_modules_are_shown() {
    let fixture = Fixture::new();
    let text = "[module.loud]\nconflicts = 'last-wins'\n[module.old]\nundeclared_reads = 'warn'\n[module.meek]\nundeclared_reads = 'refuse'\n[module.big.limits]\nmemory = '128 MiB'\n";
    let config = Some(fixture.write("confine.toml", text));
    let shown = fixture.merge(&SettingsArgs { config, ..SettingsArgs::default() }, &[]).unwrap().to_string();
    let is_said =
        |line: &&str| ["[module", "conflicts", "undeclared"].iter().any(|begin| line.starts_with(begin));
    insta::assert_snapshot!(shown.lines().filter(is_said).collect::<Vec<_>>().join("\n"), @r#"
    [module."big".limits]
    [module."loud"]
    conflicts = "last-wins"
    [module."old"]
    undeclared_reads = "warn"
    "#);
}

#[test]
fn settings_of_lists_are_shown() {
    let fixture = Fixture::new();
    let config = Some(fixture.write("confine.toml", FILE_TEXT));
    let settings = fixture.merge(&SettingsArgs { config, ..SettingsArgs::default() }, &[]).unwrap();
    let shown = settings.to_string();
    let tables = &shown[shown.find("[service").unwrap()..shown.find("[module").unwrap()];
    insta::assert_snapshot!(tables.trim_end(), @r#"
    [service."bench"]
    modules = ["audit", "big"]
    shares_with = ["banners", "users"]

    [service."users"]
    shares_with = ["banners"]
    "#);
    let sharing: Vec<_> = settings.sharing_lists().into_iter().map(AsRef::as_ref).collect();
    assert_eq!(sharing, ["banners", "bench", "users"]);
}

#[test]
fn modules_that_settings_name_are_known() {
    let fixture = Fixture::new();
    let config = Some(fixture.write("confine.toml", FILE_TEXT));
    let settings = fixture.merge(&SettingsArgs { config, ..SettingsArgs::default() }, &[]).unwrap();
    let mut named: Vec<_> = settings.named_modules().into_iter().collect();
    named.sort();
    assert_eq!(named, ["audit", "big", "draft"]);
}

/// The values in the comments of the packaged file.
#[test]
fn packaged_file_has_the_defaults() {
    let fixture = Fixture::new();
    let packaged = include_str!("../../../../packaging/confine.toml");
    assert!(packaged.contains(&format!("\n#controller_config = \"{CONTROLLER_FILE}\"\n")));
    let merge = |text: &str| {
        let config = Some(fixture.write("confine.toml", text));
        fixture.merge(&SettingsArgs { config, ..SettingsArgs::default() }, &[]).unwrap()
    };
    let plain = |settings: &Settings| {
        let lines = settings.to_string();
        lines.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let defaults = fixture.merge(&SettingsArgs::default(), &[]).unwrap();
    assert_eq!(plain(&merge(packaged)), plain(&defaults));
    // Examples of settings without a default.
    let examples = ["#user", "#running", "#pidfile", "#group", "#listen", "#collector"];
    let lines: Vec<_> = packaged
        .lines()
        .filter(|line| !examples.iter().any(|example| line.starts_with(example)))
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' ') && rest.contains(" = "))
                .unwrap_or(line)
        })
        .collect();
    assert_eq!(plain(&merge(&lines.join("\n"))), plain(&defaults));
}

#[test]
fn own_files_are_in_no_module_directory() {
    let fixture = Fixture::new();
    let modules = fixture.path("modules");
    fs::create_dir_all(modules.join("own")).unwrap();
    std::os::unix::fs::symlink(modules.join("own"), fixture.path("link")).unwrap();
    let merged = |line: &str| {
        let text = format!("modules = ['{}']\n{line}", modules.display());
        let config = Some(fixture.write("confine.toml", &text));
        let error = fixture.merge(&SettingsArgs { config, ..SettingsArgs::default() }, &[]).err();
        let here = format!("{}/", fixture.0.path().display());
        error.map(|error| error.to_string().replace(&here, "")).unwrap_or_default()
    };
    let place = |name: &str| fixture.path(name).display().to_string();
    let refused = [
        format!("state = '{}'", place("modules")),
        format!("cache = '{}'", place("modules/not/there")),
        format!("state = '{}'", place("link/below")),
        "socket = '/run/one.sock'\nadmin.socket = '/run/../run/one.sock'".to_owned(),
    ];
    insta::assert_snapshot!(refused.map(|line| merged(&line)).join("\n"), @r"
    `state` (confine.toml) is in the module directory `modules`, which would take its files for modules: name a directory elsewhere
    `cache` (confine.toml) is in the module directory `modules`, which would take its files for modules: name a directory elsewhere
    `state` (confine.toml) is in the module directory `modules`, which would take its files for modules: name a directory elsewhere
    `admin.socket` (confine.toml) is the controller's socket: name another file
    ");
    for line in [format!("state = '{}'", place("modules2")), format!("cache = '{}'", place("own"))] {
        assert_eq!(merged(&line), "");
    }
}
