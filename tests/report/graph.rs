//! The graph: folding, searching, zooming, by mouse and by keyboard.

use serde_json::json;

use super::browser::Page;
use super::{DIGITS, PARAMETERNET, part, report};

/// The labels of the parts of the graph that are visible.
const LABELS: &str =
    "[...document.querySelectorAll('[role=treeitem]')].map((part) => part.getAttribute('aria-label').split(',')[0])";

fn focused(page: &mut Page) -> String {
    page.text("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")
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
