//! annulus, measured against what a user would pick instead.
mod ask;
mod board;
mod crew;
mod mechanism;
mod message;
mod question;

use crate::ask::{Ask, Question, Wait};
use std::time::Duration;

fn main() {
    let crew = crew::Crew {
        board: board::Board::shared().unwrap(),
        cpus: vec![0, 1],
    };
    for question in [Question::OneWay, Question::RoundTrip, Question::Many, Question::Idle] {
        for size in [8, 64, 4096] {
            let ask = Ask {
                question,
                size,
                wait: Some(Wait::Spin),
                senders: 1,
                receivers: 1,
                slots: 1024,
                one_cpu: false,
                time: Duration::from_millis(200),
            };
            for e in mechanism::all() {
                if let Some(no) = (e.refuses)(&ask) {
                    println!("{question:?} {size} {} {no}", e.name);
                    continue;
                }
                match (e.run)(&ask, &crew) {
                    Ok(o) => println!(
                        "{question:?} {size} {} {:.1} ns {o:?}",
                        e.name,
                        o.elapsed as f64 / o.messages as f64
                    ),
                    Err(e2) => println!("{question:?} {size} {} {e2}", e.name),
                }
            }
        }
    }
}
