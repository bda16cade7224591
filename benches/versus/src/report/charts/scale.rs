//! Where do figures lie on a line, and how are they written there?

use std::ops::Range;

/// What figures are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many a second.
    Rate,
    /// Nanoseconds.
    Time,
    /// Gigabytes a second.
    Bandwidth,
    /// Seconds of processor time a million messages.
    Processor,
    /// A number of things.
    Count,
    /// Kibibytes.
    Memory,
}

impl Unit {
    /// With two digits, or three before the point.
    pub fn write(self, value: f64) -> String {
        let (value, name) = self.scaled(value);
        format!("{}{name}", digits(value))
    }

    /// A round figure, as short as can be.
    pub fn write_round(self, value: f64) -> String {
        let (value, name) = self.scaled(value);
        let text = digits(value);
        let text = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => &text,
        };
        format!("{text}{name}")
    }

    fn scaled(self, value: f64) -> (f64, &'static str) {
        match self {
            Unit::Rate => scaled(value, &["", " k", " M", " G", " T"]),
            Unit::Time => scaled(value, &[" ns", " µs", " ms", " s", " ks"]),
            Unit::Memory => (value, " KiB"),
            Unit::Bandwidth | Unit::Processor | Unit::Count => (value, ""),
        }
    }

    /// Whether greater figures are better ones.
    pub fn is_more_better(self) -> bool {
        matches!(self, Unit::Rate | Unit::Bandwidth)
    }
}

fn scaled(mut value: f64, names: &[&'static str]) -> (f64, &'static str) {
    let mut i = 0;
    // 999.5 would be written as 1000.
    while value >= 999.5 && i + 1 < names.len() {
        value /= 1e3;
        i += 1;
    }
    (value, names[i])
}

/// Two digits, or three before the point.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        v if v >= 9.95 => 0,
        v if v >= 0.995 => 1,
        v => ((1.0 - v.log10().floor()) as usize).min(6),
    };
    format!("{value:.decimals$}")
}

/// What a logarithmic line has to span for these to lie on it. Zeros and less lie at its beginning.
pub fn span(values: impl Iterator<Item = f64>) -> Range<f64> {
    let positive = values.filter(|value| *value > 0.0 && value.is_finite());
    let (low, high) = positive.fold((f64::MAX, 0f64), |(low, high), value| (low.min(value), high.max(value)));
    if high == 0.0 {
        return 0.1..10.0;
    }
    // At least as much as makes a difference of a tenth look like one.
    let room = 1.2f64.max((8.0 / (high / low)).sqrt());
    low / room..high * room
}

/// Where a span is marked, at round figures: at least such a part of it apart, and at one place at least if there is one.
pub fn ticks(span: &Range<f64>, apart: f64) -> Vec<f64> {
    let decades = span.start.log10().floor() as i32..=span.end.log10().ceil() as i32;
    let places = |steps: &[f64], each: i32| -> Vec<f64> {
        let exponents = decades.clone().filter(|exponent| exponent.rem_euclid(each) == 0);
        let places = exponents.flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)));
        places.filter(|place| span.contains(place)).collect()
    };
    let least = (span.end / span.start).powf(apart);
    let finest_first: [(&[f64], i32); 5] = [
        (&[1.0, 2.0, 5.0], 1),
        (&[1.0, 3.0], 1),
        (&[1.0], 1),
        (&[1.0], 2),
        (&[1.0], 3),
    ];
    let tried = finest_first.map(|(steps, each)| places(steps, each));
    let fits = |ticks: &&Vec<f64>| !ticks.is_empty() && ticks.windows(2).all(|pair| pair[1] / pair[0] >= least);
    match tried.iter().find(fits) {
        Some(ticks) => ticks.clone(),
        None => tried[0].iter().take(1).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unit, span, ticks};

    #[test]
    fn figures_are_short() {
        let times = [0.5, 66.0, 999.6, 1_440.0, 58_000.0, 2.5e9].map(|t| Unit::Time.write(t));
        assert_eq!(times, ["0.50 ns", "66 ns", "1.0 µs", "1.4 µs", "58 µs", "2.5 s"]);
        let rates = [187e6, 2.44e6, 31e3, 850.0].map(|r| Unit::Rate.write(r));
        assert_eq!(rates, ["187 M", "2.4 M", "31 k", "850"]);
        let counts = [0.0, 0.0012, 0.25, 2.0, 10.0].map(|c| Unit::Count.write(c));
        assert_eq!(counts, ["0", "0.0012", "0.25", "2.0", "10"]);
        let ticks = [0.001, 0.5, 2.0, 100.0].map(|tick| Unit::Count.write_round(tick));
        assert_eq!(ticks, ["0.001", "0.5", "2", "100"]);
    }

    #[test]
    fn ticks_lie_within_and_are_few() {
        for (low, high) in [(1.0, 1.1), (3.0, 9e7), (0.002, 4.0), (60.0, 60.0)] {
            let span = span([low, high, 0.0].into_iter());
            assert!(span.contains(&low) && span.contains(&high));
            let ticks = ticks(&span, 0.25);
            assert!((1..=4).contains(&ticks.len()), "{span:?}: {ticks:?}");
            assert!(ticks.iter().all(|tick| span.contains(tick)));
            let place = |tick: f64| (tick / span.start).ln() / (span.end / span.start).ln();
            assert!(ticks.windows(2).all(|pair| place(pair[1]) - place(pair[0]) >= 0.249));
        }
    }
}
