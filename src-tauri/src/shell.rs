//! Windows, commands and events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use repartee_engine::app_state::{AppEvent, AppState};
use repartee_engine::{Code, Error};
use serde_json::Value;
use tauri::{
    AppHandle, Builder, Emitter, EventTarget, Manager, State, Url, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder, WindowEvent,
};

/// Carries all events of the engine to the page.
const SIGNAL: &str = "signal";

/// Calls the engine, off the main thread. A panic becomes an error, since a page that gets no response
/// would wait forever.
#[tauri::command]
async fn rpc(
    window: WebviewWindow,
    state: State<'_, Arc<AppState>>,
    name: String,
    params: Value,
) -> Result<Value, Error> {
    let (state, label) = (Arc::clone(&state), window.label().to_owned());
    let answer = tauri::async_runtime::spawn_blocking(move || {
        catch_unwind(AssertUnwindSafe(|| state.call(&label, &name, params)))
    });
    match answer.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(Error::internal(
            "internal error: the command failed. Saved data is intact.",
        )),
    }
}

/// Opens another window, optionally with a project.
#[tauri::command]
async fn window_new(app: AppHandle, path: Option<PathBuf>) -> Result<(), Error> {
    static LAST: AtomicU32 = AtomicU32::new(1);
    let label = format!("window-{}", LAST.fetch_add(1, Ordering::Relaxed) + 1);
    open_window(&app, &label, path.as_deref())
}

/// Shows a desktop notification.
#[tauri::command]
async fn notify(title: String, text: String) -> Result<(), Error> {
    let shown = tauri::async_runtime::spawn_blocking(move || {
        let mut notification = notify_rust::Notification::new();
        // on Linux the body is markup, which can load images: escape it
        let text = match cfg!(target_os = "linux") {
            true => text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
            false => text,
        };
        notification.appname("Repartee").summary(&title).body(&text);
        notification.show().map(drop)
    });
    match shown.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(Error::new(
            Code::Io,
            format!("the desktop cannot show notifications: {e}"),
        )),
        Err(e) => Err(Error::internal(format!(
            "could not show the notification: {e}"
        ))),
    }
}

/// Opens a folder or a web address with the system's default application.
#[tauri::command]
async fn open_outside(what: String) -> Result<(), Error> {
    if !may_open(&what) {
        return Err(Error::usage(format!(
            "{what:?} is neither a folder nor a web address"
        )));
    }
    let opened = tauri::async_runtime::spawn_blocking(move || open_with_system(&what));
    match opened.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(Error::new(Code::Io, format!("could not open it: {e}"))),
        Err(e) => Err(Error::internal(format!("could not open it: {e}"))),
    }
}

/// Set by src-tauri/linux/AppRun for the GTK of the AppImage; system programs must not inherit them.
const APPIMAGE_VARIABLES: [&str; 5] = [
    "GSETTINGS_SCHEMA_DIR",
    "GDK_PIXBUF_MODULE_FILE",
    "GIO_MODULE_DIR",
    "GTK_PATH",
    "GTK_MODULES",
];

fn open_with_system(what: &str) -> std::io::Result<()> {
    if std::env::var_os("APPDIR").is_none() {
        return open::that_detached(what);
    }
    let mut failed = std::io::Error::from(std::io::ErrorKind::NotFound);
    for mut command in open::commands(what) {
        for name in APPIMAGE_VARIABLES {
            command.env_remove(name);
        }
        command.current_dir("/").stdin(Stdio::null());
        match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(mut child) => {
                std::thread::spawn(move || child.wait());
                return Ok(());
            }
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

/// Whether the page may open this. Paths and links can come from an untrusted project: a macOS bundle is both a
/// folder and a program, and a Windows network path would be accessed with the user's credentials.
fn may_open(what: &str) -> bool {
    match Url::parse(what) {
        Ok(url) if url.scheme() == "https" => true,
        // the Reddit sandbox
        Ok(url) if url.scheme() == "http" => url.host_str() == Some("127.0.0.1"),
        _ => {
            let path = Path::new(what);
            let is_bundle = || {
                cfg!(target_os = "macos") && path.join("Contents").exists()
                    || path.extension().is_some_and(|end| end == "app")
            };
            let is_elsewhere = what.starts_with("\\\\") || what.starts_with("//");
            path.is_absolute() && !is_elsewhere && path.is_dir() && !is_bundle()
        }
    }
}

/// Opens a window with a project, or with the start screen.
fn open_window(app: &AppHandle, label: &str, project: Option<&Path>) -> Result<(), Error> {
    let refused = |e: tauri::Error| Error::new(Code::Io, format!("could not open a window: {e}"));
    // the page opens the project itself, so that it can show an error
    let page = match project {
        Some(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let query = Url::parse_with_params("tauri://x", [("open", path.to_string_lossy())]);
            let query = query.ok().and_then(|url| url.query().map(str::to_owned));
            format!("index.html#/start?{}", query.unwrap_or_default())
        }
        None => "index.html".to_owned(),
    };
    WebviewWindowBuilder::new(app, label, WebviewUrl::App(page.into()))
        .title("Repartee")
        .inner_size(1180.0, 780.0)
        .min_inner_size(720.0, 480.0)
        .on_navigation(is_ours)
        .build()
        .map_err(refused)?;
    Ok(())
}

/// Whether an address is the bundled page; all other navigation is blocked.
fn is_ours(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => true,
        "http" | "https" => url.host_str() == Some("tauri.localhost") || is_development(url),
        _ => false,
    }
}

/// Whether an address is the development server, in development builds.
fn is_development(url: &Url) -> bool {
    cfg!(not(feature = "custom-protocol")) && url.host_str() == Some("localhost")
}

/// Runs the application until its last window is closed. Jobs are separate processes and keep running.
pub fn run(project: Option<PathBuf>) -> tauri::Result<()> {
    Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .invoke_handler(tauri::generate_handler![
            rpc,
            window_new,
            notify,
            open_outside
        ])
        .on_window_event(|window, event| {
            if let WindowEvent::Destroyed = event {
                window.state::<Arc<AppState>>().closed(window.label());
            }
        })
        .setup(move |app| {
            let folder = match std::env::var_os("REPARTEE_CONFIG") {
                Some(folder) => PathBuf::from(folder),
                None => app.path().app_config_dir()?,
            };
            let handle = app.handle().clone();
            let on_event = move |windows: &[String], event: &AppEvent| {
                for window in windows {
                    // fails for a window that is closing, which needs no events
                    let _ = handle.emit_to(EventTarget::webview_window(window), SIGNAL, event);
                }
            };
            app.manage(AppState::new(
                &folder,
                std::env::current_exe()?,
                Arc::new(on_event),
            ));
            open_window(app.handle(), "main", project.as_deref())?;
            Ok(())
        })
        .run(tauri::generate_context!())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_and_web_addresses_can_be_opened() {
        let program = std::env::current_exe().unwrap_or_default();
        let folder = program.parent().unwrap_or(Path::new("/"));
        assert!(may_open(&folder.to_string_lossy()));
        assert!(may_open("https://www.reddit.com/r/x/"));
        assert!(may_open("http://127.0.0.1:4000/r/x/"));
        for no in [
            program.to_string_lossy().as_ref(),
            "http://example.org/",
            "file:///etc/passwd",
            "relative",
            "javascript:alert(1)",
            "--help",
            "//server/share",
            "\\\\server\\share",
            "http://127.0.0.1.example.org/",
        ] {
            assert!(!may_open(no), "{no}");
        }
        let bundle = std::env::temp_dir().join(format!("repartee-{}.app", std::process::id()));
        assert!(std::fs::create_dir(&bundle).is_ok());
        assert!(!may_open(&bundle.to_string_lossy()));
        let _ = std::fs::remove_dir(&bundle);
    }
}
