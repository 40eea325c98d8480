//! A small fake of the Hugging Face hub on this machine: one model, from a folder, over HTTP/1.1.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The commit of the fake's model.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A running fake hub; it ends with the test's process.
pub struct Hub {
    /// The value for `HF_ENDPOINT`.
    pub endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
}

impl Hub {
    /// Serves the files of a folder as the model `id`.
    pub fn serve(id: &str, folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its own address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::new(AtomicUsize::new(1));
        let (id, folder, log, gate) = (
            id.to_owned(),
            folder.to_owned(),
            Arc::clone(&asked),
            Arc::clone(&open),
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if gate.load(Ordering::Relaxed) == 0 {
                    drop(stream);
                    continue;
                }
                let (id, folder, log) = (id.clone(), folder.clone(), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &id, &folder, &log));
            }
        });
        Self {
            endpoint,
            asked,
            open,
        }
    }

    /// The paths requested so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Drops every connection from now on: the network is down.
    pub fn vanish(&self) {
        self.open.store(0, Ordering::Relaxed);
    }
}

/// Reads one request and answers it: the list of files, or a file or a range of it.
fn answer(mut stream: TcpStream, id: &str, folder: &Path, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let lower = line.to_ascii_lowercase();
        if let Some(range) = lower.strip_prefix("range: bytes=") {
            let (start, end) = range.split_once('-').unwrap_or((range, ""));
            from = start
                .parse::<usize>()
                .ok()
                .map(|start| (start, end.parse::<usize>().ok()));
        }
    }
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(path.clone());
    let info = format!("/api/models/{id}/revision/main");
    let (status, headers, body) = if path == info {
        let files: Vec<_> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|f| serde_json::json!({ "rfilename": f.file_name().to_string_lossy() }))
            .collect();
        let body = serde_json::json!({ "siblings": files, "sha": COMMIT }).to_string();
        (
            "200 OK".to_owned(),
            "content-type: application/json\r\n".to_owned(),
            body.into_bytes(),
        )
    } else if let Some(bytes) = file(&path, id, folder) {
        let total = bytes.len();
        let (start, end) = from.unwrap_or((0, None));
        let start = start.min(total);
        let end = end.map_or(total, |end| (end + 1).min(total)).max(start);
        let headers = format!(
            "etag: \"{}\"\r\nx-repo-commit: {COMMIT}\r\ncontent-range: bytes {start}-{}/{total}\r\naccept-ranges: bytes\r\n",
            blake3::hash(&bytes).to_hex(),
            end.saturating_sub(1)
        );
        (
            "206 Partial Content".to_owned(),
            headers,
            bytes[start..end].to_vec(),
        )
    } else {
        (
            "404 Not Found".to_owned(),
            String::new(),
            b"{\"error\":\"not found\"}".to_vec(),
        )
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // a client that hangs up early does no harm
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body));
}

fn file(path: &str, id: &str, folder: &Path) -> Option<Vec<u8>> {
    let name = path.strip_prefix(&format!("/{id}/resolve/main/"))?;
    let path: PathBuf = folder.join(name);
    (path.parent() == Some(folder))
        .then(|| std::fs::read(path).ok())
        .flatten()
}
