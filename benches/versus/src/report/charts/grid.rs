//! How is a chart drawn whose rows are mechanisms and whose columns are questions?
//!
//! Every row is named once, at its left, and every column has a logarithmic line of its own. So forty mechanisms need neither a
//! legend nor forty colours.

use std::cmp::Ordering;
use std::error::Error;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordi32;
use plotters::prelude::{
    Cartesian2d, Circle, DrawingArea, IntoDrawingArea, IntoLogRange, LogCoord, PathElement, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor, ShapeStyle};

use crate::mechanism::Reach;
use crate::record::Subject;

use super::scale::{Unit, span, ticks};
use super::theme::{GUIDE, INK, LIMIT, OURS, PAPER, PEER, SOFT, text};

const ROW: i32 = 17;
const HEADING: i32 = 26;
const HEAD: i32 = 46;
const MARGIN: i32 = 12;
/// For the figure beside a mark.
const FIGURE: i32 = 52;
const GAP: i32 = 14;
/// From one tick to the next, at least.
const TICK: f64 = 42.0;
/// For a frame's.
const TITLE: i32 = 30;
const NOTE: i32 = 22;

/// A chart.
#[derive(Debug)]
pub struct Grid<'a> {
    /// The mechanisms.
    pub subjects: &'a [Subject],
    /// The questions.
    pub columns: Vec<Column>,
}

/// One question's marks.
#[derive(Debug)]
pub struct Column {
    /// What was asked.
    pub title: String,
    /// What the figures are of, in words.
    pub of: &'static str,
    /// See `of`.
    pub unit: Unit,
    /// Where ours is.
    pub ours: Option<f64>,
    /// One for each mechanism.
    pub marks: Vec<Mark>,
}

/// What a row has in a column.
#[derive(Clone, Debug)]
pub enum Mark {
    /// Nothing was to be measured.
    None,
    /// It was meant to answer, and has not.
    Failed,
    /// A figure.
    At {
        /// Itself.
        at: f64,
        /// Where a bar from it ends.
        bar: Option<f64>,
        /// Between which a thin line lies.
        line: (f64, f64),
    },
}

impl Mark {
    fn at(&self) -> Option<f64> {
        match self {
            Mark::At { at, .. } => Some(*at),
            Mark::None | Mark::Failed => None,
        }
    }
}

/// What a chart says that stands alone.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Above it.
    pub title: &'a str,
    /// Below it.
    pub note: &'a str,
}

/// How much room there is.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Pixels for all.
    pub width: i32,
    /// Pixels for the names of rows.
    pub names: i32,
    /// Pixels for a column, at most.
    pub column: i32,
    /// Columns side by side, at most,
    pub abreast: usize,
    /// if no title has more letters than this.
    pub title: usize,
}

/// On a page.
pub const WIDE: Room = Room {
    width: 1080,
    names: 164,
    column: 420,
    abreast: 7,
    title: usize::MAX,
};
/// On a phone.
pub const NARROW: Room = Room {
    width: 400,
    names: 144,
    column: 232,
    abreast: 2,
    title: 8,
};

impl Grid<'_> {
    /// Whether nobody has a mark.
    pub fn is_empty(&self) -> bool {
        self.order(&self.columns).is_empty()
    }

    /// As part of a page; with a frame, for a file of its own.
    pub fn svg(&self, room: Room, frame: Option<Frame<'_>>) -> Result<String, Box<dyn Error>> {
        let fits = |column: &Column| column.title.len() <= room.title;
        let most = if self.columns.iter().all(fits) { room.abreast } else { 1 };
        let abreast = most.min(self.columns.len()).max(1);
        let column = ((room.width - room.names - 2 * MARGIN) / abreast as i32).min(room.column);
        let width = room.names + 2 * MARGIN + column * abreast as i32;
        let bands: Vec<_> = self
            .columns
            .chunks(abreast)
            .map(|columns| (columns, self.places(columns)))
            .collect();
        let height = |places: &[Place<'_>]| HEAD + places.last().map_or(0, |place| place.y + ROW);
        let heights: i32 = bands.iter().map(|(_, places)| height(places) + MARGIN).sum();
        let (above, below) = if frame.is_some() { (TITLE, NOTE) } else { (0, 0) };
        let whole = above + MARGIN + heights + below;
        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, (width as u32, whole as u32)).into_drawing_area();
        root.fill(&PAPER)?;
        if let Some(Frame { title, note }) = frame {
            root.draw(&Text::new(title, (MARGIN, MARGIN + 8), text(15.0, INK, HPos::Left)))?;
            let at = (MARGIN, whole - MARGIN - 2);
            root.draw(&Text::new(note, at, text(10.0, SOFT, HPos::Left)))?;
        }
        let mut y = above + MARGIN;
        for (columns, places) in &bands {
            let height = height(places);
            let band = root.clone().shrink((MARGIN, y), (width - 2 * MARGIN, height));
            names(&band, room.names, places)?;
            for (j, marks) in columns.iter().enumerate() {
                let area = band
                    .clone()
                    .shrink((room.names + column * j as i32, 0), (column, height));
                draw(&area, marks, places)?;
            }
            y += height + MARGIN;
        }
        root.present()?;
        drop(root);
        Ok(svg)
    }

    /// The subjects that have a mark in these columns: group by group, each group's best first.
    fn order(&self, columns: &[Column]) -> Vec<usize> {
        let has_one = |i: usize| columns.iter().any(|column| !matches!(column.marks[i], Mark::None));
        let mut order: Vec<usize> = (0..self.subjects.len()).filter(|&i| has_one(i)).collect();
        let compare = |a: usize, b: usize| {
            let by_column = columns
                .iter()
                .map(|column| match (column.marks[a].at(), column.marks[b].at()) {
                    (Some(a), Some(b)) if column.unit.is_more_better() => b.total_cmp(&a),
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    (a, b) => a.is_none().cmp(&b.is_none()),
                });
            by_column.fold(Ordering::Equal, Ordering::then)
        };
        order.sort_by(|&a, &b| self.subjects[a].reach.cmp(&self.subjects[b].reach).then(compare(a, b)));
        order
    }

    fn places(&self, columns: &[Column]) -> Vec<Place<'_>> {
        let mut places: Vec<Place<'_>> = Vec::new();
        let mut bottom = 0;
        for i in self.order(columns) {
            let subject = &self.subjects[i];
            let heading = places.last().is_none_or(|last| last.subject.reach != subject.reach);
            bottom += if heading { HEADING + ROW } else { ROW };
            places.push(Place {
                y: bottom - ROW / 2,
                subject,
                mark: i,
                heading,
            });
        }
        places
    }
}

/// A row.
struct Place<'a> {
    /// Its middle, below the head.
    y: i32,
    subject: &'a Subject,
    /// Which of the columns' marks is its.
    mark: usize,
    /// Whether it is the first of its group.
    heading: bool,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The names of all rows, and what leads the eye from them to the marks.
fn names(band: &Area<'_>, names: i32, places: &[Place<'_>]) -> Result<(), Box<dyn Error>> {
    let width = band.dim_in_pixel().0 as i32;
    for Place {
        y, subject, heading, ..
    } in places
    {
        let y = HEAD + y;
        if *heading {
            let title = subject.reach.title();
            band.draw(&Text::new(title, (0, y - ROW - 1), text(11.0, SOFT, HPos::Left)))?;
        }
        if subject.is_ours() {
            let row = [(-MARGIN / 2, y - ROW / 2), (width + MARGIN / 2, y + ROW / 2 + 1)];
            band.draw(&Rectangle::new(row, OURS.mix(0.09).filled()))?;
        }
        band.draw(&PathElement::new([(names - 4, y), (width, y)], GUIDE))?;
        let colour = if subject.is_ours() { OURS } else { INK };
        band.draw(&Text::new(
            subject.name.as_str(),
            (0, y),
            text(12.0, colour, HPos::Left),
        ))?;
    }
    Ok(())
}

/// A column: its head, its line, and its marks.
fn draw(area: &Area<'_>, column: &Column, places: &[Place<'_>]) -> Result<(), Box<dyn Error>> {
    let (width, height) = (area.dim_in_pixel().0 as i32, area.dim_in_pixel().1 as i32);
    area.draw(&Text::new(column.title.as_str(), (0, 6), text(12.5, INK, HPos::Left)))?;
    area.draw(&Text::new(column.of, (0, 21), text(10.5, SOFT, HPos::Left)))?;
    let line = width - FIGURE - GAP;
    let values = column.marks.iter().filter_map(|mark| match mark {
        Mark::At { at, bar, line } => Some([*at, bar.unwrap_or(*at), line.0, line.1]),
        Mark::None | Mark::Failed => None,
    });
    let span = span(values.flatten());
    let (left, top) = area.get_base_pixel();
    let plot = area.apply_coord_spec(Cartesian2d::<LogCoord<f64>, RangedCoordi32>::new(
        span.clone().log_scale(),
        0..height,
        (left..left + line, top..top + height),
    ));
    for tick in ticks(&span, TICK / f64::from(line)) {
        plot.draw(&PathElement::new([(tick, HEAD - 4), (tick, height)], GUIDE))?;
        let label = column.unit.write_round(tick);
        plot.draw(&Text::new(label, (tick, HEAD - 10), text(9.5, SOFT, HPos::Center)))?;
    }
    let within = |value: f64| value.clamp(span.start, span.end);
    if let Some(ours) = column.ours {
        let thin = OURS.mix(0.45).stroke_width(1);
        plot.draw(&PathElement::new(
            [(within(ours), HEAD - 2), (within(ours), height)],
            thin,
        ))?;
    }
    for Place { y, subject, mark, .. } in places {
        let (y, colour) = (HEAD + y, colour(subject));
        let figure =
            |what: &str, colour| area.draw(&Text::new(what, (width - GAP, y), text(11.0, colour, HPos::Right)));
        match &column.marks[*mark] {
            Mark::None => figure("–", SOFT)?,
            Mark::Failed => figure("failed", LIMIT)?,
            Mark::At { at, bar, line } => {
                let path = |from: f64, to: f64, style: ShapeStyle| {
                    plot.draw(&PathElement::new([(within(from), y), (within(to), y)], style))
                };
                path(line.0, line.1, colour.mix(0.8).stroke_width(1))?;
                if let Some(bar) = bar {
                    path(*at, *bar, colour.mix(0.55).stroke_width(5))?;
                }
                let dot = if *at > 0.0 {
                    colour.filled()
                } else {
                    colour.stroke_width(1)
                };
                plot.draw(&Circle::new((within(*at), y), 4, dot))?;
                figure(&column.unit.write(*at), if subject.is_ours() { OURS } else { INK })?;
            }
        }
    }
    Ok(())
}

fn colour(subject: &Subject) -> RGBColor {
    match subject.reach {
        _ if subject.is_ours() => OURS,
        Reach::Limit => LIMIT,
        Reach::Processes | Reach::Threads => PEER,
    }
}
