//! Who meets at a name, and what is left out when?

use super::{Op, Policy, Rule, Scenario};
use crate::catalogue::{Control, Run, Size};

use Op::{
    Adopt, AttachReceiver, AttachSender, Create, DropChannel, Gc, Last, Leave, Open, OpenMismatch, OpenOrCreate, Pass,
    Receive, Send, Take, Unlink,
};
use Policy::{Created, Kept};

const SENDS: &[Op] = &[OpenOrCreate, AttachSender, Send, Leave];
const RECEIVES: &[Op] = &[OpenOrCreate, AttachReceiver, Receive, Leave];
const RECEIVES_LATE: &[Op] = &[Open, AttachReceiver, Receive, Leave];
const CREATES: &[Op] = &[Create(Created), AttachSender, Send, Leave];
const CREATES_ONLY: &[Op] = &[Create(Created), Leave];
const SHARES_ONLY: &[Op] = &[OpenOrCreate, Leave];
const CREATES_LAST: &[Op] = &[Last, Create(Created), Leave];

fn new(name: &'static str, scripts: &[&[Op]]) -> Scenario {
    Scenario {
        name,
        scripts: scripts.iter().map(|script| script.to_vec()).collect(),
        kills: 0,
        mortals: 0,
        without: None,
    }
}

impl Scenario {
    /// So many of the first so many are killed.
    fn kills(mut self, kills: u8, mortals: usize) -> Self {
        (self.kills, self.mortals) = (kills, mortals);
        self
    }

    fn without(mut self, rule: Rule) -> Self {
        self.without = Some(rule);
        self
    }
}

fn shared() -> Vec<(Size, Scenario)> {
    use Size::{Full, Quick};
    vec![
        (Full, new("4 share", &[SHARES_ONLY; 4])),
        (Quick, new("3 share", &[SHARES_ONLY; 3])),
        (Quick, new("shared stream", &[SENDS, RECEIVES, SENDS])),
        (Quick, new("the receiver comes late", &[SENDS, SENDS, RECEIVES_LATE])),
        (
            Full,
            new(
                "shared, 2 are killed, then a create",
                &[SENDS, RECEIVES, SHARES_ONLY, CREATES_LAST],
            )
            .kills(2, 3),
        ),
        (
            Quick,
            new("shared, 1 is killed, then a create", &[SENDS, RECEIVES, CREATES_LAST]).kills(1, 2),
        ),
        (
            Full,
            new("2 receivers, 2 are killed", &[SENDS, RECEIVES, RECEIVES]).kills(2, 3),
        ),
        (
            Full,
            new("shared, unlink, gc", &[SHARES_ONLY, &[Unlink], &[Gc], SHARES_ONLY]).kills(1, 4),
        ),
        (
            Quick,
            new(
                "2 unlink",
                &[
                    &[OpenOrCreate, Leave, OpenOrCreate, Leave],
                    &[Unlink, Unlink],
                    &[Unlink],
                ],
            )
            .kills(1, 3),
        ),
        (
            Full,
            new("unlinked under a stream", &[SENDS, RECEIVES, &[Unlink], &[Gc]]).kills(1, 1),
        ),
        (Quick, new("a mismatch", &[SHARES_ONLY, &[OpenMismatch, Leave], &[Gc]])),
        (Quick, endpoint_outlives()),
        (
            Quick,
            new(
                "2 receivers wait for one that has gone",
                &[&[OpenOrCreate, AttachSender, Leave], RECEIVES, RECEIVES],
            )
            .kills(1, 1),
        ),
        (Quick, restart()),
        (Quick, passed()),
    ]
}

fn endpoint_outlives() -> Scenario {
    let outlives: &[Op] = &[OpenOrCreate, AttachSender, DropChannel, Send, Leave];
    new(
        "an endpoint outlives its Channel",
        &[outlives, SHARES_ONLY, RECEIVES_LATE],
    )
}

fn restart() -> Scenario {
    let sends: &[Op] = &[OpenOrCreate, AttachSender, Send, Send, Leave];
    let takes: &[Op] = &[OpenOrCreate, AttachReceiver, Take, Leave];
    new("a sender comes first after a crash", &[sends, takes, SENDS]).kills(1, 2)
}

fn passed() -> Scenario {
    let passes: &[Op] = &[OpenOrCreate, Pass, Leave];
    let adopts: &[Op] = &[Adopt, AttachSender, Send, Leave];
    new("passed on", &[passes, adopts, RECEIVES_LATE, &[Gc]])
}

fn created() -> Vec<(Size, Scenario)> {
    use Size::{Full, Quick};
    let twice: &[Op] = &[Create(Created), Leave, Create(Created), Leave];
    let shares_twice: &[Op] = &[OpenOrCreate, Leave, OpenOrCreate, Leave];
    vec![
        (Quick, new("created stream", &[CREATES, RECEIVES_LATE, RECEIVES_LATE])),
        (
            Full,
            new(
                "created, 2 are killed, then a create",
                &[CREATES, RECEIVES_LATE, CREATES_ONLY, CREATES_LAST],
            )
            .kills(2, 3),
        ),
        (
            Quick,
            new("3 create", &[CREATES_ONLY, CREATES_ONLY, CREATES_ONLY]).kills(1, 3),
        ),
        (
            Full,
            new(
                "3 create, 1 opens",
                &[CREATES_ONLY, CREATES_ONLY, CREATES_ONLY, &[Open, Leave]],
            )
            .kills(1, 3),
        ),
        (
            Full,
            new(
                "created again, unlink, gc, open",
                &[twice, &[Unlink], &[Gc], &[Open, Leave]],
            )
            .kills(1, 4),
        ),
        (
            Full,
            new(
                "shared again, create, gc, open",
                &[shares_twice, CREATES_ONLY, &[Gc], &[Open, Leave]],
            )
            .kills(1, 4),
        ),
        (
            Quick,
            new(
                "kept",
                &[&[Create(Kept), AttachSender, Send, Leave], RECEIVES_LATE, &[Unlink]],
            )
            .kills(1, 3),
        ),
        (
            Full,
            new(
                "kept, gc",
                &[
                    &[Create(Kept), AttachSender, Send, Leave],
                    RECEIVES_LATE,
                    &[Gc],
                    &[Unlink],
                ],
            )
            .kills(1, 4),
        ),
        (
            Quick,
            new(
                "a mismatch at a created one",
                &[CREATES_ONLY, &[OpenMismatch, Leave], CREATES_ONLY],
            )
            .kills(1, 1),
        ),
        (
            Full,
            new(
                "removers are killed, created",
                &[CREATES_ONLY, &[Unlink], &[Open, Leave], CREATES_LAST],
            )
            .kills(3, 3),
        ),
        (
            Full,
            new(
                "removers are killed, shared",
                &[SHARES_ONLY, CREATES_ONLY, &[Gc], CREATES_LAST],
            )
            .kills(3, 3),
        ),
        (
            Full,
            new("killed, then gc", &[SENDS, CREATES, RECEIVES_LATE, &[Last, Gc]]).kills(3, 3),
        ),
        (
            Full,
            new(
                "everything",
                &[SENDS, RECEIVES, CREATES_ONLY, &[Unlink, OpenOrCreate, Leave]],
            )
            .kills(1, 4),
        ),
    ]
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    let scenarios = [shared(), created()];
    let run = |(size, scenario): (Size, Scenario)| Run::new("names", scenario.name, size, scenario);
    scenarios.into_iter().flatten().map(run).collect()
}

/// The scenario that shows that a rule is needed, and what is wrong without it.
fn shows(rule: Rule) -> (Scenario, &'static str) {
    let drained: &[Op] = &[OpenOrCreate, AttachSender, Leave];
    match rule {
        Rule::NameByte => (
            new("2 create, 1 unlinks", &[CREATES_ONLY, &[Unlink], CREATES_ONLY]),
            "STALE UNLINK",
        ),
        Rule::LocksBeforeLinkat => (new("2 share", &[SHARES_ONLY; 2]), "SPLIT"),
        Rule::LetGoFirst => (new("2 share", &[SHARES_ONLY; 2]), "LEFT"),
        Rule::LinkCheck | Rule::LinkCheckAfterPresence | Rule::DrainedAfterPresence => {
            (new("2 share, 1 receives", &[SHARES_ONLY, SENDS, RECEIVES_LATE]), "LOST")
        }
        Rule::PresenceOfTheRegion => (endpoint_outlives(), "SPLIT"),
        Rule::CreatorByte => (
            new("a creator dies", &[CREATES_ONLY, &[Open, Leave], CREATES_LAST]).kills(1, 1),
            "BLOCKED",
        ),
        Rule::Debt => (
            new("a creator dies", &[CREATES_ONLY, CREATES_LAST]).kills(1, 1),
            "BLOCKED",
        ),
        Rule::GcTakesPresence => (
            new("1 sends, 1 shares, gc", &[SENDS, SHARES_ONLY, &[Gc]]).kills(1, 1),
            "SPLIT",
        ),
        Rule::MismatchLeaves => (new("a mismatch", &[SHARES_ONLY, &[OpenMismatch, Leave]]), "LEFT"),
        Rule::JudgeIsNoUser => (new("1 shares, 1 creates", &[SHARES_ONLY, CREATES_ONLY]), "BLOCKED"),
        Rule::AloneRule => (new("1 creates, 1 waits", &[CREATES_ONLY, RECEIVES_LATE]), "WAITS"),
        Rule::AttachByte => (new("2 receivers", &[drained, RECEIVES, RECEIVES]), "FALSE END"),
        Rule::RoleBeforeFlag => (new("1 receiver", &[drained, RECEIVES]), "FALSE END"),
        Rule::SessionBeginsAnyway => (restart(), "FALSE END"),
        Rule::PassedPresent => (passed(), "SPLIT"),
    }
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |(rule, _)| {
        let (scenario, says) = shows(rule);
        Control::new("names", &rule, says, scenario.clone(), scenario.without(rule))
    };
    Rule::ALL.into_iter().map(control).collect()
}
