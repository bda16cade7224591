use serde_json::json;

use crate::record::Record;

use super::{charts, page};

/// Three mechanisms and one question; in five rounds, the machine is near for the first two, and for the third far.
fn record() -> Record {
    let run = |mechanism: &str, probe: f64, elapsed: u64| {
        json!({
            "mechanism": mechanism,
            "probes": [probe, probe],
            "outcome": {
                "elapsed": elapsed, "messages": 1000, "cpu": 2 * elapsed, "open": 10_000, "attach": 2_000, "memory": 65_536,
                "latency": null, "calls": null,
            },
        })
    };
    let round = json!({
        "runs": [run("annulus spsc", 100.0, 4_000), run(NEAR, 100.0, 12_000), run(FAR, 430.0, 50_000)],
    });
    let subject = |name: &str, reach: &str| {
        let about = json!({ "framing": "<i>", "persistence": "none", "relation": "a & b", "death": "nothing" });
        json!({ "name": name, "reach": reach, "about": about })
    };
    let record = json!({
        "date": "2026-01-02T03:04:05Z",
        "arguments": ["--quick", "<u>"],
        "machine": {
            "processor": "a processor", "processors": 2, "virtual_machine": true, "kernel": "6.0", "rustc": "rustc 1",
            "load": "0 0 0", "pinning": "none",
        },
        "versions": [["annulus", "0.1.0"]],
        "mechanisms": [
            subject("annulus spsc", "processes"), subject(NEAR, "processes"), subject(FAR, "threads"), subject(NEVER, "limit"),
        ],
        "answers": [{
            "ask": {
                "question": "one-way", "size": 8, "wait": null, "senders": 1, "receivers": 1, "slots": 1024, "one_cpu": false,
                "time": { "secs": 1, "nanos": 0 }, "count": null,
            },
            "rounds": [round, round, round, round, round],
            "absent": [{ "mechanism": NEVER, "why": "hung & \"dead\"", "failed": true }],
        }],
    });
    serde_json::from_value(record).expect("a record")
}

const NEAR: &str = "near <b>&";
const FAR: &str = "far";
const NEVER: &str = "never";

fn text(record: &Record) -> String {
    page(record, &charts::all(record)).expect("a page").into_string()
}

/// The cells of a mechanism's row in the matrix, or in the table of the one question.
fn cells(page: &str, head: &str) -> Vec<String> {
    let row = page.split("<tr").find(|row| row.contains(head)).expect("a row");
    row.split("<td").skip(1).map(str::to_owned).collect()
}

#[test]
fn each_mechanism_has_one_row_in_the_matrix() {
    let page = text(&record());
    for name in ["annulus spsc", "near &lt;b&gt;&amp;", FAR, NEVER] {
        let head = format!("<th class=\"name\" scope=\"row\">{name}</th>");
        assert_eq!(page.matches(&head).count(), 1, "{name}");
    }
}

#[test]
fn what_others_wrote_is_text() {
    let page = text(&record());
    let inside = page.split("</style>").nth(1).expect("a body");
    for tag in ["<b>&", "<i>", "<u>", "\"dead\""] {
        assert!(!inside.contains(tag), "{tag}");
    }
    for escaped in [
        "near &lt;b&gt;&amp;",
        "&lt;i&gt;",
        "&lt;u&gt;",
        "a &amp; b",
        "&quot;dead&quot;",
    ] {
        assert!(inside.contains(escaped), "{escaped}");
    }
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let record = record();
    let page = text(&record);
    let mut all = vec![page];
    all.extend(
        charts::all(&record)
            .iter()
            .map(|chart| chart.file(&record).expect("a chart")),
    );
    for text in all {
        for way in [
            "src=",
            "href=\"http",
            "href=\"//",
            "url(",
            "@import",
            "<script",
            "<link",
            "<iframe",
        ] {
            assert!(!text.contains(way), "{way}");
        }
    }
}

#[test]
fn without_a_common_state_of_the_machine_there_is_no_ratio() {
    let page = text(&record());
    let tables = page.split("<details>").nth(1).expect("a table");
    let near = cells(tables, "near &lt;b&gt;&amp;");
    assert!(near[2].contains("3.00"), "{near:?}");
    let far = cells(tables, ">far<");
    assert!(far[1].contains("50.0"), "{far:?}");
    assert!(far[2].contains("none") && far[2].contains(">–<"), "{far:?}");
}

#[test]
fn what_failed_has_no_figure_but_a_reason() {
    let page = text(&record());
    let cells = cells(&page, "\"row\">never<");
    let figure = &cells[2];
    assert!(figure.contains("title=\"hung &amp; &quot;dead&quot;\""), "{figure}");
    assert!(figure.contains(">failed<"), "{figure}");
    assert!(!page.split("<details>").nth(1).expect("a table").contains(">never<"));
}

#[test]
fn read_again_it_is_the_same_page() {
    let record = record();
    let written = serde_json::to_string(&record).expect("JSON");
    let read: Record = serde_json::from_str(&written).expect("the same record");
    assert_eq!(text(&read), text(&record));
}
