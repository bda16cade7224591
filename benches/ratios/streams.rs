//! How fast is a stream, next to a memcpy, a pipe, a socket and rtrb's chunks?
//!
//! Bytes are copied in by the writer and copied out by the reader, for the peers can do nothing else; but where it says that they
//! are read in place. One word in each page says where it is, and the reader checks it.

use std::env;
use std::fs::{File, OpenOptions};
use std::hint::{black_box, spin_loop};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use annulus::stream::{Channel, DEFAULT_BYTES, Reader, Writer};

use super::crew::{self, Order, Post, Task};
use super::duel::{Question, Run, Side, Target};
use super::machine::Lab;

const WRITE: &str = "stream-write";
const READ: &str = "stream-read";
const READ_IN_PLACE: &str = "stream-read-in-place";
const PIPE_WRITE: &str = "pipe-write";
const PIPE_READ: &str = "pipe-read";
const COPY_IN: &str = "stream-copy-in";
const COPY_OUT: &str = "stream-copy-out";
const FILE_COPY_IN: &str = "file-copy-in";
const FILE_COPY_OUT: &str = "file-copy-out";
const WORDS_WRITE: &str = "stream-words-write";
const WORDS_READ: &str = "stream-words-read";
const STREAM: &str = "stream";
/// Where a worker finds the end of a pipe or a socket.
const END: &str = "ANNULUS_RATIOS_END";
/// Bytes from one word that is checked to the next.
const PAGE: usize = 4096;
/// Elements of a chunk, as rtrb has them.
const ELEMENTS: usize = 256;
/// Elements of rtrb's ring, and of ours.
const RINGS: [usize; 3] = [1024, 4096, 65_536];
/// Chunks of words.
const WORD_CHUNKS: u64 = 200_000;
const CHUNKS: u64 = 40_000;
/// What `io::copy` moves, in MiB.
const MEBIBYTES: u64 = 1024;
const MEBIBYTE: usize = 1 << 20;

pub fn questions() -> Vec<Question> {
    let question = |name: String, operations, a, b, target| Question {
        name,
        operations,
        a,
        b,
        target,
    };
    let mut questions = Vec::new();
    for bytes in [
        128 << 10,
        512 << 10,
        1 << 20,
        2 << 20,
        DEFAULT_BYTES,
        8 << 20,
        16 << 20,
        32 << 20,
    ] {
        // The default is the one that counts.
        let target = if bytes == DEFAULT_BYTES {
            Target::Faster(0.7)
        } else {
            Target::Told
        };
        questions.push(question(
            format!("stream, chunks of 64 KiB through {} KiB vs memcpy", bytes >> 10),
            CHUNKS,
            stream(64 << 10, bytes),
            memcpy(64 << 10),
            target,
        ));
    }
    for (chunk, chunks) in [(4 << 10, 8 * CHUNKS), (64 << 10, CHUNKS)] {
        let kib = chunk >> 10;
        questions.push(question(
            format!("stream, chunks of {kib} KiB, copied in and out, vs pipe"),
            chunks,
            stream(chunk, DEFAULT_BYTES),
            pipe(chunk),
            Target::Faster(8.0),
        ));
        questions.push(question(
            format!("stream, chunks of {kib} KiB, read in place, vs pipe"),
            chunks,
            in_place(chunk, DEFAULT_BYTES),
            pipe(chunk),
            Target::Faster(8.0),
        ));
    }
    for elements in RINGS {
        questions.push(question(
            format!("stream of {elements} words, chunks of {ELEMENTS}, vs rtrb's"),
            WORD_CHUNKS,
            words(elements),
            Side {
                name: "rtrb write_chunk/read_chunk".to_owned(),
                run: Box::new(move |lab, chunks| rtrb(lab, elements, chunks)),
            },
            Target::Faster(1.4),
        ));
    }
    for (name, other) in [("pipe", file_copy as fn() -> Side), ("Unix socket", socket_copy)] {
        questions.push(question(
            format!("stream, io::copy of 1 GiB vs {name}"),
            MEBIBYTES,
            stream_copy(),
            other(),
            Target::Told,
        ));
    }
    questions
}

fn orders(roles: [&'static str; 2], messages: u64, batch: usize) -> [Order; 2] {
    roles.map(|role| Order {
        role,
        messages,
        batch,
        senders: 1,
        receivers: 1,
    })
}

/// Between two processes, through a stream that is mapped before.
fn by_stream(lab: &Lab, roles: [&'static str; 2], operations: u64, batch: usize, bytes: usize) -> Run {
    let channel = Channel::<u64>::builder(bytes / 8)
        .populate()
        .anonymous()
        .expect("a stream");
    let outcome = crew::processes(lab, &orders(roles, operations, batch), |command| {
        channel.pass_to(command, STREAM).expect("pass");
    });
    Run::of(outcome, operations, 2)
}

/// Between two processes, by way of a descriptor each.
fn by_files(lab: &Lab, roles: [&'static str; 2], operations: u64, batch: usize, ends: [OwnedFd; 2]) -> Run {
    // The writer is started first.
    let next = std::cell::Cell::new(0);
    let outcome = crew::processes(lab, &orders(roles, operations, batch), |command| {
        let end = &ends[next.replace(next.get() + 1)];
        command.env(END, format!("/proc/{}/fd/{}", std::process::id(), end.as_raw_fd()));
    });
    Run::of(outcome, operations, 2)
}

fn stream(chunk: usize, bytes: usize) -> Side {
    Side {
        name: "write_chunk/read_chunk".to_owned(),
        run: Box::new(move |lab, chunks| by_stream(lab, [WRITE, READ], chunks, chunk / 8, bytes)),
    }
}

fn in_place(chunk: usize, bytes: usize) -> Side {
    Side {
        name: "write_chunk/read_chunk".to_owned(),
        run: Box::new(move |lab, chunks| by_stream(lab, [WRITE, READ_IN_PLACE], chunks, chunk / 8, bytes)),
    }
}

fn words(elements: usize) -> Side {
    Side {
        name: "write_chunk/read_chunk".to_owned(),
        run: Box::new(move |lab, chunks| by_stream(lab, [WORDS_WRITE, WORDS_READ], chunks, ELEMENTS, elements * 8)),
    }
}

fn stream_copy() -> Side {
    Side {
        name: "io::copy in and out".to_owned(),
        run: Box::new(|lab, mebibytes| {
            let channel = Channel::<u8>::builder(DEFAULT_BYTES)
                .populate()
                .anonymous()
                .expect("a stream");
            let outcome = crew::processes(lab, &orders([COPY_IN, COPY_OUT], mebibytes, 1), |command| {
                channel.pass_to(command, STREAM).expect("pass");
            });
            Run::of(outcome, mebibytes, 2)
        }),
    }
}

fn pipe(chunk: usize) -> Side {
    Side {
        name: "write/read of a pipe".to_owned(),
        run: Box::new(move |lab, chunks| by_files(lab, [PIPE_WRITE, PIPE_READ], chunks, chunk / 8, a_pipe())),
    }
}

fn file_copy() -> Side {
    Side {
        name: "io::copy in and out of a pipe".to_owned(),
        run: Box::new(|lab, mebibytes| by_files(lab, [FILE_COPY_IN, FILE_COPY_OUT], mebibytes, 1, a_pipe())),
    }
}

/// The end to write to, then the one to read from.
fn a_pipe() -> [OwnedFd; 2] {
    let (reader, writer) = io::pipe().expect("a pipe");
    [writer.into(), reader.into()]
}

/// Between two processes, the ends of a socketpair: it cannot be opened by its path, so they inherit it as their standard input.
fn socket_copy() -> Side {
    let run = |lab: &Lab, mebibytes| {
        let (near, far) = UnixStream::pair().expect("a socketpair");
        let ends = [OwnedFd::from(near), far.into()];
        let next = std::cell::Cell::new(0);
        let outcome = crew::processes(lab, &orders([FILE_COPY_IN, FILE_COPY_OUT], mebibytes, 1), |command| {
            let end = ends[next.replace(next.get() + 1)].try_clone().expect("a descriptor");
            command.stdin(end).env_remove(END);
        });
        Run::of(outcome, mebibytes, 2)
    };
    Side {
        name: "io::copy in and out of a socket".to_owned(),
        run: Box::new(run),
    }
}

/// In one thread, from one place to places all over as many bytes as the stream has.
fn memcpy(chunk: usize) -> Side {
    let run = move |lab: &Lab, chunks| {
        let copy = Box::new(move |post: Post<'_>| {
            let mut source = vec![0u64; chunk / 8];
            let mut target = vec![0u64; DEFAULT_BYTES / 8];
            for place in target.chunks_exact_mut(source.len()) {
                place.copy_from_slice(&source);
            }
            post.perform(|| {
                let mut left = chunks;
                while left > 0 {
                    for place in target.chunks_exact_mut(source.len()).take(left as usize) {
                        source[0] = left;
                        place.copy_from_slice(black_box(&source));
                        assert_eq!(black_box(&*place)[0], left, "as copied");
                        left -= 1;
                    }
                }
                (0, 0, 0)
            });
        });
        Run::of(crew::threads(lab, vec![copy]), chunks, 1)
    };
    Side {
        name: "memcpy in one thread".to_owned(),
        run: Box::new(run),
    }
}

fn rtrb(lab: &Lab, elements: usize, chunks: u64) -> Run {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(elements);
    for i in 0..elements as u64 {
        producer.push(i).expect("room");
        consumer.pop().expect("a message");
    }
    let send = Box::new(move |post: Post<'_>| {
        post.perform(|| {
            for number in 0..chunks {
                let mut chunk = loop {
                    match producer.write_chunk(ELEMENTS) {
                        Ok(chunk) => break chunk,
                        Err(_) => spin_loop(),
                    }
                };
                let (first, second) = chunk.as_mut_slices();
                let (at_first, at_second) = (number * ELEMENTS as u64, first.len() as u64);
                fill(first, at_first);
                fill(second, at_first + at_second);
                chunk.commit_all();
            }
            (0, 0, 0)
        });
    });
    let receive = Box::new(move |post: Post<'_>| {
        post.perform(|| {
            for number in 0..chunks {
                let chunk = loop {
                    match consumer.read_chunk(ELEMENTS) {
                        Ok(chunk) => break chunk,
                        Err(_) => spin_loop(),
                    }
                };
                let (first, second) = chunk.as_slices();
                check(first, number * ELEMENTS as u64);
                check(second, number * ELEMENTS as u64 + first.len() as u64);
                chunk.commit_all();
            }
            (0, chunks, 0)
        });
    });
    Run::of(crew::threads(lab, vec![send, receive]), chunks, 2)
}

fn fill(words: &mut [u64], first: u64) {
    for (word, number) in words.iter_mut().zip(first..) {
        *word = number;
    }
}

fn check(words: &[u64], first: u64) {
    let differences = words
        .iter()
        .zip(first..)
        .fold(0, |all, (&word, number)| all | (word ^ number));
    assert_eq!(differences, 0, "in order");
}

/// Says in each page where it is.
fn stamp(words: &mut [u64], number: u64) {
    for (page, words) in words.chunks_mut(PAGE / 8).enumerate() {
        words[0] = number << 16 | page as u64;
    }
}

fn check_stamps(words: &[u64], number: u64) {
    for (page, words) in words.chunks(PAGE / 8).enumerate() {
        assert_eq!(words[0], number << 16 | page as u64, "in order");
    }
}

pub fn worker(task: &Task<'_>) -> Option<()> {
    let operations = task.order.messages;
    let batch = task.order.batch;
    let perform = |work: &mut dyn FnMut()| {
        task.post.perform(|| {
            work();
            (0, 0, 0)
        });
    };
    match task.role {
        WRITE => {
            let mut tx = writer();
            let mut source = vec![0u64; batch];
            perform(&mut || {
                for number in 0..operations {
                    stamp(&mut source, number);
                    let mut chunk = tx.write_chunk(batch).expect("a reader");
                    chunk.copy_from_slice(&source);
                    chunk.commit_all();
                }
            });
        }
        READ => {
            let mut rx = reader();
            let mut target = vec![0u64; batch];
            perform(&mut || {
                for number in 0..operations {
                    let chunk = rx.read_chunk(batch).expect("a writer");
                    target.copy_from_slice(&chunk);
                    chunk.consume_all();
                    check_stamps(&target, number);
                }
            });
        }
        READ_IN_PLACE => {
            let mut rx = reader();
            perform(&mut || {
                for number in 0..operations {
                    let chunk = rx.read_chunk(batch).expect("a writer");
                    check_stamps(&chunk, number);
                    chunk.consume_all();
                }
            });
        }
        WORDS_WRITE => {
            let mut tx = writer();
            perform(&mut || {
                for number in 0..operations {
                    let mut chunk = tx.write_chunk(batch).expect("a reader");
                    fill(&mut chunk, number * batch as u64);
                    chunk.commit_all();
                }
            });
        }
        WORDS_READ => {
            let mut rx = reader();
            perform(&mut || {
                for number in 0..operations {
                    let chunk = rx.read_chunk(batch).expect("a writer");
                    check(&chunk, number * batch as u64);
                    chunk.consume_all();
                }
            });
        }
        PIPE_WRITE => {
            let mut tx = end(true);
            let mut source = vec![0u64; batch];
            perform(&mut || {
                for number in 0..operations {
                    stamp(&mut source, number);
                    tx.write_all(annulus::bytemuck::cast_slice(&source)).expect("a reader");
                }
            });
        }
        PIPE_READ => {
            let mut rx = end(false);
            let mut target = vec![0u64; batch];
            perform(&mut || {
                for number in 0..operations {
                    rx.read_exact(annulus::bytemuck::cast_slice_mut(&mut target))
                        .expect("a writer");
                    check_stamps(&target, number);
                }
            });
        }
        COPY_IN => {
            let mut tx = Channel::<u8>::inherited(STREAM)
                .expect("the stream")
                .writer()
                .expect("a writer");
            perform(&mut || copy_in(operations, &mut tx));
        }
        COPY_OUT => {
            let mut rx = Channel::<u8>::inherited(STREAM)
                .expect("the stream")
                .reader()
                .expect("a reader");
            perform(&mut || copy_out(operations, &mut rx));
        }
        FILE_COPY_IN => {
            let mut tx = end(true);
            perform(&mut || copy_in(operations, &mut tx));
        }
        FILE_COPY_OUT => {
            let mut rx = end(false);
            perform(&mut || copy_out(operations, &mut rx));
        }
        _ => return None,
    }
    Some(())
}

fn writer() -> Writer<u64> {
    let channel = Channel::inherited(STREAM).expect("the stream");
    channel.writer().expect("a writer")
}

fn reader() -> Reader<u64> {
    let channel = Channel::inherited(STREAM).expect("the stream");
    channel.reader().expect("a reader")
}

/// The end that this worker was given: by its path, or as its standard input.
fn end(writing: bool) -> File {
    let opened = match env::var(END) {
        Ok(path) => OpenOptions::new().read(!writing).write(writing).open(path),
        Err(_) => io::stdin().as_fd().try_clone_to_owned().map(File::from),
    };
    opened.expect("an end")
}

/// So many MiB, of which each page says where it is.
struct Source {
    page: Vec<u8>,
    at: u64,
    end: u64,
}

impl Read for Source {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end {
            return Ok(0);
        }
        let within = (self.at % PAGE as u64) as usize;
        if within == 0 {
            self.page[..8].copy_from_slice(&self.at.to_ne_bytes());
        }
        let count = bytes.len().min(PAGE - within);
        bytes[..count].copy_from_slice(&self.page[within..within + count]);
        self.at += count as u64;
        Ok(count)
    }
}

/// Where they go: each page that comes in one piece is checked, which are all but few.
struct Sink {
    at: u64,
    checked: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let first = self.at.next_multiple_of(PAGE as u64);
        let skip = (first - self.at) as usize;
        for (page, start) in bytes
            .get(skip..)
            .unwrap_or(&[])
            .chunks(PAGE)
            .zip((first..).step_by(PAGE))
        {
            if let Some(word) = page.first_chunk() {
                assert_eq!(u64::from_ne_bytes(*word), start, "in order");
                self.checked += 1;
            }
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn copy_in(mebibytes: u64, tx: &mut impl Write) {
    let bytes = mebibytes * MEBIBYTE as u64;
    let mut source = Source {
        page: vec![0; PAGE],
        at: 0,
        end: bytes,
    };
    assert_eq!(io::copy(&mut source, tx).expect("a reader"), bytes, "all of it");
}

/// Until there are so many: the end of a stream is told by the writer's death, which is not what is measured.
fn copy_out(mebibytes: u64, rx: &mut impl Read) {
    let bytes = mebibytes * MEBIBYTE as u64;
    let mut sink = Sink { at: 0, checked: 0 };
    let copied = io::copy(&mut rx.take(bytes), &mut sink).expect("a writer");
    assert_eq!(copied, bytes, "all of it");
    assert!(sink.checked > bytes / PAGE as u64 / 2, "most of it is looked at");
}
