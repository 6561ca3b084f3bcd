//! Plans that break an invariant are found.

use super::*;

/// A plan with two steps, to be broken.
fn sound() -> Plan {
    let plan = planned("return x |> conv(16) as a |> max_pool(2)", &[]);
    assert_eq!(verify::verify(&plan), Ok(()));
    assert_eq!(names(&plan), ["matmul", "max_pool"]);
    plan
}

fn out(plan: &mut Plan, step: usize) -> &mut Operand {
    match &mut plan.steps[step].work {
        Work::Matmul(step) => &mut step.out,
        Work::Rows(step) => &mut step.out,
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn broken_plans_are_found() {
    let mut plan = sound();
    out(&mut plan, 0).end += 1;
    broken(&plan, "elements, of which");

    let mut plan = sound();
    *out(&mut plan, 0) = Operand { place: Place::Weights, end: 0, ..out(&mut plan, 0).clone() };
    broken(&plan, "weights is written");

    let mut plan = sound();
    plan.steps.swap(0, 1);
    broken(&plan, "read before it is written");

    let mut plan = sound();
    out(&mut plan, 1).strides.clear();
    broken(&plan, "moves along 0 of 1 dimensions");

    let mut plan = sound();
    plan.steps.pop();
    broken(&plan, "out0 is not written");

    // What is read row by row cannot be overwritten column by column.
    let mut plan = planned("return x |> conv(16) as a |> conv(16) as b |> max_pool(2)", &[]);
    let first = out(&mut plan, 0).clone();
    *out(&mut plan, 1) = first;
    broken(&plan, "is overwritten while it is read");

    let mut plan = planned("return x |> conv(8, kernel=3) as a", &["winograd"]);
    plan.scratch -= 1;
    broken(&plan, "scratch memory");

    let mut plan = sound();
    plan.arena = 0;
    broken(&plan, "does not lie in the arena");

    let mut plan = sound();
    let twin = plan.buffers[0];
    plan.buffers.push(twin);
    broken(&plan, "overlap");
}

#[test]
fn groups_that_no_kernel_takes_are_found() {
    type Change = fn(&mut step::Grouped);
    let changes: [(Change, &str); 4] = [
        (|step| step.shape.group = 3, "groups of 3 channels"),
        (|step| step.shape.group = 16, "groups of 16 channels"),
        (|step| (step.shape.group, step.channels) = (8, 60), "within a group"),
        (|step| step.channels_per_unit = 24, "a block of weights"),
    ];
    for (cascades, kernel) in [(Where::Faster, "grouped"), (Where::Possible, "cascade")] {
        let body = "return x |> conv(64) as a |> conv(64, kernel=3, groups=16) as b";
        let sound = planned_with([2, 12], body, &Options { cascades, ..options(&[]) });
        assert_eq!(names(&sound).last(), Some(&kernel), "{sound}");
        for (change, what) in changes {
            let mut plan = sound.clone();
            match plan.steps.last_mut().map(|step| &mut step.work) {
                Some(Work::Grouped(step)) => change(step),
                Some(Work::Cascade(cascade)) => match cascade.stages.last_mut().map(|stage| &mut stage.work) {
                    Some(Work::Grouped(step)) => change(step),
                    other => panic!("unexpected {other:?}"),
                },
                other => panic!("unexpected {other:?}"),
            }
            broken(&plan, what);
        }
    }
}
