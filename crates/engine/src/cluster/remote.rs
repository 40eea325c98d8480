//! Programs on a cluster's login node: over ssh, or on this machine. All runs of external programs are here. Arguments
//! are passed as they are, or quoted for the shell that ssh starts: a name is never a part of a script.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use repartee_core::error::{Code, Error, Result};
use repartee_core::shell;
use repartee_datasets::private;

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// Exit status; none: a signal ended it.
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A login node.
pub(super) struct Remote<'a> {
    /// As ssh takes it; none: this machine.
    host: Option<&'a str>,
}

/// Writes standard input to a file, for its owner alone; it is complete as soon as it is there.
const WRITE: &str = r#"umask 077 && cat > "$1.part" && mv -f -- "$1.part" "$1""#;
/// Creates a folder and its missing parents, for their owner alone.
const MAKE_FOLDER: &str = r#"umask 077 && mkdir -p -- "$1""#;
/// Names of the files in a folder, a line each.
const NAMES: &str =
    r#"for file in "$1"/*; do [ -f "$file" ] && printf '%s\n' "${file##*/}"; done; true"#;

impl<'a> Remote<'a> {
    pub fn new(host: Option<&'a str>) -> Self {
        Self { host }
    }

    /// A program with its arguments, ready to run there.
    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let Some(host) = self.host else {
            let mut args = args.iter();
            let mut command = Command::new(args.next().map_or(OsStr::new(""), AsRef::as_ref));
            command.args(args);
            return command;
        };
        let words: Vec<String> = args.iter().map(shell::quoted).collect();
        let mut command = Command::new("ssh");
        // nobody is asked for a password; `--`: the host is no option
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "--", host]);
        command.arg(words.join(" "));
        command
    }

    /// A script of ours, with one argument.
    fn script(&self, script: &str, argument: &str) -> Command {
        self.command(&["sh", "-c", script, "sh", argument])
    }

    fn failed_to_start(&self, command: &Command, error: &std::io::Error) -> Error {
        let program = Path::new(command.get_program());
        let started = Error::io("start", program, error);
        match (started.code, self.host) {
            (Code::NotFound, None) => Error::new(
                Code::NotFound,
                format!(
                    "{} is not on this machine; name the login node of the cluster with `repartee cluster add NAME \
                     --ssh HOST`",
                    program.display()
                ),
            ),
            (Code::NotFound, Some(_)) => {
                Error::new(Code::NotFound, "ssh is not installed on this machine")
            }
            _ => started,
        }
    }

    /// Runs a command with this standard input, and collects its output.
    fn collected(&self, mut command: Command, input: Input<'_>) -> Result<Ran> {
        command
            .stdin(match &input {
                Input::Nothing => Stdio::null(),
                Input::Bytes(_) => Stdio::piped(),
                Input::File(file) => {
                    let file = file.try_clone();
                    Stdio::from(file.map_err(|e| Error::internal(format!("no handle: {e}")))?)
                }
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|e| self.failed_to_start(&command, &e))?;
        if let (Input::Bytes(bytes), Some(mut stdin)) = (input, child.stdin.take()) {
            // a program that does not read it says why by its exit status
            let _ = stdin.write_all(bytes);
        }
        let output = child
            .wait_with_output()
            .map_err(|e| Error::io("run", Path::new(command.get_program()), &e))?;
        Ok(Ran {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a program until it ends, whatever its exit status.
    ///
    /// # Errors
    /// If it cannot be started, or the host not reached.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Ran> {
        let ran = self.collected(self.command(args), Input::Nothing)?;
        self.reached(ran)
    }

    /// Refuses what ssh itself failed with: it ends with 255.
    fn reached(&self, ran: Ran) -> Result<Ran> {
        match (self.host, ran.status) {
            (Some(host), Some(255)) => Err(Error::new(
                Code::Io,
                format!(
                    "ssh to {host} failed: {}. Check that `ssh {} true` works without a password",
                    ran.err.trim(),
                    shell::quoted(host)
                ),
            )),
            _ => Ok(ran),
        }
    }

    /// Runs a program that must succeed, and returns its output.
    ///
    /// # Errors
    /// [`Code::Io`], with what it wrote to standard error.
    pub fn ok<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        let ran = self.run(args)?;
        let what = args.first().map_or(OsStr::new(""), AsRef::as_ref);
        self.succeeded(ran, &what.to_string_lossy())
    }

    fn succeeded(&self, ran: Ran, what: &str) -> Result<String> {
        if ran.status == Some(0) {
            return Ok(ran.out);
        }
        let place = self
            .host
            .map_or_else(String::new, |host| format!(" on {host}"));
        let status = match ran.status {
            Some(status) => format!("status {status}"),
            None => "a signal".to_owned(),
        };
        let error = Error::new(Code::Io, format!("{what}{place} ended with {status}"));
        let lines = ran.err.lines().filter(|line| !line.trim().is_empty());
        Err(lines.take(20).fold(error, |error, line| error.with(line)))
    }

    /// Creates a folder for its owner alone.
    pub fn make_folder(&self, folder: &str) -> Result<()> {
        let ran = self.collected(self.script(MAKE_FOLDER, folder), Input::Nothing)?;
        let ran = self.reached(ran)?;
        self.succeeded(ran, &format!("creating {folder}")).map(drop)
    }

    /// The names of the files in a folder; none if there is no such folder.
    pub fn names(&self, folder: &str) -> Result<Vec<String>> {
        let ran = self.collected(self.script(NAMES, folder), Input::Nothing)?;
        let ran = self.reached(ran)?;
        let out = self.succeeded(ran, &format!("listing {folder}"))?;
        Ok(out.lines().map(str::to_owned).collect())
    }

    /// Writes a file for its owner alone.
    pub fn write(&self, bytes: &[u8], to: &str) -> Result<()> {
        let ran = self.collected(self.script(WRITE, to), Input::Bytes(bytes))?;
        let ran = self.reached(ran)?;
        self.succeeded(ran, &format!("writing {to}")).map(drop)
    }

    /// Copies a file there, for its owner alone.
    pub fn upload(&self, file: &Path, to: &str) -> Result<()> {
        let opened = File::open(file).map_err(|e| Error::io("read", file, &e))?;
        let ran = self.collected(self.script(WRITE, to), Input::File(&opened))?;
        let ran = self.reached(ran)?;
        self.succeeded(ran, &format!("writing {to}")).map(drop)
    }

    /// Copies a file from there to a file for its owner alone.
    pub fn download(&self, from: &str, to: &Path) -> Result<()> {
        let file = private::create(to).map_err(|e| Error::io("write", to, &e))?;
        let mut command = self.command(&["cat", "--", from]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::from(file))
            .stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|e| self.failed_to_start(&command, &e))?;
        let output = child
            .wait_with_output()
            .map_err(|e| Error::io("run", Path::new(command.get_program()), &e))?;
        let ran = self.reached(Ran {
            status: output.status.code(),
            out: String::new(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })?;
        self.succeeded(ran, &format!("reading {from}")).map(drop)
    }
}

/// Standard input of a program.
enum Input<'a> {
    Nothing,
    Bytes(&'a [u8]),
    File(&'a File),
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_as_they_are() {
        let here = Remote::new(None);
        let said = here.ok(&["printf", "%s|", "a b", "$(x)", "it's", ""]);
        assert_eq!(said.expect("ran"), "a b|$(x)|it's||");
        let refused = here
            .ok(&["sh", "-c", "echo no >&2; exit 3"])
            .expect_err("failed");
        assert!(refused.message.contains("status 3"), "{refused}");
        assert_eq!(refused.detail, ["no"]);
        let absent = here.ok(&["no-such-program-here"]).expect_err("no program");
        assert_eq!(absent.code, Code::NotFound);
    }

    #[test]
    fn ssh_gets_one_quoted_line_and_no_option_from_a_host() {
        let there = Remote::new(Some("me@login"));
        let command = there.command(&["rm", "-rf", "--", "a b/$(x)"]);
        let args: Vec<_> = command.get_args().collect();
        assert_eq!(command.get_program(), "ssh");
        assert_eq!(
            args[args.len() - 3..],
            ["--", "me@login", "rm -rf -- 'a b/$(x)'"]
        );
    }

    #[test]
    fn files_are_copied_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().expect("a folder");
        let here = Remote::new(None);
        let path = |name: &str| place.path().join(name);
        let folder = path("a b/it's");
        let folder = folder.to_str().expect("UTF-8");
        here.make_folder(folder).expect("made");
        here.write(b"bytes", &format!("{folder}/one"))
            .expect("written");
        std::fs::write(path("x"), "more").expect("written");
        here.upload(&path("x"), &format!("{folder}/two"))
            .expect("copied");
        assert_eq!(here.names(folder).expect("listed"), ["one", "two"]);
        let mode = |name: &str| {
            let about = std::fs::metadata(format!("{folder}/{name}")).expect("there");
            about.permissions().mode() & 0o777
        };
        assert_eq!((mode("one"), mode("two"), mode("")), (0o600, 0o600, 0o700));
        here.download(&format!("{folder}/two"), &path("y"))
            .expect("copied");
        assert_eq!(std::fs::read(path("y")).expect("read"), b"more");
        assert!(here.download("no/such/file", &path("z")).is_err());
        assert_eq!(here.names("no/such/folder").expect("none"), [""; 0]);
    }
}
