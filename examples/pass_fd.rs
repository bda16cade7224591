//! How does a program get a channel from one that did not start it? Over a Unix socket, at a path that both know.
//!
//! A server makes a channel and listens. A client connects, receives the channel, and reads from it what the server
//! sends: 200,000 checked messages that do not pass through the socket, nor through the kernel.
//!
//! ```text
//! cargo run --example pass_fd                          # both, one as a child of the other
//! cargo run --example pass_fd server /tmp/numbers.sock # or each in a terminal of its own, ...
//! cargo run --example pass_fd client /tmp/numbers.sock # ... this one second
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, id};
use std::thread::sleep;
use std::time::Duration;

use annulus::bytemuck::{Pod, Zeroable};
use annulus::fd::{receive_from, send_over};
use annulus::spsc::Channel;

type Error = Box<dyn std::error::Error>;

const READINGS: u64 = 200_000;

/// What is measured, and a number that tells whether it has come whole.
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Reading {
    number: u64,
    value: f64,
    check: u64,
}

impl Reading {
    fn new(number: u64) -> Reading {
        let value = (number as f64).sqrt();
        let check = number.rotate_left(32) ^ value.to_bits();
        Reading { number, value, check }
    }

    fn is_whole(&self) -> bool {
        self.check == self.number.rotate_left(32) ^ self.value.to_bits()
    }
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => both(),
        [role, path] if role == "server" => {
            let socket = Socket::bind(PathBuf::from(path))?;
            println!("server {}: waits for a client at {}", id(), socket.path.display());
            serve(&socket.listener.accept()?.0)?;
            Ok(ExitCode::SUCCESS)
        }
        [role, path] if role == "client" => client(Path::new(path)),
        _ => Err("usage: pass_fd [server PATH | client PATH]".into()),
    }
}

/// The server here, the client as a program of its own.
fn both() -> Result<ExitCode, Error> {
    let folder = Folder::new()?;
    let socket = Socket::bind(folder.0.join("socket"))?;
    let mut child = Command::new(env::current_exe()?)
        .arg("client")
        .arg(&socket.path)
        .spawn()?;
    println!("server {}: waits for client {} at a socket", id(), child.id());
    let served = accept(&socket.listener, &mut child).and_then(|connection| serve(&connection));
    // The client ends when the stream does, and with an error if that was too early.
    let status = child.wait()?;
    served?;
    println!("server {}: the client ended with {status}", id());
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The connection of `child`, unless it ends before it connects.
fn accept(listener: &UnixListener, child: &mut Child) -> Result<UnixStream, Error> {
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((connection, _)) => {
                connection.set_nonblocking(false)?;
                return Ok(connection);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("the client ended before it connected: {status}").into());
        }
        sleep(Duration::from_millis(5));
    }
}

fn serve(connection: &UnixStream) -> Result<(), Error> {
    let readings = Channel::<Reading>::anonymous(1024)?;
    send_over(connection, &readings)?;
    let tx = readings.sender()?;
    // Nobody else is to come from here: should the client die before it attaches, `send` says so.
    drop(readings);
    for number in 0..READINGS {
        tx.send(Reading::new(number))?;
    }
    println!("server {}: has sent {READINGS} readings", id());
    Ok(())
}

fn client(path: &Path) -> Result<ExitCode, Error> {
    let connection = UnixStream::connect(path)?;
    // Kind and type are what both agree on; a mismatch is an error that shows both sides.
    let readings = Channel::<Reading>::from_fd(receive_from(&connection)?)?;
    println!(
        "client {}: has received a channel of {} readings",
        id(),
        readings.capacity()
    );
    let rx = readings.receiver()?;
    drop(readings);
    let (mut count, mut wrong) = (0, 0);
    for reading in &rx {
        if reading.number != count || !reading.is_whole() {
            wrong += 1;
        }
        count += 1;
    }
    println!("client {}: read {count} of {READINGS}, {wrong} of them wrong", id());
    Ok(if (count, wrong) == (READINGS, 0) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A listener whose path goes with it.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    fn bind(path: PathBuf) -> Result<Socket, Error> {
        let listener = UnixListener::bind(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Socket { listener, path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A folder of our own, which nobody else can enter.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, Error> {
        use std::os::unix::fs::DirBuilderExt;
        let path = env::temp_dir().join(format!("annulus-pass-fd-{}", id()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
