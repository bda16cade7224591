//! What does a process do with the commands that it is given?

use std::time::{Duration, Instant};

use annulus::AttachError;
use annulus::bytemuck::Pod;
use annulus::stream::{
    Channel, ReadError, ReadTimeoutError, Reader, TryReadError, TryWriteError, WriteError, WriteTimeoutError, Writer,
};

use super::model::sum;
use crate::support::Link;

const A_MOMENT: Duration = Duration::from_micros(300);

/// An element that tells its number, as far as it can, and whether it is whole.
pub(super) trait Element: Pod {
    /// Numbers that can be told apart.
    const NUMBERS: u64;
    /// Element `number`.
    fn of(number: u64) -> Self;
    /// Its number.
    fn number(&self) -> u64;
}

impl Element for u8 {
    const NUMBERS: u64 = 251;

    fn of(number: u64) -> u8 {
        (number % Self::NUMBERS) as u8
    }

    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Element for u32 {
    const NUMBERS: u64 = 1 << 32;

    fn of(number: u64) -> u32 {
        number as u32
    }

    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Element for [u8; 64] {
    const NUMBERS: u64 = 1 << 32;

    fn of(number: u64) -> Self {
        std::array::from_fn(|i| match i {
            0..4 => (number >> (8 * i)) as u8,
            _ => number.wrapping_mul(i as u64) as u8,
        })
    }

    fn number(&self) -> u64 {
        let number = u64::from(u32::from_ne_bytes([self[0], self[1], self[2], self[3]]));
        assert!(*self == Self::of(number), "a torn element");
        number
    }
}

/// A process's ends.
pub(super) struct Worker<'a, T: Element> {
    channel: &'a Channel<T>,
    tx: Option<Writer<T>>,
    rx: Option<Reader<T>>,
}

/// Executes commands until it is told to leave.
pub(super) fn serve<T: Element>(channel: &Channel<T>, link: &mut Link) {
    let mut worker = Worker::new(channel);
    while let Some(command) = link.hear() {
        if command == "leave" {
            return;
        }
        let answer = worker.execute(&command);
        link.say(answer);
    }
}

impl<'a, T: Element> Worker<'a, T> {
    /// Without any.
    pub(super) fn new(channel: &'a Channel<T>) -> Self {
        Worker {
            channel,
            tx: None,
            rx: None,
        }
    }

    /// A verb, a form, and up to three numbers: a length, how many of that, and the first element's.
    pub(super) fn execute(&mut self, command: &str) -> String {
        let mut words = command.split(' ');
        let (verb, form) = (words.next().unwrap(), words.next().unwrap_or_default());
        let mut word = || words.next().map_or(0, |word| word.parse::<u64>().unwrap());
        let (len, count, first) = (word() as usize, word() as usize, word());
        match verb {
            "attach" if form == "writer" => attached(self.channel.writer().map(|tx| self.tx = Some(tx))),
            "attach" => attached(self.channel.reader().map(|rx| self.rx = Some(rx))),
            "detach" if form == "writer" => self.tx.take().map_or("nobody", |_| "detached").to_owned(),
            "detach" => self.rx.take().map_or("nobody", |_| "detached").to_owned(),
            "close" if form == "writer" => {
                self.tx.as_ref().unwrap().close();
                "closed".to_owned()
            }
            "close" => {
                self.rx.as_ref().unwrap().close();
                "closed".to_owned()
            }
            "look" if form == "writer" => format!("{} free", self.tx.as_mut().unwrap().free()),
            "look" => {
                let rx = self.rx.as_mut().unwrap();
                let there = rx.len();
                assert_eq!(rx.is_empty(), there == 0);
                format!("{there} there")
            }
            "poll" if form == "writer" => {
                let polled = self.tx.as_mut().unwrap().poll(A_MOMENT);
                answer(polled.map(ready).map_err(waited_to_write))
            }
            "poll" => {
                let polled = self.rx.as_mut().unwrap().poll(A_MOMENT);
                answer(polled.map(ready).map_err(waited_to_read))
            }
            "write-chunk" => answer(self.write_chunk(form, len, count, first)),
            "write" => answer(self.write(form, len, first)),
            "read-chunk" => answer(self.read_chunk(form, len, count)),
            "read" => answer(self.read(form, len)),
            _ => panic!("{command:?}"),
        }
    }

    fn write_chunk(&mut self, form: &str, len: usize, count: usize, first: u64) -> Result<String, String> {
        let tx = self.tx.as_mut().unwrap();
        let mut chunk = match form {
            "try" => tx.try_write_chunk(len).map_err(tried_to_write)?,
            "wait" => tx.write_chunk(len).map_err(waited_to_write)?,
            "timeout" => tx.write_chunk_timeout(len, A_MOMENT).map_err(timed_to_write)?,
            _ => {
                let deadline = Instant::now() + A_MOMENT;
                tx.write_chunk_deadline(len, deadline).map_err(timed_to_write)?
            }
        };
        assert_eq!(chunk.len(), len);
        for (place, number) in chunk.iter_mut().zip(first..) {
            *place = T::of(number);
        }
        chunk.commit(count);
        Ok(format!("committed {count}"))
    }

    fn write(&mut self, form: &str, len: usize, first: u64) -> Result<String, String> {
        let tx = self.tx.as_mut().unwrap();
        let elements: Vec<T> = (first..first + len as u64).map(T::of).collect();
        let written = match form {
            "try" => tx.try_write(&elements).map_err(tried_to_write)?,
            "some" => tx.write_some(&elements).map_err(waited_to_write)?,
            _ => match tx.write_all(&elements) {
                Ok(()) => elements.len(),
                Err(error) if error.written == 0 => return Err(waited_to_write(error.kind)),
                Err(error) => return Err(error.to_string()),
            },
        };
        Ok(format!("written {written}"))
    }

    fn read_chunk(&mut self, form: &str, len: usize, count: usize) -> Result<String, String> {
        let rx = self.rx.as_mut().unwrap();
        let chunk = match form {
            "try" => rx.try_read_chunk(len).map_err(tried_to_read)?,
            "wait" => rx.read_chunk(len).map_err(waited_to_read)?,
            "all" => rx.readable().map_err(waited_to_read)?,
            "timeout" => rx.read_chunk_timeout(len, A_MOMENT).map_err(timed_to_read)?,
            _ => {
                let deadline = Instant::now() + A_MOMENT;
                rx.read_chunk_deadline(len, deadline).map_err(timed_to_read)?
            }
        };
        let (len, sum) = (chunk.len(), sum(chunk.iter().map(T::number)));
        let count = count.min(len);
        chunk.consume(count);
        Ok(format!("chunk {len} {sum:x} consumed {count}"))
    }

    fn read(&mut self, form: &str, len: usize) -> Result<String, String> {
        let rx = self.rx.as_mut().unwrap();
        let mut elements = vec![T::zeroed(); len];
        let read = match form {
            "try" => rx.try_read(&mut elements).map_err(tried_to_read)?,
            "some" => rx.read_some(&mut elements).map_err(waited_to_read)?,
            _ => match rx.read_exact(&mut elements) {
                Ok(()) => len,
                Err(error) if error.read == 0 => return Err(waited_to_read(error.kind)),
                Err(error) => return Err(error.to_string()),
            },
        };
        if len == 0 {
            return Ok("read 0".to_owned());
        }
        let sum = sum(elements[..read].iter().map(T::number));
        Ok(format!("read {read} {sum:x}"))
    }
}

fn answer(outcome: Result<String, String>) -> String {
    outcome.unwrap_or_else(|refusal| refusal)
}

fn ready(ready: bool) -> String {
    if ready { "ready" } else { "not now" }.to_owned()
}

fn attached(result: Result<(), AttachError>) -> String {
    match result {
        Ok(()) => "attached".to_owned(),
        Err(AttachError::AlreadyAttached { .. }) => "already attached".to_owned(),
        Err(other) => other.to_string(),
    }
}

/// What the errors of an end come to, each in its form.
macro_rules! refusals {
    ($($name:ident: $error:ident $(, $not_now:ident)?;)+) => {$(
        fn $name(error: $error) -> String {
            match error {
                $($error::$not_now => "not now".to_owned(),)?
                $error::Disconnected => "disconnected".to_owned(),
                $error::TooLong { len, max } => format!("too long: {len} of {max}"),
                other => other.to_string(),
            }
        }
    )+};
}

refusals! {
    tried_to_write: TryWriteError, Full;
    timed_to_write: WriteTimeoutError, Timeout;
    waited_to_write: WriteError;
    tried_to_read: TryReadError, Empty;
    timed_to_read: ReadTimeoutError, Timeout;
    waited_to_read: ReadError;
}
