//! Dynamic convolutions whose experts are mixed part by part along the depth, and before the product where that has many rows: what the
//! interpreter computes, and the same bits however many threads there are and whatever stands beside a sample.

use parameternet_compiler::compile::Options;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::step::{Right, Work};
use parameternet_runtime::Isa;

use crate::ladder::options;
use crate::samples::check;
use crate::seeds::graph;

fn on_threads(isa: Isa, threads: usize) -> Options {
    options(isa, threads, &[])
}

const EXCITED: &str = "module Excited(x) {
    let gates = x |> global_avg_pool |> conv(8, bias=true) as reduce |> relu |> conv(x.channels, bias=true) as expand |> sigmoid
    return x * gates
}";

/// Depths that are cut evenly and not, of one panel and more; with gates, a residual and a mean behind.
fn deep(batch: usize) -> Graph {
    network(&format!(
        "network Deep {{
            input x: f32[{batch}, 12, 5, 7]
            let a = x |> conv(1030) as wide |> hard_swish
            let b = a |> Excited as excited |> dynamic_conv(40, experts=3, bias=true) as narrow
            let c = b |> conv(520) as even |> relu |> dynamic_conv(70, experts=4, bias=true) as mixed |> relu
            let d = c |> conv(600) as wider |> relu |> dynamic_conv(70, experts=4) as residual
            let e = c + d |> conv(1040) as groups |> relu |> dynamic_conv(140, groups=2, experts=4) as grouped
            return e |> mean([2, 3])
        }}"
    ))
}

/// Many rows: pixels with gates, in groups, under windows, and of filters that are too many to be mixed before.
fn large(batch: usize) -> Graph {
    network(&format!(
        "network Large {{
            input x: f32[{batch}, 6, 26, 24]
            let a = x |> conv(24) as stem |> hard_swish
            let b = a |> Excited as excited |> dynamic_conv(40, experts=3, bias=true) as points
            let c = b |> relu |> dynamic_conv(40, kernel=3, groups=2, experts=2, bias=true) as groups
            let d = b + c |> dynamic_conv(20, kernel=3, experts=4) as windows |> relu
            let e = d |> conv(300) as wide |> relu |> dynamic_conv(230, experts=2) as many
            return e |> mean([2, 3])
        }}"
    ))
}

fn network(text: &str) -> Graph {
    graph(&format!("{EXCITED}\n{text}")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn deep_panels_are_mixed_part_by_part() {
    check(deep, on_threads, |plan| {
        let parts = plan.steps().iter().filter_map(|step| match &step.work {
            Work::Matmul(step) => step.product().part.map(|part| (step.depth, part)),
            _ => None,
        });
        assert_eq!(parts.collect::<Vec<_>>(), [(1030, 516), (520, 260), (600, 300), (520, 260)]);
    });
}

#[test]
fn experts_for_many_rows_are_mixed_before() {
    check(large, on_threads, |plan| {
        let mixed = plan.steps().iter().filter_map(|step| match &step.work {
            Work::MixPanels(step) => Some((step.outer.clone(), step.depth, step.columns)),
            _ => None,
        });
        let expected = [(vec![3, 1], 24, 40), (vec![3, 2], 180, 20), (vec![3, 1], 360, 20)];
        assert_eq!(mixed.collect::<Vec<_>>(), expected);
        let others = plan.steps().iter().filter_map(|step| match &step.work {
            Work::Matmul(step) if matches!(step.right, Right::Mixed(_)) => Some((step.depth, step.product().part)),
            _ => None,
        });
        assert_eq!(others.collect::<Vec<_>>(), [(300, None)]);
    });
}
