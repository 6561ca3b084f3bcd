//! `--html`: one page that shows everything, for any browser, without a network.
//!
//! In: the report as `--json` has it, the graph, the plan, and what this machine can do. Out: the text of a page that refers
//! to nothing outside itself: style, scripts, the library that lays graphs out, and all facts as one JSON value. The facts
//! are gathered here (`network` for what is written, `plan` for what runs, `origins` for what connects the two); how they are
//! shown is the business of the files in `html/page`. Without measurements a page depends on the network and the options
//! alone, but for the roofs of this machine.

mod network;
mod origins;
mod plan;

use std::time::Duration;

use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::compile::Options;
use serde_json::{Map, Value, json};

use super::{Subject, report, twin};
use crate::commands::bench::{self, Machine};
use crate::failure::Failure;
use crate::stages::Stages;
use crate::svg::escaped;

/// How long steps are measured.
const MEASURED: Duration = Duration::from_secs(2);

/// The page with places for its parts, such as `{{style}}`.
const PAGE: &str = include_str!("html/page/page.html");

const STYLES: [&str; 3] = [
    include_str!("html/page/style/page.css"),
    include_str!("html/page/style/views.css"),
    include_str!("html/page/style/graph.css"),
];

/// The library that lays out graphs.
const DAGRE: &str = include_str!("html/page/dagre/dagre.min.js");
const DAGRE_LICENCE: &str = include_str!("html/page/dagre/LICENSE");

/// One script, in parts: each uses what stands in those before it.
const SCRIPTS: [&str; 17] = [
    include_str!("html/page/script/text.js"),
    include_str!("html/page/script/element.js"),
    include_str!("html/page/script/facts.js"),
    include_str!("html/page/script/tree.js"),
    include_str!("html/page/script/state.js"),
    include_str!("html/page/script/colour.js"),
    include_str!("html/page/script/search.js"),
    include_str!("html/page/script/layout.js"),
    include_str!("html/page/script/wrap.js"),
    include_str!("html/page/script/camera.js"),
    include_str!("html/page/script/graph.js"),
    include_str!("html/page/script/details.js"),
    include_str!("html/page/script/overview.js"),
    include_str!("html/page/script/source.js"),
    include_str!("html/page/script/tables.js"),
    include_str!("html/page/script/memory.js"),
    include_str!("html/page/script/roofline.js"),
];

/// What starts it all, once every part is there.
const START: &str = include_str!("html/page/script/page.js");

/// The page. Measures the machine, and the steps if that was asked for.
pub(super) fn page(
    subject: &Subject<'_>,
    stages: &mut Stages,
    compiler: &Options,
    peak: u64,
) -> Result<String, Failure> {
    let times = if subject.options.time { Some(bench::step_medians(stages, MEASURED)?) } else { None };
    let mut data = Map::new();
    data.insert("report".to_owned(), Value::Object(report::facts(subject, stages, compiler, peak)));
    data.insert("conventions".to_owned(), conventions());
    data.insert(
        "twin".to_owned(),
        twin::compare(subject.analysis)?.map_or(Value::Null, |twin| Value::Object(twin.json())),
    );
    data.insert("machine".to_owned(), machine(compiler));
    data.extend(network::facts(subject));
    data.extend(plan::facts(stages, times.as_deref()));
    let title = format!("{}: costs of {}", stages.graph.network, subject.options.file);
    Ok(filled(&title, &script_json(&Value::Object(data))))
}

fn conventions() -> Value {
    let one = |convention: Convention| json!({ "name": convention.name(), "unit": convention.unit(), "summary": convention.summary() });
    Convention::ALL.into_iter().map(one).collect()
}

/// The roofs. A plan can be made for an instruction set that this machine lacks; then there are none, and why is said.
fn machine(compiler: &Options) -> Value {
    match Machine::measure(compiler) {
        Ok(machine) => json!({ "flops": machine.flops, "bytes": machine.bytes }),
        Err(error) => json!({ "unmeasured": error.to_string() }),
    }
}

/// JSON that cannot end the element it stands in: every `<`, `>` and `&`, which only texts hold, is written as a number.
fn script_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The page with all parts in their places. What a part holds is never searched for places.
fn filled(title: &str, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + (1 << 18));
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").unwrap_or((after, ""));
        text.push_str(before);
        match place {
            "title" => text.push_str(&escaped(title)),
            "style" => STYLES.iter().for_each(|style| text.push_str(style)),
            "dagre-licence" => text.push_str(DAGRE_LICENCE),
            "dagre" => text.push_str(DAGRE),
            "script" => SCRIPTS.iter().chain([&START]).for_each(|script| text.push_str(script)),
            "data" => text.push_str(data),
            "version" => text.push_str(env!("CARGO_PKG_VERSION")),
            _ => {}
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_end_the_element_of_the_data() {
        let hostile = json!({ "</script>": "<!-- <script> & {{title}} \u{2028}" });
        let text = script_json(&hostile);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    }

    #[test]
    fn every_place_is_filled_and_only_once() {
        let page = filled("<b>&{{data}}", "{\"a\":\"{{title}}\"}");
        assert!(page.contains("<title>&lt;b&gt;&amp;{{data}}</title>"));
        assert_eq!(page.matches("{\"a\":\"{{title}}\"}").count(), 1);
        assert!(!page.contains("{{style}}") && !page.contains("{{script}}"));
    }
}
