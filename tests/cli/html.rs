//! The page of `pnetc analyze --html` as a file; what a browser makes of it is tested in `tests/report.rs`.

use serde_json::Value;

use super::machine_code::json;
use super::{DIGITS, fails, pnetc, stdout, succeeds, text};

const NET: &str = "examples/models/parameternet.pnet";

/// Writes a page; gives its text.
fn page(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = text(&folder.path().join("report.html"));
    succeeds(&[&["analyze"], arguments, &["--html", &path]].concat());
    let entries = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(entries, 1, "the page is one file");
    std::fs::read_to_string(&path).expect("a page")
}

/// The facts of a page, which stand in an element of their own.
fn facts(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"facts\">").expect("the element of the facts");
    let (facts, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(facts).expect("JSON")
}

#[test]
fn a_page_holds_what_the_report_says() {
    let facts = facts(&page(&[NET]));
    let mut report = json(&["analyze", NET, "--json", "--by", "node"]);
    let rows = report.as_object_mut().and_then(|report| report.remove("rows")).expect("rows");
    assert_eq!(facts["report"], report);

    // The costs of nodes and of the whole, in the order of `fields`.
    let named = |costs: &Value, name: &str| {
        let place = facts["fields"].as_array().expect("names").iter().position(|field| field == name);
        costs[place.expect("a field")].clone()
    };
    let nodes = facts["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), rows.as_array().expect("rows").len());
    for field in ["parameters", "core", "paper", "fvcore", "strict", "activation_bytes", "weight_bytes"] {
        let sum: u64 = nodes.iter().map(|node| named(&node["costs"], field).as_u64().expect("a count")).sum();
        assert_eq!(named(&facts["totals"], field), sum, "{field}");
        assert_eq!(named(&facts["branches"][0]["costs"], field), sum, "{field} of the root of the tree");
        for (node, row) in nodes.iter().zip(rows.as_array().expect("rows")) {
            assert_eq!(named(&node["costs"], field), row[field], "{field} of {}", row["name"]);
        }
    }
    assert_eq!(named(&facts["totals"], "core"), report["costs"]["core"]);
    // A branch costs what the nodes below it cost.
    let branches = facts["branches"].as_array().expect("branches");
    let mut sums = vec![0; branches.len()];
    for node in nodes {
        let mut at = node["branch"].as_u64();
        while let Some(place) = at {
            sums[place as usize] += named(&node["costs"], "strict").as_u64().expect("a count");
            at = branches[place as usize]["parent"].as_u64();
        }
    }
    for (branch, sum) in branches.iter().zip(sums) {
        assert_eq!(named(&branch["costs"], "strict"), sum, "{branch}");
    }
    let twin = json(&["analyze", NET, "--twin", "--json"]);
    assert_eq!((&facts["twin"]["static"], &facts["twin"]["dynamic"]), (&twin["static"], &twin["dynamic"]));
}

#[test]
fn a_page_holds_the_plan() {
    let facts = facts(&page(&[NET]));
    let (steps, buffers) = (facts["steps"].as_array().expect("steps"), facts["buffers"].as_array().expect("buffers"));
    assert_eq!(facts["report"]["size"]["steps"], steps.len());
    let sum: u64 = steps.iter().map(|step| step["multiply_adds"].as_u64().expect("a count")).sum();
    assert_eq!(facts["report"]["size"]["multiply_adds"], sum);
    // The fullest moment is that of the report, and no two buffers that live at once share a byte.
    let field = |buffer: &Value, place: usize| buffer[place].as_u64().expect("a number");
    let live = |step: u64| buffers.iter().filter(move |buffer| (field(buffer, 2)..=field(buffer, 3)).contains(&step));
    let peak = (0..steps.len() as u64).map(|step| live(step).map(|buffer| field(buffer, 1)).sum::<u64>()).max();
    assert_eq!(facts["report"]["memory"]["live_bytes"], peak.expect("steps"));
    for step in 0..steps.len() as u64 {
        let mut pieces: Vec<(u64, u64)> = live(step).map(|buffer| (field(buffer, 0), field(buffer, 1))).collect();
        pieces.sort_unstable();
        assert!(pieces.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "step {step}: {pieces:?}");
    }
    // Each step that multiplies belongs to a node, and one that says whose it is belongs to the node of that path.
    let nodes = facts["nodes"].as_array().expect("nodes");
    let path = |place: &Value| nodes[place.as_u64().expect("a place") as usize]["path"].as_str();
    for step in steps {
        let of = step["nodes"].as_array().expect("nodes");
        assert!(!of.is_empty() || step["multiply_adds"] == 0, "{step}");
        let name = step["of"].as_str();
        if nodes.iter().any(|node| node["path"].as_str() == name) {
            assert!(of.iter().any(|node| path(node) == name), "{step}");
        }
    }
    // Every convolution runs.
    let run: std::collections::HashSet<u64> =
        steps.iter().flat_map(|step| step["nodes"].as_array().expect("nodes")).filter_map(Value::as_u64).collect();
    for (place, node) in nodes.iter().enumerate() {
        let has_work = ["conv", "dynamic_conv", "linear", "routing"].iter().any(|op| node["op"] == *op);
        assert!(!has_work || run.contains(&(place as u64)), "{node}");
    }
}

#[test]
fn a_page_refers_to_nothing_outside_itself() {
    let page = page(&[NET]);
    for reference in ["http:", "https:", "src=", "@import", "url(", "sourceMappingURL", "<link", "import(", "fetch("] {
        let found = page.match_indices(reference);
        // Arrows of edges are a definition of the page itself.
        let outside: Vec<&str> = found
            .map(|(at, _)| page.get(at..(at + 40).min(page.len())).unwrap_or_default())
            .filter(|found| !found.starts_with("url(#arrow)"))
            .collect();
        assert!(outside.is_empty(), "{reference}: {outside:?}");
    }
    assert!(page.contains("default-src 'none'"), "the page forbids itself the network");
    assert!(page.contains("Permission is hereby granted"), "the licence of the library goes with it");
}

#[test]
fn a_page_is_the_same_every_time_but_for_the_machine() {
    let known = |page: &str| {
        let mut facts = facts(page);
        facts.as_object_mut().expect("facts").remove("machine").expect("a machine");
        facts
    };
    assert_eq!(known(&page(&[DIGITS])), known(&page(&[DIGITS])));
}

#[test]
fn texts_of_a_program_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = text(&folder.path().join("a<b>&{{data}}\".pnet"));
    let hostile = "/// </script><script>alert(1)</script> <!-- {{script}} \"quoted\" &amp;\n\
                   network N { input x: f32[batch, 4]\n // </SCRIPT >\n return x |> linear(2) as out }\n";
    std::fs::write(&file, hostile).expect("written");
    let page = page(&[&file]);
    assert_eq!(facts(&page)["sources"][0]["text"], hostile);
    assert_eq!(facts(&page)["report"]["file"], file);
    // Three elements, each with its end: facts, library, script.
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (3, 3));
    assert!(page.contains("a&lt;b&gt;&amp;{{data}}&quot;.pnet</title>"), "the title is text");
}

#[test]
fn steps_are_measured_on_request() {
    let plain = facts(&page(&[DIGITS]));
    assert!(plain["steps"].as_array().expect("steps").iter().all(|step| step["seconds"].is_null()));
    let measured = facts(&page(&[DIGITS, "--time"]));
    let seconds = measured["steps"].as_array().expect("steps").iter().map(|step| step["seconds"].as_f64());
    assert!(seconds.map(|seconds| seconds.expect("a time")).sum::<f64>() > 0.0);
    assert!(measured["machine"]["flops"].as_f64().expect("a rate") > 0.0);
}

#[test]
fn the_report_is_printed_beside_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = text(&folder.path().join("report.html"));
    assert_eq!(succeeds(&["analyze", DIGITS, "--html", &path]), succeeds(&["analyze", DIGITS]));
    // A budget that does not hold is an error after both.
    let output = pnetc(&["analyze", DIGITS, "--html", &path, "--budget", "params<=1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("37,594") && std::fs::exists(&path).expect("a folder"));
}

#[test]
fn what_goes_wrong_is_told() {
    let said = fails(1, &["analyze", DIGITS, "--html", "/nowhere/at/all.html"]);
    assert!(said.contains("E0706") && said.contains("/nowhere/at/all.html"), "{said}");
    for other in [&["--sweep", "experts=1"][..], &["--twin"], &["--explain", "core..fvcore"], &["--csv"]] {
        let said = fails(2, &[&["analyze", DIGITS, "--html", "x.html"], other].concat());
        assert!(said.contains("cannot be used with"), "{said}");
    }
    let said = fails(2, &["analyze", DIGITS, "--time"]);
    assert!(said.contains("--sweep") && said.contains("--html"), "{said}");
}
