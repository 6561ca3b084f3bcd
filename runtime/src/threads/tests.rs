//! What a team promises, at sizes below and above the number of cores: visibility, reuse, panics, and its end.

use super::*;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

const SIZES: [usize; 5] = [1, 2, 3, 5, 8];

fn team(size: usize) -> Team {
    Team::new(NonZeroUsize::new(size).unwrap()).unwrap()
}

fn numbers(count: usize) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
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
            team.run(&|member, _| {
                values[member].fetch_add(1, Relaxed);
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
            team.run(&|member, barrier| {
                for step in 1..=200 {
                    let expected = input.load(Relaxed) + step;
                    values[member].store(expected, Relaxed);
                    barrier.wait().unwrap();
                    assert!(values.iter().all(|value| value.load(Relaxed) == expected));
                    barrier.wait().unwrap();
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
        team.run(&|member, _| **parts[member].lock().unwrap() += round * member);
        drop(parts);
    }
    assert_eq!(output, [0, 499_500, 999_000]);
}

#[test]
fn members_have_their_threads() {
    let mut team = team(3);
    let caller = thread::current().id();
    team.run(&|member, _| {
        let thread = thread::current();
        match member {
            0 => assert_eq!(thread.id(), caller),
            _ => assert_eq!(thread.name(), Some(&*format!("parameternet-{member}"))),
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
            team(size).run(&|_, barrier| barrier.wait().unwrap());
        }
        // While they sleep.
        let idle = team(size);
        thread::sleep(Duration::from_millis(5));
        drop(idle);
        let mut idle = team(size);
        idle.run(&|_, _| ());
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
            team.run(&|member, barrier| {
                // One of them lets the others fall asleep at the barrier, or the caller at the end.
                if member == round as usize % size {
                    thread::sleep(Duration::from_millis(1));
                }
                if round % 2 == 0 {
                    barrier.wait().unwrap();
                }
                values[member].fetch_add(1, Relaxed);
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
                    team.run(&|_, barrier| {
                        sum.fetch_add(1, Relaxed);
                        barrier.wait().unwrap();
                        assert!(sum.load(Relaxed).is_multiple_of(size as u64));
                        barrier.wait().unwrap();
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
    outer.run(&|member, _| {
        inner[member].lock().unwrap().run(&|_, _| {
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
            let message = panic_of(&mut team, &|member, barrier| {
                if member == guilty {
                    panic!("on purpose");
                }
                // The guilty one never comes here.
                assert_eq!(barrier.wait(), Err(BrokenBarrierError));
                thread::sleep(Duration::from_micros(200));
                done.fetch_add(1, Relaxed);
            });
            assert_eq!(message, "on purpose");
            assert_eq!(done.into_inner(), size - 1);

            // And the team goes on.
            let sum = AtomicUsize::new(0);
            team.run(&|member, barrier| {
                sum.fetch_add(member, Relaxed);
                barrier.wait().unwrap();
                assert_eq!(sum.load(Relaxed), size * (size - 1) / 2);
            });
        }
    }
}

#[test]
fn a_panic_between_barriers_reaches_those_ahead_and_behind() {
    let mut team = team(3);
    let message = panic_of(&mut team, &|member, barrier| {
        for round in 0.. {
            if member == 1 && round == 100 {
                panic!("in the middle");
            }
            if barrier.wait().is_err() {
                return;
            }
        }
    });
    assert_eq!(message, "in the middle");
}

#[test]
fn when_all_panic_one_panic_is_seen() {
    let mut team = team(5);
    assert_eq!(panic_of(&mut team, &|_, _| panic!("all of us")), "all of us");
    team.run(&|_, barrier| barrier.wait().unwrap());
}

#[test]
fn a_team_is_sent_to_another_thread() {
    let mut team = team(2);
    team.run(&|_, barrier| barrier.wait().unwrap());
    thread::spawn(move || team.run(&|_, barrier| barrier.wait().unwrap())).join().unwrap();
}

#[test]
fn generated_code_meets_at_the_barrier_of_the_team() {
    let mut team = team(2);
    let values = numbers(2);
    let barrier = ptr::from_ref(team.barrier()).addr();
    team.run(&|member, own| {
        assert_eq!(ptr::from_ref(own).addr(), barrier);
        for step in 0..1000 {
            values[member].store(step, Relaxed);
            // SAFETY: the barrier is the team's, which outlives the run.
            unsafe { barrier_wait(own) };
            assert_eq!(values[1 - member].load(Relaxed), step);
            // SAFETY: as above.
            unsafe { barrier_wait(own) };
        }
    });
}
