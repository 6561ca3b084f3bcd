//! The page of `pnetc analyze --html` in a browser, as a reader meets it: by mouse, by keyboard, in the dark.
//!
//! Needs Chromium. Without it the tests say that they skip; with `CI` set they fail.

#[path = "report/browser.rs"]
mod browser;
#[path = "report/graph.rs"]
mod graph;
#[path = "report/views.rs"]
mod views;

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

/// A treeitem by the name its label begins with.
fn part(name: &str) -> String {
    format!("[role=treeitem][aria-label^=\"{name},\"]")
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
fn all_views_print() {
    let (_folder, path) = report(DIGITS, &[]);
    let Some(mut page) = Page::open(&path, "") else { return };
    page.command("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    page.value("dispatchEvent(new Event('beforeprint')), null");
    let boxes = page.value("[...document.querySelectorAll('main > section')].map((view) => view.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])");
    let boxes: Vec<[f64; 2]> = serde_json::from_value(boxes).expect("boxes");
    assert_eq!(boxes.len(), 6);
    assert!(boxes.iter().all(|[top, bottom]| bottom - top > 100.0), "{boxes:?}");
    assert!(boxes.windows(2).all(|pair| pair[0][1] <= pair[1][0] + 1.0), "views lie on each other: {boxes:?}");
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
