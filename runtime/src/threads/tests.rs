//! What a team promises, at sizes below and above the number of cores: visibility, reuse, panics, and its end.

use super::barrier::BrokenBarrierError;
use super::*;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

const SIZES: [usize; 5] = [1, 2, 3, 5, 8];

fn team(size: usize) -> Team {
    Team::new(NonZeroUsize::new(size).unwrap()).unwrap()
}

fn numbers(count: usize) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// Waits for all members, outside of steps.
fn meet(member: &Member<'_>) -> Result<(), BrokenBarrierError> {
    member.meeting.barrier.wait()
}

/// What a run panics with.
fn panic_of(team: &mut Team, job: &Job<'_>) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| team.run(job))).unwrap_err();
    payload.downcast_ref::<&str>().unwrap().to_string()
}

#[test]
fn every_member_runs_once_and_the_caller_sees_it() {
    for size in SIZES {
        let mut team = team(size);
        assert_eq!(team.size(), size);
        let values = numbers(size);
        for round in 1..=2000 {
            team.run(&|member| {
                values[member.index()].fetch_add(1, Relaxed);
            });
            assert!(values.iter().all(|value| value.load(Relaxed) == round));
        }
    }
}

#[test]
fn members_see_each_other_across_barriers() {
    for size in SIZES {
        let mut team = team(size);
        let values = numbers(size);
        for run in 0..10 {
            let input = AtomicU64::new(0);
            input.store(run * 1000, Relaxed);
            team.run(&|member| {
                for step in 1..=200 {
                    let expected = input.load(Relaxed) + step;
                    values[member.index()].store(expected, Relaxed);
                    meet(&member).unwrap();
                    assert!(values.iter().all(|value| value.load(Relaxed) == expected));
                    meet(&member).unwrap();
                }
            });
        }
    }
}

#[test]
fn plain_memory_is_handed_over_too() {
    let mut team = team(3);
    let mut output = vec![0; 3];
    for round in 0..1000 {
        let parts: Vec<Mutex<&mut usize>> = output.iter_mut().map(Mutex::new).collect();
        team.run(&|member| **parts[member.index()].lock().unwrap() += round * member.index());
        drop(parts);
    }
    assert_eq!(output, [0, 499_500, 999_000]);
}

#[test]
fn members_have_their_threads() {
    let mut team = team(3);
    let caller = thread::current().id();
    team.run(&|member| {
        let thread = thread::current();
        match member.index() {
            0 => assert_eq!(thread.id(), caller),
            index => assert_eq!(thread.name(), Some(&*format!("parameternet-{index}"))),
        }
    });
}

#[test]
fn teams_end_whatever_they_are_doing() {
    for size in SIZES {
        // Before the workers have started.
        drop(team(size));
        // While they spin, right after a run.
        for _ in 0..50 {
            team(size).run(&|member| meet(&member).unwrap());
        }
        // While they sleep.
        let idle = team(size);
        thread::sleep(Duration::from_millis(5));
        drop(idle);
        let mut idle = team(size);
        idle.run(&|_| ());
        thread::sleep(Duration::from_millis(5));
        drop(idle);
    }
}

#[test]
fn a_team_wakes_from_sleep() {
    for size in SIZES {
        let mut team = team(size);
        let values = numbers(size);
        for round in 1..=20 {
            thread::sleep(Duration::from_millis(1));
            team.run(&|member| {
                // One of them lets the others fall asleep at the barrier, or the caller at the end.
                if member.index() == round as usize % size {
                    thread::sleep(Duration::from_millis(1));
                }
                if round % 2 == 0 {
                    meet(&member).unwrap();
                }
                values[member.index()].fetch_add(1, Relaxed);
            });
            assert!(values.iter().all(|value| value.load(Relaxed) == round));
        }
    }
}

#[test]
fn teams_do_not_disturb_each_other() {
    thread::scope(|scope| {
        for size in [2, 3] {
            scope.spawn(move || {
                let mut team = team(size);
                let sum = AtomicU64::new(0);
                for _ in 0..500 {
                    team.run(&|member| {
                        sum.fetch_add(1, Relaxed);
                        meet(&member).unwrap();
                        assert!(sum.load(Relaxed).is_multiple_of(size as u64));
                        meet(&member).unwrap();
                    });
                }
                assert_eq!(sum.into_inner(), 500 * size as u64);
            });
        }
    });
}

#[test]
fn a_job_runs_another_team() {
    let mut outer = team(2);
    let inner = [Mutex::new(team(2)), Mutex::new(team(3))];
    let sum = AtomicU64::new(0);
    outer.run(&|member| {
        inner[member.index()].lock().unwrap().run(&|_| {
            sum.fetch_add(1, Relaxed);
        });
    });
    assert_eq!(sum.into_inner(), 5);
}

#[test]
fn a_panic_of_any_member_reaches_the_caller_after_all_are_done() {
    for size in SIZES {
        let mut team = team(size);
        for guilty in 0..size {
            let done = AtomicUsize::new(0);
            let message = panic_of(&mut team, &|member| {
                if member.index() == guilty {
                    panic!("on purpose");
                }
                // The guilty one never comes here.
                assert_eq!(meet(&member), Err(BrokenBarrierError));
                thread::sleep(Duration::from_micros(200));
                done.fetch_add(1, Relaxed);
            });
            assert_eq!(message, "on purpose");
            assert_eq!(done.into_inner(), size - 1);

            // And the team goes on.
            let sum = AtomicUsize::new(0);
            team.run(&|member| {
                sum.fetch_add(member.index(), Relaxed);
                meet(&member).unwrap();
                assert_eq!(sum.load(Relaxed), size * (size - 1) / 2);
            });
        }
    }
}

#[test]
fn a_panic_between_barriers_reaches_those_ahead_and_behind() {
    let mut team = team(3);
    let message = panic_of(&mut team, &|member| {
        for round in 0.. {
            if member.index() == 1 && round == 100 {
                panic!("in the middle");
            }
            if meet(&member).is_err() {
                return;
            }
        }
    });
    assert_eq!(message, "in the middle");
}

#[test]
fn when_all_panic_one_panic_is_seen() {
    let mut team = team(5);
    assert_eq!(panic_of(&mut team, &|_| panic!("all of us")), "all of us");
    team.run(&|member| meet(&member).unwrap());
}

#[test]
fn a_team_is_sent_to_another_thread() {
    let mut team = team(2);
    team.run(&|member| meet(&member).unwrap());
    thread::spawn(move || team.run(&|member| meet(&member).unwrap())).join().unwrap();
}

#[test]
fn members_go_through_steps_together() {
    const UNITS: [usize; 8] = [7, 1, 1, 0, 64, 2, 1, 33];
    for size in SIZES {
        let mut team = team(size);
        for round in 1..=100 {
            let done = UNITS.map(numbers);
            team.run(&|mut member| {
                assert_eq!(member.members(), size);
                for (index, units) in UNITS.into_iter().enumerate() {
                    member.step(units, round % 2 == 0);
                    while let Some(range) = member.take() {
                        // What one of them waits for, others do meanwhile.
                        if round % 50 == 0 && range.contains(&3) {
                            thread::sleep(Duration::from_millis(1));
                        }
                        assert!(done[..index].iter().flatten().all(|done| done.load(Relaxed) == 1));
                        done[index][range].iter().for_each(|done| {
                            done.fetch_add(1, Relaxed);
                        });
                        if units == 1 {
                            assert_eq!(member.index(), 0);
                        }
                    }
                }
            });
            assert!(done.iter().flatten().all(|done| done.load(Relaxed) == 1), "{size} members, round {round}");
        }
    }
}

#[test]
fn units_of_a_member_that_is_held_up_are_done_by_others() {
    let mut team = team(2);
    let by = numbers(2);
    let is_held_up = AtomicBool::new(false);
    team.run(&|mut member| {
        member.step(100, false);
        while member.index() == 0 && !is_held_up.load(Relaxed) {
            thread::yield_now();
        }
        while let Some(range) = member.take() {
            by[member.index()].fetch_add(range.len() as u64, Relaxed);
            // Its first piece keeps member 1 until all that the other can get is done.
            is_held_up.store(true, Relaxed);
            while member.index() == 1 && by[0].load(Relaxed) < 75 {
                thread::yield_now();
            }
        }
    });
    let by: Vec<u64> = by.iter().map(|count| count.load(Relaxed)).collect();
    assert_eq!(by, [75, 25]);
}

/// Who is still in the step where another panicked finds no unit that was done, though others have gone on.
#[test]
fn no_unit_is_done_twice_after_a_panic() {
    const UNITS: usize = 64;
    let mut team = team(4);
    for _ in 0..50 {
        let done = numbers(UNITS);
        let ahead = AtomicUsize::new(0);
        panic_of(&mut team, &|mut member| {
            for step in 0..4 {
                member.step(UNITS, false);
                while let Some(range) = member.take() {
                    if step > 0 {
                        continue;
                    }
                    let (is_guilty, is_late) = (range.contains(&0), range.contains(&UNITS.div_euclid(4)));
                    done[range].iter().for_each(|done| {
                        done.fetch_add(1, Relaxed);
                    });
                    assert!(!is_guilty, "on purpose");
                    while is_late && ahead.load(Relaxed) < 1 {
                        thread::yield_now();
                    }
                }
            }
            ahead.fetch_add(1, Relaxed);
        });
        assert!(done.iter().all(|done| done.load(Relaxed) <= 1));
    }
}

#[test]
fn there_are_no_units_after_a_panic() {
    let mut team = team(3);
    let after = AtomicUsize::new(0);
    let message = panic_of(&mut team, &|mut member| {
        member.step(30, false);
        while let Some(range) = member.take() {
            assert!(!range.contains(&0), "not the first");
        }
        member.step(30, false);
        while let Some(range) = member.take() {
            after.fetch_add(range.len(), Relaxed);
        }
    });
    assert_eq!((&*message, after.into_inner()), ("not the first", 0));
}
