//! How does the array go in a block?

use std::process::Command;
use std::time::Duration;

use annulus::blocks::Channel;
use annulus::spsc;
use nix::time::{ClockId, clock_gettime};

use super::{Error, Measured, ROUNDS, arrays, median};

/// Longer than a filling: the reader never sleeps.
const SPIN: Duration = Duration::from_secs(4);

/// When the array was full, in nanoseconds of the clock that all processes share.
type Filled = u64;
/// When the reader had the array, and when it had read it.
type Report = [u64; 2];

fn now() -> Result<u64, Error> {
    let time = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    Ok(time.as_nanos() as u64)
}

/// The loader.
pub fn load(mut reader: Command, items: usize) -> Result<Measured, Error> {
    // One to fill while the other is read.
    let arrays = Channel::<[f64], Filled>::builder(2, items)
        .spin_time(SPIN)
        .populate()
        .anonymous()?;
    let reports = spsc::Channel::<Report>::builder(4).spin_time(SPIN).anonymous()?;
    arrays.pass_to(&mut reader, "arrays")?;
    reports.pass_to(&mut reader, "reports")?;
    let (tx, rx) = (arrays.sender()?, reports.receiver()?);
    let mut child = reader.spawn()?;
    drop((reader, arrays, reports));

    let (mut totals, mut hand_overs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut loan = tx.loan_uninit(items)?;
        let began = now()?;
        arrays::fill_uninit(&mut loan, round);
        // SAFETY: each element has just been written.
        let mut loan = unsafe { loan.assume_init() };
        let filled = now()?;
        loan.set_header(filled);
        loan.send()?;
        let [had, read] = rx.recv()?;
        hand_overs.push(Duration::from_nanos(had - filled));
        totals.push(Duration::from_nanos(read - began));
    }
    drop(tx);
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("the reader ended with {status}").into());
    }
    Ok(Measured {
        total: median(totals),
        hand_over: Some(median(hand_overs)),
    })
}

/// The reader.
pub fn read() -> Result<(), Error> {
    let arrays = Channel::<[f64], Filled>::builder(0, 0).populate().inherited("arrays")?;
    let rx = arrays.receiver()?;
    let tx = spsc::Channel::<Report>::inherited("reports")?.sender()?;
    drop(arrays);
    for (round, array) in rx.iter().enumerate() {
        let had = now()?;
        arrays::check(&array, round);
        tx.send([had, now()?])?;
    }
    Ok(())
}
