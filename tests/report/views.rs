//! Source, tables, memory, roofline and details.

use super::browser::Page;
use super::{DIGITS, PARAMETERNET, part, report};

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
