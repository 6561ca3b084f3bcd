//! The page of `pnetc analyze --html` in a browser, as a reader meets it: by mouse, by keyboard, in the dark.
//!
//! Needs Chromium. Without it the tests say that they skip; with `CI` set they fail.

#[path = "report/browser.rs"]
mod browser;

use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Page;
use serde_json::json;
use tempfile::TempDir;

const DIGITS: &str = "examples/digits/digits.pnet";
const PARAMETERNET: &str = "examples/models/parameternet.pnet";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Writes the page of a network; the folder goes when it is dropped.
fn report(net: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pnetc"));
    command.current_dir(repository()).args(["analyze", net, "--html"]).arg(&path).args(more);
    let output = command.output().expect("pnetc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, path)
}

/// The labels of the parts of the graph that are visible.
const LABELS: &str =
    "[...document.querySelectorAll('[role=treeitem]')].map((part) => part.getAttribute('aria-label').split(',')[0])";

/// A treeitem by the name its label begins with.
fn part(name: &str) -> String {
    format!("[role=treeitem][aria-label^=\"{name},\"]")
}

fn focused(page: &mut Page) -> String {
    page.text("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")
}

#[test]
fn every_view_opens_without_errors_and_without_the_network() {
    let (_folder, path) = report(PARAMETERNET, &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    assert_eq!(page.text("document.title"), format!("ParameterNet: costs of {PARAMETERNET}"));
    assert_eq!(page.text("document.documentElement.lang"), "en");
    assert_eq!(page.text("document.querySelector('h1').textContent"), "ParameterNet");
    for landmark in ["header", "main", "aside", "footer", "[role=search]", "[role=tablist]"] {
        assert!(page.count(landmark) > 0, "{landmark}");
    }
    // The graph is drawn: boxes with a size, apart from each other, and edges between them.
    assert!(page.count("#camera .box") > 10 && page.count("#camera .edge") > 10);
    assert_eq!(
        page.number("[...document.querySelectorAll('#camera .box')].filter((box) => box.getBoundingClientRect().width < 20).length"),
        0.0
    );
    let overlaps = "(() => { const boxes = [...document.querySelectorAll('#camera .box')].map((box) => box.getBoundingClientRect()); \
         return boxes.filter((one, place) => boxes.slice(place + 1).some((other) => one.left < other.right && other.left < one.right \
         && one.top < other.bottom && other.top < one.bottom)).length; })()";
    assert_eq!(page.number(overlaps), 0.0, "boxes lie on each other");
    // All views, by the keyboard.
    page.click("#tab-graph");
    for view in ["overview", "source", "tables", "memory", "roofline", "graph"] {
        page.press("ArrowRight");
        assert_eq!(page.text("document.activeElement.id"), format!("tab-{view}"));
        assert_eq!(
            page.value(
                "[...document.querySelectorAll('main > section')].filter((view) => !view.hidden).map(({ id }) => id)"
            ),
            json!([view])
        );
        assert!(page.number(&format!("document.getElementById('{view}').textContent.length")) > 200.0, "{view}");
        assert!(page.text("location.hash").contains(&format!("view={view}")));
    }
    assert!(page.text("document.querySelector('#overview').textContent").contains("589,646,596"));
    // A tree as assistive technology sees it.
    let tree = page.command("Accessibility.getFullAXTree", json!({}));
    let items = tree["nodes"].as_array().expect("nodes").iter().filter(|node| node["role"]["value"] == "treeitem");
    let named = items.filter(|item| item["name"]["value"].as_str().is_some_and(|name| name.contains('%'))).count();
    assert_eq!(named, page.count("[role=treeitem]"));
    let buttons = tree["nodes"].as_array().expect("nodes").iter().filter(|node| node["role"]["value"] == "button");
    for button in buttons {
        assert!(button["name"]["value"].as_str().is_some_and(|name| !name.is_empty()), "{button}");
    }
    page.leave();
}

#[test]
fn parts_fold_and_unfold_by_mouse_and_keyboard() {
    let (_folder, path) = report(DIGITS, &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    page.click("#fold-all");
    assert_eq!(page.count("[role=treeitem][aria-expanded=true]"), 1, "only the network is open");
    let folded = page.count("[role=treeitem]");

    let stages = part("stages");
    let toggle = format!("{stages} > .toggle");
    page.click(&toggle);
    assert_eq!(page.count(&format!("{stages}[aria-expanded=true]")), 1);
    assert_eq!(page.count("[role=treeitem]"), folded + 2);
    assert!(page.value(LABELS).as_array().expect("labels").contains(&json!("stages[0]")));
    page.click(&toggle);
    assert_eq!(page.count("[role=treeitem]"), folded);

    // One part takes part in the order of Tab, and arrows go on from it.
    assert_eq!(page.count("#camera [tabindex='0']"), 1);
    page.click(&format!("{stages} > .box"));
    assert!(focused(&mut page).starts_with("stages,"));
    assert_eq!(page.text("document.querySelector('#details h2').textContent"), "stages");
    page.press("ArrowRight");
    assert_eq!(page.count("[role=treeitem]"), folded + 2, "→ unfolds");
    page.press("ArrowRight");
    assert!(focused(&mut page).starts_with("stages[0],"), "→ goes in");
    assert_eq!(page.text("document.querySelector('#details h2').textContent"), "stages[0]");
    page.press("ArrowDown");
    assert!(focused(&mut page).starts_with("stages[1],"));
    page.press("Enter");
    assert_eq!(page.count(&format!("{}[aria-expanded=true]", part("stages[1]"))), 1, "Enter unfolds");
    assert!(focused(&mut page).starts_with("stages[1],"), "the focus stays");
    page.press("Enter");
    assert_eq!(page.count("[role=treeitem]"), folded + 2, "Enter folds");
    page.press("ArrowLeft");
    assert!(focused(&mut page).starts_with("stages,"), "← goes out");
    page.press("ArrowLeft");
    assert_eq!(page.count("[role=treeitem]"), folded, "← folds");
    page.press("Home");
    assert!(focused(&mut page).starts_with("Digits,"));
    page.press("End");
    assert!(focused(&mut page).starts_with("classifier,"));
    page.click("#unfold-level");
    assert!(page.count("[role=treeitem]") > folded);
    page.leave();
}

#[test]
fn search_finds_unfolds_and_highlights() {
    let (_folder, path) = report(PARAMETERNET, &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    page.click("#fold-all");
    page.press("/");
    assert_eq!(page.text("document.activeElement.id"), "query");
    let path_of_hit = "blocks[4][1].ghost1.primary_conv[1]";
    page.write(path_of_hit);
    assert_eq!(page.text("document.getElementById('hits').textContent"), "1 hit");
    assert_eq!(page.count(&format!("{}.hit", part("blocks"))), 1, "what is folded around a hit is marked");
    assert_eq!(page.count(&part(path_of_hit)), 0, "the hit is folded away");
    page.press("Enter");
    assert_eq!(page.text("document.getElementById('hits').textContent"), "1 of 1");
    assert_eq!(page.count(&format!("{}.hit.selected", part(path_of_hit))), 1);
    assert_eq!(page.text("document.querySelector('#details h2').textContent"), path_of_hit);
    let inside = format!(
        "(() => {{ const box = document.querySelector('{}').getBoundingClientRect(), canvas = document.getElementById('canvas').getBoundingClientRect(); \
         return box.left >= canvas.left && box.right <= canvas.right && box.top >= canvas.top && box.bottom <= canvas.bottom; }})()",
        part(path_of_hit)
    );
    assert_eq!(page.value(&inside), true, "the hit is in view");

    // Enter goes from hit to hit and around.
    page.press("Escape");
    assert_eq!(page.count(".hit"), 0);
    page.press("/");
    page.write("SqueezeExcite");
    let hits = page.text("document.getElementById('hits').textContent");
    let count: usize = hits.strip_suffix(" hits").and_then(|count| count.parse().ok()).expect("several hits");
    assert!(count > 1, "{hits}");
    let mut seen = Vec::new();
    for _ in 0..count {
        page.press("Enter");
        seen.push(page.text("document.querySelector('#details h2').textContent"));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "every hit is another");
    page.press("Enter");
    assert_eq!(page.text("document.getElementById('hits').textContent"), format!("1 of {count}"));
    page.write("xyz");
    assert_eq!(page.text("document.getElementById('hits').textContent"), "no hits");
    page.leave();
}

#[test]
fn tables_sort_by_every_column_and_narrow() {
    let (_folder, path) = report(PARAMETERNET, &[]);
    let Some(mut page) = Page::open(&path, "view=tables") else { return };
    page.click("[data-key=nodes]");
    let cells = |page: &mut Page, column: usize| -> Vec<String> {
        let cells = page.value(&format!(
            "[...document.querySelectorAll('#table tbody tr')].map((row) => row.children[{column}].textContent)"
        ));
        cells.as_array().expect("cells").iter().map(|cell| cell.as_str().expect("text").to_owned()).collect()
    };
    let number = |text: &String| text.replace(',', "").parse::<f64>().unwrap_or_else(|_| panic!("{text}"));
    let columns = page.count("#table thead th");
    assert!(columns > 8);
    for column in 1..=columns {
        let heading = format!("#table thead th:nth-child({column})");
        let is_number =
            page.value(&format!("document.querySelector('{heading}').classList.contains('number')")) == true;
        // Texts go up first, numbers down.
        let orders = if is_number { ["descending", "ascending"] } else { ["ascending", "descending"] };
        for order in orders {
            page.click(&format!("{heading} button"));
            assert_eq!(page.text(&format!("document.querySelector('{heading}').getAttribute('aria-sort')")), order);
            assert_eq!(page.count("#table [aria-sort=none]"), columns - 1);
            let found = cells(&mut page, column - 1);
            if is_number && !found[0].ends_with('%') {
                let is_sorted = found.is_sorted_by(|one, other| match order {
                    "ascending" => number(one) <= number(other),
                    _ => number(one) >= number(other),
                });
                assert!(is_sorted, "column {column}, {order}: {found:?}");
            } else if !is_number {
                let (first, last) = (&found[0], &found[found.len() - 1]);
                assert_ne!(first, last, "column {column}");
            }
        }
    }
    // The costliest node of the network comes first, and selecting its row shows it.
    page.click("#table thead th:nth-child(6) button");
    let most = page.number(
        "(() => { const facts = JSON.parse(document.getElementById('facts').textContent); \
         return Math.max(...facts.nodes.map((node) => node.costs[facts.fields.indexOf('parameters')])); })()",
    );
    assert_eq!(number(&cells(&mut page, 5)[0]), most);
    let name = cells(&mut page, 1)[0].clone();
    page.click("#table tbody tr:first-child th button");
    assert_eq!(page.text("document.querySelector('#details h2').textContent"), name);
    assert_eq!(page.count("#table tr.selected"), 1);
    // The search narrows.
    page.press("/");
    page.write("SqueezeExcite");
    let shown = cells(&mut page, 1);
    assert!(!shown.is_empty() && shown.iter().all(|name| name.contains(".se")), "nodes of that module: {shown:?}");
    for kind in ["modules", "operations", "lines", "steps", "dynamic"] {
        page.click(&format!("[data-key={kind}]"));
        assert_eq!(page.count("#table table"), 1, "{kind}");
    }
    page.press("/");
    page.press("Escape");
    assert_eq!(page.count("#table tbody tr"), 88, "dynamic convolutions");
    page.leave();
}

#[test]
fn a_line_of_the_source_selects_its_nodes_everywhere() {
    let (_folder, path) = report(DIGITS, &[]);
    let Some(mut page) = Page::open(&path, "view=source") else { return };
    let line = "(() => [...document.querySelectorAll('button.source-line')].find((line) => line.textContent.includes('as pointwise')))()";
    page.value(&format!("{line}.id = 'chosen', null"));
    assert!(page.text(&format!("{line}.querySelector('.line-share').textContent")).ends_with('%'));
    page.click("#chosen");
    assert_eq!(page.text("document.getElementById('chosen').getAttribute('aria-pressed')"), "true");
    // Four instances, each with routing, convolution and batch norm.
    assert!(page.text("document.querySelector('#details').textContent").contains("12 nodes"));
    page.click("#tab-graph");
    page.click("#unfold-level");
    page.click("#unfold-level");
    page.click("#unfold-level");
    let selected = page.value(
        "[...document.querySelectorAll('.part.selected')].map((part) => part.getAttribute('aria-label').split(',')[0])",
    );
    let selected: Vec<&str> = selected.as_array().expect("parts").iter().filter_map(|label| label.as_str()).collect();
    assert_eq!(selected.len(), 12, "{selected:?}");
    assert!(selected.iter().all(|label| label.contains("pointwise")), "{selected:?}");
    // The buffers that its steps write, and those of its steps that have multiply-adds.
    let steps = "(() => { const facts = JSON.parse(document.getElementById('facts').textContent); \
         const line = facts.sources[0].text.split('\\n').findIndex((line) => line.includes('as pointwise')) + 1; \
         return facts.steps.filter((step) => step.nodes.some((node) => facts.nodes[node].at[1] === line)); })()";
    let buffers =
        format!("new Set({steps}.flatMap((step) => step.writes).filter((place) => place.startsWith('b'))).size");
    let dots = format!("{steps}.filter((step) => step.multiply_adds > 0).length");
    for (view, expected) in [("memory", buffers), ("roofline", dots)] {
        page.click(&format!("#tab-{view}"));
        let (marked, all) =
            (page.count(&format!("#{view} .plot .selected")), page.count(&format!("#{view} .plot [role=option]")));
        assert_eq!(marked as f64, page.number(&expected), "{view}");
        assert!(marked > 0 && marked < all, "{view}: {marked} of {all}");
    }
    // And back: what is selected in the graph is marked in the source.
    page.click("#tab-graph");
    page.click(&format!("{} > .box", part("stem")));
    page.click("#tab-source");
    assert_eq!(page.count(".source-line.selected"), 1);
    assert!(page.text("document.querySelector('.source-line.selected').textContent").contains("as stem"));
    page.leave();
}

#[test]
fn the_picture_zooms_and_moves() {
    let (_folder, path) = report(DIGITS, &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    let scale = "Number(/scale\\(([^)]*)\\)/.exec(document.getElementById('camera').getAttribute('transform'))[1])";
    let place = "/translate\\(([^)]*)\\)/.exec(document.getElementById('camera').getAttribute('transform'))[1].split(' ').map(Number)";
    let fitted = page.number(scale);
    page.click("#zoom-in");
    let larger = page.number(scale);
    assert!(larger > fitted);
    page.click("#zoom-out");
    assert!((page.number(scale) - fitted).abs() < 1e-3);
    page.wheel("#canvas", -300.0);
    page.value("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
    assert!(page.number(scale) > larger);
    page.click("#zoom-fit");
    assert!((page.number(scale) - fitted).abs() < 1e-3);
    let before = page.value(place);
    page.drag("#canvas", (70.0, 40.0));
    let after = page.value(place);
    let moved = |axis: usize| after[axis].as_f64().expect("a place") - before[axis].as_f64().expect("a place");
    assert!((moved(0) - 70.0).abs() < 1.0 && (moved(1) - 40.0).abs() < 1.0, "{before} to {after}");
    assert_eq!(page.text("document.querySelector('#details h2').textContent"), "Digits", "a drag selects nothing");
    // By keys, from a part.
    page.click("#zoom-fit");
    page.click(&format!("{} > .box", part("stem")));
    page.press("+");
    assert!(page.number(scale) > fitted);
    page.press("0");
    assert!((page.number(scale) - fitted).abs() < 1e-3);
    page.leave();
}

#[test]
fn colours_can_be_read_in_light_and_in_the_dark() {
    let (_folder, path) = report(DIGITS, &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    // The contrast of texts with what they stand on, as WCAG 2 counts it.
    let contrast = "(() => { \
        const style = getComputedStyle(document.documentElement); const probe = document.createElement('p'); document.body.append(probe); \
        const light = (name) => { probe.style.color = `var(${name})`; \
            const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map((part) => part / 255) \
                .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)); \
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
        const pairs = [['--text', '--ground'], ['--text', '--surface'], ['--quiet', '--ground'], ['--quiet', '--surface'], ['--accent', '--surface'], \
            ...[0, 1, 2, 3, 4, 5, 6].map((place) => [`--on-${place}`, `--cost-${place}`])]; \
        const found = pairs.map(([one, other]) => { const [low, high] = [light(one), light(other)].sort((a, b) => a - b); \
            return [one, other, (high + 0.05) / (low + 0.05), light(other)]; }); \
        probe.remove(); return found; })()";
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        page.command(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
        let found = page.value(contrast);
        let pairs = found.as_array().expect("pairs");
        for pair in pairs {
            assert!(pair[2].as_f64().expect("a ratio") >= 4.5, "{scheme}: {pair}");
        }
        // The classes of costs differ in lightness, each from the next, in one direction: no hue is needed to tell them apart.
        let lights: Vec<f64> = pairs.iter().skip(6).map(|pair| pair[3].as_f64().expect("lightness")).collect();
        assert!(lights.is_sorted() || lights.iter().rev().is_sorted(), "{scheme}: {lights:?}");
        grounds.push(pairs[0][3].as_f64().expect("lightness"));
        assert!(page.count("#camera .box") > 10);
    }
    assert!(grounds[0] > 0.8 && grounds[1] < 0.05, "{grounds:?}");
    page.leave();
}

#[test]
fn memory_and_roofline_are_drawn_and_say_what_is_what() {
    let (_folder, path) = report(DIGITS, &["--time"]);
    let Some(mut page) = Page::open(&path, "view=memory") else { return };
    let facts = "JSON.parse(document.getElementById('facts').textContent)";
    assert_eq!(page.count("#memory .buffer") as f64, page.number(&format!("{facts}.buffers.length")));
    page.value("document.querySelector('#memory .buffer').focus(), null");
    assert!(page.text("document.querySelector('#memory .said').textContent").starts_with("b0: "));
    page.press("ArrowRight");
    assert!(page.text("document.querySelector('#memory .said').textContent").starts_with("b1: "));
    assert_eq!(page.text("document.querySelector('#details h2').textContent"), "buffer b1");
    page.click("#tab-roofline");
    let with_work = page.number(&format!("{facts}.steps.filter((step) => step.multiply_adds > 0).length"));
    assert_eq!(page.count("#roofline .dot") as f64, with_work);
    assert!(page.text("document.querySelector('#roofline').textContent").contains("it was measured"));
    page.value("document.querySelector('#roofline .dot[tabindex=\"0\"]').focus(), null");
    page.press("Enter");
    assert!(page.text("document.querySelector('#details h2').textContent").starts_with("step "));
    page.leave();
}

#[test]
fn an_address_opens_what_it_names() {
    let (_folder, path) = report(DIGITS, &[]);
    let hash = "view=graph&metric=parameters&select=stages[1].refine.pointwise&search=relu";
    let Some(mut page) = Page::open(&path, hash) else { return };
    assert_eq!(page.text("document.getElementById('metric').value"), "parameters");
    assert_eq!(page.count(&format!("{}.selected", part("stages[1].refine.pointwise"))), 1);
    let details = page.text("document.querySelector('#details').textContent");
    assert!(details.contains("dynamic_conv"), "{details}");
    assert!(page.text("document.getElementById('hits').textContent").ends_with("hits"));
    // A dynamic convolution is taken apart.
    page.press("/");
    page.press("Escape");
    page.click(&format!("{} > .toggle", part("stages[1].refine.pointwise")));
    page.leave();
    // What is not there is no error.
    let Some(page) = Page::open(&path, "view=nothing&metric=none&select=n99999") else { return };
    page.leave();
}

#[test]
fn a_dynamic_convolution_is_taken_apart() {
    let (_folder, path) = report(PARAMETERNET, &[]);
    // The node of the convolution, not the part around it and its routing.
    let Some(mut page) = Page::open(&path, "select=n2") else { return };
    let details = page.text("document.querySelector('#details').textContent");
    for fact in [
        "4 experts",
        "coefficients",
        "mixing",
        "3,456",
        "10,838,016",
        "4.019 times",
        "1.0003 times",
        "conv_stem.cond_conv.weight",
    ] {
        assert!(details.contains(fact), "{fact}: {details}");
    }
    page.leave();
}

#[test]
fn ten_thousand_nodes_open_folded() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = folder.path().join("wide.pnet");
    let program = "module Block(x) { return x |> conv(8, kernel=3) as conv |> batch_norm as bn |> relu }\n\
                   network Wide {\n input x: f32[batch, 8, 8, 8]\n let y = x\n for i in 0..3333 { y = y |> Block as blocks[i] }\n return y }\n";
    std::fs::write(&net, program).expect("written");
    let (_folder, path) = report(net.to_str().expect("text"), &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    assert!(page.number("JSON.parse(document.getElementById('facts').textContent).nodes.length") >= 10_000.0);
    let visible = page.count("[role=treeitem]");
    assert!((5..100).contains(&visible), "{visible} parts");
    page.press("/");
    page.write("blocks[3000].bn");
    page.press("Enter");
    assert_eq!(page.count(&format!("{}.selected", part("blocks[3000].bn"))), 1);
    page.press("/");
    page.press("Escape");
    for view in ["source", "tables", "memory", "roofline"] {
        page.click(&format!("#tab-{view}"));
        assert!(page.number(&format!("document.getElementById('{view}').textContent.length")) > 200.0, "{view}");
    }
    page.leave();
}

#[test]
fn hostile_texts_are_shown_and_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = folder.path().join("hostile.pnet");
    let program = "/// </script><script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\"> <!--\n\
                   network N { input x: f32[batch, 4]\n // <b>bold</b> &amp;\n return x |> linear(2) as out }\n";
    std::fs::write(&net, program).expect("written");
    let (_folder, path) = report(net.to_str().expect("text"), &[]);
    let Some(mut page) = Page::open(&path, "view=source") else { return };
    assert!(page.text("document.title").starts_with("N: costs of "));
    assert_eq!(page.count("img") + page.count("#source b") + page.count("script:not([type])"), 1);
    assert!(page.text("document.querySelector('#source').textContent").contains("<b>bold</b> &amp;"));
    assert!(page.text("document.querySelector('#details').textContent").contains("</script>"));
    page.leave();
}
