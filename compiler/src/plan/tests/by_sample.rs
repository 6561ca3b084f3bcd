//! Which steps are done sample by sample, and what of that is checked.

use parameternet_runtime::program::Round;

use super::*;

/// Images that exceed the cache, behind them some that do not, and a large layer at the end. The first step but one reads what the last but two writes
/// of the same sample.
const NARROWING: &str = "
    let a = x |> conv(64) as wide |> relu
    let b = a |> conv(64, kernel=3, groups=64) as depthwise |> relu |> conv(64) as back
    let c = a + b |> conv(32, kernel=8, stride=8, padding=0) as down |> relu
    return c |> global_avg_pool |> flatten |> linear(600) as large |> relu |> linear(600) as larger";

fn rounds(plan: &Plan) -> Vec<(usize, usize)> {
    plan.rounds.iter().map(|Round { steps, parts }| (*steps, *parts)).collect()
}

#[test]
fn large_images_of_a_batch_are_computed_one_after_the_other() {
    let without = options(&["cascade-rows"]);
    let plan = planned_with([8, 96], NARROWING, &without);
    assert_eq!(names(&plan), ["matmul", "depthwise", "matmul", "matmul", "mean_rows", "matmul", "matmul"], "{plan}");
    assert_eq!(rounds(&plan), [(4, 8), (3, 1)], "{plan}");
    assert_eq!((plan.parts(0), plan.parts(3), plan.parts(4)), (8, 8, 1));
    let image = 96 * 96 * 64;
    assert!(plan.buffers.iter().all(|buffer| buffer.elements <= image), "an image of all samples is kept: {plan}");
    let Work::Grouped(step) = &plan.steps[1].work else { panic!("{plan}") };
    assert_eq!((&*step.outer, &*step.image.strides, step.image.end), ([8].as_slice(), [0].as_slice(), image));
    // What others read of all samples is there for all of them from the first on.
    let Work::Matmul(step) = &plan.steps[3].work else { panic!("{plan}") };
    let Place::Buffer(id) = step.finish.sums.as_ref().map_or(step.out.place, |sums| sums.place) else {
        panic!("{plan}")
    };
    let kept = plan.buffers[id.0];
    assert_eq!((kept.first, kept.last), (0, 4), "{plan}");
}

#[test]
fn whatever_is_done_at_once_is_one_round() {
    let all = |plan: &Plan| vec![(plan.steps.len(), 1)];
    for (batch, size, without) in [(1, 96, vec![]), (8, 12, vec![]), (8, 96, vec!["by-sample"])] {
        let plan = planned_with([batch, size], NARROWING, &options(&without));
        assert_eq!(rounds(&plan), all(&plan), "{batch} of {size} without {without:?}");
    }
    // Each step goes along the batch or mixes it.
    let mixing = "let a = x |> conv(64) as wide |> mean([0], keep=true) |> expand([8, -1, -1, -1])
        return a |> relu |> conv(64, kernel=3, groups=64) as depthwise";
    let plan = planned_with([8, 96], mixing, &Options { by_sample: Where::Possible, ..options(&[]) });
    for (index, step) in plan.steps.iter().enumerate() {
        let reads_all = matches!(step.work, Work::Mean(_));
        assert!(!reads_all || plan.parts(index) == 1, "{plan}");
    }
}

#[test]
fn it_is_the_same_on_all_machines() {
    for body in
        [NARROWING, "return x |> dynamic_conv(70, experts=3) as a |> relu |> conv(70, kernel=3, groups=70) as b"]
    {
        let of = |isa| rounds(&planned_with([8, 96], body, &Options { isa, ..options(&[]) }));
        assert_eq!([of(Isa::Portable), of(Isa::Avx512)], [of(Isa::Avx2), of(Isa::Avx2)], "{body}");
    }
}

/// What is wrong with the plan of [`NARROWING`] after a change.
fn broken(change: impl Fn(&mut Plan)) -> String {
    let mut plan = planned_with([8, 96], NARROWING, &options(&["cascade-rows"]));
    change(&mut plan);
    verify::verify(&plan).err().map(|violation| violation.to_string()).unwrap_or_default()
}

#[test]
fn broken_rounds_are_found() {
    assert_eq!(broken(|_| {}), "");
    assert_eq!(broken(|plan| plan.rounds[1].steps = 2), "step 6: 6 steps are in rounds, of 7");
    assert_eq!(broken(|plan| plan.rounds[0].parts = 4), "step 0: it is not done in 4 parts");
    assert_eq!(broken(|plan| plan.rounds[0].parts = 0), "step 0: it is not done in 0 parts");
    let moved = broken(|plan| {
        if let Work::Grouped(step) = &mut plan.steps[1].work {
            step.image.strides[0] = 1;
        }
    });
    assert_eq!(moved, "step 1: b0 is no piece of a part of the batch");
    let together = broken(|plan| {
        plan.rounds = vec![Round { steps: 7, parts: 8 }];
    });
    assert_eq!(together, "step 5: it is not done in 8 parts");
}

#[test]
fn what_is_the_same_for_all_samples_is_not_overwritten() {
    // The last step of the round writes an image of which only the mean is read, and adds what all samples have in common, which nobody reads again.
    let body = "
        let m = x |> conv(32, kernel=8, stride=8, padding=0) as pre |> mean([0], keep=true) |> expand([8, -1, -1, -1])
        let a = x |> conv(64) as wide |> relu |> conv(64, kernel=3, groups=64) as dw |> relu |> conv(64) as back
        let c = (a |> conv(32, kernel=8, stride=8, padding=0) as down) + m
        return c |> global_avg_pool";
    let plan = planned_with([8, 96], body, &options(&[]));
    assert!(plan.rounds.iter().any(|round| round.parts == 8), "{plan}");
    let adds = |step: &&Step| matches!(&step.work, Work::Matmul(step) if step.finish.residual.is_some());
    let Some(Work::Matmul(step)) = plan.steps.iter().find(adds).map(|step| &step.work) else { panic!("{plan}") };
    assert_ne!(step.finish.residual.as_ref().map(|residual| residual.place), Some(step.out.place), "{plan}");
}

#[test]
fn what_products_fetch_does_not_depend_on_room_for_panels() {
    // A layer that waits for more weights than there is room to fetch, behind filters of 70 columns: panels of them take more on some machines.
    let body = "let a = x |> dynamic_conv(70, experts=3) as mixed |> relu |> max_pool(4, stride=4) |> conv(512) as wide |> relu
        return a |> flatten |> linear(1024) as large";
    let fetched = |isa| -> Vec<Option<(usize, usize)>> {
        let plan = planned_with([1, 32], body, &Options { isa, ..options(&[]) });
        let of_step = |step: &Step| match &step.work {
            Work::Matmul(step) => step.ahead.as_ref().map(|ahead| (ahead.first, ahead.length)),
            _ => None,
        };
        plan.steps.iter().map(of_step).collect()
    };
    assert!(fetched(Isa::Avx2).iter().any(Option::is_some));
    assert_eq!([fetched(Isa::Portable), fetched(Isa::Avx512)], [fetched(Isa::Avx2), fetched(Isa::Avx2)]);
}
